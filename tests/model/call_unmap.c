/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * call_unmap.c: munmap, System V attachments, the break, and mmap as 4.3BSD had it.
 */
#include "model_priv.h"

/* ---- munmap ---- */

enum tess_err
model_munmap(struct model_space *sp, tess_va addr, uint64_t len)
{
	const struct model_rules *ru = sp->rules;
	uint64_t start, end;
	struct model_run *fixed;
	enum tess_err e;

	space_touch(sp, 0, 0);
	e = range_make(range_how(ru), addr, len, TESS_EINVAL, &start, &end);
	if (e != TESS_OK || (ru->signed_len && len > INT64_MAX))
		return TESS_EINVAL;
	/* Who truncates calls a length of 0 an error, whatever the address; who does not has aligned ones. */
	if (len == 0 && (ru->munmap_len0 != TESS_OK || ru->munmap_inside))
		return ru->munmap_len0;
	if (addr > sp->max || len > sp->max - addr || (ru->munmap_inside && start < sp->min))
		return TESS_EINVAL;
	fixed = runs_immutable(sp, start, end);
	if (ru->munmap_hole != TESS_OK &&
	    runs_hole(sp, start, end) < (fixed != NULL ? fixed->start : end))
		return ru->munmap_hole;
	if (fixed != NULL)
		return TESS_EPERM;
	runs_remove(sp, start, end);
	space_touch(sp, start, end);
	return TESS_OK;
}

/* ---- System V ---- */

static enum tess_err
shmat_check(const struct model_space *sp, tess_va addr, uint64_t bytes)
{
	if (addr == 0)
		return TESS_OK;
	if (!tess_page_aligned(addr))
		return TESS_EINVAL;
	if (addr > UINT64_MAX - bytes || !runs_free(sp, addr, addr + bytes))
		return TESS_EINVAL;
	if (addr > sp->max - bytes)
		return sp->rules->mmap_beyond;
	return addr < sp->min ? sp->rules->mmap_below_min : TESS_OK;
}

/* What mmap would be asked for, in Linux's order in every personality. */
static enum tess_err
shmat_judge(const struct model_space *sp, const struct tess_mmap_args *a, struct model_mmap *q)
{
	const struct model_rules *ru = sp->rules;

	*q = (struct model_mmap){
	    .bytes = tess_page_round(a->len),
	    .addr = a->addr,
	    .fixed = a->addr != 0,
	    .attached = true,
	};
	q->run.prot = a->prot & TESS_PROT_ALL;
	q->run.maxprot = TESS_PROT_ALL;
	q->run.flags = TESS_AREA_SHARED | sp->lock_future;
	if ((a->prot & ~ru->prot_known) != 0 && ru->mmap_unknown_prot != TESS_OK)
		return ru->mmap_unknown_prot;
	if (ru->prot_max && prot_exceeds_max(a->prot))
		return TESS_ENOTSUP;
	if ((q->run.flags & TESS_AREA_LOCKED) != 0 && !space_lock_fits(sp, q->bytes))
		return TESS_EAGAIN;
	if ((a->handle.mode & TESS_MODE_WRITE) == 0) {
		if ((a->prot & TESS_PROT_WRITE) != 0)
			return TESS_EACCES;
		q->run.maxprot &= (tess_prot)~TESS_PROT_WRITE;
	}
	if ((a->handle.mode & TESS_MODE_READ) == 0)
		return TESS_EACCES;
	if (ru->prot_max && TESS_PROT_MAX_OF(a->prot) != 0)
		q->run.maxprot &= (tess_prot)TESS_PROT_MAX_OF(a->prot);
	place_any(sp, q->bytes, &q->place);
	place_hint(sp, 0, 0, &q->place);
	return TESS_OK;
}

enum tess_err
model_shmat(struct model_space *sp, const struct tess_handle *h, tess_va addr, unsigned prot,
	    struct model_answer *ans)
{
	struct tess_mmap_args a = {.addr = addr, .prot = prot, .handle = *h};
	struct model_object *o;
	struct model_mmap q;
	enum tess_err e;

	space_touch(sp, 0, 0);
	if (h->kind != TESS_HANDLE_SHM || !tess_page_aligned(addr))
		return TESS_EINVAL;
	o = model_object_find(sp->model, h->object);
	if (o == NULL)
		sp->model->die("model: shmat of an object that was not registered");
	a.len = o->size;
	/* A segment attached for reading only can never be written through this attachment. */
	if ((prot & TESS_PROT_WRITE) == 0)
		a.handle.mode &= (uint8_t)~TESS_MODE_WRITE;
	e = a.len == 0 ? TESS_EINVAL : shmat_check(sp, addr, tess_page_round(a.len));
	if (e == TESS_OK)
		e = shmat_judge(sp, &a, &q);
	return e == TESS_OK ? mmap_make(sp, &a, &q, ans) : e;
}

/* Is r a piece of an attachment that began at addr? */
static bool
shmdt_is_piece(const struct model_run *r, tess_va addr, const struct model_object *o)
{
	return r->attached && r->start >= addr && r->start - addr == r->off &&
	       (o == NULL || r->obj == o);
}

