/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * gather.c: who is told to flush what, when frames are freed, and what one gather tells another.
 */
#include "pmap_fixture.h"

enum {
	R = TESS_PROT_READ,
	W = TESS_PROT_READ | TESS_PROT_WRITE
};

static void
finish_without_debts(void **state)
{
	struct fx *f = *state;
	struct tess_page *pg = fx_frame();

	tess_pmap_activate(f->pm);
	fx_enter(f, f->pm, VA, pg, R, 0);
	unit_tlb_reset();
	tess_gather_finish(&f->g);
	fx_remove(f, f->pm, VA + PAGE, VA + SPAN); /* nothing is there */
	assert_int_equal(fx_orders(), 0);
	fx_frame_free(f, pg);
}

static void
finish_flushes_who_runs_it(void **state)
{
	struct fx *f = *state;
	struct tess_page *pg = fx_frame();
	bool x86 = fx_is_x86(f);

	if (!ROOMY)
		return fx_frame_free(f, pg);
	for (unsigned i = 0; i < 6; i++)
		fx_enter(f, f->pm, VA + i * PAGE, pg, W, 0);
	fx_remove(f, f->pm, VA, VA + PAGE); /* it never ran */
	assert_int_equal(fx_orders(), 0);
	tess_pmap_activate(f->pm);
	fx_remove(f, f->pm, VA + PAGE, VA + 2 * PAGE); /* here only */
	assert_int_equal(unit_tlb_get().count[UNIT_TLB_PAGE], x86);
	assert_int_equal(unit_tlb_get().count[UNIT_TLB_BCAST_PAGE], !x86);
	assert_int_equal(unit_tlb_get().ipis, 0);
	fx_run_on(f->pm, 1);
	fx_run_on(f->pm, 3);
	fx_run_on(f->other, 2);
	unit_tlb_reset();
	fx_remove(f, f->pm, VA + 2 * PAGE, VA + 4 * PAGE); /* here and on two others */
	assert_int_equal(unit_tlb_get().ipis, x86 ? 2 : 0);
	assert_int_equal(unit_tlb_get().count[UNIT_TLB_PAGE], x86 ? 6 : 0);
	assert_int_equal(unit_tlb_get().count[UNIT_TLB_BCAST_PAGE], x86 ? 0 : 2);
	assert_int_equal(tess_stat_get(TESS_STAT_TLB_IPI), x86 ? 2 : 0);
	assert_int_equal(tess_stat_get(TESS_STAT_TLB_LOCAL), x86 ? 3 : 0);
	assert_int_equal(tess_stat_get(TESS_STAT_TLB_BCAST), x86 ? 0 : 3);
	unit_tlb_reset();
	tess_pmap_activate(NULL);
	fx_remove(f, f->pm, VA + 4 * PAGE, VA + 5 * PAGE); /* the others only */
	assert_int_equal(unit_tlb_get().ipis, x86 ? 2 : 0);
	assert_int_equal(unit_tlb_get().count[UNIT_TLB_PAGE], x86 ? 2 : 0);
	for (unsigned cpu = 0; cpu < NCPU; cpu++)
		fx_run_on(NULL, cpu);
	fx_frame_free(f, pg);
}

static void
finish_flushes_all_above_the_limit(void **state)
{
	struct fx *f = *state;
	struct tess_page *pg = fx_frame();
	bool x86 = fx_is_x86(f);
	unsigned n = TESS_CONFIG_FLUSH_PAGES;

	tess_pmap_activate(f->pm);
	for (unsigned i = 0; i < n + 1; i++)
		fx_enter(f, f->pm, VA + i * PAGE, pg, W, 0);
	unit_tlb_reset();
	fx_remove(f, f->pm, VA, VA + n * PAGE);
	assert_int_equal(unit_tlb_get().count[x86 ? UNIT_TLB_PAGE : UNIT_TLB_BCAST_PAGE], n);
	for (unsigned i = 0; i < n; i++)
		fx_enter(f, f->pm, VA + i * PAGE, pg, W, 0);
	unit_tlb_reset();
	fx_remove(f, f->pm, VA, VA + (n + 1) * PAGE);
	assert_int_equal(unit_tlb_get().count[x86 ? UNIT_TLB_ASID : UNIT_TLB_BCAST_ASID], 1);
	assert_int_equal(fx_orders(), 1);
	fx_frame_free(f, pg);
}

