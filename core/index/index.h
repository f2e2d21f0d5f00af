/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * index.h: ordered ranges and sparse arrays, both read under RCU without a lock.
 *
 * ROOM     index
 * OWNS     struct tess_index (va -> range), struct tess_radix (idx -> pointer)
 * LOCKS    leaf (10), one for the whole index in this form; a radix is locked by its owner
 * CALLS    base
 * NEVER    knows what an entry means; holds a VM lock; touches a range beyond its header
 * SLEEPS   tess_index_lock() may, waiting for a writer
 * CHECKS   tess_index_check(): I-IDX-1..7; tess_radix_check(): I-RAD-1..3
 */
#ifndef TESS_INDEX_H
#define TESS_INDEX_H

#include "base.h"

/*
 * struct tess_range: the head of whatever is kept in an index.  Immutable once published but for
 * `dead`, which the writer that replaces the range sets (and never clears) before the new state is visible.
 */
struct tess_range {
	uint64_t start;          /* c */
	uint64_t end;            /* c: exclusive */
	uint32_t dead;           /* A: 1 once replaced or removed; re-checked under the PTE lock */
	uint32_t creator;        /* c: logical CPU that made it; guides splits by sharing */
	struct tess_range *link; /* the owner's: strings ranges into the list given to commit */
};

struct tess_index_dir;
struct tess_index_leaf;

/*
 * struct tess_index: ranges in [lo, hi), disjoint, found by address.
 *
 *	directory (immutable, RCU) ──► leaf 0 | leaf 1 | ... ──► struct tess_range *
 *
 * Leaves tile [lo, hi).  No range crosses a leaf boundary.  A leaf holds at most
 * TESS_CONFIG_LEAF ranges in a sorted key array with free slots, guarded by a sequence.
 */
struct tess_index {
	TESS_RCU(struct tess_index_dir) dir; /* R: replaced under the writers' lock */
	uint64_t lo, hi;                     /* c */
	uint8_t pad[64];                     /* writers do not touch the readers' line */
	struct tess_mutex lock; /* the writers' lock (rank LEAF); see tess_index_lock() */
};

/*
 * struct tess_index_edit: a writer's hold on [lo, hi) and the replacement being prepared.
 * The caller treats it as opaque, on its stack.
 */
struct tess_index_edit {
	struct tess_index *ix;
	uint64_t lo, hi; /* what is locked */
	enum tess_rank rank;
	bool prepared;
	uint8_t join;                   /* neighbours that the new leaves absorb */
	uint64_t from, to;              /* what was prepared: [from, to) */
	unsigned n;                     /* and how many ranges it may leave there */
	unsigned slot, end, gone;       /* in place: the slots of [from, to), the ranges in them */
	struct tess_index_leaf *leaf;   /* in place: the only one concerned; otherwise NULL */
	struct tess_index_leaf *leaves; /* chain of new leaves allocated by prepare */
	struct tess_index_dir *dirs;    /* chain of new directory nodes */
	struct tess_index_leaf
	    *seen;          /* where the hold looked last; NULL: nowhere, or it changed since */
	unsigned seen_slot; /* and the slot of the answer */
};

/* tess_index_room_init/fini: the pools of leaves, directories and radix nodes of this machine. */
TESS_MUST_CHECK enum tess_err tess_index_room_init(struct tess_machine *m);
void tess_index_room_fini(struct tess_machine *m);

/* tess_index_init: an empty index over [lo, hi).  fails: NOMEM. */
TESS_MUST_CHECK enum tess_err tess_index_init(struct tess_index *ix, uint64_t lo, uint64_t hi);
/* tess_index_fini: the index must be empty; leaves and directories go after a grace period. */
void tess_index_fini(struct tess_index *ix);

/*
 * tess_index_lookup_rcu: the range that contains `key`, or NULL.
 * tess_index_next_rcu: the range with the lowest start among those with end > key, or NULL.
 * tess_index_prev_rcu: the range with the highest start among those with start < key, or NULL.
 *
 * => locks: none needed (works also for the writer holding the edit).  rcu: inside.  sleeps: no
 * => writes no shared word
 * => the answer was true at some moment during the call; `dead` tells whether it still is
 */
struct tess_range *tess_index_lookup_rcu(const struct tess_index *ix, uint64_t key);
struct tess_range *tess_index_next_rcu(const struct tess_index *ix, uint64_t key);
struct tess_range *tess_index_prev_rcu(const struct tess_index *ix, uint64_t key);

/*
 * tess_index_edit_lookup, tess_index_edit_next: the same answers for whoever holds the edit, who walks neighbours
 *	and asks about the same ones again: the leaf and slot of the last answer are looked at first.
 *
 * => locks: edit held
 */
struct tess_range *tess_index_edit_lookup(struct tess_index_edit *e, uint64_t key);
struct tess_range *tess_index_edit_next(struct tess_index_edit *e, uint64_t key);

