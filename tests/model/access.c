/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * access.c: what one access to one byte means: growth, permission, private copies; and population.
 */
#include "model_priv.h"

#define GROW_STEP ((uint64_t)128 << 10) /* of a stack with a gap */

/* ---- Limits ---- */

/* May `more` bytes be locked besides what is? */
bool
space_lock_fits(const struct model_space *sp, uint64_t more)
{
	uint64_t locked =
	    runs_bytes_flagged(sp, 0, UINT64_MAX, TESS_AREA_LOCKED) >> TESS_PAGE_SHIFT;
	uint64_t limit = sp->limit[TESS_LIMIT_MEMLOCK];

	if (limit == TESS_LIMIT_INFINITY)
		return true;
	return (more >> TESS_PAGE_SHIFT) + locked <= limit >> TESS_PAGE_SHIFT;
}

/* Does this run count against the data limit: private, writable, no stack? */
bool
run_is_data(const struct model_run *r)
{
	return (r->prot & TESS_PROT_WRITE) != 0 &&
	       (r->flags & (TESS_AREA_SHARED | TESS_AREA_GROWSDOWN)) == 0;
}

/* Bytes that count against the data limit. */
uint64_t
space_data(const struct model_space *sp)
{
	uint64_t data = 0;

	for (unsigned i = 0; i < sp->nruns; i++)
		data += run_is_data(&sp->run[i]) ? sp->run[i].end - sp->run[i].start : 0;
	return data;
}

/* Does `bytes` pass a limit?  Linux compares pages. */
static bool
limit_passed(const struct model_space *sp, enum tess_limit which, uint64_t bytes)
{
	uint64_t limit = sp->limit[which];

	return limit != TESS_LIMIT_INFINITY && bytes >> TESS_PAGE_SHIFT > limit >> TESS_PAGE_SHIFT;
}

/* May the space have `more` bytes more of what r is? */
bool
space_may_expand(const struct model_space *sp, const struct model_run *r, uint64_t more)
{
	const struct model_rules *ru = sp->rules;

	if (ru->limit_as &&
	    limit_passed(sp, TESS_LIMIT_AS, runs_bytes_flagged(sp, 0, UINT64_MAX, 0) + more))
		return false;
	return !ru->limit_data || !run_is_data(r) ||
	       !limit_passed(sp, TESS_LIMIT_DATA, space_data(sp) + more);
}

/* ---- Growth ---- */

/* r reaches down to `start`, if locks and relatives that share its memory let it; the run that has `start`. */
static struct model_run *
grow_to(struct model_space *sp, struct model_run *r, uint64_t start)
{
	uint64_t old = r->start, more = old - start;

	if ((r->flags & TESS_AREA_LOCKED) != 0 && !space_lock_fits(sp, more))
		return NULL;
	if (r->group != NULL && runs_group_covered(r->group, r->goff - more, r->goff))
		return NULL;
	r->start = start;
	r->goff -= more;
	if ((r->flags & TESS_AREA_GUARDED) == 0)
		return r;
	runs_cut(sp, old); /* what is new is not guarded */
	r = runs_find(sp, start);
	r->flags &= ~(unsigned)TESS_AREA_GUARDED;
	return r;
}

/*
 * bsd: a stack grows into the gap that was made for it, in steps, and leaves the gap's lowest page.
 *
 *	[gap: a page | ......... page ....][stack .... ]
 */
static struct model_run *
grow_gap(struct model_space *sp, uint64_t page)
{
	struct model_run *gap = runs_find(sp, page), *stack = runs_find(sp, gap->end), *r;
	uint64_t most, more;

	if ((gap->flags & TESS_AREA_STACKGAP) == 0 || stack == NULL ||
	    (stack->flags & TESS_AREA_GROWSDOWN) == 0)
		return NULL;
	most = gap->end - gap->start - TESS_PAGE_SIZE;
	if (stack->start - page > most)
		return NULL;
	more = (stack->start - page + GROW_STEP - 1) / GROW_STEP * GROW_STEP;
	if (more > most)
		more = most;
	gap->end -= more;
	r = grow_to(sp, stack, stack->start - more);
	if (r == NULL)
		gap->end += more;
	return r;
}

