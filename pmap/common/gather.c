/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * gather.c: what an operation owes after it has changed PTEs: flushes, then frames.
 *
 *	PTE cleared ── tess_gather_range ──┐
 *	                                   ├── tess_gather_finish: flush, acknowledgements, free
 *	frame orphaned ─ tess_gather_frame ┘
 *
 * THE PROBLEM WITH OTHERS.  Between the clearing of a PTE and its flush nothing in the tables
 * tells that a translation is still in use somewhere.  A second operation that finds the PTE
 * clear would owe nothing, and could free the frame, or return to a user who believes the
 * page gone, before the first has flushed.  So a debt leaves word of itself:
 *
 *   stamp   names an open gather: (CPU, slot, turn).  It is open as long as the CPU's slot holds it.
 *   frame   `stale` holds the stamp of the gather that removed a translation of it last, or MANY when
 *           there may be several open ones.  tess_gather_frame() by anyone else frees the frame a
 *           grace period later; an open gather is a read section, so it has finished by then.
 *   PTE page  holds up to three stamps (walk_debts).  Who finds there an open debt not its own flushes
 *           as if it had made the change itself.  On hardware that asks for break-before-make,
 *           an enter flushes the page first.  When the PTE page is detached, its debts move into the
 *           empty slot above it, and from there into its successor.
 *
 * The bits of `turn` only make it rarer that a slot's new gather is taken for an old one.  That
 * is harmless: the old one is finished, so the mistake costs a flush or a grace period.
 *
 * Rejected: a count of pending gathers in the pmap, as Linux has, since every operation of
 * every CPU would write it; freeing all frames after a grace period, since the common one has been
 * seen by one gather only and is warm.
 *
 * MIGRATION.  Between flushing "here" and sending to "the others" a thread could move to another CPU,
 * were it not for the acknowledgements that x86_64/tlb.c keeps itself.
 */
#include "pmap_priv.h"

/* ---- stamps ---- */

/* A stamp of this CPU's that no open gather has; MANY when all are in use. */
static uint16_t
stamp_take(void)
{
	uint16_t stamp = PMAP_STAMP_MANY;
	unsigned cpu;
	struct pmap_cpu *me;

	tess_port_preempt_disable();
	cpu = tess_port_cpu();
	me = &tess_machine()->pmap->cpu[cpu];
	for (unsigned i = 0; i < PMAP_STAMPS && stamp == PMAP_STAMP_MANY; i++) {
		unsigned turn = me->turn++;
		unsigned slot = turn % PMAP_STAMPS;

		if (tess_load_relaxed(&me->open[slot]) != 0)
			continue;
		/* 1 + at most 62 << 10 | 63 << 4 | 15: neither 0 nor MANY */
		stamp = (uint16_t)(1 + ((turn / PMAP_STAMPS % 63) << 10 | cpu << 4 | slot));
		tess_store_relaxed(&me->open[slot], stamp); /* published by the PTE page's lock */
	}
	tess_port_preempt_enable();
	return stamp;
}

static uint16_t *
stamp_slot(uint16_t stamp)
{
	unsigned bits = stamp - 1u;

	return &tess_machine()->pmap->cpu[bits >> 4 & 63].open[bits & (PMAP_STAMPS - 1)];
}

bool
tess_stamp_open(uint16_t stamp)
{
	if (stamp == 0 || stamp == PMAP_STAMP_MANY)
		return stamp != 0;
	/* A frame's word may be left from another life: any value, and so any CPU. */
	if (((stamp - 1u) >> 4 & 63) >= tess_machine()->ncpu)
		return false;
	/* acquire pairs with tess_gather_finish(): finished means flushed */
	return tess_load_acquire(stamp_slot(stamp)) == stamp;
}

uint64_t
tess_debt_add(uint64_t debts, uint16_t stamp)
{
	uint64_t kept = stamp;
	unsigned n = 1;

	for (; debts != 0; debts >>= 16) {
		uint16_t other = (uint16_t)debts;

		if (other == stamp || !tess_stamp_open(other))
			continue;
		if (n == PMAP_DEBT_LANES)
			return PMAP_STAMP_MANY;
		kept |= (uint64_t)other << 16 * n++;
	}
	return kept;
}

bool
tess_debt_open_slow(uint64_t debts, uint16_t mine)
{
	for (; debts != 0; debts >>= 16) {
		uint16_t stamp = (uint16_t)debts;

		if ((stamp != mine || stamp == PMAP_STAMP_MANY) && tess_stamp_open(stamp))
			return true;
	}
	return false;
}

