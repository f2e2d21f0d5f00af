/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * mem_hosted.c: memory for the model from malloc.
 */
#include <stdlib.h>
#include "mem.h"

static void *
mem_malloc_get(struct model_mem *m, size_t n)
{
	(void)m;
	return malloc(n);
}

static void
mem_malloc_put(struct model_mem *m, void *p, size_t n)
{
	(void)m;
	(void)n;
	free(p);
}

struct model_mem mem_malloc = {mem_malloc_get, mem_malloc_put};
