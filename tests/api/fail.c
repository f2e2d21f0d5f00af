/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * fail.c: the strong guarantee when memory runs out: each allocation, table allocation and I/O of a call is made to
 * fail in turn, the 1st, the 2nd, ... until the call gets through.
 *
 *	for n = 1, 2, ...:	fresh machine ──► set-up ──► n-th fails ──► the call
 *		it failed:	the state is what it was (model_compare, walkers); the same call then succeeds
 *		it succeeded although something failed: the state is what success means; population may be incomplete
 *		nothing failed: every point has been forced
 *
 * mlock keeps its lock when the pages cannot all be had; then the repeated call must complete it.
 */
#include <tessera/object.h>
#include "api.h"
#include "text.h"

enum fail_what {
	FAIL_MMAP,
	FAIL_MMAP_FILE,
	FAIL_MUNMAP,
	FAIL_MPROTECT,
	FAIL_MADVISE,
	FAIL_MLOCK,
	FAIL_MINHERIT,
	FAIL_MREMAP,
	FAIL_BRK,
	FAIL_SHMAT,
	FAIL_FORK,
	FAIL_LOAD,
	FAIL_STORE,
	FAIL_SYNC,
};

struct fail_case {
	const char *name;
	void (*setup)(struct api *t);
	enum fail_what what;
	tess_va addr;
	uint64_t len, len2;
	tess_va to;
	unsigned word, flags;
};

#define RW    (TESS_PROT_READ | TESS_PROT_WRITE)
#define FIXED (TESS_MAP_PRIVATE | TESS_MAP_FIXED)

/* ---- Set-ups ---- */

static void
fail_empty(struct api *t)
{
	(void)t_segment(t, 8 * PAGE);
}

/* 16 private pages, each written. */
static void
fail_private(struct api *t)
{
	EXPECT_OK(t_anon(t, BASE, 16 * PAGE, RW, FIXED, NULL));
	for (unsigned i = 0; i < 16; i++)
		EXPECT_OK(t_store(t, BASE + i * PAGE, (uint8_t)(i + 1)));
}

/* The same, with a child that shares them, over the edge of a chunk of slots. */
static void
fail_forked(struct api *t)
{
	fail_private(t);
	EXPECT_OK(t_anon(t, BASE + 0x200000 - 8 * PAGE, 16 * PAGE, RW, FIXED, NULL));
	for (unsigned i = 0; i < 16; i++)
		EXPECT_OK(t_store(t, BASE + 0x200000 - 8 * PAGE + i * PAGE, (uint8_t)(i + 1)));
	(void)t_fork(t);
}

/* A file mapped shared at BASE and privately at BASE + 64 pages; file 0. */
static void
fail_file(struct api *t)
{
	unsigned f = t_file(t, 16 * PAGE, 3);

	EXPECT_OK(t_map(t, BASE, 16 * PAGE, RW, TESS_MAP_SHARED | TESS_MAP_FIXED, f, 0, NULL));
	EXPECT_OK(t_map(t, BASE + 64 * PAGE, 16 * PAGE, RW, FIXED, f, 0, NULL));
	EXPECT_OK(t_store(t, BASE + 2 * PAGE, 0x77));
	EXPECT_OK(t_store(t, BASE + 66 * PAGE, 0x78));
}

/* Hundreds of entries: leaves of the range index split and join. */
static void
fail_many(struct api *t)
{
	EXPECT_OK(t_anon(t, BASE, 300 * PAGE, RW, FIXED, NULL));
	for (unsigned i = 0; i < 300; i += 2)
		EXPECT_OK(t_mprotect(t, BASE + i * PAGE, PAGE, TESS_PROT_READ));
}

static void
fail_heap(struct api *t)
{
	EXPECT_OK(t_set_brk(t, BASE));
	EXPECT_OK(t_brk(t, BASE + 4 * PAGE, NULL));
}

static void
fail_stack(struct api *t)
{
	EXPECT_OK(t_anon(t, BASE + 512 * PAGE, 2 * PAGE, RW, FIXED | TESS_MAP_GROWSDOWN, NULL));
}

