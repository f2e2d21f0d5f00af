/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * advise.c: madvise: advice, and orders dressed as advice.
 *
 * An advice is a row of one table: what it does, with which words, to which entries.  What a personality knows is a
 * set of bits in its rules; what does not fit is an error there, or (bsd) passed over.
 */
#include "space.h"

/* What an advice does. */
enum advise_do {
	ADVISE_REFUSE,  /* EINVAL: no system does it */
	ADVISE_DENY,    /* EPERM: it takes a privilege */
	ADVISE_ADVICE,  /* the entry's expected use: `set` */
	ADVISE_MARK,    /* entry flags: `set`, `clear` */
	ADVISE_FETCH,   /* WILLNEED */
	ADVISE_DISCARD, /* private pages go; `set` */
	ADVISE_KEEP,    /* DONTNEED: DISCARD in linux, elsewhere nothing is lost */
	ADVISE_READ,    /* populate */
	ADVISE_WRITE,
	ADVISE_PUNCH, /* zeros in the object */
	ADVISE_ZERO,  /* zeros, whoever owns them */
};

struct advise_row {
	uint8_t what; /* enum advise_do */
	uint32_t set, clear;
	unsigned only; /* TESS_ONLY_* */
};

static const struct advise_row advise_rows[TESS_MADV_COUNT] = {
    [TESS_MADV_NORMAL] = {ADVISE_ADVICE, TESS_ADVICE_NORMAL, 0, 0},
    [TESS_MADV_RANDOM] = {ADVISE_ADVICE, TESS_ADVICE_RANDOM, 0, 0},
    [TESS_MADV_SEQUENTIAL] = {ADVISE_ADVICE, TESS_ADVICE_SEQUENTIAL, 0, 0},
    [TESS_MADV_WILLNEED] = {ADVISE_FETCH, 0, 0, 0},
    [TESS_MADV_DONTNEED] = {ADVISE_KEEP, 0, 0, TESS_ONLY_UNLOCKED | TESS_ONLY_LOSABLE},
    [TESS_MADV_FREE] = {ADVISE_DISCARD, 0, 0,
			TESS_ONLY_ANON | TESS_ONLY_UNLOCKED | TESS_ONLY_LOSABLE},
    [TESS_MADV_DONTFORK] = {ADVISE_MARK, TESS_ENTRY_DONTFORK, 0, TESS_ONLY_LOSABLE},
    [TESS_MADV_DOFORK] = {ADVISE_MARK, 0, TESS_ENTRY_DONTFORK, 0},
    [TESS_MADV_WIPEONFORK] = {ADVISE_MARK, TESS_ENTRY_WIPE, 0, TESS_ONLY_ANON | TESS_ONLY_LOSABLE},
    [TESS_MADV_KEEPONFORK] = {ADVISE_MARK, 0, TESS_ENTRY_WIPE, 0},
    [TESS_MADV_DONTDUMP] = {ADVISE_MARK, TESS_ENTRY_DONTDUMP, 0, 0},
    [TESS_MADV_DODUMP] = {ADVISE_MARK, 0, TESS_ENTRY_DONTDUMP, 0},
    /* hints about mechanisms this core decides on by itself: what can be seen is that a hole is ENOMEM */
    [TESS_MADV_HUGEPAGE] = {ADVISE_MARK, 0, 0, 0},
    [TESS_MADV_NOHUGEPAGE] = {ADVISE_MARK, 0, 0, 0},
    [TESS_MADV_MERGEABLE] = {ADVISE_MARK, 0, 0, 0},
    [TESS_MADV_UNMERGEABLE] = {ADVISE_MARK, 0, 0, 0},
    /* nothing pages out yet: what can be seen is the refusal */
    [TESS_MADV_COLD] = {ADVISE_MARK, 0, 0, TESS_ONLY_UNLOCKED},
    [TESS_MADV_PAGEOUT] = {ADVISE_MARK, 0, 0, TESS_ONLY_UNLOCKED},
    [TESS_MADV_POPULATE_READ] = {ADVISE_READ, 0, 0, 0},
    [TESS_MADV_POPULATE_WRITE] = {ADVISE_WRITE, 0, 0, 0},
    [TESS_MADV_REMOVE] = {ADVISE_PUNCH, 0, 0, 0},
    [TESS_MADV_DONTNEED_LOCKED] = {ADVISE_DISCARD, 0, 0, TESS_ONLY_LOSABLE},
    [TESS_MADV_COLLAPSE] = {ADVISE_REFUSE, 0, 0, 0}, /* there are no superpages */
    [TESS_MADV_HWPOISON] = {ADVISE_DENY, 0, 0, 0},
    [TESS_MADV_SOFT_OFFLINE] = {ADVISE_DENY, 0, 0, 0},
    [TESS_MADV_GUARD_INSTALL] = {ADVISE_DISCARD, TESS_ENTRY_GUARDED, 0,
				 TESS_ONLY_UNLOCKED | TESS_ONLY_LOSABLE},
    [TESS_MADV_GUARD_REMOVE] = {ADVISE_MARK, 0, TESS_ENTRY_GUARDED, 0},
    [TESS_MADV_NOSYNC] = {ADVISE_MARK, TESS_ENTRY_NOSYNC, 0, 0},
    [TESS_MADV_AUTOSYNC] = {ADVISE_MARK, 0, TESS_ENTRY_NOSYNC, 0},
    [TESS_MADV_PROTECT] = {ADVISE_DENY, 0, 0, 0},
    [TESS_MADV_SPACEAVAIL] = {ADVISE_REFUSE, 0, 0, 0},
    [TESS_MADV_ZERO] = {ADVISE_ZERO, 0, 0, 0},
    [TESS_MADV_FREE_REUSABLE] = {ADVISE_DISCARD, 0, 0,
				 TESS_ONLY_ANON | TESS_ONLY_UNLOCKED | TESS_ONLY_LOSABLE},
    /* what was freed is zeros already: what can be seen is the refusal */
    [TESS_MADV_FREE_REUSE] = {ADVISE_MARK, 0, 0, TESS_ONLY_ANON | TESS_ONLY_WRITABLE},
    [TESS_MADV_CAN_REUSE] = {ADVISE_MARK, 0, 0, TESS_ONLY_ANON | TESS_ONLY_WRITABLE},
};

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
		if (e == TESS_SIGBUS || e == TESS_EFAULT)
			return TESS_EFAULT; /* beyond the end of the object; a guard */
		if (e != TESS_OK)
			return e;
	}
	return TESS_OK;
}

