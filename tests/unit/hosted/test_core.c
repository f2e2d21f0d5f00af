/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The whole core on the simulated machine: it runs clean, and hardware that loses flushes is found out.
 */
#include <tessera/tessera.h>
#include "hosted_util.h"

#define PAGES 40

static struct tess_host *core_host;
static struct tess_space *core_space;
static tess_va core_va;

static enum tess_err
core_fault(void *ctx, tess_va va, enum tess_access access)
{
	return tess_fault(ctx, va, access);
}

static void
core_run(unsigned cpu, struct tess_space *sp)
{
	tess_host_cpu_set(core_host, cpu);
	tess_space_activate(sp);
	tess_host_set_fault(core_host, sp ? core_fault : NULL, sp);
}

static void
core_start(enum tess_host_isa isa)
{
	struct tess_host_config cfg = {
	    .isa = isa, .drive = TESS_HOST_SINGLE, .ncpu = 3, .ram = (uint64_t)8 << 20, .seed = 5};
	struct tess_mmap_args a = {.len = PAGES * TESS_PAGE_SIZE,
				   .prot = TESS_PROT_READ | TESS_PROT_WRITE,
				   .flags = TESS_MAP_PRIVATE | TESS_MAP_ANON};

	core_host = tess_host_create(&cfg);
	assert_non_null(core_host);
	assert_int_equal(tess_space_create(NULL, &core_space), TESS_OK);
	assert_int_equal(tess_mmap(core_space, &a, &core_va), TESS_OK);
	for (unsigned cpu = 0; cpu < 2; cpu++) {
		core_run(cpu, core_space);
		for (uint64_t i = 0; i < PAGES; i++)
			assert_int_equal(
			    tess_host_store(core_host, core_va + i * TESS_PAGE_SIZE, &i, 8),
			    TESS_OK);
	}
	core_run(0, core_space);
}

static int
start_x86(void **state)
{
	(void)state;
	core_start(TESS_HOST_X86_64);
	return 0;
}

static int
start_arm(void **state)
{
	(void)state;
	core_start(TESS_HOST_AARCH64);
	return 0;
}

static int
start_arm_hw(void **state)
{
	(void)state;
	core_start(TESS_HOST_AARCH64_HW);
	return 0;
}

static int
stop_clean(void **state)
{
	(void)state;
	core_run(1, NULL);
	core_run(0, NULL);
	tess_space_destroy(core_space);
	tess_host_destroy(core_host);
	return 0;
}

static int
stop_broken(void **state)
{
	(void)state;
	tess_host_abandon(core_host);
	assert_null(tess_host_self());
	return 0;
}

static void
test_clean(void **state)
{
	struct tess_space *child;
	uint64_t v;

	(void)state;
	assert_int_equal(tess_space_fork(core_space, &child), TESS_OK);
	tess_host_check(core_host);
	v = 1000;
	assert_int_equal(tess_host_store(core_host, core_va, &v, 8), TESS_OK);
	core_run(2, child);
	assert_int_equal(tess_host_load(core_host, core_va, &v, 8), TESS_OK);
	assert_int_equal(v, 0);
	core_run(2, NULL);
	core_run(0, core_space);
	tess_space_destroy(child);
	assert_int_equal(tess_mprotect(core_space, core_va, TESS_PAGE_SIZE, TESS_PROT_READ),
			 TESS_OK);
	tess_host_check(core_host);
	assert_int_equal(tess_host_store(core_host, core_va, &v, 8), TESS_SIGSEGV);
	assert_int_equal(tess_munmap(core_space, core_va, 7 * TESS_PAGE_SIZE), TESS_OK);
	tess_host_check(core_host);
	assert_int_equal(tess_host_load(core_host, core_va, &v, 8), TESS_SIGSEGV);
	core_run(1, core_space);
	assert_int_equal(tess_host_load(core_host, core_va, &v, 8), TESS_SIGSEGV);
}

/* Page flushes do nothing: the frames of an unmap are still in some TLB when they are freed. */
static void
test_lost_page_flush(void **state)
{
	enum tess_err err;

	(void)state;
	tess_host_mutate(core_host, TESS_HOST_MUTATE_DROP_PAGE_FLUSH);
	UTIL_EXPECT(err = tess_munmap(core_space, core_va, 4 * TESS_PAGE_SIZE); tess_quiesce();
		    (void)err, "oracle frame-reuse");
}

static void
test_lost_page_flush_at_protect(void **state)
{
	(void)state;
	tess_host_mutate(core_host, TESS_HOST_MUTATE_DROP_PAGE_FLUSH);
	assert_int_equal(tess_mprotect(core_space, core_va, TESS_PAGE_SIZE, TESS_PROT_READ),
			 TESS_OK);
	UTIL_EXPECT(tess_host_check(core_host), "oracle stale-tlb");
}

static void
test_lost_ipi(void **state)
{
	(void)state;
	tess_host_mutate(core_host, TESS_HOST_MUTATE_DROP_IPI);
	assert_int_equal(tess_mprotect(core_space, core_va, TESS_PAGE_SIZE, TESS_PROT_READ),
			 TESS_OK);
	UTIL_EXPECT(tess_host_check(core_host), "CPU 1");
}

/* Fail each site of one operation in turn: it says so and changes nothing, or it was not reached. */
static void
test_fail_each(void **state)
{
	struct tess_mmap_args a = {.len = TESS_PAGE_SIZE,
				   .prot = TESS_PROT_READ | TESS_PROT_WRITE,
				   .flags = TESS_MAP_PRIVATE | TESS_MAP_ANON};
	unsigned failures = 0;
	tess_va va;

	(void)state;
	for (uint64_t n = 1;; n++) {
		enum tess_err err;

		va = 1;
		tess_host_fail_nth(core_host, n);
		a.len = n * TESS_PAGE_SIZE; /* so that neighbours do not merge into an old record */
		a.prot ^= TESS_PROT_EXEC;
		err = tess_mmap(core_space, &a, &va);
		if (!tess_host_fail_hit(core_host)) {
			assert_int_equal(err, TESS_OK);
			break;
		}
		failures += err != TESS_OK;
		assert_true(err == TESS_OK || (err == TESS_ENOMEM && va == 1));
		assert_in_range(n, 1, 1000);
	}
	tess_host_fail_nth(core_host, 0);
	assert_true(failures > 0);
	tess_space_check(core_space);
}

#define CASE(fn, start, stop)                         \
	{                                             \
#fn "/" #start, fn, start, stop, NULL \
	}
#define CASE3(fn, stop) \
	CASE(fn, start_x86, stop), CASE(fn, start_arm, stop), CASE(fn, start_arm_hw, stop)

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    CASE3(test_clean, stop_clean),
	    CASE3(test_lost_page_flush, stop_broken),
	    CASE3(test_lost_page_flush_at_protect, stop_broken),
	    CASE3(test_lost_ipi, stop_broken),
	    CASE3(test_fail_each, stop_clean),
	};

	return cmocka_run_group_tests_name("core", tests, NULL, NULL);
}
