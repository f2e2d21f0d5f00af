/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * madvise.c: advice: section 8.
 */
#include "api.h"

API_TEST(madvise_args)
{
	EXPECT_EQ(t_madvise(t, BASE + 1, PAGE, TESS_MADV_NORMAL), TESS_EINVAL);
	EXPECT_EQ(t_madvise(t, BASE, PAGE, TESS_MADV_UNKNOWN), TESS_EINVAL);
	EXPECT_EQ(t_madvise(t, BASE, UINT64_MAX, TESS_MADV_NORMAL), TESS_EINVAL);
	EXPECT_EQ(t_madvise(t, BASE, UINT64_MAX - BASE + 1, TESS_MADV_NORMAL), TESS_EINVAL);
	EXPECT_OK(t_madvise(t, BASE, 0, TESS_MADV_RANDOM));
}

API_TEST(madvise_pure)
{
	struct tess_space_counts n;

	EXPECT_OK(t_anon(t, BASE, 8 * PAGE, TESS_PROT_READ | TESS_PROT_WRITE,
			 TESS_MAP_PRIVATE | TESS_MAP_FIXED, NULL));
	EXPECT_OK(t_madvise(t, BASE + 2 * PAGE, 2 * PAGE, TESS_MADV_RANDOM));
	EXPECT_OK(t_madvise(t, BASE + 4 * PAGE, 2 * PAGE, TESS_MADV_SEQUENTIAL));
	EXPECT_OK(t_madvise(t, BASE, 8 * PAGE, TESS_MADV_NORMAL));
	tess_space_counts_get(t->sp, &n);
	EXPECT_EQ(n.entries, 1);
}

API_TEST(madvise_hole)
{
	EXPECT_OK(t_anon(t, BASE, PAGE, TESS_PROT_READ | TESS_PROT_WRITE,
			 TESS_MAP_PRIVATE | TESS_MAP_FIXED, NULL));
	EXPECT_OK(t_anon(t, BASE + 2 * PAGE, PAGE, TESS_PROT_READ | TESS_PROT_WRITE,
			 TESS_MAP_PRIVATE | TESS_MAP_FIXED, NULL));
	EXPECT_EQ(t_madvise(t, BASE, 3 * PAGE, TESS_MADV_RANDOM), TESS_ENOMEM);
	EXPECT_EQ(t_madvise(t, BASE + PAGE, 5 * PAGE, TESS_MADV_DONTDUMP), TESS_ENOMEM);
	EXPECT_EQ(t_madvise(t, BASE + 8 * PAGE, PAGE, TESS_MADV_WILLNEED), TESS_ENOMEM);
}

API_TEST(madvise_beyond)
{
	EXPECT_OK(t_anon(t, BASE, PAGE, TESS_PROT_READ | TESS_PROT_WRITE,
			 TESS_MAP_PRIVATE | TESS_MAP_FIXED, NULL));
	EXPECT_EQ(t_madvise(t, BASE, 0x7fffffffffff0000 - BASE, TESS_MADV_RANDOM), TESS_ENOMEM);
	EXPECT_EQ(t_madvise(t, BASE, 0x7fffffffffff0000 - BASE, TESS_MADV_DONTNEED), TESS_ENOMEM);
}

API_TEST(madvise_dontneed)
{
	unsigned f = t_file(t, 4 * PAGE, 7);
	bool gone = t->personality == TESS_PERSONALITY_LINUX;
	uint8_t b;

	EXPECT_OK(t_anon(t, BASE, 2 * PAGE, TESS_PROT_READ | TESS_PROT_WRITE,
			 TESS_MAP_PRIVATE | TESS_MAP_FIXED, NULL));
	EXPECT_OK(t_map(t, BASE + 2 * PAGE, 2 * PAGE, TESS_PROT_READ | TESS_PROT_WRITE,
			TESS_MAP_PRIVATE | TESS_MAP_FIXED, f, 0, NULL));
	EXPECT_OK(t_map(t, BASE + 4 * PAGE, 2 * PAGE, TESS_PROT_READ | TESS_PROT_WRITE,
			TESS_MAP_SHARED | TESS_MAP_FIXED, f, 2 * PAGE, NULL));
	for (unsigned i = 0; i < 6; i++)
		EXPECT_OK(t_store(t, BASE + i * PAGE, 0x55));
	EXPECT_OK(t_madvise(t, BASE, 6 * PAGE, TESS_MADV_DONTNEED));
	EXPECT_OK(t_load(t, BASE, &b));
	EXPECT_EQ(b, gone ? 0 : 0x55);
	EXPECT_OK(t_load(t, BASE + 2 * PAGE, &b));
	EXPECT_EQ(b, gone ? t_byte(7, 0) : 0x55);
	EXPECT_OK(t_load(t, BASE + 4 * PAGE, &b));
	EXPECT_EQ(b, 0x55);
	EXPECT_EQ(t_anon_count(t), gone ? 0 : 4);
}

