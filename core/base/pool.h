/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * pool.h: fixed-size objects from per-CPU magazines over slabs (Bonwick and Adams 2001).
 *
 *	get ──► magazine of this CPU ──► depot (full magazines) ──► slab ──► one frame
 *	put ──► magazine of this CPU ──► depot ──► slab
 *
 * A magazine is a chain of free objects through their own first word, so it takes no memory and
 * cannot fail to exist; a full one is exactly `batch` objects and moves as one.  Each CPU holds
 * two a pool (loaded and previous), so a run of gets and puts around the edge touches nothing
 * shared.  Slabs are single frames from tess_pool_backing, which the page room registers: base
 * itself does not know what a page is.
 */
#ifndef TESS_BASE_POOL_H
#define TESS_BASE_POOL_H

#include "lock.h"
#include "list.h"
#include "rcu.h"

/* What a free object looks like: its first two words. */
struct tess_pool_object {
	struct tess_pool_object *next;  /* the next of this magazine, or of its slab */
	struct tess_pool_object *batch; /* first of a magazine in the depot: the next magazine */
};

/* Where slabs come from.  Set once by tess_page_room_init(). */
struct tess_pool_backing {
	void *(*frame_get)(
	    void); /* 4096 bytes, aligned, contents undefined; NULL: there are none */
	void (*frame_put)(void *frame);
};

struct tess_pool_cpu {
	struct tess_pool_object *loaded;   /* P */
	struct tess_pool_object *previous; /* P: a full magazine, or NULL */
	uint32_t nloaded;                  /* P: 0..batch */
	int64_t balance;                   /* P: gets minus puts on this CPU; others may read */
} __attribute__((aligned(64)));

struct tess_pool {
	struct tess_pool_cpu *cpu; /* c: one a logical CPU */
	uint32_t size;             /* c: bytes of an object, rounded to its alignment */
	uint32_t batch;            /* c: objects of a full magazine */
	uint32_t first;            /* c: offset of a slab's first object */
	uint32_t per_slab;         /* c */
	uint32_t full_max;         /* c: magazines the depot keeps */
	const char *name;          /* c */
	struct tess_pool *next;    /* c: the machine's list of pools */

	struct tess_spin lock __attribute__((aligned(64))); /* rank FREE; guards (l) what follows */
	uint32_t nfull;                                     /* l */
	struct tess_pool_object *full;                      /* l: depot of full magazines */
	struct tess_list slabs;                             /* l: those with free objects first */
	uint64_t nslabs;                                    /* l: frames held */
};

/*
 * tess_pool_init: an empty pool of objects of `size` bytes, aligned to `align` (a power of two, at most 64).
 *
 * => while the machine is made: takes boot memory.  `name` is a literal
 * => fails: NOMEM, nothing left behind; INVAL: bad alignment, or not one object fits a slab
 */
TESS_MUST_CHECK enum tess_err tess_pool_init(struct tess_pool *p, const char *name, size_t size,
					     size_t align);

/*
 * tess_pool_fini: give back every frame.  Panics naming the pool when an object is still out.
 *
 * => quiescent only.  A pool that was never initialised (all zero) is left alone
 */
void tess_pool_fini(struct tess_pool *p);

/*
 * tess_pool_get, tess_pool_put
 *
 * => get: contents undefined; NULL when out of memory or when tess_port_fail(TESS_SITE_POOL) says so
 * => locks: spin locks below rank STEAL may be held.  sleeps: no.  preemption: any
 */
TESS_MUST_CHECK void *tess_pool_get(struct tess_pool *p);
void tess_pool_put(struct tess_pool *p, void *obj);

/* Objects out, summed over CPUs; exact when nothing runs. */
int64_t tess_pool_out(const struct tess_pool *p);

/* tess_pool_drain: move this pool's cached objects to the slabs and free empty slabs.  Quiescent only. */
void tess_pool_drain(struct tess_pool *p);

/* tess_pool_check: I-BASE-1..4 of one pool; returns the objects out.  Quiescent only. */
uint64_t tess_pool_check(struct tess_pool *p);

#endif
