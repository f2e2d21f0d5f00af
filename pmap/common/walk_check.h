/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * walk_check.h: what is always true of a pmap at rest; a template, as walk.h.
 *
 *	I-PMAP-1  a table is a TABLE frame that knows its pmap, its level and its first address
 *	I-PMAP-2  a PTE page counts its valid PTEs
 *	I-PMAP-3  PTEs are words that the manual allows and pte.h makes; an invalid one is 0
 *	I-PMAP-4  a PTE of a managed frame stands exactly once in the frame's list
 *	I-PMAP-5  each entry of that list is a PTE of that frame, in its own pmap's tables
 *	I-PMAP-6  a PTE grants no more than allowed(); the zero page is never writable
 *	I-PMAP-7  no translation to a frame that is free, a table or a slab
 *	I-PMAP-8  `tables` is the number of tables, the root among them
 */

/* I-PMAP-5, seen from one of the frame's PTEs. */
static void
WALK(check_list)(const struct tess_page *pg)
{
	for (const struct tess_pv *pv = &pg->pv; pv != NULL; pv = pv->next) {
		struct walk_leaf l;
		uint64_t pte;

		TESS_ASSERT(pv->pmap != NULL && pv->pmap->ops != NULL);
		TESS_ASSERT(WALK(leaf_find)(pv->pmap, pv->va, &l) == 1);
		pte = tess_load_relaxed(l.slot);
		TESS_ASSERT(PTE(valid)(pte) && PTE(pa)(pte) == tess_page_pa(pg));
	}
}

static void
WALK(check_pte)(struct tess_pmap *pm, tess_va va, uint64_t pte,
		tess_prot (*allowed)(void *ctx, tess_va va, struct tess_page *pg), void *ctx)
{
	struct tess_page *pg = tess_page_of(PTE(pa)(pte));
	uint8_t state = pg == NULL ? (uint8_t)TESS_PAGE_OBJECT : pg->state;
	tess_prot most = allowed == NULL ? (tess_prot)TESS_PROT_ALL : allowed(ctx, va, pg);

	TESS_ASSERT(PTE(well_formed)(pte)); /* I-PMAP-3 */
	if (most != TESS_PROT_NONE)         /* hardware may round up: writable implies readable */
		most = PTE(rights)(PTE(make)(0, most, 0));
	TESS_ASSERT((PTE(rights)(pte) & ~most) == 0); /* I-PMAP-6 */
	TESS_ASSERT(state != TESS_PAGE_ZERO || !(PTE(rights)(pte) & TESS_PROT_WRITE));
	TESS_ASSERT(state != TESS_PAGE_FREE && state != TESS_PAGE_TABLE &&
		    state != TESS_PAGE_SLAB); /* I-PMAP-7 */
	if (!pv_managed(pg))
		return;
	TESS_ASSERT(tess_pv_count(pg, pm, va) == 1); /* I-PMAP-4 */
	WALK(check_list)(pg);
}

static void
WALK(check_table)(const struct tess_pmap *pm, tess_pa pa, unsigned level, tess_va base)
{
	const struct tess_page *pg = tess_page_of(pa);

	TESS_ASSERT(pg != NULL && pg->state == TESS_PAGE_TABLE); /* I-PMAP-1 */
	TESS_ASSERT(pg->owner == pm && pg->level == level && pg->idx == base);
}

static void
WALK(check_leaf)(struct tess_pmap *pm, tess_pa pa, tess_va base,
		 tess_prot (*allowed)(void *ctx, tess_va va, struct tess_page *pg), void *ctx)
{
	const uint64_t *table = tess_port_direct(pa);
	unsigned n = 0;

	for (unsigned i = 0; i < PMAP_SLOTS; i++) {
		uint64_t pte = tess_load_relaxed(&table[i]);

		TESS_ASSERT(pte == 0 || PTE(valid)(pte)); /* I-PMAP-3 */
		if (pte == 0)
			continue;
		n++;
		WALK(check_pte)(pm, base + i * TESS_PAGE_SIZE, pte, allowed, ctx);
	}
	TESS_ASSERT(tess_page_of(pa)->count == n); /* I-PMAP-2 */
}

/* Tables of `level` from `base` on, three deep below the root: how many there are. */
static uint64_t
WALK(check_level)(struct tess_pmap *pm, tess_pa pa, unsigned level, tess_va base, unsigned slots,
		  tess_prot (*allowed)(void *ctx, tess_va va, struct tess_page *pg), void *ctx)
{
	const uint64_t *table = tess_port_direct(pa);
	uint64_t tables = 1;

	WALK(check_table)(pm, pa, level, base);
	if (level == 1) {
		WALK(check_leaf)(pm, pa, base, allowed, ctx);
		return tables;
	}
	for (unsigned i = 0; i < slots; i++) {
		uint64_t e = tess_load_relaxed(&table[i]);

		if (PTE(valid)(e))
			tables += WALK(check_level)(pm, PTE(pa)(e), level - 1,
						    base + i * walk_span(level), PMAP_SLOTS,
						    allowed, ctx);
		else /* nothing, or debts of a detached PTE page */
			TESS_ASSERT(e == 0 || (level == 2 && (e & ~(PMAP_DEBT_MASK << 8)) == 0));
	}
	return tables;
}

void
EXPORT(check)(struct tess_pmap *pm,
	      tess_prot (*allowed)(void *ctx, tess_va va, struct tess_page *pg), void *ctx)
{
	unsigned slots = (unsigned)(walk_limit(pm) / walk_span(PMAP_LEVELS));

	TESS_ASSERT(WALK(check_level)(pm, pm->root, PMAP_LEVELS, 0, slots, allowed, ctx) ==
		    pm->tables); /* I-PMAP-8 */
}
