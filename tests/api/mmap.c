/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * mmap.c: making mappings: S10 to S44 and section 4.
 */
#include "api.h"

API_TEST(mmap_range)
{
	enum tess_err negative = BY(t, TESS_ENOMEM, TESS_ENOMEM, TESS_ENOMEM, TESS_EINVAL);
	enum tess_err wraps = BY(t, TESS_ENOMEM, TESS_ENOMEM, TESS_EINVAL, TESS_EINVAL);

	EXPECT(t_anon(t, 0x800000000000, PAGE, RW, PFIX, NULL) != TESS_OK);
	EXPECT(t_anon(t, 0xfffffffffffff000, PAGE, RW, PFIX, NULL) != TESS_OK);
	EXPECT(t_anon(t, 0x1000, PAGE, RW, PFIX, NULL) != TESS_OK);
	EXPECT_EQ(t_anon(t, 0, UINT64_MAX - PAGE, RW, TESS_MAP_PRIVATE, NULL), negative);
	EXPECT_EQ(t_anon(t, 0, UINT64_MAX, RW, TESS_MAP_PRIVATE, NULL), wraps);
	EXPECT_OK(t_anon(t, 0x7fffffffe000, PAGE, RW, PFIX, NULL));
	EXPECT_OK(t_store(t, 0x7fffffffefff, 1));
}

API_TEST(mmap_offset_wrap)
{
	unsigned f = t_file(t, 4 * PAGE, 1);

	EXPECT_EQ(
	    t_map(t, 0, 2 * PAGE, TESS_PROT_READ, TESS_MAP_PRIVATE, f, UINT64_MAX - PAGE + 1, NULL),
	    BY(t, TESS_EOVERFLOW, TESS_EOVERFLOW, TESS_EINVAL, TESS_EINVAL));
}

API_TEST(d8_mmap_fixed_keeps)
{
	unsigned f = t_file(t, 4 * PAGE, 1);
	uint8_t b;

	EXPECT_OK(t_anon(t, BASE, 3 * PAGE, TESS_PROT_READ | TESS_PROT_WRITE,
			 TESS_MAP_PRIVATE | TESS_MAP_FIXED, NULL));
	EXPECT_OK(t_store(t, BASE + PAGE, 0x77));
	t->file[f].mode = TESS_MODE_READ;
	EXPECT_EQ(t_map(t, BASE, 3 * PAGE, TESS_PROT_READ | TESS_PROT_WRITE,
			TESS_MAP_SHARED | TESS_MAP_FIXED, f, 0, NULL),
		  TESS_EACCES);
	EXPECT_OK(t_load(t, BASE + PAGE, &b));
	EXPECT_EQ(b, 0x77);
}

API_TEST(mmap_fixed_replaces)
{
	unsigned f = t_file(t, 4 * PAGE, 9);
	uint8_t b;

	EXPECT_OK(t_anon(t, BASE, 5 * PAGE, TESS_PROT_READ | TESS_PROT_WRITE,
			 TESS_MAP_PRIVATE | TESS_MAP_FIXED, NULL));
	for (unsigned i = 0; i < 5; i++)
		EXPECT_OK(t_store(t, BASE + i * PAGE, (uint8_t)(0x10 + i)));
	EXPECT_OK(t_map(t, BASE + PAGE, 2 * PAGE, TESS_PROT_READ, TESS_MAP_PRIVATE | TESS_MAP_FIXED,
			f, PAGE, NULL));
	EXPECT_OK(t_load(t, BASE + PAGE + 5, &b));
	EXPECT_EQ(b, t_byte(9, PAGE + 5));
	EXPECT_OK(t_load(t, BASE + 3 * PAGE, &b));
	EXPECT_EQ(b, 0x13);
	EXPECT_EQ(t_anon_count(t), 3);
}

