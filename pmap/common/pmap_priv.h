/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * pmap_priv.h: what the files of the pmap room share.
 *
 *	pmap.c      the room, creation and destruction, dispatch to an instruction set
 *	walk.h      the one walker, a template over the PTE words of an instruction set
 *	walk_check.h  its invariants, likewise
 *	pv.c        from a frame to its translations
 *	gather.c    debts of flushes, and the stamps that tell others of them
 *	../ISA      pte.h (words), tlb.c (orders), pmap.c (an instance of the walker)
 *
 * PTE PAGES.  The struct tess_page of a PTE page (level 1) holds, under pv_lock at rank PTE:
 * `level` 1, or 0 once it is detached; `count` of valid PTEs; owner and idx, the pmap and the first
 * address; and in pv.va the debts of gathers that have not flushed yet (walk_debts()).  Upper
 * tables have owner, idx and level only; a slot of theirs goes from empty to a table by
 * compare-and-swap, and back only for a level 1 table, under that table's lock.  Tables of levels
 * 2 and up live until the pmap is destroyed.
 *
 * Whoever walks tables without a lock is in a read section, and every table is freed through a
 * gather and then a grace period, so what a walker holds is at worst a detached PTE page: its
 * level, read under its lock, says so.
 *
 * One instruction set: with TESS_PMAP_ONLY defined as x86_64 or aarch64 for the whole library, the
 * calls through struct tess_pmap_ops become direct ones.
 */
#ifndef TESS_PMAP_PRIV_H
#define TESS_PMAP_PRIV_H

#include "pmap.h"

#define PMAP_LEVELS     4
#define PMAP_SLOTS      512
#define PMAP_STAMPS     16     /* open gathers a CPU can name at once */
#define PMAP_STAMP_MANY 0xffff /* some gathers, perhaps open: never found finished */
#define PMAP_DEBT_LANES 3      /* stamps in a word of debts */
#define PMAP_DEBT_MASK  (((uint64_t)1 << 16 * PMAP_DEBT_LANES) - 1)

/*
 * The operations of one instruction set.  Every slot is filled.
 *
 * enter .. resident: as tess_pmap_*.  frame_*: one translation found through its frame; nothing
 * happens when va no longer translates to pg.  tables_free: gives g the root and the tables of level
 * 2 and up; the PTE pages are gone.  tlb_pay: flush what g owes.  tlb_spill: make room in g->range.
 */
struct tess_pmap_ops {
	struct tess_pmap_caps caps;
	enum tess_step (*enter)(struct tess_pmap *pm, tess_va va, struct tess_page *pg,
				tess_prot prot, unsigned flags, const uint32_t *dead,
				struct tess_gather *g);
	bool (*fixup)(struct tess_pmap *pm, tess_va va, enum tess_access access);
	void (*remove)(struct tess_pmap *pm, tess_va start, tess_va end, struct tess_gather *g);
	void (*protect)(struct tess_pmap *pm, tess_va start, tess_va end, tess_prot prot,
			struct tess_gather *g);
	void (*unwire)(struct tess_pmap *pm, tess_va start, tess_va end);
	bool (*extract)(struct tess_pmap *pm, tess_va va, tess_pa *pa, tess_prot *prot);
	uint64_t (*resident)(struct tess_pmap *pm, tess_va start, tess_va end);
	void (*frame_remove)(struct tess_pmap *pm, tess_va va, struct tess_page *pg,
			     struct tess_gather *g);
	void (*frame_lower)(struct tess_pmap *pm, tess_va va, struct tess_page *pg, tess_prot prot,
			    struct tess_gather *g);
	uint32_t (*frame_harvest)(struct tess_pmap *pm, tess_va va, struct tess_page *pg,
				  uint32_t clear, struct tess_gather *g);
	void (*tables_free)(struct tess_pmap *pm, struct tess_gather *g);
	void (*check)(struct tess_pmap *pm,
		      tess_prot (*allowed)(void *ctx, tess_va va, struct tess_page *pg), void *ctx);
	void (*tlb_pay)(struct tess_gather *g);
	void (*tlb_spill)(struct tess_gather *g);
};

