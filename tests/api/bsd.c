/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * bsd.c: FreeBSD's mmap: its flags, its order of checks, addresses and offsets that need not be aligned, where things go;
 * beside it what posix has of the same words.
 */
#include "api.h"

static const struct tess_handle bsd_none = {.kind = TESS_HANDLE_NONE};
static const struct tess_handle bsd_bad = {.kind = TESS_HANDLE_BAD};

/* Each pair of neighbours in the order of checks, broken at once: the first one answers. */
API_TEST(bsd_order)
{
	unsigned f = t_file(t, 4 * PAGE, 1);

	t->file[f].mode = TESS_MODE_READ;
	/* bits, then PROT_MAX */
	EXPECT_EQ(t_anon(t, BASE, PAGE, 0x100 | RW | TESS_PROT_MAX(TESS_PROT_READ), PFIX, NULL),
		  TESS_EINVAL);
	/* PROT_MAX, then the length */
	EXPECT_EQ(t_anon(t, BASE, 0, RW | TESS_PROT_MAX(TESS_PROT_READ), PFIX, NULL), TESS_ENOTSUP);
	/* EXCL without FIXED, before the type */
	EXPECT_EQ(t_anon(t, BASE, PAGE, RW, TESS_MAP_PRIVATE | TESS_MAP_FIXED_NOREPLACE, NULL),
		  TESS_EINVAL);
	/* unknown flags, before EBADF */
	EXPECT_EQ(t_mmap_handle(t, BASE, PAGE, RW, PFIX | TESS_MAP_UNKNOWN, &bsd_bad, 0, NULL),
		  TESS_EINVAL);
	EXPECT_EQ(t_mmap_handle(t, BASE, PAGE, RW, PFIX | TESS_MAP_POPULATE, &bsd_bad, 0, NULL),
		  TESS_EINVAL);
	/* both types, before EBADF */
	EXPECT_EQ(t_mmap_handle(t, BASE, PAGE, RW, PFIX | TESS_MAP_SHARED, &bsd_bad, 0, NULL),
		  TESS_EINVAL);
	/* EBADF, before the missing type; the type, before the kind; the kind, before the mode */
	EXPECT_EQ(t_mmap_handle(t, BASE, PAGE, RW, TESS_MAP_FIXED, &bsd_bad, 0, NULL), TESS_EBADF);
	EXPECT_EQ(t_map(t, BASE, PAGE, RW, TESS_MAP_FIXED, f, 0, NULL), TESS_EINVAL);
	/* the mode, before the offset and the limit */
	EXPECT_EQ(t_map(t, BASE, PAGE, RW, SFIX, f, ((tess_off)1 << 63) - PAGE, NULL), TESS_EACCES);
	EXPECT_OK(t_limit(t, TESS_LIMIT_AS, 0));
	EXPECT_EQ(t_map(t, BASE, PAGE, RW, SFIX, f, 0, NULL), TESS_EACCES);
	EXPECT_EQ(t_map(t, BASE, PAGE, RW, PFIX, f, 0, NULL), TESS_ENOMEM);
}

API_TEST(bsd_rounds)
{
	unsigned f = t_file(t, 4 * PAGE, 1);
	tess_va va;
	uint8_t b;

	/* the offset is rounded down, the address comes back moved by what was cut off */
	EXPECT_OK(t_map(t, BASE + 100, PAGE, TESS_PROT_READ, PFIX, f, PAGE + 100, &va));
	EXPECT_EQ(va, BASE + 100);
	EXPECT_EQ(t_area(t, BASE).end, BASE + 2 * PAGE);
	EXPECT_OK(t_load(t, va, &b));
	EXPECT_EQ(b, t_byte(1, PAGE + 100));
	/* FIXED: address and offset have the same remainder */
	EXPECT_EQ(t_map(t, BASE, PAGE, TESS_PROT_READ, PFIX, f, 100, NULL), TESS_EINVAL);
	EXPECT_EQ(t_map(t, BASE + 99, PAGE, TESS_PROT_READ, PFIX, f, 100, NULL), TESS_EINVAL);
	EXPECT_OK(t_map(t, 0, PAGE, TESS_PROT_READ, TESS_MAP_SHARED, f, 5, &va));
	EXPECT_EQ(va & TESS_PAGE_MASK, 5);
	EXPECT_OK(t_load(t, va, &b));
	EXPECT_EQ(b, t_byte(1, 5));
}

