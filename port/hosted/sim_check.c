/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * sim_check.c: hold everything the CPUs remember against the tables (stale-tlb).
 *
 * For each cached translation, walk from the root it came from, changing nothing, and compare.  An entry
 * may grant less than the tables do; it may not
 *   - name another frame, or a page the tables do not translate any more
 *   - let an access pass that the tables refuse
 *   - let a write pass unseen while the tables say clean: a write after the dirty bit was
 *     collected would be lost
 * A cached step may not name a table that the walk no longer goes through, or allow more.
 * An entry whose root has been freed belongs to a space that is gone: stale too.
 */
#include "sim_priv.h"

static bool
check_root(struct tess_host *h, tess_pa root)
{
	return !(tess_sim_frame_word(h, root) & SIM_FRAME_DEAD);
}

static const char *
check_entry(struct tess_host *h, const struct sim_entry *e, tess_va va)
{
	struct sim_walk w = {.first = h->mmu.levels};

	if (!check_root(h, e->root))
		return "its space is gone";
	w.at[w.first].table = e->root;
	w.at[w.first].allow = TESS_PROT_ALL;
	if (tess_sim_walk(&h->mmu, va, TESS_ACCESS_READ, SIM_WALK_LOOK, &w) != SIM_OK)
		return "the tables have no translation there";
	if (tess_page_trunc(w.pa) != e->pa)
		return "the tables name another frame";
	if (e->pass & ~w.grant)
		return "the tables grant less";
	if ((e->pass & TESS_PROT_WRITE) && !w.dirty)
		return "it writes unseen: the tables say clean";
	return NULL;
}

static const char *
check_step(struct tess_host *h, const struct sim_wentry *s, unsigned level, tess_va va)
{
	struct sim_walk w = {.first = h->mmu.levels};

	if (!check_root(h, s->root))
		return "its space is gone";
	w.at[w.first].table = s->root;
	w.at[w.first].allow = TESS_PROT_ALL;
	tess_sim_walk(&h->mmu, va, TESS_ACCESS_READ, SIM_WALK_LOOK, &w);
	/* at[level] is what this walk used, if it came so far down. */
	if (w.leaf > level || w.at[level].table != s->step.table)
		return "the walk goes elsewhere now";
	if (s->step.allow & ~w.at[level].allow)
		return "the tables above it grant less";
	return NULL;
}

static void
check_tlb(struct tess_host *h, struct sim_cpu *c, unsigned i)
{
	for (unsigned j = 0; j < h->sets * SIM_WAYS * SIM_KINDS; j++) {
		const struct sim_entry *e = &c->tlb[0][j];
		tess_va va = tess_sim_tag_va(e->tag);
		const char *why = e->tag ? check_entry(h, e, va) : NULL;

		if (why != NULL)
			tess_sim_oracle("stale-tlb",
					"%s TLB of CPU %u, va %#llx, asid %u, frame %#llx: %s",
					j < h->sets * SIM_WAYS ? "data" : "instruction", i,
					(unsigned long long)va, (unsigned)(e->tag & 0xffff),
					(unsigned long long)e->pa, why);
	}
}

static void
check_walk_cache(struct tess_host *h, struct sim_cpu *c, unsigned i)
{
	for (unsigned level = 1; level < h->mmu.levels; level++)
		for (unsigned j = 0; j < SIM_WALK_CACHE; j++) {
			const struct sim_wentry *s = &c->walk[level][j];
			tess_va va = tess_sim_tag_va(s->tag) << 9 * level;
			const char *why = s->tag ? check_step(h, s, level, va) : NULL;

			if (why != NULL)
				tess_sim_oracle(
				    "stale-tlb",
				    "walk cache of CPU %u, level %u, va %#llx, table %#llx: %s", i,
				    level, (unsigned long long)va,
				    (unsigned long long)s->step.table, why);
		}
}

void
tess_host_check(struct tess_host *h)
{
	for (unsigned i = 0; i < h->ncpu; i++) {
		struct sim_cpu *c = &h->cpu[i];

		if (!h->threads && i != tess_hosted.cpu && (c->preempt != 0 || c->rcu != 0))
			tess_sim_oracle("balance", "CPU %u left preemption %u, read section %u", i,
					c->preempt, c->rcu);
		sim_lock(h, c);
		check_tlb(h, c, i);
		check_walk_cache(h, c, i);
		sim_unlock(h, c);
	}
}
