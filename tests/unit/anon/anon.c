/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * anon.c: amaps from inside: chunks, sharing at fork, moves, coverage.  Over the hosted machine, whose
 * end asserts that no anon, chunk or frame is left.
 */
#include "unit_vm.h"
#include "anon_priv.h"

#define SLOT ((tess_idx)TESS_CHUNK_SLOTS * 3 + 7)

static struct tess_gather gather;

/* put: a fresh anon with a number in its page. */
static struct tess_anon *
put(struct tess_amap *am, tess_idx idx, uint64_t number)
{
	struct tess_anon *an = tess_anon_new(TESS_FILL_ZERO);
	struct tess_chunk *c;

	assert_non_null(an);
	*(uint64_t *)tess_page_data(an->page) = number;
	assert_int_equal(tess_chunk_lock(am, idx, TESS_CHUNK_WRITE, &c), TESS_DONE);
	tess_chunk_put(c, idx, an);
	tess_chunk_unlock(c);
	return an;
}

static struct tess_chunk *
chunk_of(struct tess_amap *am, tess_idx idx)
{
	struct tess_chunk *c;

	assert_int_equal(tess_chunk_lock(am, idx, TESS_CHUNK_LOOK, &c), TESS_DONE);
	if (c != NULL)
		tess_chunk_unlock(c);
	return c;
}

static struct tess_anon *
get(struct tess_amap *am, tess_idx idx)
{
	struct tess_chunk *c = chunk_of(am, idx);

	return c != NULL ? tess_chunk_get(c, idx) : NULL;
}

static struct tess_amap *
create(bool shared)
{
	struct tess_amap *am;

	assert_int_equal(tess_amap_create(shared, &am), TESS_OK);
	return am;
}

static void
destroy(struct tess_amap *am)
{
	tess_amap_check(am);
	tess_amap_destroy(am, &gather);
	tess_gather_finish(&gather);
	tess_anon_room_check();
}

static void
wipe(struct tess_amap *am, tess_idx idx, uint64_t n, enum tess_wipe how)
{
	assert_int_equal(tess_amap_wipe_prepare(am, idx, n), TESS_OK);
	tess_amap_wipe(am, idx, n, how, &gather);
	tess_gather_finish(&gather);
	tess_amap_check(am);
}

/* fork_of: a home amap with one window of another. */
static struct tess_amap *
fork_of(struct tess_amap *from, tess_idx idx, uint64_t n)
{
	struct tess_amap *to = create(false);
	struct tess_amap_fork f = {.from = from, .to = to};

	assert_int_equal(tess_amap_fork_add(&f, idx, n), TESS_OK);
	assert_int_equal(tess_amap_fork_end(&f), TESS_OK);
	return to;
}

static void
amap_create(void **state)
{
	struct tess_amap *home = create(false), *shared = create(true), *none = NULL;

	(void)state;
	assert_ptr_equal(home->zero, tess_zero_page());
	assert_ptr_not_equal(shared->zero, tess_zero_page());
	for (uint64_t n = 1;; n++) {
		enum tess_err e;

		tess_host_fail_nth(vm_host, n);
		e = tess_amap_create(true, &none);
		if (!tess_host_fail_hit(vm_host)) {
			assert_int_equal(e, TESS_OK);
			break;
		}
		assert_int_equal(e, TESS_ENOMEM);
		assert_null(none);
	}
	tess_host_fail_nth(vm_host, 0);
	destroy(none);
	destroy(home);
	destroy(shared);
}

static void
chunk_lock(void **state)
{
	struct tess_amap *am = create(false);
	struct tess_chunk *c;

	(void)state;
	assert_null(chunk_of(am, SLOT));
	for (uint64_t n = 1;; n++) {
		enum tess_step step;

		tess_host_fail_nth(vm_host, n);
		step = tess_chunk_lock(am, SLOT, TESS_CHUNK_WRITE, &c);
		if (!tess_host_fail_hit(vm_host)) {
			assert_int_equal(step, TESS_DONE);
			break;
		}
		assert_int_equal(step, TESS_FAIL);
		assert_null(chunk_of(am, SLOT));
	}
	tess_host_fail_nth(vm_host, 0);
	assert_int_equal(c->refs, 1);
	tess_chunk_unlock(c);
	assert_ptr_equal(chunk_of(am, SLOT), c);
	assert_ptr_equal(chunk_of(am, SLOT - 7), c);
	assert_null(chunk_of(am, SLOT - 8));
	destroy(am);
}

