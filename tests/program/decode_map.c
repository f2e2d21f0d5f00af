/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * decode_map.c: the arguments of the calls that make, move and find mappings.
 *
 * Linux's flags come from one byte; one more byte, rarely, adds what only other systems have, so that most
 * mappings stay legal in every personality.
 */
#include "decode_priv.h"

/* Where a mapping is to end at the latest: in the window, above it, or anywhere below some power of two. */
static uint64_t
decode_limit(uint8_t b)
{
	if (b < 0x80)
		return DECODE_BASE + (uint64_t)(b % DECODE_PAGES) * TESS_PAGE_SIZE;
	return b < 0xf0 ? (uint64_t)1 << (b & 0x3f) : DECODE_BASE + b;
}

static uint64_t
decode_map_flags(uint8_t b)
{
	static const uint32_t types[] = {0x22, 0x22, 0x22, 0x22,  0x02, 0x02, 0x01, 0x01,
					 0x21, 0x03, 0x02, 0x122, 0x22, 0x20, 0x00, 0x23};
	static const uint32_t extra[] = {0x10,    0x10,   0x10,    0,      0, 0x100000,
					 0x8010,  0x2010, 0x10,    0x10,   0, 0x10,
					 0x18000, 0x4010, 0x80010, 0x20000};

	return types[b & 0xf] | extra[b >> 4];
}

/* Flags of one system or another: what is taken away, and what comes in its place. */
static uint64_t
decode_rare_flags(uint64_t flags, uint8_t b)
{
	static const struct {
		uint64_t less, more;
	} rare[] = {
	    {0x3, PROGRAM_MAP_COPY},
	    {0xffffef, PROGRAM_MAP_GUARD},
	    {0x3, 0x20022},
	    {0x10, PROGRAM_MAP_TRYFIXED},
	    {0x10, 0x40},
	    {0x10, PROGRAM_MAP_ALIGNED_SUPER},
	    {0x10, (uint64_t)13 << PROGRAM_MAP_ALIGNED_SHIFT},
	    {0x10, PROGRAM_MAP_UPPER_LIMIT},
	    {0, 0x100010},
	    {0, PROGRAM_MAP_NOSYNC | PROGRAM_MAP_NOCORE},
	    {0, PROGRAM_MAP_PREFAULT_READ},
	    {0, PROGRAM_MAP_INHERIT | PROGRAM_MAP_LEGACY},
	    {0, 0x40000},
	    {0, 0x80003},
	    {0, PROGRAM_MAP_UPPER_LIMIT | 0x40},
	    {0x110, 0x20022},
	};

	if (b < 0xc0)
		return flags;
	flags = (flags & ~rare[b & 0xf].less) | rare[b & 0xf].more;
	if (b >= 0xf0)
		flags |= (uint64_t)b << PROGRAM_MAP_ALIGNED_SHIFT &
			 (uint64_t)0x2f << PROGRAM_MAP_ALIGNED_SHIFT;
	return b < 0xd0 ? flags : flags ^ 0x10;
}

/* A maximum beside a protection; for mprotect also where the mapping ends. */
uint64_t
decode_rare_prot(uint64_t prot, uint8_t b)
{
	if (b >= 0xc0)
		prot |= TESS_PROT_MAX(b & TESS_PROT_ALL);
	if (b >= 0xe0)
		prot |= (b & 8) != 0 ? TESS_PROT_GROWSDOWN : 0;
	if (b >= 0xf0)
		prot |= (b & 8) == 0 ? TESS_PROT_GROWSUP : 0;
	return prot;
}

void
decode_mmap(struct decode *d, struct program_op *op)
{
	uint64_t flags = decode_rare_flags(decode_map_flags(d->rec[4]), d->rec[6]);
	uint64_t len = decode_len(d->rec[3]), prot = decode_prot(d->rec[5]);
	uint8_t off = d->rec[9];

	/* What is populated at once stays small: the machine is. */
	if ((flags & (0xa000 | PROGRAM_MAP_PREFAULT_READ)) != 0 && d->rec[3] >= 0xf0)
		len = decode_short_len(d->rec[3]);
	decode_addr(d, op, d->rec[1], d->rec[2]);
	decode_num(op, len);
	decode_num(op, (flags & PROGRAM_MAP_GUARD) != 0 && (d->rec[5] & 1) == 0
			   ? 0
			   : decode_rare_prot(prot, d->rec[7]));
	decode_num(op, flags);
	if ((flags & (0x20 | PROGRAM_MAP_GUARD)) != 0 && d->rec[8] < 0xf0)
		decode_num(op, UINT64_MAX);
	else
		decode_fd(d, op, d->rec[8]);
	if (d->rec[6] >= 0xc0 && (flags & (PROGRAM_MAP_GUARD | 0x20000)) != 0 && off < 0xe0)
		decode_num(op, 0);
	else
		decode_num(op, off < 0xf0   ? (uint64_t)(off & 7) * TESS_PAGE_SIZE
			       : off < 0xf8 ? off
					    : -(uint64_t)(off & 7) << 12);
	if ((flags & PROGRAM_MAP_UPPER_LIMIT) != 0)
		decode_num(op, decode_limit(d->rec[7]));
	if (op->call == CALL_MMAP || (d->rec[9] & 1) != 0)
		decode_result(d, op, d->addr_reg, &d->naddr);
}

