/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Machines, threads, grace periods, sleeping, injected failures: the host around the simulated CPUs.
 */
#define _GNU_SOURCE
#include <pthread.h>
#include <sched.h>
#include <stdlib.h>
#include <unistd.h>
#include "hosted_util.h"
#include "file.h"

#define VA 0x400000ull

static int
start_single(void **state)
{
	(void)state;
	util_start(TESS_HOST_X86_64, TESS_HOST_SINGLE, 4, 0, 4);
	return 0;
}

static int
start_threads(void **state)
{
	(void)state;
	util_start(TESS_HOST_X86_64, TESS_HOST_THREADS, 4, 0, 4);
	return 0;
}

/* ---- One thread ---- */

static void
test_create_refuses(void **state)
{
	const struct tess_host_config good = {.isa = TESS_HOST_X86_64, .ncpu = 1, .ram = UTIL_RAM};
	struct tess_host_config bad[8];

	(void)state;
	for (unsigned i = 0; i < 8; i++)
		bad[i] = good;
	bad[0].ncpu = 0;
	bad[1].ncpu = TESS_CPU_MAX + 1;
	bad[2].ram = 0;
	bad[3].ram = UTIL_RAM + 1;
	bad[4].tlb_entries = 48;
	bad[5].tlb_entries = 2;
	bad[6].domains = 9;
	bad[7].isa = (enum tess_host_isa)3;
	for (unsigned i = 0; i < 8; i++)
		assert_null(tess_sim_host_create(&bad[i], 0, 4));
	assert_null(tess_host_self());
}

static void
test_arena_is_reused(void **state)
{
	struct tess_host_config cfg = {.isa = TESS_HOST_X86_64, .ncpu = 1, .ram = 3 << 20};
	struct tess_host *h = tess_sim_host_create(&cfg, 0, 4);
	char *ram;

	(void)state;
	ram = tess_port_direct(SIM_RAM_START);
	tess_port_frame_alloc(SIM_RAM_START);
	tess_sim_host_free(h);
	h = tess_sim_host_create(&cfg, 0, 4);
	assert_ptr_equal(ram, tess_port_direct(SIM_RAM_START));
	assert_int_equal(tess_sim_frame_word(h, SIM_RAM_START), 0);
	assert_true(tess_port_direct_pa(ram + 5) == SIM_RAM_START + 5);
	tess_sim_host_free(h);
}

#if defined(__SANITIZE_ADDRESS__)
#include <sanitizer/asan_interface.h>

static void
test_free_frames_are_poisoned(void **state)
{
	char *p = tess_port_direct(util_frame(9));

	(void)state;
	tess_port_frame_alloc(util_frame(9));
	assert_false(__asan_address_is_poisoned(p));
	tess_port_frame_free(util_frame(9));
	assert_true(__asan_address_is_poisoned(p) && __asan_address_is_poisoned(p + 4095));
	assert_false(__asan_address_is_poisoned(p + 4096));
	tess_port_frame_alloc(util_frame(9));
	assert_false(__asan_address_is_poisoned(p));
	tess_port_frame_free(
	    util_frame(9)); /* the next machine finds plain memory: util_start() clears it */
	util_stop(NULL);
	start_single(NULL);
}
#endif

/* Two machines in one thread, side by side. */
static void
test_two_machines(void **state)
{
	struct tess_host_config cfg = {.isa = TESS_HOST_AARCH64, .ncpu = 2, .ram = UTIL_RAM};
	struct tess_host *a = util_host, *b;
	char *ram = tess_port_direct(SIM_RAM_START);

	(void)state;
	tess_host_cpu_set(a, 3);
	tess_port_preempt_disable();
	b = tess_sim_host_create(&cfg, 16, 4);
	assert_ptr_equal(tess_host_self(), b);
	assert_int_equal(tess_port_cpu(), 0);
	assert_ptr_not_equal(ram, tess_port_direct(SIM_RAM_START));
	tess_port_quiescent(); /* a's open depth is not ours */
	tess_host_cpu_set(a, 3);
	assert_ptr_equal(ram, tess_port_direct(SIM_RAM_START));
	tess_port_preempt_enable();
	tess_host_cpu_set(b, 1);
	tess_sim_host_free(b);
	assert_null(tess_host_self());
	tess_host_cpu_set(a, 0);
}

static void
test_gp_single(void **state)
{
	uint64_t a, b;

	(void)state;
	a = tess_port_gp_start();
	assert_false(tess_port_gp_done(a));
	tess_port_quiescent();
	assert_true(tess_port_gp_done(a));
	b = tess_port_gp_start();
	assert_true(tess_port_gp_done(a));
	tess_host_cpu_set(util_host, 1);
	tess_port_rcu_enter();
	tess_host_cpu_set(util_host, 0);
	tess_port_quiescent();
	assert_false(tess_port_gp_done(b)); /* CPU 1 still reads */
	UTIL_EXPECT(tess_port_gp_wait(b), "another CPU is in a read section");
	tess_host_cpu_set(util_host, 1);
	tess_port_rcu_exit();
	assert_false(tess_port_gp_done(b));
	tess_port_quiescent();
	assert_true(tess_port_gp_done(b));
	tess_port_gp_wait(tess_port_gp_start());
}

