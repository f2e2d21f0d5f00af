/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * exec_mem.c: the calls on memory: the core's answer, then the model's.
 *
 * A call that an injected failure (or honest shortage) ended changed nothing: then the model is not asked.
 */
#include "exec_priv.h"

#define ARG(i) exec_arg(x, i)

/* Is the model to be asked: the core's call was not ended by an injected failure. */
bool
exec_ask(struct exec *x, const struct exec_answer *a)
{
	x->hit = x->hit || env_fail_hit();
	return x->model != NULL && !(x->hit && a->err != TESS_OK);
}

/* ---- Calls that answer an address ---- */

static struct tess_mmap_args
exec_mmap_args(struct exec *x, struct exec_space *s)
{
	return (struct tess_mmap_args){
	    .addr = ARG(0),
	    .len = ARG(1),
	    .prot = (unsigned)ARG(2),
	    .flags = exec_mmap_flags(ARG(3)),
	    .handle = exec_handle(x, s, ARG(4)),
	    .off = ARG(5),
	    .align = exec_align(ARG(3)),
	    .limit = ARG(6),
	};
}

static void
exec_mmap(struct exec *x, struct exec_space *s, struct exec_answer *a)
{
	struct tess_mmap_args m = exec_mmap_args(x, s);
	struct model_answer ans;

	a->kind = RESULT_VALUE;
	a->err = tess_mmap(s->core, &m, &a->value);
	if (a->err == TESS_OK)
		exec_mapped(s, ARG(4));
	if (!exec_ask(x, a))
		return;
	ans = (struct model_answer){a->err, a->value};
	a->want = model_mmap(s->model, &m, &ans);
	a->want_value = ans.va;
}

static void
exec_mquery(struct exec *x, struct exec_space *s, struct exec_answer *a)
{
	struct tess_mmap_args m = exec_mmap_args(x, s);
	struct model_answer ans;

	a->kind = RESULT_VALUE;
	a->err = tess_mquery(s->core, &m, &a->value);
	if (!exec_ask(x, a))
		return;
	ans = (struct model_answer){a->err, a->value};
	a->want = model_mquery(s->model, &m, &ans);
	a->want_value = ans.va;
}

static void
exec_ommap(struct exec *x, struct exec_space *s, struct exec_answer *a)
{
	struct tess_handle h = exec_handle(x, s, ARG(4));
	int64_t off = (int64_t)ARG(5);
	int32_t len = (int32_t)ARG(1);
	struct model_answer ans;

	a->kind = RESULT_VALUE;
	a->err = tess_ommap(s->core, ARG(0), len, (unsigned)ARG(2), (unsigned)ARG(3), &h, off,
			    &a->value);
	if (a->err == TESS_OK)
		exec_mapped(s, ARG(4));
	if (!exec_ask(x, a))
		return;
	ans = (struct model_answer){a->err, a->value};
	a->want =
	    model_ommap(s->model, ARG(0), len, (unsigned)ARG(2), (unsigned)ARG(3), &h, off, &ans);
	a->want_value = ans.va;
}

static void
exec_mremap(struct exec *x, struct exec_space *s, struct exec_answer *a)
{
	unsigned flags = exec_mremap_flags(ARG(3));
	struct model_answer ans;

	a->kind = RESULT_VALUE;
	a->err = tess_mremap(s->core, ARG(0), ARG(1), ARG(2), flags, ARG(4), &a->value);
	if (!exec_ask(x, a))
		return;
	ans = (struct model_answer){a->err, a->value};
	a->want = model_mremap(s->model, ARG(0), ARG(1), ARG(2), flags, ARG(4), &ans);
	a->want_value = ans.va;
}

static void
exec_mremap_bsd(struct exec *x, struct exec_space *s, struct exec_answer *a)
{
	unsigned flags = exec_remap_flags(ARG(4));
	uint8_t align = exec_align(ARG(4));
	struct model_answer ans;

	a->kind = RESULT_VALUE;
	a->err = tess_mremap_bsd(s->core, ARG(0), ARG(1), ARG(2), ARG(3), flags, align, &a->value);
	if (!exec_ask(x, a))
		return;
	ans = (struct model_answer){a->err, a->value};
	a->want = model_mremap_bsd(s->model, ARG(0), ARG(1), ARG(2), ARG(3), flags, align, &ans);
	a->want_value = ans.va;
}

