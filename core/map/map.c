/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * map.c: life of a map, making mappings, growing them, and the walker.
 */
#include "map_priv.h"

enum tess_err
tess_map_init(struct tess_map *map, tess_va min, tess_va max, tess_va top)
{
	struct tess_gather g;
	enum tess_err e;

	memset(map, 0, sizeof(*map));
	map->min = min;
	map->max = max;
	map->top = map->hint = top;
	tess_mutex_init(&map->wiring);
	e = tess_index_init(&map->index, min, max);
	if (e != TESS_OK)
		return e;
	e = tess_amap_create(false, &map->home);
	if (e != TESS_OK)
		goto fail_index;
	e = tess_pmap_create(&map->pmap);
	if (e == TESS_OK)
		return TESS_OK;
	tess_gather_init(&g);
	tess_amap_destroy(map->home, &g);
	tess_gather_finish(&g);
fail_index:
	tess_index_fini(&map->index);
	return e;
}

void
tess_map_fini(struct tess_map *map)
{
	struct tess_gather g;

	tess_map_clear(map);
	tess_gather_init(&g);
	tess_amap_destroy(map->home, &g);
	tess_gather_finish(&g);
	tess_pmap_destroy(map->pmap);
	tess_index_fini(&map->index);
}

void
tess_map_over(struct tess_map *map, tess_va start, tess_va end, struct tess_map_limits *over)
{
	struct tess_entry *e;

	*over = (struct tess_map_limits){0, 0, 0};
	for (tess_va at = start; at < end; at = e->range.end) {
		tess_va lo, hi;

		e = tess_map_next_rcu(map, at);
		if (e == NULL || e->range.start >= end)
			break;
		lo = e->range.start > start ? e->range.start : start;
		hi = e->range.end < end ? e->range.end : end;

		over->bytes += hi - lo;
		over->data += tess_entry_is_data(e) ? hi - lo : 0;
		over->locked += e->flags & TESS_ENTRY_LOCKED ? hi - lo : 0;
	}
}

enum tess_err
tess_map_limit(const struct tess_map *map, const struct tess_entry *e, uint64_t len,
	       const struct tess_map_limits *less, const struct tess_map_limits *limits)
{
	if (map->bytes - less->bytes + len > limits->bytes)
		return TESS_ENOMEM;
	if (tess_entry_is_data(e) && map->data - less->data + len > limits->data)
		return TESS_ENOMEM;
	if ((e->flags & TESS_ENTRY_LOCKED) && map->locked - less->locked + len > limits->locked)
		return TESS_EAGAIN;
	return TESS_OK;
}

/* insert_begin: a place is looked for everywhere, but only what is free is changed: somebody's wiring is not. */
static void
insert_begin(struct tess_map_edit *ed, struct tess_map *map, const struct tess_map_new *n)
{
	if (n->place == TESS_PLACE_ANY)
		tess_map_edit_begin_rank(ed, map, map->min, map->max, TESS_RANK_LEAF);
	else
		tess_map_edit_begin(ed, map, n->addr, n->addr + n->len);
}

/* insert_may: does the map want such a mapping at all? */
static enum tess_err
insert_may(const struct tess_map *map, const struct tess_map_new *n)
{
	tess_prot both = TESS_PROT_WRITE | TESS_PROT_EXEC;

	TESS_DEBUG(n->gap < n->len && (n->gap == 0 || n->object == NULL));
	if ((tess_load_relaxed(&map->flags) & TESS_MAPF_WXORX) && (n->prot & both) == both)
		return TESS_EACCES;
	return TESS_OK;
}

/* insert_where: choose or check the address; *over becomes what is there. */
static enum tess_err
insert_where(struct tess_map *map, const struct tess_map_new *n, tess_va *start,
	     struct tess_map_limits *over)
{
	enum tess_err err;