static void
test_time_single(void **state)
{
	uint64_t a = tess_port_time_ns();

	(void)state;
	assert_true(tess_port_time_ns() > a);
}

static void
test_fail_nth(void **state)
{
	struct tess_host *h = util_host;

	(void)state;
	for (unsigned i = 0; i < 10; i++)
		assert_false(tess_port_fail(TESS_SITE_POOL));
	assert_int_equal(tess_host_fail_count(h), 0);
	tess_host_fail_nth(h, 3);
	assert_false(tess_port_fail(TESS_SITE_POOL));
	assert_false(tess_port_fail(TESS_SITE_PAGE));
	assert_false(tess_host_fail_hit(h));
	assert_true(tess_port_fail(TESS_SITE_IO));
	assert_true(tess_host_fail_hit(h));
	assert_false(tess_port_fail(TESS_SITE_IO));
	assert_int_equal(tess_host_fail_count(h), 4);
	tess_host_fail_nth(h, 0);
	assert_false(tess_host_fail_hit(h));
	assert_false(tess_port_fail(TESS_SITE_TABLE));
}

static void
note_cpu(void *arg)
{
	((uint32_t *)arg)[tess_port_cpu()]++;
}

static void
test_ipi_single(void **state)
{
	uint32_t seen[4] = {0};

	(void)state;
	tess_host_cpu_set(util_host, 2);
	tess_port_ipi(0xf, note_cpu, seen);
	assert_int_equal(tess_port_cpu(), 2);
	assert_int_equal(seen[0] + seen[1] * 10 + seen[2] * 100 + seen[3] * 1000, 1011);
	tess_host_cpu_set(util_host, 0);
}

static void
test_no_host(void **state)
{
	(void)state;
	UTIL_EXPECT(tess_port_quiescent(), "no CPU");
}

/* ---- Threads ---- */

struct worker {
	pthread_t thread;
	unsigned cpu;
	uint32_t *word;
	uint64_t rounds;
};

static void
run_workers(void *(*fn)(void *), uint32_t *word, uint64_t rounds)
{
	struct worker w[3];

	for (unsigned i = 0; i < 3; i++) {
		w[i] = (struct worker){.cpu = i + 1, .word = word, .rounds = rounds};
		assert_int_equal(pthread_create(&w[i].thread, NULL, fn, &w[i]), 0);
	}
	tess_host_offline(util_host);
	for (unsigned i = 0; i < 3; i++)
		pthread_join(w[i].thread, NULL);
	tess_host_online(util_host);
}

static void *
sleeper(void *arg)
{
	struct worker *w = arg;

	tess_host_attach(util_host, w->cpu, false);
	while (tess_load_acquire(w->word) == 0)
		tess_port_block(w->word, 0);
	tess_add_acqrel(w->word, 1);
	tess_host_detach(util_host);
	return NULL;
}

static void *
waker(void *arg)
{
	uint32_t *word = arg;

	usleep(20000);
	tess_host_attach(util_host, 0, false);
	tess_store_release(word, 1);
	tess_port_wake(word);
	tess_host_detach(util_host);
	return NULL;
}

static void
test_block_wake(void **state)
{
	uint32_t word = 0;
	pthread_t t;

	(void)state;
	tess_host_detach(util_host);
	assert_int_equal(pthread_create(&t, NULL, waker, &word), 0);
	struct worker w[3];
	for (unsigned i = 0; i < 3; i++) {
		w[i] = (struct worker){.cpu = i + 1, .word = &word};
		pthread_create(&w[i].thread, NULL, sleeper, &w[i]);
	}
	for (unsigned i = 0; i < 3; i++)
		pthread_join(w[i].thread, NULL);
	pthread_join(t, NULL);
	assert_int_equal(word, 4);
	tess_host_attach(util_host, 0, false);
}

/* A published object is read under a section and poisoned a grace period after it was replaced. */
static struct {
	uint32_t alive;
} objects[1024];
static uint32_t current;

static void *
reader(void *arg)
{
	struct worker *w = arg;

	tess_host_attach(util_host, w->cpu, true);
	for (uint64_t i = 0; i < w->rounds; i++) {
		uint32_t o;

		tess_port_rcu_enter();
		o = tess_load_acquire(&current);
		for (unsigned n = 0; n < 5; n++) {
			if (objects[o].alive != 1) /* plain: ThreadSanitizer judges it too */
				tess_store_relaxed(w->word, 1);
			tess_compiler_barrier();
		}
		tess_port_rcu_exit();
		tess_port_quiescent();
	}
	tess_host_detach(util_host);
	return NULL;
}

