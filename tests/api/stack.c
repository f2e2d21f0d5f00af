/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * stack.c: mappings that grow down.
 */
#include "api.h"

API_TEST(stack_grows)
{
	EXPECT_OK(t_anon(t, BASE + 64 * PAGE, 2 * PAGE, TESS_PROT_READ | TESS_PROT_WRITE,
			 TESS_MAP_PRIVATE | TESS_MAP_FIXED | TESS_MAP_GROWSDOWN, NULL));
	EXPECT_OK(t_store(t, BASE + 63 * PAGE, 1));
	EXPECT_OK(t_store(t, BASE + 40 * PAGE, 2));
	EXPECT_EQ(t_anon_count(t), 2);
	EXPECT_OK(t_load(t, BASE + 30 * PAGE, NULL));
}

API_TEST(stack_guard)
{
	EXPECT_OK(t_anon(t, BASE, PAGE, TESS_PROT_READ, TESS_MAP_PRIVATE | TESS_MAP_FIXED, NULL));
	EXPECT_OK(t_anon(t, BASE + 300 * PAGE, 2 * PAGE, TESS_PROT_READ | TESS_PROT_WRITE,
			 TESS_MAP_PRIVATE | TESS_MAP_FIXED | TESS_MAP_GROWSDOWN, NULL));
	EXPECT_EQ(t_store(t, BASE + 256 * PAGE, 1), TESS_SIGSEGV);
	EXPECT_OK(t_store(t, BASE + 257 * PAGE, 1));
	EXPECT_OK(t_mprotect(t, BASE, PAGE, TESS_PROT_NONE));
	EXPECT_OK(t_store(t, BASE + 2 * PAGE, 1));
}

API_TEST(stack_limit)
{
	EXPECT_OK(t_limit(t, TESS_LIMIT_STACK, 8 * PAGE));
	EXPECT_OK(t_anon(t, BASE + 64 * PAGE, 2 * PAGE, TESS_PROT_READ | TESS_PROT_WRITE,
			 TESS_MAP_PRIVATE | TESS_MAP_FIXED | TESS_MAP_GROWSDOWN, NULL));
	EXPECT_EQ(t_store(t, BASE + 57 * PAGE, 1), TESS_SIGSEGV);
	EXPECT_OK(t_store(t, BASE + 58 * PAGE, 1));
	EXPECT_EQ(t_store(t, BASE + 57 * PAGE, 1), TESS_SIGSEGV);
}

API_TEST(stack_limit_as)
{
	EXPECT_OK(t_anon(t, BASE + 64 * PAGE, 2 * PAGE, TESS_PROT_READ | TESS_PROT_WRITE,
			 TESS_MAP_PRIVATE | TESS_MAP_FIXED | TESS_MAP_GROWSDOWN, NULL));
	EXPECT_OK(t_limit(t, TESS_LIMIT_AS, 4 * PAGE));
	EXPECT_EQ(t_store(t, BASE + 61 * PAGE, 1), TESS_SIGSEGV);
	EXPECT_OK(t_store(t, BASE + 62 * PAGE, 1));
}

API_TEST(stack_neighbour)
{
	uint8_t b;

	EXPECT_OK(t_anon(t, BASE, 4 * PAGE, TESS_PROT_READ | TESS_PROT_WRITE,
			 TESS_MAP_PRIVATE | TESS_MAP_FIXED | TESS_MAP_GROWSDOWN, NULL));
	EXPECT_OK(t_anon(t, BASE + 8 * PAGE, 4 * PAGE, TESS_PROT_READ | TESS_PROT_WRITE,
			 TESS_MAP_PRIVATE | TESS_MAP_FIXED | TESS_MAP_GROWSDOWN, NULL));
	EXPECT_OK(t_store(t, BASE + 3 * PAGE, 1));
	EXPECT_OK(t_store(t, BASE + 4 * PAGE, 2));
	EXPECT_OK(t_load(t, BASE + 3 * PAGE, &b));
	EXPECT_EQ(b, 1);
}

API_TEST(stack_fork)
{
	EXPECT_OK(t_anon(t, BASE + 64 * PAGE, 2 * PAGE, TESS_PROT_READ | TESS_PROT_WRITE,
			 TESS_MAP_PRIVATE | TESS_MAP_FIXED | TESS_MAP_GROWSDOWN, NULL));
	EXPECT_OK(t_store(t, BASE + 64 * PAGE, 1));
	t_switch(t, t_fork(t));
	EXPECT_OK(t_store(t, BASE + 50 * PAGE, 1));
	t_switch(t, 0);
	EXPECT_OK(t_store(t, BASE + 60 * PAGE, 1));
	EXPECT_OK(t_munmap(t, BASE + 62 * PAGE, PAGE));
	EXPECT_OK(t_store(t, BASE + 59 * PAGE, 1));
}

static const struct api_test stack_tests[] = {
    API_ROW(stack_grows, "an access below it extends it, pages in between are not touched",
	    API_BOTH),
    API_ROW(stack_guard, "not within 256 pages of what can be accessed below", API_BOTH),
    API_ROW(stack_limit, "RLIMIT_STACK", API_BOTH),
    API_ROW(stack_limit_as, "RLIMIT_AS", API_BOTH),
    API_ROW(stack_neighbour,
	    "growth stops at the neighbour: two stacks may touch, nothing may overlap", API_BOTH),
    API_ROW(stack_fork, "the child grows its own", API_BOTH),
};

API_FAMILY(stack, stack_tests);
