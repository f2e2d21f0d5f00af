/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * defects.c: bugs that this family of systems had, D1 to D22, and that no personality has here.  Some stand beside the call
 * they were in (D1, D5, D8, D11, D16, D19 to D22).
 *
 * Where the mechanism is absent (swap: D12 to D14; loans: D17) the test proves what could be seen of the defect.
 */
#include <tessera/machine.h>
#include <tessera/object.h>
#include <tessera/page.h>
#include "api.h"

static uint64_t
defect_version(struct api *t)
{
	struct tess_area a;
	uint64_t version;
	unsigned n;

	tess_map_list(tess_space_map(t->sp), 0, &a, 1, &n, &version);
	return version;
}

/* Frames that hold private pages, of all spaces. */
static uint64_t
defect_frames(void)
{
	struct tess_page_counts n;

	tess_quiesce();
	tess_page_counts_get(&n);
	return n.anon;
}

/* The map's version grows by one: nobody could have seen an entry with more rights, or with another inheritance. */
API_TEST(d2_made_complete)
{
	unsigned f = t_file(t, 4 * PAGE, 1);
	uint64_t before = defect_version(t);

	t->file[f].mode = TESS_MODE_READ;
	EXPECT_OK(t_map(t, BASE, 4 * PAGE, TESS_PROT_NONE, SFIX, f, 0, NULL));
	if (t->fail == NULL)
		EXPECT_EQ(defect_version(t), before + 1);
	EXPECT_EQ(t_area(t, BASE).prot, TESS_PROT_NONE);
	EXPECT_EQ(t_area(t, BASE).maxprot, TESS_PROT_READ | TESS_PROT_EXEC);
	EXPECT_EQ(t_area(t, BASE).inherit, TESS_INHERIT_SHARE);
}

/* The copy-on-write of a private file mapping is there from the first moment, in the same change. */
API_TEST(d3_copies_from_the_start)
{
	unsigned f = t_file(t, 4 * PAGE, 1);
	uint64_t before;
	uint8_t b;

	EXPECT_OK(t_map(t, BASE + 8 * PAGE, PAGE, RW, SFIX, f, 0, NULL));
	before = defect_version(t);
	EXPECT_OK(t_map(t, BASE, 4 * PAGE, RW, PFIX, f, 0, NULL));
	if (t->fail == NULL)
		EXPECT_EQ(defect_version(t), before + 1);
	EXPECT_OK(t_store(t, BASE, (uint8_t)(t_byte(1, 0) + 1)));
	EXPECT_OK(t_load(t, BASE + 8 * PAGE, &b));
	EXPECT_EQ(b, t_byte(1, 0));
}

/* ---- D4: a pager that unmaps what is being stored ---- */

static struct {
	struct tess_space *sp;
	unsigned puts;
} defect_pager_state;

static enum tess_err
defect_get(void *backing, tess_idx idx, unsigned n, void *const *data)
{
	(void)backing;
	for (unsigned i = 0; i < n; i++)
		for (unsigned k = 0; k < PAGE; k++)
			((uint8_t *)data[i])[k] = (uint8_t)(idx + i);
	return TESS_OK;
}

static enum tess_err
defect_put(void *backing, tess_idx idx, unsigned n, const void *const *data, uint64_t size)
{
	(void)backing;
	(void)idx;
	(void)n;
	(void)data;
	(void)size;
	defect_pager_state.puts++;
	if (defect_pager_state.sp != NULL &&
	    tess_munmap(defect_pager_state.sp, BASE, 4 * PAGE) != TESS_OK)
		return TESS_EIO;
	defect_pager_state.sp = NULL;
	return TESS_OK;
}

static enum tess_err
defect_resize(void *backing, uint64_t size)
{
	(void)backing;
	(void)size;
	return TESS_OK;
}

static void
defect_detach(void *backing)
{
	(void)backing;
}

static const struct tess_pager_ops defect_pager = {.name = "defect",
						   .get = defect_get,
						   .put = defect_put,
						   .resize = defect_resize,
						   .detach = defect_detach};

