/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * rules.c: personalities: what systems disagree about, and their errno numbers.
 */
#include "space.h"

#define BIT(advice) ((uint64_t)1 << TESS_MADV_##advice)

#define MADV_COMMON \
	(BIT(NORMAL) | BIT(RANDOM) | BIT(SEQUENTIAL) | BIT(WILLNEED) | BIT(DONTNEED) | BIT(FREE))
#define MADV_LINUX                                                                                \
	(MADV_COMMON | BIT(DONTFORK) | BIT(DOFORK) | BIT(WIPEONFORK) | BIT(KEEPONFORK) |          \
	 BIT(DONTDUMP) | BIT(DODUMP) | BIT(HUGEPAGE) | BIT(NOHUGEPAGE) | BIT(MERGEABLE) |         \
	 BIT(UNMERGEABLE) | BIT(COLD) | BIT(PAGEOUT) | BIT(POPULATE_READ) | BIT(POPULATE_WRITE) | \
	 BIT(REMOVE) | BIT(DONTNEED_LOCKED) | BIT(COLLAPSE) | BIT(HWPOISON) | BIT(SOFT_OFFLINE) | \
	 BIT(GUARD_INSTALL) | BIT(GUARD_REMOVE))
#define MADV_BSD \
	(MADV_COMMON | BIT(NOSYNC) | BIT(AUTOSYNC) | BIT(DONTDUMP) | BIT(DODUMP) | BIT(PROTECT))
#define MADV_XNU (BIT(ZERO) | BIT(FREE_REUSABLE) | BIT(FREE_REUSE) | BIT(CAN_REUSE))

#define FLAGS_SEED                                                                           \
	(TESS_MAP_TYPE | TESS_MAP_COPY | TESS_MAP_FIXED | TESS_MAP_ANON | TESS_MAP_INHERIT | \
	 TESS_MAP_LEGACY)
#define FLAGS_BSD                                                                      \
	(FLAGS_SEED | TESS_MAP_FIXED_NOREPLACE | TESS_MAP_GUARD | TESS_MAP_STACK |     \
	 TESS_MAP_32BIT | TESS_MAP_ALIGNED_SUPER | TESS_MAP_NOSYNC | TESS_MAP_NOCORE | \
	 TESS_MAP_NORESERVE | TESS_MAP_PREFAULT_READ | TESS_MAP_TRYFIXED | TESS_MAP_LOCKED)
#define FLAGS_LINUX                                                                      \
	(TESS_MAP_TYPE | TESS_MAP_FIXED | TESS_MAP_ANON | TESS_MAP_FIXED_NOREPLACE |     \
	 TESS_MAP_GROWSDOWN | TESS_MAP_LOCKED | TESS_MAP_NORESERVE | TESS_MAP_POPULATE | \
	 TESS_MAP_NONBLOCK | TESS_MAP_STACK | TESS_MAP_DENYWRITE | TESS_MAP_EXECUTABLE | \
	 TESS_MAP_32BIT | TESS_MAP_HUGETLB | TESS_MAP_SYNC)
#define FLAGS_POSIX \
	((FLAGS_LINUX & ~(TESS_MAP_HUGETLB | TESS_MAP_SYNC)) | FLAGS_BSD | TESS_MAP_UPPER_LIMIT)

