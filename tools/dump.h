/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * dump.h: a picture of spaces, taken while a machine lives and drawn when it is gone.
 *
 *	cmd_dump.c ──run──► look.space ──► dump_take.c: areas and pages of each space ──► dump_list.c: text
 *										      └─► dump_svg.c: drawing
 */
#ifndef TESS_TOOLS_DUMP_H
#define TESS_TOOLS_DUMP_H

#include <stdio.h>
#include <tessera/space.h>
#include "program.h"

/* What there is of one page. */
enum dump_page {
	DUMP_NONE,   /* nothing in memory: never touched, or not read yet */
	DUMP_OBJECT, /* the object's page */
	DUMP_OWN,    /* a private page of this space alone */
	DUMP_COPY,   /* a private page that a copy of the space holds too */
	DUMP_BEYOND, /* past the end of the object */
	DUMP_PAGE_COUNT
};

/* Pages are counted in cells: one page a cell, in a large area a power of two of them. */
#define DUMP_CELLS 512 /* in a drawing: 2 MiB, what a page table maps */
struct dump_cell {
	uint32_t pages;                 /* in the cell */
	uint32_t kind[DUMP_PAGE_COUNT]; /* how many of them */
	uint32_t dirty;
};

struct dump_area {
	struct tess_area area;
	char name[PROGRAM_NAME]; /* of the object; "-": none */
	uint64_t pages_cell;
	struct dump_cell *cell;
	uint32_t cells;
	uint64_t kind[DUMP_PAGE_COUNT], dirty, referenced; /* pages of the whole area */
};

struct dump_space {
	int number;
	struct tess_space_counts counts;
	struct dump_area *area;
	uint32_t areas;
};

struct dump {
	struct dump_space *space;
	uint32_t spaces;
	bool failed; /* no memory */
};

/* dump_space: take one space; dump_name: how its object `o` is called; both while the machine lives. */
void dump_space(struct dump *d, int number, struct tess_space *sp);
void dump_name(struct dump *d, const char *name, enum tess_handle_kind kind,
	       const struct tess_object *o);
void dump_free(struct dump *d);

/* The words of an area's flags, inheritance and advice, each with a blank before it. */
void dump_words(const struct tess_area *a, char *buf, size_t size);
/* "rw-p" */
void dump_rights(const struct tess_area *a, char rights[5]);

/* space: only this one; -1: all. */
void dump_maps(const struct dump *d, int space, FILE *f);
void dump_smaps(const struct dump *d, int space, FILE *f);
void dump_svg(const struct dump *d, int space, const char *title, FILE *f);

#endif
