/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * call_mremap.c: mremap, in Linux's form and order of checks.
 *
 *	                     new_len < old_len     new_len == old_len    new_len > old_len
 *	in place             cut the tail          nothing               extend, if free behind
 *	MAYMOVE              as above              as above              else move
 *	FIXED (moves)        cut, move             move                  move, longer
 *	DONTUNMAP (moves)    -                     move; the old range   -
 *	                                           stays mapped, empty
 */
#include "model_priv.h"

struct remap {
	uint64_t old, old_len, new_len, new_addr;
	unsigned flags;
	bool moves; /* FIXED or DONTUNMAP */
};

static enum tess_err
remap_check_args(const struct model_space *sp, const struct remap *q)
{
	if ((q->flags &
	     ~(unsigned)(TESS_MREMAP_MAYMOVE | TESS_MREMAP_FIXED | TESS_MREMAP_DONTUNMAP)) != 0)
		return TESS_EINVAL;
	if (!tess_page_aligned(q->old) || q->new_len == 0)
		return TESS_EINVAL;
	if (q->new_len > sp->max)
		return TESS_EINVAL;
	if (!q->moves)
		return TESS_OK;
	if (q->new_addr > sp->max - q->new_len || !tess_page_aligned(q->new_addr))
		return TESS_EINVAL;
	if ((q->flags & TESS_MREMAP_MAYMOVE) == 0)
		return TESS_EINVAL;
	if ((q->flags & TESS_MREMAP_DONTUNMAP) != 0 && q->old_len != q->new_len)
		return TESS_EINVAL;
	if (q->old + q->old_len > q->new_addr && q->new_addr + q->new_len > q->old)
		return TESS_EINVAL;
	return TESS_OK;
}

/* Checks against the mapping, for anything but shrinking or staying in place; `end` is where it ends. */
static enum tess_err
remap_check_run(const struct model_space *sp, const struct remap *q, const struct model_run *r,
		uint64_t end)
{
	uint64_t more = q->new_len > q->old_len ? q->new_len - q->old_len : 0;
	uint64_t off = r->off + (q->old - r->start);

	if (q->old_len == 0 && (r->flags & TESS_AREA_SHARED) == 0)
		return TESS_EINVAL;
	/* FIXED and shorter: the tail goes first, whatever is mapped there. */
	if ((q->old_len < q->new_len ? q->old_len : q->new_len) > end - q->old)
		return TESS_EFAULT;
	if (r->obj != NULL && off > UINT64_MAX - q->new_len)
		return TESS_EINVAL;
	if (more != 0 && (r->flags & TESS_AREA_LOCKED) != 0 && !space_lock_fits(sp, more))
		return TESS_EAGAIN;
	if (more != 0 && !space_may_expand(sp, r, more))
		return TESS_ENOMEM;
	if ((q->flags & TESS_MREMAP_DONTUNMAP) != 0 && !space_may_expand(sp, r, q->new_len))
		return TESS_ENOMEM;
	return TESS_OK;
}

/* Where it goes, and what goes with it for good, holds nothing that nobody may change. */
static enum tess_err
remap_check_immutable(struct model_space *sp, const struct remap *q)
{
	if ((q->flags & TESS_MREMAP_FIXED) != 0 &&
	    runs_immutable(sp, q->new_addr, q->new_addr + q->new_len) != NULL)
		return TESS_EPERM;
	if (q->new_len < q->old_len &&
	    runs_immutable(sp, q->old + q->new_len, q->old + q->old_len) != NULL)
		return TESS_EPERM;
	return TESS_OK;
}

/* The old range stays mapped, but nothing is in it: no pages, no guards, no locks. */
static void
remap_empty(struct model_space *sp, uint64_t start, uint64_t end)
{
	runs_cut(sp, start);
	runs_cut(sp, end);
	for (unsigned i = runs_place(sp, start); i < sp->nruns && sp->run[i].start < end; i++) {
		struct model_run *r = &sp->run[i];

		r->flags &=
		    ~(unsigned)(TESS_AREA_LOCKED | TESS_AREA_LOCKONFAULT | TESS_AREA_GUARDED);
		group_unref(r->group);
		r->group = NULL;
	}
}