/* The functions of instruction set `isa`, which its pmap.c and tlb.c define. */
#define PMAP_DECLARE(isa)                                                                         \
	enum tess_step tess_##isa##_enter(struct tess_pmap *, tess_va, struct tess_page *,        \
					  tess_prot, unsigned, const uint32_t *,                  \
					  struct tess_gather *);                                  \
	bool tess_##isa##_fixup(struct tess_pmap *, tess_va, enum tess_access);                   \
	void tess_##isa##_remove(struct tess_pmap *, tess_va, tess_va, struct tess_gather *);     \
	void tess_##isa##_protect(struct tess_pmap *, tess_va, tess_va, tess_prot,                \
				  struct tess_gather *);                                          \
	void tess_##isa##_unwire(struct tess_pmap *, tess_va, tess_va);                           \
	bool tess_##isa##_extract(struct tess_pmap *, tess_va, tess_pa *, tess_prot *);           \
	uint64_t tess_##isa##_resident(struct tess_pmap *, tess_va, tess_va);                     \
	void tess_##isa##_frame_remove(struct tess_pmap *, tess_va, struct tess_page *,           \
				       struct tess_gather *);                                     \
	void tess_##isa##_frame_lower(struct tess_pmap *, tess_va, struct tess_page *, tess_prot, \
				      struct tess_gather *);                                      \
	uint32_t tess_##isa##_frame_harvest(struct tess_pmap *, tess_va, struct tess_page *,      \
					    uint32_t, struct tess_gather *);                      \
	void tess_##isa##_tables_free(struct tess_pmap *, struct tess_gather *);                  \
	void tess_##isa##_check(struct tess_pmap *,                                               \
				tess_prot (*)(void *, tess_va, struct tess_page *), void *);      \
	void tess_##isa##_tlb_pay(struct tess_gather *);                                          \
	void tess_##isa##_tlb_spill(struct tess_gather *)

PMAP_DECLARE(x86_64);
PMAP_DECLARE(aarch64);

#define PMAP_TABLE_OF(isa)                                                                       \
	.enter = tess_##isa##_enter, .fixup = tess_##isa##_fixup, .remove = tess_##isa##_remove, \
	.protect = tess_##isa##_protect, .unwire = tess_##isa##_unwire,                          \
	.extract = tess_##isa##_extract, .resident = tess_##isa##_resident,                      \
	.frame_remove = tess_##isa##_frame_remove, .frame_lower = tess_##isa##_frame_lower,      \
	.frame_harvest = tess_##isa##_frame_harvest, .tables_free = tess_##isa##_tables_free,    \
	.check = tess_##isa##_check, .tlb_pay = tess_##isa##_tlb_pay,                            \
	.tlb_spill = tess_##isa##_tlb_spill

#ifdef TESS_PMAP_ONLY
#define PMAP_PASTE_(isa, fn) tess_##isa##_##fn
#define PMAP_PASTE(isa, fn)  PMAP_PASTE_(isa, fn)
#define PMAP_OP(ops, fn)     ((void)(ops), PMAP_PASTE(TESS_PMAP_ONLY, fn))
#else
#define PMAP_OP(ops, fn) ((ops)->fn)
#endif

/* One CPU's words.  Others read `open` when they meet a stamp of this CPU. */
struct pmap_cpu {
	struct tess_pmap *current;  /* A: written by this CPU only */
	uint16_t turn;              /* P: gathers opened here */
	uint16_t open[PMAP_STAMPS]; /* A: stamps of open gathers, or 0 */
} __attribute__((aligned(64)));

struct tess_pmap_room {
	struct pmap_cpu *cpu; /* c: [ncpu] */
	tess_pa empty;        /* c: a root without translations */
	struct tess_pool pvs; /* second and further translations of a frame */
	struct tess_pool pmaps;
	struct tess_spin lock; /* guards the ASIDs (rank FREE) */
	uint64_t *asids;       /* l: bitmap of those taken; NULL without ASIDs */
	uint32_t nasids;       /* c */
	uint32_t asid_at;      /* l: where the next search begins */
};

/* ---- walk.h's data ---- */

/* A PTE: in which PTE page, where, and the slot that holds that PTE page. */
struct walk_leaf {
	struct tess_page *pt; /* set by who locks it */
	uint64_t *slot;
	uint64_t *parent;
};

