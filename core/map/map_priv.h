/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * map_priv.h: between the files of this room.
 */
#ifndef TESS_MAP_PRIV_H
#define TESS_MAP_PRIV_H

#include "map.h"

/* entry.c */
struct tess_entry *tess_entry_copy(const struct tess_entry *e, tess_va start, tess_va end);
void tess_entry_free_now(struct tess_entry *e); /* never published */
void tess_entry_free_rcu(struct tess_entry *e); /* published once */
bool tess_entry_joins(const struct tess_entry *a, const struct tess_entry *b);
bool tess_entry_continues(const struct tess_entry *a,
			  const struct tess_entry *b); /* but for GUARDED */

/*
 * map_limit.c: limits that every edit meets.
 *
 * tess_entry_charge: a new entry, or one that becomes writable, is CHARGED if the policy charges it.
 * tess_map_edit_reserve: the part of close.  fails: NOMEM, EAGAIN; what it took is given back at the end
 * tess_map_account: the part of commit: sums of the map, +1 or -1 times an entry
 * tess_map_edit_settle: the part of end
 */
void tess_entry_charge(struct tess_entry *e);
TESS_MUST_CHECK enum tess_err tess_map_edit_reserve(struct tess_map_edit *ed);
void tess_map_account(struct tess_map_edit *ed, const struct tess_entry *e, int sign);
void tess_map_edit_settle(struct tess_map_edit *ed);

/* As tess_map_edit_begin(); a second map (a child's at fork, a submap, extraction) is locked at rank LEAF2. */
void tess_map_edit_begin_rank(struct tess_map_edit *ed, struct tess_map *map, tess_va start,
			      tess_va end, enum tess_rank rank);

/*
 * tess_map_edit_begin_second: the same for the whole of a second map, unless some of it is being wired: false; then
 *	let the first one go too, and wait
 * tess_map_wait_wiring: until nobody wires anything of the map.  locks: none
 */
bool tess_map_edit_begin_second(struct tess_map_edit *ed, struct tess_map *map);
void tess_map_wait_wiring(struct tess_map *map);

/* tess_map_edit_prepare: the index side of close: [ed->lo, ed->hi) will hold ed->n entries. */
TESS_MUST_CHECK enum tess_err tess_map_edit_prepare(struct tess_map_edit *ed);

/*
 * tess_map_remerge: the entry that is exactly [start, end) may join its neighbours now.
 *
 * => edit held, nothing put.  A saving only: without memory it stays as it is
 */
void tess_map_remerge(struct tess_map_edit *ed, tess_va start, tess_va end);

/*
 * map_remove.c: taking old contents away, in two strokes.
 *
 * tess_map_strip_prepare: make tess_map_strip over [start, end) infallible: private chunks, coverage.
 * tess_map_strip: remove translations and private pages of the entries in ed->dead between start and end.
 */
struct tess_strip {
	struct tess_cover cover;
};
void tess_map_strip_begin(struct tess_strip *s);
TESS_MUST_CHECK enum tess_err tess_map_strip_prepare(struct tess_strip *s, struct tess_map_edit *ed,
						     tess_va start, tess_va end);
void tess_map_strip(struct tess_strip *s, struct tess_map_edit *ed, tess_va start, tess_va end,
		    enum tess_wipe how);
void tess_map_strip_end(struct tess_strip *s);

/* map.c: tess_map_limit: may `len` bytes like `e` come, when `less` goes?  ENOMEM, or EAGAIN for locked. */
TESS_MUST_CHECK enum tess_err tess_map_limit(const struct tess_map *map, const struct tess_entry *e,
					     uint64_t len, const struct tess_map_limits *less,
					     const struct tess_map_limits *limits);

/* map.c: entry flags for later mappings, and the map's flag that says so.  => edit held */
void tess_map_future(struct tess_map *map, uint32_t flags);

/* map_attr.c: does the entry belong to `only`?  OK, EINVAL, EPERM. */
enum tess_err tess_entry_fits(const struct tess_entry *e, enum tess_only only);

/*
 * map_share.c: give private entry `e` of the home amap an amap that a child's entry may share.
 *
 * tess_map_share: adds to *undo what takes it back.  `e` is dead afterwards
 * tess_map_unshare: the fork failed: take all back; or it did not: forget how.  Cannot fail
 *
 * => locks: edit held, nothing put.  fails: NOMEM, nothing changed
 */
TESS_MUST_CHECK enum tess_err tess_map_share(struct tess_map_edit *ed, struct tess_entry *e,
					     struct tess_range **undo);
void tess_map_unshare(struct tess_map_edit *ed, struct tess_range *undo, enum tess_err err);

/*
 * tess_map_cover_more: `e` is to grow over [lo, hi): if its amap is shared, prepare the coverage; *cover is
 * held then, and the caller ends it.  Addresses before the entry's start count backwards.
 *
 * => fails: NOMEM memory, or the slots are somebody else's
 */
TESS_MUST_CHECK enum tess_err
tess_map_cover_more(struct tess_cover *cover, const struct tess_entry *e, tess_va lo, tess_va hi);

/* map_submap.c: clear and destroy every submap: exec, exit. */
void tess_map_submaps_end(struct tess_map *map);

/*
 * map_move.c: what moves is cut out first.
 *
 * tess_map_cut: the entries of [start, end) become whole entries and are held: faults on them wait, nothing joins
 *	them.  fails: as tess_map_edit_close(); then let go
 * tess_map_let_go: not held any more; equal neighbours join again, memory allowing.
 */
TESS_MUST_CHECK enum tess_err tess_map_cut(struct tess_map_edit *ed, tess_va start, tess_va end);
void tess_map_let_go(struct tess_map_edit *ed, tess_va start, tess_va end);

/*
 * struct tess_move: [from, from + from_len) of src goes to [to, to + to_len) of dst, whose contents are replaced.
 * tess_map_move_held: do it.
 *
 * => locks: both edits held over all that is concerned (src may be dst: then se is de)
 * => every entry there may go; the ranges do not overlap; a target that is longer has a source without holes
 * => fails: NOMEM and what else tess_map_edit_close() may say, nothing changed
 */
struct tess_move {
	struct tess_map *src, *dst;
	struct tess_map_edit *se, *de;
	tess_va from, to;
	uint64_t from_len, to_len;
	enum tess_move_source source;
	/* its own */
	uint64_t kept;           /* bytes whose pages move */
	struct tess_range *left; /* what stays at the source for KEEP_EMPTY */
	struct tess_strip strip;
};
TESS_MUST_CHECK enum tess_err tess_map_move_held(struct tess_move *v);

/*
 * map_place.c: keep the hint true.
 *
 * tess_map_place_chosen: the place that tess_map_choose() found was taken.
 * tess_map_place_ask: *n's place as the public form asks for it: EXCL for the hint itself.
 * tess_map_place_exact: is the place that EXCL names free, aligned, and within the bounds of `n`?
 */
void tess_map_place_took(struct tess_map *map, tess_va start, tess_va end);
void tess_map_place_freed(struct tess_map *map, tess_va start, tess_va end);
void tess_map_place_chosen(struct tess_map *map, tess_va start, tess_va end);
enum tess_kern tess_map_place_ask(const struct tess_place *p, struct tess_map_new *n);
bool tess_map_place_exact(struct tess_map *map, const struct tess_map_new *n);

/* Every range that died since ed->mark was set, in no order. */
#define TESS_FOREACH_DEAD(e, ed)                                                               \
	for (struct tess_entry *e = tess_entry_of((ed)->dead); e != tess_entry_of((ed)->mark); \
	     e = tess_entry_of(e->range.link))

#endif
