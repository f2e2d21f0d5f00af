/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * map_move.c: mappings that change their address (mremap).
 *
 *	prepare	 hold the source: faults on it wait, so no page can appear that was not prepared for
 *		 target strippable; chunks for the target; entry and index for the target
 *	commit	 target published, held; its old contents stripped
 *		 pages move from the source's slots to the target's
 *		 source forgotten (or left empty), its translations removed
 *		 target let go
 *
 * All that may fail comes before the first commit; until then letting go of the source restores everything.
 */
#include "map_priv.h"

/* A move and what its steps share. */
struct move {
	struct tess_map *map;
	tess_va from, to;
	uint64_t from_len, to_len, kept; /* kept: bytes whose pages move */
	tess_va tail, tail_end;          /* what else is forgotten, behind the source's entry */
	enum tess_move_source source;
	struct tess_entry *e;    /* the source's entry, held */
	struct tess_entry *left; /* what stays at the source for KEEP_EMPTY */
	struct tess_entry *cut;  /* the last entry of the tail, when it was cut; held */
	struct tess_map_edit ed;
	struct tess_strip strip; /* its cover serves the source's shared amap too */
};

/* move_limits: the map's totals after the move. */
static enum tess_err
move_limits(const struct move *v, const struct tess_map_limits *limits)
{
	struct tess_map_limits less, l = *limits;

	if (v->source == TESS_MOVE_UNMAP && v->to_len <= v->kept)
		return TESS_OK; /* nothing grows, whatever the limits became */
	if (v->to_len <= v->kept)
		l.locked = UINT64_MAX; /* the lock goes along: no more is locked than before */
	tess_map_over(v->map, v->to, v->to + v->to_len, &less);
	if (v->source == TESS_MOVE_UNMAP) {
		less.bytes += v->from_len;
		less.data += v->from_len;
	}
	less.locked += v->from_len; /* what stays at the source is not locked any more */
	return tess_map_limit(v->map, v->e, v->to_len, &less, &l);
}

/* move_is_home: do pages change slots? (A shared amap keeps them, the entry keeps the window.) */
static bool
move_is_home(const struct move *v)
{
	return v->e->amap != NULL && !v->e->amap->shared;
}

/* move_target: the new entry over the target, held, allocated; not yet published. */
static enum tess_err
move_target(struct move *v)
{
	struct tess_entry to = *v->e;

	to.range.start = v->to;
	to.range.end = v->to + v->to_len;
	to.held = 1;
	if (to.object != NULL)
		to.off += v->from - v->e->range.start;
	if (to.amap != NULL)
		to.aidx =
		    move_is_home(v) ? v->to >> TESS_PAGE_SHIFT : tess_entry_slot(v->e, v->from);
	tess_map_edit_open(&v->ed, v->to, v->to + v->to_len);
	tess_map_edit_put(&v->ed, &to, v->to, v->to + v->to_len);
	return tess_map_edit_close(&v->ed, v->to + v->to_len);
}

/*
 * move_cut: the source becomes exactly one entry, [from, from + from_len), held like the whole was.
 *
 * => the last step that may fail; what it did is invisible: equal neighbours
 */
static enum tess_err
move_cut(struct move *v)
{
	tess_va end = v->from + v->from_len;
	struct tess_entry cut = *v->e;
	enum tess_err err;

	if (cut.range.start == v->from && cut.range.end == end)
		return TESS_OK;
	tess_map_edit_open(&v->ed, v->from, end);
	tess_map_edit_put(&v->ed, &cut, v->from, end);
	err = tess_map_edit_close(&v->ed, end);
	if (err != TESS_OK)
		return err;
	tess_map_edit_commit(&v->ed);
	v->e = tess_map_lookup_rcu(v->map, v->from);
	return TESS_OK;
}

/*
 * move_cut_tail: an entry that crosses the tail's end is cut there, the inner part held, so that the
 * tail is whole entries, each of which can be forgotten without memory.
 */
static enum tess_err
move_cut_tail(struct move *v)
{
	struct tess_entry *e = tess_map_lookup_rcu(v->map, v->tail_end - 1), inner;
	tess_va start;
	enum tess_err err;

	if (v->tail == v->tail_end || e == NULL || e->range.end <= v->tail_end)
		return TESS_OK;
	start = e->range.start > v->tail ? e->range.start : v->tail;
	inner = *e;
	inner.held = 1;
	tess_map_edit_open(&v->ed, start, v->tail_end);
	tess_map_edit_put(&v->ed, &inner, start, v->tail_end);
	err = tess_map_edit_close(&v->ed, v->tail_end);
	if (err != TESS_OK)
		return err;
	tess_map_edit_commit(&v->ed);
	v->cut = tess_map_lookup_rcu(v->map, start);
	return TESS_OK;
}

