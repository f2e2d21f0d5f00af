/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * index_lookup.c: readers.  They take no lock, write no word, and start again when an edit was in the way.
 *
 *	root ──► directory nodes ──► leaf: seq, search, slot, seq again ──► range
 *
 * One rule serves an edit in progress and a retired leaf: a sequence that is odd or has moved means "start
 * again from the directory".  A retired leaf's is odd for ever, and became so after the directory
 * without it was published; the reader's acquire of the odd value brings that directory with it.
 *
 * A reader may still be answered by a leaf that is replaced but not yet marked: what that leaf says was
 * true until the new directory was published, which was after the reader started.
 *
 * An answer that takes several leaves (the first of them held nothing beyond the key) is true at one
 * moment only if the earlier leaves did not change until the last was read: their sequences are
 * summed, and summed again.  They only grow, so an equal sum means that none moved.
 *
 * Waiting: a reader spins, through tess_port_relax().  Taking the writers' lock after a few failures, as
 * a sleeping lock allows, was rejected: a read section must not sleep, and the window is short (index_edit.c).
 */
#include "index_priv.h"

/* One attempt; false: the leaf moved.  *r is then no answer, and was not followed. */
static inline bool
lookup_try(const struct tess_index *ix, uint64_t key, struct tess_range **r)
{
	const struct tess_index_leaf *leaf = dir_find(tess_rcu_get(&ix->dir), key);
	uint64_t seq =
	    tess_load_acquire(&leaf->seq); /* pairs with leaf_commit(), leaves_retire() */

	*r = leaf_get(leaf, leaf_below(leaf, key + 1));
	return (seq & 1) == 0 && tess_load_relaxed(&leaf->seq) == seq;
}

static struct tess_range *__attribute__((noinline))
lookup_again(const struct tess_index *ix, uint64_t key)
{
	struct tess_range *r;

	for (unsigned turn = 0; !lookup_try(ix, key, &r); turn++)
		tess_port_relax(turn);
	return r;
}

struct tess_range *
tess_index_lookup_rcu(const struct tess_index *ix, uint64_t key)
{
	struct tess_range *r;

	if (TESS_UNLIKELY(key - ix->lo >= ix->hi - ix->lo))
		return NULL;
	if (TESS_UNLIKELY(!lookup_try(ix, key, &r)))
		r = lookup_again(ix, key);
	if (r == NULL || key - r->start >= r->end - r->start)
		return NULL;
	return r;
}

/*
 * One look into a leaf, for next (the first range with end > key) and prev (the last with start < key).
 *
 * => gives: *r, NULL when there is none in this leaf; *seq when that was.  false: the leaf moved
 */
static bool
leaf_next(const struct tess_index_leaf *leaf, uint64_t key, struct tess_range **r, uint64_t *seq)
{
	struct tess_range *at, *after = NULL;
	size_t i;

	*seq = tess_load_acquire(&leaf->seq);
	i = leaf_below(leaf, key + 1);
	at = leaf_get(leaf, i);
	i = leaf_live_from(tess_load_acquire(&leaf->live), i + 1);
	if (i < INDEX_LEAF)
		after = leaf_get(leaf, i);
	if ((*seq & 1) != 0 || tess_load_relaxed(&leaf->seq) != *seq)
		return false;
	*r = at != NULL && at->end > key ? at : after;
	return true;
}

static bool
leaf_prev(const struct tess_index_leaf *leaf, uint64_t key, struct tess_range **r, uint64_t *seq)
{
	struct tess_range *at = NULL;
	size_t i;

	*seq = tess_load_acquire(&leaf->seq);
	i = leaf_below(leaf, key);
	i = leaf_live_below(tess_load_acquire(&leaf->live), i + 1);
	if (i > 0)
		at = leaf_get(leaf, i - 1);
	if ((*seq & 1) != 0 || tess_load_relaxed(&leaf->seq) != *seq)
		return false;
	*r = at != NULL && at->start < key ? at : NULL;
	return true;
}

/* The sum of the sequences of the leaves of `d` that tile [lo, hi). */
static uint64_t
seq_sum(const struct tess_index_dir *d, uint64_t lo, uint64_t hi)
{
	uint64_t sum = 0;

	while (lo < hi) {
		const struct tess_index_leaf *leaf = dir_find(d, lo);

		sum += tess_load_acquire(&leaf->seq);
		lo = leaf->hi;
	}
	return sum;
}

/* One attempt; false: something moved. */
static bool
next_try(const struct tess_index *ix, uint64_t key, struct tess_range **r)
{
	const struct tess_index_dir *d = tess_rcu_get(&ix->dir);
	const struct tess_index_leaf *leaf;
	uint64_t first, at = key, sum = 0, seq;

	leaf = dir_find(d, key);
	first = leaf->lo;
	for (;;) {
		if (!leaf_next(leaf, at, r, &seq))
			return false;
		if (*r != NULL || leaf->hi == ix->hi)
			break;
		sum += seq;
		at = leaf->hi;
		leaf = dir_find(d, at);
	}
	return at == key || seq_sum(d, first, at) == sum;
}

static bool
prev_try(const struct tess_index *ix, uint64_t key, struct tess_range **r)
{
	const struct tess_index_dir *d = tess_rcu_get(&ix->dir);
	const struct tess_index_leaf *leaf;
	uint64_t last, at = key, sum = 0, seq;

	leaf = dir_find(d, key - 1);
	last = leaf->hi;
	for (;;) {
		if (!leaf_prev(leaf, at, r, &seq))
			return false;
		if (*r != NULL || leaf->lo == ix->lo)
			break;
		sum += seq;
		at = leaf->lo;
		leaf = dir_find(d, at - 1);
	}
	return at == key || seq_sum(d, at, last) == sum;
}

struct tess_range *
tess_index_next_rcu(const struct tess_index *ix, uint64_t key)
{
	struct tess_range *r;

	if (key >= ix->hi)
		return NULL;
	if (key < ix->lo)
		key = ix->lo;
	for (unsigned turn = 0; !next_try(ix, key, &r); turn++)
		tess_port_relax(turn);
	return r;
}

struct tess_range *
tess_index_prev_rcu(const struct tess_index *ix, uint64_t key)
{
	struct tess_range *r;

	if (key <= ix->lo)
		return NULL;
	if (key > ix->hi)
		key = ix->hi;
	for (unsigned turn = 0; !prev_try(ix, key, &r); turn++)
		tess_port_relax(turn);
	return r;
}

/* The start of the first range that ends after `key`, or the end of the index.  By the writer, who needs no section. */
uint64_t
tess_index_next_start(const struct tess_index *ix, uint64_t key)
{
	const struct tess_range *r = tess_index_next_rcu(ix, key);

	return r != NULL ? r->start : ix->hi;
}
