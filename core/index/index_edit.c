/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * index_edit.c: a writer's hold, and edits that stay inside one leaf.
 *
 *	lock ──► prepare ──► commit ──► unlock
 *		 (may fail)  (cannot)
 *
 * prepare finds the leaf of [lo, hi) and the slots concerned, and chooses: IN PLACE when the range lies in
 * one leaf, the result fits there and no neighbour is worth joining; otherwise the leaves concerned are
 * replaced (index_dir.c) and everything this takes is allocated now.
 *
 * An edit in place, with `n` new ranges for the slots [slot, end):
 *
 *	1 the holes around old and new ranges are counted out and in; replaced ranges become dead
 *	2 sequence odd
 *	3 slots are opened where there are too few: the nearest free slot, left or right, is moved here
 *	4 new ranges are stored; slots left over become free, with keys after the last new range
 *	5 sequence even
 *
 * Between 2 and 5 stand at most LEAF stores a slot opened, no call, no wait, and preemption is off: a
 * reader that meets the odd sequence waits for a bounded number of instructions of another CPU, so
 * it may spin where it could not sleep.
 *
 * Rejected: searching the leaf again in commit.  The lock is held since before prepare, so the slots
 * that prepare found are still right.
 */
#include "index_priv.h"

/* "No range of this leaf comes before."  As an end it leaves room for no hole, so it counts none. */
#define HEM_NONE UINT64_MAX

/* What surrounds an edit inside a leaf. */
struct leaf_hem {
	uint64_t before; /* end of the last range of this leaf before the edit, or HEM_NONE */
	uint64_t after;  /* start of the first range after the edit, wherever it is */
	uint64_t was;    /* start of the first range at or after the edit's slots, before */
	uint64_t is;     /* and afterwards */
};

/* ---- the hold ---- */

void
tess_index_lock(struct tess_index *ix, uint64_t lo, uint64_t hi, enum tess_rank rank,
		struct tess_index_edit *e) TESS_NO_ANALYSIS
{
	e->ix = ix;
	e->lo = lo;
	e->hi = hi;
	e->rank = rank;
	e->prepared = false;
	e->leaves = NULL;
	e->dirs = NULL;
	e->seen = NULL;
	tess_mutex_lock(&ix->lock, rank);
}

void
tess_index_relock(struct tess_index_edit *e, uint64_t lo, uint64_t hi)
{
	TESS_HELD(&e->ix->lock);
	TESS_DEBUG(lo <= e->lo && hi >= e->hi);
	e->lo = lo;
	e->hi = hi;
}

static void __attribute__((noinline))
edit_drop_and_unlock(struct tess_index_edit *e) TESS_NO_ANALYSIS
{
	tess_index_edit_drop(e);
	tess_mutex_unlock(&e->ix->lock, e->rank);
}

void
tess_index_unlock(struct tess_index_edit *e) TESS_NO_ANALYSIS
{
	if (TESS_UNLIKELY(e->leaves != NULL)) /* nodes come with leaves */
		edit_drop_and_unlock(e);
	else
		tess_mutex_unlock(&e->ix->lock, e->rank);
}

/* Give back what prepare allocated and no commit used. */
void
tess_index_edit_drop(struct tess_index_edit *e)
{
	struct tess_index_room *room = tess_machine()->index;

	while (e->leaves != NULL) {
		struct tess_index_leaf *leaf = e->leaves;

		e->leaves = leaf->next;
		tess_pool_put(&room->leaf, leaf);
	}
	while (e->dirs != NULL) {
		struct tess_index_dir *d = e->dirs;

		e->dirs = d->next;
		tess_pool_put(&room->dir, d);
	}
}

/* ---- the holder looks ---- */

/* The leaf of `key`, most often the one looked at before. */
static inline struct tess_index_leaf *
edit_leaf(struct tess_index_edit *e, uint64_t key)
{
	struct tess_index_leaf *leaf = e->seen;

	if (TESS_LIKELY(leaf != NULL) && key - leaf->lo < leaf->hi - leaf->lo)
		return leaf;
	e->seen_slot = INDEX_LEAF + 1; /* not yet */
	return e->seen = index_leaf(e->ix, key);
}

