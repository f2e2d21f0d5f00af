/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * page_check.c: count frames by state, and hold lists against states.
 *
 * Both walk struct tess_pages from the lowest frame ever used to the end of each range; never-used
 * frames and metadata are counted by arithmetic.
 *
 *	I-PAGE-1  a used frame's struct tess_page names its own frame and domain, and a legal state
 *	I-PAGE-2  every frame on a list is FREE, unwired, not busy, and without a translation
 *	I-PAGE-3  chains are as long as their counts; batches are exactly PAGE_BATCH long
 *	I-PAGE-4  the FREE frames are exactly those on domains' lists and in caches
 *	I-PAGE-5  allocations minus frees of all CPUs are the used frames that are not FREE
 */
#include "page_priv.h"

static const char *const state_names[TESS_PAGE_STATES] = {
    [TESS_PAGE_FREE] = "free",   [TESS_PAGE_ALLOC] = "alloc", [TESS_PAGE_SLAB] = "slab",
    [TESS_PAGE_TABLE] = "table", [TESS_PAGE_ANON] = "anon",   [TESS_PAGE_OBJECT] = "object",
    [TESS_PAGE_ZERO] = "zero",
};

const char *
tess_page_state_name(enum tess_page_state s)
{
	return (unsigned)s < TESS_PAGE_STATES ? state_names[s] : "?";
}

/* ---- counting ---- */

static uint64_t
cached_count(const struct tess_page_room *room)
{
	uint64_t n = 0;

	for (unsigned i = 0; i < room->m->ncpu; i++) {
		const struct page_cache *k = &room->cache[i];

		n += k->loaded.n + k->remote.n + (k->previous != NULL ? PAGE_BATCH : 0);
	}
	return n;
}

static uint64_t
listed_count(const struct tess_page_room *room)
{
	uint64_t n = 0;

	for (unsigned d = 0; d < room->ndomains; d++)
		n += room->domain[d].nbatches * PAGE_BATCH + room->domain[d].loose.n;
	return n;
}

/* Used frames of every range by state, and what was never used. */
struct page_tally {
	uint64_t by_state[TESS_PAGE_STATES];
	uint64_t total, boot, fresh;
};

static void
tally_frames(const struct tess_page_room *room, struct page_tally *t)
{
	__builtin_memset(t, 0, sizeof(*t));
	for (unsigned i = 0; i < room->nranges; i++) {
		const struct page_range *r = &room->range[i];

		t->total += r->nframes;
		t->boot += range_low(room, r);
		t->fresh += room->fresh[i].at - range_low(room, r);
		for (uint64_t at = room->fresh[i].at; at < r->nframes; at++) {
			uint8_t state = tess_load_relaxed(&r->pages[at].state);

			TESS_ASSERT(state < TESS_PAGE_STATES);
			t->by_state[state]++;
		}
	}
}

void
tess_page_counts_get(struct tess_page_counts *c)
{
	const struct tess_page_room *room = tess_machine()->page;
	struct page_tally t;

	tally_frames(room, &t);
	c->total = t.total;
	c->boot = t.boot;
	c->free = t.fresh + listed_count(room);
	c->cached = cached_count(room);
	c->slab = t.by_state[TESS_PAGE_SLAB];
	c->table = t.by_state[TESS_PAGE_TABLE];
	c->anon = t.by_state[TESS_PAGE_ANON];
	c->object = t.by_state[TESS_PAGE_OBJECT];
	c->other = t.by_state[TESS_PAGE_ALLOC] + t.by_state[TESS_PAGE_ZERO];
}

/* ---- invariants ---- */

/* I-PAGE-1 */
static void
frames_check(const struct tess_page_room *room)
{
	for (unsigned i = 0; i < room->nranges; i++) {
		const struct page_range *r = &room->range[i];

		TESS_ASSERT(range_low(room, r) <= room->fresh[i].at);
		TESS_ASSERT(room->fresh[i].at <= r->nframes);
		for (uint64_t at = room->fresh[i].at; at < r->nframes; at++) {
			TESS_ASSERT(r->pages[at].pfn == (r->start >> TESS_PAGE_SHIFT) + at);
			TESS_ASSERT(r->pages[at].domain == r->domain);
			TESS_ASSERT(r->pages[at].state < TESS_PAGE_STATES);
		}
	}
}

/* I-PAGE-2, I-PAGE-3: exactly `n` frames hang from `pg`. */
static void
free_chain_check(const struct tess_page *pg, uint64_t n)
{
	for (; pg != NULL; pg = pg->next) {
		TESS_ASSERT(n-- != 0);
		TESS_ASSERT(tess_page_of(tess_page_pa(pg)) == pg);
		TESS_ASSERT(pg->state == TESS_PAGE_FREE);
		TESS_ASSERT(pg->wire == 0 && (pg->attrs & TESS_PAGE_BUSY) == 0);
		TESS_ASSERT(pg->pv.pmap == NULL && pg->pv.next == NULL);
	}
	TESS_ASSERT(n == 0);
}

static void
lists_check(const struct tess_page_room *room)
{
	for (unsigned d = 0; d < room->ndomains; d++) {
		const struct page_domain *dom = &room->domain[d];
		uint64_t n = 0;

		for (const struct tess_page *b = dom->batches; b != NULL; b = b->batch, n++)
			free_chain_check(b, PAGE_BATCH);
		TESS_ASSERT(n == dom->nbatches);
		free_chain_check(dom->loose.first, dom->loose.n);
	}
	for (unsigned i = 0; i < room->m->ncpu; i++) {
		const struct page_cache *k = &room->cache[i];

		TESS_ASSERT(k->loaded.n <= PAGE_BATCH && k->remote.n < PAGE_BATCH);
		free_chain_check(k->loaded.first, k->loaded.n);
		free_chain_check(k->remote.first, k->remote.n);
		free_chain_check(k->previous, k->previous != NULL ? PAGE_BATCH : 0);
	}
}

void
tess_page_room_check(void)
{
	const struct tess_page_room *room = tess_machine()->page;
	uint64_t used = 0;
	int64_t out = 0;
	struct page_tally t;

	frames_check(room);
	lists_check(room);
	tally_frames(room, &t);
	TESS_ASSERT(t.by_state[TESS_PAGE_FREE] == cached_count(room) + listed_count(room));
	for (unsigned s = 0; s < TESS_PAGE_STATES; s++)
		used += s != TESS_PAGE_FREE ? t.by_state[s] : 0;
	for (unsigned i = 0; i < room->m->ncpu; i++)
		out += cache_balance(&room->cache[i]);
	TESS_ASSERT(out >= 0 && (uint64_t)out == used);
}
