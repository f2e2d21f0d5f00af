/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * port/direct.h: physical memory seen as pointers, and whole-page clear and copy.
 *
 *   void *tess_port_direct(tess_pa pa)		valid for every byte of every range given at boot
 *   tess_pa tess_port_direct_pa(const void *p)	its inverse
 *   void tess_port_page_clear(void *page)		4096 bytes, aligned
 *   void tess_port_page_copy(void *to, const void *from)
 *
 * The text below maps all memory at one constant distance.
 */
#ifndef TESSERA_PORT_DIRECT_H
#define TESSERA_PORT_DIRECT_H

#include <tessera/types.h>

#ifdef TESS_PORT_DIRECT_H
#include TESS_PORT_DIRECT_H
#else

extern char *tess_port_direct_base;

static inline void *
tess_port_direct(tess_pa pa)
{
	return tess_port_direct_base + pa;
}

static inline tess_pa
tess_port_direct_pa(const void *p)
{
	return (tess_pa)((const char *)p - tess_port_direct_base);
}

static inline void
tess_port_page_clear(void *page)
{
	__builtin_memset(page, 0, TESS_PAGE_SIZE);
}

static inline void
tess_port_page_copy(void *to, const void *from)
{
	__builtin_memcpy(to, from, TESS_PAGE_SIZE);
}

#endif
#endif
