/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * fault.c: the fault machine.
 *
 *	 entry (RCU) ──► private? ──► chunk locked ──► anon? ──yes──► upper: enter, or copy and enter
 *			    │			        └──no───► lower: zero page, object page,
 *			    │					  or a fresh anon when written
 *			    └─ shared ──► object locked ──► page? ──► enter
 *						  └─ absent: leave everything, fetch, start over
 *
 * No map lock is taken and no shared word written on the way to the entry.  The entry may
 * be replaced at any moment; three checks make that harmless:
 *
 *   1. under the chunk's lock, tess_entry_live(): a writer marks the entry dead (or held) before it takes
 *	the chunk lock to empty slots, so an anon is put either before the wipe or not at all;
 *   2. under the PTE page's lock, tess_pmap_enter() looks at `dead`: writers mark before they clear;
 *   3. the chunk (or object) stays locked until the translation is entered, so fork, truncation and
 *	wipe see either no translation or the finished one.
 *
 * An amap that several maps share needs one thing more: whoever changes what a slot gives removes the
 * translations that the other maps made of what it gave before.
 *
 * A read of private memory without a chunk is entered without a lock.  A write that comes between may put an
 * anon and its translation first: TESS_ENTER_KEEP leaves that in place and the fault starts over.
 *
 * Reading is allowed wherever anything is: neither architecture has pages that can be written or
 * (on x86_64) executed but not read.
 */
#include "fault.h"

/* One fault, round after round. */
struct fault {
	struct tess_map *map;
	struct tess_map
	    *in; /* whose entry this round's is: `map`, or a submap of it; WAIT: referenced then */
	tess_va va; /* of the page */
	enum tess_access access;
	struct tess_entry *e;      /* this round's, under RCU */
	struct tess_object *fetch; /* referenced: bring in `idx`, then start over */
	tess_idx idx;
	enum tess_err err;               /* the answer, with FAULT_END */
	const struct tess_page *settled; /* nobody writes to it any more: it may be copied */
	struct tess_gather g;
};

/* How a round ends. */
enum fault_step {
	FAULT_END,    /* f->err is the answer */
	FAULT_AGAIN,  /* something moved: look again */
	FAULT_WAIT,   /* the entry is held: wait for its writer */
	FAULT_FETCH,  /* f->fetch is to be read */
	FAULT_SETTLE, /* others may owe flushes for f->settled */
};

static enum fault_step
fault_end(struct fault *f, enum tess_err err)
{
	f->err = err;
	return FAULT_END;
}

/* fault_stale: the entry in hand is dead, or held by a writer. */
static enum fault_step
fault_stale(const struct fault *f)
{
	return tess_load_acquire(&f->e->range.dead) ? FAULT_AGAIN : FAULT_WAIT;
}

static bool
fault_allowed(const struct tess_entry *e, enum tess_access access)
{
	if (tess_entry_is_guard(e))
		return false;
	switch (access) {
	case TESS_ACCESS_READ:
		return e->prot != TESS_PROT_NONE;
	case TESS_ACCESS_WRITE:
		return (e->prot & TESS_PROT_WRITE) != 0;
	case TESS_ACCESS_EXEC:
		return (e->prot & TESS_PROT_EXEC) != 0;
	}
	return false;
}

enum fault_write {
	FAULT_WRITABLE,
	FAULT_READONLY
};

/* fault_enter: translate the page to pg, with the entry's rights or those without writing. */
static enum fault_step
fault_enter(struct fault *f, struct tess_page *pg, enum fault_write how, unsigned flags)
{
	static const unsigned seed[] = {TESS_ENTER_READ, TESS_ENTER_WRITE, TESS_ENTER_EXEC};
	tess_prot prot = f->e->prot | TESS_PROT_READ;

	if (how == FAULT_READONLY)
		prot &= (tess_prot)~TESS_PROT_WRITE;
	switch (tess_pmap_enter(f->map->pmap, f->va, pg, prot, flags | seed[f->access],
				&f->e->range.dead, &f->g)) {
	case TESS_DONE:
		return fault_end(f, TESS_OK);
	case TESS_RETRY:
		return FAULT_AGAIN;
	case TESS_FAIL:
		break;
	}
	return fault_end(f, TESS_ENOMEM);
}

static bool
step_ok(const struct fault *f, enum fault_step step)
{
	return step == FAULT_END && f->err == TESS_OK;
}

/* fault_put: a fresh anon goes into the empty slot and is translated; or neither happens. */
static enum fault_step
fault_put(struct fault *f, struct tess_chunk *c, tess_idx slot, struct tess_anon *fresh)
{
	enum fault_step step;

	tess_chunk_put(c, slot, fresh);
	if (f->e->amap->shared && f->e->object == NULL)
		tess_page_protect(f->e->amap->zero, TESS_PROT_NONE,
				  &f->g); /* others read it here */
	step = fault_enter(f, fresh->page, FAULT_WRITABLE, 0);
	if (!step_ok(f, step))
		tess_anon_unref(tess_chunk_take(c, slot), &f->g);
	return step;
}

