/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * sim_cpu.c: what a user program does: load, store, fetch.
 *
 *	       ┌─────────────── again ◄── TESS_OK ──┐
 *	       ▼		    │
 *	lock ► TLB ──hit───────────────► bytes ► unlock ► TESS_OK	  │
 *	       └─miss► walk ──ok► fill ──┘		    │
 *			 └─fault► unlock ► fault handler ───┴──► TESS_SIGSEGV, TESS_SIGBUS, TESS_ENOMEM
 *
 * Permission is judged by the TLB entry where there is one, stale or not.  A write through a clean
 * entry walks again (both architectures re-read the entry to set its dirty state); any other
 * missing right is a fault, and on x86_64 the fault forgets the entry, so that the retry sees the tables.
 * On aarch64 it does not: a handler that raises a right must flush, or the access faults for ever,
 * which the `livelock` oracle reports.
 *
 * Bytes are moved by relaxed atomic accesses, as user programs may race with one another; the page
 * contents are then no data race for ThreadSanitizer, but the core's use of a frame that some CPU can
 * still reach is.
 */
#include <string.h>
#include "sim_priv.h"

#define CPU_RETRIES 1000 /* faults of one access that the handler calls settled */
#define CPU_SPAN    64   /* bytes of one step of tess_host_copy */

enum cpu_way {
	CPU_LOAD,
	CPU_STORE
};

__thread struct tess_hosted_cpu tess_hosted;
__thread struct sim_thread tess_sim_thread;

static inline void
cpu_move_word(char *to, const char *from, unsigned len, enum cpu_way way)
{
	uint64_t v8;
	uint32_t v4;
	uint8_t v1;

	/* The simulated side is `from` of a load and `to` of a store, and it is aligned. */
	if (len == 8) {
		if (way == CPU_LOAD) {
			v8 = tess_load_relaxed((const uint64_t *)(const void *)from);
			memcpy(to, &v8, 8);
		} else {
			memcpy(&v8, from, 8);
			tess_store_relaxed((uint64_t *)(void *)to, v8);
		}
	} else if (len == 4) {
		if (way == CPU_LOAD) {
			v4 = tess_load_relaxed((const uint32_t *)(const void *)from);
			memcpy(to, &v4, 4);
		} else {
			memcpy(&v4, from, 4);
			tess_store_relaxed((uint32_t *)(void *)to, v4);
		}
	} else if (way == CPU_LOAD) {
		v1 = tess_load_relaxed((const uint8_t *)from);
		*to = (char)v1;
	} else {
		v1 = (uint8_t)*from;
		tess_store_relaxed((uint8_t *)to, v1);
	}
}

static inline void
cpu_move(char *sim, char *buf, unsigned len, enum cpu_way way)
{
	while (len != 0) {
		unsigned step = 1;

		if (len >= 8 && ((uintptr_t)sim & 7) == 0)
			step = 8;
		else if (len >= 4 && ((uintptr_t)sim & 3) == 0)
			step = 4;
		if (way == CPU_LOAD)
			cpu_move_word(buf, sim, step, way);
		else
			cpu_move_word(sim, buf, step, way);
		sim += step;
		buf += step;
		len -= step;
	}
}

static enum sim_fault
cpu_fault(struct tess_host *h, struct sim_cpu *c, tess_va va, enum tess_access access,
	  enum sim_fault f)
{
	c->faults++;
	sim_event(c,
		  access == TESS_ACCESS_READ    ? "fault r"
		  : access == TESS_ACCESS_WRITE ? "fault w"
						: "fault x",
		  va, f);
	if (f == SIM_FAULT_RESERVED)
		tess_sim_oracle("reserved", "a table entry for va %#llx has reserved bits set",
				(unsigned long long)va);
	if (f == SIM_FAULT_BUS)
		tess_sim_oracle("bus", "the tables for va %#llx lead outside RAM",
				(unsigned long long)va);
	if (sim_is_x86(&h->mmu)) /* SDM 4.10.4.1 */
		tess_sim_tlb_drop_page(h, c, c->asid, va);
	return f;
}

/* No entry, or one that cannot serve: walk.  => TLB lock held */
static __attribute__((noinline)) enum sim_fault
cpu_miss(struct tess_host *h, struct sim_cpu *c, tess_va va, enum tess_access access,
	 struct sim_entry **e)
{
	enum sim_kind kind = access == TESS_ACCESS_EXEC ? SIM_INSN : SIM_DATA;
	struct sim_walk w;
	enum sim_fault f;

	if (*e != NULL && !(access == TESS_ACCESS_WRITE && (*e)->clean))
		return cpu_fault(h, c, va, access, SIM_FAULT_RIGHTS);
	if (c->root == SIM_NO_ROOT || !tess_sim_va_ok(&h->mmu, va))
		return cpu_fault(h, c, va, access, SIM_FAULT_RANGE);
	c->walks++;
	tess_sim_walk_start(h, c, va, &w);
	f = tess_sim_walk(&h->mmu, va, access, SIM_WALK_USE, &w);
	if (f != SIM_OK) {
		/* The valid tables above the entry that failed may be cached all the same. */
		if (!sim_is_x86(&h->mmu) && f != SIM_FAULT_BUS)
			tess_sim_walk_keep(h, c, va, &w);
		return cpu_fault(h, c, va, access, f);
	}
	tess_sim_walk_keep(h, c, va, &w);
	*e = tess_sim_tlb_fill(h, c, kind, va, &w);
	return SIM_OK;
}

