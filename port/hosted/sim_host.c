/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * sim_host.c: machines come and go, and threads become their CPUs.
 *
 * A thread works for one machine at a time; what it needs often is in `tess_hosted`, the rest here.
 * With one thread, the depths of the CPUs that are not being played are kept in their struct sim_cpu,
 * so a scheduler may leave a CPU in the middle of something and come back.  tess_host_cpu_set()
 * also changes between machines, so that two can be driven side by side and compared.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <tessera/machine.h>
#include "sim_priv.h"

#define HOST_TLB_DEFAULT 64
#define HOST_TLB_MAX     65536

static bool
host_config_ok(const struct tess_host_config *cfg)
{
	const char *what = NULL;
	unsigned tlb = cfg->tlb_entries ? cfg->tlb_entries : HOST_TLB_DEFAULT;

	if (cfg->isa > TESS_HOST_AARCH64_HW)
		what = "isa";
	else if (cfg->drive > TESS_HOST_THREADS)
		what = "drive";
	else if (cfg->ncpu < 1 || cfg->ncpu > TESS_CPU_MAX)
		what = "ncpu";
	else if (cfg->ram == 0 || !tess_page_aligned(cfg->ram) || cfg->ram >> 44 != 0)
		what = "ram";
	else if (cfg->domains > TESS_DOMAIN_MAX ||
		 (cfg->domains != 0 && cfg->ram / TESS_PAGE_SIZE < cfg->domains))
		what = "domains";
	else if ((tlb & (tlb - 1)) != 0 || tlb < SIM_WAYS || tlb > HOST_TLB_MAX)
		what = "tlb_entries";
	if (what != NULL)
		fprintf(stderr, "tessera: bad host configuration: %s\n", what);
	return what == NULL;
}

static void
host_init_cpus(struct tess_host *h, const struct tess_host_config *cfg)
{
	size_t each = (size_t)h->sets * SIM_WAYS * SIM_KINDS;

	for (unsigned i = 0; i < h->ncpu; i++) {
		struct sim_cpu *c = &h->cpu[i];

		c->root = SIM_NO_ROOT;
		c->tlb[SIM_DATA] = h->entries + each * i;
		c->tlb[SIM_INSN] = c->tlb[SIM_DATA] + each / 2;
		/* Spread neighbouring seeds apart; the multiplier is 2^64 / golden ratio.  Never 0. */
		c->rng = ((cfg->seed << 8 | i) + 1) * 0x9e3779b97f4a7c15u | 1;
	}
}

static struct tess_host *
host_alloc(const struct tess_host_config *cfg)
{
	size_t bytes = offsetof(struct tess_host, cpu) + cfg->ncpu * sizeof(struct sim_cpu);
	size_t entries = cfg->tlb_entries ? cfg->tlb_entries : HOST_TLB_DEFAULT;
	struct tess_host *h;

	bytes = (bytes + 127) & ~(size_t)127;
	h = aligned_alloc(128, bytes);
	if (h == NULL)
		return NULL;
	memset(h, 0, bytes);
	h->sets = (unsigned)entries / SIM_WAYS;
	h->entries = calloc(cfg->ncpu * entries * SIM_KINDS, sizeof(struct sim_entry));
	h->gp = tess_sim_gp_create(h);
	h->arena = tess_sim_arena_get(cfg->ram);
	if (h->entries != NULL && h->gp != NULL && h->arena != NULL)
		return h;
	if (h->arena != NULL)
		tess_sim_arena_put(h->arena);
	free(h->gp);
	free(h->entries);
	free(h);
	return NULL;
}

/* This thread leaves its machine for `h`, as `cpu` of it. */
static void
host_enter(struct tess_host *h, unsigned cpu)
{
	struct tess_host *old = tess_hosted.host;

	if (old != NULL) {
		old->cpu[tess_hosted.cpu].preempt = tess_hosted.preempt;
		old->cpu[tess_hosted.cpu].rcu = tess_hosted.rcu;
	}
	tess_hosted.host = h;
	tess_hosted.cpu = cpu;
	tess_hosted.direct = h ? h->mmu.direct : NULL;
	tess_hosted.machine = h ? h->machine : NULL;
	tess_hosted.preempt = h ? h->cpu[cpu].preempt : 0;
	tess_hosted.rcu = h ? h->cpu[cpu].rcu : 0;
}

struct tess_host *
tess_sim_host_create(const struct tess_host_config *cfg, unsigned asid_bits, unsigned levels)
{
	struct tess_host *h;

	if (!host_config_ok(cfg))
		return NULL;
	h = host_alloc(cfg);
	if (h == NULL)
		return NULL;
	h->ncpu = cfg->ncpu;
	h->threads = cfg->drive == TESS_HOST_THREADS;
	h->asid_bits = asid_bits;
	h->frames = tess_sim_arena_frames(h->arena);
	h->mmu.isa = cfg->isa;
	h->mmu.levels = (uint8_t)levels;
	h->mmu.hw_accessed = h->mmu.hw_dirty = cfg->isa != TESS_HOST_AARCH64;
	h->mmu.direct = tess_sim_arena_base(h->arena) - SIM_RAM_START;
	h->mmu.ram_start = SIM_RAM_START;
	h->mmu.ram_end = SIM_RAM_START + cfg->ram;
	host_init_cpus(h, cfg);
	h->cpu[0].attached = true;
	host_enter(h, 0);
	tess_sim_attach(h);
	return h;
}

