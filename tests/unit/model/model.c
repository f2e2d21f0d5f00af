/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * model.c: the model alone, by expectations written by hand.  `tessera diff-host` holds the core's linux row against a
 * real kernel; these tests are about what no kernel shows: posix, minherit, adopted answers, bookkeeping.
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
#include "text.h"

#define PAGE TESS_PAGE_SIZE
#define BASE 0x10000000u
#define RW   (TESS_PROT_READ | TESS_PROT_WRITE)
#define PF   (TESS_MAP_PRIVATE | TESS_MAP_FIXED | TESS_MAP_ANON)

/* ---- Memory that counts ---- */

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
model_test_die(const char *why)
{
	fail_msg("%s", why);
	abort();
}

struct fixture {
	struct model *m;
	struct model_space *sp;
};

static int
setup_with(void **state, enum tess_personality p)
{
	struct tess_space_config cfg = {.personality = p};
	struct fixture *f = malloc(sizeof(*f));

	assert_non_null(f);
	f->m = model_create(&counting, model_test_die);
	f->sp = model_space_create(f->m, &cfg);
	*state = f;
	return 0;
}

static int
setup_linux(void **state)
{
	return setup_with(state, TESS_PERSONALITY_LINUX);
}

static int
setup_posix(void **state)
{
	return setup_with(state, TESS_PERSONALITY_POSIX);
}

static int
teardown(void **state)
{
	struct fixture *f = *state;

	model_destroy(f->m);
	free(f);
	assert_int_equal(counted, 0);
	return 0;
}

static enum tess_err
map(struct fixture *f, tess_va va, uint64_t len, unsigned prot, unsigned flags)
{
	struct tess_mmap_args a = {.addr = va, .len = len, .prot = prot, .flags = flags};
	struct model_answer ans = {TESS_OK, va};

	return model_mmap(f->sp, &a, &ans);
}

static unsigned
areas(struct fixture *f)
{
	struct tess_area a;
	unsigned n = 0;

	for (tess_va va = 0; model_space_next_area(f->sp, va, &a); va = a.end)
		n++;
	return n;
}

/* ---- Tests ---- */

static void
model_mmap_adopts(void **state)
{
	struct fixture *f = *state;
	struct tess_mmap_args a = {
	    .len = 2 * PAGE, .prot = RW, .flags = TESS_MAP_PRIVATE | TESS_MAP_ANON};
	struct model_answer ans = {TESS_OK, BASE};

	assert_int_equal(model_mmap(f->sp, &a, &ans), TESS_OK);
	assert_null(model_complaint(f->m));
	assert_int_equal(model_space_bytes(f->sp), 2 * PAGE);
	ans = (struct model_answer){TESS_OK, BASE + PAGE}; /* not free */
	(void)model_mmap(f->sp, &a, &ans);
	assert_non_null(model_complaint(f->m));
	ans = (struct model_answer){TESS_OK, BASE + 8 * PAGE + 1};
	(void)model_mmap(f->sp, &a, &ans);
	assert_non_null(model_complaint(f->m));
	ans = (struct model_answer){TESS_OK, 0x7ffffffff000 - PAGE}; /* beyond the user range */
	(void)model_mmap(f->sp, &a, &ans);
	assert_non_null(model_complaint(f->m));
	ans = (struct model_answer){TESS_ENOMEM, 0}; /* there is room */
	assert_int_equal(model_mmap(f->sp, &a, &ans), TESS_OK);
	assert_int_equal(model_space_bytes(f->sp), 2 * PAGE);
}

static void
model_mprotect_posix(void **state)
{
	struct fixture *f = *state;
	struct tess_area a;

	assert_int_equal(map(f, BASE, 2 * PAGE, RW, PF), TESS_OK);
	assert_int_equal(model_mprotect(f->sp, BASE, 3 * PAGE, TESS_PROT_READ), TESS_ENOMEM);
	assert_true(model_space_next_area(f->sp, BASE, &a));
	assert_int_equal(a.prot, RW);
	assert_int_equal(areas(f), 1);
}