/* move_forget_tail: whole entries, one by one: the index promises that it cannot fail. */
static void
move_forget_tail(struct move *v)
{
	struct tess_entry *e;
	enum tess_err err;

	if (v->tail == v->tail_end)
		return;
	v->ed.mark =
	    v->ed.dead; /* what was cut has been put again: only what goes now is stripped */
	while ((e = tess_map_next_rcu(v->map, v->tail)) != NULL && e->range.start < v->tail_end) {
		v->ed.lo = e->range.start;
		v->ed.hi = e->range.end;
		err = tess_map_edit_prepare(&v->ed);
		TESS_ASSERT(err == TESS_OK);
		tess_map_edit_commit(&v->ed);
	}
	tess_map_strip(&v->strip, &v->ed, v->tail, v->tail_end, TESS_WIPE_RELEASE);
	tess_map_place_freed(v->map, v->tail, v->tail_end);
}

/* move_left: the entry that stays, empty, when the source is kept: its pages will be new ones. */
static enum tess_err
move_left(struct move *v)
{
	tess_va end = v->from + v->from_len;
	struct tess_entry left = *v->e;

	v->left = NULL;
	if (v->source != TESS_MOVE_KEEP_EMPTY)
		return TESS_OK;
	left.held = 0;
	left.flags &= (uint32_t) ~(TESS_ENTRY_LOCKED | TESS_ENTRY_ONFAULT);
	if (left.amap != NULL) {
		left.amap = v->map->home;
		left.aidx = left.range.start >> TESS_PAGE_SHIFT;
	}
	v->left = tess_entry_copy(&left, v->from, end);
	return v->left != NULL ? TESS_OK : TESS_ENOMEM;
}

/* move_tail: what a shorter target leaves behind is forgotten; a longer one covers more. */
static void
move_tail(struct move *v)
{
	tess_idx slot = tess_entry_slot(v->e, v->from + v->kept);
	struct tess_amap *am = v->e->amap;

	if (am == NULL)
		return;
	if (v->from_len > v->kept && am->shared)
		tess_cover_drop(&v->strip.cover, am, slot,
				(v->from_len - v->kept) >> TESS_PAGE_SHIFT, &v->ed.g);
	else if (v->from_len > v->kept)
		tess_amap_wipe(am, slot, (v->from_len - v->kept) >> TESS_PAGE_SHIFT,
			       TESS_WIPE_RELEASE, &v->ed.g);
	else if (v->to_len > v->kept && am->shared)
		tess_cover_add(&v->strip.cover, am, slot, (v->to_len - v->kept) >> TESS_PAGE_SHIFT);
}

/*
 * move_source: forget the source, or leave it mapped and empty.  Exactly one entry, none or one instead:
 * the index promises that it cannot fail.
 */
static void
move_source(struct move *v)
{
	tess_va end = v->from + v->from_len;
	enum tess_err err;

	v->ed.lo = v->from;
	v->ed.hi = end;
	v->ed.head = v->left != NULL ? &v->left->range : NULL;
	v->ed.last = v->left;
	v->ed.n = v->left != NULL;
	err = tess_map_edit_prepare(&v->ed);
	TESS_ASSERT(err == TESS_OK);
	tess_map_edit_commit(&v->ed);
	tess_pmap_remove(v->map->pmap, v->from, end, &v->ed.g);
	move_tail(v); /* the dead entry still says where */
	if (v->left == NULL)
		tess_map_place_freed(v->map, v->from, end);
	else
		tess_map_remerge(&v->ed, v->from, end);
}

/* move_commit: the target is allocated; nothing fails from here on. */
static void
move_commit(struct move *v)
{
	struct tess_entry *made;
	bool home = move_is_home(v);
	struct tess_amap *am = v->e->amap;
	tess_idx slot = tess_entry_slot(v->e, v->from);

	v->ed.mark = v->ed.dead; /* as in move_forget_tail() */
	tess_map_edit_commit(&v->ed);
	tess_map_strip(&v->strip, &v->ed, v->to, v->to + v->to_len, TESS_WIPE_KEEP);
	if (home)
		tess_amap_move(am, slot, am, v->to >> TESS_PAGE_SHIFT, v->kept >> TESS_PAGE_SHIFT);
	move_source(v);
	move_forget_tail(v);
	tess_map_place_took(v->map, v->to, v->to + v->to_len);
	made = tess_map_lookup_rcu(v->map, v->to);
	tess_store_release(&made->held, 0); /* pairs with tess_entry_live() */
	tess_map_remerge(&v->ed, v->to, v->to + v->to_len);
}

/* move_prepare_shared: a shared amap keeps its slots; coverage changes at the tail. */
static enum tess_err
move_prepare_shared(struct move *v)
{
	tess_va tail = v->from + v->kept;
	uint64_t less = (v->from_len - v->kept) >> TESS_PAGE_SHIFT;
	uint64_t more = (v->to_len - v->kept) >> TESS_PAGE_SHIFT;
	tess_idx slot = tess_entry_slot(v->e, tail);

	if (v->e->amap == NULL || !v->e->amap->shared || (less == 0 && more == 0))
		return TESS_OK;
	if (!v->strip.cover.held)
		tess_cover_begin(&v->strip.cover);
	if (more != 0 && tess_cover_any(v->e->amap, slot, more))
		return TESS_ENOMEM; /* a sibling that was moved away left its slots there */
	return tess_cover_prepare(&v->strip.cover, v->e->amap, slot, less + more);
}

