/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * cpu.h (x86_64): port/cpu.h through the gs segment.
 *
 * REQUIRES: ring 0; GS base of each CPU points at its struct tess_bare_cpu (bare_cpu_load), and no
 * user mode swaps it away (a kernel with user mode does swapgs at its entries).
 * Interrupt handlers that use the core leave the depths as they found them.
 */
#ifndef BARE_X86_64_CPU_H
#define BARE_X86_64_CPU_H

#include "../bare.h"

/* GS base of this processor := the words of a CPU.  MSR c0000101h, Intel SDM volume 4. */
static inline void
bare_cpu_load(struct tess_bare_cpu *c)
{
	uint64_t base = (uint64_t)(uintptr_t)c;

	__asm__ volatile("wrmsr"
			 :
			 : "c"(0xc0000101u), "a"((uint32_t)base), "d"((uint32_t)(base >> 32))
			 : "memory");
}

static inline struct tess_bare_cpu *
bare_cpu_self(void)
{
	struct tess_bare_cpu *c;

	__asm__("movq %%gs:%c1, %0" : "=r"(c) : "i"(offsetof(struct tess_bare_cpu, self)));
	return c;
}

static inline unsigned
tess_port_cpu(void)
{
	uint32_t n;

	__asm__ volatile("movl %%gs:%c1, %0" : "=r"(n) : "i"(offsetof(struct tess_bare_cpu, cpu)));
	return n;
}

static inline struct tess_machine *
tess_port_machine(void)
{
	return tess_bare_machine;
}

static inline void
tess_port_machine_set(struct tess_machine *m)
{
	tess_bare_machine = m;
}

static inline void
tess_port_preempt_disable(void)
{
	__asm__ volatile("incl %%gs:%c0"
			 :
			 : "i"(offsetof(struct tess_bare_cpu, preempt))
			 : "memory", "cc");
}

static inline void
tess_port_preempt_enable(void)
{
	__asm__ volatile("decl %%gs:%c0"
			 :
			 : "i"(offsetof(struct tess_bare_cpu, preempt))
			 : "memory", "cc");
}

#endif
