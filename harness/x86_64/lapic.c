/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * lapic.c: the local APIC (memory-mapped form): start a processor, interrupt it, acknowledge.
 *
 * Registers: Intel SDM volume 3, chapter 10.  The register page lies in the direct map below 4 GiB; the
 * processor's default memory types keep it uncached.
 *
 * A CPU that spins for long arms its timer and halts: emulated CPUs are threads, and more of them than
 * there are processors below would otherwise spin away the time that the awaited one needs.
 */
#include <tessera/port.h>
#include "bare.h"
#include "x86.h"

#define LAPIC_MSR     0x1b
#define LAPIC_ID      0x20
#define LAPIC_EOI     0xb0
#define LAPIC_SVR     0xf0
#define LAPIC_ICR_LO  0x300
#define LAPIC_ICR_HI  0x310
#define LAPIC_LINT0   0x350
#define LAPIC_TIMER   0x320
#define LAPIC_COUNT   0x380
#define LAPIC_DIVIDE  0x3e0
#define LAPIC_PENDING 0x1000
#define LAPIC_MASKED  0x10000
#define LAPIC_INIT    0x4500 /* INIT, assert */
#define LAPIC_STARTUP 0x4600

#define PAUSE_SPINS 128    /* pauses in a row before a halt */
#define PAUSE_COUNT 100000 /* timer ticks of a halt: 100 us in QEMU, whose timer runs at 1 GHz */

uint32_t x86_apic_id[TESS_CPU_MAX];

static struct {
	uint32_t pauses; /* P */
} __attribute__((aligned(128))) lapic_spin[TESS_CPU_MAX];

static volatile uint32_t *lapic;

static uint32_t
lapic_read(unsigned reg)
{
	return lapic[reg / 4];
}

static void
lapic_write(unsigned reg, uint32_t v)
{
	lapic[reg / 4] = v;
}

void
x86_lapic_init(void)
{
	uint64_t base = x86_rdmsr(LAPIC_MSR);

	x86_wrmsr(LAPIC_MSR, base | 0x800);
	lapic = tess_port_direct(base & 0xffffff000);
	lapic_write(LAPIC_LINT0, LAPIC_MASKED);
	lapic_write(LAPIC_SVR, 0x100 | X86_VECTOR_SPURIOUS);
	lapic_write(LAPIC_DIVIDE, 0xb);             /* by 1 */
	lapic_write(LAPIC_TIMER, X86_VECTOR_TIMER); /* one shot */
}

uint32_t
x86_lapic_id(void)
{
	return lapic_read(LAPIC_ID) >> 24;
}

void
x86_lapic_eoi(void)
{
	lapic_write(LAPIC_EOI, 0);
}

/* Both halves of the command are one act: an interrupt handler between them would send elsewhere. */
static void
lapic_command(uint32_t apic_id, uint32_t command)
{
	uint64_t flags = x86_flags();

	x86_irq_off();
	while (lapic_read(LAPIC_ICR_LO) & LAPIC_PENDING)
		tess_bare_pause();
	lapic_write(LAPIC_ICR_HI, apic_id << 24);
	lapic_write(LAPIC_ICR_LO, command);
	if (flags & X86_FLAGS_IF)
		x86_irq_on();
}

static void
lapic_delay(uint64_t ns)
{
	uint64_t until = tess_bare_time_ns() + ns;

	while (tess_bare_time_ns() < until)
		tess_bare_pause();
}

/* INIT, 10 ms, STARTUP twice (SDM volume 3, section 8.4.4). */
void
x86_lapic_start(uint32_t apic_id, tess_pa trampoline)
{
	lapic_command(apic_id, LAPIC_INIT);
	lapic_delay(10000000);
	lapic_command(apic_id, LAPIC_STARTUP | (uint32_t)(trampoline >> 12));
	lapic_delay(200000);
	lapic_command(apic_id, LAPIC_STARTUP | (uint32_t)(trampoline >> 12));
}

void
tess_bare_ipi_raise(unsigned cpu)
{
	tess_fence_full(); /* the bits that the target will read are ordered before the message */
	lapic_command(x86_apic_id[cpu], 0x4000 | X86_VECTOR_IPI);
}

/* The next interrupt ends the halt: what is waited for, or the timer. */
void
tess_bare_pause(void)
{
	__asm__ volatile("pause" : : : "memory");
	if (++lapic_spin[tess_port_cpu()].pauses % PAUSE_SPINS != 0)
		return;
	if ((x86_flags() & X86_FLAGS_IF) == 0)
		return;
	x86_irq_off();
	lapic_write(LAPIC_COUNT, PAUSE_COUNT);
	x86_irq_on_halt();
}
