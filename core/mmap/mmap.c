/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * mmap.c: calls that make and remove mappings: mmap, munmap, shmat, shmdt, brk.
 *
 * The order in which errors are looked for is Linux's (mm/mmap.c), which the other personalities
 * share where they have the same error; docs/SEMANTICS.md lists the exceptions.
 */
#include "space.h"

/* mmap_args: errors that the arguments alone tell. */
static enum tess_err
mmap_args(const struct tess_rules *ru, const struct tess_mmap_args *a)
{
	bool anon = (a->flags & TESS_MAP_ANON) != 0;
	uint64_t pages = tess_page_round(a->len) >> TESS_PAGE_SHIFT;

	if (!tess_page_aligned(a->off))
		return TESS_EINVAL;
	if (anon && ru->order != TESS_ORDER_LINUX && a->handle.kind != TESS_HANDLE_NONE)
		return TESS_EINVAL; /* S13 */
	if (!anon && (a->handle.kind == TESS_HANDLE_BAD || a->handle.kind == TESS_HANDLE_NONE))
		return TESS_EBADF; /* S21 */
	if (a->len == 0)
		return ru->mmap_len0;
	if ((a->prot & ~(unsigned)TESS_PROT_ALL) != 0 && ru->mmap_bits != TESS_OK)
		return ru->mmap_bits;
	if (pages == 0)
		return TESS_ENOMEM;
	if (ru->mmap_wrap != TESS_OK && a->off > UINT64_MAX - (pages << TESS_PAGE_SHIFT))
		return ru->mmap_wrap;
	return TESS_OK;
}

/* mmap_address: a fixed address lies in the user range. */
static enum tess_err
mmap_address(const struct tess_space *sp, const struct tess_mmap_args *a, struct tess_map_new *n)
{
	const struct tess_map *map = &sp->map;

	if (n->len > map->max)
		return TESS_ENOMEM;
	n->place = TESS_PLACE_ANY;
	if (!(a->flags & (TESS_MAP_FIXED | TESS_MAP_FIXED_NOREPLACE)))
		return TESS_OK;
	n->place = a->flags & TESS_MAP_FIXED_NOREPLACE ? TESS_PLACE_EXCL : TESS_PLACE_FIXED;
	if (a->addr > map->max - n->len)
		return sp->rules->mmap_high;
	if (!tess_page_aligned(a->addr))
		return TESS_EINVAL; /* S11 */
	return a->addr < map->min ? sp->rules->mmap_low : TESS_OK;
}

/* mmap_mode: what the way the handle was opened allows (S24-S27). */
static enum tess_err
mmap_mode(const struct tess_mmap_args *a, struct tess_map_new *n)
{
	bool shared = (n->flags & TESS_ENTRY_SHARED) != 0;

	if (shared && !(a->handle.mode & TESS_MODE_WRITE)) {
		if (a->prot & TESS_PROT_WRITE)
			return TESS_EACCES;
		n->maxprot &= (tess_prot)~TESS_PROT_WRITE;
	}
	if (!(a->handle.mode & TESS_MODE_READ))
		return TESS_EACCES;
	if (a->handle.kind == TESS_HANDLE_OTHER)
		return TESS_ENODEV;
	if (a->handle.kind == TESS_HANDLE_DEVICE && !shared)
		return TESS_ENODEV; /* D1 */
	return TESS_OK;
}

