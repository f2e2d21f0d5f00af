/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * api.c: the frame of the api tests: environments, both sides of every call, TAP.
 */
#include <tessera/object.h>
#include "api.h"
#include "fill.h"
#include "mem.h"
#include "memfile.h"
#include "text.h"

static const struct api_family *const api_families[] = {
    &api_mmap,   &api_munmap, &api_mprotect, &api_madvise, &api_msync, &api_mincore, &api_mlock,
    &api_mremap, &api_brk,    &api_shm,      &api_fork,    &api_fault, &api_stack,   &api_files,
};

/* ---- Failing ---- */

void
api_fail(struct api *t, const char *file, int line, const char *what, uint64_t got, uint64_t want)
{
	struct text x;

	if (t->failed)
		return;
	t->failed = true;
	text_init(&x, t->why, sizeof(t->why));
	text_add(&x, "%s:%d: %s: got 0x%lx, want 0x%lx", file, line, what, got, want);
}

static void
api_fail_text(struct api *t, const char *call, const char *why)
{
	struct text x;

	if (t->failed)
		return;
	t->failed = true;
	text_init(&x, t->why, sizeof(t->why));
	text_add(&x, "%s: %s", call, why);
}

static void
api_die(const char *why)
{
	env_log(why);
	__builtin_trap();
}

/* ---- One test's environment ---- */

bool
api_open(struct api *t, const struct api_config *cfg, enum tess_personality p)
{
	struct env_config ec = {.isa = cfg->isa, .ncpu = cfg->ncpu, .seed = 1};
	struct tess_space_config sc = {.personality = p};

	*t = (struct api){.personality = p};
	if (env_open(&ec) != TESS_OK)
		return false;
	t->model = model_create(env_mem(), api_die);
	if (t->model == NULL)
		api_die("no memory for the model");
	if (tess_space_create(&sc, &t->core[0]) != TESS_OK)
		api_die("no memory for a space");
	t->mod[0] = model_space_create(t->model, &sc);
	t->nspaces = 1;
	t_switch(t, 0);
	return true;
}

void
api_close(struct api *t)
{
	for (unsigned i = 0; i < t->nspaces; i++)
		if (t->core[i] != NULL)
			t_exit(t, i);
	for (unsigned i = 0; i < t->nfiles; i++) {
		if (!t->failed && !model_compare_object(t->object[i], t->file[i].object))
			api_fail_text(t, "contents at the end", model_report(t->model));
		tess_object_unref(t->file[i].object);
	}
	env_check(NULL, 0);
	model_destroy(t->model);
	env_close();
}

/* ---- Comparing ---- */

bool
t_compare(struct api *t)
{
	struct tess_space *live[API_SPACES];
	unsigned n = 0;

	if (t->failed)
		return false;
	for (unsigned i = 0; i < t->nspaces; i++) {
		if (t->core[i] == NULL)
			continue;
		live[n++] = t->core[i];
		if (!model_compare(t->mod[i], t->core[i]))
			api_fail_text(t, "state", model_report(t->model));
	}
	env_check(live, n);
	return !t->failed;
}

/* The answers of both sides, and the state they left. */
static enum tess_err
t_check(struct api *t, const char *call, enum tess_err core, enum tess_err model, uint64_t va,
	uint64_t want_va)
{
	struct text x;

	if (t->failed)
		return core;
	if (model_complaint(t->model) != NULL) {
		api_fail_text(t, call, model_complaint(t->model));
	} else if (core != model || (core == TESS_OK && va != want_va)) {
		t->failed = true;
		text_init(&x, t->why, sizeof(t->why));
		text_add(&x, "%s: core %s 0x%lx, model %s 0x%lx", call, tess_err_name(core), va,
			 tess_err_name(model), want_va);
	} else {
		(void)t_compare(t);
	}
	return core;
}

/* ---- Calls ---- */

