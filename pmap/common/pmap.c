/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * pmap.c: the room, the lives of pmaps, and the way from the contract to an instruction set.
 *
 *	tess_pmap_create ──► empty ──► entered, removed ... ──► tess_pmap_destroy
 *							│ translations, PTE pages: remove
 *							│ upper tables: gather
 *							│ flush, then the ASID is free
 *							▼ a grace period: tables, struct tess_pmap
 *
 * A CPU translates by one pmap at a time, or by the empty root.  `active` of a pmap gets a CPU's
 * bit before the CPU loads the table.  Without ASIDs the load of another table flushes, and
 * the bit is cleared after it; with ASIDs entries outlive the switch, and the bit stays.
 *
 * ASIDs are given for life, 16 bits of them: 65,535 spaces at once.  Rejected: generations of ASIDs
 * with a rollover, until someone needs more spaces or has 8 bits only.
 */
#include "pmap_priv.h"

/* ---- the room ---- */

enum tess_err
tess_pmap_room_init(struct tess_machine *m, const struct tess_pmap_ops *ops)
{
	uint64_t asids = ops->caps.asid_bits == 0 ? 0 : (uint64_t)1 << ops->caps.asid_bits;
	struct tess_pmap_room *room;
	void *empty;

	room = tess_boot_alloc(m, sizeof(*room), _Alignof(struct tess_pmap_room));
	empty = tess_boot_alloc(m, TESS_PAGE_SIZE, TESS_PAGE_SIZE);
	if (room == NULL || empty == NULL)
		return TESS_ENOMEM;
	room->cpu = tess_boot_alloc(m, m->ncpu * sizeof(*room->cpu), _Alignof(struct pmap_cpu));
	if (asids != 0)
		room->asids = tess_boot_alloc(m, asids / 8, sizeof(uint64_t));
	if (room->cpu == NULL || (asids != 0 && room->asids == NULL))
		return TESS_ENOMEM;
	if (tess_pool_init(&room->pvs, "pv", sizeof(struct tess_pv), 8) != TESS_OK)
		return TESS_ENOMEM;
	if (tess_pool_init(&room->pmaps, "pmap", sizeof(struct tess_pmap), 64) != TESS_OK) {
		tess_pool_fini(&room->pvs);
		return TESS_ENOMEM;
	}
	tess_spin_init(&room->lock);
	room->empty = tess_port_direct_pa(empty);
	room->nasids = (uint32_t)asids;
	if (asids != 0)
		room->asids[0] = 1; /* of the empty root */
	m->pmap = room;
	m->pmap_ops = ops;
	return TESS_OK;
}

void
tess_pmap_room_fini(struct tess_machine *m)
{
	struct tess_pmap_room *room = m->pmap;

	for (uint32_t i = 0; i < room->nasids / 64; i++)
		TESS_ASSERT(room->asids[i] == (i == 0));
	tess_pool_fini(&room->pmaps);
	tess_pool_fini(&room->pvs);
	m->pmap = NULL;
}

const struct tess_pmap_caps *
tess_pmap_caps(const struct tess_pmap_ops *ops)
{
	return &ops->caps;
}

/* ---- ASIDs ---- */

/* false: all are taken.  *asid 0 where there are none. */
static bool
asid_get(struct tess_pmap_room *room, uint32_t *asid)
{
	uint32_t words = room->nasids / 64;
	bool found = room->nasids == 0;

	*asid = 0;
	tess_spin_lock(&room->lock, TESS_RANK_FREE);
	for (uint32_t i = 0; i < words && !found; i++) {
		uint32_t at = (room->asid_at + i) % words;
		uint64_t open = ~room->asids[at];

		if (open == 0)
			continue;
		*asid = at * 64 + (uint32_t)__builtin_ctzll(open);
		room->asids[at] |= open & -open;
		room->asid_at = at;
		found = true;
	}
	tess_spin_unlock(&room->lock, TESS_RANK_FREE);
	return found;
}

static void
asid_put(struct tess_pmap_room *room, uint32_t asid)
{
	if (asid == 0)
		return;
	tess_spin_lock(&room->lock, TESS_RANK_FREE);
	room->asids[asid / 64] &= ~((uint64_t)1 << asid % 64);
	tess_spin_unlock(&room->lock, TESS_RANK_FREE);
}

/* ---- lives ---- */

enum tess_err
tess_pmap_create(struct tess_pmap **out)
{
	struct tess_pmap_room *room = tess_machine()->pmap;
	struct tess_page *root = NULL;
	struct tess_pmap *pm;
	uint32_t asid;

	pm = tess_pool_get(&room->pmaps);
	if (pm == NULL)
		return TESS_ENOMEM;
	if (asid_get(room, &asid)) {
		root = tess_page_alloc(TESS_FILL_ZERO, TESS_SITE_TABLE);
		if (root == NULL)
			asid_put(room, asid);
	}
	if (root == NULL) {
		tess_pool_put(&room->pmaps, pm);
		return TESS_ENOMEM;
	}
	tess_page_set_state(root, TESS_PAGE_TABLE);
	root->owner = pm;
	root->level = PMAP_LEVELS;
	__builtin_memset(pm, 0, sizeof(*pm));
	pm->ops = tess_machine()->pmap_ops;
	pm->root = tess_page_pa(root);
	pm->asid = asid;
	pm->tables = 1;
	pm->tables_most = UINT64_MAX;
	*out = pm;
	return TESS_OK;
}