static void
exec_brk(struct exec *x, struct exec_space *s, struct exec_answer *a)
{
	struct model_answer ans;

	a->kind = RESULT_VALUE;
	a->err = tess_brk(s->core, ARG(0), &a->value);
	if (!exec_ask(x, a))
		return;
	if (x->hit && a->value != ARG(0)) {
		a->want_value =
		    a->value; /* linux: an injected failure left the break where it was */
		return;
	}
	ans = (struct model_answer){a->err, a->value};
	a->want = model_brk(s->model, ARG(0), &ans);
	a->want_value = ans.va;
}

static void
exec_sbrk(struct exec *x, struct exec_space *s, struct exec_answer *a)
{
	struct model_answer ans;

	a->kind = RESULT_VALUE;
	a->err = tess_sbrk(s->core, (int64_t)ARG(0), &a->value);
	if (!exec_ask(x, a))
		return;
	ans = (struct model_answer){a->err, a->value};
	a->want = model_sbrk(s->model, (int64_t)ARG(0), &ans);
	a->want_value = ans.va;
}

static void
exec_shmat(struct exec *x, struct exec_space *s, struct exec_answer *a)
{
	struct tess_handle h = exec_handle(x, s, ARG(0));
	unsigned prot = TESS_PROT_READ;
	struct model_answer ans;

	prot |= (ARG(2) & 0x1000) != 0 ? 0 : TESS_PROT_WRITE;
	prot |= (ARG(2) & 0x8000) != 0 ? TESS_PROT_EXEC : 0;
	a->kind = RESULT_VALUE;
	a->err = tess_shmat(s->core, &h, ARG(1), prot, &a->value);
	if (!exec_ask(x, a))
		return;
	ans = (struct model_answer){a->err, a->value};
	a->want = model_shmat(s->model, &h, ARG(1), prot, &ans);
	a->want_value = ans.va;
}

/* ---- Accesses ---- */

static void
exec_access(struct exec *x, struct exec_space *s, struct exec_answer *a)
{
	uint8_t byte = (uint8_t)ARG(1), want = 0;

	a->kind = x->op->call == CALL_LOAD ? RESULT_BYTE : RESULT_ERR;
	if (x->op->call == CALL_LOAD)
		a->err = env_load(s->core, ARG(0), &byte);
	else if (x->op->call == CALL_STORE)
		a->err = env_store(s->core, ARG(0), byte);
	else
		a->err = env_fetch(s->core, ARG(0));
	if (x->op->call == CALL_LOAD && a->err == TESS_OK)
		a->value = byte;
	if (!exec_ask(x, a))
		return;
	if (x->op->call == CALL_LOAD)
		a->want = model_load(s->model, ARG(0), &want);
	else if (x->op->call == CALL_STORE)
		a->want = model_store(s->model, ARG(0), byte);
	else
		a->want = model_fetch(s->model, ARG(0));
	if (x->op->call == CALL_LOAD && a->want == TESS_OK)
		a->want_value = want;
}

/* ---- mincore ---- */