/*
 * tess_index_lock: become the only writer of [lo, hi); the neighbours touching lo and hi may be
 * read and, being merged, replaced too: pass a range that covers them.
 * tess_index_relock: widen the hold to [lo, hi), which contains the old one.  Never unlocks.
 *	(One lock a map now; per-leaf locks, ascending, later: callers do not change.)
 * tess_index_unlock: give up the hold and whatever prepare allocated and commit did not use.
 *
 * => locks: none of rank >= `rank` held.  rcu: not inside.  sleeps: may wait
 * => `rank` is TESS_RANK_LEAF, or TESS_RANK_LEAF2 for a second index
 */
void tess_index_lock(struct tess_index *ix, uint64_t lo, uint64_t hi, enum tess_rank rank,
		     struct tess_index_edit *e);
void tess_index_relock(struct tess_index_edit *e, uint64_t lo, uint64_t hi);
void tess_index_unlock(struct tess_index_edit *e);

/*
 * tess_index_prepare: make sure that a following commit over [lo, hi) leaving `n` ranges inside it cannot fail.
 *
 * => locks: edit held, and it covers [lo, hi).  fails: NOMEM, then nothing changed
 * => may be called again before commit; the last call counts
 * => never fails when [lo, hi) is exactly one range, and n is 0 or 1: exit relies on it
 */
TESS_MUST_CHECK enum tess_err tess_index_prepare(struct tess_index_edit *e, uint64_t lo,
						 uint64_t hi, unsigned n);

/*
 * tess_index_commit: replace every range inside [lo, hi) by the `n` new ones of the list `rs`
 * (through range.link; ascending, disjoint, all inside [lo, hi); NULL when n is 0).
 *
 * => locks: edit held, prepared for these lo, hi and at least n
 * => no existing range crosses lo or hi (the caller includes in `rs` the clipped remains)
 * => every replaced range not itself in `rs` has dead set before its replacement is visible
 * => a reader of one key sees the old range or the new one, never nothing in between, when both cover it
 * => the caller frees the replaced ranges after a grace period; the index does not
 */
void tess_index_commit(struct tess_index_edit *e, uint64_t lo, uint64_t hi, struct tess_range *rs,
		       unsigned n);

/*
 * tess_index_gap_up, tess_index_gap_down: the lowest (highest) start of a hole of at least
 * `len` bytes inside [lo, hi), aligned to `align`; false when there is none.
 *
 * => locks: edit held, or any (then a hint).  rcu: handled inside.  cost: a path or two of
 *    the directory, and the entries of leaves with a hole of about `len`: directory nodes know the largest below
 */
bool tess_index_gap_up(const struct tess_index *ix, uint64_t lo, uint64_t hi, uint64_t len,
		       uint64_t align, uint64_t *start);
bool tess_index_gap_down(const struct tess_index *ix, uint64_t lo, uint64_t hi, uint64_t len,
			 uint64_t align, uint64_t *start);

/* tess_index_check: walk and assert I-IDX-*; returns the number of ranges.  Edit held or quiescent. */
uint64_t tess_index_check(const struct tess_index *ix);
/* Leaves in use: for tests and statistics. */
unsigned tess_index_leaves(const struct tess_index *ix);

/*
 * struct tess_radix: idx -> pointer, sparse, 64 slots a node, as high as its largest key needs.
 * Readers under RCU; one writer at a time, which the owner's lock makes sure.
 */
struct tess_radix_node;
struct tess_radix {
	TESS_RCU(struct tess_radix_node) root; /* R */
	uint64_t count;                        /* owner's lock */
};

void tess_radix_init(struct tess_radix *r);
/* tess_radix_fini: must hold no pointer; nodes go after a grace period. */
void tess_radix_fini(struct tess_radix *r);

/*
 * tess_radix_lookup_rcu: the pointer at `idx`, or NULL.
 * tess_radix_next_rcu: the first non-NULL pointer at or after *idx and before `end`; *idx becomes its index.
 *
 * => rcu: inside, or the owner's lock held
 */
void *tess_radix_lookup_rcu(const struct tess_radix *r, uint64_t idx);
void *tess_radix_next_rcu(const struct tess_radix *r, uint64_t *idx, uint64_t end);

/*
 * tess_radix_insert: put `ptr` (not NULL) at `idx`, replacing what was there.
 * tess_radix_reserve: build the nodes for `idx`, so that one later insert there cannot fail.
 * tess_radix_remove: take out and return what is at `idx`; empty nodes go after a grace period.
 *
 * => locks: the owner's.  fails: NOMEM, nothing visible changed
 */
TESS_MUST_CHECK enum tess_err tess_radix_insert(struct tess_radix *r, uint64_t idx, void *ptr);
TESS_MUST_CHECK enum tess_err tess_radix_reserve(struct tess_radix *r, uint64_t idx);
void *tess_radix_remove(struct tess_radix *r, uint64_t idx);
uint64_t tess_radix_check(const struct tess_radix *r);

#endif