void
tess_sim_host_free(struct tess_host *h)
{
	for (unsigned i = 1; h->threads && i < h->ncpu; i++)
		if (h->cpu[i].attached)
			tess_sim_oracle("context", "destroyed while CPU %u is attached", i);
	tess_sim_detach(h);
	if (tess_hosted.host == h)
		host_enter(NULL, 0);
	tess_sim_gp_destroy(h->gp);
	tess_sim_arena_put(h->arena);
	free(h->entries);
	free(h);
}

/* RAM in `domains` neighbouring pieces. */
static unsigned
host_ranges(const struct tess_host_config *cfg, struct tess_phys_range *r)
{
	unsigned n = cfg->domains ? cfg->domains : 1;
	uint64_t each = tess_page_trunc(cfg->ram / n);

	for (unsigned i = 0; i < n; i++) {
		r[i].start = SIM_RAM_START + each * i;
		r[i].bytes = i + 1 < n ? each : cfg->ram - each * i;
		r[i].domain = i;
	}
	return n;
}

const struct tess_pmap_ops *
tess_host_isa_pmap(enum tess_host_isa isa)
{
	switch (isa) {
	case TESS_HOST_X86_64:
		return &tess_pmap_x86_64;
	case TESS_HOST_AARCH64:
		return &tess_pmap_aarch64;
	case TESS_HOST_AARCH64_HW:
		return &tess_pmap_aarch64_hw;
	}
	return NULL;
}

struct tess_host *
tess_host_create(const struct tess_host_config *cfg)
{
	const struct tess_pmap_ops *ops = tess_host_isa_pmap(cfg->isa);
	struct tess_phys_range ranges[TESS_DOMAIN_MAX];
	struct tess_machine_config mc = {.ncpu = cfg->ncpu, .ranges = ranges, .pmap = ops};
	const struct tess_pmap_caps *caps;
	struct tess_host *h;
	enum tess_err err;

	if (!host_config_ok(cfg))
		return NULL;
	caps = tess_pmap_caps(ops);
	mc.nranges = host_ranges(cfg, ranges);
	h = tess_sim_host_create(cfg, caps->asid_bits, caps->levels);
	if (h == NULL)
		return NULL;
	err = tess_machine_create(&mc, &h->machine);
	if (err != TESS_OK) {
		fprintf(stderr, "tessera: the core does not start in %llu bytes: error %d\n",
			(unsigned long long)cfg->ram, (int)err);
		tess_sim_host_free(h);
		return NULL;
	}
	return h;
}

/* The hardware is switched off: what the CPUs remember is nobody's any more. */
static void
host_power_off(struct tess_host *h)
{
	for (unsigned i = 0; i < h->ncpu; i++) {
		sim_lock(h, &h->cpu[i]);
		tess_sim_tlb_drop_all(h, &h->cpu[i]);
		sim_unlock(h, &h->cpu[i]);
	}
}

void
tess_host_destroy(struct tess_host *h)
{
	struct tess_host *back = tess_hosted.host;
	unsigned back_cpu = tess_hosted.cpu;

	if (back != h)
		host_enter(h, 0);
	tess_host_check(h);
	host_power_off(h);
	tess_machine_destroy(h->machine);
	tess_sim_host_free(h);
	if (back != NULL && back != h)
		host_enter(back, back_cpu);
}

void
tess_host_abandon(struct tess_host *h)
{
	host_power_off(h);
	h->machine = NULL;
	tess_sim_host_free(h);
}

struct tess_machine *
tess_host_machine(struct tess_host *h)
{
	return h->machine;
}

struct tess_host *
tess_host_self(void)
{
	return tess_hosted.host;
}

void
tess_host_cpu_set(struct tess_host *h, unsigned cpu)
{
	if (h->threads)
		tess_sim_oracle("context", "cpu_set on a machine driven by threads");
	if (cpu >= h->ncpu)
		tess_sim_oracle("context", "cpu_set to CPU %u of %u", cpu, h->ncpu);
	if (tess_hosted.acting)
		tess_sim_oracle("context", "cpu_set inside an IPI");
	host_enter(h, cpu);
}

void
tess_host_attach(struct tess_host *h, unsigned cpu, bool bind)
{
	struct sim_cpu *c = &h->cpu[cpu];

	if (!h->threads)
		tess_sim_oracle("context", "attach to a machine driven by one thread");
	if (cpu >= h->ncpu || __atomic_exchange_n(&c->attached, true, __ATOMIC_ACQ_REL))
		tess_sim_oracle("context", "attach as CPU %u of %u, which is not free", cpu,
				h->ncpu);
	host_enter(h, cpu);
	tess_sim_attach(h);
	c->bound = bind && tess_sim_bind(cpu);
	if (bind && !c->bound)
		fprintf(stderr, "tessera: CPU %u is not bound: no processing unit for it\n", cpu);
}

void
tess_host_detach(struct tess_host *h)
{
	struct sim_cpu *c = &h->cpu[tess_hosted.cpu];

	if (h != tess_hosted.host || !h->threads)
		tess_sim_oracle("context", "detach by a thread that is not attached");
	if (c->bound)
		tess_sim_unbind();
	c->bound = false;
	tess_host_offline(h);
	tess_sim_detach(h);
	host_enter(NULL, 0);
	c->preempt = c->rcu = 0;
	__atomic_store_n(&c->attached, false, __ATOMIC_RELEASE); /* pairs with attach */
}
