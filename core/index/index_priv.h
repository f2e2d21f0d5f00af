/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * index_priv.h: the inside of the range index: leaves, directory nodes, and how both are searched.
 *
 *	              level 2   [ . . . ]                    immutable, copied along a path
 *	                         /     \
 *	              level 1 [ . . ] [ . . . ]              immutable but for the hole words
 *	                       |   |    |  \   \
 *	              leaves  [..][..] [..][..][..]          edited in place under a sequence
 *
 * A leaf is a GAPPED array: LEAF slots, some free, keys never descending over all slots:
 *
 *	slot    0      1      2      3      4     5
 *	start  100    180    200    300    MAX   MAX
 *	range   A     free    B      C     free  free	A = [100,180)  B = [200,250)  C = [300,310)
 *
 * A free slot keeps a key that lies in the hole where it stands (at or after the end of the range
 * before it, at or before the start of the range after it), so a search needs no count and runs a
 * constant number of branch-free steps, and the answer "slot 1" for key 190 means "hole".  To remove
 * a range is one pointer store; to put one back is a key and a pointer.  A densely packed array
 * was rejected: it moves half a leaf, two words an entry, at each map and each unmap.
 *
 * Ends are not in the leaf: a range's own line holds start, end and `dead`, and whoever looks a range
 * up reads that line next anyway.  A second key array would cost one more line a lookup, and one
 * more store an entry moved; it would help a lookup that misses and a rescan for holes, the rarer cases.
 *
 * SEQUENCE.  There are no fences (ThreadSanitizer does not model them, and on aarch64 the pairs
 * below are single instructions).  The writer stores seq odd, then every word by a release store, then
 * seq even by a release store.  The reader loads seq by acquire, every word by an acquire load, then
 * seq again.  If some word it read was stored inside the window, that load synchronises with the release
 * store, which the odd seq precedes: the second load of seq differs from the first.  A retired leaf's seq
 * stays odd for ever, and is made odd after the new directory is published: who finds seq odd and starts
 * again from the directory either meets the same leaf, being edited, or the leaf's successor.
 *
 * RCU.  Free slots hold NULL, so any pointer found in a slot was in the index during the read
 * section, and may be followed whether or not the sequence proves the answer consistent.
 *
 * HOLES.  Each leaf knows the largest hole that follows one of its ranges, up to the next range wherever that
 * is, with the second largest and how often both occur, so that eating the largest hole seldom means a
 * scan.  Directory nodes carry the same word for each child.  The words are written in place under the
 * writers' lock, and a leaf posts only what is larger than posted before, or smaller by an
 * eighth: mapping and unmapping inside a large hole writes nothing there.
 */
#ifndef TESS_INDEX_PRIV_H
#define TESS_INDEX_PRIV_H

#include "index.h"

#define INDEX_LEAF TESS_CONFIG_LEAF

/* Children of a directory node: three nodes fit a frame.  Stress builds use 8, for height. */
#define INDEX_FANOUT (TESS_CONFIG_LEAF < 16 ? 8 : 48)

/* Levels of directory at most.  Neighbours hold more than half a node together: 12 per child, 12^16 leaves. */
#define INDEX_HEIGHT 16

/* The key of a free slot with nothing after it.  No range starts here: hi is exclusive. */
#define INDEX_KEY_MAX UINT64_MAX

/* What the sharing statistic adds for a change of writer, takes for none, and where it stops. */
enum {
	LEAF_SHARE_OTHER = 100,
	LEAF_SHARE_SAME = 1,
	LEAF_SHARE_LIMIT = 1000
};

/*
 * struct tess_index_leaf: at most LEAF ranges of [lo, hi).  Key letters: w the writers' lock, and
 * the sequence where a reader looks too.
 *
 *	shape_commit, tess_index_init        commit of another shape        grace period
 *	─────────────────────────────► valid ────────────────────► retired ─────────────► pool
 *	                               (seq even but in an edit)   (seq odd)
 */
struct tess_index_leaf {
	uint64_t seq;    /* A: odd inside an edit and once retired */
	uint64_t live;   /* w, seq: bit i: slot i holds a range */
	uint64_t lo, hi; /* c */
	uint64_t hole;   /* w, read racily by hints: the largest hole after a range of this leaf */
	uint64_t hole2;  /* w: no other hole is larger than this */
	uint64_t posted; /* w: what the directory's hole word says */
	uint8_t nhole;   /* w: holes of size `hole`; 0 with hole > 0: a rescan is due */
	uint8_t nhole2;  /* w: holes known to be of size `hole2`; 0: it is only a bound */
	uint8_t count;   /* w: ranges */
	uint8_t pad;
	uint16_t writer; /* w: logical CPU that edited last */
	int16_t share;   /* w: statistic of changing writers, see leaf_note_writer() */
	uint64_t start[INDEX_LEAF] __attribute__((aligned(64)));           /* w, seq */
	struct tess_range *range[INDEX_LEAF] __attribute__((aligned(64))); /* w, seq */
	struct tess_rcu_head rcu;
	struct tess_index_leaf *next; /* w: chain of new or of retired leaves */
} __attribute__((aligned(64)));

