/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * rows_words.c: the words of arguments.
 */
#include "rows.h"

#define END_OF_WORDS    \
	{               \
		NULL, 0 \
	}

const struct arg_word rows_prot[] = {
    {"growsdown", TESS_PROT_GROWSDOWN}, {"growsup", TESS_PROT_GROWSUP}, END_OF_WORDS};

const struct arg_word rows_mmap[] = {{"SHARED", TESS_MAP_SHARED},
				     {"PRIVATE", TESS_MAP_PRIVATE},
				     {"COPY", TESS_MAP_COPY},
				     {"FIXED", TESS_MAP_FIXED},
				     {"ANON", TESS_MAP_ANON},
				     {"EXCL", TESS_MAP_FIXED_NOREPLACE},
				     {"GUARD", TESS_MAP_GUARD},
				     {"GROWSDOWN", TESS_MAP_GROWSDOWN},
				     {"LOCKED", TESS_MAP_LOCKED},
				     {"NORESERVE", TESS_MAP_NORESERVE},
				     {"POPULATE", TESS_MAP_POPULATE},
				     {"NONBLOCK", TESS_MAP_NONBLOCK},
				     {"STACK", TESS_MAP_STACK},
				     {"DENYWRITE", TESS_MAP_DENYWRITE},
				     {"EXECUTABLE", TESS_MAP_EXECUTABLE},
				     {"TRYFIXED", TESS_MAP_TRYFIXED},
				     {"32BIT", TESS_MAP_32BIT},
				     {"SUPER", TESS_MAP_ALIGNED_SUPER},
				     {"NOSYNC", TESS_MAP_NOSYNC},
				     {"NOCORE", TESS_MAP_NOCORE},
				     {"LIMIT", TESS_MAP_UPPER_LIMIT},
				     {"PREFAULT", TESS_MAP_PREFAULT_READ},
				     {"INHERIT", TESS_MAP_INHERIT},
				     {"LEGACY", TESS_MAP_LEGACY},
				     {"HUGETLB", TESS_MAP_HUGETLB},
				     {"SYNC", TESS_MAP_SYNC},
				     {"UNKNOWN", TESS_MAP_UNKNOWN},
				     END_OF_WORDS};

const struct arg_word rows_advice[] = {{"NORMAL", TESS_MADV_NORMAL},
				       {"RANDOM", TESS_MADV_RANDOM},
				       {"SEQUENTIAL", TESS_MADV_SEQUENTIAL},
				       {"WILLNEED", TESS_MADV_WILLNEED},
				       {"DONTNEED", TESS_MADV_DONTNEED},
				       {"FREE", TESS_MADV_FREE},
				       {"DONTFORK", TESS_MADV_DONTFORK},
				       {"DOFORK", TESS_MADV_DOFORK},
				       {"WIPEONFORK", TESS_MADV_WIPEONFORK},
				       {"KEEPONFORK", TESS_MADV_KEEPONFORK},
				       {"DONTDUMP", TESS_MADV_DONTDUMP},
				       {"DODUMP", TESS_MADV_DODUMP},
				       {"HUGEPAGE", TESS_MADV_HUGEPAGE},
				       {"NOHUGEPAGE", TESS_MADV_NOHUGEPAGE},
				       {"MERGEABLE", TESS_MADV_MERGEABLE},
				       {"UNMERGEABLE", TESS_MADV_UNMERGEABLE},
				       {"COLD", TESS_MADV_COLD},
				       {"PAGEOUT", TESS_MADV_PAGEOUT},
				       {"POPULATE_READ", TESS_MADV_POPULATE_READ},
				       {"POPULATE_WRITE", TESS_MADV_POPULATE_WRITE},
				       {"REMOVE", TESS_MADV_REMOVE},
				       {"DONTNEED_LOCKED", TESS_MADV_DONTNEED_LOCKED},
				       {"COLLAPSE", TESS_MADV_COLLAPSE},
				       {"HWPOISON", TESS_MADV_HWPOISON},
				       {"SOFT_OFFLINE", TESS_MADV_SOFT_OFFLINE},
				       {"GUARD_INSTALL", TESS_MADV_GUARD_INSTALL},
				       {"GUARD_REMOVE", TESS_MADV_GUARD_REMOVE},
				       {"NOSYNC", TESS_MADV_NOSYNC},
				       {"AUTOSYNC", TESS_MADV_AUTOSYNC},
				       {"PROTECT", TESS_MADV_PROTECT},
				       {"SPACEAVAIL", TESS_MADV_SPACEAVAIL},
				       {"ZERO", TESS_MADV_ZERO},
				       {"FREE_REUSABLE", TESS_MADV_FREE_REUSABLE},
				       {"FREE_REUSE", TESS_MADV_FREE_REUSE},
				       {"CAN_REUSE", TESS_MADV_CAN_REUSE},
				       {"UNKNOWN", TESS_MADV_UNKNOWN},
				       END_OF_WORDS};

const struct arg_word rows_msync[] = {{"ASYNC", TESS_MS_ASYNC},
				      {"INVALIDATE", TESS_MS_INVALIDATE},
				      {"SYNC", TESS_MS_SYNC},
				      {"UNKNOWN", TESS_MS_UNKNOWN},
				      END_OF_WORDS};

const struct arg_word rows_lock[] = {{"ONFAULT", TESS_MLOCK_ONFAULT}, END_OF_WORDS};

const struct arg_word rows_mcl[] = {{"CURRENT", TESS_MCL_CURRENT},
				    {"FUTURE", TESS_MCL_FUTURE},
				    {"ONFAULT", TESS_MCL_ONFAULT},
				    END_OF_WORDS};

const struct arg_word rows_inherit[] = {
    {"COPY", TESS_INHERIT_COPY}, {"SHARE", TESS_INHERIT_SHARE},   {"NONE", TESS_INHERIT_NONE},
    {"ZERO", TESS_INHERIT_ZERO}, {"DONATE", TESS_INHERIT_DONATE}, END_OF_WORDS};

const struct arg_word rows_mremap[] = {{"MAYMOVE", TESS_MREMAP_MAYMOVE},
				       {"FIXED", TESS_MREMAP_FIXED},
				       {"DONTUNMAP", TESS_MREMAP_DONTUNMAP},
				       {"UNKNOWN", TESS_MREMAP_UNKNOWN},
				       END_OF_WORDS};

const struct arg_word rows_mremap_bsd[] = {{"FIXED", TESS_MREMAP_BSD_FIXED},
					   {"DUP", TESS_MREMAP_BSD_DUP},
					   {"UNKNOWN", TESS_MREMAP_BSD_UNKNOWN},
					   END_OF_WORDS};

const struct arg_word rows_protect[] = {{"SET_PROT", TESS_PROTECT_SET_PROT},
					{"SET_MAXPROT", TESS_PROTECT_SET_MAXPROT},
					{"GROWSDOWN", TESS_PROTECT_GROWSDOWN},
					END_OF_WORDS};

const struct arg_word rows_omap[] = {{"ANON", TESS_OMAP_ANON},       {"SHARED", TESS_OMAP_SHARED},
				     {"COPY", TESS_OMAP_COPY},       {"FIXED", TESS_OMAP_FIXED},
				     {"INHERIT", TESS_OMAP_INHERIT}, END_OF_WORDS};
