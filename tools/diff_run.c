/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * diff_run.c: workers: each takes every n-th program, has the kernel run it, then the core.
 *
 * A program with a difference that nothing explains is run again with all attributes looked at after each call, and
 * made smaller, a call at a time, as long as it still differs; what is left is printed as text.
 *
 * Workers are processes (a machine of the core belongs to a process) and tell what they counted through shared memory.
 */
#define _GNU_SOURCE 1

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/utsname.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>
#include "diff.h"
#include "mem.h"
#include "tessera.h"

#define RUN_JOBS 64

struct run_all {
	atomic_bool stop;
	unsigned features;
	uint64_t memlock;
	struct diff_counts n[RUN_JOBS];
	char unable[200];
};

static struct {
	const struct diff_options *o;
	struct run_all *all;
	struct diff_shared *sh;
	struct diff_counts *n;
	int child;
} run;

/* ---- One program on both sides ---- */

static bool
run_load(const struct program *p)
{
	struct diff_shared *sh = run.sh;

	if (p->n > DIFF_OPS || p->names > DIFF_NAMES)
		return false;
	sh->nops = p->n;
	sh->names = p->names;
	sh->skip = diff_begins_so(p);
	memcpy(sh->op, p->op, p->n * sizeof(*p->op));
	memcpy(sh->name, p->name, p->names * sizeof(*p->name));
	return true;
}

/* false: the kernel's side cannot be had at all. */
static bool
run_child(void)
{
	if (run.child < 0)
		run.child = child_start(run.sh);
	return run.child >= 0;
}

/* false: there is no verdict, for the kernel's side died. */
static bool
run_both(const struct program *p, struct diff_counts *n, struct diff_verdict *v)
{
	if (!run_load(p) || !run_child())
		return false;
	if (!child_run(run.sh, run.child)) {
		run.child = -1;
		return false;
	}
	diff_core(run.sh, p, run.o->isa, n, v);
	return true;
}

/* ---- Making it smaller ---- */

static bool
run_used(const struct program *p, uint32_t op)
{
	int16_t reg = p->op[op].result;

	for (uint32_t i = op + 1; reg >= 0 && i < p->n; i++)
		for (unsigned j = 0; j < p->op[i].nargs; j++)
			if (p->op[i].arg[j].reg == reg)
				return true;
	return false;
}

/* Without one op: does it differ still?  Then it stays without. */
static bool
run_without(struct program *p, uint32_t op, struct diff_verdict *v)
{
	struct diff_counts ignored = {0};
	struct diff_verdict now;
	struct program_op gone = p->op[op];
	size_t rest = (p->n - op - 1) * sizeof(*p->op);

	memmove(&p->op[op], &p->op[op + 1], rest);
	p->n--;
	if (run_both(p, &ignored, &now) && now.differs) {
		*v = now;
		return true;
	}
	memmove(&p->op[op + 1], &p->op[op], rest);
	p->op[op] = gone;
	p->n++;
	return false;
}

static void
run_shrink(struct program *p, struct diff_verdict *v)
{
	uint32_t keep = run.sh->skip + (run.all->memlock != UINT64_MAX); /* see diff_generate() */
	bool again = true;

	while (again) {
		again = false;
		for (uint32_t i = p->n; i > keep; i--)
			if (!run_used(p, i - 1) && run_without(p, i - 1, v))
				again = true;
	}
	for (uint32_t i = 0; i < p->n; i++)
		p->op[i].line = i + 2;
	(void)run_both(p, &(struct diff_counts){0}, v);
}

/* ---- Saying it ---- */

static void
run_put(void *ctx, const char *text)
{
	fputs(text, ctx);
}

/* In one piece, for other workers write too. */
static void
run_report(const struct program *p, const char *title, const char *what)
{
	char *text = NULL;
	size_t len = 0;
	FILE *f = open_memstream(&text, &len);

	if (f == NULL)
		return;
	fprintf(f, "# %s\n", title);
	for (const char *line = what; *line != '\0';) {
		size_t n = strcspn(line, "\n");

		fprintf(f, "# %.*s\n", (int)n, line);
		line += n + (line[n] == '\n');
	}
	program_print(p, run_put, f);
	fclose(f);
	if (write(STDOUT_FILENO, text, len) < 0)
		run.n->crashed++;
	free(text);
}

/*
 * A difference that nothing explains: once more, with attributes after each call.  That may name a known difference in
 * an attribute which the end alone could not: then it is one of those.
 */
static void
run_unexplained(struct program *p, const char *title)
{
	struct diff_counts again = {0};
	struct diff_verdict v;
	uint64_t explained = 0;

	run.sh->attributes = true;
	if (!run_both(p, &again, &v)) {
		run.n->crashed++;
	} else if (v.differs) {
		run.n->unexplained++;
		run_shrink(p, &v);
		run_report(p, title, v.report);
	} else {
		for (unsigned i = 0; i < diff_nknown; i++) {
			run.n->known[i] += again.known[i];
			explained += again.known[i];
		}
		run.n->unexplained += explained == 0;
		if (explained == 0)
			run_report(p, title, "it differed once, and did not when it was run again");
	}
	run.sh->attributes = false;
}

