/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * cmd_run.c: `tessera run`: execute programs of calls on the simulated machine.
 *
 * Each FILE gets a machine of its own.  The files of open() are real ones: made in a scratch directory, unlinked
 * while they are open, so that nothing is left behind however the run ends.
 *
 * An oracle or walker that fails ends the process with status 1 after one line on stderr that names it.
 */
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <tessera/object.h>
#include "hosted.h"
#include "file.h"
#include "env.h"
#include "exec.h"
#include "mem.h"
#include "program.h"
#include "tessera.h"

#define RUN_RAM   ((uint64_t)1 << 30)
#define RUN_ERROR 512

struct run_options {
	enum env_isa isa;
	unsigned cpus;
	bool check, model;
};

/* ---- Files of the programs ---- */

/* A real file without a name, `size` zero bytes long; -1 and errno. */
static int
run_scratch(uint64_t size)
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
run_create(void *ctx, const char *name, uint64_t size, struct tess_handle *out)
{
	struct tess_host_file *f;
	enum tess_err e;
	int fd = run_scratch(size);

	(void)ctx;
	if (fd < 0 && (errno == EFBIG || errno == EINVAL || errno == ENOSPC))
		return TESS_EIO; /* longer than this computer's files can be */
	if (fd < 0) {
		fflush(stdout);
		fprintf(stderr, "tessera run: cannot make the file \"%s\": %s\n", name,
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

/* ---- Running ---- */

static void
run_put(void *ctx, const char *text)
{
	fputs(text, ctx);
}

static void
run_die(const char *why)
{
	fprintf(stderr, "tessera run: %s\n", why);
	fflush(stdout);
	_exit(TOOL_FAILED);
}

/* A walker or an oracle failed; the machine is in no state to go on. */
static void
run_panic(const char *msg)
{
	fflush(stdout);
	fprintf(stderr, "tessera run: %s\n", msg);
	_exit(TOOL_FAILED);
}

static int
run_program(const char *path, const struct program *p, const struct run_options *o)
{
	static struct exec_result result;
	const struct exec_files files = {.create = run_create};
	struct exec_options eo = {
	    .model = o->model,
	    .check = o->check,
	    .files = &files,
	    .out = run_put,
	    .ctx = stdout,
	    .die = run_die,
	};
	struct env_config cfg = {
	    .isa = o->isa, .ncpu = o->cpus, .ram = RUN_RAM, .seed = 1, .unpooled = true};

	if (env_open(&cfg) != TESS_OK) {
		fprintf(stderr, "tessera run: cannot make a machine of %u CPUs\n", o->cpus);
		return TOOL_USAGE;
	}
	exec_run(p, &eo, &result);
	if (result.verdict == EXEC_OK) {
		env_close();
		return TOOL_OK;
	}
	fflush(stdout);
	fprintf(stderr, "tessera run: %s: core and model differ\n%s\n", path, result.report);
	return TOOL_FAILED;
}

/* The bytes of a file; NULL and a message. */
static char *
run_read(const char *path, size_t *len)
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
		fprintf(stderr, "tessera run: %s: %s\n", path, strerror(errno));
		free(text);
		text = NULL;
	}
	if (f != NULL && f != stdin)
		fclose(f);
	*len = n;
	return text;
}

static int
run_file(const char *path, const struct run_options *o)
{
	char error[RUN_ERROR];
	struct program p;
	size_t len;
	char *text = run_read(path, &len);
	int status;

	if (text == NULL)
		return TOOL_USAGE;
	program_init(&p, &mem_malloc);
	if (program_parse(&p, path, text, len, error, sizeof(error))) {
		status = run_program(path, &p, o);
	} else {
		fprintf(stderr, "tessera run: %s\n", error);
		status = TOOL_USAGE;
	}
	program_fini(&p);
	free(text);
	return status;
}

/* ---- Options ---- */

static void
run_usage(FILE *f)
{
	fprintf(
	    f, "usage: tessera run [OPTION]... FILE...\n"
	       "\n"
	       "Executes each program of calls (docs/PROGRAMS.md) on a simulated machine of its "
	       "own and prints\n"
	       "one line a call: the line's number and the result.  FILE - is the standard input.\n"
	       "\n"
	       "  --pmap x86_64|aarch64   whose page tables and TLBs (x86_64)\n"
	       "  --cpus N                logical CPUs, 1 to 64 (4)\n"
	       "  --check                 run every walker after every call\n"
	       "  --model                 hold every call against the page-level model\n"
	       "\n"
	       "exit status: 0 every program ran; 1 a walker or an oracle failed, or core and "
	       "model differ;\n"
	       "2 bad usage, or a program that does not parse\n");
}

static bool
run_number(const char *text, unsigned most, unsigned *out)
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

/* 0: go on; else the exit status plus 1. */
static int
run_options(int argc, char **argv, struct run_options *o)
{
	static const struct option names[] = {
	    {"pmap", required_argument, NULL, 'p'}, {"cpus", required_argument, NULL, 'c'},
	    {"check", no_argument, NULL, 'k'},      {"model", no_argument, NULL, 'm'},
	    {"help", no_argument, NULL, 'h'},       {NULL, 0, NULL, 0},
	};
	int c;

	optind = 1;
	while ((c = getopt_long(argc, argv, "", names, NULL)) != -1) {
		if (c == 'p' && strcmp(optarg, "x86_64") == 0) {
			o->isa = ENV_X86_64;
		} else if (c == 'p' && strcmp(optarg, "aarch64") == 0) {
			o->isa = ENV_AARCH64;
		} else if (c == 'p') {
			fprintf(stderr,
				"tessera run: --pmap: expected x86_64 or aarch64, found \"%s\"\n",
				optarg);
			return TOOL_USAGE + 1;
		} else if (c == 'c' && !run_number(optarg, TESS_CPU_MAX, &o->cpus)) {
			fprintf(stderr, "tessera run: --cpus: expected 1 to %d, found \"%s\"\n",
				TESS_CPU_MAX, optarg);
			return TOOL_USAGE + 1;
		} else if (c == 'h') {
			run_usage(stdout);
			return TOOL_OK + 1;
		} else if (c == '?') {
			run_usage(stderr);
			return TOOL_USAGE + 1;
		}
		o->check |= c == 'k';
		o->model |= c == 'm';
	}
	if (optind < argc)
		return 0;
	run_usage(stderr);
	return TOOL_USAGE + 1;
}

int
cmd_run(int argc, char **argv)
{
	struct run_options o = {.isa = ENV_X86_64, .cpus = 4};
	int status = run_options(argc, argv, &o);

	if (status != 0)
		return status - 1;
	tess_host_on_panic = run_panic;
	for (int i = optind; i < argc && status == TOOL_OK; i++)
		status = run_file(argv[i], &o);
	return status;
}
