/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * range.c: calls that change or ask about what is mapped: mprotect, minherit, madvise, msync, mincore.
 */
#include "space.h"

/* protect_fill: locked private memory that became writable becomes the space's own at once. */
static void
protect_fill(struct tess_map *map, const struct tess_map_spans *own)
{
	for (unsigned i = 0; i < own->n; i++)
		if (tess_map_populate(map, own->at[i].start, own->at[i].end) != TESS_OK)
			tess_history("mprotect: not all could be populated", own->at[i].start,
				     own->at[i].end, 0);
}

enum tess_err
tess_mprotect(struct tess_space *sp, tess_va addr, uint64_t len, unsigned prot)
{
	const struct tess_rules *ru = sp->rules;
	struct tess_map_spans own;
	struct tess_span s;
	enum tess_err e;

	if (!tess_page_aligned(addr))
		return tess_space_leave(TESS_EINVAL); /* S70 */
	if (len == 0)
		return tess_space_leave(TESS_OK);
	if (!tess_span_make(addr, len, &s) || s.start == s.end)
		return tess_space_leave(ru->mprotect_wrap);
	if ((prot & ~ru->prot_known) && ru->mprotect_bits != TESS_OK)
		return tess_space_leave(ru->mprotect_bits);
	if (s.start >= sp->map.max)
		return tess_space_leave(ru->mprotect_hole);
	e = tess_map_protect(&sp->map, s.start, s.end, prot & TESS_PROT_ALL, ru->holes,
			     TESS_LIMIT_INFINITY, &own);
	if (e == TESS_OK || ru->holes == TESS_HOLES_STOP)
		protect_fill(&sp->map, &own);
	return tess_space_leave(e == TESS_EFAULT ? ru->mprotect_hole : e);
}

enum tess_err
tess_minherit(struct tess_space *sp, tess_va addr, uint64_t len, enum tess_inherit inherit)
{
	struct tess_span s;
	enum tess_err e;

	if (!tess_page_aligned(addr) || (unsigned)inherit > TESS_INHERIT_ZERO ||
	    !tess_span_make(addr, len, &s))
		return tess_space_leave(TESS_EINVAL);
	if (s.start == s.end)
		return tess_space_leave(TESS_OK);
	e = tess_map_inherit(&sp->map, s.start, s.end, inherit, TESS_HOLES_REFUSE);
	return tess_space_leave(e == TESS_EFAULT ? TESS_ENOMEM : e);
}

/* ---- madvise ---- */

/* advise_flags: advice that is a flag of the entry. */
static enum tess_err
advise_flags(struct tess_map *map, struct tess_span s, uint16_t set, uint16_t clear,
	     enum tess_only only)
{
	return tess_map_flags(map, s.start, s.end, set, clear, only, TESS_HOLES_REPORT,
			      TESS_LIMIT_INFINITY);
}

/* advise_fetch: WILLNEED: bring the objects' pages in; what cannot be read is left to the fault. */
static enum tess_err
advise_fetch(struct tess_map *map, struct tess_span s)
{
	enum tess_err hole = tess_map_hole(map, s.start, s.end) ? TESS_EFAULT : TESS_OK;
	tess_va va = s.start;

	while (va < s.end) {
		struct tess_object *o = NULL;
		struct tess_entry *e;
		tess_va stop = s.end;
		tess_idx idx = 0;

		tess_rcu_enter();
		e = tess_map_next_rcu(map, va);
		if (e != NULL && e->range.start < s.end) {
			va = e->range.start > va ? e->range.start : va;
			stop = e->range.end < s.end ? e->range.end : s.end;
			if (e->object != NULL && tess_object_ref_try(e->object)) {
				o = e->object;
				idx = tess_entry_idx(e, va);
			}
		}
		tess_rcu_exit();
		for (; o != NULL && va < stop; va += TESS_PAGE_SIZE)
			if (tess_object_prefetch(o, idx++) != TESS_OK)
				break;
		if (o != NULL)
			tess_object_unref(o);
		va = stop;
	}
	return hole;
}

/*
 * advise_populate: as many accesses.  The right itself is asked for, not what hardware happens to
 * allow with another.
 */
static enum tess_err
advise_populate(struct tess_map *map, struct tess_span s, enum tess_access access)
{
	tess_prot need = access == TESS_ACCESS_WRITE ? TESS_PROT_WRITE : TESS_PROT_READ;

	for (tess_va va = s.start; va < s.end; va += TESS_PAGE_SIZE) {
		const struct tess_entry *there;
		tess_prot prot = TESS_PROT_NONE;
		enum tess_err e;

		tess_rcu_enter();
		there = tess_map_lookup_rcu(map, va);
		if (there != NULL)
			prot = there->prot;
		tess_rcu_exit();
		if (there == NULL)
			return TESS_ENOMEM;
		if (!(prot & need))
			return TESS_EINVAL;
		e = tess_map_touch(map, va, va + TESS_PAGE_SIZE, access);
		if (e == TESS_SIGBUS)
			return TESS_EFAULT;
		if (e != TESS_OK)
			return e == TESS_ENOMEM ? e : TESS_EINVAL;
	}
	return TESS_OK;
}

