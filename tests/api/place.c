/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * place.c: where things go: mquery, NetBSD's mremap, DONATE, and the advice of other systems; against the model.
 */
#include "api.h"

static const struct tess_handle place_none = {.kind = TESS_HANDLE_NONE};

API_TEST(mquery_args)
{
	struct tess_mmap_args a = {
	    .addr = BASE, .len = PAGE, .prot = RW, .flags = TESS_MAP_PRIVATE | TESS_MAP_ANON};

	a.prot = 8;
	EXPECT_EQ(t_mquery(t, &a, NULL), TESS_EINVAL);
	a.prot = RW;
	a.len = 0;
	EXPECT_EQ(t_mquery(t, &a, NULL), TESS_EINVAL);
	a.len = PAGE;
	a.handle.kind = TESS_HANDLE_BAD;
	EXPECT_EQ(t_mquery(t, &a, NULL), TESS_EBADF);
	a.handle = place_none;
	a.flags |= TESS_MAP_FIXED;
	a.addr = BASE + 1;
	EXPECT_EQ(t_mquery(t, &a, NULL), TESS_EINVAL);
	a.addr = 0x1000;
	EXPECT_EQ(t_mquery(t, &a, NULL), TESS_EINVAL);
	a.addr = BASE;
	EXPECT_OK(t_mquery(t, &a, NULL));
	EXPECT_OK(t_anon(t, BASE, PAGE, RW, PFIX, NULL));
	EXPECT_EQ(t_mquery(t, &a, NULL), TESS_EINVAL); /* taken */
}

API_TEST(mquery_is_mmap)
{
	struct tess_mmap_args a = {
	    .len = 5 * PAGE, .prot = RW, .flags = TESS_MAP_PRIVATE | TESS_MAP_ANON};
	static const tess_va hint[] = {0, BASE, BASE + PAGE, BASE, 0x40000000};
	tess_va asked, got;

	for (unsigned i = 0; i < sizeof(hint) / sizeof(hint[0]); i++) {
		a.addr = hint[i];
		EXPECT_OK(t_mquery(t, &a, &asked));
		EXPECT_EQ(t_counts(t).bytes, i * 5 * PAGE);
		EXPECT_OK(t_mmap_args(t, &a, &got));
		EXPECT_EQ(got, asked);
	}
	a.addr = 0;
	a.len = (uint64_t)1 << 47;
	EXPECT_EQ(t_mquery(t, &a, NULL), TESS_ENOMEM);
}

API_TEST(mremap_bsd_args)
{
	tess_va far = BASE + 64 * PAGE;

	EXPECT_OK(t_anon(t, BASE, 4 * PAGE, RW, PFIX, NULL));
	EXPECT_EQ(t_mremap_bsd(t, BASE, PAGE, 0, PAGE, TESS_MREMAP_BSD_UNKNOWN, 0, NULL),
		  TESS_EINVAL);
	EXPECT_EQ(t_mremap_bsd(t, BASE + 1, PAGE, 0, PAGE, 0, 0, NULL), TESS_EINVAL);
	EXPECT_EQ(t_mremap_bsd(t, BASE, 0, 0, PAGE, 0, 0, NULL), TESS_EINVAL);
	EXPECT_EQ(t_mremap_bsd(t, BASE, PAGE, 0, 0, 0, 0, NULL), TESS_EINVAL);
	EXPECT_EQ(t_mremap_bsd(t, BASE, PAGE, far + 1, PAGE, TESS_MREMAP_BSD_FIXED, 0, NULL),
		  TESS_EINVAL);
	EXPECT_EQ(t_mremap_bsd(t, BASE, PAGE, far + PAGE, PAGE, TESS_MREMAP_BSD_FIXED, 13, NULL),
		  TESS_EINVAL);
	EXPECT_EQ(t_mremap_bsd(t, BASE, PAGE, 0, PAGE, 0, 5, NULL), TESS_EINVAL);
	EXPECT_EQ(t_mremap_bsd(t, BASE, PAGE, 0, 2 * PAGE, TESS_MREMAP_BSD_DUP, 0, NULL),
		  TESS_EINVAL);
	EXPECT_EQ(t_mremap_bsd(t, BASE, UINT64_MAX, 0, PAGE, 0, 0, NULL), TESS_EINVAL);
	EXPECT_EQ(
	    t_mremap_bsd(t, BASE, 2 * PAGE, BASE + PAGE, 2 * PAGE, TESS_MREMAP_BSD_FIXED, 0, NULL),
	    TESS_EINVAL);
	EXPECT_EQ(t_mremap_bsd(t, BASE + 2 * PAGE, 4 * PAGE, 0, PAGE, 0, 0, NULL), TESS_ENOMEM);
}

