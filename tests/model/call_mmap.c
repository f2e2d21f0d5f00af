/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * call_mmap.c: mmap, in the three orders of checks, and what makes the mapping afterwards.
 *
 *	judge	arguments only (and, for FIXED_NOREPLACE and limits, what is mapped): a struct model_mmap
 *	make	limits, the map's own rules, the place; then nothing can fail but pages that must be locked
 */
#include "model_priv.h"

#define BELOW_2G    ((uint64_t)1 << 31)
#define STACK_PIECE ((uint64_t)128 << 10)

/* ---- What several orders ask ---- */

/* A guard needs nothing, and takes nothing but an address. */
static bool
mmap_guard_is_bad(const struct tess_mmap_args *a, unsigned flags)
{
	return a->prot != TESS_PROT_NONE || a->handle.kind != TESS_HANDLE_NONE || a->off != 0 ||
	       (flags & ~(unsigned)(TESS_MAP_FIXED | TESS_MAP_FIXED_NOREPLACE | TESS_MAP_GUARD |
				    TESS_MAP_32BIT)) != 0;
}

/* Flags that the mapping keeps, in the systems that know them. */
static void
mmap_keep_flags(struct model_mmap *q, unsigned flags)
{
	if ((flags & TESS_MAP_NOSYNC) != 0)
		q->run.flags |= TESS_AREA_NOSYNC;
	if ((flags & TESS_MAP_NOCORE) != 0)
		q->run.flags |= TESS_AREA_DONTDUMP;
	if ((flags & TESS_MAP_GUARD) != 0) {
		q->run.flags |= TESS_AREA_GUARD;
		q->run.maxprot = TESS_PROT_NONE;
	}
	q->place.super = (flags & TESS_MAP_ALIGNED_SUPER) != 0;
}

/* ---- Linux's order; posix has it too ---- */

static enum tess_err
linux_check_flags(const struct model_rules *ru, const struct tess_mmap_args *a)
{
	if (ru->flags_refused && (a->flags & ~ru->flags_known) != 0)
		return TESS_EINVAL;
	if (ru->flags_guard && (a->flags & TESS_MAP_GUARD) != 0 && mmap_guard_is_bad(a, a->flags))
		return TESS_EINVAL;
	return TESS_OK;
}

static bool
linux_is_guard(const struct model_rules *ru, const struct tess_mmap_args *a)
{
	return ru->flags_guard && (a->flags & TESS_MAP_GUARD) != 0;
}

/* Errors that can be told from the arguments alone, before the address is looked at. */
static enum tess_err
linux_check_args(const struct model_rules *ru, const struct tess_mmap_args *a)
{
	bool anon = (a->flags & TESS_MAP_ANON) != 0, guard = linux_is_guard(ru, a);
	uint64_t bytes = tess_page_round(a->len);

	if (!tess_page_aligned(a->off))
		return TESS_EINVAL;
	if (!anon && !guard &&
	    (a->handle.kind == TESS_HANDLE_BAD || a->handle.kind == TESS_HANDLE_NONE))
		return TESS_EBADF;
	if ((a->flags & ru->flags_known & TESS_MAP_HUGETLB) != 0)
		return anon ? TESS_ENOMEM : TESS_EINVAL;
	if (a->len == 0)
		return ru->mmap_len0;
	if ((a->prot & ~ru->prot_known) != 0 && ru->mmap_unknown_prot != TESS_OK)
		return ru->mmap_unknown_prot;
	if (ru->prot_max && prot_exceeds_max(a->prot))
		return TESS_ENOTSUP;
	if (bytes == 0)
		return TESS_ENOMEM;
	if (ru->mmap_wrap != TESS_OK && a->off > UINT64_MAX - bytes)
		return ru->mmap_wrap;
	return TESS_OK;
}

