/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * map_place.c: where a mapping goes when the caller leaves it open.
 *
 * Top down below `top`.  `hint` is the lower edge of the part that is known to be full: nothing
 * is free in [hint, top).  A map that grows downward therefore finds its place in one look
 * below the hint, however many entries it has; only after holes were skipped as too small is
 * the index searched.
 *
 * Whatever is asked beyond that (bounds, first fit upward, an alignment, the map's flags) goes the long way, as
 * one or two searches of the index:
 *
 *	ordinary	   lo ········◄──────────────── top ──► hi
 *	up		   lo ···· addr ──────────────────────► hi, then from lo
 *	ASLR		   lo ········· draw ─────────────────► hi, then as without it
 *	QUARANTINE	   lo ◄──────── [ spent ) ◄──────────── hi
 *
 * `spent` is the hull of what was chosen since the quarantine was last released.  Only when neither side of it
 * has room is it forgotten, and the search starts over.  With QUARANTINE the draw of ASLR is a small step away
 * from it: an address anywhere would make the hull the whole map at once.
 *
 * Choosing changes nothing, so that a question (mquery) and the call after it have the same answer; what was
 * taken is told by tess_map_place_chosen().
 *
 * Rejected: remembering each freed range (a list as long as the program's life).
 */
#include "map_priv.h"

void
tess_map_place_took(struct tess_map *map, tess_va start, tess_va end)
{
	if (end >= map->hint && start < map->hint)
		map->hint = start;
}

void
tess_map_place_freed(struct tess_map *map, tess_va start, tess_va end)
{
	tess_va edge = end < map->top ? end : map->top;

	if (edge > map->hint && start < edge)
		map->hint = edge;
}

/* place_free: is all of [start, start + len) inside the map and unmapped? */
static bool
place_free(const struct tess_map *map, tess_va start, uint64_t len)
{
	struct tess_entry *e;

	if (start < map->min || len > map->max || start > map->max - len)
		return false;
	e = tess_entry_of(tess_index_next_rcu(&map->index, start));
	return e == NULL || e->range.start >= start + len;
}

/* place_below_hint: the range that ends at the hint, if it is free. */
static bool
place_below_hint(const struct tess_map *map, uint64_t len, uint64_t align, tess_va *out)
{
	tess_va start;

	if (map->hint < map->min || map->hint - map->min < len)
		return false;
	start = (map->hint - len) & ~(align - 1);
	if (!place_free(map, start, map->hint - start))
		return false;
	*out = start;
	return true;
}

bool
tess_map_find(const struct tess_map *map, tess_va hint, uint64_t len, uint64_t align, tess_va *out)
{
	bool found;

	if (len == 0 || len > map->max - map->min)
		return false;
	tess_rcu_enter();
	hint = tess_page_round(hint);
	if (hint != 0 && (hint & (align - 1)) == 0 && place_free(map, hint, len)) {
		*out = hint;
		found = true;
	} else {
		found = place_below_hint(map, len, align, out) ||
			tess_index_gap_down(&map->index, map->min, map->hint, len, align, out) ||
			tess_index_gap_up(&map->index, map->top, map->max, len, align, out);
	}
	tess_rcu_exit();
	return found;
}

/* ---- The long way ---- */

#define PLACE_FLAGS \
	(TESS_MAPF_ASLR | TESS_MAPF_GUARDPAGES | TESS_MAPF_BOTTOMUP | TESS_MAPF_QUARANTINE)
#define PLACE_SUPER ((uint64_t)2 << 20)
#define PLACE_STEP  256 /* pages: how far ASLR steps away from what is spent */

/* One search.  `len` includes what is kept free on both sides: `below` bytes, and a page above. */
struct place {
	const struct tess_map *map;
	const struct tess_map_new *n;
	tess_va lo, hi, hint;
	uint64_t len, align, below, draw;
	uint32_t flags; /* of the map; QUARANTINE goes when the search starts over */
	enum {
		PLACE_DOWN,
		PLACE_UP
	} way;
};

/* place_mix: the draw of a state (the finaliser of splitmix64, Steele and others 2014). */
static uint64_t
place_mix(uint64_t z)
{
	z += 0x9e3779b97f4a7c15;
	z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
	z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
	return z ^ (z >> 31);
}

static bool
place_spent(const struct place *p)
{
	return (p->flags & TESS_MAPF_QUARANTINE) && p->map->spent_lo < p->map->spent_hi;
}

/* place_way: first fit from one end of [lo, hi); downward the map's top counts as its end first. */
static bool
place_way(const struct place *p, tess_va lo, tess_va hi, tess_va *out)
{
	const struct tess_index *ix = &p->map->index;
	tess_va top = p->map->top;

	if (lo >= hi)
		return false;
	if (p->way == PLACE_UP)
		return tess_index_gap_up(ix, lo, hi, p->len, p->align, out);
	if (top >= hi)
		return tess_index_gap_down(ix, lo, hi, p->len, p->align, out);
	return (lo < top && tess_index_gap_down(ix, lo, top, p->len, p->align, out)) ||
	       tess_index_gap_up(ix, lo > top ? lo : top, hi, p->len, p->align, out);
}

/* place_around: on either side of what is spent, the nearer one first; `step` bytes away if there is room. */
static bool
place_around(const struct place *p, tess_va lo, tess_va hi, uint64_t step, tess_va *out)
{
	tess_va a = p->map->spent_lo, b = p->map->spent_hi;
	tess_va below = a < hi ? a : hi, above = b > lo ? b : lo;

	if (p->way == PLACE_UP)
		return (step < hi && place_way(p, above + step, hi, out)) ||
		       place_way(p, above, hi, out) || place_way(p, lo, below, out);
	return (step < below && place_way(p, lo, below - step, out)) ||
	       place_way(p, lo, below, out) || place_way(p, above, hi, out);
}

/* place_search: one hole in [lo, hi), as the map's flags want it. */
static bool
place_search(const struct place *p, tess_va lo, tess_va hi, tess_va *out)
{
	bool random = (p->flags & TESS_MAPF_ASLR) != 0;
	uint64_t pages;

	if (lo >= hi || hi - lo < p->len)
		return false;
	if (place_spent(p))
		return place_around(p, lo, hi, random ? p->draw % PLACE_STEP * TESS_PAGE_SIZE : 0,
				    out);
	pages = (hi - lo - p->len) / TESS_PAGE_SIZE + 1;
	if (random && tess_index_gap_up(&p->map->index, lo + p->draw % pages * TESS_PAGE_SIZE, hi,
					p->len, p->align, out))
		return true;
	return place_way(p, lo, hi, out);
}

/* place_at_hint: the hint itself, if it is free and nothing speaks against it. */
static bool
place_at_hint(const struct place *p, tess_va *out)
{
	tess_va start = p->hint - p->below;

	if (p->hint == 0 || (p->hint & (p->align - 1)) != 0 || p->hint < p->lo + p->below ||
	    p->len > p->hi - p->lo || start > p->hi - p->len)
		return false;
	if (place_spent(p) && start < p->map->spent_hi && start + p->len > p->map->spent_lo)
		return false;
	*out = start;
	return place_free(p->map, start, p->len);
}

/* place_once: from the hint, then elsewhere. */
static bool
place_once(const struct place *p, tess_va *out)
{
	tess_va from = p->hint > p->lo ? p->hint : p->lo;

	if (!p->n->up)
		return place_at_hint(p, out) || place_search(p, p->lo, p->hi, out);
	from -= from - p->lo < p->below ? 0 : p->below;
	return place_search(p, from, p->hi, out) ||
	       (p->n->wrap && place_search(p, p->lo, p->hi, out));
}

/* place_try: with one alignment; without the quarantine when there is nothing else. */
static bool
place_try(struct place p, uint64_t align, tess_va *out)
{
	bool found;

	p.align = align < TESS_PAGE_SIZE ? TESS_PAGE_SIZE : align;
	p.below = p.flags & TESS_MAPF_GUARDPAGES ? p.align : 0;
	p.len = p.n->len + p.below + (p.below != 0 ? TESS_PAGE_SIZE : 0);
	found = place_once(&p, out);
	if (!found && place_spent(&p)) {
		p.flags &= (uint32_t)~TESS_MAPF_QUARANTINE;
		found = place_once(&p, out);
	}
	if (found)
		*out += p.below;
	return found;
}

/* place_long: whatever is asked. */
static bool
place_long(const struct tess_map *map, const struct tess_map_new *n, tess_va *out)
{
	struct place p = {.map = map,
			  .n = n,
			  .lo = n->lo > map->min ? n->lo : map->min,
			  .hi = (n->lo | n->hi) != 0 && n->hi < map->max ? n->hi : map->max,
			  .hint = tess_page_round(n->addr),
			  .flags = tess_load_relaxed(&map->flags) & PLACE_FLAGS,
			  .draw = place_mix(map->random)};
	bool found;

	if (n->len == 0 || n->len > map->max - map->min)
		return false;
	p.way = n->up || (p.flags & TESS_MAPF_BOTTOMUP) ? PLACE_UP : PLACE_DOWN;
	tess_rcu_enter();
	found = (n->super && n->align < PLACE_SUPER && place_try(p, PLACE_SUPER, out)) ||
		place_try(p, n->align, out);
	tess_rcu_exit();
	return found;
}

bool
tess_map_choose(const struct tess_map *map, const struct tess_map_new *n, tess_va *out)
{
	if (TESS_LIKELY((n->lo | n->hi | n->align) == 0 && !n->up && !n->super &&
			(tess_load_relaxed(&map->flags) & PLACE_FLAGS) == 0))
		return tess_map_find(map, n->addr, n->len, TESS_PAGE_SIZE, out);
	return place_long(map, n, out);
}

bool
tess_map_query(struct tess_map *map, const struct tess_map_new *n, tess_va *out)
{
	struct tess_map_edit ed;
	bool found;

	tess_map_edit_begin(&ed, map, map->min, map->max); /* `random` and `spent` are guarded */
	found = tess_map_choose(map, n, out);
	tess_map_edit_end(&ed);
	return found;
}

void
tess_map_place_chosen(struct tess_map *map, tess_va start, tess_va end)
{
	uint32_t flags = tess_load_relaxed(&map->flags);

	if (flags & TESS_MAPF_ASLR)
		map->random += 0x9e3779b97f4a7c15; /* the step of splitmix64 */
	if (!(flags & TESS_MAPF_QUARANTINE))
		return;
	if (map->spent_lo >= map->spent_hi || (start < map->spent_hi && end > map->spent_lo)) {
		map->spent_lo = start; /* the first, or it had to start over */
		map->spent_hi = end;
		return;
	}
	map->spent_lo = start < map->spent_lo ? start : map->spent_lo;
	map->spent_hi = end > map->spent_hi ? end : map->spent_hi;
}

/* ---- The public face ---- */

void
tess_map_set_seed(struct tess_map *map, uint64_t seed)
{
	struct tess_map_edit ed;

	tess_map_edit_begin(&ed, map, map->min, map->max);
	map->random = seed;
	tess_map_edit_end(&ed);
}

void
tess_map_release_quarantine(struct tess_map *map)
{
	struct tess_map_edit ed;

	tess_map_edit_begin(&ed, map, map->min, map->max);
	map->spent_lo = map->spent_hi = 0;
	tess_map_edit_end(&ed);
}

enum tess_kern
tess_map_place_ask(const struct tess_place *p, struct tess_map_new *n)
{
	bool exact = p->policy == TESS_PLACE_HINT;

	if (p->len == 0 || (p->align & (p->align - 1)) != 0 || p->len > UINT64_MAX - TESS_PAGE_SIZE)
		return TESS_KERN_INVALID_ARGUMENT;
	if (!tess_page_aligned(p->min | p->max) || (exact && !tess_page_aligned(p->hint)))
		return TESS_KERN_INVALID_ARGUMENT;
	n->len = tess_page_round(p->len);
	n->addr = p->hint;
	n->place = exact ? TESS_PLACE_EXCL : TESS_PLACE_ANY;
	n->lo = p->min;
	n->hi = p->max == 0 && p->min != 0 ? UINT64_MAX : p->max;
	n->align = p->align;
	n->up = p->policy == TESS_PLACE_BOTTOMUP;
	n->super = p->policy == TESS_PLACE_SUPER;
	return TESS_KERN_SUCCESS;
}

bool
tess_map_place_exact(struct tess_map *map, const struct tess_map_new *n)
{
	tess_va hi = (n->lo | n->hi) != 0 ? n->hi : map->max;

	return n->addr >= n->lo && (n->align == 0 || (n->addr & (n->align - 1)) == 0) &&
	       n->len <= hi && n->addr <= hi - n->len && n->addr >= map->min &&
	       n->addr + n->len <= map->max && !tess_map_any(map, n->addr, n->addr + n->len);
}

enum tess_kern
tess_map_findspace(struct tess_map *map, const struct tess_place *p, tess_va *out)
{
	struct tess_map_new n = {.len = 0};
	enum tess_kern kern = tess_map_place_ask(p, &n);
	tess_va start = n.addr;
	bool found;

	if (kern != TESS_KERN_SUCCESS)
		return kern;
	found = n.place == TESS_PLACE_ANY ? tess_map_query(map, &n, &start)
					  : tess_map_place_exact(map, &n);
	if (found)
		*out = start;
	return found ? TESS_KERN_SUCCESS : TESS_KERN_NO_SPACE;
}

enum tess_kern
tess_map_reserve(struct tess_map *map, const struct tess_place *p, tess_va *out)
{
	struct tess_map_new n = {.flags = TESS_ENTRY_GUARD,
				 .again = true,
				 .limits = {UINT64_MAX, UINT64_MAX, UINT64_MAX}};
	enum tess_kern kern = tess_map_place_ask(p, &n);
	enum tess_err err;

	if (kern != TESS_KERN_SUCCESS)
		return kern;
	if (n.place == TESS_PLACE_EXCL && !tess_map_place_exact(map, &n))
		return TESS_KERN_NO_SPACE;
	err = tess_map_insert(map, &n, out);
	if (err != TESS_ENOMEM)
		return err == TESS_OK ? TESS_KERN_SUCCESS : TESS_KERN_NO_SPACE;
	return tess_map_findspace(map, p, &(tess_va){0}) == TESS_KERN_SUCCESS
		   ? TESS_KERN_RESOURCE_SHORTAGE
		   : TESS_KERN_NO_SPACE;
}
