/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * stress.c: several CPUs at one space, through the public calls and the simulated MMU.
 *
 *	stripe 1 | stripe 2 | stripe 3 |    common
 *	  CPU 1      CPU 2      CPU 3     every CPU
 *
 * Only CPU n changes stripe n, so CPU n knows exactly what every access to it must find, while the
 * others pull at the same map, tables, pools and TLBs.  In the common range nothing is certain but
 * this: a page holds zero or the stamp of its own address, never another page's.  From time to time a
 * CPU forks the space: its own stripe in the child must be what it was at that moment, and what the
 * child writes must not be seen here.
 *
 * The oracles of the hosted machine watch throughout; walkers and the leak check come at the end.
 * Built with ThreadSanitizer it also looks for data races.  Rejected: comparing with the model.  It
 * would serialise the threads, and the order of calls in the common range is not known.
 *
 * usage: stress ISA [OPERATIONS [SEED]]
 */
#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <tessera/tessera.h>
#include <hosted.h>

#define STRESS_CPUS   3
#define STRESS_PAGES  64 /* of a stripe, and of the common range */
#define STRESS_BASE   ((tess_va)0x10000000)
#define STRESS_STRIDE ((tess_va)0x1ff000) /* stripes share chunks, leaves and tables */

enum stress_state {
	STRESS_HOLE,
	STRESS_READ,
	STRESS_WRITE
};

struct stress_page {
	enum stress_state state;
	uint64_t value;
};

struct stress_cpu {
	unsigned cpu;
	pthread_t thread;
	uint64_t random;
	tess_va base; /* of its stripe */
	struct stress_page page[STRESS_PAGES];
};

static struct tess_host *stress_host;
static struct tess_space *stress_space;
static unsigned stress_operations = 400000;
static unsigned stress_failures; /* A */
static char stress_first[200];   /* the first failure's text */

static void
stress_fail(const char *format, ...)
{
	va_list args;

	if (__atomic_fetch_add(&stress_failures, 1, __ATOMIC_ACQ_REL) != 0)
		return;
	va_start(args, format);
	vsnprintf(stress_first, sizeof(stress_first), format, args);
	va_end(args);
}

/* xorshift64*: Vigna 2016. */
static unsigned
stress_random(struct stress_cpu *c, unsigned below)
{
	c->random ^= c->random >> 12;
	c->random ^= c->random << 25;
	c->random ^= c->random >> 27;
	return (unsigned)((c->random * 0x2545f4914f6cdd1dull) >> 33) % below;
}

static enum tess_err
stress_on_fault(void *ctx, tess_va va, enum tess_access access)
{
	return tess_fault(ctx, va, access);
}

/* This CPU runs `sp` from here on. */
static void
stress_enter(struct tess_space *sp)
{
	tess_space_activate(sp);
	tess_host_set_fault(stress_host, sp != NULL ? stress_on_fault : NULL, sp);
}

static enum tess_err
stress_map(tess_va va, unsigned pages)
{
	struct tess_mmap_args args = {
	    .addr = va,
	    .len = pages * TESS_PAGE_SIZE,
	    .prot = TESS_PROT_READ | TESS_PROT_WRITE,
	    .flags = TESS_MAP_PRIVATE | TESS_MAP_ANON | TESS_MAP_FIXED,
	};
	tess_va out;

	return tess_mmap(stress_space, &args, &out);
}

/* ---- a CPU's own stripe ---- */

static tess_va
stripe_va(const struct stress_cpu *c, unsigned i)
{
	return c->base + i * TESS_PAGE_SIZE;
}

static void
stripe_expect(const struct stress_cpu *c, const char *what, unsigned i, enum tess_err want,
	      enum tess_err got)
{
	if (got != want)
		stress_fail("CPU %u: %s of page %u answered %d, expected %d", c->cpu, what, i, got,
			    want);
}

/* stripe_look: load page i; it must be what the shadow says. */
static void
stripe_look(const struct stress_cpu *c, unsigned i, const char *where)
{
	const struct stress_page *p = &c->page[i];
	uint64_t found = 0;
	enum tess_err e = tess_host_load(stress_host, stripe_va(c, i), &found, sizeof(found));

	stripe_expect(c, where, i, p->state == STRESS_HOLE ? TESS_SIGSEGV : TESS_OK, e);
	if (e == TESS_OK && found != p->value)
		stress_fail("CPU %u: %s of page %u found %#llx, expected %#llx", c->cpu, where, i,
			    (unsigned long long)found, (unsigned long long)p->value);
}

