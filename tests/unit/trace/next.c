/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * next.c: trace_next: every record's fields, every kind of bad line, and no line that breaks it.
 */
#include "trace_fixture.h"

static struct trace_rec
one(const char *text)
{
	struct trace t = trace_of(text);
	struct trace_cursor c;
	struct trace_rec rec;
	struct trace_error err;

	trace_start(&t, &c);
	if (trace_next(&c, &rec, &err) != TRACE_RECORD)
		fail_msg("%s: expected %s, found '%s'", text, err.expected, err.found);
	assert_int_equal(trace_next(&c, &(struct trace_rec){0}, &err), TRACE_EOF);
	return rec;
}

static void
trace_next_headers(void **state)
{
	struct trace_rec r = one("object f12 3804432 ld so.cache\n");

	(void)state;
	assert_int_equal(r.kind, TRACE_OBJECT);
	assert_int_equal(r.obj.backing, TRACE_FILE);
	assert_int_equal(r.obj.id, 12);
	assert_int_equal(r.value, 3804432);
	assert_int_equal(r.text_len, 11);
	assert_memory_equal(r.text, "ld so.cache", 11);
	r = one("size z3 4096\n");
	assert_int_equal(r.kind, TRACE_SIZE);
	assert_int_equal(r.obj.backing, TRACE_ZERO);
	assert_int_equal(one("lost 17\n").value, 17);
	assert_int_equal(one("vmtrace 1\n").kind, TRACE_VMTRACE);
}

static void
trace_next_blocks(void **state)
{
	struct trace_rec r = one("7 29110 exec\n");

	(void)state;
	assert_int_equal(r.kind, TRACE_EXEC);
	assert_int_equal(r.space, 7);
	assert_int_equal(r.task, 29110);
	r = one("7 area 7f266bcd5000 7f266bcd6000 r-xs 1000 d2\n");
	assert_int_equal(r.kind, TRACE_AREA);
	assert_int_equal(r.addr, 0x7f266bcd5000);
	assert_int_equal(r.addr2, 0x7f266bcd6000);
	assert_int_equal(r.len, 0x1000);
	assert_int_equal(r.prot, TESS_PROT_READ | TESS_PROT_EXEC);
	assert_int_equal(r.shared, 1);
	assert_int_equal(r.off, 0x1000);
	assert_int_equal(r.obj.backing, TRACE_DEVICE);
	assert_int_equal(one("7 area 1000 2000 ---p 0 stack\n").obj.backing, TRACE_STACK);
	assert_int_equal(one("7 area 1000 2000 ---p 0 special\n").obj.backing, TRACE_SPECIAL);
	assert_int_equal(one("7 area 1000 2000 ---p 0 -\n").obj.backing, TRACE_ANON);
	r = one("7 resident 55edba984000 10\n");
	assert_int_equal(r.addr, 0x55edba984000);
	assert_int_equal(r.value, 10);
	assert_int_equal(one("7 counts anon 12\n").value, 12);
	assert_int_equal(one("7 snapshot exit\n").text_len, 4);
	assert_int_equal(one("7 end\n").kind, TRACE_END);
	assert_int_equal(one("7 9 fork 12\n").value, 12);
	assert_int_equal(one("7 9 exit\n").kind, TRACE_EXIT);
}

static void
trace_next_fault(void **state)
{
	struct trace_rec r = one("0 5 fault 7ffe2ff06000 w\n");

	(void)state;
	assert_int_equal(r.kind, TRACE_FAULT);
	assert_int_equal(r.addr, 0x7ffe2ff06000);
	assert_int_equal(r.access, TESS_ACCESS_WRITE);
	assert_int_equal(r.flags, 0);
	r = one("0 5 fault 1000 x prot kernel\n");
	assert_int_equal(r.access, TESS_ACCESS_EXEC);
	assert_int_equal(r.flags, TRACE_FAULT_PRESENT | TRACE_FAULT_KERNEL);
	assert_int_equal(one("0 5 fault 1000 r kernel\n").flags, TRACE_FAULT_KERNEL);
}

