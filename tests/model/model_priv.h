/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * model_priv.h: the model from inside.
 */
#ifndef MODEL_PRIV_H
#define MODEL_PRIV_H

#include "model.h"
#include "text.h"

void *memcpy(void *to, const void *from, size_t n);
void *memmove(void *to, const void *from, size_t n);
void *memset(void *to, int byte, size_t n);
int memcmp(const void *a, const void *b, size_t n);

#define MODEL_GUARD_PAGES 256 /* Linux stack_guard_gap */

/* ---- Pages: a sorted array, by page index ---- */

struct model_page {
	uint64_t idx;
	uint8_t *data; /* contents; NULL: was read only, contents come from below */
	bool sure;     /* was accessed and nothing since could have dropped it: must be resident */
};

struct model_pages {
	struct model_page *page;
	unsigned n, room;
};

/* ---- Objects, groups ---- */

struct model_object {
	struct model *model;
	struct model_object *next;
	const struct tess_object *core; /* NULL: anonymous shared, not seen yet */
	enum tess_handle_kind kind;     /* NONE: made by an anonymous shared mmap */
	unsigned refs;                  /* runs, plus the creator */
	uint64_t size;
	uint64_t born; /* bytes the generator gives */
	uint64_t seed;
	struct model_pages pages;
	char name[32];
};

/* Private pages shared by several spaces: minherit(SHARE) on a private range, then fork. */
struct model_group {
	struct model *model;
	unsigned refs;
	struct model_pages pages;
};

/* ---- Spaces ---- */

/* A run: neighbouring pages with equal records. */
struct model_run {
	uint64_t start, end;
	uint8_t prot, maxprot;
	uint8_t inherit; /* enum tess_inherit, without what the next two say */
	uint8_t advice;  /* enum tess_advice */
	bool dontfork, wipe;
	bool attached;             /* by shmat */
	unsigned flags;            /* TESS_AREA_* */
	struct model_object *obj;  /* NULL: private anonymous */
	uint64_t off;              /* in obj, of start */
	struct model_group *group; /* its private pages live there; NULL: in the space */
	uint64_t goff;             /* in group, of start */
};

struct model_space {
	struct model *model;
	struct model_space *next;
	const struct model_rules *rules;
	uint64_t min, max, mmap_top;
	uint64_t limit[TESS_LIMIT_COUNT];
	uint64_t brk_start, brk;
	unsigned lock_future; /* TESS_AREA_LOCKED | LOCKONFAULT for new mappings */
	unsigned map_flags; /* TESS_MAPF_*, but WIREFUTURE, which is the same as mlockall(FUTURE) */
	struct model_run *run;
	unsigned nruns, room;
	struct model_pages pages; /* private pages by va / 4096 */
	uint64_t touched_start, touched_end;
};

struct model {
	struct model_mem *mem;
	void (*die)(const char *why);
	struct model_object *objects;
	struct model_space *spaces;
	uint64_t room; /* private pages that one call may populate */
	uint64_t left; /* what is left of it in this call */
	bool unsure; /* a call failed half way: memory objects may have pages that nobody touched */
	bool failing; /* the next mlock cannot have all its pages */
	bool complained;
	char complaint[256];
	char report[8192];
};

/* Whose order mmap checks its arguments in. */
enum model_order {
	MODEL_ORDER_LINUX,
	MODEL_ORDER_BSD,
	MODEL_ORDER_SEED
};

/* What a call does about a range that is not mapped all over. */
enum model_holes {
	MODEL_HOLES_ERROR, /* an error, nothing is changed */
	MODEL_HOLES_STOP,  /* an error, but the part before the hole is changed */
	MODEL_HOLES_SKIP   /* nothing special */
};

