/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * sim_priv.h: the parts of the simulated machine, as they see one another.
 *
 *	sim_host.c	 create, destroy; which thread is which CPU
 *	sim_phys.c	 RAM arenas, what each frame is, who translates to it
 *	sim_mmu*.c	 one walk over real PTE words, as the two manuals say; knows nothing else
 *	sim_tlb.c	 entries, what drops them, the port's flush instructions
 *	sim_cpu.c	 load, store, fetch: TLB, walk, fault, retry
 *	sim_ipi.c	 messages between CPUs
 *	sim_rcu.c	 grace periods; sim_qsbr.c the read side under them
 *	sim_port.c	 time, text, sleep, injected failures
 *	sim_check.c	 oracles that look at everything; how an oracle speaks
 *	sim_bind.c	 logical CPUs on real ones
 *	sim_file.c	 files under pagers, with a disk that delays and fails
 *
 * Key letters: c const after creation, t the CPU's TLB lock, P the thread that is this CPU,
 * A atomic.
 *
 * THE TLB LOCK.  Each simulated CPU has one.  An access of that CPU holds it from the TLB lookup to
 * the last byte, walk included; a flush on that CPU holds it too, whoever carries it out.  So
 * a flush is ordered against whole accesses, as an interrupt is on real hardware.  No thread
 * ever holds two.  A machine driven by one thread takes none.
 */
#ifndef TESS_SIM_PRIV_H
#define TESS_SIM_PRIV_H

#include <tessera/port.h>
#include "hosted.h"

#define SIM_LIKELY(x)   __builtin_expect(!!(x), 1)
#define SIM_UNLIKELY(x) __builtin_expect(!!(x), 0)

/* ---- sim_mmu: walks ---- */

#define SIM_LEVELS 5 /* most table levels; level 1 holds pages, the root is level `levels` */

/* What a translation grants, in the bits of TESS_PROT_*. */
typedef uint8_t sim_grant;

enum sim_fault {
	SIM_OK,
	SIM_FAULT_ABSENT,   /* no valid entry (x86 P=0, aarch64 translation fault) */
	SIM_FAULT_RIGHTS,   /* permission */
	SIM_FAULT_ACCESSED, /* aarch64 access flag fault: AF=0 and no hardware to set it */
	SIM_FAULT_RESERVED, /* a bit that must be zero is not (x86 RSVD, aarch64 address size) */
	SIM_FAULT_BUS,      /* a table or page outside RAM */
	SIM_FAULT_RANGE,    /* an address that no table can translate (x86 #GP) */
	SIM_FAULT_RACE,     /* an entry changed under the walk; inside sim_mmu only */
};

/* USE sets accessed and dirty bits as the access demands; LOOK changes nothing and reports all rights. */
enum sim_walk_mode {
	SIM_WALK_USE,
	SIM_WALK_LOOK
};

struct sim_mmu {
	enum tess_host_isa isa;     /* c */
	uint8_t levels;             /* c: 4, or 5 (x86_64) */
	bool hw_accessed;           /* c: aarch64 TCR.HA */
	bool hw_dirty;              /* c: aarch64 TCR.HD */
	char *direct;               /* c: host address of pa 0 */
	tess_pa ram_start, ram_end; /* c */
};

/* A table on the way down, and the rights that entries above it left. */
struct sim_step {
	tess_pa table;
	sim_grant allow;
};

struct sim_walk {
	struct sim_step at[SIM_LEVELS + 1]; /* at[l]: the table of level l; valid for leaf..first */
	uint8_t first;                      /* level where this walk began */
	uint8_t leaf;                       /* level of the last entry read */
	uint8_t shift;                      /* log2 of what it maps */
	bool global;                        /* not bound to an ASID */
	bool dirty;                         /* writes need not look at the tables again */
	sim_grant grant;                    /* what the tables grant */
	tess_pa pa;                         /* of the byte at va */
	tess_pa pte_pa;
	uint64_t pte; /* as it is after accessed and dirty bits */
};

/*
 * tess_sim_walk: translate va from w->at[w->first] down.
 *
 * => SIM_OK and w filled, or the fault; then w->leaf is the level that said no
 */
enum sim_fault tess_sim_walk(const struct sim_mmu *m, tess_va va, enum tess_access access,
			     enum sim_walk_mode mode, struct sim_walk *w);
enum sim_fault tess_sim_walk_x86_64(const struct sim_mmu *m, tess_va va, enum tess_access access,
				    enum sim_walk_mode mode, struct sim_walk *w);
enum sim_fault tess_sim_walk_aarch64(const struct sim_mmu *m, tess_va va, enum tess_access access,
				     enum sim_walk_mode mode, struct sim_walk *w);

/* Is va one that this CPU's tables could translate? */
bool tess_sim_va_ok(const struct sim_mmu *m, tess_va va);

