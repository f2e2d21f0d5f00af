/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * mremap.c: mremap in Linux's form and order of checks, and in NetBSD's.
 *
 *			shorter		same		longer
 *	in place	cut the tail	nothing		extend, if free behind
 *	MAYMOVE		as above	as above	else move
 *	FIXED		move, shorter	move		move, longer
 *	DONTUNMAP	-		move; the old range stays, empty	-
 *	REMAPDUP	-		the old range stays, both show the same pages	-
 *
 * Linux: a length of 0 makes a second mapping of a shared object; what moves is one mapping (parts of which
 * may be guarded).  NetBSD: moving is allowed unless FIXED says where; several mappings may move, one may grow.
 */
#include "space.h"

struct remap {
	struct tess_space *sp;
	tess_va old, to;
	uint64_t old_len, new_len;
	unsigned flags;
	bool moves; /* FIXED or DONTUNMAP */
};

static enum tess_err
remap_args(const struct remap *q)
{
	tess_va max = q->sp->map.max;

	if (q->flags & ~(unsigned)(TESS_MREMAP_MAYMOVE | TESS_MREMAP_FIXED | TESS_MREMAP_DONTUNMAP))
		return TESS_EINVAL;
	if (!tess_page_aligned(q->old) || q->new_len == 0 || q->new_len > max)
		return TESS_EINVAL;
	if (!q->moves)
		return TESS_OK;
	if (q->to > max - q->new_len || !tess_page_aligned(q->to))
		return TESS_EINVAL;
	if (!(q->flags & TESS_MREMAP_MAYMOVE))
		return TESS_EINVAL;
	if ((q->flags & TESS_MREMAP_DONTUNMAP) && q->old_len != q->new_len)
		return TESS_EINVAL;
	if (q->old + q->old_len > q->to && q->to + q->new_len > q->old)
		return TESS_EINVAL;
	return TESS_OK;
}

/* remap_look: a copy of the mapping at `old`.  false: none. */
static bool
remap_look(const struct remap *q, struct tess_entry *e)
{
	bool there;

	tess_rcu_enter();
	there = tess_map_mapping_rcu(&q->sp->map, q->old, e);
	tess_rcu_exit();
	return there;
}

/* remap_check: the entry allows it; limits, in Linux's order. */
static enum tess_err
remap_check(const struct remap *q, const struct tess_entry *e)
{
	struct tess_map_limits limits = tess_space_limits(q->sp);
	uint64_t more = q->new_len > q->old_len ? q->new_len - q->old_len : 0;
	uint64_t charged = q->flags & TESS_MREMAP_DONTUNMAP ? q->new_len : more;
	const struct tess_map *map = &q->sp->map;

	if (q->new_len < q->old_len && q->old_len > map->max - q->old)
		return TESS_EINVAL; /* as munmap(2) of the tail */
	if (q->old_len == 0 && !(e->flags & TESS_ENTRY_SHARED))
		return TESS_EINVAL;
	if ((q->old_len < q->new_len ? q->old_len : q->new_len) > e->range.end - q->old)
		return TESS_EFAULT;
	if (e->object != NULL && e->off + (q->old - e->range.start) > UINT64_MAX - q->new_len)
		return TESS_EINVAL;
	if (more != 0 && (e->flags & TESS_ENTRY_LOCKED) && map->locked + more > limits.locked)
		return TESS_EAGAIN;
	if (charged != 0 && (map->bytes + charged > limits.bytes ||
			     (tess_entry_is_data(e) && map->data + charged > limits.data)))
		return TESS_ENOMEM;
	if ((q->flags & TESS_MREMAP_FIXED) && q->to < map->min)
		return q->sp->rules->mmap_low;
	return TESS_OK;
}

/* remap_fill: a locked mapping that grew is faulted in there. */
static void
remap_fill(const struct remap *q, const struct tess_entry *e, tess_va start)
{
	if (!(e->flags & TESS_ENTRY_LOCKED) || (e->flags & TESS_ENTRY_ONFAULT))
		return;
	if (tess_map_populate(&q->sp->map, start + q->old_len, start + q->new_len) != TESS_OK)
		tess_history("mremap: not all of it could be populated", start, q->new_len, 0);
}

/* remap_second: length 0: map the same pages of the shared object once more. */
static enum tess_err
remap_second(const struct remap *q, const struct tess_entry *e, tess_va *out)
{
	struct tess_map_new n = {
	    .len = q->new_len,
	    .addr = q->flags & TESS_MREMAP_FIXED ? q->to : 0,
	    .place = q->flags & TESS_MREMAP_FIXED ? TESS_PLACE_FIXED : TESS_PLACE_ANY,
	    .object = e->object,
	    .off = e->off + (q->old - e->range.start),
	    .prot = e->prot,
	    .maxprot = e->maxprot,
	    .inherit = e->inherit,
	    .advice = e->advice,
	    .flags = e->flags & (uint32_t)~TESS_ENTRY_GUARDED,
	    .again = true,
	    .limits = tess_space_limits(q->sp),
	};

	return tess_map_insert_like(&q->sp->map, q->old, &n, out);
}

