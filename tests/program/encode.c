/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * encode.c: a program to bytes that decode to it: the inverse of decode.c, by asking it.
 *
 *	for each record:  try one byte ──► decode ──► more of the wanted line right?  keep it
 *			  no single byte helps: try two at once (an address is two)
 *
 * A record's fields are nearly independent, so that each step of the search fixes one argument; a table of
 * inverses would have to be kept beside every change of decode.c.  Registers need not have the decoder's numbers:
 * they are compared by the line that assigned them.
 *
 * Rejected: a second binary format that holds every program (nothing would read it but this tool).
 */
#include "mem.h"
#include "text.h"
#include "program.h"

void *memset(void *to, int byte, size_t n);

#define ENCODE_GOOD 1000 /* score of a line that is right */

struct encode {
	const struct program *want;
	uint8_t *data;
	int16_t reg[PROGRAM_REGS]; /* of the wanted program to the decoded one's; -1: none yet */
};

/* ---- How near is a decoded line to the wanted one ---- */

static bool
encode_arg_equal(const struct encode *e, const struct program *have, enum program_type type,
		 const struct program_arg *w, const struct program_arg *h)
{
	if (type == TYPE_NAME)
		return text_equal(e->want->name[w->num], have->name[h->num]);
	if (w->reg >= 0)
		return h->reg >= 0 && e->reg[w->reg] == h->reg && w->num == h->num;
	return h->reg < 0 && w->num == h->num;
}

/* 0: another call; else one more for each argument that is right, ENCODE_GOOD for all. */
static int
encode_score(const struct encode *e, const struct program *have, uint32_t i)
{
	const struct program_op *w = &e->want->op[i], *h = &have->op[i];
	int score = 1;

	if (i >= have->n || w->call != h->call)
		return 0;
	for (unsigned k = 0; k < w->nargs && k < h->nargs; k++)
		score +=
		    encode_arg_equal(e, have, (enum program_type)program_syntax[w->call].type[k],
				     &w->arg[k], &h->arg[k]);
	/* A register that is used later must be one. */
	if (w->result != PROGRAM_NO_REG && h->result == PROGRAM_NO_REG)
		return score;
	return w->nargs == h->nargs && score == 1 + w->nargs ? ENCODE_GOOD : score;
}

/* Op i is right: what its register is called on either side. */
static void
encode_register(struct encode *e, const struct program *have, uint32_t i)
{
	int16_t reg = e->want->op[i].result;

	if (reg != PROGRAM_NO_REG)
		e->reg[reg] = have->op[i].result;
}

/* The score of op i when data[0 .. size) is decoded; -1: no memory. */
static int
encode_try(struct encode *e, uint32_t i, size_t size)
{
	struct program_setup setup;
	struct program have;
	int score = -1;

	program_init(&have, e->want->mem);
	if (program_decode(&have, &setup, e->data, size))
		score = have.personality != e->want->personality ? 0 : encode_score(e, &have, i);
	if (score == ENCODE_GOOD)
		encode_register(e, &have, i);
	program_fini(&have);
	return score;
}

/* ---- Searching ---- */

/* The best values of the bytes at a and b (a == b: of one), from score `best` on. */
static int
encode_pair(struct encode *e, uint32_t i, size_t size, size_t a, size_t b, int best)
{
	uint8_t was_a = e->data[a], was_b = e->data[b];

	for (unsigned v = 0; v < (a == b ? 256u : 65536u) && best != ENCODE_GOOD; v++) {
		int score;

		e->data[a] = (uint8_t)v;
		if (a != b)
			e->data[b] = (uint8_t)(v >> 8);
		score = encode_try(e, i, size);
		if (score < 0)
			return -1;
		if (score > best) {
			best = score;
			was_a = e->data[a];
			was_b = e->data[b];
		}
	}
	e->data[a] = was_a;
	e->data[b] = was_b;
	return best;
}

/* Bytes [from, from + n) so that op i is right. */
static int
encode_search(struct encode *e, uint32_t i, size_t from, size_t n, size_t size)
{
	int best = encode_try(e, i, size), before;

	do {
		before = best;
		for (size_t a = 0; a < n && best >= 0 && best != ENCODE_GOOD; a++)
			best = encode_pair(e, i, size, from + a, from + a, best);
		if (best != before)
			continue;
		for (size_t a = 0; a < n && best == before; a++)
			for (size_t b = a + 1; b < n && best == before; b++)
				best = encode_pair(e, i, size, from + a, from + b, best);
	} while (best >= 0 && best != before && best != ENCODE_GOOD);
	return best;
}

/* The record of op i, at `from`: searched for from several beginnings, since some arguments are of three bytes. */
static bool
encode_op(struct encode *e, uint32_t i, size_t from)
{
	static const uint8_t fill[] = {0, 0xc0, 0xf0};

	for (unsigned k = 0; k < sizeof(fill); k++) {
		memset(e->data + from, fill[k], DECODE_RECORD);
		if (encode_search(e, i, from, DECODE_RECORD, from + DECODE_RECORD) == ENCODE_GOOD)
			return true;
	}
	return false;
}

/* The first byte: machine and personality. */
static bool
encode_machine(struct encode *e, const struct program_setup *setup)
{
	struct program_setup have;
	struct program p;
	bool found = false;

	e->data[1] = (uint8_t)setup->seed;
	for (unsigned head = 0; head < 256 && !found; head++) {
		e->data[0] = (uint8_t)head;
		program_init(&p, e->want->mem);
		found = program_decode(&p, &have, e->data, 2) &&
			p.personality == e->want->personality && have.isa == setup->isa &&
			have.ncpu == setup->ncpu;
		program_fini(&p);
	}
	return found;
}

/* How many ops these four bytes make; 0: not the wanted ones. */
static uint32_t
encode_prologue(struct encode *e)
{
	struct program_setup have;
	struct program p;
	uint32_t n = 0;

	program_init(&p, e->want->mem);
	if (program_decode(&p, &have, e->data, DECODE_HEAD))
		while (n < p.n && n < e->want->n && encode_score(e, &p, n) == ENCODE_GOOD) {
			encode_register(e, &p, n);
			n++;
		}
	if (n != p.n)
		n = 0;
	program_fini(&p);
	return n;
}

/* The four bytes that make most of the first ops.  How many; 0: none do. */
static uint32_t
encode_head(struct encode *e, const struct program_setup *setup)
{
	unsigned best = 0;
	uint32_t most = 0;

	if (!encode_machine(e, setup))
		return 0;
	for (unsigned v = 0; v < 65536; v++) {
		e->data[2] = (uint8_t)v;
		e->data[3] = (uint8_t)(v >> 8);
		uint32_t n = encode_prologue(e);

		best = n > most ? v : best;
		most = n > most ? n : most;
	}
	e->data[2] = (uint8_t)best;
	e->data[3] = (uint8_t)(best >> 8);
	return encode_prologue(e);
}

bool
program_encode(const struct program *p, const struct program_setup *setup, uint8_t *data,
	       size_t room, size_t *size, uint32_t *wrong)
{
	struct encode e = {.want = p, .data = data};
	uint32_t i;

	*wrong = 0;
	if (room < DECODE_HEAD)
		return false;
	memset(data, 0, room);
	for (i = 0; i < PROGRAM_REGS; i++)
		e.reg[i] = PROGRAM_NO_REG;
	*size = DECODE_HEAD;
	for (i = encode_head(&e, setup); i != 0 && i < p->n; i++) {
		*wrong = i;
		if (*size + DECODE_RECORD > room || !encode_op(&e, i, *size))
			return false;
		*size += DECODE_RECORD;
	}
	return i != 0;
}
