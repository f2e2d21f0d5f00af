/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * sim_qsbr.c: the read side of real threads: liburcu's QSBR, or a small stand-in for sanitised builds.
 *
 * liburcu orders its counters by assembler barriers, which ThreadSanitizer cannot see: it would report
 * each deferred free as a race with the last reader.  (-DCMM_SANITIZE_THREAD exists from liburcu 0.14
 * on, and would need the library itself rebuilt.)  So a TSan build gets the same six functions
 * over __atomic operations:
 *
 *	reader->seen	0 offline; else the value of `qsbr_gp` it last saw from outside a section
 *	synchronize	gp += 1; wait until every registered reader has seen >= gp, or 0
 *
 * Both rest on the same argument: a reader that reported after the increment holds no older pointer.
 * The stand-in is simple, not fast; everything that is measured uses liburcu.
 */
#include "sim_priv.h"

#ifndef TESS_TSAN

#include <urcu/urcu-qsbr.h>

void
tess_sim_qsbr_register(void)
{
	urcu_qsbr_register_thread();
}

void
tess_sim_qsbr_unregister(void)
{
	urcu_qsbr_unregister_thread();
}

void
tess_sim_qsbr_online(void)
{
	urcu_qsbr_thread_online();
}

void
tess_sim_qsbr_offline(void)
{
	urcu_qsbr_thread_offline();
}

void
tess_sim_qsbr_quiescent(void)
{
	urcu_qsbr_quiescent_state();
}

void
tess_sim_qsbr_synchronize(void)
{
	urcu_qsbr_synchronize_rcu();
}

#else /* TESS_TSAN */

#include <pthread.h>

struct qsbr_reader {
	struct qsbr_reader *next; /* qsbr_mutex */
	uint64_t seen;            /* A */
};

static pthread_mutex_t qsbr_mutex = PTHREAD_MUTEX_INITIALIZER;
static struct qsbr_reader *qsbr_readers; /* qsbr_mutex */
static uint64_t qsbr_gp = 1;             /* A */
static __thread struct qsbr_reader qsbr_self;

void
tess_sim_qsbr_online(void)
{
	/* One read-modify-write: both the store and a full fence; pairs with synchronize. */
	__atomic_exchange_n(&qsbr_self.seen, __atomic_load_n(&qsbr_gp, __ATOMIC_SEQ_CST),
			    __ATOMIC_SEQ_CST);
}

void
tess_sim_qsbr_offline(void)
{
	__atomic_store_n(&qsbr_self.seen, 0, __ATOMIC_SEQ_CST); /* pairs with synchronize */
}

void
tess_sim_qsbr_quiescent(void)
{
	tess_sim_qsbr_online();
}

void
tess_sim_qsbr_register(void)
{
	pthread_mutex_lock(&qsbr_mutex);
	qsbr_self.next = qsbr_readers;
	qsbr_readers = &qsbr_self;
	pthread_mutex_unlock(&qsbr_mutex);
	tess_sim_qsbr_online();
}

void
tess_sim_qsbr_unregister(void)
{
	struct qsbr_reader **at;

	tess_sim_qsbr_offline(); /* first: synchronize holds the mutex while it waits */
	pthread_mutex_lock(&qsbr_mutex);
	for (at = &qsbr_readers; *at != &qsbr_self; at = &(*at)->next)
		;
	*at = qsbr_self.next;
	pthread_mutex_unlock(&qsbr_mutex);
}

void
tess_sim_qsbr_synchronize(void)
{
	uint64_t gp = __atomic_add_fetch(&qsbr_gp, 1, __ATOMIC_SEQ_CST);

	pthread_mutex_lock(&qsbr_mutex);
	for (struct qsbr_reader *r = qsbr_readers; r != NULL; r = r->next)
		for (unsigned turn = 0;; turn++) {
			uint64_t seen = __atomic_load_n(&r->seen, __ATOMIC_SEQ_CST);

			if (seen == 0 || seen >= gp)
				break;
			tess_port_relax(turn);
		}
	pthread_mutex_unlock(&qsbr_mutex);
}

#endif
