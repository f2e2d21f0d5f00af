/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * incore.c: mincore: which pages are in memory.
 */
#include "space.h"

/* mincore_page: is the page that holds va in memory?  rcu: inside */
static bool
mincore_page(struct tess_entry *e, tess_va va)
{
	tess_idx slot = e->amap != NULL ? tess_entry_slot(e, va) : 0;

	if (e->amap != NULL && tess_amap_count(e->amap, slot, 1) != 0)
		return true;
	return e->object != NULL && tess_object_has_rcu(e->object, tess_entry_idx(e, va));
}

/* mincore_entry: the pages of [*va, end) in one entry.  false: a hole at *va. */
static bool
mincore_entry(struct tess_map *map, tess_va *va, tess_va end, unsigned char **vec)
{
	struct tess_entry *e;

	tess_rcu_enter();
	e = tess_map_lookup_rcu(map, *va);
	for (; e != NULL && *va < end && *va < e->range.end; *va += TESS_PAGE_SIZE)
		*(*vec)++ = mincore_page(e, *va);
	tess_rcu_exit();
	return e != NULL;
}

enum tess_err
tess_mincore(struct tess_space *sp, tess_va addr, uint64_t len, unsigned char *vec)
{
	tess_va max = sp->map.max;
	struct tess_span s;
	tess_va va;

	if (!tess_page_aligned(addr))
		return tess_space_leave(TESS_EINVAL); /* C1 */
	if (addr > max || len > max - addr || !tess_span_make(addr, len, &s))
		return tess_space_leave(sp->rules->mincore_high);
	if (s.start == s.end)
		return tess_space_leave(sp->rules->mincore_len0); /* C2 */
	if (vec == NULL)
		return tess_space_leave(TESS_EFAULT); /* C3 */
	for (va = s.start; va < s.end;)
		if (!mincore_entry(&sp->map, &va, s.end, &vec))
			return tess_space_leave(TESS_ENOMEM); /* C4 */
	return tess_space_leave(TESS_OK);
}
