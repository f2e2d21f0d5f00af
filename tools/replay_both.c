/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * replay_both.c: each call made on the core, timed, and then on the model when there is one.
 *
 *	both_munmap ─┬─► tess_munmap   e ────┐
 *	             └─► model_munmap  want ─┴─► not the same: a result that differs
 *
 * The model is told the core's answer, so that it can adopt the addresses the core chose.
 */
#include <tessera/debug.h>
#include <tessera/machine.h>

#include "replay_priv.h"

static uint64_t
clock_now(const struct replay *r)
{
	return r->cfg->now == NULL ? 0 : r->cfg->now();
}

static const char *
err_word(enum tess_err e)
{
	const char *name = trace_errno_name(tess_err_number(TESS_PERSONALITY_LINUX, e));

	return e == TESS_OK        ? "success"
	       : e == TESS_SIGSEGV ? "SIGSEGV"
	       : e == TESS_SIGBUS  ? "SIGBUS"
	       : name == NULL      ? "an error linux does not have"
				   : name;
}

static void
model_says(struct replay *r, const char *model, const char *core)
{
	struct text t;
	char buf[320];

	r->res->results++;
	if (r->cfg->note == NULL)
		return;
	replay_differ(r, &t, buf, sizeof(buf));
	text_add(&t, "model %s, core %s", model, core);
	replay_note(r, &t);
}

/* The model's verdict against the core's. */
static void
model_judge(struct replay *r, enum tess_err core, enum tess_err want)
{
	const char *complaint = model_complaint(r->model);

	if (core == TESS_ENOMEM && want == TESS_OK && replay_starved(r))
		return;
	if (want != core)
		model_says(r, err_word(want), err_word(core));
	else if (complaint != NULL)
		model_says(r, complaint, "answers otherwise");
}

/* The same for calls that answer an address. */
static void
model_judge_va(struct replay *r, enum tess_err want, const struct model_answer *before,
	       const struct model_answer *after)
{
	model_judge(r, before->err, want);
	if (want == TESS_OK && before->err == TESS_OK && before->va != after->va)
		model_says(r, "another address", "answers otherwise");
}

enum tess_err
both_mmap(struct replay *r, struct replay_space *s, const struct tess_mmap_args *a, tess_va *out)
{
	uint64_t t = clock_now(r);
	enum tess_err e = tess_mmap(s->core, a, out);

	r->res->call_ns += clock_now(r) - t;
	if (s->model != NULL) {
		struct model_answer core = {.err = e, .va = e == TESS_OK ? *out : 0}, ans = core;
		enum tess_err want = model_mmap(s->model, a, &ans);
		model_judge_va(r, want, &core, &ans);
	}
	return e;
}

enum tess_err
both_munmap(struct replay *r, struct replay_space *s, tess_va addr, uint64_t len)
{
	uint64_t t = clock_now(r);
	enum tess_err e = tess_munmap(s->core, addr, len);

	r->res->call_ns += clock_now(r) - t;
	if (s->model != NULL)
		model_judge(r, e, model_munmap(s->model, addr, len));
	return e;
}

enum tess_err
both_mprotect(struct replay *r, struct replay_space *s, tess_va addr, uint64_t len, unsigned prot)
{
	uint64_t t = clock_now(r);
	enum tess_err e = tess_mprotect(s->core, addr, len, prot);

	r->res->call_ns += clock_now(r) - t;
	if (s->model != NULL)
		model_judge(r, e, model_mprotect(s->model, addr, len, prot));
	return e;
}

enum tess_err
both_madvise(struct replay *r, struct replay_space *s, tess_va addr, uint64_t len,
	     enum tess_madv advice)
{
	uint64_t t = clock_now(r);
	enum tess_err e = tess_madvise(s->core, addr, len, advice);

	r->res->call_ns += clock_now(r) - t;
	if (s->model != NULL)
		model_judge(r, e, model_madvise(s->model, addr, len, advice));
	return e;
}

enum tess_err
both_msync(struct replay *r, struct replay_space *s, tess_va addr, uint64_t len, unsigned flags)
{
	uint64_t t = clock_now(r);
	enum tess_err e = tess_msync(s->core, addr, len, flags);

	r->res->call_ns += clock_now(r) - t;
	if (s->model != NULL)
		model_judge(r, e, model_msync(s->model, addr, len, flags));
	return e;
}

