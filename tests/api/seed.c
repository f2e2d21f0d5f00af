/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * seed.c: the 1995 call layer, line by line: S1 to S9 (stubs and compat), S10 to S44 (mmap), where the other
 * personalities have the line too, with their answer beside it.  The order of checks is shown by arguments that break two rules.
 */
#include "api.h"

static const struct tess_handle seed_none = {.kind = TESS_HANDLE_NONE};
static const struct tess_handle seed_bad = {.kind = TESS_HANDLE_BAD};

/* ---- Stubs and compat ---- */

API_TEST(s1_sbrk)
{
	static const int64_t incr[] = {0, 1, -1, 4096, INT64_MAX, INT64_MIN};

	EXPECT_OK(t_set_brk(t, BASE));
	for (unsigned i = 0; i < sizeof(incr) / sizeof(incr[0]); i++)
		EXPECT_EQ(t_sbrk(t, incr[i], NULL), TESS_EOPNOTSUPP);
}

API_TEST(s1_sbrk_elsewhere)
{
	tess_va va;

	EXPECT_OK(t_set_brk(t, BASE));
	EXPECT_OK(t_sbrk(t, 3 * PAGE, &va));
	EXPECT_EQ(va, BASE);
	EXPECT_OK(t_store(t, BASE + 2 * PAGE, 1));
	EXPECT_OK(t_sbrk(t, 0, &va));
	EXPECT_EQ(va, BASE + 3 * PAGE);
	EXPECT_OK(t_sbrk(t, -(int64_t)PAGE, &va));
	EXPECT_EQ(va, BASE + 3 * PAGE);
	EXPECT_EQ(t_store(t, BASE + 2 * PAGE, 1), TESS_SIGSEGV);
	EXPECT_EQ(t_sbrk(t, -(int64_t)(3 * PAGE), NULL), TESS_ENOMEM);
	EXPECT_EQ(t_sbrk(t, INT64_MAX, NULL), TESS_ENOMEM);
}

API_TEST(s2_sstk)
{
	static const int64_t incr[] = {0, 4096, -4096, INT64_MIN};

	for (unsigned i = 0; i < sizeof(incr) / sizeof(incr[0]); i++)
		EXPECT_EQ(tess_sstk(t->sp, incr[i]), TESS_EOPNOTSUPP);
}

API_TEST(s3_getpagesize)
{
	(void)t;
	EXPECT_EQ(tess_getpagesize(), PAGE);
}

API_TEST(s4_madvise)
{
	EXPECT_OK(t_anon(t, BASE, PAGE, RW, PFIX, NULL));
	EXPECT_OK(t_store(t, BASE, 7));
	for (unsigned a = 0; a < TESS_MADV_COUNT; a++) {
		EXPECT_EQ(t_madvise(t, BASE, PAGE, (enum tess_madv)a), TESS_EOPNOTSUPP);
		EXPECT_EQ(t_madvise(t, BASE + 1, UINT64_MAX, (enum tess_madv)a), TESS_EOPNOTSUPP);
	}
	EXPECT_EQ(t_madvise(t, BASE, 0, TESS_MADV_NORMAL), TESS_EOPNOTSUPP);
	EXPECT_EQ(t_posix_madvise(t, BASE, PAGE, TESS_MADV_DONTNEED), TESS_EOPNOTSUPP);
	EXPECT_EQ(t_anon_count(t), 1);
}

API_TEST(s5_mincore)
{
	unsigned char vec[2] = {9, 9};

	EXPECT_OK(t_anon(t, BASE, 2 * PAGE, RW, PFIX, NULL));
	EXPECT_OK(t_store(t, BASE + PAGE, 1));
	EXPECT_OK(t_mincore(t, BASE, 2 * PAGE, vec));
	EXPECT_EQ(vec[0], 0);
	EXPECT_EQ(vec[1], 1);
}

API_TEST(s6_munmapfd)
{
	unsigned f = t_file(t, PAGE, 1);
	uint8_t b;

	EXPECT_OK(t_map(t, BASE, PAGE, TESS_PROT_READ, SFIX, f, 0, NULL));
	t->file[f].mode |= TESS_MODE_MAPPED;
	tess_munmapfd(&t->file[f]);
	EXPECT_EQ(t->file[f].mode, TESS_MODE_READ | TESS_MODE_WRITE);
	EXPECT_EQ(t->file[f].kind, TESS_HANDLE_FILE);
	EXPECT_OK(t_load(t, BASE, &b));
	EXPECT_EQ(b, t_byte(1, 0));
}

