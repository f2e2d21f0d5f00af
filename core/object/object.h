/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * object.h: a sequence of pages with a source, as the fault handler and the calls see it.
 *
 * ROOM     object
 * OWNS     struct tess_object; which frame caches which page of which backing
 * LOCKS    object (30)
 * CALLS    base, index, page, pmap
 * NEVER    knows maps or anons
 * SLEEPS   tess_object_fetch, _sync, _read, _write, _set_size, _unref: outside every lock
 * CHECKS   tess_object_check(): I-OBJ-1..4
 */
#ifndef TESS_OBJECT_H
#define TESS_OBJECT_H

#include "base.h"
#include "index.h"
#include "page.h"
#include "pmap.h"
#include <tessera/object.h>

/*
 * struct tess_object.
 *
 *	absent ──fetch──► BUSY (a pager fills it) ──► resident ──► BUSY (a pager stores it) ──► resident
 *	  ▲		    │ error						     │
 *	  └─────────────────┴────────────── invalidate, truncate, destroy ◄──────────┘
 *
 * I-OBJ-1  every page in `pages` has state OBJECT, this owner, and the index it is found under.
 * I-OBJ-2  no page lies wholly at or beyond `size` unless BUSY.
 * I-OBJ-3  `pages.count` is the number of pages found.
 * I-OBJ-4  a charged object's size, in whole pages, is in the machine's commit.
 */
struct tess_object {
	struct tess_spin lock;   /* rank OBJECT */
	uint32_t refs;           /* A: holders; entries hold one each */
	uint32_t locked;         /* A: entries under mlock that map this object */
	uint32_t busy;           /* o: pages with BUSY set */
	uint32_t charged;        /* c: its size, in whole pages, is in the machine's commit */
	struct tess_radix pages; /* o for writers, RCU for readers: idx -> struct tess_page */
	uint64_t size;           /* A: bytes; changed under `lock` */
	const struct tess_pager_ops *ops; /* c: NULL for a zero object */
	void *backing;                    /* c */
	struct tess_rcu_head rcu;
};

struct tess_object_room {
	struct tess_pool objects;
};

TESS_MUST_CHECK enum tess_err tess_object_room_init(struct tess_machine *m);
void tess_object_room_fini(struct tess_machine *m);

/*
 * tess_object_ref_try: a reference to an object found under RCU; false when it is already dying.
 *
 * => rcu: inside
 */
bool tess_object_ref_try(struct tess_object *o);

/* What tess_object_page_locked() found. */
enum tess_found {
	TESS_FOUND_PAGE,   /* resident, not busy */
	TESS_FOUND_ABSENT, /* must be fetched */
	TESS_FOUND_BUSY,   /* an I/O owns it */
	TESS_FOUND_BEYOND, /* wholly past the end of the object */
	TESS_FOUND_NOMEM,  /* a zero object could not get a frame */
};

/*
 * tess_object_page_locked: the page at idx.  A zero object makes it on the spot.
 *
 * => locks: object.  sleeps: no
 * => gives: *pg, which stays where it is while the lock is held
 */
enum tess_found tess_object_page_locked(struct tess_object *o, tess_idx idx, struct tess_page **pg)
    TESS_REQUIRES(&o->lock);

/* tess_object_has_rcu: is page idx resident, right now?  Writes nothing.  rcu: inside. */
bool tess_object_has_rcu(struct tess_object *o, tess_idx idx);

/*
 * tess_object_fetch: bring page idx in, or wait for whoever is doing so.
 *
 * => locks: none.  rcu: not inside; the caller holds a reference.  sleeps: yes
 * => OK: look again (it may be gone already); NOMEM; EIO
 */
TESS_MUST_CHECK enum tess_err tess_object_fetch(struct tess_object *o, tess_idx idx);

/* tess_object_prefetch: fetch page idx if it is absent and inside the object; a zero object needs nothing. */
TESS_MUST_CHECK enum tess_err tess_object_prefetch(struct tess_object *o, tess_idx idx);

/* tess_object_is_zero: are its pages born zero and kept in memory only? */
static inline bool
tess_object_is_zero(const struct tess_object *o)
{
	return o->ops == NULL;
}

/* tess_object_check: I-OBJ-*.  Quiescent. */
void tess_object_check(struct tess_object *o);

#endif
