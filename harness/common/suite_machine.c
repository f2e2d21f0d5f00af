/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * suite_machine.c: the ground that the other suites stand on: time, CPUs, interrupts, tables.
 */
#include <tessera/port.h>
#include <tessera/tessera.h>
#include "bare.h"
#include "harness.h"

#define MACHINE_CALLS 2000

struct machine_test {
	struct bare_barrier barrier;
	uint64_t ran[TESS_CPU_MAX]; /* times `fn` ran on each CPU */
	uint32_t met[TESS_CPU_MAX]; /* what each CPU saw of the others behind a barrier */
	uint32_t wrong;             /* A */
};

static void
machine_count(void *arg)
{
	struct machine_test *t = arg;

	tess_add_relaxed(&t->ran[tess_port_cpu()], 1);
}

/* Everyone calls everyone at once: the hardest case for whoever waits with its own calls unanswered. */
static void
machine_call_all(void *arg, unsigned cpu)
{
	struct machine_test *t = arg;
	tess_cpuset all = bare_ncpu == 64 ? ~(tess_cpuset)0 : ((tess_cpuset)1 << bare_ncpu) - 1;

	if (cpu != tess_port_cpu())
		tess_add_relaxed(&t->wrong, 1);
	bare_barrier_wait(&t->barrier);
	for (unsigned i = 0; i < MACHINE_CALLS; i++)
		tess_port_ipi(all, machine_count, t);
	bare_barrier_wait(&t->barrier);
}

static void
machine_meet(void *arg, unsigned cpu)
{
	struct machine_test *t = arg;

	for (uint32_t round = 1; round <= MACHINE_CALLS; round++) {
		tess_store_relaxed(&t->met[cpu], round);
		bare_barrier_wait(&t->barrier);
		for (unsigned i = 0; i < bare_ncpu; i++)
			if (tess_load_relaxed(&t->met[i]) != round)
				tess_add_relaxed(&t->wrong, 1);
		bare_barrier_wait(&t->barrier);
	}
}

static void
machine_test_time(void)
{
	uint64_t t0 = tess_port_time_ns(), last = t0, turns = 0, now;
	bool forward = true;

	do {
		now = tess_port_time_ns();
		forward = forward && now >= last;
		last = now;
		turns++;
	} while (now - t0 < 5000000 && turns < 100000000);
	tap_ok(forward && now - t0 >= 5000000, "time runs, and never backwards");
}

static void
machine_test_migrate(void)
{
	bool good = true;

	for (unsigned round = 0; round < 100; round++) {
		for (unsigned i = 0; i < bare_ncpu; i++) {
			bare_migrate(i);
			good = good && tess_port_cpu() == i;
		}
	}
	bare_migrate(0);
	tap_ok(good, "a task goes round the CPUs");
}

void
suite_machine(void)
{
	static struct machine_test t;
	bool good = true;

	tap_okf(bare_ncpu == bare_option_number("cpus", bare_ncpu), "%u CPUs started", bare_ncpu);
	machine_test_time();
	machine_test_migrate();
	t.barrier.n = bare_ncpu;
	bare_on_all(bare_ncpu, machine_meet, &t);
	tap_ok(t.wrong == 0, "barriers hold everyone back");
	bare_on_all(bare_ncpu, machine_call_all, &t);
	for (unsigned i = 0; i < bare_ncpu; i++)
		good = good && t.ran[i] == (uint64_t)MACHINE_CALLS * (bare_ncpu - 1);
	tap_ok(good && t.wrong == 0, "calls from every CPU to every other run exactly once");
	suite_tables();
}
