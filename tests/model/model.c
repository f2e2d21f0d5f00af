/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * model.c: the model itself, and the life of its spaces.
 */
#include "model_priv.h"

/* The user range a space gets when its creator names none, as tessera/space.h says. */
#define SPACE_MIN   0x10000
#define SPACE_MAX   (((uint64_t)1 << 47) - TESS_PAGE_SIZE)
#define SPACE_STACK ((uint64_t)8 << 20)

void *
model_get(struct model *m, size_t n)
{
	void *p = m->mem->get(m->mem, n);

	if (p == NULL)
		m->die("model: its memory is used up");
	return p;
}

void
model_put(struct model *m, void *p, size_t n)
{
	m->mem->put(m->mem, p, n);
}

struct model *
model_create(struct model_mem *mem, void (*die)(const char *why))
{
	struct model *m = mem->get(mem, sizeof(*m));

	if (m == NULL)
		return NULL;
	m->mem = mem;
	m->die = die;
	m->objects = NULL;
	m->spaces = NULL;
	m->room = m->left = UINT64_MAX;
	m->unsure = m->failing = false;
	m->complained = false;
	m->report[0] = '\0';
	return m;
}

void
model_destroy(struct model *m)
{
	while (m->spaces != NULL)
		model_space_destroy(m->spaces);
	while (m->objects != NULL)
		object_unref(m->objects);
	model_put(m, m, sizeof(*m));
}

void
model_complain(struct model *m, const char *fmt, ...)
{
	struct text t;
	va_list ap;

	if (m->complained)
		return;
	m->complained = true;
	text_init(&t, m->complaint, sizeof(m->complaint));
	va_start(ap, fmt);
	text_vadd(&t, fmt, ap);
	va_end(ap);
}

const char *
model_complaint(const struct model *m)
{
	return m->complained ? m->complaint : NULL;
}

const char *
model_report(const struct model *m)
{
	return m->report;
}

/* ---- Spaces ---- */

struct model_space *
space_new(struct model *m)
{
	struct model_space *sp = model_get(m, sizeof(*sp));

	memset(sp, 0, sizeof(*sp));
	sp->model = m;
	sp->next = m->spaces;
	m->spaces = sp;
	return sp;
}

/* All flags of the map.  WIREFUTURE leaves a way of locking that mlockall() chose as it is. */
void
space_set_flags(struct model_space *sp, unsigned flags)
{
	sp->map_flags = flags & ~(unsigned)TESS_MAPF_WIREFUTURE;
	if ((flags & TESS_MAPF_WIREFUTURE) == 0)
		sp->lock_future = 0;
	else if (sp->lock_future == 0)
		sp->lock_future = TESS_AREA_LOCKED;
}

struct model_space *
model_space_create(struct model *m, const struct tess_space_config *cfg)
{
	static const struct tess_space_config none;
	struct model_space *sp = space_new(m);

	if (cfg == NULL)
		cfg = &none;
	sp->rules = &model_rules[cfg->personality];
	sp->min = cfg->max == 0 ? SPACE_MIN : cfg->min;
	sp->max = cfg->max == 0 ? SPACE_MAX : cfg->max;
	sp->mmap_top = cfg->mmap_top == 0 ? sp->max : cfg->mmap_top;
	space_set_flags(sp, cfg->map_flags);
	for (int i = 0; i < TESS_LIMIT_COUNT; i++) {
		sp->limit[i] = cfg->limit[i];
		if (sp->limit[i] == 0)
			sp->limit[i] = i == TESS_LIMIT_STACK ? SPACE_STACK : TESS_LIMIT_INFINITY;
	}
	return sp;
}

void
model_space_exec(struct model_space *sp)
{
	runs_remove(sp, 0, UINT64_MAX);
	sp->brk_start = sp->brk = 0;
	sp->lock_future = 0;
	space_touch(sp, 0, 0);
}

