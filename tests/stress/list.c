/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * list.c: tess_map_list() while others change the map without rest.
 *
 *	CPU 1	mmap(FIXED) over any part of [tiles), with one protection or the other: never a hole
 *	CPU 2	mremap of one page between two places: it is in one of them, always
 *		Both may be out of memory for a moment, when the listers kept what died waiting: nothing changed then.
 *	CPU 3, 4	lists: the tiles without hole or overlap, the page in exactly one place, a version that never
 *		goes back, and the same areas whenever the version is the same
 *
 * usage: stress_list ISA SECONDS
 */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <tessera/tessera.h>
#include <tessera/map.h>
#include <tessera/port/atomic.h>
#include "hosted.h"

#define PAGE  TESS_PAGE_SIZE
#define BASE  ((tess_va)0x10000000)
#define TILES 24
#define HERE  (BASE + 64 * PAGE)
#define THERE (BASE + 80 * PAGE)
#define AREAS 64
#define CPUS  4

struct list_cpu {
	unsigned cpu;
	pthread_t thread;
	void (*step)(struct list_cpu *c);
	uint64_t random, version, lists;
	struct tess_area area[AREAS];
	unsigned n;
};

static struct tess_host *list_host;
static struct tess_space *list_space;
static uint32_t list_stop, list_bad;

static void
list_fail(const char *what, uint64_t value)
{
	if (tess_add_relaxed(&list_bad, 1) == 0)
		printf("# %s (%#llx)\n", what, (unsigned long long)value);
	tess_store_relaxed(&list_stop, 1);
}

static uint64_t
list_random(struct list_cpu *c, uint64_t n)
{
	c->random ^= c->random << 13;
	c->random ^= c->random >> 7;
	c->random ^= c->random << 17;
	return c->random % n;
}

static void
list_map(tess_va va, uint64_t pages, unsigned prot)
{
	struct tess_mmap_args a = {.addr = va,
				   .len = pages * PAGE,
				   .prot = prot,
				   .flags = TESS_MAP_PRIVATE | TESS_MAP_ANON | TESS_MAP_FIXED,
				   .handle = {.kind = TESS_HANDLE_NONE}};
	enum tess_err e = tess_mmap(list_space, &a, &va);

	if (e != TESS_OK && e != TESS_ENOMEM)
		list_fail("mmap", (uint64_t)e);
}

static void
tile_step(struct list_cpu *c)
{
	uint64_t at = list_random(c, TILES), n = 1 + list_random(c, TILES - at);

	list_map(BASE + at * PAGE, n,
		 list_random(c, 2) ? TESS_PROT_READ : TESS_PROT_READ | TESS_PROT_WRITE);
}

static void
page_step(struct list_cpu *c)
{
	static tess_va at = HERE;
	tess_va to = at == HERE ? THERE : HERE;
	enum tess_err e = tess_mremap(list_space, at, PAGE, PAGE,
				      TESS_MREMAP_MAYMOVE | TESS_MREMAP_FIXED, to, &at);

	(void)c;
	if (e != TESS_OK && e != TESS_ENOMEM)
		list_fail("mremap", (uint64_t)e);
}

/* list_sound: tiles without a hole, one page beside them. */
static void
list_sound(const struct tess_area *a, unsigned n)
{
	tess_va end = BASE;
	unsigned pages = 0;

	for (unsigned i = 0; i < n; i++) {
		if (a[i].start >= HERE) {
			pages++;
			continue;
		}
		if (a[i].start != end)
			list_fail("a hole, or an overlap", end);
		end = a[i].end;
	}
	if (end != BASE + TILES * PAGE)
		list_fail("the tiles end early", end);
	if (pages != 1)
		list_fail("places where the page is", pages);
}

static bool
list_same(const struct tess_area *a, const struct tess_area *b, unsigned n)
{
	for (unsigned i = 0; i < n; i++)
		if (a[i].start != b[i].start || a[i].end != b[i].end || a[i].prot != b[i].prot)
			return false;
	return true;
}

