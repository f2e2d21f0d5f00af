/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * space.c: several CPUs change one address space, fork it, and use it, all at once.
 *
 *	one 2 MiB chunk:  [ own 0 ][ own 1 ][ own 2 ][ own 3 ]   pages only CPU i touches and changes
 *			  [ cow ][ share ][ twin ][ file ]       a word a CPU in every page
 *			  [ wild ]                               anybody maps, unmaps and protects
 *
 * What each CPU may rely on is checked at every step:
 *
 *   own	contents, rights and holes are exactly what this CPU's own calls made them; an access after the
 *		own munmap is SIGSEGV
 *   cow	every CPU counts in a word of its own while others fork, protect and move the pages: a store
 *		that is lost in the middle of a copy shows as a count that is behind
 *   share	the same through children that share the pages, on whatever CPU they run
 *   twin	an amap shared with a sibling, copied to children: copy-on-write inside a shared amap
 *   file	the same while others write back and drop the pages
 *   wild	a page holds zero or what somebody stored in this region, never another region's bytes
 *
 * Between rounds all CPUs stop, and the walkers and TLB oracles look at everything.
 */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <tessera/tessera.h>
#include <tessera/port/atomic.h>
#include "hosted.h"
#include "file.h"

#define NCPU     4
#define RAM      ((uint64_t)128 << 20)
#define PAGE     TESS_PAGE_SIZE
#define BASE     ((tess_va)0x40000000)
#define OWN      24 /* pages a CPU has for itself */
#define COMMON   6  /* pages of each counted region */
#define WILD     32
#define STEPS    400 /* between two looks */
#define CHILDREN 4
#define WILD_TAG ((uint64_t)0xd1ce << 48)

enum {
	NONE = TESS_PROT_NONE,
	R = TESS_PROT_READ,
	RW = TESS_PROT_READ | TESS_PROT_WRITE
};

/* Regions where every CPU counts. */
enum counted {
	COW,
	SHARE,
	TWIN,
	FILED,
	COUNTED
};

struct world {
	struct tess_host *h;
	struct tess_space *sp, *twin;
	struct tess_space *child[CHILDREN]; /* A: shared by whoever takes it out */
	struct tess_host_file *file;
	struct tess_object *object;
	pthread_barrier_t meet;
	bool stop;      /* written by CPU 0 between two meetings */
	uint64_t steps; /* A */
};

/* What CPU i knows of one of its own pages. */
struct own {
	bool mapped;
	unsigned prot;
	enum tess_inherit inherit;
	uint64_t word;
};

struct worker {
	struct world *w;
	pthread_t thread;
	unsigned cpu;
	uint64_t random, stamp;
	struct tess_space *runs;
	struct own own[OWN];
	uint64_t count[COUNTED][COMMON];
};

static unsigned
pick(struct worker *me, unsigned n)
{
	me->random = me->random * 6364136223846793005u + 1442695040888963407u;
	return (unsigned)(me->random >> 33) % n;
}

#define MUST(me, x) ((x) ? (void)0 : must_failed((me), #x, __LINE__))

static _Noreturn void
must_failed(const struct worker *me, const char *what, int line)
{
	fprintf(stderr, "Bail out! CPU %u, space.c:%d: %s\n", me->cpu, line, what);
	abort();
}

/* ---- addresses ---- */

static tess_va
own_va(unsigned cpu, unsigned i)
{
	return BASE + (cpu * OWN + i) * PAGE;
}

static tess_va
counted_va(enum counted c, unsigned i)
{
	return BASE + (NCPU * OWN + c * COMMON + i) * PAGE;
}

static tess_va
wild_va(unsigned i)
{
	return BASE + (NCPU * OWN + COUNTED * COMMON + i) * PAGE;
}

/* Where a CPU parks a page that it moves away: in another chunk. */
static tess_va
spare_va(unsigned cpu)
{
	return BASE + ((tess_va)8 << 20) + cpu * PAGE;
}

/* ---- accesses ---- */

static enum tess_err
stress_fault(void *ctx, tess_va va, enum tess_access access)
{
	return tess_fault(ctx, va, access);
}

