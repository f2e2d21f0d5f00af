/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * map_move.c: mappings that change their address, within a map or from one to another.
 *
 *	cut	 the source becomes whole entries, held: faults on it wait, so no page can appear that was not
 *		 prepared for
 *	prepare	 target strippable; chunks for the target; entries and index for the target
 *	commit	 target published, held; its old contents stripped
 *		 pages move from the source's slots to the target's
 *		 source forgotten (or left empty), its translations removed
 *		 target let go
 *
 *	from ────── kept ──────┬─ tail ─┐		to ────── kept ──────┬─ more ─┐
 *	[ a ][ guarded ][  b   ┊  b ][c ]		[ a ][ guarded ][  b ┊    b   ]
 *
 * The source may be several entries, with holes; they keep their layout.  What the target has more continues the
 * last one; what it has less, the tail, is forgotten, whatever is mapped there.
 *
 * All that may fail comes before the first commit; until then letting go of the source restores everything.
 *
 * The slots of home amaps are page numbers, so the pages of all private entries move as one window; a shared amap
 * keeps its slots, the entry keeps its part of them.
 */
#include "map_priv.h"

/* ---- Cutting ---- */

/* cut_part: the part of `e` inside [start, end). */
static void
cut_part(const struct tess_entry *e, tess_va start, tess_va end, tess_va *lo, tess_va *hi)
{
	*lo = e->range.start > start ? e->range.start : start;
	*hi = e->range.end < end ? e->range.end : end;
}

enum tess_err
tess_map_cut(struct tess_map_edit *ed, tess_va start, tess_va end)
{
	struct tess_entry *e, inner;
	tess_va lo, hi;

	if (start == end)
		return TESS_OK;
	for (e = tess_map_next_rcu(ed->map, start); e != NULL && e->range.start < end;
	     e = tess_map_next_rcu(ed->map, hi)) {
		enum tess_err err;

		tess_store_release(&e->held, 1); /* pairs with tess_entry_live() */
		cut_part(e, start, end, &lo, &hi);
		if (lo == e->range.start && hi == e->range.end)
			continue;
		inner = *e; /* held, so that it does not join what it is cut from */
		tess_map_edit_open(ed, lo, hi);
		tess_map_edit_put(ed, &inner, lo, hi);
		err = tess_map_edit_close(ed, hi);
		if (err != TESS_OK)
			return err;
		tess_map_edit_commit(ed);
	}
	return TESS_OK;
}

void
tess_map_let_go(struct tess_map_edit *ed, tess_va start, tess_va end)
{
	struct tess_entry *e;
	tess_va at;

	for (at = start; (e = tess_map_next_rcu(ed->map, at)) != NULL && e->range.start < end;) {
		tess_store_release(&e->held, 0); /* pairs with tess_entry_live() */
		at = e->range.end;
	}
	for (at = start; (e = tess_map_next_rcu(ed->map, at)) != NULL && e->range.start < end;) {
		at = e->range.end;
		tess_map_remerge(ed, e->range.start, e->range.end);
	}
}

/* ---- Prepare ---- */

static bool
move_is_home(const struct tess_move *v, const struct tess_entry *e)
{
	return e->amap == v->src->home;
}

/* move_last: the last entry of the source; cut, so that the part that moves ends with it. */
static struct tess_entry *
move_last(const struct tess_move *v)
{
	return tess_map_lookup_rcu(v->src, v->from + v->kept - 1);
}

/* move_target: the new entries over the target, held, allocated; not yet published. */
static enum tess_err
move_target(struct tess_move *v)
{
	tess_va end = v->from + v->kept;
	struct tess_entry *e, to;

	tess_map_edit_open(v->de, v->to, v->to + v->to_len);
	for (e = tess_map_next_rcu(v->src, v->from); e != NULL && e->range.start < end;
	     e = tess_map_next_rcu(v->src, e->range.end)) {
		to = *e;
		to.range.start = e->range.start - v->from + v->to;
		to.range.end = e->range.end - v->from + v->to;
		if (move_is_home(v, e)) {
			to.amap = v->dst->home;
			to.aidx = to.range.start >> TESS_PAGE_SHIFT;
		}
		tess_map_edit_put(v->de, &to, to.range.start, to.range.end);
		if (e->range.end != end || v->to_len == v->kept)
			continue;
		to.flags &= (uint32_t)~TESS_ENTRY_GUARDED; /* what is new is not guarded */
		tess_map_edit_put(v->de, &to, v->to + v->kept, v->to + v->to_len);
	}
	return tess_map_edit_close(v->de, v->to + v->to_len);
}

/*
 * move_left: the entries that stay, empty, when the source is kept: their pages will be new ones.
 *
 * => strung together in v->left, ascending
 */
