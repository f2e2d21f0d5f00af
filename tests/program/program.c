/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * program.c: the container, and the printer: one op a line, the same text that parse.c reads.
 */
#include "mem.h"
#include "text.h"
#include "program.h"

void *memcpy(void *to, const void *from, size_t n);
int memcmp(const void *a, const void *b, size_t n);

void
program_init(struct program *p, struct model_mem *mem)
{
	*p = (struct program){.mem = mem, .personality = TESS_PERSONALITY_POSIX};
}

void
program_fini(struct program *p)
{
	if (p->room != 0)
		p->mem->put(p->mem, p->op, p->room * sizeof(*p->op));
	if (p->names_room != 0)
		p->mem->put(p->mem, p->name, p->names_room * sizeof(*p->name));
	program_init(p, p->mem);
}

struct program_op *
program_add(struct program *p, enum program_call call)
{
	struct program_op *op;

	if (p->n == p->room) {
		uint32_t room = p->room == 0 ? 64 : p->room * 2;

		op = p->mem->get(p->mem, room * sizeof(*op));
		if (op == NULL)
			return NULL;
		if (p->room != 0) {
			memcpy(op, p->op, p->n * sizeof(*op));
			p->mem->put(p->mem, p->op, p->room * sizeof(*op));
		}
		p->op = op;
		p->room = room;
	}
	op = &p->op[p->n++];
	*op =
	    (struct program_op){.call = (uint8_t)call, .result = PROGRAM_NO_REG, .line = p->n + 1};
	return op;
}

int
program_name(struct program *p, const char *name, size_t len)
{
	if (len == 0 || len >= PROGRAM_NAME)
		return -1;
	for (uint32_t i = 0; i < p->names; i++)
		if (text_length(p->name[i]) == len && memcmp(p->name[i], name, len) == 0)
			return (int)i;
	if (p->names == p->names_room) {
		uint32_t room = p->names_room == 0 ? 8 : p->names_room * 2;
		char(*names)[PROGRAM_NAME] = p->mem->get(p->mem, room * sizeof(*names));

		if (names == NULL)
			return -1;
		if (p->names_room != 0) {
			memcpy(names, p->name, p->names * sizeof(*names));
			p->mem->put(p->mem, p->name, p->names_room * sizeof(*names));
		}
		p->name = names;
		p->names_room = room;
	}
	memcpy(p->name[p->names], name, len);
	p->name[p->names][len] = '\0';
	return (int)p->names++;
}

/* ---- Printing ---- */

static void
print_number(struct text *t, enum program_type type, uint64_t v)
{
	if (v == UINT64_MAX)
		text_add(t, "-1");
	else if (type == TYPE_NUM && v < 100000)
		text_add(t, "%lu", v);
	else
		text_add(t, v < 10 ? "%lx" : "0x%lx", v);
}

static void print_words(struct text *t, enum program_type type, uint64_t v);

/* Is the word part of v?  `first`: nothing was printed of it yet. */
static bool
print_word_fits(const struct program_word *w, bool set, bool first, uint64_t v)
{
	if (!set)
		return v == w->value;
	if (w->shift != 0)
		return (v & w->value) != 0;
	if (w->value == 0)
		return v == 0 && first;
	return (v & w->value) == w->value;
}

static void
print_word(struct text *t, const struct program_word *w, bool first, uint64_t v)
{
	text_add(t, "%s%s", first ? "" : "|", w->word);
	if (w->shift == 0)
		return;
	text_add(t, "(");
	print_words(t, (enum program_type)w->inside, (v & w->value) >> w->shift);
	text_add(t, ")");
}

/* A value in the words of its type; what they leave over as a number. */
static void
print_words(struct text *t, enum program_type type, uint64_t v)
{
	bool set, first = true;
	const struct program_word *w = program_words(type, &set);

	for (; w != NULL && w->word != NULL; w++) {
		if (!print_word_fits(w, set, first, v))
			continue;
		print_word(t, w, first, v);
		first = false;
		v &= ~w->value;
		if (!set)
			return;
	}
	if (v != 0 || first) {
		text_add(t, "%s", first ? "" : "|");
		print_number(t, type, v);
	}
}

static void
print_arg(const struct program *p, struct text *t, enum program_type type,
	  const struct program_arg *a)
{
	int64_t off = (int64_t)a->num;

	if (a->reg >= 0) {
		text_add(t, "r%d", (int)a->reg);
		if (off != 0)
			text_add(t, "%s0x%lx", off < 0 ? "-" : "+",
				 off < 0 ? -(uint64_t)off : (uint64_t)off);
		return;
	}
	if (type == TYPE_NAME)
		text_add(t, "\"%s\"", p->name[a->num]);
	else if (a->num != UINT64_MAX)
		print_words(t, type, a->num);
	else
		print_number(t, type, a->num);
}

void
program_print_op(const struct program *p, const struct program_op *op, char *buf, size_t size)
{
	const struct program_syntax *s = &program_syntax[op->call];
	struct text t;

	text_init(&t, buf, size);
	if (op->result != PROGRAM_NO_REG)
		text_add(&t, "r%d = ", (int)op->result);
	text_add(&t, "%s(", s->name);
	for (unsigned i = 0; i < op->nargs; i++) {
		text_add(&t, "%s", i == 0 ? "" : ", ");
		print_arg(p, &t, s->type[i], &op->arg[i]);
	}
	text_add(&t, ")");
}

void
program_print(const struct program *p, void (*put)(void *ctx, const char *text), void *ctx)
{
	static const char *const word[TESS_PERSONALITY_COUNT] = {"posix", "linux", "bsd", "seed"};
	char line[512];

	put(ctx, "personality ");
	put(ctx, word[p->personality]);
	put(ctx, "\n");
	for (uint32_t i = 0; i < p->n; i++) {
		program_print_op(p, &p->op[i], line, sizeof(line));
		put(ctx, line);
		put(ctx, "\n");
	}
}
