/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * guard.c: addresses that fault: MAP_GUARD, MADV_GUARD_INSTALL, the gap of a BSD stack.
 */
#include "api.h"

#define GUARD (TESS_MAP_GUARD | TESS_MAP_FIXED)

static const struct tess_handle guard_none = {.kind = TESS_HANDLE_NONE};

static enum tess_err
guard_map(struct api *t, tess_va addr, uint64_t len, unsigned prot, unsigned flags)
{
	return t_mmap_handle(t, addr, len, prot, flags, &guard_none, 0, NULL);
}

API_TEST(guard_rule)
{
	unsigned f = t_file(t, PAGE, 1);

	EXPECT_OK(guard_map(t, BASE, PAGE, TESS_PROT_NONE, GUARD));
	EXPECT_EQ(t_area(t, BASE).flags & TESS_AREA_GUARD, TESS_AREA_GUARD);
	EXPECT_EQ(t_area(t, BASE).maxprot, TESS_PROT_NONE);
	EXPECT_EQ(guard_map(t, BASE, PAGE, TESS_PROT_READ, GUARD), TESS_EINVAL);
	EXPECT_EQ(guard_map(t, BASE, PAGE, TESS_PROT_NONE, GUARD | TESS_MAP_PRIVATE), TESS_EINVAL);
	EXPECT_EQ(guard_map(t, BASE, PAGE, TESS_PROT_NONE, GUARD | TESS_MAP_ANON), TESS_EINVAL);
	EXPECT_EQ(guard_map(t, BASE, PAGE, TESS_PROT_NONE, GUARD | TESS_MAP_NORESERVE),
		  TESS_EINVAL);
	EXPECT_EQ(t_map(t, BASE, PAGE, TESS_PROT_NONE, GUARD, f, 0, NULL), TESS_EINVAL);
	EXPECT_EQ(t_mmap_handle(t, BASE, PAGE, TESS_PROT_NONE, GUARD, &guard_none, PAGE, NULL),
		  TESS_EINVAL);
	EXPECT_OK(guard_map(t, BASE + PAGE, PAGE, TESS_PROT_NONE, GUARD | TESS_MAP_32BIT));
}

API_TEST(guard_access)
{
	unsigned char vec[3];

	EXPECT_OK(t_anon(t, BASE, 3 * PAGE, RW, PFIX, NULL));
	EXPECT_OK(t_store(t, BASE + PAGE, 1));
	EXPECT_OK(guard_map(t, BASE + PAGE, PAGE, TESS_PROT_NONE, GUARD));
	EXPECT_EQ(t_load(t, BASE + PAGE, NULL), TESS_SIGSEGV);
	EXPECT_EQ(t_store(t, BASE + PAGE, 1), TESS_SIGSEGV);
	EXPECT_EQ(t_fetch(t, BASE + PAGE), TESS_SIGSEGV);
	EXPECT_OK(t_mprotect(t, BASE, 3 * PAGE, RWX)); /* it counts as mapped and is skipped */
	EXPECT_EQ(t_area(t, BASE + PAGE).prot, TESS_PROT_NONE);
	EXPECT_EQ(t_load(t, BASE + PAGE, NULL), TESS_SIGSEGV);
	EXPECT_OK(t_mincore(t, BASE, 3 * PAGE, vec));
	EXPECT_EQ(vec[1], 0);
	EXPECT(t_mlock(t, BASE, 3 * PAGE, 0) != TESS_OK);
	EXPECT_OK(t_madvise(t, BASE, 3 * PAGE, TESS_MADV_RANDOM));
	EXPECT_OK(t_munmap(t, BASE, 3 * PAGE));
}

API_TEST(guard_counts)
{
	EXPECT_OK(t_limit(t, TESS_LIMIT_AS, 4 * PAGE));
	EXPECT_OK(guard_map(t, BASE, 3 * PAGE, TESS_PROT_NONE, GUARD));
	EXPECT_EQ(t_counts(t).bytes, 3 * PAGE);
	EXPECT_EQ(t_counts(t).data, 0);
	EXPECT_EQ(guard_map(t, BASE + 8 * PAGE, 2 * PAGE, TESS_PROT_NONE, GUARD), TESS_ENOMEM);
	EXPECT_OK(t_anon(t, BASE, 4 * PAGE, RW, PFIX, NULL)); /* replaced */
	EXPECT_OK(t_store(t, BASE, 1));
}

