/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * index_dir.c: a new shape: leaves replaced by other leaves under a copied directory path; life of an index.
 *
 * One algorithm does splits, joins, removals over many leaves and ranges across boundaries.  The RUN is the
 * leaves that [lo, hi) touches, with a small neighbour on either side when the result would leave both
 * less than half a leaf.  What remains of the run, old ranges and new, is dealt evenly to new leaves:
 *
 *	old    ... [ a a a | x x ] [ x x x ] [ x | b b ] ...	x replaced by n n
 *	                   lo                  hi
 *	new    ... [ a a a . n n . b b ] ...			boundary only where a leaf is full
 *
 * Then each level of directory, from the leaves up, gets new nodes for the children left of the run, the new
 * children, and those right of it; what needs more than one node is dealt evenly too, and a lone node of few
 * children takes in a small neighbour under the same parent.  The root is published by one store:
 *
 *	readers before it:	old directory, old leaves, complete and unedited (some ranges already dead)
 *	readers after it:	new directory, new leaves, complete
 *
 * so a key covered before and after is always found.  Then the old leaves' sequences are made odd, which
 * sends away who still arrives there, and everything old goes after a grace period.
 *
 * Each leaf boundary inside a run is the start of a range.  A boundary may later lie anywhere in a hole.
 *
 * A directory change costs a node a level (INDEX_FANOUT children copied), whatever the number of leaves.
 *
 * Rejected: splitting by moving half a leaf into a new right neighbour in place.  A reader between
 * the two leaves would have to be told where the other half went, and a join could not do it at all.
 */
#include "index_priv.h"

/* Leaves and nodes are dealt to this part of their size, so that the next edit does not split them again. */
#define SHAPE_LEAF_FILL (INDEX_LEAF * 3 / 4)
#define SHAPE_DIR_FILL  (INDEX_FANOUT * 3 / 4)

enum {
	SHAPE_JOIN_LEFT = 1,
	SHAPE_JOIN_RIGHT = 2
};

struct shape {
	struct tess_index *ix;
	struct tess_index_dir *root;                    /* the old one */
	struct dir_path left, right;                    /* to the first and last leaf of the run */
	struct tess_index_leaf *a, *b;                  /* the leaves of lo and of hi - 1 */
	struct tess_index_leaf *jl, *jr;                /* neighbours taken in, or NULL */
	unsigned pre;                                   /* slots of `a` below it stay */
	unsigned post;                                  /* slots of `b` from it on stay */
	unsigned total;                                 /* ranges in the new leaves */
	unsigned leaves;                                /* how many these are */
	uint64_t lo, hi;                                /* what the run covers */
	struct tess_index_dir *first[INDEX_HEIGHT + 1]; /* by level: old nodes that are replaced, */
	struct tess_index_dir *last[INDEX_HEIGHT + 1];  /* from first to last */
};

/* ---- paths and counts ---- */

struct tess_index_leaf *
tess_index_path(struct dir_path *p, struct tess_index_dir *root, uint64_t key)
{
	p->height = root->level;
	for (unsigned level = p->height;; level--) {
		unsigned slot = (unsigned)dir_slot(root, key);

		p->node[level] = root;
		p->slot[level] = slot;
		if (level == 1)
			return root->child[slot].leaf;
		root = root->child[slot].dir;
	}
}

/* The node of `level` on the way to `key`. */
static struct tess_index_dir *
dir_at_level(struct tess_index_dir *d, unsigned level, uint64_t key)
{
	while (d->level > level)
		d = d->child[dir_slot(d, key)].dir;
	return d;
}

static unsigned
shape_leaves_for(unsigned ranges)
{
	if (ranges <= INDEX_LEAF)
		return 1;
	return (ranges + SHAPE_LEAF_FILL - 1) / SHAPE_LEAF_FILL;
}

static unsigned
shape_dirs_for(unsigned children)
{
	if (children <= INDEX_FANOUT)
		return 1;
	return (children + SHAPE_DIR_FILL - 1) / SHAPE_DIR_FILL;
}