API_TEST(s7_ommap_prot)
{
	static const unsigned want[] = {0, 4, 2, 6, 1, 5, 3, 7};

	for (unsigned i = 0; i < 8; i++) {
		tess_va va = BASE + 2 * i * PAGE;

		EXPECT_OK(
		    t_ommap(t, va, 1, i, TESS_OMAP_ANON | TESS_OMAP_FIXED, &seed_none, 0, NULL));
		EXPECT_EQ(t_area(t, va).prot, want[i]);
		EXPECT_OK(t_ommap(t, va, 1, i | 0xfffffff8u, TESS_OMAP_ANON | TESS_OMAP_FIXED,
				  &seed_none, 0, NULL));
		EXPECT_EQ(t_area(t, va).prot, want[i]);
	}
}

API_TEST(s8_ommap_flags)
{
	unsigned f = t_file(t, 2 * PAGE, 3);
	tess_va va;

	/* SHARED, else PRIVATE; bits nobody knows are dropped */
	EXPECT_OK(
	    t_ommap(t, BASE, 4096, 6, TESS_OMAP_FIXED | TESS_OMAP_SHARED, &t->file[f], 0, NULL));
	EXPECT_EQ(t_area(t, BASE).flags & TESS_AREA_SHARED, TESS_AREA_SHARED);
	EXPECT_OK(t_ommap(t, BASE + PAGE, 4096, 6, TESS_OMAP_FIXED | TESS_OMAP_INHERIT | 0xf000u,
			  &t->file[f], 0, NULL));
	EXPECT_EQ(t_area(t, BASE + PAGE).flags & TESS_AREA_SHARED, 0);
	/* COPY, with PRIVATE or not, is private */
	EXPECT_OK(t_ommap(t, BASE + 2 * PAGE, 4096, 6, TESS_OMAP_FIXED | TESS_OMAP_COPY,
			  &t->file[f], 0, NULL));
	EXPECT_OK(t_store(t, BASE + 2 * PAGE, (uint8_t)(t_byte(3, 0) + 1)));
	EXPECT_EQ(t_anon_count(t), 1);
	/* without FIXED the address is a hint */
	EXPECT_OK(t_ommap(t, BASE, 4096, 6, TESS_OMAP_ANON, &seed_none, 0, &va));
	EXPECT(va != BASE);
}

API_TEST(s9_ommap_len)
{
	unsigned f = t_file(t, 4 * PAGE, 3);
	uint8_t b;

	/* a negative int is a length with the sign bit set */
	EXPECT_EQ(t_ommap(t, BASE, -1, 7, TESS_OMAP_ANON, &seed_none, 0, NULL), TESS_EINVAL);
	EXPECT_EQ(t_ommap(t, BASE, INT32_MIN, 7, TESS_OMAP_ANON, &seed_none, 0, NULL), TESS_EINVAL);
	/* descriptor and position go through */
	EXPECT_OK(t_ommap(t, BASE, 8192, 4, TESS_OMAP_FIXED, &t->file[f], 8192, NULL));
	EXPECT_OK(t_load(t, BASE + PAGE, &b));
	EXPECT_EQ(b, t_byte(3, 3 * PAGE));
	EXPECT_EQ(t_ommap(t, BASE, 4096, 4, TESS_OMAP_FIXED, &seed_bad, 0, NULL), TESS_EBADF);
	EXPECT_EQ(t_ommap(t, BASE, 4096, 4, TESS_OMAP_ANON, &t->file[f], 0, NULL), TESS_EINVAL);
}

/* ---- mmap: the order of checks ---- */

API_TEST(s10_prot_masked)
{
	enum tess_err want = BY(t, TESS_EINVAL, TESS_OK, TESS_EINVAL, TESS_OK);

	EXPECT_EQ(t_anon(t, BASE, PAGE, RW | 0x100, PFIX, NULL), want);
	EXPECT_EQ(t_anon(t, BASE, PAGE, RW | 0x80000000u, PFIX, NULL), want);
	EXPECT_OK(t_anon(t, BASE, PAGE, RW, PFIX, NULL));
	EXPECT_EQ(t_area(t, BASE).prot, RW);
}

API_TEST(s11_fixed_unaligned)
{
	/* before the descriptor is looked at in seed and bsd, after it elsewhere */
	enum tess_err both = BY(t, TESS_EBADF, TESS_EBADF, TESS_EINVAL, TESS_EINVAL);

	EXPECT_EQ(t_anon(t, BASE + 1, PAGE, RW, PFIX, NULL), TESS_EINVAL);
	EXPECT_EQ(t_anon(t, BASE + PAGE - 1, PAGE, RW, PFIX, NULL), TESS_EINVAL);
	EXPECT_EQ(t_mmap_handle(t, BASE + 1, PAGE, RW, PFIX, &seed_bad, 0, NULL), both);
}

API_TEST(s12_len_sign)
{
	uint64_t huge = (uint64_t)1 << 63;

	EXPECT_EQ(t_anon(t, 0, huge, RW, TESS_MAP_PRIVATE, NULL),
		  BY(t, TESS_ENOMEM, TESS_ENOMEM, TESS_ENOMEM, TESS_EINVAL));
	EXPECT_EQ(t_mmap_handle(t, 0, huge, RW, TESS_MAP_PRIVATE, &seed_bad, 0, NULL),
		  BY(t, TESS_EBADF, TESS_EBADF, TESS_EBADF, TESS_EINVAL));
	EXPECT(t_anon(t, 0, huge - PAGE, RW, TESS_MAP_PRIVATE, NULL) == TESS_ENOMEM);
}

