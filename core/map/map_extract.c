/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * map_extract.c: what is mapped in one place appears in another, of the same map or of another one.
 *
 *	MOVE	 map_move.c does it
 *	COPY	 private pages are counted once more, anon by anon; the source loses write permission, and only
 *		 when no CPU can write any more is the copy published
 *	SHARE	 private pages move to an amap that both entries cover (map_share.c), as for a fork of minherit(SHARE)
 *	RESERVE	 guards
 *
 * Both maps are locked all the time, the one at the lower address first.  Faults on the source wait while it is
 * changed (`held`).  All that may fail comes before the target is published.
 *
 * Rejected: first extracting into a list of loose entries and then inserting that (uvm_map_extract): the list is a
 * third owner of pages, which every failure has to give back.
 */
#include "map_priv.h"

struct extract {
	struct tess_map *src, *dst;
	struct tess_map_edit *se, *de; /* the same one when src is dst */
	tess_va from, to;
	uint64_t len;
	enum tess_extract how;
	struct tess_range *undo; /* SHARE: what takes the sharing back */
	struct tess_strip strip; /* what the target replaces; its cover serves SHARE */
	bool replaces;
};

/* extract_part: the next entry of the source at or after *at, and its part inside. */
static struct tess_entry *
extract_part(const struct extract *x, tess_va at, tess_va *lo, tess_va *hi)
{
	struct tess_entry *e = tess_map_next_rcu(x->src, at);
	tess_va end = x->from + x->len;

	if (at >= end || e == NULL || e->range.start >= end)
		return NULL;
	*lo = e->range.start > x->from ? e->range.start : x->from;
	*hi = e->range.end < end ? e->range.end : end;
	return e;
}

#define EXTRACT_FOREACH(e, x, lo, hi)                                                    \
	for (struct tess_entry *e = extract_part(x, (x)->from, &(lo), &(hi)); e != NULL; \
	     e = extract_part(x, hi, &(lo), &(hi)))

/* extract_entry: what the part of `e` from `lo` on becomes at `to`. */
static struct tess_entry
extract_entry(const struct extract *x, const struct tess_entry *e, tess_va lo, tess_va to)
{
	const uint32_t own = TESS_ENTRY_LOCKED | TESS_ENTRY_ONFAULT;
	struct tess_entry n = *e;

	n.range.start = to;
	n.range.end = to + (e->range.end - lo);
	n.held = x->replaces;
	n.wired = 0;
	n.flags &= ~own;
	if (x->how == TESS_EXTRACT_RESERVE) {
		n.object = NULL;
		n.prot = n.maxprot = TESS_PROT_NONE;
		n.inherit = TESS_INHERIT_COPY;
		n.flags = TESS_ENTRY_GUARD;
	}
	n.off = n.object != NULL ? e->off + (lo - e->range.start) : 0;
	if (x->how == TESS_EXTRACT_SHARE) {
		n.aidx = n.amap != NULL ? tess_entry_slot(e, lo) : 0;
		return n;
	}
	if (n.flags & TESS_ENTRY_SHARED)
		n.inherit = TESS_INHERIT_COPY;
	n.flags &= (uint32_t)~TESS_ENTRY_SHARED;
	n.amap = x->dst->home;
	n.aidx = to >> TESS_PAGE_SHIFT;
	if (e->amap == NULL)
		tess_entry_charge(&n); /* private from here on */
	return n;
}

/* extract_close: the target's entries, allocated. */
static enum tess_err
extract_close(struct extract *x)
{
	tess_va lo, hi;

	tess_map_edit_open(x->de, x->to, x->to + x->len);
	EXTRACT_FOREACH(e, x, lo, hi)
	{
		struct tess_entry n = extract_entry(x, e, lo, lo - x->from + x->to);

		tess_map_edit_put(x->de, &n, n.range.start, hi - x->from + x->to);
	}
	return tess_map_edit_close(x->de, x->to + x->len);
}

