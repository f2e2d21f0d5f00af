/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * fuzz_calls.c: sequences of calls: the core against the model, walkers after every call.
 *
 *	bytes ──program_decode──► program ──exec_run──► (core, model) on a machine of 8 MiB, made for this input
 *
 * Any bytes are a legal program (tests/program/decode.c says how), so engines without a custom mutator work too.
 * The mutator and the cross-over here know where records begin: they insert, delete, duplicate, reorder and
 * splice calls, change one field, and copy an address from one call to another.
 *
 * With TESSERA_FUZZ_PRINT set in the environment the program is printed before it runs: feed that to
 * `tessera run` or read it.
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "env.h"
#include "exec.h"
#include "mem.h"
#include "program.h"

#define FUZZ_RAM ((uint64_t)8 << 20)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t max, unsigned seed);
size_t LLVMFuzzerCustomCrossOver(const uint8_t *a, size_t asize, const uint8_t *b, size_t bsize,
				 uint8_t *out, size_t max, unsigned seed);
size_t LLVMFuzzerMutate(uint8_t *data, size_t size, size_t max) __attribute__((weak));

/* ---- Running an input ---- */

static void
fuzz_die(const char *why)
{
	fprintf(stderr, "fuzz_calls: %s\n", why);
	abort();
}

static void
fuzz_put(void *ctx, const char *text)
{
	fputs(text, ctx);
}

/* The program of an input, as `tessera run` reads it. */
static void
fuzz_print(const struct program *p, const struct program_setup *setup)
{
	static const char *const isa[] = {"x86_64", "aarch64", "aarch64 with hardware A/D"};

	fprintf(stderr, "# %s, %u CPUs, seed %u\n", isa[setup->isa], (unsigned)setup->ncpu,
		(unsigned)setup->seed);
	program_print(p, fuzz_put, stderr);
	fflush(stderr);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const struct exec_options options = {
	    .model = true, .check = true, .max_spaces = 6, .die = fuzz_die};
	static struct exec_result result;
	struct program_setup setup;
	struct env_config cfg;
	struct program p;

	program_init(&p, &mem_malloc);
	if (!program_decode(&p, &setup, data, size))
		fuzz_die("no memory for the program");
	if (getenv("TESSERA_FUZZ_PRINT") != NULL)
		fuzz_print(&p, &setup);
	cfg = (struct env_config){
	    .isa = setup.isa, .ncpu = setup.ncpu, .ram = FUZZ_RAM, .seed = setup.seed};
	if (env_open(&cfg) != TESS_OK)
		fuzz_die("no machine");
	exec_run(&p, &options, &result);
	if (result.verdict != EXEC_OK) {
		fuzz_print(&p, &setup);
		fprintf(stderr, "core and model differ\n%s\n", result.report);
		abort();
	}
	env_close();
	program_fini(&p);
	return 0;
}

/* ---- Mutating records ---- */

struct fuzz_random {
	uint64_t x;
};

/* splitmix64 (Steele, Lea, Flood 2014). */
static uint32_t
fuzz_next(struct fuzz_random *r, uint32_t below)
{
	uint64_t z = (r->x += 0x9e3779b97f4a7c15u);

	z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
	z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
	return (uint32_t)((z ^ (z >> 31)) >> 16) % below;
}

struct fuzz_input {
	uint8_t *data;
	size_t size, max;
};

static size_t
fuzz_records(const struct fuzz_input *in)
{
	return in->size <= DECODE_HEAD ? 0 : (in->size - DECODE_HEAD) / DECODE_RECORD;
}

static uint8_t *
fuzz_record(const struct fuzz_input *in, size_t i)
{
	return in->data + DECODE_HEAD + i * DECODE_RECORD;
}

static void
fuzz_fill(struct fuzz_random *r, uint8_t *rec)
{
	for (unsigned i = 0; i < DECODE_RECORD; i++)
		rec[i] = (uint8_t)fuzz_next(r, 256);
}

/* Room for one more record at i; NULL: the input is as long as it may be. */
static uint8_t *
fuzz_open(struct fuzz_input *in, size_t i)
{
	uint8_t *at = fuzz_record(in, i);

	if (in->size + DECODE_RECORD > in->max)
		return NULL;
	memmove(at + DECODE_RECORD, at, in->size - (size_t)(at - in->data));
	in->size += DECODE_RECORD;
	return at;
}

static void
fuzz_insert(struct fuzz_input *in, struct fuzz_random *r)
{
	uint8_t *at = fuzz_open(in, fuzz_next(r, (uint32_t)fuzz_records(in) + 1));

	if (at != NULL)
		fuzz_fill(r, at);
}