	*over = (struct tess_map_limits){0, 0, 0};
	if (n->place == TESS_PLACE_ANY)
		return tess_map_choose(map, n, start) ? TESS_OK : TESS_ENOMEM;
	*start = n->addr;
	err = n->place == TESS_PLACE_FIXED
		  ? tess_map_going(map, n->addr, n->addr + n->len, TESS_HOLES_SKIP)
		  : TESS_OK;
	if (err != TESS_OK)
		return err;
	tess_map_over(map, n->addr, n->addr + n->len, over);
	over->data =
	    over->bytes; /* as Linux counts: whatever is replaced makes room (mmap_region) */
	return n->place == TESS_PLACE_EXCL && over->bytes != 0 ? TESS_EEXIST : TESS_OK;
}

/* insert_close: put the new entry, and the gap below it that it may grow into. */
static enum tess_err
insert_close(struct tess_map_edit *ed, const struct tess_entry *e, uint64_t gap)
{
	tess_va start = e->range.start, end = e->range.end;
	struct tess_entry below = *e;

	below.prot = TESS_PROT_NONE;
	below.flags =
	    (uint32_t)((e->flags & ~TESS_ENTRY_GROWSDOWN) | TESS_ENTRY_GUARD | TESS_ENTRY_STACKGAP);
	tess_map_edit_open(ed, start, end);
	if (gap != 0)
		tess_map_edit_put(ed, &below, start, start + gap);
	tess_map_edit_put(ed, e, start + gap, end);
	return tess_map_edit_close(ed, end);
}

/* insert_release: let faults into the new entry that starts here. */
static void
insert_release(struct tess_map_edit *ed, tess_va start)
{
	struct tess_entry *made = tess_map_lookup_rcu(ed->map, start);

	tess_store_release(&made->held, 0); /* pairs with tess_entry_live() */
	tess_map_remerge(ed, start, made->range.end);
}

/* insert_commit: publish over what may be there, take that away, let faults in. */
static void
insert_commit(struct tess_map_edit *ed, struct tess_strip *strip, const struct tess_entry *e,
	      uint64_t gap)
{
	tess_map_edit_commit(ed);
	if (!e->held)
		return;
	tess_map_strip(strip, ed, e->range.start, e->range.end, TESS_WIPE_RELEASE);
	if (gap != 0)
		insert_release(ed, e->range.start);
	insert_release(ed, e->range.start + gap);
}

enum tess_err
tess_map_insert(struct tess_map *map, const struct tess_map_new *n, tess_va *out)
{
	struct tess_map_edit ed;
	struct tess_strip strip;
	struct tess_entry e;
	struct tess_map_limits over;
	enum tess_err err;
	tess_va start;

	insert_begin(&ed, map, n);
	tess_map_strip_begin(&strip);
	err = insert_may(map, n);
	if (err == TESS_OK)
		err = insert_where(map, n, &start, &over);
	if (err != TESS_OK)
		goto out;
	e = (struct tess_entry){
	    .range = {.start = start, .end = start + n->len},
	    .object = n->object,
	    .off = n->object != NULL ? n->off : 0,
	    .amap = n->flags & TESS_ENTRY_SHARED ? NULL : map->home,
	    .aidx = n->flags & TESS_ENTRY_SHARED ? 0 : start >> TESS_PAGE_SHIFT,
	    .prot = n->prot,
	    .maxprot = n->maxprot,
	    .inherit = n->inherit,
	    .advice = n->advice,
	    .flags = n->again ? n->flags : (uint32_t)(n->flags | map->future),
	    .held = over.bytes != 0,
	    .sub = n->sub,
	};
	tess_entry_charge(&e);
	err = tess_map_limit(map, &e, n->len, &over, &n->limits);
	if (err == TESS_OK && over.bytes != 0)
		err = tess_map_strip_prepare(&strip, &ed, start, start + n->len);
	if (err != TESS_OK)
		goto out;
	err = insert_close(&ed, &e, n->gap);
	if (err != TESS_OK)
		goto out;
	insert_commit(&ed, &strip, &e, n->gap);
	tess_map_place_took(map, start, start + n->len);
	if (TESS_UNLIKELY(n->sub != NULL))
		map->subs++;
	if (n->place == TESS_PLACE_ANY && TESS_UNLIKELY(tess_load_relaxed(&map->flags) != 0))
		tess_map_place_chosen(map, start, start + n->len);
	*out = start;
out:
	tess_map_strip_end(&strip);
	tess_map_edit_end(&ed);
	return err;
}

