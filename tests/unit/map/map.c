/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * map.c: layouts from inside, as text: "10-14rw 14-16r" are pages 10..13 and 14..15 above BASE.  Each operation
 * is also made to fail at each of its allocations, and then the text and the private pages are as before.
 */
#include "unit_map.h"

/* ---- insert, place ---- */

static void
map_insert_places_from_the_top_down(void **state)
{
	struct tess_map_new new = like(0, 4, RW);
	tess_va va;

	(void)state;
	new.place = TESS_PLACE_ANY;
	new.addr = 0;
	assert_int_equal(tess_map_insert(&map, &new, &va), TESS_OK);
	assert_int_equal(va, TOP - 4 * PAGE);
	new.prot = R;
	assert_int_equal(tess_map_insert(&map, &new, &va), TESS_OK);
	assert_int_equal(va, TOP - 8 * PAGE);
	new.addr = at(16); /* a hint is honoured where it is free */
	assert_int_equal(tess_map_insert(&map, &new, &va), TESS_OK);
	assert_int_equal(va, at(16));
	assert_int_equal(tess_map_insert(&map, &new, &va), TESS_OK);
	assert_int_equal(va, TOP - 12 * PAGE);
	assert_int_equal(tess_map_remove(&map, TOP - 4 * PAGE, TOP, TESS_HOLES_SKIP), TESS_OK);
	tess_map_check(&map);
	new.addr = 0;
	assert_int_equal(tess_map_insert(&map, &new, &va), TESS_OK);
	assert_int_equal(va, TOP - 4 * PAGE); /* a hole is found again */
	EXPECT(&map, "10-14r 3f4-400r");
	new.len = 0x401 * PAGE;
	va = 1;
	assert_int_equal(tess_map_insert(&map, &new, &va), TESS_ENOMEM);
	assert_int_equal(va, 1);
}

static void
map_insert_refuses(void **state)
{
	struct tess_map_new new = like(18, 4, RW);
	tess_va va = 1;

	(void)state;
	insert(16, 4, RW);
	new.place = TESS_PLACE_EXCL;
	assert_int_equal(tess_map_insert(&map, &new, &va), TESS_EEXIST);
	new.place = TESS_PLACE_FIXED;
	new.limits.bytes = 5 * PAGE; /* 4 + 4 - 2 replaced */
	assert_int_equal(tess_map_insert(&map, &new, &va), TESS_ENOMEM);
	new.limits = no_limits;
	new.flags = TESS_ENTRY_LOCKED;
	new.limits.locked = 3 * PAGE;
	assert_int_equal(tess_map_insert(&map, &new, &va), TESS_EAGAIN);
	assert_int_equal(va, 1);
	EXPECT(&map, "10-14rw");
}

static enum tess_err
insert_over(void)
{
	struct tess_map_new new = like(14, 4, R);
	tess_va va;

	return tess_map_insert(&map, &new, &va);
}

static void
map_insert_replaces_in_one_stroke(void **state)
{
	(void)state;
	insert(10, 6, RW);
	insert_object(17, 3, 0, TESS_ENTRY_SHARED);
	for (unsigned i = 10; i < 16; i++)
		fill(i, i);
	fails(insert_over);
	EXPECT(&map, "a-erw e-12r 12-14rws");
	assert_int_equal(number(13), 13);
	assert_int_equal(number(14), 0);
	assert_false(tess_pmap_extract(map.pmap, at(14), NULL, NULL));
	assert_int_equal(entry(18)->off, PAGE); /* cut at its front: the offset goes along */
}

static void
map_insert_merges(void **state)
{
	(void)state;
	insert(10, 2, RW);
	insert(14, 2, RW);
	insert(12, 2, RW);
	EXPECT(&map, "a-10rw");
	insert_object(20, 2, 0, TESS_ENTRY_SHARED);
	insert_object(22, 2, 2 * PAGE, TESS_ENTRY_SHARED);
	EXPECT(&map, "a-10rw 14-18rws");
	insert_object(24, 2, 5 * PAGE, TESS_ENTRY_SHARED); /* not the continuation */
	EXPECT(&map, "a-10rw 14-18rws 18-1arws");
}