static void
fuzz_delete(struct fuzz_input *in, struct fuzz_random *r)
{
	size_t n = fuzz_records(in), i;
	uint8_t *at;

	if (n < 2)
		return;
	i = fuzz_next(r, (uint32_t)n);
	at = fuzz_record(in, i);
	memmove(at, at + DECODE_RECORD, in->size - (size_t)(at + DECODE_RECORD - in->data));
	in->size -= DECODE_RECORD;
}

static void
fuzz_duplicate(struct fuzz_input *in, struct fuzz_random *r)
{
	size_t n = fuzz_records(in);
	uint8_t copy[DECODE_RECORD], *at;

	if (n == 0)
		return;
	memcpy(copy, fuzz_record(in, fuzz_next(r, (uint32_t)n)), sizeof(copy));
	at = fuzz_open(in, fuzz_next(r, (uint32_t)n + 1));
	if (at != NULL)
		memcpy(at, copy, sizeof(copy));
}

static void
fuzz_swap(struct fuzz_input *in, struct fuzz_random *r)
{
	size_t n = fuzz_records(in);
	uint8_t copy[DECODE_RECORD], *a, *b;

	if (n < 2)
		return;
	a = fuzz_record(in, fuzz_next(r, (uint32_t)n));
	b = fuzz_record(in, fuzz_next(r, (uint32_t)n));
	memcpy(copy, a, sizeof(copy));
	memmove(a, b, sizeof(copy));
	memcpy(b, copy, sizeof(copy));
}

/* One field of one call. */
static void
fuzz_tweak(struct fuzz_input *in, struct fuzz_random *r)
{
	size_t n = fuzz_records(in);

	if (n != 0)
		fuzz_record(in, fuzz_next(r, (uint32_t)n))[fuzz_next(r, DECODE_RECORD)] =
		    (uint8_t)fuzz_next(r, 256);
}

/* The first or second address of a call becomes another call's. */
static void
fuzz_copy_address(struct fuzz_input *in, struct fuzz_random *r)
{
	size_t n = fuzz_records(in);
	uint8_t *to, *from;

	if (n < 2)
		return;
	to = fuzz_record(in, fuzz_next(r, (uint32_t)n)) + (fuzz_next(r, 4) == 0 ? 6 : 1);
	from = fuzz_record(in, fuzz_next(r, (uint32_t)n)) + (fuzz_next(r, 8) == 0 ? 6 : 1);
	memmove(to, from, 2);
}

static void
fuzz_head(struct fuzz_input *in, struct fuzz_random *r)
{
	in->data[fuzz_next(r, DECODE_HEAD)] = (uint8_t)fuzz_next(r, 256);
}

size_t
LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t max, unsigned seed)
{
	static void (*const ways[])(struct fuzz_input * in, struct fuzz_random * r) = {
	    fuzz_insert,       fuzz_insert,       fuzz_insert, fuzz_delete, fuzz_duplicate,
	    fuzz_swap,         fuzz_tweak,        fuzz_tweak,  fuzz_tweak,  fuzz_tweak,
	    fuzz_copy_address, fuzz_copy_address, fuzz_head,
	};
	struct fuzz_random r = {seed};
	struct fuzz_input in = {data, size, max};
	uint32_t times = 1 + fuzz_next(&r, 6);

	if (max < DECODE_HEAD + DECODE_RECORD)
		return size;
	if (LLVMFuzzerMutate != NULL && fuzz_next(&r, 16) == 0)
		return LLVMFuzzerMutate(data, size, max);
	if (in.size < DECODE_HEAD) {
		memset(data + in.size, 0, DECODE_HEAD - in.size);
		in.size = DECODE_HEAD;
	}
	if (fuzz_records(&in) == 0)
		fuzz_insert(&in, &r);
	for (uint32_t i = 0; i < times; i++)
		ways[fuzz_next(&r, sizeof(ways) / sizeof(ways[0]))](&in, &r);
	return in.size;
}

/* The head and first calls of a, then the last calls of b. */
size_t
LLVMFuzzerCustomCrossOver(const uint8_t *a, size_t asize, const uint8_t *b, size_t bsize,
			  uint8_t *out, size_t max, unsigned seed)
{
	struct fuzz_random r = {seed};
	size_t na = asize <= DECODE_HEAD ? 0 : (asize - DECODE_HEAD) / DECODE_RECORD;
	size_t nb = bsize <= DECODE_HEAD ? 0 : (bsize - DECODE_HEAD) / DECODE_RECORD;
	size_t take = DECODE_HEAD + fuzz_next(&r, (uint32_t)na + 1) * DECODE_RECORD, from, rest;

	if (asize < DECODE_HEAD || nb == 0 || take > max)
		return 0;
	from = DECODE_HEAD + fuzz_next(&r, (uint32_t)nb) * DECODE_RECORD;
	rest = bsize - from;
	if (rest > max - take)
		rest = (max - take) / DECODE_RECORD * DECODE_RECORD;
	memcpy(out, a, take);
	memcpy(out + take, b + from, rest);
	return take + rest;
}
