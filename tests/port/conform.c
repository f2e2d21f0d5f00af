/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * conform.c: the port conformance suite.
 *
 * CPU 0 leads; peers wait for jobs:
 *
 *	lead: conf.job = J; conf.seq += 1 ──► each peer runs J once, conf.done += 1 ──► lead waits for all
 *
 * A peer that waits reports quiescence, as a CPU does between two calls.  Jobs that need both sides
 * at the same time (ping-pong, readers) are started by job_start() and awaited by job_wait().
 * Waiting has a limit in turns everywhere: a host that loses a wake-up fails a point, it does not hang.
 */
#include <tessera/port.h>
#include "conform.h"

#define CONF_ROUNDS 2000
#define CONF_SLEEPS 200       /* even */
#define CONF_TURNS  20000000u /* turns of a wait before it is given up; the clock is on trial, too */
#define CONF_SLOTS  64        /* objects of the reader test */

enum conf_job {
	JOB_CPU,
	JOB_ADD,
	JOB_LOCK,
	JOB_FENCE,
	JOB_SLEEP,
	JOB_HOLD,
	JOB_READ,
	JOB_STORM,
	JOB_STOP
};

static struct conf {
	const struct tess_conform_env *env;
	unsigned points, failed;

	uint32_t seq, done; /* A */
	enum conf_job job;  /* lead, before seq */
	uint32_t joined;    /* A: peers that came, ever */

	uint64_t seen;    /* A: CPU numbers */
	uint32_t word;    /* A: whatever the job makes of it */
	uint32_t turn;    /* A: second word of a job */
	uint32_t bad;     /* A: a peer saw something wrong */
	uint64_t plain;   /* guarded by a lock made of `word` */
	uint32_t x, y;    /* A: JOB_FENCE */
	uint32_t rx, ry;  /* A: what each side read */
	uint32_t current; /* A: JOB_READ */
	uint64_t alive[CONF_SLOTS];
	uint64_t hits[TESS_CPU_MAX]; /* JOB_STORM: written by its CPU's IPI only, atomically */
	uint64_t before, after[TESS_CPU_MAX];
} conf;

/* ---- TAP ---- */

static char *
conf_text(char *at, const char *s)
{
	while (*s)
		*at++ = *s++;
	*at = '\0';
	return at;
}

static char *
conf_number(char *at, unsigned n)
{
	char digits[12];
	unsigned i = 0;

	do {
		digits[i++] = (char)('0' + n % 10);
		n /= 10;
	} while (n != 0);
	while (i != 0)
		*at++ = digits[--i];
	*at = '\0';
	return at;
}

static void
conf_point(bool good, const char *what, const char *skip)
{
	char line[160], *at = line;

	conf.points++;
	conf.failed += !good;
	at = conf_text(at, good ? "ok " : "not ok ");
	at = conf_number(at, conf.points);
	at = conf_text(at, " - port: ");
	at = conf_text(at, what);
	if (skip) {
		at = conf_text(at, " # SKIP ");
		at = conf_text(at, skip);
	}
	conf_text(at, "\n");
	conf.env->emit(line);
}

static void
conf_ok(bool good, const char *what)
{
	conf_point(good, what, NULL);
}

/* ---- Peers ---- */

/* Wait for *word to be `value`.  false: it took too long.  Reports quiescence. */
static bool
conf_until(uint32_t *word, uint32_t value)
{
	for (unsigned turn = 0; turn < CONF_TURNS; turn++) {
		if (tess_load_acquire(word) == value)
			return true;
		tess_port_quiescent();
		tess_port_relax(turn);
	}
	return false;
}

static void
job_start(enum conf_job job)
{
	conf.job = job;
	tess_store_relaxed(&conf.done, 0);
	tess_add_acqrel(&conf.seq, 1); /* pairs with tess_port_conform_peer() */
}

static bool
job_wait(void)
{
	return conf_until(&conf.done, conf.env->peers);
}

