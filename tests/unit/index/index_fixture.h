/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * index_fixture.h: a machine with the index room, and ranges from a static array.
 */
#ifndef TESS_INDEX_FIXTURE_H
#define TESS_INDEX_FIXTURE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include "unit_machine.h"
#include "index_priv.h"

#define IX_RAM    (16u << 20)
#define IX_RANGES 20000u

static struct tess_range ix_range[IX_RANGES];
static unsigned ix_used;

static inline struct tess_machine *
ix_start(struct tess_index *ix, uint64_t lo, uint64_t hi)
{
	struct tess_machine *m = unit_machine_start(IX_RAM, 4, 1);

	assert_int_equal(tess_index_room_init(m), TESS_OK);
	ix_used = 0;
	if (ix != NULL)
		assert_int_equal(tess_index_init(ix, lo, hi), TESS_OK);
	return m;
}

/* A new range, before `next` in a list for commit. */
static inline struct tess_range *
ix_new(uint64_t start, uint64_t end, struct tess_range *next)
{
	struct tess_range *r = &ix_range[ix_used++];

	assert_true(ix_used <= IX_RANGES);
	*r = (struct tess_range){.start = start, .end = end, .link = next};
	return r;
}

static inline unsigned
ix_length(const struct tess_range *list)
{
	unsigned n = 0;

	for (; list != NULL; list = list->link)
		n++;
	return n;
}

/* Replace [lo, hi) by the list. */
static inline enum tess_err
ix_put(struct tess_index *ix, uint64_t lo, uint64_t hi, struct tess_range *list)
{
	struct tess_index_edit e;
	enum tess_err err;

	tess_index_lock(ix, lo, hi, TESS_RANK_LEAF, &e);
	err = tess_index_prepare(&e, lo, hi, ix_length(list));
	if (err == TESS_OK)
		tess_index_commit(&e, lo, hi, list, ix_length(list));
	tess_index_unlock(&e);
	return err;
}

/* One range. */
static inline struct tess_range *
ix_map(struct tess_index *ix, uint64_t lo, uint64_t hi)
{
	struct tess_range *r = ix_new(lo, hi, NULL);

	assert_int_equal(ix_put(ix, lo, hi, r), TESS_OK);
	return r;
}

static inline void
ix_unmap(struct tess_index *ix, uint64_t lo, uint64_t hi)
{
	assert_int_equal(ix_put(ix, lo, hi, NULL), TESS_OK);
}

/* Ranges [k * step, k * step + len) for k in [0, n). */
static inline void
ix_comb(struct tess_index *ix, unsigned n, uint64_t step, uint64_t len)
{
	for (unsigned k = 0; k < n; k++)
		ix_map(ix, k * step, k * step + len);
}

static inline void
ix_stop(struct tess_machine *m, struct tess_index *ix)
{
	if (ix != NULL) {
		ix_unmap(ix, ix->lo, ix->hi);
		assert_int_equal(tess_index_check(ix), 0);
		tess_index_fini(ix);
	}
	tess_rcu_drain();
	assert_int_equal(tess_pool_out(&m->index->leaf), 0);
	assert_int_equal(tess_pool_out(&m->index->dir), 0);
	assert_int_equal(tess_pool_out(&m->index->radix), 0);
	tess_index_room_fini(m);
	unit_machine_stop();
}

#endif