static unsigned
leaf_live(const struct tess_index_leaf *leaf, size_t slot, size_t end)
{
	unsigned n = 0;

	for (; (slot = leaf_live_from(leaf->live, slot)) < end; slot++)
		n++;
	return n;
}

/* ---- the run ---- */

/* Find the run of [lo, hi), without neighbours, leaving `n` ranges inside. */
static void
shape_run(struct shape *s, struct tess_index *ix, uint64_t lo, uint64_t hi, unsigned n)
{
	s->ix = ix;
	s->root = tess_rcu_peek(&ix->dir);
	s->a = tess_index_path(&s->left, s->root, lo);
	s->b = tess_index_path(&s->right, s->root, hi - 1);
	s->jl = s->jr = NULL;
	s->lo = s->a->lo;
	s->hi = s->b->hi;
	s->pre = (unsigned)leaf_from(s->a, lo);
	s->post = (unsigned)leaf_from(s->b, hi);
	s->total = leaf_live(s->a, 0, s->pre) + n + leaf_live(s->b, s->post, INDEX_LEAF);
	s->leaves = shape_leaves_for(s->total);
}

/* Which neighbours would make less than half a leaf together with the result? */
static uint8_t
shape_joins(const struct shape *s)
{
	unsigned total = s->total;
	uint8_t join = 0;

	if (s->lo > s->ix->lo && total + index_leaf(s->ix, s->lo - 1)->count <= INDEX_LEAF / 2) {
		total += index_leaf(s->ix, s->lo - 1)->count;
		join |= SHAPE_JOIN_LEFT;
	}
	if (s->hi < s->ix->hi && total + index_leaf(s->ix, s->hi)->count <= INDEX_LEAF / 2)
		join |= SHAPE_JOIN_RIGHT;
	return join;
}

static void
shape_take_in(struct shape *s, uint8_t join)
{
	if (join & SHAPE_JOIN_LEFT) {
		s->jl = tess_index_path(&s->left, s->root, s->lo - 1);
		s->lo = s->jl->lo;
		s->total += s->jl->count;
	}
	if (join & SHAPE_JOIN_RIGHT) {
		s->jr = tess_index_path(&s->right, s->root, s->hi);
		s->hi = s->jr->hi;
		s->total += s->jr->count;
	}
	s->leaves = shape_leaves_for(s->total);
}

/* Children of the new nodes at `level`, given `fresh` new ones. */
static unsigned
shape_children(const struct shape *s, unsigned level, unsigned fresh)
{
	if (level > s->left.height)
		return fresh;
	return s->left.slot[level] + fresh + s->right.node[level]->n - 1 - s->right.slot[level];
}

/* ---- prepare ---- */

static bool
shape_get_leaves(struct tess_index_edit *e, unsigned n)
{
	while (n-- > 0) {
		struct tess_index_leaf *leaf = tess_pool_get(&tess_machine()->index->leaf);

		if (leaf == NULL)
			return false;
		leaf->next = e->leaves;
		e->leaves = leaf;
	}
	return true;
}

static bool
shape_get_dirs(struct tess_index_edit *e, unsigned n)
{
	while (n-- > 0) {
		struct tess_index_dir *d = tess_pool_get(&tess_machine()->index->dir);

		if (d == NULL)
			return false;
		d->next = e->dirs;
		e->dirs = d;
	}
	return true;
}

/*
 * tess_index_shape_prepare: allocate what replacing the leaves of [lo, hi) takes.
 *
 * => locks: edit held.  fails: NOMEM, nothing is kept.  Fewer ranges at commit need no more than this
 */