API_TEST(mremap_bsd_sizes)
{
	tess_va va;
	uint8_t b;

	EXPECT_OK(t_anon(t, BASE, 4 * PAGE, RW, PFIX, NULL));
	EXPECT_OK(t_store(t, BASE + PAGE, 7));
	EXPECT_OK(t_mremap_bsd(t, BASE, 4 * PAGE, 0, 2 * PAGE, 0, 0, &va));
	EXPECT_EQ(va, BASE);
	EXPECT_EQ(t_area(t, BASE).end, BASE + 2 * PAGE);
	EXPECT_OK(t_mremap_bsd(t, BASE, 2 * PAGE, 0, 3 * PAGE, 0, 0, &va));
	EXPECT_EQ(va, BASE);
	EXPECT_OK(t_anon(t, BASE + 3 * PAGE, PAGE, TESS_PROT_READ, PFIX, NULL));
	EXPECT_OK(t_mremap_bsd(t, BASE, 3 * PAGE, 0, 8 * PAGE, 0, 0, &va)); /* it moves */
	EXPECT(va != BASE);
	EXPECT_OK(t_load(t, va + PAGE, &b));
	EXPECT_EQ(b, 7);
	EXPECT_EQ(t_area(t, BASE).end, 0);
}

API_TEST(mremap_bsd_fixed)
{
	tess_va to = BASE + 64 * PAGE, va;
	uint8_t b;

	EXPECT_OK(t_anon(t, BASE, 2 * PAGE, RW, PFIX, NULL));
	EXPECT_OK(t_store(t, BASE + PAGE, 7));
	EXPECT_OK(t_anon(t, to, 2 * PAGE, RW, PFIX, NULL));
	EXPECT_OK(t_store(t, to, 9));
	EXPECT_OK(t_mremap_bsd(t, BASE, 2 * PAGE, to, 2 * PAGE, TESS_MREMAP_BSD_FIXED, 0, &va));
	EXPECT_EQ(va, to);
	EXPECT_OK(t_load(t, to, &b));
	EXPECT_EQ(b, 0);
	EXPECT_OK(t_load(t, to + PAGE, &b));
	EXPECT_EQ(b, 7);
}

API_TEST(mremap_bsd_dup)
{
	tess_va to = BASE + 64 * PAGE;
	uint8_t b;

	EXPECT_OK(t_anon(t, BASE, 3 * PAGE, RW, PFIX, NULL));
	EXPECT_OK(t_store(t, BASE, 7));
	EXPECT_OK(t_mremap_bsd(t, BASE, 3 * PAGE, to, 3 * PAGE,
			       TESS_MREMAP_BSD_FIXED | TESS_MREMAP_BSD_DUP, 0, NULL));
	EXPECT_OK(t_load(t, to, &b));
	EXPECT_EQ(b, 7);
	EXPECT_OK(t_store(t, to, 8));
	EXPECT_OK(t_load(t, BASE, &b));
	EXPECT_EQ(b, 8);
	EXPECT_OK(t_store(t, BASE + PAGE, 5)); /* a page that neither had */
	EXPECT_OK(t_load(t, to + PAGE, &b));
	EXPECT_EQ(b, 5);
	EXPECT_OK(t_munmap(t, BASE, 3 * PAGE));
	EXPECT_OK(t_load(t, to + PAGE, &b));
	EXPECT_EQ(b, 5);
}

