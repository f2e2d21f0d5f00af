/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * call_lock.c: the mlock family.
 */
#include "model_priv.h"

#define LOCK_FLAGS ((unsigned)(TESS_AREA_LOCKED | TESS_AREA_LOCKONFAULT))

static void
lock_set(struct model_space *sp, uint64_t start, uint64_t end, unsigned flags)
{
	runs_cut(sp, start);
	runs_cut(sp, end);
	for (unsigned i = runs_place(sp, start); i < sp->nruns && sp->run[i].start < end; i++)
		sp->run[i].flags = (sp->run[i].flags & ~LOCK_FLAGS) | flags;
	runs_join(sp);
}

/* Whole pages around [addr, addr + len). */
static enum tess_err
lock_range(const struct model_rules *ru, tess_va addr, uint64_t len, uint64_t *start, uint64_t *end)
{
	return range_make(ru->mlock_aligned ? RANGE_ALIGNED : RANGE_TRUNCATED, addr, len,
			  ru->mlock_wrap, start, end);
}

/* Would the locked bytes fit the limit?  What is locked already counts once, or once more. */
static bool
lock_fits(const struct model_space *sp, uint64_t start, uint64_t end)
{
	uint64_t all = runs_bytes_flagged(sp, 0, UINT64_MAX, TESS_AREA_LOCKED);
	uint64_t limit = sp->limit[TESS_LIMIT_MEMLOCK];

	if (!sp->rules->mlock_counts_again)
		all -= runs_bytes_flagged(sp, start, end, TESS_AREA_LOCKED);
	return limit == TESS_LIMIT_INFINITY ||
	       (all >> TESS_PAGE_SHIFT) + ((end - start) >> TESS_PAGE_SHIFT) <= limit >>
		   TESS_PAGE_SHIFT;
}

/* The flags of [start, end), then its pages; what is undone when they cannot be had is only the flags. */
static enum tess_err
lock_pages(struct model_space *sp, uint64_t start, uint64_t end, unsigned lock)
{
	bool now = (lock & TESS_AREA_LOCKONFAULT) == 0;
	enum tess_err e = TESS_OK;

	space_touch(sp, start, end);
	if (now && (access_populate(sp, start, end, ACCESS_NOW) != TESS_OK || sp->model->failing))
		e = sp->rules->mlock_pages;
	if (e == TESS_OK || !sp->rules->mlock_undone)
		lock_set(sp, start, end, lock);
	return e;
}

static enum tess_err
lock_call(struct model_space *sp, tess_va addr, uint64_t len, unsigned flags)
{
	const struct model_rules *ru = sp->rules;
	unsigned lock =
	    TESS_AREA_LOCKED | ((flags & TESS_MLOCK_ONFAULT) != 0 ? TESS_AREA_LOCKONFAULT : 0);
	uint64_t start, end, hole;
	enum tess_err e;

	space_touch(sp, 0, 0);
	if ((flags & ~(unsigned)TESS_MLOCK_ONFAULT) != 0)
		return TESS_EINVAL;
	if (sp->limit[TESS_LIMIT_MEMLOCK] == 0 && !ru->mlock_len0_first)
		return ru->mlock_limit_zero;
	e = lock_range(ru, addr, len, &start, &end);
	if (e != TESS_OK || (start == end && ru->mlock_len0_first))
		return e;
	if (!lock_fits(sp, start, end))
		return ru->mlock_limit;
	if (start == end)
		return TESS_OK;
	hole = runs_hole(sp, start, end);
	if (hole == end)
		return lock_pages(sp, start, end, lock);
	if (ru->mlock_holes == MODEL_HOLES_STOP)
		lock_set(sp, start, hole, lock);
	return TESS_ENOMEM;
}

enum tess_err
model_mlock2(struct model_space *sp, tess_va addr, uint64_t len, unsigned flags)
{
	enum tess_err e = lock_call(sp, addr, len, flags);

	sp->model->failing = false;
	return e;
}

/* The first address of [start, end) that is not locked; end when all is. */
static uint64_t
lock_missing(const struct model_space *sp, uint64_t start, uint64_t end)
{
	uint64_t at = start;

	for (unsigned i = runs_place(sp, start); i < sp->nruns && at < end; i++) {
		if (sp->run[i].start > at || (sp->run[i].flags & TESS_AREA_LOCKED) == 0)
			return at;
		at = sp->run[i].end;
	}
	return at < end ? at : end;
}

enum tess_err
model_munlock(struct model_space *sp, tess_va addr, uint64_t len)
{
	const struct model_rules *ru = sp->rules;
	uint64_t start, end, hole;
	enum tess_err e;

	space_touch(sp, 0, 0);
	e = lock_range(ru, addr, len, &start, &end);
	if (e != TESS_OK || start == end)
		return e;
	if (ru->munlock_locked && lock_missing(sp, start, end) != end)
		return TESS_ENOMEM;
	hole = runs_hole(sp, start, end);
	if (hole == end || ru->mlock_holes == MODEL_HOLES_STOP)
		lock_set(sp, start, hole, 0);
	return hole == end ? TESS_OK : TESS_ENOMEM;
}

enum tess_err
model_mlockall(struct model_space *sp, unsigned flags)
{
	unsigned lock =
	    TESS_AREA_LOCKED | ((flags & TESS_MCL_ONFAULT) != 0 ? TESS_AREA_LOCKONFAULT : 0);
	uint64_t limit = sp->limit[TESS_LIMIT_MEMLOCK];

	unsigned known = TESS_MCL_CURRENT | TESS_MCL_FUTURE |
			 (sp->rules->mlockall_onfault ? TESS_MCL_ONFAULT : 0u);

	space_touch(sp, 0, 0);
	if (flags == 0 || flags == TESS_MCL_ONFAULT || (flags & ~known) != 0)
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