/* What the systems disagree about.  Where an error is named, OK means that this system lets it pass. */
struct model_rules {
	enum tess_personality personality;
	bool truncates;  /* unaligned addresses are rounded down */
	bool signed_len; /* a length beyond 2^63 is EINVAL */
	bool prot_max;   /* TESS_PROT_MAX() has a meaning */
	bool limit_as;   /* RLIMIT_AS counts */
	bool limit_data; /* RLIMIT_DATA counts, and not for the heap alone */
	enum model_order order;
	unsigned flags_known;            /* TESS_MAP_* */
	bool flags_refused;              /* unknown flags: EINVAL */
	bool flags_guard;                /* MAP_GUARD makes guards */
	bool flags_align;                /* the arguments `align` and `limit` have a meaning */
	bool flags_copy;                 /* MAP_COPY means MAP_PRIVATE */
	enum tess_err mmap_len0;         /* OK: succeeds and maps nothing */
	enum tess_err mmap_wrap;         /* off + len wraps; OK: only a file that long is refused */
	enum tess_err mmap_unknown_prot; /* OK: ignored */
	enum tess_err mmap_no_type_file; /* neither SHARED nor PRIVATE; OK: private */
	enum tess_err mmap_no_type_anon;
	enum tess_err mmap_both_types; /* OK: shared (and for linux VALIDATE) */
	bool mmap_validate;            /* both types together ask for checked flags */
	enum tess_err mmap_below_min;  /* FIXED below the user range */
	enum tess_err mmap_beyond;     /* FIXED beyond the user range */
	enum tess_err mmap_conflict;   /* FIXED_NOREPLACE over a mapping */
	enum tess_err mmap_memlock;    /* locked bytes beyond the limit */
	bool mmap_wired_undone;        /* LOCKED whose pages cannot be brought in maps nothing */
	enum tess_err munmap_len0;
	enum tess_err munmap_hole;
	bool munmap_inside; /* the range must lie in the user range */
	enum tess_err mprotect_unknown;
	unsigned prot_known; /* bits that are not unknown to mprotect */
	enum tess_err mprotect_wrap;
	enum model_holes mprotect_holes;
	bool mprotect_grows; /* PROT_GROWSDOWN, PROT_GROWSUP */
	enum model_holes minherit_holes;
	enum model_holes immutable_holes;
	enum tess_err msync_unknown_flag;
	enum tess_err msync_no_flag;
	enum tess_err msync_async_sync;
	enum tess_err msync_async_invalidate;
	enum tess_err msync_hole;
	enum tess_err msync_wrap;
	enum tess_err msync_locked; /* INVALIDATE over locked memory */
	bool msync_first;           /* holes and locks are looked for before anything is done */
	bool msync_len0_mapping;    /* a length of 0 is the mapping at the address */
	bool mlock_aligned;         /* unaligned is EINVAL; else it is rounded */
	enum tess_err mlock_limit;
	enum tess_err mlock_limit_zero;
	enum tess_err mlock_wrap;
	bool mlock_len0_first;     /* a length of 0 is OK whatever the limits */
	bool mlock_counts_again;   /* what is locked already counts once more */
	enum tess_err mlock_pages; /* pages that cannot be brought in */
	bool mlock_undone;         /* then nothing stays locked */
	enum model_holes mlock_holes;
	bool munlock_locked;   /* every part must be locked */
	bool mlockall_onfault; /* MCL_ONFAULT is known */
	enum tess_err mincore_len0;
	enum tess_err mincore_wrap;
	enum tess_err mincore_beyond;
	bool mincore_asks;   /* a length of 0: is the address mapped? */
	bool mincore_bits;   /* more than one bit */
	uint64_t madv_known; /* bits 1 << TESS_MADV_*; 0: nothing is supported */
	bool madv_skips;     /* holes and unfit mappings are passed over */
	bool dontneed_discards;
	bool stack_gaps; /* a stack grows into its gap, and into nothing else */
	bool read_any;   /* a page that may be written or executed may be read */
	bool brk_never_fails;
	bool sbrk; /* is supported */
};

extern const struct model_rules model_rules[TESS_PERSONALITY_COUNT];

/* model.c */
void *model_get(struct model *m, size_t n);
void model_put(struct model *m, void *p, size_t n);
__attribute__((format(printf, 2, 3))) void model_complain(struct model *m, const char *fmt, ...);

struct model_space *space_new(struct model *m);
void space_set_flags(struct model_space *sp, unsigned flags);

/* pages.c */
struct model_page *pages_find(const struct model_pages *p, uint64_t idx);
unsigned pages_place(const struct model_pages *p, uint64_t idx);
struct model_page *pages_make(struct model *m, struct model_pages *p, uint64_t idx);
void pages_drop(struct model *m, struct model_pages *p, uint64_t first, uint64_t last);
void pages_copy(struct model *m, struct model_pages *to, uint64_t to_idx,
		const struct model_pages *from, uint64_t first, uint64_t last);
uint64_t pages_written(const struct model_pages *p, uint64_t first, uint64_t last);
void pages_free(struct model *m, struct model_pages *p);

/* object.c */
struct model_object *object_ref(struct model_object *o);
void object_unref(struct model_object *o);
struct model_object *object_new(struct model *m, const struct tess_object *core,
				enum tess_handle_kind kind, uint64_t size, uint64_t seed);
void object_page_contents(const struct model_object *o, uint64_t idx, uint8_t *to);
struct model_page *object_page_touch(struct model_object *o, uint64_t idx);
uint8_t *object_page_write(struct model_object *o, uint64_t idx);
void object_zero(struct model_object *o, uint64_t first, uint64_t last);
uint64_t object_page_count(const struct model_object *o);
struct model_group *group_ref(struct model_group *g);
void group_unref(struct model_group *g);