static void
stripe_store(struct stress_cpu *c, unsigned i)
{
	struct stress_page *p = &c->page[i];
	uint64_t value = (uint64_t)c->cpu << 56 | stress_random(c, 1u << 30);
	enum tess_err e = tess_host_store(stress_host, stripe_va(c, i), &value, sizeof(value));

	stripe_expect(c, "store", i, p->state == STRESS_WRITE ? TESS_OK : TESS_SIGSEGV, e);
	if (e == TESS_OK)
		p->value = value;
}

/* stripe_protect: pages [i, i + n), when all are mapped. */
static void
stripe_protect(struct stress_cpu *c, unsigned i, unsigned n)
{
	enum stress_state to = stress_random(c, 2) ? STRESS_READ : STRESS_WRITE;
	unsigned prot = to == STRESS_READ ? TESS_PROT_READ : TESS_PROT_READ | TESS_PROT_WRITE;

	for (unsigned k = i; k < i + n; k++)
		if (c->page[k].state == STRESS_HOLE)
			return;
	stripe_expect(c, "mprotect", i, TESS_OK,
		      tess_mprotect(stress_space, stripe_va(c, i), n * TESS_PAGE_SIZE, prot));
	for (unsigned k = i; k < i + n; k++)
		c->page[k].state = to;
}

static void
stripe_change(struct stress_cpu *c, unsigned i, unsigned n)
{
	enum stress_state to = STRESS_HOLE;

	if (stress_random(c, 3) != 0) {
		stripe_expect(c, "mmap", i, TESS_OK, stress_map(stripe_va(c, i), n));
		to = STRESS_WRITE;
	} else {
		stripe_expect(c, "munmap", i, TESS_OK,
			      tess_munmap(stress_space, stripe_va(c, i), n * TESS_PAGE_SIZE));
	}
	for (unsigned k = i; k < i + n; k++)
		c->page[k] = (struct stress_page){.state = to};
}

static void
stripe_step(struct stress_cpu *c)
{
	unsigned i = stress_random(c, STRESS_PAGES), n = 1 + stress_random(c, 8);

	if (i + n > STRESS_PAGES)
		n = STRESS_PAGES - i;
	switch (stress_random(c, 12)) {
	case 0:
		stripe_change(c, i, n);
		break;
	case 1:
	case 2:
		stripe_protect(c, i, n);
		break;
	case 3:
	case 4:
	case 5:
	case 6:
		stripe_store(c, i);
		break;
	default:
		stripe_look(c, i, "load");
	}
}

/* ---- the common range ---- */

static void
common_access(tess_va va, bool store)
{
	uint64_t stamp = va * 0x9e3779b97f4a7c15ull, found;
	enum tess_err e;

	if (store) {
		e = tess_host_store(stress_host, va, &stamp, sizeof(stamp));
	} else {
		e = tess_host_load(stress_host, va, &found, sizeof(found));
		if (e == TESS_OK && found != 0 && found != stamp)
			stress_fail("common page %#llx holds %#llx", (unsigned long long)va,
				    (unsigned long long)found);
	}
	if (e != TESS_OK && e != TESS_SIGSEGV)
		stress_fail("common access to %#llx answered %d", (unsigned long long)va, e);
}

static void
common_step(struct stress_cpu *c)
{
	unsigned i = stress_random(c, STRESS_PAGES), n = 1 + stress_random(c, 4);
	tess_va va = STRESS_BASE + (STRESS_CPUS + 1) * STRESS_STRIDE + i * TESS_PAGE_SIZE;
	enum tess_err e = TESS_OK;

	switch (stress_random(c, 10)) {
	case 0:
		e = stress_map(va, n);
		break;
	case 1:
		e = tess_munmap(stress_space, va, n * TESS_PAGE_SIZE);
		break;
	case 2:
		e = tess_mprotect(stress_space, va, n * TESS_PAGE_SIZE, TESS_PROT_READ);
		break;
	case 3:
		e = tess_madvise(stress_space, va, TESS_PAGE_SIZE, TESS_MADV_DONTNEED);
		break;
	case 4:
	case 5:
	case 6:
		common_access(va, true);
		break;
	default:
		common_access(va, false);
	}
	if (e != TESS_OK && e != TESS_ENOMEM) /* a hole: another CPU may just have made it */
		stress_fail("CPU %u: a call on the common range answered %d", c->cpu, e);
}

/* ---- fork ---- */