API_TEST(s13_anon_descriptor)
{
	enum tess_err want = BY(t, TESS_OK, TESS_OK, TESS_EINVAL, TESS_EINVAL);
	unsigned f = t_file(t, PAGE, 1);

	EXPECT_EQ(t_map(t, BASE, PAGE, RW, PFIX | TESS_MAP_ANON, f, 0, NULL), want);
	EXPECT_EQ(t_mmap_handle(t, BASE, PAGE, RW, PFIX | TESS_MAP_ANON, &seed_bad, 0, NULL), want);
}

API_TEST(s14_size_rounds)
{
	EXPECT_OK(t_anon(t, BASE, 1, RW, PFIX, NULL));
	EXPECT_OK(t_store(t, BASE + PAGE - 1, 7));
	EXPECT_EQ(t_store(t, BASE + PAGE, 7), TESS_SIGSEGV);
	EXPECT_OK(t_anon(t, BASE, PAGE + 1, RW, PFIX, NULL));
	EXPECT_EQ(t_area(t, BASE).end, BASE + 2 * PAGE);
}

API_TEST(s15_fixed_high)
{
	enum tess_err want = BY(t, TESS_ENOMEM, TESS_ENOMEM, TESS_EINVAL, TESS_EINVAL);

	EXPECT_EQ(t_anon(t, 0x7ffffffff000, PAGE, RW, PFIX, NULL), want);
	EXPECT_EQ(t_anon(t, 0x7fffffffe000, 2 * PAGE, RW, PFIX, NULL), want);
	EXPECT_EQ(t_anon(t, 0x800000000000, PAGE, RW, PFIX, NULL), want);
	EXPECT_OK(t_anon(t, 0x7fffffffe000, PAGE, RW, PFIX, NULL));
}

API_TEST(s16_fixed_low)
{
	EXPECT_EQ(t_anon(t, 0x1000, PAGE, RW, PFIX, NULL),
		  BY(t, TESS_EINVAL, TESS_EPERM, TESS_EINVAL, TESS_EINVAL));
	EXPECT_OK(t_anon(t, 0x10000, PAGE, RW, PFIX, NULL));
}

API_TEST(s17_fixed_wraps)
{
	enum tess_err want = BY(t, TESS_ENOMEM, TESS_ENOMEM, TESS_EINVAL, TESS_EINVAL);

	EXPECT_EQ(t_anon(t, 0xfffffffffffff000, PAGE, RW, PFIX, NULL), want);
	EXPECT_EQ(t_anon(t, 0xfffffffffffff000, 2 * PAGE, RW, PFIX, NULL), want);
	EXPECT_EQ(t_mmap_handle(t, 0xfffffffffffff000, 2 * PAGE, RW, PFIX, &seed_bad, 0, NULL),
		  BY(t, TESS_EBADF, TESS_EBADF, TESS_EINVAL, TESS_EINVAL));
}

/* ---- mmap: places ---- */

API_TEST(s18_hint_zero)
{
	tess_va va;

	EXPECT_OK(t_anon(t, 0, PAGE, RW, TESS_MAP_PRIVATE, &va));
	EXPECT_EQ(va, 0x10000 + (512 << 20)); /* no heap: above the lower bound */
	EXPECT_OK(t_set_brk(t, BASE + 123));
	EXPECT_OK(t_anon(t, 0, PAGE, RW, TESS_MAP_PRIVATE, &va));
	EXPECT_EQ(va, tess_page_round(BASE + 123 + (512 << 20)));
	/* a hint inside the heap's gap is left alone */
	EXPECT_OK(t_anon(t, BASE + 16 * PAGE, PAGE, RW, TESS_MAP_PRIVATE, &va));
	EXPECT_EQ(va, BASE + 16 * PAGE);
}

API_TEST(s19_hint_unchecked)
{
	tess_va va;

	EXPECT_EQ(t_anon(t, 0x900000000000, PAGE, RW, TESS_MAP_PRIVATE, &va),
		  BY(t, TESS_OK, TESS_OK, TESS_OK, TESS_ENOMEM));
	EXPECT_OK(t_anon(t, 0x1000, PAGE, RW, TESS_MAP_PRIVATE, &va));
	EXPECT(va >= 0x10000);
}

API_TEST(s20_anon_max)
{
	EXPECT_OK(t_anon(t, BASE, PAGE, TESS_PROT_NONE, PFIX, NULL));
	EXPECT_EQ(t_area(t, BASE).maxprot, RWX);
	EXPECT_EQ(t_area(t, BASE).object, NULL);
	EXPECT_OK(t_mprotect(t, BASE, PAGE, RWX));
}

