/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * attr.c: what entries let be done to them: maxima, guards, immutable entries, the gap of a stack; each operation
 * also with every one of its allocations failing.
 */
#include "unit_map.h"

#define X TESS_PROT_EXEC

static enum tess_err
protects(unsigned page, unsigned n, struct tess_map_protection p)
{
	struct tess_map_spans own;
	enum tess_err e;

	p.limit_data = p.limit_bytes = UINT64_MAX;
	e = tess_map_set_prot(&map, at(page), at(page + n), &p, &own);
	tess_map_check(&map);
	return e;
}

static enum tess_err
mark(unsigned page, unsigned n, uint32_t set, uint32_t clear, unsigned only)
{
	enum tess_err e = tess_map_mark(&map, at(page), at(page + n), set, clear,
					(enum tess_only)only, TESS_HOLES_REFUSE, UINT64_MAX);

	tess_map_check(&map);
	return e;
}

static void
guard(unsigned page, unsigned n)
{
	struct tess_map_new new = like(page, n, TESS_PROT_NONE);
	tess_va va;

	new.maxprot = TESS_PROT_NONE;
	new.flags = TESS_ENTRY_GUARD;
	assert_int_equal(tess_map_insert(&map, &new, &va), TESS_OK);
}

/* ---- protection ---- */

static enum tess_err
max_once(void)
{
	return protects(
	    12, 2, (struct tess_map_protection){.maxprot = R, .flags = TESS_PROTECT_SET_MAXPROT});
}

static void
map_set_prot_lowers_the_maximum(void **state)
{
	struct tess_map_protection both = {
	    .prot = R, .maxprot = RW, .flags = TESS_PROTECT_SET_PROT | TESS_PROTECT_SET_MAXPROT};
	tess_prot prot;

	(void)state;
	insert(10, 6, RW);
	for (unsigned i = 10; i < 16; i++)
		fill(i, i);
	fails(max_once);
	EXPECT(&map, "a-crw c-er e-10rw");
	assert_int_equal(entry(12)->maxprot, R);
	assert_true(tess_pmap_extract(map.pmap, at(12), NULL, &prot));
	assert_int_equal(prot, R);
	assert_int_equal(protect(10, 4, RW, TESS_HOLES_SKIP), TESS_EACCES); /* P15, P17 */
	EXPECT(&map, "a-crw c-er e-10rw");
	assert_int_equal(protects(10, 6, both), TESS_EACCES); /* the new maximum is beyond R */
	both.maxprot = R;
	assert_int_equal(protects(10, 6, both), TESS_OK); /* P16 */
	EXPECT(&map, "a-10r");
	both.flags = 0; /* P13 */
	assert_int_equal(protects(11, 2, both), TESS_OK);
	EXPECT(&map, "a-10r");
	both = (struct tess_map_protection){.maxprot = TESS_PROT_NONE,
					    .flags = TESS_PROTECT_SET_MAXPROT};
	assert_int_equal(protects(10, 6, both), TESS_OK); /* P14 */
	EXPECT(&map, "a-10");
	assert_int_equal(tess_pmap_resident(map.pmap, map.min, map.max), 0);
	assert_int_equal(number(12), 12); /* what is in it stays */
}

static void
map_set_prot_wxorx(void **state)
{
	struct tess_map_new new = like(20, 1, RW | X);
	tess_va va;

	(void)state;
	insert(10, 2, RW);
	assert_int_equal(tess_map_set_flags(&map, TESS_MAPF_WXORX), TESS_KERN_SUCCESS);
	assert_int_equal(protect(10, 2, RW | X, TESS_HOLES_REFUSE), TESS_EACCES);
	assert_int_equal(protect(30, 2, RW | X, TESS_HOLES_SKIP), TESS_EACCES); /* before holes */
	assert_int_equal(protect(10, 2, R | X, TESS_HOLES_REFUSE), TESS_OK);
	assert_int_equal(tess_map_insert(&map, &new, &va), TESS_EACCES);
	assert_int_equal(tess_map_set_flags(&map, TESS_MAPF_ALL + 1), TESS_KERN_INVALID_ARGUMENT);
	assert_int_equal(tess_map_get_flags(&map), TESS_MAPF_WXORX);
	assert_int_equal(tess_map_set_flags(&map, TESS_MAPF_WIREFUTURE), TESS_KERN_SUCCESS);
	assert_int_equal(map.future, TESS_ENTRY_LOCKED);
	insert(40, 1, RW | X);
	assert_int_equal(map.locked, PAGE);
	assert_int_equal(fork_once(), TESS_OK);
	assert_int_equal(tess_map_get_flags(&child), 0);
	assert_int_equal(child.future, 0);
	child_end();
	tess_map_clear(&map);
	assert_int_equal(tess_map_get_flags(&map), 0);
}

