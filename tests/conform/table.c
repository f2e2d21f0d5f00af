/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * table.c: from the short text of a table's rows to the rows.
 *
 *	"addr={anon,hole} len={0,1p}"  ──►  anon 0 / anon 1p / hole 0 / hole 1p, every other argument as usual
 *
 * A row that an earlier line gave already is left out, so that lines may overlap.
 */
#include <stdlib.h>
#include <string.h>
#include "conform.h"

#define ROWS 2048

/* ---- Values ---- */

/* A number, or a name of the layout when `names`; *s moves behind it. */
static bool
value_term(const char **s, bool names, uint64_t *v)
{
	static const struct {
		char letter;
		uint64_t times;
	} unit[] = {{'p', PAGE}, {'k', KIB}, {'m', KIB * KIB}, {'g', KIB * KIB * KIB}};
	size_t n = strcspn(*s, "+-");
	char *end;

	if (n == 0)
		return false;
	if (names && layout_find(*s, n, v)) {
		*s += n;
		return true;
	}
	if (strncmp(*s, "sign", n) == 0 && n == 4) {
		*v = (uint64_t)1 << 63;
		*s += n;
		return true;
	}
	if (**s < '0' || **s > '9')
		return false;
	*v = strtoull(*s, &end, 0);
	for (size_t i = 0; i < sizeof(unit) / sizeof(unit[0]); i++) {
		if (*end != unit[i].letter)
			continue;
		*v *= unit[i].times;
		end++;
		break;
	}
	if ((size_t)(end - *s) != n)
		return false;
	*s = end;
	return true;
}

/* term (('+' | '-') term)*; "-1p" is a number below 0. */
static bool
value_sum(const char *s, bool names, uint64_t *v)
{
	char sign = '+';
	uint64_t term;

	*v = 0;
	if (*s == '-')
		sign = *s++;
	for (;;) {
		if (!value_term(&s, names, &term))
			return false;
		*v = sign == '+' ? *v + term : *v - term;
		if (*s == '\0')
			return true;
		sign = *s++;
	}
}

static bool
value_rwx(const char *s, size_t n, uint64_t *v)
{
	static const char letters[] = "rwx";

	for (size_t i = 0; i < n; i++) {
		const char *at = strchr(letters, s[i]);

		if (at == NULL || s[i] == '\0')
			return false;
		*v |= (uint64_t)1 << (at - letters);
	}
	return n != 0;
}

static bool
value_prot_word(const char *s, size_t n, uint64_t *v)
{
	uint64_t max = 0;

	if (n == 4 && strncmp(s, "none", 4) == 0)
		return true;
	if (n > 4 && strncmp(s, "max:", 4) == 0) {
		if (!value_rwx(s + 4, n - 4, &max))
			return false;
		*v |= TESS_PROT_MAX(max);
		return true;
	}
	return value_rwx(s, n, v);
}

static bool
value_word(const struct arg_def *d, const char *s, size_t n, uint64_t *v)
{
	for (const struct arg_word *w = d->words; w != NULL && w->word != NULL; w++) {
		if (strlen(w->word) == n && strncmp(w->word, s, n) == 0) {
			*v |= w->value;
			return true;
		}
	}
	return d->type == ARG_PROT && value_prot_word(s, n, v);
}

/* Words joined by '|'; a number among them is or-ed too. */
static bool
value_set(const struct arg_def *d, const char *s, uint64_t *v)
{
	char number[WORD];
	uint64_t one;
	size_t n;

	*v = 0;
	for (;; s += n + 1) {
		n = strcspn(s, "|");
		if (n == 0 || n >= sizeof(number))
			return false;
		if (!value_word(d, s, n, v)) {
			memcpy(number, s, n);
			number[n] = '\0';
			if (!value_sum(number, false, &one))
				return false;
			*v |= one;
		}
		if (s[n] == '\0')
			return true;
	}
}

