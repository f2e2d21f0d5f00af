/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * call_advise.c: madvise, posix_madvise.
 *
 * One mapping after the other, in address order; the first that refuses ends the call, and what was done before stays.
 * bsd passes over what an advice does not fit.
 */
#include "model_priv.h"

static bool
advise_is_anon(const struct model_run *r)
{
	return r->obj == NULL && (r->flags & TESS_AREA_SHARED) == 0;
}

/* Does it have bytes that only memory keeps: no file behind it? */
static bool
advise_is_memory(const struct model_run *r)
{
	if ((r->flags & TESS_AREA_SHARED) == 0)
		return r->obj == NULL;
	return r->obj->kind == TESS_HANDLE_NONE || r->obj->kind == TESS_HANDLE_SHM;
}

/* Advice by which contents, or what a child gets, would be lost. */
static bool
advise_loses(const struct model_rules *ru, enum tess_madv advice)
{
	switch (advice) {
	case TESS_MADV_DONTNEED:
		return ru->dontneed_discards;
	case TESS_MADV_DONTNEED_LOCKED:
	case TESS_MADV_FREE:
	case TESS_MADV_REMOVE:
	case TESS_MADV_DONTFORK:
	case TESS_MADV_WIPEONFORK:
	case TESS_MADV_GUARD_INSTALL:
	case TESS_MADV_ZERO:
	case TESS_MADV_FREE_REUSABLE:
		return true;
	default:
		return false;
	}
}

/* May this advice be given about r? */
static enum tess_err
advise_check_run(const struct model_rules *ru, const struct model_run *r, enum tess_madv advice)
{
	bool locked = (r->flags & TESS_AREA_LOCKED) != 0;
	bool shared = (r->flags & TESS_AREA_SHARED) != 0;
	bool writable = (r->prot & TESS_PROT_WRITE) != 0;

	if ((r->flags & TESS_AREA_IMMUTABLE) != 0 && !shared && !writable &&
	    advise_loses(ru, advice))
		return TESS_EPERM;
	switch (advice) {
	case TESS_MADV_DONTNEED:
		return ru->dontneed_discards && locked ? TESS_EINVAL : TESS_OK;
	case TESS_MADV_FREE:
	case TESS_MADV_FREE_REUSABLE:
		return !advise_is_anon(r) || locked ? TESS_EINVAL : TESS_OK;
	case TESS_MADV_WIPEONFORK:
		return advise_is_anon(r) ? TESS_OK : TESS_EINVAL;
	case TESS_MADV_COLD:
	case TESS_MADV_PAGEOUT:
	case TESS_MADV_GUARD_INSTALL:
		return locked ? TESS_EINVAL : TESS_OK;
	case TESS_MADV_REMOVE:
		if (locked || r->obj == NULL)
			return TESS_EINVAL;
		return shared && (r->maxprot & TESS_PROT_WRITE) != 0 ? TESS_OK : TESS_EACCES;
	case TESS_MADV_ZERO:
		if (!advise_is_memory(r))
			return TESS_EINVAL;
		return writable ? TESS_OK : TESS_EACCES;
	case TESS_MADV_FREE_REUSE:
	case TESS_MADV_CAN_REUSE:
		return advise_is_anon(r) && writable ? TESS_OK : TESS_EINVAL;
	default:
		return TESS_OK;
	}
}

/* Forget the private pages of r, and that others were read. */
static void
advise_discard(struct model_space *sp, const struct model_run *r)
{
	runs_drop_private(sp, r, r->start, r->end);
}

/* The bytes of r's object that r shows are zeros from now on, for everybody. */
static void
advise_punch(const struct model_run *r)
{
	object_zero(r->obj, r->off >> TESS_PAGE_SHIFT,
		    (r->off + (r->end - r->start)) >> TESS_PAGE_SHIFT);
}

static void
advise_apply_run(struct model_space *sp, struct model_run *r, enum tess_madv advice)
{
	switch (advice) {
	case TESS_MADV_NORMAL:
	case TESS_MADV_RANDOM:
	case TESS_MADV_SEQUENTIAL:
		r->advice = (uint8_t)(advice - TESS_MADV_NORMAL);
		break;
	case TESS_MADV_DONTNEED:
		if (!sp->rules->dontneed_discards)
			break;
		/* FALLTHROUGH */
	case TESS_MADV_DONTNEED_LOCKED:
	case TESS_MADV_FREE:
	case TESS_MADV_FREE_REUSABLE:
		if ((r->flags & TESS_AREA_SHARED) == 0)
			advise_discard(sp, r);
		break;
	case TESS_MADV_GUARD_INSTALL:
		if ((r->flags & TESS_AREA_SHARED) == 0)
			advise_discard(sp, r);
		r->flags |= TESS_AREA_GUARDED;
		break;
	case TESS_MADV_GUARD_REMOVE:
		r->flags &= ~(unsigned)TESS_AREA_GUARDED;
		break;
	case TESS_MADV_REMOVE:
		advise_punch(r);
		break;
	case TESS_MADV_ZERO:
		if (r->obj != NULL)
			advise_punch(r);
		else
			advise_discard(sp, r);
		break;
	case TESS_MADV_DONTFORK:
		r->dontfork = true;
		break;
	case TESS_MADV_DOFORK:
		r->dontfork = false;
		break;
	case TESS_MADV_WIPEONFORK:
		r->wipe = true;
		break;
	case TESS_MADV_KEEPONFORK:
		r->wipe = false;
		break;
	case TESS_MADV_DONTDUMP:
		r->flags |= TESS_AREA_DONTDUMP;
		break;
	case TESS_MADV_DODUMP:
		r->flags &= ~(unsigned)TESS_AREA_DONTDUMP;
		break;
	case TESS_MADV_NOSYNC:
		r->flags |= TESS_AREA_NOSYNC;
		break;
	case TESS_MADV_AUTOSYNC:
		r->flags &= ~(unsigned)TESS_AREA_NOSYNC;
		break;
	default:
		break; /* nothing that anybody could see */
	}
}

