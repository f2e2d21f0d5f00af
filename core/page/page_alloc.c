/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * page_alloc.c: frames out of and into CPU caches, their domains, and each other's caches.
 *
 *	alloc: loaded ► previous ► own domain ► remote ► other domains ► other CPUs' caches ► NULL
 *	free:  loaded ► (full) previous ► (full) a batch to the domain;  of another domain: remote
 *
 * THE CACHE'S LOCK.  A CPU's cache is its own in all but name: a spin lock guards it, which only
 * a stealer ever contends for.  That costs one compare-and-swap on an owned line per call.  What
 * it buys is that memory is never lost in caches: the last free frame of a machine can be had by
 * any CPU.  Rejected: caches without a lock, drained by an interrupt to their owner.  A frame is
 * asked for with spin locks held, where no interrupt may be waited for.
 *
 * NULL MEANS NONE.  page_steal() is the last resort, one CPU at a time (rank STEAL).  It looks at
 * every domain and every cache, each under its lock.  A frame could slip through between two looks
 * only by moving, free, from a place not yet seen to a place already seen.  Free frames move
 *   - between a cache and a domain: `moves` of that domain is raised under its lock, and both
 *     locks are held.  Whichever of the two the stealer looks at second, it takes that lock after
 *     the mover released it, and so reads the raised `moves` at the end of its round: it repeats.
 *   - by another stealer: excluded.
 * So after a round with the same sum of `moves`, every frame was in use when, or after, its place
 * was looked at.  A repeated round means that another CPU got or gave a batch meanwhile: the loop
 * as a whole makes progress.
 *
 * The cache's lock ranks below the domain's, so that a refill holds both and no frame is ever
 * between two locks.  A batch is meant to be of one domain; after a shortage it may be mixed, which
 * does no harm, since each frame knows its own and goes home when it is next freed elsewhere.
 */
#include "page_priv.h"

/* ---- domains ---- */

/*
 * Up to a batch of free frames from domain `d`, used ones first.
 *
 * => locks: a cache's or none
 */
static struct page_chain
domain_take(struct tess_page_room *room, unsigned d)
{
	struct page_domain *dom = &room->domain[d];
	struct page_chain c = {NULL, 0};
	struct page_run run = {NULL, 0, 0};

	tess_spin_lock(&dom->lock, TESS_RANK_FREE);
	if (dom->batches != NULL) {
		c = (struct page_chain){dom->batches, PAGE_BATCH};
		dom->batches = dom->batches->batch;
		dom->nbatches--;
	} else if (dom->loose.n != 0) {
		while (c.n < PAGE_BATCH && dom->loose.n != 0)
			chain_push(&c, chain_pop(&dom->loose));
	} else {
		run = tess_page_run_take(room, d);
	}
	if (c.n != 0 || run.n != 0)
		dom->moves++;
	tess_spin_unlock(&dom->lock, TESS_RANK_FREE);
	return run.n != 0 ? tess_page_run_chain(&run) : c;
}

/* Give a full batch.  => locks: a cache's or none */
static void
domain_give(struct tess_page_room *room, unsigned d, struct tess_page *batch)
{
	struct page_domain *dom = &room->domain[d];

	tess_spin_lock(&dom->lock, TESS_RANK_FREE);
	batch->batch = dom->batches;
	dom->batches = batch;
	dom->nbatches++;
	dom->moves++;
	tess_spin_unlock(&dom->lock, TESS_RANK_FREE);
}

/* Give each frame of a chain to its own domain, one lock for each run of the same. */
static void
chain_home(struct tess_page_room *room, struct page_chain *c)
{
	while (c->n != 0) {
		unsigned d = c->first->domain;
		struct page_domain *dom = &room->domain[d];

		tess_spin_lock(&dom->lock, TESS_RANK_FREE);
		while (c->n != 0 && c->first->domain == d)
			chain_push(&dom->loose, chain_pop(c));
		dom->moves++;
		tess_spin_unlock(&dom->lock, TESS_RANK_FREE);
	}
}

/* ---- a CPU's cache ---- */

/*
 * The loaded chain is empty: find it another.  false: neither this cache nor a domain has any.
 *
 * => locks: the cache's
 */
static TESS_NOINLINE bool
cache_refill(struct tess_page_room *room, struct page_cache *k)
{
	if (k->previous != NULL) {
		k->loaded = (struct page_chain){k->previous, PAGE_BATCH};
		k->previous = NULL;
		return true;
	}
	k->loaded = domain_take(room, k->domain);
	if (k->loaded.n == 0) {
		k->loaded = k->remote;
		k->remote = (struct page_chain){NULL, 0};
	}
	for (unsigned i = 1; k->loaded.n == 0 && i < room->ndomains; i++)
		k->loaded = domain_take(room, (k->domain + i) % room->ndomains);
	return k->loaded.n != 0;
}

