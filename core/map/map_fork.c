/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * map_fork.c: a child that is a copy.
 *
 *	1. the child's entries are put, from the parent's, as inheritance says
 *	2. the child's amap gets the parent's chunks (shared) or anons (counted)
 *	3. the parent's translations of what is now shared lose write permission
 *
 * 2 comes before 3.  A write fault of the parent between them finds the chunk shared, takes a private
 * copy, and enters a writable translation to a page of its own; 3 then lowers it, which costs one more
 * fault.  The other way round it could enter a writable translation to a page that is shared right after.
 *
 * Faults on what is copied wait until the flush of 3 is done (`held`): a fault that copied a page before that
 * could miss what another CPU of the parent still writes to it through a stale translation.
 * No new translations are made for the child: it faults them in.
 *
 * DONATE is COPY, and when nothing can fail any more the parent forgets the mapping, entry by entry, which takes no
 * memory (index.h).
 */
#include "map_priv.h"

/* What happens to an entry's private pages. */
enum fork_pages {
	FORK_NOTHING,
	FORK_COPY,
	FORK_COVER
};

/* fork_entry: *to is the child's form of `e`; false when the child has none. */
static bool
fork_entry(struct tess_map *child, const struct tess_entry *e, struct tess_entry *to)
{
	*to = *e;
	to->held = 0;
	to->wired = 0;
	to->flags &= (uint32_t) ~(TESS_ENTRY_LOCKED | TESS_ENTRY_ONFAULT);
	if (e->flags & TESS_ENTRY_SUBMAP)
		return false;
	switch (tess_entry_inherit(e)) {
	case TESS_INHERIT_NONE:
		return false;
	case TESS_INHERIT_SHARE:
		TESS_ASSERT(e->amap == NULL ||
			    e->amap->shared); /* fork_share_private() saw to it */
		return true;
	case TESS_INHERIT_ZERO:
		to->flags &= (uint32_t) ~(TESS_ENTRY_GUARDED | TESS_ENTRY_DEVICE);
		to->object = NULL;
		to->off = 0;
		break;
	case TESS_INHERIT_COPY:
	case TESS_INHERIT_DONATE:
		break;
	}
	to->flags &= (uint32_t)~TESS_ENTRY_SHARED;
	to->amap = child->home;
	to->aidx = e->range.start >> TESS_PAGE_SHIFT;
	if (e->amap == NULL)
		tess_entry_charge(to); /* private from here on */
	return true;
}

/* fork_pages_of: how the child gets the private pages behind `e`. */
static enum fork_pages
fork_pages_of(const struct tess_entry *e)
{
	if (e->amap == NULL)
		return FORK_NOTHING;
	switch (tess_entry_inherit(e)) {
	case TESS_INHERIT_SHARE:
		return FORK_COVER;
	case TESS_INHERIT_COPY:
	case TESS_INHERIT_DONATE:
		return FORK_COPY;
	case TESS_INHERIT_NONE:
	case TESS_INHERIT_ZERO:
		break;
	}
	return FORK_NOTHING;
}

/* fork_share_private: private entries that the child shares get an amap for it. */
static enum tess_err
fork_share_private(struct tess_map_edit *ped, struct tess_range **undo)
{
	struct tess_map *map = ped->map;
	enum tess_err err = TESS_OK;
	struct tess_entry *e;
	tess_va end;

	for (e = tess_map_next_rcu(map, map->min); e != NULL && err == TESS_OK;
	     e = tess_map_next_rcu(map, end)) {
		end = e->range.end;
		if (e->amap == map->home && tess_entry_inherit(e) == TESS_INHERIT_SHARE)
			err = tess_map_share(ped, e, undo);
		if (end == map->max)
			break;
	}
	return err;
}

