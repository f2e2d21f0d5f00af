/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * map_voaddr.c: what a byte is, whatever address shows it.
 *
 *	SHARED entry			(object, offset)	object counted
 *	private, its amap shared	(amap, slot and offset)	amap counted
 *	private else			(map, address)		only this map shows it
 *
 * It holds while nobody changes how the byte is mapped; what is counted keeps its identity from being given to
 * something else, not the byte itself.
 *
 * Rejected: naming the anon (uvm_voaddr of NetBSD).  It asks for a page to be there, and a copy-on-write renames it.
 */
#include "map_priv.h"

enum voaddr_kind {
	VOADDR_NONE,
	VOADDR_MAP,
	VOADDR_AMAP,
	VOADDR_OBJECT
};

/* voaddr_of: the identity of va in `e`, an entry of `map`, counted. */
static struct tess_voaddr
voaddr_of(struct tess_map *map, const struct tess_entry *e, tess_va va)
{
	if (e->amap == NULL) {
		tess_object_ref(e->object);
		return (struct tess_voaddr){VOADDR_OBJECT, e->object,
					    e->off + (va - e->range.start)};
	}
	if (e->amap == map->home)
		return (struct tess_voaddr){VOADDR_MAP, map, va};
	tess_amap_ref(e->amap);
	return (struct tess_voaddr){VOADDR_AMAP, e->amap,
				    (e->aidx << TESS_PAGE_SHIFT) + (va - e->range.start)};
}

enum tess_kern
tess_map_voaddr_acquire(struct tess_map *map, tess_va va, struct tess_voaddr *v)
{
	struct tess_map *sub = NULL;
	struct tess_map_edit ed;
	struct tess_entry *e;
	enum tess_kern kern = TESS_KERN_INVALID_ADDRESS;

	if (va < map->min || va >= map->max)
		return kern;
	/* So that what is found can be counted; raw: a wiring in progress is nothing to wait for. */
	tess_map_edit_begin_rank(&ed, map, map->min, map->max, TESS_RANK_LEAF);
	e = tess_map_lookup_rcu(map, va);
	if (e != NULL && e->sub != NULL && tess_submap_ref_try(e->sub)) {
		sub = e->sub;
	} else if (e != NULL) {
		*v = voaddr_of(map, e, va);
		kern = TESS_KERN_SUCCESS;
	}
	tess_map_edit_end(&ed);
	if (sub != NULL) {
		kern = tess_map_voaddr_acquire(sub, va, v); /* one level: a submap has none */
		tess_submap_unref(sub);
	}
	tess_rcu_poll();
	return kern;
}

void
tess_map_voaddr_release(struct tess_voaddr *v)
{
	if (v->kind == VOADDR_OBJECT)
		tess_object_unref(v->what);
	if (v->kind == VOADDR_AMAP)
		tess_amap_unref(v->what);
	*v = (struct tess_voaddr){VOADDR_NONE, NULL, 0};
	tess_rcu_poll();
}

int
tess_map_voaddr_compare(const struct tess_voaddr *a, const struct tess_voaddr *b)
{
	if (a->kind != b->kind)
		return a->kind < b->kind ? -1 : 1;
	if (a->what != b->what)
		return (uintptr_t)a->what < (uintptr_t)b->what ? -1 : 1;
	return a->where < b->where ? -1 : a->where > b->where;
}