enum tess_err
tess_index_shape_prepare(struct tess_index_edit *e, uint64_t lo, uint64_t hi, unsigned n)
{
	struct shape s;
	unsigned fresh, level;

	shape_run(&s, e->ix, lo, hi, n);
	e->leaf = NULL;
	e->join = shape_joins(&s);
	shape_take_in(&s, e->join);
	fresh = s.leaves;
	if (!shape_get_leaves(e, fresh))
		goto nomem;
	for (level = 1; level <= s.left.height || fresh > 1; level++) {
		fresh = shape_dirs_for(shape_children(&s, level, fresh));
		if (level > INDEX_HEIGHT || !shape_get_dirs(e, fresh))
			goto nomem;
	}
	e->prepared = true;
	return TESS_OK;
nomem:
	tess_index_edit_drop(e);
	return TESS_ENOMEM;
}

/* ---- new leaves ---- */

void
tess_index_leaf_init(struct tess_index_leaf *leaf, uint64_t lo, uint64_t hi)
{
	__builtin_memset(leaf, 0, sizeof(*leaf));
	leaf->lo = lo;
	leaf->hi = hi;
	leaf->writer = (uint16_t)tess_port_cpu();
	for (unsigned i = 0; i < INDEX_LEAF; i++)
		leaf->start[i] = INDEX_KEY_MAX;
}

/* Deals `total` ranges to `leaves` leaves, spread so that free slots stand between them. */
struct leaf_dealer {
	struct tess_index_edit *e;
	struct tess_index_leaf *head, *at; /* chain being made; its last */
	unsigned total, leaves;
	unsigned dealt, made; /* ranges so far; leaves so far */
	unsigned quota;       /* of the last leaf */
	uint64_t hi;          /* end of the last leaf */
};

static void
deal_leaf(struct leaf_dealer *d, uint64_t lo)
{
	struct tess_index_leaf *leaf = d->e->leaves;

	d->e->leaves = leaf->next;
	tess_index_leaf_init(leaf, lo, d->hi);
	if (d->at != NULL) {
		d->at->hi = lo;
		d->at->next = leaf;
	} else {
		d->head = leaf;
	}
	d->at = leaf;
	d->quota = d->total / d->leaves + (d->made < d->total % d->leaves);
	d->made++;
}

static void
deal_range(struct leaf_dealer *d, struct tess_range *r)
{
	unsigned slot, next;

	if (d->at->count == d->quota)
		deal_leaf(d, r->start);
	slot = d->at->count * INDEX_LEAF / d->quota;
	d->at->count++;
	next = d->at->count * INDEX_LEAF / d->quota;
	d->at->start[slot] = r->start;
	d->at->range[slot] = r;
	d->at->live |= (uint64_t)1 << slot;
	while (++slot < next)
		d->at->start[slot] = r->end;
}

static void
deal_slots(struct leaf_dealer *d, const struct tess_index_leaf *leaf, size_t slot, size_t end)
{
	if (leaf == NULL)
		return;
	for (; (slot = leaf_live_from(leaf->live, slot)) < end; slot++)
		deal_range(d, leaf->range[slot]);
}

/* Make the new leaves.  => gives: their chain */
static struct tess_index_leaf *
shape_make_leaves(struct shape *s, struct tess_index_edit *e, struct tess_range *rs, unsigned n)
{
	struct leaf_dealer d = {.e = e, .total = s->total, .leaves = s->leaves, .hi = s->hi};
	uint64_t next = tess_index_next_start(s->ix, s->hi);

	deal_leaf(&d, s->lo);
	deal_slots(&d, s->jl, 0, INDEX_LEAF);
	deal_slots(&d, s->a, 0, s->pre);
	for (; n > 0; n--, rs = rs->link)
		deal_range(&d, rs);
	deal_slots(&d, s->b, s->post, INDEX_LEAF);
	deal_slots(&d, s->jr, 0, INDEX_LEAF);
	d.at->next = NULL;
	for (struct tess_index_leaf *leaf = d.head; leaf != NULL; leaf = leaf->next) {
		tess_index_holes_scan(leaf, leaf->next != NULL ? leaf->next->lo : next);
		leaf->posted = leaf->hole;
	}
	return d.head;
}

/* ---- new directory nodes ---- */

