/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * index_gap.c: holes: what leaves and directory nodes know of them, and the search for one.
 *
 * The hole after range r reaches to the start of the next range, or to the end of the index, and is
 * charged to r's leaf, also where it crosses leaf boundaries: so no hole is cut in two, and a search
 * may skip whole subtrees.  Only the hole before the first range is charged to nobody.
 *
 *	leaf i             leaf i+1 (empty)    leaf i+2
 *	[A]..[B]......... | ................. | ....[C]		the hole from B to C is leaf i's
 *
 * The price is paid where an edit changes the first range of a leaf: the hole of the last range before it,
 * in another leaf, changes too (tess_index_holes_edge).
 *
 * A leaf keeps the largest size with its number, and the second largest with its number or, failing that,
 * as a bound.  Only when both are used up is the leaf scanned.  So `hole` is exact after every edit, and
 * filling a leaf's equal holes one by one costs one scan in all.
 *
 * Directory words bound what is below them: a leaf's own `posted`, an upper node's the maximum of
 * its words.  A search by the holder of the edit is exact, since it skips only what cannot fit.
 *
 * Cost: the nodes on two paths, the words beside them, and the leaves whose largest hole is at least
 * 7/8 of `len` but does not fit (alignment, or the slack of `posted`).
 *
 * Rejected: words in leaves only (64 K entries are 2,000 leaves to look at for each placement), and a tree
 * of holes by size (an insertion and a removal more at each map and each unmap).
 */
#include "index_priv.h"

/* ---- the largest holes of a leaf ---- */

static void
holes_set(struct tess_index_leaf *leaf, uint64_t hole, unsigned n)
{
	tess_store_relaxed(&leaf->hole, hole); /* read racily by hints */
	leaf->nhole = (uint8_t)n;
}

static void
holes_set2(struct tess_index_leaf *leaf, uint64_t hole, unsigned n)
{
	leaf->hole2 = hole;
	leaf->nhole2 = (uint8_t)n;
}

void
tess_index_holes_add_large(struct tess_index_leaf *leaf, uint64_t len)
{
	if (leaf_holes_due(leaf)) { /* nothing else is above hole2 */
		holes_set(leaf, len, 1);
	} else if (len > leaf->hole) {
		holes_set2(leaf, leaf->hole, leaf->nhole);
		holes_set(leaf, len, 1);
	} else if (len == leaf->hole) {
		leaf->nhole += len > 0;
	} else if (len > leaf->hole2 || leaf->nhole2 == 0) {
		holes_set2(leaf, len, len > 0);
	} else {
		leaf->nhole2++;
	}
}

void
tess_index_holes_drop_large(struct tess_index_leaf *leaf, uint64_t len)
{
	if (len == 0)
		return;
	if (len == leaf->hole && leaf->nhole > 0) {
		if (--leaf->nhole > 0)
			return;
		if (leaf->nhole2 > 0 || leaf->hole2 == 0)
			holes_set(leaf, leaf->hole2, leaf->nhole2);
		leaf->nhole2 = 0; /* from here on a bound */
	} else if (len == leaf->hole2 && leaf->nhole2 > 0) {
		leaf->nhole2--;
	}
}

/* Count the holes afresh; `next` is the start of the first range after the leaf. */
void
tess_index_holes_scan(struct tess_index_leaf *leaf, uint64_t next)
{
	const struct tess_range *prev = NULL;

	holes_set(leaf, 0, 0);
	holes_set2(leaf, 0, 0);
	for (size_t i = 0; (i = leaf_live_from(leaf->live, i)) < INDEX_LEAF; i++) {
		if (prev != NULL)
			holes_add(leaf, leaf->start[i] - prev->end);
		prev = leaf->range[i];
	}
	if (prev != NULL)
		holes_add(leaf, next - prev->end);
}

/* ---- the words of the directory ---- */

uint64_t
tess_index_dir_hole(const struct tess_index_dir *d)
{
	uint64_t max = 0;

	for (unsigned i = 0; i < d->n; i++) {
		uint64_t h = tess_load_relaxed(&d->hole[i]);

		max = h > max ? h : max;
	}
	return max;
}

/* Bring the words above `leaf` up to date.  => locks: the writers' */
void
tess_index_holes_post(struct tess_index *ix, struct tess_index_leaf *leaf)
{
	uint64_t was, is = leaf->hole;
	struct dir_path p;

	tess_index_path(&p, tess_rcu_peek(&ix->dir), leaf->lo);
	leaf->posted = is;
	for (unsigned level = 1; level <= p.height; level++) {
		uint64_t *word = &p.node[level]->hole[p.slot[level]];

		was = *word;
		if (was == is)
			return;
		tess_store_relaxed(word, is);
		if (level == p.height)
			return;
		/* The word above is the maximum: a scan only if the maximum may have gone. */
		word = &p.node[level + 1]->hole[p.slot[level + 1]];
		if (is < *word && was == *word)
			is = tess_index_dir_hole(p.node[level]);
		else if (is < *word)
			return;
	}
}

