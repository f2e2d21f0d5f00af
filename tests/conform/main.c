/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * main.c: conform DIR tables | x86_64 | aarch64 | aarch64_hw [TABLE]...	test
 *         conform --update DIR [TABLE]...				write what the model says to DIR/NAME.table
 *
 * One TAP point a table.  A row that differs is printed as the table has it and as it is now.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "conform.h"

#define CELL     24
#define EFFECT   420
#define SHOWN    12
#define LIST     4096
#define FILE_MAX ((size_t)4 << 20)

/* A row as it is printed. */
struct line {
	const char *heading; /* of a group; then nothing else */
	struct row row;
	char cell[PERSONALITY][CELL];
	char effect[PERSONALITY][EFFECT];
};

struct run {
	const struct table *t;
	struct line *line;
	unsigned n, room, rows;
};

static const char *const who[PERSONALITY] = {"posix", "linux", "bsd", "seed"};

_Noreturn void
conform_die(const char *why)
{
	fflush(stdout);
	fprintf(stderr, "conform: %s\n", why);
	exit(2);
}

/* ---- What the model says ---- */

static struct line *
run_line(struct run *r)
{
	if (r->n == r->room) {
		r->room = r->room == 0 ? 64 : r->room * 2;
		r->line = realloc(r->line, r->room * sizeof(*r->line));
		if (r->line == NULL)
			conform_die("no memory for the lines");
	}
	memset(&r->line[r->n], 0, sizeof(*r->line));
	return &r->line[r->n++];
}

/* One cell of a line; `why` gets what differs. */
static void
run_cell(const struct table *t, const struct row *row, enum env_isa isa, unsigned p, char *cell,
	 char *effect, char *why, size_t why_size)
{
	struct text c, e, w;

	text_init(&c, cell, CELL);
	text_init(&e, effect, EFFECT);
	text_init(&w, why, why_size);
	cell_run(t, row, isa, (enum tess_personality)p, &c, &e, &w);
}

static void
run_row(void *ctx, const char *heading, const struct row *row)
{
	struct run *r = ctx;
	struct line *l = run_line(r);
	char why[256];

	l->heading = heading;
	if (heading != NULL)
		return;
	l->row = *row;
	r->rows++;
	for (unsigned p = 0; p < PERSONALITY; p++)
		run_cell(r->t, row, ENV_ISA_COUNT, p, l->cell[p], l->effect[p], why, sizeof(why));
}

static void
run_model(struct run *r, const struct table *t)
{
	memset(r, 0, sizeof(*r));
	r->t = t;
	table_each(t, run_row, r);
}

/* ---- As text ---- */

#define WIDE 6 /* a table with more arguments lists only the unusual ones of a row, by name */

struct widths {
	unsigned arg[ARGS], cell[PERSONALITY];
	unsigned all;    /* of the arguments as words; 0: in columns */
	bool used[ARGS]; /* some row is not as usual there */
};

static void
widen(unsigned *w, const char *s)
{
	if (strlen(s) > *w)
		*w = (unsigned)strlen(s);
}

static const char *
arg_shown(const struct table *t, const struct row *row, unsigned i)
{
	return strcmp(row->text[i], t->arg[i].usual) == 0 ? "." : row->text[i];
}

/* The arguments of a row that are not as usual: "addr=0 len=1p". */
static void
row_words(struct text *t, const struct table *tab, const struct row *row)
{
	for (unsigned i = 0; i < ARGS && tab->arg[i].name != NULL; i++)
		if (strcmp(row->text[i], tab->arg[i].usual) != 0)
			text_add(t, "%s%s=%s", t->len == 0 ? "" : " ", tab->arg[i].name,
				 row->text[i]);
	if (t->len == 0)
		text_add(t, ".");
}

