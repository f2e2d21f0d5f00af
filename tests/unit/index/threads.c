/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * threads.c: readers without a lock against writers who split, join and replace all the time.
 *
 * The index is cut into plots of 64 addresses:
 *
 *	0       8      16            48       56      64
 *	│ always │ never │ now and then │ never │ always │	the last may be one range with the next plot's first
 *
 * Writers replace what is mapped over one or many plots; readers hold each answer against the map above.  A
 * freed range loses its magic number first, so that an answer freed too early shows without a sanitizer too.
 */
#include <pthread.h>
#include <sched.h>
#include <string.h>
#include <stdlib.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "unit_machine.h"
#include "index_priv.h"

#define PLOT     64u
#define PLOTS    256u
#define EDITS    6000u
#define ANSWERS  10000u
#define READERS  2u
#define WRITERS  2u
#define MAGIC    0x600df00du
#define PLOT_RAM (16u << 20)

struct plot_range {
	struct tess_range r; /* first */
	uint32_t magic;
	struct tess_rcu_head rcu;
};

static struct tess_index ix;
static struct tess_radix radix;
static uint32_t running; /* writers */
static uint64_t wrong[16], answers, edits_by[WRITERS];

/* Readers count what is wrong instead of failing inside a thread. */
#define EXPECT(nr, x) ((x) ? (void)0 : (void)tess_add_relaxed(&wrong[nr], 1))

static uint64_t
roll(uint64_t *x)
{
	*x ^= *x >> 12;
	*x ^= *x << 25;
	*x ^= *x >> 27;
	return (*x * 0x2545f4914f6cdd1d) >> 16;
}

static void
plot_free(struct tess_rcu_head *head)
{
	struct plot_range *r = TESS_CONTAINER(head, struct plot_range, rcu);

	tess_store_relaxed(&r->magic, 0);
	free(r);
}

/* Writers go on until readers have seen something of it. */
static bool
answered(void)
{
	return tess_load_relaxed(&answers) >= ANSWERS;
}

/* ---- writers ---- */

static void
plot_add(struct tess_range ***tail, unsigned *n, uint64_t start, uint64_t end)
{
	struct plot_range *r = calloc(1, sizeof(*r));

	r->r.start = start;
	r->r.end = end;
	r->magic = MAGIC;
	**tail = &r->r;
	*tail = &r->r.link;
	++*n;
}

/* Lock and prepare.  Memory may be short until the readers let go of what was replaced before. */
static void
plot_lock(uint64_t lo, uint64_t hi, unsigned n, struct tess_index_edit *e)
{
	for (;;) {
		tess_index_lock(&ix, lo, hi, TESS_RANK_LEAF, e);
		if (tess_index_prepare(e, lo, hi, n) == TESS_OK)
			return;
		tess_index_unlock(e);
		tess_rcu_poll();
		sched_yield();
	}
}

/* The ranges that an edit of [lo, hi) replaces. */
static void
plot_find(uint64_t lo, uint64_t hi, struct tess_range **old, unsigned *n)
{
	struct tess_range *r;

	for (*n = 0; (r = tess_index_next_rcu(&ix, lo)) != NULL && r->start < hi; lo = r->end)
		old[(*n)++] = r;
}

/* Replace plots [at, at + n): what is always there, and by chance what is there now and then. */
static void
plot_edit(uint64_t at, uint64_t n, uint64_t *x)
{
	static _Thread_local struct tess_range *old[PLOTS * 4];
	struct tess_range *list = NULL, **tail = &list;
	unsigned count = 0, nold;
	struct tess_index_edit e;
	uint64_t lo = at * PLOT, hi = (at + n) * PLOT, dense = roll(x) % 8;

	for (uint64_t p = at; p < at + n; p++) {
		plot_add(&tail, &count, p * PLOT, p * PLOT + 8);
		for (uint64_t k = 16; k < 48; k += 8) {
			if (roll(x) % 8 < dense)
				plot_add(&tail, &count, p * PLOT + k,
					 p * PLOT + k + 1 + roll(x) % 8);
		}
		plot_add(&tail, &count, p * PLOT + 56, p * PLOT + 64);
	}
	plot_lock(lo, hi, count, &e);
	plot_find(lo, hi, old, &nold);
	tess_index_commit(&e, lo, hi, list, count);
	tess_index_unlock(&e);
	for (unsigned i = 0; i < nold; i++) {
		EXPECT(0, tess_load_relaxed(&old[i]->dead) == 1);
		tess_rcu_defer(&((struct plot_range *)old[i])->rcu, plot_free);
	}
}

/* Join the end of one plot and the start of the next in one range, which may cross a leaf's boundary. */
static void
plot_bridge(uint64_t at)
{
	uint64_t lo = at * PLOT + 56, hi = at * PLOT + 72;
	struct tess_range *list = NULL, **tail = &list, *old[4];
	struct tess_index_edit e;
	unsigned n = 0, nold;

	plot_add(&tail, &n, lo, hi);
	plot_lock(lo, hi, 1, &e);
	plot_find(lo, hi, old, &nold);
	tess_index_commit(&e, lo, hi, list, 1);
	tess_index_unlock(&e);
	for (unsigned i = 0; i < nold; i++)
		tess_rcu_defer(&((struct plot_range *)old[i])->rcu, plot_free);
}

