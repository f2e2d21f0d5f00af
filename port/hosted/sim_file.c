/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * sim_file.c: the pager of file.h, and the disk under it.
 *
 * A generated file is a function of (seed, page): a 64-bit start from a mix of both, and a fixed step from
 * word to word, so a page is made at memory speed and one byte of it needs no page at all:
 *
 *	word i of page p  =  mix(seed + p * golden) + i * golden
 *
 * Written pages are kept in a hash table by page number.  `born` is how much of the file the generator
 * still speaks for: truncation lowers it for good, since bytes of a file that grows again are zero.
 *
 * Every transfer passes file_disk(): it counts and it waits.  Injected failures (TESS_SITE_IO) are the
 * core's to ask for, before it calls a pager; EIO from here is the real one.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include "sim_priv.h"
#include "file.h"

#define FILE_GOLDEN 0x9e3779b97f4a7c15u /* 2^64 / golden ratio */

struct file_page {
	tess_idx idx;
	unsigned char *data; /* NULL: empty slot */
};

/* Key letters: c const, f mutex. */
struct tess_host_file {
	pthread_mutex_t mutex;
	int fd;                              /* c: -1 for a generated file */
	uint64_t seed;                       /* c */
	uint64_t size, born;                 /* f */
	struct file_page *pages;             /* f: [room], a power of two, open addressing */
	size_t room, used;                   /* f */
	unsigned refs;                       /* f: the opener and each object */
	unsigned delay;                      /* A */
	struct tess_host_file_counts counts; /* f */
};

/* ---- The generator ---- */

/* The finaliser of MurmurHash3 (Appleby, public domain): every input bit reaches every output bit. */
static uint64_t
file_mix(uint64_t x)
{
	x = (x ^ x >> 33) * 0xff51afd7ed558ccdu;
	x = (x ^ x >> 33) * 0xc4ceb9fe1a85ec53u;
	return x ^ x >> 33;
}

static uint64_t
file_word(uint64_t seed, tess_off off)
{
	uint64_t page = off >> TESS_PAGE_SHIFT, i = (off & TESS_PAGE_MASK) / 8;

	return file_mix(seed + page * FILE_GOLDEN) + i * FILE_GOLDEN;
}

uint8_t
tess_host_file_byte(uint64_t seed, tess_off off)
{
	return (uint8_t)(file_word(seed, off) >> (off & 7) * 8);
}

/* ---- Written pages of a generated file ---- */

static struct file_page *
file_slot(struct file_page *pages, size_t room, tess_idx idx)
{
	size_t i = (size_t)file_mix(idx) & (room - 1);

	while (pages[i].data != NULL && pages[i].idx != idx)
		i = (i + 1) & (room - 1);
	return &pages[i];
}

static bool
file_grow(struct tess_host_file *f)
{
	size_t room = f->room ? f->room * 2 : 16;
	struct file_page *pages = calloc(room, sizeof(*pages));

	if (pages == NULL)
		return false;
	for (size_t i = 0; i < f->room; i++)
		if (f->pages[i].data != NULL)
			*file_slot(pages, room, f->pages[i].idx) = f->pages[i];
	free(f->pages);
	f->pages = pages;
	f->room = room;
	return true;
}

static unsigned char *
file_find(struct tess_host_file *f, tess_idx idx)
{
	return f->room ? file_slot(f->pages, f->room, idx)->data : NULL;
}

/* The page as it is now, from wherever.  => f */
static void
file_page_get(struct tess_host_file *f, tess_idx idx, unsigned char *to)
{
	uint64_t start = idx << TESS_PAGE_SHIFT, n = 0;
	unsigned char *kept = file_find(f, idx);

	if (kept != NULL) {
		memcpy(to, kept, TESS_PAGE_SIZE);
		return;
	}
	if (f->born > start)
		n = f->born - start < TESS_PAGE_SIZE ? f->born - start : TESS_PAGE_SIZE;
	for (uint64_t i = 0; i < n; i += 8) {
		uint64_t w = file_word(f->seed, start + i);

		memcpy(to + i, &w, 8);
	}
	memset(to + n, 0, TESS_PAGE_SIZE - n);
}

/* A kept copy of the page, to be changed.  NULL: no memory.  => f */
static unsigned char *
file_keep(struct tess_host_file *f, tess_idx idx)
{
	unsigned char *data = file_find(f, idx);

	if (data != NULL)
		return data;
	if (f->used * 2 >= f->room && !file_grow(f))
		return NULL;
	data = malloc(TESS_PAGE_SIZE);
	if (data == NULL)
		return NULL;
	file_page_get(f, idx, data);
	*file_slot(f->pages, f->room, idx) = (struct file_page){idx, data};
	f->used++;
	return data;
}

/* ---- The disk ---- */

enum file_way {
	FILE_GET,
	FILE_PUT
};

