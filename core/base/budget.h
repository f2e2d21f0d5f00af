/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * budget.h: machine-wide sums with a limit: bytes promised (commit), bytes kept in memory (wired).
 *
 * Who needs bytes takes them before the step that cannot fail any more, and gives back what it did not use: the
 * sum is never above the limit, and exact whenever nobody is in between.
 *
 *	take ──ok──► used ──► give
 *	  └──no──► the caller fails, nothing changed
 *
 * The word is shared by all CPUs, but written only by those who lock memory, or promise it under a policy that
 * counts: without either nothing is charged.  Rejected: quotas of each CPU; the limit would be refused while
 * other CPUs sit on what is left.
 */
#ifndef TESS_BASE_BUDGET_H
#define TESS_BASE_BUDGET_H

#include "assert.h"

struct tess_budget {
	uint64_t used; /* A */
	uint64_t most; /* A: UINT64_MAX: no limit */
} __attribute__((aligned(64)));

/* tess_budget_take: false: it would pass the limit; nothing was taken. */
static inline bool
tess_budget_take(struct tess_budget *b, uint64_t bytes)
{
	uint64_t used = tess_load_relaxed(&b->used), most;

	do {
		most = tess_load_relaxed(&b->most);
		if (most != UINT64_MAX && (bytes > most || used > most - bytes))
			return false;
	} while (!tess_cas_acqrel(&b->used, &used, used + bytes));
	return true;
}

/* tess_budget_add: without asking; `bytes` may be negative: give back. */
static inline void
tess_budget_add(struct tess_budget *b, int64_t bytes)
{
	uint64_t was = tess_add_acqrel(&b->used, (uint64_t)bytes);

	TESS_DEBUG(bytes >= 0 || was >= (uint64_t)-bytes);
	(void)was;
}

#endif
