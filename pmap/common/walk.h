/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * walk.h: the one walker, a template over the words of an instruction set.
 *
 * An ISA's pmap.c includes this file once, after its pte.h, with
 *
 *	WALK(f)		the name of a static function of this instance
 *	EXPORT(f)	tess_ISA_f, a slot of struct tess_pmap_ops
 *	PTE(f)		one of the words of pte.h:
 *	  valid table pa			of a slot of any table
 *	  make rights wired used well_formed	of a PTE
 *	  merge lower clean unwire		from a PTE to the next
 *	PTE_VA_BITS	width of a user address
 *	PTE_BREAK_FIRST	1: a live PTE may change its frame only through invalid and a flush
 *	PTE_STICKY	1: a denied access may leave its translation in the TLB
 *
 * PTEs that hardware may be changing are changed by compare-and-swap or exchange, so that no
 * accessed or dirty bit is lost.  Only who holds the PTE page's lock makes a PTE valid or
 * invalid, or changes its rights.  An invalid PTE is 0.
 *
 * ENTER AGAINST REMOVE.  A writer sets `dead` and then calls remove (or protect) on the range; a fault
 * calls enter with that `dead`.  The fault must either be cleared by the writer or see `dead`.
 *
 *   Both lock the same PTE page: whoever comes second sees what the first did.
 *   The PTE page was detached between finding and locking it: enter sees level 0, and looks again.
 *   The writer found no PTE page, and skipped it:
 *
 *	writer				fault
 *	dead = 1			compare-and-swap: slot = table
 *	full fence   [remove]		full fence   [WALK(leaf_make)]
 *	slot is empty: skip		dead is 0: install?
 *
 *   Both reading the old value is what two full fences forbid: if the writer's read of the slot came
 *   before the table, its store of `dead` came before the fault's read.
 *   A fault that found the table there, made by a third CPU, has no fence of its own between reading the
 *   slot (acquire) and reading `dead`.  x86_64 and aarch64 are multi-copy atomic: a
 *   slot that was empty for the writer after its fence was filled later for everyone, so
 *   who reads it filled reads `dead` after that.
 *   Tests: enter_sees_dead_without_table (tests/unit/pmap), and the stress test's threads.
 *
 * DETACHING.  remove frees a PTE page that lies wholly in its range: under the PTE page's lock the
 * last PTEs are cleared, the slot above is emptied, and level becomes 0.  Three sorts of users
 * may still hold it:
 *   hardware   a walk that cached the slot.  The gather flushes an address in it before the free,
 *              and port/tlb.h promises that this forgets intermediate entries;
 *   walkers    without the lock (extract, fixup) or about to lock.  They are in read sections, and the
 *              gather frees a table only after a grace period that begins after the flush;
 *   other CPUs that fill the slot with a new table meanwhile, while some TLB has the old one cached.
 *              The old one is empty and stays so, thus such a walk faults, finds the
 *              translation there, and flushes its own CPU (spurious).
 */

/* ---- down the tables ---- */

/* One table down from *table, whose level is `level`; false: at *l->parent, an empty slot. */
static inline bool
WALK(down)(uint64_t **table, tess_va va, unsigned level, struct walk_leaf *l)
{
	uint64_t e;

	l->parent = &(*table)[walk_index(va, level)];
	e = tess_load_acquire(l->parent); /* pairs with WALK(table_publish)() */
	*table = tess_port_direct(PTE(pa)(e));
	return PTE(valid)(e);
}

/*
 * Where does the walk to va end?  1: at l, a PTE in a PTE page.  2 and up: at *l->parent, an empty
 * slot of a table of that level.
 *
 * => rcu: inside
 */