static void
map_extend(void **state)
{
	struct tess_map_limits few = no_limits;

	(void)state;
	insert(10, 2, RW);
	insert(16, 2, R);
	fill(11, 11);
	assert_int_equal(tess_map_extend(&map, at(12), at(14), &no_limits), TESS_OK);
	assert_int_equal(tess_map_extend(&map, at(10), at(8), &no_limits), TESS_OK);
	EXPECT(&map, "8-erw 10-12r");
	assert_int_equal(number(11), 11);
	assert_int_equal(tess_map_extend(&map, at(14), at(17), &no_limits), TESS_EEXIST);
	assert_int_equal(tess_map_extend(&map, at(15), at(16), &no_limits), TESS_EFAULT);
	few.bytes = map.bytes;
	assert_int_equal(tess_map_extend(&map, at(14), at(15), &few), TESS_ENOMEM);
	EXPECT(&map, "8-erw 10-12r");
	insert_object(20, 2, 4 * PAGE, TESS_ENTRY_SHARED);
	assert_int_equal(tess_map_extend(&map, at(22), at(23), &no_limits), TESS_OK);
	assert_int_equal(entry(22)->off + (at(22) - entry(22)->range.start), 6 * PAGE);
}

/* ---- remove ---- */

static enum tess_err
remove_middle(void)
{
	return tess_map_remove(&map, at(12), at(14), TESS_HOLES_SKIP);
}

static void
map_remove(void **state)
{
	(void)state;
	insert(10, 6, RW);
	for (unsigned i = 10; i < 16; i++)
		fill(i, i);
	fails(remove_middle);
	EXPECT(&map, "a-crw e-10rw");
	assert_int_equal(tess_amap_count(map.home, 0, (uint64_t)1 << 52), 4);
	assert_int_equal(number(14), 14);
	removes(0, 64);
	EXPECT(&map, "");
	assert_int_equal(tess_amap_count(map.home, 0, (uint64_t)1 << 52), 0);
	assert_int_equal(tess_pmap_resident(map.pmap, map.min, map.max), 0);
	removes(0, 64);
}

static void
entry_copy_advances_offsets(void **state)
{
	(void)state;
	insert_object(10, 8, 3 * PAGE, 0);
	removes(12, 2);
	EXPECT(&map, "a-crw e-12rw");
	assert_int_equal(entry(10)->off, 3 * PAGE);
	assert_int_equal(entry(14)->off, 7 * PAGE);
	assert_int_equal(entry(14)->aidx, at(14) >> TESS_PAGE_SHIFT);
	assert_int_equal(tess_entry_idx(entry(15), at(15)), 8);
}

/* ---- attributes ---- */

static enum tess_err
protect_middle(void)
{

	return set_prot(12, 2, R, TESS_HOLES_REFUSE, UINT64_MAX);
}

static void
map_protect_splits_and_merges_again(void **state)
{
	tess_prot prot;

	(void)state;
	insert(10, 6, RW);
	fill(12, 12);
	fill(15, 15);
	fails(protect_middle);
	EXPECT(&map, "a-crw c-er e-10rw");
	assert_true(tess_pmap_extract(map.pmap, at(12), NULL, &prot));
	assert_int_equal(prot, R);
	assert_true(tess_pmap_extract(map.pmap, at(15), NULL, &prot));
	assert_int_equal(prot, RW);
	assert_int_equal(protect(12, 2, RW, TESS_HOLES_REFUSE), TESS_OK);
	EXPECT(&map, "a-10rw"); /* D16 */
	assert_int_equal(number(12), 12);
}

static void
map_protect_refuses(void **state)
{
	struct tess_map_new new = like(14, 2, R);
	tess_va va;

	(void)state;
	new.maxprot = R;
	insert(10, 4, R);
	assert_int_equal(tess_map_insert(&map, &new, &va), TESS_OK);
	insert(18, 2, R);
	EXPECT(&map, "a-er e-10r 12-14r");
	assert_int_equal(protect(10, 6, RW, TESS_HOLES_REFUSE), TESS_EACCES);
	EXPECT(&map, "a-er e-10r 12-14r");
	assert_int_equal(protect(10, 6, RW, TESS_HOLES_STOP), TESS_EACCES);
	EXPECT(&map, "a-erw e-10r 12-14r");
	assert_int_equal(protect(16, 4, RW, TESS_HOLES_REFUSE), TESS_EFAULT);
	assert_int_equal(protect(16, 4, RW, TESS_HOLES_REPORT), TESS_EFAULT);
	EXPECT(&map, "a-erw e-10r 12-14rw");
	assert_int_equal(set_prot(18, 2, R, TESS_HOLES_SKIP, 0), TESS_OK);
	assert_int_equal(set_prot(18, 2, RW, TESS_HOLES_SKIP, 5 * PAGE), TESS_ENOMEM);
	EXPECT(&map, "a-erw e-10r 12-14r");
}

