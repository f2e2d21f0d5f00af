/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * pv.c: from a frame to its translations, and back down to their PTEs.
 *
 *	struct tess_page            pool
 *	┌────────────────┐     ┌────────────┐     ┌────────────┐
 *	│ pv: pmap va  ──┼────►│ pmap va  ──┼────►│ pmap va    │
 *	└────────────────┘     └────────────┘     └────────────┘
 *
 * Most frames have one translation, kept in the struct tess_page; an empty list is pv.pmap == NULL.
 *
 *	Under the lock of the PTE page that serves (pm, va): (pm, va) stands in pg's list
 *	if and only if that PTE translates to pg.
 *
 * REVERSE ORDER.  The order of locks is PTE page, then pv.  tess_page_protect() and tess_page_collect()
 * come from the other side: they copy (pm, va) under the pv lock, let go, lock the PTE page,
 * and look whether the PTE still translates to the frame.  Nothing they hold keeps pm alive, so
 * they run in a read section, and pmaps, like their tables, are freed a grace period late.
 *
 * A removal (pv_remove) bumps `count` of the frame.  A pass over a long list that sees it changed begins
 * again, since what it has not seen may have moved into the part it has; its actions may be
 * repeated.  The caller's lock on the owner keeps new translations away, so this ends.  (65,536
 * removals during one batch of 16 would go unnoticed.)
 *
 * Rejected: holding the pv lock and trying the PTE page's, which turns contention into spinning
 * under a lock that faults want.
 */
#include "pmap_priv.h"

#define PV_BATCH 16

/* ---- the list ---- */

bool
tess_pv_link(struct tess_page *pg, struct tess_pmap *pm, tess_va va, struct walk_spare *s)
{
	struct tess_pv *more = s != NULL ? s->pv : NULL;

	if (more != NULL)
		s->pv = NULL;
	else
		more = tess_pool_get(&tess_machine()->pmap->pvs);
	if (more == NULL)
		return false;
	*more = (struct tess_pv){pm, va, pg->pv.next};
	pg->pv.next = more;
	return true;
}

void
tess_pv_unlink(struct tess_page *pg, struct tess_pmap *pm, tess_va va)
{
	struct tess_pv **link = &pg->pv.next, *gone;

	if (pg->pv.pmap == pm && pg->pv.va == va) {
		gone = *link;
		pg->pv = *gone;
	} else {
		for (; (*link)->pmap != pm || (*link)->va != va; link = &(*link)->next)
			TESS_ASSERT((*link)->next != NULL);
		gone = *link;
		*link = gone->next;
	}
	pv_unlock(pg);
	tess_pool_put(&tess_machine()->pmap->pvs, gone);
}

void
tess_pv_stamp(struct tess_page *pg, uint16_t stamp)
{
	uint16_t was = tess_load_relaxed(&pg->stale);

	if (stamp == 0 || was == stamp)
		return;
	if (tess_stamp_open(was))
		stamp = PMAP_STAMP_MANY;
	tess_store_relaxed(&pg->stale, stamp);
}

unsigned
tess_pv_count(const struct tess_page *pg, const struct tess_pmap *pm, tess_va va)
{
	unsigned n = 0;

	for (const struct tess_pv *pv = &pg->pv; pv != NULL; pv = pv->next)
		n += pv->pmap == pm && pv->va == va;
	return n;
}

/* ---- passes over the list ---- */

/* A pass: up to PV_BATCH translations at a time, copied under the pv lock. */
struct pv_pass {
	struct tess_page *pg;
	unsigned at;  /* translations seen */
	unsigned n;   /* in this batch */
	uint16_t seq; /* pg->count when they were */
	struct {
		struct tess_pmap *pm;
		tess_va va;
	} batch[PV_BATCH];
};

static void
pv_pass_begin(struct pv_pass *p, struct tess_page *pg)
{
	p->pg = pg;
	p->at = 0;
	p->n = 0;
	p->seq = 0;
}

/* The next batch; false when every translation has been seen. */
static bool
pv_pass_next(struct pv_pass *p)
{
	struct tess_page *pg = p->pg;
	const struct tess_pv *pv = &pg->pv;

	tess_spin_lock(&pg->pv_lock, TESS_RANK_PV);
	if (p->seq != pg->count)
		p->at = 0;
	p->seq = pg->count;
	p->n = 0;
	if (pv->pmap == NULL)
		pv = NULL;
	for (unsigned i = 0; i < p->at && pv != NULL; i++)
		pv = pv->next;
	for (; pv != NULL && p->n < PV_BATCH; pv = pv->next, p->n++) {
		p->batch[p->n].pm = pv->pmap;
		p->batch[p->n].va = pv->va;
	}
	p->at += p->n;
	tess_spin_unlock(&pg->pv_lock, TESS_RANK_PV);
	return p->n != 0;
}

/*
 * Each round removes what it copied, or finds it gone: that was done under the same PTE lock, so
 * the list it reads next is shorter.
 */
static void
page_remove_all(struct tess_page *pg, struct tess_gather *g)
{
	struct pv_pass p;

	for (pv_pass_begin(&p, pg); pv_pass_next(&p); p.at = 0) {
		for (unsigned i = 0; i < p.n; i++)
			PMAP_OP(p.batch[i].pm->ops, frame_remove)
		(p.batch[i].pm, p.batch[i].va, pg, g);
	}
}

void
tess_page_protect(struct tess_page *pg, tess_prot prot, struct tess_gather *g)
{
	struct pv_pass p;

	tess_rcu_enter();
	if (prot == TESS_PROT_NONE) {
		page_remove_all(pg, g);
	} else {
		for (pv_pass_begin(&p, pg); pv_pass_next(&p);) {
			for (unsigned i = 0; i < p.n; i++)
				PMAP_OP(p.batch[i].pm->ops, frame_lower)
			(p.batch[i].pm, p.batch[i].va, pg, prot, g);
		}
	}
	tess_rcu_exit();
}

/*
 * A remove that runs meanwhile adds its bits to attrs before it leaves the list, and we read attrs
 * last: they are in the answer either way.
 */
uint32_t
tess_page_collect(struct tess_page *pg, uint32_t clear, struct tess_gather *g)
{
	const uint32_t all = TESS_PAGE_MODIFIED | TESS_PAGE_REFERENCED;
	uint32_t found = 0;
	struct pv_pass p;

	TESS_DEBUG((clear & ~all) == 0);
	tess_rcu_enter();
	for (pv_pass_begin(&p, pg); pv_pass_next(&p);) {
		for (unsigned i = 0; i < p.n; i++)
			found |= PMAP_OP(p.batch[i].pm->ops,
					 frame_harvest)(p.batch[i].pm, p.batch[i].va, pg, clear, g);
	}
	tess_rcu_exit();
	pv_attrs_add(pg, found & ~clear);
	if ((tess_load_relaxed(&pg->attrs) & clear) != 0)
		found |= tess_and_acqrel(&pg->attrs, ~clear); /* pairs with pv_remove()'s lock */
	return (found | tess_load_relaxed(&pg->attrs)) & all;
}