/* fork_put: all of the child's entries, allocated. */
static enum tess_err
fork_put(struct tess_map *map, struct tess_map_edit *ced)
{
	struct tess_map *child = ced->map;
	struct tess_entry *e, to;

	tess_map_edit_open(ced, child->min, child->max);
	for (e = tess_map_next_rcu(map, map->min); e != NULL;
	     e = tess_map_next_rcu(map, e->range.end)) {
		if (fork_entry(child, e, &to))
			tess_map_edit_put(ced, &to, e->range.start, e->range.end);
		if (e->range.end == map->max)
			break;
	}
	return tess_map_edit_close(ced, child->max);
}

/* fork_home: share or count the private pages of the parent's own amap; prepare coverage of others. */
static enum tess_err
fork_home(struct tess_map *map, struct tess_map *child, struct tess_cover *cover)
{
	struct tess_amap_fork f = {.from = map->home, .to = child->home};
	enum tess_err err = TESS_OK;
	struct tess_entry *e;

	for (e = tess_map_next_rcu(map, map->min); e != NULL && err == TESS_OK;
	     e = tess_map_next_rcu(map, e->range.end)) {
		uint64_t n = tess_entry_bytes(e) >> TESS_PAGE_SHIFT;
		enum fork_pages how = fork_pages_of(e);

		if (how != FORK_NOTHING && e->amap->shared && !cover->held)
			tess_cover_begin(cover);
		if (how == FORK_COVER)
			err = tess_cover_prepare(cover, e->amap, e->aidx, n);
		else if (how == FORK_COPY && !e->amap->shared)
			err = tess_amap_fork_add(&f, e->aidx, n);
		if (e->range.end == map->max)
			break;
	}
	return err == TESS_OK ? tess_amap_fork_end(&f) : err;
}

/*
 * fork_anons: all private pages.  Those of shared amaps come last, anon by anon, into chunks that by then are
 * the child's final ones.
 */
static enum tess_err
fork_anons(struct tess_map *map, struct tess_map *child, struct tess_cover *cover)
{
	enum tess_err err = fork_home(map, child, cover);
	struct tess_entry *e;

	for (e = tess_map_next_rcu(map, map->min); e != NULL && err == TESS_OK;
	     e = tess_map_next_rcu(map, e->range.end)) {
		if (fork_pages_of(e) == FORK_COPY && e->amap->shared)
			err = tess_amap_copy(e->amap, e->aidx, child->home,
					     e->range.start >> TESS_PAGE_SHIFT,
					     tess_entry_bytes(e) >> TESS_PAGE_SHIFT);
		if (e->range.end == map->max)
			break;
	}
	return err;
}

/*
 * fork_finish: count the coverage and write-protect what is shared copy-on-write.
 *
 * => pages of a shared amap are mapped by several maps: each frame's translations are lowered
 */
static void
fork_finish(struct tess_map *map, struct tess_cover *cover, struct tess_gather *g)
{
	struct tess_entry *e;

	for (e = tess_map_next_rcu(map, map->min); e != NULL;
	     e = tess_map_next_rcu(map, e->range.end)) {
		uint64_t n = tess_entry_bytes(e) >> TESS_PAGE_SHIFT;
		enum fork_pages how = fork_pages_of(e);
		struct tess_anon *an;

		if (how == FORK_COVER)
			tess_cover_add(cover, e->amap, e->aidx, n);
		else if (how == FORK_COPY && e->amap->shared)
			for (tess_idx i = e->aidx; (an = tess_amap_next(e->amap, &i, e->aidx + n));
			     i++)
				tess_page_protect(an->page, TESS_PROT_READ | TESS_PROT_EXEC, g);
		else if (how == FORK_COPY && (e->prot & TESS_PROT_WRITE))
			tess_pmap_protect(map->pmap, e->range.start, e->range.end,
					  TESS_PROT_READ | TESS_PROT_EXEC, g);
		if (e->range.end == map->max)
			break;
	}
}

/* fork_hold: make faults on memory that is being shared wait, or let them go on. */
static void
fork_hold(struct tess_map *map, uint32_t held)
{
	struct tess_entry *e;

	for (e = tess_map_next_rcu(map, map->min); e != NULL;
	     e = tess_map_next_rcu(map, e->range.end)) {
		if (fork_pages_of(e) == FORK_COPY)
			tess_store_release(&e->held, held); /* pairs with tess_entry_live() */
		if (e->range.end == map->max)
			break;
	}
}

