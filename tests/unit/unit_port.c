/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * unit_port.c: every duty of a host, in its plainest form, for unit tests.
 *
 * Grace periods are a quiescent-state scheme of a dozen lines: a global clock, and for each
 * attached thread the clock it saw at its last quiescent point.  A cookie is the clock after
 * one tick; it is done when every attached thread has seen it.  An offline thread has seen
 * everything.  A machine driven by one thread is thereby exact: its own quiescent point is
 * everyone's.
 *
 * IPIs run on the sender under the target's number: the targets' threads, if there are any, are
 * not stopped.  Enough for counting who is told what.
 */
#include <pthread.h>
#include <sched.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <setjmp.h>
#include <cmocka.h>

#include "unit_port.h"

#define UNIT_THREADS    TESS_CPU_MAX
#define UNIT_LOG_BYTES  16384
#define UNIT_SPIN_TURNS 16

_Thread_local unsigned unit_cpu_number;
_Thread_local unsigned unit_preempt_depth;
_Thread_local unsigned unit_rcu_depth;
struct tess_machine *unit_the_machine;
char *unit_direct_base;
uint32_t tess_port_fence_word;
void (*unit_tlb_hook)(unsigned, enum unit_tlb_order, uint32_t, uint64_t);

struct unit_ram {
	char *mem;
	uint64_t bytes;
	uint8_t *out; /* one byte a frame: allocated */
	int64_t nout;
};

/* 0: the slot is free; UINT64_MAX: offline; otherwise the clock seen, plus 1. */
struct unit_seen {
	uint64_t seen;
} __attribute__((aligned(128)));

static struct unit_ram ram;
static struct unit_seen seen[UNIT_THREADS];
static uint64_t gp_clock;
static _Thread_local int unit_slot = -1;
static pthread_mutex_t sleep_lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t sleep_cond = PTHREAD_COND_INITIALIZER;
static pthread_mutex_t log_lock = PTHREAD_MUTEX_INITIALIZER;
static char log_text[UNIT_LOG_BYTES];
static struct unit_tlb tlb_counts;
static unsigned fail_sites;
static uint64_t fail_at, fail_seen;
static bool fail_always;
static _Thread_local jmp_buf panic_jump;
static _Thread_local bool panic_armed, panic_hit;
static _Thread_local unsigned panic_preempt, panic_rcu;
static _Thread_local char panic_text[512];

static void __attribute__((noreturn)) unit_die(const char *what)
{
	fprintf(stderr, "unit port: %s\n", what);
	abort();
}

/* ---- life ---- */

void
unit_port_start(uint64_t bytes)
{
	ram.mem = aligned_alloc(TESS_PAGE_SIZE, bytes);
	ram.out = calloc(bytes / TESS_PAGE_SIZE, 1);
	if (ram.mem == NULL || ram.out == NULL)
		unit_die("no memory");
	memset(ram.mem, 0xa5, bytes);
	ram.bytes = bytes;
	ram.nout = 0;
	unit_direct_base = ram.mem - UNIT_RAM_BASE;
	unit_the_machine = NULL;
	unit_preempt_depth = unit_rcu_depth = 0;
	unit_tlb_hook = NULL;
	log_text[0] = '\0';
	unit_tlb_reset();
	unit_fail_nth(0, 0);
	unit_thread_attach(0);
}

void
unit_port_stop(void)
{
	int64_t out = unit_frames_out();

	unit_thread_detach();
	free(ram.mem);
	free(ram.out);
	ram.mem = NULL;
	ram.out = NULL;
	assert_int_equal(out, 0);
	assert_int_equal(unit_preempt_depth, 0);
	assert_int_equal(unit_rcu_depth, 0);
}

void
unit_cpu_set(unsigned cpu)
{
	unit_cpu_number = cpu;
}

void
unit_preempt_underflow(void)
{
	unit_die("preemption enabled more often than disabled");
}

/* ---- grace periods ---- */