/* The end of what 32BIT and UPPER_LIMIT allow. */
static uint64_t
mmap_bound(const struct model_space *sp, const struct tess_mmap_args *a)
{
	uint64_t hi = sp->max;

	if ((a->flags & sp->rules->flags_known & TESS_MAP_32BIT) != 0 && hi > BELOW_2G)
		hi = BELOW_2G;
	if ((a->flags & sp->rules->flags_known & TESS_MAP_UPPER_LIMIT) != 0 && hi > a->limit)
		hi = a->limit;
	return hi;
}

static enum tess_err
linux_check_address(const struct model_space *sp, const struct tess_mmap_args *a,
		    struct model_mmap *q)
{
	const struct model_rules *ru = sp->rules;
	uint8_t align = ru->flags_align ? a->align : 0;

	if (align_is_bad(align))
		return TESS_EINVAL;
	if (q->bytes > sp->max)
		return TESS_ENOMEM;
	place_any(sp, q->bytes, &q->place);
	q->place.align = align_bytes(align);
	q->place.hi = mmap_bound(sp, a);
	q->exclusive = (a->flags & TESS_MAP_FIXED_NOREPLACE) != 0;
	q->fixed = q->exclusive || (a->flags & TESS_MAP_FIXED) != 0;
	if (!q->fixed)
		return TESS_OK;
	if (q->addr > sp->max - q->bytes)
		return ru->mmap_beyond;
	if ((q->addr & (q->place.align - 1)) != 0)
		return TESS_EINVAL;
	if (ru->flags_align && (q->bytes > q->place.hi || q->addr > q->place.hi - q->bytes))
		return TESS_EINVAL; /* linux: 32BIT means nothing for FIXED */
	if (q->addr < sp->min)
		return ru->mmap_below_min;
	if (q->exclusive && !runs_free(sp, q->addr, q->addr + q->bytes))
		return ru->mmap_conflict;
	return TESS_OK;
}

static enum tess_err
linux_check_locking(const struct model_space *sp, const struct tess_mmap_args *a,
		    struct model_mmap *q)
{
	q->run.flags |= sp->lock_future;
	if ((a->flags & TESS_MAP_LOCKED) != 0) {
		if (sp->limit[TESS_LIMIT_MEMLOCK] == 0)
			return TESS_EPERM;
		q->run.flags |= TESS_AREA_LOCKED;
	}
	if ((q->run.flags & TESS_AREA_LOCKED) != 0 && !space_lock_fits(sp, q->bytes))
		return sp->rules->mmap_memlock;
	return TESS_OK;
}

/* Shared or private, as far as the flags say. */
static enum tess_err
linux_check_type(const struct model_rules *ru, const struct tess_mmap_args *a, bool *shared)
{
	bool anon = (a->flags & TESS_MAP_ANON) != 0;
	unsigned type = a->flags & TESS_MAP_TYPE;
	enum tess_err e = TESS_OK;

	if (ru->flags_copy && (a->flags & TESS_MAP_COPY) != 0)
		type |= TESS_MAP_PRIVATE;
	*shared = (type & TESS_MAP_SHARED) != 0;
	if (type == 0)
		e = anon ? ru->mmap_no_type_anon : ru->mmap_no_type_file;
	else if (type == TESS_MAP_TYPE)
		e = anon && ru->mmap_validate ? TESS_EINVAL : ru->mmap_both_types;
	if (e != TESS_OK || type != TESS_MAP_TYPE)
		return e;
	/* Flags younger than SHARED_VALIDATE are not among those that it lets every file have. */
	if ((a->flags &
	     ~(ru->flags_known & ~(unsigned)(TESS_MAP_FIXED_NOREPLACE | TESS_MAP_SYNC))) != 0)
		return TESS_EOPNOTSUPP;
	return TESS_OK;
}

/* What the handle allows. */
static enum tess_err
linux_check_handle(const struct tess_handle *h, unsigned prot, bool shared, tess_prot *max)
{
	if (shared && (h->mode & TESS_MODE_WRITE) == 0) {
		if ((prot & TESS_PROT_WRITE) != 0)
			return TESS_EACCES;
		*max &= (tess_prot)~TESS_PROT_WRITE;
	}
	if ((h->mode & TESS_MODE_READ) == 0)
		return TESS_EACCES;
	if (h->kind == TESS_HANDLE_OTHER)
		return TESS_ENODEV;
	return h->kind == TESS_HANDLE_DEVICE && !shared ? TESS_ENODEV : TESS_OK;
}

