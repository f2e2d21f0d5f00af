/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * index_model.h: the index and the radix beside plain arrays that are obviously right.
 *
 * Every step takes its choices from a stream of numbers (random in unit tests, the input in
 * fuzz_index.c), does the same to both, runs the walkers, and compares.  A difference prints
 * one line and aborts, which is a failure for cmocka, libFuzzer and a person alike.
 *
 *	struct index_model	ranges in [IM_LO, IM_HI): sorted array of pointers
 *	struct radix_model	a few indices of every magnitude, and what they hold
 */
#ifndef TESS_INDEX_MODEL_H
#define TESS_INDEX_MODEL_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "unit_machine.h"
#include "index_priv.h"

#define IM_LO   0x1000u
#define IM_HI   0x9000u
#define IM_MAX  4096u /* ranges at most */
#define IM_SPAN 0x400u

#define index_must(x)                                                                   \
	do {                                                                            \
		if (!(x)) {                                                             \
			fprintf(stderr, "%s:%d: not so: %s\n", __FILE__, __LINE__, #x); \
			abort();                                                        \
		}                                                                       \
	} while (0)

/* Where choices come from; `end` says that there are no more. */
struct im_stream {
	uint64_t (*next)(struct im_stream *s);
	bool end;
};

struct im_range {
	struct tess_range r; /* first */
	struct tess_rcu_head rcu;
};

struct index_model {
	struct tess_index ix;
	unsigned n;
	struct tess_range *at[IM_MAX];
	struct tess_range *list, **tail; /* being built for a commit */
	unsigned nlist;
};

/* ---- ranges ---- */

static inline void
im_free(struct tess_rcu_head *head)
{
	free(TESS_CONTAINER(head, struct im_range, rcu));
}

static inline struct tess_range *
im_new(uint64_t start, uint64_t end)
{
	struct im_range *r = calloc(1, sizeof(*r));

	index_must(r != NULL && start < end);
	r->r.start = start;
	r->r.end = end;
	r->r.creator = tess_port_cpu();
	return &r->r;
}

static inline void
im_defer(struct tess_range *r)
{
	tess_rcu_defer(&((struct im_range *)r)->rcu, im_free);
}

static inline void
im_append(struct index_model *m, struct tess_range *r)
{
	r->link = NULL;
	*m->tail = r;
	m->tail = &r->link;
	m->nlist++;
}

static inline void
im_list_init(struct index_model *m)
{
	m->list = NULL;
	m->tail = &m->list;
	m->nlist = 0;
}

/* The first range with end > key. */
static inline unsigned
im_from(const struct index_model *m, uint64_t key)
{
	unsigned i = 0;

	while (i < m->n && m->at[i]->end <= key)
		i++;
	return i;
}

/* ---- comparing ---- */

static inline void
im_compare_at(const struct index_model *m, uint64_t key)
{
	unsigned i = im_from(m, key);
	struct tess_range *next = i < m->n ? m->at[i] : NULL;
	struct tess_range *prev = NULL;

	for (unsigned j = 0; j < m->n && m->at[j]->start < key; j++)
		prev = m->at[j];
	tess_rcu_enter();
	index_must(tess_index_lookup_rcu(&m->ix, key) ==
		   (next && next->start <= key ? next : NULL));
	index_must(tess_index_next_rcu(&m->ix, key) == next);
	index_must(tess_index_prev_rcu(&m->ix, key) == prev);
	tess_rcu_exit();
}

/* The holder's looks, forwards, backwards and again: whatever it remembers of the last one, the answer is right. */
static inline void
im_compare_edit(const struct index_model *m)
{
	struct tess_index *ix = (struct tess_index *)(uintptr_t)&m->ix;
	struct tess_index_edit e;
	uint64_t at = ix->lo;

	tess_index_lock(ix, ix->lo, ix->hi, TESS_RANK_LEAF, &e);
	for (unsigned i = 0; i < m->n; i++) {
		struct tess_range *r = m->at[i];

		index_must(tess_index_edit_next(&e, at) == r);
		index_must(tess_index_edit_next(&e, r->start) == r);
		index_must(tess_index_edit_lookup(&e, r->end - 1) == r);
		index_must(tess_index_edit_lookup(&e, at) == (at == r->start ? r : NULL));
		index_must(i == 0 || tess_index_edit_next(&e, m->at[i / 2]->start) == m->at[i / 2]);
		at = r->end;
	}
	index_must(tess_index_edit_next(&e, at) == NULL);
	tess_index_unlock(&e);
}

static inline void
im_compare_all(const struct index_model *m)
{
	uint64_t at = m->ix.lo;

	im_compare_edit(m);

	index_must(tess_index_check(&m->ix) == m->n);
	for (unsigned i = 0; i < m->n; i++) {
		struct tess_range *r = tess_index_next_rcu(&m->ix, at);

		index_must(r == m->at[i] && r->dead == 0);
		at = r->end;
	}
	index_must(tess_index_next_rcu(&m->ix, at) == NULL);
	index_must(tess_index_leaves(&m->ix) >= 1);
}

/* Holes by trial of every address. */
static inline bool
im_gap(const struct index_model *m, uint64_t lo, uint64_t hi, uint64_t len, uint64_t align, bool up,
       uint64_t *start)
{
	bool found = false;

	lo = lo < m->ix.lo ? m->ix.lo : lo;
	hi = hi > m->ix.hi ? m->ix.hi : hi;
	for (uint64_t a = (lo + align - 1) & ~(align - 1); a < hi && a + len <= hi; a += align) {
		unsigned i = im_from(m, a);

		if (i < m->n && m->at[i]->start < a + len) {
			while (a + align < m->at[i]->end) /* nothing starts inside a range */
				a += align;
			continue;
		}
		*start = a;
		found = true;
		if (up)
			break;
	}
	return found;
}

static inline void
im_compare_gap(const struct index_model *m, uint64_t lo, uint64_t hi, uint64_t len, uint64_t align)
{
	uint64_t is = 1, want = 1;
	bool found = im_gap(m, lo, hi, len, align, true, &want);

	index_must(tess_index_gap_up(&m->ix, lo, hi, len, align, &is) == found);
	index_must(is == want);
	is = want = 1;
	found = im_gap(m, lo, hi, len, align, false, &want);
	index_must(tess_index_gap_down(&m->ix, lo, hi, len, align, &is) == found);
	index_must(is == want);
}

/* ---- edits ---- */

enum im_edit {
	IM_MAP,
	IM_UNMAP,
	IM_RENEW,
	IM_KEEP,
	IM_MERGE,
	IM_EDITS
};

/* Build the list that replaces ranges [first, last) of the model, [lo, hi) being edited. */
static inline void
im_build(struct index_model *m, enum im_edit what, unsigned first, unsigned last, uint64_t lo,
	 uint64_t hi, struct im_stream *s)
{
	im_list_init(m);
	if (first < last && m->at[first]->start < lo)
		im_append(m, im_new(m->at[first]->start, lo));
	if (what == IM_MAP || (what == IM_MERGE && first < last))
		im_append(m, im_new(lo, hi));
	for (unsigned i = first; i < last && (what == IM_RENEW || what == IM_KEEP); i++) {
		struct tess_range *r = m->at[i];
		uint64_t a = r->start < lo ? lo : r->start, b = r->end > hi ? hi : r->end;

		if (what == IM_KEEP && a == r->start && b == r->end && (s->next(s) & 1))
			im_append(m, r);
		else
			im_append(m, im_new(a, b));
	}
	if (first < last && m->at[last - 1]->end > hi)
		im_append(m, im_new(hi, m->at[last - 1]->end));
}

/* Put the list into the model in place of [first, last); what was replaced must be dead. */
static inline void
im_apply(struct index_model *m, unsigned first, unsigned last)
{
	struct tess_range *r;
	unsigned i;

	for (i = first; i < last; i++) {
		for (r = m->list; r != NULL && r != m->at[i];)
			r = r->link;
		index_must((m->at[i]->dead == 0) == (r != NULL));
		if (r == NULL)
			im_defer(m->at[i]);
	}
	index_must(m->n - (last - first) + m->nlist <= IM_MAX);
	memmove(&m->at[first + m->nlist], &m->at[last], (m->n - last) * sizeof(m->at[0]));
	m->n = m->n - (last - first) + m->nlist;
	for (i = first, r = m->list; r != NULL; r = r->link, i++) {
		index_must(r->dead == 0);
		m->at[i] = r;
	}
}

/*
 * One edit of [lo, hi): the ranges it cuts are part of it.  fail: the allocation to make fail, 0 for none.
 * more: how many ranges beyond the needed to prepare for.
 */
static inline void
im_edit(struct index_model *m, enum im_edit what, uint64_t lo, uint64_t hi, unsigned more,
	uint64_t fail, struct im_stream *s)
{
	unsigned first = im_from(m, lo), last = first;
	struct tess_index_edit e;
	struct tess_range *r;
	uint64_t from = lo, to = hi;
	enum tess_err err;

	while (last < m->n && m->at[last]->start < hi)
		last++;
	if (first < last) {
		from = m->at[first]->start < lo ? m->at[first]->start : lo;
		to = m->at[last - 1]->end > hi ? m->at[last - 1]->end : hi;
	}
	im_build(m, what, first, last, lo, hi, s);
	tess_index_lock(&m->ix, lo, hi, TESS_RANK_LEAF, &e);
	tess_index_relock(&e, from, to);
	unit_fail_nth(UNIT_SITE(TESS_SITE_POOL), fail);
	err = tess_index_prepare(&e, from, to, m->nlist + more);
	if (err == TESS_OK && more == 7) /* the last call counts */
		err = tess_index_prepare(&e, from, to, m->nlist);
	unit_fail_nth(0, 0);
	if (err == TESS_OK) {
		tess_index_commit(&e, from, to, m->list, m->nlist);
		tess_index_unlock(&e);
		im_apply(m, first, last);
	} else {
		index_must(err == TESS_ENOMEM && fail != 0);
		index_must(!(last - first == 1 && m->nlist + more <= 1 &&
			     from == m->at[first]->start && to == m->at[first]->end));
		tess_index_unlock(&e);
		while ((r = m->list) != NULL) {
			unsigned i = first;

			m->list = r->link;
			while (i < last && m->at[i] != r)
				i++;
			if (i == last)
				free((struct im_range *)r);
		}
	}
	tess_rcu_poll();
}

static inline void
im_start(struct index_model *m)
{
	m->n = 0;
	index_must(tess_index_init(&m->ix, IM_LO, IM_HI) == TESS_OK);
}

static inline void
im_stop(struct index_model *m)
{
	struct im_stream none = {.next = NULL};

	im_edit(m, IM_UNMAP, IM_LO, IM_HI, 0, 0, &none);
	index_must(m->n == 0 && tess_index_check(&m->ix) == 0);
	index_must(tess_index_leaves(&m->ix) == 1);
	tess_index_fini(&m->ix);
}

/* One step chosen by the stream. */
static inline void
im_step(struct index_model *m, struct im_stream *s)
{
	uint64_t what = s->next(s), c = s->next(s);
	uint64_t lo = IM_LO + c % (IM_HI - IM_LO);
	uint64_t len = 1 + s->next(s) % (what & 0x80 ? IM_SPAN : 24);
	uint64_t hi = lo + len < IM_HI ? lo + len : IM_HI;
	uint64_t fail = (what & 0x60) == 0x60 ? 1 + s->next(s) % 4 : 0;

	switch (what % 8) {
	case 5:
		im_compare_at(m, lo - 2);
		im_compare_at(m, hi);
		break;
	case 6:
		im_compare_gap(m, lo - 8, lo + IM_SPAN * 4, len, (uint64_t)1 << (c >> 13) % 6);
		break;
	case 7:
		if (m->n > 0) { /* exactly one range */
			struct tess_range *r = m->at[c % m->n];

			im_edit(m, c >> 12 & 1 ? IM_UNMAP : IM_RENEW, r->start, r->end, 0, fail, s);
		}
		break;
	default:
		if (m->n + 64 > IM_MAX)
			im_edit(m, IM_UNMAP, IM_LO, (IM_LO + IM_HI) / 2, 0, 0, s);
		im_edit(m, (enum im_edit)(what % 8), lo, hi, (unsigned)(c >> 13) % 8, fail, s);
		break;
	}
	index_must(tess_index_check(&m->ix) == m->n);
}

/* ---- radix ---- */

#define RM_KEYS 256u

struct radix_model {
	struct tess_radix r;
	uint64_t count;
	uint8_t state[RM_KEYS]; /* 0 nothing, 1 reserved, 2 a pointer */
	void *ptr[RM_KEYS];
};

/* 256 indices, ascending with i: dense runs of 16 at every fourth bit position, so every level occurs. */
static inline uint64_t
rm_idx(unsigned i)
{
	uint64_t base = i / 16 == 0 ? 0 : (uint64_t)1 << (i / 16 * 4);

	return i / 16 == 15 ? UINT64_MAX - 15 + i % 16 : base + i % 16;
}

static inline void
rm_start(struct radix_model *m)
{
	memset(m, 0, sizeof(*m));
	tess_radix_init(&m->r);
}

static inline void
rm_compare_at(const struct radix_model *m, unsigned i)
{
	uint64_t idx = rm_idx(i), end = rm_idx((i * 7 + 3) % RM_KEYS);
	unsigned next = i;
	void *p;

	tess_rcu_enter();
	index_must(tess_radix_lookup_rcu(&m->r, idx) == m->ptr[i]);
	index_must(tess_radix_lookup_rcu(&m->r, idx + 16) == NULL || i / 16 == 0 || i >= 240);
	while (next < RM_KEYS && (m->ptr[next] == NULL || rm_idx(next) >= end))
		next++;
	p = tess_radix_next_rcu(&m->r, &idx, end);
	index_must(p == (next < RM_KEYS ? m->ptr[next] : NULL));
	index_must(p == NULL || idx == rm_idx(next));
	tess_rcu_exit();
}

static inline void
rm_step(struct radix_model *m, struct im_stream *s)
{
	uint64_t what = s->next(s);
	unsigned i = (unsigned)(s->next(s) % RM_KEYS);
	void *p = &m->state[(what >> 8) % RM_KEYS], *was = m->ptr[i];
	enum tess_err err = TESS_OK;

	if ((what & 0x60) == 0x60)
		unit_fail_nth(UNIT_SITE(TESS_SITE_POOL), 1 + s->next(s) % 3);
	switch (what % 4) {
	case 0:
		err = tess_radix_insert(&m->r, rm_idx(i), p);
		index_must(err == TESS_OK || m->state[i] == 0); /* reserved: cannot fail */
		if (err == TESS_OK) {
			m->count += m->state[i] != 2;
			m->state[i] = 2;
			m->ptr[i] = p;
		}
		break;
	case 1:
		err = tess_radix_reserve(&m->r, rm_idx(i));
		if (err == TESS_OK && m->state[i] == 0)
			m->state[i] = 1;
		break;
	case 2:
		index_must(tess_radix_remove(&m->r, rm_idx(i)) == was);
		m->count -= was != NULL;
		m->state[i] = 0;
		m->ptr[i] = NULL;
		break;
	default:
		rm_compare_at(m, i);
		break;
	}
	index_must(err == TESS_OK || (err == TESS_ENOMEM && (what & 0x60) == 0x60));
	unit_fail_nth(0, 0);
	index_must(tess_radix_check(&m->r) == m->count);
	rm_compare_at(m, i);
	tess_rcu_poll();
}

static inline void
rm_stop(struct radix_model *m)
{
	for (unsigned i = 0; i < RM_KEYS; i++) {
		if (m->state[i] == 2)
			index_must(tess_radix_remove(&m->r, rm_idx(i)) == m->ptr[i]);
	}
	tess_radix_fini(&m->r); /* with reservations left */
}

#endif
