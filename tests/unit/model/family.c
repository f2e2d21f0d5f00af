/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * family.c: the model's rules for the whole mmap family, by expectations written by hand: where one system's answer
 * differs from another's, a row has all four.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdlib.h>
#include <string.h>
#include "fill.h"
#include "mem.h"
#include "model.h"

#define PAGE TESS_PAGE_SIZE
#define BASE ((tess_va)0x10000000)
#define R    ((unsigned)TESS_PROT_READ)
#define W    ((unsigned)TESS_PROT_WRITE)
#define X    ((unsigned)TESS_PROT_EXEC)
#define PF   ((unsigned)(TESS_MAP_PRIVATE | TESS_MAP_FIXED | TESS_MAP_ANON))

/* ---- Fixture: a model with one space of each personality ---- */

static long counted;

static void *
counted_get(struct model_mem *m, size_t n)
{
	(void)m;
	counted++;
	return malloc(n);
}

static void
counted_put(struct model_mem *m, void *p, size_t n)
{
	(void)m;
	(void)n;
	counted--;
	free(p);
}

static struct model_mem counting = {counted_get, counted_put};

static void
family_die(const char *why)
{
	fail_msg("%s", why);
	abort();
}

static struct model *m;
static struct model_space *space[TESS_PERSONALITY_COUNT];

#define P TESS_PERSONALITY_POSIX
#define L TESS_PERSONALITY_LINUX
#define B TESS_PERSONALITY_BSD
#define S TESS_PERSONALITY_SEED

static int
setup(void **state)
{
	(void)state;
	m = model_create(&counting, family_die);
	for (int p = 0; p < TESS_PERSONALITY_COUNT; p++) {
		struct tess_space_config cfg = {.personality = (enum tess_personality)p};

		space[p] = model_space_create(m, &cfg);
	}
	return 0;
}

static int
teardown(void **state)
{
	(void)state;
	model_destroy(m);
	assert_int_equal(counted, 0);
	return 0;
}

/* ---- Short words ---- */

static enum tess_err
map_at(struct model_space *sp, const struct tess_mmap_args *a, tess_va answer)
{
	struct model_answer ans = {TESS_OK, answer};

	return model_mmap(sp, a, &ans);
}

static void
must_map(struct model_space *sp, tess_va va, uint64_t pages, unsigned prot)
{
	struct tess_mmap_args a = {.addr = va, .len = pages * PAGE, .prot = prot, .flags = PF};

	assert_int_equal(map_at(sp, &a, va), TESS_OK);
}

static struct tess_area
area_at(struct model_space *sp, tess_va va)
{
	struct tess_area a;

	assert_true(model_space_next_area(sp, va, &a));
	assert_true(a.start <= va);
	return a;
}

static bool
is_hole(struct model_space *sp, tess_va va)
{
	struct tess_area a;

	return !model_space_next_area(sp, va, &a) || a.start > va;
}

static enum tess_err
load(struct model_space *sp, tess_va va)
{
	uint8_t byte;

	return model_load(sp, va, &byte);
}

static uint8_t
byte_at(struct model_space *sp, tess_va va)
{
	uint8_t byte = 0;

	assert_int_equal(model_load(sp, va, &byte), TESS_OK);
	return byte;
}

/* The core's pointer of an object is only a name here. */
static struct tess_handle
file_handle(uintptr_t name, enum tess_handle_kind kind, uint8_t mode, uint64_t pages)
{
	struct tess_object *core = (struct tess_object *)name;

	if (model_object_find(m, core) == NULL)
		(void)model_object_create(m, core, kind, pages * PAGE, 3);
	return (struct tess_handle){kind, mode, core};
}

/* ---- mmap ---- */

struct mmap_row {
	const char *what;
	struct tess_mmap_args a;
	enum tess_err want[TESS_PERSONALITY_COUNT]; /* posix, linux, bsd, seed */
};

static void
check_mmap_rows(const struct mmap_row *row, size_t n, tess_va answer)
{
	for (size_t i = 0; i < n; i++)
		for (int p = 0; p < TESS_PERSONALITY_COUNT; p++) {
			enum tess_err e = map_at(space[p], &row[i].a, answer);

			if (e != row[i].want[p])
				fail_msg("%s, personality %d: %s, not %s", row[i].what, p,
					 tess_err_name(e), tess_err_name(row[i].want[p]));
		}
}

#define ROWS(rows) rows, sizeof(rows) / sizeof((rows)[0])
#define E(word)    TESS_E##word
#define OK         TESS_OK

