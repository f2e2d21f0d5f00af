/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * stress_files.c: a file under many CPUs: fetched once, written through, written back, private copies apart.
 *
 *	every CPU reads every page at once   ──► each page was fetched exactly once
 *	each CPU writes its pages (shared)   ──► every CPU sees them; what was written privately, nobody
 *	msync, then drop them from memory    ──► the backing has them; they come back from there
 *
 * The backing is an array of pages; it counts what the core asks of it and refuses what may not be: two
 * operations on one page at the same time.
 */
#include <tessera/port.h>
#include "bare.h"
#include "stress.h"

#define FILES_PAGES   32
#define FILES_SHARED  ((tess_va)0x400000000000)
#define FILES_PRIVATE ((tess_va)0x400001000000)

static struct {
	uint64_t data[FILES_PAGES][TESS_PAGE_SIZE / 8];
	uint32_t busy[FILES_PAGES]; /* A: an operation is in progress */
	uint32_t gets[FILES_PAGES]; /* A */
	uint32_t detached;          /* A */
	struct tess_handle handle;
	struct tess_space *space;
	struct bare_barrier barrier;
	uint64_t rounds;
} files;

static void
files_begin(tess_idx idx)
{
	stress_require(idx < FILES_PAGES && tess_add_acqrel(&files.busy[idx % FILES_PAGES], 1) == 0,
		       "two pager operations on one page at once", idx, 0);
}

static void
files_end(tess_idx idx)
{
	tess_sub_acqrel(&files.busy[idx % FILES_PAGES], 1);
}

static enum tess_err
files_get(void *backing, tess_idx idx, unsigned n, void *const *data)
{
	(void)backing;
	for (unsigned i = 0; i < n; i++) {
		if (idx + i >= FILES_PAGES) {
			tess_port_page_clear(data[i]);
			continue;
		}
		files_begin(idx + i);
		tess_add_relaxed(&files.gets[idx + i], 1);
		tess_port_page_copy(data[i], files.data[idx + i]);
		files_end(idx + i);
	}
	return TESS_OK;
}

static enum tess_err
files_put(void *backing, tess_idx idx, unsigned n, const void *const *data, uint64_t size)
{
	(void)backing, (void)size;
	for (unsigned i = 0; i < n && idx + i < FILES_PAGES; i++) {
		files_begin(idx + i);
		tess_port_page_copy(files.data[idx + i], data[i]);
		files_end(idx + i);
	}
	return TESS_OK;
}

static enum tess_err
files_resize(void *backing, uint64_t size)
{
	(void)backing, (void)size;
	return TESS_EIO; /* this file keeps its size */
}

static void
files_detach(void *backing)
{
	(void)backing;
	tess_add_relaxed(&files.detached, 1);
}

static const struct tess_pager_ops files_pager = {
    .name = "stress",
    .get = files_get,
    .put = files_put,
    .resize = files_resize,
    .detach = files_detach,
};

/* What page p holds in round r: as found, and as its CPU leaves it. */
static uint64_t
files_old(uint64_t r, unsigned p)
{
	return (uint64_t)0xf11e << 48 | r << 16 | p;
}

static uint64_t
files_new(uint64_t r, unsigned p)
{
	return files_old(r, p) | (uint64_t)1 << 40;
}

static void
files_open(uint64_t r)
{
	struct tess_mmap_args a = {.len = FILES_PAGES * TESS_PAGE_SIZE,
				   .prot = TESS_PROT_READ | TESS_PROT_WRITE};
	tess_va got;

	for (unsigned p = 0; p < FILES_PAGES; p++) {
		files.data[p][0] = files_old(r, p);
		files.gets[p] = 0;
	}
	if (tess_object_create(&files_pager, &files, a.len, &files.handle.object) != TESS_OK)
		tess_port_panic("stress: no memory for a file");
	files.handle.kind = TESS_HANDLE_FILE;
	files.handle.mode = TESS_MODE_READ | TESS_MODE_WRITE;
	a.handle = files.handle;
	a.addr = FILES_SHARED;
	a.flags = TESS_MAP_SHARED | TESS_MAP_FIXED;
	stress_require(tess_mmap(files.space, &a, &got) == TESS_OK, "mmap failed", a.addr, r);
	a.addr = FILES_PRIVATE;
	a.flags = TESS_MAP_PRIVATE | TESS_MAP_FIXED;
	stress_require(tess_mmap(files.space, &a, &got) == TESS_OK, "mmap failed", a.addr, r);
}

