/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * page.h: every frame has one owner and one state.
 *
 * ROOM     page
 * OWNS     struct tess_page, the physical ranges, free frames and their per-CPU caches
 * LOCKS    stealing (67), a CPU's cache (68), domain free list (70); all dropped inside
 * CALLS    base
 * NEVER    touches a PTE; calls upward
 * SLEEPS   never
 * CHECKS   tess_page_room_check(): I-PAGE-1..5
 */
#ifndef TESS_PAGE_H
#define TESS_PAGE_H

#include "base.h"
#include <tessera/page.h>

struct tess_pmap;

/*
 * A translation of a frame: which pmap, at which address.  The first lives in the page itself.
 */
struct tess_pv {
	struct tess_pmap *pmap; /* v: NULL in the page's own slot means none */
	tess_va va;             /* v */
	struct tess_pv *next;   /* v */
};

/*
 * States of a frame, with the function on each arrow:
 *
 *	FREE  ──tess_page_alloc──►  ALLOC  ──(owner sets)──►  SLAB | TABLE | ANON | OBJECT | ZERO
 *	  ▲			      │				    │
 *	  └──────tess_page_free◄──────┴─────────────────────────────┘
 *
 * A free frame is in a CPU's cache, on a domain's list, or was never used yet; the counts tell
 * which, the state does not, so that a batch of frames moves without being touched.  Frames of
 * boot metadata have no state: tess_page_of() answers NULL for them.
 */
enum tess_page_state {
	TESS_PAGE_FREE,
	TESS_PAGE_ALLOC,
	TESS_PAGE_SLAB,
	TESS_PAGE_TABLE,
	TESS_PAGE_ANON,
	TESS_PAGE_OBJECT,
	TESS_PAGE_ZERO,
	TESS_PAGE_STATES
};

enum {
	TESS_PAGE_MODIFIED = 1,   /* attrs: written through some translation since cleared */
	TESS_PAGE_REFERENCED = 2, /* attrs: used through some translation since cleared */
	TESS_PAGE_BUSY = 4,       /* attrs: an I/O owns the contents; wait on `attrs` */
	TESS_PAGE_WAITED = 8,     /* attrs: someone waits for BUSY to clear */
};

/*
 * struct tess_page: one a frame, in one array a range.  The memory is type-stable: a late locker of
 * pv_lock may find the frame free or another's, and allocation never writes that word.
 *
 * Key letters: o owner's lock, v pv lock, A atomic, q queue or free-list lock, t lock of this PTE page.
 */
struct tess_page {
	union {
		struct {
			void *owner;  /* o: object, anon, pool or pmap, as `state` says */
			tess_idx idx; /* o: index in the object */
		};
		struct {
			struct tess_page *next; /* q: free lists; a gather's frames to free */
			struct tess_page
			    *batch; /* q: first of a batch in a domain: the next batch */
		};
		struct tess_rcu_head rcu; /* q: given up, waiting for a grace period */
	};
	struct tess_pv pv;        /* v: first translation; for a PTE page see pmap */
	struct tess_spin pv_lock; /* rank PV; for a PTE page rank PTE */
	uint32_t attrs;           /* A: MODIFIED, REFERENCED, BUSY, WAITED */
	uint16_t wire;            /* o: holders that forbid eviction */
	uint16_t count; /* t: valid PTEs in this PTE page; v: else translations lost, mod 2^16 */
	uint8_t state;  /* A: enum tess_page_state; changed by the owner only */
	uint8_t domain; /* c: NUMA domain */
	union {
		uint8_t level;  /* t: level of a PTE page, 1 is the last */
		uint16_t stale; /* A: of another frame: pmap's word on flushes owed, see gather.c */
	};
	tess_pfn pfn; /* c: its own frame number */
};
TESS_STATIC_ASSERT(sizeof(struct tess_page) <= 64, "struct tess_page is one cache line");

TESS_MUST_CHECK enum tess_err tess_page_room_init(struct tess_machine *m,
						  const struct tess_phys_range *r, unsigned n);
/* tess_page_room_fini: panics with the owner's state when any frame is still in use. */
void tess_page_room_fini(struct tess_machine *m);

/* tess_page_pa, tess_page_of, tess_page_data: the three views of a frame. */
static inline tess_pa
tess_page_pa(const struct tess_page *pg)
{
	return pg->pfn << TESS_PAGE_SHIFT;
}

/* NULL: not memory of ours, or boot metadata.  Undefined contents for a frame never allocated. */
struct tess_page *tess_page_of(tess_pa pa);

static inline void *
tess_page_data(const struct tess_page *pg)
{
	return tess_port_direct(tess_page_pa(pg));
}

enum tess_page_fill {
	TESS_FILL_NONE,
	TESS_FILL_ZERO
};

/*
 * tess_page_alloc: a frame from this CPU's cache, refilled in batches from its domain, then any other.
 *
 * => gives: state ALLOC, no pv, attrs 0, wire 0, owner NULL; zeroed if asked
 * => NULL: no memory, or tess_port_fail(`site`) said so.  sleeps: no.  locks: below STEAL may be held
 * => "no memory" is the truth: every frame was seen in use, also those of other CPUs' caches
 */
TESS_MUST_CHECK struct tess_page *tess_page_alloc(enum tess_page_fill fill, enum tess_site site);

/*
 * tess_page_free: the frame goes back.  No translation, no wire, no busy.
 *
 * => the TLB flushes that concern it have completed: free through a gather
 * => locks: below STEAL may be held.  sleeps: no
 */
void tess_page_free(struct tess_page *pg);

static inline void
tess_page_set_state(struct tess_page *pg, enum tess_page_state s)
{
	tess_store_relaxed(&pg->state, (uint8_t)s);
}

/* The word "anon" for TESS_PAGE_ANON. */
const char *tess_page_state_name(enum tess_page_state s);

/* tess_page_room_check: I-PAGE-*; quiescent only. */
void tess_page_room_check(void);

#endif
