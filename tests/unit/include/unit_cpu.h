/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * unit_cpu.h: port/cpu.h for unit tests: a thread is whichever CPU it last said it was.
 */
#ifndef TESS_UNIT_CPU_H
#define TESS_UNIT_CPU_H

extern _Thread_local unsigned unit_cpu_number;
extern _Thread_local unsigned unit_preempt_depth;
extern struct tess_machine *unit_the_machine;

_Noreturn void unit_preempt_underflow(void);

static inline unsigned
tess_port_cpu(void)
{
	return unit_cpu_number;
}

static inline struct tess_machine *
tess_port_machine(void)
{
	return unit_the_machine;
}

static inline void
tess_port_machine_set(struct tess_machine *m)
{
	unit_the_machine = m;
}

static inline void
tess_port_preempt_disable(void)
{
	unit_preempt_depth++;
}

static inline void
tess_port_preempt_enable(void)
{
	if (unit_preempt_depth == 0)
		unit_preempt_underflow();
	unit_preempt_depth--;
}

#endif
