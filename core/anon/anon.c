/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * anon.c: single private pages, the zero page, and the room's pools.
 */
#include "anon_priv.h"

/* room_reserve: the runs that exit may need, and the zero page. */
static bool
room_reserve(struct tess_anon_room *room)
{
	for (int i = 0; i < TESS_RUNS_RESERVED; i++) {
		struct tess_run *r = tess_pool_get(&room->runs);

		if (r == NULL)
			return false;
		r->next = room->reserve;
		room->reserve = r;
	}
	room->zero = tess_page_alloc(TESS_FILL_ZERO, TESS_SITE_PAGE);
	if (room->zero == NULL)
		return false;
	tess_page_set_state(room->zero, TESS_PAGE_ZERO);
	return true;
}

enum tess_err
tess_anon_room_init(struct tess_machine *m)
{
	struct tess_anon_room *room = tess_boot_alloc(m, sizeof(*room), 64);
	enum tess_err e;

	if (room == NULL)
		return TESS_ENOMEM;
	m->anon = room;
	tess_mutex_init(&room->cover);
	if ((e = tess_pool_init(&room->anons, "anon", sizeof(struct tess_anon), 8)) != TESS_OK ||
	    (e = tess_pool_init(&room->chunks, "chunk", sizeof(struct tess_chunk), 64)) !=
		TESS_OK ||
	    (e = tess_pool_init(&room->amaps, "amap", sizeof(struct tess_amap), 64)) != TESS_OK ||
	    (e = tess_pool_init(&room->runs, "run", sizeof(struct tess_run), 8)) != TESS_OK)
		return e;
	if (!room_reserve(room)) {
		tess_anon_room_fini(m);
		return TESS_ENOMEM;
	}
	return TESS_OK;
}

void
tess_anon_room_fini(struct tess_machine *m)
{
	struct tess_anon_room *room = m->anon;

	if (room->zero != NULL)
		tess_page_free(room->zero);
	while (room->reserve != NULL) {
		struct tess_run *r = room->reserve;

		room->reserve = r->next;
		tess_pool_put(&room->runs, r);
	}
	tess_pool_fini(&room->runs);
	tess_pool_fini(&room->amaps);
	tess_pool_fini(&room->chunks);
	tess_pool_fini(&room->anons);
}

struct tess_anon *
tess_anon_new(enum tess_page_fill fill)
{
	struct tess_pool *pool = &tess_machine()->anon->anons;
	struct tess_anon *an = tess_pool_get(pool);

	if (an == NULL)
		return NULL;
	an->page = tess_page_alloc(fill, TESS_SITE_PAGE);
	if (an->page == NULL) {
		tess_pool_put(pool, an);
		return NULL;
	}
	an->refs = 1;
	an->page->owner = an;
	tess_page_set_state(an->page, TESS_PAGE_ANON);
	return an;
}

void
tess_anon_unref(struct tess_anon *an, struct tess_gather *g)
{
	uint32_t was = tess_sub_acqrel(&an->refs, 1); /* pairs with the other holders' last use */

	TESS_ASSERT(was > 0);
	if (was > 1)
		return;
	tess_gather_frame(g, an->page);
	tess_pool_put(&tess_machine()->anon->anons, an);
}

void
tess_anon_room_check(void)
{
	struct tess_page_counts c;

	tess_page_counts_get(&c);
	TESS_ASSERT((uint64_t)tess_pool_out(&tess_machine()->anon->anons) == c.anon); /* I-ANON-1 */
}
