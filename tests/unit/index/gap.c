/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * gap.c: holes: placement in small and large indexes, and what leaves know of their largest.
 */
#include "index_fixture.h"

#define STEP 16u

static void
up_is(const struct tess_index *ix, uint64_t lo, uint64_t hi, uint64_t len, uint64_t align,
      uint64_t want)
{
	uint64_t at = 0;

	assert_true(tess_index_gap_up(ix, lo, hi, len, align, &at));
	assert_int_equal(at, want);
}

static void
down_is(const struct tess_index *ix, uint64_t lo, uint64_t hi, uint64_t len, uint64_t align,
	uint64_t want)
{
	uint64_t at = 0;

	assert_true(tess_index_gap_down(ix, lo, hi, len, align, &at));
	assert_int_equal(at, want);
}

/* Neither way; the result is not touched. */
static void
none_is(const struct tess_index *ix, uint64_t lo, uint64_t hi, uint64_t len, uint64_t align)
{
	uint64_t at = 77;

	assert_false(tess_index_gap_up(ix, lo, hi, len, align, &at));
	assert_false(tess_index_gap_down(ix, lo, hi, len, align, &at));
	assert_int_equal(at, 77);
}

static void
gap_empty(void **state)
{
	struct tess_index ix;
	struct tess_machine *m = ix_start(&ix, 1000, 2000);

	(void)state;
	up_is(&ix, 0, UINT64_MAX, 10, 1, 1000);
	down_is(&ix, 0, UINT64_MAX, 10, 1, 1990);
	up_is(&ix, 0, UINT64_MAX, 1000, 1, 1000);
	down_is(&ix, 0, UINT64_MAX, 1000, 1, 1000);
	up_is(&ix, 1500, 1600, 10, 64, 1536);
	down_is(&ix, 1500, 1600, 10, 64, 1536);
	none_is(&ix, 0, UINT64_MAX, 1001, 1);
	none_is(&ix, 0, UINT64_MAX, 0, 1);
	none_is(&ix, 1500, 1500, 1, 1);
	none_is(&ix, 1600, 1500, 1, 1);
	none_is(&ix, 2000, 3000, 1, 1);
	none_is(&ix, 1537, 1599, 1, 64);
	ix_stop(m, &ix);
}

static void
gap_at_the_ends(void **state)
{
	struct tess_index ix;
	struct tess_machine *m = ix_start(&ix, 0, UINT64_MAX);

	(void)state;
	ix_map(&ix, 100, UINT64_MAX - 100);
	up_is(&ix, 0, UINT64_MAX, 100, 1, 0);
	down_is(&ix, 0, UINT64_MAX, 100, 1, UINT64_MAX - 100);
	up_is(&ix, 50, UINT64_MAX, 100, 1, UINT64_MAX - 100);
	down_is(&ix, 0, UINT64_MAX - 50, 100, 1, 0);
	none_is(&ix, 0, UINT64_MAX, 101, 1);
	ix_stop(m, &ix);
}

/* Rounding up at the end of the space must not wrap to 0. */
static void
gap_align_wraps(void **state)
{
	struct tess_index ix;
	struct tess_machine *m = ix_start(&ix, 0, UINT64_MAX);

	(void)state;
	ix_map(&ix, 0, UINT64_MAX - 100);
	none_is(&ix, 0, UINT64_MAX, 10, 4096);
	up_is(&ix, 0, UINT64_MAX, 10, 32, UINT64_MAX - 95);
	ix_stop(m, &ix);
}

/* A hole that starts in one leaf and ends in another, with leaves emptied between. */
static void
gap_across_leaves(void **state)
{
	struct tess_index ix;
	struct tess_machine *m = ix_start(&ix, 0, INDEX_LEAF * 6 * STEP);
	unsigned n = INDEX_LEAF * 6;

	(void)state;
	ix_comb(&ix, n, STEP, STEP);
	none_is(&ix, 0, UINT64_MAX, 1, 1);
	for (unsigned k = INDEX_LEAF; k < INDEX_LEAF * 4; k++) {
		uint64_t lo = INDEX_LEAF * STEP, len = (k + 1) * STEP - lo;

		ix_unmap(&ix, k * STEP, (k + 1) * STEP);
		up_is(&ix, 0, UINT64_MAX, len, 1, lo);
		down_is(&ix, 0, UINT64_MAX, len, 1, lo);
		down_is(&ix, 0, UINT64_MAX, 1, 1, lo + len - 1);
		none_is(&ix, 0, UINT64_MAX, len + 1, 1);
		tess_index_check(&ix);
	}
	ix_stop(m, &ix);
}

