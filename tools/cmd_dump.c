/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * cmd_dump.c: `tessera dump`: run a program of calls and show the address spaces it leaves: as a listing, or as a
 * drawing.
 *
 * What the program's own calls answer is not printed; `tessera run` does that.
 */
#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "hosted.h"
#include "dump.h"
#include "env.h"
#include "exec.h"
#include "load.h"
#include "mem.h"
#include "program.h"
#include "tessera.h"

struct dump_options {
	enum env_isa isa;
	unsigned cpus, line; /* line 0: all */
	int space;           /* -1: all */
	bool maps, smaps;
	const char *svg; /* NULL: none; "-": the standard output */
};

/* ---- Running ---- */

struct dump_run {
	struct dump dump;
	unsigned line;
};

static bool
dump_before(void *ctx, const struct program_op *op)
{
	const struct dump_run *r = ctx;

	return r->line == 0 || op->line <= r->line;
}

static bool
dump_after(void *ctx, const struct program_op *op, const struct exec_answer *a,
	   struct tess_space *sp)
{
	(void)ctx;
	(void)op;
	(void)a;
	(void)sp;
	return true;
}

static void
dump_see_space(void *ctx, int number, struct tess_space *sp)
{
	struct dump_run *r = ctx;

	dump_space(&r->dump, number, sp);
}

static void
dump_see_file(void *ctx, const char *name, enum tess_handle_kind kind, struct tess_object *o)
{
	struct dump_run *r = ctx;

	dump_name(&r->dump, name, kind, o);
}

static void
dump_die(const char *why)
{
	fprintf(stderr, "tessera dump: %s\n", why);
	_exit(TOOL_FAILED);
}

static int
dump_program(const char *path, const struct program *p, const struct dump_options *o,
	     struct dump_run *r)
{
	static struct exec_result result;
	const struct exec_watch watch = {.ctx = r,
					 .before = dump_before,
					 .after = dump_after,
					 .space = dump_see_space,
					 .file = dump_see_file};
	struct exec_options eo = {.files = &load_files, .watch = &watch, .die = dump_die};
	struct env_config cfg = {
	    .isa = o->isa, .ncpu = o->cpus, .ram = LOAD_RAM, .seed = 1, .unpooled = true};

	if (env_open(&cfg) != TESS_OK) {
		fprintf(stderr, "tessera dump: cannot make a machine of %u CPUs\n", o->cpus);
		return TOOL_USAGE;
	}
	exec_run(p, &eo, &result);
	env_close();
	if (result.verdict == EXEC_OK && !r->dump.failed)
		return TOOL_OK;
	fprintf(stderr, "tessera dump: %s: %s\n", path,
		r->dump.failed ? "not enough memory" : result.report);
	return TOOL_FAILED;
}

/* ---- Showing ---- */

static bool
dump_has(const struct dump *d, int space)
{
	for (uint32_t i = 0; i < d->spaces; i++)
		if (space < 0 || d->space[i].number == space)
			return true;
	return false;
}

static int
dump_draw(const struct dump *d, const struct dump_options *o, const char *path)
{
	FILE *f = strcmp(o->svg, "-") == 0 ? stdout : fopen(o->svg, "w");
	const char *base = strrchr(path, '/');
	bool good = f != NULL;

	if (good) {
		dump_svg(d, o->space, base == NULL ? path : base + 1, f);
		good = ferror(f) == 0;
	}
	if (f != NULL && f != stdout)
		good = fclose(f) == 0 && good;
	if (!good)
		fprintf(stderr, "tessera dump: %s: %s\n", o->svg, strerror(errno));
	return good ? TOOL_OK : TOOL_USAGE;
}

static int
dump_show(const struct dump *d, const struct dump_options *o, const char *path)
{
	if (!dump_has(d, o->space)) {
		fprintf(stderr,
			o->space < 0 ? "tessera dump: %s: no space is left\n"
				     : "tessera dump: %s: there is no space %d\n",
			path, o->space);
		return TOOL_USAGE;
	}
	if (o->maps)
		dump_maps(d, o->space, stdout);
	if (o->smaps)
		dump_smaps(d, o->space, stdout);
	return o->svg == NULL ? TOOL_OK : dump_draw(d, o, path);
}

