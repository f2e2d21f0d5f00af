/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * call_mremap_bsd.c: mremap in NetBSD's form, in every personality.
 *
 *	                new_len < old_len    new_len == old_len    new_len > old_len
 *	0               cut the tail         nothing               extend, if free behind, else move
 *	FIXED           move, shorter        move                  move, longer
 *	REMAPDUP        -                    show the pages twice  -
 */
#include "model_priv.h"

struct bsd_remap {
	uint64_t old, old_len, new_len, to;
	uint8_t align;
	bool fixed, dup;
};

static bool
bsd_remap_inside(const struct model_space *sp, uint64_t va, uint64_t len)
{
	return va >= sp->min && va <= sp->max && len <= sp->max - va;
}

static bool
bsd_remap_args_bad(const struct model_space *sp, const struct bsd_remap *q)
{
	if (!tess_page_aligned(q->old) || q->old_len == 0 || q->new_len == 0 ||
	    align_is_bad(q->align))
		return true;
	if (q->dup && q->old_len != q->new_len)
		return true;
	if (!bsd_remap_inside(sp, q->old, q->old_len))
		return true;
	if (!q->fixed)
		return false;
	return (q->to & (align_bytes(q->align) - 1)) != 0 ||
	       !bsd_remap_inside(sp, q->to, q->new_len) ||
	       (q->to < q->old + q->old_len && q->old < q->to + q->new_len);
}

/* The first trouble of the old range in address order. */
static enum tess_err
bsd_remap_source(struct model_space *sp, uint64_t start, uint64_t end)
{
	const struct model_run *fixed = runs_immutable(sp, start, end);
	uint64_t hole = runs_hole(sp, start, end);

	if (fixed != NULL && fixed->start <= hole)
		return TESS_EPERM;
	return hole != end ? TESS_ENOMEM : TESS_OK;
}

/* May `more` bytes be locked, once what a fixed target replaces is not any more? */
static bool
bsd_remap_lock_fits(const struct model_space *sp, const struct bsd_remap *q, uint64_t more)
{
	uint64_t locked = runs_bytes_flagged(sp, 0, UINT64_MAX, TESS_AREA_LOCKED);

	if (q->fixed)
		locked -= runs_bytes_flagged(sp, q->to, q->to + q->new_len, TESS_AREA_LOCKED);
	return locked + more <= sp->limit[TESS_LIMIT_MEMLOCK];
}

/* What there will be more; what a fixed target replaces makes room.  RLIMIT_DATA is not asked. */
static enum tess_err
bsd_remap_limits(const struct model_space *sp, const struct bsd_remap *q,
		 const struct model_run *last)
{
	uint64_t more = q->dup ? q->new_len : q->new_len - q->old_len, end = q->to + q->new_len;
	uint64_t over = q->fixed ? runs_bytes_flagged(sp, q->to, end, 0) : 0;
	const struct model_run plain = {.prot = TESS_PROT_NONE};

	if (!q->dup && q->new_len <= q->old_len)
		return TESS_OK;
	if (!space_may_expand(sp, &plain, more - over))
		return TESS_ENOMEM;
	if (!q->dup && (last->flags & TESS_AREA_LOCKED) != 0 && !bsd_remap_lock_fits(sp, q, more))
		return TESS_ENOMEM;
	return TESS_OK;
}

/* Both ranges show the same pages; the new one is not locked. */
static void
bsd_remap_dup(struct model_space *sp, const struct bsd_remap *q, uint64_t to)
{
	uint64_t end = q->old + q->old_len;

	runs_remove(sp, to, to + q->new_len);
	runs_cut(sp, q->old);
	runs_cut(sp, end);
	for (unsigned i = runs_place(sp, q->old); i < sp->nruns && sp->run[i].start < end; i++)
		if ((sp->run[i].flags & TESS_AREA_SHARED) == 0)
			runs_group(sp, &sp->run[i]);
	runs_move(sp, q->old, to, q->old_len);
	end = to + q->new_len;
	for (unsigned i = runs_place(sp, to); i < sp->nruns && sp->run[i].start < end; i++)
		sp->run[i].flags &= ~(unsigned)(TESS_AREA_LOCKED | TESS_AREA_LOCKONFAULT);
}

