/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * fork.c: children: inheritance and copy-on-write.
 */
#include "api.h"

API_TEST(fork_cow)
{
	unsigned child;
	uint8_t b;

	EXPECT_OK(t_anon(t, BASE, 4 * PAGE, TESS_PROT_READ | TESS_PROT_WRITE,
			 TESS_MAP_PRIVATE | TESS_MAP_FIXED, NULL));
	for (unsigned i = 0; i < 3; i++)
		EXPECT_OK(t_store(t, BASE + i * PAGE, (uint8_t)i));
	child = t_fork(t);
	EXPECT_OK(t_store(t, BASE, 0x10));
	EXPECT_OK(t_store(t, BASE + 3 * PAGE, 0x13));
	t_switch(t, child);
	EXPECT_OK(t_load(t, BASE, &b));
	EXPECT_EQ(b, 0);
	EXPECT_OK(t_load(t, BASE + 3 * PAGE, &b));
	EXPECT_EQ(b, 0);
	EXPECT_OK(t_store(t, BASE + PAGE, 0x21));
	t_switch(t, 0);
	EXPECT_OK(t_load(t, BASE + PAGE, &b));
	EXPECT_EQ(b, 1);
}

API_TEST(fork_exit_first)
{
	unsigned child;
	uint8_t b;

	EXPECT_OK(t_anon(t, BASE, 4 * PAGE, TESS_PROT_READ | TESS_PROT_WRITE,
			 TESS_MAP_PRIVATE | TESS_MAP_FIXED, NULL));
	for (unsigned i = 0; i < 4; i++)
		EXPECT_OK(t_store(t, BASE + i * PAGE, (uint8_t)(i + 1)));
	child = t_fork(t);
	t_switch(t, child);
	EXPECT_OK(t_anon(t, BASE + 4 * PAGE, 2 * PAGE, TESS_PROT_READ | TESS_PROT_WRITE,
			 TESS_MAP_PRIVATE | TESS_MAP_FIXED, NULL));
	EXPECT_OK(t_store(t, BASE + 4 * PAGE, 9));
	t_exit(t, 0);
	EXPECT_OK(t_load(t, BASE + 3 * PAGE, &b));
	EXPECT_EQ(b, 4);
	EXPECT_OK(t_store(t, BASE + 3 * PAGE, 5));
}

API_TEST(d21_fork_generations)
{
	unsigned c1, c2, c3;
	uint8_t b;

	EXPECT_OK(t_anon(t, BASE, 3 * PAGE, TESS_PROT_READ | TESS_PROT_WRITE,
			 TESS_MAP_PRIVATE | TESS_MAP_FIXED, NULL));
	EXPECT_OK(t_store(t, BASE, 1));
	c1 = t_fork(t);
	t_switch(t, c1);
	EXPECT_OK(t_store(t, BASE + PAGE, 2));
	c2 = t_fork(t);
	t_switch(t, c2);
	EXPECT_OK(t_store(t, BASE, 3));
	c3 = t_fork(t);
	t_exit(t, c1);
	t_switch(t, c3);
	EXPECT_OK(t_load(t, BASE, &b));
	EXPECT_EQ(b, 3);
	EXPECT_OK(t_load(t, BASE + PAGE, &b));
	EXPECT_EQ(b, 2);
	t_switch(t, 0);
	EXPECT_OK(t_load(t, BASE, &b));
	EXPECT_EQ(b, 1);
}

API_TEST(fork_inherit)
{
	unsigned child;
	uint8_t b;

	EXPECT_OK(t_anon(t, BASE, 8 * PAGE, TESS_PROT_READ | TESS_PROT_WRITE,
			 TESS_MAP_PRIVATE | TESS_MAP_FIXED, NULL));
	for (unsigned i = 0; i < 8; i++)
		EXPECT_OK(t_store(t, BASE + i * PAGE, 0x70));
	EXPECT_OK(t_minherit(t, BASE, 2 * PAGE, TESS_INHERIT_SHARE));
	EXPECT_OK(t_minherit(t, BASE + 2 * PAGE, 2 * PAGE, TESS_INHERIT_NONE));
	EXPECT_OK(t_minherit(t, BASE + 4 * PAGE, 2 * PAGE, TESS_INHERIT_ZERO));
	child = t_fork(t);
	t_switch(t, child);
	EXPECT_OK(t_store(t, BASE + PAGE, 0x71));
	EXPECT_EQ(t_load(t, BASE + 2 * PAGE, &b), TESS_SIGSEGV);
	EXPECT_OK(t_load(t, BASE + 4 * PAGE, &b));
	EXPECT_EQ(b, 0);
	EXPECT_OK(t_load(t, BASE + 6 * PAGE, &b));
	EXPECT_EQ(b, 0x70);
	t_switch(t, 0);
	EXPECT_OK(t_load(t, BASE + PAGE, &b));
	EXPECT_EQ(b, 0x71);
}

