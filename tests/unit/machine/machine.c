/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * machine.c: whole machines come up, refuse, run out of memory on the way, and go without a trace.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include <tessera/machine.h>
#include "unit_port.h"
#include "base.h"
#include "page.h"

#define MACHINE_RAM (8u << 20)

static const struct tess_phys_range whole = {UNIT_RAM_BASE, MACHINE_RAM, 0};

static struct tess_machine_config
config_plain(void)
{
	return (struct tess_machine_config){
	    .ncpu = 2, .ranges = &whole, .nranges = 1, .pmap = &tess_pmap_x86_64};
}

static void
machine_check_gone(void)
{
	assert_null(tess_machine());
	assert_int_equal(unit_frames_out(), 0);
}

static void
machine_create_destroy(void **state)
{
	static const struct tess_pmap_ops *const isa[] = {&tess_pmap_x86_64, &tess_pmap_aarch64,
							  &tess_pmap_aarch64_hw};
	struct tess_machine_config cfg = config_plain();
	struct tess_machine *m;

	(void)state;
	unit_port_start(MACHINE_RAM);
	for (unsigned i = 0; i < 30; i++) { /* over the remains of the one before */
		cfg.pmap = isa[i % 3];
		cfg.ncpu = 1 + i % 5;
		assert_int_equal(tess_machine_create(&cfg, &m), TESS_OK);
		assert_ptr_equal(tess_machine(), m);
		assert_ptr_equal(m->pmap_ops, cfg.pmap);
		assert_null(tess_boot_alloc(m, 1, 1)); /* closed */
		tess_quiesce();
		tess_base_check();
		tess_page_room_check();
		tess_machine_destroy(m);
		machine_check_gone();
	}
	unit_port_stop();
}

static void
machine_create_refuses(void **state)
{
	static const struct tess_phys_range overlap[] = {{UNIT_RAM_BASE, MACHINE_RAM, 0},
							 {UNIT_RAM_BASE + 4096, 4096, 0}};
	static const struct tess_phys_range odd = {UNIT_RAM_BASE + 8, MACHINE_RAM / 2, 0};
	static const uint8_t far[] = {0, TESS_DOMAIN_MAX};
	struct tess_machine_config bad[7];
	struct tess_machine *m = NULL;

	(void)state;
	unit_port_start(MACHINE_RAM);
	for (unsigned i = 0; i < 7; i++)
		bad[i] = config_plain();
	bad[0].ncpu = 0;
	bad[1].ncpu = TESS_CPU_MAX + 1;
	bad[2].nranges = 0;
	bad[3].pmap = NULL;
	bad[4].ranges = overlap;
	bad[4].nranges = 2;
	bad[5].ranges = &odd;
	bad[6].cpu_domain = far;
	for (unsigned i = 0; i < 7; i++) {
		assert_int_equal(tess_machine_create(&bad[i], &m), TESS_EINVAL);
		assert_null(m);
		machine_check_gone();
	}
	unit_port_stop();
}

/* From one page up: too little memory is an answer at every step of the way, never an accident. */
static void
machine_create_too_small(void **state)
{
	struct tess_phys_range r = {UNIT_RAM_BASE, 0, 0};
	struct tess_machine_config cfg = config_plain();
	unsigned refused = 0;
	struct tess_machine *m;
	enum tess_err err;

	(void)state;
	unit_port_start(MACHINE_RAM);
	cfg.ranges = &r;
	cfg.ncpu = 8;
	do {
		r.bytes += TESS_PAGE_SIZE;
		m = NULL;
		err = tess_machine_create(&cfg, &m);
		if (err != TESS_OK) {
			assert_int_equal(err, TESS_ENOMEM);
			assert_null(m);
			machine_check_gone();
			refused++;
		}
	} while (err != TESS_OK);
	assert_true(refused > 4);
	assert_true(r.bytes <= 1u << 20);
	tess_machine_destroy(m);
	machine_check_gone();
	unit_port_stop();
}

static void
machine_create_injected(void **state)
{
	struct tess_machine_config cfg = config_plain();
	struct tess_machine *m;
	enum tess_err err;
	uint64_t n = 0;

	(void)state;
	unit_port_start(MACHINE_RAM);
	do { /* the n-th allocation of the bring-up fails, for every n there is */
		unit_fail_nth(UNIT_SITE_ALL, ++n);
		m = NULL;
		err = tess_machine_create(&cfg, &m);
		if (unit_fail_passes() >= n) {
			assert_int_equal(err, TESS_ENOMEM);
			machine_check_gone();
		}
	} while (err != TESS_OK);
	unit_fail_nth(0, 0);
	tess_machine_destroy(m);
	unit_port_stop();
}

static void
machine_destroy_sees_a_leak(void **state)
{
	struct tess_machine_config cfg = config_plain();
	struct tess_machine *m;
	struct tess_page *pg;

	(void)state;
	unit_port_start(MACHINE_RAM);
	assert_int_equal(tess_machine_create(&cfg, &m), TESS_OK);
	pg = tess_page_alloc(TESS_FILL_NONE, TESS_SITE_PAGE);
	UNIT_EXPECT_PANIC(tess_machine_destroy(m), "frames still in use: 1");
	tess_page_free(pg);
	tess_page_room_fini(m); /* the last step of the destruction that panicked */
	tess_port_machine_set(NULL);
	unit_port_stop();
}

static void
machine_domains(void **state)
{
	static const struct tess_phys_range r[] = {
	    {UNIT_RAM_BASE, MACHINE_RAM / 2, 0},
	    {UNIT_RAM_BASE + MACHINE_RAM / 2, MACHINE_RAM / 2, 1}};
	static const uint8_t domain[] = {1, 0, 1, 0};
	struct tess_machine_config cfg = config_plain();
	struct tess_machine *m;

	(void)state;
	unit_port_start(MACHINE_RAM);
	cfg.ranges = r;
	cfg.nranges = 2;
	cfg.ncpu = 4;
	for (unsigned given = 0; given < 2; given++) {
		cfg.cpu_domain = given ? domain : NULL;
		assert_int_equal(tess_machine_create(&cfg, &m), TESS_OK);
		for (unsigned cpu = 0; cpu < 4; cpu++) {
			struct tess_page *pg;

			unit_cpu_set(cpu);
			pg = tess_page_alloc(TESS_FILL_NONE, TESS_SITE_PAGE);
			assert_int_equal(pg->domain, given ? domain[cpu] : cpu / 2);
			tess_page_free(pg);
		}
		unit_cpu_set(0);
		tess_machine_destroy(m);
	}
	unit_port_stop();
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(machine_create_destroy),
	    cmocka_unit_test(machine_create_refuses),
	    cmocka_unit_test(machine_create_too_small),
	    cmocka_unit_test(machine_create_injected),
	    cmocka_unit_test(machine_destroy_sees_a_leak),
	    cmocka_unit_test(machine_domains),
	};

	return cmocka_run_group_tests_name("machine", tests, NULL, NULL);
}
