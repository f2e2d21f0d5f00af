/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * rules.c: personalities: what systems disagree about, and their errno numbers.
 */
#include "space.h"

const struct tess_rules tess_rules[TESS_PERSONALITY_COUNT] = {
    [TESS_PERSONALITY_POSIX] =
	{
	    .mmap_wrap = TESS_EOVERFLOW,
	    .prot_known = TESS_PROT_ALL,
	    .mmap_len0 = TESS_EINVAL,
	    .mmap_bits = TESS_EINVAL,
	    .mmap_no_type_file = TESS_EINVAL,
	    .mmap_no_type_anon = TESS_EINVAL,
	    .mmap_both = TESS_EINVAL,
	    .mmap_low = TESS_EINVAL,
	    .mmap_high = TESS_ENOMEM,
	    .munmap_len0 = TESS_EINVAL,
	    .mprotect_bits = TESS_EINVAL,
	    .mprotect_wrap = TESS_ENOMEM,
	    .mprotect_hole = TESS_ENOMEM,
	    .holes = TESS_HOLES_REFUSE,
	    .msync_no_flag = TESS_EINVAL,
	    .msync_async_sync = TESS_EINVAL,
	    .msync_hole = TESS_ENOMEM,
	    .msync_wrap = TESS_ENOMEM,
	    .mlock_limit = TESS_ENOMEM,
	    .mlock_limit0 = TESS_EPERM,
	    .mlock_wrap = TESS_EINVAL,
	    .mincore_high = TESS_ENOMEM,
	},
    [TESS_PERSONALITY_LINUX] =
	{
	    .prot_known = TESS_PROT_ALL | 8, /* PROT_SEM */
	    .mmap_len0 = TESS_EINVAL,
	    .mmap_no_type_file = TESS_EINVAL,
	    .mmap_no_type_anon = TESS_EINVAL,
	    .mmap_validate = true,
	    .mmap_low = TESS_EPERM,
	    .mmap_high = TESS_ENOMEM,
	    .munmap_len0 = TESS_EINVAL,
	    .mprotect_bits = TESS_EINVAL,
	    .mprotect_wrap = TESS_ENOMEM,
	    .mprotect_hole = TESS_ENOMEM,
	    .holes = TESS_HOLES_STOP,
	    .msync_async_sync = TESS_EINVAL,
	    .msync_hole = TESS_ENOMEM,
	    .msync_wrap = TESS_ENOMEM,
	    .mlock_limit = TESS_ENOMEM,
	    .mlock_limit0 = TESS_EPERM,
	    .mlock_wrap = TESS_EINVAL,
	    .mincore_high = TESS_ENOMEM,
	    .dontneed_discards = true,
	    .brk_never_fails = true,
	},
    [TESS_PERSONALITY_BSD] =
	{
	    .mmap_wrap = TESS_EOVERFLOW,
	    .prot_known = TESS_PROT_ALL,
	    .mmap_len0 = TESS_EINVAL,
	    .mmap_bits = TESS_EINVAL,
	    .mmap_no_type_file = TESS_EINVAL,
	    .mmap_no_type_anon = TESS_EINVAL,
	    .mmap_both = TESS_EINVAL,
	    .mmap_anon_no_fd = true,
	    .mmap_low = TESS_EINVAL,
	    .mmap_high = TESS_ENOMEM,
	    .munmap_len0 = TESS_EINVAL,
	    .mprotect_bits = TESS_EINVAL,
	    .mprotect_wrap = TESS_EINVAL,
	    .mprotect_hole = TESS_ENOMEM,
	    .holes = TESS_HOLES_REFUSE,
	    .msync_async_sync = TESS_EINVAL,
	    .msync_hole = TESS_ENOMEM,
	    .msync_wrap = TESS_EINVAL,
	    .mlock_limit = TESS_ENOMEM,
	    .mlock_limit0 = TESS_EPERM,
	    .mlock_wrap = TESS_EINVAL,
	    .mincore_high = TESS_ENOMEM,
	},
    [TESS_PERSONALITY_SEED] =
	{
	    .mmap_wrap = TESS_EOVERFLOW,
	    .prot_known = TESS_PROT_ALL,
	    .mmap_anon_no_fd = true,
	    .mmap_low = TESS_EINVAL,
	    .mmap_high = TESS_EINVAL,
	    .munmap_hole = TESS_EINVAL,
	    .mprotect_wrap = TESS_EINVAL,
	    .mprotect_hole = TESS_EINVAL,
	    .holes = TESS_HOLES_REFUSE,
	    .msync_async_invalidate = TESS_EINVAL,
	    .msync_hole = TESS_EINVAL,
	    .msync_wrap = TESS_EINVAL,
	    .mlock_unaligned = TESS_EINVAL,
	    .mlock_limit = TESS_EAGAIN,
	    .mlock_limit0 = TESS_EAGAIN,
	    .mlock_wrap = TESS_EINVAL,
	    .mincore_len0 = TESS_EINVAL,
	    .mincore_high = TESS_ENOMEM,
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
