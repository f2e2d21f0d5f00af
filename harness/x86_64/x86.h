/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * x86.h: the machine-dependent half of the image, and the instructions that C does not know.
 *
 *	boot.S    to long mode           pvh.c   memory and ACPI tables from the loader
 *	cpu.c     GDT, TSS, IDT, stacks  smp.c   starting the other CPUs
 *	trap.S    vectors                lapic.c interrupts between CPUs
 *	trap.c    faults, dumps          clock.c time
 *	access.S  touching user memory   serial.c console, exit
 */
#ifndef X86_H
#define X86_H

#include <tessera/types.h>
#include "layout.h"

/* What trap.S pushes, lowest address first; the last five are the processor's. */
struct x86_frame {
	uint64_t r15, r14, r13, r12, r11, r10, r9, r8, bp, di, si, dx, cx, bx, ax;
	uint64_t vector, error;
	uint64_t ip, cs, flags, sp, ss;
};

#define X86_FLAGS_IF 0x200

/* Page fault error code, Intel SDM volume 3, section 4.7. */
enum {
	X86_PF_PRESENT = 1,
	X86_PF_WRITE = 2,
	X86_PF_USER = 4,
	X86_PF_RESERVED = 8,
	X86_PF_FETCH = 16
};

/* boot.S */
extern char x86_trampoline[], x86_trampoline_end[];
extern char x86_image_start[], x86_text_end[], x86_image_end[];
extern uint64_t x86_boot_stack, x86_start_info;
extern void (*x86_boot_entry)(void);
extern uint64_t x86_kernel_root[512];

/* trap.S: the 256 entry points, 16 bytes apart; cpu.c points the IDT at them. */
extern char x86_vectors[];
void x86_trap(struct x86_frame *f);
void x86_trace_print(void);

/* access.S: an instruction that may fault, and where to go on when the fault is refused. */
struct x86_fixup {
	uint64_t ip, resume;
};
extern const struct x86_fixup x86_fixups[], x86_fixups_end[];
uint64_t x86_call_user(tess_va va);
extern char x86_call_resume[];

/* cpu.c: the calling processor becomes logical CPU `cpu`: GDT, TSS, IDT, gs, kernel tables. */
void x86_cpu_init(unsigned cpu);
void x86_main(void);
void x86_stack_first(void); /* access.S */

/* pvh.c */
void x86_pvh_parse(uint64_t start_info);
const void *x86_pvh_rsdp(void);

/* acpi.c: APIC ids of the usable processors; the number found, at most `max`; 0: no table. */
unsigned x86_acpi_cpus(const void *rsdp, uint32_t *apic_id, unsigned max);

/* lapic.c */
void x86_lapic_init(void);
uint32_t x86_lapic_id(void);
void x86_lapic_eoi(void);
void x86_lapic_start(uint32_t apic_id, tess_pa trampoline);
extern uint32_t x86_apic_id[TESS_CPU_MAX];

/* smp.c */
void x86_smp_start(void);

/* clock.c */
void x86_clock_init(void);

/* serial.c */
void x86_serial_init(void);

static inline void
x86_outb(uint16_t port, uint8_t v)
{
	__asm__ volatile("outb %0, %1" : : "a"(v), "Nd"(port) : "memory");
}

static inline uint8_t
x86_inb(uint16_t port)
{
	uint8_t v;

	__asm__ volatile("inb %1, %0" : "=a"(v) : "Nd"(port) : "memory");
	return v;
}

static inline void
x86_outl(uint16_t port, uint32_t v)
{
	__asm__ volatile("outl %0, %1" : : "a"(v), "Nd"(port) : "memory");
}

static inline uint64_t
x86_rdmsr(uint32_t msr)
{
	uint32_t lo, hi;

	__asm__ volatile("rdmsr" : "=a"(lo), "=d"(hi) : "c"(msr) : "memory");
	return (uint64_t)hi << 32 | lo;
}

static inline void
x86_wrmsr(uint32_t msr, uint64_t v)
{
	__asm__ volatile("wrmsr"
			 :
			 : "c"(msr), "a"((uint32_t)v), "d"((uint32_t)(v >> 32))
			 : "memory");
}

static inline uint64_t
x86_rdtsc(void)
{
	uint32_t lo, hi;

	__asm__ volatile("rdtsc" : "=a"(lo), "=d"(hi) : : "memory");
	return (uint64_t)hi << 32 | lo;
}

static inline uint64_t
x86_cr2(void)
{
	uint64_t v;

	__asm__ volatile("movq %%cr2, %0" : "=r"(v) : : "memory");
	return v;
}

static inline uint64_t
x86_flags(void)
{
	uint64_t v;

	__asm__ volatile("pushfq; popq %0" : "=r"(v) : : "memory");
	return v;
}

static inline void
x86_irq_on(void)
{
	__asm__ volatile("sti" : : : "memory");
}

static inline void
x86_irq_off(void)
{
	__asm__ volatile("cli" : : : "memory");
}

/* Interrupts on and stop until one comes; sti takes effect after the next instruction, so none is missed. */
static inline void
x86_irq_on_halt(void)
{
	__asm__ volatile("sti; hlt" : : : "memory");
}

#endif
