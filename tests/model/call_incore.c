/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * call_incore.c: mincore, and the same with all bits.
 *
 *	must	bits that a page surely has: it was accessed and nothing since could have dropped it ...
 *	may	bits that it may have as well: whether a translation still knows of an access is the core's business
 */
#include "model_priv.h"

struct incore_rule {
	unsigned must, may;
};

#define INCORE_TOUCHED                                                                     \
	(TESS_MINCORE_REFERENCED | TESS_MINCORE_MODIFIED | TESS_MINCORE_REFERENCED_OTHER | \
	 TESS_MINCORE_MODIFIED_OTHER)
#define INCORE_MODIFIED (TESS_MINCORE_MODIFIED | TESS_MINCORE_MODIFIED_OTHER)

/* A private page: surely there, once it was written. */
static struct incore_rule
incore_private(const struct model_run *r)
{
	unsigned what = r->obj != NULL ? TESS_MINCORE_COPIED : TESS_MINCORE_ANONYMOUS;

	return (struct incore_rule){
	    .must = TESS_MINCORE_INCORE | what,
	    .may = INCORE_TOUCHED,
	};
}

/* A page of an object. */
static struct incore_rule
incore_object(const struct model *m, const struct model_run *r, uint64_t page)
{
	const struct model_object *o = r->obj;
	const struct model_page *p =
	    pages_find(&o->pages, (r->off + (page - r->start)) >> TESS_PAGE_SHIFT);
	bool memory = o->kind == TESS_HANDLE_NONE || o->kind == TESS_HANDLE_SHM;
	struct incore_rule rule = {.may = TESS_MINCORE_INCORE | INCORE_TOUCHED};

	if (!memory && (p == NULL || p->data == NULL))
		rule.may &= ~(unsigned)INCORE_MODIFIED; /* nobody ever wrote it */
	if ((r->flags & TESS_AREA_DEVICE) != 0 || (p != NULL && p->sure))
		rule.must = TESS_MINCORE_INCORE;
	else if (p == NULL && memory && !m->unsure)
		rule.may = 0;
	return rule;
}

static struct incore_rule
incore_rule(struct model_space *sp, const struct model_run *r, uint64_t page)
{
	uint64_t idx;
	struct model_pages *private = runs_private(sp, r, page, &idx);
	struct model_page *p = pages_find(private, idx);

	if ((r->flags & TESS_AREA_SHARED) == 0) {
		if (p != NULL && p->data != NULL)
			return incore_private(r);
		/* What was only read is the one page of zeros that all share: it may count, or not. */
		if (r->obj == NULL)
			return (struct incore_rule){
			    .may = p == NULL
				       ? 0
				       : TESS_MINCORE_INCORE | TESS_MINCORE_REFERENCED |
					     TESS_MINCORE_REFERENCED_OTHER | TESS_MINCORE_ANONYMOUS,
			};
	}
	return incore_object(sp->model, r, page);
}

/* What the core wrote for one page, held against the rule; only the bits of `mask` can be seen. */
static void
incore_check(struct model_space *sp, uint64_t page, unsigned got, struct incore_rule rule,
	     unsigned mask)
{
	unsigned must = rule.must & mask, may = (rule.must | rule.may) & mask;
	bool in = (got & TESS_MINCORE_INCORE) != 0;

	if ((got & must) == must && (got & ~may) == 0 && (in || got == 0))
		return;
	model_complain(sp->model, "mincore says 0x%x for page 0x%lx, which must have 0x%x of 0x%x",
		       got, page, must, may);
}

static enum tess_err
incore_range(const struct model_space *sp, tess_va addr, uint64_t len, uint64_t *start,
	     uint64_t *end)
{
	const struct model_rules *ru = sp->rules;
	enum tess_err e = range_make(range_how(ru), addr, len, ru->mincore_wrap, start, end);

	if (e != TESS_OK)
		return e;
	if (*start > sp->max || len > sp->max - addr || *end > sp->max)
		return ru->mincore_beyond;
	return TESS_OK;
}

/* Both calls; `mask` is what the vector can show. */
static enum tess_err
incore_call(struct model_space *sp, tess_va addr, uint64_t len, const unsigned char *vec,
	    unsigned mask)
{
	const struct model_rules *ru = sp->rules;
	uint64_t start, end;
	enum tess_err e = incore_range(sp, addr, len, &start, &end);

	space_touch(sp, 0, 0);
	if (e != TESS_OK)
		return e;
	if (len == 0) {
		if (!ru->mincore_asks)
			return ru->mincore_len0;
		if (runs_find(sp, start) == NULL)
			return TESS_ENOMEM;
		end = start;
	}
	if (vec == NULL)
		return TESS_EFAULT;
	for (uint64_t page = start; page < end; page += TESS_PAGE_SIZE) {
		const struct model_run *r = runs_find(sp, page);

		if (r == NULL)
			return TESS_ENOMEM;
		incore_check(sp, page, vec[(page - start) >> TESS_PAGE_SHIFT],
			     incore_rule(sp, r, page), mask);
	}
	return TESS_OK;
}

enum tess_err
model_mincore(struct model_space *sp, tess_va addr, uint64_t len, const unsigned char *vec)
{
	return incore_call(sp, addr, len, vec,
			   sp->rules->mincore_bits ? TESS_MINCORE_INCORE | INCORE_TOUCHED
						   : TESS_MINCORE_INCORE);
}

enum tess_err
model_mincore_detail(struct model_space *sp, tess_va addr, uint64_t len, const unsigned char *vec)
{
	return incore_call(sp, addr, len, vec, 0xff);
}
