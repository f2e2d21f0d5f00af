/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * order.c: mmap's checks, in each system's order.
 *
 *	tess_mmap() ──► plan: what the personality does not know is taken out
 *		    ──► one of three orders, which fills in what the map needs
 *		    ──► place.c, one insertion
 *
 * The order decides which error a call with two faults gets, so it is part of the semantics: LINUX is that of
 * mm/mmap.c, which posix shares; BSD that of FreeBSD's kern_mmap(); SEED that of the 1995 call layer (S10 to S44).
 * docs/SEMANTICS.md has the three as tables.
 *
 * Rejected: one order with a flag at each step.  Three short lists can be held against their sources.
 */
#include "space.h"

void
tess_mmap_plan_init(struct tess_mmap_plan *p, struct tess_space *sp, const struct tess_mmap_args *a)
{
	unsigned known = sp->rules->flags_known;

	*p = (struct tess_mmap_plan){.a = *a, .asked = a->flags};
	p->a.flags &= known;
	if (!(known & TESS_MAP_ALIGNED_SUPER))
		p->a.align = 0;
	if (p->a.flags & TESS_MAP_COPY)
		p->a.flags |= TESS_MAP_PRIVATE;
	p->anon = (p->a.flags & (TESS_MAP_ANON | TESS_MAP_GUARD)) != 0;
	p->n = (struct tess_map_new){
	    .len = tess_page_round(a->len),
	    .addr = a->addr,
	    .prot = a->prot & TESS_PROT_ALL,
	    .maxprot = TESS_PROT_ALL,
	    .limits = tess_space_limits(sp),
	};
}

/* plan_entry_flags: flags of the mapping that are the entry's, whoever's order it is. */
static void
plan_entry_flags(struct tess_mmap_plan *p)
{
	unsigned f = p->a.flags;

	p->n.flags |= f & TESS_MAP_NOSYNC ? TESS_ENTRY_NOSYNC : 0;
	p->n.flags |= f & TESS_MAP_NOCORE ? TESS_ENTRY_DONTDUMP : 0;
	p->n.flags |= f & TESS_MAP_LOCKED ? TESS_ENTRY_LOCKED : 0;
	if (f & TESS_MAP_GUARD) {
		p->n.flags |= TESS_ENTRY_GUARD;
		p->n.maxprot = TESS_PROT_NONE;
	}
	if (!p->anon && p->a.handle.kind == TESS_HANDLE_DEVICE)
		p->n.flags |= TESS_ENTRY_DEVICE;
}

static bool
plan_is_fixed(const struct tess_mmap_plan *p)
{
	return (p->a.flags & (TESS_MAP_FIXED | TESS_MAP_FIXED_NOREPLACE)) != 0;
}

static bool
plan_has_file(const struct tess_mmap_plan *p)
{
	return p->a.handle.kind != TESS_HANDLE_NONE;
}

static bool
plan_align_bad(const struct tess_mmap_plan *p)
{
	return p->a.align != 0 && (p->a.align < TESS_PAGE_SHIFT || p->a.align >= 64);
}

static bool
plan_misaligned(const struct tess_mmap_plan *p, tess_va addr)
{
	return !tess_page_aligned(addr) ||
	       (p->a.align != 0 && (addr & (((tess_va)1 << p->a.align) - 1)) != 0);
}

/* plan_max: PROT_MAX() becomes the maximum.  ENOTSUP: the protection is not within it. */
static enum tess_err
plan_max(const struct tess_rules *ru, struct tess_mmap_plan *p)
{
	unsigned max = TESS_PROT_MAX_OF(p->a.prot);

	if (!ru->prot_max || max == 0)
		return TESS_OK;
	if (p->n.prot & ~max)
		return TESS_ENOTSUP;
	p->n.maxprot &= (tess_prot)max;
	return TESS_OK;
}

/* plan_bits: unknown protection bits. */
static enum tess_err
plan_bits(const struct tess_rules *ru, const struct tess_mmap_plan *p)
{
	unsigned known = TESS_PROT_ALL | (ru->prot_max ? TESS_PROT_MAX(TESS_PROT_ALL) : 0);

	return (p->a.prot & ~known) != 0 ? ru->mmap_bits : TESS_OK;
}

