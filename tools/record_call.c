/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * record_call.c: a system call's arguments and result as a line of the trace.
 *
 * What a descriptor is must be asked before the call runs (another thread may close it); which object the
 * new mapping shows can only be seen afterwards.
 */
#if defined(__linux__) && defined(__x86_64__) /* else cmd_record() only says so */

#define _GNU_SOURCE 1
#include <errno.h>
#include <inttypes.h>
#include <linux/mman.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>
#include <fcntl.h>
#include <sched.h>

#include "record.h"
#include "trace.h"

#define SHM_RDONLY_BIT 010000
#define SHM_EXEC_BIT   0100000

enum record_call_class
record_call_class(uint64_t nr)
{
	switch (nr) {
	case SYS_msync:
	case SYS_mincore:
		return RECORD_CALL_LOOK;
	case SYS_mmap:
	case SYS_munmap:
	case SYS_mprotect:
	case SYS_pkey_mprotect:
	case SYS_brk:
	case SYS_mremap:
	case SYS_madvise:
	case SYS_mlock:
	case SYS_mlock2:
	case SYS_munlock:
	case SYS_mlockall:
	case SYS_munlockall:
	case SYS_shmat:
	case SYS_shmdt:
	case SYS_remap_file_pages:
		return RECORD_CALL_CHANGE;
	case SYS_execve:
	case SYS_execveat:
		return RECORD_CALL_EXEC;
	case SYS_fork:
	case SYS_vfork:
	case SYS_clone:
	case SYS_clone3:
		return RECORD_CALL_CLONE;
	default:
		return RECORD_CALL_OTHER;
	}
}

bool
record_clone_shares(const struct record_task *t)
{
	uint64_t flags = 0;
	struct iovec here = {&flags, sizeof(flags)},
		     there = {(void *)(uintptr_t)t->arg[0], sizeof(flags)};

	if (t->nr == SYS_vfork)
		return true;
	if (t->nr == SYS_clone)
		flags = t->arg[0];
	else if (t->nr == SYS_clone3 &&
		 process_vm_readv(t->tid, &here, 1, &there, 1, 0) != sizeof(flags))
		record_die("cannot read the arguments of clone3: %s", strerror(errno));
	return flags & CLONE_VM;
}

/* ---- Before the call ---- */

static void
fd_mode(pid_t tid, int fd, char mode[3])
{
	char name[64], line[128];
	unsigned flags = 0;

	snprintf(name, sizeof(name), "/proc/%d/fdinfo/%d", (int)tid, fd);
	FILE *f = fopen(name, "r");
	while (f != NULL && fgets(line, sizeof(line), f) != NULL)
		if (sscanf(line, "flags: %o", &flags) == 1)
			break;
	if (f != NULL)
		fclose(f);
	unsigned acc = flags & O_ACCMODE;
	snprintf(mode, 3, "%s", acc == O_RDONLY ? "ro" : acc == O_WRONLY ? "wo" : "rw");
}

static void
fd_look(struct record_task *t, int fd)
{
	char name[64], path[512];
	struct stat st;

	memset(&t->fd, 0, sizeof(t->fd));
	snprintf(name, sizeof(name), "/proc/%d/fd/%d", (int)t->tid, fd);
	if (fd < 0 || stat(name, &st) != 0)
		return;
	t->fd.open = true;
	t->fd.mappable = S_ISREG(st.st_mode) || S_ISCHR(st.st_mode) || S_ISBLK(st.st_mode);
	t->fd.letter = S_ISREG(st.st_mode) ? 'f' : 'd';
	/* /dev/zero is anonymous memory by another name; the line says ANON then. */
	if (S_ISCHR(st.st_mode) && st.st_rdev == makedev(1, 5))
		t->fd.letter = 'z';
	t->fd.dev = st.st_dev;
	t->fd.ino = st.st_ino;
	t->fd.size = S_ISREG(st.st_mode) ? (uint64_t)st.st_size : 0;
	ssize_t n = readlink(name, path, sizeof(path) - 1);
	path[n < 0 ? 0 : n] = 0;
	char *slash = strrchr(path, '/');
	snprintf(t->fd.name, sizeof(t->fd.name), "%.60s", slash == NULL ? path : slash + 1);
	for (char *p = t->fd.name; *p != 0; p++)
		if ((unsigned char)*p <= ' ')
			*p = '_';
	if (t->fd.name[0] == 0)
		snprintf(t->fd.name, sizeof(t->fd.name), "unnamed");
	fd_mode(t->tid, fd, t->fd.mode);
}