enum tess_err
model_shmdt(struct model_space *sp, tess_va addr)
{
	struct model_object *o = NULL;
	enum tess_err e = TESS_OK;
	unsigned i;

	space_touch(sp, 0, 0);
	if (!tess_page_aligned(addr))
		return TESS_EINVAL;
	for (i = runs_place(sp, addr); i < sp->nruns && o == NULL; i++)
		if (shmdt_is_piece(&sp->run[i], addr, NULL))
			o = object_ref(sp->run[i].obj);
	if (o == NULL)
		return TESS_EINVAL;
	for (i = runs_place(sp, addr); i < sp->nruns; i++)
		if (shmdt_is_piece(&sp->run[i], addr, o) &&
		    (sp->run[i].flags & TESS_AREA_IMMUTABLE) != 0)
			e = TESS_EPERM; /* then none of them goes */
	if (e == TESS_OK)
		space_touch(sp, addr, addr + tess_page_round(o->size));
	for (i = runs_place(sp, addr); i < sp->nruns && e == TESS_OK;) {
		struct model_run r = sp->run[i];

		if (r.start - addr >= tess_page_round(o->size) || !shmdt_is_piece(&r, addr, o))
			i++;
		else
			runs_remove(sp, r.start, r.end);
	}
	object_unref(o);
	return e;
}

/* ---- The break ---- */

/* Would the page behind the new break, or the guard of a stack above it, hit a mapping? */
static bool
brk_is_blocked(const struct model_space *sp, uint64_t from, uint64_t to)
{
	unsigned at = runs_place(sp, from);
	uint64_t gap;

	if (at == sp->nruns)
		return false;
	gap =
	    (sp->run[at].flags & TESS_AREA_GROWSDOWN) != 0 ? MODEL_GUARD_PAGES * TESS_PAGE_SIZE : 0;
	return to + TESS_PAGE_SIZE + gap > sp->run[at].start;
}

static bool
brk_grow(struct model_space *sp, uint64_t from, uint64_t to)
{
	struct model_run r = {
	    .prot = TESS_PROT_READ | TESS_PROT_WRITE,
	    .maxprot = TESS_PROT_ALL,
	    .flags = sp->lock_future,
	};

	if (to > sp->max || brk_is_blocked(sp, from, to))
		return false;
	if (!space_may_expand(sp, &r, to - from))
		return false;
	if ((r.flags & TESS_AREA_LOCKED) != 0 && !space_lock_fits(sp, to - from))
		return false;
	mmap_put(sp, &r, from, to - from);
	if ((r.flags & TESS_AREA_LOCKED) != 0)
		access_populate_all(sp, from, to);
	return true;
}

/* Moves the break; false: it stays where it was. */
static bool
brk_move(struct model_space *sp, tess_va addr)
{
	uint64_t from = tess_page_round(sp->brk), to = tess_page_round(addr);
	uint64_t limit = sp->limit[TESS_LIMIT_DATA];

	if (sp->brk_start == 0 || addr < sp->brk_start || to < addr)
		return false;
	if (limit != TESS_LIMIT_INFINITY && addr - sp->brk_start > limit)
		return false;
	if (to < from) {
		if (runs_free(sp, to, from) || runs_immutable(sp, to, from) != NULL)
			return false;
		runs_remove(sp, to, from);
	} else if (to > from && !brk_grow(sp, from, to)) {
		return false;
	}
	space_touch(sp, to < from ? to : from, to < from ? from : to);
	sp->brk = addr;
	runs_join(sp);
	return true;
}

enum tess_err
model_brk(struct model_space *sp, tess_va addr, struct model_answer *ans)
{
	bool moved;

	space_touch(sp, 0, 0);
	moved = brk_move(sp, addr);
	if (!moved && !sp->rules->brk_never_fails)
		return TESS_ENOMEM;
	ans->va = sp->brk;
	return TESS_OK;
}

/* The old break is the answer; an increment of 0 only asks. */
enum tess_err
model_sbrk(struct model_space *sp, int64_t incr, struct model_answer *ans)
{
	uint64_t old = sp->brk;

	space_touch(sp, 0, 0);
	if (!sp->rules->sbrk)
		return TESS_EOPNOTSUPP;
	if (incr != 0 && !brk_move(sp, old + (uint64_t)incr))
		return TESS_ENOMEM;
	ans->va = old;
	return TESS_OK;
}

/* ---- mmap of 4.3BSD ---- */

enum tess_err
model_ommap(struct model_space *sp, tess_va addr, int32_t len, unsigned prot, unsigned flags,
	    const struct tess_handle *h, int64_t off, struct model_answer *ans)
{
	static const struct {
		unsigned old, now;
	} words[] = {
	    {TESS_OMAP_ANON, TESS_MAP_ANON},
	    {TESS_OMAP_COPY, TESS_MAP_COPY},
	    {TESS_OMAP_FIXED, TESS_MAP_FIXED},
	    {TESS_OMAP_INHERIT, TESS_MAP_INHERIT},
	};
	struct tess_mmap_args a = {.addr = addr, .handle = *h, .off = (tess_off)off};

	a.len = len < 0 ? UINT64_MAX - (uint64_t)(-(int64_t)len) + 1 : (uint64_t)len;
	a.flags = (flags & TESS_OMAP_SHARED) != 0 ? TESS_MAP_SHARED : TESS_MAP_PRIVATE;
	for (unsigned i = 0; i < sizeof(words) / sizeof(words[0]); i++)
		a.flags |= (flags & words[i].old) != 0 ? words[i].now : 0;
	/* From bit 0 on: execute, write, read: the other way round. */
	a.prot |= (prot & 1) != 0 ? TESS_PROT_EXEC : 0;
	a.prot |= (prot & 2) != 0 ? TESS_PROT_WRITE : 0;
	a.prot |= (prot & 4) != 0 ? TESS_PROT_READ : 0;
	return model_mmap(sp, &a, ans);
}
