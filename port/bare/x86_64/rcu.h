/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * rcu.h (x86_64): port/rcu.h; counts its nesting, so that a quiescent report or a block
 * inside a read section is a panic and not a lost object.
 */
#ifndef BARE_X86_64_RCU_H
#define BARE_X86_64_RCU_H

#include "../bare.h"

static inline void
tess_port_rcu_enter(void)
{
	__asm__ volatile("incl %%gs:%c0"
			 :
			 : "i"(offsetof(struct tess_bare_cpu, rcu))
			 : "memory", "cc");
}

static inline void
tess_port_rcu_exit(void)
{
	__asm__ volatile("decl %%gs:%c0"
			 :
			 : "i"(offsetof(struct tess_bare_cpu, rcu))
			 : "memory", "cc");
}

#endif