static void
map_set_prot_grows_down(void **state)
{
	struct tess_map_protection p = {.prot = R,
					.flags = TESS_PROTECT_SET_PROT | TESS_PROTECT_GROWSDOWN};
	struct tess_map_new new = like(20, 4, RW);
	tess_va va;

	(void)state;
	new.flags = TESS_ENTRY_GROWSDOWN;
	insert(10, 2, RW);
	assert_int_equal(tess_map_insert(&map, &new, &va), TESS_OK);
	assert_int_equal(protects(22, 1, p), TESS_OK);
	EXPECT(&map, "a-crw 14-17r 17-18rw");
	p.prot = RW;
	assert_int_equal(protects(10, 1, p), TESS_OK); /* not a stack: as without the flag */
	EXPECT(&map, "a-crw 14-17r 17-18rw");
	p.holes = TESS_HOLES_STOP; /* Linux */
	assert_int_equal(protects(10, 1, p), TESS_EINVAL);
	assert_int_equal(protects(30, 1, p), TESS_EFAULT);
	assert_int_equal(protects(15, 2, p), TESS_EFAULT);
	assert_int_equal(protects(15, 7, p), TESS_OK); /* from the first mapping on */
	EXPECT(&map, "a-crw 14-16rw 16-17r 17-18rw");
}

/* mprotect_fixup() asks mapping by mapping, and not when nothing of this size could be mapped. */
static void
map_set_prot_limits_data(void **state)
{
	struct tess_map_protection p = {.prot = RW,
					.flags = TESS_PROTECT_SET_PROT,
					.holes = TESS_HOLES_STOP,
					.limit_data = 3 * PAGE,
					.limit_bytes = UINT64_MAX};
	struct tess_map_spans own;

	(void)state;
	insert(10, 2, R);
	insert(12, 2, TESS_PROT_NONE);
	assert_int_equal(tess_map_set_prot(&map, at(10), at(14), &p, &own), TESS_ENOMEM);
	EXPECT(&map, "a-crw c-e");
	p.limit_bytes = map.bytes + PAGE;
	assert_int_equal(tess_map_set_prot(&map, at(10), at(14), &p, &own), TESS_OK);
	EXPECT(&map, "a-erw");
	tess_map_check(&map);
}

/* ---- guards ---- */

static void
map_guard_is_passed_over(void **state)
{
	(void)state;
	insert(10, 2, RW);
	guard(12, 2);
	insert(14, 2, RW);
	assert_int_equal(protect(10, 6, R, TESS_HOLES_REFUSE), TESS_OK);
	EXPECT(&map, "a-cr c-e e-10r");
	assert_int_equal(
	    tess_map_inherit(&map, at(10), at(16), TESS_INHERIT_ZERO, TESS_HOLES_REFUSE), TESS_OK);
	assert_int_equal(tess_entry_inherit(entry(12)), TESS_INHERIT_COPY);
	assert_int_equal(tess_entry_inherit(entry(14)), TESS_INHERIT_ZERO);
	assert_int_equal(
	    tess_map_inherit(&map, at(10), at(16), TESS_INHERIT_NONE, TESS_HOLES_REFUSE), TESS_OK);
	assert_int_equal(tess_entry_inherit(entry(12)), TESS_INHERIT_NONE);
	assert_int_equal(map.data, 0);
	assert_int_equal(map.bytes, 6 * PAGE);
}

