/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * syntax.c: the calls of a program and the words of their arguments; one table that parser, printer and decoder
 * share.
 */
#include "program.h"

#define END                   \
	{                     \
		NULL, 0, 0, 0 \
	}
#define WORD(name, value)         \
	{                         \
		name, value, 0, 0 \
	}

static const struct program_word words_prot[] = {
    WORD("PROT_NONE", 0),
    WORD("PROT_READ", 1),
    WORD("PROT_WRITE", 2),
    WORD("PROT_EXEC", 4),
    {"PROT_MAX", TESS_PROT_MAX(TESS_PROT_ALL), 16, TYPE_RIGHTS},
    WORD("PROT_GROWSDOWN", TESS_PROT_GROWSDOWN),
    WORD("PROT_GROWSUP", TESS_PROT_GROWSUP),
    END,
};
static const struct program_word words_rights[] = {
    WORD("PROT_NONE", 0), WORD("PROT_READ", 1), WORD("PROT_WRITE", 2), WORD("PROT_EXEC", 4), END,
};
/* A word of one value that stands behind another of the same value is read, never printed. */
static const struct program_word words_mmap[] = {
    WORD("MAP_SHARED_VALIDATE", 0x3),
    WORD("MAP_SHARED", 0x1),
    WORD("MAP_PRIVATE", 0x2),
    WORD("MAP_FIXED", 0x10),
    WORD("MAP_ANONYMOUS", 0x20),
    WORD("MAP_ANON", 0x20),
    WORD("MAP_32BIT", 0x40),
    WORD("MAP_GROWSDOWN", 0x100),
    WORD("MAP_DENYWRITE", 0x800),
    WORD("MAP_EXECUTABLE", 0x1000),
    WORD("MAP_LOCKED", 0x2000),
    WORD("MAP_WIRED", 0x2000),
    WORD("MAP_NORESERVE", 0x4000),
    WORD("MAP_POPULATE", 0x8000),
    WORD("MAP_NONBLOCK", 0x10000),
    WORD("MAP_STACK", 0x20000),
    WORD("MAP_HUGETLB", 0x40000),
    WORD("MAP_SYNC", 0x80000),
    WORD("MAP_FIXED_NOREPLACE", 0x100000),
    WORD("MAP_EXCL", 0x100000),
    WORD("MAP_COPY", PROGRAM_MAP_COPY),
    WORD("MAP_GUARD", PROGRAM_MAP_GUARD),
    WORD("MAP_TRYFIXED", PROGRAM_MAP_TRYFIXED),
    WORD("MAP_ALIGNED_SUPER", PROGRAM_MAP_ALIGNED_SUPER),
    WORD("MAP_NOSYNC", PROGRAM_MAP_NOSYNC),
    WORD("MAP_NOCORE", PROGRAM_MAP_NOCORE),
    WORD("MAP_CONCEAL", PROGRAM_MAP_NOCORE),
    WORD("MAP_UPPER_LIMIT", PROGRAM_MAP_UPPER_LIMIT),
    WORD("MAP_PREFAULT_READ", PROGRAM_MAP_PREFAULT_READ),
    WORD("MAP_INHERIT", PROGRAM_MAP_INHERIT),
    WORD("MAP_LEGACY", PROGRAM_MAP_LEGACY),
    WORD("MAP_RENAME", PROGRAM_MAP_LEGACY),
    WORD("MAP_NOEXTEND", PROGRAM_MAP_LEGACY),
    WORD("MAP_HASSEMAPHORE", PROGRAM_MAP_LEGACY),
    {"MAP_ALIGNED", PROGRAM_MAP_ALIGNED_BITS, PROGRAM_MAP_ALIGNED_SHIFT, TYPE_NUM},
    END,
};
static const struct program_word words_madv[] = {
    WORD("MADV_NORMAL", 0),
    WORD("MADV_RANDOM", 1),
    WORD("MADV_SEQUENTIAL", 2),
    WORD("MADV_WILLNEED", 3),
    WORD("MADV_DONTNEED", 4),
    WORD("MADV_FREE", 8),
    WORD("MADV_REMOVE", 9),
    WORD("MADV_DONTFORK", 10),
    WORD("MADV_DOFORK", 11),
    WORD("MADV_MERGEABLE", 12),
    WORD("MADV_UNMERGEABLE", 13),
    WORD("MADV_HUGEPAGE", 14),
    WORD("MADV_NOHUGEPAGE", 15),
    WORD("MADV_DONTDUMP", 16),
    WORD("MADV_NOCORE", 16),
    WORD("MADV_DODUMP", 17),
    WORD("MADV_CORE", 17),
    WORD("MADV_WIPEONFORK", 18),
    WORD("MADV_KEEPONFORK", 19),
    WORD("MADV_COLD", 20),
    WORD("MADV_PAGEOUT", 21),
    WORD("MADV_POPULATE_READ", 22),
    WORD("MADV_POPULATE_WRITE", 23),
    WORD("MADV_DONTNEED_LOCKED", 24),
    WORD("MADV_COLLAPSE", 25),
    WORD("MADV_HWPOISON", 100),
    WORD("MADV_SOFT_OFFLINE", 101),
    WORD("MADV_GUARD_INSTALL", 102),
    WORD("MADV_GUARD_REMOVE", 103),
    WORD("MADV_NOSYNC", PROGRAM_MADV(0)),
    WORD("MADV_AUTOSYNC", PROGRAM_MADV(1)),
    WORD("MADV_PROTECT", PROGRAM_MADV(2)),
    WORD("MADV_SPACEAVAIL", PROGRAM_MADV(3)),
    WORD("MADV_ZERO", PROGRAM_MADV(4)),
    WORD("MADV_FREE_REUSABLE", PROGRAM_MADV(5)),
    WORD("MADV_FREE_REUSE", PROGRAM_MADV(6)),
    WORD("MADV_CAN_REUSE", PROGRAM_MADV(7)),
    END,
};
static const struct program_word words_pmadv[] = {
    WORD("POSIX_MADV_NORMAL", 0),     WORD("POSIX_MADV_RANDOM", 1),
    WORD("POSIX_MADV_SEQUENTIAL", 2), WORD("POSIX_MADV_WILLNEED", 3),
    WORD("POSIX_MADV_DONTNEED", 4),   END,
};
static const struct program_word words_msync[] = {
    WORD("MS_ASYNC", 1),
    WORD("MS_INVALIDATE", 2),
    WORD("MS_SYNC", 4),
    END,
};
static const struct program_word words_mlock[] = {WORD("MLOCK_ONFAULT", 1), END};
static const struct program_word words_mcl[] = {
    WORD("MCL_CURRENT", 1),
    WORD("MCL_FUTURE", 2),
    WORD("MCL_ONFAULT", 4),
    END,
};
static const struct program_word words_inherit[] = {
    WORD("MAP_INHERIT_SHARE", 0), WORD("MAP_INHERIT_COPY", 1),   WORD("MAP_INHERIT_NONE", 2),
    WORD("MAP_INHERIT_ZERO", 3),  WORD("MAP_INHERIT_DONATE", 4), END,
};
static const struct program_word words_mremap[] = {
    WORD("MREMAP_MAYMOVE", 1),
    WORD("MREMAP_FIXED", 2),
    WORD("MREMAP_DONTUNMAP", 4),
    END,
};
static const struct program_word words_shm[] = {WORD("SHM_RDONLY", 0x1000),
						WORD("SHM_EXEC", 0x8000), END};
