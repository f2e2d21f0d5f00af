/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * config.h: every compile-time option, its default, and its legal range.
 *
 * An embedder overrides an option with -DTESS_CONFIG_X=n.  The build flips each of them in
 * tests/build, so that none rots.
 */
#ifndef TESSERA_CONFIG_H
#define TESSERA_CONFIG_H

/* Assertion prices: 0 cheap only, 1 cheap and normal, 2 also lock ranks and incremental walkers. */
#ifndef TESS_CONFIG_ASSERT
#define TESS_CONFIG_ASSERT 1
#endif
#if TESS_CONFIG_ASSERT < 0 || TESS_CONFIG_ASSERT > 2
#error "TESS_CONFIG_ASSERT must be 0, 1 or 2"
#endif

/* Entries in one leaf of the range index.  Stress builds use 4 so that splits are common. */
#ifndef TESS_CONFIG_LEAF
#define TESS_CONFIG_LEAF 48
#endif
#if TESS_CONFIG_LEAF < 4 || TESS_CONFIG_LEAF > 64
#error "TESS_CONFIG_LEAF must be 4..64"
#endif

/* Objects in one per-CPU magazine of a pool, and frames in a per-CPU page cache batch. */
#ifndef TESS_CONFIG_MAGAZINE
#define TESS_CONFIG_MAGAZINE 32
#endif
#if TESS_CONFIG_MAGAZINE < 2 || TESS_CONFIG_MAGAZINE > 128
#error "TESS_CONFIG_MAGAZINE must be 2..128"
#endif

/* Distinct ranges a TLB gather remembers before it asks for a full flush. */
#ifndef TESS_CONFIG_GATHER
#define TESS_CONFIG_GATHER 8
#endif
#if TESS_CONFIG_GATHER < 1 || TESS_CONFIG_GATHER > 64
#error "TESS_CONFIG_GATHER must be 1..64"
#endif

/* Pages flushed one by one before a gather flushes the whole address space instead. */
#ifndef TESS_CONFIG_FLUSH_PAGES
#define TESS_CONFIG_FLUSH_PAGES 32
#endif
#if TESS_CONFIG_FLUSH_PAGES < 1 || TESS_CONFIG_FLUSH_PAGES > 512
#error "TESS_CONFIG_FLUSH_PAGES must be 1..512"
#endif

/* History ring: events kept per CPU, printed on panic.  0 leaves it out. */
#ifndef TESS_CONFIG_HISTORY
#define TESS_CONFIG_HISTORY 32
#endif
#if TESS_CONFIG_HISTORY < 0 || TESS_CONFIG_HISTORY > 4096
#error "TESS_CONFIG_HISTORY must be 0..4096"
#endif

#endif
