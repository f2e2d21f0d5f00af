/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * parse.c: the text of a program.
 *
 *	program = { line "\n" }			line = [ personality | [ reg "=" ] call ] [ "#" comment ]
 *	personality = "personality" word	call = name "(" [ value { "," value } ] ")"
 *	value = '"' name '"' | reg [ ("+"|"-") number ] | "-" number | item { "|" item }
 *	item = number | flag | flag "(" item { "|" item } ")"
 *	number = decimal | "0x" hex		reg = "r" decimal
 *
 * A register is used only after a line that assigned it.
 */
#include "text.h"
#include "program.h"

struct parse {
	struct program *p;
	const char *file;
	const char *at, *end; /* what is left of the line */
	unsigned line;
	bool assigned[PROGRAM_REGS];
	struct text error;
};

/* ---- Characters ---- */

static bool
parse_is_digit(char c)
{
	return c >= '0' && c <= '9';
}

static bool
parse_is_letter(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
}

static void
parse_blanks(struct parse *ps)
{
	while (ps->at < ps->end && (*ps->at == ' ' || *ps->at == '\t' || *ps->at == '\r'))
		ps->at++;
	if (ps->at < ps->end && *ps->at == '#')
		ps->at = ps->end;
}

static char
parse_peek(struct parse *ps)
{
	parse_blanks(ps);
	return ps->at < ps->end ? *ps->at : '\0';
}

/* Where the text stops making sense; always false. */
static bool
parse_error(struct parse *ps, const char *expected)
{
	const char *p;

	parse_blanks(ps);
	p = ps->at;
	text_add(&ps->error, "%s:%u: expected %s, found ", ps->file, ps->line, expected);
	if (p >= ps->end) {
		text_add(&ps->error, "the end of the line");
		return false;
	}
	text_add(&ps->error, "\"");
	do {
		text_add(&ps->error, "%c", *p >= ' ' && *p <= '~' ? *p : '?');
		p++;
	} while (p < ps->end && (parse_is_letter(*p) || parse_is_digit(*p)) && p - ps->at < 40);
	text_add(&ps->error, "\"");
	return false;
}

static bool
parse_char(struct parse *ps, char c, const char *expected)
{
	if (parse_peek(ps) != c)
		return parse_error(ps, expected);
	ps->at++;
	return true;
}

/* A word of letters and digits; its length, 0 for none.  The position is behind it. */
static size_t
parse_word(struct parse *ps, const char **word)
{
	parse_blanks(ps);
	*word = ps->at;
	if (ps->at >= ps->end || !parse_is_letter(*ps->at))
		return 0;
	while (ps->at < ps->end && (parse_is_letter(*ps->at) || parse_is_digit(*ps->at)))
		ps->at++;
	return (size_t)(ps->at - *word);
}

static bool
parse_word_is(const char *word, size_t len, const char *what)
{
	for (size_t i = 0; i < len; i++)
		if (what[i] != word[i])
			return false;
	return what[len] == '\0';
}

/* ---- Numbers and registers ---- */

static int
parse_digit(char c, unsigned base)
{
	int d = -1;

	if (parse_is_digit(c))
		d = c - '0';
	else if (c >= 'a' && c <= 'f')
		d = c - 'a' + 10;
	else if (c >= 'A' && c <= 'F')
		d = c - 'A' + 10;
	return d >= 0 && (unsigned)d < base ? d : -1;
}

static bool
parse_number(struct parse *ps, uint64_t *v)
{
	const char *first = ps->at;
	unsigned base = 10;

	parse_blanks(ps);
	first = ps->at;
	*v = 0;
	if (ps->end - ps->at > 2 && ps->at[0] == '0' && (ps->at[1] == 'x' || ps->at[1] == 'X')) {
		base = 16;
		ps->at += 2;
	}
	if (ps->at >= ps->end || parse_digit(*ps->at, base) < 0) {
		ps->at = first;
		return parse_error(ps, "a number");
	}
	for (; ps->at < ps->end && parse_digit(*ps->at, base) >= 0; ps->at++) {
		uint64_t d = (uint64_t)parse_digit(*ps->at, base);

		if (*v > (UINT64_MAX - d) / base) {
			ps->at = first;
			return parse_error(ps, "a number below 2^64");
		}
		*v = *v * base + d;
	}
	if (ps->at < ps->end && (parse_is_letter(*ps->at) || parse_is_digit(*ps->at))) {
		ps->at = first;
		return parse_error(ps, "a number");
	}
	return true;
}

/* The number of the register that `word` is; -1: it is none. */
static int
parse_reg(const char *word, size_t len)
{
	int r = 0;

	if (len < 2 || len > 4 || word[0] != 'r')
		return -1;
	for (size_t i = 1; i < len; i++) {
		if (!parse_is_digit(word[i]))
			return -1;
		r = r * 10 + (word[i] - '0');
	}
	return r < PROGRAM_REGS ? r : -1;
}

/* ---- Values ---- */