/* ---- mmap: descriptors ---- */

API_TEST(s21_bad_descriptor)
{
	EXPECT_EQ(t_mmap_handle(t, 0, PAGE, RW, TESS_MAP_PRIVATE, &seed_bad, 0, NULL), TESS_EBADF);
	EXPECT_EQ(t_mmap_handle(t, 0, PAGE, RW, TESS_MAP_SHARED, &seed_none, 0, NULL), TESS_EBADF);
	EXPECT_EQ(t_mmap_handle(t, BASE, PAGE, RW, PFIX, &seed_bad, 0, NULL), TESS_EBADF);
}

API_TEST(s22_unmappable)
{
	struct tess_handle pipe = {.kind = TESS_HANDLE_OTHER, .mode = TESS_MODE_READ};
	enum tess_err want = BY(t, TESS_ENODEV, TESS_ENODEV, TESS_ENODEV, TESS_EINVAL);

	EXPECT_EQ(t_mmap_handle(t, 0, PAGE, TESS_PROT_READ, TESS_MAP_SHARED, &pipe, 0, NULL), want);
	EXPECT_EQ(t_mmap_handle(t, 0, PAGE, TESS_PROT_READ, TESS_MAP_PRIVATE, &pipe, 0, NULL),
		  want);
	/* and not allowed to be written: in seed and bsd what it is comes first */
	EXPECT_EQ(t_mmap_handle(t, 0, PAGE, RW, TESS_MAP_SHARED, &pipe, 0, NULL),
		  BY(t, TESS_EACCES, TESS_EACCES, TESS_ENODEV, TESS_EINVAL));
}

API_TEST(s23_dev_zero)
{
	struct tess_handle zero = {.kind = TESS_HANDLE_ZERO, .mode = TESS_MODE_READ};
	enum tess_err want = BY(t, TESS_EACCES, TESS_EACCES, TESS_EACCES, TESS_OK);
	uint8_t b;

	EXPECT_OK(t_mmap_handle(t, BASE, 2 * PAGE, RW, PFIX, &zero, 0, NULL));
	EXPECT_OK(t_load(t, BASE, &b));
	EXPECT_EQ(b, 0);
	EXPECT_OK(t_store(t, BASE, 1));
	EXPECT_EQ(t_area(t, BASE).maxprot, RWX);
	EXPECT_EQ(t_mmap_handle(t, BASE + 2 * PAGE, PAGE, RW, SFIX, &zero, 0, NULL), want);
	zero.mode = TESS_MODE_READ | TESS_MODE_WRITE;
	EXPECT_OK(t_mmap_handle(t, BASE + 2 * PAGE, PAGE, RW, SFIX, &zero, 0, NULL));
	EXPECT_OK(t_store(t, BASE + 2 * PAGE, 9));
}

API_TEST(s24_not_readable)
{
	unsigned f = t_file(t, 4 * PAGE, 1);

	t->file[f].mode = TESS_MODE_WRITE;
	EXPECT_EQ(t_map(t, BASE, PAGE, TESS_PROT_READ, PFIX, f, 0, NULL), TESS_EACCES);
	/* seed and bsd ask for the right to read only when reading is asked for */
	EXPECT_EQ(t_map(t, BASE, PAGE, TESS_PROT_NONE, PFIX, f, 0, NULL),
		  BY(t, TESS_EACCES, TESS_EACCES, TESS_OK, TESS_OK));
	if (t->personality == TESS_PERSONALITY_POSIX || t->personality == TESS_PERSONALITY_LINUX)
		return;
	EXPECT_EQ(t_area(t, BASE).maxprot, TESS_PROT_WRITE | TESS_PROT_EXEC);
	EXPECT_EQ(t_mprotect(t, BASE, PAGE, TESS_PROT_READ), TESS_EACCES);
	EXPECT_OK(t_mprotect(t, BASE, PAGE, TESS_PROT_EXEC));
}

API_TEST(s25_shared_not_writable)
{
	unsigned f = t_file(t, 4 * PAGE, 1);

	t->file[f].mode = TESS_MODE_READ;
	EXPECT_EQ(t_map(t, BASE, PAGE, RW, SFIX, f, 0, NULL), TESS_EACCES);
	EXPECT_OK(t_map(t, BASE, PAGE, TESS_PROT_READ, SFIX, f, 0, NULL));
	EXPECT_EQ(t_area(t, BASE).maxprot, TESS_PROT_READ | TESS_PROT_EXEC);
	EXPECT_EQ(t_mprotect(t, BASE, PAGE, RW), TESS_EACCES);
}

API_TEST(s26_private_writable)
{
	unsigned f = t_file(t, 4 * PAGE, 1);

	t->file[f].mode = TESS_MODE_READ;
	EXPECT_OK(t_map(t, BASE, PAGE, RW, PFIX, f, 0, NULL));
	EXPECT_EQ(t_area(t, BASE).maxprot, RWX);
	EXPECT_OK(t_store(t, BASE, 3));
}

