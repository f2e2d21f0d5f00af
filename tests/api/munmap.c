/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * munmap.c: removing mappings: S60 to S65 and section 4.
 */
#include "api.h"

API_TEST(munmap_args)
{
	EXPECT_OK(t_anon(t, BASE, 4 * PAGE, TESS_PROT_READ | TESS_PROT_WRITE,
			 TESS_MAP_PRIVATE | TESS_MAP_FIXED, NULL));
	EXPECT_EQ(t_munmap(t, BASE + 1, PAGE), TESS_EINVAL);
	EXPECT_EQ(t_munmap(t, BASE, 0), TESS_EINVAL);
	EXPECT_EQ(t_munmap(t, BASE, UINT64_MAX), TESS_EINVAL);
	EXPECT_EQ(t_munmap(t, BASE, 0x800000000000), TESS_EINVAL);
	EXPECT_EQ(t_munmap(t, 0x800000000000, PAGE), TESS_EINVAL);
	EXPECT_EQ(t_munmap(t, 0xfffffffffffff000, PAGE), TESS_EINVAL);
}

API_TEST(munmap_holes)
{
	EXPECT_OK(t_munmap(t, BASE, 8 * PAGE));
	EXPECT_OK(t_anon(t, BASE + PAGE, PAGE, TESS_PROT_READ | TESS_PROT_WRITE,
			 TESS_MAP_PRIVATE | TESS_MAP_FIXED, NULL));
	EXPECT_OK(t_anon(t, BASE + 4 * PAGE, PAGE, TESS_PROT_NONE,
			 TESS_MAP_PRIVATE | TESS_MAP_FIXED, NULL));
	EXPECT_OK(t_munmap(t, BASE, 8 * PAGE));
	EXPECT_EQ(t_load(t, BASE + PAGE, NULL), TESS_SIGSEGV);
}

API_TEST(munmap_middle)
{
	uint8_t b;

	EXPECT_OK(t_anon(t, BASE, 5 * PAGE, TESS_PROT_READ | TESS_PROT_WRITE,
			 TESS_MAP_PRIVATE | TESS_MAP_FIXED, NULL));
	for (unsigned i = 0; i < 5; i++)
		EXPECT_OK(t_store(t, BASE + i * PAGE + 8, (uint8_t)i));
	EXPECT_OK(t_munmap(t, BASE + 2 * PAGE, 1));
	EXPECT_EQ(t_load(t, BASE + 2 * PAGE, &b), TESS_SIGSEGV);
	EXPECT_OK(t_load(t, BASE + 3 * PAGE + 8, &b));
	EXPECT_EQ(b, 3);
	EXPECT_EQ(t_anon_count(t), 4);
}

API_TEST(munmap_file_offset)
{
	unsigned f = t_file(t, 8 * PAGE, 3);
	uint8_t b;

	EXPECT_OK(t_map(t, BASE, 8 * PAGE, TESS_PROT_READ, TESS_MAP_PRIVATE | TESS_MAP_FIXED, f, 0,
			NULL));
	EXPECT_OK(t_munmap(t, BASE + 3 * PAGE, 2 * PAGE));
	EXPECT_OK(t_load(t, BASE + 5 * PAGE + 7, &b));
	EXPECT_EQ(b, t_byte(3, 5 * PAGE + 7));
	EXPECT_OK(t_load(t, BASE + 2 * PAGE + 7, &b));
	EXPECT_EQ(b, t_byte(3, 2 * PAGE + 7));
}

API_TEST(munmap_fresh)
{
	uint8_t b;

	EXPECT_OK(t_anon(t, BASE, 2 * PAGE, TESS_PROT_READ | TESS_PROT_WRITE,
			 TESS_MAP_PRIVATE | TESS_MAP_FIXED, NULL));
	EXPECT_OK(t_store(t, BASE + PAGE, 0xee));
	EXPECT_OK(t_munmap(t, BASE, 2 * PAGE));
	EXPECT_OK(t_anon(t, BASE, 2 * PAGE, TESS_PROT_READ | TESS_PROT_WRITE,
			 TESS_MAP_PRIVATE | TESS_MAP_FIXED, NULL));
	EXPECT_OK(t_load(t, BASE + PAGE, &b));
	EXPECT_EQ(b, 0);
}

API_TEST(munmap_entries)
{
	EXPECT_OK(t_anon(t, BASE, 400 * PAGE, TESS_PROT_READ | TESS_PROT_WRITE,
			 TESS_MAP_PRIVATE | TESS_MAP_FIXED, NULL));
	for (unsigned i = 1; i < 400; i += 4)
		EXPECT_OK(t_munmap(t, BASE + i * PAGE, PAGE));
	EXPECT_OK(t_store(t, BASE + 398 * PAGE, 1));
	EXPECT_OK(t_munmap(t, BASE, 400 * PAGE));
}

static const struct api_test munmap_tests[] = {
    API_ROW(munmap_args, "S60, S62: unaligned, out of range, length 0", API_BOTH),
    API_ROW(munmap_holes, "S63: holes are no errors", API_BOTH),
    API_ROW(munmap_middle, "S65: a hole in the middle; what is beside it keeps its bytes",
	    API_BOTH),
    API_ROW(munmap_file_offset, "a cut file mapping shows the right bytes on both sides", API_BOTH),
    API_ROW(munmap_fresh, "memory mapped again where something was is zero", API_BOTH),
    API_ROW(munmap_entries, "an area cut into many pieces, then gone in one call", API_BOTH),
};

API_FAMILY(munmap, munmap_tests);
