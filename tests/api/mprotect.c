/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * mprotect.c: changing protection: S70 to S73, D5, D16.
 */
#include "api.h"

API_TEST(s70_args)
{
	enum tess_err wraps = BY(t, TESS_ENOMEM, TESS_ENOMEM, TESS_EINVAL, TESS_EINVAL);

	EXPECT_OK(t_anon(t, BASE, 2 * PAGE, RW, PFIX, NULL));
	EXPECT_EQ(t_mprotect(t, BASE + 1, PAGE, TESS_PROT_READ),
		  BY(t, TESS_EINVAL, TESS_EINVAL, TESS_OK, TESS_EINVAL));
	EXPECT_OK(t_mprotect(t, BASE, 0, TESS_PROT_READ));
	EXPECT_OK(t_mprotect(t, BASE + 8 * PAGE, 0, TESS_PROT_READ));
	EXPECT_EQ(t_mprotect(t, BASE, UINT64_MAX, TESS_PROT_READ), wraps);
	EXPECT_EQ(t_mprotect(t, BASE, UINT64_MAX - BASE, TESS_PROT_READ), wraps);
	EXPECT_EQ(t_mprotect(t, 0xfffffffffffff000, PAGE, TESS_PROT_READ), wraps);
	/* the sign bit of a length, where nothing wraps */
	EXPECT_EQ(t_mprotect(t, 0x40000000, (uint64_t)1 << 63, TESS_PROT_READ),
		  BY(t, TESS_ENOMEM, TESS_ENOMEM, TESS_OK, TESS_EINVAL));
}

API_TEST(s70_prot_masked)
{
	enum tess_err want = BY(t, TESS_EINVAL, TESS_EINVAL, TESS_EINVAL, TESS_OK);

	EXPECT_OK(t_anon(t, BASE, PAGE, RW, PFIX, NULL));
	EXPECT_EQ(t_mprotect(t, BASE, PAGE, 0x100), want);
	EXPECT_EQ(t_area(t, BASE).prot, want == TESS_OK ? TESS_PROT_NONE : RW);
	/* unaligned and unknown bits; wrapping and unknown bits */
	EXPECT_EQ(t_mprotect(t, BASE + 1, PAGE, 0x100), TESS_EINVAL);
	EXPECT_EQ(t_mprotect(t, 0xfffffffffffff000, PAGE, 0x100),
		  BY(t, TESS_ENOMEM, TESS_ENOMEM, TESS_EINVAL, TESS_EINVAL));
}

API_TEST(s71_beyond_max)
{
	unsigned f = t_file(t, 4 * PAGE, 1);

	t->file[f].mode = TESS_MODE_READ;
	EXPECT_OK(t_anon(t, BASE, PAGE, TESS_PROT_READ, PFIX, NULL));
	EXPECT_OK(t_map(t, BASE + PAGE, PAGE, TESS_PROT_READ, SFIX, f, 0, NULL));
	EXPECT_OK(t_anon(t, BASE + 2 * PAGE, PAGE, TESS_PROT_READ, PFIX, NULL));
	EXPECT_EQ(t_mprotect(t, BASE + PAGE, PAGE, RW), TESS_EACCES);
	EXPECT_EQ(t_mprotect(t, BASE, 3 * PAGE, RW), TESS_EACCES);
	EXPECT_EQ(t_store(t, BASE + PAGE, 1), TESS_SIGSEGV);
	EXPECT_EQ(t_store(t, BASE + 2 * PAGE, 1), TESS_SIGSEGV);
}

API_TEST(s72_nothing_changed)
{
	unsigned f = t_file(t, 4 * PAGE, 1);
	bool part = t->personality == TESS_PERSONALITY_LINUX;

	t->file[f].mode = TESS_MODE_READ;
	EXPECT_OK(t_anon(t, BASE, 2 * PAGE, TESS_PROT_READ, PFIX, NULL));
	EXPECT_OK(t_map(t, BASE + 2 * PAGE, PAGE, TESS_PROT_READ, SFIX, f, 0, NULL));
	EXPECT_EQ(t_mprotect(t, BASE + PAGE, 2 * PAGE, RW), TESS_EACCES);
	EXPECT_EQ(t_area(t, BASE + PAGE).prot, part ? RW : TESS_PROT_READ);
	EXPECT_EQ(t_counts(t).entries, part ? 3 : 2); /* not even split */
}

