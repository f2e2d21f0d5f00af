/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * lock.c: the mlock family.
 *
 * Locking is a flag of the entry and a promise: pages that are in stay, and, unless ONFAULT, all
 * pages are brought in now.  Flags first, then pages: a mapping whose pages cannot all be had stays locked.
 */
#include "space.h"

#define LOCK_BITS ((uint32_t)(TESS_ENTRY_LOCKED | TESS_ENTRY_ONFAULT))

/* lock_span: whole pages around [addr, addr + len). */
static enum tess_err
lock_span(const struct tess_space *sp, tess_va addr, uint64_t len, struct tess_span *s)
{
	if (!tess_page_aligned(addr) && sp->rules->mlock_unaligned != TESS_OK)
		return sp->rules->mlock_unaligned; /* S80 */
	return tess_span_make(addr, len, s) ? TESS_OK : sp->rules->mlock_wrap;
}

/* lock_set: the flags of a checked range. */
static enum tess_err
lock_set(struct tess_space *sp, struct tess_span s, uint32_t set)
{
	enum tess_err e =
	    tess_map_mark(&sp->map, s.start, s.end, set, (uint32_t)(LOCK_BITS & ~set),
			  TESS_ONLY_ANY, sp->rules->mlock_holes, tess_space_limits(sp).locked);

	if (e == TESS_EAGAIN)
		return sp->rules->mlock_limit;     /* S82 */
	return e == TESS_EFAULT ? TESS_ENOMEM : e; /* S83 */
}

/* lock_fits: as if none of the range were a hole; counts once what is locked already. */
static bool
lock_fits(struct tess_space *sp, struct tess_span s)
{
	uint64_t limit = tess_space_limits(sp).locked;

	return limit == TESS_LIMIT_INFINITY ||
	       sp->map.locked - tess_map_locked(&sp->map, s.start, s.end) + (s.end - s.start) <=
		   limit;
}

enum tess_err
tess_mlock2(struct tess_space *sp, tess_va addr, uint64_t len, unsigned flags)
{
	uint32_t set = TESS_ENTRY_LOCKED;
	struct tess_span s;
	enum tess_err e;

	if (flags & ~(unsigned)TESS_MLOCK_ONFAULT)
		return tess_space_leave(TESS_EINVAL);
	if (flags & TESS_MLOCK_ONFAULT)
		set |= TESS_ENTRY_ONFAULT;
	if (tess_space_limits(sp).locked == 0)
		return tess_space_leave(sp->rules->mlock_limit0);
	e = lock_span(sp, addr, len, &s);
	if (e == TESS_OK && !lock_fits(sp, s))
		e = sp->rules->mlock_limit;
	if (e != TESS_OK || s.start == s.end)
		return tess_space_leave(e);
	e = lock_set(sp, s, set);
	if (e == TESS_OK && !(set & TESS_ENTRY_ONFAULT) &&
	    tess_map_populate(&sp->map, s.start, s.end) != TESS_OK)
		e = TESS_ENOMEM;
	return tess_space_leave(e);
}

enum tess_err
tess_mlock(struct tess_space *sp, tess_va addr, uint64_t len)
{
	return tess_mlock2(sp, addr, len, 0);
}

enum tess_err
tess_munlock(struct tess_space *sp, tess_va addr, uint64_t len)
{
	struct tess_span s;
	enum tess_err e = lock_span(sp, addr, len, &s);

	if (e == TESS_OK && s.start != s.end)
		e = lock_set(sp, s, 0);
	return tess_space_leave(e);
}

/* lock_fill_all: bring in every entry's pages; what cannot be had is left out. */
static void
lock_fill_all(struct tess_map *map)
{
	struct tess_span s = {0, map->min};

	for (;;) {
		struct tess_entry *e;

		tess_rcu_enter();
		e = tess_map_next_rcu(map, s.end);
		if (e != NULL)
			s = (struct tess_span){e->range.start, e->range.end};
		tess_rcu_exit();
		if (e == NULL)
			return;
		if (tess_map_populate(map, s.start, s.end) != TESS_OK)
			tess_history("mlockall: not all could be populated", s.start, s.end, 0);
		if (s.end == map->max)
			return;
	}
}

enum tess_err
tess_mlockall(struct tess_space *sp, unsigned flags)
{
	struct tess_map *map = &sp->map;
	uint64_t limit = tess_space_limits(sp).locked;
	uint32_t set = TESS_ENTRY_LOCKED;
	enum tess_err e = TESS_OK;

	if (flags & TESS_MCL_ONFAULT)
		set |= TESS_ENTRY_ONFAULT;
	if (flags == 0 || flags == TESS_MCL_ONFAULT ||
	    (flags & ~(unsigned)(TESS_MCL_CURRENT | TESS_MCL_FUTURE | TESS_MCL_ONFAULT)))
		return tess_space_leave(TESS_EINVAL);
	if (limit == 0)
		return tess_space_leave(sp->rules->mlock_limit0);
	if ((flags & TESS_MCL_CURRENT) && map->bytes > limit)
		return tess_space_leave(sp->rules->mlock_limit);
	if (flags & TESS_MCL_CURRENT)
		e = tess_map_mark(map, map->min, map->max, set, (uint32_t)(LOCK_BITS & ~set),
				  TESS_ONLY_ANY, TESS_HOLES_SKIP, limit);
	if (e != TESS_OK)
		return tess_space_leave(e == TESS_EAGAIN ? sp->rules->mlock_limit : e);
	tess_map_set_future(map, flags & TESS_MCL_FUTURE ? set : 0);
	if ((flags & TESS_MCL_CURRENT) && !(set & TESS_ENTRY_ONFAULT))
		lock_fill_all(map);
	return tess_space_leave(TESS_OK);
}

enum tess_err
tess_munlockall(struct tess_space *sp)
{
	struct tess_map *map = &sp->map;
	enum tess_err e = tess_map_mark(map, map->min, map->max, 0, LOCK_BITS, TESS_ONLY_ANY,
					TESS_HOLES_SKIP, TESS_LIMIT_INFINITY);

	if (e == TESS_OK)
		tess_map_set_future(map, 0);
	return tess_space_leave(e);
}