/* run: this CPU executes `sp` from here on. */
static void
run(struct worker *me, struct tess_space *sp)
{
	if (me->runs == sp)
		return;
	tess_space_activate(sp);
	tess_host_set_fault(me->w->h, sp != NULL ? stress_fault : NULL, sp);
	me->runs = sp;
}

static enum tess_err
load(struct worker *me, tess_va va, uint64_t *word)
{
	return tess_host_load(me->w->h, va, word, 8);
}

static enum tess_err
store(struct worker *me, tess_va va, uint64_t word)
{
	return tess_host_store(me->w->h, va, &word, 8);
}

/* ---- own pages ---- */

static void
own_range(struct worker *me, unsigned *i, unsigned *n)
{
	*i = pick(me, OWN);
	*n = 1 + pick(me, pick(me, 3) == 0 ? OWN : 4);
	if (*i + *n > OWN)
		*n = OWN - *i;
}

/* own_touch: one page is as this CPU left it, in the space that runs; `word` when it may differ. */
static void
own_touch(struct worker *me, unsigned i, const struct own *o)
{
	uint64_t word = 0;
	enum tess_err e = load(me, own_va(me->cpu, i), &word);

	MUST(me, e == (o->mapped && o->prot != NONE ? TESS_OK : TESS_SIGSEGV));
	MUST(me, e != TESS_OK || word == o->word);
}

static void
own_store(struct worker *me, unsigned i)
{
	struct own *o = &me->own[i];
	uint64_t word = ++me->stamp << 8 | me->cpu;
	enum tess_err e = store(me, own_va(me->cpu, i), word);

	MUST(me, e == (o->mapped && o->prot == RW ? TESS_OK : TESS_SIGSEGV));
	if (e == TESS_OK)
		o->word = word;
}

static void
own_map(struct worker *me)
{
	unsigned i, n;
	tess_va at;

	own_range(me, &i, &n);
	MUST(me, tess_mmap(me->w->sp,
			   &(struct tess_mmap_args){.addr = own_va(me->cpu, i),
						    .len = n * PAGE,
						    .prot = RW,
						    .flags = TESS_MAP_PRIVATE | TESS_MAP_ANON |
							     TESS_MAP_FIXED},
			   &at) == TESS_OK);
	for (unsigned k = i; k < i + n; k++)
		me->own[k] = (struct own){.mapped = true, .prot = RW};
	own_touch(me, i + pick(me, n), &me->own[i]);
}

static void
own_unmap(struct worker *me)
{
	unsigned i, n;

	own_range(me, &i, &n);
	MUST(me, tess_munmap(me->w->sp, own_va(me->cpu, i), n * PAGE) == TESS_OK);
	for (unsigned k = i; k < i + n; k++) {
		me->own[k] = (struct own){.mapped = false};
		own_touch(me, k, &me->own[k]);
	}
}

/* own_uniform: pages from i on, at most n, that are mapped and alike, so that a call treats all of them. */
static unsigned
own_uniform(const struct worker *me, unsigned i, unsigned n)
{
	const struct own *o = &me->own[i];
	unsigned k = 0;

	while (k < n && o[k].mapped && o[k].prot == o->prot && o[k].inherit == o->inherit)
		k++;
	return k;
}

static void
own_attribute(struct worker *me)
{
	static const unsigned prots[] = {NONE, R, RW, RW, RW};
	unsigned prot = prots[pick(me, 5)], i, n;
	enum tess_inherit inherit = (enum tess_inherit)pick(me, 4);
	bool protect = pick(me, 2);

	own_range(me, &i, &n);
	n = own_uniform(me, i, n);
	if (n == 0)
		return;
	if (protect)
		MUST(me, tess_mprotect(me->w->sp, own_va(me->cpu, i), n * PAGE, prot) == TESS_OK);
	else
		MUST(me,
		     tess_minherit(me->w->sp, own_va(me->cpu, i), n * PAGE, inherit) == TESS_OK);
	for (unsigned k = i; k < i + n; k++) {
		if (protect)
			me->own[k].prot = prot;
		else
			me->own[k].inherit = inherit;
	}
	own_touch(me, i, &me->own[i]);
	own_store(me, i + n - 1);
}

