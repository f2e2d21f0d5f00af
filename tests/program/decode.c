/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * decode.c: any bytes to a legal program.
 *
 *	head (DECODE_HEAD bytes)		   a record (DECODE_RECORD bytes) for each call
 *	 0  isa, personality, CPUs		    0  which call (two tables below; common ones several times)
 *	 1  seed of TLB evictions		    1  address: page of the window | an earlier result | edge
 *	 2  limits				    2  address: low bits, or offset from that result
 *	 3  set-up: which files there are	    3  length
 *						    4  flags		5  protection, or which word
 *						    6,7 second address, or flags and protection of rarer
 *						    systems		8  second length, or descriptor
 *						    9  a byte: data, offset, CPU ...
 *
 * Addresses are pages of a small window, so that calls meet; every fourth or so is an earlier call's result, so
 * that calls meet where the core chose the place; few are edges.  Missing bytes are zero.
 */
#include "env.h"
#include "mem.h"
#include "decode_priv.h"

static const uint8_t decode_calls[] = {
    CALL_MMAP,      CALL_MMAP,       CALL_MMAP,      CALL_MMAP,     CALL_MMAP,
    CALL_MMAP,      CALL_STORE,      CALL_STORE,     CALL_STORE,    CALL_STORE,
    CALL_STORE,     CALL_LOAD,       CALL_LOAD,      CALL_LOAD,     CALL_MUNMAP,
    CALL_MUNMAP,    CALL_MUNMAP,     CALL_MPROTECT,  CALL_MPROTECT, CALL_MPROTECT,
    CALL_FORK,      CALL_FORK,       CALL_SWITCH,    CALL_SWITCH,   CALL_MADVISE,
    CALL_MADVISE,   CALL_MADVISE,    CALL_MREMAP,    CALL_MREMAP,   CALL_MREMAP,
    CALL_MSYNC,     CALL_MINCORE,    CALL_MLOCK,     CALL_MLOCK2,   CALL_MUNLOCK,
    CALL_MLOCKALL,  CALL_MUNLOCKALL, CALL_MINHERIT,  CALL_BRK,      CALL_BRK,
    CALL_SHMAT,     CALL_SHMDT,      CALL_FTRUNCATE, CALL_PWRITE,   CALL_PREAD,
    CALL_EXIT,      CALL_EXEC,       CALL_FETCH,     CALL_CPU,      CALL_CPU,
    CALL_SETRLIMIT, CALL_FAIL_NTH,   CALL_FAIL_NTH,  CALL_MMAP,     CALL_STORE,
    CALL_MADVISE,   CALL_OPEN,       CALL_CLOSE,     CALL_SBRK,     CALL_POSIX_MADVISE,
    CALL_DEVICE,    CALL_SHMGET,     CALL_STORE,     CALL_LOAD,
};

/* From 0xc0 on: what only some systems have. */
static const uint8_t decode_rare_calls[] = {
    CALL_MREMAP_BSD,     CALL_MREMAP_BSD,    CALL_MREMAP_BSD, CALL_MQUERY,
    CALL_MQUERY,         CALL_MIMMUTABLE,    CALL_MSEAL,      CALL_MAP_PROTECT,
    CALL_MAP_PROTECT,    CALL_MAP_FLAGS,     CALL_MAP_FLAGS,  CALL_MINCORE_DETAIL,
    CALL_MINCORE_DETAIL, CALL_SBRK,          CALL_OMMAP,      CALL_OMMAP,
    CALL_SSTK,           CALL_MAP_FINDSPACE, CALL_MADVISE,    CALL_MADVISE,
    CALL_MPROTECT,       CALL_MMAP,          CALL_MMAP,       CALL_MMAP,
    CALL_STORE,          CALL_LOAD,          CALL_MINHERIT,   CALL_RELEASE_QUARANTINE,
    CALL_MUNMAPFD,       CALL_MAP_SEED,      CALL_DEVICE,     CALL_MREMAP_BSD,
};

static uint8_t
decode_byte(struct decode *d)
{
	return d->at < d->size ? d->data[d->at++] : 0;
}

/* ---- Arguments ---- */

