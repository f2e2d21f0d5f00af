/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * mincore.c: what is in memory: C1 to C9.
 */
#include "api.h"

API_TEST(mincore_args)
{
	unsigned char vec[4];

	EXPECT_OK(t_anon(t, BASE, PAGE, TESS_PROT_READ | TESS_PROT_WRITE,
			 TESS_MAP_PRIVATE | TESS_MAP_FIXED, NULL));
	EXPECT_EQ(t_mincore(t, BASE + 1, PAGE, vec), TESS_EINVAL);
	EXPECT_OK(t_mincore(t, BASE, 0, vec));
	EXPECT_EQ(t_mincore(t, BASE, UINT64_MAX, vec), TESS_ENOMEM);
	EXPECT_EQ(t_mincore(t, 0xfffffffffffff000, PAGE, vec), TESS_ENOMEM);
	EXPECT_EQ(t_mincore(t, BASE, PAGE, NULL), TESS_EFAULT);
	EXPECT_EQ(t_mincore(t, BASE + 8 * PAGE, PAGE, NULL), TESS_EFAULT);
}

API_TEST(mincore_hole)
{
	unsigned char vec[4] = {9, 9, 9, 9};

	EXPECT_OK(t_anon(t, BASE, 2 * PAGE, TESS_PROT_READ | TESS_PROT_WRITE,
			 TESS_MAP_PRIVATE | TESS_MAP_FIXED, NULL));
	EXPECT_OK(t_store(t, BASE + PAGE, 1));
	EXPECT_EQ(t_mincore(t, BASE, 4 * PAGE, vec), TESS_ENOMEM);
	EXPECT_EQ(vec[0], 0);
	EXPECT_EQ(vec[1], 1);
	EXPECT_EQ(vec[3], 9);
}

API_TEST(mincore_pages)
{
	unsigned f = t_file(t, 4 * PAGE, 1);
	unsigned char vec[8];

	EXPECT_OK(t_anon(t, BASE, 4 * PAGE, TESS_PROT_READ | TESS_PROT_WRITE,
			 TESS_MAP_PRIVATE | TESS_MAP_FIXED, NULL));
	EXPECT_OK(t_map(t, BASE + 4 * PAGE, 4 * PAGE, TESS_PROT_READ,
			TESS_MAP_SHARED | TESS_MAP_FIXED, f, 0, NULL));
	EXPECT_OK(t_store(t, BASE + 2 * PAGE, 1));
	EXPECT_OK(t_load(t, BASE + 5 * PAGE, NULL));
	EXPECT_OK(t_mincore(t, BASE, 8 * PAGE, vec));
	EXPECT_EQ(vec[0], 0);
	EXPECT_EQ(vec[2], 1);
	EXPECT_EQ(vec[5], 1);
}

API_TEST(mincore_dontneed)
{
	unsigned char vec[1];

	EXPECT_OK(t_anon(t, BASE, PAGE, TESS_PROT_READ | TESS_PROT_WRITE,
			 TESS_MAP_PRIVATE | TESS_MAP_FIXED, NULL));
	EXPECT_OK(t_store(t, BASE, 1));
	EXPECT_OK(t_madvise(t, BASE, PAGE, TESS_MADV_DONTNEED));
	EXPECT_OK(t_mincore(t, BASE, 1, vec));
	EXPECT_EQ(vec[0], 0);
}

static const struct api_test mincore_tests[] = {
    API_ROW(mincore_args, "C1, C2, C3: unaligned EINVAL, length 0, beyond the range, no vector",
	    API_BOTH),
    API_ROW(mincore_hole, "C4: ENOMEM at a hole, the bytes before it are written", API_BOTH),
    API_ROW(mincore_pages, "C6, C7: touched pages are there, untouched anonymous ones are not",
	    API_BOTH),
    API_ROW(mincore_dontneed, "linux: a discarded page is not there any more", API_LINUX),
};

API_FAMILY(mincore, mincore_tests);