API_TEST(d21_share_generations)
{
	unsigned c1, c2;
	uint8_t b;

	EXPECT_OK(t_anon(t, BASE, 3 * PAGE, TESS_PROT_READ | TESS_PROT_WRITE,
			 TESS_MAP_PRIVATE | TESS_MAP_FIXED, NULL));
	EXPECT_OK(t_store(t, BASE, 1));
	EXPECT_OK(t_minherit(t, BASE, 3 * PAGE, TESS_INHERIT_SHARE));
	c1 = t_fork(t);
	t_switch(t, c1);
	c2 = t_fork(t);
	EXPECT_OK(t_store(t, BASE, 2));
	EXPECT_OK(t_store(t, BASE + PAGE, 3));
	t_switch(t, c2);
	EXPECT_OK(t_load(t, BASE, &b));
	EXPECT_EQ(b, 2);
	t_exit(t, c1);
	EXPECT_OK(t_store(t, BASE + 2 * PAGE, 4));
	t_switch(t, 0);
	EXPECT_OK(t_load(t, BASE + 2 * PAGE, &b));
	EXPECT_EQ(b, 4);
	EXPECT_OK(t_munmap(t, BASE, 3 * PAGE));
}

API_TEST(fork_minherit_args)
{
	EXPECT_OK(t_anon(t, BASE, PAGE, RW, PFIX, NULL));
	EXPECT_EQ(t_minherit(t, BASE + 1, PAGE - 1, TESS_INHERIT_NONE),
		  BY(t, TESS_EINVAL, TESS_EINVAL, TESS_OK, TESS_OK));
	EXPECT_EQ(t_minherit(t, BASE, PAGE, (enum tess_inherit)9), TESS_EINVAL);
	EXPECT_EQ(t_minherit(t, BASE, UINT64_MAX, TESS_INHERIT_NONE), TESS_EINVAL);
	EXPECT_EQ(t_minherit(t, BASE, 2 * PAGE, TESS_INHERIT_SHARE),
		  BY(t, TESS_ENOMEM, TESS_ENOMEM, TESS_OK, TESS_OK));
	EXPECT_OK(t_minherit(t, BASE, PAGE, TESS_INHERIT_NONE));
}

API_TEST(fork_shared)
{
	uint8_t b;

	EXPECT_OK(t_anon(t, BASE, 2 * PAGE, TESS_PROT_READ | TESS_PROT_WRITE,
			 TESS_MAP_SHARED | TESS_MAP_FIXED, NULL));
	EXPECT_OK(t_store(t, BASE, 1));
	t_switch(t, t_fork(t));
	EXPECT_OK(t_store(t, BASE + PAGE, 2));
	t_switch(t, 0);
	EXPECT_OK(t_load(t, BASE + PAGE, &b));
	EXPECT_EQ(b, 2);
}

API_TEST(fork_private_file)
{
	unsigned f = t_file(t, 3 * PAGE, 8);
	uint8_t b;

	EXPECT_OK(t_map(t, BASE, 3 * PAGE, TESS_PROT_READ | TESS_PROT_WRITE,
			TESS_MAP_PRIVATE | TESS_MAP_FIXED, f, 0, NULL));
	EXPECT_OK(t_store(t, BASE, 1));
	EXPECT_OK(t_load(t, BASE + PAGE, &b));
	t_switch(t, t_fork(t));
	EXPECT_OK(t_store(t, BASE + PAGE, 0x66));
	EXPECT_OK(t_load(t, BASE, &b));
	EXPECT_EQ(b, 1);
	t_switch(t, 0);
	EXPECT_OK(t_load(t, BASE + PAGE, &b));
	EXPECT_EQ(b, t_byte(8, PAGE));
}

API_TEST(fork_many)
{
	uint8_t b;

	EXPECT_OK(t_anon(t, BASE, 16 * PAGE, TESS_PROT_READ | TESS_PROT_WRITE,
			 TESS_MAP_PRIVATE | TESS_MAP_FIXED, NULL));
	for (unsigned i = 0; i < 16; i++)
		EXPECT_OK(t_store(t, BASE + i * PAGE, 0xa0));
	for (unsigned c = 1; c < 7; c++) {
		unsigned child = t_fork(t);

		EXPECT_EQ(child, c);
		EXPECT_OK(t_store(t, BASE + c * PAGE, (uint8_t)c));
		if (c % 2 == 0)
			t_exit(t, child - 1);
	}
	t_switch(t, 4);
	EXPECT_OK(t_load(t, BASE + 4 * PAGE, &b));
	EXPECT_EQ(b, 0xa0);
	EXPECT_OK(t_load(t, BASE + 3 * PAGE, &b));
	EXPECT_EQ(b, 3);
}

