/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * space.h: the user-visible calls, over the operations of the rooms below.
 *
 * ROOM     mmap
 * OWNS     struct tess_space, struct tess_rules; personalities
 * LOCKS    space (5): the break
 * CALLS    map, fault, object, page, pmap, anon
 * NEVER    contains an algorithm
 * SLEEPS   every call may
 * CHECKS   tess_space_check()
 *
 * A call is three steps: arguments into a checked range (tess_span_make), what the personality says to
 * errors (rules.c), one operation of the map.  Inside there are only checked ranges.
 */
#ifndef TESS_SPACE_ROOM_H
#define TESS_SPACE_ROOM_H

#include "base.h"
#include "map.h"
#include "fault.h"
#include <tessera/space.h>
#include <tessera/debug.h>

/* Whose order of checks mmap follows. */
enum tess_order {
	TESS_ORDER_LINUX,
	TESS_ORDER_BSD,
	TESS_ORDER_SEED
};

/*
 * struct tess_rules: one row a personality; semantics of section 4 in docs/SEMANTICS.md.
 * Where an error is named, TESS_OK means that this system lets it pass.
 */
struct tess_rules {
	bool truncates;  /* addresses that are not aligned are rounded down, for all range calls */
	bool signed_len; /* a length with the sign bit set is EINVAL (S12, S60, S70) */
	bool prot_max;   /* TESS_PROT_MAX() is known to mmap and mprotect */
	bool limit_as;   /* RLIMIT_AS is asked */
	bool limit_data; /* RLIMIT_DATA is asked by mmap and mprotect, not by brk alone */
	/* mmap */
	enum tess_order order;
	unsigned flags_known; /* TESS_MAP_* */
	enum tess_err flags_unknown;
	enum tess_err mmap_len0;         /* a length of 0 */
	enum tess_err mmap_bits;         /* unknown protection bits */
	enum tess_err mmap_no_type_file; /* neither SHARED nor PRIVATE */
	enum tess_err mmap_no_type_anon;
	enum tess_err mmap_both;     /* both, where that is not SHARED_VALIDATE */
	enum tess_err mmap_wrap;     /* off + len wraps; OK: only files are asked */
	bool mmap_validate;          /* both mean SHARED_VALIDATE */
	enum tess_err mmap_low;      /* fixed below the user range */
	enum tess_err mmap_high;     /* fixed beyond it */
	enum tess_err mmap_conflict; /* FIXED_NOREPLACE over a mapping */
	bool hint_down;              /* a hint is rounded down, not up */
	bool mmap_wired;             /* LOCKED whose pages cannot be had is undone */
	/* munmap, mprotect, minherit */
	enum tess_err munmap_len0;
	enum tess_holes munmap_holes;
	enum tess_err munmap_low; /* a part below the user range; OK: a hole like others */
	enum tess_err mprotect_bits;
	unsigned prot_known; /* bits that mprotect does not call unknown */
	enum tess_err mprotect_wrap;
	enum tess_err mprotect_hole;
	enum tess_holes
	    mprotect_holes; /* STOP: the part before a hole is changed; REFUSE: nothing */
	bool prot_grows;    /* PROT_GROWSDOWN and GROWSUP */
	enum tess_holes minherit_holes;
	enum tess_err immutable_hole; /* mimmutable over a hole */
	/* msync */
	enum tess_err msync_bits;
	enum tess_err msync_no_flag;
	enum tess_err msync_async_sync;
	enum tess_err msync_async_invalidate;
	enum tess_err msync_hole;
	enum tess_err msync_wrap;
	enum tess_err msync_locked; /* INVALIDATE over locked memory */
	bool msync_first;           /* holes and locks are looked for before anything is stored */
	bool msync_len0_entry;      /* a length of 0 is the whole mapping (S51) */
	/* mlock */
	enum tess_err mlock_unaligned;
	enum tess_err mlock_limit;
	enum tess_err mlock_limit0;
	enum tess_err mlock_wrap;
	enum tess_err mlock_max;   /* the machine's maximum (S81) */
	enum tess_err mlock_pages; /* pages that cannot be brought in */
	bool mlock_undo;           /* then nothing stays locked */
	bool mlock_again;          /* what is locked already counts again (S82) */
	enum tess_holes mlock_holes;
	enum tess_err munlock_unlocked;
	bool mlockall_onfault; /* MCL_ONFAULT is known */
	/* mincore, madvise, brk */
	enum tess_err mincore_len0;
	enum tess_err mincore_high;
	bool mincore_bits;   /* FreeBSD's bits */
	bool mincore_asks;   /* a length of 0 asks whether the address is mapped */
	uint64_t madv_known; /* bits 1 << TESS_MADV_*; 0: EOPNOTSUPP, whatever the arguments (S4) */
	bool madv_skips;     /* holes, and what an advice does not fit, are passed over */
	bool dontneed_discards; /* MADV_DONTNEED loses the data */
	bool brk_never_fails;   /* brk answers the break instead of an error */
	enum tess_err sbrk;     /* S1 */
};