void
model_space_destroy(struct model_space *sp)
{
	struct model *m = sp->model;
	struct model_space **link;

	runs_remove(sp, 0, UINT64_MAX);
	pages_free(m, &sp->pages);
	if (sp->room != 0)
		model_put(m, sp->run, sp->room * sizeof(*sp->run));
	for (link = &m->spaces; *link != sp; link = &(*link)->next)
		;
	*link = sp->next;
	model_put(m, sp, sizeof(*sp));
}

enum tess_err
model_space_set_limit(struct model_space *sp, enum tess_limit which, uint64_t bytes)
{
	if ((unsigned)which >= TESS_LIMIT_COUNT)
		return TESS_EINVAL;
	sp->limit[which] = bytes;
	return TESS_OK;
}

enum tess_err
model_space_set_brk(struct model_space *sp, tess_va start)
{
	if (start < sp->min || start >= sp->max)
		return TESS_EINVAL;
	sp->brk_start = sp->brk = start;
	return TESS_OK;
}

tess_va
model_space_brk(const struct model_space *sp)
{
	return sp->brk;
}

/* ---- Looking ---- */

void
model_space_touched(const struct model_space *sp, tess_va *start, tess_va *end)
{
	*start = sp->touched_start;
	*end = sp->touched_end;
}

void
model_set_unsure(struct model *m)
{
	m->unsure = true;
}

void
model_set_failing(struct model *m)
{
	m->failing = true;
}

void
model_set_room(struct model *m, uint64_t pages)
{
	m->room = m->left = pages;
}

/* What the last call may have changed. */
void
space_touch(struct model_space *sp, uint64_t start, uint64_t end)
{
	sp->model->left = sp->model->room;
	sp->model->complained = false;
	sp->touched_start = start;
	sp->touched_end = end;
}

uint64_t
model_space_bytes(struct model_space *sp)
{
	return runs_bytes_flagged(sp, 0, UINT64_MAX, 0);
}

uint64_t
model_space_locked(struct model_space *sp)
{
	return runs_bytes_flagged(sp, 0, UINT64_MAX, TESS_AREA_LOCKED);
}

uint64_t
model_space_anon(struct model_space *sp)
{
	uint64_t sum = 0;

	for (unsigned i = 0; i < sp->nruns; i++) {
		struct model_run *r = &sp->run[i];
		uint64_t idx;
		struct model_pages *p = runs_private(sp, r, r->start, &idx);

		sum += pages_written(p, idx, idx + ((r->end - r->start) >> TESS_PAGE_SHIFT));
	}
	return sum;
}

static void
run_area(const struct model_run *r, struct tess_area *a)
{
	*a = (struct tess_area){
	    .start = r->start,
	    .end = r->end,
	    .prot = r->prot,
	    .maxprot = r->maxprot,
	    .inherit = runs_inherit(r),
	    .advice = r->advice,
	    .flags = r->flags,
	    .object = r->obj == NULL ? NULL : (struct tess_object *)(uintptr_t)r->obj->core,
	    .off = r->obj == NULL ? 0 : r->off,
	};
}

/* Equal to everybody who looks from outside, and continuous. */
static bool
run_looks_joined(const struct model_run *a, const struct model_run *b)
{
	return a->end == b->start && a->prot == b->prot && a->maxprot == b->maxprot &&
	       runs_inherit(a) == runs_inherit(b) && a->advice == b->advice &&
	       a->flags == b->flags && a->obj == b->obj &&
	       (a->obj == NULL || a->off + (a->end - a->start) == b->off);
}

bool
model_space_next_area(struct model_space *sp, tess_va va, struct tess_area *area)
{
	unsigned at = runs_place(sp, va);

	if (at == sp->nruns)
		return false;
	run_area(&sp->run[at], area);
	while (at + 1 < sp->nruns && run_looks_joined(&sp->run[at], &sp->run[at + 1]))
		area->end = sp->run[++at].end;
	return true;
}

const char *
model_area_object_name(struct model_space *sp, tess_va va)
{
	unsigned at = runs_place(sp, va);
	struct model_object *o = at < sp->nruns ? sp->run[at].obj : NULL;

	if (o == NULL)
		return "-";
	return o->name[0] != '\0' ? o->name : "shm";
}
