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
#include <tessera/map.h>
#include "env.h"
#include "model.h"

#define API_SPACES 8
#define API_FILES  8
#define KIB        ((uint64_t)1024)
#define PAGE       TESS_PAGE_SIZE
#define BASE       ((tess_va)0x10000000) /* where tests map fixed things */

/* Bit 1 << personality. */
enum {
	API_POSIX = 1,
	API_LINUX = 2,
	API_BSD = 4,
	API_SEED = 8,
	API_BOTH = API_POSIX | API_LINUX,
	API_ALL = 15
};

#define RW   (TESS_PROT_READ | TESS_PROT_WRITE)
#define RWX  TESS_PROT_ALL
#define PFIX (TESS_MAP_PRIVATE | TESS_MAP_FIXED)
#define SFIX (TESS_MAP_SHARED | TESS_MAP_FIXED)

struct fail_state; /* fail.c */

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
	bool over;  /* a forced run has seen its point and went another way: the test ends */
	bool apart; /* t_apart(): this test uses what the model does not know */
	struct fail_state *fail; /* forced run: its state; NULL: a plain one */
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

extern const struct api_family api_seed, api_bsd, api_mmap, api_place, api_munmap, api_mprotect,
    api_protect, api_guard, api_seal, api_madvise, api_msync, api_mincore, api_mlock, api_mremap,
    api_brk, api_shm, api_fork, api_fault, api_stack, api_files, api_defects, api_wire, api_limits;

/* EXPECT: what the test itself demands; the test ends when it is not so. */
void api_fail(struct api *t, const char *file, int line, const char *what, uint64_t got,
	      uint64_t want);
