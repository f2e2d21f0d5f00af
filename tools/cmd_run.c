/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * cmd_run.c: `tessera run`: execute programs of calls on the simulated machine.
 *
 * Each FILE gets a machine of its own; the files of open() are real ones (load.c).
 *
 * An oracle or walker that fails ends the process with status 1 after one line on stderr that names it.
 */
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "hosted.h"
#include "env.h"
#include "exec.h"
#include "mem.h"
#include "load.h"
#include "program.h"
#include "tessera.h"

struct run_options {
	enum env_isa isa;
	unsigned cpus;
	bool check, model;
};

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
	struct exec_options eo = {
	    .model = o->model,
	    .check = o->check,
	    .files = &load_files,
	    .out = run_put,
	    .ctx = stdout,
	    .die = run_die,
	};
	struct env_config cfg = {
	    .isa = o->isa, .ncpu = o->cpus, .ram = LOAD_RAM, .seed = 1, .unpooled = true};

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

/* Calls that the model does not know are a reason not to begin. */
static bool
run_modelled(const char *path, const struct program *p)
{
	for (uint32_t i = 0; i < p->n; i++) {
		if (program_modelled((enum program_call)p->op[i].call))
			continue;
		fprintf(stderr,
			"tessera run: %s:%u: %s is not in the model; the program runs without "
			"--model\n",
			path, p->op[i].line, program_syntax[p->op[i].call].name);
		return false;
	}
	return true;
}

static int
run_file(const char *path, const struct run_options *o)
{
	struct program p;
	int status = TOOL_USAGE;

	program_init(&p, &mem_malloc);
	if (load_program("run", path, &p) && (!o->model || run_modelled(path, &p)))
		status = run_program(path, &p, o);
	program_fini(&p);
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
	       "  --model                 hold every call against the page-level model; not for "
	       "programs with\n"
	       "                          calls that it does not know\n"
	       "\n"
	       "exit status: 0 every program ran; 1 a walker or an oracle failed, or core and "
	       "model differ;\n"
	       "2 bad usage, or a program that does not parse\n");
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
		if ((c == 'p' && !load_isa("run", optarg, &o->isa)) ||
		    (c == 'c' && !load_cpus("run", optarg, &o->cpus))) {
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