/* What follows the leaf's own ranges: the first range of a later leaf. */
static struct tess_range *__attribute__((noinline))
edit_next_leaf(struct tess_index_edit *e, const struct tess_index_leaf *leaf)
{
	const struct tess_index *ix = e->ix;

	while (leaf->hi < ix->hi) {
		size_t i;

		leaf = index_leaf(ix, leaf->hi);
		i = leaf_live_from(leaf->live, 0);
		if (i < INDEX_LEAF)
			return leaf->range[i];
	}
	return NULL;
}

/* The first slot whose range ends after `key`, by search. */
static size_t __attribute__((noinline))
edit_search(const struct tess_index_leaf *leaf, uint64_t key)
{
	size_t slot = leaf_below(leaf, key + 1);
	const struct tess_range *at = leaf->range[slot];

	return at != NULL && at->end > key ? slot : leaf_live_from(leaf->live, slot + 1);
}

/* The same, looking first where the last answer was, behind it and before it.  LEAF: none in this leaf. */
static inline size_t
edit_slot(const struct tess_index_edit *e, const struct tess_index_leaf *leaf, uint64_t key)
{
	size_t slot = e->seen_slot, before;

	if (slot > INDEX_LEAF)
		return edit_search(leaf, key);
	if (slot < INDEX_LEAF && key >= leaf->range[slot]->start) {
		if (key < leaf->range[slot]->end)
			return slot;
		slot = leaf_live_from(leaf->live, slot + 1);
		if (slot == INDEX_LEAF || leaf->range[slot]->end > key)
			return slot;
		return edit_search(leaf, key);
	}
	before = leaf_live_below(leaf->live, slot);
	if (before == 0 || leaf->range[before - 1]->end <= key)
		return slot;
	return leaf->range[before - 1]->start <= key ? before - 1 : edit_search(leaf, key);
}

struct tess_range *
tess_index_edit_next(struct tess_index_edit *e, uint64_t key)
{
	const struct tess_index *ix = e->ix;
	const struct tess_index_leaf *leaf;

	TESS_HELD(&ix->lock);
	if (key >= ix->hi)
		return NULL;
	if (key < ix->lo)
		key = ix->lo;
	leaf = edit_leaf(e, key);
	e->seen_slot = (unsigned)edit_slot(e, leaf, key);
	return e->seen_slot < INDEX_LEAF ? leaf->range[e->seen_slot] : edit_next_leaf(e, leaf);
}

struct tess_range *
tess_index_edit_lookup(struct tess_index_edit *e, uint64_t key)
{
	struct tess_range *r = tess_index_edit_next(e, key);

	return r != NULL && r->start <= key ? r : NULL;
}

/* ---- prepare ---- */

/* Would a leaf left with `count` ranges be joined with a neighbour? */
static bool
leaf_may_join(const struct tess_index *ix, const struct tess_index_leaf *leaf, unsigned count)
{
	if (leaf->lo > ix->lo && index_leaf(ix, leaf->lo - 1)->count + count <= INDEX_LEAF / 2)
		return true;
	return leaf->hi < ix->hi && index_leaf(ix, leaf->hi)->count + count <= INDEX_LEAF / 2;
}

/* Fewer ranges stay than there were, and less than half a leaf: join if a neighbour is small too. */
static enum tess_err __attribute__((noinline))
prepare_join(struct tess_index_edit *e, unsigned left)
{
	struct tess_index_leaf *leaf = e->leaf;

	if (leaf_may_join(e->ix, leaf, left) &&
	    tess_index_shape_prepare(e, e->from, e->to, e->n) == TESS_OK)
		return TESS_OK;
	e->leaf = leaf; /* also when memory for a join is missing: it is worth no failure */
	e->prepared = true;
	return TESS_OK;
}

