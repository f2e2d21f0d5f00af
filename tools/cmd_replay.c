/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * cmd_replay.c: `tessera replay FILE...`: each trace on a fresh simulated machine, once for each pmap.
 *
 *	for each FILE:  load ─► check ─► for each pmap:  env_open ─► replay_run ─► env_close ─► one line
 *
 * A file that cannot be read or is no trace gets one line on stderr, the others are still replayed; the exit
 * status is the worst of all: 2 over 1 over 0.
 */
#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "env.h"
#include "mem.h"
#include "replay.h"
#include "tessera.h"

#define SPACES_MAX ((uint32_t)1 << 20)
#define RAM_MIN    ((uint64_t)16 << 20)
#define RAM_MAX    ((uint64_t)1 << 40)

struct replay_options {
	bool isa[ENV_ISA_COUNT];
	unsigned ncpu;
	uint64_t ram;
	bool json, verbose, model;
};

static const char *const replay_isa[ENV_ISA_COUNT] = {
    [ENV_X86_64] = "x86_64",
    [ENV_AARCH64] = "aarch64",
    [ENV_AARCH64_HW] = "aarch64_hw",
};

static void
replay_usage(FILE *f)
{
	fprintf(
	    f,
	    "usage: tessera replay [OPTION]... FILE.vmt[.gz]...\n"
	    "\n"
	    "Do on the simulated machine what each trace recorded and hold every snapshot against "
	    "it.\n"
	    "\n"
	    "  --pmap NAME   x86_64, aarch64, aarch64_hw or both (x86_64 and aarch64; the "
	    "default)\n"
	    "  --cpus N      simulated CPUs, 1 to 64 (default 1); task T runs on CPU T modulo N\n"
	    "  --ram SIZE    simulated memory, as in 512M or 4G (default 2G)\n"
	    "  --no-model    do not hold calls, loaded bytes and snapshots against the page-level "
	    "model too\n"
	    "                (faster; for traces too large for it)\n"
	    "  --json        one JSON object a line\n"
	    "  --verbose     each difference, both sides beside each other, on stderr\n"
	    "\n"
	    "A line of the output: NAME: snapshots, layouts and anonymous page counts that differ "
	    "from the\n"
	    "recorded ones, results of calls and faults that differ, faults, calls, pmap, rates "
	    "(time\n"
	    "inside the core only; the first pmap pays the host's first touch of simulated "
	    "memory).\n"
	    "\n"
	    "A call that let the kernel choose an address is first made as recorded; where the "
	    "core chose\n"
	    "otherwise, its mapping is removed and made again at the recorded address (which must "
	    "be free).\n"
	    "\n"
	    "exit status: 0 nothing differs; 1 something does; 2 a bad option, a file that cannot "
	    "be read or\n"
	    "is no trace, or too little memory\n");
}

static uint64_t
clock_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000000 + (uint64_t)t.tv_nsec;
}

static void
note_line(void *ctx, const char *line)
{
	(void)ctx;
	fprintf(stderr, "%s\n", line);
}

static int
replay_complain(const char *what, const char *value)
{
	fprintf(stderr, "tessera replay: %s%s%s\n", what, value == NULL ? "" : ": ",
		value == NULL ? "" : value);
	return TOOL_USAGE;
}

/* ---- One trace ---- */

static const char *
base_name(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash == NULL ? path : slash + 1;
}

static uint64_t
rate(uint64_t n, uint64_t ns)
{
	return ns == 0 ? 0 : (uint64_t)((double)n * 1e9 / (double)ns);
}

static void
json_string(const char *s)
{
	putchar('"');
	for (; *s != 0; s++) {
		if (*s == '"' || *s == '\\')
			printf("\\%c", *s);
		else if ((unsigned char)*s < 0x20)
			printf("\\u%04x", (unsigned char)*s);
		else
			putchar(*s);
	}
	putchar('"');
}

static void
result_print(const struct replay_options *o, const char *path, const char *isa,
	     const struct replay_result *r)
{
	uint64_t fps = rate(r->faults, r->fault_ns), cps = rate(r->calls, r->call_ns);
	typedef unsigned long long ull;

	if (!o->json) {
		printf("%s: %llu snapshots, %llu layouts differ, %llu anon counts differ, %llu "
		       "results differ, "
		       "%llu faults, %llu calls, %s, %llu faults/s, %llu calls/s\n",
		       base_name(path), (ull)r->snapshots, (ull)r->layouts, (ull)r->anons,
		       (ull)r->results, (ull)r->faults, (ull)r->calls, isa, (ull)fps, (ull)cps);
		return;
	}
	printf("{\"file\": ");
	json_string(path);
	printf(", \"pmap\": \"%s\", \"cpus\": %u, \"snapshots\": %llu, \"layouts_differ\": %llu, "
	       "\"anon_counts_differ\": %llu, \"results_differ\": %llu, \"faults\": %llu, "
	       "\"calls\": %llu, "
	       "\"faults_per_second\": %llu, \"calls_per_second\": %llu}\n",
	       isa, o->ncpu, (ull)r->snapshots, (ull)r->layouts, (ull)r->anons, (ull)r->results,
	       (ull)r->faults, (ull)r->calls, (ull)fps, (ull)cps);
}

