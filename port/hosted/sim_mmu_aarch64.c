/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * sim_mmu_aarch64.c: the stage 1 walk of an aarch64 processor at EL0: 4 KiB granule, 48 bits, TTBR0.
 *
 *	page and block:
 *	 63   58    55   54  53   52     51   50    47       12  11  10   9 8   7 6    5  4  2   1 0
 *	┌───────┬──────┬───┬───┬──────┬─────┬──────┬───────────┬───┬────┬────┬───────┬────┬─────┬────┐
 *	│  ign  │  sw  │UXN│PXN│Contig│ DBM │ RES0 │  address  │nG │ AF │ SH │AP[2:1]│ NS │ Attr│type│
 *	└───────┴──────┴───┴───┴──────┴─────┴──────┴───────────┴───┴────┴────┴───────┴────┴─────┴────┘
 *	table: NSTable 63, APTable 62:61, UXNTable 60, PXNTable 59, address 47:12, type 11
 *
 * type: bit 0 clear is invalid.  01 is a block at levels 2 and 3 of this file (the manual's L2 and
 * L1), invalid elsewhere; 11 is a table, or a page at level 1 (L3).
 * EL0 reads need AP[1]; writes AP[1] and AP[2] clear; fetches UXN clear (they do not need AP[1]).
 * APTable[0] takes AP[1] away below it, APTable[1] forbids writes, UXNTable forbids fetches.
 * AF = 0 is an access flag fault, or set by hardware (TCR.HA).  With TCR.HD a set DBM makes AP[2] mean
 * "clean": the first permitted write clears it.  SCTLR.WXN = 0.  Faults in the order of the
 * manual's D8.15: translation, address size, access flag, permission.
 */
#include "sim_priv.h"

#define ARM_VALID     ((uint64_t)1 << 0)
#define ARM_TABLE     ((uint64_t)1 << 1) /* page at the last level */
#define ARM_AP_EL0    ((uint64_t)1 << 6)
#define ARM_AP_RO     ((uint64_t)1 << 7)
#define ARM_AF        ((uint64_t)1 << 10)
#define ARM_NG        ((uint64_t)1 << 11)
#define ARM_DBM       ((uint64_t)1 << 51)
#define ARM_UXN       ((uint64_t)1 << 54)
#define ARM_APT_NOEL0 ((uint64_t)1 << 61)
#define ARM_APT_RO    ((uint64_t)1 << 62)
#define ARM_UXNTABLE  ((uint64_t)1 << 60)
#define ARM_ADDRESS   (((uint64_t)1 << 48) - ((uint64_t)1 << 12))
#define ARM_RES0      ((uint64_t)3 << 48) /* with 48-bit physical addresses */
#define ARM_NT        ((uint64_t)1 << 16) /* in blocks, FEAT_BBM: not an address bit */

static sim_grant
arm_table_allow(uint64_t d)
{
	sim_grant g = TESS_PROT_ALL;

	if (d & ARM_APT_NOEL0)
		g &= (sim_grant) ~(TESS_PROT_READ | TESS_PROT_WRITE);
	if (d & ARM_APT_RO)
		g &= (sim_grant)~TESS_PROT_WRITE;
	if (d & ARM_UXNTABLE)
		g &= (sim_grant)~TESS_PROT_EXEC;
	return g;
}

/* What a page or block grants; `*clean` when the write right waits for AP[2] to be cleared. */
static sim_grant
arm_page_allow(const struct sim_mmu *m, uint64_t d, bool *clean)
{
	sim_grant g = 0;

	*clean = m->hw_dirty && (d & ARM_DBM) && (d & ARM_AP_RO);
	if (d & ARM_AP_EL0) {
		g |= TESS_PROT_READ;
		if (!(d & ARM_AP_RO) || *clean)
			g |= TESS_PROT_WRITE;
	}
	if (!(d & ARM_UXN))
		g |= TESS_PROT_EXEC;
	return g;
}

static enum sim_fault
arm_leaf(const struct sim_mmu *m, tess_va va, enum tess_access access, enum sim_walk_mode mode,
	 uint64_t *word, uint64_t d, struct sim_walk *w)
{
	uint64_t size = (uint64_t)1 << w->shift;
	bool clean;

	if ((d & ARM_RES0) || (w->leaf > 1 && (d & ARM_ADDRESS & (size - 1) & ~ARM_NT)))
		return SIM_FAULT_RESERVED;
	w->pa = (d & ARM_ADDRESS & ~(size - 1)) | (va & (size - 1));
	if (sim_word(m, w->pa) == NULL)
		return SIM_FAULT_BUS;
	if (mode == SIM_WALK_USE && !(d & ARM_AF) && !m->hw_accessed)
		return SIM_FAULT_ACCESSED;
	w->grant &= arm_page_allow(m, d, &clean);
	if (mode == SIM_WALK_USE) {
		uint64_t want = d | ARM_AF;

		if (!(w->grant & sim_need(access)))
			return SIM_FAULT_RIGHTS;
		if (access == TESS_ACCESS_WRITE && clean)
			want &= ~ARM_AP_RO;
		if (want != d && !tess_cas_acqrel(word, &d, want))
			return SIM_FAULT_RACE;
		d = want;
	}
	w->pte = d;
	w->dirty = !(d & ARM_AP_RO);
	w->global = !(d & ARM_NG);
	return SIM_OK;
}

enum sim_fault
tess_sim_walk_aarch64(const struct sim_mmu *m, tess_va va, enum tess_access access,
		      enum sim_walk_mode mode, struct sim_walk *w)
{
	for (unsigned level = w->first;; level--) {
		const struct sim_step *s = &w->at[level];
		tess_pa pa = s->table + ((va >> sim_shift(level)) & 511) * 8;
		uint64_t *word = sim_word(m, pa);
		uint64_t d;

		w->leaf = (uint8_t)level;
		if (word == NULL)
			return SIM_FAULT_BUS;
		d = tess_load_acquire(word); /* pairs with the pmap's publication of a table */
		if (!(d & ARM_VALID))
			return SIM_FAULT_ABSENT;
		if (!(d & ARM_TABLE) && (level == 1 || level > 3))
			return SIM_FAULT_ABSENT; /* a reserved type counts as invalid */
		if (level == 1 || !(d & ARM_TABLE)) {
			w->grant = s->allow;
			w->pte_pa = pa;
			w->shift = (uint8_t)sim_shift(level);
			return arm_leaf(m, va, access, mode, word, d, w);
		}
		if (d & ARM_RES0)
			return SIM_FAULT_RESERVED;
		w->at[level - 1].table = d & ARM_ADDRESS;
		w->at[level - 1].allow = s->allow & arm_table_allow(d);
	}
}
