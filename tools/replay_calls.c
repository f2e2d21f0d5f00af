/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * replay_calls.c: one recorded call into calls of the core, and its result judged.
 *
 * A call that failed is made with the recorded arguments and must fail with the same number.  A call that
 * succeeded must succeed; where the kernel chose an address, the core first chooses by itself, then the result
 * is moved to where it was recorded:
 *
 *	mmap hint len ... = RESULT	mmap(hint) ─► RESULT: keep
 *	                                           └► elsewhere: munmap, mmap(RESULT, FIXED_NOREPLACE)
 *	mremap ... = RESULT		stayed: mremap without MAYMOVE; moved: mremap to RESULT, FIXED
 */
#include <tessera/debug.h>

#include "replay_priv.h"

/* "-EINVAL", "7f0012345000" or "0" into buf. */
static const char *
answer_word(char *buf, size_t size, int number, tess_va va)
{
	struct text t;
	const char *name = trace_errno_name(number);

	text_init(&t, buf, size);
	if (number == 0)
		text_add(&t, "%lx", va);
	else if (name != NULL)
		text_add(&t, "-%s", name);
	else
		text_add(&t, "error %d", number);
	return buf;
}

/*
 * answer_judge: the recorded answer against the core's (`va`: meaningless unless OK).
 *
 * => whether they agree
 */
static bool
answer_judge(struct replay *r, enum tess_err e, tess_va va)
{
	int number = tess_err_number(TESS_PERSONALITY_LINUX, e);
	char recorded[32], core[32];

	if (number == r->rec.err && (number != 0 || va == r->rec.result))
		return true;
	if (e == TESS_ENOMEM && replay_starved(r))
		return false;
	replay_result_wrong(r, answer_word(recorded, sizeof(recorded), r->rec.err, r->rec.result),
			    answer_word(core, sizeof(core), number, va));
	return false;
}

/* ---- mmap ---- */

/* Which object the core made for shared anonymous memory: look, and keep a reference. */
static void
zero_bind(struct replay *r, struct replay_space *s)
{
	struct replay_object *o = replay_object(r, r->rec.obj);
	struct tess_area a;

	if (o == NULL || o->core != NULL || !tess_space_next_area(s->core, r->rec.result, &a) ||
	    a.start > r->rec.result || a.object == NULL)
		return;
	o->core = a.object;
	tess_object_ref(o->core);
}

static void
mmap_args(struct replay *r, struct tess_mmap_args *a)
{
	*a = (struct tess_mmap_args){
	    .addr = r->rec.addr,
	    .len = r->rec.len,
	    .prot = r->rec.prot,
	    .flags = r->rec.flags,
	    .off = r->rec.off,
	};
	if (a->flags & TESS_MAP_ANON)
		return;
	a->handle = replay_handle(r, r->rec.obj, r->rec.mode);
	/* No object and not anonymous: a descriptor that is closed, or one that cannot be mapped. */
	if (a->handle.kind == TESS_HANDLE_NONE) {
		bool unmappable = r->rec.err == trace_errno_number("ENODEV", 6);
		a->handle.kind = unmappable ? TESS_HANDLE_OTHER : TESS_HANDLE_BAD;
		a->handle.mode = r->rec.mode;
	}
}

/* The core's own placement.  true: it chose the recorded address, the call is done. */
static bool
mmap_trial(struct replay *r, struct replay_space *s, const struct tess_mmap_args *a)
{
	struct tess_mmap_args trial = *a;
	tess_va va = 0;

	trial.flags &= ~(unsigned)(TESS_MAP_POPULATE | TESS_MAP_LOCKED);
	enum tess_err e = both_mmap(r, s, &trial, &va);
	if (e != TESS_OK) {
		answer_judge(r, e, va);
		return false;
	}
	if (va == r->rec.result && trial.flags == a->flags)
		return true;
	if (both_munmap(r, s, va, a->len) != TESS_OK)
		replay_result_wrong(r, "a trial", "cannot be unmapped");
	return false;
}

static void
call_mmap(struct replay *r, struct replay_space *s)
{
	struct tess_mmap_args a;
	tess_va va = 0;

	mmap_args(r, &a);
	if (r->end != REPLAY_DONE)
		return;
	bool fixed = a.flags & (TESS_MAP_FIXED | TESS_MAP_FIXED_NOREPLACE);
	if (r->rec.err == 0 && !fixed) {
		if (mmap_trial(r, s, &a)) {
			zero_bind(r, s);
			return;
		}
		a.addr = r->rec.result;
		a.flags |= TESS_MAP_FIXED_NOREPLACE;
	}
	enum tess_err e = both_mmap(r, s, &a, &va);
	if (answer_judge(r, e, va) && e == TESS_OK)
		zero_bind(r, s);
	else if (e == TESS_OK && r->rec.err != 0 && both_munmap(r, s, va, a.len) != TESS_OK)
		replay_result_wrong(r, "failure", "cannot be unmapped");
}

