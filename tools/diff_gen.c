/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * diff_gen.c: random programs of Linux's calls.
 *
 * A program is a function of (seed, number) and of what the kernel has.  Addresses are pages of three small parts of
 * the window, so that calls meet, or an earlier answer; lengths are a few pages; one in thirty of either is odd.  A
 * program has themes: some have a heap, children, limits, sealed or locked memory, most have none, so that these do
 * not hide each other.
 *
 * Bytes are ones that do no harm when they are executed (diff_call.c): nop, ret, hlt and the like.
 *
 * Rejected: program_decode() of random bytes: half of its calls are not Linux's, and few of its addresses meet.
 */
#include <string.h>
#include "diff.h"

#define GEN_LEAST 20
#define GEN_MORE  24 /* calls of a program: GEN_LEAST .. GEN_LEAST + GEN_MORE */

struct gen {
	struct program *p;
	uint64_t x;
	unsigned features;
	uint64_t memlock; /* what cannot be exceeded */
	bool heap, forks, limits, seals, locks;
	int16_t next, addr[16], fd[8], zero[2], shm[4];
	unsigned naddr, nfd, nzero, nshm, nspaces, current;
};

static uint64_t
gen_next(struct gen *g, uint64_t below)
{
	uint64_t z = (g->x += 0x9e3779b97f4a7c15u);

	z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
	z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
	return ((z ^ (z >> 31)) >> 8) % below;
}

static bool
gen_one_in(struct gen *g, uint64_t n)
{
	return gen_next(g, n) == 0;
}

#define GEN_PICK(g, a) ((a)[gen_next(g, sizeof(a) / sizeof((a)[0]))])

/* ---- Arguments ---- */

static struct program_op *
gen_op(struct gen *g, enum program_call call)
{
	return program_add(g->p, call);
}

static void
gen_num(struct program_op *op, uint64_t v)
{
	op->arg[op->nargs++] = (struct program_arg){.reg = PROGRAM_NO_REG, .num = v};
}

static void
gen_reg(struct program_op *op, int16_t reg, uint64_t off)
{
	op->arg[op->nargs++] = (struct program_arg){.reg = reg, .num = off};
}

/* The op's answer goes into a register, remembered among `n` others of `most`. */
static void
gen_keep(struct gen *g, struct program_op *op, int16_t *regs, unsigned *n, unsigned most)
{
	if (g->next == PROGRAM_REGS)
		return;
	op->result = g->next;
	regs[*n < most ? (*n)++ : gen_next(g, most)] = g->next++;
}

static uint64_t
gen_page(struct gen *g)
{
	uint64_t part = gen_next(g, 20);

	if (part < 17)
		return DIFF_BASE + gen_next(g, 40) * DIFF_PAGE;
	if (part < 19)
		return DIFF_BASE + (500 + gen_next(g, 24)) * DIFF_PAGE;
	return DIFF_END - (1 + gen_next(g, 16)) * DIFF_PAGE;
}

static void
gen_addr(struct gen *g, struct program_op *op)
{
	if (g->naddr != 0 && gen_one_in(g, 6))
		gen_reg(op, g->addr[gen_next(g, g->naddr)], gen_next(g, 6) * DIFF_PAGE);
	else if (g->heap && gen_one_in(g, 4))
		gen_num(op, DIFF_HEAP + gen_next(g, 12) * DIFF_PAGE);
	else
		gen_num(op, gen_page(g) + (gen_one_in(g, 40) ? gen_next(g, DIFF_PAGE) : 0));
}

static uint64_t
gen_len(struct gen *g)
{
	static const uint64_t odd[] = {0,
				       1,
				       DIFF_PAGE - 1,
				       DIFF_PAGE + 1,
				       UINT64_MAX,
				       UINT64_MAX - DIFF_PAGE,
				       0x800000000000,
				       0x7fffffffffffffff,
				       0xffffffff00000000};

	if (gen_one_in(g, 24))
		return GEN_PICK(g, odd);
	return (1 + gen_next(g, 8)) * DIFF_PAGE;
}

static uint64_t
gen_prot(struct gen *g)
{
	static const uint8_t prots[] = {3, 3, 3, 3, 1, 1, 0, 7, 5, 2, 4, 6};

	return GEN_PICK(g, prots) | (gen_one_in(g, 24) ? (uint64_t)0x8 : 0) |
	       (gen_one_in(g, 48) ? (uint64_t)0x100 : 0);
}

