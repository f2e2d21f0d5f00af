/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * record_loop.c: waits for tracees to stop, and keeps the account of tasks and spaces.
 *
 *	stop				what is done
 *	a call begins			faults so far are told; the call gets its place; it may have to wait for
 *					another task's call on the same space
 *	a call ends			its line is written; a waiting task goes on
 *	clone, fork, vfork		the child shares the space, or gets a new one that is a copy
 *	exec				a new space; faults booked since execve began belong to nobody: the kernel took
 *					them for the new program, in the old one's name
 *	exit				the last task of a space: a snapshot, then its end
 *	a signal			passed on
 *
 * A child may stop for the first time before its parent's event is seen; it waits then.
 */
#if defined(__linux__) && defined(__x86_64__) /* else cmd_record() only says so */

#include <errno.h>
#include <linux/audit.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/user.h>
#include <sys/wait.h>

#include "record.h"

struct record_task *
record_task_find(struct record *rec, pid_t tid)
{
	for (struct record_task *t = rec->task; t != NULL; t = t->next)
		if (t->tid == tid)
			return t;
	return NULL;
}

static struct record_task *
task_new(struct record *rec, pid_t tid)
{
	struct record_task *t = calloc(1, sizeof(*t));

	if (t == NULL)
		record_die("out of memory");
	t->tid = tid;
	t->nr = UINT64_MAX;
	t->next = rec->task;
	rec->task = t;
	return t;
}

static struct record_space *
space_new(struct record *rec)
{
	struct record_space *s = calloc(1, sizeof(*s));

	if (s == NULL)
		record_die("out of memory");
	s->number = rec->nspace++;
	s->users = 1;
	s->stack_low = UINT64_MAX;
	s->next = rec->space;
	rec->space = s;
	return s;
}

/* ---- Letting go ---- */

/* The tracee may be gone already (killed): then wait() will say so. */
static void
task_resume(const struct record_task *t, int signal)
{
	if (ptrace(PTRACE_SYSCALL, t->tid, 0, (void *)(intptr_t)signal) != 0 && errno != ESRCH)
		record_die("ptrace: %s", strerror(errno));
}

static void
call_start(struct record *rec, struct record_task *t)
{
	enum record_call_class class = record_call_class(t->nr);

	record_perf_drain(rec);
	if (rec->no_faults && class != RECORD_CALL_LOOK)
		record_scan_begin(rec, t);
	if (class == RECORD_CALL_CHANGE || class == RECORD_CALL_LOOK)
		record_call_begin(rec, t);
	if (class == RECORD_CALL_CHANGE || class == RECORD_CALL_CLONE)
		t->space->busy = t->tid;
	task_resume(t, 0);
}

/* The call that kept the space busy is over: the next one that waits may begin. */
static void
space_unbusy(struct record *rec, struct record_task *t)
{
	struct record_space *s = t->space;

	if (s->busy != t->tid)
		return;
	s->busy = 0;
	for (struct record_task *w = rec->task; w != NULL; w = w->next)
		if (w->held && w->space == s) {
			w->held = false;
			call_start(rec, w);
			return;
		}
}

/* ---- Calls ---- */

static void
exec_failed(struct record *rec, struct record_task *t)
{
	record_perf_drain(rec);
	for (size_t i = 0; i < rec->nline; i++)
		if (rec->line[i].exec_of == t->tid)
			rec->line[i].exec_of = 0;
}

static void
call_enter(struct record *rec, struct record_task *t, const struct __ptrace_syscall_info *info)
{
	enum record_call_class class;

	if (info->arch != AUDIT_ARCH_X86_64)
		record_die("task %d runs a 32-bit program; only x86_64 ones can be recorded",
			   (int)t->tid);
	t->nr = info->entry.nr;
	for (int i = 0; i < 6; i++)
		t->arg[i] = info->entry.args[i];
	class = record_call_class(t->nr);
	if (class == RECORD_CALL_OTHER) {
		task_resume(t, 0);
		return;
	}
	if (class == RECORD_CALL_EXEC) {
		record_perf_drain(rec);
		if (rec->no_faults && t->space->users > 1)
			record_scan_begin(rec, t);
		t->in_exec = true;
		task_resume(t, 0);
		return;
	}
	if (class == RECORD_CALL_CLONE)
		t->shares = record_clone_shares(t);
	if (class == RECORD_CALL_CLONE && t->shares) {
		task_resume(t, 0);
		return;
	}
	if (t->space->busy != 0) {
		t->held = true;
		return;
	}
	call_start(rec, t);
}