enum tess_err
tess_map_insert_like(struct tess_map *map, tess_va like, const struct tess_map_new *n, tess_va *out)
{
	struct tess_entry *e;
	enum tess_err err;
	bool held = false;

	tess_rcu_enter();
	e = tess_map_lookup_rcu(map, like);
	if (e != NULL && e->object == n->object && n->object != NULL)
		held = tess_object_ref_try(n->object);
	tess_rcu_exit();
	if (!held)
		return TESS_EFAULT;
	err = tess_map_insert(map, n, out);
	tess_object_unref(n->object);
	return err;
}

uint64_t
tess_map_locked(struct tess_map *map, tess_va start, tess_va end)
{
	struct tess_map_limits over;

	tess_rcu_enter();
	tess_map_over(map, start, end, &over);
	tess_rcu_exit();
	return over.locked;
}

void
tess_map_future(struct tess_map *map, uint32_t flags)
{
	uint32_t kept = tess_load_relaxed(&map->flags) & ~(uint32_t)TESS_MAPF_WIREFUTURE;

	map->future = flags;
	tess_store_relaxed(&map->flags, kept | (flags != 0 ? TESS_MAPF_WIREFUTURE : 0));
}

void
tess_map_set_future(struct tess_map *map, uint32_t flags)
{
	struct tess_map_edit ed;

	tess_map_edit_begin(&ed, map, map->min, map->max);
	tess_map_future(map, flags);
	tess_map_edit_end(&ed);
}

enum tess_kern
tess_map_set_flags(struct tess_map *map, unsigned flags)
{
	struct tess_map_edit ed;

	if (flags & ~(unsigned)TESS_MAPF_ALL)
		return TESS_KERN_INVALID_ARGUMENT;
	tess_map_edit_begin(&ed, map, map->min, map->max);
	tess_store_relaxed(&map->flags, flags);
	if (!(flags & TESS_MAPF_WIREFUTURE))
		map->future = 0;
	else if (map->future == 0) /* else as mlockall() said */
		map->future = TESS_ENTRY_LOCKED;
	tess_map_edit_end(&ed);
	tess_rcu_poll();
	return TESS_KERN_SUCCESS;
}

unsigned
tess_map_get_flags(struct tess_map *map)
{
	return tess_load_relaxed(&map->flags);
}

const char *
tess_kern_name(enum tess_kern k)
{
	static const char *const names[TESS_KERN_COUNT] = {
	    [TESS_KERN_SUCCESS] = "KERN_SUCCESS",
	    [TESS_KERN_INVALID_ADDRESS] = "KERN_INVALID_ADDRESS",
	    [TESS_KERN_PROTECTION_FAILURE] = "KERN_PROTECTION_FAILURE",
	    [TESS_KERN_NO_SPACE] = "KERN_NO_SPACE",
	    [TESS_KERN_INVALID_ARGUMENT] = "KERN_INVALID_ARGUMENT",
	    [TESS_KERN_FAILURE] = "KERN_FAILURE",
	    [TESS_KERN_RESOURCE_SHORTAGE] = "KERN_RESOURCE_SHORTAGE",
	    [TESS_KERN_OUT_OF_BOUNDS] = "KERN_OUT_OF_BOUNDS",
	};

	return (unsigned)k < TESS_KERN_COUNT ? names[k] : "?";
}

bool
tess_map_mapping_rcu(struct tess_map *map, tess_va va, struct tess_entry *e)
{
	struct tess_entry *there = tess_map_lookup_rcu(map, va), *next;

	if (there == NULL)
		return false;
	/* not `*e = *there`: a writer may be marking it meanwhile */
	*e = (struct tess_entry){.range = {.start = there->range.start, .end = there->range.end},
				 .object = there->object,
				 .off = there->off,
				 .amap = there->amap,
				 .aidx = there->aidx,
				 .prot = there->prot,
				 .maxprot = there->maxprot,
				 .inherit = there->inherit,
				 .advice = there->advice,
				 .flags = there->flags};
	while (e->range.end < map->max && (next = tess_map_lookup_rcu(map, e->range.end)) != NULL &&
	       tess_entry_continues(there, next)) {
		e->range.end = next->range.end;
		there = next;
	}
	return true;
}