static uint64_t
gen_byte(struct gen *g)
{
	static const uint8_t bytes[] = {0x00, 0x90, 0xc3, 0xcc, 0xf4, 0x91,
					0x92, 0x93, 0x98, 0x99, 0xf5, 0xf8};

	return GEN_PICK(g, bytes);
}

static uint64_t
gen_off(struct gen *g)
{
	static const uint64_t odd[] = {8, UINT64_MAX - DIFF_PAGE + 1, 0x7ffffffffffff000,
				       0x7ffffffffffff001};

	return gen_one_in(g, 30) ? GEN_PICK(g, odd) : gen_next(g, 8) * DIFF_PAGE;
}

/* ---- mmap ---- */

static void
gen_descriptor(struct gen *g, struct program_op *op, bool anon)
{
	if (anon && !gen_one_in(g, 30))
		gen_num(op, UINT64_MAX);
	else if (g->nfd == 0 || gen_one_in(g, 40))
		gen_num(op, gen_one_in(g, 2) ? UINT64_MAX : 60);
	else
		gen_reg(op, g->fd[gen_next(g, g->nfd)], 0);
}

static uint64_t
gen_map_flags(struct gen *g)
{
	static const uint32_t types[] = {0x22, 0x22, 0x22, 0x22,  0x02, 0x02,
					 0x01, 0x01, 0x21, 0x122, 0x03};
	static const uint32_t rare[] = {0x00, 0x20, 0x23, 0x102, 0x101, 0x121, 0x100};
	static const uint32_t extra[] = {0x8000, 0x2000, 0x4000,  0x18000,  0x20000, 0x800,
					 0x1000, 0x40,   0x80000, 0x400000, 0x10000};
	uint64_t flags = gen_one_in(g, 24) ? GEN_PICK(g, rare) : GEN_PICK(g, types);

	if (gen_one_in(g, 4))
		flags |= GEN_PICK(g, extra);
	if (g->locks && gen_one_in(g, 4))
		flags |= 0x2000;
	return flags;
}

static void
gen_mmap(struct gen *g)
{
	struct program_op *op = gen_op(g, CALL_MMAP);
	uint64_t flags = gen_map_flags(g), where = gen_next(g, 16);
	bool anon = (flags & 0x20) != 0;

	if (where < 11)
		flags |= 0x10;
	else if (where < 13)
		flags |= 0x100000;
	if (where == 15)
		gen_num(op, 0);
	else
		gen_addr(g, op);
	gen_num(op, gen_len(g));
	gen_num(op, gen_prot(g));
	gen_num(op, flags);
	if (!anon && g->nzero != 0 && gen_one_in(g, 3)) {
		gen_reg(op, g->zero[gen_next(g, g->nzero)], 0);
		gen_num(op, 0); /* an offset is a known difference */
	} else {
		gen_descriptor(g, op, anon);
		gen_num(op, anon && !gen_one_in(g, 10) ? 0 : gen_off(g));
	}
	if ((flags & 0x10) == 0 || gen_one_in(g, 8))
		gen_keep(g, op, g->addr, &g->naddr, 16);
}

/* ---- Calls on a range ---- */

static void
gen_range(struct gen *g, enum program_call call)
{
	struct program_op *op = gen_op(g, call);

	gen_addr(g, op);
	gen_num(op, gen_len(g));
	if (call == CALL_MPROTECT)
		gen_num(op, gen_prot(g) |
				(gen_one_in(g, 16) ? (uint64_t)0x01000000 << gen_next(g, 2) : 0));
	else if (call == CALL_MSYNC)
		gen_num(op, gen_next(g, 9));
	else if (call == CALL_MSEAL)
		gen_num(op, gen_one_in(g, 20));
	else if (call == CALL_MLOCK2)
		gen_num(op, gen_one_in(g, 12) ? 2 : gen_next(g, 2));
}