static void
map_inherit_advise_flags_merge_again(void **state)
{
	(void)state;
	insert(10, 6, RW);
	assert_int_equal(
	    tess_map_inherit(&map, at(11), at(13), TESS_INHERIT_NONE, TESS_HOLES_REFUSE), TESS_OK);
	EXPECT(&map, "a-brw b-drw d-10rw");
	assert_int_equal(
	    tess_map_inherit(&map, at(11), at(13), TESS_INHERIT_COPY, TESS_HOLES_REFUSE), TESS_OK);
	EXPECT(&map, "a-10rw");
	assert_int_equal(
	    tess_map_advise(&map, at(11), at(13), TESS_ADVICE_RANDOM, TESS_HOLES_REFUSE), TESS_OK);
	EXPECT(&map, "a-brw b-drw d-10rw");
	assert_int_equal(
	    tess_map_advise(&map, at(10), at(16), TESS_ADVICE_RANDOM, TESS_HOLES_REFUSE), TESS_OK);
	EXPECT(&map, "a-10rw");
	assert_int_equal(tess_map_mark(&map, at(10), at(12), TESS_ENTRY_LOCKED, 0, TESS_ONLY_ANY,
				       TESS_HOLES_REFUSE, PAGE),
			 TESS_EAGAIN);
	assert_int_equal(tess_map_mark(&map, at(10), at(12), TESS_ENTRY_LOCKED, 0, TESS_ONLY_ANY,
				       TESS_HOLES_REFUSE, 2 * PAGE),
			 TESS_OK);
	assert_int_equal(map.locked, 2 * PAGE);
	assert_int_equal(tess_map_discard(&map, at(10), at(16), TESS_ONLY_UNLOCKED, 0),
			 TESS_EINVAL);
	assert_int_equal(tess_map_mark(&map, at(10), at(16), 0, TESS_ENTRY_LOCKED, TESS_ONLY_ANY,
				       TESS_HOLES_REFUSE, 0),
			 TESS_OK);
	EXPECT(&map, "a-10rw");
	assert_int_equal(map.locked, 0);
}

static void
map_discard(void **state)
{
	(void)state;
	insert(10, 6, RW);
	for (unsigned i = 10; i < 16; i++)
		fill(i, i);
	assert_int_equal(tess_map_discard(&map, at(11), at(13), TESS_ONLY_ANY, 0), TESS_OK);
	EXPECT(&map, "a-10rw");
	assert_int_equal(number(11), 0);
	assert_int_equal(number(13), 13);
	assert_false(tess_pmap_extract(map.pmap, at(12), NULL, NULL));
	assert_int_equal(tess_map_discard(&map, at(15), at(20), TESS_ONLY_ANY, 0), TESS_EFAULT);
	assert_int_equal(number(15), 0);
}

/* ---- fork ---- */

static void
inherit(unsigned page, enum tess_inherit how)
{
	assert_int_equal(tess_map_inherit(&map, at(page), at(page + 1), how, TESS_HOLES_REFUSE),
			 TESS_OK);
}

static void
map_fork(void **state)
{
	tess_prot prot;

	(void)state;
	insert(10, 4, RW);
	insert_object(14, 2, PAGE, TESS_ENTRY_SHARED);
	for (unsigned i = 10; i < 14; i++)
		fill(i, i);
	inherit(11, TESS_INHERIT_NONE);
	inherit(12, TESS_INHERIT_ZERO);
	fails(fork_once);
	EXPECT(&child, "a-brw c-drw d-erw e-10rws");
	assert_int_equal(number_in(&child, 10), 10);
	assert_int_equal(number_in(&child, 12), 0);
	assert_int_equal(number_in(&child, 13), 13);
	/* What is shared until it is written lost the right to be written; the rest did not. */
	assert_true(tess_pmap_extract(map.pmap, at(10), NULL, &prot));
	assert_int_equal(prot, R);
	assert_true(tess_pmap_extract(map.pmap, at(11), NULL, &prot));
	assert_int_equal(prot, RW);
	child_end();
	assert_int_equal(number(10), 10);
}

