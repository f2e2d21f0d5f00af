/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * pte.h (aarch64): the words of a stage 1 page table, 4 KiB granule, 48-bit addresses, TTBR0.
 *
 *	 63 57   56    55    54  53  52  51 50 48 47        12 11  10   9 8 7  6    5 4  2 1 0
 *	┌─────┬─────┬─────┬───┬───┬────┬───┬─────┬────────────┬──┬────┬────┬────────┬──┬────┬───┐
 *	│  0  │wired│dirty│UXN│PXN│ 0  │DBM│  0  │   frame    │nG│ AF │ SH │AP[2:1] │NS│Attr│1 1│
 *	└─────┴─────┴─────┴───┴───┴────┴───┴─────┴────────────┴──┴────┴────┴────────┴──┴────┴───┘
 *
 * (Arm ARM D8.3.)  Bits 58 to 55 are software's.  A writable page has DBM; AP[2] (read-only) then means
 * "clean", and is cleared at the first write by hardware (FEAT_HAFDBS) or by fixup:
 *
 *	DBM AP[2]
 *	 0    1	   read-only; `dirty` remembers that it was modified while it was writable
 *	 1    1	   writable, clean: a write faults, or hardware clears AP[2]
 *	 1    0	   writable, modified
 *
 * The same words serve processors with and without FEAT_HAFDBS: those without ignore DBM.
 *
 * Changing the frame of a live PTE goes through an invalid one and a flush (D8.14.1, break-before-make);
 * changes of AP, DBM, AF and UXN do not.  A permission fault may leave its translation in the TLB.
 *
 * REQUIRES of the host: MAIR_EL1.Attr0 normal write-back; TCR_EL1: TG0 4 KiB, T0SZ 16, SH0 inner, AS 1
 * (16-bit ASIDs), HA and HD as the table of operations says; SCTLR_EL1.WXN 0.
 */
#ifndef TESS_AARCH64_PTE_H
#define TESS_AARCH64_PTE_H

#include "pmap_priv.h"

#define AARCH64_PTE_PAGE  ((uint64_t)3 << 0) /* valid; a page at the last level, else a table */
#define AARCH64_PTE_VALID ((uint64_t)1 << 0)
#define AARCH64_PTE_USER  ((uint64_t)1 << 6) /* AP[1] */
#define AARCH64_PTE_RO    ((uint64_t)1 << 7) /* AP[2] */
#define AARCH64_PTE_INNER ((uint64_t)3 << 8)
#define AARCH64_PTE_AF    ((uint64_t)1 << 10)
#define AARCH64_PTE_NG    ((uint64_t)1 << 11)
#define AARCH64_PTE_DBM   ((uint64_t)1 << 51)
#define AARCH64_PTE_PXN   ((uint64_t)1 << 53)
#define AARCH64_PTE_UXN   ((uint64_t)1 << 54)
#define AARCH64_PTE_DIRTY ((uint64_t)1 << 55) /* software's */
#define AARCH64_PTE_WIRED ((uint64_t)1 << 56) /* software's */
#define AARCH64_PTE_FRAME (((uint64_t)1 << 48) - ((uint64_t)1 << 12))

#define AARCH64_PTE_ALWAYS (AARCH64_PTE_PAGE | AARCH64_PTE_INNER | AARCH64_PTE_NG | AARCH64_PTE_PXN)

#define AARCH64_VA_BITS     48
#define AARCH64_BREAK_FIRST 1
#define AARCH64_STICKY      1

static inline bool
aarch64_pte_valid(uint64_t pte)
{
	return (pte & AARCH64_PTE_VALID) != 0;
}

static inline tess_pa
aarch64_pte_pa(uint64_t pte)
{
	return pte & AARCH64_PTE_FRAME;
}

/* A slot that leads to a lower table: rights are the PTE's affair. */
static inline uint64_t
aarch64_pte_table(tess_pa pa)
{
	return pa | AARCH64_PTE_PAGE;
}

static inline uint64_t
aarch64_pte_make(tess_pa pa, tess_prot prot, unsigned flags)
{
	uint64_t pte = pa | AARCH64_PTE_ALWAYS | AARCH64_PTE_RO;

	if (prot & (TESS_PROT_READ | TESS_PROT_WRITE))
		pte |= AARCH64_PTE_USER;
	if (prot & TESS_PROT_WRITE)
		pte |= AARCH64_PTE_DBM;
	if (flags & TESS_ENTER_WRITE)
		pte ^= prot & TESS_PROT_WRITE ? AARCH64_PTE_RO : AARCH64_PTE_DIRTY;
	if (!(prot & TESS_PROT_EXEC))
		pte |= AARCH64_PTE_UXN;
	if (flags & (TESS_ENTER_ACCESS | TESS_ENTER_WIRED))
		pte |= AARCH64_PTE_AF;
	if (flags & TESS_ENTER_WIRED)
		pte |= AARCH64_PTE_WIRED;
	return pte;
}

