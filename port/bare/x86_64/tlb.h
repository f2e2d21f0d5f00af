/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * tlb.h (x86_64): port/tlb.h without PCIDs: invlpg, and a load of cr3.
 *
 * REQUIRES: CR4.PCIDE = 0; CR4.PGE = 0, or no global translation below the kernel half; the kernel
 * half of every root table is the kernel's business: tess_bare_table_loading(), when the kernel
 * sets it, is called with the root before cr3 is loaded and fills the upper 256 slots.
 *
 * The asid is 0 here and ignored.  x86 has no broadcast: those two are a bug of the caller.
 */
#ifndef BARE_X86_64_TLB_H
#define BARE_X86_64_TLB_H

#include <tessera/types.h>

TESS_NORETURN void tess_port_panic(const char *msg);

extern void (*tess_bare_table_loading)(tess_pa root);

static inline uint64_t
bare_cr3_get(void)
{
	uint64_t v;

	__asm__ volatile("movq %%cr3, %0" : "=r"(v) : : "memory");
	return v;
}

static inline void
bare_cr3_set(uint64_t v)
{
	__asm__ volatile("movq %0, %%cr3" : : "r"(v) : "memory");
}

static inline void
tess_port_tlb_page(uint32_t asid, tess_va va)
{
	(void)asid;
	__asm__ volatile("invlpg (%0)" : : "r"(va) : "memory");
}

static inline void
tess_port_tlb_asid(uint32_t asid)
{
	(void)asid;
	bare_cr3_set(bare_cr3_get());
}

static inline void
tess_port_tlb_bcast_page(uint32_t asid, tess_va va)
{
	(void)asid, (void)va;
	tess_port_panic("x86_64 has no broadcast invalidation");
}

static inline void
tess_port_tlb_bcast_asid(uint32_t asid)
{
	(void)asid;
	tess_port_panic("x86_64 has no broadcast invalidation");
}

static inline void
tess_port_table_load(tess_pa root, uint32_t asid)
{
	(void)asid;
	if (tess_bare_table_loading)
		tess_bare_table_loading(root);
	bare_cr3_set(root);
}

#endif
