/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * edit.c: life, lookup, lock, prepare, commit: one case each; index_model.h has the mixtures.
 */
#include "index_fixture.h"

#define STEP 16u

static void
room_init(void **state)
{
	struct tess_machine *m = unit_machine_start(IX_RAM, 1, 1);
	tess_pa next = m->boot_next;

	(void)state;
	m->boot_next = m->boot_end;
	assert_int_equal(tess_index_room_init(m), TESS_ENOMEM);
	assert_null(m->pools);
	assert_null(m->index);
	m->boot_next = next;
	assert_int_equal(tess_index_room_init(m), TESS_OK);
	tess_index_room_fini(m);
	tess_index_room_fini(m); /* nothing to do */
	unit_machine_stop();
}

static void
init_fails(void **state)
{
	struct tess_machine *m = ix_start(NULL, 0, 0);
	struct tess_index ix;

	(void)state;
	for (uint64_t nth = 1; nth <= 2; nth++) {
		unit_fail_nth(UNIT_SITE(TESS_SITE_POOL), nth);
		assert_int_equal(tess_index_init(&ix, 0, 100), TESS_ENOMEM);
		unit_fail_nth(0, 0);
		assert_int_equal(tess_pool_out(&m->index->leaf), 0);
		assert_int_equal(tess_pool_out(&m->index->dir), 0);
	}
	ix_stop(m, NULL);
}

static void
fini_wants_empty(void **state)
{
	struct tess_index ix;
	struct tess_machine *m = ix_start(&ix, 0, 1000);

	(void)state;
	ix_map(&ix, 10, 20);
	UNIT_EXPECT_PANIC(tess_index_fini(&ix), "assertion failed");
	ix_stop(m, &ix);
}

static void
lookup_rcu(void **state)
{
	struct tess_index ix;
	struct tess_machine *m = ix_start(&ix, 0, UINT64_MAX);
	struct tess_range *first = ix_map(&ix, 0, 1);
	struct tess_range *mid = ix_map(&ix, 100, 200);
	struct tess_range *last = ix_map(&ix, UINT64_MAX - 1, UINT64_MAX);

	(void)state;
	assert_ptr_equal(tess_index_lookup_rcu(&ix, 0), first);
	assert_null(tess_index_lookup_rcu(&ix, 1));
	assert_null(tess_index_lookup_rcu(&ix, 99));
	assert_ptr_equal(tess_index_lookup_rcu(&ix, 100), mid);
	assert_ptr_equal(tess_index_lookup_rcu(&ix, 199), mid);
	assert_null(tess_index_lookup_rcu(&ix, 200));
	assert_ptr_equal(tess_index_lookup_rcu(&ix, UINT64_MAX - 1), last);
	assert_null(tess_index_lookup_rcu(&ix, UINT64_MAX));
	ix_stop(m, &ix);
}

static void
lookup_outside(void **state)
{
	struct tess_index ix;
	struct tess_machine *m = ix_start(&ix, 100, 200);
	struct tess_range *all = ix_map(&ix, 100, 200);

	(void)state;
	assert_null(tess_index_lookup_rcu(&ix, 99));
	assert_null(tess_index_lookup_rcu(&ix, 200));
	assert_null(tess_index_lookup_rcu(&ix, 0));
	assert_null(tess_index_lookup_rcu(&ix, UINT64_MAX));
	assert_ptr_equal(tess_index_next_rcu(&ix, 0), all);
	assert_null(tess_index_next_rcu(&ix, 200));
	assert_null(tess_index_next_rcu(&ix, UINT64_MAX));
	assert_ptr_equal(tess_index_prev_rcu(&ix, UINT64_MAX), all);
	assert_null(tess_index_prev_rcu(&ix, 100));
	assert_null(tess_index_prev_rcu(&ix, 0));
	ix_stop(m, &ix);
}

/* Over leaf boundaries and over leaves without a range. */
static void
next_rcu_and_prev_rcu(void **state)
{
	struct tess_index ix;
	struct tess_machine *m = ix_start(&ix, 0, 1u << 20);
	unsigned n = INDEX_LEAF * 4, left = 0;
	uint64_t end = (uint64_t)n * STEP;

	(void)state;
	ix_comb(&ix, n, STEP, 8);
	assert_true(tess_index_leaves(&ix) >= 4);
	for (uint64_t key = 0; key < end; key++) {
		uint64_t next = key % STEP < 8 ? key - key % STEP : key - key % STEP + STEP;
		struct tess_range *r = tess_index_next_rcu(&ix, key);

		assert_true(next < end ? r != NULL && r->start == next : r == NULL);
		r = tess_index_prev_rcu(&ix, key + 1);
		assert_true(r != NULL && r->start == key - key % STEP);
	}
	/* Leave the first and the last: what is between becomes leaves with little or nothing in them. */
	for (unsigned k = 1; k + 1 < n; k++)
		ix_unmap(&ix, k * STEP, k * STEP + 8);
	assert_int_equal(tess_index_check(&ix), 2);
	assert_int_equal(tess_index_next_rcu(&ix, 8)->start, end - STEP);
	assert_int_equal(tess_index_prev_rcu(&ix, end - STEP)->start, 0);
	left = tess_index_leaves(&ix);
	assert_int_equal(left, 1);
	ix_stop(m, &ix);
}