static void
model_mmap_arguments(void **state)
{
	struct tess_handle pipe = {TESS_HANDLE_OTHER, 3, NULL}, bad = {.kind = TESS_HANDLE_BAD};
	struct tess_handle wo = file_handle(0x1000, TESS_HANDLE_FILE, TESS_MODE_WRITE, 4);
	struct tess_handle ro = file_handle(0x1000, TESS_HANDLE_FILE, TESS_MODE_READ, 4);
	struct tess_handle dev = file_handle(0x2000, TESS_HANDLE_DEVICE, TESS_MODE_READ, 4);
	const struct mmap_row rows[] = {
	    {"unknown flag",
	     {BASE, PAGE, R, PF | TESS_MAP_UNKNOWN, {0}, 0, 0, 0},
	     {E(INVAL), OK, E(INVAL), OK}},
	    {"HUGETLB",
	     {BASE, PAGE, R, PF | TESS_MAP_HUGETLB, {0}, 0, 0, 0},
	     {E(INVAL), E(NOMEM), E(INVAL), OK}},
	    {"protection bit",
	     {BASE, PAGE, R | 0x20, PF, {0}, 0, 0, 0},
	     {E(INVAL), OK, E(INVAL), OK}},
	    {"beyond PROT_MAX",
	     {BASE, PAGE, R | W | TESS_PROT_MAX(R), PF, {0}, 0, 0, 0},
	     {E(NOTSUP), OK, E(NOTSUP), OK}},
	    {"both types",
	     {BASE, PAGE, R, PF | TESS_MAP_SHARED, {0}, 0, 0, 0},
	     {E(INVAL), E(INVAL), E(INVAL), OK}},
	    {"no type",
	     {BASE, PAGE, R, TESS_MAP_FIXED | TESS_MAP_ANON, {0}, 0, 0, 0},
	     {E(INVAL), E(INVAL), OK, OK}},
	    {"COPY",
	     {BASE, PAGE, R, TESS_MAP_COPY | TESS_MAP_FIXED | TESS_MAP_ANON, {0}, 0, 0, 0},
	     {OK, E(INVAL), OK, OK}},
	    {"length 0", {BASE, 0, R, PF, {0}, 0, 0, 0}, {E(INVAL), E(INVAL), E(INVAL), OK}},
	    {"ANON with a descriptor",
	     {BASE, PAGE, R, PF, bad, 0, 0, 0},
	     {OK, OK, E(INVAL), E(INVAL)}},
	    {"ANON with an offset", {BASE, PAGE, R, PF, {0}, PAGE, 0, 0}, {OK, OK, E(INVAL), OK}},
	    {"bad alignment", {BASE, PAGE, R, PF, {0}, 0, 5, 0}, {E(INVAL), OK, E(INVAL), OK}},
	    {"misaligned", {BASE + PAGE, PAGE, R, PF, {0}, 0, 20, 0}, {E(INVAL), OK, E(INVAL), OK}},
	    {"EXCL alone",
	     {BASE,
	      PAGE,
	      R,
	      TESS_MAP_PRIVATE | TESS_MAP_ANON | TESS_MAP_FIXED_NOREPLACE,
	      {0},
	      0,
	      0,
	      0},
	     {E(EXIST), E(EXIST), E(INVAL), OK}},
	    {"EXCL",
	     {BASE, PAGE, R, PF | TESS_MAP_FIXED_NOREPLACE, {0}, 0, 0, 0},
	     {E(EXIST), E(EXIST), E(NOMEM), OK}},
	    {"FIXED too high",
	     {(tess_va)1 << 47, PAGE, R, PF, {0}, 0, 0, 0},
	     {E(NOMEM), E(NOMEM), E(INVAL), E(INVAL)}},
	    {"FIXED too low",
	     {PAGE, PAGE, R, PF, {0}, 0, 0, 0},
	     {E(INVAL), E(PERM), E(INVAL), E(INVAL)}},
	    {"32BIT beyond",
	     {(tess_va)1 << 32, PAGE, R, PF | TESS_MAP_32BIT, {0}, 0, 0, 0},
	     {E(INVAL), OK, E(INVAL), OK}},
	    {"no descriptor",
	     {BASE, PAGE, R, TESS_MAP_PRIVATE | TESS_MAP_FIXED, bad, 0, 0, 0},
	     {E(BADF), E(BADF), E(BADF), E(BADF)}},
	    {"a pipe",
	     {BASE, PAGE, R, TESS_MAP_PRIVATE | TESS_MAP_FIXED, pipe, 0, 0, 0},
	     {E(NODEV), E(NODEV), E(NODEV), E(INVAL)}},
	    {"write-only, R",
	     {BASE, PAGE, R, TESS_MAP_PRIVATE | TESS_MAP_FIXED, wo, 0, 0, 0},
	     {E(ACCES), E(ACCES), E(ACCES), E(ACCES)}},
	    {"write-only, no R",
	     {BASE, PAGE, W, TESS_MAP_SHARED | TESS_MAP_FIXED, wo, 0, 0, 0},
	     {E(ACCES), E(ACCES), OK, OK}},
	    {"read-only, W",
	     {BASE, PAGE, R | W, TESS_MAP_SHARED | TESS_MAP_FIXED, ro, 0, 0, 0},
	     {E(ACCES), E(ACCES), E(ACCES), E(ACCES)}},
	    {"private device",
	     {BASE, PAGE, R, TESS_MAP_PRIVATE | TESS_MAP_FIXED, dev, 0, 0, 0},
	     {E(NODEV), E(NODEV), E(INVAL), OK}},
	    {"offset in a page",
	     {BASE + 16, PAGE, R, TESS_MAP_PRIVATE | TESS_MAP_FIXED, ro, 16, 0, 0},
	     {E(INVAL), E(INVAL), OK, E(INVAL)}},
	};

	(void)state;
	for (int p = 0; p < TESS_PERSONALITY_COUNT; p++)
		must_map(space[p], BASE, 1, R);
	check_mmap_rows(ROWS(rows), BASE + 16 * PAGE);
}

static void
model_mmap_maximum(void **state)
{
	struct tess_handle wo = file_handle(0x1000, TESS_HANDLE_FILE, TESS_MODE_WRITE, 4);
	struct tess_handle dev = file_handle(0x2000, TESS_HANDLE_DEVICE, TESS_MODE_READ, 4);
	struct tess_mmap_args a = {BASE, PAGE, R | TESS_PROT_MAX(R | X), PF, {0}, 0, 0, 0};

	(void)state;
	assert_int_equal(map_at(space[P], &a, BASE), OK);
	assert_int_equal(area_at(space[P], BASE).maxprot, R | X);
	assert_int_equal(map_at(space[L], &a, BASE), OK);
	assert_int_equal(area_at(space[L], BASE).maxprot, TESS_PROT_ALL);
	assert_int_equal(map_at(space[B], &a, BASE), OK);
	assert_int_equal(area_at(space[B], BASE).maxprot, R | X);
	a = (struct tess_mmap_args){BASE, PAGE, W, TESS_MAP_SHARED | TESS_MAP_FIXED, wo, 0, 0, 0};
	assert_int_equal(map_at(space[B], &a, BASE), OK);
	assert_int_equal(area_at(space[B], BASE).maxprot, W | X);
	a = (struct tess_mmap_args){BASE, PAGE, R, TESS_MAP_PRIVATE | TESS_MAP_FIXED, dev, 0, 0, 0};
	assert_int_equal(map_at(space[S], &a, BASE), OK);
	assert_int_equal(area_at(space[S], BASE).maxprot, R | X);
	assert_int_equal(area_at(space[S], BASE).flags, TESS_AREA_SHARED | TESS_AREA_DEVICE);
}

