/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * anon.h: private pages, and sharing them copy-on-write.
 *
 * ROOM     anon
 * OWNS     struct tess_anon, struct tess_amap, struct tess_chunk; the zero page
 * LOCKS    shared amap (18), chunk (20, 21), amap directory (25)
 * CALLS    base, index, page, pmap
 * NEVER    knows objects or maps
 * SLEEPS   never under a chunk lock; the shared-amap mutex may be waited for
 * CHECKS   tess_amap_check(): I-AMAP-1..5; tess_anon_room_check(): I-ANON-1
 *
 *	amap ──radix──► chunk (512 slots, 2 MiB) ──slot──► anon ──► page
 *	amap ──radix──►   ▲ refs 2: shared, frozen           refs: one a slot of a chunk
 *
 * TWO LEVELS OF COPY-ON-WRITE.  fork shares whole chunks: it costs one count per 2 MiB.  A shared chunk is
 * frozen; whoever wants to change a slot first gives its amap a private copy of the chunk (every
 * anon in it is then counted once more).  A shared anon is copied when it is written.
 *
 * ONE HOME AMAP A MAP.  Private memory of a map lives in one amap whose slot numbers are virtual page
 * numbers, so that clipping, merging and extending an entry never touch an amap at all; there is
 * no "needs copy" state and no amap to attach on first use.  Rejected: one amap an entry (UVM), whose
 * extension copies arrays, whose clipping splits references, and whose neighbours cannot merge.
 * A range that inheritance makes shared (minherit SHARE) moves to an amap of its own that two maps may
 * reference; it counts, per run of slots, how many entries cover it, so that the last one to leave
 * frees the slots at once, whatever the order of partial unmaps.
 */
#ifndef TESS_ANON_H
#define TESS_ANON_H

#include "base.h"
#include "index.h"
#include "page.h"
#include "pmap.h"

#define TESS_CHUNK_SHIFT 9
#define TESS_CHUNK_SLOTS ((unsigned)1 << TESS_CHUNK_SHIFT)
#define TESS_CHUNK_WORDS (TESS_CHUNK_SLOTS / 64)

/* One private page.  Read and changed under the lock of a chunk that holds it. */
struct tess_anon {
	struct tess_page *page; /* c: from publication until refs is 0 */
	uint32_t refs; /* A: slots that hold it; raised only under such a slot's chunk lock */
	uint32_t spare;
};
TESS_STATIC_ASSERT(sizeof(struct tess_anon) <= 32, "an anon is at most half a line");

struct tess_slots {
	struct tess_anon *anon[TESS_CHUNK_SLOTS];
};

struct tess_chunk {
	struct tess_spin lock;    /* rank CHUNK */
	uint32_t refs;            /* a: amaps that hold it; above 1 the slots are frozen */
	uint32_t used;            /* a: bits set */
	struct tess_slots *slots; /* a: one frame */
	struct tess_rcu_head rcu;
	uint64_t bits[TESS_CHUNK_WORDS]; /* a: slot occupied */
};

/* A run of slots of a shared amap and how many entries cover it. */
struct tess_run {
	tess_idx start;
	uint64_t n;
	uint32_t refs;
	struct tess_run *next;
};

struct tess_amap {
	struct tess_spin lock;    /* rank AMAP: writers of `chunks` */
	bool shared;              /* c: it has runs; see the room's head */
	bool dying;               /* lock: it gets no chunk any more */
	struct tess_radix chunks; /* idx >> 9 -> struct tess_chunk; RCU for readers */
	struct tess_run *runs;    /* s: under the room's cover mutex */
	struct tess_page
	    *zero; /* c: what untouched slots read: the machine's, or one of its own when shared */
	uint32_t refs; /* A: its entries together are one; each name (tess_amap_ref) is one more */
	struct tess_rcu_head rcu;
};

struct tess_anon_room {
	struct tess_pool anons, chunks, amaps, runs;
	struct tess_page *zero;   /* c: the page of zeros every untouched page reads */
	struct tess_mutex cover;  /* rank SHARED: `runs` of every shared amap (key letter s) */
	struct tess_run *reserve; /* s: for exit when no memory is left */
};

TESS_MUST_CHECK enum tess_err tess_anon_room_init(struct tess_machine *m);
void tess_anon_room_fini(struct tess_machine *m);

static inline struct tess_page *
tess_zero_page(void)
{
	return tess_machine()->anon->zero;
}

