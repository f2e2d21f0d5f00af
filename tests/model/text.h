/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * text.h: a bounded text buffer with a small format, for reports where there is no libc.
 *
 * Directives: %s string, %c character, %d int, %u unsigned, %x unsigned hex, %lu uint64_t, %lx uint64_t hex,
 * %%; a minimum width before the letter pads with blanks on the left (%s: on the right), with zeros when the
 * width begins with 0.
 */
#ifndef MODEL_TEXT_H
#define MODEL_TEXT_H

#include <stdarg.h>
#include <stddef.h>

struct text {
	char *buf;   /* always NUL-terminated */
	size_t size; /* of buf */
	size_t len;  /* characters in it; what does not fit is cut */
};

void text_init(struct text *t, char *buf, size_t size);
__attribute__((format(printf, 2, 3))) void text_add(struct text *t, const char *fmt, ...);
void text_vadd(struct text *t, const char *fmt, va_list ap);

size_t text_length(const char *s);
int text_equal(const char *a, const char *b);

#endif