static void
model_mmap_places(void **state)
{
	struct tess_mmap_args a = {0, PAGE, R, TESS_MAP_PRIVATE | TESS_MAP_ANON, {0}, 0, 0, 0};
	const tess_va seed_first = 0x10000 + ((tess_va)512 << 20);

	(void)state;
	assert_int_equal(map_at(space[S], &a, seed_first), OK);
	assert_null(model_complaint(m));
	(void)map_at(space[S], &a, seed_first + 2 * PAGE);
	assert_non_null(model_complaint(m)); /* the first free place is one lower */
	assert_int_equal(map_at(space[B], &a, 0x10000), OK);
	assert_null(model_complaint(m));
	assert_int_equal(model_space_set_brk(space[B], BASE), OK);
	assert_int_equal(model_space_set_limit(space[B], TESS_LIMIT_DATA, 16 * PAGE), OK);
	a.addr = BASE + PAGE;
	assert_int_equal(map_at(space[B], &a, BASE + 16 * PAGE), OK);
	assert_null(model_complaint(m)); /* a hint in the heap's gap counts as none */
	a.flags |= TESS_MAP_TRYFIXED;
	assert_int_equal(map_at(space[B], &a, BASE + PAGE), OK);
	assert_null(model_complaint(m));
	a = (struct tess_mmap_args){0, PAGE, R, TESS_MAP_PRIVATE | TESS_MAP_ANON, {0}, 0, 16, 0};
	(void)map_at(space[P], &a, BASE + PAGE);
	assert_non_null(model_complaint(m)); /* not aligned to 64 KiB */
	a.align = 0;
	a.flags |= TESS_MAP_UPPER_LIMIT;
	a.limit = BASE;
	(void)map_at(space[P], &a, BASE);
	assert_non_null(model_complaint(m));
	assert_int_equal(map_at(space[P], &a, BASE - PAGE), OK);
	assert_null(model_complaint(m));
	a.flags = TESS_MAP_PRIVATE | TESS_MAP_ANON | TESS_MAP_ALIGNED_SUPER;
	(void)map_at(space[P], &a, BASE + PAGE);
	assert_non_null(model_complaint(m));
	a.flags = TESS_MAP_PRIVATE | TESS_MAP_ANON | TESS_MAP_32BIT;
	(void)map_at(space[L], &a, (tess_va)1 << 31);
	assert_non_null(model_complaint(m));
}

static void
model_mmap_guard(void **state)
{
	struct tess_mmap_args a = {BASE, PAGE, 0, TESS_MAP_GUARD | TESS_MAP_FIXED, {0}, 0, 0, 0};

	(void)state;
	assert_int_equal(map_at(space[P], &a, BASE), OK);
	assert_int_equal(map_at(space[B], &a, BASE), OK);
	assert_int_equal(map_at(space[L], &a, BASE), E(BADF)); /* does not know it */
	assert_int_equal(area_at(space[B], BASE).flags, TESS_AREA_GUARD);
	assert_int_equal(area_at(space[B], BASE).maxprot, TESS_PROT_NONE);
	assert_int_equal(load(space[B], BASE), TESS_SIGSEGV);
	assert_int_equal(model_mprotect(space[B], BASE, PAGE, R), OK);
	assert_int_equal(load(space[B], BASE), TESS_SIGSEGV);
	assert_int_equal(model_minherit(space[P], BASE, PAGE, TESS_INHERIT_ZERO), OK);
	assert_int_equal(area_at(space[P], BASE).inherit, TESS_INHERIT_COPY);
	a.prot = R;
	assert_int_equal(map_at(space[P], &a, BASE), E(INVAL));
	a.prot = 0;
	a.flags |= TESS_MAP_PRIVATE;
	assert_int_equal(map_at(space[B], &a, BASE), E(INVAL));
}

static void
model_mmap_wired(void **state)
{
	struct tess_mmap_args a = {BASE, PAGE, 0, PF | TESS_MAP_LOCKED, {0}, 0, 0, 0};

	(void)state;
	must_map(space[B], BASE, 1, R);
	assert_int_equal(map_at(space[B], &a, BASE), E(NOMEM));
	assert_int_equal(area_at(space[B], BASE).prot, R); /* what was there stays */
	assert_int_equal(map_at(space[P], &a, BASE), OK);
	assert_int_equal(area_at(space[P], BASE).flags, TESS_AREA_LOCKED);
}

static void
model_mmap_stack(void **state)
{
	struct tess_mmap_args a = {BASE, 64 * PAGE, R | W, TESS_MAP_STACK | TESS_MAP_FIXED,
				   {0},  0,         0,     0};
	const tess_va gap_end = BASE + 32 * PAGE;

	(void)state;
	assert_int_equal(map_at(space[B], &a, BASE), OK);
	assert_int_equal(area_at(space[B], BASE).flags, TESS_AREA_GUARD | TESS_AREA_STACKGAP);
	assert_int_equal(area_at(space[B], BASE).end, gap_end);
	assert_int_equal(area_at(space[B], gap_end).flags, TESS_AREA_GROWSDOWN);
	assert_int_equal(model_mprotect(space[B], BASE, 4 * PAGE, R), OK);
	assert_int_equal(area_at(space[B], BASE).prot, TESS_PROT_NONE);
	assert_int_equal(load(space[B], gap_end - PAGE), OK); /* one step is all but a page */
	assert_int_equal(area_at(space[B], BASE).end, BASE + PAGE);
	assert_int_equal(load(space[B], BASE), TESS_SIGSEGV);
	a.prot = R;
	assert_int_equal(map_at(space[B], &a, BASE), E(INVAL));
}

static void
model_mquery_places(void **state)
{
	struct tess_mmap_args a = {BASE, PAGE, R, TESS_MAP_FIXED, {0}, 0, 0, 0};
	struct model_answer ans = {OK, BASE};

	(void)state;
	for (int p = 0; p < TESS_PERSONALITY_COUNT; p++) {
		assert_int_equal(model_mquery(space[p], &a, &ans), OK);
		must_map(space[p], BASE, 1, R);
		assert_int_equal(model_mquery(space[p], &a, &ans), E(INVAL));
	}
	a.len = 0;
	assert_int_equal(model_mquery(space[P], &a, &ans), E(INVAL));
	a = (struct tess_mmap_args){.len = PAGE, .handle = {.kind = TESS_HANDLE_BAD}};
	assert_int_equal(model_mquery(space[P], &a, &ans), E(BADF));
}

