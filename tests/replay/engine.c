/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * engine.c: the replay engine on small traces: a sound one differs nowhere, and each thing that a trace can
 * say otherwise is counted where it belongs.
 *
 * All run on both pmaps, with the model beside the core.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "env.h"
#include "mem.h"
#include "replay.h"

#define HEAD                                          \
	"vmtrace 1\narch x86_64\npage 4096\nlost 0\n" \
	"object f1 20480 program\nobject f2 4096 grows\nobject z3 8192 zero\n"
/* Text at 400000, data with one resident page, a kernel area, a stack. */
#define EXEC                                        \
	"0 9 exec\n"                                \
	"0 area 400000 402000 r-xp 0 f1\n"          \
	"0 area 402000 403000 rw-p 2000 f1\n"       \
	"0 resident 402000 1\n"                     \
	"0 area 7ffff000 80000000 r-xp 0 special\n" \
	"0 area 90000000 90002000 rw-p 0 stack\n"   \
	"0 counts anon 1\n"                         \
	"0 end\n"
#define LAYOUT(space, anon)                                                                  \
	space " snapshot exit\n" space " area 400000 402000 r-xp 0 f1\n" space               \
	      " area 402000 403000 rw-p 2000 f1\n" space                                     \
	      " area 7ffff000 80000000 r-xp 0 special\n" space                               \
	      " area 90000000 90002000 rw-p 0 stack\n" space " counts anon " anon "\n" space \
	      " end\n"

static unsigned notes;
static char last_note[4096];

static void
note_keep(void *ctx, const char *line)
{
	(void)ctx;
	notes++;
	snprintf(last_note, sizeof(last_note), "%s", line);
}

static enum replay_end
replay_text(enum env_isa isa, const char *text, uint64_t ram, struct replay_result *res)
{
	struct env_config env = {.isa = isa, .ncpu = 2, .ram = ram, .seed = 1};
	struct replay_config cfg = {.mem = &mem_malloc, .with_model = 1, .note = note_keep};
	struct trace t = {.name = "test", .text = text, .size = strlen(text)};
	struct trace_totals totals;
	struct trace_error err;
	uint8_t alive[16];

	notes = 0;
	if (trace_check(&t, alive, sizeof(alive), &totals, &err) != TRACE_RECORD)
		fail_msg("line %u: expected %s", err.line, err.expected);
	assert_int_equal(env_open(&env), TESS_OK);
	enum replay_end end = replay_run(&t, &totals, &cfg, res);
	env_close();
	return end;
}

/* On both pmaps: how many layouts, anon counts and results must differ. */
static void
expect(const char *text, unsigned layouts, unsigned anons, unsigned results)
{
	static const enum env_isa isas[] = {ENV_X86_64, ENV_AARCH64};
	struct replay_result res;

	for (unsigned i = 0; i < 2; i++) {
		assert_int_equal(replay_text(isas[i], text, (uint64_t)64 << 20, &res), REPLAY_DONE);
		if (res.layouts != layouts || res.anons != anons || res.results != results)
			fail_msg("isa %u: %u %u %u; last: %s", i, (unsigned)res.layouts,
				 (unsigned)res.anons, (unsigned)res.results, last_note);
		assert_int_equal(notes != 0, layouts + anons + results != 0);
	}
}

static void
replay_run_sound(void **state)
{
	(void)state;
	expect(HEAD EXEC LAYOUT("0", "1"), 0, 0, 0);
	expect(HEAD EXEC "0 9 exit\n1 9 exec\n1 end\n", 0, 0, 0);
}

static void
replay_run_faults(void **state)
{
	(void)state;
	/* Reads make nothing, writes to private pages do, once each. */
	expect(HEAD EXEC "0 9 fault 400000 x\n0 9 fault 402000 r\n0 9 fault 90000000 r\n"
			 "0 9 fault 90001000 w\n0 9 fault 90001000 w prot\n" LAYOUT("0", "2"),
	       0, 0, 0);
	/* What the kernel could not reach for the program, and what the program was killed for. */
	expect(HEAD EXEC "0 9 fault 5000 w kernel\n0 9 fault 400000 w\n" LAYOUT("0", "1"), 0, 0, 0);
}

static void
replay_run_stack(void **state)
{
	(void)state;
	expect(HEAD EXEC
	       "0 9 fault 8fff0000 w\n0 snapshot exit\n0 area 400000 402000 r-xp 0 f1\n"
	       "0 area 402000 403000 rw-p 2000 f1\n0 area 7ffff000 80000000 r-xp 0 special\n"
	       "0 area 8fff0000 90002000 rw-p 0 stack\n0 counts anon 2\n0 end\n",
	       0, 0, 0);
	/* Too far away: the limit is 8 MiB. */
	expect(HEAD EXEC "0 9 fault 8f000000 w kernel\n" LAYOUT("0", "1"), 0, 0, 0);
}

