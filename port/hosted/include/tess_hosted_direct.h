/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * tess_hosted_direct.h: port/direct.h over simulated RAM: one constant distance a machine,
 * kept in the thread's words because a process may hold several machines.
 */
#ifndef TESS_HOSTED_DIRECT_H
#define TESS_HOSTED_DIRECT_H

#include <tess_hosted_cpu.h>

static inline void *
tess_port_direct(tess_pa pa)
{
	return tess_hosted.direct + pa;
}

static inline tess_pa
tess_port_direct_pa(const void *p)
{
	return (tess_pa)((const char *)p - tess_hosted.direct);
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
