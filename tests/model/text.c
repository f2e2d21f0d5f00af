/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * text.c: the small formatter of text.h.
 */
#include <stdbool.h>
#include <stdint.h>
#include "text.h"

void
text_init(struct text *t, char *buf, size_t size)
{
	t->buf = buf;
	t->size = size;
	t->len = 0;
	buf[0] = '\0';
}

static void
text_char(struct text *t, char c)
{
	if (t->len + 1 >= t->size)
		return;
	t->buf[t->len++] = c;
	t->buf[t->len] = '\0';
}

static void
text_pad(struct text *t, size_t have, unsigned width, char with)
{
	for (; have < width; have++)
		text_char(t, with);
}

static void
text_string(struct text *t, const char *s, unsigned width)
{
	size_t n = 0;

	for (; s[n] != '\0'; n++)
		text_char(t, s[n]);
	text_pad(t, n, width, ' ');
}

static void
text_number(struct text *t, uint64_t v, unsigned base, bool negative, unsigned width, char pad)
{
	char digits[24];
	size_t n = 0;

	do {
		digits[n++] = "0123456789abcdef"[v % base];
		v /= base;
	} while (v != 0);
	if (negative)
		digits[n++] = '-';
	text_pad(t, n, width, pad);
	while (n > 0)
		text_char(t, digits[--n]);
}

/* One directive; `fmt` points behind its '%'.  Returns where the text goes on. */
static const char *
text_directive(struct text *t, const char *fmt, va_list *ap)
{
	char pad = *fmt == '0' ? '0' : ' ';
	unsigned width = 0;
	bool big = false;
	int d;

	for (; *fmt >= '0' && *fmt <= '9'; fmt++)
		width = width * 10 + (unsigned)(*fmt - '0');
	for (; *fmt == 'l'; fmt++)
		big = true;
	switch (*fmt) {
	case 's':
		text_string(t, va_arg(*ap, const char *), width);
		break;
	case 'c':
		text_char(t, (char)va_arg(*ap, int));
		break;
	case 'd':
		d = va_arg(*ap, int);
		text_number(t, d < 0 ? -(uint64_t)d : (uint64_t)d, 10, d < 0, width, pad);
		break;
	case 'u':
	case 'x':
		text_number(t, big ? va_arg(*ap, unsigned long) : va_arg(*ap, unsigned),
			    *fmt == 'u' ? 10 : 16, false, width, pad);
		break;
	default:
		text_char(t, *fmt);
	}
	return *fmt == '\0' ? fmt : fmt + 1;
}

void
text_vadd(struct text *t, const char *fmt, va_list ap)
{
	va_list copy;

	va_copy(copy, ap);
	while (*fmt != '\0') {
		if (*fmt == '%')
			fmt = text_directive(t, fmt + 1, &copy);
		else
			text_char(t, *fmt++);
	}
	va_end(copy);
}

void
text_add(struct text *t, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	text_vadd(t, fmt, ap);
	va_end(ap);
}

size_t
text_length(const char *s)
{
	size_t n = 0;

	while (s[n] != '\0')
		n++;
	return n;
}

int
text_equal(const char *a, const char *b)
{
	while (*a != '\0' && *a == *b) {
		a++;
		b++;
	}
	return *a == *b;
}
