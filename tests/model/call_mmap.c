/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * call_mmap.c: mmap, shmat, shmdt, munmap, brk: what makes and removes mappings.
 */
#include "model_priv.h"

/* ---- Where the core put it ---- */

/* Is there a free range of `bytes` below the placement top that leaves the guard of a stack alone? */
bool
place_exists(const struct model_space *sp, uint64_t bytes)
{
	uint64_t at = sp->min, guard = MODEL_GUARD_PAGES * TESS_PAGE_SIZE;

	for (unsigned i = 0; i < sp->nruns && at < sp->mmap_top; i++) {
		uint64_t start = sp->run[i].start;

		if (start > sp->mmap_top)
			start = sp->mmap_top;
		if (start > at && start - at >= bytes + guard && start - at > bytes)
			return true;
		at = sp->run[i].end;
	}
	return at < sp->mmap_top && sp->mmap_top - at >= bytes + guard;
}

/* The core chose (or found no room): OK when its choice is legal, ENOMEM when it could not choose. */
static enum tess_err
place_adopt(struct model_space *sp, uint64_t bytes, const struct model_answer *ans,
	    const char *call)
{
	if (ans->err != TESS_OK)
		return ans->err == TESS_ENOMEM && !place_exists(sp, bytes) ? TESS_ENOMEM : TESS_OK;
	if (!tess_page_aligned(ans->va))
		model_complain(sp->model, "%s answered the unaligned address 0x%lx", call, ans->va);
	else if (ans->va < sp->min || ans->va > sp->max || bytes > sp->max - ans->va)
		model_complain(sp->model, "%s answered 0x%lx, out of the user range", call,
			       ans->va);
	else if (!runs_free(sp, ans->va, ans->va + bytes))
		model_complain(sp->model, "%s answered 0x%lx, which was not free", call, ans->va);
	return TESS_OK;
}

/* ---- mmap ---- */

static bool
mmap_is_fixed(const struct tess_mmap_args *a)
{
	return (a->flags & (TESS_MAP_FIXED | TESS_MAP_FIXED_NOREPLACE)) != 0;
}

/* Errors that can be told from the arguments alone, before the address is looked at. */
static enum tess_err
mmap_check_args(const struct model_space *sp, const struct tess_mmap_args *a, uint64_t *bytes)
{
	const struct model_rules *ru = sp->rules;
	bool anon = (a->flags & TESS_MAP_ANON) != 0;

	*bytes = tess_page_round(a->len);
	if (!tess_page_aligned(a->off))
		return TESS_EINVAL;
	if (anon && ru->mmap_anon_no_fd && a->handle.kind != TESS_HANDLE_NONE)
		return TESS_EINVAL;
	if (!anon && (a->handle.kind == TESS_HANDLE_BAD || a->handle.kind == TESS_HANDLE_NONE))
		return TESS_EBADF;
	if (a->len == 0)
		return ru->mmap_len0;
	if ((a->prot & ~(unsigned)TESS_PROT_ALL) != 0 && ru->mmap_unknown_prot != TESS_OK)
		return ru->mmap_unknown_prot;
	if (*bytes == 0)
		return TESS_ENOMEM;
	if (ru->mmap_wrap != TESS_OK && a->off > UINT64_MAX - *bytes)
		return ru->mmap_wrap;
	return TESS_OK;
}

static enum tess_err
mmap_check_address(const struct model_space *sp, const struct tess_mmap_args *a, uint64_t bytes)
{
	if (bytes > sp->max)
		return TESS_ENOMEM;
	if (!mmap_is_fixed(a))
		return TESS_OK;
	if (a->addr > sp->max - bytes)
		return sp->rules->mmap_beyond;
	if (!tess_page_aligned(a->addr))
		return TESS_EINVAL;
	if (a->addr < sp->min)
		return sp->rules->mmap_below_min;
	if ((a->flags & TESS_MAP_FIXED_NOREPLACE) != 0 && !runs_free(sp, a->addr, a->addr + bytes))
		return TESS_EEXIST;
	return TESS_OK;
}

/* Sharing, and what the handle allows. */
static enum tess_err
mmap_check_type(const struct model_space *sp, const struct tess_mmap_args *a, uint64_t bytes,
		struct model_run *r)
{
	const struct model_rules *ru = sp->rules;
	unsigned type = a->flags & TESS_MAP_TYPE;
	bool anon = (a->flags & TESS_MAP_ANON) != 0, shared;
	enum tess_err e = TESS_OK;

