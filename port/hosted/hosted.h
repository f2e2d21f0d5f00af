/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * hosted.h: a machine made of a process: simulated RAM, MMU, TLBs, CPUs, disk.
 *
 * The core and both pmaps run on it unchanged, writing real PTE words into simulated RAM.
 * Each simulated CPU translates through its own TLB, which keeps stale entries for as long as the
 * architecture allows, and asks the core (tess_host_set_fault) when it faults.
 *
 *	      load/store/fetch             walk                 real PTE words
 *	test ────────────────► sim_cpu ────────► sim_mmu ─────────► simulated RAM ◄──── pmap
 *	                         │ ▲ hit                                (memfd)
 *	                         ▼ │
 *	                       sim_tlb ◄──── flush, IPI, broadcast ──── port/tlb.h ◄──── pmap
 *
 * Two ways to drive it:
 *   one thread   plays every logical CPU in turn (tess_host_cpu_set); grace periods end at the
 *                next quiescent point; fully deterministic for a seed.
 *   threads      each logical CPU is a pthread that attached; grace periods are liburcu's (QSBR).
 *
 * Oracles, always on; each prints one line naming itself and aborts:
 *   frame-reuse	a frame was freed while some TLB still translated to it
 *   stale-tlb		tess_host_check(): a TLB entry grants what the tables no longer grant
 *   balance		preemption or a read section was left open at a quiescent point
 *   context		a port call in the wrong context (block in a read section, IPI with a spin lock)
 *   bbm		break-before-make violated (aarch64)
 *   (AddressSanitizer builds) the contents of free frames are poisoned
 *   livelock	the fault handler calls a fault settled again and again
 *   reserved, bus	a table entry with bits that must be zero, or that leads outside RAM
 *
 * A panic prints the last hardware events of each CPU first.
 */
#ifndef TESSERA_HOSTED_H
#define TESSERA_HOSTED_H

#include <tessera/types.h>
#include <tessera/pmap.h>

TESS_BEGIN_DECLS

struct tess_host;

enum tess_host_isa {
	TESS_HOST_X86_64,
	TESS_HOST_AARCH64,
	TESS_HOST_AARCH64_HW
};
enum tess_host_drive {
	TESS_HOST_SINGLE,
	TESS_HOST_THREADS
};

struct tess_host_config {
	enum tess_host_isa isa;
	enum tess_host_drive drive;
	unsigned ncpu;        /* 1..TESS_CPU_MAX */
	uint64_t ram;         /* bytes, page aligned; kept sparse by the host kernel */
	unsigned domains;     /* NUMA domains RAM is divided into; 0 means 1 */
	uint64_t seed;        /* random TLB evictions */
	unsigned tlb_entries; /* per CPU; 0 means 64; a power of two */
};

/*
 * What sim_cpu calls on a page fault.  Returns TESS_OK when the access may be repeated,
 * TESS_SIGSEGV or TESS_SIGBUS when it may not, TESS_ENOMEM when memory ran out.
 */
typedef enum tess_err (*tess_host_fault_fn)(void *ctx, tess_va va, enum tess_access access);

/*
 * tess_host_create: simulated hardware and a core machine on it (tess_machine_create is called inside);
 * the calling thread becomes logical CPU 0.  NULL on failure, with one line on stderr.
 * tess_host_destroy: destroys the core machine (which asserts that nothing leaked), then the hardware.
 *
 * => RAM arenas are kept and reused by later machines of the same size in this process
 */
struct tess_host *tess_host_create(const struct tess_host_config *cfg);
void tess_host_destroy(struct tess_host *h);
/*
 * tess_host_abandon: after an expected panic (tess_host_on_panic left by longjmp): the core is in no
 * state to be destroyed; drop it as it is, with the hardware.  No other CPU is attached.
 */
void tess_host_abandon(struct tess_host *h);
struct tess_machine *tess_host_machine(struct tess_host *h);
/* The calling thread's current host, or NULL. */
struct tess_host *tess_host_self(void);
const struct tess_pmap_ops *tess_host_isa_pmap(enum tess_host_isa isa);

/* One thread plays all CPUs: from here on it is CPU `cpu` of `h`.  Only with TESS_HOST_SINGLE. */
void tess_host_cpu_set(struct tess_host *h, unsigned cpu);
/*
 * A thread becomes, or ceases to be, logical CPU `cpu` (TESS_HOST_THREADS).  The creator is CPU 0 and attached.
 * With `bind`, it is bound by hwloc to the cpu-th processing unit.
 */
void tess_host_attach(struct tess_host *h, unsigned cpu, bool bind);
void tess_host_detach(struct tess_host *h);
/* Around host code that blocks or runs long without a call (joining threads): counts as quiescent. */
void tess_host_offline(struct tess_host *h);
void tess_host_online(struct tess_host *h);

/* The fault handler of this CPU (a space is being run on it).  NULL: every fault is SIGSEGV. */
void tess_host_set_fault(struct tess_host *h, tess_host_fault_fn fn, void *ctx);

/*
 * tess_host_load, store, fetch: one access of 1..8 bytes at va, not crossing a page, by the current CPU:
 * TLB, walk, fault, retry.  TESS_OK, or what the fault handler said.
 * tess_host_copy: as a loop of accesses, for memory longer than that (`store` says the direction).
 */
enum tess_err tess_host_load(struct tess_host *h, tess_va va, void *buf, unsigned len);
enum tess_err tess_host_store(struct tess_host *h, tess_va va, const void *buf, unsigned len);
enum tess_err tess_host_fetch(struct tess_host *h, tess_va va);
enum tess_err tess_host_copy(struct tess_host *h, tess_va va, void *buf, uint64_t len, bool store);

/* Hold every TLB against the tables (stale-tlb).  Quiescent, or between calls of a single thread. */
void tess_host_check(struct tess_host *h);

/*
 * Fault injection: make the n-th (1 first) allocation, table allocation or I/O from now on fail, once.
 * 0 switches it off, and the counting too; UINT64_MAX only counts.
 * tess_host_fail_hit: has it happened?  tess_host_fail_count: sites passed since.
 */
void tess_host_fail_nth(struct tess_host *h, uint64_t n);
bool tess_host_fail_hit(struct tess_host *h);
uint64_t tess_host_fail_count(struct tess_host *h);

/* Seeded faults of the hardware, to prove that the oracles see them (docs/INVARIANTS.md). */
enum tess_host_mutation {
	TESS_HOST_MUTATE_NONE,
	TESS_HOST_MUTATE_DROP_PAGE_FLUSH, /* page flush instructions do nothing */
	TESS_HOST_MUTATE_DROP_IPI, /* IPIs are acknowledged and ignored, broadcasts stay local */
};
void tess_host_mutate(struct tess_host *h, enum tess_host_mutation m);

/* Oracle failures call this instead of abort() when set: lets a test expect them.  It may longjmp. */
extern void (*tess_host_on_panic)(const char *msg);

/* Simulated disk under file pagers: tess_host_file_* is in file.h. */

TESS_END_DECLS

#endif
