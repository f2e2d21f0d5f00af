/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * bare_ipi.c: run a function on other CPUs, over one bit a pair and one interrupt.
 *
 *	sender s				target t
 *	s.fn, s.arg, s.left = n
 *	t.ipi_from |= bit s   ───────────►	from = xchg(t.ipi_from, 0)
 *	raise(t)				for each s in from: s.fn(s.arg); s.left -= 1
 *	while (s.left) poll own ipi_from
 *
 * A CPU has one call of its own in flight at a time, so its slot needs no lock and no allocation.
 * The sender polls for calls to itself while it waits: two CPUs that call each other do not stop
 * one another even where their interrupts are off.
 */
#include <tessera/port.h>
#include "bare.h"

void
tess_bare_ipi_interrupt(void)
{
	struct tess_bare_cpu *me = &tess_bare_cpus[tess_port_cpu()];
	uint64_t from = tess_xchg_acqrel(&me->ipi_from, 0); /* pairs with tess_port_ipi() */

	for (; from != 0; from &= from - 1) {
		struct tess_bare_cpu *s = &tess_bare_cpus[__builtin_ctzll(from)];

		s->ipi_fn(s->ipi_arg);
		tess_sub_acqrel(&s->ipi_left, 1); /* pairs with the wait in tess_port_ipi() */
	}
}

/* Not __builtin_popcountll: without the popcnt instruction it is a call to libgcc. */
static uint32_t
bare_ipi_count(tess_cpuset cpus)
{
	uint32_t n = 0;

	for (; cpus != 0; cpus &= cpus - 1)
		n++;
	return n;
}

void
tess_port_ipi(tess_cpuset cpus, void (*fn)(void *), void *arg)
{
	unsigned self = tess_port_cpu();
	struct tess_bare_cpu *me = &tess_bare_cpus[self];
	uint64_t bit = (uint64_t)1 << self;

	cpus &= ~(tess_cpuset)bit;
	if (cpus == 0)
		return;
	me->ipi_fn = fn;
	me->ipi_arg = arg;
	tess_store_relaxed(&me->ipi_left, bare_ipi_count(cpus));
	for (tess_cpuset left = cpus; left != 0; left &= left - 1) {
		unsigned t = (unsigned)__builtin_ctzll(left);

		/* pairs with tess_bare_ipi_interrupt(): fn and arg before the bit */
		tess_or_acqrel(&tess_bare_cpus[t].ipi_from, bit);
		tess_bare_ipi_raise(t);
	}
	/* pairs with tess_bare_ipi_interrupt(): what fn wrote */
	for (unsigned turn = 0; tess_load_acquire(&me->ipi_left) != 0; turn++) {
		tess_bare_ipi_interrupt();
		tess_port_relax(turn);
	}
}