API_TEST(madvise_dontneed_locked)
{
	uint8_t b;

	EXPECT_OK(t_anon(t, BASE, 3 * PAGE, TESS_PROT_READ | TESS_PROT_WRITE,
			 TESS_MAP_PRIVATE | TESS_MAP_FIXED, NULL));
	for (unsigned i = 0; i < 3; i++)
		EXPECT_OK(t_store(t, BASE + i * PAGE, 1));
	EXPECT_OK(t_mlock(t, BASE + PAGE, PAGE, 0));
	EXPECT_EQ(t_madvise(t, BASE, 3 * PAGE, TESS_MADV_DONTNEED), TESS_EINVAL);
	EXPECT_OK(t_load(t, BASE, &b));
	EXPECT_EQ(b, 0);
	EXPECT_OK(t_load(t, BASE + 2 * PAGE, &b));
	EXPECT_EQ(b, 1);
}

API_TEST(madvise_dontneed_fork)
{
	unsigned child;
	uint8_t b;

	EXPECT_OK(t_anon(t, BASE, 4 * PAGE, TESS_PROT_READ | TESS_PROT_WRITE,
			 TESS_MAP_PRIVATE | TESS_MAP_FIXED, NULL));
	for (unsigned i = 0; i < 4; i++)
		EXPECT_OK(t_store(t, BASE + i * PAGE, (uint8_t)(i + 1)));
	child = t_fork(t);
	EXPECT_OK(t_madvise(t, BASE + PAGE, 2 * PAGE, TESS_MADV_DONTNEED));
	t_switch(t, child);
	EXPECT_OK(t_load(t, BASE + PAGE, &b));
	EXPECT_EQ(b, 2);
	EXPECT_OK(t_store(t, BASE + 2 * PAGE, 9));
	t_switch(t, 0);
	EXPECT_OK(t_load(t, BASE + 2 * PAGE, &b));
	EXPECT_EQ(b, 0);
}

API_TEST(madvise_free)
{
	unsigned f = t_file(t, 4 * PAGE, 7);

	EXPECT_OK(t_anon(t, BASE, 2 * PAGE, TESS_PROT_READ | TESS_PROT_WRITE,
			 TESS_MAP_PRIVATE | TESS_MAP_FIXED, NULL));
	EXPECT_OK(t_store(t, BASE, 1));
	EXPECT_OK(t_madvise(t, BASE, 2 * PAGE, TESS_MADV_FREE));
	EXPECT_OK(t_map(t, BASE + 2 * PAGE, 2 * PAGE, TESS_PROT_READ | TESS_PROT_WRITE,
			TESS_MAP_PRIVATE | TESS_MAP_FIXED, f, 0, NULL));
	EXPECT_EQ(t_madvise(t, BASE + 2 * PAGE, PAGE, TESS_MADV_FREE), TESS_EINVAL);
}

API_TEST(madvise_fork_flags)
{
	unsigned child;
	uint8_t b;

	EXPECT_OK(t_anon(t, BASE, 6 * PAGE, TESS_PROT_READ | TESS_PROT_WRITE,
			 TESS_MAP_PRIVATE | TESS_MAP_FIXED, NULL));
	for (unsigned i = 0; i < 6; i++)
		EXPECT_OK(t_store(t, BASE + i * PAGE, 0x33));
	EXPECT_OK(t_madvise(t, BASE + PAGE, PAGE, TESS_MADV_DONTFORK));
	EXPECT_OK(t_madvise(t, BASE + 2 * PAGE, PAGE, TESS_MADV_WIPEONFORK));
	EXPECT_OK(t_madvise(t, BASE + 3 * PAGE, 2 * PAGE, TESS_MADV_WIPEONFORK));
	EXPECT_OK(t_madvise(t, BASE + 3 * PAGE, PAGE, TESS_MADV_DONTFORK));
	EXPECT_OK(t_madvise(t, BASE + 3 * PAGE, PAGE, TESS_MADV_DOFORK));
	EXPECT_OK(t_madvise(t, BASE + 4 * PAGE, PAGE, TESS_MADV_KEEPONFORK));
	child = t_fork(t);
	t_switch(t, child);
	EXPECT_EQ(t_load(t, BASE + PAGE, &b), TESS_SIGSEGV);
	EXPECT_OK(t_load(t, BASE + 2 * PAGE, &b));
	EXPECT_EQ(b, 0);
	EXPECT_OK(t_load(t, BASE + 3 * PAGE, &b));
	EXPECT_EQ(b, 0);
	EXPECT_OK(t_load(t, BASE + 4 * PAGE, &b));
	EXPECT_EQ(b, 0x33);
}