API_TEST(guard_fork)
{
	EXPECT_OK(guard_map(t, BASE, 2 * PAGE, TESS_PROT_NONE, GUARD));
	EXPECT_OK(t_minherit(t, BASE, PAGE, TESS_INHERIT_ZERO)); /* skips it */
	EXPECT_OK(t_minherit(t, BASE + PAGE, PAGE, TESS_INHERIT_NONE));
	t_switch(t, t_fork(t));
	EXPECT_EQ(t_area(t, BASE).flags & TESS_AREA_GUARD, TESS_AREA_GUARD);
	EXPECT_EQ(t_area(t, BASE + PAGE).end, 0);
}

API_TEST(guard_install)
{
	uint8_t b;

	EXPECT_OK(t_anon(t, BASE, 4 * PAGE, RW, PFIX, NULL));
	for (unsigned i = 0; i < 4; i++)
		EXPECT_OK(t_store(t, BASE + i * PAGE, 7));
	EXPECT_OK(t_madvise(t, BASE + PAGE, 2 * PAGE, TESS_MADV_GUARD_INSTALL));
	EXPECT_EQ(t_anon_count(t), 2);
	EXPECT_EQ(t_load(t, BASE + PAGE, &b), TESS_SIGSEGV);
	EXPECT_EQ(t_area(t, BASE + PAGE).flags & TESS_AREA_GUARDED, TESS_AREA_GUARDED);
	/* it stays through what would give the pages back */
	EXPECT_OK(t_mprotect(t, BASE, 4 * PAGE, TESS_PROT_READ));
	EXPECT_OK(t_mprotect(t, BASE, 4 * PAGE, RW));
	EXPECT_OK(t_madvise(t, BASE, 4 * PAGE, TESS_MADV_DONTNEED));
	EXPECT_OK(t_madvise(t, BASE, 4 * PAGE, TESS_MADV_FREE));
	EXPECT_EQ(t_store(t, BASE + 2 * PAGE, 1), TESS_SIGSEGV);
	EXPECT_EQ(t_madvise(t, BASE, 4 * PAGE, TESS_MADV_POPULATE_WRITE), TESS_EFAULT);
	EXPECT(t_mlock(t, BASE, 4 * PAGE, 0) != TESS_OK);
	EXPECT_OK(t_madvise(t, BASE, 4 * PAGE, TESS_MADV_GUARD_REMOVE));
	EXPECT_OK(t_load(t, BASE + PAGE, &b));
	EXPECT_EQ(b, 0);
}

API_TEST(guard_install_locked)
{
	EXPECT_OK(t_anon(t, BASE, 3 * PAGE, RW, PFIX, NULL));
	EXPECT_OK(t_store(t, BASE, 1));
	EXPECT_OK(t_mlock(t, BASE + PAGE, PAGE, 0));
	EXPECT_EQ(t_madvise(t, BASE, 3 * PAGE, TESS_MADV_GUARD_INSTALL), TESS_EINVAL);
	EXPECT_EQ(t_load(t, BASE, NULL), TESS_SIGSEGV); /* what was before it is done */
	EXPECT_OK(t_load(t, BASE + 2 * PAGE, NULL));
	EXPECT_OK(t_madvise(t, BASE, 3 * PAGE, TESS_MADV_GUARD_REMOVE));
	EXPECT_OK(t_load(t, BASE, NULL));
}

API_TEST(guard_install_moves)
{
	tess_va to = BASE + 64 * PAGE;

	EXPECT_OK(t_anon(t, BASE, 4 * PAGE, RW, PFIX, NULL));
	EXPECT_OK(t_store(t, BASE, 1));
	EXPECT_OK(t_madvise(t, BASE + 2 * PAGE, PAGE, TESS_MADV_GUARD_INSTALL));
	EXPECT_OK(t_mremap(t, BASE, 4 * PAGE, 4 * PAGE, TESS_MREMAP_MAYMOVE | TESS_MREMAP_FIXED, to,
			   NULL));
	EXPECT_OK(t_load(t, to + PAGE, NULL));
	EXPECT_EQ(t_load(t, to + 2 * PAGE, NULL), TESS_SIGSEGV);
	EXPECT_OK(t_load(t, to + 3 * PAGE, NULL));
}

API_TEST(guard_install_fork)
{
	EXPECT_OK(t_anon(t, BASE, 4 * PAGE, RW, PFIX, NULL));
	EXPECT_OK(t_madvise(t, BASE + PAGE, PAGE, TESS_MADV_GUARD_INSTALL));
	EXPECT_OK(t_madvise(t, BASE + 2 * PAGE, PAGE, TESS_MADV_GUARD_INSTALL));
	EXPECT_OK(t_madvise(t, BASE + 2 * PAGE, PAGE, TESS_MADV_WIPEONFORK));
	t_switch(t, t_fork(t));
	EXPECT_EQ(t_load(t, BASE + PAGE, NULL), TESS_SIGSEGV);
	EXPECT_OK(t_load(t, BASE + 2 * PAGE, NULL)); /* zeros, and no guard */
}

