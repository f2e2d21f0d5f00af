/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * object.c: objects: a size, a generator, and the pages somebody wrote or touched.
 */
#include "model_priv.h"
#include "fill.h"

struct model_object *
object_new(struct model *m, const struct tess_object *core, enum tess_handle_kind kind,
	   uint64_t size, uint64_t seed)
{
	struct model_object *o = model_get(m, sizeof(*o));

	*o = (struct model_object){
	    .model = m,
	    .next = m->objects,
	    .core = core,
	    .kind = kind,
	    .refs = 1,
	    .size = size,
	    .born = size,
	    .seed = seed,
	};
	m->objects = o;
	return o;
}

struct model_object *
model_object_create(struct model *m, const struct tess_object *core, enum tess_handle_kind kind,
		    uint64_t size, uint64_t seed)
{
	return object_new(m, core, kind, size, seed);
}

struct model_object *
object_ref(struct model_object *o)
{
	if (o != NULL)
		o->refs++;
	return o;
}

void
object_unref(struct model_object *o)
{
	struct model_object **link;

	if (o == NULL || --o->refs != 0)
		return;
	for (link = &o->model->objects; *link != o; link = &(*link)->next)
		;
	*link = o->next;
	pages_free(o->model, &o->pages);
	model_put(o->model, o, sizeof(*o));
}

void
model_object_close(struct model_object *o)
{
	object_unref(o);
}

struct model_object *
model_object_find(struct model *m, const struct tess_object *core)
{
	for (struct model_object *o = m->objects; o != NULL; o = o->next)
		if (o->core == core)
			return o;
	return NULL;
}

uint64_t
model_object_size(const struct model_object *o)
{
	return o->size;
}

void
model_object_name(struct model_object *o, const char *name)
{
	struct text t;

	text_init(&t, o->name, sizeof(o->name));
	text_add(&t, "%s", name);
}

/* Pages an access may touch: the last one may be partial. */
uint64_t
object_page_count(const struct model_object *o)
{
	return o->size / TESS_PAGE_SIZE + (o->size % TESS_PAGE_SIZE != 0);
}

void
object_page_contents(const struct model_object *o, uint64_t idx, uint8_t *to)
{
	const struct model_page *p = pages_find(&o->pages, idx);
	uint64_t off = idx << TESS_PAGE_SHIFT;

	if (p != NULL && p->data != NULL) {
		memcpy(to, p->data, TESS_PAGE_SIZE);
		return;
	}
	memset(to, 0, TESS_PAGE_SIZE);
	for (unsigned i = 0; o->seed != 0 && i < TESS_PAGE_SIZE && off + i < o->born; i++)
		to[i] = fill_byte(o->seed, off + i);
}

/* Page idx was accessed: it is in memory. */
struct model_page *
object_page_touch(struct model_object *o, uint64_t idx)
{
	struct model_page *p = pages_make(o->model, &o->pages, idx);

	p->sure = true;
	return p;
}

/* The contents of page idx, to be changed. */
uint8_t *
object_page_write(struct model_object *o, uint64_t idx)
{
	struct model_page *p = pages_make(o->model, &o->pages, idx);

	if (p->data == NULL) {
		uint8_t *data = model_get(o->model, TESS_PAGE_SIZE);

		object_page_contents(o, idx, data);
		p->data = data;
	}
	return p->data;
}

/* Pages [first, last), as far as there are any, are zeros.  Whether they stay in memory is the core's business. */
void
object_zero(struct model_object *o, uint64_t first, uint64_t last)
{
	bool memory = o->kind == TESS_HANDLE_NONE || o->kind == TESS_HANDLE_SHM;
	uint64_t count = object_page_count(o);

	for (uint64_t idx = first; idx < last && idx < count; idx++) {
		struct model_page *p = pages_find(&o->pages, idx);

		if (p == NULL && memory)
			continue; /* zeros, and nobody looked */
		memset(object_page_write(o, idx), 0, TESS_PAGE_SIZE);
		pages_find(&o->pages, idx)->sure = false;
	}
}

/* Truncate or extend: what lies beyond the new end is gone, and zero should it come back. */
void
model_object_set_size(struct model_object *o, uint64_t size)
{
	uint64_t in = size & TESS_PAGE_MASK, idx = size >> TESS_PAGE_SHIFT;

	if (size < o->size) {
		pages_drop(o->model, &o->pages, idx + (in != 0), UINT64_MAX);
		if (in != 0)
			memset(object_page_write(o, idx) + in, 0, TESS_PAGE_SIZE - in);
		if (size < o->born)
			o->born = size;
	} else if ((o->size & TESS_PAGE_MASK) != 0) {
		/* What a mapping stored beyond the old end, in its last page, does not become part of the file. */
		uint64_t old = o->size & TESS_PAGE_MASK;
		uint64_t end =
		    size >> TESS_PAGE_SHIFT == o->size >> TESS_PAGE_SHIFT ? in : TESS_PAGE_SIZE;

		memset(object_page_write(o, o->size >> TESS_PAGE_SHIFT) + old, 0, end - old);
	}
	o->size = size;
}

void
model_object_write(struct model_object *o, tess_off off, const void *buf, uint64_t len)
{
	const uint8_t *from = buf;

	if (off > o->size)
		model_object_set_size(o, off);
	if (off + len > o->size)
		o->size = off + len;
	while (len > 0) {
		uint64_t in = off & TESS_PAGE_MASK, n = TESS_PAGE_SIZE - in;

		if (n > len)
			n = len;
		memcpy(object_page_write(o, off >> TESS_PAGE_SHIFT) + in, from, n);
		from += n;
		off += n;
		len -= n;
	}
}

uint64_t
model_object_read(const struct model_object *o, tess_off off, void *buf, uint64_t len)
{
	uint8_t page[TESS_PAGE_SIZE], *to = buf;
	uint64_t done = 0;

	if (off >= o->size)
		return 0;
	if (len > o->size - off)
		len = o->size - off;
	while (done < len) {
		uint64_t in = (off + done) & TESS_PAGE_MASK, n = TESS_PAGE_SIZE - in;

		if (n > len - done)
			n = len - done;
		object_page_contents(o, (off + done) >> TESS_PAGE_SHIFT, page);
		memcpy(to + done, page + in, n);
		done += n;
	}
	return done;
}

struct model_group *
group_ref(struct model_group *g)
{
	if (g != NULL)
		g->refs++;
	return g;
}

void
group_unref(struct model_group *g)
{
	if (g == NULL || --g->refs != 0)
		return;
	pages_free(g->model, &g->pages);
	model_put(g->model, g, sizeof(*g));
}