static inline uint64_t *
sim_word(const struct sim_mmu *m, tess_pa pa)
{
	if (SIM_UNLIKELY(pa < m->ram_start || pa >= m->ram_end))
		return NULL;
	return (uint64_t *)(void *)(m->direct + pa);
}

static inline unsigned
sim_shift(unsigned level)
{
	return 12 + 9 * (level - 1);
}

static inline sim_grant
sim_need(enum tess_access access)
{
	return (sim_grant)(1u << access); /* READ 1, WRITE 2, EXEC 4: TESS_PROT_* in this order */
}

/* ---- TLB ---- */

#define SIM_WAYS       4
#define SIM_WALK_CACHE 8 /* paging-structure entries a level */
#define SIM_TAG_VALID  ((uint64_t)1 << 63)
#define SIM_TAG_GLOBAL ((uint64_t)1 << 62)
#define SIM_NO_ROOT    (~(tess_pa)0)
#define SIM_HISTORY    16

enum sim_kind {
	SIM_DATA,
	SIM_INSN,
	SIM_KINDS
};

/* One cached translation of one 4 KiB page (larger ones are fractured). */
struct sim_entry {
	uint64_t tag;   /* 0 empty; VALID | page number << 16 | asid */
	char *host;     /* the frame, as this process sees it */
	sim_grant pass; /* accesses that need no walk */
	bool clean;     /* writable, but a write must set the dirty state first */
	uint8_t shift;  /* size of the translation it was cut from */
	tess_pa pa;     /* frame */
	tess_pa pte_pa; /* where it was read */
	tess_pa root;   /* and from which root */
};

/* One cached step: entries above va's table at `level` need not be read. */
struct sim_wentry {
	uint64_t tag; /* 0 empty; VALID | (va >> shift of the entry above) << 16 | asid */
	struct sim_step step;
	tess_pa root;
};

struct sim_event {
	const char *what; /* a literal */
	uint64_t a, b;
};

struct sim_cpu {
	uint32_t lock;                    /* A: the TLB lock */
	uint32_t asid;                    /* t */
	tess_pa root;                     /* t: table base; SIM_NO_ROOT: none loaded */
	struct sim_entry *tlb[SIM_KINDS]; /* t: [sets * SIM_WAYS] */
	uint32_t nlarge, nglobal;         /* t: entries of these kinds, over both TLBs */
	uint64_t rng;                     /* t */
	struct sim_wentry walk[SIM_LEVELS][SIM_WALK_CACHE]; /* t: [level], 1..levels-1 */
	uint32_t history_at;                                /* t */
	struct sim_event history[SIM_HISTORY];              /* t */
	uint64_t walks, faults;                             /* t: counts, for tests */

	tess_host_fault_fn fault; /* P */
	void *fault_ctx;          /* P */
	bool attached;            /* h: a thread is this CPU */
	bool bound;               /* P: that thread was bound by tess_host_attach */
	uint32_t preempt, rcu;    /* P: depths while another CPU is being played */
} __attribute__((aligned(128)));

/* ---- The host ---- */

#define SIM_RAM_START   ((tess_pa)1 << 30) /* where RAM begins, so that pa 0 is never memory */
#define SIM_FRAME_LIVE  0x40000000u        /* frame word: between frame_alloc and frame_free */
#define SIM_FRAME_DEAD  0x80000000u        /* frame word: freed */
#define SIM_FRAME_COUNT 0x3fffffffu /* frame word: TLB entries and table bases that name it */

struct sim_arena;

struct tess_host {
	struct sim_mmu mmu;           /* c */
	bool threads;                 /* c: TESS_HOST_THREADS */
	unsigned ncpu;                /* c */
	unsigned sets;                /* c: of each TLB, a power of two */
	unsigned asid_bits;           /* c */
	struct sim_arena *arena;      /* c */
	uint32_t *frames;             /* A: one word a frame, SIM_FRAME_* */
	struct sim_entry *entries;    /* c: every CPU's TLB memory */
	struct tess_machine *machine; /* c: NULL for bare hardware */
	uint32_t mutation;            /* A: enum tess_host_mutation */
	uint64_t time;                /* P: single drive's clock */

	uint64_t fail_at;   /* A: 0 off */
	uint64_t fail_seen; /* A: sites passed while on */
	uint32_t fail_hit;  /* A */

	struct sim_gp *gp; /* c: grace periods */
	struct sim_cpu cpu[TESS_CPU_MAX];
};

/* What else a thread knows of itself; beside struct tess_hosted_cpu, off the core's line. */
struct sim_thread {
	struct sim_cpu *held; /* whose TLB lock this thread holds */
	unsigned self;        /* which CPU it is while it acts for another */
	bool registered;      /* with the read side of sim_qsbr.c */
	bool offline;
};
extern __thread struct sim_thread tess_sim_thread __attribute__((tls_model("initial-exec")));

