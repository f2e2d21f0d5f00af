/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * base.c: boot memory, lines of text, counters, names, panic.
 */
#include "base_fixture.h"

static void
base_init_refuses(void **state)
{
	struct tess_machine *m = NULL;

	(void)state;
	unit_port_start(BASE_RAM);
	assert_int_equal(tess_base_init(UNIT_RAM_BASE, BASE_RAM, 0, &m), TESS_EINVAL);
	assert_int_equal(tess_base_init(UNIT_RAM_BASE, BASE_RAM, TESS_CPU_MAX + 1, &m),
			 TESS_EINVAL);
	assert_int_equal(tess_base_init(UNIT_RAM_BASE, 4096, TESS_CPU_MAX, &m), TESS_ENOMEM);
	assert_null(m);
	assert_null(tess_machine());
	assert_int_equal(*(uint8_t *)tess_port_direct(UNIT_RAM_BASE), 0xa5); /* untouched */
	unit_port_stop();
}

static void
boot_alloc(void **state)
{
	struct tess_machine *m = base_start(2);
	uint8_t *a = tess_boot_alloc(m, 100, 8);
	uint8_t *b = tess_boot_alloc(m, 1, 1);
	uint8_t *c = tess_boot_alloc(m, 5000, 4096);
	uint64_t left;

	(void)state;
	assert_true(((uintptr_t)a & 63) == 0 && ((uintptr_t)b & 63) == 0);
	assert_true(b >= a + 100);
	assert_int_equal((uintptr_t)c & 4095, 0);
	for (unsigned i = 0; i < 5000; i++)
		assert_int_equal(c[i], 0);
	left = m->boot_end - ((m->boot_next + 63) & ~(uint64_t)63);
	assert_null(tess_boot_alloc(m, left + 1, 1));
	assert_non_null(tess_boot_alloc(m, left, 1));
	assert_null(tess_boot_alloc(m, 1, 1));
	base_stop();
}

static void
boot_close(void **state)
{
	struct tess_machine *m = base_start(1);

	(void)state;
	assert_non_null(tess_boot_carve(m, 64, 64));
	tess_boot_close(m);
	assert_null(tess_boot_carve(m, 1, 1));
	assert_null(tess_boot_alloc(m, 0, 1));
	base_stop();
}

static void
line_numbers(void **state)
{
	struct tess_line l;

	(void)state;
	tess_line_init(&l);
	tess_line_dec(&l, 0);
	tess_line_str(&l, " ");
	tess_line_dec(&l, UINT64_MAX);
	tess_line_str(&l, " ");
	tess_line_hex(&l, 0);
	tess_line_str(&l, " ");
	tess_line_hex(&l, 0xdeadbeef12345678u);
	assert_string_equal(l.text, "0 18446744073709551615 0x0 0xdeadbeef12345678");
}

static void
line_is_cut(void **state)
{
	struct tess_line l;

	(void)state;
	tess_line_init(&l);
	for (unsigned i = 0; i < sizeof(l.text); i++)
		tess_line_str(&l, "ab");
	assert_int_equal(strlen(l.text), sizeof(l.text) - 1);
	tess_line_hex(&l, 1);
	assert_int_equal(l.n, sizeof(l.text) - 1);
}

static void
stat_sums(void **state)
{
	(void)state;
	base_start(3);
	for (unsigned cpu = 0; cpu < 3; cpu++) {
		unit_cpu_set(cpu);
		tess_stat_add(TESS_STAT_FAULT, cpu + 1);
	}
	unit_cpu_set(0);
	assert_int_equal(tess_stat_get(TESS_STAT_FAULT), 6);
	assert_int_equal(tess_stat_get(TESS_STAT_FAULT_COW), 0);
	base_stop();
}

static void
names_are_complete(void **state)
{
	(void)state;
	for (unsigned i = 0; i < TESS_STAT_COUNT; i++)
		assert_non_null(tess_stat_name((enum tess_stat)i));
	for (unsigned i = 0; i < TESS_ERR_COUNT; i++)
		assert_non_null(tess_err_name((enum tess_err)i));
	assert_string_equal(tess_err_name(TESS_EINVAL), "EINVAL");
	assert_string_equal(tess_err_name(TESS_OK), "OK");
	assert_string_equal(tess_err_name(TESS_SIGBUS), "SIGBUS");
	assert_string_equal(tess_err_name(TESS_ERR_COUNT), "?");
	assert_string_equal(tess_stat_name(TESS_STAT_FAULT_ZERO), "fault_zero");
	assert_string_equal(tess_stat_name(TESS_STAT_COUNT), "?");
}

#if TESS_CONFIG_HISTORY > 0
static void
panic_prints_history(void **state)
{
	(void)state;
	base_start(2);
	tess_history("first event", 1, 2, 3);
	unit_cpu_set(1);
	for (unsigned i = 0; i < TESS_CONFIG_HISTORY + 2; i++)
		tess_history("many", i, 0, 0xabc);
	UNIT_EXPECT_PANIC(tess_panic("the reason"), "the reason");
	unit_cpu_set(0);
	assert_non_null(strstr(unit_log_text(), "cpu 0 #0 first event 0x1 0x2 0x3\n"));
	assert_null(strstr(unit_log_text(), "cpu 1 #1 many")); /* overwritten */
	assert_non_null(strstr(unit_log_text(), "cpu 1 #2 many 0x2 0x0 0xabc\n"));
	base_stop();
}
#endif

static void
assert_names_the_place(void **state)
{
	(void)state;
	base_start(1);
	UNIT_EXPECT_PANIC(TESS_ASSERT(1 + 1 == 3), "1 + 1 == 3 at ");
	base_stop();
}

static void
base_check_sees_held_lock(void **state)
{
	struct tess_spin l;

	(void)state;
	base_start(1);
	tess_spin_init(&l);
	tess_rank_push(TESS_RANK_PV, &l);
	UNIT_EXPECT_PANIC(tess_base_check(), "nheld");
	tess_rank_pop(TESS_RANK_PV, &l);
	base_stop();
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(base_init_refuses),
		cmocka_unit_test(boot_alloc),
		cmocka_unit_test(boot_close),
		cmocka_unit_test(line_numbers),
		cmocka_unit_test(line_is_cut),
		cmocka_unit_test(stat_sums),
		cmocka_unit_test(names_are_complete),
#if TESS_CONFIG_HISTORY > 0
		cmocka_unit_test(panic_prints_history),
#endif
		cmocka_unit_test(assert_names_the_place),
		cmocka_unit_test(base_check_sees_held_lock),
	};

	return cmocka_run_group_tests_name("base", tests, NULL, NULL);
}
