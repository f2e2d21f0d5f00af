/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * amap_share.c: one anon in several places: fork, move, and the coverage of shared amaps.
 */
#include "anon_priv.h"

/* ---- fork ---- */

/* fork_share: the whole of locked chunk c also in `to`.  false: no memory. */
static bool
fork_share(struct tess_amap_fork *f, struct tess_chunk *c)
{
	TESS_HELD(&c->lock);
	if (tess_amap_set_chunk(f->to, f->chunk, c) != TESS_OK)
		return false;
	c->refs++;
	return true;
}

/* fork_copy: the anons of c under the mask in a chunk of the child's own.  false: no memory. */
static bool
fork_copy(struct tess_amap_fork *f, struct tess_chunk *c) TESS_NO_ANALYSIS
{
	struct tess_chunk *copy = tess_chunk_new();

	if (copy == NULL)
		return false;
	if (tess_amap_set_chunk(f->to, f->chunk, copy) != TESS_OK) {
		copy->refs = 0;
		tess_chunk_release(copy);
		return false;
	}
	tess_spin_lock(&copy->lock, TESS_RANK_CHUNK2);
	tess_chunk_copy_bits(copy, c, f->mask);
	tess_spin_unlock(&copy->lock, TESS_RANK_CHUNK2);
	return true;
}

/* fork_flush: the collected mask of one chunk is complete: share or copy. */
static enum tess_err
fork_flush(struct tess_amap_fork *f)
{
	uint64_t inside = 0, outside = 0;
	struct tess_chunk *c;
	bool ok = true;

	if (!f->open)
		return TESS_OK;
	f->open = false;
	c = tess_chunk_lock_at(f->from, f->chunk, TESS_RANK_CHUNK);
	if (c == NULL)
		return TESS_OK;
	for (unsigned i = 0; i < TESS_CHUNK_WORDS; i++) {
		inside |= c->bits[i] & f->mask[i];
		outside |= c->bits[i] & ~f->mask[i];
	}
	if (inside != 0)
		ok = outside == 0 ? fork_share(f, c) : fork_copy(f, c);
	tess_chunk_unlock(c);
	return ok ? TESS_OK : TESS_ENOMEM;
}

enum tess_err
tess_amap_fork_add(struct tess_amap_fork *f, tess_idx idx, uint64_t n)
{
	tess_idx end = idx + n;

	while (idx < end) {
		tess_idx chunk = idx >> TESS_CHUNK_SHIFT;
		struct tess_window w;

		if (!f->open || f->chunk != chunk) {
			enum tess_err e = fork_flush(f);

			if (e != TESS_OK)
				return e;
			if (tess_radix_next_rcu(&f->from->chunks, &chunk,
						(end + TESS_CHUNK_SLOTS - 1) >> TESS_CHUNK_SHIFT) ==
			    NULL)
				return TESS_OK;
			if (chunk << TESS_CHUNK_SHIFT > idx)
				idx = chunk << TESS_CHUNK_SHIFT;
			f->open = true;
			f->chunk = chunk;
			memset(f->mask, 0, sizeof(f->mask));
		}
		w = tess_window_at(idx, end);
		for (unsigned i = 0; i < TESS_CHUNK_WORDS; i++)
			f->mask[i] |= tess_window_word(w, i);
		idx = (chunk + 1) << TESS_CHUNK_SHIFT;
	}
	return TESS_OK;
}

enum tess_err
tess_amap_fork_end(struct tess_amap_fork *f)
{
	return fork_flush(f);
}