static void
range_joins_neighbours(void **state)
{
	struct fx *f = *state;
	struct tess_gather *g = &f->g;

	tess_gather_range(g, f->pm, VA + PAGE, VA + 2 * PAGE);
	tess_gather_range(g, f->pm, VA + 2 * PAGE, VA + 3 * PAGE);
	tess_gather_range(g, f->pm, VA, VA + PAGE);
	assert_int_equal(g->n, 1);
	assert_int_equal(g->range[0].start, VA);
	assert_int_equal(g->range[0].end, VA + 3 * PAGE);
	assert_int_equal(tess_gather_pages(g), 3);
	tess_gather_finish(g);
	assert_int_equal(g->n, 0);
	assert_int_equal(unit_rcu_depth, 0);
}

static void
range_overflows(void **state)
{
	struct fx *f = *state;
	struct tess_page *pg = fx_frame();
	bool x86 = fx_is_x86(f);
	unsigned n = TESS_CONFIG_GATHER + 1;

	if (!ROOMY)
		return fx_frame_free(f, pg);
	tess_pmap_activate(f->pm);
	fx_run_on(f->pm, 1);
	fx_run_on(f->other, 2);
	for (unsigned i = 0; i < n; i++)
		fx_enter(f, f->pm, VA + 2 * i * PAGE, pg, W, 0);
	fx_enter(f, f->other, VA, pg, W, 0);
	unit_tlb_reset();
	tess_pmap_remove(f->pm, VA, VA + 2 * n * PAGE, &f->g);
	assert_int_equal(f->g.all, x86);
	assert_int_equal(f->g.n, 1);
	assert_int_equal(unit_tlb_get().count[UNIT_TLB_BCAST_PAGE], x86 ? 0 : n - 1);
	tess_pmap_remove(f->other, VA, VA + PAGE, &f->g);
	tess_gather_finish(&f->g);
	assert_int_equal(unit_tlb_get().count[UNIT_TLB_ASID], x86 ? 3 : 0);
	assert_int_equal(unit_tlb_get().count[UNIT_TLB_BCAST_PAGE], x86 ? 0 : n + 1);
	assert_int_equal(unit_tlb_get().ipis, x86 ? 2 : 0);
	assert_false(f->g.all);
	for (unsigned cpu = 0; cpu < NCPU; cpu++)
		fx_run_on(NULL, cpu);
	fx_frame_free(f, pg);
}

/* Ranges that had to be dropped: their CPUs are remembered. */
static void
range_overflow_keeps_the_cpus(void **state)
{
	struct fx *f = *state;
	bool x86 = fx_is_x86(f);

	fx_run_on(f->pm, 1);
	fx_run_on(f->other, 2);
	unit_tlb_reset();
	for (unsigned i = 0; i < TESS_CONFIG_GATHER; i++)
		tess_gather_range(&f->g, f->pm, VA + 2 * i * PAGE, VA + (2 * i + 1) * PAGE);
	tess_gather_range(&f->g, f->other, VA, VA + PAGE);
	fx_run_on(NULL, 2); /* it has flushed: nobody needs to ask it */
	fx_run_on(f->pm, 3);
	tess_gather_finish(&f->g);
	assert_int_equal(unit_tlb_get().ipis, x86);
	assert_int_equal(unit_tlb_get().count[UNIT_TLB_ASID], x86);
	fx_run_on(NULL, 1);
	fx_run_on(NULL, 3);
}

static void
frame_is_freed_after_the_flush(void **state)
{
	struct fx *f = *state;
	struct tess_page *pg = fx_frame();

	fx_enter(f, f->pm, VA, pg, W, 0);
	tess_pmap_remove(f->pm, VA, VA + PAGE, &f->g);
	tess_gather_frame(&f->g, pg);
	assert_int_equal(pg->state, TESS_PAGE_ALLOC);
	assert_int_equal(f->g.nframes, 1);
	tess_gather_finish(&f->g);
	assert_int_equal(pg->state, TESS_PAGE_FREE); /* at once: nobody else owed anything */
}

