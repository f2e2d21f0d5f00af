/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * fuzz_pmap.h: pmap operations and accesses through the simulated MMU, against an array.
 *
 *	bytes ──► operations ──► pmap ──► PTE words ──► sim_mmu, sim_tlb of 3 CPUs ──► accesses
 *				│						│
 *				└──► struct ref: a record a page and a frame ◄──compare──┘
 *
 * A machine is made for each input.  Two pmaps, 16 pages that lie across PTE pages and upper tables, four
 * frames and the zero page, three CPUs.  Any bytes are legal; each operation takes its operands from
 * the bytes that follow, zeros when they run out.
 *
 * OPEN GATHERS.  CPU 0 does the operations, with one of two gathers that it may keep open.  While a gather owes
 * flushes for a page, that page is `loose`: accesses to it are not made.  An operation through the
 * other gather that covers the page, once finished, must have paid for it: the page is tight again.
 * When nothing is open, every TLB is held against the tables.
 */
#ifndef TESS_FUZZ_PMAP_H
#define TESS_FUZZ_PMAP_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "hosted.h"
#include "pmap.h"

#define FUZZ_RAM    ((uint64_t)2 << 20)
#define FUZZ_CPUS   3
#define FUZZ_PMAPS  2
#define FUZZ_PAGES  16
#define FUZZ_FRAMES 5 /* the last is the zero page */
#define FUZZ_ZERO   (FUZZ_FRAMES - 1)
#define FUZZ_OPS    2000
#define FUZZ_NONE   (-1)
#define FUZZ_PATIENCE \
	24 /* operations that gathers may stay open: what they hold is not free memory */
#define FUZZ_SPAN ((uint64_t)2 << 20)

#define FUZZ_MUST(x) ((x) ? (void)0 : fuzz_failed(#x, __LINE__))

enum fuzz_op {
	OP_ENTER,
	OP_ENTER_FAIL,
	OP_REMOVE,
	OP_PROTECT,
	OP_UNWIRE,
	OP_FRAME_PROTECT,
	OP_FRAME_COLLECT,
	OP_FRAME_REPLACE,
	OP_ACTIVATE,
	OP_READ,
	OP_WRITE,
	OP_FETCH,
	OP_FINISH,
	OP_RECREATE,
	OP_COUNT
};

/* One page of one pmap, as it should be. */
struct ref_page {
	int frame;      /* FUZZ_NONE: no translation */
	tess_prot prot; /* what the hardware grants */
	bool wired;
	uint32_t used;  /* TESS_PAGE_MODIFIED, TESS_PAGE_REFERENCED of this translation */
	unsigned loose; /* bits of gathers that owe a flush for it */
};

struct ref_frame {
	struct tess_page *pg;
	uint32_t attrs;
	uint64_t word; /* the first eight bytes */
};

struct fuzz {
	struct tess_host *h;
	enum tess_host_isa isa;
	struct tess_pmap *pm[FUZZ_PMAPS];
	struct tess_gather g[2];
	struct ref_page page[FUZZ_PMAPS][FUZZ_PAGES];
	struct ref_frame frame[FUZZ_FRAMES];
	int runs[FUZZ_CPUS]; /* which pmap, or FUZZ_NONE */
	const uint8_t *data;
	size_t left;
	unsigned ops;
	unsigned open_for; /* operations since no gather was open */
	uint64_t words;    /* stored so far */
};

/* Which fuzz failed?  For the printer only. */
static struct fuzz *fuzz_now;

static _Noreturn void
fuzz_failed(const char *what, int line)
{
	fprintf(stderr, "fuzz_pmap.h:%d: operation %u: %s\n", line, fuzz_now->ops, what);
	abort();
}

/* ---- the window ---- */

