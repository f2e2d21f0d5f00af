/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * map_share.c: private memory that a fork must share moves to an amap that can be shared.
 *
 *	home amap:  [ slots of other entries | slots of e | ... ]
 *						  │ move
 *	new amap:			     [ slots of e ]	covered by e, and soon by the child's entry
 *
 * The entry is held while this happens, so that no fault puts a page into the old slots.  Its translations
 * go: private pages are the same frames at the same addresses, but zeros are not.
 */
#include "map_priv.h"

/*
 * Where a new amap's slots begin: a second view may lie at any address and grow down from there (a stack),
 * so there are as many slots below the first as there are pages.
 */
#define SHARE_SLOTS ((tess_idx)1 << 36)

/* share_prepare: all that moving the entry's pages needs. */
static enum tess_err
share_prepare(struct tess_map_edit *ed, const struct tess_entry *e, struct tess_amap *am,
	      struct tess_cover *cover)
{
	uint64_t n = tess_entry_bytes(e) >> TESS_PAGE_SHIFT;
	struct tess_entry to = *e;
	enum tess_err err;

	to.amap = am;
	to.aidx = e->aidx + SHARE_SLOTS;
	err = tess_cover_prepare(cover, am, to.aidx, n);
	if (err == TESS_OK)
		err = tess_amap_move_prepare(e->amap, e->aidx, am, to.aidx, n);
	if (err != TESS_OK)
		return err;
	to.held = 0;
	tess_map_edit_open(ed, e->range.start, e->range.end);
	tess_map_edit_put(ed, &to, e->range.start, e->range.end);
	return tess_map_edit_close(ed, e->range.end);
}

/* share_commit: the pages move, the coverage is counted, the new entry is published. */
static void
share_commit(struct tess_map_edit *ed, const struct tess_entry *e, struct tess_amap *am,
	     struct tess_cover *cover)
{
	tess_va start = e->range.start, end = e->range.end;
	uint64_t n = (end - start) >> TESS_PAGE_SHIFT;

	tess_amap_move(e->amap, e->aidx, am, e->aidx + SHARE_SLOTS, n);
	tess_cover_add(cover, am, e->aidx + SHARE_SLOTS, n);
	tess_map_edit_commit(ed);
	/* What is untouched was read from the machine's page of zeros; from here on it is the amap's
	 * own, whose translations can be found. */
	tess_pmap_remove(ed->map->pmap, start, end, &ed->g);
}

enum tess_err
tess_map_share(struct tess_map_edit *ed, struct tess_entry *e, struct tess_range **undo)
{
	struct tess_entry *back = tess_entry_copy(e, e->range.start, e->range.end);
	struct tess_cover cover;
	struct tess_amap *am;
	enum tess_err err = back != NULL ? tess_amap_create(true, &am) : TESS_ENOMEM;

	if (err != TESS_OK) {
		if (back != NULL)
			tess_entry_free_now(back);
		return err;
	}
	tess_cover_begin(&cover);
	tess_store_release(&e->held, 1); /* pairs with tess_entry_live() */
	err = share_prepare(ed, e, am, &cover);
	if (err == TESS_OK) {
		share_commit(ed, e, am, &cover);
		back->range.link = *undo;
		*undo = &back->range;
	} else {
		tess_store_release(&e->held, 0);
		tess_amap_destroy(am, &ed->g);
		tess_entry_free_now(back);
	}
	tess_cover_end(&cover);
	tess_gather_finish(&ed->g); /* fork goes on to take locks that sleep */
	return err;
}

/* share_back: one entry returns to the home amap, whose chunks tess_map_share() left in place. */
static void
share_back(struct tess_map_edit *ed, struct tess_entry *back)
{
	struct tess_entry *e = tess_map_lookup_rcu(ed->map, back->range.start);
	uint64_t n = tess_entry_bytes(e) >> TESS_PAGE_SHIFT;
	struct tess_amap *am = e->amap;
	tess_idx slot = e->aidx;
	struct tess_cover cover;
	enum tess_err err;

	tess_cover_begin(&cover);
	tess_store_release(&e->held, 1); /* pairs with tess_entry_live() */
	tess_pmap_remove(ed->map->pmap, back->range.start, back->range.end, &ed->g);
	tess_amap_move(am, slot, back->amap, back->aidx, n);
	back->held = 0;
	back->range.link = NULL;
	ed->lo = back->range.start;
	ed->hi = back->range.end;
	ed->head = &back->range;
	ed->last = back;
	ed->n = 1;
	err = tess_map_edit_prepare(ed);
	TESS_ASSERT(err == TESS_OK); /* index.h: one range for one */
	tess_map_edit_commit(ed);
	tess_cover_drop(&cover, am, slot, n, &ed->g);
	tess_cover_end(&cover);
	tess_gather_finish(&ed->g);
}

void
tess_map_unshare(struct tess_map_edit *ed, struct tess_range *undo, enum tess_err err)
{
	while (undo != NULL) {
		struct tess_entry *back = tess_entry_of(undo);

		undo = undo->link;
		if (err == TESS_OK)
			tess_entry_free_now(back);
		else
			share_back(ed, back);
	}
}

enum tess_err
tess_map_cover_more(struct tess_cover *cover, const struct tess_entry *e, tess_va lo, tess_va hi)
{
	tess_idx slot;

	if (e->amap == NULL || !e->amap->shared)
		return TESS_OK;
	slot = tess_entry_slot(e, lo);
	tess_cover_begin(cover);
	if (tess_cover_any(e->amap, slot, (hi - lo) >> TESS_PAGE_SHIFT))
		return TESS_ENOMEM; /* a sibling that was moved away left its slots there */
	return tess_cover_prepare(cover, e->amap, slot, (hi - lo) >> TESS_PAGE_SHIFT);
}