static enum tess_err
linux_check_mapping(const struct model_rules *ru, const struct tess_mmap_args *a,
		    struct model_mmap *q)
{
	bool anon = (a->flags & TESS_MAP_ANON) != 0, shared;
	enum tess_err e;

	if (linux_is_guard(ru, a))
		return TESS_OK;
	if (!anon && (q->bytes > INT64_MAX || a->off > INT64_MAX - q->bytes))
		return TESS_EOVERFLOW;
	e = linux_check_type(ru, a, &shared);
	if (e == TESS_OK && !anon)
		e = linux_check_handle(&a->handle, a->prot, shared, &q->run.maxprot);
	if (e != TESS_OK)
		return e;
	if ((a->flags & TESS_MAP_GROWSDOWN) != 0) {
		if (shared || !anon)
			return TESS_EINVAL;
		q->run.flags |= TESS_AREA_GROWSDOWN;
	}
	q->run.flags |= shared ? TESS_AREA_SHARED : 0;
	return TESS_OK;
}

static enum tess_err
linux_judge(const struct model_space *sp, const struct tess_mmap_args *a, struct model_mmap *q)
{
	const struct model_rules *ru = sp->rules;
	enum tess_err e = linux_check_flags(ru, a);

	if (e == TESS_OK)
		e = linux_check_args(ru, a);
	if (e != TESS_OK)
		return e;
	q->bytes = tess_page_round(a->len);
	q->addr = a->addr;
	q->off = a->off;
	q->run.prot = a->prot & TESS_PROT_ALL;
	q->run.maxprot = TESS_PROT_ALL;
	e = linux_check_address(sp, a, q);
	if (e == TESS_OK)
		e = linux_check_locking(sp, a, q);
	if (e == TESS_OK)
		e = linux_check_mapping(ru, a, q);
	if (e == TESS_OK && ru->prot_max && TESS_PROT_MAX_OF(a->prot) != 0)
		q->run.maxprot &= (tess_prot)TESS_PROT_MAX_OF(a->prot);
	if (e == TESS_OK)
		mmap_keep_flags(q, a->flags & ru->flags_known);
	return e;
}

/* ---- FreeBSD's order ---- */

/* Protection and flags; what they imply is put into *b, a copy of the arguments. */
static enum tess_err
bsd_check_flags(const struct model_rules *ru, struct tess_mmap_args *b)
{
	bool descriptor = b->handle.kind != TESS_HANDLE_NONE;
	unsigned rw = TESS_PROT_READ | TESS_PROT_WRITE;

	if ((b->prot & ~ru->prot_known) != 0)
		return TESS_EINVAL;
	if (prot_exceeds_max(b->prot))
		return TESS_ENOTSUP;
	if (b->len == 0)
		return TESS_EINVAL;
	if ((b->flags & TESS_MAP_ANON) != 0 && (descriptor || b->off != 0))
		return TESS_EINVAL;
	if ((b->flags & TESS_MAP_STACK) != 0) {
		if (descriptor || (b->prot & rw) != rw || (b->flags & TESS_MAP_SHARED) != 0)
			return TESS_EINVAL;
		b->flags |= TESS_MAP_ANON | TESS_MAP_PRIVATE;
		b->off = 0;
	}
	if ((b->flags & ~ru->flags_known) != 0)
		return TESS_EINVAL;
	if ((b->flags & TESS_MAP_FIXED_NOREPLACE) != 0 && (b->flags & TESS_MAP_FIXED) == 0)
		return TESS_EINVAL;
	if ((b->flags & TESS_MAP_SHARED) != 0 &&
	    (b->flags & (TESS_MAP_PRIVATE | TESS_MAP_COPY)) != 0)
		return TESS_EINVAL;
	if ((b->flags & TESS_MAP_GUARD) != 0 && mmap_guard_is_bad(b, b->flags))
		return TESS_EINVAL;
	return TESS_OK;
}

