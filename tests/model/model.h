/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * model.h: the reference: what every call of tessera/space.h must do, page by page, obviously right.
 *
 *	model ─┬─ spaces:  runs (sorted ranges of pages with equal records)
 *	       │           pages (every page that was touched: full contents, or only "was read")
 *	       ├─ objects: size, contents (pages that were written, else a generator)
 *	       └─ groups:  private pages that two spaces share after minherit(SHARE) and fork
 *
 * The model is no second implementation: no sharing by reference after a fork (pages are copied at once), no
 * merging of entries (runs are joined after every call), no locks, no frames.  It chooses no addresses: where a
 * call may choose, the model is told the core's answer, holds it against the rules and adopts it.
 *
 *	e = tess_mmap(sp, &args, &va);
 *	answer = (struct model_answer){.err = e, .va = va};
 *	want = model_mmap(ms, &args, &answer);	=> want is the error that the rules demand; answer.va the address
 *
 * Handles are the core's own: an object is registered once under its core pointer (model_object_create), then
 * the same tess_mmap_args go to both.
 *
 * What only one system's text can decide is in a table (struct model_rules), one row a personality; the calls
 * read the table and never ask for a name.
 *
 * Rejected: letting the model predict addresses (placement is the core's freedom, and a second copy of the search
 * would only repeat its mistakes), a page record for each page of a run (128 GiB mappings of real programs).
 */
#ifndef MODEL_H
#define MODEL_H

#include <tessera/types.h>
#include <tessera/object.h>
#include <tessera/space.h>
#include <tessera/map.h>
#include "mem.h"

struct model;
struct model_space;
struct model_object;

/* In: what the core answered.  Out: the address the rules demand (only after a call whose result is OK). */
struct model_answer {
	enum tess_err err;
	tess_va va;
};

/*
 * model_create: an empty model; all memory comes from `mem`.  `die` is called, and must not return, when the
 * model itself cannot go on (its memory is used up, or the test handed it an object it does not know).
 * model_destroy: everything, whatever is left.
 */
struct model *model_create(struct model_mem *mem, void (*die)(const char *why));

/*
 * model_set_unsure: a call ran out of memory after it had made a page of a memory object: from here on such pages may
 * be in memory or not (mincore).
 */
void model_set_unsure(struct model *m);

/*
 * model_set_room: the machine has so many frames: population (mlock, MADV_POPULATE_WRITE ...) of more private pages
 * in one call stops there, as out of memory.  Unlimited until told.
 */
void model_set_room(struct model *m, uint64_t pages);
/*
 * model_set_failing: in the next call memory ends while mlock brings pages in: which of them are in is unknown
 * (model_forgive), and the call does what it does when not all can be had.
 */
void model_set_failing(struct model *m);
void model_destroy(struct model *m);

/* model_complaint: why the core's last answer was illegal (an address that was not free ...); NULL: it was legal. */
const char *model_complaint(const struct model *m);

/* ---- Objects ---- */

/*
 * model_object_create: register the core's object `core`.  Byte i of its contents is fill_byte(seed, i).
 * model_object_close: the creator's reference is gone; the object lives on while it is mapped.
 */
struct model_object *model_object_create(struct model *m, const struct tess_object *core,
					 enum tess_handle_kind kind, uint64_t size, uint64_t seed);
void model_object_close(struct model_object *o);
struct model_object *model_object_find(struct model *m, const struct tess_object *core);
uint64_t model_object_size(const struct model_object *o);
void model_object_set_size(struct model_object *o, uint64_t size);
void model_object_write(struct model_object *o, tess_off off, const void *buf, uint64_t len);
uint64_t model_object_read(const struct model_object *o, tess_off off, void *buf, uint64_t len);
/* The name an object has in reports and dumps. */
void model_object_name(struct model_object *o, const char *name);

/* ---- Spaces ---- */

struct model_space *model_space_create(struct model *m, const struct tess_space_config *cfg);
struct model_space *model_space_fork(struct model_space *sp);
void model_space_exec(struct model_space *sp);
void model_space_destroy(struct model_space *sp);
enum tess_err model_space_set_limit(struct model_space *sp, enum tess_limit which, uint64_t bytes);
enum tess_err model_space_set_brk(struct model_space *sp, tess_va start);
tess_va model_space_brk(const struct model_space *sp);

/* ---- The calls: same arguments as the core's; the result is what the rules demand ---- */

enum tess_err model_mmap(struct model_space *sp, const struct tess_mmap_args *a,
			 struct model_answer *ans);
enum tess_err model_munmap(struct model_space *sp, tess_va addr, uint64_t len);
enum tess_err model_mprotect(struct model_space *sp, tess_va addr, uint64_t len, unsigned prot);
enum tess_err model_madvise(struct model_space *sp, tess_va addr, uint64_t len,
			    enum tess_madv advice);
enum tess_err model_posix_madvise(struct model_space *sp, tess_va addr, uint64_t len,
				  enum tess_madv advice);
