/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * instructions.c: the loops that tools/instructions runs under callgrind.
 *
 * One thread, one simulated CPU, no randomness but a fixed seed: the count of a loop is a fact of the code and
 * the compiler, not of the machine's mood.  Each case runs twice unseen (magazines and leaves are then as
 * they stay) and ROUNDS times seen:
 *
 *	before()	set the scene			not counted
 *	run()		`ops` operations		counted: callgrind collects from toggle to toggle
 *	after()		take the scene away		not counted
 *
 * and ends with a dump named "case NAME OPS".  Instructions of this file itself are left out by the reader.
 * A case that names a counter of the core is held to it: a loop that does not do what it says ends the program.
 *
 * Without callgrind the same loops run as a quick test that the cases work.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <valgrind/callgrind.h>
#include <tessera/machine.h>
#include <tessera/object.h>
#include <tessera/space.h>
#include <tessera/stats.h>
#include "hosted.h"

#define ROUNDS 4
#define RAM    ((uint64_t)256 << 20)
#define BASE   ((tess_va)1 << 40)
#define BIG    ((uint64_t)128 << 20)
#define STEP   (16 * TESS_PAGE_SIZE) /* regions lie this far apart */
#define REGION (4 * TESS_PAGE_SIZE)
#define PAGES  ((uint64_t)4096) /* of the fault cases: 16 MiB */
#define COUNT  ((uint64_t)64)   /* repeats of short calls */

struct icase {
	const char *name;
	uint64_t ops; /* operations in one run */
	uint64_t n;   /* the case's size: pages, entries */
	void (*before)(uint64_t n);
	void (*run)(uint64_t n);
	void (*after)(uint64_t n);
	int stat; /* goes up by one an operation; -1: none does */
};

static struct tess_space *space, *child;
static struct tess_object *object;
static struct tess_space *children[COUNT];

/* ---- Calls that must work ---- */

static void
must(enum tess_err e, const char *what)
{
	if (e == TESS_OK)
		return;
	fprintf(stderr, "instructions: %s: %s\n", what, tess_err_name(e));
	exit(2);
}

static tess_va
map_at(tess_va at, uint64_t bytes)
{
	struct tess_mmap_args a = {
	    .addr = at,
	    .len = bytes,
	    .prot = TESS_PROT_READ | TESS_PROT_WRITE,
	    .flags = TESS_MAP_PRIVATE | TESS_MAP_ANON | (at != 0 ? TESS_MAP_FIXED : 0),
	};
	tess_va out;

	must(tess_mmap(space, &a, &out), "mmap");
	return out;
}

static void
unmap_at(tess_va at, uint64_t bytes)
{
	must(tess_munmap(space, at, bytes), "munmap");
}

static void
protect_at(tess_va at, uint64_t bytes, unsigned prot)
{
	must(tess_mprotect(space, at, bytes, prot), "mprotect");
}

static void
write_pages(tess_va at, uint64_t pages)
{
	for (uint64_t i = 0; i < pages; i++)
		must(tess_fault(space, at + i * TESS_PAGE_SIZE, TESS_ACCESS_WRITE), "fault");
}

static uint64_t
next_random(void)
{
	static uint64_t x = 88172645463325252u;

	x ^= x << 13;
	x ^= x >> 7;
	x ^= x << 17;
	return x >> 32;
}

static void
nothing(uint64_t n)
{
	(void)n;
}

/* ---- Scenes ---- */

static void
scene_regions(uint64_t n)
{
	for (uint64_t i = 0; i < n; i++)
		map_at(BASE + i * STEP, REGION);
}

static void
scene_regions_end(uint64_t n)
{
	unmap_at(BASE, n * STEP);
}

/* n regions whose first pages are resident and translated. */
static void
scene_touched(uint64_t n)
{
	scene_regions(n);
	for (uint64_t i = 0; i < n; i++)
		write_pages(BASE + i * STEP, 1);
}

static void
scene_empty(uint64_t n)
{
	map_at(BASE, n * TESS_PAGE_SIZE);
}

static void
scene_resident(uint64_t n)
{
	scene_empty(n);
	write_pages(BASE, n);
}

static void
scene_end(uint64_t n)
{
	unmap_at(BASE, n * TESS_PAGE_SIZE);
}

