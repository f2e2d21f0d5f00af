/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * suite_replay.c: recorded programs, done again through the MMU by the engine of `tessera replay`.
 *
 * Its env_cpu_set() moves the task from CPU to CPU as the recorded threads were spread, so that shootdowns
 * happen on the way.
 */
#include <tessera/port.h>
#include <tessera/tessera.h>
#include "bare.h"
#include "env.h"
#include "harness.h"
#include "replay.h"
#include "suite_replay.h"

#define REPLAY_SPACES 4096

static void
replay_say(void *ctx, const char *line)
{
	(void)ctx;
	tap_note("%s", line);
}

static bool
replay_checked(const struct trace *t, struct trace_totals *totals)
{
	static uint8_t alive[REPLAY_SPACES];
	struct trace_error err;

	if (trace_check(t, alive, sizeof(alive), totals, &err) != TRACE_BAD)
		return true;
	tap_note("%s:%u: expected %s, found %s", t->name, err.line, err.expected, err.found);
	return false;
}

static void
replay_one(const struct trace *t)
{
	struct env_config env = {.isa = (enum env_isa)bare_isa, .ncpu = bare_ncpu};
	struct replay_config cfg = {.now = tess_port_time_ns, .note = replay_say};
	struct replay_result res = {0};
	struct trace_totals totals;
	enum replay_end end;

	if (!replay_checked(t, &totals) || env_open(&env) != TESS_OK) {
		tap_okf(false, "replay of %s", t->name);
		return;
	}
	cfg.mem = env_mem();
	end = replay_run(t, &totals, &cfg, &res);
	env_close();
	if (end == REPLAY_NO_MEMORY)
		tap_note("memory ran out");
	tap_okf(
	    end == REPLAY_DONE && res.snapshots == totals.snapshots && res.layouts == 0 &&
		res.anons == 0 && res.results == 0,
	    "%s: %lu snapshots, %lu layouts differ, %lu anon counts differ, %lu results differ, "
	    "%lu faults, %lu calls",
	    t->name, res.snapshots, res.layouts, res.anons, res.results, res.faults, res.calls);
}

void
suite_replay(void)
{
	for (unsigned i = 0; i < bare_ntraces; i++)
		replay_one(&bare_traces[i]);
}
