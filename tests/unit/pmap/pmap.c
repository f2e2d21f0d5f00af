/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * pmap.c: the contract of pmap.h, one call at a time, on every table of operations.
 */
#include "pmap_fixture.h"

enum {
	R = TESS_PROT_READ,
	W = TESS_PROT_READ | TESS_PROT_WRITE,
	X = TESS_PROT_READ | TESS_PROT_EXEC
};

static uint64_t
tables_out(void)
{
	struct tess_page_counts c;

	tess_page_counts_get(&c);
	return c.table;
}

/* ---- enter ---- */

static void
enter_new(void **state)
{
	struct fx *f = *state;
	struct tess_page *pg = fx_frame();
	tess_prot prot;
	tess_pa pa;

	assert_false(tess_pmap_extract(f->pm, VA, &pa, &prot));
	fx_enter(f, f->pm, VA, pg, W, TESS_ENTER_READ);
	assert_true(f->g.finished); /* nothing to flush */
	assert_true(tess_pmap_extract(f->pm, VA + 0x123, &pa, &prot));
	assert_int_equal(pa, tess_page_pa(pg) + 0x123);
	assert_int_equal(prot, W);
	assert_true(tess_pmap_extract(f->pm, VA, NULL, NULL));
	assert_false(tess_pmap_extract(f->pm, VA + PAGE, &pa, &prot));
	assert_false(tess_pmap_extract(f->other, VA, &pa, &prot));
	assert_int_equal(tess_pmap_resident(f->pm, 0, WHOLE), 1);
	fx_frame_free(f, pg);
}

static void
enter_the_last_page(void **state)
{
	struct fx *f = *state;
	struct tess_page *pg = fx_frame();
	tess_va last = ((tess_va)1 << f->ops->caps.va_bits) - PAGE;

	fx_enter(f, f->pm, last, pg, R, 0);
	fx_enter(f, f->pm, 0, pg, R, 0);
	assert_int_equal(tess_pmap_resident(f->pm, 0, last + PAGE), 2);
	fx_remove(f, f->pm, 0, last + PAGE);
	assert_int_equal(tess_pmap_resident(f->pm, 0, last + PAGE), 0);
	fx_frame_free(f, pg);
}

static void
enter_replaces(void **state)
{
	struct fx *f = *state;
	struct tess_page *a = fx_frame(), *b = fx_frame();

	tess_pmap_activate(f->pm);
	unit_tlb_reset();
	fx_enter(f, f->pm, VA, a, W, TESS_ENTER_WRITE);
	fx_enter(f, f->pm, VA, b, R, TESS_ENTER_READ);
	assert_int_equal(a->attrs, TESS_PAGE_MODIFIED | TESS_PAGE_REFERENCED);
	assert_int_equal(tess_pv_count(a, f->pm, VA), 0);
	assert_int_equal(tess_pv_count(b, f->pm, VA), 1);
	/* aarch64 has flushed in between (break before make); x86_64 owes it */
	assert_int_equal(unit_tlb_get().count[UNIT_TLB_BCAST_PAGE], !fx_is_x86(f));
	assert_int_equal(f->g.finished, !fx_is_x86(f));
	tess_gather_finish(&f->g);
	assert_int_equal(unit_tlb_get().count[UNIT_TLB_PAGE], fx_is_x86(f));
	fx_frame_free(f, a);
	fx_frame_free(f, b);
}

/* What stood in the PTE when it was flushed. */
static struct fx *order_fx;
static uint64_t order_pte;

static void
order_hook(unsigned cpu, enum unit_tlb_order o, uint32_t asid, uint64_t where)
{
	(void)cpu;
	if (o != UNIT_TLB_BCAST_PAGE)
		return;
	assert_int_equal(where, VA);
	assert_int_equal(asid, order_fx->pm->asid);
	order_pte = fx_pte(order_fx->pm, VA);
}

static void
enter_breaks_before_it_makes(void **state)
{
	struct fx *f = *state;
	struct tess_page *a = fx_frame(), *b = fx_frame();

	order_fx = f;
	order_pte = 1;
	tess_pmap_activate(f->pm);
	fx_enter(f, f->pm, VA, a, W, 0);
	unit_tlb_hook = order_hook;
	fx_enter(f, f->pm, VA, b, W, 0);
	unit_tlb_hook = NULL;
	assert_int_equal(order_pte, fx_is_x86(f) ? 1 : 0); /* invalid when it was flushed */
	tess_gather_finish(&f->g);
	fx_frame_free(f, a);
	fx_frame_free(f, b);
}

