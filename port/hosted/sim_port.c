/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * sim_port.c: the cold half of the border: last words, text, time, waiting, injected failures.
 *
 * Where one thread plays every CPU, time is a counter: a run depends on its seed and nothing else.
 * Failure injection is off in normal runs and then costs a test of a word that nobody writes;
 * only while it is on do the sites count, on one shared line.
 */
#include <sched.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include "sim_priv.h"

#define PORT_SPIN_TURNS 64      /* before the processor is given away */
#define PORT_SPIN_LIMIT 1000000 /* one thread plays every CPU: nobody else can end this wait */

#ifdef TESS_TSAN
uint32_t tess_port_fence_word;
#endif

void (*tess_host_on_panic)(const char *msg);

void
tess_sim_die(const char *msg)
{
	struct sim_cpu *held = tess_sim_thread.held;

	/* A test may go on after this: leave no lock behind, and no depth. */
	if (held != NULL) {
		tess_sim_thread.held = NULL;
		tess_store_release(&held->lock, 0); /* pairs with sim_lock() */
	}
	if (tess_hosted.acting)
		tess_hosted.cpu = tess_sim_thread.self;
	tess_hosted.preempt = 0;
	tess_hosted.rcu = 0;
	tess_hosted.acting = 0;
	if (tess_host_on_panic)
		tess_host_on_panic(msg);
	fprintf(stderr, "tessera: panic: %s\n", msg);
	abort();
}

static void
port_history(struct tess_host *h)
{
	for (unsigned i = 0; i < h->ncpu; i++) {
		const struct sim_cpu *c = &h->cpu[i];

		for (unsigned n = 0; n < SIM_HISTORY; n++) {
			const struct sim_event *e = &c->history[(c->history_at + n) % SIM_HISTORY];

			if (e->what != NULL)
				fprintf(stderr, "tessera: hw cpu %u: %s %#llx %#llx\n", i, e->what,
					(unsigned long long)e->a, (unsigned long long)e->b);
		}
	}
}

void
tess_port_panic(const char *msg)
{
	if (tess_hosted.host != NULL && tess_host_on_panic == NULL)
		port_history(tess_hosted.host);
	tess_sim_die(msg);
}

void
tess_sim_oracle(const char *name, const char *fmt, ...)
{
	static __thread char line[256];
	int n = snprintf(line, sizeof(line), "oracle %s: CPU %u: ", name, tess_hosted.cpu);
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(line + n, sizeof(line) - (size_t)n, fmt, ap);
	va_end(ap);
	tess_port_panic(line);
}

void
tess_hosted_unbalanced(const char *what)
{
	tess_sim_oracle("balance", "%s", what);
}

struct tess_host *
tess_sim_self(const char *what)
{
	struct tess_host *h = tess_hosted.host;

	if (SIM_UNLIKELY(h == NULL)) {
		char line[96];

		snprintf(line, sizeof(line), "oracle context: %s by a thread that is no CPU", what);
		tess_sim_die(line);
	}
	return h;
}

void
tess_port_log(const char *line)
{
	fprintf(stderr, "tessera: %s\n", line);
}

uint64_t
tess_port_time_ns(void)
{
	struct tess_host *h = tess_hosted.host;
	struct timespec ts;

	if (h != NULL && !h->threads)
		return h->time += 100;
	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000000000u + (uint64_t)ts.tv_nsec;
}

void
tess_port_relax(unsigned turn)
{
	struct tess_host *h = tess_hosted.host;

	if (h != NULL && !h->threads) {
		if (turn >= PORT_SPIN_LIMIT)
			tess_sim_oracle("context",
					"a spin loop that cannot end: one thread plays every CPU");
		return;
	}
	if (turn >= PORT_SPIN_TURNS) {
		sched_yield();
		return;
	}
#if defined(__x86_64__)
	__builtin_ia32_pause();
#else
	tess_compiler_barrier();
#endif
}

/* ---- Injected failures ---- */

bool
tess_port_fail(enum tess_site site)
{
	struct tess_host *h = tess_sim_self("fail");
	uint64_t at = tess_load_relaxed(&h->fail_at);

	(void)site; /* the n-th of any kind: callers count over all of them */
	if (SIM_LIKELY(at == 0))
		return false;
	if (tess_add_relaxed(&h->fail_seen, 1) + 1 != at)
		return false;
	tess_store_relaxed(&h->fail_hit, 1);
	return true;
}

void
tess_host_fail_nth(struct tess_host *h, uint64_t n)
{
	tess_store_relaxed(&h->fail_at, 0);
	tess_store_relaxed(&h->fail_seen, 0);
	tess_store_relaxed(&h->fail_hit, 0);
	tess_store_relaxed(&h->fail_at, n);
}

bool
tess_host_fail_hit(struct tess_host *h)
{
	return tess_load_relaxed(&h->fail_hit) != 0;
}

uint64_t
tess_host_fail_count(struct tess_host *h)
{
	return tess_load_relaxed(&h->fail_seen);
}

void
tess_host_mutate(struct tess_host *h, enum tess_host_mutation m)
{
	tess_store_relaxed(&h->mutation, (uint32_t)m);
}
