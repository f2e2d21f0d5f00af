/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * diff_call.c: one call of a program, by the kernel.
 *
 * A call that would change addresses outside the window and the heap is passed over: there lies the process itself.
 * call_reach() knows which ranges a call changes when the kernel does not refuse it, whatever else is wrong with it.
 *
 * A fetch executes one instruction, whatever it is: the processor's single-step trap ends it, and every register
 * holds the address of a page in the middle of nowhere.  A fault whose error code says "instruction" and whose
 * address is the one asked for is the answer; everything else means that the instruction could be fetched.
 *
 * MADV_FREE: the kernel may drop the pages whenever it likes; it is made to at once (MADV_DONTNEED), where FREE
 * itself has succeeded, so that what follows is one thing.
 */
#define _GNU_SOURCE 1

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/ipc.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/shm.h>
#include <sys/syscall.h>
#include <ucontext.h>
#include <unistd.h>
#include "diff.h"

#define PWRITE_MOST  0x100000
#define PREAD_MOST   0x4000
#define MINCORE_MOST 4096

enum call_state {
	STATE_IDLE,   /* a signal now is a defect of this program */
	STATE_ACCESS, /* jump back */
	STATE_ARMED,  /* the fetch is about to be made */
	STATE_STEPS   /* it is being made */
};

static struct {
	sigjmp_buf jump;
	volatile sig_atomic_t state;
	uint64_t target;
	volatile int answer;
#if defined(__x86_64__)
	gregset_t saved;
#endif
	struct diff_shared *sh;
} call;

/* ---- Signals ---- */

#if defined(__x86_64__)
#define TRAP_FLAG     0x100
#define FETCH_ERROR   0x10
#define FETCH_NOWHERE 0x2a0000000000 /* nothing is mapped within 2 GiB of it */

static void
call_fetch_signal(int sig, siginfo_t *si, ucontext_t *uc)
{
	greg_t *r = uc->uc_mcontext.gregs;

	if (call.state == STATE_ARMED) {
		memcpy(call.saved, r, sizeof(call.saved));
		for (int i = REG_R8; i <= REG_RCX; i++)
			r[i] = FETCH_NOWHERE;
		r[REG_RSP] -= 1024; /* what it pushes hurts nobody */
		r[REG_RIP] = (greg_t)call.target;
		r[REG_EFL] |= TRAP_FLAG;
		call.state = STATE_STEPS;
		return;
	}
	call.answer = (sig == SIGSEGV || sig == SIGBUS) && (r[REG_ERR] & FETCH_ERROR) != 0 &&
			      (uint64_t)(uintptr_t)si->si_addr == call.target
			  ? sig
			  : 0;
	memcpy(r, call.saved, sizeof(call.saved));
	call.state = STATE_IDLE;
}

static int
call_fetch(uint64_t va)
{
	call.target = va;
	call.answer = 0;
	call.state = STATE_ARMED;
	__asm__ volatile("int3" ::: "memory");
	return call.answer;
}

bool
call_fetch_works(void)
{
	static unsigned char ret = 0xc3;

	/* Data is not executable, code is. */
	return call_fetch((uintptr_t)&ret) == SIGSEGV && call_fetch((uintptr_t)call_fetch) == 0;
}
#else
static void
call_fetch_signal(int sig, siginfo_t *si, ucontext_t *uc)
{
	(void)sig;
	(void)si;
	(void)uc;
}

static int
call_fetch(uint64_t va)
{
	(void)va;
	return 0;
}

bool
call_fetch_works(void)
{
	return false;
}
#endif

static void
call_signal(int sig, siginfo_t *si, void *uc)
{
	if (call.state == STATE_ARMED || call.state == STATE_STEPS) {
		call_fetch_signal(sig, si, uc);
		return;
	}
	if (call.state == STATE_ACCESS) {
		call.state = STATE_IDLE;
		call.answer = sig;
		siglongjmp(call.jump, 1);
	}
	if (call.sh != NULL) {
		snprintf(call.sh->crash, sizeof(call.sh->crash),
			 "the process that asks the kernel got signal %d at address %p, op %u", sig,
			 si->si_addr, call.sh->at);
		atomic_store(&call.sh->turn, DIFF_TURN_WORKER);
		syscall(SYS_futex, &call.sh->turn, 1 /* FUTEX_WAKE */, 0x7fffffff, NULL, NULL, 0);
	}
	_exit(1);
}