/* One entry's part of a range whose object gets zeros. */
struct advise_part {
	tess_va start, end;
	struct tess_object *object; /* referenced; NULL: private memory */
	tess_off off;
};

/* part_punch: MADV_REMOVE: may the object of `e` get a hole?  (mm/madvise.c, madvise_remove) */
static enum tess_err
part_punch(const struct tess_entry *e)
{
	if ((e->flags & TESS_ENTRY_LOCKED) || e->object == NULL)
		return TESS_EINVAL;
	return (e->flags & TESS_ENTRY_SHARED) && (e->maxprot & TESS_PROT_WRITE) ? TESS_OK
										: TESS_EACCES;
}

/* part_zero: MADV_ZERO of XNU: anonymous memory that may be written. */
static enum tess_err
part_zero(const struct tess_entry *e)
{
	if ((e->object != NULL && !tess_object_is_zero(e->object)) ||
	    (e->object != NULL && !(e->flags & TESS_ENTRY_SHARED)))
		return TESS_EINVAL;
	if (e->flags & TESS_ENTRY_SUBMAP)
		return TESS_EINVAL;
	return e->prot & TESS_PROT_WRITE ? TESS_OK : TESS_EACCES;
}

/* part_fits: a seal is asked first, as for every other advice. */
static enum tess_err
part_fits(const struct tess_entry *e, enum advise_do what)
{
	if ((e->flags & TESS_ENTRY_IMMUTABLE) &&
	    !((e->flags & TESS_ENTRY_SHARED) || (e->prot & TESS_PROT_WRITE)))
		return TESS_EPERM;
	return what == ADVISE_PUNCH ? part_punch(e) : part_zero(e);
}

