/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * call.c: both sides of every call: the core's, forced where the run forces (fail.c), then the model's, then compared.
 */
#include <tessera/object.h>
#include "api.h"
#include "fill.h"
#include "memfile.h"
#include "text.h"

/* The answers of both sides, and the state they left. */
enum tess_err
t_check(struct api *t, const char *call, enum tess_err core, enum tess_err model, uint64_t va,
	uint64_t want_va)
{
	struct text x;

	if (t->apart) {
		api_try_end(t);
		(void)t_compare(t);
	}
	if (t->failed || t->apart)
		return core;
	if (model_complaint(t->model) != NULL) {
		api_fail_text(t, call, model_complaint(t->model));
		return core;
	}
	if (core != model || (core == TESS_OK && va != want_va)) {
		t->failed = true;
		text_init(&x, t->why, sizeof(t->why));
		text_add(&x, "%s: core %s 0x%lx, model %s 0x%lx", call, tess_err_name(core), va,
			 tess_err_name(model), want_va);
		return core;
	}
	api_try_end(t);
	(void)t_compare(t);
	return core;
}

/* ---- mmap and its relatives ---- */

enum tess_err
t_mmap_args(struct api *t, const struct tess_mmap_args *a, tess_va *out)
{
	struct api_call c = {.name = "mmap", .errors = ERROR(EAGAIN)};
	tess_va va = 0xdead;
	struct model_answer ans;
	enum tess_err e, want;

	TRY(t, &c, e != TESS_OK, e, tess_mmap(t->sp, a, &va));
	ans = (struct model_answer){e, va};
	want = model_mmap(t->ms, a, &ans);
	if (e != TESS_OK && va != 0xdead)
		api_fail_text(t, "mmap", "the result was touched by a call that failed (S28)");
	if (e == TESS_OK && out != NULL)
		*out = va;
	return t_check(t, "mmap", e, want, va, ans.va);
}