static inline unsigned
WALK(leaf_find)(const struct tess_pmap *pm, tess_va va, struct walk_leaf *l)
{
	uint64_t *table = tess_port_direct(pm->root);

	l->slot = NULL;
	if (TESS_UNLIKELY(!WALK(down)(&table, va, 4, l)))
		return 4;
	if (TESS_UNLIKELY(!WALK(down)(&table, va, 3, l)))
		return 3;
	if (TESS_UNLIKELY(!WALK(down)(&table, va, 2, l)))
		return 2;
	l->slot = &table[walk_index(va, 1)];
	return 1;
}

/* Find and lock the PTE page of va; false when there is none. */
static inline bool
WALK(leaf_lock)(const struct tess_pmap *pm, tess_va va, struct walk_leaf *l)
{
	while (WALK(leaf_find)(pm, va, l) == 1) {
		l->pt = walk_pt(l);
		pt_lock(l->pt);
		if (TESS_LIKELY(l->pt->level == 1))
			return true;
		pt_unlock(l->pt); /* detached while we came; its slot is empty or another's now */
	}
	return false;
}

/* The same, and it does translate va to pg. */
static bool
WALK(frame_lock)(const struct tess_pmap *pm, tess_va va, const struct tess_page *pg,
		 struct walk_leaf *l)
{
	uint64_t pte;

	if (!WALK(leaf_lock)(pm, va, l))
		return false;
	pte = tess_load_relaxed(l->slot);
	if (PTE(valid)(pte) && PTE(pa)(pte) == tess_page_pa(pg))
		return true;
	pt_unlock(l->pt);
	return false;
}

/* ---- along a range ---- */

/*
 * Step over the empty slots of one table.  A detached PTE page may have left an open debt in its slot.
 */
static void
WALK(skip_empty)(struct walk_cursor *c, unsigned level)
{
	const uint64_t *slot = c->leaf.parent;

	do {
		uint64_t debts = tess_load_relaxed(slot) >> 8;
		tess_va from = c->va & ~(walk_span(level) - 1);

		if (c->g != NULL && debt_open(debts, c->g->stamp))
			tess_gather_range(c->g, c->pm, from, from + walk_span(level));
		c->va = from + walk_span(level);
		slot++;
	} while (c->va < c->end && walk_index(c->va, level) != 0 &&
		 !PTE(valid)(tess_load_relaxed(slot)));
}

/* The next PTE page that has a part of the range: locked, c->va .. c->next in it. */
static bool
WALK(step)(struct walk_cursor *c)
{
	c->va = c->next;
	while (c->va < c->end) {
		unsigned level = WALK(leaf_find)(c->pm, c->va, &c->leaf);

		if (level != 1) {
			WALK(skip_empty)(c, level);
			continue;
		}
		c->leaf.pt = walk_pt(&c->leaf);
		pt_lock(c->leaf.pt);
		if (TESS_LIKELY(c->leaf.pt->level == 1)) {
			c->next = (c->va & ~(walk_span(2) - 1)) + walk_span(2);
			if (c->next > c->end)
				c->next = c->end;
			return true;
		}
		pt_unlock(c->leaf.pt);
	}
	return false;
}

static inline bool
WALK(range_ok)(tess_va start, tess_va end)
{
	return start <= end && end <= (tess_va)1 << PTE_VA_BITS && tess_page_aligned(start | end);
}

/* ---- making tables ---- */

/* Allocate all that is missing, before anything is changed. */
static bool
WALK(spare_fill)(struct walk_spare *s, unsigned ntables)
{
	while (s->ntables < ntables) {
		struct tess_page *pg = tess_page_alloc(TESS_FILL_ZERO, TESS_SITE_TABLE);

		if (pg == NULL)
			return false;
		tess_page_set_state(pg, TESS_PAGE_TABLE);
		s->table[s->ntables++] = pg;
	}
	if (s->pv == NULL)
		s->pv = tess_pool_get(&tess_machine()->pmap->pvs);
	return s->pv != NULL;
}

