/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * tessera.h: what a subcommand of the `tessera` tool gives to tessera.c.
 *
 * A subcommand gets argv[0] = its own name, may use getopt_long, writes results on stdout and
 * complaints on stderr as one line ("tessera replay: FILE:12: expected an address"), and returns
 * one of the exit codes.  Nothing is left behind when it fails.
 */
#ifndef TESS_TOOLS_TESSERA_H
#define TESS_TOOLS_TESSERA_H

enum tool_exit {
	TOOL_OK = 0,
	TOOL_FAILED = 1,  /* a difference, or an oracle failed */
	TOOL_USAGE = 2,   /* impossible options, unreadable or malformed input */
	TOOL_SKIPPED = 77 /* this machine cannot do it */
};

int cmd_run(int argc, char **argv);
int cmd_convert(int argc, char **argv);
int cmd_dump(int argc, char **argv);
int cmd_replay(int argc, char **argv);
int cmd_record(int argc, char **argv);
int cmd_diff_host(int argc, char **argv);

#endif
