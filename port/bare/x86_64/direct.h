/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * direct.h (x86_64): all physical memory at one constant distance.
 *
 * REQUIRES: the kernel's tables map [0, end of RAM) at BARE_DIRECT_BASE, writable, not executable,
 * write-back cached, before tess_machine_create().
 */
#ifndef BARE_X86_64_DIRECT_H
#define BARE_X86_64_DIRECT_H

#include <tessera/types.h>

/* The first address of the upper half: a kernel that maps it elsewhere defines this itself. */
#ifndef BARE_DIRECT_BASE
#define BARE_DIRECT_BASE 0xffff800000000000u
#endif

static inline void *
tess_port_direct(tess_pa pa)
{
	return (void *)(uintptr_t)(BARE_DIRECT_BASE + pa);
}

static inline tess_pa
tess_port_direct_pa(const void *p)
{
	return (tess_pa)(uintptr_t)p - BARE_DIRECT_BASE;
}

/* rep stosq and rep movsq need no SSE state, which a kernel does not save. */
static inline void
tess_port_page_clear(void *page)
{
	uint64_t n = TESS_PAGE_SIZE / 8;

	__asm__ volatile("rep stosq" : "+D"(page), "+c"(n) : "a"(0) : "memory");
}

static inline void
tess_port_page_copy(void *to, const void *from)
{
	uint64_t n = TESS_PAGE_SIZE / 8;

	__asm__ volatile("rep movsq" : "+D"(to), "+S"(from), "+c"(n) : : "memory");
}

#endif