enum tess_err
tess_amap_copy(struct tess_amap *from, tess_idx from_idx, struct tess_amap *to, tess_idx to_idx,
	       uint64_t n)
{
	for (tess_idx i = from_idx; tess_amap_next(from, &i, from_idx + n) != NULL; i++) {
		struct tess_chunk *c, *source;
		struct tess_anon *an;
		enum tess_step step =
		    tess_chunk_lock(to, i - from_idx + to_idx, TESS_CHUNK_WRITE, &c);

		if (step != TESS_DONE)
			return TESS_ENOMEM;
		tess_chunk_unlock(c);
		/* The slot may have changed since it was seen: take what is there under its lock. */
		source = tess_chunk_lock_at(from, i >> TESS_CHUNK_SHIFT, TESS_RANK_CHUNK);
		an = source != NULL ? tess_chunk_get(source, i) : NULL;
		if (an != NULL)
			tess_add_relaxed(&an->refs, 1);
		if (source != NULL)
			tess_chunk_unlock(source);
		if (an == NULL)
			continue;
		c = tess_chunk_lock_at(to, (i - from_idx + to_idx) >> TESS_CHUNK_SHIFT,
				       TESS_RANK_CHUNK);
		tess_chunk_put(c, i - from_idx + to_idx, an);
		tess_chunk_unlock(c);
	}
	return TESS_OK;
}

/* ---- move ---- */

enum tess_err
tess_amap_move_prepare(struct tess_amap *from, tess_idx from_idx, struct tess_amap *to,
		       tess_idx to_idx, uint64_t n)
{
	tess_idx end = from_idx + n;

	/* A fault that found the entry not held yet puts its chunk in under this lock; whoever
	 * comes after it sees that the entry is held (pairs with chunk_create()). */
	tess_spin_lock(&from->lock, TESS_RANK_AMAP);
	tess_spin_unlock(&from->lock, TESS_RANK_AMAP);
	for (tess_idx i = from_idx; tess_amap_next(from, &i, end) != NULL; i++) {
		struct tess_chunk *c;

		if (tess_chunk_lock(from, i, TESS_CHUNK_WRITE, &c) != TESS_DONE)
			return TESS_ENOMEM;
		tess_chunk_unlock(c);
		if (tess_chunk_lock(to, i - from_idx + to_idx, TESS_CHUNK_WRITE, &c) != TESS_DONE)
			return TESS_ENOMEM;
		tess_chunk_unlock(c);
	}
	return TESS_OK;
}

void
tess_amap_move(struct tess_amap *from, tess_idx from_idx, struct tess_amap *to, tess_idx to_idx,
	       uint64_t n)
{
	tess_idx end = from_idx + n;

	for (tess_idx i = from_idx; tess_amap_next(from, &i, end) != NULL; i++) {
		tess_idx t = i - from_idx + to_idx;
		struct tess_chunk *c =
		    tess_chunk_lock_at(from, i >> TESS_CHUNK_SHIFT, TESS_RANK_CHUNK);
		struct tess_anon *an = tess_chunk_take(c, i);

		/* Nobody else reaches either slot now, so the anon may be in neither for a moment. */
		tess_chunk_unlock(c);
		c = tess_chunk_lock_at(to, t >> TESS_CHUNK_SHIFT, TESS_RANK_CHUNK);
		tess_chunk_put(c, t, an);
		tess_chunk_unlock(c);
	}
}

/* ---- coverage ---- */

void
tess_cover_begin(struct tess_cover *v) TESS_NO_ANALYSIS
{
	v->spare = NULL;
	v->held = true;
	tess_mutex_lock(&tess_machine()->anon->cover, TESS_RANK_SHARED);
}

enum tess_err
tess_cover_prepare(struct tess_cover *v, struct tess_amap *am, tess_idx idx, uint64_t n)
{
	struct tess_chunk *c;

	for (int i = 0; i < 3; i++) {
		struct tess_run *r = tess_pool_get(&tess_machine()->anon->runs);

		if (r == NULL)
			return TESS_ENOMEM;
		r->next = v->spare;
		v->spare = r;
	}
	/* drop wipes run by run, so a chunk wholly in the window may still be cut: all private. */
	for (tess_idx i = idx; tess_amap_next(am, &i, idx + n) != NULL;
	     i |= TESS_CHUNK_SLOTS - 1, i++) {
		if (tess_chunk_lock(am, i, TESS_CHUNK_WRITE, &c) != TESS_DONE)
			return TESS_ENOMEM;
		tess_chunk_unlock(c);
	}
	return TESS_OK;
}

