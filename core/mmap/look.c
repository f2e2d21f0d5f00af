/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * look.c: what a space looks like: areas, counts, pages, walkers.  Changes nothing.
 */
#include "space.h"

bool
tess_space_next_area(struct tess_space *sp, tess_va va, struct tess_area *area)
{
	struct tess_entry *e;

	tess_rcu_enter();
	e = tess_map_next_rcu(&sp->map, va);
	if (e != NULL)
		tess_entry_area(e, area);
	tess_rcu_exit();
	tess_rcu_poll();
	return e != NULL;
}

void
tess_space_counts_get(struct tess_space *sp, struct tess_space_counts *c)
{
	struct tess_map *map = &sp->map;
	struct tess_entry *e;

	*c = (struct tess_space_counts){.entries = map->entries,
					.bytes = map->bytes,
					.locked = map->locked,
					.data = map->data,
					.charged = map->charged,
					.wired = map->wired,
					.metadata = tess_map_metadata(map)};
	tess_rcu_enter();
	for (e = tess_map_next_rcu(map, map->min); e != NULL;
	     e = tess_map_next_rcu(map, e->range.end)) {
		if (e->amap != NULL)
			c->anon += tess_amap_count(e->amap, e->aidx,
						   tess_entry_bytes(e) >> TESS_PAGE_SHIFT);
		if (e->range.end == map->max)
			break;
	}
	tess_rcu_exit();
	c->resident = tess_pmap_resident(map->pmap, map->min, map->max);
	tess_rcu_poll();
}

/* view_private: the anon of va, if there is one. */
static bool
view_private(const struct tess_entry *e, tess_va va, struct tess_view *v)
{
	tess_idx slot = tess_entry_slot(e, va);
	const struct tess_chunk *c;
	const struct tess_anon *an;

	c = tess_radix_lookup_rcu(&e->amap->chunks, slot >> TESS_CHUNK_SHIFT);
	an = c != NULL ? tess_chunk_get(c, slot) : NULL;
	if (an == NULL)
		return false;
	v->kind = TESS_VIEW_ANON;
	v->data = tess_page_data(an->page);
	v->sharers = an->refs + c->refs - 1;
	return true;
}

static void
view_object(const struct tess_entry *e, tess_va va, struct tess_view *v)
{
	tess_idx idx = tess_entry_idx(e, va);
	const struct tess_page *pg = tess_radix_lookup_rcu(&e->object->pages, idx);

	if (idx >= tess_page_round(e->object->size) >> TESS_PAGE_SHIFT)
		v->kind = TESS_VIEW_BEYOND;
	else if (pg == NULL)
		v->kind = e->object->ops == NULL ? TESS_VIEW_ZERO : TESS_VIEW_ABSENT;
	else {
		v->kind = TESS_VIEW_OBJECT;
		v->data = tess_page_data(pg);
	}
}

void
tess_space_view(struct tess_space *sp, tess_va va, struct tess_view *v)
{
	struct tess_entry *e;
	struct tess_map *in;

	*v = (struct tess_view){.kind = TESS_VIEW_HOLE};
	tess_rcu_enter();
	e = tess_map_resolve_rcu(&sp->map, va, &in);
	if (e != NULL) {
		v->prot = e->prot;
		v->kind = TESS_VIEW_ZERO;
		if ((e->amap == NULL || !view_private(e, va, v)) && e->object != NULL)
			view_object(e, va, v);
	}
	tess_rcu_exit();
}

void
tess_space_check(struct tess_space *sp)
{
	tess_rcu_enter();
	tess_map_check(&sp->map);
	tess_rcu_exit();
	TESS_ASSERT(sp->brk >= sp->brk_start);
	tess_rcu_poll();
}

void
tess_machine_check(void)
{
	tess_page_room_check();
	tess_anon_room_check();
}

/* ---- dump ---- */

/* look_hex: `n` hexadecimal digits of v. */
static char *
look_hex(char *at, uint64_t v, int n)
{
	while (n-- > 0)
		*at++ = "0123456789abcdef"[v >> (n * 4) & 15];
	return at;
}

/* dump_line: "start-end rwx[ps] inherit flags off anons". */
static void
dump_line(struct tess_entry *e, char line[96])
{
	uint64_t n = tess_entry_bytes(e) >> TESS_PAGE_SHIFT;
	char *at = look_hex(line, e->range.start, 12);

	*at++ = '-';
	at = look_hex(at, e->range.end, 12);
	*at++ = ' ';
	*at++ = e->prot & TESS_PROT_READ ? 'r' : '-';
	*at++ = e->prot & TESS_PROT_WRITE ? 'w' : '-';
	*at++ = e->prot & TESS_PROT_EXEC ? 'x' : '-';
	*at++ = e->flags & TESS_ENTRY_SHARED ? 's' : 'p';
	*at++ = ' ';
	*at++ = "csnzd"[tess_entry_inherit(e)];
	*at++ = e->flags & TESS_ENTRY_GROWSDOWN ? 'd' : '-';
	*at++ = e->flags & TESS_ENTRY_LOCKED ? 'l' : '-';
	*at++ = e->amap != NULL && e->amap->shared ? 'a' : '-';
	*at++ = ' ';
	at = look_hex(at, e->off, 12);
	*at++ = ' ';
	at = look_hex(at, e->amap != NULL ? tess_amap_count(e->amap, e->aidx, n) : 0, 8);
	*at = '\0';
}

void
tess_space_dump(struct tess_space *sp, void (*print)(void *ctx, const char *line), void *ctx)
{
	struct tess_map *map = &sp->map;
	struct tess_entry *e;
	char line[96];

	for (e = tess_map_next_rcu(map, map->min); e != NULL;
	     e = tess_map_next_rcu(map, e->range.end)) {
		dump_line(e, line);
		print(ctx, line);
		if (e->range.end == map->max)
			break;
	}
}