static void
file_disk(struct tess_host_file *f, enum file_way way, unsigned pages)
{
	struct tess_host *h = tess_hosted.host;
	unsigned delay = tess_load_relaxed(&f->delay);

	if (delay != 0 && h != NULL && h->threads) {
		tess_host_offline(h);
		for (unsigned i = 0; i < delay; i++)
			sched_yield();
		tess_host_online(h);
	}
	pthread_mutex_lock(&f->mutex);
	if (way == FILE_GET) {
		f->counts.gets++;
		f->counts.pages_in += pages;
	} else {
		f->counts.puts++;
		f->counts.pages_out += pages;
	}
	pthread_mutex_unlock(&f->mutex);
}

static enum tess_err
file_done(struct tess_host_file *f, enum tess_err err)
{
	if (err != TESS_OK) {
		pthread_mutex_lock(&f->mutex);
		f->counts.failed++;
		pthread_mutex_unlock(&f->mutex);
	}
	return err;
}

/* A page from the descriptor; zeros beyond its end. */
static enum tess_err
file_fd_get(struct tess_host_file *f, tess_idx idx, unsigned char *to)
{
	size_t done = 0;

	while (done < TESS_PAGE_SIZE) {
		ssize_t n = pread(f->fd, to + done, TESS_PAGE_SIZE - done,
				  (off_t)((idx << TESS_PAGE_SHIFT) + done));

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return TESS_EIO;
		if (n == 0)
			break;
		done += (size_t)n;
	}
	memset(to + done, 0, TESS_PAGE_SIZE - done);
	return TESS_OK;
}

static enum tess_err
file_fd_put(struct tess_host_file *f, tess_off off, const unsigned char *from, size_t len)
{
	while (len != 0) {
		ssize_t n = pwrite(f->fd, from, len, (off_t)off);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return TESS_EIO;
		off += (size_t)n;
		from += n;
		len -= (size_t)n;
	}
	return TESS_OK;
}

static enum tess_err
file_page_in(struct tess_host_file *f, tess_idx idx, unsigned char *to)
{
	enum tess_err err = TESS_OK;

	pthread_mutex_lock(&f->mutex);
	if (f->fd >= 0)
		err = file_fd_get(f, idx, to);
	else
		file_page_get(f, idx, to);
	pthread_mutex_unlock(&f->mutex);
	return err;
}

static enum tess_err
file_get(void *backing, tess_idx idx, unsigned n, void *const *data)
{
	struct tess_host_file *f = backing;
	enum tess_err err = TESS_OK;

	file_disk(f, FILE_GET, n);
	for (unsigned i = 0; i < n && err == TESS_OK; i++)
		err = file_page_in(f, idx + i, data[i]);
	return file_done(f, err);
}

/* A page as DMA reads it: word by word, while CPUs may be storing to it. */
static void
file_page_read(uint64_t to[TESS_PAGE_SIZE / 8], const void *page)
{
	const uint64_t *from = page;

	for (size_t i = 0; i < TESS_PAGE_SIZE / 8; i++)
		to[i] = tess_load_relaxed(&from[i]);
}

/* The first `len` bytes of a page reach the disk. */
static enum tess_err
file_page_out(struct tess_host_file *f, tess_idx idx, const void *page, size_t len)
{
	uint64_t words[TESS_PAGE_SIZE / 8];
	const unsigned char *from = (const unsigned char *)words;
	enum tess_err err = TESS_OK;
	unsigned char *kept;

	file_page_read(words, page);
	pthread_mutex_lock(&f->mutex);
	if (f->fd >= 0)
		err = file_fd_put(f, idx << TESS_PAGE_SHIFT, from, len);
	else if ((kept = file_keep(f, idx)) != NULL)
		memcpy(kept, from, len);
	else
		err = TESS_EIO;
	if (err == TESS_OK && f->size < (idx << TESS_PAGE_SHIFT) + len)
		f->size = (idx << TESS_PAGE_SHIFT) + len;
	pthread_mutex_unlock(&f->mutex);
	return err;
}

static enum tess_err
file_put(void *backing, tess_idx idx, unsigned n, const void *const *data, uint64_t size)
{
	struct tess_host_file *f = backing;
	enum tess_err err = TESS_OK;

	file_disk(f, FILE_PUT, n);
	for (unsigned i = 0; i < n && err == TESS_OK; i++) {
		uint64_t start = (idx + i) << TESS_PAGE_SHIFT;
		uint64_t len = size > start ? size - start : 0;

		if (len > TESS_PAGE_SIZE)
			len = TESS_PAGE_SIZE;
		if (len != 0)
			err = file_page_out(f, idx + i, data[i], (size_t)len);
	}
	return file_done(f, err);
}

/* Forget what lies beyond the end, so that it is zero if the file grows again.  => f */
static void
file_cut(struct tess_host_file *f, uint64_t size)
{
	if (f->born > size)
		f->born = size;
	for (size_t i = 0; i < f->room; i++) {
		uint64_t start = f->pages[i].idx << TESS_PAGE_SHIFT;

		if (f->pages[i].data == NULL || start + TESS_PAGE_SIZE <= size)
			continue;
		/* The slot stays, as a page of zeros: emptying it would break probe chains. */
		memset(f->pages[i].data + (start < size ? size - start : 0), 0,
		       TESS_PAGE_SIZE - (start < size ? size - start : 0));
	}
}