enum tess_err
t_mmap_handle(struct api *t, tess_va addr, uint64_t len, unsigned prot, unsigned flags,
	      const struct tess_handle *h, tess_off off, tess_va *out)
{
	struct tess_mmap_args a = {
	    .addr = addr, .len = len, .prot = prot, .flags = flags, .handle = *h, .off = off};
	tess_va va = 0xdead;
	enum tess_err e = tess_mmap(t->sp, &a, &va);
	struct model_answer ans = {e, va};
	enum tess_err want = model_mmap(t->ms, &a, &ans);

	if (e != TESS_OK && va != 0xdead)
		api_fail_text(t, "mmap", "the result was touched by a call that failed (S28)");
	if (e == TESS_OK && out != NULL)
		*out = va;
	return t_check(t, "mmap", e, want, va, ans.va);
}

enum tess_err
t_anon(struct api *t, tess_va addr, uint64_t len, unsigned prot, unsigned flags, tess_va *out)
{
	struct tess_handle none = {.kind = TESS_HANDLE_NONE};

	return t_mmap_handle(t, addr, len, prot, flags | TESS_MAP_ANON, &none, 0, out);
}

enum tess_err
t_map(struct api *t, tess_va addr, uint64_t len, unsigned prot, unsigned flags, unsigned file,
      tess_off off, tess_va *out)
{
	return t_mmap_handle(t, addr, len, prot, flags, &t->file[file], off, out);
}

enum tess_err
t_munmap(struct api *t, tess_va addr, uint64_t len)
{
	enum tess_err e = tess_munmap(t->sp, addr, len);

	return t_check(t, "munmap", e, model_munmap(t->ms, addr, len), 0, 0);
}

enum tess_err
t_mprotect(struct api *t, tess_va addr, uint64_t len, unsigned prot)
{
	enum tess_err e = tess_mprotect(t->sp, addr, len, prot);

	return t_check(t, "mprotect", e, model_mprotect(t->ms, addr, len, prot), 0, 0);
}

enum tess_err
t_madvise(struct api *t, tess_va addr, uint64_t len, enum tess_madv advice)
{
	enum tess_err e = tess_madvise(t->sp, addr, len, advice);

	return t_check(t, "madvise", e, model_madvise(t->ms, addr, len, advice), 0, 0);
}

enum tess_err
t_msync(struct api *t, tess_va addr, uint64_t len, unsigned flags)
{
	enum tess_err e = tess_msync(t->sp, addr, len, flags);

	return t_check(t, "msync", e, model_msync(t->ms, addr, len, flags), 0, 0);
}

enum tess_err
t_mincore(struct api *t, tess_va addr, uint64_t len, unsigned char *vec)
{
	enum tess_err e = tess_mincore(t->sp, addr, len, vec);

	return t_check(t, "mincore", e, model_mincore(t->ms, addr, len, vec), 0, 0);
}

enum tess_err
t_mlock(struct api *t, tess_va addr, uint64_t len, unsigned flags)
{
	enum tess_err e =
	    flags == 0 ? tess_mlock(t->sp, addr, len) : tess_mlock2(t->sp, addr, len, flags);

	return t_check(t, "mlock", e, model_mlock2(t->ms, addr, len, flags), 0, 0);
}

enum tess_err
t_munlock(struct api *t, tess_va addr, uint64_t len)
{
	enum tess_err e = tess_munlock(t->sp, addr, len);

	return t_check(t, "munlock", e, model_munlock(t->ms, addr, len), 0, 0);
}

enum tess_err
t_mlockall(struct api *t, unsigned flags)
{
	enum tess_err e = tess_mlockall(t->sp, flags);

	return t_check(t, "mlockall", e, model_mlockall(t->ms, flags), 0, 0);
}

enum tess_err
t_munlockall(struct api *t)
{
	enum tess_err e = tess_munlockall(t->sp);

	return t_check(t, "munlockall", e, model_munlockall(t->ms), 0, 0);
}

enum tess_err
t_minherit(struct api *t, tess_va addr, uint64_t len, enum tess_inherit inherit)
{
	enum tess_err e = tess_minherit(t->sp, addr, len, inherit);

	return t_check(t, "minherit", e, model_minherit(t->ms, addr, len, inherit), 0, 0);
}