static void
exec_mincore(struct exec *x, struct exec_space *s, struct exec_answer *a)
{
	/* bsd: the address is truncated, so a range may touch one page more. */
	uint64_t len = x->p->personality == TESS_PERSONALITY_BSD && ARG(1) != 0 &&
			       ARG(1) + (ARG(0) & TESS_PAGE_MASK) > ARG(1)
			   ? ARG(1) + (ARG(0) & TESS_PAGE_MASK)
			   : ARG(1);
	uint64_t pages = (len >> TESS_PAGE_SHIFT) + ((len & TESS_PAGE_MASK) != 0);
	bool null = x->op->nargs == 3 && ARG(2) == 0;

	/* A length beyond the address space is refused before the vector is written. */
	if (pages > (uint64_t)1 << 26)
		pages = 1;
	a->kind = RESULT_BYTES;
	if (!null) {
		a->room = pages == 0 ? 1 : pages;
		a->bytes = x->mem->get(x->mem, a->room);
		if (a->bytes == NULL) {
			*a = (struct exec_answer){.kind = RESULT_SYS, .word = "-ENOMEM"};
			return;
		}
	}
	if (x->op->call == CALL_MINCORE)
		a->err = tess_mincore(s->core, ARG(0), ARG(1), a->bytes);
	else
		a->err = tess_mincore_detail(s->core, ARG(0), ARG(1), a->bytes);
	a->nbytes = ARG(1) == 0 ? 0 : pages;
	if (!exec_ask(x, a))
		return;
	if (x->op->call == CALL_MINCORE)
		a->want = model_mincore(s->model, ARG(0), ARG(1), a->bytes);
	else
		a->want = model_mincore_detail(s->model, ARG(0), ARG(1), a->bytes);
}

/* ---- Calls that answer OK or an error ---- */

static enum tess_err
exec_plain_core(struct exec *x, struct tess_space *sp)
{
	switch (x->op->call) {
	case CALL_MUNMAP:
		return tess_munmap(sp, ARG(0), ARG(1));
	case CALL_MPROTECT:
		return tess_mprotect(sp, ARG(0), ARG(1), (unsigned)ARG(2));
	case CALL_MADVISE:
		return tess_madvise(sp, ARG(0), ARG(1), exec_madv(ARG(2)));
	case CALL_POSIX_MADVISE:
		return tess_posix_madvise(sp, ARG(0), ARG(1), exec_posix_madv(ARG(2)));
	case CALL_MIMMUTABLE:
		return tess_mimmutable(sp, ARG(0), ARG(1));
	case CALL_MSEAL:
		return tess_mseal(sp, ARG(0), ARG(1), (unsigned)ARG(2));
	case CALL_MSYNC:
		return tess_msync(sp, ARG(0), ARG(1), exec_msync_flags(ARG(2)));
	case CALL_MLOCK:
		return tess_mlock(sp, ARG(0), ARG(1));
	case CALL_MLOCK2:
		return tess_mlock2(sp, ARG(0), ARG(1), (unsigned)ARG(2));
	case CALL_MUNLOCK:
		return tess_munlock(sp, ARG(0), ARG(1));
	case CALL_MLOCKALL:
		return tess_mlockall(sp, (unsigned)ARG(0));
	case CALL_MUNLOCKALL:
		return tess_munlockall(sp);
	case CALL_MINHERIT:
		return tess_minherit(sp, ARG(0), ARG(1), exec_inherit(ARG(2)));
	case CALL_SHMDT:
		return tess_shmdt(sp, ARG(0));
	}
	return TESS_EINVAL;
}

static enum tess_err
exec_plain_model(struct exec *x, struct model_space *sp)
{
	switch (x->op->call) {
	case CALL_MUNMAP:
		return model_munmap(sp, ARG(0), ARG(1));
	case CALL_MPROTECT:
		return model_mprotect(sp, ARG(0), ARG(1), (unsigned)ARG(2));
	case CALL_MADVISE:
		return model_madvise(sp, ARG(0), ARG(1), exec_madv(ARG(2)));
	case CALL_POSIX_MADVISE:
		return model_posix_madvise(sp, ARG(0), ARG(1), exec_posix_madv(ARG(2)));
	case CALL_MIMMUTABLE:
		return model_mimmutable(sp, ARG(0), ARG(1));
	case CALL_MSEAL:
		return model_mseal(sp, ARG(0), ARG(1), (unsigned)ARG(2));
	case CALL_MSYNC:
		return model_msync(sp, ARG(0), ARG(1), exec_msync_flags(ARG(2)));
	case CALL_MLOCK:
		return model_mlock2(sp, ARG(0), ARG(1), 0);
	case CALL_MLOCK2:
		return model_mlock2(sp, ARG(0), ARG(1), (unsigned)ARG(2));
	case CALL_MUNLOCK:
		return model_munlock(sp, ARG(0), ARG(1));
	case CALL_MLOCKALL:
		return model_mlockall(sp, (unsigned)ARG(0));
	case CALL_MUNLOCKALL:
		return model_munlockall(sp);
	case CALL_MINHERIT:
		return model_minherit(sp, ARG(0), ARG(1), exec_inherit(ARG(2)));
	case CALL_SHMDT:
		return model_shmdt(sp, ARG(0));
	}
	return TESS_EINVAL;
}

