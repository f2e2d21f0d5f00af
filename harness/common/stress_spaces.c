/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * stress_spaces.c: many spaces: copies on write, spaces that move over CPUs, truncation and execute rights.
 */
#include <tessera/port.h>
#include "bare.h"
#include "stress.h"

#define SPACES_VA    ((tess_va)0x200000000000)
#define SPACES_PAGES 48

static struct {
	struct bare_barrier barrier;
	struct tess_space *space[TESS_CPU_MAX];
	struct tess_handle segment;
	uint64_t rounds;
} spaces;

static tess_va
spaces_va(unsigned page)
{
	return SPACES_VA + page * TESS_PAGE_SIZE;
}

static void
spaces_fill(uint64_t seed, unsigned first, unsigned step)
{
	for (unsigned p = first; p < SPACES_PAGES; p += step) {
		enum tess_err e = bare_store64(spaces_va(p), seed + p);

		stress_require(e == TESS_OK, "a store was refused", spaces_va(p), e);
	}
}

static void
spaces_expect(uint64_t seed, unsigned first, unsigned step, const char *what)
{
	for (unsigned p = first; p < SPACES_PAGES; p += step)
		stress_is(spaces_va(p), seed + p, what);
}

/* ---- Copies: grandparent, parent and child, each written in turn ---- */

static void
spaces_copy_round(uint64_t seed)
{
	struct tess_space *a = stress_space(), *b, *c;

	bare_run(a);
	if (!stress_map(a, SPACES_VA, SPACES_PAGES * TESS_PAGE_SIZE))
		return;
	spaces_fill(seed, 0, 1);
	if (!stress_require(tess_space_fork(a, &b) == TESS_OK, "fork failed", 1, 0))
		return;
	spaces_fill(seed + 1000, 0, 2); /* the parent: even pages */
	bare_run(b);
	spaces_expect(seed, 0, 1, "a child sees what its parent wrote after the fork");
	spaces_fill(seed + 2000, 1, 2); /* the child: odd pages */
	if (!stress_require(tess_space_fork(b, &c) == TESS_OK, "fork failed", 2, 0))
		return;
	bare_run(a);
	spaces_expect(seed + 1000, 0, 2, "the parent lost what it wrote");
	spaces_expect(seed, 1, 2, "the parent sees what its child wrote");
	bare_run(NULL);
	tess_space_destroy(a);
	bare_run(c);
	spaces_expect(seed, 0, 2, "a grandchild lost what was shared");
	spaces_expect(seed + 2000, 1, 2, "a grandchild lost what its parent wrote");
	spaces_fill(seed + 3000, 0, 3);
	bare_run(b);
	tess_space_destroy(c);
	spaces_expect(seed, 0, 2, "a parent sees what its child wrote");
	spaces_expect(seed + 2000, 1, 2, "a parent lost pages with its child");
	tess_space_destroy(b); /* while this CPU runs it: the core lets go of it */
	bare_cpus[tess_port_cpu()].space = NULL;
}

static void
spaces_copier(void *arg, unsigned cpu)
{
	(void)arg;
	for (uint64_t i = 0; i < spaces.rounds; i++)
		spaces_copy_round((uint64_t)(cpu + 1) << 32 | i << 16);
}

void
stress_copies(void)
{
	spaces.rounds = bare_option_number("rounds", 60);
	bare_on_all(bare_ncpu, spaces_copier, NULL);
	stress_part("fork on all CPUs at once: copies keep their own contents");
}

/* ---- Moving: in round r, CPU c runs space (c + r) mod n, written last by its neighbour ---- */

static void
spaces_mover(void *arg, unsigned cpu)
{
	(void)arg;
	for (uint64_t r = 0; r < spaces.rounds; r++) {
		unsigned which = (unsigned)((cpu + r) % bare_ncpu);
		struct tess_space *sp = spaces.space[which];
		uint64_t seed = (uint64_t)(which + 1) << 40;

		bare_run(sp);
		if (r == 0)
			stress_map(sp, SPACES_VA, SPACES_PAGES * TESS_PAGE_SIZE);
		else
			spaces_expect(seed | (r - 1) << 16, 0, 1,
				      "a space changed on its way to another CPU");
		if (r % 4 == 3) { /* what other CPUs still have in their TLBs goes away */
			stress_require(tess_munmap(sp, SPACES_VA, SPACES_PAGES * TESS_PAGE_SIZE) ==
					   TESS_OK,
				       "munmap failed", SPACES_VA, 0);
			stress_refused(SPACES_VA, TESS_SIGSEGV, "read after munmap");
			stress_map(sp, SPACES_VA, SPACES_PAGES * TESS_PAGE_SIZE);
			stress_is(SPACES_VA, 0, "contents of new memory");
		}
		spaces_fill(seed | r << 16, 0, 1);
		bare_barrier_wait(&spaces.barrier);
	}
	bare_run(NULL);
}

