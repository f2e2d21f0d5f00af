/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * sim_tlb.c: what each CPU remembers of the tables, and what makes it forget.
 *
 *	data TLB, instruction TLB	sets of 4; a page each, tagged with its ASID
 *	walk cache, levels 1..3		the table that serves an address at a level, so that a freed PTE
 *					page, or page of PTE pages, is still "in use" here
 *
 * The contract says when an entry must be gone: after a flush of its page or ASID.  Real hardware may
 * drop it sooner or keep it until then, so this one keeps it, but for three things: a seeded
 * random eviction now and then, room for another, and on x86_64 a fault at that address (SDM 4.10.4.1).
 * A page flush forgets the walk cache for that address only; INVLPG forgets it all, but port/tlb.h
 * promises no more than this, and TLBI VAE1 does no more.
 *
 * Break-before-make (aarch64): while an entry is cached anywhere, the PTE it came from may not hold
 * a valid translation to another frame.  Seen at two moments: when a flush drops an entry whose PTE
 * names another frame already, and when a fill meets an entry of the same page with another frame (the own
 * CPU's other TLB; with one thread, any CPU's).
 *
 * Not taken: one TLB for both kinds (hides a missing instruction flush), LRU (hides what a random
 * victim shows), large entries (processors may fracture them, and that is the harder case).
 */
#include "sim_priv.h"

static const char tlb_entry_name[] = "TLB entry", tlb_step_name[] = "cached table";

static uint64_t
tlb_tag(uint32_t asid, tess_va va)
{
	return SIM_TAG_VALID | ((va >> TESS_PAGE_SHIFT) & (((uint64_t)1 << 45) - 1)) << 16 |
	       (asid & 0xffff);
}

static uint64_t
tlb_tag_global(tess_va va)
{
	return (tlb_tag(0, va) & ~(uint64_t)0xffff) | SIM_TAG_GLOBAL;
}

tess_va
tess_sim_tag_va(uint64_t tag)
{
	/* sign-extended from bit 56: only x86_64 has addresses up there, and none of a user's */
	return (tess_va)((int64_t)(tag << 3) >> 19 << TESS_PAGE_SHIFT);
}

static struct sim_entry *
tlb_set(struct tess_host *h, struct sim_cpu *c, enum sim_kind k, tess_va va)
{
	uint64_t n = va >> TESS_PAGE_SHIFT;

	return &c->tlb[k][((n ^ n >> 9) & (h->sets - 1)) * SIM_WAYS];
}

static struct sim_entry *
tlb_find_tag(struct sim_entry *set, uint64_t tag)
{
	for (unsigned i = 0; i < SIM_WAYS; i++)
		if (set[i].tag == tag)
			return &set[i];
	return NULL;
}

struct sim_entry *
tess_sim_tlb_find(struct tess_host *h, struct sim_cpu *c, enum sim_kind k, uint32_t asid,
		  tess_va va)
{
	struct sim_entry *set = tlb_set(h, c, k, va);
	struct sim_entry *e = tlb_find_tag(set, tlb_tag(asid, va));

	if (e == NULL && SIM_UNLIKELY(c->nglobal != 0))
		e = tlb_find_tag(set, tlb_tag_global(va));
	return e;
}

static void
tlb_drop(struct tess_host *h, struct sim_cpu *c, struct sim_entry *e)
{
	if (e->shift > TESS_PAGE_SHIFT)
		c->nlarge--;
	if (e->tag & SIM_TAG_GLOBAL)
		c->nglobal--;
	e->tag = 0;
	tess_sim_frame_unref(h, e->pa);
}

/* The frame a leaf entry names now, or 0.  Bits 51:12 of both ISAs hold it; above are attributes. */
static tess_pa
tlb_pte_frame(struct tess_host *h, const struct sim_entry *e)
{
	uint64_t *word = sim_word(&h->mmu, e->pte_pa);
	uint64_t pte = word ? tess_load_acquire(word) : 0;

	if (!(pte & 1))
		return 0;
	return pte & (((uint64_t)1 << 48) - 1) & ~(((uint64_t)1 << e->shift) - 1);
}