static void
peer_lock(void)
{
	for (unsigned i = 0; i < CONF_ROUNDS; i++) {
		uint32_t zero = 0;

		for (unsigned turn = 0; !tess_cas_acquire(&conf.word, &zero, 1); turn++) {
			zero = 0;
			tess_port_relax(turn);
		}
		conf.plain++;
		tess_store_release(&conf.word, 0); /* pairs with the compare-and-swap */
	}
}

/* One side of store buffering: with the fences, at least one sees the other's store. */
static void
peer_fence(uint32_t self)
{
	if (self != 0)
		return; /* one peer is enough */
	for (uint32_t i = 1; i <= CONF_ROUNDS; i++) {
		conf_until(&conf.turn, i * 2 - 1);
		tess_store_relaxed(&conf.y, i);
		tess_fence_full(); /* pairs with conf_fences() */
		tess_store_relaxed(&conf.ry, tess_load_relaxed(&conf.x));
		tess_store_release(&conf.turn, i * 2);
	}
}

/* Sleep until the word moves on, answer, sleep again. */
static void
peer_sleep(uint32_t self)
{
	for (uint32_t i = 1; self == 0 && i <= CONF_SLEEPS; i += 2) {
		while (tess_load_acquire(&conf.word) != i)
			tess_port_block(&conf.word, i - 1);
		tess_store_release(&conf.word, i + 1);
		tess_port_wake(&conf.word);
	}
}

/* A read section that stays open until the lead has looked. */
static void
peer_hold(void)
{
	tess_port_rcu_enter();
	tess_port_rcu_enter();
	tess_port_rcu_exit(); /* they nest */
	tess_add_acqrel(&conf.word, 1);
	for (unsigned turn = 0; tess_load_acquire(&conf.turn) == 0; turn++)
		tess_port_relax(turn);
	tess_port_rcu_exit();
}

/* What `current` names is alive as long as the section is open. */
static void
peer_read(void)
{
	while (tess_load_acquire(&conf.turn) == 0) {
		uint32_t slot;

		tess_port_rcu_enter();
		slot = tess_load_acquire(&conf.current) % CONF_SLOTS;
		for (unsigned n = 0; n < 4; n++)
			if (tess_load_relaxed(&conf.alive[slot]) != 1)
				tess_store_relaxed(&conf.bad, 1);
		tess_port_rcu_exit();
		tess_port_quiescent();
	}
}

static void
ipi_count(void *arg)
{
	(void)arg;
	tess_add_relaxed(&conf.hits[tess_port_cpu()], 1);
}

static void
conf_storm(void)
{
	for (unsigned i = 0; i < 200; i++) {
		tess_port_ipi(conf.env->cpus, ipi_count, NULL);
		tess_port_quiescent();
	}
}

static void
peer_job(enum conf_job job, uint32_t self)
{
	switch (job) {
	case JOB_CPU:
		for (unsigned i = 0; i < CONF_ROUNDS; i++) {
			tess_port_preempt_disable();
			tess_or_acqrel(&conf.seen, (uint64_t)1 << tess_port_cpu());
			tess_port_preempt_enable();
		}
		break;
	case JOB_ADD:
		for (unsigned i = 0; i < CONF_ROUNDS; i++)
			tess_add_relaxed(&conf.word, 1);
		break;
	case JOB_LOCK:
		peer_lock();
		break;
	case JOB_FENCE:
		peer_fence(self);
		break;
	case JOB_SLEEP:
		peer_sleep(self);
		break;
	case JOB_HOLD:
		peer_hold();
		break;
	case JOB_READ:
		peer_read();
		break;
	case JOB_STORM:
		conf_storm();
		break;
	case JOB_STOP:
		break;
	}
}