/* remap_move: to `to`, or wherever there is room. */
static enum tess_err
remap_move(const struct remap *q, tess_va *out)
{
	struct tess_map_new n = {
	    .len = q->new_len,
	    .addr = q->moves ? q->to : 0, /* of DONTUNMAP alone: a hint */
	    .place = q->flags & TESS_MREMAP_FIXED ? TESS_PLACE_FIXED : TESS_PLACE_ANY,
	    .limits = tess_space_limits(q->sp),
	};

	return tess_map_move(&q->sp->map, q->old, q->old_len, &n,
			     q->flags & TESS_MREMAP_DONTUNMAP ? TESS_MOVE_KEEP_EMPTY
							      : TESS_MOVE_UNMAP,
			     TESS_MOVE_ONE, out);
}

/* remap_grow: longer, or elsewhere. */
static enum tess_err
remap_grow(const struct remap *q, tess_va *out)
{
	struct tess_map_limits limits = tess_space_limits(q->sp);
	struct tess_entry e;
	enum tess_err err;

	if (!remap_look(q, &e))
		return TESS_EFAULT;
	if (e.flags & TESS_ENTRY_IMMUTABLE)
		return TESS_EPERM; /* mm/mremap.c, can_modify_vma(): before all else about the mapping */
	err = remap_check(q, &e);
	if (err != TESS_OK)
		return err;
	if (!q->moves && q->old_len == e.range.end - q->old &&
	    q->old + q->new_len <= q->sp->map.max) {
		err = tess_map_extend(&q->sp->map, e.range.end, q->old + q->new_len, &limits);
		*out = q->old;
		if (err == TESS_OK)
			remap_fill(q, &e, q->old);
		if (err != TESS_EEXIST && err != TESS_EFAULT)
			return err;
	}
	if (!(q->flags & TESS_MREMAP_MAYMOVE))
		return TESS_ENOMEM;
	err = q->old_len == 0 ? remap_second(q, &e, out) : remap_move(q, out);
	if (err == TESS_OK && q->new_len > q->old_len)
		remap_fill(q, &e, *out);
	return err;
}

/* remap_shrink: the tail goes, whatever is mapped there. */
static enum tess_err
remap_shrink(const struct remap *q)
{
	struct tess_entry e;
	struct tess_span s;

	if (!remap_look(q, &e))
		return TESS_EFAULT;
	if (e.flags & TESS_ENTRY_IMMUTABLE)
		return TESS_EPERM;
	if (q->new_len == q->old_len)
		return TESS_OK;
	if (!tess_span_make(q->old, q->old_len, &s) || s.end > q->sp->map.max)
		return TESS_EINVAL;
	return tess_map_remove(&q->sp->map, q->old + q->new_len, s.end, TESS_HOLES_SKIP);
}

enum tess_err
tess_mremap(struct tess_space *sp, tess_va old, uint64_t old_len, uint64_t new_len, unsigned flags,
	    tess_va new_addr, tess_va *out)
{
	struct remap q = {
	    .sp = sp,
	    .old = old,
	    .to = new_addr,
	    .old_len = tess_page_round(old_len),
	    .new_len = tess_page_round(new_len),
	    .flags = flags,
	    .moves = (flags & (TESS_MREMAP_FIXED | TESS_MREMAP_DONTUNMAP)) != 0,
	};
	enum tess_err e = remap_args(&q);
	tess_va at = old;

	if (e == TESS_OK && !q.moves && q.new_len <= q.old_len)
		e = remap_shrink(&q);
	else if (e == TESS_OK)
		e = remap_grow(&q, &at);
	if (e == TESS_OK)
		*out = at;
	return tess_space_leave(e);
}

/* ---- NetBSD's form ---- */

struct remap_bsd {
	struct tess_space *sp;
	tess_va old, to;
	uint64_t old_len, new_len;
	unsigned flags;
	uint8_t align;
};

static bool
bsd_inside(const struct tess_map *map, tess_va va, uint64_t len)
{
	return va >= map->min && len <= map->max && va <= map->max - len;
}

/* bsd_remap_args: errors that the arguments alone tell; lengths are rounded. */
static enum tess_err
bsd_remap_args(const struct remap_bsd *q)
{
	const unsigned known = TESS_MREMAP_BSD_FIXED | TESS_MREMAP_BSD_DUP;
	const struct tess_map *map = &q->sp->map;

	if ((q->flags & ~known) != 0 || !tess_page_aligned(q->old) || q->old_len == 0 ||
	    q->new_len == 0)
		return TESS_EINVAL;
	if (q->align != 0 && (q->align < TESS_PAGE_SHIFT || q->align >= 64))
		return TESS_EINVAL;
	if ((q->flags & TESS_MREMAP_BSD_DUP) && q->old_len != q->new_len)
		return TESS_EINVAL;
	if (!bsd_inside(map, q->old, q->old_len))
		return TESS_EINVAL;
	if (!(q->flags & TESS_MREMAP_BSD_FIXED))
		return TESS_OK;
	if (!tess_page_aligned(q->to) ||
	    (q->align != 0 && (q->to & (((tess_va)1 << q->align) - 1)) != 0))
		return TESS_EINVAL;
	if (!bsd_inside(map, q->to, q->new_len) ||
	    (q->to < q->old + q->old_len && q->old < q->to + q->new_len))
		return TESS_EINVAL;
	return TESS_OK;
}