API_TEST(d4_msync_entry_goes)
{
	struct tess_mmap_args a = {.addr = BASE, .len = 4 * PAGE, .prot = RW, .flags = SFIX};
	struct tess_object *o = NULL;
	enum tess_err e;
	tess_va va;

	if (t->fail != NULL)
		return; /* the pager itself calls the core */
	t_apart(t);
	EXPECT_OK(tess_object_create(&defect_pager, NULL, 4 * PAGE, &o));
	a.handle = (struct tess_handle){
	    .kind = TESS_HANDLE_FILE, .mode = TESS_MODE_READ | TESS_MODE_WRITE, .object = o};
	e = tess_mmap(t->sp, &a, &va);
	tess_object_unref(o);
	EXPECT_OK(e);
	EXPECT_OK(env_store(t->sp, BASE, 1));
	EXPECT_OK(env_store(t->sp, BASE + 3 * PAGE, 1));
	defect_pager_state.puts = 0;
	defect_pager_state.sp = t->sp;
	/* in seed 0 is the whole mapping, which goes while its first page is stored */
	e = tess_msync(t->sp, BASE, t->personality == TESS_PERSONALITY_SEED ? 0 : 4 * PAGE,
		       TESS_MS_SYNC);
	defect_pager_state.sp = NULL;
	EXPECT(e == TESS_OK || e == TESS_ENOMEM || e == TESS_EINVAL);
	EXPECT(defect_pager_state.puts != 0);
	EXPECT_EQ(t_area(t, BASE).end, 0);
}

/* ---- Sums and lengths ---- */

/* addr + len does not wrap, rounded up it does. */
API_TEST(d6_rounding_wraps)
{
	static const uint64_t len[] = {1, PAGE - 1, UINT64_MAX - 0xffffffffffffe000};
	tess_va at = 0xfffffffffffff000 - PAGE;
	unsigned char vec[4];

	EXPECT_OK(t_anon(t, BASE, PAGE, RW, PFIX, NULL));
	EXPECT_OK(t_store(t, BASE, 5));
	for (unsigned i = 0; i < 3; i++) {
		tess_va va = i < 2 ? at + PAGE : at;

		EXPECT(t_munmap(t, va, len[i]) != TESS_OK);
		EXPECT(t_mprotect(t, va, len[i], TESS_PROT_NONE) != TESS_OK);
		EXPECT(t_msync(t, va, len[i], TESS_MS_SYNC) != TESS_OK);
		EXPECT(t_mlock(t, va, len[i], 0) != TESS_OK);
		EXPECT(t_munlock(t, va, len[i]) != TESS_OK);
		EXPECT(t_mincore(t, va, len[i], vec) != TESS_OK);
		EXPECT(t_madvise(t, va, len[i], TESS_MADV_DONTNEED) != TESS_OK);
		EXPECT(t_minherit(t, va, len[i], TESS_INHERIT_NONE) != TESS_OK);
		EXPECT(t_mimmutable(t, va, len[i]) != TESS_OK);
		EXPECT(t_mseal(t, va, len[i], 0) != TESS_OK);
		EXPECT(t_anon(t, va, len[i], RW, PFIX, NULL) != TESS_OK);
		EXPECT(t_mremap(t, va, len[i], PAGE, 0, 0, NULL) != TESS_OK);
	}
	/* from a mapped page to the very end */
	EXPECT(t_munmap(t, BASE, UINT64_MAX - BASE) != TESS_OK);
	EXPECT(t_mlock(t, BASE, UINT64_MAX - BASE, 0) != TESS_OK);
	EXPECT_EQ(t_anon_count(t), 1);
}

/* Lengths above 4 GiB whose low half is one page. */
API_TEST(d7_long_lengths)
{
	uint64_t len = ((uint64_t)4 << 30) + PAGE;
	tess_va va = 0x4000000000, end = va + len;

	EXPECT_OK(t_anon(t, va, len, RW, PFIX, NULL));
	EXPECT_EQ(t_area(t, va).end, end);
	EXPECT_OK(t_mprotect(t, va, len, TESS_PROT_READ));
	EXPECT_EQ(t_store(t, end - 1, 1), TESS_SIGSEGV);
	EXPECT_OK(t_mprotect(t, va, len, RW));
	EXPECT_OK(t_minherit(t, va, len, TESS_INHERIT_NONE));
	EXPECT_EQ(t_area(t, end - 1).inherit, TESS_INHERIT_NONE);
	if (t->personality != TESS_PERSONALITY_SEED)
		EXPECT_OK(t_madvise(t, va, len, TESS_MADV_RANDOM));
	EXPECT_OK(t_store(t, end - 1, 1));
	EXPECT_OK(t_msync(t, va, len, TESS_MS_SYNC));
	EXPECT_OK(t_munmap(t, va, len));
	EXPECT_EQ(t_counts(t).bytes, 0);
	EXPECT_EQ(t_anon_count(t), 0);
}