static void
own_discard(struct worker *me)
{
	unsigned i, n;

	own_range(me, &i, &n);
	n = own_uniform(me, i, n);
	if (n == 0)
		return;
	MUST(me,
	     tess_madvise(me->w->sp, own_va(me->cpu, i), n * PAGE, TESS_MADV_DONTNEED) == TESS_OK);
	for (unsigned k = i; k < i + n; k++) {
		me->own[k].word = 0;
		own_touch(me, k, &me->own[k]);
	}
}

/*
 * own_move: pages change places.  Entries that were mapped apart may be one mapping or several, so the
 * answer may also be EFAULT, or ENOMEM where a shared amap cannot grow; then nothing has changed.
 */
static void
own_move(struct worker *me)
{
	unsigned i, n, to;
	enum tess_err e;
	tess_va at;

	own_range(me, &i, &n);
	n = own_uniform(me, i, n);
	to = pick(me, OWN);
	if (n == 0 || to + n > OWN || (to < i + n && i < to + n))
		return;
	e = tess_mremap(me->w->sp, own_va(me->cpu, i), n * PAGE, n * PAGE,
			TESS_MREMAP_MAYMOVE | TESS_MREMAP_FIXED, own_va(me->cpu, to), &at);
	MUST(me, e == TESS_OK || e == TESS_EFAULT || e == TESS_ENOMEM);
	for (unsigned k = 0; e == TESS_OK && k < n; k++) {
		me->own[to + k] = me->own[i + k];
		me->own[i + k] = (struct own){.mapped = false};
	}
	own_touch(me, i, &me->own[i]);
	own_touch(me, to, &me->own[to]);
}

/* ---- counted pages ---- */

/* counted_step: my word of a page is my count, in the space that runs; then count on. */
static void
counted_step(struct worker *me, enum counted c, unsigned i)
{
	tess_va va = counted_va(c, i) + 8 * me->cpu;
	uint64_t word;

	/* SIGSEGV: another CPU took the rights or the page away for a moment. */
	if (load(me, va, &word) != TESS_OK)
		return;
	if (word != me->count[c][i])
		fprintf(stderr, "region %d, page %u: %llu instead of %llu in %s\n", c, i,
			(unsigned long long)word, (unsigned long long)me->count[c][i],
			me->runs == me->w->sp     ? "the space"
			: me->runs == me->w->twin ? "the twin"
						  : "a child");
	MUST(me, word == me->count[c][i]);
	if (store(me, va, word + 1) == TESS_OK)
		me->count[c][i]++;
}

static void
counted_protect(struct worker *me)
{
	enum counted c = (enum counted)pick(me, COUNTED);
	unsigned i = pick(me, COMMON), n = 1 + pick(me, COMMON - i);
	enum tess_err e;

	/* ENOMEM: a page in between is on the move. */
	e = tess_mprotect(me->w->sp, counted_va(c, i), n * PAGE, pick(me, 2) ? R : NONE);
	MUST(me, e == TESS_OK || e == TESS_ENOMEM);
	for (unsigned k = i; k < i + n; k++) {
		e = tess_mprotect(me->w->sp, counted_va(c, k), PAGE, RW);
		MUST(me, e == TESS_OK || e == TESS_ENOMEM);
	}
}

/* counted_move: a page goes to a place of this CPU's and comes back. */
static void
counted_move(struct worker *me)
{
	enum counted c = (enum counted)pick(me, COUNTED);
	unsigned i = pick(me, COMMON);
	enum tess_err e;
	tess_va at;

	/* EFAULT: another CPU has it. */
	if (tess_mremap(me->w->sp, counted_va(c, i), PAGE, PAGE,
			TESS_MREMAP_MAYMOVE | TESS_MREMAP_FIXED, spare_va(me->cpu), &at) != TESS_OK)
		return;
	MUST(me, tess_mremap(me->w->sp, spare_va(me->cpu), PAGE, PAGE,
			     TESS_MREMAP_MAYMOVE | TESS_MREMAP_FIXED, counted_va(c, i),
			     &at) == TESS_OK);
	/* It may have been protected before it left and others could not reach it since. */
	e = tess_mprotect(me->w->sp, counted_va(c, i), PAGE, RW);
	MUST(me, e == TESS_OK || e == TESS_ENOMEM);
}

