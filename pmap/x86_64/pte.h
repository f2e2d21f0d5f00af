/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * pte.h (x86_64): the words of a page table, 4 levels, no large pages.
 *
 *	 63 62     52 51               12 11  10    9    8   7   6   5   4   3   2   1   0
 *	┌──┬─────────┬───────────────────┬───┬───┬─────┬───┬───┬───┬───┬───┬───┬───┬───┬───┐
 *	│NX│ ignored │       frame       │ 0 │ 0 │wired│ G │PAT│ D │ A │PCD│PWT│U/S│R/W│ P │
 *	└──┴─────────┴───────────────────┴───┴───┴─────┴───┴───┴───┴───┴───┴───┴───┴───┴───┘
 *
 * (SDM volume 3, 4.5: tables 4-15 to 4-20.)  Present implies readable; execute-only becomes read and
 * execute.  Hardware sets A and D.  A write-protected page keeps its D: it says that the frame was
 * modified, and asks nothing of the processor.
 *
 * REQUIRES of the host: EFER.NXE = 1, CR4.PCIDE = 0, PAT entry 0 write-back.  The upper half of a root
 * table belongs to the host, which may fill it before a table is loaded.
 */
#ifndef TESS_X86_64_PTE_H
#define TESS_X86_64_PTE_H

#include "pmap_priv.h"

#define X86_64_PTE_P     ((uint64_t)1 << 0)
#define X86_64_PTE_RW    ((uint64_t)1 << 1)
#define X86_64_PTE_US    ((uint64_t)1 << 2)
#define X86_64_PTE_A     ((uint64_t)1 << 5)
#define X86_64_PTE_D     ((uint64_t)1 << 6)
#define X86_64_PTE_WIRED ((uint64_t)1 << 9) /* ignored by hardware */
#define X86_64_PTE_NX    ((uint64_t)1 << 63)
#define X86_64_PTE_FRAME (((uint64_t)1 << 52) - ((uint64_t)1 << 12))

/* The frame changes under a live PTE in one store; a fault drops its translation (SDM 4.10.4.1). */
#define X86_64_VA_BITS     47
#define X86_64_BREAK_FIRST 0
#define X86_64_STICKY      0

static inline bool
x86_64_pte_valid(uint64_t pte)
{
	return (pte & X86_64_PTE_P) != 0;
}

static inline tess_pa
x86_64_pte_pa(uint64_t pte)
{
	return pte & X86_64_PTE_FRAME;
}

/* A slot that leads to a lower table: rights are the PTE's affair. */
static inline uint64_t
x86_64_pte_table(tess_pa pa)
{
	return pa | X86_64_PTE_P | X86_64_PTE_RW | X86_64_PTE_US;
}

static inline uint64_t
x86_64_pte_make(tess_pa pa, tess_prot prot, unsigned flags)
{
	uint64_t pte = pa | X86_64_PTE_P | X86_64_PTE_US;

	pte |= prot & TESS_PROT_WRITE ? X86_64_PTE_RW : 0;
	pte |= prot & TESS_PROT_EXEC ? 0 : X86_64_PTE_NX;
	pte |= flags & (TESS_ENTER_ACCESS | TESS_ENTER_WIRED) ? X86_64_PTE_A : 0;
	pte |= flags & TESS_ENTER_WRITE ? X86_64_PTE_D : 0;
	pte |= flags & TESS_ENTER_WIRED ? X86_64_PTE_WIRED : 0;
	return pte;
}

static inline tess_prot
x86_64_pte_rights(uint64_t pte)
{
	return (tess_prot)(TESS_PROT_READ | (pte & X86_64_PTE_RW ? TESS_PROT_WRITE : 0) |
			   (pte & X86_64_PTE_NX ? 0 : TESS_PROT_EXEC));
}

static inline bool
x86_64_pte_wired(uint64_t pte)
{
	return (pte & X86_64_PTE_WIRED) != 0;
}

static inline uint64_t
x86_64_pte_unwire(uint64_t pte)
{
	return pte & ~X86_64_PTE_WIRED;
}

/* TESS_PAGE_MODIFIED and TESS_PAGE_REFERENCED as this PTE knows them. */
static inline uint32_t
x86_64_pte_used(uint64_t pte)
{
	return (pte & X86_64_PTE_D ? TESS_PAGE_MODIFIED : 0u) |
	       (pte & X86_64_PTE_A ? TESS_PAGE_REFERENCED : 0u);
}

/* `pte` with what `old` knows of use added. */
static inline uint64_t
x86_64_pte_merge(uint64_t pte, uint64_t old)
{
	return pte | (old & (X86_64_PTE_A | X86_64_PTE_D));
}

static inline uint64_t
x86_64_pte_lower(uint64_t pte, tess_prot prot)
{
	pte &= prot & TESS_PROT_WRITE ? ~(uint64_t)0 : ~X86_64_PTE_RW;
	pte |= prot & TESS_PROT_EXEC ? 0 : X86_64_PTE_NX;
	return pte;
}

/* Forget use: `bits` as in x86_64_pte_used(). */
static inline uint64_t
x86_64_pte_clean(uint64_t pte, uint32_t bits)
{
	if (bits & TESS_PAGE_MODIFIED)
		pte &= ~X86_64_PTE_D;
	if (bits & TESS_PAGE_REFERENCED)
		pte &= ~X86_64_PTE_A;
	return pte;
}

static inline bool
x86_64_pte_well_formed(uint64_t pte)
{
	const uint64_t may = X86_64_PTE_P | X86_64_PTE_RW | X86_64_PTE_US | X86_64_PTE_A |
			     X86_64_PTE_D | X86_64_PTE_WIRED | X86_64_PTE_NX | X86_64_PTE_FRAME;

	return (pte & ~may) == 0 && (pte & X86_64_PTE_P) && (pte & X86_64_PTE_US);
}

#endif
