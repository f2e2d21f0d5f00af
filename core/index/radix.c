/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * radix.c: idx -> pointer, 64 slots a node.
 *
 *	root (level 1) ── slot idx >> 6 ──► node (level 0) ── slot idx & 63 ──► pointer
 *
 * A node at level L has slots of 64^L indices each.  The root is as high as the largest key needs, so a
 * small object is one node; a node knows its level, so a reader who holds an old root still descends rightly.
 *
 * Published once, a node changes only in its slots, each by one release store; readers need no sequence, since
 * nothing in a node moves.  A node without pointers is unlinked and freed after a grace period, and a root
 * whose only child is its first gives way to that child.
 *
 * A RESERVED slot holds a mark that readers take for nothing: it keeps its node, whatever is removed around
 * it, until tess_radix_insert() or tess_radix_remove() at the same index.
 *
 * insert counts the missing nodes first and allocates them all before it links the first, so running out
 * of memory leaves no trace.
 *
 * Rejected: a hash (next_rcu and truncation want order); 512 slots (4 KiB for a one-page object); path
 * compression (file indices are dense, and the reader pays a compare a level).
 */
#include "index_priv.h"

enum {
	RADIX_BITS = 6,
	RADIX_SLOTS = 1 << RADIX_BITS,
	RADIX_LEVELS = 11 /* 11 x 6 bits cover 64 */
};

/* Key letters: o the owner's lock. */
struct tess_radix_node {
	void *slot[RADIX_SLOTS]; /* R: child node, or pointer at level 0 */
	uint32_t level;          /* c */
	uint32_t count;          /* o: slots in use, reserved ones too */
	struct tess_rcu_head rcu;
	struct tess_radix_node *next; /* o: chain of new nodes */
};

/* What a reserved slot holds: no pointer's value. */
static char radix_mark;
#define RADIX_RESERVED ((void *)&radix_mark)

/* The way to an index, by level. */
struct radix_path {
	struct tess_radix_node *node[RADIX_LEVELS];
};

enum tess_err
tess_radix_pool_init(struct tess_pool *p)
{
	return tess_pool_init(p, "radix node", sizeof(struct tess_radix_node), 64);
}

static inline unsigned
radix_slot(uint64_t idx, unsigned level)
{
	return (unsigned)(idx >> (level * RADIX_BITS)) % RADIX_SLOTS;
}

/* Does a tree whose root is at `level` reach `idx`? */
static inline bool
radix_reaches(unsigned level, uint64_t idx)
{
	return level >= RADIX_LEVELS - 1 || idx >> ((level + 1) * RADIX_BITS) == 0;
}

/* The first index beyond the slot of `level` that `idx` is in; 0 past the end of all. */
static inline uint64_t
radix_after(uint64_t idx, unsigned level)
{
	uint64_t span = (uint64_t)1 << (level * RADIX_BITS);

	return (idx & ~(span - 1)) + span;
}

static inline void *
radix_get(const struct tess_radix_node *n, unsigned slot)
{
	return tess_load_acquire(&n->slot[slot]); /* pairs with radix_put() */
}

static inline void
radix_put(struct tess_radix_node *n, unsigned slot, void *p)
{
	tess_store_release(&n->slot[slot], p); /* pairs with radix_get() */
}

void
tess_radix_init(struct tess_radix *r)
{
	tess_rcu_set(&r->root, NULL);
	r->count = 0;
}

/* ---- readers ---- */

void *
tess_radix_lookup_rcu(const struct tess_radix *r, uint64_t idx)
{
	const struct tess_radix_node *n = tess_rcu_get(&r->root);
	void *p;

	if (n == NULL || !radix_reaches(n->level, idx))
		return NULL;
	for (unsigned level = n->level; level > 0; level--) {
		n = radix_get(n, radix_slot(idx, level));
		if (n == NULL)
			return NULL;
	}
	p = radix_get(n, radix_slot(idx, 0));
	return p != RADIX_RESERVED ? p : NULL;
}

/*
 * The first pointer in level-0 node `n` at or after *idx; NULL when there is none, and *idx is then
 * the first index after the node (0 past the end of all).
 */
static void *
node_next(const struct tess_radix_node *n, uint64_t *idx)
{
	uint64_t at = *idx;

	do {
		void *p = radix_get(n, radix_slot(at, 0));

		if (p != NULL && p != RADIX_RESERVED) {
			*idx = at;
			return p;
		}
		at++;
	} while (radix_slot(at, 0) != 0);
	*idx = at;
	return NULL;
}

