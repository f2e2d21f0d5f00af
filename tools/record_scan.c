/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * record_scan.c: page faults without tracing them (--no-faults).
 *
 * Replaying needs to know which private pages exist at each moment that matters, not when each was touched.
 * Before every call that may change a space, at forks and at snapshots, the space's private pages are listed
 * (PAGEMAP_SCAN, which can tell the zero page from a page of the program's own); those not told before become
 * write faults here:
 *
 *	told ········ ███ ████
 *	there now     ███ ████ ██    ─►  two lines "fault VA w", and told = there now
 *
 * After the call, pages that it took away are no longer told.  Reads leave no private page and are not
 * recorded; a stack that only reads have grown is told as a read of its lowest page.  Threads that touch
 * pages while another is inside a call can be off by those pages.
 */
#if defined(__linux__) && defined(__x86_64__) /* else cmd_record() only says so */

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "record.h"

/* Linux 6.7's interface; older headers lack it. */
struct scan_arg {
	uint64_t size, flags, start, end, walk_end, vec, vec_len, max_pages;
	uint64_t category_inverted, category_mask, category_anyof_mask, return_mask;
};
struct scan_region {
	uint64_t start, end, categories;
};
#define SCAN_IOCTL   _IOWR('f', 16, struct scan_arg)
#define SCAN_FILE    ((uint64_t)1 << 2)
#define SCAN_PRESENT ((uint64_t)1 << 3)
#define SCAN_SWAPPED ((uint64_t)1 << 4)
#define SCAN_PFNZERO ((uint64_t)1 << 5)
#define SCAN_REGIONS 256
#define SCAN_PAGE    4096

static void
runs_add(struct record_runs *r, uint64_t start, uint64_t end)
{
	if (r->n > 0 && r->run[r->n - 1].end == start) {
		r->run[r->n - 1].end = end;
		return;
	}
	r->run = record_grow(r->run, r->n, &r->room, sizeof(*r->run));
	r->run[r->n++] = (struct record_run){start, end};
}

void
record_runs_free(struct record_runs *r)
{
	free(r->run);
	*r = (struct record_runs){0};
}

void
record_runs_copy(struct record_runs *to, const struct record_runs *from)
{
	record_runs_free(to);
	for (size_t i = 0; i < from->n; i++)
		runs_add(to, from->run[i].start, from->run[i].end);
}

/* One range of a space's pages into *out.  false: the kernel cannot. */
static bool
scan_range(int pagemap, uint64_t start, uint64_t end, struct record_runs *out)
{
	struct scan_region region[SCAN_REGIONS];
	struct scan_arg arg = {
	    .size = sizeof(arg),
	    .start = start,
	    .end = end,
	    .vec = (uint64_t)(uintptr_t)region,
	    .vec_len = SCAN_REGIONS,
	    .category_inverted = SCAN_FILE | SCAN_PFNZERO,
	    .category_mask = SCAN_FILE | SCAN_PFNZERO,
	    .category_anyof_mask = SCAN_PRESENT | SCAN_SWAPPED,
	    .return_mask = SCAN_PRESENT | SCAN_SWAPPED,
	};

	while (arg.start < end) {
		int n = ioctl(pagemap, SCAN_IOCTL, &arg);
		if (n < 0)
			return false;
		for (int i = 0; i < n; i++)
			runs_add(out, region[i].start, region[i].end);
		arg.start = arg.walk_end;
	}
	return true;
}

static int
pagemap_open(pid_t tid)
{
	char name[64];

	snprintf(name, sizeof(name), "/proc/%d/pagemap", (int)tid);
	return open(name, O_RDONLY | O_CLOEXEC);
}

void
record_scan_probe(void)
{
	struct record_runs runs = {0};
	uint64_t here = (uint64_t)(uintptr_t)&runs & ~(uint64_t)(SCAN_PAGE - 1);
	int pagemap = pagemap_open(getpid());

	if (pagemap < 0 || !scan_range(pagemap, here, here + SCAN_PAGE, &runs))
		record_die("--no-faults needs PAGEMAP_SCAN (Linux 6.7): %s", strerror(errno));
	close(pagemap);
	record_runs_free(&runs);
}

/* Every private page of the task's space; *stack: the lowest address of its stack. */
static struct record_runs
scan_space(pid_t tid, uint64_t *stack)
{
	struct record_runs now = {0};
	size_t n;
	struct record_area *area = record_maps(tid, &n);
	int pagemap = pagemap_open(tid);

	for (size_t i = 0; pagemap >= 0 && i < n; i++) {
		if (record_area_private(&area[i]))
			scan_range(pagemap, area[i].start, area[i].end, &now);
		if (stack != NULL && strcmp(area[i].path, "[stack]") == 0)
			*stack = area[i].start;
	}
	if (pagemap >= 0)
		close(pagemap);
	free(area);
	return now;
}

static void
told_line(struct record *rec, const struct record_task *t, uint64_t va, char kind)
{
	record_add(rec, "%u %d fault %" PRIx64 " %c", t->space->number, (int)t->tid, va, kind);
}

void
record_scan_begin(struct record *rec, struct record_task *t)
{
	struct record_space *s = t->space;
	uint64_t stack = s->stack_low;
	struct record_runs now = scan_space(t->tid, &stack);
	size_t k = 0;

	for (size_t i = 0; i < now.n; i++)
		for (uint64_t va = now.run[i].start; va < now.run[i].end; va += SCAN_PAGE) {
			while (k < s->known.n && s->known.run[k].end <= va)
				k++;
			if (k == s->known.n || va < s->known.run[k].start)
				told_line(rec, t, va, 'w');
		}
	if (stack < s->stack_low)
		told_line(rec, t, stack, 'r');
	s->stack_low = stack;
	record_runs_free(&s->known);
	s->known = now;
}

void
record_scan_end(struct record *rec, struct record_task *t)
{
	struct record_space *s = t->space;
	struct record_runs now = scan_space(t->tid, NULL), both = {0};
	size_t k = 0;

	(void)rec;
	for (size_t i = 0; i < now.n; i++) {
		while (k < s->known.n && s->known.run[k].end <= now.run[i].start)
			k++;
		for (size_t j = k; j < s->known.n && s->known.run[j].start < now.run[i].end; j++) {
			const struct record_run *x = &s->known.run[j], *y = &now.run[i];
			runs_add(&both, x->start > y->start ? x->start : y->start,
				 x->end < y->end ? x->end : y->end);
		}
	}
	record_runs_free(&now);
	record_runs_free(&s->known);
	s->known = both;
}

void
record_scan_exec(struct record_task *t)
{
	record_runs_free(&t->space->known);
	t->space->known = scan_space(t->tid, NULL);
}

#endif
