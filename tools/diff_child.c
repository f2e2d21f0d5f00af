/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * diff_child.c: the processes in which the kernel runs programs.
 *
 *	worker ──fork──► template: its space is filled up, its capabilities are dropped
 *			    │ fork, whenever there is none
 *			    ▼
 *			 runner = space 0 ──fork()──► space 1 ...	one runs at a time: `turn` says who
 *
 * A runner does many programs and clears window, heap, locks and limits after each; one that cannot (sealed memory,
 * or the program made it exit) ends, and the template makes another.
 *
 * Filling up: every hole of the address space becomes PROT_NONE memory, so that the kernel can choose a place in the
 * window or the heap only.  What lies at the edges of these two is shared memory, which joins with nothing.
 */
#define _GNU_SOURCE 1

#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <linux/futex.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/shm.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>
#include "diff.h"

#define CHILD_PATIENCE 30 /* seconds without a sign: it hangs */
#define CHILD_MAPS     512
#define CHILD_BELOW    (512 * DIFF_PAGE)

struct child_size {
	uint64_t all, data, locked;
};

static struct diff_host host;
static struct child_size child_before; /* of the template */

/* ---- Whose turn ---- */

static void
turn_pass(struct diff_shared *sh, uint32_t to)
{
	atomic_store(&sh->turn, to);
	syscall(SYS_futex, &sh->turn, FUTEX_WAKE, 0x7fffffff, NULL, NULL, 0);
}

/* false: `seconds` have passed. */
static bool
turn_wait(struct diff_shared *sh, uint32_t me, time_t seconds)
{
	struct timespec ts = {.tv_sec = seconds};
	uint32_t now;

	while ((now = atomic_load(&sh->turn)) != me)
		if (syscall(SYS_futex, &sh->turn, FUTEX_WAIT, now, seconds == 0 ? NULL : &ts, NULL,
			    0) != 0 &&
		    errno == ETIMEDOUT)
			return atomic_load(&sh->turn) == me;
	return true;
}

/* For as long as it takes, and as the worker lives: a space outlives its parent. */
static void
turn_await(struct diff_shared *sh, uint32_t me)
{
	while (!turn_wait(sh, me, 2))
		if (kill(sh->worker, 0) != 0)
			_exit(1);
}

__attribute__((noreturn)) static void
child_fail(struct diff_shared *sh, const char *why)
{
	snprintf(sh->crash, sizeof(sh->crash), "%s: %s", why, strerror(errno));
	turn_pass(sh, DIFF_TURN_WORKER);
	_exit(1);
}

/* ---- The template: one space for all ---- */

struct child_hole {
	uint64_t start, end;
};

static struct child_hole child_hole[CHILD_MAPS];

/* The holes of this process's space, but for the window, the heap and what the stack's guard gap keeps free. */
static unsigned
child_holes(void)
{
	static char text[65536];
	int fd = open("/proc/self/maps", O_RDONLY | O_CLOEXEC);
	ssize_t got;
	size_t len = 0;
	uint64_t at = DIFF_LOW, start, end;
	unsigned n = 0;
	char *p;

	while ((got = read(fd, text + len, sizeof(text) - 1 - len)) > 0)
		len += (size_t)got;
	close(fd);
	text[len] = '\0';
	for (char *line = text; n < CHILD_MAPS && *line != '\0'; line = strchr(line, '\n') + 1) {
		start = strtoull(line, &p, 16);
		end = strtoull(p + 1, &p, 16);
		if (start > DIFF_TOP)
			break;
		if (at < start)
			child_hole[n++] = (struct child_hole){at, start};
		at = end;
	}
	if (n < CHILD_MAPS && at < DIFF_TOP)
		child_hole[n++] = (struct child_hole){at, DIFF_TOP};
	return n;
}

static bool
child_take(uint64_t start, uint64_t end, int how)
{
	void *at = (void *)(uintptr_t)start;

	return start >= end ||
	       mmap(at, end - start, PROT_NONE,
		    how | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE | MAP_NORESERVE, -1, 0) == at;
}