static void
model_mprotect_linux(void **state)
{
	struct fixture *f = *state;
	struct tess_area a;

	assert_int_equal(map(f, BASE, 2 * PAGE, RW, PF), TESS_OK);
	assert_int_equal(model_mprotect(f->sp, BASE + PAGE, 3 * PAGE, TESS_PROT_READ), TESS_ENOMEM);
	assert_int_equal(areas(f), 2);
	assert_true(model_space_next_area(f->sp, BASE + PAGE, &a));
	assert_int_equal(a.prot, TESS_PROT_READ);
	assert_int_equal(model_mprotect(f->sp, BASE, 2 * PAGE, RW), TESS_OK);
	assert_int_equal(areas(f), 1);
}

static void
model_store_counts(void **state)
{
	struct fixture *f = *state;
	uint8_t b = 1;

	assert_int_equal(map(f, BASE, 4 * PAGE, RW, PF), TESS_OK);
	assert_int_equal(model_load(f->sp, BASE, &b), TESS_OK);
	assert_int_equal(b, 0);
	assert_int_equal(model_space_anon(f->sp), 0);
	assert_int_equal(model_store(f->sp, BASE + 1, 7), TESS_OK);
	assert_int_equal(model_space_anon(f->sp), 1);
	assert_int_equal(model_load(f->sp, BASE + 1, &b), TESS_OK);
	assert_int_equal(b, 7);
	assert_int_equal(model_fetch(f->sp, BASE), TESS_SIGSEGV);
	assert_int_equal(model_munmap(f->sp, BASE, PAGE), TESS_OK);
	assert_int_equal(model_space_anon(f->sp), 0);
}

static void
model_space_fork_copies(void **state)
{
	struct fixture *f = *state;
	struct model_space *child;
	uint8_t b;

	assert_int_equal(map(f, BASE, 2 * PAGE, RW, PF), TESS_OK);
	assert_int_equal(model_store(f->sp, BASE, 1), TESS_OK);
	child = model_space_fork(f->sp);
	assert_int_equal(model_store(f->sp, BASE, 2), TESS_OK);
	assert_int_equal(model_load(child, BASE, &b), TESS_OK);
	assert_int_equal(b, 1);
	assert_int_equal(model_space_anon(child), 1);
	model_space_destroy(child);
}

static void
model_minherit_share(void **state)
{
	struct fixture *f = *state;
	struct model_space *child;
	uint8_t b;

	assert_int_equal(map(f, BASE, 4 * PAGE, RW, PF), TESS_OK);
	assert_int_equal(model_store(f->sp, BASE, 1), TESS_OK);
	assert_int_equal(model_minherit(f->sp, BASE, 2 * PAGE, TESS_INHERIT_SHARE), TESS_OK);
	child = model_space_fork(f->sp);
	assert_int_equal(model_store(child, BASE + PAGE, 9), TESS_OK);
	assert_int_equal(model_load(f->sp, BASE + PAGE, &b), TESS_OK);
	assert_int_equal(b, 9);
	assert_int_equal(model_space_anon(f->sp), 2);
	assert_int_equal(model_space_anon(child), 2);
	model_space_destroy(child);
	assert_int_equal(model_load(f->sp, BASE + PAGE, &b), TESS_OK);
	assert_int_equal(b, 9);
}

static void
model_object_contents(void **state)
{
	struct fixture *f = *state;
	struct tess_object *core = (struct tess_object *)(uintptr_t)0x1000;
	struct model_object *o = model_object_create(f->m, core, TESS_HANDLE_FILE, PAGE + 100, 3);
	struct tess_mmap_args a = {
	    .addr = BASE, .len = 3 * PAGE, .prot = RW, .flags = TESS_MAP_SHARED | TESS_MAP_FIXED};
	struct model_answer ans = {TESS_OK, BASE};
	uint8_t b;

	a.handle = (struct tess_handle){TESS_HANDLE_FILE, TESS_MODE_READ | TESS_MODE_WRITE, core};
	assert_int_equal(model_mmap(f->sp, &a, &ans), TESS_OK);
	assert_int_equal(model_load(f->sp, BASE + PAGE + 99, &b), TESS_OK);
	assert_int_equal(b, fill_byte(3, PAGE + 99));
	assert_int_equal(model_load(f->sp, BASE + PAGE + 100, &b), TESS_OK);
	assert_int_equal(b, 0);
	assert_int_equal(model_load(f->sp, BASE + 2 * PAGE, &b), TESS_SIGBUS);
	model_object_set_size(o, 10);
	assert_int_equal(model_load(f->sp, BASE + PAGE, &b), TESS_SIGBUS);
	model_object_set_size(o, 3 * PAGE);
	assert_int_equal(model_load(f->sp, BASE + 10, &b), TESS_OK);
	assert_int_equal(b, 0);
	model_object_close(o);
	assert_ptr_equal(model_object_find(f->m, core), o); /* the mapping keeps it */
	assert_int_equal(model_munmap(f->sp, BASE, 3 * PAGE), TESS_OK);
	assert_null(model_object_find(f->m, core));
}

