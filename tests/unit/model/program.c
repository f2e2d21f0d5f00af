/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * program.c: the text of programs there and back, the errors of the parser, and bytes that are all legal.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdlib.h>
#include <string.h>
#include "mem.h"
#include "program.h"

struct out {
	char text[65536];
	size_t len;
};

static void
out_put(void *ctx, const char *text)
{
	struct out *o = ctx;
	size_t n = strlen(text);

	assert_true(o->len + n < sizeof(o->text));
	memcpy(o->text + o->len, text, n + 1);
	o->len += n;
}

static char error[256];

static bool
parse(struct program *p, const char *text)
{
	program_init(p, &mem_malloc);
	return program_parse(p, "f", text, strlen(text), error, sizeof(error));
}

static void
program_parse_test(void **state)
{
	struct program p;

	(void)state;
	assert_true(parse(&p, "personality linux\n\n  r1 = mmap(0x10, 5, PROT_READ|PROT_WRITE|0x8, "
			      "MAP_SHARED, -1, 0) # x\n"
			      "munmap(r1-0x1000, 4096)\nopen(\"a\", O_RDWR, 0)"));
	assert_int_equal(p.personality, TESS_PERSONALITY_LINUX);
	assert_int_equal(p.n, 3);
	assert_int_equal(p.op[0].call, CALL_MMAP);
	assert_int_equal(p.op[0].line, 3);
	assert_int_equal(p.op[0].result, 1);
	assert_int_equal(p.op[0].arg[2].num, 11);
	assert_int_equal(p.op[0].arg[4].num, UINT64_MAX);
	assert_int_equal(p.op[1].arg[0].reg, 1);
	assert_int_equal(p.op[1].arg[0].num, (uint64_t)-0x1000);
	assert_int_equal(p.op[1].arg[1].num, 4096);
	assert_string_equal(p.name[p.op[2].arg[0].num], "a");
	program_fini(&p);
}

/* Words that take a value, words above Linux's numbers, calls with an argument that may be missing. */
static void
program_parse_words(void **state)
{
	static struct out printed;
	static const char text[] =
	    "personality bsd\n"
	    "r1 = mmap(0, 0x1000, PROT_READ|PROT_MAX(PROT_READ|PROT_WRITE), "
	    "MAP_PRIVATE|MAP_ANONYMOUS|MAP_UPPER_LIMIT|MAP_ALIGNED(21), -1, 0, 0x40000000)\n"
	    "mquery(r1, 0x1000, PROT_NONE, MAP_FIXED_NOREPLACE|MAP_GUARD, -1, 0)\n"
	    "mprotect(r1, 0x1000, PROT_READ|PROT_MAX(PROT_READ)|PROT_GROWSDOWN)\n"
	    "mremap_bsd(r1, 0x1000, 0, 0x2000, MAP_REMAPDUP|MAP_ALIGNED(12))\n"
	    "madvise(r1, 0x1000, MADV_ZERO)\n"
	    "minherit(r1, 0x1000, MAP_INHERIT_DONATE)\n"
	    "map_protect(r1, r1+0x1000, PROT_READ, PROT_NONE, SET_PROT)\n"
	    "map_flags(WXORX|ASLR)\n"
	    "map_wire(r1, r1+0x1000, USER)\n"
	    "map_extract(0, r1, 0x1000, 1, 0, SHARE)\n"
	    "quota(METADATA, 0x4000)\n"
	    "overcommit(NEVER, 0x100000)\n";
	struct program p;

	(void)state;
	if (!parse(&p, text))
		fail_msg("%s", error);
	assert_int_equal(p.op[0].nargs, 7);
	assert_int_equal(p.op[0].arg[2].num, 1 | TESS_PROT_MAX(3));
	assert_int_equal(p.op[0].arg[3].num, 0x22 | (uint64_t)1 << 38 | (uint64_t)21 << 56);
	assert_int_equal(p.op[1].nargs, 6);
	assert_int_equal(p.op[1].arg[3].num, 0x100000 | (uint64_t)1 << 33);
	assert_int_equal(p.op[3].arg[4].num, 4 | (uint64_t)12 << 56);
	assert_int_equal(p.op[4].arg[2].num, ((uint64_t)1 << 32) + 4);
	assert_int_equal(p.op[5].arg[2].num, 4);
	assert_true(program_modelled((enum program_call)p.op[6].call));
	assert_false(program_modelled((enum program_call)p.op[8].call));
	printed.len = 0;
	program_print(&p, out_put, &printed);
	assert_string_equal(printed.text, text);
	program_fini(&p);
	/* Other names of the same flags. */
	assert_true(parse(&p, "mmap(0, 0, 0, MAP_EXCL|MAP_WIRED|MAP_CONCEAL|MAP_RENAME, -1, 0)"));
	assert_int_equal(p.op[0].arg[3].num, 0x102000 | PROGRAM_MAP_NOCORE | PROGRAM_MAP_LEGACY);
	program_fini(&p);
}