API_TEST(s27_read_before_write)
{
	unsigned f = t_file(t, 4 * PAGE, 1);

	t->file[f].mode = TESS_MODE_WRITE; /* the read test refuses, the write test would not */
	EXPECT_EQ(t_map(t, BASE, PAGE, RW, SFIX, f, 0, NULL), TESS_EACCES);
	t->file[f].mode = TESS_MODE_READ; /* and the other way round */
	EXPECT_EQ(t_map(t, BASE, PAGE, RW, SFIX, f, 0, NULL), TESS_EACCES);
	t->file[f].mode = 0;
	EXPECT_EQ(t_map(t, BASE, PAGE, RW, SFIX, f, 0, NULL), TESS_EACCES);
}

API_TEST(s28_out_untouched)
{
	struct tess_mmap_args a = {
	    .addr = BASE + 1, .len = PAGE, .prot = RW, .flags = PFIX | TESS_MAP_ANON};
	tess_va va = 0x5555;

	EXPECT_EQ(tess_mmap(t->sp, &a, &va), TESS_EINVAL);
	EXPECT_EQ(va, 0x5555);
	a.addr = BASE;
	EXPECT_OK(t_mmap_args(t, &a, &va));
	EXPECT_EQ(va, BASE);
	a.addr = 0x1000;
	EXPECT(t_mmap_args(t, &a, NULL) != TESS_OK); /* t_mmap_args() looks itself */
}

/* ---- vm_mmap ---- */

API_TEST(s29_len0)
{
	enum tess_err want = BY(t, TESS_EINVAL, TESS_EINVAL, TESS_EINVAL, TESS_OK);
	unsigned f = t_file(t, 4 * PAGE, 1);
	tess_va va = BASE;

	EXPECT_OK(t_anon(t, BASE, PAGE, RW, PFIX, NULL));
	EXPECT_OK(t_store(t, BASE, 1));
	EXPECT_EQ(t_anon(t, BASE, 0, RW, PFIX, &va), want);
	EXPECT_EQ(va, BASE);
	EXPECT_EQ(t_anon_count(t), 1);
	va = BASE + 5;
	EXPECT_EQ(t_anon(t, BASE + 5, 0, RW, TESS_MAP_PRIVATE, &va), want);
	EXPECT_EQ(va, BASE + 5); /* the hint comes back as it was */
	/* the descriptor is looked at first, the offset is not looked at */
	t->file[f].mode = TESS_MODE_READ;
	EXPECT_EQ(t_map(t, BASE, 0, RW, SFIX, f, 0, NULL),
		  BY(t, TESS_EINVAL, TESS_EINVAL, TESS_EINVAL, TESS_EACCES));
	EXPECT_EQ(t_mmap_handle(t, BASE, 0, RW, PFIX, &seed_bad, 0, NULL),
		  BY(t, TESS_EBADF, TESS_EBADF, TESS_EINVAL, TESS_EBADF));
	EXPECT_EQ(t_map(t, BASE, 0, TESS_PROT_READ, PFIX, f, 1, NULL), want);
}

API_TEST(s30_offset_unaligned)
{
	unsigned f = t_file(t, 4 * PAGE, 1);
	uint8_t b;

	EXPECT_OK(t_anon(t, BASE, PAGE, RW, PFIX, NULL));
	EXPECT_OK(t_store(t, BASE, 5));
	EXPECT_EQ(t_map(t, BASE, PAGE, RW, PFIX, f, 1, NULL), TESS_EINVAL);
	EXPECT_OK(t_load(t, BASE, &b));
	EXPECT_EQ(b, 5);
	/* the descriptor comes first in seed, the offset in posix and linux; in bsd the address must fit */
	EXPECT_EQ(t_mmap_handle(t, BASE, PAGE, RW, PFIX, &seed_bad, 1, NULL),
		  BY(t, TESS_EINVAL, TESS_EINVAL, TESS_EINVAL, TESS_EBADF));
}

API_TEST(s31_hint_rounds)
{
	tess_va va;

	EXPECT_OK(t_anon(t, BASE + 1, PAGE, RW, TESS_MAP_PRIVATE, &va));
	EXPECT_EQ(va, BY(t, BASE + PAGE, BASE, BASE + PAGE, BASE + PAGE));
}

