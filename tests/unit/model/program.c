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
	    cmocka_unit_test(program_parse_errors),
	    cmocka_unit_test(program_decode_print_parse),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