static enum tess_err
advise_apply(struct model_space *sp, uint64_t start, uint64_t end, enum tess_madv advice)
{
	const struct model_rules *ru = sp->rules;
	bool hole = runs_hole(sp, start, end) != end;

	/* bsd: freeing asks first whether all of it may be changed. */
	if (ru->madv_skips && advice == TESS_MADV_FREE && runs_immutable(sp, start, end) != NULL)
		return TESS_EPERM;
	runs_cut(sp, start);
	runs_cut(sp, end);
	for (unsigned i = runs_place(sp, start); i < sp->nruns && sp->run[i].start < end; i++) {
		enum tess_err e = advise_check_run(ru, &sp->run[i], advice);

		if (e == TESS_OK)
			advise_apply_run(sp, &sp->run[i], advice);
		else if (!ru->madv_skips)
			return e;
	}
	return hole && !ru->madv_skips ? TESS_ENOMEM : TESS_OK;
}

/* MADV_POPULATE_*: unlike all others it stops at the first trouble, and faults. */
static enum tess_err
advise_populate(struct model_space *sp, uint64_t start, uint64_t end, enum tess_access how)
{
	for (uint64_t page = start; page < end; page += TESS_PAGE_SIZE) {
		struct model_run *r = runs_find(sp, page);
		enum tess_err e;

		if (r == NULL || sp->model->left == 0)
			return TESS_ENOMEM;
		/* The right itself is asked for, not what hardware happens to allow with another. */
		if ((r->prot & (how == TESS_ACCESS_WRITE ? TESS_PROT_WRITE : TESS_PROT_READ)) == 0)
			return TESS_EINVAL;
		if ((r->flags & TESS_AREA_GUARDED) != 0)
			return TESS_EFAULT;
		e = access_touch(sp, page, how);
		if (e != TESS_OK)
			return e == TESS_SIGBUS ? TESS_EFAULT : TESS_EINVAL;
	}
	return TESS_OK;
}

/* Advice that the personality knows, over a range that is right. */
static enum tess_err
advise_range(struct model_space *sp, uint64_t start, uint64_t end, enum tess_madv advice)
{
	switch (advice) {
	case TESS_MADV_HWPOISON:
	case TESS_MADV_SOFT_OFFLINE:
	case TESS_MADV_PROTECT:
		return TESS_EPERM;
	case TESS_MADV_COLLAPSE:
		return TESS_EINVAL;
	case TESS_MADV_POPULATE_READ:
		return advise_populate(sp, start, end, TESS_ACCESS_READ);
	case TESS_MADV_POPULATE_WRITE:
		return advise_populate(sp, start, end, TESS_ACCESS_WRITE);
	default:
		return advise_apply(sp, start, end, advice);
	}
}

static enum tess_err
advise_call(struct model_space *sp, tess_va addr, uint64_t len, enum tess_madv advice)
{
	uint64_t start, end;
	enum tess_err e = range_make(range_how(sp->rules), addr, len, TESS_EINVAL, &start, &end);

	if (e != TESS_OK || len == 0)
		return e;
	e = advise_range(sp, start, end, advice);
	runs_join(sp);
	space_touch(sp, start, end);
	return e;
}

enum tess_err
model_madvise(struct model_space *sp, tess_va addr, uint64_t len, enum tess_madv advice)
{
	uint64_t known = sp->rules->madv_known;

	space_touch(sp, 0, 0);
	if (known == 0)
		return TESS_EOPNOTSUPP;
	if ((unsigned)advice >= TESS_MADV_UNKNOWN || (known & (uint64_t)1 << advice) == 0)
		return TESS_EINVAL;
	return advise_call(sp, addr, len, advice);
}

enum tess_err
model_posix_madvise(struct model_space *sp, tess_va addr, uint64_t len, enum tess_madv advice)
{
	space_touch(sp, 0, 0);
	if (sp->rules->madv_known == 0)
		return TESS_EOPNOTSUPP;
	if ((unsigned)advice > TESS_MADV_DONTNEED)
		return TESS_EINVAL;
	/* DONTNEED keeps the data: what is left of it is the look at the range, as WILLNEED's. */
	return advise_call(sp, addr, len,
			   advice == TESS_MADV_DONTNEED ? TESS_MADV_WILLNEED : advice);
}