/* fork_settings: what a child has of its parent beside its entries; locking the future is not inherited. */
static void
fork_settings(struct tess_map *map, struct tess_map *child)
{
	child->flags = tess_load_relaxed(&map->flags) & ~(uint32_t)TESS_MAPF_WIREFUTURE;
	child->random = map->random;
	for (unsigned q = 0; q < TESS_QUOTA_COUNT; q++)
		child->quota[q] = tess_load_relaxed(&map->quota[q]);
}

/* fork_next_donated: the first entry from *at on that the parent is to lose; *at is its end. */
static struct tess_entry *
fork_next_donated(struct tess_map *map, tess_va *at)
{
	struct tess_entry *e;

	while (*at < map->max && (e = tess_map_next_rcu(map, *at)) != NULL) {
		*at = e->range.end;
		if (tess_entry_inherit(e) == TESS_INHERIT_DONATE && e->sub == NULL)
			return e;
	}
	return NULL;
}

/* fork_donate_prepare: what taking the donated pages out of the parent needs. */
static enum tess_err
fork_donate_prepare(struct tess_map_edit *ped, struct tess_strip *strip)
{
	enum tess_err err = TESS_OK;
	struct tess_entry *e;
	tess_va at = ped->map->min;

	while (err == TESS_OK && (e = fork_next_donated(ped->map, &at)) != NULL)
		err = tess_map_strip_prepare(strip, ped, e->range.start, e->range.end);
	return err;
}

/* fork_donate: the child has it; the parent forgets it. */
static void
fork_donate(struct tess_map_edit *ped, struct tess_strip *strip)
{
	struct tess_entry *e;
	tess_va at = ped->map->min;

	while ((e = fork_next_donated(ped->map, &at)) != NULL) {
		enum tess_err err;

		ped->mark = ped->dead;
		ped->lo = e->range.start;
		ped->hi = e->range.end;
		err = tess_map_edit_prepare(ped);
		TESS_ASSERT(err == TESS_OK); /* index.h: nothing for one */
		tess_map_edit_commit(ped);
		tess_map_strip(strip, ped, ped->lo, ped->hi, TESS_WIPE_RELEASE);
		tess_map_place_freed(ped->map, ped->lo, ped->hi);
	}
}

enum tess_err
tess_map_fork(struct tess_map *map, struct tess_map *child)
{
	struct tess_strip strip; /* its cover serves what is shared too */
	struct tess_range *undo = NULL;
	struct tess_map_edit ped, ced;
	enum tess_err err;

	tess_map_edit_begin(&ped, map, map->min, map->max);
	tess_map_edit_begin_rank(&ced, child, child->min, child->max, TESS_RANK_LEAF2);
	tess_map_strip_begin(&strip);
	err = fork_share_private(&ped, &undo);
	if (err == TESS_OK)
		err = fork_put(map, &ced);
	fork_hold(map, 1);
	if (err == TESS_OK)
		err = fork_anons(map, child, &strip.cover);
	if (err == TESS_OK)
		err = fork_donate_prepare(&ped, &strip);
	if (err == TESS_OK) {
		fork_finish(map, &strip.cover, &ped.g);
		tess_map_edit_commit(&ced);
		fork_donate(&ped, &strip);
		fork_settings(map, child);
	} else {
		tess_amap_wipe(child->home, 0, map->max >> TESS_PAGE_SHIFT, TESS_WIPE_RELEASE,
			       &ped.g);
	}
	tess_gather_finish(&ped.g); /* nobody can write to what is shared now: the file's head */
	fork_hold(map, 0);
	tess_map_strip_end(&strip);
	tess_map_unshare(&ped, undo, err);
	tess_map_edit_end(&ced);
	tess_map_edit_end(&ped);
	return err;
}