enum tess_err
t_mremap(struct api *t, tess_va old, uint64_t old_len, uint64_t new_len, unsigned flags,
	 tess_va new_addr, tess_va *out)
{
	tess_va va = 0;
	enum tess_err e = tess_mremap(t->sp, old, old_len, new_len, flags, new_addr, &va);
	struct model_answer ans = {e, va};
	enum tess_err want = model_mremap(t->ms, old, old_len, new_len, flags, new_addr, &ans);

	if (e == TESS_OK && out != NULL)
		*out = va;
	return t_check(t, "mremap", e, want, va, ans.va);
}

enum tess_err
t_brk(struct api *t, tess_va addr, tess_va *out)
{
	tess_va va = 0;
	enum tess_err e = tess_brk(t->sp, addr, &va);
	struct model_answer ans = {e, va};
	enum tess_err want = model_brk(t->ms, addr, &ans);

	if (e == TESS_OK && out != NULL)
		*out = va;
	return t_check(t, "brk", e, want, va, ans.va);
}

enum tess_err
t_shmat(struct api *t, unsigned file, tess_va addr, unsigned prot, tess_va *out)
{
	tess_va va = 0;
	enum tess_err e = tess_shmat(t->sp, &t->file[file], addr, prot, &va);
	struct model_answer ans = {e, va};
	enum tess_err want = model_shmat(t->ms, &t->file[file], addr, prot, &ans);

	if (e == TESS_OK && out != NULL)
		*out = va;
	return t_check(t, "shmat", e, want, va, ans.va);
}

enum tess_err
t_shmdt(struct api *t, tess_va addr)
{
	enum tess_err e = tess_shmdt(t->sp, addr);

	return t_check(t, "shmdt", e, model_shmdt(t->ms, addr), 0, 0);
}

enum tess_err
t_load(struct api *t, tess_va va, uint8_t *byte)
{
	uint8_t have = 0, want = 0;
	enum tess_err e = env_load(t->sp, va, &have), model = model_load(t->ms, va, &want);

	if (byte != NULL)
		*byte = have;
	return t_check(t, "load", e, model, have, want);
}

enum tess_err
t_store(struct api *t, tess_va va, uint8_t byte)
{
	enum tess_err e = env_store(t->sp, va, byte);

	return t_check(t, "store", e, model_store(t->ms, va, byte), 0, 0);
}

enum tess_err
t_fetch(struct api *t, tess_va va)
{
	enum tess_err e = env_fetch(t->sp, va);

	return t_check(t, "fetch", e, model_fetch(t->ms, va), 0, 0);
}

enum tess_err
t_limit(struct api *t, enum tess_limit which, uint64_t bytes)
{
	enum tess_err e = tess_space_set_limit(t->sp, which, bytes);

	return t_check(t, "set_limit", e, model_space_set_limit(t->ms, which, bytes), 0, 0);
}

enum tess_err
t_set_brk(struct api *t, tess_va va)
{
	enum tess_err e = tess_space_set_brk(t->sp, va);

	return t_check(t, "set_brk", e, model_space_set_brk(t->ms, va), 0, 0);
}

void
t_exec(struct api *t)
{
	tess_space_exec(t->sp);
	model_space_exec(t->ms);
	(void)t_compare(t);
}

/* ---- Files ---- */

static unsigned
t_enter(struct api *t, struct tess_handle h, uint64_t size, uint64_t seed)
{
	if (h.kind == TESS_HANDLE_NONE || t->nfiles == API_FILES)
		api_die("no memory for a file");
	t->file[t->nfiles] = h;
	t->object[t->nfiles] = model_object_create(t->model, h.object, h.kind, size, seed);
	return t->nfiles++;
}

unsigned
t_file(struct api *t, uint64_t size, uint64_t seed)
{
	return t_enter(t, env_file(size, seed), size, seed);
}

unsigned
t_segment(struct api *t, uint64_t size)
{
	return t_enter(t, env_segment(size), size, 0);
}

