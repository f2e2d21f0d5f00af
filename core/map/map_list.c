/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * map_list.c: the layout at one moment.
 *
 *	writer	lock ── begun+1 ── commit, commit ... ── flush ── done+1 ── unlock
 *	lister	done = d, begun = d ?  walk  begun still d ?  yes: nothing changed while it walked
 *
 * A walk through the index alone may see one half of a change that another step of the same call completes (mremap
 * publishes the target before it forgets the source), or an entry that was cut while it went by.  The two counters
 * make the walk one moment; a map that never comes to rest is listed as a writer, who keeps it at rest.
 *
 * Rejected: one counter, odd while a change is on.  Two need no bit test at the writer's end, and `done` is the
 * version that callers compare.
 */
#include "map_priv.h"

#define LIST_TRIES 4

void
tess_entry_area(const struct tess_entry *e, struct tess_area *area)
{
	static const struct {
		uint32_t entry, area;
	} same[] = {
	    {TESS_ENTRY_SHARED, TESS_AREA_SHARED},     {TESS_ENTRY_GROWSDOWN, TESS_AREA_GROWSDOWN},
	    {TESS_ENTRY_LOCKED, TESS_AREA_LOCKED},     {TESS_ENTRY_ONFAULT, TESS_AREA_LOCKONFAULT},
	    {TESS_ENTRY_DONTDUMP, TESS_AREA_DONTDUMP}, {TESS_ENTRY_GUARD, TESS_AREA_GUARD},
	    {TESS_ENTRY_GUARDED, TESS_AREA_GUARDED},   {TESS_ENTRY_IMMUTABLE, TESS_AREA_IMMUTABLE},
	    {TESS_ENTRY_NOSYNC, TESS_AREA_NOSYNC},     {TESS_ENTRY_STACKGAP, TESS_AREA_STACKGAP},
	    {TESS_ENTRY_SUBMAP, TESS_AREA_SUBMAP},     {TESS_ENTRY_DEVICE, TESS_AREA_DEVICE},
	};

	*area = (struct tess_area){
	    .start = e->range.start,
	    .end = e->range.end,
	    .prot = e->prot,
	    .maxprot = e->maxprot,
	    .inherit = tess_entry_inherit(e),
	    .advice = e->advice,
	    .flags = e->wired != 0 ? TESS_AREA_WIRED : 0,
	    .object = e->object,
	    .off = e->off,
	};
	for (unsigned i = 0; i < sizeof(same) / sizeof(same[0]); i++)
		area->flags |= e->flags & same[i].entry ? same[i].area : 0;
}

/* list_walk: the areas as the index gives them.  rcu: inside, or the edit held */
static unsigned
list_walk(struct tess_map *map, tess_va start, struct tess_area *area, unsigned room)
{
	struct tess_entry *e;
	unsigned n = 0;

	while (n < room && start < map->max && (e = tess_map_next_rcu(map, start)) != NULL) {
		tess_entry_area(e, &area[n++]);
		start = e->range.end;
	}
	return n;
}

/* list_try: without a lock.  false: somebody changed the map meanwhile. */
static bool
list_try(struct tess_map *map, tess_va start, struct tess_area *area, unsigned room, unsigned *n,
	 uint64_t *version)
{
	bool still;

	*version = tess_load_acquire(&map->done); /* pairs with tess_map_edit_end() */
	if (tess_load_acquire(&map->begun) != *version)
		return false;
	tess_rcu_enter();
	*n = list_walk(map, start, area, room);
	tess_fence_full(); /* pairs with tess_map_edit_commit(): who saw an entry of it sees `begun` */
	still = tess_load_acquire(&map->begun) == *version;
	tess_rcu_exit();
	return still;
}

void
tess_map_list(struct tess_map *map, tess_va start, struct tess_area *area, unsigned room,
	      unsigned *n, uint64_t *version)
{
	struct tess_map_edit ed;
	bool listed = false;

	for (unsigned i = 0; i < LIST_TRIES && !listed; i++)
		listed = list_try(map, start, area, room, n, version);
	if (!listed) {
		/* raw: a wiring in progress is nothing to wait for */
		tess_map_edit_begin_rank(&ed, map, map->min, map->max, TESS_RANK_LEAF);
		*n = list_walk(map, start, area, room);
		*version = tess_load_relaxed(&map->done);
		tess_map_edit_end(&ed);
	}
	tess_rcu_poll();
}