static inline void
WALK(spare_drop)(struct walk_spare *s)
{
	while (TESS_UNLIKELY(s->ntables != 0))
		tess_page_free(s->table[--s->ntables]);
	if (TESS_UNLIKELY(s->pv != NULL))
		tess_pool_put(&tess_machine()->pmap->pvs, s->pv);
}

/* Put a table of `level` into the slot, unless someone was faster. */
static void
WALK(table_publish)(struct tess_pmap *pm, tess_va va, unsigned level, uint64_t *slot,
		    struct walk_spare *s)
{
	struct tess_page *pg = s->table[s->ntables - 1];
	uint64_t e = tess_load_relaxed(slot);

	pg->owner = pm;
	pg->idx = va & ~(walk_span(level + 1) - 1);
	pg->level = (uint8_t)level;
	pg->count = 0; /* as a data frame it counted other things */
	while (!PTE(valid)(e)) {
		*walk_debts(pg) = e >> 8; /* of the table that was here */
		/* pairs with WALK(leaf_find)(): the cleared frame and these words */
		if (tess_cas_acqrel(slot, &e, PTE(table)(tess_page_pa(pg)))) {
			s->ntables--;
			return;
		}
	}
}

/* Count n tables more; false: beyond the limit. */
static inline bool
WALK(tables_take)(struct tess_pmap *pm, uint64_t n)
{
	if (tess_add_relaxed(&pm->tables, n) + n <= tess_load_relaxed(&pm->tables_most))
		return true;
	tess_sub_acqrel(&pm->tables, n);
	return false;
}

/* Make and publish the tables that va lacks above its PTE page; `missing` of them. */
static bool
WALK(tables_make)(struct tess_pmap *pm, tess_va va, unsigned level, struct walk_leaf *l,
		  struct walk_spare *s)
{
	unsigned missing = level - 1, had;

	if (!WALK(tables_take)(pm, missing))
		return false;
	if (!WALK(spare_fill)(s, missing)) {
		tess_sub_acqrel(&pm->tables, missing);
		return false;
	}
	for (had = s->ntables; level > 1 && s->ntables != 0; level = WALK(leaf_find)(pm, va, l))
		WALK(table_publish)(pm, va, level - 1, l->parent, s);
	/* another CPU may have been faster, or may have detached one meanwhile */
	tess_add_relaxed(&pm->tables, (uint64_t)(had - s->ntables) - missing);
	return true;
}

/*
 * Make the tables that va lacks and lock its PTE page.
 *
 * => fails: false, no memory; nothing was published
 */
static bool
WALK(leaf_make)(struct tess_pmap *pm, tess_va va, struct walk_leaf *l, struct walk_spare *s)
{
	for (;;) {
		unsigned level = WALK(leaf_find)(pm, va, l);

		if (!WALK(spare_fill)(s, 0) ||
		    (level > 1 && !WALK(tables_make)(pm, va, level, l, s)))
			return false;
		tess_fence_full(); /* pairs with remove and protect: see ENTER AGAINST REMOVE */
		if (WALK(leaf_lock)(pm, va, l))
			return true;
	}
}

/* ---- enter ---- */

/* A translation of the frame in `old` is gone: its bits and its place in the frame's list. */
static inline void
WALK(forget)(struct tess_pmap *pm, tess_va va, uint64_t old, uint16_t stamp)
{
	struct tess_page *pg = tess_page_of(PTE(pa)(old));

	if (!pv_managed(pg))
		return;
	pv_attrs_add(pg, PTE(used)(old)); /* before it leaves the list: see tess_page_collect() */
	pv_remove(pg, pm, va, stamp);
}

/* va translates to this frame already; rights, wiring or bits may differ. */
static void __attribute__((noinline))
WALK(enter_same)(struct tess_pmap *pm, tess_va va, const struct walk_leaf *l, uint64_t make,
		 struct tess_gather *g)
{
	uint64_t old = tess_load_relaxed(l->slot), new;
	tess_prot had, has;

