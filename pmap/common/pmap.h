/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * pmap.h: the hardware's translation cache, as the rooms above see it.
 *
 * ROOM     pmap
 * OWNS     struct tess_pmap, PTE pages, the translations of each frame (pv), struct tess_gather
 * LOCKS    PTE page (60), pv (65)
 * CALLS    base, page
 * NEVER    knows maps or objects; decides anything
 * SLEEPS   tess_gather_finish() waits for other CPUs' acknowledgements
 * CHECKS   tess_pmap_check(): I-PMAP-1..8
 *
 * A pmap is a cache of what the map says: an unwired translation may be forgotten at any time.
 * Modified and referenced bits belong to the frame and survive its translations.
 *
 * VALIDATED ENTER.  tess_pmap_enter() takes the lock of the PTE page and there re-checks the
 * entry's `dead` word; it installs only if it is still 0.  A writer first sets `dead`, then clears
 * PTEs under the same locks.  Either the enter comes first and is cleared, or it sees `dead`.
 */
#ifndef TESS_PMAP_COMMON_H
#define TESS_PMAP_COMMON_H

#include "base.h"
#include "page.h"
#include <tessera/pmap.h>

/* Internal answers; never a public error. */
enum tess_step {
	TESS_DONE,
	TESS_RETRY,
	TESS_FAIL
};

struct tess_pmap {
	const struct tess_pmap_ops *ops; /* c */
	tess_pa root;                    /* c: frame of the top table */
	uint32_t asid;                   /* c: 0 when the hardware has none */
	tess_cpuset active;       /* A: CPUs whose TLB may hold translations; test before set */
	struct tess_rcu_head rcu; /* freed through RCU: page_protect may still look at it */
	uint64_t tables_most;     /* A: no table is made beyond it */
	uint64_t pad[2];
	uint64_t tables; /* A: frames in use as tables; on a line of its own */
};

/* Frames that hold translations, those of the upper levels too. */
static inline uint64_t
tess_pmap_tables(const struct tess_pmap *pm)
{
	return tess_load_relaxed(&pm->tables);
}

/* tess_pmap_limit: make no table beyond `most`; an enter that needs one FAILs. */
static inline void
tess_pmap_limit(struct tess_pmap *pm, uint64_t most)
{
	tess_store_relaxed(&pm->tables_most, most);
}

/*
 * struct tess_gather: the debt of one operation.
 *
 *	tess_gather_init ──► operations add ranges and frames under their locks
 *	                 ──► all spin locks dropped ──► tess_gather_finish
 *
 * finish flushes on every CPU that may hold a stale translation, waits for the answers, and only then
 * frees the frames.  More than TESS_CONFIG_GATHER ranges become "everything on these CPUs".
 *
 * From its first debt until finish, a gather is a read section: the thread may not sleep, nor end its
 * operation, in between.  A gather dropped with debts thus shows as an open read section.
 */
struct tess_gather_range {
	struct tess_pmap *pmap;
	tess_va start, end;
};

struct tess_gather {
	unsigned n;
	bool all;                 /* ranges overflowed: flush everything on `cpus` */
	bool finished;            /* nothing is owed */
	uint16_t stamp;           /* names it to others while it is not; see gather.c */
	tess_cpuset cpus;         /* who may hold something stale */
	struct tess_page *frames; /* to free after the flush, through page->next */
	uint64_t nframes;
	struct tess_gather_range range[TESS_CONFIG_GATHER];
};

void tess_gather_init(struct tess_gather *g);
/* tess_gather_range: [start, end) of pm may be stale.  Context: spin locks may be held. */
void tess_gather_range(struct tess_gather *g, struct tess_pmap *pm, tess_va start, tess_va end);
/*
 * tess_gather_frame: free this frame after the flush.  It has no translation left in any table.
 *
 * => gives up ownership: state ALLOC from here on.  If another gather that is still open removed a
 *    translation of it, the frame is freed a grace period later
 */
void tess_gather_frame(struct tess_gather *g, struct tess_page *pg);
/*
 * tess_gather_finish: pay.  May be called again after more was added.
 *
 * => locks: no spin lock held; a mutex may be.  rcu: may be inside (it does not block on other readers)
 */
void tess_gather_finish(struct tess_gather *g);

TESS_MUST_CHECK enum tess_err tess_pmap_room_init(struct tess_machine *m,
						  const struct tess_pmap_ops *ops);
void tess_pmap_room_fini(struct tess_machine *m);

/*
 * tess_pmap_create: an empty pmap.  fails: NOMEM (memory or ASIDs).
 * tess_pmap_destroy: drop every translation and PTE page that is left; flushes; frees.
 *
 * => destroy: no CPU has it loaded but this one; no fault is in progress.  No spin lock held.
 */
TESS_MUST_CHECK enum tess_err tess_pmap_create(struct tess_pmap **out);
void tess_pmap_destroy(struct tess_pmap *pm);