enum tess_err
t_truncate(struct api *t, unsigned file, uint64_t size)
{
	enum tess_err e = tess_object_set_size(t->file[file].object, size);

	if (e == TESS_OK)
		model_object_set_size(t->object[file], size);
	(void)t_compare(t);
	return e;
}

enum tess_err
t_pwrite(struct api *t, unsigned file, tess_off off, const void *buf, uint64_t len)
{
	uint64_t done = 0;
	enum tess_err e = tess_object_write(t->file[file].object, off, buf, len, &done);

	model_object_write(t->object[file], off, buf, done);
	(void)t_compare(t);
	return e;
}

uint8_t
t_byte(unsigned file_seed, tess_off off)
{
	return fill_byte(file_seed, off);
}

/* ---- Spaces ---- */

void
t_switch(struct api *t, unsigned space)
{
	t->cur = space;
	t->sp = t->core[space];
	t->ms = t->mod[space];
}

unsigned
t_fork(struct api *t)
{
	unsigned child = t->nspaces;

	if (child == API_SPACES || tess_space_fork(t->sp, &t->core[child]) != TESS_OK)
		api_die("no memory for a child");
	t->mod[child] = model_space_fork(t->ms);
	t->nspaces++;
	(void)t_compare(t);
	return child;
}

void
t_exit(struct api *t, unsigned space)
{
	env_leave(t->core[space]);
	tess_space_destroy(t->core[space]);
	model_space_destroy(t->mod[space]);
	t->core[space] = NULL;
}

uint64_t
t_anon_count(struct api *t)
{
	struct tess_space_counts n;

	tess_space_counts_get(t->sp, &n);
	return n.anon;
}

/* ---- Running ---- */

static void
api_comment(const char *why)
{
	env_out("# ");
	for (; *why != '\0'; why++) {
		char one[2] = {*why, '\0'};

		env_out(one);
		if (*why == '\n' && why[1] != '\0')
			env_out("# ");
	}
	env_out("\n");
}

void
api_point(unsigned *point, const char *test, const char *about, const struct api_config *cfg,
	  const char *who, const char *why)
{
	static const char *const isa[] = {"x86_64", "aarch64", "aarch64_hw"};
	char line[256];
	struct text x;

	text_init(&x, line, sizeof(line));
	text_add(&x, "%sok %u - %s: %s (%s, %s)\n", why == NULL ? "" : "not ", ++*point, test,
		 about, who, isa[cfg->isa]);
	env_out(line);
	if (why != NULL)
		api_comment(why);
}

static unsigned
api_run_one(const struct api_config *cfg, const struct api_test *test, enum tess_personality p,
	    unsigned *point)
{
	static struct api t;

	if (!api_open(&t, cfg, p)) {
		api_point(point, test->name, test->about, cfg, "no machine", "env_open failed");
		return 1;
	}
	test->fn(&t);
	if (!t.failed)
		(void)t_compare(&t);
	api_close(&t);
	api_point(point, test->name, test->about, cfg,
		  p == TESS_PERSONALITY_LINUX ? "linux" : "posix", t.failed ? t.why : NULL);
	return t.failed;
}

unsigned
api_run(const struct api_config *cfg, unsigned *point)
{
	unsigned failures = 0;

	for (unsigned f = 0; f < sizeof(api_families) / sizeof(api_families[0]); f++) {
		const struct api_family *fam = api_families[f];

		if (cfg->only != NULL && !text_equal(cfg->only, fam->name))
			continue;
		for (unsigned i = 0; i < fam->n; i++) {
			if ((fam->tests[i].personalities & API_POSIX) != 0)
				failures +=
				    api_run_one(cfg, &fam->tests[i], TESS_PERSONALITY_POSIX, point);
			if ((fam->tests[i].personalities & API_LINUX) != 0)
				failures +=
				    api_run_one(cfg, &fam->tests[i], TESS_PERSONALITY_LINUX, point);
		}
	}
	return failures;
}