bool
call_signals(void)
{
	static const int sigs[] = {SIGSEGV, SIGBUS, SIGTRAP, SIGILL, SIGFPE};
	struct sigaction sa = {.sa_sigaction = call_signal,
			       .sa_flags = SA_ONSTACK | SA_SIGINFO | SA_NODEFER};
	static unsigned char stack[65536];
	stack_t ss = {.ss_sp = stack, .ss_size = sizeof(stack)};
	bool ok = sigaltstack(&ss, NULL) == 0;

	for (unsigned i = 0; i < sizeof(sigs) / sizeof(sigs[0]); i++)
		ok = sigaction(sigs[i], &sa, NULL) == 0 && ok;
	return ok;
}

/* ---- Answers ---- */

static void
answer_value(struct diff_step *st, uint64_t v)
{
	st->kind = DIFF_VALUE;
	st->value = v;
}

static void
answer_errno(struct diff_step *st, int err)
{
	st->kind = DIFF_ERRNO;
	st->err = err;
}

/* What syscall() returned; `plain`: success has no value. */
static void
answer_ret(struct diff_step *st, long r, bool plain)
{
	if (r == -1)
		answer_errno(st, errno);
	else
		answer_value(st, plain ? 0 : (uint64_t)r);
}

static void
answer_bytes(struct diff_host *h, struct diff_step *st, const void *bytes, size_t n)
{
	if (h->sh->nbytes + n > DIFF_BYTES) {
		st->kind = DIFF_NOTHING;
		return;
	}
	st->kind = DIFF_DATA;
	st->at = h->sh->nbytes;
	st->n = (uint32_t)n;
	memcpy(h->sh->bytes + st->at, bytes, n);
	h->sh->nbytes += (uint32_t)n;
}

/* ---- What may be touched ---- */

static bool
reach_within(uint64_t start, uint64_t end)
{
	return start >= end || (start >= DIFF_BASE && end <= DIFF_END) ||
	       (start >= DIFF_HEAP && end <= DIFF_HEAP_END);
}

/* [addr, addr + len) in whole pages; a range that wraps is an error to every call. */
static bool
reach_range(uint64_t addr, uint64_t len)
{
	uint64_t end = tess_page_round(addr + len);

	if (len == 0 || addr + len < addr || end < addr)
		return true;
	return reach_within(tess_page_trunc(addr), end);
}

/* The same for calls that refuse what leaves the user range. */
static bool
reach_user(uint64_t addr, uint64_t len)
{
	if (!tess_page_aligned(addr) || len > DIFF_TOP || addr > DIFF_TOP - len)
		return true;
	return reach_range(addr, len);
}

static bool
reach_mmap(const uint64_t *a)
{
	bool low = a[0] < DIFF_LOW && (a[3] & (MAP_FIXED | MAP_FIXED_NOREPLACE)) != 0;

	if ((a[3] & MAP_FIXED_NOREPLACE) != 0)
		return !low;
	return (a[3] & MAP_FIXED) == 0 || (!low && reach_user(a[0], a[1]));
}

static bool
reach_mremap(const uint64_t *a)
{
	bool fixed = (a[3] & MREMAP_FIXED) != 0;

	if (!tess_page_aligned(a[0]))
		return true;
	if (fixed && !(a[4] >= DIFF_LOW && reach_user(a[4], a[2])))
		return false;
	return reach_range(a[0], a[1] == 0 ? 1 : a[1]);
}

static bool
reach_brk(uint64_t to)
{
	return to >= DIFF_HEAP || to < DIFF_LOW;
}

static bool
reach_access(uint64_t va)
{
	return diff_bit(va) >= 0 || va >= DIFF_TOP;
}

/* May the call be made? */
static bool
call_reach(const struct diff_host *h, const struct program_op *op, const uint64_t *a)
{
	switch (op->call) {
	case CALL_MMAP:
		return reach_mmap(a);
	case CALL_MUNMAP:
		return reach_user(a[0], a[1]);
	case CALL_MINCORE:
		return !tess_page_aligned(a[0]) || reach_user(a[0], a[1]);
	case CALL_MPROTECT:
	case CALL_MADVISE:
	case CALL_MSEAL:
	case CALL_MSYNC:
		return !tess_page_aligned(a[0]) || reach_range(a[0], a[1]);
	case CALL_MLOCK:
	case CALL_MLOCK2:
	case CALL_MUNLOCK: /* whole pages, of a length of 0 too */
		return reach_range(tess_page_trunc(a[0]), a[1] + (a[0] & TESS_PAGE_MASK));
	case CALL_MREMAP:
		return reach_mremap(a);
	case CALL_BRK:
		return reach_brk(a[0]);
	case CALL_SBRK:
		return reach_brk((uint64_t)syscall(SYS_brk, 0) + a[0]);
	case CALL_SHMAT:
		return a[1] == 0 || a[1] >= DIFF_LOW;
	case CALL_LOAD:
	case CALL_STORE:
		return reach_access(a[0]);
	case CALL_FETCH:
		return reach_access(a[0]) && (h->sh->features & DIFF_FETCH) != 0;
	}
	return true;
}

