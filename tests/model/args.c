/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * args.c: what arguments mean before any mapping is looked at.
 */
#include "model_priv.h"

/* Whole pages around [addr, addr + len); `wrap` when that does not fit 64 bits, before or after rounding. */
enum tess_err
range_make(enum range_align how, tess_va addr, uint64_t len, enum tess_err wrap, uint64_t *start,
	   uint64_t *end)
{
	*start = tess_page_trunc(addr);
	*end = tess_page_round(addr + len);
	if (how == RANGE_ALIGNED && *start != addr)
		return TESS_EINVAL;
	return addr + len < addr || *end < addr + len ? wrap : TESS_OK;
}

enum range_align
range_how(const struct model_rules *ru)
{
	return ru->truncates ? RANGE_TRUNCATED : RANGE_ALIGNED;
}

/* An alignment is given as its log2, 0 for none. */
bool
align_is_bad(uint8_t align)
{
	return align != 0 && (align < TESS_PAGE_SHIFT || align >= 64);
}

uint64_t
align_bytes(uint8_t align)
{
	return align == 0 ? TESS_PAGE_SIZE : (uint64_t)1 << align;
}

/* Is a maximum given, and prot not within it? */
bool
prot_exceeds_max(unsigned prot)
{
	unsigned max = TESS_PROT_MAX_OF(prot);

	return max != 0 && (prot & TESS_PROT_ALL & ~max) != 0;
}
