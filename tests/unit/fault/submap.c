/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * submap.c: maps over a range of a map: who decides about an address, what the parent may not do there, and what
 * fork, exit and destruction make of it.
 */
#include "unit_map.h"
#include "fault.h"

static struct tess_map *sub;

static int
start_sub(void **state)
{
	start(state);
	insert(10, 4, RW);
	assert_int_equal(tess_map_submap_create(&map, at(16), at(32), &sub), TESS_KERN_SUCCESS);
	return 0;
}

static struct tess_place
here(unsigned page, unsigned n)
{
	return (struct tess_place){.len = n * PAGE, .policy = TESS_PLACE_HINT, .hint = at(page)};
}

static enum tess_kern
makes(struct tess_map *m, unsigned page, unsigned n, unsigned flags)
{
	struct tess_place p = here(page, n);
	tess_va va = 0;
	enum tess_kern kern = tess_map_make(m, &p, RW, TESS_PROT_ALL, flags, NULL, 0, &va);

	assert_true(kern != TESS_KERN_SUCCESS || va == at(page));
	tess_map_check(&map);
	return kern;
}

static void
store(unsigned page, uint64_t value)
{
	tess_pa pa = 0;

	assert_int_equal(tess_map_fault(&map, at(page), TESS_ACCESS_WRITE), TESS_OK);
	assert_true(tess_pmap_extract(map.pmap, at(page), &pa, NULL));
	*(uint64_t *)tess_port_direct(pa) = value;
	tess_map_check(&map);
}

static void
submap_decides(void **state)
{
	(void)state;
	EXPECT(&map, "a-erw 10-20");
	assert_int_equal(tess_map_fault(&map, at(18), TESS_ACCESS_READ), TESS_SIGSEGV);
	assert_int_equal(makes(sub, 18, 4, TESS_MAP_PRIVATE), TESS_KERN_SUCCESS);
	EXPECT(sub, "12-16rw");
	EXPECT(&map, "a-erw 10-20");
	store(18, 18);
	store(10, 10);
	assert_int_equal(number_in(sub, 18), 18);
	assert_int_equal(tess_map_fault(&map, at(22), TESS_ACCESS_READ), TESS_SIGSEGV);
	assert_int_equal(tess_map_unmake(sub, at(16), at(19)), TESS_KERN_SUCCESS);
	assert_int_equal(tess_map_fault(&map, at(18), TESS_ACCESS_READ), TESS_SIGSEGV);
	assert_false(tess_pmap_extract(map.pmap, at(18), NULL, NULL));
	EXPECT(sub, "13-16rw");
	assert_int_equal(tess_map_unmake(sub, at(16), at(32)), TESS_KERN_SUCCESS);
	assert_int_equal(tess_map_submap_destroy(sub), TESS_KERN_SUCCESS);
	EXPECT(&map, "a-erw");
	insert(16, 4, RW);
}

static void
submap_create_refuses(void **state)
{
	struct tess_map *out = NULL;

	(void)state;
	assert_int_equal(tess_map_submap_create(&map, at(40) + 1, at(42), &out),
			 TESS_KERN_INVALID_ARGUMENT);
	assert_int_equal(tess_map_submap_create(&map, at(40), at(40), &out),
			 TESS_KERN_INVALID_ARGUMENT);
	assert_int_equal(tess_map_submap_create(&map, at(13), at(15), &out),
			 TESS_KERN_INVALID_ARGUMENT);
	assert_int_equal(tess_map_submap_create(&map, at(31), at(33), &out),
			 TESS_KERN_INVALID_ARGUMENT);
	assert_int_equal(tess_map_submap_create(&map, at(0x7ff), at(0x801), &out),
			 TESS_KERN_INVALID_ARGUMENT);
	assert_int_equal(tess_map_submap_create(sub, at(18), at(20), &out),
			 TESS_KERN_INVALID_ARGUMENT);
	assert_int_equal(tess_map_submap_destroy(&map), TESS_KERN_INVALID_ARGUMENT);
	assert_null(out);
	EXPECT(&map, "a-erw 10-20");
	assert_int_equal(makes(sub, 18, 1, TESS_MAP_PRIVATE), TESS_KERN_SUCCESS);
	assert_int_equal(tess_map_submap_destroy(sub), TESS_KERN_INVALID_ARGUMENT);
	EXPECT(sub, "12-13rw");
}

