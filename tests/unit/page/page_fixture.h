/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * page_fixture.h: what the page room's tests share.
 */
#ifndef TESS_UNIT_PAGE_FIXTURE_H
#define TESS_UNIT_PAGE_FIXTURE_H

#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include "unit_machine.h"
#include "page_priv.h"

#define PAGE_RAM    (8u << 20)
#define PAGE_FRAMES (PAGE_RAM >> TESS_PAGE_SHIFT)

static inline struct tess_page_counts
counts(void)
{
	struct tess_page_counts c;

	tess_page_counts_get(&c);
	assert_int_equal(c.total, c.boot + c.free + c.cached + c.slab + c.table + c.anon +
				      c.object + c.other);
	return c;
}

static inline struct tess_page *
page_plain(void)
{
	return tess_page_alloc(TESS_FILL_NONE, TESS_SITE_PAGE);
}

/* Take every frame there is; the number goes to *n. */
static inline struct tess_page **
page_take_all(unsigned *n)
{
	struct tess_page **all = test_malloc(PAGE_FRAMES * sizeof(*all));

	*n = 0;
	while ((all[*n] = page_plain()) != NULL)
		(*n)++;
	return all;
}

static inline void
page_free_all(struct tess_page **all, unsigned n)
{
	while (n > 0)
		tess_page_free(all[--n]);
	test_free(all);
}

#endif