/* A FIXED call that fails at one of its later steps; the old mapping stays (D8). */
API_TEST(s32_s33_fixed_keeps)
{
	unsigned f = t_file(t, 4 * PAGE, 1);
	uint8_t b;

	EXPECT_OK(t_anon(t, BASE, 3 * PAGE, RW, PFIX, NULL));
	EXPECT_OK(t_store(t, BASE + PAGE, 0x77));
	EXPECT_EQ(t_map(t, BASE + 1, 3 * PAGE, RW, PFIX, f, 0, NULL), TESS_EINVAL);
	t->file[f].mode = TESS_MODE_READ;
	EXPECT_EQ(t_map(t, BASE, 3 * PAGE, RW, SFIX, f, 0, NULL), TESS_EACCES);
	EXPECT_EQ(
	    t_map(t, BASE, 3 * PAGE, TESS_PROT_READ, PFIX, f, ((tess_off)1 << 63) - PAGE, NULL),
	    BY(t, TESS_EOVERFLOW, TESS_EOVERFLOW, TESS_EINVAL, TESS_EINVAL));
	EXPECT_OK(t_load(t, BASE + PAGE, &b));
	EXPECT_EQ(b, 0x77);
	EXPECT_OK(t_map(t, BASE, 3 * PAGE, TESS_PROT_READ, PFIX, f, 0, NULL));
	EXPECT_EQ(t_anon_count(t), 0);
}

API_TEST(s34_anon_offset)
{
	unsigned s = t_segment(t, 4 * PAGE);
	uint8_t b;

	EXPECT_EQ(
	    t_mmap_handle(t, BASE, 2 * PAGE, RW, SFIX | TESS_MAP_ANON, &seed_none, 3 * PAGE, NULL),
	    BY(t, TESS_OK, TESS_OK, TESS_EINVAL, TESS_OK));
	if (t->personality != TESS_PERSONALITY_BSD)
		EXPECT_EQ(t_area(t, BASE).off, 0);
	/* a segment keeps it */
	EXPECT_OK(t_map(t, BASE + 4 * PAGE, 2 * PAGE, RW, SFIX, s, 2 * PAGE, NULL));
	EXPECT_OK(t_map(t, BASE + 8 * PAGE, 4 * PAGE, RW, SFIX, s, 0, NULL));
	EXPECT_EQ(t_area(t, BASE + 4 * PAGE).off, 2 * PAGE);
	EXPECT_OK(t_store(t, BASE + 4 * PAGE, 0x31));
	EXPECT_OK(t_load(t, BASE + 10 * PAGE, &b));
	EXPECT_EQ(b, 0x31);
}

API_TEST(s35_file_size)
{
	unsigned f = t_file(t, PAGE + 1, 1);
	uint8_t b;

	EXPECT_OK(t_map(t, BASE, 4 * PAGE, TESS_PROT_READ, PFIX, f, 0, NULL));
	EXPECT_OK(t_load(t, BASE + PAGE, &b));
	EXPECT_EQ(b, t_byte(1, PAGE));
	EXPECT_EQ(t_load(t, BASE + 2 * PAGE, &b), TESS_SIGBUS);
	EXPECT_OK(t_truncate(t, f, 3 * PAGE));
	EXPECT_OK(t_load(t, BASE + 2 * PAGE, &b));
}

API_TEST(s36_device)
{
	unsigned f = t_segment(t, 4 * PAGE);
	uint8_t b;

	t->file[f].kind = TESS_HANDLE_DEVICE;
	EXPECT_OK(t_map(t, BASE, 4 * PAGE, RW, SFIX, f, 0, NULL));
	EXPECT_EQ(t_area(t, BASE).object, t->file[f].object);
	EXPECT_EQ(t_area(t, BASE).flags & TESS_AREA_DEVICE, TESS_AREA_DEVICE);
	EXPECT_OK(t_store(t, BASE + PAGE, 0x61));
	EXPECT_OK(t_map(t, BASE + 8 * PAGE, PAGE, TESS_PROT_READ, SFIX, f, PAGE, NULL));
	EXPECT_OK(t_load(t, BASE + 8 * PAGE, &b));
	EXPECT_EQ(b, 0x61);
	EXPECT_EQ(t_anon_count(t), 0);
}

API_TEST(s37_private_device)
{
	enum tess_err refused = BY(t, TESS_ENODEV, TESS_ENODEV, TESS_EINVAL, TESS_OK);
	unsigned f = t_segment(t, 4 * PAGE);

	t->file[f].kind = TESS_HANDLE_DEVICE;
	EXPECT_EQ(t_map(t, BASE, PAGE, RW, PFIX, f, 0, NULL), refused);
	if (refused != TESS_OK)
		return;
	/* 1995: PRIVATE is ignored, the device's own pages are mapped */
	EXPECT_EQ(t_area(t, BASE).flags & TESS_AREA_SHARED, TESS_AREA_SHARED);
	EXPECT_OK(t_store(t, BASE, 4));
	EXPECT_EQ(t_anon_count(t), 0);
}