/* Eight pages across the edge of a PTE page, four in the next GiB, four in the next 512 GiB. */
static tess_va
fuzz_va(unsigned i)
{
	const tess_va base = ((tess_va)5 << 39) + 3 * FUZZ_SPAN;

	if (i < 8)
		return base + (i - 4ull) * TESS_PAGE_SIZE;
	if (i < 12)
		return base + ((tess_va)1 << 30) + (i - 8ull) * 100 * TESS_PAGE_SIZE;
	return base + ((tess_va)1 << 39) + (i - 12ull) * FUZZ_SPAN;
}

static unsigned
fuzz_byte(struct fuzz *f)
{
	if (f->left == 0)
		return 0;
	f->left--;
	return *f->data++;
}

/* A range of the window: pages [*from, *to), and the addresses; sometimes out to whole PTE pages. */
static void
fuzz_range(struct fuzz *f, unsigned *from, unsigned *to, tess_va *start, tess_va *end)
{
	unsigned a = fuzz_byte(f), b = fuzz_byte(f);

	*from = a % FUZZ_PAGES;
	*to = *from + b % (FUZZ_PAGES - *from) + 1;
	*start = fuzz_va(*from);
	*end = fuzz_va(*to - 1) + TESS_PAGE_SIZE;
	if (!(a & 0x40))
		return;
	*start &= ~(FUZZ_SPAN - 1);
	*end = (*end + FUZZ_SPAN - 1) & ~(FUZZ_SPAN - 1);
	while (*from > 0 && fuzz_va(*from - 1) >= *start)
		--*from;
	while (*to < FUZZ_PAGES && fuzz_va(*to) < *end)
		++*to;
}

/* ---- what hardware makes of rights ---- */

static tess_prot
fuzz_grant(const struct fuzz *f, tess_prot prot)
{
	if (prot & TESS_PROT_WRITE || f->isa == TESS_HOST_X86_64)
		prot |= TESS_PROT_READ;
	return prot;
}

static tess_prot
fuzz_lowered(const struct fuzz *f, tess_prot old, tess_prot prot)
{
	tess_prot keep = prot;

	if (prot & TESS_PROT_WRITE || f->isa == TESS_HOST_X86_64)
		keep |= TESS_PROT_READ;
	return old & keep;
}

/* ---- the reference's half ---- */

static void
ref_forget(struct fuzz *f, struct ref_page *p)
{
	if (p->frame != FUZZ_NONE && p->frame != FUZZ_ZERO)
		f->frame[p->frame].attrs |= p->used;
	p->frame = FUZZ_NONE;
	p->used = 0;
	p->wired = false;
}

static bool
fuzz_any_open(const struct fuzz *f)
{
	return !f->g[0].finished || !f->g[1].finished;
}

/* Gather `k` has paid. */
static void
fuzz_finish(struct fuzz *f, unsigned k)
{
	tess_gather_finish(&f->g[k]);
	for (unsigned m = 0; m < FUZZ_PMAPS; m++)
		for (unsigned i = 0; i < FUZZ_PAGES; i++)
			f->page[m][i].loose &= ~(1u << k);
}

/* Gather `k` changed, or found changed, a page: it owes, also what the other one does. */
static void
ref_owes(struct ref_page *p, unsigned k)
{
	p->loose = 1u << k;
}

/* ---- the fault handler: no map above, only what is in the tables ---- */

static enum tess_err
fuzz_fault(void *ctx, tess_va va, enum tess_access access)
{
	struct fuzz *f = ctx;
	struct tess_gather g;
	int m = f->runs[tess_port_cpu()];
	enum tess_err err = TESS_SIGSEGV;

	va = tess_page_trunc(va);
	if (m == FUZZ_NONE)
		return TESS_SIGSEGV;
	if (tess_pmap_fixup(f->pm[m], va, access))
		return TESS_OK;
	tess_gather_init(&g);
	for (unsigned i = 0; i < FUZZ_PAGES; i++) {
		const struct ref_page *p = &f->page[m][i];

		if (fuzz_va(i) != va || p->frame == FUZZ_NONE || !(p->prot & (1u << access)))
			continue;
		/* allowed, so a TLB was behind the tables; a real fault would enter it again */
		FUZZ_MUST(tess_pmap_enter(f->pm[m], va, f->frame[p->frame].pg, p->prot,
					  (p->wired ? TESS_ENTER_WIRED : 0) |
					      (unsigned)TESS_ENTER_READ << access,
					  NULL, &g) == TESS_DONE);
		err = TESS_OK;
	}
	tess_gather_finish(&g);
	return err;
}

