/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * lock.c: both locks alone and contended, and the ranks.
 */
#include "base_fixture.h"

#define LOCK_THREADS 4
#define LOCK_ROUNDS  20000

static struct tess_spin the_spin;
static struct tess_mutex the_mutex;
static uint64_t guarded;

static void
spin_lock_alone(void **state)
{
	struct tess_spin l;

	(void)state;
	base_start(1);
	tess_spin_init(&l);
	tess_spin_lock(&l, TESS_RANK_PV);
	assert_int_equal(unit_preempt_depth, 1);
	TESS_HELD(&l);
	assert_false(tess_spin_try(&l, TESS_RANK_PV));
	assert_int_equal(unit_preempt_depth, 1);
	tess_spin_unlock(&l, TESS_RANK_PV);
	assert_int_equal(unit_preempt_depth, 0);
	assert_true(tess_spin_try(&l, TESS_RANK_PV));
	tess_spin_unlock(&l, TESS_RANK_PV);
	assert_int_equal(l.word, 0);
	base_stop();
}

static void *
spin_thread(void *arg)
{
	unit_thread_attach((unsigned)(uintptr_t)arg);
	for (unsigned i = 0; i < LOCK_ROUNDS; i++) {
		if (i % 3 == 0) {
			while (!tess_spin_try(&the_spin, TESS_RANK_PV))
				tess_port_relax(100);
		} else {
			tess_spin_lock(&the_spin, TESS_RANK_PV);
		}
		guarded++; /* plain: the lock is what is tested */
		tess_spin_unlock(&the_spin, TESS_RANK_PV);
	}
	unit_thread_detach();
	return NULL;
}

static void *
mutex_thread(void *arg)
{
	unit_thread_attach((unsigned)(uintptr_t)arg);
	for (unsigned i = 0; i < LOCK_ROUNDS; i++) {
		tess_mutex_lock(&the_mutex, TESS_RANK_LEAF);
		guarded++;
		if (i % 64 == 0)
			sched_yield(); /* long enough that others go to sleep */
		tess_mutex_unlock(&the_mutex, TESS_RANK_LEAF);
	}
	unit_thread_detach();
	return NULL;
}

static void
lock_crowd(void *(*fn)(void *))
{
	pthread_t t[LOCK_THREADS];

	base_start(LOCK_THREADS + 1);
	tess_spin_init(&the_spin);
	tess_mutex_init(&the_mutex);
	guarded = 0;
	for (uintptr_t i = 0; i < LOCK_THREADS; i++)
		assert_int_equal(pthread_create(&t[i], NULL, fn, (void *)(i + 1)), 0);
	for (unsigned i = 0; i < LOCK_THREADS; i++)
		pthread_join(t[i], NULL);
	assert_int_equal(guarded, LOCK_THREADS * LOCK_ROUNDS);
	assert_int_equal(the_spin.word, 0);
	assert_int_equal(the_mutex.word, 0);
	base_stop();
}

static void
spin_lock_contended(void **state)
{
	(void)state;
	lock_crowd(spin_thread);
}

static void
mutex_lock_contended(void **state)
{
	(void)state;
	lock_crowd(mutex_thread);
}

#if TESS_CONFIG_ASSERT >= 2
static void
rank_order(void **state)
{
	struct tess_spin pv, pte;

	(void)state;
	base_start(1);
	tess_spin_init(&pv);
	tess_spin_init(&pte);
	tess_spin_lock(&pv, TESS_RANK_PV);
	UNIT_EXPECT_PANIC(tess_spin_lock(&pte, TESS_RANK_PTE), "taken out of order, rank 60");
	UNIT_EXPECT_PANIC(tess_spin_lock(&pte, TESS_RANK_PV), "taken out of order, rank 65");
	assert_int_equal(unit_preempt_depth, 1);
	assert_true(tess_spin_try(&pte, TESS_RANK_PTE)); /* a try waits for nothing */
	UNIT_EXPECT_PANIC(tess_rank_push(TESS_RANK_PV, &the_spin), "highest held 65");
	tess_spin_unlock(&pv, TESS_RANK_PV); /* not the last one taken */
	UNIT_EXPECT_PANIC(TESS_HELD(&pv), "tess_rank_held");
	TESS_HELD(&pte);
	UNIT_EXPECT_PANIC(tess_spin_unlock(&pte, TESS_RANK_PV), "another rank");
	tess_spin_unlock(&pte, TESS_RANK_PTE);
	UNIT_EXPECT_PANIC(tess_spin_unlock(&pte, TESS_RANK_PTE), "not held");
	assert_true(tess_rank_none());
	base_stop();
}

static void
rank_is_per_cpu(void **state)
{
	struct tess_spin a, b;

	(void)state;
	base_start(2);
	tess_spin_init(&a);
	tess_spin_init(&b);
	tess_spin_lock(&a, TESS_RANK_FREE);
	unit_cpu_set(1);
	assert_true(tess_rank_none());
	tess_spin_lock(&b, TESS_RANK_LEAF);
	tess_spin_unlock(&b, TESS_RANK_LEAF);
	unit_cpu_set(0);
	tess_spin_unlock(&a, TESS_RANK_FREE);
	base_stop();
}
#endif

static void
rank_stack_is_bounded(void **state)
{
	uint32_t word[TESS_RANKS_HELD + 1];

	(void)state;
	base_start(1);
	for (unsigned i = 0; i < TESS_RANKS_HELD; i++)
		tess_rank_push((enum tess_rank)(i + 1), &word[i]);
	UNIT_EXPECT_PANIC(tess_rank_push(TESS_RANK_LOG, &word[TESS_RANKS_HELD]), "too many");
	for (unsigned i = 0; i < TESS_RANKS_HELD; i++)
		tess_rank_pop((enum tess_rank)(i + 1), &word[i]);
	assert_true(tess_rank_none());
	base_stop();
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(spin_lock_alone),
		cmocka_unit_test(spin_lock_contended),
		cmocka_unit_test(mutex_lock_contended),
#if TESS_CONFIG_ASSERT >= 2
		cmocka_unit_test(rank_order),
		cmocka_unit_test(rank_is_per_cpu),
#endif
		cmocka_unit_test(rank_stack_is_bounded),
	};

	return cmocka_run_group_tests_name("lock", tests, NULL, NULL);
}