API_TEST(s73_len_rounds)
{
	EXPECT_OK(t_anon(t, BASE, 3 * PAGE, RW, PFIX, NULL));
	EXPECT_OK(t_mprotect(t, BASE, PAGE + 1, TESS_PROT_READ));
	EXPECT_EQ(t_store(t, BASE + 2 * PAGE - 1, 1), TESS_SIGSEGV);
	EXPECT_OK(t_store(t, BASE + 2 * PAGE, 1));
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
	enum tess_err want = BY(t, TESS_ENOMEM, TESS_ENOMEM, TESS_OK, TESS_OK);
	bool first = t->personality != TESS_PERSONALITY_POSIX, last = want == TESS_OK;

	EXPECT_OK(t_anon(t, BASE, 2 * PAGE, RW, PFIX, NULL));
	EXPECT_OK(t_anon(t, BASE + 3 * PAGE, PAGE, RW, PFIX, NULL));
	EXPECT_EQ(t_mprotect(t, BASE, 4 * PAGE, TESS_PROT_READ), want);
	EXPECT_EQ(t_store(t, BASE, 1), first ? TESS_SIGSEGV : TESS_OK);
	EXPECT_EQ(t_store(t, BASE + 3 * PAGE, 1), last ? TESS_SIGSEGV : TESS_OK);
	EXPECT_EQ(t_mprotect(t, BASE + 8 * PAGE, PAGE, TESS_PROT_READ), want);
}

API_TEST(d5_mprotect_rounds)
{
	EXPECT_OK(t_anon(t, BASE, 3 * PAGE, TESS_PROT_READ | TESS_PROT_WRITE,
			 TESS_MAP_PRIVATE | TESS_MAP_FIXED, NULL));
	EXPECT_OK(t_mprotect(t, BASE, PAGE + 1, TESS_PROT_READ));
	EXPECT_EQ(t_store(t, BASE + 2 * PAGE - 1, 1), TESS_SIGSEGV);
	EXPECT_OK(t_store(t, BASE + 2 * PAGE, 1));
}

API_TEST(d16_mprotect_remerge)
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
    API_ROW(s70_args, "S70: unaligned, length 0, wrapping, the sign bit", API_ALL),
    API_ROW(s70_prot_masked, "S70: unknown bits are EINVAL, in seed masked", API_ALL),
    API_ROW(s71_beyond_max, "S71: more than the maximum of any entry is EACCES", API_ALL),
    API_ROW(s72_nothing_changed, "S72: then nothing has changed (linux: the part before it)",
	    API_ALL),
    API_ROW(s73_len_rounds, "S73: the length is rounded up (D5)", API_ALL),
    API_ROW(mprotect_takes_effect,
	    "an access is refused at once after its right is gone, also one that the TLB knew",
	    API_ALL),
    API_ROW(mprotect_other_cpu,
	    "a right taken on one CPU is gone on another that has it in its TLB", API_ALL),
    API_ROW(mprotect_hole, "a hole: ENOMEM, linux changes the part before it; bsd and seed skip it",
	    API_ALL),
    API_ROW(d5_mprotect_rounds, "D5: an odd length reaches to the end of its page", API_ALL),
    API_ROW(d16_mprotect_remerge, "D16: protection there and back leaves one entry", API_ALL),
    API_ROW(mprotect_cow, "a private file page made writable late is copied, not shared", API_ALL),
    API_ROW(mprotect_locked,
	    "locked private memory that becomes writable is made the space's own at once",
	    API_BOTH),
    API_ROW(mprotect_sem, "linux: PROT_SEM is no unknown bit", API_LINUX),
};

API_FAMILY(mprotect, mprotect_tests);