/* The offset need not be aligned: the mapping begins where its page does, and the answer behind that. */
static enum tess_err
bsd_check_range(const struct model_space *sp, const struct tess_mmap_args *b, struct model_mmap *q)
{
	uint64_t bytes;

	q->pageoff = b->off & TESS_PAGE_MASK;
	q->off = b->off - q->pageoff;
	bytes = b->len + q->pageoff;
	if (bytes < b->len || tess_page_round(bytes) < bytes)
		return TESS_EINVAL;
	q->bytes = tess_page_round(bytes);
	if (align_is_bad(b->align))
		return TESS_EINVAL;
	place_any(sp, q->bytes, &q->place);
	q->place.align = align_bytes(b->align);
	q->place.hi = mmap_bound(sp, b);
	q->fixed = (b->flags & TESS_MAP_FIXED) != 0;
	q->exclusive = (b->flags & TESS_MAP_FIXED_NOREPLACE) != 0;
	q->addr = b->addr;
	if (!q->fixed)
		return TESS_OK;
	q->addr -= q->pageoff;
	if ((q->addr & (q->place.align - 1)) != 0)
		return TESS_EINVAL;
	if (q->addr < sp->min || q->addr > q->place.hi || q->bytes > q->place.hi - q->addr)
		return TESS_EINVAL;
	return TESS_OK;
}

static enum tess_err
bsd_check_handle(const struct tess_mmap_args *b, struct model_mmap *q)
{
	const struct tess_handle *h = &b->handle;
	bool shared = (b->flags & TESS_MAP_SHARED) != 0;

	if (h->kind == TESS_HANDLE_NONE || h->kind == TESS_HANDLE_BAD)
		return TESS_EBADF;
	if ((b->flags & (TESS_MAP_TYPE | TESS_MAP_COPY)) == 0)
		return TESS_EINVAL;
	if (h->kind == TESS_HANDLE_OTHER)
		return TESS_ENODEV;
	if ((h->mode & TESS_MODE_READ) == 0) {
		if ((b->prot & TESS_PROT_READ) != 0)
			return TESS_EACCES;
		q->run.maxprot &= (tess_prot)~TESS_PROT_READ;
	}
	if (shared && (h->mode & TESS_MODE_WRITE) == 0) {
		if ((b->prot & TESS_PROT_WRITE) != 0)
			return TESS_EACCES;
		q->run.maxprot &= (tess_prot)~TESS_PROT_WRITE;
	}
	if (h->kind == TESS_HANDLE_DEVICE && !shared)
		return TESS_EINVAL;
	if (q->bytes > INT64_MAX || q->off > INT64_MAX - q->bytes)
		return TESS_EINVAL;
	return TESS_OK;
}

static enum tess_err
bsd_judge(const struct model_space *sp, const struct tess_mmap_args *a, struct model_mmap *q)
{
	struct tess_mmap_args b = *a;
	enum tess_err e = bsd_check_flags(sp->rules, &b);

	q->run.maxprot = TESS_PROT_ALL;
	if (e == TESS_OK)
		e = bsd_check_range(sp, &b, q);
	if (e == TESS_OK && (b.flags & (TESS_MAP_ANON | TESS_MAP_GUARD)) == 0)
		e = bsd_check_handle(&b, q);
	if (e != TESS_OK)
		return e;
	q->run.prot = b.prot & TESS_PROT_ALL;
	if (TESS_PROT_MAX_OF(b.prot) != 0)
		q->run.maxprot &= (tess_prot)TESS_PROT_MAX_OF(b.prot);
	if ((b.flags & TESS_MAP_SHARED) != 0)
		q->run.flags |= TESS_AREA_SHARED;
	if ((b.flags & TESS_MAP_LOCKED) != 0)
		q->run.flags |= TESS_AREA_LOCKED;
	if ((b.flags & TESS_MAP_STACK) != 0) {
		q->run.flags |= TESS_AREA_GROWSDOWN;
		q->gap = q->bytes > STACK_PIECE ? q->bytes - STACK_PIECE : 0;
	}
	q->run.flags |= sp->lock_future;
	mmap_keep_flags(q, b.flags);
	place_hint(sp, q->addr, b.flags, &q->place);
	if ((q->run.flags & TESS_AREA_LOCKED) != 0 && !space_lock_fits(sp, q->bytes))
		return sp->rules->mmap_memlock;
	return TESS_OK;
}

