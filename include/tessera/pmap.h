/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * pmap.h: which hardware translates, and what it can do.  Capabilities are data.
 */
#ifndef TESSERA_PMAP_H
#define TESSERA_PMAP_H

#include <tessera/types.h>

TESS_BEGIN_DECLS

/* What a back end's hardware can do. */
struct tess_pmap_caps {
	const char *name;       /* "x86_64", "aarch64" */
	uint8_t levels;         /* table levels, 4 */
	uint8_t va_bits;        /* width of a user address */
	uint8_t asid_bits;      /* 0: no ASIDs, a switch flushes */
	bool hw_accessed;       /* hardware sets the accessed bit; else the first access faults */
	bool hw_dirty;          /* hardware sets the dirty bit; else the first write faults */
	bool no_exec;           /* execute permission is separate */
	bool broadcast;         /* TLB invalidation reaches every CPU without a message */
	bool break_before_make; /* a live PTE may change its frame only through invalid + flush */
};

/* The operations of a back end; its contents belong to pmap/. */
struct tess_pmap_ops;
extern const struct tess_pmap_ops tess_pmap_x86_64;
extern const struct tess_pmap_ops tess_pmap_aarch64;    /* software accessed and dirty bits */
extern const struct tess_pmap_ops tess_pmap_aarch64_hw; /* FEAT_HAFDBS: hardware sets them */

/* tess_pmap_caps: the capabilities of a back end.  Context: any. */
const struct tess_pmap_caps *tess_pmap_caps(const struct tess_pmap_ops *ops);

TESS_END_DECLS

#endif
