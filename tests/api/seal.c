/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * seal.c: immutable memory: mimmutable, mseal, and every call that must not change it.  D19, D20.
 */
#include <tessera/object.h>
#include "api.h"

/* Two pages before, two immutable ones, two behind; all written. */
static void
seal_layout(struct api *t, unsigned prot)
{
	EXPECT_OK(t_anon(t, BASE, 6 * PAGE, RW, PFIX, NULL));
	for (unsigned i = 0; i < 6; i++)
		EXPECT_OK(t_store(t, BASE + i * PAGE, (uint8_t)(i + 1)));
	EXPECT_OK(t_mprotect(t, BASE + 2 * PAGE, 2 * PAGE, prot));
	EXPECT_OK(t_mimmutable(t, BASE + 2 * PAGE, 2 * PAGE));
	EXPECT_EQ(t_area(t, BASE + 2 * PAGE).flags & TESS_AREA_IMMUTABLE, TESS_AREA_IMMUTABLE);
}

API_TEST(seal_args)
{
	EXPECT_OK(t_anon(t, BASE, 2 * PAGE, RW, PFIX, NULL));
	EXPECT_EQ(t_mimmutable(t, BASE, UINT64_MAX), TESS_EINVAL);
	EXPECT_OK(t_mimmutable(t, BASE, 0));
	EXPECT_EQ(t_mimmutable(t, BASE, 4 * PAGE),
		  BY(t, TESS_ENOMEM, TESS_ENOMEM, TESS_OK, TESS_ENOMEM));
	EXPECT_EQ(t_area(t, BASE).flags & TESS_AREA_IMMUTABLE,
		  t->personality == TESS_PERSONALITY_BSD ? TESS_AREA_IMMUTABLE : 0);
	EXPECT_EQ(t_mimmutable(t, BASE + 1, PAGE),
		  BY(t, TESS_EINVAL, TESS_EINVAL, TESS_OK, TESS_EINVAL));
	EXPECT_EQ(t_mseal(t, BASE, PAGE, 1), TESS_EINVAL);
	EXPECT_EQ(t_mseal(t, BASE + 1, PAGE, 0), TESS_EINVAL);
	EXPECT_EQ(t_mseal(t, BASE, UINT64_MAX, 0), TESS_EINVAL);
	EXPECT_OK(t_mseal(t, BASE, 0, 0));
	EXPECT_EQ(t_mseal(t, BASE + PAGE, 2 * PAGE, 0), TESS_ENOMEM);
	EXPECT_OK(t_mseal(t, BASE, PAGE, 0));
	EXPECT_EQ(t_area(t, BASE).flags & TESS_AREA_IMMUTABLE, TESS_AREA_IMMUTABLE);
}

API_TEST(seal_inherit_zero)
{
	EXPECT_OK(t_anon(t, BASE, 3 * PAGE, RW, PFIX, NULL));
	EXPECT_OK(t_minherit(t, BASE + PAGE, PAGE, TESS_INHERIT_ZERO));
	EXPECT_EQ(t_mimmutable(t, BASE, 3 * PAGE), TESS_EPERM);
	EXPECT_EQ(t_area(t, BASE).flags & TESS_AREA_IMMUTABLE, 0);
}

API_TEST(seal_unmap)
{
	seal_layout(t, RW);
	EXPECT_EQ(t_munmap(t, BASE, 6 * PAGE), TESS_EPERM);
	EXPECT_EQ(t_munmap(t, BASE + 3 * PAGE, PAGE), TESS_EPERM);
	EXPECT_EQ(t_anon_count(t), 6); /* nothing went, not even what is before it */
	EXPECT_EQ(t_anon(t, BASE + PAGE, 2 * PAGE, RW, PFIX, NULL), TESS_EPERM);
	EXPECT_EQ(t_anon_count(t), 6);
	EXPECT_OK(t_munmap(t, BASE, 2 * PAGE));
	EXPECT_OK(t_store(t, BASE + 2 * PAGE, 9)); /* its bytes are no secret of the seal's */
}

API_TEST(seal_unmap_order)
{
	EXPECT_OK(t_anon(t, BASE + PAGE, PAGE, RW, PFIX, NULL));
	EXPECT_OK(t_mseal(t, BASE + PAGE, PAGE, 0));
	/* a hole is met first: seed says so */
	EXPECT_EQ(t_munmap(t, BASE, 2 * PAGE),
		  BY(t, TESS_EPERM, TESS_EPERM, TESS_EPERM, TESS_EINVAL));
	EXPECT_EQ(t_munmap(t, BASE + PAGE, 2 * PAGE), TESS_EPERM);
}