/* plan_guard: MAP_GUARD maps nothing and goes with nothing. */
static enum tess_err
plan_guard(const struct tess_mmap_plan *p)
{
	const unsigned with =
	    TESS_MAP_GUARD | TESS_MAP_FIXED | TESS_MAP_FIXED_NOREPLACE | TESS_MAP_32BIT;

	if (!(p->a.flags & TESS_MAP_GUARD))
		return TESS_OK;
	return p->a.prot != TESS_PROT_NONE || plan_has_file(p) || p->a.off != 0 ||
		       (p->a.flags & ~with) != 0
		   ? TESS_EINVAL
		   : TESS_OK;
}

/* plan_locked: what locking needs, asked before the map is; insertion asks for good. */
static enum tess_err
plan_locked(const struct tess_space *sp, const struct tess_mmap_plan *p)
{
	uint32_t flags = p->n.flags | sp->map.future;
	uint64_t locked = tess_load_relaxed(&sp->map.locked);

	if ((flags & TESS_ENTRY_LOCKED) && locked + p->n.len > p->n.limits.locked)
		return TESS_EAGAIN;
	return TESS_OK;
}

/* ---- Linux and posix ---- */

/* linux_args: errors that the arguments alone tell. */
static enum tess_err
linux_args(const struct tess_rules *ru, struct tess_mmap_plan *p)
{
	const struct tess_mmap_args *a = &p->a;
	uint64_t pages = p->n.len >> TESS_PAGE_SHIFT;
	enum tess_err e;

	if (!tess_page_aligned(a->off))
		return TESS_EINVAL;
	if (!p->anon && (a->handle.kind == TESS_HANDLE_BAD || a->handle.kind == TESS_HANDLE_NONE))
		return TESS_EBADF; /* S21 */
	if (a->flags & TESS_MAP_HUGETLB)
		return p->anon ? TESS_ENOMEM : TESS_EINVAL; /* no huge page anywhere */
	if (a->len == 0)
		return ru->mmap_len0;
	e = plan_bits(ru, p);
	if (e == TESS_OK)
		e = plan_max(ru, p);
	if (e != TESS_OK)
		return e;
	if (pages == 0)
		return TESS_ENOMEM;
	if (ru->mmap_wrap != TESS_OK && a->off > UINT64_MAX - (pages << TESS_PAGE_SHIFT))
		return ru->mmap_wrap;
	return TESS_OK;
}

/* linux_address: a fixed address lies in the user range, and where it was asked to lie. */
static enum tess_err
linux_address(const struct tess_space *sp, struct tess_mmap_plan *p)
{
	const struct tess_map *map = &sp->map;
	bool bounded = sp->rules->flags_unknown != TESS_OK; /* Linux: 32BIT is a hint's word */

	if (plan_align_bad(p))
		return TESS_EINVAL;
	if (p->n.len > map->max)
		return TESS_ENOMEM;
	p->n.place = TESS_PLACE_ANY;
	if (!plan_is_fixed(p))
		return TESS_OK;
	p->n.place = p->a.flags & TESS_MAP_FIXED_NOREPLACE ? TESS_PLACE_EXCL : TESS_PLACE_FIXED;
	if (p->a.addr > map->max - p->n.len)
		return sp->rules->mmap_high;
	if (plan_misaligned(p, p->a.addr))
		return TESS_EINVAL; /* S11 */
	if (bounded && p->a.addr + p->n.len > tess_mmap_bound(map, &p->a))
		return TESS_EINVAL;
	return p->a.addr < map->min ? sp->rules->mmap_low : TESS_OK;
}

