/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * sim_ipi.c: port/tlb.h on this CPU's TLB, broadcasts, and messages to other CPUs.
 *
 * A message does not interrupt the target's thread.  The sender takes the target's TLB lock, plays
 * the target (tess_port_cpu() says so) and runs the function itself:
 *
 *	sender				target
 *	lock(target's TLB)	 ┆	(between two accesses, in the core, asleep, or no thread at all)
 *	cpu := target; fn(arg)	 ┆	an access waits for the lock
 *	cpu := self; unlock	 ┆	sees the flushed TLB
 *
 * This is faithful.  A real interrupt is taken between two instructions; holding the lock means that the
 * target is not inside an access, which is the only instruction of a user program that the model has.
 * What the function may touch is what an interrupt handler may touch: the target's TLB and its own
 * argument, not the core's per-CPU words.  It gives the real guarantees (ran once on each, own writes
 * before are seen by fn, fn's writes are seen after) and no more: it is not a fence for the core's code
 * on the target, and port.h promises none.  So an idle CPU, or one whose thread the host kernel has put
 * aside, never delays a shootdown, which on two processors and eight logical CPUs is the common case.
 *
 * Not taken: signals (a handler in the middle of malloc), a mailbox polled by each CPU (a CPU that
 * blocks in the host would have to be woken for every unmap).
 */
#include "sim_priv.h"

static struct sim_cpu *
flush_enter(struct tess_host *h)
{
	struct sim_cpu *c = &h->cpu[tess_hosted.cpu];

	if (!tess_hosted.acting)
		sim_lock(h, c);
	return c;
}

static void
flush_exit(struct tess_host *h, struct sim_cpu *c)
{
	if (!tess_hosted.acting)
		sim_unlock(h, c);
}

static void
flush_asid_ok(struct tess_host *h, uint32_t asid)
{
	if (SIM_UNLIKELY(asid >> h->asid_bits != 0))
		tess_sim_oracle("context", "ASID %u on a CPU with %u ASID bits", asid,
				h->asid_bits);
}

static bool
flush_mutated(struct tess_host *h, enum tess_host_mutation m)
{
	return SIM_UNLIKELY(tess_load_relaxed(&h->mutation) == (uint32_t)m);
}

void
tess_port_tlb_page(uint32_t asid, tess_va va)
{
	struct tess_host *h = tess_sim_self("tlb_page");
	struct sim_cpu *c;

	flush_asid_ok(h, asid);
	if (flush_mutated(h, TESS_HOST_MUTATE_DROP_PAGE_FLUSH))
		return;
	c = flush_enter(h);
	sim_event(c, "flush page", va, asid);
	tess_sim_tlb_drop_page(h, c, asid, va);
	flush_exit(h, c);
}

void
tess_port_tlb_asid(uint32_t asid)
{
	struct tess_host *h = tess_sim_self("tlb_asid");
	struct sim_cpu *c;

	flush_asid_ok(h, asid);
	c = flush_enter(h);
	sim_event(c, "flush asid", 0, asid);
	tess_sim_tlb_drop_asid(h, c, asid);
	flush_exit(h, c);
}

/* One flush on every CPU, this one included; `page` tells which of the two. */
static void
flush_everywhere(struct tess_host *h, uint32_t asid, bool page, tess_va va)
{
	bool local = flush_mutated(h, TESS_HOST_MUTATE_DROP_IPI);

	if (sim_is_x86(&h->mmu))
		tess_sim_oracle("context", "x86_64 has no broadcast invalidation");
	if (tess_hosted.acting)
		tess_sim_oracle("context", "broadcast inside an IPI");
	for (unsigned i = 0; i < h->ncpu; i++) {
		struct sim_cpu *c = &h->cpu[i];

		if (local && i != tess_hosted.cpu)
			continue;
		sim_lock(h, c);
		sim_event(c, page ? "bcast page" : "bcast asid", va, asid);
		if (page)
			tess_sim_tlb_drop_page(h, c, asid, va);
		else
			tess_sim_tlb_drop_asid(h, c, asid);
		sim_unlock(h, c);
	}
}

void
tess_port_tlb_bcast_page(uint32_t asid, tess_va va)
{
	struct tess_host *h = tess_sim_self("tlb_bcast_page");

	flush_asid_ok(h, asid);
	if (!flush_mutated(h, TESS_HOST_MUTATE_DROP_PAGE_FLUSH))
		flush_everywhere(h, asid, true, va);
}

void
tess_port_tlb_bcast_asid(uint32_t asid)
{
	struct tess_host *h = tess_sim_self("tlb_bcast_asid");

	flush_asid_ok(h, asid);
	flush_everywhere(h, asid, false, 0);
}

/* An ASID may not come to mean other tables while entries of the old ones are cached under it. */
static void
flush_asid_owner(struct tess_host *h, struct sim_cpu *c, tess_pa root, uint32_t asid)
{
	for (unsigned i = 0; i < h->sets * SIM_WAYS * SIM_KINDS; i++) {
		const struct sim_entry *e = &c->tlb[0][i];

		if (e->tag != 0 && !(e->tag & SIM_TAG_GLOBAL) && (e->tag & 0xffff) == asid &&
		    e->root != root)
			tess_sim_oracle(
			    "stale-tlb",
			    "ASID %u loaded with root %#llx while entries of root %#llx live", asid,
			    (unsigned long long)root, (unsigned long long)e->root);
	}
}

void
tess_port_table_load(tess_pa root, uint32_t asid)
{
	struct tess_host *h = tess_sim_self("table_load");
	struct sim_cpu *c;
	tess_pa old;

	flush_asid_ok(h, asid);
	if (!tess_page_aligned(root))
		tess_sim_oracle("context", "table base %#llx is not aligned",
				(unsigned long long)root);
	c = flush_enter(h);
	sim_event(c, "load table", root, asid);
	if (h->asid_bits == 0)
		tess_sim_tlb_drop_asid(h, c, 0);
	else if (c->root != root || c->asid != asid)
		flush_asid_owner(h, c, root, asid);
	tess_sim_frame_ref(h, root, "table base");
	old = c->root;
	c->root = root;
	c->asid = asid;
	if (old != SIM_NO_ROOT)
		tess_sim_frame_unref(h, old);
	flush_exit(h, c);
}

static void
ipi_context(struct tess_host *h, tess_cpuset cpus)
{
	if (h->ncpu < TESS_CPU_MAX && cpus >> h->ncpu != 0)
		tess_sim_oracle("context", "IPI to CPUs %#llx of %u", (unsigned long long)cpus,
				h->ncpu);
	if (tess_hosted.acting)
		tess_sim_oracle("context", "IPI inside an IPI");
	if (tess_hosted.preempt != 0)
		tess_sim_oracle("context", "IPI with a spin lock held (preemption depth %u)",
				tess_hosted.preempt);
}

void
tess_port_ipi(tess_cpuset cpus, void (*fn)(void *), void *arg)
{
	struct tess_host *h = tess_sim_self("ipi");
	unsigned self = tess_hosted.cpu;

	ipi_context(h, cpus);
	cpus &= ~((tess_cpuset)1 << self);
	if (flush_mutated(h, TESS_HOST_MUTATE_DROP_IPI))
		return;
	for (; cpus != 0; cpus &= cpus - 1) {
		unsigned target = (unsigned)__builtin_ctzll(cpus);
		struct sim_cpu *c = &h->cpu[target];

		sim_lock(h, c);
		sim_event(c, "ipi from", self, 0);
		tess_sim_thread.self = self;
		tess_hosted.cpu = target;
		tess_hosted.acting = 1;
		fn(arg);
		tess_hosted.acting = 0;
		tess_hosted.cpu = self;
		sim_unlock(h, c);
	}
}
