/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * harness.h: a kernel just large enough to run the tests on real page tables.
 *
 *	x86_64/  boot, traps, processors, console		what differs between machines
 *	common/  tasks, suites, env, stress, replay		what does not
 *
 * TASKS.  A task is a stack that one CPU at a time runs; it moves by itself (bare_migrate) or ends.  A CPU
 * without a task halts in its loop.  There is no preemption.
 *
 *	bare_migrate(2):   task on CPU 0 ──► loop of CPU 0 posts it ──► loop of CPU 2 runs it
 *
 * Tests run in ring 0 and touch user memory by bare_load and its kin, which fault like user code: the
 * processor checks the same bits but the one that keeps users off kernel pages.
 */
#ifndef HARNESS_H
#define HARNESS_H

#include <tessera/types.h>
#include <tessera/page.h>

#define BARE_RANGES   16
#define BARE_USER_END ((tess_va)1 << 47)

/* ---- Machine ---- */

extern struct tess_phys_range
    bare_ranges[BARE_RANGES]; /* RAM for the core, after bare_memory_take() */
extern unsigned bare_nranges;
extern unsigned bare_ncpu;

struct bare_task;

/* One CPU's words.  P: this CPU only; A: atomic. */
struct bare_cpu {
	struct tess_space *space; /* P: what it runs; the fault handler asks it */
	uint64_t faults;          /* P: user page faults taken */
	struct bare_task *posted; /* A: the next task; NULL: none */
	struct bare_task *task;   /* P: running */
	uint64_t loop_sp;         /* P: of the loop, while a task runs */
} __attribute__((aligned(128)));
extern struct bare_cpu bare_cpus[TESS_CPU_MAX];

enum bare_status {
	BARE_PASSED,
	BARE_FAILED
};
TESS_NORETURN void bare_exit(enum bare_status s);

/* bare_main: what the machine-dependent half calls on the first CPU, when everything is up; never returns. */
TESS_NORETURN void bare_main(void);

/* What the core translates for here, and the same as an environment's name (tests/env/env.h). */
extern const struct tess_pmap_ops *const bare_pmap;
extern const unsigned bare_isa;

/* Memory of the harness itself, for models and the contents of files. */
extern void *bare_private;
extern uint64_t bare_private_bytes;

/* bare_memory_take: `bytes` of the largest range for the harness itself.  Before the core has it.  NULL: too little. */
void *bare_memory_take(uint64_t bytes);

/* ---- User memory ---- */

/*
 * One access by this CPU in the space it runs (bare_run).  TESS_OK, or what tess_fault() answered;
 * TESS_SIGSEGV when it runs none.  va < BARE_USER_END; 64-bit ones do not cross a page.
 */
enum tess_err bare_load8(tess_va va, uint8_t *out);
enum tess_err bare_load64(tess_va va, uint64_t *out);
enum tess_err bare_store8(tess_va va, uint8_t v);
enum tess_err bare_store64(tess_va va, uint64_t v);
enum tess_err bare_fetch(tess_va va);

/* bare_run: this CPU runs `sp` from here on (NULL: none).  bare_space: what it runs. */
void bare_run(struct tess_space *sp);
struct tess_space *bare_space(void);

/* ---- Tasks ---- */

/* The top of the stack of a CPU's loop, and the loop.  It starts with interrupts on. */
void *bare_loop_stack(unsigned cpu);
TESS_NORETURN void bare_cpu_loop(void);

/* bare_task_first: make fn(arg) the first task of this CPU; never returns. */
TESS_NORETURN void bare_task_first(void (*fn)(void *arg, unsigned cpu), void *arg);

/* bare_migrate: this task goes on on CPU `cpu`. */
void bare_migrate(unsigned cpu);

/*
 * bare_on_all: fn(arg, i) at once on each of the first n CPUs (i is its number); returns when all are done.
 * The caller runs on CPU 0.  Not nested.
 */
void bare_on_all(unsigned n, void (*fn)(void *arg, unsigned cpu), void *arg);

/* A meeting point of n tasks on n CPUs; reusable.  Counts as idle while it waits. */
struct bare_barrier {
	uint32_t arrived; /* A */
	uint32_t turn;    /* A: meetings so far */
	uint32_t n;       /* c */
};
void bare_barrier_wait(struct bare_barrier *b);

/* ---- Options: words of the kernel command line ---- */

void bare_options_set(const char *line);
/* bare_option: "name" stands there.  bare_option_number: "name=N", or `otherwise`. */
bool bare_option(const char *name);
uint64_t bare_option_number(const char *name, uint64_t otherwise);
/* bare_option_is: "name=value", or no "name=" at all. */
bool bare_option_is(const char *name, const char *value);

/* ---- TAP ---- */

/* tap_ok: one test point; prints "ok N - what" or "not ok N - what".  Gives `good` back. */
bool tap_ok(bool good, const char *what);
TESS_PRINTF(2, 3) bool tap_okf(bool good, const char *fmt, ...);
/* tap_note: a "# " line.  The format is text.h's. */
TESS_PRINTF(1, 2) void tap_note(const char *fmt, ...);
TESS_PRINTF(1, 2) void tap_print(const char *fmt, ...);
unsigned tap_failed(void);
/* tap_lines: TAP of a suite that numbers its own points, renumbered here.  `text` may be part of a line. */
void tap_lines(const char *text);
/* tap_plan: the plan, at the very end. */
void tap_plan(void);

/* ---- One user page without the core ---- */

struct bare_page {
	tess_va va;
	uint64_t *pte;    /* its last-level entry */
	tess_pa frame[2]; /* frames it may translate to */
	uint64_t word[2]; /* the entries that say so: readable and writable */
	uint64_t before;  /* what this CPU ran before */
};

/* bare_page_open: tables with that page, empty, loaded on this CPU.  bare_page_close: what was loaded before. */
void bare_page_open(struct bare_page *pg);
void bare_page_close(const struct bare_page *pg);

/* ---- Suites ---- */

void suite_machine(void);
/* The part of it that knows the processor: tables made by hand. */
void suite_tables(void);
void suite_conform(void);
void suite_api(void);
void suite_stress(void);
void suite_replay(void);

/* ---- What task.c needs of the machine ---- */

void bare_irq_off(void);
void bare_irq_on(void);
/* Interrupts on and stop until one comes; one that came since bare_irq_off() is not missed. */
void bare_irq_on_halt(void);
/* bare_stack_switch: save what a call preserves and the stack at *save_sp, go on where load_sp was saved. */
void bare_stack_switch(uint64_t *save_sp, uint64_t load_sp);
/* bare_stack_frame: a new stack ending at `top` (16-byte aligned) that, switched to, runs fn(arg). */
uint64_t bare_stack_frame(uint64_t *top, void (*fn)(void *), void *arg);

#endif
