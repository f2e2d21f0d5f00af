/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * layout.c: the mappings that every row begins with, and the names of their addresses.
 *
 * All of it is made by public calls on both sides.  What a personality cannot make (MAP_GUARD in linux) is a hole
 * there, or plain memory; layout_text says so at the head of a table.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "conform.h"

#define BASE        ((tess_va)0x10000000)
#define HEAP        ((tess_va)0x20000000)
#define STACK       (BASE + 0x400 * PAGE)
#define STACK_PAGES 32

const char *const layout_fd[] = {"none",   "bad", "rw",    "r",   "w",     "shut", "short", "zero",
				 "zero_r", "seg", "seg_r", "dev", "dev_r", "pipe", NULL};

const char *const layout_text[] = {
    "anon     4 pages  rw-, private, stored in",
    "none     2 pages  PROT_NONE, private",
    "hole     2 pages  nothing",
    "file     4 pages  rw-, shared, a file of 8 pages, stored in",
    "ro       2 pages  r--, shared, the same file opened for reading",
    "priv     2 pages  rw-, private, the same file; the first page stored in",
    "locked   2 pages  rw-, private, mlock",
    "immut    2 pages  rw-, private, stored in, mimmutable",
    "hole2    2 pages  nothing",
    "immro    2 pages  r--, private, stored in before, mimmutable",
    "guard    2 pages  MAP_GUARD in posix and bsd; nothing elsewhere",
    "guarded  2 pages  rw-, private; MADV_GUARD_INSTALL in posix and linux",
    "eof      2 pages  rw-, shared, a file of 1 page",
    "seg      2 pages  rw-, a System V segment",
    "zeros    2 pages  rw-, shared anonymous, stored in",
    "dev      2 pages  rw-, shared, a device",
    "gap     32 pages  the gap of MAP_STACK in bsd; nothing elsewhere",
    "stack   32 pages  rw-, MAP_STACK in bsd, GROWSDOWN in posix and linux, private in seed",
    "heap     2 pages  between brk's start and the break",
    NULL};

/* Where each name is, in order of addresses. */
static const struct {
	const char *name;
	tess_va start;
	unsigned pages;
} layout_place[] = {
    {"anon", BASE, 4},
    {"none", BASE + 4 * PAGE, 2},
    {"hole", BASE + 6 * PAGE, 2},
    {"file", BASE + 8 * PAGE, 4},
    {"ro", BASE + 12 * PAGE, 2},
    {"priv", BASE + 14 * PAGE, 2},
    {"locked", BASE + 16 * PAGE, 2},
    {"immut", BASE + 18 * PAGE, 2},
    {"hole2", BASE + 20 * PAGE, 2},
    {"immro", BASE + 22 * PAGE, 2},
    {"guard", BASE + 24 * PAGE, 2},
    {"guarded", BASE + 26 * PAGE, 2},
    {"eof", BASE + 28 * PAGE, 2},
    {"seg", BASE + 30 * PAGE, 2},
    {"zeros", BASE + 32 * PAGE, 2},
    {"dev", BASE + 34 * PAGE, 2},
    {"gap", STACK, STACK_PAGES},
    {"stack", STACK + STACK_PAGES *PAGE, STACK_PAGES},
    {"heap", HEAP, 2},
};
#define PLACES (sizeof(layout_place) / sizeof(layout_place[0]))

/* Addresses with a name where nothing of the layout is. */
static const struct {
	const char *name;
	tess_va va;
} layout_edge[] = {
    {"min", 64 * KIB},
    {"max", ((tess_va)1 << 47) - PAGE},
    {"top", ((tess_va)1 << 47) - PAGE - 128 * KIB *KIB},
    {"free", (tess_va)0x40000000},
    {"brk", HEAP + 2 * PAGE},
    {"gapend", HEAP + 32 * KIB *KIB *KIB},
    {"dataseg", HEAP + 512 * KIB *KIB},
    {"2g", (tess_va)2 * KIB *KIB *KIB},
    {"limit", (tess_va)0x60000000},
};
#define EDGES (sizeof(layout_edge) / sizeof(layout_edge[0]))

bool
layout_find(const char *name, size_t n, uint64_t *va)
{
	for (unsigned i = 0; i < PLACES; i++) {
		if (strlen(layout_place[i].name) == n &&
		    strncmp(name, layout_place[i].name, n) == 0) {
			*va = layout_place[i].start;
			return true;
		}
	}
	for (unsigned i = 0; i < EDGES; i++) {
		if (strlen(layout_edge[i].name) == n &&
		    strncmp(name, layout_edge[i].name, n) == 0) {
			*va = layout_edge[i].va;
			return true;
		}
	}
	return false;
}

