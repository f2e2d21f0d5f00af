/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * mremap.c: moving and resizing, in Linux's form.
 */
#include "api.h"

API_TEST(mremap_args)
{
	EXPECT_OK(t_anon(t, BASE, 4 * PAGE, TESS_PROT_READ | TESS_PROT_WRITE,
			 TESS_MAP_PRIVATE | TESS_MAP_FIXED, NULL));
	EXPECT_EQ(t_mremap(t, BASE, PAGE, PAGE, TESS_MREMAP_UNKNOWN, 0, NULL), TESS_EINVAL);
	EXPECT_EQ(t_mremap(t, BASE + 1, PAGE, PAGE, 0, 0, NULL), TESS_EINVAL);
	EXPECT_EQ(t_mremap(t, BASE, PAGE, 0, 0, 0, NULL), TESS_EINVAL);
	EXPECT_EQ(t_mremap(t, BASE, PAGE, PAGE, TESS_MREMAP_FIXED, BASE + 64 * PAGE, NULL),
		  TESS_EINVAL);
	EXPECT_EQ(t_mremap(t, BASE, 2 * PAGE, 2 * PAGE, TESS_MREMAP_MAYMOVE | TESS_MREMAP_FIXED,
			   BASE + PAGE, NULL),
		  TESS_EINVAL);
	EXPECT_EQ(
	    t_mremap(t, BASE, PAGE, 2 * PAGE, TESS_MREMAP_MAYMOVE | TESS_MREMAP_DONTUNMAP, 0, NULL),
	    TESS_EINVAL);
	EXPECT_EQ(t_mremap(t, BASE, 0, PAGE, TESS_MREMAP_MAYMOVE, 0, NULL), TESS_EINVAL);
}

API_TEST(mremap_efault)
{
	EXPECT_EQ(t_mremap(t, BASE, PAGE, 2 * PAGE, TESS_MREMAP_MAYMOVE, 0, NULL), TESS_EFAULT);
	EXPECT_OK(t_anon(t, BASE, PAGE, TESS_PROT_READ | TESS_PROT_WRITE,
			 TESS_MAP_PRIVATE | TESS_MAP_FIXED, NULL));
	EXPECT_OK(
	    t_anon(t, BASE + PAGE, PAGE, TESS_PROT_READ, TESS_MAP_PRIVATE | TESS_MAP_FIXED, NULL));
	EXPECT_EQ(t_mremap(t, BASE, 2 * PAGE, 4 * PAGE, TESS_MREMAP_MAYMOVE, 0, NULL), TESS_EFAULT);
}

API_TEST(mremap_shrink)
{
	tess_va va;

	EXPECT_OK(t_anon(t, BASE, 4 * PAGE, TESS_PROT_READ | TESS_PROT_WRITE,
			 TESS_MAP_PRIVATE | TESS_MAP_FIXED, NULL));
	EXPECT_OK(t_store(t, BASE + 3 * PAGE, 1));
	EXPECT_OK(t_store(t, BASE, 1));
	EXPECT_OK(t_mremap(t, BASE, 4 * PAGE, 2 * PAGE, 0, 0, &va));
	EXPECT_EQ(va, BASE);
	EXPECT_EQ(t_anon_count(t), 1);
	EXPECT_OK(t_mremap(t, BASE, 2 * PAGE, 2 * PAGE, 0, 0, &va));
}

API_TEST(mremap_grow_in_place)
{
	tess_va va;

	EXPECT_OK(t_anon(t, BASE, 2 * PAGE, TESS_PROT_READ | TESS_PROT_WRITE,
			 TESS_MAP_PRIVATE | TESS_MAP_FIXED, NULL));
	EXPECT_OK(t_store(t, BASE + PAGE, 0x31));
	EXPECT_OK(t_mremap(t, BASE, 2 * PAGE, 4 * PAGE, TESS_MREMAP_MAYMOVE, 0, &va));
	EXPECT_EQ(va, BASE);
	EXPECT_OK(t_store(t, BASE + 3 * PAGE, 0x32));
	EXPECT_EQ(t_mremap(t, BASE, 2 * PAGE, 4 * PAGE, 0, 0, &va), TESS_ENOMEM);
}

API_TEST(mremap_grow_moves)
{
	tess_va va;
	uint8_t b;

	EXPECT_OK(t_anon(t, BASE, 2 * PAGE, TESS_PROT_READ | TESS_PROT_WRITE,
			 TESS_MAP_PRIVATE | TESS_MAP_FIXED, NULL));
	EXPECT_OK(t_anon(t, BASE + 2 * PAGE, PAGE, TESS_PROT_READ,
			 TESS_MAP_PRIVATE | TESS_MAP_FIXED, NULL));
	EXPECT_OK(t_store(t, BASE + PAGE, 0x41));
	EXPECT_EQ(t_mremap(t, BASE, 2 * PAGE, 4 * PAGE, 0, 0, &va), TESS_ENOMEM);
	EXPECT_OK(t_mremap(t, BASE, 2 * PAGE, 4 * PAGE, TESS_MREMAP_MAYMOVE, 0, &va));
	EXPECT(va != BASE);
	EXPECT_OK(t_load(t, va + PAGE, &b));
	EXPECT_EQ(b, 0x41);
	EXPECT_EQ(t_load(t, BASE, &b), TESS_SIGSEGV);
}

