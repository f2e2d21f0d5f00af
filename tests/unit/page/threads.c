/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * threads.c: caches under real concurrency: churn, frames handed from CPU to CPU, and a machine so
 * short of memory that stealing is the rule.
 */
#include <sched.h>
#include <stdlib.h>
#include "page_fixture.h"

#define THREADS     4
#define ROUNDS      20000
#define TABLE_SLOTS 128

static struct tess_page *table[TABLE_SLOTS];
static struct tess_pool pool;
static uint32_t failures;

static void
crowd(void *(*fn)(void *))
{
	pthread_t t[THREADS];

	for (uintptr_t i = 0; i < THREADS; i++)
		assert_int_equal(pthread_create(&t[i], NULL, fn, (void *)(i + 1)), 0);
	for (unsigned i = 0; i < THREADS; i++)
		pthread_join(t[i], NULL);
}

static void
table_empty(void)
{
	for (unsigned i = 0; i < TABLE_SLOTS; i++) {
		if (table[i] != NULL)
			tess_page_free(table[i]);
		table[i] = NULL;
	}
}

/* Every frame is stamped with its own address; whoever takes it out of the table finds the stamp. */
static void *
churn(void *arg)
{
	unsigned cpu = (unsigned)(uintptr_t)arg;
	unsigned seed = cpu;

	unit_thread_attach(cpu);
	for (unsigned i = 0; i < ROUNDS; i++) {
		struct tess_page **slot = &table[(unsigned)rand_r(&seed) % TABLE_SLOTS];
		struct tess_page *pg = page_plain();

		if (pg != NULL) {
			assert_int_equal(pg->state, TESS_PAGE_ALLOC);
			tess_page_set_state(pg, TESS_PAGE_ANON);
			*(tess_pa *)tess_page_data(pg) = tess_page_pa(pg);
		} else {
			tess_add_relaxed(&failures, 1);
		}
		pg = tess_xchg_acqrel(slot, pg);
		if (pg == NULL)
			continue;
		assert_int_equal(*(tess_pa *)tess_page_data(pg), tess_page_pa(pg));
		tess_page_free(pg);
	}
	unit_thread_detach();
	return NULL;
}

static void
page_alloc_threads(void **state)
{
	(void)state;
	for (unsigned domains = 1; domains <= 3; domains += 2) {
		failures = 0;
		unit_machine_start(PAGE_RAM, THREADS + 1, domains);
		crowd(churn);
		assert_int_equal(failures, 0); /* at most 132 of 2,000 frames are ever out */
		table_empty();
		unit_machine_stop();
	}
}

/*
 * Leave `left` frames free, and the caches empty.  The kept frames are chained through `owner`.
 */
static struct tess_page *
hold_all_but(unsigned left)
{
	struct tess_page *held = NULL, *pg;

	while ((pg = page_plain()) != NULL) {
		pg->owner = held;
		held = pg;
	}
	while (left-- > 0) {
		pg = held;
		held = pg->owner;
		tess_page_free(pg);
	}
	return held;
}

static void
release(struct tess_page *held)
{
	while (held != NULL) {
		struct tess_page *next = held->owner;

		tess_page_free(held);
		held = next;
	}
}

/* As many frames as threads, one held by each at a time: no allocation may ever fail. */
static void *
one_each(void *arg)
{
	unit_thread_attach((unsigned)(uintptr_t)arg);
	for (unsigned i = 0; i < ROUNDS / 4; i++) {
		struct tess_page *pg = page_plain();

		if (pg == NULL) {
			tess_add_relaxed(&failures, 1);
			continue;
		}
		if (i % 8 == 0)
			sched_yield();
		tess_page_free(pg);
	}
	unit_thread_detach();
	return NULL;
}

static void
page_alloc_never_fails_with_enough(void **state)
{
	struct tess_page *held;

	(void)state;
	for (unsigned domains = 1; domains <= 2; domains++) {
		failures = 0;
		unit_machine_start(PAGE_RAM, THREADS + 1, domains);
		/* more than the frames a crowd can hold: an allocation is never unlucky */
		held = hold_all_but(2 * THREADS);
		crowd(one_each);
		assert_int_equal(failures, 0);
		tess_page_room_check();
		release(held);
		unit_machine_stop();
	}
}

static void
page_alloc_threads_starved(void **state)
{
	struct tess_page *held;

	(void)state;
	unit_machine_start(PAGE_RAM, THREADS + 1, 2);
	failures = 0;
	held = hold_all_but(TABLE_SLOTS / 4);
	crowd(churn);
	assert_true(failures > 0);
	tess_page_room_check();
	table_empty();
	release(held);
	unit_machine_stop();
}

static void *
slab_churn(void *arg)
{
	void *o[40];

	unit_thread_attach((unsigned)(uintptr_t)arg);
	for (unsigned i = 0; i < ROUNDS / 40; i++) {
		for (unsigned j = 0; j < 40; j++) {
			o[j] = tess_pool_get(&pool);
			if (o[j] == NULL)
				tess_add_relaxed(&failures, 1);
		}
		for (unsigned j = 0; j < 40; j++) {
			if (o[j] != NULL)
				tess_pool_put(&pool, o[j]);
		}
	}
	unit_thread_detach();
	return NULL;
}

static void
slab_frames_threads(void **state)
{
	(void)state;
	failures = 0;
	unit_machine_start(PAGE_RAM, THREADS + 1, 2);
	assert_int_equal(tess_pool_init(&pool, "big", 1000, 8), TESS_OK);
	crowd(slab_churn);
	assert_int_equal(failures, 0);
	tess_base_check();
	tess_page_room_check();
	tess_pool_fini(&pool);
	unit_machine_stop();
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(page_alloc_threads),
	    cmocka_unit_test(page_alloc_never_fails_with_enough),
	    cmocka_unit_test(page_alloc_threads_starved),
	    cmocka_unit_test(slab_frames_threads),
	};

	return cmocka_run_group_tests_name("page_threads", tests, NULL, NULL);
}