void
record_call_begin(struct record *rec, struct record_task *t)
{
	t->recorded = true;
	if (t->nr == SYS_mmap) {
		fd_look(t, t->arg[3] & MAP_ANONYMOUS ? -1 : (int)t->arg[4]);
		t->fd.line = record_reserve(rec);
	}
	t->line = record_reserve(rec); /* stays empty when the task is killed inside */
}

/* ---- After the call ---- */

struct call_text {
	char buf[512];
	size_t len;
};

__attribute__((format(printf, 2, 3))) static void
call_add(struct call_text *c, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	int n = vsnprintf(c->buf + c->len, sizeof(c->buf) - c->len, fmt, ap);
	va_end(ap);
	if (n > 0 && c->len + (size_t)n < sizeof(c->buf))
		c->len += (size_t)n;
}

static void
call_prot(struct call_text *c, uint64_t prot)
{
	uint64_t more = prot & ~(uint64_t)(PROT_READ | PROT_WRITE | PROT_EXEC | TRACE_PROT_SEM |
					   TRACE_PROT_GROWSDOWN | TRACE_PROT_GROWSUP);

	call_add(c, " %c%c%c", prot & PROT_READ ? 'r' : '-', prot & PROT_WRITE ? 'w' : '-',
		 prot & PROT_EXEC ? 'x' : '-');
	if (prot & TRACE_PROT_SEM)
		call_add(c, ",sem");
	if (prot & TRACE_PROT_GROWSDOWN)
		call_add(c, ",growsdown");
	if (prot & TRACE_PROT_GROWSUP)
		call_add(c, ",growsup");
	if (more != 0)
		call_add(c, ",%" PRIx32, (uint32_t)(more > UINT32_MAX ? TRACE_PROT_UNKNOWN : more));
}

/* Words for the flags; a bit without a word is left out and counted. */
static void
call_map_flags(struct record *rec, struct call_text *c, uint64_t flags)
{
	const char *name, *bar = " ";
	uint32_t bit;
	uint64_t type = flags & MAP_TYPE, rest = flags & ~(uint64_t)MAP_TYPE;

	for (unsigned i = 0; (name = trace_flag_name(i, &bit)) != NULL; i++) {
		if (bit <= MAP_TYPE ? bit != type : !(rest & bit))
			continue;
		call_add(c, "%s%s", bar, name);
		bar = "|";
		rest &= ~(uint64_t)bit;
	}
	if (bar[0] == ' ')
		call_add(c, " 0");
	rec->unsaid += rest != 0;
}

static void
call_mmap(struct record *rec, struct record_task *t, struct call_text *c, int64_t result)
{
	struct record_area area;
	const uint64_t *a = t->arg;
	uint64_t flags = a[3];
	char object[24] = "-";
	bool mapped = result >= 0 && record_area_at(t->tid, (uint64_t)result, &area);

	if (t->fd.open && t->fd.letter == 'z')
		flags |= MAP_ANONYMOUS;
	if (flags & MAP_ANONYMOUS) {
		if (mapped && (flags & MAP_TYPE) != MAP_PRIVATE)
			record_new_segment(rec, &area, object);
	} else if (t->fd.open && t->fd.mappable) {
		record_fd_object(rec, &t->fd, mapped ? &area : NULL, object);
	}
	call_add(c, "mmap %" PRIx64 " %" PRIx64, a[0], a[1]);
	call_prot(c, a[2]);
	call_map_flags(rec, c, flags);
	call_add(c, " %s %" PRIx64, object, flags & MAP_ANONYMOUS ? 0 : a[5]);
}

