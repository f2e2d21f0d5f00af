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
	TESS_MODE_WRITE = 2
};

struct tess_handle {
	enum tess_handle_kind kind;
	uint8_t mode;               /* how it was opened: TESS_MODE_* */
	struct tess_object *object; /* FILE, DEVICE, SHM */
};

/* mmap flags.  Tessera's own numbers; a personality's native ones are translated by the host. */
enum {
	TESS_MAP_SHARED = 0x1,
	TESS_MAP_PRIVATE = 0x2,
	TESS_MAP_SHARED_VALIDATE = 0x3,
	TESS_MAP_TYPE = 0x3,
	TESS_MAP_FIXED = 0x10,
	TESS_MAP_ANON = 0x20,
	TESS_MAP_FIXED_NOREPLACE = 0x40, /* EXCL: fail where something is mapped */
	TESS_MAP_GROWSDOWN = 0x100,
	TESS_MAP_LOCKED = 0x200,
	TESS_MAP_NORESERVE = 0x400,
	TESS_MAP_POPULATE = 0x800,
	TESS_MAP_NONBLOCK = 0x1000,
	TESS_MAP_STACK = 0x2000,
	TESS_MAP_DENYWRITE = 0x4000,
	TESS_MAP_EXECUTABLE = 0x8000,
	TESS_MAP_KNOWN = 0xff73,
};

struct tess_mmap_args {
	tess_va addr;
	uint64_t len;
	unsigned prot;  /* TESS_PROT_*; unknown bits are the personality's business */
	unsigned flags; /* TESS_MAP_* */
	struct tess_handle handle;
	tess_off off;
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
	TESS_MADV_UNKNOWN, /* any number the personality does not know */
	TESS_MADV_COUNT
};

/* tess_madvise: EINVAL; ENOMEM after applying to the mapped parts of a range with holes [section 8]. */
TESS_MUST_CHECK enum tess_err tess_madvise(struct tess_space *sp, tess_va addr, uint64_t len,
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

/*
 * tess_brk: move the break.  linux: never fails, *out is the break afterwards (the old one when it could
 * not be moved).  elsewhere ENOMEM.
 */
TESS_MUST_CHECK enum tess_err tess_brk(struct tess_space *sp, tess_va addr, tess_va *out);

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
};
/* tess_space_counts_get: walks; exact when nothing else changes the space. */
void tess_space_counts_get(struct tess_space *sp, struct tess_space_counts *c);

/* ---- Errors in a personality's numbers ---- */

/* tess_err_number: errno as that system defines it (EAGAIN is 11 in linux, 35 in bsd). 0 for OK and signals. */
int tess_err_number(enum tess_personality p, enum tess_err e);

TESS_END_DECLS

#endif
