/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * command.c: cmd_run, cmd_dump, cmd_convert: what they print, exit codes, one line of complaint for bad input.
 *
 * The files beside this one are what is expected, to the byte.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <dirent.h>
#include <getopt.h>
#include <unistd.h>
#include <cmocka.h>

#include "load.h"
#include "mem.h"
#include "program.h"
#include "tessera.h"

#define OUT_MOST ((size_t)1 << 20)

static char *out; /* what the command said, stdout and stderr together */

static size_t
slurp(const char *path, char *buf)
{
	FILE *f = fopen(path, "rb");
	size_t n;

	if (f == NULL)
		fail_msg("%s is not there", path);
	n = fread(buf, 1, OUT_MOST - 1, f);
	fclose(f);
	buf[n] = 0;
	return n;
}

/* Runs a subcommand on words that end with a NULL; its exit status. */
static int
command(int (*cmd)(int argc, char **argv), const char *const *words)
{
	char *argv[16], name[] = "/tmp/command_out_XXXXXX";
	int fd = mkstemp(name), old[2] = {dup(1), dup(2)}, argc = 0, status;

	assert_true(fd >= 0);
	for (; words[argc] != NULL; argc++)
		argv[argc] = (char *)(uintptr_t)words[argc];
	argv[argc] = NULL;
	fflush(NULL);
	dup2(fd, 1);
	dup2(fd, 2);
	optind = 0; /* getopt starts afresh */
	status = cmd(argc, argv);
	fflush(NULL);
	for (int i = 0; i < 2; i++) {
		dup2(old[i], i + 1);
		close(old[i]);
	}
	close(fd);
	slurp(name, out);
	unlink(name);
	return status;
}

#define COMMAND(cmd, ...) command(cmd, (const char *const[]){__VA_ARGS__, NULL})

static char *golden;

/* Is what the command said what the file beside this one holds? */
static void
same_as(const char *file)
{
	char path[512];

	snprintf(path, sizeof(path), "%s/%s", COMMAND_DIR, file);
	slurp(path, golden);
	if (strcmp(out, golden) != 0)
		fail_msg("%s: expected\n%s\nfound\n%s", file, golden, out);
}

static char text_path[] = "/tmp/command_in_XXXXXX";

/* A file with this text; the one before is gone. */
static const char *
text_file(const void *text, size_t len)
{
	FILE *f = fopen(text_path, "wb");

	assert_non_null(f);
	assert_int_equal(fwrite(text, 1, len, f), len);
	fclose(f);
	return text_path;
}

static const char *
text(const char *s)
{
	return text_file(s, strlen(s));
}

static void
says(const char *part)
{
	if (strstr(out, part) == NULL)
		fail_msg("\"%s\" is not in\n%s", part, out);
}

#define SPACES COMMAND_DIR "/two_spaces.prog"

/* ---- run ---- */

static bool
modelled(const char *path)
{
	struct program p;
	bool all = true;

	program_init(&p, &mem_malloc);
	assert_true(load_program("run", path, &p));
	for (uint32_t i = 0; i < p.n; i++)
		all = all && program_modelled((enum program_call)p.op[i].call);
	program_fini(&p);
	return all;
}

static void
run_programs(void **state)
{
	static const char *const isa[] = {"x86_64", "aarch64"};
	struct dirent *d;
	DIR *dir = opendir(COMMAND_DIR);
	unsigned n = 0;

	(void)state;
	assert_non_null(dir);
	while ((d = readdir(dir)) != NULL) {
		char path[512], file[300];
		size_t len = strlen(d->d_name);

		if (len < 5 || strcmp(d->d_name + len - 4, ".out") != 0)
			continue;
		snprintf(file, sizeof(file), "%s", d->d_name);
		snprintf(path, sizeof(path), "%s/%.*s.prog", COMMAND_DIR, (int)len - 4, file);
		for (unsigned i = 0; i < 2; i++) {
			const char *model = modelled(path) ? "--model" : "--check";

			if (COMMAND(cmd_run, "run", "--check", model, "--pmap", isa[i], path) != 0)
				fail_msg("%s: %s", path, out);
			same_as(file);
		}
		n++;
	}
	closedir(dir);
	assert_in_range(n, 1, 1000);
}

static void
run_refuses(void **state)
{
	(void)state;
	assert_int_equal(COMMAND(cmd_run, "run", "--model", text("fork()\nquota(ENTRIES, 5)\n")),
			 TOOL_USAGE);
	says(":2: quota is not in the model; the program runs without --model\n");
	assert_int_equal(COMMAND(cmd_run, "run", text_path), TOOL_OK);
	assert_int_equal(COMMAND(cmd_run, "run", text("munmap(1)\n")), TOOL_USAGE);
	says(":1: expected \",\" and another argument");
	assert_int_equal(COMMAND(cmd_run, "run", "--pmap", "vax", text_path), TOOL_USAGE);
	says("expected x86_64 or aarch64, found \"vax\"");
	assert_int_equal(COMMAND(cmd_run, "run", "--cpus", "65", text_path), TOOL_USAGE);
	says("expected 1 to 64, found \"65\"");
	assert_int_equal(COMMAND(cmd_run, "run", "/nowhere/x"), TOOL_USAGE);
	says("/nowhere/x: No such file or directory");
	assert_int_equal(COMMAND(cmd_run, "run"), TOOL_USAGE);
}

/* ---- dump ---- */