/* part_next: the next mapped part at or after p->end.  false: none before `end`; *err: why not this one. */
static bool
part_next(struct tess_map *map, tess_va end, enum advise_do what, struct advise_part *p,
	  enum tess_err *err)
{
	struct tess_entry *e;
	bool found = false;

	tess_rcu_enter();
	e = tess_map_next_rcu(map, p->end);
	if (e != NULL && e->range.start < end) {
		found = true;
		p->start = e->range.start > p->end ? e->range.start : p->end;
		p->end = e->range.end < end ? e->range.end : end;
		*err = part_fits(e, what);
		p->object = NULL;
		if (e->object != NULL) {
			p->off = e->off + (p->start - e->range.start);
			if (tess_object_ref_try(e->object))
				p->object = e->object;
			else
				p->end = p->start; /* it is going: look again */
		}
	}
	tess_rcu_exit();
	return found;
}

/*
 * zeros_look: the first walk of REMOVE and ZERO: how far may it go, and all that may fail.
 *
 * => *stop: where the first part begins that refuses, and *refusal why
 * => fails: NOMEM, EIO: pages of a file that could not be had; nothing changed
 */
static enum tess_err
zeros_look(struct tess_map *map, struct tess_span s, enum advise_do what, tess_va *stop,
	   enum tess_err *refusal)
{
	struct advise_part p = {.end = s.start};
	enum tess_err e = TESS_OK;

	*refusal = TESS_OK;
	*stop = s.end;
	while (p.end < s.end && e == TESS_OK && *refusal == TESS_OK &&
	       part_next(map, s.end, what, &p, refusal)) {
		if (*refusal != TESS_OK)
			*stop = p.start;
		else if (p.object != NULL)
			e = tess_object_zero_prepare(p.object, p.off, p.end - p.start);
		if (p.object != NULL)
			tess_object_unref(p.object);
	}
	return e;
}

/* zeros_objects: the second walk: the pages are there. */
static enum tess_err
zeros_objects(struct tess_map *map, struct tess_span s, enum advise_do what)
{
	struct advise_part p = {.end = s.start};
	enum tess_err e = TESS_OK;

	while (p.end < s.end && e == TESS_OK && part_next(map, s.end, what, &p, &e)) {
		if (p.object == NULL)
			continue;
		if (e == TESS_OK)
			e = tess_object_zero(p.object, p.off, p.end - p.start);
		tess_object_unref(p.object);
	}
	return e;
}

/* advise_zeros: REMOVE and ZERO: all up to the first part that refuses, or nothing. */
static enum tess_err
advise_zeros(struct tess_map *map, struct tess_span s, enum advise_do what)
{
	enum tess_err hole = tess_map_hole(map, s.start, s.end) ? TESS_EFAULT : TESS_OK;
	enum tess_err refusal, e;
	struct tess_span todo = s;

	e = zeros_look(map, s, what, &todo.end, &refusal);
	if (e == TESS_OK && what == ADVISE_ZERO && todo.start < todo.end)
		e = tess_map_discard(map, todo.start, todo.end,
				     (enum tess_only)(TESS_ONLY_ANON | TESS_ONLY_SKIP), 0);
	if (e == TESS_OK || e == TESS_EFAULT) /* a hole is told at the end */
		e = zeros_objects(map, todo, what);
	if (e != TESS_OK)
		return e;
	return refusal != TESS_OK ? refusal : hole;
}

/* advise_only: which entries a row takes; bsd passes over the others. */
static enum tess_only
advise_only(const struct tess_rules *ru, const struct advise_row *row)
{
	unsigned skip = ru->madv_skips && row->only != 0 ? TESS_ONLY_SKIP : 0;

	return (enum tess_only)(row->only | skip);
}

/* advise_sealed: bsd: is something in the range immutable?  (OpenBSD's uvm_map_clean() asks first) */
static bool
advise_sealed(struct tess_map *map, struct tess_span s)
{
	bool sealed = false;
	struct tess_entry *e;

	tess_rcu_enter();
	for (e = tess_map_next_rcu(map, s.start); e != NULL && e->range.start < s.end && !sealed;
	     e = tess_map_next_rcu(map, e->range.end)) {
		sealed = (e->flags & TESS_ENTRY_IMMUTABLE) != 0;
		if (e->range.end >= s.end)
			break;
	}
	tess_rcu_exit();
	return sealed;
}