/* The grow-down run above `page` reaches down to it, or not. */
static struct model_run *
grow_hole(struct model_space *sp, uint64_t page)
{
	unsigned at = runs_place(sp, page);
	struct model_run *r, *below;
	uint64_t grow;

	if (at == sp->nruns || (sp->run[at].flags & TESS_AREA_GROWSDOWN) == 0 || page < sp->min)
		return NULL;
	r = &sp->run[at];
	below = at == 0 ? NULL : &sp->run[at - 1];
	if (below != NULL && (below->flags & TESS_AREA_GROWSDOWN) == 0 &&
	    below->prot != TESS_PROT_NONE && page - below->end < MODEL_GUARD_PAGES * TESS_PAGE_SIZE)
		return NULL;
	grow = r->start - page;
	if (r->end - page > sp->limit[TESS_LIMIT_STACK])
		return NULL;
	if (!space_may_expand(sp, r, grow))
		return NULL;
	return grow_to(sp, r, page);
}

/* The run that `page` lies in once a stack has grown to it; NULL: none grows. */
static struct model_run *
access_grow(struct model_space *sp, uint64_t page)
{
	return runs_find(sp, page) != NULL ? grow_gap(sp, page) : grow_hole(sp, page);
}

/* ---- One access ---- */

static bool
access_allowed(const struct model_space *sp, const struct model_run *r, enum tess_access how)
{
	if ((r->flags & (TESS_AREA_GUARD | TESS_AREA_GUARDED)) != 0)
		return false;
	switch (how) {
	case TESS_ACCESS_READ:
		return sp->rules->read_any ? r->prot != TESS_PROT_NONE
					   : (r->prot & TESS_PROT_READ) != 0;
	case TESS_ACCESS_WRITE:
		return (r->prot & TESS_PROT_WRITE) != 0;
	case TESS_ACCESS_EXEC:
		return (r->prot & TESS_PROT_EXEC) != 0;
	}
	return false;
}

static void
access_make_private(struct model_space *sp, const struct model_run *r, struct model_page *p,
		    uint64_t page)
{
	p->data = model_get(sp->model, TESS_PAGE_SIZE);
	if (sp->model->left != 0 && sp->model->left != UINT64_MAX)
		sp->model->left--;
	if (r->obj != NULL)
		object_page_contents(r->obj, (r->off + (page - r->start)) >> TESS_PAGE_SHIFT,
				     p->data);
	else
		memset(p->data, 0, TESS_PAGE_SIZE);
}

/*
 * The page of an allowed access: it is in memory afterwards, and private if the access says so.
 * *data is where its bytes are; NULL: nobody wrote it, they come from the object or are zero.
 */
static enum tess_err
access_page(struct model_space *sp, const struct model_run *r, uint64_t page, enum tess_access how,
	    uint8_t **data)
{
	uint64_t idx, oidx = (r->off + (page - r->start)) >> TESS_PAGE_SHIFT;
	struct model_pages *private = runs_private(sp, r, page, &idx);
	struct model_page *p = pages_find(private, idx);

	*data = NULL;
	if ((r->flags & TESS_AREA_SHARED) != 0) {
		if (oidx >= object_page_count(r->obj))
			return TESS_SIGBUS;
		*data = object_page_touch(r->obj, oidx)->data;
		if (how == TESS_ACCESS_WRITE)
			*data = object_page_write(r->obj, oidx);
		return TESS_OK;
	}
	if (p == NULL || p->data == NULL) {
		if (r->obj != NULL && oidx >= object_page_count(r->obj))
			return TESS_SIGBUS;
		if (r->obj != NULL)
			object_page_touch(r->obj, oidx);
	}
	p = pages_make(sp->model, private, idx);
	p->sure = true;
	if (p->data == NULL && how == TESS_ACCESS_WRITE)
		access_make_private(sp, r, p, page);
	*data = p->data;
	return TESS_OK;
}