/* extract_publish: the target is allocated; what it replaces goes. */
static void
extract_publish(struct extract *x)
{
	x->de->mark = x->de->dead; /* what was cut or shared has been put again */
	tess_map_edit_commit(x->de);
	if (x->replaces)
		tess_map_strip(&x->strip, x->de, x->to, x->to + x->len, TESS_WIPE_RELEASE);
	if (!tess_map_hole(x->dst, x->to, x->to + x->len)) /* holes stay holes */
		tess_map_place_took(x->dst, x->to, x->to + x->len);
}

/* ---- COPY ---- */

/* copy_hold: faults on the source wait, or go on. */
static void
copy_hold(struct extract *x, uint32_t held)
{
	tess_va lo, hi;

	EXTRACT_FOREACH(e, x, lo, hi)
	tess_store_release(&e->held, held); /* pairs with tess_entry_live() */
}

/* copy_anons: count every private page once more.  fails: NOMEM; some may be in the target's slots. */
static enum tess_err
copy_anons(struct extract *x)
{
	enum tess_err err = TESS_OK;
	tess_va lo, hi;

	EXTRACT_FOREACH(e, x, lo, hi)
	{
		if (err == TESS_OK && e->amap != NULL)
			err = tess_amap_copy(e->amap, tess_entry_slot(e, lo), x->dst->home,
					     (lo - x->from + x->to) >> TESS_PAGE_SHIFT,
					     (hi - lo) >> TESS_PAGE_SHIFT);
	}
	return err;
}

/*
 * copy_protect: nobody writes any more to what is counted twice.
 *
 * => pages of a shared amap are mapped by several maps: each frame's translations are lowered
 */
static void
copy_protect(struct extract *x)
{
	const tess_prot rx = TESS_PROT_READ | TESS_PROT_EXEC;
	struct tess_anon *an;
	tess_va lo, hi;

	EXTRACT_FOREACH(e, x, lo, hi)
	{
		tess_idx i = tess_entry_slot(e, lo), end = i + ((hi - lo) >> TESS_PAGE_SHIFT);

		if (e->amap != NULL && e->amap->shared)
			for (; (an = tess_amap_next(e->amap, &i, end)) != NULL; i++)
				tess_page_protect(an->page, rx, &x->se->g);
		else if (e->amap != NULL && (e->prot & TESS_PROT_WRITE))
			tess_pmap_protect(x->src->pmap, lo, hi, rx, &x->se->g);
	}
	tess_gather_finish(&x->se->g);
}

static enum tess_err
extract_copy(struct extract *x)
{
	tess_idx slot = x->to >> TESS_PAGE_SHIFT;
	uint64_t n = x->len >> TESS_PAGE_SHIFT;
	enum tess_err err = tess_amap_wipe_prepare(x->dst->home, slot, n); /* for the way back */

	if (err == TESS_OK)
		err = extract_close(x);
	if (err != TESS_OK)
		return err;
	copy_hold(x, 1);
	err = copy_anons(x);
	if (err == TESS_OK) {
		copy_protect(x);
		copy_hold(x,
			  0); /* before the target joins one of them: it is in the index already */
		extract_publish(x);
	} else {
		tess_amap_wipe(x->dst->home, slot, n, TESS_WIPE_RELEASE, &x->de->g);
		copy_hold(x, 0);
	}
	return err;
}

/* ---- SHARE ---- */

/* share_private: private memory of the source moves to amaps that can be covered twice. */
static enum tess_err
share_private(struct extract *x)
{
	enum tess_err err = tess_map_cut(x->se, x->from, x->from + x->len);
	tess_va lo, hi;

	EXTRACT_FOREACH(e, x, lo, hi)
	{
		if (err == TESS_OK && e->amap == x->src->home)
			err = tess_map_share(x->se, e, &x->undo);
	}
	return err;
}

/* share_cover: prepare (or count) the second coverage. */
static enum tess_err
share_cover(struct extract *x)
{
	enum tess_err err = TESS_OK;
	tess_va lo, hi;

	EXTRACT_FOREACH(e, x, lo, hi)
	{
		if (e->amap == NULL || err != TESS_OK)
			continue;
		if (!x->strip.cover.held)
			tess_cover_begin(&x->strip.cover);
		err = tess_cover_prepare(&x->strip.cover, e->amap, tess_entry_slot(e, lo),
					 (hi - lo) >> TESS_PAGE_SHIFT);
	}
	return err;
}