void
decode_put(struct program_op *op, int16_t reg, uint64_t num)
{
	op->arg[op->nargs++] = (struct program_arg){.reg = reg, .num = num};
}

void
decode_num(struct program_op *op, uint64_t num)
{
	decode_put(op, PROGRAM_NO_REG, num);
}

/* An address from two bytes. */
void
decode_addr(struct decode *d, struct program_op *op, uint8_t a, uint8_t b)
{
	static const uint64_t edges[] = {
	    0,
	    0x1000,
	    0xf000,
	    0x10000,
	    0x7ffffffff000,
	    0x7fffffffe000,
	    0x7fffffffd000,
	    0x7ffff0000000,
	    0x800000000000,
	    0xfffffffffffff000,
	    0x8000000000000000,
	    0xffffffffffffffff,
	    DECODE_BASE + 0x200000 -
		0x1000, /* where a chunk of amap slots, and a table of PTEs, end */
	    DECODE_BASE + 0x200000,
	    DECODE_BASE - 0x1000,
	    DECODE_BASE + 0x3ffff000,
	};
	uint64_t low = b < 0xe8 ? 0 : b & 0xf;

	if (a < 0xc0) {
		decode_num(op, DECODE_BASE + (uint64_t)(a % DECODE_PAGES) * TESS_PAGE_SIZE + low);
	} else if (a < 0xf0 && d->naddr != 0) {
		decode_put(op, d->addr_reg[a % d->naddr],
			   (uint64_t)(b & 7) * TESS_PAGE_SIZE + (b >= 0xf8 ? 1 : 0));
	} else if (a < 0xf0) {
		decode_num(op, 0);
	} else {
		decode_num(op, edges[a & 0xf] + low);
	}
}

uint64_t
decode_len(uint8_t b)
{
	static const uint64_t edges[] = {
	    0,
	    1,
	    0xfff,
	    0x1001,
	    0x200000,
	    0x201000,
	    0x40000000,
	    0x7ffffffff000,
	    0x7fffffff0000,
	    0x800000000000,
	    0x7fffffffffffffff,
	    0x8000000000000000,
	    0xfffffffffffff000,
	    0xfffffffffffff001,
	    0xffffffffffffffff,
	    0x2345,
	};

	if (b < 0xe0)
		return ((uint64_t)(b & 7) + (b >= 0xa0 ? (b >> 3) & 7 : 0) + 1) * TESS_PAGE_SIZE;
	return b < 0xf0 ? (uint64_t)(b & 0xf) * 0x2000 : edges[b & 0xf];
}

/* A short length, for calls that would touch every page of it. */
uint64_t
decode_short_len(uint8_t b)
{
	return ((uint64_t)(b & 7) + 1) * TESS_PAGE_SIZE - (b >= 0xf0 ? 0xfff : 0);
}

uint64_t
decode_prot(uint8_t b)
{
	static const uint8_t prots[] = {3, 3, 3, 1, 1, 0, 7, 5, 2, 4, 6, 3};

	return b < 0xf8 ? prots[b % sizeof(prots)] : (uint64_t)(b & 7) << 3 | 3;
}

void
decode_fd(struct decode *d, struct program_op *op, uint8_t b)
{
	if (d->nfd == 0 || b >= 0xf8)
		decode_num(op, b & 1 ? 42 : UINT64_MAX);
	else
		decode_put(op, d->fd_reg[b % d->nfd], 0);
}

/* The result of this op is an address, a descriptor, a space that later calls may name. */
void
decode_result(struct decode *d, struct program_op *op, int16_t *regs, unsigned *n)
{
	op->result = d->next_reg++;
	regs[(*n)++] = op->result;
}

/* ---- Calls ---- */

static uint64_t
decode_advice(uint8_t b)
{
	static const uint8_t linux_madv[] = {0,  1,  2,  3,  4,  4,  4,  8,  8,  10, 11,
					     14, 16, 17, 18, 19, 20, 21, 22, 23, 12, 99};
	static const uint64_t rare[] = {9,
					9,
					24,
					25,
					100,
					101,
					102,
					102,
					103,
					102,
					PROGRAM_MADV(0),
					PROGRAM_MADV(1),
					PROGRAM_MADV(2),
					PROGRAM_MADV(3),
					PROGRAM_MADV(4),
					PROGRAM_MADV(4),
					PROGRAM_MADV(5),
					PROGRAM_MADV(6),
					PROGRAM_MADV(7),
					PROGRAM_MADV(8)};

	return b < 0xb0 ? linux_madv[b % sizeof(linux_madv)]
			: rare[b % (sizeof(rare) / sizeof(rare[0]))];
}