static enum tess_err
move_left(struct tess_move *v)
{
	struct tess_range **at = &v->left;
	struct tess_entry *e, left, *n;
	tess_va end = v->from + v->kept;

	for (e = tess_map_next_rcu(v->src, v->from);
	     v->source == TESS_MOVE_KEEP_EMPTY && e != NULL && e->range.start < end;
	     e = tess_map_next_rcu(v->src, e->range.end)) {
		left = *e;
		left.held = 0;
		left.flags &=
		    (uint32_t) ~(TESS_ENTRY_LOCKED | TESS_ENTRY_ONFAULT | TESS_ENTRY_GUARDED);
		if (left.amap != NULL) {
			left.amap = v->src->home;
			left.aidx = left.range.start >> TESS_PAGE_SHIFT;
		}
		n = tess_entry_copy(&left, left.range.start, left.range.end);
		if (n == NULL)
			return TESS_ENOMEM;
		*at = &n->range;
		at = &n->range.link;
	}
	return TESS_OK;
}

/* move_prepare_more: a shared amap keeps its slots; what the target has more is covered too. */
static enum tess_err
move_prepare_more(struct tess_move *v)
{
	struct tess_entry *e = move_last(v);
	uint64_t n = (v->to_len - v->kept) >> TESS_PAGE_SHIFT;
	tess_idx slot;

	if (n == 0 || e->amap == NULL || !e->amap->shared)
		return TESS_OK;
	slot = tess_entry_slot(e, v->from + v->kept);
	if (!v->strip.cover.held)
		tess_cover_begin(&v->strip.cover);
	if (tess_cover_any(e->amap, slot, n))
		return TESS_ENOMEM; /* a sibling that was moved away left its slots there */
	return tess_cover_prepare(&v->strip.cover, e->amap, slot, n);
}

/* move_prepare: everything that may fail; the source is cut and held. */
static enum tess_err
move_prepare(struct tess_move *v)
{
	enum tess_err err = tess_map_strip_prepare(&v->strip, v->de, v->to, v->to + v->to_len);

	if (err == TESS_OK)
		err = tess_amap_move_prepare(v->src->home, v->from >> TESS_PAGE_SHIFT, v->dst->home,
					     v->to >> TESS_PAGE_SHIFT, v->kept >> TESS_PAGE_SHIFT);
	if (err == TESS_OK && v->from_len > v->kept)
		err = tess_map_strip_prepare(&v->strip, v->se, v->from + v->kept,
					     v->from + v->from_len);
	if (err == TESS_OK)
		err = move_prepare_more(v);
	if (err == TESS_OK)
		err = move_left(v);
	return err == TESS_OK ? move_target(v) : err;
}

/* ---- Commit ---- */

/*
 * move_forget: the source's entries of [start, end) go one by one, each leaving the next of `left` or nothing: the
 * index promises that this cannot fail.
 */
static void
move_forget(struct tess_move *v, tess_va start, tess_va end)
{
	struct tess_map_edit *ed = v->se;
	struct tess_entry *e;
	tess_va at = start;
	enum tess_err err;

	while ((e = tess_map_next_rcu(v->src, at)) != NULL && e->range.start < end) {
		ed->lo = e->range.start;
		ed->hi = at = e->range.end;
		ed->head = v->left;
		ed->last = tess_entry_of(v->left);
		ed->n = v->left != NULL;
		if (v->left != NULL) {
			v->left = ed->head->link;
			ed->head->link = NULL;
		}
		err = tess_map_edit_prepare(ed);
		TESS_ASSERT(err == TESS_OK);
		tess_map_edit_commit(ed);
	}
}

/* move_source: forget the source, or leave it mapped and empty; then what it has more than the target. */
static void
move_source(struct tess_move *v)
{
	tess_va end = v->from + v->kept, tail_end = v->from + v->from_len;

	move_forget(v, v->from, end);
	tess_pmap_remove(v->src->pmap, v->from, end, &v->se->g);
	if (v->source == TESS_MOVE_KEEP_EMPTY)
		tess_map_let_go(v->se, v->from, end); /* they may join */
	else
		tess_map_place_freed(v->src, v->from, tail_end);
	if (end == tail_end)
		return;
	v->se->mark = v->se->dead; /* only what goes now is stripped */
	move_forget(v, end, tail_end);
	tess_map_strip(&v->strip, v->se, end, tail_end, TESS_WIPE_RELEASE);
}

/* move_commit: the target is allocated; nothing fails from here on. */
static void
move_commit(struct tess_move *v)
{
	uint64_t more = (v->to_len - v->kept) >> TESS_PAGE_SHIFT;
	struct tess_entry *last = move_last(v);

	v->de->mark = v->de->dead; /* what was cut has been put again */
	tess_map_edit_commit(v->de);
	tess_map_strip(&v->strip, v->de, v->to, v->to + v->to_len, TESS_WIPE_KEEP);
	tess_amap_move(v->src->home, v->from >> TESS_PAGE_SHIFT, v->dst->home,
		       v->to >> TESS_PAGE_SHIFT, v->kept >> TESS_PAGE_SHIFT);
	if (more != 0 && last->amap != NULL && last->amap->shared)
		tess_cover_add(&v->strip.cover, last->amap,
			       tess_entry_slot(last, v->from + v->kept), more);
	move_source(v);
	if (!tess_map_hole(v->dst, v->to, v->to + v->to_len))
		tess_map_place_took(v->dst, v->to, v->to + v->to_len);
	if (v->src != v->dst)
		tess_gather_finish(&v->se->g); /* before anybody can free the frames there */
	tess_map_let_go(v->de, v->to, v->to + v->to_len);
}