static void
dir_clear_keys(struct tess_index_dir *d)
{
	for (unsigned i = 0; i < INDEX_FANOUT; i++)
		d->key[i] = INDEX_KEY_MAX;
}

/* Deals `total` children to `nodes` nodes of one level. */
struct dir_dealer {
	struct tess_index_edit *e;
	struct tess_index_dir *head, *at;
	unsigned level, total, nodes, made, quota;
	uint64_t hi; /* end of the last node */
};

static void
deal_dir(struct dir_dealer *d, uint64_t lo)
{
	struct tess_index_dir *node = d->e->dirs;

	d->e->dirs = node->next;
	node->n = 0;
	node->level = d->level;
	node->lo = lo;
	node->hi = d->hi;
	node->next = NULL;
	dir_clear_keys(node);
	if (d->at != NULL) {
		d->at->hi = lo;
		d->at->next = node;
	} else {
		d->head = node;
	}
	d->at = node;
	d->quota = d->total / d->nodes + (d->made < d->total % d->nodes);
	d->made++;
}

static void
deal_child(struct dir_dealer *d, uint64_t key, union index_child child, uint64_t hole)
{
	struct tess_index_dir *node = d->at;

	if (node == NULL || node->n == d->quota) {
		deal_dir(d, key);
		node = d->at;
	}
	node->key[node->n] = key;
	node->child[node->n] = child;
	node->hole[node->n] = hole;
	node->n++;
}

static void
deal_children(struct dir_dealer *d, const struct tess_index_dir *from, unsigned slot, unsigned end)
{
	for (; slot < end; slot++)
		deal_child(d, from->key[slot], from->child[slot], from->hole[slot]);
}

/* The new children of level 1 are leaves, those above are nodes: either chain, one of them NULL. */
struct shape_fresh {
	struct tess_index_leaf *leaf;
	struct tess_index_dir *dir;
	unsigned n;
};

static void
deal_fresh(struct dir_dealer *d, const struct shape_fresh *f)
{
	struct tess_index_leaf *leaf;
	struct tess_index_dir *dir;

	for (leaf = f->leaf; leaf != NULL; leaf = leaf->next)
		deal_child(d, leaf->lo, (union index_child){.leaf = leaf}, leaf->hole);
	for (dir = f->dir; dir != NULL; dir = dir->next)
		deal_child(d, dir->lo, (union index_child){.dir = dir}, tess_index_dir_hole(dir));
}

/* A neighbour of the nodes replaced at `level`, under the same parent, small enough to be taken in; or NULL. */
static struct tess_index_dir *
shape_left_sibling(struct shape *s, unsigned level, unsigned children)
{
	struct tess_index_dir *sib;

	if (level >= s->left.height || s->left.slot[level + 1] == 0)
		return NULL;
	sib = s->left.node[level + 1]->child[s->left.slot[level + 1] - 1].dir;
	if (sib->n + children > INDEX_FANOUT / 2)
		return NULL;
	s->left.slot[level + 1]--;
	s->first[level] = sib;
	return sib;
}

static struct tess_index_dir *
shape_right_sibling(struct shape *s, unsigned level, unsigned children)
{
	struct tess_index_dir *sib;

	if (level >= s->right.height || s->right.slot[level + 1] + 1 == s->right.node[level + 1]->n)
		return NULL;
	sib = s->right.node[level + 1]->child[s->right.slot[level + 1] + 1].dir;
	if (sib->n + children > INDEX_FANOUT / 2)
		return NULL;
	s->right.slot[level + 1]++;
	s->last[level] = sib;
	return sib;
}

