/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * wire.c: the map layer's wiring, quotas, the machine's account, extraction, submaps: what the model does not know.
 * The forced run holds areas, private pages and counts against those before.
 */
#include <tessera/object.h>
#include "api.h"

#define OK     TESS_KERN_SUCCESS
#define SYSTEM TESS_WIRE_SYSTEM

static enum tess_kern
wire(struct api *t, tess_va start, tess_va end, unsigned flags)
{
	return T_KERN(t, "wire", API_LEFT_PAGES,
		      tess_map_wire(tess_space_map(t->sp), start, end, flags));
}

static enum tess_kern
unwire(struct api *t, tess_va start, tess_va end, unsigned flags)
{
	return T_KERN(t, "unwire", API_LEFT_NOTHING,
		      tess_map_unwire(tess_space_map(t->sp), start, end, flags));
}

API_TEST(wire_counts)
{
	EXPECT_OK(t_anon(t, BASE, 4 * PAGE, RW, PFIX, NULL));
	t_apart(t);
	EXPECT_EQ(wire(t, BASE, BASE + 4 * PAGE, SYSTEM), OK);
	EXPECT_EQ(t_anon_count(t), 4);
	EXPECT_EQ(t_counts(t).wired, 4 * PAGE);
	EXPECT_EQ(t_counts(t).locked, 0);
	EXPECT_EQ(wire(t, BASE, BASE + 2 * PAGE, SYSTEM), OK); /* it nests */
	EXPECT_EQ(t_area(t, BASE).flags & TESS_AREA_WIRED, TESS_AREA_WIRED);
	EXPECT_EQ(unwire(t, BASE, BASE + 4 * PAGE, SYSTEM), OK);
	EXPECT_EQ(t_counts(t).wired, 2 * PAGE);
	EXPECT_EQ(unwire(t, BASE, BASE + 4 * PAGE, SYSTEM), TESS_KERN_INVALID_ARGUMENT);
	EXPECT_EQ(t_counts(t).wired, 2 * PAGE); /* nothing was done */
	EXPECT_EQ(unwire(t, BASE, BASE + 2 * PAGE, SYSTEM), OK);
	EXPECT_EQ(t_counts(t).wired, 0);
}

API_TEST(wire_user)
{
	EXPECT_OK(t_anon(t, BASE, 2 * PAGE, RW, PFIX, NULL));
	t_apart(t);
	EXPECT_EQ(wire(t, BASE, BASE + 2 * PAGE, 0), OK);
	EXPECT_EQ(wire(t, BASE, BASE + 2 * PAGE, 0), OK); /* it does not nest */
	EXPECT_EQ(t_counts(t).locked, 2 * PAGE);
	EXPECT_EQ(unwire(t, BASE, BASE + 2 * PAGE, 0), OK);
	EXPECT_EQ(t_counts(t).locked, 0);
	EXPECT_EQ(unwire(t, BASE, BASE + 2 * PAGE, 0), TESS_KERN_INVALID_ARGUMENT);
}

API_TEST(wire_refuses)
{
	unsigned f = t_file(t, PAGE, 1);

	EXPECT_OK(t_anon(t, BASE, 2 * PAGE, RW, PFIX, NULL));
	EXPECT_OK(t_anon(t, BASE + 2 * PAGE, PAGE, TESS_PROT_NONE, PFIX, NULL));
	EXPECT_OK(t_anon(t, BASE + 8 * PAGE, PAGE, TESS_PROT_READ, PFIX, NULL));
	EXPECT_OK(t_map(t, BASE + 16 * PAGE, 2 * PAGE, RW, SFIX, f, 0, NULL));
	t_apart(t);
	EXPECT_EQ(wire(t, BASE, BASE + 3 * PAGE, SYSTEM), TESS_KERN_PROTECTION_FAILURE);
	EXPECT_EQ(wire(t, BASE + 7 * PAGE, BASE + 9 * PAGE, SYSTEM), TESS_KERN_INVALID_ADDRESS);
	EXPECT_EQ(wire(t, BASE + 8 * PAGE, BASE + 9 * PAGE, SYSTEM | TESS_WIRE_WRITE),
		  TESS_KERN_PROTECTION_FAILURE);
	EXPECT_EQ(wire(t, BASE + 16 * PAGE, BASE + 18 * PAGE, SYSTEM), TESS_KERN_FAILURE);
	EXPECT_EQ(t_counts(t).wired, 0);
	EXPECT_EQ(wire(t, BASE, BASE + 9 * PAGE, SYSTEM | TESS_WIRE_HOLESOK), OK);
	EXPECT_EQ(unwire(t, BASE, BASE + 9 * PAGE, SYSTEM | TESS_WIRE_HOLESOK), OK);
	EXPECT_EQ(t_counts(t).wired, 0);
}

