/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * rcu.c: deferred frees happen once, after a grace period, on the CPU that deferred them.
 */
#include "base_fixture.h"

#define RCU_READERS 3
#define RCU_ROUNDS  3000

struct note {
	struct tess_rcu_head rcu;
	unsigned ran;   /* how often */
	unsigned cpu;   /* where */
	unsigned again; /* defer itself so many times more */
	uint64_t value;
};

static void
note_run(struct tess_rcu_head *h)
{
	struct note *n = TESS_CONTAINER(h, struct note, rcu);

	n->ran++;
	n->cpu = tess_port_cpu();
	if (n->again > 0) {
		n->again--;
		tess_rcu_defer(h, note_run);
	}
}

static void
rcu_poll_runs_once(void **state)
{
	struct note a = {0}, b = {0};

	(void)state;
	base_start(1);
	tess_rcu_poll(); /* idle */
	tess_rcu_defer(&a.rcu, note_run);
	assert_int_equal(a.ran, 0);
	tess_rcu_poll(); /* stamps */
	assert_int_equal(a.ran, 0);
	tess_rcu_defer(&b.rcu, note_run);
	tess_rcu_poll(); /* runs a, stamps b */
	assert_int_equal(a.ran, 1);
	assert_int_equal(b.ran, 0);
	tess_rcu_poll();
	tess_rcu_poll();
	assert_int_equal(a.ran, 1);
	assert_int_equal(b.ran, 1);
	assert_int_equal(tess_stat_get(TESS_STAT_RCU_DEFER), 2);
	base_stop();
}

static void
rcu_poll_keeps_to_its_cpu(void **state)
{
	struct note a = {0};

	(void)state;
	base_start(2);
	unit_cpu_set(1);
	tess_rcu_defer(&a.rcu, note_run);
	unit_cpu_set(0);
	for (unsigned i = 0; i < 4; i++)
		tess_rcu_poll();
	assert_int_equal(a.ran, 0);
	unit_cpu_set(1);
	tess_rcu_poll();
	tess_rcu_poll();
	assert_int_equal(a.ran, 1);
	assert_int_equal(a.cpu, 1);
	unit_cpu_set(0);
	base_stop();
}

static void
rcu_drain_is_exhaustive(void **state)
{
	struct note a = {0}, b = {.again = 3}, c = {0};

	(void)state;
	base_start(3);
	tess_rcu_defer(&a.rcu, note_run);
	unit_cpu_set(2);
	tess_rcu_defer(&b.rcu, note_run);
	tess_rcu_poll();
	tess_rcu_defer(&c.rcu, note_run);
	unit_cpu_set(0);
	tess_rcu_drain();
	assert_int_equal(a.ran, 1);
	assert_int_equal(b.ran, 4);
	assert_int_equal(c.ran, 1);
	base_stop();
}

#if TESS_CONFIG_ASSERT >= 2
static void
rcu_poll_refuses_a_held_lock(void **state)
{
	struct tess_spin l;

	(void)state;
	base_start(1);
	tess_spin_init(&l);
	tess_spin_lock(&l, TESS_RANK_PV);
	UNIT_EXPECT_PANIC(tess_rcu_poll(), "tess_rank_none");
	tess_spin_unlock(&l, TESS_RANK_PV);
	base_stop();
}
#endif

/* ---- one reader inside its section for as long as the test likes ---- */

enum reader_step {
	READER_STARTS,
	READER_INSIDE,
	READER_MAY_LEAVE,
	READER_OUT,
	READER_MAY_END
};
static uint32_t reader_at;

static void
reader_wait(enum reader_step s)
{
	for (unsigned turn = 0; tess_load_acquire(&reader_at) != (uint32_t)s; turn++)
		tess_port_relax(turn);
}

