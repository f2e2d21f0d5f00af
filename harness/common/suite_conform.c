/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * suite_conform.c: tests/port/conform.c on this machine: CPU 0 leads, all others are its peers.
 */
#include <tessera/port.h>
#include "bare.h"
#include "conform.h"
#include "harness.h"

static uint64_t
conform_load(tess_va va)
{
	uint64_t v = 0;

	return bare_load64(va, &v) == TESS_OK ? v : ~(uint64_t)0;
}

static void
conform_run(void *arg, unsigned cpu)
{
	if (cpu == 0)
		tess_port_conform(arg); /* each failed point is a line of TAP */
	else
		tess_port_conform_peer();
}

void
suite_conform(void)
{
	struct bare_page page;
	struct tess_conform_tlb tlb;
	struct tess_conform_env env = {.emit = tap_lines, .peers = bare_ncpu - 1, .tlb = &tlb};

	bare_page_open(&page);
	tlb = (struct tess_conform_tlb){.va = page.va,
					.pte = page.pte,
					.word = {page.word[0], page.word[1]},
					.load = conform_load};
	env.frame[0] = page.frame[0];
	env.frame[1] = page.frame[1];
	for (unsigned i = 0; i < bare_ncpu; i++)
		env.cpus |= (tess_cpuset)1 << i;
	bare_on_all(bare_ncpu, conform_run, &env);
	bare_page_close(&page);
}
