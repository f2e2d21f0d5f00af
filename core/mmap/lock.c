/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * lock.c: the mlock family.
 *
 * Locking is a flag of the entry and a promise: pages that are in stay, and, unless ONFAULT, all pages are brought
 * in now.  Two ways to keep it:
 *
 *	Linux	flags first, then pages: a mapping whose pages cannot all be had stays locked
 *	others	the range is held as it is, pages come, then flags (fault: wire.c): all of it, or nothing
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
lock_set(struct tess_space *sp, struct tess_span s, uint32_t set, enum tess_only only)
{
	enum tess_err e = tess_map_mark(&sp->map, s.start, s.end, set, (uint32_t)(LOCK_BITS & ~set),
					only, sp->rules->mlock_holes, tess_space_limits(sp).locked);

	if (e == TESS_EAGAIN)
		return sp->rules->mlock_limit;     /* S82 */
	return e == TESS_EFAULT ? TESS_ENOMEM : e; /* S83 */
}

/* lock_new: bytes of the range that count, as if none of it were a hole. */
static uint64_t
lock_new(struct tess_space *sp, struct tess_span s)
{
	uint64_t bytes = s.end - s.start;

	return sp->rules->mlock_again ? bytes : bytes - tess_map_locked(&sp->map, s.start, s.end);
}

static bool
lock_fits(const struct tess_space *sp, uint64_t bytes)
{
	uint64_t limit = tess_space_limits(sp).locked;

	return limit == TESS_LIMIT_INFINITY || sp->map.locked + bytes <= limit;
}

/* lock_fits_machine: S81. */
static bool
lock_fits_machine(uint64_t bytes)
{
	const struct tess_budget *b = &tess_machine()->wired;
	uint64_t most = tess_load_relaxed(&b->most);

	return most == UINT64_MAX || tess_load_relaxed(&b->used) + bytes <= most;
}

/* lock_limits: may this many bytes more be locked?  In the personality's order. */
static enum tess_err
lock_limits(const struct tess_space *sp, uint64_t bytes)
{
	const struct tess_rules *ru = sp->rules;
	bool fits = lock_fits(sp, bytes);

	if (!fits && ru->order == TESS_ORDER_LINUX)
		return ru->mlock_limit;
	if (!lock_fits_machine(bytes))
		return ru->mlock_max;
	return fits ? TESS_OK : ru->mlock_limit;
}

/* lock_all_or_nothing: pages that cannot be brought in leave nothing locked that was not before. */
static enum tess_err
lock_all_or_nothing(struct tess_space *sp, struct tess_span s)
{
	const struct tess_rules *ru = sp->rules;
	enum tess_err pages, e;

	e = tess_map_wire_range(&sp->map, s.start, s.end, 0, tess_space_limits(sp).locked, &pages);
	if (e == TESS_EFAULT)
		return TESS_ENOMEM; /* S83 */
	if (e == TESS_EAGAIN)
		return ru->mlock_limit;
	return e == TESS_OK && pages != TESS_OK ? ru->mlock_pages : e;
}

/* lock_range: lock a checked range. */
static enum tess_err
lock_range(struct tess_space *sp, struct tess_span s, uint32_t set)
{
	enum tess_err e;

	if (sp->rules->mlock_undo && !(set & TESS_ENTRY_ONFAULT))
		return lock_all_or_nothing(sp, s);
	e = lock_set(sp, s, set, TESS_ONLY_ANY);
	if (e == TESS_OK && !(set & TESS_ENTRY_ONFAULT) &&
	    tess_map_populate(&sp->map, s.start, s.end) != TESS_OK)
		e = sp->rules->mlock_pages;
	return e;
}

enum tess_err
tess_mlock2(struct tess_space *sp, tess_va addr, uint64_t len, unsigned flags)
{
	const struct tess_rules *ru = sp->rules;
	uint32_t set = TESS_ENTRY_LOCKED;
	struct tess_span s;
	enum tess_err e;

	if (flags & ~(unsigned)TESS_MLOCK_ONFAULT)
		return tess_space_leave(TESS_EINVAL);
	if (flags & TESS_MLOCK_ONFAULT)
		set |= TESS_ENTRY_ONFAULT;
	if (ru->order == TESS_ORDER_LINUX && tess_space_limits(sp).locked == 0)
		return tess_space_leave(ru->mlock_limit0);
	e = lock_span(sp, addr, len, &s);
	if (e == TESS_OK && (s.start != s.end || ru->order == TESS_ORDER_LINUX))
		e = lock_limits(sp, lock_new(sp, s));
	if (e == TESS_OK && s.start != s.end)
		e = lock_range(sp, s, set);
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
	const struct tess_rules *ru = sp->rules;
	enum tess_only only = TESS_ONLY_ANY;
	struct tess_span s;
	enum tess_err e = lock_span(sp, addr, len, &s);

	if (e != TESS_OK || s.start == s.end)
		return tess_space_leave(e);
	if (ru->munlock_unlocked != TESS_OK)
		only = (enum tess_only)(TESS_ONLY_LOCKED | TESS_ONLY_ALL);
	e = lock_set(sp, s, 0, only);
	if (e == TESS_EINVAL && ru->munlock_unlocked != TESS_OK)
		e = ru->munlock_unlocked; /* S84 */
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

/* lock_all: the flags of every mapping; ranges of submaps are passed over. */
static enum tess_err
lock_all(struct tess_space *sp, uint32_t set)
{
	struct tess_map *map = &sp->map;
	uint64_t limit = set != 0 ? tess_space_limits(sp).locked : TESS_LIMIT_INFINITY;

	return tess_map_mark(map, map->min, map->max, set, (uint32_t)(LOCK_BITS & ~set),
			     TESS_ONLY_SKIP, TESS_HOLES_SKIP, limit);
}

enum tess_err
tess_mlockall(struct tess_space *sp, unsigned flags)
{
	const struct tess_rules *ru = sp->rules;
	unsigned known = TESS_MCL_CURRENT | TESS_MCL_FUTURE;
	struct tess_map *map = &sp->map;
	uint64_t limit = tess_space_limits(sp).locked;
	uint32_t set = TESS_ENTRY_LOCKED;
	enum tess_err e = TESS_OK;

	if (ru->mlockall_onfault)
		known |= TESS_MCL_ONFAULT;
	if (flags & TESS_MCL_ONFAULT)
		set |= TESS_ENTRY_ONFAULT;
	if (flags == 0 || flags == TESS_MCL_ONFAULT || (flags & ~known))
		return tess_space_leave(TESS_EINVAL);
	if (limit == 0)
		return tess_space_leave(ru->mlock_limit0);
	if ((flags & TESS_MCL_CURRENT) && map->bytes > limit)
		return tess_space_leave(ru->mlock_limit);
	if ((flags & TESS_MCL_CURRENT) && !lock_fits_machine(map->bytes - map->locked))
		return tess_space_leave(ru->mlock_max);
	if (flags & TESS_MCL_CURRENT)
		e = lock_all(sp, set);
	if (e != TESS_OK)
		return tess_space_leave(e == TESS_EAGAIN ? ru->mlock_limit : e);
	tess_map_set_future(map, flags & TESS_MCL_FUTURE ? set : 0);
	if ((flags & TESS_MCL_CURRENT) && !(set & TESS_ENTRY_ONFAULT))
		lock_fill_all(map);
	return tess_space_leave(TESS_OK);
}

enum tess_err
tess_munlockall(struct tess_space *sp)
{
	enum tess_err e = lock_all(sp, 0);

	if (e == TESS_OK)
		tess_map_set_future(&sp->map, 0);
	return tess_space_leave(e);
}
