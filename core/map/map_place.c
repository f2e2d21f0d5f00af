/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * map_place.c: where a mapping goes when the caller leaves it open.
 *
 * Top down below `top`.  `hint` is the lower edge of the part that is known to be full: nothing
 * is free in [hint, top).  A map that grows downward therefore finds its place in one look
 * below the hint, however many entries it has; only after holes were skipped as too small is
 * the index searched.
 */
#include "map_priv.h"

void
tess_map_place_took(struct tess_map *map, tess_va start, tess_va end)
{
	if (end >= map->hint && start < map->hint)
		map->hint = start;
}

void
tess_map_place_freed(struct tess_map *map, tess_va start, tess_va end)
{
	tess_va edge = end < map->top ? end : map->top;

	if (edge > map->hint && start < edge)
		map->hint = edge;
}

/* place_free: is all of [start, start + len) inside the map and unmapped? */
static bool
place_free(struct tess_map *map, tess_va start, uint64_t len)
{
	struct tess_entry *e;

	if (start < map->min || len > map->max || start > map->max - len)
		return false;
	e = tess_map_next_rcu(map, start);
	return e == NULL || e->range.start >= start + len;
}

/* place_below_hint: the range that ends at the hint, if it is free. */
static bool
place_below_hint(struct tess_map *map, uint64_t len, uint64_t align, tess_va *out)
{
	tess_va start;

	if (map->hint < map->min || map->hint - map->min < len)
		return false;
	start = (map->hint - len) & ~(align - 1);
	if (!place_free(map, start, map->hint - start))
		return false;
	*out = start;
	return true;
}

bool
tess_map_find(struct tess_map *map, tess_va hint, uint64_t len, uint64_t align, tess_va *out)
{
	bool found;

	if (len == 0 || len > map->max - map->min)
		return false;
	tess_rcu_enter();
	hint = tess_page_round(hint);
	if (hint != 0 && (hint & (align - 1)) == 0 && place_free(map, hint, len)) {
		*out = hint;
		found = true;
	} else {
		found = place_below_hint(map, len, align, out) ||
			tess_index_gap_down(&map->index, map->min, map->hint, len, align, out) ||
			tess_index_gap_up(&map->index, map->top, map->max, len, align, out);
	}
	tess_rcu_exit();
	return found;
}