void
tess_port_conform_peer(void)
{
	uint32_t self = tess_add_acqrel(&conf.joined, 1), seq = 0;

	for (;;) {
		enum conf_job job;

		for (unsigned turn = 0; tess_load_acquire(&conf.seq) == seq; turn++) {
			tess_port_quiescent();
			tess_port_relax(turn);
		}
		seq++; /* jobs come one at a time: none is skipped */
		job = conf.job;
		peer_job(job, self);
		tess_port_quiescent();
		tess_add_acqrel(&conf.done, 1); /* pairs with job_wait() */
		if (job == JOB_STOP)
			return;
	}
}

/* ---- One CPU ---- */

static void
conf_atomics(void)
{
	uint64_t w = 5, old = 4;
	uint32_t v = 0;

	conf_ok(tess_load_relaxed(&w) == 5 && tess_load_acquire(&w) == 5, "atomic loads");
	conf_ok(!tess_cas_acqrel(&w, &old, 9) && old == 5 && w == 5 &&
		    tess_cas_acquire(&w, &old, 9) && w == 9,
		"compare-and-swap changes the word or tells what it is");
	conf_ok(tess_xchg_acqrel(&w, 12) == 9 && tess_add_acqrel(&w, 3) == 12 &&
		    tess_sub_acqrel(&w, 5) == 15 && w == 10,
		"exchange, add and subtract give the old value");
	conf_ok(tess_or_acqrel(&w, 5) == 10 && tess_and_acqrel(&w, 12) == 15 && w == 12,
		"or and and give the old value");
	tess_store_relaxed(&v, 7);
	tess_fence_full();
	conf_ok(tess_load_relaxed(&v) == 7, "a store is seen after a fence");
}

static void
conf_cpu(void)
{
	unsigned cpu;
	struct tess_machine *was = tess_port_machine();
	bool same;

	tess_port_preempt_disable();
	tess_port_preempt_disable();
	cpu = tess_port_cpu();
	tess_port_preempt_enable();
	same = tess_port_cpu() == cpu;
	tess_port_preempt_enable();
	conf_ok(same && cpu < TESS_CPU_MAX && (conf.env->cpus >> cpu & 1),
		"the CPU number is one of those told, and stable");
	tess_port_quiescent(); /* a host that counts would panic here were a level left open */
	tess_port_machine_set((struct tess_machine *)(void *)&conf);
	same = tess_port_machine() == (struct tess_machine *)(void *)&conf;
	tess_port_machine_set(was);
	conf_ok(same && tess_port_machine() == was, "machine_set is what machine gives");
}

static bool
conf_page_is(const uint64_t *p, uint64_t first, uint64_t step)
{
	for (unsigned i = 0; i < TESS_PAGE_SIZE / 8; i++)
		if (p[i] != first + i * step)
			return false;
	return true;
}

static void
conf_direct(void)
{
	tess_pa a = conf.env->frame[0], b = conf.env->frame[1];
	uint64_t *p = tess_port_direct(a), *q = tess_port_direct(b);
	bool good = true;

	for (uint64_t off = 0; off < TESS_PAGE_SIZE; off += 511)
		good &= tess_port_direct_pa(tess_port_direct(a + off)) == a + off &&
			(char *)tess_port_direct(a + off) == (char *)p + off;
	conf_ok(good, "direct and direct_pa are inverse, byte by byte");
	for (unsigned i = 0; i < TESS_PAGE_SIZE / 8; i++) {
		p[i] = 1000 + i;
		q[i] = 77;
	}
	tess_port_page_copy(q, p);
	conf_ok(conf_page_is(q, 1000, 1) && conf_page_is(p, 1000, 1), "page_copy copies a page");
	tess_port_page_clear(p);
	conf_ok(conf_page_is(p, 0, 0) && conf_page_is(q, 1000, 1),
		"page_clear clears one page and no more");
}

static void
conf_time(void)
{
	uint64_t first = tess_port_time_ns(), last = first;
	bool good = true;

	for (unsigned i = 0; i < 1000; i++) {
		uint64_t now = tess_port_time_ns();

		good &= now >= last;
		last = now;
	}
	for (unsigned turn = 0; turn < CONF_TURNS && last == first; turn++)
		last = tess_port_time_ns();
	conf_ok(good, "time does not go back");
	conf_ok(last > first, "time passes");
}