bool
tess_cover_any(const struct tess_amap *am, tess_idx idx, uint64_t n)
{
	for (const struct tess_run *r = am->runs; r != NULL; r = r->next)
		if (r->start < idx + n && idx < r->start + r->n)
			return true;
	return false;
}

static struct tess_run *
cover_take(struct tess_cover *v)
{
	struct tess_run **from = v->spare != NULL ? &v->spare : &tess_machine()->anon->reserve;
	struct tess_run *r = *from;

	TESS_ASSERT(r != NULL);
	*from = r->next;
	return r;
}

/* cover_split: make `at` an edge of every run that contains it. */
static void
cover_split(struct tess_cover *v, struct tess_amap *am, tess_idx at)
{
	for (struct tess_run *r = am->runs; r != NULL; r = r->next)
		if (at > r->start && at < r->start + r->n) {
			struct tess_run *right = cover_take(v);

			right->start = at;
			right->n = r->start + r->n - at;
			right->refs = r->refs;
			right->next = r->next;
			r->n = at - r->start;
			r->next = right;
			return;
		}
}

/* cover_join: merge equal neighbours, so that runs do not grow without bound. */
static void
cover_join(struct tess_cover *v, struct tess_amap *am)
{
	for (struct tess_run *r = am->runs; r != NULL && r->next != NULL;) {
		struct tess_run *next = r->next;

		if (next->start != r->start + r->n || next->refs != r->refs) {
			r = next;
			continue;
		}
		r->n += next->n;
		r->next = next->next;
		next->next = v->spare;
		v->spare = next;
	}
}

/*
 * tess_cover_add: covered parts of the window count one more; the uncovered part becomes a run.
 *
 * => the uncovered part of a window is one piece: entries cover whole runs or new ground
 */
void
tess_cover_add(struct tess_cover *v, struct tess_amap *am, tess_idx idx, uint64_t n)
{
	struct tess_run **at = &am->runs;
	tess_idx pos = idx, end = idx + n;

	cover_split(v, am, idx);
	cover_split(v, am, end);
	while (pos < end) {
		struct tess_run *r = *at;

		if (r != NULL && r->start < pos) {
			at = &r->next;
			continue;
		}
		if (r != NULL && r->start == pos) {
			r->refs++;
		} else {
			tess_idx stop = r != NULL && r->start < end ? r->start : end;
			struct tess_run *fresh = cover_take(v);

			*fresh =
			    (struct tess_run){.start = pos, .n = stop - pos, .refs = 1, .next = r};
			*at = r = fresh;
		}
		pos = r->start + r->n;
		at = &r->next;
	}
	cover_join(v, am);
}

void
tess_cover_drop(struct tess_cover *v, struct tess_amap *am, tess_idx idx, uint64_t n,
		struct tess_gather *g)
{
	struct tess_run **at = &am->runs;
	tess_idx end = idx + n;

	cover_split(v, am, idx);
	cover_split(v, am, end);
	while (*at != NULL) {
		struct tess_run *r = *at;

		if (r->start < idx || r->start >= end || --r->refs > 0) {
			at = &r->next;
			continue;
		}
		tess_amap_wipe(am, r->start, r->n, TESS_WIPE_RELEASE, g);
		*at = r->next;
		r->next = v->spare;
		v->spare = r;
	}
	cover_join(v, am);
	if (am->runs == NULL)
		tess_amap_destroy(am, g);
}

void
tess_cover_end(struct tess_cover *v) TESS_NO_ANALYSIS
{
	struct tess_anon_room *room = tess_machine()->anon;
	unsigned reserved = 0;

	for (struct tess_run *r = room->reserve; r != NULL; r = r->next)
		reserved++;
	while (v->spare != NULL) {
		struct tess_run *r = v->spare;

		v->spare = r->next;
		if (reserved < TESS_RUNS_RESERVED) {
			r->next = room->reserve;
			room->reserve = r;
			reserved++;
		} else {
			tess_pool_put(&room->runs, r);
		}
	}
	v->held = false;
	tess_mutex_unlock(&tess_machine()->anon->cover, TESS_RANK_SHARED);
}