/* linux_mode: what the way the handle was opened allows (S24-S27). */
static enum tess_err
linux_mode(struct tess_mmap_plan *p)
{
	const struct tess_handle *h = &p->a.handle;
	bool shared = (p->n.flags & TESS_ENTRY_SHARED) != 0;

	if (shared && !(h->mode & TESS_MODE_WRITE)) {
		if (p->n.prot & TESS_PROT_WRITE)
			return TESS_EACCES;
		p->n.maxprot &= (tess_prot)~TESS_PROT_WRITE;
	}
	if (!(h->mode & TESS_MODE_READ))
		return TESS_EACCES;
	if (h->kind == TESS_HANDLE_OTHER)
		return TESS_ENODEV;
	if (h->kind == TESS_HANDLE_DEVICE && !shared)
		return TESS_ENODEV; /* D1 */
	return TESS_OK;
}

/* linux_both: SHARED and PRIVATE together. */
static enum tess_err
linux_both(const struct tess_rules *ru, const struct tess_mmap_plan *p)
{
	/* mm/mmap.c, LEGACY_MAP_MASK: FIXED_NOREPLACE is younger than the mask, SYNC wants DAX */
	unsigned checked = ru->flags_known & ~(unsigned)(TESS_MAP_FIXED_NOREPLACE | TESS_MAP_SYNC);

	if (!ru->mmap_validate)
		return ru->mmap_both;
	if (p->anon)
		return TESS_EINVAL;
	return p->asked & ~checked ? TESS_EOPNOTSUPP : TESS_OK;
}

/* linux_type: shared or private, and what follows from it. */
static enum tess_err
linux_type(const struct tess_rules *ru, struct tess_mmap_plan *p)
{
	unsigned type = p->a.flags & TESS_MAP_TYPE;
	enum tess_err e = TESS_OK;

	if (!p->anon && (p->n.len > INT64_MAX || p->a.off > INT64_MAX - p->n.len))
		return TESS_EOVERFLOW;
	if (type == 0 && !(p->a.flags & TESS_MAP_GUARD))
		e = p->anon ? ru->mmap_no_type_anon : ru->mmap_no_type_file;
	else if (type == TESS_MAP_SHARED_VALIDATE)
		e = linux_both(ru, p);
	if (e != TESS_OK)
		return e;
	if (type & TESS_MAP_SHARED)
		p->n.flags |= TESS_ENTRY_SHARED;
	if (!p->anon)
		e = linux_mode(p);
	if (e != TESS_OK || !(p->a.flags & TESS_MAP_GROWSDOWN))
		return e;
	if ((p->n.flags & TESS_ENTRY_SHARED) || !p->anon)
		return TESS_EINVAL; /* /dev/zero too */
	p->n.flags |= TESS_ENTRY_GROWSDOWN;
	return TESS_OK;
}

/* order_linux: as mm/mmap.c looks. */
static enum tess_err
order_linux(struct tess_space *sp, struct tess_mmap_plan *p)
{
	const struct tess_rules *ru = sp->rules;
	enum tess_err e = TESS_OK;

	if (ru->flags_unknown != TESS_OK && (p->asked & ~ru->flags_known))
		return ru->flags_unknown;
	e = plan_guard(p);
	if (e == TESS_OK)
		e = linux_args(ru, p);
	if (e != TESS_OK || p->n.len == 0)
		return e;
	e = linux_address(sp, p);
	/* Asked here, so that it comes before the type's errors; insertion asks for good. */
	if (e == TESS_OK && p->n.place == TESS_PLACE_EXCL &&
	    tess_map_any(&sp->map, p->n.addr, p->n.addr + p->n.len))
		return ru->mmap_conflict;
	if (e == TESS_OK && (p->a.flags & TESS_MAP_LOCKED) && p->n.limits.locked == 0)
		return TESS_EPERM;
	plan_entry_flags(p);
	if (e == TESS_OK)
		e = plan_locked(sp, p);
	return e == TESS_OK ? linux_type(ru, p) : e;
}

/* ---- FreeBSD ---- */

