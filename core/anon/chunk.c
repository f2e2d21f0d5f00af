/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * chunk.c: 512 slots under one lock, and finding the right one without a lock.
 *
 * A chunk is found by a radix read under RCU, locked, and then the radix is read again: if the
 * amap meanwhile got another chunk there (a private copy, or none), the lock is dropped and the
 * search starts over.  The slots frame is touched only under the lock after that second look, so
 * it can be freed at once when the last amap lets go; the chunk itself waits for a grace period.
 *
 * While refs > 1 several amaps read the same slots, and nobody may change them.  Going from 1 to 2 needs
 * the chunk's lock and the map lock of an amap that holds it (fork), so the one holder of a
 * private chunk's lock may rely on it staying private.
 */
#include "anon_priv.h"
#include "bits.h"

struct tess_chunk *
tess_chunk_new(void)
{
	struct tess_pool *pool = &tess_machine()->anon->chunks;
	struct tess_chunk *c = tess_pool_get(pool);
	struct tess_page *pg;

	if (c == NULL)
		return NULL;
	pg = tess_page_alloc(TESS_FILL_ZERO, TESS_SITE_PAGE);
	if (pg == NULL) {
		tess_pool_put(pool, c);
		return NULL;
	}
	pg->owner = c;
	tess_page_set_state(pg, TESS_PAGE_SLAB);
	tess_spin_init(&c->lock);
	c->refs = 1;
	c->used = 0;
	c->slots = tess_page_data(pg);
	memset(c->bits, 0, sizeof(c->bits));
	return c;
}

static void
chunk_free_rcu(struct tess_rcu_head *head)
{
	tess_pool_put(&tess_machine()->anon->chunks, TESS_CONTAINER(head, struct tess_chunk, rcu));
}

void
tess_chunk_release(struct tess_chunk *c)
{
	TESS_ASSERT(c->refs == 0 && c->used == 0);
	tess_page_free(tess_page_of(tess_port_direct_pa(c->slots)));
	tess_rcu_defer(&c->rcu, chunk_free_rcu);
}

void
tess_chunk_put(struct tess_chunk *c, tess_idx idx, struct tess_anon *an)
{
	unsigned i = idx & (TESS_CHUNK_SLOTS - 1);

	TESS_HELD(&c->lock);
	TESS_ASSERT(c->refs == 1 && c->slots->anon[i] == NULL);
	c->slots->anon[i] = an;
	c->bits[i / 64] |= (uint64_t)1 << i % 64;
	c->used++;
}

struct tess_anon *
tess_chunk_replace(struct tess_chunk *c, tess_idx idx, struct tess_anon *an)
{
	unsigned i = idx & (TESS_CHUNK_SLOTS - 1);
	struct tess_anon *old = c->slots->anon[i];

	TESS_HELD(&c->lock);
	TESS_ASSERT(c->refs == 1 && old != NULL);
	c->slots->anon[i] = an;
	return old;
}

struct tess_anon *
tess_chunk_take(struct tess_chunk *c, tess_idx idx)
{
	unsigned i = idx & (TESS_CHUNK_SLOTS - 1);
	struct tess_anon *old = c->slots->anon[i];

	TESS_HELD(&c->lock);
	TESS_ASSERT(c->refs == 1 && old != NULL);
	c->slots->anon[i] = NULL;
	c->bits[i / 64] &= ~((uint64_t)1 << i % 64);
	c->used--;
	return old;
}

void
tess_chunk_copy_bits(struct tess_chunk *to, const struct tess_chunk *from,
		     const uint64_t mask[TESS_CHUNK_WORDS])
{
	for (unsigned w = 0; w < TESS_CHUNK_WORDS; w++)
		for (uint64_t b = from->bits[w] & mask[w]; b != 0; b &= b - 1) {
			unsigned i = w * 64 + (unsigned)__builtin_ctzll(b);
			struct tess_anon *an = from->slots->anon[i];

			tess_add_relaxed(&an->refs, 1); /* from's lock holds it alive */
			tess_chunk_put(to, i, an);
		}
}

