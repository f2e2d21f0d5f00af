/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * mlock.c: locking in memory: S80 to S84, section 9.
 */
#include "api.h"

API_TEST(mlock_args)
{
	EXPECT_EQ(t_mlock(t, BASE, UINT64_MAX - BASE + 1, 0), TESS_EINVAL);
	EXPECT_EQ(t_mlock(t, BASE, UINT64_MAX, 0), TESS_EINVAL);
	EXPECT_EQ(t_mlock(t, BASE, PAGE, 2), TESS_EINVAL);
	EXPECT_OK(t_mlock(t, BASE, 0, 0));
	EXPECT_EQ(t_mlockall(t, 0), TESS_EINVAL);
	EXPECT_EQ(t_mlockall(t, TESS_MCL_ONFAULT), TESS_EINVAL);
	EXPECT_EQ(t_mlockall(t, 8), TESS_EINVAL);
}

API_TEST(mlock_faults)
{
	unsigned f = t_file(t, 2 * PAGE, 1);
	unsigned char vec[6];

	EXPECT_OK(t_anon(t, BASE, 2 * PAGE, TESS_PROT_READ | TESS_PROT_WRITE,
			 TESS_MAP_PRIVATE | TESS_MAP_FIXED, NULL));
	EXPECT_OK(t_map(t, BASE + 2 * PAGE, 2 * PAGE, TESS_PROT_READ,
			TESS_MAP_PRIVATE | TESS_MAP_FIXED, f, 0, NULL));
	EXPECT_OK(t_anon(t, BASE + 4 * PAGE, 2 * PAGE, TESS_PROT_READ | TESS_PROT_WRITE,
			 TESS_MAP_SHARED | TESS_MAP_FIXED, NULL));
	EXPECT_OK(t_mlock(t, BASE + 100, 6 * PAGE - 100, 0));
	EXPECT_EQ(t_anon_count(t), 2);
	EXPECT_OK(t_mincore(t, BASE, 6 * PAGE, vec));
	for (unsigned i = 0; i < 6; i++)
		EXPECT_EQ(vec[i], 1);
	EXPECT_OK(t_munlock(t, BASE, 6 * PAGE));
}

API_TEST(mlock_hole)
{
	struct tess_space_counts n;

	EXPECT_OK(t_anon(t, BASE, 2 * PAGE, TESS_PROT_READ | TESS_PROT_WRITE,
			 TESS_MAP_PRIVATE | TESS_MAP_FIXED, NULL));
	EXPECT_EQ(t_mlock(t, BASE, 3 * PAGE, 0), TESS_ENOMEM);
	tess_space_counts_get(t->sp, &n);
	EXPECT_EQ(n.locked, t->personality == TESS_PERSONALITY_LINUX ? 2 * PAGE : 0);
	EXPECT_EQ(t_munlock(t, BASE, 3 * PAGE), TESS_ENOMEM);
	EXPECT_EQ(t_mlock(t, BASE + 8 * PAGE, PAGE, 0), TESS_ENOMEM);
}

API_TEST(mlock_nesting)
{
	struct tess_space_counts n;

	EXPECT_OK(t_anon(t, BASE, 2 * PAGE, TESS_PROT_READ | TESS_PROT_WRITE,
			 TESS_MAP_PRIVATE | TESS_MAP_FIXED, NULL));
	EXPECT_OK(t_munlock(t, BASE, 2 * PAGE));
	EXPECT_OK(t_mlock(t, BASE, 2 * PAGE, 0));
	EXPECT_OK(t_mlock(t, BASE, 2 * PAGE, 0));
	EXPECT_OK(t_munlock(t, BASE, 2 * PAGE));
	tess_space_counts_get(t->sp, &n);
	EXPECT_EQ(n.locked, 0);
}

API_TEST(mlock_limit)
{
	EXPECT_OK(t_anon(t, BASE, 4 * PAGE, TESS_PROT_READ | TESS_PROT_WRITE,
			 TESS_MAP_PRIVATE | TESS_MAP_FIXED, NULL));
	EXPECT_OK(t_limit(t, TESS_LIMIT_MEMLOCK, 3 * PAGE));
	EXPECT_EQ(t_mlock(t, BASE, 4 * PAGE, 0), TESS_ENOMEM);
	EXPECT_OK(t_mlock(t, BASE, 3 * PAGE, 0));
	EXPECT_OK(t_mlock(t, BASE, 3 * PAGE, 0));
	EXPECT_EQ(t_mlock(t, BASE + PAGE, 3 * PAGE, 0), TESS_ENOMEM);
	EXPECT_EQ(t_anon(t, 0, PAGE, TESS_PROT_READ | TESS_PROT_WRITE,
			 TESS_MAP_PRIVATE | TESS_MAP_LOCKED, NULL),
		  TESS_EAGAIN);
	EXPECT_OK(t_limit(t, TESS_LIMIT_MEMLOCK, 0));
	EXPECT_EQ(t_mlock(t, BASE, PAGE, 0), TESS_EPERM);
	EXPECT_EQ(t_mlockall(t, TESS_MCL_CURRENT), TESS_EPERM);
	EXPECT_OK(t_munlock(t, BASE, 4 * PAGE));
}

