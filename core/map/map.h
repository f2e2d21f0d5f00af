/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * map.h: which virtual range means what.
 *
 * ROOM     map
 * OWNS     struct tess_map, struct tess_entry
 * LOCKS    wiring (7), the index's writer lock (10; 11 for a second map); below it shared amap, chunk, pmap
 * CALLS    index, object, anon, pmap
 * NEVER    allocates frames, does I/O, reads a PTE
 * SLEEPS   waiting for another writer; before the first change only
 * CHECKS   tess_map_check(): I-MAP-1..11
 *
 * Every change of the layout is one edit (map_edit.c):
 *
 *	begin ─ lock ──► put ... put ──► prepare ──► commit ──► work on pmap and amaps ──► end
 *			 new entries	 may fail    void	 into the gather	   flush, unlock, free
 *
 * An entry is never changed: it is replaced, and the old one is marked dead first.  A fault that
 * read the old entry is stopped by the validated enter (pmap.h) or by the chunk lock.
 */
#ifndef TESS_MAP_H
#define TESS_MAP_H

#include "base.h"
#include "index.h"
#include "pmap.h"
#include "object.h"
#include "anon.h"
#include <tessera/map.h>

enum {
	TESS_ENTRY_SHARED = 1,    /* stores go to the object; no amap */
	TESS_ENTRY_GROWSDOWN = 2, /* a fault just below extends it */
	TESS_ENTRY_LOCKED = 4,    /* mlock */
	TESS_ENTRY_ONFAULT = 8,   /* mlock, but pages come as they are touched */
	TESS_ENTRY_DONTDUMP = 16,
	TESS_ENTRY_SHM = 32,         /* made by shmat */
	TESS_ENTRY_DONTFORK = 64,    /* the child has a hole, whatever `inherit` says */
	TESS_ENTRY_WIPE = 128,       /* the child has zeros, unless DONTFORK */
	TESS_ENTRY_GUARD = 256,      /* MAP_GUARD: nothing is ever there */
	TESS_ENTRY_GUARDED = 512,    /* MADV_GUARD_INSTALL: no access, until it is removed */
	TESS_ENTRY_IMMUTABLE = 1024, /* mimmutable, mseal */
	TESS_ENTRY_NOSYNC = 2048,
	TESS_ENTRY_STACKGAP = 4096,   /* a GUARD that the stack above grows into */
	TESS_ENTRY_SUBMAP = 8192,     /* a range of a submap: its entries decide */
	TESS_ENTRY_DEVICE = 16384,    /* its pages are always resident (C5) */
	TESS_ENTRY_NORESERVE = 32768, /* no commit charge under a policy that lets it choose */
	TESS_ENTRY_CHARGED = 65536,   /* its bytes are in map->charged */
};

/*
 * struct tess_entry: one range of uniform attributes.  Immutable once published, but for `held`.
 *
 *	(pool) ──put──► prepared ──commit──► live ──commit──► dead ──grace period──► (pool)
 *
 * `held`: published over a range whose old contents are still being taken away (MAP_FIXED,
 * mremap); a fault that meets it waits for the writer.
 */
struct tess_entry {
	struct tess_range range;    /* first: the index sees only this */
	struct tess_object *object; /* c: a reference; NULL: zeros */
	tess_off off;               /* c: of range.start in the object */
	struct tess_amap *amap;     /* c: NULL exactly when SHARED */
	tess_idx aidx;              /* c: slot of range.start */
	tess_prot prot, maxprot;    /* c */
	uint8_t inherit, advice;    /* c */
	uint32_t flags;             /* c: TESS_ENTRY_* */
	uint32_t wired;             /* c: by the system, counted */
	uint32_t held;              /* A */
	struct tess_map *sub;       /* c: SUBMAP: whose entries decide */
	uint32_t transition;        /* m: being wired: writers wait for the map's `wiring` */
	struct tess_rcu_head rcu;
};
TESS_STATIC_ASSERT(sizeof(struct tess_entry) <= 128, "an entry is at most two lines");