static void
conf_quiet(void)
{
	bool failed = false;

	for (unsigned i = 0; i < 100; i++)
		failed |= tess_port_fail((enum tess_site)(i & 3));
	conf_ok(!failed, "no failure is injected unasked");
	/* These have no result; a host that objects to a frame's second birth panics. */
	tess_port_log("port conformance: a line of the log");
	for (unsigned i = 0; i < 2; i++) {
		tess_port_frame_alloc(conf.env->frame[0]);
		tess_port_frame_free(conf.env->frame[0]);
	}
	tess_port_frame_alloc(conf.env->frame[0]);
}

static bool
conf_gp_ends(uint64_t cookie)
{
	for (unsigned turn = 0; turn < CONF_TURNS; turn++) {
		if (tess_port_gp_done(cookie))
			return true;
		tess_port_quiescent();
		tess_port_relax(turn);
	}
	return false;
}

static void
conf_gp(void)
{
	uint64_t a, b;
	bool done;

	tess_port_quiescent();
	tess_port_rcu_enter();
	a = tess_port_gp_start();
	done = tess_port_gp_done(a);
	tess_port_rcu_exit();
	conf_ok(!done, "a grace period does not end inside this CPU's own section");
	conf_ok(conf_gp_ends(a), "it ends when everyone was quiescent");
	b = tess_port_gp_start();
	conf_ok(tess_port_gp_done(a), "what is done stays done");
	tess_port_gp_wait(b);
	tess_port_gp_wait(a); /* an old cookie: returns at once */
	conf_ok(tess_port_gp_done(b) && tess_port_gp_done(a), "gp_wait returns after the end");
}

static void
conf_block_alone(void)
{
	uint32_t word = 3;

	tess_port_block(&word, 2);
	tess_port_wake(&word);
	conf_ok(word == 3, "block returns at once when the word has changed already");
}

/* ---- IPIs ---- */

static void
ipi_order(void *arg)
{
	unsigned cpu = tess_port_cpu();

	(void)arg;
	if (conf.before != conf.after[cpu] + 1)
		tess_store_relaxed(&conf.bad, 1);
	conf.after[cpu] = conf.before;
}

static void
conf_ipi(void)
{
	tess_cpuset others = conf.env->cpus & ~((tess_cpuset)1 << tess_port_cpu());
	bool good = true;

	for (unsigned i = 0; i < TESS_CPU_MAX; i++)
		conf.hits[i] = 0;
	tess_port_ipi(0, ipi_count, NULL);
	tess_port_ipi((tess_cpuset)1 << tess_port_cpu(), ipi_count, NULL);
	conf_ok(tess_load_relaxed(&conf.hits[tess_port_cpu()]) == 0,
		"an IPI does not reach its sender, nor anyone when sent to none");
	for (unsigned i = 0; i < 100; i++)
		tess_port_ipi(conf.env->cpus, ipi_count, NULL);
	for (unsigned i = 0; i < TESS_CPU_MAX; i++)
		good &= tess_load_relaxed(&conf.hits[i]) == (others >> i & 1 ? 100 : 0);
	conf_ok(good, "an IPI runs once on each target and nowhere else");
	for (conf.before = 1; conf.before <= 1000; conf.before++) {
		tess_port_ipi(others, ipi_order, NULL);
		for (tess_cpuset left = others; left != 0; left &= left - 1)
			good &= conf.after[__builtin_ctzll(left)] == conf.before;
	}
	conf_ok(good && tess_load_relaxed(&conf.bad) == 0,
		"writes before an IPI are seen in it, and its writes after");
	tess_port_rcu_enter();
	tess_port_ipi(others, ipi_count, NULL);
	tess_port_rcu_exit();
	for (unsigned i = 0; i < TESS_CPU_MAX; i++)
		good &= tess_load_relaxed(&conf.hits[i]) == (others >> i & 1 ? 101 : 0);
	conf_ok(good, "an IPI may be sent inside a read section");
}

