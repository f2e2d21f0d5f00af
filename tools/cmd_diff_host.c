/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * cmd_diff_host.c: `tessera diff-host`: programs on the core, under the linux personality, and on the kernel that
 * runs this command; the options.  diff.h has the drawing, docs/DIFFHOST.md the rest.
 */
#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/personality.h>
#include <unistd.h>
#include "diff.h"
#include "env.h"
#include "hosted.h"
#include "tessera.h"

static void
diff_usage(FILE *f)
{
	fprintf(
	    f,
	    "usage: tessera diff-host [OPTION]... [FILE]...\n"
	    "\n"
	    "Executes random programs of calls, or the programs in FILEs, on the core and on this\n"
	    "computer's Linux kernel, and compares every answer, layout and page "
	    "(docs/DIFFHOST.md).\n"
	    "\n"
	    "  --programs N            how many random programs (100000)\n"
	    "  --seed S                where they come from (1)\n"
	    "  --only K                only program K of that seed\n"
	    "  --pmap x86_64|aarch64   whose page tables and TLBs (x86_64)\n"
	    "  --jobs N                worker processes (one a CPU)\n"
	    "  --keep-going            go on after an unexplained difference\n"
	    "  --verbose               print programs with explained differences too\n"
	    "  --known                 print the table of known differences and stop\n"
	    "\n"
	    "exit status: 0 no unexplained difference; 1 there is one; 2 bad usage or input;\n"
	    "77 this computer's kernel cannot be asked\n");
}

static void
diff_print_known(void)
{
	for (unsigned i = 0; i < diff_nknown; i++)
		printf("%-16s %s%s%s\n", diff_known[i].id,
		       diff_known[i].kernels == NULL ? "" : diff_known[i].kernels,
		       diff_known[i].kernels == NULL ? "" : ": ", diff_known[i].reason);
}

static bool
diff_number(const char *text, uint64_t least, uint64_t most, uint64_t *out)
{
	char *end;

	errno = 0;
	*out = strtoull(text, &end, 0);
	return errno == 0 && end != text && *end == '\0' && text[0] != '-' && *out >= least &&
	       *out <= most;
}

static int
diff_bad(const char *option, const char *expected, const char *found)
{
	fprintf(stderr, "tessera diff-host: --%s: expected %s, found \"%s\"\n", option, expected,
		found);
	return TOOL_USAGE + 1;
}

/* One option; 0: go on; else the exit status plus 1. */
static int
diff_option(int c, struct diff_options *o)
{
	uint64_t n;

	switch (c) {
	case 'n':
		if (!diff_number(optarg, 1, UINT64_MAX - 1, &o->programs))
			return diff_bad("programs", "a number above 0", optarg);
		return 0;
	case 's':
		if (!diff_number(optarg, 0, UINT64_MAX, &o->seed))
			return diff_bad("seed", "a number", optarg);
		return 0;
	case 'o':
		if (!diff_number(optarg, 0, UINT64_MAX - 1, &o->only))
			return diff_bad("only", "a number", optarg);
		return 0;
	case 'j':
		if (!diff_number(optarg, 1, 64, &n))
			return diff_bad("jobs", "1 to 64", optarg);
		o->jobs = (unsigned)n;
		return 0;
	case 'p':
		if (strcmp(optarg, "x86_64") != 0 && strcmp(optarg, "aarch64") != 0)
			return diff_bad("pmap", "x86_64 or aarch64", optarg);
		o->isa = optarg[0] == 'x' ? ENV_X86_64 : ENV_AARCH64;
		return 0;
	case 'k':
		o->keep_going = true;
		return 0;
	case 'v':
		o->verbose = true;
		return 0;
	case 't':
		diff_print_known();
		return TOOL_OK + 1;
	case 'h':
		diff_usage(stdout);
		return TOOL_OK + 1;
	}
	diff_usage(stderr);
	return TOOL_USAGE + 1;
}

/*
 * The heap of a process lies anywhere within a gigabyte behind its program, and must lie below the window: this
 * command starts again without randomised addresses.  Where that is forbidden, it finds out later that it cannot.
 */
static void
diff_derandomise(char **argv)
{
	int now = personality(0xffffffff);

	if (now != -1 && (now & ADDR_NO_RANDOMIZE) == 0 &&
	    personality((unsigned long)now | ADDR_NO_RANDOMIZE) != -1)
		execv("/proc/self/exe", argv);
}

/* A walker or an oracle failed; the machine is in no state to go on. */
static void
diff_panic(const char *msg)
{
	fprintf(stderr, "tessera diff-host: %s\n", msg);
	_exit(TOOL_FAILED);
}

int
cmd_diff_host(int argc, char **argv)
{
	static const struct option names[] = {
	    {"programs", required_argument, NULL, 'n'}, {"seed", required_argument, NULL, 's'},
	    {"only", required_argument, NULL, 'o'},     {"jobs", required_argument, NULL, 'j'},
	    {"pmap", required_argument, NULL, 'p'},     {"keep-going", no_argument, NULL, 'k'},
	    {"verbose", no_argument, NULL, 'v'},        {"known", no_argument, NULL, 't'},
	    {"help", no_argument, NULL, 'h'},           {NULL, 0, NULL, 0},
	};
	long cpus = sysconf(_SC_NPROCESSORS_ONLN);
	struct diff_options o = {.programs = 100000,
				 .seed = 1,
				 .only = UINT64_MAX,
				 .jobs = cpus < 1    ? 1
					 : cpus > 64 ? 64
						     : (unsigned)cpus,
				 .isa = ENV_X86_64};
	int c, status;

	optind = 1;
	while ((c = getopt_long(argc, argv, "", names, NULL)) != -1) {
		status = diff_option(c, &o);
		if (status != 0)
			return status - 1;
	}
	o.file = argv + optind;
	o.files = argc - optind;
	diff_derandomise(argv - 1);
	tess_host_on_panic = diff_panic;
	return diff_run(&o);
}
