/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * space.h: address spaces and the mmap family of calls.
 *
 * COMMON TO ALL CALLS, unless a call's own text says otherwise:
 *   => context: a CPU of the machine, no lock of the core held.  sleeps: may (memory, I/O, writers)
 *   => addresses and lengths in bytes; no alignment is assumed
 *   => success, or nothing changed that anyone can see (the strong guarantee); the exceptions
 *	are demanded by a personality and named at the call
 *   => ENOMEM when memory for the core's own records runs out
 *   => errors are the personality's choice; the numbers in brackets name semantics.md lines,
 *	kept in docs/SEMANTICS.md
 */
#ifndef TESSERA_SPACE_H
#define TESSERA_SPACE_H

#include <tessera/types.h>
#include <tessera/object.h>

TESS_BEGIN_DECLS

/* ---- Life of a space ---- */

enum tess_limit {
	TESS_LIMIT_AS,
	TESS_LIMIT_DATA,
	TESS_LIMIT_STACK,
	TESS_LIMIT_MEMLOCK,
	TESS_LIMIT_COUNT
};
#define TESS_LIMIT_INFINITY UINT64_MAX

struct tess_space_config {
	enum tess_personality personality;
	tess_va min, max; /* user range; 0, 0: the pmap's (64 KiB .. 2^47 - 4096) */
	tess_va mmap_top; /* placement starts below here; 0: max minus a gap for the stack */
	uint64_t
	    limit[TESS_LIMIT_COUNT]; /* bytes; 0 here means the default: infinite, stack 8 MiB */
	unsigned map_flags;          /* TESS_MAPF_* of <tessera/map.h> */
	uint64_t seed;               /* of ASLR */
};

/*
 * tess_space_create: an empty space.  `cfg` may be NULL: posix, defaults.
 *
 * => fails: ENOMEM; EINVAL for a bad range
 */
TESS_MUST_CHECK enum tess_err tess_space_create(const struct tess_space_config *cfg,
						struct tess_space **out);

/*
 * tess_space_fork: a child that is a copy as each entry's inheritance says: COPY shares until
 * written, SHARE stays shared, NONE leaves a hole, ZERO gives fresh zero pages.
 *
 * => locks are not inherited (mlock(2) "Notes" in every system)
 * => fails: ENOMEM, then no child exists
 */
TESS_MUST_CHECK enum tess_err tess_space_fork(struct tess_space *sp, struct tess_space **child);

/* tess_space_exec: forget every mapping, brk, locks; limits and personality stay. */
void tess_space_exec(struct tess_space *sp);

/* tess_space_destroy: exit.  No CPU uses the space any more; it is deactivated here if this CPU has it. */
void tess_space_destroy(struct tess_space *sp);

/* tess_space_activate: user accesses of this CPU go to `sp` (NULL: nowhere) from here on. */
void tess_space_activate(struct tess_space *sp);

enum tess_personality tess_space_personality(const struct tess_space *sp);
TESS_MUST_CHECK enum tess_err tess_space_set_limit(struct tess_space *sp, enum tess_limit which,
						   uint64_t bytes);

/* tess_space_set_brk: where the heap of an executed program starts; the break is there too. */
TESS_MUST_CHECK enum tess_err tess_space_set_brk(struct tess_space *sp, tess_va start);

/* ---- What mmap maps ---- */

enum tess_handle_kind {
	TESS_HANDLE_NONE,   /* no descriptor (-1) */
	TESS_HANDLE_BAD,    /* a descriptor that is not open */
	TESS_HANDLE_FILE,   /* regular file; `object` is its page cache */
	TESS_HANDLE_DEVICE, /* character device with memory; `object` */
	TESS_HANDLE_ZERO,   /* /dev/zero */
	TESS_HANDLE_SHM,    /* anonymous shared segment; `object` */
	TESS_HANDLE_OTHER,  /* pipe, socket, directory: cannot be mapped */
};

enum {
	TESS_MODE_READ = 1,
	TESS_MODE_WRITE = 2,
	TESS_MODE_MAPPED = 4 /* UF_MAPPED of 1995: the host's mark; see tess_munmapfd() */
};

struct tess_handle {
	enum tess_handle_kind kind;
	uint8_t mode;               /* how it was opened: TESS_MODE_* */
	struct tess_object *object; /* FILE, DEVICE, SHM */
};