static void
enter_upgrades(void **state)
{
	struct fx *f = *state;
	struct tess_page *pg = fx_frame();
	tess_prot prot;

	tess_pmap_activate(f->pm);
	fx_enter(f, f->pm, VA, pg, R, TESS_ENTER_READ);
	unit_tlb_reset();
	fx_enter(f, f->pm, VA, pg, W, TESS_ENTER_WRITE);
	assert_true(f->g.finished); /* other CPUs are not told */
	/* aarch64 keeps a translation that denied; x86_64 dropped it at the fault */
	assert_int_equal(fx_orders(), !fx_is_x86(f));
	assert_int_equal(unit_tlb_get().count[UNIT_TLB_PAGE], !fx_is_x86(f));
	assert_true(tess_pmap_extract(f->pm, VA, NULL, &prot));
	assert_int_equal(prot, W);
	assert_int_equal(tess_stat_get(TESS_STAT_FAULT_SPURIOUS), 0);
	assert_int_equal(tess_pmap_resident(f->pm, VA, VA + PAGE), 1);
	fx_frame_free(f, pg);
}

static void
enter_lowers(void **state)
{
	struct fx *f = *state;
	struct tess_page *pg = fx_frame();
	tess_prot prot;

	tess_pmap_activate(f->pm);
	fx_enter(f, f->pm, VA, pg, W, TESS_ENTER_WRITE);
	unit_tlb_reset();
	fx_enter(f, f->pm, VA, pg, R, TESS_ENTER_READ);
	assert_false(f->g.finished);
	tess_gather_finish(&f->g);
	assert_int_equal(fx_orders(), 1);
	assert_true(tess_pmap_extract(f->pm, VA, NULL, &prot));
	assert_int_equal(prot, R);
	assert_int_equal(tess_page_collect(pg, 0, &f->g),
			 TESS_PAGE_MODIFIED | TESS_PAGE_REFERENCED);
	fx_frame_free(f, pg);
}

static void
enter_again_is_spurious(void **state)
{
	struct fx *f = *state;
	struct tess_page *pg = fx_frame();

	tess_pmap_activate(f->pm);
	fx_enter(f, f->pm, VA, pg, W, TESS_ENTER_WRITE);
	unit_tlb_reset();
	fx_enter(f, f->pm, VA, pg, W, TESS_ENTER_WRITE);
	assert_int_equal(unit_tlb_get().count[UNIT_TLB_PAGE], 1);
	assert_int_equal(fx_orders(), 1);
	assert_int_equal(tess_stat_get(TESS_STAT_FAULT_SPURIOUS), 1);
	assert_true(f->g.finished);
	/* a CPU that does not run it has nothing to flush */
	unit_cpu_set(1);
	fx_enter(f, f->pm, VA, pg, W, TESS_ENTER_WRITE);
	unit_cpu_set(0);
	assert_int_equal(fx_orders(), 1);
	assert_int_equal(tess_stat_get(TESS_STAT_FAULT_SPURIOUS), 2);
	fx_frame_free(f, pg);
}

static void
enter_changes_wiring(void **state)
{
	struct fx *f = *state;
	struct tess_page *pg = fx_frame();

	fx_enter(f, f->pm, VA, pg, W, TESS_ENTER_WRITE);
	fx_enter(f, f->pm, VA, pg, W, TESS_ENTER_WIRED);
	assert_int_equal(tess_stat_get(TESS_STAT_FAULT_SPURIOUS), 0);
	assert_true(fx_pte(f->pm, VA) & (fx_is_x86(f) ? 1u << 9 : (uint64_t)1 << 56));
	assert_int_equal(tess_page_collect(pg, 0, &f->g),
			 TESS_PAGE_MODIFIED | TESS_PAGE_REFERENCED);
	fx_frame_free(f, pg);
}

static void
enter_keeps(void **state)
{
	struct fx *f = *state;
	struct tess_page *a = fx_frame(), *b = fx_frame();
	tess_pa pa;

	fx_enter(f, f->pm, VA, a, R, TESS_ENTER_KEEP);
	assert_int_equal(tess_pmap_enter(f->pm, VA, b, W, TESS_ENTER_KEEP, NULL, &f->g),
			 TESS_RETRY);
	assert_true(tess_pmap_extract(f->pm, VA, &pa, NULL));
	assert_int_equal(pa, tess_page_pa(a));
	assert_int_equal(tess_pv_count(b, f->pm, VA), 0);
	fx_enter(f, f->pm, VA, a, W, TESS_ENTER_KEEP); /* the same frame is no other */
	fx_frame_free(f, a);
	fx_frame_free(f, b);
}