static void *
writer(void *arg)
{
	struct worker *w = arg;

	tess_host_attach(util_host, w->cpu, false);
	for (uint32_t i = 1; i < w->rounds; i++) {
		uint64_t cookie;

		objects[i].alive = 1;
		tess_store_release(&current, i);
		cookie = tess_port_gp_start();
		if (i & 1)
			tess_port_gp_wait(cookie);
		else
			while (!tess_port_gp_done(cookie)) {
				tess_port_quiescent();
				sched_yield();
			}
		objects[i - 1].alive = 0;
		tess_port_quiescent();
	}
	tess_host_detach(util_host);
	return NULL;
}

static void
test_gp_threads(void **state)
{
	struct worker r[2], w;
	uint32_t bad = 0;

	(void)state;
	memset(objects, 0, sizeof(objects));
	objects[0].alive = 1;
	current = 0;
	for (unsigned i = 0; i < 2; i++) {
		r[i] = (struct worker){.cpu = i + 1, .word = &bad, .rounds = 50000};
		pthread_create(&r[i].thread, NULL, reader, &r[i]);
	}
	w = (struct worker){.cpu = 3, .rounds = 60};
	pthread_create(&w.thread, NULL, writer, &w);
	tess_host_offline(util_host);
	pthread_join(w.thread, NULL);
	for (unsigned i = 0; i < 2; i++)
		pthread_join(r[i].thread, NULL);
	tess_host_online(util_host);
	assert_int_equal(bad, 0);
}

/* A reader that does not report holds the grace period up; offline it does not. */
static void *
slow_reader(void *arg)
{
	struct worker *w = arg;

	tess_host_attach(util_host, w->cpu, false);
	tess_port_rcu_enter();
	tess_store_release(w->word, 1);
	while (tess_load_acquire(w->word) != 2)
		sched_yield();
	tess_port_rcu_exit();
	tess_host_offline(util_host);
	tess_store_release(w->word, 3);
	while (tess_load_acquire(w->word) != 4)
		usleep(100);
	tess_host_online(util_host);
	tess_host_detach(util_host);
	return NULL;
}

static void
test_gp_waits_for_reader(void **state)
{
	uint32_t word = 0;
	struct worker w = {.cpu = 1, .word = &word};
	uint64_t cookie;

	(void)state;
	pthread_create(&w.thread, NULL, slow_reader, &w);
	while (tess_load_acquire(&word) != 1)
		sched_yield();
	cookie = tess_port_gp_start();
	for (unsigned i = 0; i < 50; i++) {
		tess_port_quiescent();
		assert_false(tess_port_gp_done(cookie));
		usleep(200);
	}
	tess_store_release(&word, 2);
	while (tess_load_acquire(&word) != 3)
		sched_yield();
	tess_port_gp_wait(cookie);
	assert_true(tess_port_gp_done(cookie));
	tess_store_release(&word, 4);
	tess_host_offline(util_host);
	pthread_join(w.thread, NULL);
	tess_host_online(util_host);
}

/* Accesses through a hit against a shootdown: no byte is written after the flush has returned. */
static uint64_t *shot_pte;

static enum tess_err
wait_for_page(void *ctx, tess_va va, enum tess_access access)
{
	(void)ctx, (void)va, (void)access;
	tess_port_quiescent();
	sched_yield();
	return tess_load_acquire(shot_pte) & 1 ? TESS_OK : TESS_SIGSEGV;
}

static void *
writer_of_page(void *arg)
{
	struct worker *w = arg;

	tess_host_attach(util_host, w->cpu, false);
	tess_port_table_load(util_frame(1), 0);
	tess_host_set_fault(util_host, wait_for_page, NULL);
	for (uint64_t i = 0; !(tess_load_relaxed(w->word)); i++) {
		tess_host_store(util_host, VA + w->cpu * 8, &i, 8);
		tess_port_quiescent();
	}
	tess_host_detach(util_host);
	return NULL;
}

static void
flush_va(void *arg)
{
	(void)arg;
	tess_port_tlb_page(0, VA);
}