/* ---- TLB ---- */

static void
conf_tlb_once(bool by_page, const char *what)
{
	const struct tess_conform_tlb *t = conf.env->tlb;
	bool good = true;

	for (unsigned i = 0; i < 16; i++) {
		const uint64_t *page = tess_port_direct(conf.env->frame[i & 1]);

		tess_store_release(t->pte, 0);
		if (by_page)
			tess_port_tlb_page(t->asid, t->va);
		else
			tess_port_tlb_asid(t->asid);
		tess_store_release(t->pte, t->word[i & 1]);
		good &= t->load(t->va) == page[0];
	}
	conf_ok(good, what);
}

static void
conf_tlb(void)
{
	const struct tess_conform_tlb *t = conf.env->tlb;

	if (t == NULL) {
		conf_point(true, "a page flush is obeyed", "no page to try it on");
		conf_point(true, "an ASID flush is obeyed", "no page to try it on");
		return;
	}
	*(uint64_t *)tess_port_direct(conf.env->frame[0]) = 111;
	*(uint64_t *)tess_port_direct(conf.env->frame[1]) = 222;
	conf_tlb_once(true, "a page flush is obeyed");
	conf_tlb_once(false, "an ASID flush is obeyed");
	tess_store_release(t->pte, 0);
	tess_port_tlb_page(t->asid, t->va);
}

/* ---- Two CPUs and more ---- */

static void
conf_fences(void)
{
	bool good = true;

	tess_store_relaxed(&conf.turn, 0);
	job_start(JOB_FENCE);
	for (uint32_t i = 1; i <= CONF_ROUNDS; i++) {
		tess_store_release(&conf.turn, i * 2 - 1);
		tess_store_relaxed(&conf.x, i);
		tess_fence_full(); /* pairs with peer_fence() */
		tess_store_relaxed(&conf.rx, tess_load_relaxed(&conf.y));
		good &= conf_until(&conf.turn, i * 2);
		good &= tess_load_relaxed(&conf.rx) == i || tess_load_relaxed(&conf.ry) == i;
	}
	conf_ok(good && job_wait(), "full fences forbid that both sides miss the other's store");
}

static void
conf_shared_words(void)
{
	uint32_t n = conf.env->peers * CONF_ROUNDS;

	job_start(JOB_CPU);
	conf_ok(job_wait() && !(tess_load_relaxed(&conf.seen) & ~conf.env->cpus) &&
		    !(tess_load_relaxed(&conf.seen) >> tess_port_cpu() & 1),
		"each peer has a CPU number of its own");
	job_start(JOB_ADD);
	conf_ok(job_wait() && tess_load_relaxed(&conf.word) == n, "no atomic addition is lost");
	tess_store_relaxed(&conf.word, 0);
	job_start(JOB_LOCK);
	conf_ok(job_wait() && conf.plain == n, "acquire and release make a lock");
	conf_fences();
}

static void
conf_sleep(void)
{
	bool good = true;

	tess_store_relaxed(&conf.word, 0);
	job_start(JOB_SLEEP);
	for (uint32_t i = 1; i <= CONF_SLEEPS && good; i += 2) {
		tess_store_release(&conf.word, i);
		tess_port_wake(&conf.word);
		good = conf_until(&conf.word, i + 1);
	}
	conf_ok(good && job_wait(), "wake reaches a CPU that blocks");
	tess_store_relaxed(&conf.word, 0);
	job_start(JOB_SLEEP);
	for (uint32_t i = 1; i <= CONF_SLEEPS; i += 2) {
		tess_store_release(&conf.word, i);
		tess_port_wake(&conf.word);
		while (tess_load_acquire(&conf.word) != i + 1)
			tess_port_block(&conf.word, i);
	}
	conf_ok(job_wait(), "two CPUs put each other to sleep and wake each other");
}