static void
filed_sync(struct worker *me)
{
	unsigned i = pick(me, COMMON), n = 1 + pick(me, COMMON - i);
	enum tess_err e;

	if (pick(me, 2)) {
		e = tess_madvise(me->w->sp, counted_va(FILED, i), n * PAGE, TESS_MADV_DONTNEED);
		MUST(me, e == TESS_OK || e == TESS_ENOMEM);
		return;
	}
	e = tess_msync(me->w->sp, counted_va(FILED, i), n * PAGE,
		       pick(me, 2) ? TESS_MS_SYNC : TESS_MS_SYNC | TESS_MS_INVALIDATE);
	MUST(me, e == TESS_OK || e == TESS_ENOMEM);
}

/* ---- wild pages ---- */

static void
wild_call(struct worker *me)
{
	unsigned i = pick(me, WILD), n = 1 + pick(me, WILD - i);
	struct tess_space *sp = me->w->sp;
	tess_va at;
	enum tess_err e;

	switch (pick(me, 5)) {
	case 0:
		e = tess_munmap(sp, wild_va(i), n * PAGE);
		break;
	case 1:
		e = tess_mprotect(sp, wild_va(i), n * PAGE, pick(me, 2) ? R : RW);
		break;
	case 2:
		e = tess_madvise(sp, wild_va(i), n * PAGE, TESS_MADV_DONTNEED);
		break;
	case 3:
		e = tess_minherit(sp, wild_va(i), n * PAGE, (enum tess_inherit)pick(me, 4));
		break;
	default:
		e = tess_mmap(sp,
			      &(struct tess_mmap_args){
				  .addr = wild_va(i),
				  .len = n * PAGE,
				  .prot = RW,
				  .flags = (pick(me, 4) == 0 ? TESS_MAP_SHARED : TESS_MAP_PRIVATE) |
					   TESS_MAP_ANON | TESS_MAP_FIXED},
			      &at);
		MUST(me, e == TESS_OK);
		break;
	}
	MUST(me, e == TESS_OK || e == TESS_ENOMEM);
}

static void
wild_access(struct worker *me)
{
	tess_va va = wild_va(pick(me, WILD)) + 8 * pick(me, 512);
	uint64_t word = 0;

	if (pick(me, 2)) {
		(void)store(me, va, WILD_TAG | ++me->stamp);
		return;
	}
	if (load(me, va, &word) == TESS_OK)
		MUST(me, word == 0 || word >> 48 == WILD_TAG >> 48);
}

/* ---- children ---- */

/* child_own: what a child must find of the pages that nobody but its parent's CPU changes. */
static void
child_own(struct worker *me)
{
	for (unsigned i = 0; i < OWN; i++) {
		struct own o = me->own[i];

		if (o.inherit == TESS_INHERIT_NONE)
			o.mapped = false;
		if (o.inherit == TESS_INHERIT_ZERO)
			o.word = 0;
		own_touch(me, i, &o);
		if (o.mapped && o.prot == RW && o.inherit == TESS_INHERIT_SHARE)
			own_store(me, i);
		else if (o.mapped && o.prot == RW)
			MUST(me, store(me, own_va(me->cpu, i), 0xbad) == TESS_OK);
	}
}

/* child_counted: a child has this CPU's counts; what it stores does not come back. */
static void
child_counted(struct worker *me, enum counted c)
{
	for (unsigned i = 0; i < COMMON; i++) {
		tess_va va = counted_va(c, i) + 8 * me->cpu;
		uint64_t word;

		if (load(me, va, &word) != TESS_OK)
			continue; /* on the move, or without rights, when it forked */
		MUST(me, word == me->count[c][i]);
		if (store(me, va, ~word) == TESS_OK)
			MUST(me, load(me, va, &word) == TESS_OK && word == ~me->count[c][i]);
	}
}

/* child_keep: into a slot where another CPU may take it from; or its end. */
static void
child_keep(struct worker *me, struct tess_space *child)
{
	struct tess_space **slot = &me->w->child[pick(me, CHILDREN)];

	child = tess_xchg_acqrel(slot, child);
	if (child != NULL)
		tess_space_destroy(child);
}