void
unit_thread_attach(unsigned cpu)
{
	unit_cpu_set(cpu);
	for (int i = 0; i < UNIT_THREADS; i++) {
		uint64_t none = 0;
		uint64_t now = __atomic_load_n(&gp_clock, __ATOMIC_SEQ_CST) + 1;

		if (__atomic_compare_exchange_n(&seen[i].seen, &none, now, false, __ATOMIC_SEQ_CST,
						__ATOMIC_SEQ_CST)) {
			unit_slot = i;
			return;
		}
	}
	unit_die("too many threads");
}

static void
seen_store(uint64_t v)
{
	if (unit_slot < 0)
		unit_die("thread is not attached");
	if (unit_rcu_depth != 0)
		unit_die("quiescent inside a read section");
	__atomic_store_n(&seen[unit_slot].seen, v, __ATOMIC_SEQ_CST);
}

void
unit_thread_detach(void)
{
	seen_store(0);
	unit_slot = -1;
}

void
unit_thread_offline(void)
{
	seen_store(UINT64_MAX);
}

void
unit_thread_online(void)
{
	tess_port_quiescent();
}

void
tess_port_quiescent(void)
{
	if (unit_preempt_depth != 0)
		unit_die("quiescent with preemption off");
	seen_store(__atomic_load_n(&gp_clock, __ATOMIC_SEQ_CST) + 1);
}

uint64_t
tess_port_gp_start(void)
{
	return __atomic_add_fetch(&gp_clock, 1, __ATOMIC_SEQ_CST);
}

bool
tess_port_gp_done(uint64_t cookie)
{
	for (int i = 0; i < UNIT_THREADS; i++) {
		uint64_t s = __atomic_load_n(&seen[i].seen, __ATOMIC_SEQ_CST);

		if (s != 0 && s - 1 < cookie)
			return false;
	}
	return true;
}

void
tess_port_gp_wait(uint64_t cookie)
{
	tess_port_quiescent();
	while (!tess_port_gp_done(cookie))
		sched_yield();
}

/* ---- waiting ---- */

uint64_t
tess_port_time_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000000000u + (uint64_t)ts.tv_nsec;
}

void
tess_port_relax(unsigned turn)
{
	if (turn >= UNIT_SPIN_TURNS)
		sched_yield();
}

/* A sleeper is offline, so that grace periods pass it by. */
void
tess_port_block(uint32_t *word, uint32_t value)
{
	if (unit_preempt_depth != 0 || unit_rcu_depth != 0)
		unit_die("sleep with preemption off or inside a read section");
	unit_thread_offline();
	pthread_mutex_lock(&sleep_lock);
	while (__atomic_load_n(word, __ATOMIC_ACQUIRE) == value)
		pthread_cond_wait(&sleep_cond, &sleep_lock);
	pthread_mutex_unlock(&sleep_lock);
	unit_thread_online();
}

void
tess_port_wake(uint32_t *word)
{
	(void)word; /* one condition for all words: sleepers look again */
	pthread_mutex_lock(&sleep_lock);
	pthread_cond_broadcast(&sleep_cond);
	pthread_mutex_unlock(&sleep_lock);
}

void
tess_port_ipi(tess_cpuset cpus, void (*fn)(void *), void *arg)
{
	unsigned self = unit_cpu_number;

	if (unit_preempt_depth != 0)
		unit_die("IPI with preemption off");
	for (unsigned i = 0; i < TESS_CPU_MAX; i++) {
		if (i == self || ((cpus >> i) & 1) == 0)
			continue;
		unit_cpu_number = i;
		fn(arg);
		__atomic_fetch_add(&tlb_counts.ipis, 1, __ATOMIC_RELAXED);
	}
	unit_cpu_number = self;
}

/* ---- panics and the log ---- */

jmp_buf *
unit_panic_arm(void)
{
	panic_armed = true;
	panic_hit = false;
	panic_preempt = unit_preempt_depth;
	panic_rcu = unit_rcu_depth;
	panic_text[0] = '\0';
	return &panic_jump;
}

void
unit_panic_check(const char *word, const char *file, int line)
{
	panic_armed = false;
	if (!panic_hit || strstr(panic_text, word) == NULL) {
		print_error("%s:%d: expected a panic with \"%s\", got \"%s\"\n", file, line, word,
			    panic_hit ? panic_text : "none");
		fail();
	}
}

