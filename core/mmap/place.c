/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * place.c: where a mapping goes that is not fixed, as the personality wants it.
 *
 *	linux, posix	the hint when it is free, else from the top down
 *	bsd		from the hint upward; without one from above the heap; then from the bottom
 *	seed		from the hint upward, or not at all (S18, S19, S31)
 *
 * The heap of bsd keeps its room: a hint inside [brk_start, brk_start + RLIMIT_DATA) counts as none, so that no
 * mapping ends the heap's growth early (kern_mmap() of FreeBSD).  TRYFIXED is NetBSD's way to insist.
 */
#include "space.h"

#define PLACE_HEAP    ((uint64_t)32 << 30)  /* MAXDSIZ of amd64: what an unlimited heap keeps */
#define PLACE_MAXDSIZ ((uint64_t)512 << 20) /* MAXDSIZ of 1995 */
#define PLACE_32BIT   ((tess_va)1 << 31)

/* place_gap: the end of the room that the heap keeps; 0: there is no heap. */
static tess_va
place_gap(const struct tess_space *sp)
{
	uint64_t room = tess_load_relaxed(&sp->limit[TESS_LIMIT_DATA]);
	tess_va start = tess_load_relaxed(&sp->brk_start);

	if (start == 0)
		return 0;
	return tess_page_round(start + (room < PLACE_HEAP ? room : PLACE_HEAP));
}

static void
place_bsd(const struct tess_space *sp, const struct tess_mmap_args *a, struct tess_map_new *n)
{
	bool insists = (a->flags & (TESS_MAP_TRYFIXED | TESS_MAP_32BIT)) != 0;
	tess_va gap = place_gap(sp), start = tess_load_relaxed(&sp->brk_start);
	bool in_gap = gap != 0 && a->addr >= start && a->addr < gap;

	n->up = n->wrap = true;
	if (n->addr == 0 || (in_gap && !insists))
		n->addr = gap != 0 && !(a->flags & TESS_MAP_32BIT) ? gap : sp->map.min;
}

static void
place_seed(const struct tess_space *sp, struct tess_map_new *n)
{
	tess_va start = tess_load_relaxed(&sp->brk_start);

	n->up = true;
	if (n->addr == 0)
		n->addr = (start != 0 ? start : sp->map.min) + PLACE_MAXDSIZ;
	if (n->addr > sp->map.max)
		n->addr = sp->map.max; /* rounding it up must not wrap to the bottom */
}

/* place_linux: a hint is rounded down, and up to where the user range begins (round_hint_to_min() of that kernel). */
static void
place_linux(const struct tess_space *sp, struct tess_map_new *n)
{
	n->addr = tess_page_trunc(n->addr);
	if (n->addr != 0 && n->addr < sp->map.min)
		n->addr = sp->map.min;
}

tess_va
tess_mmap_bound(const struct tess_map *map, const struct tess_mmap_args *a)
{
	tess_va bound = map->max;

	if ((a->flags & TESS_MAP_32BIT) && bound > PLACE_32BIT)
		bound = PLACE_32BIT;
	if ((a->flags & TESS_MAP_UPPER_LIMIT) && bound > a->limit)
		bound = a->limit;
	return bound;
}

void
tess_mmap_place(struct tess_space *sp, const struct tess_mmap_args *a, struct tess_map_new *n)
{
	const struct tess_map *map = &sp->map;

	n->align = a->align != 0 ? (uint64_t)1 << a->align : 0;
	n->super = (a->flags & TESS_MAP_ALIGNED_SUPER) != 0;
	if (a->flags & (TESS_MAP_32BIT | TESS_MAP_UPPER_LIMIT)) {
		n->lo = map->min;
		n->hi = tess_mmap_bound(map, a);
		if (n->hi < n->lo)
			n->hi = n->lo; /* a bound of 0 is a bound too, and nothing fits below it */
		if (n->len > n->hi || n->addr > n->hi - n->len)
			n->addr = 0; /* a hint that cannot be met is none */
	}
	if (sp->rules->order == TESS_ORDER_BSD)
		place_bsd(sp, a, n);
	else if (sp->rules->order == TESS_ORDER_SEED)
		place_seed(sp, n);
	else if (sp->rules->hint_down)
		place_linux(sp, n);
}
