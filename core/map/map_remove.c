/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * map_remove.c: forgetting mappings, and taking their contents away.
 *
 *	commit (entries dead) ──► translations removed ──► private pages freed into the gather
 *
 * The order matters.  A fault with the old entry in hand either entered its translation before the
 * removal, which takes it, or finds `dead` under the PTE page's lock; it either put its anon before
 * the wipe, which takes it, or finds `dead` under the chunk's lock.
 */
#include "map_priv.h"

void
tess_map_strip_begin(struct tess_strip *s)
{
	s->cover.held = false;
}

/* strip_cut: the part of an entry inside [start, end). */
static void
strip_cut(const struct tess_entry *e, tess_va *start, tess_va *end)
{
	if (e->range.start > *start)
		*start = e->range.start;
	if (e->range.end < *end)
		*end = e->range.end;
}

enum tess_err
tess_map_strip_prepare(struct tess_strip *s, struct tess_map_edit *ed, tess_va start, tess_va end)
{
	struct tess_entry *e;

	for (tess_va at = start; at < end; at = e->range.end) {
		tess_va lo = start, hi = end;
		enum tess_err err;

		e = tess_map_edit_next(ed, at);
		if (e == NULL || e->range.start >= end)
			break;
		if (e->amap == NULL)
			continue;
		strip_cut(e, &lo, &hi);
		if (e->amap->shared && !s->cover.held)
			tess_cover_begin(&s->cover);
		if (e->amap->shared)
			err = tess_cover_prepare(&s->cover, e->amap, tess_entry_slot(e, lo),
						 (hi - lo) >> TESS_PAGE_SHIFT);
		else
			err = tess_amap_wipe_prepare(e->amap, tess_entry_slot(e, lo),
						     (hi - lo) >> TESS_PAGE_SHIFT);
		if (err != TESS_OK)
			return err;
	}
	return TESS_OK;
}

/* strip_entries: private pages of dead entries inside [start, end). */
static void
strip_entries(struct tess_strip *s, struct tess_map_edit *ed, tess_va start, tess_va end,
	      enum tess_wipe how)
{
	TESS_FOREACH_DEAD(e, ed)
	{
		tess_va lo = start, hi = end;
		tess_idx slot;

		strip_cut(e, &lo, &hi);
		if (e->amap == NULL || lo >= hi)
			continue;
		slot = tess_entry_slot(e, lo);
		if (!e->amap->shared) {
			tess_amap_wipe(e->amap, slot, (hi - lo) >> TESS_PAGE_SHIFT, how, &ed->g);
			continue;
		}
		tess_cover_drop(&s->cover, e->amap, slot, (hi - lo) >> TESS_PAGE_SHIFT, &ed->g);
	}
}

void
tess_map_strip(struct tess_strip *s, struct tess_map_edit *ed, tess_va start, tess_va end,
	       enum tess_wipe how)
{
	tess_pmap_remove(ed->map->pmap, start, end, &ed->g);
	strip_entries(s, ed, start, end, how);
}

void
tess_map_strip_end(struct tess_strip *s)
{
	if (s->cover.held)
		tess_cover_end(&s->cover);
}

enum tess_err
tess_map_going(struct tess_map *map, tess_va start, tess_va end, enum tess_holes holes)
{
	struct tess_entry *e;
	tess_va at;

	for (at = start; at < end; at = e->range.end) {
		e = tess_map_next_rcu(map, at);
		if (holes == TESS_HOLES_REFUSE && (e == NULL || e->range.start > at))
			return TESS_EFAULT;
		if (e == NULL || e->range.start >= end)
			break;
		if (e->flags & TESS_ENTRY_SUBMAP)
			return TESS_EINVAL;
		if (e->flags & TESS_ENTRY_IMMUTABLE)
			return TESS_EPERM;
	}
	return TESS_OK;
}

/* remove_may: as tess_map_going(), by the holder; one entry around the whole range is the usual case. */
static enum tess_err
remove_may(struct tess_map_edit *ed, const struct tess_entry *first, tess_va start, tess_va end,
	   enum tess_holes holes)
{
	const uint32_t stays = TESS_ENTRY_SUBMAP | TESS_ENTRY_IMMUTABLE;

	if (first != NULL && first->range.start <= start && first->range.end >= end &&
	    !(first->flags & stays))
		return TESS_OK;
	return tess_map_going(ed->map, start, end, holes);
}

enum tess_err
tess_map_remove(struct tess_map *map, tess_va start, tess_va end, enum tess_holes holes)
{
	struct tess_map_edit ed;
	struct tess_strip strip;
	struct tess_entry *first;
	enum tess_err e;

	tess_map_edit_begin(&ed, map, start, end);
	tess_map_strip_begin(&strip);
	first = tess_map_edit_next(&ed, start);
	e = remove_may(&ed, first, start, end, holes);
	if (e == TESS_OK && first != NULL && first->range.start < end) {
		e = tess_map_strip_prepare(&strip, &ed, start, end);
		if (e == TESS_OK) {
			tess_map_edit_open(&ed, start, end);
			e = tess_map_edit_close(&ed, end);
		}
		if (e == TESS_OK) {
			tess_map_edit_commit(&ed);
			tess_map_strip(&strip, &ed, start, end, TESS_WIPE_RELEASE);
			tess_map_place_freed(map, start, end);
		}
	}
	tess_map_strip_end(&strip);
	tess_map_edit_end(&ed);
	return e;
}

