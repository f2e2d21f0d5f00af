/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * mmap.c: calls that make and remove mappings: mmap, munmap.
 *
 * What is legal, and in which order that is asked, is order.c's; where it goes place.c's.
 */
#include "space.h"

/* mmap_object: what is mapped; *made is a reference of our own, or NULL. */
static enum tess_err
mmap_object(struct tess_mmap_plan *p, struct tess_object **made)
{
	*made = NULL;
	if (!p->anon && p->a.handle.kind != TESS_HANDLE_ZERO) {
		p->n.object = p->a.handle.object;
		p->n.off = p->a.off;
		return TESS_OK;
	}
	if (!(p->n.flags & TESS_ENTRY_SHARED))
		return TESS_OK;
	p->n.off = 0; /* S34 */
	if (tess_object_create_zero(p->n.len, made) != TESS_OK)
		return TESS_ENOMEM;
	p->n.object = *made;
	return TESS_OK;
}

void
tess_mmap_fill(struct tess_space *sp, const struct tess_mmap_args *a, const struct tess_map_new *n,
	       tess_va start)
{
	uint32_t flags = n->flags | sp->map.future;
	bool fill = (a->flags & (TESS_MAP_POPULATE | TESS_MAP_NONBLOCK)) == TESS_MAP_POPULATE;

	if (flags & TESS_ENTRY_LOCKED)
		fill = true;
	if (fill && !(flags & TESS_ENTRY_ONFAULT) &&
	    tess_map_populate(&sp->map, start + n->gap, start + n->len) != TESS_OK)
		tess_history("mmap: not all of it could be populated", start, n->len, 0);
}

/* mmap_prefault: PREFAULT_READ: translate the pages of the object that are in memory already (S41). */
static void
mmap_prefault(struct tess_space *sp, const struct tess_map_new *n, tess_va start)
{
	for (uint64_t at = 0; n->object != NULL && at < n->len; at += TESS_PAGE_SIZE) {
		bool there;

		tess_rcu_enter();
		there = tess_object_has_rcu(n->object, (n->off + at) >> TESS_PAGE_SHIFT);
		tess_rcu_exit();
		if (there && tess_map_touch(&sp->map, start + at, start + at + TESS_PAGE_SIZE,
					    TESS_ACCESS_READ) != TESS_OK)
			return;
	}
}

/*
 * mmap_wire: MAP_WIRED of the BSDs: all pages, or no mapping.  Without memory even for taking it away again the
 * mapping stays, as MAP_LOCKED of Linux would have left it.
 */
static enum tess_err
mmap_wire(struct tess_space *sp, const struct tess_map_new *n, tess_va start)
{
	if (tess_map_populate(&sp->map, start, start + n->len) == TESS_OK)
		return TESS_OK;
	return tess_map_remove(&sp->map, start, start + n->len, TESS_HOLES_SKIP) == TESS_OK
		   ? TESS_ENOMEM
		   : TESS_OK;
}

/* mmap_raised: a limit, for as long as what goes is counted beside what comes. */
static uint64_t
mmap_raised(uint64_t limit, uint64_t by)
{
	return limit > UINT64_MAX - by ? UINT64_MAX : limit + by;
}

/* mmap_made: what a new mapping gets at once. */
static enum tess_err
mmap_made(struct tess_space *sp, const struct tess_mmap_plan *p, tess_va start)
{
	if ((p->a.flags & TESS_MAP_LOCKED) && sp->rules->mmap_wired)
		return mmap_wire(sp, &p->n, start);
	tess_mmap_fill(sp, &p->a, &p->n, start);
	if (p->a.flags & TESS_MAP_PREFAULT_READ)
		mmap_prefault(sp, &p->n, start);
	return TESS_OK;
}

/*
 * mmap_rewire: MAP_WIRED where something is mapped: made and brought in elsewhere, then moved there in one stroke,
 * so that what was there stays when the pages cannot be had (D8).
 */
static enum tess_err
mmap_rewire(struct tess_space *sp, const struct tess_map_new *n, tess_va *start)
{
	struct tess_map_new aside = *n;
	struct tess_map_limits over;
	enum tess_err e;
	tess_va made;

	e = tess_map_going(&sp->map, n->addr, n->addr + n->len, TESS_HOLES_SKIP);
	if (e != TESS_OK)
		return e;
	tess_map_over(&sp->map, n->addr, n->addr + n->len, &over);
	aside.place = TESS_PLACE_ANY;
	aside.addr = 0;
	aside.limits.bytes = mmap_raised(aside.limits.bytes, over.bytes);
	aside.limits.data = mmap_raised(aside.limits.data, over.data);
	aside.limits.locked = mmap_raised(aside.limits.locked, over.locked);
	aside.lo = n->addr + n->len; /* holes of the target are not aside */
	aside.hi = sp->map.max;
	e = tess_map_insert(&sp->map, &aside, &made);
	if (e == TESS_ENOMEM) {
		aside.lo = sp->map.min;
		aside.hi = n->addr;
		e = tess_map_insert(&sp->map, &aside, &made);
	}
	if (e == TESS_OK)
		e = mmap_wire(sp, n, made);
	if (e != TESS_OK)
		return e;
	e = tess_map_move(&sp->map, made, n->len, n, TESS_MOVE_UNMAP, TESS_MOVE_ALL, start);
	if (e != TESS_OK &&
	    tess_map_remove(&sp->map, made, made + n->len, TESS_HOLES_SKIP) != TESS_OK)
		tess_history("mmap: what was made aside stays", made, n->len, 0);
	return e;
}