static enum tess_err
guard_once(void)
{
	return tess_map_discard(&map, at(12), at(14), TESS_ONLY_UNLOCKED, TESS_ENTRY_GUARDED);
}

static void
map_discard_installs_guards(void **state)
{
	(void)state;
	insert(10, 6, RW);
	for (unsigned i = 10; i < 16; i++)
		fill(i, i);
	fails(guard_once);
	EXPECT(&map, "a-crw c-erw e-10rw");
	assert_true(tess_entry_is_guard(entry(12)));
	assert_int_equal(number(12), 0);
	assert_int_equal(number(11), 11);
	assert_int_equal(number(14), 14);
	assert_false(tess_pmap_extract(map.pmap, at(13), NULL, NULL));
	assert_int_equal(mark(14, 1, TESS_ENTRY_LOCKED, 0, TESS_ONLY_ANY), TESS_OK);
	assert_int_equal(
	    tess_map_discard(&map, at(10), at(16), TESS_ONLY_UNLOCKED, TESS_ENTRY_GUARDED),
	    TESS_EINVAL); /* up to the lock */
	assert_int_equal(number(10), 0);
	assert_int_equal(number(15), 15);
	assert_true(tess_entry_is_guard(entry(10)));
	assert_false(tess_entry_is_guard(entry(15)));
	assert_int_equal(tess_map_discard(&map, at(10), at(16),
					  (enum tess_only)(TESS_ONLY_UNLOCKED | TESS_ONLY_SKIP),
					  TESS_ENTRY_GUARDED),
			 TESS_OK); /* around it */
	assert_int_equal(number(14), 14);
	assert_int_equal(number(15), 0);
	assert_false(tess_entry_is_guard(entry(14)));
	assert_int_equal(mark(10, 6, 0, TESS_ENTRY_GUARDED | TESS_ENTRY_LOCKED, TESS_ONLY_ANY),
			 TESS_OK);
	EXPECT(&map, "a-10rw");
}

static void
map_fork_copies_guards(void **state)
{
	(void)state;
	insert(10, 4, RW);
	guard(20, 2);
	assert_int_equal(mark(10, 2, TESS_ENTRY_GUARDED, 0, TESS_ONLY_ANY), TESS_OK);
	assert_int_equal(mark(11, 1, TESS_ENTRY_WIPE, 0, TESS_ONLY_ANY), TESS_OK);
	assert_int_equal(fork_once(), TESS_OK);
	assert_true(tess_entry_is_guard(tess_map_lookup_rcu(&child, at(10))));
	assert_false(tess_entry_is_guard(tess_map_lookup_rcu(&child, at(11))));
	assert_true(tess_entry_is_guard(tess_map_lookup_rcu(&child, at(20))));
	child_end();
}

/* ---- immutable ---- */