/* ---- The others ---- */

static void
call_mremap(struct replay *r, struct replay_space *s)
{
	unsigned flags = r->rec.flags;
	tess_va to = r->rec.addr2, va = 0;

	if (r->rec.err == 0 && !(flags & TESS_MREMAP_FIXED)) {
		if (r->rec.result == r->rec.addr && !(flags & TESS_MREMAP_DONTUNMAP)) {
			flags &= ~(unsigned)TESS_MREMAP_MAYMOVE;
		} else {
			flags |= TESS_MREMAP_FIXED;
			to = r->rec.result;
		}
	}
	enum tess_err e = both_mremap(r, s, &r->rec, flags, to, &va);
	answer_judge(r, e, va);
}

static void
call_mprotect(struct replay *r, struct replay_space *s)
{
	unsigned prot = r->rec.prot;

	/* The text may show less than the call had: see replay.h. */
	if (r->rec.err == trace_errno_number("EINVAL", 6) && tess_page_aligned(r->rec.addr) &&
	    (prot & ~(unsigned)TESS_PROT_ALL) == 0)
		prot |= TRACE_PROT_UNKNOWN;
	answer_judge(r, both_mprotect(r, s, r->rec.addr, r->rec.len, prot), 0);
}

static enum tess_madv
madvise_advice(uint32_t number)
{
	static const uint8_t known[] = {
	    [0] = TESS_MADV_NORMAL,         [1] = TESS_MADV_RANDOM,
	    [2] = TESS_MADV_SEQUENTIAL,     [3] = TESS_MADV_WILLNEED,
	    [4] = TESS_MADV_DONTNEED,       [5 ... 7] = TESS_MADV_UNKNOWN,
	    [8] = TESS_MADV_FREE,           [9] = TESS_MADV_UNKNOWN,
	    [10] = TESS_MADV_DONTFORK,      [11] = TESS_MADV_DOFORK,
	    [12] = TESS_MADV_MERGEABLE,     [13] = TESS_MADV_UNMERGEABLE,
	    [14] = TESS_MADV_HUGEPAGE,      [15] = TESS_MADV_NOHUGEPAGE,
	    [16] = TESS_MADV_DONTDUMP,      [17] = TESS_MADV_DODUMP,
	    [18] = TESS_MADV_WIPEONFORK,    [19] = TESS_MADV_KEEPONFORK,
	    [20] = TESS_MADV_COLD,          [21] = TESS_MADV_PAGEOUT,
	    [22] = TESS_MADV_POPULATE_READ, [23] = TESS_MADV_POPULATE_WRITE,
	};

	return number < sizeof(known) ? (enum tess_madv)known[number] : TESS_MADV_UNKNOWN;
}

/* Which pages of a range are private: one bit each.  NULL: none, or no memory. */
static uint64_t *
private_pages(struct replay *r, struct replay_space *s, tess_va start, uint64_t n)
{
	struct model_mem *mem = r->cfg->mem;
	uint64_t *bits = mem->get(mem, (n / 64 + 1) * 8);
	struct tess_view view;

	for (uint64_t i = 0; bits != NULL && i <= n / 64; i++)
		bits[i] = 0;
	for (uint64_t i = 0; bits != NULL && i < n; i++) {
		tess_space_view(s->core, start + i * TESS_PAGE_SIZE, &view);
		if (view.kind == TESS_VIEW_ANON)
			bits[i / 64] |= (uint64_t)1 << i % 64;
	}
	return bits;
}

/*
 * MADV_FREE: the recorded kernel, short of nothing, had not taken the pages yet; the core may take them at
 * once.  Writing those that are gone brings the space where the trace goes on.
 */
static void
call_free(struct replay *r, struct replay_space *s)
{
	struct model_mem *mem = r->cfg->mem;
	uint64_t n = tess_page_round(r->rec.len) / TESS_PAGE_SIZE;
	tess_va start = r->rec.addr;
	uint64_t *was = r->rec.err == 0 ? private_pages(r, s, start, n) : NULL;

	answer_judge(r, both_madvise(r, s, start, r->rec.len, TESS_MADV_FREE), 0);
	for (uint64_t i = 0; was != NULL && i < n && r->end == REPLAY_DONE; i++) {
		tess_va va = start + i * TESS_PAGE_SIZE;
		struct tess_area a;
		if (!(was[i / 64] >> i % 64 & 1) || !tess_space_next_area(s->core, va, &a) ||
		    !(a.prot & TESS_PROT_WRITE))
			continue;
		if (both_access(r, s, va, TESS_ACCESS_WRITE) == TESS_ENOMEM)
			r->end = REPLAY_NO_MEMORY;
	}
	if (was != NULL)
		mem->put(mem, was, (n / 64 + 1) * 8);
}

