/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * check.c: the walkers and the teardown see what is wrong; each corruption is put right again.
 */
#include "page_fixture.h"

static void
counts_by_state(void **state)
{
	struct tess_page *pg[TESS_PAGE_STATES];

	(void)state;
	unit_machine_start(PAGE_RAM, 1, 1);
	for (unsigned s = TESS_PAGE_ALLOC; s < TESS_PAGE_STATES; s++) {
		pg[s] = page_plain();
		tess_page_set_state(pg[s], (enum tess_page_state)s);
	}
	assert_int_equal(counts().total, PAGE_FRAMES);
	assert_int_equal(counts().slab, 1);
	assert_int_equal(counts().table, 1);
	assert_int_equal(counts().anon, 1);
	assert_int_equal(counts().object, 1);
	assert_int_equal(counts().other, 2);
	for (unsigned s = TESS_PAGE_ALLOC; s < TESS_PAGE_STATES; s++)
		tess_page_free(pg[s]);
	assert_int_equal(counts().other, 0);
	unit_machine_stop();
}

static void
page_state_names(void **state)
{
	(void)state;
	for (unsigned s = 0; s < TESS_PAGE_STATES; s++)
		assert_non_null(tess_page_state_name((enum tess_page_state)s));
	assert_string_equal(tess_page_state_name(TESS_PAGE_ANON), "anon");
	assert_string_equal(tess_page_state_name(TESS_PAGE_STATES), "?");
}

static void
page_room_fini_names_the_leak(void **state)
{
	struct tess_machine *m = unit_machine_start(PAGE_RAM, 2, 1);
	struct tess_page *pg = page_plain();

	(void)state;
	tess_page_set_state(pg, TESS_PAGE_ANON);
	UNIT_EXPECT_PANIC(tess_page_room_fini(m), "frames still in use: 1; the first in its range");
	UNIT_EXPECT_PANIC(tess_page_room_fini(m), ", anon");
	unit_cpu_set(1);
	tess_page_free(pg); /* elsewhere: balances sum to zero */
	unit_cpu_set(0);
	unit_machine_stop();
}

static void
page_free_complains(void **state)
{
	struct tess_page *pg;

	(void)state;
	unit_machine_start(PAGE_RAM, 1, 1);
	pg = page_plain();
	pg->wire = 1;
	UNIT_EXPECT_PANIC(tess_page_free(pg), "(alloc): it is wired");
	pg->wire = 0;
	pg->attrs = TESS_PAGE_BUSY;
	UNIT_EXPECT_PANIC(tess_page_free(pg), "an I/O owns it");
	pg->attrs = 0;
	pg->pv.pmap = (struct tess_pmap *)pg;
	UNIT_EXPECT_PANIC(tess_page_free(pg), "it has a translation");
	pg->pv.pmap = NULL;
	tess_page_free(pg);
	UNIT_EXPECT_PANIC(tess_page_free(pg), "(free): it is free already");
	unit_machine_stop();
}

static void
page_room_check_sees(void **state)
{
	struct tess_machine *m = unit_machine_start(PAGE_RAM, 1, 1);
	struct page_cache *k = &m->page->cache[0];
	struct tess_page *pg = page_plain();
	struct tess_page *first;

	(void)state;
	tess_page_room_check();

	pg->pfn++; /* I-PAGE-1 */
	UNIT_EXPECT_PANIC(tess_page_room_check(), "pfn");
	pg->pfn--;
	pg->domain = 3;
	UNIT_EXPECT_PANIC(tess_page_room_check(), "domain");
	pg->domain = 0;
	pg->state = TESS_PAGE_STATES;
	UNIT_EXPECT_PANIC(tess_page_room_check(), "state");

	pg->state = TESS_PAGE_FREE; /* I-PAGE-4: free, and on no list */
	UNIT_EXPECT_PANIC(tess_page_room_check(), "cached_count");
	pg->state = TESS_PAGE_ALLOC;

	k->loaded.first->state = TESS_PAGE_ANON; /* I-PAGE-2 */
	UNIT_EXPECT_PANIC(tess_page_room_check(), "TESS_PAGE_FREE");
	k->loaded.first->state = TESS_PAGE_FREE;
	k->loaded.first->wire = 1;
	UNIT_EXPECT_PANIC(tess_page_room_check(), "wire");
	k->loaded.first->wire = 0;

	k->loaded.n--; /* I-PAGE-3 */
	UNIT_EXPECT_PANIC(tess_page_room_check(), "n-- != 0");
	k->loaded.n += 2;
	UNIT_EXPECT_PANIC(tess_page_room_check(), "n == 0");
	k->loaded.n--;
	first = k->loaded.first;
	k->loaded.first = first->next; /* a frame lost */
	k->loaded.n--;
	UNIT_EXPECT_PANIC(tess_page_room_check(), "cached_count");
	chain_push(&k->loaded, first);

	k->stats[TESS_STAT_PAGE_ALLOC]++; /* I-PAGE-5 */
	UNIT_EXPECT_PANIC(tess_page_room_check(), "used");
	k->stats[TESS_STAT_PAGE_ALLOC]--;

	tess_page_room_check();
	tess_page_free(pg);
	unit_machine_stop();
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(counts_by_state),
	    cmocka_unit_test(page_state_names),
	    cmocka_unit_test(page_room_fini_names_the_leak),
	    cmocka_unit_test(page_free_complains),
	    cmocka_unit_test(page_room_check_sees),
	};

	return cmocka_run_group_tests_name("page_check", tests, NULL, NULL);
}
