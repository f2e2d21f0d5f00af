/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * rcu.h: typed RCU pointers and deferred frees.
 *
 * The host supplies grace periods as cookies (port.h).  Each CPU queues what it defers, stamps
 * a batch with a cookie, and runs the batch itself once the cookie is done, so that what it
 * frees lands in its own caches.
 */
#ifndef TESS_BASE_RCU_H
#define TESS_BASE_RCU_H

#include "assert.h"

/* A pointer that only the two accessors touch. */
#define TESS_RCU(type)     \
	struct {           \
		type *rcu; \
	}
#define tess_rcu_get(p)    tess_load_acquire(&(p)->rcu)       /* pairs with tess_rcu_set() */
#define tess_rcu_set(p, v) tess_store_release(&(p)->rcu, (v)) /* pairs with tess_rcu_get() */
#define tess_rcu_peek(p)   tess_load_relaxed(&(p)->rcu)       /* by the writer, its lock held */

struct tess_rcu_head {
	struct tess_rcu_head *next;
	void (*fn)(struct tess_rcu_head *);
};

static inline void
tess_rcu_enter(void)
{
	tess_port_rcu_enter();
}

static inline void
tess_rcu_exit(void)
{
	tess_port_rcu_exit();
}

/*
 * tess_rcu_defer: run fn(head) on this CPU after a grace period.
 *
 * => context: spin locks may be held; fn runs with none held, outside a read section, and may
 *    free but not allocate, sleep or take a lock ranked below TESS_RANK_QUEUE
 */
void tess_rcu_defer(struct tess_rcu_head *head, void (*fn)(struct tess_rcu_head *));

/*
 * tess_rcu_poll: the end of an operation: report quiescence, run what is due.  Cheap when idle.
 *
 * => locks: none held.  rcu: not inside.  sleeps: no
 */
void tess_rcu_poll(void);

/*
 * tess_rcu_drain: wait until everything deferred on every CPU has run.
 *
 * => locks: none.  sleeps: yes.  No other CPU may defer meanwhile.
 */
void tess_rcu_drain(void);

#endif