static void
dump_listings(void **state)
{
	(void)state;
	assert_int_equal(COMMAND(cmd_dump, "dump", SPACES), TOOL_OK);
	same_as("two_spaces.maps");
	assert_int_equal(COMMAND(cmd_dump, "dump", "--maps", "--pmap", "aarch64", SPACES), TOOL_OK);
	same_as("two_spaces.maps");
	assert_int_equal(COMMAND(cmd_dump, "dump", "--smaps", SPACES), TOOL_OK);
	same_as("two_spaces.smaps");
}

static void
dump_drawing(void **state)
{
	(void)state;
	assert_int_equal(COMMAND(cmd_dump, "dump", "--svg", "-", SPACES), TOOL_OK);
	same_as("two_spaces.svg");
	assert_int_equal(COMMAND(cmd_dump, "dump", "--svg", text_path, SPACES), TOOL_OK);
	slurp(text_path, out);
	same_as("two_spaces.svg");
	assert_int_equal(COMMAND(cmd_dump, "dump", "--svg", "/nowhere/x", SPACES), TOOL_USAGE);
	says("tessera dump: /nowhere/x: No such file or directory");
}

static void
dump_part(void **state)
{
	(void)state;
	assert_int_equal(COMMAND(cmd_dump, "dump", "--line", "4", SPACES), TOOL_OK);
	assert_string_equal(out, "10000000-10006000 rw-p 1000 a<b&c\n");
	assert_int_equal(COMMAND(cmd_dump, "dump", "--space", "1", SPACES), TOOL_OK);
	says("space 1\n");
	assert_null(strstr(out, "space 0\n"));
	assert_int_equal(COMMAND(cmd_dump, "dump", "--space", "2", SPACES), TOOL_USAGE);
	says("there is no space 2\n");
	assert_int_equal(COMMAND(cmd_dump, "dump", text("exit()\n")), TOOL_USAGE);
	says("no space is left\n");
	assert_int_equal(COMMAND(cmd_dump, "dump", "--line", "0", SPACES), TOOL_USAGE);
	says("--line: expected a number from 1, found \"0\"");
	assert_int_equal(COMMAND(cmd_dump, "dump", "--space", "-1", SPACES), TOOL_USAGE);
	says("--space: expected a number from 0, found \"-1\"");
	assert_int_equal(COMMAND(cmd_dump, "dump"), TOOL_USAGE);
	assert_int_equal(COMMAND(cmd_dump, "dump", "--help"), TOOL_OK);
	says("usage: tessera dump ");
}

/* ---- convert ---- */

static void
convert_there_and_back(void **state)
{
	static const unsigned char bytes[] = {0xc0, 7,    0x20, 3, 0, 4, 0, 1, 0, 0,
					      8,    0,    1,    0,                   /* mmap */
					      6,    0xc0, 1,    0, 0, 0, 0, 0, 0, 9, /* store */
					      0xc5, 4,    0,    1, 0, 0, 0, 0, 0, 0};
	static char first[4096];

	(void)state;
	text_file(bytes, sizeof(bytes));
	assert_int_equal(COMMAND(cmd_convert, "convert", text_path), TOOL_OK);
	says("# --pmap x86_64 --cpus 4 --seed 7\npersonality linux\n");
	says("mimmutable(0x10004000, 0x2000)\n");
	snprintf(first, sizeof(first), "%s", out);
	text(first);
	assert_int_equal(COMMAND(cmd_convert, "convert", "--bytes", "--cpus", "4", "--seed", "7",
				 "--output", text_path, text_path),
			 TOOL_OK);
	assert_string_equal(out, "");
	assert_int_equal(COMMAND(cmd_convert, "convert", text_path), TOOL_OK);
	assert_string_equal(out, first);
}

static void
convert_refuses(void **state)
{
	(void)state;
	text("setrlimit(RLIMIT_MEMLOCK, 0x10000)\nmunmap(0x12345, 0x3000)\n");
	assert_int_equal(COMMAND(cmd_convert, "convert", "--bytes", text_path), TOOL_USAGE);
	says(":2: no bytes make this call: munmap(0x12345, 0x3000)\n");
	assert_int_equal(COMMAND(cmd_convert, "convert", "--bytes", text("fork()\n")), TOOL_USAGE);
	says("a program of bytes begins with setrlimit(RLIMIT_MEMLOCK, ...)");
	assert_int_equal(COMMAND(cmd_convert, "convert", "--bytes", text("frk()\n")), TOOL_USAGE);
	says(":1: expected a call");
	assert_int_equal(COMMAND(cmd_convert, "convert", "--seed", "256", text_path), TOOL_USAGE);
	says("--seed: expected 0 to 255, found \"256\"");
	assert_int_equal(COMMAND(cmd_convert, "convert", "--output", "/nowhere/x", text_path),
			 TOOL_USAGE);
	says("cannot write /nowhere/x");
	assert_int_equal(COMMAND(cmd_convert, "convert"), TOOL_USAGE);
}

static int
set_up(void **state)
{
	int fd = mkstemp(text_path);

	(void)state;
	out = malloc(OUT_MOST);
	golden = malloc(OUT_MOST);
	return fd < 0 || out == NULL || golden == NULL ? -1 : close(fd);
}

static int
tear_down(void **state)
{
	(void)state;
	free(out);
	free(golden);
	return unlink(text_path);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(run_programs),    cmocka_unit_test(run_refuses),
	    cmocka_unit_test(dump_listings),   cmocka_unit_test(dump_drawing),
	    cmocka_unit_test(dump_part),       cmocka_unit_test(convert_there_and_back),
	    cmocka_unit_test(convert_refuses),
	};

	return cmocka_run_group_tests(tests, set_up, tear_down);
}
