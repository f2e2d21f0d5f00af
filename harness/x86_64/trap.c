/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * trap.c: what an interrupt or exception means.
 *
 *	IPI vector		    run what other CPUs asked
 *	#PF of a user access	    tess_fault() of the space this CPU runs; repeat, or go to the fixup
 *	#PF of anything else, any other exception: every register to the console, the run has failed
 *
 * A user access is one whose instruction access.S lists, or an instruction fetch in the user half.  The core
 * may sleep in tess_fault(), so no other page fault could be handled: the core itself must not have any.
 */
#include <tessera/port.h>
#include <tessera/space.h>
#include "bare.h"
#include "harness.h"
#include "x86.h"

#define TRAP_PAGE_FAULT  14
#define TRAP_FETCH_AGAIN 0x100 /* above every enum tess_err: the fetch is legal now, repeat it */
#define TRAP_RET         0xc3
#define TRAP_TRACE_WORDS 400
#define TRAP_TRACE_FOUND 24

static void
trap_print_word(const char *name, uint64_t v)
{
	char text[] = " 0x0000000000000000";

	for (unsigned i = 0; i < 16; i++)
		text[3 + i] = "0123456789abcdef"[v >> (60 - 4 * i) & 15];
	tess_bare_print(name);
	tess_bare_print(text);
}

static void
trap_dump(const struct x86_frame *f, uint64_t cr2)
{
	static const char *const name[] = {"r15", "r14", "r13", "r12", "r11", "r10", "r9 ", "r8 ",
					   "rbp", "rdi", "rsi", "rdx", "rcx", "rbx", "rax", "vec",
					   "err", "rip", "cs ", "rfl", "rsp", "ss "};
	const uint64_t *word = &f->r15;

	trap_print_word("\nexception: cpu", tess_port_cpu());
	trap_print_word(" cr2", cr2);
	trap_print_word(" cr3", bare_cr3_get());
	for (unsigned i = 0; i < sizeof(name) / sizeof(name[0]); i++) {
		tess_bare_print(i % 4 == 0 ? "\n  " : "  ");
		trap_print_word(name[i], word[i]);
	}
	tess_bare_print("\n");
}

/*
 * Words of the stack that point into the program: the return addresses, and some that are none.
 * addr2line -e IMAGE names them.  The second page of a stack may be another's; nothing is lost by looking.
 */
void
x86_trace_print(void)
{
	uint64_t *sp = (uint64_t *)__builtin_frame_address(0);
	uint64_t text = (uint64_t)(uintptr_t)x86_image_start,
		 end = (uint64_t)(uintptr_t)x86_text_end;

	tess_bare_print("called from:");
	for (unsigned i = 0, found = 0; i < TRAP_TRACE_WORDS && found < TRAP_TRACE_FOUND; i++) {
		if ((uint64_t)(uintptr_t)&sp[i] + 8 > (uint64_t)(uintptr_t)x86_image_end)
			break;
		if (sp[i] < text || sp[i] >= end)
			continue;
		trap_print_word("", sp[i]);
		found++;
	}
	tess_bare_print("\n");
}

/* Where the access at `ip` goes on when it is refused; 0: this was no user access. */
static uint64_t
trap_resume(const struct x86_frame *f)
{
	if (f->ip < BARE_USER_END && (f->error & X86_PF_FETCH))
		return (uint64_t)(uintptr_t)x86_call_resume;
	for (const struct x86_fixup *x = x86_fixups; x < x86_fixups_end; x++)
		if (x->ip == f->ip)
			return x->resume;
	return 0;
}

static enum tess_access
trap_access(const struct x86_frame *f)
{
	if (f->error & X86_PF_FETCH)
		return TESS_ACCESS_EXEC;
	return f->error & X86_PF_WRITE ? TESS_ACCESS_WRITE : TESS_ACCESS_READ;
}

static void
trap_page_fault(struct x86_frame *f)
{
	uint64_t va = x86_cr2(), resume = trap_resume(f);
	struct bare_cpu *c = &bare_cpus[tess_port_cpu()];
	enum tess_err e = TESS_SIGSEGV;

	if (resume == 0 || va >= BARE_USER_END || (f->error & X86_PF_RESERVED)) {
		trap_dump(f, va);
		tess_port_panic("page fault in the kernel");
	}
	c->faults++;
	if (f->flags & X86_FLAGS_IF)
		x86_irq_on();
	if (c->space != NULL)
		e = tess_fault(c->space, va, trap_access(f));
	x86_irq_off();
	if (e == TESS_OK && (f->error & X86_PF_FETCH) == 0)
		return;
	f->ip = resume;
	f->ax = e == TESS_OK ? TRAP_FETCH_AGAIN : (uint64_t)e;
}

void
x86_trap(struct x86_frame *f)
{
	switch (f->vector) {
	case X86_VECTOR_IPI:
		x86_lapic_eoi();
		tess_bare_ipi_interrupt();
		return;
	case X86_VECTOR_TIMER:
		x86_lapic_eoi();
		return;
	case X86_VECTOR_SPURIOUS:
		return;
	case TRAP_PAGE_FAULT:
		trap_page_fault(f);
		return;
	default:
		trap_dump(f, x86_cr2());
		tess_port_panic("exception");
	}
}

/*
 * The page of `va` through the tables that this CPU has loaded: what hardware would find.
 *
 * => 0: nothing.  4-level tables, SDM volume 3, section 4.5
 */
static tess_pa
trap_walk(tess_va va)
{
	tess_pa table = bare_cr3_get() & 0xffffffffff000;

	for (unsigned shift = 39;; shift -= 9) {
		uint64_t pte = ((const uint64_t *)tess_port_direct(table))[va >> shift & 511];

		if ((pte & 1) == 0)
			return 0;
		table = pte & 0xffffffffff000;
		if (shift == 12 || (pte & 0x80))
			return table | (va & (((uint64_t)1 << shift) - 1) & ~TESS_PAGE_MASK);
	}
}

/*
 * A fetch without running what is there: put a return instruction in its place through the direct map,
 * call it, put the byte back.  Hardware decides whether the page may be executed; after a fault that was
 * made legal the frame is looked up again, as it may be another one.
 *
 * => nobody else reads or writes that byte meanwhile, or it is a return instruction already
 */
enum tess_err
bare_fetch(tess_va va)
{
	uint64_t e;

	do {
		tess_pa pa = trap_walk(va);
		uint8_t *at = tess_port_direct(pa + (va & TESS_PAGE_MASK)), was = 0;
		uint32_t leaf = 0, sub = 0;

		if (pa != 0) {
			was = *at;
			*(volatile uint8_t *)at = TRAP_RET;
			/* cpuid: no instruction after it was fetched before it (SDM volume 3, 8.1.3) */
			__asm__ volatile("cpuid"
					 : "+a"(leaf), "+c"(sub)
					 :
					 : "rbx", "rdx", "memory");
		}
		e = x86_call_user(va);
		if (pa != 0)
			*(volatile uint8_t *)at = was;
	} while (e == TRAP_FETCH_AGAIN);
	return (enum tess_err)e;
}