static void
child_step(struct worker *me)
{
	struct tess_space *child;

	MUST(me, tess_space_fork(me->w->sp, &child) == TESS_OK);
	run(me, child);
	child_own(me);
	child_counted(me, COW);
	child_counted(me, TWIN);
	for (unsigned n = pick(me, 8); n > 0; n--) {
		counted_step(me, SHARE, pick(me, COMMON));
		wild_access(me);
	}
	run(me, NULL);
	if (pick(me, 2))
		child_keep(me, child);
	else
		tess_space_destroy(child);
	run(me, me->w->sp);
}

/* child_visit: run somebody's child; or the twin, where several CPUs may be. */
static void
child_visit(struct worker *me)
{
	struct tess_space *child;

	run(me, me->w->twin);
	for (unsigned n = pick(me, 12); n > 0; n--) {
		counted_step(me, TWIN, pick(me, COMMON));
		counted_step(me, SHARE, pick(me, COMMON));
	}
	run(me, NULL);
	child = tess_xchg_acqrel(&me->w->child[pick(me, CHILDREN)], NULL);
	if (child != NULL) {
		run(me, child);
		for (unsigned n = pick(me, 12); n > 0; n--)
			counted_step(me, SHARE, pick(me, COMMON));
		run(me, NULL);
		child_keep(me, child);
	}
	run(me, me->w->sp);
}

/* ---- rounds ---- */

static void
step(struct worker *me)
{
	switch (pick(me, 32)) {
	case 0:
	case 1:
		own_map(me);
		break;
	case 2:
		own_unmap(me);
		break;
	case 3:
	case 4:
		own_attribute(me);
		break;
	case 5:
		own_discard(me);
		break;
	case 6:
		own_move(me);
		break;
	case 7:
		counted_protect(me);
		break;
	case 8:
		counted_move(me);
		break;
	case 9:
		filed_sync(me);
		break;
	case 10:
		wild_call(me);
		break;
	case 11:
		child_step(me);
		break;
	case 12:
		child_visit(me);
		break;
	case 13:
	case 14:
		wild_access(me);
		break;
	case 15:
	case 16:
	case 17:
		own_store(me, pick(me, OWN));
		break;
	default:
		counted_step(me, (enum counted)pick(me, COUNTED), pick(me, COMMON));
		break;
	}
}

/* meet: every CPU comes here before any goes on; nobody waits for their quiescence meanwhile. */
static void
meet(struct worker *me)
{
	tess_host_offline(me->w->h);
	pthread_barrier_wait(&me->w->meet);
	tess_host_online(me->w->h);
}

/* look: nothing else runs: every walker and every TLB. */
static void
look(struct world *w)
{
	tess_quiesce();
	tess_space_check(w->sp);
	tess_space_check(w->twin);
	for (unsigned i = 0; i < CHILDREN; i++)
		if (w->child[i] != NULL)
			tess_space_check(w->child[i]);
	tess_machine_check();
	tess_host_check(w->h);
}

static void
rounds(struct worker *me, time_t end)
{
	struct world *w = me->w;

	run(me, w->sp);
	do {
		for (unsigned n = 0; n < STEPS; n++)
			step(me);
		tess_add_relaxed(&w->steps, STEPS);
		meet(me);
		if (me->cpu == 0) {
			look(w);
			w->stop = time(NULL) >= end;
		}
		meet(me);
	} while (!w->stop);
	for (unsigned i = 0; i < OWN; i++)
		own_touch(me, i, &me->own[i]);
	run(me, NULL);
}

static void *
worker_main(void *arg)
{
	struct worker *me = arg;

	tess_host_attach(me->w->h, me->cpu, false);
	rounds(me, 0);
	tess_host_detach(me->w->h);
	return NULL;
}

/* ---- the world ---- */