/* Take a hole, but not what of it is the window or the heap. */
static bool
child_fill(uint64_t start, uint64_t end)
{
	static const struct child_hole keep[] = {{DIFF_HEAP, DIFF_HEAP_END}, {DIFF_BASE, DIFF_END}};

	for (unsigned i = 0; i < 2; i++) {
		if (start >= keep[i].end || end <= keep[i].start)
			continue;
		if (start > keep[i].start - DIFF_PAGE || end < keep[i].end + DIFF_PAGE)
			return start == keep[i].start &&
			       child_take(keep[i].end, keep[i].end + DIFF_PAGE, MAP_SHARED) &&
			       child_fill(keep[i].end + DIFF_PAGE, end);
		return child_fill(start, keep[i].start - DIFF_PAGE) &&
		       child_take(keep[i].start - DIFF_PAGE, keep[i].start, MAP_SHARED) &&
		       child_take(keep[i].end, keep[i].end + DIFF_PAGE, MAP_SHARED) &&
		       child_fill(keep[i].end + DIFF_PAGE, end);
	}
	return child_take(start, end, MAP_PRIVATE);
}

/* The stack is as large as it will be. */
__attribute__((noinline)) static void
child_stack(void)
{
	volatile char deep[1 << 20];

	for (size_t i = 0; i < sizeof(deep); i += DIFF_PAGE)
		deep[i] = 1;
}

static void
child_unprivileged(void)
{
	struct __user_cap_header_struct head = {.version = _LINUX_CAPABILITY_VERSION_3};
	struct __user_cap_data_struct data[2] = {{0, 0, 0}, {0, 0, 0}};

	syscall(SYS_capset, &head, data);
	prctl(PR_SET_THP_DISABLE, 1, 0, 0, 0);
}

/* A number of the text of /proc/self/status, in kB. */
static uint64_t
status_number(const char *text, const char *word)
{
	const char *p = strstr(text, word);

	return p == NULL ? 0 : strtoull(p + strlen(word), NULL, 10);
}

/* What the kernel counts of this process: all mapped, private writable, locked; in kB. */
static struct child_size
child_size(void)
{
	char text[4096];
	int fd = open("/proc/self/status", O_RDONLY | O_CLOEXEC);
	ssize_t n = read(fd, text, sizeof(text) - 1);

	close(fd);
	text[n < 0 ? 0 : n] = '\0';
	return (struct child_size){status_number(text, "VmSize:"), status_number(text, "VmData:"),
				   status_number(text, "VmLck:")};
}

/* As root the hard limits go up; else they stay. */
static void
child_raise(void)
{
	static const struct rlimit all = {RLIM_INFINITY, RLIM_INFINITY};

	setrlimit(RLIMIT_MEMLOCK, &all);
	setrlimit(RLIMIT_AS, &all);
	setrlimit(RLIMIT_DATA, &all);
	setrlimit(RLIMIT_STACK, &all);
}

static bool
child_limits(void)
{
	static const int which[] = {RLIMIT_AS, RLIMIT_DATA, RLIMIT_STACK, RLIMIT_MEMLOCK};
	struct rlimit l;
	bool ok = true;

	for (unsigned i = 0; i < 4; i++) {
		getrlimit(which[i], &l);
		ok = ok && (which[i] == RLIMIT_MEMLOCK || l.rlim_max == RLIM_INFINITY);
		l.rlim_cur = which[i] == RLIMIT_STACK ? (rlim_t)8 << 20 : l.rlim_max;
		ok = setrlimit(which[i], &l) == 0 && ok;
	}
	return ok;
}

/* As much as programs may lock; UINT64_MAX: all they like. */
static uint64_t
child_memlock(void)
{
	struct rlimit l;

	return getrlimit(RLIMIT_MEMLOCK, &l) == 0 ? l.rlim_max : 0;
}

static bool
child_madvise_works(int advice)
{
	void *at = (void *)(uintptr_t)DIFF_BASE;
	bool ok;

	if (mmap(at, DIFF_PAGE, PROT_READ | PROT_WRITE,
		 MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0) != at)
		return false;
	ok = madvise(at, DIFF_PAGE, advice) == 0;
	if (advice == 102)
		ok = ok && look_guard(DIFF_BASE);
	munmap(at, DIFF_PAGE);
	return ok;
}

/* Does mremap move two mappings at once? */
static bool
child_moves_many(void)
{
	char *at = (char *)(uintptr_t)DIFF_BASE;
	bool ok;

	if (mmap(at, 2 * DIFF_PAGE, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE,
		 -1, 0) != at ||
	    mprotect(at, DIFF_PAGE, PROT_NONE) != 0)
		return false;
	ok = mremap(at, 2 * DIFF_PAGE, 2 * DIFF_PAGE, MREMAP_MAYMOVE | MREMAP_FIXED,
		    at + 8 * DIFF_PAGE) != MAP_FAILED;
	munmap(at, 16 * DIFF_PAGE);
	return ok;
}