	do {
		new = PTE(merge)(make, old);
	} while (new != old && !tess_cas_acqrel(l->slot, &old, new));
	had = PTE(rights)(old);
	has = PTE(rights)(new);
	if ((had & ~has) != 0) {
		tess_gather_range(g, pm, va, va + TESS_PAGE_SIZE);
		walk_owe(l->pt, g);
	} else if (had == has && PTE(wired)(old) == PTE(wired)(new)) {
		pmap_flush_here(pm, va);
		tess_stat_add(TESS_STAT_FAULT_SPURIOUS, 1);
	} else if (PTE_STICKY && had != has) {
		pmap_flush_here(pm, va); /* other CPUs find out by a spurious fault */
	}
}

/* va translates to another frame. */
static bool __attribute__((noinline))
WALK(enter_replace)(struct tess_pmap *pm, tess_va va, struct tess_page *pg,
		    const struct walk_leaf *l, uint64_t new, struct walk_spare *s,
		    struct tess_gather *g)
{
	uint64_t old;

	if (pv_managed(pg) && !pv_add(pg, pm, va, s))
		return false;
	if (PTE_BREAK_FIRST) {
		old = tess_xchg_acqrel(l->slot, 0);
		pmap_flush_everywhere(pm, va);
		tess_store_release(l->slot, new);
		WALK(forget)(pm, va, old, 0);
		return true;
	}
	old = tess_xchg_acqrel(l->slot, new); /* with the last bits hardware set in the old one */
	WALK(forget)(pm, va, old, gather_stamp(g));
	tess_gather_range(g, pm, va, va + TESS_PAGE_SIZE);
	walk_owe(l->pt, g);
	return true;
}

/* An empty PTE of a PTE page where flushes are still owed, perhaps of this very page. */
static void __attribute__((noinline))
WALK(enter_owed)(struct tess_pmap *pm, tess_va va, struct tess_page *pt)
{
	if (tess_debt_open_slow(*walk_debts(pt), 0))
		pmap_flush_everywhere(pm, va);
	else
		*walk_debts(pt) = 0;
}

/* => locks: the PTE page's */
static inline enum tess_step
WALK(enter_locked)(struct tess_pmap *pm, tess_va va, struct tess_page *pg, tess_prot prot,
		   unsigned flags, const struct walk_leaf *l, struct walk_spare *s,
		   struct tess_gather *g)
{
	tess_pa pa = tess_page_pa(pg);
	uint64_t new = PTE(make)(pa, prot, flags);
	uint64_t old = tess_load_relaxed(l->slot);

	if (TESS_LIKELY(!PTE(valid)(old))) {
		if (pv_managed(pg) && !pv_add(pg, pm, va, s))
			return TESS_FAIL;
		if (PTE_BREAK_FIRST && TESS_UNLIKELY(*walk_debts(l->pt) != 0))
			WALK(enter_owed)(pm, va, l->pt);
		tess_store_release(l->slot, new);
		l->pt->count++;
		return TESS_DONE;
	}
	if (PTE(pa)(old) == pa) {
		WALK(enter_same)(pm, va, l, new, g);
		return TESS_DONE;
	}
	if (flags & TESS_ENTER_KEEP)
		return TESS_RETRY;
	return WALK(enter_replace)(pm, va, pg, l, new, s, g) ? TESS_DONE : TESS_FAIL;
}

/* The PTE page is there and locked: validate, install, let go. */
static inline enum tess_step
WALK(enter_leaf)(struct tess_pmap *pm, tess_va va, struct tess_page *pg, tess_prot prot,
		 unsigned flags, const uint32_t *dead, const struct walk_leaf *l,
		 struct walk_spare *s, struct tess_gather *g)
{
	enum tess_step step = TESS_RETRY;