static void
test_shootdown(void **state)
{
	struct worker w[3];
	uint32_t stop = 0;
	uint64_t *page = util_table(16);

	(void)state;
	shot_pte = &util_table(4)[0];
	util_table(1)[0] = util_frame(2) | 7;
	util_table(2)[0] = util_frame(3) | 7;
	util_table(3)[VA >> 21] = util_frame(4) | 7;
	for (unsigned i = 0; i < 3; i++) {
		w[i] = (struct worker){.cpu = i + 1, .word = &stop};
		pthread_create(&w[i].thread, NULL, writer_of_page, &w[i]);
	}
	for (unsigned round = 0; round < 100; round++) {
		uint64_t saw[3];

		tess_store_release(shot_pte, util_frame(16) | 7);
		tess_host_offline(util_host);
		for (unsigned i = 0; i < 5; i++)
			sched_yield();
		tess_host_online(util_host);
		tess_store_release(shot_pte, 0);
		tess_port_ipi(0xe, flush_va, NULL);
		/* Plain reads: after the flush nobody writes here, and ThreadSanitizer agrees. */
		for (unsigned i = 0; i < 3; i++)
			saw[i] = page[i + 1];
		sched_yield();
		for (unsigned i = 0; i < 3; i++)
			assert_true(saw[i] == page[i + 1]);
		tess_port_quiescent();
	}
	tess_store_relaxed(&stop, 1);
	tess_store_release(shot_pte, util_frame(16) | 7);
	tess_host_offline(util_host);
	for (unsigned i = 0; i < 3; i++)
		pthread_join(w[i].thread, NULL);
	tess_host_online(util_host);
}

/* Everyone interrupts everyone. */
static uint32_t storm[4];

static void
storm_hit(void *arg)
{
	(void)arg;
	tess_add_relaxed(&storm[tess_port_cpu()], 1);
}

static void *
stormer(void *arg)
{
	struct worker *w = arg;

	tess_host_attach(util_host, w->cpu, false);
	for (uint64_t i = 0; i < w->rounds; i++) {
		tess_port_ipi(0xf, storm_hit, NULL);
		tess_port_quiescent();
	}
	tess_host_detach(util_host);
	return NULL;
}

static void
test_ipi_storm(void **state)
{
	(void)state;
	memset(storm, 0, sizeof(storm));
	run_workers(stormer, NULL, 500);
	assert_int_equal(storm[0], 1500); /* CPU 0 was asleep in the host all the time */
	for (unsigned i = 1; i < 4; i++)
		assert_int_equal(storm[i], 1000);
}

static void *
binder(void *arg)
{
	struct worker *w = arg;
	cpu_set_t set, given;

	pthread_getaffinity_np(pthread_self(), sizeof(given), &given);
	tess_host_attach(util_host, w->cpu, true);
	pthread_getaffinity_np(pthread_self(), sizeof(set), &set);
	if (CPU_COUNT(&set) != 1)
		tess_store_relaxed(w->word, 1);
	CPU_AND(&set, &set, &given);
	if (CPU_COUNT(&set) != 1)
		tess_store_relaxed(w->word, 2);
	tess_host_detach(util_host);
	pthread_getaffinity_np(pthread_self(), sizeof(set), &set);
	if (!CPU_EQUAL(&set, &given))
		tess_store_relaxed(w->word, 3);
	return NULL;
}

static void
test_bind(void **state)
{
	uint32_t bad = 0;

	(void)state;
	run_workers(binder, &bad, 0);
	assert_int_equal(bad, 0);
}

static void
test_attach_twice(void **state)
{
	(void)state;
	UTIL_EXPECT(tess_host_attach(util_host, 0, false), "not free");
	UTIL_EXPECT(tess_host_attach(util_host, 4, false), "not free");
	UTIL_EXPECT(tess_host_cpu_set(util_host, 1), "driven by threads");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_create_refuses),
		cmocka_unit_test(test_arena_is_reused),
		cmocka_unit_test(test_no_host),
#if defined(__SANITIZE_ADDRESS__)
		cmocka_unit_test_setup_teardown(test_free_frames_are_poisoned, start_single,
						util_stop),
#endif
		cmocka_unit_test_setup_teardown(test_two_machines, start_single, util_stop),
		cmocka_unit_test_setup_teardown(test_gp_single, start_single, util_stop),
		cmocka_unit_test_setup_teardown(test_time_single, start_single, util_stop),
		cmocka_unit_test_setup_teardown(test_fail_nth, start_single, util_stop),
		cmocka_unit_test_setup_teardown(test_ipi_single, start_single, util_stop),
		cmocka_unit_test_setup_teardown(test_block_wake, start_threads, util_stop),
		cmocka_unit_test_setup_teardown(test_gp_threads, start_threads, util_stop),
		cmocka_unit_test_setup_teardown(test_gp_waits_for_reader, start_threads, util_stop),
		cmocka_unit_test_setup_teardown(test_shootdown, start_threads, util_stop),
		cmocka_unit_test_setup_teardown(test_ipi_storm, start_threads, util_stop),
		cmocka_unit_test_setup_teardown(test_bind, start_threads, util_stop),
		cmocka_unit_test_setup_teardown(test_attach_twice, start_threads, util_stop),
	};

	return cmocka_run_group_tests_name("host", tests, NULL, NULL);
}
