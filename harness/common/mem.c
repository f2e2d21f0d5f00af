/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * mem.c: the four functions that a compiler may call on its own.
 *
 * Compiled with -fno-tree-loop-distribute-patterns, or these loops would become calls to themselves.
 * Simple on purpose: whole pages are cleared and copied by the port (direct.h).
 */
#include <stddef.h>
#include <stdint.h>

void *memcpy(void *restrict to, const void *restrict from, size_t n);
void *memmove(void *to, const void *from, size_t n);
void *memset(void *to, int byte, size_t n);
int memcmp(const void *a, const void *b, size_t n);

/* Words that may lie anywhere and alias anything. */
typedef uint64_t __attribute__((may_alias, aligned(1))) mem_word;

void *
memcpy(void *restrict to, const void *restrict from, size_t n)
{
	unsigned char *t = to;
	const unsigned char *f = from;

	for (; n >= 8; n -= 8, t += 8, f += 8)
		*(mem_word *)t = *(const mem_word *)f;
	while (n-- > 0)
		*t++ = *f++;
	return to;
}

void *
memmove(void *to, const void *from, size_t n)
{
	unsigned char *t = to;
	const unsigned char *f = from;

	if ((uintptr_t)t - (uintptr_t)f >=
	    n) { /* upwards overwrites nothing that is still to be read */
		for (; n >= 8; n -= 8, t += 8, f += 8)
			*(mem_word *)t = *(const mem_word *)f;
		while (n-- > 0)
			*t++ = *f++;
		return to;
	}
	for (; n >= 8; n -= 8)
		*(mem_word *)(t + n - 8) = *(const mem_word *)(f + n - 8);
	while (n-- > 0)
		t[n] = f[n];
	return to;
}

void *
memset(void *to, int byte, size_t n)
{
	unsigned char *t = to;
	uint64_t word = (unsigned char)byte * (uint64_t)0x0101010101010101;

	for (; n >= 8; n -= 8, t += 8)
		*(mem_word *)t = word;
	while (n-- > 0)
		*t++ = (unsigned char)byte;
	return to;
}

int
memcmp(const void *a, const void *b, size_t n)
{
	const unsigned char *x = a, *y = b;

	for (; n > 0; n--, x++, y++)
		if (*x != *y)
			return *x - *y;
	return 0;
}
