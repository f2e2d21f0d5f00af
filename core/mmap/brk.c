/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * brk.c: the heap: brk, sbrk.
 */
#include "space.h"

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
		tess_mmap_fill(sp, &a, &n, from);
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

enum tess_err
tess_sbrk(struct tess_space *sp, int64_t incr, tess_va *out)
{
	enum tess_err e = sp->rules->sbrk;
	tess_va old;

	if (e != TESS_OK)
		return tess_space_leave(e); /* S1 */
	tess_mutex_lock(&sp->lock, TESS_RANK_SPACE);
	old = sp->brk;
	if (incr != 0)
		e = brk_move(sp, old + (uint64_t)incr);
	tess_mutex_unlock(&sp->lock, TESS_RANK_SPACE);
	if (e == TESS_OK)
		*out = old;
	return tess_space_leave(e == TESS_OK ? TESS_OK : TESS_ENOMEM);
}
