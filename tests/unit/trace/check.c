/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * check.c: trace_check: a small sound trace, and what each way of breaking it is called.
 */
#include "trace_fixture.h"

#define HEAD   "vmtrace 1\narch x86_64\npage 4096\nlost 0\n"
#define OBJECT "object f1 100 a\nobject z2 4096 zero\n"
#define EXEC   "0 9 exec\n0 area 1000 2000 rw-p 0 -\n0 resident 1000 1\n0 counts anon 1\n0 end\n"

static enum trace_step
check(const char *text, struct trace_totals *totals, struct trace_error *err)
{
	struct trace t = trace_of(text);
	uint8_t alive[16];

	return trace_check(&t, alive, sizeof(alive), totals, err);
}

static void
trace_check_sound(void **state)
{
	struct trace_totals t;
	struct trace_error err;

	(void)state;
	assert_int_equal(
	    check(HEAD OBJECT EXEC
		  "size f1 200\n0 9 fork 3\n0 9 mmap 0 1 r-- PRIVATE f1:ro 0 = 3000\n"
		  "3 snapshot exit\n3 area 1000 2000 rw-p 0 -\n3 counts anon 1\n3 end\n"
		  "3 9 exit\n3 9 exec\n3 end\n",
		  &t, &err),
	    TRACE_RECORD);
	assert_int_equal(t.spaces, 4);
	assert_int_equal(t.objects, 2);
	assert_int_equal(t.snapshots, 1);
	assert_int_equal(t.lost, 0);
	/* A trace may hold nothing but its head. */
	assert_int_equal(check(HEAD, &t, &err), TRACE_RECORD);
	assert_int_equal(t.records, 0);
	assert_int_equal(check("vmtrace 1\narch x86_64\npage 4096\nlost 5\n", &t, &err),
			 TRACE_RECORD);
	assert_int_equal(t.lost, 5);
}

static const struct {
	const char *text;
	uint32_t line;
	const char *expected;
} bad[] = {
    {"", 1, "vmtrace 1"},
    {"hello, world\n", 1, "vmtrace 1"},
    {"vmtrace 2\n", 1, "vmtrace 1"},
    {"vmtrace 1\narch aarch64\n", 2, "arch x86_64"},
    {"vmtrace 1\narch x86_64\npage 16384\n", 3, "page 4096"},
    {"vmtrace 1\narch x86_64\npage 4096\n0 9 exec\n", 4, "lost and a number"},
    {HEAD "object - 0 a\n", 5, "an object ID like f1, d1 or z1"},
    {HEAD "object f1 0 a\nobject f1 0 b\n", 6, "an object number that is not in use"},
    {HEAD "object f1 0 a\nobject d1 0 b\n", 6, "an object number that is not in use"},
    {HEAD "object f1 9223372036854775808 a\n", 5, "a size below 2^63"},
    {HEAD EXEC OBJECT, 10, "a record (headers and objects stand at the top)"},
    {HEAD EXEC HEAD, 10, "a record (headers and objects stand at the top)"},
    {HEAD OBJECT "size f7 0\n", 7, "the size of a declared object"},
    {HEAD OBJECT "size z1 0\n", 7, "the size of a declared object"},
    {HEAD OBJECT "size - 0\n", 7, "the size of a declared object"},
    {HEAD "0 9 exit\n", 5, "a space that exists here"},
    {HEAD EXEC "1 9 exit\n", 10, "a space that exists here"},
    {HEAD EXEC "0 9 exit\n0 9 exit\n", 11, "a space that exists here"},
    {HEAD EXEC EXEC, 10, "a space number that is not in use"},
    {HEAD EXEC "0 9 fork 0\n", 10, "a space number that is not in use"},
    {HEAD EXEC "0 9 fork 16\n", 10, "a smaller space number"},
    {HEAD EXEC "0 area 1000 2000 rw-p 0 -\n", 10, "exec or snapshot before a layout"},
    {HEAD EXEC "0 9 mmap 0 1 r-- PRIVATE f1:ro 0 = 0\n", 10,
     "an object declared at the top of the file"},
    {HEAD "0 9 exec\n0 area 1000 2000 rw-p 0 -\n", 6, "area, counts or end: a block is cut short"},
    {HEAD "0 9 exec\n0 9 exit\n", 6, "area, resident, counts or end inside a block"},
    {HEAD "0 9 exec\n1 end\n", 6, "the space of the open block"},
    {HEAD "0 9 exec\n0 area 1000 2001 rw-p 0 -\n", 6,
     "an area whose page-aligned start is below its end"},
    {HEAD "0 9 exec\n0 area 2000 1000 rw-p 0 -\n", 6,
     "an area whose page-aligned start is below its end"},
    {HEAD "0 9 exec\n0 area 1000 3000 rw-p 0 -\n0 area 2000 4000 rw-p 0 -\n", 7,
     "areas in ascending order"},
    {HEAD OBJECT "0 9 exec\n0 area 1000 3000 rw-p 10 f1\n", 8, "a page-aligned offset"},
    {HEAD OBJECT "0 9 exec\n0 area 1000 3000 rw-p 0 f3\n", 8,
     "an object declared at the top of the file"},
    {HEAD "0 9 exec\n0 resident 1001 1\n", 6, "resident pages inside an area"},
    {HEAD "0 9 exec\n0 area 1000 2000 rw-p 0 -\n0 resident 1000 99999999999\n", 7,
     "resident pages inside an area"},
    {HEAD EXEC "0 snapshot exit\n0 resident 1000 1\n", 11, "resident only inside exec"},
    {HEAD EXEC "0 snapshot exit\n0 end\n", 11, "counts before the end of a snapshot"},
};

static void
trace_check_broken(void **state)
{
	struct trace_totals t;
	struct trace_error err;

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		if (check(bad[i].text, &t, &err) != TRACE_BAD)
			fail_msg("accepted: %s", bad[i].text);
		if (strcmp(err.expected, bad[i].expected) != 0 || err.line != bad[i].line)
			fail_msg("case %zu: line %u: %s", i, err.line, err.expected);
	}
}

/* Every prefix of a sound trace: accepted or refused, at a line it has. */
static void
trace_check_prefixes(void **state)
{
	static const char text[] = HEAD OBJECT EXEC
	    "0 9 fork 1\n1 snapshot exit\n1 area 1000 2000 rw-p 0 -\n1 counts anon 1\n1 end\n";
	struct trace_totals totals;
	struct trace_error err;
	uint8_t alive[4];
	unsigned sound = 0;

	(void)state;
	for (size_t n = 0; n < sizeof(text); n++) {
		char *copy = malloc(n + 1);
		struct trace t = {"test", copy, n};
		memcpy(copy, text, n);
		if (trace_check(&t, alive, sizeof(alive), &totals, &err) == TRACE_RECORD)
			sound++;
		else
			assert_in_range(err.line, 1, 17);
		free(copy);
	}
	/* after the head, each object, exec's block, fork, and the snapshot's block */
	assert_int_equal(sound, 6);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(trace_check_sound),
	    cmocka_unit_test(trace_check_broken),
	    cmocka_unit_test(trace_check_prefixes),
	};

	return cmocka_run_group_tests_name("trace_check", tests, NULL, NULL);
}