/* A fault that found the amap under RCU comes after its end: it gets no chunk, which nobody would free. */
static void
chunk_lock_of_a_dying_amap(void **state)
{
	struct tess_amap *am = create(true);
	struct tess_chunk *c;

	(void)state;
	tess_rcu_enter();
	tess_amap_destroy(am, &gather);
	assert_int_equal(tess_chunk_lock(am, SLOT, TESS_CHUNK_WRITE, &c), TESS_FAIL);
	assert_null(chunk_of(am, SLOT));
	tess_rcu_exit();
	tess_gather_finish(&gather);
}

static void
chunk_put_replace_take(void **state)
{
	struct tess_amap *am = create(false);
	struct tess_anon *a = put(am, SLOT, 1), *b = tess_anon_new(TESS_FILL_ZERO);
	struct tess_chunk *c;

	(void)state;
	assert_int_equal(tess_amap_count(am, 0, 1 << 20), 1);
	assert_int_equal(tess_chunk_lock(am, SLOT, TESS_CHUNK_WRITE, &c), TESS_DONE);
	assert_ptr_equal(tess_chunk_replace(c, SLOT, b), a);
	assert_ptr_equal(tess_chunk_get(c, SLOT), b);
	assert_ptr_equal(tess_chunk_take(c, SLOT), b);
	assert_null(tess_chunk_get(c, SLOT));
	assert_int_equal(c->used, 0);
	tess_chunk_unlock(c);
	tess_anon_unref(a, &gather);
	tess_anon_unref(b, &gather);
	assert_int_equal(tess_amap_count(am, 0, 1 << 20), 0);
	destroy(am);
}

static void
amap_fork_shares_a_whole_chunk(void **state)
{
	struct tess_amap *am = create(false), *child;
	struct tess_anon *a = put(am, SLOT, 1), *mine;

	(void)state;
	child = fork_of(am, SLOT - 1, 3);
	assert_ptr_equal(chunk_of(am, SLOT), chunk_of(child, SLOT));
	assert_int_equal(chunk_of(am, SLOT)->refs, 2);
	assert_int_equal(a->refs, 1); /* one slot of one chunk */
	/* Whoever writes gets a chunk of its own; the anon is counted once more. */
	mine = put(child, SLOT + 1, 2);
	assert_ptr_not_equal(chunk_of(am, SLOT), chunk_of(child, SLOT));
	assert_int_equal(chunk_of(am, SLOT)->refs, 1);
	assert_int_equal(a->refs, 2);
	assert_ptr_equal(get(child, SLOT), a);
	assert_ptr_equal(get(child, SLOT + 1), mine);
	assert_null(get(am, SLOT + 1));
	destroy(am);
	assert_int_equal(a->refs, 1);
	destroy(child);
}

static void
amap_fork_copies_a_part(void **state)
{
	struct tess_amap *am = create(false), *child;
	struct tess_anon *in = put(am, SLOT, 1), *out = put(am, SLOT + 9, 2);

	(void)state;
	child = fork_of(am, SLOT, 9);
	assert_ptr_not_equal(chunk_of(am, SLOT), chunk_of(child, SLOT));
	assert_ptr_equal(get(child, SLOT), in);
	assert_null(get(child, SLOT + 9));
	assert_int_equal(in->refs, 2);
	assert_int_equal(out->refs, 1);
	destroy(child);
	assert_int_equal(in->refs, 1);
	destroy(am);
}

