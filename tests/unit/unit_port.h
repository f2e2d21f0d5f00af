/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * unit_port.h: the smallest host that a room can be tested on.
 *
 * One piece of RAM seen at physical UNIT_RAM_BASE, CPUs that are numbers a thread gives itself,
 * grace periods over the threads that attached, injected failures, caught panics.
 *
 *	unit_port_start(bytes)	  RAM filled with 0xa5, counters zero, this thread is CPU 0
 *	... test ...
 *	unit_port_stop()	  fails if a frame is out, preemption is off or a section is open
 */
#ifndef TESS_UNIT_PORT_H
#define TESS_UNIT_PORT_H

#include <setjmp.h>
#include <tessera/port.h>

#define UNIT_RAM_BASE ((tess_pa)0x100000)

void unit_port_start(uint64_t bytes);
void unit_port_stop(void);

/* This thread is CPU `cpu` from here on.  A single thread may play every CPU in turn. */
void unit_cpu_set(unsigned cpu);

/*
 * Threads: attach makes a second thread a CPU whose quiescence grace periods wait for (the
 * thread that called unit_port_start is attached).  offline: around a join.
 */
void unit_thread_attach(unsigned cpu);
void unit_thread_detach(void);
void unit_thread_offline(void);
void unit_thread_online(void);

/*
 * unit_fail_nth: make the n-th (1 first) pass of tess_port_fail() for a site of `sites` fail, once.
 * unit_fail_from: that one and every later one.  n 0: none.
 * unit_fail_passes: passes of those sites since.
 */
#define UNIT_SITE(s)  (1u << (s))
#define UNIT_SITE_ALL 0xffu
void unit_fail_nth(unsigned sites, uint64_t n);
void unit_fail_from(unsigned sites, uint64_t n);
uint64_t unit_fail_passes(void);

/* Frames between tess_port_frame_alloc() and tess_port_frame_free(). */
int64_t unit_frames_out(void);

/* What tess_port_log() was given, joined by newlines; the oldest text is kept. */
const char *unit_log_text(void);

/* TLB orders, counted; `hook`, when set, is told of each. */
enum unit_tlb_order {
	UNIT_TLB_PAGE,
	UNIT_TLB_ASID,
	UNIT_TLB_BCAST_PAGE,
	UNIT_TLB_BCAST_ASID,
	UNIT_TLB_LOAD
};
struct unit_tlb {
	uint64_t count[5]; /* by order */
	uint64_t ipis;     /* CPUs interrupted */
};
struct unit_tlb unit_tlb_get(void);
void unit_tlb_reset(void);
/* `where` is a va, or the root table's pa for UNIT_TLB_LOAD, or 0. */
extern void (*unit_tlb_hook)(unsigned cpu, enum unit_tlb_order o, uint32_t asid, uint64_t where);

/*
 * UNIT_EXPECT_PANIC: `stmt` must panic with `word` in the message.  Locks that it held stay held.
 */
jmp_buf *unit_panic_arm(void);
void unit_panic_check(const char *word, const char *file, int line);
#define UNIT_EXPECT_PANIC(stmt, word)                         \
	do {                                                  \
		if (setjmp(*unit_panic_arm()) == 0) {         \
			stmt;                                 \
		}                                             \
		unit_panic_check((word), __FILE__, __LINE__); \
	} while (0)

#endif
