/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * place.c: where a mapping may go when the caller leaves it open.
 *
 *	posix, linux	any free place within the bounds will do: the core's choice is adopted
 *	bsd, seed	the first free place at or above the hint (bsd: else above the lower bound); it is held
 *			against what is found here, unless the map places in a way of its own
 */
#include "model_priv.h"

#define PLACE_SUPER ((uint64_t)2 << 20)
#define PLACE_HEAP  ((uint64_t)32 << 30)  /* the most that is kept free for the heap */
#define PLACE_SEED  ((uint64_t)512 << 20) /* MAXDSIZ of 1995 */

/* What flags of the map make places other than the rules say. */
#define PLACE_OWN_WAYS (TESS_MAPF_ASLR | TESS_MAPF_GUARDPAGES | TESS_MAPF_QUARANTINE)

/* Any place in the user range. */
void
place_any(const struct model_space *sp, uint64_t bytes, struct place *p)
{
	*p = (struct place){.bytes = bytes, .align = TESS_PAGE_SIZE, .lo = sp->min, .hi = sp->max};
}

static uint64_t
place_round_up(uint64_t va, uint64_t align)
{
	uint64_t up = (va + align - 1) & ~(align - 1);

	return up < va ? UINT64_MAX : up;
}

/* Where the part of the address space that the heap may grow into ends; 0: there is no heap. */
static uint64_t
place_heap_end(const struct model_space *sp)
{
	uint64_t most = sp->limit[TESS_LIMIT_DATA];

	if (sp->brk_start == 0)
		return 0;
	return place_round_up(sp->brk_start + (most < PLACE_HEAP ? most : PLACE_HEAP),
			      TESS_PAGE_SIZE);
}

/* bsd and seed search upward from a hint; flags are mmap's. */
void
place_hint(const struct model_space *sp, uint64_t hint, unsigned flags, struct place *p)
{
	uint64_t heap_end = place_heap_end(sp);

	if (sp->rules->order == MODEL_ORDER_LINUX)
		return;
	p->up = true;
	p->wrap = sp->rules->order == MODEL_ORDER_BSD;
	if (sp->rules->order == MODEL_ORDER_SEED) {
		if (hint == 0)
			hint = (sp->brk_start != 0 ? sp->brk_start : sp->min) + PLACE_SEED;
	} else if ((flags & TESS_MAP_32BIT) == 0) { /* the heap lies far above 2 GiB */
		if (hint == 0 ||
		    ((flags & TESS_MAP_TRYFIXED) == 0 && hint >= sp->brk_start && hint < heap_end))
			hint = heap_end;
	}
	p->from = place_round_up(hint, TESS_PAGE_SIZE);
}

/* The first aligned free place at or above `from`; false: none. */
static bool
place_first(const struct model_space *sp, const struct place *p, uint64_t align, uint64_t from,
	    uint64_t *va)
{
	uint64_t at = place_round_up(from > p->lo ? from : p->lo, align);

	while (at < p->hi && p->bytes <= p->hi - at) {
		unsigned run = runs_place(sp, at);

		if (run == sp->nruns || sp->run[run].start >= at + p->bytes) {
			*va = at;
			return true;
		}
		at = place_round_up(sp->run[run].end, align);
	}
	return false;
}

/*
 * Is there a place that even a core must find that keeps a stack's guard away from it, or a free page on both
 * sides, and looks below the placement top only?
 */
bool
place_exists(const struct model_space *sp, const struct place *p)
{
	uint64_t at = p->lo, guard = MODEL_GUARD_PAGES * TESS_PAGE_SIZE + p->align;
	uint64_t top = p->hi < sp->mmap_top ? p->hi : sp->mmap_top;

	if (p->bytes > UINT64_MAX - guard)
		return false;
	for (unsigned i = runs_place(sp, at); i < sp->nruns && at < top; i++) {
		uint64_t start = sp->run[i].start < top ? sp->run[i].start : top;

		if (start > at && start - at >= p->bytes + guard)
			return true;
		at = sp->run[i].end;
	}
	return at < top && top - at >= p->bytes + guard;
}

/* As place_exists, where nothing is found below the hint. */
static bool
place_must_be_found(const struct model_space *sp, const struct place *p)
{
	struct place above = *p;

	if (!p->up || p->wrap)
		return place_exists(sp, p);
	if (p->from > above.lo)
		above.lo = p->from;
	return above.lo < above.hi && place_exists(sp, &above);
}

/* Why an answer is wrong although the place is free; NULL: it is not. */
static const char *
place_wrong_choice(const struct model_space *sp, const struct place *p, uint64_t va)
{
	uint64_t first;

	if (p->super && va % PLACE_SUPER != 0 && place_first(sp, p, PLACE_SUPER, p->lo, &first))
		return "although a place aligned to 2 MiB is free";
	if (!p->up || p->super || (sp->map_flags & PLACE_OWN_WAYS) != 0)
		return NULL;
	if (!place_first(sp, p, p->align, p->from, &first) &&
	    !(p->wrap && place_first(sp, p, p->align, p->lo, &first)))
		return "although nothing is free above the hint";
	return first != va ? "which is not the first free place" : NULL;
}

/* The core chose `va`, or answered `err`: OK when its choice is legal, ENOMEM when there was none. */
enum tess_err
place_adopt(struct model_space *sp, const struct place *p, enum tess_err err, uint64_t va,
	    const char *call)
{
	const char *wrong = NULL;

	if (err != TESS_OK)
		return err == TESS_ENOMEM && !place_must_be_found(sp, p) ? TESS_ENOMEM : TESS_OK;
	if (!tess_page_aligned(va))
		wrong = "which is not aligned";
	else if ((va & (p->align - 1)) != 0)
		wrong = "which is not aligned as asked";
	else if (va < p->lo || va > p->hi || p->bytes > p->hi - va)
		wrong = "which is out of bounds";
	else if (!runs_free(sp, va, va + p->bytes))
		wrong = "which was not free";
	else
		wrong = place_wrong_choice(sp, p, va);
	if (wrong != NULL)
		model_complain(sp->model, "%s answered 0x%lx, %s", call, va, wrong);
	return TESS_OK;
}
