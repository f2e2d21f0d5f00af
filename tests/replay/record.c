/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * record.c: cmd_record: what it writes replays without a difference; what it cannot do leaves nothing.
 *
 * Recording needs rights that not every machine gives; a test says so and is skipped then.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <fcntl.h>
#include <getopt.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>
#include <cmocka.h>

#include "tessera.h"

static char dir[] = "/tmp/record_XXXXXX";
static char out[8192]; /* what was said */

static int
dir_make(void **state)
{
	(void)state;
	memcpy(dir + sizeof(dir) - 7, "XXXXXX", 6);
	return mkdtemp(dir) == NULL || chdir(dir) != 0 ? -1 : 0;
}

/* Nothing but what the tests know may be left. */
static int
dir_drop(void **state)
{
	(void)state;
	unlink("t.vmt");
	unlink("t.vmt.gz");
	unlink("said");
	return chdir("/") != 0 ? -1 : rmdir(dir);
}

/* In a process of its own: the recorder exits where it cannot go on. */
static int
command(int (*run)(int, char **), const char *const *words)
{
	char *argv[16];
	int n = 0, status;

	for (; words[n] != NULL; n++)
		argv[n] = (char *)words[n];
	argv[n] = NULL;
	fflush(NULL);
	pid_t pid = fork();
	if (pid == 0) {
		int fd = open("said", O_RDWR | O_CREAT | O_TRUNC, 0600);
		dup2(fd, 1);
		dup2(fd, 2);
		optind = 0;
		status = run(n, argv);
		fflush(NULL);
		_exit(status);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status));
	int fd = open("said", O_RDONLY);
	ssize_t len = read(fd, out, sizeof(out) - 1);
	out[len < 0 ? 0 : len] = 0;
	close(fd);
	return WEXITSTATUS(status);
}

#define RUN(f, ...) command(f, (const char *[]){__VA_ARGS__, NULL})

/* Record, then replay; skipped where the system forbids it. */
static void
there_and_back(const char *mode, const char *file, const char *script)
{
	int status = RUN(cmd_record, "record", "-o", file, "--every", "7", mode, "--", "/bin/sh",
			 "-c", script);

	if (status == TOOL_USAGE) {
		assert_non_null(strstr(out, "tessera record: "));
		print_message("# %s", out);
		assert_int_equal(access(file, F_OK), -1);
		skip();
	}
	assert_int_equal(status, TOOL_OK);
	assert_int_equal(RUN(cmd_replay, "replay", "--pmap", "x86_64", file), TOOL_OK);
	if (strstr(out, ", 0 layouts differ, 0 anon counts differ, 0 results differ") == NULL)
		fail_msg("%s", out);
	assert_null(strstr(out, ": 0 snapshots"));
}

static const char script[] =
    "i=0; while [ $i -lt 50 ]; do i=$((i+1)); done; (echo a; echo b) | sort";

static void
cmd_record_faults(void **state)
{
	(void)state;
	there_and_back("--every=5", "t.vmt.gz", script);
}

static void
cmd_record_no_faults(void **state)
{
	(void)state;
	there_and_back("--no-faults", "t.vmt", script);
}

static void
cmd_record_refuses(void **state)
{
	(void)state;
	assert_int_equal(RUN(cmd_record, "record", "true"), TOOL_USAGE);
	assert_string_equal(out, "tessera record: no output file given (-o FILE)\n");
	assert_int_equal(RUN(cmd_record, "record", "-o", "t.vmt"), TOOL_USAGE);
	assert_string_equal(out, "tessera record: no command given\n");
	assert_int_equal(RUN(cmd_record, "record", "-o", "t.vmt", "--every", "0", "true"),
			 TOOL_USAGE);
	assert_int_equal(RUN(cmd_record, "record", "-o", "t.vmt", "--every", "-1", "true"),
			 TOOL_USAGE);
	assert_int_equal(RUN(cmd_record, "record", "-o", "nowhere/t.vmt", "true"), TOOL_USAGE);
	assert_int_equal(RUN(cmd_record, "record", "-o", "t.vmt", "--no-faults", "./nothing"),
			 TOOL_USAGE);
	assert_int_equal(access("t.vmt", F_OK), -1);
	assert_int_equal(RUN(cmd_record, "record", "--help"), TOOL_OK);
}

/* A file that was there stays as it was when recording fails. */
static void
cmd_record_keeps_old_file(void **state)
{
	char byte;

	(void)state;
	int fd = open("t.vmt", O_RDWR | O_CREAT, 0600);
	assert_int_equal(write(fd, "x", 1), 1);
	assert_int_equal(RUN(cmd_record, "record", "-o", "t.vmt", "--no-faults", "./nothing"),
			 TOOL_USAGE);
	assert_int_equal(pread(fd, &byte, 1, 0), 1);
	assert_int_equal(byte, 'x');
	close(fd);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup_teardown(cmd_record_faults, dir_make, dir_drop),
	    cmocka_unit_test_setup_teardown(cmd_record_no_faults, dir_make, dir_drop),
	    cmocka_unit_test_setup_teardown(cmd_record_refuses, dir_make, dir_drop),
	    cmocka_unit_test_setup_teardown(cmd_record_keeps_old_file, dir_make, dir_drop),
	};

	return cmocka_run_group_tests_name("cmd_record", tests, NULL, NULL);
}
