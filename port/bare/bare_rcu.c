/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * bare_rcu.c: grace periods from quiescent-state counters, and sleeping by spinning.
 *
 *	gp_start:   G := G + 1, the cookie is the new G		    G: one word
 *	quiescent:  seen[cpu] := G
 *	gp_done(c): every CPU has seen >= c, or is idle (seen 0)
 *
 * A CPU that stores seen = G held no pointer at that moment; if G >= c it did so after the cookie
 * was drawn, so whatever it reads from then on was reachable after the unlinking that came before.
 * G only grows (64 bits), so no answer is ever taken back: an idle CPU that comes back sees G first.
 *
 * Not taken: a bitmap of CPUs cleared by each (one shared line written by every CPU), and call-back
 * lists here (the core keeps its own).
 */
#include <tessera/port.h>
#include "bare.h"

struct tess_bare_cpu tess_bare_cpus[TESS_CPU_MAX];
struct tess_machine *tess_bare_machine;

static uint64_t bare_gp = 1;   /* A: G.  Starts at 1 because 0 says idle */
static uint64_t bare_gp_ended; /* A: the highest cookie found done */
static tess_cpuset bare_known; /* A: CPUs that came up */

struct tess_bare_cpu *
tess_bare_cpu_init(unsigned cpu)
{
	struct tess_bare_cpu *c = &tess_bare_cpus[cpu];

	c->self = c;
	c->cpu = cpu;
	c->preempt = 0;
	c->rcu = 0;
	tess_store_relaxed(&c->seen, tess_load_relaxed(&bare_gp));
	tess_or_acqrel(&bare_known, (tess_cpuset)1 << cpu); /* pairs with tess_port_gp_done() */
	tess_fence_full(); /* pairs with tess_port_gp_start(): seen before the first read section */
	return c;
}

void
tess_bare_idle_enter(void)
{
	struct tess_bare_cpu *c = &tess_bare_cpus[tess_port_cpu()];

	if (c->rcu != 0 || c->preempt != 0)
		tess_port_panic("idle inside a read section or with preemption off");
	tess_store_release(&c->seen, 0); /* pairs with tess_port_gp_done() */
}

void
tess_bare_idle_exit(void)
{
	struct tess_bare_cpu *c = &tess_bare_cpus[tess_port_cpu()];

	tess_store_relaxed(&c->seen, tess_load_relaxed(&bare_gp));
	tess_fence_full(); /* pairs with tess_port_gp_start(): seen before the first read section */
}

void
tess_port_quiescent(void)
{
	struct tess_bare_cpu *c = &tess_bare_cpus[tess_port_cpu()];
	uint64_t g = tess_load_relaxed(&bare_gp);

	if (c->rcu != 0 || c->preempt != 0)
		tess_port_panic("balance: quiescent inside a read section or with preemption off");
	if (tess_load_relaxed(&c->seen) == g)
		return;
	tess_store_release(&c->seen, g); /* pairs with tess_port_gp_done() */
	tess_fence_full();               /* pairs with tess_port_gp_start() */
}

uint64_t
tess_port_gp_start(void)
{
	tess_fence_full(); /* the unlinking before the cookie; pairs with quiescent and idle_exit */
	return tess_add_acqrel(&bare_gp, 1) + 1;
}

bool
tess_port_gp_done(uint64_t cookie)
{
	tess_cpuset left = tess_load_acquire(&bare_known); /* pairs with tess_bare_cpu_init() */

	if (tess_load_acquire(&bare_gp_ended) >= cookie) /* pairs with the store below */
		return true;
	tess_fence_full(); /* pairs with idle_exit: a CPU found idle below starts after gp_start */
	for (; left != 0; left &= left - 1) {
		unsigned i = (unsigned)__builtin_ctzll(left);
		uint64_t seen = tess_load_acquire(&tess_bare_cpus[i].seen);

		if (seen != 0 && seen < cookie)
			return false;
	}
	/* Two CPUs may store in either order: a smaller value only costs another scan. */
	tess_store_release(&bare_gp_ended, cookie);
	return true;
}

void
tess_port_gp_wait(uint64_t cookie)
{
	tess_port_quiescent();
	for (unsigned turn = 0; !tess_port_gp_done(cookie); turn++) {
		tess_port_quiescent();
		tess_port_relax(turn);
	}
}

/* A blocked CPU is an idle one that looks at a word. */
void
tess_port_block(uint32_t *word, uint32_t value)
{
	tess_bare_idle_enter();
	for (unsigned turn = 0; tess_load_acquire(word) == value; turn++)
		tess_port_relax(turn);
	tess_bare_idle_exit();
}

/* Nobody sleeps: the spinning reader sees the word itself. */
void
tess_port_wake(uint32_t *word)
{
	(void)word;
}