static enum tess_err
file_resize(void *backing, uint64_t size)
{
	struct tess_host_file *f = backing;
	enum tess_err err = TESS_OK;

	pthread_mutex_lock(&f->mutex);
	if (f->fd >= 0 && ftruncate(f->fd, (off_t)size) != 0)
		err = TESS_EIO;
	if (err == TESS_OK) {
		file_cut(f, size);
		f->size = size;
	}
	pthread_mutex_unlock(&f->mutex);
	return file_done(f, err);
}

/* ---- Life ---- */

static void
file_unref(struct tess_host_file *f)
{
	unsigned left;

	pthread_mutex_lock(&f->mutex);
	left = --f->refs;
	pthread_mutex_unlock(&f->mutex);
	if (left != 0)
		return;
	if (f->fd >= 0)
		close(f->fd);
	for (size_t i = 0; i < f->room; i++)
		free(f->pages[i].data);
	free(f->pages);
	pthread_mutex_destroy(&f->mutex);
	free(f);
}

static void
file_detach(void *backing)
{
	file_unref(backing);
}

const struct tess_pager_ops tess_host_file_pager = {
    .name = "host file",
    .get = file_get,
    .put = file_put,
    .resize = file_resize,
    .detach = file_detach,
};

static struct tess_host_file *
file_new(int fd, uint64_t size, uint64_t seed)
{
	struct tess_host_file *f = calloc(1, sizeof(*f));

	if (f == NULL)
		return NULL;
	pthread_mutex_init(&f->mutex, NULL);
	f->fd = fd;
	f->seed = seed;
	f->size = size;
	f->born = size;
	f->refs = 1;
	return f;
}

/* Takes the descriptor over, also when it fails. */
static struct tess_host_file *
file_over(int fd)
{
	struct tess_host_file *f = NULL;
	struct stat st;
	int err;

	if (fd < 0)
		return NULL;
	if (fstat(fd, &st) == 0) {
		if (S_ISREG(st.st_mode))
			f = file_new(fd, (uint64_t)st.st_size, 0);
		else
			errno = S_ISDIR(st.st_mode) ? EISDIR : ENODEV;
	}
	if (f == NULL) {
		err = errno;
		close(fd);
		errno = err;
	}
	return f;
}

struct tess_host_file *
tess_host_file_open(const char *path, enum tess_host_file_mode mode)
{
	int flags = mode == TESS_HOST_FILE_WRITE ? O_RDWR : O_RDONLY;

	return file_over(open(path, flags | O_CLOEXEC | O_NONBLOCK));
}

struct tess_host_file *
tess_host_file_fd(int fd, enum tess_host_file_mode mode)
{
	int flags = fcntl(fd, F_GETFL);

	if (flags < 0)
		return NULL;
	if ((flags & O_ACCMODE) == O_WRONLY ||
	    (mode == TESS_HOST_FILE_WRITE && (flags & O_ACCMODE) != O_RDWR)) {
		errno = EACCES;
		return NULL;
	}
	return file_over(fcntl(fd, F_DUPFD_CLOEXEC, 0));
}

struct tess_host_file *
tess_host_file_generated(uint64_t size, uint64_t seed)
{
	return file_new(-1, size, seed);
}

void
tess_host_file_close(struct tess_host_file *f)
{
	file_unref(f);
}

enum tess_err
tess_host_file_object(struct tess_host_file *f, struct tess_object **out)
{
	enum tess_err err;

	pthread_mutex_lock(&f->mutex);
	f->refs++; /* file_detach() takes it back */
	pthread_mutex_unlock(&f->mutex);
	err = tess_object_create(&tess_host_file_pager, f, tess_host_file_size(f), out);
	if (err != TESS_OK)
		file_unref(f);
	return err;
}

uint64_t
tess_host_file_size(struct tess_host_file *f)
{
	uint64_t size;

	pthread_mutex_lock(&f->mutex);
	size = f->size;
	pthread_mutex_unlock(&f->mutex);
	return size;
}

enum tess_err
tess_host_file_read(struct tess_host_file *f, tess_off off, void *buf, uint64_t len)
{
	unsigned char page[TESS_PAGE_SIZE], *to = buf;

	while (len != 0) {
		uint64_t at = off & TESS_PAGE_MASK, n = TESS_PAGE_SIZE - at;
		enum tess_err err = file_page_in(f, off >> TESS_PAGE_SHIFT, page);

		if (err != TESS_OK)
			return err;
		if (n > len)
			n = len;
		memcpy(to, page + at, n);
		off += n;
		to += n;
		len -= n;
	}
	return TESS_OK;
}

struct tess_host_file_counts
tess_host_file_counts(struct tess_host_file *f)
{
	struct tess_host_file_counts c;

	pthread_mutex_lock(&f->mutex);
	c = f->counts;
	pthread_mutex_unlock(&f->mutex);
	return c;
}

void
tess_host_file_delay(struct tess_host_file *f, unsigned turns)
{
	tess_store_relaxed(&f->delay, turns);
}