enum tess_err
both_mincore(struct replay *r, struct replay_space *s, tess_va addr, uint64_t len,
	     unsigned char *vec)
{
	uint64_t t = clock_now(r);
	enum tess_err e = tess_mincore(s->core, addr, len, vec);

	r->res->call_ns += clock_now(r) - t;
	if (s->model != NULL)
		model_judge(r, e, model_mincore(s->model, addr, len, vec));
	return e;
}

enum tess_err
both_mlock2(struct replay *r, struct replay_space *s, tess_va addr, uint64_t len, unsigned flags)
{
	uint64_t t = clock_now(r);
	enum tess_err e = r->rec.kind == TRACE_MLOCK ? tess_mlock(s->core, addr, len)
						     : tess_mlock2(s->core, addr, len, flags);

	r->res->call_ns += clock_now(r) - t;
	if (s->model != NULL)
		model_judge(r, e, model_mlock2(s->model, addr, len, flags));
	return e;
}

enum tess_err
both_munlock(struct replay *r, struct replay_space *s, tess_va addr, uint64_t len)
{
	uint64_t t = clock_now(r);
	enum tess_err e = tess_munlock(s->core, addr, len);

	r->res->call_ns += clock_now(r) - t;
	if (s->model != NULL)
		model_judge(r, e, model_munlock(s->model, addr, len));
	return e;
}

enum tess_err
both_mlockall(struct replay *r, struct replay_space *s, unsigned flags)
{
	uint64_t t = clock_now(r);
	enum tess_err e = tess_mlockall(s->core, flags);

	r->res->call_ns += clock_now(r) - t;
	if (s->model != NULL)
		model_judge(r, e, model_mlockall(s->model, flags));
	return e;
}

enum tess_err
both_munlockall(struct replay *r, struct replay_space *s)
{
	uint64_t t = clock_now(r);
	enum tess_err e = tess_munlockall(s->core);

	r->res->call_ns += clock_now(r) - t;
	if (s->model != NULL)
		model_judge(r, e, model_munlockall(s->model));
	return e;
}

enum tess_err
both_mremap(struct replay *r, struct replay_space *s, const struct trace_rec *rec, unsigned flags,
	    tess_va to, tess_va *out)
{
	uint64_t t = clock_now(r);
	enum tess_err e = tess_mremap(s->core, rec->addr, rec->len, rec->len2, flags, to, out);

	r->res->call_ns += clock_now(r) - t;
	if (s->model != NULL) {
		struct model_answer core = {.err = e, .va = e == TESS_OK ? *out : 0}, ans = core;
		enum tess_err want =
		    model_mremap(s->model, rec->addr, rec->len, rec->len2, flags, to, &ans);
		model_judge_va(r, want, &core, &ans);
	}
	return e;
}

enum tess_err
both_brk(struct replay *r, struct replay_space *s, tess_va addr, tess_va *out)
{
	uint64_t t = clock_now(r);
	enum tess_err e = tess_brk(s->core, addr, out);

	r->res->call_ns += clock_now(r) - t;
	if (s->model != NULL) {
		struct model_answer core = {.err = e, .va = e == TESS_OK ? *out : 0}, ans = core;
		enum tess_err want = model_brk(s->model, addr, &ans);
		model_judge_va(r, want, &core, &ans);
	}
	return e;
}

enum tess_err
both_shmat(struct replay *r, struct replay_space *s, const struct tess_handle *h, tess_va addr,
	   unsigned prot, tess_va *out)
{
	uint64_t t = clock_now(r);
	enum tess_err e = tess_shmat(s->core, h, addr, prot, out);

	r->res->call_ns += clock_now(r) - t;
	if (s->model != NULL) {
		struct model_answer core = {.err = e, .va = e == TESS_OK ? *out : 0}, ans = core;
		enum tess_err want = model_shmat(s->model, h, addr, prot, &ans);
		model_judge_va(r, want, &core, &ans);
	}
	return e;
}