static void
model_mremap_keeps_bytes(void **state)
{
	struct fixture *f = *state;
	struct model_answer ans = {TESS_OK, BASE + 64 * PAGE};
	uint8_t b;

	assert_int_equal(map(f, BASE, 3 * PAGE, RW, PF), TESS_OK);
	assert_int_equal(map(f, BASE + 3 * PAGE, PAGE, TESS_PROT_READ, PF), TESS_OK);
	assert_int_equal(model_store(f->sp, BASE + 2 * PAGE, 5), TESS_OK);
	assert_int_equal(
	    model_mremap(f->sp, BASE, 3 * PAGE, 5 * PAGE, TESS_MREMAP_MAYMOVE, 0, &ans), TESS_OK);
	assert_null(model_complaint(f->m));
	assert_int_equal(model_load(f->sp, BASE + 66 * PAGE, &b), TESS_OK);
	assert_int_equal(b, 5);
	assert_int_equal(model_load(f->sp, BASE + 2 * PAGE, &b), TESS_SIGSEGV);
	assert_int_equal(model_space_anon(f->sp), 1);
}

static void
model_mincore_holds_bytes(void **state)
{
	struct fixture *f = *state;
	unsigned char vec[2] = {0, 1};

	assert_int_equal(map(f, BASE, 2 * PAGE, RW, PF), TESS_OK);
	assert_int_equal(model_store(f->sp, BASE + PAGE, 5), TESS_OK);
	assert_int_equal(model_mincore(f->sp, BASE, 2 * PAGE, vec), TESS_OK);
	assert_null(model_complaint(f->m));
	vec[0] = 1;
	assert_int_equal(model_mincore(f->sp, BASE, 2 * PAGE, vec), TESS_OK);
	assert_non_null(model_complaint(f->m));
}

static void
mem_pool_reuses(void **state)
{
	static unsigned char block[8192];
	struct mem_pool p;
	void *a, *b;

	(void)state;
	mem_pool_init(&p, block, sizeof(block));
	a = p.mem.get(&p.mem, 100);
	b = p.mem.get(&p.mem, 128);
	assert_non_null(b);
	p.mem.put(&p.mem, a, 100);
	assert_ptr_equal(p.mem.get(&p.mem, 65), a);
	assert_null(p.mem.get(&p.mem, 8192));
	mem_pool_reset(&p);
	assert_non_null(p.mem.get(&p.mem, 8192));
}

static void
text_add_formats(void **state)
{
	char buf[24];
	struct text t;

	(void)state;
	text_init(&t, buf, sizeof(buf));
	text_add(&t, "%s %4u|%02x|%lx|%d", "a", 7u, 10u, (unsigned long)0x1234, -5);
	assert_string_equal(buf, "a    7|0a|1234|-5");
	text_add(&t, "%s", "too long for what is left");
	assert_int_equal(strlen(buf), sizeof(buf) - 1);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup_teardown(model_mmap_adopts, setup_linux, teardown),
	    cmocka_unit_test_setup_teardown(model_mprotect_posix, setup_posix, teardown),
	    cmocka_unit_test_setup_teardown(model_mprotect_linux, setup_linux, teardown),
	    cmocka_unit_test_setup_teardown(model_store_counts, setup_posix, teardown),
	    cmocka_unit_test_setup_teardown(model_space_fork_copies, setup_linux, teardown),
	    cmocka_unit_test_setup_teardown(model_minherit_share, setup_posix, teardown),
	    cmocka_unit_test_setup_teardown(model_object_contents, setup_linux, teardown),
	    cmocka_unit_test_setup_teardown(model_mremap_keeps_bytes, setup_linux, teardown),
	    cmocka_unit_test_setup_teardown(model_mincore_holds_bytes, setup_posix, teardown),
	    cmocka_unit_test(mem_pool_reuses),
	    cmocka_unit_test(text_add_formats),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
