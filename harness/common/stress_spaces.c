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

/* ---- Races: one page, taken away again and again, while everybody else touches nothing but that page ---- */

enum spaces_way {
	RACE_UNMAP,
	RACE_NONE,
	RACE_READ,
	RACE_WAYS
};

static struct {
	enum spaces_way way;
	uint32_t turn; /* A: odd: the right was taken away before, and is given back later */
	uint32_t stop; /* A */
	uint64_t rounds;
	uint64_t refused[TESS_CPU_MAX], done[TESS_CPU_MAX]; /* P */
} race;

/* A whole slot of the table above, so that the last table goes with the page. */
#define RACE_VA    ((tess_va)0x300000000000)
#define RACE_BYTES ((uint64_t)2 << 20)

static void
race_take(struct tess_space *sp)
{
	enum tess_err e;

	if (race.way == RACE_UNMAP)
		e = tess_munmap(sp, RACE_VA, RACE_BYTES);
	else
		e = tess_mprotect(sp, RACE_VA, RACE_BYTES,
				  race.way == RACE_NONE ? TESS_PROT_NONE : TESS_PROT_READ);
	stress_require(e == TESS_OK, "a right could not be taken away", race.way, e);
}

static void
race_give(struct tess_space *sp)
{
	if (race.way == RACE_UNMAP)
		stress_map(sp, RACE_VA, RACE_BYTES);
	else
		stress_require(tess_mprotect(sp, RACE_VA, RACE_BYTES,
					     TESS_PROT_READ | TESS_PROT_WRITE) == TESS_OK,
			       "a right could not be given back", race.way, 0);
}

static void
race_owner(struct tess_space *sp)
{
	uint64_t rnd = stress_seed(0);

	for (uint64_t i = 0; i < race.rounds; i++) {
		race_take(sp);
		tess_add_acqrel(&race.turn, 1); /* pairs with race_toucher() */
		for (uint64_t k = stress_random(&rnd, 60); k > 0; k--)
			tess_port_relax(0);
		tess_add_acqrel(&race.turn, 1); /* pairs with race_toucher() */
		race_give(sp);
		for (uint64_t k = stress_random(&rnd, 60); k > 0; k--)
			tess_port_relax(0);
	}
	tess_store_release(&race.stop, 1);
}

/* An access that began and ended in one odd turn was made while the right was gone. */
static void
race_toucher(unsigned cpu)
{
	while (tess_load_relaxed(&race.stop) == 0) {
		uint32_t turn = tess_load_acquire(&race.turn); /* pairs with race_owner() */
		enum tess_err e = bare_store64(RACE_VA + 8 * cpu, turn);

		tess_fence_full(); /* the access before the second look */
		if (turn % 2 == 1 && tess_load_acquire(&race.turn) == turn)
			stress_require(e == TESS_SIGSEGV, "a store after the right was taken away",
				       race.way, e);
		stress_require(e == TESS_OK || e == TESS_SIGSEGV, "neither stored nor SIGSEGV",
			       race.way, e);
		race.done[cpu] += e == TESS_OK;
		race.refused[cpu] += e == TESS_SIGSEGV;
	}
}

static void
race_worker(void *arg, unsigned cpu)
{
	struct tess_space *sp = arg;

	bare_run(sp);
	bare_barrier_wait(&spaces.barrier);
	if (cpu == 0)
		race_owner(sp);
	else
		race_toucher(cpu);
	bare_run(NULL);
}

void
stress_race(void)
{
	uint64_t done = 0, refused = 0;

	race.rounds = bare_option_number("ops", 1500) / 2;
	spaces.barrier.n = bare_ncpu;
	for (race.way = RACE_UNMAP; race.way < RACE_WAYS; race.way++) {
		struct tess_space *sp = stress_space();

		race.turn = race.stop = 0;
		stress_map(sp, RACE_VA, RACE_BYTES);
		bare_on_all(bare_ncpu, race_worker, sp);
		tess_space_check(sp);
		tess_space_destroy(sp);
	}
	for (unsigned i = 0; i < bare_ncpu; i++) {
		done += race.done[i];
		refused += race.refused[i];
	}
	tap_note("%lu stores went through, %lu were refused", done, refused);
	stress_require(bare_ncpu == 1 || (done > 0 && refused > 0), "there was no race", done,
		       refused);
	stress_part("faults race with the loss of their right");
}
