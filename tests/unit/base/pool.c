/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * pool.c: every object once, no frame lost, and the complaints.
 */
#include <stdlib.h>
#include "base_fixture.h"

#define POOL_MANY    (1000 + 100 * TESS_CONFIG_MAGAZINE) /* so that what may stay cached is little */
#define POOL_THREADS 4
#define POOL_ROUNDS  20000

static struct tess_pool pool;

static void
pool_start(unsigned ncpu, size_t size, size_t align)
{
	base_start(ncpu);
	assert_int_equal(tess_pool_init(&pool, "thing", size, align), TESS_OK);
}

static void
pool_stop(void)
{
	tess_pool_fini(&pool);
	base_stop();
}

static void
pool_init_refuses(void **state)
{
	struct tess_pool p;
	struct tess_machine *m = base_start(2);

	(void)state;
	assert_int_equal(tess_pool_init(&p, "p", 64, 128), TESS_EINVAL);
	assert_int_equal(tess_pool_init(&p, "p", 64, 24), TESS_EINVAL);
	assert_int_equal(tess_pool_init(&p, "p", 0, 8), TESS_EINVAL);
	assert_int_equal(tess_pool_init(&p, "p", 4096, 8), TESS_EINVAL);
	assert_int_equal(tess_pool_init(&p, "p", SIZE_MAX, 8), TESS_EINVAL);
	tess_boot_close(m);
	assert_int_equal(tess_pool_init(&p, "p", 64, 8), TESS_ENOMEM);
	assert_null(m->pools);
	base_stop();
}

/* Sizes from one byte to the largest that fits: aligned, disjoint, all writable. */
static void
pool_get_geometry(void **state)
{
	static const struct {
		size_t size, align;
	} shape[] = {{1, 1},    {16, 8},   {24, 8},   {40, 8},   {64, 64},
		     {100, 64}, {512, 16}, {1000, 8}, {4032, 64}};

	(void)state;
	for (unsigned s = 0; s < sizeof(shape) / sizeof(shape[0]); s++) {
		unsigned char *o[64];

		pool_start(1, shape[s].size, shape[s].align);
		for (unsigned i = 0; i < 64; i++) {
			o[i] = tess_pool_get(&pool);
			assert_non_null(o[i]);
			assert_int_equal((uintptr_t)o[i] & (shape[s].align - 1), 0);
			memset(o[i], (int)i, shape[s].size);
		}
		for (unsigned i = 0; i < 64; i++) {
			for (size_t b = 0; b < shape[s].size; b++)
				assert_int_equal(o[i][b], i);
		}
		assert_int_equal(tess_pool_check(&pool), 64);
		for (unsigned i = 0; i < 64; i++)
			tess_pool_put(&pool, o[i]);
		assert_int_equal(tess_pool_check(&pool), 0);
		pool_stop();
	}
}

static void
pool_put_recycles(void **state)
{
	void *o[POOL_MANY];
	int64_t frames;

	(void)state;
	pool_start(1, 64, 8);
	for (unsigned round = 0; round < 3; round++) {
		unsigned stride = round == 0 ? 1 : 10007;

		for (unsigned i = 0; i < POOL_MANY; i++)
			o[i] = tess_pool_get(&pool);
		if (round == 0)
			frames = base_frames_out();
		assert_int_equal(base_frames_out(), frames); /* the same need each time */
		assert_int_equal(tess_pool_out(&pool), POOL_MANY);
		for (unsigned i = 0; i < POOL_MANY; i++)
			tess_pool_put(&pool, o[(uint64_t)i * stride % POOL_MANY]);
		tess_base_check();
		if (round == 0)
			assert_true(base_frames_out() < frames / 2); /* went by themselves */
	}
	pool_stop();
}

/* What one CPU frees another can have, through the depot. */
static void
pool_put_elsewhere(void **state)
{
	void *o[POOL_MANY];

	(void)state;
	pool_start(2, 64, 8);
	for (unsigned round = 0; round < 50; round++) {
		unit_cpu_set(0);
		for (unsigned i = 0; i < 200; i++)
			o[i] = tess_pool_get(&pool);
		unit_cpu_set(1);
		for (unsigned i = 0; i < 200; i++)
			tess_pool_put(&pool, o[i]);
		assert_true(base_frames_out() < 10); /* 4 hold 200; what is cached stays bounded */
	}
	unit_cpu_set(0);
	assert_int_equal(tess_pool_out(&pool), 0);
	tess_base_check();
	pool_stop();
}

static void
pool_get_exhausted(void **state)
{
	void **o = test_malloc(BASE_FRAMES * 64 * sizeof(*o));
	unsigned n = 0;

	(void)state;
	pool_start(1, 64, 8);
	while ((o[n] = tess_pool_get(&pool)) != NULL)
		n++;
	assert_int_equal(n, BASE_FRAMES * pool.per_slab);
	assert_int_equal(base_stack.n, 0);
	tess_pool_put(&pool, o[--n]);
	assert_non_null(o[n] = tess_pool_get(&pool));
	n++;
	assert_null(tess_pool_get(&pool));
	while (n > 0)
		tess_pool_put(&pool, o[--n]);
	tess_base_check();
	tess_pool_drain(&pool);
	assert_int_equal(base_frames_out(), 0);
	pool_stop();
	test_free(o);
}

