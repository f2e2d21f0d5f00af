/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * map_check.c: the invariants of a map, walked.
 */
#include "map_priv.h"

/* Sums taken by the walk. */
struct check_sums {
	uint64_t bytes, data, locked, entries, slots, charged, wired, kept;
};

/* check_kinds: I-MAP-10: flags that exclude others. */
static void
check_kinds(const struct tess_entry *e)
{
	if (e->flags & TESS_ENTRY_GUARD)
		TESS_ASSERT(e->prot == TESS_PROT_NONE && e->object == NULL);
	TESS_ASSERT(!(e->flags & TESS_ENTRY_STACKGAP) || (e->flags & TESS_ENTRY_GUARD));
	TESS_ASSERT(!(e->flags & TESS_ENTRY_CHARGED) || e->amap != NULL);
	TESS_ASSERT(e->transition == 0);
	TESS_ASSERT((e->sub != NULL) == ((e->flags & TESS_ENTRY_SUBMAP) != 0)); /* I-MAP-11 */
	if (e->sub == NULL)
		return;
	TESS_ASSERT(e->sub->min == e->range.start && e->sub->max == e->range.end);
	TESS_ASSERT(e->sub->parent != NULL && e->sub->refs >= 1);
	tess_map_check(e->sub); /* one level */
}

static void
check_entry(const struct tess_map *map, const struct tess_entry *e, struct check_sums *s)
{
	TESS_ASSERT(tess_page_aligned(e->range.start | e->range.end)); /* I-MAP-1 */
	TESS_ASSERT(e->range.start < e->range.end);
	TESS_ASSERT(e->range.start >= map->min && e->range.end <= map->max);
	TESS_ASSERT(e->range.dead == 0 && e->held == 0);
	TESS_ASSERT((e->amap == NULL) == ((e->flags & TESS_ENTRY_SHARED) != 0)); /* I-MAP-2 */
	TESS_ASSERT(e->amap != NULL || e->object != NULL);
	TESS_ASSERT((e->prot & ~e->maxprot) == 0); /* I-MAP-3 */
	TESS_ASSERT(e->amap != map->home ||
		    e->aidx == e->range.start >> TESS_PAGE_SHIFT); /* I-MAP-4 */
	check_kinds(e);
	s->bytes += tess_entry_bytes(e);
	s->data += tess_entry_is_data(e) ? tess_entry_bytes(e) : 0;
	s->locked += e->flags & TESS_ENTRY_LOCKED ? tess_entry_bytes(e) : 0;
	s->charged += e->flags & TESS_ENTRY_CHARGED ? tess_entry_bytes(e) : 0;
	s->wired += e->wired != 0 ? tess_entry_bytes(e) : 0;
	s->kept += tess_entry_is_kept(e) ? tess_entry_bytes(e) : 0;
	s->entries++;
	if (e->amap == map->home)
		s->slots +=
		    tess_amap_count(map->home, e->aidx, tess_entry_bytes(e) >> TESS_PAGE_SHIFT);
	if (e->amap != NULL && e->amap->shared)
		tess_amap_check(e->amap);
	if (e->object != NULL)
		tess_object_check(e->object);
}

/* check_allowed: I-MAP-7 for one translation. */
static tess_prot
check_allowed(void *ctx, tess_va va, struct tess_page *pg)
{
	struct tess_map *map = ctx;
	struct tess_entry *e = tess_map_resolve_rcu(map, va, &map);
	struct tess_chunk *c;
	struct tess_anon *an;
	tess_prot full, prot;

	if (e == NULL || e->prot == TESS_PROT_NONE || tess_entry_is_guard(e))
		return TESS_PROT_NONE;
	full = e->prot | TESS_PROT_READ; /* fault.c: what can be used at all can be read */
	if (e->amap == NULL)
		return pg->owner == e->object ? full : TESS_PROT_NONE;
	prot = full & (tess_prot)~TESS_PROT_WRITE;
	c = tess_radix_lookup_rcu(&e->amap->chunks, tess_entry_slot(e, va) >> TESS_CHUNK_SHIFT);
	an = c != NULL ? tess_chunk_get(c, tess_entry_slot(e, va)) : NULL;
	if (an != NULL && an->page == pg)
		return c->refs == 1 && an->refs == 1 ? full : prot;
	if (an != NULL)
		return TESS_PROT_NONE; /* an anon hides what is below */
	return pg == e->amap->zero || pg->owner == e->object ? prot : TESS_PROT_NONE;
}

void
tess_map_check(struct tess_map *map)
{
	struct check_sums s = {0};
	struct tess_machine *m = tess_machine();
	const struct tess_entry *e;
	tess_va full;

	tess_index_check(&map->index);
	tess_amap_check(map->home);
	for (e = tess_map_next_rcu(map, map->min); e != NULL;
	     e = tess_map_next_rcu(map, e->range.end)) {
		check_entry(map, e, &s);
		if (e->range.end == map->max)
			break;
	}
	TESS_ASSERT(s.bytes == map->bytes && s.data == map->data); /* I-MAP-5 */
	TESS_ASSERT(s.locked == map->locked && s.entries == map->entries);
	TESS_ASSERT(s.charged == map->charged && s.wired == map->wired); /* I-MAP-9 */
	TESS_ASSERT(tess_load_relaxed(&m->commit.used) >= s.charged);
	TESS_ASSERT(tess_load_relaxed(&m->wired.used) >= s.kept);
	TESS_ASSERT(s.slots == tess_amap_count(map->home, 0, (uint64_t)1 << 52)); /* I-MAP-6 */
	for (full = map->hint; full < map->top; full = e->range.end) {            /* I-MAP-8 */
		e = tess_map_lookup_rcu(map, full);
		TESS_ASSERT(e != NULL);
	}
	if (map->parent == NULL) /* a submap's translations are in its parent's pmap */
		tess_pmap_check(map->pmap, check_allowed, map); /* I-MAP-7 */
}
