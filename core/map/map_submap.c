/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * map_submap.c: ranges of a map that are maps of their own; making and unmaking by the embedder.
 *
 *	parent	[ entry ][ SUBMAP ────────────────────────── ][ entry ]
 *			     └─► sub: [ entry ]      [ entry ][ entry ]
 *
 * A submap has its own index, its own lock, its own home amap and the parent's pmap: for the hardware there is one
 * address space, for the writers there are two maps that do not wait for each other.  A fault that finds the
 * parent's SUBMAP entry looks in the submap.  One level deep.
 *
 * It is counted: the parent's entry is one reference, a fault that waits for a writer of the submap another.  Readers
 * that hold neither are in a read section, which its memory outlives.
 *
 * Rejected: the parent's home amap for both.  A chunk of 2 MiB may straddle the edge; fork, which shares the parent's
 * chunks under the parent's lock, would then race with writers who hold only the submap's.
 */
#include "map_priv.h"

static void
submap_free_rcu(struct tess_rcu_head *head)
{
	tess_pool_put(&tess_machine()->map->maps, TESS_CONTAINER(head, struct tess_map, rcu));
}

bool
tess_submap_ref_try(struct tess_map *sub)
{
	uint32_t refs = tess_load_relaxed(&sub->refs);

	while (refs != 0)
		if (tess_cas_acquire(&sub->refs, &refs, refs + 1))
			return true;
	return false;
}

void
tess_submap_unref(struct tess_map *sub)
{
	if (tess_sub_acqrel(&sub->refs, 1) == 1)
		tess_rcu_defer(&sub->rcu, submap_free_rcu);
}

/* submap_new: an empty map over a range of the parent.  NULL: no memory. */
static struct tess_map *
submap_new(struct tess_map *parent, tess_va start, tess_va end)
{
	struct tess_pool *pool = &tess_machine()->map->maps;
	struct tess_map *sub = tess_pool_get(pool);

	if (sub == NULL)
		return NULL;
	memset(sub, 0, sizeof(*sub));
	sub->min = start;
	sub->max = sub->top = sub->hint = end;
	sub->parent = parent;
	sub->pmap = parent->pmap;
	sub->refs = 1;
	sub->flags = tess_load_relaxed(&parent->flags) & ~(uint32_t)TESS_MAPF_WIREFUTURE;
	tess_mutex_init(&sub->wiring);
	if (tess_index_init(&sub->index, start, end) != TESS_OK)
		goto fail;
	if (tess_amap_create(false, &sub->home) == TESS_OK)
		return sub;
	tess_index_fini(&sub->index);
fail:
	tess_pool_put(pool, sub);
	return NULL;
}

/* submap_end: nothing is mapped in it, and nobody finds it any more. */
static void
submap_end(struct tess_map *sub)
{
	struct tess_gather g;

	tess_gather_init(&g);
	tess_amap_destroy(sub->home, &g);
	tess_gather_finish(&g);
	tess_index_fini(&sub->index);
	tess_submap_unref(sub);
}

enum tess_kern
tess_map_submap_create(struct tess_map *parent, tess_va start, tess_va end, struct tess_map **out)
{
	struct tess_map_new n = {.len = end - start,
				 .addr = start,
				 .place = TESS_PLACE_EXCL,
				 .inherit = TESS_INHERIT_NONE,
				 .flags = TESS_ENTRY_SUBMAP,
				 .again = true,
				 .limits = {UINT64_MAX, UINT64_MAX, UINT64_MAX}};
	enum tess_err err;

	if (!tess_page_aligned(start | end) || start >= end || start < parent->min ||
	    end > parent->max || parent->parent != NULL)
		return TESS_KERN_INVALID_ARGUMENT;
	n.sub = submap_new(parent, start, end);
	if (n.sub == NULL)
		return TESS_KERN_RESOURCE_SHORTAGE;
	err = tess_map_insert(parent, &n, &start);
	if (err == TESS_OK)
		*out = n.sub;
	else
		submap_end(n.sub);
	tess_rcu_poll();
	if (err == TESS_EEXIST)
		return TESS_KERN_INVALID_ARGUMENT;
	return err == TESS_OK ? TESS_KERN_SUCCESS : TESS_KERN_RESOURCE_SHORTAGE;
}

enum tess_kern
tess_map_submap_destroy(struct tess_map *sub)
{
	struct tess_map *parent = sub->parent;
	struct tess_map_edit ed, own;
	enum tess_err err;
	bool empty;

	if (parent == NULL)
		return TESS_KERN_INVALID_ARGUMENT;
	tess_map_edit_begin(&ed, parent, sub->min, sub->max);
	tess_map_edit_begin_rank(&own, sub, sub->min, sub->max, TESS_RANK_LEAF2);
	empty = sub->entries == 0;
	if (empty) {
		ed.lo = sub->min;
		ed.hi = sub->max;
		err = tess_map_edit_prepare(&ed);
		TESS_ASSERT(err == TESS_OK); /* index.h: nothing for one */
		tess_map_edit_commit(&ed);
		tess_map_place_freed(parent, sub->min, sub->max);
		parent->subs--;
	}
	tess_map_edit_end(&own);
	tess_map_edit_end(&ed);
	if (empty)
		submap_end(sub);
	tess_rcu_poll();
	return empty ? TESS_KERN_SUCCESS : TESS_KERN_INVALID_ARGUMENT;
}

