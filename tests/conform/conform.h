/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * conform.h: tables of edge arguments: what each call answers in each personality, and what it changes.
 *
 *	table.c    rows: "addr={none,none+1} len=1p"  ──expanded──►  one row for each combination
 *	              │
 *	side.c        ├─► the model alone ──► a line of text ──► held against tests/conform/NAME.table
 *	              │
 *	              └─► the core beside the model, on each pmap ──► the same line again
 *
 * Every row of every personality begins with a fresh machine and the same prepared layout (layout.c).  A line
 * holds the arguments, the four answers, and what a successful call changed (effect.c).
 *
 * Rejected: tables written by hand (they would be wrong where it matters), and tables printed by the core (a
 * defect would become the rule at the next --update).
 */
#ifndef CONFORM_H
#define CONFORM_H

#include <tessera/types.h>
#include <tessera/space.h>
#include <tessera/map.h>
#include "env.h"
#include "mem.h"
#include "model.h"
#include "text.h"

#define KIB         ((uint64_t)1024)
#define PAGE        TESS_PAGE_SIZE
#define ARGS        10
#define WORD        48
#define LINE        1024
#define PERSONALITY TESS_PERSONALITY_COUNT

/* ---- Arguments ---- */

enum arg_type {
	ARG_GIVEN, /* words that change the space before the call, joined by '+': layout.c */
	ARG_ADDR,  /* a name of the layout or a number, plus or minus numbers */
	ARG_NUM,   /* a number: 17, 0x11, 4p (pages), 2m, 1g, sign (2^63), ~0 */
	ARG_PROT,  /* letters of rwx, max:rwx, growsdown, growsup, numbers, joined by '|' */
	ARG_WORDS, /* words of the argument's own list and numbers, joined by '|' */
	ARG_FD     /* a descriptor of the layout */
};

struct arg_word {
	const char *word;
	uint64_t value;
};

struct arg_def {
	const char *name;
	enum arg_type type;
	const char *usual; /* printed as "." */
	const struct arg_word *words;
};

/* ---- Both sides ---- */

enum conform_object {
	OBJECT_FILE,
	OBJECT_SHORT,
	OBJECT_SEGMENT,
	OBJECT_DEVICE,
	OBJECT_COUNT
};

struct conform {
	enum tess_personality p;
	struct tess_space *core; /* NULL: the model alone */
	struct model *model;
	struct model_space *ms;
	struct tess_space *other_core; /* a row that forks: the relative that is not looked at */
	struct model_space *other_ms;
	struct tess_handle object[OBJECT_COUNT];
	tess_va heap_end; /* RLIMIT_DATA above the heap's start, when a row sets it */
	char why[4096];   /* what differs between core and model; empty: nothing */
};

/* What a call answered. */
struct answer {
	unsigned code; /* enum tess_err, or enum tess_kern */
	tess_va va;
};

/* side_open: a machine, the layout.  isa ENV_ISA_COUNT: the model alone. */
void side_open(struct conform *c, enum env_isa isa, enum tess_personality p);
void side_close(struct conform *c);
void side_differs(struct conform *c, const char *what, const char *why);
/* side_handle: the descriptor number `fd` of the layout. */
struct tess_handle side_handle(const struct conform *c, unsigned fd);
bool side_same(struct conform *c);

/* ---- The layout (layout.c) ---- */

extern const char *const layout_fd[];   /* their names, NULL ends */
extern const char *const layout_text[]; /* the drawing, a line each, NULL ends */
void layout_make(struct conform *c);
/* layout_given: one word of an ARG_GIVEN; false: no such word. */
bool layout_given(struct conform *c, const char *word);
bool layout_find(const char *name, size_t n, uint64_t *va);
/* layout_name: "anon", "anon+1", NULL when va is nowhere near. *start, *end: the range that has the name. */
const char *layout_name(uint64_t va, uint64_t *start, uint64_t *end);
/* layout_print: the same as an answer: "placed" outside; one that was not chosen may be a break behind the heap. */
void layout_print(struct text *t, uint64_t va, bool chosen);

/* ---- What a call changed (effect.c) ---- */

#define EFFECT_AREAS 96
#define EFFECT_BYTES 160

struct effect_area {
	struct tess_area a;
	const char *object;
};

struct effect_snap {
	unsigned n;
	struct effect_area area[EFFECT_AREAS];
	uint64_t anon;
	/* the first byte of each mapped page: 0 to 255, or 256 + enum tess_err */
	unsigned bytes;
	struct {
		uint64_t va;
		unsigned got;
	} byte[EFFECT_BYTES];
};

void effect_layout(struct conform *c, struct effect_snap *s);
/* effect_bytes: reads every mapped page of the layout, on both sides. */
void effect_bytes(struct conform *c, struct effect_snap *s);
void effect_print(struct text *t, const struct effect_snap *before,
		  const struct effect_snap *after);

/* ---- Calls and tables ---- */

struct table {
	const char *name, *about;
	struct arg_def arg[ARGS];
	const char *const *rows; /* NULL ends; "# ..." is a heading, printed */
	/* The call on both sides; the core's is skipped when there is no core. */
	unsigned (*core)(struct conform *c, const uint64_t *v, tess_va *out);
	unsigned (*model)(struct conform *c, const uint64_t *v, struct model_answer *ans);
	enum {
		ANSWERS_OK,     /* nothing but success */
		ANSWERS_VA,     /* an address; argument `addr` is what was asked for */
		ANSWERS_CHOSEN, /* an address that may be the core's choice */
		ANSWERS_KERN,   /* enum tess_kern */
		ANSWERS_BITS    /* a byte, of which the model may leave bits open */
	} answers;
	unsigned addr, len, off,
	    hint; /* places of arguments, for ANSWERS_VA and CHOSEN; hint 0: as addr */
};

extern const struct table *const tables[];

/* ANSWERS_BITS: bits that every byte has which the model allows, and those that only some have. */
extern struct answer_bits {
	uint8_t sure, open;
} answer_bits;

/* value_parse: the value of one argument; false: it is not written well. */
bool value_parse(const struct arg_def *d, const char *text, uint64_t *v);

struct row {
	char text[ARGS][WORD];
	uint64_t value[ARGS];
};
/* table_each: every row once; heading: `row` is NULL. */
void table_each(const struct table *t,
		void (*each)(void *ctx, const char *heading, const struct row *row), void *ctx);
/* cell_run: one row in one personality; *cell and *effect are texts. */
void cell_run(const struct table *t, const struct row *row, enum env_isa isa,
	      enum tess_personality p, struct text *cell, struct text *effect, struct text *why);

_Noreturn void conform_die(const char *why);

#endif