/* Make the nodes of one level over the fresh children, which become the level's fresh nodes. */
static void
shape_level(struct shape *s, struct tess_index_edit *e, unsigned level, struct shape_fresh *f)
{
	unsigned n = shape_children(s, level, f->n);
	struct dir_dealer d = {.e = e, .level = level, .hi = s->ix->hi};
	struct tess_index_dir *ls = NULL, *rs = NULL;
	bool old = level <= s->left.height;

	if (old) {
		s->first[level] = s->left.node[level];
		s->last[level] = s->right.node[level];
		ls = shape_left_sibling(s, level, n);
		n += ls != NULL ? ls->n : 0;
		rs = shape_right_sibling(s, level, n);
		n += rs != NULL ? rs->n : 0;
		d.hi = s->last[level]->hi;
	}
	d.total = n;
	d.nodes = shape_dirs_for(n);
	if (ls != NULL)
		deal_children(&d, ls, 0, ls->n);
	if (old)
		deal_children(&d, s->left.node[level], 0, s->left.slot[level]);
	deal_fresh(&d, f);
	if (old)
		deal_children(&d, s->right.node[level], s->right.slot[level] + 1,
			      s->right.node[level]->n);
	if (rs != NULL)
		deal_children(&d, rs, 0, rs->n);
	*f = (struct shape_fresh){.dir = d.head, .n = d.nodes};
}

/* A directory of one child has a level too many; what is cut off was never published. */
static struct tess_index_dir *
shape_lower(struct tess_index_edit *e, struct tess_index_dir *root)
{
	TESS_ASSUME(root != NULL);
	while (root->n == 1 && root->level > 1) {
		struct tess_index_dir *child = root->child[0].dir;

		root->next = e->dirs;
		e->dirs = root;
		root = child;
	}
	return root;
}

/* ---- commit ---- */

/* Mark the ranges of the run inside [lo, hi) dead, but those that stay. */
static void
shape_bury(const struct shape *s, uint64_t lo, uint64_t hi, struct tess_range *rs, unsigned n)
{
	struct list_cursor kept = {rs, n};

	for (uint64_t at = s->a->lo; at < s->b->hi;) {
		const struct tess_index_leaf *leaf = dir_find(s->root, at);

		for (unsigned i = 0; i < INDEX_LEAF; i++) {
			struct tess_range *r = leaf->range[i];

			if (r != NULL && r->start >= lo && r->start < hi)
				tess_index_bury(r, &kept);
		}
		at = leaf->hi;
	}
}

static void
leaf_retired(struct tess_rcu_head *head)
{
	tess_pool_put(&tess_machine()->index->leaf,
		      TESS_CONTAINER(head, struct tess_index_leaf, rcu));
}

static void
dir_retired(struct tess_rcu_head *head)
{
	tess_pool_put(&tess_machine()->index->dir,
		      TESS_CONTAINER(head, struct tess_index_dir, rcu));
}

/* Retire the leaves of `root` that tile [lo, hi).  => gives: how many */
static unsigned
leaves_retire(const struct tess_index_dir *root, uint64_t lo, uint64_t hi)
{
	unsigned n = 0;

	for (; lo < hi; n++) {
		struct tess_index_leaf *leaf = dir_find(root, lo);

		lo = leaf->hi;
		tess_store_release(&leaf->seq,
				   leaf->seq | 1); /* pairs with the readers' first load */
		tess_rcu_defer(&leaf->rcu, leaf_retired);
	}
	return n;
}

/* Retire the nodes of `level` that tile [lo, hi); those below `level` may be gone already. */
static void
dirs_retire(struct tess_index_dir *root, unsigned level, uint64_t lo, uint64_t hi)
{
	while (lo < hi) {
		struct tess_index_dir *d = dir_at_level(root, level, lo);

		lo = d->hi;
		tess_rcu_defer(&d->rcu, dir_retired);
	}
}

static void
shape_count_event(unsigned was, unsigned is)
{
	if (is > was)
		tess_stat_add(TESS_STAT_LEAF_SPLIT, is - was);
	else if (is < was)
		tess_stat_add(TESS_STAT_LEAF_JOIN, was - is);
}

/*
 * tess_index_shape_commit: replace the leaves of [lo, hi).
 *
 * => locks: edit held, and tess_index_shape_prepare() has been there
 * => rcu: a section of its own, since it walks what it has just retired
 */
