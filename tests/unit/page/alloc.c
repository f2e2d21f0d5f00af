/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * alloc.c: bringing up ranges, and frames out of and into caches and domains, one thread.
 */
#include "page_fixture.h"

static void
page_room_init_refuses(void **state)
{
	static const struct {
		struct tess_phys_range r[2];
		unsigned n;
	} bad[] = {
	    {{{UNIT_RAM_BASE, PAGE_RAM, 0}}, 0},
	    {{{UNIT_RAM_BASE + 1, PAGE_RAM - 4096, 0}}, 1},
	    {{{UNIT_RAM_BASE, 0, 0}}, 1},
	    {{{UNIT_RAM_BASE, 4097, 0}}, 1},
	    {{{UNIT_RAM_BASE, PAGE_RAM, TESS_DOMAIN_MAX}}, 1},
	    {{{UNIT_RAM_BASE, UINT64_MAX - 4095, 0}}, 1},
	    {{{UNIT_RAM_BASE, PAGE_RAM, 0}, {UNIT_RAM_BASE + PAGE_RAM - 4096, 8192, 0}}, 2},
	    {{{UNIT_RAM_BASE + 8192, 8192, 0}, {UNIT_RAM_BASE, PAGE_RAM, 0}}, 2},
	};
	struct tess_machine *m;

	(void)state;
	unit_port_start(PAGE_RAM);
	for (unsigned i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		assert_int_equal(tess_base_init(UNIT_RAM_BASE, PAGE_RAM, 1, &m), TESS_OK);
		assert_int_equal(tess_page_room_init(m, bad[i].r, bad[i].n), TESS_EINVAL);
		assert_null(m->page);
	}
	unit_port_stop();
}

static void
page_room_init_too_small(void **state)
{
	struct tess_machine *m;
	uint64_t bytes = 0;
	enum tess_err err;

	(void)state;
	unit_port_start(PAGE_RAM);
	do { /* from too small for the machine, over too small for the array, to just enough */
		bytes += 4096;
		m = NULL;
		err = tess_base_init(UNIT_RAM_BASE, bytes, 16, &m);
		if (err == TESS_OK)
			err = tess_page_room_init(
			    m, &(struct tess_phys_range){UNIT_RAM_BASE, bytes, 0}, 1);
		assert_true(err == TESS_OK || err == TESS_ENOMEM);
	} while (err != TESS_OK);
	assert_true(bytes > 4096 && bytes <= 64 * 4096);
	tess_page_room_check();
	tess_page_room_fini(m);
	tess_port_machine_set(NULL);
	unit_port_stop();
}

/* Bringing up writes boot memory and nothing else: the machine is as cheap as it is small. */
static void
page_room_init_is_lazy(void **state)
{
	struct tess_machine *m = unit_machine_start(PAGE_RAM, 2, 1);
	const struct page_range *r = &m->page->range[0];
	const uint8_t *b = (const uint8_t *)r->pages;
	uint64_t untouched = 0;

	(void)state;
	for (uint64_t i = 0; i < r->nframes * sizeof(struct tess_page); i++)
		untouched += b[i] == 0xa5;
	assert_int_equal(untouched, r->nframes * sizeof(struct tess_page));
	assert_int_equal(counts().free, counts().total - counts().boot);
	tess_page_free(page_plain());
	assert_int_equal(r->nframes - m->page->fresh[0].at, PAGE_BATCH);
	unit_machine_stop();
}

static void
page_alloc_contents(void **state)
{
	struct tess_page *pg, *again;

	(void)state;
	unit_machine_start(PAGE_RAM, 1, 1);
	pg = tess_page_alloc(TESS_FILL_ZERO, TESS_SITE_PAGE);
	for (unsigned i = 0; i < TESS_PAGE_SIZE; i++)
		assert_int_equal(((uint8_t *)tess_page_data(pg))[i], 0);
	assert_ptr_equal(tess_page_of(tess_page_pa(pg)), pg);
	assert_ptr_equal(tess_page_of(tess_page_pa(pg) + 4095), pg);
	pg->owner = pg;
	pg->idx = 77;
	pg->attrs = TESS_PAGE_MODIFIED | TESS_PAGE_REFERENCED;
	pg->count = 5;
	pg->level = 3;
	tess_page_set_state(pg, TESS_PAGE_TABLE);
	pg->pv.va = 99;
	memset(tess_page_data(pg), 1, TESS_PAGE_SIZE);
	tess_page_free(pg);

	again = tess_page_alloc(TESS_FILL_ZERO, TESS_SITE_PAGE);
	assert_ptr_equal(again, pg); /* the warmest first */
	assert_int_equal(pg->state, TESS_PAGE_ALLOC);
	assert_true(pg->owner == NULL && pg->idx == 0 && pg->attrs == 0 && pg->wire == 0);
	assert_true(pg->pv.pmap == NULL && pg->pv.next == NULL && pg->count == 0 && pg->level == 0);
	for (unsigned i = 0; i < TESS_PAGE_SIZE; i++)
		assert_int_equal(((uint8_t *)tess_page_data(pg))[i], 0);
	tess_page_free(pg);
	unit_machine_stop();
}

