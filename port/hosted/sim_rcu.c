/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * sim_rcu.c: grace periods as cookies, in both drives.
 *
 * One thread plays every CPU: a cookie is a number, and everything asked for so far is done at the next
 * quiescent point with no section open on any CPU.  Nothing is left to chance, so a run replays.
 *
 * Threads: liburcu (0.13) can wait for a grace period but not be asked about one, so a helper
 * thread waits on the core's behalf, one synchronize for all cookies drawn meanwhile:
 *
 *	gp_start	 asked := asked + 1, wake the helper if it sleeps	   cookie = asked
 *	helper		 nap; a := asked; synchronize; ended := a; wake waiters
 *	gp_done(cookie)	 ended >= cookie
 *	gp_wait		 the helper's nap ends now
 *
 * The nap gathers cookies.  Without it the helper would run all the time beside the CPUs it serves, and
 * a third of a two-processor machine would go into waking it.
 *
 * It is started by the first gp_start and joined when the machine goes.  It reads nothing under RCU,
 * so it is not registered as a reader.
 *
 * Not taken: call_rcu with a counter in its call-back (a second queue beside the core's, and a thread
 * per process that outlives the machine).
 */
#include <limits.h>
#include <linux/futex.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>
#include "sim_priv.h"

#define GP_NAP_NS 200000

struct sim_gp {
	uint64_t asked;    /* A: cookies drawn */
	uint64_t ended;    /* A: cookies done */
	uint32_t bell;     /* A: changes when the helper has something to do */
	uint32_t sleeping; /* A: the helper waits on `bell` */
	uint32_t urgent;   /* A: changes when someone waits for an end */
	uint32_t done;     /* A: changes when `ended` does */
	uint32_t stop;     /* A */
	uint32_t started;  /* A: 0 no helper, 1 being started, 2 runs */
	pthread_t helper;  /* set before started = 2 */
};

static void
gp_sleep(uint32_t *word, uint32_t value)
{
	syscall(SYS_futex, word, FUTEX_WAIT_PRIVATE, value, NULL, NULL, 0);
}

static void
gp_nap(uint32_t *word, uint32_t value)
{
	const struct timespec nap = {.tv_nsec = GP_NAP_NS};

	syscall(SYS_futex, word, FUTEX_WAIT_PRIVATE, value, &nap, NULL, 0);
}

static void
gp_wake(uint32_t *word)
{
	syscall(SYS_futex, word, FUTEX_WAKE_PRIVATE, INT_MAX, NULL, NULL, 0);
}

static void *
gp_helper(void *arg)
{
	struct sim_gp *gp = arg;
	uint32_t urgent = 0;

	while (!tess_load_acquire(&gp->stop)) { /* pairs with tess_sim_gp_destroy() */
		uint32_t bell = tess_load_acquire(&gp->bell);
		uint64_t asked;

		if (tess_load_acquire(&gp->asked) == tess_load_relaxed(&gp->ended)) {
			tess_store_relaxed(&gp->sleeping, 1);
			tess_fence_full(); /* pairs with gp_ring(): sleeping before bell */
			if (tess_load_acquire(&gp->bell) == bell)
				gp_sleep(&gp->bell, bell);
			tess_store_relaxed(&gp->sleeping, 0);
			continue;
		}
		gp_nap(&gp->urgent, urgent); /* returns at once when it has changed */
		urgent = tess_load_relaxed(&gp->urgent);
		asked = tess_load_acquire(&gp->asked); /* pairs with tess_port_gp_start() */
		tess_sim_qsbr_synchronize();
		tess_store_release(&gp->ended, asked); /* pairs with tess_port_gp_done() */
		tess_add_acqrel(&gp->done, 1);
		gp_wake(&gp->done);
	}
	return NULL;
}

static void
gp_ring(struct sim_gp *gp)
{
	tess_add_acqrel(&gp->bell, 1);
	tess_fence_full(); /* pairs with gp_helper(): bell before sleeping */
	if (tess_load_relaxed(&gp->sleeping))
		gp_wake(&gp->bell);
}

static void
gp_start_helper(struct sim_gp *gp)
{
	uint32_t zero = 0;

	if (!tess_cas_acquire(&gp->started, &zero, 1))
		return; /* another CPU does; its helper will see our cookie */
	if (pthread_create(&gp->helper, NULL, gp_helper, gp) != 0)
		tess_sim_die("no thread for grace periods");
	tess_store_release(&gp->started, 2); /* pairs with tess_sim_gp_destroy() */
}

struct sim_gp *
tess_sim_gp_create(struct tess_host *h)
{
	(void)h;
	return calloc(1, sizeof(struct sim_gp));
}

void
tess_sim_gp_destroy(struct sim_gp *gp)
{
	if (tess_load_acquire(&gp->started) == 2) {
		tess_store_release(&gp->stop, 1); /* pairs with gp_helper() */
		tess_add_acqrel(&gp->urgent, 1);
		gp_wake(&gp->urgent);
		gp_ring(gp);
		pthread_join(gp->helper, NULL);
	}
	free(gp);
}