/* Each writer keeps to its half, so that no range crosses the edges of another's edit. */
static void *
plot_writer(void *arg)
{
	uint64_t me = (uintptr_t)arg, half = PLOTS / WRITERS, first = me * half;
	uint64_t x = me * 77 + 5;

	unit_thread_attach((unsigned)me + 1);
	for (unsigned i = 0; i < EDITS || !answered(); i++) {
		uint64_t n = roll(&x) % 16 == 0 ? 1 + roll(&x) % half : 1 + roll(&x) % 2;
		uint64_t at = first + roll(&x) % (half - n + 1);

		/* Bridges inside the edit only: cut what hangs over its edges by editing whole halves. */
		if (i % 4 == 3) {
			plot_bridge(first + roll(&x) % (half - 1));
			n = half;
			at = first;
		}
		plot_edit(at, n, &x);
		edits_by[me]++;
		tess_rcu_poll();
	}
	unit_thread_detach();
	tess_sub_acqrel(&running, 1);
	return NULL;
}

/* ---- readers ---- */

static bool
plot_good(const struct tess_range *r)
{
	return tess_load_relaxed(&((const struct plot_range *)r)->magic) == MAGIC;
}

static void
plot_look(uint64_t p, uint64_t d)
{
	uint64_t always = p * PLOT + d % 8, never = p * PLOT + 48 + d % 8, at;
	const struct tess_range *r;

	tess_rcu_enter();
	r = tess_index_lookup_rcu(&ix, always);
	EXPECT(1, r != NULL);
	EXPECT(2, r == NULL || (r->start <= always && always < r->end && plot_good(r)));
	EXPECT(3, tess_index_lookup_rcu(&ix, never) == NULL);
	EXPECT(4, tess_index_lookup_rcu(&ix, p * PLOT + 8 + d % 8) == NULL);

	r = tess_index_next_rcu(&ix, never); /* nothing until 56, and that is always there */
	EXPECT(5, r != NULL && r->start == p * PLOT + 56 && plot_good(r));
	r = tess_index_prev_rcu(&ix, p * PLOT + 8 + d % 8 + 1);
	EXPECT(6, r != NULL && r->end == p * PLOT + 8 && plot_good(r));

	/* From the middle, what comes may come and go, but nothing that is always there is passed over. */
	r = tess_index_next_rcu(&ix, p * PLOT + 8);
	EXPECT(7, r != NULL && r->start >= p * PLOT + 16 && r->start <= p * PLOT + 56);
	r = tess_index_prev_rcu(&ix, p * PLOT + 56);
	EXPECT(8, r != NULL && r->end > p * PLOT && r->end <= p * PLOT + 48);
	tess_rcu_exit();

	/* A hint, but one inside what was asked for. */
	if (tess_index_gap_up(&ix, p * PLOT, (p + 2) * PLOT, 6, 2, &at))
		EXPECT(9, at >= p * PLOT && at + 6 <= (p + 2) * PLOT && at % 2 == 0);
	if (tess_index_gap_down(&ix, p * PLOT, (p + 2) * PLOT, 6, 2, &at))
		EXPECT(10, at >= p * PLOT && at + 6 <= (p + 2) * PLOT && at % 2 == 0);
}

static void *
plot_reader(void *arg)
{
	uint64_t x = 1000 + (uintptr_t)arg;

	unit_thread_attach((unsigned)(uintptr_t)arg);
	while (tess_load_acquire(&running) != 0) {
		plot_look(roll(&x) % PLOTS, roll(&x));
		tess_add_relaxed(&answers, 1);
		tess_rcu_poll();
	}
	unit_thread_detach();
	return NULL;
}

static void
run_all(void *(*writer)(void *), void *(*reader)(void *), unsigned writers)
{
	pthread_t t[READERS + WRITERS];

	running = writers;
	answers = 0;
	for (uintptr_t i = 0; i < writers; i++)
		assert_int_equal(pthread_create(&t[i], NULL, writer, (void *)i), 0);
	for (uintptr_t i = 0; i < READERS; i++)
		assert_int_equal(
		    pthread_create(&t[writers + i], NULL, reader, (void *)(i + 1 + WRITERS)), 0);
	unit_thread_offline();
	for (unsigned i = 0; i < writers + READERS; i++)
		pthread_join(t[i], NULL);
	unit_thread_online();
	for (unsigned i = 0; i < 16; i++) {
		if (wrong[i] != 0)
			print_error("expectation %u failed %llu times\n", i,
				    (unsigned long long)wrong[i]);
		assert_int_equal(wrong[i], 0);
	}
}

