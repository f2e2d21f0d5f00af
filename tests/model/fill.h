/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * fill.h: the bytes of a file that nobody has written yet.
 */
#ifndef MODEL_FILL_H
#define MODEL_FILL_H

#include <stdint.h>

/* The byte at `off` of a file born with `seed`: 0 for seed 0, else different in every page and along it. */
static inline uint8_t
fill_byte(uint64_t seed, uint64_t off)
{
	return seed == 0 ? 0 : (uint8_t)((off ^ (off >> 8) ^ (off >> 12)) * 0x1d + seed);
}

#endif
