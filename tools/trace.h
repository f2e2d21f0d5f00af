/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * trace.h: reading vmtrace 1, the text of what a real program did to its address spaces.
 *
 * A trace is one text in memory, a record a line.  A cursor walks it; each step gives one record with all
 * its numbers, or says which line is wrong and what was expected there.  Nothing is allocated and nothing is
 * copied: names point into the text, and looking ahead is a copy of the cursor.
 *
 *	FILE.vmt[.gz] ──trace_load──► struct trace ──trace_start──► cursor ──trace_next──► record, record ...
 *	                                    └──────── trace_check: is all of it in order? (once, before use)
 *
 * trace.c and trace_check.c are freestanding, so that a bootable image can carry a trace; only trace_load.c
 * needs a libc and zlib.
 *
 * Rejected: an array of parsed records (ten times the text, and a reader that needs an allocator).
 */
#ifndef TOOLS_TRACE_H
#define TOOLS_TRACE_H

#include <tessera/space.h>

struct trace {
	const char *name; /* for messages */
	const char *text;
	size_t size;
};

struct trace_cursor {
	const struct trace *trace;
	size_t at;     /* the next unread byte */
	uint32_t line; /* lines read so far */
};

enum trace_kind {
	TRACE_VMTRACE,
	TRACE_ARCH,
	TRACE_PAGE,
	TRACE_LOST,
	TRACE_OBJECT,
	TRACE_SIZE,
	TRACE_EXEC,
	TRACE_SNAPSHOT,
	TRACE_AREA,
	TRACE_RESIDENT,
	TRACE_COUNTS,
	TRACE_END,
	TRACE_FORK,
	TRACE_EXIT,
	TRACE_FAULT,
	TRACE_MMAP, /* from here on: calls */
	TRACE_MUNMAP,
	TRACE_MPROTECT,
	TRACE_BRK,
	TRACE_MREMAP,
	TRACE_MADVISE,
	TRACE_MSYNC,
	TRACE_MINCORE,
	TRACE_MLOCK,
	TRACE_MLOCK2,
	TRACE_MUNLOCK,
	TRACE_MLOCKALL,
	TRACE_MUNLOCKALL,
	TRACE_SHMAT,
	TRACE_SHMDT,
	TRACE_KIND_COUNT
};

enum trace_backing {
	TRACE_ANON,    /* "-" */
	TRACE_STACK,   /* "stack" */
	TRACE_SPECIAL, /* "special": provided by the kernel */
	TRACE_FILE,    /* f1: from here on `id` counts */
	TRACE_DEVICE,  /* d1 */
	TRACE_ZERO,    /* z1: shared anonymous memory */
};

struct trace_obj {
	enum trace_backing backing;
	uint32_t id;
};

enum {
	TRACE_FAULT_PRESENT = 1, /* "prot": the page was there */
	TRACE_FAULT_KERNEL = 2,  /* taken by the kernel on the program's behalf */
};

/* Bits of `prot` beyond TESS_PROT_*: Linux's own numbers. */
enum {
	TRACE_PROT_SEM = 0x8,
	TRACE_PROT_UNKNOWN = 0x10, /* a bit no x86 system knows */
	TRACE_PROT_GROWSDOWN = 0x01000000,
	TRACE_PROT_GROWSUP = 0x02000000,
};

#define TRACE_MSYNC_ALL UINT32_MAX /* msync's flags "-1" */

struct trace_rec {
	enum trace_kind kind;
	enum tess_access access; /* fault */
	uint32_t line;
	uint32_t space, task;
	uint32_t prot; /* area, mmap, mprotect, shmat */
	uint32_t
	    flags; /* mmap: TESS_MAP_*; mremap: TESS_MREMAP_*; fault: TRACE_FAULT_*; else the system's number */
	uint8_t shared; /* area: 1 or 0 */
	uint8_t mode;   /* mmap: TESS_MODE_* of the descriptor */
	int err;        /* calls: 0, or the (positive) Linux error number */
	uint64_t addr;  /* first address; area, resident: start */
	uint64_t len;   /* first length; area: end - start */
	uint64_t len2;  /* mremap: new length */
	uint64_t addr2; /* mremap: new address */
	uint64_t off;   /* area, mmap */
	uint64_t
	    value; /* object, size: bytes; resident, counts: pages; fork: the child; lost: records */
	uint64_t result; /* calls that succeeded */
	struct trace_obj obj;
	const char *text; /* object: name; snapshot: why.  Not terminated */
	uint32_t text_len;
};

#define TRACE_FOUND_MAX 48
struct trace_error {
	uint32_t line;               /* 0: of the whole file */
	const char *expected;        /* as in "FILE:LINE: expected ..." */
	char found[TRACE_FOUND_MAX]; /* what stood there, shortened; may be empty */
};

enum trace_step {
	TRACE_RECORD,
	TRACE_EOF,
	TRACE_BAD
};

/* trace_start: before the first line. */
void trace_start(const struct trace *t, struct trace_cursor *c);

/*
 * trace_next: the next record.
 *
 * => TRACE_BAD: *err says where and what; *rec is of no use; the cursor stands behind the line
 */
enum trace_step trace_next(struct trace_cursor *c, struct trace_rec *rec, struct trace_error *err);

/* What a whole trace holds: bounds for tables. */
struct trace_totals {
	uint32_t spaces;    /* highest space number + 1 */
	uint32_t objects;   /* object lines */
	uint64_t records;   /* lines after the head */
	uint64_t lost;      /* records the recorder lost */
	uint64_t snapshots; /* snapshot blocks */
};

/*
 * trace_check: the whole trace is well-formed and makes sense: header first, objects declared before use
 * and once, blocks closed, spaces alive when used, areas ascending and page aligned.
 *
 * => `alive` is a work area of alive_len bytes; spaces numbered from alive_len on are an error
 */
enum trace_step trace_check(const struct trace *t, uint8_t *alive, uint32_t alive_len,
			    struct trace_totals *totals, struct trace_error *err);

/* trace_kind_name: the word of a call or record, as in "munmap". */
const char *trace_kind_name(enum trace_kind k);

/* trace_errno_name: "EINVAL" for 22; NULL for a number no trace holds.  trace_errno_number: 0 for an unknown word. */
const char *trace_errno_name(int number);
int trace_errno_number(const char *word, size_t len);

/* trace_flag_name: the i-th word of mmap's FLAGS and its Linux bit; NULL after the last. */
const char *trace_flag_name(unsigned i, uint32_t *linux_bit);

/* ---- trace_load.c ---- */

/*
 * trace_load: read FILE.vmt or FILE.vmt.gz (told apart by content) into memory.
 *
 * => false: `message` says why ("FILE: ..."), nothing is kept
 */
bool trace_load(const char *path, struct trace *out, char *message, size_t message_size);
void trace_unload(struct trace *t);

/* trace_error_print: "FILE:LINE: expected X, found Y" into buf. */
void trace_error_print(const struct trace *t, const struct trace_error *e, char *buf, size_t size);

#endif