union index_child {
	struct tess_index_dir *dir;   /* level > 1 */
	struct tess_index_leaf *leaf; /* level 1 */
};

/* struct tess_index_dir: one node of the directory: child i covers [key[i], key[i + 1]). */
struct tess_index_dir {
	uint32_t n;      /* c once published: children */
	uint32_t level;  /* c */
	uint64_t lo, hi; /* c */
	struct tess_rcu_head rcu;
	struct tess_index_dir *next; /* w: chain of new or of retired nodes */
	uint64_t key[INDEX_FANOUT] __attribute__((aligned(64))); /* c */
	union index_child child[INDEX_FANOUT];                   /* c */
	uint64_t hole[INDEX_FANOUT]; /* w, read racily by hints: bound on the holes below */
} __attribute__((aligned(64)));

TESS_STATIC_ASSERT(offsetof(struct tess_index_leaf, start) == 64, "a leaf's header is one line");
TESS_STATIC_ASSERT(sizeof(struct tess_index_leaf) <= 1984, "two leaves fit a slab");
TESS_STATIC_ASSERT(sizeof(struct tess_index_dir) <= 1984, "two nodes fit a slab");

struct tess_index_room {
	struct tess_pool leaf;
	struct tess_pool dir;
	struct tess_pool radix;
};

/* A place in the list given to commit: `n` ranges from `at` on, strung by `link`. */
struct list_cursor {
	const struct tess_range *at;
	unsigned n;
};

/* The way from the root to a leaf, by level: node[1] holds the leaf. */
struct dir_path {
	unsigned height;
	struct tess_index_dir *node[INDEX_HEIGHT + 1];
	unsigned slot[INDEX_HEIGHT + 1];
};

/* One step of a search for the last of `n` keys that is not above `key`; `n` is a constant. */
static inline const uint64_t *
dir_step(const uint64_t *at, uint64_t key, unsigned n)
{
	size_t half = n / 2;

	return at + (half & -(size_t)(at[half] < key + 1));
}

/*
 * The child of `d` that covers `key`; d->lo <= key < UINT64_MAX.  Keys past the last child are INDEX_KEY_MAX,
 * so the steps are the same for any number of children: 3 in the first line of keys, 6 in all.
 */
static inline size_t
dir_slot(const struct tess_index_dir *d, uint64_t key)
{
	const uint64_t *at = d->key;

	if (d->n > 8) {
		at = dir_step(at, key, 48);
		at = dir_step(at, key, 24);
		at = dir_step(at, key, 12);
		at = dir_step(at, key, 6);
		at = dir_step(at, key, 3);
		at = dir_step(at, key, 2);
	} else {
		at = dir_step(at, key, 8);
		at = dir_step(at, key, 4);
		at = dir_step(at, key, 2);
	}
	return (size_t)(at - d->key);
}
TESS_STATIC_ASSERT(INDEX_FANOUT == 48 || INDEX_FANOUT == 8, "dir_slot() knows these");

static inline struct tess_index_leaf *
dir_find(const struct tess_index_dir *d, uint64_t key)
{
	for (;;) {
		union index_child c = d->child[dir_slot(d, key)];

		if (d->level == 1)
			return c.leaf;
		d = c.dir;
	}
}

/* The leaf that covers `key`, for whoever holds the writers' lock. */
static inline struct tess_index_leaf *
index_leaf(const struct tess_index *ix, uint64_t key)
{
	return dir_find(tess_rcu_peek(&ix->dir), key);
}

/* One step of a search among `n` keys from `at`; `n` is a constant, so no loop and no branch is left. */
static inline const uint64_t *
leaf_step(const uint64_t *at, uint64_t key, unsigned n)
{
	size_t half = n / 2;

	if (half == 0)
		return at;
	return at +
	       (half & -(size_t)(tess_load_acquire(&at[half]) < key)); /* pairs with leaf_set() */
}

/* What is left of `n` keys after a step: the larger half, whichever way it went. */
enum {
	LEAF_N1 = INDEX_LEAF - INDEX_LEAF / 2,
	LEAF_N2 = LEAF_N1 - LEAF_N1 / 2,
	LEAF_N3 = LEAF_N2 - LEAF_N2 / 2,
	LEAF_N4 = LEAF_N3 - LEAF_N3 / 2,
	LEAF_N5 = LEAF_N4 - LEAF_N4 / 2,
	LEAF_N6 = LEAF_N5 - LEAF_N5 / 2,
};
TESS_STATIC_ASSERT(LEAF_N6 == 1, "six steps search a leaf");

