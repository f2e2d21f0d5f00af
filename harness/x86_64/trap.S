/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * trap.S: 256 entry points of 16 bytes; each pushes what the processor did not, then one common tail.
 *
 * The image runs in ring 0 only, so gs is always this CPU's and there is nothing to swap.
 * Vectors with an error code: 8, 10 to 14, 17, 21, 29, 30 (Intel SDM volume 3, table 6-1).
 */
	.section .text
	.balign 16
	.globl x86_vectors
x86_vectors:
	.set vector, 0
	.rept 256
	.balign 16
	.if !(vector == 8 || (vector >= 10 && vector <= 14) || vector == 17 || vector == 21 || vector == 29 || vector == 30)
	pushq $0
	.endif
	pushq $vector
	jmp x86_trap_common
	.set vector, vector + 1
	.endr

	.balign 16
x86_trap_common:
	pushq %rax
	pushq %rbx
	pushq %rcx
	pushq %rdx
	pushq %rsi
	pushq %rdi
	pushq %rbp
	pushq %r8
	pushq %r9
	pushq %r10
	pushq %r11
	pushq %r12
	pushq %r13
	pushq %r14
	pushq %r15
	cld
	movq %rsp, %rdi
	movq %rsp, %rbx
	andq $-16, %rsp
	call x86_trap
	movq %rbx, %rsp
	popq %r15
	popq %r14
	popq %r13
	popq %r12
	popq %r11
	popq %r10
	popq %r9
	popq %r8
	popq %rbp
	popq %rdi
	popq %rsi
	popq %rdx
	popq %rcx
	popq %rbx
	popq %rax
	addq $16, %rsp
	iretq

	.section .note.GNU-stack, "", @progbits