/* A flush drops e: has its PTE been given another frame while e was live? */
static void
tlb_flush(struct tess_host *h, struct sim_cpu *c, struct sim_entry *e)
{
	tess_pa was = e->pa & ~(((uint64_t)1 << e->shift) - 1), now;
	tess_va va = tess_sim_tag_va(e->tag);
	bool check = !sim_is_x86(&h->mmu) && !(tess_sim_frame_word(h, e->pte_pa) & SIM_FRAME_DEAD);

	now = check ? tlb_pte_frame(h, e) : 0;
	tlb_drop(h, c, e);
	if (now != 0 && now != was)
		tess_sim_oracle(
		    "bbm", "va %#llx went from frame %#llx to %#llx with no flush between",
		    (unsigned long long)va, (unsigned long long)was, (unsigned long long)now);
}

/* A fill brings va -> pa: is another frame cached for the same page? */
static void
tlb_conflict(struct tess_host *h, struct sim_cpu *c, tess_va va, uint64_t tag, tess_pa pa)
{
	unsigned self = (unsigned)(c - h->cpu);

	for (unsigned i = 0; i < h->ncpu; i++) {
		if (h->threads && i != self)
			continue;
		for (unsigned k = 0; k < SIM_KINDS; k++) {
			struct sim_entry *e = tlb_find_tag(tlb_set(h, &h->cpu[i], k, va), tag);

			if (e != NULL && e->pa != pa)
				tess_sim_oracle(
				    "bbm",
				    "va %#llx came to frame %#llx while CPU %u still has %#llx",
				    (unsigned long long)va, (unsigned long long)pa, i,
				    (unsigned long long)e->pa);
		}
	}
}

/* A random entry goes, one fill in 16. */
static void
tlb_evict(struct tess_host *h, struct sim_cpu *c, struct sim_entry *keep)
{
	uint64_t r = sim_random(c);
	struct sim_entry *e = &c->tlb[(r >> 8) & 1][(r >> 16) & (h->sets * SIM_WAYS - 1)];

	if ((r & 15) == 0 && e->tag != 0 && e != keep)
		tlb_drop(h, c, e);
}

struct sim_entry *
tess_sim_tlb_fill(struct tess_host *h, struct sim_cpu *c, enum sim_kind k, tess_va va,
		  const struct sim_walk *w)
{
	struct sim_entry *set = tlb_set(h, c, k, va);
	uint64_t tag = w->global ? tlb_tag_global(va) : tlb_tag(c->asid, va);
	struct sim_entry *e = tlb_find_tag(set, tag);
	tess_pa pa = tess_page_trunc(w->pa);

	if (!sim_is_x86(&h->mmu))
		tlb_conflict(h, c, va, tag, pa);
	if (e == NULL)
		e = tlb_find_tag(set, 0);
	if (e == NULL)
		e = &set[sim_random(c) & (SIM_WAYS - 1)];
	if (e->tag != 0)
		tlb_drop(h, c, e);
	tess_sim_frame_ref(h, pa, tlb_entry_name);
	e->tag = tag;
	e->host = h->mmu.direct + pa;
	e->clean = (w->grant & TESS_PROT_WRITE) && !w->dirty;
	e->pass = w->dirty ? w->grant : (sim_grant)(w->grant & ~TESS_PROT_WRITE);
	e->shift = w->shift;
	e->pa = pa;
	e->pte_pa = w->pte_pa;
	e->root = c->root;
	c->nlarge += w->shift > TESS_PAGE_SHIFT;
	c->nglobal += w->global;
	tlb_evict(h, c, e);
	return e;
}

/* ---- The walk cache ---- */

/* The entry that holds the table of `level` for va.  Its tag counts units of that table's reach. */
static struct sim_wentry *
walk_slot(struct sim_cpu *c, unsigned level, uint32_t asid, tess_va va, uint64_t *tag)
{
	uint64_t n = va >> sim_shift(level + 1);

	*tag = SIM_TAG_VALID | (n & (((uint64_t)1 << 45) - 1)) << 16 | (asid & 0xffff);
	return &c->walk[level][(n ^ n >> 3 ^ asid) & (SIM_WALK_CACHE - 1)];
}

static void
walk_drop(struct tess_host *h, struct sim_wentry *s)
{
	s->tag = 0;
	tess_sim_frame_unref(h, s->step.table);
}