static void
amap_wipe(void **state)
{
	struct tess_amap *am = create(false), *child;
	struct tess_anon *a = put(am, SLOT, 1), *b = put(am, SLOT + 1, 2);

	(void)state;
	put(am, SLOT + TESS_CHUNK_SLOTS, 3);
	child = fork_of(am, 0, 1 << 20);
	/* A part of a shared chunk: the child gets its own first, which may fail. */
	tess_host_fail_nth(vm_host, 1);
	assert_int_equal(tess_amap_wipe_prepare(child, SLOT, 1), TESS_ENOMEM);
	tess_host_fail_nth(vm_host, 0);
	assert_int_equal(chunk_of(child, SLOT)->refs, 2);
	wipe(child, SLOT, 1, TESS_WIPE_RELEASE);
	assert_null(get(child, SLOT));
	assert_ptr_equal(get(child, SLOT + 1), b);
	assert_ptr_equal(get(am, SLOT), a);
	assert_int_equal(a->refs, 1);
	assert_int_equal(b->refs, 2);
	/* A whole shared chunk needs no copy: it is let go. */
	tess_host_fail_nth(vm_host, 1);
	wipe(child, SLOT + TESS_CHUNK_SLOTS, 1, TESS_WIPE_RELEASE);
	tess_host_fail_nth(vm_host, 0);
	assert_null(chunk_of(child, SLOT + TESS_CHUNK_SLOTS));
	assert_int_equal(chunk_of(am, SLOT + TESS_CHUNK_SLOTS)->refs, 1);
	wipe(am, SLOT, 2, TESS_WIPE_KEEP);
	assert_non_null(chunk_of(am, SLOT));
	assert_int_equal(tess_amap_count(am, SLOT, 2), 0);
	wipe(am, SLOT, 2, TESS_WIPE_RELEASE);
	assert_null(chunk_of(am, SLOT));
	destroy(child);
	destroy(am);
}

static void
amap_copy(void **state)
{
	struct tess_amap *from = create(false), *to = create(false);
	struct tess_anon *a = put(from, SLOT, 1), *b = put(from, SLOT + 600, 2);

	(void)state;
	assert_int_equal(tess_amap_copy(from, SLOT, to, 100, 601), TESS_OK);
	assert_ptr_equal(get(to, 100), a);
	assert_ptr_equal(get(to, 700), b);
	assert_int_equal(tess_amap_count(to, 0, 1 << 20), 2);
	assert_int_equal(a->refs, 2);
	destroy(from);
	assert_int_equal(b->refs, 1);
	destroy(to);
}

static void
amap_move(void **state)
{
	struct tess_amap *am = create(false), *child;
	struct tess_anon *a = put(am, SLOT, 1), *b = put(am, SLOT + 2, 2);

	(void)state;
	child = fork_of(am, SLOT, 3);
	for (uint64_t n = 1;; n++) {
		enum tess_err e;

		tess_host_fail_nth(vm_host, n);
		e = tess_amap_move_prepare(am, SLOT, am, 10, 3);
		if (!tess_host_fail_hit(vm_host)) {
			assert_int_equal(e, TESS_OK);
			break;
		}
		assert_int_equal(e, TESS_ENOMEM);
		assert_ptr_equal(get(am, SLOT), a);
		assert_int_equal(tess_amap_count(am, 0, 1 << 20), 2);
	}
	tess_host_fail_nth(vm_host, 0);
	tess_amap_move(am, SLOT, am, 10, 3);
	assert_ptr_equal(get(am, 10), a);
	assert_null(get(am, 11));
	assert_ptr_equal(get(am, 12), b);
	assert_int_equal(tess_amap_count(am, SLOT, 3), 0);
	assert_ptr_equal(get(child, SLOT), a); /* the child's stay where they are */
	destroy(am);
	destroy(child);
}

static void
amap_discard(void **state)
{
	struct tess_amap *am = create(true);
	struct tess_pmap *pm, *other;
	struct tess_cover v;
	struct tess_anon *a;

	(void)state;
	assert_int_equal(tess_pmap_create(&pm), TESS_OK);
	assert_int_equal(tess_pmap_create(&other), TESS_OK);
	tess_cover_begin(&v);
	assert_int_equal(tess_cover_prepare(&v, am, SLOT, 2), TESS_OK);
	tess_cover_add(&v, am, SLOT, 2);
	tess_cover_end(&v);
	a = put(am, SLOT, 1);
	assert_int_equal(
	    tess_pmap_enter(pm, 0x100000, a->page, TESS_PROT_READ, TESS_ENTER_READ, NULL, &gather),
	    TESS_DONE);
	assert_int_equal(tess_pmap_enter(other, 0x700000, a->page, TESS_PROT_READ, TESS_ENTER_READ,
					 NULL, &gather),
			 TESS_DONE);
	assert_int_equal(tess_amap_wipe_prepare(am, SLOT, 2), TESS_OK);
	tess_amap_discard(am, SLOT, 2, pm, 0x100000, &gather);
	tess_gather_finish(&gather);
	assert_null(get(am, SLOT));
	assert_false(tess_pmap_extract(pm, 0x100000, NULL, NULL));
	assert_false(tess_pmap_extract(other, 0x700000, NULL, NULL)); /* another map's too */
	tess_pmap_destroy(pm);
	tess_pmap_destroy(other);
	tess_cover_begin(&v);
	tess_cover_drop(&v, am, SLOT, 2, &gather);
	tess_cover_end(&v);
	tess_gather_finish(&gather);
}