static void
page_of_strangers(void **state)
{
	struct tess_machine *m = unit_machine_start(PAGE_RAM, 1, 2);

	(void)state;
	assert_null(tess_page_of(0));
	assert_null(tess_page_of(UNIT_RAM_BASE - 1));
	assert_null(tess_page_of(UNIT_RAM_BASE)); /* the machine itself */
	assert_null(tess_page_of(m->boot_next - 1));
	assert_null(tess_page_of(UNIT_RAM_BASE + PAGE_RAM / 2)); /* the second range's array */
	assert_null(tess_page_of(UNIT_RAM_BASE + PAGE_RAM));
	assert_null(tess_page_of(UINT64_MAX));
	assert_non_null(tess_page_of(UNIT_RAM_BASE + PAGE_RAM - 1));
	unit_machine_stop();
}

static void
page_alloc_all(void **state)
{
	struct tess_page **all;
	unsigned n;

	(void)state;
	unit_machine_start(PAGE_RAM, 2, 1);
	for (unsigned round = 0; round < 3; round++) {
		all = page_take_all(&n);
		assert_int_equal(n, counts().total - counts().boot);
		assert_int_equal(counts().other, n);
		assert_int_equal(counts().free + counts().cached, 0);
		tess_page_room_check();
		unit_cpu_set(round % 2);
		page_free_all(all, n);
		assert_int_equal(counts().free + counts().cached, n);
		assert_true(counts().cached <= 4 * PAGE_BATCH);
		tess_page_room_check();
	}
	unit_cpu_set(0);
	unit_machine_stop();
}

/* The last free frames sit in another CPU's cache; they can be had all the same. */
static void
page_alloc_steals(void **state)
{
	struct tess_page **all;
	unsigned n, kept;

	(void)state;
	unit_machine_start(PAGE_RAM, 3, 1);
	all = page_take_all(&n);
	unit_cpu_set(1);
	for (kept = n; kept > n - PAGE_BATCH - 1; kept--)
		tess_page_free(all[kept - 1]); /* loaded and previous of CPU 1 */
	unit_cpu_set(2);
	tess_page_free(all[--kept]);
	assert_int_equal(counts().free, 0);
	assert_int_equal(counts().cached, n - kept);
	unit_cpu_set(0);
	while (kept < n) {
		assert_non_null(all[kept] = page_plain());
		kept++;
		tess_page_room_check();
	}
	assert_null(page_plain());
	page_free_all(all, n);
	unit_machine_stop();
}

static void
page_alloc_home_first(void **state)
{
	struct tess_page *pg[4 * PAGE_BATCH];

	(void)state;
	unit_machine_start(PAGE_RAM, 4, 2);
	for (unsigned cpu = 0; cpu < 4; cpu++) {
		unit_cpu_set(cpu);
		for (unsigned i = 0; i < 4 * PAGE_BATCH; i++) {
			pg[i] = page_plain();
			assert_int_equal(pg[i]->domain, cpu / 2);
		}
		for (unsigned i = 0; i < 4 * PAGE_BATCH; i++)
			tess_page_free(pg[i]);
	}
	unit_cpu_set(0);
	unit_machine_stop();
}

/* Frames freed in the other domain go home, in batches. */
static void
page_free_goes_home(void **state)
{
	struct tess_machine *m = unit_machine_start(PAGE_RAM, 2, 2);
	struct tess_page *pg[3 * PAGE_BATCH + 1];

	(void)state;
	for (unsigned i = 0; i < 3 * PAGE_BATCH + 1; i++)
		pg[i] = page_plain();
	unit_cpu_set(1);
	for (unsigned i = 0; i < 3 * PAGE_BATCH + 1; i++)
		tess_page_free(pg[i]);
	assert_int_equal(m->page->domain[0].loose.n, 3 * PAGE_BATCH);
	assert_int_equal(m->page->cache[1].remote.n, 1);
	tess_page_room_check();
	pg[0] = page_plain();
	assert_int_equal(pg[0]->domain, 1); /* home first even so */
	tess_page_free(pg[0]);
	unit_cpu_set(0);
	unit_machine_stop();
}

static void
page_alloc_over_the_border(void **state)
{
	struct tess_page **all;
	unsigned n, far = 0;

	(void)state;
	unit_machine_start(PAGE_RAM, 2, 2);
	all = page_take_all(&n);
	for (unsigned i = 0; i < n; i++)
		far += all[i]->domain == 1;
	assert_int_equal(n, counts().total - counts().boot);
	assert_true(far > n / 3);
	for (unsigned i = 0; i < n; i++) {
		unit_cpu_set(i % 2);
		tess_page_free(all[i]);
	}
	test_free(all);
	tess_page_room_check();
	all = page_take_all(&n);
	assert_int_equal(n, counts().total - counts().boot);
	page_free_all(all, n);
	unit_cpu_set(0);
	unit_machine_stop();
}

