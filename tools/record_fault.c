/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * record_fault.c: page faults as the kernel's own tracepoints tell them.
 *
 * exceptions:page_fault_user and page_fault_kernel give the address and x86's error code.  One ring a CPU
 * takes both, for the whole tree of processes (inherit):
 *
 *	error code   bit 0 the page was present   1 write   2 user   4 instruction fetch
 *
 * The rings are emptied at every stop that matters and a hundred times a second; what one emptying finds is put
 * in the order of its time stamps.
 */
#if defined(__linux__) && defined(__x86_64__) /* else cmd_record() only says so */

#include <errno.h>
#include <inttypes.h>
#include <linux/perf_event.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "record.h"

#define PERF_PAGE     4096u
#define PERF_RING_MAX (4096u * 4096u) /* bytes of data a CPU; less where the kernel allows less */
#define PERF_RING_MIN (32u * 4096u)
#define USER_TOP      ((uint64_t)1 << 47)

struct perf_fault {
	uint64_t time, address, code;
	pid_t tid;
};

struct perf_tracepoint {
	unsigned id, address, code; /* offsets of the fields in a raw sample */
};

struct record_perf {
	struct perf_event_mmap_page **ring;
	int (*fd)[2]; /* of each ring: user, kernel */
	int ncpu;
	size_t bytes; /* data of the next ring; never more than of those before */
	struct perf_tracepoint point[2];
	struct perf_fault *fault;
	size_t nfault, room;
};

static const char *const point_name[2] = {"page_fault_user", "page_fault_kernel"};

/* ---- Opening ---- */

static FILE *
tracefs_open(const char *point, const char *file)
{
	static const char *const place[] = {"/sys/kernel/tracing", "/sys/kernel/debug/tracing"};
	char name[128];
	FILE *f = NULL;
	int why = ENOENT; /* the first place's answer, unless there is none */

	for (int i = 0; i < 2 && f == NULL; i++) {
		snprintf(name, sizeof(name), "%s/events/exceptions/%s/%s", place[i], point, file);
		f = fopen(name, "r");
		why = f == NULL && why == ENOENT ? errno : why;
	}
	if (f == NULL)
		record_die("page-fault tracepoints cannot be read "
			   "(/sys/kernel/tracing/events/exceptions: %s); "
			   "mount tracefs there and be root, or use --no-faults",
			   strerror(why));
	return f;
}

static void
point_read(struct perf_tracepoint *p, const char *point)
{
	char line[256];
	unsigned offset;
	bool address = false, code = false;
	FILE *f = tracefs_open(point, "id");
	int ok = fscanf(f, "%u", &p->id);

	fclose(f);
	f = tracefs_open(point, "format");
	while (fgets(line, sizeof(line), f) != NULL) {
		if (sscanf(line, " field:unsigned long address; offset:%u;", &offset) == 1) {
			p->address = offset;
			address = true;
		}
		if (sscanf(line, " field:unsigned long error_code; offset:%u;", &offset) == 1) {
			p->code = offset;
			code = true;
		}
	}
	fclose(f);
	if (ok != 1 || !address || !code)
		record_die("the tracepoint exceptions:%s has an unknown form; use --no-faults",
			   point);
}

static int
perf_open(unsigned id, pid_t pid, int cpu)
{
	struct perf_event_attr attr;

	memset(&attr, 0, sizeof(attr));
	attr.size = sizeof(attr);
	attr.type = PERF_TYPE_TRACEPOINT;
	attr.config = id;
	attr.sample_period = 1;
	attr.sample_type = PERF_SAMPLE_TID | PERF_SAMPLE_TIME | PERF_SAMPLE_RAW;
	attr.inherit = 1;
	attr.disabled = 1;
	attr.enable_on_exec = 1;
	int fd = (int)syscall(SYS_perf_event_open, &attr, pid, cpu, -1, PERF_FLAG_FD_CLOEXEC);
	if (fd < 0 && errno != ENODEV)
		record_die("the kernel does not allow tracing page faults (perf_event_open: %s); "
			   "be root or lower "
			   "/proc/sys/kernel/perf_event_paranoid to -1, or use --no-faults",
			   strerror(errno));
	return fd;
}