static const struct fail_case fail_cases[] = {
    {"fail_mmap", fail_empty, FAIL_MMAP, BASE, 8 * PAGE, 0, 0, RW, FIXED},
    {"fail_mmap_anywhere", fail_private, FAIL_MMAP, 0, 8 * PAGE, 0, 0, RW, TESS_MAP_PRIVATE},
    {"fail_mmap_shared", fail_empty, FAIL_MMAP, BASE, 8 * PAGE, 0, 0, RW,
     TESS_MAP_SHARED | TESS_MAP_FIXED},
    {"fail_mmap_over", fail_private, FAIL_MMAP, BASE + 3 * PAGE, 5 * PAGE, 0, 0, RW, FIXED},
    {"fail_mmap_over_forked", fail_forked, FAIL_MMAP, BASE + 0x200000 - 4 * PAGE, 8 * PAGE, 0, 0,
     RW, FIXED},
    {"fail_mmap_populate", fail_empty, FAIL_MMAP, BASE, 8 * PAGE, 0, 0, RW,
     FIXED | TESS_MAP_POPULATE},
    {"fail_mmap_file", fail_file, FAIL_MMAP_FILE, BASE + 8 * PAGE, 8 * PAGE, 0, 0, RW, FIXED},
    {"fail_munmap", fail_private, FAIL_MUNMAP, BASE + 3 * PAGE, 5 * PAGE, 0, 0, 0, 0},
    {"fail_munmap_forked", fail_forked, FAIL_MUNMAP, BASE + 0x200000 - 4 * PAGE, 8 * PAGE, 0, 0, 0,
     0},
    {"fail_munmap_many", fail_many, FAIL_MUNMAP, BASE + 51 * PAGE, 100 * PAGE, 0, 0, 0, 0},
    {"fail_mprotect", fail_private, FAIL_MPROTECT, BASE + 3 * PAGE, 5 * PAGE, 0, 0, TESS_PROT_READ,
     0},
    {"fail_mprotect_many", fail_many, FAIL_MPROTECT, BASE + 1 * PAGE, 297 * PAGE, 0, 0,
     TESS_PROT_NONE, 0},
    {"fail_mprotect_one_of_many", fail_many, FAIL_MPROTECT, BASE + 51 * PAGE, PAGE, 0, 0,
     TESS_PROT_NONE, 0},
    {"fail_madvise_random", fail_private, FAIL_MADVISE, BASE + 3 * PAGE, 5 * PAGE, 0, 0,
     TESS_MADV_RANDOM, 0},
    {"fail_madvise_dontneed", fail_private, FAIL_MADVISE, BASE + 3 * PAGE, 5 * PAGE, 0, 0,
     TESS_MADV_DONTNEED, 0},
    {"fail_madvise_dontneed_forked", fail_forked, FAIL_MADVISE, BASE + 0x200000 - 4 * PAGE,
     8 * PAGE, 0, 0, TESS_MADV_DONTNEED, 0},
    {"fail_mlock", fail_private, FAIL_MLOCK, BASE + 3 * PAGE, 5 * PAGE, 0, 0, 0, 0},
    {"fail_mlock_file", fail_file, FAIL_MLOCK, BASE + 64 * PAGE, 16 * PAGE, 0, 0, 0, 0},
    {"fail_minherit", fail_private, FAIL_MINHERIT, BASE + 3 * PAGE, 5 * PAGE, 0, 0,
     TESS_INHERIT_NONE, 0},
    {"fail_mremap_move", fail_private, FAIL_MREMAP, BASE, 16 * PAGE, 16 * PAGE, BASE + 600 * PAGE,
     0, TESS_MREMAP_MAYMOVE | TESS_MREMAP_FIXED},
    {"fail_mremap_move_over", fail_file, FAIL_MREMAP, BASE + 64 * PAGE, 16 * PAGE, 16 * PAGE,
     BASE + 8 * PAGE, 0, TESS_MREMAP_MAYMOVE | TESS_MREMAP_FIXED},
    {"fail_mremap_forked", fail_forked, FAIL_MREMAP, BASE + 0x200000 - 8 * PAGE, 16 * PAGE,
     20 * PAGE, BASE + 900 * PAGE, 0, TESS_MREMAP_MAYMOVE | TESS_MREMAP_FIXED},
    {"fail_mremap_grow", fail_private, FAIL_MREMAP, BASE, 16 * PAGE, 32 * PAGE, 0, 0,
     TESS_MREMAP_MAYMOVE},
    {"fail_mremap_shrink", fail_private, FAIL_MREMAP, BASE, 16 * PAGE, 4 * PAGE, 0, 0, 0},
    {"fail_brk_up", fail_heap, FAIL_BRK, BASE + 8 * PAGE, 0, 0, 0, 0, 0},
    {"fail_brk_down", fail_heap, FAIL_BRK, BASE + PAGE, 0, 0, 0, 0, 0},
    {"fail_shmat", fail_empty, FAIL_SHMAT, BASE, 0, 0, 0, 0, 0},
    {"fail_fork", fail_private, FAIL_FORK, 0, 0, 0, 0, 0, 0},
    {"fail_fork_again", fail_forked, FAIL_FORK, 0, 0, 0, 0, 0, 0},
    {"fail_fork_file", fail_file, FAIL_FORK, 0, 0, 0, 0, 0, 0},
    {"fail_fork_many", fail_many, FAIL_FORK, 0, 0, 0, 0, 0, 0},
    {"fail_load_zero", fail_heap, FAIL_LOAD, BASE + PAGE, 0, 0, 0, 0, 0},
    {"fail_store_zero", fail_heap, FAIL_STORE, BASE + PAGE, 0, 0, 0, 0, 0},
    {"fail_store_cow", fail_forked, FAIL_STORE, BASE + PAGE, 0, 0, 0, 0, 0},
    {"fail_load_file", fail_file, FAIL_LOAD, BASE + 9 * PAGE, 0, 0, 0, 0, 0},
    {"fail_store_file", fail_file, FAIL_STORE, BASE + 9 * PAGE, 0, 0, 0, 0, 0},
    {"fail_store_private_file", fail_file, FAIL_STORE, BASE + 73 * PAGE, 0, 0, 0, 0, 0},
    {"fail_store_stack", fail_stack, FAIL_STORE, BASE + 500 * PAGE, 0, 0, 0, 0, 0},
    {"fail_msync", fail_file, FAIL_SYNC, BASE, 16 * PAGE, 0, 0, 0, TESS_MS_SYNC},
};

