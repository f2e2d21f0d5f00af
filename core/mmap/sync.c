/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * sync.c: msync: dirty pages of shared mappings are stored, and dropped if asked.
 *
 * Linux looks at the range as it goes, and answers a hole at the end; the others look first.
 */
#include "space.h"

static enum tess_err
msync_flags(const struct tess_rules *ru, unsigned flags)
{
	if ((flags & ~(unsigned)(TESS_MS_ASYNC | TESS_MS_INVALIDATE | TESS_MS_SYNC)) &&
	    ru->msync_bits != TESS_OK)
		return ru->msync_bits;
	if ((flags & TESS_MS_ASYNC) && (flags & TESS_MS_SYNC) && ru->msync_async_sync != TESS_OK)
		return ru->msync_async_sync;
	if ((flags & TESS_MS_ASYNC) && (flags & TESS_MS_INVALIDATE) &&
	    ru->msync_async_invalidate != TESS_OK)
		return ru->msync_async_invalidate; /* S50 */
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
		p->locked = (e->flags & TESS_ENTRY_LOCKED) || e->wired != 0;
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

/* msync_span: the range; a length of 0 may mean the whole mapping at addr (S51). */
static enum tess_err
msync_span(struct tess_space *sp, tess_va addr, uint64_t len, struct tess_span *s)
{
	const struct tess_rules *ru = sp->rules;
	struct tess_entry e;
	bool there;

	if (!tess_page_aligned(addr) && !ru->truncates)
		return TESS_EINVAL; /* S50 */
	if (!tess_span_make(addr, len, s))
		return ru->msync_wrap;
	if (len == 0)
		s->end = s->start;
	if (len != 0 || !ru->msync_len0_entry)
		return TESS_OK;
	tess_rcu_enter();
	there = tess_map_mapping_rcu(&sp->map, addr, &e);
	tess_rcu_exit();
	if (!there)
		return TESS_EINVAL;
	*s = (struct tess_span){e.range.start, e.range.end};
	return TESS_OK;
}

/*
 * msync_look: what stands in the way, in address order: a hole, a submap, locked memory that is to be dropped.
 *
 * => OK, or what the caller gets; asked before anything is stored
 */
static enum tess_err
msync_look(struct tess_space *sp, struct tess_span s, unsigned flags)
{
	const struct tess_rules *ru = sp->rules;
	enum tess_err err = TESS_OK;
	tess_va at = s.start;

	tess_rcu_enter();
	while (at < s.end && err == TESS_OK) {
		const struct tess_entry *e = tess_map_lookup_rcu(&sp->map, at);

		if (e == NULL)
			err = ru->msync_hole;
		else if (e->flags & TESS_ENTRY_SUBMAP)
			err = TESS_EINVAL; /* S52 */
		else if ((flags & TESS_MS_INVALIDATE) &&
			 ((e->flags & TESS_ENTRY_LOCKED) || e->wired != 0))
			err = ru->msync_locked; /* D11, D22 */
		else
			at = e->range.end;
	}
	tess_rcu_exit();
	return err;
}

/* msync_parts: store, part after part; the first that cannot be ends it. */
static enum tess_err
msync_parts(struct tess_space *sp, struct tess_span s, unsigned flags)
{
	enum tess_err e = TESS_OK;
	struct msync_part p;
	tess_va va = s.start;

	while (va < s.end && e == TESS_OK && msync_next(&sp->map, &va, s.end, &p)) {
		if (p.locked && (flags & TESS_MS_INVALIDATE)) {
			e = sp->rules->msync_locked;
			if (p.object != NULL)
				tess_object_unref(p.object);
		} else if (p.object != NULL) {
			e = msync_part_sync(&p, flags);
		}
	}
	return e;
}

enum tess_err
tess_msync(struct tess_space *sp, tess_va addr, uint64_t len, unsigned flags)
{
	const struct tess_rules *ru = sp->rules;
	enum tess_err e = msync_flags(ru, flags), hole = TESS_OK;
	struct tess_span s;

	if (e == TESS_OK)
		e = msync_span(sp, addr, len, &s);
	if (e != TESS_OK || s.start == s.end)
		return tess_space_leave(e);
	if (ru->msync_first)
		e = msync_look(sp, s, flags);
	else if (tess_map_hole(&sp->map, s.start, s.end))
		hole = ru->msync_hole;
	if (e != TESS_OK || (hole != TESS_OK && flags == TESS_MS_ASYNC))
		return tess_space_leave(e != TESS_OK ? e : hole);
	e = msync_parts(sp, s, flags);
	return tess_space_leave(e != TESS_OK ? e : hole);
}