struct tess_space {
	struct tess_map map;
	enum tess_personality personality; /* c */
	const struct tess_rules *rules;    /* c */
	struct tess_mutex lock;            /* rank SPACE: brk_start, brk */
	tess_va brk_start, brk;            /* S: 0 when there is no heap */
	uint64_t limit[TESS_LIMIT_COUNT];  /* A: bytes */
};

struct tess_mmap_room {
	struct tess_pool spaces;
};

#define TESS_STACK_GAP (256 * TESS_PAGE_SIZE) /* stack_guard_gap of Linux since 4.11 */

TESS_MUST_CHECK enum tess_err tess_mmap_room_init(struct tess_machine *m);
void tess_mmap_room_fini(struct tess_machine *m);

extern const struct tess_rules tess_rules[TESS_PERSONALITY_COUNT];

/* A checked range: page aligned, start <= end, nothing wrapped. */
struct tess_span {
	tess_va start, end;
};

/*
 * tess_span_make: [addr, addr + len) rounded out to pages; the only place where a length is added to an address.
 *
 * => false: it wraps, before or after rounding (D6)
 */
bool tess_span_make(tess_va addr, uint64_t len, struct tess_span *s);

/* A call of mmap on its way: the arguments as the personality sees them, and what the map will get. */
struct tess_mmap_plan {
	struct tess_mmap_args a; /* without what the personality does not know */
	struct tess_map_new n;
	unsigned asked;   /* flags as they came */
	uint64_t pageoff; /* bsd: offset % page, added to the result */
	bool anon;        /* no descriptor stands behind it */
};
void tess_mmap_plan_init(struct tess_mmap_plan *p, struct tess_space *sp,
			 const struct tess_mmap_args *a);
/*
 * tess_mmap_check: every check before the map is asked (order.c); fills p->n but for the object and the place.
 * tess_mmap_check_shm: the same for an attachment, which every system does alike.
 *
 * => OK with p->n.len 0: this system lets a length of 0 pass; nothing is mapped
 */
TESS_MUST_CHECK enum tess_err tess_mmap_check(struct tess_space *sp, struct tess_mmap_plan *p);
TESS_MUST_CHECK enum tess_err tess_mmap_check_shm(struct tess_space *sp, struct tess_mmap_plan *p);
/* tess_mmap_place: how a place is looked for: addr, align, bounds, direction of *n (place.c). */
void tess_mmap_place(struct tess_space *sp, const struct tess_mmap_args *a, struct tess_map_new *n);
/* tess_mmap_bound: where a mapping must end at the latest: the map's end, 32BIT, UPPER_LIMIT. */
tess_va tess_mmap_bound(const struct tess_map *map, const struct tess_mmap_args *a);
/* tess_mmap_fill: fault in what MAP_POPULATE or locking asks for; what cannot be is left out. */
void tess_mmap_fill(struct tess_space *sp, const struct tess_mmap_args *a,
		    const struct tess_map_new *n, tess_va start);

/* The limits of the space as the map takes them. */
struct tess_map_limits tess_space_limits(const struct tess_space *sp);

/* tess_space_leave: the end of a call: report quiescence, run what is due; passes `e` through. */
enum tess_err tess_space_leave(enum tess_err e);

#endif