static void
enter_sees_dead(void **state)
{
	struct fx *f = *state;
	struct tess_page *a = fx_frame(), *b = fx_frame();
	uint32_t dead = 1;

	assert_int_equal(tess_pmap_enter(f->pm, VA, a, R, 0, &dead, &f->g), TESS_RETRY);
	assert_int_equal(fx_pte(f->pm, VA), 0);
	fx_enter(f, f->pm, VA, a, R, 0);
	assert_int_equal(tess_pmap_enter(f->pm, VA, b, R, 0, &dead, &f->g), TESS_RETRY);
	assert_int_equal(tess_pmap_enter(f->pm, VA, a, W, 0, &dead, &f->g), TESS_RETRY);
	dead = 0;
	assert_int_equal(tess_pmap_enter(f->pm, VA, a, W, 0, &dead, &f->g), TESS_DONE);
	assert_int_equal(tess_pv_count(b, f->pm, VA), 0);
	fx_frame_free(f, a);
	fx_frame_free(f, b);
}

/* Every allocation of an enter fails in turn; each time nothing is left behind. */
static void
enter_without_memory(void **state)
{
	struct fx *f = *state;
	struct tess_page *pg = fx_frame();
	int64_t frames;
	uint64_t n = 0;

	fx_enter(f, f->pm, VA, pg, W, 0); /* the second translation needs a pv */
	tess_pool_put(&f->m->pmap->pvs, tess_pool_get(&f->m->pmap->pvs));
	frames = unit_frames_out();
	for (;;) {
		enum tess_step step;

		unit_fail_nth(UNIT_SITE(TESS_SITE_TABLE) | UNIT_SITE(TESS_SITE_POOL), ++n);
		step = tess_pmap_enter(f->other, VA + 3 * PAGE, pg, W, 0, NULL, &f->g);
		unit_fail_nth(0, 0);
		if (step == TESS_DONE)
			break;
		assert_int_equal(step, TESS_FAIL);
		assert_int_equal(unit_frames_out(), frames);
		assert_int_equal(tess_pool_out(&f->m->pmap->pvs), 0);
		assert_int_equal(tess_pmap_resident(f->other, 0, WHOLE), 0);
		tess_pmap_check(f->other, NULL, NULL);
	}
	assert_int_equal(n, 5);                      /* three tables, a pv; the fifth passes */
	unit_fail_nth(UNIT_SITE(TESS_SITE_POOL), 1); /* with the tables there */
	assert_int_equal(tess_pmap_enter(f->other, VA, pg, W, 0, NULL, &f->g), TESS_FAIL);
	assert_int_equal(fx_pte(f->other, VA), 0);
	fx_frame_free(f, pg);
}

static void
enter_replace_without_memory(void **state)
{
	struct fx *f = *state;
	struct tess_page *a = fx_frame(), *b = fx_frame();
	uint64_t pte;

	fx_enter(f, f->pm, VA, a, W, TESS_ENTER_WRITE);
	fx_enter(f, f->other, VA, b, W, TESS_ENTER_WRITE);
	pte = fx_pte(f->pm, VA);
	unit_fail_nth(UNIT_SITE(TESS_SITE_POOL), 1);
	assert_int_equal(tess_pmap_enter(f->pm, VA, b, W, 0, NULL, &f->g), TESS_FAIL);
	unit_fail_nth(0, 0);
	assert_int_equal(fx_pte(f->pm, VA), pte);
	assert_int_equal(tess_pv_count(a, f->pm, VA), 1);
	assert_true(f->g.finished);
	fx_frame_free(f, a);
	fx_frame_free(f, b);
}

static void
enter_zero_page(void **state)
{
	struct fx *f = *state;
	struct tess_page *zero = fx_frame(), *pg = fx_frame();

	tess_page_set_state(zero, TESS_PAGE_ZERO);
	for (unsigned i = 0; i < 2000; i++)
		fx_enter(f, f->pm, VA + i * PAGE, zero, R, TESS_ENTER_READ);
	assert_null(zero->pv.pmap);
	assert_int_equal(tess_pool_out(&f->m->pmap->pvs), 0);
	tess_pmap_check(f->pm, NULL, NULL);
	fx_enter(f, f->pm, VA, pg, W, TESS_ENTER_WRITE); /* the first write */
	assert_int_equal(zero->attrs, 0);
	fx_remove(f, f->pm, VA, VA + 2000 * PAGE);
	tess_page_set_state(zero, TESS_PAGE_ANON);
	fx_frame_free(f, zero);
	fx_frame_free(f, pg);
}