/* move_cancel: let the source go; what was cut of it joins again. */
static void
move_cancel(struct tess_move *v)
{
	tess_map_let_go(v->se, v->from, v->from + v->from_len);
	while (v->left != NULL) {
		struct tess_entry *e = tess_entry_of(v->left);

		v->left = v->left->link;
		tess_entry_free_now(e);
	}
}

enum tess_err
tess_map_move_held(struct tess_move *v)
{
	tess_va end = v->from + v->from_len;
	enum tess_err err;

	v->kept = v->from_len < v->to_len ? v->from_len : v->to_len;
	v->left = NULL;
	tess_map_strip_begin(&v->strip);
	if (v->source == TESS_MOVE_UNMAP) {
		v->se->goes_lo = v->from;
		v->se->goes_hi = end;
	}
	err = tess_map_cut(v->se, v->from, v->from + v->kept);
	if (err == TESS_OK)
		err = tess_map_cut(v->se, v->from + v->kept, end);
	if (err == TESS_OK)
		err = move_prepare(v);
	if (err == TESS_OK)
		move_commit(v);
	else
		move_cancel(v);
	tess_map_strip_end(&v->strip);
	return err;
}

/* ---- Within a map ---- */

/* move_limits: the map's totals after the move. */
static enum tess_err
move_limits(const struct tess_move *v, const struct tess_map_limits *limits)
{
	uint64_t kept = v->from_len < v->to_len ? v->from_len : v->to_len;
	struct tess_map_limits less, gone, l = *limits;

	if (v->source == TESS_MOVE_UNMAP && v->to_len <= kept)
		return TESS_OK; /* nothing grows, whatever the limits became */
	if (v->to_len <= kept)
		l.locked = UINT64_MAX; /* the lock goes along: no more is locked than before */
	tess_map_over(v->src, v->to, v->to + v->to_len, &less);
	tess_map_over(v->src, v->from, v->from + v->from_len, &gone);
	if (v->source == TESS_MOVE_UNMAP) {
		less.bytes += gone.bytes;
		less.data += gone.data;
	}
	less.locked += gone.locked; /* what stays at the source is not locked any more */
	return tess_map_limit(v->src, tess_map_lookup_rcu(v->src, v->from), v->to_len, &less, &l);
}

/* move_whole: is there something everywhere in [from, from + len), and, for ONE, one mapping? */
static bool
move_whole(const struct tess_move *v, uint64_t len, enum tess_move_what what)
{
	struct tess_entry e;

	if (what == TESS_MOVE_ALL)
		return !tess_map_hole(v->src, v->from, v->from + len);
	return tess_map_mapping_rcu(v->src, v->from, &e) && e.range.end >= v->from + len;
}

/* move_check: may it be done at all?  Finds the place. */
static enum tess_err
move_check(struct tess_move *v, const struct tess_map_new *n, enum tess_move_what what)
{
	uint64_t kept = v->from_len < v->to_len ? v->from_len : v->to_len;
	enum tess_err err;

	if (!move_whole(v, what == TESS_MOVE_ALL ? v->from_len : kept, what))
		return TESS_EFAULT;
	err = tess_map_going(v->src, v->from, v->from + v->from_len, TESS_HOLES_SKIP);
	if (err == TESS_OK && n->place != TESS_PLACE_ANY)
		err = tess_map_going(v->dst, v->to, v->to + v->to_len, TESS_HOLES_SKIP);
	else if (err == TESS_OK && !tess_map_choose(v->dst, n, &v->to))
		err = TESS_ENOMEM;
	return err == TESS_OK ? move_limits(v, &n->limits) : err;
}

enum tess_err
tess_map_move(struct tess_map *map, tess_va from, uint64_t from_len, const struct tess_map_new *n,
	      enum tess_move_source source, enum tess_move_what what, tess_va *to)
{
	struct tess_map_edit ed;
	struct tess_move v = {.src = map,
			      .dst = map,
			      .se = &ed,
			      .de = &ed,
			      .from = from,
			      .to = n->addr,
			      .from_len = from_len,
			      .to_len = n->len,
			      .source = source};
	enum tess_err err;

	tess_map_edit_begin(&ed, map, map->min, map->max);
	err = move_check(&v, n, what);
	if (err == TESS_OK) {
		TESS_DEBUG(from + from_len <= v.to || v.to + v.to_len <= from);
		err = tess_map_move_held(&v);
	}
	if (err == TESS_OK && n->place == TESS_PLACE_ANY)
		tess_map_place_chosen(map, v.to, v.to + v.to_len);
	if (err == TESS_OK)
		*to = v.to;
	tess_map_edit_end(&ed);
	return err;
}
