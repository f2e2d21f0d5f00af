/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * call_lock.c: the mlock family.
 */
#include "model_priv.h"

#define LOCK_FLAGS ((unsigned)(TESS_AREA_LOCKED | TESS_AREA_LOCKONFAULT))

/* Set the lock flags of [start, end), up to the first hole. */
static enum tess_err
lock_apply(struct model_space *sp, uint64_t start, uint64_t end, unsigned flags)
{
	uint64_t stop = runs_hole(sp, start, end);

	if (stop != end && !sp->rules->partial)
		return TESS_ENOMEM;
	runs_cut(sp, start);
	runs_cut(sp, stop);
	for (unsigned i = runs_place(sp, start); i < sp->nruns && sp->run[i].start < stop; i++)
		sp->run[i].flags = (sp->run[i].flags & ~LOCK_FLAGS) | flags;
	runs_join(sp);
	return stop == end ? TESS_OK : TESS_ENOMEM;
}

/* Whole pages around [addr, addr + len); EINVAL when they do not fit the address space. */
static enum tess_err
lock_range(const struct model_space *sp, tess_va addr, uint64_t len, uint64_t *start, uint64_t *end)
{
	const struct model_rules *ru = sp->rules;

	if (!tess_page_aligned(addr) && ru->mlock_unaligned != TESS_OK)
		return ru->mlock_unaligned;
	*start = tess_page_trunc(addr);
	*end = tess_page_round(addr + len);
	return addr + len < addr || *end < addr + len ? ru->mlock_wrap : TESS_OK;
}

/* Would the locked bytes fit the limit, not counting twice what is locked already? */
static bool
lock_fits(const struct model_space *sp, uint64_t start, uint64_t end)
{
	uint64_t again = runs_bytes_flagged(sp, start, end, TESS_AREA_LOCKED);
	uint64_t all = runs_bytes_flagged(sp, 0, UINT64_MAX, TESS_AREA_LOCKED);
	uint64_t limit = sp->limit[TESS_LIMIT_MEMLOCK];

	return limit == TESS_LIMIT_INFINITY ||
	       ((all - again) >> TESS_PAGE_SHIFT) + ((end - start) >> TESS_PAGE_SHIFT) <= limit >>
		   TESS_PAGE_SHIFT;
}

enum tess_err
model_mlock2(struct model_space *sp, tess_va addr, uint64_t len, unsigned flags)
{
	uint64_t start, end;
	enum tess_err e;

	space_touch(sp, 0, 0);
	if ((flags & ~(unsigned)TESS_MLOCK_ONFAULT) != 0)
		return TESS_EINVAL;
	if (sp->limit[TESS_LIMIT_MEMLOCK] == 0)
		return sp->rules->mlock_limit_zero;
	e = lock_range(sp, addr, len, &start, &end);
	if (e == TESS_OK && !lock_fits(sp, start, end))
		e = sp->rules->mlock_limit;
	if (e != TESS_OK || start == end)
		return e;
	e = lock_apply(sp, start, end,
		       TESS_AREA_LOCKED |
			   ((flags & TESS_MLOCK_ONFAULT) != 0 ? TESS_AREA_LOCKONFAULT : 0));
	if (e != TESS_OK)
		return e;
	space_touch(sp, start, end);
	return access_populate(sp, start, end) == TESS_OK ? TESS_OK : TESS_ENOMEM;
}

enum tess_err
model_munlock(struct model_space *sp, tess_va addr, uint64_t len)
{
	uint64_t start, end;
	enum tess_err e;

	space_touch(sp, 0, 0);
	e = lock_range(sp, addr, len, &start, &end);
	if (e != TESS_OK || start == end)
		return e;
	return lock_apply(sp, start, end, 0);
}

enum tess_err
model_mlockall(struct model_space *sp, unsigned flags)
{
	unsigned lock =
	    TESS_AREA_LOCKED | ((flags & TESS_MCL_ONFAULT) != 0 ? TESS_AREA_LOCKONFAULT : 0);
	uint64_t limit = sp->limit[TESS_LIMIT_MEMLOCK];

	space_touch(sp, 0, 0);
	if (flags == 0 || flags == TESS_MCL_ONFAULT ||
	    (flags & ~(unsigned)(TESS_MCL_CURRENT | TESS_MCL_FUTURE | TESS_MCL_ONFAULT)) != 0)
		return TESS_EINVAL;
	if (limit == 0)
		return sp->rules->mlock_limit_zero;
	if ((flags & TESS_MCL_CURRENT) != 0 && limit != TESS_LIMIT_INFINITY &&
	    model_space_bytes(sp) >> TESS_PAGE_SHIFT > limit >> TESS_PAGE_SHIFT)
		return sp->rules->mlock_limit;
	sp->lock_future = (flags & TESS_MCL_FUTURE) != 0 ? lock : 0;
	if ((flags & TESS_MCL_CURRENT) == 0)
		return TESS_OK;
	for (unsigned i = 0; i < sp->nruns; i++)
		sp->run[i].flags = (sp->run[i].flags & ~LOCK_FLAGS) | lock;
	access_populate_all(sp, 0, UINT64_MAX);
	runs_join(sp);
	space_touch(sp, 0, UINT64_MAX);
	return TESS_OK;
}

enum tess_err
model_munlockall(struct model_space *sp)
{
	space_touch(sp, 0, 0);
	sp->lock_future = 0;
	for (unsigned i = 0; i < sp->nruns; i++)
		sp->run[i].flags &= ~LOCK_FLAGS;
	runs_join(sp);
	return TESS_OK;
}