API_TEST(donate)
{
	unsigned child;
	uint8_t b;

	EXPECT_OK(t_anon(t, BASE, 6 * PAGE, RW, PFIX, NULL));
	for (unsigned i = 0; i < 5; i++)
		EXPECT_OK(t_store(t, BASE + i * PAGE, (uint8_t)(i + 1)));
	EXPECT_OK(t_minherit(t, BASE + PAGE, 4 * PAGE, TESS_INHERIT_DONATE));
	child = t_fork(t);
	EXPECT_EQ(t_area(t, BASE + PAGE).end, 0);
	EXPECT_EQ(t_load(t, BASE + 2 * PAGE, NULL), TESS_SIGSEGV);
	EXPECT_EQ(t_anon_count(t), 1);
	t_switch(t, child);
	EXPECT_OK(t_load(t, BASE + 2 * PAGE, &b));
	EXPECT_EQ(b, 3);
	EXPECT_OK(t_store(t, BASE + 4 * PAGE, 9));
}

API_TEST(donate_shared)
{
	unsigned f = t_file(t, 4 * PAGE, 1), child;
	uint8_t b;

	EXPECT_OK(t_map(t, BASE, 2 * PAGE, RW, SFIX, f, 0, NULL));
	EXPECT_OK(t_store(t, BASE, 7));
	EXPECT_OK(t_minherit(t, BASE, 2 * PAGE, TESS_INHERIT_DONATE));
	child = t_fork(t);
	EXPECT_EQ(t_area(t, BASE).end, 0);
	t_switch(t, child);
	EXPECT_OK(t_load(t, BASE, &b));
	EXPECT_EQ(b, 7);
}

/* ---- Advice ---- */

API_TEST(advice_remove)
{
	unsigned f = t_file(t, 4 * PAGE, 1);
	uint8_t b;

	EXPECT_OK(t_map(t, BASE, 4 * PAGE, RW, SFIX, f, 0, NULL));
	EXPECT_OK(t_map(t, BASE + 8 * PAGE, 4 * PAGE, TESS_PROT_READ, PFIX, f, 0, NULL));
	EXPECT_OK(t_madvise(t, BASE + PAGE, PAGE, TESS_MADV_REMOVE));
	EXPECT_OK(t_load(t, BASE + PAGE + 7, &b));
	EXPECT_EQ(b, 0);
	EXPECT_OK(t_load(t, BASE + 9 * PAGE + 7, &b)); /* for everybody */
	EXPECT_EQ(b, 0);
	EXPECT_OK(t_load(t, BASE + 2 * PAGE, &b));
	EXPECT_EQ(b, t_byte(1, 2 * PAGE));
	EXPECT_OK(t_anon(t, BASE + 16 * PAGE, PAGE, RW, PFIX, NULL));
	EXPECT_EQ(t_madvise(t, BASE + 16 * PAGE, PAGE, TESS_MADV_REMOVE), TESS_EINVAL);
	EXPECT_EQ(t_madvise(t, BASE + 8 * PAGE, PAGE, TESS_MADV_REMOVE), TESS_EACCES);
}

API_TEST(advice_dontneed_locked)
{
	EXPECT_OK(t_anon(t, BASE, 2 * PAGE, RW, PFIX, NULL));
	EXPECT_OK(t_store(t, BASE, 1));
	EXPECT_OK(t_mlock(t, BASE, 2 * PAGE, 0));
	EXPECT_OK(t_madvise(t, BASE, 2 * PAGE, TESS_MADV_DONTNEED_LOCKED));
	EXPECT_OK(t_munlock(t, BASE, 2 * PAGE));
}

