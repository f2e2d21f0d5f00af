/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * mprotect.c: changing protection: S70 to S73, P3, P17, D5, D16.
 */
#include "api.h"

API_TEST(mprotect_args)
{
	EXPECT_EQ(t_mprotect(t, BASE + 1, PAGE, TESS_PROT_READ), TESS_EINVAL);
	EXPECT_OK(t_mprotect(t, BASE, 0, TESS_PROT_READ));
	EXPECT_EQ(t_mprotect(t, BASE, UINT64_MAX, TESS_PROT_READ), TESS_ENOMEM);
	EXPECT_EQ(t_mprotect(t, BASE, UINT64_MAX - BASE, TESS_PROT_READ), TESS_ENOMEM);
	EXPECT_EQ(t_mprotect(t, 0xfffffffffffff000, PAGE, TESS_PROT_READ), TESS_ENOMEM);
}

API_TEST(mprotect_bits)
{
	EXPECT_OK(t_anon(t, BASE, PAGE, TESS_PROT_READ | TESS_PROT_WRITE,
			 TESS_MAP_PRIVATE | TESS_MAP_FIXED, NULL));
	EXPECT_EQ(t_mprotect(t, BASE, PAGE, 0x100), TESS_EINVAL);
}

API_TEST(mprotect_takes_effect)
{
	EXPECT_OK(t_anon(t, BASE, 3 * PAGE, TESS_PROT_READ | TESS_PROT_WRITE,
			 TESS_MAP_PRIVATE | TESS_MAP_FIXED, NULL));
	EXPECT_OK(t_store(t, BASE + PAGE, 1));
	EXPECT_OK(t_mprotect(t, BASE + PAGE, PAGE, TESS_PROT_READ));
	EXPECT_EQ(t_store(t, BASE + PAGE, 2), TESS_SIGSEGV);
	EXPECT_OK(t_load(t, BASE + PAGE, NULL));
	EXPECT_OK(t_mprotect(t, BASE + PAGE, PAGE, TESS_PROT_NONE));
	EXPECT_EQ(t_load(t, BASE + PAGE, NULL), TESS_SIGSEGV);
	EXPECT_OK(t_mprotect(t, BASE + PAGE, PAGE, TESS_PROT_READ | TESS_PROT_WRITE));
	EXPECT_OK(t_store(t, BASE + PAGE, 3));
	EXPECT_EQ(t_fetch(t, BASE + PAGE), TESS_SIGSEGV);
	EXPECT_OK(t_mprotect(t, BASE + PAGE, PAGE, TESS_PROT_READ | TESS_PROT_EXEC));
	EXPECT_OK(t_fetch(t, BASE + PAGE));
}

API_TEST(mprotect_other_cpu)
{
	EXPECT_OK(t_anon(t, BASE, PAGE, TESS_PROT_READ | TESS_PROT_WRITE,
			 TESS_MAP_PRIVATE | TESS_MAP_FIXED, NULL));
	EXPECT_OK(t_store(t, BASE, 1));
	env_cpu_set(env_cpus() - 1);
	EXPECT_OK(t_store(t, BASE, 2));
	env_cpu_set(0);
	EXPECT_OK(t_mprotect(t, BASE, PAGE, TESS_PROT_READ));
	env_cpu_set(env_cpus() - 1);
	EXPECT_EQ(t_store(t, BASE, 3), TESS_SIGSEGV);
	env_cpu_set(0);
}

API_TEST(mprotect_hole)
{
	EXPECT_OK(t_anon(t, BASE, 2 * PAGE, TESS_PROT_READ | TESS_PROT_WRITE,
			 TESS_MAP_PRIVATE | TESS_MAP_FIXED, NULL));
	EXPECT_OK(t_anon(t, BASE + 3 * PAGE, PAGE, TESS_PROT_READ | TESS_PROT_WRITE,
			 TESS_MAP_PRIVATE | TESS_MAP_FIXED, NULL));
	EXPECT_EQ(t_mprotect(t, BASE, 4 * PAGE, TESS_PROT_READ), TESS_ENOMEM);
	EXPECT_EQ(t_store(t, BASE, 1),
		  t->personality == TESS_PERSONALITY_LINUX ? TESS_SIGSEGV : TESS_OK);
	EXPECT_OK(t_store(t, BASE + 3 * PAGE, 1));
	EXPECT_EQ(t_mprotect(t, BASE + 2 * PAGE, 2 * PAGE, TESS_PROT_READ), TESS_ENOMEM);
	EXPECT_OK(t_store(t, BASE + 3 * PAGE, 1));
}

API_TEST(mprotect_beyond_max)
{
	unsigned f = t_file(t, 4 * PAGE, 1);

	t->file[f].mode = TESS_MODE_READ;
	EXPECT_OK(t_anon(t, BASE, PAGE, TESS_PROT_READ, TESS_MAP_PRIVATE | TESS_MAP_FIXED, NULL));
	EXPECT_OK(t_map(t, BASE + PAGE, PAGE, TESS_PROT_READ, TESS_MAP_SHARED | TESS_MAP_FIXED, f,
			0, NULL));
	EXPECT_EQ(t_mprotect(t, BASE, 2 * PAGE, TESS_PROT_READ | TESS_PROT_WRITE), TESS_EACCES);
	EXPECT_EQ(t_store(t, BASE + PAGE, 1), TESS_SIGSEGV);
}

