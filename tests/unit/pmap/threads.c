/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * threads.c: several CPUs at one pmap.  Run it under ThreadSanitizer too.
 *
 * The fault against unmap protocol is played with entries of one page each: an entry has a frame of its
 * own and a `dead` word.  A fault reads the entry without a lock and enters its frame; an unmap takes the
 * region's lock, sets dead, removes, and frees the frame through its gather.  A translation that
 * slips in behind the unmap is found when the frame is freed (it has a translation), or at the
 * end (a page translates to what its entry does not have).
 */
#include <pthread.h>

#include "pmap_fixture.h"

#define THREADS 3
#define REGIONS 3
#define ENTRIES 8 /* a region */
#define ROUNDS  20000
#define RACES   4000

enum {
	R = TESS_PROT_READ,
	W = TESS_PROT_READ | TESS_PROT_WRITE
};

struct entry {
	uint32_t dead;
	struct tess_page *pg;
	struct entry *all; /* every entry ever, freed at the end */
};

struct region {
	struct tess_spin lock; /* rank OBJECT */
	struct entry *entry[ENTRIES];
};

struct world {
	struct fx *f;
	struct region region[REGIONS];
	struct entry *all; /* A: a stack */
	uint32_t arrived;  /* A: at the line; see together() */
	uint32_t ready;    /* A: workers that have come */
	uint32_t dead;
	struct tess_page *pg;
	enum tess_step step;
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

/* Entries of a region lie across its PTE page. */
static tess_va
va_of(unsigned region, unsigned entry)
{
	return VA + region * SPAN + entry * (SPAN / ENTRIES) + entry * PAGE;
}

static struct entry *
entry_new(struct world *w)
{
	struct entry *e = calloc(1, sizeof(*e));

	e->pg = tess_page_alloc(TESS_FILL_NONE, TESS_SITE_PAGE);
	if (e->pg == NULL)
		abort();
	tess_page_set_state(e->pg, TESS_PAGE_ANON);
	e->all = tess_load_relaxed(&w->all);
	while (!tess_cas_acqrel(&w->all, &e->all, e))
		;
	return e;
}

/* => the region's lock.  Frees the frame through g */
static void
entry_kill(struct entry **slot, struct tess_gather *g, struct tess_pmap *pm, tess_va start,
	   tess_va end)
{
	struct entry *e = *slot;

	if (e == NULL)
		return;
	tess_store_release(slot, NULL);
	tess_store_release(&e->dead, 1); /* pairs with enter */
	tess_pmap_remove(pm, start, end, g);
	tess_gather_frame(g, e->pg);
}

static void
op_fault(struct worker *me, unsigned r, unsigned i, struct tess_gather *g)
{
	struct world *w = me->w;
	struct entry *e = tess_load_acquire(&w->region[r].entry[i]);
	tess_prot prot = pick(me, 2) ? R : W;

	if (e == NULL)
		return;
	if (tess_pmap_enter(w->f->pm, va_of(r, i), e->pg, prot,
			    prot == W ? TESS_ENTER_WRITE : TESS_ENTER_READ, &e->dead,
			    g) == TESS_FAIL)
		abort();
}

static void
op_unmap(struct worker *me, unsigned r, unsigned i, struct tess_gather *g)
{
	struct world *w = me->w;
	struct region *region = &w->region[r];
	tess_va start = va_of(r, i), end = start + PAGE;
	bool whole = pick(me, 4) == 0;

	if (whole) {
		start = VA + r * SPAN;
		end = start + SPAN;
	}
	tess_spin_lock(&region->lock, TESS_RANK_OBJECT);
	for (unsigned k = 0; k < ENTRIES; k++) {
		if (whole || k == i)
			entry_kill(&region->entry[k], g, w->f->pm, start, end);
	}
	if (pick(me, 8) != 0)
		tess_store_release(&region->entry[i], entry_new(w)); /* pairs with op_fault() */
	tess_spin_unlock(&region->lock, TESS_RANK_OBJECT);
}

/* As the page daemon would: from the frame, its owner's lock held. */
static void
op_frame(struct worker *me, unsigned r, unsigned i, struct tess_gather *g)
{
	struct region *region = &me->w->region[r];
	struct entry *e;

	tess_spin_lock(&region->lock, TESS_RANK_OBJECT);
	e = region->entry[i];
	if (e != NULL && pick(me, 2))
		tess_page_protect(e->pg, pick(me, 2) ? R : TESS_PROT_NONE, g);
	else if (e != NULL)
		(void)tess_page_collect(e->pg, TESS_PAGE_MODIFIED, g);
	tess_spin_unlock(&region->lock, TESS_RANK_OBJECT);
}

static void
op_look(struct worker *me, unsigned r, unsigned i)
{
	struct tess_pmap *pm = me->w->f->pm;
	tess_prot prot;
	tess_pa pa;

	if (tess_pmap_extract(pm, va_of(r, i), &pa, &prot) && (!(prot & R) || pa % PAGE != 0))
		abort();
	if (tess_pmap_resident(pm, VA, VA + REGIONS * SPAN) > REGIONS * ENTRIES)
		abort();
	(void)tess_pmap_fixup(pm, va_of(r, i), TESS_ACCESS_WRITE);
	tess_pmap_unwire(pm, VA, VA + SPAN);
}

static void *
stress_worker(void *arg)
{
	struct worker *me = arg;
	struct tess_pmap *pm = me->w->f->pm;
	struct tess_gather g;

	unit_thread_attach(me->cpu);
	tess_gather_init(&g);
	tess_add_acqrel(&me->w->ready, 1);
	for (unsigned turn = 0; tess_load_acquire(&me->w->ready) < THREADS; turn++)
		tess_port_relax(turn);
	for (unsigned n = 0; n < ROUNDS; n++) {
		unsigned r = pick(me, REGIONS), i = pick(me, ENTRIES);

		switch (pick(me, 8)) {
		case 0:
		case 1:
			op_unmap(me, r, i, &g);
			break;
		case 2:
			op_frame(me, r, i, &g);
			break;
		case 3:
			op_look(me, r, i);
			break;
		case 4:
			tess_pmap_protect(pm, VA + r * SPAN, VA + (r + 1) * SPAN, R, &g);
			break;
		case 5:
			tess_pmap_activate(pick(me, 2) ? pm : me->w->f->other);
			break;
		default:
			op_fault(me, r, i, &g);
			break;
		}
		tess_gather_finish(&g);
		tess_rcu_poll();
	}
	tess_pmap_activate(NULL);
	unit_thread_detach();
	return NULL;
}

static void
run_workers(struct world *w, void *(*fn)(void *), unsigned n)
{
	struct worker worker[THREADS];

	for (unsigned i = 0; i < n; i++) {
		worker[i] = (struct worker){.w = w, .cpu = i + 1, .random = i * 977 + 1};
		assert_int_equal(pthread_create(&worker[i].thread, NULL, fn, &worker[i]), 0);
	}
	unit_thread_offline();
	for (unsigned i = 0; i < n; i++)
		pthread_join(worker[i].thread, NULL);
	unit_thread_online();
}

/* At rest: a page translates to its entry's frame, or to nothing. */
static tess_prot
allowed_by_entry(void *ctx, tess_va va, struct tess_page *pg)
{
	struct world *w = ctx;

	for (unsigned r = 0; r < REGIONS; r++) {
		for (unsigned i = 0; i < ENTRIES; i++) {
			const struct entry *e = w->region[r].entry[i];

			if (va == va_of(r, i) && e != NULL && e->pg == pg)
				return W;
		}
	}
	return TESS_PROT_NONE;
}

static void
stress_fault_against_unmap(void **state)
{
	struct world w = {.f = *state};

	run_workers(&w, stress_worker, THREADS);
	tess_rcu_drain();
	tess_pmap_check(w.f->pm, allowed_by_entry, &w);
	for (unsigned r = 0; r < REGIONS; r++) {
		for (unsigned i = 0; i < ENTRIES; i++)
			entry_kill(&w.region[r].entry[i], &w.f->g, w.f->pm, va_of(r, i),
				   va_of(r, i) + PAGE);
	}
	tess_gather_finish(&w.f->g);
	assert_int_equal(tess_pmap_resident(w.f->pm, 0, WHOLE), 0);
	while (w.all != NULL) {
		struct entry *e = w.all;

		w.all = e->all;
		free(e);
	}
}

/* Two workers leave here as nearly at once as threads can. */
static void
together(struct world *w, uint32_t *mine)
{
	*mine += 2;
	tess_add_acqrel(&w->arrived, 1);
	for (unsigned turn = 0; tess_load_acquire(&w->arrived) < *mine; turn++) {
		if (turn > 2000) /* one processor, or a busy one */
			tess_port_relax(turn);
	}
}

/*
 * One CPU enters where there is no PTE page yet, the other has set dead and removes.  Whoever wins, there is
 * no translation afterwards: see ENTER AGAINST REMOVE in walk.h.
 */
static void *
race_worker(void *arg)
{
	struct worker *me = arg;
	struct world *w = me->w;
	struct tess_gather g;
	uint32_t line = 0;

	unit_thread_attach(me->cpu);
	tess_gather_init(&g);
	for (uint64_t n = 0; n < RACES; n++) {
		tess_va va = VA + n % 8 * SPAN;

		together(w, &line);
		for (unsigned lag = pick(me, 32); lag > 0; lag--)
			tess_compiler_barrier();
		if (me->cpu == 1) {
			w->step = tess_pmap_enter(w->f->pm, va, w->pg, W, 0, &w->dead, &g);
		} else {
			tess_store_release(&w->dead, 1);
			tess_pmap_remove(w->f->pm, va, va + (n & 1 ? PAGE : SPAN), &g);
			tess_gather_finish(&g);
		}
		tess_rcu_poll();
		together(w, &line);
		if (me->cpu == 1)
			continue;
		if (w->step == TESS_FAIL || w->pg->pv.pmap != NULL ||
		    tess_pmap_extract(w->f->pm, va, NULL, NULL))
			abort();
		w->dead = 0;
		tess_pmap_remove(w->f->pm, VA, VA + 8 * SPAN, &g); /* no PTE page next time */
		tess_gather_finish(&g);
		tess_rcu_poll();
	}
	unit_thread_detach();
	return NULL;
}

static void
enter_sees_dead_without_table(void **state)
{
	struct world w = {.f = *state};

	w.pg = fx_frame();
	run_workers(&w, race_worker, 2);
	fx_frame_free(w.f, w.pg);
}

/* Two CPUs need the same tables: one set is made, the other given back. */
static void *
tables_worker(void *arg)
{
	struct worker *me = arg;
	struct world *w = me->w;
	struct tess_gather g;
	uint32_t line = 0;

	unit_thread_attach(me->cpu);
	tess_gather_init(&g);
	for (uint64_t n = 0; n < RACES; n++) {
		tess_va va = (n % 64 << 30) + me->cpu * PAGE;

		together(w, &line);
		if (tess_pmap_enter(w->f->pm, va, w->pg, W, 0, NULL, &g) != TESS_DONE)
			abort();
		if (n % 64 == 63 && me->cpu == 1) {
			tess_pmap_remove(w->f->pm, 0, WHOLE, &g);
			tess_gather_finish(&g);
		}
		tess_rcu_poll();
	}
	unit_thread_detach();
	return NULL;
}

static void
enter_makes_tables_once(void **state)
{
	struct world w = {.f = *state};

	w.pg = fx_frame();
	run_workers(&w, tables_worker, 2);
	tess_pmap_check(w.f->pm, NULL, NULL);
	fx_remove(w.f, w.f->pm, 0, WHOLE);
	fx_frame_free(w.f, w.pg);
}

static const struct fx_test list[] = {
    FX(enter_sees_dead_without_table),
    FX(enter_makes_tables_once),
    FX(stress_fault_against_unmap),
};

FX_MAIN(list)