static void
lock_and_relock(void **state)
{
	struct tess_index ix, child;
	struct tess_machine *m = ix_start(&ix, 0, 1000);
	struct tess_index_edit e, f;
	struct tess_range *r;

	(void)state;
	assert_int_equal(tess_index_init(&child, 0, 1000), TESS_OK);
	tess_index_lock(&ix, 100, 200, TESS_RANK_LEAF, &e);
	TESS_HELD(&ix.lock);
	tess_index_lock(&child, 0, 1000, TESS_RANK_LEAF2, &f);
	tess_index_unlock(&f);
	if (TESS_CONFIG_ASSERT > 0)
		UNIT_EXPECT_PANIC((void)!tess_index_prepare(&e, 90, 200, 1), "assertion failed");
	tess_index_relock(&e, 50, 300);
	assert_int_equal(tess_index_prepare(&e, 90, 200, 1), TESS_OK);
	r = ix_new(90, 120, NULL);
	tess_index_commit(&e, 90, 200, r, 1);
	assert_ptr_equal(tess_index_lookup_rcu(&ix, 119), r); /* by the holder */
	tess_index_unlock(&e);
	assert_int_equal(ix.lock.word, 0);
	tess_index_fini(&child);
	ix_stop(m, &ix);
}

/* The contents of an index, as a number. */
static uint64_t
ix_sum(const struct tess_index *ix)
{
	uint64_t sum = 0, at = ix->lo;
	struct tess_range *r;

	for (; (r = tess_index_next_rcu(ix, at)) != NULL; at = r->end)
		sum = sum * 31 + (uintptr_t)r + r->dead;
	return sum;
}

/* Every allocation of an edit over many leaves fails in turn. */
static void
prepare_fails(void **state)
{
	struct tess_index ix;
	struct tess_machine *m = ix_start(&ix, 0, 1u << 20);
	unsigned n = INDEX_LEAF * 6, failed = 0;
	enum tess_err err = TESS_ENOMEM;

	(void)state;
	ix_comb(&ix, n, STEP, 8);
	for (uint64_t nth = 1; err != TESS_OK; nth++) {
		uint64_t sum = ix_sum(&ix), lo = 3 * STEP, hi = (uint64_t)(n - 3) * STEP;
		int64_t leaves = tess_pool_out(&m->index->leaf);
		int64_t dirs = tess_pool_out(&m->index->dir);
		struct tess_range *list = NULL;
		unsigned used = ix_used;

		for (uint64_t at = hi; at > lo;) {
			at -= STEP;
			list = ix_new(at, at + 4, list);
		}
		unit_fail_nth(UNIT_SITE(TESS_SITE_POOL), nth);
		err = ix_put(&ix, lo, hi, list);
		unit_fail_nth(0, 0);
		if (err != TESS_OK) {
			assert_int_equal(err, TESS_ENOMEM);
			assert_int_equal(ix_sum(&ix), sum);
			assert_int_equal(tess_pool_out(&m->index->leaf), leaves);
			assert_int_equal(tess_pool_out(&m->index->dir), dirs);
			ix_used = used;
			failed++;
		}
		assert_int_equal(tess_index_check(&ix), n);
	}
	assert_true(failed >= 6); /* five leaves and a node at least */
	assert_int_equal(tess_index_lookup_rcu(&ix, 3 * STEP)->end, 3 * STEP + 4);
	ix_stop(m, &ix);
}

/* Taking out, or replacing, exactly one range needs no memory, though a join would. */
static void
prepare_one_never_fails(void **state)
{
	struct tess_index ix;
	struct tess_machine *m = ix_start(&ix, 0, 1u << 20);
	unsigned n = INDEX_LEAF * 3;

	(void)state;
	ix_comb(&ix, n, STEP, 8);
	unit_fail_from(UNIT_SITE(TESS_SITE_POOL), 1);
	for (unsigned k = 0; k < n; k++) {
		ix_map(&ix, k * STEP, k * STEP + 8);
		ix_unmap(&ix, k * STEP, k * STEP + 8);
		assert_int_equal(tess_index_check(&ix), n - 1 - k);
	}
	unit_fail_nth(0, 0);
	assert_true(tess_index_leaves(&ix) > 1);
	ix_stop(m, &ix);
}