void
tess_sim_walk_start(struct tess_host *h, struct sim_cpu *c, tess_va va, struct sim_walk *w)
{
	uint64_t tag;

	for (unsigned level = 1; level < h->mmu.levels; level++) {
		struct sim_wentry *s = walk_slot(c, level, c->asid, va, &tag);

		if (s->tag == tag) {
			w->first = (uint8_t)level;
			w->at[level] = s->step;
			return;
		}
	}
	w->first = h->mmu.levels;
	w->at[w->first].table = c->root;
	w->at[w->first].allow = TESS_PROT_ALL;
}

void
tess_sim_walk_keep(struct tess_host *h, struct sim_cpu *c, tess_va va, const struct sim_walk *w)
{
	uint64_t tag;

	for (unsigned level = w->leaf; level < w->first; level++) {
		struct sim_wentry *s = walk_slot(c, level, c->asid, va, &tag);

		if (s->tag != 0)
			walk_drop(h, s);
		tess_sim_frame_ref(h, w->at[level].table, tlb_step_name);
		s->tag = tag;
		s->step = w->at[level];
		s->root = c->root;
	}
}

/* ---- Forgetting ---- */

/* Pieces of a large translation leave together, whichever of them was named. */
static void
tlb_drop_large(struct tess_host *h, struct sim_cpu *c, uint32_t asid, tess_va va)
{
	for (unsigned i = 0; i < h->sets * SIM_WAYS * SIM_KINDS && c->nlarge != 0; i++) {
		struct sim_entry *e = &c->tlb[0][i];

		if (e->tag == 0 || e->shift <= TESS_PAGE_SHIFT)
			continue;
		if (!(e->tag & SIM_TAG_GLOBAL) && (e->tag & 0xffff) != (asid & 0xffff))
			continue;
		if ((tess_sim_tag_va(e->tag) ^ va) >> e->shift == 0)
			tlb_flush(h, c, e);
	}
}

void
tess_sim_tlb_drop_page(struct tess_host *h, struct sim_cpu *c, uint32_t asid, tess_va va)
{
	uint64_t tag;

	for (unsigned level = 1; level < h->mmu.levels; level++) {
		struct sim_wentry *s = walk_slot(c, level, asid, va, &tag);

		if (s->tag == tag)
			walk_drop(h, s);
	}
	if (SIM_UNLIKELY(c->nlarge != 0))
		tlb_drop_large(h, c, asid, va);
	for (unsigned k = 0; k < SIM_KINDS; k++) {
		struct sim_entry *e = tess_sim_tlb_find(h, c, k, asid, va);

		if (e != NULL)
			tlb_flush(h, c, e);
	}
}

/* Everything but global entries. */
void
tess_sim_tlb_drop_asid(struct tess_host *h, struct sim_cpu *c, uint32_t asid)
{
	for (unsigned level = 1; level < h->mmu.levels; level++)
		for (unsigned i = 0; i < SIM_WALK_CACHE; i++) {
			struct sim_wentry *s = &c->walk[level][i];

			if (s->tag != 0 && (s->tag & 0xffff) == (asid & 0xffff))
				walk_drop(h, s);
		}
	for (unsigned i = 0; i < h->sets * SIM_WAYS * SIM_KINDS; i++) {
		struct sim_entry *e = &c->tlb[0][i];

		if (e->tag != 0 && !(e->tag & SIM_TAG_GLOBAL) &&
		    (e->tag & 0xffff) == (asid & 0xffff))
			tlb_flush(h, c, e);
	}
}

/* Power off: no question is asked of what was there. */
void
tess_sim_tlb_drop_all(struct tess_host *h, struct sim_cpu *c)
{
	for (unsigned level = 1; level < h->mmu.levels; level++)
		for (unsigned i = 0; i < SIM_WALK_CACHE; i++)
			if (c->walk[level][i].tag != 0)
				walk_drop(h, &c->walk[level][i]);
	for (unsigned i = 0; i < h->sets * SIM_WAYS * SIM_KINDS; i++)
		if (c->tlb[0][i].tag != 0)
			tlb_drop(h, c, &c->tlb[0][i]);
	if (c->root != SIM_NO_ROOT)
		tess_sim_frame_unref(h, c->root);
	c->root = SIM_NO_ROOT;
	c->asid = 0;
}