const struct tess_rules tess_rules[TESS_PERSONALITY_COUNT] = {
    [TESS_PERSONALITY_POSIX] =
	{
	    .prot_max = true,
	    .limit_as = true,
	    .limit_data = true,
	    .flags_known = FLAGS_POSIX,
	    .flags_unknown = TESS_EINVAL,
	    .mmap_wrap = TESS_EOVERFLOW,
	    .mmap_len0 = TESS_EINVAL,
	    .mmap_bits = TESS_EINVAL,
	    .mmap_no_type_file = TESS_EINVAL,
	    .mmap_no_type_anon = TESS_EINVAL,
	    .mmap_both = TESS_EINVAL,
	    .mmap_low = TESS_EINVAL,
	    .mmap_high = TESS_ENOMEM,
	    .mmap_conflict = TESS_EEXIST,
	    .munmap_len0 = TESS_EINVAL,
	    .mprotect_bits = TESS_EINVAL,
	    .prot_known = TESS_PROT_ALL | TESS_PROT_MAX(TESS_PROT_ALL),
	    .mprotect_wrap = TESS_ENOMEM,
	    .mprotect_hole = TESS_ENOMEM,
	    .mprotect_holes = TESS_HOLES_REFUSE,
	    .minherit_holes = TESS_HOLES_REFUSE,
	    .immutable_hole = TESS_ENOMEM,
	    .msync_bits = TESS_EINVAL,
	    .msync_no_flag = TESS_EINVAL,
	    .msync_async_sync = TESS_EINVAL,
	    .msync_hole = TESS_ENOMEM,
	    .msync_wrap = TESS_ENOMEM,
	    .msync_locked = TESS_EBUSY,
	    .msync_first = true,
	    .mlock_limit = TESS_ENOMEM,
	    .mlock_limit0 = TESS_EPERM,
	    .mlock_wrap = TESS_EINVAL,
	    .mlock_max = TESS_EAGAIN,
	    .mlock_pages = TESS_EAGAIN,
	    .mlock_undo = true,
	    .mlock_holes = TESS_HOLES_REFUSE,
	    .mlockall_onfault = true,
	    .mincore_high = TESS_ENOMEM,
	    .madv_known = MADV_LINUX | MADV_BSD | MADV_XNU,
	},
    [TESS_PERSONALITY_LINUX] =
	{
	    .limit_as = true,
	    .limit_data = true,
	    .flags_known = FLAGS_LINUX,
	    .mmap_len0 = TESS_EINVAL,
	    .mmap_no_type_file = TESS_EINVAL,
	    .mmap_no_type_anon = TESS_EINVAL,
	    .mmap_validate = true,
	    .mmap_low = TESS_EPERM,
	    .mmap_high = TESS_ENOMEM,
	    .mmap_conflict = TESS_EEXIST,
	    .hint_down = true,
	    .munmap_len0 = TESS_EINVAL,
	    .mprotect_bits = TESS_EINVAL,
	    .prot_known = TESS_PROT_ALL | 8, /* PROT_SEM */
	    .mprotect_wrap = TESS_ENOMEM,
	    .mprotect_hole = TESS_ENOMEM,
	    .mprotect_holes = TESS_HOLES_STOP,
	    .prot_grows = true,
	    .minherit_holes = TESS_HOLES_REFUSE,
	    .immutable_hole = TESS_ENOMEM,
	    .msync_bits = TESS_EINVAL,
	    .msync_async_sync = TESS_EINVAL,
	    .msync_hole = TESS_ENOMEM,
	    .msync_wrap = TESS_ENOMEM,
	    .msync_locked = TESS_EBUSY,
	    .mlock_limit = TESS_ENOMEM,
	    .mlock_limit0 = TESS_EPERM,
	    .mlock_wrap = TESS_EINVAL,
	    .mlock_max = TESS_ENOMEM,
	    .mlock_pages = TESS_ENOMEM,
	    .mlock_holes = TESS_HOLES_STOP,
	    .mlockall_onfault = true,
	    .mincore_high = TESS_ENOMEM,
	    .madv_known = MADV_LINUX,
	    .dontneed_discards = true,
	    .brk_never_fails = true,
	},
    [TESS_PERSONALITY_BSD] =
	{
	    .truncates = true,
	    .prot_max = true,
	    .limit_as = true,
	    .order = TESS_ORDER_BSD,
	    .flags_known = FLAGS_BSD,
	    .flags_unknown = TESS_EINVAL,
	    .mmap_len0 = TESS_EINVAL,
	    .mmap_bits = TESS_EINVAL,
	    .mmap_no_type_file = TESS_EINVAL,
	    .mmap_both = TESS_EINVAL,
	    .mmap_wrap = TESS_EINVAL,
	    .mmap_low = TESS_EINVAL,
	    .mmap_high = TESS_EINVAL,
	    .mmap_conflict = TESS_ENOMEM,
	    .mmap_wired = true,
	    .munmap_len0 = TESS_EINVAL,
	    .munmap_low = TESS_EINVAL,
	    .mprotect_bits = TESS_EINVAL,
	    .prot_known = TESS_PROT_ALL | TESS_PROT_MAX(TESS_PROT_ALL),
	    .mprotect_wrap = TESS_EINVAL,
	    .mprotect_holes = TESS_HOLES_SKIP,
	    .minherit_holes = TESS_HOLES_SKIP,
	    .msync_bits = TESS_EINVAL,
	    .msync_async_sync = TESS_EINVAL,
	    .msync_async_invalidate = TESS_EINVAL,
	    .msync_hole = TESS_ENOMEM,
	    .msync_wrap = TESS_EINVAL,
	    .msync_locked = TESS_EBUSY,
	    .msync_first = true,
	    .mlock_limit = TESS_ENOMEM,
	    .mlock_limit0 = TESS_ENOMEM,
	    .mlock_wrap = TESS_EINVAL,
	    .mlock_max = TESS_ENOMEM,
	    .mlock_pages = TESS_ENOMEM,
	    .mlock_undo = true,
	    .mlock_again = true,
	    .mlock_holes = TESS_HOLES_REFUSE,
	    .munlock_unlocked = TESS_ENOMEM,
	    .mincore_high = TESS_ENOMEM,
	    .mincore_bits = true,
	    .mincore_asks = true,
	    .madv_known = MADV_BSD,
	    .madv_skips = true,
	},
    [TESS_PERSONALITY_SEED] =
	{
	    .signed_len = true,
	    .order = TESS_ORDER_SEED,
	    .flags_known = FLAGS_SEED,
	    .mmap_wrap = TESS_EINVAL,
	    .mmap_low = TESS_EINVAL,
	    .mmap_high = TESS_EINVAL,
	    .munmap_holes = TESS_HOLES_REFUSE,
	    .munmap_low = TESS_EINVAL,
	    .prot_known = TESS_PROT_ALL,
	    .mprotect_wrap = TESS_EINVAL,
	    .mprotect_holes = TESS_HOLES_SKIP,
	    .minherit_holes = TESS_HOLES_SKIP,
	    .immutable_hole = TESS_ENOMEM,
	    .msync_async_invalidate = TESS_EINVAL,
	    .msync_hole = TESS_EINVAL,
	    .msync_wrap = TESS_EINVAL,
	    .msync_locked = TESS_EINVAL,
	    .msync_first = true,
	    .msync_len0_entry = true,
	    .mlock_unaligned = TESS_EINVAL,
	    .mlock_limit = TESS_EAGAIN,
	    .mlock_limit0 = TESS_EAGAIN,
	    .mlock_wrap = TESS_EINVAL,
	    .mlock_max = TESS_EAGAIN,
	    .mlock_pages = TESS_ENOMEM,
	    .mlock_undo = true,
	    .mlock_again = true,
	    .mlock_holes = TESS_HOLES_REFUSE,
	    .munlock_unlocked = TESS_ENOMEM,
	    .mincore_len0 = TESS_EINVAL,
	    .mincore_high = TESS_EINVAL,
	    .sbrk = TESS_EOPNOTSUPP,
	},
};