/* ---- The order of 1995 ---- */

static enum tess_err
seed_check_handle(const struct tess_mmap_args *a, struct model_mmap *q)
{
	const struct tess_handle *h = &a->handle;
	bool shared = (a->flags & TESS_MAP_SHARED) != 0 || h->kind == TESS_HANDLE_DEVICE;

	if (h->kind == TESS_HANDLE_NONE || h->kind == TESS_HANDLE_BAD)
		return TESS_EBADF;
	if (h->kind == TESS_HANDLE_OTHER)
		return TESS_EINVAL;
	if (h->kind == TESS_HANDLE_ZERO)
		return TESS_OK;
	q->run.maxprot = TESS_PROT_EXEC;
	if ((h->mode & TESS_MODE_READ) != 0)
		q->run.maxprot |= TESS_PROT_READ;
	else if ((a->prot & TESS_PROT_READ) != 0)
		return TESS_EACCES;
	if (!shared || (h->mode & TESS_MODE_WRITE) != 0)
		q->run.maxprot |= TESS_PROT_WRITE;
	else if ((a->prot & TESS_PROT_WRITE) != 0)
		return TESS_EACCES;
	return TESS_OK;
}

static enum tess_err
seed_judge(const struct model_space *sp, const struct tess_mmap_args *a, struct model_mmap *q)
{
	bool anon = (a->flags & TESS_MAP_ANON) != 0;
	enum tess_err e;

	q->run.prot = a->prot & TESS_PROT_ALL;
	q->run.maxprot = TESS_PROT_ALL;
	q->fixed = (a->flags & TESS_MAP_FIXED) != 0;
	q->addr = a->addr;
	q->off = a->off;
	q->bytes = tess_page_round(a->len);
	if ((q->fixed && !tess_page_aligned(a->addr)) || a->len > INT64_MAX ||
	    (anon && a->handle.kind != TESS_HANDLE_NONE))
		return TESS_EINVAL;
	if (q->fixed && (a->addr > sp->max || q->bytes > sp->max - a->addr || a->addr < sp->min))
		return TESS_EINVAL;
	e = anon ? TESS_OK : seed_check_handle(a, q);
	if (e != TESS_OK)
		return e;
	if (a->len == 0) {
		q->nothing = true;
		return TESS_OK;
	}
	if (!tess_page_aligned(a->off) ||
	    (!anon && (a->off > INT64_MAX || q->bytes > INT64_MAX - a->off)))
		return TESS_EINVAL;
	if ((a->flags & TESS_MAP_SHARED) != 0 || (!anon && a->handle.kind == TESS_HANDLE_DEVICE))
		q->run.flags |= TESS_AREA_SHARED;
	q->run.flags |= sp->lock_future;
	place_any(sp, q->bytes, &q->place);
	place_hint(sp, q->addr, a->flags, &q->place);
	if ((q->run.flags & TESS_AREA_LOCKED) != 0 && !space_lock_fits(sp, q->bytes))
		return sp->rules->mmap_memlock;
	return TESS_OK;
}

enum tess_err
mmap_judge(const struct model_space *sp, const struct tess_mmap_args *a, struct model_mmap *q)
{
	*q = (struct model_mmap){.bytes = 0};
	switch (sp->rules->order) {
	case MODEL_ORDER_BSD:
		return bsd_judge(sp, a, q);
	case MODEL_ORDER_SEED:
		return seed_judge(sp, a, q);
	default:
		return linux_judge(sp, a, q);
	}
}