API_TEST(wire_maximum)
{
	struct tess_account a;

	EXPECT_OK(t_anon(t, BASE, 4 * PAGE, RW, PFIX, NULL));
	t_apart(t);
	tess_account_set_wired(2 * PAGE);
	EXPECT_EQ(wire(t, BASE, BASE + 3 * PAGE, SYSTEM), TESS_KERN_RESOURCE_SHORTAGE);
	EXPECT_EQ(wire(t, BASE, BASE + 2 * PAGE, SYSTEM), OK);
	EXPECT_EQ(wire(t, BASE, BASE + 2 * PAGE, SYSTEM), OK); /* counted once */
	tess_account_get(&a);
	EXPECT_EQ(a.wired, 2 * PAGE);
	EXPECT_OK(t_munmap(t, BASE, 4 * PAGE));
	tess_account_get(&a);
	EXPECT_EQ(a.wired, 0);
	tess_account_set_wired(UINT64_MAX);
}

/* ---- Quotas ---- */

API_TEST(quota_entries)
{
	struct tess_map *map = tess_space_map(t->sp);

	EXPECT_OK(t_anon(t, BASE, 8 * PAGE, RW, PFIX, NULL));
	EXPECT_OK(t_anon(t, BASE + 16 * PAGE, PAGE, RW, PFIX, NULL));
	t_apart(t);
	tess_map_set_quota(map, TESS_QUOTA_ENTRIES, 2);
	EXPECT_EQ(t_anon(t, BASE + 32 * PAGE, PAGE, RW, PFIX, NULL), TESS_ENOMEM);
	EXPECT_EQ(t_munmap(t, BASE + 2 * PAGE, PAGE), TESS_ENOMEM); /* two would be left */
	EXPECT_EQ(t_mprotect(t, BASE, PAGE, TESS_PROT_READ), TESS_ENOMEM);
	EXPECT_EQ(t_counts(t).entries, 2);
	EXPECT_OK(t_munmap(t, BASE, PAGE)); /* not more than before */
	EXPECT_OK(t_mprotect(t, BASE + PAGE, 7 * PAGE, TESS_PROT_READ));
	tess_map_set_quota(map, TESS_QUOTA_ENTRIES, 0);
	EXPECT_OK(t_anon(t, BASE + 32 * PAGE, PAGE, RW, PFIX, NULL));
}

API_TEST(commit_charge)
{
	struct tess_account a;

	tess_account_set_commit(TESS_COMMIT_NEVER, 4 * PAGE);
	t_apart(t);
	EXPECT_OK(t_anon(t, BASE, 3 * PAGE, RW, PFIX, NULL));
	EXPECT_EQ(t_counts(t).charged, 3 * PAGE);
	EXPECT_EQ(t_anon(t, BASE + 8 * PAGE, 2 * PAGE, RW, PFIX, NULL), TESS_ENOMEM);
	EXPECT_OK(
	    t_anon(t, BASE + 8 * PAGE, 2 * PAGE, TESS_PROT_READ, PFIX, NULL)); /* not charged */
	EXPECT_EQ(T_ERR(t, "fork", tess_space_fork(t->sp, &t->core[1])), TESS_ENOMEM);
	EXPECT_EQ(t_mprotect(t, BASE + 8 * PAGE, 2 * PAGE, RW), TESS_ENOMEM);
	tess_account_get(&a);
	EXPECT_EQ(a.committed, 3 * PAGE);
	EXPECT_OK(t_munmap(t, BASE, 3 * PAGE));
	EXPECT_OK(t_munmap(t, BASE + 8 * PAGE, 2 * PAGE));
	tess_account_get(&a);
	EXPECT_EQ(a.committed, 0);
	tess_account_set_commit(TESS_COMMIT_ALWAYS, 0);
}

/* ---- Extraction ---- */

static enum tess_kern
extract(struct api *t, tess_va start, uint64_t len, tess_va *to, enum tess_extract how)
{
	struct tess_map *map = tess_space_map(t->sp);

	return T_KERN(t, "extract", API_LEFT_NOTHING,
		      tess_map_extract(map, start, len, map, to, how));
}