const char *
layout_name(uint64_t va, uint64_t *start, uint64_t *end)
{
	for (unsigned i = 0; i < PLACES; i++) {
		*start = layout_place[i].start;
		*end = *start + layout_place[i].pages * PAGE;
		if (va >= *start && va < *end)
			return layout_place[i].name;
	}
	return NULL;
}

void
layout_print(struct text *t, uint64_t va, bool chosen)
{
	uint64_t start, end;
	const char *name = layout_name(va, &start, &end);

	if (name == NULL && !chosen && va >= HEAP && va < HEAP + 64 * PAGE) {
		name = "heap"; /* behind the break */
		start = HEAP;
	}
	if (name == NULL)
		text_add(t, "placed");
	else if (va == start)
		text_add(t, "%s", name);
	else if ((va - start) % PAGE == 0)
		text_add(t, "%s+%lup", name, (va - start) / PAGE);
	else
		text_add(t, "%s+%lu", name, va - start);
}

/* ---- Making it ---- */

static void
layout_check(struct conform *c, const char *what, unsigned core, unsigned model)
{
	char line[128];
	struct text t;

	if (core == TESS_OK && model == TESS_OK && model_complaint(c->model) == NULL)
		return;
	text_init(&t, line, sizeof(line));
	text_add(&t, "core %s, model %s", tess_err_name(core), tess_err_name(model));
	side_differs(c, what, line);
	if (c->core == NULL)
		conform_die(c->why);
}

static void
layout_map(struct conform *c, const char *name, unsigned prot, unsigned flags, const char *fd,
	   tess_off off)
{
	struct tess_mmap_args a = {.prot = prot, .off = off};
	struct model_answer ans = {.err = TESS_OK};
	uint64_t fdno = 0, end;
	enum tess_err e = TESS_OK, m;

	while (strcmp(layout_fd[fdno], fd) != 0)
		fdno++;
	if (!layout_find(name, strlen(name), &a.addr))
		conform_die(name);
	(void)layout_name(a.addr, &a.addr, &end);
	a.len = end - a.addr;
	a.flags = flags | TESS_MAP_FIXED;
	a.handle = side_handle(c, (unsigned)fdno);
	ans.va = a.addr;
	if (c->core != NULL)
		e = tess_mmap(c->core, &a, &ans.va);
	ans.err = e;
	m = model_mmap(c->ms, &a, &ans);
	layout_check(c, name, e, m);
}

static void
layout_store(struct conform *c, const char *name, unsigned pages, unsigned value)
{
	uint64_t va;

	if (!layout_find(name, strlen(name), &va))
		conform_die(name);
	for (unsigned i = 0; i < pages; i++) {
		uint8_t byte = (uint8_t)(value + i);
		enum tess_err e =
		    c->core == NULL ? TESS_OK : env_store(c->core, va + i * PAGE, byte);

		layout_check(c, name, e, model_store(c->ms, va + i * PAGE, byte));
	}
}

enum layout_do {
	DO_PROTECT_R,
	DO_LOCK,
	DO_IMMUTABLE,
	DO_GUARD
};

static void
layout_do(struct conform *c, const char *name, unsigned pages, enum layout_do what)
{
	enum tess_err e = TESS_OK, m = TESS_OK;
	uint64_t va, len = pages * PAGE;

	if (!layout_find(name, strlen(name), &va))
		conform_die(name);
	switch (what) {
	case DO_PROTECT_R:
		e = c->core ? tess_mprotect(c->core, va, len, TESS_PROT_READ) : TESS_OK;
		m = model_mprotect(c->ms, va, len, TESS_PROT_READ);
		break;
	case DO_LOCK:
		e = c->core ? tess_mlock(c->core, va, len) : TESS_OK;
		m = model_mlock2(c->ms, va, len, 0);
		break;
	case DO_IMMUTABLE:
		e = c->core ? tess_mimmutable(c->core, va, len) : TESS_OK;
		m = model_mimmutable(c->ms, va, len);
		break;
	case DO_GUARD:
		e = c->core ? tess_madvise(c->core, va, len, TESS_MADV_GUARD_INSTALL) : TESS_OK;
		m = model_madvise(c->ms, va, len, TESS_MADV_GUARD_INSTALL);
		break;
	}
	layout_check(c, name, e, m);
}

static void
layout_heap(struct conform *c)
{
	struct model_answer ans = {.err = TESS_OK};
	enum tess_err e = TESS_OK;

	if (c->core != NULL)
		e = tess_space_set_brk(c->core, HEAP);
	layout_check(c, "set_brk", e, model_space_set_brk(c->ms, HEAP));
	if (c->core != NULL)
		e = tess_brk(c->core, HEAP + 2 * PAGE, &ans.va);
	layout_check(c, "brk", e, model_brk(c->ms, HEAP + 2 * PAGE, &ans));
}