static int
replay_on(const struct replay_options *o, enum env_isa isa, const struct trace *t,
	  const struct trace_totals *totals)
{
	struct env_config env = {.isa = isa, .ncpu = o->ncpu, .ram = o->ram, .seed = 1};
	struct replay_config cfg = {
	    .mem = &mem_malloc,
	    .with_model = o->model,
	    .now = clock_ns,
	    .note = o->verbose ? note_line : NULL,
	};
	struct replay_result res;

	if (env_open(&env) != TESS_OK)
		return replay_complain("too little memory for the simulated machine", t->name);
	enum replay_end end = replay_run(t, totals, &cfg, &res);
	env_close();
	if (end != REPLAY_DONE)
		return replay_complain("too little simulated memory (see --ram)", t->name);
	result_print(o, t->name, replay_isa[isa], &res);
	return res.layouts + res.anons + res.results == 0 ? TOOL_OK : TOOL_FAILED;
}

static int
replay_trace(const struct replay_options *o, const struct trace *t)
{
	struct trace_totals totals;
	struct trace_error err;
	char message[512];
	uint8_t *alive = malloc(SPACES_MAX);
	int worst = TOOL_OK;

	if (alive == NULL)
		return replay_complain("too little memory", t->name);
	enum trace_step s = trace_check(t, alive, SPACES_MAX, &totals, &err);
	free(alive);
	if (s != TRACE_RECORD) {
		trace_error_print(t, &err, message, sizeof(message));
		return replay_complain(message, NULL);
	}
	if (totals.lost != 0)
		fprintf(stderr,
			"tessera replay: %s: its recorder lost %llu records; expect differences\n",
			t->name, (unsigned long long)totals.lost);
	for (int isa = 0; isa < ENV_ISA_COUNT; isa++) {
		int status = o->isa[isa] ? replay_on(o, (enum env_isa)isa, t, &totals) : TOOL_OK;
		worst = status > worst ? status : worst;
		fflush(stdout);
	}
	return worst;
}

static int
replay_file(const struct replay_options *o, const char *path)
{
	struct trace t;
	char message[512];

	if (!trace_load(path, &t, message, sizeof(message)))
		return replay_complain(message, NULL);
	int status = replay_trace(o, &t);
	trace_unload(&t);
	return status;
}

/* ---- Options ---- */

static bool
number_parse(const char *s, uint64_t *out, const char **rest)
{
	char *end;

	errno = 0;
	unsigned long long v = strtoull(s, &end, 10);
	*out = v;
	*rest = end;
	return *s >= '0' && *s <= '9' && errno == 0;
}

static bool
ram_parse(const char *s, uint64_t *out)
{
	const char *rest;
	unsigned shift = 0;

	if (!number_parse(s, out, &rest))
		return false;
	if (*rest != 0) {
		const char *unit = strchr("KMG", *rest);
		if (unit == NULL || rest[1] != 0)
			return false;
		shift = *rest == 'K' ? 10 : *rest == 'M' ? 20 : 30;
	}
	if (*out > RAM_MAX >> shift)
		return false;
	*out <<= shift;
	return *out >= RAM_MIN && tess_page_aligned(*out);
}

static bool
isa_parse(const char *s, bool isa[ENV_ISA_COUNT])
{
	bool found = false;

	for (int i = 0; i < ENV_ISA_COUNT; i++) {
		isa[i] = strcmp(s, replay_isa[i]) == 0 ||
			 (strcmp(s, "both") == 0 && (i == ENV_X86_64 || i == ENV_AARCH64));
		found |= isa[i];
	}
	return found;
}

/* One option.  TOOL_OK: go on. */
static int
option_take(struct replay_options *o, int c)
{
	const char *rest;
	uint64_t n;

	switch (c) {
	case 'p':
		return isa_parse(optarg, o->isa)
			   ? TOOL_OK
			   : replay_complain(
				 "--pmap takes x86_64, aarch64, aarch64_hw or both, not", optarg);
	case 'c':
		if (!number_parse(optarg, &n, &rest) || *rest != 0 || n < 1 || n > TESS_CPU_MAX)
			return replay_complain("--cpus takes a number from 1 to 64, not", optarg);
		o->ncpu = (unsigned)n;
		return TOOL_OK;
	case 'r':
		return ram_parse(optarg, &o->ram)
			   ? TOOL_OK
			   : replay_complain("--ram takes whole pages from 16M to 1024G, not",
					     optarg);
	case 'j':
		o->json = true;
		return TOOL_OK;
	case 'v':
		o->verbose = true;
		return TOOL_OK;
	case 'm':
		o->model = false;
		return TOOL_OK;
	default:
		return replay_complain("see `tessera replay --help`", NULL);
	}
}

int
cmd_replay(int argc, char **argv)
{
	static const struct option longs[] = {
	    {"pmap", required_argument, NULL, 'p'}, {"cpus", required_argument, NULL, 'c'},
	    {"ram", required_argument, NULL, 'r'},  {"json", no_argument, NULL, 'j'},
	    {"verbose", no_argument, NULL, 'v'},    {"no-model", no_argument, NULL, 'm'},
	    {"help", no_argument, NULL, 'h'},       {NULL, 0, NULL, 0}};
	struct replay_options o = {.ncpu = 1, .ram = (uint64_t)2 << 30, .model = true};
	int c, worst = TOOL_OK;

	isa_parse("both", o.isa);
	while ((c = getopt_long(argc, argv, "", longs, NULL)) != -1) {
		if (c == 'h') {
			replay_usage(stdout);
			return TOOL_OK;
		}
		int status = option_take(&o, c);
		if (status != TOOL_OK)
			return status;
	}
	if (optind == argc)
		return replay_complain("no trace given; see `tessera replay --help`", NULL);
	for (int i = optind; i < argc; i++) {
		int status = replay_file(&o, argv[i]);
		worst = status > worst ? status : worst;
	}
	return worst;
}