API_TEST(madvise_populate)
{
	unsigned f = t_file(t, 2 * PAGE, 7);

	EXPECT_OK(t_anon(t, BASE, 2 * PAGE, TESS_PROT_READ | TESS_PROT_WRITE,
			 TESS_MAP_PRIVATE | TESS_MAP_FIXED, NULL));
	EXPECT_OK(t_madvise(t, BASE, 2 * PAGE, TESS_MADV_POPULATE_READ));
	EXPECT_EQ(t_anon_count(t), 0);
	EXPECT_OK(t_madvise(t, BASE, 2 * PAGE, TESS_MADV_POPULATE_WRITE));
	EXPECT_EQ(t_anon_count(t), 2);
	EXPECT_OK(t_anon(t, BASE + 2 * PAGE, PAGE, TESS_PROT_READ,
			 TESS_MAP_PRIVATE | TESS_MAP_FIXED, NULL));
	EXPECT_EQ(t_madvise(t, BASE, 3 * PAGE, TESS_MADV_POPULATE_WRITE), TESS_EINVAL);
	EXPECT_OK(t_map(t, BASE + 3 * PAGE, 4 * PAGE, TESS_PROT_READ,
			TESS_MAP_PRIVATE | TESS_MAP_FIXED, f, 0, NULL));
	EXPECT_EQ(t_madvise(t, BASE + 3 * PAGE, 4 * PAGE, TESS_MADV_POPULATE_READ), TESS_EFAULT);
	EXPECT_EQ(t_madvise(t, BASE + 6 * PAGE, 4 * PAGE, TESS_MADV_POPULATE_READ), TESS_EFAULT);
	EXPECT_EQ(t_madvise(t, BASE + 7 * PAGE, PAGE, TESS_MADV_POPULATE_READ), TESS_ENOMEM);
}

API_TEST(madvise_populate_right)
{
	EXPECT_OK(t_anon(t, BASE, PAGE, TESS_PROT_EXEC, TESS_MAP_PRIVATE | TESS_MAP_FIXED, NULL));
	EXPECT_OK(
	    t_anon(t, BASE + PAGE, PAGE, TESS_PROT_WRITE, TESS_MAP_PRIVATE | TESS_MAP_FIXED, NULL));
	EXPECT_EQ(t_madvise(t, BASE, PAGE, TESS_MADV_POPULATE_READ), TESS_EINVAL);
	EXPECT_EQ(t_madvise(t, BASE + PAGE, PAGE, TESS_MADV_POPULATE_READ), TESS_EINVAL);
	EXPECT_OK(t_madvise(t, BASE + PAGE, PAGE, TESS_MADV_POPULATE_WRITE));
}

static const struct api_test madvise_tests[] = {
    API_ROW(madvise_args, "EINVAL: unaligned, unknown, wrap; length 0 is nothing", API_BOTH),
    API_ROW(madvise_pure, "NORMAL, RANDOM, SEQUENTIAL are kept and merge again", API_BOTH),
    API_ROW(madvise_hole, "over a hole: applied to what is mapped, then ENOMEM", API_BOTH),
    API_ROW(madvise_beyond, "a range that reaches past the user range is a hole there", API_BOTH),
    API_ROW(madvise_dontneed, "DONTNEED: linux discards private pages; posix keeps the data",
	    API_BOTH),
    API_ROW(madvise_dontneed_locked,
	    "linux: DONTNEED on locked memory is EINVAL, what is before it is done", API_LINUX),
    API_ROW(madvise_dontneed_fork,
	    "D12 and its kin: what one of two relatives discards stays with the other", API_LINUX),
    API_ROW(madvise_free, "FREE: private anonymous memory only", API_BOTH),
    API_ROW(madvise_fork_flags,
	    "DONTFORK leaves a hole, WIPEONFORK zeros, DOFORK and KEEPONFORK take them back",
	    API_BOTH),
    API_ROW(madvise_populate, "POPULATE_READ and POPULATE_WRITE fault pages in, or say why not",
	    API_BOTH),
    API_ROW(madvise_populate_right, "POPULATE_READ asks for PROT_READ itself", API_BOTH),
};

API_FAMILY(madvise, madvise_tests);