/* The loaded chain is full: set it aside.  => locks: the cache's */
static TESS_NOINLINE void
cache_spill(struct tess_page_room *room, struct page_cache *k)
{
	if (k->previous != NULL)
		domain_give(room, k->domain, k->previous);
	k->previous = k->loaded.first;
	k->loaded = (struct page_chain){NULL, 0};
}

/* A frame of another domain waits for company, then goes home.  => locks: the cache's */
static TESS_NOINLINE void
cache_put_remote(struct tess_page_room *room, struct page_cache *k, struct tess_page *pg)
{
	chain_push(&k->remote, pg);
	if (k->remote.n == PAGE_BATCH)
		chain_home(room, &k->remote);
}

/* Everything one cache can spare at once: its remote frames, its previous batch, or all loaded. */
static struct page_chain
cache_rob(struct page_cache *k)
{
	struct page_chain c = {NULL, 0};

	tess_spin_lock(&k->lock, TESS_RANK_CACHE);
	if (k->remote.n != 0) {
		c = k->remote;
		k->remote = (struct page_chain){NULL, 0};
	} else if (k->previous != NULL) {
		c = (struct page_chain){k->previous, PAGE_BATCH};
		k->previous = NULL;
	} else {
		c = k->loaded;
		k->loaded = (struct page_chain){NULL, 0};
	}
	tess_spin_unlock(&k->lock, TESS_RANK_CACHE);
	return c;
}

/* ---- the last resort ---- */

static uint64_t
moves_sum(const struct tess_page_room *room)
{
	uint64_t sum = 0;

	for (unsigned d = 0; d < room->ndomains; d++)
		sum += tess_load_relaxed(&room->domain[d].moves); /* ordered by the locks */
	return sum;
}

/* One look at every place.  => locks: steal */
static struct page_chain
steal_round(struct tess_page_room *room)
{
	struct page_chain c = {NULL, 0};

	for (unsigned d = 0; c.n == 0 && d < room->ndomains; d++)
		c = domain_take(room, d);
	for (unsigned i = 0; c.n == 0 && i < room->m->ncpu; i++)
		c = cache_rob(&room->cache[i]);
	return c;
}

/*
 * A frame from wherever there is one; its companions go to their domains, for whoever is next.
 * The head of this file argues that NULL means none.
 *
 * => locks: none of ours.  The balance is not counted yet
 */
static TESS_NOINLINE struct tess_page *
page_steal(struct tess_page_room *room)
{
	struct tess_page *pg = NULL;
	struct page_chain c;
	uint64_t moves;

	tess_spin_lock(&room->steal, TESS_RANK_STEAL);
	do {
		moves = moves_sum(room);
		c = steal_round(room);
	} while (c.n == 0 && moves != moves_sum(room));
	if (c.n != 0) {
		pg = chain_pop(&c);
		chain_home(room, &c);
	}
	tess_history("page steal", pg != NULL ? tess_page_pa(pg) : 0, moves, 0);
	tess_spin_unlock(&room->steal, TESS_RANK_STEAL);
	return pg;
}

/* ---- allocation ---- */

/* Count an allocation or a free where only the cache's lock lets us.  => locks: the cache's */
static inline void
cache_count(struct page_cache *k, enum tess_stat s)
{
	tess_store_relaxed(&k->stats[s], k->stats[s] + 1); /* read racily by tess_stat_get() */
}

/*
 * An allocated frame as its owner finds it.  wire, pv, count and level were clean when it was freed
 * or first used; pv_lock is left alone: see struct tess_page.
 */
static TESS_INLINE struct tess_page *
page_born(struct tess_page *pg)
{
	pg->owner = NULL;
	pg->idx = 0;
	tess_store_relaxed(&pg->attrs, 0);
	tess_page_set_state(pg, TESS_PAGE_ALLOC);
	tess_port_frame_alloc(tess_page_pa(pg));
	return pg;
}

/*
 * The loaded chain is empty.
 *
 * => locks: the cache's on entry, none at return
 */
