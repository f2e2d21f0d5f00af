/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * page_priv.h: what the page room keeps, for its own files and its unit test.
 *
 *	CPU 0: loaded  previous  remote	       CPU 1: ...	       caches, 0..3 batches
 *	          │ ▲      │		│
 *	   refill │ │      ▼ spill	▼ home
 *	domain 0: batches (exactly PAGE_BATCH frames each), loose ones	domain 1: ...
 *	          ▲
 *	          │ run
 *	range:  │ boot or array │ never used ◄── at │ used at least once	│
 *	        start          low					     nframes
 *
 * A batch is a chain through `next`; batches of a domain hang together through the `batch` word of
 * their first frames, so that moving one touches one struct tess_page and not thirty-two.
 *
 * Key letters: c const after init, k the cache's lock, d the domain's lock.
 */
#ifndef TESS_PAGE_PRIV_H
#define TESS_PAGE_PRIV_H

#include "page.h"

#define PAGE_BATCH TESS_CONFIG_MAGAZINE

struct page_range {
	tess_pa start;           /* c */
	uint64_t nframes;        /* c */
	struct tess_page *pages; /* c: [nframes], inside the range itself */
	uint64_t low;            /* c: first frame not metadata; of range 0 see range_low() */
	unsigned domain;         /* c */
};

/* Apart from its range, whose line every lookup reads. */
struct page_fresh {
	uint64_t at; /* d: frames [low, at) were never used */
} __attribute__((aligned(64)));

struct page_chain {
	struct tess_page *first;
	uint32_t n;
};

struct page_cache {
	struct tess_spin lock;      /* rank CACHE */
	uint32_t domain;            /* c: where to refill from first */
	struct page_chain loaded;   /* k: at most PAGE_BATCH */
	struct tess_page *previous; /* k: a full batch, or NULL */
	struct page_chain remote;   /* k: of other domains, on their way home; below PAGE_BATCH */
	uint64_t *stats;            /* c: of this CPU; k: its PAGE_ALLOC and PAGE_FREE words */
} __attribute__((aligned(128)));

struct page_domain {
	struct tess_spin lock;     /* rank FREE */
	struct tess_page *batches; /* d */
	uint64_t nbatches;         /* d */
	struct page_chain loose;   /* d */
	uint64_t moves;            /* d: groups of frames that came or went; see page_steal() */
} __attribute__((aligned(128)));

struct tess_page_room {
	struct tess_machine *m;                               /* c */
	struct page_range *range;                             /* c: [nranges] */
	struct page_fresh *fresh;                             /* c: [nranges] */
	struct page_cache *cache;                             /* c: one a CPU */
	unsigned nranges;                                     /* c */
	unsigned ndomains;                                    /* c */
	struct tess_spin steal __attribute__((aligned(128))); /* rank STEAL */
	struct page_domain domain[TESS_DOMAIN_MAX];
};

/* Frames allocated and not freed yet, as this cache saw it; the sum over CPUs is the truth. */
static inline int64_t
cache_balance(const struct page_cache *k)
{
	return (int64_t)(k->stats[TESS_STAT_PAGE_ALLOC] - k->stats[TESS_STAT_PAGE_FREE]);
}

/* Boot memory may still grow upwards in the first range. */
static inline uint64_t
range_low(const struct tess_page_room *room, const struct page_range *r)
{
	if (r != room->range)
		return r->low;
	return (tess_page_round(room->m->boot_next) - r->start) >> TESS_PAGE_SHIFT;
}

static inline void
chain_push(struct page_chain *c, struct tess_page *pg)
{
	pg->next = c->first;
	c->first = pg;
	c->n++;
}

static inline struct tess_page *
chain_pop(struct page_chain *c)
{
	struct tess_page *pg = c->first;

	c->first = pg->next;
	c->n--;
	return pg;
}

/* phys.c: take a run of up to PAGE_BATCH never-used frames of domain `d`.  => locks: the domain's */
struct page_run {
	struct page_range *range; /* NULL: there are none */
	uint64_t at;
	uint32_t n;
};
struct page_run tess_page_run_take(struct tess_page_room *room, unsigned d);
/* phys.c: make the run's frames FREE ones and chain them.  => locks: any */
struct page_chain tess_page_run_chain(const struct page_run *run);

/* page_alloc.c: the pools' frames. */
void *tess_page_slab_get(void);
void tess_page_slab_put(void *frame);

#endif