/* Only the last hole fits, and the next to last but for alignment. */
static void
gap_among_many(void **state)
{
	struct tess_index ix;
	struct tess_machine *m = ix_start(&ix, 0, 1u << 20);
	unsigned n = 6000;

	(void)state;
	ix_comb(&ix, n, STEP, STEP - 2);
	ix_map(&ix, (uint64_t)n * STEP, 1u << 20);
	ix_unmap(&ix, 10 * STEP, 11 * STEP);
	ix_unmap(&ix, 5000 * STEP, 5001 * STEP);
	up_is(&ix, 0, UINT64_MAX, 3, 1, 10 * STEP - 2);
	down_is(&ix, 0, UINT64_MAX, 3, 1, 5001 * STEP - 3);
	up_is(&ix, 11 * STEP, UINT64_MAX, 3, 1, 5000 * STEP - 2);
	down_is(&ix, 0, 5000 * STEP, 3, 1, 11 * STEP - 3);
	none_is(&ix, 11 * STEP, 5000 * STEP, 3, 1);
	none_is(&ix, 0, UINT64_MAX, STEP + 3, 1);
	up_is(&ix, 0, UINT64_MAX, STEP, STEP, 10 * STEP);
	up_is(&ix, 0, UINT64_MAX, STEP, STEP * 8, 5000 * STEP); /* 10 is no multiple of 8 */
	none_is(&ix, 0, UINT64_MAX, STEP, STEP * 16);           /* nor 5000 of 16 */
	tess_index_check(&ix);
	ix_stop(m, &ix);
}

/* Filling the largest hole makes the next largest known, down to none. */
static void
hole_is_exact(void **state)
{
	struct tess_index ix;
	struct tess_machine *m = ix_start(&ix, 0, 1u << 20);
	struct tess_index_leaf *leaf;
	uint64_t at = 0;

	(void)state;
	ix_map(&ix, 1000, 1u << 20);
	ix_map(&ix, 0, 1);
	leaf = index_leaf(&ix, 0);
	ix_map(&ix, 11, 12);
	ix_map(&ix, 32, 33);
	assert_int_equal(leaf->hole, 1000 - 33); /* the others: 20, 10 */
	ix_map(&ix, 33, 1u << 20);               /* over the one from 1000 on */
	assert_int_equal(leaf->hole, 20);
	ix_map(&ix, 11, 32);
	assert_int_equal(leaf->hole, 10);
	ix_map(&ix, 0, 11);
	assert_int_equal(leaf->hole, 0);
	assert_false(tess_index_gap_up(&ix, 0, UINT64_MAX, 1, 1, &at));
	assert_int_equal(ix_put(&ix, 11, 32, ix_new(11, 12, NULL)), TESS_OK);
	assert_int_equal(leaf->hole, 20);
	assert_int_equal(leaf->posted, 20);
	assert_ptr_equal(leaf, index_leaf(&ix, 0));
	ix_stop(m, &ix);
}

/* Mapping and unmapping inside a large hole does not write the directory. */
static void
hole_is_posted_seldom(void **state)
{
	struct tess_index ix;
	struct tess_machine *m = ix_start(&ix, 0, 1u << 20);
	struct tess_index_leaf *leaf = index_leaf(&ix, 0);

	(void)state;
	ix_map(&ix, 0, 16);
	assert_int_equal(leaf->posted, (1u << 20) - 16);
	ix_map(&ix, 16, 32);
	assert_int_equal(leaf->hole, (1u << 20) - 32);
	assert_int_equal(leaf->posted, (1u << 20) - 16);
	ix_map(&ix, 1u << 19, (1u << 19) + 16);
	assert_int_equal(leaf->posted, leaf->hole);
	tess_index_check(&ix);
	ix_stop(m, &ix);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(gap_empty),
	    cmocka_unit_test(gap_at_the_ends),
	    cmocka_unit_test(gap_align_wraps),
	    cmocka_unit_test(gap_across_leaves),
	    cmocka_unit_test(gap_among_many),
	    cmocka_unit_test(hole_is_exact),
	    cmocka_unit_test(hole_is_posted_seldom),
	};

	return cmocka_run_group_tests_name("index_gap", tests, NULL, NULL);
}
