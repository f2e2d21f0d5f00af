/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * replay_layout.c: a snapshot held against the core.
 *
 * Both sides are streams of areas in ascending order, each joined on the fly with its equal neighbours:
 *
 *	recorded   r--p 0 f1 | r--p 1000 f1 | rw-p -      ─join─►  r--p 0 f1 ······· | rw-p -
 *	core       r--p 0 f1 ··············· | rw-p -     ─join─►  the same
 *
 * so nothing is stored and a layout of any size can be compared.  `stack` and anonymous memory are one thing
 * here, and the offset of what has no object means nothing.
 */
#include <tessera/debug.h>

#include "replay_priv.h"

struct seg {
	tess_va start, end; /* start == end: no more */
	unsigned prot;
	bool shared;
	struct trace_obj obj;
	uint64_t off;
	bool stranger; /* an object the trace does not have */
};

/* One side: the next area as it stands, then joined. */
struct side {
	struct replay *r;
	struct tess_space *core;   /* the core's side, or */
	struct trace_cursor block; /* the recorded one */
	tess_va va;
	struct seg ahead; /* read, not given yet */
};

static struct seg
seg_core(struct side *d)
{
	struct seg g = {0};
	struct tess_area a;
	struct replay_object *o;

	if (!tess_space_next_area(d->core, d->va, &a))
		return g;
	d->va = a.end;
	g.start = a.start;
	g.end = a.end;
	g.prot = a.prot;
	g.shared = a.flags & TESS_AREA_SHARED;
	g.off = a.off;
	o = replay_object_of(d->r, a.object);
	if (o != NULL)
		g.obj = o->obj;
	else if (a.object != NULL && a.object == d->r->special.object)
		g.obj.backing = TRACE_SPECIAL;
	else
		g.stranger = a.object != NULL;
	return g;
}

static struct seg
seg_recorded(struct side *d)
{
	struct seg g = {0};
	struct trace_rec rec;
	struct trace_error unused;

	do {
		if (trace_next(&d->block, &rec, &unused) != TRACE_RECORD || rec.kind == TRACE_END) {
			d->block.at = d->block.trace->size;
			return g;
		}
	} while (rec.kind != TRACE_AREA);
	g.start = rec.addr;
	g.end = rec.addr2;
	g.prot = rec.prot;
	g.shared = rec.shared;
	g.off = rec.off;
	g.obj = rec.obj;
	if (g.obj.backing == TRACE_STACK)
		g.obj.backing = TRACE_ANON;
	return g;
}

/* May b be one area with a, where they touch? */
static bool
seg_alike(const struct seg *a, const struct seg *b)
{
	return a->prot == b->prot && a->shared == b->shared && a->obj.backing == b->obj.backing &&
	       a->obj.id == b->obj.id && a->stranger == b->stranger;
}

static bool
seg_joins(const struct seg *a, const struct seg *b)
{
	if (a->end != b->start || !seg_alike(a, b))
		return false;
	return a->obj.backing < TRACE_FILE || a->off + (a->end - a->start) == b->off;
}

static bool
seg_same(const struct seg *a, const struct seg *b)
{
	return a->start == b->start && a->end == b->end && seg_alike(a, b) &&
	       (a->obj.backing < TRACE_FILE || a->off == b->off);
}

static struct seg
side_read(struct side *d)
{
	return d->core != NULL ? seg_core(d) : seg_recorded(d);
}

static void
side_start(struct side *d, struct replay *r, struct tess_space *core, struct trace_cursor block)
{
	*d = (struct side){.r = r, .core = core, .block = block};
	d->ahead = side_read(d);
}

/* The next joined area; start == end: no more. */
static struct seg
side_next(struct side *d)
{
	struct seg g = d->ahead;

	if (g.start == g.end)
		return g;
	for (d->ahead = side_read(d); d->ahead.start != d->ahead.end && seg_joins(&g, &d->ahead);
	     d->ahead = side_read(d))
		g.end = d->ahead.end;
	return g;
}

/* ---- Side by side ---- */

