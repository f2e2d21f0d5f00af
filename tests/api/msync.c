/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * msync.c: writing back: S50 to S54 and section 9.
 */
#include "api.h"

API_TEST(msync_flags)
{
	unsigned f = t_file(t, 4 * PAGE, 1);

	EXPECT_OK(t_map(t, BASE, 4 * PAGE, TESS_PROT_READ | TESS_PROT_WRITE,
			TESS_MAP_SHARED | TESS_MAP_FIXED, f, 0, NULL));
	EXPECT_EQ(t_msync(t, BASE, PAGE, TESS_MS_UNKNOWN), TESS_EINVAL);
	EXPECT_EQ(t_msync(t, BASE, PAGE, TESS_MS_ASYNC | TESS_MS_SYNC), TESS_EINVAL);
	EXPECT_EQ(t_msync(t, BASE, PAGE, 0),
		  t->personality == TESS_PERSONALITY_LINUX ? TESS_OK : TESS_EINVAL);
	EXPECT_OK(t_msync(t, BASE, PAGE, TESS_MS_ASYNC));
	EXPECT_OK(t_msync(t, BASE, 4 * PAGE, TESS_MS_SYNC | TESS_MS_INVALIDATE));
}

API_TEST(msync_args)
{
	EXPECT_EQ(t_msync(t, BASE + 1, PAGE, TESS_MS_SYNC), TESS_EINVAL);
	EXPECT_OK(t_msync(t, BASE, 0, TESS_MS_SYNC));
	EXPECT_EQ(t_msync(t, BASE, UINT64_MAX - PAGE, TESS_MS_SYNC), TESS_ENOMEM);
}

API_TEST(msync_hole)
{
	unsigned f = t_file(t, 4 * PAGE, 1);

	EXPECT_OK(t_map(t, BASE, PAGE, TESS_PROT_READ | TESS_PROT_WRITE,
			TESS_MAP_SHARED | TESS_MAP_FIXED, f, 0, NULL));
	EXPECT_OK(t_map(t, BASE + 2 * PAGE, PAGE, TESS_PROT_READ | TESS_PROT_WRITE,
			TESS_MAP_SHARED | TESS_MAP_FIXED, f, 0, NULL));
	EXPECT_EQ(t_msync(t, BASE, 3 * PAGE, TESS_MS_SYNC), TESS_ENOMEM);
	EXPECT_EQ(t_msync(t, BASE, 3 * PAGE, TESS_MS_ASYNC), TESS_ENOMEM);
	EXPECT_EQ(t_msync(t, BASE + PAGE, PAGE, TESS_MS_SYNC), TESS_ENOMEM);
}

API_TEST(msync_stores)
{
	unsigned f = t_file(t, 4 * PAGE, 1);

	EXPECT_OK(t_map(t, BASE, 4 * PAGE, TESS_PROT_READ | TESS_PROT_WRITE,
			TESS_MAP_SHARED | TESS_MAP_FIXED, f, 0, NULL));
	EXPECT_OK(t_store(t, BASE + 2 * PAGE + 5, 0xab));
	EXPECT_OK(t_msync(t, BASE, 4 * PAGE, TESS_MS_SYNC));
	EXPECT_OK(t_store(t, BASE + PAGE, 0xcd));
	EXPECT_OK(t_msync(t, BASE, 4 * PAGE, TESS_MS_SYNC | TESS_MS_INVALIDATE));
	EXPECT_OK(t_load(t, BASE + 2 * PAGE + 5, NULL));
	EXPECT_OK(t_store(t, BASE + 2 * PAGE + 6, 0xac));
}

API_TEST(msync_locked)
{
	unsigned f = t_file(t, 4 * PAGE, 1);

	EXPECT_OK(t_map(t, BASE, 4 * PAGE, TESS_PROT_READ | TESS_PROT_WRITE,
			TESS_MAP_SHARED | TESS_MAP_FIXED, f, 0, NULL));
	EXPECT_OK(t_mlock(t, BASE + 2 * PAGE, PAGE, 0));
	EXPECT_OK(t_msync(t, BASE, 2 * PAGE, TESS_MS_SYNC | TESS_MS_INVALIDATE));
	EXPECT_EQ(t_msync(t, BASE, 4 * PAGE, TESS_MS_SYNC | TESS_MS_INVALIDATE), TESS_EBUSY);
	EXPECT_EQ(t_msync(t, BASE + 2 * PAGE, PAGE, TESS_MS_ASYNC | TESS_MS_INVALIDATE),
		  TESS_EBUSY);
	EXPECT_OK(t_msync(t, BASE, 4 * PAGE, TESS_MS_SYNC));
}

API_TEST(msync_private)
{
	uint8_t b;

	EXPECT_OK(t_anon(t, BASE, PAGE, TESS_PROT_READ | TESS_PROT_WRITE,
			 TESS_MAP_PRIVATE | TESS_MAP_FIXED, NULL));
	EXPECT_OK(t_store(t, BASE, 0x21));
	EXPECT_OK(t_msync(t, BASE, PAGE, TESS_MS_SYNC | TESS_MS_INVALIDATE));
	EXPECT_OK(t_load(t, BASE, &b));
	EXPECT_EQ(b, 0x21);
}

static const struct api_test msync_tests[] = {
    API_ROW(msync_flags, "flags: unknown, ASYNC with SYNC; none at all is EINVAL in posix",
	    API_BOTH),
    API_ROW(msync_args, "S50, S51: unaligned and wrapping ranges; length 0 is nothing", API_BOTH),
    API_ROW(msync_hole, "S52: a hole is ENOMEM", API_BOTH),
    API_ROW(msync_stores, "S53: SYNC puts what was stored into the file", API_BOTH),
    API_ROW(msync_locked, "D11: INVALIDATE over any locked part is EBUSY", API_BOTH),
    API_ROW(msync_private, "private memory: nothing to write back, nothing lost", API_BOTH),
};

API_FAMILY(msync, msync_tests);