struct tess_map {
	struct tess_index index;
	struct tess_pmap *pmap;           /* c */
	struct tess_amap *home;           /* c: private memory, slot = virtual page number */
	tess_va min, max;                 /* c */
	tess_va top;                      /* c: placement begins below */
	tess_va hint;                     /* m: nothing is free in [hint, top); see map_place.c */
	uint64_t bytes;                   /* m: mapped */
	uint64_t data;                    /* m: private writable bytes, RLIMIT_DATA */
	uint64_t locked;                  /* m: bytes in LOCKED entries */
	uint64_t entries;                 /* m */
	uint32_t future;                  /* m: entry flags that mlockall(FUTURE) adds */
	uint32_t flags;                   /* A: TESS_MAPF_* */
	uint64_t charged;                 /* m: bytes in CHARGED entries */
	uint64_t wired;                   /* m: bytes in entries wired by the system */
	uint32_t transition;              /* m: some entries are being wired */
	uint64_t quota[TESS_QUOTA_COUNT]; /* A: 0: none */
	uint64_t begun, done;             /* A: changes of the layout, for tess_map_list() */
	struct tess_mutex wiring;         /* rank WIRING: held while entries are in transition */
	uint64_t random;                  /* m: state of ASLR */
	tess_va spent_lo, spent_hi;       /* m: QUARANTINE: nothing in [lo, hi) is chosen */
	struct tess_map *parent;          /* c: of a submap; NULL */
	uint32_t subs;                    /* m: submaps that it has */
	uint32_t refs;                    /* A: of a submap; see map_submap.c */
	struct tess_rcu_head rcu;         /* of a submap */
};

struct tess_map_room {
	struct tess_pool entries;
	struct tess_pool maps; /* submaps */
};

TESS_MUST_CHECK enum tess_err tess_map_room_init(struct tess_machine *m);
void tess_map_room_fini(struct tess_machine *m);

/* The entry of a range; NULL stays NULL. */
static inline struct tess_entry *
tess_entry_of(struct tess_range *r)
{
	return (struct tess_entry *)r; /* `range` is its first member */
}

/*
 * tess_entry_live: may a fault still act on this entry?  Asked again under the chunk's lock.
 *
 * => pairs with tess_index_commit() for `dead` and with the writers that set and clear `held`
 */
static inline bool
tess_entry_live(const struct tess_entry *e)
{
	return (tess_load_acquire(&e->range.dead) | tess_load_acquire(&e->held)) == 0;
}

static inline uint64_t
tess_entry_bytes(const struct tess_entry *e)
{
	return e->range.end - e->range.start;
}

/* Its pages stay in memory: locked by the user, or wired by the system. */
static inline bool
tess_entry_is_kept(const struct tess_entry *e)
{
	return (e->flags & TESS_ENTRY_LOCKED) || e->wired != 0;
}

/* Every access to it fails, whatever its protection says. */
static inline bool
tess_entry_is_guard(const struct tess_entry *e)
{
	return (e->flags & (TESS_ENTRY_GUARD | TESS_ENTRY_GUARDED)) != 0;
}

/* The slot of va (which may lie before the entry) in its amap; the page of va in its object. */
static inline tess_idx
tess_entry_slot(const struct tess_entry *e, tess_va va)
{
	return e->aidx + (tess_idx)((int64_t)(va - e->range.start) >> TESS_PAGE_SHIFT);
}

static inline tess_idx
tess_entry_idx(const struct tess_entry *e, tess_va va)
{
	return (e->off + (va - e->range.start)) >> TESS_PAGE_SHIFT;
}

/* What a child gets of it. */
static inline enum tess_inherit
tess_entry_inherit(const struct tess_entry *e)
{
	if (e->flags & TESS_ENTRY_DONTFORK)
		return TESS_INHERIT_NONE;
	return e->flags & TESS_ENTRY_WIPE ? TESS_INHERIT_ZERO : (enum tess_inherit)e->inherit;
}