void
tess_index_shape_commit(struct tess_index_edit *e, uint64_t lo, uint64_t hi, struct tess_range *rs,
			unsigned n)
{
	struct shape_fresh f = {.leaf = NULL};
	struct tess_index_dir *root;
	struct shape s;
	uint64_t was, is;
	unsigned level;

	tess_rcu_enter();
	shape_run(&s, e->ix, lo, hi, n);
	shape_take_in(&s, e->join);
	was = tess_index_next_start(e->ix, s.lo);
	shape_bury(&s, lo, hi, rs, n);
	f.leaf = shape_make_leaves(&s, e, rs, n);
	f.n = s.leaves;
	for (level = 1; level <= s.left.height || f.n > 1; level++)
		shape_level(&s, e, level, &f);
	root = shape_lower(e, f.dir);
	tess_rcu_set(&e->ix->dir, root);

	shape_count_event(leaves_retire(s.root, s.lo, s.hi), s.leaves);
	for (level = 1; level <= s.left.height; level++)
		dirs_retire(s.root, level, s.first[level]->lo, s.last[level]->hi);
	tess_rcu_exit();
	is = tess_index_next_start(e->ix, s.lo);
	if (was != is)
		tess_index_holes_edge(e->ix, s.lo, was, is);
	tess_index_edit_drop(e);
}

/* ---- life ---- */

enum tess_err
tess_index_init(struct tess_index *ix, uint64_t lo, uint64_t hi)
{
	struct tess_index_room *room = tess_machine()->index;
	struct tess_index_leaf *leaf;
	struct tess_index_dir *d;

	TESS_DEBUG(lo < hi);
	leaf = tess_pool_get(&room->leaf);
	if (leaf == NULL)
		return TESS_ENOMEM;
	d = tess_pool_get(&room->dir);
	if (d == NULL) {
		tess_pool_put(&room->leaf, leaf);
		return TESS_ENOMEM;
	}
	tess_index_leaf_init(leaf, lo, hi);
	d->n = 1;
	d->level = 1;
	dir_clear_keys(d);
	d->lo = d->key[0] = lo;
	d->hi = hi;
	d->child[0].leaf = leaf;
	d->hole[0] = 0;
	ix->lo = lo;
	ix->hi = hi;
	tess_mutex_init(&ix->lock);
	tess_rcu_set(&ix->dir, d);
	return TESS_OK;
}

void
tess_index_fini(struct tess_index *ix)
{
	struct tess_index_dir *root = tess_rcu_peek(&ix->dir);

	TESS_ASSERT(tess_index_next_rcu(ix, ix->lo) == NULL);
	tess_rcu_set(&ix->dir, NULL);
	tess_rcu_enter();
	leaves_retire(root, ix->lo, ix->hi);
	for (unsigned level = 1; level <= root->level; level++)
		dirs_retire(root, level, ix->lo, ix->hi);
	tess_rcu_exit();
}

enum tess_err
tess_index_room_init(struct tess_machine *m)
{
	struct tess_index_room *room = tess_boot_alloc(m, sizeof(*room), 64);

	if (room == NULL)
		return TESS_ENOMEM;
	if (tess_pool_init(&room->leaf, "index leaf", sizeof(struct tess_index_leaf), 64) !=
	    TESS_OK)
		return TESS_ENOMEM;
	if (tess_pool_init(&room->dir, "index dir", sizeof(struct tess_index_dir), 64) != TESS_OK)
		goto no_dir;
	if (tess_radix_pool_init(&room->radix) != TESS_OK)
		goto no_radix;
	m->index = room;
	return TESS_OK;
no_radix:
	tess_pool_fini(&room->dir);
no_dir:
	tess_pool_fini(&room->leaf);
	return TESS_ENOMEM;
}

void
tess_index_room_fini(struct tess_machine *m)
{
	if (m->index == NULL)
		return;
	tess_pool_fini(&m->index->radix);
	tess_pool_fini(&m->index->dir);
	tess_pool_fini(&m->index->leaf);
	m->index = NULL;
}
