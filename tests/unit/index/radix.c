/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * radix.c: the sparse array, one case each; index_model.h has the mixtures.
 */
#include "index_fixture.h"

static struct tess_radix rx;
static char item[8];

static struct tess_machine *
rx_start(void)
{
	struct tess_machine *m = ix_start(NULL, 0, 0);

	tess_radix_init(&rx);
	return m;
}

static void
rx_stop(struct tess_machine *m)
{
	tess_radix_fini(&rx);
	ix_stop(m, NULL);
}

static int64_t
rx_nodes(void)
{
	return tess_pool_out(&tess_machine()->index->radix);
}

static void
radix_insert(void **state)
{
	struct tess_machine *m = rx_start();

	(void)state;
	assert_null(tess_radix_lookup_rcu(&rx, 0));
	assert_int_equal(tess_radix_insert(&rx, 0, &item[0]), TESS_OK);
	assert_int_equal(tess_radix_insert(&rx, 63, &item[1]), TESS_OK);
	assert_int_equal(rx_nodes(), 1); /* as high as its largest key needs */
	assert_int_equal(tess_radix_insert(&rx, 64, &item[2]), TESS_OK);
	assert_int_equal(rx_nodes(), 3);
	assert_int_equal(tess_radix_insert(&rx, UINT64_MAX, &item[3]), TESS_OK);
	assert_int_equal(tess_radix_insert(&rx, 63, &item[4]), TESS_OK); /* replaces */
	assert_int_equal(rx.count, 4);
	assert_int_equal(tess_radix_check(&rx), 4);
	assert_ptr_equal(tess_radix_lookup_rcu(&rx, 0), &item[0]);
	assert_ptr_equal(tess_radix_lookup_rcu(&rx, 63), &item[4]);
	assert_ptr_equal(tess_radix_lookup_rcu(&rx, 64), &item[2]);
	assert_ptr_equal(tess_radix_lookup_rcu(&rx, UINT64_MAX), &item[3]);
	assert_null(tess_radix_lookup_rcu(&rx, UINT64_MAX - 1));
	assert_null(tess_radix_lookup_rcu(&rx, (uint64_t)1 << 60));
	assert_ptr_equal(tess_radix_remove(&rx, UINT64_MAX), &item[3]);
	assert_ptr_equal(tess_radix_remove(&rx, 0), &item[0]);
	assert_ptr_equal(tess_radix_remove(&rx, 63), &item[4]);
	assert_ptr_equal(tess_radix_remove(&rx, 64), &item[2]);
	rx_stop(m);
}

/* Each allocation of the tallest insertion fails in turn. */
static void
radix_insert_fails(void **state)
{
	struct tess_machine *m = rx_start();
	enum tess_err err = TESS_ENOMEM;
	uint64_t nth;

	(void)state;
	assert_int_equal(tess_radix_insert(&rx, 5, &item[0]), TESS_OK);
	for (nth = 1; err != TESS_OK; nth++) {
		unit_fail_nth(UNIT_SITE(TESS_SITE_POOL), nth);
		err = tess_radix_insert(&rx, UINT64_MAX, &item[1]);
		unit_fail_nth(0, 0);
		if (err != TESS_OK) {
			assert_int_equal(err, TESS_ENOMEM);
			assert_int_equal(rx_nodes(), 1);
			assert_int_equal(tess_radix_check(&rx), 1);
			assert_null(tess_radix_lookup_rcu(&rx, UINT64_MAX));
		}
	}
	assert_int_equal(nth, 22); /* ten levels above the first, and ten nodes down again */
	assert_int_equal(tess_radix_check(&rx), 2);
	tess_radix_remove(&rx, 5);
	tess_radix_remove(&rx, UINT64_MAX);
	rx_stop(m);
}

static void
radix_next_rcu(void **state)
{
	struct tess_machine *m = rx_start();
	const uint64_t at[] = {0, 1, 63, 64, 4095, 4096, (uint64_t)1 << 40, UINT64_MAX - 1};
	const unsigned n = sizeof(at) / sizeof(at[0]);
	uint64_t idx = 0;

	(void)state;
	assert_null(tess_radix_next_rcu(&rx, &idx, UINT64_MAX));
	for (unsigned i = 0; i < n; i++)
		assert_int_equal(tess_radix_insert(&rx, at[i], &item[i]), TESS_OK);
	for (unsigned i = 0; i < n; i++) {
		assert_ptr_equal(tess_radix_next_rcu(&rx, &idx, UINT64_MAX), &item[i]);
		assert_int_equal(idx, at[i]);
		idx++;
	}
	assert_null(tess_radix_next_rcu(&rx, &idx, UINT64_MAX));
	idx = 2;
	assert_null(tess_radix_next_rcu(&rx, &idx, 63));
	assert_ptr_equal(tess_radix_next_rcu(&rx, &idx, 64), &item[2]);
	idx = 5000;
	assert_null(tess_radix_next_rcu(&rx, &idx, (uint64_t)1 << 40));
	assert_null(tess_radix_next_rcu(&rx, &idx, 0));
	for (unsigned i = 0; i < n; i++)
		assert_ptr_equal(tess_radix_remove(&rx, at[i]), &item[i]);
	rx_stop(m);
}

