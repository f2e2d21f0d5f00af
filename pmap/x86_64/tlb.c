/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * tlb.c (x86_64): paying for a gather with INVLPG here and messages to the others.
 *
 * Without PCIDs a CPU's TLB holds the translations of the pmap it runs and of no other: loading a
 * table flushes.  pm->active has the CPUs that run it, so who is not in it has nothing to forget.
 *
 *	this CPU				one that switches to pm
 *	PTE = 0					active |= me
 *	full fence  [pay, spill]		full fence  [tess_pmap_activate]
 *	active has not its bit: skip		load the table, walk: PTE is 0
 *
 * WHO HAS FLUSHED is recorded by the flushing CPUs.  tess_port_ipi() leaves out "this" CPU, and a host
 * may have moved the thread since it flushed here; then the CPU it came from is still missing,
 * and the next round reaches it.  A host that does not preempt needs one round.
 */
#include "pmap_priv.h"

#define FLUSH_ROUNDS 4 /* a host may claim more than it did; do not wait for it for ever */

struct x86_64_flush {
	const struct tess_gather *g;
	bool all;         /* everything this CPU holds */
	tess_cpuset done; /* A: CPUs that flushed */
};

/* Forget what the gather names on this CPU.  gives: instructions.  => any context */
static unsigned
x86_64_flush_here(const struct x86_64_flush *f)
{
	unsigned n = 0;

	if (f->all) {
		tess_port_tlb_asid(0);
		return 1;
	}
	for (unsigned i = 0; i < f->g->n; i++) {
		const struct tess_gather_range *r = &f->g->range[i];

		for (tess_va va = r->start; va < r->end; va += TESS_PAGE_SIZE, n++)
			tess_port_tlb_page(0, va);
	}
	return n;
}

static void
x86_64_flush_ipi(void *arg)
{
	struct x86_64_flush *f = arg;

	x86_64_flush_here(f);
	tess_or_acqrel(&f->done, (tess_cpuset)1 << tess_port_cpu()); /* pairs with flush_all */
}

/* Flush on every CPU of `cpus`. */
static void
x86_64_flush_all(struct x86_64_flush *f, tess_cpuset cpus)
{
	for (unsigned round = 0; round < FLUSH_ROUNDS && cpus != 0; round++) {
		tess_cpuset me;

		tess_port_preempt_disable();
		me = (tess_cpuset)1 << tess_port_cpu();
		if (cpus & me)
			tess_stat_add(TESS_STAT_TLB_LOCAL, x86_64_flush_here(f));
		tess_port_preempt_enable();
		cpus &= ~me;
		if (cpus == 0)
			return;
		for (tess_cpuset left = cpus; left != 0; left &= left - 1)
			tess_stat_add(TESS_STAT_TLB_IPI, 1);
		tess_port_ipi(cpus, x86_64_flush_ipi, f);
		cpus &= ~tess_load_acquire(&f->done); /* pairs with x86_64_flush_ipi() */
	}
}

/* Add who may hold something of g's ranges. */
static void
x86_64_cpus_add(struct tess_gather *g)
{
	tess_fence_full(); /* pairs with tess_pmap_activate() */
	for (unsigned i = 0; i < g->n; i++)
		g->cpus |= tess_load_acquire(&g->range[i].pmap->active); /* pairs with the same */
}

void
tess_x86_64_tlb_pay(struct tess_gather *g)
{
	struct x86_64_flush f = {.g = g};

	x86_64_cpus_add(g);
	f.all = g->all || tess_gather_pages(g) > TESS_CONFIG_FLUSH_PAGES;
	x86_64_flush_all(&f, g->cpus);
}

void
tess_x86_64_tlb_spill(struct tess_gather *g)
{
	x86_64_cpus_add(g);
	g->n = 0;
	g->all = true;
}