/*
 * fault_copy: the slot's anon is shared: it gets one of its own.
 *
 * => fork makes faults of its own map wait until no CPU can write to the page; for an amap of several maps,
 *    whose faults do not wait, the flush is made here, and the copy in the next round
 */
static enum fault_step
fault_copy(struct fault *f, struct tess_chunk *c, tess_idx slot, struct tess_anon *an)
{
	struct tess_anon *fresh;
	enum fault_step step;

	if (f->e->amap->shared && f->settled != an->page) {
		tess_page_protect(an->page, TESS_PROT_READ | TESS_PROT_EXEC, &f->g);
		f->settled = an->page;
		return FAULT_SETTLE;
	}
	fresh = tess_anon_new(TESS_FILL_NONE);
	if (fresh == NULL)
		return fault_end(f, TESS_ENOMEM);
	tess_port_page_copy(tess_page_data(fresh->page), tess_page_data(an->page));
	tess_chunk_replace(c, slot, fresh);
	if (f->e->amap->shared)
		tess_page_protect(an->page, TESS_PROT_NONE, &f->g); /* sharers of the slot too */
	step = fault_enter(f, fresh->page, FAULT_WRITABLE, 0);
	if (step_ok(f, step)) {
		tess_anon_unref(an, &f->g);
		tess_stat_add(TESS_STAT_FAULT_COW, 1);
	} else {
		tess_chunk_replace(c, slot, an);
		tess_anon_unref(fresh, &f->g);
	}
	return step;
}

/* fault_upper: the slot holds an anon. */
static enum fault_step
fault_upper(struct fault *f, struct tess_chunk *c, tess_idx slot, struct tess_anon *an)
{
	bool own = c->refs == 1 && tess_load_acquire(&an->refs) == 1;

	if (f->access == TESS_ACCESS_WRITE && !own)
		return fault_copy(f, c, slot, an);
	tess_stat_add(
	    f->access == TESS_ACCESS_WRITE ? TESS_STAT_FAULT_TAKEOVER : TESS_STAT_FAULT_UPPER, 1);
	return fault_enter(f, an->page, own ? FAULT_WRITABLE : FAULT_READONLY, 0);
}

/* fault_zero: no anon and no object: the zero page, or a page of zeros. */
static enum fault_step
fault_zero(struct fault *f, struct tess_chunk *c, tess_idx slot)
{
	struct tess_anon *fresh;

	if (f->access != TESS_ACCESS_WRITE)
		return fault_enter(f, f->e->amap->zero, FAULT_READONLY, TESS_ENTER_KEEP);
	fresh = tess_anon_new(TESS_FILL_ZERO);
	if (fresh == NULL)
		return fault_end(f, TESS_ENOMEM);
	tess_stat_add(TESS_STAT_FAULT_ZERO, 1);
	return fault_put(f, c, slot, fresh);
}

/* fault_found: what to do when the object's page cannot be used at once. */
static enum fault_step
fault_found(struct fault *f, enum tess_found found)
{
	switch (found) {
	case TESS_FOUND_BEYOND:
		return fault_end(f, TESS_SIGBUS);
	case TESS_FOUND_NOMEM:
		return fault_end(f, TESS_ENOMEM);
	case TESS_FOUND_ABSENT:
	case TESS_FOUND_BUSY:
	case TESS_FOUND_PAGE:
		break;
	}
	if (!tess_object_ref_try(f->e->object))
		return FAULT_AGAIN; /* dying with its last entry: this one is dead */
	f->fetch = f->e->object;
	return FAULT_FETCH;
}

/*
 * fault_promote: a private page begins as a copy of the object's.
 *
 * => the copy is made under the object's lock: the page can neither go nor be refilled meanwhile
 */
static enum fault_step
fault_promote(struct fault *f, struct tess_chunk *c, tess_idx slot)
{
	struct tess_object *o = f->e->object;
	struct tess_anon *fresh = tess_anon_new(TESS_FILL_NONE);
	enum tess_found found;
	struct tess_page *pg;

	if (fresh == NULL)
		return fault_end(f, TESS_ENOMEM);
	tess_spin_lock(&o->lock, TESS_RANK_OBJECT);
	found = tess_object_page_locked(o, f->idx, &pg);
	if (found == TESS_FOUND_PAGE)
		tess_port_page_copy(tess_page_data(fresh->page), tess_page_data(pg));
	if (found == TESS_FOUND_PAGE && f->e->amap->shared)
		tess_page_protect(pg, TESS_PROT_NONE, &f->g); /* sharers of the slot read it */
	tess_spin_unlock(&o->lock, TESS_RANK_OBJECT);
	if (found != TESS_FOUND_PAGE) {
		tess_anon_unref(fresh, &f->g);
		return fault_found(f, found);
	}
	tess_stat_add(TESS_STAT_FAULT_COW, 1);
	return fault_put(f, c, slot, fresh);
}

