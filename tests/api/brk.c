/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * brk.c: the break.
 */
#include "api.h"

API_TEST(brk_moves)
{
	tess_va va;
	uint8_t b;

	EXPECT_OK(t_set_brk(t, BASE));
	EXPECT_OK(t_brk(t, BASE + 3 * PAGE, &va));
	EXPECT_EQ(va, BASE + 3 * PAGE);
	EXPECT_OK(t_store(t, BASE + 2 * PAGE, 5));
	EXPECT_OK(t_brk(t, BASE + PAGE + 1, &va));
	EXPECT_EQ(t_load(t, BASE + 2 * PAGE, &b), TESS_SIGSEGV);
	EXPECT_OK(t_brk(t, BASE + 3 * PAGE, &va));
	EXPECT_OK(t_load(t, BASE + 2 * PAGE, &b));
	EXPECT_EQ(b, 0);
	EXPECT_OK(t_brk(t, BASE, &va));
}

API_TEST(brk_unaligned)
{
	tess_va va;

	EXPECT_OK(t_set_brk(t, BASE + 0x123));
	EXPECT_OK(t_brk(t, BASE + 0x456, &va));
	EXPECT_EQ(va, BASE + 0x456);
	EXPECT_EQ(t_load(t, BASE + 0x200, NULL), TESS_SIGSEGV);
	EXPECT_OK(t_brk(t, BASE + PAGE + 1, &va));
	EXPECT_OK(t_store(t, BASE + 2 * PAGE - 1, 1));
}

API_TEST(brk_below)
{
	tess_va va = 0;

	EXPECT_OK(t_set_brk(t, BASE));
	EXPECT_OK(t_brk(t, BASE + PAGE, &va));
	EXPECT_EQ(t_brk(t, BASE - PAGE, &va),
		  t->personality == TESS_PERSONALITY_LINUX ? TESS_OK : TESS_ENOMEM);
	EXPECT_EQ(va, BASE + PAGE);
	EXPECT_EQ(t_brk(t, 0, &va),
		  t->personality == TESS_PERSONALITY_LINUX ? TESS_OK : TESS_ENOMEM);
}

API_TEST(brk_blocked)
{
	tess_va va = 0;

	EXPECT_OK(t_set_brk(t, BASE));
	EXPECT_OK(t_anon(t, BASE + 4 * PAGE, PAGE, TESS_PROT_READ | TESS_PROT_WRITE,
			 TESS_MAP_PRIVATE | TESS_MAP_FIXED, NULL));
	(void)t_brk(t, BASE + 4 * PAGE, &va);
	EXPECT(va < BASE + 4 * PAGE);
	EXPECT_OK(t_brk(t, BASE + 3 * PAGE, &va));
	EXPECT_EQ(va, BASE + 3 * PAGE);
}

API_TEST(brk_limit)
{
	tess_va va = 0;

	EXPECT_OK(t_set_brk(t, BASE));
	EXPECT_OK(t_limit(t, TESS_LIMIT_DATA, 2 * PAGE));
	(void)t_brk(t, BASE + 2 * PAGE + 1, &va);
	EXPECT(va != BASE + 2 * PAGE + 1);
	EXPECT_OK(t_brk(t, BASE + 2 * PAGE, &va));
}

API_TEST(brk_gone)
{
	tess_va va = 0;

	EXPECT_OK(t_set_brk(t, BASE));
	EXPECT_OK(t_brk(t, BASE + 4 * PAGE, &va));
	EXPECT_OK(t_munmap(t, BASE, 4 * PAGE));
	(void)t_brk(t, BASE, &va);
	EXPECT_EQ(va, BASE + 4 * PAGE);
	EXPECT_OK(t_brk(t, BASE + 5 * PAGE, &va));
}

API_TEST(brk_fork)
{
	tess_va va;
	uint8_t b;

	EXPECT_OK(t_set_brk(t, BASE));
	EXPECT_OK(t_brk(t, BASE + 2 * PAGE, &va));
	EXPECT_OK(t_store(t, BASE, 1));
	t_switch(t, t_fork(t));
	EXPECT_OK(t_brk(t, BASE + 3 * PAGE, &va));
	EXPECT_OK(t_store(t, BASE, 2));
	t_switch(t, 0);
	EXPECT_OK(t_load(t, BASE, &b));
	EXPECT_EQ(b, 1);
	EXPECT_EQ(t_load(t, BASE + 2 * PAGE, &b), TESS_SIGSEGV);
}

static const struct api_test brk_tests[] = {
    API_ROW(brk_moves, "up, down, back; memory that comes back is zero", API_ALL),
    API_ROW(brk_unaligned, "a start and breaks inside pages", API_ALL),
    API_ROW(brk_below, "below the start: linux answers the break, posix ENOMEM", API_ALL),
    API_ROW(brk_blocked, "a mapping in the way, with one page of distance, stops it", API_ALL),
    API_ROW(brk_limit, "RLIMIT_DATA", API_ALL),
    API_ROW(brk_gone, "the heap was unmapped: there is nothing to take back", API_ALL),
    API_ROW(brk_fork, "the child has the same break and its own heap", API_ALL),
};

API_FAMILY(brk, brk_tests);
