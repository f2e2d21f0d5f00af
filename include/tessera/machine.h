/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * machine.h: bring the core up over physical memory, and take it down again.
 *
 * A machine holds every other thing.  A kernel makes one at boot; a fuzzer makes one an input.
 */
#ifndef TESSERA_MACHINE_H
#define TESSERA_MACHINE_H

#include <tessera/types.h>
#include <tessera/page.h>
#include <tessera/pmap.h>

TESS_BEGIN_DECLS

struct tess_machine_config {
	unsigned ncpu;                        /* logical CPUs, 1..TESS_CPU_MAX */
	const struct tess_phys_range *ranges; /* at least one; the first holds the metadata */
	unsigned nranges;
	const struct tess_pmap_ops *pmap; /* tess_pmap_x86_64 or tess_pmap_aarch64 */
	const uint8_t *cpu_domain; /* [ncpu] each CPU's NUMA domain; NULL: equal blocks, in order */
};

/*
 * tess_machine_create: build a machine and make it this CPU's (tess_port_machine_set).
 *
 * => context: one CPU, before any other call.  sleeps: no
 * => fails: EINVAL for a bad configuration, ENOMEM when the first range cannot hold the metadata;
 *    then nothing was built and *out is untouched
 */
TESS_MUST_CHECK enum tess_err tess_machine_create(const struct tess_machine_config *cfg,
						  struct tess_machine **out);

/*
 * tess_machine_destroy: every space and object is gone already; assert that no frame is in use.
 *
 * => context: the last CPU.  sleeps: yes (waits for deferred frees)
 */
void tess_machine_destroy(struct tess_machine *m);

/*
 * tess_quiesce: wait for every deferred free to happen; afterwards counts are exact.
 *
 * => context: no other CPU inside a call.  sleeps: yes
 */
void tess_quiesce(void);

TESS_END_DECLS

#endif
