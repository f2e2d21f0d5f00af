/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * seal.c: mimmutable of OpenBSD and mseal of Linux: the layout of a range is final.
 *
 * Both set one flag of the entries; whoever changes entries looks at it (map: tess_map_going, tess_entry_fits).
 * It goes along with a fork, and ends with the map: exec and exit forget everything.  What the two calls disagree
 * about is holes, alignment, and memory that a child finds empty: sealing that promises what the
 * child does not have.
 */
#include "space.h"

/* seal_range: all of the range, or nothing. */
static enum tess_err
seal_range(struct tess_space *sp, struct tess_span s, enum tess_only only, enum tess_err hole)
{
	enum tess_err e;

	if (s.start == s.end)
		return TESS_OK;
	e = tess_map_mark(&sp->map, s.start, s.end, TESS_ENTRY_IMMUTABLE, 0,
			  (enum tess_only)(only | TESS_ONLY_ALL),
			  hole == TESS_OK ? TESS_HOLES_SKIP : TESS_HOLES_REFUSE,
			  TESS_LIMIT_INFINITY);
	return e == TESS_EFAULT ? hole : e;
}

enum tess_err
tess_mimmutable(struct tess_space *sp, tess_va addr, uint64_t len)
{
	struct tess_span s;

	if ((!tess_page_aligned(addr) && !sp->rules->truncates) || !tess_span_make(addr, len, &s))
		return tess_space_leave(TESS_EINVAL);
	if (len == 0)
		return tess_space_leave(TESS_OK);
	return tess_space_leave(seal_range(sp, s, TESS_ONLY_KEPT, sp->rules->immutable_hole));
}

enum tess_err
tess_mseal(struct tess_space *sp, tess_va addr, uint64_t len, unsigned flags)
{
	struct tess_span s;

	if (flags != 0 || !tess_page_aligned(addr) || !tess_span_make(addr, len, &s))
		return tess_space_leave(TESS_EINVAL);
	return tess_space_leave(seal_range(sp, s, TESS_ONLY_ANY, TESS_ENOMEM));
}
