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

/* share_prepare: all that moving the entry's pages needs. */
static enum tess_err
share_prepare(struct tess_map_edit *ed, const struct tess_entry *e, struct tess_amap *am,
	      struct tess_cover *cover)
{
	uint64_t n = tess_entry_bytes(e) >> TESS_PAGE_SHIFT;
	struct tess_entry to = *e;
	enum tess_err err = tess_cover_prepare(cover, am, e->aidx, n);

	if (err == TESS_OK)
		err = tess_amap_move_prepare(e->amap, e->aidx, am, e->aidx, n);
	if (err != TESS_OK)
		return err;
	to.amap = am;
	to.held = 0;
	tess_map_edit_open(ed, e->range.start, e->range.end);
	tess_map_edit_put(ed, &to, e->range.start, e->range.end);
	return tess_map_edit_close(ed, e->range.end);
}

enum tess_err
tess_map_share(struct tess_map_edit *ed, struct tess_entry *e)
{
	uint64_t n = tess_entry_bytes(e) >> TESS_PAGE_SHIFT;
	tess_va start = e->range.start;
	struct tess_cover cover;
	struct tess_amap *am;
	enum tess_err err = tess_amap_create(true, &am);

	if (err != TESS_OK)
		return err;
	tess_cover_begin(&cover);
	tess_store_release(&e->held, 1); /* pairs with tess_entry_live() */
	err = share_prepare(ed, e, am, &cover);
	if (err == TESS_OK) {
		tess_amap_move(e->amap, e->aidx, am, e->aidx, n);
		tess_cover_add(&cover, am, e->aidx, n);
		tess_map_edit_commit(ed);
		/* What is untouched was read from the machine's page of zeros; from here on it is
		 * the amap's own, whose translations can be found. */
		tess_pmap_remove(ed->map->pmap, start, start + (n << TESS_PAGE_SHIFT), &ed->g);
	} else {
		tess_store_release(&e->held, 0);
		tess_amap_destroy(am, &ed->g);
	}
	tess_cover_end(&cover);
	tess_gather_finish(&ed->g); /* fork goes on to take locks that sleep */
	return err;
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
