/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * exec_mem.c: the calls on memory: the core's answer, then the model's.
 *
 * A call that an injected failure (or honest shortage) ended changed nothing: then the model is not asked.
 */
#include "exec_priv.h"

/* ---- Linux's numbers to tessera's ---- */

struct exec_bit {
	uint64_t linux_bit;
	unsigned bit;
};

static unsigned
exec_bits(uint64_t v, const struct exec_bit *map, unsigned unknown)
{
	unsigned out = 0;

	for (; map->linux_bit != 0; map++) {
		if ((v & map->linux_bit) == map->linux_bit) {
			out |= map->bit;
			v &= ~map->linux_bit;
		}
	}
	return v != 0 ? out | unknown : out;
}

static unsigned
exec_mmap_flags(uint64_t v)
{
	static const struct exec_bit map[] = {
	    {0x1, TESS_MAP_SHARED},
	    {0x2, TESS_MAP_PRIVATE},
	    {0x10, TESS_MAP_FIXED},
	    {0x20, TESS_MAP_ANON},
	    {0x100, TESS_MAP_GROWSDOWN},
	    {0x800, TESS_MAP_DENYWRITE},
	    {0x1000, TESS_MAP_EXECUTABLE},
	    {0x2000, TESS_MAP_LOCKED},
	    {0x4000, TESS_MAP_NORESERVE},
	    {0x8000, TESS_MAP_POPULATE},
	    {0x10000, TESS_MAP_NONBLOCK},
	    {0x20000, TESS_MAP_STACK},
	    {0x100000, TESS_MAP_FIXED_NOREPLACE},
	    {0, 0},
	};

	return exec_bits(v, map, 0x80000000u);
}

static enum tess_madv
exec_madv(uint64_t v)
{
	static const struct {
		uint8_t number, madv;
	} map[] = {
	    {0, TESS_MADV_NORMAL},         {1, TESS_MADV_RANDOM},
	    {2, TESS_MADV_SEQUENTIAL},     {3, TESS_MADV_WILLNEED},
	    {4, TESS_MADV_DONTNEED},       {8, TESS_MADV_FREE},
	    {10, TESS_MADV_DONTFORK},      {11, TESS_MADV_DOFORK},
	    {12, TESS_MADV_MERGEABLE},     {13, TESS_MADV_UNMERGEABLE},
	    {14, TESS_MADV_HUGEPAGE},      {15, TESS_MADV_NOHUGEPAGE},
	    {16, TESS_MADV_DONTDUMP},      {17, TESS_MADV_DODUMP},
	    {18, TESS_MADV_WIPEONFORK},    {19, TESS_MADV_KEEPONFORK},
	    {20, TESS_MADV_COLD},          {21, TESS_MADV_PAGEOUT},
	    {22, TESS_MADV_POPULATE_READ}, {23, TESS_MADV_POPULATE_WRITE},
	};

	for (unsigned i = 0; i < sizeof(map) / sizeof(map[0]); i++)
		if (map[i].number == v)
			return (enum tess_madv)map[i].madv;
	return TESS_MADV_UNKNOWN;
}

static int
exec_limit(uint64_t v)
{
	switch (v) {
	case 2:
		return TESS_LIMIT_DATA;
	case 3:
		return TESS_LIMIT_STACK;
	case 8:
		return TESS_LIMIT_MEMLOCK;
	case 9:
		return TESS_LIMIT_AS;
	}
	return -1;
}

static enum tess_inherit
exec_inherit(uint64_t v)
{
	static const uint8_t map[] = {TESS_INHERIT_SHARE, TESS_INHERIT_COPY, TESS_INHERIT_NONE,
				      TESS_INHERIT_ZERO};

	return v < sizeof(map) ? (enum tess_inherit)map[v] : (enum tess_inherit)99;
}

/* Is the model to be asked: the core's call was not ended by an injected failure. */
static bool
exec_ask(struct exec *x, const struct exec_answer *a)
{
	x->hit = x->hit || env_fail_hit();
	return x->model != NULL && !(x->hit && a->err != TESS_OK);
}

#define ARG(i) exec_arg(x, i)

/* ---- Calls that answer an address ---- */

