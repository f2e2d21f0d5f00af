/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * diff.h: between the files of `tessera diff-host`.
 *
 *	worker (diff_run.c)			the kernel's side (diff_child.c)
 *	  a program into struct diff_shared ───►  template: a process whose whole address space is taken,
 *						    │ fork	but for a window and a heap
 *						  runner: space 0; space n: its children by fork()
 *	  the same program on the core	  ◄───	  one struct diff_step a call: answer, layout, pages
 *	  each call held against its step
 *
 * The kernel runs a whole program first; then the core does, and is compared after every call.  Addresses are the
 * same on both sides: the window and the heap lie at fixed places, everything else is taken on both sides (on the
 * core by the program's first lines, diff_prologue()), so that even the places that a call chooses must agree.
 *
 * Rejected: one process a program (forking costs more than the program); a call at a time between two processes
 * (two context switches a call); asking the model for addresses (here the kernel says them).
 */
#ifndef TESS_TOOLS_DIFF_H
#define TESS_TOOLS_DIFF_H

#include <stdatomic.h>
#include <tessera/space.h>
#include "exec.h"
#include "program.h"

#define DIFF_PAGE       ((uint64_t)TESS_PAGE_SIZE)
#define DIFF_BASE       ((uint64_t)0x10000000) /* the window */
#define DIFF_PAGES      1024
#define DIFF_END        (DIFF_BASE + DIFF_PAGES * DIFF_PAGE)
#define DIFF_HEAP       ((uint64_t)0x0c000000) /* where the break of every program begins */
#define DIFF_HEAP_PAGES 256
#define DIFF_HEAP_END   (DIFF_HEAP + DIFF_HEAP_PAGES * DIFF_PAGE)
#define DIFF_BITS       (DIFF_PAGES + DIFF_HEAP_PAGES)
#define DIFF_WORDS      (DIFF_BITS / 64)
#define DIFF_LOW        ((uint64_t)0x10000)        /* the user range of the core */
#define DIFF_TOP        ((uint64_t)0x7ffffffff000) /* ... and of the kernel */

#define DIFF_OPS    600
#define DIFF_AREAS  128 /* of one look */
#define DIFF_ARENA  32768
#define DIFF_BYTES  262144
#define DIFF_SPACES 8
#define DIFF_NAMES  16
#define DIFF_FDS    64
#define DIFF_FD0    4 /* the first descriptor of a program */
#define DIFF_KNOWN  32

#define DIFF_NR_MSEAL 462 /* of every Linux */

/* What the running kernel has (diff_probe). */
enum diff_feature {
	DIFF_PROCMAP = 1 << 0,  /* PROCMAP_QUERY */
	DIFF_PAGEMAP = 1 << 1,  /* PAGEMAP_SCAN */
	DIFF_GUARD = 1 << 2,    /* MADV_GUARD_INSTALL, and pagemap tells them */
	DIFF_SEAL = 1 << 3,     /* mseal */
	DIFF_KSM = 1 << 4,      /* MADV_MERGEABLE */
	DIFF_THP = 1 << 5,      /* MADV_HUGEPAGE */
	DIFF_POPULATE = 1 << 6, /* MADV_POPULATE_READ */
	DIFF_DONTNEED_LOCKED = 1 << 7,
	DIFF_FETCH = 1 << 8,       /* this processor's fetches can be tried */
	DIFF_SHM = 1 << 9,         /* System V segments */
	DIFF_MOVES_MANY = 1 << 10, /* mremap moves several mappings at once (6.17) */
	DIFF_LIMITS = 1 << 11,     /* no hard limit is in the way of setrlimit */
};

/* ---- What is seen of a space ---- */

struct diff_area {
	uint64_t start, end, off;
	uint64_t object; /* 0: private anonymous; else a key that is equal for equal objects */
	uint32_t flags;  /* TESS_AREA_* that both sides tell */
	uint8_t prot, maxprot, inherit, advice;
};

struct diff_look {
	uint32_t at, n;  /* areas in the arena */
	bool attributes; /* areas hold more than place, protection, sharing and object */
	bool pages;      /* the bitmaps hold */
	uint64_t anon[DIFF_WORDS];
	uint64_t guard[DIFF_WORDS];
};

/* Page of the window or heap that holds va; -1: elsewhere. */
static inline int
diff_bit(uint64_t va)
{
	if (va >= DIFF_BASE && va < DIFF_END)
		return (int)((va - DIFF_BASE) / DIFF_PAGE);
	if (va >= DIFF_HEAP && va < DIFF_HEAP_END)
		return (int)(DIFF_PAGES + (va - DIFF_HEAP) / DIFF_PAGE);
	return -1;
}

static inline uint64_t
diff_bit_va(int bit)
{
	return bit < DIFF_PAGES ? DIFF_BASE + (uint64_t)bit * DIFF_PAGE
				: DIFF_HEAP + (uint64_t)(bit - DIFF_PAGES) * DIFF_PAGE;
}

static inline bool
diff_bit_is(const uint64_t *map, int bit)
{
	return (map[bit / 64] >> (bit % 64) & 1) != 0;
}

static inline void
diff_bit_set(uint64_t *map, int bit)
{
	map[bit / 64] |= (uint64_t)1 << (bit % 64);
}

/* FNV over 64-bit words; never 0, which stands for bytes that cannot be had. */
uint64_t diff_hash(const void *bytes, size_t len);

/* ---- What the kernel answered ---- */

enum diff_kind {
	DIFF_NOTHING, /* the call answers nothing that could be compared */
	DIFF_VALUE,   /* success, `value` */
	DIFF_DATA,    /* success, bytes [at, at + n) */
	DIFF_ERRNO,   /* `err` */
	DIFF_SIGNAL,  /* `err` */
	DIFF_PASSED,  /* not done: it would reach outside the window, or is no call of Linux */
};

struct diff_step {
	enum diff_kind kind;
	int err;
	uint64_t value;
	uint32_t at, n;
	uint64_t arg[PROGRAM_ARGS]; /* as the kernel saw them */
	struct diff_look look;
};

/* A space or a file at the end. */
struct diff_final {
	bool have;
	struct diff_look look;
	uint64_t hash[DIFF_BITS]; /* of each mapped page; 0: cannot be read */
};

struct diff_file {
	uint64_t size, hash;
};

/* Who runs: a number of a space, or one of these. */
#define DIFF_TURN_WORKER   1000
#define DIFF_TURN_TEMPLATE 1001

struct diff_shared {
	_Atomic uint32_t turn;
	int worker; /* its process */
	/* the program */
	uint32_t nops, names, skip; /* skip: ops of the prologue, for the core alone */
	struct program_op op[DIFF_OPS];
	char name[DIFF_NAMES][PROGRAM_NAME];
	bool attributes;            /* look at attributes after each call */
	uint64_t inode[DIFF_NAMES]; /* of the kernel's files of these names */
	/* the run */
	uint32_t at; /* next op */
	uint64_t reg[PROGRAM_REGS];
	uint32_t nspaces, current;
	uint32_t parent[DIFF_SPACES];
	bool alive[DIFF_SPACES];
	bool runner; /* space 0's process can run another program */
	int shm[DIFF_FDS];
	uint32_t nshm;
	char crash[160];
	/* the kernel's side of limits, learnt by the template */
	uint64_t base_as, base_data;
	uint64_t memlock; /* the most that may be locked */
	unsigned features;
	bool ready; /* the template has its space in order; else crash[] says why not */
	/* answers */
	struct diff_step step[DIFF_OPS];
	struct diff_final final[DIFF_SPACES];
	struct diff_file file[DIFF_NAMES];
	bool files; /* file[] holds */
	uint32_t nareas, nbytes;
	struct diff_area area[DIFF_ARENA];
	unsigned char bytes[DIFF_BYTES];
};

/* ---- diff_look.c: the kernel's answers about its own layout; in the process that is looked at ---- */

/* look_open: this process's files under /proc; again after a fork. */
bool look_open(void);
void look_space(struct diff_shared *sh, struct diff_look *look, bool attributes);
void look_final(struct diff_shared *sh, struct diff_final *f);
/* look_areas: all of [from, to), attributes too; how many. */
unsigned look_smaps(uint64_t from, uint64_t to, struct diff_area *v, unsigned most);
/* look_probe: DIFF_PROCMAP, DIFF_PAGEMAP; look_guard: is the page at va a guard? */
unsigned look_probe(void);
bool look_guard(uint64_t va);
uint64_t look_inode(int fd);

/* ---- diff_call.c: one call on the kernel ---- */

struct diff_host {
	struct diff_shared *sh;
	unsigned me;            /* the space this process is */
	uint64_t as, data;      /* added to limits */
	int base[DIFF_NAMES];   /* a file of each name */
	int fd[DIFF_FDS];       /* of the program; -1: free */
	uint8_t kind[DIFF_FDS]; /* enum tess_handle_kind */
};

bool call_signals(void);
void call_host(struct diff_host *h, const struct program_op *op, struct diff_step *st);
/* call_fetch_works: can this process try fetches? */
bool call_fetch_works(void);

/* ---- diff_child.c: the processes of the kernel's side ---- */

/* child_start: a template; its process, or -1. */
int child_start(struct diff_shared *sh);
/* child_run: the program in sh, by the kernel.  false: the processes died; child_start() again; sh->crash says how. */
bool child_run(struct diff_shared *sh, int pid);
void child_stop(struct diff_shared *sh, int pid);

/* ---- diff_gen.c: programs ---- */

/* diff_prologue: the first ops of every program: on the core everything but window and heap is taken too. */
void diff_prologue(struct program *p);
/* diff_begins_so: does p begin with them? */
uint32_t diff_begins_so(const struct program *p);
void diff_generate(struct program *p, uint64_t seed, uint64_t number, unsigned features,
		   uint64_t memlock);

/* ---- diff_core.c: the core's side, and the comparison ---- */

/* Where core and kernel differ. */
enum diff_what {
	DIFF_IN_RESULT,
	DIFF_IN_BYTES, /* of mincore, pread */
	DIFF_IN_LAYOUT,
	DIFF_IN_ATTRIBUTES,
	DIFF_IN_ANON, /* which pages are private */
	DIFF_IN_GUARDS,
	DIFF_IN_PAGE, /* contents at the end */
	DIFF_IN_FILE,
};

struct diff_case {
	const struct diff_shared *sh;
	enum diff_what what;
	const struct program_op *op;
	const struct diff_step *st;
	const struct exec_answer *a;
	const struct diff_look *before; /* the kernel's, of the same space */
	int bit;                        /* IN_ANON, IN_GUARDS, IN_PAGE: the first page */
	const struct diff_area *host,
	    *core; /* IN_LAYOUT, IN_ATTRIBUTES: the first pair; may be NULL */
};

struct diff_known {
	const char *id;
	const char *kernels; /* which show it; NULL: all */
	const char *reason;
	bool ends; /* the two sides are in different states afterwards: the rest is not compared */
	bool (*is)(const struct diff_case *c);
};
extern const struct diff_known diff_known[];
extern const unsigned diff_nknown;
const struct diff_known *diff_explain(const struct diff_case *c);

struct diff_counts {
	uint64_t programs, calls, passed, unexplained, crashed;
	uint64_t known[DIFF_KNOWN];
};

struct diff_verdict {
	bool differs; /* unexplained */
	uint32_t line;
	char report[4096];
};

/* diff_core: p, which the kernel has run in sh, on the core. */
void diff_core(struct diff_shared *sh, const struct program *p, int isa, struct diff_counts *n,
	       struct diff_verdict *v);

/* ---- diff_run.c: a worker ---- */

struct diff_options {
	uint64_t programs, seed, only; /* only: UINT64_MAX: all */
	unsigned jobs;
	int isa;
	bool verbose, keep_going;
	char **file;
	int files;
};

/* diff_run: 0 all agree, 1 not, 77 cannot. */
int diff_run(const struct diff_options *o);

#endif