/* ---- Random programs ---- */

static void
run_number(uint64_t number)
{
	struct diff_counts before = *run.n;
	struct diff_verdict v;
	struct program p;
	char title[100];

	snprintf(title, sizeof(title), "program %lu of seed %lu", (unsigned long)number,
		 (unsigned long)run.o->seed);
	program_init(&p, &mem_malloc);
	diff_generate(&p, run.o->seed, number, run.all->features, run.all->memlock);
	if (!run_both(&p, run.n, &v)) {
		run.n->crashed++;
		run_report(&p, title, run.sh->crash);
	} else if (v.differs) {
		memcpy(run.n->known, before.known, sizeof(before.known));
		run_unexplained(&p, title);
	} else if (run.o->verbose) {
		for (unsigned i = 0; i < diff_nknown; i++)
			if (run.n->known[i] != before.known[i])
				run_report(&p, title, diff_known[i].id);
		if (run.o->only != UINT64_MAX)
			run_report(&p, title, "no unexplained difference");
	}
	run.n->programs++;
	program_fini(&p);
}

static void
run_worker(unsigned me)
{
	const struct diff_options *o = run.o;

	run.n = &run.all->n[me];
	if (o->only != UINT64_MAX) {
		if (me == 0)
			run_number(o->only);
		return;
	}
	for (uint64_t i = me; i < o->programs && !atomic_load(&run.all->stop); i += o->jobs) {
		run_number(i);
		if (!o->keep_going && (run.n->unexplained != 0 || run.n->crashed != 0))
			atomic_store(&run.all->stop, true);
	}
}

/* ---- Files ---- */

static char *
run_slurp(const char *path, size_t *len)
{
	FILE *f = strcmp(path, "-") == 0 ? stdin : fopen(path, "rb");
	char *text = NULL;
	FILE *to = open_memstream(&text, len);
	int c;

	while (f != NULL && to != NULL && (c = getc(f)) != EOF)
		putc(c, to);
	if (f == NULL || to == NULL || ferror(f)) {
		fprintf(stderr, "tessera diff-host: %s: %s\n", path, strerror(errno));
		if (to != NULL)
			fclose(to);
		free(text);
		text = NULL;
	} else {
		fclose(to);
	}
	if (f != NULL && f != stdin)
		fclose(f);
	return text;
}

/* The program with the prologue before it. */
static void
run_with_prologue(struct program *p, const struct program *body)
{
	p->personality = TESS_PERSONALITY_LINUX;
	if (diff_begins_so(body) == 0)
		diff_prologue(p);
	for (uint32_t i = 0; i < body->n; i++) {
		struct program_op *op = program_add(p, (enum program_call)body->op[i].call);

		if (op != NULL)
			*op = body->op[i];
	}
	for (uint32_t i = 0; i < body->names; i++)
		(void)program_name(p, body->name[i], strlen(body->name[i]));
}

static void
run_passed(const char *path, const struct program *p)
{
	char line[256];

	for (uint32_t i = run.sh->skip; i < run.sh->at && i < p->n; i++) {
		if (run.sh->step[i].kind != DIFF_PASSED)
			continue;
		program_print_op(p, &p->op[i], line, sizeof(line));
		fprintf(stderr, "%s:%u: passed over on both sides: %s\n", path, p->op[i].line,
			line);
	}
}

static int
run_parsed(const char *path, const struct program *body)
{
	struct diff_verdict v;
	struct program p;
	int status = TOOL_OK;

	program_init(&p, &mem_malloc);
	run_with_prologue(&p, body);
	run.sh->attributes = true;
	if (p.n > DIFF_OPS || p.names > DIFF_NAMES) {
		fprintf(stderr, "tessera diff-host: %s: more than %d calls or %d names\n", path,
			DIFF_OPS, DIFF_NAMES);
		status = TOOL_USAGE;
	} else if (!run_both(&p, run.n, &v)) {
		run.n->crashed++;
		run_report(&p, path, run.sh->crash);
		status = TOOL_FAILED;
	} else {
		run_passed(path, &p);
		run.n->programs++;
		run.n->unexplained += v.differs;
		status = v.differs ? TOOL_FAILED : TOOL_OK;
		if (v.differs)
			printf("%s: %s", path, v.report);
	}
	program_fini(&p);
	return status;
}

static int
run_file(const char *path)
{
	char error[512];
	struct program body;
	size_t len = 0;
	char *text = run_slurp(path, &len);
	int status = TOOL_USAGE;

	if (text == NULL)
		return TOOL_USAGE;
	program_init(&body, &mem_malloc);
	if (program_parse(&body, path, text, len, error, sizeof(error)))
		status = run_parsed(path, &body);
	else
		fprintf(stderr, "tessera diff-host: %s\n", error);
	program_fini(&body);
	free(text);
	return status;
}

static int
run_files(void)
{
	int status = TOOL_OK, one;

	run.n = &run.all->n[0];
	for (int i = 0; i < run.o->files; i++) {
		one = run_file(run.o->file[i]);
		status = one > status ? one : status;
	}
	return status;
}

