/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * pages.c: sorted arrays of pages with their contents.
 */
#include "model_priv.h"

/* The place of the first page with index >= idx. */
unsigned
pages_place(const struct model_pages *p, uint64_t idx)
{
	unsigned lo = 0, hi = p->n;

	while (lo < hi) {
		unsigned mid = (lo + hi) / 2;

		if (p->page[mid].idx < idx)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo;
}

struct model_page *
pages_find(const struct model_pages *p, uint64_t idx)
{
	unsigned at = pages_place(p, idx);

	return at < p->n && p->page[at].idx == idx ? &p->page[at] : NULL;
}

/* The page idx, made without contents when it is not there. */
struct model_page *
pages_make(struct model *m, struct model_pages *p, uint64_t idx)
{
	unsigned at = pages_place(p, idx);

	if (at < p->n && p->page[at].idx == idx)
		return &p->page[at];
	if (p->n == p->room) {
		unsigned room = p->room == 0 ? 16 : p->room * 2;
		struct model_page *page = model_get(m, room * sizeof(*page));

		if (p->room != 0) {
			memcpy(page, p->page, p->n * sizeof(*page));
			model_put(m, p->page, p->room * sizeof(*page));
		}
		p->page = page;
		p->room = room;
	}
	if (at < p->n)
		memmove(&p->page[at + 1], &p->page[at], (p->n - at) * sizeof(*p->page));
	p->page[at] = (struct model_page){.idx = idx};
	p->n++;
	return &p->page[at];
}

/* Forget pages [first, last). */
void
pages_drop(struct model *m, struct model_pages *p, uint64_t first, uint64_t last)
{
	unsigned a = pages_place(p, first), b = pages_place(p, last);

	for (unsigned i = a; i < b; i++)
		if (p->page[i].data != NULL)
			model_put(m, p->page[i].data, TESS_PAGE_SIZE);
	if (b == a)
		return; /* nothing was there; perhaps not even the array */
	if (b < p->n)
		memmove(&p->page[a], &p->page[b], (p->n - b) * sizeof(*p->page));
	p->n -= b - a;
}

/* Copy pages [first, last) of `from` to `to`, beginning at to_idx; nothing is there yet. */
void
pages_copy(struct model *m, struct model_pages *to, uint64_t to_idx, const struct model_pages *from,
	   uint64_t first, uint64_t last)
{
	for (unsigned i = pages_place(from, first); i < from->n && from->page[i].idx < last; i++) {
		struct model_page *src = &from->page[i];
		struct model_page *dst = pages_make(m, to, src->idx - first + to_idx);

		dst->sure = src->sure;
		if (src->data == NULL)
			continue;
		dst->data = model_get(m, TESS_PAGE_SIZE);
		memcpy(dst->data, src->data, TESS_PAGE_SIZE);
	}
}

/* How many of [first, last) have contents. */
uint64_t
pages_written(const struct model_pages *p, uint64_t first, uint64_t last)
{
	uint64_t n = 0;

	for (unsigned i = pages_place(p, first); i < p->n && p->page[i].idx < last; i++)
		n += p->page[i].data != NULL;
	return n;
}

void
pages_free(struct model *m, struct model_pages *p)
{
	pages_drop(m, p, 0, UINT64_MAX);
	if (p->room != 0)
		model_put(m, p->page, p->room * sizeof(*p->page));
	*p = (struct model_pages){0};
}
