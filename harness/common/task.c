/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * task.c: stacks that wander over CPUs, a loop on each CPU that runs them, barriers.
 *
 *	post(cpu, task): posted := task, interrupt   ──►   loop: task := posted; switch to its stack
 *	                                             ◄──   migrate or end: switch back to the loop, which
 *	                                                   only now, off the task's stack, hands it on
 *
 * A stack's lowest word is a canary, looked at whenever its task leaves a CPU.
 */
#include <tessera/port.h>
#include <tessera/space.h>
#include "bare.h"
#include "harness.h"

#define TASK_STACK   65536
#define LOOP_STACK   16384
#define TASK_CANARY  0x5afe57ac5afe57ac
#define TASK_NOWHERE TESS_CPU_MAX /* the task is over */

struct bare_task {
	uint64_t sp;     /* while it runs nowhere */
	unsigned target; /* where it goes when it leaves its CPU, or TASK_NOWHERE */
	unsigned waiter; /* the CPU to interrupt when it ends */
	uint32_t done;   /* A */
	void (*fn)(void *arg, unsigned cpu);
	void *arg;
	unsigned cpu;
	uint64_t *stack;
};

struct bare_cpu bare_cpus[TESS_CPU_MAX];
unsigned bare_ncpu = 1;

static uint64_t task_stacks[TESS_CPU_MAX][TASK_STACK / 8] __attribute__((aligned(16)));
static uint64_t loop_stacks[TESS_CPU_MAX][LOOP_STACK / 8] __attribute__((aligned(16)));
static struct bare_task tasks[TESS_CPU_MAX];

void *
bare_loop_stack(unsigned cpu)
{
	return &loop_stacks[cpu][LOOP_STACK / 8];
}

static struct bare_cpu *
task_cpu(void)
{
	return &bare_cpus[tess_port_cpu()];
}

struct tess_space *
bare_space(void)
{
	return task_cpu()->space;
}

void
bare_run(struct tess_space *sp)
{
	struct bare_cpu *c = task_cpu();

	if (c->space == sp)
		return;
	tess_space_activate(sp);
	c->space = sp;
}

static void
task_post(unsigned cpu, struct bare_task *t)
{
	struct bare_task *none = NULL;

	while (
	    !tess_cas_acqrel(&bare_cpus[cpu].posted, &none, t)) { /* pairs with bare_cpu_loop() */
		none = NULL;
		tess_bare_pause();
	}
	tess_bare_ipi_raise(cpu);
}

/* On the loop's stack: the task that just left is nobody's now. */
static void
task_hand_on(struct bare_task *t)
{
	if (t->stack[0] != TASK_CANARY)
		tess_port_panic("a task used more than its stack");
	if (t->target != TASK_NOWHERE) {
		task_post(t->target, t);
		return;
	}
	tess_store_release(&t->done, 1); /* pairs with bare_on_all() */
	tess_bare_ipi_raise(t->waiter);
}

/* Stop until an interrupt comes, unless a task is there already: posting is what interrupts. */
static void
loop_idle(struct bare_cpu *c)
{
	tess_bare_idle_enter();
	bare_irq_off();
	if (tess_load_acquire(&c->posted) == NULL) /* pairs with task_post() */
		bare_irq_on_halt();
	else
		bare_irq_on();
	tess_bare_idle_exit();
}

void
bare_cpu_loop(void)
{
	struct bare_cpu *c = task_cpu();

	for (;;) {
		struct bare_task *t =
		    tess_xchg_acqrel(&c->posted, NULL); /* pairs with task_post() */

		if (t == NULL) {
			loop_idle(c);
			continue;
		}
		c->task = t;
		bare_stack_switch(&c->loop_sp, t->sp);
		c->task = NULL;
		task_hand_on(t);
	}
}

/* Off the task's stack.  It comes back here on its next CPU, when it has one. */
static void
task_leave(unsigned target)
{
	struct bare_cpu *c = task_cpu();
	struct bare_task *t = c->task;

	tess_port_quiescent();
	t->target = target;
	bare_stack_switch(&t->sp, c->loop_sp);
}

static void
task_run(void *arg)
{
	struct bare_task *t = arg;

	t->fn(t->arg, t->cpu);
	task_leave(TASK_NOWHERE);
}

/* A stack that looks as if bare_stack_switch() had saved it in bare_stack_first(task_run, t). */
static struct bare_task *
task_make(unsigned i, void (*fn)(void *, unsigned), void *arg)
{
	struct bare_task *t = &tasks[i];
	uint64_t *sp = &task_stacks[i][TASK_STACK / 8];

	*t = (struct bare_task){.fn = fn, .arg = arg, .cpu = i, .stack = task_stacks[i]};
	t->stack[0] = TASK_CANARY;
	t->sp = bare_stack_frame(sp, task_run, t);
	return t;
}

void
bare_task_first(void (*fn)(void *arg, unsigned cpu), void *arg)
{
	task_cpu()->posted = task_make(0, fn, arg);
	bare_cpu_loop();
}

void
bare_migrate(unsigned cpu)
{
	if (cpu != tess_port_cpu())
		task_leave(cpu);
}

/* Its end interrupts this CPU, so looking with interrupts off loses nothing. */
static void
task_wait(struct bare_task *t)
{
	bare_irq_off();
	while (tess_load_acquire(&t->done) == 0) { /* pairs with task_hand_on() */
		bare_irq_on_halt();
		bare_irq_off();
	}
	bare_irq_on();
}

void
bare_on_all(unsigned n, void (*fn)(void *arg, unsigned cpu), void *arg)
{
	for (unsigned i = 1; i < n; i++)
		task_post(i, task_make(i, fn, arg));
	fn(arg, 0);
	tess_bare_idle_enter();
	for (unsigned i = 1; i < n; i++)
		task_wait(&tasks[i]);
	tess_bare_idle_exit();
}

void
bare_barrier_wait(struct bare_barrier *b)
{
	uint32_t turn =
	    tess_load_acquire(&b->turn); /* pairs with the last to arrive, a meeting ago */

	if (tess_add_acqrel(&b->arrived, 1) + 1 == b->n) {
		tess_store_relaxed(&b->arrived, 0);
		tess_store_release(&b->turn, turn + 1); /* pairs with the loop below */
		return;
	}
	tess_bare_idle_enter();
	while (tess_load_acquire(&b->turn) == turn) /* pairs with the store above */
		tess_bare_pause();
	tess_bare_idle_exit();
}
