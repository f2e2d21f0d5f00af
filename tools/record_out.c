/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * record_out.c: the lines of a recording, in memory until the end, then one file.
 *
 * Objects stand at the top of a trace but are met all along, and a call's line is finished long after those of
 * the faults behind it: so lines wait in memory.  The file is written beside its place under another name and
 * moved there when it is whole, so that a failure leaves nothing, and an older file untouched.
 */
#if defined(__linux__) && defined(__x86_64__) /* else cmd_record() only says so */

#define _GNU_SOURCE 1
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <zlib.h>

#include "record.h"
#include "tessera.h"

static char unfinished[4096]; /* the file's name until it is whole; "": none */

void
record_die(const char *fmt, ...)
{
	va_list ap;

	fprintf(stderr, "tessera record: ");
	va_start(ap, fmt);
	vfprintf(stderr, fmt, ap);
	va_end(ap);
	fprintf(stderr, "\n");
	if (unfinished[0] != 0)
		unlink(unfinished);
	exit(TOOL_USAGE); /* the tracees go with their tracer: PTRACE_O_EXITKILL */
}

void *
record_grow(void *array, size_t n, size_t *room, size_t each)
{
	if (n < *room)
		return array;
	*room = *room == 0 ? 64 : *room * 2;
	array = realloc(array, *room * each);
	if (array == NULL)
		record_die("out of memory");
	return array;
}

size_t
record_reserve(struct record *rec)
{
	rec->line = record_grow(rec->line, rec->nline, &rec->line_room, sizeof(*rec->line));
	rec->line[rec->nline] = (struct record_line){.text = NULL};
	return rec->nline++;
}

size_t
record_add(struct record *rec, const char *fmt, ...)
{
	size_t line = record_reserve(rec);
	char *text;
	va_list ap;

	va_start(ap, fmt);
	int n = vasprintf(&text, fmt, ap);
	va_end(ap);
	if (n < 0)
		record_die("out of memory");
	rec->line[line].text = text;
	return line;
}

void
record_put(struct record *rec, size_t line, const char *text)
{
	free(rec->line[line].text);
	rec->line[line].text = strdup(text);
	if (rec->line[line].text == NULL)
		record_die("out of memory");
}

void
record_open(struct record *rec)
{
	int n = snprintf(unfinished, sizeof(unfinished), "%s.%d.part", rec->output, (int)getpid());

	if (n < 0 || (size_t)n >= sizeof(unfinished)) {
		unfinished[0] = 0;
		record_die("%s: name too long", rec->output);
	}
	FILE *f = fopen(unfinished, "wx");
	if (f == NULL) {
		unfinished[0] = 0;
		record_die("%s: %s", rec->output, strerror(errno));
	}
	fclose(f);
}

static void
out_line(gzFile f, const char *text)
{
	if (gzputs(f, text) < 0 || gzputc(f, '\n') < 0)
		record_die("%s: %s", unfinished, strerror(errno));
}

void
record_write(struct record *rec)
{
	size_t len = strlen(rec->output);
	bool packed = len > 3 && strcmp(rec->output + len - 3, ".gz") == 0;
	gzFile f = gzopen(unfinished, packed ? "wb9" : "wbT");
	char text[160];

	if (f == NULL)
		record_die("%s: %s", unfinished, strerror(errno));
	out_line(f, "vmtrace 1\narch x86_64\npage 4096");
	snprintf(text, sizeof(text), "lost %" PRIu64, rec->lost);
	out_line(f, text);
	for (unsigned i = 0; i < rec->nobject; i++) {
		const struct record_object *o = &rec->object[i];
		snprintf(text, sizeof(text), "object %c%u %" PRIu64 " %s", o->letter, o->id,
			 o->size, o->name);
		out_line(f, text);
	}
	for (size_t i = 0; i < rec->nline; i++)
		if (rec->line[i].text != NULL)
			out_line(f, rec->line[i].text);
	if (gzclose(f) != Z_OK)
		record_die("%s: %s", unfinished, strerror(errno));
	if (rename(unfinished, rec->output) != 0)
		record_die("%s: %s", rec->output, strerror(errno));
	unfinished[0] = 0;
}

void
record_fini(struct record *rec)
{
	struct record_space *s;

	for (size_t i = 0; i < rec->nline; i++)
		free(rec->line[i].text);
	free(rec->line);
	free(rec->object);
	while ((s = rec->space) != NULL) {
		rec->space = s->next;
		record_runs_free(&s->known);
		free(s);
	}
	record_perf_close(rec);
}

#endif