API_TEST(mremap_fixed)
{
	unsigned f = t_file(t, 8 * PAGE, 5);
	uint8_t b;

	EXPECT_OK(t_map(t, BASE, 8 * PAGE, TESS_PROT_READ | TESS_PROT_WRITE,
			TESS_MAP_PRIVATE | TESS_MAP_FIXED, f, 0, NULL));
	EXPECT_OK(t_store(t, BASE + 3 * PAGE, 0x51));
	EXPECT_OK(t_anon(t, BASE + 32 * PAGE, 8 * PAGE, TESS_PROT_READ | TESS_PROT_WRITE,
			 TESS_MAP_PRIVATE | TESS_MAP_FIXED, NULL));
	EXPECT_OK(t_store(t, BASE + 33 * PAGE, 0x52));
	EXPECT_OK(t_mremap(t, BASE + 2 * PAGE, 4 * PAGE, 4 * PAGE,
			   TESS_MREMAP_MAYMOVE | TESS_MREMAP_FIXED, BASE + 32 * PAGE, NULL));
	EXPECT_OK(t_load(t, BASE + 33 * PAGE, &b));
	EXPECT_EQ(b, 0x51);
	EXPECT_OK(t_load(t, BASE + 34 * PAGE + 3, &b));
	EXPECT_EQ(b, t_byte(5, 4 * PAGE + 3));
	EXPECT_OK(t_load(t, BASE + 6 * PAGE + 3, &b));
	EXPECT_EQ(b, t_byte(5, 6 * PAGE + 3));
	EXPECT_EQ(t_load(t, BASE + 3 * PAGE, &b), TESS_SIGSEGV);
}

API_TEST(mremap_offset)
{
	unsigned f = t_file(t, 8 * PAGE, 6);
	tess_va va;
	uint8_t b;

	EXPECT_OK(t_map(t, BASE, 2 * PAGE, TESS_PROT_READ, TESS_MAP_PRIVATE | TESS_MAP_FIXED, f,
			3 * PAGE, NULL));
	EXPECT_OK(t_map(t, BASE + 2 * PAGE, 2 * PAGE, TESS_PROT_READ,
			TESS_MAP_SHARED | TESS_MAP_FIXED, f, 0, NULL));
	EXPECT_OK(t_mremap(t, BASE, 2 * PAGE, 4 * PAGE, TESS_MREMAP_MAYMOVE, 0, &va));
	EXPECT_OK(t_load(t, va + 3 * PAGE + 1, &b));
	EXPECT_EQ(b, t_byte(6, 6 * PAGE + 1));
}

API_TEST(mremap_old_len_0)
{
	tess_va va;
	uint8_t b;

	EXPECT_OK(t_anon(t, BASE, 4 * PAGE, TESS_PROT_READ | TESS_PROT_WRITE,
			 TESS_MAP_SHARED | TESS_MAP_FIXED, NULL));
	EXPECT_OK(t_store(t, BASE + 2 * PAGE, 0x61));
	EXPECT_OK(t_mremap(t, BASE + PAGE, 0, 2 * PAGE, TESS_MREMAP_MAYMOVE, 0, &va));
	EXPECT_OK(t_load(t, va + PAGE, &b));
	EXPECT_EQ(b, 0x61);
	EXPECT_OK(t_store(t, va, 0x62));
	EXPECT_OK(t_load(t, BASE + PAGE, &b));
	EXPECT_EQ(b, 0x62);
	EXPECT_EQ(t_mremap(t, BASE, 0, PAGE, 0, 0, &va), TESS_ENOMEM);
}

API_TEST(mremap_dontunmap)
{
	tess_va va;
	uint8_t b;

	EXPECT_OK(t_anon(t, BASE, 3 * PAGE, TESS_PROT_READ | TESS_PROT_WRITE,
			 TESS_MAP_PRIVATE | TESS_MAP_FIXED, NULL));
	EXPECT_OK(t_store(t, BASE + PAGE, 0x71));
	EXPECT_OK(t_mlock(t, BASE, 3 * PAGE, 0));
	EXPECT_OK(t_mremap(t, BASE, 3 * PAGE, 3 * PAGE, TESS_MREMAP_MAYMOVE | TESS_MREMAP_DONTUNMAP,
			   0, &va));
	EXPECT_OK(t_load(t, va + PAGE, &b));
	EXPECT_EQ(b, 0x71);
	EXPECT_OK(t_load(t, BASE + PAGE, &b));
	EXPECT_EQ(b, 0);
	/* Without FIXED the new address is a hint. */
	EXPECT_OK(t_mremap(t, BASE, PAGE, PAGE, TESS_MREMAP_MAYMOVE | TESS_MREMAP_DONTUNMAP,
			   BASE + 16 * PAGE, &va));
	EXPECT_EQ(va, BASE + 16 * PAGE);
}