bool
tess_map_any(struct tess_map *map, tess_va start, tess_va end)
{
	struct tess_entry *e;
	bool any;

	tess_rcu_enter();
	e = tess_map_next_rcu(map, start);
	any = e != NULL && e->range.start < end;
	tess_rcu_exit();
	return any;
}

bool
tess_map_hole(struct tess_map *map, tess_va start, tess_va end)
{
	struct tess_entry *e;

	tess_rcu_enter();
	while (start < end && (e = tess_map_lookup_rcu(map, start)) != NULL)
		start = e->range.end;
	tess_rcu_exit();
	return start < end;
}

/* extend_check: an entry ends (or starts) at the edge, the range is free, limits allow it. */
static enum tess_err
extend_check(struct tess_map *map, const struct tess_entry *e, tess_va lo, tess_va hi,
	     const struct tess_map_limits *limits)
{
	struct tess_map_limits over;

	if (e == NULL || (e->range.end != lo && e->range.start != hi))
		return TESS_EFAULT;
	tess_map_over(map, lo, hi, &over);
	if (over.bytes != 0)
		return TESS_EEXIST;
	return tess_map_limit(map, e, hi - lo, &over, limits);
}

enum tess_err
tess_map_extend(struct tess_map *map, tess_va end, tess_va new_end,
		const struct tess_map_limits *limits)
{
	tess_va lo = new_end > end ? end : new_end, hi = new_end > end ? new_end : end;
	struct tess_cover cover = {.held = false};
	struct tess_entry *e, more;
	struct tess_map_edit ed;
	enum tess_err err;

	if (lo < map->min || hi > map->max)
		return TESS_ENOMEM;
	/* what grows is part of the change: it may be in somebody's wiring */
	tess_map_edit_begin(&ed, map, new_end > end ? lo - TESS_PAGE_SIZE : lo,
			    new_end > end ? hi : hi + TESS_PAGE_SIZE);
	e = tess_map_lookup_rcu(map, new_end > end ? end - 1 : end);
	err = extend_check(map, e, lo, hi, limits);
	if (err == TESS_OK)
		err = tess_map_cover_more(&cover, e, lo, hi);
	if (err != TESS_OK)
		goto out;
	more = *e;
	more.flags &= (uint32_t)~TESS_ENTRY_GUARDED; /* what is new is not guarded */
	tess_map_edit_open(&ed, lo, hi);
	tess_map_edit_put(&ed, &more, lo, hi);
	err = tess_map_edit_close(&ed, hi);
	if (err != TESS_OK)
		goto out;
	tess_map_edit_commit(&ed);
	if (cover.held)
		tess_cover_add(&cover, e->amap, tess_entry_slot(e, lo),
			       (hi - lo) >> TESS_PAGE_SHIFT);
	tess_map_place_took(map, lo, hi);
out:
	if (cover.held)
		tess_cover_end(&cover);
	tess_map_edit_end(&ed);
	return err;
}

/* A stack and the gap below it, while it grows. */
struct gap_growth {
	const struct tess_entry *gap, *stack;
	tess_va from, to; /* what the stack gets of the gap */
	struct tess_cover cover;
};

/* gap_edges: the gap around `page`; equal neighbours that memory kept apart are one.  NULL: there is none. */
static const struct tess_entry *
gap_edges(struct tess_map *map, tess_va page, tess_va *start, tess_va *end)
{
	const struct tess_entry *gap = tess_map_lookup_rcu(map, page), *e, *next;

	if (gap == NULL || !(gap->flags & TESS_ENTRY_STACKGAP))
		return NULL;
	for (e = gap; e->range.start > map->min; e = next) {
		next = tess_map_lookup_rcu(map, e->range.start - 1);
		if (next == NULL || !tess_entry_joins(next, e))
			break;
	}
	*start = e->range.start;
	for (e = gap; e->range.end < map->max; e = next) {
		next = tess_map_lookup_rcu(map, e->range.end);
		if (next == NULL || !tess_entry_joins(e, next))
			break;
	}
	*end = e->range.end;
	return gap;
}

