/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * mlock.c: locking in memory: S80 to S84, section 9.
 */
#include "api.h"

API_TEST(s80_args)
{
	EXPECT_OK(t_anon(t, BASE, 2 * PAGE, RW, PFIX, NULL));
	EXPECT_EQ(t_mlock(t, BASE, UINT64_MAX - BASE + 1, 0), TESS_EINVAL);
	EXPECT_EQ(t_mlock(t, BASE, UINT64_MAX, 0), TESS_EINVAL);
	EXPECT_EQ(t_munlock(t, BASE, UINT64_MAX), TESS_EINVAL);
	EXPECT_EQ(t_mlock(t, BASE, PAGE, 2), TESS_EINVAL);
	EXPECT_OK(t_mlock(t, BASE, 0, 0));
	EXPECT_OK(t_mlock(t, BASE + 8 * PAGE, 0, 0));
	EXPECT_EQ(t_mlock(t, BASE + 1, PAGE, 0), BY(t, TESS_OK, TESS_OK, TESS_OK, TESS_EINVAL));
	EXPECT_EQ(t_counts(t).locked, BY(t, 2 * PAGE, 2 * PAGE, 2 * PAGE, 0));
	EXPECT_EQ(t_munlock(t, BASE + 1, PAGE), BY(t, TESS_OK, TESS_OK, TESS_OK, TESS_EINVAL));
}

API_TEST(s80_mlockall_args)
{
	EXPECT_EQ(t_mlockall(t, 0), TESS_EINVAL);
	EXPECT_EQ(t_mlockall(t, TESS_MCL_ONFAULT), TESS_EINVAL);
	EXPECT_EQ(t_mlockall(t, 8 | TESS_MCL_CURRENT), TESS_EINVAL);
	EXPECT_EQ(t_mlockall(t, TESS_MCL_CURRENT | TESS_MCL_ONFAULT),
		  BY(t, TESS_OK, TESS_OK, TESS_EINVAL, TESS_EINVAL));
}

API_TEST(s81_machine_maximum)
{
	enum tess_err want = BY(t, TESS_EAGAIN, TESS_ENOMEM, TESS_ENOMEM, TESS_EAGAIN);
	struct tess_account a;

	EXPECT_OK(t_anon(t, BASE, 4 * PAGE, RW, PFIX, NULL));
	t_apart(t);
	tess_account_get(&a);
	EXPECT_EQ(a.wired_most, UINT64_MAX);
	tess_account_set_wired(3 * PAGE);
	EXPECT_EQ(t_mlock(t, BASE, 4 * PAGE, 0), want);
	EXPECT_EQ(t_counts(t).locked, 0);
	EXPECT_OK(t_mlock(t, BASE, 3 * PAGE, 0));
	EXPECT_EQ(t_mlock(t, BASE + 3 * PAGE, PAGE, 0), want);
	tess_account_get(&a);
	EXPECT_EQ(a.wired, 3 * PAGE);
	EXPECT_OK(t_munlock(t, BASE, 3 * PAGE));
	tess_account_get(&a);
	EXPECT_EQ(a.wired, 0);
	tess_account_set_wired(UINT64_MAX);
}

API_TEST(s82_limit)
{
	enum tess_err want = BY(t, TESS_ENOMEM, TESS_ENOMEM, TESS_ENOMEM, TESS_EAGAIN);
	enum tess_err zero = BY(t, TESS_EPERM, TESS_EPERM, TESS_ENOMEM, TESS_EAGAIN);

	EXPECT_OK(t_anon(t, BASE, 4 * PAGE, RW, PFIX, NULL));
	EXPECT_OK(t_limit(t, TESS_LIMIT_MEMLOCK, 3 * PAGE));
	EXPECT_EQ(t_mlock(t, BASE, 4 * PAGE, 0), want);
	EXPECT_EQ(t_mlock(t, BASE + 2 * PAGE, 4 * PAGE, 0), want); /* before the hole is seen */
	EXPECT_OK(t_mlock(t, BASE, 3 * PAGE, 0));
	/* what is locked already counts again in bsd and seed */
	EXPECT_EQ(t_mlock(t, BASE, 3 * PAGE, 0), BY(t, TESS_OK, TESS_OK, TESS_ENOMEM, TESS_EAGAIN));
	EXPECT_EQ(t_mlock(t, BASE + PAGE, 3 * PAGE, 0), want);
	EXPECT_OK(t_limit(t, TESS_LIMIT_MEMLOCK, 0));
	EXPECT_EQ(t_mlock(t, BASE, PAGE, 0), zero);
	EXPECT_EQ(t_mlockall(t, TESS_MCL_CURRENT), zero);
	EXPECT_OK(t_munlock(t, BASE, 3 * PAGE)); /* asks for no limit (S84) */
}

