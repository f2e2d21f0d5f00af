/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * cmd_convert.c: `tessera convert`: programs of calls from the fuzzers' bytes to text and back.
 *
 * The first line of the text is a comment that says on what machine the bytes run; on the way back the machine
 * comes from the options, because a comment means nothing.
 */
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "load.h"
#include "mem.h"
#include "program.h"
#include "tessera.h"

struct convert_options {
	struct program_setup setup;
	const char *output; /* NULL: the standard output */
	bool bytes;         /* text to bytes */
};

static const char *const convert_isa[ENV_ISA_COUNT] = {"x86_64", "aarch64", "aarch64_hw"};

static void
convert_put(void *ctx, const char *text)
{
	fputs(text, ctx);
}

/* ---- Bytes to text ---- */

static int
convert_to_text(const char *path, FILE *f)
{
	struct program_setup setup;
	struct program p;
	size_t len;
	char *data = load_file("convert", path, &len);
	bool good;

	if (data == NULL)
		return TOOL_USAGE;
	program_init(&p, &mem_malloc);
	good = program_decode(&p, &setup, (const uint8_t *)data, len);
	free(data);
	if (good) {
		fprintf(f, "# --pmap %s --cpus %u --seed %u\n", convert_isa[setup.isa],
			(unsigned)setup.ncpu, (unsigned)setup.seed);
		program_print(&p, convert_put, f);
	} else {
		fprintf(stderr, "tessera convert: %s: not enough memory\n", path);
	}
	program_fini(&p);
	return good ? TOOL_OK : TOOL_USAGE;
}

/* ---- Text to bytes ---- */

static int
convert_encode(const char *path, const struct program *p, const struct convert_options *o, FILE *f)
{
	static uint8_t data[DECODE_ROOM];
	char line[512];
	uint32_t wrong;
	size_t size;

	if (program_encode(p, &o->setup, data, sizeof(data), &size, &wrong)) {
		fwrite(data, 1, size, f);
		return TOOL_OK;
	}
	if (p->n == 0 || wrong == 0) {
		fprintf(stderr,
			"tessera convert: %s: no bytes make this: a program of bytes begins with "
			"setrlimit(RLIMIT_MEMLOCK, ...), see docs/PROGRAMS.md\n",
			path);
		return TOOL_USAGE;
	}
	program_print_op(p, &p->op[wrong], line, sizeof(line));
	fprintf(stderr, "tessera convert: %s:%u: no bytes make this call: %s\n", path,
		p->op[wrong].line, line);
	return TOOL_USAGE;
}

static int
convert_to_bytes(const char *path, const struct convert_options *o, FILE *f)
{
	struct program p;
	int status = TOOL_USAGE;

	program_init(&p, &mem_malloc);
	if (load_program("convert", path, &p))
		status = convert_encode(path, &p, o, f);
	program_fini(&p);
	return status;
}

/* ---- Options ---- */

static void
convert_usage(FILE *f)
{
	fprintf(
	    f,
	    "usage: tessera convert [--output FILE] BYTES\n"
	    "       tessera convert --bytes [OPTION]... [--output FILE] PROGRAM\n"
	    "\n"
	    "Prints the program (docs/PROGRAMS.md) that an input of fuzz_calls stands for, or, "
	    "with\n"
	    "--bytes, makes an input of a program.  - is the standard input.\n"
	    "\n"
	    "  --output FILE   instead of the standard output; nothing is written when it fails\n"
	    "  --bytes         from text to bytes, for a machine with\n"
	    "    --pmap NAME     x86_64, aarch64 or aarch64_hw (x86_64)\n"
	    "    --cpus N        1 to 4 (1)\n"
	    "    --seed N        of TLB evictions, 0 to 255 (0)\n"
	    "\n"
	    "exit status: 0 success; 2 bad usage, a file that cannot be read or written, a "
	    "program\n"
	    "that does not parse, or a call that no bytes stand for\n");
}

static bool
convert_pmap(const char *text, struct convert_options *o)
{
	for (unsigned i = 0; i < ENV_ISA_COUNT; i++) {
		if (strcmp(text, convert_isa[i]) == 0) {
			o->setup.isa = (uint8_t)i;
			return true;
		}
	}
	fprintf(stderr,
		"tessera convert: --pmap: expected x86_64, aarch64 or aarch64_hw, found \"%s\"\n",
		text);
	return false;
}

static bool
convert_option(struct convert_options *o, int c)
{
	unsigned n = 0;

	switch (c) {
	case 'p':
		return convert_pmap(optarg, o);
	case 'o':
		o->output = optarg;
		return true;
	case 'b':
		o->bytes = true;
		return true;
	case 'c':
		if (load_number(optarg, 4, &n)) {
			o->setup.ncpu = (uint8_t)n;
			return true;
		}
		fprintf(stderr, "tessera convert: --cpus: expected 1 to 4, found \"%s\"\n", optarg);
		return false;
	case 's':
		if (strcmp(optarg, "0") == 0 || load_number(optarg, 255, &n)) {
			o->setup.seed = n;
			return true;
		}
		fprintf(stderr, "tessera convert: --seed: expected 0 to 255, found \"%s\"\n",
			optarg);
		return false;
	default:
		convert_usage(stderr);
		return false;
	}
}

/* All of it is made before the first byte of the output is written. */
static int
convert_file(const char *path, const struct convert_options *o)
{
	char *made = NULL;
	size_t len = 0;
	FILE *f = open_memstream(&made, &len), *out = stdout;
	int status = TOOL_USAGE;

	if (f != NULL) {
		status = o->bytes ? convert_to_bytes(path, o, f) : convert_to_text(path, f);
		if (fclose(f) != 0)
			status = TOOL_USAGE;
	}
	if (status == TOOL_OK && o->output != NULL)
		out = fopen(o->output, "wb");
	if (status == TOOL_OK && (out == NULL || fwrite(made, 1, len, out) != len ||
				  (out != stdout && fclose(out) != 0))) {
		fprintf(stderr, "tessera convert: cannot write %s\n",
			o->output == NULL ? "the standard output" : o->output);
		status = TOOL_USAGE;
	}
	free(made);
	return status;
}

int
cmd_convert(int argc, char **argv)
{
	static const struct option names[] = {
	    {"bytes", no_argument, NULL, 'b'},
	    {"output", required_argument, NULL, 'o'},
	    {"pmap", required_argument, NULL, 'p'},
	    {"cpus", required_argument, NULL, 'c'},
	    {"seed", required_argument, NULL, 's'},
	    {"help", no_argument, NULL, 'h'},
	    {NULL, 0, NULL, 0},
	};
	struct convert_options o = {.setup = {.isa = ENV_X86_64, .ncpu = 1}};
	int c;

	optind = 1;
	while ((c = getopt_long(argc, argv, "", names, NULL)) != -1) {
		if (c == 'h') {
			convert_usage(stdout);
			return TOOL_OK;
		}
		if (!convert_option(&o, c))
			return TOOL_USAGE;
	}
	if (optind + 1 != argc) {
		convert_usage(stderr);
		return TOOL_USAGE;
	}
	return convert_file(argv[optind], &o);
}
