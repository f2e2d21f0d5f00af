/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * api.h: tests of the public calls against the model; one source for the hosted machine and bare metal.
 *
 *	API_TEST(mmap_len0, "length 0 is EINVAL", API_BOTH) { ... t_mmap(t, ...) ... }
 *
 * A test gets a fresh environment and one empty space of each personality that it names.  Every t_call() makes
 * the core's call and the model's, compares the answers, then layout and touched pages; a difference ends the test
 * with the model's report.  What the test itself expects it says with EXPECT.
 *
 * Freestanding: needs env.h and the model, prints TAP through env_out().
 */
#ifndef API_H
#define API_H

#include <tessera/types.h>
#include <tessera/space.h>
#include "env.h"
#include "model.h"

#define API_SPACES 8
#define API_FILES  8
#define KIB        ((uint64_t)1024)
#define PAGE       TESS_PAGE_SIZE
#define BASE       ((tess_va)0x10000000) /* where tests map fixed things */

enum {
	API_POSIX = 1,
	API_LINUX = 2,
	API_BOTH = 3
};

struct api {
	struct tess_space *sp; /* current space */
	struct model_space *ms;
	enum tess_personality personality;
	unsigned cur, nspaces;
	struct tess_space *core[API_SPACES];
	struct model_space *mod[API_SPACES];
	struct model *model;
	struct tess_handle file[API_FILES];
	struct model_object *object[API_FILES];
	unsigned nfiles;
	bool failed;
	char why[2048];
};

typedef void (*api_fn)(struct api *t);

struct api_test {
	const char *name, *about;
	unsigned personalities;
	api_fn fn;
};

struct api_family {
	const char *name;
	const struct api_test *tests;
	unsigned n;
};

#define API_TEST(id) static void id(struct api *t)
#define API_ROW(id, about, who)     \
	{                           \
#id, about, who, id \
	}
#define API_FAMILY(id, tests) \
	const struct api_family api_##id = {#id, tests, sizeof(tests) / sizeof((tests)[0])}

extern const struct api_family api_mmap, api_munmap, api_mprotect, api_madvise, api_msync,
    api_mincore, api_mlock, api_mremap, api_brk, api_shm, api_fork, api_fault, api_stack, api_files;

/* EXPECT: what the test itself demands; the test ends when it is not so. */
void api_fail(struct api *t, const char *file, int line, const char *what, uint64_t got,
	      uint64_t want);
#define EXPECT_EQ(a, b)                                                             \
	do {                                                                        \
		uint64_t got_ = (uint64_t)(a), want_ = (uint64_t)(b);               \
		if (t->failed)                                                      \
			return;                                                     \
		if (got_ != want_) {                                                \
			api_fail(t, __FILE__, __LINE__, #a " is " #b, got_, want_); \
			return;                                                     \
		}                                                                   \
	} while (0)
#define EXPECT(c)    EXPECT_EQ(!!(c), true)
#define EXPECT_OK(e) EXPECT_EQ(e, TESS_OK)

/* ---- Both sides at once ---- */

enum tess_err t_mmap_handle(struct api *t, tess_va addr, uint64_t len, unsigned prot,
			    unsigned flags, const struct tess_handle *h, tess_off off,
			    tess_va *out);
/* Anonymous, or of file number `file`. */
enum tess_err t_anon(struct api *t, tess_va addr, uint64_t len, unsigned prot, unsigned flags,
		     tess_va *out);
enum tess_err t_map(struct api *t, tess_va addr, uint64_t len, unsigned prot, unsigned flags,
		    unsigned file, tess_off off, tess_va *out);
enum tess_err t_munmap(struct api *t, tess_va addr, uint64_t len);
enum tess_err t_mprotect(struct api *t, tess_va addr, uint64_t len, unsigned prot);
enum tess_err t_madvise(struct api *t, tess_va addr, uint64_t len, enum tess_madv advice);
enum tess_err t_msync(struct api *t, tess_va addr, uint64_t len, unsigned flags);
enum tess_err t_mincore(struct api *t, tess_va addr, uint64_t len, unsigned char *vec);
enum tess_err t_mlock(struct api *t, tess_va addr, uint64_t len, unsigned flags);
enum tess_err t_munlock(struct api *t, tess_va addr, uint64_t len);
enum tess_err t_mlockall(struct api *t, unsigned flags);
enum tess_err t_munlockall(struct api *t);
enum tess_err t_minherit(struct api *t, tess_va addr, uint64_t len, enum tess_inherit inherit);
enum tess_err t_mremap(struct api *t, tess_va old, uint64_t old_len, uint64_t new_len,
		       unsigned flags, tess_va new_addr, tess_va *out);
enum tess_err t_brk(struct api *t, tess_va addr, tess_va *out);
enum tess_err t_shmat(struct api *t, unsigned file, tess_va addr, unsigned prot, tess_va *out);
enum tess_err t_shmdt(struct api *t, tess_va addr);
enum tess_err t_load(struct api *t, tess_va va, uint8_t *byte);
enum tess_err t_store(struct api *t, tess_va va, uint8_t byte);
enum tess_err t_fetch(struct api *t, tess_va va);
enum tess_err t_limit(struct api *t, enum tess_limit which, uint64_t bytes);
enum tess_err t_set_brk(struct api *t, tess_va va);
void t_exec(struct api *t);

/* A new file (its bytes are fill_byte(seed)), a new segment: its number; the test fails when there is none. */
unsigned t_file(struct api *t, uint64_t size, uint64_t seed);
unsigned t_segment(struct api *t, uint64_t size);
enum tess_err t_truncate(struct api *t, unsigned file, uint64_t size);
enum tess_err t_pwrite(struct api *t, unsigned file, tess_off off, const void *buf, uint64_t len);
uint8_t t_byte(unsigned file_seed, tess_off off);

/* fork: the child's number (the program goes on in the parent); the test fails when there is no child. */
unsigned t_fork(struct api *t);
void t_switch(struct api *t, unsigned space);
void t_exit(struct api *t, unsigned space);

/* Everything of the current space against the model; walkers.  false: the test has failed. */
bool t_compare(struct api *t);
uint64_t t_anon_count(struct api *t);

/* ---- Running (api.c) ---- */

struct api_config {
	enum env_isa isa;
	unsigned ncpu;
	const char *only; /* a family's name; NULL: all */
};

/* api_run: all families; TAP through env_out(), numbered from *point on; the number of failures. */
unsigned api_run(const struct api_config *cfg, unsigned *point);
/* api_fail_run: each allocation of each scenario forced to fail in turn (fail.c).  Same answers. */
unsigned api_fail_run(const struct api_config *cfg, unsigned *point);

/* One environment with one space, as each test has: for fail.c.  false: it cannot be had. */
bool api_open(struct api *t, const struct api_config *cfg, enum tess_personality p);
void api_close(struct api *t);
/* One point of TAP. */
void api_point(unsigned *point, const char *test, const char *about, const struct api_config *cfg,
	       const char *who, const char *why);

#endif