API_TEST(s83_hole)
{
	EXPECT_OK(t_anon(t, BASE, 2 * PAGE, RW, PFIX, NULL));
	EXPECT_EQ(t_mlock(t, BASE, 3 * PAGE, 0), TESS_ENOMEM);
	EXPECT_EQ(t_counts(t).locked, t->personality == TESS_PERSONALITY_LINUX ? 2 * PAGE : 0);
	EXPECT_EQ(t_mlock(t, BASE + 8 * PAGE, PAGE, 0), TESS_ENOMEM);
}

API_TEST(s83_no_access)
{
	enum tess_err want = BY(t, TESS_EAGAIN, TESS_ENOMEM, TESS_ENOMEM, TESS_ENOMEM);
	bool kept = t->personality == TESS_PERSONALITY_LINUX;
	unsigned f = t_file(t, PAGE, 1);

	EXPECT_OK(t_anon(t, BASE, PAGE, RW, PFIX, NULL));
	EXPECT_OK(t_anon(t, BASE + PAGE, PAGE, TESS_PROT_NONE, PFIX, NULL));
	EXPECT_EQ(t_mlock(t, BASE, 2 * PAGE, 0), want);
	EXPECT_EQ(t_counts(t).locked, kept ? 2 * PAGE : 0);
	EXPECT_EQ(t_anon_count(t), 1); /* the page that could be had stays in */
	/* beyond the end of a file */
	EXPECT_OK(t_map(t, BASE + 4 * PAGE, 2 * PAGE, RW, PFIX, f, 0, NULL));
	EXPECT_EQ(t_mlock(t, BASE + 4 * PAGE, 2 * PAGE, 0), want);
	EXPECT_EQ(t_counts(t).locked, kept ? 4 * PAGE : 0);
}

/* A part was locked before the call that fails: it stays locked, nothing else is. */
API_TEST(s83_undone)
{
	EXPECT_OK(t_anon(t, BASE, 3 * PAGE, RW, PFIX, NULL));
	EXPECT_OK(t_anon(t, BASE + 3 * PAGE, PAGE, TESS_PROT_NONE, PFIX, NULL));
	EXPECT_OK(t_mlock(t, BASE + PAGE, PAGE, 0));
	EXPECT(t_mlock(t, BASE, 4 * PAGE, 0) != TESS_OK);
	EXPECT_EQ(t_counts(t).locked, PAGE);
	EXPECT_EQ(t_area(t, BASE + PAGE).flags & TESS_AREA_LOCKED, TESS_AREA_LOCKED);
}