/* ---- life of a gather ---- */

void
tess_gather_init(struct tess_gather *g)
{
	g->n = 0;
	g->all = false;
	g->finished = true;
	g->stamp = 0;
	g->cpus = 0;
	g->frames = NULL;
	g->nframes = 0;
}

void
tess_gather_open(struct tess_gather *g)
{
	tess_rcu_enter();
	g->finished = false;
	g->stamp = stamp_take();
}

void
tess_gather_range(struct tess_gather *g, struct tess_pmap *pm, tess_va start, tess_va end)
{
	struct tess_gather_range *last = &g->range[g->n == 0 ? 0 : g->n - 1];

	TESS_DEBUG(start < end && tess_page_aligned(start) && tess_page_aligned(end));
	(void)gather_stamp(g);
	if (g->n != 0 && last->pmap == pm && start <= last->end && end >= last->start) {
		if (start < last->start)
			last->start = start;
		if (end > last->end)
			last->end = end;
		return;
	}
	if (g->n == TESS_CONFIG_GATHER)
		PMAP_OP(tess_machine()->pmap_ops, tlb_spill)(g);
	g->range[g->n++] = (struct tess_gather_range){pm, start, end};
}

void
tess_gather_frame(struct tess_gather *g, struct tess_page *pg)
{
	(void)gather_stamp(g);
	if (tess_load_relaxed(&pg->state) != TESS_PAGE_TABLE) {
		TESS_DEBUG(pg->pv.pmap == NULL);
		tess_page_set_state(pg, TESS_PAGE_ALLOC); /* its owner's words are ours now */
	}
	pg->next = g->frames;
	g->frames = pg;
	g->nframes++;
}

uint64_t
tess_gather_pages(const struct tess_gather *g)
{
	uint64_t pages = 0;

	for (unsigned i = 0; i < g->n && pages <= TESS_CONFIG_FLUSH_PAGES; i++)
		pages += (g->range[i].end - g->range[i].start) >> TESS_PAGE_SHIFT;
	return pages;
}

static void
frame_free_later(struct tess_rcu_head *head)
{
	tess_page_free(TESS_CONTAINER(head, struct tess_page, rcu));
}

/* May the flush of g have been the only one that this frame was waiting for? */
static bool
frame_is_ours(const struct tess_gather *g, struct tess_page *pg)
{
	uint16_t stale = tess_load_relaxed(&pg->stale); /* ordered by how pg became an orphan */

	if (stale == 0 || (stale == g->stamp && stale != PMAP_STAMP_MANY))
		return true;
	return !tess_stamp_open(stale);
}

static void
gather_free(struct tess_gather *g)
{
	while (g->frames != NULL) {
		struct tess_page *pg = g->frames;

		g->frames = pg->next;
		if (tess_load_relaxed(&pg->state) == TESS_PAGE_TABLE || !frame_is_ours(g, pg)) {
			tess_rcu_defer(&pg->rcu, frame_free_later);
			continue;
		}
		tess_store_relaxed(&pg->stale, 0);
		tess_page_free(pg);
	}
	g->nframes = 0;
}

void
tess_page_settle(const struct tess_page *pg)
{
	/* An open gather is a read section. */
	if (tess_stamp_open(tess_load_relaxed(&pg->stale))) /* ordered by the last pass over pg */
		tess_port_gp_wait(tess_port_gp_start());
}

/* Mutexes rank below the chunks; every lock from there on is a spin lock (docs/LOCKS.md). */
static bool
no_spin_held(void)
{
	const struct tess_cpu *cpu = tess_cpu();

	for (uint32_t i = 0; i < cpu->nheld; i++) {
		if (cpu->rank[i] >= TESS_RANK_CHUNK)
			return false;
	}
	return true;
}

void
tess_gather_finish(struct tess_gather *g)
{
	TESS_ASSERT(no_spin_held()); /* sees none where ranks are not kept */
	if (g->finished)
		return;
	if (g->n != 0 || g->all)
		PMAP_OP(tess_machine()->pmap_ops, tlb_pay)(g);
	if (g->stamp != PMAP_STAMP_MANY) {
		/* release pairs with tess_stamp_open(): the flush is complete */
		tess_store_release(stamp_slot(g->stamp), 0);
	}
	gather_free(g);
	g->n = 0;
	g->all = false;
	g->cpus = 0;
	g->finished = true;
	tess_rcu_exit();
}