/*
 * tess_pmap_activate: this CPU translates user addresses by pm (NULL: by an empty table) from here on.
 *
 * => preemption off or single-threaded CPU.  sets this CPU in pm->active before loading
 */
void tess_pmap_activate(struct tess_pmap *pm);

enum {
	TESS_ENTER_WIRED = 1, /* may not be forgotten */
	TESS_ENTER_READ = 2,  /* access type: seed referenced */
	TESS_ENTER_WRITE = 4, /* access type: seed referenced and modified */
	TESS_ENTER_EXEC = 8,
	TESS_ENTER_ACCESS = TESS_ENTER_READ | TESS_ENTER_WRITE | TESS_ENTER_EXEC,
	TESS_ENTER_KEEP = 16, /* if va already translates to another frame, change nothing: RETRY */
};

/*
 * tess_pmap_enter: translate va to pg with `prot`, replacing what is there.
 *
 * => DONE, or RETRY: *dead was set, nothing was done, look the entry up again; or FAIL: no memory
 *    for a PTE page or pv, nothing was done
 * => dead: may be NULL (no validation).  It is read under the PTE page's lock
 * => locks: spin locks below rank PTE may be held.  sleeps: no
 * => tlb: adds to g when a translation was replaced or lowered; not for a pure upgrade
 * => when the same translation was already there with these rights, flushes this CPU's TLB
 *    entry (a spurious fault) and counts TESS_STAT_FAULT_SPURIOUS
 * => the frame replaced, if any, is not freed: its owner does that, through g
 */
TESS_MUST_CHECK enum tess_step tess_pmap_enter(struct tess_pmap *pm, tess_va va,
					       struct tess_page *pg, tess_prot prot, unsigned flags,
					       const uint32_t *dead, struct tess_gather *g);

/*
 * tess_pmap_fixup: software accessed and dirty bits: was this fault only about them?
 *
 * => true: bits set, the access may be repeated.  Always false where hardware keeps both.
 */
bool tess_pmap_fixup(struct tess_pmap *pm, tess_va va, enum tess_access access);

/*
 * tess_pmap_remove: forget [start, end).  PTE pages wholly inside it are freed through g.
 * tess_pmap_protect: lower the rights in [start, end) to at most `prot`; NONE removes.  Never raises.
 * tess_pmap_unwire: clear the wired mark in [start, end); translations stay.
 *
 * => locks: spin locks below rank PTE may be held.  sleeps: no.  fails: never
 * => tlb: adds to g exactly what was valid
 * => remove collects modified and referenced bits into each frame's attrs
 * => cost: linear in PTE pages present, not in the width of the range
 */
void tess_pmap_remove(struct tess_pmap *pm, tess_va start, tess_va end, struct tess_gather *g);
void tess_pmap_protect(struct tess_pmap *pm, tess_va start, tess_va end, tess_prot prot,
		       struct tess_gather *g);
void tess_pmap_unwire(struct tess_pmap *pm, tess_va start, tess_va end);

/*
 * tess_pmap_extract: what does va translate to?
 *
 * => false: nothing.  pa and prot may be NULL.  prot counts software-dirty pages as writable.
 */
bool tess_pmap_extract(struct tess_pmap *pm, tess_va va, tess_pa *pa, tess_prot *prot);

/*
 * tess_pmap_used: modified and referenced bits (TESS_PAGE_*) of the one translation of va to pg; 0 when there is none.
 * Changes nothing.
 */
uint32_t tess_pmap_used(struct tess_pmap *pm, tess_va va, struct tess_page *pg);

/* tess_pmap_resident: valid translations in [start, end).  Walks; exact when nothing else runs. */
uint64_t tess_pmap_resident(struct tess_pmap *pm, tess_va start, tess_va end);

/*
 * tess_page_protect: lower the rights of every translation of pg: READ write-protects, NONE removes.
 * tess_page_collect: gather modified and referenced bits of every translation into pg->attrs and
 *	return them; with `clear`, clear those in the PTEs and in attrs (flushes through g).
 *
 * => locks: spin locks below rank PTE may be held (the owner's, so that no new translation appears)
 */
void tess_page_protect(struct tess_page *pg, tess_prot prot, struct tess_gather *g);
uint32_t tess_page_collect(struct tess_page *pg, uint32_t clear, struct tess_gather *g);

/*
 * tess_page_settle: wait until no gather owes the flush of a translation that pg has lost.  Protect and
 *	collect look at the translations there are; one that somebody else removed and has not flushed
 *	is still written through.
 *
 * => locks: none.  rcu: not inside.  sleeps: a grace period, when such a gather may be open
 */
void tess_page_settle(const struct tess_page *pg);

/*
 * tess_pmap_check: walk the tables and assert I-PMAP-*; with `allowed`, that each translation's
 * rights are within allowed(ctx, va, frame).  Quiescent only.
 */
void tess_pmap_check(struct tess_pmap *pm,
		     tess_prot (*allowed)(void *ctx, tess_va va, struct tess_page *pg), void *ctx);

#endif