void
tess_chunk_free_bits(struct tess_chunk *c, const uint64_t mask[TESS_CHUNK_WORDS],
		     struct tess_gather *g)
{
	for (unsigned w = 0; w < TESS_CHUNK_WORDS; w++) {
		uint64_t gone = c->bits[w] & mask[w];

		for (uint64_t b = gone; b != 0; b &= b - 1) {
			unsigned i = w * 64 + (unsigned)__builtin_ctzll(b);

			tess_anon_unref(c->slots->anon[i], g);
			c->slots->anon[i] = NULL;
		}
		c->bits[w] &= ~gone;
		c->used -= tess_bits_count(gone);
	}
}

enum tess_err
tess_amap_set_chunk(struct tess_amap *am, tess_idx chunk, struct tess_chunk *c)
{
	enum tess_err e = TESS_OK;

	tess_spin_lock(&am->lock, TESS_RANK_AMAP);
	if (c != NULL)
		e = tess_radix_insert(&am->chunks, chunk, c);
	else
		tess_radix_remove(&am->chunks, chunk);
	tess_spin_unlock(&am->lock, TESS_RANK_AMAP);
	return e;
}

struct tess_chunk *
tess_chunk_lock_at(struct tess_amap *am, tess_idx chunk, enum tess_rank rank) TESS_NO_ANALYSIS
{
	struct tess_chunk *c;

	while ((c = tess_radix_lookup_rcu(&am->chunks, chunk)) != NULL) {
		tess_spin_lock(&c->lock, rank);
		if (TESS_LIKELY(tess_radix_lookup_rcu(&am->chunks, chunk) == c))
			return c;
		tess_spin_unlock(&c->lock, rank);
	}
	return NULL;
}

/* chunk_create: put a new chunk where none is; somebody else's is as good.  false: no memory, or dying. */
static bool
chunk_create(struct tess_amap *am, tess_idx chunk)
{
	struct tess_chunk *c = tess_chunk_new();
	bool mine = false, there;

	if (c == NULL)
		return false;
	tess_spin_lock(&am->lock, TESS_RANK_AMAP);
	there = tess_radix_lookup_rcu(&am->chunks, chunk) != NULL;
	if (!there && !am->dying)
		mine = there = tess_radix_insert(&am->chunks, chunk, c) == TESS_OK;
	tess_spin_unlock(&am->lock, TESS_RANK_AMAP);
	if (!mine) {
		c->refs = 0;
		tess_chunk_release(c);
	}
	return there;
}

/*
 * chunk_unshare: am gets its own copy of shared chunk c, which is locked; the copy comes back locked,
 * c unlocked.  NULL: no memory, c still locked.
 */
static struct tess_chunk *
chunk_unshare(struct tess_amap *am, tess_idx chunk, struct tess_chunk *c) TESS_NO_ANALYSIS
{
	struct tess_chunk *copy = tess_chunk_new();
	enum tess_err e;

	if (copy == NULL)
		return NULL;
	tess_spin_lock(&copy->lock, TESS_RANK_CHUNK2);
	tess_chunk_copy_bits(copy, c, c->bits);
	e = tess_amap_set_chunk(am, chunk, copy);
	TESS_ASSERT(e == TESS_OK); /* the radix path is there: it held c */
	c->refs--;
	tess_spin_unlock(&c->lock, TESS_RANK_CHUNK);
	TESS_RANK_POP(TESS_RANK_CHUNK2, &copy->lock); /* still held: from here on as the only one */
	TESS_RANK_PUSH(TESS_RANK_CHUNK, &copy->lock);
	return copy;
}

enum tess_step
tess_chunk_lock(struct tess_amap *am, tess_idx idx, enum tess_chunk_want want,
		struct tess_chunk **out) TESS_NO_ANALYSIS
{
	tess_idx chunk = idx >> TESS_CHUNK_SHIFT;
	struct tess_chunk *c, *mine;

	for (;;) {
		c = tess_chunk_lock_at(am, chunk, TESS_RANK_CHUNK);
		if (want == TESS_CHUNK_LOOK || (c != NULL && c->refs == 1))
			break;
		if (c == NULL) {
			if (!chunk_create(am, chunk))
				return TESS_FAIL;
			continue;
		}
		mine = chunk_unshare(am, chunk, c);
		if (mine == NULL) {
			tess_spin_unlock(&c->lock, TESS_RANK_CHUNK);
			return TESS_FAIL;
		}
		c = mine;
		break;
	}
	*out = c;
	return TESS_DONE;
}

void
tess_chunk_unlock(struct tess_chunk *c) TESS_NO_ANALYSIS
{
	tess_spin_unlock(&c->lock, TESS_RANK_CHUNK);
}
