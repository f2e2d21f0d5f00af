/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * incore.c: mincore: which pages are in memory.
 */
#include "space.h"

/* mincore_page: is the page that holds va in memory?  rcu: inside */
static bool
mincore_page(struct tess_entry *e, tess_va va)
{
	tess_idx slot = e->amap != NULL ? tess_entry_slot(e, va) : 0;

	if (e->amap != NULL && tess_amap_count(e->amap, slot, 1) != 0)
		return true;
	return e->object != NULL && tess_object_has_rcu(e->object, tess_entry_idx(e, va));
}

/*
 * mincore_bits: what is known about the page of va that is in memory.
 *
 * => its own marks come from this space's translation, those of "others" from the frame, which gathers
 *    everybody's
 */
static unsigned char
mincore_bits(struct tess_map *map, struct tess_entry *e, tess_va va)
{
	unsigned char bits = TESS_MINCORE_INCORE;
	uint32_t own = 0, all = 0;
	struct tess_gather g;
	tess_pa pa;

	if (e->amap != NULL && tess_amap_count(e->amap, tess_entry_slot(e, va), 1) != 0)
		bits |= e->object != NULL ? TESS_MINCORE_COPIED : TESS_MINCORE_ANONYMOUS;
	if (tess_pmap_extract(map->pmap, va, &pa, NULL)) {
		struct tess_page *pg = tess_page_of(pa);

		tess_gather_init(&g);
		own = tess_pmap_used(map->pmap, va, pg);
		all = tess_page_collect(pg, 0, &g);
		tess_gather_finish(&g);
	}
	bits |= own & TESS_PAGE_REFERENCED ? TESS_MINCORE_REFERENCED : 0;
	bits |= own & TESS_PAGE_MODIFIED ? TESS_MINCORE_MODIFIED : 0;
	bits |= all & TESS_PAGE_REFERENCED ? TESS_MINCORE_REFERENCED_OTHER : 0;
	bits |= all & TESS_PAGE_MODIFIED ? TESS_MINCORE_MODIFIED_OTHER : 0;
	return bits;
}

/* One walk of a mincore. */
struct mincore {
	struct tess_map *map;
	tess_va va, end;
	unsigned char *vec;
	unsigned char mask; /* the bits that are told */
};

/* mincore_entry: the pages of [c->va, c->end) in one entry.  ENOMEM: a hole at c->va (C4). */
static enum tess_err
mincore_entry(struct mincore *c)
{
	enum tess_err err = TESS_OK;
	struct tess_entry *e;

	tess_rcu_enter();
	e = tess_map_lookup_rcu(c->map, c->va);
	if (e == NULL)
		err = TESS_ENOMEM;
	else if (e->flags & TESS_ENTRY_SUBMAP)
		err = TESS_EINVAL; /* C10 */
	for (; err == TESS_OK && c->va < c->end && c->va < e->range.end; c->va += TESS_PAGE_SIZE) {
		bool in = (e->flags & TESS_ENTRY_DEVICE) || mincore_page(e, c->va); /* C5 */

		*c->vec = in ? TESS_MINCORE_INCORE : 0;
		if (in && c->mask != TESS_MINCORE_INCORE)
			*c->vec = mincore_bits(c->map, e, c->va) & c->mask;
		c->vec++;
	}
	tess_rcu_exit();
	return err;
}

/* mincore_span: the range, as the personality takes it. */
static enum tess_err
mincore_span(struct tess_space *sp, tess_va addr, uint64_t len, struct tess_span *s)
{
	const struct tess_rules *ru = sp->rules;
	tess_va max = sp->map.max;

	*s = (struct tess_span){0, 0};
	if (!tess_page_aligned(addr) && !ru->truncates)
		return TESS_EINVAL; /* C1 */
	if (addr > max || len > max - addr || !tess_span_make(addr, len, s))
		return ru->mincore_high;
	if (len != 0)
		return TESS_OK;
	s->end = s->start;
	if (ru->mincore_asks && !tess_map_any(&sp->map, s->start, s->start + 1))
		return TESS_ENOMEM;
	return ru->mincore_len0; /* C2 */
}

static enum tess_err
mincore(struct tess_space *sp, tess_va addr, uint64_t len, unsigned char *vec, unsigned char mask)
{
	struct mincore c = {.map = &sp->map, .vec = vec, .mask = mask};
	struct tess_span s;
	enum tess_err e = mincore_span(sp, addr, len, &s);

	if (e == TESS_OK && vec == NULL && (s.start != s.end || sp->rules->mincore_asks))
		e = TESS_EFAULT; /* C3 */
	if (e != TESS_OK)
		return e;
	for (c.va = s.start, c.end = s.end; c.va < c.end && e == TESS_OK;)
		e = mincore_entry(&c);
	return e;
}

enum tess_err
tess_mincore(struct tess_space *sp, tess_va addr, uint64_t len, unsigned char *vec)
{
	const unsigned char freebsd = TESS_MINCORE_INCORE | TESS_MINCORE_REFERENCED |
				      TESS_MINCORE_MODIFIED | TESS_MINCORE_REFERENCED_OTHER |
				      TESS_MINCORE_MODIFIED_OTHER;

	return tess_space_leave(
	    mincore(sp, addr, len, vec, sp->rules->mincore_bits ? freebsd : TESS_MINCORE_INCORE));
}

enum tess_err
tess_mincore_detail(struct tess_space *sp, tess_va addr, uint64_t len, unsigned char *vec)
{
	return tess_space_leave(mincore(sp, addr, len, vec, 0xff));
}