/* asm-generic/errno.h of Linux; sys/errno.h of 4.4BSD and FreeBSD, which the other three use. */
static const struct {
	uint8_t linux_number, bsd_number;
} err_numbers[TESS_ERR_COUNT] = {
    [TESS_EPERM] = {1, 1},        [TESS_ENOENT] = {2, 2},    [TESS_EIO] = {5, 5},
    [TESS_ENXIO] = {6, 6},        [TESS_E2BIG] = {7, 7},     [TESS_EBADF] = {9, 9},
    [TESS_EAGAIN] = {11, 35},     [TESS_ENOMEM] = {12, 12},  [TESS_EACCES] = {13, 13},
    [TESS_EFAULT] = {14, 14},     [TESS_EBUSY] = {16, 16},   [TESS_EEXIST] = {17, 17},
    [TESS_ENODEV] = {19, 19},     [TESS_EINVAL] = {22, 22},  [TESS_EOVERFLOW] = {75, 84},
    [TESS_EOPNOTSUPP] = {95, 45}, [TESS_ENOTSUP] = {95, 45},
};

int
tess_err_number(enum tess_personality p, enum tess_err e)
{
	if ((unsigned)e >= TESS_ERR_COUNT)
		return 0;
	return p == TESS_PERSONALITY_LINUX ? err_numbers[e].linux_number
					   : err_numbers[e].bsd_number;
}