static void
page_alloc_memoryless_cpu(void **state)
{
	struct tess_phys_range r = {UNIT_RAM_BASE, PAGE_RAM, 0};
	struct tess_machine *m;

	(void)state;
	unit_port_start(PAGE_RAM);
	assert_int_equal(tess_base_init(UNIT_RAM_BASE, PAGE_RAM, 2, &m), TESS_OK);
	m->cpu[1].domain = TESS_DOMAIN_MAX - 1;
	assert_int_equal(tess_page_room_init(m, &r, 1), TESS_OK);
	unit_cpu_set(1);
	tess_page_free(page_plain());
	unit_cpu_set(0);
	unit_machine_stop();
}

static void
page_alloc_injected(void **state)
{
	struct tess_page *pg;

	(void)state;
	unit_machine_start(PAGE_RAM, 1, 1);
	unit_fail_nth(UNIT_SITE(TESS_SITE_TABLE), 1);
	assert_non_null(pg = page_plain());
	tess_page_free(pg);
	assert_null(tess_page_alloc(TESS_FILL_NONE, TESS_SITE_TABLE));
	assert_int_equal(unit_frames_out(), 0);
	unit_machine_stop();
}

/* Boot memory and frames grow towards each other and never meet. */
static void
boot_alloc_meets_frames(void **state)
{
	struct tess_machine *m = unit_machine_start(PAGE_RAM, 1, 1);
	struct tess_page **all;
	uint64_t left, boot = counts().boot;
	unsigned n;

	(void)state;
	tess_page_free(page_plain());
	left = m->boot_end - ((m->boot_next + 63) & ~(uint64_t)63);
	assert_true(left < PAGE_RAM - PAGE_BATCH * TESS_PAGE_SIZE);
	assert_null(tess_boot_carve(m, left + 1, 1));
	assert_non_null(tess_boot_carve(m, left - 8 * TESS_PAGE_SIZE, 1));
	assert_true(counts().boot > boot);
	all = page_take_all(&n);
	assert_true(n >= PAGE_BATCH + 7 && n <= PAGE_BATCH + 8);
	assert_null(tess_boot_carve(m, TESS_PAGE_SIZE, 1));
	page_free_all(all, n);
	unit_machine_stop();
}

static void
slab_frames(void **state)
{
	struct tess_pool pool;
	void *o;

	(void)state;
	unit_machine_start(PAGE_RAM, 1, 1);
	assert_int_equal(tess_pool_init(&pool, "thing", 64, 64), TESS_OK);
	unit_fail_from(UNIT_SITE_ALL, 2); /* a get asks once, though it takes a frame */
	o = tess_pool_get(&pool);
	assert_non_null(o);
	unit_fail_nth(0, 0);
	assert_int_equal(counts().slab, 1);
	assert_int_equal(unit_frames_out(), 1);
	tess_pool_put(&pool, o);
	tess_pool_fini(&pool);
	assert_int_equal(counts().slab, 0);
	unit_machine_stop();
}

static void
slab_frames_exhausted(void **state)
{
	struct tess_pool pool;
	struct tess_page **all;
	unsigned n;
	void *o;

	(void)state;
	unit_machine_start(PAGE_RAM, 1, 1);
	assert_int_equal(tess_pool_init(&pool, "thing", 64, 64), TESS_OK);
	all = page_take_all(&n);
	assert_null(tess_pool_get(&pool));
	tess_page_free(all[--n]);
	assert_non_null(o = tess_pool_get(&pool));
	assert_null(page_plain());
	tess_pool_put(&pool, o);
	tess_pool_drain(&pool);
	assert_non_null(all[n++] = page_plain());
	page_free_all(all, n);
	tess_pool_fini(&pool);
	unit_machine_stop();
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(page_room_init_refuses),
	    cmocka_unit_test(page_room_init_too_small),
	    cmocka_unit_test(page_room_init_is_lazy),
	    cmocka_unit_test(page_alloc_contents),
	    cmocka_unit_test(page_of_strangers),
	    cmocka_unit_test(page_alloc_all),
	    cmocka_unit_test(page_alloc_steals),
	    cmocka_unit_test(page_alloc_home_first),
	    cmocka_unit_test(page_free_goes_home),
	    cmocka_unit_test(page_alloc_over_the_border),
	    cmocka_unit_test(page_alloc_memoryless_cpu),
	    cmocka_unit_test(page_alloc_injected),
	    cmocka_unit_test(boot_alloc_meets_frames),
	    cmocka_unit_test(slab_frames),
	    cmocka_unit_test(slab_frames_exhausted),
	};

	return cmocka_run_group_tests_name("page_alloc", tests, NULL, NULL);
}