/* Does it charge RLIMIT_DATA: private, writable, not a stack. */
static inline bool
tess_entry_is_data(const struct tess_entry *e)
{
	return (e->prot & TESS_PROT_WRITE) &&
	       !(e->flags & (TESS_ENTRY_SHARED | TESS_ENTRY_GROWSDOWN));
}

/*
 * tess_map_init: an empty map over [min, max).  fails: NOMEM, nothing left behind.
 * tess_map_fini: forget everything, as exit does; no fault is in progress.
 */
TESS_MUST_CHECK enum tess_err tess_map_init(struct tess_map *map, tess_va min, tess_va max,
					    tess_va top);
void tess_map_fini(struct tess_map *map);

/* ---- Reading: rcu inside, or the edit held ---- */

/* What happens when a range has a hole. */
enum tess_holes {
	TESS_HOLES_SKIP,   /* do the mapped parts, OK */
	TESS_HOLES_REFUSE, /* EFAULT, nothing changed */
	TESS_HOLES_STOP,   /* do the part before the first hole, then EFAULT */
	TESS_HOLES_REPORT, /* do the mapped parts, then EFAULT */
};

static inline struct tess_entry *
tess_map_lookup_rcu(struct tess_map *map, tess_va va)
{
	return tess_entry_of(tess_index_lookup_rcu(&map->index, va));
}

static inline struct tess_entry *
tess_map_next_rcu(struct tess_map *map, tess_va va)
{
	return tess_entry_of(tess_index_next_rcu(&map->index, va));
}

/*
 * tess_map_resolve_rcu: the entry that decides about va, and in *in the map it belongs to: a submap's where there is one.
 *
 * => *in is the caller's to keep after the read section only when tess_submap_ref_try() says so
 */
static inline struct tess_entry *
tess_map_resolve_rcu(struct tess_map *map, tess_va va, struct tess_map **in)
{
	struct tess_entry *e = tess_map_lookup_rcu(map, va);

	*in = map;
	if (TESS_LIKELY(e == NULL || e->sub == NULL))
		return e;
	*in = e->sub;
	return tess_map_lookup_rcu(e->sub, va);
}
bool tess_submap_ref_try(struct tess_map *sub);
void tess_submap_unref(struct tess_map *sub);

/* tess_entry_area: an entry as the world sees it. */
void tess_entry_area(const struct tess_entry *e, struct tess_area *area);

/*
 * tess_map_hole: is any of [start, end) unmapped?  tess_map_any: is any of it mapped?
 *
 * => a hint when others write
 */
bool tess_map_hole(struct tess_map *map, tess_va start, tess_va end);
bool tess_map_any(struct tess_map *map, tess_va start, tess_va end);
/* tess_map_locked: locked bytes in [start, end). */
uint64_t tess_map_locked(struct tess_map *map, tess_va start, tess_va end);

/* tess_map_going: may all of [start, end) go?  The first offender: EPERM, EINVAL a submap, EFAULT a hole with REFUSE. */
TESS_MUST_CHECK enum tess_err tess_map_going(struct tess_map *map, tess_va start, tess_va end,
					     enum tess_holes holes);

/*
 * tess_map_mapping_rcu: a copy of the entry at va, reaching to the end of the last one that continues it (equal
 * neighbours stay apart when memory was short, and parts of a mapping may be GUARDED).  false: none.  The object is compared and measured only.
 */
bool tess_map_mapping_rcu(struct tess_map *map, tess_va va, struct tess_entry *e);

/* ---- The edit ---- */

struct tess_map_edit {
	struct tess_map *map;
	struct tess_index_edit ix;
	tess_va lo, hi;          /* what commit replaces */
	struct tess_range *head; /* new entries, ascending, through range.link */
	struct tess_entry *last; /* the last of them */
	unsigned n;
	bool nomem; /* a put failed; prepare will say so */
	bool told;  /* the map's `begun` counts this edit */
	tess_va goes_lo,
	    goes_hi;           /* will be forgotten before the end: no longer counted by limits */
	uint64_t entries;      /* of the map at begin */
	int64_t charged, kept; /* how the map's sums differ from then */
	int64_t took_charged, took_kept; /* reserved of the machine's budgets; see map_limit.c */
	struct tess_range *dead;         /* replaced entries, through range.link */
	struct tess_range
	    *mark; /* what died before this one is stripped already, or was put again */
	struct tess_gather g;
};