static void
map_fork_shares(void **state)
{
	struct tess_entry *e;

	(void)state;
	insert(10, 4, RW);
	fill(11, 11);
	assert_int_equal(
	    tess_map_inherit(&map, at(10), at(14), TESS_INHERIT_SHARE, TESS_HOLES_REFUSE), TESS_OK);
	assert_int_equal(fork_once(), TESS_OK);
	e = entry(10);
	assert_true(e->amap->shared);
	assert_ptr_equal(tess_map_lookup_rcu(&child, at(10))->amap, e->amap);
	assert_int_equal(number_in(&child, 11), 11);
	fill_in(&child, 12, 12);
	assert_int_equal(number(12), 12);
	/* The first to leave frees nothing; pages nobody covers go at once. */
	removes(11, 1);
	assert_int_equal(number_in(&child, 11), 11);
	assert_int_equal(tess_map_remove(&child, at(11), at(12), TESS_HOLES_SKIP), TESS_OK);
	tess_anon_room_check();
	assert_int_equal(tess_pool_out(&tess_machine()->anon->anons), 1);
	/* Cut at its front: the slot goes along. */
	assert_int_equal(entry(12)->aidx, e->aidx + 2);
	assert_int_equal(number(12), 12);
	child_end();
	assert_int_equal(number(12), 12);
}

/* ---- move ---- */

static unsigned move_from, move_n, move_to, move_to_n;
static enum tess_move_source move_source_is;
static enum tess_move_what move_what = TESS_MOVE_ONE;

static enum tess_err
move_once(void)
{
	struct tess_map_new n = like(move_to, move_to_n, R);
	tess_va to;

	return tess_map_move(&map, at(move_from), move_n * PAGE, &n, move_source_is, move_what,
			     &to);
}

static void
moves(unsigned from, unsigned n, unsigned to, unsigned to_n, enum tess_move_source source)
{
	move_from = from;
	move_n = n;
	move_to = to;
	move_to_n = to_n;
	move_source_is = source;
	fails(move_once);
}

static void
map_move(void **state)
{
	(void)state;
	insert(10, 6, RW);
	insert(32, 4, R);
	for (unsigned i = 10; i < 16; i++)
		fill(i, i);
	fill(33, 33);
	moves(11, 2, 33, 2, TESS_MOVE_UNMAP);
	EXPECT(&map, "a-brw d-10rw 20-21r 21-23rw 23-24r");
	assert_int_equal(number(33), 11);
	assert_int_equal(number(34), 12);
	assert_int_equal(number(13), 13);
	assert_false(tess_pmap_extract(map.pmap, at(11), NULL, NULL));
	/* Back between its old neighbours, it is one mapping again; memory for that is all there. */
	move_from = 33;
	move_to = 11;
	assert_int_equal(move_once(), TESS_OK);
	EXPECT(&map, "a-10rw 20-21r 23-24r");
	for (unsigned i = 10; i < 16; i++)
		assert_int_equal(number(i), i);
}

static void
map_move_shrinks_and_grows(void **state)
{
	(void)state;
	insert(10, 6, RW);
	for (unsigned i = 10; i < 16; i++)
		fill(i, i);
	moves(11, 4, 40, 2, TESS_MOVE_UNMAP);
	EXPECT(&map, "a-brw f-10rw 28-2arw");
	assert_int_equal(number(41), 12);
	assert_int_equal(tess_amap_count(map.home, 0, (uint64_t)1 << 52), 4);
	moves(40, 2, 50, 5, TESS_MOVE_UNMAP);
	EXPECT(&map, "a-brw f-10rw 32-37rw");
	assert_int_equal(number(51), 12);
	assert_int_equal(number(52), 0);
}

static void
map_move_keeps_the_source_empty(void **state)
{
	(void)state;
	insert(10, 3, RW);
	fill(11, 11);
	moves(10, 3, 600, 3, TESS_MOVE_KEEP_EMPTY);
	EXPECT(&map, "a-drw 258-25brw");
	assert_int_equal(number(11), 0);
	assert_int_equal(number(601), 11);
}

