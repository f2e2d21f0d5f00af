/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * memfile.c: the pager of files in memory.
 */
#include <tessera/types.h>
#include <tessera/object.h>
#include "mem.h"
#include "fill.h"
#include "memfile.h"

void *memcpy(void *to, const void *from, size_t n);
void *memmove(void *to, const void *from, size_t n);
void *memset(void *to, int byte, size_t n);

void
memfile_init(struct memfile *f, struct model_mem *mem, uint64_t size, uint64_t seed)
{
	*f = (struct memfile){.mem = mem, .size = size, .born = size, .seed = seed};
}

void
memfile_fini(struct memfile *f)
{
	for (unsigned i = 0; i < f->npages; i++)
		f->mem->put(f->mem, f->pages[i].data, TESS_PAGE_SIZE);
	if (f->room != 0)
		f->mem->put(f->mem, f->pages, f->room * sizeof(*f->pages));
	f->npages = f->room = 0;
}

/* The place of the first written page with index >= idx. */
static unsigned
memfile_place(const struct memfile *f, tess_idx idx)
{
	unsigned lo = 0, hi = f->npages;

	while (lo < hi) {
		unsigned mid = (lo + hi) / 2;

		if (f->pages[mid].idx < idx)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo;
}

static void
memfile_get_page(const struct memfile *f, tess_idx idx, unsigned char *to)
{
	unsigned at = memfile_place(f, idx);
	tess_off off = idx << TESS_PAGE_SHIFT;

	if (at < f->npages && f->pages[at].idx == idx) {
		memcpy(to, f->pages[at].data, TESS_PAGE_SIZE);
		return;
	}
	if (f->seed == 0 || off >= f->born) {
		memset(to, 0, TESS_PAGE_SIZE);
		return;
	}
	for (unsigned i = 0; i < TESS_PAGE_SIZE; i++)
		to[i] = off + i < f->born ? fill_byte(f->seed, off + i) : 0;
}

static enum tess_err
memfile_make_room(struct memfile *f)
{
	unsigned room = f->room == 0 ? 8 : f->room * 2;
	struct memfile_page *pages;

	if (f->npages < f->room)
		return TESS_OK;
	pages = f->mem->get(f->mem, room * sizeof(*pages));
	if (pages == NULL)
		return TESS_EIO;
	if (f->npages != 0)
		memcpy(pages, f->pages, f->npages * sizeof(*pages));
	if (f->room != 0)
		f->mem->put(f->mem, f->pages, f->room * sizeof(*pages));
	f->pages = pages;
	f->room = room;
	return TESS_OK;
}

/* The kept copy of page idx, made from what the file holds now when there is none; NULL: no memory. */
static unsigned char *
memfile_keep(struct memfile *f, tess_idx idx)
{
	unsigned at = memfile_place(f, idx);
	unsigned char *data;

	if (at < f->npages && f->pages[at].idx == idx)
		return f->pages[at].data;
	if (memfile_make_room(f) != TESS_OK)
		return NULL;
	data = f->mem->get(f->mem, TESS_PAGE_SIZE);
	if (data == NULL)
		return NULL;
	memfile_get_page(f, idx, data);
	memmove(&f->pages[at + 1], &f->pages[at], (f->npages - at) * sizeof(*f->pages));
	f->pages[at] = (struct memfile_page){idx, data};
	f->npages++;
	return data;
}

static enum tess_err
memfile_op_get(void *backing, tess_idx idx, unsigned n, void *const *data)
{
	for (unsigned i = 0; i < n; i++)
		memfile_get_page(backing, idx + i, data[i]);
	return TESS_OK;
}

static enum tess_err
memfile_op_put(void *backing, tess_idx idx, unsigned n, const void *const *data, uint64_t size)
{
	struct memfile *f = backing;

	for (unsigned i = 0; i < n; i++) {
		tess_off off = (idx + i) << TESS_PAGE_SHIFT;
		uint64_t len = off >= size ? 0 : size - off;
		unsigned char *page;

		if (len == 0)
			continue;
		if (len > TESS_PAGE_SIZE)
			len = TESS_PAGE_SIZE;
		page = memfile_keep(f, idx + i);
		if (page == NULL)
			return TESS_EIO;
		memcpy(page, data[i], len);
	}
	if (size > f->size)
		f->size = size;
	return TESS_OK;
}

static enum tess_err
memfile_op_resize(void *backing, uint64_t size)
{
	struct memfile *f = backing;
	unsigned at = memfile_place(f, (size + TESS_PAGE_MASK) >> TESS_PAGE_SHIFT);

	for (unsigned i = at; i < f->npages; i++)
		f->mem->put(f->mem, f->pages[i].data, TESS_PAGE_SIZE);
	f->npages = at;
	if (size < f->born)
		f->born = size;
	if (size < f->size && at > 0 && (size & TESS_PAGE_MASK) != 0 &&
	    f->pages[at - 1].idx == size >> TESS_PAGE_SHIFT)
		memset(f->pages[at - 1].data + (size & TESS_PAGE_MASK), 0,
		       TESS_PAGE_SIZE - (size & TESS_PAGE_MASK));
	f->size = size;
	return TESS_OK;
}

static void
memfile_op_detach(void *backing)
{
	struct memfile *f = backing;

	f->attached = 0;
}

const struct tess_pager_ops memfile_pager = {
    .name = "memfile",
    .get = memfile_op_get,
    .put = memfile_op_put,
    .resize = memfile_op_resize,
    .detach = memfile_op_detach,
};

void
memfile_read(const struct memfile *f, tess_off off, void *buf, uint64_t len)
{
	unsigned char page[TESS_PAGE_SIZE], *to = buf;

	while (len > 0) {
		uint64_t in = off & TESS_PAGE_MASK, n = TESS_PAGE_SIZE - in;

		if (n > len)
			n = len;
		memfile_get_page(f, off >> TESS_PAGE_SHIFT, page);
		memcpy(to, page + in, n);
		to += n;
		off += n;
		len -= n;
	}
}