/* The part [va, next) of [.., end) that lies in one PTE page. */
struct walk_cursor {
	struct tess_pmap *pm;
	struct tess_gather *g; /* NULL: the walk owes no flush */
	tess_va va, next, end;
	struct walk_leaf leaf;
};

/* Neighbouring pages that need a flush. */
struct walk_run {
	tess_va start, end;
};

/* What an enter may need, allocated before anything changes. */
struct walk_spare {
	struct tess_page *table[PMAP_LEVELS - 1];
	unsigned ntables;
	struct tess_pv *pv;
};

static inline unsigned
walk_index(tess_va va, unsigned level)
{
	return (va >> (TESS_PAGE_SHIFT + 9 * (level - 1))) & (PMAP_SLOTS - 1);
}

/* Bytes that one slot of a table of this level covers. */
static inline uint64_t
walk_span(unsigned level)
{
	return (uint64_t)1 << (TESS_PAGE_SHIFT + 9 * (level - 1));
}

static inline tess_va
walk_limit(const struct tess_pmap *pm)
{
	return (tess_va)1 << pm->ops->caps.va_bits;
}

/* The struct tess_page of the PTE page that l->slot lies in. */
static inline struct tess_page *
walk_pt(const struct walk_leaf *l)
{
	return tess_page_of(tess_page_trunc(tess_port_direct_pa(l->slot)));
}

static inline void
pt_lock(struct tess_page *pt) TESS_NO_ANALYSIS
{
	tess_spin_lock(&pt->pv_lock, TESS_RANK_PTE);
}

static inline void
pt_unlock(struct tess_page *pt) TESS_NO_ANALYSIS
{
	tess_spin_unlock(&pt->pv_lock, TESS_RANK_PTE);
}

/* ---- gather.c: stamps and debts ---- */

/* Give g a stamp and begin its read section: it is about to owe something. */
void tess_gather_open(struct tess_gather *g);

static inline uint16_t
gather_stamp(struct tess_gather *g)
{
	if (TESS_UNLIKELY(g->finished))
		tess_gather_open(g);
	return g->stamp;
}

/* Has the gather of this stamp yet to flush?  `stamp` may be 0 or MANY. */
bool tess_stamp_open(uint16_t stamp);
/* `debts` with the finished ones dropped and `stamp` added. */
uint64_t tess_debt_add(uint64_t debts, uint16_t stamp);
/* Is any of these debts, other than that of `mine`, still open? */
bool tess_debt_open_slow(uint64_t debts, uint16_t mine);

static inline bool
debt_open(uint64_t debts, uint16_t mine)
{
	return TESS_UNLIKELY(debts != 0) && tess_debt_open_slow(debts, mine);
}

/* The debts of a PTE page, in a word that only data frames use otherwise.  => its lock */
static inline uint64_t *
walk_debts(struct tess_page *pt)
{
	return &pt->pv.va;
}

/* g owes flushes for translations of this PTE page.  => its lock */
static inline void
walk_owe(struct tess_page *pt, struct tess_gather *g)
{
	if (*walk_debts(pt) != gather_stamp(g))
		*walk_debts(pt) = tess_debt_add(*walk_debts(pt), g->stamp);
}

/* Pages that g has to flush, over all its ranges; capped. */
uint64_t tess_gather_pages(const struct tess_gather *g);

/* va needs a flush: neighbours join, the rest goes to g. */
static inline void
walk_run_add(struct walk_run *run, const struct walk_cursor *c, tess_va va)
{
	if (va != run->end) {
		if (run->end != run->start)
			tess_gather_range(c->g, c->pm, run->start, run->end);
		run->start = va;
	}
	run->end = va + TESS_PAGE_SIZE;
}

/* The PTE page is done: hand over what is left, and leave word of the debt.  => its lock */
static inline void
walk_run_end(struct walk_run *run, const struct walk_cursor *c)
{
	if (run->end == run->start)
		return;
	tess_gather_range(c->g, c->pm, run->start, run->end);
	walk_owe(c->leaf.pt, c->g);
}

/* ---- pv.c ---- */