static void
seg_text(struct text *t, const struct seg *g)
{
	static const char *const name[] = {
	    [TRACE_ANON] = "-",   [TRACE_SPECIAL] = "special", [TRACE_FILE] = "f",
	    [TRACE_DEVICE] = "d", [TRACE_ZERO] = "z",          [TRACE_STACK] = "-"};
	char word[80];
	struct text w;

	text_init(&w, word, sizeof(word));
	if (g != NULL) {
		text_add(&w, "%lx %lx %c%c%c%c ", g->start, g->end, g->prot & 1 ? 'r' : '-',
			 g->prot & 2 ? 'w' : '-', g->prot & 4 ? 'x' : '-', g->shared ? 's' : 'p');
		if (g->obj.backing >= TRACE_FILE)
			text_add(&w, "%lx %s%u", g->off, name[g->obj.backing], g->obj.id);
		else
			text_add(&w, "0 %s", g->stranger ? "?" : name[g->obj.backing]);
	}
	text_add(t, "%50s", word);
}

/* One row; NULL: that side has nothing here. */
static void
row_note(struct replay *r, const struct seg *recorded, const struct seg *core)
{
	char buf[160];
	struct text t;

	text_init(&t, buf, sizeof(buf));
	text_add(&t, "  ");
	seg_text(&t, recorded);
	text_add(&t, " | ");
	seg_text(&t, core);
	replay_note(r, &t);
}

static void
layout_note(struct replay *r, struct replay_space *s, struct trace_cursor block)
{
	struct side a, b;
	struct text t;
	char buf[320];

	if (r->cfg->note == NULL)
		return;
	replay_differ(r, &t, buf, sizeof(buf));
	text_add(&t, "layout differs, recorded | core:");
	replay_note(r, &t);
	side_start(&a, r, NULL, block);
	side_start(&b, r, s->core, block);
	struct seg x = side_next(&a), y = side_next(&b);
	while (x.start != x.end || y.start != y.end) {
		bool only_x = y.start == y.end || (x.start != x.end && x.start < y.start);
		bool only_y = x.start == x.end || (y.start != y.end && y.start < x.start);
		if (only_x || only_y || !seg_same(&x, &y))
			row_note(r, only_y ? NULL : &x, only_x ? NULL : &y);
		if (!only_y)
			x = side_next(&a);
		if (!only_x)
			y = side_next(&b);
	}
}

bool
replay_layout_same(struct replay *r, struct replay_space *s, struct trace_cursor block)
{
	struct side a, b;
	struct seg x, y;

	side_start(&a, r, NULL, block);
	side_start(&b, r, s->core, block);
	do {
		x = side_next(&a);
		y = side_next(&b);
		if (!seg_same(&x, &y)) {
			layout_note(r, s, block);
			return false;
		}
	} while (x.start != x.end);
	return true;
}

/* ---- Counts and walkers ---- */

static void
counts_compare(struct replay *r, struct replay_space *s, uint64_t recorded)
{
	struct tess_space_counts c;
	struct text t;
	char buf[320];

	tess_space_counts_get(s->core, &c);
	if (c.anon == recorded)
		return;
	r->res->anons++;
	if (r->cfg->note == NULL)
		return;
	replay_differ(r, &t, buf, sizeof(buf));
	text_add(&t, "recorded %lu anonymous pages, core %lu", recorded, c.anon);
	replay_note(r, &t);
}

/* Every walker over every living space. */
static void
walkers_run(struct replay *r)
{
	struct model_mem *mem = r->cfg->mem;
	struct tess_space **all = mem->get(mem, (r->nspace + 1) * sizeof(*all));
	unsigned n = 0;

	if (all == NULL) {
		r->end = REPLAY_NO_MEMORY;
		return;
	}
	for (uint32_t i = 0; i < r->nspace; i++)
		if (r->space[i].core != NULL)
			all[n++] = r->space[i].core;
	env_check(all, n);
	mem->put(mem, all, (r->nspace + 1) * sizeof(*all));
}

void
replay_snapshot(struct replay *r, struct replay_space *s)
{
	struct trace_cursor at = r->at;
	struct trace_rec rec;
	struct trace_error unused;

	r->res->snapshots++;
	if (!replay_layout_same(r, s, r->at))
		r->res->layouts++;
	while (trace_next(&at, &rec, &unused) == TRACE_RECORD && rec.kind != TRACE_END)
		if (rec.kind == TRACE_COUNTS)
			counts_compare(r, s, rec.value);
	both_compare(r, s);
	walkers_run(r);
}