	if (!anon && (bytes > INT64_MAX || a->off > INT64_MAX - bytes))
		return TESS_EOVERFLOW;
	if (type == 0)
		e = anon ? ru->mmap_no_type_anon : ru->mmap_no_type_file;
	else if (type == TESS_MAP_TYPE)
		e = anon && ru->mmap_validate ? TESS_EINVAL : ru->mmap_both_types;
	if (e != TESS_OK)
		return e;
	/* Flags younger than SHARED_VALIDATE are not among those that it lets every file have. */
	if (type == TESS_MAP_SHARED_VALIDATE &&
	    (a->flags & ~((unsigned)0xff73u & ~(unsigned)TESS_MAP_FIXED_NOREPLACE)) != 0)
		return TESS_EOPNOTSUPP;
	shared = (type & TESS_MAP_SHARED) != 0;
	r->maxprot = TESS_PROT_ALL;
	if (!anon) {
		if (shared && (a->handle.mode & TESS_MODE_WRITE) == 0) {
			if ((a->prot & TESS_PROT_WRITE) != 0)
				return TESS_EACCES;
			r->maxprot &= (tess_prot)~TESS_PROT_WRITE;
		}
		if ((a->handle.mode & TESS_MODE_READ) == 0)
			return TESS_EACCES;
		if (a->handle.kind == TESS_HANDLE_OTHER)
			return TESS_ENODEV;
		if (a->handle.kind == TESS_HANDLE_DEVICE && !shared)
			return TESS_ENODEV;
	}
	if ((a->flags & TESS_MAP_GROWSDOWN) != 0 &&
	    (shared || (!anon && a->handle.kind != TESS_HANDLE_ZERO)))
		return TESS_EINVAL;
	r->flags |= shared ? TESS_AREA_SHARED : 0;
	r->flags |= (a->flags & TESS_MAP_GROWSDOWN) != 0 ? TESS_AREA_GROWSDOWN : 0;
	return TESS_OK;
}

/* What the run maps: a registered object, a new one for shared anonymous memory, or nothing. */
static void
mmap_backing(struct model_space *sp, const struct tess_mmap_args *a, uint64_t bytes,
	     struct model_run *r)
{
	struct model *m = sp->model;
	bool anon = (a->flags & TESS_MAP_ANON) != 0 || a->handle.kind == TESS_HANDLE_ZERO;

	if (!anon) {
		r->obj = object_ref(model_object_find(m, a->handle.object));
		if (r->obj == NULL)
			m->die("model: mmap of an object that was not registered");
		r->off = a->off;
	} else if ((r->flags & TESS_AREA_SHARED) != 0) {
		r->obj = object_new(m, NULL, TESS_HANDLE_NONE, bytes, 0);
	}
}

/* The record of a new mapping, from arguments that passed. */
static void
mmap_commit(struct model_space *sp, struct model_run *r, uint64_t va, uint64_t bytes)
{
	r->start = va;
	r->end = va + bytes;
	r->inherit = (r->flags & TESS_AREA_SHARED) != 0 ? TESS_INHERIT_SHARE : TESS_INHERIT_COPY;
	runs_remove(sp, va, va + bytes);
	runs_insert(sp, r);
}

static enum tess_err
mmap_locking(const struct model_space *sp, const struct tess_mmap_args *a, uint64_t bytes,
	     struct model_run *r)
{
	r->flags |= sp->lock_future;
	if ((a->flags & TESS_MAP_LOCKED) != 0) {
		if (sp->limit[TESS_LIMIT_MEMLOCK] == 0)
			return TESS_EPERM;
		r->flags |= TESS_AREA_LOCKED;
	}
	if ((r->flags & TESS_AREA_LOCKED) != 0 && !space_lock_fits(sp, bytes))
		return TESS_EAGAIN;
	return TESS_OK;
}

/* Every check of mmap but the limits of the space, in the order in which Linux makes them. */
static enum tess_err
mmap_check(const struct model_space *sp, const struct tess_mmap_args *a, uint64_t bytes,
	   struct model_run *r)
{
	enum tess_err e = mmap_check_address(sp, a, bytes);

	if (e == TESS_OK)
		e = mmap_locking(sp, a, bytes, r);
	if (e == TESS_OK)
		e = mmap_check_type(sp, a, bytes, r);
	return e;
}