static void
bsd_remap_move(struct model_space *sp, const struct bsd_remap *q, const struct model_run *last,
	       uint64_t to)
{
	uint64_t keep = q->old_len < q->new_len ? q->old_len : q->new_len;

	runs_remove(sp, to, to + q->new_len);
	runs_move(sp, q->old, to, keep);
	runs_continue(sp, last, q->old + keep, to + keep, q->new_len - keep);
	runs_remove(sp, q->old, q->old + q->old_len);
}

/* Neither FIXED nor REMAPDUP, and there is room: true, done where it is. */
static bool
bsd_remap_stays(struct model_space *sp, const struct bsd_remap *q, const struct model_run *last)
{
	uint64_t old_end = q->old + q->old_len, new_end = q->old + q->new_len;

	if (q->fixed || q->dup)
		return false;
	if (q->new_len <= q->old_len) {
		runs_remove(sp, new_end, old_end);
		return true;
	}
	if (new_end > sp->max || new_end < q->old || last->end != old_end ||
	    !runs_free(sp, old_end, new_end) ||
	    remap_is_shared_on(last, old_end, new_end - old_end))
		return false;
	runs_continue(sp, last, old_end, old_end, new_end - old_end);
	return true;
}

/* Arguments that passed, and a source that may be moved. */
static enum tess_err
bsd_remap_apply(struct model_space *sp, const struct bsd_remap *q, struct model_answer *ans)
{
	uint64_t to = q->to, old_end = q->old + q->old_len;
	struct model_run last = *runs_find(sp, old_end - TESS_PAGE_SIZE);
	bool grows = q->new_len > q->old_len;
	struct place p;
	enum tess_err e;

	if (grows && runs_mapping_end(sp, q->old) < old_end)
		return TESS_EINVAL;
	if (q->fixed && runs_immutable(sp, to, to + q->new_len) != NULL)
		return TESS_EPERM;
	e = bsd_remap_limits(sp, q, &last);
	if (e != TESS_OK)
		return e;
	if (bsd_remap_stays(sp, q, &last)) {
		to = q->old;
	} else {
		place_any(sp, q->new_len, &p);
		p.align = align_bytes(q->align);
		if (!q->fixed) {
			place_hint(sp, q->to, 0, &p);
			e = place_adopt(sp, &p, ans->err, ans->va, "mremap");
			to = ans->va;
		}
		if (e == TESS_OK && grows &&
		    remap_is_shared_on(&last, old_end, q->new_len - q->old_len))
			e = TESS_ENOMEM;
		if (e != TESS_OK || ans->err != TESS_OK || model_complaint(sp->model) != NULL)
			return e;
		if (q->dup)
			bsd_remap_dup(sp, q, to);
		else
			bsd_remap_move(sp, q, &last, to);
	}
	if (grows && (last.flags & TESS_AREA_LOCKED) != 0)
		access_populate_all(sp, to + q->old_len, to + q->new_len);
	ans->va = to;
	space_touch(sp, to, to + q->new_len);
	return TESS_OK;
}

enum tess_err
model_mremap_bsd(struct model_space *sp, tess_va old, uint64_t old_len, tess_va to,
		 uint64_t new_len, unsigned flags, uint8_t align, struct model_answer *ans)
{
	struct bsd_remap q = {
	    .old = old,
	    .old_len = tess_page_round(old_len),
	    .new_len = tess_page_round(new_len),
	    .to = to,
	    .align = align,
	    .fixed = (flags & TESS_MREMAP_BSD_FIXED) != 0,
	    .dup = (flags & TESS_MREMAP_BSD_DUP) != 0,
	};
	enum tess_err e;

	space_touch(sp, 0, 0);
	if ((flags & ~(unsigned)(TESS_MREMAP_BSD_FIXED | TESS_MREMAP_BSD_DUP)) != 0 ||
	    bsd_remap_args_bad(sp, &q))
		return TESS_EINVAL;
	e = bsd_remap_source(sp, old, old + q.old_len);
	if (e == TESS_OK)
		e = bsd_remap_apply(sp, &q, ans);
	runs_join(sp);
	return e;
}