static uint64_t
decode_word(uint8_t call, uint8_t b)
{
	static const uint8_t msync[] = {1, 4, 2, 6, 3, 5, 0, 8};
	static const uint8_t mcl[] = {1, 2, 3, 5, 7, 6, 4, 0, 8, 2};

	switch (call) {
	case CALL_MADVISE:
		return decode_advice(b);
	case CALL_POSIX_MADVISE:
		return b % 6;
	case CALL_MSYNC:
		return msync[b % sizeof(msync)];
	case CALL_MLOCKALL:
		return mcl[b % sizeof(mcl)];
	case CALL_MSEAL:
		return b < 0xf0 ? 0 : b & 1;
	case CALL_MLOCK2:
		return b % 8 == 7 ? 2 : b & 1;
	case CALL_MINHERIT:
		return b >= 0xe0 ? 4 : b % 8 == 7 ? 7 : b & 3;
	}
	return decode_prot(b);
}

/* Calls whose arguments are a range, and perhaps a word. */
static void
decode_range_call(struct decode *d, struct program_op *op)
{
	bool bytes = op->call == CALL_MINCORE || op->call == CALL_MINCORE_DETAIL;
	uint64_t word = decode_word(op->call, d->rec[5]);
	bool populates = op->call == CALL_MADVISE && (word == 22 || word == 23);

	decode_addr(d, op, d->rec[1], d->rec[2]);
	/* What is populated, or asked about page by page, is short; errors in long lengths are still looked for. */
	if ((bytes && d->rec[3] < 0xf0) || populates)
		decode_num(op, decode_short_len(d->rec[3]));
	else
		decode_num(op, decode_len(d->rec[3]));
	if (program_syntax[op->call].least == 3)
		decode_num(op,
			   op->call == CALL_MPROTECT ? decode_rare_prot(word, d->rec[7]) : word);
}

static void
decode_file_call(struct decode *d, struct program_op *op)
{
	uint64_t off = (uint64_t)(d->rec[9] & 0xf) * 0x800, len = decode_short_len(d->rec[3]) / 2;

	switch (op->call) {
	case CALL_OPEN:
		decode_num(op, (uint64_t)program_name(d->p, d->rec[1] & 1 ? "b" : "a", 1));
		decode_num(op, d->rec[4] % 3);
		decode_num(op, d->rec[3] < 0xc0 ? decode_short_len(d->rec[3])
						: (uint64_t)d->rec[3] * 0x55);
		decode_result(d, op, d->fd_reg, &d->nfd);
		return;
	case CALL_SHMGET:
		decode_num(op, 0);
		decode_num(op, decode_short_len(d->rec[3]));
		decode_num(op, 0);
		decode_result(d, op, d->fd_reg, &d->nfd);
		return;
	case CALL_DEVICE:
		decode_num(op, (uint64_t)(d->rec[1] & 1 ? program_name(d->p, "mem", 3)
							: program_name(d->p, "zero", 4)));
		decode_result(d, op, d->fd_reg, &d->nfd);
		return;
	}
	decode_fd(d, op, d->rec[8]);
	if (op->call == CALL_FTRUNCATE)
		decode_num(op, d->rec[3] < 0xc0 ? off * 2 : off + d->rec[2]);
	if (op->call == CALL_PWRITE)
		decode_num(op, d->rec[2]);
	if (op->call == CALL_PWRITE || op->call == CALL_PREAD) {
		decode_num(op, len);
		decode_num(op, off);
	}
}

