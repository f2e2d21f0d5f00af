/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * runs.c: the sorted array of runs of a space, and its few operations.
 *
 * Every call works the same way: cut at both ends of its range, change the runs in between, join equal
 * neighbours.
 */
#include "model_priv.h"

/* The place of the first run with end > va. */
unsigned
runs_place(const struct model_space *sp, uint64_t va)
{
	unsigned lo = 0, hi = sp->nruns;

	while (lo < hi) {
		unsigned mid = (lo + hi) / 2;

		if (sp->run[mid].end <= va)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo;
}

struct model_run *
runs_find(struct model_space *sp, uint64_t va)
{
	unsigned at = runs_place(sp, va);

	return at < sp->nruns && sp->run[at].start <= va ? &sp->run[at] : NULL;
}

static void
runs_open(struct model_space *sp, unsigned at)
{
	if (sp->nruns == sp->room) {
		unsigned room = sp->room == 0 ? 16 : sp->room * 2;
		struct model_run *run = model_get(sp->model, room * sizeof(*run));

		if (sp->room != 0) {
			memcpy(run, sp->run, sp->nruns * sizeof(*run));
			model_put(sp->model, sp->run, sp->room * sizeof(*run));
		}
		sp->run = run;
		sp->room = room;
	}
	if (at < sp->nruns)
		memmove(&sp->run[at + 1], &sp->run[at], (sp->nruns - at) * sizeof(*sp->run));
	sp->nruns++;
}

/* No run crosses va afterwards. */
void
runs_cut(struct model_space *sp, uint64_t va)
{
	unsigned at = runs_place(sp, va);
	struct model_run *a, *b;

	if (at == sp->nruns || sp->run[at].start >= va)
		return;
	runs_open(sp, at);
	a = &sp->run[at];
	b = &sp->run[at + 1];
	*a = *b;
	a->end = b->start = va;
	b->off += va - a->start;
	b->goff += va - a->start;
	object_ref(b->obj);
	group_ref(b->group);
}

/* The page array that holds the private page va of run r, and its index there. */
struct model_pages *
runs_private(struct model_space *sp, const struct model_run *r, uint64_t va, uint64_t *idx)
{
	if (r->group != NULL) {
		*idx = (r->goff + (va - r->start)) >> TESS_PAGE_SHIFT;
		return &r->group->pages;
	}
	*idx = va >> TESS_PAGE_SHIFT;
	return &sp->pages;
}

/* Does any run of any space use the group's bytes [start, end)?  Then no other may grow into them. */
bool
runs_group_covered(const struct model_group *g, uint64_t start, uint64_t end)
{
	for (const struct model_space *sp = g->model->spaces; sp != NULL; sp = sp->next)
		for (unsigned i = 0; i < sp->nruns; i++) {
			const struct model_run *r = &sp->run[i];

			if (r->group == g && r->goff < end && start < r->goff + (r->end - r->start))
				return true;
		}
	return false;
}

/* r lets go of its group: what no other run covers is gone, as if nobody had ever written it. */
static void
runs_leave_group(struct model_run *r)
{
	struct model_group *g = r->group;
	uint64_t idx = r->goff >> TESS_PAGE_SHIFT;
	uint64_t last = (r->goff + (r->end - r->start)) >> TESS_PAGE_SHIFT;

	r->group = NULL;
	for (unsigned i = pages_place(&g->pages, idx); i < g->pages.n;
	     i = pages_place(&g->pages, idx)) {
		idx = g->pages.page[i].idx;
		if (idx >= last)
			break;
		if (!runs_group_covered(g, idx << TESS_PAGE_SHIFT, (idx + 1) << TESS_PAGE_SHIFT))
			pages_drop(g->model, &g->pages, idx, idx + 1);
		idx++;
	}
	group_unref(g);
}

/* Forget the private pages of [start, end), a part of r, in every space that shares them. */
void
runs_drop_private(struct model_space *sp, const struct model_run *r, uint64_t start, uint64_t end)
{
	uint64_t idx;
	struct model_pages *p = runs_private(sp, r, start, &idx);

	pages_drop(sp->model, p, idx, idx + ((end - start) >> TESS_PAGE_SHIFT));
}

/* So that a stack, wherever the group is seen a second time, finds room below. */
#define GROUP_ROOM ((uint64_t)1 << 48)

/* From now on the private pages of r live in a group that other runs can share. */
void
runs_group(struct model_space *sp, struct model_run *r)
{
	struct model *m = sp->model;
	uint64_t first = r->start >> TESS_PAGE_SHIFT, last = r->end >> TESS_PAGE_SHIFT;
	struct model_group *g;

	if (r->group != NULL)
		return;
	g = model_get(m, sizeof(*g));
	*g = (struct model_group){.model = m, .refs = 1};
	r->group = g;
	r->goff = r->start + GROUP_ROOM;
	pages_copy(m, &g->pages, r->goff >> TESS_PAGE_SHIFT, &sp->pages, first, last);
	pages_drop(m, &sp->pages, first, last);
}

/* Unmap [start, end), holes included. */
void
runs_remove(struct model_space *sp, uint64_t start, uint64_t end)
{
	unsigned a, b;

	runs_cut(sp, start);
	runs_cut(sp, end);
	a = runs_place(sp, start);
	for (b = a; b < sp->nruns && sp->run[b].start < end; b++) {
		struct model_run *r = &sp->run[b];

		if (r->group == NULL)
			runs_drop_private(sp, r, r->start, r->end);
		else
			runs_leave_group(r);
		object_unref(r->obj);
	}
	if (b == a)
		return; /* nothing was there; perhaps not even the array */
	if (b < sp->nruns)
		memmove(&sp->run[a], &sp->run[b], (sp->nruns - b) * sizeof(*sp->run));
	sp->nruns -= b - a;
}

/* Take the private pages of [from, from + len) to `to`, within the space's own array. */
static void
runs_move_pages(struct model_space *sp, uint64_t from, uint64_t to, uint64_t len)
{
	uint64_t first = from >> TESS_PAGE_SHIFT, last = (from + len) >> TESS_PAGE_SHIFT;
	struct model_pages moved = {0};

	pages_copy(sp->model, &moved, 0, &sp->pages, first, last);
	pages_drop(sp->model, &sp->pages, first, last);
	pages_copy(sp->model, &sp->pages, to >> TESS_PAGE_SHIFT, &moved, 0, len >> TESS_PAGE_SHIFT);
	pages_free(sp->model, &moved);
}

/*
 * The mappings of [from, from + len), which has no hole, appear at `to`, where nothing is; the old records stay,
 * but private pages that are not in a group go along.
 */
void
runs_move(struct model_space *sp, uint64_t from, uint64_t to, uint64_t len)
{
	runs_cut(sp, from);
	runs_cut(sp, from + len);
	for (uint64_t at = from; at < from + len;) {
		struct model_run r = *runs_find(sp, at);

		at = r.end;
		if (r.group == NULL)
			runs_move_pages(sp, r.start, to + (r.start - from), r.end - r.start);
		object_ref(r.obj);
		group_ref(r.group);
		r.end = to + (r.end - from);
		r.start = to + (r.start - from);
		runs_insert(sp, &r);
	}
}

/* [to, to + len), where nothing is, becomes what would be at `va` if r reached so far; guards do not. */
void
runs_continue(struct model_space *sp, const struct model_run *r, uint64_t va, uint64_t to,
	      uint64_t len)
{
	struct model_run c = *r;

	if (len == 0)
		return;
	object_ref(c.obj);
	group_ref(c.group);
	c.flags &= ~(unsigned)TESS_AREA_GUARDED;
	c.off += va - r->start;
	c.goff += va - r->start;
	c.start = to;
	c.end = to + len;
	runs_insert(sp, &c);
}

/* Put in a run (with its references) where nothing is. */
void
runs_insert(struct model_space *sp, const struct model_run *r)
{
	unsigned at = runs_place(sp, r->start);

	if (!runs_free(sp, r->start, r->end))
		sp->model->die("model: insert over a run");
	runs_open(sp, at);
	sp->run[at] = *r;
}

uint8_t
runs_inherit(const struct model_run *r)
{
	if (r->dontfork)
		return TESS_INHERIT_NONE;
	return r->wipe ? TESS_INHERIT_ZERO : r->inherit;
}

/* Is b the continuation of a? */
bool
runs_follow(const struct model_run *a, const struct model_run *b)
{
	uint64_t len = a->end - a->start;

	return a->end == b->start && a->prot == b->prot && a->maxprot == b->maxprot &&
	       a->inherit == b->inherit && a->dontfork == b->dontfork && a->wipe == b->wipe &&
	       a->attached == b->attached && a->advice == b->advice && a->flags == b->flags &&
	       a->obj == b->obj && (a->obj == NULL || a->off + len == b->off) &&
	       a->group == b->group && (a->group == NULL || a->goff + len == b->goff);
}

void
runs_join(struct model_space *sp)
{
	unsigned to = 0;

	for (unsigned i = 1; i < sp->nruns; i++) {
		if (runs_follow(&sp->run[to], &sp->run[i])) {
			sp->run[to].end = sp->run[i].end;
			object_unref(sp->run[i].obj);
			group_unref(sp->run[i].group);
		} else {
			sp->run[++to] = sp->run[i];
		}
	}
	if (sp->nruns != 0)
		sp->nruns = to + 1;
}

/* The end of the mapping that va lies in: runs that follow each other, guarded or not. */
uint64_t
runs_mapping_end(const struct model_space *sp, uint64_t va)
{
	unsigned at = runs_place(sp, va);

	for (; at + 1 < sp->nruns; at++) {
		struct model_run a = sp->run[at], b = sp->run[at + 1];

		a.flags &= ~(unsigned)TESS_AREA_GUARDED;
		b.flags &= ~(unsigned)TESS_AREA_GUARDED;
		if (!runs_follow(&a, &b))
			break;
	}
	return sp->run[at].end;
}

bool
runs_free(const struct model_space *sp, uint64_t start, uint64_t end)
{
	unsigned at = runs_place(sp, start);

	return at == sp->nruns || sp->run[at].start >= end;
}

/* The first address of [start, end) that is not mapped; end when there is none. */
uint64_t
runs_hole(const struct model_space *sp, uint64_t start, uint64_t end)
{
	unsigned at = runs_place(sp, start);

	for (; start < end; start = sp->run[at++].end)
		if (at == sp->nruns || sp->run[at].start > start)
			return start;
	return end;
}

/* Bytes of [start, end) in runs that have any of `flag` (0: in any run). */
uint64_t
runs_bytes_flagged(const struct model_space *sp, uint64_t start, uint64_t end, unsigned flag)
{
	uint64_t sum = 0;

	for (unsigned i = runs_place(sp, start); i < sp->nruns && sp->run[i].start < end; i++) {
		const struct model_run *r = &sp->run[i];
		uint64_t a = r->start > start ? r->start : start, b = r->end < end ? r->end : end;

		if (flag == 0 || (r->flags & flag) != 0)
			sum += b - a;
	}
	return sum;
}
