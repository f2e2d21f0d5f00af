/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * amap.c: life of an amap; emptying and counting windows of slots.
 *
 * A shared amap has a page of zeros of its own.  When one map puts an anon where others read zeros, their
 * translations must go, and the machine's zero page does not remember who translates to it.
 *
 * WIPE.  A window is emptied chunk by chunk.  A chunk with no occupied slot outside the window leaves
 * the amap whole (refs - 1; the last holder frees the anons); any other must be private, which
 * prepare saw to, and loses the slots inside.
 *
 * Between prepare and wipe faults may still add anons next to the window.  That cannot make wipe
 * fail: adding needs a private chunk, and a private chunk stays private, because only a fork of
 * this map shares it and the map's writer lock is held.
 */
#include "anon_priv.h"
#include "bits.h"

enum tess_err
tess_amap_create(bool shared, struct tess_amap **out)
{
	struct tess_amap *am = tess_pool_get(&tess_machine()->anon->amaps);

	if (am == NULL)
		return TESS_ENOMEM;
	tess_spin_init(&am->lock);
	am->shared = shared;
	am->dying = false;
	tess_radix_init(&am->chunks);
	am->runs = NULL;
	am->refs = 1;
	am->zero = tess_zero_page();
	if (shared && (am->zero = tess_page_alloc(TESS_FILL_ZERO, TESS_SITE_PAGE)) == NULL) {
		tess_pool_put(&tess_machine()->anon->amaps, am);
		return TESS_ENOMEM;
	}
	*out = am;
	return TESS_OK;
}

static void
amap_free_rcu(struct tess_rcu_head *head)
{
	tess_pool_put(&tess_machine()->anon->amaps, TESS_CONTAINER(head, struct tess_amap, rcu));
}

void
tess_amap_ref(struct tess_amap *am)
{
	tess_add_relaxed(&am->refs, 1);
}

void
tess_amap_unref(struct tess_amap *am)
{
	if (tess_sub_acqrel(&am->refs, 1) == 1)
		tess_rcu_defer(&am->rcu, amap_free_rcu);
}

void
tess_amap_destroy(struct tess_amap *am, struct tess_gather *g)
{
	TESS_ASSERT(am->runs == NULL);
	/* A fault that read its entry before may still come; what it put in would never go. */
	tess_spin_lock(&am->lock, TESS_RANK_AMAP);
	am->dying = true;
	tess_spin_unlock(&am->lock, TESS_RANK_AMAP);
	tess_amap_wipe(am, 0, (uint64_t)1 << 60, TESS_WIPE_RELEASE, g);
	if (am->shared)
		tess_gather_frame(g, am->zero);
	tess_radix_fini(&am->chunks);
	tess_amap_unref(am);
}

/* amap_window_next: the next chunk at or after *idx, below end, and the window's part of it. */
static bool
amap_window_next(struct tess_amap *am, tess_idx *idx, tess_idx end, struct tess_window *w)
{
	tess_idx chunk = *idx >> TESS_CHUNK_SHIFT;
	tess_idx last = (end + TESS_CHUNK_SLOTS - 1) >> TESS_CHUNK_SHIFT;
	struct tess_chunk *c;

	if (*idx >= end)
		return false;
	c = tess_radix_next_rcu(&am->chunks, &chunk, last);
	if (c == NULL)
		return false;
	if (chunk != *idx >> TESS_CHUNK_SHIFT)
		*idx = chunk << TESS_CHUNK_SHIFT;
	*w = tess_window_at(*idx, end);
	*idx = (chunk + 1) << TESS_CHUNK_SHIFT;
	return true;
}

/* window_mask: the window as a bitmap; true when `c` has occupied slots outside it. */
static bool
window_mask(const struct tess_chunk *c, struct tess_window w, uint64_t mask[TESS_CHUNK_WORDS])
{
	uint64_t outside = 0;

	for (unsigned i = 0; i < TESS_CHUNK_WORDS; i++) {
		mask[i] = tess_window_word(w, i);
		outside |= c->bits[i] & ~mask[i];
	}
	return outside != 0;
}

enum tess_err
tess_amap_wipe_prepare(struct tess_amap *am, tess_idx idx, uint64_t n)
{
	uint64_t mask[TESS_CHUNK_WORDS];
	tess_idx end = idx + n;
	struct tess_window w;

	while (amap_window_next(am, &idx, end, &w)) {
		struct tess_chunk *c = tess_chunk_lock_at(am, w.chunk, TESS_RANK_CHUNK);
		bool unshare;

		if (c == NULL)
			continue;
		unshare = window_mask(c, w, mask) && c->refs > 1;
		tess_chunk_unlock(c);
		if (!unshare)
			continue;
		if (tess_chunk_lock(am, w.chunk << TESS_CHUNK_SHIFT, TESS_CHUNK_WRITE, &c) !=
		    TESS_DONE)
			return TESS_ENOMEM;
		tess_chunk_unlock(c);
	}
	return TESS_OK;
}

/*
 * wipe_one: one locked chunk loses the slots of w; unlocks it.
 *
 * => a shared chunk that is only partly inside keeps its slots: prepare made it private, or exit
 *    went on without memory, and then they go with the amap
 */
static void
wipe_one(struct tess_amap *am, struct tess_chunk *c, struct tess_window w, enum tess_wipe how,
	 struct tess_gather *g) TESS_NO_ANALYSIS
{
	uint64_t mask[TESS_CHUNK_WORDS];
	bool outside = window_mask(c, w, mask), last = false;

	if (c->refs == 1 && (outside || how == TESS_WIPE_KEEP)) {
		tess_chunk_free_bits(c, mask, g);
	} else if (!outside) {
		enum tess_err e = tess_amap_set_chunk(am, w.chunk, NULL);

		TESS_ASSERT(e == TESS_OK);
		last = --c->refs == 0;
		if (last)
			tess_chunk_free_bits(c, mask, g);
	}
	tess_chunk_unlock(c);
	if (last)
		tess_chunk_release(c);
}