API_TEST(mmap_noreplace)
{
	EXPECT_OK(t_anon(t, BASE + PAGE, PAGE, TESS_PROT_READ | TESS_PROT_WRITE,
			 TESS_MAP_PRIVATE | TESS_MAP_FIXED, NULL));
	EXPECT_EQ(t_anon(t, BASE, 2 * PAGE, TESS_PROT_READ | TESS_PROT_WRITE,
			 TESS_MAP_PRIVATE | TESS_MAP_FIXED_NOREPLACE, NULL),
		  TESS_EEXIST);
	EXPECT_EQ(t_anon(t, BASE + PAGE, PAGE, TESS_PROT_READ | TESS_PROT_WRITE,
			 TESS_MAP_PRIVATE | TESS_MAP_FIXED_NOREPLACE, NULL),
		  TESS_EEXIST);
	EXPECT_OK(t_anon(t, BASE, PAGE, TESS_PROT_READ | TESS_PROT_WRITE,
			 TESS_MAP_PRIVATE | TESS_MAP_FIXED_NOREPLACE, NULL));
}

API_TEST(mmap_types)
{
	unsigned f = t_file(t, 4 * PAGE, 1);

	EXPECT_EQ(t_anon(t, 0, PAGE, TESS_PROT_READ | TESS_PROT_WRITE, 0, NULL), TESS_EINVAL);
	EXPECT_EQ(t_map(t, 0, PAGE, TESS_PROT_READ | TESS_PROT_WRITE, 0, f, 0, NULL), TESS_EINVAL);
	EXPECT_EQ(
	    t_anon(t, 0, PAGE, TESS_PROT_READ | TESS_PROT_WRITE, TESS_MAP_SHARED_VALIDATE, NULL),
	    TESS_EINVAL);
	EXPECT_EQ(t_map(t, BASE, PAGE, TESS_PROT_READ | TESS_PROT_WRITE,
			TESS_MAP_SHARED_VALIDATE | TESS_MAP_FIXED, f, 0, NULL),
		  t->personality == TESS_PERSONALITY_LINUX ? TESS_OK : TESS_EINVAL);
}

API_TEST(mmap_validate)
{
	unsigned f = t_file(t, 4 * PAGE, 1);

	EXPECT_EQ(t_map(t, BASE, PAGE, TESS_PROT_READ | TESS_PROT_WRITE,
			TESS_MAP_SHARED_VALIDATE | TESS_MAP_FIXED | 0x80000000u, f, 0, NULL),
		  TESS_EOPNOTSUPP);
	EXPECT_OK(t_map(t, BASE, PAGE, TESS_PROT_READ | TESS_PROT_WRITE,
			TESS_MAP_SHARED | TESS_MAP_FIXED | 0x80000000u, f, 0, NULL));
}

API_TEST(d1_mmap_private_device)
{
	enum tess_err want = BY(t, TESS_ENODEV, TESS_ENODEV, TESS_EINVAL, TESS_EACCES);
	unsigned f = t_segment(t, 4 * PAGE);

	t->file[f].kind = TESS_HANDLE_DEVICE;
	t->file[f].mode = TESS_MODE_READ;
	EXPECT_EQ(t_map(t, BASE, PAGE, RW, PFIX, f, 0, NULL), want);
	EXPECT_EQ(t_area(t, BASE).end, 0);
	if (t->personality != TESS_PERSONALITY_SEED)
		return;
	/* and it never gets the right later */
	EXPECT_OK(t_map(t, BASE, PAGE, TESS_PROT_READ, PFIX, f, 0, NULL));
	EXPECT_EQ(t_mprotect(t, BASE, PAGE, RW), TESS_EACCES);
}

API_TEST(mmap_hint)
{
	tess_va va;

	EXPECT_OK(
	    t_anon(t, BASE, 4 * PAGE, TESS_PROT_READ | TESS_PROT_WRITE, TESS_MAP_PRIVATE, &va));
	EXPECT_EQ(va, BASE);
	EXPECT_OK(t_anon(t, BASE + PAGE, 4 * PAGE, TESS_PROT_READ | TESS_PROT_WRITE,
			 TESS_MAP_PRIVATE, &va));
	EXPECT(va >= BASE + 4 * PAGE || va + 4 * PAGE <= BASE);
}

API_TEST(mmap_hint_inside)
{
	tess_va va;

	EXPECT_OK(t_anon(t, BASE + 0x702, PAGE, TESS_PROT_READ, TESS_MAP_PRIVATE, &va));
	EXPECT_EQ(va, t->personality == TESS_PERSONALITY_LINUX ? BASE : BASE + PAGE);
}

