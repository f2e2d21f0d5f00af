/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * record.h: what the parts of `tessera record` share.
 *
 * The recorder is the only tracer of a tree of processes.  Each of them stops at the edge of every system
 * call; page faults come from the kernel's tracepoints, or are derived from what is mapped (--no-faults).
 *
 *	cmd_record.c	 options, start, end
 *	record_loop.c	 waits for stops; tasks, spaces, fork, exec, exit
 *	record_call.c	 a call's arguments and result as a line
 *	record_maps.c	 /proc/PID/maps, smaps and pagemap; which file an area shows
 *	record_fault.c	 page faults through perf_event_open
 *	record_scan.c	 page faults by looking at what is there (--no-faults)
 *	record_out.c	 the lines, and the file
 *
 * Order.  A call's line stands where the call was about to begin: every fault seen until then is before it,
 * those that arrive later are behind it.  Calls on one space are let through one at a time, and so a thread
 * that wants to begin one while another is inside waits in its stop.
 */
#ifndef TOOLS_RECORD_H
#define TOOLS_RECORD_H

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

struct record_run {
	uint64_t start, end;
};

/* A sorted set of pages. */
struct record_runs {
	struct record_run *run;
	size_t n, room;
};

struct record_space {
	struct record_space *next; /* older */
	unsigned number;
	unsigned users; /* tasks not yet exiting */
	unsigned calls; /* since the last snapshot */
	pid_t busy;     /* the task inside a call that may change the layout; 0: none */
	uint64_t stack_low;
	struct record_runs known; /* --no-faults: private pages already told */
};

struct record_task {
	struct record_task *next;
	pid_t tid;
	struct record_space *space; /* NULL: its parent has not told yet */
	bool stopped_early;         /* its first stop came before its parent's event */
	bool exiting, held;
	uint64_t nr, arg[6]; /* the system call it is in; nr UINT64_MAX: none */
	size_t line;         /* of that call */
	bool recorded;       /* that call has a line */
	bool in_exec;
	bool shares; /* the clone it is in gives the child this space */
	/* What mmap's descriptor was when the call began. */
	struct record_fd {
		bool open, mappable;
		char letter; /* f, d or z */
		char mode[3];
		uint64_t dev, ino, size;
		char name[64];
		size_t line; /* kept for its size */
	} fd;
};

struct record_object {
	char letter;
	unsigned id;
	uint64_t size;
	char name[64];
	bool by_stat; /* dev and ino are known */
	uint64_t dev, ino;
	char key[48]; /* device and inode as /proc/PID/maps prints them; "": not seen there */
};

/* One line of /proc/PID/maps. */
struct record_area {
	uint64_t start, end, off;
	char perm[5];
	char key[48];
	char path[256];
};

struct record_line {
	char *text;
	pid_t exec_of; /* a fault booked while this task was inside execve; 0 otherwise */
};

struct record {
	/* options */
	const char *output;
	bool no_faults;
	unsigned every; /* snapshot after this many calls; 0: at exits only */
	/* lines */
	struct record_line *line;
	size_t nline, line_room;
	struct record_object *object;
	unsigned nobject, object_room;
	/* life */
	struct record_task *task;
	struct record_space *space; /* newest first, dead ones too */
	unsigned nspace;
	uint64_t lost;
	uint64_t unsaid; /* calls the format has no words for */
	int command_status;
	pid_t command;
	struct record_perf *perf;
};

/* ---- record_out.c ---- */

/* record_die: one line on stderr; kills the tracees, removes the unfinished file, exits with status 2. */
__attribute__((noreturn, format(printf, 1, 2))) void record_die(const char *fmt, ...);
void *record_grow(void *array, size_t n, size_t *room, size_t each);
/*
 * record_add: a line at the end; gives its index.  record_reserve: an empty one, which is left out unless
 * record_put gives it a text.
 */
size_t record_reserve(struct record *rec);
__attribute__((format(printf, 2, 3))) size_t record_add(struct record *rec, const char *fmt, ...);
void record_put(struct record *rec, size_t line, const char *text);
/* record_fini: forget all of it. */
void record_fini(struct record *rec);
/* record_open: can the file be written?  record_write: all of it, under its name at last. */
void record_open(struct record *rec);
void record_write(struct record *rec);

/* ---- record_loop.c ---- */

/* record_loop: until the last task is gone. */
void record_loop(struct record *rec);
struct record_task *record_task_find(struct record *rec, pid_t tid);

/* ---- record_call.c ---- */

enum record_call_class {
	RECORD_CALL_OTHER,  /* not ours */
	RECORD_CALL_LOOK,   /* changes nothing: mincore, msync */
	RECORD_CALL_CHANGE, /* may change layout or pages */
	RECORD_CALL_EXEC,
	RECORD_CALL_CLONE,
};
enum record_call_class record_call_class(uint64_t nr);
/* record_call_begin: what must be known before the call runs.  record_call_end: its line. */
void record_call_begin(struct record *rec, struct record_task *t);
void record_call_end(struct record *rec, struct record_task *t, int64_t result);
/* record_clone_shares: does the clone that t is about to make share the space? */
bool record_clone_shares(const struct record_task *t);

/* ---- record_maps.c ---- */

/* record_maps: the areas of a task, below the kernel's part; *n of them; the caller frees. */
struct record_area *record_maps(pid_t tid, size_t *n);
/* record_exec, record_snapshot: the blocks. */
void record_exec(struct record *rec, struct record_task *t);
void record_snapshot(struct record *rec, struct record_task *t, const char *why);
/* record_object_name: "f3" for what an area shows; makes the object when it is new. */
void record_area_object(struct record *rec, pid_t tid, const struct record_area *a, char out[24]);
/* record_object_by_fd: the same for a descriptor; `a` is the new mapping, NULL when there is none. */
void record_fd_object(struct record *rec, const struct record_fd *fd, const struct record_area *a,
		      char out[24]);
/* record_area_private: may it hold private pages that count? */
bool record_area_private(const struct record_area *a);
/* record_area_at: the area of the task that holds va. */
bool record_area_at(pid_t tid, uint64_t va, struct record_area *out);
/* record_new_segment: an object for shared anonymous memory that appeared at `a`. */
void record_new_segment(struct record *rec, const struct record_area *a, char out[24]);

/* ---- record_fault.c ---- */

/* record_perf_open: dies with a message where the kernel does not allow it.  record_perf_drain: faults so far. */
void record_perf_open(struct record *rec, pid_t pid);
void record_perf_drain(struct record *rec);
void record_perf_close(struct record *rec);

/* ---- record_scan.c ---- */

void record_scan_probe(void);
/* record_scan_begin: tell the pages that are there and were not told.  record_scan_end: forget those that are gone. */
void record_scan_begin(struct record *rec, struct record_task *t);
void record_scan_end(struct record *rec, struct record_task *t);
/* record_scan_exec: the pages of a new space are told by exec itself. */
void record_scan_exec(struct record_task *t);
void record_runs_copy(struct record_runs *to, const struct record_runs *from);
void record_runs_free(struct record_runs *r);

#endif
