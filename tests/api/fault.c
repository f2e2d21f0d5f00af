/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * fault.c: single accesses.
 */
#include "api.h"

API_TEST(fault_prot)
{
	static const unsigned prots[] = {0, 1, 2, 3, 4, 5, 6, 7};

	for (unsigned i = 0; i < 8; i++) {
		tess_va va = BASE + i * PAGE;

		EXPECT_OK(t_anon(t, va, PAGE, prots[i], TESS_MAP_PRIVATE | TESS_MAP_FIXED, NULL));
		EXPECT_EQ(t_load(t, va, NULL), prots[i] != 0 ? TESS_OK : TESS_SIGSEGV);
		EXPECT_EQ(t_fetch(t, va),
			  (prots[i] & TESS_PROT_EXEC) != 0 ? TESS_OK : TESS_SIGSEGV);
		EXPECT_EQ(t_store(t, va, 1),
			  (prots[i] & TESS_PROT_WRITE) != 0 ? TESS_OK : TESS_SIGSEGV);
	}
}

API_TEST(fault_nowhere)
{
	static const tess_va nowhere[] = {
	    0, 1, BASE, 0x7ffffffff000, 0x7fffffffffff, 0x800000000000, UINT64_MAX};

	for (unsigned i = 0; i < sizeof(nowhere) / sizeof(nowhere[0]); i++) {
		EXPECT_EQ(t_load(t, nowhere[i], NULL), TESS_SIGSEGV);
		EXPECT_EQ(t_store(t, nowhere[i], 1), TESS_SIGSEGV);
		EXPECT_EQ(t_fetch(t, nowhere[i]), TESS_SIGSEGV);
	}
}

API_TEST(fault_read_then_write)
{
	uint8_t b;

	EXPECT_OK(t_anon(t, BASE, 4 * PAGE, TESS_PROT_READ | TESS_PROT_WRITE,
			 TESS_MAP_PRIVATE | TESS_MAP_FIXED, NULL));
	EXPECT_OK(t_load(t, BASE + PAGE, &b));
	EXPECT_EQ(b, 0);
	EXPECT_EQ(t_anon_count(t), 0);
	EXPECT_OK(t_store(t, BASE + PAGE + 1, 7));
	EXPECT_EQ(t_anon_count(t), 1);
	EXPECT_OK(t_load(t, BASE + PAGE, &b));
	EXPECT_EQ(b, 0);
}

API_TEST(fault_beyond_end)
{
	unsigned f = t_file(t, PAGE + 100, 2);
	uint8_t b;

	EXPECT_OK(t_map(t, BASE, 4 * PAGE, TESS_PROT_READ | TESS_PROT_WRITE,
			TESS_MAP_PRIVATE | TESS_MAP_FIXED, f, 0, NULL));
	EXPECT_OK(t_map(t, BASE + 4 * PAGE, 4 * PAGE, TESS_PROT_READ | TESS_PROT_WRITE,
			TESS_MAP_SHARED | TESS_MAP_FIXED, f, 0, NULL));
	EXPECT_OK(t_load(t, BASE + PAGE + 99, &b));
	EXPECT_EQ(b, t_byte(2, PAGE + 99));
	EXPECT_OK(t_load(t, BASE + PAGE + 100, &b));
	EXPECT_EQ(b, 0);
	EXPECT_EQ(t_load(t, BASE + 2 * PAGE, &b), TESS_SIGBUS);
	EXPECT_EQ(t_store(t, BASE + 2 * PAGE, 1), TESS_SIGBUS);
	EXPECT_EQ(t_store(t, BASE + 6 * PAGE, 1), TESS_SIGBUS);
}

API_TEST(fault_two_cpus)
{
	uint8_t b;

	EXPECT_OK(t_anon(t, BASE, 2 * PAGE, TESS_PROT_READ | TESS_PROT_WRITE,
			 TESS_MAP_PRIVATE | TESS_MAP_FIXED, NULL));
	EXPECT_OK(t_load(t, BASE, &b));
	env_cpu_set(env_cpus() - 1);
	EXPECT_OK(t_load(t, BASE, &b));
	EXPECT_OK(t_store(t, BASE, 0x2a));
	env_cpu_set(0);
	EXPECT_OK(t_load(t, BASE, &b));
	EXPECT_EQ(b, 0x2a);
	EXPECT_OK(t_munmap(t, BASE, PAGE));
	env_cpu_set(env_cpus() - 1);
	EXPECT_EQ(t_load(t, BASE, &b), TESS_SIGSEGV);
	env_cpu_set(0);
}

API_TEST(fault_far_apart)
{
	static const tess_va far[] = {0x10000, 0x40000000, 0x8000000000, 0x400000000000,
				      0x7fffffffe000};

	for (unsigned i = 0; i < 5; i++) {
		EXPECT_OK(t_anon(t, far[i], PAGE, TESS_PROT_READ | TESS_PROT_WRITE,
				 TESS_MAP_PRIVATE | TESS_MAP_FIXED, NULL));
		EXPECT_OK(t_store(t, far[i] + i, (uint8_t)i));
	}
	EXPECT_OK(t_munmap(t, 0x10000, 0x7fffffffe000 - 0x10000));
	EXPECT_OK(t_load(t, 0x7fffffffe004, NULL));
}

static const struct api_test fault_tests[] = {
    API_ROW(fault_prot, "each right by itself", API_ALL),
    API_ROW(fault_nowhere, "holes, the null page, and addresses that are none", API_ALL),
    API_ROW(fault_read_then_write,
	    "a page read as zeros first is the space's own after a store; the read alone counts "
	    "for nothing",
	    API_ALL),
    API_ROW(fault_beyond_end,
	    "beyond the end of a file is SIGBUS; the rest of its last page is zero", API_ALL),
    API_ROW(fault_two_cpus, "two CPUs, one space: what one stores the other loads", API_ALL),
    API_ROW(fault_far_apart, "pages far apart: every table level is made and taken down", API_BOTH),
};

API_FAMILY(fault, fault_tests);
