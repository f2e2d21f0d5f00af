/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * file.h: files under pagers on the hosted machine: real ones, and generated ones that cost nothing
 * until written.
 *
 *	object ──► tess_host_file_pager ──► disk (counts, delays, fails) ──► a descriptor: pread, pwrite
 *								     └─► or a generator and written pages
 *
 * A file lives until its opener has closed it and no object is attached.
 */
#ifndef TESSERA_HOSTED_FILE_H
#define TESSERA_HOSTED_FILE_H

#include <tessera/types.h>
#include <tessera/object.h>

TESS_BEGIN_DECLS

struct tess_host_file;

enum tess_host_file_mode {
	TESS_HOST_FILE_READ,
	TESS_HOST_FILE_WRITE
};

/* What reached the disk: calls and pages, and how many calls really failed. */
struct tess_host_file_counts {
	uint64_t gets, puts;
	uint64_t pages_in, pages_out;
	uint64_t failed;
};

/*
 * tess_host_file_open: a regular file of this computer, by name.
 * tess_host_file_fd: the same for an open descriptor, which is duplicated.
 * tess_host_file_generated: `size` bytes that tess_host_file_byte() gives; written pages are kept in memory.
 *
 * => NULL with errno set: the file cannot be opened, is no regular file, or memory ran out
 */
struct tess_host_file *tess_host_file_open(const char *path, enum tess_host_file_mode mode);
struct tess_host_file *tess_host_file_fd(int fd, enum tess_host_file_mode mode);
struct tess_host_file *tess_host_file_generated(uint64_t size, uint64_t seed);
uint8_t tess_host_file_byte(uint64_t seed, tess_off off);

/* tess_host_file_close: the opener is done with it. */
void tess_host_file_close(struct tess_host_file *f);

/*
 * tess_host_file_object: a new object over the file, with one reference.
 *
 * => fails: as tess_object_create()
 */
TESS_MUST_CHECK enum tess_err tess_host_file_object(struct tess_host_file *f,
						    struct tess_object **out);
extern const struct tess_pager_ops tess_host_file_pager;

uint64_t tess_host_file_size(struct tess_host_file *f);
/* tess_host_file_read: what the disk holds, zeros beyond the end, past every cache.  OK or EIO. */
TESS_MUST_CHECK enum tess_err tess_host_file_read(struct tess_host_file *f, tess_off off, void *buf,
						  uint64_t len);
struct tess_host_file_counts tess_host_file_counts(struct tess_host_file *f);

/* Each transfer gives the processor away `turns` times first, so that other CPUs run into the busy page. */
void tess_host_file_delay(struct tess_host_file *f, unsigned turns);

TESS_END_DECLS

#endif
