/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * bits.h: counting bits without help from a library.
 *
 * __builtin_popcountll is a call of libgcc wherever the compiler may not assume an instruction for
 * it, and a kernel has no libgcc.  (__builtin_ctzll is an instruction everywhere.)
 */
#ifndef TESS_BASE_BITS_H
#define TESS_BASE_BITS_H

#include <stdint.h>

/* Ones in `x`: sums of neighbouring pairs, nibbles, bytes; the multiplication adds up the bytes. */
static inline unsigned
tess_bits_count(uint64_t x)
{
	x -= (x >> 1) & 0x5555555555555555u;
	x = (x & 0x3333333333333333u) + ((x >> 2) & 0x3333333333333333u);
	x = (x + (x >> 4)) & 0x0f0f0f0f0f0f0f0fu;
	return (unsigned)((x * 0x0101010101010101u) >> 56);
}

#endif