/* ---- operations ---- */

static void
fuzz_enter(struct fuzz *f, unsigned k, bool failing)
{
	unsigned a = fuzz_byte(f), b = fuzz_byte(f), c = fuzz_byte(f);
	unsigned m = a & 1, i = (a >> 1) % FUZZ_PAGES, n = b % FUZZ_FRAMES;
	tess_prot prot = (tess_prot)((c & 7) % 7 + 1);
	struct ref_page *p = &f->page[m][i], was = *p;
	uint32_t dead = (a & 0xe0) == 0xe0;
	enum tess_step step;
	unsigned flags = 0;

	if (n == FUZZ_ZERO)
		prot = (prot & ~TESS_PROT_WRITE) | TESS_PROT_READ;
	flags |= c & 8 ? TESS_ENTER_WIRED : 0;
	flags |= c & 16 ? TESS_ENTER_READ : 0;
	flags |= c & 32 && prot & TESS_PROT_WRITE ? TESS_ENTER_WRITE : 0;
	flags |= c & 64 ? TESS_ENTER_KEEP : 0;
	if (failing)
		tess_host_fail_nth(f->h, b / FUZZ_FRAMES % 5 + 1);
	step = tess_pmap_enter(f->pm[m], fuzz_va(i), f->frame[n].pg, prot, flags, &dead, &f->g[k]);
	if (step == TESS_FAIL)
		FUZZ_MUST(failing && tess_host_fail_hit(f->h));
	tess_host_fail_nth(f->h, 0);
	if (step == TESS_FAIL)
		return;
	if (dead || (flags & TESS_ENTER_KEEP && was.frame != FUZZ_NONE && was.frame != (int)n)) {
		FUZZ_MUST(step == TESS_RETRY);
		return;
	}
	FUZZ_MUST(step == TESS_DONE);
	if (was.frame != (int)n)
		ref_forget(f, p);
	p->frame = (int)n;
	p->prot = fuzz_grant(f, prot);
	p->wired = flags & TESS_ENTER_WIRED;
	p->used |= flags & ~(unsigned)TESS_ENTER_KEEP ? TESS_PAGE_REFERENCED : 0u;
	p->used |= flags & TESS_ENTER_WRITE ? TESS_PAGE_MODIFIED : 0u;
	if (was.frame == FUZZ_NONE)
		return;
	if (was.frame != (int)n || was.prot & ~p->prot)
		p->loose |= 1u << k;
}

static void
fuzz_lower(struct fuzz *f, unsigned k, bool removing)
{
	unsigned m = fuzz_byte(f), from, to;
	tess_prot prot = removing ? TESS_PROT_NONE : (tess_prot)(m >> 1 & 7);
	tess_va start, end;

	fuzz_range(f, &from, &to, &start, &end);
	m &= 1;
	if (removing)
		tess_pmap_remove(f->pm[m], start, end, &f->g[k]);
	else
		tess_pmap_protect(f->pm[m], start, end, prot, &f->g[k]);
	for (unsigned i = from; i < to; i++) {
		struct ref_page *p = &f->page[m][i];

		if (p->frame != FUZZ_NONE || p->loose != 0)
			ref_owes(p, k);
		if (prot == TESS_PROT_NONE)
			ref_forget(f, p);
		else
			p->prot = fuzz_lowered(f, p->prot, prot);
	}
}