/* Is a section open on a CPU that the single thread is not playing now? */
static bool
gp_section_elsewhere(struct tess_host *h)
{
	for (unsigned i = 0; i < h->ncpu; i++)
		if (i != tess_hosted.cpu && h->cpu[i].rcu != 0)
			return true;
	return false;
}

static void
gp_balance(const char *what)
{
	if (tess_hosted.acting)
		tess_sim_oracle("context", "%s inside an IPI", what);
	if (SIM_UNLIKELY(tess_hosted.preempt != 0))
		tess_sim_oracle("balance", "%s with preemption off (depth %u)", what,
				tess_hosted.preempt);
	if (SIM_UNLIKELY(tess_hosted.rcu != 0))
		tess_sim_oracle("balance", "%s inside a read section (depth %u)", what,
				tess_hosted.rcu);
}

static void
gp_quiescent_single(struct tess_host *h)
{
	struct sim_gp *gp = h->gp;

	if (gp->ended != gp->asked && !gp_section_elsewhere(h))
		gp->ended = gp->asked;
}

void
tess_port_quiescent(void)
{
	struct tess_host *h = tess_sim_self("quiescent");

	if (SIM_UNLIKELY((tess_hosted.acting | tess_hosted.preempt | tess_hosted.rcu) != 0))
		gp_balance("quiescent point");
	if (!h->threads)
		gp_quiescent_single(h);
	else if (tess_sim_thread.registered && !tess_sim_thread.offline)
		tess_sim_qsbr_quiescent();
}

uint64_t
tess_port_gp_start(void)
{
	struct tess_host *h = tess_sim_self("gp_start");
	struct sim_gp *gp = h->gp;
	uint64_t cookie;

	if (!h->threads)
		return ++gp->asked;
	cookie = tess_add_acqrel(&gp->asked, 1) + 1; /* pairs with gp_helper() */
	if (SIM_UNLIKELY(tess_load_relaxed(&gp->started) == 0))
		gp_start_helper(gp);
	gp_ring(gp);
	return cookie;
}

bool
tess_port_gp_done(uint64_t cookie)
{
	struct tess_host *h = tess_sim_self("gp_done");

	return tess_load_acquire(&h->gp->ended) >= cookie; /* pairs with gp_helper() */
}

void
tess_port_gp_wait(uint64_t cookie)
{
	struct tess_host *h = tess_sim_self("gp_wait");
	struct sim_gp *gp = h->gp;

	gp_balance("gp_wait");
	if (cookie > tess_load_acquire(&gp->asked))
		tess_sim_oracle("context", "gp_wait for a cookie that was never drawn");
	if (!h->threads) {
		gp_quiescent_single(h);
		if (gp->ended < cookie)
			tess_sim_oracle("context",
					"gp_wait while another CPU is in a read section");
		return;
	}
	tess_host_offline(h);
	tess_add_acqrel(&gp->urgent, 1);
	gp_wake(&gp->urgent);
	while (tess_load_acquire(&gp->ended) < cookie) {
		uint32_t done = tess_load_acquire(&gp->done);

		if (tess_load_acquire(&gp->ended) < cookie)
			gp_sleep(&gp->done, done);
	}
	tess_host_online(h);
}

/* ---- Sleeping ---- */

void
tess_port_block(uint32_t *word, uint32_t value)
{
	struct tess_host *h = tess_sim_self("block");

	if (tess_hosted.preempt != 0 || tess_hosted.rcu != 0 || tess_hosted.acting)
		tess_sim_oracle("context", "block with preemption %u, read section %u, IPI %u",
				tess_hosted.preempt, tess_hosted.rcu, tess_hosted.acting);
	if (!h->threads) {
		if (tess_load_acquire(word) == value)
			tess_sim_oracle("context", "block for ever: one thread plays every CPU");
		return;
	}
	tess_host_offline(h);
	gp_sleep(word, value);
	tess_host_online(h);
}

void
tess_port_wake(uint32_t *word)
{
	if (tess_sim_self("wake")->threads)
		gp_wake(word);
}

/* ---- Threads come and go ---- */

void
tess_sim_attach(struct tess_host *h)
{
	if (!h->threads)
		return;
	if (tess_sim_thread.registered)
		tess_sim_oracle("context", "a thread that is a CPU already attaches");
	tess_sim_qsbr_register();
	tess_sim_thread.registered = true;
	tess_sim_thread.offline = false;
}

void
tess_sim_detach(struct tess_host *h)
{
	if (!h->threads || !tess_sim_thread.registered)
		return;
	if (tess_sim_thread.offline)
		tess_sim_qsbr_online(); /* liburcu wants a thread online when it leaves */
	tess_sim_qsbr_unregister();
	tess_sim_thread.registered = false;
	tess_sim_thread.offline = false;
}

void
tess_host_offline(struct tess_host *h)
{
	gp_balance("offline");
	if (!h->threads || !tess_sim_thread.registered || tess_sim_thread.offline)
		return;
	tess_sim_thread.offline = true;
	tess_sim_qsbr_offline();
}

void
tess_host_online(struct tess_host *h)
{
	if (!h->threads || !tess_sim_thread.registered || !tess_sim_thread.offline)
		return;
	tess_sim_qsbr_online();
	tess_sim_thread.offline = false;
}