/* A gather that is open removed a translation of it: the frame waits for that one too. */
static void
frame_waits_for_another_gather(void **state)
{
	struct fx *f = *state;
	struct tess_page *pg = fx_frame(), *mixed = fx_frame();
	struct tess_gather first;

	tess_gather_init(&first);
	fx_enter(f, f->pm, VA, pg, W, 0);
	fx_enter(f, f->pm, VA + PAGE, mixed, W, 0);
	fx_enter(f, f->other, VA, mixed, W, 0);
	tess_pmap_remove(f->pm, VA, VA + 2 * PAGE, &first);
	tess_pmap_remove(f->other, VA, VA + PAGE, &f->g);
	tess_gather_frame(&f->g, pg);
	tess_gather_frame(&f->g, mixed);
	tess_gather_finish(&f->g);
	assert_int_equal(pg->state, TESS_PAGE_ALLOC);
	assert_int_equal(mixed->state, TESS_PAGE_ALLOC);
	tess_gather_finish(&first);
	tess_rcu_drain();
	assert_int_equal(pg->state, TESS_PAGE_FREE);
	assert_int_equal(mixed->state, TESS_PAGE_FREE);
}

static void
frame_need_not_wait_for_a_finished_one(void **state)
{
	struct fx *f = *state;
	struct tess_page *pg = fx_frame();

	for (unsigned i = 0; i < 3 * PMAP_STAMPS; i++) {
		fx_enter(f, f->pm, VA, pg, W, 0);
		fx_remove(f, f->pm, VA, VA + PAGE);
	}
	tess_gather_frame(&f->g, pg);
	tess_gather_finish(&f->g);
	assert_int_equal(pg->state, TESS_PAGE_FREE);
}

/* What another has changed and not flushed is flushed by whoever relies on it. */
static void
remove_pays_for_another_gather(void **state)
{
	struct fx *f = *state;
	struct tess_page *pg = fx_frame();
	struct tess_gather first;

	tess_gather_init(&first);
	tess_pmap_activate(f->pm);
	fx_enter(f, f->pm, VA, pg, W, 0);
	fx_enter(f, f->pm, VA + SPAN, pg, W, 0);
	tess_pmap_remove(f->pm, VA, VA + PAGE, &first);
	unit_tlb_reset();
	fx_remove(f, f->pm, VA, VA + PAGE);
	assert_int_equal(fx_orders(), 1);
	fx_remove(f, f->pm, VA + SPAN, VA + SPAN + PAGE);
	assert_int_equal(fx_orders(), 2);
	tess_pmap_remove(f->pm, VA, VA + SPAN, &first); /* the debt outlives the PTE page */
	unit_tlb_reset();
	fx_remove(f, f->pm, VA, VA + PAGE);
	assert_int_equal(fx_orders(), 1);
	fx_enter(f, f->pm, VA + 5 * PAGE, pg, W, 0); /* and is inherited by its successor */
	unit_tlb_reset();
	fx_remove(f, f->pm, VA, VA + PAGE);
	assert_int_equal(fx_orders(), 1);
	tess_gather_finish(&first);
	unit_tlb_reset();
	fx_remove(f, f->pm, VA, VA + PAGE);
	assert_int_equal(fx_orders(), 0);
	fx_frame_free(f, pg);
}

static void
protect_pays_for_another_gather(void **state)
{
	struct fx *f = *state;
	struct tess_page *pg = fx_frame();
	struct tess_gather first;

	tess_gather_init(&first);
	tess_pmap_activate(f->pm);
	fx_enter(f, f->pm, VA, pg, W, 0);
	tess_pmap_protect(f->pm, VA, VA + PAGE, R, &first);
	unit_tlb_reset();
	tess_pmap_protect(f->pm, VA, VA + PAGE, R, &f->g);
	tess_gather_finish(&f->g);
	tess_page_protect(pg, R, &f->g);
	tess_gather_finish(&f->g);
	(void)tess_page_collect(pg, TESS_PAGE_MODIFIED, &f->g);
	tess_gather_finish(&f->g);
	assert_int_equal(fx_orders(), 3);
	tess_gather_finish(&first);
	unit_tlb_reset();
	tess_page_protect(pg, R, &f->g);
	assert_true(f->g.finished);
	fx_frame_free(f, pg);
}

/* Break before make, when the break was another's and its flush is still to come. */
static void
enter_flushes_what_another_owes(void **state)
{
	struct fx *f = *state;
	struct tess_page *a = fx_frame(), *b = fx_frame();
	bool x86 = fx_is_x86(f);
	struct tess_gather first;

	tess_gather_init(&first);
	tess_pmap_activate(f->pm);
	fx_enter(f, f->pm, VA, a, W, 0);
	tess_pmap_remove(f->pm, VA, VA + PAGE, &first);
	unit_tlb_reset();
	fx_enter(f, f->pm, VA, b, W, 0);
	assert_int_equal(unit_tlb_get().count[UNIT_TLB_BCAST_PAGE], !x86);
	tess_pmap_remove(f->pm, VA, VA + SPAN, &first); /* and its PTE page goes */
	unit_tlb_reset();
	fx_enter(f, f->pm, VA, a, W, 0);
	assert_int_equal(unit_tlb_get().count[UNIT_TLB_BCAST_PAGE], !x86);
	tess_gather_finish(&first);
	fx_remove(f, f->pm, VA, VA + PAGE);
	unit_tlb_reset();
	fx_enter(f, f->pm, VA, b, W, 0);
	assert_int_equal(fx_orders(), 0);
	fx_frame_free(f, a);
	fx_frame_free(f, b);
}

