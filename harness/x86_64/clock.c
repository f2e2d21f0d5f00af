/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * clock.c: nanoseconds from the time-stamp counter, whose rate the interval timer tells.
 *
 * Channel 2 of the 8254 counts 1193182 Hz; its output is readable at port 61h, so no interrupt is needed.
 */
#include <tessera/port.h>
#include "bare.h"
#include "x86.h"

#define PIT_HZ    1193182u
#define PIT_COUNT (PIT_HZ / 50) /* 20 ms, below 65536 */

static uint64_t clock_mult = (uint64_t)1 << 32; /* ns per tick, 32.32 */
static uint64_t clock_zero;

/* Ticks of the time-stamp counter in PIT_COUNT ticks of the timer. */
static uint64_t
clock_measure(void)
{
	uint64_t t;

	x86_outb(0x61, (x86_inb(0x61) & ~2u) | 1); /* gate on, speaker off */
	x86_outb(0x43, 0xb0);                      /* channel 2, both bytes, mode 0, binary */
	x86_outb(0x42, PIT_COUNT & 0xff);
	x86_outb(0x42, PIT_COUNT >> 8);
	t = x86_rdtsc();
	while ((x86_inb(0x61) & 0x20) == 0)
		; /* the output is low until the count ends */
	return x86_rdtsc() - t;
}

void
x86_clock_init(void)
{
	uint64_t ticks = clock_measure();
	uint64_t ns = (uint64_t)PIT_COUNT * 1000000000u / PIT_HZ;

	if (ticks == 0)
		tess_port_panic("the time-stamp counter stands still");
	clock_mult = (ns << 32) / ticks;
	clock_zero = x86_rdtsc();
}

uint64_t
tess_bare_time_ns(void)
{
	unsigned __int128 t = x86_rdtsc() - clock_zero;

	return (uint64_t)((t * clock_mult) >> 32);
}