/* ---- remove, protect, unwire ---- */

static void
remove_takes_what_is_inside(void **state)
{
	struct fx *f = *state;
	struct tess_page *pg = fx_frame();

	for (unsigned i = 0; i < 8; i++)
		fx_enter(f, f->pm, VA + i * PAGE, pg, R, 0);
	fx_remove(f, f->pm, VA + 2 * PAGE, VA + 2 * PAGE); /* nothing */
	fx_remove(f, f->pm, VA + 2 * PAGE, VA + 5 * PAGE);
	for (unsigned i = 0; i < 8; i++)
		assert_int_equal(tess_pmap_extract(f->pm, VA + i * PAGE, NULL, NULL),
				 i < 2 || i >= 5);
	assert_int_equal(tess_pmap_resident(f->pm, VA + PAGE, VA + 7 * PAGE), 3);
	fx_remove(f, f->pm, VA, VA + 8 * PAGE);
	assert_int_equal(tess_pool_out(&f->m->pmap->pvs), 0);
	fx_frame_free(f, pg);
}

static void
remove_collects_bits(void **state)
{
	struct fx *f = *state;
	struct tess_page *pg = fx_frame();

	fx_enter(f, f->pm, VA, pg, W, 0);
	fx_remove(f, f->pm, VA, VA + PAGE);
	assert_int_equal(pg->attrs, 0);
	fx_enter(f, f->pm, VA, pg, W, 0);
	fx_touch(f, f->pm, VA, TESS_ACCESS_READ);
	fx_remove(f, f->pm, VA, VA + PAGE);
	assert_int_equal(pg->attrs, TESS_PAGE_REFERENCED);
	fx_enter(f, f->pm, VA, pg, W, 0);
	fx_touch(f, f->pm, VA, TESS_ACCESS_WRITE);
	fx_remove(f, f->pm, VA, VA + PAGE);
	assert_int_equal(pg->attrs, TESS_PAGE_MODIFIED | TESS_PAGE_REFERENCED);
	fx_frame_free(f, pg);
}

static void
remove_frees_whole_pte_pages(void **state)
{
	struct fx *f = *state;
	struct tess_page *pg = fx_frame();
	tess_va at[] = {VA - PAGE, VA, VA + SPAN - PAGE, VA + SPAN, VA + 2 * SPAN};
	uint64_t before;

	for (unsigned i = 0; i < 5; i++)
		fx_enter(f, f->pm, at[i], pg, R, 0);
	before = tables_out();
	fx_remove(f, f->pm, VA - PAGE, VA + SPAN + PAGE); /* one whole, two partly */
	tess_rcu_drain();
	assert_int_equal(tables_out(), before - 1);
	assert_int_equal(tess_pmap_resident(f->pm, 0, WHOLE), 1);
	fx_remove(f, f->pm, 0, WHOLE);
	tess_rcu_drain();
	assert_int_equal(tables_out(), before - 4);
	fx_enter(f, f->pm, VA, pg, R, 0); /* and again */
	assert_int_equal(tess_pmap_resident(f->pm, VA, VA + SPAN), 1);
	fx_frame_free(f, pg);
}

/* The frame of a PTE page waits for the flush, and then for whoever walks. */
static void
remove_frees_tables_late(void **state)
{
	struct fx *f = *state;
	struct tess_page *pg = fx_frame(), *pt;

	tess_pmap_activate(f->pm);
	fx_enter(f, f->pm, VA, pg, R, 0);
	pt = tess_page_of(*fx_slot(f->pm, VA, 2) & 0x0000fffffffff000u);
	unit_tlb_reset();
	tess_pmap_remove(f->pm, VA, VA + SPAN, &f->g);
	assert_int_equal(pt->level, 0);
	assert_int_equal(pt->state, TESS_PAGE_TABLE);
	tess_gather_finish(&f->g);
	assert_int_equal(fx_orders(), 1);
	assert_int_equal(pt->state, TESS_PAGE_TABLE);
	tess_rcu_drain();
	assert_int_equal(pt->state, TESS_PAGE_FREE);
	fx_frame_free(f, pg);
}