static void
call_madvise(struct replay *r, struct replay_space *s)
{
	enum tess_madv advice = madvise_advice(r->rec.flags);

	if (advice == TESS_MADV_FREE)
		call_free(r, s);
	else
		answer_judge(r, both_madvise(r, s, r->rec.addr, r->rec.len, advice), 0);
}

static void
call_msync(struct replay *r, struct replay_space *s)
{
	unsigned known =
	    TESS_MS_ASYNC | TESS_MS_INVALIDATE | TESS_MS_SYNC; /* Linux's numbers too */
	unsigned flags = r->rec.flags & known;

	if (r->rec.flags & ~known)
		flags |= TESS_MS_UNKNOWN;
	answer_judge(r, both_msync(r, s, r->rec.addr, r->rec.len, flags), 0);
}

static void
call_mincore(struct replay *r, struct replay_space *s)
{
	struct model_mem *mem = r->cfg->mem;
	uint64_t pages = r->rec.len / TESS_PAGE_SIZE + 1;
	unsigned char *vec = NULL;

	if (r->rec.err != trace_errno_number("EFAULT", 6)) {
		vec = mem->get(mem, pages);
		if (vec == NULL) {
			r->end = REPLAY_NO_MEMORY;
			return;
		}
	}
	answer_judge(r, both_mincore(r, s, r->rec.addr, r->rec.len, vec), 0);
	if (vec != NULL)
		mem->put(mem, vec, pages);
}

static void
call_brk(struct replay *r, struct replay_space *s)
{
	tess_va va = 0;
	enum tess_err e = both_brk(r, s, r->rec.addr, &va);

	answer_judge(r, e, va);
}

static void
call_shmat(struct replay *r, struct replay_space *s)
{
	struct tess_handle h = replay_handle(r, r->rec.obj, TESS_MODE_READ | TESS_MODE_WRITE);
	tess_va va = 0;

	if (r->end != REPLAY_DONE)
		return;
	if (h.kind == TESS_HANDLE_NONE)
		h.kind = TESS_HANDLE_BAD;
	if (r->rec.err == 0 && r->rec.addr == 0) {
		enum tess_err e = both_shmat(r, s, &h, 0, r->rec.prot, &va);
		if (e != TESS_OK || va == r->rec.result) {
			answer_judge(r, e, va);
			return;
		}
		if (both_shmdt(r, s, va) != TESS_OK)
			replay_result_wrong(r, "a trial", "cannot be detached");
	}
	enum tess_err e =
	    both_shmat(r, s, &h, r->rec.err == 0 ? r->rec.result : r->rec.addr, r->rec.prot, &va);
	answer_judge(r, e, va);
}

void
replay_call(struct replay *r, struct replay_space *s)
{
	uint64_t addr = r->rec.addr, len = r->rec.len;
	enum tess_err e = TESS_OK;

	switch (r->rec.kind) {
	case TRACE_MMAP:
		call_mmap(r, s);
		return;
	case TRACE_MREMAP:
		call_mremap(r, s);
		return;
	case TRACE_MPROTECT:
		call_mprotect(r, s);
		return;
	case TRACE_MSYNC:
		call_msync(r, s);
		return;
	case TRACE_MINCORE:
		call_mincore(r, s);
		return;
	case TRACE_BRK:
		call_brk(r, s);
		return;
	case TRACE_SHMAT:
		call_shmat(r, s);
		return;
	case TRACE_MADVISE:
		call_madvise(r, s);
		return;
	case TRACE_MUNMAP:
		e = both_munmap(r, s, addr, len);
		break;
	case TRACE_MLOCK:
	case TRACE_MLOCK2:
		e = both_mlock2(r, s, addr, len, r->rec.flags);
		break;
	case TRACE_MUNLOCK:
		e = both_munlock(r, s, addr, len);
		break;
	case TRACE_MLOCKALL:
		e = both_mlockall(r, s, r->rec.flags);
		break;
	case TRACE_MUNLOCKALL:
		e = both_munlockall(r, s);
		break;
	default:
		e = both_shmdt(r, s, addr);
		break;
	}
	answer_judge(r, e, 0);
}
