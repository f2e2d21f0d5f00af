/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * mem.h: where the model takes its memory from; given at creation, so that it runs without a libc.
 *
 * Two givers exist: malloc (mem_hosted.c), and a pool over one block of bytes (mem_pool_init): free lists by
 * power-of-two size over a bump pointer.  mem_pool_reset() forgets everything at once, which is how the fuzzers
 * get ten thousand models a second.
 */
#ifndef MODEL_MEM_H
#define MODEL_MEM_H

#include <stddef.h>
#include <stdint.h>

struct model_mem {
	/* n bytes of any content, aligned to 16; NULL: none left. */
	void *(*get)(struct model_mem *m, size_t n);
	/* What get gave, with the same n. */
	void (*put)(struct model_mem *m, void *p, size_t n);
};

#define MEM_POOL_CLASSES 32

struct mem_pool {
	struct model_mem mem; /* first: a pool is a model_mem */
	unsigned char *block;
	size_t size, used;
	void *freed[MEM_POOL_CLASSES]; /* by log2 of the size; linked through their first word */
};

void mem_pool_init(struct mem_pool *p, void *block, size_t size);
void mem_pool_reset(struct mem_pool *p);

/* mem_malloc: malloc and free (hosted only). */
extern struct model_mem mem_malloc;

#endif
