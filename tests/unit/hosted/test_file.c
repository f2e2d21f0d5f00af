/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Files under pagers: real ones and generated ones, through the pager's own operations.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>
#include "hosted_util.h"
#include "file.h"

static const struct tess_pager_ops *const ops = &tess_host_file_pager;
static unsigned char page[2][TESS_PAGE_SIZE];
static void *const in[2] = {page[0], page[1]};
static const void *const out[2] = {page[0], page[1]};

static int
start(void **state)
{
	(void)state;
	util_start(TESS_HOST_X86_64, TESS_HOST_SINGLE, 1, 0, 4);
	return 0;
}

static void
test_generated(void **state)
{
	struct tess_host_file *f = tess_host_file_generated(10000, 42);
	unsigned char some[300];

	(void)state;
	assert_int_equal(tess_host_file_size(f), 10000);
	assert_int_equal(ops->get(f, 1, 2, in), TESS_OK);
	for (unsigned i = 0; i < 2 * TESS_PAGE_SIZE; i++) {
		uint64_t off = TESS_PAGE_SIZE + i;

		assert_int_equal(page[i / TESS_PAGE_SIZE][i % TESS_PAGE_SIZE],
				 off < 10000 ? tess_host_file_byte(42, off) : 0);
	}
	assert_int_equal(tess_host_file_read(f, 4000, some, sizeof(some)), TESS_OK);
	for (unsigned i = 0; i < sizeof(some); i++)
		assert_int_equal(some[i], tess_host_file_byte(42, 4000 + i));
	assert_true(tess_host_file_byte(42, 8) != tess_host_file_byte(43, 8) ||
		    tess_host_file_byte(42, 16) != tess_host_file_byte(43, 16));
	assert_int_equal(tess_host_file_counts(f).pages_in, 2);
	tess_host_file_close(f);
}

static void
test_generated_put(void **state)
{
	struct tess_host_file *f = tess_host_file_generated(1 << 20, 7);
	unsigned char b[2];

	(void)state;
	/* Many pages, so that the table of kept ones grows. */
	for (tess_idx idx = 0; idx < 100; idx++) {
		memset(page[0], (int)idx + 1, TESS_PAGE_SIZE);
		assert_int_equal(ops->put(f, idx * 2, 1, out, 1 << 20), TESS_OK);
	}
	for (tess_idx idx = 0; idx < 200; idx++) {
		assert_int_equal(ops->get(f, idx, 1, in), TESS_OK);
		assert_int_equal(page[0][100],
				 idx & 1 ? tess_host_file_byte(7, idx * TESS_PAGE_SIZE + 100)
					 : idx / 2 + 1);
	}
	/* Bytes at and beyond the object's size are not stored. */
	memset(page[0], 0xee, TESS_PAGE_SIZE);
	assert_int_equal(ops->put(f, 1, 1, out, TESS_PAGE_SIZE + 10), TESS_OK);
	assert_int_equal(tess_host_file_read(f, TESS_PAGE_SIZE + 9, b, 2), TESS_OK);
	assert_int_equal(b[0], 0xee);
	assert_int_equal(b[1], tess_host_file_byte(7, TESS_PAGE_SIZE + 10));
	tess_host_file_close(f);
}

/* What is cut off does not come back. */
static void
test_generated_resize(void **state)
{
	struct tess_host_file *f = tess_host_file_generated(3 * TESS_PAGE_SIZE, 9);

	(void)state;
	memset(page[0], 0x55, TESS_PAGE_SIZE);
	assert_int_equal(ops->put(f, 0, 1, out, 3 * TESS_PAGE_SIZE), TESS_OK);
	assert_int_equal(ops->resize(f, 100), TESS_OK);
	assert_int_equal(tess_host_file_size(f), 100);
	assert_int_equal(ops->resize(f, 3 * TESS_PAGE_SIZE), TESS_OK);
	assert_int_equal(ops->get(f, 0, 2, in), TESS_OK);
	assert_int_equal(page[0][99], 0x55);
	assert_int_equal(page[0][100], 0);
	assert_int_equal(page[1][0], 0);
	tess_host_file_close(f);
}

static void
test_descriptor(void **state)
{
	int fd = memfd_create("test", 0);
	struct tess_host_file *f;
	char b[8];

	(void)state;
	assert_int_equal(pwrite(fd, "abc", 3, 4096), 3);
	f = tess_host_file_fd(fd, TESS_HOST_FILE_WRITE);
	assert_non_null(f);
	assert_int_equal(tess_host_file_size(f), 4099);
	memset(page, 0xff, sizeof(page));
	assert_int_equal(ops->get(f, 1, 2, in), TESS_OK);
	assert_memory_equal(page[0], "abc\0\0", 5);
	assert_int_equal(page[0][4095], 0);
	assert_int_equal(page[1][7], 0);
	memcpy(page[0], "xyz!", 4);
	assert_int_equal(ops->put(f, 1, 1, out, 4098), TESS_OK);
	assert_int_equal(pread(fd, b, 8, 4096), 3);
	assert_memory_equal(b, "xyc", 3);
	assert_int_equal(ops->resize(f, 4097), TESS_OK);
	assert_int_equal(lseek(fd, 0, SEEK_END), 4097);
	close(fd); /* the file has its own */
	assert_int_equal(ops->get(f, 1, 1, in), TESS_OK);
	assert_int_equal(page[0][0], 'x');
	tess_host_file_close(f);
}

static void
test_refused(void **state)
{
	int pipes[2];
	struct tess_host_file *f;
	int fd;

	(void)state;
	errno = 0;
	assert_null(tess_host_file_open("/nonexistent/file", TESS_HOST_FILE_READ));
	assert_int_equal(errno, ENOENT);
	assert_null(tess_host_file_open("/", TESS_HOST_FILE_READ));
	assert_int_equal(errno, EISDIR);
	assert_int_equal(pipe(pipes), 0);
	assert_null(tess_host_file_fd(pipes[0], TESS_HOST_FILE_READ));
	assert_int_equal(errno, ENODEV);
	close(pipes[0]);
	close(pipes[1]);
	assert_null(tess_host_file_fd(-1, TESS_HOST_FILE_READ));
	fd = open("/proc/self/exe", O_RDONLY);
	assert_null(tess_host_file_fd(fd, TESS_HOST_FILE_WRITE));
	assert_int_equal(errno, EACCES);
	f = tess_host_file_fd(fd, TESS_HOST_FILE_READ);
	assert_non_null(f);
	assert_int_equal(ops->get(f, 0, 1, in), TESS_OK);
	assert_memory_equal(page[0], "\177ELF", 4);
	assert_int_equal(ops->put(f, 0, 1, out, 4096), TESS_EIO);
	assert_int_equal(ops->resize(f, 0), TESS_EIO);
	assert_int_equal(tess_host_file_counts(f).failed, 2);
	close(fd);
	tess_host_file_close(f);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup_teardown(test_generated, start, util_stop),
	    cmocka_unit_test_setup_teardown(test_generated_put, start, util_stop),
	    cmocka_unit_test_setup_teardown(test_generated_resize, start, util_stop),
	    cmocka_unit_test_setup_teardown(test_descriptor, start, util_stop),
	    cmocka_unit_test_setup_teardown(test_refused, start, util_stop),
	};

	return cmocka_run_group_tests_name("file", tests, NULL, NULL);
}