API_TEST(d9_len0_mapped_nowhere)
{
	tess_va va = 0x5555;

	EXPECT_EQ(t_anon(t, 0, 0, RW, TESS_MAP_PRIVATE, &va),
		  BY(t, TESS_EINVAL, TESS_EINVAL, TESS_EINVAL, TESS_OK));
	/* seed's success is the rule (S29); what it answers is the hint, and nothing is mapped */
	EXPECT_EQ(va, t->personality == TESS_PERSONALITY_SEED ? 0 : 0x5555);
	EXPECT_EQ(t_counts(t).bytes, 0);
}

/* ---- Reading ahead, and dropping ---- */

API_TEST(d10_willneed_range)
{
	unsigned f = t_file(t, 16 * PAGE, 1);
	struct tess_object *o = t->file[f].object;

	EXPECT_OK(t_anon(t, BASE, 2 * PAGE, RW, PFIX, NULL));
	EXPECT_OK(t_map(t, BASE + 2 * PAGE, 4 * PAGE, TESS_PROT_READ, PFIX, f, 4 * PAGE, NULL));
	/* it starts before the entry and ends inside */
	EXPECT_OK(t_madvise(t, BASE, 4 * PAGE, TESS_MADV_WILLNEED));
	EXPECT_EQ(tess_object_resident(o, 4, 2), 2);
	EXPECT_EQ(tess_object_resident(o, 0, 4), 0);
	EXPECT_EQ(tess_object_resident(o, 6, 10), 0);
	/* it starts inside the entry and ends with it */
	EXPECT_OK(t_madvise(t, BASE + 5 * PAGE, PAGE, TESS_MADV_WILLNEED));
	EXPECT_EQ(tess_object_resident(o, 7, 1), 1);
	EXPECT_EQ(tess_object_resident(o, 0, 16), 3);
}

/* Every private page goes, translated or not; the memory comes back. */
API_TEST(d12_free_drops_all)
{
	EXPECT_OK(t_anon(t, BASE, 16 * PAGE, RW, PFIX, NULL));
	for (unsigned i = 0; i < 16; i++)
		EXPECT_OK(t_store(t, BASE + i * PAGE, (uint8_t)(i + 1)));
	/* half of them without a translation */
	EXPECT_OK(t_mprotect(t, BASE, 8 * PAGE, TESS_PROT_NONE));
	EXPECT_OK(t_mprotect(t, BASE, 8 * PAGE, RW));
	EXPECT_OK(t_madvise(t, BASE, 16 * PAGE, TESS_MADV_FREE));
	EXPECT_EQ(t_anon_count(t), 0);
	EXPECT_EQ(defect_frames(), 0);
}

/* The first slot of a chunk is a slot like any other for every walk that starts again. */
API_TEST(d13_first_slot)
{
	tess_va chunk = 0x40000000;
	uint8_t b;

	EXPECT_OK(t_anon(t, chunk - 4 * PAGE, 1032 * PAGE, RW, PFIX, NULL));
	for (unsigned i = 0; i < 2; i++) {
		EXPECT_OK(t_store(t, chunk + i * 512 * PAGE, (uint8_t)(i + 1)));
		EXPECT_OK(t_store(t, chunk + i * 512 * PAGE - PAGE, (uint8_t)(i + 3)));
	}
	t_switch(t, t_fork(t));
	EXPECT_OK(t_load(t, chunk, &b));
	EXPECT_EQ(b, 1);
	EXPECT_OK(t_store(t, chunk + 512 * PAGE, 9));
	EXPECT_OK(t_munmap(t, chunk, 1028 * PAGE));
	EXPECT_EQ(t_anon_count(t), 1);
	t_switch(t, 0);
	EXPECT_OK(t_load(t, chunk + 512 * PAGE, &b));
	EXPECT_EQ(b, 2);
	EXPECT_OK(t_munmap(t, chunk - 4 * PAGE, 5 * PAGE));
	EXPECT_EQ(t_anon_count(t), 2);
}