void
tess_amap_wipe(struct tess_amap *am, tess_idx idx, uint64_t n, enum tess_wipe how,
	       struct tess_gather *g)
{
	tess_idx end = idx + n;
	struct tess_window w;

	while (amap_window_next(am, &idx, end, &w)) {
		struct tess_chunk *c = tess_chunk_lock_at(am, w.chunk, TESS_RANK_CHUNK);

		if (c != NULL)
			wipe_one(am, c, w, how, g);
	}
}

/* unmap_shared: every map's translations of the window's pages. */
static void
unmap_shared(const struct tess_chunk *c, struct tess_window w, struct tess_gather *g)
{
	for (unsigned i = 0; i < TESS_CHUNK_WORDS; i++)
		for (uint64_t b = c->bits[i] & tess_window_word(w, i); b != 0; b &= b - 1)
			tess_page_protect(
			    c->slots->anon[i * 64 + (unsigned)__builtin_ctzll(b)]->page,
			    TESS_PROT_NONE, g);
}

void
tess_amap_discard(struct tess_amap *am, tess_idx idx, uint64_t n, struct tess_pmap *pm, tess_va va,
		  struct tess_gather *g)
{
	tess_idx end = idx + n, at = idx;
	struct tess_window w;

	while (amap_window_next(am, &at, end, &w)) {
		struct tess_chunk *c = tess_chunk_lock_at(am, w.chunk, TESS_RANK_CHUNK);
		tess_idx first = (w.chunk << TESS_CHUNK_SHIFT) + w.first;
		tess_va from = va + ((first - idx) << TESS_PAGE_SHIFT);

		if (c == NULL)
			continue;
		tess_pmap_remove(pm, from, from + ((tess_va)(w.end - w.first) << TESS_PAGE_SHIFT),
				 g);
		if (am->shared)
			unmap_shared(c, w, g);
		wipe_one(am, c, w, TESS_WIPE_RELEASE, g);
	}
}

uint64_t
tess_amap_count(struct tess_amap *am, tess_idx idx, uint64_t n)
{
	tess_idx end = idx + n;
	uint64_t count = 0;
	struct tess_window w;

	tess_rcu_enter();
	while (amap_window_next(am, &idx, end, &w)) {
		struct tess_chunk *c = tess_chunk_lock_at(am, w.chunk, TESS_RANK_CHUNK);

		if (c == NULL)
			continue;
		for (unsigned i = 0; i < TESS_CHUNK_WORDS; i++)
			count += tess_bits_count(c->bits[i] & tess_window_word(w, i));
		tess_chunk_unlock(c);
	}
	tess_rcu_exit();
	return count;
}

struct tess_anon *
tess_amap_next(struct tess_amap *am, tess_idx *idx, tess_idx end)
{
	struct tess_anon *an = NULL;
	tess_idx at = *idx;
	struct tess_window w;

	while (an == NULL && amap_window_next(am, &at, end, &w)) {
		struct tess_chunk *c = tess_chunk_lock_at(am, w.chunk, TESS_RANK_CHUNK);

		if (c == NULL)
			continue;
		for (unsigned i = 0; i < TESS_CHUNK_WORDS && an == NULL; i++) {
			uint64_t b = c->bits[i] & tess_window_word(w, i);

			if (b == 0)
				continue;
			*idx =
			    (w.chunk << TESS_CHUNK_SHIFT) + i * 64 + (unsigned)__builtin_ctzll(b);
			an = tess_chunk_get(c, *idx);
		}
		tess_chunk_unlock(c);
	}
	return an;
}

/* chunk_check: I-AMAP-1..3 of one chunk. */
static void
chunk_check(const struct tess_chunk *c)
{
	uint32_t used = 0;

	TESS_ASSERT(c->refs >= 1); /* I-AMAP-3 */
	for (unsigned i = 0; i < TESS_CHUNK_SLOTS; i++) {
		const struct tess_anon *an = c->slots->anon[i];

		TESS_ASSERT((an != NULL) == (bool)(c->bits[i / 64] >> i % 64 & 1)); /* I-AMAP-1 */
		if (an == NULL)
			continue;
		used++;
		TESS_ASSERT(an->refs >= 1 && an->page->state == TESS_PAGE_ANON &&
			    an->page->owner == an); /* I-AMAP-2 */
	}
	TESS_ASSERT(used == c->used); /* I-AMAP-1 */
}

static bool
runs_cover(const struct tess_amap *am, tess_idx idx)
{
	for (const struct tess_run *r = am->runs; r != NULL; r = r->next)
		if (idx >= r->start && idx < r->start + r->n)
			return true;
	return false;
}

void
tess_amap_check(struct tess_amap *am)
{
	const struct tess_chunk *c;

	tess_radix_check(&am->chunks);
	for (tess_idx i = 0; (c = tess_radix_next_rcu(&am->chunks, &i, (uint64_t)1 << 52)); i++)
		chunk_check(c);
	TESS_ASSERT(am->shared || am->runs == NULL); /* I-AMAP-4 */
	for (const struct tess_run *r = am->runs; r != NULL; r = r->next) {
		TESS_ASSERT(r->n > 0 && r->refs > 0); /* I-AMAP-4 */
		TESS_ASSERT(r->next == NULL || r->next->start >= r->start + r->n);
	}
	if (!am->shared)
		return;
	for (tess_idx i = 0; tess_amap_next(am, &i, (uint64_t)1 << 60) != NULL; i++)
		TESS_ASSERT(runs_cover(am, i)); /* I-AMAP-5 */
}