/* mmap_type: shared or private, and what follows from it. */
static enum tess_err
mmap_type(const struct tess_rules *ru, const struct tess_mmap_args *a, struct tess_map_new *n)
{
	bool anon = (a->flags & TESS_MAP_ANON) != 0;
	unsigned type = a->flags & TESS_MAP_TYPE;
	enum tess_err e = TESS_OK;

	if (!anon && (n->len > INT64_MAX || a->off > INT64_MAX - n->len))
		return TESS_EOVERFLOW;
	if (type == 0)
		e = anon ? ru->mmap_no_type_anon : ru->mmap_no_type_file;
	else if (type == TESS_MAP_SHARED_VALIDATE)
		e = anon && ru->mmap_validate ? TESS_EINVAL : ru->mmap_both;
	if (e != TESS_OK)
		return e;
	/* mm/mmap.c, LEGACY_MAP_MASK: FIXED_NOREPLACE is younger than the mask */
	if (type == TESS_MAP_SHARED_VALIDATE &&
	    (a->flags & ~(unsigned)(ru->flags_known & ~TESS_MAP_FIXED_NOREPLACE)))
		return TESS_EOPNOTSUPP;
	if (type & TESS_MAP_SHARED)
		n->flags |= TESS_ENTRY_SHARED;
	if (!anon)
		e = mmap_mode(a, n);
	if (e != TESS_OK || !(a->flags & TESS_MAP_GROWSDOWN))
		return e;
	if ((n->flags & TESS_ENTRY_SHARED) || (!anon && a->handle.kind != TESS_HANDLE_ZERO))
		return TESS_EINVAL;
	n->flags |= TESS_ENTRY_GROWSDOWN;
	return TESS_OK;
}

/* mmap_locked: MAP_LOCKED, and what mlockall(FUTURE) adds. */
static enum tess_err
mmap_locked(const struct tess_space *sp, const struct tess_mmap_args *a, struct tess_map_new *n)
{
	if (a->flags & TESS_MAP_LOCKED) {
		if (n->limits.locked == 0)
			return TESS_EPERM;
		n->flags |= TESS_ENTRY_LOCKED;
	}
	/* Asked here too, so that it comes before the type's errors, as in Linux. */
	if (((n->flags | sp->map.future) & TESS_ENTRY_LOCKED) &&
	    sp->map.locked + n->len > n->limits.locked)
		return TESS_EAGAIN;
	return TESS_OK;
}

/* mmap_object: what is mapped; *made is a reference of our own, or NULL. */
static enum tess_err
mmap_object(const struct tess_mmap_args *a, struct tess_map_new *n, struct tess_object **made)
{
	*made = NULL;
	if (!(a->flags & TESS_MAP_ANON) && a->handle.kind != TESS_HANDLE_ZERO) {
		n->object = a->handle.object;
		n->off = a->off;
		return TESS_OK;
	}
	if (!(n->flags & TESS_ENTRY_SHARED))
		return TESS_OK;
	n->off = 0; /* S34 */
	if (tess_object_create_zero(n->len, made) != TESS_OK)
		return TESS_ENOMEM;
	n->object = *made;
	return TESS_OK;
}

/* mmap_check: every check before the map is locked. */
static enum tess_err
mmap_check(struct tess_space *sp, const struct tess_mmap_args *a, struct tess_map_new *n)
{
	enum tess_err e = mmap_args(sp->rules, a);

	if (e != TESS_OK || n->len == 0)
		return e;
	e = mmap_address(sp, a, n);
	/* Asked here, so that it comes before the type's errors; insert asks for good. */
	if (e == TESS_OK && n->place == TESS_PLACE_EXCL &&
	    tess_map_any(&sp->map, n->addr, n->addr + n->len))
		return TESS_EEXIST;
	if (e == TESS_OK)
		e = mmap_locked(sp, a, n);
	return e == TESS_OK ? mmap_type(sp->rules, a, n) : e;
}

/* mmap_fill: fault in what MAP_POPULATE or locking asks for; what cannot be is left out. */
static void
mmap_fill(struct tess_space *sp, const struct tess_mmap_args *a, const struct tess_map_new *n,
	  tess_va start)
{
	uint32_t flags = n->flags | sp->map.future;
	bool fill = (a->flags & (TESS_MAP_POPULATE | TESS_MAP_NONBLOCK)) == TESS_MAP_POPULATE;

	if (flags & TESS_ENTRY_LOCKED)
		fill = true;
	if (fill && !(flags & TESS_ENTRY_ONFAULT) &&
	    tess_map_populate(&sp->map, start, start + n->len) != TESS_OK)
		tess_history("mmap: not all of it could be populated", start, n->len, 0);
}

