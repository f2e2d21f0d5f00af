/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * protect.c: calls that change what may be done with a range: mprotect, minherit.
 */
#include "space.h"

/* protect_fill: locked private memory that became writable becomes the space's own at once. */
static void
protect_fill(struct tess_map *map, const struct tess_map_spans *own)
{
	for (unsigned i = 0; i < own->n; i++)
		if (tess_map_populate(map, own->at[i].start, own->at[i].end) != TESS_OK)
			tess_history("mprotect: not all could be populated", own->at[i].start,
				     own->at[i].end, 0);
}

enum tess_err
tess_mprotect(struct tess_space *sp, tess_va addr, uint64_t len, unsigned prot)
{
	const struct tess_rules *ru = sp->rules;
	struct tess_map_spans own;
	struct tess_span s;
	enum tess_err e;

	if (!tess_page_aligned(addr))
		return tess_space_leave(TESS_EINVAL); /* S70 */
	if (len == 0)
		return tess_space_leave(TESS_OK);
	if (!tess_span_make(addr, len, &s) || s.start == s.end)
		return tess_space_leave(ru->mprotect_wrap);
	if ((prot & ~ru->prot_known) && ru->mprotect_bits != TESS_OK)
		return tess_space_leave(ru->mprotect_bits);
	if (s.start >= sp->map.max)
		return tess_space_leave(ru->mprotect_hole);
	e = tess_map_set_prot(&sp->map, s.start, s.end, prot & TESS_PROT_ALL, ru->mprotect_holes,
			      TESS_LIMIT_INFINITY, &own);
	if (e == TESS_OK || ru->mprotect_holes == TESS_HOLES_STOP)
		protect_fill(&sp->map, &own);
	return tess_space_leave(e == TESS_EFAULT ? ru->mprotect_hole : e);
}

enum tess_err
tess_minherit(struct tess_space *sp, tess_va addr, uint64_t len, enum tess_inherit inherit)
{
	struct tess_span s;
	enum tess_err e;

	if (!tess_page_aligned(addr) || (unsigned)inherit > TESS_INHERIT_ZERO ||
	    !tess_span_make(addr, len, &s))
		return tess_space_leave(TESS_EINVAL);
	if (s.start == s.end)
		return tess_space_leave(TESS_OK);
	e = tess_map_inherit(&sp->map, s.start, s.end, inherit, TESS_HOLES_REFUSE);
	return tess_space_leave(e == TESS_EFAULT ? TESS_ENOMEM : e);
}