API_TEST(mprotect_rounds)
{
	EXPECT_OK(t_anon(t, BASE, 3 * PAGE, TESS_PROT_READ | TESS_PROT_WRITE,
			 TESS_MAP_PRIVATE | TESS_MAP_FIXED, NULL));
	EXPECT_OK(t_mprotect(t, BASE, PAGE + 1, TESS_PROT_READ));
	EXPECT_EQ(t_store(t, BASE + 2 * PAGE - 1, 1), TESS_SIGSEGV);
	EXPECT_OK(t_store(t, BASE + 2 * PAGE, 1));
}

API_TEST(mprotect_remerge)
{
	struct tess_space_counts n;

	EXPECT_OK(t_anon(t, BASE, 64 * PAGE, TESS_PROT_READ | TESS_PROT_WRITE,
			 TESS_MAP_PRIVATE | TESS_MAP_FIXED, NULL));
	for (unsigned i = 0; i < 64; i++) {
		EXPECT_OK(t_mprotect(t, BASE + i * PAGE, PAGE, TESS_PROT_READ));
		EXPECT_OK(t_mprotect(t, BASE + i * PAGE, PAGE, TESS_PROT_READ | TESS_PROT_WRITE));
	}
	tess_space_counts_get(t->sp, &n);
	EXPECT_EQ(n.entries, 1);
}

API_TEST(mprotect_cow)
{
	unsigned f = t_file(t, 2 * PAGE, 4);
	uint8_t b;

	EXPECT_OK(t_map(t, BASE, 2 * PAGE, TESS_PROT_READ, TESS_MAP_PRIVATE | TESS_MAP_FIXED, f, 0,
			NULL));
	EXPECT_OK(t_map(t, BASE + 4 * PAGE, 2 * PAGE, TESS_PROT_READ,
			TESS_MAP_SHARED | TESS_MAP_FIXED, f, 0, NULL));
	EXPECT_OK(t_load(t, BASE, &b));
	EXPECT_OK(t_mprotect(t, BASE, 2 * PAGE, TESS_PROT_READ | TESS_PROT_WRITE));
	EXPECT_OK(t_store(t, BASE, (uint8_t)(b + 1)));
	EXPECT_OK(t_load(t, BASE + 4 * PAGE, &b));
	EXPECT_EQ(b, t_byte(4, 0));
	EXPECT_EQ(t_anon_count(t), 1);
}

API_TEST(mprotect_locked)
{
	EXPECT_OK(
	    t_anon(t, BASE, 4 * PAGE, TESS_PROT_READ, TESS_MAP_PRIVATE | TESS_MAP_FIXED, NULL));
	EXPECT_OK(t_mlock(t, BASE, 2 * PAGE, 0));
	EXPECT_EQ(t_anon_count(t), 0);
	EXPECT_OK(t_mprotect(t, BASE, 4 * PAGE, TESS_PROT_READ | TESS_PROT_WRITE));
	EXPECT_EQ(t_anon_count(t), 2);
	EXPECT_OK(t_munlock(t, BASE, 4 * PAGE));
	EXPECT_OK(t_mlock(t, BASE + 2 * PAGE, 2 * PAGE, TESS_MLOCK_ONFAULT));
	EXPECT_OK(t_mprotect(t, BASE, 4 * PAGE, TESS_PROT_READ));
	EXPECT_OK(t_mprotect(t, BASE, 4 * PAGE, TESS_PROT_READ | TESS_PROT_WRITE));
	EXPECT_EQ(t_anon_count(t), 2);
}

API_TEST(mprotect_sem)
{
	EXPECT_OK(t_anon(t, BASE, PAGE, TESS_PROT_READ | TESS_PROT_WRITE,
			 TESS_MAP_PRIVATE | TESS_MAP_FIXED, NULL));
	EXPECT_OK(t_mprotect(t, BASE, PAGE, TESS_PROT_READ | 8));
	EXPECT_EQ(t_store(t, BASE, 1), TESS_SIGSEGV);
}

static const struct api_test mprotect_tests[] = {
    API_ROW(mprotect_args, "S70: unaligned is EINVAL, wrap is ENOMEM, length 0 is nothing",
	    API_BOTH),
    API_ROW(mprotect_bits, "unknown bits are EINVAL", API_BOTH),
    API_ROW(mprotect_takes_effect,
	    "an access is refused at once after its right is gone, also one that the TLB knew",
	    API_BOTH),
    API_ROW(mprotect_other_cpu,
	    "a right taken on one CPU is gone on another that has it in its TLB", API_BOTH),
    API_ROW(mprotect_hole,
	    "ENOMEM over a hole: linux changes the part before it, posix nothing (S72)", API_BOTH),
    API_ROW(mprotect_beyond_max, "S71, P3, P17: more than the maximum is EACCES", API_BOTH),
    API_ROW(mprotect_rounds, "D5: an odd length reaches to the end of its page", API_BOTH),
    API_ROW(mprotect_remerge, "D16: protection there and back leaves one entry", API_BOTH),
    API_ROW(mprotect_cow, "a private file page made writable late is copied, not shared", API_BOTH),
    API_ROW(mprotect_locked,
	    "locked private memory that becomes writable is made the space's own at once",
	    API_BOTH),
    API_ROW(mprotect_sem, "linux: PROT_SEM is no unknown bit", API_LINUX),
};

API_FAMILY(mprotect, mprotect_tests);