/* An empty PTE page may still be cached above: one flush inside it. */
static void
remove_flushes_an_empty_pte_page(void **state)
{
	struct fx *f = *state;
	struct tess_page *pg = fx_frame();

	tess_pmap_activate(f->pm);
	fx_enter(f, f->pm, VA + 9 * PAGE, pg, R, 0);
	fx_remove(f, f->pm, VA, VA + SPAN - PAGE);
	unit_tlb_reset();
	fx_remove(f, f->pm, VA, VA + SPAN - PAGE);
	assert_int_equal(fx_orders(), 0);
	fx_remove(f, f->pm, VA, VA + SPAN);
	assert_int_equal(fx_orders(), 1);
	fx_frame_free(f, pg);
}

static void
protect_lowers(void **state)
{
	struct fx *f = *state;
	struct tess_page *pg = fx_frame();
	tess_prot prot;

	tess_pmap_activate(f->pm);
	for (unsigned i = 0; i < 4; i++)
		fx_enter(f, f->pm, VA + i * PAGE, pg, i == 1 ? R : TESS_PROT_ALL, 0);
	unit_tlb_reset();
	tess_pmap_protect(f->pm, VA - 5 * SPAN, VA + 3 * PAGE, R, &f->g);
	assert_true(!ROOMY || f->g.n == 2); /* the second page had nothing to lose */
	tess_gather_finish(&f->g);
	assert_true(!ROOMY || fx_orders() == 2);
	for (unsigned i = 0; i < 4; i++) {
		assert_true(tess_pmap_extract(f->pm, VA + i * PAGE, NULL, &prot));
		assert_int_equal(prot, i == 3 ? TESS_PROT_ALL : R);
	}
	tess_pmap_protect(f->pm, VA, VA + SPAN, TESS_PROT_ALL, &f->g); /* never raises */
	assert_true(f->g.finished);
	assert_true(tess_pmap_extract(f->pm, VA, NULL, &prot));
	assert_int_equal(prot, R);
	tess_pmap_protect(f->pm, VA, VA + 2 * PAGE, TESS_PROT_NONE, &f->g);
	tess_gather_finish(&f->g);
	assert_int_equal(tess_pmap_resident(f->pm, VA, VA + SPAN), 2);
	fx_frame_free(f, pg);
}

static void
unwire_leaves_the_rest(void **state)
{
	struct fx *f = *state;
	struct tess_page *pg = fx_frame();
	uint64_t wired = fx_is_x86(f) ? 1u << 9 : (uint64_t)1 << 56;

	for (unsigned i = 0; i < 4; i++)
		fx_enter(f, f->pm, VA + i * PAGE, pg, W, TESS_ENTER_WIRED);
	tess_pmap_unwire(f->pm, VA + PAGE, VA + 3 * PAGE);
	for (unsigned i = 0; i < 4; i++)
		assert_int_equal((fx_pte(f->pm, VA + i * PAGE) & wired) != 0, i == 0 || i == 3);
	assert_int_equal(fx_pte(f->pm, VA) ^ fx_pte(f->pm, VA + PAGE), wired);
	fx_frame_free(f, pg);
}

/*
 * 128 GiB with nothing in it, in a pmap with tables on both sides: a walk that looked at every page
 * (33 million) or every PTE page's slot (65,536) would take more reads than a second holds in a
 * sanitiser build; a thousand such calls finish at once.
 */
static void
remove_skips_what_is_absent(void **state)
{
	struct fx *f = *state;
	struct tess_page *pg = fx_frame();
	uint64_t before;

	fx_enter(f, f->pm, VA - PAGE, pg, W, 0);
	fx_enter(f, f->pm, VA + ((uint64_t)128 << 30), pg, W, 0);
	before = tess_port_time_ns();
	for (unsigned i = 0; i < 1000; i++) {
		tess_pmap_remove(f->pm, VA, VA + ((uint64_t)128 << 30), &f->g);
		tess_pmap_protect(f->pm, VA, VA + ((uint64_t)128 << 30), R, &f->g);
		tess_pmap_unwire(f->pm, VA, VA + ((uint64_t)128 << 30));
	}
	assert_true(tess_port_time_ns() - before < (uint64_t)5000000000);
	assert_true(f->g.finished);
	assert_int_equal(tess_pmap_resident(f->pm, 0, WHOLE), 2);
	fx_frame_free(f, pg);
}

/* ---- from a frame ---- */

