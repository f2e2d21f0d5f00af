/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * unit_machine.c: bring up base and page over the unit port, and take them down.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "unit_machine.h"

struct tess_machine *
unit_machine_start(uint64_t bytes, unsigned ncpu, unsigned domains)
{
	struct tess_phys_range r[TESS_DOMAIN_MAX];
	struct tess_machine *m;
	uint64_t each = tess_page_trunc(bytes / domains);

	unit_port_start(bytes);
	for (unsigned i = 0; i < domains; i++)
		r[i] = (struct tess_phys_range){UNIT_RAM_BASE + i * each, each, i};
	assert_int_equal(tess_base_init(r[0].start, each, ncpu, &m), TESS_OK);
	for (unsigned i = 0; i < ncpu; i++)
		m->cpu[i].domain = i * domains / ncpu;
	assert_int_equal(tess_page_room_init(m, r, domains), TESS_OK);
	return m;
}

void
unit_machine_stop(void)
{
	struct tess_machine *m = tess_machine();

	tess_rcu_drain();
	tess_base_check();
	tess_page_room_check();
	assert_null(m->pools);
	tess_page_room_fini(m);
	tess_port_machine_set(NULL);
	unit_port_stop();
}
