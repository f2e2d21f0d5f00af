/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * layout.h: where the image lies, physically and virtually; shared by C, assembler and linker script.
 *
 *	ffff8000_00000000  PML4 slot 256  all physical memory below 4 GiB   no execute
 *	ffffffff_80000000  PML4 slot 511  physical 0 .. 1 GiB: the image at + 1 MiB
 *	00000000_00000000  slots 0..255   users: what the pmap says
 */
#ifndef X86_LAYOUT_H
#define X86_LAYOUT_H

#define X86_KERNEL_BASE   0xffffffff80000000
#define X86_IMAGE_PA      0x100000
#define X86_DIRECT_SLOT   256
#define X86_KERNEL_SLOT   511
#define X86_DIRECT_END    0x100000000 /* the direct map covers [0, this) */
#define X86_TRAMPOLINE_PA 0x8000      /* below 1 MiB, page aligned: a SIPI vector names it */

#define X86_PHYS(sym) ((sym)-X86_KERNEL_BASE)

/* Selectors of every GDT in this image. */
#define X86_SEL_CODE64 0x08
#define X86_SEL_DATA   0x10
#define X86_SEL_CODE32 0x18
#define X86_SEL_TSS    0x20

/* Control register bits, Intel SDM volume 3, section 2.5. */
#define X86_CR0      0x80010033 /* PG, WP, NE, ET, MP, PE */
#define X86_CR4      0x00000020 /* PAE; no PGE, SMEP, SMAP, PCIDE */
#define X86_MSR_EFER 0xc0000080
#define X86_EFER     0x900 /* NXE, LME */

#define X86_VECTOR_IPI      0xf0
#define X86_VECTOR_TIMER    0xf1
#define X86_VECTOR_SPURIOUS 0xff

#endif
