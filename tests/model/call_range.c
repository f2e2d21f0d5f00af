/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * call_range.c: mprotect, minherit, madvise, msync, mincore: what changes or asks about what is mapped.
 */
#include "model_priv.h"

/* ---- mprotect ---- */

/* Locked private memory that becomes writable is made the space's own at once, as mlock would have done. */
static void
mprotect_run(struct model_space *sp, struct model_run *r, tess_prot prot)
{
	bool own = (r->flags & TESS_AREA_LOCKED) != 0 && (r->flags & TESS_AREA_SHARED) == 0 &&
		   (r->prot & TESS_PROT_WRITE) == 0 && (prot & TESS_PROT_WRITE) != 0;

	r->prot = prot;
	if (own)
		(void)access_populate(sp, r->start, r->end);
}

enum tess_err
model_mprotect(struct model_space *sp, tess_va addr, uint64_t len, unsigned prot)
{
	const struct model_rules *ru = sp->rules;
	uint64_t end = addr + tess_page_round(len), stop = end;
	enum tess_err e = TESS_OK;

	space_touch(sp, 0, 0);
	if (!tess_page_aligned(addr))
		return TESS_EINVAL;
	if (len == 0)
		return TESS_OK;
	if (end <= addr)
		return ru->mprotect_wrap;
	if ((prot & ~ru->prot_known) != 0 && ru->mprotect_unknown != TESS_OK)
		return ru->mprotect_unknown;
	prot &= TESS_PROT_ALL;
	runs_cut(sp, addr);
	runs_cut(sp, end);
	/* The first trouble, in address order: a hole or a maximum exceeded. */
	for (uint64_t at = addr; at < end && e == TESS_OK;) {
		struct model_run *r = runs_find(sp, at);

		stop = at;
		if (r == NULL)
			e = ru->mprotect_hole;
		else if ((prot & ~(unsigned)r->maxprot) != 0)
			e = TESS_EACCES;
		else
			stop = at = r->end;
	}
	if (e == TESS_OK || ru->partial) {
		for (unsigned i = runs_place(sp, addr); i < sp->nruns && sp->run[i].start < stop;
		     i++)
			mprotect_run(sp, &sp->run[i], (tess_prot)prot);
		space_touch(sp, addr, stop);
	}
	runs_join(sp);
	return e;
}

/* ---- minherit ---- */

enum tess_err
model_minherit(struct model_space *sp, tess_va addr, uint64_t len, enum tess_inherit inherit)
{
	uint64_t end = addr + tess_page_round(len);

	space_touch(sp, 0, 0);
	if (!tess_page_aligned(addr) || (unsigned)inherit > TESS_INHERIT_ZERO)
		return TESS_EINVAL;
	if (len == 0)
		return TESS_OK;
	if (end <= addr)
		return TESS_EINVAL;
	if (runs_hole(sp, addr, end) != end)
		return TESS_ENOMEM;
	runs_cut(sp, addr);
	runs_cut(sp, end);
	for (unsigned i = runs_place(sp, addr); i < sp->nruns && sp->run[i].start < end; i++) {
		sp->run[i].inherit = (uint8_t)inherit;
		sp->run[i].dontfork = inherit == TESS_INHERIT_NONE;
		sp->run[i].wipe = inherit == TESS_INHERIT_ZERO;
	}
	runs_join(sp);
	return TESS_OK;
}

/* ---- madvise ---- */

static bool
madvise_is_anon(const struct model_run *r)
{
	return r->obj == NULL && (r->flags & TESS_AREA_SHARED) == 0;
}

/* Forget the private pages of r, and that others were read. */
static void
madvise_discard(struct model_space *sp, const struct model_run *r)
{
	runs_drop_private(sp, r, r->start, r->end);
}

