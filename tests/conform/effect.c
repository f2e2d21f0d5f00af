/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * effect.c: what a call changed, in words: "anon+1: prot r--; none: gone; pages -2; file reads 0".
 *
 *	before  [    anon    ][none]      elementary ranges between all borders of both layouts;
 *	after   [anon][   anon    ]       equal changes of neighbours are one
 */
#include <stdlib.h>
#include <string.h>
#include "conform.h"

#define EFFECT_TEXT 160

/* ---- Looking ---- */

void
effect_layout(struct conform *c, struct effect_snap *s)
{
	tess_va va = 0;

	s->n = 0;
	while (s->n < EFFECT_AREAS && model_space_next_area(c->ms, va, &s->area[s->n].a)) {
		s->area[s->n].object = model_area_object_name(c->ms, va);
		va = s->area[s->n++].a.end;
	}
	if (s->n == EFFECT_AREAS)
		conform_die("more areas than a row should leave behind");
	s->anon = model_space_anon(c->ms);
}

static void
effect_byte(struct conform *c, struct effect_snap *s, tess_va va)
{
	uint8_t have = 0, want = 0;
	enum tess_err e = model_load(c->ms, va, &want), core = e;

	if (c->core != NULL)
		core = env_load(c->core, va, &have);
	if (core != e || (core == TESS_OK && c->core != NULL && have != want))
		side_differs(c, "a byte read after the call",
			     core == e ? "another value" : tess_err_name(core));
	if (s->bytes < EFFECT_BYTES) {
		s->byte[s->bytes].va = va;
		s->byte[s->bytes++].got = e == TESS_OK ? want : 256 + e;
	}
}

void
effect_bytes(struct conform *c, struct effect_snap *s)
{
	s->bytes = 0;
	for (unsigned i = 0; i < s->n; i++) {
		struct tess_area a = s->area[i].a;
		uint64_t pages = (a.end - a.start) / PAGE;

		if ((a.flags & TESS_AREA_STACKGAP) != 0)
			continue; /* looking there makes the stack grow */

		for (uint64_t k = 0; k < (pages < 8 ? pages : 8); k++)
			effect_byte(c, s, a.start + k * PAGE);
	}
}

/* ---- Words ---- */

static void
effect_rwx(struct text *t, unsigned prot)
{
	text_add(t, "%c%c%c", prot & TESS_PROT_READ ? 'r' : '-', prot & TESS_PROT_WRITE ? 'w' : '-',
		 prot & TESS_PROT_EXEC ? 'x' : '-');
}

static const char *const effect_inherit[] = {"copy", "share", "none", "zero", "donate"};
static const char *const effect_advice[] = {"normal", "random", "sequential"};
static const char *const effect_flag[] = {"shared", "growsdown", "locked",    "onfault", "dontdump",
					  "guard",  "guarded",   "immutable", "nosync",  "stackgap",
					  "submap", "wired",     "device"};

static void
effect_flags(struct text *t, unsigned flags, char sign)
{
	for (unsigned i = 0; i < sizeof(effect_flag) / sizeof(effect_flag[0]); i++)
		if (flags & 1u << i)
			text_add(t, " %c%s", sign, effect_flag[i]);
}

/* A mapping that was not there. */
static void
effect_whole(struct text *t, const struct effect_area *x, uint64_t at)
{
	const struct tess_area *a = &x->a;

	text_add(t, " ");
	effect_rwx(t, a->prot);
	text_add(t, "/");
	effect_rwx(t, a->maxprot);
	effect_flags(t, a->flags, '+');
	if (a->inherit != ((a->flags & TESS_AREA_SHARED) ? TESS_INHERIT_SHARE : TESS_INHERIT_COPY))
		text_add(t, " inherit %s", effect_inherit[a->inherit]);
	if (a->advice != TESS_ADVICE_NORMAL)
		text_add(t, " %s", effect_advice[a->advice]);
	if (strcmp(x->object, "-") != 0 && strcmp(x->object, "shm") != 0)
		text_add(t, " %s@%lup", x->object, (a->off + (at - a->start)) / PAGE);
	else if (strcmp(x->object, "shm") == 0)
		text_add(t, " object");
}

static bool
effect_same_backing(const struct effect_area *o, const struct effect_area *n, uint64_t at)
{
	if (strcmp(o->object, n->object) != 0)
		return false;
	return strcmp(o->object, "-") == 0 ||
	       o->a.off + (at - o->a.start) == n->a.off + (at - n->a.start);
}

static void
effect_changes(struct text *t, const struct effect_area *o, const struct effect_area *n,
	       uint64_t at)
{
	if (o == NULL && n == NULL)
		return;
	if (n == NULL) {
		text_add(t, " gone");
		return;
	}
	if (o == NULL || !effect_same_backing(o, n, at)) {
		effect_whole(t, n, at);
		return;
	}
	if (o->a.prot != n->a.prot) {
		text_add(t, " ");
		effect_rwx(t, n->a.prot);
	}
	if (o->a.maxprot != n->a.maxprot) {
		text_add(t, " max ");
		effect_rwx(t, n->a.maxprot);
	}
	if (o->a.inherit != n->a.inherit)
		text_add(t, " inherit %s", effect_inherit[n->a.inherit]);
	if (o->a.advice != n->a.advice)
		text_add(t, " %s", effect_advice[n->a.advice]);
	effect_flags(t, n->a.flags & ~o->a.flags, '+');
	effect_flags(t, o->a.flags & ~n->a.flags, '-');
}