enum tess_err
tess_mmap(struct tess_space *sp, const struct tess_mmap_args *a, tess_va *out)
{
	struct tess_map_new n = {
	    .len = tess_page_round(a->len),
	    .addr = a->addr,
	    .prot = a->prot & TESS_PROT_ALL,
	    .maxprot = TESS_PROT_ALL,
	    .limits = tess_space_limits(sp),
	};
	struct tess_object *made;
	enum tess_err e = mmap_check(sp, a, &n);
	tess_va start;

	if (e != TESS_OK)
		return tess_space_leave(e);
	if (n.len == 0) { /* S29: only where a length of 0 passes */
		*out = a->addr;
		return tess_space_leave(TESS_OK);
	}
	n.inherit = n.flags & TESS_ENTRY_SHARED ? TESS_INHERIT_SHARE : TESS_INHERIT_COPY;
	e = mmap_object(a, &n, &made);
	if (e == TESS_OK)
		e = tess_map_insert(&sp->map, &n, &start);
	if (made != NULL)
		tess_object_unref(made);
	if (e == TESS_OK) {
		mmap_fill(sp, a, &n, start);
		*out = start;
	}
	return tess_space_leave(e);
}

enum tess_err
tess_munmap(struct tess_space *sp, tess_va addr, uint64_t len)
{
	const struct tess_map *map = &sp->map;
	struct tess_span s;
	enum tess_err e;

	if (!tess_page_aligned(addr) || addr > map->max || len > map->max - addr ||
	    !tess_span_make(addr, len, &s))
		return tess_space_leave(TESS_EINVAL); /* S60, S62 */
	if (s.start == s.end)
		return tess_space_leave(sp->rules->munmap_len0);
	if (s.start < map->min)
		s.start = s.end < map->min ? s.end : map->min; /* nothing can be mapped there */
	if (sp->rules->munmap_holes != TESS_HOLES_SKIP && s.start > addr)
		return tess_space_leave(TESS_EINVAL); /* S63 */
	if (s.start >= s.end)
		return tess_space_leave(TESS_OK);
	e = tess_map_remove(&sp->map, s.start, s.end, sp->rules->munmap_holes);
	return tess_space_leave(e == TESS_EFAULT ? TESS_EINVAL : e);
}

/* ---- System V ---- */

enum tess_err
tess_shmat(struct tess_space *sp, const struct tess_handle *h, tess_va addr, unsigned prot,
	   tess_va *out)
{
	struct tess_mmap_args a = {
	    .addr = addr,
	    .prot = prot,
	    .flags = TESS_MAP_SHARED | (addr != 0 ? TESS_MAP_FIXED_NOREPLACE : 0),
	    .handle = *h,
	};
	struct tess_map_new n = {.addr = addr,
				 .prot = prot & TESS_PROT_ALL,
				 .maxprot = TESS_PROT_ALL,
				 .flags = TESS_ENTRY_SHM,
				 .limits = tess_space_limits(sp)};
	enum tess_err e;
	tess_va start;

	if (h->kind != TESS_HANDLE_SHM || !tess_page_aligned(addr))
		return tess_space_leave(TESS_EINVAL);
	a.len = tess_object_size(h->object);
	n.len = tess_page_round(a.len);
	if (addr > UINT64_MAX - n.len || (addr != 0 && tess_map_any(&sp->map, addr, addr + n.len)))
		return tess_space_leave(
		    TESS_EINVAL); /* shmat(2): the address is taken, or no address */
	/* A segment attached for reading only can never be written through this attachment. */
	if (!(prot & TESS_PROT_WRITE))
		a.handle.mode &= (uint8_t)~TESS_MODE_WRITE;
	e = mmap_check(sp, &a, &n);
	if (e != TESS_OK || n.len == 0)
		return tess_space_leave(e == TESS_OK || e == TESS_EEXIST ? TESS_EINVAL : e);
	n.object = h->object;
	n.inherit = TESS_INHERIT_SHARE;
	e = tess_map_insert(&sp->map, &n, &start);
	if (e == TESS_OK) {
		mmap_fill(sp, &a, &n, start);
		*out = start;
	}
	return tess_space_leave(e == TESS_EEXIST ? TESS_EINVAL : e);
}

/*
 * shmdt_piece: the first piece at or after `at` of an attachment that began at `addr`.
 *
 * => *object is compared only: whose segment, NULL for any
 */
static bool
shmdt_piece(struct tess_space *sp, tess_va at, tess_va addr, const struct tess_object **object,
	    struct tess_span *piece)
{
	struct tess_entry *e;
	bool found = false;