static void
model_ommap_words(void **state)
{
	struct tess_handle none = {.kind = TESS_HANDLE_NONE};
	struct model_answer ans = {OK, BASE};
	unsigned flags = TESS_OMAP_ANON | TESS_OMAP_COPY | TESS_OMAP_FIXED;

	(void)state;
	assert_int_equal(
	    model_ommap(space[S], BASE, (int32_t)PAGE, 0xf8 | 1, flags, &none, 0, &ans), OK);
	assert_int_equal(area_at(space[S], BASE).prot, X);
	assert_int_equal(model_ommap(space[S], BASE, (int32_t)PAGE, 6, flags, &none, 0, &ans), OK);
	assert_int_equal(area_at(space[S], BASE).prot, R | W);
	assert_int_equal(model_ommap(space[S], BASE, -1, 6, flags, &none, 0, &ans), E(INVAL));
}

/* ---- Ranges ---- */

static void
model_munmap_rules(void **state)
{
	static const enum tess_err hole[] = {OK, OK, OK, E(INVAL)},
				   len0[] = {E(INVAL), E(INVAL), E(INVAL), OK},
				   unaligned[] = {E(INVAL), E(INVAL), OK, E(INVAL)},
				   below[] = {OK, OK, E(INVAL), E(INVAL)};

	(void)state;
	for (int p = 0; p < TESS_PERSONALITY_COUNT; p++) {
		must_map(space[p], BASE, 1, R);
		must_map(space[p], BASE + 2 * PAGE, 1, R);
		assert_int_equal(model_munmap(space[p], BASE, 3 * PAGE), hole[p]);
		assert_int_equal(is_hole(space[p], BASE), hole[p] == OK);
		must_map(space[p], BASE, 3, R);
		assert_int_equal(model_munmap(space[p], BASE, 0), len0[p]);
		assert_int_equal(model_munmap(space[p], BASE + 5, 1), unaligned[p]);
		assert_int_equal(is_hole(space[p], BASE), unaligned[p] == OK);
		assert_int_equal(model_munmap(space[p], 0, PAGE), below[p]);
		must_map(space[p], BASE, 4, R);
		assert_int_equal(model_mseal(space[p], BASE + PAGE, PAGE, 0), OK);
		assert_int_equal(model_munmap(space[p], BASE, 4 * PAGE), E(PERM));
		assert_false(is_hole(space[p], BASE));
	}
}

static void
model_mprotect_rules(void **state)
{
	static const enum tess_err hole[] = {E(NOMEM), E(NOMEM), OK, OK},
				   maxword[] = {E(NOTSUP), E(INVAL), E(NOTSUP), OK};

	(void)state;
	for (int p = 0; p < TESS_PERSONALITY_COUNT; p++) {
		must_map(space[p], BASE, 1, R);
		must_map(space[p], BASE + 2 * PAGE, 1, R);
		assert_int_equal(model_mprotect(space[p], BASE, 3 * PAGE, R | W), hole[p]);
		assert_int_equal(area_at(space[p], BASE).prot, p == P ? R : R | W);
		assert_int_equal(area_at(space[p], BASE + 2 * PAGE).prot,
				 hole[p] == OK ? R | W : R);
		assert_int_equal(model_mprotect(space[p], BASE, PAGE, R | W | TESS_PROT_MAX(R)),
				 maxword[p]);
		assert_int_equal(model_mimmutable(space[p], BASE + 2 * PAGE, PAGE), OK);
		assert_int_equal(model_mprotect(space[p], BASE + 2 * PAGE, PAGE, 0), E(PERM));
		assert_int_equal(model_map_set_flags(space[p], TESS_MAPF_WXORX), TESS_KERN_SUCCESS);
		assert_int_equal(model_mprotect(space[p], BASE, PAGE, W | X), E(ACCES));
	}
	assert_int_equal(model_mprotect(space[P], BASE, PAGE, R | TESS_PROT_MAX(R)), OK);
	assert_int_equal(area_at(space[P], BASE).maxprot, R);
	assert_int_equal(model_mprotect(space[P], BASE, PAGE, R | W), E(ACCES));
}

static void
model_mprotect_data(void **state)
{
	(void)state;
	for (int p = P; p <= B; p++) {
		must_map(space[p], BASE, 4, R);
		assert_int_equal(model_space_set_limit(space[p], TESS_LIMIT_DATA, 2 * PAGE), OK);
		assert_int_equal(model_mprotect(space[p], BASE, 3 * PAGE, R | W),
				 p == B ? OK : E(NOMEM));
		assert_int_equal(model_mprotect(space[p], BASE, 2 * PAGE, R | W), OK);
	}
	/* linux: without room for as much again the change is not to blame */
	assert_int_equal(model_space_set_limit(space[L], TESS_LIMIT_AS, 4 * PAGE), OK);
	assert_int_equal(model_mprotect(space[L], BASE, 4 * PAGE, R | W), OK);
}

static void
model_mprotect_growsdown(void **state)
{
	struct tess_mmap_args a = {BASE, 4 * PAGE, R | W, PF | TESS_MAP_GROWSDOWN, {0}, 0, 0, 0};
	const unsigned down = TESS_PROT_GROWSDOWN, up = TESS_PROT_GROWSUP;

	(void)state;
	assert_int_equal(map_at(space[L], &a, BASE), OK);
	assert_int_equal(model_mprotect(space[L], BASE + 2 * PAGE, PAGE, R | down), OK);
	assert_int_equal(area_at(space[L], BASE).prot, R); /* from where the stack begins */
	assert_int_equal(area_at(space[L], BASE + 3 * PAGE).prot, R | W);
	assert_int_equal(model_mprotect(space[L], BASE, PAGE, R | down | up), E(INVAL));
	assert_int_equal(model_mprotect(space[L], BASE, PAGE, R | up), E(INVAL));
	assert_int_equal(model_mprotect(space[L], BASE - PAGE, PAGE, R | up), E(NOMEM));
	assert_int_equal(model_mprotect(space[L], BASE - PAGE, PAGE, R | down), E(NOMEM));
	assert_int_equal(model_mprotect(space[P], BASE, PAGE, R | down), E(INVAL));
}