/* ---- Descriptors ---- */

static int
host_fd(const struct diff_host *h, uint64_t fd)
{
	if ((int)fd == -1)
		return -1;
	return fd < DIFF_FD0 || fd >= DIFF_FDS || h->fd[fd] < 0 ? 9999 : h->fd[fd];
}

static bool
host_is(const struct diff_host *h, uint64_t fd, enum tess_handle_kind kind)
{
	return fd < DIFF_FDS && h->fd[fd] >= 0 && h->kind[fd] == kind;
}

/* A regular file, or nothing that is open. */
static bool
host_regular(const struct diff_host *h, uint64_t fd)
{
	return host_fd(h, fd) < 0 || fd >= DIFF_FDS || h->fd[fd] < 0 ||
	       h->kind[fd] == TESS_HANDLE_FILE;
}

static void
host_fd_new(struct diff_host *h, int fd, enum tess_handle_kind kind, struct diff_step *st)
{
	unsigned i = DIFF_FD0;

	while (i < DIFF_FDS && h->fd[i] >= 0)
		i++;
	if (fd < 0 || i == DIFF_FDS) {
		st->kind = DIFF_PASSED;
		return;
	}
	h->fd[i] = fd;
	h->kind[i] = (uint8_t)kind;
	answer_value(st, i);
}

static void
host_open(struct diff_host *h, const struct program_op *op, const uint64_t *a, struct diff_step *st)
{
	static const int modes[] = {O_RDONLY, O_WRONLY, O_RDWR};
	unsigned name = (unsigned)op->arg[0].num;
	char path[64];

	if (a[1] > 2 || a[2] > (1 << 20) || ftruncate(h->base[name], (off_t)a[2]) != 0) {
		st->kind = DIFF_PASSED;
		return;
	}
	snprintf(path, sizeof(path), "/proc/self/fd/%d", h->base[name]);
	host_fd_new(h, open(path, modes[a[1]] | O_CLOEXEC), TESS_HANDLE_FILE, st);
}

static void
host_device(struct diff_host *h, const struct program_op *op, struct diff_step *st)
{
	st->kind = DIFF_PASSED;
	if (strcmp(h->sh->name[op->arg[0].num], "zero") == 0)
		host_fd_new(h, open("/dev/zero", O_RDWR | O_CLOEXEC), TESS_HANDLE_ZERO, st);
}

static void
host_shmget(struct diff_host *h, const uint64_t *a, struct diff_step *st)
{
	int id = -1;

	st->kind = DIFF_PASSED;
	if (h->sh->nshm == DIFF_FDS || a[1] > (1 << 20))
		return;
	id = shmget(IPC_PRIVATE, a[1], 0700);
	if (id < 0) {
		answer_errno(st, errno);
		return;
	}
	h->sh->shm[h->sh->nshm++] = id;
	host_fd_new(h, id, TESS_HANDLE_SHM, st);
}

static void
host_close(struct diff_host *h, uint64_t fd, struct diff_step *st)
{
	if (fd < DIFF_FD0 || fd >= DIFF_FDS || h->fd[fd] < 0) {
		answer_errno(st, EBADF);
		return;
	}
	if (h->kind[fd] != TESS_HANDLE_SHM)
		close(h->fd[fd]);
	h->fd[fd] = -1;
	answer_value(st, 0);
}

/* ---- Files ---- */

static void
host_pread(struct diff_host *h, const uint64_t *a, struct diff_step *st)
{
	static unsigned char buf[PREAD_MOST];
	ssize_t n;

	if (a[1] > PREAD_MOST || !host_regular(h, a[0])) {
		st->kind = DIFF_PASSED;
		return;
	}
	n = pread(host_fd(h, a[0]), buf, a[1], (off_t)a[2]);
	if (n < 0)
		answer_errno(st, errno);
	else
		answer_bytes(h, st, buf, (size_t)n);
}

