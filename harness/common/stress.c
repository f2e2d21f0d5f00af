/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * stress.c: all CPUs in one space, each changing its own regions while the others read and write them.
 *
 * A region's page holds in its first word a stamp: whose, which page, which generation.  Whoever reads it knows
 * what may be there:
 *
 *	zero						nobody wrote since it was mapped
 *	the page's own stamp, generation >= live	`live` was read before the load
 *	a stamp of another page				a frame was reused under a translation: FAILURE
 *	an older generation				a translation outlived munmap: FAILURE
 *
 * The owner raises `live` only after munmap (or a discard) has returned.  Word 1 + n of a page belongs to CPU n,
 * which writes there at any time: when the owner has made the page read-only, these words must stand still.
 * A fork must stand still as a whole, while its parent is being written on other CPUs.
 *
 * Regions straddle a 2 MiB boundary, so that tables come and go under the accesses.
 */
#include <tessera/port.h>
#include "bare.h"
#include "stress.h"

#define STRESS_SLOTS  6
#define STRESS_PAGES  8
#define STRESS_BASE   ((tess_va)0x100000000000)
#define STRESS_SLOT   ((tess_va)4 << 20)
#define STRESS_CPU    (STRESS_SLOT * 64)
#define STRESS_TAG    ((uint64_t)0x5a << 56)
#define STRESS_NOTES  8
#define STRESS_LATELY 8

/* One region; P: its owner only, A: read by all. */
struct stress_region {
	uint32_t live; /* A: stamps of older generations must not be seen any more */
	uint32_t gen;  /* P */
	bool mapped;   /* P */
};

static struct {
	struct tess_space *space;
	struct stress_region region[TESS_CPU_MAX][STRESS_SLOTS];
	uint64_t seen[TESS_CPU_MAX]; /* P: accesses of other CPUs' regions that succeeded */
	unsigned lately[TESS_CPU_MAX][STRESS_LATELY]; /* P: where it looked */
	uint64_t forks;                               /* A */
	uint64_t ops;
} stress;

static struct {
	uint32_t failures; /* A: since the last part */
	struct {
		const char *what;
		uint64_t a, b;
		unsigned cpu;
	} note[STRESS_NOTES];
} stress_log;

bool
stress_require(bool good, const char *what, uint64_t a, uint64_t b)
{
	uint32_t n;

	if (good)
		return true;
	n = tess_add_acqrel(&stress_log.failures,
			    1); /* pairs with stress_part() behind bare_on_all() */
	if (n < STRESS_NOTES) {
		stress_log.note[n].what = what;
		stress_log.note[n].a = a;
		stress_log.note[n].b = b;
		stress_log.note[n].cpu = tess_port_cpu();
	}
	return false;
}

void
stress_part(const char *name)
{
	uint32_t n = stress_log.failures;

	for (uint32_t i = 0; i < n && i < STRESS_NOTES; i++)
		tap_note("cpu %u: %s (%lx, %lx)", stress_log.note[i].cpu, stress_log.note[i].what,
			 stress_log.note[i].a, stress_log.note[i].b);
	if (n > 0)
		tap_note("%u failures", n);
	stress_log.failures = 0;
	tap_ok(n == 0, name);
}

/* xorshift64*: Vigna 2016. */
uint64_t
stress_random(uint64_t *s, uint64_t n)
{
	*s ^= *s >> 12;
	*s ^= *s << 25;
	*s ^= *s >> 27;
	return (*s * 0x2545f4914f6cdd1d >> 16) % n;
}

uint64_t
stress_seed(unsigned cpu)
{
	return (bare_option_number("seed", 1) * 64 + cpu + 1) * 0x9e3779b97f4a7c15;
}

bool
stress_map(struct tess_space *sp, tess_va va, uint64_t len)
{
	struct tess_mmap_args a = {.addr = va,
				   .len = len,
				   .prot = TESS_PROT_READ | TESS_PROT_WRITE,
				   .flags = TESS_MAP_PRIVATE | TESS_MAP_ANON | TESS_MAP_FIXED};
	tess_va got = 0;
	enum tess_err e = tess_mmap(sp, &a, &got);

	return stress_require(e == TESS_OK && got == va, "mmap failed", va, e);
}

struct tess_space *
stress_space(void)
{
	struct tess_space_config cfg = {.personality = TESS_PERSONALITY_LINUX};
	struct tess_space *sp;

	if (tess_space_create(&cfg, &sp) != TESS_OK)
		tess_port_panic("stress: no memory for a space");
	return sp;
}