/* Resident, but no translation is left. */
static void
scene_untranslated(uint64_t n)
{
	scene_resident(n);
	protect_at(BASE, n * TESS_PAGE_SIZE, TESS_PROT_NONE);
	protect_at(BASE, n * TESS_PAGE_SIZE, TESS_PROT_READ | TESS_PROT_WRITE);
}

static void
scene_forked(uint64_t n)
{
	scene_resident(n);
	must(tess_space_fork(space, &child), "fork");
}

static void
scene_forked_end(uint64_t n)
{
	tess_space_destroy(child);
	scene_end(n);
}

/* Pages of an object, in memory, not translated. */
static void
scene_object(uint64_t n)
{
	struct tess_mmap_args a = {
	    .addr = BASE,
	    .len = n * TESS_PAGE_SIZE,
	    .prot = TESS_PROT_READ | TESS_PROT_WRITE,
	    .flags = TESS_MAP_SHARED | TESS_MAP_FIXED,
	    .handle = {.kind = TESS_HANDLE_SHM, .mode = TESS_MODE_READ | TESS_MODE_WRITE},
	};
	tess_va out;

	must(tess_object_create_zero(a.len, &object), "object");
	a.handle.object = object;
	must(tess_mmap(space, &a, &out), "mmap");
	write_pages(BASE, n);
	unmap_at(BASE, a.len);
	must(tess_mmap(space, &a, &out), "mmap");
}

static void
scene_object_end(uint64_t n)
{
	scene_end(n);
	tess_object_unref(object);
}

/* COUNT areas of n resident pages each, 4 MiB apart. */
#define FAR(i) (BASE + (i) * ((tess_va)4 << 20))

static void
scene_far(uint64_t n)
{
	for (uint64_t i = 0; i < COUNT; i++) {
		map_at(FAR(i), n * TESS_PAGE_SIZE);
		write_pages(FAR(i), n);
	}
}

static void
scene_far_end(uint64_t n)
{
	for (uint64_t i = 0; i < COUNT; i++)
		unmap_at(FAR(i), n * TESS_PAGE_SIZE);
}

static void
scene_children_end(uint64_t n)
{
	for (uint64_t i = 0; i < COUNT; i++)
		tess_space_destroy(children[i]);
	scene_end(n);
}

static void
scene_children_regions_end(uint64_t n)
{
	for (uint64_t i = 0; i < COUNT; i++)
		tess_space_destroy(children[i]);
	scene_regions_end(n);
}

static void
scene_children(uint64_t n)
{
	scene_resident(n);
	for (uint64_t i = 0; i < COUNT; i++)
		must(tess_space_fork(space, &children[i]), "fork");
}

/* ---- What is counted ---- */

static void
run_area(uint64_t n)
{
	struct tess_area area;

	for (uint64_t i = 0; i < PAGES; i++)
		if (!tess_space_next_area(space, BASE + next_random() % n * STEP, &area))
			must(TESS_ENOENT, "next_area");
}

static void
run_mincore(uint64_t n)
{
	unsigned char vec;

	for (uint64_t i = 0; i < PAGES; i++)
		must(tess_mincore(space, BASE + next_random() % n * STEP, TESS_PAGE_SIZE, &vec),
		     "mincore");
}

/* Faults whose translation is there already: the lookup, and a look at the tables. */
static void
run_again(uint64_t n)
{
	for (uint64_t i = 0; i < PAGES; i++)
		must(tess_fault(space, BASE + next_random() % n * STEP, TESS_ACCESS_WRITE),
		     "fault");
}

static void
run_write(uint64_t n)
{
	write_pages(BASE, n);
}

static void
run_read(uint64_t n)
{
	for (uint64_t i = 0; i < n; i++)
		must(tess_fault(space, BASE + i * TESS_PAGE_SIZE, TESS_ACCESS_READ), "fault");
}

static void
run_pair_small(uint64_t n)
{
	(void)n;
	for (uint64_t i = 0; i < COUNT; i++)
		unmap_at(map_at(0, TESS_PAGE_SIZE), TESS_PAGE_SIZE);
}

static void
run_pair_big(uint64_t n)
{
	(void)n;
	for (uint64_t i = 0; i < COUNT; i++)
		unmap_at(map_at(0, BIG), BIG);
}

