/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * map_attr.c: protection, inheritance, advice and flags of ranges.
 *
 * All are one walk: for each entry in the range, put a copy with the attribute changed; joined on the
 * way, so that toggling an attribute back leaves the entries as they were (D16).  What differs is
 * the change itself, a struct attr_change.
 *
 * Holes: a walk covers [start, stop), where `stop` is the first hole for TESS_HOLES_STOP.
 */
#include "map_priv.h"

struct attr_change {
	enum {
		ATTR_PROT,
		ATTR_INHERIT,
		ATTR_ADVICE,
		ATTR_FLAGS
	} what;
	const struct tess_map_protection *p; /* for PROT */
	uint8_t value;
	uint32_t set, clear;
	enum tess_only only;
	struct tess_map_spans *own; /* for PROT */
	uint64_t limit;             /* locked bytes, for FLAGS */
};

enum tess_err
tess_entry_fits(const struct tess_entry *e, enum tess_only only)
{
	bool immutable = (e->flags & TESS_ENTRY_IMMUTABLE) != 0;
	bool writable = (e->prot & TESS_PROT_WRITE) != 0;

	if (e->flags & TESS_ENTRY_SUBMAP)
		return TESS_EINVAL;
	if (immutable && (only & TESS_ONLY_MUTABLE))
		return TESS_EPERM;
	if (immutable && (only & TESS_ONLY_LOSABLE) && !writable && !(e->flags & TESS_ENTRY_SHARED))
		return TESS_EPERM;
	if ((only & TESS_ONLY_KEPT) && tess_entry_inherit(e) == TESS_INHERIT_ZERO)
		return TESS_EPERM;
	if (((only & TESS_ONLY_ANON) && e->object != NULL) ||
	    ((only & TESS_ONLY_UNLOCKED) && tess_entry_is_kept(e)) ||
	    ((only & TESS_ONLY_LOCKED) && !(e->flags & TESS_ENTRY_LOCKED)) ||
	    ((only & TESS_ONLY_WRITABLE) && !writable))
		return TESS_EINVAL;
	return TESS_OK;
}

/* attr_passes: the entry stays as it is, and that is no error. */
static bool
attr_passes(const struct attr_change *c, const struct tess_entry *e)
{
	switch (c->what) {
	case ATTR_PROT:
		return (e->flags & TESS_ENTRY_GUARD) != 0;
	case ATTR_INHERIT:
		return (e->flags & TESS_ENTRY_GUARD) && c->value == TESS_INHERIT_ZERO;
	case ATTR_ADVICE:
	case ATTR_FLAGS:
		break;
	}
	return (c->only & TESS_ONLY_SKIP) && tess_entry_fits(e, c->only) == TESS_EINVAL;
}

static void
attr_apply_prot(const struct tess_map_protection *p, struct tess_entry *to)
{
	if (p->flags & TESS_PROTECT_SET_MAXPROT) {
		to->maxprot = p->maxprot;
		to->prot &= p->maxprot;
	}
	if (p->flags & TESS_PROTECT_SET_PROT)
		to->prot = p->prot;
	tess_entry_charge(to);
}

/* attr_apply: *to is *e with the change. */
static void
attr_apply(const struct attr_change *c, const struct tess_entry *e, struct tess_entry *to)
{
	*to = *e;
	if (attr_passes(c, e))
		return;
	switch (c->what) {
	case ATTR_PROT:
		attr_apply_prot(c->p, to);
		break;
	case ATTR_INHERIT:
		to->inherit = c->value;
		to->flags &= (uint32_t) ~(TESS_ENTRY_DONTFORK | TESS_ENTRY_WIPE);
		if (c->value == TESS_INHERIT_NONE)
			to->flags |= TESS_ENTRY_DONTFORK;
		if (c->value == TESS_INHERIT_ZERO)
			to->flags |= TESS_ENTRY_WIPE;
		break;
	case ATTR_ADVICE:
		to->advice = c->value;
		break;
	case ATTR_FLAGS:
		to->flags = (uint32_t)((e->flags & ~c->clear) | c->set);
		break;
	}
}

