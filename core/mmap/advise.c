/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * advise.c: madvise: advice, and orders dressed as advice.
 */
#include "space.h"

/* advise_flags: advice that is a flag of the entry. */
static enum tess_err
advise_flags(struct tess_map *map, struct tess_span s, uint32_t set, uint32_t clear,
	     enum tess_only only)
{
	return tess_map_mark(map, s.start, s.end, set, clear, only, TESS_HOLES_REPORT,
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
			return tess_map_discard(map, s.start, s.end, TESS_ONLY_UNLOCKED, 0);
		return tess_map_hole(map, s.start, s.end) ? TESS_EFAULT : TESS_OK;
	case TESS_MADV_FREE:
		return tess_map_discard(map, s.start, s.end,
					(enum tess_only)(TESS_ONLY_ANON | TESS_ONLY_UNLOCKED), 0);
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
	default:
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
