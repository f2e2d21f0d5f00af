/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * fail.c: the whole suite again, with every failure point of every call forced: each frame, pool object, page table
 * and I/O that a call asks for is refused in turn, the 1st, the 2nd, ... until the call gets through.
 *
 *	pass 1, 2, ...	of one test, until no point is left
 *	  call 1
 *	  call 2	n = 1: refused ──► state as before? ──► n = 2: refused ──► ... ──► nothing left to refuse: done
 *	  call 3	n = 1: refused ──► ... ──► n = 4: got over it ──► the rest of this call waits for the next pass
 *
 * A call that refuses must have left everything as it was: the model, which has not made the call yet, the counts of
 * every space, the machine's account, the walkers.  A few calls may keep a part (enum api_left); then the model is brought to
 * the one state among the allowed ones that the core is in, and finding none is a failure.
 *
 * A call that got over a refusal has done its work, so it cannot be made again: the next pass begins it with the next
 * point.  It may have left pages out, or neighbours unjoined, and the test's own expectations hold no longer: that pass ends
 * there.
 *
 * Rejected: written-out scenarios (they were here; they forced 22 calls), and a fresh machine for each point (the state before
 * is the better witness when it has survived a hundred refusals).
 */
#include <tessera/debug.h>
#include <tessera/object.h>
#include "api.h"
#include "text.h"

#define FAIL_CALLS 8192
#define FAIL_DONE  UINT16_MAX

struct fail_counts {
	struct tess_space_counts space[API_SPACES];
	uint64_t sum[API_SPACES]; /* apart: of areas and private pages */
	struct tess_account account;
};

struct fail_state {
	bool forcing;   /* this call is being forced */
	bool got_over;  /* the call under way survived a refusal */
	bool waiting;   /* some call has points left for the next pass */
	unsigned calls; /* of this pass */
	unsigned at;    /* the call under way */
	uint64_t n;     /* the point that is being forced */
	uint64_t forced;
	uint64_t errors; /* 1 << what refused calls answered */
	struct fail_counts before;
	uint16_t next[FAIL_CALLS]; /* of each call: the first point not yet forced */
};

/* ---- The state before and after ---- */

static uint64_t
fail_mix(uint64_t sum, const void *data, size_t len)
{
	const uint8_t *b = data;

	for (size_t i = 0; i < len; i++)
		sum = (sum ^ b[i]) * 0x100000001b3; /* FNV-1a */
	return sum;
}

/* What the model would have told: areas and private pages, of areas that are not huge all. */
static uint64_t
fail_sum_space(struct tess_space *sp)
{
	uint64_t sum = 0xcbf29ce484222325;
	struct tess_area a;
	struct tess_view v;

	for (tess_va va = 0; tess_space_next_area(sp, va, &a); va = a.end) {
		uint64_t word[] = {a.start,   a.end,     a.prot,
				   a.maxprot, a.inherit, a.advice,
				   a.flags,   a.off,     (uint64_t)(uintptr_t)a.object};

		sum = fail_mix(sum, word, sizeof(word));
		for (tess_va at = a.start; at < a.end && at < a.start + 256 * PAGE; at += PAGE) {
			tess_space_view(sp, at, &v);
			if (v.kind == TESS_VIEW_ANON)
				sum = fail_mix(sum + at, v.data, PAGE);
		}
	}
	return sum;
}

static void
fail_count(struct api *t, struct fail_counts *c)
{
	tess_account_get(&c->account);
	for (unsigned i = 0; i < t->nspaces; i++) {
		if (t->core[i] == NULL)
			continue;
		tess_space_counts_get(t->core[i], &c->space[i]);
		c->sum[i] = t->apart ? fail_sum_space(t->core[i]) : 0;
	}
}

/* Translations and tables are caches; everything else is what it was. */
static bool
fail_counts_same(struct api *t, const struct api_call *c, const struct fail_counts *a,
		 const struct fail_counts *b)
{
	/* without the model, what may have stayed done cannot be told */
	bool pages = t->apart && c->left == API_LEFT_PAGES;

	if (t->apart && (c->left == API_LEFT_PREFIX || c->left == API_LEFT_FIRST))
		return true;
	if (a->account.committed != b->account.committed || a->account.wired != b->account.wired)
		return false;
	for (unsigned i = 0; i < t->nspaces; i++) {
		const struct tess_space_counts *x = &a->space[i], *y = &b->space[i];

		if (t->core[i] != NULL &&
		    (x->entries != y->entries || x->bytes != y->bytes ||
		     (!pages && (x->anon != y->anon || a->sum[i] != b->sum[i])) ||
		     x->locked != y->locked || x->data != y->data || x->charged != y->charged ||
		     x->wired != y->wired))
			return false;
	}
	return true;
}

