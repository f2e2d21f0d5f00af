/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * tables.c: the list of tables.
 */
#include <stddef.h>
#include "conform.h"

extern const struct table table_mmap, table_mquery, table_ommap, table_shmat, table_shmdt,
    table_munmap, table_mprotect, table_msync, table_madvise, table_posix_madvise, table_mincore,
    table_mincore_bits, table_mlock, table_munlock, table_mlockall, table_minherit,
    table_mimmutable, table_mseal, table_mremap, table_mremap_bsd, table_brk, table_sbrk,
    table_map_protect, table_access, table_fork;

const struct table *const tables[] = {&table_mmap,        &table_mquery,
				      &table_ommap,       &table_shmat,
				      &table_shmdt,       &table_munmap,
				      &table_mprotect,    &table_msync,
				      &table_madvise,     &table_posix_madvise,
				      &table_mincore,     &table_mincore_bits,
				      &table_mlock,       &table_munlock,
				      &table_mlockall,    &table_minherit,
				      &table_mimmutable,  &table_mseal,
				      &table_mremap,      &table_mremap_bsd,
				      &table_brk,         &table_sbrk,
				      &table_map_protect, &table_access,
				      &table_fork,        NULL};
