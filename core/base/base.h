/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * base.h: the vocabulary of concurrency and debugging.
 *
 * ROOM     base
 * OWNS     struct tess_machine, struct tess_cpu; locks, RCU queues, pools, history, counters, budgets
 * LOCKS    pool lists (70), taken and dropped inside
 * CALLS    port
 * NEVER    knows what a page is
 * SLEEPS   tess_mutex_lock, tess_rcu_drain
 * CHECKS   tess_base_check(): I-BASE-1..5
 */
#ifndef TESS_BASE_H
#define TESS_BASE_H

#include "assert.h"
#include "lock.h"
#include "rcu.h"
#include "pool.h"
#include "list.h"
#include "line.h"
#include "budget.h"
#include <tessera/stats.h>

/* Each room keeps its state in one struct of its own, reached from the machine. */
struct tess_page_room;
struct tess_pmap_room;
struct tess_object_room;
struct tess_anon_room;
struct tess_map_room;
struct tess_index_room;
struct tess_mmap_room;
struct tess_pmap_ops;

/* What a deferred batch waits for. */
struct tess_rcu_queue {
	struct tess_rcu_head *next;  /* P: being filled */
	struct tess_rcu_head **tail; /* P */
	struct tess_rcu_head *wait;  /* P: stamped with `cookie` */
	uint64_t cookie;             /* P */
};

struct tess_history {
	const char *what; /* a literal */
	uint64_t a, b, c;
};

#define TESS_RANKS_HELD 12

/* One logical CPU's words.  Nothing here is written by another CPU. */
struct tess_cpu {
	struct tess_rcu_queue rcu;         /* P */
	uint64_t stats[TESS_STAT_COUNT];   /* P */
	uint32_t domain;                   /* c: NUMA domain to allocate from first */
	uint32_t nheld;                    /* P: ranks held */
	uint8_t rank[TESS_RANKS_HELD];     /* P */
	const void *held[TESS_RANKS_HELD]; /* P */
	uint32_t history_at;               /* P */
	struct tess_history history[TESS_CONFIG_HISTORY + 1]; /* P */
} __attribute__((aligned(128)));

/* The one root: a machine holds everything, so a process can hold several. */
struct tess_machine {
	unsigned ncpu;                        /* c */
	struct tess_cpu *cpu;                 /* c: [ncpu] */
	const struct tess_pmap_ops *pmap_ops; /* c: which hardware */
	struct tess_pool_backing backing;     /* c */
	struct tess_pool *pools;              /* c after boot */
	tess_pa boot_next, boot_end;          /* boot only: unclaimed memory of the first range */
	struct tess_page_room *page;          /* c: one pointer a room */
	struct tess_pmap_room *pmap;
	struct tess_index_room *index;
	struct tess_object_room *object;
	struct tess_anon_room *anon;
	struct tess_map_room *map;
	struct tess_mmap_room *mmap;
	uint32_t panicked;         /* A: a panic is being printed */
	uint32_t charges;          /* A: memory that is promised is charged to `commit` */
	struct tess_budget commit; /* bytes promised */
	struct tess_budget wired;  /* bytes kept in memory */
};

static inline struct tess_machine *
tess_machine(void)
{
	return tess_port_machine();
}

static inline struct tess_cpu *
tess_cpu(void)
{
	return &tess_machine()->cpu[tess_port_cpu()];
}

#define TESS_FOREACH_CPU(i) for (unsigned i = 0; i < tess_machine()->ncpu; i++)

/* Count an event on this CPU. */
static inline void
tess_stat_add(enum tess_stat s, uint64_t n)
{
	uint64_t *w = &tess_cpu()->stats[s];

	tess_store_relaxed(w, *w + n); /* read racily by tess_stat_get() */
}

/*
 * tess_history: leave a trail in this CPU's ring; printed on panic.
 *
 * => `what` is a string literal
 */
static inline void
tess_history(const char *what, uint64_t a, uint64_t b, uint64_t c)
{
#if TESS_CONFIG_HISTORY > 0
	struct tess_cpu *cpu = tess_cpu();
	struct tess_history *h = &cpu->history[cpu->history_at++ % TESS_CONFIG_HISTORY];

	h->what = what;
	h->a = a;
	h->b = b;
	h->c = c;
#else
	(void)what, (void)a, (void)b, (void)c;
#endif
}

/*
 * tess_base_init: a machine of `ncpu` CPUs at the start of [start, start + bytes), made current
 * (tess_port_machine_set).  Nothing in it is up yet but CPUs, counters and boot memory.
 *
 * => boot only.  fails: EINVAL for ncpu, ENOMEM when it does not fit; then nothing was written
 */
TESS_MUST_CHECK enum tess_err tess_base_init(tess_pa start, uint64_t bytes, unsigned ncpu,
					     struct tess_machine **out);

/*
 * tess_boot_alloc: zeroed memory that is never given back, from the first physical range.
 * tess_boot_carve: the same with its contents undefined, for what is initialised lazily.
 * tess_boot_close: no boot memory from here on; what is left of the last page goes unused.
 *
 *	start ──► boot memory grows up ──► │ unclaimed │ ◄── frames are first used from the top down
 *	                             boot_next       boot_end
 *
 * => boot only.  align: a power of two, raised to a cache line.  NULL when exhausted or closed
 */
void *tess_boot_alloc(struct tess_machine *m, size_t size, size_t align);
void *tess_boot_carve(struct tess_machine *m, size_t size, size_t align);
void tess_boot_close(struct tess_machine *m);

/* tess_base_check: I-BASE-*, of every pool and every CPU; quiescent only. */
void tess_base_check(void);

#endif
