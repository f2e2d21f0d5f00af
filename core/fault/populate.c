/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * populate.c: faults on purpose, for mlock, MAP_POPULATE and madvise(POPULATE_*).
 */
#include "fault.h"

/* How a page of this entry is brought in. */
enum populate_how {
	POPULATE_NONE,
	POPULATE_READ,
	POPULATE_WRITE
};

/* populate_find: the entry at va, as mlock sees it; *end is where it ends.  EFAULT: nothing accessible. */
static enum populate_how
populate_find(struct tess_map *map, tess_va va, tess_va *end)
{
	enum populate_how how = POPULATE_NONE;
	struct tess_entry *e;

	tess_rcu_enter();
	e = tess_map_lookup_rcu(map, va);
	if (e != NULL) {
		*end = e->range.end;
		if (e->prot != TESS_PROT_NONE && !tess_entry_is_guard(e))
			how = POPULATE_READ;
		if (how == POPULATE_READ && (e->prot & TESS_PROT_WRITE) && e->amap != NULL)
			how = POPULATE_WRITE;
	}
	tess_rcu_exit();
	return how;
}

/* populate_present: does the page translate already, with the right asked for? */
static bool
populate_present(struct tess_map *map, tess_va va, enum tess_access access)
{
	static const tess_prot need[] = {TESS_PROT_READ, TESS_PROT_WRITE, TESS_PROT_EXEC};
	tess_prot have;

	return tess_pmap_extract(map->pmap, va, NULL, &have) && (have & need[access]);
}

enum tess_err
tess_map_touch(struct tess_map *map, tess_va start, tess_va end, enum tess_access access)
{
	enum tess_err e = TESS_OK;

	for (tess_va va = start; va < end && e == TESS_OK; va += TESS_PAGE_SIZE)
		if (!populate_present(map, va, access))
			e = tess_map_fault(map, va, access);
	return e == TESS_SIGSEGV ? TESS_EFAULT : e;
}

enum tess_err
tess_map_populate(struct tess_map *map, tess_va start, tess_va end)
{
	enum tess_err e = TESS_OK;

	while (start < end && e == TESS_OK) {
		tess_va stop = end;
		enum populate_how how = populate_find(map, start, &stop);

		if (how == POPULATE_NONE)
			return TESS_EFAULT;
		if (stop > end)
			stop = end;
		e = tess_map_touch(map, start, stop,
				   how == POPULATE_WRITE ? TESS_ACCESS_WRITE : TESS_ACCESS_READ);
		start = stop;
	}
	return e;
}
