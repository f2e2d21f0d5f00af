/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * sim_mmu_x86_64.c: the page walk of an x86_64 processor in user mode, 4 or 5 levels.
 *
 *	 63  62      52 51          M-1         12 11  9  8   7   6   5   4   3   2   1   0
 *	┌──┬───────────┬──────────┬────────────────┬─────┬───┬───┬───┬───┬───┬───┬───┬───┬───┐
 *	│NX│  ignored  │ reserved │ frame or table │ ign │ G │PS │ D │ A │PCD│PWT│U/S│R/W│ P │
 *	└──┴───────────┴──────────┴────────────────┴─────┴───┴───┴───┴───┴───┴───┴───┴───┴───┘
 *
 * Rights: an access needs U/S and (to write) R/W set, and (to fetch) NX clear, in every entry used.
 * EFER.NXE = 1, CR4.PKE = 0, CR4.SMEP and SMAP do not matter for user accesses.
 * A is set in each entry used, D in the leaf of a write, by a locked update that fails if the entry
 * changed.  An entry with P = 1 and a reserved bit set faults before its rights are looked at.
 */
#include "sim_priv.h"

#define X86_P  ((uint64_t)1 << 0)
#define X86_RW ((uint64_t)1 << 1)
#define X86_US ((uint64_t)1 << 2)
#define X86_A  ((uint64_t)1 << 5)
#define X86_D  ((uint64_t)1 << 6)
#define X86_PS ((uint64_t)1 << 7)
#define X86_G  ((uint64_t)1 << 8)
#define X86_NX ((uint64_t)1 << 63)

#define X86_MAXPHYADDR 46 /* CPUID 80000008h of common servers; bits 51..46 are reserved */
#define X86_FRAME      (((uint64_t)1 << 52) - ((uint64_t)1 << 12))
#define X86_PHYS_RSVD  (((uint64_t)1 << 52) - ((uint64_t)1 << X86_MAXPHYADDR))

/* Bits that must be zero in a present entry of this level (SDM 4.5, tables 4-15 to 4-20). */
static uint64_t
x86_reserved(unsigned level, uint64_t pte)
{
	uint64_t r = X86_PHYS_RSVD;

	if (level > 3)
		return r | X86_PS;
	if (level > 1 && (pte & X86_PS)) /* between PAT (bit 12) and the frame */
		r |= ((uint64_t)1 << sim_shift(level)) - ((uint64_t)1 << 13);
	return r;
}

static sim_grant
x86_allow(uint64_t pte)
{
	sim_grant g = TESS_PROT_READ;

	if (!(pte & X86_US))
		return 0;
	if (pte & X86_RW)
		g |= TESS_PROT_WRITE;
	if (!(pte & X86_NX))
		g |= TESS_PROT_EXEC;
	return g;
}

static enum sim_fault
x86_leaf(const struct sim_mmu *m, tess_va va, enum tess_access access, enum sim_walk_mode mode,
	 uint64_t *word, uint64_t pte, struct sim_walk *w)
{
	uint64_t size = (uint64_t)1 << w->shift;

	if (mode == SIM_WALK_USE) {
		uint64_t want = pte | X86_A | (access == TESS_ACCESS_WRITE ? X86_D : 0);

		if (!(w->grant & sim_need(access)))
			return SIM_FAULT_RIGHTS;
		if (want != pte && !tess_cas_acqrel(word, &pte, want))
			return SIM_FAULT_RACE;
		pte = want;
	}
	w->pte = pte;
	w->dirty = (pte & X86_D) != 0;
	w->global = (pte & X86_G) != 0;
	w->pa = (pte & X86_FRAME & ~(size - 1)) | (va & (size - 1));
	return sim_word(m, w->pa) ? SIM_OK : SIM_FAULT_BUS;
}

enum sim_fault
tess_sim_walk_x86_64(const struct sim_mmu *m, tess_va va, enum tess_access access,
		     enum sim_walk_mode mode, struct sim_walk *w)
{
	for (unsigned level = w->first;; level--) {
		const struct sim_step *s = &w->at[level];
		tess_pa pa = s->table + ((va >> sim_shift(level)) & 511) * 8;
		uint64_t *word = sim_word(m, pa);
		uint64_t pte;

		w->leaf = (uint8_t)level;
		if (word == NULL)
			return SIM_FAULT_BUS;
		pte = tess_load_acquire(word); /* pairs with the pmap's publication of a table */
		if (!(pte & X86_P))
			return SIM_FAULT_ABSENT;
		if (pte & x86_reserved(level, pte))
			return SIM_FAULT_RESERVED;
		w->grant = s->allow & x86_allow(pte);
		if (level == 1 || (pte & X86_PS)) {
			w->pte_pa = pa;
			w->shift = (uint8_t)sim_shift(level);
			return x86_leaf(m, va, access, mode, word, pte, w);
		}
		if (mode == SIM_WALK_USE && !(pte & X86_A) &&
		    !tess_cas_acqrel(word, &pte, pte | X86_A))
			return SIM_FAULT_RACE;
		w->at[level - 1].table = pte & X86_FRAME;
		w->at[level - 1].allow = w->grant;
	}
}
