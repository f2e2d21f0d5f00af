/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * port/cpu.h: which CPU this is, which machine it belongs to, and preemption.
 *
 *   unsigned tess_port_cpu(void)		0 .. ncpu-1; stable while preemption is off
 *   struct tess_machine *tess_port_machine(void)	a constant in a kernel
 *   void tess_port_machine_set(struct tess_machine *)
 *   void tess_port_preempt_disable(void), tess_port_preempt_enable(void)	they nest
 *
 * The text below is the form for a uniprocessor: one CPU, nothing to disable.
 */
#ifndef TESSERA_PORT_CPU_H
#define TESSERA_PORT_CPU_H

#include <tessera/types.h>

#ifdef TESS_PORT_CPU_H
#include TESS_PORT_CPU_H
#else

extern struct tess_machine *tess_port_the_machine;

static inline unsigned
tess_port_cpu(void)
{
	return 0;
}

static inline struct tess_machine *
tess_port_machine(void)
{
	return tess_port_the_machine;
}

static inline void
tess_port_machine_set(struct tess_machine *m)
{
	tess_port_the_machine = m;
}

static inline void
tess_port_preempt_disable(void)
{
}

static inline void
tess_port_preempt_enable(void)
{
}

#endif
#endif
