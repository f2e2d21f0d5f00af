/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * bare.h: the border for a kernel with nothing else in it.
 *
 * bare_*.c implement every tess_port_* function that does not depend on the processor; this header
 * is what the kernel around them (harness/) supplies, and what it must call.
 *
 *	kernel supplies				kernel calls
 *	tess_bare_console_putc			tess_bare_cpu_init, once a CPU
 *	tess_bare_time_ns			tess_bare_ipi_interrupt, from the IPI vector
 *	tess_bare_ipi_raise			tess_bare_idle_enter, _exit, around hlt or wfi
 *	tess_bare_halt
 *	tess_bare_pause
 *
 * Processor-dependent inline headers live in x86_64/; include/tess_bare_*.h choose among processors.
 * Build the core and the kernel with -Iport/bare/include and
 *
 *	-DTESS_PORT_CPU_H='<tess_bare_cpu.h>'	-DTESS_PORT_DIRECT_H='<tess_bare_direct.h>'
 *	-DTESS_PORT_TLB_H='<tess_bare_tlb.h>'	-DTESS_PORT_RCU_H='<tess_bare_rcu.h>'
 *
 * Nothing here preempts: an interrupt handler runs to its end and returns to what it interrupted,
 * so a CPU's words change only under that CPU.  A blocked CPU spins and counts as quiescent.
 */
#ifndef TESS_BARE_H
#define TESS_BARE_H

#include <tessera/types.h>

TESS_BEGIN_DECLS

struct tess_machine;

/*
 * One logical CPU's words; the processor finds them (x86_64: through gs).
 *
 * Key letters: c const after init, P this CPU, A atomic.
 */
struct tess_bare_cpu {
	struct tess_bare_cpu *self; /* c: at offset 0, where gs:0 reads it */
	uint32_t cpu;               /* c: 0 .. ncpu-1 */
	uint32_t preempt;           /* P: depth */
	uint32_t rcu;               /* P: depth of read sections */
	uint32_t pad;
	uint64_t seen;     /* A: last grace period this CPU saw from outside; 0: idle */
	uint64_t ipi_from; /* A: bit n: CPU n's call waits for this CPU */
	/* This CPU's own call, read by the CPUs it is for. */
	void (*ipi_fn)(void *); /* P until the bits are set */
	void *ipi_arg;          /* P until the bits are set */
	uint32_t ipi_left;      /* A: CPUs that have not run it yet */
} __attribute__((aligned(128)));

extern struct tess_bare_cpu tess_bare_cpus[TESS_CPU_MAX];
extern struct tess_machine *tess_bare_machine; /* the one machine of this kernel */

/* ---- The kernel supplies ---- */

/* One byte to the console.  Context: any, interrupts off, several CPUs at once only after a panic. */
void tess_bare_console_putc(char c);
/* Nanoseconds since boot, monotonic on and across CPUs. */
uint64_t tess_bare_time_ns(void);
/* Make `cpu` call tess_bare_ipi_interrupt() soon.  An edge: lost only if one is pending already. */
void tess_bare_ipi_raise(unsigned cpu);
/* Stop this CPU, or the whole machine; never returns. */
TESS_NORETURN void tess_bare_halt(void);
/* The processor's hint for spin loops: pause, yield. */
void tess_bare_pause(void);

/* ---- The kernel calls ---- */

/*
 * tess_bare_cpu_init: the calling processor is logical CPU `cpu`.
 *
 * => once a CPU, before anything of the core.  gives: its words, for the kernel to point gs at
 *    (x86_64: bare_cpu_load() does) before the next call; the CPU is not idle from here on
 */
struct tess_bare_cpu *tess_bare_cpu_init(unsigned cpu);

/* tess_bare_ipi_interrupt: run what other CPUs asked this one.  Context: the IPI vector, or polling. */
void tess_bare_ipi_interrupt(void);

/* Around hlt and everything else that waits: grace periods do not wait for an idle CPU. */
void tess_bare_idle_enter(void);
void tess_bare_idle_exit(void);

/* tess_bare_print: a NUL-terminated string through tess_bare_console_putc.  Context: any. */
void tess_bare_print(const char *s);

TESS_END_DECLS

#endif
