/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * mem_pool.c: memory for the model out of one block: free lists by power of two over a bump pointer.
 */
#include "mem.h"

static unsigned
mem_pool_class(size_t n)
{
	unsigned c = 4;

	while (((size_t)1 << c) < n)
		c++;
	return c;
}

static void *
mem_pool_get(struct model_mem *m, size_t n)
{
	struct mem_pool *p = (struct mem_pool *)m;
	unsigned c = mem_pool_class(n);
	void *got = p->freed[c];

	if (got != NULL) {
		p->freed[c] = *(void **)got;
		return got;
	}
	if (((size_t)1 << c) > p->size - p->used)
		return NULL;
	got = p->block + p->used;
	p->used += (size_t)1 << c;
	return got;
}

static void
mem_pool_put(struct model_mem *m, void *what, size_t n)
{
	struct mem_pool *p = (struct mem_pool *)m;
	unsigned c = mem_pool_class(n);

	*(void **)what = p->freed[c];
	p->freed[c] = what;
}

void
mem_pool_reset(struct mem_pool *p)
{
	p->used = 0;
	for (unsigned c = 0; c < MEM_POOL_CLASSES; c++)
		p->freed[c] = NULL;
}

void
mem_pool_init(struct mem_pool *p, void *block, size_t size)
{
	p->mem.get = mem_pool_get;
	p->mem.put = mem_pool_put;
	p->block = block;
	p->size = size;
	mem_pool_reset(p);
}