/*
 * tess_index_holes_edge: the first range at or after `lo`, a leaf's boundary, started at `was` and now
 * starts at `is`: the hole of the last range before changed.
 */
void
tess_index_holes_edge(struct tess_index *ix, uint64_t lo, uint64_t was, uint64_t is)
{
	struct tess_index_leaf *leaf = NULL;
	size_t i = 0;

	while (i == 0 && lo > ix->lo) {
		leaf = index_leaf(ix, lo - 1);
		lo = leaf->lo;
		i = leaf_live_below(leaf->live, INDEX_LEAF);
	}
	if (i == 0)
		return; /* it was the hole before the first range */
	holes_drop(leaf, was - leaf->range[i - 1]->end);
	holes_add(leaf, is - leaf->range[i - 1]->end);
	if (leaf_holes_due(leaf))
		tess_index_holes_scan(leaf, is);
	if (leaf_post_due(leaf))
		tess_index_holes_post(ix, leaf);
}

/* ---- search ---- */

enum hole_way {
	HOLE_UP,
	HOLE_DOWN
};

/*
 * The nearest child of `d` from slot `from` on, that way, with a hole of `len` below it.
 *
 * => gives: d->n when there is none
 */
static unsigned
dir_hole_slot(const struct tess_index_dir *d, unsigned from, enum hole_way way, uint64_t len)
{
	for (unsigned i = from; i < d->n; i += way == HOLE_UP ? 1 : -1u) {
		if (tess_load_relaxed(&d->hole[i]) >= len)
			return i;
	}
	return d->n;
}

/*
 * Move `p` to the nearest leaf that way, not the one it is at, that may have a hole of `len`.
 *
 * => gives: NULL when there is none
 */
static struct tess_index_leaf *
path_hole_step(struct dir_path *p, enum hole_way way, uint64_t len)
{
	unsigned level, slot;

	for (level = 1;; level++) {
		if (level > p->height)
			return NULL;
		slot = dir_hole_slot(p->node[level], p->slot[level] + (way == HOLE_UP ? 1 : -1u),
				     way, len);
		if (slot < p->node[level]->n)
			break;
	}
	p->slot[level] = slot;
	while (level > 1) {
		const struct tess_index_dir *d = p->node[level]->child[p->slot[level]].dir;
		unsigned from = way == HOLE_UP ? 0 : d->n - 1;

		slot = dir_hole_slot(d, from, way, len);
		level--;
		p->node[level] = p->node[level + 1]->child[p->slot[level + 1]].dir;
		p->slot[level] =
		    slot < d->n ? slot : from; /* a racing hint may miss; any leaf will do */
	}
	return p->node[1]->child[p->slot[1]].leaf;
}

/* A hole: [start, end). */
struct hole {
	uint64_t start, end;
};

/* The first hole of `len` in the leaf that follows a range with start >= from. */
static bool
leaf_hole_up(const struct tess_index *ix, const struct tess_index_leaf *leaf, uint64_t from,
	     uint64_t len, struct hole *h)
{
	uint64_t live = tess_load_acquire(&leaf->live);
	bool prev = false;

	if (tess_load_relaxed(&leaf->hole) < len)
		return false;
	for (size_t i = leaf_below(leaf, from); (i = leaf_live_from(live, i)) < INDEX_LEAF; i++) {
		const struct tess_range *r = leaf_get(leaf, i);

		if (r == NULL || r->start < from) /* NULL: a hint, and an edit meanwhile */
			continue;
		h->end = r->start;
		if (prev && h->end - h->start >= len)
			return true;
		h->start = r->end;
		prev = true;
	}
	if (!prev)
		return false;
	h->end = tess_index_next_start(ix, h->start);
	return h->end - h->start >= len;
}

/* The last hole of `len` in the leaf that follows a range with start < before.  => gives: the range, or NULL */
static const struct tess_range *
leaf_hole_down(const struct tess_index *ix, const struct tess_index_leaf *leaf, uint64_t before,
	       uint64_t len, struct hole *h)
{
	uint64_t live = tess_load_acquire(&leaf->live), next = 0;
	size_t i = INDEX_LEAF;

	if (tess_load_relaxed(&leaf->hole) < len)
		return NULL;
	if (before < leaf->hi) { /* the first range from there on bounds the first hole */
		i = leaf_live_from(live, leaf_from(leaf, before));
		i += i < INDEX_LEAF;
	}
	for (live &= leaf_bits(i); live != 0; live &= leaf_bits(i)) {
		const struct tess_range *r;

		i = 63 - (size_t)__builtin_clzll(live);
		r = leaf_get(leaf, i);
		if (r == NULL)
			continue;
		if (r->start < before) {
			h->start = r->end;
			h->end = next != 0 ? next : tess_index_next_start(ix, r->end);
			if (h->end - h->start >= len)
				return r;
		}
		next = r->start;
	}
	return NULL;
}