static void
layout_stack(struct conform *c)
{
	const unsigned rw = TESS_PROT_READ | TESS_PROT_WRITE,
		       priv = TESS_MAP_ANON | TESS_MAP_PRIVATE;
	struct tess_mmap_args a = {.addr = STACK,
				   .len = 2 * STACK_PAGES * PAGE,
				   .prot = rw,
				   .flags = priv | TESS_MAP_STACK | TESS_MAP_FIXED};
	struct model_answer ans = {.err = TESS_OK, .va = STACK};
	enum tess_err e = TESS_OK, m;

	if (c->p == TESS_PERSONALITY_POSIX || c->p == TESS_PERSONALITY_LINUX)
		layout_map(c, "stack", rw, priv | TESS_MAP_GROWSDOWN, "none", 0);
	if (c->p == TESS_PERSONALITY_SEED)
		layout_map(c, "stack", rw, priv, "none", 0);
	if (c->p == TESS_PERSONALITY_BSD) {
		if (c->core != NULL)
			e = tess_mmap(c->core, &a, &ans.va);
		m = model_mmap(c->ms, &a, &ans);
		layout_check(c, "stack", e, m);
	}
}

void
layout_make(struct conform *c)
{
	const unsigned rw = TESS_PROT_READ | TESS_PROT_WRITE,
		       priv = TESS_MAP_ANON | TESS_MAP_PRIVATE, shared = TESS_MAP_SHARED;
	bool p = c->p == TESS_PERSONALITY_POSIX, l = c->p == TESS_PERSONALITY_LINUX,
	     b = c->p == TESS_PERSONALITY_BSD;
	struct tess_handle seg = side_handle(c, 9);
	struct model_answer ans = {.err = TESS_OK};
	uint64_t va = BASE + 30 * PAGE;
	enum tess_err e = TESS_OK;

	layout_map(c, "anon", rw, priv, "none", 0);
	layout_store(c, "anon", 4, 0x11);
	layout_map(c, "none", TESS_PROT_NONE, priv, "none", 0);
	layout_map(c, "file", rw, shared, "rw", 0);
	layout_store(c, "file", 1, 0x21);
	layout_map(c, "ro", TESS_PROT_READ, shared, "r", 4 * PAGE);
	layout_map(c, "priv", rw, TESS_MAP_PRIVATE, "rw", 6 * PAGE);
	layout_store(c, "priv", 1, 0x31);
	layout_map(c, "locked", rw, priv, "none", 0);
	layout_do(c, "locked", 2, DO_LOCK);
	layout_map(c, "immut", rw, priv, "none", 0);
	layout_store(c, "immut", 2, 0x41);
	layout_do(c, "immut", 2, DO_IMMUTABLE);
	layout_map(c, "immro", rw, priv, "none", 0);
	layout_store(c, "immro", 2, 0x51);
	layout_do(c, "immro", 2, DO_PROTECT_R);
	layout_do(c, "immro", 2, DO_IMMUTABLE);
	if (p || b)
		layout_map(c, "guard", TESS_PROT_NONE, TESS_MAP_GUARD, "none", 0);
	layout_map(c, "guarded", rw, priv, "none", 0);
	layout_store(c, "guarded", 2, 0x61);
	if (p || l)
		layout_do(c, "guarded", 2, DO_GUARD);
	layout_map(c, "eof", rw, shared, "short", 0);
	if (c->core != NULL)
		e = tess_shmat(c->core, &seg, va, rw, &ans.va);
	layout_check(c, "seg", e, model_shmat(c->ms, &seg, va, rw, &ans));
	layout_map(c, "zeros", rw, shared | TESS_MAP_ANON, "none", 0);
	layout_store(c, "zeros", 1, 0x71);
	layout_map(c, "dev", rw, shared, "dev", 0);
	layout_stack(c);
	layout_heap(c);
}

/* ---- Before the call ---- */

/* "as:2p": the limit is two pages above what is counted now; "as:=2p": two pages. */
static bool
layout_limit(struct conform *c, enum tess_limit which, const char *text)
{
	static const struct arg_def number = {.name = "limit", .type = ARG_NUM};
	struct tess_area a = {.end = 0};
	uint64_t v, now = 0;
	bool exact = *text == '=';

	if (!value_parse(&number, text + exact, &v))
		return false;
	if (which == TESS_LIMIT_AS)
		now = model_space_bytes(c->ms);
	if (which == TESS_LIMIT_MEMLOCK)
		now = model_space_locked(c->ms);
	while (which == TESS_LIMIT_DATA && model_space_next_area(c->ms, a.end, &a))
		if ((a.prot & TESS_PROT_WRITE) != 0 &&
		    (a.flags & (TESS_AREA_SHARED | TESS_AREA_GROWSDOWN)) == 0)
			now += a.end - a.start;
	v += exact ? 0 : now;
	if (which == TESS_LIMIT_DATA)
		c->heap_end = HEAP + v;
	if (c->core != NULL && tess_space_set_limit(c->core, which, v) != TESS_OK)
		return false;
	return model_space_set_limit(c->ms, which, v) == TESS_OK;
}