API_TEST(extract_ways)
{
	tess_va to = BASE + 64 * PAGE, any = 0;
	uint8_t b;

	EXPECT_OK(t_anon(t, BASE, 2 * PAGE, RW, PFIX, NULL));
	EXPECT_OK(t_anon(t, BASE + 3 * PAGE, PAGE, TESS_PROT_READ, PFIX, NULL)); /* after a hole */
	EXPECT_OK(t_store(t, BASE, 7));
	t_apart(t);
	EXPECT_EQ(extract(t, BASE, 4 * PAGE, &to, TESS_EXTRACT_SHARE), OK);
	EXPECT_EQ(t_area(t, to + 2 * PAGE).end, 0);
	EXPECT_EQ(t_area(t, to + 3 * PAGE).prot, TESS_PROT_READ);
	EXPECT_OK(t_store(t, to, 8));
	EXPECT_OK(t_load(t, BASE, &b));
	EXPECT_EQ(b, 8);
	EXPECT_EQ(extract(t, BASE, 4 * PAGE, &to, TESS_EXTRACT_COPY),
		  TESS_KERN_INVALID_ARGUMENT); /* taken */
	EXPECT_EQ(extract(t, BASE, 4 * PAGE, &any, TESS_EXTRACT_COPY), OK);
	EXPECT_OK(t_store(t, any, 9));
	EXPECT_OK(t_load(t, BASE, &b));
	EXPECT_EQ(b, 8);
	any = 0;
	EXPECT_EQ(extract(t, BASE, 4 * PAGE, &any, TESS_EXTRACT_RESERVE), OK);
	EXPECT_EQ(t_load(t, any, &b), TESS_SIGSEGV);
	any = 0;
	EXPECT_EQ(extract(t, to, 4 * PAGE, &any, TESS_EXTRACT_MOVE), OK);
	EXPECT_EQ(t_area(t, to).end, 0);
	EXPECT_OK(t_load(t, any, &b));
	EXPECT_EQ(b, 8);
}

API_TEST(extract_refuses)
{
	tess_va to = 0;

	EXPECT_OK(t_anon(t, BASE, 2 * PAGE, RW, PFIX, NULL));
	EXPECT_OK(t_mseal(t, BASE + PAGE, PAGE, 0));
	t_apart(t);
	EXPECT_EQ(extract(t, BASE + 1, PAGE, &to, TESS_EXTRACT_COPY), TESS_KERN_INVALID_ARGUMENT);
	EXPECT_EQ(extract(t, BASE + 8 * PAGE, PAGE, &to, TESS_EXTRACT_COPY),
		  TESS_KERN_INVALID_ADDRESS);
	EXPECT_EQ(extract(t, BASE, 2 * PAGE, &to, TESS_EXTRACT_MOVE), TESS_KERN_PROTECTION_FAILURE);
	EXPECT_EQ(t_counts(t).bytes, 2 * PAGE);
}

API_TEST(extract_to_another)
{
	tess_va to = BASE + 64 * PAGE;
	unsigned child;
	uint8_t b;

	EXPECT_OK(t_anon(t, BASE, 2 * PAGE, RW, PFIX, NULL));
	EXPECT_OK(t_store(t, BASE, 7));
	child = t_fork(t);
	EXPECT_OK(t_store(t, BASE, 8));
	t_apart(t);
	EXPECT_EQ(T_KERN(t, "extract", API_LEFT_NOTHING,
			 tess_map_extract(tess_space_map(t->core[0]), BASE, 2 * PAGE,
					  tess_space_map(t->core[child]), &to, TESS_EXTRACT_MOVE)),
		  OK);
	EXPECT_EQ(t_area(t, BASE).end, 0);
	t_switch(t, child);
	EXPECT_OK(t_load(t, to, &b));
	EXPECT_EQ(b, 8);
	EXPECT_OK(t_load(t, BASE, &b));
	EXPECT_EQ(b, 7);
}

/* ---- Places and flags ---- */

API_TEST(find_and_reserve)
{
	struct tess_map *map = tess_space_map(t->sp);
	struct tess_place p = {.len = 2 * PAGE, .min = BASE, .max = BASE + 8 * PAGE};
	tess_va va = 0;

	EXPECT_OK(t_anon(t, BASE + 2 * PAGE, 4 * PAGE, RW, PFIX, NULL));
	t_apart(t);
	EXPECT_EQ(tess_map_findspace(map, &p, &va), OK);
	EXPECT_EQ(va, BASE + 6 * PAGE);
	p.policy = TESS_PLACE_BOTTOMUP;
	EXPECT_EQ(tess_map_findspace(map, &p, &va), OK);
	EXPECT_EQ(va, BASE);
	p.policy = TESS_PLACE_HINT;
	p.hint = BASE + PAGE;
	EXPECT_EQ(tess_map_findspace(map, &p, &va), TESS_KERN_NO_SPACE);
	p.hint = BASE;
	EXPECT_EQ(T_KERN(t, "reserve", API_LEFT_NOTHING, tess_map_reserve(map, &p, &va)), OK);
	EXPECT_EQ(t_area(t, BASE).flags & TESS_AREA_GUARD, TESS_AREA_GUARD);
	EXPECT_EQ(tess_map_findspace(map, &p, &va), TESS_KERN_NO_SPACE);
	p.len = 0;
	EXPECT_EQ(tess_map_findspace(map, &p, &va), TESS_KERN_INVALID_ARGUMENT);
	p.len = PAGE;
	p.align = 3 * PAGE;
	EXPECT_EQ(tess_map_findspace(map, &p, &va), TESS_KERN_INVALID_ARGUMENT);
}

