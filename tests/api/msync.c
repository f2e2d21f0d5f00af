/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * msync.c: writing back: S50 to S54 and section 9.
 */
#include <tessera/object.h>
#include "api.h"

API_TEST(s50_args)
{
	enum tess_err wraps = BY(t, TESS_ENOMEM, TESS_ENOMEM, TESS_EINVAL, TESS_EINVAL);
	unsigned f = t_file(t, 4 * PAGE, 1);

	EXPECT_OK(t_map(t, BASE, 4 * PAGE, RW, SFIX, f, 0, NULL));
	EXPECT_EQ(t_msync(t, BASE + 1, PAGE, TESS_MS_SYNC),
		  BY(t, TESS_EINVAL, TESS_EINVAL, TESS_OK, TESS_EINVAL));
	EXPECT_EQ(t_msync(t, BASE, UINT64_MAX - PAGE, TESS_MS_SYNC), wraps);
	EXPECT_EQ(t_msync(t, 0xfffffffffffff000, PAGE, TESS_MS_SYNC), wraps);
	EXPECT_EQ(t_msync(t, BASE, PAGE, TESS_MS_ASYNC | TESS_MS_INVALIDATE),
		  BY(t, TESS_OK, TESS_OK, TESS_EINVAL, TESS_EINVAL));
	EXPECT_EQ(t_msync(t, BASE, PAGE, TESS_MS_UNKNOWN | TESS_MS_SYNC),
		  BY(t, TESS_EINVAL, TESS_EINVAL, TESS_EINVAL, TESS_OK));
	EXPECT_EQ(t_msync(t, BASE, PAGE, TESS_MS_ASYNC | TESS_MS_SYNC),
		  BY(t, TESS_EINVAL, TESS_EINVAL, TESS_EINVAL, TESS_OK));
	EXPECT_EQ(t_msync(t, BASE, PAGE, 0), BY(t, TESS_EINVAL, TESS_OK, TESS_OK, TESS_OK));
	/* two at once: bad flags and a hole, bad flags and a wrap */
	EXPECT_EQ(t_msync(t, BASE + 8 * PAGE, PAGE, TESS_MS_ASYNC | TESS_MS_INVALIDATE),
		  BY(t, TESS_ENOMEM, TESS_ENOMEM, TESS_EINVAL, TESS_EINVAL));
	EXPECT_EQ(t_msync(t, 0xfffffffffffff000, PAGE, TESS_MS_UNKNOWN),
		  BY(t, TESS_EINVAL, TESS_EINVAL, TESS_EINVAL, TESS_EINVAL));
}

API_TEST(s51_len0)
{
	unsigned f = t_file(t, 8 * PAGE, 1);

	EXPECT_EQ(t_msync(t, BASE, 0, TESS_MS_SYNC), BY(t, TESS_OK, TESS_OK, TESS_OK, TESS_EINVAL));
	EXPECT_OK(t_map(t, BASE, 4 * PAGE, RW, SFIX, f, 0, NULL));
	EXPECT_OK(t_map(t, BASE + 4 * PAGE, PAGE, RW, SFIX, f, 6 * PAGE, NULL));
	EXPECT_OK(t_store(t, BASE + 3 * PAGE, (uint8_t)(t_byte(1, 3 * PAGE) + 1)));
	EXPECT_OK(t_store(t, BASE + 4 * PAGE, (uint8_t)(t_byte(1, 6 * PAGE) + 1)));
	EXPECT_OK(t_msync(t, BASE + PAGE, 0, TESS_MS_SYNC));
	/* in seed the whole mapping was stored, and no other; elsewhere nothing */
	EXPECT_EQ(t_stored(t, f, 3 * PAGE),
		  (uint8_t)(t_byte(1, 3 * PAGE) + (t->personality == TESS_PERSONALITY_SEED)));
	EXPECT_EQ(t_stored(t, f, 6 * PAGE), t_byte(1, 6 * PAGE));
}

API_TEST(s52_results)
{
	enum tess_err want = BY(t, TESS_ENOMEM, TESS_ENOMEM, TESS_ENOMEM, TESS_EINVAL);
	unsigned f = t_file(t, 4 * PAGE, 1);

	EXPECT_OK(t_map(t, BASE, PAGE, RW, SFIX, f, 0, NULL));
	EXPECT_OK(t_map(t, BASE + 2 * PAGE, PAGE, RW, SFIX, f, 0, NULL));
	EXPECT_OK(t_msync(t, BASE, PAGE, TESS_MS_SYNC));
	EXPECT_EQ(t_msync(t, BASE, 3 * PAGE, TESS_MS_SYNC), want);
	EXPECT_EQ(t_msync(t, BASE, 3 * PAGE, TESS_MS_ASYNC), want);
	EXPECT_EQ(t_msync(t, BASE + PAGE, PAGE, TESS_MS_SYNC), want);
}

