/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * standalone.c: a main() for a fuzz target without an engine: runs the files, and the files of the directories,
 * that are its arguments.  For gcc, valgrind, debuggers, and for replaying seeds and past findings as a plain
 * test.  Prints TAP, a point an input; an input that fails ends the process, as it would under an engine.
 */
#include <dirent.h>
#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define INPUT_MOST (1 << 20)

static unsigned points, failures;

static void
standalone_point(const char *path, const char *why)
{
	printf("%sok %u - %s%s%s\n", why == NULL ? "" : "not ", ++points, path,
	       why == NULL ? "" : ": ", why == NULL ? "" : why);
	fflush(stdout);
	failures += why != NULL;
}

static void
standalone_file(const char *path)
{
	static uint8_t data[INPUT_MOST];
	FILE *f = fopen(path, "rb");
	size_t n;

	if (f == NULL) {
		standalone_point(path, strerror(errno));
		return;
	}
	n = fread(data, 1, sizeof(data), f);
	if (ferror(f)) {
		standalone_point(path, "cannot be read");
	} else {
		(void)LLVMFuzzerTestOneInput(data, n);
		standalone_point(path, NULL);
	}
	fclose(f);
}

static int
standalone_visible(const struct dirent *e)
{
	return e->d_name[0] != '.';
}

static void
standalone_directory(const char *path)
{
	struct dirent **names;
	int n = scandir(path, &names, standalone_visible, alphasort);

	if (n < 0) {
		standalone_point(path, strerror(errno));
		return;
	}
	for (int i = 0; i < n; i++) {
		size_t len = strlen(path) + strlen(names[i]->d_name) + 2;
		char *file = malloc(len);

		if (file == NULL)
			abort();
		snprintf(file, len, "%s/%s", path, names[i]->d_name);
		standalone_file(file);
		free(file);
		free(names[i]);
	}
	free(names);
}

int
main(int argc, char **argv)
{
	struct stat st;

	if (argc < 2) {
		fprintf(stderr, "usage: %s FILE|DIRECTORY...\n", argv[0]);
		return 2;
	}
	for (int i = 1; i < argc; i++) {
		if (stat(argv[i], &st) != 0)
			standalone_point(argv[i], strerror(errno));
		else if (S_ISDIR(st.st_mode))
			standalone_directory(argv[i]);
		else
			standalone_file(argv[i]);
	}
	printf("1..%u\n", points);
	return failures != 0 || points == 0;
}