static void
program_parse_errors(void **state)
{
	static const struct {
		const char *text, *error;
	} bad[] = {
	    {"frobnicate(1)", "f:1: expected a call, found \"frobnicate\""},
	    {"\nmunmap(1)", "f:2: expected \",\" and another argument, found \")\""},
	    {"munmap(1, 2, 3)", "f:1: expected \")\": the call has no more arguments, found \"3\""},
	    {"munmap(r3, 2)", "f:1: expected a register that a line above assigned, found \"r3\""},
	    {"munmap(0x, 2)", "f:1: expected a number, found \"0x\""},
	    {"munmap(99999999999999999999, 2)",
	     "f:1: expected a number below 2^64, found \"99999999999999999999\""},
	    {"munmap(1, 2", "f:1: expected \")\", found the end of the line"},
	    {"munmap(1, 2) x", "f:1: expected the end of the line, found \"x\""},
	    {"mprotect(1, 2, PROT_ALL)",
	     "f:1: expected PROT_* flags or a number, found \"PROT_ALL\""},
	    {"mprotect(1, 2, PROT_MAX)", "f:1: expected \"(\", found \")\""},
	    {"mprotect(1, 2, PROT_MAX(8))", "f:1: expected a protection of 0 to 7, found \"8\""},
	    {"mprotect(1, 2, PROT_MAX(PROT_GROWSUP))",
	     "f:1: expected PROT_READ, PROT_WRITE, PROT_EXEC or a number, found \"PROT_GROWSUP\""},
	    {"mmap(0, 1, 0, MAP_ALIGNED(256), -1, 0)",
	     "f:1: expected a number of 0 to 255, found \"256\""},
	    {"mmap(0, 1, 0, MAP_ALIGNED(12, -1, 0)", "f:1: expected \")\", found \",\""},
	    {"mmap(0, 1, 0, 0, -1, 0, 0, 0)",
	     "f:1: expected \")\": the call has no more arguments, found \"0\""},
	    {"quota(PAGES, 1)", "f:1: expected ENTRIES or METADATA, found \"PAGES\""},
	    {"open(a, O_RDWR, 0)", "f:1: expected a name in quotes, found \"a\""},
	    {"open(\"a, O_RDWR, 0)",
	     "f:1: expected the closing quote of the name, found the end of the line"},
	    {"open(\"\", O_RDWR, 0)", "f:1: expected a name of 1 to 31 characters, found \"\"\""},
	    {"personality unix", "f:1: expected posix, linux, bsd or seed, found \"unix\""},
	    {"fork()\npersonality linux", "f:2: expected a call (the personality comes before the "
					  "first one), found \"personality\""},
	    {"r1 fork()", "f:1: expected \"=\", found \"fork\""},
	    {"\001", "f:1: expected a call, \"rN = \" and a call, or \"personality\", found \"?\""},
	};
	struct program p;

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		assert_false(parse(&p, bad[i].text));
		assert_string_equal(error, bad[i].error);
		program_fini(&p);
	}
}

static void
same_programs(const struct program *a, const struct program *b)
{
	assert_int_equal(a->n, b->n);
	assert_int_equal(a->personality, b->personality);
	for (uint32_t i = 0; i < a->n; i++) {
		const struct program_op *x = &a->op[i], *y = &b->op[i];

		assert_int_equal(x->call, y->call);
		assert_int_equal(x->nargs, y->nargs);
		assert_int_equal(x->result, y->result);
		assert_int_equal(x->line, y->line);
		for (unsigned k = 0; k < x->nargs; k++) {
			assert_int_equal(x->arg[k].reg, y->arg[k].reg);
			if (program_syntax[x->call].type[k] == TYPE_NAME)
				assert_string_equal(a->name[x->arg[k].num], b->name[y->arg[k].num]);
			else
				assert_int_equal(x->arg[k].num, y->arg[k].num);
		}
	}
}

/* Any bytes decode; what is printed parses to the same program, and prints the same text again. */
static void
program_decode_print_parse(void **state)
{
	static struct out once, twice;
	uint8_t bytes[DECODE_HEAD + DECODE_MAX * DECODE_RECORD + 7];
	struct program_setup setup;
	struct program p, q;

	(void)state;
	srand(1);
	for (unsigned round = 0; round < 2000; round++) {
		size_t size = (size_t)rand() % (sizeof(bytes) + 1);

		for (size_t i = 0; i < size; i++)
			bytes[i] = (uint8_t)rand();
		program_init(&p, &mem_malloc);
		assert_true(program_decode(&p, &setup, bytes, size));
		assert_in_range(setup.ncpu, 1, 4);
		once.len = twice.len = 0;
		program_print(&p, out_put, &once);
		if (!parse(&q, once.text))
			fail_msg("%s\n%s", error, once.text);
		same_programs(&p, &q);
		program_print(&q, out_put, &twice);
		assert_string_equal(once.text, twice.text);
		program_fini(&p);
		program_fini(&q);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(program_parse_test),
	    cmocka_unit_test(program_parse_words),
	    cmocka_unit_test(program_parse_errors),
	    cmocka_unit_test(program_decode_print_parse),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