API_TEST(s38_private_file)
{
	unsigned f = t_file(t, 2 * PAGE, 4);
	uint8_t b;

	EXPECT_OK(t_map(t, BASE, 2 * PAGE, RW, PFIX, f, 0, NULL));
	EXPECT_OK(t_map(t, BASE + 4 * PAGE, 2 * PAGE, RW, SFIX, f, 0, NULL));
	EXPECT_OK(t_load(t, BASE, &b));
	EXPECT_EQ(b, t_byte(4, 0));
	EXPECT_OK(t_store(t, BASE + 4 * PAGE, 0x11)); /* not yet copied: seen */
	EXPECT_OK(t_load(t, BASE, &b));
	EXPECT_EQ(b, 0x11);
	EXPECT_OK(t_store(t, BASE, 0x12)); /* copied */
	EXPECT_OK(t_load(t, BASE + 4 * PAGE, &b));
	EXPECT_EQ(b, 0x11);
	EXPECT_OK(t_store(t, BASE + 4 * PAGE, 0x13));
	EXPECT_OK(t_load(t, BASE, &b));
	EXPECT_EQ(b, 0x12);
}

API_TEST(s39_types)
{
	enum tess_err file = BY(t, TESS_EINVAL, TESS_EINVAL, TESS_EINVAL, TESS_OK);
	unsigned f = t_file(t, 4 * PAGE, 1);

	EXPECT_EQ(t_anon(t, BASE, PAGE, RW, TESS_MAP_FIXED, NULL),
		  BY(t, TESS_EINVAL, TESS_EINVAL, TESS_OK, TESS_OK));
	EXPECT_EQ(t_map(t, BASE, PAGE, RW, TESS_MAP_FIXED, f, 0, NULL), file);
	if (file == TESS_OK)
		EXPECT_EQ(t_area(t, BASE).flags & TESS_AREA_SHARED, 0);
	EXPECT_EQ(t_map(t, BASE, PAGE, RW, TESS_MAP_FIXED | TESS_MAP_SHARED | TESS_MAP_PRIVATE, f,
			0, NULL),
		  BY(t, TESS_EINVAL, TESS_OK, TESS_EINVAL, TESS_OK));
	if (t->personality == TESS_PERSONALITY_SEED)
		EXPECT_EQ(t_area(t, BASE).flags & TESS_AREA_SHARED, TESS_AREA_SHARED);
}

/* What was taken for a mapping that found no place is given back: the end of the test counts. */
API_TEST(s40_no_place)
{
	unsigned f = t_file(t, 4 * PAGE, 1);

	EXPECT_EQ(t_map(t, 0, (uint64_t)1 << 47, TESS_PROT_READ, TESS_MAP_SHARED, f, 0, NULL),
		  TESS_ENOMEM);
	EXPECT_EQ(t_map(t, 0, (uint64_t)1 << 47, RW, TESS_MAP_PRIVATE, f, 0, NULL), TESS_ENOMEM);
	EXPECT_EQ(t_anon(t, 0, (uint64_t)1 << 47, RW, TESS_MAP_SHARED, NULL), TESS_ENOMEM);
	EXPECT_EQ(t_counts(t).bytes, 0);
}

API_TEST(s42_rights_from_the_start)
{
	unsigned f = t_file(t, 4 * PAGE, 1);

	t->file[f].mode = TESS_MODE_READ;
	EXPECT_OK(t_map(t, BASE, PAGE, TESS_PROT_NONE, SFIX, f, 0, NULL));
	EXPECT_EQ(t_area(t, BASE).prot, TESS_PROT_NONE);
	EXPECT_EQ(t_area(t, BASE).maxprot, TESS_PROT_READ | TESS_PROT_EXEC);
	EXPECT_EQ(t_load(t, BASE, NULL), TESS_SIGSEGV);
	EXPECT_OK(t_anon(t, BASE, PAGE, TESS_PROT_READ, PFIX, NULL));
	EXPECT_EQ(t_store(t, BASE, 1), TESS_SIGSEGV);
	EXPECT_EQ(t_counts(t).entries, 1);
}

API_TEST(s43_shared_inherits)
{
	unsigned f = t_file(t, 4 * PAGE, 1);

	EXPECT_OK(t_map(t, BASE, PAGE, RW, SFIX, f, 0, NULL));
	EXPECT_EQ(t_area(t, BASE).inherit, TESS_INHERIT_SHARE);
	EXPECT_OK(t_anon(t, BASE, PAGE, RW, SFIX, NULL));
	EXPECT_EQ(t_area(t, BASE).inherit, TESS_INHERIT_SHARE);
	EXPECT_OK(t_map(t, BASE, PAGE, RW, PFIX, f, 0, NULL));
	EXPECT_EQ(t_area(t, BASE).inherit, TESS_INHERIT_COPY);
}

API_TEST(s44_no_space)
{
	EXPECT_OK(t_anon(t, 0x10000, 0x7fffffff0000 - 0x20000, TESS_PROT_NONE, PFIX, NULL));
	EXPECT_EQ(t_anon(t, 0, 64 * PAGE, RW, TESS_MAP_PRIVATE, NULL), TESS_ENOMEM);
	EXPECT_EQ(t_anon(t, BASE, 64 * PAGE, RW, TESS_MAP_PRIVATE, NULL), TESS_ENOMEM);
}