/* Where the first range starts.  Its leaf is the leftmost, but for a leaf or two left empty there. */
static uint64_t
index_first_start(const struct tess_index *ix)
{
	const struct tess_index_dir *d = tess_rcu_get(&ix->dir);
	const struct tess_index_leaf *leaf;
	const struct tess_range *r;
	size_t i;

	while (d->level > 1)
		d = d->child[0].dir;
	leaf = d->child[0].leaf;
	i = leaf_live_from(tess_load_acquire(&leaf->live), 0);
	if (i < INDEX_LEAF && (r = leaf_get(leaf, i)) != NULL)
		return r->start;
	return tess_index_next_start(ix, ix->lo);
}

/* The first hole of `len` that follows a range with start >= from. */
static bool
hole_next(const struct tess_index *ix, uint64_t from, uint64_t len, struct hole *h)
{
	const struct tess_index_leaf *leaf;
	struct dir_path p;

	leaf = tess_index_path(&p, tess_rcu_get(&ix->dir), from);
	do {
		if (leaf_hole_up(ix, leaf, from, len, h))
			return true;
		leaf = path_hole_step(&p, HOLE_UP, len);
	} while (leaf != NULL);
	return false;
}

/*
 * The last hole of `len` that follows a range with start < before, or else the hole before the first range.
 *
 * => gives: the range, or NULL
 */
static const struct tess_range *
hole_prev(const struct tess_index *ix, uint64_t before, uint64_t len, struct hole *h)
{
	const struct tess_index_leaf *leaf;
	const struct tess_range *r;
	struct dir_path p;

	leaf = tess_index_path(&p, tess_rcu_get(&ix->dir), before - 1);
	do {
		r = leaf_hole_down(ix, leaf, before, len, h);
		if (r != NULL)
			return r;
		leaf = path_hole_step(&p, HOLE_DOWN, len);
	} while (leaf != NULL);
	h->start = ix->lo;
	h->end = index_first_start(ix);
	return NULL;
}

/* Does the part of `h` inside [lo, hi) hold `len` bytes aligned to `align`, at its low or high end? */
static bool
hole_fit(const struct hole *h, uint64_t lo, uint64_t hi, uint64_t len, uint64_t align,
	 enum hole_way way, uint64_t *start)
{
	uint64_t a = h->start > lo ? h->start : lo, b = h->end < hi ? h->end : hi, at;

	if (a >= b || b - a < len)
		return false;
	at = way == HOLE_UP ? (a + align - 1) & ~(align - 1) : (b - len) & ~(align - 1);
	if (at < a || at > b - len) /* also when rounding up wrapped */
		return false;
	*start = at;
	return true;
}

/* Is there anything to search for?  Cuts [*lo, *hi) to the index. */
static bool
gap_sane(const struct tess_index *ix, uint64_t *lo, uint64_t *hi, uint64_t len, uint64_t align)
{
	TESS_DEBUG(align != 0 && (align & (align - 1)) == 0);
	*lo = *lo < ix->lo ? ix->lo : *lo;
	*hi = *hi > ix->hi ? ix->hi : *hi;
	return len != 0 && *lo < *hi && *hi - *lo >= len;
}

/*
 * The candidates of both searches: the hole at the near end of [lo, hi), whatever its size, then holes of
 * `len` or more, each nearer the far end than the one before.
 */
bool
tess_index_gap_up(const struct tess_index *ix, uint64_t lo, uint64_t hi, uint64_t len,
		  uint64_t align, uint64_t *start)
{
	const struct tess_range *r;
	struct hole h;
	bool found;

	if (!gap_sane(ix, &lo, &hi, len, align))
		return false;
	tess_rcu_enter();
	h.start = lo;
	r = tess_index_next_rcu(ix, lo);
	if (r != NULL && r->start <= lo) {
		h.start = r->end;
		r = tess_index_next_rcu(ix, r->end);
	}
	h.end = r != NULL ? r->start : ix->hi;
	do {
		found = hole_fit(&h, lo, hi, len, align, HOLE_UP, start);
	} while (!found && h.end < hi && hole_next(ix, h.end, len, &h));
	tess_rcu_exit();
	return found;
}

bool
tess_index_gap_down(const struct tess_index *ix, uint64_t lo, uint64_t hi, uint64_t len,
		    uint64_t align, uint64_t *start)
{
	const struct tess_range *r;
	struct hole h;
	bool found;

	if (!gap_sane(ix, &lo, &hi, len, align))
		return false;
	tess_rcu_enter();
	r = tess_index_prev_rcu(ix, hi);
	h.start = r != NULL ? r->end : ix->lo;
	h.end = hi;
	for (;;) {
		found = hole_fit(&h, lo, hi, len, align, HOLE_DOWN, start);
		if (found || r == NULL || r->start <= lo)
			break;
		r = hole_prev(ix, r->start, len, &h);
	}
	tess_rcu_exit();
	return found;
}