static void
pool_get_injected(void **state)
{
	void *o;

	(void)state;
	pool_start(1, 64, 8);
	unit_fail_nth(UNIT_SITE(TESS_SITE_POOL), 2);
	o = tess_pool_get(&pool);
	assert_non_null(o);
	assert_null(tess_pool_get(&pool));
	assert_int_equal(unit_fail_passes(), 2); /* one question a get */
	assert_int_equal(tess_pool_out(&pool), 1);
	tess_pool_put(&pool, o);
	pool_stop();
}

static void
pool_drain(void **state)
{
	void *o[POOL_MANY];

	(void)state;
	pool_start(3, 128, 8);
	for (unsigned i = 0; i < POOL_MANY; i++) {
		unit_cpu_set(i % 3);
		o[i] = tess_pool_get(&pool);
	}
	for (unsigned i = 1; i < POOL_MANY; i++) {
		unit_cpu_set(i % 2);
		tess_pool_put(&pool, o[i]);
	}
	unit_cpu_set(0);
	tess_pool_drain(&pool);
	assert_int_equal(base_frames_out(), 1); /* the slab of o[0] */
	assert_int_equal(tess_pool_check(&pool), 1);
	tess_pool_put(&pool, o[0]);
	tess_pool_drain(&pool);
	assert_int_equal(base_frames_out(), 0);
	assert_non_null(o[0] = tess_pool_get(&pool)); /* it works on */
	tess_pool_put(&pool, o[0]);
	pool_stop();
}

static void
pool_fini_names_the_leak(void **state)
{
	void *o, *o2;

	(void)state;
	pool_start(2, 64, 8);
	o = tess_pool_get(&pool);
	o2 = tess_pool_get(&pool);
	UNIT_EXPECT_PANIC(tess_pool_fini(&pool), "pool thing: objects still out: 2");
	unit_cpu_set(1);
	tess_pool_put(&pool, o);
	tess_pool_put(&pool, o2);
	unit_cpu_set(0);
	pool_stop();
	tess_pool_fini(&pool); /* twice is nothing */
}

#if TESS_CONFIG_ASSERT >= 2
static void
pool_put_complains(void **state)
{
	struct tess_pool other;
	char *o, *alien;

	(void)state;
	pool_start(1, 64, 8);
	assert_int_equal(tess_pool_init(&other, "other", 64, 8), TESS_OK);
	o = tess_pool_get(&pool);
	alien = tess_pool_get(&other);
	UNIT_EXPECT_PANIC(tess_pool_put(&pool, alien), "pool thing: not an object");
	UNIT_EXPECT_PANIC(tess_pool_put(&pool, o + 8), "pool thing: not an object");
	memset(o, 1, 64);
	tess_pool_put(&pool, o);
	UNIT_EXPECT_PANIC(tess_pool_put(&pool, o), "pool thing: object put twice");
	o[40] = 1;
	UNIT_EXPECT_PANIC((void)!tess_pool_get(&pool), "pool thing: object written after put");
	/* that get did happen */
	assert_int_equal(tess_pool_out(&pool), 1);
	tess_pool_put(&pool, o);
	tess_pool_put(&other, alien);
	tess_pool_fini(&other);
	pool_stop();
}
#endif

/* ---- threads: random gets and puts, objects passed through a common table ---- */

#define TABLE_SLOTS 256
static void *table[TABLE_SLOTS];

static void *
pool_thread(void *arg)
{
	unsigned cpu = (unsigned)(uintptr_t)arg;
	unsigned seed = cpu;

	unit_thread_attach(cpu);
	for (unsigned i = 0; i < POOL_ROUNDS; i++) {
		void **slot = &table[(unsigned)rand_r(&seed) % TABLE_SLOTS];
		uint64_t *mine = tess_pool_get(&pool);
		uint64_t *found;

		assert_non_null(mine);
		memset(mine, (int)cpu, pool.size);
		found = tess_xchg_acqrel(slot, mine);
		if (found == NULL)
			continue;
		for (unsigned w = 1; w < pool.size / 8; w++)
			assert_int_equal(found[w], found[0]);
		tess_pool_put(&pool, found);
	}
	unit_thread_detach();
	return NULL;
}

static void
pool_get_put_threads(void **state)
{
	pthread_t t[POOL_THREADS];

	(void)state;
	pool_start(POOL_THREADS + 1, 80, 8);
	memset(table, 0, sizeof(table));
	for (uintptr_t i = 0; i < POOL_THREADS; i++)
		assert_int_equal(pthread_create(&t[i], NULL, pool_thread, (void *)(i + 1)), 0);
	for (unsigned i = 0; i < POOL_THREADS; i++)
		pthread_join(t[i], NULL);
	tess_base_check();
	for (unsigned i = 0; i < TABLE_SLOTS; i++) {
		if (table[i] != NULL)
			tess_pool_put(&pool, table[i]);
	}
	assert_int_equal(tess_pool_check(&pool), 0);
	pool_stop();
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(pool_init_refuses),
		cmocka_unit_test(pool_get_geometry),
		cmocka_unit_test(pool_put_recycles),
		cmocka_unit_test(pool_put_elsewhere),
		cmocka_unit_test(pool_get_exhausted),
		cmocka_unit_test(pool_get_injected),
		cmocka_unit_test(pool_drain),
		cmocka_unit_test(pool_fini_names_the_leak),
#if TESS_CONFIG_ASSERT >= 2
		cmocka_unit_test(pool_put_complains),
#endif
		cmocka_unit_test(pool_get_put_threads),
	};

	return cmocka_run_group_tests_name("pool", tests, NULL, NULL);
}
