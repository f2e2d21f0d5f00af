/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * tessera.c: the `tessera` command: one table of subcommands.
 *
 * Each subcommand is a file of its own, cmd_NAME.c, and parses its own options, so that this file
 * knows nothing but names.  A library of option parsers was not worth a dependency: getopt_long
 * is everywhere the tool runs.
 */
#include <stdio.h>
#include <string.h>
#include <tessera/tessera.h>

#include "tessera.h"

struct tool_command {
	const char *name;
	int (*main)(int argc, char **argv);
	const char *about;
};

static const struct tool_command tool_commands[] = {
    {"run", cmd_run, "execute a program of calls on the simulated machine"},
    {"convert", cmd_convert, "inputs of fuzz_calls to programs and back"},
    {"dump", cmd_dump, "run a program and show its address spaces: a listing or a drawing"},
    {"replay", cmd_replay, "replay recorded traces and compare every snapshot"},
    {"record", cmd_record, "record a trace of a program (Linux x86_64)"},
    {"diff-host", cmd_diff_host, "random programs on the core and on this computer's kernel"},
};

static void
tool_usage(FILE *f)
{
	fprintf(f, "usage: tessera COMMAND [OPTION]... [ARGUMENT]...\n"
		   "\n"
		   "commands:\n");
	for (size_t i = 0; i < sizeof(tool_commands) / sizeof(tool_commands[0]); i++)
		fprintf(f, "  %-10s %s\n", tool_commands[i].name, tool_commands[i].about);
	fprintf(f,
		"\n"
		"  tessera COMMAND --help   the options of one command\n"
		"  tessera --version        the version\n"
		"\n"
		"exit status: 0 success; 1 a difference or a failed check; 2 bad usage or input\n");
}

/* Results that could not be written are a failure, whatever the command thought. */
static int
tool_flush(int status)
{
	if (fflush(stdout) == 0 && !ferror(stdout))
		return status;
	fprintf(stderr, "tessera: cannot write to standard output\n");
	return status == TOOL_OK ? TOOL_FAILED : status;
}

int
main(int argc, char **argv)
{
	const char *name = argc > 1 ? argv[1] : NULL;

	if (name == NULL) {
		tool_usage(stderr);
		return TOOL_USAGE;
	}
	if (strcmp(name, "--help") == 0 || strcmp(name, "-h") == 0) {
		tool_usage(stdout);
		return tool_flush(TOOL_OK);
	}
	if (strcmp(name, "--version") == 0) {
		printf("tessera %s\n", TESSERA_VERSION);
		return tool_flush(TOOL_OK);
	}
	for (size_t i = 0; i < sizeof(tool_commands) / sizeof(tool_commands[0]); i++)
		if (strcmp(name, tool_commands[i].name) == 0)
			return tool_flush(tool_commands[i].main(argc - 1, argv + 1));
	fprintf(stderr, "tessera: no command '%s'; `tessera --help` lists them\n", name);
	return TOOL_USAGE;
}
