/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * space.c: life of a space: create, fork, exec, exit; its limits; faults, and the stacks they grow.
 */
#include "space.h"

#define SPACE_MIN         ((tess_va)64 << 10)                   /* mmap_min_addr */
#define SPACE_MAX         (((tess_va)1 << 47) - TESS_PAGE_SIZE) /* user half, less its last page */
#define SPACE_STACK_LIMIT ((uint64_t)8 << 20)
#define SPACE_STACK_ROOM  ((tess_va)128 << 20) /* kept free at the top for a stack to grow */

enum tess_err
tess_mmap_room_init(struct tess_machine *m)
{
	struct tess_mmap_room *room = tess_boot_alloc(m, sizeof(*room), 64);

	if (room == NULL)
		return TESS_ENOMEM;
	m->mmap = room;
	return tess_pool_init(&room->spaces, "space", sizeof(struct tess_space), 64);
}

void
tess_mmap_room_fini(struct tess_machine *m)
{
	tess_pool_fini(&m->mmap->spaces);
}

bool
tess_span_make(tess_va addr, uint64_t len, struct tess_span *s)
{
	tess_va end = addr + len;

	s->start = tess_page_trunc(addr);
	s->end = tess_page_round(end);
	return end >= addr && s->end >= end;
}

struct tess_map_limits
tess_space_limits(const struct tess_space *sp)
{
	const struct tess_rules *ru = sp->rules;

	return (struct tess_map_limits){
	    .bytes =
		ru->limit_as ? tess_load_relaxed(&sp->limit[TESS_LIMIT_AS]) : TESS_LIMIT_INFINITY,
	    .data = ru->limit_data ? tess_load_relaxed(&sp->limit[TESS_LIMIT_DATA])
				   : TESS_LIMIT_INFINITY,
	    .locked = tess_load_relaxed(&sp->limit[TESS_LIMIT_MEMLOCK]),
	};
}

enum tess_err
tess_space_leave(enum tess_err e)
{
	tess_rcu_poll();
	return e;
}

/* space_range: the user range of a configuration.  EINVAL: not a range. */
static enum tess_err
space_range(const struct tess_space_config *cfg, tess_va *min, tess_va *max, tess_va *top)
{
	*min = cfg != NULL && cfg->max != 0 ? cfg->min : SPACE_MIN;
	*max = cfg != NULL && cfg->max != 0 ? cfg->max : SPACE_MAX;
	*top = cfg != NULL ? cfg->mmap_top : 0;
	if (*top == 0)
		*top = *max - *min > 4 * SPACE_STACK_ROOM ? *max - SPACE_STACK_ROOM : *max;
	if (!tess_page_aligned(*min | *max | *top) || *min >= *max || *max > SPACE_MAX ||
	    *top <= *min || *top > *max)
		return TESS_EINVAL;
	return TESS_OK;
}

/* space_new: a space with an empty map. */
static enum tess_err
space_new(enum tess_personality personality, tess_va min, tess_va max, tess_va top,
	  struct tess_space **out)
{
	struct tess_pool *pool = &tess_machine()->mmap->spaces;
	struct tess_space *sp = tess_pool_get(pool);
	enum tess_err e;

	if (sp == NULL)
		return TESS_ENOMEM;
	e = tess_map_init(&sp->map, min, max, top);
	if (e != TESS_OK) {
		tess_pool_put(pool, sp);
		return e;
	}
	tess_mutex_init(&sp->lock);
	sp->personality = personality;
	sp->rules = &tess_rules[personality];
	sp->brk_start = sp->brk = 0;
	*out = sp;
	return TESS_OK;
}

enum tess_err
tess_space_create(const struct tess_space_config *cfg, struct tess_space **out)
{
	enum tess_personality p = cfg != NULL ? cfg->personality : TESS_PERSONALITY_POSIX;
	tess_va min, max, top;
	struct tess_space *sp;
	enum tess_err e = space_range(cfg, &min, &max, &top);

	if (e != TESS_OK || (unsigned)p >= TESS_PERSONALITY_COUNT)
		return tess_space_leave(TESS_EINVAL);
	if (cfg != NULL && (cfg->map_flags & ~(unsigned)TESS_MAPF_ALL))
		return tess_space_leave(TESS_EINVAL);
	e = space_new(p, min, max, top, &sp);
	if (e != TESS_OK)
		return tess_space_leave(e);
	if (cfg != NULL) {
		(void)tess_map_set_flags(&sp->map, cfg->map_flags);
		tess_map_set_seed(&sp->map, cfg->seed);
	}
	for (unsigned i = 0; i < TESS_LIMIT_COUNT; i++) {
		sp->limit[i] = i == TESS_LIMIT_STACK ? SPACE_STACK_LIMIT : TESS_LIMIT_INFINITY;
		if (cfg != NULL && cfg->limit[i] != 0)
			sp->limit[i] = cfg->limit[i];
	}
	*out = sp;
	return tess_space_leave(TESS_OK);
}

/* space_free: the map is empty of everything but itself. */
static void
space_free(struct tess_space *sp)
{
	tess_map_fini(&sp->map);
	tess_pool_put(&tess_machine()->mmap->spaces, sp);
}