bool
stress_is(tess_va va, uint64_t want, const char *what)
{
	uint64_t v = ~want;
	enum tess_err e = bare_load64(va, &v);

	return stress_require(e == TESS_OK, "a load was refused", va, e) &&
	       stress_require(v == want, what, v, want);
}

bool
stress_refused(tess_va va, enum tess_err e, const char *what)
{
	uint64_t v;
	enum tess_err got = bare_load64(va, &v);

	return stress_require(got == e, what, va, got);
}

static tess_va
stress_va(unsigned owner, unsigned slot, unsigned page)
{
	tess_va edge = STRESS_BASE + owner * STRESS_CPU + slot * STRESS_SLOT + ((tess_va)2 << 20);

	return edge + ((tess_va)page - STRESS_PAGES / 2) * TESS_PAGE_SIZE;
}

static uint64_t
stress_stamp(unsigned owner, unsigned slot, unsigned page, uint32_t gen)
{
	return STRESS_TAG | (uint64_t)owner << 48 | (uint64_t)slot << 40 | (uint64_t)page << 32 |
	       gen;
}

/* Is `v`, read from this page after `live`, one of the words that may be there? */
static bool
stress_legal(unsigned owner, unsigned slot, unsigned page, uint32_t live, uint64_t v)
{
	if (v == 0)
		return true;
	return stress_require((v & ~(uint64_t)UINT32_MAX) == stress_stamp(owner, slot, page, 0),
			      "another page's contents", stress_va(owner, slot, page), v) &&
	       stress_require((uint32_t)v >= live, "contents from before munmap",
			      stress_va(owner, slot, page), v);
}

/* ---- What an owner does with a region ---- */

static void
stress_op_map(unsigned cpu, unsigned slot)
{
	struct stress_region *r = &stress.region[cpu][slot];

	if (!stress_map(stress.space, stress_va(cpu, slot, 0), STRESS_PAGES * TESS_PAGE_SIZE))
		return;
	r->gen++;
	r->mapped = true;
	for (unsigned p = 0; p < STRESS_PAGES; p++) {
		tess_va va = stress_va(cpu, slot, p);
		enum tess_err e = bare_store64(va, stress_stamp(cpu, slot, p, r->gen));

		stress_require(e == TESS_OK, "a store to new memory was refused", va, e);
	}
}

static void
stress_op_verify(unsigned cpu, unsigned slot)
{
	for (unsigned p = 0; p < STRESS_PAGES; p++)
		stress_is(stress_va(cpu, slot, p),
			  stress_stamp(cpu, slot, p, stress.region[cpu][slot].gen),
			  "own contents changed");
}

/* From here on nobody may see what was there.  Pairs with stress_look(). */
static void
stress_revoked(struct stress_region *r)
{
	tess_store_release(&r->live, r->gen + 1);
}

static void
stress_op_unmap(unsigned cpu, unsigned slot)
{
	struct stress_region *r = &stress.region[cpu][slot];
	enum tess_err e =
	    tess_munmap(stress.space, stress_va(cpu, slot, 0), STRESS_PAGES * TESS_PAGE_SIZE);

	stress_require(e == TESS_OK, "munmap failed", stress_va(cpu, slot, 0), e);
	stress_revoked(r);
	r->mapped = false;
	for (unsigned p = 0; p < STRESS_PAGES; p++)
		stress_refused(stress_va(cpu, slot, p), TESS_SIGSEGV, "read after munmap");
}

static void
stress_protect(tess_va va, unsigned prot)
{
	enum tess_err e = tess_mprotect(stress.space, va, STRESS_PAGES * TESS_PAGE_SIZE, prot);

	stress_require(e == TESS_OK, "mprotect failed", va, e);
}

/* Read-only: the neighbours' words stand still from the moment mprotect returns. */
static void
stress_op_readonly(unsigned cpu, unsigned slot)
{
	tess_va va = stress_va(cpu, slot, 0);
	uint64_t was[TESS_CPU_MAX];

	stress_protect(va, TESS_PROT_READ);
	for (unsigned i = 0; i < bare_ncpu; i++)
		if (bare_load64(va + 8 * (1 + i), &was[i]) != TESS_OK)
			stress_require(false, "read-only memory refused a load", va, i);
	stress_require(bare_store64(va, 1) == TESS_SIGSEGV, "a store to read-only memory", va, 0);
	for (unsigned i = 0; i < 50; i++)
		tess_port_relax(i);
	for (unsigned i = 0; i < bare_ncpu; i++)
		stress_is(va + 8 * (1 + i), was[i], "a write after mprotect(READ) returned");
	stress_op_verify(cpu, slot);
	stress_protect(va, TESS_PROT_READ | TESS_PROT_WRITE);
}