static void
run_widths(const struct run *r, struct widths *w)
{
	char words[LINE];
	struct text t;

	memset(w, 0, sizeof(*w));
	for (unsigned i = 0; i < ARGS && r->t->arg[i].name != NULL; i++)
		widen(&w->arg[i], r->t->arg[i].name);
	for (unsigned p = 0; p < PERSONALITY; p++)
		widen(&w->cell[p], who[p]);
	for (unsigned i = 0; i < ARGS && r->t->arg[i].name != NULL; i++)
		w->all = i >= WIDE ? 9 : 0;
	for (unsigned k = 0; k < r->n; k++) {
		const struct line *l = &r->line[k];

		if (l->heading != NULL)
			continue;
		for (unsigned i = 0; i < ARGS && r->t->arg[i].name != NULL; i++) {
			widen(&w->arg[i], arg_shown(r->t, &l->row, i));
			w->used[i] |= strcmp(arg_shown(r->t, &l->row, i), ".") != 0;
		}
		if (w->all != 0) {
			text_init(&t, words, sizeof(words));
			row_words(&t, r->t, &l->row);
			widen(&w->all, words);
		}
		for (unsigned p = 0; p < PERSONALITY; p++)
			widen(&w->cell[p], l->cell[p]);
	}
}

/* The personalities whose success had this effect: "posix linux: anon gone". */
static void
line_effects(struct text *t, const struct line *l)
{
	bool told[PERSONALITY] = {false}, all = true, first = true;

	for (unsigned p = 1; p < PERSONALITY; p++)
		all &= strcmp(l->effect[p], l->effect[0]) == 0;
	if (all) {
		text_add(t, "%s", l->effect[0]);
		return;
	}
	for (unsigned p = 0; p < PERSONALITY; p++) {
		if (told[p] || l->effect[p][0] == '\0')
			continue;
		text_add(t, "%s", first ? "" : " | ");
		first = false;
		for (unsigned q = p; q < PERSONALITY; q++) {
			if (strcmp(l->effect[q], l->effect[p]) != 0)
				continue;
			told[q] = true;
			text_add(t, "%s%s", q == p ? "" : " ", who[q]);
		}
		text_add(t, ": %s", l->effect[p]);
	}
}

static void
pad_to(struct text *t, const char *s, unsigned width)
{
	text_add(t, "%s", s);
	for (size_t n = strlen(s); n < width; n++)
		text_add(t, " ");
}

static void
line_args(struct text *t, const struct table *tab, const struct row *row, const struct widths *w)
{
	char words[LINE];
	struct text x;

	if (w->all != 0) {
		text_init(&x, words, sizeof(words));
		row_words(&x, tab, row);
		pad_to(t, words, w->all + 1);
		return;
	}
	for (unsigned i = 0; i < ARGS && tab->arg[i].name != NULL; i++)
		if (w->used[i])
			pad_to(t, arg_shown(tab, row, i), w->arg[i] + 1);
}

static void
line_text(struct text *t, const struct table *tab, const struct line *l, const struct widths *w)
{
	line_args(t, tab, &l->row, w);
	text_add(t, "|");
	for (unsigned p = 0; p < PERSONALITY; p++) {
		text_add(t, " ");
		pad_to(t, l->cell[p], w->cell[p]);
	}
	text_add(t, " | ");
	line_effects(t, l);
	while (t->len > 0 && (t->buf[t->len - 1] == ' ' || t->buf[t->len - 1] == '|'))
		t->buf[--t->len] = '\0';
	text_add(t, "\n");
}

static void
run_head(struct text *t, const struct run *r, const struct widths *w)
{
	static struct line head;

	memset(&head, 0, sizeof(head));
	text_add(t, "# %s\n# The mappings: layout.table.  The usual (\".\"):", r->t->about);
	for (unsigned i = 0; i < ARGS && r->t->arg[i].name != NULL; i++) {
		text_add(t, " %s=%s", r->t->arg[i].name, r->t->arg[i].usual);
		strcpy(head.row.text[i], w->all == 0 ? r->t->arg[i].name : r->t->arg[i].usual);
	}
	text_add(t, "\n\n");
	for (unsigned p = 0; p < PERSONALITY; p++)
		strcpy(head.cell[p], who[p]);
	for (unsigned p = 0; p < PERSONALITY; p++)
		strcpy(head.effect[p], "what changed");
	line_text(t, r->t, &head, w);
}