static bool
fail_same(struct api *t)
{
	for (unsigned i = 0; i < t->nfiles; i++)
		if (tess_object_size(t->file[i].object) != model_object_size(t->object[i]))
			return false;
	for (unsigned i = 0; i < t->nspaces; i++)
		if (t->core[i] != NULL && !t->apart && !model_compare(t->mod[i], t->core[i]))
			return false;
	return true;
}

/* ---- What may stay done ---- */

/* The core has private pages there that the model has not: they were brought in and nobody stored in them. */
static void
fail_adopt_pages(struct api *t, tess_va start, tess_va end)
{
	struct tess_area a;
	struct tess_view v;
	uint8_t byte;

	for (tess_va va = start; va < end && model_space_next_area(t->ms, va, &a); va = a.end) {
		tess_va from = a.start > va ? a.start : va, to = a.end < end ? a.end : end;

		for (; from < to && to - from <= 4096 * PAGE; from += PAGE) {
			tess_space_view(t->sp, from, &v);
			if (v.kind == TESS_VIEW_ANON && model_load(t->ms, from, &byte) == TESS_OK)
				(void)model_store(t->ms, from, byte);
		}
	}
}

static bool
fail_same_pages(struct api *t, tess_va start, tess_va end)
{
	tess_va lo, hi;

	model_space_touched(t->ms, &lo, &hi);
	if (lo < hi)
		model_forgive(t->ms, t->sp, lo, hi);
	fail_adopt_pages(t, start, end);
	return fail_same(t);
}

/* The next place where a call that works through [va, end) may have stopped. */
static tess_va
fail_step(struct api *t, tess_va va, tess_va end)
{
	struct tess_area a;

	if (end - va <= 512 * PAGE)
		return va + PAGE;
	if (!model_space_next_area(t->ms, va, &a))
		return end;
	return a.start > va ? a.start : a.end;
}

/* Is there an x in (addr, end] so that the call, done for [addr, x), gives the core's state? */
static bool
fail_same_prefix(struct api *t, const struct api_call *c)
{
	tess_va start = tess_page_trunc(c->addr), end = tess_page_round(c->addr + c->len);

	if (end < start)
		end = UINT64_MAX & ~TESS_PAGE_MASK;
	if (fail_same_pages(t, start, end))
		return true;
	for (tess_va x = start; x < end;) {
		x = fail_step(t, x, end);
		if (x > end)
			x = end;
		(void)c->model(t, c, x - c->addr);
		if (fail_same_pages(t, start, end))
			return true;
	}
	return false;
}

/* shmdt: pieces go one by one, in address order. */
static bool
fail_same_first(struct api *t, const struct api_call *c)
{
	struct tess_area m, k;

	for (tess_va va = c->addr; model_space_next_area(t->ms, va, &m); va = m.end) {
		bool there = tess_space_next_area(t->sp, m.start, &k) && k.start <= m.start;

		if (!there)
			(void)model_munmap(t->ms, m.start, m.end - m.start);
	}
	return fail_same(t);
}

static bool
fail_same_left(struct api *t, const struct api_call *c)
{
	switch (c->left) {
	case API_LEFT_NOTHING:
		return false;
	case API_LEFT_PAGES:
		return fail_same_pages(t, c->addr, c->addr + c->len);
	case API_LEFT_PREFIX:
		return fail_same_prefix(t, c);
	case API_LEFT_GROWN:
		model_grow(t->ms, c->addr);
		return fail_same_pages(t, c->addr, c->addr + PAGE);
	case API_LEFT_FIRST:
		return fail_same_first(t, c);
	}
	return false;
}

/* ---- One refusal ---- */

static void
fail_why(struct api *t, const struct api_call *c, const char *what)
{
	struct text x;

	if (t->failed)
		return;
	t->failed = true;
	text_init(&x, t->why, sizeof(t->why));
	text_add(&x, "%s, call %u, failure point %lu: %s\n%s", c->name, t->fail->at, t->fail->n,
		 what, model_report(t->model));
}

static void
fail_check_refused(struct api *t, const struct api_call *c, enum tess_err e)
{
	struct fail_counts after;
	struct tess_space *live[API_SPACES];
	unsigned n = 0;

	t->fail->errors |= (uint64_t)1 << e;
	model_set_unsure(t->model);
	if (!fail_same(t)) {
		if (!fail_same_left(t, c))
			fail_why(t, c, "it failed, and something has changed");
	} else {
		fail_count(t, &after);
		if (!fail_counts_same(t, c, &t->fail->before, &after))
			fail_why(t, c, "it failed, and a count has changed");
	}
	for (unsigned i = 0; i < t->nspaces; i++)
		if (t->core[i] != NULL)
			live[n++] = t->core[i];
	env_check(live, n);
	fail_count(t, &t->fail->before);
}