static enum tess_err __attribute__((noinline))
prepare_again(struct tess_index_edit *e, uint64_t lo, uint64_t hi, unsigned n)
{
	tess_index_edit_drop(e);
	return tess_index_prepare(e, lo, hi, n);
}

/* Every call from here is the last thing done, so that the usual way saves no register. */
enum tess_err
tess_index_prepare(struct tess_index_edit *e, uint64_t lo, uint64_t hi, unsigned n)
{
	const struct tess_index *ix = e->ix;
	struct tess_index_leaf *leaf;
	unsigned gone = 0, left;
	size_t slot, end;

	TESS_HELD(&ix->lock);
	TESS_DEBUG(lo < hi && e->lo <= lo && hi <= e->hi);
	TESS_WALK(ix->lo <= lo && hi <= ix->hi);
	if (TESS_UNLIKELY(e->leaves != NULL))
		return prepare_again(e, lo, hi, n);
	leaf = edit_leaf(e, lo);
	slot = end = leaf_from(leaf, lo);
	for (; end < INDEX_LEAF && leaf->start[end] < hi; end++)
		gone += leaf->range[end] != NULL;
	left = leaf->count - gone + n;
	e->from = lo;
	e->to = hi;
	e->n = n;
	if (TESS_UNLIKELY(hi > leaf->hi || left > INDEX_LEAF))
		return tess_index_shape_prepare(e, lo, hi, n);
	e->leaf = leaf;
	e->slot = (unsigned)slot;
	e->end = (unsigned)end;
	e->gone = gone;
	if (n < gone && left <= INDEX_LEAF / 2)
		return prepare_join(e, left);
	e->prepared = true;
	return TESS_OK;
}

/* ---- commit ---- */

/* tess_index_bury: mark `old` dead unless it is in the list of `kept`, which follows as old ones ascend. */
void
tess_index_bury(struct tess_range *old, struct list_cursor *kept)
{
	while (kept->n > 0 && kept->at->start < old->start) {
		kept->at = kept->at->link;
		kept->n--;
	}
	if (kept->n == 0 || kept->at != old)
		tess_store_release(&old->dead, 1); /* pairs with whoever checks it under its lock */
}

static void
leaf_hem(const struct tess_index *ix, const struct tess_index_leaf *leaf, size_t slot, size_t end,
	 struct leaf_hem *h)
{
	slot = leaf_live_below(leaf->live, slot);
	end = leaf_live_from(leaf->live, end);
	h->before = slot > 0 ? leaf->range[slot - 1]->end : HEM_NONE;
	h->after = end < INDEX_LEAF ? leaf->start[end] : tess_index_next_start(ix, leaf->hi);
}

/* The ranges in [slot, end) go: their holes are counted out, and those not in the new list die. */
static void
leaf_leave(struct tess_index_leaf *leaf, size_t slot, size_t end, struct leaf_hem *h,
	   const struct tess_range *rs, unsigned n)
{
	struct list_cursor kept = {rs, n};
	uint64_t at = h->before;
	bool first = true;

	h->was = h->after;
	for (; slot < end; slot++) {
		struct tess_range *r = leaf->range[slot];

		if (r == NULL)
			continue;
		h->was = first ? r->start : h->was;
		first = false;
		if (at != HEM_NONE)
			holes_drop(leaf, r->start - at);
		at = r->end;
		tess_index_bury(r, &kept);
	}
	if (at != HEM_NONE)
		holes_drop(leaf, h->after - at);
}

/* New ranges come: their holes are counted in. */
static void
leaf_enter(struct tess_index_leaf *leaf, struct leaf_hem *h, const struct tess_range *rs,
	   unsigned n)
{
	uint64_t at = h->before;

	h->is = n > 0 ? rs->start : h->after;
	for (; n > 0; n--, rs = rs->link) {
		if (at != HEM_NONE)
			holes_add(leaf, rs->start - at);
		at = rs->end;
	}
	if (at != HEM_NONE)
		holes_add(leaf, h->after - at);
}

