/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * wire.c: changing protection while somebody wires the same range: P6 and P18.
 *
 *	CPU 1  tess_map_wire ── pager ── (held by this test) ─────────── let go ──► done
 *	CPU 2			  tess_map_protect ── waits ─────────────────────────► done
 *
 * The pager is where wiring sleeps, so holding it there is holding the wiring in progress.  What the second CPU would do
 * meanwhile is given 100 ms to happen: a call that does not wait takes microseconds.
 *
 * usage: stress_wire ISA
 */
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <tessera/tessera.h>
#include <tessera/map.h>
#include <hosted.h>

#define PAGE   TESS_PAGE_SIZE
#define BASE   ((tess_va)0x10000000)
#define PAGES  4
#define ROUNDS 2000
#define RW     (TESS_PROT_READ | TESS_PROT_WRITE)

static struct tess_host *wire_host;
static struct tess_space *wire_space;
static pthread_mutex_t wire_lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t wire_changed = PTHREAD_COND_INITIALIZER;
static bool wire_hold, wire_held, wire_protected; /* under wire_lock */
static unsigned wire_points, wire_failures;

struct wire_cpu {
	unsigned cpu, flags;
	pthread_barrier_t *meet;
	enum tess_kern answer;
};

static void
wire_point(const char *name, const char *about, bool good)
{
	printf("%sok %u - %s: %s\n", good ? "" : "not ", ++wire_points, name, about);
	wire_failures += !good;
}

/* ---- A pager that can be held ---- */

static enum tess_err
wire_get(void *backing, tess_idx idx, unsigned n, void *const *data)
{
	(void)backing;
	for (unsigned i = 0; i < n; i++)
		memset(data[i], (int)(idx + i + 1), PAGE);
	tess_host_offline(wire_host);
	pthread_mutex_lock(&wire_lock);
	wire_held = wire_hold;
	pthread_cond_broadcast(&wire_changed);
	while (wire_hold)
		pthread_cond_wait(&wire_changed, &wire_lock);
	pthread_mutex_unlock(&wire_lock);
	tess_host_online(wire_host);
	return TESS_OK;
}

static enum tess_err
wire_put(void *backing, tess_idx idx, unsigned n, const void *const *data, uint64_t size)
{
	(void)backing;
	(void)idx;
	(void)n;
	(void)data;
	(void)size;
	return TESS_OK;
}

static enum tess_err
wire_resize(void *backing, uint64_t size)
{
	(void)backing;
	(void)size;
	return TESS_OK;
}

static void
wire_detach(void *backing)
{
	(void)backing;
}

static const struct tess_pager_ops wire_pager = {
    .name = "wire", .get = wire_get, .put = wire_put, .resize = wire_resize, .detach = wire_detach};

/* PAGES pages of a new object, shared, rw.  false: no memory. */
static bool
wire_map(void)
{
	struct tess_mmap_args a = {
	    .addr = BASE,
	    .len = PAGES * PAGE,
	    .prot = RW,
	    .flags = TESS_MAP_SHARED | TESS_MAP_FIXED,
	    .handle = {.kind = TESS_HANDLE_FILE, .mode = TESS_MODE_READ | TESS_MODE_WRITE}};
	enum tess_err e;
	tess_va va;

	if (tess_object_create(&wire_pager, NULL, PAGES * PAGE, &a.handle.object) != TESS_OK)
		return false;
	e = tess_mmap(wire_space, &a, &va);
	tess_object_unref(a.handle.object);
	return e == TESS_OK;
}

/* ---- The two CPUs ---- */

static void
wire_begin(const struct wire_cpu *c)
{
	tess_host_attach(wire_host, c->cpu, false);
	if (c->meet == NULL)
		return;
	tess_host_offline(wire_host);
	pthread_barrier_wait(c->meet);
	tess_host_online(wire_host);
}

static void *
wire_wires(void *arg)
{
	struct wire_cpu *c = arg;

	wire_begin(c);
	c->answer = tess_map_wire(tess_space_map(wire_space), BASE, BASE + PAGES * PAGE, c->flags);
	tess_host_detach(wire_host);
	return NULL;
}

static void *
wire_protects(void *arg)
{
	struct wire_cpu *c = arg;

	wire_begin(c);
	c->answer = tess_map_protect(tess_space_map(wire_space), BASE + PAGE, BASE + 2 * PAGE,
				     TESS_PROT_READ, 0, TESS_PROTECT_SET_PROT);
	pthread_mutex_lock(&wire_lock);
	wire_protected = true;
	pthread_mutex_unlock(&wire_lock);
	tess_host_detach(wire_host);
	return NULL;
}

static tess_prot
wire_prot(tess_va va)
{
	struct tess_area a;

	return tess_space_next_area(wire_space, va, &a) && a.start <= va ? a.prot : 0;
}

static uint64_t
wire_wired(void)
{
	struct tess_space_counts n;

	tess_space_counts_get(wire_space, &n);
	return n.wired;
}