void
tess_map_submaps_end(struct tess_map *map)
{
	struct tess_entry *e;
	tess_va at = map->min;

	while (at < map->max && (e = tess_map_next_rcu(map, at)) != NULL) {
		struct tess_map *sub = e->sub;
		enum tess_kern kern;

		at = e->range.end;
		if (sub == NULL)
			continue;
		tess_map_clear(sub);
		kern = tess_map_submap_destroy(sub);
		TESS_ASSERT(kern == TESS_KERN_SUCCESS);
	}
}

/* ---- Making and unmaking ---- */

/* make_check: what the map need not be asked for. */
static enum tess_kern
make_check(const struct tess_map *map, const struct tess_map_new *n, tess_off off, unsigned flags)
{
	const unsigned known = TESS_MAP_SHARED | TESS_MAP_PRIVATE | TESS_MAP_FIXED;
	unsigned type = flags & TESS_MAP_TYPE;
	tess_prot both = TESS_PROT_WRITE | TESS_PROT_EXEC;

	if ((flags & ~known) != 0 || (type != TESS_MAP_SHARED && type != TESS_MAP_PRIVATE) ||
	    !tess_page_aligned(off) || off > UINT64_MAX - n->len ||
	    ((n->prot | n->maxprot) & ~TESS_PROT_ALL) != 0)
		return TESS_KERN_INVALID_ARGUMENT;
	if (n->place == TESS_PLACE_FIXED && (!tess_page_aligned(n->addr) || n->addr < map->min ||
					     n->len > map->max || n->addr > map->max - n->len))
		return TESS_KERN_INVALID_ARGUMENT;
	if ((n->prot & ~n->maxprot) != 0)
		return TESS_KERN_PROTECTION_FAILURE;
	if ((tess_load_relaxed(&map->flags) & TESS_MAPF_WXORX) && (n->prot & both) == both)
		return TESS_KERN_PROTECTION_FAILURE;
	return TESS_KERN_SUCCESS;
}

/* make_kern: the map's answer in the words of this layer; `found`: there was a place. */
static enum tess_kern
make_kern(enum tess_err err, bool found)
{
	switch (err) {
	case TESS_OK:
		return TESS_KERN_SUCCESS;
	case TESS_EEXIST:
		return TESS_KERN_NO_SPACE;
	case TESS_EPERM:
	case TESS_EACCES:
		return TESS_KERN_PROTECTION_FAILURE;
	case TESS_EINVAL:
		return TESS_KERN_INVALID_ARGUMENT;
	default:
		return found ? TESS_KERN_RESOURCE_SHORTAGE : TESS_KERN_NO_SPACE;
	}
}

/* make_insert: the object of zeros that SHARED wants, and the insertion. */
static enum tess_kern
make_insert(struct tess_map *map, struct tess_map_new *n, tess_va *out)
{
	struct tess_object *made = NULL;
	enum tess_err err;
	tess_va any;
	bool found;

	if (n->object == NULL && (n->flags & TESS_ENTRY_SHARED)) {
		if (tess_object_create_zero(n->len, &made) != TESS_OK)
			return TESS_KERN_RESOURCE_SHORTAGE;
		n->object = made;
		n->off = 0;
	}
	err = tess_map_insert(map, n, out);
	if (made != NULL)
		tess_object_unref(made);
	found = err != TESS_ENOMEM || n->place != TESS_PLACE_ANY || tess_map_query(map, n, &any);
	return make_kern(err, found);
}

enum tess_kern
tess_map_make(struct tess_map *map, const struct tess_place *p, tess_prot prot, tess_prot maxprot,
	      unsigned flags, struct tess_object *object, tess_off off, tess_va *out)
{
	bool shared = (flags & TESS_MAP_SHARED) != 0;
	struct tess_map_new n = {.object = object,
				 .off = off,
				 .prot = prot,
				 .maxprot = maxprot,
				 .inherit = shared ? TESS_INHERIT_SHARE : TESS_INHERIT_COPY,
				 .flags = shared ? TESS_ENTRY_SHARED : 0,
				 .limits = {UINT64_MAX, UINT64_MAX, UINT64_MAX}};
	enum tess_kern kern = tess_map_place_ask(p, &n);
	tess_va start;

	if (kern == TESS_KERN_SUCCESS && (flags & TESS_MAP_FIXED))
		n.place = TESS_PLACE_FIXED;
	if (kern == TESS_KERN_SUCCESS)
		kern = make_check(map, &n, off, flags);
	if (kern == TESS_KERN_SUCCESS && n.place == TESS_PLACE_EXCL &&
	    !tess_map_place_exact(map, &n))
		kern = TESS_KERN_NO_SPACE;
	if (kern == TESS_KERN_SUCCESS)
		kern = make_insert(map, &n, &start);
	if (kern == TESS_KERN_SUCCESS)
		*out = start;
	tess_rcu_poll();
	return kern;
}

enum tess_kern
tess_map_unmake(struct tess_map *map, tess_va start, tess_va end)
{
	enum tess_err err;

	if (!tess_page_aligned(start | end) || start > end || start < map->min || end > map->max)
		return TESS_KERN_INVALID_ARGUMENT;
	err = start < end ? tess_map_remove(map, start, end, TESS_HOLES_SKIP) : TESS_OK;
	tess_rcu_poll();
	return make_kern(err, true);
}