	/* acquire pairs with the writer's release of `dead` */
	if (dead == NULL || TESS_LIKELY(tess_load_acquire(dead) == 0))
		step = WALK(enter_locked)(pm, va, pg, prot, flags, l, s, g);
	pt_unlock(l->pt);
	return step;
}

/* There is no PTE page. */
static enum tess_step __attribute__((noinline))
WALK(enter_slow)(struct tess_pmap *pm, tess_va va, struct tess_page *pg, tess_prot prot,
		 unsigned flags, const uint32_t *dead, struct tess_gather *g)
{
	struct walk_spare s = {.ntables = 0, .pv = NULL};
	enum tess_step step = TESS_FAIL;
	struct walk_leaf l;

	if (WALK(leaf_make)(pm, va, &l, &s))
		step = WALK(enter_leaf)(pm, va, pg, prot, flags, dead, &l, &s, g);
	WALK(spare_drop)(&s);
	return step;
}

enum tess_step
EXPORT(enter)(struct tess_pmap *pm, tess_va va, struct tess_page *pg, tess_prot prot,
	      unsigned flags, const uint32_t *dead, struct tess_gather *g)
{
	enum tess_step step;
	struct walk_leaf l;

	TESS_DEBUG(tess_page_aligned(va) && va >> PTE_VA_BITS == 0 && prot != TESS_PROT_NONE);
	tess_rcu_enter();
	if (TESS_LIKELY(WALK(leaf_lock)(pm, va, &l)))
		step = WALK(enter_leaf)(pm, va, pg, prot, flags, dead, &l, NULL, g);
	else
		step = WALK(enter_slow)(pm, va, pg, prot, flags, dead, g);
	tess_rcu_exit();
	return step;
}

/* ---- remove, protect, unwire ---- */

/* Empty the PTEs of c->va .. c->next.  => locks: the PTE page's.  gives: how many there were */
static unsigned
WALK(leaf_remove)(struct walk_cursor *c)
{
	struct walk_run run = {c->va, c->va};
	uint64_t *slot = c->leaf.slot;
	unsigned left = c->leaf.pt->count, gone;

	for (tess_va va = c->va; va < c->next && left != 0; va += TESS_PAGE_SIZE, slot++) {
		uint64_t old = tess_load_relaxed(slot);

		if (old == 0)
			continue;
		old = tess_xchg_acqrel(slot, 0);
		WALK(forget)(c->pm, va, old, gather_stamp(c->g));
		walk_run_add(&run, c, va);
		left--;
	}
	gone = c->leaf.pt->count - left;
	c->leaf.pt->count = (uint16_t)left;
	walk_run_end(&run, c);
	return gone;
}

/*
 * The PTE page is empty and lies in the range: see DETACHING.
 *
 * => locks: the PTE page's.  `gone`: translations just removed; the flush of one is a flush of the slot
 */
static void
WALK(leaf_detach)(struct walk_cursor *c, unsigned gone)
{
	struct tess_page *pt = c->leaf.pt;

	TESS_ASSERT(pt->count == 0);
	if (gone == 0) {
		tess_gather_range(c->g, c->pm, c->va, c->va + TESS_PAGE_SIZE);
		walk_owe(pt, c->g);
	}
	/* release pairs with WALK(leaf_find)(); bit 0 clear, so the slot is empty */
	tess_store_release(c->leaf.parent, (*walk_debts(pt) & PMAP_DEBT_MASK) << 8);
	pt->level = 0;
	tess_sub_acqrel(&c->pm->tables, 1);
	tess_gather_frame(c->g, pt);
}