static void
decode_shm_call(struct decode *d, struct program_op *op)
{
	static const uint16_t flags[] = {0, 0, 0, 0x1000, 0x8000, 0x9000};

	if (op->call == CALL_SHMAT) {
		decode_fd(d, op, d->rec[8]);
		if (d->rec[4] & 1)
			decode_num(op, 0);
		else
			decode_addr(d, op, d->rec[1], d->rec[2]);
		decode_num(op, flags[d->rec[5] % 6]);
		decode_result(d, op, d->addr_reg, &d->naddr);
	} else {
		decode_addr(d, op, d->rec[1], d->rec[2]);
	}
}

static void
decode_limit_call(struct decode *d, struct program_op *op)
{
	static const uint8_t which[] = {2, 3, 8, 9};
	uint64_t pages = d->rec[3] < 0xe0 ? d->rec[3] & 0x3f : 0;

	decode_num(op, which[d->rec[1] & 3]);
	/* Locking stays bounded: the machine is small. */
	if (d->rec[3] >= 0xf0)
		pages = (d->rec[1] & 3) == 2 ? 128 : UINT64_MAX >> TESS_PAGE_SHIFT;
	decode_num(op, pages * TESS_PAGE_SIZE);
}

static void
decode_other_call(struct decode *d, struct program_op *op)
{
	switch (op->call) {
	case CALL_LOAD:
	case CALL_FETCH:
		decode_addr(d, op, d->rec[1], d->rec[2]);
		break;
	case CALL_STORE:
		decode_addr(d, op, d->rec[1], d->rec[2]);
		decode_num(op, d->rec[9]);
		break;
	case CALL_BRK:
		decode_addr(d, op, d->rec[1], d->rec[2]);
		decode_result(d, op, d->addr_reg, &d->naddr);
		break;
	case CALL_SBRK:
		decode_num(op, d->rec[4] & 1 ? decode_short_len(d->rec[3])
					     : -decode_short_len(d->rec[3]));
		decode_result(d, op, d->addr_reg, &d->naddr);
		break;
	case CALL_FORK:
		decode_result(d, op, d->space_reg, &d->nspace);
		break;
	case CALL_SWITCH:
		if (d->rec[1] < 0x80 || d->nspace == 0)
			decode_num(op, d->rec[1] & 3);
		else
			decode_put(op, d->space_reg[d->rec[1] % d->nspace], 0);
		break;
	case CALL_CPU:
		decode_num(op, d->rec[1] & 3);
		break;
	case CALL_FAIL_NTH:
		decode_num(op, (uint64_t)(d->rec[1] & 0xf) + 1);
		break;
	case CALL_MLOCKALL:
		decode_num(op, decode_word(op->call, d->rec[5]));
		break;
	case CALL_SSTK:
	case CALL_MAP_SEED:
		decode_num(op, d->rec[1]);
		break;
	case CALL_MAP_FLAGS:
		decode_num(op,
			   d->rec[4] < 0xf0 ? d->rec[4] & d->rec[5] & TESS_MAPF_ALL : d->rec[4]);
		break;
	case CALL_MAP_FINDSPACE:
		decode_findspace(d, op);
		break;
	}
}

static enum program_call
decode_call(uint8_t b)
{
	if (b >= 0xc0)
		return (enum program_call)decode_rare_calls[b % sizeof(decode_rare_calls)];
	return (enum program_call)decode_calls[b % sizeof(decode_calls)];
}

static void
decode_record(struct decode *d)
{
	struct program_op *op;

	for (unsigned i = 0; i < DECODE_RECORD; i++)
		d->rec[i] = decode_byte(d);
	op = program_add(d->p, decode_call(d->rec[0]));
	if (op == NULL) {
		d->ok = false;
		return;
	}
	switch (op->call) {
	case CALL_MMAP:
	case CALL_MQUERY:
		decode_mmap(d, op);
		break;
	case CALL_MREMAP_BSD:
		decode_mremap_bsd(d, op);
		break;
	case CALL_OMMAP:
		decode_ommap(d, op);
		break;
	case CALL_MAP_PROTECT:
		decode_map_protect(d, op);
		break;
	case CALL_MREMAP:
		decode_mremap(d, op);
		break;
	case CALL_MUNMAP:
	case CALL_MPROTECT:
	case CALL_MADVISE:
	case CALL_POSIX_MADVISE:
	case CALL_MSYNC:
	case CALL_MINCORE:
	case CALL_MLOCK:
	case CALL_MLOCK2:
	case CALL_MUNLOCK:
	case CALL_MINHERIT:
	case CALL_MINCORE_DETAIL:
	case CALL_MIMMUTABLE:
	case CALL_MSEAL:
		decode_range_call(d, op);
		break;
	case CALL_OPEN:
	case CALL_SHMGET:
	case CALL_DEVICE:
	case CALL_FTRUNCATE:
	case CALL_PWRITE:
	case CALL_PREAD:
	case CALL_CLOSE:
	case CALL_MUNMAPFD:
		decode_file_call(d, op);
		break;
	case CALL_SHMAT:
	case CALL_SHMDT:
		decode_shm_call(d, op);
		break;
	case CALL_SETRLIMIT:
		decode_limit_call(d, op);
		break;
	default:
		decode_other_call(d, op);
	}
}

