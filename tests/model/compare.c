/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * compare.c: the model held against the core, and the report of the first difference.
 */
#include <tessera/debug.h>
#include "model_priv.h"

static const char *const compare_inherit_word[] = {"copy", "share", "none", "zero", "donate"};
static const char *const compare_advice_word[] = {"normal", "random", "sequential"};
static const char *const compare_view_word[] = {"hole",   "zero",   "anon",
						"object", "absent", "beyond"};

/* ---- Layout ---- */

static void
compare_area_flags(struct text *t, unsigned flags)
{
	static const struct {
		unsigned flag;
		const char *word;
	} words[] = {
	    {TESS_AREA_GROWSDOWN, "growsdown"}, {TESS_AREA_LOCKED, "locked"},
	    {TESS_AREA_LOCKONFAULT, "onfault"}, {TESS_AREA_DONTDUMP, "dontdump"},
	    {TESS_AREA_GUARD, "guard"},         {TESS_AREA_GUARDED, "guarded"},
	    {TESS_AREA_IMMUTABLE, "immutable"}, {TESS_AREA_NOSYNC, "nosync"},
	    {TESS_AREA_STACKGAP, "stackgap"},   {TESS_AREA_SUBMAP, "submap"},
	    {TESS_AREA_WIRED, "wired"},         {TESS_AREA_DEVICE, "device"},
	};

	for (unsigned i = 0; i < sizeof(words) / sizeof(words[0]); i++)
		if ((flags & words[i].flag) != 0)
			text_add(t, " %s", words[i].word);
}

static void
compare_area_text(struct text *t, const struct tess_area *a)
{
	text_add(t, "%lx-%lx %c%c%c%c max %c%c%c %s %s", a->start, a->end,
		 (a->prot & TESS_PROT_READ) != 0 ? 'r' : '-',
		 (a->prot & TESS_PROT_WRITE) != 0 ? 'w' : '-',
		 (a->prot & TESS_PROT_EXEC) != 0 ? 'x' : '-',
		 (a->flags & TESS_AREA_SHARED) != 0 ? 's' : 'p',
		 (a->maxprot & TESS_PROT_READ) != 0 ? 'r' : '-',
		 (a->maxprot & TESS_PROT_WRITE) != 0 ? 'w' : '-',
		 (a->maxprot & TESS_PROT_EXEC) != 0 ? 'x' : '-',
		 a->inherit <= TESS_INHERIT_DONATE ? compare_inherit_word[a->inherit] : "?",
		 a->advice < 3 ? compare_advice_word[a->advice] : "?");
	compare_area_flags(t, a->flags);
	if (a->object != NULL)
		text_add(t, " object +%lx", a->off);
}

static bool
compare_area_follows(const struct tess_area *a, const struct tess_area *b)
{
	return a->end == b->start && a->prot == b->prot && a->maxprot == b->maxprot &&
	       a->inherit == b->inherit && a->advice == b->advice && a->flags == b->flags &&
	       a->object == b->object &&
	       (a->object == NULL || a->off + (a->end - a->start) == b->off);
}

/* The core's first area with end > va, joined with its equal neighbours. */
static bool
compare_core_area(struct tess_space *core, tess_va va, struct tess_area *a)
{
	struct tess_area next;

	if (!tess_space_next_area(core, va, a))
		return false;
	while (tess_space_next_area(core, a->end, &next) && compare_area_follows(a, &next))
		a->end = next.end;
	return true;
}

static bool
compare_area_equal(const struct tess_area *c, const struct tess_area *m)
{
	return c->start == m->start && c->end == m->end && c->prot == m->prot &&
	       c->maxprot == m->maxprot && c->inherit == m->inherit && c->advice == m->advice &&
	       c->flags == m->flags && c->object == m->object &&
	       (c->object == NULL || c->off == m->off);
}

/* The objects that anonymous shared mmaps made are known to the core alone: learn their pointers. */
static void
compare_learn_objects(struct model_space *sp, struct tess_space *core)
{
	for (unsigned i = 0; i < sp->nruns; i++) {
		struct model_object *o = sp->run[i].obj;
		struct tess_area a;

		if (o != NULL && o->core == NULL &&
		    tess_space_next_area(core, sp->run[i].start, &a) &&
		    a.start <= sp->run[i].start && a.object != NULL &&
		    model_object_find(sp->model, a.object) == NULL)
			o->core = a.object;
	}
}

/* Both layouts, a line each, the differing ones marked. */
static void
compare_layout_report(struct text *t, struct model_space *sp, struct tess_space *core)
{
	struct tess_area a;
	tess_va va;

	text_add(t, "core:\n");
	for (va = 0; compare_core_area(core, va, &a); va = a.end) {
		text_add(t, "  ");
		compare_area_text(t, &a);
		text_add(t, "\n");
	}
	text_add(t, "model:\n");
	for (va = 0; model_space_next_area(sp, va, &a); va = a.end) {
		text_add(t, "  ");
		compare_area_text(t, &a);
		text_add(t, "\n");
	}
}