/* What prepare allocated goes back at unlock, and at the next prepare. */
static void
prepare_twice(void **state)
{
	struct tess_index ix;
	struct tess_machine *m = ix_start(&ix, 0, 1u << 20);
	struct tess_index_edit e;

	(void)state;
	tess_index_lock(&ix, 0, 1000, TESS_RANK_LEAF, &e);
	assert_int_equal(tess_index_prepare(&e, 0, 1000, INDEX_LEAF * 4), TESS_OK);
	assert_true(tess_pool_out(&m->index->leaf) > 4);
	assert_int_equal(tess_index_prepare(&e, 0, 1000, 1), TESS_OK);
	assert_int_equal(tess_pool_out(&m->index->leaf), 1);
	tess_index_commit(&e, 0, 1000, ix_new(5, 6, NULL), 1);
	assert_int_equal(tess_index_prepare(&e, 0, 1000, INDEX_LEAF * 4), TESS_OK);
	tess_index_unlock(&e);
	assert_int_equal(tess_pool_out(&m->index->leaf), 1);
	assert_int_equal(tess_pool_out(&m->index->dir), 1);
	assert_int_equal(tess_index_check(&ix), 1);
	ix_stop(m, &ix);
}

#if TESS_CONFIG_ASSERT >= 2
static void
commit_unprepared(void **state)
{
	struct tess_index ix;
	struct tess_index_edit e;
	struct tess_machine *m;

	(void)state;
	m = ix_start(&ix, 0, 1000);
	tess_index_lock(&ix, 0, 1000, TESS_RANK_LEAF, &e);
	UNIT_EXPECT_PANIC(tess_index_commit(&e, 0, 10, NULL, 0), "prepared");
	assert_int_equal(tess_index_prepare(&e, 0, 10, 1), TESS_OK);
	UNIT_EXPECT_PANIC(tess_index_commit(&e, 0, 11, NULL, 0), "commit_sane");
	UNIT_EXPECT_PANIC(tess_index_commit(&e, 0, 10, ix_new(0, 11, NULL), 1), "commit_sane");
	UNIT_EXPECT_PANIC(tess_index_commit(&e, 0, 10, ix_new(5, 5, NULL), 1), "commit_sane");
	assert_int_equal(tess_index_prepare(&e, 0, 10, 1), TESS_OK);
	tess_index_commit(&e, 0, 10, ix_new(0, 10, NULL), 1);
	tess_index_unlock(&e);
	ix_stop(m, &ix);
}
#endif

/* Clip in the middle: one range becomes three, in place; the sequence moves by one edit. */
static void
commit_in_place(void **state)
{
	struct tess_index ix;
	struct tess_machine *m = ix_start(&ix, 0, 1000);
	struct tess_range *old = ix_map(&ix, 100, 400), *c = ix_new(300, 400, NULL);
	struct tess_range *b = ix_new(200, 300, c), *a = ix_new(100, 200, b);
	struct tess_index_leaf *leaf = index_leaf(&ix, 0);
	uint64_t seq = leaf->seq;

	(void)state;
	assert_int_equal(ix_put(&ix, 100, 400, a), TESS_OK);
	assert_ptr_equal(index_leaf(&ix, 0), leaf);
	assert_int_equal(leaf->seq, seq + 2);
	assert_int_equal(old->dead, 1);
	assert_int_equal(a->dead + b->dead + c->dead, 0);
	assert_ptr_equal(tess_index_lookup_rcu(&ix, 199), a);
	assert_ptr_equal(tess_index_lookup_rcu(&ix, 200), b);
	assert_ptr_equal(tess_index_lookup_rcu(&ix, 399), c);
	assert_int_equal(tess_index_check(&ix), 3);
	ix_stop(m, &ix);
}

/* A range that is replaced by itself stays alive. */
static void
commit_keeps(void **state)
{
	struct tess_index ix;
	struct tess_machine *m = ix_start(&ix, 0, 1000);
	struct tess_range *a = ix_map(&ix, 100, 200), *b = ix_map(&ix, 200, 300);
	struct tess_range *c = ix_map(&ix, 300, 400), *d = ix_new(300, 350, NULL);

	(void)state;
	b->link = d;
	assert_int_equal(ix_put(&ix, 100, 400, b), TESS_OK);
	assert_int_equal(a->dead, 1);
	assert_int_equal(b->dead, 0);
	assert_int_equal(c->dead, 1);
	assert_int_equal(d->dead, 0);
	assert_int_equal(tess_index_check(&ix), 2);
	ix_stop(m, &ix);
}