/* advise_range: one advice over a checked range.  EFAULT: a hole; the mapped parts are done. */
static enum tess_err
advise_range(struct tess_space *sp, struct tess_span s, enum tess_madv advice)
{
	struct tess_map *map = &sp->map;

	switch (advice) {
	case TESS_MADV_NORMAL:
	case TESS_MADV_RANDOM:
	case TESS_MADV_SEQUENTIAL:
		return tess_map_advise(map, s.start, s.end,
				       (enum tess_advice)(advice - TESS_MADV_NORMAL),
				       TESS_HOLES_REPORT);
	case TESS_MADV_WILLNEED:
		return advise_fetch(map, s);
	case TESS_MADV_DONTNEED:
		if (sp->rules->dontneed_discards)
			return tess_map_discard(map, s.start, s.end, TESS_ONLY_UNLOCKED);
		return tess_map_hole(map, s.start, s.end) ? TESS_EFAULT : TESS_OK;
	case TESS_MADV_FREE:
		return tess_map_discard(map, s.start, s.end, TESS_ONLY_ANON_UNLOCKED);
	case TESS_MADV_DONTFORK:
		return advise_flags(map, s, TESS_ENTRY_DONTFORK, 0, TESS_ONLY_ANY);
	case TESS_MADV_DOFORK:
		return advise_flags(map, s, 0, TESS_ENTRY_DONTFORK, TESS_ONLY_ANY);
	case TESS_MADV_WIPEONFORK:
		return advise_flags(map, s, TESS_ENTRY_WIPE, 0, TESS_ONLY_ANON);
	case TESS_MADV_KEEPONFORK:
		return advise_flags(map, s, 0, TESS_ENTRY_WIPE, TESS_ONLY_ANY);
	case TESS_MADV_DONTDUMP:
		return advise_flags(map, s, TESS_ENTRY_DONTDUMP, 0, TESS_ONLY_ANY);
	case TESS_MADV_DODUMP:
		return advise_flags(map, s, 0, TESS_ENTRY_DONTDUMP, TESS_ONLY_ANY);
	case TESS_MADV_COLD:
	case TESS_MADV_PAGEOUT: /* nothing pages out yet: only the refusal can be seen */
		return advise_flags(map, s, 0, 0, TESS_ONLY_UNLOCKED);
	case TESS_MADV_POPULATE_READ:
		return advise_populate(map, s, TESS_ACCESS_READ);
	case TESS_MADV_POPULATE_WRITE:
		return advise_populate(map, s, TESS_ACCESS_WRITE);
	case TESS_MADV_HUGEPAGE: /* hints about mechanisms this core decides on by itself */
	case TESS_MADV_NOHUGEPAGE:
	case TESS_MADV_MERGEABLE:
	case TESS_MADV_UNMERGEABLE:
		return tess_map_hole(map, s.start, s.end) ? TESS_EFAULT : TESS_OK;
	case TESS_MADV_UNKNOWN:
	case TESS_MADV_COUNT:
		break;
	}
	return TESS_EINVAL;
}

enum tess_err
tess_madvise(struct tess_space *sp, tess_va addr, uint64_t len, enum tess_madv advice)
{
	struct tess_span s;
	enum tess_err e;

	if ((unsigned)advice >= TESS_MADV_UNKNOWN || !tess_page_aligned(addr) ||
	    !tess_span_make(addr, len, &s))
		return tess_space_leave(TESS_EINVAL);
	if (s.start == s.end)
		return tess_space_leave(TESS_OK);
	e = advise_range(sp, s, advice);
	if (e == TESS_EFAULT && advice != TESS_MADV_POPULATE_READ &&
	    advice != TESS_MADV_POPULATE_WRITE)
		e = TESS_ENOMEM;
	return tess_space_leave(e);
}

/* ---- msync ---- */

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

/* ---- mincore ---- */

/* mincore_page: is the page that holds va in memory?  rcu: inside */
static bool
mincore_page(struct tess_entry *e, tess_va va)
{
	tess_idx slot = e->amap != NULL ? tess_entry_slot(e, va) : 0;

	if (e->amap != NULL && tess_amap_count(e->amap, slot, 1) != 0)
		return true;
	return e->object != NULL && tess_object_has_rcu(e->object, tess_entry_idx(e, va));
}

/* mincore_entry: the pages of [*va, end) in one entry.  false: a hole at *va. */
static bool
mincore_entry(struct tess_map *map, tess_va *va, tess_va end, unsigned char **vec)
{
	struct tess_entry *e;

	tess_rcu_enter();
	e = tess_map_lookup_rcu(map, *va);
	for (; e != NULL && *va < end && *va < e->range.end; *va += TESS_PAGE_SIZE)
		*(*vec)++ = mincore_page(e, *va);
	tess_rcu_exit();
	return e != NULL;
}

enum tess_err
tess_mincore(struct tess_space *sp, tess_va addr, uint64_t len, unsigned char *vec)
{
	tess_va max = sp->map.max;
	struct tess_span s;
	tess_va va;

	if (!tess_page_aligned(addr))
		return tess_space_leave(TESS_EINVAL); /* C1 */
	if (addr > max || len > max - addr || !tess_span_make(addr, len, &s))
		return tess_space_leave(sp->rules->mincore_high);
	if (s.start == s.end)
		return tess_space_leave(sp->rules->mincore_len0); /* C2 */
	if (vec == NULL)
		return tess_space_leave(TESS_EFAULT); /* C3 */
	for (va = s.start; va < s.end;)
		if (!mincore_entry(&sp->map, &va, s.end, &vec))
			return tess_space_leave(TESS_ENOMEM); /* C4 */
	return tess_space_leave(TESS_OK);
}
