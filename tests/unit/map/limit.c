/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * limit.c: quotas, the commit charge and the wired maximum, as every edit meets them; and that the machine's sums are
 * exact after whatever failed.
 */
#include "unit_map.h"

static struct tess_account
account(void)
{
	struct tess_account a;

	tess_account_get(&a);
	return a;
}

static enum tess_err
try_insert(unsigned page, unsigned n, tess_prot prot, uint32_t flags)
{
	struct tess_map_new new = like(page, n, prot);
	tess_va va;
	enum tess_err e;

	new.flags = flags;
	e = tess_map_insert(&map, &new, &va);
	tess_map_check(&map);
	return e;
}

static enum tess_err
mark(unsigned page, unsigned n, uint32_t set, uint32_t clear)
{
	enum tess_err e = tess_map_mark(&map, at(page), at(page + n), set, clear, TESS_ONLY_ANY,
					TESS_HOLES_REFUSE, UINT64_MAX);

	tess_map_check(&map);
	return e;
}

static enum tess_err
move_to(unsigned from, unsigned n, unsigned to, unsigned to_n, enum tess_move_source source)
{
	struct tess_map_new new = like(to, to_n, R);
	tess_va va;

	return tess_map_move(&map, at(from), n * PAGE, &new, source, TESS_MOVE_ONE, &va);
}

/* ---- quotas ---- */

static void
map_set_quota_of_entries(void **state)
{
	(void)state;
	insert(10, 6, RW);
	insert(20, 1, RW);
	tess_map_set_quota(&map, TESS_QUOTA_ENTRIES, 3);
	insert(30, 1, RW);
	assert_int_equal(try_insert(40, 1, RW, 0), TESS_ENOMEM);
	insert(16, 1, RW); /* joins: no entry more */
	assert_int_equal(protect(12, 1, R, TESS_HOLES_REFUSE), TESS_ENOMEM);
	assert_int_equal(tess_map_remove(&map, at(12), at(13), TESS_HOLES_SKIP), TESS_ENOMEM);
	EXPECT(&map, "a-11rw 14-15rw 1e-1frw");
	tess_map_set_quota(&map, TESS_QUOTA_ENTRIES, 1);
	removes(30, 1); /* fewer than there were, though more than the quota */
	assert_int_equal(protect(10, 7, R, TESS_HOLES_REFUSE), TESS_OK);
	EXPECT(&map, "a-11r 14-15rw");
	tess_map_set_quota(&map, TESS_QUOTA_ENTRIES, 0);
	insert(40, 1, RW);
}

static void
map_set_quota_counts_a_move_once(void **state)
{

	(void)state;
	insert(10, 2, RW);
	insert(20, 2, RW);
	tess_map_set_quota(&map, TESS_QUOTA_ENTRIES, 2);
	assert_int_equal(move_to(10, 2, 40, 2, TESS_MOVE_UNMAP), TESS_OK);
	EXPECT(&map, "14-16rw 28-2arw");
	assert_int_equal(move_to(40, 1, 60, 1, TESS_MOVE_UNMAP),
			 TESS_ENOMEM); /* what is left behind would be one more */
	EXPECT(&map, "14-16rw 28-2arw");
	assert_int_equal(move_to(40, 2, 60, 2, TESS_MOVE_KEEP_EMPTY), TESS_ENOMEM);
	EXPECT(&map, "14-16rw 28-2arw");
	tess_map_check(&map);
}

static void
map_set_quota_of_metadata(void **state)
{
	uint64_t before = tess_map_metadata(&map);

	(void)state;
	assert_int_equal(before, PAGE); /* the root table */
	insert(10, 1, RW);
	assert_int_equal(tess_map_metadata(&map), before + sizeof(struct tess_entry));
	fill(10, 1);
	assert_int_equal(tess_map_metadata(&map), before + sizeof(struct tess_entry) + 3 * PAGE);
	tess_map_set_quota(&map, TESS_QUOTA_METADATA, tess_map_metadata(&map) + 1);
	assert_int_equal(try_insert(20, 1, RW, 0), TESS_ENOMEM);
	insert(11, 1, RW);
	fill(11, 3);
	EXPECT(&map, "a-crw");
}