static void
commit_splits(void **state)
{
	struct tess_index ix;
	struct tess_machine *m = ix_start(&ix, 0, 1u << 20);
	struct tess_index_leaf *leaf = index_leaf(&ix, 0);

	(void)state;
	ix_comb(&ix, INDEX_LEAF, STEP, 8);
	assert_int_equal(tess_index_leaves(&ix), 1);
	assert_ptr_equal(index_leaf(&ix, 0), leaf);
	ix_map(&ix, INDEX_LEAF * STEP, INDEX_LEAF * STEP + 8);
	assert_int_equal(tess_index_leaves(&ix), 2);
	assert_int_equal(leaf->seq & 1, 1); /* retired */
	assert_int_equal(index_leaf(&ix, 0)->count, (INDEX_LEAF + 2) / 2);
	assert_int_equal(tess_stat_get(TESS_STAT_LEAF_SPLIT), 1);
	assert_int_equal(tess_index_check(&ix), INDEX_LEAF + 1);
	ix_stop(m, &ix);
}

/* Neighbours with half a leaf together become one; with one range more they do not. */
static void
commit_joins(void **state)
{
	struct tess_index ix;
	struct tess_machine *m = ix_start(&ix, 0, 1u << 20);
	unsigned k = 0, total = INDEX_LEAF + 1;

	(void)state;
	ix_comb(&ix, total, STEP, 8);
	while (total > INDEX_LEAF / 2) {
		assert_int_equal(tess_index_leaves(&ix), 2);
		ix_unmap(&ix, k * STEP, k * STEP + 8);
		k++;
		total--;
		assert_int_equal(tess_index_check(&ix), total);
	}
	assert_int_equal(tess_index_leaves(&ix), 1);
	assert_int_equal(tess_stat_get(TESS_STAT_LEAF_JOIN), 1);
	ix_stop(m, &ix);
}

/* A range over several leaves joins them; both neighbours are where they were. */
static void
commit_across_leaves(void **state)
{
	struct tess_index ix;
	struct tess_machine *m = ix_start(&ix, 0, 1u << 20);
	unsigned n = INDEX_LEAF * 5;
	uint64_t lo = 2 * STEP, hi = (uint64_t)(n - 2) * STEP;
	struct tess_range *r;

	(void)state;
	ix_comb(&ix, n, STEP, 8);
	r = ix_map(&ix, lo, hi);
	assert_int_equal(tess_index_check(&ix), 5);
	for (uint64_t key = lo; key < hi; key += 5)
		assert_ptr_equal(tess_index_lookup_rcu(&ix, key), r);
	assert_int_equal(tess_index_lookup_rcu(&ix, lo - STEP)->start, lo - STEP);
	assert_int_equal(tess_index_lookup_rcu(&ix, hi)->start, hi);
	for (unsigned i = 2; i < n - 2; i++)
		assert_int_equal(ix_range[i].dead, 1);
	assert_int_equal(ix_range[1].dead + ix_range[n - 2].dead, 0);
	ix_stop(m, &ix);
}

/* As many ranges as a real program has at the very most, put in by one commit, and by single ones. */
static void
commit_many(void **state)
{
	struct tess_index ix;
	struct tess_machine *m = ix_start(&ix, 0, 1u << 20);
	struct tess_range *list = NULL;
	unsigned n = 8000;

	(void)state;
	for (unsigned k = n; k-- > 0;)
		list = ix_new(k * STEP, k * STEP + 8, list);
	assert_int_equal(ix_put(&ix, 0, (uint64_t)n * STEP, list), TESS_OK);
	assert_int_equal(tess_index_check(&ix), n);
	assert_true(tess_rcu_peek(&ix.dir)->level >= 2);
	for (unsigned k = 0; k < n; k++)
		assert_int_equal(tess_index_lookup_rcu(&ix, k * STEP + 7)->start, k * STEP);
	for (unsigned k = 0; k < n; k += 7)
		ix_map(&ix, k * STEP + 8, k * STEP + 12);
	assert_int_equal(tess_index_check(&ix), n + (n + 6) / 7);
	ix_unmap(&ix, 0, (uint64_t)n * STEP);
	assert_int_equal(tess_rcu_peek(&ix.dir)->level, 1);
	assert_int_equal(tess_index_leaves(&ix), 1);
	ix_stop(m, &ix);
}

