/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * cmd_record.c: `tessera record -o FILE -- CMD ARGS`: a trace of what a command does to its address spaces.
 *
 *	child   waits on a pipe ........................ execs the command
 *	parent  attaches (PTRACE_SEIZE), opens the page-fault events, lets it go ─► record_loop ─► the file
 *
 * Transparent huge pages are off for the command: one fault would bring 512 pages.
 */
#define _GNU_SOURCE 1
#include "tessera.h"

#include <stdio.h>

#if defined(__linux__) && defined(__x86_64__)

#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <inttypes.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

#include "record.h"

static void
record_usage(FILE *f)
{
	fprintf(f, "usage: tessera record -o FILE [OPTION]... [--] COMMAND [ARGUMENT]...\n"
		   "\n"
		   "Run a command and record what it and its children do to their address spaces, "
		   "as a trace that\n"
		   "`tessera replay` takes (Linux x86_64).\n"
		   "\n"
		   "  -o FILE       the trace; packed when the name ends in .gz\n"
		   "  --every N     also a snapshot after every N calls that may change a layout, "
		   "while the space has\n"
		   "                one thread (default: only at exits)\n"
		   "  --no-faults   do not trace page faults (which takes tracefs and the right to "
		   "use perf): derive\n"
		   "                them from the pages found before each call and at snapshots.  "
		   "Layouts and\n"
		   "                anonymous page counts replay exactly; reads and the order of "
		   "writes are lost\n"
		   "\n"
		   "exit status: 0 the trace is written, whatever the command's own status; 2 a "
		   "bad option, or\n"
		   "this system does not allow it\n");
}

static int
record_complain(const char *what, const char *value)
{
	fprintf(stderr, "tessera record: %s%s%s\n", what, value == NULL ? "" : ": ",
		value == NULL ? "" : value);
	return TOOL_USAGE;
}

/* In the child: wait for the parent to attach, then become the command. */
static void
command_become(char **argv, int go, int failed)
{
	char byte;
	int code;

	while (read(go, &byte, 1) < 0 && errno == EINTR)
		;
	if (prctl(PR_SET_THP_DISABLE, 1, 0, 0, 0) == 0)
		execvp(argv[0], argv);
	code = errno;
	if (write(failed, &code, sizeof(code)) < 0)
		code = 0;
	_exit(127);
}

static void
alarm_rings(int signal)
{
	(void)signal; /* only to interrupt wait() */
}

static void
alarm_start(void)
{
	struct sigaction act = {.sa_handler = alarm_rings};
	struct itimerval every = {{0, 10000}, {0, 10000}};

	sigaction(SIGALRM, &act, NULL);
	/* Interrupts from the keyboard are the command's. */
	signal(SIGINT, SIG_IGN);
	signal(SIGQUIT, SIG_IGN);
	setitimer(ITIMER_REAL, &every, NULL);
}

static void
command_attach(struct record *rec, pid_t pid)
{
	long options = PTRACE_O_TRACESYSGOOD | PTRACE_O_TRACEFORK | PTRACE_O_TRACEVFORK |
		       PTRACE_O_TRACECLONE | PTRACE_O_TRACEEXEC | PTRACE_O_TRACEEXIT |
		       PTRACE_O_EXITKILL;

	if (ptrace(PTRACE_SEIZE, pid, 0, options) != 0) {
		int code = errno;
		kill(pid, SIGKILL);
		record_die("the kernel does not allow tracing system calls (ptrace: %s)",
			   strerror(code));
	}
	if (!rec->no_faults)
		record_perf_open(rec, pid);
}

static void
record_report(const struct record *rec)
{
	if (rec->lost != 0)
		fprintf(stderr, "tessera record: %" PRIu64 " page faults were lost\n", rec->lost);
	if (rec->unsaid != 0)
		fprintf(stderr,
			"tessera record: %" PRIu64
			" calls had arguments or results that the format cannot say\n",
			rec->unsaid);
	if (WIFEXITED(rec->command_status) && WEXITSTATUS(rec->command_status) != 0)
		fprintf(stderr, "tessera record: the command exited with status %d\n",
			WEXITSTATUS(rec->command_status));
	if (WIFSIGNALED(rec->command_status))
		fprintf(stderr, "tessera record: the command was killed by signal %d\n",
			WTERMSIG(rec->command_status));
}

static int
record_command(struct record *rec, char **argv)
{
	int go[2], failed[2], code;

	if (rec->no_faults)
		record_scan_probe();
	record_open(rec);
	if (pipe(go) != 0 || pipe2(failed, O_CLOEXEC) != 0)
		record_die("pipe: %s", strerror(errno));
	rec->command = fork();
	if (rec->command < 0)
		record_die("fork: %s", strerror(errno));
	if (rec->command == 0) {
		close(go[1]);
		command_become(argv, go[0], failed[1]);
	}
	close(go[0]);
	close(failed[1]);
	command_attach(rec, rec->command);
	alarm_start();
	close(go[1]);
	record_loop(rec);
	if (read(failed[0], &code, sizeof(code)) == sizeof(code))
		record_die("%s: %s", argv[0], strerror(code));
	record_write(rec);
	record_report(rec);
	record_fini(rec);
	return TOOL_OK;
}

int
cmd_record(int argc, char **argv)
{
	static const struct option longs[] = {{"output", required_argument, NULL, 'o'},
					      {"every", required_argument, NULL, 'e'},
					      {"no-faults", no_argument, NULL, 'n'},
					      {"help", no_argument, NULL, 'h'},
					      {NULL, 0, NULL, 0}};
	struct record rec = {.output = NULL};
	char *end;
	int c;

	while ((c = getopt_long(argc, argv, "+o:", longs, NULL)) != -1) {
		switch (c) {
		case 'o':
			rec.output = optarg;
			break;
		case 'e':
			rec.every = (unsigned)strtoul(optarg, &end, 10);
			if (*optarg < '1' || *optarg > '9' || *end != 0 || rec.every == 0)
				return record_complain("--every takes a number from 1 on, not",
						       optarg);
			break;
		case 'n':
			rec.no_faults = true;
			break;
		case 'h':
			record_usage(stdout);
			return TOOL_OK;
		default:
			return record_complain("see `tessera record --help`", NULL);
		}
	}
	if (rec.output == NULL)
		return record_complain("no output file given (-o FILE)", NULL);
	if (optind == argc)
		return record_complain("no command given", NULL);
	return record_command(&rec, argv + optind);
}

#else

int
cmd_record(int argc, char **argv)
{
	(void)argc;
	(void)argv;
	fprintf(stderr, "tessera record: works on Linux x86_64 only\n");
	return TOOL_USAGE;
}

#endif