/* mmap, or the mapping that shmat makes. */
static enum tess_err
mmap_make(struct model_space *sp, const struct tess_mmap_args *a, bool attached,
	  struct model_answer *ans)
{
	struct model_run r = {.prot = a->prot & TESS_PROT_ALL, .attached = attached};
	uint64_t bytes, replaced, va = a->addr;
	enum tess_err e = mmap_check_args(sp, a, &bytes);

	space_touch(sp, 0, 0);
	if (e == TESS_OK && bytes == 0)
		return TESS_OK; /* a system where a length of 0 succeeds; the core's answer is the hint */
	if (e == TESS_OK)
		e = mmap_check(sp, a, bytes, &r);
	if (e != TESS_OK)
		return e;
	replaced = mmap_is_fixed(a) ? runs_bytes_flagged(sp, va, va + bytes, 0) : 0;
	if (!space_may_expand(sp, &r, bytes - replaced))
		return TESS_ENOMEM;
	if (!mmap_is_fixed(a)) {
		e = place_adopt(sp, bytes, ans, "mmap");
		va = ans->va;
	}
	if (e != TESS_OK || ans->err != TESS_OK || model_complaint(sp->model) != NULL)
		return e;
	mmap_backing(sp, a, bytes, &r);
	mmap_commit(sp, &r, va, bytes);
	if ((r.flags & TESS_AREA_LOCKED) != 0 ||
	    (a->flags & (TESS_MAP_POPULATE | TESS_MAP_NONBLOCK)) == TESS_MAP_POPULATE)
		access_populate_all(sp, va, va + bytes);
	runs_join(sp);
	space_touch(sp, va, va + bytes);
	ans->va = va;
	return TESS_OK;
}

enum tess_err
model_mmap(struct model_space *sp, const struct tess_mmap_args *a, struct model_answer *ans)
{
	return mmap_make(sp, a, false, ans);
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

enum tess_err
model_shmat(struct model_space *sp, const struct tess_handle *h, tess_va addr, unsigned prot,
	    struct model_answer *ans)
{
	struct tess_mmap_args a = {
	    .addr = addr,
	    .prot = prot,
	    .flags = TESS_MAP_SHARED | (addr != 0 ? TESS_MAP_FIXED : 0),
	    .handle = *h,
	};
	struct model_object *o;
	enum tess_err e;

	space_touch(sp, 0, 0);
	if (h->kind != TESS_HANDLE_SHM)
		return TESS_EINVAL;
	o = model_object_find(sp->model, h->object);
	if (o == NULL)
		sp->model->die("model: shmat of an object that was not registered");
	a.len = o->size;
	e = shmat_check(sp, addr, tess_page_round(a.len));
	if (e != TESS_OK)
		return e;
	/* A segment attached for reading only can never be written through this attachment. */
	if ((prot & TESS_PROT_WRITE) == 0)
		a.handle.mode &= (uint8_t)~TESS_MODE_WRITE;
	return mmap_make(sp, &a, true, ans);
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
	unsigned i;

	space_touch(sp, 0, 0);
	if (!tess_page_aligned(addr))
		return TESS_EINVAL;
	for (i = runs_place(sp, addr); i < sp->nruns && o == NULL; i++)
		if (shmdt_is_piece(&sp->run[i], addr, NULL))
			o = object_ref(sp->run[i].obj);
	if (o == NULL)
		return TESS_EINVAL;
	space_touch(sp, addr, addr + tess_page_round(o->size));
	for (i = runs_place(sp, addr); i < sp->nruns;) {
		struct model_run r = sp->run[i];

		if (r.start - addr < tess_page_round(o->size) && shmdt_is_piece(&r, addr, o))
			runs_remove(sp, r.start, r.end);
		else
			i++;
	}
	object_unref(o);
	return TESS_OK;
}

/* ---- munmap ---- */

enum tess_err
model_munmap(struct model_space *sp, tess_va addr, uint64_t len)
{
	uint64_t end;

	space_touch(sp, 0, 0);
	if (!tess_page_aligned(addr) || addr > sp->max || len > sp->max - addr)
		return TESS_EINVAL;
	end = addr + tess_page_round(len);
	if (end == addr)
		return sp->rules->munmap_len0;
	if (sp->rules->munmap_hole != TESS_OK && runs_hole(sp, addr, end) != end)
		return sp->rules->munmap_hole;
	runs_remove(sp, addr, end);
	space_touch(sp, addr, end);
	return TESS_OK;
}

/* ---- brk ---- */

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
	mmap_commit(sp, &r, from, to - from);
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
		if (runs_free(sp, to, from))
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