/* ---- All of it ---- */

static void *
run_shared(size_t size)
{
	void *at = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);

	return at == MAP_FAILED ? NULL : at;
}

static bool
run_open(void)
{
	run.sh = run_shared(sizeof(*run.sh));
	run.child = -1;
	if (run.sh == NULL || !run_child()) {
		snprintf(run.all->unable, sizeof(run.all->unable), "%s",
			 run.sh == NULL ? "no shared memory" : run.sh->crash);
		return false;
	}
	run.all->features = run.sh->features;
	run.all->memlock = run.sh->memlock;
	return true;
}

static void
run_close(void)
{
	if (run.child >= 0)
		child_stop(run.sh, run.child);
	run.child = -1;
}

static void
run_lacks(unsigned features)
{
	static const struct {
		unsigned feature;
		const char *what;
	} names[] = {{DIFF_PROCMAP, "PROCMAP_QUERY (smaps serves)"},
		     {DIFF_PAGEMAP, "PAGEMAP_SCAN (private pages are not compared)"},
		     {DIFF_GUARD, "MADV_GUARD_INSTALL"},
		     {DIFF_SEAL, "mseal"},
		     {DIFF_KSM, "MADV_MERGEABLE"},
		     {DIFF_THP, "MADV_HUGEPAGE"},
		     {DIFF_POPULATE, "MADV_POPULATE"},
		     {DIFF_DONTNEED_LOCKED, "MADV_DONTNEED_LOCKED"},
		     {DIFF_FETCH, "fetches"},
		     {DIFF_SHM, "System V segments"},
		     {DIFF_LIMITS, "limits (a hard limit is set)"}};
	bool any = false;

	for (unsigned i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		if ((features & names[i].feature) != 0)
			continue;
		printf("%s%s", any ? ", " : "left out: ", names[i].what);
		any = true;
	}
	if (any)
		printf("\n");
}

static int
run_workers(void)
{
	pid_t pid[RUN_JOBS];
	int status, worst = TOOL_OK;

	fflush(stdout);
	for (unsigned i = 0; i < run.o->jobs; i++) {
		pid[i] = fork();
		if (pid[i] != 0)
			continue;
		if (!run_open())
			_exit(TOOL_SKIPPED);
		run_worker(i);
		run_close();
		_exit(TOOL_OK);
	}
	for (unsigned i = 0; i < run.o->jobs; i++) {
		if (pid[i] < 0 || waitpid(pid[i], &status, 0) != pid[i] || !WIFEXITED(status)) {
			fprintf(stderr, "tessera diff-host: a worker died\n");
			worst = TOOL_FAILED;
		} else if (WEXITSTATUS(status) != TOOL_OK && worst == TOOL_OK) {
			worst = WEXITSTATUS(status);
		}
	}
	return worst;
}

static void
run_summary(const struct timespec *since)
{
	struct diff_counts n = {0};
	struct timespec now;
	uint64_t explained = 0;

	for (unsigned i = 0; i < RUN_JOBS; i++) {
		const struct diff_counts *one = &run.all->n[i];

		n.programs += one->programs;
		n.calls += one->calls;
		n.passed += one->passed;
		n.unexplained += one->unexplained;
		n.crashed += one->crashed;
		for (unsigned k = 0; k < diff_nknown; k++) {
			n.known[k] += one->known[k];
			explained += one->known[k];
		}
	}
	clock_gettime(CLOCK_MONOTONIC, &now);
	printf("%ld s, %lu calls passed over\n", (long)(now.tv_sec - since->tv_sec),
	       (unsigned long)n.passed);
	printf("%lu programs, %lu calls, explained %lu", (unsigned long)n.programs,
	       (unsigned long)n.calls, (unsigned long)explained);
	for (unsigned k = 0, any = 0; k < diff_nknown; k++)
		if (n.known[k] != 0)
			printf("%s%s %lu", any++ ? ", " : " (", diff_known[k].id,
			       (unsigned long)n.known[k]);
	printf("%s, crashed %lu, unexplained %lu\n", explained == 0 ? "" : ")",
	       (unsigned long)n.crashed, (unsigned long)n.unexplained);
	if (n.unexplained != 0 || n.crashed != 0)
		run.all->stop = true;
}

int
diff_run(const struct diff_options *o)
{
	struct timespec since;
	struct utsname u;
	int status;

	run.o = o;
	run.all = run_shared(sizeof(*run.all));
	clock_gettime(CLOCK_MONOTONIC, &since);
	if (run.all == NULL || uname(&u) != 0)
		return TOOL_SKIPPED;
	if (!run_open()) {
		printf("skipped: this computer cannot be asked: %s\n", run.all->unable);
		return TOOL_SKIPPED;
	}
	printf("seed %lu, %s %s %s\n", (unsigned long)o->seed, u.sysname, u.release, u.machine);
	run_lacks(run.all->features);
	if (o->files != 0) {
		status = run_files();
		run_close();
	} else {
		run_close();
		status = run_workers();
	}
	run_summary(&since);
	return status == TOOL_OK && atomic_load(&run.all->stop) ? TOOL_FAILED : status;
}