/* What a first walk finds out. */
struct attr_survey {
	tess_va stop;      /* act on [start, stop) only */
	enum tess_err err; /* answer once that is done */
	bool refuse;       /* answer now, change nothing */
	bool differs;      /* some entry would change */
	uint64_t grows;    /* data or locked bytes gained */
};

/* attr_note_own: locked or wired private memory that becomes writable. */
static void
attr_note_own(struct tess_map_spans *own, const struct tess_entry *e, const struct tess_entry *to,
	      tess_va lo, tess_va hi)
{
	if (!tess_entry_is_kept(e) || (e->wired == 0 && (e->flags & TESS_ENTRY_ONFAULT)) ||
	    e->amap == NULL || !(to->prot & ~e->prot & TESS_PROT_WRITE))
		return;
	if (own->n == TESS_SPANS)
		own->n--;
	else
		own->at[own->n].start = lo;
	own->at[own->n++].end = hi;
}

/* attr_beyond: does the change ask for more than the entry's maximum? */
static bool
attr_beyond(const struct attr_change *c, const struct tess_entry *e)
{
	bool guard = (e->flags & TESS_ENTRY_GUARD) && !(e->flags & TESS_ENTRY_STACKGAP);
	tess_prot want = TESS_PROT_NONE;

	if (c->what != ATTR_PROT || guard)
		return false;
	if (c->p->flags & TESS_PROTECT_SET_PROT)
		want |= c->p->prot;
	if (c->p->flags & TESS_PROTECT_SET_MAXPROT)
		want |= c->p->maxprot;
	return (want & ~e->maxprot) != 0;
}

/*
 * attr_may: may this entry change?
 *
 * => STOP is Linux's walk, which asks for the maximum first; the others ask whether it may change at all
 */
static enum tess_err
attr_may(const struct attr_change *c, const struct tess_entry *e, enum tess_holes holes)
{
	enum tess_err err = TESS_EACCES;
	bool beyond = attr_beyond(c, e);

	if (!beyond || holes != TESS_HOLES_STOP)
		err = attr_passes(c, e) ? TESS_OK : tess_entry_fits(e, c->only);
	return err == TESS_OK && beyond ? TESS_EACCES : err;
}

/*
 * attr_data: an entry becomes data; mprotect_fixup() of Linux asks entry by entry, and only while new memory
 * of this size could be mapped at all.
 */
static enum tess_err
attr_data(const struct tess_map *map, const struct tess_map_protection *p, uint64_t bytes,
	  const struct attr_survey *s)
{
	if (p->holes != TESS_HOLES_STOP || map->bytes + bytes > p->limit_bytes)
		return TESS_OK;
	return map->data + s->grows + bytes > p->limit_data ? TESS_ENOMEM : TESS_OK;
}

/* attr_look: one entry of the survey.  false: it ends here. */
static bool
attr_look(const struct tess_map *map, const struct attr_change *c, struct tess_entry *e, tess_va lo,
	  tess_va hi, enum tess_holes holes, struct attr_survey *s)
{
	enum tess_err err = attr_may(c, e, holes);
	struct tess_entry to;
	bool grows;

	attr_apply(c, e, &to);
	grows = c->what == ATTR_PROT && tess_entry_is_data(&to) && !tess_entry_is_data(e);
	if (err == TESS_OK && grows)
		err = attr_data(map, c->p, hi - lo, s);
	if (err != TESS_OK) {
		s->err = err;
		s->refuse = (c->only & TESS_ONLY_ALL) != 0;
		if (c->what == ATTR_PROT)
			s->refuse = holes != TESS_HOLES_STOP;
		s->stop = lo;
		return false;
	}
	s->differs |= to.prot != e->prot || to.maxprot != e->maxprot || to.inherit != e->inherit ||
		      to.advice != e->advice || to.flags != e->flags;
	if (c->what == ATTR_PROT)
		attr_note_own(c->own, e, &to, lo, hi);
	if (c->what == ATTR_FLAGS)
		grows = (to.flags & ~e->flags & TESS_ENTRY_LOCKED) != 0;
	s->grows += grows ? hi - lo : 0;
	return true;
}

