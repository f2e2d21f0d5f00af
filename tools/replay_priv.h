/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * replay_priv.h: what the parts of the replay engine share.
 *
 *	replay.c	the loop over records; spaces, objects, faults
 *	replay_calls.c	one recorded call into one or more calls, and its result judged
 *	replay_both.c	each call on the core and on the model
 *	replay_layout.c	snapshots
 */
#ifndef TOOLS_REPLAY_PRIV_H
#define TOOLS_REPLAY_PRIV_H

#include "env.h"
#include "mem.h"
#include "model.h"
#include "replay.h"
#include "text.h"

struct replay_space {
	struct tess_space *core;   /* NULL: not alive */
	struct model_space *model; /* NULL without the model */
};

struct replay_object {
	struct trace_obj obj;
	uint64_t size; /* as recorded last */
	struct tess_handle handle;
	/*
	 * The object itself, one reference ours: made at first use, or (shared anonymous memory) found behind
	 * the mapping that the core made.
	 */
	struct tess_object *core;
	bool zero; /* named "zero": the device, not a file */
};

struct replay {
	const struct trace *trace;
	const struct replay_config *cfg;
	struct replay_result *res;
	struct trace_cursor at;
	struct trace_rec rec; /* the current one */
	size_t rec_at;        /* where its text begins */
	struct replay_space *space;
	uint32_t nspace;
	struct replay_object *object;
	uint32_t nobject, object_room;
	struct tess_handle special; /* what kernel-provided areas map */
	struct model *model;
	enum replay_end end; /* not DONE: stop */
};

/* ---- replay.c ---- */

/* replay_differ: begin a note about the current record; replay_note sends it.  Both do nothing when not wanted. */
void replay_differ(struct replay *r, struct text *t, char *buf, size_t size);
void replay_note(struct replay *r, const struct text *t);
/* replay_result_wrong: count a result that differs and say "recorded A, core B" (either may be an error). */
void replay_result_wrong(struct replay *r, const char *recorded, const char *core);
/* replay_starved: a call failed with ENOMEM: is memory really used up?  Then the replay ends. */
bool replay_starved(struct replay *r);
/* replay_object: the object a record names; NULL for anonymous memory, stack and special. */
struct replay_object *replay_object(struct replay *r, struct trace_obj obj);
/* replay_handle: what mmap is given for it. */
struct tess_handle replay_handle(struct replay *r, struct trace_obj obj, uint8_t mode);
/* replay_object_of: the object behind a core pointer, NULL when none of ours. */
struct replay_object *replay_object_of(struct replay *r, const struct tess_object *core);
/* replay_size: the file's size is `size` from here on. */
void replay_size(struct replay *r, struct replay_object *o, uint64_t size);

/* ---- replay_both.c: each as its tess_ name; the model's opinion is judged inside ---- */

enum tess_err both_mmap(struct replay *r, struct replay_space *s, const struct tess_mmap_args *a,
			tess_va *out);
enum tess_err both_munmap(struct replay *r, struct replay_space *s, tess_va addr, uint64_t len);
enum tess_err both_mprotect(struct replay *r, struct replay_space *s, tess_va addr, uint64_t len,
			    unsigned prot);
enum tess_err both_madvise(struct replay *r, struct replay_space *s, tess_va addr, uint64_t len,
			   enum tess_madv advice);
enum tess_err both_msync(struct replay *r, struct replay_space *s, tess_va addr, uint64_t len,
			 unsigned flags);
enum tess_err both_mincore(struct replay *r, struct replay_space *s, tess_va addr, uint64_t len,
			   unsigned char *vec);
enum tess_err both_mlock2(struct replay *r, struct replay_space *s, tess_va addr, uint64_t len,
			  unsigned flags);
enum tess_err both_munlock(struct replay *r, struct replay_space *s, tess_va addr, uint64_t len);
enum tess_err both_mlockall(struct replay *r, struct replay_space *s, unsigned flags);
enum tess_err both_munlockall(struct replay *r, struct replay_space *s);
enum tess_err both_mremap(struct replay *r, struct replay_space *s, const struct trace_rec *rec,
			  unsigned flags, tess_va to, tess_va *out);
enum tess_err both_brk(struct replay *r, struct replay_space *s, tess_va addr, tess_va *out);
enum tess_err both_shmat(struct replay *r, struct replay_space *s, const struct tess_handle *h,
			 tess_va addr, unsigned prot, tess_va *out);
enum tess_err both_shmdt(struct replay *r, struct replay_space *s, tess_va addr);
enum tess_err both_access(struct replay *r, struct replay_space *s, tess_va va,
			  enum tess_access access);
enum tess_err both_fork(struct replay *r, struct replay_space *s, struct replay_space *child);
enum tess_err both_create(struct replay *r, struct replay_space *s);
void both_set_brk(struct replay *r, struct replay_space *s, tess_va start);
void both_destroy(struct replay *r, struct replay_space *s);
void both_set_size(struct replay *r, struct replay_object *o, uint64_t size);
/* both_compare_call: the layout, and what the last call did to pages.  both_compare: all of a space. */
void both_compare_call(struct replay *r, struct replay_space *s);
void both_compare(struct replay *r, struct replay_space *s);

/* ---- replay_calls.c ---- */

void replay_call(struct replay *r, struct replay_space *s);

/* ---- replay_layout.c ---- */

/* replay_snapshot: the block whose first line is the current record. */
void replay_snapshot(struct replay *r, struct replay_space *s);
/* replay_layout_same: do the areas of the block at `block` equal the space's?  Says where not. */
bool replay_layout_same(struct replay *r, struct replay_space *s, struct trace_cursor block);

#endif