API_TEST(advice_xnu)
{
	uint8_t b;

	EXPECT_OK(t_anon(t, BASE, 4 * PAGE, RW, PFIX, NULL));
	for (unsigned i = 0; i < 4; i++)
		EXPECT_OK(t_store(t, BASE + i * PAGE, 7));
	EXPECT_OK(t_madvise(t, BASE, PAGE, TESS_MADV_ZERO));
	EXPECT_OK(t_load(t, BASE, &b));
	EXPECT_EQ(b, 0);
	EXPECT_OK(t_madvise(t, BASE + PAGE, PAGE, TESS_MADV_FREE_REUSABLE));
	EXPECT_OK(t_load(t, BASE + PAGE, &b));
	EXPECT_EQ(b, 0);
	EXPECT_OK(t_madvise(t, BASE, 4 * PAGE, TESS_MADV_FREE_REUSE));
	EXPECT_OK(t_madvise(t, BASE, 4 * PAGE, TESS_MADV_CAN_REUSE));
	EXPECT_OK(t_mprotect(t, BASE, PAGE, TESS_PROT_READ));
	EXPECT_EQ(t_madvise(t, BASE, PAGE, TESS_MADV_ZERO), TESS_EACCES);
	EXPECT_EQ(t_madvise(t, BASE, PAGE, TESS_MADV_CAN_REUSE), TESS_EINVAL);
	EXPECT_EQ(t_madvise(t, BASE, PAGE, TESS_MADV_SPACEAVAIL), TESS_EINVAL);
	EXPECT_EQ(t_madvise(t, BASE, PAGE, TESS_MADV_COLLAPSE), TESS_EINVAL);
}

API_TEST(advice_who_knows)
{
	EXPECT_OK(t_anon(t, BASE, PAGE, RW, PFIX, NULL));
	EXPECT_EQ(t_madvise(t, BASE, PAGE, TESS_MADV_HWPOISON),
		  BY(t, TESS_EPERM, TESS_EPERM, TESS_EINVAL, TESS_EOPNOTSUPP));
	EXPECT_EQ(t_madvise(t, BASE, PAGE, TESS_MADV_DONTFORK),
		  BY(t, TESS_OK, TESS_OK, TESS_EINVAL, TESS_EOPNOTSUPP));
	EXPECT_EQ(t_madvise(t, BASE, PAGE, TESS_MADV_NOSYNC),
		  BY(t, TESS_OK, TESS_EINVAL, TESS_OK, TESS_EOPNOTSUPP));
	EXPECT_EQ(t_madvise(t, BASE, PAGE, TESS_MADV_ZERO),
		  BY(t, TESS_OK, TESS_EINVAL, TESS_EINVAL, TESS_EOPNOTSUPP));
	EXPECT_EQ(t_madvise(t, BASE, 3 * PAGE, TESS_MADV_RANDOM),
		  BY(t, TESS_ENOMEM, TESS_ENOMEM, TESS_OK, TESS_EOPNOTSUPP));
	EXPECT_EQ(t_posix_madvise(t, BASE, PAGE, TESS_MADV_FREE),
		  BY(t, TESS_EINVAL, TESS_EINVAL, TESS_EINVAL, TESS_EOPNOTSUPP));
	EXPECT_OK(t_store(t, BASE, 7));
	EXPECT_EQ(t_posix_madvise(t, BASE, PAGE, TESS_MADV_DONTNEED),
		  BY(t, TESS_OK, TESS_OK, TESS_OK, TESS_EOPNOTSUPP));
	EXPECT_EQ(t_anon_count(t), 1);
}

static const struct api_test place_tests[] = {
    API_ROW(mquery_args, "mquery: arguments", API_ALL),
    API_ROW(mquery_is_mmap, "mquery: the place that mmap then takes", API_ALL),
    API_ROW(mremap_bsd_args, "NetBSD's mremap: EINVAL and ENOMEM", API_ALL),
    API_ROW(mremap_bsd_sizes, "NetBSD's mremap: shorter, longer, elsewhere", API_ALL),
    API_ROW(mremap_bsd_fixed, "NetBSD's mremap: FIXED replaces", API_ALL),
    API_ROW(mremap_bsd_dup, "REMAPDUP: two ranges, one memory", API_ALL),
    API_ROW(donate, "DONATE: the child has it, the parent has not", API_ALL),
    API_ROW(donate_shared, "DONATE of a shared mapping", API_ALL),
    API_ROW(advice_remove, "REMOVE makes a hole in the object", API_BOTH),
    API_ROW(advice_dontneed_locked, "DONTNEED_LOCKED", API_BOTH),
    API_ROW(advice_xnu, "ZERO, FREE_REUSABLE, FREE_REUSE, CAN_REUSE, and what nobody has",
	    API_POSIX),
    API_ROW(advice_who_knows, "whose advice is whose; holes; posix_madvise", API_ALL),
};

API_FAMILY(place, place_tests);
