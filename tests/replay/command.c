/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * command.c: cmd_replay: exit codes, and one line of complaint for each kind of bad input.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <getopt.h>
#include <unistd.h>
#include <cmocka.h>

#include "tessera.h"

#define HEAD "vmtrace 1\narch x86_64\npage 4096\nlost 0\n"
#define EXEC "0 9 exec\n0 area 1000000 1002000 rw-p 0 -\n0 end\n"
#define SNAP "0 snapshot exit\n0 area 1000000 1002000 rw-p 0 -\n0 counts anon 0\n0 end\n"

static char out[8192]; /* what the command said, stdout and stderr together */

static int
command(int argc, const char *const *words)
{
	char *argv[16], name[] = "/tmp/replay_out_XXXXXX";
	int fd = mkstemp(name), old[2] = {dup(1), dup(2)};

	assert_true(fd >= 0);
	for (int i = 0; i < argc; i++)
		argv[i] = (char *)words[i];
	argv[argc] = NULL;
	fflush(NULL);
	dup2(fd, 1);
	dup2(fd, 2);
	optind = 0; /* getopt starts afresh */
	int status = cmd_replay(argc, argv);
	fflush(NULL);
	for (int i = 0; i < 2; i++) {
		dup2(old[i], i + 1);
		close(old[i]);
	}
	ssize_t n = pread(fd, out, sizeof(out) - 1, 0);
	out[n < 0 ? 0 : n] = 0;
	close(fd);
	unlink(name);
	return status;
}

static char path[] = "/tmp/replay_in_XXXXXX";

static int
file_make(void **state)
{
	(void)state;
	memcpy(path + sizeof(path) - 7, "XXXXXX", 6);
	int fd = mkstemp(path);
	return fd < 0 ? -1 : close(fd);
}

static int
file_drop(void **state)
{
	(void)state;
	return unlink(path);
}

static void
file_write(const char *text)
{
	FILE *f = fopen(path, "w");

	assert_non_null(f);
	fputs(text, f);
	fclose(f);
}

static unsigned
lines(void)
{
	unsigned n = 0;

	for (const char *p = out; *p != 0; p++)
		n += *p == '\n';
	return n;
}

#define RUN(...)                                                               \
	command((int)(sizeof((const char *[]){__VA_ARGS__}) / sizeof(char *)), \
		(const char *[]){__VA_ARGS__})

static void
cmd_replay_sound(void **state)
{
	char want[256];

	(void)state;
	file_write(HEAD EXEC SNAP);
	assert_int_equal(RUN("replay", path), TOOL_OK);
	assert_int_equal(lines(), 2);
	snprintf(want, sizeof(want),
		 "%s: 1 snapshots, 0 layouts differ, 0 anon counts differ, 0 results differ, 0 "
		 "faults, 0 calls",
		 path + 5);
	assert_int_equal(strncmp(out, want, strlen(want)), 0);
	assert_int_equal(RUN("replay", "--pmap", "aarch64_hw", "--cpus", "3", "--ram", "64M",
			     "--no-model", "--json", path),
			 TOOL_OK);
	assert_int_equal(lines(), 1);
	assert_non_null(strstr(out, "\"pmap\": \"aarch64_hw\", \"cpus\": 3, \"snapshots\": 1, "
				    "\"layouts_differ\": 0"));
}

static void
cmd_replay_differs(void **state)
{
	(void)state;
	file_write(HEAD EXEC "0 9 fault 1000000 w\n0 9 mprotect 1001000 1000 r-- = 0\n" SNAP);
	assert_int_equal(RUN("replay", "--pmap", "x86_64", path), TOOL_FAILED);
	assert_non_null(strstr(out, "1 layouts differ, 1 anon counts differ, 0 results differ"));
	assert_int_equal(lines(), 1);
	assert_int_equal(RUN("replay", "--verbose", "--pmap", "x86_64", path), TOOL_FAILED);
	assert_non_null(strstr(out, "1000000 1002000 rw-p 0 -"));
	assert_non_null(strstr(out, "| 1000000 1001000 rw-p 0 -"));
	assert_non_null(strstr(out, "recorded 0 anonymous pages, core 1"));
}

static void
cmd_replay_refuses_files(void **state)
{
	char want[128];

	(void)state;
	file_write(HEAD "0 9 exec\n0 area 1000 2000 rw-q 0 -\n0 end\n");
	assert_int_equal(RUN("replay", path), TOOL_USAGE);
	assert_int_equal(lines(), 1);
	snprintf(want, sizeof(want), "%s:6: expected permissions like rw-p or r--s, found 'rw-q'\n",
		 path);
	assert_non_null(strstr(out, want));
	file_write(HEAD EXEC "0 snapshot exit\n0 area 1000 2");
	assert_int_equal(RUN("replay", path), TOOL_USAGE);
	assert_int_equal(lines(), 1);
	assert_int_equal(RUN("replay", "/nonexistent"), TOOL_USAGE);
	assert_string_equal(out, "tessera replay: /nonexistent: No such file or directory\n");
	/* The others are replayed all the same, the worst status counts. */
	file_write(HEAD EXEC SNAP);
	assert_int_equal(RUN("replay", "--pmap", "x86_64", "/nonexistent", path), TOOL_USAGE);
	assert_int_equal(lines(), 2);
}

static void
cmd_replay_refuses_options(void **state)
{
	static const char *const option[][2] = {
	    {"--pmap", "mips"}, {"--cpus", "0"}, {"--cpus", "65"},      {"--cpus", "2x"},
	    {"--cpus", "-1"},   {"--ram", "1M"}, {"--ram", "2000G"},    {"--ram", "64Q"},
	    {"--ram", "64MB"},  {"--ram", ""},   {"--ram", "16777217"},
	};

	(void)state;
	file_write(HEAD EXEC SNAP);
	for (size_t i = 0; i < sizeof(option) / sizeof(option[0]); i++) {
		assert_int_equal(RUN("replay", option[i][0], option[i][1], path), TOOL_USAGE);
		assert_int_equal(lines(), 1);
	}
	assert_int_equal(RUN("replay"), TOOL_USAGE);
	assert_int_equal(lines(), 1);
	assert_int_equal(RUN("replay", "--nonsense", path), TOOL_USAGE);
	assert_int_equal(RUN("replay", "--help"), TOOL_OK);
	assert_non_null(strstr(out, "--pmap"));
}

static void
cmd_replay_small_machine(void **state)
{
	(void)state;
	file_write(HEAD EXEC "0 9 mmap 0 40000000 rw- PRIVATE|ANON - 0 = 20000000\n"
			     "0 9 mlock 20000000 40000000 = 0\n");
	assert_int_equal(RUN("replay", "--ram", "16M", "--pmap", "x86_64", path), TOOL_USAGE);
	assert_non_null(strstr(out, "too little simulated memory"));
	assert_int_equal(lines(), 1);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup_teardown(cmd_replay_sound, file_make, file_drop),
	    cmocka_unit_test_setup_teardown(cmd_replay_differs, file_make, file_drop),
	    cmocka_unit_test_setup_teardown(cmd_replay_refuses_files, file_make, file_drop),
	    cmocka_unit_test_setup_teardown(cmd_replay_refuses_options, file_make, file_drop),
	    cmocka_unit_test_setup_teardown(cmd_replay_small_machine, file_make, file_drop),
	};

	return cmocka_run_group_tests_name("cmd_replay", tests, NULL, NULL);
}
