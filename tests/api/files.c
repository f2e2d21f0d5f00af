/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * files.c: files: one page cache under mappings, reads and writes.
 */
#include "api.h"

API_TEST(files_coherent)
{
	unsigned f = t_file(t, 4 * PAGE, 5);
	uint8_t b, x = 0x99;

	EXPECT_OK(t_map(t, BASE, 4 * PAGE, TESS_PROT_READ | TESS_PROT_WRITE,
			TESS_MAP_SHARED | TESS_MAP_FIXED, f, 0, NULL));
	EXPECT_OK(t_map(t, BASE + 8 * PAGE, 2 * PAGE, TESS_PROT_READ,
			TESS_MAP_SHARED | TESS_MAP_FIXED, f, PAGE, NULL));
	EXPECT_OK(t_map(t, BASE + 12 * PAGE, 4 * PAGE, TESS_PROT_READ | TESS_PROT_WRITE,
			TESS_MAP_PRIVATE | TESS_MAP_FIXED, f, 0, NULL));
	EXPECT_OK(t_store(t, BASE + PAGE + 3, 0x11));
	EXPECT_OK(t_load(t, BASE + 8 * PAGE + 3, &b));
	EXPECT_EQ(b, 0x11);
	EXPECT_OK(t_pwrite(t, f, 2 * PAGE, &x, 1));
	EXPECT_OK(t_load(t, BASE + 2 * PAGE, &b));
	EXPECT_EQ(b, 0x99);
	EXPECT_OK(t_load(t, BASE + 14 * PAGE, &b));
	EXPECT_EQ(b, 0x99);
	EXPECT_OK(t_store(t, BASE + 14 * PAGE, 0x98));
	EXPECT_OK(t_load(t, BASE + 2 * PAGE, &b));
	EXPECT_EQ(b, 0x99);
}

API_TEST(files_truncate)
{
	unsigned f = t_file(t, 4 * PAGE, 5);
	uint8_t b;

	EXPECT_OK(t_map(t, BASE, 4 * PAGE, TESS_PROT_READ | TESS_PROT_WRITE,
			TESS_MAP_SHARED | TESS_MAP_FIXED, f, 0, NULL));
	EXPECT_OK(t_map(t, BASE + 8 * PAGE, 4 * PAGE, TESS_PROT_READ | TESS_PROT_WRITE,
			TESS_MAP_PRIVATE | TESS_MAP_FIXED, f, 0, NULL));
	for (unsigned i = 0; i < 4; i++)
		EXPECT_OK(t_store(t, BASE + i * PAGE + 200, 0x20));
	EXPECT_OK(t_store(t, BASE + 11 * PAGE, 0x21));
	EXPECT_OK(t_truncate(t, f, PAGE + 100));
	EXPECT_EQ(t_load(t, BASE + 3 * PAGE, &b), TESS_SIGBUS);
	EXPECT_OK(t_load(t, BASE + PAGE + 200, &b));
	EXPECT_EQ(b, 0);
	EXPECT_OK(t_load(t, BASE + 11 * PAGE, &b));
	EXPECT_EQ(b, 0x21);
	EXPECT_OK(t_truncate(t, f, 4 * PAGE));
	EXPECT_OK(t_load(t, BASE + 3 * PAGE + 200, &b));
	EXPECT_EQ(b, 0);
}

API_TEST(d22_truncate_locked)
{
	unsigned f = t_file(t, 4 * PAGE, 5);

	EXPECT_OK(t_map(t, BASE, 4 * PAGE, TESS_PROT_READ | TESS_PROT_WRITE,
			TESS_MAP_SHARED | TESS_MAP_FIXED, f, 0, NULL));
	EXPECT_OK(t_mlock(t, BASE, 4 * PAGE, 0));
	EXPECT_OK(t_truncate(t, f, PAGE));
	EXPECT_EQ(t_load(t, BASE + 2 * PAGE, NULL), TESS_SIGBUS);
	EXPECT_OK(t_truncate(t, f, 4 * PAGE));
	EXPECT_OK(t_store(t, BASE + 2 * PAGE, 1));
	EXPECT_OK(t_munlock(t, BASE, 4 * PAGE));
}

API_TEST(files_beyond_stores)
{
	unsigned f = t_file(t, PAGE / 2, 5);
	uint8_t b;

	EXPECT_OK(t_map(t, BASE, PAGE, TESS_PROT_READ | TESS_PROT_WRITE,
			TESS_MAP_SHARED | TESS_MAP_FIXED, f, 0, NULL));
	EXPECT_OK(t_store(t, BASE + PAGE - 1, 0x5f));
	EXPECT_OK(t_truncate(t, f, PAGE));
	EXPECT_OK(t_load(t, BASE + PAGE - 1, &b));
	EXPECT_EQ(b, 0);
}

API_TEST(files_outlives)
{
	unsigned f = t_file(t, 2 * PAGE, 5);
	uint8_t b;

	EXPECT_OK(t_map(t, BASE, 2 * PAGE, TESS_PROT_READ | TESS_PROT_WRITE,
			TESS_MAP_SHARED | TESS_MAP_FIXED, f, 0, NULL));
	tess_object_ref(t->file[f].object);
	tess_object_unref(t->file[f].object);
	EXPECT_OK(t_load(t, BASE + PAGE, &b));
	EXPECT_EQ(b, t_byte(5, PAGE));
}

API_TEST(files_offset_high)
{
	unsigned f = t_file(t, PAGE, 5);

	EXPECT_OK(t_map(t, BASE, 2 * PAGE, TESS_PROT_READ | TESS_PROT_WRITE,
			TESS_MAP_SHARED | TESS_MAP_FIXED, f, (tess_off)1 << 40, NULL));
	EXPECT_EQ(t_load(t, BASE, NULL), TESS_SIGBUS);
}

static const struct api_test files_tests[] = {
    API_ROW(files_coherent,
	    "stores through one mapping show in another and in a read; writes show in mappings",
	    API_ALL),
    API_ROW(files_truncate,
	    "a shorter file: SIGBUS beyond it, zeros in its last page, private copies stay",
	    API_ALL),
    API_ROW(d22_truncate_locked, "D22: a file cut below a locked mapping, and made longer again",
	    API_ALL),
    API_ROW(files_beyond_stores,
	    "what is stored behind the end of the file does not become part of it", API_ALL),
    API_ROW(files_outlives, "a mapping outlives the descriptor", API_ALL),
    API_ROW(files_offset_high, "an offset far behind the end can be mapped, not touched", API_ALL),
};

API_FAMILY(files, files_tests);