static void
gen_madvise(struct gen *g)
{
	static const struct {
		uint8_t advice;
		unsigned needs;
	} known[] = {{0, 0},
		     {1, 0},
		     {2, 0},
		     {3, 0},
		     {4, 0},
		     {4, 0},
		     {4, 0},
		     {8, 0},
		     {8, 0},
		     {9, 0},
		     {9, 0},
		     {10, 0},
		     {11, 0},
		     {16, 0},
		     {17, 0},
		     {18, 0},
		     {19, 0},
		     {20, 0},
		     {21, 0},
		     {12, DIFF_KSM},
		     {13, DIFF_KSM},
		     {14, DIFF_THP},
		     {15, DIFF_THP},
		     {22, DIFF_POPULATE},
		     {23, DIFF_POPULATE},
		     {24, DIFF_DONTNEED_LOCKED},
		     {100, 0},
		     {101, 0},
		     {99, 0},
		     {5, 0},
		     {25, DIFF_THP},
		     {102, DIFF_GUARD},
		     {102, DIFF_GUARD},
		     {102, DIFF_GUARD},
		     {103, DIFF_GUARD}};
	unsigned i = (unsigned)gen_next(g, sizeof(known) / sizeof(known[0]));
	struct program_op *op;

	if ((known[i].needs & g->features) != known[i].needs)
		return;
	op = gen_op(g, CALL_MADVISE);
	gen_addr(g, op);
	gen_num(op, gen_len(g));
	gen_num(op, known[i].advice);
}

static void
gen_mremap(struct gen *g)
{
	static const uint8_t kinds[] = {0, 0, 1, 1, 1, 3, 3, 3, 3, 7, 7, 5, 2, 8, 4};
	struct program_op *op = gen_op(g, CALL_MREMAP);
	uint64_t flags = GEN_PICK(g, kinds), len = gen_one_in(g, 12) ? 0 : gen_len(g);

	gen_addr(g, op);
	gen_num(op, len);
	gen_num(op, (flags & 4) != 0 || gen_one_in(g, 5) ? len : gen_len(g));
	gen_num(op, flags);
	gen_addr(g, op);
	if ((flags & 3) == 1)
		gen_keep(g, op, g->addr, &g->naddr, 16);
}

static void
gen_access(struct gen *g)
{
	static const uint8_t calls[] = {CALL_LOAD,  CALL_LOAD,  CALL_STORE,
					CALL_STORE, CALL_STORE, CALL_FETCH};
	enum program_call call = GEN_PICK(g, calls);
	struct program_op *op;

	if (call == CALL_FETCH && (g->features & DIFF_FETCH) == 0)
		call = CALL_LOAD;
	op = gen_op(g, call);
	gen_addr(g, op);
	op->arg[0].num += gen_next(g, 3) * 0x555;
	if (call == CALL_STORE)
		gen_num(op, gen_byte(g));
}

/* ---- Files ---- */

static void
gen_open(struct gen *g)
{
	static const char *const names[] = {"a", "b"};
	struct program_op *op = gen_op(g, CALL_OPEN);
	int place = program_name(g->p, names[gen_next(g, 2)], 1);

	op->arg[op->nargs++] = (struct program_arg){.reg = PROGRAM_NO_REG, .num = (uint64_t)place};
	gen_num(op, gen_one_in(g, 4) ? gen_next(g, 2) : 2);
	gen_num(op,
		(2 + gen_next(g, 7)) * DIFF_PAGE - (gen_one_in(g, 4) ? gen_next(g, DIFF_PAGE) : 0));
	gen_keep(g, op, g->fd, &g->nfd, 8);
}

static void
gen_write(struct gen *g)
{
	struct program_op *op;

	if (g->nfd == 0)
		return;
	op = gen_op(g, CALL_PWRITE);
	gen_reg(op, g->fd[gen_next(g, g->nfd)], 0);
	gen_num(op, gen_byte(g));
	gen_num(op, gen_one_in(g, 3) ? gen_next(g, 3 * DIFF_PAGE) : DIFF_PAGE);
	gen_num(op, gen_one_in(g, 3) ? gen_next(g, 8 * DIFF_PAGE) : gen_next(g, 8) * DIFF_PAGE);
}

static void
gen_file(struct gen *g)
{
	uint64_t what = gen_next(g, 10);
	struct program_op *op;

	if (what < 4) {
		gen_write(g);
	} else if (what < 6 && g->nfd != 0) {
		op = gen_op(g, CALL_FTRUNCATE);
		gen_reg(op, g->fd[gen_next(g, g->nfd)], 0);
		gen_num(op, gen_next(g, 9) * DIFF_PAGE +
				(gen_one_in(g, 2) ? 0 : gen_next(g, DIFF_PAGE)));
	} else if (what < 8 && g->nfd != 0) {
		op = gen_op(g, CALL_PREAD);
		gen_reg(op, g->fd[gen_next(g, g->nfd)], 0);
		gen_num(op, 1 + gen_next(g, 16));
		gen_num(op, gen_next(g, 8) * DIFF_PAGE + gen_next(g, 3) * 0x555);
	} else if (what == 8 && g->nfd != 0 && gen_one_in(g, 4)) {
		op = gen_op(g, CALL_CLOSE);
		gen_reg(op, g->fd[gen_next(g, g->nfd)], 0);
	} else {
		gen_open(g);
	}
}

