/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * limits.c: RLIMIT_AS, DATA, STACK and MEMLOCK: who asks, and what for.
 */
#include "api.h"

API_TEST(limits_as)
{
	bool asked = t->personality != TESS_PERSONALITY_SEED;
	enum tess_err want = asked ? TESS_ENOMEM : TESS_OK;

	EXPECT_OK(t_set_brk(t, BASE));
	EXPECT_OK(t_limit(t, TESS_LIMIT_AS, 2 * PAGE));
	EXPECT_OK(t_anon(t, BASE + 64 * PAGE, 2 * PAGE, RW, PFIX, NULL));
	EXPECT_OK(t_anon(t, BASE + 64 * PAGE, 2 * PAGE, RW, PFIX, NULL)); /* replaced */
	EXPECT_EQ(t_anon(t, BASE + 68 * PAGE, PAGE, TESS_PROT_NONE, PFIX, NULL), want);
	EXPECT_EQ(t_mremap(t, BASE + 64 * PAGE, 2 * PAGE, 3 * PAGE, TESS_MREMAP_MAYMOVE, 0, NULL),
		  want);
	EXPECT_EQ(
	    t_mremap_bsd(t, BASE + 64 * PAGE, 2 * PAGE, 0, 2 * PAGE, TESS_MREMAP_BSD_DUP, 0, NULL),
	    want);
	if (asked && t->personality != TESS_PERSONALITY_LINUX)
		EXPECT_EQ(t_brk(t, BASE + PAGE, NULL), TESS_ENOMEM);
}

API_TEST(limits_data_mmap)
{
	enum tess_err want = BY(t, TESS_ENOMEM, TESS_ENOMEM, TESS_OK, TESS_OK);

	EXPECT_OK(t_limit(t, TESS_LIMIT_DATA, 2 * PAGE));
	EXPECT_OK(t_anon(t, BASE, 2 * PAGE, RW, PFIX, NULL));
	EXPECT_EQ(t_anon(t, BASE + 2 * PAGE, PAGE, RW, PFIX, NULL), want);
	EXPECT_OK(t_anon(t, BASE + 4 * PAGE, PAGE, RW, SFIX, NULL));
	EXPECT_OK(t_anon(t, BASE + 5 * PAGE, PAGE, TESS_PROT_READ, PFIX, NULL));
	EXPECT_EQ(t_counts(t).data, want == TESS_OK ? 3 * PAGE : 2 * PAGE);
}

API_TEST(limits_data_mprotect)
{
	enum tess_err want = BY(t, TESS_ENOMEM, TESS_ENOMEM, TESS_OK, TESS_OK);

	EXPECT_OK(t_anon(t, BASE, 2 * PAGE, TESS_PROT_READ, PFIX, NULL));
	EXPECT_OK(t_anon(t, BASE + 2 * PAGE, 2 * PAGE, TESS_PROT_NONE, PFIX, NULL));
	EXPECT_OK(t_limit(t, TESS_LIMIT_DATA, 2 * PAGE));
	EXPECT_EQ(t_mprotect(t, BASE, 4 * PAGE, RW), want);
	/* linux: mapping by mapping, the first is changed */
	EXPECT_EQ(t_area(t, BASE).prot, BY(t, TESS_PROT_READ, RW, RW, RW));
	EXPECT_EQ(t_area(t, BASE + 2 * PAGE).prot, BY(t, TESS_PROT_NONE, TESS_PROT_NONE, RW, RW));
	EXPECT_OK(t_mprotect(t, BASE, 4 * PAGE, TESS_PROT_READ));
	EXPECT_OK(t_mprotect(t, BASE, 2 * PAGE, RW));
}

API_TEST(limits_memlock_mmap)
{
	enum tess_err want = BY(t, TESS_EAGAIN, TESS_EAGAIN, TESS_ENOMEM, 0);

	EXPECT_OK(t_limit(t, TESS_LIMIT_MEMLOCK, 2 * PAGE));
	EXPECT_OK(t_anon(t, BASE, PAGE, RW, PFIX | TESS_MAP_LOCKED, NULL));
	EXPECT_EQ(t_anon(t, BASE + 4 * PAGE, 2 * PAGE, RW, PFIX | TESS_MAP_LOCKED, NULL), want);
	/* what it would replace counts as well */
	EXPECT_EQ(t_anon(t, BASE, 2 * PAGE, RW, PFIX | TESS_MAP_LOCKED, NULL), want);
	EXPECT_EQ(t_counts(t).locked, PAGE);
}

/* Linux's mprotect over the end of a stack. */
API_TEST(limits_prot_grows)
{
	unsigned down = TESS_PROT_READ | TESS_PROT_GROWSDOWN;

	EXPECT_OK(t_anon(t, BASE, 4 * PAGE, RW, PFIX | TESS_MAP_GROWSDOWN, NULL));
	EXPECT_OK(t_anon(t, BASE + 8 * PAGE, PAGE, RW, PFIX, NULL));
	EXPECT_EQ(t_mprotect(t, BASE, PAGE, down | TESS_PROT_GROWSUP), TESS_EINVAL);
	EXPECT_EQ(t_mprotect(t, BASE + 8 * PAGE, PAGE, down), TESS_EINVAL); /* does not grow */
	EXPECT_EQ(t_mprotect(t, BASE + 5 * PAGE, PAGE, down), TESS_ENOMEM); /* a hole */
	EXPECT_EQ(t_mprotect(t, BASE, PAGE, TESS_PROT_READ | TESS_PROT_GROWSUP), TESS_EINVAL);
	EXPECT_EQ(t_mprotect(t, BASE + 64 * PAGE, PAGE, TESS_PROT_READ | TESS_PROT_GROWSUP),
		  TESS_ENOMEM);
	EXPECT_OK(t_mprotect(t, BASE + 2 * PAGE, PAGE, down));
	EXPECT_EQ(t_area(t, BASE).prot, TESS_PROT_READ); /* from its start on */
	EXPECT_EQ(t_area(t, BASE + 3 * PAGE).prot, RW);
	EXPECT_EQ(t_mprotect(t, BASE, PAGE, TESS_PROT_READ | TESS_PROT_MAX(RW)), TESS_EINVAL);
}

static const struct api_test limits_tests[] = {
    API_ROW(limits_as, "RLIMIT_AS: all but seed ask", API_ALL),
    API_ROW(limits_data_mmap, "RLIMIT_DATA: posix and linux ask in mmap", API_ALL),
    API_ROW(limits_data_mprotect, "RLIMIT_DATA: posix and linux ask in mprotect", API_ALL),
    API_ROW(limits_memlock_mmap, "RLIMIT_MEMLOCK and mappings locked from the start",
	    API_ALL & ~API_SEED),
    API_ROW(limits_prot_grows, "PROT_GROWSDOWN, PROT_GROWSUP", API_LINUX),
};

API_FAMILY(limits, limits_tests);