enum tess_err
tess_space_fork(struct tess_space *sp, struct tess_space **out)
{
	struct tess_space *child;
	enum tess_err e;

	e = space_new(sp->personality, sp->map.min, sp->map.max, sp->map.top, &child);
	if (e != TESS_OK)
		return tess_space_leave(e);
	for (unsigned i = 0; i < TESS_LIMIT_COUNT; i++)
		child->limit[i] = tess_load_relaxed(&sp->limit[i]);
	tess_mutex_lock(&sp->lock, TESS_RANK_SPACE);
	child->brk_start = sp->brk_start;
	child->brk = sp->brk;
	e = tess_map_fork(&sp->map, &child->map);
	tess_mutex_unlock(&sp->lock, TESS_RANK_SPACE);
	if (e != TESS_OK)
		space_free(child);
	else
		*out = child;
	return tess_space_leave(e);
}

void
tess_space_exec(struct tess_space *sp)
{
	tess_map_clear(&sp->map);
	tess_mutex_lock(&sp->lock, TESS_RANK_SPACE);
	sp->brk_start = sp->brk = 0;
	tess_mutex_unlock(&sp->lock, TESS_RANK_SPACE);
	tess_rcu_poll();
}

void
tess_space_destroy(struct tess_space *sp)
{
	space_free(sp); /* its pmap leaves this CPU by itself */
	tess_rcu_poll();
}

void
tess_space_activate(struct tess_space *sp)
{
	tess_port_preempt_disable();
	tess_pmap_activate(sp != NULL ? sp->map.pmap : NULL);
	tess_port_preempt_enable();
}

struct tess_map *
tess_space_map(struct tess_space *sp)
{
	return &sp->map;
}

enum tess_personality
tess_space_personality(const struct tess_space *sp)
{
	return sp->personality;
}

enum tess_err
tess_space_set_limit(struct tess_space *sp, enum tess_limit which, uint64_t bytes)
{
	if ((unsigned)which >= TESS_LIMIT_COUNT)
		return TESS_EINVAL;
	tess_store_relaxed(&sp->limit[which], bytes);
	return TESS_OK;
}

enum tess_err
tess_space_set_brk(struct tess_space *sp, tess_va start)
{
	if (start < sp->map.min || start >= sp->map.max)
		return TESS_EINVAL;
	tess_mutex_lock(&sp->lock, TESS_RANK_SPACE);
	sp->brk_start = sp->brk = start;
	tess_mutex_unlock(&sp->lock, TESS_RANK_SPACE);
	return TESS_OK;
}

/*
 * stack_reach: may the grow-down entry above `page` grow to it?  *edge is where the entry starts now.
 *
 * => at most the stack limit; not into the gap above what is below, unless that cannot be accessed
 */
static bool
stack_reach(struct tess_space *sp, tess_va page, tess_va *edge)
{
	struct tess_map *map = &sp->map;
	struct tess_entry *e, *below;
	bool ok = false;

	tess_rcu_enter();
	e = tess_map_next_rcu(map, page);
	below = tess_entry_of(tess_index_prev_rcu(&map->index, page));
	if (e != NULL && (e->flags & TESS_ENTRY_GROWSDOWN) && e->range.start > page &&
	    page >= map->min &&
	    e->range.end - page <= tess_load_relaxed(&sp->limit[TESS_LIMIT_STACK])) {
		ok = below == NULL || (below->flags & TESS_ENTRY_GROWSDOWN) ||
		     below->prot == TESS_PROT_NONE || page - below->range.end >= TESS_STACK_GAP;
		*edge = e->range.start;
	}
	tess_rcu_exit();
	return ok;
}

/* stack_grow: SIGSEGV at va; if a stack reaches down to it, OK: try again. */
static enum tess_err
stack_grow(struct tess_space *sp, tess_va va)
{
	struct tess_map_limits limits = tess_space_limits(sp);
	tess_va page = tess_page_trunc(va), edge;

	if (!stack_reach(sp, page, &edge))
		return TESS_SIGSEGV;
	switch (tess_map_extend(&sp->map, edge, page, &limits)) {
	case TESS_OK:
	case TESS_EEXIST: /* another CPU was there first */
	case TESS_EFAULT:
		return TESS_OK;
	default:
		return TESS_SIGSEGV;
	}
}

/* stack_grow_gap: the same for bsd's MAP_STACK, whose gap is mapped; RLIMIT_STACK is not asked. */
static enum tess_err
stack_grow_gap(struct tess_space *sp, tess_va va)
{
	struct tess_map_limits limits = tess_space_limits(sp);

	switch (tess_map_grow_stack(&sp->map, tess_page_trunc(va), &limits)) {
	case TESS_OK:
	case TESS_EEXIST: /* another CPU was there first */
		return TESS_OK;
	default:
		return TESS_SIGSEGV;
	}
}

enum tess_err
tess_fault(struct tess_space *sp, tess_va va, enum tess_access access)
{
	enum tess_err e = tess_map_fault(&sp->map, va, access);

	if (TESS_UNLIKELY(e == TESS_SIGSEGV) && va < sp->map.max) {
		struct tess_entry *there;
		bool gap;

		tess_rcu_enter();
		there = tess_map_lookup_rcu(&sp->map, va);
		gap = there != NULL && (there->flags & TESS_ENTRY_STACKGAP);
		tess_rcu_exit();
		if ((there == NULL && stack_grow(sp, va) == TESS_OK) ||
		    (gap && stack_grow_gap(sp, va) == TESS_OK))
			e = tess_map_fault(&sp->map, va, access);
	}
	return tess_space_leave(e);
}