static void
map_move_of_an_object(void **state)
{
	struct tess_map_new n = like(0, 1, R);
	tess_va to = 0;

	(void)state;
	insert_object(10, 6, 2 * PAGE, TESS_ENTRY_SHARED);
	moves(12, 2, 40, 3, TESS_MOVE_UNMAP);
	EXPECT(&map, "a-crws e-10rws 28-2brws");
	assert_int_equal(entry(40)->off, 4 * PAGE);
	assert_int_equal(entry(14)->off, 6 * PAGE);
	n.place = TESS_PLACE_ANY;
	n.addr = 0;
	assert_int_equal(tess_map_move(&map, at(40), PAGE, &n, TESS_MOVE_UNMAP, TESS_MOVE_ONE, &to),
			 TESS_OK);
	assert_int_equal(to, TOP - PAGE);
	n = like(70, 1, R);
	assert_int_equal(tess_map_move(&map, at(60), PAGE, &n, TESS_MOVE_UNMAP, TESS_MOVE_ONE, &to),
			 TESS_EFAULT);
}

/* A move within memory that a child shares: what is cut to make the move is covered once, not twice. */
static void
map_move_over_pages_of_the_same_amap(void **state)
{
	(void)state;
	insert(10, 8, RW);
	for (unsigned i = 10; i < 18; i++)
		fill(i, i);
	assert_int_equal(
	    tess_map_inherit(&map, at(10), at(18), TESS_INHERIT_SHARE, TESS_HOLES_REFUSE), TESS_OK);
	assert_int_equal(fork_once(), TESS_OK);
	moves(11, 1, 15, 1, TESS_MOVE_UNMAP);
	assert_int_equal(number(15), 11);
	assert_int_equal(number_in(&child, 11), 11);
	assert_int_equal(number_in(&child, 15), 15); /* still covered there */
	tess_map_check(&child);
	child_end();
}

static void
guard(unsigned page, unsigned n)
{
	assert_int_equal(
	    tess_map_discard(&map, at(page), at(page + n), TESS_ONLY_ANY, TESS_ENTRY_GUARDED),
	    TESS_OK);
	tess_map_check(&map);
}

/* Parts of a mapping that are guarded move with it, and stay where they were in it. */
static void
map_move_takes_guards_along(void **state)
{
	struct tess_entry whole;

	(void)state;
	insert(10, 8, RW);
	insert(18, 2, R);
	for (unsigned i = 10; i < 18; i++)
		fill(i, i);
	guard(12, 2);
	EXPECT(&map, "a-crw c-erw e-12rw 12-14r");
	assert_true(tess_map_mapping_rcu(&map, at(10), &whole));
	assert_int_equal(whole.range.end, at(18));
	moves(11, 5, 40, 7, TESS_MOVE_UNMAP);
	EXPECT(&map, "a-brw 10-12rw 12-14r 28-29rw 29-2brw 2b-2frw");
	assert_true(entry(41)->flags & TESS_ENTRY_GUARDED);
	assert_true(entry(42)->flags & TESS_ENTRY_GUARDED);
	assert_false(entry(43)->flags & TESS_ENTRY_GUARDED);
	assert_int_equal(number(40), 11);
	assert_int_equal(number(44), 15);
	moves(40, 3, 60, 3, TESS_MOVE_KEEP_EMPTY);
	EXPECT(&map, "a-brw 10-12rw 12-14r 28-2frw 3c-3drw 3d-3frw");
	assert_int_equal(number(44), 15);
	assert_int_equal(number(40), 0);
	moves(61, 2, 80, 4, TESS_MOVE_UNMAP); /* what is new behind a guard is not guarded */
	EXPECT(&map, "a-brw 10-12rw 12-14r 28-2frw 3c-3drw 50-52rw 52-54rw");
	assert_int_equal(tess_map_extend(&map, at(84), at(85), &no_limits), TESS_OK);
	EXPECT(&map, "a-brw 10-12rw 12-14r 28-2frw 3c-3drw 50-52rw 52-55rw");
}