static void
page_protect_removes(void **state)
{
	struct fx *f = *state;
	struct tess_page *pg = fx_frame(), *stranger = fx_frame();

	for (unsigned i = 0; i < 40; i++)
		fx_enter(f, i & 1 ? f->pm : f->other, VA + i * 3 * SPAN, pg, W, 0);
	fx_enter(f, f->pm, VA, stranger, W, 0);
	fx_touch(f, f->pm, VA + 3 * SPAN, TESS_ACCESS_WRITE);
	tess_page_protect(pg, TESS_PROT_NONE, &f->g);
	tess_gather_finish(&f->g);
	assert_null(pg->pv.pmap);
	assert_int_equal(tess_pool_out(&f->m->pmap->pvs), 0);
	assert_int_equal(pg->attrs, TESS_PAGE_MODIFIED | TESS_PAGE_REFERENCED);
	assert_int_equal(tess_pmap_resident(f->pm, 0, WHOLE), 1);
	assert_int_equal(tess_pmap_resident(f->other, 0, WHOLE), 0);
	fx_frame_free(f, pg);
	fx_frame_free(f, stranger);
}

static void
page_protect_lowers(void **state)
{
	struct fx *f = *state;
	struct tess_page *pg = fx_frame();
	tess_prot prot;

	for (unsigned i = 0; i < 40; i++)
		fx_enter(f, i & 1 ? f->pm : f->other, VA + i * 3 * SPAN, pg, W, 0);
	tess_page_protect(pg, W, &f->g);
	assert_true(f->g.finished); /* nothing to lower */
	tess_page_protect(pg, R, &f->g);
	tess_gather_finish(&f->g);
	for (unsigned i = 0; i < 40; i++) {
		assert_true(
		    tess_pmap_extract(i & 1 ? f->pm : f->other, VA + i * 3 * SPAN, NULL, &prot));
		assert_int_equal(prot, R);
	}
	fx_frame_free(f, pg);
}

static void
page_collect_sums(void **state)
{
	struct fx *f = *state;
	struct tess_page *pg = fx_frame();
	const uint32_t both = TESS_PAGE_MODIFIED | TESS_PAGE_REFERENCED;

	for (unsigned i = 0; i < 40; i++)
		fx_enter(f, i & 1 ? f->pm : f->other, VA + i * 3 * SPAN, pg, W, 0);
	assert_int_equal(tess_page_collect(pg, 0, &f->g), 0);
	assert_int_equal(tess_page_collect(pg, both, &f->g), 0);
	assert_true(f->g.finished); /* nothing was set, nothing to flush */
	fx_touch(f, f->pm, VA + 39 * 3 * SPAN, TESS_ACCESS_READ);
	assert_int_equal(tess_page_collect(pg, 0, &f->g), TESS_PAGE_REFERENCED);
	assert_int_equal(pg->attrs, TESS_PAGE_REFERENCED);
	fx_touch(f, f->other, VA, TESS_ACCESS_WRITE);
	assert_int_equal(tess_pmap_used(f->other, VA, pg), both); /* one translation's own marks */
	assert_int_equal(tess_pmap_used(f->pm, VA + 39 * 3 * SPAN, pg), TESS_PAGE_REFERENCED);
	assert_int_equal(tess_pmap_used(f->pm, VA + 3 * SPAN, pg), 0);
	assert_int_equal(tess_pmap_used(f->pm, VA, pg), 0); /* not translated there */
	pg->attrs |= TESS_PAGE_BUSY;
	assert_true(f->g.finished); /* looking is free */
	assert_int_equal(tess_page_collect(pg, TESS_PAGE_MODIFIED, &f->g), both);
	assert_false(f->g.finished);
	assert_int_equal(f->g.range[0].start, VA);
	assert_ptr_equal(f->g.range[0].pmap, f->other);
	assert_int_equal(pg->attrs, TESS_PAGE_REFERENCED | TESS_PAGE_BUSY);
	assert_int_equal(tess_page_collect(pg, both, &f->g), TESS_PAGE_REFERENCED);
	assert_int_equal(tess_page_collect(pg, both, &f->g), 0);
	assert_int_equal(pg->attrs, TESS_PAGE_BUSY);
	pg->attrs = 0;
	tess_gather_finish(&f->g);
	fx_frame_free(f, pg);
}

/* ---- lives ---- */

