/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * tess_hosted_rcu.h: port/rcu.h that counts its nesting, for the balance and context oracles.
 * Quiescent-state based, so nothing else happens here: sim_rcu.c does the rest.
 */
#ifndef TESS_HOSTED_RCU_H
#define TESS_HOSTED_RCU_H

#include <tess_hosted_cpu.h>

static inline void
tess_port_rcu_enter(void)
{
	tess_hosted.rcu++;
	__asm__ volatile("" ::: "memory");
}

static inline void
tess_port_rcu_exit(void)
{
	__asm__ volatile("" ::: "memory");
	if (__builtin_expect(tess_hosted.rcu-- == 0, 0))
		tess_hosted_unbalanced("rcu_exit without rcu_enter");
}

#endif