/*
 * tess_anon_new: an anon with a fresh frame (refs 1).  NULL: no memory.
 *
 * => locks: chunk may be held.  sleeps: no
 */
TESS_MUST_CHECK struct tess_anon *tess_anon_new(enum tess_page_fill fill);

/*
 * tess_anon_unref: one slot less holds it; the last gives the frame to g.
 *
 * => no translation made through the slot given up remains in a table (or it is in g's ranges)
 */
void tess_anon_unref(struct tess_anon *an, struct tess_gather *g);

TESS_MUST_CHECK enum tess_err tess_amap_create(bool shared, struct tess_amap **out);
/* tess_amap_destroy: drop every slot, free it after a grace period.  All entries are gone. */
void tess_amap_destroy(struct tess_amap *am, struct tess_gather *g);

/*
 * tess_amap_ref: the amap is named: its address will not be another amap's before tess_amap_unref().
 *
 * => locks: the writer lock of a map with an entry that uses it.  What is in it goes with the last entry
 */
void tess_amap_ref(struct tess_amap *am);
void tess_amap_unref(struct tess_amap *am);

enum tess_chunk_want {
	TESS_CHUNK_LOOK,  /* what is there, shared or not */
	TESS_CHUNK_WRITE, /* create if absent, make private if shared */
};

/*
 * tess_chunk_lock: the chunk of slot idx, locked.
 *
 * => DONE: *out locked, or NULL (LOOK only: no chunk there); FAIL (WRITE only): no memory, or the amap
 *    is dying, and then so is every entry that names it
 * => locks: none of rank CHUNK or above.  rcu: inside, or the map's writer lock held.  sleeps: no
 */
TESS_MUST_CHECK enum tess_step tess_chunk_lock(struct tess_amap *am, tess_idx idx,
					       enum tess_chunk_want want, struct tess_chunk **out);
void tess_chunk_unlock(struct tess_chunk *c);

/* The slot of idx; put (slot empty), replace (slot full; gives back the old), take (empties it). */
static inline struct tess_anon *
tess_chunk_get(const struct tess_chunk *c, tess_idx idx)
{
	return c->slots->anon[idx & (TESS_CHUNK_SLOTS - 1)];
}
void tess_chunk_put(struct tess_chunk *c, tess_idx idx, struct tess_anon *an);
struct tess_anon *tess_chunk_replace(struct tess_chunk *c, tess_idx idx, struct tess_anon *an);
struct tess_anon *tess_chunk_take(struct tess_chunk *c, tess_idx idx);

/*
 * tess_amap_wipe_prepare, tess_amap_wipe: empty [idx, idx + n) of an amap that is not shared.
 * A chunk that is shared and only partly inside is made private by prepare.
 *
 * => locks: the map's writer lock from prepare to wipe.  fails: NOMEM in prepare, nothing changed
 * => tlb: frames go to g; the caller removes the translations of the range into g too
 */
TESS_MUST_CHECK enum tess_err tess_amap_wipe_prepare(struct tess_amap *am, tess_idx idx,
						     uint64_t n);
enum tess_wipe {
	TESS_WIPE_RELEASE, /* chunks left empty go */
	TESS_WIPE_KEEP,    /* private chunks stay: a move is about to fill them */
};
void tess_amap_wipe(struct tess_amap *am, tess_idx idx, uint64_t n, enum tess_wipe how,
		    struct tess_gather *g);

/*
 * tess_amap_discard: as wipe, prepared likewise, for a window that stays mapped at [va, ...) of `pm`: under
 * each chunk's lock its translations go before its anons, so that no fault can come between.  For a
 * shared amap the translations of other maps go too.
 */
void tess_amap_discard(struct tess_amap *am, tess_idx idx, uint64_t n, struct tess_pmap *pm,
		       tess_va va, struct tess_gather *g);

/* tess_amap_count: occupied slots in [idx, idx + n). */
uint64_t tess_amap_count(struct tess_amap *am, tess_idx idx, uint64_t n);

/*
 * tess_amap_next: the first occupied slot in [*idx, end); *idx becomes it.  NULL: none.
 *
 * => quiescent, or a hint: the anon may be gone on return
 */
struct tess_anon *tess_amap_next(struct tess_amap *am, tess_idx *idx, tess_idx end);