/* Nodes go when they are empty, and the root comes down. */
static void
radix_remove(void **state)
{
	struct tess_machine *m = rx_start();

	(void)state;
	assert_null(tess_radix_remove(&rx, 3));
	assert_int_equal(tess_radix_insert(&rx, 3, &item[0]), TESS_OK);
	assert_int_equal(tess_radix_insert(&rx, (uint64_t)1 << 50, &item[1]), TESS_OK);
	assert_null(tess_radix_remove(&rx, 4));
	assert_null(tess_radix_remove(&rx, 1000));
	assert_null(tess_radix_remove(&rx, UINT64_MAX));
	assert_ptr_equal(tess_radix_remove(&rx, (uint64_t)1 << 50), &item[1]);
	tess_rcu_drain();
	assert_int_equal(rx_nodes(), 1);
	assert_int_equal(tess_radix_check(&rx), 1);
	assert_ptr_equal(tess_radix_lookup_rcu(&rx, 3), &item[0]);
	assert_ptr_equal(tess_radix_remove(&rx, 3), &item[0]);
	tess_rcu_drain();
	assert_int_equal(rx_nodes(), 0);
	rx_stop(m);
}

/* A reserved index is empty to readers, and an insertion there cannot fail, whatever went around it. */
static void
radix_reserve(void **state)
{
	struct tess_machine *m = rx_start();
	uint64_t idx = 0;

	(void)state;
	assert_int_equal(tess_radix_insert(&rx, 1000, &item[0]), TESS_OK);
	assert_int_equal(tess_radix_reserve(&rx, 1001), TESS_OK);
	assert_int_equal(tess_radix_reserve(&rx, 1001), TESS_OK);
	assert_int_equal(tess_radix_reserve(&rx, 1000), TESS_OK); /* has what it needs */
	assert_ptr_equal(tess_radix_remove(&rx, 1000), &item[0]);
	assert_int_equal(tess_radix_check(&rx), 0);
	assert_null(tess_radix_lookup_rcu(&rx, 1001));
	assert_null(tess_radix_next_rcu(&rx, &idx, UINT64_MAX));
	unit_fail_from(UNIT_SITE(TESS_SITE_POOL), 1);
	assert_int_equal(tess_radix_insert(&rx, 1001, &item[1]), TESS_OK);
	assert_int_equal(tess_radix_insert(&rx, 5000, &item[1]), TESS_ENOMEM);
	unit_fail_nth(0, 0);
	assert_int_equal(tess_radix_check(&rx), 1);
	assert_ptr_equal(tess_radix_remove(&rx, 1001), &item[1]);

	assert_int_equal(tess_radix_reserve(&rx, 7), TESS_OK); /* given up by remove */
	assert_null(tess_radix_remove(&rx, 7));
	tess_rcu_drain();
	assert_int_equal(rx_nodes(), 0);
	assert_int_equal(tess_radix_reserve(&rx, (uint64_t)7 << 40), TESS_OK); /* and by fini */
	rx_stop(m);
}

static void
radix_fini_wants_empty(void **state)
{
	struct tess_machine *m = rx_start();

	(void)state;
	assert_int_equal(tess_radix_insert(&rx, 9, &item[0]), TESS_OK);
	UNIT_EXPECT_PANIC(tess_radix_fini(&rx), "assertion failed");
	assert_ptr_equal(tess_radix_remove(&rx, 9), &item[0]);
	rx_stop(m);
}

static void
radix_check_sees(void **state)
{
	struct tess_machine *m = rx_start();

	(void)state;
	assert_int_equal(tess_radix_insert(&rx, 9, &item[0]), TESS_OK);
	rx.count++;
	UNIT_EXPECT_PANIC(tess_radix_check(&rx), "count");
	rx.count--;
	assert_int_equal(tess_radix_check(&rx), 1);
	assert_ptr_equal(tess_radix_remove(&rx, 9), &item[0]);
	rx_stop(m);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(radix_insert),     cmocka_unit_test(radix_insert_fails),
	    cmocka_unit_test(radix_next_rcu),   cmocka_unit_test(radix_remove),
	    cmocka_unit_test(radix_reserve),    cmocka_unit_test(radix_fini_wants_empty),
	    cmocka_unit_test(radix_check_sees),
	};

	return cmocka_run_group_tests_name("index_radix", tests, NULL, NULL);
}