static void
exec_mmap(struct exec *x, struct exec_space *s, struct exec_answer *a)
{
	struct tess_mmap_args m = {
	    .addr = ARG(0),
	    .len = ARG(1),
	    .prot = (unsigned)ARG(2),
	    .flags = exec_mmap_flags(ARG(3)),
	    .handle = exec_handle(x, s, ARG(4)),
	    .off = ARG(5),
	};
	struct model_answer ans;

	a->kind = RESULT_VALUE;
	a->err = tess_mmap(s->core, &m, &a->value);
	if (!exec_ask(x, a))
		return;
	ans = (struct model_answer){a->err, a->value};
	a->want = model_mmap(s->model, &m, &ans);
	a->want_value = ans.va;
}

static void
exec_mremap(struct exec *x, struct exec_space *s, struct exec_answer *a)
{
	static const struct exec_bit map[] = {
	    {1, TESS_MREMAP_MAYMOVE}, {2, TESS_MREMAP_FIXED}, {4, TESS_MREMAP_DONTUNMAP}, {0, 0}};
	unsigned flags = exec_bits(ARG(3), map, TESS_MREMAP_UNKNOWN);
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
exec_brk_to(struct exec *x, struct exec_space *s, tess_va to, struct exec_answer *a)
{
	struct model_answer ans;

	a->kind = RESULT_VALUE;
	a->err = tess_brk(s->core, to, &a->value);
	if (a->err == TESS_OK)
		s->brk = a->value;
	if (!exec_ask(x, a))
		return;
	if (x->hit && a->value != to) {
		a->want_value =
		    a->value; /* linux: an injected failure left the break where it was */
		return;
	}
	ans = (struct model_answer){a->err, a->value};
	a->want = model_brk(s->model, to, &ans);
	a->want_value = ans.va;
}

static void
exec_sbrk(struct exec *x, struct exec_space *s, struct exec_answer *a)
{
	tess_va old = s->brk, to = old + ARG(0);

	a->kind = RESULT_VALUE;
	if (ARG(0) == 0) {
		a->value = a->want_value = old;
		return;
	}
	exec_brk_to(x, s, to, a);
	if (x->model == NULL)
		a->want_value = a->value;
	if (a->err == TESS_OK && a->value == to && a->want_value == to) {
		a->value = a->want_value = old;
	} else if (a->err == TESS_OK && a->value == a->want_value) {
		a->err = a->want = TESS_ENOMEM;
	}
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
	uint64_t pages = (ARG(1) >> TESS_PAGE_SHIFT) + ((ARG(1) & TESS_PAGE_MASK) != 0);
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
	a->err = tess_mincore(s->core, ARG(0), ARG(1), a->bytes);
	a->nbytes = pages;
	if (ARG(1) == 0)
		a->nbytes = 0;
	if (exec_ask(x, a))
		a->want = model_mincore(s->model, ARG(0), ARG(1), a->bytes);
}

/* ---- Calls that answer OK or an error ---- */

static unsigned
exec_msync_flags(uint64_t v)
{
	static const struct exec_bit map[] = {
	    {1, TESS_MS_ASYNC}, {2, TESS_MS_INVALIDATE}, {4, TESS_MS_SYNC}, {0, 0}};

	return exec_bits(v, map, TESS_MS_UNKNOWN);
}

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

/*
 * posix_madvise: the first five advices; DONTNEED never loses data, so where madvise would discard it is
 * only checked, as WILLNEED is.
 */
static void
exec_posix_madvise(struct exec *x, struct exec_space *s, struct exec_answer *a)
{
	enum tess_madv advice = ARG(2) <= 4 ? exec_madv(ARG(2)) : TESS_MADV_UNKNOWN;

	if (advice == TESS_MADV_DONTNEED && x->p->personality == TESS_PERSONALITY_LINUX)
		advice = TESS_MADV_WILLNEED;
	a->kind = RESULT_ERR;
	a->err = tess_madvise(s->core, ARG(0), ARG(1), advice);
	if (exec_ask(x, a))
		a->want = model_madvise(s->model, ARG(0), ARG(1), advice);
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

static void
exec_brk(struct exec *x, struct exec_space *s, struct exec_answer *a)
{
	exec_brk_to(x, s, ARG(0), a);
}

static const exec_fn exec_memory_calls[CALL_COUNT] = {
    [CALL_MMAP] = exec_mmap,
    [CALL_MUNMAP] = exec_plain,
    [CALL_MPROTECT] = exec_plain,
    [CALL_MADVISE] = exec_plain,
    [CALL_POSIX_MADVISE] = exec_posix_madvise,
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
