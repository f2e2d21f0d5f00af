/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * access.S: user memory touched from ring 0, through the MMU, and the switch between stacks.
 *
 * An access that faults is made legal by x86_trap() and repeated, or resumes at its fixup with the
 * core's answer in eax.  Ring 0 honours the same translations as ring 3 here: user pages are mapped for
 * users, CR0.WP makes read-only pages read-only for the kernel too, SMAP and SMEP are off.
 */
	.section .text

	.macro FIXUP from, resume
	.pushsection .fixups, "a"
	.quad \from, \resume
	.popsection
	.endm

/* enum tess_err bare_load8(va, uint8_t *out), bare_load64(va, uint64_t *out) */
	.globl bare_load8, bare_load64
bare_load8:
1:	movb (%rdi), %al
	movb %al, (%rsi)
	xorl %eax, %eax
	ret
	FIXUP 1b, x86_access_refused
bare_load64:
1:	movq (%rdi), %rax
	movq %rax, (%rsi)
	xorl %eax, %eax
	ret
	FIXUP 1b, x86_access_refused

/* enum tess_err bare_store8(va, uint8_t), bare_store64(va, uint64_t) */
	.globl bare_store8, bare_store64
bare_store8:
1:	movb %sil, (%rdi)
	xorl %eax, %eax
	ret
	FIXUP 1b, x86_access_refused
bare_store64:
1:	movq %rsi, (%rdi)
	xorl %eax, %eax
	ret
	FIXUP 1b, x86_access_refused

x86_access_refused:
	ret		/* eax: what tess_fault() said */

/*
 * enum tess_err x86_call_user(va): call va, where a ret instruction is.  A refused fetch has ip = va, so the
 * trap handler knows it by the range of ip, and goes on at x86_call_resume on the stack as it was at the call.
 */
	.globl x86_call_user, x86_call_resume
x86_call_user:
	call *%rdi
	xorl %eax, %eax
	ret
x86_call_resume:
	addq $8, %rsp	/* the return address that the call pushed */
	ret

/* void bare_stack_switch(uint64_t *save_sp, uint64_t load_sp) */
	.globl bare_stack_switch
bare_stack_switch:
	pushq %rbp
	pushq %rbx
	pushq %r12
	pushq %r13
	pushq %r14
	pushq %r15
	movq %rsp, (%rdi)
	movq %rsi, %rsp
	popq %r15
	popq %r14
	popq %r13
	popq %r12
	popq %rbx
	popq %rbp
	ret

/* Where a new task's first switch returns to: r12(r13), which never returns. */
	.globl x86_stack_first
x86_stack_first:
	movq %r13, %rdi
	xorl %ebp, %ebp
	call *%r12
	ud2

	.section .note.GNU-stack, "", @progbits