static TESS_NOINLINE struct tess_page *
page_take_slow(struct tess_page_room *room, struct page_cache *k) TESS_RELEASES(&k->lock)
{
	struct tess_page *pg = NULL;

	if (cache_refill(room, k)) {
		pg = chain_pop(&k->loaded);
	} else {
		tess_spin_unlock(&k->lock, TESS_RANK_CACHE);
		pg = page_steal(room);
		tess_spin_lock(&k->lock, TESS_RANK_CACHE);
	}
	if (pg != NULL)
		cache_count(k, TESS_STAT_PAGE_ALLOC);
	tess_spin_unlock(&k->lock, TESS_RANK_CACHE);
	return pg != NULL ? page_born(pg) : NULL;
}

/*
 * The allocator without its injected failures: pools have asked tess_port_fail() already.
 *
 * The CPU's number is only a hint where to look: the lock makes any cache safe.
 */
static TESS_INLINE struct tess_page *
page_take(void)
{
	struct tess_page_room *room = tess_machine()->page;
	struct page_cache *k = &room->cache[tess_port_cpu()];
	struct tess_page *pg;

	tess_spin_lock(&k->lock, TESS_RANK_CACHE);
	if (TESS_UNLIKELY(k->loaded.first == NULL))
		return page_take_slow(room, k);
	pg = chain_pop(&k->loaded);
	cache_count(k, TESS_STAT_PAGE_ALLOC);
	tess_spin_unlock(&k->lock, TESS_RANK_CACHE);
	return page_born(pg);
}

struct tess_page *
tess_page_alloc(enum tess_page_fill fill, enum tess_site site)
{
	struct tess_page *pg;

	if (TESS_UNLIKELY(tess_port_fail(site)))
		return NULL;
	pg = page_take();
	if (fill == TESS_FILL_ZERO && pg != NULL)
		tess_port_page_clear(tess_page_data(pg));
	return pg;
}

static TESS_NORETURN TESS_NOINLINE void
page_free_panic(const struct tess_page *pg, const char *why)
{
	struct tess_line l;

	tess_line_init(&l);
	tess_line_str(&l, "page: freeing frame ");
	tess_line_hex(&l, tess_page_pa(pg));
	tess_line_str(&l, " (");
	tess_line_str(&l, tess_page_state_name((enum tess_page_state)pg->state));
	tess_line_str(&l, "): ");
	tess_line_str(&l, why);
	tess_panic(l.text);
}

/* What the caller of tess_page_free promised. */
static TESS_INLINE void
page_free_check(const struct tess_page *pg)
{
	if (TESS_UNLIKELY(tess_load_relaxed(&pg->state) == TESS_PAGE_FREE))
		page_free_panic(pg, "it is free already");
	if (TESS_UNLIKELY(pg->wire != 0))
		page_free_panic(pg, "it is wired");
	if (TESS_UNLIKELY((tess_load_relaxed(&pg->attrs) & TESS_PAGE_BUSY) != 0))
		page_free_panic(pg, "an I/O owns it");
	if (TESS_UNLIKELY(pg->pv.pmap != NULL || pg->pv.next != NULL))
		page_free_panic(pg, "it has a translation");
}

/* A PTE page kept other things where other frames keep translations. */
static inline void
page_forget_table(struct tess_page *pg)
{
	pg->pv = (struct tess_pv){NULL, 0, NULL};
	pg->count = 0;
	pg->level = 0;
}

void
tess_page_free(struct tess_page *pg)
{
	struct tess_page_room *room = tess_machine()->page;
	struct page_cache *k = &room->cache[tess_port_cpu()];

	if (pg->state == TESS_PAGE_TABLE)
		page_forget_table(pg);
	page_free_check(pg);
	tess_port_frame_free(tess_page_pa(pg));
	tess_page_set_state(pg, TESS_PAGE_FREE);
	tess_spin_lock(&k->lock, TESS_RANK_CACHE);
	if (TESS_UNLIKELY(pg->domain != k->domain)) {
		cache_put_remote(room, k, pg);
	} else {
		if (TESS_UNLIKELY(k->loaded.n >= PAGE_BATCH))
			cache_spill(room, k);
		chain_push(&k->loaded, pg);
	}
	cache_count(k, TESS_STAT_PAGE_FREE);
	tess_spin_unlock(&k->lock, TESS_RANK_CACHE);
}

/* ---- slabs ---- */

void *
tess_page_slab_get(void)
{
	struct tess_page *pg = page_take();

	if (pg == NULL)
		return NULL;
	tess_page_set_state(pg, TESS_PAGE_SLAB);
	return tess_page_data(pg);
}

void
tess_page_slab_put(void *frame)
{
	struct tess_page *pg = tess_page_of(tess_port_direct_pa(frame));

	TESS_ASSERT(pg != NULL && pg->state == TESS_PAGE_SLAB);
	tess_page_free(pg);
}