static enum tess_err
madvise_run(struct model_space *sp, struct model_run *r, enum tess_madv advice)
{
	bool locked = (r->flags & TESS_AREA_LOCKED) != 0;

	switch (advice) {
	case TESS_MADV_NORMAL:
	case TESS_MADV_RANDOM:
	case TESS_MADV_SEQUENTIAL:
		r->advice = (uint8_t)(advice - TESS_MADV_NORMAL);
		return TESS_OK;
	case TESS_MADV_DONTNEED:
		if (!sp->rules->dontneed_discards)
			return TESS_OK;
		if (locked)
			return TESS_EINVAL;
		if ((r->flags & TESS_AREA_SHARED) == 0)
			madvise_discard(sp, r);
		return TESS_OK;
	case TESS_MADV_FREE:
		if (!madvise_is_anon(r) || locked)
			return TESS_EINVAL;
		madvise_discard(sp, r);
		return TESS_OK;
	case TESS_MADV_DONTFORK:
		r->dontfork = true;
		return TESS_OK;
	case TESS_MADV_DOFORK:
		r->dontfork = false;
		return TESS_OK;
	case TESS_MADV_WIPEONFORK:
		if (!madvise_is_anon(r))
			return TESS_EINVAL;
		r->wipe = true;
		return TESS_OK;
	case TESS_MADV_KEEPONFORK:
		r->wipe = false;
		return TESS_OK;
	case TESS_MADV_DONTDUMP:
		r->flags |= TESS_AREA_DONTDUMP;
		return TESS_OK;
	case TESS_MADV_DODUMP:
		r->flags &= ~(unsigned)TESS_AREA_DONTDUMP;
		return TESS_OK;
	case TESS_MADV_COLD:
	case TESS_MADV_PAGEOUT:
		return locked ? TESS_EINVAL : TESS_OK;
	default:
		return TESS_OK;
	}
}

/* MADV_POPULATE_*: unlike all others it stops at the first trouble, and faults. */
static enum tess_err
madvise_populate(struct model_space *sp, uint64_t start, uint64_t end, enum tess_access how)
{
	for (uint64_t page = start; page < end; page += TESS_PAGE_SIZE) {
		struct model_run *r = runs_find(sp, page);
		enum tess_err e;

		if (r == NULL || sp->model->left == 0)
			return TESS_ENOMEM;
		/* The right itself is asked for, not what hardware happens to allow with another. */
		if ((r->prot & (how == TESS_ACCESS_WRITE ? TESS_PROT_WRITE : TESS_PROT_READ)) == 0)
			return TESS_EINVAL;
		e = access_touch(sp, page, how);
		if (e != TESS_OK)
			return e == TESS_SIGBUS ? TESS_EFAULT : TESS_EINVAL;
	}
	return TESS_OK;
}

static enum tess_err
madvise_apply(struct model_space *sp, uint64_t start, uint64_t end, enum tess_madv advice)
{
	enum tess_err hole = runs_hole(sp, start, end) == end ? TESS_OK : TESS_ENOMEM;

	runs_cut(sp, start);
	runs_cut(sp, end);
	for (unsigned i = runs_place(sp, start); i < sp->nruns && sp->run[i].start < end; i++) {
		enum tess_err e = madvise_run(sp, &sp->run[i], advice);

		if (e != TESS_OK)
			return e;
	}
	return hole;
}

enum tess_err
model_madvise(struct model_space *sp, tess_va addr, uint64_t len, enum tess_madv advice)
{
	uint64_t end = addr + tess_page_round(len);
	enum tess_err e;

	space_touch(sp, 0, 0);
	if ((unsigned)advice >= TESS_MADV_UNKNOWN || !tess_page_aligned(addr))
		return TESS_EINVAL;
	if (len == 0)
		return TESS_OK;
	if (end <= addr)
		return TESS_EINVAL;
	if (advice == TESS_MADV_POPULATE_READ || advice == TESS_MADV_POPULATE_WRITE)
		e = madvise_populate(sp, addr, end,
				     advice == TESS_MADV_POPULATE_READ ? TESS_ACCESS_READ
								       : TESS_ACCESS_WRITE);
	else
		e = madvise_apply(sp, addr, end, advice);
	runs_join(sp);
	space_touch(sp, addr, end);
	return e;
}

/* ---- msync ---- */