static void
fuzz_unwire(struct fuzz *f)
{
	unsigned m = fuzz_byte(f) & 1, from, to;
	tess_va start, end;

	fuzz_range(f, &from, &to, &start, &end);
	tess_pmap_unwire(f->pm[m], start, end);
	for (unsigned i = from; i < to; i++)
		f->page[m][i].wired = false;
}

static void
fuzz_frame_protect(struct fuzz *f, unsigned k, unsigned n, tess_prot prot)
{
	tess_page_protect(f->frame[n].pg, prot, &f->g[k]);
	for (unsigned m = 0; m < FUZZ_PMAPS; m++) {
		for (unsigned i = 0; i < FUZZ_PAGES; i++) {
			struct ref_page *p = &f->page[m][i];

			if (p->frame != (int)n)
				continue;
			ref_owes(p, k);
			if (prot == TESS_PROT_NONE)
				ref_forget(f, p);
			else
				p->prot = fuzz_lowered(f, p->prot, prot);
		}
	}
}

static void
fuzz_frame_collect(struct fuzz *f, unsigned k)
{
	unsigned a = fuzz_byte(f), n = a % FUZZ_ZERO;
	uint32_t clear = a >> 4 & 3, want = f->frame[n].attrs;

	for (unsigned m = 0; m < FUZZ_PMAPS; m++) {
		for (unsigned i = 0; i < FUZZ_PAGES; i++) {
			struct ref_page *p = &f->page[m][i];

			if (p->frame != (int)n)
				continue;
			want |= p->used;
			if (p->used & clear)
				p->loose |= 1u << k;
			p->used &= ~clear;
		}
	}
	FUZZ_MUST(tess_page_collect(f->frame[n].pg, clear, &f->g[k]) == want);
	f->frame[n].attrs = want & ~clear;
	/* bits that stay in PTEs are in both places; the PTEs' are the reference's too */
}

static void
fuzz_frame_new(struct fuzz *f, unsigned n)
{
	struct tess_page *pg = tess_page_alloc(TESS_FILL_ZERO, TESS_SITE_PAGE);

	FUZZ_MUST(pg != NULL);
	tess_page_set_state(pg, n == FUZZ_ZERO ? TESS_PAGE_ZERO : TESS_PAGE_ANON);
	f->frame[n] = (struct ref_frame){.pg = pg};
}

/* Forget a frame everywhere, free it, take another: the oracle looks who still has it. */
static void
fuzz_frame_replace(struct fuzz *f, unsigned k)
{
	unsigned n = fuzz_byte(f) % FUZZ_ZERO;

	fuzz_frame_protect(f, k, n, TESS_PROT_NONE);
	tess_gather_frame(&f->g[k], f->frame[n].pg);
	fuzz_frame_new(f, n);
}

static void
fuzz_activate(struct fuzz *f)
{
	unsigned a = fuzz_byte(f), cpu = a % FUZZ_CPUS;
	int m = (int)(a / FUZZ_CPUS % (FUZZ_PMAPS + 1)) - 1;

	tess_host_cpu_set(f->h, cpu);
	tess_pmap_activate(m == FUZZ_NONE ? NULL : f->pm[m]);
	tess_host_cpu_set(f->h, 0);
	f->runs[cpu] = m;
}