/* bsd_flags: what the flags and the protection say about each other. */
static enum tess_err
bsd_flags(const struct tess_rules *ru, struct tess_mmap_plan *p)
{
	const unsigned rw = TESS_PROT_READ | TESS_PROT_WRITE;
	struct tess_mmap_args *a = &p->a;
	enum tess_err e = plan_bits(ru, p);

	if (e == TESS_OK)
		e = plan_max(ru, p);
	if (e != TESS_OK)
		return e;
	if (a->len == 0 || ((a->flags & TESS_MAP_ANON) && (plan_has_file(p) || a->off != 0)))
		return TESS_EINVAL;
	if (a->flags & TESS_MAP_STACK) {
		if (plan_has_file(p) || (a->prot & rw) != rw || (a->flags & TESS_MAP_SHARED))
			return TESS_EINVAL;
		a->flags |= TESS_MAP_ANON | TESS_MAP_PRIVATE;
		a->off = 0;
		p->anon = true;
	}
	if (p->asked & ~ru->flags_known)
		return ru->flags_unknown;
	if ((a->flags & (TESS_MAP_FIXED | TESS_MAP_FIXED_NOREPLACE)) == TESS_MAP_FIXED_NOREPLACE)
		return TESS_EINVAL;
	if ((a->flags & TESS_MAP_TYPE) == TESS_MAP_TYPE)
		return ru->mmap_both;
	return plan_guard(p);
}

/* bsd_range: an offset that is not aligned moves the mapping, not the bytes; a fixed one lies in the map. */
static enum tess_err
bsd_range(const struct tess_space *sp, struct tess_mmap_plan *p)
{
	const struct tess_map *map = &sp->map;
	struct tess_mmap_args *a = &p->a;
	struct tess_span s;

	p->pageoff = a->off & TESS_PAGE_MASK;
	a->off -= p->pageoff;
	if (!tess_span_make(p->pageoff, a->len, &s) || plan_align_bad(p))
		return TESS_EINVAL;
	p->n.len = s.end - s.start;
	p->n.place = TESS_PLACE_ANY;
	if (!(a->flags & TESS_MAP_FIXED))
		return TESS_OK;
	p->n.place = a->flags & TESS_MAP_FIXED_NOREPLACE ? TESS_PLACE_EXCL : TESS_PLACE_FIXED;
	p->n.addr = a->addr -= p->pageoff;
	if (plan_misaligned(p, a->addr) || a->addr < map->min || p->n.len > map->max ||
	    a->addr > map->max - p->n.len || a->addr + p->n.len > tess_mmap_bound(map, a))
		return TESS_EINVAL;
	return TESS_OK;
}

/* plan_mode: S24 to S27: only what is asked must be allowed; the rest leaves the maximum. */
static enum tess_err
plan_mode(struct tess_mmap_plan *p, bool shared)
{
	uint8_t mode = p->a.handle.mode;

	if (!(mode & TESS_MODE_READ)) {
		if (p->n.prot & TESS_PROT_READ)
			return TESS_EACCES;
		p->n.maxprot &= (tess_prot)~TESS_PROT_READ;
	}
	if (shared && !(mode & TESS_MODE_WRITE)) {
		if (p->n.prot & TESS_PROT_WRITE)
			return TESS_EACCES;
		p->n.maxprot &= (tess_prot)~TESS_PROT_WRITE;
	}
	return TESS_OK;
}

/* bsd_handle: what stands behind the descriptor. */
static enum tess_err
bsd_handle(const struct tess_rules *ru, struct tess_mmap_plan *p)
{
	bool shared = (p->a.flags & TESS_MAP_SHARED) != 0;
	const struct tess_handle *h = &p->a.handle;
	enum tess_err e;

	if (p->anon)
		return TESS_OK;
	if (h->kind == TESS_HANDLE_NONE || h->kind == TESS_HANDLE_BAD)
		return TESS_EBADF;
	if ((p->a.flags & TESS_MAP_TYPE) == 0)
		return ru->mmap_no_type_file;
	if (h->kind == TESS_HANDLE_OTHER)
		return TESS_ENODEV;
	e = plan_mode(p, shared);
	if (e != TESS_OK)
		return e;
	if (h->kind == TESS_HANDLE_DEVICE && !shared)
		return TESS_EINVAL; /* D1 */
	return p->n.len > INT64_MAX || p->a.off > INT64_MAX - p->n.len ? ru->mmap_wrap : TESS_OK;
}