/* attr_survey_range: holes, maxima, limits. */
static void
attr_survey_range(struct tess_map *map, tess_va start, tess_va end, const struct attr_change *c,
		  enum tess_holes holes, struct attr_survey *s)
{
	struct tess_entry *e;
	tess_va at = start;

	*s = (struct attr_survey){.stop = end, .err = TESS_OK};
	while (at < end) {
		e = tess_map_next_rcu(map, at);
		if (e == NULL || e->range.start > at) { /* a hole at `at` */
			if (holes != TESS_HOLES_SKIP)
				s->err = TESS_EFAULT;
			s->refuse = holes == TESS_HOLES_REFUSE;
			if (holes == TESS_HOLES_STOP || holes == TESS_HOLES_REFUSE)
				s->stop = at;
			if (s->stop == at || e == NULL || e->range.start >= end)
				return;
			at = e->range.start;
		}
		if (!attr_look(map, c, e, at, e->range.end < end ? e->range.end : end, holes, s))
			return;
		at = e->range.end;
	}
}

/* attr_over: would the survey's growth pass the limit? */
static bool
attr_over(const struct tess_map *map, const struct attr_change *c, const struct attr_survey *s)
{
	if (s->grows == 0)
		return false;
	if (c->what == ATTR_PROT) /* STOP has asked entry by entry */
		return c->p->holes != TESS_HOLES_STOP && map->data + s->grows > c->p->limit_data;
	return map->locked + s->grows > c->limit;
}

/* attr_lower: translations grant no more than the entries do now. */
static void
attr_lower(struct tess_map_edit *ed, tess_va start, tess_va end)
{
	struct tess_map *map = ed->map;
	struct tess_entry *e;

	for (e = tess_map_next_rcu(map, start); e != NULL && e->range.start < end;
	     e = tess_map_next_rcu(map, e->range.end)) {
		tess_pmap_protect(map->pmap, e->range.start > start ? e->range.start : start,
				  e->range.end < end ? e->range.end : end, e->prot, &ed->g);
		if (e->range.end >= end)
			break;
	}
}

/*
 * attr_grow: GROWSDOWN: the range begins where the grow-down mapping at `start` does.
 *
 * => STOP, Linux: EFAULT nothing is mapped before `end`; EINVAL what is there does not grow down
 */
static enum tess_err
attr_grow(struct tess_map *map, const struct attr_change *c, tess_va *start, tess_va end)
{
	struct tess_entry *e = tess_map_next_rcu(map, *start), *left;
	bool strict = c->p->holes == TESS_HOLES_STOP;

	if (e == NULL || e->range.start >= end)
		return strict ? TESS_EFAULT : TESS_OK;
	if (strict)
		*start = e->range.start;
	if (!(e->flags & TESS_ENTRY_GROWSDOWN))
		return strict ? TESS_EINVAL : TESS_OK;
	while (e->range.start > map->min &&
	       (left = tess_map_lookup_rcu(map, e->range.start - 1)) != NULL &&
	       tess_entry_joins(left, e))
		e = left; /* equal neighbours that memory kept apart */
	*start = e->range.start;
	return TESS_OK;
}