static int
dump_file(const char *path, const struct dump_options *o)
{
	struct dump_run r = {.line = o->line};
	struct program p;
	int status = TOOL_USAGE;

	program_init(&p, &mem_malloc);
	if (load_program("dump", path, &p)) {
		status = dump_program(path, &p, o, &r);
		if (status == TOOL_OK)
			status = dump_show(&r.dump, o, path);
	}
	dump_free(&r.dump);
	program_fini(&p);
	return status;
}

/* ---- Options ---- */

static void
dump_usage(FILE *f)
{
	fprintf(
	    f,
	    "usage: tessera dump [OPTION]... PROGRAM\n"
	    "\n"
	    "Runs a program of calls (docs/PROGRAMS.md) and shows the address spaces that it "
	    "leaves.\n"
	    "PROGRAM - is the standard input.\n"
	    "\n"
	    "  --maps                  a line an area: addresses, rights, offset, object, flags\n"
	    "                          (the default)\n"
	    "  --smaps                 ... and what there is of its pages, and totals\n"
	    "  --svg FILE              a drawing: boxes to scale, a page a cell; - is the "
	    "standard\n"
	    "                          output\n"
	    "  --line N                stop after line N of the program\n"
	    "  --space N               only space N; without it, all that are left\n"
	    "  --pmap x86_64|aarch64   whose page tables and TLBs (x86_64)\n"
	    "  --cpus N                logical CPUs, 1 to 64 (4)\n"
	    "\n"
	    "exit status: 0 success; 1 a walker failed, or the machine is too small; 2 bad usage,\n"
	    "a program that does not parse, a space that is not there, a file that cannot be "
	    "written\n");
}

static bool
dump_count(const char *option, const char *text, unsigned least, unsigned *out)
{
	if (strcmp(text, "0") == 0 && least == 0) {
		*out = 0;
		return true;
	}
	if (load_number(text, 1000000000, out))
		return true;
	fprintf(stderr, "tessera dump: %s: expected a number from %u, found \"%s\"\n", option,
		least, text);
	return false;
}

/* false: the option is impossible, and that was said. */
static bool
dump_option(struct dump_options *o, int c)
{
	unsigned n;

	switch (c) {
	case 'p':
		return load_isa("dump", optarg, &o->isa);
	case 'c':
		return load_cpus("dump", optarg, &o->cpus);
	case 'l':
		return dump_count("--line", optarg, 1, &o->line);
	case 'n':
		if (!dump_count("--space", optarg, 0, &n))
			return false;
		o->space = (int)n;
		return true;
	case 'v':
		o->svg = optarg;
		return true;
	case 'm':
		o->maps = true;
		return true;
	case 's':
		o->smaps = true;
		return true;
	default:
		dump_usage(stderr);
		return false;
	}
}

int
cmd_dump(int argc, char **argv)
{
	static const struct option names[] = {
	    {"maps", no_argument, NULL, 'm'},
	    {"smaps", no_argument, NULL, 's'},
	    {"svg", required_argument, NULL, 'v'},
	    {"line", required_argument, NULL, 'l'},
	    {"space", required_argument, NULL, 'n'},
	    {"pmap", required_argument, NULL, 'p'},
	    {"cpus", required_argument, NULL, 'c'},
	    {"help", no_argument, NULL, 'h'},
	    {NULL, 0, NULL, 0},
	};
	struct dump_options o = {.isa = ENV_X86_64, .cpus = 4, .space = -1};
	int c;

	optind = 1;
	while ((c = getopt_long(argc, argv, "", names, NULL)) != -1) {
		if (c == 'h') {
			dump_usage(stdout);
			return TOOL_OK;
		}
		if (!dump_option(&o, c))
			return TOOL_USAGE;
	}
	if (optind + 1 != argc) {
		dump_usage(stderr);
		return TOOL_USAGE;
	}
	o.maps |= !o.smaps && o.svg == NULL;
	tess_host_on_panic = dump_die;
	return dump_file(argv[optind], &o);
}