void
EXPORT(remove)(struct tess_pmap *pm, tess_va start, tess_va end, struct tess_gather *g)
{
	struct walk_cursor c = {.pm = pm, .g = g, .next = start, .end = end};

	TESS_DEBUG(WALK(range_ok)(start, end));
	tess_rcu_enter();
	tess_fence_full(); /* pairs with WALK(leaf_make)(): `dead` before the slots */
	while (WALK(step)(&c)) {
		unsigned gone;

		if (debt_open(*walk_debts(c.leaf.pt), g->stamp))
			tess_gather_range(g, pm, c.va, c.next);
		gone = WALK(leaf_remove)(&c);
		if (c.next - c.va == walk_span(2))
			WALK(leaf_detach)(&c, gone);
		pt_unlock(c.leaf.pt);
	}
	tess_rcu_exit();
}

/* Lower one PTE; true when a TLB may now hold more than it grants. */
static inline bool
WALK(slot_lower)(uint64_t *slot, uint64_t old, tess_prot prot)
{
	uint64_t new = PTE(lower)(old, prot);

	while (new != old) {
		if (tess_cas_acqrel(slot, &old, new))
			return true;
		new = PTE(lower)(old, prot); /* hardware set a bit */
	}
	return false;
}

/* => locks: the PTE page's */
static void
WALK(leaf_lower)(struct walk_cursor *c, tess_prot prot)
{
	struct walk_run run = {c->va, c->va};
	uint64_t *slot = c->leaf.slot;
	unsigned left = c->leaf.pt->count;

	for (tess_va va = c->va; va < c->next && left != 0; va += TESS_PAGE_SIZE, slot++) {
		uint64_t old = tess_load_relaxed(slot);

		if (old == 0)
			continue;
		if (WALK(slot_lower)(slot, old, prot))
			walk_run_add(&run, c, va);
		left--;
	}
	walk_run_end(&run, c);
}

void
EXPORT(protect)(struct tess_pmap *pm, tess_va start, tess_va end, tess_prot prot,
		struct tess_gather *g)
{
	struct walk_cursor c = {.pm = pm, .g = g, .next = start, .end = end};

	TESS_DEBUG(WALK(range_ok)(start, end) && prot != TESS_PROT_NONE);
	tess_rcu_enter();
	tess_fence_full(); /* pairs with WALK(leaf_make)(): `dead` before the slots */
	while (WALK(step)(&c)) {
		if (debt_open(*walk_debts(c.leaf.pt), g->stamp))
			tess_gather_range(g, pm, c.va, c.next);
		WALK(leaf_lower)(&c, prot);
		pt_unlock(c.leaf.pt);
	}
	tess_rcu_exit();
}

void
EXPORT(unwire)(struct tess_pmap *pm, tess_va start, tess_va end)
{
	struct walk_cursor c = {.pm = pm, .g = NULL, .next = start, .end = end};

	TESS_DEBUG(WALK(range_ok)(start, end));
	tess_rcu_enter();
	while (WALK(step)(&c)) {
		uint64_t *slot = c.leaf.slot;

		for (tess_va va = c.va; va < c.next; va += TESS_PAGE_SIZE, slot++) {
			if (PTE(wired)(tess_load_relaxed(slot)))
				tess_and_relaxed(slot, PTE(unwire)(~(uint64_t)0));
		}
		pt_unlock(c.leaf.pt);
	}
	tess_rcu_exit();
}

/* ---- looking ---- */

bool
EXPORT(extract)(struct tess_pmap *pm, tess_va va, tess_pa *pa, tess_prot *prot)
{
	struct walk_leaf l;
	uint64_t pte = 0;

	TESS_DEBUG(va >> PTE_VA_BITS == 0);
	tess_rcu_enter();
	if (WALK(leaf_find)(pm, va, &l) == 1)
		pte = tess_load_acquire(l.slot); /* pairs with enter's release */
	tess_rcu_exit();
	if (!PTE(valid)(pte))
		return false;
	if (pa != NULL)
		*pa = PTE(pa)(pte) | (va & TESS_PAGE_MASK);
	if (prot != NULL)
		*prot = PTE(rights)(pte);
	return true;
}