/* clear_one: without memory for the whole: one entry at a time, which needs none (index.h). */
static void
clear_one(struct tess_map_edit *ed)
{
	struct tess_entry *first = tess_map_edit_next(ed, ed->map->min);
	enum tess_err e;

	ed->lo = first->range.start;
	ed->hi = first->range.end;
	e = tess_map_edit_prepare(ed);
	TESS_ASSERT(e == TESS_OK);
	tess_map_edit_commit(ed);
}

void
tess_map_clear(struct tess_map *map)
{
	struct tess_map_edit ed;
	struct tess_strip strip;

	if (map->subs != 0)
		tess_map_submaps_end(map);
	tess_map_edit_begin(&ed, map, map->min, map->max);
	tess_map_strip_begin(&strip);
	tess_cover_begin(
	    &strip.cover); /* before the gather owes anything: nothing may sleep then */
	tess_map_edit_open(&ed, map->min, map->max);
	if (tess_map_edit_close(&ed, map->max) == TESS_OK)
		tess_map_edit_commit(&ed);
	else
		while (map->entries != 0)
			clear_one(&ed);
	/* The home amap as a whole: entry by entry, a chunk shared after a fork would have to be cut. */
	tess_pmap_remove(map->pmap, map->min, map->max, &ed.g);
	tess_amap_wipe(map->home, 0, map->max >> TESS_PAGE_SHIFT, TESS_WIPE_RELEASE, &ed.g);
	tess_map_strip(&strip, &ed, map->min, map->max, TESS_WIPE_RELEASE);
	tess_map_place_freed(map, map->min, map->max);
	tess_map_future(map, 0);
	tess_map_strip_end(&strip);
	tess_map_edit_end(&ed);
}

/*
 * discard_prepare: how far may it go (*stop), and private chunks for all of that.
 *
 * => OK; EFAULT holes; EINVAL, EPERM an entry outside `only`: *stop is its start, or start for ALL;
 *    NOMEM: *stop is start
 */
static enum tess_err
discard_prepare(struct tess_map *map, tess_va start, tess_va end, enum tess_only only,
		tess_va *stop)
{
	enum tess_err err = TESS_OK, fits;
	struct tess_entry *e;
	tess_va at = start;

	*stop = end;
	while ((e = tess_map_next_rcu(map, at)) != NULL && e->range.start < end) {
		tess_va lo = start, hi = end;

		strip_cut(e, &lo, &hi);
		if (lo > at)
			err = TESS_EFAULT;
		at = hi;
		fits = tess_entry_fits(e, only);
		if (fits == TESS_EPERM || (fits != TESS_OK && !(only & TESS_ONLY_SKIP))) {
			*stop = only & TESS_ONLY_ALL ? start : lo;
			return fits;
		}
		if (fits == TESS_OK && e->amap != NULL &&
		    tess_amap_wipe_prepare(e->amap, tess_entry_slot(e, lo),
					   (hi - lo) >> TESS_PAGE_SHIFT) != TESS_OK) {
			*stop = start;
			return TESS_ENOMEM;
		}
		if (at == end)
			break;
	}
	return at < end ? TESS_EFAULT : err;
}

/* discard_entry: private pages, then what is translated without one: the object's pages, zeros. */
static void
discard_entry(struct tess_map *map, struct tess_entry *e, tess_va lo, tess_va hi,
	      struct tess_gather *g)
{
	if (e->amap != NULL)
		tess_amap_discard(e->amap, tess_entry_slot(e, lo), (hi - lo) >> TESS_PAGE_SHIFT,
				  map->pmap, lo, g);
	tess_pmap_remove(map->pmap, lo, hi, g);
}

/* discard_mark: the entries get the flags; faults that hold an old one find it dead. */
static enum tess_err
discard_mark(struct tess_map_edit *ed, tess_va start, tess_va end, enum tess_only only,
	     uint32_t set)
{
	struct tess_map *map = ed->map;
	struct tess_entry *e, to;
	enum tess_err err;

	if (start < map->min)
		start = map->min;
	if (end > map->max)
		end = map->max;
	if (start >= end)
		return TESS_OK;
	tess_map_edit_open(ed, start, end);
	for (e = tess_map_next_rcu(map, start); e != NULL && e->range.start < end;
	     e = tess_map_next_rcu(map, e->range.end)) {
		tess_va lo = start, hi = end;

		strip_cut(e, &lo, &hi);
		to = *e;
		if (tess_entry_fits(e, only) == TESS_OK)
			to.flags |= set;
		tess_map_edit_put(ed, &to, lo, hi);
	}
	err = tess_map_edit_close(ed, end);
	if (err == TESS_OK)
		tess_map_edit_commit(ed);
	return err;
}

enum tess_err
tess_map_discard(struct tess_map *map, tess_va start, tess_va end, enum tess_only only,
		 uint32_t set)
{
	struct tess_map_edit ed;
	struct tess_entry *e;
	enum tess_err err, marked = TESS_OK;
	tess_va stop;

	tess_map_edit_begin(&ed, map, start, end);
	err = discard_prepare(map, start, end, only, &stop);
	if (set != 0)
		marked = discard_mark(&ed, start, stop, only, set);
	if (marked != TESS_OK) {
		err = marked;
		stop = start;
	}
	for (e = tess_map_next_rcu(map, start); e != NULL && e->range.start < stop;
	     e = tess_map_next_rcu(map, e->range.end)) {
		tess_va lo = start, hi = stop;

		strip_cut(e, &lo, &hi);
		if (tess_entry_fits(e, only) == TESS_OK)
			discard_entry(map, e, lo, hi, &ed.g);
		if (hi == stop)
			break;
	}
	tess_map_edit_end(&ed);
	return err;
}