static bool
compare_areas(struct model_space *sp, struct tess_space *core)
{
	struct tess_area c, m;
	tess_va va = 0;
	bool more_c, more_m;
	struct text t;

	for (;;) {
		more_c = compare_core_area(core, va, &c);
		more_m = model_space_next_area(sp, va, &m);
		if (!more_c && !more_m)
			return true;
		if (more_c != more_m || !compare_area_equal(&c, &m))
			break;
		va = c.end;
	}
	text_init(&t, sp->model->report, sizeof(sp->model->report));
	text_add(&t, "layout differs\n  core  ");
	if (more_c)
		compare_area_text(&t, &c);
	text_add(&t, "\n  model ");
	if (more_m)
		compare_area_text(&t, &m);
	text_add(&t, "\n");
	if (more_c && more_m && c.object != m.object)
		text_add(&t, "  (objects: core 0x%lx, model 0x%lx)\n",
			 (uint64_t)(uintptr_t)c.object, (uint64_t)(uintptr_t)m.object);
	compare_layout_report(&t, sp, core);
	return false;
}

static bool
compare_count(struct model_space *sp, const char *what, uint64_t core, uint64_t model)
{
	struct text t;

	if (core == model)
		return true;
	text_init(&t, sp->model->report, sizeof(sp->model->report));
	text_add(&t, "%s differ: core %lu, model %lu\n", what, core, model);
	return false;
}

bool
model_compare_layout(struct model_space *sp, struct tess_space *core)
{
	struct tess_space_counts n;

	compare_learn_objects(sp, core);
	if (!compare_areas(sp, core))
		return false;
	tess_space_counts_get(core, &n);
	return compare_count(sp, "mapped bytes", n.bytes, model_space_bytes(sp)) &&
	       compare_count(sp, "locked bytes", n.locked, model_space_locked(sp)) &&
	       compare_count(sp, "anon counts", n.anon, model_space_anon(sp));
}

/* ---- Pages ---- */

/* What the model expects of one page; `data` has its contents when there are any to compare. */
static enum tess_view_kind
compare_expect(struct model_space *sp, const struct model_run *r, uint64_t page, uint8_t *data)
{
	uint64_t idx, oidx = (r->off + (page - r->start)) >> TESS_PAGE_SHIFT;
	struct model_pages *private = runs_private(sp, r, page, &idx);
	struct model_page *p;

	if ((r->flags & TESS_AREA_SHARED) == 0) {
		p = pages_find(private, idx);
		if (p != NULL && p->data != NULL) {
			memcpy(data, p->data, TESS_PAGE_SIZE);
			return TESS_VIEW_ANON;
		}
		if (r->obj == NULL)
			return TESS_VIEW_ZERO;
	}
	if (oidx >= object_page_count(r->obj))
		return TESS_VIEW_BEYOND;
	object_page_contents(r->obj, oidx, data);
	return TESS_VIEW_OBJECT;
}

static bool
compare_page_report(struct model_space *sp, uint64_t page, const struct tess_view *v,
		    enum tess_view_kind want, const uint8_t *data)
{
	struct text t;
	unsigned at = 0;

	text_init(&t, sp->model->report, sizeof(sp->model->report));
	text_add(&t, "page %lx differs\n  core  %s prot %x\n  model %s\n", page,
		 compare_view_word[v->kind], (unsigned)v->prot, compare_view_word[want]);
	if (v->data == NULL || v->kind != want)
		return false;
	while (at < TESS_PAGE_SIZE - 1 && ((const uint8_t *)v->data)[at] == data[at])
		at++;
	text_add(&t, "  at byte 0x%x: core 0x%02x, model 0x%02x\n", at,
		 (unsigned)((const uint8_t *)v->data)[at], (unsigned)data[at]);
	return false;
}

/* A page of a memory object that holds zeros need not exist. */
static bool
compare_is_zero(const uint8_t *data)
{
	return data[0] == 0 && memcmp(data, data + 1, TESS_PAGE_SIZE - 1) == 0;
}

static bool
compare_page(struct model_space *sp, struct tess_space *core, const struct model_run *r,
	     uint64_t page)
{
	uint8_t data[TESS_PAGE_SIZE];
	enum tess_view_kind want = compare_expect(sp, r, page, data);
	struct tess_view v;

	tess_space_view(core, page, &v);
	if (v.kind == TESS_VIEW_ABSENT && want == TESS_VIEW_OBJECT && v.prot == r->prot)
		return true; /* not in memory: its contents are compared when they come in */
	if (v.kind == TESS_VIEW_ZERO && want == TESS_VIEW_OBJECT && v.prot == r->prot &&
	    compare_is_zero(data))
		return true;
	if (v.kind != want || v.prot != r->prot)
		return compare_page_report(sp, page, &v, want, data);
	if (v.data != NULL && memcmp(v.data, data, TESS_PAGE_SIZE) != 0)
		return compare_page_report(sp, page, &v, want, data);
	return true;
}