/* attr_rewrite: put every entry of [start, end) again with the change; fails: NOMEM. */
static enum tess_err
attr_rewrite(struct tess_map_edit *ed, tess_va start, tess_va end, const struct attr_change *c)
{
	struct tess_map *map = ed->map;
	struct tess_entry *e, to;
	enum tess_err err;

	tess_map_edit_open(ed, start, end);
	for (e = tess_map_next_rcu(map, start); e != NULL && e->range.start < end;
	     e = tess_map_next_rcu(map, e->range.end)) {
		attr_apply(c, e, &to);
		tess_map_edit_put(ed, &to, e->range.start > start ? e->range.start : start,
				  e->range.end < end ? e->range.end : end);
	}
	err = tess_map_edit_close(ed, end);
	if (err == TESS_OK)
		tess_map_edit_commit(ed);
	return err;
}

/* attr_change_range: survey, rewrite, lower translations. */
static enum tess_err
attr_change_range(struct tess_map *map, tess_va start, tess_va end, const struct attr_change *c,
		  enum tess_holes holes)
{
	bool grows = c->what == ATTR_PROT && (c->p->flags & TESS_PROTECT_GROWSDOWN);
	struct attr_survey s;
	struct tess_map_edit ed;
	enum tess_err err = TESS_OK;

	tess_map_edit_begin(&ed, map, grows ? map->min : start, end);
	if (grows)
		err = attr_grow(map, c, &start, end);
	if (err != TESS_OK) {
		tess_map_edit_end(&ed);
		return err;
	}
	attr_survey_range(map, start, end, c, holes, &s);
	err = s.err;
	if (!s.refuse && attr_over(map, c, &s)) {
		err = c->what == ATTR_PROT ? TESS_ENOMEM : TESS_EAGAIN;
		s.refuse = true;
	}
	/* What lies outside the map is a hole; the index knows nothing of it. */
	if (start < map->min)
		start = map->min;
	if (s.stop > map->max)
		s.stop = map->max;
	if (!s.refuse && s.differs && s.stop > start) {
		enum tess_err done = attr_rewrite(&ed, start, s.stop, c);

		if (done != TESS_OK)
			err = done;
		else if (c->what == ATTR_PROT)
			attr_lower(&ed, start, s.stop);
	}
	tess_map_edit_end(&ed);
	return err;
}

enum tess_err
tess_map_set_prot(struct tess_map *map, tess_va start, tess_va end,
		  const struct tess_map_protection *p, struct tess_map_spans *own)
{
	struct attr_change c = {.what = ATTR_PROT, .p = p, .only = TESS_ONLY_MUTABLE, .own = own};
	tess_prot both = TESS_PROT_WRITE | TESS_PROT_EXEC;

	own->n = 0;
	if ((tess_load_relaxed(&map->flags) & TESS_MAPF_WXORX) &&
	    (p->flags & TESS_PROTECT_SET_PROT) && (p->prot & both) == both)
		return TESS_EACCES;
	return attr_change_range(map, start, end, &c, p->holes);
}

enum tess_err
tess_map_advise(struct tess_map *map, tess_va start, tess_va end, enum tess_advice advice,
		enum tess_holes holes)
{
	struct attr_change c = {.what = ATTR_ADVICE, .value = (uint8_t)advice};

	return attr_change_range(map, start, end, &c, holes);
}

enum tess_err
tess_map_mark(struct tess_map *map, tess_va start, tess_va end, uint32_t set, uint32_t clear,
	      enum tess_only only, enum tess_holes holes, uint64_t limit_locked)
{
	struct attr_change c = {
	    .what = ATTR_FLAGS, .set = set, .clear = clear, .only = only, .limit = limit_locked};

	return attr_change_range(map, start, end, &c, holes);
}

enum tess_err
tess_map_inherit(struct tess_map *map, tess_va start, tess_va end, enum tess_inherit inherit,
		 enum tess_holes holes)
{
	struct attr_change c = {.what = ATTR_INHERIT,
				.value = (uint8_t)inherit,
				.only = (enum tess_only)(TESS_ONLY_MUTABLE | TESS_ONLY_ALL)};

	return attr_change_range(map, start, end, &c, holes);
}
