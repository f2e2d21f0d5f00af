/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * compat.c: calls of 4.3BSD that the 1995 layer kept: ommap, sstk, getpagesize, munmapfd (S1 to S9).
 */
#include "space.h"

enum tess_err
tess_sstk(struct tess_space *sp, int64_t incr)
{
	(void)sp;
	(void)incr;
	return TESS_EOPNOTSUPP; /* S2 */
}

uint64_t
tess_getpagesize(void)
{
	return TESS_PAGE_SIZE; /* S3 */
}

void
tess_munmapfd(struct tess_handle *h)
{
	h->mode &= (uint8_t)~TESS_MODE_MAPPED; /* S6 */
}

enum tess_err
tess_ommap(struct tess_space *sp, tess_va addr, int32_t len, unsigned prot, unsigned flags,
	   const struct tess_handle *h, int64_t off, tess_va *out)
{
	enum {
		R = TESS_PROT_READ,
		W = TESS_PROT_WRITE,
		X = TESS_PROT_EXEC
	};
	static const uint8_t rows[8] = {0, X, W, W | X, R, R | X, W | R, X | W | R}; /* S7 */
	struct tess_mmap_args a = {
	    .addr = addr,
	    .len = (uint64_t)(int64_t)len, /* S9 */
	    .prot = rows[prot & 7],
	    .flags = flags & TESS_OMAP_SHARED ? TESS_MAP_SHARED : TESS_MAP_PRIVATE,
	    .handle = *h,
	    .off = (tess_off)off,
	};

	a.flags |= flags & TESS_OMAP_ANON ? TESS_MAP_ANON : 0; /* S8 */
	a.flags |= flags & TESS_OMAP_COPY ? TESS_MAP_COPY : 0;
	a.flags |= flags & TESS_OMAP_FIXED ? TESS_MAP_FIXED : 0;
	a.flags |= flags & TESS_OMAP_INHERIT ? TESS_MAP_INHERIT : 0;
	return tess_mmap(sp, &a, out);
}
