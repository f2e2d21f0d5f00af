/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * map_wire.c: the map's side of wiring: a range is kept as it is while its pages are brought in.
 *
 *	begin	map->wiring taken; the range is looked at; its entries are in transition
 *	...	faults bring the pages in: nothing of the map is locked (fault: wire.c)
 *	end	entries get LOCKED, or one wiring more; or nothing, when pages were missing; wiring let go
 *
 * `transition` is a mark on whole entries, set and cleared in place, so that taking it back needs no memory: a
 * wiring that fails leaves the map as it was, whatever runs out.  Nothing is locked or counted before all pages
 * are there.
 *
 * Every writer that meets a marked entry in its range gives its hold back, waits for map->wiring, and looks
 * again (tess_map_edit_begin).  So the entries that `end` finds are those that `begin` saw.  Neighbours
 * of a marked entry do not join it.
 *
 * Rejected: a flag of the entry, which is immutable once published: marking would mean replacing, which may fail.
 */
#include "map_priv.h"

/* wire_reachable: can an access be made at all? */
static bool
wire_reachable(const struct tess_entry *e)
{
	return e->prot != TESS_PROT_NONE && !tess_entry_is_guard(e) &&
	       !(e->flags & TESS_ENTRY_SUBMAP);
}

/* wire_is: is the entry wired in this way? */
static bool
wire_is(const struct tess_entry *e, unsigned how)
{
	return how & TESS_WIRE_SYSTEM ? e->wired != 0 : (e->flags & TESS_ENTRY_LOCKED) != 0;
}

/* wire_may: OK, or what this entry is refused for. */
static enum tess_err
wire_may(const struct tess_entry *e, unsigned how)
{
	if (e->flags & TESS_ENTRY_SUBMAP)
		return how & TESS_WIRE_HOLESOK ? TESS_OK : TESS_EINVAL;
	if ((how & TESS_WIRE_WRITE) && wire_reachable(e) && !(e->prot & TESS_PROT_WRITE))
		return TESS_EACCES;
	return TESS_OK;
}

/* wire_look: is all of [start, end) mapped, and may it be wired?  A hole comes before the rest. */
static enum tess_err
wire_look(struct tess_map *map, tess_va start, tess_va end, unsigned how)
{
	enum tess_err err = TESS_OK;
	struct tess_entry *e;
	tess_va at;

	for (at = start; at < end; at = e->range.end) {
		e = tess_map_next_rcu(map, at);
		if ((e == NULL || e->range.start > at) && !(how & TESS_WIRE_HOLESOK))
			return TESS_EFAULT;
		if (e == NULL || e->range.start >= end)
			break;
		if (err == TESS_OK)
			err = wire_may(e, how);
	}
	return err;
}

/* wire_mark: put the entries of the range in transition, or take them out; an object keeps its pages meanwhile. */
static void
wire_mark(struct tess_map *map, tess_va start, tess_va end, uint32_t mark)
{
	struct tess_entry *e;

	for (e = tess_map_next_rcu(map, start); e != NULL && e->range.start < end;
	     e = tess_map_next_rcu(map, e->range.end)) {
		e->transition = mark;
		if (mark != 0 && e->object != NULL)
			tess_add_relaxed(&e->object->locked, 1);
		else if (e->object != NULL)
			tess_sub_acqrel(&e->object->locked, 1);
		if (e->range.end >= end)
			break;
	}
	map->transition = mark;
}

enum tess_err
tess_map_wire_begin(struct tess_map *map, tess_va start, tess_va end, unsigned how) TESS_NO_ANALYSIS
{
	struct tess_map_edit ed;
	enum tess_err err;

	tess_mutex_lock(&map->wiring, TESS_RANK_WIRING);
	tess_map_edit_begin_rank(&ed, map, start, end, TESS_RANK_LEAF);
	err = wire_look(map, start, end, how);
	if (err == TESS_OK)
		wire_mark(map, start, end, 1);
	tess_map_edit_end(&ed);
	if (err != TESS_OK)
		tess_mutex_unlock(&map->wiring, TESS_RANK_WIRING);
	return err;
}

