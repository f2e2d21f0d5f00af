/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * pmap.c (x86_64): the walker over x86_64's words; hardware keeps accessed and dirty bits.
 */
#include "pte.h"

#define WALK(f)         x86_64_##f
#define EXPORT(f)       tess_x86_64_##f
#define PTE(f)          x86_64_pte_##f
#define PTE_VA_BITS     X86_64_VA_BITS
#define PTE_BREAK_FIRST X86_64_BREAK_FIRST
#define PTE_STICKY      X86_64_STICKY

#include "walk.h"
#include "walk_check.h"

#undef WALK
#undef EXPORT
#undef PTE
#undef PTE_VA_BITS
#undef PTE_BREAK_FIRST
#undef PTE_STICKY

/* Hardware sets its bits itself, so no fault is only about them. */
bool
tess_x86_64_fixup(struct tess_pmap *pm, tess_va va, enum tess_access access)
{
	(void)pm, (void)va, (void)access;
	return false;
}

const struct tess_pmap_ops tess_pmap_x86_64 = {
    .caps = {.name = "x86_64",
	     .levels = PMAP_LEVELS,
	     .va_bits = X86_64_VA_BITS,
	     .asid_bits = 0,
	     .hw_accessed = true,
	     .hw_dirty = true,
	     .no_exec = true,
	     .broadcast = false,
	     .break_before_make = X86_64_BREAK_FIRST},
    PMAP_TABLE_OF(x86_64),
};
