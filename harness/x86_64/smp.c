/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * smp.c: the other processors, started one after another.
 *
 *	first CPU			started CPU
 *	boot_stack, boot_entry :=
 *	INIT, SIPI, SIPI      ───────►	trampoline, x86_enter_long, smp_entry
 *	wait for smp_up	      ◄───────	smp_up := 1; idle
 *
 * One at a time, so that stack and number travel in plain variables.  A processor that ACPI lists and
 * that does not answer in time is a failed boot, not a smaller machine: the number of CPUs is
 * what the command line of QEMU says.
 */
#include <tessera/port.h>
#include "bare.h"
#include "harness.h"
#include "x86.h"

#define SMP_PATIENCE_NS 5000000000u

static uint32_t smp_up; /* A */
static unsigned smp_cpu;

static void
smp_entry(void)
{
	unsigned cpu = smp_cpu;

	x86_cpu_init(cpu);
	x86_lapic_init();
	x86_irq_on();
	tess_store_release(&smp_up, 1); /* pairs with smp_start_one() */
	bare_cpu_loop();
}

static void
smp_start_one(unsigned cpu)
{
	uint64_t until = tess_bare_time_ns() + SMP_PATIENCE_NS;

	smp_cpu = cpu;
	tess_store_relaxed(&smp_up, 0);
	x86_boot_entry = smp_entry;
	x86_boot_stack = (uint64_t)(uintptr_t)bare_loop_stack(cpu);
	x86_lapic_start(x86_apic_id[cpu], X86_TRAMPOLINE_PA);
	while (tess_load_acquire(&smp_up) == 0) { /* pairs with smp_entry() */
		if (tess_bare_time_ns() > until)
			tess_port_panic("a processor did not start");
		tess_bare_pause();
	}
}

void
x86_smp_start(void)
{
	uint32_t self = x86_lapic_id(), id[TESS_CPU_MAX];
	unsigned n = x86_acpi_cpus(x86_pvh_rsdp(), id, TESS_CPU_MAX);

	x86_apic_id[0] = self;
	bare_ncpu = 1;
	memcpy(tess_port_direct(X86_TRAMPOLINE_PA), x86_trampoline,
	       (size_t)(x86_trampoline_end - x86_trampoline));
	for (unsigned i = 0; i < n; i++) {
		if (id[i] == self || bare_ncpu == TESS_CPU_MAX)
			continue;
		x86_apic_id[bare_ncpu] = id[i];
		smp_start_one(bare_ncpu);
		bare_ncpu++;
	}
}
