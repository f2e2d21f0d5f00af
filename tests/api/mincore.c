/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * mincore.c: what is in memory: C1 to C10.
 */
#include <tessera/object.h>
#include "api.h"

API_TEST(c1_unaligned)
{
	unsigned char vec[4];

	EXPECT_OK(t_anon(t, BASE, 2 * PAGE, RW, PFIX, NULL));
	EXPECT_EQ(t_mincore(t, BASE + 1, PAGE, vec),
		  BY(t, TESS_EINVAL, TESS_EINVAL, TESS_OK, TESS_EINVAL));
	/* and no vector, and a hole */
	EXPECT_EQ(t_mincore(t, BASE + 8 * PAGE + 1, PAGE, NULL),
		  BY(t, TESS_EINVAL, TESS_EINVAL, TESS_EFAULT, TESS_EINVAL));
}

API_TEST(c2_empty_or_wraps)
{
	enum tess_err wraps = BY(t, TESS_ENOMEM, TESS_ENOMEM, TESS_ENOMEM, TESS_EINVAL);
	unsigned char vec[4];

	EXPECT_OK(t_anon(t, BASE, PAGE, RW, PFIX, NULL));
	EXPECT_EQ(t_mincore(t, BASE, 0, vec), BY(t, TESS_OK, TESS_OK, TESS_OK, TESS_EINVAL));
	EXPECT_EQ(t_mincore(t, BASE + 8 * PAGE, 0, vec),
		  BY(t, TESS_OK, TESS_OK, TESS_ENOMEM, TESS_EINVAL));
	EXPECT_EQ(t_mincore(t, BASE, UINT64_MAX, vec), wraps);
	EXPECT_EQ(t_mincore(t, 0xfffffffffffff000, PAGE, vec), wraps);
	EXPECT_EQ(t_mincore(t, BASE, UINT64_MAX, NULL), wraps); /* before the vector */
}

API_TEST(c3_vector)
{
	EXPECT_OK(t_anon(t, BASE, PAGE, RW, PFIX, NULL));
	EXPECT_EQ(t_mincore(t, BASE, PAGE, NULL), TESS_EFAULT);
	EXPECT_EQ(t_mincore(t, BASE + 8 * PAGE, PAGE, NULL), TESS_EFAULT); /* a hole too */
}

API_TEST(c4_hole)
{
	unsigned char vec[4] = {9, 9, 9, 9};

	EXPECT_OK(t_anon(t, BASE, 2 * PAGE, RW, PFIX, NULL));
	EXPECT_OK(t_store(t, BASE + PAGE, 1));
	EXPECT_EQ(t_mincore(t, BASE, 4 * PAGE, vec), TESS_ENOMEM);
	EXPECT_EQ(vec[0], 0);
	EXPECT_EQ(vec[1] & TESS_MINCORE_INCORE, 1);
	EXPECT_EQ(vec[3], 9);
	EXPECT_EQ(t_mincore(t, BASE + 8 * PAGE, PAGE, vec), TESS_ENOMEM);
}

API_TEST(c5_device)
{
	unsigned f = t_segment(t, 4 * PAGE);
	unsigned char vec[4] = {0};

	t->file[f].kind = TESS_HANDLE_DEVICE;
	EXPECT_OK(t_map(t, BASE, 4 * PAGE, RW, SFIX, f, 0, NULL));
	EXPECT_OK(t_mincore(t, BASE, 4 * PAGE, vec));
	for (unsigned i = 0; i < 4; i++)
		EXPECT_EQ(vec[i] & TESS_MINCORE_INCORE, 1); /* nobody touched them */
}

API_TEST(c6_private_page)
{
	unsigned f = t_file(t, 4 * PAGE, 1);
	unsigned char vec[2];

	EXPECT_OK(t_map(t, BASE, 2 * PAGE, RW, PFIX, f, 0, NULL));
	EXPECT_OK(t_map(t, BASE + 4 * PAGE, 2 * PAGE, RW, SFIX, f, 0, NULL));
	EXPECT_OK(t_store(t, BASE, 1));
	EXPECT_OK(t_mincore(t, BASE, 2 * PAGE, vec));
	EXPECT_EQ(vec[0] & TESS_MINCORE_INCORE, 1);
	/* the file's own page goes; the private one is still the answer */
	EXPECT_OK(t_msync(t, BASE + 4 * PAGE, 2 * PAGE, TESS_MS_SYNC | TESS_MS_INVALIDATE));
	EXPECT_EQ(tess_object_resident(t->file[f].object, 0, 2), 0);
	EXPECT_OK(t_mincore(t, BASE, 2 * PAGE, vec));
	EXPECT_EQ(vec[0] & TESS_MINCORE_INCORE, 1);
	EXPECT_EQ(vec[1] & TESS_MINCORE_INCORE, 0);
}

API_TEST(c7_object_page)
{
	unsigned f = t_file(t, 4 * PAGE, 1);
	unsigned char vec[8];

	EXPECT_OK(t_anon(t, BASE, 4 * PAGE, RW, PFIX, NULL));
	EXPECT_OK(t_map(t, BASE + 4 * PAGE, 4 * PAGE, TESS_PROT_READ, SFIX, f, 0, NULL));
	EXPECT_OK(t_store(t, BASE + 2 * PAGE, 1));
	EXPECT_OK(t_load(t, BASE + 5 * PAGE, NULL));
	EXPECT_OK(t_mincore(t, BASE, 8 * PAGE, vec));
	EXPECT_EQ(vec[0], 0); /* no object, no page */
	EXPECT_EQ(vec[2] & TESS_MINCORE_INCORE, 1);
	EXPECT_EQ(vec[5] & TESS_MINCORE_INCORE, 1);
}

