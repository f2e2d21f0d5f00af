/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * entry.c: life of an entry, and when two are one.
 */
#include "map_priv.h"

enum tess_err
tess_map_room_init(struct tess_machine *m)
{
	struct tess_map_room *room = tess_boot_alloc(m, sizeof(*room), 64);

	if (room == NULL)
		return TESS_ENOMEM;
	m->map = room;
	if (tess_pool_init(&room->maps, "submap", sizeof(struct tess_map), 64) != TESS_OK)
		return TESS_ENOMEM;
	return tess_pool_init(&room->entries, "entry", sizeof(struct tess_entry), 64);
}

void
tess_map_room_fini(struct tess_machine *m)
{
	tess_pool_fini(&m->map->entries);
	tess_pool_fini(&m->map->maps);
	TESS_ASSERT(m->wired.used == 0); /* I-MAP-9 */
}

/*
 * tess_entry_copy: a new entry like `e`, cut to [start, end).  NULL: no memory.
 *
 * => start may lie before e's own start: offsets go down with it (a grow-down stack)
 * => takes a reference to the object, and counts there whether its pages are kept
 */
struct tess_entry *
tess_entry_copy(const struct tess_entry *e, tess_va start, tess_va end)
{
	struct tess_entry *n = tess_pool_get(&tess_machine()->map->entries);

	if (n == NULL)
		return NULL;
	*n = *e;
	n->range.start = start;
	n->range.end = end;
	n->range.dead = 0;
	n->transition = 0;
	n->range.creator = tess_port_cpu();
	n->range.link = NULL;
	n->off = e->object != NULL ? e->off + (start - e->range.start) : 0;
	n->aidx =
	    e->amap != NULL ? e->aidx + ((int64_t)(start - e->range.start) >> TESS_PAGE_SHIFT) : 0;
	if (n->object != NULL) {
		tess_object_ref(n->object);
		if (tess_entry_is_kept(n))
			tess_add_relaxed(&n->object->locked, 1);
	}
	tess_stat_add(TESS_STAT_ENTRY_ALLOC, 1);
	return n;
}

/* entry_drop: what the entry holds. */
static void
entry_drop(struct tess_entry *e)
{
	if (e->object == NULL)
		return;
	if (tess_entry_is_kept(e))
		tess_sub_acqrel(&e->object->locked, 1);
	tess_object_unref(e->object);
}

void
tess_entry_free_now(struct tess_entry *e)
{
	entry_drop(e);
	tess_pool_put(&tess_machine()->map->entries, e);
}

static void
entry_put_rcu(struct tess_rcu_head *head)
{
	tess_pool_put(&tess_machine()->map->entries, TESS_CONTAINER(head, struct tess_entry, rcu));
}

/*
 * tess_entry_free_rcu: readers may still look at the entry, and through it at the object, which is
 * itself freed through RCU only.
 */
void
tess_entry_free_rcu(struct tess_entry *e)
{
	entry_drop(e);
	tess_rcu_defer(&e->rcu, entry_put_rcu);
}

/* entry_follows: is b what a would be if it were longer, but for the flags in `but`? */
static bool
entry_follows(const struct tess_entry *a, const struct tess_entry *b, uint32_t but)
{
	uint64_t bytes = tess_entry_bytes(a);

	return a->range.end == b->range.start && a->object == b->object && a->amap == b->amap &&
	       a->sub == b->sub && a->prot == b->prot && a->maxprot == b->maxprot &&
	       a->inherit == b->inherit && a->advice == b->advice &&
	       ((a->flags ^ b->flags) & ~but) == 0 && a->wired == b->wired &&
	       (tess_load_relaxed(&a->held) | tess_load_relaxed(&b->held)) == 0 &&
	       (a->transition | b->transition) == 0 &&
	       (a->object == NULL || a->off + bytes == b->off) &&
	       (a->amap == NULL || a->aidx + (bytes >> TESS_PAGE_SHIFT) == b->aidx);
}

bool
tess_entry_joins(const struct tess_entry *a, const struct tess_entry *b)
{
	return entry_follows(a, b, 0);
}

bool
tess_entry_continues(const struct tess_entry *a, const struct tess_entry *b)
{
	return entry_follows(a, b, TESS_ENTRY_GUARDED);
}