/*
 * Add one slot to [*slot, *end): the nearest free one is moved here, over live ones only.
 *
 * => the sequence is odd.  gives: the live slots now
 */
static uint64_t
leaf_open(struct tess_index_leaf *leaf, uint64_t live, size_t *slot, size_t *end)
{
	size_t left = *slot, right = *end;

	for (;; left -= left > 0, right += right < INDEX_LEAF) {
		if (right < INDEX_LEAF && leaf->range[right] == NULL) {
			live |= (uint64_t)1 << right;
			for (; right > *end; right--)
				leaf_set(leaf, right, leaf->start[right - 1],
					 leaf->range[right - 1]);
			++*end;
			return live;
		}
		if (left > 0 && leaf->range[left - 1] == NULL) {
			live |= (uint64_t)1 << (left - 1);
			for (; left < *slot; left++)
				leaf_set(leaf, left - 1, leaf->start[left], leaf->range[left]);
			--*slot;
			return live;
		}
		TESS_DEBUG(left > 0 || right < INDEX_LEAF);
	}
}

/* Store `n` ranges into [slot, end); slots left over stay free.  => the sequence is odd */
static void
leaf_store(struct tess_index_leaf *leaf, size_t slot, size_t end, struct tess_range *rs, unsigned n)
{
	uint64_t after = 0;

	for (; n > 0; n--, rs = rs->link) {
		leaf_set(leaf, slot++, rs->start, rs);
		after = rs->end;
	}
	for (; slot < end; slot++)
		leaf_set(leaf, slot, leaf->start[slot] > after ? leaf->start[slot] : after, NULL);
}

/* The sharing statistic: high where CPUs take turns, low where one writes alone. */
static inline void
leaf_note_writer(struct tess_index_leaf *leaf)
{
	unsigned cpu = tess_port_cpu();

	if (TESS_LIKELY(leaf->writer == cpu)) {
		if (leaf->share > -LEAF_SHARE_LIMIT)
			leaf->share -= LEAF_SHARE_SAME;
		return;
	}
	if (leaf->share <= LEAF_SHARE_LIMIT - LEAF_SHARE_OTHER)
		leaf->share += LEAF_SHARE_OTHER;
	leaf->writer = (uint16_t)cpu;
}

/* The window in which readers start again.  Nothing inside waits. */
static inline void
leaf_edit_begin(struct tess_index_leaf *leaf)
{
	tess_port_preempt_disable();
	tess_store_relaxed(&leaf->seq, leaf->seq + 1); /* ordered by each leaf_set() */
}

static inline void
leaf_edit_end(struct tess_index_leaf *leaf, uint64_t live, unsigned more)
{
	tess_store_release(&leaf->live, live);
	tess_store_release(&leaf->seq, leaf->seq + 1); /* pairs with the readers' first load */
	tess_port_preempt_enable();
	leaf->count = (uint8_t)(leaf->count + more);
	leaf_note_writer(leaf);
}

/* Replace the ranges of [slot, end) by `n`, whatever that means for holes. */
static void __attribute__((noinline))
leaf_commit(struct tess_index_edit *e, struct tess_range *rs, unsigned n)
{
	struct tess_index_leaf *leaf = e->leaf;
	size_t slot = e->slot, end = e->end;
	uint64_t live = leaf->live;
	struct leaf_hem h;

	leaf_hem(e->ix, leaf, slot, end, &h);
	leaf_leave(leaf, slot, end, &h, rs, n);
	leaf_enter(leaf, &h, rs, n);

	leaf_edit_begin(leaf);
	while (end - slot < n)
		live = leaf_open(leaf, live, &slot, &end);
	leaf_store(leaf, slot, end, rs, n);
	live &= ~leaf_bits(end) | leaf_bits(slot);
	leaf_edit_end(leaf, live | (leaf_bits(n) << slot), n - e->gone);

	if (leaf_holes_due(leaf))
		tess_index_holes_scan(leaf, tess_index_next_start(e->ix, leaf->hi));
	if (leaf_post_due(leaf))
		tess_index_holes_post(e->ix, leaf);
	if (h.before == HEM_NONE && h.was != h.is)
		tess_index_holes_edge(e->ix, leaf->lo, h.was, h.is);
}