/* ---- The call, on each side ---- */

static enum tess_err
fail_mmap_args(struct api *t, const struct fail_case *c, struct tess_mmap_args *a)
{
	*a = (struct tess_mmap_args){
	    .addr = c->addr, .len = c->len, .prot = c->word, .flags = c->flags};
	if (c->what == FAIL_MMAP)
		a->flags |= TESS_MAP_ANON;
	else
		a->handle = t->file[0];
	return TESS_OK;
}

static enum tess_err
fail_core_va(struct api *t, const struct fail_case *c, tess_va *va)
{
	struct tess_mmap_args a;

	switch (c->what) {
	case FAIL_MMAP:
	case FAIL_MMAP_FILE:
		(void)fail_mmap_args(t, c, &a);
		return tess_mmap(t->sp, &a, va);
	case FAIL_MREMAP:
		return tess_mremap(t->sp, c->addr, c->len, c->len2, c->flags, c->to, va);
	case FAIL_BRK:
		return tess_brk(t->sp, c->addr, va);
	case FAIL_SHMAT:
		return tess_shmat(t->sp, &t->file[0], c->addr, RW, va);
	default:
		return TESS_EOPNOTSUPP;
	}
}

static enum tess_err
fail_core(struct api *t, const struct fail_case *c, tess_va *va)
{
	uint8_t byte;

	switch (c->what) {
	case FAIL_MUNMAP:
		return tess_munmap(t->sp, c->addr, c->len);
	case FAIL_MPROTECT:
		return tess_mprotect(t->sp, c->addr, c->len, c->word);
	case FAIL_MADVISE:
		return tess_madvise(t->sp, c->addr, c->len, (enum tess_madv)c->word);
	case FAIL_MLOCK:
		return tess_mlock(t->sp, c->addr, c->len);
	case FAIL_MINHERIT:
		return tess_minherit(t->sp, c->addr, c->len, (enum tess_inherit)c->word);
	case FAIL_FORK:
		return tess_space_fork(t->sp, &t->core[t->nspaces]);
	case FAIL_LOAD:
		return env_load(t->sp, c->addr, &byte);
	case FAIL_STORE:
		return env_store(t->sp, c->addr, 0x5c);
	case FAIL_SYNC:
		return tess_msync(t->sp, c->addr, c->len, c->flags);
	default:
		return fail_core_va(t, c, va);
	}
}

static enum tess_err
fail_model(struct api *t, const struct fail_case *c, struct model_answer *ans)
{
	struct tess_mmap_args a;
	uint8_t byte;

	switch (c->what) {
	case FAIL_MMAP:
	case FAIL_MMAP_FILE:
		(void)fail_mmap_args(t, c, &a);
		return model_mmap(t->ms, &a, ans);
	case FAIL_MUNMAP:
		return model_munmap(t->ms, c->addr, c->len);
	case FAIL_MPROTECT:
		return model_mprotect(t->ms, c->addr, c->len, c->word);
	case FAIL_MADVISE:
		return model_madvise(t->ms, c->addr, c->len, (enum tess_madv)c->word);
	case FAIL_MLOCK:
		return model_mlock2(t->ms, c->addr, c->len, 0);
	case FAIL_MINHERIT:
		return model_minherit(t->ms, c->addr, c->len, (enum tess_inherit)c->word);
	case FAIL_MREMAP:
		return model_mremap(t->ms, c->addr, c->len, c->len2, c->flags, c->to, ans);
	case FAIL_BRK:
		return model_brk(t->ms, c->addr, ans);
	case FAIL_SHMAT:
		return model_shmat(t->ms, &t->file[0], c->addr, RW, ans);
	case FAIL_FORK:
		t->mod[t->nspaces++] = model_space_fork(t->ms);
		return TESS_OK;
	case FAIL_LOAD:
		return model_load(t->ms, c->addr, &byte);
	case FAIL_STORE:
		return model_store(t->ms, c->addr, 0x5c);
	case FAIL_SYNC:
		return model_msync(t->ms, c->addr, c->len, c->flags);
	}
	return TESS_EOPNOTSUPP;
}