static bool
child_shm_works(void)
{
	int id = shmget(IPC_PRIVATE, DIFF_PAGE, 0600);

	return id >= 0 && shmctl(id, IPC_RMID, NULL) == 0;
}

static void
child_probe(struct diff_shared *sh)
{
	static const struct {
		int advice;
		unsigned feature;
	} advices[] = {{12, DIFF_KSM},
		       {14, DIFF_THP},
		       {22, DIFF_POPULATE},
		       {24, DIFF_DONTNEED_LOCKED},
		       {102, DIFF_GUARD}};

	sh->features = look_probe();
	for (unsigned i = 0; i < sizeof(advices) / sizeof(advices[0]); i++)
		if (child_madvise_works(advices[i].advice))
			sh->features |= advices[i].feature;
	if (syscall(DIFF_NR_MSEAL, DIFF_BASE, 0, 0) == 0)
		sh->features |= DIFF_SEAL;
	sh->features |= child_moves_many() ? DIFF_MOVES_MANY : 0;
	sh->features |= child_shm_works() ? DIFF_SHM : 0;
	sh->features |= call_fetch_works() ? DIFF_FETCH : 0;
}

/* NULL, or what cannot be done here. */
static const char *
child_prepare(struct diff_shared *sh)
{
	unsigned n;

	child_raise();
	child_unprivileged();
	if (!call_signals())
		return "sigaction";
	if (!look_open())
		return "/proc/self/maps, smaps or mem";
	child_stack();
	if ((uint64_t)syscall(SYS_brk, DIFF_HEAP) != DIFF_HEAP)
		return "the heap of this process lies elsewhere (addresses are randomised, and "
		       "personality() is forbidden?)";
	/* What is below the heap is as hard to reach as what is below it on the core. */
	if (mprotect((void *)(uintptr_t)(DIFF_HEAP - CHILD_BELOW), CHILD_BELOW, PROT_NONE) != 0)
		return "mprotect of the heap";
	sh->features = child_limits() ? DIFF_LIMITS : 0;
	/* Below the user range of the core, where this kernel allows it. */
	child_take(DIFF_PAGE, DIFF_LOW, MAP_PRIVATE);
	n = child_holes();
	for (unsigned i = 0; i < n; i++)
		if (!child_fill(child_hole[i].start, child_hole[i].end))
			return "mmap of the whole address space";
	return NULL;
}

/* ---- Running a program ---- */

static uint64_t
run_arg(const struct diff_shared *sh, const struct program_arg *a)
{
	return a->reg >= 0 ? sh->reg[a->reg] + a->num : a->num;
}

static void
run_fork(struct diff_shared *sh, struct diff_step *st)
{
	uint32_t n = sh->nspaces;
	long pid;

	if (n == DIFF_SPACES)
		return;
	sh->parent[n] = sh->current;
	sh->alive[n] = true;
	sh->nspaces++;
	pid = fork();
	if (pid == 0) {
		host.me = n;
		if (!look_open())
			child_fail(sh, "/proc of a child");
		turn_await(sh, n);
		return;
	}
	st->kind = pid < 0 ? DIFF_ERRNO : DIFF_VALUE;
	st->err = errno;
	st->value = n;
}

/* The next space after one has gone: its parent, or the first that is left. */
static uint32_t
run_next(const struct diff_shared *sh, uint32_t gone)
{
	uint32_t next = sh->parent[gone];

	if (gone != 0 && sh->alive[next])
		return next;
	for (next = 0; next < sh->nspaces && !sh->alive[next]; next++)
		;
	return next;
}

/* This process ends; whoever is next goes on. */
__attribute__((noreturn)) static void
run_exit(struct diff_shared *sh)
{
	sh->alive[host.me] = false;
	if (host.me == 0)
		sh->runner = false;
	sh->current = run_next(sh, host.me);
	turn_pass(sh, sh->current == sh->nspaces ? DIFF_TURN_WORKER : sh->current);
	_exit(0);
}

static void
run_op(struct diff_shared *sh, const struct program_op *op, struct diff_step *st)
{
	for (unsigned i = 0; i < op->nargs; i++)
		st->arg[i] = run_arg(sh, &op->arg[i]);
	st->kind = DIFF_PASSED;
	if (op->call == CALL_FORK) {
		run_fork(sh, st);
	} else if (op->call == CALL_SWITCH) {
		if (st->arg[0] < sh->nspaces && sh->alive[st->arg[0]]) {
			st->kind = DIFF_NOTHING;
			sh->current = (uint32_t)st->arg[0];
		}
	} else {
		call_host(&host, op, st);
	}
}

