/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * map_edit.c: the one way to change a layout.
 *
 *	before		[ prev ][   a   ][ b ]      [ next ]
 *	open(s, e)		   s──────────────e
 *	put ...		[ prev ][ a'][ new new  ]   [ next ]
 *	commit		    lo──────────────────hi	everything between is replaced
 *
 * lo and hi reach beyond [start, end) where an entry is cut (its outer part is put again) and where
 * a neighbour touches and merges with the first or last new entry.  A neighbour that
 * touches but does not merge stays as it is.
 *
 * Rejected: clip first, change, then merge (UVM): a call that is refused half-way leaves its clips
 * behind, and every step is visible.
 */
#include "map_priv.h"

void
tess_map_edit_begin_rank(struct tess_map_edit *ed, struct tess_map *map, tess_va start, tess_va end,
			 enum tess_rank rank)
{
	tess_va lo = start > map->min ? start - 1 : start;
	tess_va hi = end < map->max ? end + 1 : end;

	ed->map = map;
	ed->head = NULL;
	ed->last = NULL;
	ed->n = 0;
	ed->nomem = ed->told = false;
	ed->dead = NULL;
	ed->mark = NULL;
	ed->goes_lo = ed->goes_hi = 0;
	ed->charged = ed->kept = ed->took_charged = ed->took_kept = 0;
	tess_gather_init(&ed->g);
	tess_index_lock(&map->index, lo, hi, rank, &ed->ix);
	ed->entries = map->entries;
}

/* edit_in_transition: is somebody wiring any of it? */
static bool
edit_in_transition(struct tess_map *map, tess_va start, tess_va end)
{
	struct tess_entry *e;

	if (TESS_LIKELY(map->transition == 0))
		return false;
	for (e = tess_map_next_rcu(map, start); e != NULL && e->range.start < end;
	     e = tess_map_next_rcu(map, e->range.end)) {
		if (e->transition != 0)
			return true;
		if (e->range.end >= end)
			break;
	}
	return false;
}

void
tess_map_wait_wiring(struct tess_map *map)
{
	tess_mutex_lock(&map->wiring, TESS_RANK_WIRING); /* its holder marks and unmarks */
	tess_mutex_unlock(&map->wiring, TESS_RANK_WIRING);
}

void
tess_map_edit_begin(struct tess_map_edit *ed, struct tess_map *map, tess_va start, tess_va end)
{
	tess_map_edit_begin_rank(ed, map, start, end, TESS_RANK_LEAF);
	while (TESS_UNLIKELY(edit_in_transition(map, start, end))) {
		tess_map_edit_end(ed);
		tess_map_wait_wiring(map);
		tess_map_edit_begin_rank(ed, map, start, end, TESS_RANK_LEAF);
	}
}

bool
tess_map_edit_begin_second(struct tess_map_edit *ed, struct tess_map *map)
{
	tess_map_edit_begin_rank(ed, map, map->min, map->max, TESS_RANK_LEAF2);
	if (TESS_LIKELY(!edit_in_transition(map, map->min, map->max)))
		return true;
	tess_map_edit_end(ed);
	return false;
}

/* edit_discard: forget what was put and not committed. */
static void
edit_discard(struct tess_map_edit *ed)
{
	while (ed->head != NULL) {
		struct tess_entry *e = tess_entry_of(ed->head);

		ed->head = e->range.link;
		tess_entry_free_now(e);
	}
	ed->last = NULL;
	ed->n = 0;
	ed->nomem = false;
}

void
tess_map_edit_end(struct tess_map_edit *ed)
{
	struct tess_range *unused = ed->head;

	/* The flush is paid with the lock held: were it dropped before, another writer could map
	 * the same addresses while some CPU still translates them to what was there. */
	tess_gather_finish(&ed->g);
	tess_map_edit_settle(ed);
	if (ed->told)
		tess_store_release(&ed->map->done, ed->map->done + 1); /* pairs with list_try() */
	tess_index_unlock(&ed->ix);
	ed->head = unused;
	edit_discard(ed);
	while (ed->dead != NULL) {
		struct tess_entry *e = tess_entry_of(ed->dead);

		ed->dead = e->range.link;
		tess_entry_free_rcu(e);
	}
}

/* edit_append: a new entry at the end of the list, not joined. */
static void
edit_append(struct tess_map_edit *ed, struct tess_entry *n)
{
	if (ed->last != NULL)
		ed->last->range.link = &n->range;
	else
		ed->head = &n->range;
	ed->last = n;
	ed->n++;
}

void
tess_map_edit_put(struct tess_map_edit *ed, const struct tess_entry *e, tess_va start, tess_va end)
{
	struct tess_entry *n;

	TESS_DEBUG(start < end && tess_page_aligned(start | end));
	if (ed->nomem)
		return;
	n = tess_entry_copy(e, start, end);
	if (n == NULL) {
		ed->nomem = true;
		return;
	}
	if (ed->last != NULL && tess_entry_joins(ed->last, n)) {
		ed->last->range.end = end; /* not published yet */
		tess_entry_free_now(n);
		return;
	}
	edit_append(ed, n);
}

/* edit_put_outer: the part of a cut entry that stays as it is; not held, whoever holds the whole. */
static void
edit_put_outer(struct tess_map_edit *ed, const struct tess_entry *e, tess_va start, tess_va end)
{
	struct tess_entry outer = *e;

	outer.held = 0;
	tess_map_edit_put(ed, &outer, start, end);
}

void
tess_map_edit_open(struct tess_map_edit *ed, tess_va start, tess_va end)
{
	struct tess_map *map = ed->map;
	struct tess_entry *left;

	edit_discard(ed);
	ed->lo = start;
	ed->hi = end;
	left = start > map->min ? tess_map_edit_at(ed, start - 1) : NULL;
	if (left != NULL && left->range.end > start) { /* cut */
		ed->lo = left->range.start;
		edit_put_outer(ed, left, left->range.start, start);
	}
}

/* edit_close_left: a left neighbour that only touches is taken in when the first new entry joins it. */
static void
edit_close_left(struct tess_map_edit *ed)
{
	struct tess_map *map = ed->map;
	struct tess_entry *first = tess_entry_of(ed->head), *left, *n;

	if (first == NULL || first->range.start != ed->lo || ed->lo == map->min)
		return;
	left = tess_map_edit_at(ed, ed->lo - 1);
	if (left == NULL || !tess_entry_joins(left, first))
		return;
	n = tess_entry_copy(left, left->range.start, first->range.end);
	if (n == NULL)
		return; /* merging is a saving, not a duty */
	n->range.link = first->range.link;
	ed->head = &n->range;
	if (ed->last == first)
		ed->last = n;
	ed->lo = left->range.start;
	tess_entry_free_now(first);
}

/* edit_close_right: the outer part of a cut entry, or a right neighbour that joins. */
static void
edit_close_right(struct tess_map_edit *ed, tess_va end)
{
	struct tess_entry *right = tess_map_edit_at(ed, end);

	if (end == ed->map->max || right == NULL)
		return;
	if (right->range.start < end) {
		ed->hi = right->range.end;
		edit_put_outer(ed, right, end, right->range.end);
	} else if (ed->last != NULL && tess_entry_joins(ed->last, right)) {
		ed->hi = right->range.end;
		ed->last->range.end = right->range.end;
	}
}

enum tess_err
tess_map_edit_prepare(struct tess_map_edit *ed)
{
	/* Cut entries and neighbours reach beyond what begin locked. */
	tess_index_relock(&ed->ix, ed->lo < ed->ix.lo ? ed->lo : ed->ix.lo,
			  ed->hi > ed->ix.hi ? ed->hi : ed->ix.hi);
	return tess_index_prepare(&ed->ix, ed->lo, ed->hi, ed->n);
}

enum tess_err
tess_map_edit_close(struct tess_map_edit *ed, tess_va end)
{
	enum tess_err e;

	edit_close_right(ed, end);
	if (ed->nomem) {
		edit_discard(ed);
		return TESS_ENOMEM;
	}
	edit_close_left(ed);
	e = tess_map_edit_reserve(ed);
	if (e == TESS_OK)
		e = tess_map_edit_prepare(ed);
	if (e != TESS_OK)
		edit_discard(ed);
	return e;
}

/*
 * edit_tell: the layout is about to change.
 *
 * => pairs with list_try(): the index publishes with release, so whoever finds a new entry, or misses an old one,
 *    finds `begun` raised too
 */
static void
edit_tell(struct tess_map_edit *ed)
{
	if (ed->told)
		return;
	ed->told = true;
	tess_store_release(&ed->map->begun, ed->map->begun + 1);
}

void
tess_map_edit_commit(struct tess_map_edit *ed)
{
	struct tess_entry *e;

	edit_tell(ed);
	/* Collect what is about to die before the index forgets it. */
	for (tess_va at = ed->lo; at < ed->hi; at = e->range.end) {
		e = tess_map_edit_next(ed, at);
		if (e == NULL || e->range.start >= ed->hi)
			break;
		e->range.link = ed->dead;
		ed->dead = &e->range;
		tess_map_account(ed, e, -1);
	}
	for (struct tess_range *r = ed->head; r != NULL; r = r->link)
		tess_map_account(ed, tess_entry_of(r), 1);
	tess_index_commit(&ed->ix, ed->lo, ed->hi, ed->head, ed->n);
	ed->head = NULL;
	ed->last = NULL;
	ed->n = 0;
}

void
tess_map_remerge(struct tess_map_edit *ed, tess_va start, tess_va end)
{
	struct tess_entry *e = tess_map_edit_at(ed, start), *left, *right;

	left = start > ed->map->min ? tess_map_edit_at(ed, start - 1) : NULL;
	right = end < ed->map->max ? tess_map_edit_at(ed, end) : NULL;
	if (!(left != NULL && tess_entry_joins(left, e)) &&
	    !(right != NULL && tess_entry_joins(e, right)))
		return;
	tess_map_edit_open(ed, start, end);
	tess_map_edit_put(ed, e, start, end);
	if (tess_map_edit_close(ed, end) == TESS_OK)
		tess_map_edit_commit(ed);
}
