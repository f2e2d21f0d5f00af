/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * rcu.c: deferred frees, in two batches a CPU.
 *
 *	defer ──► next (filling) ──poll──► wait (stamped with a cookie) ──poll, cookie done──► run
 *
 * A batch is stamped only when the one before it has run, so each CPU has at most one cookie
 * open, and grace periods are asked for at the pace at which they end, not at that of frees.
 * The stamp is taken after everything in the batch was unlinked by its deferrer, on the same
 * CPU: a reader that can still see one of them began before the cookie's grace period did.
 *
 * What a batch frees lands in the caches of the CPU that deferred it.  Nothing here is shared but
 * the host's grace periods.
 *
 * Rejected: a kthread that runs callbacks.  The library has no threads of its own, and a callback
 * run elsewhere would free into the wrong CPU's magazines.
 */
#include "base.h"

void
tess_rcu_defer(struct tess_rcu_head *head, void (*fn)(struct tess_rcu_head *))
{
	struct tess_rcu_queue *q;

	head->next = NULL;
	head->fn = fn;
	tess_port_preempt_disable();
	q = &tess_cpu()->rcu;
	*q->tail = head;
	q->tail = &head->next;
	tess_stat_add(TESS_STAT_RCU_DEFER, 1);
	tess_port_preempt_enable();
}

/* Stamp what was deferred since the last batch.  => preemption off, nothing waits */
static void
rcu_stamp(struct tess_rcu_queue *q)
{
	q->wait = q->next;
	q->next = NULL;
	q->tail = &q->next;
	q->cookie = tess_port_gp_start();
}

static void
rcu_run(struct tess_rcu_head *head)
{
	while (head != NULL) {
		struct tess_rcu_head *next = head->next; /* fn frees head */

		head->fn(head);
		head = next;
	}
}

/* The batch that is due, if any; stamp the next one. */
static struct tess_rcu_head *
rcu_due(void)
{
	struct tess_rcu_head *due = NULL;
	struct tess_rcu_queue *q;

	tess_port_preempt_disable();
	q = &tess_cpu()->rcu;
	if (q->wait != NULL && tess_port_gp_done(q->cookie)) {
		due = q->wait;
		q->wait = NULL;
	}
	if (q->wait == NULL && q->next != NULL)
		rcu_stamp(q);
	tess_port_preempt_enable();
	return due;
}

void
tess_rcu_poll(void)
{
	const struct tess_rcu_queue *q = &tess_cpu()->rcu;

	TESS_WALK(tess_rank_none());
	tess_port_quiescent();
	if (TESS_UNLIKELY(q->wait != NULL || q->next != NULL))
		rcu_run(rcu_due());
}

/* Wait for and run what one CPU has queued; false when there was nothing. */
static bool
rcu_drain_queue(struct tess_rcu_queue *q)
{
	struct tess_rcu_head *due;

	if (q->wait == NULL && q->next == NULL)
		return false;
	if (q->wait == NULL)
		rcu_stamp(q);
	tess_port_gp_wait(q->cookie);
	due = q->wait;
	q->wait = NULL;
	rcu_run(due);
	return true;
}

/*
 * tess_rcu_drain: until a whole round over the CPUs finds nothing, since what runs may defer.
 */
void
tess_rcu_drain(void)
{
	bool found;

	TESS_WALK(tess_rank_none());
	do {
		found = false;
		TESS_FOREACH_CPU (i)
			found |= rcu_drain_queue(&tess_machine()->cpu[i].rcu);
	} while (found);
}
