/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * boot.S: from the PVH entry point (32-bit, paging off) to C in long mode, for the first CPU and all others.
 *
 *	QEMU -kernel ──► x86_pvh_entry ─┐
 *	                                ├─► x86_enter_long ──► *x86_boot_entry on x86_boot_stack
 *	SIPI ──► x86_trampoline (real) ─┘
 *
 * The tables are constants laid out by the assembler: nothing is computed before C runs.  The kernel's and
 * the direct map's page directories are the same four pages; only their PDPT entries differ (no execute).
 * x86_boot_root maps low memory one to one as well, for the jump; x86_kernel_root does not.
 */
#include "layout.h"

/* XEN_ELFNOTE_PHYS32_ENTRY = 18 (xen/include/public/elfnote.h): the entry point's physical address. */
	.section .note.pvh, "a", @note
	.balign 4
	.long 4, 8, 18
	.asciz "Xen"
	.quad X86_PHYS(x86_pvh_entry)

	.section .text.boot, "ax"
	.code32
	.globl x86_pvh_entry
x86_pvh_entry:
	cli
	cld
	movl %ebx, X86_PHYS(x86_start_info)
x86_enter_long:
	movl $X86_CR4, %eax
	movl %eax, %cr4
	movl $X86_PHYS(x86_boot_root), %eax
	movl %eax, %cr3
	movl $X86_MSR_EFER, %ecx
	rdmsr
	orl $X86_EFER, %eax
	wrmsr
	movl $X86_CR0, %eax
	movl %eax, %cr0
	lgdt X86_PHYS(x86_boot_gdtr)
	ljmp $X86_SEL_CODE64, $X86_PHYS(x86_long_low)

	.code64
x86_long_low:
	movq $x86_long_high, %rax
	jmp *%rax
x86_long_high:
	movl $X86_SEL_DATA, %eax
	movl %eax, %ds
	movl %eax, %es
	movl %eax, %ss
	xorl %eax, %eax
	movl %eax, %fs
	movl %eax, %gs
	movq x86_boot_stack(%rip), %rsp
	xorl %ebp, %ebp
	call *x86_boot_entry(%rip)
	ud2

/* Copied to X86_TRAMPOLINE_PA; a started CPU begins here in real mode with cs = that >> 4, ip = 0. */
	.section .rodata
	.code16
	.globl x86_trampoline, x86_trampoline_end
x86_trampoline:
	cli
	cld
	movw %cs, %ax
	movw %ax, %ds
	lgdtl x86_tramp_gdtr - x86_trampoline
	movl $0x11, %eax	/* ET, PE */
	movl %eax, %cr0
	ljmpl $X86_SEL_CODE32, $(x86_tramp32 - x86_trampoline + X86_TRAMPOLINE_PA)
	.code32
x86_tramp32:
	movl $X86_SEL_DATA, %eax
	movl %eax, %ds
	movl %eax, %es
	movl %eax, %ss
	movl $X86_PHYS(x86_enter_long), %eax
	jmp *%eax
	.balign 4
x86_tramp_gdtr:
	.word 4 * 8 - 1
	.long X86_PHYS(x86_boot_gdt)
x86_trampoline_end:
	.code64

	.section .data
	.balign 8
	.globl x86_boot_stack, x86_boot_entry, x86_start_info
x86_boot_stack:
	.quad x86_first_stack_end
x86_boot_entry:
	.quad x86_main
x86_start_info:
	.quad 0

/* Flat segments; Intel SDM volume 3, section 3.4.5. */
	.balign 8
x86_boot_gdt:
	.quad 0
	.quad 0x00af9b000000ffff	/* CODE64 */
	.quad 0x00cf93000000ffff	/* DATA */
	.quad 0x00cf9b000000ffff	/* CODE32 */
x86_boot_gdtr:
	.word 4 * 8 - 1
	.quad X86_PHYS(x86_boot_gdt)

/* P and RW are 3, PS is 80h, NX is bit 63. */
	.balign 4096
	.globl x86_kernel_root
x86_boot_root:
	.quad X86_PHYS(x86_pdpt_low) + 3
	.fill X86_DIRECT_SLOT - 1, 8, 0
	.quad X86_PHYS(x86_pdpt_direct) + 3
	.fill X86_KERNEL_SLOT - X86_DIRECT_SLOT - 1, 8, 0
	.quad X86_PHYS(x86_pdpt_kernel) + 3
x86_kernel_root:
	.fill X86_DIRECT_SLOT, 8, 0
	.quad X86_PHYS(x86_pdpt_direct) + 3
	.fill X86_KERNEL_SLOT - X86_DIRECT_SLOT - 1, 8, 0
	.quad X86_PHYS(x86_pdpt_kernel) + 3
x86_pdpt_low:
	.quad X86_PHYS(x86_pds) + 3
	.fill 511, 8, 0
x86_pdpt_direct:
	.set i, 0
	.rept 4
	.quad X86_PHYS(x86_pds) + i * 4096 + 0x8000000000000003
	.set i, i + 1
	.endr
	.fill 508, 8, 0
x86_pdpt_kernel:
	.fill 510, 8, 0
	.quad X86_PHYS(x86_pds) + 3
	.quad 0
x86_pds:
	.set i, 0
	.rept 4 * 512
	.quad (i << 21) + 0x83
	.set i, i + 1
	.endr

	.section .bss
	.balign 4096
	.skip 65536
x86_first_stack_end:

	.section .note.GNU-stack, "", @progbits