/*
 * tess_map_edit_begin: become the writer of [start, end) and its neighbours, once nobody wires any of it.
 * tess_map_edit_end: pay the gather, unlock, free what died, drop what was prepared and not committed.
 *
 * => end: sleeps: yes (object references)
 */
void tess_map_edit_begin(struct tess_map_edit *ed, struct tess_map *map, tess_va start,
			 tess_va end);
void tess_map_edit_end(struct tess_map_edit *ed);

/* tess_map_edit_at, tess_map_edit_next: lookup and next for whoever holds the edit: cheaper, and no read section. */
static inline struct tess_entry *
tess_map_edit_at(struct tess_map_edit *ed, tess_va va)
{
	return tess_entry_of(tess_index_edit_lookup(&ed->ix, va));
}

static inline struct tess_entry *
tess_map_edit_next(struct tess_map_edit *ed, tess_va va)
{
	return tess_entry_of(tess_index_edit_next(&ed->ix, va));
}

/*
 * tess_map_edit_open: start a replacement of [start, end): entries cut by an edge keep their outer part, and
 * a neighbour that may merge is taken in.  Then put the new inside, ascending; then close.
 *
 * tess_map_edit_put: append a copy of `e` cut to [start, end), joined to the last one when they merge.
 * tess_map_edit_close: the outer part behind the end; then everything is allocated.
 *	fails: NOMEM memory, a quota, the commit limit; EAGAIN the wired maximum; nothing changed, and open
 *	may be called again
 */
void tess_map_edit_open(struct tess_map_edit *ed, tess_va start, tess_va end);
void tess_map_edit_put(struct tess_map_edit *ed, const struct tess_entry *e, tess_va start,
		       tess_va end);
TESS_MUST_CHECK enum tess_err tess_map_edit_close(struct tess_map_edit *ed, tess_va end);

/*
 * tess_map_edit_commit: publish.  The replaced entries are dead from here on.
 *
 * => after it: lower or remove translations, wipe amaps, all into ed->g; then tess_map_edit_end()
 * => may be followed by another open .. commit within the same hold
 */
void tess_map_edit_commit(struct tess_map_edit *ed);

/* ---- Operations.  All: locks none held; sleeps: may; all or nothing ---- */

/* The most a map may hold after a call, in bytes. */
struct tess_map_limits {
	uint64_t bytes;  /* mapped: ENOMEM */
	uint64_t data;   /* private writable: ENOMEM */
	uint64_t locked; /* locked: EAGAIN */
};

/* tess_map_over: what of [start, end) is mapped, and counts as data and as locked. */
void tess_map_over(struct tess_map *map, tess_va start, tess_va end, struct tess_map_limits *over);

/* What a new mapping is; range.start and .end, object (the caller's reference is borrowed), ... */
struct tess_map_new {
	uint64_t len;
	tess_va addr; /* hint, or the address */
	enum {
		TESS_PLACE_ANY,
		TESS_PLACE_FIXED,
		TESS_PLACE_EXCL
	} place;
	struct tess_object *object;
	tess_off off;
	tess_prot prot, maxprot;
	uint8_t inherit, advice;
	uint32_t flags;
	uint64_t gap;   /* the lowest `gap` bytes are a GUARD for the rest to grow into */
	uint64_t align; /* bytes, a power of 2; 0: a page */
	tess_va lo, hi; /* ANY: bounds; 0, 0: the map's */
	bool up; /* ANY: first fit upward from addr, then, with `wrap`, from the lower bound */
	bool wrap, super;     /* super: 2 MiB aligned if there is such a place */
	struct tess_map *sub; /* with SUBMAP */
	bool again; /* a second mapping of what is mapped: not a new one to mlockall(FUTURE) */
	struct tess_map_limits limits;
};

