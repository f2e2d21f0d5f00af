/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * map_limit.c: what a change may leave behind: entries, bytes of records, bytes promised, bytes kept in memory.
 *
 * Every change of a layout is an edit, and every edit comes by here three times:
 *
 *	close	reserve: the change's sums so far, and what this step adds; beyond a limit the call fails
 *	commit	the sums of the map follow the entries; the edit notes the difference
 *	end	settle: the machine gets the difference, less what was reserved
 *
 * The machine's sums (base: budget.h) thus are those of all maps whenever nobody edits, however an edit ends.
 *
 * PROMISED.  Under TESS_COMMIT_NEVER private memory that is writable, or once was, is CHARGED: the flag is set
 * when the entry is made or becomes writable, goes along when it is cut or moved or forked, and
 * never leaves it.  Under TESS_COMMIT_ALWAYS no entry gets the flag, so that taking a protection back joins
 * the entries again (D16).  Shared memory of zeros is charged once, in its object.
 *
 * GOES.  An edit that makes the new before it forgets the old (mremap) says what it is going to forget: that counts
 * as gone already, so that a move needs no room for twice its size.
 *
 * Rejected: charging a fault's page when it comes.  That is what a promise is made to avoid.
 */
#include "map_priv.h"

/* Changes of sums, in both directions. */
struct limit_sums {
	int64_t entries, charged, kept;
};

void
tess_entry_charge(struct tess_entry *e)
{
	if (tess_load_relaxed(&tess_machine()->charges) && e->amap != NULL &&
	    (e->prot & TESS_PROT_WRITE))
		e->flags |= TESS_ENTRY_CHARGED;
}

/* limit_outside: bytes of the entry that do not go, and in how many pieces. */
static int64_t
limit_outside(const struct tess_map_edit *ed, const struct tess_entry *e, int64_t *pieces)
{
	tess_va lo = e->range.start > ed->goes_lo ? e->range.start : ed->goes_lo;
	tess_va hi = e->range.end < ed->goes_hi ? e->range.end : ed->goes_hi;

	*pieces = 1;
	if (lo >= hi)
		return (int64_t)tess_entry_bytes(e);
	*pieces = (lo > e->range.start) + (hi < e->range.end);
	return (int64_t)(tess_entry_bytes(e) - (hi - lo));
}

static void
limit_add(struct limit_sums *s, const struct tess_entry *e, int64_t bytes, int64_t pieces)
{
	s->entries += pieces;
	s->charged += e->flags & TESS_ENTRY_CHARGED ? bytes : 0;
	s->kept += tess_entry_is_kept(e) ? bytes : 0;
}

/* limit_replaced: what is in the way of the new entries. */
static void
limit_replaced(struct tess_map_edit *ed, struct limit_sums *s)
{
	struct tess_entry *e;

	for (e = tess_map_edit_next(ed, ed->lo); e != NULL && e->range.start < ed->hi;
	     e = tess_map_edit_next(ed, e->range.end)) {
		limit_add(s, e, -(int64_t)tess_entry_bytes(e), -1);
		if (e->range.end == ed->map->max)
			break;
	}
}

/* limit_going: what will be forgotten elsewhere. */
static void
limit_going(struct tess_map_edit *ed, struct limit_sums *s)
{
	struct tess_entry *e;

	for (e = tess_map_edit_next(ed, ed->goes_lo); e != NULL && e->range.start < ed->goes_hi;
	     e = tess_map_edit_next(ed, e->range.end)) {
		int64_t pieces, outside = limit_outside(ed, e, &pieces);

		if (e->range.start < ed->lo || e->range.end > ed->hi)
			limit_add(s, e, outside - (int64_t)tess_entry_bytes(e), pieces - 1);
		if (e->range.end == ed->map->max)
			break;
	}
}

/* limit_sum: how the map's sums will differ from now, once the edit is done. */
static struct limit_sums
limit_sum(struct tess_map_edit *ed)
{
	struct limit_sums s = {0, 0, 0};
	int64_t pieces, bytes;

	for (struct tess_range *r = ed->head; r != NULL; r = r->link) {
		bytes = limit_outside(ed, tess_entry_of(r), &pieces);
		limit_add(&s, tess_entry_of(r), bytes, pieces);
	}
	limit_replaced(ed, &s);
	if (ed->goes_lo != ed->goes_hi)
		limit_going(ed, &s);
	return s;
}

/* limit_quota: a quota of the map, 0 for none. */
static uint64_t
limit_quota(const struct tess_map *map, enum tess_quota which)
{
	uint64_t most = tess_load_relaxed(&map->quota[which]);

	return most != 0 ? most : UINT64_MAX;
}

uint64_t
tess_map_metadata(const struct tess_map *map)
{
	return map->entries * sizeof(struct tess_entry) +
	       tess_pmap_tables(map->pmap) * TESS_PAGE_SIZE;
}