/* Only the model's half of a call on a range. */
void
exec_model_call(struct exec *x, struct exec_space *s, struct exec_answer *a)
{
	a->want = exec_plain_model(x, s->model);
}

static void
exec_plain(struct exec *x, struct exec_space *s, struct exec_answer *a)
{
	a->kind = RESULT_ERR;
	a->err = exec_plain_core(x, s->core);
	if (exec_ask(x, a))
		a->want = exec_plain_model(x, s->model);
}

static void
exec_setrlimit(struct exec *x, struct exec_space *s, struct exec_answer *a)
{
	int which = exec_limit(ARG(0));

	a->kind = RESULT_ERR;
	if (which < 0) {
		a->err = a->want = TESS_EINVAL;
		return;
	}
	a->err = tess_space_set_limit(s->core, (enum tess_limit)which, ARG(1));
	if (exec_ask(x, a))
		a->want = model_space_set_limit(s->model, (enum tess_limit)which, ARG(1));
}

typedef void (*exec_fn)(struct exec *x, struct exec_space *s, struct exec_answer *a);

/* Calls that ask the space nothing that changes. */
static void
exec_constant(struct exec *x, struct exec_space *s, struct exec_answer *a)
{
	a->kind = RESULT_VALUE;
	if (x->op->call == CALL_SSTK) {
		a->err = tess_sstk(s->core, (int64_t)ARG(0));
		a->want = TESS_EOPNOTSUPP;
	} else {
		a->value = tess_getpagesize();
		a->want_value = TESS_PAGE_SIZE;
	}
}

static const exec_fn exec_memory_calls[CALL_COUNT] = {
    [CALL_MMAP] = exec_mmap,
    [CALL_MUNMAP] = exec_plain,
    [CALL_MPROTECT] = exec_plain,
    [CALL_MADVISE] = exec_plain,
    [CALL_POSIX_MADVISE] = exec_plain,
    [CALL_MSYNC] = exec_plain,
    [CALL_MINCORE] = exec_mincore,
    [CALL_MLOCK] = exec_plain,
    [CALL_MLOCK2] = exec_plain,
    [CALL_MUNLOCK] = exec_plain,
    [CALL_MLOCKALL] = exec_plain,
    [CALL_MUNLOCKALL] = exec_plain,
    [CALL_MINHERIT] = exec_plain,
    [CALL_MREMAP] = exec_mremap,
    [CALL_BRK] = exec_brk,
    [CALL_SBRK] = exec_sbrk,
    [CALL_MINCORE_DETAIL] = exec_mincore,
    [CALL_MQUERY] = exec_mquery,
    [CALL_MIMMUTABLE] = exec_plain,
    [CALL_MSEAL] = exec_plain,
    [CALL_MREMAP_BSD] = exec_mremap_bsd,
    [CALL_OMMAP] = exec_ommap,
    [CALL_SSTK] = exec_constant,
    [CALL_GETPAGESIZE] = exec_constant,
    [CALL_SHMAT] = exec_shmat,
    [CALL_SHMDT] = exec_plain,
    [CALL_LOAD] = exec_access,
    [CALL_STORE] = exec_access,
    [CALL_FETCH] = exec_access,
    [CALL_SETRLIMIT] = exec_setrlimit,
};

bool
exec_memory_call(struct exec *x, struct exec_space *s, struct exec_answer *a)
{
	exec_fn fn = exec_memory_calls[x->op->call];

	if (fn == NULL)
		return false;
	fn(x, s, a);
	return true;
}