/* move_prepare: everything that may fail; the source is held. */
static enum tess_err
move_prepare(struct move *v)
{
	enum tess_err err = tess_map_strip_prepare(&v->strip, v->map, v->to, v->to + v->to_len);

	if (err == TESS_OK && move_is_home(v))
		err = tess_amap_move_prepare(v->e->amap, tess_entry_slot(v->e, v->from), v->e->amap,
					     v->to >> TESS_PAGE_SHIFT, v->kept >> TESS_PAGE_SHIFT);
	if (err == TESS_OK && move_is_home(v) && v->from_len > v->kept)
		err = tess_amap_wipe_prepare(v->e->amap, tess_entry_slot(v->e, v->from + v->kept),
					     (v->from_len - v->kept) >> TESS_PAGE_SHIFT);
	if (err == TESS_OK && v->tail != v->tail_end)
		err = tess_map_strip_prepare(&v->strip, v->map, v->tail, v->tail_end);
	if (err == TESS_OK)
		err = move_prepare_shared(v);
	if (err == TESS_OK)
		err = move_cut_tail(v);
	if (err == TESS_OK)
		err = move_cut(v);
	if (err == TESS_OK)
		err = move_left(v);
	return err == TESS_OK ? move_target(v) : err;
}

/* move_cancel: let the source go; what move_cut() made of it joins again. */
static void
move_cancel(struct move *v)
{
	tess_store_release(&v->e->held, 0); /* pairs with tess_entry_live() */
	tess_map_remerge(&v->ed, v->e->range.start, v->e->range.end);
	if (v->left != NULL)
		tess_entry_free_now(v->left);
	if (v->cut != NULL) {
		tess_store_release(&v->cut->held, 0); /* pairs with tess_entry_live() */
		tess_map_remerge(&v->ed, v->cut->range.start, v->cut->range.end);
	}
}

/* move_one: the source's entry; equal neighbours that memory kept apart are joined now. */
static enum tess_err
move_one(struct move *v)
{
	struct tess_entry whole;
	tess_va end;

	if (!tess_map_mapping_rcu(v->map, v->from, &whole) || whole.range.end < v->from + v->kept)
		return TESS_EFAULT;
	v->e = tess_map_lookup_rcu(v->map, v->from);
	while ((end = v->e->range.end) < v->from + v->kept) {
		tess_map_remerge(&v->ed, v->e->range.start, end);
		v->e = tess_map_lookup_rcu(v->map, v->from);
		if (v->e->range.end == end)
			return TESS_ENOMEM;
	}
	return TESS_OK;
}

/* move_check: may it be done at all?  Finds the source's entry and, when asked, the place. */
static enum tess_err
move_check(struct move *v, enum tess_move_place place, const struct tess_map_limits *limits)
{
	enum tess_err err = move_one(v);

	if (err != TESS_OK)
		return err;
	if (v->e->range.end < v->from + v->from_len) {
		v->tail = v->e->range.end;
		v->tail_end = v->from + v->from_len;
		v->from_len = v->tail - v->from;
	}
	if (place == TESS_MOVE_ANY && !tess_map_find(v->map, 0, v->to_len, TESS_PAGE_SIZE, &v->to))
		return TESS_ENOMEM;
	return move_limits(v, limits);
}

enum tess_err
tess_map_move(struct tess_map *map, tess_va from, uint64_t from_len, tess_va *to, uint64_t to_len,
	      enum tess_move_source source, enum tess_move_place place,
	      const struct tess_map_limits *limits)
{
	struct move v = {.map = map,
			 .from = from,
			 .to = *to,
			 .from_len = from_len,
			 .to_len = to_len,
			 .kept = from_len < to_len ? from_len : to_len,
			 .source = source,
			 .left = NULL,
			 .cut = NULL};
	enum tess_err err;

	tess_map_edit_begin(&v.ed, map, map->min, map->max);
	tess_map_strip_begin(&v.strip);
	if (source == TESS_MOVE_UNMAP) {
		v.ed.goes_lo = from;
		v.ed.goes_hi = from + from_len;
	}
	err = move_check(&v, place, limits);
	if (err == TESS_OK) {
		TESS_DEBUG(from + from_len <= v.to || v.to + to_len <= from);
		tess_store_release(&v.e->held, 1); /* pairs with tess_entry_live() */
		err = move_prepare(&v);
		if (err == TESS_OK)
			move_commit(&v);
		else
			move_cancel(&v);
	}
	*to = v.to;
	tess_map_strip_end(&v.strip);
	tess_map_edit_end(&v.ed);
	return err;
}