/* limit_entries: the quotas of a map that will have `grown` entries more than now. */
static bool
limit_entries(const struct tess_map_edit *ed, int64_t grown)
{
	const struct tess_map *map = ed->map;
	uint64_t after = map->entries + (uint64_t)grown;
	uint64_t bytes = tess_map_metadata(map) + (uint64_t)grown * sizeof(struct tess_entry);

	if (after <= ed->entries)
		return true; /* no more than there was */
	return after <= limit_quota(map, TESS_QUOTA_ENTRIES) &&
	       bytes <= limit_quota(map, TESS_QUOTA_METADATA);
}

/* limit_take: have at least `want` bytes of the budget. */
static bool
limit_take(struct tess_budget *b, int64_t want, int64_t *took)
{
	if (want <= *took)
		return true;
	if (!tess_budget_take(b, (uint64_t)(want - *took)))
		return false;
	*took = want;
	return true;
}

enum tess_err
tess_map_edit_reserve(struct tess_map_edit *ed)
{
	struct tess_machine *m = tess_machine();
	bool charges = tess_load_relaxed(&m->charges) != 0;
	bool wires = tess_load_relaxed(&m->wired.most) != UINT64_MAX;
	bool quota = (tess_load_relaxed(&ed->map->quota[TESS_QUOTA_ENTRIES]) |
		      tess_load_relaxed(&ed->map->quota[TESS_QUOTA_METADATA])) != 0;
	struct limit_sums s;

	if (TESS_LIKELY(!charges && !wires && !quota))
		return TESS_OK;
	s = limit_sum(ed);
	if (quota && !limit_entries(ed, s.entries))
		return TESS_ENOMEM;
	if (charges && !limit_take(&m->commit, ed->charged + s.charged, &ed->took_charged))
		return TESS_ENOMEM;
	if (wires && !limit_take(&m->wired, ed->kept + s.kept, &ed->took_kept))
		return TESS_EAGAIN;
	return TESS_OK;
}

/* limit_tables: what the quota of metadata leaves for page tables. */
static void
limit_tables(struct tess_map *map)
{
	uint64_t most = limit_quota(map, TESS_QUOTA_METADATA);
	uint64_t entries = map->entries * sizeof(struct tess_entry);

	if (most != UINT64_MAX)
		most = (most > entries ? most - entries : 0) / TESS_PAGE_SIZE;
	tess_pmap_limit(map->pmap, most);
}

void
tess_map_edit_settle(struct tess_map_edit *ed)
{
	struct tess_machine *m = tess_machine();

	if (ed->charged != ed->took_charged)
		tess_budget_add(&m->commit, ed->charged - ed->took_charged);
	if (ed->kept != ed->took_kept)
		tess_budget_add(&m->wired, ed->kept - ed->took_kept);
	if (TESS_UNLIKELY(tess_load_relaxed(&ed->map->quota[TESS_QUOTA_METADATA]) != 0))
		limit_tables(ed->map);
}

void
tess_map_account(struct tess_map_edit *ed, const struct tess_entry *e, int sign)
{
	uint64_t bytes = sign > 0 ? tess_entry_bytes(e) : -tess_entry_bytes(e);
	struct tess_map *map = ed->map;

	map->bytes += bytes;
	map->entries += (uint64_t)(int64_t)sign;
	if (tess_entry_is_data(e))
		map->data += bytes;
	if (e->flags & TESS_ENTRY_LOCKED)
		map->locked += bytes;
	if (e->wired != 0)
		map->wired += bytes;
	if (tess_entry_is_kept(e))
		ed->kept += (int64_t)bytes;
	if (e->flags & TESS_ENTRY_CHARGED) {
		map->charged += bytes;
		ed->charged += (int64_t)bytes;
	}
}

/* ---- the world's words ---- */

void
tess_map_set_quota(struct tess_map *map, enum tess_quota which, uint64_t most)
{
	struct tess_map_edit ed;

	if ((unsigned)which >= TESS_QUOTA_COUNT)
		return;
	tess_map_edit_begin(&ed, map, map->min, map->max);
	tess_store_relaxed(&map->quota[which], most);
	limit_tables(map);
	tess_map_edit_end(&ed);
	tess_rcu_poll();
}

void
tess_account_set_commit(enum tess_commit policy, uint64_t bytes)
{
	struct tess_machine *m = tess_machine();

	tess_store_relaxed(&m->commit.most, bytes);
	tess_store_relaxed(&m->charges, policy == TESS_COMMIT_NEVER);
}

void
tess_account_set_wired(uint64_t bytes)
{
	tess_store_relaxed(&tess_machine()->wired.most, bytes);
}

void
tess_account_get(struct tess_account *a)
{
	struct tess_machine *m = tess_machine();

	*a = (struct tess_account){
	    .policy = tess_load_relaxed(&m->charges) != 0 ? TESS_COMMIT_NEVER : TESS_COMMIT_ALWAYS,
	    .commit_most = tess_load_relaxed(&m->commit.most),
	    .committed = tess_load_relaxed(&m->commit.used),
	    .wired_most = tess_load_relaxed(&m->wired.most),
	    .wired = tess_load_relaxed(&m->wired.used),
	};
}