/* mmap flags.  Tessera's own numbers; a personality's native ones are translated by the host [section 6]. */
enum {
	TESS_MAP_SHARED = 0x1,
	TESS_MAP_PRIVATE = 0x2,
	TESS_MAP_SHARED_VALIDATE = 0x3,
	TESS_MAP_TYPE = 0x3,
	TESS_MAP_COPY = 0x4, /* PRIVATE, as 4.4BSD spelt it */
	TESS_MAP_FIXED = 0x10,
	TESS_MAP_ANON = 0x20,
	TESS_MAP_FIXED_NOREPLACE = 0x40, /* bsd: EXCL: fail where something is mapped */
	TESS_MAP_GUARD = 0x80,           /* bsd: addresses that fault, for good */
	TESS_MAP_GROWSDOWN = 0x100,
	TESS_MAP_LOCKED = 0x200, /* bsd: WIRED */
	TESS_MAP_NORESERVE = 0x400,
	TESS_MAP_POPULATE = 0x800,
	TESS_MAP_NONBLOCK = 0x1000,
	TESS_MAP_STACK = 0x2000, /* bsd: grows down into a gap; elsewhere nothing */
	TESS_MAP_DENYWRITE = 0x4000,
	TESS_MAP_EXECUTABLE = 0x8000,
	TESS_MAP_TRYFIXED = 0x10000, /* the hint counts inside the heap's gap too */
	TESS_MAP_32BIT = 0x20000,    /* below 2 GiB */
	TESS_MAP_ALIGNED_SUPER = 0x40000,
	TESS_MAP_NOSYNC = 0x80000,
	TESS_MAP_NOCORE = 0x100000,      /* CONCEAL */
	TESS_MAP_UPPER_LIMIT = 0x200000, /* below args.limit */
	TESS_MAP_PREFAULT_READ = 0x400000,
	TESS_MAP_INHERIT = 0x800000,   /* no meaning since 4.3BSD */
	TESS_MAP_LEGACY = 0x1000000,   /* RENAME, NOEXTEND, HASSEMAPHORE: no meaning */
	TESS_MAP_HUGETLB = 0x2000000,  /* there are no huge pages */
	TESS_MAP_SYNC = 0x4000000,     /* there is no DAX */
	TESS_MAP_UNKNOWN = 0x40000000, /* stands for any bit that the host does not know */
};

struct tess_mmap_args {
	tess_va addr;
	uint64_t len;
	unsigned
	    prot; /* TESS_PROT_*, TESS_PROT_MAX(); unknown bits are the personality's business */
	unsigned flags; /* TESS_MAP_* */
	struct tess_handle handle;
	tess_off off;
	uint8_t align; /* MAP_ALIGNED(n): log2 of the alignment; 0: none */
	tess_va limit; /* UPPER_LIMIT: where the mapping must end at the latest */
};

/*
 * tess_mmap: map `len` bytes of the handle (or of zeros) and say where in *out.
 *
 * => EINVAL bad type, alignment, length 0, offset; EBADF; EACCES mode against prot; ENODEV
 *    unmappable handle; EEXIST FIXED_NOREPLACE over a mapping; ENOMEM no room, a limit;
 *    EOVERFLOW off + len wraps [S10-S44, section 4]
 * => FIXED replaces what is there in one stroke; when the call fails the old mapping stays [D8]
 * => *out is untouched on failure [S28]
 */
TESS_MUST_CHECK enum tess_err tess_mmap(struct tess_space *sp, const struct tess_mmap_args *a,
					tess_va *out);

/* tess_munmap: unmap [addr, addr+len), holes included.  EINVAL [S60-S65, section 4]. */
TESS_MUST_CHECK enum tess_err tess_munmap(struct tess_space *sp, tess_va addr, uint64_t len);

/*
 * tess_mprotect: EINVAL alignment, unknown bits (posix); EACCES beyond a maximum; ENOMEM a hole
 * [S70-S73, section 4].  linux: a hole leaves the part before it changed, as that kernel does.
 */
TESS_MUST_CHECK enum tess_err tess_mprotect(struct tess_space *sp, tess_va addr, uint64_t len,
					    unsigned prot);

