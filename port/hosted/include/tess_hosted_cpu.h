/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * tess_hosted_cpu.h: port/cpu.h for a machine made of a process.
 *
 * A thread carries one struct of words: which machine, which logical CPU, where simulated
 * RAM starts.  initial-exec TLS makes each of them one segment-relative load, so the core's
 * per-CPU access costs here what it costs in a kernel.  One thread that plays every CPU only
 * changes the `cpu` word (tess_host_cpu_set).
 *
 * Select it with -DTESS_PORT_CPU_H='<tess_hosted_cpu.h>'; tess_hosted_direct.h and
 * tess_hosted_rcu.h go with it.
 */
#ifndef TESS_HOSTED_CPU_H
#define TESS_HOSTED_CPU_H

#include <tessera/types.h>

TESS_BEGIN_DECLS

struct tess_host;

struct tess_hosted_cpu {
	char *direct;                 /* host address of pa 0, were there memory */
	struct tess_machine *machine; /* the core machine this thread works for */
	struct tess_host *host;       /* the simulated hardware under it */
	unsigned cpu;                 /* logical CPU */
	uint32_t preempt;             /* depth of tess_port_preempt_disable */
	uint32_t rcu;                 /* depth of read sections */
	uint32_t acting;              /* 1: running an IPI in the place of `cpu` */
};

extern __thread struct tess_hosted_cpu tess_hosted __attribute__((tls_model("initial-exec")));

/* The balance oracle: one more close than there were opens.  `what` names the pair. */
TESS_NORETURN void tess_hosted_unbalanced(const char *what);

static inline unsigned
tess_port_cpu(void)
{
	return tess_hosted.cpu;
}

static inline struct tess_machine *
tess_port_machine(void)
{
	return tess_hosted.machine;
}

static inline void
tess_port_machine_set(struct tess_machine *m)
{
	tess_hosted.machine = m;
}

static inline void
tess_port_preempt_disable(void)
{
	tess_hosted.preempt++;
	__asm__ volatile("" ::: "memory");
}

static inline void
tess_port_preempt_enable(void)
{
	__asm__ volatile("" ::: "memory");
	if (__builtin_expect(tess_hosted.preempt-- == 0, 0))
		tess_hosted_unbalanced("preempt_enable without preempt_disable");
}

TESS_END_DECLS

#endif
