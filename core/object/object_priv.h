/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * object_priv.h: between the files of this room.
 */
#ifndef TESS_OBJECT_PRIV_H
#define TESS_OBJECT_PRIV_H

#include "object.h"

#define TESS_OBJECT_MAX ((uint64_t)1 << 63)
#define TESS_IDX_ALL    ((tess_idx)1 << 52) /* beyond every page index */

/*
 * BUSY marks a page whose contents an I/O owns; nobody else maps, drops or changes it.
 *
 * => locks: object, for all three; wait_unlock drops it and sleeps until the page may have changed
 */
void tess_object_set_busy_locked(struct tess_object *o, struct tess_page *pg)
    TESS_REQUIRES(&o->lock);
void tess_object_clear_busy_locked(struct tess_object *o, struct tess_page *pg)
    TESS_REQUIRES(&o->lock);
void tess_object_wait_unlock(struct tess_object *o, struct tess_page *pg) TESS_RELEASES(&o->lock);

/*
 * tess_object_wait_page: pay what `g` owes, then sleep while page idx is BUSY.
 *
 * => locks: object, before and after; dropped between
 */
void tess_object_wait_page(struct tess_object *o, tess_idx idx, struct tess_gather *g)
    TESS_REQUIRES(&o->lock);

void tess_object_drop_pages(struct tess_object *o, tess_idx first);

#endif