/* A fault is a call too: a table that it needs beyond the quota is not made. */
static void
pmap_limit_refuses_a_table(void **state)
{
	static const uint32_t dead;
	struct tess_anon *an = tess_anon_new(TESS_FILL_ZERO);
	struct tess_gather g;

	(void)state;
	insert(10, 1, RW);
	tess_map_set_quota(&map, TESS_QUOTA_METADATA, tess_map_metadata(&map) + 2 * PAGE);
	tess_gather_init(&g);
	assert_int_equal(
	    tess_pmap_enter(map.pmap, at(10), an->page, RW, TESS_ENTER_WRITE, &dead, &g),
	    TESS_FAIL);
	assert_int_equal(tess_pmap_tables(map.pmap), 1);
	tess_map_set_quota(&map, TESS_QUOTA_METADATA, tess_map_metadata(&map) + 3 * PAGE);
	assert_int_equal(
	    tess_pmap_enter(map.pmap, at(10), an->page, RW, TESS_ENTER_WRITE, &dead, &g),
	    TESS_DONE);
	assert_int_equal(tess_pmap_tables(map.pmap), 4);
	tess_pmap_remove(map.pmap, at(10), at(11), &g);
	tess_anon_unref(an, &g);
	tess_gather_finish(&g);
}

/* ---- commit ---- */

static void
account_set_commit(void **state)
{
	(void)state;
	insert(10, 4, RW);
	assert_int_equal(account().committed, 0);
	tess_account_set_commit(TESS_COMMIT_NEVER, 8 * PAGE);
	insert(20, 4, RW);
	insert(30, 9, R);
	insert_object(50, 4, 0, TESS_ENTRY_SHARED);
	assert_int_equal(account().committed, 4 * PAGE);
	assert_int_equal(map.charged, 4 * PAGE);
	assert_int_equal(try_insert(60, 5, RW, TESS_ENTRY_NORESERVE), TESS_ENOMEM);
	assert_int_equal(account().committed, 4 * PAGE);
	insert_object(60, 4, 0, 0); /* private: a promise too */
	assert_int_equal(account().committed, 8 * PAGE);
	removes(61, 2);
	assert_int_equal(account().committed, 6 * PAGE);
	removes(20, 4);
	assert_int_equal(account().committed, 2 * PAGE);
	assert_int_equal(try_insert(10, 8, RW, 0), TESS_ENOMEM); /* over the uncharged ones */
	assert_int_equal(account().committed, 2 * PAGE);
	assert_int_equal(entry(10)->flags & TESS_ENTRY_CHARGED, 0);
	tess_account_set_commit(TESS_COMMIT_ALWAYS, 0);
	assert_int_equal(try_insert(70, 64, RW, 0), TESS_OK);
	assert_int_equal(account().committed, 2 * PAGE);
}

static enum tess_err
replace_once(void)
{
	struct tess_map_new new = like(12, 4, RW);
	tess_va va;

	return tess_map_insert(&map, &new, &va);
}

static enum tess_err
writable_once(void)
{
	return protect(30, 4, RW, TESS_HOLES_REFUSE);
}

/* The limit is passed to the byte, and what fails on the way gives all of it back. */
static void
account_is_exact_when_memory_fails(void **state)
{
	(void)state;
	tess_account_set_commit(TESS_COMMIT_NEVER, 12 * PAGE);
	insert(10, 4, RW);
	insert(30, 6, R);
	fails(replace_once); /* 2 pages over old ones, 2 new */
	assert_int_equal(account().committed, 6 * PAGE);
	fails(writable_once);
	assert_int_equal(account().committed, 10 * PAGE);
	assert_int_equal(protect(32, 4, RW, TESS_HOLES_REFUSE), TESS_OK); /* two of them new */
	assert_int_equal(account().committed, 12 * PAGE);
	assert_int_equal(protect(30, 6, R, TESS_HOLES_REFUSE), TESS_OK);
	assert_int_equal(account().committed, 12 * PAGE); /* written pages are still promised */
}

static void
map_fork_charges_the_child(void **state)
{
	(void)state;
	tess_account_set_commit(TESS_COMMIT_NEVER, 10 * PAGE);
	insert(10, 4, RW);
	insert_object(20, 3, 0, TESS_ENTRY_SHARED);
	fails(fork_once);
	assert_int_equal(account().committed, 8 * PAGE);
	assert_int_equal(child.charged, 4 * PAGE);
	child_end();
	assert_int_equal(account().committed, 4 * PAGE);
	tess_account_set_commit(TESS_COMMIT_NEVER, 7 * PAGE);
	assert_int_equal(fork_once(), TESS_ENOMEM);
	assert_int_equal(account().committed, 4 * PAGE);
	/* what the child gets as private zeros is a promise to it alone */
	assert_int_equal(
	    tess_map_inherit(&map, at(10), at(14), TESS_INHERIT_NONE, TESS_HOLES_REFUSE), TESS_OK);
	assert_int_equal(
	    tess_map_inherit(&map, at(20), at(23), TESS_INHERIT_ZERO, TESS_HOLES_REFUSE), TESS_OK);
	assert_int_equal(fork_once(), TESS_OK);
	assert_int_equal(account().committed, 7 * PAGE);
	child_end();
}