static void
conf_readers(void)
{
	uint64_t cookie;
	bool early;

	tess_store_relaxed(&conf.word, 0);
	tess_store_relaxed(&conf.turn, 0);
	job_start(JOB_HOLD);
	early = !conf_until(&conf.word, conf.env->peers);
	cookie = tess_port_gp_start();
	for (unsigned turn = 0; turn < 1000; turn++) {
		tess_port_quiescent();
		early |= tess_port_gp_done(cookie);
		tess_port_relax(turn);
	}
	tess_store_release(&conf.turn, 1);
	conf_ok(!early, "a grace period waits for another CPU's open section");
	conf_ok(conf_gp_ends(cookie) && job_wait(), "and ends after it");
	tess_store_relaxed(&conf.turn, 0);
	tess_store_relaxed(&conf.bad, 0);
	tess_store_relaxed(&conf.current, 0);
	tess_store_relaxed(&conf.alive[0], 1);
	job_start(JOB_READ);
	for (uint32_t i = 1; i < 100; i++) {
		tess_store_relaxed(&conf.alive[i % CONF_SLOTS], 1);
		tess_store_release(&conf.current, i); /* pairs with peer_read() */
		tess_port_gp_wait(tess_port_gp_start());
		tess_store_relaxed(&conf.alive[(i - 1) % CONF_SLOTS], 0);
	}
	tess_store_release(&conf.turn, 1);
	conf_ok(job_wait() && tess_load_relaxed(&conf.bad) == 0,
		"what was replaced is dead a grace period later, never before");
}

static void
conf_everyone(void)
{
	uint64_t sum = 0;
	unsigned cpus = 0;

	for (unsigned i = 0; i < TESS_CPU_MAX; i++) {
		tess_store_relaxed(&conf.hits[i], 0);
		cpus += conf.env->cpus >> i & 1;
	}
	job_start(JOB_STORM);
	conf_storm();
	if (!job_wait()) {
		conf_ok(false, "CPUs that interrupt each other at once all come through");
		return;
	}
	for (unsigned i = 0; i < TESS_CPU_MAX; i++)
		sum += tess_load_relaxed(&conf.hits[i]);
	conf_ok(sum == (uint64_t)200 * (conf.env->peers + 1) * (cpus - 1),
		"CPUs that interrupt each other at once all come through");
}

static void
conf_alone(void)
{
	static const char *const what[] = {
	    "each peer has a CPU number of its own",
	    "no atomic addition is lost",
	    "acquire and release make a lock",
	    "full fences forbid that both sides miss the other's store",
	    "wake reaches a CPU that blocks",
	    "two CPUs put each other to sleep and wake each other",
	    "a grace period waits for another CPU's open section",
	    "and ends after it",
	    "what was replaced is dead a grace period later, never before",
	    "CPUs that interrupt each other at once all come through",
	};

	for (unsigned i = 0; i < sizeof(what) / sizeof(what[0]); i++)
		conf_point(true, what[i], "one CPU");
}

unsigned
tess_port_conform(const struct tess_conform_env *env)
{
	unsigned failed;
	char line[32];

	conf.env = env;
	conf.points = conf.failed = 0;
	if (env->peers != 0 && !conf_until(&conf.joined, env->peers)) {
		conf_ok(false, "the peers came");
		env->emit("1..1\n");
		return conf.failed;
	}
	conf_atomics();
	conf_cpu();
	conf_direct();
	conf_time();
	conf_quiet();
	conf_gp();
	conf_block_alone();
	conf_ipi();
	conf_tlb();
	if (env->peers != 0) {
		conf_shared_words();
		conf_sleep();
		conf_readers();
		conf_everyone();
		job_start(JOB_STOP);
		conf_ok(job_wait(), "the peers went");
	} else {
		conf_alone();
	}
	conf_text(conf_number(conf_text(line, "1.."), conf.points), "\n");
	env->emit(line);
	failed = conf.failed;
	conf = (struct conf){.env = NULL}; /* for another run */
	return failed;
}