API_TEST(seal_protect)
{
	bool part = t->personality == TESS_PERSONALITY_LINUX;

	seal_layout(t, RW);
	EXPECT_EQ(t_mprotect(t, BASE, 6 * PAGE, TESS_PROT_READ), TESS_EPERM);
	EXPECT_EQ(t_area(t, BASE + PAGE).prot, part ? TESS_PROT_READ : RW);
	EXPECT_EQ(t_area(t, BASE + 2 * PAGE).prot, RW);
	EXPECT_EQ(t_area(t, BASE + 4 * PAGE).prot, RW);
	EXPECT_EQ(t_mprotect(t, BASE + 3 * PAGE, PAGE, RWX), TESS_EPERM);
	EXPECT_EQ(t_map_protect(t, BASE + 3 * PAGE, BASE + 4 * PAGE, RW, 0, TESS_PROTECT_SET_PROT),
		  TESS_KERN_PROTECTION_FAILURE);
}

API_TEST(seal_inherit)
{
	seal_layout(t, RW);
	EXPECT_EQ(t_minherit(t, BASE, 6 * PAGE, TESS_INHERIT_NONE), TESS_EPERM);
	EXPECT_EQ(t_area(t, BASE).inherit, TESS_INHERIT_COPY);
	EXPECT_OK(t_minherit(t, BASE, 2 * PAGE, TESS_INHERIT_NONE));
}

API_TEST(seal_move)
{
	seal_layout(t, RW);
	EXPECT_EQ(t_mremap(t, BASE + 2 * PAGE, 2 * PAGE, PAGE, 0, 0, NULL), TESS_EPERM);
	EXPECT_EQ(t_mremap(t, BASE + 2 * PAGE, 2 * PAGE, 2 * PAGE,
			   TESS_MREMAP_MAYMOVE | TESS_MREMAP_FIXED, BASE + 64 * PAGE, NULL),
		  TESS_EPERM);
	EXPECT_EQ(t_mremap(t, BASE, 2 * PAGE, 2 * PAGE, TESS_MREMAP_MAYMOVE | TESS_MREMAP_FIXED,
			   BASE + 3 * PAGE, NULL),
		  TESS_EPERM); /* the target */
	EXPECT_EQ(t_mremap_bsd(t, BASE + 2 * PAGE, 2 * PAGE, 0, PAGE, 0, 0, NULL), TESS_EPERM);
	EXPECT_EQ(t_anon_count(t), 6);
}

API_TEST(seal_segment)
{
	unsigned s = t_segment(t, 2 * PAGE);

	EXPECT_OK(t_shmat(t, s, BASE, RW, NULL));
	EXPECT_OK(t_mseal(t, BASE, PAGE, 0));
	EXPECT_EQ(t_shmdt(t, BASE), TESS_EPERM);
	EXPECT_OK(t_store(t, BASE + PAGE, 1));
}

API_TEST(seal_lock)
{
	seal_layout(t, RW);
	EXPECT_OK(t_mlock(t, BASE, 6 * PAGE, 0));
	EXPECT_OK(t_munlock(t, BASE, 6 * PAGE));
	EXPECT_OK(t_msync(t, BASE, 6 * PAGE, TESS_MS_SYNC));
}

API_TEST(seal_ends)
{
	seal_layout(t, RW);
	t_switch(t, t_fork(t));
	EXPECT_EQ(t_munmap(t, BASE + 2 * PAGE, PAGE), TESS_EPERM); /* a child inherits it */
	t_exec(t);
	EXPECT_EQ(t_area(t, BASE + 2 * PAGE).end, 0);
	EXPECT_OK(t_anon(t, BASE + 2 * PAGE, PAGE, RW, PFIX, NULL));
	EXPECT_OK(t_munmap(t, BASE + 2 * PAGE, PAGE));
}

