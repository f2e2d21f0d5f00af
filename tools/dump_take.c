/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * dump_take.c: areas and pages of a space, copied out through the public interface.
 *
 * Which pages are in memory comes from tess_mincore_detail(), a piece of the area at a time; what stands behind
 * each of them from tess_space_view().  Nothing is touched, so looking changes no page.
 *
 * Rejected: drawing while the machine lives (names of objects come after the spaces), and a byte a page for good
 * (a program may map 128 TiB).
 */
#include <stdlib.h>
#include <string.h>
#include <tessera/debug.h>
#include "dump.h"

#define TAKE_PIECE ((uint64_t)4096)  /* pages asked about at once */
#define TAKE_VIEW  ((uint64_t)65536) /* in areas of more pages only those in memory are viewed */

static enum dump_page
take_kind(struct tess_space *sp, tess_va va, unsigned char byte, bool whole)
{
	struct tess_view v;

	if ((byte & TESS_MINCORE_INCORE) == 0 && !whole)
		return DUMP_NONE;
	tess_space_view(sp, va, &v);
	if (v.kind == TESS_VIEW_ANON)
		return v.sharers > 1 ? DUMP_COPY : DUMP_OWN;
	if (v.kind == TESS_VIEW_BEYOND)
		return DUMP_BEYOND;
	return v.kind == TESS_VIEW_OBJECT ? DUMP_OBJECT : DUMP_NONE;
}

static void
take_page(struct tess_space *sp, struct dump_area *a, uint64_t page, unsigned char byte, bool whole)
{
	enum dump_page kind = take_kind(sp, a->area.start + page * TESS_PAGE_SIZE, byte, whole);
	struct dump_cell *c = &a->cell[page / a->pages_cell];
	bool in = kind != DUMP_NONE && kind != DUMP_BEYOND;
	unsigned dirty = in && (byte & TESS_MINCORE_MODIFIED_OTHER) != 0;

	c->pages++;
	c->kind[kind]++;
	c->dirty += dirty;
	a->kind[kind]++;
	a->dirty += dirty;
	a->referenced += in && (byte & TESS_MINCORE_REFERENCED_OTHER) != 0;
}

static void
take_pages(struct tess_space *sp, struct dump_area *a)
{
	uint64_t pages = (a->area.end - a->area.start) >> TESS_PAGE_SHIFT;
	static unsigned char vec[TAKE_PIECE];

	for (uint64_t at = 0; at < pages; at += TAKE_PIECE) {
		uint64_t n = pages - at < TAKE_PIECE ? pages - at : TAKE_PIECE;

		memset(vec, 0, sizeof(vec));
		/* A submap answers for itself: nothing is known of it here. */
		if ((a->area.flags & TESS_AREA_SUBMAP) == 0 &&
		    tess_mincore_detail(sp, a->area.start + at * TESS_PAGE_SIZE, n * TESS_PAGE_SIZE,
					vec) != TESS_OK)
			memset(vec, 0, sizeof(vec));
		for (uint64_t i = 0; i < n; i++)
			take_page(sp, a, at + i, vec[i], pages <= TAKE_VIEW);
	}
}

static bool
take_area(struct tess_space *sp, const struct tess_area *area, struct dump_area *a)
{
	uint64_t pages = (area->end - area->start) >> TESS_PAGE_SHIFT;

	*a = (struct dump_area){.area = *area, .name = "-", .pages_cell = 1};
	if (area->object != NULL)
		memcpy(a->name, "shm", 4); /* until dump_name() knows better */
	while ((pages + a->pages_cell - 1) / a->pages_cell > DUMP_CELLS)
		a->pages_cell *= 2;
	a->cells = (uint32_t)((pages + a->pages_cell - 1) / a->pages_cell);
	a->cell = calloc(a->cells, sizeof(*a->cell));
	if (a->cell == NULL)
		return false;
	take_pages(sp, a);
	return true;
}

void
dump_space(struct dump *d, int number, struct tess_space *sp)
{
	struct dump_space *s = realloc(d->space, (d->spaces + 1) * sizeof(*s));
	struct dump_area *more;
	struct tess_area area;

	d->failed |= s == NULL;
	if (s == NULL)
		return;
	d->space = s;
	s = &d->space[d->spaces++];
	*s = (struct dump_space){.number = number};
	tess_space_counts_get(sp, &s->counts);
	for (tess_va va = 0; !d->failed && tess_space_next_area(sp, va, &area); va = area.end) {
		more = realloc(s->area, (s->areas + 1) * sizeof(*more));
		if (more != NULL)
			s->area = more;
		if (more == NULL || !take_area(sp, &area, &s->area[s->areas]))
			d->failed = true;
		else
			s->areas++;
	}
}

void
dump_name(struct dump *d, const char *name, enum tess_handle_kind kind, const struct tess_object *o)
{
	for (uint32_t i = 0; i < d->spaces; i++) {
		for (uint32_t k = 0; k < d->space[i].areas; k++) {
			struct dump_area *a = &d->space[i].area[k];

			if (a->area.object == o && kind != TESS_HANDLE_SHM)
				snprintf(a->name, sizeof(a->name), "%s", name);
		}
	}
}

void
dump_free(struct dump *d)
{
	for (uint32_t i = 0; i < d->spaces; i++) {
		for (uint32_t k = 0; k < d->space[i].areas; k++)
			free(d->space[i].area[k].cell);
		free(d->space[i].area);
	}
	free(d->space);
}