enum tess_madv {
	TESS_MADV_NORMAL,
	TESS_MADV_RANDOM,
	TESS_MADV_SEQUENTIAL,
	TESS_MADV_WILLNEED,
	TESS_MADV_DONTNEED, /* linux: discard; elsewhere: keep the data */
	TESS_MADV_FREE,     /* the data may be lost, now */
	TESS_MADV_DONTFORK,
	TESS_MADV_DOFORK,
	TESS_MADV_WIPEONFORK,
	TESS_MADV_KEEPONFORK,
	TESS_MADV_DONTDUMP,
	TESS_MADV_DODUMP,
	TESS_MADV_HUGEPAGE,
	TESS_MADV_NOHUGEPAGE,
	TESS_MADV_MERGEABLE,
	TESS_MADV_UNMERGEABLE,
	TESS_MADV_COLD,
	TESS_MADV_PAGEOUT,
	TESS_MADV_POPULATE_READ,
	TESS_MADV_POPULATE_WRITE,
	TESS_MADV_REMOVE, /* a hole in the object */
	TESS_MADV_DONTNEED_LOCKED,
	TESS_MADV_COLLAPSE,      /* there are no superpages */
	TESS_MADV_HWPOISON,      /* privileged: EPERM */
	TESS_MADV_SOFT_OFFLINE,  /* privileged: EPERM */
	TESS_MADV_GUARD_INSTALL, /* accesses are SIGSEGV until ... */
	TESS_MADV_GUARD_REMOVE,
	TESS_MADV_NOSYNC, /* FreeBSD */
	TESS_MADV_AUTOSYNC,
	TESS_MADV_PROTECT,    /* privileged: EPERM */
	TESS_MADV_SPACEAVAIL, /* nobody's: EINVAL */
	TESS_MADV_ZERO,       /* XNU */
	TESS_MADV_FREE_REUSABLE,
	TESS_MADV_FREE_REUSE,
	TESS_MADV_CAN_REUSE,
	TESS_MADV_UNKNOWN, /* any number the personality does not know */
	TESS_MADV_COUNT
};

/* tess_madvise: EINVAL; ENOMEM after applying to the mapped parts of a range with holes [section 8]. */
TESS_MUST_CHECK enum tess_err tess_madvise(struct tess_space *sp, tess_va addr, uint64_t len,
					   enum tess_madv advice);

/*
 * tess_posix_madvise: NORMAL .. DONTNEED only, else EINVAL; DONTNEED keeps the data in every personality
 * [posix_madvise(3)].
 */
TESS_MUST_CHECK enum tess_err tess_posix_madvise(struct tess_space *sp, tess_va addr, uint64_t len,
						 enum tess_madv advice);

enum {
	TESS_MS_ASYNC = 1,
	TESS_MS_INVALIDATE = 2,
	TESS_MS_SYNC = 4,
	TESS_MS_UNKNOWN = 8, /* stands for any unknown bit */
};
/* tess_msync: EINVAL flags, alignment; ENOMEM a hole; EBUSY INVALIDATE on locked; EIO [S50-S54]. */
TESS_MUST_CHECK enum tess_err tess_msync(struct tess_space *sp, tess_va addr, uint64_t len,
					 unsigned flags);

/*
 * tess_mincore: one byte a page into vec: bit 0 resident [C1-C10].  `vec` NULL stands for memory the
 * host could not write: EFAULT before the map is looked at [C3].
 * => partial: bytes before a hole are written, then ENOMEM [C4]
 */
TESS_MUST_CHECK enum tess_err tess_mincore(struct tess_space *sp, tess_va addr, uint64_t len,
					   unsigned char *vec);

/* The bits of a mincore byte: bsd's tess_mincore() gives the first five, tess_mincore_detail() all [section 9]. */
enum {
	TESS_MINCORE_INCORE = 1,
	TESS_MINCORE_REFERENCED = 2, /* by this space */
	TESS_MINCORE_MODIFIED = 4,
	TESS_MINCORE_REFERENCED_OTHER = 8, /* by whomever */
	TESS_MINCORE_MODIFIED_OTHER = 0x10,
	TESS_MINCORE_PAGED_OUT = 0x20,
	TESS_MINCORE_COPIED = 0x40, /* a private copy of an object's page */
	TESS_MINCORE_ANONYMOUS = 0x80,
};
/* tess_mincore_detail: as tess_mincore(), with all bits, in every personality. */
TESS_MUST_CHECK enum tess_err tess_mincore_detail(struct tess_space *sp, tess_va addr, uint64_t len,
						  unsigned char *vec);