static void
list_step(struct list_cpu *c)
{
	struct tess_area area[AREAS];
	uint64_t version;
	unsigned n;

	tess_map_list(tess_space_map(list_space), 0, area, AREAS, &n, &version);
	list_sound(area, n);
	if (version < c->version)
		list_fail("the version went back", version);
	if (version == c->version && c->lists > 0 && (n != c->n || !list_same(area, c->area, n)))
		list_fail("one version, two layouts", version);
	memcpy(c->area, area, sizeof(area));
	c->version = version;
	c->n = n;
	c->lists++;
}

static void *
list_run(void *arg)
{
	struct list_cpu *c = arg;

	tess_host_attach(list_host, c->cpu, false);
	while (!tess_load_relaxed(&list_stop))
		c->step(c);
	tess_host_detach(list_host);
	return NULL;
}

/* list_threads: all four for a while; the number of listings. */
static uint64_t
list_threads(unsigned seconds)
{
	static struct list_cpu cpus[CPUS];
	static void (*const steps[CPUS])(struct list_cpu *) = {tile_step, page_step, list_step,
							       list_step};
	struct timespec nap = {.tv_nsec = 10000000};
	uint64_t lists = 0;

	for (unsigned i = 0; i < CPUS; i++) {
		cpus[i].cpu = i + 1;
		cpus[i].step = steps[i];
		cpus[i].random = i * 0x9e3779b97f4a7c15 | 1;
		if (pthread_create(&cpus[i].thread, NULL, list_run, &cpus[i]) != 0)
			abort();
	}
	tess_host_offline(list_host);
	for (unsigned i = 0; i < seconds * 100 && !tess_load_relaxed(&list_stop); i++)
		nanosleep(&nap, NULL);
	tess_store_relaxed(&list_stop, 1);
	for (unsigned i = 0; i < CPUS; i++) {
		pthread_join(cpus[i].thread, NULL);
		lists += cpus[i].lists;
	}
	tess_host_online(list_host);
	return lists;
}

static int
list_main(enum tess_host_isa isa, unsigned seconds)
{
	struct tess_host_config cfg = {
	    .isa = isa, .drive = TESS_HOST_THREADS, .ncpu = CPUS + 1, .ram = (uint64_t)128 << 20};
	struct tess_space_config space = {.personality = TESS_PERSONALITY_LINUX};
	uint64_t lists;

	printf("1..2\n");
	fflush(stdout); /* before an oracle speaks */
	list_host = tess_host_create(&cfg);
	if (list_host == NULL || tess_space_create(&space, &list_space) != TESS_OK) {
		printf("Bail out! no machine\n");
		return 1;
	}
	list_map(BASE, TILES, TESS_PROT_READ);
	list_map(HERE, 1, TESS_PROT_READ);
	lists = list_threads(seconds);
	printf("%s 1 - every listing was one moment\n# %llu listings\n",
	       list_bad == 0 && lists > 0 ? "ok" : "not ok", (unsigned long long)lists);
	tess_quiesce();
	tess_space_check(list_space);
	tess_space_destroy(list_space);
	tess_host_destroy(list_host);
	printf("ok 2 - nothing is left\n");
	return list_bad != 0;
}

int
main(int argc, char **argv)
{
	static const char *const names[] = {
	    [TESS_HOST_X86_64] = "x86_64",
	    [TESS_HOST_AARCH64] = "aarch64",
	    [TESS_HOST_AARCH64_HW] = "aarch64_hw",
	};
	unsigned seconds = argc == 3 ? (unsigned)strtoul(argv[2], NULL, 10) : 0;

	for (unsigned i = 0; seconds > 0 && seconds < 3600 && i < 3; i++)
		if (strcmp(argv[1], names[i]) == 0)
			return list_main((enum tess_host_isa)i, seconds);
	fprintf(stderr, "usage: stress_list x86_64|aarch64|aarch64_hw SECONDS\n");
	return 2;
}