static void
gen_zero(struct gen *g)
{
	struct program_op *op = gen_op(g, CALL_DEVICE);

	op->arg[op->nargs++] = (struct program_arg){.reg = PROGRAM_NO_REG,
						    .num = (uint64_t)program_name(g->p, "zero", 4)};
	gen_keep(g, op, g->zero, &g->nzero, 2);
}

static void
gen_shm(struct gen *g)
{
	static const uint32_t how[] = {0, 0, 0x1000, 0x8000};
	struct program_op *op;

	if ((g->features & DIFF_SHM) == 0)
		return;
	if (g->nshm == 0) {
		op = gen_op(g, CALL_SHMGET);
		gen_num(op, 0);
		gen_num(op, (1 + gen_next(g, 4)) * DIFF_PAGE - (gen_one_in(g, 4) ? 0x777 : 0));
		gen_num(op, 0600);
		gen_keep(g, op, g->shm, &g->nshm, 4);
	} else if (gen_one_in(g, 3)) {
		op = gen_op(g, CALL_SHMDT);
		gen_addr(g, op);
	} else {
		op = gen_op(g, CALL_SHMAT);
		gen_reg(op, g->shm[gen_next(g, g->nshm)], 0);
		if (gen_one_in(g, 3))
			gen_num(op, 0);
		else
			gen_addr(g, op);
		gen_num(op, GEN_PICK(g, how));
		gen_keep(g, op, g->addr, &g->naddr, 16);
	}
}

/* ---- Themes ---- */

static void
gen_heap(struct gen *g)
{
	bool sbrk = gen_one_in(g, 3);
	struct program_op *op = gen_op(g, sbrk ? CALL_SBRK : CALL_BRK);

	if (sbrk)
		gen_num(op, (gen_next(g, 9) - 3) * DIFF_PAGE +
				(gen_one_in(g, 3) ? gen_next(g, DIFF_PAGE) : 0));
	else
		gen_num(op, gen_one_in(g, 12)
				? gen_next(g, 2) * DIFF_HEAP_END * 2
				: DIFF_HEAP + gen_next(g, 12) * DIFF_PAGE +
				      (gen_one_in(g, 3) ? gen_next(g, DIFF_PAGE) : 0));
}

static void
gen_space(struct gen *g)
{
	struct program_op *op;

	if (g->nspaces < DIFF_SPACES - 2 && (g->nspaces == 1 || gen_one_in(g, 4))) {
		gen_op(g, CALL_FORK);
		g->nspaces++;
	} else if (g->current != 0 && gen_one_in(g, 12)) {
		gen_op(g, CALL_EXIT);
		op = gen_op(g, CALL_SWITCH);
		gen_num(op, 0);
		g->current = 0;
	} else {
		op = gen_op(g, CALL_SWITCH);
		g->current = (unsigned)gen_next(g, g->nspaces);
		gen_num(op, g->current);
	}
}

static void
gen_limit(struct gen *g)
{
	static const uint8_t which[] = {2, 3, 8, 9, 9, 8};
	struct program_op *op = gen_op(g, CALL_SETRLIMIT);
	uint64_t w = g->heap ? 9 : GEN_PICK(g, which), pages = 1 + gen_next(g, 40);
	uint64_t base =
	    w == 9 ? DIFF_TOP - DIFF_LOW - (DIFF_PAGES + DIFF_HEAP_PAGES) * DIFF_PAGE : 0;

	gen_num(op, w);
	if (gen_one_in(g, 5))
		gen_num(op, w == 8 ? g->memlock : UINT64_MAX);
	else
		gen_num(op, base + pages * DIFF_PAGE + gen_next(g, 2) * 0x800);
}

/* A hard limit that the core does not know of. */
static void
gen_memlock(struct gen *g)
{
	struct program_op *op = gen_op(g, CALL_SETRLIMIT);

	gen_num(op, 8);
	gen_num(op, g->memlock);
}

static void
gen_lockall(struct gen *g)
{
	static const uint8_t flags[] = {1, 2, 3, 5, 6, 7, 0, 4, 8};
	bool off = gen_one_in(g, 3);
	struct program_op *op = gen_op(g, off ? CALL_MUNLOCKALL : CALL_MLOCKALL);

	if (!off)
		gen_num(op, GEN_PICK(g, flags));
}