/*
 * tess_map_insert: make a mapping, replacing what is there for TESS_PLACE_FIXED, in one stroke.
 *
 * => fails: NOMEM no space, no memory, or a limit; EEXIST for EXCL; EAGAIN locked limit; FIXED over what is
 *    immutable EPERM, over a submap EINVAL; EACCES W and X on a WXORX map
 */
TESS_MUST_CHECK enum tess_err tess_map_insert(struct tess_map *map, const struct tess_map_new *n,
					      tess_va *out);

/*
 * tess_map_insert_like: as tess_map_insert, for the object that is mapped at `like`, which a caller that
 *	read it under RCU no longer holds.  fails also: EFAULT it is not mapped there any more
 */
TESS_MUST_CHECK enum tess_err tess_map_insert_like(struct tess_map *map, tess_va like,
						   const struct tess_map_new *n, tess_va *out);

/*
 * tess_map_remove: forget every mapping in [start, end).
 *
 * => fails: the first offender in address order: EPERM immutable, EINVAL a submap, EFAULT a hole with REFUSE;
 *    NOMEM in prepare only; nothing is removed then
 */
TESS_MUST_CHECK enum tess_err tess_map_remove(struct tess_map *map, tess_va start, tess_va end,
					      enum tess_holes holes);

/* tess_map_clear: forget everything (exec, exit).  Cannot fail. */
void tess_map_clear(struct tess_map *map);

/*
 * Which entries an attribute may be set on; bits.  Another entry ends the walk, those before it are done; a
 * submap never fits: EINVAL.
 */
enum tess_only {
	TESS_ONLY_ANY = 0,
	TESS_ONLY_ANON = 1,      /* private, no object; else EINVAL */
	TESS_ONLY_UNLOCKED = 2,  /* neither locked nor wired; else EINVAL */
	TESS_ONLY_LOCKED = 4,    /* else EINVAL */
	TESS_ONLY_MUTABLE = 8,   /* immutable: EPERM */
	TESS_ONLY_LOSABLE = 16,  /* immutable, not SHARED and not writable: EPERM */
	TESS_ONLY_WRITABLE = 32, /* else EINVAL */
	TESS_ONLY_SKIP = 64,     /* what would be EINVAL is passed over */
	TESS_ONLY_KEPT = 128,    /* not inherited as zeros; else EPERM */
	TESS_ONLY_ALL = 256, /* one entry that does not fit refuses the whole: nothing is done */
};

/* Ranges told to the caller; when there are too many the last one is widened. */
#define TESS_SPANS 32
struct tess_map_spans {
	unsigned n;
	struct {
		tess_va start, end;
	} at[TESS_SPANS];
};

/* What tess_map_set_prot() sets, and how. */
struct tess_map_protection {
	tess_prot prot, maxprot;
	unsigned flags; /* TESS_PROTECT_* */
	enum tess_holes
	    holes; /* STOP is mprotect of Linux: offenders end it, the part before is done */
	uint64_t limit_data;  /* bytes */
	uint64_t limit_bytes; /* STOP: beyond it the data limit is not asked for */
};

/*
 * tess_map_set_prot: set protection, maximum, or both.  fails: EACCES beyond an entry's maximum, or W and X on
 *	a WXORX map; EINVAL a submap, EPERM immutable, EFAULT a hole as `holes` says; NOMEM limit_data, the
 *	commit charge or memory.  Nothing changed, but with STOP.  Guards are passed over.  GROWSDOWN: with STOP
 *	EFAULT nothing is mapped before `end`, EINVAL what is first does not grow down
 *	*own: locked or wired private memory that became writable: the caller makes its pages the space's own now, as
 *	mlock would have done
 * tess_map_inherit, _advise, _mark: set the attribute; `set` and `clear` are TESS_ENTRY_* bits.
 *	fails: an entry outside `only` (those before it are done), EAGAIN limit_locked.  inherit: EPERM
 *	immutable, EINVAL a submap, nothing changed; guards are passed over for ZERO
 *
 * => each re-merges with its neighbours (D16)
 */