static struct tess_machine *
plot_machine(void)
{
	struct tess_machine *m = unit_machine_start(PLOT_RAM, READERS + WRITERS + 1, 1);

	assert_int_equal(tess_index_room_init(m), TESS_OK);
	memset(wrong, 0, sizeof(wrong));
	return m;
}

static void
plot_machine_stop(struct tess_machine *m)
{
	tess_rcu_drain();
	tess_index_room_fini(m);
	unit_machine_stop();
}

static void
index_readers_and_writers(void **state)
{
	struct tess_machine *m = plot_machine();
	static struct tess_range *old[PLOTS * 8];
	struct tess_index_edit e;
	uint64_t x = 3;
	unsigned n;

	(void)state;
	assert_int_equal(tess_index_init(&ix, 0, PLOTS * PLOT + 2 * PLOT), TESS_OK);
	plot_edit(0, PLOTS, &x);
	run_all(plot_writer, plot_reader, WRITERS);
	for (unsigned i = 0; i < WRITERS; i++)
		assert_true(edits_by[i] >= EDITS);
	assert_true(tess_index_check(&ix) >= 2 * PLOTS - PLOTS);

	tess_index_lock(&ix, ix.lo, ix.hi, TESS_RANK_LEAF, &e);
	plot_find(ix.lo, ix.hi, old, &n);
	assert_int_equal(tess_index_prepare(&e, ix.lo, ix.hi, 0), TESS_OK);
	tess_index_commit(&e, ix.lo, ix.hi, NULL, 0);
	tess_index_unlock(&e);
	for (unsigned i = 0; i < n; i++)
		tess_rcu_defer(&((struct plot_range *)old[i])->rcu, plot_free);
	tess_index_fini(&ix);
	plot_machine_stop(m);
}

/* ---- radix: one writer, as its contract says ---- */

#define RADIX_STRIDE 977u
#define RADIX_KEYS   512u

/* Multiples of 8 are always there; the value tells its index. */
static void *
radix_value(uint64_t k)
{
	return (void *)(uintptr_t)((k + 1) * 16);
}

static void *
radix_writer(void *arg)
{
	uint64_t x = 99;

	unit_thread_attach((unsigned)(uintptr_t)arg + 1);
	for (unsigned i = 0; i < EDITS * 4 || !answered(); i++) {
		uint64_t k = roll(&x) % RADIX_KEYS, idx = k * RADIX_STRIDE;

		if (k % 8 == 0 || roll(&x) % 2 == 0) {
			while (tess_radix_insert(&radix, idx, radix_value(k)) != TESS_OK) {
				tess_rcu_poll();
				sched_yield();
			}
		} else {
			void *p = tess_radix_remove(&radix, idx);

			EXPECT(0, p == NULL || p == radix_value(k));
		}
		tess_rcu_poll();
	}
	unit_thread_detach();
	tess_sub_acqrel(&running, 1);
	return NULL;
}

static void *
radix_reader(void *arg)
{
	uint64_t x = 1000 + (uintptr_t)arg;

	unit_thread_attach((unsigned)(uintptr_t)arg);
	while (tess_load_acquire(&running) != 0) {
		uint64_t k = roll(&x) % RADIX_KEYS, idx = k * RADIX_STRIDE;
		void *p;

		tess_rcu_enter();
		p = tess_radix_lookup_rcu(&radix, idx);
		EXPECT(1, p == radix_value(k) || (p == NULL && k % 8 != 0));
		EXPECT(2, tess_radix_lookup_rcu(&radix, idx + 1) == NULL);
		k &= ~(uint64_t)7;
		idx = k > 0 ? k * RADIX_STRIDE - 7 * RADIX_STRIDE : 0;
		p = tess_radix_next_rcu(&radix, &idx, UINT64_MAX);
		EXPECT(3, p != NULL && idx <= k * RADIX_STRIDE);
		EXPECT(4, p == radix_value(idx / RADIX_STRIDE));
		tess_rcu_exit();
		tess_add_relaxed(&answers, 1);
		tess_rcu_poll();
	}
	unit_thread_detach();
	return NULL;
}

static void
radix_readers_and_writer(void **state)
{
	struct tess_machine *m = plot_machine();

	(void)state;
	tess_radix_init(&radix);
	for (uint64_t k = 0; k < RADIX_KEYS; k += 8)
		assert_int_equal(tess_radix_insert(&radix, k * RADIX_STRIDE, radix_value(k)),
				 TESS_OK);
	run_all(radix_writer, radix_reader, 1);
	tess_radix_check(&radix);
	for (uint64_t k = 0; k < RADIX_KEYS; k++)
		tess_radix_remove(&radix, k * RADIX_STRIDE);
	tess_radix_fini(&radix);
	plot_machine_stop(m);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(index_readers_and_writers),
	    cmocka_unit_test(radix_readers_and_writer),
	};

	return cmocka_run_group_tests_name("index_threads", tests, NULL, NULL);
}