void
stress_moving(void)
{
	spaces.barrier.n = bare_ncpu;
	for (unsigned i = 0; i < bare_ncpu; i++)
		spaces.space[i] = stress_space();
	bare_on_all(bare_ncpu, spaces_mover, NULL);
	for (unsigned i = 0; i < bare_ncpu; i++) {
		tess_space_check(spaces.space[i]);
		tess_space_destroy(spaces.space[i]);
	}
	stress_part("spaces move over the CPUs with their contents");
}

/* ---- Truncation: beyond the new end every CPU gets SIGBUS ---- */

static void
spaces_truncate_round(unsigned cpu, uint64_t round)
{
	uint64_t keep = 1 + round % (SPACES_PAGES - 1);
	uint64_t seed = (uint64_t)0x77 << 48 | round << 16;

	if (cpu == round % bare_ncpu)
		spaces_fill(seed, 0, 1);
	bare_barrier_wait(&spaces.barrier);
	spaces_expect(seed, 0, 1, "shared memory differs between CPUs");
	bare_barrier_wait(&spaces.barrier);
	if (cpu == (round + 1) % bare_ncpu)
		stress_require(tess_object_set_size(spaces.segment.object, keep * TESS_PAGE_SIZE) ==
				   TESS_OK,
			       "truncation failed", keep, 0);
	bare_barrier_wait(&spaces.barrier);
	for (unsigned p = 0; p < SPACES_PAGES; p++) {
		if (p < keep)
			stress_is(spaces_va(p), seed + p, "truncation took too much");
		else
			stress_refused(spaces_va(p), TESS_SIGBUS, "read beyond the end");
	}
	bare_barrier_wait(&spaces.barrier);
	if (cpu == 0)
		stress_require(tess_object_set_size(spaces.segment.object,
						    SPACES_PAGES * TESS_PAGE_SIZE) == TESS_OK,
			       "extension failed", keep, 0);
	bare_barrier_wait(&spaces.barrier);
	stress_is(spaces_va(SPACES_PAGES - 1), 0, "contents beyond an old end");
	bare_barrier_wait(&spaces.barrier);
}

/* Even CPUs share one space, odd ones another: both map the same segment. */
static void
spaces_truncater(void *arg, unsigned cpu)
{
	(void)arg;
	bare_run(spaces.space[cpu % 2]);
	for (uint64_t r = 0; r < spaces.rounds; r++)
		spaces_truncate_round(cpu, r);
	bare_run(NULL);
}

void
stress_truncate(void)
{
	struct tess_mmap_args a = {.addr = SPACES_VA,
				   .len = SPACES_PAGES * TESS_PAGE_SIZE,
				   .prot = TESS_PROT_READ | TESS_PROT_WRITE,
				   .flags = TESS_MAP_SHARED | TESS_MAP_FIXED};
	tess_va got;

	if (tess_object_create_zero(a.len, &spaces.segment.object) != TESS_OK)
		tess_port_panic("stress: no memory for a segment");
	spaces.segment.kind = TESS_HANDLE_SHM;
	spaces.segment.mode = TESS_MODE_READ | TESS_MODE_WRITE;
	a.handle = spaces.segment;
	for (unsigned i = 0; i < 2; i++) {
		spaces.space[i] = stress_space();
		stress_require(tess_mmap(spaces.space[i], &a, &got) == TESS_OK, "mmap failed", i,
			       0);
	}
	bare_on_all(bare_ncpu, spaces_truncater, NULL);
	tess_space_destroy(spaces.space[0]);
	tess_space_destroy(spaces.space[1]);
	tess_object_unref(spaces.segment.object);
	stress_part("truncation of shared memory reaches every CPU");
}

/* ---- Execute rights come and go ---- */

static void
spaces_executer(void *arg, unsigned cpu)
{
	tess_va va = SPACES_VA + cpu * TESS_PAGE_SIZE;
	struct tess_space *sp = spaces.space[0];

	(void)arg;
	bare_run(sp);
	stress_require(bare_store8(va, 0xc3) == TESS_OK, "a store was refused", va, 0);
	for (uint64_t r = 0; r < spaces.rounds; r++) {
		unsigned prot =
		    r % 2 ? TESS_PROT_READ | TESS_PROT_WRITE : TESS_PROT_READ | TESS_PROT_EXEC;
		enum tess_err want = r % 2 ? TESS_SIGSEGV : TESS_OK;

		stress_require(tess_mprotect(sp, va, TESS_PAGE_SIZE, prot) == TESS_OK,
			       "mprotect failed", va, prot);
		stress_require(bare_fetch(va) == want, "the wrong execute right", va, prot);
		stress_require(bare_store8(va + 1, (uint8_t)r) == (r % 2 ? TESS_OK : TESS_SIGSEGV),
			       "the wrong write right", va, prot);
	}
	bare_run(NULL);
}

void
stress_execute(void)
{
	spaces.space[0] = stress_space();
	stress_map(spaces.space[0], SPACES_VA, bare_ncpu * TESS_PAGE_SIZE);
	bare_on_all(bare_ncpu, spaces_executer, NULL);
	tess_space_destroy(spaces.space[0]);
	stress_part("execute rights come and go");
}
