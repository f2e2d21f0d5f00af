/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * unit_rcu.h: port/rcu.h for unit tests: counts the nesting, so that quiescence inside is seen.
 */
#ifndef TESS_UNIT_RCU_H
#define TESS_UNIT_RCU_H

extern _Thread_local unsigned unit_rcu_depth;

static inline void
tess_port_rcu_enter(void)
{
	unit_rcu_depth++;
	__asm__ volatile("" ::: "memory");
}

static inline void
tess_port_rcu_exit(void)
{
	__asm__ volatile("" ::: "memory");
	unit_rcu_depth--;
}

#endif
