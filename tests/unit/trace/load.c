/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * load.c: trace_load: packed and plain files, and files that are broken.
 */
#include <unistd.h>
#include <zlib.h>

#include "trace_fixture.h"

static char path[] = "/tmp/trace_load_XXXXXX";

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
file_write(const void *data, size_t n)
{
	FILE *f = fopen(path, "wb");

	assert_non_null(f);
	assert_int_equal(fwrite(data, 1, n, f), n);
	assert_int_equal(fclose(f), 0);
}

static size_t
file_read(unsigned char *data, size_t room)
{
	FILE *f = fopen(path, "rb");

	assert_non_null(f);
	size_t n = fread(data, 1, room, f);
	fclose(f);
	return n;
}

static void
text_make(char *text, size_t n)
{
	for (size_t i = 0; i < n; i++)
		text[i] = "0123456789abcdef \n"[(i * 7 + i / 13) % 18];
}

static void
trace_load_plain(void **state)
{
	struct trace t;
	char message[128];

	(void)state;
	file_write("vmtrace 1\n", 10);
	assert_true(trace_load(path, &t, message, sizeof(message)));
	assert_int_equal(t.size, 10);
	assert_memory_equal(t.text, "vmtrace 1\n", 10);
	assert_string_equal(t.name, path);
	trace_unload(&t);
	assert_null(t.text);
	file_write("", 0);
	assert_true(trace_load(path, &t, message, sizeof(message)));
	assert_int_equal(t.size, 0);
	trace_unload(&t);
}

/* Larger than one step of reading, and cut at every kind of place. */
static void
trace_load_packed(void **state)
{
	size_t n = 3000000;
	char *text = malloc(n), message[128];
	unsigned char *packed = malloc(n);
	struct trace t;

	(void)state;
	assert_non_null(text);
	assert_non_null(packed);
	text_make(text, n);
	gzFile f = gzopen(path, "wb");
	assert_int_equal(gzwrite(f, text, (unsigned)n), n);
	assert_int_equal(gzclose(f), Z_OK);
	assert_true(trace_load(path, &t, message, sizeof(message)));
	assert_int_equal(t.size, n);
	assert_memory_equal(t.text, text, n);
	trace_unload(&t);

	size_t size = file_read(packed, n);
	const size_t cuts[] = {size - 1, size - 4, size - 8, size - 9, size / 2, 30};
	for (size_t i = 0; i < sizeof(cuts) / sizeof(cuts[0]); i++) {
		file_write(packed, cuts[i]);
		assert_false(trace_load(path, &t, message, sizeof(message)));
		assert_non_null(strstr(message, "cut short"));
		assert_int_equal(strncmp(message, path, strlen(path)), 0);
	}
	packed[size / 2] ^= 0xff;
	file_write(packed, size);
	assert_false(trace_load(path, &t, message, sizeof(message)));
	free(packed);
	free(text);
}

static void
trace_load_missing(void **state)
{
	struct trace t;
	char message[128];

	(void)state;
	assert_false(trace_load("/nonexistent/trace", &t, message, sizeof(message)));
	assert_string_equal(message, "/nonexistent/trace: No such file or directory");
	assert_false(trace_load("/tmp", &t, message, sizeof(message)));
	assert_string_equal(message, "/tmp: Is a directory");
}

static void
trace_error_print_forms(void **state)
{
	struct trace t = trace_of("");
	struct trace_error e = {.line = 12, .expected = "an address", .found = "zz"};
	char buf[64];

	(void)state;
	trace_error_print(&t, &e, buf, sizeof(buf));
	assert_string_equal(buf, "test:12: expected an address, found 'zz'");
	e.found[0] = 0;
	trace_error_print(&t, &e, buf, sizeof(buf));
	assert_string_equal(buf, "test:12: expected an address");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup_teardown(trace_load_plain, file_make, file_drop),
	    cmocka_unit_test_setup_teardown(trace_load_packed, file_make, file_drop),
	    cmocka_unit_test(trace_load_missing),
	    cmocka_unit_test(trace_error_print_forms),
	};

	return cmocka_run_group_tests_name("trace_load", tests, NULL, NULL);
}
