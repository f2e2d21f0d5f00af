/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * place.c: where mappings go: bounds, direction, alignment, and the flags of the map.  The map has 0x800 pages,
 * its top is at page 0x400.
 */
#include "unit_map.h"

#define SUPER ((uint64_t)2 << 20)

static struct tess_map_new
anywhere(unsigned n)
{
	struct tess_map_new new = like(0, n, RW);

	new.place = TESS_PLACE_ANY;
	new.addr = 0;
	return new;
}

/* places: where the mapping goes, as a page; ~0: nowhere. */
static unsigned
places(const struct tess_map_new *new)
{
	tess_va asked = 7, va = 7;
	bool found = tess_map_choose(&map, new, &asked);
	enum tess_err e = tess_map_insert(&map, new, &va);

	assert_int_equal(e, found ? TESS_OK : TESS_ENOMEM);
	assert_int_equal(va, asked); /* a question and the call after it agree */
	tess_map_check(&map);
	return found ? (unsigned)((va - BASE) / PAGE) : ~0u;
}

static void
flags(unsigned f)
{
	tess_store_relaxed(&map.flags, f);
}

static void
choose_bounds(void **state)
{
	struct tess_map_new new = anywhere(4);

	(void)state;
	new.lo = at(0x100);
	new.hi = at(0x10a);
	assert_int_equal(places(&new), 0x106);
	new.addr = at(0x200); /* a hint beyond the bounds counts for nothing */
	assert_int_equal(places(&new), 0x102);
	assert_int_equal(places(&new), ~0u);
	new.hi = at(0x500); /* beyond the top only when there is nothing below */
	new.lo = at(0x3fc);
	new.addr = 0;
	assert_int_equal(places(&new), 0x3fc);
	assert_int_equal(places(&new), 0x400);
	new.lo = 0;
	new.hi = 0;
	new.addr = at(0x20);
	assert_int_equal(places(&new), 0x20);
}

static void
choose_up(void **state)
{
	struct tess_map_new new = anywhere(4);

	(void)state;
	insert(0x102, 4, R);
	new.up = true;
	new.addr = at(0x100);
	assert_int_equal(places(&new), 0x106);
	new.addr = at(0x7fa) + 1; /* rounded up */
	assert_int_equal(places(&new), 0x7fb);
	assert_int_equal(places(&new), ~0u);
	new.wrap = true;
	assert_int_equal(places(&new), 0);
	new.hi = at(0x700);
	new.addr = at(0x740);
	assert_int_equal(places(&new), 4);
}

static void
choose_align_and_super(void **state)
{
	struct tess_map_new new = anywhere(3);

	(void)state;
	new.align = 16 * PAGE;
	assert_int_equal(places(&new), 0x3f0);
	new.addr = at(0x21); /* not aligned: not taken */
	assert_int_equal(places(&new), 0x3e0);
	new.addr = at(0x20);
	assert_int_equal(places(&new), 0x20);
	new = anywhere(3);
	new.super = true;
	assert_int_equal(places(&new), 0x200);
	assert_int_equal(places(&new), 0);
	assert_int_equal(places(&new), 0x400);
	assert_int_equal(places(&new), 0x600);
	assert_int_equal(places(&new), 0x3fd); /* no aligned place is left: any will do */
}

static void
choose_guard_pages(void **state)
{
	struct tess_map_new new = anywhere(4);

	(void)state;
	flags(TESS_MAPF_GUARDPAGES);
	assert_int_equal(places(&new), 0x3fb);
	assert_int_equal(places(&new), 0x3f6); /* one free page between them does for both */
	new.addr = at(0x3f3);
	assert_int_equal(places(&new), 0x3f1); /* the hint would touch its neighbour's page */
	new.addr = at(0x100);
	assert_int_equal(places(&new), 0x100);
	new = anywhere(4);
	new.align = 16 * PAGE;
	new.hi = at(0x80);
	assert_int_equal(places(&new), 0x70);
	new.hi = at(0x84); /* no page above */
	assert_int_equal(places(&new), 0x60);
	new = anywhere(4);
	new.up = true;
	new.addr = at(0x104);
	assert_int_equal(places(&new), 0x105);
}