API_TEST(mmap_populate)
{
	unsigned f = t_file(t, 4 * PAGE, 1);

	EXPECT_OK(t_anon(t, BASE, 4 * PAGE, TESS_PROT_READ | TESS_PROT_WRITE,
			 TESS_MAP_PRIVATE | TESS_MAP_FIXED | TESS_MAP_POPULATE, NULL));
	EXPECT_EQ(t_anon_count(t), 4);
	EXPECT_OK(t_map(t, BASE + 4 * PAGE, 4 * PAGE, TESS_PROT_READ,
			TESS_MAP_PRIVATE | TESS_MAP_FIXED | TESS_MAP_POPULATE, f, 0, NULL));
	EXPECT_OK(t_map(t, BASE + 8 * PAGE, 4 * PAGE, TESS_PROT_READ | TESS_PROT_WRITE,
			TESS_MAP_SHARED | TESS_MAP_FIXED | TESS_MAP_POPULATE, f, 0, NULL));
	EXPECT_EQ(t_anon_count(t), 4);
	EXPECT_OK(t_anon(t, BASE + 12 * PAGE, 4 * PAGE, TESS_PROT_READ | TESS_PROT_WRITE,
			 TESS_MAP_PRIVATE | TESS_MAP_FIXED | TESS_MAP_POPULATE | TESS_MAP_NONBLOCK,
			 NULL));
	EXPECT_EQ(t_anon_count(t), 4);
}

API_TEST(mmap_limit_as)
{
	EXPECT_OK(t_limit(t, TESS_LIMIT_AS, 4 * PAGE));
	EXPECT_OK(t_anon(t, BASE, 3 * PAGE, TESS_PROT_READ | TESS_PROT_WRITE,
			 TESS_MAP_PRIVATE | TESS_MAP_FIXED, NULL));
	EXPECT_EQ(t_anon(t, 0, 2 * PAGE, TESS_PROT_READ | TESS_PROT_WRITE, TESS_MAP_PRIVATE, NULL),
		  TESS_ENOMEM);
	EXPECT_OK(t_anon(t, BASE + PAGE, 3 * PAGE, TESS_PROT_READ,
			 TESS_MAP_PRIVATE | TESS_MAP_FIXED, NULL));
	EXPECT_EQ(t_anon(t, 0, PAGE, TESS_PROT_READ | TESS_PROT_WRITE, TESS_MAP_PRIVATE, NULL),
		  TESS_ENOMEM);
}

API_TEST(mmap_limit_data)
{
	EXPECT_OK(t_limit(t, TESS_LIMIT_DATA, 2 * PAGE));
	EXPECT_OK(t_anon(t, BASE, 2 * PAGE, TESS_PROT_READ | TESS_PROT_WRITE,
			 TESS_MAP_PRIVATE | TESS_MAP_FIXED, NULL));
	EXPECT_EQ(t_anon(t, 0, PAGE, TESS_PROT_READ | TESS_PROT_WRITE, TESS_MAP_PRIVATE, NULL),
		  TESS_ENOMEM);
	EXPECT_OK(t_anon(t, 0, PAGE, TESS_PROT_READ | TESS_PROT_WRITE, TESS_MAP_SHARED, NULL));
	EXPECT_OK(t_anon(t, 0, PAGE, TESS_PROT_READ, TESS_MAP_PRIVATE, NULL));
}

API_TEST(mmap_growsdown_shared)
{
	unsigned f = t_file(t, 4 * PAGE, 1);

	EXPECT_EQ(t_anon(t, BASE, PAGE, TESS_PROT_READ | TESS_PROT_WRITE,
			 TESS_MAP_SHARED | TESS_MAP_FIXED | TESS_MAP_GROWSDOWN, NULL),
		  TESS_EINVAL);
	EXPECT_EQ(t_map(t, BASE, PAGE, TESS_PROT_READ | TESS_PROT_WRITE,
			TESS_MAP_PRIVATE | TESS_MAP_FIXED | TESS_MAP_GROWSDOWN, f, 0, NULL),
		  TESS_EINVAL);
	EXPECT_EQ(t_mmap_args(t,
			      &(struct tess_mmap_args){
				  .addr = BASE,
				  .len = PAGE,
				  .prot = TESS_PROT_READ,
				  .flags = TESS_MAP_PRIVATE | TESS_MAP_FIXED | TESS_MAP_GROWSDOWN,
				  .handle = {.kind = TESS_HANDLE_ZERO,
					     .mode = TESS_MODE_READ | TESS_MODE_WRITE}},
			      NULL),
		  TESS_EINVAL);
}

