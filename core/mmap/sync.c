/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * sync.c: msync.
 */
#include "space.h"

static enum tess_err
msync_flags(const struct tess_rules *ru, unsigned flags)
{
	if (flags & ~(unsigned)(TESS_MS_ASYNC | TESS_MS_INVALIDATE | TESS_MS_SYNC))
		return TESS_EINVAL;
	if ((flags & TESS_MS_ASYNC) && (flags & TESS_MS_SYNC) && ru->msync_async_sync != TESS_OK)
		return ru->msync_async_sync;
	if ((flags & TESS_MS_ASYNC) && (flags & TESS_MS_INVALIDATE))
		return ru->msync_async_invalidate;
	return flags & (TESS_MS_ASYNC | TESS_MS_SYNC) ? TESS_OK : ru->msync_no_flag;
}

/* One entry's part of an msync: what to sync once RCU is left. */
struct msync_part {
	struct tess_object *object; /* referenced; NULL: nothing to do */
	tess_idx idx;
	uint64_t n;
	bool locked;
};

/* msync_next: the next mapped part at or after *va; false: none before end. */
static bool
msync_next(struct tess_map *map, tess_va *va, tess_va end, struct msync_part *p)
{
	struct tess_entry *e;
	bool found = false;

	*p = (struct msync_part){.object = NULL};
	tess_rcu_enter();
	e = tess_map_next_rcu(map, *va);
	if (e != NULL && e->range.start < end) {
		tess_va lo = e->range.start > *va ? e->range.start : *va;
		tess_va hi = e->range.end < end ? e->range.end : end;

		found = true;
		p->locked = (e->flags & TESS_ENTRY_LOCKED) != 0;
		if ((e->flags & TESS_ENTRY_SHARED) && tess_object_ref_try(e->object)) {
			p->object = e->object;
			p->idx = tess_entry_idx(e, lo);
			p->n = (hi - lo) >> TESS_PAGE_SHIFT;
		}
		*va = hi;
	}
	tess_rcu_exit();
	return found;
}

/* msync_part_sync: store, and drop if asked; ends the reference. */
static enum tess_err
msync_part_sync(const struct msync_part *p, unsigned flags)
{
	enum tess_err e = TESS_OK;

	if (flags & TESS_MS_INVALIDATE)
		e = tess_object_sync(p->object, p->idx, p->n, TESS_SYNC_INVALIDATE);
	else if (!(flags &
		   TESS_MS_ASYNC)) /* ASYNC: stored when the object goes, or by a later sync */
		e = tess_object_sync(p->object, p->idx, p->n, TESS_SYNC_CLEAN);
	tess_object_unref(p->object);
	/* Somebody else's lock keeps pages in memory; they are stored, which is what was asked. */
	return e == TESS_EBUSY ? TESS_OK : e;
}

enum tess_err
tess_msync(struct tess_space *sp, tess_va addr, uint64_t len, unsigned flags)
{
	const struct tess_rules *ru = sp->rules;
	enum tess_err e = msync_flags(ru, flags), hole;
	struct msync_part p;
	struct tess_span s;
	tess_va va;

	if (e == TESS_OK && !tess_page_aligned(addr))
		e = TESS_EINVAL; /* S50 */
	if (e == TESS_OK && !tess_span_make(addr, len, &s))
		e = ru->msync_wrap;
	if (e != TESS_OK || s.start == s.end)
		return tess_space_leave(e);
	hole = tess_map_hole(&sp->map, s.start, s.end) ? ru->msync_hole : TESS_OK;
	if (hole != TESS_OK && flags == TESS_MS_ASYNC)
		return tess_space_leave(hole);
	for (va = s.start; va < s.end && e == TESS_OK && msync_next(&sp->map, &va, s.end, &p);) {
		if (p.locked && (flags & TESS_MS_INVALIDATE)) {
			e = TESS_EBUSY;
			if (p.object != NULL)
				tess_object_unref(p.object);
		} else if (p.object != NULL) {
			e = msync_part_sync(&p, flags);
		}
	}
	return tess_space_leave(e != TESS_OK ? e : hole);
}
