/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * types.h: scalars, the closed error enum, and the glossary.
 *
 * GLOSSARY
 *   page         4096 bytes of virtual space, aligned.
 *   frame        4096 bytes of physical memory, aligned; each has one `struct tess_page`.
 *   PTE page     a frame that holds one table of translations.
 *   entry        one range of a map with uniform attributes (struct tess_entry).
 *   mapping      what a caller of mmap made; one or more entries.
 *   translation  what hardware uses: a PTE, or the TLB's copy of one.
 *   object       a sequence of pages with a source (its pager).
 *   pager        the operations that fetch and store an object's pages.
 *   backing      whatever a pager reads from: a file, a device, nothing (zeros).
 *   anon         one private page, counted; shared copy-on-write between amaps.
 *   amap         a sparse array of slots, each empty or holding an anon.
 *   chunk        512 slots of an amap: 2 MiB of virtual space, the unit of sharing at fork.
 *   space        map + pmap + amap: what a process sees.
 *   gather       the debt of an operation: TLB flushes owed and frames to free after them.
 *
 * WORDS
 *   va, pa       virtual, physical address in bytes.
 *   pfn          frame number (pa / 4096).
 *   off          byte offset in an object or file.
 *   idx          page index in an object, or slot index in an amap.
 *   start, end   a half-open, page-aligned range of virtual addresses.
 */
#ifndef TESSERA_TYPES_H
#define TESSERA_TYPES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef uint64_t tess_va;
typedef uint64_t tess_pa;
typedef uint64_t tess_pfn;
typedef uint64_t tess_off;
typedef uint64_t tess_idx;

#define TESS_PAGE_SHIFT 12
#define TESS_PAGE_SIZE  ((uint64_t)1 << TESS_PAGE_SHIFT)
#define TESS_PAGE_MASK  (TESS_PAGE_SIZE - 1)

#if defined(__cplusplus)
#define TESS_BEGIN_DECLS extern "C" {
#define TESS_END_DECLS   }
#else
#define TESS_BEGIN_DECLS
#define TESS_END_DECLS
#endif

#define TESS_MUST_CHECK   __attribute__((warn_unused_result))
#define TESS_NORETURN     __attribute__((noreturn))
#define TESS_PRINTF(f, a) __attribute__((format(printf, f, a)))

/*
 * Every public call answers one of these and nothing else.  They carry no numbers of any
 * system: tess_err_number() gives a personality's errno, tess_err_name() the word "EINVAL".
 * TESS_SIGSEGV and TESS_SIGBUS are answers of tess_fault() alone.
 */
enum tess_err {
	TESS_OK = 0,
	TESS_EPERM,
	TESS_ENOENT,
	TESS_EIO,
	TESS_EBADF,
	TESS_EAGAIN,
	TESS_ENOMEM,
	TESS_EACCES,
	TESS_EFAULT,
	TESS_EBUSY,
	TESS_EEXIST,
	TESS_ENODEV,
	TESS_EINVAL,
	TESS_EOVERFLOW,
	TESS_EOPNOTSUPP,
	TESS_ENOTSUP,
	TESS_ENXIO,
	TESS_E2BIG,
	TESS_SIGSEGV,
	TESS_SIGBUS,
	TESS_ERR_COUNT
};

/* tess_err_name: "EINVAL", "OK", "SIGBUS"; "?" for a number outside the enum. */
TESS_BEGIN_DECLS
const char *tess_err_name(enum tess_err err);
TESS_END_DECLS

/* Protection: a true set.  Zero is PROT_NONE. */
enum {
	TESS_PROT_NONE = 0,
	TESS_PROT_READ = 1,
	TESS_PROT_WRITE = 2,
	TESS_PROT_EXEC = 4,
	TESS_PROT_ALL = 7,
};
typedef uint8_t tess_prot;

/* Words that calls take beside a protection: a maximum (FreeBSD), the mapping's ends (Linux mprotect). */
#define TESS_PROT_MAX(p)    ((unsigned)(p) << 16)
#define TESS_PROT_MAX_OF(p) ((unsigned)(p) >> 16 & TESS_PROT_ALL)
#define TESS_PROT_GROWSDOWN 0x01000000u
#define TESS_PROT_GROWSUP   0x02000000u

/* One access to memory: what the fault handler is asked to make legal. */
enum tess_access {
	TESS_ACCESS_READ,
	TESS_ACCESS_WRITE,
	TESS_ACCESS_EXEC
};

/* What a child gets of an entry at fork (minherit). */
enum tess_inherit {
	TESS_INHERIT_COPY,
	TESS_INHERIT_SHARE,
	TESS_INHERIT_NONE,
	TESS_INHERIT_ZERO,
	TESS_INHERIT_DONATE /* the child gets it, the parent loses it */
};

/* Expected use of an entry (madvise NORMAL, RANDOM, SEQUENTIAL). */
enum tess_advice {
	TESS_ADVICE_NORMAL,
	TESS_ADVICE_RANDOM,
	TESS_ADVICE_SEQUENTIAL
};

/* Whose rules the call layer follows where systems disagree.  Data in the map, never an #ifdef. */
enum tess_personality {
	TESS_PERSONALITY_POSIX,
	TESS_PERSONALITY_LINUX,
	TESS_PERSONALITY_BSD,
	TESS_PERSONALITY_SEED,
	TESS_PERSONALITY_COUNT
};

/* A set of logical CPUs. */
#define TESS_CPU_MAX 64
typedef uint64_t tess_cpuset;

struct tess_machine;
struct tess_map;
struct tess_space;
struct tess_object;
struct tess_page;

static inline uint64_t
tess_page_trunc(uint64_t x)
{
	return x & ~TESS_PAGE_MASK;
}

/* Rounds up; wraps to 0 within the last page of the space, so test after rounding (D6). */
static inline uint64_t
tess_page_round(uint64_t x)
{
	return (x + TESS_PAGE_MASK) & ~TESS_PAGE_MASK;
}

static inline bool
tess_page_aligned(uint64_t x)
{
	return (x & TESS_PAGE_MASK) == 0;
}

#endif