static void *
ring_map(struct record_perf *p, int fd)
{
	void *ring = MAP_FAILED;

	for (; p->bytes >= PERF_RING_MIN; p->bytes /= 2) {
		ring = mmap(NULL, PERF_PAGE + p->bytes, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
		if (ring != MAP_FAILED)
			return ring;
	}
	record_die("no memory for the page-fault rings: %s", strerror(errno));
}

void
record_perf_open(struct record *rec, pid_t pid)
{
	struct record_perf *p = calloc(1, sizeof(*p));
	int ncpu = (int)sysconf(_SC_NPROCESSORS_CONF);

	if (p == NULL || (p->ring = calloc((size_t)ncpu, sizeof(*p->ring))) == NULL ||
	    (p->fd = calloc((size_t)ncpu, sizeof(*p->fd))) == NULL)
		record_die("out of memory");
	p->bytes = PERF_RING_MAX;
	for (int i = 0; i < 2; i++)
		point_read(&p->point[i], point_name[i]);
	for (int cpu = 0; cpu < ncpu; cpu++) {
		int user = perf_open(p->point[0].id, pid, cpu);
		if (user < 0)
			continue; /* a CPU that is switched off */
		int kernel = perf_open(p->point[1].id, pid, cpu);
		p->fd[p->ncpu][0] = user;
		p->fd[p->ncpu][1] = kernel;
		p->ring[p->ncpu++] = ring_map(p, user);
		if (ioctl(kernel, PERF_EVENT_IOC_SET_OUTPUT, user) != 0)
			record_die("perf: cannot join two events: %s", strerror(errno));
	}
	rec->perf = p;
}

/* ---- Reading ---- */

static void
ring_copy(const struct perf_event_mmap_page *ring, uint64_t at, void *to, size_t n)
{
	const char *data = (const char *)ring + PERF_PAGE;

	for (size_t i = 0; i < n; i++)
		((char *)to)[i] = data[(at + i) % ring->data_size];
}

static void
sample_take(struct record_perf *p, const unsigned char *s, size_t size)
{
	/* After the header: pid and tid, time, size of the raw part, the raw part. */
	const unsigned char *raw = s + 20;
	struct perf_fault f;
	uint16_t type;
	uint32_t tid;

	if (size < 20 + 8)
		return;
	memcpy(&tid, s + 4, 4);
	memcpy(&f.time, s + 8, 8);
	memcpy(&type, raw, 2);
	const struct perf_tracepoint *point = &p->point[type == p->point[1].id];
	if (type != point->id || point->address + 28u > size || point->code + 28u > size)
		return;
	memcpy(&f.address, raw + point->address, 8);
	memcpy(&f.code, raw + point->code, 8);
	f.tid = (pid_t)tid;
	if (f.address >= USER_TOP)
		return;
	p->fault = record_grow(p->fault, p->nfault, &p->room, sizeof(*p->fault));
	p->fault[p->nfault++] = f;
}

static void
ring_drain(struct record *rec, struct perf_event_mmap_page *ring)
{
	struct record_perf *p = rec->perf;
	uint64_t head = __atomic_load_n(&ring->data_head, __ATOMIC_ACQUIRE), at = ring->data_tail;
	struct perf_event_header h;
	unsigned char body[512];
	uint64_t lost;

	while (at < head) {
		ring_copy(ring, at, &h, sizeof(h));
		if (h.size < sizeof(h))
			record_die("the kernel's page-fault ring holds nonsense");
		size_t n = h.size - sizeof(h);
		if (n > sizeof(body))
			n = sizeof(body);
		ring_copy(ring, at + sizeof(h), body, n);
		if (h.type == PERF_RECORD_SAMPLE)
			sample_take(p, body, n);
		if (h.type == PERF_RECORD_LOST) {
			memcpy(&lost, body + 8, 8);
			rec->lost += lost;
		}
		at += h.size;
	}
	__atomic_store_n(&ring->data_tail, at, __ATOMIC_RELEASE);
}

static int
fault_order(const void *a, const void *b)
{
	const struct perf_fault *x = a, *y = b;

	return x->time < y->time ? -1 : x->time > y->time;
}

static void
fault_line(struct record *rec, const struct perf_fault *f)
{
	struct record_task *t = record_task_find(rec, f->tid);

	if (t == NULL || t->space == NULL || t->space->users == 0)
		return; /* its space is gone */
	char kind = f->code & 0x10 ? 'x' : f->code & 2 ? 'w' : 'r';
	size_t line = record_add(rec, "%u %d fault %" PRIx64 " %c%s%s", t->space->number,
				 (int)f->tid, f->address & ~(uint64_t)0xfff, kind,
				 f->code & 1 ? " prot" : "", f->code & 4 ? "" : " kernel");
	rec->line[line].exec_of = t->in_exec ? f->tid : 0;
}

void
record_perf_drain(struct record *rec)
{
	struct record_perf *p = rec->perf;

	if (p == NULL)
		return;
	p->nfault = 0;
	for (int i = 0; i < p->ncpu; i++)
		ring_drain(rec, p->ring[i]);
	if (p->nfault > 1)
		qsort(p->fault, p->nfault, sizeof(*p->fault), fault_order);
	for (size_t i = 0; i < p->nfault; i++)
		fault_line(rec, &p->fault[i]);
}

void
record_perf_close(struct record *rec)
{
	struct record_perf *p = rec->perf;

	if (p == NULL)
		return;
	for (int i = 0; i < p->ncpu; i++) {
		munmap(p->ring[i], PERF_PAGE + p->ring[i]->data_size);
		close(p->fd[i][1]);
		close(p->fd[i][0]);
	}
	free(p->ring);
	free(p->fd);
	free(p->fault);
	free(p);
	rec->perf = NULL;
}

#endif