static void
call_leave(struct record *rec, struct record_task *t, const struct __ptrace_syscall_info *info)
{
	bool changed = t->recorded && record_call_class(t->nr) == RECORD_CALL_CHANGE;

	if (t->in_exec) {
		exec_failed(rec, t);
		t->in_exec = false;
	}
	if (t->recorded)
		record_call_end(rec, t, info->exit.rval);
	if (changed && rec->no_faults)
		record_scan_end(rec, t);
	t->nr = UINT64_MAX;
	if (changed && rec->every != 0 && ++t->space->calls >= rec->every && t->space->users == 1) {
		record_perf_drain(rec);
		if (rec->no_faults)
			record_scan_begin(rec, t);
		record_snapshot(rec, t, "interval");
	}
	space_unbusy(rec, t);
	task_resume(t, 0);
}

static void
stop_syscall(struct record *rec, struct record_task *t)
{
	struct __ptrace_syscall_info info;

	memset(&info, 0, sizeof(info));
	if (ptrace(PTRACE_GET_SYSCALL_INFO, t->tid, sizeof(info), &info) < 0) {
		if (errno == ESRCH)
			return; /* killed; wait() will say so */
		record_die("PTRACE_GET_SYSCALL_INFO (Linux 5.3): %s", strerror(errno));
	}
	if (info.op == PTRACE_SYSCALL_INFO_ENTRY)
		call_enter(rec, t, &info);
	else if (info.op == PTRACE_SYSCALL_INFO_EXIT)
		call_leave(rec, t, &info);
	else
		task_resume(t, 0);
}

/* ---- Birth and death ---- */

static void
stop_clone(struct record *rec, struct record_task *t)
{
	unsigned long child = 0;

	if (ptrace(PTRACE_GETEVENTMSG, t->tid, 0, &child) != 0)
		return;
	struct record_task *c = record_task_find(rec, (pid_t)child);
	if (c == NULL)
		c = task_new(rec, (pid_t)child);
	record_perf_drain(rec);
	if (t->shares) {
		c->space = t->space;
		c->space->users++;
	} else {
		c->space = space_new(rec);
		c->space->stack_low = t->space->stack_low;
		record_runs_copy(&c->space->known, &t->space->known);
		if (rec->no_faults)
			record_scan_end(rec, c); /* what DONTFORK and WIPEONFORK kept from it */
		record_add(rec, "%u %d fork %u", t->space->number, (int)t->tid, c->space->number);
		space_unbusy(rec, t);
	}
	if (c->stopped_early)
		task_resume(c, 0);
	task_resume(t, 0);
}

static void
space_leave(struct record *rec, struct record_task *t)
{
	struct record_space *s = t->space;

	space_unbusy(rec, t);
	if (--s->users > 0)
		return;
	record_add(rec, "%u %d exit", s->number, (int)t->tid);
	record_runs_free(&s->known);
	/* The space itself stays: tasks that are still being reaped point to it. */
}

/* A thread that is not the leader may exec: it takes the leader's number, the leader vanishes. */
static void
exec_rename(struct record *rec, struct record_task **t)
{
	unsigned long old = 0;

	if (ptrace(PTRACE_GETEVENTMSG, (*t)->tid, 0, &old) != 0 || (pid_t)old == (*t)->tid)
		return;
	struct record_task *thread = record_task_find(rec, (pid_t)old);
	if (thread == NULL)
		return;
	struct record_task *leader = *t;
	if (!leader->exiting && leader->space != NULL)
		leader->space->users--;
	leader->exiting = true;
	pid_t tid = leader->tid;
	leader->tid = -1;
	if (thread->space->busy == thread->tid)
		thread->space->busy = tid;
	thread->tid = tid;
	for (size_t i = 0; i < rec->nline; i++)
		if (rec->line[i].exec_of == (pid_t)old)
			rec->line[i].exec_of = tid;
	*t = thread;
}