static void
host_pwrite(struct diff_host *h, const uint64_t *a, struct diff_step *st)
{
	static unsigned char buf[65536];
	uint64_t len = a[2], off = a[3], sum = 0;
	ssize_t n = 0;

	if (len > PWRITE_MOST || off > PWRITE_MOST || !host_regular(h, a[0])) {
		st->kind = DIFF_PASSED;
		return;
	}
	memset(buf, (int)(a[1] & 0xff), sizeof(buf));
	do {
		size_t want = len - sum < sizeof(buf) ? len - sum : sizeof(buf);

		n = pwrite(host_fd(h, a[0]), buf, want, (off_t)(off + sum));
		sum += n > 0 ? (uint64_t)n : 0;
	} while (n > 0 && sum < len);
	if (n < 0 && sum == 0)
		answer_errno(st, errno);
	else
		answer_value(st, sum);
}

/* ---- Memory ---- */

static void
host_mmap(struct diff_host *h, const uint64_t *a, struct diff_step *st)
{
	if ((a[3] & MAP_ANONYMOUS) == 0 && host_is(h, a[4], TESS_HANDLE_SHM)) {
		st->kind = DIFF_PASSED; /* no descriptor, here */
		return;
	}
	answer_ret(st, syscall(SYS_mmap, a[0], a[1], a[2], a[3], host_fd(h, a[4]), a[5]), false);
}

static bool
free_fits(const struct diff_area *v)
{
	return v->object == 0 && (v->flags & (TESS_AREA_SHARED | TESS_AREA_LOCKED)) == 0;
}

static void
host_madvise(struct diff_host *h, const uint64_t *a, struct diff_step *st)
{
	struct diff_area v[DIFF_AREAS];
	uint64_t start = a[0], end = tess_page_round(a[0] + a[1]);
	long r = syscall(SYS_madvise, a[0], a[1], (int)a[2]);

	answer_ret(st, r, true);
	if (a[2] != MADV_FREE || !tess_page_aligned(start) || end <= start || a[1] > end)
		return;
	(void)h;
	for (unsigned i = 0, n = look_smaps(start, end, v, DIFF_AREAS); i < n; i++) {
		if (!free_fits(&v[i]))
			break;
		syscall(SYS_madvise, v[i].start, v[i].end - v[i].start, MADV_DONTNEED);
	}
}

static void
host_mincore(struct diff_host *h, const uint64_t *a, unsigned nargs, struct diff_step *st)
{
	static unsigned char vec[MINCORE_MOST];
	uint64_t pages = (a[1] >> TESS_PAGE_SHIFT) + ((a[1] & TESS_PAGE_MASK) != 0);
	bool null = nargs == 3 && a[2] == 0;

	memset(vec, 0, sizeof(vec));
	if (syscall(SYS_mincore, a[0], a[1], null ? NULL : vec) != 0)
		answer_errno(st, errno);
	else
		answer_bytes(h, st, vec, pages < MINCORE_MOST ? pages : MINCORE_MOST);
}

static void
host_sbrk(uint64_t incr, struct diff_step *st)
{
	uint64_t old = (uint64_t)syscall(SYS_brk, 0);

	if (incr == 0 || (uint64_t)syscall(SYS_brk, old + incr) == old + incr)
		answer_value(st, old);
	else
		answer_errno(st, ENOMEM);
}

static void
host_setrlimit(struct diff_host *h, const uint64_t *a, struct diff_step *st)
{
	static const int which[] = {RLIMIT_DATA, RLIMIT_STACK, RLIMIT_MEMLOCK, RLIMIT_AS};
	uint64_t add = a[0] == RLIMIT_AS     ? h->as
		       : a[0] == RLIMIT_DATA ? h->data
					     : 0,
		 to = a[1] + add;
	struct rlimit l;

	for (unsigned i = 0; i < 4; i++) {
		if ((uint64_t)which[i] != a[0])
			continue;
		getrlimit(which[i], &l);
		if (a[1] == RLIM_INFINITY || ((int64_t)add > 0 && to < a[1]))
			to = l.rlim_max;
		else if ((int64_t)add < 0 && to > a[1])
			to = 0;
		l.rlim_cur = to;
		answer_ret(st, setrlimit(which[i], &l), true);
		return;
	}
	answer_errno(st, EINVAL);
}

static void
host_shmat(struct diff_host *h, const uint64_t *a, struct diff_step *st)
{
	int id = host_is(h, a[0], TESS_HANDLE_SHM) ? h->fd[a[0]] : -1;

	if ((a[2] & ~(uint64_t)(SHM_RDONLY | SHM_EXEC)) != 0)
		st->kind = DIFF_PASSED;
	else
		answer_ret(st, syscall(SYS_shmat, id, a[1], a[2]), false);
}