API_TEST(bsd_excl)
{
	enum tess_err want = BY(t, TESS_EEXIST, TESS_EEXIST, TESS_ENOMEM, 0);

	EXPECT_OK(t_anon(t, BASE, PAGE, RW, PFIX, NULL));
	EXPECT_EQ(t_anon(t, BASE, PAGE, RW, PFIX | TESS_MAP_FIXED_NOREPLACE, NULL), want);
	EXPECT_OK(t_anon(t, BASE + PAGE, PAGE, RW, PFIX | TESS_MAP_FIXED_NOREPLACE, NULL));
}

API_TEST(bsd_prot_max)
{
	EXPECT_OK(t_anon(t, BASE, PAGE, RW | TESS_PROT_MAX(RW), PFIX, NULL));
	EXPECT_EQ(t_area(t, BASE).maxprot, RW);
	EXPECT_EQ(t_mprotect(t, BASE, PAGE, RWX), TESS_EACCES);
	EXPECT_EQ(t_anon(t, BASE, PAGE, RWX | TESS_PROT_MAX(RW), PFIX, NULL), TESS_ENOTSUP);
	EXPECT_OK(t_mprotect(t, BASE, PAGE, TESS_PROT_READ | TESS_PROT_MAX(TESS_PROT_READ)));
	EXPECT_EQ(t_area(t, BASE).maxprot, TESS_PROT_READ);
	EXPECT_EQ(t_mprotect(t, BASE, PAGE, RW), TESS_EACCES);
	EXPECT_EQ(t_mprotect(t, BASE, PAGE, TESS_PROT_READ | TESS_PROT_MAX(RW)), TESS_EACCES);
	EXPECT_EQ(t_mprotect(t, BASE, PAGE, RW | TESS_PROT_MAX(TESS_PROT_READ)), TESS_ENOTSUP);
}

API_TEST(bsd_device)
{
	unsigned f = t_segment(t, PAGE);

	t->file[f].kind = TESS_HANDLE_DEVICE;
	EXPECT_EQ(t_map(t, BASE, PAGE, TESS_PROT_READ, PFIX, f, 0, NULL), TESS_EINVAL);
	EXPECT_OK(t_map(t, BASE, PAGE, RW, SFIX, f, 0, NULL));
}

API_TEST(bsd_wired)
{
	unsigned f = t_file(t, PAGE, 1);

	EXPECT_OK(t_anon(t, BASE, 2 * PAGE, RW, PFIX | TESS_MAP_LOCKED, NULL));
	EXPECT_EQ(t_counts(t).locked, 2 * PAGE);
	EXPECT_EQ(t_anon_count(t), 2);
	/* pages that cannot be had: no mapping */
	EXPECT_EQ(t_map(t, BASE + 4 * PAGE, 2 * PAGE, RW, PFIX | TESS_MAP_LOCKED, f, 0, NULL),
		  TESS_ENOMEM);
	EXPECT_EQ(t_area(t, BASE + 4 * PAGE).end, 0);
	EXPECT_EQ(t_counts(t).locked, 2 * PAGE);
	EXPECT_OK(t_limit(t, TESS_LIMIT_MEMLOCK, 3 * PAGE));
	EXPECT_EQ(t_anon(t, BASE + 4 * PAGE, 2 * PAGE, RW, PFIX | TESS_MAP_LOCKED, NULL),
		  TESS_ENOMEM);
}

API_TEST(bsd_nocore_nosync)
{
	EXPECT_OK(t_anon(t, BASE, PAGE, RW, PFIX | TESS_MAP_NOCORE, NULL));
	EXPECT_EQ(t_area(t, BASE).flags & TESS_AREA_DONTDUMP, TESS_AREA_DONTDUMP);
	EXPECT_OK(t_madvise(t, BASE, PAGE, TESS_MADV_DODUMP));
	EXPECT_EQ(t_area(t, BASE).flags & TESS_AREA_DONTDUMP, 0);
	EXPECT_OK(t_anon(t, BASE, PAGE, RW, PFIX | TESS_MAP_NOSYNC, NULL));
	EXPECT_EQ(t_area(t, BASE).flags & TESS_AREA_NOSYNC, TESS_AREA_NOSYNC);
	EXPECT_OK(t_madvise(t, BASE, PAGE, TESS_MADV_AUTOSYNC));
	EXPECT_EQ(t_area(t, BASE).flags & TESS_AREA_NOSYNC, 0);
	EXPECT_EQ(t_madvise(t, BASE, PAGE, TESS_MADV_PROTECT), TESS_EPERM);
}