/* ---- Making it ---- */

/* What the space and its limits say, whatever the order was. */
static enum tess_err
mmap_check_space(struct model_space *sp, const struct model_mmap *q)
{
	const unsigned wx = TESS_PROT_WRITE | TESS_PROT_EXEC;
	uint64_t end = q->addr + q->bytes;
	uint64_t replaced = q->fixed ? runs_bytes_flagged(sp, q->addr, end, 0) : 0;

	if ((sp->map_flags & TESS_MAPF_WXORX) != 0 && (q->run.prot & wx) == wx)
		return TESS_EACCES;
	if (q->exclusive && !runs_free(sp, q->addr, end))
		return sp->rules->mmap_conflict;
	if (q->fixed && runs_immutable(sp, q->addr, end) != NULL)
		return TESS_EPERM;
	return space_may_expand(sp, &q->run, q->bytes - replaced) ? TESS_OK : TESS_ENOMEM;
}

/* What the run maps: a registered object, a new one for shared anonymous memory, or nothing. */
static void
mmap_backing(struct model_space *sp, const struct tess_mmap_args *a, struct model_mmap *q)
{
	struct model *m = sp->model;
	bool object = a->handle.kind == TESS_HANDLE_FILE || a->handle.kind == TESS_HANDLE_DEVICE ||
		      a->handle.kind == TESS_HANDLE_SHM;

	if (object && (a->flags & TESS_MAP_ANON) == 0) {
		q->run.obj = object_ref(model_object_find(m, a->handle.object));
		if (q->run.obj == NULL)
			m->die("model: mmap of an object that was not registered");
		q->run.off = q->off;
		if (a->handle.kind == TESS_HANDLE_DEVICE)
			q->run.flags |= TESS_AREA_DEVICE;
	} else if ((q->run.flags & TESS_AREA_SHARED) != 0) {
		q->run.obj = object_new(m, NULL, TESS_HANDLE_NONE, q->bytes, 0);
	}
}

/* The run goes to va, replacing what is there. */
void
mmap_put(struct model_space *sp, struct model_run *r, uint64_t va, uint64_t bytes)
{
	r->start = va;
	r->end = va + bytes;
	r->inherit = (r->flags & TESS_AREA_SHARED) != 0 ? TESS_INHERIT_SHARE : TESS_INHERIT_COPY;
	runs_remove(sp, va, va + bytes);
	runs_insert(sp, r);
}

/* The low end of a stack is what it grows into. */
static void
mmap_put_gap(struct model_space *sp, const struct model_mmap *q, uint64_t va)
{
	struct model_run *r;

	if (q->gap == 0)
		return;
	runs_cut(sp, va + q->gap);
	r = runs_find(sp, va);
	r->prot = TESS_PROT_NONE;
	r->flags &= ~(unsigned)TESS_AREA_GROWSDOWN;
	r->flags |= TESS_AREA_GUARD | TESS_AREA_STACKGAP;
}

/* Could every page of the new mapping be brought in?  They are, as far as it goes, where they stay in memory. */
static bool
mmap_can_fill(struct model_space *sp, const struct model_mmap *q)
{
	const struct model_run *r = &q->run;
	bool own = (r->prot & TESS_PROT_WRITE) != 0 && (r->flags & TESS_AREA_SHARED) == 0;

	if ((r->flags & TESS_AREA_LOCKONFAULT) != 0)
		return true;
	if (r->prot == TESS_PROT_NONE || q->gap != 0)
		return false;
	for (uint64_t at = 0; r->obj != NULL && at < q->bytes; at += TESS_PAGE_SIZE) {
		uint64_t idx = (r->off + at) >> TESS_PAGE_SHIFT;

		if (idx >= object_page_count(r->obj))
			return false;
		object_page_touch(r->obj, idx);
	}
	return !own || q->bytes >> TESS_PAGE_SHIFT <= sp->model->left;
}