/*
 * Would one range more or less in [slot, end) leave all that is known of holes as it is?  So it does if the
 * hole without the range is smaller than `hole2` or none, and neither end of it is in another leaf.
 */
static inline bool
leaf_hole_small(const struct tess_index *ix, const struct tess_index_leaf *leaf, size_t slot,
		size_t end, const struct tess_range *r)
{
	uint64_t before, after;

	slot = leaf_live_below(leaf->live, slot);
	end = leaf_live_from(leaf->live, end);
	if (TESS_LIKELY(slot > 0))
		before = leaf->range[slot - 1]->end;
	else if (leaf->lo == ix->lo)
		before = r->end; /* the hole before the first range is nobody's */
	else
		return false;
	if (TESS_LIKELY(end < INDEX_LEAF))
		after = leaf->start[end];
	else if (leaf->hi == ix->hi)
		after = ix->hi;
	else
		return false;
	return after - before < leaf->hole2 || after == before;
}

/* The usual map: one range into a small hole with a free slot in it. */
static void
leaf_insert(struct tess_index_edit *e, struct tess_range *r)
{
	struct tess_index_leaf *leaf = e->leaf;
	size_t slot = e->slot, end = e->end;

	if (slot == end) {
		if (slot < INDEX_LEAF && leaf->range[slot] == NULL)
			end++;
		else if (slot > 0 && leaf->range[slot - 1] == NULL)
			slot--;
	}
	if (TESS_UNLIKELY(end - slot != 1 || !leaf_hole_small(e->ix, leaf, slot, end, r))) {
		leaf_commit(e, r, 1);
		return;
	}
	leaf_edit_begin(leaf);
	leaf_set(leaf, slot, r->start, r);
	leaf_edit_end(leaf, leaf->live | (uint64_t)1 << slot, 1);
}

/* The usual unmap: one range, leaving a small hole. */
static void
leaf_remove(struct tess_index_edit *e)
{
	struct tess_index_leaf *leaf = e->leaf;
	struct tess_range *r = leaf->range[e->slot];

	if (TESS_UNLIKELY(r == NULL || !leaf_hole_small(e->ix, leaf, e->slot, e->end, r))) {
		leaf_commit(e, NULL, 0);
		return;
	}
	tess_store_release(&r->dead, 1); /* as in tess_index_bury() */
	leaf_edit_begin(leaf);
	leaf_set(leaf, e->slot, r->start, NULL);
	leaf_edit_end(leaf, leaf->live & ~((uint64_t)1 << e->slot), -1u);
}

/* What commit may assume of its arguments. */
static bool __attribute__((unused)) /* only with the walkers */
commit_sane(const struct tess_index_edit *e, uint64_t lo, uint64_t hi, const struct tess_range *rs,
	    unsigned n)
{
	uint64_t at = lo;

	if (lo != e->from || hi != e->to || n > e->n)
		return false;
	for (; n > 0; n--, rs = rs->link) {
		if (rs == NULL || rs->start < at || rs->end <= rs->start || rs->end > hi)
			return false;
		at = rs->end;
	}
	return true;
}

void
tess_index_commit(struct tess_index_edit *e, uint64_t lo, uint64_t hi, struct tess_range *rs,
		  unsigned n)
{
	TESS_DEBUG(e->prepared);
	TESS_WALK(commit_sane(e, lo, hi, rs, n));
	e->prepared = false;
	e->seen = NULL;
	if (TESS_UNLIKELY(e->leaf == NULL))
		tess_index_shape_commit(e, lo, hi, rs, n);
	else if (n == 1 && e->gone == 0)
		leaf_insert(e, rs);
	else if (n == 0 && e->end - e->slot == 1)
		leaf_remove(e);
	else
		leaf_commit(e, rs, n);
}