/* Into a hole between regions. */
static void
run_pair_between(uint64_t n)
{
	for (uint64_t i = 0; i < COUNT; i++) {
		tess_va at = BASE + next_random() % n * STEP + 8 * TESS_PAGE_SIZE;

		map_at(at, REGION);
		unmap_at(at, REGION);
	}
}

static void
run_local(uint64_t n)
{
	for (uint64_t i = 0; i < COUNT; i++) {
		map_at(BASE, n * TESS_PAGE_SIZE);
		write_pages(BASE, n);
		unmap_at(BASE, n * TESS_PAGE_SIZE);
	}
}

static void
run_unmap(uint64_t n)
{
	scene_far_end(n);
}

static void
run_readonly(uint64_t n)
{
	for (uint64_t i = 0; i < COUNT; i++)
		protect_at(FAR(i), n * TESS_PAGE_SIZE, TESS_PROT_READ);
}

/* Alternate pages lose a right: an operation is one of them; and the way back. */
static void
run_split(uint64_t n)
{
	for (uint64_t i = 1; i < n; i += 2)
		protect_at(BASE + i * TESS_PAGE_SIZE, TESS_PAGE_SIZE, TESS_PROT_READ);
}

static void
run_merge(uint64_t n)
{
	for (uint64_t i = 1; i < n; i += 2)
		protect_at(BASE + i * TESS_PAGE_SIZE, TESS_PAGE_SIZE,
			   TESS_PROT_READ | TESS_PROT_WRITE);
}

static void
scene_split(uint64_t n)
{
	scene_resident(n);
	run_split(n);
}

/* Again and again: all but the first find pages that are shared and write-protected already. */
static void
run_fork(uint64_t n)
{
	(void)n;
	for (uint64_t i = 0; i < COUNT; i++)
		must(tess_space_fork(space, &children[i]), "fork");
}

static void
run_fork_one(uint64_t n)
{
	(void)n;
	must(tess_space_fork(space, &child), "fork");
}

static void
run_exit(uint64_t n)
{
	(void)n;
	for (uint64_t i = 0; i < COUNT; i++)
		tess_space_destroy(children[i]);
}

#define CASE_FAULT(name, scene, run, end, stat)           \
	{                                                 \
		name, PAGES, PAGES, scene, run, end, stat \
	}
#define CASE_FAR(name, n, run, end)                     \
	{                                               \
		name, COUNT, n, scene_far, run, end, -1 \
	}

static const struct icase cases[] = {
    {"area 100", PAGES, 100, scene_regions, run_area, scene_regions_end, -1},
    {"area 20000", PAGES, 20000, scene_regions, run_area, scene_regions_end, -1},
    {"mincore 1000", PAGES, 1000, scene_regions, run_mincore, scene_regions_end, -1},
    {"again 100", PAGES, 100, scene_touched, run_again, scene_regions_end, TESS_STAT_FAULT},
    {"again 20000", PAGES, 20000, scene_touched, run_again, scene_regions_end, TESS_STAT_FAULT},
    CASE_FAULT("soft_anon", scene_untranslated, run_write, scene_end, TESS_STAT_FAULT_TAKEOVER),
    CASE_FAULT("soft_object", scene_object, run_write, scene_object_end, TESS_STAT_FAULT_LOWER),
    CASE_FAULT("zero_read", scene_empty, run_read, scene_end, TESS_STAT_FAULT),
    CASE_FAULT("zero_fill", scene_empty, run_write, scene_end, TESS_STAT_FAULT_ZERO),
    CASE_FAULT("cow", scene_forked, run_write, scene_forked_end, TESS_STAT_FAULT_COW),
    {"pair 4k", COUNT, 0, nothing, run_pair_small, nothing, -1},
    {"pair 128m", COUNT, 0, nothing, run_pair_big, nothing, -1},
    {"pair 128m 64k", COUNT, 65536, scene_regions, run_pair_big, scene_regions_end, -1},
    {"pair between 64k", COUNT, 65536, scene_regions, run_pair_between, scene_regions_end, -1},
    {"local 1", COUNT, 1, nothing, run_local, nothing, -1},
    {"local 16", COUNT, 16, nothing, run_local, nothing, -1},
    CASE_FAR("unmap 1", 1, run_unmap, nothing),
    CASE_FAR("unmap 16", 16, run_unmap, nothing),
    CASE_FAR("unmap 512", 512, run_unmap, nothing),
    CASE_FAR("mprotect 1", 1, run_readonly, scene_far_end),
    CASE_FAR("mprotect 16", 16, run_readonly, scene_far_end),
    CASE_FAR("mprotect 512", 512, run_readonly, scene_far_end),
    {"split", 256, 512, scene_resident, run_split, scene_end, -1},
    {"merge", 256, 512, scene_split, run_merge, scene_end, -1},
    {"fork 1", 1, 1, scene_resident, run_fork_one, scene_forked_end, -1},
    {"fork 256", 1, 256, scene_resident, run_fork_one, scene_forked_end, -1},
    {"fork 4096", 1, 4096, scene_resident, run_fork_one, scene_forked_end, -1},
    {"fork 100 entries", COUNT, 100, scene_regions, run_fork, scene_children_regions_end, -1},
    {"fork again 4096", COUNT, 4096, scene_resident, run_fork, scene_children_end, -1},
    {"exit 4096", COUNT, 4096, scene_children, run_exit, scene_end, -1},
};