/* ---- Ranges ---- */

static const struct effect_area *
effect_at(const struct effect_snap *s, uint64_t va)
{
	for (unsigned i = 0; i < s->n; i++)
		if (va >= s->area[i].a.start && va < s->area[i].a.end)
			return &s->area[i];
	return NULL;
}

/* The next border above va in either layout, or of a name. */
static uint64_t
effect_border(const struct effect_snap *b, const struct effect_snap *a, uint64_t va)
{
	const struct effect_snap *both[2] = {b, a};
	uint64_t best = UINT64_MAX, start, end;

	for (unsigned k = 0; k < 2; k++) {
		for (unsigned i = 0; i < both[k]->n; i++) {
			const struct tess_area *x = &both[k]->area[i].a;

			if (x->start > va && x->start < best)
				best = x->start;
			if (x->end > va && x->end < best)
				best = x->end;
		}
	}
	if (layout_name(va, &start, &end) != NULL && end < best)
		best = end;
	return best;
}

/* "anon", "anon+1", "anon+1..2": where a change is. */
static void
effect_where(struct text *t, uint64_t at, uint64_t end)
{
	uint64_t start, stop, first, last;
	const char *name = layout_name(at, &start, &stop);

	if (name == NULL) {
		text_add(t, "new %lup", (end - at) / PAGE);
		return;
	}
	first = (at - start) / PAGE;
	last = (end - start) / PAGE - 1;
	text_add(t, "%s", name);
	if (at != start || end != stop)
		text_add(t, "+%lu", first);
	if ((at != start || end != stop) && first != last)
		text_add(t, "..%lu", last);
}

/* Changes in order of addresses; where equal ones follow each other they are told once: "anon,none: gone". */
struct effect_list {
	struct text *t;
	char told[EFFECT_TEXT]; /* the last change */
};

static void
effect_tell(struct effect_list *l, uint64_t at, uint64_t end, const char *change)
{
	struct text x;

	if (change[0] == '\0')
		return;
	if (strcmp(l->told, change) == 0) {
		l->t->len -= text_length(change) + 1; /* before the colon */
		l->t->buf[l->t->len] = '\0';
		text_add(l->t, ",");
	} else if (l->t->len != 0) {
		text_add(l->t, "; ");
	}
	effect_where(l->t, at, end);
	text_add(l->t, ":%s", change);
	text_init(&x, l->told, sizeof(l->told));
	text_add(&x, "%s", change);
}

static void
effect_ranges(struct text *t, const struct effect_snap *b, const struct effect_snap *a)
{
	struct effect_list l = {.t = t};
	char was[EFFECT_TEXT], now[EFFECT_TEXT];
	uint64_t at = 0, next, from = 0;
	struct text x;

	was[0] = '\0';
	for (; at != UINT64_MAX; at = next) {
		uint64_t start = 0, end = 0;
		bool named = layout_name(at, &start, &end) != NULL;

		next = effect_border(b, a, at);
		text_init(&x, now, sizeof(now));
		effect_changes(&x, effect_at(b, at), effect_at(a, at), at);
		if (strcmp(was, now) == 0 && !(named && at == start))
			continue;
		effect_tell(&l, from, at, was);
		memcpy(was, now, sizeof(was));
		from = at;
	}
	if (was[0] != '\0')
		conform_die("a mapping at the end of all addresses");
}

/* ---- Contents ---- */

static bool
effect_byte_at(const struct effect_snap *s, uint64_t va, unsigned *got)
{
	for (unsigned i = 0; i < s->bytes; i++) {
		if (s->byte[i].va == va) {
			*got = s->byte[i].got;
			return true;
		}
	}
	return false;
}

/* Pages that were and are mapped with the same rights, and read differently now. */
static void
effect_contents(struct text *t, const struct effect_snap *b, const struct effect_snap *a)
{
	struct effect_list l = {.t = t};
	char change[EFFECT_TEXT];
	struct text x;

	for (unsigned i = 0; i < a->bytes; i++) {
		uint64_t va = a->byte[i].va;
		const struct effect_area *o = effect_at(b, va), *n = effect_at(a, va);
		unsigned was, now = a->byte[i].got;

		if (o == NULL || n == NULL || o->a.prot != n->a.prot ||
		    !effect_byte_at(b, va, &was) || was == now)
			continue;
		text_init(&x, change, sizeof(change));
		if (now >= 256)
			text_add(&x, " reads %s", tess_err_name((enum tess_err)(now - 256)));
		else
			text_add(&x, " reads %u", now);
		effect_tell(&l, va, va + PAGE, change);
	}
}

void
effect_print(struct text *t, const struct effect_snap *before, const struct effect_snap *after)
{
	effect_ranges(t, before, after);
	effect_contents(t, before, after);
	if (after->anon != before->anon)
		text_add(t, "%spages %c%lu", t->len == 0 ? "" : "; ",
			 after->anon > before->anon ? '+' : '-',
			 after->anon > before->anon ? after->anon - before->anon
						    : before->anon - after->anon);
}