static bool
mmap_is_rewired(struct tess_space *sp, const struct tess_mmap_plan *p)
{
	return (p->a.flags & TESS_MAP_LOCKED) && sp->rules->mmap_wired &&
	       p->n.place == TESS_PLACE_FIXED &&
	       tess_map_any(&sp->map, p->n.addr, p->n.addr + p->n.len);
}

/* mmap_insert: the object, the place, the insertion; errors in the personality's words. */
static enum tess_err
mmap_insert(struct tess_space *sp, struct tess_mmap_plan *p, tess_va *start)
{
	const tess_prot both = TESS_PROT_WRITE | TESS_PROT_EXEC;
	struct tess_object *made;
	enum tess_err e;

	/* Asked here, so that it comes before anything that takes memory; insertion asks for good. */
	if ((tess_map_get_flags(&sp->map) & TESS_MAPF_WXORX) && (p->n.prot & both) == both)
		return TESS_EACCES;
	p->n.inherit = p->n.flags & TESS_ENTRY_SHARED ? TESS_INHERIT_SHARE : TESS_INHERIT_COPY;
	if (p->n.place == TESS_PLACE_ANY)
		tess_mmap_place(sp, &p->a, &p->n);
	e = mmap_object(p, &made);
	if (e == TESS_OK && mmap_is_rewired(sp, p)) {
		e = mmap_rewire(sp, &p->n, start);
	} else if (e == TESS_OK) {
		e = tess_map_insert(&sp->map, &p->n, start);
		if (e == TESS_OK)
			e = mmap_made(sp, p, *start);
	}
	if (made != NULL)
		tess_object_unref(made);
	if (e == TESS_EEXIST)
		return sp->rules->mmap_conflict;
	if (e == TESS_EAGAIN && sp->rules->order != TESS_ORDER_LINUX)
		return TESS_ENOMEM; /* S44: no word of its own for what may not be locked */
	return e;
}

enum tess_err
tess_mmap(struct tess_space *sp, const struct tess_mmap_args *a, tess_va *out)
{
	struct tess_mmap_plan p;
	enum tess_err e;
	tess_va start = a->addr;

	tess_mmap_plan_init(&p, sp, a);
	e = tess_mmap_check(sp, &p);
	if (e == TESS_OK && p.n.len == 0) { /* S29: only where a length of 0 passes */
		*out = a->addr;
		return tess_space_leave(TESS_OK);
	}
	if (e == TESS_OK)
		e = mmap_insert(sp, &p, &start);
	if (e == TESS_OK)
		*out = start + p.pageoff;
	return tess_space_leave(e);
}

/* munmap_span: [addr, addr + len) as the personality takes it, inside the user range (S60-S62). */
static enum tess_err
munmap_span(const struct tess_space *sp, tess_va addr, uint64_t len, struct tess_span *s)
{
	const struct tess_rules *ru = sp->rules;
	const struct tess_map *map = &sp->map;

	if (!tess_page_aligned(addr) && !ru->truncates)
		return TESS_EINVAL;
	if (ru->signed_len && len > INT64_MAX)
		return TESS_EINVAL;
	*s = (struct tess_span){0, 0};
	if (len == 0 && (ru->signed_len || ru->truncates))
		return ru->munmap_len0; /* before the address is looked at */
	if (addr > map->max || len > map->max - addr || !tess_span_make(addr, len, s))
		return TESS_EINVAL;
	if (s->start == s->end)
		return ru->munmap_len0;
	if (s->start < map->min && ru->munmap_low != TESS_OK)
		return ru->munmap_low;
	if (s->start < map->min)
		s->start = s->end < map->min ? s->end : map->min; /* nothing can be mapped there */
	return TESS_OK;
}

enum tess_err
tess_munmap(struct tess_space *sp, tess_va addr, uint64_t len)
{
	struct tess_span s;
	enum tess_err e = munmap_span(sp, addr, len, &s);

	if (e == TESS_OK && s.start < s.end)
		e = tess_map_remove(&sp->map, s.start, s.end, sp->rules->munmap_holes);
	return tess_space_leave(e == TESS_EFAULT ? TESS_EINVAL : e); /* S63 */
}