/*
 * tess_sim_host_create: hardware with no core machine on it; `asid_bits` 0 for none.
 * tess_sim_host_free: gives it back.  The calling thread is CPU 0 between the two.
 */
struct tess_host *tess_sim_host_create(const struct tess_host_config *cfg, unsigned asid_bits,
				       unsigned levels);
void tess_sim_host_free(struct tess_host *h);

/* The host of this thread; an oracle failure when there is none. */
struct tess_host *tess_sim_self(const char *what);

/*
 * tess_sim_oracle: an oracle has seen a failure: "NAME: text", with recent hardware events before it.
 *
 * => releases the TLB lock if this thread holds one; depths become 0; calls tess_host_on_panic
 */
TESS_NORETURN void tess_sim_oracle(const char *name, const char *fmt, ...) TESS_PRINTF(2, 3);
TESS_NORETURN void tess_sim_die(const char *msg);

/* sim_phys.c */
struct sim_arena *tess_sim_arena_get(uint64_t bytes);
void tess_sim_arena_put(struct sim_arena *a);
char *tess_sim_arena_base(struct sim_arena *a);
uint32_t *tess_sim_arena_frames(struct sim_arena *a);
/* A TLB entry, a cached step or a table base (`what`) now names the frame, or no longer. */
void tess_sim_frame_ref(struct tess_host *h, tess_pa pa, const char *what);
void tess_sim_frame_unref(struct tess_host *h, tess_pa pa);
uint32_t tess_sim_frame_word(struct tess_host *h, tess_pa pa);

/* sim_tlb.c; all with the CPU's TLB lock held */
struct sim_entry *tess_sim_tlb_find(struct tess_host *h, struct sim_cpu *c, enum sim_kind k,
				    uint32_t asid, tess_va va);
struct sim_entry *tess_sim_tlb_fill(struct tess_host *h, struct sim_cpu *c, enum sim_kind k,
				    tess_va va, const struct sim_walk *w);
void tess_sim_tlb_drop_page(struct tess_host *h, struct sim_cpu *c, uint32_t asid, tess_va va);
void tess_sim_tlb_drop_asid(struct tess_host *h, struct sim_cpu *c, uint32_t asid);
tess_va tess_sim_tag_va(uint64_t tag);
void tess_sim_tlb_drop_all(struct tess_host *h, struct sim_cpu *c);
/* The lowest cached table for va into w->at[w->first], else the root. */
void tess_sim_walk_start(struct tess_host *h, struct sim_cpu *c, tess_va va, struct sim_walk *w);
void tess_sim_walk_keep(struct tess_host *h, struct sim_cpu *c, tess_va va,
			const struct sim_walk *w);

/* sim_rcu.c */
struct sim_gp *tess_sim_gp_create(struct tess_host *h);
void tess_sim_gp_destroy(struct sim_gp *gp);
void tess_sim_attach(struct tess_host *h);
void tess_sim_detach(struct tess_host *h);

/* sim_qsbr.c: the read side of real threads: liburcu, or its stand-in under ThreadSanitizer */
void tess_sim_qsbr_register(void);
void tess_sim_qsbr_unregister(void);
void tess_sim_qsbr_online(void);
void tess_sim_qsbr_offline(void);
void tess_sim_qsbr_quiescent(void);
void tess_sim_qsbr_synchronize(void);

/* sim_bind.c */
bool tess_sim_bind(unsigned cpu);
void tess_sim_unbind(void);

/* ---- Small things ---- */

static inline void
sim_lock(struct tess_host *h, struct sim_cpu *c)
{
	uint32_t zero = 0;

	if (!h->threads)
		return;
	for (unsigned turn = 0; SIM_UNLIKELY(!tess_cas_acquire(&c->lock, &zero, 1)); turn++) {
		zero = 0;
		tess_port_relax(turn);
	}
	tess_sim_thread.held = c;
}

static inline void
sim_unlock(struct tess_host *h, struct sim_cpu *c)
{
	if (!h->threads)
		return;
	tess_sim_thread.held = NULL;
	tess_store_release(&c->lock, 0); /* pairs with sim_lock() */
}

static inline void
sim_event(struct sim_cpu *c, const char *what, uint64_t a, uint64_t b)
{
	struct sim_event *e = &c->history[c->history_at++ % SIM_HISTORY];

	e->what = what;
	e->a = a;
	e->b = b;
}

/* xorshift64 (Marsaglia 2003): evictions need spread, not secrecy. */
static inline uint64_t
sim_random(struct sim_cpu *c)
{
	uint64_t x = c->rng;

	x ^= x << 13;
	x ^= x >> 7;
	x ^= x << 17;
	return c->rng = x;
}

static inline bool
sim_is_x86(const struct sim_mmu *m)
{
	return m->isa == TESS_HOST_X86_64;
}

#endif