static const struct api_test seed_tests[] = {
    API_ROW(s1_sbrk, "S1: sbrk is EOPNOTSUPP for any argument", API_SEED),
    API_ROW(s1_sbrk_elsewhere, "S1: elsewhere sbrk moves the break and answers the old one",
	    API_ALL & ~API_SEED),
    API_ROW(s2_sstk, "S2: sstk is EOPNOTSUPP", API_ALL),
    API_ROW(s3_getpagesize, "S3: getpagesize", API_ALL),
    API_ROW(s4_madvise, "S4: madvise is EOPNOTSUPP whatever the arguments", API_SEED),
    API_ROW(s5_mincore, "S5: mincore is the one of section 2, not the 1995 file's stub", API_SEED),
    API_ROW(s6_munmapfd, "S6: munmapfd clears the mark, no mapping goes", API_ALL),
    API_ROW(s7_ommap_prot, "S7: the protection table, higher bits dropped", API_SEED),
    API_ROW(s8_ommap_flags, "S8: ommap's flags", API_SEED),
    API_ROW(s9_ommap_len, "S9: an int length sign-extends; then as mmap", API_SEED),
    API_ROW(s10_prot_masked, "S10: unknown protection bits: masked, ignored or EINVAL", API_ALL),
    API_ROW(s11_fixed_unaligned, "S11: FIXED at an unaligned address is EINVAL", API_ALL),
    API_ROW(s12_len_sign, "S12: a length with the sign bit set", API_ALL),
    API_ROW(s13_anon_descriptor, "S13: ANON with a descriptor", API_ALL),
    API_ROW(s14_size_rounds, "S14: the length is rounded up to pages", API_ALL),
    API_ROW(s15_fixed_high, "S15: FIXED beyond the user range", API_ALL),
    API_ROW(s16_fixed_low, "S16: FIXED below the user range", API_ALL),
    API_ROW(s17_fixed_wraps, "S17: FIXED that wraps", API_ALL),
    API_ROW(s18_hint_zero, "S18: hint 0 goes above the heap's gap, others are left alone",
	    API_SEED),
    API_ROW(s19_hint_unchecked, "S19: a hint outside the user range is no EINVAL", API_ALL),
    API_ROW(s20_anon_max, "S20: anonymous memory may get any right", API_ALL),
    API_ROW(s21_bad_descriptor, "S21: no descriptor, or one that is not open, is EBADF", API_ALL),
    API_ROW(s22_unmappable, "S22: what cannot be mapped: ENODEV, seed EINVAL", API_ALL),
    API_ROW(s23_dev_zero, "S23: /dev/zero is anonymous; in seed whatever the mode", API_ALL),
    API_ROW(s24_not_readable, "S24: a descriptor that is not open for reading", API_ALL),
    API_ROW(s25_shared_not_writable, "S25: SHARED of a descriptor not open for writing", API_ALL),
    API_ROW(s26_private_writable, "S26: a private copy may be written whatever the mode", API_ALL),
    API_ROW(s27_read_before_write, "S27: either right missing is EACCES", API_ALL),
    API_ROW(s28_out_untouched, "S28: the result is written on success only", API_ALL),
    API_ROW(s29_len0, "S29: length 0, where the order puts it (D9)", API_ALL),
    API_ROW(s30_offset_unaligned, "S30: an unaligned offset, and nothing was unmapped for it",
	    API_ALL),
    API_ROW(s31_hint_rounds, "S31: a hint is rounded up (linux: down)", API_BOTH | API_SEED),
    API_ROW(s32_s33_fixed_keeps, "S32, S33: FIXED that fails late leaves what was there", API_ALL),
    API_ROW(s34_anon_offset, "S34: anonymous memory has no offset, a segment keeps it", API_ALL),
    API_ROW(s35_file_size, "S35: an object has its file's size", API_ALL),
    API_ROW(s36_device, "S36: a device's pages are mapped directly", API_ALL),
    API_ROW(s37_private_device, "S37: PRIVATE of a device: refused; in seed it is shared", API_ALL),
    API_ROW(s38_private_file, "S38: a private file mapping is copied page by page when written",
	    API_ALL),
    API_ROW(s39_types, "S39: neither type, and both", API_ALL),
    API_ROW(s40_no_place, "S40: no place: what was taken is given back", API_ALL),
    API_ROW(s42_rights_from_the_start, "S42: protection and maximum, from the first moment",
	    API_ALL),
    API_ROW(s43_shared_inherits, "S43: SHARED is inherited SHARE, PRIVATE is copied", API_ALL),
    API_ROW(s44_no_space, "S44: no room is ENOMEM", API_ALL),
};

API_FAMILY(seed, seed_tests);