TESS_MUST_CHECK enum tess_err tess_map_set_prot(struct tess_map *map, tess_va start, tess_va end,
						const struct tess_map_protection *p,
						struct tess_map_spans *own);
TESS_MUST_CHECK enum tess_err tess_map_inherit(struct tess_map *map, tess_va start, tess_va end,
					       enum tess_inherit inherit, enum tess_holes holes);
TESS_MUST_CHECK enum tess_err tess_map_advise(struct tess_map *map, tess_va start, tess_va end,
					      enum tess_advice advice, enum tess_holes holes);
TESS_MUST_CHECK enum tess_err tess_map_mark(struct tess_map *map, tess_va start, tess_va end,
					    uint32_t set, uint32_t clear, enum tess_only only,
					    enum tess_holes holes, uint64_t limit_locked);

/*
 * tess_map_discard: private pages of [start, end) are dropped; the next access finds zeros or the file.  In the
 *	same stroke the entries get the flags `set` (GUARDED, or none).
 *
 * => fails: EINVAL or EPERM an entry outside `only` (those before it are done); EFAULT holes (the rest is
 *    done); NOMEM, nothing changed
 */
TESS_MUST_CHECK enum tess_err tess_map_discard(struct tess_map *map, tess_va start, tess_va end,
					       enum tess_only only, uint32_t set);

/*
 * tess_map_fork: fill the empty map `child` from `map` as each entry's inheritance says.
 *
 * => fails: NOMEM; the caller destroys the child; the parent is as before
 */
TESS_MUST_CHECK enum tess_err tess_map_fork(struct tess_map *map, struct tess_map *child);

enum tess_move_source {
	TESS_MOVE_UNMAP,
	TESS_MOVE_KEEP_EMPTY
};

/*
 * tess_map_move: [from, from + from_len) goes to [*to, *to + n->len), pages and all.  What the target has
 * more is a continuation of the same mapping; what it has less is forgotten, whatever is mapped there.
 * The target is n->addr, emptied first (FIXED), or chosen as `n` asks for it (ANY); of `n` only the place and
 * the limits count.  KEEP_EMPTY (n->len is from_len) leaves the source mapped without its pages.
 *
 * => source and target do not overlap
 * => fails: ENOMEM, EAGAIN limits; ENOMEM memory or space; EFAULT when what moves is not inside one mapping (ONE)
 *    or has a hole (ALL); EPERM immutable, EINVAL a submap, in source or target; nothing changed
 */
enum tess_move_what {
	TESS_MOVE_ONE,
	TESS_MOVE_ALL
};
TESS_MUST_CHECK enum tess_err tess_map_move(struct tess_map *map, tess_va from, uint64_t from_len,
					    const struct tess_map_new *n,
					    enum tess_move_source source, enum tess_move_what what,
					    tess_va *to);

/*
 * tess_map_dup: [from, from + n->len) is seen a second time, at *to, which is found as for tess_map_move(); from
 * now on both show the same pages, private memory too.  The second is not locked.
 *
 * => source and target do not overlap
 * => fails: ENOMEM memory, space, n->limits; EFAULT a hole; EPERM immutable, EINVAL a submap, in source or target;
 *    nothing changed
 */
TESS_MUST_CHECK enum tess_err tess_map_dup(struct tess_map *map, tess_va from,
					   const struct tess_map_new *n, tess_va *to);

/*
 * tess_map_extend: grow the entry that ends at `end` to `new_end` (or that starts at `end` down to `new_end`),
 * if that range is free.
 *
 * => fails: EEXIST something is there; EFAULT no such entry; NOMEM; EAGAIN locked limit
 */
TESS_MUST_CHECK enum tess_err tess_map_extend(struct tess_map *map, tess_va end, tess_va new_end,
					      const struct tess_map_limits *limits);

/*
 * tess_map_grow_stack: `page` lies in a STACKGAP: the stack above grows down over it, in steps; the gap's lowest
 *	page stays.
 *
 * => fails: EEXIST it is in no gap (any more); EFAULT its lowest page, or no stack above; EAGAIN locked limit;
 *    NOMEM; nothing changed
 */