static void
trace_next_mmap(void **state)
{
	struct trace_rec r = one(
	    "0 5 mmap 7f266bbee000 74000 r-x PRIVATE|FIXED|DENYWRITE f4:ro 10000 = 7f266bbee000\n");

	(void)state;
	assert_int_equal(r.kind, TRACE_MMAP);
	assert_int_equal(r.addr, 0x7f266bbee000);
	assert_int_equal(r.len, 0x74000);
	assert_int_equal(r.flags, TESS_MAP_PRIVATE | TESS_MAP_FIXED | TESS_MAP_DENYWRITE);
	assert_int_equal(r.mode, TESS_MODE_READ);
	assert_int_equal(r.obj.id, 4);
	assert_int_equal(r.off, 0x10000);
	assert_int_equal(r.err, 0);
	assert_int_equal(r.result, 0x7f266bbee000);
	r = one("0 5 mmap 0 0 --- SHARED_VALIDATE|ANON|FIXED_NOREPLACE - 0 = -EINVAL\n");
	assert_int_equal(r.flags,
			 TESS_MAP_SHARED_VALIDATE | TESS_MAP_ANON | TESS_MAP_FIXED_NOREPLACE);
	assert_int_equal(r.err, 22);
	assert_int_equal(one("0 5 mmap 0 1000 rw- SHARED z9:wo 0 = 1000\n").mode, TESS_MODE_WRITE);
	assert_int_equal(one("0 5 mmap 0 1000 rw- 0 f9:rw 0 = -EBADF\n").flags, 0);
}

static void
trace_next_calls(void **state)
{
	struct trace_rec r = one("0 5 mprotect 7fbcd04f7000 1e6f -w-,growsdown,20,sem = -EINVAL\n");

	(void)state;
	assert_int_equal(r.prot, TESS_PROT_WRITE | TRACE_PROT_GROWSDOWN | 0x20 | TRACE_PROT_SEM);
	r = one("0 5 mremap 1000 2000 3000 MAYMOVE|FIXED 9000 = 9000\n");
	assert_int_equal(r.len, 0x2000);
	assert_int_equal(r.len2, 0x3000);
	assert_int_equal(r.addr2, 0x9000);
	assert_int_equal(r.flags, TESS_MREMAP_MAYMOVE | TESS_MREMAP_FIXED);
	assert_int_equal(one("0 5 madvise 1000 1000 16 = 0\n").flags, 16);
	assert_int_equal(one("0 5 msync 1000 1000 -1 = -EINVAL\n").flags, TRACE_MSYNC_ALL);
	assert_int_equal(one("0 5 msync 1000 1000 1f = 0\n").flags, 0x1f);
	assert_int_equal(one("0 5 mincore 0 0 = -EFAULT\n").err, 14);
	assert_int_equal(one("0 5 mlock2 1000 1000 1 = 0\n").flags, 1);
	assert_int_equal(one("0 5 mlockall 3 = -EPERM\n").err, 1);
	assert_int_equal(one("0 5 munlockall = 0\n").kind, TRACE_MUNLOCKALL);
	assert_int_equal(one("0 5 shmat 0 r-- z2 = 7000\n").obj.id, 2);
	assert_int_equal(one("0 5 shmdt 7000 = 0\n").addr, 0x7000);
	assert_int_equal(one("0 5 brk 0 = 55edc5720000\n").result, 0x55edc5720000);
	assert_int_equal(one("0 5 mlock ffffffffffffffff 1 = -ENOMEM\n").addr, UINT64_MAX);
}

/* A bad line: what must be expected, and what is found there. */
static const struct {
	const char *line, *expected, *found;
} bad[] = {
    {"\n", "a record", ""},
    {"   \n", "a record", ""},
    {"hello\n", "the name of a record", "hello"},
    {"0 5 mmmap 0\n", "the name of a record", "mmmap"},
    {"x 5 exec\n", "a space number", "x"},
    {"-1 5 exec\n", "a space number", "-1"},
    {"4294967296 5 exec\n", "a space number", "4294967296"},
    {"0 5x exec\n", "a task number", "5x"},
    {"0 5 fault 100g r\n", "a hexadecimal number", "100g"},
    {"0 5 fault 10000000000000000 r\n", "a hexadecimal number", "10000000000000000"},
    {"0 5 fault 1000 q\n", "r, w or x", "q"},
    {"0 5 fault 1000 r present\n", "prot, kernel or the end of the line", "present"},
    {"0 5 fault 1000\n", "more words on this line", ""},
    {"0 5 brk 0\n", "= and a result", ""},
    {"0 5 brk 0 =\n", "a result: a hexadecimal number or -ENAME", ""},
    {"0 5 brk 0 = -EWHAT\n", "the name of an error, like -EINVAL", "-EWHAT"},
    {"0 5 brk 0 = 0x10\n", "a result: a hexadecimal number or -ENAME", "0x10"},
    {"0 5 brk 0 = 0 1\n", "the end of the line", "1"},
    {"0 5 mmap 0 1000 rw PRIVATE - 0 = 0\n", "a protection like rw-", "rw"},
    {"0 5 mmap 0 1000 wr- PRIVATE - 0 = 0\n", "a protection like rw-", "wr-"},
    {"0 5 mprotect 0 0 rw-,down = 0\n", "growsdown, growsup, sem or a hexadecimal number", "down"},
    {"0 5 mmap 0 1000 rw- PRIVAT - 0 = 0\n", "an mmap flag (PRIVATE, SHARED, ANON, FIXED ...)",
     "PRIVAT"},
    {"0 5 mmap 0 1000 rw- PRIVATE|| - 0 = 0\n", "an mmap flag (PRIVATE, SHARED, ANON, FIXED ...)",
     ""},
    {"0 5 mmap 0 1000 rw- PRIVATE g1 0 = 0\n", "an object with its mode, like f1:ro, or -", "g1"},
    {"0 5 mmap 0 1000 rw- PRIVATE f1:r 0 = 0\n", "ro, wo or rw", "r"},
    {"0 5 mremap 0 0 0 MOVE 0 = 0\n", "MAYMOVE, FIXED, DONTUNMAP, UNKNOWN or 0", "MOVE"},
    {"0 5 madvise 0 0 f = 0\n", "a decimal number", "f"},
    {"0 5 msync 0 0 -2 = 0\n", "flags in hexadecimal", "-2"},
    {"0 area 0 1000 rw-q 0 -\n", "permissions like rw-p or r--s", "rw-q"},
    {"0 area 0 1000 rw-p 0 f\n", "an object (f1, d1, z1, -, stack or special)", "f"},
    {"0 counts pages 1\n", "anon", "pages"},
    {"0 5 fault 1 2 3 4 5 6 7 8 9 10 11 12\n", "fewer words on this line", ""},
    {"0 5 brk 0 = 0", "a newline at the end of the file (is it cut short?)", ""},
};