/* A lock that an exit path kept would stop the next writer for good. */
API_TEST(c8_unlocked)
{
	unsigned char vec[4];

	EXPECT_OK(t_anon(t, BASE, 2 * PAGE, RW, PFIX, NULL));
	EXPECT_OK(t_mincore(t, BASE, 2 * PAGE, vec));
	EXPECT_OK(t_mprotect(t, BASE, PAGE, TESS_PROT_READ));
	EXPECT_EQ(t_mincore(t, BASE, 4 * PAGE, vec), TESS_ENOMEM);
	EXPECT_OK(t_mprotect(t, BASE, PAGE, RW));
	EXPECT_EQ(t_mincore(t, BASE, PAGE, NULL), TESS_EFAULT);
	EXPECT_OK(t_munmap(t, BASE, 2 * PAGE));
	EXPECT_EQ(t_counts(t).locked, 0);
}

API_TEST(c9_one_byte_a_page)
{
	unsigned char vec[4] = {9, 9, 9, 9};

	EXPECT_OK(t_anon(t, BASE, 4 * PAGE, RW, PFIX, NULL));
	EXPECT_OK(t_mincore(t, BASE, 2 * PAGE + 1, vec));
	EXPECT_EQ(vec[2], 0);
	EXPECT_EQ(vec[3], 9); /* not one more */
	EXPECT_OK(t_mincore(t, BASE, 1, vec + 3));
	EXPECT_EQ(vec[3], 0);
}

API_TEST(c10_submap)
{
	struct tess_map *map = tess_space_map(t->sp), *sub = NULL;
	unsigned char vec[4];

	EXPECT_OK(t_anon(t, BASE, PAGE, RW, PFIX, NULL));
	t_apart(t);
	EXPECT_EQ(T_KERN(t, "submap_create", API_LEFT_NOTHING,
			 tess_map_submap_create(map, BASE + PAGE, BASE + 3 * PAGE, &sub)),
		  TESS_KERN_SUCCESS);
	EXPECT_EQ(t_mincore(t, BASE, 2 * PAGE, vec), TESS_EINVAL);
	EXPECT_EQ(T_KERN(t, "submap_destroy", API_LEFT_NOTHING, tess_map_submap_destroy(sub)),
		  TESS_KERN_SUCCESS);
}

/* FreeBSD's five bits, XNU's eight. */
API_TEST(mincore_bits)
{
	unsigned f = t_file(t, 4 * PAGE, 1);
	unsigned char vec[3];

	EXPECT_OK(t_anon(t, BASE, 2 * PAGE, RW, PFIX, NULL));
	EXPECT_OK(t_map(t, BASE + 2 * PAGE, PAGE, RW, PFIX, f, 0, NULL));
	EXPECT_OK(t_store(t, BASE, 1));
	EXPECT_OK(t_store(t, BASE + 2 * PAGE, 1));
	EXPECT_OK(t_mincore_detail(t, BASE, 3 * PAGE, vec));
	EXPECT_EQ(vec[0] & (TESS_MINCORE_INCORE | TESS_MINCORE_MODIFIED | TESS_MINCORE_ANONYMOUS),
		  TESS_MINCORE_INCORE | TESS_MINCORE_MODIFIED | TESS_MINCORE_ANONYMOUS);
	EXPECT_EQ(vec[1] & TESS_MINCORE_INCORE, 0);
	EXPECT_EQ(vec[2] & (TESS_MINCORE_INCORE | TESS_MINCORE_COPIED),
		  TESS_MINCORE_INCORE | TESS_MINCORE_COPIED);
	EXPECT_OK(t_mincore(t, BASE, PAGE, vec));
	EXPECT_EQ((vec[0] & TESS_MINCORE_MODIFIED) != 0, t->personality == TESS_PERSONALITY_BSD);
	EXPECT_EQ(vec[0] & 0xe0, 0);
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
    API_ROW(c1_unaligned, "C1: unaligned is EINVAL (bsd: truncated)", API_ALL),
    API_ROW(c2_empty_or_wraps, "C2: length 0 and wrapping ranges", API_ALL),
    API_ROW(c3_vector, "C3: a vector that cannot be written, before the map is looked at", API_ALL),
    API_ROW(c4_hole, "C4: ENOMEM at a hole, the bytes before it are written", API_ALL),
    API_ROW(c5_device, "C5: every page of a device is there", API_ALL),
    API_ROW(c6_private_page, "C6: a private page is there, whatever became of the file's", API_ALL),
    API_ROW(c7_object_page, "C7: without one the object's page counts; none: not there", API_ALL),
    API_ROW(c8_unlocked, "C8: nothing stays locked on any way out", API_ALL),
    API_ROW(c9_one_byte_a_page, "C9: one byte a page, and not one more", API_ALL),
    API_ROW(c10_submap, "C10: a submap is EINVAL", API_ALL),
    API_ROW(mincore_bits, "bsd's bits, and all bits of tess_mincore_detail", API_ALL),
    API_ROW(mincore_dontneed, "linux: a discarded page is not there any more", API_LINUX),
};

API_FAMILY(mincore, mincore_tests);