void
tess_port_panic(const char *msg)
{
	if (!panic_armed) {
		fprintf(stderr, "panic: %s\n", msg);
		abort();
	}
	snprintf(panic_text, sizeof(panic_text), "%s", msg);
	panic_hit = true;
	unit_preempt_depth = panic_preempt;
	unit_rcu_depth = panic_rcu;
	longjmp(panic_jump, 1);
}

void
tess_port_log(const char *line)
{
	size_t used, n = strlen(line);

	pthread_mutex_lock(&log_lock);
	used = strlen(log_text);
	if (used + n + 2 <= sizeof(log_text)) {
		memcpy(log_text + used, line, n);
		memcpy(log_text + used + n, "\n", 2);
	}
	pthread_mutex_unlock(&log_lock);
}

const char *
unit_log_text(void)
{
	return log_text;
}

/* ---- failures and frames ---- */

void
unit_fail_nth(unsigned sites, uint64_t n)
{
	fail_sites = sites;
	fail_at = n;
	fail_always = false;
	__atomic_store_n(&fail_seen, 0, __ATOMIC_RELAXED);
}

void
unit_fail_from(unsigned sites, uint64_t n)
{
	unit_fail_nth(sites, n);
	fail_always = true;
}

uint64_t
unit_fail_passes(void)
{
	return __atomic_load_n(&fail_seen, __ATOMIC_RELAXED);
}

bool
tess_port_fail(enum tess_site site)
{
	uint64_t n;

	if ((fail_sites & UNIT_SITE(site)) == 0)
		return false;
	n = __atomic_add_fetch(&fail_seen, 1, __ATOMIC_RELAXED);
	return fail_at != 0 && (n == fail_at || (fail_always && n > fail_at));
}

static void
frame_mark(tess_pa pa, uint8_t from)
{
	uint64_t at = (pa - UNIT_RAM_BASE) / TESS_PAGE_SIZE;

	if (pa < UNIT_RAM_BASE || pa - UNIT_RAM_BASE >= ram.bytes || !tess_page_aligned(pa))
		unit_die("a frame outside RAM");
	if (!__atomic_compare_exchange_n(&ram.out[at], &(uint8_t){from}, !from, false,
					 __ATOMIC_RELAXED, __ATOMIC_RELAXED))
		unit_die(from ? "a frame freed twice" : "a frame allocated twice");
	__atomic_fetch_add(&ram.nout, from ? -1 : 1, __ATOMIC_RELAXED);
}

void
tess_port_frame_alloc(tess_pa pa)
{
	frame_mark(pa, 0);
}

void
tess_port_frame_free(tess_pa pa)
{
	frame_mark(pa, 1);
}

int64_t
unit_frames_out(void)
{
	return __atomic_load_n(&ram.nout, __ATOMIC_RELAXED);
}

/* ---- TLB ---- */

static void
tlb_order(enum unit_tlb_order o, uint32_t asid, uint64_t where)
{
	__atomic_fetch_add(&tlb_counts.count[o], 1, __ATOMIC_RELAXED);
	if (unit_tlb_hook != NULL)
		unit_tlb_hook(unit_cpu_number, o, asid, where);
}

void
tess_port_tlb_page(uint32_t asid, tess_va va)
{
	tlb_order(UNIT_TLB_PAGE, asid, va);
}

void
tess_port_tlb_asid(uint32_t asid)
{
	tlb_order(UNIT_TLB_ASID, asid, 0);
}

void
tess_port_tlb_bcast_page(uint32_t asid, tess_va va)
{
	tlb_order(UNIT_TLB_BCAST_PAGE, asid, va);
}

void
tess_port_tlb_bcast_asid(uint32_t asid)
{
	tlb_order(UNIT_TLB_BCAST_ASID, asid, 0);
}

void
tess_port_table_load(tess_pa root, uint32_t asid)
{
	tlb_order(UNIT_TLB_LOAD, asid, root);
}

struct unit_tlb
unit_tlb_get(void)
{
	return tlb_counts;
}

void
unit_tlb_reset(void)
{
	memset(&tlb_counts, 0, sizeof(tlb_counts));
}