API_TEST(s41_prefault)
{
	unsigned f = t_file(t, 4 * PAGE, 1);
	uint64_t before;

	EXPECT_OK(t_map(t, BASE, 4 * PAGE, TESS_PROT_READ, SFIX, f, 0, NULL));
	EXPECT_OK(t_load(t, BASE, NULL));
	EXPECT_OK(t_load(t, BASE + 2 * PAGE, NULL));
	before = t_counts(t).resident;
	EXPECT_OK(
	    t_map(t, BASE + 8 * PAGE, 4 * PAGE, RW, PFIX | TESS_MAP_PREFAULT_READ, f, 0, NULL));
	EXPECT_EQ(t_counts(t).resident, before + 2); /* what is in memory, and no I/O */
	EXPECT_OK(t_store(t, BASE + 8 * PAGE, 1));   /* read-only: the store is a copy */
	EXPECT_EQ(t_anon_count(t), 1);
}

/* ---- Places ---- */

API_TEST(bsd_heap_gap)
{
	uint64_t gap = (uint64_t)1 << 30;
	tess_va va;

	EXPECT_OK(t_anon(t, 0, PAGE, RW, TESS_MAP_PRIVATE, &va));
	EXPECT_EQ(va, 0x10000); /* no heap, no gap */
	EXPECT_OK(t_set_brk(t, BASE));
	EXPECT_OK(t_limit(t, TESS_LIMIT_DATA, gap));
	EXPECT_OK(t_anon(t, 0, PAGE, RW, TESS_MAP_PRIVATE, &va));
	EXPECT_EQ(va, BASE + gap);
	EXPECT_OK(t_anon(t, BASE + 16 * PAGE, PAGE, RW, TESS_MAP_PRIVATE, &va));
	EXPECT_EQ(va, BASE + gap + PAGE);
	EXPECT_OK(t_anon(t, BASE + 16 * PAGE, PAGE, RW, TESS_MAP_PRIVATE | TESS_MAP_TRYFIXED, &va));
	EXPECT_EQ(va, BASE + 16 * PAGE);
	/* a hint outside is where the search begins; nothing above it: from the bottom */
	EXPECT_OK(t_anon(t, 0x7fffffffe000, 2 * PAGE, RW, TESS_MAP_PRIVATE, &va));
	EXPECT(va < 0x7fffffffe000);
}

API_TEST(bsd_32bit)
{
	enum tess_err fixed = BY(t, TESS_EINVAL, TESS_OK, TESS_EINVAL, 0);
	tess_va va, two_gib = 0x80000000;

	EXPECT_OK(t_anon(t, 0, PAGE, RW, TESS_MAP_PRIVATE | TESS_MAP_32BIT, &va));
	EXPECT(va + PAGE <= two_gib);
	EXPECT_OK(t_anon(t, two_gib * 4, PAGE, RW, TESS_MAP_PRIVATE | TESS_MAP_32BIT, &va));
	EXPECT(va + PAGE <= two_gib);
	EXPECT_EQ(t_anon(t, two_gib, PAGE, RW, PFIX | TESS_MAP_32BIT, NULL), fixed);
	EXPECT_EQ(t_anon(t, 0, two_gib, RW, TESS_MAP_PRIVATE | TESS_MAP_32BIT, NULL), TESS_ENOMEM);
}

API_TEST(bsd_align)
{
	struct tess_mmap_args a = {
	    .len = PAGE, .prot = RW, .flags = TESS_MAP_PRIVATE | TESS_MAP_ANON, .align = 24};
	tess_va va;

	EXPECT_OK(t_anon(t, 0, 3 * PAGE, RW, TESS_MAP_PRIVATE, NULL));
	EXPECT_OK(t_mmap_args(t, &a, &va));
	EXPECT_EQ(va & 0xffffff, 0);
	a.align = 11;
	EXPECT_EQ(t_mmap_args(t, &a, NULL), TESS_EINVAL);
	a.align = 64;
	EXPECT_EQ(t_mmap_args(t, &a, NULL), TESS_EINVAL);
	a.align = 16;
	a.flags |= TESS_MAP_FIXED;
	a.addr = BASE + PAGE;
	EXPECT_EQ(t_mmap_args(t, &a, NULL), TESS_EINVAL);
	a.addr = BASE;
	EXPECT_OK(t_mmap_args(t, &a, &va));
	EXPECT_OK(t_anon(t, 0, PAGE, RW, TESS_MAP_PRIVATE | TESS_MAP_ALIGNED_SUPER, &va));
	EXPECT_EQ(va & 0x1fffff, 0);
}

