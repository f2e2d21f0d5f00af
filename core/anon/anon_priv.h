/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * anon_priv.h: between the files of this room.
 */
#ifndef TESS_ANON_PRIV_H
#define TESS_ANON_PRIV_H

#include "anon.h"

#define TESS_RUNS_RESERVED 8

/* A window of slots cut to one chunk: words of a mask. */
struct tess_window {
	tess_idx chunk;      /* chunk number */
	unsigned first, end; /* slots inside it */
};

/* tess_window_at: the part of [idx, end) that lies in the chunk of idx. */
static inline struct tess_window
tess_window_at(tess_idx idx, tess_idx end)
{
	struct tess_window w = {.chunk = idx >> TESS_CHUNK_SHIFT,
				.first = (unsigned)(idx & (TESS_CHUNK_SLOTS - 1)),
				.end = TESS_CHUNK_SLOTS};

	if (end >> TESS_CHUNK_SHIFT == w.chunk)
		w.end = (unsigned)(end & (TESS_CHUNK_SLOTS - 1));
	return w;
}

/* tess_window_word: bits of the window in word `i` of a chunk's bitmap. */
static inline uint64_t
tess_window_word(struct tess_window w, unsigned i)
{
	uint64_t bits = ~(uint64_t)0;

	if (w.end <= i * 64 || w.first >= i * 64 + 64)
		return 0;
	if (w.first > i * 64)
		bits &= ~(uint64_t)0 << (w.first - i * 64);
	if (w.end < i * 64 + 64)
		bits &= ~(uint64_t)0 >> (i * 64 + 64 - w.end);
	return bits;
}

/* tess_chunk_lock_at: as tess_chunk_lock(LOOK), by chunk number, at a rank (CHUNK2 under another). */
struct tess_chunk *tess_chunk_lock_at(struct tess_amap *am, tess_idx chunk, enum tess_rank rank);

/* tess_chunk_new: an empty chunk, unlocked, refs 1.  NULL: no memory. */
struct tess_chunk *tess_chunk_new(void);
/* tess_chunk_release: refs fell to 0 and the slots are empty: free after a grace period. */
void tess_chunk_release(struct tess_chunk *c);
/* tess_chunk_copy_bits: into empty `to` the slots of `from` under `mask`, counted once more. */
void tess_chunk_copy_bits(struct tess_chunk *to, const struct tess_chunk *from,
			  const uint64_t mask[TESS_CHUNK_WORDS]);
/* tess_chunk_free_bits: empty the slots under `mask`. */
void tess_chunk_free_bits(struct tess_chunk *c, const uint64_t mask[TESS_CHUNK_WORDS],
			  struct tess_gather *g);

/* tess_amap_set_chunk: chunk number -> c (NULL removes); takes the amap lock.  fails: NOMEM. */
TESS_MUST_CHECK enum tess_err tess_amap_set_chunk(struct tess_amap *am, tess_idx chunk,
						  struct tess_chunk *c);

#endif