enum tess_err model_msync(struct model_space *sp, tess_va addr, uint64_t len, unsigned flags);
/*
 * model_mincore: `vec` is what the core wrote (NULL: the call was made with NULL).  Each byte is held against
 * the rules: what must be resident, what must not be, what may be either (file pages nobody touched).
 */
enum tess_err model_mincore(struct model_space *sp, tess_va addr, uint64_t len,
			    const unsigned char *vec);
enum tess_err model_mincore_detail(struct model_space *sp, tess_va addr, uint64_t len,
				   const unsigned char *vec);
enum tess_err model_mlock2(struct model_space *sp, tess_va addr, uint64_t len, unsigned flags);
enum tess_err model_munlock(struct model_space *sp, tess_va addr, uint64_t len);
enum tess_err model_mlockall(struct model_space *sp, unsigned flags);
enum tess_err model_munlockall(struct model_space *sp);
enum tess_err model_minherit(struct model_space *sp, tess_va addr, uint64_t len,
			     enum tess_inherit inherit);
enum tess_err model_mremap(struct model_space *sp, tess_va old, uint64_t old_len, uint64_t new_len,
			   unsigned flags, tess_va new_addr, struct model_answer *ans);
/* NetBSD's form. */
enum tess_err model_mremap_bsd(struct model_space *sp, tess_va old, uint64_t old_len, tess_va to,
			       uint64_t new_len, unsigned flags, uint8_t align,
			       struct model_answer *ans);
enum tess_err model_mquery(struct model_space *sp, const struct tess_mmap_args *a,
			   struct model_answer *ans);
enum tess_err model_mimmutable(struct model_space *sp, tess_va addr, uint64_t len);
enum tess_err model_mseal(struct model_space *sp, tess_va addr, uint64_t len, unsigned flags);
enum tess_err model_sbrk(struct model_space *sp, int64_t incr, struct model_answer *ans);
enum tess_err model_ommap(struct model_space *sp, tess_va addr, int32_t len, unsigned prot,
			  unsigned flags, const struct tess_handle *h, int64_t off,
			  struct model_answer *ans);
enum tess_err model_brk(struct model_space *sp, tess_va addr, struct model_answer *ans);
enum tess_err model_shmat(struct model_space *sp, const struct tess_handle *h, tess_va addr,
			  unsigned prot, struct model_answer *ans);
enum tess_err model_shmdt(struct model_space *sp, tess_va addr);

/* Of the map layer (tessera/map.h); the space stands for its map. */
enum tess_kern model_map_protect(struct model_space *sp, tess_va start, tess_va end, tess_prot prot,
				 tess_prot maxprot, unsigned flags);
enum tess_kern model_map_set_flags(struct model_space *sp, unsigned flags);

/* One access of one byte, as env_load, env_store, env_fetch. */
enum tess_err model_load(struct model_space *sp, tess_va va, uint8_t *byte);
enum tess_err model_store(struct model_space *sp, tess_va va, uint8_t byte);
enum tess_err model_fetch(struct model_space *sp, tess_va va);
/* Only what an access does to a stack: it grows to va if it may. */
void model_grow(struct model_space *sp, tess_va va);

/* ---- Looking ---- */

/* The first area with end > va, joined with its equal neighbours; object is the core's pointer, when known. */
bool model_space_next_area(struct model_space *sp, tess_va va, struct tess_area *area);
/* The first area with end > va; what dump() prints of its object: "-", "shm" or the name. */
const char *model_area_object_name(struct model_space *sp, tess_va va);
uint64_t model_space_anon(struct model_space *sp);
uint64_t model_space_bytes(struct model_space *sp);
uint64_t model_space_locked(struct model_space *sp);
/* Did the last call change only page contents inside [*start, *end)?  That range, empty when none. */
void model_space_touched(const struct model_space *sp, tess_va *start, tess_va *end);

/* ---- Comparing with the core (compare.c) ---- */

/*
 * model_compare_layout: areas, joined on both sides, the counts of mapped bytes, anons and locked bytes.
 * model_compare_pages: contents and kind of every page that the model knows inside [start, end).
 * model_compare: both, of everything.
 *
 * => false: they differ; model_report() is the text, both sides beside each other
 */
bool model_compare_layout(struct model_space *sp, struct tess_space *core);
bool model_compare_pages(struct model_space *sp, struct tess_space *core, tess_va start,
			 tess_va end);
bool model_compare(struct model_space *sp, struct tess_space *core);
/*
 * model_forgive: after a call during which memory ran out: pages of [start, end) that the model populated and the
 * core could not may be missing, when nothing was stored in them.
 */
void model_forgive(struct model_space *sp, struct tess_space *core, tess_va start, tess_va end);
/* Contents of a live object against tess_object_read(). */
bool model_compare_object(struct model_object *o, struct tess_object *core);
const char *model_report(const struct model *m);

#endif