void *
tess_radix_next_rcu(const struct tess_radix *r, uint64_t *idx, uint64_t end)
{
	const struct tess_radix_node *root = tess_rcu_get(&r->root);
	uint64_t at = *idx;

	while (root != NULL && at < end && radix_reaches(root->level, at)) {
		const struct tess_radix_node *n = root;
		unsigned level = root->level;
		uint64_t from = at;
		void *p = NULL;

		while (level > 0 && (n = radix_get(n, radix_slot(at, level))) != NULL)
			level--;
		if (n != NULL)
			p = node_next(n, &at);
		else
			at = radix_after(at, level);
		if (p != NULL && at < end) {
			*idx = at;
			return p;
		}
		if (p != NULL || at <= from)
			break; /* beyond the end, or past the end of all */
	}
	return NULL;
}

/* ---- the writer ---- */

static void
radix_node_free(struct tess_rcu_head *head)
{
	tess_pool_put(&tess_machine()->index->radix,
		      TESS_CONTAINER(head, struct tess_radix_node, rcu));
}

/* Nodes missing for `idx` to have its slot. */
static unsigned
radix_missing(const struct tess_radix *r, uint64_t idx)
{
	const struct tess_radix_node *n = tess_rcu_peek(&r->root);
	unsigned level = 0, missing = 0;

	if (n == NULL) {
		while (!radix_reaches(level, idx))
			level++;
		return level + 1;
	}
	for (level = n->level; !radix_reaches(level, idx); level++)
		missing++;
	if (missing > 0) /* the index hangs off the new root, so nothing of its way exists */
		return missing + level;
	for (; level > 0; level--) {
		n = n->slot[radix_slot(idx, level)];
		if (n == NULL)
			return level;
	}
	return 0;
}

static void
radix_chain_put(struct tess_radix_node *chain)
{
	while (chain != NULL) {
		struct tess_radix_node *next = chain->next;

		tess_pool_put(&tess_machine()->index->radix, chain);
		chain = next;
	}
}

/* A chain of `n` empty nodes; false: out of memory, and none is kept. */
static bool
radix_chain_get(unsigned n, struct tess_radix_node **chain)
{
	*chain = NULL;
	for (unsigned i = 0; i < n; i++) {
		struct tess_radix_node *node = tess_pool_get(&tess_machine()->index->radix);

		if (node == NULL) {
			radix_chain_put(*chain);
			return false;
		}
		__builtin_memset(node, 0, sizeof(*node));
		node->next = *chain;
		*chain = node;
	}
	return true;
}

static struct tess_radix_node *
radix_chain_take(struct tess_radix_node **chain, unsigned level)
{
	struct tess_radix_node *n = *chain;

	TESS_ASSUME(n != NULL);
	*chain = n->next;
	n->level = level;
	return n;
}

/* Raise the root until it reaches `idx`.  Old contents are the first child. */
static struct tess_radix_node *
radix_grow(struct tess_radix *r, uint64_t idx, struct tess_radix_node **chain)
{
	struct tess_radix_node *root = tess_rcu_peek(&r->root), *n;
	unsigned level = 0;

	if (root == NULL) {
		while (!radix_reaches(level, idx))
			level++;
		root = radix_chain_take(chain, level);
		tess_rcu_set(&r->root, root);
	}
	while (!radix_reaches(root->level, idx)) {
		n = radix_chain_take(chain, root->level + 1);
		n->slot[0] = root;
		n->count = 1;
		root = n;
		tess_rcu_set(&r->root, root);
	}
	return root;
}

/* The level-0 node of `idx`, made if it must be; NULL: out of memory, nothing changed. */
static struct tess_radix_node *
radix_make(struct tess_radix *r, uint64_t idx)
{
	struct tess_radix_node *chain, *n, *child;
	unsigned missing = radix_missing(r, idx);

	if (!radix_chain_get(missing, &chain))
		return NULL;
	n = radix_grow(r, idx, &chain);
	while (n->level > 0) {
		unsigned slot = radix_slot(idx, n->level);

		child = n->slot[slot];
		if (child == NULL) {
			child = radix_chain_take(&chain, n->level - 1);
			radix_put(n, slot, child);
			n->count++;
		}
		n = child;
	}
	TESS_DEBUG(chain == NULL);
	return n;
}

enum tess_err
tess_radix_insert(struct tess_radix *r, uint64_t idx, void *ptr)
{
	struct tess_radix_node *n = radix_make(r, idx);
	unsigned slot = radix_slot(idx, 0);

	TESS_DEBUG(ptr != NULL && ptr != RADIX_RESERVED);
	if (n == NULL)
		return TESS_ENOMEM;
	n->count += n->slot[slot] == NULL;
	r->count += n->slot[slot] == NULL || n->slot[slot] == RADIX_RESERVED;
	radix_put(n, slot, ptr);
	return TESS_OK;
}