static void
fuzz_access(struct fuzz *f, enum tess_access access)
{
	unsigned a = fuzz_byte(f), cpu = fuzz_byte(f) % FUZZ_CPUS, i = a % FUZZ_PAGES;
	enum tess_err err = TESS_SIGSEGV, want = TESS_SIGSEGV;
	int m = f->runs[cpu];
	struct ref_page *p = m == FUZZ_NONE ? NULL : &f->page[m][i];
	uint64_t word = f->words + 1;

	if ((p != NULL && p->loose) || (cpu == 0 && fuzz_any_open(f)))
		return;
	if (p != NULL && p->frame != FUZZ_NONE && p->prot & (1u << access))
		want = TESS_OK;
	tess_host_cpu_set(f->h, cpu);
	tess_host_set_fault(f->h, fuzz_fault, f);
	if (access == TESS_ACCESS_READ)
		err = tess_host_load(f->h, fuzz_va(i), &word, 8);
	else if (access == TESS_ACCESS_WRITE)
		err = tess_host_store(f->h, fuzz_va(i), &word, 8);
	else
		err = tess_host_fetch(f->h, fuzz_va(i));
	tess_host_cpu_set(f->h, 0);
	FUZZ_MUST(err == want);
	if (err != TESS_OK)
		return;
	p->used |= TESS_PAGE_REFERENCED;
	if (access == TESS_ACCESS_READ)
		FUZZ_MUST(word == f->frame[p->frame].word);
	if (access != TESS_ACCESS_WRITE)
		return;
	p->used |= TESS_PAGE_MODIFIED;
	f->frame[p->frame].word = ++f->words;
}

static void
fuzz_recreate(struct fuzz *f)
{
	unsigned a = fuzz_byte(f), m = a & 1;

	if (a < 0xc0) /* seldom: it makes all that came before forgotten */
		return;
	fuzz_finish(f, 0); /* a gather may not outlive what it names */
	fuzz_finish(f, 1);
	for (unsigned cpu = 0; cpu < FUZZ_CPUS; cpu++) {
		if (f->runs[cpu] != (int)m)
			continue;
		tess_host_cpu_set(f->h, cpu);
		tess_pmap_activate(NULL);
		f->runs[cpu] = FUZZ_NONE;
	}
	tess_host_cpu_set(f->h, 0);
	tess_pmap_destroy(f->pm[m]);
	for (unsigned i = 0; i < FUZZ_PAGES; i++)
		ref_forget(f, &f->page[m][i]);
	FUZZ_MUST(tess_pmap_create(&f->pm[m]) == TESS_OK);
}

/* ---- comparing ---- */

static tess_prot
fuzz_allowed(void *ctx, tess_va va, struct tess_page *pg)
{
	struct fuzz *f = ctx;
	tess_prot prot = TESS_PROT_NONE;

	for (unsigned m = 0; m < FUZZ_PMAPS; m++)
		for (unsigned i = 0; i < FUZZ_PAGES; i++)
			if (fuzz_va(i) == va && f->page[m][i].frame != FUZZ_NONE &&
			    f->frame[f->page[m][i].frame].pg == pg)
				prot |= f->page[m][i].prot;
	return prot;
}

static void
fuzz_compare(struct fuzz *f)
{
	for (unsigned m = 0; m < FUZZ_PMAPS; m++) {
		unsigned n = 0;

		for (unsigned i = 0; i < FUZZ_PAGES; i++) {
			const struct ref_page *p = &f->page[m][i];
			tess_prot prot = 0;
			tess_pa pa = 0;
			bool there = tess_pmap_extract(f->pm[m], fuzz_va(i), &pa, &prot);

			FUZZ_MUST(there == (p->frame != FUZZ_NONE));
			if (!there)
				continue;
			n++;
			FUZZ_MUST(pa == tess_page_pa(f->frame[p->frame].pg));
			FUZZ_MUST(prot == p->prot);
		}
		FUZZ_MUST(tess_pmap_resident(f->pm[m], 0, (tess_va)1 << 47) == n);
		tess_pmap_check(f->pm[m], fuzz_allowed, f);
	}
}