#define TESS_STACK_STEP ((uint64_t)128 << 10) /* sgrowsiz of FreeBSD: what a MAP_STACK grows by */
TESS_MUST_CHECK enum tess_err tess_map_grow_stack(struct tess_map *map, tess_va page,
						  const struct tess_map_limits *limits);

/*
 * Wiring, in two strokes (map_wire.c); between them the caller brings the pages in.  `how`: TESS_WIRE_*.
 *
 * tess_map_wire_begin: nobody else changes [start, end) until tess_map_wire_end().
 *	fails: EFAULT a hole, EINVAL a submap, EACCES WRITE and not writable; then there is nothing to end
 * tess_map_wire_end: DONE: lock it, or count one wiring more; CANCEL: leave it as it was.
 *	fails: NOMEM memory, a quota; EAGAIN `limit` of locked bytes, the wired maximum; as CANCEL
 * tess_map_wire_undo: one wiring less.  fails: EINVAL something is not wired so; NOMEM; nothing changed
 *
 * => begin: locks: map->wiring, until end.  Faults may be made meanwhile, edits of [start, end) may not
 */
enum tess_wire_end {
	TESS_WIRE_DONE,
	TESS_WIRE_CANCEL
};
TESS_MUST_CHECK enum tess_err tess_map_wire_begin(struct tess_map *map, tess_va start, tess_va end,
						  unsigned how);
enum tess_err tess_map_wire_end(struct tess_map *map, tess_va start, tess_va end, unsigned how,
				uint64_t limit, enum tess_wire_end done);
TESS_MUST_CHECK enum tess_err tess_map_wire_undo(struct tess_map *map, tess_va start, tess_va end,
						 unsigned how);

/* tess_map_metadata: bytes of entries and tables.  A hint when others write. */
uint64_t tess_map_metadata(const struct tess_map *map);

/* tess_map_set_future: entry flags that later mappings get. */
void tess_map_set_future(struct tess_map *map, uint32_t flags);

/*
 * tess_map_find: a hole of `len` bytes, aligned: near `hint` if that is free, else from the top down.
 *
 * => a hint only, unless the edit is held.  false: none
 */
bool tess_map_find(const struct tess_map *map, tess_va hint, uint64_t len, uint64_t align,
		   tess_va *out);

/*
 * tess_map_choose: the place that tess_map_insert() would give `n` (ANY).  Changes nothing.  false: none
 * tess_map_query: the same, for who does not hold the edit of the whole map: a hint when others write.
 *
 * => query: locks: none held; sleeps: may
 */
bool tess_map_choose(const struct tess_map *map, const struct tess_map_new *n, tess_va *out);
bool tess_map_query(struct tess_map *map, const struct tess_map_new *n, tess_va *out);

/* tess_map_wait: sleep until the writer that holds an entry is done. */
void tess_map_wait(struct tess_map *map);

/*
 * tess_map_check: I-MAP-*, quiescent:
 *	I-MAP-1 entries are page aligned, inside [min, max), not empty, not dead, not held
 *	I-MAP-2 amap is NULL exactly when SHARED; a SHARED entry has an object
 *	I-MAP-3 prot is within maxprot
 *	I-MAP-4 in the home amap the slot of an address is its page number
 *	I-MAP-5 bytes, data, locked, entries are the sums over entries
 *	I-MAP-6 every occupied home slot lies in an entry that uses it
 *	I-MAP-7 every translation is within its entry's protection, and writable only to a page
 *		of its own or a shared one
 *	I-MAP-8 nothing is free in [hint, top)
 *	I-MAP-9 charged and wired are the sums over entries, and the machine's sums hold them
 *	I-MAP-10 a guard has no object and no protection; what is charged is private; nothing is in transition
 *	I-MAP-11 a SUBMAP entry, and no other, has a submap, over exactly its range, whose own invariants hold
 */
void tess_map_check(struct tess_map *map);

#endif