API_TEST(fork_exec)
{
	EXPECT_OK(t_limit(t, TESS_LIMIT_AS, 8 * PAGE));
	EXPECT_OK(t_anon(t, BASE, 4 * PAGE, TESS_PROT_READ | TESS_PROT_WRITE,
			 TESS_MAP_PRIVATE | TESS_MAP_FIXED, NULL));
	EXPECT_OK(t_store(t, BASE, 1));
	t_exec(t);
	EXPECT_EQ(t_load(t, BASE, NULL), TESS_SIGSEGV);
	EXPECT_EQ(t_anon(t, BASE, 9 * PAGE, TESS_PROT_READ | TESS_PROT_WRITE,
			 TESS_MAP_PRIVATE | TESS_MAP_FIXED, NULL),
		  TESS_ENOMEM);
	EXPECT_OK(t_anon(t, BASE, 8 * PAGE, TESS_PROT_READ | TESS_PROT_WRITE,
			 TESS_MAP_PRIVATE | TESS_MAP_FIXED, NULL));
}

/* Hundreds of entries: the range index splits and joins its leaves, in the child as well. */
API_TEST(fork_entries)
{
	EXPECT_OK(t_anon(t, BASE, 300 * PAGE, RW, PFIX, NULL));
	for (unsigned i = 0; i < 300; i += 2)
		EXPECT_OK(t_mprotect(t, BASE + i * PAGE, PAGE, TESS_PROT_READ));
	EXPECT_OK(t_store(t, BASE + PAGE, 1));
	t_switch(t, t_fork(t));
	EXPECT_OK(t_mprotect(t, BASE + PAGE, 297 * PAGE, TESS_PROT_NONE));
	EXPECT_OK(t_munmap(t, BASE + 51 * PAGE, 100 * PAGE));
	t_switch(t, 0);
	EXPECT_OK(t_munmap(t, BASE + 51 * PAGE, 100 * PAGE));
	EXPECT_OK(t_mprotect(t, BASE + 151 * PAGE, PAGE, TESS_PROT_NONE));
}

/* Pages on both sides of the edge of a chunk of slots, shared with a child. */
API_TEST(fork_chunks)
{
	tess_va edge = 0x40000000, low = edge - 8 * PAGE;
	uint8_t b;

	EXPECT_OK(t_anon(t, low, 16 * PAGE, RW, PFIX, NULL));
	for (unsigned i = 0; i < 16; i++)
		EXPECT_OK(t_store(t, low + i * PAGE, (uint8_t)(i + 1)));
	t_switch(t, t_fork(t));
	EXPECT_OK(t_anon(t, edge - 4 * PAGE, 8 * PAGE, RW, PFIX, NULL));
	EXPECT_OK(t_munmap(t, edge - 6 * PAGE, 4 * PAGE));
	EXPECT_OK(t_store(t, edge + 6 * PAGE, 0x61));
	t_switch(t, 0);
	EXPECT_OK(t_mremap(t, low, 16 * PAGE, 20 * PAGE, TESS_MREMAP_MAYMOVE | TESS_MREMAP_FIXED,
			   BASE, NULL));
	EXPECT_OK(t_load(t, BASE + 14 * PAGE, &b));
	EXPECT_EQ(b, 15);
	t_switch(t, t_fork(t)); /* again, of what has moved */
	EXPECT_OK(t_store(t, BASE + 8 * PAGE, 0x62));
}

static const struct api_test fork_tests[] = {
    API_ROW(fork_cow, "A19: parent and child see their own stores only, whoever writes first",
	    API_ALL),
    API_ROW(fork_exit_first, "A34: the twin that exits first takes nothing along", API_ALL),
    API_ROW(d21_fork_generations, "D21: three generations, each writes, the middle one goes",
	    API_ALL),
    API_ROW(fork_inherit, "minherit SHARE, NONE, ZERO, COPY", API_ALL),
    API_ROW(d21_share_generations, "D21: shared private memory over three generations, then freed",
	    API_ALL),
    API_ROW(fork_minherit_args, "minherit: EINVAL and ENOMEM; bsd and seed truncate and skip",
	    API_ALL),
    API_ROW(fork_shared, "shared anonymous memory stays shared over fork", API_ALL),
    API_ROW(
	fork_private_file,
	"private file pages: those written before the fork are copied, others come from the file",
	API_ALL),
    API_ROW(fork_many, "a wide fork: eight relatives, one write each, exits in between", API_ALL),
    API_ROW(fork_entries, "hundreds of entries, forked, changed, cut", API_ALL),
    API_ROW(fork_chunks, "pages over the edge of a chunk, forked, replaced, moved", API_ALL),
    API_ROW(fork_exec, "exec forgets everything; limits stay", API_ALL & ~API_SEED),
};

API_FAMILY(fork, fork_tests);