enum tess_err
t_mmap_handle(struct api *t, tess_va addr, uint64_t len, unsigned prot, unsigned flags,
	      const struct tess_handle *h, tess_off off, tess_va *out)
{
	struct tess_mmap_args a = {
	    .addr = addr, .len = len, .prot = prot, .flags = flags, .handle = *h, .off = off};

	return t_mmap_args(t, &a, out);
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
t_mremap(struct api *t, tess_va old, uint64_t old_len, uint64_t new_len, unsigned flags,
	 tess_va new_addr, tess_va *out)
{
	struct api_call c = {.name = "mremap"};
	struct model_answer ans;
	tess_va va = 0;
	enum tess_err e, want;

	TRY(t, &c, e != TESS_OK, e,
	    tess_mremap(t->sp, old, old_len, new_len, flags, new_addr, &va));
	ans = (struct model_answer){e, va};
	want = model_mremap(t->ms, old, old_len, new_len, flags, new_addr, &ans);
	if (e == TESS_OK && out != NULL)
		*out = va;
	return t_check(t, "mremap", e, want, va, ans.va);
}

enum tess_err
t_brk(struct api *t, tess_va addr, tess_va *out)
{
	struct api_call c = {.name = "brk"};
	struct model_answer ans;
	tess_va va = 0;
	enum tess_err e, want;

	/* linux answers the old break instead of an error */
	TRY(t, &c, e != TESS_OK || va != addr, e, tess_brk(t->sp, addr, &va));
	ans = (struct model_answer){e, va};
	want = model_brk(t->ms, addr, &ans);
	if (e == TESS_OK && out != NULL)
		*out = va;
	return t_check(t, "brk", e, want, va, ans.va);
}

enum tess_err
t_shmat(struct api *t, unsigned file, tess_va addr, unsigned prot, tess_va *out)
{
	struct api_call c = {.name = "shmat"};
	struct model_answer ans;
	tess_va va = 0;
	enum tess_err e, want;

	TRY(t, &c, e != TESS_OK, e, tess_shmat(t->sp, &t->file[file], addr, prot, &va));
	ans = (struct model_answer){e, va};
	want = model_shmat(t->ms, &t->file[file], addr, prot, &ans);
	if (e == TESS_OK && out != NULL)
		*out = va;
	return t_check(t, "shmat", e, want, va, ans.va);
}

enum tess_err
t_shmdt(struct api *t, tess_va addr)
{
	struct api_call c = {.name = "shmdt", .left = API_LEFT_FIRST, .addr = addr};
	enum tess_err e;

	TRY(t, &c, e != TESS_OK, e, tess_shmdt(t->sp, addr));
	return t_check(t, "shmdt", e, model_shmdt(t->ms, addr), 0, 0);
}

/* ---- Ranges ---- */

enum tess_err
t_munmap(struct api *t, tess_va addr, uint64_t len)
{
	struct api_call c = {.name = "munmap"};
	enum tess_err e;

	TRY(t, &c, e != TESS_OK, e, tess_munmap(t->sp, addr, len));
	return t_check(t, "munmap", e, model_munmap(t->ms, addr, len), 0, 0);
}

static enum tess_err
t_mprotect_part(struct api *t, const struct api_call *c, uint64_t len)
{
	return model_mprotect(t->ms, c->addr, len, c->word);
}

enum tess_err
t_mprotect(struct api *t, tess_va addr, uint64_t len, unsigned prot)
{
	struct api_call c = {
	    .name = "mprotect",
	    .left = BY(t, API_LEFT_NOTHING, API_LEFT_PREFIX, API_LEFT_NOTHING, API_LEFT_NOTHING),
	    .addr = addr,
	    .len = len,
	    .word = prot,
	    .model = t_mprotect_part};
	enum tess_err e;

	TRY(t, &c, e != TESS_OK, e, tess_mprotect(t->sp, addr, len, prot));
	return t_check(t, "mprotect", e, model_mprotect(t->ms, addr, len, prot), 0, 0);
}

static enum tess_err
t_madvise_part(struct api *t, const struct api_call *c, uint64_t len)
{
	return model_madvise(t->ms, c->addr, len, (enum tess_madv)c->word);
}

enum tess_err
t_madvise(struct api *t, tess_va addr, uint64_t len, enum tess_madv advice)
{
	struct api_call c = {.name = "madvise",
			     .left = API_LEFT_PREFIX,
			     .addr = addr,
			     .len = len,
			     .word = advice,
			     .model = t_madvise_part};
	enum tess_err e;

	if (advice == TESS_MADV_POPULATE_READ || advice == TESS_MADV_POPULATE_WRITE)
		c.errors = ERROR(EFAULT); /* the pager failed */
	TRY(t, &c, e != TESS_OK, e, tess_madvise(t->sp, addr, len, advice));
	return t_check(t, "madvise", e, model_madvise(t->ms, addr, len, advice), 0, 0);
}

enum tess_err
t_msync(struct api *t, tess_va addr, uint64_t len, unsigned flags)
{
	struct api_call c = {.name = "msync"};
	enum tess_err e;

	TRY(t, &c, e != TESS_OK, e, tess_msync(t->sp, addr, len, flags));
	return t_check(t, "msync", e, model_msync(t->ms, addr, len, flags), 0, 0);
}

enum tess_err
t_mincore(struct api *t, tess_va addr, uint64_t len, unsigned char *vec)
{
	struct api_call c = {.name = "mincore"};
	enum tess_err e;

	TRY(t, &c, e != TESS_OK, e, tess_mincore(t->sp, addr, len, vec));
	return t_check(t, "mincore", e, model_mincore(t->ms, addr, len, vec), 0, 0);
}

static enum tess_err
t_mlock_part(struct api *t, const struct api_call *c, uint64_t len)
{
	return model_mlock2(t->ms, c->addr, len, c->word);
}

enum tess_err
t_mlock(struct api *t, tess_va addr, uint64_t len, unsigned flags)
{
	struct api_call c = {
	    .name = "mlock",
	    .left = BY(t, API_LEFT_PAGES, API_LEFT_PREFIX, API_LEFT_PAGES, API_LEFT_PAGES),
	    .addr = addr,
	    .len = len,
	    .word = flags,
	    .model = t_mlock_part,
	    .errors = BY(t, ERROR(EAGAIN), 0, 0, 0)};
	enum tess_err e;

	TRY(t, &c, e != TESS_OK, e,
	    flags == 0 ? tess_mlock(t->sp, addr, len) : tess_mlock2(t->sp, addr, len, flags));
	return t_check(t, "mlock", e, model_mlock2(t->ms, addr, len, flags), 0, 0);
}

static enum tess_err
t_munlock_part(struct api *t, const struct api_call *c, uint64_t len)
{
	return model_munlock(t->ms, c->addr, len);
}

enum tess_err
t_munlock(struct api *t, tess_va addr, uint64_t len)
{
	struct api_call c = {
	    .name = "munlock",
	    .left = BY(t, API_LEFT_NOTHING, API_LEFT_PREFIX, API_LEFT_NOTHING, API_LEFT_NOTHING),
	    .addr = addr,
	    .len = len,
	    .model = t_munlock_part};
	enum tess_err e;

	TRY(t, &c, e != TESS_OK, e, tess_munlock(t->sp, addr, len));
	return t_check(t, "munlock", e, model_munlock(t->ms, addr, len), 0, 0);
}

enum tess_err
t_mlockall(struct api *t, unsigned flags)
{
	struct api_call c = {.name = "mlockall"};
	enum tess_err e;

	TRY(t, &c, e != TESS_OK, e, tess_mlockall(t->sp, flags));
	return t_check(t, "mlockall", e, model_mlockall(t->ms, flags), 0, 0);
}

enum tess_err
t_munlockall(struct api *t)
{
	struct api_call c = {.name = "munlockall"};
	enum tess_err e;

	TRY(t, &c, e != TESS_OK, e, tess_munlockall(t->sp));
	return t_check(t, "munlockall", e, model_munlockall(t->ms), 0, 0);
}

enum tess_err
t_minherit(struct api *t, tess_va addr, uint64_t len, enum tess_inherit inherit)
{
	struct api_call c = {.name = "minherit"};
	enum tess_err e;

	TRY(t, &c, e != TESS_OK, e, tess_minherit(t->sp, addr, len, inherit));
	return t_check(t, "minherit", e, model_minherit(t->ms, addr, len, inherit), 0, 0);
}

/* ---- Accesses ---- */

/* A stack that cannot grow, for whatever reason, is SIGSEGV; a pager that fails is SIGBUS. */
static struct api_call
t_fault_call(struct api *t, const char *name, tess_va va)
{
	struct api_call c = {
	    .name = name, .left = API_LEFT_GROWN, .addr = va, .errors = ERROR(SIGBUS)};
	struct tess_area a;

	if (!model_space_next_area(t->ms, va, &a) || a.start > va ||
	    (a.flags & TESS_AREA_STACKGAP) != 0)
		c.errors |= ERROR(SIGSEGV);
	return c;
}

enum tess_err
t_load(struct api *t, tess_va va, uint8_t *byte)
{
	struct api_call c = t_fault_call(t, "load", va);
	uint8_t have = 0, want = 0;
	enum tess_err e, model;

	TRY(t, &c, e != TESS_OK, e, env_load(t->sp, va, &have));
	model = model_load(t->ms, va, &want);
	if (byte != NULL)
		*byte = have;
	return t_check(t, "load", e, model, have, want);
}

enum tess_err
t_store(struct api *t, tess_va va, uint8_t byte)
{
	struct api_call c = t_fault_call(t, "store", va);
	enum tess_err e;

	TRY(t, &c, e != TESS_OK, e, env_store(t->sp, va, byte));
	return t_check(t, "store", e, model_store(t->ms, va, byte), 0, 0);
}

enum tess_err
t_fetch(struct api *t, tess_va va)
{
	struct api_call c = t_fault_call(t, "fetch", va);
	enum tess_err e;

	TRY(t, &c, e != TESS_OK, e, env_fetch(t->sp, va));
	return t_check(t, "fetch", e, model_fetch(t->ms, va), 0, 0);
}

/* ---- Limits ---- */

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

/* ---- Files ---- */

static unsigned
t_enter(struct api *t, struct tess_handle h, uint64_t size, uint64_t seed)
{
	t->file[t->nfiles] = h;
	t->object[t->nfiles] = model_object_create(t->model, h.object, h.kind, size, seed);
	return t->nfiles++;
}

static struct tess_handle
t_create(struct api *t, uint64_t size, uint64_t seed, bool segment)
{
	struct api_call c = {.name = "object_create"};
	struct tess_handle h;
	enum tess_err e;

	api_try_begin(t, &c);
	do {
		h = segment ? env_segment(size) : env_file(size, seed);
		e = h.kind == TESS_HANDLE_NONE ? TESS_ENOMEM : TESS_OK;
	} while (api_try_again(t, &c, e != TESS_OK, e));
	api_try_end(t);
	if (e != TESS_OK || t->nfiles == API_FILES) {
		env_log("no memory for a file");
		__builtin_trap();
	}
	return h;
}

unsigned
t_file(struct api *t, uint64_t size, uint64_t seed)
{
	return t_enter(t, t_create(t, size, seed, false), size, seed);
}

unsigned
t_segment(struct api *t, uint64_t size)
{
	return t_enter(t, t_create(t, size, 0, true), size, 0);
}

enum tess_err
t_truncate(struct api *t, unsigned file, uint64_t size)
{
	struct api_call c = {.name = "object_set_size"};
	enum tess_err e;

	TRY(t, &c, e != TESS_OK, e, tess_object_set_size(t->file[file].object, size));
	if (e == TESS_OK)
		model_object_set_size(t->object[file], size);
	api_try_end(t);
	(void)t_compare(t);
	return e;
}

/* What a write that failed has transferred stays; then the rest is written. */
enum tess_err
t_pwrite(struct api *t, unsigned file, tess_off off, const void *buf, uint64_t len)
{
	struct api_call c = {.name = "object_write"};
	uint64_t done = 0;
	enum tess_err e;

	api_try_begin(t, &c);
	do {
		e = tess_object_write(t->file[file].object, off, buf, len, &done);
		model_object_write(t->object[file], off, buf, done);
	} while (api_try_again(t, &c, e != TESS_OK, e));
	api_try_end(t);
	(void)t_compare(t);
	return e;
}

uint8_t
t_byte(unsigned file_seed, tess_off off)
{
	return fill_byte(file_seed, off);
}

uint8_t
t_stored(struct api *t, unsigned file, tess_off off)
{
	const struct memfile *f = env_file_backing(&t->file[file]);
	uint8_t b = 0;

	if (f != NULL)
		memfile_read(f, off, &b, 1);
	return b;
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
	struct api_call c = {.name = "fork"};
	unsigned child = t->nspaces;
	struct tess_space *core = NULL;
	enum tess_err e;

	if (child == API_SPACES) {
		env_log("too many children");
		__builtin_trap();
	}
	TRY(t, &c, e != TESS_OK, e, tess_space_fork(t->sp, &core));
	if (e != TESS_OK) {
		api_fail_text(t, "fork", tess_err_name(e));
		return t->cur;
	}
	t->core[child] = core;
	t->mod[child] = model_space_fork(t->ms);
	t->nspaces++;
	api_try_end(t);
	(void)t_compare(t);
	return child;
}

void
t_exec(struct api *t)
{
	struct api_call c = {.name = "exec"};

	api_try_begin(t, &c);
	tess_space_exec(t->sp);
	(void)api_try_again(t, &c, false, TESS_OK);
	model_space_exec(t->ms);
	api_try_end(t);
	(void)t_compare(t);
}

void
t_exit(struct api *t, unsigned space)
{
	struct api_call c = {.name = "exit"};

	env_leave(t->core[space]);
	api_try_begin(t, &c);
	tess_space_destroy(t->core[space]);
	t->core[space] = NULL;
	(void)api_try_again(t, &c, false, TESS_OK);
	model_space_destroy(t->mod[space]);
	api_try_end(t);
}

uint64_t
t_anon_count(struct api *t)
{
	return t_counts(t).anon;
}

struct tess_space_counts
t_counts(struct api *t)
{
	struct tess_space_counts n;

	tess_space_counts_get(t->sp, &n);
	return n;
}

struct tess_area
t_area(struct api *t, tess_va va)
{
	struct tess_area a;

	if (!tess_space_next_area(t->sp, va, &a) || a.start > va)
		a = (struct tess_area){.start = 0};
	return a;
}

void
t_apart(struct api *t)
{
	t->apart = true;
}