static inline tess_prot
aarch64_pte_rights(uint64_t pte)
{
	tess_prot prot = TESS_PROT_NONE;

	if (pte & AARCH64_PTE_USER)
		prot |= TESS_PROT_READ;
	if (pte & AARCH64_PTE_DBM)
		prot |= TESS_PROT_WRITE;
	if (!(pte & AARCH64_PTE_UXN))
		prot |= TESS_PROT_EXEC;
	return prot;
}

static inline bool
aarch64_pte_wired(uint64_t pte)
{
	return (pte & AARCH64_PTE_WIRED) != 0;
}

static inline uint64_t
aarch64_pte_unwire(uint64_t pte)
{
	return pte & ~AARCH64_PTE_WIRED;
}

static inline bool
aarch64_pte_modified(uint64_t pte)
{
	return (pte & (AARCH64_PTE_DBM | AARCH64_PTE_RO)) == AARCH64_PTE_DBM ||
	       (pte & AARCH64_PTE_DIRTY) != 0;
}

/* TESS_PAGE_MODIFIED and TESS_PAGE_REFERENCED as this PTE knows them. */
static inline uint32_t
aarch64_pte_used(uint64_t pte)
{
	return (aarch64_pte_modified(pte) ? TESS_PAGE_MODIFIED : 0u) |
	       (pte & AARCH64_PTE_AF ? TESS_PAGE_REFERENCED : 0u);
}

/* `pte` with what `old` knows of use added. */
static inline uint64_t
aarch64_pte_merge(uint64_t pte, uint64_t old)
{
	if (aarch64_pte_modified(old) && !aarch64_pte_modified(pte))
		pte ^= pte & AARCH64_PTE_DBM ? AARCH64_PTE_RO : AARCH64_PTE_DIRTY;
	return pte | (old & AARCH64_PTE_AF);
}

static inline uint64_t
aarch64_pte_lower(uint64_t pte, tess_prot prot)
{
	bool write = prot & TESS_PROT_WRITE;
	bool user = prot & (TESS_PROT_READ | TESS_PROT_WRITE);
	uint64_t gone = (write ? 0 : AARCH64_PTE_DBM) | (user ? 0 : AARCH64_PTE_USER);
	uint64_t set = (write ? 0 : AARCH64_PTE_RO) | (prot & TESS_PROT_EXEC ? 0 : AARCH64_PTE_UXN);

	/* writable and modified becomes read-only and `dirty` */
	if (!write && (pte & (AARCH64_PTE_DBM | AARCH64_PTE_RO)) == AARCH64_PTE_DBM)
		set |= AARCH64_PTE_DIRTY;
	return (pte & ~gone) | set;
}

/* Forget use: `bits` as in aarch64_pte_used(). */
static inline uint64_t
aarch64_pte_clean(uint64_t pte, uint32_t bits)
{
	if (bits & TESS_PAGE_MODIFIED)
		pte = (pte & ~AARCH64_PTE_DIRTY) | AARCH64_PTE_RO;
	if (bits & TESS_PAGE_REFERENCED)
		pte &= ~AARCH64_PTE_AF;
	return pte;
}

/* What one access that the rights allow leaves behind. */
static inline uint64_t
aarch64_pte_mark(uint64_t pte, enum tess_access access)
{
	if (access == TESS_ACCESS_WRITE)
		pte &= ~AARCH64_PTE_RO;
	return pte | AARCH64_PTE_AF;
}

static inline bool
aarch64_pte_well_formed(uint64_t pte)
{
	const uint64_t may = AARCH64_PTE_ALWAYS | AARCH64_PTE_USER | AARCH64_PTE_RO |
			     AARCH64_PTE_AF | AARCH64_PTE_DBM | AARCH64_PTE_UXN |
			     AARCH64_PTE_DIRTY | AARCH64_PTE_WIRED | AARCH64_PTE_FRAME;
	uint64_t write = pte & (AARCH64_PTE_DBM | AARCH64_PTE_RO);

	return (pte & ~may) == 0 && (pte & AARCH64_PTE_ALWAYS) == AARCH64_PTE_ALWAYS &&
	       write != 0 && !(pte & AARCH64_PTE_DBM && pte & AARCH64_PTE_DIRTY) &&
	       (pte & AARCH64_PTE_USER || !(pte & AARCH64_PTE_DBM));
}

#endif
