/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * load.c: programs of calls from files, the files that they open, and the options that say on what they run.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <tessera/object.h>
#include "hosted.h"
#include "file.h"
#include "load.h"
#include "tessera.h"

/* ---- Files of the programs ---- */

/* A real file without a name, `size` zero bytes long; -1 and errno. */
static int
load_scratch(uint64_t size)
{
	const char *dir = getenv("TMPDIR");
	char path[4096];
	int fd, saved;

	if (snprintf(path, sizeof(path), "%s/tessera-XXXXXX", dir == NULL ? "/tmp" : dir) >=
	    (int)sizeof(path)) {
		errno = ENAMETOOLONG;
		return -1;
	}
	fd = mkstemp(path);
	if (fd < 0)
		return -1;
	if (unlink(path) == 0 && ftruncate(fd, (off_t)size) == 0)
		return fd;
	saved = errno;
	close(fd);
	errno = saved;
	return -1;
}

static enum tess_err
load_create(void *ctx, const char *name, uint64_t size, struct tess_handle *out)
{
	struct tess_host_file *f;
	enum tess_err e;
	int fd = load_scratch(size);

	(void)ctx;
	if (fd < 0 && (errno == EFBIG || errno == EINVAL || errno == ENOSPC))
		return TESS_EIO; /* longer than this computer's files can be */
	if (fd < 0) {
		fflush(stdout);
		fprintf(stderr, "tessera: cannot make the file \"%s\": %s\n", name,
			strerror(errno));
		_exit(TOOL_USAGE);
	}
	f = tess_host_file_fd(fd, TESS_HOST_FILE_WRITE);
	close(fd);
	if (f == NULL)
		return TESS_ENOMEM;
	*out = (struct tess_handle){.kind = TESS_HANDLE_FILE,
				    .mode = TESS_MODE_READ | TESS_MODE_WRITE};
	e = tess_host_file_object(f, &out->object);
	tess_host_file_close(f);
	return e;
}

const struct exec_files load_files = {.create = load_create};

/* ---- Programs ---- */

/* The bytes of a file; NULL and a message. */
char *
load_file(const char *tool, const char *path, size_t *len)
{
	FILE *f = strcmp(path, "-") == 0 ? stdin : fopen(path, "rb");
	char *text = NULL, *more;
	size_t room = 0, n = 0;

	while (f != NULL && !feof(f) && !ferror(f)) {
		if (n == room) {
			room = room == 0 ? 65536 : room * 2;
			more = realloc(text, room);
			if (more == NULL)
				break;
			text = more;
		}
		n += fread(text + n, 1, room - n, f);
	}
	if (f == NULL || ferror(f) || n == room) {
		fprintf(stderr, "tessera %s: %s: %s\n", tool, path, strerror(errno));
		free(text);
		text = NULL;
	}
	if (f != NULL && f != stdin)
		fclose(f);
	*len = n;
	return text;
}

bool
load_program(const char *tool, const char *path, struct program *p)
{
	char error[512], *text;
	size_t len;
	bool good;

	text = load_file(tool, path, &len);
	if (text == NULL)
		return false;
	good = program_parse(p, path, text, len, error, sizeof(error));
	if (!good)
		fprintf(stderr, "tessera %s: %s\n", tool, error);
	free(text);
	return good;
}

/* ---- Options ---- */

bool
load_number(const char *text, unsigned most, unsigned *out)
{
	char *end;
	unsigned long v;

	errno = 0;
	v = strtoul(text, &end, 10);
	if (errno != 0 || end == text || *end != '\0' || text[0] == '-' || v < 1 || v > most)
		return false;
	*out = (unsigned)v;
	return true;
}

bool
load_isa(const char *tool, const char *text, enum env_isa *isa)
{
	if (strcmp(text, "x86_64") == 0) {
		*isa = ENV_X86_64;
	} else if (strcmp(text, "aarch64") == 0) {
		*isa = ENV_AARCH64;
	} else {
		fprintf(stderr, "tessera %s: --pmap: expected x86_64 or aarch64, found \"%s\"\n",
			tool, text);
		return false;
	}
	return true;
}

bool
load_cpus(const char *tool, const char *text, unsigned *cpus)
{
	if (load_number(text, TESS_CPU_MAX, cpus))
		return true;
	fprintf(stderr, "tessera %s: --cpus: expected 1 to %d, found \"%s\"\n", tool, TESS_CPU_MAX,
		text);
	return false;
}