static void
model_map_protect_order(void **state)
{
	const unsigned both = TESS_PROTECT_SET_PROT | TESS_PROTECT_SET_MAXPROT;
	struct model_space *sp = space[P];

	(void)state;
	must_map(sp, BASE, 2, R | W);
	assert_int_equal(model_map_set_flags(sp, TESS_MAPF_WXORX), TESS_KERN_SUCCESS);
	assert_int_equal(model_map_set_flags(sp, 1u << 20), TESS_KERN_INVALID_ARGUMENT);
	assert_int_equal(model_map_protect(sp, BASE, BASE, W | X, 0, both), TESS_KERN_SUCCESS);
	assert_int_equal(model_map_protect(sp, BASE, BASE + PAGE, W | X, W, both),
			 TESS_KERN_OUT_OF_BOUNDS);
	assert_int_equal(model_map_protect(sp, BASE, BASE + PAGE, W | X, 7, both),
			 TESS_KERN_PROTECTION_FAILURE);
	assert_int_equal(model_map_protect(sp, BASE, BASE + PAGE, 0, R, TESS_PROTECT_SET_MAXPROT),
			 TESS_KERN_SUCCESS);
	assert_int_equal(area_at(sp, BASE).prot, R);
	assert_int_equal(
	    model_map_protect(sp, BASE, BASE + 8 * PAGE, R | W, 0, TESS_PROTECT_SET_PROT),
	    TESS_KERN_PROTECTION_FAILURE);
	assert_int_equal(
	    model_map_protect(sp, BASE + PAGE, BASE + 8 * PAGE, R, 0, TESS_PROTECT_SET_PROT),
	    TESS_KERN_SUCCESS); /* holes are none of its business */
	assert_int_equal(model_map_protect(sp, BASE, BASE + 2 * PAGE, 0, 0, 0), TESS_KERN_SUCCESS);
	assert_int_equal(area_at(sp, BASE + PAGE).prot, R);
	assert_int_equal(model_mseal(sp, BASE, PAGE, 0), OK);
	assert_int_equal(model_map_protect(sp, BASE, BASE + PAGE, 0, 0, TESS_PROTECT_SET_PROT),
			 TESS_KERN_PROTECTION_FAILURE);
}

static void
model_minherit_rules(void **state)
{
	static const enum tess_err hole[] = {E(NOMEM), E(NOMEM), OK, OK};

	(void)state;
	for (int p = 0; p < TESS_PERSONALITY_COUNT; p++) {
		must_map(space[p], BASE, 1, R);
		assert_int_equal(model_minherit(space[p], BASE, 2 * PAGE, TESS_INHERIT_DONATE),
				 hole[p]);
		assert_int_equal(area_at(space[p], BASE).inherit,
				 hole[p] == OK ? TESS_INHERIT_DONATE : TESS_INHERIT_COPY);
		assert_int_equal(model_minherit(space[p], BASE, PAGE, (enum tess_inherit)5),
				 E(INVAL));
		assert_int_equal(model_mseal(space[p], BASE, PAGE, 0), OK);
		assert_int_equal(model_minherit(space[p], BASE, PAGE, TESS_INHERIT_NONE), E(PERM));
	}
}

static void
model_space_fork_donates(void **state)
{
	struct model_space *sp = space[B], *child;

	(void)state;
	must_map(sp, BASE, 2, R | W);
	assert_int_equal(model_store(sp, BASE, 7), OK);
	assert_int_equal(model_minherit(sp, BASE, PAGE, TESS_INHERIT_DONATE), OK);
	assert_int_equal(model_mseal(sp, BASE + PAGE, PAGE, 0), OK);
	child = model_space_fork(sp);
	assert_true(is_hole(sp, BASE));
	assert_int_equal(byte_at(child, BASE), 7);
	assert_int_equal(area_at(child, BASE + PAGE).flags, TESS_AREA_IMMUTABLE);
	assert_int_equal(model_space_anon(sp), 0);
	assert_int_equal(model_space_anon(child), 1);
}

static void
model_msync_rules(void **state)
{
	static const enum tess_err hole[] = {E(NOMEM), E(NOMEM), E(NOMEM), E(INVAL)},
				   locked[] = {E(BUSY), E(BUSY), E(BUSY), E(INVAL)},
				   none[] = {E(INVAL), OK, OK, OK},
				   unknown[] = {E(INVAL), E(INVAL), E(INVAL), OK},
				   len0[] = {OK, OK, OK, E(INVAL)};

	(void)state;
	for (int p = 0; p < TESS_PERSONALITY_COUNT; p++) {
		const unsigned drop = TESS_MS_SYNC | TESS_MS_INVALIDATE;

		must_map(space[p], BASE, 1, R);
		must_map(space[p], BASE + 2 * PAGE, 1, R);
		assert_int_equal(model_msync(space[p], BASE, 2 * PAGE, TESS_MS_SYNC), hole[p]);
		assert_int_equal(model_msync(space[p], BASE, PAGE, 0), none[p]);
		assert_int_equal(model_msync(space[p], BASE, PAGE, TESS_MS_SYNC | TESS_MS_UNKNOWN),
				 unknown[p]);
		assert_int_equal(model_msync(space[p], BASE + PAGE, 0, TESS_MS_SYNC), len0[p]);
		assert_int_equal(model_mlock2(space[p], BASE, PAGE, 0), OK);
		assert_int_equal(model_msync(space[p], BASE, PAGE, drop), locked[p]);
		/* what is locked lies first; linux looks at holes last */
		assert_int_equal(model_msync(space[p], BASE, 2 * PAGE, drop), locked[p]);
	}
	assert_int_equal(model_msync(space[B], BASE, PAGE, TESS_MS_ASYNC | TESS_MS_INVALIDATE),
			 E(INVAL));
	assert_int_equal(model_msync(space[B], BASE + 8, 8, TESS_MS_SYNC), OK);
}

/* ---- mlock, mincore ---- */