/* bsd_remap_source: what is there: the first offender in address order; and what grows is one mapping. */
static enum tess_err
bsd_remap_source(const struct remap_bsd *q, struct tess_entry *e)
{
	struct tess_map *map = &q->sp->map;
	tess_va end = q->old + q->old_len;
	enum tess_err err;

	tess_rcu_enter();
	err = tess_map_going(map, q->old, end, TESS_HOLES_REFUSE);
	if (err == TESS_EFAULT)
		err = TESS_ENOMEM; /* a hole */
	if (err == TESS_OK && (!tess_map_mapping_rcu(map, q->old, e) ||
			       (q->new_len > q->old_len && e->range.end < end)))
		err = TESS_EINVAL;
	tess_rcu_exit();
	return err;
}

/* bsd_remap_place: the target, and what may be mapped; RLIMIT_DATA is not asked. */
static struct tess_map_new
bsd_remap_place(const struct remap_bsd *q)
{
	struct tess_mmap_args a = {.addr = q->to, .align = q->align};
	struct tess_map_new n = {.len = q->new_len,
				 .addr = q->to,
				 .place = q->flags & TESS_MREMAP_BSD_FIXED ? TESS_PLACE_FIXED
									   : TESS_PLACE_ANY,
				 .limits = tess_space_limits(q->sp)};

	n.limits.data = TESS_LIMIT_INFINITY;
	if (n.place == TESS_PLACE_ANY)
		tess_mmap_place(q->sp, &a, &n);
	return n;
}

/* bsd_remap_wire: what a locked mapping gained is faulted in. */
static void
bsd_remap_wire(const struct remap_bsd *q, const struct tess_entry *e, tess_va at)
{
	if (q->new_len <= q->old_len || !(e->flags & TESS_ENTRY_LOCKED) ||
	    (e->flags & TESS_ENTRY_ONFAULT))
		return;
	if (tess_map_populate(&q->sp->map, at + q->old_len, at + q->new_len) != TESS_OK)
		tess_history("mremap: not all of it could be populated", at, q->new_len, 0);
}

/* bsd_remap_here: without moving.  EEXIST: it must move. */
static enum tess_err
bsd_remap_here(const struct remap_bsd *q, const struct tess_entry *e,
	       const struct tess_map_limits *limits)
{
	struct tess_map *map = &q->sp->map;
	tess_va end = q->old + q->old_len;
	enum tess_err err;

	if (q->new_len == q->old_len)
		return TESS_OK;
	if (q->new_len < q->old_len)
		return tess_map_remove(map, q->old + q->new_len, end, TESS_HOLES_SKIP);
	if (e->range.end != end || q->new_len > map->max - q->old)
		return TESS_EEXIST;
	err = tess_map_extend(map, end, q->old + q->new_len, limits);
	return err == TESS_EFAULT ? TESS_EEXIST : err;
}

static enum tess_err
bsd_remap_do(const struct remap_bsd *q, tess_va *at)
{
	struct tess_map_new n = bsd_remap_place(q);
	struct tess_entry e;
	enum tess_err err;

	err = bsd_remap_source(q, &e);
	if (err != TESS_OK)
		return err;
	*at = q->old;
	if (q->flags & TESS_MREMAP_BSD_DUP)
		return tess_map_dup(&q->sp->map, q->old, &n, at);
	err = q->flags & TESS_MREMAP_BSD_FIXED ? TESS_EEXIST : bsd_remap_here(q, &e, &n.limits);
	if (err == TESS_EEXIST)
		err = tess_map_move(&q->sp->map, q->old, q->old_len, &n, TESS_MOVE_UNMAP,
				    TESS_MOVE_ALL, at);
	if (err == TESS_OK)
		bsd_remap_wire(q, &e, *at);
	return err == TESS_EAGAIN || err == TESS_EFAULT ? TESS_ENOMEM : err;
}

enum tess_err
tess_mremap_bsd(struct tess_space *sp, tess_va old, uint64_t old_len, tess_va to, uint64_t new_len,
		unsigned flags, uint8_t align, tess_va *out)
{
	struct remap_bsd q = {
	    .sp = sp,
	    .old = old,
	    .to = to,
	    .old_len = tess_page_round(old_len),
	    .new_len = tess_page_round(new_len),
	    .flags = flags,
	    .align = align,
	};
	enum tess_err e = bsd_remap_args(&q);
	tess_va at;

	if (e == TESS_OK)
		e = bsd_remap_do(&q, &at);
	if (e == TESS_OK)
		*out = at;
	return tess_space_leave(e);
}
