/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * pmap.c (aarch64): the walker over aarch64's words, for processors with and without FEAT_HAFDBS.
 *
 * The words are the same for both; without the feature, a fault asks for the bits to be set.
 */
#include "pte.h"

#define WALK(f)         aarch64_##f
#define EXPORT(f)       tess_aarch64_##f
#define PTE(f)          aarch64_pte_##f
#define PTE_VA_BITS     AARCH64_VA_BITS
#define PTE_BREAK_FIRST AARCH64_BREAK_FIRST
#define PTE_STICKY      AARCH64_STICKY

#include "walk.h"
#include "walk_check.h"

#undef WALK
#undef EXPORT
#undef PTE
#undef PTE_VA_BITS
#undef PTE_BREAK_FIRST
#undef PTE_STICKY

/*
 * Set the bits in the PTE as hardware would: by compare-and-swap, without its lock.
 *
 * => true: they were all that was missing, and are set
 */
static bool
aarch64_fixup_pte(uint64_t *slot, enum tess_access access, uint64_t *was)
{
	uint64_t old = tess_load_relaxed(slot), new;
	tess_prot need = (tess_prot)(1u << access); /* the two enums have one order */

	while (aarch64_pte_valid(old) && (aarch64_pte_rights(old) & need)) {
		new = aarch64_pte_mark(old, access);
		if (new == old)
			return false; /* a stale TLB entry: enter will flush it */
		*was = old;
		if (tess_cas_acqrel(slot, &old, new))
			return true;
	}
	return false;
}

bool
tess_aarch64_fixup(struct tess_pmap *pm, tess_va va, enum tess_access access)
{
	struct walk_leaf l;
	uint64_t was = 0;
	bool fixed;

	if (pm->ops->caps.hw_accessed && pm->ops->caps.hw_dirty)
		return false;
	tess_rcu_enter();
	fixed = aarch64_leaf_find(pm, va, &l) == 1 && aarch64_fixup_pte(l.slot, access, &was);
	if (fixed && (was & AARCH64_PTE_AF)) {
		/* the read-only translation was cached; with AF clear it could not be (D8.14) */
		tess_port_preempt_disable();
		pmap_flush_here(pm, va);
		tess_port_preempt_enable();
	}
	tess_rcu_exit();
	return fixed;
}

#define AARCH64_CAPS(word, hardware)                                                          \
	{                                                                                     \
		.name = (word), .levels = PMAP_LEVELS, .va_bits = AARCH64_VA_BITS,            \
		.asid_bits = 16, .hw_accessed = (hardware), .hw_dirty = (hardware),           \
		.no_exec = true, .broadcast = true, .break_before_make = AARCH64_BREAK_FIRST, \
	}

const struct tess_pmap_ops tess_pmap_aarch64 = {
    .caps = AARCH64_CAPS("aarch64", false),
    PMAP_TABLE_OF(aarch64),
};

const struct tess_pmap_ops tess_pmap_aarch64_hw = {
    .caps = AARCH64_CAPS("aarch64_hw", true),
    PMAP_TABLE_OF(aarch64),
};