static struct tess_map *made;

static enum tess_err
create_once(void)
{
	return tess_map_submap_create(&map, at(40), at(48), &made) == TESS_KERN_SUCCESS
		   ? TESS_OK
		   : TESS_ENOMEM;
}

static void
submap_create_without_memory(void **state)
{
	(void)state;
	fails(create_once);
	EXPECT(&map, "a-erw 10-20 28-30");
	assert_int_equal(tess_map_submap_destroy(made), TESS_KERN_SUCCESS);
}

/* What is done to the parent stops at a submap, and nothing has changed. */
static void
submap_is_not_the_parents(void **state)
{
	struct tess_map_new n = like(18, 2, RW);
	tess_va va = at(60);

	(void)state;
	assert_int_equal(makes(sub, 18, 4, TESS_MAP_PRIVATE), TESS_KERN_SUCCESS);
	assert_int_equal(tess_map_remove(&map, at(12), at(20), TESS_HOLES_SKIP), TESS_EINVAL);
	assert_int_equal(tess_map_insert(&map, &n, &va), TESS_EINVAL);
	assert_int_equal(set_prot(10, 10, R, TESS_HOLES_SKIP, UINT64_MAX), TESS_EINVAL);
	va = at(60);
	assert_int_equal(tess_map_extract(&map, at(10), 8 * PAGE, &map, &va, TESS_EXTRACT_COPY),
			 TESS_KERN_INVALID_ARGUMENT);
	n = like(60, 4, RW);
	assert_int_equal(
	    tess_map_move(&map, at(16), 4 * PAGE, &n, TESS_MOVE_UNMAP, TESS_MOVE_ONE, &va),
	    TESS_EINVAL);
	EXPECT(&map, "a-erw 10-20");
	EXPECT(sub, "12-16rw");
}

static void
submap_is_a_hole_after_fork(void **state)
{
	struct tess_map child;

	(void)state;
	assert_int_equal(makes(sub, 18, 4, TESS_MAP_PRIVATE), TESS_KERN_SUCCESS);
	store(18, 18);
	store(12, 12);
	assert_int_equal(tess_map_init(&child, BASE, BASE + 0x800 * PAGE, TOP), TESS_OK);
	assert_int_equal(tess_map_fork(&map, &child), TESS_OK);
	EXPECT(&child, "a-erw");
	tess_map_check(&child);
	assert_int_equal(number_in(sub, 18), 18);
	store(18, 180);
	tess_map_fini(&child);
}

static void
submap_ends_with_its_parent(void **state)
{
	(void)state;
	assert_int_equal(makes(sub, 18, 4, TESS_MAP_PRIVATE), TESS_KERN_SUCCESS);
	store(18, 18);
	tess_map_clear(&map); /* exec */
	EXPECT(&map, "");
	tess_map_check(&map);
	assert_int_equal(tess_map_submap_create(&map, at(16), at(32), &sub), TESS_KERN_SUCCESS);
	assert_int_equal(makes(sub, 16, 16, TESS_MAP_SHARED), TESS_KERN_SUCCESS);
	store(20, 1); /* the tear-down destroys the map with it */
}

static void
extract_from_a_submap(void **state)
{
	tess_va va = at(60);

	(void)state;
	assert_int_equal(makes(sub, 18, 4, TESS_MAP_PRIVATE), TESS_KERN_SUCCESS);
	store(18, 18);
	store(19, 19);
	assert_int_equal(tess_map_extract(sub, at(18), PAGE, &map, &va, TESS_EXTRACT_MOVE),
			 TESS_KERN_SUCCESS);
	va = at(61);
	assert_int_equal(tess_map_extract(sub, at(19), PAGE, &map, &va, TESS_EXTRACT_SHARE),
			 TESS_KERN_SUCCESS);
	tess_map_check(&map);
	EXPECT(&map, "a-erw 10-20 3c-3drw 3d-3erw");
	assert_int_equal(number(60), 18);
	store(61, 190);
	assert_int_equal(number_in(sub, 19), 190);
}

