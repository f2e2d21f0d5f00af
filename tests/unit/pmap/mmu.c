/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * mmu.c: the pmap under the simulated MMU, by several CPUs at once; the hardware's oracles watch.
 *
 * Entries of one page each, as in threads.c, but here CPUs also load, store and fetch.  Every frame holds
 * its entry's number, and numbers of a place only grow.  When an unmap has finished its gather it says that
 * numbers up to its own are retired; a load that begins later and brings one has used a
 * translation that was revoked.  The hosted machine adds: frame-reuse, stale-tlb, bbm, livelock, context.
 */
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "hosted.h"
#include "pmap.h"

#define RAM     ((uint64_t)32 << 20)
#define NCPU    4
#define PAGE    TESS_PAGE_SIZE
#define SPAN    ((uint64_t)2 << 20)
#define VA      ((tess_va)0x123400000000)
#define REGIONS 2
#define ENTRIES 6
#define ROUNDS  100000

struct entry {
	uint32_t dead;
	uint64_t number;
	struct tess_page *pg;
	struct entry *all;
};

struct place {
	struct entry *entry; /* R: under the region's lock */
	uint64_t retired;    /* A: numbers up to this are revoked */
	uint64_t next;       /* the region's lock */
};

struct world {
	struct tess_host *h;
	struct tess_pmap *pm;
	struct tess_spin lock[REGIONS]; /* rank OBJECT */
	struct place place[REGIONS][ENTRIES];
	struct entry *all; /* A */
	uint32_t ready;    /* A: workers that have come */
};

struct worker {
	struct world *w;
	pthread_t thread;
	unsigned cpu;
	uint64_t random;
};

static unsigned
pick(struct worker *me, unsigned n)
{
	me->random = me->random * 6364136223846793005u + 1442695040888963407u;
	return (unsigned)(me->random >> 33) % n;
}

static tess_va
va_of(unsigned region, unsigned entry)
{
	return VA + region * SPAN + entry * (SPAN / ENTRIES / PAGE) * PAGE;
}

static void
must(bool ok, const char *what)
{
	if (ok)
		return;
	fprintf(stderr, "%s\n", what);
	abort();
}

/* NULL: frames wait for the grace period of a thread that is not running. */
static struct entry *
entry_new(struct world *w, struct place *p)
{
	struct tess_page *pg = tess_page_alloc(TESS_FILL_NONE, TESS_SITE_PAGE);
	struct entry *e;

	if (pg == NULL)
		return NULL;
	e = calloc(1, sizeof(*e));
	must(e != NULL, "no memory for an entry");
	e->pg = pg;
	tess_page_set_state(e->pg, TESS_PAGE_ANON);
	e->number = ++p->next;
	tess_store_relaxed((uint64_t *)tess_page_data(e->pg), e->number);
	e->all = tess_load_relaxed(&w->all);
	while (!tess_cas_acqrel(&w->all, &e->all, e))
		;
	return e;
}

/* => the region's lock */
static uint64_t
place_clear(struct world *w, struct place *p, tess_va start, tess_va end, struct tess_gather *g)
{
	struct entry *e = p->entry;

	if (e == NULL)
		return 0;
	tess_store_release(&p->entry, NULL);
	tess_store_release(&e->dead, 1); /* pairs with enter */
	tess_pmap_remove(w->pm, start, end, g);
	tess_gather_frame(g, e->pg);
	return e->number;
}

static void
place_retire(struct place *p, uint64_t number)
{
	uint64_t was = tess_load_relaxed(&p->retired);

	while (was < number && !tess_cas_acqrel(&p->retired, &was, number))
		;
}

static void
op_unmap(struct worker *me, unsigned r, unsigned i, struct tess_gather *g)
{
	struct world *w = me->w;
	uint64_t gone[ENTRIES] = {0};
	tess_va start = va_of(r, i), end = start + PAGE;
	bool whole = pick(me, 4) == 0;

	if (whole) {
		start = VA + r * SPAN;
		end = start + SPAN;
	}
	tess_spin_lock(&w->lock[r], TESS_RANK_OBJECT);
	for (unsigned k = 0; k < ENTRIES; k++) {
		if (whole || k == i)
			gone[k] = place_clear(w, &w->place[r][k], start, end, g);
	}
	if (pick(me, 6) != 0) /* pairs with fault() */
		tess_store_release(&w->place[r][i].entry, entry_new(w, &w->place[r][i]));
	tess_spin_unlock(&w->lock[r], TESS_RANK_OBJECT);
	tess_gather_finish(g);
	for (unsigned k = 0; k < ENTRIES; k++)
		place_retire(&w->place[r][k], gone[k]);
}

static void
op_frame(struct worker *me, unsigned r, unsigned i, struct tess_gather *g)
{
	struct world *w = me->w;
	struct entry *e;

	tess_spin_lock(&w->lock[r], TESS_RANK_OBJECT);
	e = w->place[r][i].entry;
	if (e != NULL && pick(me, 2))
		tess_page_protect(e->pg, pick(me, 2) ? TESS_PROT_READ : TESS_PROT_NONE, g);
	else if (e != NULL)
		(void)tess_page_collect(e->pg, TESS_PAGE_MODIFIED | TESS_PAGE_REFERENCED, g);
	tess_spin_unlock(&w->lock[r], TESS_RANK_OBJECT);
}