static void
files_close(uint64_t r)
{
	uint64_t len = FILES_PAGES * TESS_PAGE_SIZE;

	stress_require(tess_munmap(files.space, FILES_SHARED, len) == TESS_OK &&
			   tess_munmap(files.space, FILES_PRIVATE, len) == TESS_OK,
		       "munmap failed", FILES_SHARED, r);
	tess_object_unref(files.handle.object);
	tess_quiesce(); /* the other CPUs wait at the barrier */
	stress_require(files.detached == r + 1, "the pager is still attached", files.detached, r);
}

/* Back to the backing and out of memory; CPU 0 alone. */
static void
files_sync(uint64_t r)
{
	uint64_t len = FILES_PAGES * TESS_PAGE_SIZE;

	stress_require(tess_msync(files.space, FILES_SHARED, len, TESS_MS_SYNC) == TESS_OK,
		       "msync failed", r, 0);
	for (unsigned p = 0; p < FILES_PAGES; p++)
		stress_require(files.data[p][0] == files_new(r, p),
			       "msync did not write a page back", files.data[p][0],
			       files_new(r, p));
	stress_require(
	    tess_object_sync(files.handle.object, 0, FILES_PAGES, TESS_SYNC_INVALIDATE) == TESS_OK,
	    "pages could not be dropped", r, 0);
}

static void
files_round(unsigned cpu, uint64_t r)
{
	if (cpu == 0)
		files_open(r);
	bare_barrier_wait(&files.barrier);
	for (unsigned i = 0; i < FILES_PAGES; i++) { /* each CPU in its own order */
		unsigned p = (i + cpu * 5) % FILES_PAGES;
		tess_va base = (i ^ cpu) & 1 ? FILES_SHARED : FILES_PRIVATE;

		stress_is(base + p * TESS_PAGE_SIZE, files_old(r, p), "a file's contents");
	}
	bare_barrier_wait(&files.barrier);
	for (unsigned p = cpu; p < FILES_PAGES; p += bare_ncpu) {
		stress_require(files.gets[p] == 1, "a page was not fetched exactly once", p,
			       files.gets[p]);
		stress_require(
		    bare_store64(FILES_PRIVATE + p * TESS_PAGE_SIZE, p) == TESS_OK &&
			bare_store64(FILES_SHARED + p * TESS_PAGE_SIZE, files_new(r, p)) == TESS_OK,
		    "a store was refused", p, r);
	}
	bare_barrier_wait(&files.barrier);
	if (cpu == 0)
		files_sync(r);
	for (unsigned p = 0; p < FILES_PAGES; p++) { /* while CPU 0 drops the pages */
		stress_is(FILES_SHARED + p * TESS_PAGE_SIZE, files_new(r, p),
			  "a shared page lost a write");
		stress_is(FILES_PRIVATE + p * TESS_PAGE_SIZE, p, "a private page lost its copy");
	}
	bare_barrier_wait(&files.barrier);
	if (cpu == 0)
		files_close(r);
	bare_barrier_wait(&files.barrier);
}

static void
files_worker(void *arg, unsigned cpu)
{
	(void)arg;
	bare_run(files.space);
	for (uint64_t r = 0; r < files.rounds; r++)
		files_round(cpu, r);
	bare_run(NULL);
}

void
stress_files(void)
{
	files.rounds = bare_option_number("rounds", 60);
	files.barrier.n = bare_ncpu;
	files.space = stress_space();
	bare_on_all(bare_ncpu, files_worker, NULL);
	tess_space_check(files.space);
	tess_space_destroy(files.space);
	stress_part("a file under all CPUs: fetched once, written back, private copies apart");
}