/* ---- make, unmake ---- */

static void
map_make(void **state)
{
	struct tess_place p = {.len = 2 * PAGE};
	tess_va va = 1;

	(void)state;
	assert_int_equal(tess_map_make(sub, &p, R, R, TESS_MAP_SHARED, object, PAGE, &va),
			 TESS_KERN_SUCCESS);
	assert_int_equal(va, at(30));
	EXPECT(sub, "1e-20rs");
	assert_int_equal(tess_map_lookup_rcu(sub, at(30))->off, PAGE);
	assert_int_equal(makes(sub, 31, 1, TESS_MAP_PRIVATE), TESS_KERN_NO_SPACE);
	assert_int_equal(makes(sub, 31, 1, TESS_MAP_PRIVATE | TESS_MAP_FIXED), TESS_KERN_SUCCESS);
	EXPECT(sub, "1e-1frs 1f-20rw");
	p.len = 15 * PAGE;
	va = 1;
	assert_int_equal(tess_map_make(sub, &p, R, R, TESS_MAP_PRIVATE, NULL, 0, &va),
			 TESS_KERN_NO_SPACE);
	assert_int_equal(va, 1);
}

static void
map_make_refuses(void **state)
{
	struct tess_place p = here(18, 2);
	tess_va va = 1;

	(void)state;
	assert_int_equal(tess_map_make(sub, &p, RW, R, TESS_MAP_PRIVATE, NULL, 0, &va),
			 TESS_KERN_PROTECTION_FAILURE);
	assert_int_equal(tess_map_make(sub, &p, RW, 15, TESS_MAP_PRIVATE, NULL, 0, &va),
			 TESS_KERN_INVALID_ARGUMENT);
	assert_int_equal(tess_map_make(sub, &p, R, R, 0, NULL, 0, &va), TESS_KERN_INVALID_ARGUMENT);
	assert_int_equal(tess_map_make(sub, &p, R, R, TESS_MAP_TYPE, NULL, 0, &va),
			 TESS_KERN_INVALID_ARGUMENT);
	assert_int_equal(
	    tess_map_make(sub, &p, R, R, TESS_MAP_PRIVATE | TESS_MAP_LOCKED, NULL, 0, &va),
	    TESS_KERN_INVALID_ARGUMENT);
	assert_int_equal(tess_map_make(sub, &p, R, R, TESS_MAP_SHARED, object, 5, &va),
			 TESS_KERN_INVALID_ARGUMENT);
	p.hint = at(31);
	assert_int_equal(
	    tess_map_make(sub, &p, R, R, TESS_MAP_PRIVATE | TESS_MAP_FIXED, NULL, 0, &va),
	    TESS_KERN_INVALID_ARGUMENT); /* beyond the submap */
	p = here(18, 2);
	tess_store_relaxed(&sub->flags, TESS_MAPF_WXORX);
	assert_int_equal(
	    tess_map_make(sub, &p, TESS_PROT_ALL, TESS_PROT_ALL, TESS_MAP_PRIVATE, NULL, 0, &va),
	    TESS_KERN_PROTECTION_FAILURE);
	assert_int_equal(tess_map_unmake(sub, at(15), at(17)), TESS_KERN_INVALID_ARGUMENT);
	assert_int_equal(tess_map_unmake(sub, at(17) + 1, at(18)), TESS_KERN_INVALID_ARGUMENT);
	assert_int_equal(tess_map_unmake(sub, at(17), at(17)), TESS_KERN_SUCCESS);
	assert_int_equal(va, 1);
	EXPECT(sub, "");
	EXPECT(&map, "a-erw 10-20");
}

#define SUB_TEST(name)                             \
	{                                          \
#name, name, start_sub, stop, NULL \
	}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    SUB_TEST(submap_decides),
	    SUB_TEST(submap_create_refuses),
	    SUB_TEST(submap_create_without_memory),
	    SUB_TEST(submap_is_not_the_parents),
	    SUB_TEST(submap_is_a_hole_after_fork),
	    SUB_TEST(submap_ends_with_its_parent),
	    SUB_TEST(extract_from_a_submap),
	    SUB_TEST(map_make),
	    SUB_TEST(map_make_refuses),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