enum tess_err
tess_radix_reserve(struct tess_radix *r, uint64_t idx)
{
	struct tess_radix_node *n = radix_make(r, idx);
	unsigned slot = radix_slot(idx, 0);

	if (n == NULL)
		return TESS_ENOMEM;
	if (n->slot[slot] == NULL) {
		n->count++;
		radix_put(n, slot, RADIX_RESERVED);
	}
	return TESS_OK;
}

/* A root with nothing but its first child gives way to it; an empty one to nothing. */
static void
radix_shrink(struct tess_radix *r)
{
	struct tess_radix_node *root = tess_rcu_peek(&r->root);

	while (root != NULL && (root->count == 0 ||
				(root->level > 0 && root->count == 1 && root->slot[0] != NULL))) {
		struct tess_radix_node *below = root->count == 0 ? NULL : root->slot[0];

		tess_rcu_set(&r->root, below);
		tess_rcu_defer(&root->rcu, radix_node_free);
		root = below;
	}
}

void *
tess_radix_remove(struct tess_radix *r, uint64_t idx)
{
	struct tess_radix_node *n = tess_rcu_peek(&r->root);
	struct radix_path path;
	unsigned level;
	void *p;

	if (n == NULL || !radix_reaches(n->level, idx))
		return NULL;
	for (level = n->level; level > 0; level--) {
		path.node[level] = n;
		n = n->slot[radix_slot(idx, level)];
		if (n == NULL)
			return NULL;
	}
	p = n->slot[radix_slot(idx, 0)];
	if (p == NULL)
		return NULL;
	radix_put(n, radix_slot(idx, 0), NULL);
	n->count--;
	for (level = 1; n->count == 0 && n != tess_rcu_peek(&r->root); level++) {
		/* the way down filled every level below the root: NOLINTNEXTLINE */
		radix_put(path.node[level], radix_slot(idx, level), NULL);
		path.node[level]->count--;
		tess_rcu_defer(&n->rcu, radix_node_free);
		n = path.node[level];
	}
	radix_shrink(r);
	if (p == RADIX_RESERVED)
		return NULL;
	r->count--;
	return p;
}

/*
 * tess_radix_fini: also nodes kept by reservations go.  Each round takes the first reserved index out.
 */
void
tess_radix_fini(struct tess_radix *r)
{
	struct tess_radix_node *n;

	TESS_ASSERT(r->count == 0);
	while ((n = tess_rcu_peek(&r->root)) != NULL) {
		uint64_t idx = 0;

		for (;; n = n->slot[radix_slot(idx, n->level)]) {
			unsigned slot = 0;

			while (n->slot[slot] == NULL)
				slot++;
			idx |= (uint64_t)slot << (n->level * RADIX_BITS);
			if (n->level == 0)
				break;
		}
		(void)tess_radix_remove(r, idx);
	}
}

/* ---- the walker ---- */

/*
 * I-RAD-2, I-RAD-3 for one node; the pointers in it are added to *pointers when it is at level 0.
 */
static void
radix_check_node(const struct tess_radix_node *n, unsigned level, uint64_t *pointers)
{
	unsigned used = 0;

	TESS_ASSERT(n->level == level);
	for (unsigned i = 0; i < RADIX_SLOTS; i++) {
		used += n->slot[i] != NULL;
		*pointers += level == 0 && n->slot[i] != NULL && n->slot[i] != RADIX_RESERVED;
	}
	TESS_ASSERT(used == n->count && used > 0);
}

/*
 * tess_radix_check: walk and assert; returns the number of pointers.
 *
 *	I-RAD-1	`count` is the number of pointers
 *	I-RAD-2	each node is one level below its parent; `count` slots are in use, and at least one
 *	I-RAD-3	the root is not higher than its largest key needs
 */
uint64_t
tess_radix_check(const struct tess_radix *r)
{
	const struct tess_radix_node *root = tess_rcu_peek(&r->root), *n;
	uint64_t pointers = 0, idx = 0;
	bool more = root != NULL;

	if (root != NULL && root->level > 0)
		TESS_ASSERT(root->count > 1 || root->slot[0] == NULL);
	while (more && radix_reaches(root->level, idx)) {
		unsigned level = root->level;
		uint64_t from = idx;

		for (n = root; n != NULL; level--) {
			/* A node is checked when the walk enters it at its first slot. */
			if ((idx & (radix_after(0, level) * RADIX_SLOTS - 1)) == 0)
				radix_check_node(n, level, &pointers);
			if (level == 0)
				break;
			n = n->slot[radix_slot(idx, level)];
		}
		idx = n != NULL ? radix_after(idx, 1) : radix_after(idx, level + 1);
		more = idx > from;
	}
	TESS_ASSERT(pointers == r->count);
	return pointers;
}