static void
cover(struct tess_amap *am, tess_idx idx, uint64_t n, int sign)
{
	struct tess_cover v;

	tess_cover_begin(&v);
	assert_int_equal(tess_cover_prepare(&v, am, idx, n), TESS_OK);
	if (sign > 0)
		tess_cover_add(&v, am, idx, n);
	else
		tess_cover_drop(&v, am, idx, n, &gather);
	tess_cover_end(&v);
	tess_gather_finish(&gather);
}

static void
cover_drop_frees_with_the_last(void **state)
{
	struct tess_amap *am = create(true);

	(void)state;
	cover(am, 100, 20, 1);
	cover(am, 105, 20, 1);
	for (tess_idx i = 100; i < 125; i++)
		put(am, i, i);
	tess_amap_check(am);
	assert_true(tess_cover_any(am, 124, 1));
	assert_false(tess_cover_any(am, 125, 1));
	assert_false(tess_cover_any(am, 0, 100));
	cover(am, 110, 2, -1);
	assert_int_equal(tess_amap_count(am, 0, 1000), 25); /* the other still covers them */
	cover(am, 110, 2, -1);
	assert_int_equal(tess_amap_count(am, 0, 1000), 23);
	assert_false(tess_cover_any(am, 110, 2));
	cover(am, 100, 10, -1);
	assert_int_equal(tess_amap_count(am, 0, 1000), 18);
	tess_amap_check(am);
	cover(am, 112, 8, -1);
	cover(am, 105, 5, -1);
	assert_int_equal(tess_amap_count(am, 0, 1000), 13);
	tess_amap_check(am);
	cover(am, 112, 13, -1); /* nobody is left: the amap is gone, the end of the test looks */
}

static void
cover_prepare_without_memory(void **state)
{
	struct tess_amap *am = create(true);
	struct tess_cover v;

	(void)state;
	cover(am, 0, 10, 1);
	put(am, 3, 1);
	tess_cover_begin(&v);
	tess_host_fail_nth(vm_host, 1);
	assert_int_equal(tess_cover_prepare(&v, am, 0, 10), TESS_ENOMEM);
	tess_host_fail_nth(vm_host, 0);
	tess_cover_end(&v);
	assert_int_equal(tess_amap_count(am, 0, 10), 1);
	/* exit goes on without: a few runs are in reserve */
	tess_cover_begin(&v);
	tess_cover_drop(&v, am, 2, 3, &gather);
	tess_cover_drop(&v, am, 0, 2, &gather);
	tess_cover_drop(&v, am, 5, 5, &gather);
	tess_cover_end(&v);
	tess_gather_finish(&gather);
}

static int
start(void **state)
{
	vm_start(state);
	tess_gather_init(&gather);
	return 0;
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    VM_TEST(amap_create, start),
	    VM_TEST(chunk_lock, start),
	    VM_TEST(chunk_lock_of_a_dying_amap, start),
	    VM_TEST(chunk_put_replace_take, start),
	    VM_TEST(amap_fork_shares_a_whole_chunk, start),
	    VM_TEST(amap_fork_copies_a_part, start),
	    VM_TEST(amap_wipe, start),
	    VM_TEST(amap_copy, start),
	    VM_TEST(amap_move, start),
	    VM_TEST(amap_discard, start),
	    VM_TEST(cover_drop_frees_with_the_last, start),
	    VM_TEST(cover_prepare_without_memory, start),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