/* OpenBSD looked at the flag late: entries before the first one with an amap were flushed already. */
API_TEST(d19_free_first_looks)
{
	unsigned f = t_file(t, 2 * PAGE, 1);

	EXPECT_OK(t_anon(t, BASE, 2 * PAGE, RW, PFIX, NULL));
	EXPECT_OK(t_map(t, BASE + 2 * PAGE, 2 * PAGE, RW, PFIX, f, 0, NULL));
	EXPECT_OK(t_anon(t, BASE + 4 * PAGE, 2 * PAGE, RW, PFIX, NULL));
	for (unsigned i = 0; i < 6; i++)
		EXPECT_OK(t_store(t, BASE + i * PAGE, 1));
	EXPECT_OK(t_mprotect(t, BASE + 4 * PAGE, 2 * PAGE, TESS_PROT_READ));
	EXPECT_OK(t_mimmutable(t, BASE + 4 * PAGE, 2 * PAGE));
	EXPECT_EQ(t_madvise(t, BASE, 6 * PAGE, TESS_MADV_FREE),
		  BY(t, TESS_EINVAL, TESS_EINVAL, TESS_EPERM, TESS_EOPNOTSUPP));
	if (t->personality == TESS_PERSONALITY_BSD)
		EXPECT_EQ(t_anon_count(t), 6); /* nothing is done */
	EXPECT_EQ(t_madvise(t, BASE + 4 * PAGE, PAGE, TESS_MADV_FREE),
		  BY(t, TESS_EPERM, TESS_EPERM, TESS_EPERM, TESS_EOPNOTSUPP));
}

/* Linux's first release tested bits of the number and refused advice that loses nothing. */
API_TEST(d20_advice_exactly)
{
	static const enum tess_madv fine[] = {
	    TESS_MADV_NORMAL,     TESS_MADV_RANDOM,       TESS_MADV_SEQUENTIAL,
	    TESS_MADV_WILLNEED,   TESS_MADV_DOFORK,       TESS_MADV_KEEPONFORK,
	    TESS_MADV_DONTDUMP,   TESS_MADV_DODUMP,       TESS_MADV_HUGEPAGE,
	    TESS_MADV_NOHUGEPAGE, TESS_MADV_MERGEABLE,    TESS_MADV_UNMERGEABLE,
	    TESS_MADV_COLD,       TESS_MADV_GUARD_REMOVE, TESS_MADV_POPULATE_READ};
	static const enum tess_madv loses[] = {TESS_MADV_DONTNEED_LOCKED, TESS_MADV_FREE,
					       TESS_MADV_DONTFORK, TESS_MADV_WIPEONFORK,
					       TESS_MADV_GUARD_INSTALL};

	seal_layout(t, TESS_PROT_READ);
	for (unsigned i = 0; i < sizeof(fine) / sizeof(fine[0]); i++)
		EXPECT_OK(t_madvise(t, BASE + 2 * PAGE, 2 * PAGE, fine[i]));
	EXPECT_EQ(t_madvise(t, BASE + 2 * PAGE, PAGE, TESS_MADV_DONTNEED),
		  BY(t, TESS_OK, TESS_EPERM, 0, 0)); /* posix keeps the data */
	for (unsigned i = 0; i < sizeof(loses) / sizeof(loses[0]); i++)
		EXPECT_EQ(t_madvise(t, BASE + 2 * PAGE, PAGE, loses[i]), TESS_EPERM);
	EXPECT_EQ(t_anon_count(t), 6);
}

/* What may be written may be emptied: nothing is lost that a store could not lose. */
API_TEST(d20_writable_may_lose)
{
	seal_layout(t, RW);
	EXPECT_OK(t_madvise(t, BASE + 2 * PAGE, PAGE, TESS_MADV_FREE));
	EXPECT_OK(t_madvise(t, BASE + 3 * PAGE, PAGE, TESS_MADV_DONTNEED_LOCKED));
	EXPECT_EQ(t_anon_count(t), 4);
}

static const struct api_test seal_tests[] = {
    API_ROW(seal_args, "mimmutable and mseal: arguments, holes", API_ALL),
    API_ROW(seal_inherit_zero, "memory that a child gets empty cannot be made immutable", API_ALL),
    API_ROW(seal_unmap, "munmap and FIXED over immutable memory: EPERM, nothing done", API_ALL),
    API_ROW(seal_unmap_order, "munmap: the first offender decides", API_ALL),
    API_ROW(seal_protect, "mprotect, map_protect: EPERM (linux: the part before it is done)",
	    API_ALL),
    API_ROW(seal_inherit, "minherit: EPERM, nothing done", API_ALL),
    API_ROW(seal_move, "mremap: neither source nor target", API_ALL),
    API_ROW(seal_segment, "shmdt: EPERM", API_ALL),
    API_ROW(seal_lock, "locking and storing are no changes", API_ALL),
    API_ROW(seal_ends, "a child inherits it, exec ends it", API_ALL),
    API_ROW(d19_free_first_looks, "D19: FREE looks for immutable memory before it does anything",
	    API_ALL),
    API_ROW(d20_advice_exactly, "D20: only advice that loses data is refused", API_BOTH),
    API_ROW(d20_writable_may_lose, "D20: writable immutable memory may be emptied", API_BOTH),
};

API_FAMILY(seal, seal_tests);