static void
gen_theme(struct gen *g)
{
	switch (gen_next(g, 5)) {
	case 0:
		if (g->heap)
			gen_heap(g);
		break;
	case 1:
		if (g->forks)
			gen_space(g);
		break;
	case 2:
		if (g->limits)
			gen_limit(g);
		break;
	case 3:
		if (g->locks)
			gen_lockall(g);
		break;
	case 4:
		if (g->seals)
			gen_range(g, CALL_MSEAL);
		break;
	}
}

static void
gen_call(struct gen *g)
{
	static const uint8_t ranges[] = {CALL_MUNMAP,   CALL_MUNMAP, CALL_MPROTECT, CALL_MPROTECT,
					 CALL_MPROTECT, CALL_MSYNC,  CALL_MINCORE,  CALL_MLOCK2,
					 CALL_MLOCK,    CALL_MUNLOCK};
	uint64_t what = gen_next(g, 40);

	if (what < 9)
		gen_mmap(g);
	else if (what < 19)
		gen_access(g);
	else if (what < 26)
		gen_range(g, GEN_PICK(g, ranges));
	else if (what < 30)
		gen_madvise(g);
	else if (what < 33)
		gen_mremap(g);
	else if (what < 36)
		gen_file(g);
	else if (what == 36)
		gen_one_in(g, 4) ? gen_zero(g) : gen_shm(g);
	else
		gen_theme(g);
}

/* ---- Whole programs ---- */

static void
gen_take(struct program *p, uint64_t start, uint64_t end, uint64_t flags)
{
	struct program_op *op = program_add(p, CALL_MMAP);

	gen_num(op, start);
	gen_num(op, end - start);
	gen_num(op, 0);
	gen_num(op, flags | 0x4030);
	gen_num(op, UINT64_MAX);
	gen_num(op, 0);
}

void
diff_prologue(struct program *p)
{
	struct program_op *op = program_add(p, CALL_SET_BRK);

	gen_num(op, DIFF_HEAP);
	gen_take(p, DIFF_LOW, DIFF_HEAP - DIFF_PAGE, 2);
	gen_take(p, DIFF_HEAP - DIFF_PAGE, DIFF_HEAP, 1);
	gen_take(p, DIFF_HEAP_END, DIFF_HEAP_END + DIFF_PAGE, 1);
	gen_take(p, DIFF_HEAP_END + DIFF_PAGE, DIFF_BASE - DIFF_PAGE, 2);
	gen_take(p, DIFF_BASE - DIFF_PAGE, DIFF_BASE, 1);
	gen_take(p, DIFF_END, DIFF_END + DIFF_PAGE, 1);
	gen_take(p, DIFF_END + DIFF_PAGE, DIFF_TOP, 2);
}

uint32_t
diff_begins_so(const struct program *p)
{
	struct program want;
	uint32_t n;

	program_init(&want, p->mem);
	diff_prologue(&want);
	n = want.n;
	for (uint32_t i = 0; i < want.n; i++)
		if (i >= p->n || p->op[i].call != want.op[i].call ||
		    memcmp(p->op[i].arg, want.op[i].arg, sizeof(want.op[i].arg)) != 0)
			n = 0;
	program_fini(&want);
	return n;
}

void
diff_generate(struct program *p, uint64_t seed, uint64_t number, unsigned features,
	      uint64_t memlock)
{
	struct gen g = {.p = p,
			.memlock = memlock,
			.x = seed * 0x9e3779b97f4a7c15u ^ number * 0xd1342543de82ef95u,
			.features = features};
	uint32_t end;

	g.nspaces = 1;
	gen_next(&g, 2);
	g.heap = gen_one_in(&g, 8);
	g.forks = gen_one_in(&g, 8);
	g.limits = gen_one_in(&g, 8) && (features & DIFF_LIMITS) != 0;
	g.locks = gen_one_in(&g, 8);
	g.seals = gen_one_in(&g, 16) && (features & DIFF_SEAL) != 0;
	p->personality = TESS_PERSONALITY_LINUX;
	diff_prologue(p);
	if (memlock != UINT64_MAX)
		gen_memlock(&g);
	end = p->n + GEN_LEAST + (uint32_t)gen_next(&g, GEN_MORE);
	if (!gen_one_in(&g, 4)) {
		gen_open(&g);
		gen_write(&g);
	}
	while (p->n < end)
		gen_call(&g);
}
