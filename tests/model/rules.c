/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * rules.c: what the systems disagree about, one row a personality (docs/SEMANTICS.md, section 4).
 *
 * TESS_OK in an error's place means that this system lets it pass.
 */
#include "model_priv.h"

/* ---- mmap flags ---- */

#define MAP_SEED                                                                               \
	(TESS_MAP_SHARED | TESS_MAP_PRIVATE | TESS_MAP_COPY | TESS_MAP_FIXED | TESS_MAP_ANON | \
	 TESS_MAP_INHERIT | TESS_MAP_LEGACY)

#define MAP_FREEBSD                                                                               \
	(MAP_SEED | TESS_MAP_FIXED_NOREPLACE | TESS_MAP_GUARD | TESS_MAP_STACK | TESS_MAP_32BIT | \
	 TESS_MAP_ALIGNED_SUPER | TESS_MAP_NOSYNC | TESS_MAP_NOCORE | TESS_MAP_NORESERVE |        \
	 TESS_MAP_PREFAULT_READ | TESS_MAP_TRYFIXED | TESS_MAP_LOCKED)

#define MAP_LINUX                                                                               \
	(TESS_MAP_SHARED | TESS_MAP_PRIVATE | TESS_MAP_FIXED | TESS_MAP_ANON |                  \
	 TESS_MAP_FIXED_NOREPLACE | TESS_MAP_GROWSDOWN | TESS_MAP_LOCKED | TESS_MAP_NORESERVE | \
	 TESS_MAP_POPULATE | TESS_MAP_NONBLOCK | TESS_MAP_STACK | TESS_MAP_DENYWRITE |          \
	 TESS_MAP_EXECUTABLE | TESS_MAP_32BIT | TESS_MAP_HUGETLB | TESS_MAP_SYNC)

/* Everything that has a name, but for what asks for memory that does not exist here. */
#define MAP_POSIX                                                                   \
	(MAP_FREEBSD | TESS_MAP_GROWSDOWN | TESS_MAP_POPULATE | TESS_MAP_NONBLOCK | \
	 TESS_MAP_DENYWRITE | TESS_MAP_EXECUTABLE | TESS_MAP_UPPER_LIMIT)

/* ---- Advice ---- */

#define ADVICE(name) ((uint64_t)1 << TESS_MADV_##name)

#define ADVICE_ALL                                                                 \
	(ADVICE(NORMAL) | ADVICE(RANDOM) | ADVICE(SEQUENTIAL) | ADVICE(WILLNEED) | \
	 ADVICE(DONTNEED) | ADVICE(FREE))

#define ADVICE_LINUX                                                                            \
	(ADVICE_ALL | ADVICE(REMOVE) | ADVICE(DONTFORK) | ADVICE(DOFORK) | ADVICE(MERGEABLE) |  \
	 ADVICE(UNMERGEABLE) | ADVICE(HUGEPAGE) | ADVICE(NOHUGEPAGE) | ADVICE(DONTDUMP) |       \
	 ADVICE(DODUMP) | ADVICE(WIPEONFORK) | ADVICE(KEEPONFORK) | ADVICE(COLD) |              \
	 ADVICE(PAGEOUT) | ADVICE(POPULATE_READ) | ADVICE(POPULATE_WRITE) |                     \
	 ADVICE(DONTNEED_LOCKED) | ADVICE(COLLAPSE) | ADVICE(HWPOISON) | ADVICE(SOFT_OFFLINE) | \
	 ADVICE(GUARD_INSTALL) | ADVICE(GUARD_REMOVE))

/* FreeBSD's NOCORE and CORE are DONTDUMP and DODUMP. */
#define ADVICE_FREEBSD                                                                        \
	(ADVICE_ALL | ADVICE(NOSYNC) | ADVICE(AUTOSYNC) | ADVICE(DONTDUMP) | ADVICE(DODUMP) | \
	 ADVICE(PROTECT))

#define ADVICE_XNU (ADVICE(ZERO) | ADVICE(FREE_REUSABLE) | ADVICE(FREE_REUSE) | ADVICE(CAN_REUSE))