void
api_try_begin(struct api *t, const struct api_call *c)
{
	struct fail_state *f = t->fail;

	(void)c;
	if (f == NULL || t->failed || t->over)
		return;
	f->at = f->calls++;
	if (f->calls == FAIL_CALLS) {
		api_fail_text(t, "forcing", "more calls than FAIL_CALLS");
		return;
	}
	f->n = f->next[f->at];
	if (f->n == FAIL_DONE)
		return;
	f->forcing = true;
	f->errors = 0;
	fail_count(t, &f->before);
	env_fail_nth(f->n);
}

/* What a refused call answered: that something ran out, or what it answers anyway. */
static void
fail_check_errors(struct api *t, const struct api_call *c, enum tess_err e)
{
	uint64_t known = (uint64_t)1 << TESS_ENOMEM | (uint64_t)1 << TESS_EIO | (uint64_t)1 << e;

	if ((t->fail->errors & ~(known | c->errors)) != 0)
		fail_why(t, c, "an injected failure is answered with a foreign error");
}

bool
api_try_again(struct api *t, const struct api_call *c, bool refused, enum tess_err e)
{
	struct fail_state *f = t->fail;
	bool hit;

	if (f == NULL || !f->forcing)
		return false;
	hit = env_fail_hit();
	env_fail_nth(0);
	f->forced += hit;
	if (hit && refused) {
		fail_check_refused(t, c, e);
		f->n++;
		if (!t->failed) {
			env_fail_nth(f->n);
			return true;
		}
	}
	f->forcing = false;
	f->got_over = hit;
	f->waiting |= hit;
	f->next[f->at] = hit ? (uint16_t)(f->n + 1) : FAIL_DONE;
	if (!t->failed)
		fail_check_errors(t, c, e);
	return false;
}

void
api_try_end(struct api *t)
{
	tess_va lo, hi;

	if (t->fail == NULL || !t->fail->got_over)
		return;
	t->fail->got_over = false;
	t->over = true;
	model_set_unsure(t->model);
	model_space_touched(t->ms, &lo, &hi);
	if (lo < hi)
		model_forgive(t->ms, t->sp, lo, hi);
}

enum tess_err
api_kern_err(enum tess_kern k)
{
	static const enum tess_err err[TESS_KERN_COUNT] = {
	    [TESS_KERN_SUCCESS] = TESS_OK,
	    [TESS_KERN_INVALID_ADDRESS] = TESS_EFAULT,
	    [TESS_KERN_PROTECTION_FAILURE] = TESS_EACCES,
	    [TESS_KERN_NO_SPACE] = TESS_EEXIST,
	    [TESS_KERN_INVALID_ARGUMENT] = TESS_EINVAL,
	    [TESS_KERN_FAILURE] = TESS_EIO,
	    [TESS_KERN_RESOURCE_SHORTAGE] = TESS_ENOMEM,
	    [TESS_KERN_OUT_OF_BOUNDS] = TESS_ENOTSUP,
	};

	return err[k];
}

/* ---- The suite ---- */

struct fail_sum {
	unsigned *point, failures;
	uint64_t forced;
};

/* false: no point is left, or the test has failed. */
static bool
fail_pass(const struct api_config *cfg, const struct api_test *test, enum tess_personality p,
	  struct api *t, struct fail_state *f)
{
	f->calls = 0;
	f->forcing = f->got_over = f->waiting = false;
	if (!api_open(t, cfg, p, f)) {
		api_fail_text(t, "env_open", "no machine");
		return false;
	}
	test->fn(t);
	if (!t->failed)
		(void)t_compare(t);
	api_close(t);
	return f->waiting && !t->failed;
}

static void
fail_test(void *ctx, const struct api_config *cfg, const struct api_test *test,
	  enum tess_personality p)
{
	static struct fail_state f;
	static struct api t;
	struct fail_sum *sum = ctx;

	f.forced = 0;
	for (unsigned i = 0; i < FAIL_CALLS; i++)
		f.next[i] = 1;
	while (fail_pass(cfg, test, p, &t, &f))
		;
	sum->failures += t.failed;
	sum->forced += f.forced;
	api_point(sum->point, cfg, test, p, t.failed ? t.why : NULL, &f.forced);
}

unsigned
api_fail_run(const struct api_config *cfg, unsigned *point)
{
	struct fail_sum sum = {.point = point};
	char line[80];
	struct text x;

	if (!env_can_fail())
		return 0;
	api_each(cfg, fail_test, &sum);
	text_init(&x, line, sizeof(line));
	text_add(&x, "# forced failure points: %lu\n", sum.forced);
	env_out(line);
	return sum.failures;
}