static void
share_count(struct extract *x)
{
	tess_va lo, hi;

	EXTRACT_FOREACH(e, x, lo, hi)
	if (e->amap != NULL)
		tess_cover_add(&x->strip.cover, e->amap, tess_entry_slot(e, lo),
			       (hi - lo) >> TESS_PAGE_SHIFT);
}

static enum tess_err
extract_share(struct extract *x)
{
	enum tess_err err = share_private(x);

	if (err == TESS_OK && x->replaces)
		err = tess_map_strip_prepare(&x->strip, x->de, x->to, x->to + x->len);
	if (err == TESS_OK)
		err = share_cover(x);
	if (err == TESS_OK)
		err = extract_close(x);
	if (err == TESS_OK) {
		share_count(x); /* before what is replaced is dropped: it may be the same amap */
		extract_publish(x);
	}
	tess_map_strip_end(&x->strip);
	tess_map_unshare(x->se, x->undo, err);
	tess_map_let_go(x->se, x->from, x->from + x->len);
	if (err == TESS_OK)
		tess_map_let_go(x->de, x->to, x->to + x->len);
	return err;
}

/* ---- All four ---- */

static enum tess_err
extract_move(struct extract *x)
{
	struct tess_move v = {.src = x->src,
			      .dst = x->dst,
			      .se = x->se,
			      .de = x->de,
			      .from = x->from,
			      .to = x->to,
			      .from_len = x->len,
			      .to_len = x->len,
			      .source = TESS_MOVE_UNMAP};

	return tess_map_move_held(&v);
}

static enum tess_err
extract_do(struct extract *x)
{
	enum tess_err err = TESS_OK;

	switch (x->how) {
	case TESS_EXTRACT_MOVE:
		return extract_move(x);
	case TESS_EXTRACT_COPY:
		return extract_copy(x);
	case TESS_EXTRACT_SHARE:
		return extract_share(x);
	case TESS_EXTRACT_RESERVE:
		err = extract_close(x);
		if (err == TESS_OK)
			extract_publish(x);
		break;
	}
	return err;
}

/* extract_may: is there something, and may all of it be taken? */
static enum tess_kern
extract_may(const struct extract *x)
{
	bool wxorx = (tess_load_relaxed(&x->dst->flags) & TESS_MAPF_WXORX) != 0;
	tess_prot both = TESS_PROT_WRITE | TESS_PROT_EXEC;
	unsigned n = 0;
	tess_va lo, hi;

	EXTRACT_FOREACH(e, x, lo, hi)
	{
		n++;
		if (e->flags & TESS_ENTRY_SUBMAP)
			return TESS_KERN_INVALID_ARGUMENT;
		if (x->how == TESS_EXTRACT_MOVE && (e->flags & TESS_ENTRY_IMMUTABLE))
			return TESS_KERN_PROTECTION_FAILURE;
		if (wxorx && x->how != TESS_EXTRACT_RESERVE && (e->prot & both) == both)
			return TESS_KERN_PROTECTION_FAILURE;
	}
	return n != 0 ? TESS_KERN_SUCCESS : TESS_KERN_INVALID_ADDRESS;
}

/* extract_where: the target is free, and not inside the source. */
static enum tess_kern
extract_where(struct extract *x)
{
	struct tess_map_new n = {.len = x->len, .addr = x->to};

	if (x->to == 0)
		return tess_map_choose(x->dst, &n, &x->to) ? TESS_KERN_SUCCESS : TESS_KERN_NO_SPACE;
	if (!tess_map_place_exact(x->dst, &n))
		return TESS_KERN_INVALID_ARGUMENT;
	if (x->src == x->dst && x->to < x->from + x->len && x->from < x->to + x->len)
		return TESS_KERN_INVALID_ARGUMENT;
	return TESS_KERN_SUCCESS;
}