#define EXPECT_EQ(a, b)                                                             \
	do {                                                                        \
		uint64_t got_ = (uint64_t)(a), want_ = (uint64_t)(b);               \
		if (t->failed || t->over)                                           \
			return;                                                     \
		if (got_ != want_) {                                                \
			api_fail(t, __FILE__, __LINE__, #a " is " #b, got_, want_); \
			return;                                                     \
		}                                                                   \
	} while (0)
#define EXPECT(c)    EXPECT_EQ(!!(c), true)
#define EXPECT_OK(e) EXPECT_EQ(e, TESS_OK)

/* One of four, by the personality of the run. */
#define BY(t, posix, linux, bsd, seed)                          \
	((t)->personality == TESS_PERSONALITY_POSIX   ? (posix) \
	 : (t)->personality == TESS_PERSONALITY_LINUX ? (linux) \
	 : (t)->personality == TESS_PERSONALITY_BSD   ? (bsd)   \
						      : (seed))

/* ---- Both sides at once ---- */

enum tess_err t_mmap_args(struct api *t, const struct tess_mmap_args *a, tess_va *out);
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
/* The byte that the file's backing has there: what was written back. */
uint8_t t_stored(struct api *t, unsigned file, tess_off off);

/* The rest of the family. */
enum tess_err t_posix_madvise(struct api *t, tess_va addr, uint64_t len, enum tess_madv advice);
enum tess_err t_mincore_detail(struct api *t, tess_va addr, uint64_t len, unsigned char *vec);
enum tess_err t_mremap_bsd(struct api *t, tess_va old, uint64_t old_len, tess_va to,
			   uint64_t new_len, unsigned flags, uint8_t align, tess_va *out);
enum tess_err t_mquery(struct api *t, const struct tess_mmap_args *a, tess_va *out);
enum tess_err t_mimmutable(struct api *t, tess_va addr, uint64_t len);
enum tess_err t_mseal(struct api *t, tess_va addr, uint64_t len, unsigned flags);
enum tess_err t_sbrk(struct api *t, int64_t incr, tess_va *out);
enum tess_err t_ommap(struct api *t, tess_va addr, int32_t len, unsigned prot, unsigned flags,
		      const struct tess_handle *h, int64_t off, tess_va *out);
enum tess_kern t_map_protect(struct api *t, tess_va start, tess_va end, unsigned prot,
			     unsigned maxprot, unsigned flags);
enum tess_kern t_map_set_flags(struct api *t, unsigned flags);

/*
 * t_apart: from here on the model is not asked: the test uses what is not modelled (system wiring, extract, submaps,
 * quotas).  Walkers go on, and what failed must leave areas, private pages and counts as they were.
 */
void t_apart(struct api *t);

/* A call that is not modelled, forced like all; T_KERN answers enum tess_kern, T_ERR enum tess_err. */
#define T_KERN(t, what, kept, ...)                                                             \
	({                                                                                     \
		struct api_call call_ = {.name = (what), .left = (kept)};                      \
		enum tess_kern k_;                                                             \
                                                                                               \
		api_try_begin((t), &call_);                                                    \
		do                                                                             \
			k_ = (__VA_ARGS__);                                                    \
		while (api_try_again((t), &call_, k_ != TESS_KERN_SUCCESS, api_kern_err(k_))); \
		api_try_end((t));                                                              \
		(void)t_compare((t));                                                          \
		k_;                                                                            \
	})
#define T_ERR(t, what, ...)                                            \
	({                                                             \
		struct api_call call_ = {.name = (what)};              \
		enum tess_err e_;                                      \
                                                                       \
		api_try_begin((t), &call_);                            \
		do                                                     \
			e_ = (__VA_ARGS__);                            \
		while (api_try_again((t), &call_, e_ != TESS_OK, e_)); \
		api_try_end((t));                                      \
		(void)t_compare((t));                                  \
		e_;                                                    \
	})

/* The area that holds va, joined by nobody; all zero when nothing is mapped there. */
struct tess_area t_area(struct api *t, tess_va va);

/* fork: the child's number (the program goes on in the parent); the test fails when there is no child. */
unsigned t_fork(struct api *t);
void t_switch(struct api *t, unsigned space);
void t_exit(struct api *t, unsigned space);

/* Everything of the current space against the model; walkers.  false: the test has failed. */
bool t_compare(struct api *t);
uint64_t t_anon_count(struct api *t);
struct tess_space_counts t_counts(struct api *t);

/* ---- One call, forced (fail.c) ---- */

/* What may stay done of a call that failed because something ran out (docs/SEMANTICS.md, "Strong guarantee"). */
enum api_left {
	API_LEFT_NOTHING,
	API_LEFT_PAGES,  /* pages of [addr, addr + len) were brought in */
	API_LEFT_PREFIX, /* those, and the call itself for [addr, x), x anywhere up to the end */
	API_LEFT_GROWN,  /* a fault: the stack grew */
	API_LEFT_FIRST,  /* shmdt: pieces from the first on are gone */
};

struct api_call {
	const char *name;
	enum api_left left;
	tess_va addr;
	uint64_t len;
	unsigned word;
	/* LEFT_PREFIX: the model's half for [addr, addr + len). */
	enum tess_err (*model)(struct api *t, const struct api_call *c, uint64_t len);
	uint64_t errors; /* 1 << enum tess_err: what else it may answer when something ran out */
};

/*
 * Around every call of the core:
 *
 *	api_try_begin(t, &call);
 *	do
 *		e = tess_...(...);
 *	while (api_try_again(t, &call, e != TESS_OK, e));
 *
 * In a plain run the body runs once.  In a forced one it runs with the 1st, 2nd ... allocation or I/O of the call
 * failing, for as long as that makes the call refuse; each time the state must be as before.
 */
void api_try_begin(struct api *t, const struct api_call *c);
bool api_try_again(struct api *t, const struct api_call *c, bool refused, enum tess_err e);
/* The answers of both sides, and the state they left; answers `core`. */
enum tess_err t_check(struct api *t, const char *call, enum tess_err core, enum tess_err model,
		      uint64_t va, uint64_t want_va);

#define ERROR(e) ((uint64_t)1 << TESS_##e)

/* Make the call, again and again while it is forced. */
#define TRY(t, c, refused, e, call)                        \
	do {                                               \
		api_try_begin(t, c);                       \
		do                                         \
			(e) = (call);                      \
		while (api_try_again(t, c, refused, (e))); \
	} while (0)

/* After both halves of the call: a failure that the call got over may have left pages out. */
void api_try_end(struct api *t);
/* The same for functions that answer enum tess_kern, as words of enum tess_err. */
enum tess_err api_kern_err(enum tess_kern k);

/* ---- Running (api.c) ---- */

struct api_config {
	enum env_isa isa;
	unsigned ncpu;
	const char *only; /* a family's name; NULL: all */
};

/* api_run: all families; TAP through env_out(), numbered from *point on; the number of failures. */
unsigned api_run(const struct api_config *cfg, unsigned *point);
/* api_fail_run: the same tests, each failure point of each call forced (fail.c).  Same answers. */
unsigned api_fail_run(const struct api_config *cfg, unsigned *point);

/* One environment with one space, as each test has: for fail.c.  false: it cannot be had. */
bool api_open(struct api *t, const struct api_config *cfg, enum tess_personality p,
	      struct fail_state *fail);
void api_close(struct api *t);
void api_fail_text(struct api *t, const char *call, const char *why);
/* Calls each(ctx, cfg, test, personality) for every test that cfg selects. */
void api_each(const struct api_config *cfg,
	      void (*each)(void *ctx, const struct api_config *cfg, const struct api_test *test,
			   enum tess_personality p),
	      void *ctx);
/* One point of TAP; `forced` is its number of forced failure points, 0 says nothing. */
void api_point(unsigned *point, const struct api_config *cfg, const struct api_test *test,
	       enum tess_personality p, const char *why, const uint64_t *forced);

#endif