static void
model_mlock2_rules(void **state)
{
	static const enum tess_err zero[] = {E(PERM), E(PERM), E(NOMEM), E(AGAIN)},
				   pages[] = {E(AGAIN), E(NOMEM), E(NOMEM), E(NOMEM)},
				   again[] = {OK, OK, E(NOMEM), E(AGAIN)},
				   unlocked[] = {OK, OK, E(NOMEM), E(NOMEM)};

	(void)state;
	for (int p = 0; p < TESS_PERSONALITY_COUNT; p++) {
		struct model_space *sp = space[p];
		unsigned locked = p == L ? TESS_AREA_LOCKED : 0;

		must_map(sp, BASE, 2, R | W);
		must_map(sp, BASE + 2 * PAGE, 1, 0);
		assert_int_equal(model_mlock2(sp, BASE + PAGE, 2 * PAGE, 0), pages[p]);
		assert_int_equal(area_at(sp, BASE + PAGE).flags, locked);
		assert_int_equal(model_space_anon(sp), 1); /* brought in, and stays */
		assert_int_equal(model_munlockall(sp), OK);
		assert_int_equal(model_munlock(sp, BASE, PAGE), unlocked[p]);
		assert_int_equal(model_space_set_limit(sp, TESS_LIMIT_MEMLOCK, 2 * PAGE), OK);
		assert_int_equal(model_mlock2(sp, BASE, 2 * PAGE, 0), OK);
		assert_int_equal(model_mlock2(sp, BASE, PAGE, 0), again[p]);
		assert_int_equal(model_space_set_limit(sp, TESS_LIMIT_MEMLOCK, 0), OK);
		assert_int_equal(model_mlock2(sp, BASE, PAGE, 0), zero[p]);
		assert_int_equal(model_mlock2(sp, BASE, 0, 0), p <= L ? E(PERM) : OK);
		assert_int_equal(model_mlockall(sp, TESS_MCL_CURRENT | TESS_MCL_ONFAULT),
				 p <= L ? E(PERM) : E(INVAL));
	}
}

static void
model_mincore_bits(void **state)
{
	const unsigned char in = TESS_MINCORE_INCORE, wrote = TESS_MINCORE_MODIFIED;
	unsigned char vec[2] = {0, 0};

	(void)state;
	for (int p = 0; p < TESS_PERSONALITY_COUNT; p++) {
		must_map(space[p], BASE, 1, R | W);
		assert_int_equal(model_store(space[p], BASE, 1), OK);
		vec[0] = in | wrote;
		assert_int_equal(model_mincore(space[p], BASE, PAGE, vec), OK);
		assert_int_equal(model_complaint(m) == NULL, p == B);
		vec[0] = in | wrote | TESS_MINCORE_ANONYMOUS;
		assert_int_equal(model_mincore_detail(space[p], BASE, PAGE, vec), OK);
		assert_null(model_complaint(m));
		vec[0] |= TESS_MINCORE_PAGED_OUT;
		assert_int_equal(model_mincore_detail(space[p], BASE, PAGE, vec), OK);
		assert_non_null(model_complaint(m));
		vec[0] = in;
		assert_int_equal(model_mincore(space[p], BASE, 2 * PAGE, vec), E(NOMEM));
	}
	assert_int_equal(model_mincore(space[B], BASE + PAGE, 0, vec), E(NOMEM));
	assert_int_equal(model_mincore(space[B], BASE, 0, vec), OK);
	assert_int_equal(model_mincore(space[S], BASE, 0, vec), E(INVAL));
	assert_int_equal(model_mincore(space[P], BASE, PAGE, NULL), E(FAULT));
}

static void
model_mincore_device(void **state)
{
	struct tess_handle dev = file_handle(0x2000, TESS_HANDLE_DEVICE, 3, 4);
	struct tess_mmap_args a = {BASE, PAGE, R, TESS_MAP_SHARED | TESS_MAP_FIXED, dev, 0, 0, 0};
	unsigned char vec[1] = {0};

	(void)state;
	assert_int_equal(map_at(space[P], &a, BASE), OK);
	assert_int_equal(model_mincore(space[P], BASE, PAGE, vec), OK);
	assert_non_null(model_complaint(m)); /* a device is always in memory */
	vec[0] = 1;
	assert_int_equal(model_mincore(space[P], BASE, PAGE, vec), OK);
	assert_null(model_complaint(m));
}

/* ---- madvise ---- */

static void
model_madvise_known(void **state)
{
	static const struct {
		enum tess_madv advice;
		enum tess_err want[TESS_PERSONALITY_COUNT];
	} rows[] = {
	    {TESS_MADV_NORMAL, {OK, OK, OK, E(OPNOTSUPP)}},
	    {TESS_MADV_COLD, {OK, OK, E(INVAL), E(OPNOTSUPP)}},
	    {TESS_MADV_NOSYNC, {OK, E(INVAL), OK, E(OPNOTSUPP)}},
	    {TESS_MADV_ZERO, {OK, E(INVAL), E(INVAL), E(OPNOTSUPP)}},
	    {TESS_MADV_PROTECT, {E(PERM), E(INVAL), E(PERM), E(OPNOTSUPP)}},
	    {TESS_MADV_HWPOISON, {E(PERM), E(PERM), E(INVAL), E(OPNOTSUPP)}},
	    {TESS_MADV_COLLAPSE, {E(INVAL), E(INVAL), E(INVAL), E(OPNOTSUPP)}},
	    {TESS_MADV_SPACEAVAIL, {E(INVAL), E(INVAL), E(INVAL), E(OPNOTSUPP)}},
	    {TESS_MADV_UNKNOWN, {E(INVAL), E(INVAL), E(INVAL), E(OPNOTSUPP)}},
	};

	(void)state;
	for (int p = 0; p < TESS_PERSONALITY_COUNT; p++) {
		must_map(space[p], BASE, 2, R | W);
		for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
			assert_int_equal(model_madvise(space[p], BASE, PAGE, rows[i].advice),
					 rows[i].want[p]);
	}
	assert_int_equal(area_at(space[P], BASE).flags, TESS_AREA_NOSYNC);
	assert_int_equal(model_madvise(space[P], BASE, 3 * PAGE, TESS_MADV_RANDOM), E(NOMEM));
	assert_int_equal(model_madvise(space[B], BASE + 1, 3 * PAGE, TESS_MADV_RANDOM), OK);
	assert_int_equal(area_at(space[B], BASE).advice, TESS_ADVICE_RANDOM);
}