API_TEST(mmap_offset_linux)
{
	struct tess_handle none = {.kind = TESS_HANDLE_NONE};
	unsigned f = t_file(t, 4 * PAGE, 1);

	EXPECT_OK(t_mmap_handle(t, BASE, 2 * PAGE, TESS_PROT_READ | TESS_PROT_WRITE,
				TESS_MAP_PRIVATE | TESS_MAP_FIXED | TESS_MAP_ANON, &none,
				UINT64_MAX - PAGE + 1, NULL));
	EXPECT_EQ(t_map(t, BASE, 2 * PAGE, TESS_PROT_READ, TESS_MAP_PRIVATE | TESS_MAP_FIXED, f,
			((tess_off)1 << 63) - PAGE, NULL),
		  TESS_EOVERFLOW);
	EXPECT_OK(t_map(t, BASE, PAGE, TESS_PROT_READ, TESS_MAP_PRIVATE | TESS_MAP_FIXED, f,
			((tess_off)1 << 63) - 2 * PAGE, NULL));
}

API_TEST(mmap_validate_noreplace)
{
	unsigned f = t_file(t, 4 * PAGE, 1);

	EXPECT_EQ(t_map(t, BASE, PAGE, TESS_PROT_READ | TESS_PROT_WRITE,
			TESS_MAP_SHARED_VALIDATE | TESS_MAP_FIXED_NOREPLACE, f, 0, NULL),
		  TESS_EOPNOTSUPP);
}

static const struct api_test mmap_tests[] = {
    API_ROW(mmap_range, "a range beyond the user range fails and changes nothing", API_ALL),
    API_ROW(mmap_offset_wrap, "offset plus length beyond 2^64 is EOVERFLOW, EINVAL in bsd and seed",
	    API_ALL),
    API_ROW(d8_mmap_fixed_keeps, "D8: a FIXED call that fails leaves the old mapping alone",
	    API_ALL),
    API_ROW(mmap_fixed_replaces, "FIXED replaces the middle of a mapping", API_ALL),
    API_ROW(mmap_noreplace, "FIXED_NOREPLACE over a mapping is EEXIST, beside it it succeeds",
	    API_BOTH),
    API_ROW(mmap_types,
	    "neither type is EINVAL; both are SHARED_VALIDATE in linux and EINVAL in posix",
	    API_BOTH),
    API_ROW(mmap_validate, "linux: SHARED_VALIDATE refuses flags it does not know", API_LINUX),
    API_ROW(d1_mmap_private_device,
	    "D1: a private writable mapping of a read-only device is refused", API_ALL),
    API_ROW(mmap_hint, "a free hint is taken; a taken one is not", API_ALL),
    API_ROW(mmap_hint_inside, "a hint inside a page: linux rounds it down, posix up", API_BOTH),
    API_ROW(mmap_populate,
	    "MAP_POPULATE: private writable pages become the space's own, others are only read",
	    API_BOTH),
    API_ROW(mmap_limit_as,
	    "RLIMIT_AS counts what is mapped; a FIXED call pays only for what is new",
	    API_ALL & ~API_SEED),
    API_ROW(mmap_limit_data, "RLIMIT_DATA counts private writable memory only", API_BOTH),
    API_ROW(mmap_growsdown_shared, "GROWSDOWN is for private anonymous memory only", API_BOTH),
    API_ROW(mmap_offset_linux,
	    "linux: an anonymous mapping has no offset to wrap; a file may not end beyond 2^63",
	    API_LINUX),
    API_ROW(mmap_validate_noreplace,
	    "linux: SHARED_VALIDATE does not let a file have FIXED_NOREPLACE", API_LINUX),
};

API_FAMILY(mmap, mmap_tests);
