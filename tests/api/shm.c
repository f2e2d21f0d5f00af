/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * shm.c: System V segments.
 */
#include "api.h"

API_TEST(shm_attach)
{
	unsigned s = t_segment(t, 3 * PAGE);
	tess_va a, b;
	uint8_t x;

	EXPECT_OK(t_shmat(t, s, 0, TESS_PROT_READ | TESS_PROT_WRITE, &a));
	EXPECT_OK(t_shmat(t, s, BASE, TESS_PROT_READ, &b));
	EXPECT_EQ(b, BASE);
	EXPECT_OK(t_store(t, a + PAGE, 0x12));
	EXPECT_OK(t_load(t, b + PAGE, &x));
	EXPECT_EQ(x, 0x12);
	EXPECT_EQ(t_store(t, b, 1), TESS_SIGSEGV);
	EXPECT_EQ(t_mprotect(t, b, PAGE, TESS_PROT_READ | TESS_PROT_WRITE), TESS_EACCES);
	EXPECT_OK(t_shmdt(t, a));
	EXPECT_EQ(t_shmdt(t, a), TESS_EINVAL);
	EXPECT_OK(t_shmdt(t, b));
}

API_TEST(shm_args)
{
	unsigned s = t_segment(t, 2 * PAGE), f = t_file(t, PAGE, 1);

	EXPECT_EQ(t_shmat(t, s, BASE + 1, TESS_PROT_READ | TESS_PROT_WRITE, NULL), TESS_EINVAL);
	EXPECT_OK(t_anon(t, BASE + PAGE, PAGE, TESS_PROT_READ | TESS_PROT_WRITE,
			 TESS_MAP_PRIVATE | TESS_MAP_FIXED, NULL));
	EXPECT_EQ(t_shmat(t, s, BASE, TESS_PROT_READ | TESS_PROT_WRITE, NULL), TESS_EINVAL);
	EXPECT_EQ(t_shmat(t, f, 0, TESS_PROT_READ | TESS_PROT_WRITE, NULL), TESS_EINVAL);
	EXPECT_EQ(t_shmdt(t, BASE + 1), TESS_EINVAL);
	EXPECT_EQ(t_shmdt(t, BASE + PAGE), TESS_EINVAL);
}

API_TEST(shm_pieces)
{
	unsigned s = t_segment(t, 5 * PAGE);

	EXPECT_OK(t_shmat(t, s, BASE, TESS_PROT_READ | TESS_PROT_WRITE, NULL));
	EXPECT_OK(t_shmat(t, s, BASE + 5 * PAGE, TESS_PROT_READ | TESS_PROT_WRITE, NULL));
	EXPECT_OK(t_munmap(t, BASE, PAGE));
	EXPECT_OK(t_munmap(t, BASE + 2 * PAGE, PAGE));
	EXPECT_OK(t_anon(t, BASE + 2 * PAGE, PAGE, TESS_PROT_READ | TESS_PROT_WRITE,
			 TESS_MAP_PRIVATE | TESS_MAP_FIXED, NULL));
	EXPECT_OK(t_mprotect(t, BASE + 4 * PAGE, PAGE, TESS_PROT_READ));
	EXPECT_OK(t_shmdt(t, BASE));
	EXPECT_OK(t_store(t, BASE + 2 * PAGE, 1));
	EXPECT_EQ(t_load(t, BASE + 3 * PAGE, NULL), TESS_SIGSEGV);
	EXPECT_OK(t_store(t, BASE + 5 * PAGE, 1));
}

API_TEST(shm_fork)
{
	unsigned s = t_segment(t, PAGE);
	uint8_t b;

	EXPECT_OK(t_shmat(t, s, BASE, TESS_PROT_READ | TESS_PROT_WRITE, NULL));
	t_switch(t, t_fork(t));
	EXPECT_OK(t_store(t, BASE, 0x44));
	t_switch(t, 0);
	EXPECT_OK(t_load(t, BASE, &b));
	EXPECT_EQ(b, 0x44);
}

static const struct api_test shm_tests[] = {
    API_ROW(shm_attach, "two attachments of one segment show the same bytes", API_ALL),
    API_ROW(shm_args, "EINVAL: unaligned, taken, no segment", API_ALL),
    API_ROW(shm_pieces, "shmdt takes the pieces that are left of one attachment, and no other",
	    API_ALL),
    API_ROW(shm_fork, "a child shares the segment", API_ALL),
};

API_FAMILY(shm, shm_tests);
