/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * map.h: the map layer: what kernels use where the mmap family is too narrow.
 *
 * A space has a map; a submap is a map over a range of another one.  Addresses are page aligned here; the
 * functions answer in the words of Mach (enum tess_kern).
 *
 * COMMON TO ALL, unless a function's own text says otherwise:
 *   => context: a CPU of the machine, no lock of the core held.  sleeps: may
 *   => success, or nothing changed that anyone can see
 *   => KERN_RESOURCE_SHORTAGE when memory for the core's own records runs out
 *   => the numbers in brackets name semantics lines, kept in docs/SEMANTICS.md
 */
#ifndef TESSERA_MAP_H
#define TESSERA_MAP_H

#include <tessera/types.h>
#include <tessera/space.h>

TESS_BEGIN_DECLS

/* Answers of the map layer (vm_map(9) of FreeBSD); "KERN_SUCCESS" ... from tess_kern_name(). */
enum tess_kern {
	TESS_KERN_SUCCESS,
	TESS_KERN_INVALID_ADDRESS,
	TESS_KERN_PROTECTION_FAILURE,
	TESS_KERN_NO_SPACE,
	TESS_KERN_INVALID_ARGUMENT,
	TESS_KERN_FAILURE,
	TESS_KERN_RESOURCE_SHORTAGE,
	TESS_KERN_OUT_OF_BOUNDS,
	TESS_KERN_COUNT
};
const char *tess_kern_name(enum tess_kern k);

/* tess_space_map: the map of a space; lives as long as the space. */
struct tess_map *tess_space_map(struct tess_space *sp);

/* ---- Flags and quotas of a map ---- */

enum {
	TESS_MAPF_WXORX = 1,      /* no protection has W and X: mmap, mprotect EACCES */
	TESS_MAPF_WIREFUTURE = 2, /* as mlockall(MCL_FUTURE) */
	TESS_MAPF_ASLR = 4,       /* places are drawn at random (seeded) */
	TESS_MAPF_GUARDPAGES = 8, /* places keep a free page on both sides */
	TESS_MAPF_BOTTOMUP = 16,  /* places are looked for from below */
	TESS_MAPF_QUARANTINE =
	    32, /* places freed are not chosen again before the map's range is used up */
	TESS_MAPF_ALL = 63
};
/* tess_map_set_flags: all flags at once.  INVALID_ARGUMENT unknown.  fork inherits all but
 * WIREFUTURE [mlockall(2)], which exec ends too. */
enum tess_kern tess_map_set_flags(struct tess_map *map, unsigned flags);
unsigned tess_map_get_flags(struct tess_map *map);
/* tess_map_set_seed: restart the random places of ASLR. */
void tess_map_set_seed(struct tess_map *map, uint64_t seed);
/* tess_map_release_quarantine: what was freed may be chosen again. */
void tess_map_release_quarantine(struct tess_map *map);

enum tess_quota {
	TESS_QUOTA_ENTRIES,  /* entries (Linux max_map_count) */
	TESS_QUOTA_METADATA, /* bytes of entries and page tables */
	TESS_QUOTA_COUNT
};
/* tess_map_set_quota: a call that would leave more behind, and more than there was, is ENOMEM.  0: none (the default). */
void tess_map_set_quota(struct tess_map *map, enum tess_quota which, uint64_t most);

/* ---- Machine-wide accounting ---- */

enum tess_commit {
	TESS_COMMIT_ALWAYS, /* the default: nothing is charged */
	TESS_COMMIT_NEVER   /* private writable memory and shared anonymous objects are charged */
};
struct tess_account {
	enum tess_commit policy;
	uint64_t commit_most, committed; /* bytes */
	uint64_t wired_most, wired;      /* bytes locked or wired by any space */
};
/*
 * tess_account_set_commit: policy and limit.  What was made before under ALWAYS stays uncharged.
 * tess_account_set_wired: the most that may be locked [S81]; UINT64_MAX: no limit (the default).
 */
void tess_account_set_commit(enum tess_commit policy, uint64_t bytes);
void tess_account_set_wired(uint64_t bytes);
void tess_account_get(struct tess_account *a);

/* ---- Protection [P1-P18] ---- */

enum {
	TESS_PROTECT_SET_PROT = 1,
	TESS_PROTECT_SET_MAXPROT = 2,
	TESS_PROTECT_GROWSDOWN = 4, /* begin where the grow-down mapping at start begins */
};
/*
 * tess_map_protect: set protection, maximum, or both, of [start, end).
 *
 * => start == end is SUCCESS before anything else is looked at
 * => OUT_OF_BOUNDS both, and prot not within maxprot; PROTECTION_FAILURE W and X on a WXORX map, beyond an
 *    entry's maximum, or immutable; INVALID_ARGUMENT a submap; RESOURCE_SHORTAGE the commit charge.  Holes are no
 *    errors; the first offender in address order decides
 * => waits for wirings of the range that are in progress [P6]
 */
enum tess_kern tess_map_protect(struct tess_map *map, tess_va start, tess_va end, tess_prot prot,
				tess_prot maxprot, unsigned flags);

/* ---- Wiring ---- */

enum {
	TESS_WIRE_SYSTEM = 1,  /* counted; without it: the user's, which does not nest (mlock) */
	TESS_WIRE_HOLESOK = 2, /* holes and what allows no access are skipped */
	TESS_WIRE_WRITE = 4,   /* entries that cannot be written are refused */
};
/*
 * tess_map_wire: bring in and keep [start, end); all of it, or nothing stays wired.
 * tess_map_unwire: the opposite of one tess_map_wire().
 *
 * => INVALID_ADDRESS a hole; PROTECTION_FAILURE no access; RESOURCE_SHORTAGE memory, the wired maximum; FAILURE
 *    the object's pager, or beyond its end
 * => unwire: INVALID_ARGUMENT something there is not wired so; nothing changed
 */