static uint64_t
run_result(const struct diff_step *st)
{
	if (st->kind == DIFF_ERRNO || st->kind == DIFF_SIGNAL)
		return UINT64_MAX;
	return st->kind == DIFF_VALUE ? st->value : 0;
}

/* DONTUNMAP changes locks of what it was not asked for: that is looked at at once. */
static bool
run_unlocks(const struct program_op *op, const struct diff_step *st)
{
	return op->call == CALL_MREMAP && (st->arg[3] & MREMAP_DONTUNMAP) != 0;
}

/* As long as it is this process's turn. */
static void
run_ops(struct diff_shared *sh)
{
	while (sh->at < sh->nops && sh->current == host.me) {
		const struct program_op *op = &sh->op[sh->at];
		struct diff_step *st = &sh->step[sh->at];
		uint32_t me = host.me;

		if (op->call == CALL_EXIT) {
			st->kind = DIFF_NOTHING;
			sh->at++;
			run_exit(sh);
		}
		run_op(sh, op, st);
		if (host.me != me) /* a child begins after its parent's fork */
			return;
		if (op->result >= 0)
			sh->reg[op->result] =
			    op->call == CALL_LOAD && st->kind == DIFF_VALUE ? 0 : run_result(st);
		look_space(sh, &st->look, sh->attributes || run_unlocks(op, st));
		sh->at++;
	}
}

/* The program is over: each space tells what it has, one after the other. */
static void
run_end(struct diff_shared *sh)
{
	uint32_t next = 0;

	look_final(sh, &sh->final[host.me]);
	while (next < sh->nspaces && (!sh->alive[next] || sh->final[next].have))
		next++;
	sh->current = next;
	if (host.me != 0) {
		turn_pass(sh, next == sh->nspaces ? (sh->alive[0] ? 0 : DIFF_TURN_WORKER) : next);
		_exit(0);
	}
	if (next == sh->nspaces)
		return;
	turn_pass(sh, next);
	turn_wait(sh, 0, 0);
}

/* A space's part of the program; the runner comes back when all is over. */
static void
run_serve(struct diff_shared *sh)
{
	for (;;) {
		uint32_t me = host.me;

		run_ops(sh);
		if (host.me != me)
			continue;
		if (sh->at == sh->nops && !sh->final[host.me].have && sh->current == host.me) {
			run_end(sh);
			return;
		}
		turn_pass(sh, sh->current);
		turn_await(sh, host.me);
	}
}

/* ---- A runner ---- */

static void
runner_files(struct diff_shared *sh)
{
	static unsigned char buf[1 << 20];

	for (uint32_t i = 0; i < sh->names; i++) {
		off_t size = lseek(host.base[i], 0, SEEK_END);
		ssize_t n = pread(host.base[i], buf, sizeof(buf), 0);

		sh->file[i].size = (uint64_t)size;
		sh->file[i].hash = diff_hash(buf, n < 0 ? 0 : (size_t)n);
	}
	sh->files = true;
}

static void
runner_open(struct diff_shared *sh)
{
	for (uint32_t i = 0; i < sh->names; i++) {
		host.base[i] = (int)syscall(SYS_memfd_create, sh->name[i], 0);
		if (host.base[i] < 0)
			child_fail(sh, "memfd_create");
		sh->inode[i] = look_inode(host.base[i]);
	}
	for (unsigned i = 0; i < DIFF_FDS; i++)
		host.fd[i] = -1;
}

static void
runner_close(struct diff_shared *sh)
{
	for (unsigned i = 0; i < DIFF_FDS; i++)
		if (host.fd[i] >= 0 && host.kind[i] != TESS_HANDLE_SHM)
			close(host.fd[i]);
	for (uint32_t i = 0; i < sh->names; i++)
		close(host.base[i]);
	for (uint32_t i = 0; i < sh->nshm; i++)
		shmctl(sh->shm[i], IPC_RMID, NULL);
	sh->nshm = 0;
}