/* Arguments that passed: the limits, the place, the mapping. */
enum tess_err
mmap_make(struct model_space *sp, const struct tess_mmap_args *a, struct model_mmap *q,
	  struct model_answer *ans)
{
	const unsigned populate = TESS_MAP_POPULATE | TESS_MAP_NONBLOCK;
	unsigned flags = a->flags & sp->rules->flags_known;
	uint64_t va = q->addr;
	enum tess_err e = mmap_check_space(sp, q);

	if (e == TESS_OK && !q->fixed) {
		va = ans->va - q->pageoff;
		e = place_adopt(sp, &q->place, ans->err, va, "mmap");
	}
	if (e != TESS_OK || model_complaint(sp->model) != NULL)
		return e;
	mmap_backing(sp, a, q);
	if ((flags & TESS_MAP_LOCKED) != 0 && sp->rules->mmap_wired_undone &&
	    !mmap_can_fill(sp, q)) {
		object_unref(q->run.obj);
		return TESS_ENOMEM;
	}
	if (ans->err != TESS_OK) {
		object_unref(q->run.obj);
		return TESS_OK;
	}
	q->run.attached = q->attached;
	mmap_put(sp, &q->run, va, q->bytes);
	mmap_put_gap(sp, q, va);
	if ((q->run.flags & TESS_AREA_LOCKED) != 0 || (flags & populate) == TESS_MAP_POPULATE)
		access_populate_all(sp, va, va + q->bytes);
	runs_join(sp);
	space_touch(sp, va, va + q->bytes);
	ans->va = va + q->pageoff;
	return TESS_OK;
}

enum tess_err
model_mmap(struct model_space *sp, const struct tess_mmap_args *a, struct model_answer *ans)
{
	struct model_mmap q;
	enum tess_err e = mmap_judge(sp, a, &q);

	space_touch(sp, 0, 0);
	if (e != TESS_OK)
		return e;
	if (q.nothing) {
		ans->va = a->addr;
		return TESS_OK;
	}
	return mmap_make(sp, a, &q, ans);
}

/* ---- mquery ---- */

/* Exactly there: nothing refuses but the place itself. */
static enum tess_err
mquery_fixed(struct model_space *sp, uint64_t addr, uint64_t bytes, const struct place *p)
{
	if (addr % p->align != 0 || addr < sp->min || bytes > p->hi || addr > p->hi - bytes ||
	    !runs_free(sp, addr, addr + bytes))
		return TESS_EINVAL;
	return TESS_OK;
}

enum tess_err
model_mquery(struct model_space *sp, const struct tess_mmap_args *a, struct model_answer *ans)
{
	const struct model_rules *ru = sp->rules;
	unsigned flags = a->flags & ru->flags_known;
	uint64_t rest = ru->order == MODEL_ORDER_BSD ? a->off & TESS_PAGE_MASK : 0;
	uint64_t bytes = tess_page_round(a->len + rest);
	struct place p;

	space_touch(sp, 0, 0);
	if ((a->prot & ~(unsigned)TESS_PROT_ALL) != 0 || a->len == 0)
		return TESS_EINVAL;
	if (a->handle.kind == TESS_HANDLE_BAD)
		return TESS_EBADF;
	if (ru->flags_align && align_is_bad(a->align))
		return TESS_EINVAL;
	if (bytes < a->len)
		return TESS_ENOMEM;
	place_any(sp, bytes, &p);
	if (ru->flags_align)
		p.align = align_bytes(a->align);
	if ((flags & (TESS_MAP_FIXED | TESS_MAP_FIXED_NOREPLACE)) != 0) {
		if (ru->flags_align) /* Linux: 32BIT is a hint's word */
			p.hi = mmap_bound(sp, a);
		ans->va = a->addr;
		return mquery_fixed(sp, a->addr - rest, bytes, &p);
	}
	p.hi = mmap_bound(sp, a);
	p.super = (flags & TESS_MAP_ALIGNED_SUPER) != 0;
	place_hint(sp, a->addr, flags, &p);
	return place_adopt(sp, &p, ans->err, ans->va - rest, "mquery");
}