static enum tess_err
fault(void *ctx, tess_va va, enum tess_access access)
{
	struct world *w = ctx;
	unsigned r = (unsigned)((va - VA) / SPAN);
	unsigned i = (unsigned)((va - va_of(r, 0)) / (SPAN / ENTRIES / PAGE * PAGE));
	tess_prot prot = TESS_PROT_READ | TESS_PROT_EXEC;
	enum tess_step step = TESS_RETRY;
	struct tess_gather g;
	struct entry *e;

	if (tess_pmap_fixup(w->pm, tess_page_trunc(va), access))
		return TESS_OK;
	if (access == TESS_ACCESS_WRITE)
		prot |= TESS_PROT_WRITE;
	tess_gather_init(&g);
	tess_rcu_enter();
	e = tess_load_acquire(&w->place[r][i].entry);
	if (e != NULL)
		step = tess_pmap_enter(w->pm, va_of(r, i), e->pg, prot,
				       (unsigned)TESS_ENTER_READ << access, &e->dead, &g);
	tess_rcu_exit();
	tess_gather_finish(&g);
	tess_rcu_poll();
	if (step == TESS_FAIL)
		return TESS_ENOMEM;
	return e == NULL ? TESS_SIGSEGV : TESS_OK;
}

static void
op_access(struct worker *me, unsigned r, unsigned i)
{
	struct world *w = me->w;
	struct place *p = &w->place[r][i];
	uint64_t before = tess_load_acquire(&p->retired); /* pairs with place_retire() */
	uint64_t word = 0;
	uint8_t junk = 1;

	if (pick(me, 3) == 0) {
		(void)tess_host_store(w->h, va_of(r, i) + 64 + me->cpu, &junk, 1);
		return;
	}
	if (pick(me, 3) == 0) {
		(void)tess_host_fetch(w->h, va_of(r, i));
		return;
	}
	if (tess_host_load(w->h, va_of(r, i), &word, 8) == TESS_OK)
		must(word > before, "a load through a translation that was revoked");
}

static void
worker_step(struct worker *me, struct tess_gather *g)
{
	unsigned r = pick(me, REGIONS), i = pick(me, ENTRIES);

	switch (pick(me, 16)) {
	case 0:
		op_unmap(me, r, i, g);
		break;
	case 1:
		op_frame(me, r, i, g);
		break;
	case 2:
		tess_pmap_protect(me->w->pm, VA + r * SPAN, VA + (r + 1) * SPAN, TESS_PROT_READ, g);
		break;
	case 3:
		tess_pmap_activate(NULL);
		tess_pmap_activate(me->w->pm);
		break;
	default:
		op_access(me, r, i);
		break;
	}
	tess_gather_finish(g);
	tess_rcu_poll();
}

static void *
worker_main(void *arg)
{
	struct worker *me = arg;
	struct tess_gather g;

	tess_host_attach(me->w->h, me->cpu, false);
	tess_host_set_fault(me->w->h, fault, me->w);
	tess_pmap_activate(me->w->pm);
	tess_gather_init(&g);
	tess_add_acqrel(&me->w->ready, 1);
	for (unsigned turn = 0; tess_load_acquire(&me->w->ready) < NCPU - 1; turn++)
		tess_port_relax(turn);
	for (unsigned n = 0; n < ROUNDS; n++)
		worker_step(me, &g);
	tess_pmap_activate(NULL);
	tess_rcu_poll();
	tess_host_detach(me->w->h);
	return NULL;
}

static void
world_end(struct world *w)
{
	struct tess_gather g;

	tess_gather_init(&g);
	assert_true(tess_stat_get(TESS_STAT_TLB_IPI) + tess_stat_get(TESS_STAT_TLB_BCAST) >
		    ROUNDS / 50);
	tess_rcu_drain();
	tess_host_check(w->h);
	tess_pmap_check(w->pm, NULL, NULL);
	for (unsigned r = 0; r < REGIONS; r++) {
		for (unsigned i = 0; i < ENTRIES; i++)
			place_clear(w, &w->place[r][i], va_of(r, i), va_of(r, i) + PAGE, &g);
	}
	tess_gather_finish(&g);
	tess_pmap_destroy(w->pm);
	tess_rcu_drain();
	tess_host_destroy(w->h);
	while (w->all != NULL) {
		struct entry *e = w->all;

		w->all = e->all;
		free(e);
	}
}

static void
accesses_against_unmap(void **state)
{
	struct tess_host_config cfg = {.isa = *(const enum tess_host_isa *)*state,
				       .drive = TESS_HOST_THREADS,
				       .ncpu = NCPU,
				       .ram = RAM,
				       .seed = 3,
				       .tlb_entries = 32};
	struct worker worker[NCPU];
	struct world w;

	memset(&w, 0, sizeof(w));
	w.h = tess_host_create(&cfg);
	assert_non_null(w.h);
	assert_int_equal(tess_pmap_create(&w.pm), TESS_OK);
	for (unsigned i = 1; i < NCPU; i++) {
		worker[i] = (struct worker){.w = &w, .cpu = i, .random = i * 7919 + 5};
		assert_int_equal(pthread_create(&worker[i].thread, NULL, worker_main, &worker[i]),
				 0);
	}
	tess_host_offline(w.h);
	for (unsigned i = 1; i < NCPU; i++)
		pthread_join(worker[i].thread, NULL);
	tess_host_online(w.h);
	world_end(&w);
}

static enum tess_host_isa isas[] = {TESS_HOST_X86_64, TESS_HOST_AARCH64, TESS_HOST_AARCH64_HW};

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    {"x86_64: accesses_against_unmap", accesses_against_unmap, NULL, NULL, &isas[0]},
	    {"aarch64: accesses_against_unmap", accesses_against_unmap, NULL, NULL, &isas[1]},
	    {"aarch64_hw: accesses_against_unmap", accesses_against_unmap, NULL, NULL, &isas[2]},
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
