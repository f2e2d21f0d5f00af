/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * sim_mmu.c: which walk, and which addresses have one.
 *
 * sim_mmu is the oracle for pmap/, so it shares nothing with it: its bits come from the manuals (Intel
 * SDM volume 3 chapter 4; Arm ARM DDI 0487 chapter D8), never from pmap's headers.  An error has to be
 * made twice, by two people, to go unseen.
 */
#include "sim_priv.h"

enum sim_fault
tess_sim_walk(const struct sim_mmu *m, tess_va va, enum tess_access access, enum sim_walk_mode mode,
	      struct sim_walk *w)
{
	enum sim_fault f;

	/* An entry that changes between its read and its A/D update is read again from the start. */
	do {
		f = sim_is_x86(m) ? tess_sim_walk_x86_64(m, va, access, mode, w)
				  : tess_sim_walk_aarch64(m, va, access, mode, w);
	} while (f == SIM_FAULT_RACE);
	return f;
}

/*
 * x86_64: bits above the implemented ones repeat the highest (canonical).  aarch64: TTBR0 serves
 * addresses whose upper bits are zero; there is no table at TTBR1 here.
 */
bool
tess_sim_va_ok(const struct sim_mmu *m, tess_va va)
{
	unsigned bits = 12 + 9 * m->levels;

	if (sim_is_x86(m)) {
		int64_t high = (int64_t)va >> (bits - 1);

		return high == 0 || high == -1;
	}
	return va >> bits == 0;
}