enum {
	TESS_MLOCK_ONFAULT = 1
};
enum {
	TESS_MCL_CURRENT = 1,
	TESS_MCL_FUTURE = 2,
	TESS_MCL_ONFAULT = 4
};
/* Locking in memory; does not nest [S80-S84, section 4]. */
TESS_MUST_CHECK enum tess_err tess_mlock(struct tess_space *sp, tess_va addr, uint64_t len);
TESS_MUST_CHECK enum tess_err tess_mlock2(struct tess_space *sp, tess_va addr, uint64_t len,
					  unsigned flags);
TESS_MUST_CHECK enum tess_err tess_munlock(struct tess_space *sp, tess_va addr, uint64_t len);
TESS_MUST_CHECK enum tess_err tess_mlockall(struct tess_space *sp, unsigned flags);
TESS_MUST_CHECK enum tess_err tess_munlockall(struct tess_space *sp);

/* tess_minherit: what a child gets of [addr, addr+len).  EINVAL; ENOMEM a hole. */
TESS_MUST_CHECK enum tess_err tess_minherit(struct tess_space *sp, tess_va addr, uint64_t len,
					    enum tess_inherit inherit);

enum {
	TESS_MREMAP_MAYMOVE = 1,
	TESS_MREMAP_FIXED = 2,
	TESS_MREMAP_DONTUNMAP = 4,
	TESS_MREMAP_UNKNOWN = 8
};
/* tess_mremap (Linux form): EINVAL, EFAULT nothing or more than one mapping there, ENOMEM cannot grow. */
TESS_MUST_CHECK enum tess_err tess_mremap(struct tess_space *sp, tess_va old, uint64_t old_len,
					  uint64_t new_len, unsigned flags, tess_va new_addr,
					  tess_va *out);

enum {
	TESS_MREMAP_BSD_FIXED = 1,
	TESS_MREMAP_BSD_DUP = 2, /* REMAPDUP: the old mapping stays, both share their pages */
	TESS_MREMAP_BSD_UNKNOWN = 4
};
/*
 * tess_mremap_bsd: NetBSD's form [mremap(2) of NetBSD].  `align` is log2, 0 for none; `to` is a hint without FIXED.
 *
 * => EINVAL flags, alignment, a length of 0, ranges outside, lengths that differ for DUP, more than one mapping
 *    that grows; ENOMEM a hole, no room; EPERM immutable
 */
TESS_MUST_CHECK enum tess_err tess_mremap_bsd(struct tess_space *sp, tess_va old, uint64_t old_len,
					      tess_va to, uint64_t new_len, unsigned flags,
					      uint8_t align, tess_va *out);

/* tess_mquery: where tess_mmap() would map; FIXED: EINVAL when that is taken.  Maps nothing [mquery(2) of OpenBSD]. */
TESS_MUST_CHECK enum tess_err tess_mquery(struct tess_space *sp, const struct tess_mmap_args *a,
					  tess_va *out);

/*
 * tess_mimmutable, tess_mseal: nobody changes [addr, addr+len) any more: unmap, replace, protect, minherit, move are
 * EPERM.  Until exec or exit; a child inherits it [mimmutable(2) of OpenBSD, mseal(2) of Linux].
 *
 * => EINVAL; ENOMEM a hole (bsd: skipped); nothing changed
 */
TESS_MUST_CHECK enum tess_err tess_mimmutable(struct tess_space *sp, tess_va addr, uint64_t len);
TESS_MUST_CHECK enum tess_err tess_mseal(struct tess_space *sp, tess_va addr, uint64_t len,
					 unsigned flags);

/*
 * tess_brk: move the break.  linux: never fails, *out is the break afterwards (the old one when it could
 * not be moved).  elsewhere ENOMEM.
 */
TESS_MUST_CHECK enum tess_err tess_brk(struct tess_space *sp, tess_va addr, tess_va *out);

/* tess_sbrk: move the break by `incr` bytes; *out is the old one.  ENOMEM; seed: EOPNOTSUPP [S1]. */
TESS_MUST_CHECK enum tess_err tess_sbrk(struct tess_space *sp, int64_t incr, tess_va *out);

/* ---- Calls of 4.3BSD that the 1995 layer kept ---- */

