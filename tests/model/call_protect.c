/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * call_protect.c: protection (mprotect, the map layer's protect), and what nobody may change any more.
 *
 *	what	find the first thing in address order that refuses: a hole, an immutable mapping, a maximum
 *	then	linux: change what lies before it; everybody else: change all or nothing
 */
#include "model_priv.h"

/* The first immutable run in [start, end); NULL: none. */
struct model_run *
runs_immutable(struct model_space *sp, uint64_t start, uint64_t end)
{
	for (unsigned i = runs_place(sp, start); i < sp->nruns && sp->run[i].start < end; i++)
		if ((sp->run[i].flags & TESS_AREA_IMMUTABLE) != 0)
			return &sp->run[i];
	return NULL;
}

/* ---- What protecting one run means ---- */

struct protect {
	bool set_prot, set_max;
	tess_prot prot, max;
};

static bool
protect_is_wx(const struct model_space *sp, const struct protect *q)
{
	const unsigned wx = TESS_PROT_WRITE | TESS_PROT_EXEC;

	return (sp->map_flags & TESS_MAPF_WXORX) != 0 && q->set_prot && (q->prot & wx) == wx;
}

static bool
protect_exceeds(const struct model_run *r, const struct protect *q)
{
	unsigned asked = (q->set_prot ? q->prot : 0u) | (q->set_max ? q->max : 0u);

	return (asked & ~(unsigned)r->maxprot) != 0;
}

/* May r be protected so?  Guards are passed over, but a stack's gap keeps to the stack's maximum. */
static enum tess_err
protect_check_run(const struct model_run *r, const struct protect *q)
{
	if ((r->flags & TESS_AREA_STACKGAP) != 0)
		return protect_exceeds(r, q) ? TESS_EACCES : TESS_OK;
	if ((r->flags & TESS_AREA_GUARD) != 0)
		return TESS_OK;
	if ((r->flags & TESS_AREA_IMMUTABLE) != 0)
		return TESS_EPERM;
	return protect_exceeds(r, q) ? TESS_EACCES : TESS_OK;
}

/* The run as it will be.  Locked private memory that becomes writable is made the space's own, as by mlock. */
static void
protect_run(struct model_space *sp, struct model_run *r, const struct protect *q)
{
	bool was = (r->prot & TESS_PROT_WRITE) != 0;

	if ((r->flags & TESS_AREA_GUARD) != 0)
		return;
	if (q->set_max) {
		r->maxprot = q->max;
		r->prot &= q->max;
	}
	if (q->set_prot)
		r->prot = q->prot;
	if (!was && (r->prot & TESS_PROT_WRITE) != 0 && (r->flags & TESS_AREA_LOCKED) != 0 &&
	    (r->flags & TESS_AREA_SHARED) == 0)
		access_populate_all(sp, r->start, r->end);
}

/* Would r count as data afterwards, and does not now? */
static bool
protect_makes_data(const struct model_run *r, const struct protect *q)
{
	struct model_run after = *r;

	after.prot = q->prot;
	return q->set_prot && (r->flags & TESS_AREA_GUARD) == 0 && !run_is_data(r) &&
	       run_is_data(&after);
}

static void
protect_range(struct model_space *sp, uint64_t start, uint64_t end, const struct protect *q)
{
	runs_cut(sp, start);
	runs_cut(sp, end);
	for (unsigned i = runs_place(sp, start); i < sp->nruns && sp->run[i].start < end; i++)
		protect_run(sp, &sp->run[i], q);
	runs_join(sp);
	space_touch(sp, start, end);
}

/* ---- All or nothing: posix, bsd, seed ---- */

/* The first trouble of [start, end) in address order. */
static enum tess_err
protect_check(struct model_space *sp, uint64_t start, uint64_t end, const struct protect *q,
	      enum tess_err hole)
{
	uint64_t at = start;

	for (unsigned i = runs_place(sp, start); i < sp->nruns && sp->run[i].start < end; i++) {
		enum tess_err e;

		if (sp->run[i].start > at && hole != TESS_OK)
			return hole;
		e = protect_check_run(&sp->run[i], q);
		if (e != TESS_OK)
			return e;
		at = sp->run[i].end;
	}
	return at < end ? hole : TESS_OK;
}

/* Does what becomes data fit RLIMIT_DATA? */
static bool
protect_fits_data(const struct model_space *sp, uint64_t start, uint64_t end,
		  const struct protect *q)
{
	uint64_t limit = sp->limit[TESS_LIMIT_DATA], more = 0;

	if (!sp->rules->limit_data || limit == TESS_LIMIT_INFINITY)
		return true;
	for (unsigned i = runs_place(sp, start); i < sp->nruns && sp->run[i].start < end; i++) {
		const struct model_run *r = &sp->run[i];

		if (protect_makes_data(r, q))
			more +=
			    (r->end < end ? r->end : end) - (r->start > start ? r->start : start);
	}
	return more == 0 || (space_data(sp) + more) >> TESS_PAGE_SHIFT <= limit >> TESS_PAGE_SHIFT;
}

static enum tess_err
mprotect_whole(struct model_space *sp, uint64_t start, uint64_t end, const struct protect *q)
{
	enum tess_err hole = sp->rules->mprotect_holes == MODEL_HOLES_SKIP ? TESS_OK : TESS_ENOMEM;
	enum tess_err e = protect_check(sp, start, end, q, hole);

	if (e == TESS_OK && !protect_fits_data(sp, start, end, q))
		e = TESS_ENOMEM;
	if (e == TESS_OK)
		protect_range(sp, start, end, q);
	return e;
}

/* ---- Mapping by mapping: linux ---- */

/* PROT_GROWSDOWN and GROWSUP: the range begins where a stack does. */
static enum tess_err
mprotect_ends(struct model_space *sp, unsigned prot, uint64_t *start, uint64_t end)
{
	unsigned at = runs_place(sp, *start);
	const struct model_run *first = at < sp->nruns ? &sp->run[at] : NULL;

	if ((prot & (TESS_PROT_GROWSDOWN | TESS_PROT_GROWSUP)) == 0)
		return TESS_OK;
	if (first == NULL)
		return TESS_ENOMEM;
	if ((prot & TESS_PROT_GROWSUP) != 0)
		return first->start > *start ? TESS_ENOMEM : TESS_EINVAL;
	if (first->start >= end)
		return TESS_ENOMEM;
	*start = first->start;
	return (first->flags & TESS_AREA_GROWSDOWN) != 0 ? TESS_OK : TESS_EINVAL;
}

/* One mapping, cut to the range. */
static enum tess_err
mprotect_one(struct model_space *sp, const struct model_run *r, const struct protect *q)
{
	struct model_run after = *r;
	uint64_t len = r->end - r->start;

	if (protect_exceeds(r, q))
		return TESS_EACCES;
	if ((r->flags & TESS_AREA_IMMUTABLE) != 0)
		return TESS_EPERM;
	after.prot = q->prot;
	if (r->prot == q->prot)
		return TESS_OK;
	/* The limits as if the mapping came anew: an error only when the change is to blame. */
	if ((q->prot & TESS_PROT_WRITE) != 0 && !space_may_expand(sp, &after, len) &&
	    space_may_expand(sp, r, len))
		return TESS_ENOMEM;
	return TESS_OK;
}

static enum tess_err
mprotect_stepwise(struct model_space *sp, uint64_t start, uint64_t end, const struct protect *q)
{
	uint64_t at = start;
	enum tess_err e = TESS_OK;

	runs_cut(sp, start);
	runs_cut(sp, end);
	while (at < end && e == TESS_OK) {
		struct model_run *r = runs_find(sp, at);

		e = r == NULL ? TESS_ENOMEM : mprotect_one(sp, r, q);
		if (e == TESS_OK) {
			at = r->end;
			protect_run(sp, r, q);
		}
	}
	runs_join(sp);
	space_touch(sp, start, at);
	return e;
}

/* ---- mprotect ---- */

enum tess_err
model_mprotect(struct model_space *sp, tess_va addr, uint64_t len, unsigned prot)
{
	const struct model_rules *ru = sp->rules;
	const unsigned ends = TESS_PROT_GROWSDOWN | TESS_PROT_GROWSUP;
	unsigned known = ru->prot_known | (ru->mprotect_grows ? ends : 0);
	struct protect q = {.set_prot = true, .prot = prot & TESS_PROT_ALL};
	uint64_t start, end;
	enum tess_err e;

	space_touch(sp, 0, 0);
	if (ru->mprotect_grows && (prot & ends) == ends)
		return TESS_EINVAL;
	/* Who truncates asks for the bits before the range. */
	if (ru->truncates && (prot & ~known) != 0)
		return TESS_EINVAL;
	e = range_make(range_how(ru), addr, len, ru->mprotect_wrap, &start, &end);
	if (ru->signed_len && len > INT64_MAX)
		return TESS_EINVAL;
	if (e != TESS_OK || start == end)
		return e;
	if ((prot & ~known) != 0 && ru->mprotect_unknown != TESS_OK)
		return ru->mprotect_unknown;
	if (ru->prot_max && prot_exceeds_max(prot))
		return TESS_ENOTSUP;
	q.set_max = ru->prot_max && TESS_PROT_MAX_OF(prot) != 0;
	q.max = (tess_prot)TESS_PROT_MAX_OF(prot);
	/* Nothing grows upward, which is known before the map is asked. */
	if (ru->mprotect_grows && (prot & TESS_PROT_GROWSUP) != 0)
		return mprotect_ends(sp, prot, &start, end);
	if (protect_is_wx(sp, &q))
		return TESS_EACCES;
	if (ru->mprotect_grows)
		e = mprotect_ends(sp, prot, &start, end);
	if (e != TESS_OK)
		return e;
	if (ru->mprotect_holes == MODEL_HOLES_STOP)
		return mprotect_stepwise(sp, start, end, &q);
	return mprotect_whole(sp, start, end, &q);
}

/* ---- The map layer's own call ---- */

enum tess_kern
model_map_protect(struct model_space *sp, tess_va start, tess_va end, tess_prot prot,
		  tess_prot maxprot, unsigned flags)
{
	struct protect q = {
	    .set_prot = (flags & TESS_PROTECT_SET_PROT) != 0,
	    .set_max = (flags & TESS_PROTECT_SET_MAXPROT) != 0,
	    .prot = prot,
	    .max = maxprot,
	};
	const unsigned known =
	    TESS_PROTECT_SET_PROT | TESS_PROTECT_SET_MAXPROT | TESS_PROTECT_GROWSDOWN;
	unsigned at;

	space_touch(sp, 0, 0);
	if (start == end)
		return TESS_KERN_SUCCESS;
	if ((flags & ~known) != 0 || !tess_page_aligned(start) || !tess_page_aligned(end))
		return TESS_KERN_INVALID_ARGUMENT;
	if (q.set_prot && q.set_max && (prot & ~(unsigned)maxprot) != 0)
		return TESS_KERN_OUT_OF_BOUNDS;
	if (protect_is_wx(sp, &q))
		return TESS_KERN_PROTECTION_FAILURE;
	start = start < sp->min ? sp->min : start;
	end = end > sp->max ? sp->max : end;
	/* An empty range, until a mapping that grows down has its say. */
	start = start > end ? end : start;
	at = runs_place(sp, start);
	if ((flags & TESS_PROTECT_GROWSDOWN) != 0 && at < sp->nruns &&
	    (sp->run[at].flags & TESS_AREA_GROWSDOWN) != 0 && sp->run[at].start < start)
		start = sp->run[at].start;
	if (start == end)
		return TESS_KERN_SUCCESS;
	if (protect_check(sp, start, end, &q, TESS_OK) != TESS_OK)
		return TESS_KERN_PROTECTION_FAILURE;
	protect_range(sp, start, end, &q);
	return TESS_KERN_SUCCESS;
}

enum tess_kern
model_map_set_flags(struct model_space *sp, unsigned flags)
{
	space_touch(sp, 0, 0);
	if ((flags & ~(unsigned)TESS_MAPF_ALL) != 0)
		return TESS_KERN_INVALID_ARGUMENT;
	space_set_flags(sp, flags);
	return TESS_KERN_SUCCESS;
}

/* ---- mimmutable, mseal ---- */

static void
immutable_set(struct model_space *sp, uint64_t start, uint64_t end)
{
	runs_cut(sp, start);
	runs_cut(sp, end);
	for (unsigned i = runs_place(sp, start); i < sp->nruns && sp->run[i].start < end; i++)
		sp->run[i].flags |= TESS_AREA_IMMUTABLE;
	runs_join(sp);
}

/* A mapping that a child gets as zeros cannot keep its contents: the first such one in [start, end), or end. */
static uint64_t
immutable_refuses(const struct model_space *sp, uint64_t start, uint64_t end)
{
	for (unsigned i = runs_place(sp, start); i < sp->nruns && sp->run[i].start < end; i++)
		if (runs_inherit(&sp->run[i]) == TESS_INHERIT_ZERO)
			return sp->run[i].start > start ? sp->run[i].start : start;
	return end;
}

enum tess_err
model_mimmutable(struct model_space *sp, tess_va addr, uint64_t len)
{
	uint64_t start, end, refuses;
	enum tess_err e = range_make(range_how(sp->rules), addr, len, TESS_EINVAL, &start, &end);

	space_touch(sp, 0, 0);
	if (e != TESS_OK || len == 0)
		return e;
	refuses = immutable_refuses(sp, start, end);
	if (sp->rules->immutable_holes == MODEL_HOLES_ERROR && runs_hole(sp, start, end) < refuses)
		return TESS_ENOMEM;
	if (refuses < end)
		return TESS_EPERM;
	immutable_set(sp, start, end);
	return TESS_OK;
}

enum tess_err
model_mseal(struct model_space *sp, tess_va addr, uint64_t len, unsigned flags)
{
	uint64_t start, end;
	enum tess_err e = range_make(RANGE_ALIGNED, addr, len, TESS_EINVAL, &start, &end);

	space_touch(sp, 0, 0);
	if (flags != 0)
		return TESS_EINVAL;
	if (e != TESS_OK || start == end)
		return e;
	if (runs_hole(sp, start, end) != end)
		return TESS_ENOMEM;
	immutable_set(sp, start, end);
	return TESS_OK;
}