static void *
slow_reader(void *arg)
{
	unit_thread_attach((unsigned)(uintptr_t)arg);
	tess_rcu_enter();
	tess_store_release(&reader_at, READER_INSIDE);
	reader_wait(READER_MAY_LEAVE);
	tess_rcu_exit();
	tess_rcu_poll();
	tess_store_release(&reader_at, READER_OUT);
	reader_wait(READER_MAY_END);
	unit_thread_detach();
	return NULL;
}

static void
rcu_poll_waits_for_a_reader(void **state)
{
	struct note a = {0};
	pthread_t t;

	(void)state;
	base_start(2);
	reader_at = READER_STARTS;
	assert_int_equal(pthread_create(&t, NULL, slow_reader, (void *)1), 0);
	reader_wait(READER_INSIDE);
	tess_rcu_defer(&a.rcu, note_run);
	for (unsigned i = 0; i < 10; i++)
		tess_rcu_poll();
	assert_int_equal(a.ran, 0);
	tess_store_release(&reader_at, READER_MAY_LEAVE);
	reader_wait(READER_OUT);
	tess_rcu_poll();
	assert_int_equal(a.ran, 1);
	tess_store_release(&reader_at, READER_MAY_END);
	pthread_join(t, NULL);
	base_stop();
}

/* ---- a writer replaces a node that readers follow; the node is poisoned when it is freed ---- */

static TESS_RCU(struct note) shared;
static struct tess_pool note_pool;
static uint32_t rcu_stop;

static void
note_free(struct tess_rcu_head *h)
{
	struct note *n = TESS_CONTAINER(h, struct note, rcu);

	n->value = 0;
	tess_pool_put(&note_pool, n);
}

static void *
rcu_reader(void *arg)
{
	unit_thread_attach((unsigned)(uintptr_t)arg);
	while (tess_load_acquire(&rcu_stop) == 0) {
		tess_rcu_enter();
		for (unsigned i = 0; i < 8; i++)
			assert_int_equal(tess_rcu_get(&shared)->value, 0x1234);
		tess_rcu_exit();
		tess_rcu_poll();
	}
	unit_thread_detach();
	return NULL;
}

static void
rcu_defer_waits_for_readers(void **state)
{
	pthread_t t[RCU_READERS];
	struct note *n;

	(void)state;
	base_start(RCU_READERS + 1);
	assert_int_equal(tess_pool_init(&note_pool, "note", sizeof(struct note), 8), TESS_OK);
	n = tess_pool_get(&note_pool);
	n->value = 0x1234;
	tess_rcu_set(&shared, n);
	rcu_stop = 0;
	for (uintptr_t i = 0; i < RCU_READERS; i++)
		assert_int_equal(pthread_create(&t[i], NULL, rcu_reader, (void *)(i + 1)), 0);
	for (unsigned i = 0; i < RCU_ROUNDS; i++) {
		struct note *old = tess_rcu_peek(&shared);

		n = tess_pool_get(&note_pool);
		assert_non_null(n);
		n->value = 0x1234;
		tess_rcu_set(&shared, n);
		tess_rcu_defer(&old->rcu, note_free);
		tess_rcu_poll();
	}
	tess_store_release(&rcu_stop, 1);
	unit_thread_offline();
	for (unsigned i = 0; i < RCU_READERS; i++)
		pthread_join(t[i], NULL);
	unit_thread_online();
	tess_rcu_drain();
	assert_int_equal(tess_pool_out(&note_pool), 1);
	tess_pool_put(&note_pool, tess_rcu_peek(&shared));
	tess_pool_fini(&note_pool);
	base_stop();
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(rcu_poll_runs_once),
		cmocka_unit_test(rcu_poll_keeps_to_its_cpu),
		cmocka_unit_test(rcu_drain_is_exhaustive),
#if TESS_CONFIG_ASSERT >= 2
		cmocka_unit_test(rcu_poll_refuses_a_held_lock),
#endif
		cmocka_unit_test(rcu_poll_waits_for_a_reader),
		cmocka_unit_test(rcu_defer_waits_for_readers),
	};

	return cmocka_run_group_tests_name("rcu", tests, NULL, NULL);
}