API_TEST(posix_upper_limit)
{
	struct tess_mmap_args a = {.len = 4 * PAGE,
				   .prot = RW,
				   .flags = TESS_MAP_PRIVATE | TESS_MAP_ANON | TESS_MAP_UPPER_LIMIT,
				   .limit = BASE};
	tess_va va;

	EXPECT_OK(t_mmap_args(t, &a, &va));
	EXPECT_EQ(va, BASE - 4 * PAGE); /* top down, below it */
	a.flags |= TESS_MAP_FIXED;
	a.addr = BASE - PAGE;
	EXPECT_EQ(t_mmap_args(t, &a, NULL), TESS_EINVAL);
	a.flags &= ~(unsigned)TESS_MAP_FIXED;
	a.limit = 0x12000;
	EXPECT_EQ(t_mmap_args(t, &a, NULL), TESS_ENOMEM);
}

API_TEST(posix_flags)
{
	EXPECT_EQ(t_mmap_handle(t, BASE, PAGE, RW, PFIX | TESS_MAP_UNKNOWN, &bsd_bad, 1, NULL),
		  TESS_EINVAL); /* before EBADF */
	EXPECT_EQ(t_anon(t, BASE, PAGE, RW, PFIX | TESS_MAP_HUGETLB, NULL), TESS_EINVAL);
	EXPECT_EQ(t_anon(t, BASE, PAGE, RW, PFIX | TESS_MAP_SYNC, NULL), TESS_EINVAL);
	EXPECT_OK(t_anon(t, BASE, PAGE, RW, TESS_MAP_COPY | TESS_MAP_FIXED, NULL));
	EXPECT_OK(t_anon(t, BASE, PAGE, RW,
			 PFIX | TESS_MAP_STACK | TESS_MAP_DENYWRITE | TESS_MAP_EXECUTABLE |
			     TESS_MAP_INHERIT | TESS_MAP_LEGACY,
			 NULL));
	EXPECT_EQ(t_area(t, BASE).end, BASE + PAGE);
}

API_TEST(linux_flags)
{
	unsigned f = t_file(t, PAGE, 1);

	EXPECT_EQ(t_anon(t, BASE, PAGE, RW, PFIX | TESS_MAP_HUGETLB, NULL), TESS_ENOMEM);
	EXPECT_EQ(t_map(t, BASE, PAGE, RW, PFIX | TESS_MAP_HUGETLB, f, 0, NULL), TESS_EINVAL);
	EXPECT_EQ(t_map(t, BASE, PAGE, RW,
			TESS_MAP_SHARED_VALIDATE | TESS_MAP_FIXED | TESS_MAP_SYNC, f, 0, NULL),
		  TESS_EOPNOTSUPP);
	EXPECT_OK(t_map(t, BASE, PAGE, RW, SFIX | TESS_MAP_SYNC, f, 0, NULL));
	EXPECT_OK(t_mmap_handle(t, BASE, PAGE, RW, PFIX | TESS_MAP_ANON | TESS_MAP_GUARD, &bsd_none,
				0, NULL)); /* no such flag: ignored */
	EXPECT_OK(t_store(t, BASE, 1));
}

static const struct api_test bsd_tests[] = {
    API_ROW(bsd_order, "mmap in bsd: which check comes first", API_BSD),
    API_ROW(bsd_rounds, "offsets and addresses with the same remainder", API_BSD),
    API_ROW(bsd_excl, "EXCL over a mapping: ENOMEM in bsd, EEXIST elsewhere", API_BOTH | API_BSD),
    API_ROW(bsd_prot_max, "PROT_MAX in mmap and mprotect", API_POSIX | API_BSD),
    API_ROW(bsd_device, "a private mapping of a device is EINVAL", API_BSD),
    API_ROW(bsd_wired, "MAP_WIRED: no pages, no mapping", API_BSD),
    API_ROW(bsd_nocore_nosync, "NOCORE, NOSYNC, and the advice that goes with them",
	    API_POSIX | API_BSD),
    API_ROW(s41_prefault, "S41: pages that are in memory are mapped early, for reading",
	    API_POSIX | API_BSD),
    API_ROW(bsd_heap_gap, "nothing goes into the heap's gap by itself", API_BSD),
    API_ROW(bsd_32bit, "32BIT: below 2 GiB", API_BOTH | API_BSD),
    API_ROW(bsd_align, "MAP_ALIGNED, ALIGNED_SUPER", API_POSIX | API_BSD),
    API_ROW(posix_upper_limit, "UPPER_LIMIT", API_POSIX),
    API_ROW(posix_flags, "posix: unknown flags are EINVAL before all else", API_POSIX),
    API_ROW(linux_flags, "linux: HUGETLB, SYNC, flags it does not know", API_LINUX),
};

API_FAMILY(bsd, bsd_tests);
