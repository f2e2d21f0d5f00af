/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * page.h: physical memory as an embedder describes and counts it.
 */
#ifndef TESSERA_PAGE_H
#define TESSERA_PAGE_H

#include <tessera/types.h>

TESS_BEGIN_DECLS

#define TESS_DOMAIN_MAX 8

/* A range of RAM the machine may use; page aligned, not overlapping, reachable by the direct map. */
struct tess_phys_range {
	tess_pa start;
	uint64_t bytes;
	unsigned domain; /* NUMA domain, below TESS_DOMAIN_MAX */
};

/* Where every frame is.  The sum of all but `total` is `total`. */
struct tess_page_counts {
	uint64_t total;  /* frames in all ranges */
	uint64_t boot;   /* metadata made at boot */
	uint64_t free;   /* on free lists */
	uint64_t cached; /* in CPU caches */
	uint64_t slab;   /* pools */
	uint64_t table;  /* PTE pages */
	uint64_t anon;   /* private pages */
	uint64_t object; /* pages of objects */
	uint64_t other;  /* allocated, no owner yet; the zero page */
};

/* tess_page_counts_get: count frames by state.  Walks every frame; exact when nothing else runs. */
void tess_page_counts_get(struct tess_page_counts *c);

TESS_END_DECLS

#endif