uint64_t
EXPORT(resident)(struct tess_pmap *pm, tess_va start, tess_va end)
{
	struct walk_cursor c = {.pm = pm, .g = NULL, .next = start, .end = end};
	uint64_t n = 0;

	TESS_DEBUG(WALK(range_ok)(start, end));
	tess_rcu_enter();
	while (WALK(step)(&c)) {
		uint64_t *slot = c.leaf.slot;

		if (c.next - c.va == walk_span(2)) {
			n += c.leaf.pt->count;
		} else {
			for (tess_va va = c.va; va < c.next; va += TESS_PAGE_SIZE, slot++)
				n += PTE(valid)(tess_load_relaxed(slot));
		}
		pt_unlock(c.leaf.pt);
	}
	tess_rcu_exit();
	return n;
}

/* ---- from a frame ---- */

void
EXPORT(frame_remove)(struct tess_pmap *pm, tess_va va, struct tess_page *pg, struct tess_gather *g)
{
	struct walk_leaf l;

	if (!WALK(frame_lock)(pm, va, pg, &l))
		return;
	WALK(forget)(pm, va, tess_xchg_acqrel(l.slot, 0), gather_stamp(g));
	l.pt->count--;
	tess_gather_range(g, pm, va, va + TESS_PAGE_SIZE);
	walk_owe(l.pt, g);
	pt_unlock(l.pt);
}

void
EXPORT(frame_lower)(struct tess_pmap *pm, tess_va va, struct tess_page *pg, tess_prot prot,
		    struct tess_gather *g)
{
	struct walk_leaf l;

	if (!WALK(frame_lock)(pm, va, pg, &l))
		return;
	if (WALK(slot_lower)(l.slot, tess_load_relaxed(l.slot), prot)) {
		tess_gather_range(g, pm, va, va + TESS_PAGE_SIZE);
		walk_owe(l.pt, g);
	} else if (debt_open(*walk_debts(l.pt), g->stamp)) {
		tess_gather_range(g, pm, va, va + TESS_PAGE_SIZE); /* another lowered it just now */
	}
	pt_unlock(l.pt);
}

uint32_t
EXPORT(frame_harvest)(struct tess_pmap *pm, tess_va va, struct tess_page *pg, uint32_t clear,
		      struct tess_gather *g)
{
	uint64_t old, new;
	struct walk_leaf l;

	if (!WALK(frame_lock)(pm, va, pg, &l))
		return 0;
	old = tess_load_relaxed(l.slot);
	do {
		new = PTE(clean)(old, clear);
	} while (new != old && !tess_cas_acqrel(l.slot, &old, new));
	if (new != old) {
		tess_gather_range(g, pm, va, va + TESS_PAGE_SIZE);
		walk_owe(l.pt, g);
	} else if (clear != 0 && debt_open(*walk_debts(l.pt), g->stamp)) {
		tess_gather_range(g, pm, va, va + TESS_PAGE_SIZE);
	}
	pt_unlock(l.pt);
	return PTE(used)(old);
}

/* ---- the end ---- */

/* Upper tables, two deep below the root; PTE pages are gone. */
static void
WALK(table_free)(tess_pa pa, unsigned level, unsigned slots, struct tess_gather *g)
{
	uint64_t *table = tess_port_direct(pa);

	for (unsigned i = 0; i < slots; i++) {
		uint64_t e = tess_load_relaxed(&table[i]);

		if (!PTE(valid)(e))
			continue;
		TESS_ASSERT(level > 2);
		WALK(table_free)(PTE(pa)(e), level - 1, PMAP_SLOTS, g);
	}
	tess_gather_frame(g, tess_page_of(pa));
}

/* => the root's slots above the user's half belong to the host */
void
EXPORT(tables_free)(struct tess_pmap *pm, struct tess_gather *g)
{
	unsigned slots = (unsigned)(walk_limit(pm) / walk_span(PMAP_LEVELS));

	WALK(table_free)(pm->root, PMAP_LEVELS, slots, g);
}
