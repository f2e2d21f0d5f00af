/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * tlb.c (aarch64): paying for a gather with broadcast invalidations.
 *
 * TLBI ...IS reaches every CPU and waits for nobody's attention, so a debt can be paid anywhere, also
 * under a lock: a gather that runs out of ranges simply pays.  A CPU keeps the entries of an ASID
 * after it left it, so pm->active only grows; it matters in one case, the pmap that never ran.
 */
#include "pmap_priv.h"

void
tess_aarch64_tlb_pay(struct tess_gather *g)
{
	bool whole = tess_gather_pages(g) > TESS_CONFIG_FLUSH_PAGES;
	const struct tess_pmap *done = NULL;
	unsigned orders = 0;

	tess_fence_full(); /* pairs with tess_pmap_activate(): the PTEs before `active` */
	for (unsigned i = 0; i < g->n; i++) {
		const struct tess_gather_range *r = &g->range[i];

		if (tess_load_relaxed(&r->pmap->active) == 0 || r->pmap == done)
			continue;
		if (whole) {
			tess_port_tlb_bcast_asid(r->pmap->asid);
			done = r->pmap; /* ranges of one pmap mostly stand together */
			orders++;
			continue;
		}
		for (tess_va va = r->start; va < r->end; va += TESS_PAGE_SIZE, orders++)
			tess_port_tlb_bcast_page(r->pmap->asid, va);
	}
	tess_stat_add(TESS_STAT_TLB_BCAST, orders);
}

void
tess_aarch64_tlb_spill(struct tess_gather *g)
{
	tess_aarch64_tlb_pay(g);
	g->n = 0;
}