static const struct program_word words_open[] = {WORD("O_RDONLY", 0), WORD("O_WRONLY", 1),
						 WORD("O_RDWR", 2), END};
static const struct program_word words_rlimit[] = {
    WORD("RLIMIT_DATA", 2),
    WORD("RLIMIT_STACK", 3),
    WORD("RLIMIT_MEMLOCK", 8),
    WORD("RLIMIT_AS", 9),
    END,
};

/* NetBSD's numbers. */
static const struct program_word words_remap[] = {
    WORD("MAP_REMAPDUP", 4),
    WORD("MAP_FIXED", 0x10),
    {"MAP_ALIGNED", PROGRAM_MAP_ALIGNED_BITS, PROGRAM_MAP_ALIGNED_SHIFT, TYPE_NUM},
    END,
};
static const struct program_word words_omap[] = {
    WORD("OMAP_ANON", TESS_OMAP_ANON),       WORD("OMAP_SHARED", TESS_OMAP_SHARED),
    WORD("OMAP_COPY", TESS_OMAP_COPY),       WORD("OMAP_FIXED", TESS_OMAP_FIXED),
    WORD("OMAP_INHERIT", TESS_OMAP_INHERIT), END,
};
/* The map layer's own. */
static const struct program_word words_mapf[] = {
    WORD("WXORX", TESS_MAPF_WXORX),
    WORD("WIREFUTURE", TESS_MAPF_WIREFUTURE),
    WORD("ASLR", TESS_MAPF_ASLR),
    WORD("GUARDPAGES", TESS_MAPF_GUARDPAGES),
    WORD("BOTTOMUP", TESS_MAPF_BOTTOMUP),
    WORD("QUARANTINE", TESS_MAPF_QUARANTINE),
    END,
};
static const struct program_word words_protect[] = {
    WORD("SET_PROT", TESS_PROTECT_SET_PROT),
    WORD("SET_MAXPROT", TESS_PROTECT_SET_MAXPROT),
    WORD("GROWSDOWN", TESS_PROTECT_GROWSDOWN),
    END,
};
static const struct program_word words_wire[] = {
    WORD("USER", 0),
    WORD("SYSTEM", TESS_WIRE_SYSTEM),
    WORD("HOLESOK", TESS_WIRE_HOLESOK),
    WORD("WRITE", TESS_WIRE_WRITE),
    END,
};
static const struct program_word words_place[] = {
    WORD("TOPDOWN", TESS_PLACE_TOPDOWN),
    WORD("BOTTOMUP", TESS_PLACE_BOTTOMUP),
    WORD("HINT", TESS_PLACE_HINT),
    WORD("SUPER", TESS_PLACE_SUPER),
    END,
};
static const struct program_word words_extract[] = {
    WORD("MOVE", TESS_EXTRACT_MOVE),
    WORD("COPY", TESS_EXTRACT_COPY),
    WORD("SHARE", TESS_EXTRACT_SHARE),
    WORD("RESERVE", TESS_EXTRACT_RESERVE),
    END,
};
static const struct program_word words_quota[] = {WORD("ENTRIES", TESS_QUOTA_ENTRIES),
						  WORD("METADATA", TESS_QUOTA_METADATA), END};