static void
stress_op_none(unsigned cpu, unsigned slot)
{
	tess_va va = stress_va(cpu, slot, 0);

	stress_protect(va, TESS_PROT_NONE);
	for (unsigned p = 0; p < STRESS_PAGES; p++)
		stress_refused(stress_va(cpu, slot, p), TESS_SIGSEGV, "read of PROT_NONE");
	stress_protect(va, TESS_PROT_READ | TESS_PROT_WRITE);
	stress_op_verify(cpu, slot);
}

static void
stress_op_discard(unsigned cpu, unsigned slot)
{
	struct stress_region *r = &stress.region[cpu][slot];
	tess_va va = stress_va(cpu, slot, 0);
	enum tess_err e =
	    tess_madvise(stress.space, va, STRESS_PAGES * TESS_PAGE_SIZE, TESS_MADV_DONTNEED);

	stress_require(e == TESS_OK, "madvise failed", va, e);
	stress_revoked(r);
	r->gen++;
	for (unsigned p = 0; p < STRESS_PAGES; p++) {
		stress_is(stress_va(cpu, slot, p), 0, "contents after a discard");
		e = bare_store64(stress_va(cpu, slot, p), stress_stamp(cpu, slot, p, r->gen));
		stress_require(e == TESS_OK, "a store after a discard was refused", va, e);
	}
}

/* Unmap the middle and map it again: clips, merges, and a hole that neighbours fall into. */
static void
stress_op_hole(unsigned cpu, unsigned slot)
{
	struct stress_region *r = &stress.region[cpu][slot];
	tess_va va = stress_va(cpu, slot, STRESS_PAGES / 2 - 1);
	enum tess_err e = tess_munmap(stress.space, va, 2 * TESS_PAGE_SIZE);

	stress_require(e == TESS_OK, "munmap of the middle failed", va, e);
	stress_refused(va, TESS_SIGSEGV, "read in a new hole");
	stress_refused(va + TESS_PAGE_SIZE, TESS_SIGSEGV, "read in a new hole");
	if (!stress_map(stress.space, va, 2 * TESS_PAGE_SIZE))
		return;
	for (unsigned p = STRESS_PAGES / 2 - 1; p <= STRESS_PAGES / 2; p++) {
		stress_is(stress_va(cpu, slot, p), 0, "contents of new memory");
		e = bare_store64(stress_va(cpu, slot, p), stress_stamp(cpu, slot, p, r->gen));
		stress_require(e == TESS_OK, "a store into a filled hole was refused", va, e);
	}
	stress_op_verify(cpu, slot);
}

/* ---- What everybody does with others' regions ---- */

/*
 * Where to look: every other time where this CPU looked lately, as its TLB may hold that still.
 * gives: (owner * STRESS_SLOTS + slot) * STRESS_PAGES + page
 */
static unsigned
stress_target(unsigned cpu, uint64_t *rnd)
{
	unsigned *lately = &stress.lately[cpu][stress_random(rnd, STRESS_LATELY)];

	if (stress_random(rnd, 2) == 0)
		*lately = (unsigned)stress_random(rnd, bare_ncpu * STRESS_SLOTS * STRESS_PAGES);
	return *lately;
}

static void
stress_look(unsigned cpu, uint64_t *rnd)
{
	unsigned target = stress_target(cpu, rnd), page = target % STRESS_PAGES;
	unsigned slot = target / STRESS_PAGES % STRESS_SLOTS;
	unsigned owner = target / STRESS_PAGES / STRESS_SLOTS;
	tess_va va = stress_va(owner, slot, page);
	uint32_t live = tess_load_acquire(&stress.region[owner][slot].live); /* stress_revoked() */
	uint64_t v = 0;
	enum tess_err e = bare_load64(va, &v);

	if (e == TESS_OK) {
		stress.seen[cpu]++;
		stress_legal(owner, slot, page, live, v);
		e = bare_store64(va + 8 * (1 + cpu),
				 stress_stamp(owner, slot, page, (uint32_t)*rnd));
	}
	stress_require(e == TESS_OK || e == TESS_SIGSEGV,
		       "an access got neither memory nor SIGSEGV", va, e);
}

