/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * index_check.c: the walkers.
 *
 *	I-IDX-1	leaves tile [lo, hi) in the order of the directory; each node's children tile the node
 *	I-IDX-2	all leaves lie at the same depth; a node has 1..FANOUT children, a root above level 1 at least 2
 *	I-IDX-3	a leaf in the directory is not retired, and not inside an edit
 *	I-IDX-4	a leaf's keys never descend; a live slot's key is its range's start; a free slot's key lies in
 *		the hole where it stands; `count` and `live` tell the live ones
 *	I-IDX-5	ranges are not empty, ascend, do not overlap, and stay inside their leaf
 *	I-IDX-6	no reachable range is dead
 *	I-IDX-7	`hole` is exactly the largest hole after a range of the leaf; the directory's word is `posted`,
 *		not below it and at most by an eighth above; a node's word is the largest below it
 *
 * Walks by address, a descent for each step, so that it needs neither recursion nor a stack.
 */
#include "index_priv.h"

/* I-IDX-1, 2, 7 for one node, which covers [lo, ...). */
static void
dir_check(const struct tess_index_dir *d, uint64_t lo, uint64_t hi)
{
	TESS_ASSERT(d->n >= 1 && d->n <= INDEX_FANOUT);
	TESS_ASSERT(d->lo == lo && d->key[0] == lo && d->lo < d->hi && d->hi <= hi);
	for (unsigned i = 0; i < d->n; i++) {
		uint64_t end = i + 1 < d->n ? d->key[i + 1] : d->hi;

		TESS_ASSERT(d->key[i] < end);
		if (d->level == 1) {
			const struct tess_index_leaf *leaf = d->child[i].leaf;

			TESS_ASSERT(leaf->lo == d->key[i] && leaf->hi == end);
			TESS_ASSERT(d->hole[i] == leaf->posted);
		} else {
			const struct tess_index_dir *sub = d->child[i].dir;

			TESS_ASSERT(sub->level == d->level - 1);
			TESS_ASSERT(sub->lo == d->key[i] && sub->hi == end);
			TESS_ASSERT(d->hole[i] == tess_index_dir_hole(sub));
		}
	}
}

/* I-IDX-4, 5, 6; *max becomes the largest hole.  `next`: where the first range after the leaf starts. */
static void
leaf_check_slots(const struct tess_index_leaf *leaf, uint64_t next, uint64_t *max)
{
	uint64_t at = leaf->lo, key = 0;
	unsigned live = 0;

	*max = 0;
	for (unsigned i = 0; i < INDEX_LEAF; i++) {
		const struct tess_range *r = leaf->range[i];

		TESS_ASSERT((leaf->live >> i & 1) == (r != NULL));
		TESS_ASSERT(leaf->start[i] >= key);
		key = leaf->start[i];
		if (r == NULL) {
			TESS_ASSERT(live == 0 || key >= at);
			continue;
		}
		TESS_ASSERT(r->start == key && r->start >= at && r->start < r->end);
		TESS_ASSERT(r->end <= leaf->hi);
		TESS_ASSERT(tess_load_relaxed(&r->dead) == 0);
		if (live++ > 0 && r->start - at > *max)
			*max = r->start - at;
		at = r->end;
	}
	if (live > 0 && next - at > *max)
		*max = next - at;
	TESS_ASSERT(live == leaf->count && (leaf->live & ~leaf_bits(INDEX_LEAF)) == 0);
}

/* I-IDX-3 and 7. */
static void
leaf_check(const struct tess_index *ix, const struct tess_index_leaf *leaf)
{
	uint64_t max;

	TESS_ASSERT((tess_load_relaxed(&leaf->seq) & 1) == 0);
	leaf_check_slots(leaf, tess_index_next_start(ix, leaf->hi), &max);
	TESS_ASSERT(leaf->hole == max && !leaf_holes_due(leaf) && !leaf_post_due(leaf));
	TESS_ASSERT(leaf->hole2 <= leaf->hole && (leaf->nhole > 0) == (leaf->hole > 0));
}

uint64_t
tess_index_check(const struct tess_index *ix)
{
	const struct tess_index_dir *root = tess_rcu_peek(&ix->dir);
	uint64_t ranges = 0;

	TESS_ASSERT(root->level >= 1 && root->level <= INDEX_HEIGHT);
	TESS_ASSERT(root->lo == ix->lo && root->hi == ix->hi);
	TESS_ASSERT(root->n > 1 || root->level == 1);
	for (unsigned level = root->level; level > 0; level--) {
		const struct tess_index_dir *d;

		for (uint64_t at = ix->lo; at < ix->hi; at = d->hi) {
			for (d = root; d->level > level;)
				d = d->child[dir_slot(d, at)].dir;
			dir_check(d, at, ix->hi);
		}
	}
	for (uint64_t at = ix->lo; at < ix->hi;) {
		const struct tess_index_leaf *leaf = dir_find(root, at);

		leaf_check(ix, leaf);
		ranges += leaf->count;
		at = leaf->hi;
	}
	return ranges;
}

unsigned
tess_index_leaves(const struct tess_index *ix)
{
	const struct tess_index_dir *root;
	unsigned n = 0;

	tess_rcu_enter();
	root = tess_rcu_get(&ix->dir);
	for (uint64_t at = ix->lo; at < ix->hi; n++)
		at = dir_find(root, at)->hi;
	tess_rcu_exit();
	return n;
}