API_TEST(submap_own_entries)
{
	struct tess_map *map = tess_space_map(t->sp), *sub = NULL;
	struct tess_place p = {.len = 2 * PAGE, .hint = BASE + 2 * PAGE, .policy = TESS_PLACE_HINT};
	tess_va va = 0;
	uint8_t b = 1;

	t_apart(t);
	EXPECT_EQ(T_KERN(t, "submap_create", API_LEFT_NOTHING,
			 tess_map_submap_create(map, BASE, BASE + 8 * PAGE, &sub)),
		  OK);
	EXPECT_EQ(t_load(t, BASE + 2 * PAGE, &b), TESS_SIGSEGV);
	EXPECT_EQ(T_KERN(t, "make", API_LEFT_NOTHING,
			 tess_map_make(sub, &p, RW, RWX, TESS_MAP_PRIVATE, NULL, 0, &va)),
		  OK);
	EXPECT_EQ(va, BASE + 2 * PAGE);
	EXPECT_OK(t_store(t, va, 7));
	EXPECT_OK(t_load(t, va, &b));
	EXPECT_EQ(b, 7);
	EXPECT_EQ(t_munmap(t, BASE, 8 * PAGE), TESS_EINVAL);
	EXPECT_EQ(T_KERN(t, "submap_destroy", API_LEFT_NOTHING, tess_map_submap_destroy(sub)),
		  TESS_KERN_INVALID_ARGUMENT); /* not empty */
	EXPECT_EQ(
	    T_KERN(t, "unmake", API_LEFT_NOTHING, tess_map_unmake(sub, BASE, BASE + 8 * PAGE)), OK);
	EXPECT_EQ(t_load(t, va, &b), TESS_SIGSEGV);
	EXPECT_EQ(T_KERN(t, "submap_destroy", API_LEFT_NOTHING, tess_map_submap_destroy(sub)), OK);
	EXPECT_OK(t_anon(t, BASE, 8 * PAGE, RW, PFIX, NULL));
}

/* ---- The identity of a byte ---- */

API_TEST(voaddr)
{
	struct tess_map *map = tess_space_map(t->sp);
	struct tess_voaddr a, b, c;
	unsigned f = t_file(t, 4 * PAGE, 1);

	EXPECT_OK(t_map(t, BASE, 2 * PAGE, RW, SFIX, f, 0, NULL));
	EXPECT_OK(t_map(t, BASE + 8 * PAGE, PAGE, RW, SFIX, f, PAGE, NULL));
	t_apart(t);
	EXPECT_EQ(tess_map_voaddr_acquire(map, BASE + PAGE + 4, &a), OK);
	EXPECT_EQ(tess_map_voaddr_acquire(map, BASE + 8 * PAGE + 4, &b), OK);
	EXPECT_EQ(tess_map_voaddr_acquire(map, BASE + 8 * PAGE + 8, &c), OK);
	EXPECT_EQ(tess_map_voaddr_compare(&a, &b), 0);
	EXPECT(tess_map_voaddr_compare(&a, &c) != 0);
	EXPECT_EQ(tess_map_voaddr_compare(&a, &c) < 0, tess_map_voaddr_compare(&c, &a) > 0);
	tess_map_voaddr_release(&a);
	tess_map_voaddr_release(&b);
	tess_map_voaddr_release(&c);
	EXPECT_EQ(tess_map_voaddr_acquire(map, BASE + 64 * PAGE, &a), TESS_KERN_INVALID_ADDRESS);
}

static const struct api_test wire_tests[] = {
    API_ROW(wire_counts, "system wiring is counted", API_ALL),
    API_ROW(wire_user, "user wiring does not nest", API_ALL),
    API_ROW(wire_refuses, "holes, no access, no right to write, beyond the end: nothing is wired",
	    API_ALL),
    API_ROW(wire_maximum, "the machine's maximum; memory that goes is not wired any more", API_ALL),
    API_ROW(quota_entries, "a quota of entries: ENOMEM, and nothing done", API_ALL),
    API_ROW(commit_charge, "COMMIT_NEVER: what cannot be charged is not made", API_ALL),
    API_ROW(extract_ways, "extract: share, copy, reserve, move; holes stay holes", API_ALL),
    API_ROW(extract_refuses, "extract: alignment, nothing there, immutable", API_ALL),
    API_ROW(extract_to_another, "extract: from one space to another", API_ALL),
    API_ROW(find_and_reserve, "findspace and reserve", API_ALL),
    API_ROW(submap_own_entries, "a submap: its entries decide, the parent's calls refuse", API_ALL),
    API_ROW(voaddr, "two addresses of one byte compare equal", API_ALL),
};

API_FAMILY(wire, wire_tests);