/*
 * struct tess_amap_fork: copying the private memory of a map, window by window, ascending.
 *
 * A chunk whose occupied slots all lie in copied windows is shared; of any other the windows'
 * anons are counted once more, one by one.
 */
struct tess_amap_fork {
	struct tess_amap *from, *to; /* both home amaps, same slot numbers */
	tess_idx chunk;              /* chunk number being collected */
	bool open;
	uint64_t mask[TESS_CHUNK_WORDS];
};

/*
 * tess_amap_fork_add: the window [idx, idx + n) is copied.  tess_amap_fork_end: no more windows.
 *
 * => locks: the parent map's writer lock.  fails: NOMEM; the caller destroys the child
 * => from now on the parent's anons there may be shared: the caller lowers its translations
 */
TESS_MUST_CHECK enum tess_err tess_amap_fork_add(struct tess_amap_fork *f, tess_idx idx,
						 uint64_t n);
TESS_MUST_CHECK enum tess_err tess_amap_fork_end(struct tess_amap_fork *f);

/*
 * tess_amap_copy: every anon of [from_idx, from_idx + n) also in [to_idx, ...) of `to`, counted once
 * more; those slots are empty and nobody else reaches `to` there.
 *
 * => fails: NOMEM; slots copied so far stay in `to`
 */
TESS_MUST_CHECK enum tess_err tess_amap_copy(struct tess_amap *from, tess_idx from_idx,
					     struct tess_amap *to, tess_idx to_idx, uint64_t n);

/*
 * tess_amap_move_prepare, tess_amap_move: the anons of [from_idx, +n) move to [to_idx, +n) of `to`.
 * The windows do not overlap; the target's slots are empty or are wiped by the caller before move.
 *
 * => nobody can put anons into the source window from before prepare until after move (its entries are
 *    held, and faults look at that under the chunk's lock)
 * => fails: NOMEM in prepare, nothing visible changed
 */
TESS_MUST_CHECK enum tess_err tess_amap_move_prepare(struct tess_amap *from, tess_idx from_idx,
						     struct tess_amap *to, tess_idx to_idx,
						     uint64_t n);
void tess_amap_move(struct tess_amap *from, tess_idx from_idx, struct tess_amap *to,
		    tess_idx to_idx, uint64_t n);

/*
 * Coverage of shared amaps: one more, or one less, entry covers [idx, idx + n).
 *
 *	cover_begin ──► cover_prepare for each window ──► cover_add | cover_drop ──► cover_end
 *
 * begin takes a mutex of the machine (rank SHARED): coverage changes are rare, and one lock spares an
 * order among amaps.  It also keeps chunks of shared amaps from becoming shared with a fork between
 * prepare and drop.  drop wipes what nobody covers any more and frees an amap without coverage.
 *
 * => fails: NOMEM in prepare, nothing changed.  Exit may go on without: a few runs are in reserve, and
 *    slots that cannot be freed one by one then go with their amap
 */
struct tess_cover {
	struct tess_run *spare; /* three for each window prepared */
	bool held;
};
void tess_cover_begin(struct tess_cover *v);
TESS_MUST_CHECK enum tess_err tess_cover_prepare(struct tess_cover *v, struct tess_amap *am,
						 tess_idx idx, uint64_t n);
/* tess_cover_any: is any slot of the window covered already?  cover held. */
bool tess_cover_any(const struct tess_amap *am, tess_idx idx, uint64_t n);
void tess_cover_add(struct tess_cover *v, struct tess_amap *am, tess_idx idx, uint64_t n);
void tess_cover_drop(struct tess_cover *v, struct tess_amap *am, tess_idx idx, uint64_t n,
		     struct tess_gather *g);
void tess_cover_end(struct tess_cover *v);

/*
 * tess_amap_check: I-AMAP-*, quiescent:
 *	I-AMAP-1 a slot is non-NULL exactly when its bit is set; used = bits set
 *	I-AMAP-2 every anon has refs >= 1 and a page in state ANON that names it as owner
 *	I-AMAP-3 refs of a chunk >= 1
 *	I-AMAP-4 runs are sorted, disjoint, not empty, refs >= 1; only shared amaps have them
 *	I-AMAP-5 every occupied slot of a shared amap is covered
 * tess_anon_room_check: I-ANON-1 the anons out of the pool = frames in state ANON
 */
void tess_amap_check(struct tess_amap *am);
void tess_anon_room_check(void);

#endif