static void
create_without_memory(void **state)
{
	struct fx *f = *state;
	int64_t frames = unit_frames_out();
	struct tess_pmap *pm = NULL;
	uint64_t n = 0;

	for (;;) {
		unit_fail_nth(UNIT_SITE(TESS_SITE_TABLE) | UNIT_SITE(TESS_SITE_POOL), ++n);
		if (tess_pmap_create(&pm) == TESS_OK)
			break;
		assert_null(pm);
		assert_int_equal(unit_frames_out(), frames);
		assert_int_equal(tess_pool_out(&f->m->pmap->pmaps), 2);
	}
	unit_fail_nth(0, 0);
	assert_int_equal(n, 3);
	tess_pmap_destroy(pm);
}

static void
create_gives_different_asids(void **state)
{
	struct fx *f = *state;
	struct tess_pmap *pm[100];
	uint32_t first;

	assert_int_equal(f->pm->asid == f->other->asid, fx_is_x86(f));
	for (unsigned i = 0; i < 100; i++) {
		assert_int_equal(tess_pmap_create(&pm[i]), TESS_OK);
		assert_int_equal(pm[i]->asid, fx_is_x86(f) ? 0 : i + 3);
	}
	first = pm[0]->asid;
	tess_pmap_destroy(pm[0]);
	for (uint32_t i = 0; i < f->m->pmap->nasids / 64; i++) /* all but the one just freed */
		f->m->pmap->asids[i] |= i == 0 ? ~((uint64_t)1 << first) : ~(uint64_t)0;
	assert_int_equal(tess_pmap_create(&pm[0]), TESS_OK);
	assert_int_equal(pm[0]->asid, first);
	if (!fx_is_x86(f)) {
		struct tess_pmap *none = NULL;

		assert_int_equal(tess_pmap_create(&none), TESS_ENOMEM);
		assert_null(none);
	}
	for (uint32_t i = 0; i < f->m->pmap->nasids / 64; i++)
		f->m->pmap->asids[i] = i == 0 ? ~(uint64_t)0 : i == 1 ? ((uint64_t)1 << 39) - 1 : 0;
	for (unsigned i = 0; i < 100; i++)
		tess_pmap_destroy(pm[i]);
}

static void
destroy_frees_all(void **state)
{
	struct fx *f = *state;
	int64_t frames;
	struct tess_page *pg = fx_frame();
	struct tess_pmap *pm;

	tess_pool_put(&f->m->pmap->pvs, tess_pool_get(&f->m->pmap->pvs));
	frames = unit_frames_out();
	assert_int_equal(tess_pmap_create(&pm), TESS_OK);
	tess_pmap_activate(pm);
	for (unsigned i = 0; i < 100; i++)
		fx_enter(f, pm, (VA + i * 77 * SPAN * i) % WHOLE, pg, W, TESS_ENTER_WIRED);
	unit_tlb_reset();
	tess_pmap_destroy(pm);
	assert_null(pg->pv.pmap);
	/* x86_64: the CPU left it, and so flushed; aarch64: its ASID */
	assert_int_equal(unit_tlb_get().count[UNIT_TLB_LOAD], 1);
	assert_true(unit_tlb_get().count[UNIT_TLB_BCAST_ASID] == 0 || !fx_is_x86(f));
	assert_int_equal(fx_orders() == 0, fx_is_x86(f));
	tess_rcu_drain();
	assert_int_equal(unit_frames_out(), frames);
	fx_frame_free(f, pg);
}

/* What ran may be cached anywhere, down from the root; what never ran, nowhere. */
static void
destroy_flushes_what_ran(void **state)
{
	struct fx *f = *state;
	struct tess_pmap *pm;

	assert_int_equal(tess_pmap_create(&pm), TESS_OK);
	tess_pmap_destroy(pm);
	assert_int_equal(fx_orders(), 0);
	assert_int_equal(tess_pmap_create(&pm), TESS_OK);
	fx_run_on(pm, 1);
	fx_run_on(NULL, 1);
	tess_pmap_destroy(pm);
	assert_int_equal(fx_orders(), !fx_is_x86(f));
	assert_int_equal(unit_tlb_get().count[UNIT_TLB_BCAST_ASID], !fx_is_x86(f));
}

static void
destroy_of_one_that_runs_panics(void **state)
{
	struct fx *f = *state;

	fx_run_on(f->pm, 2);
	UNIT_EXPECT_PANIC(tess_pmap_destroy(f->pm), "current");
	fx_run_on(NULL, 2);
}