static void
map_move_is_charged_once(void **state)
{

	(void)state;
	tess_account_set_commit(TESS_COMMIT_NEVER, 5 * PAGE);
	insert(10, 4, RW);
	assert_int_equal(move_to(10, 4, 40, 5, TESS_MOVE_UNMAP), TESS_OK);
	tess_map_check(&map);
	assert_int_equal(account().committed, 5 * PAGE);
	assert_int_equal(move_to(40, 5, 60, 6, TESS_MOVE_UNMAP), TESS_ENOMEM);
	assert_int_equal(move_to(40, 1, 60, 1, TESS_MOVE_KEEP_EMPTY), TESS_ENOMEM);
	EXPECT(&map, "28-2drw");
	assert_int_equal(account().committed, 5 * PAGE);
	tess_map_check(&map);
}

static void
object_create_zero_is_charged(void **state)
{
	struct tess_object *o, *other;

	(void)state;
	tess_account_set_commit(TESS_COMMIT_NEVER, 4 * PAGE);
	assert_int_equal(tess_object_create_zero(PAGE + 1, &o), TESS_OK);
	assert_int_equal(account().committed, 2 * PAGE);
	assert_int_equal(tess_object_create_zero(3 * PAGE, &other), TESS_ENOMEM);
	assert_int_equal(tess_object_set_size(o, 5 * PAGE), TESS_ENOMEM);
	assert_int_equal(tess_object_size(o), PAGE + 1);
	assert_int_equal(tess_object_set_size(o, 4 * PAGE), TESS_OK);
	assert_int_equal(account().committed, 4 * PAGE);
	assert_int_equal(tess_object_set_size(o, PAGE), TESS_OK);
	assert_int_equal(account().committed, PAGE);
	assert_int_equal(tess_object_set_size(object, 100 * PAGE), TESS_OK); /* made before */
	tess_host_fail_nth(vm_host, 1);
	assert_int_equal(tess_object_create_zero(PAGE, &other), TESS_ENOMEM);
	tess_host_fail_nth(vm_host, 0);
	assert_int_equal(account().committed, PAGE);
	tess_object_check(o);
	tess_object_unref(o);
	assert_int_equal(account().committed, 0);
}

/* ---- wired ---- */

static void
account_set_wired(void **state)
{
	(void)state;
	insert(10, 4, RW);
	assert_int_equal(mark(10, 2, TESS_ENTRY_LOCKED, 0), TESS_OK);
	assert_int_equal(account().wired, 2 * PAGE); /* counted without a limit, too */
	tess_account_set_wired(3 * PAGE);
	assert_int_equal(mark(10, 4, TESS_ENTRY_LOCKED, 0), TESS_EAGAIN);
	assert_int_equal(account().wired, 2 * PAGE);
	assert_int_equal(mark(11, 2, TESS_ENTRY_LOCKED, 0), TESS_OK);
	assert_int_equal(try_insert(20, 1, RW, TESS_ENTRY_LOCKED), TESS_EAGAIN);
	assert_int_equal(mark(10, 4, 0, TESS_ENTRY_LOCKED), TESS_OK);
	assert_int_equal(account().wired, 0);
	assert_int_equal(try_insert(20, 3, RW, TESS_ENTRY_LOCKED), TESS_OK);
	assert_int_equal(fork_once(), TESS_OK); /* locks are not inherited */
	assert_int_equal(account().wired, 3 * PAGE);
	child_end();
	removes(21, 1);
	assert_int_equal(account().wired, 2 * PAGE);
	tess_map_clear(&map);
	assert_int_equal(account().wired, 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    MAP_TEST(map_set_quota_of_entries),
	    MAP_TEST(map_set_quota_counts_a_move_once),
	    MAP_TEST(map_set_quota_of_metadata),
	    MAP_TEST(pmap_limit_refuses_a_table),
	    MAP_TEST(account_set_commit),
	    MAP_TEST(account_is_exact_when_memory_fails),
	    MAP_TEST(map_fork_charges_the_child),
	    MAP_TEST(map_move_is_charged_once),
	    MAP_TEST(object_create_zero_is_charged),
	    MAP_TEST(account_set_wired),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
