/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * mquery.c: where mmap would map.
 *
 * A question about the place alone: what may be mapped there, and by whom, is mmap's business (sys_mquery() of
 * OpenBSD).  The place is chosen by the same two functions, so that both have the same answer as long as nobody
 * maps in between.
 */
#include "space.h"

/* query_args: what no system takes. */
static enum tess_err
query_args(const struct tess_mmap_args *a)
{
	if ((a->prot & ~(unsigned)TESS_PROT_ALL) != 0 || a->len == 0)
		return TESS_EINVAL;
	if (a->handle.kind == TESS_HANDLE_BAD)
		return TESS_EBADF;
	if (a->align != 0 && (a->align < TESS_PAGE_SHIFT || a->align >= 64))
		return TESS_EINVAL;
	return TESS_OK;
}

/* query_fixed: is exactly this range free? */
static enum tess_err
query_fixed(struct tess_space *sp, const struct tess_mmap_plan *p)
{
	uint64_t align = p->a.align != 0 ? (uint64_t)1 << p->a.align : TESS_PAGE_SIZE;
	tess_va start = p->a.addr - p->pageoff, end = sp->map.max;

	if (sp->rules->flags_unknown != TESS_OK) /* Linux: 32BIT is a hint's word */
		end = tess_mmap_bound(&sp->map, &p->a);
	if ((start & (align - 1)) != 0 || start < sp->map.min || p->n.len > end ||
	    start > end - p->n.len)
		return TESS_EINVAL;
	return tess_map_any(&sp->map, start, start + p->n.len) ? TESS_EINVAL : TESS_OK;
}

enum tess_err
tess_mquery(struct tess_space *sp, const struct tess_mmap_args *a, tess_va *out)
{
	struct tess_mmap_plan p;
	struct tess_span s;
	enum tess_err e;
	tess_va start = a->addr;

	tess_mmap_plan_init(&p, sp, a);
	p.pageoff = sp->rules->order == TESS_ORDER_BSD ? a->off & TESS_PAGE_MASK : 0;
	e = query_args(&p.a);
	if (e == TESS_OK && !tess_span_make(p.pageoff, a->len, &s))
		e = TESS_ENOMEM;
	if (e != TESS_OK)
		return tess_space_leave(e);
	p.n.len = s.end;
	if (p.a.flags & (TESS_MAP_FIXED | TESS_MAP_FIXED_NOREPLACE)) {
		e = query_fixed(sp, &p);
	} else {
		tess_mmap_place(sp, &p.a, &p.n);
		e = tess_map_query(&sp->map, &p.n, &start) ? TESS_OK : TESS_ENOMEM;
		start += p.pageoff;
	}
	if (e == TESS_OK)
		*out = start;
	return tess_space_leave(e);
}