/* runs.c */
unsigned runs_place(const struct model_space *sp, uint64_t va);
struct model_run *runs_find(struct model_space *sp, uint64_t va);
void runs_cut(struct model_space *sp, uint64_t va);
void runs_remove(struct model_space *sp, uint64_t start, uint64_t end);
void runs_insert(struct model_space *sp, const struct model_run *r);
void runs_join(struct model_space *sp);
bool runs_follow(const struct model_run *a, const struct model_run *b);
bool runs_free(const struct model_space *sp, uint64_t start, uint64_t end);
uint64_t runs_hole(const struct model_space *sp, uint64_t start, uint64_t end);
uint64_t runs_bytes_flagged(const struct model_space *sp, uint64_t start, uint64_t end,
			    unsigned flag);
struct model_pages *runs_private(struct model_space *sp, const struct model_run *r, uint64_t va,
				 uint64_t *idx);
bool runs_group_covered(const struct model_group *g, uint64_t start, uint64_t end);
void runs_drop_private(struct model_space *sp, const struct model_run *r, uint64_t start,
		       uint64_t end);
uint8_t runs_inherit(const struct model_run *r);
uint64_t runs_mapping_end(const struct model_space *sp, uint64_t va);
void runs_group(struct model_space *sp, struct model_run *r);
void runs_move(struct model_space *sp, uint64_t from, uint64_t to, uint64_t len);
void runs_continue(struct model_space *sp, const struct model_run *r, uint64_t va, uint64_t to,
		   uint64_t len);

/* args.c */
enum range_align {
	RANGE_ALIGNED, /* unaligned: EINVAL */
	RANGE_TRUNCATED
};
enum tess_err range_make(enum range_align how, tess_va addr, uint64_t len, enum tess_err wrap,
			 uint64_t *start, uint64_t *end);
enum range_align range_how(const struct model_rules *ru);
bool align_is_bad(uint8_t align);
uint64_t align_bytes(uint8_t align);
bool prot_exceeds_max(unsigned prot);

/* access.c */
enum tess_err access_touch(struct model_space *sp, uint64_t va, enum tess_access how);
/* The locks' own wish for a page at the first touch is heard, or not. */
enum access_lazy {
	ACCESS_NOW,
	ACCESS_AS_LOCKED
};
enum tess_err access_populate(struct model_space *sp, uint64_t start, uint64_t end,
			      enum access_lazy lazy);
void access_populate_all(struct model_space *sp, uint64_t start, uint64_t end);
bool space_lock_fits(const struct model_space *sp, uint64_t more);
bool space_may_expand(const struct model_space *sp, const struct model_run *r, uint64_t more);
void space_touch(struct model_space *sp, uint64_t start, uint64_t end);
bool run_is_data(const struct model_run *r);
uint64_t space_data(const struct model_space *sp);

/* place.c: where a mapping may go when the caller leaves it open. */
struct place {
	uint64_t bytes;
	uint64_t align;  /* in bytes */
	uint64_t lo, hi; /* it lies in [lo, hi) */
	bool super;      /* 2 MiB aligned, if there is such a place */
	bool up;         /* the first place at or above `from` ... */
	bool wrap;       /* ... else the first one above lo */
	uint64_t from;
};
void place_any(const struct model_space *sp, uint64_t bytes, struct place *p);
void place_hint(const struct model_space *sp, uint64_t hint, unsigned flags, struct place *p);
bool place_exists(const struct model_space *sp, const struct place *p);
enum tess_err place_adopt(struct model_space *sp, const struct place *p, enum tess_err err,
			  uint64_t va, const char *call);

/* call_mmap.c */
struct model_mmap {
	struct model_run run; /* what it will be; start and end come last */
	uint64_t bytes;
	uint64_t pageoff; /* what the answer lies behind the mapping's start */
	uint64_t off;     /* of the mapping in its object */
	uint64_t addr;
	bool fixed, exclusive;
	struct place place;
	uint64_t gap;  /* bytes at the low end that are a stack's gap */
	bool nothing;  /* a length of 0 that succeeds */
	bool attached; /* for shmat */
};
enum tess_err mmap_judge(const struct model_space *sp, const struct tess_mmap_args *a,
			 struct model_mmap *q);
enum tess_err mmap_make(struct model_space *sp, const struct tess_mmap_args *a,
			struct model_mmap *q, struct model_answer *ans);
void mmap_put(struct model_space *sp, struct model_run *r, uint64_t va, uint64_t bytes);

/* call_mremap.c */
bool remap_is_shared_on(const struct model_run *r, uint64_t va, uint64_t more);

/* call_protect.c */
struct model_run *runs_immutable(struct model_space *sp, uint64_t start, uint64_t end);

#endif