static const char *const parse_expected[TYPE_COUNT] = {
    [TYPE_NUM] = "a number or a register",
    [TYPE_HEX] = "a number or a register",
    [TYPE_FD] = "a descriptor: -1, a number or a register",
    [TYPE_NAME] = "a name in quotes",
    [TYPE_PROT] = "PROT_* flags or a number",
    [TYPE_MMAP] = "MAP_* flags or a number",
    [TYPE_MADV] = "MADV_* or a number",
    [TYPE_PMADV] = "POSIX_MADV_* or a number",
    [TYPE_MSYNC] = "MS_* flags or a number",
    [TYPE_MLOCK] = "MLOCK_ONFAULT or a number",
    [TYPE_MCL] = "MCL_* flags or a number",
    [TYPE_INHERIT] = "MAP_INHERIT_* or a number",
    [TYPE_MREMAP] = "MREMAP_* flags or a number",
    [TYPE_SHM] = "SHM_* flags or a number",
    [TYPE_OPEN] = "O_RDONLY, O_WRONLY or O_RDWR",
    [TYPE_RLIMIT] = "RLIMIT_AS, RLIMIT_DATA, RLIMIT_STACK or RLIMIT_MEMLOCK",
    [TYPE_RIGHTS] = "PROT_READ, PROT_WRITE, PROT_EXEC or a number",
    [TYPE_REMAP] = "MAP_FIXED, MAP_REMAPDUP, MAP_ALIGNED(n) or a number",
    [TYPE_OMAP] = "OMAP_* flags or a number",
    [TYPE_MAPF] = "WXORX, WIREFUTURE, ASLR, GUARDPAGES, BOTTOMUP, QUARANTINE or a number",
    [TYPE_PROTECT] = "SET_PROT, SET_MAXPROT, GROWSDOWN or a number",
    [TYPE_WIRE] = "USER, SYSTEM, HOLESOK, WRITE or a number",
    [TYPE_PLACE] = "TOPDOWN, BOTTOMUP, HINT or SUPER",
    [TYPE_EXTRACT] = "MOVE, COPY, SHARE or RESERVE",
    [TYPE_QUOTA] = "ENTRIES or METADATA",
    [TYPE_COMMIT] = "ALWAYS or NEVER",
};

static bool
parse_name(struct parse *ps, struct program_arg *a)
{
	const char *from, *first = ps->at;
	int place;

	if (parse_peek(ps) != '"')
		return parse_error(ps, parse_expected[TYPE_NAME]);
	from = ++ps->at;
	while (ps->at < ps->end && *ps->at != '"' && *ps->at >= ' ')
		ps->at++;
	if (ps->at >= ps->end || *ps->at != '"')
		return parse_error(ps, "the closing quote of the name");
	place = program_name(ps->p, from, (size_t)(ps->at - from));
	ps->at++;
	if (place < 0) {
		ps->at = first;
		return parse_error(ps, "a name of 1 to 31 characters");
	}
	a->num = (uint64_t)place;
	return true;
}

static bool
parse_register(struct parse *ps, int reg, const char *from, struct program_arg *a)
{
	char sign;

	if (!ps->assigned[reg]) {
		ps->at = from;
		return parse_error(ps, "a register that a line above assigned");
	}
	a->reg = (int16_t)reg;
	sign = parse_peek(ps);
	if (sign != '+' && sign != '-')
		return true;
	ps->at++;
	if (!parse_number(ps, &a->num))
		return false;
	if (sign == '-')
		a->num = -a->num;
	return true;
}

static bool parse_items(struct parse *ps, enum program_type type, uint64_t *v);

/* What stands in parentheses behind a word. */
static bool
parse_inside(struct parse *ps, const struct program_word *w, uint64_t *v)
{
	uint64_t n = 0;
	const char *from;

	if (!parse_char(ps, '(', "\"(\""))
		return false;
	parse_blanks(ps);
	from = ps->at;
	if (!parse_items(ps, (enum program_type)w->inside, &n))
		return false;
	if (n > w->value >> w->shift) {
		ps->at = from;
		return parse_error(ps, w->inside == TYPE_RIGHTS ? "a protection of 0 to 7"
								: "a number of 0 to 255");
	}
	*v |= n << w->shift;
	return parse_char(ps, ')', "\")\"");
}

/* One flag word of this type. */
static bool
parse_flag(struct parse *ps, enum program_type type, const char *word, size_t len, uint64_t *v)
{
	bool set;
	const struct program_word *w = program_words(type, &set);

	for (; w != NULL && w->word != NULL; w++) {
		if (!parse_word_is(word, len, w->word))
			continue;
		if (w->shift != 0)
			return parse_inside(ps, w, v);
		*v |= w->value;
		return true;
	}
	ps->at = word;
	return parse_error(ps, parse_expected[type]);
}

