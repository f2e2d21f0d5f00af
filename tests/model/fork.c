/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * fork.c: a child, run by run, as inheritance says.
 *
 *	COPY	the same bytes; of a shared mapping a private one of the same object
 *	SHARE	the same memory; private pages live in a group from then on
 *	NONE	nothing
 *	ZERO	private zeros
 *	DONATE	as COPY, and the parent has nothing any more
 */
#include "model_priv.h"

/* The child's record of r.  Locks are not inherited; what becomes zeros has nothing to guard, and no object. */
static struct model_run
fork_record(const struct model_run *r, uint8_t how)
{
	struct model_run c = *r;

	c.flags &= ~(unsigned)(TESS_AREA_LOCKED | TESS_AREA_LOCKONFAULT);
	if (how == TESS_INHERIT_SHARE)
		return c;
	c.flags &= ~(unsigned)TESS_AREA_SHARED; /* a copy is the child's own (minherit(2)) */
	c.group = NULL;
	if (how == TESS_INHERIT_ZERO) {
		c.obj = NULL;
		c.flags &= ~(unsigned)(TESS_AREA_GUARDED | TESS_AREA_DEVICE);
	}
	return c;
}

static void
fork_copy_pages(struct model_space *sp, struct model_space *child, const struct model_run *r)
{
	uint64_t idx, count = (r->end - r->start) >> TESS_PAGE_SHIFT;
	struct model_pages *from = runs_private(sp, r, r->start, &idx);

	pages_copy(sp->model, &child->pages, r->start >> TESS_PAGE_SHIFT, from, idx, idx + count);
}

static void
fork_run(struct model_space *sp, struct model_space *child, struct model_run *r)
{
	uint8_t how = runs_inherit(r);
	struct model_run c;

	if (how == TESS_INHERIT_NONE)
		return;
	if (how == TESS_INHERIT_SHARE && (r->flags & TESS_AREA_SHARED) == 0)
		runs_group(sp, r);
	c = fork_record(r, how);
	object_ref(c.obj);
	group_ref(c.group);
	runs_insert(child, &c);
	if ((how == TESS_INHERIT_COPY || how == TESS_INHERIT_DONATE) &&
	    (r->flags & TESS_AREA_SHARED) == 0)
		fork_copy_pages(sp, child, r);
}

/* The parent loses what it gave away. */
static void
fork_donate(struct model_space *sp)
{
	for (unsigned i = 0; i < sp->nruns;) {
		struct model_run r = sp->run[i];

		if (runs_inherit(&r) == TESS_INHERIT_DONATE)
			runs_remove(sp, r.start, r.end);
		else
			i++;
	}
}

struct model_space *
model_space_fork(struct model_space *sp)
{
	struct model_space *child = space_new(sp->model);

	child->rules = sp->rules;
	child->min = sp->min;
	child->max = sp->max;
	child->mmap_top = sp->mmap_top;
	memcpy(child->limit, sp->limit, sizeof(sp->limit));
	child->brk_start = sp->brk_start;
	child->brk = sp->brk;
	child->map_flags = sp->map_flags;
	for (unsigned i = 0; i < sp->nruns; i++)
		fork_run(sp, child, &sp->run[i]);
	runs_join(child);
	fork_donate(sp);
	space_touch(sp, 0, 0);
	return child;
}