/* extract_locked: both maps are held. */
static enum tess_kern
extract_locked(struct extract *x, tess_va *to)
{
	bool anywhere = *to == 0;
	enum tess_kern kern = extract_may(x);

	if (kern == TESS_KERN_SUCCESS)
		kern = extract_where(x);
	if (kern != TESS_KERN_SUCCESS)
		return kern;
	if (extract_do(x) != TESS_OK)
		return TESS_KERN_RESOURCE_SHORTAGE;
	if (anywhere)
		tess_map_place_chosen(x->dst, x->to, x->to + x->len);
	*to = x->to;
	return TESS_KERN_SUCCESS;
}

/* extract_lock: both maps, in order; `b` is NULL when there is one. */
static void
extract_lock(struct tess_map_edit ed[2], struct tess_map *a, struct tess_map *b)
{
	for (;;) {
		tess_map_edit_begin(&ed[0], a, a->min, a->max);
		if (b == NULL || tess_map_edit_begin_second(&ed[1], b))
			return;
		tess_map_edit_end(&ed[0]);
		tess_map_wait_wiring(b);
	}
}

enum tess_kern
tess_map_extract(struct tess_map *src, tess_va start, uint64_t len, struct tess_map *dst,
		 tess_va *to, enum tess_extract how)
{
	struct tess_map_edit ed[2]; /* in order of locking */
	struct extract x = {
	    .src = src, .dst = dst, .from = start, .to = *to, .len = len, .how = how};
	bool first = src <= dst;
	enum tess_kern kern;

	if (!tess_page_aligned(start | len | *to) || len == 0 || start > UINT64_MAX - len ||
	    *to > UINT64_MAX - len || (unsigned)how > TESS_EXTRACT_RESERVE)
		return TESS_KERN_INVALID_ARGUMENT;
	tess_map_strip_begin(&x.strip);
	x.se = first ? &ed[0] : &ed[1];
	x.de = src == dst ? x.se : first ? &ed[1] : &ed[0];
	extract_lock(ed, first ? src : dst, src == dst ? NULL : first ? dst : src);
	kern = extract_locked(&x, to);
	if (src != dst)
		tess_map_edit_end(&ed[1]);
	tess_map_edit_end(&ed[0]);
	tess_rcu_poll();
	return kern;
}

/* dup_check: may it be done?  Finds the place. */
static enum tess_err
dup_check(struct extract *x, const struct tess_map_new *n)
{
	tess_va end = x->from + x->len;
	struct tess_map_limits over;
	enum tess_err err = tess_map_going(x->src, x->from, end, TESS_HOLES_REFUSE);

	if (err == TESS_OK && n->place != TESS_PLACE_ANY)
		err = tess_map_going(x->dst, x->to, x->to + x->len, TESS_HOLES_SKIP);
	else if (err == TESS_OK && !tess_map_choose(x->dst, n, &x->to))
		err = TESS_ENOMEM;
	if (err != TESS_OK)
		return err;
	TESS_DEBUG(end <= x->to || x->to + x->len <= x->from);
	tess_map_over(x->dst, x->to, x->to + x->len, &over);
	x->replaces = over.bytes != 0;
	return x->dst->bytes - over.bytes + x->len > n->limits.bytes ? TESS_ENOMEM : TESS_OK;
}

enum tess_err
tess_map_dup(struct tess_map *map, tess_va from, const struct tess_map_new *n, tess_va *to)
{
	struct tess_map_edit ed;
	struct extract x = {.src = map,
			    .dst = map,
			    .se = &ed,
			    .de = &ed,
			    .from = from,
			    .to = n->addr,
			    .len = n->len,
			    .how = TESS_EXTRACT_SHARE};
	enum tess_err err;

	tess_map_strip_begin(&x.strip);
	tess_map_edit_begin(&ed, map, map->min, map->max);
	err = dup_check(&x, n);
	if (err == TESS_OK)
		err = extract_share(&x);
	if (err == TESS_OK && n->place == TESS_PLACE_ANY)
		tess_map_place_chosen(map, x.to, x.to + x.len);
	if (err == TESS_OK)
		*to = x.to;
	tess_map_edit_end(&ed);
	return err;
}
