/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * protect.c: calls that change what may be done with a range: mprotect, minherit, and the map layer's protect.
 *
 * They are one operation (tess_map_set_prot) asked in three ways: POSIX changes all or nothing, Linux the part
 * before what stands in the way, the others what is mapped.  Locked memory that becomes writable is made the
 * space's own here, since no fault will come for it.
 */
#include "space.h"

/* fill_next: the next locked private writable part of *s; s->start becomes its end.  false: none. */
static bool
fill_next(struct tess_map *map, struct tess_span *s, struct tess_span *part)
{
	bool found = false;
	struct tess_entry *e;

	tess_rcu_enter();
	while (!found && s->start < s->end && (e = tess_map_next_rcu(map, s->start)) != NULL &&
	       e->range.start < s->end) {
		part->start = e->range.start > s->start ? e->range.start : s->start;
		part->end = e->range.end < s->end ? e->range.end : s->end;
		s->start = part->end;
		found = tess_entry_is_kept(e) && e->amap != NULL && (e->prot & TESS_PROT_WRITE);
	}
	tess_rcu_exit();
	return found;
}

/*
 * protect_fill: locked private memory that became writable becomes the space's own at once.
 *
 * => mapping by mapping: one whose pages cannot all be had keeps none of the others from theirs
 */
static void
protect_fill(struct tess_map *map, const struct tess_map_spans *own)
{
	for (unsigned i = 0; i < own->n; i++) {
		struct tess_span s = {own->at[i].start, own->at[i].end}, part;

		while (fill_next(map, &s, &part))
			if (tess_map_populate(map, part.start, part.end) != TESS_OK)
				tess_history("mprotect: not all could be populated", part.start,
					     part.end, 0);
	}
}

/* protect_range: set it, and fill what is locked, as far as it was set. */
static enum tess_err
protect_range(struct tess_map *map, tess_va start, tess_va end, const struct tess_map_protection *p)
{
	struct tess_map_spans own;
	enum tess_err e = tess_map_set_prot(map, start, end, p, &own);

	if (e == TESS_OK || p->holes == TESS_HOLES_STOP)
		protect_fill(map, &own);
	return e;
}

/* ---- mprotect ---- */

/* mprotect_bits: protection bits that this system does not know. */
static enum tess_err
mprotect_bits(const struct tess_rules *ru, unsigned prot)
{
	unsigned known = ru->prot_known;

	if (ru->prot_grows)
		known |= TESS_PROT_GROWSDOWN | TESS_PROT_GROWSUP;
	return prot & ~known ? ru->mprotect_bits : TESS_OK;
}

/* mprotect_args: the range, or what the arguments alone are refused for, in the personality's order. */
static enum tess_err
mprotect_args(const struct tess_rules *ru, tess_va addr, uint64_t len, unsigned prot,
	      struct tess_span *s)
{
	unsigned grows = TESS_PROT_GROWSDOWN | TESS_PROT_GROWSUP;
	bool late = ru->order == TESS_ORDER_LINUX; /* bits are asked after the range */
	enum tess_err e = mprotect_bits(ru, prot);

	if (ru->prot_grows && (prot & grows) == grows)
		return TESS_EINVAL;
	if (!late && e != TESS_OK)
		return e;
	if (!tess_page_aligned(addr) && !ru->truncates)
		return TESS_EINVAL; /* S70 */
	if (ru->signed_len && len > INT64_MAX)
		return TESS_EINVAL;
	if (late && len == 0) {
		*s = (struct tess_span){addr, addr};
		return TESS_OK;
	}
	if (!tess_span_make(addr, len, s))
		return ru->mprotect_wrap;
	return e;
}

/*
 * mprotect_up: PROT_GROWSUP, and nothing grows upward here.
 *
 * => as do_mprotect_pkey() of Linux: nothing mapped, or not at the start, comes first
 */
static enum tess_err
mprotect_up(struct tess_space *sp, tess_va start)
{
	return tess_map_any(&sp->map, start, start + TESS_PAGE_SIZE) ? TESS_EINVAL : TESS_ENOMEM;
}