static void
replay_run_fork(void **state)
{
	(void)state;
	expect(HEAD EXEC
	       "0 9 fork 1\n0 9 fault 402000 w prot\n1 10 fault 90000000 w\n" LAYOUT("0", "1")
		   LAYOUT("1", "2") "1 10 exit\n",
	       0, 0, 0);
	/* DONTFORK: the child has neither the area nor its pages. */
	expect(HEAD EXEC "0 9 madvise 402000 1000 10 = 0\n0 9 fork 1\n1 snapshot exit\n"
			 "1 area 400000 402000 r-xp 0 f1\n1 area 7ffff000 80000000 r-xp 0 special\n"
			 "1 area 90000000 90002000 rw-p 0 -\n1 counts anon 0\n1 end\n",
	       0, 0, 0);
}

/* Each call's line, undone by another, so that the layout at the end is the first one. */
static void
replay_run_calls(void **state)
{
	(void)state;
	expect(HEAD EXEC "0 9 mmap 0 3000 rw- PRIVATE|ANON|POPULATE - 0 = 20000000\n"
			 "0 9 mmap 20001000 1000 r-- PRIVATE|FIXED f1:ro 1000 = 20001000\n"
			 "0 9 mprotect 20002000 1 --- = 0\n"
			 "0 9 mremap 20000000 1000 2000 MAYMOVE 0 = 30000000\n"
			 "0 9 mremap 30000000 2000 4000 MAYMOVE 0 = 30000000\n"
			 "0 9 munmap 20000000 10000000 = 0\n0 9 munmap 30000000 4000 = 0\n"
			 "0 9 mmap 0 2000 rw- SHARED|ANON z3 0 = 21000000\n"
			 "0 9 munmap 21000000 2000 = 0\n" LAYOUT("0", "1"),
	       0, 0, 0);
	expect(HEAD EXEC "0 9 brk 0 = 404000\n0 9 brk 406000 = 406000\n0 9 fault 405000 w\n"
			 "0 9 brk 404000 = 404000\n0 9 mlock 400000 1000 = 0\n"
			 "0 9 munlock 400000 1000 = 0\n0 9 mlockall 1 = 0\n0 9 munlockall = 0\n"
			 "0 9 shmat 0 rw- z3 = 22000000\n0 9 fault 22001000 w\n"
			 "0 9 shmdt 22000000 = 0\n" LAYOUT("0", "3"),
	       0, 0, 0);
}

/* MADV_FREE: the recorded kernel had not taken the pages yet; DONTNEED takes them at once. */
static void
replay_run_discards(void **state)
{
	(void)state;
	expect(HEAD EXEC "0 9 fault 90000000 w\n0 9 fault 90001000 r\n"
			 "0 9 madvise 90000000 2000 8 = 0\n" LAYOUT("0", "2"),
	       0, 0, 0);
	expect(HEAD EXEC "0 9 fault 90000000 w\n0 9 madvise 90000000 2000 4 = 0\n" LAYOUT("0", "1"),
	       0, 0, 0);
}

static void
replay_run_failing_calls(void **state)
{
	(void)state;
	expect(HEAD EXEC
	       "0 9 mmap 0 0 rw- PRIVATE|ANON - 0 = -EINVAL\n"
	       "0 9 mmap 0 1000 rw- PRIVATE - 0 = -EBADF\n"
	       "0 9 mmap 0 1000 rw- PRIVATE - 0 = -ENODEV\n"
	       "0 9 mmap 0 1000 rw- SHARED f1:ro 0 = -EACCES\n"
	       "0 9 mmap 400000 1000 r-- PRIVATE|ANON|FIXED_NOREPLACE - 0 = -EEXIST\n"
	       "0 9 munmap 400001 1000 = -EINVAL\n0 9 mprotect 500000 1000 r-- = -ENOMEM\n"
	       "0 9 mprotect 402000 1000 r-- = -EINVAL\n"
	       "0 9 mprotect 402000 1000 r--,growsdown = -EINVAL\n"
	       "0 9 madvise 402000 1000 99 = -EINVAL\n0 9 msync 402000 1000 5 = -EINVAL\n"
	       "0 9 msync 402000 1000 -1 = -EINVAL\n0 9 mincore 402000 1000 = -EFAULT\n"
	       "0 9 mincore 402001 0 = -EINVAL\n0 9 mincore 500000 1000 = -ENOMEM\n"
	       "0 9 mremap 500000 1000 2000 MAYMOVE 0 = -EFAULT\n" LAYOUT("0", "1"),
	       0, 0, 0);
}

/* A file that write() has grown meanwhile, and one that is known to be shorter. */
static void
replay_run_file_sizes(void **state)
{
	(void)state;
	expect(
	    HEAD EXEC
	    "0 9 mmap 0 4000 rw- SHARED f2:rw 0 = 20000000\n0 9 fault 20002000 w\n"
	    "size f2 4096\n0 9 fault 20000000 r\n0 9 munmap 20000000 4000 = 0\n" LAYOUT("0", "1"),
	    0, 0, 0);
}