/* One load or store; the signal it got, or 0. */
static int
call_access(uint64_t va, bool store, volatile uint8_t *byte)
{
	volatile uint8_t *p = (volatile uint8_t *)(uintptr_t)va;

	if (sigsetjmp(call.jump, 0) != 0)
		return call.answer;
	call.state = STATE_ACCESS;
	if (store)
		*p = *byte;
	else
		*byte = *p;
	call.state = STATE_IDLE;
	return 0;
}

static void
host_access(const struct program_op *op, const uint64_t *a, struct diff_step *st)
{
	volatile uint8_t byte = (uint8_t)a[1];
	int sig = op->call == CALL_FETCH ? call_fetch(a[0])
					 : call_access(a[0], op->call == CALL_STORE, &byte);

	answer_value(st, op->call == CALL_LOAD ? byte : 0);
	if (sig != 0) {
		st->kind = DIFF_SIGNAL;
		st->err = sig;
	}
}

/* ---- The table ---- */

static bool
call_plain(const struct program_op *op, const uint64_t *a, struct diff_step *st)
{
	switch (op->call) {
	case CALL_MUNMAP:
		answer_ret(st, syscall(SYS_munmap, a[0], a[1]), true);
		return true;
	case CALL_MPROTECT:
		answer_ret(st, syscall(SYS_mprotect, a[0], a[1], a[2]), true);
		return true;
	case CALL_MSYNC:
		answer_ret(st, syscall(SYS_msync, a[0], a[1], (int)a[2]), true);
		return true;
	case CALL_MLOCK:
		answer_ret(st, syscall(SYS_mlock, a[0], a[1]), true);
		return true;
	case CALL_MLOCK2:
		answer_ret(st, syscall(SYS_mlock2, a[0], a[1], (int)a[2]), true);
		return true;
	case CALL_MUNLOCK:
		answer_ret(st, syscall(SYS_munlock, a[0], a[1]), true);
		return true;
	case CALL_MLOCKALL:
		answer_ret(st, syscall(SYS_mlockall, (int)a[0]), true);
		return true;
	case CALL_MUNLOCKALL:
		answer_ret(st, syscall(SYS_munlockall), true);
		return true;
	case CALL_MREMAP:
		answer_ret(st, syscall(SYS_mremap, a[0], a[1], a[2], a[3], a[4]), false);
		return true;
	case CALL_MSEAL:
		answer_ret(st, syscall(DIFF_NR_MSEAL, a[0], a[1], a[2]), true);
		return true;
	case CALL_SHMDT:
		answer_ret(st, syscall(SYS_shmdt, a[0]), true);
		return true;
	case CALL_BRK:
		answer_value(st, (uint64_t)syscall(SYS_brk, a[0]));
		return true;
	}
	return false;
}

void
call_host(struct diff_host *h, const struct program_op *op, struct diff_step *st)
{
	const uint64_t *a = st->arg;

	call.sh = h->sh;
	st->kind = DIFF_PASSED;
	if (!call_reach(h, op, a) || call_plain(op, a, st))
		return;
	switch (op->call) {
	case CALL_MMAP:
		host_mmap(h, a, st);
		break;
	case CALL_MADVISE:
		host_madvise(h, a, st);
		break;
	case CALL_MINCORE:
		host_mincore(h, a, op->nargs, st);
		break;
	case CALL_SBRK:
		host_sbrk(a[0], st);
		break;
	case CALL_SHMGET:
		host_shmget(h, a, st);
		break;
	case CALL_SHMAT:
		host_shmat(h, a, st);
		break;
	case CALL_OPEN:
		host_open(h, op, a, st);
		break;
	case CALL_DEVICE:
		host_device(h, op, st);
		break;
	case CALL_CLOSE:
		host_close(h, a[0], st);
		break;
	case CALL_FTRUNCATE:
		if ((a[1] <= PWRITE_MOST || a[1] > INT64_MAX) && host_regular(h, a[0]))
			answer_ret(st, ftruncate(host_fd(h, a[0]), (off_t)a[1]), true);
		break;
	case CALL_PREAD:
		host_pread(h, a, st);
		break;
	case CALL_PWRITE:
		host_pwrite(h, a, st);
		break;
	case CALL_LOAD:
	case CALL_STORE:
	case CALL_FETCH:
		host_access(op, a, st);
		break;
	case CALL_SETRLIMIT:
		host_setrlimit(h, a, st);
		break;
	case CALL_CHECK:
	case CALL_DUMP:
		st->kind = DIFF_NOTHING;
		break;
	}
}
