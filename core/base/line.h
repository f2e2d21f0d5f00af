/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * line.h: put one line of text together, without printf.
 *
 * For panics, dumps and the log.  What does not fit is cut off; the text always ends in NUL.
 * Rejected: a format string.  Its parser would be longer than all its users together.
 */
#ifndef TESS_BASE_LINE_H
#define TESS_BASE_LINE_H

#include <tessera/types.h>

struct tess_line {
	uint32_t n;
	char text[156];
};

void tess_line_init(struct tess_line *l);
void tess_line_str(struct tess_line *l, const char *s);
void tess_line_dec(struct tess_line *l, uint64_t v);
void tess_line_hex(struct tess_line *l, uint64_t v); /* with 0x */

#endif