/* The last slot whose key is below `key`, or 0 when none is. */
static inline size_t
leaf_below(const struct tess_index_leaf *leaf, uint64_t key)
{
	const uint64_t *at = leaf->start;

	at = leaf_step(at, key, INDEX_LEAF);
	at = leaf_step(at, key, LEAF_N1);
	at = leaf_step(at, key, LEAF_N2);
	at = leaf_step(at, key, LEAF_N3);
	at = leaf_step(at, key, LEAF_N4);
	at = leaf_step(at, key, LEAF_N5);
	return (size_t)(at - leaf->start);
}

/* The first slot whose key is `key` or above; LEAF when none is. */
static inline size_t
leaf_from(const struct tess_index_leaf *leaf, uint64_t key)
{
	size_t i = leaf_below(leaf, key);

	return i + (tess_load_acquire(&leaf->start[i]) < key);
}

/* Bits 0 .. n-1; n <= LEAF. */
static inline uint64_t
leaf_bits(size_t n)
{
	return INDEX_LEAF < 64 || n < 64 ? ((uint64_t)1 << n) - 1 : UINT64_MAX;
}

/* One more than the last live slot below `slot`; 0 when there is none. */
static inline size_t
leaf_live_below(uint64_t live, size_t slot)
{
	live &= leaf_bits(slot);
	return live != 0 ? 64 - (size_t)__builtin_clzll(live) : 0;
}

/* The first live slot at or after `slot`; LEAF when there is none. */
static inline size_t
leaf_live_from(uint64_t live, size_t slot)
{
	live &= ~leaf_bits(slot);
	return live != 0 ? (size_t)__builtin_ctzll(live) : INDEX_LEAF;
}

static inline struct tess_range *
leaf_get(const struct tess_index_leaf *leaf, size_t i)
{
	return tess_load_acquire(&leaf->range[i]); /* pairs with leaf_set() */
}

static inline void
leaf_set(struct tess_index_leaf *leaf, size_t i, uint64_t start, struct tess_range *r)
{
	tess_store_release(&leaf->start[i], start); /* pairs with leaf_below() */
	tess_store_release(&leaf->range[i], r);     /* pairs with leaf_get() */
}

/* The largest hole went, and the next largest is not known. */
static inline bool
leaf_holes_due(const struct tess_index_leaf *leaf)
{
	return leaf->nhole == 0 && leaf->hole > 0;
}

/* The directory's word is too small, or too large by more than an eighth. */
static inline bool
leaf_post_due(const struct tess_index_leaf *leaf)
{
	return leaf->hole > leaf->posted || leaf->hole < leaf->posted - leaf->posted / 8;
}

/* index_dir.c */
struct tess_index_leaf *tess_index_path(struct dir_path *p, struct tess_index_dir *root,
					uint64_t key);
void tess_index_leaf_init(struct tess_index_leaf *leaf, uint64_t lo, uint64_t hi);
TESS_MUST_CHECK enum tess_err tess_index_shape_prepare(struct tess_index_edit *e, uint64_t lo,
						       uint64_t hi, unsigned n);
void tess_index_shape_commit(struct tess_index_edit *e, uint64_t lo, uint64_t hi,
			     struct tess_range *rs, unsigned n);

/* index_edit.c */
void tess_index_edit_drop(struct tess_index_edit *e);
void tess_index_bury(struct tess_range *old, struct list_cursor *kept);

/* index_gap.c: the largest holes */
void tess_index_holes_add_large(struct tess_index_leaf *leaf, uint64_t len);
void tess_index_holes_drop_large(struct tess_index_leaf *leaf, uint64_t len);
void tess_index_holes_scan(struct tess_index_leaf *leaf, uint64_t next);
uint64_t tess_index_dir_hole(const struct tess_index_dir *d);
void tess_index_holes_post(struct tess_index *ix, struct tess_index_leaf *leaf);
void tess_index_holes_edge(struct tess_index *ix, uint64_t lo, uint64_t was, uint64_t is);

/* A hole of `len` comes or goes.  Most are small, and change nothing that is known. */
static inline void
holes_add(struct tess_index_leaf *leaf, uint64_t len)
{
	if (TESS_UNLIKELY(len >= leaf->hole2))
		tess_index_holes_add_large(leaf, len);
}

static inline void
holes_drop(struct tess_index_leaf *leaf, uint64_t len)
{
	if (TESS_UNLIKELY(len >= leaf->hole2))
		tess_index_holes_drop_large(leaf, len);
}

/* index_lookup.c */
uint64_t tess_index_next_start(const struct tess_index *ix, uint64_t key);

/* radix.c */
TESS_MUST_CHECK enum tess_err tess_radix_pool_init(struct tess_pool *p);

#endif