enum tess_kern tess_map_wire(struct tess_map *map, tess_va start, tess_va end, unsigned flags);
enum tess_kern tess_map_unwire(struct tess_map *map, tess_va start, tess_va end, unsigned flags);

/* ---- Places ---- */

struct tess_place {
	uint64_t len;
	tess_va min, max; /* bounds; 0, 0: the map's */
	tess_va hint;     /* 0: none */
	uint64_t align;   /* bytes, a power of 2; 0: a page */
	enum {
		TESS_PLACE_TOPDOWN,
		TESS_PLACE_BOTTOMUP, /* first fit upward from the hint (or min) */
		TESS_PLACE_HINT,     /* the hint itself or nothing */
		TESS_PLACE_SUPER /* 2 MiB aligned if there is such a place, else as `align` says, top down */
	} policy;
};
/*
 * tess_map_findspace: a free range; a hint when others write.  NO_SPACE; INVALID_ARGUMENT align, len 0.
 *
 * => the map's flags count, but for HINT: ASLR and QUARANTINE in either direction, BOTTOMUP turns TOPDOWN round
 */
enum tess_kern tess_map_findspace(struct tess_map *map, const struct tess_place *p, tess_va *out);
/* tess_map_reserve: find it and keep it: a guard entry, replaced by what is mapped FIXED there. */
enum tess_kern tess_map_reserve(struct tess_map *map, const struct tess_place *p, tess_va *out);

/* ---- Submaps ---- */

/*
 * tess_map_submap_create: [start, end) of `parent`, which must be free, becomes a map of its own; accesses to the
 *	parent's addresses find the submap's entries.
 * tess_map_submap_destroy: gives the range back.  The submap is empty: INVALID_ARGUMENT else.
 *
 * => INVALID_ARGUMENT the range is not free, not inside the parent, or the parent is a submap itself
 * => exec and exit of the parent's space end its submaps with all that is in them
 * => mprotect, msync, munmap, mincore ... of the parent over a submap are errors; fork leaves a hole
 */
enum tess_kern tess_map_submap_create(struct tess_map *parent, tess_va start, tess_va end,
				      struct tess_map **out);
enum tess_kern tess_map_submap_destroy(struct tess_map *submap);

/*
 * tess_map_make: map `object` (NULL: private zeros, or for SHARED a new object of zeros) in a map or submap.
 * tess_map_unmake: unmap; holes are fine.
 *
 * => make: `p` says where; NO_SPACE; INVALID_ARGUMENT; PROTECTION_FAILURE WXORX, prot beyond maxprot
 * => flags: TESS_MAP_SHARED or TESS_MAP_PRIVATE, and TESS_MAP_FIXED: replace what is at p->hint
 * => WIREFUTURE: the mapping is locked; its pages come as they are touched
 */
enum tess_kern tess_map_make(struct tess_map *map, const struct tess_place *p, tess_prot prot,
			     tess_prot maxprot, unsigned flags, struct tess_object *object,
			     tess_off off, tess_va *out);
enum tess_kern tess_map_unmake(struct tess_map *map, tess_va start, tess_va end);

/* ---- From map to map ---- */

enum tess_extract {
	TESS_EXTRACT_MOVE,    /* source forgets it */
	TESS_EXTRACT_COPY,    /* as a fork would: private from here on, shared mappings too */
	TESS_EXTRACT_SHARE,   /* stores of either are seen by both, private memory too */
	TESS_EXTRACT_RESERVE, /* only the place: guard entries of the same layout */
};
/*
 * tess_map_extract: [start, start + len) of `src` appears in `dst` at *to (0: a place is found), holes as holes.
 *
 * => src and dst may be one map (not overlapping)
 * => NO_SPACE; INVALID_ADDRESS nothing mapped there; INVALID_ARGUMENT alignment, a submap, *to is not free;
 *    PROTECTION_FAILURE MOVE of what is immutable, W and X into a WXORX map
 */
enum tess_kern tess_map_extract(struct tess_map *src, tess_va start, uint64_t len,
				struct tess_map *dst, tess_va *to, enum tess_extract how);

/* ---- The identity of a byte ---- */

/*
 * What two addresses that show the same memory have in common: for futexes and the like.
 *
 * => acquire: INVALID_ADDRESS not mapped.  The identity stays valid until release
 * => compare: <0, 0, >0; 0 exactly when a store through one address is seen through the other
 */
struct tess_voaddr {
	uint8_t kind;
	void *what; /* object, amap or map; referenced where it could go */
	uint64_t where;
};
enum tess_kern tess_map_voaddr_acquire(struct tess_map *map, tess_va va, struct tess_voaddr *v);
void tess_map_voaddr_release(struct tess_voaddr *v);
int tess_map_voaddr_compare(const struct tess_voaddr *a, const struct tess_voaddr *b);

/* ---- A consistent listing ---- */

/*
 * tess_map_list: areas from `start` on, at one moment: never half of somebody's change, never a hole that was
 *	not there.
 *
 * => *n areas were written, at most `room`; *version grows with every change of the map
 * => lock-free while nobody changes the map; else it becomes a writer for as long as it reads
 */
void tess_map_list(struct tess_map *map, tess_va start, struct tess_area *area, unsigned room,
		   unsigned *n, uint64_t *version);

TESS_END_DECLS

#endif