static void
replay_run_notices_layouts(void **state)
{
	(void)state;
	/* another permission, offset, object, end; an area too many, one too few */
	expect(HEAD EXEC "0 9 mprotect 402000 1000 r-- = 0\n" LAYOUT("0", "1"), 1, 0, 0);
	expect(HEAD EXEC
	       "0 9 mmap 402000 1000 rw- PRIVATE|FIXED f1:ro 3000 = 402000\n" LAYOUT("0", "0"),
	       1, 0, 0);
	expect(HEAD EXEC
	       "0 9 mmap 402000 1000 rw- PRIVATE|FIXED f2:ro 2000 = 402000\n" LAYOUT("0", "0"),
	       1, 0, 0);
	expect(HEAD EXEC
	       "0 9 mmap 402000 1000 rw- SHARED|FIXED f1:rw 2000 = 402000\n" LAYOUT("0", "0"),
	       1, 0, 0);
	expect(HEAD EXEC "0 9 mmap 0 1000 rw- PRIVATE|ANON - 0 = 20000000\n" LAYOUT("0", "1"), 1, 0,
	       0);
	expect(HEAD EXEC "0 9 munmap 402000 1000 = 0\n" LAYOUT("0", "0"), 1, 0, 0);
	expect(HEAD EXEC
	       "0 9 mmap 90002000 1000 rw- PRIVATE|FIXED|ANON - 0 = 90002000\n" LAYOUT("0", "1"),
	       1, 0, 0);
}

static void
replay_run_notices_anons(void **state)
{
	(void)state;
	expect(HEAD EXEC LAYOUT("0", "2"), 0, 1, 0);
	expect(HEAD EXEC "0 9 fault 90000000 w\n" LAYOUT("0", "1"), 0, 1, 0);
	expect(HEAD EXEC "0 9 madvise 402000 1000 4 = 0\n" LAYOUT("0", "1"), 0, 1, 0);
}

static void
replay_run_notices_results(void **state)
{
	(void)state;
	expect(HEAD EXEC "0 9 munmap 400001 1000 = 0\n", 0, 0, 1);
	expect(HEAD EXEC "0 9 mprotect 500000 1000 r-- = 0\n", 0, 0, 1);
	expect(HEAD EXEC "0 9 msync 400000 1000 4 = -EIO\n", 0, 0, 1);
	expect(HEAD EXEC "0 9 mincore 500000 1000 = -EINVAL\n", 0, 0, 1);
	expect(HEAD EXEC "0 9 mmap 0 1000 r-- PRIVATE|ANON - 0 = 400000\n", 0, 0, 1);
	expect(HEAD EXEC "0 9 mmap 0 1000 r-- PRIVATE|ANON - 0 = -ENOMEM\n" LAYOUT("0", "1"), 0, 0,
	       1);
	expect(HEAD EXEC "0 9 brk 0 = 404000\n0 9 brk 405000 = 404000\n", 0, 0, 1);
}

static void
replay_run_starves(void **state)
{
	static char text[65536];
	struct replay_result res;
	size_t n;

	(void)state;
	n = (size_t)snprintf(text, sizeof(text),
			     HEAD EXEC
			     "0 9 mmap 0 40000000 rw- PRIVATE|ANON|NORESERVE - 0 = 20000000\n"
			     "0 9 mlock 20000000 40000000 = 0\n");
	assert_true(n < sizeof(text));
	assert_int_equal(replay_text(ENV_X86_64, text, (uint64_t)32 << 20, &res), REPLAY_NO_MEMORY);
	/* and page by page */
	n = (size_t)snprintf(text, sizeof(text),
			     HEAD EXEC
			     "0 9 mmap 0 40000000 rw- PRIVATE|ANON|NORESERVE - 0 = 20000000\n");
	for (unsigned i = 0; n < sizeof(text) - 64; i++)
		n += (size_t)snprintf(text + n, sizeof(text) - n, "0 9 fault %x w\n",
				      0x20000000 + i * 0x200000 % 0x40000000 + i / 512 * 0x1000);
	assert_int_equal(replay_text(ENV_X86_64, text, (uint64_t)16 << 20, &res), REPLAY_NO_MEMORY);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(replay_run_sound),
	    cmocka_unit_test(replay_run_faults),
	    cmocka_unit_test(replay_run_stack),
	    cmocka_unit_test(replay_run_fork),
	    cmocka_unit_test(replay_run_calls),
	    cmocka_unit_test(replay_run_discards),
	    cmocka_unit_test(replay_run_failing_calls),
	    cmocka_unit_test(replay_run_file_sizes),
	    cmocka_unit_test(replay_run_notices_layouts),
	    cmocka_unit_test(replay_run_notices_anons),
	    cmocka_unit_test(replay_run_notices_results),
	    cmocka_unit_test(replay_run_starves),
	};

	return cmocka_run_group_tests_name("replay_run", tests, NULL, NULL);
}
