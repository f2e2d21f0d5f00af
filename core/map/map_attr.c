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
	enum { ATTR_PROT, ATTR_INHERIT, ATTR_ADVICE, ATTR_FLAGS } what;
	tess_prot prot;
	uint8_t value;
	uint16_t set, clear;
	uint64_t limit; /* data bytes for PROT, locked bytes for FLAGS */
};

/* attr_apply: *to is *e with the change. */
static void
attr_apply(const struct attr_change *c, const struct tess_entry *e, struct tess_entry *to)
{
	*to = *e;
	switch (c->what) {
	case ATTR_PROT:
		to->prot = c->prot;
		break;
	case ATTR_INHERIT:
		to->inherit = c->value;
		if (c->value == TESS_INHERIT_USUAL)
			to->inherit = e->flags & TESS_ENTRY_SHARED ? TESS_INHERIT_SHARE
								   : TESS_INHERIT_COPY;
		break;
	case ATTR_ADVICE:
		to->advice = c->value;
		break;
	case ATTR_FLAGS:
		to->flags = (uint16_t)((e->flags & ~c->clear) | c->set);
		break;
	}
}

/* What a first walk finds out. */
struct attr_survey {
	tess_va stop;	   /* act on [start, stop) only */
	enum tess_err err; /* answer once that is done */
	bool refuse;	   /* answer now, change nothing */
	bool differs;	   /* some entry would change */
	uint64_t grows;	   /* data or locked bytes gained */
};

/* attr_look: one entry of the survey. */
static bool
attr_look(const struct attr_change *c, struct tess_entry *e, tess_va lo, tess_va hi,
	  enum tess_holes holes, struct attr_survey *s)
{
	struct tess_entry to;

	if (c->what == ATTR_PROT && (c->prot & ~e->maxprot) != 0) {
		s->err = TESS_EACCES;
		s->refuse = holes != TESS_HOLES_STOP;
		s->stop = lo;
		return false;
	}
	attr_apply(c, e, &to);
	s->differs |= to.prot != e->prot || to.inherit != e->inherit || to.advice != e->advice ||
		      to.flags != e->flags;
	if (c->what == ATTR_PROT && tess_entry_is_data(&to) && !tess_entry_is_data(e))
		s->grows += hi - lo;
	if (c->what == ATTR_FLAGS && (to.flags & ~e->flags & TESS_ENTRY_LOCKED))
		s->grows += hi - lo;
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
		if (!attr_look(c, e, at, e->range.end < end ? e->range.end : end, holes, s))
			return;
		at = e->range.end;
	}
}

/* attr_over: would the survey's growth pass the limit? */
static bool
attr_over(const struct tess_map *map, const struct attr_change *c, const struct attr_survey *s)
{
	uint64_t have = c->what == ATTR_PROT ? map->data : map->locked;

	return s->grows != 0 && have + s->grows > c->limit;
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
	struct attr_survey s;
	struct tess_map_edit ed;
	enum tess_err err;

	tess_map_edit_begin(&ed, map, start, end);
	attr_survey_range(map, start, end, c, holes, &s);
	err = s.err;
	if (!s.refuse && attr_over(map, c, &s)) {
		err = c->what == ATTR_PROT ? TESS_ENOMEM : TESS_EAGAIN;
		s.refuse = true;
	}
	if (!s.refuse && s.differs && s.stop > start) {
		enum tess_err done = attr_rewrite(&ed, start, s.stop, c);

		if (done != TESS_OK)
			err = done;
		else if (c->what == ATTR_PROT)
			tess_pmap_protect(map->pmap, start, s.stop, c->prot, &ed.g);
	}
	tess_map_edit_end(&ed);
	return err;
}

enum tess_err
tess_map_protect(struct tess_map *map, tess_va start, tess_va end, tess_prot prot,
		 enum tess_holes holes, uint64_t limit_data)
{
	struct attr_change c = {.what = ATTR_PROT, .prot = prot, .limit = limit_data};

	return attr_change_range(map, start, end, &c, holes);
}

enum tess_err
tess_map_advise(struct tess_map *map, tess_va start, tess_va end, enum tess_advice advice,
		enum tess_holes holes)
{
	struct attr_change c = {.what = ATTR_ADVICE, .value = (uint8_t)advice};

	return attr_change_range(map, start, end, &c, holes);
}

enum tess_err
tess_map_flags(struct tess_map *map, tess_va start, tess_va end, uint16_t set, uint16_t clear,
	       enum tess_holes holes, uint64_t limit_locked)
{
	struct attr_change c = {.what = ATTR_FLAGS, .set = set, .clear = clear, .limit = limit_locked};

	return attr_change_range(map, start, end, &c, holes);
}

/* ---- inherit ---- */