/* The break is at its beginning again. */
static bool
runner_heap(void)
{
	uint64_t at = (uint64_t)syscall(SYS_brk, 0);

	if (at != DIFF_HEAP) {
		mmap((void *)(uintptr_t)DIFF_HEAP, DIFF_HEAP_PAGES * DIFF_PAGE,
		     PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
		syscall(SYS_brk, DIFF_HEAP);
	}
	return munmap((void *)(uintptr_t)DIFF_HEAP, DIFF_HEAP_PAGES * DIFF_PAGE) == 0 &&
	       (uint64_t)syscall(SYS_brk, 0) == DIFF_HEAP;
}

/* Everything as before the program; false: that cannot be. */
static bool
runner_clean(void)
{
	struct child_size now;

	child_limits();
	munlockall();
	if (munmap((void *)(uintptr_t)DIFF_BASE, DIFF_PAGES * DIFF_PAGE) != 0 || !runner_heap())
		return false;
	now = child_size(); /* the kernel miscounts now and then */
	return now.all == child_before.all && now.data == child_before.data &&
	       now.locked == child_before.locked;
}

__attribute__((noreturn)) static void
runner_main(struct diff_shared *sh)
{
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	host = (struct diff_host){.sh = sh, .as = sh->base_as, .data = sh->base_data};
	if (!look_open())
		child_fail(sh, "/proc of a runner");
	for (;;) {
		turn_wait(sh, 0, 0);
		runner_open(sh);
		run_serve(sh);
		runner_files(sh);
		runner_close(sh);
		if (!runner_clean()) {
			sh->runner = false;
			turn_pass(sh, DIFF_TURN_WORKER);
			_exit(0);
		}
		turn_pass(sh, DIFF_TURN_WORKER);
	}
}

/* ---- The template's life ---- */

__attribute__((noreturn)) static void
template_main(struct diff_shared *sh)
{
	const char *why;

	setpgid(0, 0);
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	signal(SIGCHLD, SIG_IGN);
	sh->ready = false;
	why = child_prepare(sh);
	if (why != NULL)
		child_fail(sh, why);
	{
		unsigned limits = sh->features;

		child_probe(sh);
		sh->features |= limits;
	}
	/* What the core's own first lines map, against what is mapped here. */
	child_before = child_size();
	sh->base_as = child_before.all * 1024 -
		      (DIFF_TOP - DIFF_LOW - (DIFF_PAGES + DIFF_HEAP_PAGES) * DIFF_PAGE);
	sh->base_data = child_before.data * 1024;
	sh->memlock = child_memlock();
	sh->ready = true;
	turn_pass(sh, DIFF_TURN_WORKER);
	for (;;) {
		turn_wait(sh, DIFF_TURN_TEMPLATE, 0);
		switch (fork()) {
		case 0:
			runner_main(sh);
		case -1:
			child_fail(sh, "fork");
		}
		sh->runner = true;
		turn_pass(sh, 0);
	}
}

/* ---- The worker's side ---- */

void
child_stop(struct diff_shared *sh, int pid)
{
	kill(-pid, SIGKILL);
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
	for (uint32_t i = 0; i < sh->nshm; i++)
		shmctl(sh->shm[i], IPC_RMID, NULL);
	sh->nshm = 0;
}

int
child_start(struct diff_shared *sh)
{
	pid_t pid;

	sh->crash[0] = '\0';
	sh->runner = false;
	sh->ready = false;
	sh->worker = getpid();
	atomic_store(&sh->turn, DIFF_TURN_TEMPLATE + 1);
	fflush(stdout);
	fflush(stderr);
	pid = fork();
	if (pid == 0)
		template_main(sh);
	if (pid > 0 && turn_wait(sh, DIFF_TURN_WORKER, CHILD_PATIENCE) && sh->ready)
		return pid;
	if (pid > 0)
		child_stop(sh, pid);
	return -1;
}

bool
child_run(struct diff_shared *sh, int pid)
{
	sh->crash[0] = '\0';
	sh->at = sh->skip;
	sh->current = 0;
	sh->nspaces = 1;
	sh->alive[0] = true;
	sh->nareas = sh->nbytes = 0;
	sh->files = false;
	memset(sh->final, 0, sizeof(sh->final));
	memset(sh->reg, 0, sizeof(sh->reg));
	turn_pass(sh, sh->runner ? 0 : DIFF_TURN_TEMPLATE);
	if (!turn_wait(sh, DIFF_TURN_WORKER, CHILD_PATIENCE))
		snprintf(sh->crash, sizeof(sh->crash),
			 "no answer for %d seconds at op %u of space %u", CHILD_PATIENCE, sh->at,
			 sh->current);
	if (sh->crash[0] == '\0')
		return true;
	child_stop(sh, pid);
	return false;
}