/* The mappings that every row begins with, as the model has them. */
static char *
layout_table(void)
{
	static struct conform c;
	static struct effect_snap none, all;
	char *buf = malloc(FILE_MAX), list[LIST];
	struct text t, x;

	if (buf == NULL)
		conform_die("no memory for a table");
	text_init(&t, buf, FILE_MAX);
	text_add(&t, "# What is mapped when a row begins, from low addresses to high ones.\n\n");
	for (const char *const *line = layout_text; *line != NULL; line++)
		text_add(&t, "%s\n", *line);
	for (unsigned p = 0; p < PERSONALITY; p++) {
		side_open(&c, ENV_ISA_COUNT, (enum tess_personality)p);
		effect_layout(&c, &all);
		text_init(&x, list, sizeof(list));
		effect_print(&x, &none, &all);
		text_add(&t, "\n# %s\n", who[p]);
		for (const char *s = list; *s != '\0'; s++) {
			bool next = s[0] == ';' && s[1] == ' ';

			text_add(&t, "%c", next ? '\n' : *s);
			s += next;
		}
		text_add(&t, "\n");
		side_close(&c);
	}
	return buf;
}

static char *
run_text(const struct run *r)
{
	char *buf = malloc(FILE_MAX);
	struct widths w;
	struct text t;

	if (buf == NULL)
		conform_die("no memory for a table");
	run_widths(r, &w);
	text_init(&t, buf, FILE_MAX);
	run_head(&t, r, &w);
	for (unsigned k = 0; k < r->n; k++) {
		if (r->line[k].heading != NULL)
			text_add(&t, "\n%s\n", r->line[k].heading);
		else
			line_text(&t, r->t, &r->line[k], &w);
	}
	return buf;
}

/* ---- Files ---- */

static void
table_path(char *path, size_t size, const char *dir, const char *name)
{
	if ((size_t)snprintf(path, size, "%s/%s.table", dir, name) >= size)
		conform_die("the directory's name is too long");
}

static char *
file_read(const char *path)
{
	char *buf = calloc(1, FILE_MAX);
	FILE *f = fopen(path, "r");

	if (buf == NULL)
		conform_die("no memory for a table");
	if (f == NULL)
		return buf;
	if (fread(buf, 1, FILE_MAX - 1, f) == 0 && ferror(f))
		conform_die(path);
	fclose(f);
	return buf;
}

static void
file_write(const char *path, const char *text)
{
	FILE *f = fopen(path, "w");

	if (f == NULL || fputs(text, f) == EOF || fclose(f) != 0) {
		perror(path);
		exit(2);
	}
	printf("%s\n", path);
}

/* Lines that only one of them has, in order: enough of a diff for a table whose rows rarely move. */
static unsigned
text_diff(const char *have, const char *want)
{
	unsigned shown = 0;

	while (*have != '\0' || *want != '\0') {
		size_t h = strcspn(have, "\n"), w = strcspn(want, "\n");

		if (h == w && strncmp(have, want, h) == 0) {
			have += h + (have[h] == '\n');
			want += w + (want[w] == '\n');
			continue;
		}
		if (shown++ == SHOWN) {
			printf("# ...\n");
			break;
		}
		printf("# - %.*s\n# + %.*s\n", (int)h, have, (int)w, want);
		have += h + (have[h] == '\n');
		want += w + (want[w] == '\n');
	}
	return shown;
}

/* ---- Points ---- */

/* A text against DIR/NAME.table; `want` is freed. */
static bool
test_text(char *want, const char *dir, const char *name, const char *about, unsigned point)
{
	char path[1024], *have;
	bool same;

	table_path(path, sizeof(path), dir, name);
	have = file_read(path);
	same = strcmp(have, want) == 0;
	printf("%sok %u - %s.table: %s\n", same ? "" : "not ", point, name, about);
	if (!same) {
		printf("# - the table, + the model\n");
		(void)text_diff(have, want);
	}
	free(have);
	free(want);
	return same;
}

static bool
test_file(const struct run *r, const char *dir, unsigned point)
{
	char about[64];

	(void)snprintf(about, sizeof(about), "%u rows as the model says", r->rows);
	return test_text(run_text(r), dir, r->t->name, about, point);
}