static void
fuzz_step(struct fuzz *f)
{
	unsigned op = fuzz_byte(f), k = op >> 7;
	bool keep = op & 0x40;

	switch ((enum fuzz_op)((op & 0x3f) % OP_COUNT)) {
	case OP_ENTER:
	case OP_ENTER_FAIL:
		fuzz_enter(f, k, (op & 0x3f) % OP_COUNT == OP_ENTER_FAIL);
		break;
	case OP_REMOVE:
	case OP_PROTECT:
		fuzz_lower(f, k, (op & 0x3f) % OP_COUNT == OP_REMOVE);
		break;
	case OP_UNWIRE:
		fuzz_unwire(f);
		break;
	case OP_FRAME_PROTECT: {
		unsigned a = fuzz_byte(f);

		fuzz_frame_protect(f, k, a % FUZZ_ZERO, (tess_prot)(a >> 4 & 7));
		break;
	}
	case OP_FRAME_COLLECT:
		fuzz_frame_collect(f, k);
		break;
	case OP_FRAME_REPLACE:
		fuzz_frame_replace(f, k);
		break;
	case OP_ACTIVATE:
		fuzz_activate(f);
		break;
	case OP_READ:
	case OP_WRITE:
	case OP_FETCH:
		fuzz_access(f, (enum tess_access)((op & 0x3f) % OP_COUNT - OP_READ));
		break;
	case OP_FINISH:
		fuzz_finish(f, k);
		break;
	case OP_RECREATE:
		fuzz_recreate(f);
		break;
	case OP_COUNT:
		break;
	}
	if (!keep)
		fuzz_finish(f, k);
}

/* ---- an input ---- */

static void
fuzz_begin(struct fuzz *f, enum tess_host_isa isa, uint64_t seed)
{
	struct tess_host_config cfg = {.isa = isa,
				       .drive = TESS_HOST_SINGLE,
				       .ncpu = FUZZ_CPUS,
				       .ram = FUZZ_RAM,
				       .seed = seed,
				       .tlb_entries = 16};

	fuzz_now = f;
	f->isa = isa;
	f->h = tess_host_create(&cfg);
	FUZZ_MUST(f->h != NULL);
	for (unsigned m = 0; m < FUZZ_PMAPS; m++) {
		FUZZ_MUST(tess_pmap_create(&f->pm[m]) == TESS_OK);
		for (unsigned i = 0; i < FUZZ_PAGES; i++)
			f->page[m][i].frame = FUZZ_NONE;
	}
	for (unsigned n = 0; n < FUZZ_FRAMES; n++)
		fuzz_frame_new(f, n);
	for (unsigned cpu = 0; cpu < FUZZ_CPUS; cpu++)
		f->runs[cpu] = FUZZ_NONE;
	tess_gather_init(&f->g[0]);
	tess_gather_init(&f->g[1]);
}

static void
fuzz_end(struct fuzz *f)
{
	for (unsigned cpu = 0; cpu < FUZZ_CPUS; cpu++) {
		tess_host_cpu_set(f->h, cpu);
		tess_pmap_activate(NULL);
	}
	tess_host_cpu_set(f->h, 0);
	fuzz_finish(f, 0);
	fuzz_finish(f, 1);
	for (unsigned m = 0; m < FUZZ_PMAPS; m++)
		tess_pmap_destroy(f->pm[m]);
	for (unsigned n = 0; n < FUZZ_FRAMES; n++)
		tess_page_free(f->frame[n].pg);
	tess_host_destroy(f->h); /* asserts that nothing is left */
}

static int
fuzz_pmap_run(enum tess_host_isa isa, const uint8_t *data, size_t size)
{
	struct fuzz f;

	memset(&f, 0, sizeof(f));
	f.data = data;
	f.left = size;
	fuzz_begin(&f, isa, fuzz_byte(&f));
	for (; f.ops < FUZZ_OPS && f.left != 0; f.ops++) {
		fuzz_step(&f);
		fuzz_compare(&f);
		if (fuzz_any_open(&f) && ++f.open_for < FUZZ_PATIENCE)
			continue;
		fuzz_finish(&f, 0);
		fuzz_finish(&f, 1);
		f.open_for = 0;
		tess_host_check(f.h);
		tess_rcu_drain();
	}
	fuzz_end(&f);
	return 0;
}

#endif
