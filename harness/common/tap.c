/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * tap.c: the Test Anything Protocol on the console, one numbering for the whole image.
 *
 * Suites that print their own TAP (the api tests, the conformance suite) go through tap_lines(): their points
 * are renumbered and their plans dropped; one plan at the end of the image covers all.
 */
#include <tessera/port.h>
#include "bare.h"
#include "harness.h"
#include "text.h"

static unsigned tap_points, tap_bad;
static char tap_line[256]; /* a line of tap_lines(), so far */
static unsigned tap_len;

unsigned
tap_failed(void)
{
	return tap_bad;
}

static void
tap_vprint(const char *prefix, const char *fmt, va_list ap)
{
	char buf[256];
	struct text t;

	text_init(&t, buf, sizeof(buf) - 1);
	text_add(&t, "%s", prefix);
	text_vadd(&t, fmt, ap);
	t.size++; /* room for the newline was kept */
	text_add(&t, "\n");
	tess_bare_print(buf);
}

void
tap_print(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	tap_vprint("", fmt, ap);
	va_end(ap);
}

void
tap_note(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	tap_vprint("# ", fmt, ap);
	va_end(ap);
}

bool
tap_ok(bool good, const char *what)
{
	tap_bad += !good;
	tap_print("%s %u - %s", good ? "ok" : "not ok", ++tap_points, what);
	return good;
}

bool
tap_okf(bool good, const char *fmt, ...)
{
	char buf[200];
	struct text t;
	va_list ap;

	text_init(&t, buf, sizeof(buf));
	va_start(ap, fmt);
	text_vadd(&t, fmt, ap);
	va_end(ap);
	return tap_ok(good, buf);
}

void
tap_plan(void)
{
	tap_print("1..%u", tap_points);
}

static bool
tap_starts(const char **line, const char *with)
{
	size_t n = text_length(with);

	if (memcmp(*line, with, n) != 0)
		return false;
	*line += n;
	return true;
}

static void
tap_line_end(void)
{
	const char *s = tap_line;
	bool bad = tap_starts(&s, "not ok"), point = bad || tap_starts(&s, "ok");

	if (point) {
		while (*s == ' ' || *s == '-' || (*s >= '0' && *s <= '9'))
			s++;
		tap_ok(!bad, s);
	} else if (!tap_starts(&s, "1..") && !tap_starts(&s, "TAP version")) {
		tap_print("%s", s);
	}
}

void
tap_lines(const char *text)
{
	for (; *text; text++) {
		if (*text != '\n' && tap_len < sizeof(tap_line) - 1) {
			tap_line[tap_len++] = *text;
			continue;
		}
		memset(tap_line + tap_len, 0, sizeof(tap_line) - tap_len);
		tap_len = 0;
		tap_line_end();
		if (*text != '\n')
			tap_line[tap_len++] = *text;
	}
}
