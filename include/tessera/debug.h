/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * debug.h: walkers, printers and a look at pages without touching them.
 */
#ifndef TESSERA_DEBUG_H
#define TESSERA_DEBUG_H

#include <tessera/types.h>

TESS_BEGIN_DECLS

/*
 * tess_space_check: walk everything of this space and panic at the first broken invariant
 * (docs/INVARIANTS.md): I-MAP, I-IDX, I-AMAP, I-PMAP.
 * tess_machine_check: the machine-wide ones: I-BASE, I-PAGE, I-ANON (needs every space: counts are summed).
 *
 * => context: nothing else runs on the machine
 */
void tess_space_check(struct tess_space *sp);
void tess_machine_check(void);

/* What stands behind a page of a space, as a fault would find it, without causing one. */
enum tess_view_kind {
	TESS_VIEW_HOLE,   /* not mapped */
	TESS_VIEW_ZERO,   /* would be zero-filled */
	TESS_VIEW_ANON,   /* a private page */
	TESS_VIEW_OBJECT, /* the object's page, in memory */
	TESS_VIEW_ABSENT, /* the object's page, not in memory */
	TESS_VIEW_BEYOND, /* past the end of the object: SIGBUS */
};

struct tess_view {
	enum tess_view_kind kind;
	const void *data; /* ANON, OBJECT: 4096 bytes, valid until the next call; else NULL */
	tess_prot prot;
	uint32_t sharers; /* ANON: references to the anon, counting each sharing amap once */
};

/* tess_space_view: look at the page that holds va.  Context: nothing else changes the space. */
void tess_space_view(struct tess_space *sp, tess_va va, struct tess_view *v);

/* tess_space_dump: entries, one a line, to `print`. */
void tess_space_dump(struct tess_space *sp, void (*print)(void *ctx, const char *line), void *ctx);

TESS_END_DECLS

#endif
