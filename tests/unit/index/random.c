/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * random.c: long random runs of the index and the radix against index_model.h.
 *
 * Built twice: with leaves of this build's size, and with leaves of 4, so that splits, joins and a
 * directory of several levels are the rule.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "index_model.h"

#define RANDOM_RAM   (16u << 20)
#define RANDOM_STEPS 120000u

struct random_stream {
	struct im_stream s;
	uint64_t x;
};

/* xorshift64*, Vigna 2016 */
static uint64_t
random_next(struct im_stream *s)
{
	struct random_stream *r = (struct random_stream *)s;

	r->x ^= r->x >> 12;
	r->x ^= r->x << 25;
	r->x ^= r->x >> 27;
	return (r->x * 0x2545f4914f6cdd1d) >> 16;
}

static struct index_model model;
static struct radix_model rmodel;

static struct tess_machine *
random_machine(void)
{
	struct tess_machine *m = unit_machine_start(RANDOM_RAM, 2, 1);

	assert_int_equal(tess_index_room_init(m), TESS_OK);
	return m;
}

static void
random_machine_stop(struct tess_machine *m)
{
	tess_rcu_drain();
	tess_index_room_fini(m);
	unit_machine_stop();
}

static void
index_against_array(void **state)
{
	struct random_stream r = {{random_next, false}, 0x9e3779b97f4a7c15};
	struct tess_machine *m = random_machine();
	unsigned leaves = 0;

	(void)state;
	im_start(&model);
	for (unsigned i = 0; i < RANDOM_STEPS; i++) {
		unit_cpu_set(i / 64 % 2);
		im_step(&model, &r.s);
		if (i % 256 == 0)
			im_compare_all(&model);
		if (tess_index_leaves(&model.ix) > leaves)
			leaves = tess_index_leaves(&model.ix);
	}
	assert_true(leaves > 8);
	assert_true(tess_stat_get(TESS_STAT_LEAF_SPLIT) > 100);
	assert_true(tess_stat_get(TESS_STAT_LEAF_JOIN) > 100);
	im_stop(&model);
	random_machine_stop(m);
}

static void
radix_against_array(void **state)
{
	struct random_stream r = {{random_next, false}, 88172645463325252};
	struct tess_machine *m = random_machine();

	(void)state;
	rm_start(&rmodel);
	for (unsigned i = 0; i < RANDOM_STEPS; i++)
		rm_step(&rmodel, &r.s);
	assert_true(rmodel.count > 0);
	rm_stop(&rmodel);
	random_machine_stop(m);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(index_against_array),
	    cmocka_unit_test(radix_against_array),
	};

	return cmocka_run_group_tests_name("index_random", tests, NULL, NULL);
}