/* Several mappings at once: each keeps what it is; a shorter target forgets the rest. */
static void
map_move_of_several(void **state)
{
	(void)state;
	insert(10, 4, RW);
	insert_object(14, 2, 3 * PAGE, TESS_ENTRY_SHARED);
	insert(16, 4, R);
	for (unsigned i = 10; i < 14; i++)
		fill(i, i);
	fill(17, 17);
	fill(18, 18);
	move_what = TESS_MOVE_ALL;
	moves(12, 7, 42, 7, TESS_MOVE_UNMAP);
	EXPECT(&map, "a-crw 13-14r 2a-2crw 2c-2erws 2e-31r");
	assert_int_equal(number(42), 12);
	assert_int_equal(number(47), 17);
	assert_int_equal(entry(44)->off, 3 * PAGE);
	moves(42, 7, 60, 3, TESS_MOVE_UNMAP);
	EXPECT(&map, "a-crw 13-14r 3c-3erw 3e-3frws");
	assert_int_equal(number(61), 13);
	assert_int_equal(tess_amap_count(map.home, 0, (uint64_t)1 << 52), 4);
	move_from = 10;
	move_n = 11; /* a hole in it */
	assert_int_equal(move_once(), TESS_EFAULT);
	move_what = TESS_MOVE_ONE;
	move_from = 60;
	move_n = move_to_n = 3;
	assert_int_equal(move_once(), TESS_EFAULT);
}

static void
map_move_refuses(void **state)
{
	(void)state;
	insert(10, 4, RW);
	insert(20, 2, R);
	assert_int_equal(tess_map_mark(&map, at(21), at(22), TESS_ENTRY_IMMUTABLE, 0, TESS_ONLY_ANY,
				       TESS_HOLES_REFUSE, UINT64_MAX),
			 TESS_OK);
	move_source_is = TESS_MOVE_UNMAP;
	move_from = 10;
	move_n = move_to_n = 2;
	move_to = 20;
	assert_int_equal(move_once(), TESS_EPERM); /* in the target */
	move_from = 21;
	move_n = move_to_n = 1;
	move_to = 40;
	assert_int_equal(move_once(), TESS_EPERM);
	EXPECT(&map, "a-erw 14-15r 15-16r");
}

/* ---- DONATE ---- */

static void
map_fork_donates(void **state)
{
	(void)state;
	insert(10, 6, RW);
	insert_object(20, 2, 0, TESS_ENTRY_SHARED);
	for (unsigned i = 10; i < 16; i++)
		fill(i, i);
	assert_int_equal(
	    tess_map_inherit(&map, at(12), at(14), TESS_INHERIT_DONATE, TESS_HOLES_REFUSE),
	    TESS_OK);
	assert_int_equal(
	    tess_map_inherit(&map, at(21), at(22), TESS_INHERIT_DONATE, TESS_HOLES_REFUSE),
	    TESS_OK);
	fails(fork_once);
	EXPECT(&map, "a-crw e-10rw 14-15rws");
	EXPECT(&child, "a-crw c-erw e-10rw 14-15rws 15-16rw");
	assert_int_equal(number_in(&child, 13), 13);
	assert_int_equal(number_in(&child, 10), 10);
	assert_int_equal(number(15), 15);
	assert_int_equal(tess_amap_count(map.home, 0, (uint64_t)1 << 52), 4);
	assert_false(tess_pmap_extract(map.pmap, at(12), NULL, NULL));
	tess_map_check(&map);
	tess_map_check(&child);
	child_end();
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    MAP_TEST(map_insert_places_from_the_top_down),
	    MAP_TEST(map_insert_refuses),
	    MAP_TEST(map_insert_replaces_in_one_stroke),
	    MAP_TEST(map_insert_merges),
	    MAP_TEST(map_extend),
	    MAP_TEST(map_remove),
	    MAP_TEST(entry_copy_advances_offsets),
	    MAP_TEST(map_protect_splits_and_merges_again),
	    MAP_TEST(map_protect_refuses),
	    MAP_TEST(map_inherit_advise_flags_merge_again),
	    MAP_TEST(map_discard),
	    MAP_TEST(map_fork),
	    MAP_TEST(map_fork_shares),
	    MAP_TEST(map_move),
	    MAP_TEST(map_move_shrinks_and_grows),
	    MAP_TEST(map_move_keeps_the_source_empty),
	    MAP_TEST(map_move_of_an_object),
	    MAP_TEST(map_move_over_pages_of_the_same_amap),
	    MAP_TEST(map_move_takes_guards_along),
	    MAP_TEST(map_move_of_several),
	    MAP_TEST(map_move_refuses),
	    MAP_TEST(map_fork_donates),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
