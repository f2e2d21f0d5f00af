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

/* Checks against the run, for anything but shrinking or staying in place. */
static enum tess_err
remap_check_run(const struct model_space *sp, const struct remap *q, const struct model_run *r)
{
	uint64_t more = q->new_len > q->old_len ? q->new_len - q->old_len : 0;
	uint64_t off = r->off + (q->old - r->start);

	if (q->old_len == 0 && (r->flags & TESS_AREA_SHARED) == 0)
		return TESS_EINVAL;
	/* FIXED and shorter: the tail goes first, whatever is mapped there. */
	if ((q->old_len < q->new_len ? q->old_len : q->new_len) > r->end - q->old)
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

/* Take the pages of [from, from + len) to `to`, within the space's own array. */
static void
remap_move_pages(struct model_space *sp, uint64_t from, uint64_t to, uint64_t len)
{
	uint64_t first = from >> TESS_PAGE_SHIFT, last = (from + len) >> TESS_PAGE_SHIFT;
	struct model_pages moved = {0};

	pages_copy(sp->model, &moved, 0, &sp->pages, first, last);
	pages_drop(sp->model, &sp->pages, first, last);
	pages_copy(sp->model, &sp->pages, to >> TESS_PAGE_SHIFT, &moved, 0, len >> TESS_PAGE_SHIFT);
	pages_free(sp->model, &moved);
}

/* The run at q->old goes to `to`, q->new_len long; r is a copy of it. */
static void
remap_move(struct model_space *sp, const struct remap *q, struct model_run r, uint64_t to)
{
	uint64_t keep = q->old_len < q->new_len ? q->old_len : q->new_len;
	bool dontunmap = (q->flags & TESS_MREMAP_DONTUNMAP) != 0;

	object_ref(r.obj);
	group_ref(r.group);
	r.off += q->old - r.start;
	r.goff += q->old - r.start;
	runs_remove(sp, to, to + q->new_len);
	r.start = to;
	r.end = to + q->new_len;
	runs_insert(sp, &r);
	if (r.group == NULL)
		remap_move_pages(sp, q->old, to, keep);
	if (!dontunmap) {
		runs_remove(sp, q->old, q->old + q->old_len);
	} else {
		runs_cut(sp, q->old);
		runs_cut(sp, q->old + q->old_len);
		for (unsigned i = runs_place(sp, q->old);
		     i < sp->nruns && sp->run[i].start < q->old + q->old_len; i++) {
			struct model_run *o = &sp->run[i];

			o->flags &= ~(unsigned)(TESS_AREA_LOCKED | TESS_AREA_LOCKONFAULT);
			group_unref(o->group);
			o->group = NULL;
		}
	}
	if ((r.flags & TESS_AREA_LOCKED) != 0 && q->new_len > q->old_len)
		access_populate_all(sp, to + q->old_len, to + q->new_len);
}

/* Longer, in place: OK when there is room behind. */
static bool
remap_extend(struct model_space *sp, const struct remap *q, struct model_run r)
{
	uint64_t end = q->old + q->new_len;

	if (q->old_len != r.end - q->old || end > sp->max || end < q->old ||
	    !runs_free(sp, r.end, end))
		return false;
	object_ref(r.obj);
	group_ref(r.group);
	r.off += r.end - r.start;
	r.goff += r.end - r.start;
	r.start = r.end;
	r.end = end;
	runs_insert(sp, &r);
	if ((r.flags & TESS_AREA_LOCKED) != 0)
		access_populate_all(sp, r.start, r.end);
	return true;
}

/* The core chose where: legal, or why not. */
static enum tess_err
remap_adopt(struct model_space *sp, const struct remap *q, const struct model_answer *ans)
{
	if (ans->err != TESS_OK)
		return ans->err == TESS_ENOMEM && !place_exists(sp, q->new_len) ? TESS_ENOMEM
										: TESS_OK;
	if (!tess_page_aligned(ans->va) || ans->va < sp->min || ans->va > sp->max ||
	    q->new_len > sp->max - ans->va || !runs_free(sp, ans->va, ans->va + q->new_len))
		model_complain(sp->model, "mremap answered 0x%lx, which is not a legal place",
			       ans->va);
	return TESS_OK;
}

static enum tess_err
remap_apply(struct model_space *sp, const struct remap *q, const struct model_run *r,
	    struct model_answer *ans)
{
	uint64_t to = q->new_addr;
	enum tess_err e;

	if (q->new_len < q->old_len && q->old_len > sp->max - q->old)
		return TESS_EINVAL; /* as munmap(2) of the tail */
	if (!q->moves && q->new_len <= q->old_len) {
		if (q->new_len < q->old_len)
			runs_remove(sp, q->old + q->new_len, q->old + q->old_len);
		ans->va = q->old;
		space_touch(sp, q->old, q->old + q->old_len);
		return TESS_OK;
	}
	e = remap_check_run(sp, q, r);
	if (e != TESS_OK)
		return e;
	if ((q->flags & TESS_MREMAP_FIXED) != 0 && to < sp->min)
		return sp->rules->mmap_below_min;
	/* Memory shared by inheritance: a relative uses what would be its continuation. */
	if (q->new_len > q->old_len && r->group != NULL &&
	    runs_group_covered(r->group, r->goff + (q->old - r->start) + q->old_len,
			       r->goff + (q->old - r->start) + q->new_len))
		return TESS_ENOMEM;
	if (!q->moves && remap_extend(sp, q, *r)) {
		ans->va = q->old;
		space_touch(sp, q->old, q->old + q->new_len);
		return TESS_OK;
	}
	if ((q->flags & TESS_MREMAP_MAYMOVE) == 0)
		return TESS_ENOMEM;
	if ((q->flags & TESS_MREMAP_FIXED) == 0) {
		e = remap_adopt(sp, q, ans);
		to = ans->va;
		if (e != TESS_OK || ans->err != TESS_OK || model_complaint(sp->model) != NULL)
			return e;
	}
	remap_move(sp, q, *r, to);
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
