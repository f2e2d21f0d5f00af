/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * conform.h: does a host keep the promises of <tessera/port.h>?  The first thing a new embedder runs.
 *
 * It needs the port and nothing else: no core, no libc.  The same source runs in a process and in a
 * kernel.  On CPU 0 call tess_port_conform(); on `peers` other CPUs, before or while it runs, call
 * tess_port_conform_peer(), which returns when the suite is over.  With no peers, what takes two CPUs
 * is skipped and says so.
 */
#ifndef TESS_CONFORM_H
#define TESS_CONFORM_H

#include <tessera/types.h>

TESS_BEGIN_DECLS

/*
 * One page of user addresses whose last-level entry the suite may write.
 *
 * => `word[i]` in *pte translates va to frame[i], readable; 0 translates it to nothing
 * => load: 8 bytes at va by this CPU, through its TLB
 */
struct tess_conform_tlb {
	uint32_t asid;
	tess_va va;
	uint64_t *pte;
	uint64_t word[2];
	uint64_t (*load)(tess_va va);
};

struct tess_conform_env {
	void (*emit)(const char *tap); /* one line of TAP with its newline */
	tess_cpuset cpus;              /* CPUs that answer IPIs, this one included */
	unsigned peers;                /* CPUs that run, or will run, tess_port_conform_peer() */
	tess_pa frame[2];              /* RAM that nobody else uses */
	const struct tess_conform_tlb *tlb; /* NULL: TLB flushes are not tried */
};

/* tess_port_conform: run all; gives the number of failed points.  Once at a time. */
unsigned tess_port_conform(const struct tess_conform_env *env);
void tess_port_conform_peer(void);

TESS_END_DECLS

#endif