/* fault_object: enter the object's own page. */
static enum fault_step
fault_object(struct fault *f, enum fault_write how, unsigned flags)
{
	struct tess_object *o = f->e->object;
	enum fault_step step;
	enum tess_found found;
	struct tess_page *pg;

	tess_spin_lock(&o->lock, TESS_RANK_OBJECT);
	found = tess_object_page_locked(o, f->idx, &pg);
	if (found == TESS_FOUND_PAGE) {
		step = fault_enter(f, pg, how, flags);
		tess_spin_unlock(&o->lock, TESS_RANK_OBJECT);
		tess_stat_add(TESS_STAT_FAULT_LOWER, 1);
		return step;
	}
	tess_spin_unlock(&o->lock, TESS_RANK_OBJECT);
	return fault_found(f, found);
}

/* fault_private_locked: the chunk is locked, or absent and not needed. */
static enum fault_step
fault_private_locked(struct fault *f, struct tess_chunk *c, tess_idx slot)
{
	struct tess_anon *an;

	if (!tess_entry_live(f->e))
		return fault_stale(f);
	an = c != NULL ? tess_chunk_get(c, slot) : NULL;
	if (an != NULL)
		return fault_upper(f, c, slot, an);
	if (f->e->object == NULL)
		return fault_zero(f, c, slot);
	if (f->access == TESS_ACCESS_WRITE)
		return fault_promote(f, c, slot);
	return fault_object(f, FAULT_READONLY, TESS_ENTER_KEEP);
}

/*
 * fault_chunk: the chunk of the slot, locked.  A read of a home amap does without one; of a shared amap it
 * does not, so that no other map can put an anon unseen.
 */
static enum tess_step
fault_chunk(struct fault *f, tess_idx slot, struct tess_chunk **c)
{
	struct tess_amap *am = f->e->amap;
	enum tess_step step = TESS_DONE;

	*c = NULL;
	if (f->access != TESS_ACCESS_WRITE)
		step = tess_chunk_lock(am, slot, TESS_CHUNK_LOOK, c);
	if (f->access == TESS_ACCESS_WRITE || (*c == NULL && am->shared))
		step = tess_chunk_lock(am, slot, TESS_CHUNK_WRITE, c);
	return step;
}

static enum fault_step
fault_private(struct fault *f)
{
	tess_idx slot = tess_entry_slot(f->e, f->va);
	enum fault_step step;
	struct tess_chunk *c;

	if (fault_chunk(f, slot, &c) != TESS_DONE) /* without memory, or the amap went */
		return tess_entry_live(f->e) ? fault_end(f, TESS_ENOMEM) : fault_stale(f);
	step = fault_private_locked(f, c, slot);
	if (c != NULL)
		tess_chunk_unlock(c);
	return step;
}

/* fault_round: one look at the entry and what is behind it.  rcu: inside. */
static enum fault_step
fault_round(struct fault *f)
{
	f->e = tess_map_resolve_rcu(f->map, f->va, &f->in);
	if (f->e == NULL)
		return fault_end(f, TESS_SIGSEGV);
	if (!tess_entry_live(f->e))
		return fault_stale(f);
	if (!fault_allowed(f->e, f->access))
		return fault_end(f, TESS_SIGSEGV);
	if (tess_pmap_fixup(f->map->pmap, f->va, f->access))
		return fault_end(f, TESS_OK);
	if (f->e->object != NULL)
		f->idx = tess_entry_idx(f->e, f->va);
	return f->e->amap != NULL ? fault_private(f) : fault_object(f, FAULT_WRITABLE, 0);
}

/* fault_between: what must sleep, with nothing locked.  false: f->err is the answer. */
static bool
fault_between(struct fault *f, enum fault_step step)
{
	enum tess_err e;

	if (step == FAULT_WAIT) {
		tess_map_wait(f->in);
		if (f->in != f->map)
			tess_submap_unref(f->in);
	}
	if (step == FAULT_SETTLE)
		tess_page_settle(f->settled);
	if (step != FAULT_FETCH)
		return true;
	e = tess_object_fetch(f->fetch, f->idx);
	tess_object_unref(f->fetch);
	f->err = e == TESS_EIO ? TESS_SIGBUS : e;
	return e == TESS_OK;
}

enum tess_err
tess_map_fault(struct tess_map *map, tess_va va, enum tess_access access)
{
	struct fault f = {.map = map, .va = tess_page_trunc(va), .access = access};
	enum fault_step step;

	tess_stat_add(TESS_STAT_FAULT, 1);
	if (va < map->min || va >= map->max)
		return TESS_SIGSEGV;
	tess_gather_init(&f.g);
	for (;;) {
		tess_rcu_enter();
		step = fault_round(&f);
		if (step == FAULT_WAIT && f.in != map && !tess_submap_ref_try(f.in))
			step = FAULT_AGAIN; /* the submap went, and its entries with it */
		tess_rcu_exit();
		tess_gather_finish(&f.g);
		if (step == FAULT_END || !fault_between(&f, step))
			return f.err;
		tess_stat_add(TESS_STAT_FAULT_RETRY, 1);
	}
}