/* A child sees one moment: the same words at both looks, however the parent goes on. */
static void
stress_op_fork(unsigned cpu)
{
	static uint64_t first[TESS_CPU_MAX][STRESS_SLOTS * STRESS_PAGES];
	struct tess_space *child;
	enum tess_err e = tess_space_fork(stress.space, &child);

	if (!stress_require(e == TESS_OK, "fork failed", e, 0))
		return;
	tess_add_relaxed(&stress.forks, 1);
	bare_run(child);
	for (unsigned look = 0; look < 2; look++) {
		unsigned owner = (cpu + 1) % bare_ncpu;

		for (unsigned i = 0; i < STRESS_SLOTS * STRESS_PAGES; i++) {
			unsigned slot = i / STRESS_PAGES, page = i % STRESS_PAGES;
			tess_va va = stress_va(owner, slot, page);
			uint64_t v = 0, w = 0;

			if (bare_load64(va, &v) == TESS_OK &&
			    bare_load64(va + 8 * (1 + owner), &w) == TESS_OK)
				stress_legal(owner, slot, page, 0, v);
			else
				v = 1; /* a hole, then and later */
			if (look == 0)
				first[cpu][i] = v ^ w;
			else
				stress_require(first[cpu][i] == (v ^ w),
					       "a child changed under the parent", va, v);
		}
	}
	bare_run(stress.space);
	tess_space_destroy(child);
}

static void
stress_op(unsigned cpu, unsigned slot, uint64_t *rnd)
{
	if (!stress.region[cpu][slot].mapped) {
		stress_op_map(cpu, slot);
		return;
	}
	switch (stress_random(rnd, 16)) {
	case 0:
	case 1:
	case 2:
		stress_op_unmap(cpu, slot);
		break;
	case 3:
	case 4:
		stress_op_readonly(cpu, slot);
		break;
	case 5:
		stress_op_none(cpu, slot);
		break;
	case 6:
		stress_op_discard(cpu, slot);
		break;
	case 7:
		stress_op_hole(cpu, slot);
		break;
	case 8:
		if (stress_random(rnd, 4) == 0)
			stress_op_fork(cpu);
		break;
	default:
		stress_op_verify(cpu, slot);
		break;
	}
}

static void
stress_worker(void *arg, unsigned cpu)
{
	uint64_t rnd = stress_seed(cpu);

	(void)arg;
	bare_run(stress.space);
	for (uint64_t i = 0; i < stress.ops; i++) {
		stress_op(cpu, (unsigned)stress_random(&rnd, STRESS_SLOTS), &rnd);
		for (unsigned k = 0; k < 6; k++)
			stress_look(cpu, &rnd);
	}
	for (unsigned slot = 0; slot < STRESS_SLOTS; slot++)
		if (stress.region[cpu][slot].mapped)
			stress_op_unmap(cpu, slot);
	bare_run(NULL);
}

void
stress_shared(void)
{
	struct tess_space_counts counts;
	uint64_t seen = 0, faults = 0;

	stress.space = stress_space();
	stress.ops = bare_option_number("ops", 1500);
	bare_on_all(bare_ncpu, stress_worker, NULL);
	tess_space_check(stress.space);
	tess_space_counts_get(stress.space, &counts);
	stress_require(counts.bytes == 0 && counts.anon == 0 && counts.resident == 0,
		       "something is left of an empty space", counts.bytes, counts.anon);
	tess_space_destroy(stress.space);
	for (unsigned i = 0; i < bare_ncpu; i++) {
		seen += stress.seen[i];
		faults += bare_cpus[i].faults;
	}
	tap_note("%lu operations a CPU, %lu page faults, %lu looks at mapped regions, %lu forks",
		 stress.ops, faults, seen, stress.forks);
	stress_require(seen > 0, "no CPU ever met another one's memory", 0, 0);
	stress_part("one space on all CPUs: what munmap and mprotect took away is gone everywhere");
}

void
suite_stress(void)
{
	struct tess_page_counts before, after;

	tess_quiesce();
	tess_page_counts_get(&before);
	stress_shared();
	stress_copies();
	stress_moving();
	stress_truncate();
	stress_execute();
	stress_race();
	stress_files();
	tess_quiesce();
	tess_machine_check();
	tess_page_counts_get(&after);
	tap_okf(before.anon == after.anon && before.object == after.object &&
		    before.table == after.table && before.other == after.other,
		"no frame leaked: anon %lu, object %lu, table %lu before; %lu, %lu, %lu after",
		before.anon, before.object, before.table, after.anon, after.object, after.table);
}