/* The known pages of one array, which holds those of r from `first` on, in [start, end). */
static bool
compare_run_pages(struct model_space *sp, struct tess_space *core, const struct model_run *r,
		  const struct model_pages *pages, uint64_t first, uint64_t start, uint64_t end)
{
	uint64_t lo = first + ((start - r->start) >> TESS_PAGE_SHIFT);
	uint64_t hi = lo + ((end - start) >> TESS_PAGE_SHIFT);

	for (unsigned i = pages_place(pages, lo); i < pages->n && pages->page[i].idx < hi; i++)
		if (!compare_page(sp, core, r,
				  r->start + ((pages->page[i].idx - first) << TESS_PAGE_SHIFT)))
			return false;
	return true;
}

bool
model_compare_pages(struct model_space *sp, struct tess_space *core, tess_va start, tess_va end)
{
	for (unsigned i = runs_place(sp, start); i < sp->nruns && sp->run[i].start < end; i++) {
		const struct model_run *r = &sp->run[i];
		uint64_t a = r->start > start ? r->start : start, b = r->end < end ? r->end : end,
			 idx;
		struct model_pages *private = runs_private(sp, r, r->start, &idx);

		if ((r->flags & TESS_AREA_SHARED) == 0 &&
		    !compare_run_pages(sp, core, r, private, idx, a, b))
			return false;
		if (r->obj != NULL && !compare_run_pages(sp, core, r, &r->obj->pages,
							 r->off >> TESS_PAGE_SHIFT, a, b))
			return false;
	}
	return true;
}

/* Did nobody store in this private page since it was made from what lies below? */
static bool
compare_page_is_fresh(const struct model_run *r, uint64_t page, const uint8_t *data)
{
	uint8_t below[TESS_PAGE_SIZE];

	memset(below, 0, sizeof(below));
	if (r->obj != NULL)
		object_page_contents(r->obj, (r->off + (page - r->start)) >> TESS_PAGE_SHIFT,
				     below);
	return memcmp(below, data, TESS_PAGE_SIZE) == 0;
}

/* Private pages of r between idx lo and hi of `private`, of which idx `first` is r's first. */
static void
compare_forgive_pages(struct model_space *sp, struct tess_space *core, const struct model_run *r,
		      struct model_pages *private, uint64_t first, uint64_t lo, uint64_t hi)
{
	for (unsigned i = pages_place(private, hi); i > pages_place(private, lo);) {
		struct model_page *p = &private->page[--i];
		uint64_t page = r->start + ((p->idx - first) << TESS_PAGE_SHIFT);
		struct tess_view v;

		tess_space_view(core, page, &v);
		if (v.kind == TESS_VIEW_ANON)
			continue;
		p->sure = false;
		if (p->data != NULL && compare_page_is_fresh(r, page, p->data))
			pages_drop(sp->model, private, p->idx, p->idx + 1);
	}
}

void
model_forgive(struct model_space *sp, struct tess_space *core, tess_va start, tess_va end)
{
	for (unsigned i = runs_place(sp, start); i < sp->nruns && sp->run[i].start < end; i++) {
		const struct model_run *r = &sp->run[i];
		uint64_t a = r->start > start ? r->start : start, b = r->end < end ? r->end : end,
			 first;
		struct model_pages *private = runs_private(sp, r, r->start, &first);

		compare_forgive_pages(sp, core, r, private, first,
				      first + ((a - r->start) >> TESS_PAGE_SHIFT),
				      first + ((b - r->start) >> TESS_PAGE_SHIFT));
		for (unsigned k = 0; r->obj != NULL && k < r->obj->pages.n; k++)
			r->obj->pages.page[k].sure = false;
	}
}

bool
model_compare(struct model_space *sp, struct tess_space *core)
{
	return model_compare_layout(sp, core) && model_compare_pages(sp, core, 0, UINT64_MAX);
}

bool
model_compare_object(struct model_object *o, struct tess_object *core)
{
	struct model *m = o->model;
	uint8_t have[TESS_PAGE_SIZE], want[TESS_PAGE_SIZE];
	struct text t;

	text_init(&t, m->report, sizeof(m->report));
	if (tess_object_size(core) != o->size) {
		text_add(&t, "object sizes differ: core %lu, model %lu\n", tess_object_size(core),
			 o->size);
		return false;
	}
	for (uint64_t off = 0; off < o->size; off += TESS_PAGE_SIZE) {
		uint64_t n, len = model_object_read(o, off, want, TESS_PAGE_SIZE);
		enum tess_err e = tess_object_read(core, off, have, TESS_PAGE_SIZE, &n);

		if (e != TESS_OK || n != len || memcmp(have, want, len) != 0) {
			text_add(&t,
				 "object contents differ at offset 0x%lx (%u, %lu bytes read)\n",
				 off, (unsigned)e, n);
			return false;
		}
	}
	return true;
}