static void
trace_next_bad_lines(void **state)
{
	struct trace_cursor c;
	struct trace_rec rec;
	struct trace_error err;

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		struct trace t = trace_of(bad[i].line);
		trace_start(&t, &c);
		if (trace_next(&c, &rec, &err) != TRACE_BAD)
			fail_msg("accepted: %s", bad[i].line);
		assert_string_equal(err.expected, bad[i].expected);
		assert_string_equal(err.found, bad[i].found);
		assert_int_equal(err.line, 1);
	}
}

/* After a bad line the next one is read as if nothing had been. */
static void
trace_next_goes_on(void **state)
{
	struct trace t = trace_of("0 5 exec\n0 5 nothing\n0 5 exit\n");
	struct trace_cursor c;
	struct trace_rec rec;
	struct trace_error err;

	(void)state;
	trace_start(&t, &c);
	assert_int_equal(trace_next(&c, &rec, &err), TRACE_RECORD);
	assert_int_equal(trace_next(&c, &rec, &err), TRACE_BAD);
	assert_int_equal(err.line, 2);
	assert_int_equal(trace_next(&c, &rec, &err), TRACE_RECORD);
	assert_int_equal(rec.kind, TRACE_EXIT);
	assert_int_equal(rec.line, 3);
}

/* Any byte anywhere: an answer, and no access outside the text (a sanitizer's build would tell). */
static void
trace_next_any_byte(void **state)
{
	static const char line[] =
	    "0 5 mmap 7f00 74000 r-x,sem PRIVATE|FIXED f4:ro 10000 = 7f266bbee000\n";
	size_t n = sizeof(line) - 1;
	unsigned answers[3] = {0};

	(void)state;
	for (size_t at = 0; at < n; at++) {
		for (int byte = 0; byte < 256; byte++) {
			char *copy = malloc(n);
			struct trace t = {"test", copy, n};
			struct trace_cursor c;
			struct trace_rec rec;
			struct trace_error err;
			memcpy(copy, line, n);
			copy[at] = (char)byte;
			trace_start(&t, &c);
			answers[trace_next(&c, &rec, &err)]++;
			assert_true(c.at <= n);
			free(copy);
		}
	}
	assert_true(answers[TRACE_RECORD] > 0 && answers[TRACE_BAD] > answers[TRACE_RECORD]);
	assert_int_equal(answers[TRACE_EOF], 0);
}

static void
trace_errno_names(void **state)
{
	(void)state;
	assert_string_equal(trace_errno_name(22), "EINVAL");
	assert_string_equal(trace_errno_name(95), "EOPNOTSUPP");
	assert_null(trace_errno_name(0));
	assert_null(trace_errno_name(512));
	assert_int_equal(trace_errno_number("ENOMEM", 6), 12);
	assert_int_equal(trace_errno_number("ENOME", 5), 0);
	assert_int_equal(trace_errno_number("ENOMEMX", 7), 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(trace_next_headers), cmocka_unit_test(trace_next_blocks),
	    cmocka_unit_test(trace_next_fault),   cmocka_unit_test(trace_next_mmap),
	    cmocka_unit_test(trace_next_calls),   cmocka_unit_test(trace_next_bad_lines),
	    cmocka_unit_test(trace_next_goes_on), cmocka_unit_test(trace_next_any_byte),
	    cmocka_unit_test(trace_errno_names),
	};

	return cmocka_run_group_tests_name("trace_next", tests, NULL, NULL);
}