static void
model_madvise_contents(void **state)
{
	(void)state;
	for (int p = P; p <= B; p++) {
		struct model_space *sp = space[p];

		must_map(sp, BASE, 1, R | W);
		assert_int_equal(model_store(sp, BASE, 7), OK);
		assert_int_equal(model_posix_madvise(sp, BASE, PAGE, TESS_MADV_DONTNEED), OK);
		assert_int_equal(byte_at(sp, BASE), 7);
		assert_int_equal(model_posix_madvise(sp, BASE, PAGE, TESS_MADV_FREE), E(INVAL));
		assert_int_equal(model_madvise(sp, BASE, PAGE, TESS_MADV_DONTNEED), OK);
		assert_int_equal(byte_at(sp, BASE), p == L ? 0 : 7);
		assert_int_equal(model_mlock2(sp, BASE, PAGE, 0), OK);
		assert_int_equal(model_madvise(sp, BASE, PAGE, TESS_MADV_FREE),
				 p == B ? OK : E(INVAL));
		assert_int_equal(model_munlock(sp, BASE, PAGE), OK);
		assert_int_equal(model_madvise(sp, BASE, PAGE, TESS_MADV_FREE), OK);
		assert_int_equal(byte_at(sp, BASE), 0);
	}
}

static void
model_madvise_remove(void **state)
{
	struct tess_handle f = file_handle(0x1000, TESS_HANDLE_FILE, 3, 2);
	struct tess_mmap_args a = {BASE, 2 * PAGE, R | W, TESS_MAP_SHARED | TESS_MAP_FIXED,
				   f,    0,        0,     0};

	(void)state;
	for (int p = P; p <= L; p++)
		assert_int_equal(map_at(space[p], &a, BASE), OK);
	assert_int_equal(byte_at(space[P], BASE + PAGE + 5), fill_byte(3, PAGE + 5));
	assert_int_equal(model_madvise(space[L], BASE + PAGE, PAGE, TESS_MADV_REMOVE), OK);
	assert_int_equal(byte_at(space[P], BASE + PAGE + 5), 0); /* for everybody */
	assert_int_equal(byte_at(space[P], BASE + 5), fill_byte(3, 5));
	assert_int_equal(model_madvise(space[P], BASE, PAGE, TESS_MADV_ZERO), E(INVAL));
	a.flags = TESS_MAP_PRIVATE | TESS_MAP_FIXED;
	assert_int_equal(map_at(space[L], &a, BASE), OK);
	assert_int_equal(model_madvise(space[L], BASE, PAGE, TESS_MADV_REMOVE), E(ACCES));
	must_map(space[L], BASE, 1, R);
	assert_int_equal(model_madvise(space[L], BASE, PAGE, TESS_MADV_REMOVE), E(INVAL));
}

static void
model_madvise_guards(void **state)
{
	struct model_space *sp = space[L], *child;
	struct model_answer ans = {OK, BASE + 64 * PAGE};

	(void)state;
	must_map(sp, BASE, 3, R | W);
	assert_int_equal(model_store(sp, BASE + PAGE, 7), OK);
	assert_int_equal(model_madvise(sp, BASE + PAGE, PAGE, TESS_MADV_GUARD_INSTALL), OK);
	assert_int_equal(load(sp, BASE + PAGE), TESS_SIGSEGV);
	assert_int_equal(model_space_anon(sp), 0);
	assert_int_equal(model_madvise(sp, BASE, 3 * PAGE, TESS_MADV_DONTNEED), OK);
	assert_int_equal(model_madvise(sp, BASE, 3 * PAGE, TESS_MADV_POPULATE_READ), E(FAULT));
	assert_int_equal(model_mlock2(sp, BASE, 3 * PAGE, 0), E(NOMEM));
	assert_int_equal(model_munlockall(sp), OK);
	child = model_space_fork(sp);
	assert_int_equal(load(child, BASE + PAGE), TESS_SIGSEGV);
	assert_int_equal(model_mremap(sp, BASE, 3 * PAGE, 4 * PAGE,
				      TESS_MREMAP_MAYMOVE | TESS_MREMAP_FIXED, BASE + 64 * PAGE,
				      &ans),
			 OK);
	assert_int_equal(area_at(sp, BASE + 65 * PAGE).flags, TESS_AREA_GUARDED);
	assert_int_equal(load(sp, BASE + 67 * PAGE), OK);
	assert_int_equal(model_madvise(sp, BASE + 64 * PAGE, 4 * PAGE, TESS_MADV_GUARD_REMOVE), OK);
	assert_int_equal(byte_at(sp, BASE + 65 * PAGE), 0);
	assert_int_equal(model_madvise(space[B], BASE, PAGE, TESS_MADV_GUARD_INSTALL), E(INVAL));
}

static void
model_madvise_sealed(void **state)
{
	(void)state;
	for (int p = P; p <= B; p++) {
		struct model_space *sp = space[p];

		must_map(sp, BASE, 1, R | W);
		must_map(sp, BASE + PAGE, 1, R);
		assert_int_equal(model_mseal(sp, BASE, 2 * PAGE, 0), OK);
		/* what may be written may be lost too; bsd asks the whole range first */
		assert_int_equal(model_madvise(sp, BASE, PAGE, TESS_MADV_FREE),
				 p == B ? E(PERM) : OK);
		assert_int_equal(model_madvise(sp, BASE + PAGE, PAGE, TESS_MADV_FREE), E(PERM));
		assert_int_equal(model_madvise(sp, BASE, 2 * PAGE, TESS_MADV_RANDOM), OK);
	}
	assert_int_equal(model_madvise(space[L], BASE + PAGE, PAGE, TESS_MADV_DONTNEED), E(PERM));
	assert_int_equal(model_madvise(space[P], BASE + PAGE, PAGE, TESS_MADV_DONTNEED), OK);
}

/* ---- Moving, sealing, the break ---- */

static enum tess_err
remap_bsd(struct model_space *sp, tess_va old, uint64_t pages, tess_va to, uint64_t now,
	  unsigned flags)
{
	struct model_answer ans = {OK, to};

	return model_mremap_bsd(sp, old, pages * PAGE, to, now * PAGE, flags, 0, &ans);
}