static bool
parse_item(struct parse *ps, enum program_type type, uint64_t *v)
{
	const char *word;
	size_t len;
	uint64_t n;

	if (parse_is_digit(parse_peek(ps))) {
		if (!parse_number(ps, &n))
			return false;
		*v |= n;
		return true;
	}
	len = parse_word(ps, &word);
	if (len == 0)
		return parse_error(ps, parse_expected[type]);
	return parse_flag(ps, type, word, len, v);
}

static bool
parse_items(struct parse *ps, enum program_type type, uint64_t *v)
{
	do {
		if (!parse_item(ps, type, v))
			return false;
	} while (parse_peek(ps) == '|' && ps->at++ != NULL);
	return true;
}

static bool
parse_value(struct parse *ps, enum program_type type, struct program_arg *a)
{
	const char *from;
	size_t len;
	int reg;

	*a = (struct program_arg){.reg = PROGRAM_NO_REG};
	if (type == TYPE_NAME)
		return parse_name(ps, a);
	if (parse_peek(ps) == '-') {
		ps->at++;
		if (!parse_number(ps, &a->num))
			return false;
		a->num = -a->num;
		return true;
	}
	len = parse_word(ps, &from);
	reg = parse_reg(from, len);
	if (reg >= 0)
		return parse_register(ps, reg, from, a);
	ps->at = from;
	return parse_items(ps, type, &a->num);
}

/* ---- Lines ---- */

static bool
parse_args(struct parse *ps, const struct program_syntax *s, struct program_op *op)
{
	if (!parse_char(ps, '(', "\"(\""))
		return false;
	if (parse_peek(ps) != ')') {
		do {
			if (op->nargs == s->most)
				return parse_error(ps, "\")\": the call has no more arguments");
			if (!parse_value(ps, s->type[op->nargs], &op->arg[op->nargs]))
				return false;
			op->nargs++;
		} while (parse_peek(ps) == ',' && ps->at++ != NULL);
	}
	if (op->nargs < s->least)
		return parse_error(ps,
				   op->nargs == 0 ? "an argument" : "\",\" and another argument");
	return parse_char(ps, ')', op->nargs == s->most ? "\")\"" : "\",\" or \")\"");
}

static bool
parse_personality(struct parse *ps)
{
	static const char *const names[TESS_PERSONALITY_COUNT] = {"posix", "linux", "bsd", "seed"};
	const char *word;
	size_t len = parse_word(ps, &word);

	for (int i = 0; i < TESS_PERSONALITY_COUNT; i++) {
		if (len == 0 || !parse_word_is(word, len, names[i]))
			continue;
		ps->p->personality = (enum tess_personality)i;
		return true;
	}
	ps->at = word;
	return parse_error(ps, "posix, linux, bsd or seed");
}

static bool
parse_call(struct parse *ps, const char *word, size_t len, int reg)
{
	struct program_op *op;
	int call = 0;

	while (call < CALL_COUNT && !parse_word_is(word, len, program_syntax[call].name))
		call++;
	if (call == CALL_COUNT) {
		ps->at = word;
		return parse_error(ps, "a call");
	}
	op = program_add(ps->p, (enum program_call)call);
	if (op == NULL)
		return parse_error(ps, "less: out of memory");
	op->line = ps->line;
	if (!parse_args(ps, &program_syntax[call], op)) {
		ps->p->n--;
		return false;
	}
	if (reg >= 0)
		ps->assigned[reg] = true;
	op->result = (int16_t)reg;
	return true;
}

static bool
parse_line(struct parse *ps)
{
	const char *word;
	size_t len;
	int reg = PROGRAM_NO_REG;

	if (parse_peek(ps) == '\0' && ps->at >= ps->end)
		return true;
	len = parse_word(ps, &word);
	if (len == 0)
		return parse_error(ps, "a call, \"rN = \" and a call, or \"personality\"");
	if (parse_word_is(word, len, "personality")) {
		if (ps->p->n != 0) {
			ps->at = word;
			return parse_error(ps,
					   "a call (the personality comes before the first one)");
		}
		if (!parse_personality(ps))
			return false;
	} else {
		reg = parse_reg(word, len);
		if (reg >= 0) {
			if (!parse_char(ps, '=', "\"=\""))
				return false;
			len = parse_word(ps, &word);
			if (len == 0)
				return parse_error(ps, "a call");
		}
		if (!parse_call(ps, word, len, reg))
			return false;
	}
	if (parse_peek(ps) != '\0' || ps->at < ps->end)
		return parse_error(ps, "the end of the line");
	return true;
}

bool
program_parse(struct program *p, const char *file, const char *text, size_t len, char *error,
	      size_t error_size)
{
	struct parse ps = {.p = p, .file = file};
	const char *end = text + len;

	text_init(&ps.error, error, error_size);
	while (text < end) {
		ps.line++;
		ps.at = text;
		for (ps.end = text; ps.end < end && *ps.end != '\n'; ps.end++)
			;
		text = ps.end + 1;
		if (!parse_line(&ps))
			return false;
	}
	return true;
}