/* share_hold: stop faults on the private home entries of the range, or let them go on. */
static void
share_hold(struct tess_map *map, tess_va start, tess_va end, uint32_t held)
{
	struct tess_entry *e;

	for (e = tess_map_next_rcu(map, start); e != NULL && e->range.start < end;
	     e = tess_map_next_rcu(map, e->range.end))
		tess_store_release(&e->held, held); /* pairs with tess_entry_live() */
}

/* share_prepare: everything that moving the range's private pages to `am` needs. */
static enum tess_err
share_prepare(struct tess_map *map, tess_va start, tess_va end, struct tess_amap *am,
	      struct tess_cover *cover)
{
	struct tess_entry *e;
	enum tess_err err = TESS_OK;

	for (e = tess_map_next_rcu(map, start); e != NULL && e->range.start < end && err == TESS_OK;
	     e = tess_map_next_rcu(map, e->range.end)) {
		tess_va lo = e->range.start > start ? e->range.start : start;
		tess_va hi = e->range.end < end ? e->range.end : end;
		uint64_t n = (hi - lo) >> TESS_PAGE_SHIFT;

		if (e->amap != map->home)
			continue;
		err = tess_cover_prepare(cover, am, tess_entry_slot(e, lo), n);
		if (err == TESS_OK)
			err = tess_amap_move_prepare(map->home, tess_entry_slot(e, lo), am,
						     tess_entry_slot(e, lo), n);
	}
	return err;
}

/* share_put: the edit that points the range's private entries at `am`. */
static enum tess_err
share_put(struct tess_map_edit *ed, tess_va start, tess_va end, struct tess_amap *am)
{
	struct tess_map *map = ed->map;
	struct tess_entry *e;

	tess_map_edit_open(ed, start, end);
	for (e = tess_map_next_rcu(map, start); e != NULL && e->range.start < end;
	     e = tess_map_next_rcu(map, e->range.end)) {
		struct tess_entry to = *e;

		to.held = 0;
		to.inherit = TESS_INHERIT_SHARE;
		if (e->amap == map->home)
			to.amap = am;
		tess_map_edit_put(ed, &to, e->range.start > start ? e->range.start : start,
				  e->range.end < end ? e->range.end : end);
	}
	return tess_map_edit_close(ed, end);
}

/* share_commit: move the pages, count the coverage, publish. */
static void
share_commit(struct tess_map_edit *ed, tess_va start, tess_va end, struct tess_amap *am,
	     struct tess_cover *cover)
{
	struct tess_map *map = ed->map;
	struct tess_entry *e;

	for (e = tess_map_next_rcu(map, start); e != NULL && e->range.start < end;
	     e = tess_map_next_rcu(map, e->range.end)) {
		tess_va lo = e->range.start > start ? e->range.start : start;
		tess_va hi = e->range.end < end ? e->range.end : end;
		uint64_t n = (hi - lo) >> TESS_PAGE_SHIFT;

		if (e->amap != map->home)
			continue;
		tess_amap_move(map->home, tess_entry_slot(e, lo), am, tess_entry_slot(e, lo), n);
		tess_cover_add(cover, am, tess_entry_slot(e, lo), n);
	}
	tess_map_edit_commit(ed);
}

/*
 * inherit_share: private memory that children will share moves to an amap that can be shared.
 *
 * => the pages keep their translations: they are the same frames at the same addresses
 */
static enum tess_err
inherit_share(struct tess_map_edit *ed, tess_va start, tess_va end)
{
	struct tess_map *map = ed->map;
	struct tess_cover cover;
	struct tess_amap *am;
	enum tess_err err;

	err = tess_amap_create(true, &am);
	if (err != TESS_OK)
		return err;
	tess_cover_begin(&cover);
	share_hold(map, start, end, 1);
	err = share_prepare(map, start, end, am, &cover);
	if (err == TESS_OK)
		err = share_put(ed, start, end, am);
	if (err == TESS_OK)
		share_commit(ed, start, end, am, &cover);
	else
		share_hold(map, start, end, 0);
	if (am->runs == NULL)
		tess_amap_destroy(am, &ed->g); /* nothing private there, or no memory */
	tess_cover_end(&cover);
	return err;
}

enum tess_err
tess_map_inherit(struct tess_map *map, tess_va start, tess_va end, enum tess_inherit inherit,
		 enum tess_holes holes)
{
	struct attr_change c = {.what = ATTR_INHERIT, .value = (uint8_t)inherit};
	struct attr_survey s;
	struct tess_map_edit ed;
	enum tess_err err;

	if (inherit != TESS_INHERIT_SHARE)
		return attr_change_range(map, start, end, &c, holes);
	tess_map_edit_begin(&ed, map, start, end);
	attr_survey_range(map, start, end, &c, holes, &s);
	err = s.err;
	if (!s.refuse && s.differs && s.stop > start) {
		enum tess_err done = inherit_share(&ed, start, s.stop);

		if (done != TESS_OK)
			err = done;
	}
	tess_map_edit_end(&ed);
	return err;
}