/* Frames whose translations are remembered.  The zero page has thousands, and nobody asks. */
static inline bool
pv_managed(const struct tess_page *pg)
{
	return pg != NULL && tess_load_relaxed(&pg->state) != TESS_PAGE_ZERO;
}

/* pv.c: the halves for a frame with several translations.  => pv lock; tess_pv_unlink returns without */
TESS_MUST_CHECK bool tess_pv_link(struct tess_page *pg, struct tess_pmap *pm, tess_va va,
				  struct walk_spare *s);
void tess_pv_unlink(struct tess_page *pg, struct tess_pmap *pm, tess_va va);
/* pv.c: `stamp` owes a flush for pg, and so may another.  => pv lock */
void tess_pv_stamp(struct tess_page *pg, uint16_t stamp);
/* How often va of pm stands in pg's list.  Quiescent only. */
unsigned tess_pv_count(const struct tess_page *pg, const struct tess_pmap *pm, tess_va va);

static inline void
pv_lock(struct tess_page *pg) TESS_NO_ANALYSIS
{
	tess_spin_lock(&pg->pv_lock, TESS_RANK_PV);
}

static inline void
pv_unlock(struct tess_page *pg) TESS_NO_ANALYSIS
{
	tess_spin_unlock(&pg->pv_lock, TESS_RANK_PV);
}

/*
 * pv_add, pv_remove: va of pm begins, or ceases, to translate to pg.
 *
 * => locks: the PTE page's.  add uses s->pv (s may be NULL) before it asks the pool
 * => add fails: no memory, nothing changed.  remove: `stamp` owes the flush; 0: it is done
 */
TESS_MUST_CHECK static inline bool
pv_add(struct tess_page *pg, struct tess_pmap *pm, tess_va va, struct walk_spare *s)
{
	bool ok = true;

	pv_lock(pg);
	if (TESS_LIKELY(pg->pv.pmap == NULL)) {
		pg->pv.pmap = pm;
		pg->pv.va = va;
	} else {
		ok = tess_pv_link(pg, pm, va, s);
	}
	pv_unlock(pg);
	return ok;
}

static inline void
pv_remove(struct tess_page *pg, struct tess_pmap *pm, tess_va va, uint16_t stamp)
{
	uint16_t was;

	pv_lock(pg);
	was = tess_load_relaxed(&pg->stale);
	if (TESS_LIKELY(was == 0))
		tess_store_relaxed(&pg->stale, stamp);
	else
		tess_pv_stamp(pg, stamp);
	pg->count++; /* see REVERSE ORDER in pv.c */
	if (TESS_UNLIKELY(pg->pv.next != NULL)) {
		tess_pv_unlink(pg, pm, va);
		return;
	}
	TESS_ASSERT(pg->pv.pmap == pm && pg->pv.va == va);
	pg->pv.pmap = NULL;
	pv_unlock(pg);
}

static inline void
pv_attrs_add(struct tess_page *pg, uint32_t bits)
{
	if ((bits & ~tess_load_relaxed(&pg->attrs)) != 0)
		tess_or_relaxed(&pg->attrs, bits); /* ordered by the pv lock that follows */
}

/* ---- this CPU ---- */

static inline struct pmap_cpu *
pmap_cpu_here(void)
{
	return &tess_machine()->pmap->cpu[tess_port_cpu()];
}

/* Forget va on this CPU, if it runs on pm.  => preemption off */
static inline void
pmap_flush_here(struct tess_pmap *pm, tess_va va)
{
	if (tess_load_relaxed(&pmap_cpu_here()->current) != pm)
		return;
	tess_port_tlb_page(pm->asid, va);
	tess_stat_add(TESS_STAT_TLB_LOCAL, 1);
}

/*
 * Forget va on every CPU, by an instruction.  Only where the caps say `broadcast`.
 *
 * => context: any, spin locks may be held
 */
static inline void
pmap_flush_everywhere(struct tess_pmap *pm, tess_va va)
{
	tess_fence_full(); /* pairs with tess_pmap_activate(): the PTE before `active` */
	if (tess_load_relaxed(&pm->active) == 0)
		return;
	tess_port_tlb_bcast_page(pm->asid, va);
	tess_stat_add(TESS_STAT_TLB_BCAST, 1);
}

#endif