static enum tess_err
msync_check_flags(const struct model_rules *ru, unsigned flags)
{
	if ((flags & ~(unsigned)(TESS_MS_ASYNC | TESS_MS_INVALIDATE | TESS_MS_SYNC)) != 0)
		return TESS_EINVAL;
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

enum tess_err
model_msync(struct model_space *sp, tess_va addr, uint64_t len, unsigned flags)
{
	const struct model_rules *ru = sp->rules;
	uint64_t end = addr + tess_page_round(len);
	enum tess_err e = msync_check_flags(ru, flags), hole;

	space_touch(sp, 0, 0);
	if (e != TESS_OK)
		return e;
	if (!tess_page_aligned(addr))
		return TESS_EINVAL;
	if (len == 0)
		return TESS_OK;
	if (end <= addr)
		return ru->msync_wrap;
	hole = runs_hole(sp, addr, end) == end ? TESS_OK : ru->msync_hole;
	if (hole != TESS_OK && flags == TESS_MS_ASYNC)
		return hole;
	for (unsigned i = runs_place(sp, addr); i < sp->nruns && sp->run[i].start < end; i++) {
		struct model_run *r = &sp->run[i];

		if ((flags & TESS_MS_INVALIDATE) == 0)
			continue;
		if ((r->flags & TESS_AREA_LOCKED) != 0)
			return TESS_EBUSY;
		msync_unsure(r, r->start > addr ? r->start : addr, r->end < end ? r->end : end);
	}
	return hole;
}

/* ---- mincore ---- */

enum mincore_rule {
	MINCORE_MUST_NOT,
	MINCORE_MUST,
	MINCORE_MAY
};

static enum mincore_rule
mincore_rule(struct model_space *sp, const struct model_run *r, uint64_t page)
{
	uint64_t idx;
	struct model_pages *private = runs_private(sp, r, page, &idx);
	struct model_page *p = pages_find(private, idx);

	if ((r->flags & TESS_AREA_SHARED) == 0) {
		if (p != NULL && p->data != NULL)
			return MINCORE_MUST;
		if (r->obj == NULL)
			return p == NULL ? MINCORE_MUST_NOT : MINCORE_MAY;
	}
	p = pages_find(&r->obj->pages, (r->off + (page - r->start)) >> TESS_PAGE_SHIFT);
	if (p != NULL)
		return p->sure ? MINCORE_MUST : MINCORE_MAY;
	return !sp->model->unsure &&
		       (r->obj->kind == TESS_HANDLE_NONE || r->obj->kind == TESS_HANDLE_SHM)
		   ? MINCORE_MUST_NOT
		   : MINCORE_MAY;
}

enum tess_err
model_mincore(struct model_space *sp, tess_va addr, uint64_t len, const unsigned char *vec)
{
	uint64_t end = addr + tess_page_round(len);

	space_touch(sp, 0, 0);
	if (!tess_page_aligned(addr))
		return TESS_EINVAL;
	if (len > UINT64_MAX - TESS_PAGE_SIZE || addr > sp->max || len > sp->max - addr)
		return sp->rules->mincore_beyond;
	if (len == 0)
		return sp->rules->mincore_len0;
	if (vec == NULL)
		return TESS_EFAULT;
	for (uint64_t page = addr; page < end; page += TESS_PAGE_SIZE) {
		const struct model_run *r = runs_find(sp, page);
		unsigned char got = vec[(page - addr) >> TESS_PAGE_SHIFT];
		enum mincore_rule rule;

		if (r == NULL)
			return TESS_ENOMEM;
		rule = mincore_rule(sp, r, page);
		if (got > 1)
			model_complain(sp->model, "mincore wrote 0x%x for page 0x%lx",
				       (unsigned)got, page);
		else if (rule != MINCORE_MAY && got != (rule == MINCORE_MUST))
			model_complain(sp->model,
				       "mincore says %u for page 0x%lx, which is%s in memory",
				       (unsigned)got, page, rule == MINCORE_MUST ? "" : " not");
	}
	return TESS_OK;
}