/* More open gathers than a PTE page, a frame or a CPU can name. */
static void
many_gathers_at_once(void **state)
{
	struct fx *f = *state;
	struct tess_gather g[2 * PMAP_STAMPS];
	struct tess_page *pg = fx_frame();

	tess_pmap_activate(f->pm);
	for (unsigned i = 0; i < 2 * PMAP_STAMPS; i++) {
		tess_gather_init(&g[i]);
		fx_enter(f, f->pm, VA + i * PAGE, pg, W, 0);
		tess_pmap_remove(f->pm, VA + i * PAGE, VA + (i + 1) * PAGE, &g[i]);
	}
	tess_gather_frame(&f->g, pg);
	tess_gather_finish(&f->g);
	assert_int_equal(pg->state, TESS_PAGE_ALLOC);
	pg = fx_frame();
	for (unsigned i = 0; i < 2 * PMAP_STAMPS; i++)
		tess_gather_finish(&g[i]);
	for (unsigned i = 0; i < PMAP_STAMPS; i++) {
		assert_int_equal(f->m->pmap->cpu[0].open[i], 0);
		fx_enter(f, f->pm, VA + i * PAGE, pg, W, 0);
	}
	fx_frame_free(f, pg);
}

static void
debt_add_and_open(void **state)
{
	struct tess_gather g[5];
	uint64_t debts = 0;

	(void)state;
	for (unsigned i = 0; i < 5; i++) {
		tess_gather_init(&g[i]);
		tess_gather_open(&g[i]);
		assert_true(tess_stamp_open(g[i].stamp));
	}
	for (unsigned i = 0; i < PMAP_DEBT_LANES; i++)
		debts = tess_debt_add(tess_debt_add(debts, g[i].stamp), g[i].stamp);
	assert_int_equal(debts >> 16 * PMAP_DEBT_LANES, 0);
	assert_true(tess_debt_open_slow(debts, g[0].stamp));
	tess_gather_finish(&g[1]);
	tess_gather_finish(&g[2]);
	assert_false(tess_debt_open_slow(debts, g[0].stamp));
	assert_true(tess_debt_open_slow(debts, 0));
	debts = tess_debt_add(debts, g[3].stamp); /* the finished ones made room */
	debts = tess_debt_add(debts, g[4].stamp);
	assert_true(tess_debt_open_slow(debts, g[4].stamp));
	assert_int_not_equal(debts, PMAP_STAMP_MANY);
	tess_gather_finish(&g[0]);
	tess_gather_finish(&g[3]);
	assert_false(tess_debt_open_slow(debts, g[4].stamp));
	tess_gather_finish(&g[4]);
	assert_false(tess_debt_open_slow(debts, 0));
}

static void
finish_with_a_spin_lock_panics(void **state)
{
	struct fx *f = *state;
	struct tess_page *pg = fx_frame();

	tess_spin_lock(&pg->pv_lock, TESS_RANK_PV);
#if TESS_CONFIG_ASSERT >= 2
	UNIT_EXPECT_PANIC(tess_gather_finish(&f->g), "no_spin_held");
#endif
	tess_spin_unlock(&pg->pv_lock, TESS_RANK_PV);
	fx_frame_free(f, pg);
}

static const struct fx_test list[] = {
    FX(finish_without_debts),
    FX(finish_flushes_who_runs_it),
    FX(finish_flushes_all_above_the_limit),
    FX(range_joins_neighbours),
    FX(range_overflows),
    FX(range_overflow_keeps_the_cpus),
    FX(frame_is_freed_after_the_flush),
    FX(frame_waits_for_another_gather),
    FX(frame_need_not_wait_for_a_finished_one),
    FX(remove_pays_for_another_gather),
    FX(protect_pays_for_another_gather),
    FX(enter_flushes_what_another_owes),
    FX(many_gathers_at_once),
    FX(debt_add_and_open),
    FX(finish_with_a_spin_lock_panics),
};

FX_MAIN(list)