/* wire_put: the entries of [start, end) again, those concerned with one wiring more or less. */
static enum tess_err
wire_put(struct tess_map_edit *ed, tess_va start, tess_va end, unsigned how, int step)
{
	struct tess_map *map = ed->map;
	struct tess_entry *e, to;

	tess_map_edit_open(ed, start, end);
	for (e = tess_map_next_rcu(map, start); e != NULL && e->range.start < end;
	     e = tess_map_next_rcu(map, e->range.end)) {
		bool takes = step > 0 ? wire_reachable(e) : wire_is(e, how);

		to = *e;
		if (takes && (how & TESS_WIRE_SYSTEM)) {
			TESS_ASSERT(step < 0 || e->wired < UINT32_MAX);
			to.wired += (uint32_t)step;
		} else if (takes) {
			to.flags &= (uint32_t) ~(TESS_ENTRY_LOCKED | TESS_ENTRY_ONFAULT);
			to.flags |= step > 0 ? TESS_ENTRY_LOCKED : 0;
		}
		tess_map_edit_put(ed, &to, e->range.start > start ? e->range.start : start,
				  e->range.end < end ? e->range.end : end);
		if (e->range.end >= end)
			break;
	}
	return tess_map_edit_close(ed, end);
}

/* wire_fits: the user's limit of locked bytes. */
static bool
wire_fits(struct tess_map *map, tess_va start, tess_va end, uint64_t limit)
{
	struct tess_map_limits over;

	tess_map_over(map, start, end, &over);
	return limit == UINT64_MAX || map->locked - over.locked + over.bytes <= limit;
}

/* wire_join: neighbours that came while a mark kept them apart join now. */
static void
wire_join(struct tess_map_edit *ed, tess_va start, tess_va end)
{
	const tess_va at[] = {start - 1, start, end - 1, end};
	struct tess_map *map = ed->map;

	for (unsigned i = 0; i < sizeof(at) / sizeof(at[0]); i++) {
		const struct tess_entry *e = NULL;

		if (at[i] >= map->min && at[i] < map->max)
			e = tess_map_lookup_rcu(map, at[i]);
		if (e != NULL)
			tess_map_remerge(ed, e->range.start, e->range.end);
	}
}

enum tess_err
tess_map_wire_end(struct tess_map *map, tess_va start, tess_va end, unsigned how, uint64_t limit,
		  enum tess_wire_end done) TESS_NO_ANALYSIS
{
	enum tess_err err = TESS_OK;
	struct tess_map_edit ed;

	tess_map_edit_begin_rank(&ed, map, start, end, TESS_RANK_LEAF);
	if (done == TESS_WIRE_DONE && !(how & TESS_WIRE_SYSTEM) &&
	    !wire_fits(map, start, end, limit))
		err = TESS_EAGAIN;
	if (done == TESS_WIRE_DONE && err == TESS_OK)
		err = wire_put(&ed, start, end, how, 1);
	/* By now the new entries, where there are any, keep their objects' pages. */
	wire_mark(map, start, end, 0);
	if (done == TESS_WIRE_DONE && err == TESS_OK)
		tess_map_edit_commit(&ed);
	wire_join(&ed, start, end);
	tess_map_edit_end(&ed);
	tess_mutex_unlock(&map->wiring, TESS_RANK_WIRING);
	return err;
}

/* unwire_look: is everything wired so?  With HOLESOK what is not is passed over. */
static enum tess_err
unwire_look(struct tess_map *map, tess_va start, tess_va end, unsigned how)
{
	struct tess_entry *e;
	tess_va at;

	for (at = start; at < end && !(how & TESS_WIRE_HOLESOK); at = e->range.end) {
		e = tess_map_lookup_rcu(map, at);
		if (e == NULL || !wire_is(e, how))
			return TESS_EINVAL;
	}
	return TESS_OK;
}

enum tess_err
tess_map_wire_undo(struct tess_map *map, tess_va start, tess_va end, unsigned how)
{
	struct tess_map_edit ed;
	enum tess_err err;

	tess_map_edit_begin(&ed, map, start, end);
	err = unwire_look(map, start, end, how);
	if (err == TESS_OK)
		err = wire_put(&ed, start, end, how, -1);
	if (err == TESS_OK)
		tess_map_edit_commit(&ed);
	tess_map_edit_end(&ed);
	return err;
}
