/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * env.h: how a test touches memory, files and CPUs, whatever it runs on.
 *
 * The api tests, the program executor and the fuzzers know nothing but include/tessera, the model and this
 * header.  Two implementations exist; exactly one is linked:
 *
 *	env_hosted.c			port/hosted: simulated CPUs, TLBs and RAM, one thread plays all
 *	harness/common/env_bare.c	bare metal: real page tables, real faults
 *
 *	test ──► env_load(sp, va) ──► CPU runs `sp`, touches va ──► page fault ──► tess_fault(sp, ...)
 *
 * There is one environment at a time, so no handle is passed around: a test opens it, makes spaces and
 * objects with the public calls, destroys them, closes it.  Everything here is freestanding C.
 *
 * Rejected: a vtable (two implementations never live in one image), and letting tests call tess_fault()
 * directly (it would leave the page tables and TLBs untested).
 */
#ifndef ENV_H
#define ENV_H

#include <tessera/types.h>
#include <tessera/space.h>

enum env_isa {
	ENV_X86_64,
	ENV_AARCH64,
	ENV_AARCH64_HW,
	ENV_ISA_COUNT
};

struct env_config {
	enum env_isa isa;
	unsigned ncpu; /* 1..64 */
	uint64_t ram;  /* bytes of simulated RAM, 0: 32 MiB */
	uint64_t seed; /* random TLB evictions */
	bool
	    unpooled; /* hosted: take env_mem() from malloc: for large programs and memory checkers */
};

/*
 * env_open: a machine with no space and no object, this thread on CPU 0.
 * env_close: assert that nothing is left of what the test made, and forget the machine and all env files.
 *
 * => open: OK; EOPNOTSUPP when this environment has no such machine (bare: another isa, more CPUs than the
 *    image has; `ram` and `seed` are ignored there); ENOMEM
 * => close: every space and object is gone already; every CPU runs no space (env_leave); panics otherwise.
 *    Bare: the machine itself stays, tess_quiesce() and a comparison of tess_page_counts_get() with the
 *    figures at env_open() take the place of destroying it (caches of pools may keep their slabs)
 */
enum tess_err env_open(const struct env_config *cfg);
void env_close(void);

/* env_cpus: logical CPUs of the open machine.  env_cpu_set: the following calls and accesses run on CPU `cpu`. */
unsigned env_cpus(void);
void env_cpu_set(unsigned cpu);

/*
 * env_load, env_store, env_fetch: one access of one byte at `va` by a user of `sp` on the current CPU: the CPU
 * activates `sp` when it runs another space, and page faults go to tess_fault(sp, va, access) until the access
 * succeeds or the core says that it may not.
 *
 * => OK; TESS_SIGSEGV, TESS_SIGBUS or TESS_ENOMEM as tess_fault() answered.  *byte is written on OK only
 * => a `va` that no user access can reach (not canonical, kernel half) is TESS_SIGSEGV
 * => fetch: only whether an instruction could be fetched; nothing is executed
 */
enum tess_err env_load(struct tess_space *sp, tess_va va, uint8_t *byte);
enum tess_err env_store(struct tess_space *sp, tess_va va, uint8_t byte);
enum tess_err env_fetch(struct tess_space *sp, tess_va va);

/*
 * env_leave: no CPU runs `sp` afterwards (tess_space_activate(NULL) on each that does).
 *
 * => to be called before tess_space_destroy(); the current CPU is the same afterwards
 */
void env_leave(struct tess_space *sp);

/*
 * env_file: a new regular file in memory (memfile.h), open for reading and writing, whose byte at offset i is
 * fill_byte(seed, i) for i < size; seed 0 means zeros.  One reference to its object belongs to the caller,
 * who ends with tess_object_unref(h.object).  kind is TESS_HANDLE_NONE when memory ran out.
 * env_segment: the same for a System V segment (tess_object_create_zero, kind TESS_HANDLE_SHM).
 * env_file_backing: what has been written back so far; valid until env_close().  NULL for a segment.
 *
 * => an env file is known by its handle's object pointer; ask for the backing while the object lives
 */
struct tess_handle env_file(uint64_t size, uint64_t seed);
struct tess_handle env_segment(uint64_t size);
struct memfile;
const struct memfile *env_file_backing(const struct tess_handle *h);

/*
 * Fault injection: env_fail_nth makes the n-th (1 first) allocation, table allocation or I/O from now on fail,
 * once; 0 switches it off.  env_fail_hit: has it happened since?  env_can_fail: false where there is no such
 * switch (bare metal without a hook): tests that need one are skipped.
 */
bool env_can_fail(void);
void env_fail_nth(uint64_t n);
bool env_fail_hit(void);

/*
 * env_check: every walker: tess_space_check() of each of the n spaces, tess_machine_check(), and on the hosted
 * machine tess_host_check() (no TLB grants what the tables do not).  Panics at the first broken invariant.
 *
 * => between calls only.  `sp` may be NULL when n is 0
 */
void env_check(struct tess_space *const *sp, unsigned n);

/* env_log: one line for a person: stderr hosted, the serial console bare.  `line` has no newline. */
void env_log(const char *line);
/* env_out: bytes of the test's own output (TAP): stdout hosted, the serial console bare. */
void env_out(const char *text);

/* env_mem: where tests and the model take their own memory from (tests/model/mem.h); lives until env_close(). */
struct model_mem;
struct model_mem *env_mem(void);

#endif