bool
value_parse(const struct arg_def *d, const char *text, uint64_t *v)
{
	switch (d->type) {
	case ARG_GIVEN:
		*v = 0;
		return true;
	case ARG_ADDR:
	case ARG_NUM:
		return value_sum(text, d->type == ARG_ADDR, v);
	case ARG_PROT:
	case ARG_WORDS:
		return value_set(d, text, v);
	case ARG_FD:
		for (*v = 0; layout_fd[*v] != NULL; ++*v)
			if (strcmp(layout_fd[*v], text) == 0)
				return true;
		return false;
	}
	return false;
}

/* ---- Rows ---- */

struct expand {
	const struct table *t;
	const char *line;
	struct row row;
	struct row *seen;
	unsigned nseen;
	void (*each)(void *ctx, const char *heading, const struct row *row);
	void *ctx;
};

static _Noreturn void
expand_die(const struct expand *x, const char *why, const char *what)
{
	char line[512];
	struct text t;

	text_init(&t, line, sizeof(line));
	text_add(&t, "table %s: \"%s\": %s: %s", x->t->name, x->line, why, what);
	conform_die(line);
}

static unsigned
expand_arg(const struct expand *x, const char *word)
{
	size_t n = strcspn(word, "=");

	for (unsigned i = 0; i < ARGS && x->t->arg[i].name != NULL; i++)
		if (strlen(x->t->arg[i].name) == n && strncmp(x->t->arg[i].name, word, n) == 0 &&
		    word[n] == '=')
			return i;
	expand_die(x, "no such argument", word);
}

static void
expand_set(struct expand *x, unsigned arg, const char *text, size_t n)
{
	if (n == 0 || n >= WORD)
		expand_die(x, "a value that is empty or too long", text);
	memset(x->row.text[arg], 0, WORD);
	memcpy(x->row.text[arg], text, n);
	if (!value_parse(&x->t->arg[arg], x->row.text[arg], &x->row.value[arg]))
		expand_die(x, "a value that means nothing", x->row.text[arg]);
}

static void
expand_emit(struct expand *x)
{
	for (unsigned i = 0; i < x->nseen; i++)
		if (memcmp(x->seen[i].text, x->row.text, sizeof(x->row.text)) == 0)
			return;
	if (x->nseen == ROWS)
		expand_die(x, "too many rows", x->t->name);
	x->seen[x->nseen++] = x->row;
	x->each(x->ctx, NULL, &x->row);
}

/* The words of the line from `s` on: at most ARGS of them, so the depth is bounded. */
static void
expand_words(struct expand *x, const char *s)
{
	unsigned arg;
	size_t n;

	s += strspn(s, " ");
	if (*s == '\0') {
		expand_emit(x);
		return;
	}
	arg = expand_arg(x, s);
	s += strcspn(s, "=") + 1;
	if (*s != '{') {
		n = strcspn(s, " ");
		expand_set(x, arg, s, n);
		expand_words(x, s + n);
		return;
	}
	for (const char *value = s + 1, *rest = strchr(s, '}'); rest != NULL; value += n + 1) {
		n = strcspn(value, ",}");
		expand_set(x, arg, value, n);
		expand_words(x, rest + 1);
		if (value[n] == '}')
			return;
	}
	expand_die(x, "a brace that is not closed", s);
}

void
table_each(const struct table *t,
	   void (*each)(void *ctx, const char *heading, const struct row *row), void *ctx)
{
	struct expand x = {.t = t, .each = each, .ctx = ctx};

	x.seen = calloc(ROWS, sizeof(*x.seen));
	if (x.seen == NULL)
		conform_die("no memory for the rows");
	for (const char *const *line = t->rows; *line != NULL; line++) {
		if (**line == '#') {
			each(ctx, *line, NULL);
			continue;
		}
		x.line = *line;
		for (unsigned i = 0; i < ARGS && t->arg[i].name != NULL; i++)
			expand_set(&x, i, t->arg[i].usual, strlen(t->arg[i].usual));
		expand_words(&x, *line);
	}
	free(x.seen);
}