/* One line on the core; what differs goes to `out`. */
static bool
test_line(const struct run *r, const struct line *l, enum env_isa isa, struct text *out)
{
	char cell[CELL], effect[EFFECT], why[4096];
	bool same = true;

	for (unsigned p = 0; p < PERSONALITY; p++) {
		run_cell(r->t, &l->row, isa, p, cell, effect, why, sizeof(why));
		if (why[0] == '\0' && strcmp(cell, l->cell[p]) == 0 &&
		    strcmp(effect, l->effect[p]) == 0)
			continue;
		same = false;
		text_add(out, "%s", who[p]);
		for (unsigned i = 0; i < ARGS && r->t->arg[i].name != NULL; i++)
			text_add(out, " %s=%s", r->t->arg[i].name, l->row.text[i]);
		text_add(out, "\n#   want %s %s\n#   got  %s %s\n#   ", l->cell[p], l->effect[p],
			 cell, effect);
		for (const char *s = why; *s != '\0'; s++) {
			text_add(out, "%c", *s);
			if (*s == '\n' && s[1] != '\0')
				text_add(out, "#   ");
		}
		text_add(out, "\n# ");
	}
	return same;
}

static bool
test_core(const struct run *r, enum env_isa isa, const char *name, unsigned point)
{
	static char buf[1 << 16];
	struct text out;
	unsigned bad = 0;

	text_init(&out, buf, sizeof(buf));
	for (unsigned k = 0; k < r->n; k++)
		if (r->line[k].heading == NULL && !test_line(r, &r->line[k], isa, &out))
			bad++;
	printf("%sok %u - %s: %u rows on %s\n", bad == 0 ? "" : "not ", point, r->t->name, r->rows,
	       name);
	if (bad != 0)
		printf("# %u rows differ\n# %s\n", bad, buf);
	return bad == 0;
}

/* ---- The command ---- */

static bool
wanted(const struct table *t, char *const *names, int n)
{
	for (int i = 0; i < n; i++)
		if (strcmp(names[i], t->name) == 0)
			return true;
	return n == 0;
}

static _Noreturn void
usage(const char *self)
{
	fprintf(stderr,
		"usage: %s DIR tables|x86_64|aarch64|aarch64_hw [TABLE]...\n"
		"       %s --update DIR [TABLE]...\n",
		self, self);
	exit(2);
}

static int
update(const char *dir, char *const *names, int n)
{
	char path[1024];
	struct run r;

	if (n == 0) {
		table_path(path, sizeof(path), dir, "layout");
		file_write(path, layout_table());
	}
	for (const struct table *const *t = tables; *t != NULL; t++) {
		if (!wanted(*t, names, n))
			continue;
		run_model(&r, *t);
		table_path(path, sizeof(path), dir, (*t)->name);
		file_write(path, run_text(&r));
	}
	return 0;
}

int
main(int argc, char **argv)
{
	static const char *const isa[] = {"x86_64", "aarch64", "aarch64_hw", "tables"};
	unsigned point = 0, bad = 0, what = 0;
	struct run r;

	setvbuf(stdout, NULL, _IOLBF, 0);
	if (argc >= 3 && strcmp(argv[1], "--update") == 0)
		return update(argv[2], argv + 3, argc - 3);
	if (argc < 3)
		usage(argv[0]);
	while (what < 4 && strcmp(argv[2], isa[what]) != 0)
		what++;
	if (what == 4)
		usage(argv[0]);
	if (what == ENV_ISA_COUNT && argc == 3)
		bad += !test_text(layout_table(), argv[1], "layout", "what every row begins with",
				  ++point);
	for (const struct table *const *t = tables; *t != NULL; t++) {
		if (!wanted(*t, argv + 3, argc - 3))
			continue;
		run_model(&r, *t);
		point++;
		bad += what == ENV_ISA_COUNT ? !test_file(&r, argv[1], point)
					     : !test_core(&r, (enum env_isa)what, isa[what], point);
		free(r.line);
	}
	printf("1..%u\n", point);
	return bad != 0 || point == 0;
}