#define BOTH(core_call, model_call) \
	((c->core == NULL || (core_call) == TESS_OK) && (model_call) == TESS_OK)
#define SEG  (BASE + 30 * PAGE)
#define FREE ((tess_va)0x40000000)

/* A page 8 pages behind the break. */
static bool
layout_wall(struct conform *c, unsigned grows)
{
	struct tess_mmap_args a = {.addr = HEAP + 10 * PAGE,
				   .len = PAGE,
				   .prot = TESS_PROT_READ | TESS_PROT_WRITE,
				   .flags = TESS_MAP_PRIVATE | TESS_MAP_ANON | TESS_MAP_FIXED};
	struct model_answer ans = {.err = TESS_OK, .va = a.addr};
	tess_va out;

	if (c->p == TESS_PERSONALITY_POSIX || c->p == TESS_PERSONALITY_LINUX)
		a.flags |= grows;
	return BOTH(tess_mmap(c->core, &a, &out), model_mmap(c->ms, &a, &ans));
}

/* The segment: its first page unmapped, its last one immutable, or all of it moved away. */
static bool
layout_segment(struct conform *c, const char *what)
{
	const unsigned moves = TESS_MREMAP_MAYMOVE | TESS_MREMAP_FIXED;
	struct model_answer ans = {.err = TESS_OK, .va = FREE};
	tess_va out;

	if (strcmp(what, "cut") == 0)
		return BOTH(tess_munmap(c->core, SEG, PAGE), model_munmap(c->ms, SEG, PAGE));
	if (strcmp(what, "imm") == 0)
		return BOTH(tess_mimmutable(c->core, SEG + PAGE, PAGE),
			    model_mimmutable(c->ms, SEG + PAGE, PAGE));
	if (strcmp(what, "moved") == 0)
		return BOTH(tess_mremap(c->core, SEG, 2 * PAGE, 2 * PAGE, moves, FREE, &out),
			    model_mremap(c->ms, SEG, 2 * PAGE, 2 * PAGE, moves, FREE, &ans));
	return false;
}

static bool
layout_number(struct conform *c, const char *word)
{
	static const struct {
		const char *name;
		enum tess_limit which;
	} limit[] = {
	    {"as:", TESS_LIMIT_AS}, {"data:", TESS_LIMIT_DATA}, {"memlock:", TESS_LIMIT_MEMLOCK}};

	for (unsigned i = 0; i < sizeof(limit) / sizeof(limit[0]); i++)
		if (strncmp(word, limit[i].name, strlen(limit[i].name)) == 0)
			return layout_limit(c, limit[i].which, word + strlen(limit[i].name));
	return false;
}

bool
layout_given(struct conform *c, const char *word)
{
	const unsigned wxorx = TESS_MAPF_WXORX;

	if (strcmp(word, "-") == 0)
		return true;
	if (strcmp(word, "future") == 0)
		return BOTH(tess_mlockall(c->core, TESS_MCL_FUTURE),
			    model_mlockall(c->ms, TESS_MCL_FUTURE));
	if (strcmp(word, "wxorx") == 0)
		return (c->core == NULL ||
			tess_map_set_flags(tess_space_map(c->core), wxorx) == TESS_KERN_SUCCESS) &&
		       model_map_set_flags(c->ms, wxorx) == TESS_KERN_SUCCESS;
	if (strcmp(word, "zero") == 0) /* the second page of anon */
		return BOTH(tess_minherit(c->core, BASE + PAGE, PAGE, TESS_INHERIT_ZERO),
			    model_minherit(c->ms, BASE + PAGE, PAGE, TESS_INHERIT_ZERO));
	if (strcmp(word, "wall") == 0 || strcmp(word, "wallstack") == 0)
		return layout_wall(c, word[4] == '\0' ? 0 : TESS_MAP_GROWSDOWN);
	if (strcmp(word, "noheap") == 0)
		return BOTH(tess_munmap(c->core, HEAP, 2 * PAGE),
			    model_munmap(c->ms, HEAP, 2 * PAGE));
	return strncmp(word, "seg", 3) == 0 ? layout_segment(c, word + 3) : layout_number(c, word);
}