enum tess_err
tess_mprotect(struct tess_space *sp, tess_va addr, uint64_t len, unsigned prot)
{
	const struct tess_rules *ru = sp->rules;
	struct tess_map_limits limits = tess_space_limits(sp);
	struct tess_map_protection p = {.prot = prot & TESS_PROT_ALL,
					.maxprot = ru->prot_max ? TESS_PROT_MAX_OF(prot) : 0,
					.flags = TESS_PROTECT_SET_PROT,
					.holes = ru->mprotect_holes,
					.limit_data = limits.data,
					.limit_bytes = limits.bytes};
	struct tess_span s;
	enum tess_err e = mprotect_args(ru, addr, len, prot, &s);

	if (e != TESS_OK || s.start == s.end)
		return tess_space_leave(e);
	if (p.maxprot != 0 && (p.prot & ~p.maxprot))
		return tess_space_leave(TESS_ENOTSUP);
	if (p.maxprot != 0)
		p.flags |= TESS_PROTECT_SET_MAXPROT;
	if (ru->prot_grows && (prot & TESS_PROT_GROWSUP))
		return tess_space_leave(mprotect_up(sp, s.start));
	if (ru->prot_grows && (prot & TESS_PROT_GROWSDOWN))
		p.flags |= TESS_PROTECT_GROWSDOWN;
	e = protect_range(&sp->map, s.start, s.end, &p);
	return tess_space_leave(e == TESS_EFAULT ? ru->mprotect_hole : e);
}

/* ---- the map layer's ---- */

static enum tess_kern
protect_kern(enum tess_err e)
{
	switch (e) {
	case TESS_OK:
		return TESS_KERN_SUCCESS;
	case TESS_EPERM:
	case TESS_EACCES:
		return TESS_KERN_PROTECTION_FAILURE;
	case TESS_EINVAL:
		return TESS_KERN_INVALID_ARGUMENT;
	default:
		return TESS_KERN_RESOURCE_SHORTAGE;
	}
}

enum tess_kern
tess_map_protect(struct tess_map *map, tess_va start, tess_va end, tess_prot prot,
		 tess_prot maxprot, unsigned flags)
{
	unsigned both = TESS_PROTECT_SET_PROT | TESS_PROTECT_SET_MAXPROT;
	struct tess_map_protection p = {.prot = prot & TESS_PROT_ALL,
					.maxprot = maxprot & TESS_PROT_ALL,
					.flags = flags,
					.holes = TESS_HOLES_SKIP,
					.limit_data = TESS_LIMIT_INFINITY,
					.limit_bytes = TESS_LIMIT_INFINITY};
	enum tess_err e;

	if (start == end)
		return TESS_KERN_SUCCESS;
	if (flags & ~(both | TESS_PROTECT_GROWSDOWN) || !tess_page_aligned(start | end))
		return TESS_KERN_INVALID_ARGUMENT;
	if ((flags & both) == both && (p.prot & ~p.maxprot))
		return TESS_KERN_OUT_OF_BOUNDS; /* P12 */
	if (start < map->min)
		start = map->min;
	if (end > map->max)
		end = map->max;
	if (start > end)
		start = end; /* an empty range; W and X are still asked about */
	e = protect_range(map, start, end, &p);
	(void)tess_space_leave(e);
	return protect_kern(e);
}

/* ---- minherit ---- */

enum tess_err
tess_minherit(struct tess_space *sp, tess_va addr, uint64_t len, enum tess_inherit inherit)
{
	/* the BSDs round addresses down here, the 1995 one too */
	bool truncates = sp->rules->minherit_holes == TESS_HOLES_SKIP;
	struct tess_span s;
	enum tess_err e;

	if ((!tess_page_aligned(addr) && !truncates) || (unsigned)inherit > TESS_INHERIT_DONATE ||
	    !tess_span_make(addr, len, &s))
		return tess_space_leave(TESS_EINVAL);
	if (s.start == s.end)
		return tess_space_leave(TESS_OK);
	e = tess_map_inherit(&sp->map, s.start, s.end, inherit, sp->rules->minherit_holes);
	return tess_space_leave(e == TESS_EFAULT ? TESS_ENOMEM : e);
}
