/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * replay.h: do again, on the core, what a trace says a program did, and hold every snapshot against it.
 *
 *	trace ──► record ─┬─► call ───► core (and the model) ──► same result as recorded?
 *	                  ├─► fault ──► simulated load, store, fetch
 *	                  └─► snapshot: same layout?  same number of anonymous pages?  walkers happy?
 *
 * The engine knows the public headers, tests/env and tests/model only, so it also runs in a bootable image.
 * What a record cannot say, and what is done about it:
 *
 *   where mmap would have gone	the call is first made as recorded, which the core's own placement must accept; when
 *				it chose another address, that mapping is removed and made at the recorded one
 *   protection bits		a recorder may print only rwx: an mprotect that failed with EINVAL for no visible reason is
 *				made with a bit nobody knows
 *   a file grown by write	a fault beyond the recorded end extends the file to that page first
 *   where brk starts		found by looking ahead for the space's first brk
 *   when MADV_FREE takes pages	not yet: those that the core took at once are written again
 *   a mincore vector		NULL when the record says EFAULT
 */
#ifndef TOOLS_REPLAY_H
#define TOOLS_REPLAY_H

#include "trace.h"

struct model_mem;

struct replay_config {
	struct model_mem *mem; /* for the engine's own tables, and the model */
	uint32_t with_model;   /* 1: the page-level model runs beside the core */
	uint64_t (*now)(void); /* nanoseconds; NULL: rates are not wanted */
	/* One line about a difference; NULL: not wanted. */
	void (*note)(void *ctx, const char *line);
	void *ctx;
};

struct replay_result {
	uint64_t snapshots, layouts, anons; /* seen; of which this differs */
	uint64_t results;                   /* calls and faults that ended otherwise */
	uint64_t faults, calls;
	uint64_t fault_ns, call_ns; /* inside the core */
};

enum replay_end {
	REPLAY_DONE,
	REPLAY_NO_MEMORY, /* the machine is too small for this trace */
};

/*
 * replay_run: all of a trace that trace_check() accepted, on the open environment (env_open).
 *
 * => in either case every space and object is gone afterwards, and env_close() may follow
 */
enum replay_end replay_run(const struct trace *t, const struct trace_totals *totals,
			   const struct replay_config *cfg, struct replay_result *res);

#endif