static void
choose_bottom_up(void **state)
{
	struct tess_map_new new = anywhere(4);

	(void)state;
	flags(TESS_MAPF_BOTTOMUP);
	assert_int_equal(places(&new), 0);
	assert_int_equal(places(&new), 4);
	new.addr = at(0x40);
	assert_int_equal(places(&new), 0x40);
	new.addr = 0;
	assert_int_equal(places(&new), 8);
}

static void
choose_at_random(void **state)
{
	struct tess_map_new new = anywhere(1);
	unsigned first[32], differ = 0, neighbours = 0;

	(void)state;
	flags(TESS_MAPF_ASLR);
	tess_map_set_seed(&map, 12);
	for (unsigned i = 0; i < 32; i++) {
		first[i] = places(&new);
		neighbours += i > 0 && first[i] + 1 == first[i - 1];
	}
	assert_true(neighbours < 8);
	for (unsigned round = 0; round < 2; round++) {
		assert_int_equal(tess_map_remove(&map, map.min, map.max, TESS_HOLES_SKIP), TESS_OK);
		tess_map_set_seed(&map, round == 0 ? 12 : 13);
		for (unsigned i = 0; i < 32; i++) {
			unsigned page = places(&new);

			if (round == 0)
				assert_int_equal(page, first[i]); /* the seed decides */
			differ += page != first[i];
		}
	}
	assert_true(differ > 16);
	new.addr = at(0x10);
	assert_int_equal(tess_map_remove(&map, map.min, map.max, TESS_HOLES_SKIP), TESS_OK);
	assert_int_equal(places(&new), 0x10);
	new = anywhere(0x7ff); /* whatever the draw, what fits is found */
	assert_int_equal(tess_map_remove(&map, map.min, map.max, TESS_HOLES_SKIP), TESS_OK);
	assert_true(places(&new) <= 1);
}

static void
choose_quarantine(void **state)
{
	struct tess_map_new new = anywhere(0x100);

	(void)state;
	flags(TESS_MAPF_QUARANTINE);
	for (unsigned page = 0x300; page != 0; page -= 0x100) {
		assert_int_equal(places(&new), page);
		assert_int_equal(tess_map_remove(&map, at(page), at(page + 0x100), TESS_HOLES_SKIP),
				 TESS_OK);
		new.addr = at(page); /* not even when it is asked for */
	}
	assert_int_equal(places(&new), 0);
	assert_int_equal(tess_map_remove(&map, at(0), at(0x100), TESS_HOLES_SKIP), TESS_OK);
	assert_int_equal(places(&new), 0x400); /* beyond the top: the last that was never used */
	for (unsigned page = 0x500; page < 0x800; page += 0x100)
		assert_int_equal(places(&new), page);
	new.addr = 0;
	assert_int_equal(places(&new), 0x300); /* used up: it starts over */
	assert_int_equal(places(&new), 0x200);
	assert_int_equal(tess_map_remove(&map, at(0x300), at(0x400), TESS_HOLES_SKIP), TESS_OK);
	assert_int_equal(places(&new), 0x100);
	tess_map_release_quarantine(&map);
	assert_int_equal(places(&new), 0x300);
}

static void
choose_quarantine_upward(void **state)
{
	struct tess_map_new new = anywhere(0x100);

	(void)state;
	flags(TESS_MAPF_QUARANTINE | TESS_MAPF_ASLR);
	new.up = new.wrap = true;
	new.addr = at(0x200);
	for (unsigned i = 0, was = 0x200; i < 3; i++) {
		unsigned page = places(&new);

		assert_true(page >= was);
		was = page + 0x100;
		assert_int_equal(tess_map_remove(&map, map.min, map.max, TESS_HOLES_SKIP), TESS_OK);
	}
	flags(TESS_MAPF_QUARANTINE);
	tess_map_release_quarantine(&map);
	for (unsigned page = 0x200; page < 0x800; page += 0x100) {
		assert_int_equal(places(&new), page);
		assert_int_equal(tess_map_remove(&map, map.min, map.max, TESS_HOLES_SKIP), TESS_OK);
	}
	assert_int_equal(places(&new), 0); /* from the lower bound, once */
	assert_int_equal(places(&new), 0x200);
	assert_int_equal(places(&new), 0x300);
}

/* ---- The public face ---- */