static enum tess_err
access_byte(struct model_space *sp, tess_va va, enum tess_access how, uint8_t *byte)
{
	uint64_t page = tess_page_trunc(va);
	struct model_run *r = runs_find(sp, page);
	uint8_t *data, tmp[TESS_PAGE_SIZE];
	enum tess_err e;

	space_touch(sp, page, page + TESS_PAGE_SIZE);
	if (va >= sp->max)
		return TESS_SIGSEGV;
	if (r == NULL || (r->flags & TESS_AREA_STACKGAP) != 0)
		r = access_grow(sp, page);
	if (r == NULL || !access_allowed(sp, r, how))
		return TESS_SIGSEGV;
	e = access_page(sp, r, page, how, &data);
	if (e != TESS_OK)
		return e;
	if (how == TESS_ACCESS_WRITE) {
		data[va & TESS_PAGE_MASK] = *byte;
	} else if (data != NULL) {
		*byte = data[va & TESS_PAGE_MASK];
	} else if (r->obj == NULL) {
		*byte = 0;
	} else {
		object_page_contents(r->obj, (r->off + (page - r->start)) >> TESS_PAGE_SHIFT, tmp);
		*byte = tmp[va & TESS_PAGE_MASK];
	}
	return TESS_OK;
}

enum tess_err
model_load(struct model_space *sp, tess_va va, uint8_t *byte)
{
	enum tess_err e = access_byte(sp, va, TESS_ACCESS_READ, byte);

	runs_join(sp);
	return e;
}

enum tess_err
model_store(struct model_space *sp, tess_va va, uint8_t byte)
{
	enum tess_err e = access_byte(sp, va, TESS_ACCESS_WRITE, &byte);

	runs_join(sp);
	return e;
}

enum tess_err
model_fetch(struct model_space *sp, tess_va va)
{
	uint8_t byte;
	enum tess_err e = access_byte(sp, va, TESS_ACCESS_EXEC, &byte);

	runs_join(sp);
	return e;
}

/* The page of va as an access would leave it, without growth. */
enum tess_err
access_touch(struct model_space *sp, uint64_t va, enum tess_access how)
{
	struct model_run *r = runs_find(sp, va);
	uint8_t *data;

	if (r == NULL || !access_allowed(sp, r, how))
		return TESS_SIGSEGV;
	return access_page(sp, r, tess_page_trunc(va), how, &data);
}

void
model_grow(struct model_space *sp, tess_va va)
{
	uint64_t page = tess_page_trunc(va);

	if (va < sp->max)
		(void)access_grow(sp, page);
	runs_join(sp);
}

/* ---- Population: what mlock, MAP_POPULATE and their like fault in ---- */

/* One run's part: private writable pages become private, others are read; stops at the first page that cannot be. */
static enum tess_err
populate_run(struct model_space *sp, const struct model_run *r, uint64_t start, uint64_t end,
	     enum access_lazy lazy)
{
	bool write = (r->prot & TESS_PROT_WRITE) != 0 && (r->flags & TESS_AREA_SHARED) == 0;

	if (lazy == ACCESS_AS_LOCKED && (r->flags & TESS_AREA_LOCKONFAULT) != 0)
		return TESS_OK;
	if (r->prot == TESS_PROT_NONE || (r->flags & TESS_AREA_GUARDED) != 0)
		return TESS_EFAULT;
	for (uint64_t page = start; page < end; page += TESS_PAGE_SIZE) {
		uint8_t *data;

		if (write && sp->model->left == 0)
			return TESS_ENOMEM;
		if (access_page(sp, r, page, write ? TESS_ACCESS_WRITE : TESS_ACCESS_READ, &data) !=
		    TESS_OK)
			return TESS_EFAULT;
	}
	return TESS_OK;
}

/* Fault in [start, end), hole-free, and stop at the first trouble. */
enum tess_err
access_populate(struct model_space *sp, uint64_t start, uint64_t end, enum access_lazy lazy)
{
	for (unsigned i = runs_place(sp, start); i < sp->nruns && sp->run[i].start < end; i++) {
		const struct model_run *r = &sp->run[i];
		enum tess_err e;

		e = populate_run(sp, r, r->start > start ? r->start : start,
				 r->end < end ? r->end : end, lazy);
		if (e != TESS_OK)
			return e;
	}
	return TESS_OK;
}

/* The same as locks want it, going on with the next run after trouble. */
void
access_populate_all(struct model_space *sp, uint64_t start, uint64_t end)
{
	for (unsigned i = runs_place(sp, start); i < sp->nruns && sp->run[i].start < end; i++) {
		const struct model_run *r = &sp->run[i];

		(void)populate_run(sp, r, r->start > start ? r->start : start,
				   r->end < end ? r->end : end, ACCESS_AS_LOCKED);
	}
}