/* No record of what is referenced can be short of memory: a partial unmap frees its pages there and then. */
API_TEST(d14_partial_unmap_frees)
{
	unsigned child;

	EXPECT_OK(t_anon(t, BASE, 64 * PAGE, RW, PFIX, NULL));
	for (unsigned i = 0; i < 64; i++)
		EXPECT_OK(t_store(t, BASE + i * PAGE, 1));
	child = t_fork(t);
	t_exit(t, child); /* the pages were shared once */
	EXPECT_OK(t_munmap(t, BASE + 16 * PAGE, 32 * PAGE));
	EXPECT_EQ(t_anon_count(t), 32);
	EXPECT_EQ(defect_frames(), 32);
	EXPECT_OK(t_munmap(t, BASE, PAGE));
	EXPECT_EQ(t_anon_count(t), 31);
}

/* fork of locked memory: shared copy-on-write like other memory, all of it or nothing (the forced run). */
API_TEST(d15_fork_locked)
{
	unsigned f = t_file(t, 4 * PAGE, 1), child;
	uint8_t b;

	EXPECT_OK(t_anon(t, BASE, 4 * PAGE, RW, PFIX, NULL));
	EXPECT_OK(t_map(t, BASE + 4 * PAGE, 4 * PAGE, RW, PFIX, f, 0, NULL));
	EXPECT_OK(t_store(t, BASE, 1));
	EXPECT_OK(t_mlock(t, BASE, 8 * PAGE, 0));
	child = t_fork(t);
	EXPECT_OK(t_store(t, BASE, 2)); /* the parent's stays locked and its own */
	EXPECT_EQ(t_counts(t).locked, 8 * PAGE);
	t_switch(t, child);
	EXPECT_EQ(t_counts(t).locked, 0);
	EXPECT_OK(t_load(t, BASE, &b));
	EXPECT_EQ(b, 1);
	EXPECT_OK(t_store(t, BASE + 5 * PAGE, 3));
	t_switch(t, 0);
	EXPECT_OK(t_munlock(t, BASE, 8 * PAGE));
}

/*
 * There are no loans; what they are for, lending pages of any kind to somebody else, is tess_map_extract().  The 1995 line's
 * could lend neither an object's pages nor untouched zeros to private memory, and leaked what it took back.
 */
API_TEST(d17_lend_any_page)
{
	struct tess_map *map = tess_space_map(t->sp);
	unsigned f = t_file(t, 4 * PAGE, 1);
	tess_va to = BASE + 64 * PAGE;
	uint64_t before;
	uint8_t b = 0;

	EXPECT_OK(t_anon(t, BASE, 2 * PAGE, RW, PFIX, NULL));
	EXPECT_OK(t_store(t, BASE, 1)); /* a page, and one that was never touched */
	EXPECT_OK(t_map(t, BASE + 2 * PAGE, 2 * PAGE, RW, PFIX, f, 0, NULL));
	EXPECT_OK(t_load(t, BASE + 2 * PAGE, NULL));
	t_apart(t);
	before = t_counts(t).anon;
	EXPECT_EQ(T_KERN(t, "extract", API_LEFT_NOTHING,
			 tess_map_extract(map, BASE, 4 * PAGE, map, &to, TESS_EXTRACT_COPY)),
		  TESS_KERN_SUCCESS);
	EXPECT_OK(t_load(t, to, &b));
	EXPECT_EQ(b, 1);
	EXPECT_OK(t_load(t, to + PAGE, &b));
	EXPECT_EQ(b, 0);
	EXPECT_OK(t_load(t, to + 2 * PAGE, &b));
	EXPECT_EQ(b, t_byte(1, 0));
	EXPECT_OK(t_store(t, to + 2 * PAGE, 9));
	EXPECT_OK(t_load(t, BASE + 2 * PAGE, &b));
	EXPECT_EQ(b, t_byte(1, 0));
	EXPECT_OK(t_munmap(t, to, 4 * PAGE)); /* given back */
	EXPECT_EQ(t_counts(t).anon, before);
}