/* The mapping at q->old goes to `to`, q->new_len long; r is a copy of its run there. */
static void
remap_move(struct model_space *sp, const struct remap *q, const struct model_run *r, uint64_t to)
{
	uint64_t keep = q->old_len < q->new_len ? q->old_len : q->new_len;
	/* A second view (length 0) may replace the first, which is all that holds the object. */
	struct model_object *held = r->obj != NULL ? object_ref(r->obj) : NULL;

	runs_remove(sp, to, to + q->new_len);
	runs_move(sp, q->old, to, keep);
	runs_continue(sp, r, q->old + keep, to + keep, q->new_len - keep);
	if (held != NULL)
		object_unref(held);
	if ((q->flags & TESS_MREMAP_DONTUNMAP) != 0)
		remap_empty(sp, q->old, q->old + q->old_len);
	else
		runs_remove(sp, q->old, q->old + q->old_len);
	if ((r->flags & TESS_AREA_LOCKED) != 0 && q->new_len > q->old_len)
		access_populate_all(sp, to + q->old_len, to + q->new_len);
}

/* Longer, in place: OK when there is room behind. */
static bool
remap_extend(struct model_space *sp, const struct remap *q, const struct model_run *r,
	     uint64_t old_end)
{
	uint64_t end = q->old + q->new_len;

	if (q->old_len != old_end - q->old || end > sp->max || end < q->old ||
	    !runs_free(sp, old_end, end))
		return false;
	runs_continue(sp, r, old_end, old_end, end - old_end);
	if ((r->flags & TESS_AREA_LOCKED) != 0)
		access_populate_all(sp, old_end, end);
	return true;
}

/* Memory shared by inheritance, or seen twice: does a relative use what would be the continuation? */
bool
remap_is_shared_on(const struct model_run *r, uint64_t va, uint64_t more)
{
	uint64_t at = r->goff + (va - r->start);

	return r->group != NULL && more != 0 && runs_group_covered(r->group, at, at + more);
}

static enum tess_err
remap_apply(struct model_space *sp, const struct remap *q, const struct model_run *r,
	    struct model_answer *ans)
{
	uint64_t to = q->new_addr, end = runs_mapping_end(sp, q->old);
	struct place p;
	enum tess_err e;

	if ((r->flags & TESS_AREA_IMMUTABLE) != 0)
		return TESS_EPERM;
	if (q->new_len < q->old_len && q->old_len > sp->max - q->old)
		return TESS_EINVAL; /* as munmap(2) of the tail */
	if (!q->moves && q->new_len <= q->old_len) {
		e = remap_check_immutable(sp, q);
		if (e != TESS_OK)
			return e;
		if (q->new_len < q->old_len)
			runs_remove(sp, q->old + q->new_len, q->old + q->old_len);
		ans->va = q->old;
		space_touch(sp, q->old, q->old + q->old_len);
		return TESS_OK;
	}
	e = remap_check_run(sp, q, r, end);
	if (e != TESS_OK)
		return e;
	if ((q->flags & TESS_MREMAP_FIXED) != 0 && to < sp->min)
		return sp->rules->mmap_below_min;
	e = remap_check_immutable(sp, q);
	if (e != TESS_OK)
		return e;
	if (q->new_len > q->old_len &&
	    remap_is_shared_on(r, q->old + q->old_len, q->new_len - q->old_len))
		return TESS_ENOMEM;
	if (!q->moves && remap_extend(sp, q, r, end)) {
		ans->va = q->old;
		space_touch(sp, q->old, q->old + q->new_len);
		return TESS_OK;
	}
	if ((q->flags & TESS_MREMAP_MAYMOVE) == 0)
		return TESS_ENOMEM;
	if ((q->flags & TESS_MREMAP_FIXED) == 0) {
		place_any(sp, q->new_len, &p);
		e = place_adopt(sp, &p, ans->err, ans->va, "mremap");
		to = ans->va;
		if (e != TESS_OK || ans->err != TESS_OK || model_complaint(sp->model) != NULL)
			return e;
	}
	remap_move(sp, q, r, to);
	ans->va = to;
	space_touch(sp, to, to + q->new_len);
	return TESS_OK;
}

enum tess_err
model_mremap(struct model_space *sp, tess_va old, uint64_t old_len, uint64_t new_len,
	     unsigned flags, tess_va new_addr, struct model_answer *ans)
{
	struct remap q = {
	    .old = old,
	    .old_len = tess_page_round(old_len),
	    .new_len = tess_page_round(new_len),
	    .new_addr = new_addr,
	    .flags = flags,
	    .moves = (flags & (TESS_MREMAP_FIXED | TESS_MREMAP_DONTUNMAP)) != 0,
	};
	struct model_run *r;
	enum tess_err e;

	space_touch(sp, 0, 0);
	e = remap_check_args(sp, &q);
	if (e != TESS_OK)
		return e;
	r = runs_find(sp, old);
	if (r == NULL)
		return TESS_EFAULT;
	struct model_run copy = *r;

	e = remap_apply(sp, &q, &copy, ans);
	runs_join(sp);
	return e;
}