	tess_rcu_enter();
	for (e = tess_map_next_rcu(&sp->map, at); e != NULL && !found;
	     e = tess_map_next_rcu(&sp->map, e->range.end)) {
		if ((e->flags & TESS_ENTRY_SHM) && e->range.start >= addr &&
		    e->range.start - addr == e->off && (*object == NULL || *object == e->object)) {
			*object = e->object;
			*piece = (struct tess_span){e->range.start, e->range.end};
			found = true;
		}
		if (e->range.end == sp->map.max)
			break;
	}
	tess_rcu_exit();
	return found;
}

enum tess_err
tess_shmdt(struct tess_space *sp, tess_va addr)
{
	const struct tess_object *object = NULL;
	struct tess_span piece = {addr, addr};
	enum tess_err e = TESS_OK;
	unsigned pieces = 0;

	if (!tess_page_aligned(addr))
		return tess_space_leave(TESS_EINVAL);
	while (e == TESS_OK && shmdt_piece(sp, piece.end, addr, &object, &piece)) {
		e = tess_map_remove(&sp->map, piece.start, piece.end, TESS_HOLES_SKIP);
		pieces++;
	}
	return tess_space_leave(pieces == 0 ? TESS_EINVAL : e);
}

/* ---- brk ---- */

/* brk_blocked: must the page behind the new break, or a stack's gap above it, stay free? */
static bool
brk_blocked(struct tess_space *sp, tess_va from, tess_va to)
{
	struct tess_entry *e;
	bool blocked;

	tess_rcu_enter();
	e = tess_map_next_rcu(&sp->map, from);
	blocked = e != NULL &&
		  to + TESS_PAGE_SIZE + (e->flags & TESS_ENTRY_GROWSDOWN ? TESS_STACK_GAP : 0) >
		      e->range.start;
	tess_rcu_exit();
	return blocked;
}

static enum tess_err
brk_grow(struct tess_space *sp, tess_va from, tess_va to)
{
	struct tess_mmap_args a = {.flags = 0};
	struct tess_map_new n = {
	    .len = to - from,
	    .addr = from,
	    .place = TESS_PLACE_EXCL,
	    .prot = TESS_PROT_READ | TESS_PROT_WRITE,
	    .maxprot = TESS_PROT_ALL,
	    .inherit = TESS_INHERIT_COPY,
	    .limits = tess_space_limits(sp),
	};
	enum tess_err e;

	if (to > sp->map.max || from < sp->map.min || brk_blocked(sp, from, to))
		return TESS_ENOMEM;
	e = tess_map_insert(&sp->map, &n, &from);
	if (e == TESS_OK)
		mmap_fill(sp, &a, &n, from);
	return e;
}

/* brk_move: the break goes to addr, or stays.  The space's lock is held. */
static enum tess_err
brk_move(struct tess_space *sp, tess_va addr)
{
	tess_va from = tess_page_round(sp->brk), to = tess_page_round(addr);
	enum tess_err e = TESS_OK;

	if (sp->brk_start == 0 || addr < sp->brk_start || to < addr)
		return TESS_ENOMEM;
	if (addr - sp->brk_start > tess_load_relaxed(&sp->limit[TESS_LIMIT_DATA]))
		return TESS_ENOMEM;
	if (to > from)
		e = brk_grow(sp, from, to);
	else if (to < from && !tess_map_any(&sp->map, to, from))
		e = TESS_ENOMEM; /* nothing to take back: somebody unmapped the heap */
	else if (to < from)
		e = tess_map_remove(&sp->map, to, from, TESS_HOLES_SKIP);
	if (e == TESS_OK)
		sp->brk = addr;
	return e;
}

enum tess_err
tess_brk(struct tess_space *sp, tess_va addr, tess_va *out)
{
	enum tess_err e;

	tess_mutex_lock(&sp->lock, TESS_RANK_SPACE);
	e = brk_move(sp, addr);
	if (e == TESS_OK || sp->rules->brk_never_fails)
		*out = sp->brk;
	tess_mutex_unlock(&sp->lock, TESS_RANK_SPACE);
	return tess_space_leave(e == TESS_OK || sp->rules->brk_never_fails ? TESS_OK : TESS_ENOMEM);
}
