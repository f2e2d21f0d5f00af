/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * port/rcu.h: read sections.  Quiescent-state based, so a section costs nothing but a promise:
 * the CPU does not sleep, is not preempted for good, and does not report quiescence inside.
 *
 *   void tess_port_rcu_enter(void), tess_port_rcu_exit(void)	they nest
 *
 * A host that can check the promise counts the nesting; the default only stops the compiler.
 */
#ifndef TESSERA_PORT_RCU_H
#define TESSERA_PORT_RCU_H

#ifdef TESS_PORT_RCU_H
#include TESS_PORT_RCU_H
#else

static inline void
tess_port_rcu_enter(void)
{
	__asm__ volatile("" ::: "memory");
}

static inline void
tess_port_rcu_exit(void)
{
	__asm__ volatile("" ::: "memory");
}

#endif
#endif