static const struct program_word words_commit[] = {WORD("ALWAYS", TESS_COMMIT_ALWAYS),
						   WORD("NEVER", TESS_COMMIT_NEVER), END};

static const struct {
	const struct program_word *words;
	bool set;
} syntax_words[TYPE_COUNT] = {
    [TYPE_PROT] = {words_prot, true},       [TYPE_MMAP] = {words_mmap, true},
    [TYPE_MADV] = {words_madv, false},      [TYPE_PMADV] = {words_pmadv, false},
    [TYPE_MSYNC] = {words_msync, true},     [TYPE_MLOCK] = {words_mlock, true},
    [TYPE_MCL] = {words_mcl, true},         [TYPE_INHERIT] = {words_inherit, false},
    [TYPE_MREMAP] = {words_mremap, true},   [TYPE_SHM] = {words_shm, true},
    [TYPE_OPEN] = {words_open, false},      [TYPE_RLIMIT] = {words_rlimit, false},
    [TYPE_RIGHTS] = {words_rights, true},   [TYPE_REMAP] = {words_remap, true},
    [TYPE_OMAP] = {words_omap, true},       [TYPE_MAPF] = {words_mapf, true},
    [TYPE_PROTECT] = {words_protect, true}, [TYPE_WIRE] = {words_wire, true},
    [TYPE_PLACE] = {words_place, false},    [TYPE_EXTRACT] = {words_extract, false},
    [TYPE_QUOTA] = {words_quota, false},    [TYPE_COMMIT] = {words_commit, false},
};

const struct program_word *
program_words(enum program_type type, bool *set)
{
	*set = syntax_words[type].set;
	return syntax_words[type].words;
}