static void
pmap_free_later(struct tess_rcu_head *head)
{
	tess_pool_put(&tess_machine()->pmap->pmaps, TESS_CONTAINER(head, struct tess_pmap, rcu));
}

void
tess_pmap_destroy(struct tess_pmap *pm)
{
	struct tess_pmap_room *room = tess_machine()->pmap;
	struct tess_gather g;

	if (tess_load_relaxed(&pmap_cpu_here()->current) == pm)
		tess_pmap_activate(NULL);
	TESS_FOREACH_CPU (i)
		TESS_ASSERT(tess_load_relaxed(&room->cpu[i].current) != pm);
	tess_gather_init(&g);
	PMAP_OP(pm->ops, remove)(pm, 0, walk_limit(pm), &g);
	PMAP_OP(pm->ops, tables_free)(pm, &g);
	tess_gather_range(&g, pm, 0, walk_limit(pm)); /* upper tables may be cached anywhere */
	tess_gather_finish(&g);
	asid_put(room, pm->asid);
	tess_rcu_defer(&pm->rcu, pmap_free_later);
}

void
tess_pmap_activate(struct tess_pmap *pm)
{
	struct tess_pmap_room *room = tess_machine()->pmap;
	struct pmap_cpu *me = pmap_cpu_here();
	struct tess_pmap *was = me->current;
	tess_cpuset bit = (tess_cpuset)1 << tess_port_cpu();

	if (pm == was && pm != NULL)
		return;
	if (pm == NULL) {
		tess_port_table_load(room->empty, 0);
	} else {
		if ((tess_load_relaxed(&pm->active) & bit) == 0)
			tess_or_acqrel(&pm->active, bit);
		tess_fence_full(); /* pairs with tlb_pay and tlb_spill: `active` before a walk */
		tess_port_table_load(pm->root, pm->asid);
	}
	tess_store_relaxed(&me->current, pm);
	if (was != NULL && was->ops->caps.asid_bits == 0)
		tess_and_acqrel(&was->active, ~bit); /* the load has flushed; pairs with the same */
}

/* ---- dispatch ---- */

enum tess_step
tess_pmap_enter(struct tess_pmap *pm, tess_va va, struct tess_page *pg, tess_prot prot,
		unsigned flags, const uint32_t *dead, struct tess_gather *g)
{
	return PMAP_OP(pm->ops, enter)(pm, va, pg, prot, flags, dead, g);
}

bool
tess_pmap_fixup(struct tess_pmap *pm, tess_va va, enum tess_access access)
{
	return PMAP_OP(pm->ops, fixup)(pm, va, access);
}

void
tess_pmap_remove(struct tess_pmap *pm, tess_va start, tess_va end, struct tess_gather *g)
{
	PMAP_OP(pm->ops, remove)(pm, start, end, g);
}

void
tess_pmap_protect(struct tess_pmap *pm, tess_va start, tess_va end, tess_prot prot,
		  struct tess_gather *g)
{
	if (prot == TESS_PROT_NONE)
		PMAP_OP(pm->ops, remove)(pm, start, end, g);
	else
		PMAP_OP(pm->ops, protect)(pm, start, end, prot, g);
}

void
tess_pmap_unwire(struct tess_pmap *pm, tess_va start, tess_va end)
{
	PMAP_OP(pm->ops, unwire)(pm, start, end);
}

bool
tess_pmap_extract(struct tess_pmap *pm, tess_va va, tess_pa *pa, tess_prot *prot)
{
	return PMAP_OP(pm->ops, extract)(pm, va, pa, prot);
}

uint32_t
tess_pmap_used(struct tess_pmap *pm, tess_va va, struct tess_page *pg)
{
	struct tess_gather g;
	uint32_t used;

	tess_gather_init(&g);
	used = PMAP_OP(pm->ops, frame_harvest)(pm, va, pg, 0, &g);
	tess_gather_finish(&g);
	return used;
}

uint64_t
tess_pmap_resident(struct tess_pmap *pm, tess_va start, tess_va end)
{
	return PMAP_OP(pm->ops, resident)(pm, start, end);
}

void
tess_pmap_check(struct tess_pmap *pm,
		tess_prot (*allowed)(void *ctx, tess_va va, struct tess_page *pg), void *ctx)
{
	PMAP_OP(pm->ops, check)(pm, allowed, ctx);
}