enum tess_err
both_shmdt(struct replay *r, struct replay_space *s, tess_va addr)
{
	uint64_t t = clock_now(r);
	enum tess_err e = tess_shmdt(s->core, addr);

	r->res->call_ns += clock_now(r) - t;
	if (s->model != NULL)
		model_judge(r, e, model_shmdt(s->model, addr));
	return e;
}

/* The model repeats an access; a byte that was loaded must be the model's byte. */
static void
model_access(struct replay *r, struct replay_space *s, tess_va va, enum tess_access access,
	     uint8_t byte, enum tess_err core)
{
	enum tess_err want;
	uint8_t seen = byte;

	if (access == TESS_ACCESS_READ)
		want = model_load(s->model, va, &seen);
	else if (access == TESS_ACCESS_WRITE)
		want = model_store(s->model, va, byte);
	else
		want = model_fetch(s->model, va);
	if (want != core)
		model_says(r, err_word(want), err_word(core));
	else if (core == TESS_OK && seen != byte)
		model_says(r, "another byte", "loads something else");
}

enum tess_err
both_access(struct replay *r, struct replay_space *s, tess_va va, enum tess_access access)
{
	uint8_t byte = (uint8_t)(r->rec.line * 7 + 1);
	uint64_t t = clock_now(r);
	enum tess_err e;

	if (access == TESS_ACCESS_READ)
		e = env_load(s->core, va, &byte);
	else if (access == TESS_ACCESS_WRITE)
		e = env_store(s->core, va, byte);
	else
		e = env_fetch(s->core, va);
	r->res->fault_ns += clock_now(r) - t;
	if (s->model != NULL && e != TESS_ENOMEM)
		model_access(r, s, va, access, byte, e);
	return e;
}

enum tess_err
both_fork(struct replay *r, struct replay_space *s, struct replay_space *child)
{
	uint64_t t = clock_now(r);
	enum tess_err e = tess_space_fork(s->core, &child->core);

	r->res->call_ns += clock_now(r) - t;
	if (e == TESS_OK && s->model != NULL)
		child->model = model_space_fork(s->model);
	return e;
}

enum tess_err
both_create(struct replay *r, struct replay_space *s)
{
	struct tess_space_config cfg = {.personality = TESS_PERSONALITY_LINUX};
	enum tess_err e = tess_space_create(&cfg, &s->core);

	if (e == TESS_OK && r->model != NULL)
		s->model = model_space_create(r->model, &cfg);
	return e;
}

void
both_set_brk(struct replay *r, struct replay_space *s, tess_va start)
{
	enum tess_err e = tess_space_set_brk(s->core, start);

	if (e != TESS_OK)
		replay_result_wrong(r, "a break", err_word(e));
	if (s->model != NULL)
		model_judge(r, e, model_space_set_brk(s->model, start));
}

void
both_destroy(struct replay *r, struct replay_space *s)
{
	(void)r;
	env_leave(s->core);
	tess_space_destroy(s->core);
	if (s->model != NULL)
		model_space_destroy(s->model);
	*s = (struct replay_space){NULL, NULL};
}

void
both_set_size(struct replay *r, struct replay_object *o, uint64_t size)
{
	enum tess_err e = tess_object_set_size(o->core, size);

	if (e != TESS_OK)
		replay_result_wrong(r, "a new size", err_word(e));
	else if (r->model != NULL)
		model_object_set_size(model_object_find(r->model, o->core), size);
}

/* The whole of a space differs: the model's report says where. */
static void
model_reports(struct replay *r)
{
	struct text t;
	char buf[320];

	r->res->results++;
	if (r->cfg->note == NULL)
		return;
	replay_differ(r, &t, buf, sizeof(buf));
	text_add(&t, "model and core differ:");
	replay_note(r, &t);
	r->cfg->note(r->cfg->ctx, model_report(r->model));
}

void
both_compare_call(struct replay *r, struct replay_space *s)
{
	tess_va start, end;

	if (s->model == NULL || r->end != REPLAY_DONE)
		return;
	model_space_touched(s->model, &start, &end);
	if (!model_compare_layout(s->model, s->core) ||
	    (start < end && !model_compare_pages(s->model, s->core, start, end)))
		model_reports(r);
}

void
both_compare(struct replay *r, struct replay_space *s)
{
	if (s->model != NULL && !model_compare(s->model, s->core))
		model_reports(r);
}