/* The pager fails: EIO, and the page stays dirty. */
API_TEST(s52_io_error)
{
	unsigned f = t_file(t, 4 * PAGE, 1);
	uint8_t b;

	if (!env_can_fail() || t->fail != NULL)
		return; /* the forced run does this everywhere */
	EXPECT_OK(t_map(t, BASE, PAGE, RW, SFIX, f, 0, NULL));
	EXPECT_OK(t_store(t, BASE, (uint8_t)(t_byte(1, 0) + 1)));
	env_fail_nth(1);
	EXPECT_EQ(tess_msync(t->sp, BASE, PAGE, TESS_MS_SYNC), TESS_EIO);
	env_fail_nth(0);
	EXPECT_OK(t_load(t, BASE, &b));
	EXPECT_EQ(b, (uint8_t)(t_byte(1, 0) + 1));
	EXPECT_EQ(t_stored(t, f, 0), t_byte(1, 0));
	EXPECT_OK(t_msync(t, BASE, PAGE, TESS_MS_SYNC));
	EXPECT_EQ(t_stored(t, f, 0), (uint8_t)(t_byte(1, 0) + 1));
}

API_TEST(s53_modes)
{
	unsigned f = t_file(t, 4 * PAGE, 1);
	uint8_t x = (uint8_t)(t_byte(1, 0) + 1);

	EXPECT_OK(t_map(t, BASE, 4 * PAGE, RW, SFIX, f, 0, NULL));
	EXPECT_OK(t_store(t, BASE, x));
	EXPECT_OK(t_msync(t, BASE, PAGE, TESS_MS_ASYNC));
	EXPECT_EQ(t_stored(t, f, 0), t_byte(1, 0)); /* not yet */
	EXPECT_OK(t_msync(t, BASE, PAGE, BY(t, TESS_MS_SYNC, 0, 0, 0)));
	EXPECT_EQ(t_stored(t, f, 0), x);
	EXPECT_EQ(tess_object_resident(t->file[f].object, 0, 1), 1);
	EXPECT_OK(t_msync(t, BASE, PAGE, TESS_MS_SYNC | TESS_MS_INVALIDATE));
	EXPECT_EQ(tess_object_resident(t->file[f].object, 0, 1), 0);
}

API_TEST(s54_end_rounds)
{
	unsigned f = t_file(t, 4 * PAGE, 1);
	uint8_t x = (uint8_t)(t_byte(1, PAGE + 100) + 1);

	EXPECT_OK(t_map(t, BASE, 4 * PAGE, RW, SFIX, f, 0, NULL));
	EXPECT_OK(t_store(t, BASE + PAGE + 100, x));
	EXPECT_OK(t_msync(t, BASE, PAGE + 1, TESS_MS_SYNC));
	EXPECT_EQ(t_stored(t, f, PAGE + 100), x); /* the whole last page */
	EXPECT_EQ(t_counts(t).entries, 1);
}

API_TEST(s53_stores)
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

API_TEST(d11_msync_locked)
{
	enum tess_err want = BY(t, TESS_EBUSY, TESS_EBUSY, TESS_EBUSY, TESS_EINVAL);
	unsigned f = t_file(t, 4 * PAGE, 1);

	EXPECT_OK(t_map(t, BASE, 4 * PAGE, RW, SFIX, f, 0, NULL));
	EXPECT_OK(t_mlock(t, BASE + 2 * PAGE, PAGE, 0));
	EXPECT_OK(t_msync(t, BASE, 2 * PAGE, TESS_MS_SYNC | TESS_MS_INVALIDATE));
	/* the second entry is the locked one */
	EXPECT_EQ(t_msync(t, BASE, 4 * PAGE, TESS_MS_SYNC | TESS_MS_INVALIDATE), want);
	EXPECT_EQ(t_msync(t, BASE + 2 * PAGE, PAGE, TESS_MS_SYNC | TESS_MS_INVALIDATE), want);
	/* the first one is locked, the range behind it is not */
	EXPECT_OK(t_msync(t, BASE + 3 * PAGE, PAGE, TESS_MS_SYNC | TESS_MS_INVALIDATE));
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
    API_ROW(s50_args, "S50: alignment, wrap, ASYNC with INVALIDATE, and which comes first",
	    API_ALL),
    API_ROW(s51_len0, "S51: length 0 is nothing; in seed the whole mapping, found under the lock",
	    API_ALL),
    API_ROW(s52_results, "S52: a hole is ENOMEM, in seed EINVAL", API_ALL),
    API_ROW(s52_io_error, "S52: a pager that fails is EIO; the page stays dirty", API_ALL),
    API_ROW(s53_modes, "S53: ASYNC stores later, no flag now, INVALIDATE drops", API_ALL),
    API_ROW(s54_end_rounds, "S54: the end is rounded up, nothing is cut", API_ALL),
    API_ROW(s53_stores, "S53: SYNC puts what was stored into the file", API_ALL),
    API_ROW(d11_msync_locked, "D11: INVALIDATE asks each entry for its lock, not the first",
	    API_ALL),
    API_ROW(msync_private, "private memory: nothing to write back, nothing lost", API_ALL),
};

API_FAMILY(msync, msync_tests);
