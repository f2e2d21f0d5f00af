/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * wire.c: memory that stays: the map keeps the range as it is (map_wire.c), faults bring it in, the map counts.
 *
 * Wiring stands here and not in the map because it faults on purpose: the map would call the fault handler, which
 * calls the map.
 */
#include "fault.h"

/* wire_next: the next part of [*va, end) that can be accessed; *stop is its end.  false: none. */
static bool
wire_next(struct tess_map *map, tess_va *va, tess_va end, tess_va *stop)
{
	const struct tess_entry *e;
	bool found = false;

	tess_rcu_enter();
	for (e = tess_map_next_rcu(map, *va); e != NULL && e->range.start < end && !found;
	     e = tess_map_next_rcu(map, e->range.end)) {
		found = e->prot != TESS_PROT_NONE && !tess_entry_is_guard(e) &&
			!(e->flags & TESS_ENTRY_SUBMAP);
		if (found && e->range.start > *va)
			*va = e->range.start;
		*stop = e->range.end < end ? e->range.end : end;
		if (e->range.end >= end)
			break;
	}
	tess_rcu_exit();
	return found;
}

/* wire_fill: every page, or with HOLESOK every page that can be accessed. */
static enum tess_err
wire_fill(struct tess_map *map, tess_va start, tess_va end, unsigned how)
{
	enum tess_err e = TESS_OK;
	tess_va stop = start;

	if (!(how & TESS_WIRE_HOLESOK))
		return tess_map_populate(map, start, end);
	while (e == TESS_OK && start < end && wire_next(map, &start, end, &stop)) {
		e = tess_map_populate(map, start, stop);
		start = stop;
	}
	return e;
}

enum tess_err
tess_map_wire_range(struct tess_map *map, tess_va start, tess_va end, unsigned how, uint64_t limit,
		    enum tess_err *pages)
{
	enum tess_err e = tess_map_wire_begin(map, start, end, how);

	*pages = TESS_OK;
	if (e != TESS_OK)
		return e;
	*pages = wire_fill(map, start, end, how);
	return tess_map_wire_end(map, start, end, how, limit,
				 *pages == TESS_OK ? TESS_WIRE_DONE : TESS_WIRE_CANCEL);
}

/* ---- the world's words ---- */

#define WIRE_KNOWN (unsigned)(TESS_WIRE_SYSTEM | TESS_WIRE_HOLESOK | TESS_WIRE_WRITE)

/* wire_clamp: with HOLESOK what lies outside the map is a hole like others. */
static void
wire_clamp(const struct tess_map *map, tess_va *start, tess_va *end, unsigned how)
{
	if (!(how & TESS_WIRE_HOLESOK))
		return;
	*start = *start > map->min ? *start : map->min;
	*end = *end < map->max ? *end : map->max;
}

static enum tess_kern
wire_kern(enum tess_err e)
{
	switch (e) {
	case TESS_OK:
		return TESS_KERN_SUCCESS;
	case TESS_EFAULT:
		return TESS_KERN_INVALID_ADDRESS;
	case TESS_EACCES:
		return TESS_KERN_PROTECTION_FAILURE;
	case TESS_EINVAL:
		return TESS_KERN_INVALID_ARGUMENT;
	default:
		return TESS_KERN_RESOURCE_SHORTAGE;
	}
}

/* wire_kern_pages: why pages could not be brought in. */
static enum tess_kern
wire_kern_pages(enum tess_err e)
{
	if (e == TESS_EFAULT)
		return TESS_KERN_PROTECTION_FAILURE; /* mapped, as wire_look() saw */
	return e == TESS_ENOMEM ? TESS_KERN_RESOURCE_SHORTAGE : TESS_KERN_FAILURE;
}

enum tess_kern
tess_map_wire(struct tess_map *map, tess_va start, tess_va end, unsigned flags)
{
	enum tess_err e, pages;

	if ((flags & ~WIRE_KNOWN) || !tess_page_aligned(start | end) || start > end)
		return TESS_KERN_INVALID_ARGUMENT;
	wire_clamp(map, &start, &end, flags);
	if (start >= end)
		return TESS_KERN_SUCCESS;
	e = tess_map_wire_range(map, start, end, flags, TESS_LIMIT_INFINITY, &pages);
	tess_rcu_poll();
	return e == TESS_OK && pages != TESS_OK ? wire_kern_pages(pages) : wire_kern(e);
}

enum tess_kern
tess_map_unwire(struct tess_map *map, tess_va start, tess_va end, unsigned flags)
{
	enum tess_err e;

	if ((flags & ~WIRE_KNOWN) || !tess_page_aligned(start | end) || start > end)
		return TESS_KERN_INVALID_ARGUMENT;
	wire_clamp(map, &start, &end, flags);
	if (start >= end)
		return TESS_KERN_SUCCESS;
	e = tess_map_wire_undo(map, start, end, flags);
	tess_rcu_poll();
	return wire_kern(e);
}