const struct model_rules model_rules[TESS_PERSONALITY_COUNT] = {
    [TESS_PERSONALITY_POSIX] =
	{
	    .personality = TESS_PERSONALITY_POSIX,
	    .prot_max = true,
	    .limit_as = true,
	    .limit_data = true,
	    .order = MODEL_ORDER_LINUX,
	    .flags_known = MAP_POSIX,
	    .flags_refused = true,
	    .flags_guard = true,
	    .flags_align = true,
	    .flags_copy = true,
	    .mmap_wrap = TESS_EOVERFLOW,
	    .mmap_len0 = TESS_EINVAL,
	    .mmap_unknown_prot = TESS_EINVAL,
	    .mmap_no_type_file = TESS_EINVAL,
	    .mmap_no_type_anon = TESS_EINVAL,
	    .mmap_both_types = TESS_EINVAL,
	    .mmap_below_min = TESS_EINVAL,
	    .mmap_beyond = TESS_ENOMEM,
	    .mmap_conflict = TESS_EEXIST,
	    .mmap_memlock = TESS_EAGAIN,
	    .munmap_len0 = TESS_EINVAL,
	    .mprotect_unknown = TESS_EINVAL,
	    .prot_known = TESS_PROT_ALL | TESS_PROT_MAX(TESS_PROT_ALL),
	    .mprotect_wrap = TESS_ENOMEM,
	    .msync_unknown_flag = TESS_EINVAL,
	    .msync_no_flag = TESS_EINVAL,
	    .msync_async_sync = TESS_EINVAL,
	    .msync_hole = TESS_ENOMEM,
	    .msync_wrap = TESS_ENOMEM,
	    .msync_locked = TESS_EBUSY,
	    .msync_first = true,
	    .mlock_limit = TESS_ENOMEM,
	    .mlock_limit_zero = TESS_EPERM,
	    .mlock_wrap = TESS_EINVAL,
	    .mlock_pages = TESS_EAGAIN,
	    .mlock_undone = true,
	    .mlockall_onfault = true,
	    .mincore_wrap = TESS_ENOMEM,
	    .mincore_beyond = TESS_ENOMEM,
	    .madv_known = ADVICE_LINUX | ADVICE_FREEBSD | ADVICE_XNU,
	    .read_any = true,
	    .sbrk = true,
	},
    [TESS_PERSONALITY_LINUX] =
	{
	    .personality = TESS_PERSONALITY_LINUX,
	    .limit_as = true,
	    .limit_data = true,
	    .order = MODEL_ORDER_LINUX,
	    .flags_known = MAP_LINUX,
	    .mmap_len0 = TESS_EINVAL,
	    .mmap_no_type_file = TESS_EINVAL,
	    .mmap_no_type_anon = TESS_EINVAL,
	    .mmap_validate = true,
	    .mmap_below_min = TESS_EPERM,
	    .mmap_beyond = TESS_ENOMEM,
	    .mmap_conflict = TESS_EEXIST,
	    .mmap_memlock = TESS_EAGAIN,
	    .munmap_len0 = TESS_EINVAL,
	    .mprotect_unknown = TESS_EINVAL,
	    .prot_known = TESS_PROT_ALL | 8, /* PROT_SEM */
	    .mprotect_wrap = TESS_ENOMEM,
	    .mprotect_holes = MODEL_HOLES_STOP,
	    .mprotect_grows = true,
	    .msync_unknown_flag = TESS_EINVAL,
	    .msync_async_sync = TESS_EINVAL,
	    .msync_hole = TESS_ENOMEM,
	    .msync_wrap = TESS_ENOMEM,
	    .msync_locked = TESS_EBUSY,
	    .mlock_limit = TESS_ENOMEM,
	    .mlock_limit_zero = TESS_EPERM,
	    .mlock_wrap = TESS_EINVAL,
	    .mlock_pages = TESS_ENOMEM,
	    .mlock_holes = MODEL_HOLES_STOP,
	    .mlockall_onfault = true,
	    .mincore_wrap = TESS_ENOMEM,
	    .mincore_beyond = TESS_ENOMEM,
	    .madv_known = ADVICE_LINUX,
	    .dontneed_discards = true,
	    .read_any = true,
	    .brk_never_fails = true,
	    .sbrk = true,
	},
    [TESS_PERSONALITY_BSD] =
	{
	    .personality = TESS_PERSONALITY_BSD,
	    .truncates = true,
	    .prot_max = true,
	    .limit_as = true,
	    .order = MODEL_ORDER_BSD,
	    .flags_known = MAP_FREEBSD,
	    .flags_refused = true,
	    .flags_guard = true,
	    .flags_align = true,
	    .flags_copy = true,
	    .mmap_unknown_prot = TESS_EINVAL,
	    .mmap_below_min = TESS_EINVAL,
	    .mmap_beyond = TESS_EINVAL,
	    .mmap_conflict = TESS_ENOMEM,
	    .mmap_memlock = TESS_ENOMEM,
	    .mmap_wired_undone = true,
	    .munmap_len0 = TESS_EINVAL,
	    .munmap_inside = true,
	    .mprotect_unknown = TESS_EINVAL,
	    .prot_known = TESS_PROT_ALL | TESS_PROT_MAX(TESS_PROT_ALL),
	    .mprotect_wrap = TESS_EINVAL,
	    .mprotect_holes = MODEL_HOLES_SKIP,
	    .minherit_holes = MODEL_HOLES_SKIP,
	    .immutable_holes = MODEL_HOLES_SKIP,
	    .msync_unknown_flag = TESS_EINVAL,
	    .msync_async_sync = TESS_EINVAL,
	    .msync_async_invalidate = TESS_EINVAL,
	    .msync_hole = TESS_ENOMEM,
	    .msync_wrap = TESS_EINVAL,
	    .msync_locked = TESS_EBUSY,
	    .msync_first = true,
	    .mlock_limit = TESS_ENOMEM,
	    .mlock_limit_zero = TESS_ENOMEM,
	    .mlock_wrap = TESS_EINVAL,
	    .mlock_len0_first = true,
	    .mlock_counts_again = true,
	    .mlock_pages = TESS_ENOMEM,
	    .mlock_undone = true,
	    .munlock_locked = true,
	    .mincore_wrap = TESS_ENOMEM,
	    .mincore_beyond = TESS_ENOMEM,
	    .mincore_asks = true,
	    .mincore_bits = true,
	    .madv_known = ADVICE_FREEBSD,
	    .madv_skips = true,
	    .stack_gaps = true,
	    .read_any = true,
	    .sbrk = true,
	},
    [TESS_PERSONALITY_SEED] =
	{
	    .personality = TESS_PERSONALITY_SEED,
	    .signed_len = true,
	    .order = MODEL_ORDER_SEED,
	    .flags_known = MAP_SEED,
	    .mmap_below_min = TESS_EINVAL,
	    .mmap_beyond = TESS_EINVAL,
	    .mmap_memlock = TESS_ENOMEM,
	    .munmap_hole = TESS_EINVAL,
	    .munmap_inside = true,
	    .prot_known = TESS_PROT_ALL,
	    .mprotect_wrap = TESS_EINVAL,
	    .mprotect_holes = MODEL_HOLES_SKIP,
	    .minherit_holes = MODEL_HOLES_SKIP,
	    .msync_async_invalidate = TESS_EINVAL,
	    .msync_hole = TESS_EINVAL,
	    .msync_wrap = TESS_EINVAL,
	    .msync_locked = TESS_EINVAL,
	    .msync_first = true,
	    .msync_len0_mapping = true,
	    .mlock_aligned = true,
	    .mlock_limit = TESS_EAGAIN,
	    .mlock_limit_zero = TESS_EAGAIN,
	    .mlock_wrap = TESS_EINVAL,
	    .mlock_len0_first = true,
	    .mlock_counts_again = true,
	    .mlock_pages = TESS_ENOMEM,
	    .mlock_undone = true,
	    .munlock_locked = true,
	    .mincore_len0 = TESS_EINVAL,
	    .mincore_wrap = TESS_EINVAL,
	    .mincore_beyond = TESS_EINVAL,
	    .read_any = true,
	},
};