/* fork_step: the child has this CPU's stripe as it is now, and keeps its changes to itself. */
static void
fork_step(struct stress_cpu *c)
{
	struct tess_space *child;
	uint64_t other = ~(uint64_t)0;
	enum tess_err e = tess_space_fork(stress_space, &child);

	if (e != TESS_OK) {
		stress_fail("CPU %u: fork answered %d", c->cpu, e);
		return;
	}
	stress_enter(child);
	for (unsigned i = 0; i < STRESS_PAGES; i++) {
		stripe_look(c, i, "the child's load");
		if (c->page[i].state == STRESS_WRITE && i % 2 == 0)
			stripe_expect(
			    c, "the child's store", i, TESS_OK,
			    tess_host_store(stress_host, stripe_va(c, i), &other, sizeof(other)));
	}
	stress_enter(stress_space);
	tess_space_destroy(child);
	for (unsigned i = 0; i < STRESS_PAGES; i++)
		stripe_look(c, i, "the load after fork");
}

/* ---- the machine ---- */

static void *
stress_run(void *arg)
{
	struct stress_cpu *c = arg;

	tess_host_attach(stress_host, c->cpu, false);
	stress_enter(stress_space);
	for (unsigned i = 0; i < stress_operations; i++) {
		unsigned what = stress_random(c, 512);

		if (what == 0)
			fork_step(c);
		else if (what % 2)
			stripe_step(c);
		else
			common_step(c);
	}
	for (unsigned i = 0; i < STRESS_PAGES; i++)
		stripe_look(c, i, "the last load");
	stress_enter(NULL);
	tess_host_detach(stress_host);
	return NULL;
}

static void
stress_threads(uint64_t seed)
{
	static struct stress_cpu cpus[STRESS_CPUS];

	for (unsigned i = 0; i < STRESS_CPUS; i++) {
		cpus[i].cpu = i + 1;
		cpus[i].random = (seed + i) * 0x9e3779b97f4a7c15ull | 1;
		cpus[i].base = STRESS_BASE + i * STRESS_STRIDE;
		if (pthread_create(&cpus[i].thread, NULL, stress_run, &cpus[i]) != 0)
			abort();
	}
	tess_host_offline(stress_host);
	for (unsigned i = 0; i < STRESS_CPUS; i++)
		pthread_join(cpus[i].thread, NULL);
	tess_host_online(stress_host);
}

static bool
stress_open(enum tess_host_isa isa, uint64_t seed)
{
	struct tess_host_config host = {.isa = isa,
					.drive = TESS_HOST_THREADS,
					.ncpu = STRESS_CPUS + 1,
					.ram = (uint64_t)64 << 20,
					.seed = seed};
	struct tess_space_config space = {.personality = TESS_PERSONALITY_LINUX};

	stress_host = tess_host_create(&host);
	return stress_host != NULL && tess_space_create(&space, &stress_space) == TESS_OK;
}

static int
stress_main(enum tess_host_isa isa, uint64_t seed)
{
	printf("1..4\n");
	fflush(stdout); /* before an oracle speaks */
	if (!stress_open(isa, seed)) {
		printf("Bail out! no machine\n");
		return 1;
	}
	stress_threads(seed);
	printf("%s 1 - %u operations on each of %u CPUs (seed %llu)\n",
	       stress_failures == 0 ? "ok" : "not ok", stress_operations, STRESS_CPUS,
	       (unsigned long long)seed);
	if (stress_failures != 0)
		printf("# %u failures; the first: %s\n", stress_failures, stress_first);
	tess_quiesce();
	tess_space_check(stress_space);
	tess_machine_check();
	printf("ok 2 - every walker\n");
	tess_host_check(stress_host);
	printf("ok 3 - no TLB knows more than the tables\n");
	tess_space_destroy(stress_space);
	tess_host_destroy(stress_host);
	printf("ok 4 - nothing is left\n");
	return stress_failures != 0;
}

int
main(int argc, char **argv)
{
	static const char *const names[] = {
	    [TESS_HOST_X86_64] = "x86_64",
	    [TESS_HOST_AARCH64] = "aarch64",
	    [TESS_HOST_AARCH64_HW] = "aarch64_hw",
	};
	unsigned long operations = argc > 2 ? strtoul(argv[2], NULL, 0) : stress_operations;
	uint64_t seed = argc > 3 ? strtoull(argv[3], NULL, 0) : 1;

	for (unsigned i = 0; argc > 1 && argc <= 4 && i < 3; i++)
		if (strcmp(argv[1], names[i]) == 0 && operations > 0 && operations < 1u << 30) {
			stress_operations = (unsigned)operations;
			return stress_main((enum tess_host_isa)i, seed);
		}
	fprintf(stderr, "usage: stress x86_64|aarch64|aarch64_hw [OPERATIONS [SEED]]\n");
	return 2;
}
