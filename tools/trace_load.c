/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * trace_load.c: a trace file into memory, packed or not, and its errors into words.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

#include "trace.h"

#define LOAD_STEP ((size_t)1 << 20)
#define LOAD_MAX  ((size_t)1 << 32) /* a packed bomb ends here */

static bool
load_fail(char *message, size_t size, const char *path, const char *why)
{
	snprintf(message, size, "%s: %s", path, why);
	return false;
}

/* All of `in` into *text.  NULL: fine; else why not. */
static const char *
load_all(gzFile in, char **text, size_t *len)
{
	size_t room = 0;
	int n, code;

	do {
		if (*len == room) {
			room += room < LOAD_STEP ? LOAD_STEP : room;
			char *more = room > LOAD_MAX ? NULL : realloc(*text, room);
			if (more == NULL)
				return "too large for memory";
			*text = more;
		}
		n = gzread(in, *text + *len,
			   (unsigned)(room - *len > LOAD_STEP ? LOAD_STEP : room - *len));
		if (n > 0)
			*len += (size_t)n;
	} while (n > 0);
	if (n < 0) {
		const char *why = gzerror(in, &code);
		return code == Z_ERRNO       ? strerror(errno)
		       : code == Z_BUF_ERROR ? "cut short (gzip)"
					     : why;
	}
	/* zlib answers a stream cut inside its trailer with a plain end. */
	gzerror(in, &code);
	return code == Z_BUF_ERROR ? "cut short (gzip)" : NULL;
}

bool
trace_load(const char *path, struct trace *out, char *message, size_t message_size)
{
	char *text = NULL;
	size_t len = 0;
	gzFile in = gzopen(path, "rb");

	if (in == NULL)
		return load_fail(message, message_size, path, strerror(errno));
	const char *why = load_all(in, &text, &len);
	if (why != NULL) {
		load_fail(message, message_size, path, why);
		gzclose_r(in);
		free(text);
		return false;
	}
	int closed = gzclose_r(in);
	if (closed != Z_OK) {
		free(text);
		return load_fail(message, message_size, path, "cut short (gzip)");
	}
	*out = (struct trace){.name = path, .text = text, .size = len};
	return true;
}

void
trace_unload(struct trace *t)
{
	free((char *)t->text);
	t->text = NULL;
	t->size = 0;
}

void
trace_error_print(const struct trace *t, const struct trace_error *e, char *buf, size_t size)
{
	if (e->found[0] != 0)
		snprintf(buf, size, "%s:%u: expected %s, found '%s'", t->name, e->line, e->expected,
			 e->found);
	else
		snprintf(buf, size, "%s:%u: expected %s", t->name, e->line, e->expected);
}