/* One try.  SIM_OK: the bytes moved. */
static inline enum sim_fault
cpu_try(struct tess_host *h, struct sim_cpu *c, tess_va va, enum tess_access access, char *buf,
	unsigned len)
{
	enum sim_kind kind = access == TESS_ACCESS_EXEC ? SIM_INSN : SIM_DATA;
	enum sim_fault f = SIM_OK;
	struct sim_entry *e;

	sim_lock(h, c);
	e = tess_sim_tlb_find(h, c, kind, c->asid, va);
	if (SIM_UNLIKELY(e == NULL || !(e->pass & sim_need(access))))
		f = cpu_miss(h, c, va, access, &e);
	if (SIM_LIKELY(f == SIM_OK) && access != TESS_ACCESS_EXEC)
		cpu_move(e->host + (va & TESS_PAGE_MASK), buf, len,
			 access == TESS_ACCESS_READ ? CPU_LOAD : CPU_STORE);
	sim_unlock(h, c);
	return f;
}

static void
cpu_context(struct tess_host *h, tess_va va, unsigned len, unsigned max)
{
	if (h != tess_hosted.host)
		tess_sim_oracle("context", "access on a machine this thread has not attached to");
	if (tess_hosted.acting || tess_hosted.preempt != 0 || tess_hosted.rcu != 0)
		tess_sim_oracle("context", "a user access from inside the core");
	if (len == 0 || len > max || (va & TESS_PAGE_MASK) + len > TESS_PAGE_SIZE)
		tess_sim_oracle("context", "an access of %u bytes at %#llx", len,
				(unsigned long long)va);
}

/* The handler settles a fault, again and again if it must. */
static __attribute__((noinline)) enum tess_err
cpu_slow(struct tess_host *h, struct sim_cpu *c, tess_va va, enum tess_access access, char *buf,
	 unsigned len, enum sim_fault f)
{
	for (unsigned turn = 0; turn < CPU_RETRIES; turn++) {
		enum tess_err err;

		/* A non-canonical address is no page fault (#GP); without tables there is no handler. */
		if (c->fault == NULL || (f == SIM_FAULT_RANGE && sim_is_x86(&h->mmu)))
			return TESS_SIGSEGV;
		err = c->fault(c->fault_ctx, va, access);
		if (err != TESS_OK)
			return err;
		f = cpu_try(h, c, va, access, buf, len);
		if (f == SIM_OK)
			return TESS_OK;
	}
	tess_sim_oracle("livelock", "%u faults at va %#llx (access %u), each called settled",
			CPU_RETRIES, (unsigned long long)va, access);
}

static inline enum tess_err
cpu_access(struct tess_host *h, tess_va va, enum tess_access access, void *buf, unsigned len,
	   unsigned max)
{
	struct sim_cpu *c = &h->cpu[tess_hosted.cpu];
	enum sim_fault f;

	if (SIM_UNLIKELY(h != tess_hosted.host || len - 1 >= max ||
			 (va & TESS_PAGE_MASK) + len > TESS_PAGE_SIZE ||
			 (tess_hosted.acting | tess_hosted.preempt | tess_hosted.rcu) != 0))
		cpu_context(h, va, len, max);
	f = cpu_try(h, c, va, access, buf, len);
	if (SIM_LIKELY(f == SIM_OK))
		return TESS_OK;
	return cpu_slow(h, c, va, access, buf, len, f);
}

enum tess_err
tess_host_load(struct tess_host *h, tess_va va, void *buf, unsigned len)
{
	return cpu_access(h, va, TESS_ACCESS_READ, buf, len, 8);
}

enum tess_err
tess_host_store(struct tess_host *h, tess_va va, const void *buf, unsigned len)
{
	return cpu_access(h, va, TESS_ACCESS_WRITE, (void *)(uintptr_t)buf, len, 8);
}

enum tess_err
tess_host_fetch(struct tess_host *h, tess_va va)
{
	return cpu_access(h, va, TESS_ACCESS_EXEC, NULL, 1, 1);
}

enum tess_err
tess_host_copy(struct tess_host *h, tess_va va, void *buf, uint64_t len, bool store)
{
	enum tess_access access = store ? TESS_ACCESS_WRITE : TESS_ACCESS_READ;
	char *p = buf;

	while (len != 0) {
		uint64_t n = CPU_SPAN - (va & (CPU_SPAN - 1));
		enum tess_err err;

		if (n > len)
			n = len;
		err = cpu_access(h, va, access, p, (unsigned)n, CPU_SPAN);
		if (err != TESS_OK)
			return err;
		va += n;
		p += n;
		len -= n;
	}
	return TESS_OK;
}

void
tess_host_set_fault(struct tess_host *h, tess_host_fault_fn fn, void *ctx)
{
	struct sim_cpu *c = &h->cpu[tess_hosted.cpu];

	if (h != tess_hosted.host)
		tess_sim_oracle("context",
				"set_fault on a machine this thread has not attached to");
	c->fault = fn;
	c->fault_ctx = ctx;
}
