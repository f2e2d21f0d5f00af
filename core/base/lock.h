/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * lock.h: two locks and their ranks.
 *
 *   tess_spin	 held for a short time, preemption off, never across a wait
 *   tess_mutex	 may be held across allocation and I/O; a waiter sleeps through the port
 *
 * Both are one 32-bit word.  The rank is given where the lock is taken, so it costs no space;
 * with TESS_CONFIG_ASSERT 2 each CPU keeps the stack of ranks it holds, and waiting for a lock of
 * a rank not above the highest one held is a panic.  A try-lock waits for nothing, so it may take
 * any rank.  docs/LOCKS.md is the table of ranks.
 *
 * The stack belongs to the CPU: the check wants a host that runs one thread of control a CPU, as
 * the hosted machine does.  A kernel that sleeps in a mutex and runs another thread leaves it off.
 */
#ifndef TESS_BASE_LOCK_H
#define TESS_BASE_LOCK_H

#include "assert.h"

enum tess_rank {
	TESS_RANK_SPACE = 5,   /* a space's bookkeeping (brk, limits): mutex */
	TESS_RANK_WIRING = 7,  /* a map's wiring in progress: mutex, held across faults */
	TESS_RANK_LEAF = 10,   /* an index leaf; in this form one mutex a map */
	TESS_RANK_LEAF2 = 11,  /* the child's leaves while the parent's are held, at fork */
	TESS_RANK_DIR = 15,    /* index directory */
	TESS_RANK_SHARED = 18, /* a shared amap's coverage: mutex */
	TESS_RANK_CHUNK = 20,  /* an amap chunk */
	TESS_RANK_CHUNK2 = 21, /* a second chunk, at mremap and fork: higher address second */
	TESS_RANK_AMAP = 25,   /* an amap's directory of chunks */
	TESS_RANK_OBJECT = 30, /* an object's page index */
	TESS_RANK_QUEUE = 50,  /* a page queue */
	TESS_RANK_PTE = 60,    /* a PTE page */
	TESS_RANK_PV = 65,     /* a frame's list of translations */
	TESS_RANK_STEAL = 67,  /* taking the last frames from other CPUs' caches */
	TESS_RANK_CACHE = 68,  /* a CPU's cache of frames */
	TESS_RANK_FREE = 70,   /* a pool's or domain's free list */
	TESS_RANK_CPU = 80,    /* something per CPU */
	TESS_RANK_LOG = 90,
};

#if defined(__clang__)
#define TESS_CAPABILITY(n)   __attribute__((capability(n)))
#define TESS_ACQUIRES(l)     __attribute__((acquire_capability(l)))
#define TESS_RELEASES(l)     __attribute__((release_capability(l)))
#define TESS_REQUIRES(l)     __attribute__((requires_capability(l)))
#define TESS_TRY_ACQUIRES(l) __attribute__((try_acquire_capability(true, l)))
#define TESS_NO_ANALYSIS     __attribute__((no_thread_safety_analysis))
#else
#define TESS_CAPABILITY(n)
#define TESS_ACQUIRES(l)
#define TESS_RELEASES(l)
#define TESS_REQUIRES(l)
#define TESS_TRY_ACQUIRES(l)
#define TESS_NO_ANALYSIS
#endif

struct TESS_CAPABILITY("spin") tess_spin {
	uint32_t word; /* A: 0 free, 1 held */
};

struct TESS_CAPABILITY("mutex") tess_mutex {
	uint32_t word; /* A: 0 free, 1 held, 2 held and waited for */
};

/* lock.c: the contended halves, and the rank stack of this CPU. */
void tess_spin_lock_slow(struct tess_spin *l);
void tess_mutex_lock_slow(struct tess_mutex *l);
void tess_rank_push(enum tess_rank r, const void *lock);
void tess_rank_push_try(enum tess_rank r, const void *lock);
void tess_rank_pop(enum tess_rank r, const void *lock);
bool tess_rank_held(const void *lock);
bool tess_rank_none(void);

#if TESS_CONFIG_ASSERT >= 2
#define TESS_RANK_PUSH(r, l) tess_rank_push((r), (l))
#define TESS_RANK_TRY(r, l)  tess_rank_push_try((r), (l))
#define TESS_RANK_POP(r, l)  tess_rank_pop((r), (l))
#else
#define TESS_RANK_PUSH(r, l) ((void)(r))
#define TESS_RANK_TRY(r, l)  ((void)(r))
#define TESS_RANK_POP(r, l)  ((void)(r))
#endif

/* A waypoint: this CPU holds the lock.  Checked where ranks are. */
#if TESS_CONFIG_ASSERT >= 2
#define TESS_HELD(l) TESS_ASSERT(tess_rank_held(l))
#else
#define TESS_HELD(l) TESS_DEBUG(tess_load_relaxed(&(l)->word) != 0)
#endif

static inline void
tess_spin_init(struct tess_spin *l)
{
	l->word = 0;
}

static inline void
tess_mutex_init(struct tess_mutex *l)
{
	l->word = 0;
}

/*
 * tess_spin_lock, tess_spin_try, tess_spin_unlock
 *
 * => sleeps: no.  preemption is off while held
 * => ordering: lock acquires, unlock releases
 */
static inline void
tess_spin_lock(struct tess_spin *l, enum tess_rank r) TESS_ACQUIRES(l) TESS_NO_ANALYSIS
{
	uint32_t zero = 0;

	tess_port_preempt_disable();
	TESS_RANK_PUSH(r, l);
	if (TESS_UNLIKELY(!tess_cas_acquire(&l->word, &zero, 1)))
		tess_spin_lock_slow(l);
}

static inline bool
tess_spin_try(struct tess_spin *l, enum tess_rank r) TESS_TRY_ACQUIRES(l) TESS_NO_ANALYSIS
{
	uint32_t zero = 0;

	tess_port_preempt_disable();
	if (tess_load_relaxed(&l->word) != 0 || !tess_cas_acquire(&l->word, &zero, 1)) {
		tess_port_preempt_enable();
		return false;
	}
	TESS_RANK_TRY(r, l);
	return true;
}

static inline void
tess_spin_unlock(struct tess_spin *l, enum tess_rank r) TESS_RELEASES(l) TESS_NO_ANALYSIS
{
	TESS_RANK_POP(r, l);
	tess_store_release(&l->word, 0);
	tess_port_preempt_enable();
}

/*
 * tess_mutex_lock, tess_mutex_unlock
 *
 * => sleeps: lock may.  not inside a read section, no spin lock held
 */
static inline void
tess_mutex_lock(struct tess_mutex *l, enum tess_rank r) TESS_ACQUIRES(l) TESS_NO_ANALYSIS
{
	uint32_t zero = 0;

	TESS_RANK_PUSH(r, l);
	if (TESS_UNLIKELY(!tess_cas_acquire(&l->word, &zero, 1)))
		tess_mutex_lock_slow(l);
}

static inline void
tess_mutex_unlock(struct tess_mutex *l, enum tess_rank r) TESS_RELEASES(l) TESS_NO_ANALYSIS
{
	TESS_RANK_POP(r, l);
	if (TESS_UNLIKELY(tess_xchg_acqrel(&l->word, 0) == 2))
		tess_port_wake(&l->word);
}

#endif