/* The statistic rises when CPUs take turns, falls when one stays, and stops at its limits. */
static void
commit_notes_writer(void **state)
{
	struct tess_index ix;
	struct tess_machine *m = ix_start(&ix, 0, 1u << 20);
	struct tess_index_leaf *leaf = index_leaf(&ix, 0);

	(void)state;
	ix_map(&ix, 0, 8);
	assert_int_equal(leaf->share, -LEAF_SHARE_SAME);
	unit_cpu_set(1);
	ix_map(&ix, 0, 8);
	assert_int_equal(leaf->share, LEAF_SHARE_OTHER - LEAF_SHARE_SAME);
	assert_int_equal(leaf->writer, 1);
	for (unsigned i = 0; i < 30; i++) {
		unit_cpu_set(i % 2);
		ix_map(&ix, 0, 8);
	}
	assert_true(leaf->share > LEAF_SHARE_LIMIT - LEAF_SHARE_OTHER);
	assert_true(leaf->share <= LEAF_SHARE_LIMIT);
	unit_cpu_set(0);
	for (unsigned i = 0; i < 3000; i++)
		ix_map(&ix, 0, 8);
	assert_int_equal(leaf->share, -LEAF_SHARE_LIMIT);
	ix_stop(m, &ix);
}

/* A free slot in a hole is used again: no key moves. */
static void
commit_reuses_slot(void **state)
{
	struct tess_index ix;
	struct tess_machine *m = ix_start(&ix, 0, 1000);
	struct tess_index_leaf *leaf = index_leaf(&ix, 0);
	uint64_t keys[INDEX_LEAF];

	(void)state;
	ix_comb(&ix, INDEX_LEAF, STEP, 8);
	memcpy(keys, leaf->start, sizeof(keys));
	for (unsigned k = 0; k < INDEX_LEAF; k++) {
		ix_unmap(&ix, k * STEP, k * STEP + 8);
		assert_int_equal(tess_index_check(&ix), INDEX_LEAF - 1);
		ix_map(&ix, k * STEP, k * STEP + 8);
		assert_memory_equal(keys, leaf->start, sizeof(keys));
	}
	ix_stop(m, &ix);
}

/* The walker sees what is broken. */
static void
check_sees(void **state)
{
	struct tess_index ix;
	struct tess_machine *m = ix_start(&ix, 0, 1000);
	struct tess_range *a = ix_map(&ix, 100, 200);
	struct tess_index_leaf *leaf = index_leaf(&ix, 0);

	(void)state;
	a->dead = 1;
	UNIT_EXPECT_PANIC(tess_index_check(&ix), "dead");
	a->dead = 0;
	a->end = 2000;
	UNIT_EXPECT_PANIC(tess_index_check(&ix), "leaf->hi");
	a->end = 200;
	leaf->seq++;
	UNIT_EXPECT_PANIC(tess_index_check(&ix), "seq");
	leaf->seq--;
	leaf->hole--;
	UNIT_EXPECT_PANIC(tess_index_check(&ix), "hole");
	leaf->hole++;
	leaf->count++;
	UNIT_EXPECT_PANIC(tess_index_check(&ix), "count");
	leaf->count--;
	tess_rcu_peek(&ix.dir)->hi--;
	UNIT_EXPECT_PANIC(tess_index_check(&ix), "hi");
	tess_rcu_peek(&ix.dir)->hi++;
	assert_int_equal(tess_index_check(&ix), 1);
	ix_stop(m, &ix);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(room_init),
		cmocka_unit_test(init_fails),
		cmocka_unit_test(fini_wants_empty),
		cmocka_unit_test(lookup_rcu),
		cmocka_unit_test(lookup_outside),
		cmocka_unit_test(next_rcu_and_prev_rcu),
		cmocka_unit_test(lock_and_relock),
		cmocka_unit_test(prepare_fails),
		cmocka_unit_test(prepare_one_never_fails),
		cmocka_unit_test(prepare_twice),
#if TESS_CONFIG_ASSERT >= 2
		cmocka_unit_test(commit_unprepared),
#endif
		cmocka_unit_test(commit_in_place),
		cmocka_unit_test(commit_keeps),
		cmocka_unit_test(commit_splits),
		cmocka_unit_test(commit_joins),
		cmocka_unit_test(commit_across_leaves),
		cmocka_unit_test(commit_many),
		cmocka_unit_test(commit_notes_writer),
		cmocka_unit_test(commit_reuses_slot),
		cmocka_unit_test(check_sees),
	};

	return cmocka_run_group_tests_name("index_edit", tests, NULL, NULL);
}