/* Let 100 ms pass; then: has the change of protection come through? */
static bool
wire_came_through(void)
{
	struct timespec pause = {.tv_nsec = 100000000};
	bool came;

	nanosleep(&pause, NULL);
	pthread_mutex_lock(&wire_lock);
	came = wire_protected;
	pthread_mutex_unlock(&wire_lock);
	return came;
}

static void
wire_set_hold(bool hold)
{
	pthread_mutex_lock(&wire_lock);
	wire_hold = hold;
	wire_held = wire_protected = false;
	pthread_cond_broadcast(&wire_changed);
	pthread_mutex_unlock(&wire_lock);
}

/* ---- Points ---- */

static void
p6_protect_waits(void)
{
	struct wire_cpu w = {.cpu = 1, .flags = TESS_WIRE_SYSTEM}, p = {.cpu = 2};
	pthread_t wires, protects;
	bool early, good = wire_map();

	wire_set_hold(true);
	tess_host_offline(wire_host);
	pthread_create(&wires, NULL, wire_wires, &w);
	pthread_mutex_lock(&wire_lock);
	while (!wire_held)
		pthread_cond_wait(&wire_changed, &wire_lock);
	pthread_mutex_unlock(&wire_lock);
	pthread_create(&protects, NULL, wire_protects, &p);
	early = wire_came_through();
	pthread_mutex_lock(&wire_lock);
	wire_hold = false;
	pthread_cond_broadcast(&wire_changed);
	pthread_mutex_unlock(&wire_lock);
	pthread_join(wires, NULL);
	pthread_join(protects, NULL);
	tess_host_online(wire_host);
	good = good && !early && w.answer == TESS_KERN_SUCCESS && p.answer == TESS_KERN_SUCCESS &&
	       wire_prot(BASE + PAGE) == TESS_PROT_READ && wire_prot(BASE) == RW &&
	       wire_wired() == PAGES * PAGE;
	good = tess_munmap(wire_space, BASE, PAGES * PAGE) == TESS_OK && good;
	wire_point("p6_protect_waits", "P6: map_protect waits for a wiring of its range", good);
}

/*
 * The wiring asks for the right to write, the change of protection takes it: whichever is first, the other sees it whole.
 * Never: wired in part, refused and wired, changed in part.
 */
static void
p18_wire_between(void)
{
	struct wire_cpu w = {.cpu = 1, .flags = TESS_WIRE_SYSTEM | TESS_WIRE_WRITE}, p = {.cpu = 2};
	pthread_t wires, protects;
	pthread_barrier_t meet;
	unsigned round, first = 0;
	bool good = true;

	pthread_barrier_init(&meet, NULL, 2);
	w.meet = p.meet = &meet;
	wire_set_hold(false);
	for (round = 0; round < ROUNDS && good; round++) {
		good = wire_map();
		tess_host_offline(wire_host);
		pthread_create(&wires, NULL, wire_wires, &w);
		pthread_create(&protects, NULL, wire_protects, &p);
		pthread_join(wires, NULL);
		pthread_join(protects, NULL);
		tess_host_online(wire_host);
		first += w.answer == TESS_KERN_SUCCESS;
		good = good && p.answer == TESS_KERN_SUCCESS &&
		       wire_prot(BASE + PAGE) == TESS_PROT_READ && wire_prot(BASE) == RW &&
		       ((w.answer == TESS_KERN_SUCCESS && wire_wired() == PAGES * PAGE) ||
			(w.answer == TESS_KERN_PROTECTION_FAILURE && wire_wired() == 0));
		good = tess_munmap(wire_space, BASE, PAGES * PAGE) == TESS_OK && good;
	}
	pthread_barrier_destroy(&meet);
	printf("# %u rounds, wired first in %u\n", round, first);
	wire_point("p18_wire_between", "P18: wiring and map_protect at once: one before the other",
		   good);
}

#define STRESS_POINT(fn) fn()

int
main(int argc, char **argv)
{
	static const char *const isa[] = {"x86_64", "aarch64", "aarch64_hw"};
	struct tess_host_config hc = {
	    .drive = TESS_HOST_THREADS, .ncpu = 3, .ram = (uint64_t)32 << 20, .isa = 3};

	setvbuf(stdout, NULL, _IOLBF, 0);
	for (unsigned i = 0; argc == 2 && i < 3; i++)
		if (strcmp(argv[1], isa[i]) == 0)
			hc.isa = (enum tess_host_isa)i;
	if (hc.isa == 3) {
		fprintf(stderr, "usage: %s x86_64|aarch64|aarch64_hw\n", argv[0]);
		return 2;
	}
	wire_host = tess_host_create(&hc);
	if (wire_host == NULL || tess_space_create(NULL, &wire_space) != TESS_OK) {
		printf("Bail out! no machine\n");
		return 1;
	}
	STRESS_POINT(p6_protect_waits);
	STRESS_POINT(p18_wire_between);
	tess_space_check(wire_space);
	tess_space_destroy(wire_space);
	tess_host_destroy(wire_host);
	printf("1..%u\n", wire_points);
	return wire_failures != 0;
}
