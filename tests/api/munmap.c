/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * munmap.c: removing mappings: S60 to S65 and section 4.
 */
#include "api.h"

API_TEST(s60_args)
{
	EXPECT_OK(t_anon(t, BASE, 4 * PAGE, RW, PFIX, NULL));
	/* bsd truncates the address */
	EXPECT_EQ(t_munmap(t, BASE + 1, PAGE),
		  BY(t, TESS_EINVAL, TESS_EINVAL, TESS_OK, TESS_EINVAL));
	EXPECT_EQ(t_area(t, BASE + PAGE).start, t->personality == TESS_PERSONALITY_BSD ? 0 : BASE);
	EXPECT_EQ(t_munmap(t, BASE, (uint64_t)1 << 63), TESS_EINVAL);
	EXPECT_EQ(t_munmap(t, BASE + 1, (uint64_t)1 << 63), TESS_EINVAL);
	EXPECT_EQ(t_munmap(t, BASE + 1, 0),
		  BY(t, TESS_EINVAL, TESS_EINVAL, TESS_EINVAL, TESS_EINVAL));
}

API_TEST(s61_len0)
{
	enum tess_err want = BY(t, TESS_EINVAL, TESS_EINVAL, TESS_EINVAL, TESS_OK);

	EXPECT_OK(t_anon(t, BASE, PAGE, RW, PFIX, NULL));
	EXPECT_EQ(t_munmap(t, BASE, 0), want);
	EXPECT_EQ(t_munmap(t, BASE + 8 * PAGE, 0), want); /* nothing is mapped there */
	EXPECT_EQ(t_area(t, BASE).end, BASE + PAGE);
}

API_TEST(s62_range)
{
	EXPECT_OK(t_anon(t, BASE, PAGE, RW, PFIX, NULL));
	EXPECT_EQ(t_munmap(t, BASE, UINT64_MAX), TESS_EINVAL);
	EXPECT_EQ(t_munmap(t, BASE, 0x800000000000), TESS_EINVAL);
	EXPECT_EQ(t_munmap(t, 0x800000000000, PAGE), TESS_EINVAL);
	EXPECT_EQ(t_munmap(t, 0xfffffffffffff000, PAGE), TESS_EINVAL);
	EXPECT_EQ(t_munmap(t, 0xfffffffffffff000, 2 * PAGE), TESS_EINVAL);
	EXPECT_EQ(t_munmap(t, 0x1000, PAGE),
		  BY(t, TESS_OK, TESS_OK, TESS_EINVAL, TESS_EINVAL)); /* below the user range */
	EXPECT_EQ(t_area(t, BASE).end, BASE + PAGE);
}

API_TEST(s63_holes)
{
	enum tess_err want = BY(t, TESS_OK, TESS_OK, TESS_OK, TESS_EINVAL);

	EXPECT_EQ(t_munmap(t, BASE, 8 * PAGE), want);
	EXPECT_OK(t_anon(t, BASE, 2 * PAGE, RW, PFIX, NULL));
	EXPECT_OK(t_anon(t, BASE + 4 * PAGE, PAGE, RW, PFIX, NULL));
	EXPECT_OK(t_store(t, BASE + PAGE, 5));
	EXPECT_EQ(t_munmap(t, BASE + PAGE, 4 * PAGE), want); /* a hole in the middle */
	EXPECT_EQ(t_anon_count(t), want == TESS_OK ? 0 : 1);
	EXPECT_EQ(t_munmap(t, BASE, 8 * PAGE), want); /* and at the end */
}

API_TEST(s64_prot_none)
{
	EXPECT_OK(t_anon(t, BASE, PAGE, RW, PFIX, NULL));
	EXPECT_OK(t_anon(t, BASE + PAGE, PAGE, TESS_PROT_NONE, PFIX, NULL));
	EXPECT_OK(t_anon(t, BASE + 2 * PAGE, PAGE, RW, PFIX, NULL));
	EXPECT_OK(t_munmap(t, BASE, 3 * PAGE));
	EXPECT_EQ(t_counts(t).bytes, 0);
}

API_TEST(s65_middle)
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
    API_ROW(s60_args, "S60: unaligned is EINVAL (bsd: truncated), the sign bit of a length too",
	    API_ALL),
    API_ROW(s61_len0, "S61: length 0 is EINVAL, in seed success", API_ALL),
    API_ROW(s62_range, "S62: beyond the user range, below it, wrapping", API_ALL),
    API_ROW(s63_holes, "S63: holes are no errors; in seed EINVAL and nothing goes", API_ALL),
    API_ROW(s64_prot_none, "S64: PROT_NONE memory counts as mapped", API_ALL),
    API_ROW(s65_middle, "S65: a hole in the middle; what is beside it keeps its bytes", API_ALL),
    API_ROW(munmap_file_offset, "a cut file mapping shows the right bytes on both sides", API_ALL),
    API_ROW(munmap_fresh, "memory mapped again where something was is zero", API_ALL),
    API_ROW(munmap_entries, "an area cut into many pieces, then gone in one call",
	    API_BOTH | API_BSD),
};

API_FAMILY(munmap, munmap_tests);