API_TEST(mremap_forked)
{
	unsigned child;
	uint8_t b;

	EXPECT_OK(t_anon(t, BASE, 4 * PAGE, TESS_PROT_READ | TESS_PROT_WRITE,
			 TESS_MAP_PRIVATE | TESS_MAP_FIXED, NULL));
	for (unsigned i = 0; i < 4; i++)
		EXPECT_OK(t_store(t, BASE + i * PAGE, (uint8_t)(0x80 + i)));
	child = t_fork(t);
	EXPECT_OK(t_mremap(t, BASE, 4 * PAGE, 6 * PAGE, TESS_MREMAP_MAYMOVE | TESS_MREMAP_FIXED,
			   BASE + 64 * PAGE, NULL));
	EXPECT_OK(t_store(t, BASE + 65 * PAGE, 0x99));
	t_switch(t, child);
	EXPECT_OK(t_load(t, BASE + PAGE, &b));
	EXPECT_EQ(b, 0x81);
	t_exit(t, child);
	t_switch(t, 0);
	EXPECT_OK(t_load(t, BASE + 67 * PAGE, &b));
	EXPECT_EQ(b, 0x83);
}

API_TEST(mremap_limits)
{
	EXPECT_OK(t_anon(t, BASE, 2 * PAGE, TESS_PROT_READ | TESS_PROT_WRITE,
			 TESS_MAP_PRIVATE | TESS_MAP_FIXED, NULL));
	EXPECT_OK(t_limit(t, TESS_LIMIT_AS, 3 * PAGE));
	EXPECT_EQ(t_mremap(t, BASE, 2 * PAGE, 4 * PAGE, TESS_MREMAP_MAYMOVE, 0, NULL), TESS_ENOMEM);
	EXPECT_OK(t_mremap(t, BASE, 2 * PAGE, 3 * PAGE, TESS_MREMAP_MAYMOVE, 0, NULL));
	EXPECT_OK(t_limit(t, TESS_LIMIT_AS, TESS_LIMIT_INFINITY));
	EXPECT_OK(t_mlock(t, BASE, 3 * PAGE, 0));
	EXPECT_OK(t_limit(t, TESS_LIMIT_MEMLOCK, 3 * PAGE));
	EXPECT_EQ(t_mremap(t, BASE, 3 * PAGE, 4 * PAGE, TESS_MREMAP_MAYMOVE, 0, NULL), TESS_EAGAIN);
}

API_TEST(mremap_fixed_shorter)
{
	uint8_t b;

	EXPECT_OK(t_anon(t, BASE, 2 * PAGE, TESS_PROT_READ | TESS_PROT_WRITE,
			 TESS_MAP_PRIVATE | TESS_MAP_FIXED, NULL));
	EXPECT_OK(t_anon(t, BASE + 2 * PAGE, 2 * PAGE, TESS_PROT_READ,
			 TESS_MAP_PRIVATE | TESS_MAP_FIXED, NULL));
	EXPECT_OK(t_store(t, BASE + PAGE, 0x13));
	EXPECT_OK(t_mremap(t, BASE, 3 * PAGE, 2 * PAGE, TESS_MREMAP_MAYMOVE | TESS_MREMAP_FIXED,
			   BASE + 16 * PAGE, NULL));
	EXPECT_OK(t_load(t, BASE + 17 * PAGE, &b));
	EXPECT_EQ(b, 0x13);
	EXPECT_EQ(t_load(t, BASE + 2 * PAGE, &b), TESS_SIGSEGV);
	EXPECT_OK(t_load(t, BASE + 3 * PAGE, &b));
}

static const struct api_test mremap_tests[] = {
    API_ROW(mremap_args, "EINVAL: flags, alignment, new length 0, FIXED without MAYMOVE, overlap",
	    API_ALL),
    API_ROW(mremap_efault, "EFAULT: nothing there, or more than one mapping", API_ALL),
    API_ROW(mremap_shrink, "shorter: the tail goes", API_ALL),
    API_ROW(mremap_grow_in_place, "longer where there is room behind", API_ALL),
    API_ROW(mremap_grow_moves,
	    "longer where something is behind: ENOMEM, or it moves with MAYMOVE, bytes and all",
	    API_ALL),
    API_ROW(mremap_fixed, "FIXED replaces the target; a part of a mapping may move", API_ALL),
    API_ROW(mremap_offset,
	    "the wrong offset scenario: after a move the pages that were never touched come from "
	    "the right place",
	    API_ALL),
    API_ROW(mremap_old_len_0, "length 0 maps a shared object a second time", API_ALL),
    API_ROW(mremap_dontunmap, "DONTUNMAP leaves the old range mapped and empty", API_ALL),
    API_ROW(mremap_forked,
	    "a mapping shared with a child after fork moves without the child noticing", API_ALL),
    API_ROW(mremap_limits, "AS is ENOMEM, MEMLOCK of a locked mapping EAGAIN", API_ALL & ~API_SEED),
    API_ROW(mremap_fixed_shorter,
	    "FIXED and shorter: the tail goes first, whatever is mapped there", API_ALL),
};

API_FAMILY(mremap, mremap_tests);
