/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * call_range.c: minherit, msync.
 */
#include "model_priv.h"

/* ---- minherit ---- */

/* A guard has nothing that could become zeros. */
static bool
minherit_passes(const struct model_run *r, enum tess_inherit inherit)
{
	return inherit == TESS_INHERIT_ZERO && (r->flags & TESS_AREA_GUARD) != 0;
}

/* The first trouble in address order: a hole, or what nobody may change. */
static enum tess_err
minherit_check(const struct model_space *sp, uint64_t start, uint64_t end,
	       enum tess_inherit inherit)
{
	bool holes_fine = sp->rules->minherit_holes == MODEL_HOLES_SKIP;
	uint64_t at = start;

	for (unsigned i = runs_place(sp, start); i < sp->nruns && sp->run[i].start < end; i++) {
		const struct model_run *r = &sp->run[i];

		if (r->start > at && !holes_fine)
			return TESS_ENOMEM;
		if ((r->flags & TESS_AREA_IMMUTABLE) != 0 && !minherit_passes(r, inherit))
			return TESS_EPERM;
		at = r->end;
	}
	return at < end && !holes_fine ? TESS_ENOMEM : TESS_OK;
}

enum tess_err
model_minherit(struct model_space *sp, tess_va addr, uint64_t len, enum tess_inherit inherit)
{
	bool truncates = sp->rules->minherit_holes == MODEL_HOLES_SKIP;
	uint64_t start, end;
	enum tess_err e = range_make(truncates ? RANGE_TRUNCATED : RANGE_ALIGNED, addr, len,
				     TESS_EINVAL, &start, &end);

	space_touch(sp, 0, 0);
	if (e != TESS_OK || (unsigned)inherit > TESS_INHERIT_DONATE)
		return TESS_EINVAL;
	if (start == end)
		return TESS_OK;
	e = minherit_check(sp, start, end, inherit);
	if (e != TESS_OK)
		return e;
	runs_cut(sp, start);
	runs_cut(sp, end);
	for (unsigned i = runs_place(sp, start); i < sp->nruns && sp->run[i].start < end; i++) {
		struct model_run *r = &sp->run[i];

		if (minherit_passes(r, inherit))
			continue;
		r->inherit = (uint8_t)inherit;
		r->dontfork = inherit == TESS_INHERIT_NONE;
		r->wipe = inherit == TESS_INHERIT_ZERO;
	}
	runs_join(sp);
	return TESS_OK;
}

/* ---- msync ---- */

static enum tess_err
msync_check_flags(const struct model_rules *ru, unsigned flags)
{
	const unsigned known = TESS_MS_ASYNC | TESS_MS_INVALIDATE | TESS_MS_SYNC;

	if ((flags & ~known) != 0 && ru->msync_unknown_flag != TESS_OK)
		return ru->msync_unknown_flag;
	if ((flags & TESS_MS_ASYNC) != 0 && (flags & TESS_MS_SYNC) != 0 &&
	    ru->msync_async_sync != TESS_OK)
		return ru->msync_async_sync;
	if ((flags & TESS_MS_ASYNC) != 0 && (flags & TESS_MS_INVALIDATE) != 0)
		return ru->msync_async_invalidate;
	if ((flags & (TESS_MS_ASYNC | TESS_MS_SYNC)) == 0)
		return ru->msync_no_flag;
	return TESS_OK;
}

/* Whether INVALIDATE drops pages is the system's choice: nothing in the range is surely resident any more. */
static void
msync_unsure(struct model_run *r, uint64_t start, uint64_t end)
{
	uint64_t first, last;

	if (r->obj == NULL || (r->flags & TESS_AREA_SHARED) == 0)
		return;
	first = (r->off + (start - r->start)) >> TESS_PAGE_SHIFT;
	last = first + ((end - start) >> TESS_PAGE_SHIFT);
	for (unsigned i = pages_place(&r->obj->pages, first);
	     i < r->obj->pages.n && r->obj->pages.page[i].idx < last; i++)
		r->obj->pages.page[i].sure = false;
}

/* The first run of [start, end) that is locked, when the call would invalidate it. */
static const struct model_run *
msync_locked(const struct model_space *sp, uint64_t start, uint64_t end, unsigned flags)
{
	if ((flags & TESS_MS_INVALIDATE) == 0)
		return NULL;
	for (unsigned i = runs_place(sp, start); i < sp->nruns && sp->run[i].start < end; i++)
		if ((sp->run[i].flags & TESS_AREA_LOCKED) != 0)
			return &sp->run[i];
	return NULL;
}

/* Pages may leave memory up to `end`. */
static void
msync_apply(struct model_space *sp, uint64_t start, uint64_t end, unsigned flags)
{
	if ((flags & TESS_MS_INVALIDATE) == 0)
		return;
	for (unsigned i = runs_place(sp, start); i < sp->nruns && sp->run[i].start < end; i++) {
		struct model_run *r = &sp->run[i];

		msync_unsure(r, r->start > start ? r->start : start, r->end < end ? r->end : end);
	}
}

static enum tess_err
msync_range(struct model_space *sp, uint64_t start, uint64_t end, unsigned flags)
{
	const struct model_rules *ru = sp->rules;
	const struct model_run *locked = msync_locked(sp, start, end, flags);
	uint64_t hole = runs_hole(sp, start, end);

	if (ru->msync_first) {
		if (locked != NULL && locked->start < hole)
			return ru->msync_locked;
		if (hole != end)
			return ru->msync_hole;
	}
	if (hole != end && flags == TESS_MS_ASYNC)
		return ru->msync_hole;
	msync_apply(sp, start, locked != NULL ? locked->start : end, flags);
	if (locked != NULL)
		return ru->msync_locked;
	return hole != end ? ru->msync_hole : TESS_OK;
}

enum tess_err
model_msync(struct model_space *sp, tess_va addr, uint64_t len, unsigned flags)
{
	const struct model_rules *ru = sp->rules;
	uint64_t start, end;
	enum tess_err e = msync_check_flags(ru, flags);

	space_touch(sp, 0, 0);
	if (e == TESS_OK)
		e = range_make(range_how(ru), addr, len, ru->msync_wrap, &start, &end);
	if (e != TESS_OK)
		return e;
	if (len == 0 && ru->msync_len0_mapping) {
		const struct model_run *r = runs_find(sp, start);

		if (r == NULL)
			return ru->msync_hole;
		start = r->start;
		end = runs_mapping_end(sp, start);
	} else if (len == 0) {
		return TESS_OK;
	}
	return start == end ? TESS_OK : msync_range(sp, start, end, flags);
}