static void
call_mremap(struct record_task *t, struct call_text *c)
{
	const uint64_t *a = t->arg;
	const char *bar = " ";

	call_add(c, "mremap %" PRIx64 " %" PRIx64 " %" PRIx64, a[0], a[1], a[2]);
	if (a[3] & 1) {
		call_add(c, "%sMAYMOVE", bar);
		bar = "|";
	}
	if (a[3] & 2) {
		call_add(c, "%sFIXED", bar);
		bar = "|";
	}
	if (a[3] & 4) {
		call_add(c, "%sDONTUNMAP", bar);
		bar = "|";
	}
	if (a[3] & ~(uint64_t)7) {
		call_add(c, "%sUNKNOWN", bar);
		bar = "|";
	}
	/* The register holds anything when neither FIXED nor DONTUNMAP asks for it. */
	call_add(c, "%s %" PRIx64, bar[0] == ' ' ? " 0" : "", a[3] & 6 ? a[4] : 0);
}

static void
call_shmat(struct record *rec, struct record_task *t, struct call_text *c, int64_t result)
{
	struct record_area area;
	char object[24] = "-";
	uint64_t prot = PROT_READ;

	if (!(t->arg[2] & SHM_RDONLY_BIT))
		prot |= PROT_WRITE;
	if (t->arg[2] & SHM_EXEC_BIT)
		prot |= PROT_EXEC;
	if (result >= 0 && record_area_at(t->tid, (uint64_t)result, &area))
		record_new_segment(rec, &area, object);
	call_add(c, "shmat %" PRIx64, t->arg[1]);
	call_prot(c, prot);
	call_add(c, " %s", object);
}

/* The call's name and arguments.  false: the format has no words for it. */
static bool
call_words(struct record *rec, struct record_task *t, struct call_text *c, int64_t result)
{
	const uint64_t *a = t->arg;

	switch (t->nr) {
	case SYS_mmap:
		call_mmap(rec, t, c, result);
		return true;
	case SYS_mremap:
		call_mremap(t, c);
		return true;
	case SYS_shmat:
		call_shmat(rec, t, c, result);
		return true;
	case SYS_mprotect:
	case SYS_pkey_mprotect:
		call_add(c, "mprotect %" PRIx64 " %" PRIx64, a[0], a[1]);
		call_prot(c, a[2]);
		return t->nr == SYS_mprotect || (int)a[3] == -1;
	case SYS_brk:
		call_add(c, "brk %" PRIx64, a[0]);
		return true;
	case SYS_munmap:
		call_add(c, "munmap %" PRIx64 " %" PRIx64, a[0], a[1]);
		return true;
	case SYS_madvise:
		call_add(c, "madvise %" PRIx64 " %" PRIx64 " %" PRIu32, a[0], a[1], (uint32_t)a[2]);
		return true;
	case SYS_msync:
		call_add(c, "msync %" PRIx64 " %" PRIx64 " %" PRIx32, a[0], a[1], (uint32_t)a[2]);
		return true;
	case SYS_mincore:
		call_add(c, "mincore %" PRIx64 " %" PRIx64, a[0], a[1]);
		return true;
	case SYS_mlock:
		call_add(c, "mlock %" PRIx64 " %" PRIx64, a[0], a[1]);
		return true;
	case SYS_mlock2:
		call_add(c, "mlock2 %" PRIx64 " %" PRIx64 " %" PRIx32, a[0], a[1], (uint32_t)a[2]);
		return true;
	case SYS_munlock:
		call_add(c, "munlock %" PRIx64 " %" PRIx64, a[0], a[1]);
		return true;
	case SYS_mlockall:
		call_add(c, "mlockall %" PRIx32, (uint32_t)a[0]);
		return true;
	case SYS_munlockall:
		call_add(c, "munlockall");
		return true;
	case SYS_shmdt:
		call_add(c, "shmdt %" PRIx64, a[0]);
		return true;
	default:
		return false;
	}
}

void
record_call_end(struct record *rec, struct record_task *t, int64_t result)
{
	struct call_text c = {.len = 0};
	const char *name = NULL;
	bool failed = result < 0 && result >= -4095;

	t->recorded = false;
	call_add(&c, "%u %d ", t->space->number, (int)t->tid);
	if (!call_words(rec, t, &c, failed ? -1 : result)) {
		rec->unsaid++;
		return;
	}
	if (failed && (name = trace_errno_name((int)-result)) == NULL) {
		rec->unsaid++;
		return;
	}
	if (failed)
		call_add(&c, " = -%s", name);
	else
		call_add(&c, " = %" PRIx64, (uint64_t)result);
	record_put(rec, t->line, c.buf);
}

#endif