/* advise_range: one advice over a checked range.  EFAULT: a hole; the mapped parts are done. */
static enum tess_err
advise_range(struct tess_space *sp, struct tess_span s, const struct advise_row *row)
{
	enum tess_only only = advise_only(sp->rules, row);
	struct tess_map *map = &sp->map;

	switch ((enum advise_do)row->what) {
	case ADVISE_ADVICE:
		return tess_map_advise(map, s.start, s.end, (enum tess_advice)row->set,
				       TESS_HOLES_REPORT);
	case ADVISE_MARK:
		return tess_map_mark(map, s.start, s.end, row->set, row->clear, only,
				     TESS_HOLES_REPORT, TESS_LIMIT_INFINITY);
	case ADVISE_FETCH:
		return advise_fetch(map, s);
	case ADVISE_KEEP:
		if (!sp->rules->dontneed_discards)
			return tess_map_hole(map, s.start, s.end) ? TESS_EFAULT : TESS_OK;
		/* FALLTHROUGH */
	case ADVISE_DISCARD:
		if (sp->rules->madv_skips && advise_sealed(map, s))
			return TESS_EPERM; /* D19: before anything is done */
		return tess_map_discard(map, s.start, s.end, only, row->set);
	case ADVISE_READ:
		return advise_populate(map, s, TESS_ACCESS_READ);
	case ADVISE_WRITE:
		return advise_populate(map, s, TESS_ACCESS_WRITE);
	case ADVISE_PUNCH:
	case ADVISE_ZERO:
		return advise_zeros(map, s, (enum advise_do)row->what);
	case ADVISE_REFUSE:
	case ADVISE_DENY:
		break;
	}
	return row->what == ADVISE_DENY ? TESS_EPERM : TESS_EINVAL;
}

/* advise_hole: what a hole is to the caller. */
static enum tess_err
advise_hole(const struct tess_rules *ru, const struct advise_row *row, enum tess_err e)
{
	if (e != TESS_EFAULT || row->what == ADVISE_READ || row->what == ADVISE_WRITE)
		return e;
	return ru->madv_skips ? TESS_OK : TESS_ENOMEM;
}

/* advise: `row` over [addr, addr + len), checked. */
static enum tess_err
advise(struct tess_space *sp, tess_va addr, uint64_t len, const struct advise_row *row)
{
	const struct tess_rules *ru = sp->rules;
	struct tess_span s;

	if (!tess_page_aligned(addr) && !ru->truncates)
		return TESS_EINVAL;
	if (!tess_span_make(addr, len, &s))
		return TESS_EINVAL;
	if (len == 0)
		return TESS_OK;
	return advise_hole(ru, row, advise_range(sp, s, row));
}

static bool
advise_known(const struct tess_rules *ru, enum tess_madv advice)
{
	return (unsigned)advice < TESS_MADV_UNKNOWN &&
	       (ru->madv_known & (uint64_t)1 << advice) != 0;
}

enum tess_err
tess_madvise(struct tess_space *sp, tess_va addr, uint64_t len, enum tess_madv advice)
{
	if (sp->rules->madv_known == 0)
		return tess_space_leave(TESS_EOPNOTSUPP); /* S4 */
	if (!advise_known(sp->rules, advice))
		return tess_space_leave(TESS_EINVAL);
	return tess_space_leave(advise(sp, addr, len, &advise_rows[advice]));
}

enum tess_err
tess_posix_madvise(struct tess_space *sp, tess_va addr, uint64_t len, enum tess_madv advice)
{
	/* The data stays, so all that is left of DONTNEED is the look at the range. */
	static const struct advise_row keep = {ADVISE_MARK, 0, 0, 0};

	if (sp->rules->madv_known == 0)
		return tess_space_leave(TESS_EOPNOTSUPP); /* S4 */
	if ((unsigned)advice > TESS_MADV_DONTNEED)
		return tess_space_leave(TESS_EINVAL);
	return tess_space_leave(
	    advise(sp, addr, len, advice == TESS_MADV_DONTNEED ? &keep : &advise_rows[advice]));
}