static void
activate_sets_and_clears(void **state)
{
	struct fx *f = *state;
	bool x86 = fx_is_x86(f);

	tess_pmap_activate(f->pm);
	fx_run_on(f->pm, 2);
	assert_int_equal(f->pm->active, 5);
	assert_int_equal(unit_tlb_get().count[UNIT_TLB_LOAD], 2);
	tess_pmap_activate(f->pm); /* it runs already */
	assert_int_equal(unit_tlb_get().count[UNIT_TLB_LOAD], 2);
	fx_run_on(f->other, 2);
	assert_int_equal(f->pm->active, x86 ? 1 : 5);
	assert_int_equal(f->other->active, 4);
	tess_pmap_activate(NULL);
	assert_int_equal(f->pm->active, x86 ? 0 : 5);
	assert_int_equal(unit_tlb_get().count[UNIT_TLB_LOAD], 4);
	fx_run_on(NULL, 2);
}

/* ---- check ---- */

static tess_prot
only_read(void *ctx, tess_va va, struct tess_page *pg)
{
	(void)va, (void)pg;
	++*(unsigned *)ctx;
	return R;
}

static void
check_finds_broken_invariants(void **state)
{
	struct fx *f = *state;
	struct tess_page *pg = fx_frame(), *pt;
	unsigned seen = 0;
	uint64_t good;

	fx_enter(f, f->pm, VA, pg, R, 0);
	tess_pmap_check(f->pm, only_read, &seen);
	assert_int_equal(seen, 1);
	good = fx_pte(f->pm, VA);
	*fx_slot(f->pm, VA, 1) = 0x10; /* invalid and not 0 */
	UNIT_EXPECT_PANIC(tess_pmap_check(f->pm, NULL, NULL), "pte == 0");
	*fx_slot(f->pm, VA, 1) = good | (uint64_t)1 << (fx_is_x86(f) ? 8 : 52);
	UNIT_EXPECT_PANIC(tess_pmap_check(f->pm, NULL, NULL), "well_formed");
	*fx_slot(f->pm, VA, 1) = good | (fx_is_x86(f) ? 2 : (uint64_t)1 << 51);
	UNIT_EXPECT_PANIC(tess_pmap_check(f->pm, only_read, &seen), "most");
	*fx_slot(f->pm, VA, 1) = good;
	*fx_slot(f->pm, VA + PAGE, 1) = good;
	UNIT_EXPECT_PANIC(tess_pmap_check(f->pm, NULL, NULL), "tess_pv_count");
	*fx_slot(f->pm, VA + PAGE, 1) = 0;
	pg->pv.va += PAGE;
	UNIT_EXPECT_PANIC(tess_pmap_check(f->pm, NULL, NULL), "tess_pv_count");
	pg->pv.va -= PAGE;
	pg->state = TESS_PAGE_FREE;
	UNIT_EXPECT_PANIC(tess_pmap_check(f->pm, NULL, NULL), "TESS_PAGE_FREE");
	pg->state = TESS_PAGE_ANON;
	pt = tess_page_of(*fx_slot(f->pm, VA, 2) & 0x0000fffffffff000u);
	pt->count++;
	UNIT_EXPECT_PANIC(tess_pmap_check(f->pm, NULL, NULL), "count == n");
	pt->count--;
	pt->idx += SPAN;
	UNIT_EXPECT_PANIC(tess_pmap_check(f->pm, NULL, NULL), "idx == base");
	pt->idx -= SPAN;
	fx_frame_free(f, pg);
}

static const struct fx_test list[] = {
    FX(enter_new),
    FX(enter_the_last_page),
    FX(enter_replaces),
    FX(enter_breaks_before_it_makes),
    FX(enter_upgrades),
    FX(enter_lowers),
    FX(enter_again_is_spurious),
    FX(enter_changes_wiring),
    FX(enter_keeps),
    FX(enter_sees_dead),
    FX(enter_without_memory),
    FX(enter_replace_without_memory),
    FX(enter_zero_page),
    FX(remove_takes_what_is_inside),
    FX(remove_collects_bits),
    FX(remove_frees_whole_pte_pages),
    FX(remove_frees_tables_late),
    FX(remove_flushes_an_empty_pte_page),
    FX(protect_lowers),
    FX(unwire_leaves_the_rest),
    FX(remove_skips_what_is_absent),
    FX(page_protect_removes),
    FX(page_protect_lowers),
    FX(page_collect_sums),
    FX(create_without_memory),
    FX(create_gives_different_asids),
    FX(destroy_frees_all),
    FX(destroy_flushes_what_ran),
    FX(destroy_of_one_that_runs_panics),
    FX(activate_sets_and_clears),
    FX(check_finds_broken_invariants),
};

FX_MAIN(list)