static void
model_mremap_bsd_rules(void **state)
{
	const unsigned fixed = TESS_MREMAP_BSD_FIXED, dup = TESS_MREMAP_BSD_DUP;
	const tess_va far = BASE + 64 * PAGE;
	struct model_space *sp = space[P];

	(void)state;
	must_map(sp, BASE, 4, R | W);
	must_map(sp, BASE + 4 * PAGE, 1, R);
	assert_int_equal(model_store(sp, BASE + PAGE, 7), OK);
	assert_int_equal(remap_bsd(sp, BASE, 0, far, 1, 0), E(INVAL));
	assert_int_equal(remap_bsd(sp, BASE, 2, far, 1, dup), E(INVAL));
	assert_int_equal(remap_bsd(sp, BASE, 2, BASE + PAGE, 2, fixed), E(INVAL));
	assert_int_equal(remap_bsd(sp, BASE, 5, far, 6, fixed), E(INVAL)); /* two mappings grow */
	assert_int_equal(remap_bsd(sp, BASE, 6, far, 6, fixed), E(NOMEM));
	assert_int_equal(remap_bsd(sp, BASE, 5, far, 5, fixed), OK);
	assert_int_equal(byte_at(sp, far + PAGE), 7);
	assert_int_equal(area_at(sp, far + 4 * PAGE).prot, R);
	assert_true(is_hole(sp, BASE));
	assert_int_equal(remap_bsd(sp, far, 4, BASE, 4, dup | fixed), OK);
	assert_int_equal(model_store(sp, BASE + PAGE, 9), OK);
	assert_int_equal(byte_at(sp, far + PAGE), 9); /* one memory, seen twice */
	assert_int_equal(model_munmap(sp, far, 4 * PAGE), OK);
	assert_int_equal(byte_at(sp, BASE + PAGE), 9);
	assert_int_equal(remap_bsd(sp, BASE, 4, 0, 1, 0), OK);
	assert_true(is_hole(sp, BASE + PAGE));
	assert_int_equal(model_mseal(sp, BASE, PAGE, 0), OK);
	assert_int_equal(remap_bsd(sp, BASE, 1, far, 1, fixed), E(PERM));
}

static void
model_mimmutable_rules(void **state)
{
	static const enum tess_err hole[] = {E(NOMEM), E(NOMEM), OK, E(NOMEM)};
	struct model_answer ans = {OK, BASE};

	(void)state;
	for (int p = 0; p < TESS_PERSONALITY_COUNT; p++) {
		struct model_space *sp = space[p];
		struct tess_mmap_args a = {BASE, PAGE, R, PF, {0}, 0, 0, 0};

		must_map(sp, BASE, 1, R);
		assert_int_equal(model_mimmutable(sp, BASE, 2 * PAGE), hole[p]);
		assert_int_equal(area_at(sp, BASE).flags, hole[p] == OK ? TESS_AREA_IMMUTABLE : 0);
		assert_int_equal(model_mseal(sp, BASE, 2 * PAGE, 0), E(NOMEM));
		assert_int_equal(model_mseal(sp, BASE, PAGE, 1), E(INVAL));
		assert_int_equal(model_mseal(sp, BASE, PAGE, 0), OK);
		assert_int_equal(map_at(sp, &a, BASE), E(PERM));
		assert_int_equal(
		    model_mremap(sp, BASE, PAGE, 2 * PAGE, TESS_MREMAP_MAYMOVE, 0, &ans), E(PERM));
		assert_int_equal(model_mlock2(sp, BASE, PAGE, 0), OK);
		must_map(sp, BASE + 4 * PAGE, 1, R);
		assert_int_equal(model_minherit(sp, BASE + 4 * PAGE, PAGE, TESS_INHERIT_ZERO), OK);
		assert_int_equal(model_mimmutable(sp, BASE + 4 * PAGE, PAGE), E(PERM));
		model_space_exec(sp);
		assert_true(is_hole(sp, BASE));
	}
}

static void
model_map_set_flags_future(void **state)
{
	struct model_space *sp = space[P], *child;

	(void)state;
	assert_int_equal(model_map_set_flags(sp, TESS_MAPF_WIREFUTURE | TESS_MAPF_WXORX),
			 TESS_KERN_SUCCESS);
	must_map(sp, BASE, 1, R);
	assert_int_equal(area_at(sp, BASE).flags, TESS_AREA_LOCKED);
	child = model_space_fork(sp);
	must_map(child, BASE + PAGE, 1, R);
	assert_int_equal(area_at(child, BASE + PAGE).flags, 0);
	assert_int_equal(model_mprotect(child, BASE, PAGE, W | X), E(ACCES));
	model_space_exec(sp);
	must_map(sp, BASE, 1, R);
	assert_int_equal(area_at(sp, BASE).flags, 0);
}

static void
model_sbrk_rules(void **state)
{
	struct model_answer ans = {OK, 0};

	(void)state;
	assert_int_equal(model_sbrk(space[S], 0, &ans), E(OPNOTSUPP));
	for (int p = P; p <= B; p++) {
		assert_int_equal(model_sbrk(space[p], 1, &ans), E(NOMEM));
		assert_int_equal(model_space_set_brk(space[p], BASE), OK);
		assert_int_equal(model_sbrk(space[p], 2 * (int64_t)PAGE, &ans), OK);
		assert_int_equal(ans.va, BASE);
		assert_int_equal(model_sbrk(space[p], -(int64_t)PAGE, &ans), OK);
		assert_int_equal(ans.va, BASE + 2 * PAGE);
		assert_int_equal(model_space_brk(space[p]), BASE + PAGE);
		assert_int_equal(model_mseal(space[p], BASE, PAGE, 0), OK);
		assert_int_equal(model_sbrk(space[p], -(int64_t)PAGE, &ans), E(NOMEM));
	}
}

int
main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(model_mmap_arguments),
		TEST(model_mmap_maximum),
		TEST(model_mmap_places),
		TEST(model_mmap_guard),
		TEST(model_mmap_wired),
		TEST(model_mmap_stack),
		TEST(model_mquery_places),
		TEST(model_ommap_words),
		TEST(model_munmap_rules),
		TEST(model_mprotect_rules),
		TEST(model_mprotect_data),
		TEST(model_mprotect_growsdown),
		TEST(model_map_protect_order),
		TEST(model_minherit_rules),
		TEST(model_space_fork_donates),
		TEST(model_msync_rules),
		TEST(model_mlock2_rules),
		TEST(model_mincore_bits),
		TEST(model_mincore_device),
		TEST(model_madvise_known),
		TEST(model_madvise_contents),
		TEST(model_madvise_remove),
		TEST(model_madvise_guards),
		TEST(model_madvise_sealed),
		TEST(model_mremap_bsd_rules),
		TEST(model_mimmutable_rules),
		TEST(model_map_set_flags_future),
		TEST(model_sbrk_rules),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