static void
world_map(struct worker *me, enum counted c, unsigned flags, struct tess_handle handle)
{
	struct tess_space *sp = me->w->sp;
	tess_va at;

	MUST(me, tess_mmap(sp,
			   &(struct tess_mmap_args){.addr = counted_va(c, 0),
						    .len = COMMON * PAGE,
						    .prot = RW,
						    .flags = flags | TESS_MAP_FIXED,
						    .handle = handle},
			   &at) == TESS_OK);
	for (unsigned i = 0; i < COMMON; i++)
		for (unsigned cpu = 0; cpu < NCPU; cpu++)
			MUST(me, store(me, counted_va(c, i) + 8 * cpu, 0) == TESS_OK);
}

static void
world_start(struct worker *me, enum tess_host_isa isa, uint64_t seed)
{
	struct tess_host_config hc = {.isa = isa,
				      .drive = TESS_HOST_THREADS,
				      .ncpu = NCPU,
				      .ram = RAM,
				      .seed = seed,
				      .tlb_entries = 32};
	struct tess_space_config sc = {.personality = TESS_PERSONALITY_LINUX};
	struct world *w = me->w;
	struct tess_handle file = {.kind = TESS_HANDLE_FILE,
				   .mode = TESS_MODE_READ | TESS_MODE_WRITE},
			   none = {.kind = TESS_HANDLE_NONE};
	const unsigned anon = TESS_MAP_PRIVATE | TESS_MAP_ANON;

	w->h = tess_host_create(&hc);
	MUST(me, w->h != NULL);
	pthread_barrier_init(&w->meet, NULL, NCPU);
	MUST(me, tess_space_create(&sc, &w->sp) == TESS_OK);
	w->file = tess_host_file_generated(COMMON * PAGE, seed);
	MUST(me, w->file != NULL && tess_host_file_object(w->file, &w->object) == TESS_OK);
	tess_host_file_delay(w->file, 3);
	file.object = w->object;
	run(me, w->sp);
	world_map(me, COW, anon, none);
	world_map(me, SHARE, anon, none);
	world_map(me, TWIN, anon, none);
	world_map(me, FILED, TESS_MAP_SHARED, file);
	MUST(me, tess_minherit(w->sp, counted_va(SHARE, 0), 2 * COMMON * PAGE,
			       TESS_INHERIT_SHARE) == TESS_OK);
	MUST(me, tess_space_fork(w->sp, &w->twin) == TESS_OK);
	MUST(me, tess_minherit(w->sp, counted_va(TWIN, 0), COMMON * PAGE, TESS_INHERIT_COPY) ==
		     TESS_OK);
}

static void
world_end(struct world *w)
{
	for (unsigned i = 0; i < CHILDREN; i++)
		if (w->child[i] != NULL)
			tess_space_destroy(w->child[i]);
	tess_space_destroy(w->sp);
	tess_space_destroy(w->twin);
	tess_object_unref(w->object);
	tess_host_file_close(w->file);
	pthread_barrier_destroy(&w->meet);
	tess_host_destroy(w->h);
}

int
main(int argc, char **argv)
{
	static const char *const names[] = {"x86_64", "aarch64", "aarch64_hw"};
	static struct worker worker[NCPU];
	static struct world w;
	unsigned isa = 0;
	uint64_t seed = argc > 3 ? strtoull(argv[3], NULL, 0) : 1;

	while (argc > 1 && isa < 3 && strcmp(argv[1], names[isa]) != 0)
		isa++;
	if (argc < 3 || isa == 3) {
		fprintf(stderr, "usage: %s x86_64|aarch64|aarch64_hw SECONDS [SEED]\n", argv[0]);
		return 2;
	}
	for (unsigned i = 0; i < NCPU; i++)
		worker[i] = (struct worker){.w = &w, .cpu = i, .random = seed * 7919 + i};
	world_start(&worker[0], (enum tess_host_isa)isa, seed);
	for (unsigned i = 1; i < NCPU; i++)
		if (pthread_create(&worker[i].thread, NULL, worker_main, &worker[i]) != 0)
			abort();
	rounds(&worker[0], time(NULL) + atoi(argv[2]));
	tess_host_offline(w.h);
	for (unsigned i = 1; i < NCPU; i++)
		pthread_join(worker[i].thread, NULL);
	tess_host_online(w.h);
	world_end(&w);
	printf("ok 1 - %s: %llu steps on %d CPUs\n1..1\n", names[isa], (unsigned long long)w.steps,
	       NCPU);
	return 0;
}
