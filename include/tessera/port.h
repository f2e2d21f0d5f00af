/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * port.h: THE BORDER.  Everything a host must give, in three mechanisms.
 *
 *   1. Inline headers, each replaceable whole: the compiler must see them.
 *        port/atomic.h   atomic words in named orders           TESS_PORT_ATOMIC_H
 *        port/cpu.h      which CPU, which machine, preemption   TESS_PORT_CPU_H
 *        port/direct.h   physical memory seen as pointers       TESS_PORT_DIRECT_H
 *        port/tlb.h      TLB instructions, table base register  TESS_PORT_TLB_H
 *        port/rcu.h      read sections                          TESS_PORT_RCU_H
 *      Define the macro on the right as a header's name ("<my/cpu.h>") to replace it.
 *   2. Linked functions, below: one per system and cold.
 *   3. A vtable only where many coexist: struct tess_pager_ops (object.h).
 *
 * The core takes its memory from the physical ranges given to tess_machine_create(); it
 * needs no malloc, and of libc only memcpy, memmove, memset and memcmp.
 *
 * COMMON PRECONDITIONS, true of every call unless its own text says otherwise: any CPU;
 * no spin lock of the core held; interrupts as the host left them; may not call back into
 * the core.  "sleeps: yes" means that the host may run something else on this CPU.
 */
#ifndef TESSERA_PORT_H
#define TESSERA_PORT_H

#include <tessera/types.h>
#include <tessera/config.h>
#include <tessera/port/atomic.h>
#include <tessera/port/cpu.h>
#include <tessera/port/direct.h>
#include <tessera/port/tlb.h>
#include <tessera/port/rcu.h>

TESS_BEGIN_DECLS

/* All of libc that the core uses. */
#ifndef __cplusplus
void *memcpy(void *to, const void *from, size_t n);
void *memmove(void *to, const void *from, size_t n);
void *memset(void *to, int byte, size_t n);
int memcmp(const void *a, const void *b, size_t n);
#endif

/*
 * tess_port_panic: the core found itself broken; say so and never return.
 *
 * => context: any, spin locks may be held, interrupts may be off
 * => `msg` is a complete line without a newline
 */
TESS_NORETURN void tess_port_panic(const char *msg);

/*
 * tess_port_log: one line of text for a person.
 *
 * => context: any, spin locks may be held.  failure: a host may drop it
 */
void tess_port_log(const char *line);

/*
 * tess_port_time_ns: a monotonic clock in nanoseconds; used for statistics and time-outs only.
 *
 * => context: any
 */
uint64_t tess_port_time_ns(void);

/*
 * tess_port_relax: one turn of a spin loop; `turn` counts them from 0.
 *
 * => context: spin locks of the core may be held.  A host whose CPUs are threads gives the
 *    processor away after a few turns; a kernel executes its pause instruction.
 */
void tess_port_relax(unsigned turn);

/*
 * tess_port_ipi: run fn(arg) once on every CPU of `cpus` other than this one; return when all have run.
 *
 * => context: interrupts and preemption on, no spin lock held; a read section may be open.
 *    sleeps: no (it spins for acknowledgements)
 * => fn runs in interrupt context, takes no lock and does not call the core
 * => ordering: what this CPU wrote before is visible to fn; what fn wrote is visible after.  It is no
 *    fence for other code of the target
 */
void tess_port_ipi(tess_cpuset cpus, void (*fn)(void *), void *arg);

/*
 * tess_port_block: sleep while *word == value.  Spurious returns are allowed.
 * tess_port_wake: wake every sleeper of `word`.  Context: spin locks may be held.
 *
 * => ordering: the caller of wake changed *word before; block compares after queueing, so that
 *    no wake-up is lost
 * => block: sleeps: yes; never inside a read section
 */
void tess_port_block(uint32_t *word, uint32_t value);
void tess_port_wake(uint32_t *word);

/*
 * Grace periods.  The core keeps its own queues of deferred frees; the host says when every
 * CPU has passed a quiescent point.
 *
 * tess_port_quiescent: this CPU holds no pointer read under RCU.  Called at the end of every
 *	public call, never inside a read section.  Must be cheap.
 * tess_port_gp_start: a cookie for a grace period that begins now.  Context: any.
 * tess_port_gp_done: has the grace period of `cookie` ended?  Never waits.  Context: any.
 * tess_port_gp_wait: sleep until it has.  sleeps: yes; the calling CPU counts as quiescent.
 *
 * => ordering: every access in a read section that began before gp_start happens before
 *    gp_done's first true answer
 */
void tess_port_quiescent(void);
uint64_t tess_port_gp_start(void);
bool tess_port_gp_done(uint64_t cookie);
void tess_port_gp_wait(uint64_t cookie);

/*
 * tess_port_fail: should this allocation or I/O be made to fail?  The single fault-injection switch.
 *
 * => context: any.  A kernel answers false.
 */
enum tess_site {
	TESS_SITE_POOL,
	TESS_SITE_PAGE,
	TESS_SITE_TABLE,
	TESS_SITE_IO
};
bool tess_port_fail(enum tess_site site);

/*
 * Instruments.  The page layer reports each frame's birth and death, so that a host can hold its
 * (real or simulated) TLBs against them.  A kernel leaves them empty.
 *
 * => context: any, spin locks may be held
 */
void tess_port_frame_alloc(tess_pa pa);
void tess_port_frame_free(tess_pa pa);

TESS_END_DECLS

#endif
