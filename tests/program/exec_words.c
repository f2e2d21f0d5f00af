/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * exec_words.c: the numbers of programs (Linux's on x86_64, and what lies above them) to tessera's own.
 */
#include "exec_priv.h"

struct exec_bit {
	uint64_t linux_bit;
	unsigned bit;
};

static unsigned
exec_bits(uint64_t v, const struct exec_bit *map, unsigned unknown)
{
	unsigned out = 0;

	for (; map->linux_bit != 0; map++) {
		if ((v & map->linux_bit) == map->linux_bit) {
			out |= map->bit;
			v &= ~map->linux_bit;
		}
	}
	return v != 0 ? out | unknown : out;
}

unsigned
exec_mmap_flags(uint64_t v)
{
	static const struct exec_bit map[] = {
	    {0x1, TESS_MAP_SHARED},
	    {0x2, TESS_MAP_PRIVATE},
	    {0x10, TESS_MAP_FIXED},
	    {0x20, TESS_MAP_ANON},
	    {0x100, TESS_MAP_GROWSDOWN},
	    {0x800, TESS_MAP_DENYWRITE},
	    {0x1000, TESS_MAP_EXECUTABLE},
	    {0x2000, TESS_MAP_LOCKED},
	    {0x4000, TESS_MAP_NORESERVE},
	    {0x8000, TESS_MAP_POPULATE},
	    {0x10000, TESS_MAP_NONBLOCK},
	    {0x20000, TESS_MAP_STACK},
	    {0x40, TESS_MAP_32BIT},
	    {0x40000, TESS_MAP_HUGETLB},
	    {0x80000, TESS_MAP_SYNC},
	    {0x100000, TESS_MAP_FIXED_NOREPLACE},
	    {PROGRAM_MAP_COPY, TESS_MAP_COPY},
	    {PROGRAM_MAP_GUARD, TESS_MAP_GUARD},
	    {PROGRAM_MAP_TRYFIXED, TESS_MAP_TRYFIXED},
	    {PROGRAM_MAP_ALIGNED_SUPER, TESS_MAP_ALIGNED_SUPER},
	    {PROGRAM_MAP_NOSYNC, TESS_MAP_NOSYNC},
	    {PROGRAM_MAP_NOCORE, TESS_MAP_NOCORE},
	    {PROGRAM_MAP_UPPER_LIMIT, TESS_MAP_UPPER_LIMIT},
	    {PROGRAM_MAP_PREFAULT_READ, TESS_MAP_PREFAULT_READ},
	    {PROGRAM_MAP_INHERIT, TESS_MAP_INHERIT},
	    {PROGRAM_MAP_LEGACY, TESS_MAP_LEGACY},
	    {0, 0},
	};

	return exec_bits(v & ~PROGRAM_MAP_ALIGNED_BITS, map, TESS_MAP_UNKNOWN);
}

enum tess_madv
exec_madv(uint64_t v)
{
	static const struct {
		uint64_t number;
		enum tess_madv madv;
	} map[] = {
	    {0, TESS_MADV_NORMAL},
	    {1, TESS_MADV_RANDOM},
	    {2, TESS_MADV_SEQUENTIAL},
	    {3, TESS_MADV_WILLNEED},
	    {4, TESS_MADV_DONTNEED},
	    {8, TESS_MADV_FREE},
	    {10, TESS_MADV_DONTFORK},
	    {11, TESS_MADV_DOFORK},
	    {12, TESS_MADV_MERGEABLE},
	    {13, TESS_MADV_UNMERGEABLE},
	    {14, TESS_MADV_HUGEPAGE},
	    {15, TESS_MADV_NOHUGEPAGE},
	    {16, TESS_MADV_DONTDUMP},
	    {17, TESS_MADV_DODUMP},
	    {18, TESS_MADV_WIPEONFORK},
	    {19, TESS_MADV_KEEPONFORK},
	    {20, TESS_MADV_COLD},
	    {21, TESS_MADV_PAGEOUT},
	    {22, TESS_MADV_POPULATE_READ},
	    {23, TESS_MADV_POPULATE_WRITE},
	    {9, TESS_MADV_REMOVE},
	    {24, TESS_MADV_DONTNEED_LOCKED},
	    {25, TESS_MADV_COLLAPSE},
	    {100, TESS_MADV_HWPOISON},
	    {101, TESS_MADV_SOFT_OFFLINE},
	    {102, TESS_MADV_GUARD_INSTALL},
	    {103, TESS_MADV_GUARD_REMOVE},
	    {PROGRAM_MADV(0), TESS_MADV_NOSYNC},
	    {PROGRAM_MADV(1), TESS_MADV_AUTOSYNC},
	    {PROGRAM_MADV(2), TESS_MADV_PROTECT},
	    {PROGRAM_MADV(3), TESS_MADV_SPACEAVAIL},
	    {PROGRAM_MADV(4), TESS_MADV_ZERO},
	    {PROGRAM_MADV(5), TESS_MADV_FREE_REUSABLE},
	    {PROGRAM_MADV(6), TESS_MADV_FREE_REUSE},
	    {PROGRAM_MADV(7), TESS_MADV_CAN_REUSE},
	};

	for (unsigned i = 0; i < sizeof(map) / sizeof(map[0]); i++)
		if (map[i].number == v)
			return map[i].madv;
	return TESS_MADV_UNKNOWN;
}

/* posix_madvise's numbers are madvise's first five. */
enum tess_madv
exec_posix_madv(uint64_t v)
{
	return v <= 4 ? exec_madv(v) : TESS_MADV_UNKNOWN;
}

int
exec_limit(uint64_t v)
{
	switch (v) {
	case 2:
		return TESS_LIMIT_DATA;
	case 3:
		return TESS_LIMIT_STACK;
	case 8:
		return TESS_LIMIT_MEMLOCK;
	case 9:
		return TESS_LIMIT_AS;
	}
	return -1;
}

enum tess_inherit
exec_inherit(uint64_t v)
{
	static const uint8_t map[] = {TESS_INHERIT_SHARE, TESS_INHERIT_COPY, TESS_INHERIT_NONE,
				      TESS_INHERIT_ZERO, TESS_INHERIT_DONATE};

	return v < sizeof(map) ? (enum tess_inherit)map[v] : (enum tess_inherit)99;
}

uint8_t
exec_align(uint64_t flags)
{
	return (uint8_t)(flags >> PROGRAM_MAP_ALIGNED_SHIFT);
}

unsigned
exec_mremap_flags(uint64_t v)
{
	static const struct exec_bit map[] = {
	    {1, TESS_MREMAP_MAYMOVE}, {2, TESS_MREMAP_FIXED}, {4, TESS_MREMAP_DONTUNMAP}, {0, 0}};

	return exec_bits(v, map, TESS_MREMAP_UNKNOWN);
}

unsigned
exec_remap_flags(uint64_t v)
{
	static const struct exec_bit map[] = {
	    {4, TESS_MREMAP_BSD_DUP}, {0x10, TESS_MREMAP_BSD_FIXED}, {0, 0}};

	return exec_bits(v & ~PROGRAM_MAP_ALIGNED_BITS, map, TESS_MREMAP_BSD_UNKNOWN);
}

unsigned
exec_msync_flags(uint64_t v)
{
	static const struct exec_bit map[] = {
	    {1, TESS_MS_ASYNC}, {2, TESS_MS_INVALIDATE}, {4, TESS_MS_SYNC}, {0, 0}};

	return exec_bits(v, map, TESS_MS_UNKNOWN);
}