void
decode_mremap(struct decode *d, struct program_op *op)
{
	static const uint8_t flags[] = {0, 1, 1, 1, 3, 3, 3, 5, 5, 7, 2, 4, 8, 1, 3, 0};

	decode_addr(d, op, d->rec[1], d->rec[2]);
	decode_num(op, decode_len(d->rec[3]));
	decode_num(op, decode_len(d->rec[8]));
	decode_num(op, flags[d->rec[4] & 0xf]);
	decode_addr(d, op, d->rec[6], d->rec[7]);
	decode_result(d, op, d->addr_reg, &d->naddr);
}

void
decode_mremap_bsd(struct decode *d, struct program_op *op)
{
	static const uint8_t flags[] = {0, 0,    0,    0x10, 0x10, 0x10, 4, 4,
					4, 0x14, 0x14, 8,    0x10, 0,    4, 0};
	uint64_t align = d->rec[9] < 0xd0 ? 0 : d->rec[9] & 0xf;

	decode_addr(d, op, d->rec[1], d->rec[2]);
	decode_num(op, decode_len(d->rec[3]));
	if (d->rec[5] < 0x60)
		decode_num(op, 0);
	else
		decode_addr(d, op, d->rec[6], d->rec[7]);
	decode_num(op, decode_len(d->rec[4] < 0xa0 ? d->rec[3] : d->rec[8]));
	decode_num(op, flags[d->rec[4] & 0xf] | align << PROGRAM_MAP_ALIGNED_SHIFT);
	decode_result(d, op, d->addr_reg, &d->naddr);
}

void
decode_ommap(struct decode *d, struct program_op *op)
{
	static const uint16_t flags[] = {2,    2,    0x12, 0x102, 0x112, 0x110, 0x120, 0x122,
					 0x10, 0x20, 0,    0x100, 0x902, 0x812, 0xfff, 0x132};
	uint8_t off = d->rec[9];

	decode_addr(d, op, d->rec[1], d->rec[2]);
	decode_num(op, d->rec[3] < 0xf0 ? decode_len(d->rec[3]) : -decode_short_len(d->rec[3]));
	decode_num(op, d->rec[5] < 0xc0 ? 5 + d->rec[5] % 3 : d->rec[5]);
	decode_num(op, flags[d->rec[4] & 0xf]);
	if (d->rec[8] < 0x80 && (flags[d->rec[4] & 0xf] & 2) != 0)
		decode_num(op, UINT64_MAX);
	else
		decode_fd(d, op, d->rec[8]);
	decode_num(op, off < 0xf0 ? (uint64_t)(off & 7) * TESS_PAGE_SIZE : off);
	decode_result(d, op, d->addr_reg, &d->naddr);
}

/* The layer below takes ranges as two addresses, aligned. */
void
decode_map_protect(struct decode *d, struct program_op *op)
{
	static const uint8_t how[] = {1, 2, 3, 1, 2, 5, 6, 7, 0, 3, 1, 3, 2, 1, 3, 8};
	const struct program_arg *start = &op->arg[0];

	decode_addr(d, op, d->rec[1], d->rec[2] < 0xf8 ? d->rec[2] & 7 : d->rec[2]);
	decode_put(op, start->reg, start->num + decode_len(d->rec[3]));
	decode_num(op, d->rec[5] & TESS_PROT_ALL);
	decode_num(op, d->rec[5] >> 4 & TESS_PROT_ALL);
	decode_num(op, how[d->rec[4] & 0xf]);
}

void
decode_findspace(struct decode *d, struct program_op *op)
{
	decode_num(op, decode_len(d->rec[3]));
	decode_num(op, d->rec[5] < 0x80 ? 0 : decode_limit(d->rec[5] & 0x3f));
	decode_num(op, d->rec[8] < 0x80 ? 0 : decode_limit(d->rec[8]));
	decode_addr(d, op, d->rec[1], d->rec[2]);
	decode_num(op, d->rec[9] < 0x80 ? 0 : (uint64_t)1 << (d->rec[9] & 0x3f));
	decode_num(op, d->rec[4] % 5);
}