static void
map_immutable_stays(void **state)
{
	struct tess_map_new new = like(10, 6, R);
	tess_va va = 0;

	(void)state;
	insert(10, 6, RW);
	fill(12, 12);
	assert_int_equal(mark(12, 2, TESS_ENTRY_IMMUTABLE, 0, TESS_ONLY_KEPT | TESS_ONLY_ALL),
			 TESS_OK);
	EXPECT(&map, "a-crw c-erw e-10rw");
	assert_int_equal(tess_map_remove(&map, at(10), at(16), TESS_HOLES_SKIP), TESS_EPERM);
	assert_int_equal(tess_map_remove(&map, at(8), at(16), TESS_HOLES_REFUSE), TESS_EFAULT);
	assert_int_equal(tess_map_remove(&map, at(10), at(20), TESS_HOLES_REFUSE), TESS_EPERM);
	assert_int_equal(tess_map_insert(&map, &new, &va), TESS_EPERM);
	new.place = TESS_PLACE_EXCL;
	assert_int_equal(tess_map_insert(&map, &new, &va), TESS_EEXIST);
	assert_int_equal(protect(10, 6, R, TESS_HOLES_REFUSE), TESS_EPERM);
	EXPECT(&map, "a-crw c-erw e-10rw");
	assert_int_equal(protect(10, 6, R, TESS_HOLES_STOP), TESS_EPERM);
	EXPECT(&map, "a-cr c-erw e-10rw");
	assert_int_equal(
	    tess_map_inherit(&map, at(10), at(16), TESS_INHERIT_NONE, TESS_HOLES_REFUSE),
	    TESS_EPERM);
	assert_int_equal(tess_entry_inherit(entry(10)), TESS_INHERIT_COPY);
	assert_int_equal(mark(12, 1, TESS_ENTRY_LOCKED, 0, TESS_ONLY_ANY), TESS_OK);
	assert_int_equal(mark(12, 1, 0, TESS_ENTRY_LOCKED, TESS_ONLY_ANY), TESS_OK);
	assert_int_equal(tess_map_discard(&map, at(10), at(16), TESS_ONLY_MUTABLE, 0), TESS_EPERM);
	/* writable data may be lost; what can only be read may not */
	assert_int_equal(tess_map_discard(&map, at(12), at(13), TESS_ONLY_LOSABLE, 0), TESS_OK);
	assert_int_equal(number(12), 0);
	tess_map_check(&map);
	assert_int_equal(fork_once(), TESS_OK);
	assert_int_equal(tess_map_remove(&child, at(12), at(13), TESS_HOLES_SKIP), TESS_EPERM);
	child_end();
	tess_map_clear(&map);
	EXPECT(&map, "");
}

static void
map_mark_only(void **state)
{
	(void)state;
	insert(10, 2, RW);
	insert(12, 2, R);
	insert_object(14, 2, 0, TESS_ENTRY_SHARED);
	insert(16, 2, RW);
	assert_int_equal(mark(10, 8, TESS_ENTRY_DONTDUMP, 0, TESS_ONLY_WRITABLE), TESS_EINVAL);
	assert_int_equal(entry(10)->flags & TESS_ENTRY_DONTDUMP, TESS_ENTRY_DONTDUMP);
	assert_int_equal(entry(12)->flags & TESS_ENTRY_DONTDUMP, 0);
	assert_int_equal(mark(10, 8, 0, TESS_ENTRY_DONTDUMP, TESS_ONLY_WRITABLE | TESS_ONLY_ALL),
			 TESS_EINVAL);
	assert_int_equal(entry(10)->flags & TESS_ENTRY_DONTDUMP, TESS_ENTRY_DONTDUMP);
	assert_int_equal(mark(10, 8, TESS_ENTRY_DONTDUMP, 0, TESS_ONLY_ANON | TESS_ONLY_SKIP),
			 TESS_OK);
	assert_int_equal(entry(12)->flags & TESS_ENTRY_DONTDUMP, TESS_ENTRY_DONTDUMP);
	assert_int_equal(entry(14)->flags & TESS_ENTRY_DONTDUMP, 0);
	assert_int_equal(entry(16)->flags & TESS_ENTRY_DONTDUMP, TESS_ENTRY_DONTDUMP);
	assert_int_equal(mark(10, 1, 0, 0, TESS_ONLY_LOCKED), TESS_EINVAL);
	assert_int_equal(mark(10, 1, TESS_ENTRY_LOCKED, 0, TESS_ONLY_ANY), TESS_OK);
	assert_int_equal(mark(10, 1, 0, TESS_ENTRY_LOCKED, TESS_ONLY_LOCKED), TESS_OK);
	assert_int_equal(mark(10, 1, TESS_ENTRY_WIPE, 0, TESS_ONLY_ANY), TESS_OK);
	assert_int_equal(mark(10, 2, TESS_ENTRY_IMMUTABLE, 0, TESS_ONLY_KEPT | TESS_ONLY_ALL),
			 TESS_EPERM);
	assert_int_equal(entry(11)->flags & TESS_ENTRY_IMMUTABLE, 0);
}

/* ---- a stack and its gap ---- */