API_TEST(mlock_prot_none)
{
	EXPECT_OK(
	    t_anon(t, BASE, 2 * PAGE, TESS_PROT_NONE, TESS_MAP_PRIVATE | TESS_MAP_FIXED, NULL));
	EXPECT_EQ(t_mlock(t, BASE, 2 * PAGE, 0), TESS_ENOMEM);
}

API_TEST(mlock_onfault)
{
	EXPECT_OK(t_anon(t, BASE, 4 * PAGE, TESS_PROT_READ | TESS_PROT_WRITE,
			 TESS_MAP_PRIVATE | TESS_MAP_FIXED, NULL));
	EXPECT_OK(t_mlock(t, BASE, 4 * PAGE, TESS_MLOCK_ONFAULT));
	EXPECT_EQ(t_anon_count(t), 0);
	EXPECT_OK(t_store(t, BASE, 1));
	EXPECT_OK(t_mlock(t, BASE, 4 * PAGE, 0));
	EXPECT_EQ(t_anon_count(t), 4);
}

API_TEST(mlock_all)
{
	struct tess_space_counts n;

	EXPECT_OK(t_anon(t, BASE, 2 * PAGE, TESS_PROT_READ | TESS_PROT_WRITE,
			 TESS_MAP_PRIVATE | TESS_MAP_FIXED, NULL));
	EXPECT_OK(t_anon(t, BASE + 4 * PAGE, 2 * PAGE, TESS_PROT_NONE,
			 TESS_MAP_PRIVATE | TESS_MAP_FIXED, NULL));
	EXPECT_OK(t_mlockall(t, TESS_MCL_CURRENT));
	EXPECT_EQ(t_anon_count(t), 2);
	EXPECT_OK(t_anon(t, BASE + 8 * PAGE, PAGE, TESS_PROT_READ | TESS_PROT_WRITE,
			 TESS_MAP_PRIVATE | TESS_MAP_FIXED, NULL));
	EXPECT_EQ(t_anon_count(t), 2);
	EXPECT_OK(t_mlockall(t, TESS_MCL_FUTURE));
	EXPECT_OK(t_anon(t, BASE + 9 * PAGE, PAGE, TESS_PROT_READ | TESS_PROT_WRITE,
			 TESS_MAP_PRIVATE | TESS_MAP_FIXED, NULL));
	EXPECT_EQ(t_anon_count(t), 3);
	EXPECT_OK(t_mlockall(t, TESS_MCL_FUTURE | TESS_MCL_ONFAULT));
	EXPECT_OK(t_anon(t, BASE + 10 * PAGE, PAGE, TESS_PROT_READ | TESS_PROT_WRITE,
			 TESS_MAP_PRIVATE | TESS_MAP_FIXED, NULL));
	EXPECT_EQ(t_anon_count(t), 3);
	EXPECT_OK(t_munlockall(t));
	tess_space_counts_get(t->sp, &n);
	EXPECT_EQ(n.locked, 0);
	EXPECT_OK(t_anon(t, BASE + 11 * PAGE, PAGE, TESS_PROT_READ | TESS_PROT_WRITE,
			 TESS_MAP_PRIVATE | TESS_MAP_FIXED, NULL));
	EXPECT_EQ(t_anon_count(t), 3);
}

API_TEST(mlock_fork)
{
	struct tess_space_counts n;

	EXPECT_OK(t_anon(t, BASE, 2 * PAGE, TESS_PROT_READ | TESS_PROT_WRITE,
			 TESS_MAP_PRIVATE | TESS_MAP_FIXED, NULL));
	EXPECT_OK(t_mlockall(t, TESS_MCL_CURRENT | TESS_MCL_FUTURE));
	t_switch(t, t_fork(t));
	tess_space_counts_get(t->sp, &n);
	EXPECT_EQ(n.locked, 0);
	EXPECT_OK(t_anon(t, BASE + 8 * PAGE, PAGE, TESS_PROT_READ | TESS_PROT_WRITE,
			 TESS_MAP_PRIVATE | TESS_MAP_FIXED, NULL));
	EXPECT_EQ(t_anon_count(t), 2);
}

static const struct api_test mlock_tests[] = {
    API_ROW(mlock_args, "S80: wrap is EINVAL, unknown flags are EINVAL, length 0 is nothing",
	    API_BOTH),
    API_ROW(mlock_faults, "mlock brings pages in: writable private ones become the space's own",
	    API_BOTH),
    API_ROW(mlock_hole, "S83: a hole is ENOMEM; linux keeps the lock of the part before it",
	    API_BOTH),
    API_ROW(mlock_nesting, "locks do not nest; munlock of unlocked memory is fine", API_BOTH),
    API_ROW(mlock_limit,
	    "S82: RLIMIT_MEMLOCK; pages locked already are not counted twice; 0 is EPERM",
	    API_BOTH),
    API_ROW(mlock_prot_none,
	    "memory that cannot be accessed is locked but ENOMEM says that it is not in", API_BOTH),
    API_ROW(mlock_onfault, "MLOCK_ONFAULT brings nothing in", API_BOTH),
    API_ROW(mlock_all, "mlockall CURRENT and FUTURE, munlockall", API_BOTH),
    API_ROW(mlock_fork, "locks are not inherited", API_BOTH),
};

API_FAMILY(mlock, mlock_tests);