const struct program_syntax program_syntax[CALL_COUNT] = {
    [CALL_MMAP] = {"mmap",
		   6,
		   7,
		   {TYPE_HEX, TYPE_HEX, TYPE_PROT, TYPE_MMAP, TYPE_FD, TYPE_HEX, TYPE_HEX}},
    [CALL_MUNMAP] = {"munmap", 2, 2, {TYPE_HEX, TYPE_HEX}},
    [CALL_MPROTECT] = {"mprotect", 3, 3, {TYPE_HEX, TYPE_HEX, TYPE_PROT}},
    [CALL_MADVISE] = {"madvise", 3, 3, {TYPE_HEX, TYPE_HEX, TYPE_MADV}},
    [CALL_POSIX_MADVISE] = {"posix_madvise", 3, 3, {TYPE_HEX, TYPE_HEX, TYPE_PMADV}},
    [CALL_MSYNC] = {"msync", 3, 3, {TYPE_HEX, TYPE_HEX, TYPE_MSYNC}},
    [CALL_MINCORE] = {"mincore", 2, 3, {TYPE_HEX, TYPE_HEX, TYPE_HEX}},
    [CALL_MLOCK] = {"mlock", 2, 2, {TYPE_HEX, TYPE_HEX}},
    [CALL_MLOCK2] = {"mlock2", 3, 3, {TYPE_HEX, TYPE_HEX, TYPE_MLOCK}},
    [CALL_MUNLOCK] = {"munlock", 2, 2, {TYPE_HEX, TYPE_HEX}},
    [CALL_MLOCKALL] = {"mlockall", 1, 1, {TYPE_MCL}},
    [CALL_MUNLOCKALL] = {"munlockall", 0, 0, {0}},
    [CALL_MINHERIT] = {"minherit", 3, 3, {TYPE_HEX, TYPE_HEX, TYPE_INHERIT}},
    [CALL_MREMAP] = {"mremap", 4, 5, {TYPE_HEX, TYPE_HEX, TYPE_HEX, TYPE_MREMAP, TYPE_HEX}},
    [CALL_BRK] = {"brk", 1, 1, {TYPE_HEX}},
    [CALL_SBRK] = {"sbrk", 1, 1, {TYPE_HEX}},
    [CALL_MINCORE_DETAIL] = {"mincore_detail", 2, 3, {TYPE_HEX, TYPE_HEX, TYPE_HEX}},
    [CALL_MQUERY] = {"mquery",
		     6,
		     7,
		     {TYPE_HEX, TYPE_HEX, TYPE_PROT, TYPE_MMAP, TYPE_FD, TYPE_HEX, TYPE_HEX}},
    [CALL_MIMMUTABLE] = {"mimmutable", 2, 2, {TYPE_HEX, TYPE_HEX}},
    [CALL_MSEAL] = {"mseal", 3, 3, {TYPE_HEX, TYPE_HEX, TYPE_HEX}},
    [CALL_MREMAP_BSD] = {"mremap_bsd", 5, 5, {TYPE_HEX, TYPE_HEX, TYPE_HEX, TYPE_HEX, TYPE_REMAP}},
    [CALL_OMMAP] = {"ommap", 6, 6, {TYPE_HEX, TYPE_HEX, TYPE_NUM, TYPE_OMAP, TYPE_FD, TYPE_HEX}},
    [CALL_SSTK] = {"sstk", 1, 1, {TYPE_HEX}},
    [CALL_GETPAGESIZE] = {"getpagesize", 0, 0, {0}},
    [CALL_MUNMAPFD] = {"munmapfd", 1, 1, {TYPE_FD}},
    [CALL_MAP_PROTECT] = {"map_protect",
			  5,
			  5,
			  {TYPE_HEX, TYPE_HEX, TYPE_RIGHTS, TYPE_RIGHTS, TYPE_PROTECT}},
    [CALL_MAP_FLAGS] = {"map_flags", 1, 1, {TYPE_MAPF}},
    [CALL_MAP_SEED] = {"map_seed", 1, 1, {TYPE_HEX}},
    [CALL_MAP_WIRE] = {"map_wire", 3, 3, {TYPE_HEX, TYPE_HEX, TYPE_WIRE}},
    [CALL_MAP_UNWIRE] = {"map_unwire", 3, 3, {TYPE_HEX, TYPE_HEX, TYPE_WIRE}},
    [CALL_MAP_EXTRACT] =
	{"map_extract", 6, 6, {TYPE_NUM, TYPE_HEX, TYPE_HEX, TYPE_NUM, TYPE_HEX, TYPE_EXTRACT}},
    [CALL_MAP_FINDSPACE] =
	{"map_findspace", 6, 6, {TYPE_HEX, TYPE_HEX, TYPE_HEX, TYPE_HEX, TYPE_HEX, TYPE_PLACE}},
    [CALL_MAP_RESERVE] =
	{"map_reserve", 6, 6, {TYPE_HEX, TYPE_HEX, TYPE_HEX, TYPE_HEX, TYPE_HEX, TYPE_PLACE}},
    [CALL_RELEASE_QUARANTINE] = {"release_quarantine", 0, 0, {0}},
    [CALL_QUOTA] = {"quota", 2, 2, {TYPE_QUOTA, TYPE_HEX}},
    [CALL_OVERCOMMIT] = {"overcommit", 2, 2, {TYPE_COMMIT, TYPE_HEX}},
    [CALL_WIRED_MAX] = {"wired_max", 1, 1, {TYPE_HEX}},
    [CALL_SHMGET] = {"shmget", 3, 3, {TYPE_HEX, TYPE_HEX, TYPE_HEX}},
    [CALL_SHMAT] = {"shmat", 3, 3, {TYPE_FD, TYPE_HEX, TYPE_SHM}},
    [CALL_SHMDT] = {"shmdt", 1, 1, {TYPE_HEX}},
    [CALL_OPEN] = {"open", 3, 3, {TYPE_NAME, TYPE_OPEN, TYPE_HEX}},
    [CALL_CLOSE] = {"close", 1, 1, {TYPE_FD}},
    [CALL_FTRUNCATE] = {"ftruncate", 2, 2, {TYPE_FD, TYPE_HEX}},
    [CALL_PREAD] = {"pread", 3, 3, {TYPE_FD, TYPE_HEX, TYPE_HEX}},
    [CALL_PWRITE] = {"pwrite", 4, 4, {TYPE_FD, TYPE_HEX, TYPE_HEX, TYPE_HEX}},
    [CALL_DEVICE] = {"device", 1, 1, {TYPE_NAME}},
    [CALL_LOAD] = {"load", 1, 1, {TYPE_HEX}},
    [CALL_STORE] = {"store", 2, 2, {TYPE_HEX, TYPE_HEX}},
    [CALL_FETCH] = {"fetch", 1, 1, {TYPE_HEX}},
    [CALL_FORK] = {"fork", 0, 0, {0}},
    [CALL_SWITCH] = {"switch", 1, 1, {TYPE_NUM}},
    [CALL_EXIT] = {"exit", 0, 0, {0}},
    [CALL_EXEC] = {"exec", 0, 0, {0}},
    [CALL_SETRLIMIT] = {"setrlimit", 2, 2, {TYPE_RLIMIT, TYPE_HEX}},
    [CALL_SET_BRK] = {"space_set_brk", 1, 1, {TYPE_HEX}},
    [CALL_CPU] = {"cpu", 1, 1, {TYPE_NUM}},
    [CALL_FAIL_NTH] = {"fail_nth", 1, 1, {TYPE_NUM}},
    [CALL_CHECK] = {"check", 0, 0, {0}},
    [CALL_DUMP] = {"dump", 0, 0, {0}},
};

bool
program_modelled(enum program_call call)
{
	switch (call) {
	case CALL_MAP_WIRE:
	case CALL_MAP_UNWIRE:
	case CALL_MAP_EXTRACT:
	case CALL_MAP_RESERVE:
	case CALL_QUOTA:
	case CALL_OVERCOMMIT:
	case CALL_WIRED_MAX:
		return false;
	default:
		return true;
	}
}