static enum tess_err
stack_once(void)
{
	struct tess_map_new new = like(0x40, 0x80, RW);
	tess_va va;

	new.flags = TESS_ENTRY_GROWSDOWN;
	new.gap = 0x60 * PAGE;
	return tess_map_insert(&map, &new, &va);
}

static enum tess_err
grow_once(void)
{
	return tess_map_grow_stack(&map, at(0x70), &no_limits);
}

static void
map_grow_stack(void **state)
{
	(void)state;
	insert(0x50, 8, R);
	fill(0x51, 1);
	fails(stack_once); /* over what is there */
	EXPECT(&map, "40-a0 a0-c0rw");
	assert_int_equal(tess_amap_count(map.home, 0, (uint64_t)1 << 52), 0);
	assert_int_equal(map.bytes, 0x80 * PAGE);
	fails(grow_once); /* 0x30 pages, in steps of 0x20 */
	EXPECT(&map, "40-60 60-c0rw");
	assert_int_equal(tess_map_grow_stack(&map, at(0x60), &no_limits), TESS_EEXIST);
	assert_int_equal(tess_map_grow_stack(&map, at(0x40), &no_limits), TESS_EFAULT);
	assert_int_equal(protect(0x40, 0x80, R | X, TESS_HOLES_REFUSE), TESS_OK);
	EXPECT(&map, "40-60 60-c0r");
	assert_int_equal(protect(0x40, 0x80, RW, TESS_HOLES_REFUSE), TESS_OK);
	assert_int_equal(tess_map_grow_stack(&map, at(0x41), &no_limits), TESS_OK);
	EXPECT(&map, "40-41 41-c0rw"); /* its lowest page stays */
	assert_int_equal(map.bytes, 0x80 * PAGE);
	tess_map_check(&map);
}

static void
map_grow_stack_that_is_shared(void **state)
{
	(void)state;
	assert_int_equal(stack_once(), TESS_OK);
	assert_int_equal(
	    tess_map_inherit(&map, at(0x40), at(0xc0), TESS_INHERIT_SHARE, TESS_HOLES_REFUSE),
	    TESS_OK);
	assert_int_equal(fork_once(), TESS_OK);
	fill(0xb0, 7);
	fails(grow_once);
	EXPECT(&map, "40-60 60-c0rw");
	EXPECT(&child, "40-a0 a0-c0rw");
	fill(0x61, 61);
	assert_int_equal(number_in(&child, 0xb0), 7);
	tess_map_check(&map);
	child_end();
	tess_map_check(&map);
}

static void
map_grow_stack_refuses(void **state)
{
	struct tess_map_limits limits = no_limits;

	(void)state;
	assert_int_equal(stack_once(), TESS_OK);
	assert_int_equal(mark(0xa0, 0x20, TESS_ENTRY_LOCKED, 0, TESS_ONLY_ANY), TESS_OK);
	limits.locked = 0x3f * PAGE;
	assert_int_equal(tess_map_grow_stack(&map, at(0x90), &limits), TESS_EAGAIN);
	limits.locked = 0x40 * PAGE;
	assert_int_equal(tess_map_grow_stack(&map, at(0x90), &limits), TESS_OK);
	assert_int_equal(map.locked, 0x40 * PAGE);
	removes(0x80, 0x40);
	assert_int_equal(tess_map_grow_stack(&map, at(0x70), &limits), TESS_EFAULT); /* none */
	EXPECT(&map, "40-80");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    MAP_TEST(map_set_prot_lowers_the_maximum),
	    MAP_TEST(map_set_prot_wxorx),
	    MAP_TEST(map_set_prot_grows_down),
	    MAP_TEST(map_set_prot_limits_data),
	    MAP_TEST(map_guard_is_passed_over),
	    MAP_TEST(map_discard_installs_guards),
	    MAP_TEST(map_fork_copies_guards),
	    MAP_TEST(map_immutable_stays),
	    MAP_TEST(map_mark_only),
	    MAP_TEST(map_grow_stack),
	    MAP_TEST(map_grow_stack_that_is_shared),
	    MAP_TEST(map_grow_stack_refuses),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
