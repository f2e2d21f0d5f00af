/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * api.c: the frame of the api tests: environments, both sides of every call, TAP.
 */
#include <tessera/object.h>
#include "api.h"
#include "mem.h"
#include "text.h"

static const struct api_family *const api_families[] = {
    &api_seed,    &api_bsd,    &api_mmap,    &api_place,   &api_munmap, &api_mprotect,
    &api_protect, &api_guard,  &api_seal,    &api_madvise, &api_msync,  &api_mincore,
    &api_mlock,   &api_mremap, &api_brk,     &api_shm,     &api_fork,   &api_fault,
    &api_stack,   &api_files,  &api_defects, &api_wire,    &api_limits,
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

void
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
api_open(struct api *t, const struct api_config *cfg, enum tess_personality p,
	 struct fail_state *fail)
{
	struct env_config ec = {.isa = cfg->isa, .ncpu = cfg->ncpu, .seed = 1};
	struct tess_space_config sc = {.personality = p};

	*t = (struct api){.personality = p, .fail = fail};
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
		if (!t->apart && !model_compare(t->mod[i], t->core[i]))
			api_fail_text(t, "state", model_report(t->model));
	}
	env_check(live, n);
	return !t->failed;
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
api_point(unsigned *point, const struct api_config *cfg, const struct api_test *test,
	  enum tess_personality p, const char *why, const uint64_t *forced)
{
	static const char *const isa[] = {"x86_64", "aarch64", "aarch64_hw"};
	static const char *const who[] = {"posix", "linux", "bsd", "seed"};
	char line[400];
	struct text x;

	text_init(&x, line, sizeof(line));
	text_add(&x, "%sok %u - %s%s: %s (%s, %s)", why == NULL ? "" : "not ", ++*point,
		 forced == NULL ? "" : "forced ", test->name, test->about, who[p], isa[cfg->isa]);
	if (forced != NULL)
		text_add(&x, " # forced failure points: %lu", *forced);
	text_add(&x, "\n");
	env_out(line);
	if (why != NULL)
		api_comment(why);
}

struct api_sum {
	unsigned *point, failures;
};

static void
api_run_one(void *ctx, const struct api_config *cfg, const struct api_test *test,
	    enum tess_personality p)
{
	static struct api t;
	struct api_sum *sum = ctx;

	if (!api_open(&t, cfg, p, NULL)) {
		api_point(sum->point, cfg, test, p, "env_open failed", NULL);
		sum->failures++;
		return;
	}
	test->fn(&t);
	if (!t.failed)
		(void)t_compare(&t);
	api_close(&t);
	api_point(sum->point, cfg, test, p, t.failed ? t.why : NULL, NULL);
	sum->failures += t.failed;
}

void
api_each(const struct api_config *cfg,
	 void (*each)(void *ctx, const struct api_config *cfg, const struct api_test *test,
		      enum tess_personality p),
	 void *ctx)
{
	for (unsigned f = 0; f < sizeof(api_families) / sizeof(api_families[0]); f++) {
		const struct api_family *fam = api_families[f];

		if (cfg->only != NULL && !text_equal(cfg->only, fam->name))
			continue;
		for (unsigned i = 0; i < fam->n; i++)
			for (unsigned p = 0; p < TESS_PERSONALITY_COUNT; p++)
				if ((fam->tests[i].personalities >> p & 1) != 0)
					each(ctx, cfg, &fam->tests[i], (enum tess_personality)p);
	}
}

unsigned
api_run(const struct api_config *cfg, unsigned *point)
{
	struct api_sum sum = {.point = point};

	api_each(cfg, api_run_one, &sum);
	return sum.failures;
}