/* ---- Forcing ---- */

/* Linux's brk answers OK and the old break when it fails. */
static bool
fail_succeeded(const struct fail_case *c, enum tess_err e, tess_va va)
{
	return e == TESS_OK && !(c->what == FAIL_BRK && va != c->addr);
}

static void
fail_why(struct api *t, const char *what, enum tess_err e, const char *more)
{
	struct text x;

	if (t->failed)
		return;
	t->failed = true;
	text_init(&x, t->why, sizeof(t->why));
	text_add(&x, "%s (%s)\n%s", what, tess_err_name(e), more);
}

/* The state is as before; a lock may be kept, a stack may have grown. */
static void
fail_check_unchanged(struct api *t, const struct fail_case *c, enum tess_err e)
{
	struct model_answer ignored = {TESS_OK, 0};
	tess_va start, end;

	/* As in Linux, a stack that cannot grow, for whatever reason, is SIGSEGV. */
	if (e == TESS_SIGSEGV && c->setup == fail_stack)
		e = TESS_ENOMEM;
	if (e != TESS_ENOMEM && e != TESS_EIO && e != TESS_OK && e != TESS_SIGBUS)
		fail_why(t, "an injected failure must be ENOMEM, EIO or SIGBUS", e, "");
	if (model_compare_layout(t->ms, t->sp))
		return;
	if (c->what == FAIL_STORE)
		model_grow(t->ms, c->addr);
	if (c->what == FAIL_MLOCK) {
		(void)fail_model(t, c, &ignored);
		model_space_touched(t->ms, &start, &end);
		model_forgive(t->ms, t->sp, start, end);
	}
}

/* The call as the model has it. */
static void
fail_check_success(struct api *t, const struct fail_case *c, enum tess_err e, tess_va va,
		   bool forgive)
{
	struct model_answer ans = {e, va};
	enum tess_err want = fail_model(t, c, &ans);
	tess_va start, end;

	if (e != want || (e == TESS_OK && va != 0 && va != ans.va))
		fail_why(t, "the call's result differs from the model's", e, "");
	model_space_touched(t->ms, &start, &end);
	if (forgive && start < end)
		model_forgive(t->ms, t->sp, start, end);
}

/* One round; false: nothing was left to fail, or the test has failed. */
static bool
fail_round(struct api *t, const struct fail_case *c, uint64_t n)
{
	tess_va va = 0;
	enum tess_err e;
	bool hit;

	c->setup(t);
	if (t->failed)
		return false;
	env_fail_nth(n);
	e = fail_core(t, c, &va);
	hit = env_fail_hit();
	env_fail_nth(0);
	if (hit && !fail_succeeded(c, e, va)) {
		fail_check_unchanged(t, c, e);
		(void)t_compare(t);
		va = 0;
		e = fail_core(t, c, &va);
		if (!fail_succeeded(c, e, va))
			fail_why(t, "the call does not succeed when repeated", e, "");
	}
	fail_check_success(t, c, e, va, hit);
	(void)t_compare(t);
	return hit && !t->failed;
}

static unsigned
fail_case_run(const struct api_config *cfg, const struct fail_case *c, unsigned *point,
	      uint64_t *forced)
{
	static struct api t;
	char about[64];
	struct text x;
	uint64_t n = 0;
	bool again;

	do {
		if (!api_open(&t, cfg, TESS_PERSONALITY_LINUX)) {
			api_point(point, c->name, "no machine", cfg, "linux", "env_open failed");
			return 1;
		}
		again = fail_round(&t, c, ++n);
		api_close(&t);
	} while (again);
	text_init(&x, about, sizeof(about));
	text_add(&x, "%lu points forced", n - 1);
	*forced += n - 1;
	api_point(point, c->name, about, cfg, "linux", t.failed ? t.why : NULL);
	return t.failed;
}

unsigned
api_fail_run(const struct api_config *cfg, unsigned *point)
{
	unsigned failures = 0;
	uint64_t forced = 0;
	char line[80];
	struct text x;

	if (!env_can_fail())
		return 0;
	for (unsigned i = 0; i < sizeof(fail_cases) / sizeof(fail_cases[0]); i++)
		failures += fail_case_run(cfg, &fail_cases[i], point, &forced);
	text_init(&x, line, sizeof(line));
	text_add(&x, "# %lu failure points forced\n", forced);
	env_out(line);
	return failures;
}
