/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * exec.h: run a program on the core, alone or held against the model after every call.
 *
 *	for each op:	core call ──► model call with the core's answer ──► same result?
 *			──► model_compare_layout, pages the call could change ──► walkers
 *	at the end:	everything is compared, destroyed, and written-back files are compared too
 *
 * The environment (env.h) is open already and stays open.  All memory comes from env_mem().
 */
#ifndef EXEC_H
#define EXEC_H

#include <tessera/types.h>
#include <tessera/map.h>
#include <tessera/space.h>
#include "program.h"

/* Who makes the files of open(): a handle for a new regular file of `size` zero bytes, or an error. */
struct exec_files {
	enum tess_err (*create)(void *ctx, const char *name, uint64_t size,
				struct tess_handle *out);
	void *ctx;
};

/* What a call answered. */
enum exec_kind {
	RESULT_NONE,
	RESULT_ERR,
	RESULT_VALUE,
	RESULT_BYTE,
	RESULT_BYTES,
	RESULT_KERN, /* kern, want_kern; when it is SUCCESS, nonzero value instead */
	RESULT_SYS
};

struct exec_answer {
	enum exec_kind kind;
	enum tess_err err;              /* of the core */
	enum tess_err want;             /* of the model */
	enum tess_kern kern, want_kern; /* RESULT_KERN */
	uint64_t value, want_value;
	unsigned char *bytes;
	uint64_t nbytes, room;
	const char *word; /* RESULT_SYS: an errno the core does not have */
};

/* Who looks on while a program runs, and changes nothing. */
struct exec_watch {
	void *ctx;
	/* before an op: false: it is passed over */
	bool (*before)(void *ctx, const struct program_op *op);
	/* after it: sp made the call, NULL: it is gone; false: the program ends here */
	bool (*after)(void *ctx, const struct program_op *op, const struct exec_answer *a,
		      struct tess_space *sp);
	/* at the end, while all of it lives: each space that is left, then each file */
	void (*space)(void *ctx, int number, struct tess_space *sp);
	void (*file)(void *ctx, const char *name, enum tess_handle_kind kind,
		     struct tess_object *o);
};

struct exec_options {
	bool model;                               /* hold everything against the model */
	bool check;                               /* all walkers after every call */
	unsigned max_spaces;                      /* fork() beyond answers EAGAIN; 0: 64 */
	const struct exec_files *files;           /* NULL: files in memory, env_file() */
	const struct exec_watch *watch;           /* NULL: nobody */
	uint64_t limit[TESS_LIMIT_COUNT];         /* of space 0; as in tess_space_config */
	void (*out)(void *ctx, const char *text); /* results, as program-format says; NULL: none */
	void *ctx;
	void (*die)(const char *why); /* the model cannot go on; does not return */
};

enum exec_verdict {
	EXEC_OK,
	EXEC_DIVERGED, /* core and model differ; report says where */
	EXEC_FAILED,   /* the program could not be run (no memory for it); report says why */
};

struct exec_result {
	enum exec_verdict verdict;
	uint32_t calls; /* ops executed */
	char report[16384];
};

void exec_run(const struct program *p, const struct exec_options *o, struct exec_result *res);

/* Where the heap of every space begins, until space_set_brk() says otherwise. */
#define EXEC_HEAP 0x10000000000u

#endif