/* ---- Running them ---- */

static void
case_round(const struct icase *c, bool seen)
{
	uint64_t was;

	c->before(c->n);
	was = c->stat >= 0 ? tess_stat_get((enum tess_stat)c->stat) : 0;
	if (seen)
		CALLGRIND_TOGGLE_COLLECT;
	c->run(c->n);
	if (seen)
		CALLGRIND_TOGGLE_COLLECT;
	if (c->stat >= 0 && tess_stat_get((enum tess_stat)c->stat) - was != c->ops) {
		fprintf(stderr, "instructions: %s: %llu operations, but %s went up by %llu\n",
			c->name, (unsigned long long)c->ops,
			tess_stat_name((enum tess_stat)c->stat),
			(unsigned long long)(tess_stat_get((enum tess_stat)c->stat) - was));
		exit(1);
	}
	c->after(c->n);
	tess_quiesce();
}

static void
case_run(const struct icase *c)
{
	char line[80];

	for (unsigned i = 0; i < 2; i++)
		case_round(c, false);
	CALLGRIND_ZERO_STATS;
	for (unsigned i = 0; i < ROUNDS; i++)
		case_round(c, true);
	snprintf(line, sizeof(line), "case %s = %llu", c->name,
		 (unsigned long long)(c->ops * ROUNDS));
	CALLGRIND_DUMP_STATS_AT(line);
	puts(line);
}

static const struct tess_host_config *
config(const char *isa)
{
	static struct tess_host_config hc = {.drive = TESS_HOST_SINGLE, .ncpu = 1, .ram = RAM};

	if (strcmp(isa, "x86_64") == 0)
		hc.isa = TESS_HOST_X86_64;
	else if (strcmp(isa, "aarch64") == 0)
		hc.isa = TESS_HOST_AARCH64;
	else if (strcmp(isa, "aarch64_hw") == 0)
		hc.isa = TESS_HOST_AARCH64_HW;
	else
		return NULL;
	return &hc;
}

int
main(int argc, char **argv)
{
	const struct tess_space_config sc = {.personality = TESS_PERSONALITY_LINUX};
	const struct tess_host_config *hc = config(argc > 1 ? argv[1] : "x86_64");
	const char *only = argc > 2 ? argv[2] : NULL;
	struct tess_host *host;
	unsigned ran = 0;

	if (hc == NULL || argc > 3) {
		fprintf(stderr, "usage: instructions [x86_64|aarch64|aarch64_hw [CASE]]\n");
		return 2;
	}
	printf("built by %s with %s\n", BENCH_COMPILER, BENCH_FLAGS);
	host = tess_host_create(hc);
	if (host == NULL)
		return 2;
	must(tess_space_create(&sc, &space), "space");
	tess_space_activate(space);
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		if (only == NULL || strcmp(only, cases[i].name) == 0) {
			case_run(&cases[i]);
			ran++;
		}
	tess_space_activate(NULL);
	tess_space_destroy(space);
	tess_host_destroy(host);
	if (ran == 0)
		fprintf(stderr, "instructions: no case '%s'\n", only);
	return ran == 0 ? 2 : 0;
}