API_TEST(s84_munlock)
{
	enum tess_err want = BY(t, TESS_OK, TESS_OK, TESS_ENOMEM, TESS_ENOMEM);

	EXPECT_OK(t_anon(t, BASE, 4 * PAGE, RW, PFIX, NULL));
	EXPECT_EQ(t_munlock(t, BASE, 4 * PAGE), want); /* nothing is locked */
	EXPECT_OK(t_mlock(t, BASE, 2 * PAGE, 0));
	EXPECT_EQ(t_munlock(t, BASE, 4 * PAGE), want); /* a part is not */
	EXPECT_EQ(t_counts(t).locked, want == TESS_OK ? 0 : 2 * PAGE);
	EXPECT_EQ(t_munlock(t, BASE + 3 * PAGE, 2 * PAGE), TESS_ENOMEM); /* a hole */
	EXPECT_OK(t_munlock(t, BASE + 3 * PAGE, 0));
	EXPECT_EQ(t_munlock(t, BASE, 2 * PAGE), TESS_OK);
	EXPECT_EQ(t_counts(t).locked, 0);
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
	EXPECT_OK(t_mlock(t, BASE, 6 * PAGE, 0));
	EXPECT_EQ(t_anon_count(t), 2);
	EXPECT_OK(t_mincore(t, BASE, 6 * PAGE, vec));
	for (unsigned i = 0; i < 6; i++)
		EXPECT_EQ(vec[i] & TESS_MINCORE_INCORE, 1);
	EXPECT_OK(t_munlock(t, BASE, 6 * PAGE));
}

API_TEST(mlock_nesting)
{
	struct tess_space_counts n;

	EXPECT_OK(t_anon(t, BASE, 2 * PAGE, TESS_PROT_READ | TESS_PROT_WRITE,
			 TESS_MAP_PRIVATE | TESS_MAP_FIXED, NULL));
	EXPECT_OK(t_mlock(t, BASE, 2 * PAGE, 0));
	EXPECT_OK(t_mlock(t, BASE, 2 * PAGE, 0));
	EXPECT_OK(t_munlock(t, BASE, 2 * PAGE));
	tess_space_counts_get(t->sp, &n);
	EXPECT_EQ(n.locked, 0);
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

API_TEST(mlock_all_bsd)
{
	EXPECT_OK(t_anon(t, BASE, 2 * PAGE, RW, PFIX, NULL));
	EXPECT_OK(t_mlockall(t, TESS_MCL_CURRENT | TESS_MCL_FUTURE));
	EXPECT_EQ(t_anon_count(t), 2);
	EXPECT_OK(t_anon(t, BASE + 8 * PAGE, PAGE, RW, PFIX, NULL));
	EXPECT_EQ(t_counts(t).locked, 3 * PAGE);
	EXPECT_EQ(t_anon_count(t), 3);
	EXPECT_OK(t_munlockall(t));
	EXPECT_EQ(t_counts(t).locked, 0);
	EXPECT_OK(t_anon(t, BASE + 9 * PAGE, PAGE, RW, PFIX, NULL));
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
    API_ROW(s80_args, "S80: wrap, unaligned, unknown flags, length 0", API_ALL),
    API_ROW(s80_mlockall_args, "S80: mlockall's flags", API_ALL),
    API_ROW(s81_machine_maximum, "S81: the machine's maximum of locked memory", API_ALL),
    API_ROW(s82_limit, "S82: RLIMIT_MEMLOCK, and 0 of it", API_ALL),
    API_ROW(s83_hole, "S83: a hole is ENOMEM; linux keeps the lock of the part before it", API_ALL),
    API_ROW(s83_no_access,
	    "S83: pages that cannot be brought in: nothing is locked (linux: all is)", API_ALL),
    API_ROW(s83_undone, "S83: what was locked before stays so", API_ALL & ~API_LINUX),
    API_ROW(s84_munlock, "S84: munlock: a hole; bsd and seed: memory that is not locked", API_ALL),
    API_ROW(mlock_faults, "mlock brings pages in: writable private ones become the space's own",
	    API_ALL),
    API_ROW(mlock_nesting, "locks do not nest", API_ALL),
    API_ROW(mlock_onfault, "MLOCK_ONFAULT brings nothing in", API_ALL),
    API_ROW(mlock_all, "mlockall CURRENT and FUTURE, munlockall", API_BOTH),
    API_ROW(mlock_all_bsd, "mlockall without ONFAULT, munlockall", API_ALL),
    API_ROW(mlock_fork, "locks are not inherited", API_ALL),
};

API_FAMILY(mlock, mlock_tests);