static void
map_findspace(void **state)
{
	struct tess_place p = {.len = 2 * PAGE};
	tess_va va = 1;

	(void)state;
	insert(0x3fe, 2, RW);
	assert_int_equal(tess_map_findspace(&map, &p, &va), TESS_KERN_SUCCESS);
	assert_int_equal(va, at(0x3fc));
	p.hint = at(0x10);
	assert_int_equal(tess_map_findspace(&map, &p, &va), TESS_KERN_SUCCESS);
	assert_int_equal(va, at(0x10));
	p.policy = TESS_PLACE_HINT;
	p.hint = at(0x3fd);
	va = 1;
	assert_int_equal(tess_map_findspace(&map, &p, &va), TESS_KERN_NO_SPACE);
	assert_int_equal(va, 1);
	p.hint = at(0x3fc);
	p.align = 8 * PAGE;
	assert_int_equal(tess_map_findspace(&map, &p, &va), TESS_KERN_NO_SPACE);
	p.align = 4 * PAGE;
	assert_int_equal(tess_map_findspace(&map, &p, &va), TESS_KERN_SUCCESS);
	p.max = at(0x3fd);
	assert_int_equal(tess_map_findspace(&map, &p, &va), TESS_KERN_NO_SPACE);
	p = (struct tess_place){.len = 1, .policy = TESS_PLACE_BOTTOMUP, .min = at(5)};
	assert_int_equal(tess_map_findspace(&map, &p, &va), TESS_KERN_SUCCESS);
	assert_int_equal(va, at(5));
	p = (struct tess_place){.len = PAGE, .policy = TESS_PLACE_SUPER};
	assert_int_equal(tess_map_findspace(&map, &p, &va), TESS_KERN_SUCCESS);
	assert_int_equal(va % SUPER, 0);
	p.len = 0x801 * PAGE;
	assert_int_equal(tess_map_findspace(&map, &p, &va), TESS_KERN_NO_SPACE);
	EXPECT(&map, "3fe-400rw");
}

static void
map_findspace_refuses(void **state)
{
	const struct tess_place bad[] = {
	    {.len = 0},
	    {.len = UINT64_MAX},
	    {.len = 1, .align = 3 * PAGE},
	    {.len = 1, .min = 1},
	    {.len = 1, .max = BASE + 5},
	    {.len = 1, .policy = TESS_PLACE_HINT, .hint = BASE + 5},
	};
	tess_va va = 1;

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		assert_int_equal(tess_map_findspace(&map, &bad[i], &va),
				 TESS_KERN_INVALID_ARGUMENT);
		assert_int_equal(tess_map_reserve(&map, &bad[i], &va), TESS_KERN_INVALID_ARGUMENT);
	}
	assert_int_equal(va, 1);
	EXPECT(&map, "");
}

static enum tess_err
reserve_once(void)
{
	struct tess_place p = {.len = 4 * PAGE};
	tess_va va;

	switch (tess_map_reserve(&map, &p, &va)) {
	case TESS_KERN_SUCCESS:
		return TESS_OK;
	case TESS_KERN_RESOURCE_SHORTAGE:
		return TESS_ENOMEM;
	default:
		return TESS_EINVAL;
	}
}

static void
map_reserve(void **state)
{
	struct tess_place p = {.len = 4 * PAGE, .policy = TESS_PLACE_HINT, .hint = at(0x3fc)};
	struct tess_map_new new = anywhere(4);
	tess_va va = 1;

	(void)state;
	insert(0x3fc, 4, RW);
	assert_int_equal(tess_map_reserve(&map, &p, &va), TESS_KERN_NO_SPACE);
	assert_int_equal(va, 1);
	fails(reserve_once);
	EXPECT(&map, "3f8-3fc 3fc-400rw");
	assert_int_equal(places(&new), 0x3f4); /* the place is kept */
	insert(0x3f9, 1, RW);                  /* for who names it */
	EXPECT(&map, "3f4-3f8rw 3f8-3f9 3f9-3farw 3fa-3fc 3fc-400rw");
	assert_true(tess_entry_is_guard(tess_map_lookup_rcu(&map, at(0x3fa))));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    MAP_TEST(choose_bounds),
	    MAP_TEST(choose_up),
	    MAP_TEST(choose_align_and_super),
	    MAP_TEST(choose_guard_pages),
	    MAP_TEST(choose_bottom_up),
	    MAP_TEST(choose_at_random),
	    MAP_TEST(choose_quarantine),
	    MAP_TEST(choose_quarantine_upward),
	    MAP_TEST(map_findspace),
	    MAP_TEST(map_findspace_refuses),
	    MAP_TEST(map_reserve),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