/* ---- Set-up ---- */

static struct program_op *
decode_setup_op(struct decode *d, enum program_call call)
{
	struct program_op *op = program_add(d->p, call);

	if (op == NULL)
		d->ok = false;
	return op;
}

/* Limits that keep a program within a small machine, the heap in reach of the window, and a few files. */
static void
decode_setup(struct decode *d, uint8_t limits, uint8_t files)
{
	struct program_op *op = decode_setup_op(d, CALL_SETRLIMIT);

	if (op == NULL)
		return;
	decode_num(op, 8);
	decode_num(op, (uint64_t)(16 + (limits & 0x7f)) * TESS_PAGE_SIZE);
	if (files & 0x10 && (op = decode_setup_op(d, CALL_SET_BRK)) != NULL)
		decode_num(op, DECODE_BASE + 0x8000 + (files & 0x20 ? 0x123 : 0));
	for (unsigned i = 0; i < 2; i++) {
		if ((files & (1u << i)) == 0 || (op = decode_setup_op(d, CALL_OPEN)) == NULL)
			continue;
		decode_num(op, (uint64_t)program_name(d->p, i == 0 ? "a" : "b", 1));
		decode_num(op, i == 0 ? 2 : files & 0x40 ? 0 : 2);
		decode_num(op, i == 0 ? 0x8000 : files & 0x80 ? 0x4000 : 0x3210);
		decode_result(d, op, d->fd_reg, &d->nfd);
	}
	if (files & 4 && (op = decode_setup_op(d, CALL_SHMGET)) != NULL) {
		decode_num(op, 0);
		decode_num(op, 0x4000);
		decode_num(op, 0);
		decode_result(d, op, d->fd_reg, &d->nfd);
	}
	if (files & 3 && (op = decode_setup_op(d, CALL_PWRITE)) != NULL) {
		decode_put(op, d->fd_reg[0], 0);
		decode_num(op, 0x5a);
		decode_num(op, 0x1800);
		decode_num(op, 0x1000);
	}
}

static enum tess_personality
decode_personality(unsigned n)
{
	static const uint8_t which[] = {
	    TESS_PERSONALITY_LINUX, TESS_PERSONALITY_LINUX, TESS_PERSONALITY_LINUX,
	    TESS_PERSONALITY_POSIX, TESS_PERSONALITY_BSD,   TESS_PERSONALITY_SEED,
	    TESS_PERSONALITY_BSD,   TESS_PERSONALITY_POSIX,
	};

	return (enum tess_personality)which[n];
}

bool
program_decode(struct program *p, struct program_setup *setup, const uint8_t *data, size_t size)
{
	struct decode d = {.p = p, .data = data, .size = size, .ok = true};
	uint8_t head = decode_byte(&d), seed = decode_byte(&d), limits = decode_byte(&d),
		files = decode_byte(&d);

	setup->isa = head % ENV_ISA_COUNT;
	setup->ncpu = (uint8_t)(1 + ((head >> 6) & 3));
	setup->seed = seed;
	p->personality = decode_personality(head >> 3 & 7);
	decode_setup(&d, limits, files);
	for (unsigned n = 0; n < DECODE_MAX && d.at < d.size && d.ok; n++)
		decode_record(&d);
	return d.ok;
}
