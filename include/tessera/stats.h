/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * stats.h: counters.  Each CPU counts on its own line; the reader sums.
 */
#ifndef TESSERA_STATS_H
#define TESSERA_STATS_H

#include <tessera/types.h>

TESS_BEGIN_DECLS

enum tess_stat {
	TESS_STAT_FAULT,          /* tess_fault() calls */
	TESS_STAT_FAULT_RETRY,    /* rounds of the fault loop beyond the first */
	TESS_STAT_FAULT_ZERO,     /* anonymous pages zero-filled */
	TESS_STAT_FAULT_COW,      /* pages copied on write */
	TESS_STAT_FAULT_TAKEOVER, /* writes that found the anon unshared and kept it */
	TESS_STAT_FAULT_UPPER,    /* resolved in the amap without a copy */
	TESS_STAT_FAULT_LOWER,    /* resolved in the object without a copy */
	TESS_STAT_FAULT_SPURIOUS, /* nothing had to change */
	TESS_STAT_PAGER_GET,      /* pages fetched */
	TESS_STAT_PAGER_PUT,      /* pages stored */
	TESS_STAT_TLB_LOCAL,      /* local flush instructions */
	TESS_STAT_TLB_IPI,        /* shootdown messages: one per target CPU */
	TESS_STAT_TLB_BCAST,      /* broadcast flush instructions */
	TESS_STAT_PAGE_ALLOC,
	TESS_STAT_PAGE_FREE,
	TESS_STAT_ENTRY_ALLOC,
	TESS_STAT_LEAF_SPLIT,
	TESS_STAT_LEAF_JOIN,
	TESS_STAT_RCU_DEFER,
	TESS_STAT_COUNT
};

/*
 * tess_stat_get: a counter summed over CPUs.  tess_stat_name: its word, as in "fault_zero".
 *
 * => context: any; exact when nothing else runs
 */
uint64_t tess_stat_get(enum tess_stat s);
const char *tess_stat_name(enum tess_stat s);

TESS_END_DECLS

#endif