/* gap_look: the gap at `page`, the stack above it, and how much of the gap it takes. */
static enum tess_err
gap_look(struct tess_map *map, tess_va page, const struct tess_map_limits *limits,
	 struct gap_growth *w)
{
	tess_va start;
	uint64_t grow;

	w->gap = gap_edges(map, page, &start, &w->to);
	if (w->gap == NULL)
		return TESS_EEXIST;
	w->stack = w->to < map->max ? tess_map_lookup_rcu(map, w->to) : NULL;
	if (w->stack == NULL || w->stack->range.start != w->to ||
	    !(w->stack->flags & TESS_ENTRY_GROWSDOWN) || page < start + TESS_PAGE_SIZE)
		return TESS_EFAULT;
	grow = (w->to - page + TESS_STACK_STEP - 1) & ~(uint64_t)(TESS_STACK_STEP - 1);
	if (grow > w->to - start - TESS_PAGE_SIZE)
		grow = w->to - start - TESS_PAGE_SIZE;
	w->from = w->to - grow;
	if ((w->stack->flags & ~w->gap->flags & TESS_ENTRY_LOCKED) &&
	    map->locked + grow > limits->locked)
		return TESS_EAGAIN;
	return TESS_OK;
}

/* gap_cover: slots of amaps that a child shares: the stack's cover more, the gap's less. */
static enum tess_err
gap_cover(struct gap_growth *w)
{
	enum tess_err err = tess_map_cover_more(&w->cover, w->stack, w->from, w->to);

	if (err != TESS_OK || !w->gap->amap->shared)
		return err;
	if (!w->cover.held)
		tess_cover_begin(&w->cover);
	return tess_cover_prepare(&w->cover, w->gap->amap, tess_entry_slot(w->gap, w->from),
				  (w->to - w->from) >> TESS_PAGE_SHIFT);
}

/* gap_commit: nothing is in the gap, so nothing has to be taken away. */
static void
gap_commit(struct tess_map_edit *ed, struct gap_growth *w)
{
	uint64_t n = (w->to - w->from) >> TESS_PAGE_SHIFT;

	tess_map_edit_commit(ed);
	if (w->stack->amap->shared)
		tess_cover_add(&w->cover, w->stack->amap, tess_entry_slot(w->stack, w->from), n);
	if (w->gap->amap->shared)
		tess_cover_drop(&w->cover, w->gap->amap, tess_entry_slot(w->gap, w->from), n,
				&ed->g);
}

enum tess_err
tess_map_grow_stack(struct tess_map *map, tess_va page, const struct tess_map_limits *limits)
{
	struct gap_growth w = {.cover = {.held = false}};
	struct tess_map_edit ed;
	enum tess_err err;
	tess_va start, end;

	tess_rcu_enter();
	if (gap_edges(map, page, &start, &end) == NULL)
		end = page;
	tess_rcu_exit();
	tess_map_edit_begin(&ed, map, page, end < map->max ? end + TESS_PAGE_SIZE : end);
	err = gap_look(map, page, limits, &w);
	if (err == TESS_OK)
		err = gap_cover(&w);
	if (err == TESS_OK) {
		tess_map_edit_open(&ed, w.from, w.to);
		tess_map_edit_put(&ed, w.stack, w.from, w.to);
		err = tess_map_edit_close(&ed, w.to);
	}
	if (err == TESS_OK)
		gap_commit(&ed, &w);
	if (w.cover.held)
		tess_cover_end(&w.cover);
	tess_map_edit_end(&ed);
	return err;
}

void
tess_map_wait(struct tess_map *map)
{
	struct tess_map_edit ed;

	/* raw: the wirer itself may fault */
	tess_map_edit_begin_rank(&ed, map, map->min, map->max, TESS_RANK_LEAF);
	tess_map_edit_end(&ed);
}