API_TEST(guard_stack)
{
	struct tess_handle none = {.kind = TESS_HANDLE_NONE};
	tess_va end = BASE + 256 * PAGE;
	unsigned f = t_file(t, PAGE, 1);

	EXPECT_EQ(t_mmap_handle(t, BASE, 256 * PAGE, TESS_PROT_READ,
				TESS_MAP_STACK | TESS_MAP_FIXED, &none, 0, NULL),
		  TESS_EINVAL);
	EXPECT_EQ(t_map(t, BASE, 256 * PAGE, RW, TESS_MAP_STACK | TESS_MAP_FIXED, f, 0, NULL),
		  TESS_EINVAL);
	EXPECT_EQ(t_mmap_handle(t, BASE, 256 * PAGE, RW, TESS_MAP_STACK | SFIX, &none, 0, NULL),
		  TESS_EINVAL);
	EXPECT_OK(t_mmap_handle(t, BASE, 256 * PAGE, RW, TESS_MAP_STACK | TESS_MAP_FIXED, &none, 0,
				NULL));
	EXPECT_EQ(t_area(t, end - 1).start, end - 32 * PAGE);
	EXPECT_EQ(t_area(t, BASE).flags & (TESS_AREA_GUARD | TESS_AREA_STACKGAP),
		  TESS_AREA_GUARD | TESS_AREA_STACKGAP);
	/* a fault in the gap takes 128 KiB at a time */
	EXPECT_OK(t_store(t, end - 33 * PAGE, 1));
	EXPECT_EQ(t_area(t, end - 1).start, end - 64 * PAGE);
	EXPECT_OK(t_store(t, end - 70 * PAGE, 1));
	EXPECT_EQ(t_area(t, end - 1).start, end - 96 * PAGE);
	/* the last page of the gap stays one */
	EXPECT_EQ(t_store(t, BASE, 1), TESS_SIGSEGV);
	EXPECT_OK(t_store(t, BASE + PAGE, 1));
	EXPECT_EQ(t_store(t, BASE, 1), TESS_SIGSEGV);
	EXPECT_EQ(t_area(t, BASE).end, BASE + PAGE);
}

API_TEST(guard_stack_protect)
{
	struct tess_handle none = {.kind = TESS_HANDLE_NONE};

	EXPECT_OK(t_mmap_handle(t, BASE, 256 * PAGE, RW | TESS_PROT_MAX(RW),
				TESS_MAP_STACK | TESS_MAP_FIXED, &none, 0, NULL));
	EXPECT_EQ(t_mprotect(t, BASE, PAGE, RWX), TESS_EACCES);
	EXPECT_OK(t_mprotect(t, BASE, PAGE, TESS_PROT_READ)); /* nothing happens to the gap */
	EXPECT_EQ(t_area(t, BASE).prot, TESS_PROT_NONE);
	EXPECT_OK(t_store(t, BASE + 200 * PAGE, 1));
	EXPECT_EQ(t_area(t, BASE + 200 * PAGE).prot, RW);
}

static const struct api_test guard_tests[] = {
    API_ROW(guard_rule, "MAP_GUARD: no protection, no descriptor, few other flags",
	    API_POSIX | API_BSD),
    API_ROW(guard_access, "MAP_GUARD: every access is SIGSEGV, for good", API_POSIX | API_BSD),
    API_ROW(guard_counts, "MAP_GUARD counts in RLIMIT_AS, not as data", API_POSIX | API_BSD),
    API_ROW(guard_fork, "MAP_GUARD at fork", API_POSIX | API_BSD),
    API_ROW(guard_install, "GUARD_INSTALL to GUARD_REMOVE", API_BOTH),
    API_ROW(guard_install_locked, "GUARD_INSTALL stops at locked memory", API_BOTH),
    API_ROW(guard_install_moves, "guards move with a part of a mapping", API_BOTH),
    API_ROW(guard_install_fork, "guards are inherited, but not by zeros", API_BOTH),
    API_ROW(guard_stack, "MAP_STACK: 128 KiB of stack, the gap, growth", API_BSD),
    API_ROW(guard_stack_protect, "MAP_STACK: the gap's maximum is the stack's", API_BSD),
};

API_FAMILY(guard, guard_tests);