/* tess_sstk: EOPNOTSUPP in every personality [S2].  tess_getpagesize: bytes [S3]. */
TESS_MUST_CHECK enum tess_err tess_sstk(struct tess_space *sp, int64_t incr);
uint64_t tess_getpagesize(void);

/* Bits of tess_ommap()'s flags [S8]. */
enum {
	TESS_OMAP_ANON = 0x2,
	TESS_OMAP_SHARED = 0x10,
	TESS_OMAP_COPY = 0x20,
	TESS_OMAP_FIXED = 0x100,
	TESS_OMAP_INHERIT = 0x800
};
/* tess_ommap: mmap of 4.3BSD: `prot` is a row of the old table [S7], `len` an int that sign-extends [S9]. */
TESS_MUST_CHECK enum tess_err tess_ommap(struct tess_space *sp, tess_va addr, int32_t len,
					 unsigned prot, unsigned flags, const struct tess_handle *h,
					 int64_t off, tess_va *out);

/* tess_munmapfd: clears the mark that a descriptor was mapped; no mapping goes away [S6]. */
void tess_munmapfd(struct tess_handle *h);

/* System V shared memory: attach a whole segment (SHM handle), detach what one attach mapped. */
TESS_MUST_CHECK enum tess_err tess_shmat(struct tess_space *sp, const struct tess_handle *h,
					 tess_va addr, unsigned prot, tess_va *out);
TESS_MUST_CHECK enum tess_err tess_shmdt(struct tess_space *sp, tess_va addr);

/* ---- Faults ---- */

/*
 * tess_fault: make one access by this CPU to `va` of `sp` legal, or say why not.
 *
 * => TESS_OK: repeat the access; TESS_SIGSEGV: nothing mapped or no permission; TESS_SIGBUS: beyond
 *    the end of the object, or its pager failed; TESS_ENOMEM
 * => grows a grow-down mapping when va lies within reach below it
 */
TESS_MUST_CHECK enum tess_err tess_fault(struct tess_space *sp, tess_va va,
					 enum tess_access access);

/* ---- Looking ---- */

enum {
	TESS_AREA_SHARED = 1,
	TESS_AREA_GROWSDOWN = 2,
	TESS_AREA_LOCKED = 4,
	TESS_AREA_LOCKONFAULT = 8,
	TESS_AREA_DONTDUMP = 16,
	TESS_AREA_GUARD = 32,   /* MAP_GUARD */
	TESS_AREA_GUARDED = 64, /* MADV_GUARD_INSTALL */
	TESS_AREA_IMMUTABLE = 128,
	TESS_AREA_NOSYNC = 256,
	TESS_AREA_STACKGAP = 512, /* a guard that the stack above grows into */
	TESS_AREA_SUBMAP = 1024,
	TESS_AREA_WIRED = 2048, /* by the system: tess_map_wire() */
	TESS_AREA_DEVICE = 4096,
};

struct tess_area {
	tess_va start, end;
	tess_prot prot, maxprot;
	uint8_t inherit; /* enum tess_inherit */
	uint8_t advice;  /* enum tess_advice */
	unsigned flags;  /* TESS_AREA_* */
	struct tess_object
	    *object; /* NULL: private anonymous.  Valid while the space is not changed */
	tess_off off;
};

/*
 * tess_space_next_area: the first area with end > va.  false: none.
 *
 * => adjacent entries of equal attributes may or may not be one area; compare joined
 */
bool tess_space_next_area(struct tess_space *sp, tess_va va, struct tess_area *area);

struct tess_space_counts {
	uint64_t entries;
	uint64_t bytes;    /* mapped */
	uint64_t anon;     /* private pages held, page exact */
	uint64_t locked;   /* bytes under mlock */
	uint64_t resident; /* valid translations */
	uint64_t data;     /* bytes that RLIMIT_DATA counts */
	uint64_t charged;  /* bytes under the commit charge */
	uint64_t wired;    /* bytes wired by the system */
	uint64_t metadata; /* bytes of entries and tables, what the quota counts */
};
/* tess_space_counts_get: walks; exact when nothing else changes the space. */
void tess_space_counts_get(struct tess_space *sp, struct tess_space_counts *c);

/* ---- Errors in a personality's numbers ---- */

/* tess_err_number: errno as that system defines it (EAGAIN is 11 in linux, 35 in bsd). 0 for OK and signals. */
int tess_err_number(enum tess_personality p, enum tess_err e);

TESS_END_DECLS

#endif