/* The layer that answers is the private one whenever there is a private page. */
API_TEST(d18_right_layer)
{
	unsigned f = t_file(t, 2 * PAGE, 1);
	unsigned char vec[2];

	EXPECT_OK(t_map(t, BASE, 2 * PAGE, RW, PFIX, f, 0, NULL));
	EXPECT_OK(t_load(t, BASE + PAGE, NULL));
	EXPECT_OK(t_store(t, BASE, 1));
	EXPECT_OK(t_mincore_detail(t, BASE, 2 * PAGE, vec));
	EXPECT_EQ(vec[0] & (TESS_MINCORE_INCORE | TESS_MINCORE_COPIED),
		  TESS_MINCORE_INCORE | TESS_MINCORE_COPIED);
	EXPECT_EQ(vec[1] & (TESS_MINCORE_INCORE | TESS_MINCORE_COPIED), TESS_MINCORE_INCORE);
	EXPECT_EQ((vec[0] | vec[1]) & TESS_MINCORE_PAGED_OUT, 0);
}

/* Locked pages stay in through protection changes, and WILLNEED twice enters nothing twice. */
API_TEST(d22_locked_stays)
{
	unsigned f = t_file(t, 4 * PAGE, 1);
	unsigned char vec[4];

	EXPECT_OK(t_map(t, BASE, 4 * PAGE, RW, SFIX, f, 0, NULL));
	EXPECT_OK(t_mlock(t, BASE, 4 * PAGE, 0));
	EXPECT_OK(t_mprotect(t, BASE, 4 * PAGE, TESS_PROT_NONE));
	EXPECT_OK(t_mprotect(t, BASE, 4 * PAGE, TESS_PROT_READ));
	EXPECT_EQ(t_counts(t).locked, 4 * PAGE);
	EXPECT_OK(t_mincore(t, BASE, 4 * PAGE, vec));
	for (unsigned i = 0; i < 4; i++)
		EXPECT_EQ(vec[i] & TESS_MINCORE_INCORE, 1);
	if (t->personality != TESS_PERSONALITY_SEED)
		for (unsigned i = 0; i < 2; i++)
			EXPECT_OK(t_madvise(t, BASE, 4 * PAGE, TESS_MADV_WILLNEED));
	EXPECT(t_msync(t, BASE, 4 * PAGE, TESS_MS_SYNC | TESS_MS_INVALIDATE) != TESS_OK);
	EXPECT_OK(t_munlock(t, BASE, 4 * PAGE));
}

static const struct api_test defects_tests[] = {
    API_ROW(d2_made_complete, "D2: a mapping is made in one change, with its rights", API_ALL),
    API_ROW(d3_copies_from_the_start, "D3: copy-on-write is part of the same change", API_ALL),
    API_ROW(d4_msync_entry_goes, "D4: what msync stores may be unmapped meanwhile", API_ALL),
    API_ROW(d6_rounding_wraps, "D6: sums that wrap only when rounded", API_ALL),
    API_ROW(d7_long_lengths, "D7: lengths beyond 32 bits", API_ALL),
    API_ROW(d9_len0_mapped_nowhere, "D9: length 0 is no mapping", API_ALL),
    API_ROW(d10_willneed_range, "D10: WILLNEED reads what was asked for", API_ALL & ~API_SEED),
    API_ROW(d12_free_drops_all, "D12: FREE drops every private page", API_ALL & ~API_SEED),
    API_ROW(d13_first_slot, "D13: the first slot is never skipped", API_ALL),
    API_ROW(d14_partial_unmap_frees, "D14: a partial unmap frees its pages at once", API_ALL),
    API_ROW(d15_fork_locked, "D15: fork of locked memory is all or nothing, and holds nothing",
	    API_ALL),
    API_ROW(d17_lend_any_page, "D17: pages of every kind can be lent and are given back", API_ALL),
    API_ROW(d18_right_layer, "D18: mincore asks the layer that the page is in", API_ALL),
    API_ROW(d22_locked_stays, "D22: locked pages survive protection changes and INVALIDATE",
	    API_ALL),
};

API_FAMILY(defects, defects_tests);