/* order_bsd: as kern_mmap() of FreeBSD looks. */
static enum tess_err
order_bsd(struct tess_space *sp, struct tess_mmap_plan *p)
{
	enum tess_err e = bsd_flags(sp->rules, p);

	if (e == TESS_OK)
		e = bsd_range(sp, p);
	if (e == TESS_OK)
		e = bsd_handle(sp->rules, p);
	if (e != TESS_OK)
		return e;
	plan_entry_flags(p);
	if (p->a.flags & TESS_MAP_SHARED)
		p->n.flags |= TESS_ENTRY_SHARED;
	if (p->a.flags & TESS_MAP_STACK) {
		p->n.flags |= TESS_ENTRY_GROWSDOWN;
		p->n.gap = p->n.len > TESS_STACK_STEP ? p->n.len - TESS_STACK_STEP : 0;
	}
	return plan_locked(sp, p) == TESS_OK ? TESS_OK : TESS_ENOMEM;
}

/* ---- 1995 ---- */

/* seed_range: S15 to S17: a fixed range lies in the map. */
static enum tess_err
seed_range(const struct tess_space *sp, struct tess_mmap_plan *p)
{
	const struct tess_map *map = &sp->map;

	p->n.place = TESS_PLACE_ANY;
	if (!(p->a.flags & TESS_MAP_FIXED))
		return TESS_OK;
	p->n.place = TESS_PLACE_FIXED;
	if (p->n.len > map->max || p->a.addr > map->max - p->n.len)
		return sp->rules->mmap_high;
	return p->a.addr < map->min ? sp->rules->mmap_low : TESS_OK;
}

/* seed_handle: S20 to S27. */
static enum tess_err
seed_handle(struct tess_mmap_plan *p)
{
	bool shared = (p->a.flags & TESS_MAP_SHARED) != 0;
	const struct tess_handle *h = &p->a.handle;

	if (!p->anon && (h->kind == TESS_HANDLE_NONE || h->kind == TESS_HANDLE_BAD))
		return TESS_EBADF; /* S21 */
	if (!p->anon && h->kind == TESS_HANDLE_OTHER)
		return TESS_EINVAL; /* S22 */
	if (!p->anon && h->kind == TESS_HANDLE_DEVICE)
		shared = true; /* S37; what it may do is judged so too (D1) */
	if (shared)
		p->n.flags |= TESS_ENTRY_SHARED;
	if (p->anon || h->kind == TESS_HANDLE_ZERO)
		return TESS_OK; /* S20, S23 */
	return plan_mode(p, shared);
}

/* order_seed: as the 1995 call layer looks. */
static enum tess_err
order_seed(struct tess_space *sp, struct tess_mmap_plan *p)
{
	const struct tess_mmap_args *a = &p->a;
	enum tess_err e;

	if (((a->flags & TESS_MAP_FIXED) && !tess_page_aligned(a->addr)) || a->len > INT64_MAX ||
	    ((a->flags & TESS_MAP_ANON) && plan_has_file(p)))
		return TESS_EINVAL; /* S11-S13 */
	e = seed_range(sp, p);
	if (e == TESS_OK)
		e = seed_handle(p);
	if (e != TESS_OK || a->len == 0)
		return e; /* S29 */
	if (!tess_page_aligned(a->off))
		return TESS_EINVAL; /* S30 */
	if (!p->anon && (p->n.len > INT64_MAX || a->off > INT64_MAX - p->n.len))
		return sp->rules->mmap_wrap;
	plan_entry_flags(p);
	return plan_locked(sp, p) == TESS_OK ? TESS_OK : TESS_ENOMEM;
}

enum tess_err
tess_mmap_check(struct tess_space *sp, struct tess_mmap_plan *p)
{
	switch (sp->rules->order) {
	case TESS_ORDER_LINUX:
		return order_linux(sp, p);
	case TESS_ORDER_BSD:
		return order_bsd(sp, p);
	case TESS_ORDER_SEED:
		return order_seed(sp, p);
	}
	return TESS_EINVAL;
}

enum tess_err
tess_mmap_check_shm(struct tess_space *sp, struct tess_mmap_plan *p)
{
	return order_linux(sp, p);
}