static void
stop_exec(struct record *rec, struct record_task *t)
{
	record_perf_drain(rec);
	exec_rename(rec, &t);
	for (size_t i = 0; i < rec->nline; i++)
		if (rec->line[i].exec_of != 0 && rec->line[i].exec_of == t->tid) {
			free(rec->line[i].text);
			rec->line[i] = (struct record_line){NULL, 0};
		}
	t->in_exec = false;
	if (t->space != NULL)
		space_leave(rec, t);
	t->space = space_new(rec);
	record_exec(rec, t);
	if (rec->no_faults)
		record_scan_exec(t);
	task_resume(t, 0);
}

/*
 * A task that was killed inside a call does not come back to its end.  What the call did is done: the
 * register for the result says so, unless it still holds what every call begins with.
 */
static void
call_cut_short(struct record *rec, struct record_task *t)
{
	struct user_regs_struct regs;

	if (!t->recorded || ptrace(PTRACE_GETREGS, t->tid, 0, &regs) != 0)
		return;
	if ((int64_t)regs.rax != -ENOSYS && (int64_t)regs.rax != -EINTR)
		record_call_end(rec, t, (int64_t)regs.rax);
	if (rec->no_faults)
		record_scan_end(rec, t);
}

static void
stop_exit(struct record *rec, struct record_task *t)
{
	if (t->space != NULL && !t->exiting) {
		record_perf_drain(rec);
		call_cut_short(rec, t);
		if (t->space->users == 1) {
			if (rec->no_faults)
				record_scan_begin(rec, t);
			record_snapshot(rec, t, "exit");
		}
		t->exiting = true;
		space_leave(rec, t);
	}
	task_resume(t, 0);
}

static void
task_gone(struct record *rec, struct record_task *t, int status)
{
	if (t->tid == rec->command)
		rec->command_status = status;
	if (t->space != NULL && !t->exiting)
		space_leave(rec, t); /* killed without a word */
	for (struct record_task **p = &rec->task; *p != NULL; p = &(*p)->next)
		if (*p == t) {
			*p = t->next;
			free(t);
			return;
		}
}

/* ---- Stops ---- */

static void
stop_plain(struct record *rec, struct record_task *t, int signal)
{
	if (t->space == NULL && t->tid != rec->command) {
		t->stopped_early = true; /* until its parent's event */
		return;
	}
	if (signal == SIGTRAP)
		task_resume(t, 0);
	else
		ptrace(PTRACE_LISTEN, t->tid, 0, 0); /* stopped by job control: stay so */
}

static void
stop_any(struct record *rec, struct record_task *t, int status)
{
	int signal = WSTOPSIG(status);

	switch (status >> 16) {
	case PTRACE_EVENT_FORK:
	case PTRACE_EVENT_VFORK:
	case PTRACE_EVENT_CLONE:
		stop_clone(rec, t);
		return;
	case PTRACE_EVENT_EXEC:
		stop_exec(rec, t);
		return;
	case PTRACE_EVENT_EXIT:
		stop_exit(rec, t);
		return;
	case PTRACE_EVENT_STOP:
		stop_plain(rec, t, signal);
		return;
	}
	if (signal == (SIGTRAP | 0x80) && t->space != NULL)
		stop_syscall(rec, t);
	else
		task_resume(t, signal == (SIGTRAP | 0x80) ? 0 : signal);
}

void
record_loop(struct record *rec)
{
	int status;

	for (;;) {
		pid_t tid = waitpid(-1, &status, __WALL);
		if (tid < 0 && errno == EINTR) {
			record_perf_drain(rec); /* the alarm: no ring may run over */
			continue;
		}
		if (tid < 0 && errno == ECHILD)
			return;
		if (tid < 0)
			record_die("wait: %s", strerror(errno));
		struct record_task *t = record_task_find(rec, tid);
		if (t == NULL)
			t = task_new(rec, tid);
		if (WIFSTOPPED(status))
			stop_any(rec, t, status);
		else
			task_gone(rec, t, status);
	}
}

#endif
