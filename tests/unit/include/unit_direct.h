/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * unit_direct.h: port/direct.h for unit tests: all memory at one constant distance.
 */
#ifndef TESS_UNIT_DIRECT_H
#define TESS_UNIT_DIRECT_H

#include <string.h>

extern char *unit_direct_base;

static inline void *
tess_port_direct(tess_pa pa)
{
	return unit_direct_base + pa;
}

static inline tess_pa
tess_port_direct_pa(const void *p)
{
	return (tess_pa)((const char *)p - unit_direct_base);
}

static inline void
tess_port_page_clear(void *page)
{
	memset(page, 0, TESS_PAGE_SIZE);
}

static inline void
tess_port_page_copy(void *to, const void *from)
{
	memcpy(to, from, TESS_PAGE_SIZE);
}

#endif
