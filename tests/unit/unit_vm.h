/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * unit_vm.h: a whole core on the hosted machine, for tests of the rooms from object upward: one thread plays
 * the CPUs.  The end of each test destroys the machine, which asserts that nothing is allocated.
 */
#ifndef TESS_UNIT_VM_H
#define TESS_UNIT_VM_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "hosted.h"
#include "pmap.h"

#define VM_TEST(name, start)                        \
	{                                           \
#name, name, (start), vm_stop, NULL \
	}

static struct tess_host *vm_host;

static inline int
vm_start(void **state)
{
	struct tess_host_config cfg = {.isa = TESS_HOST_X86_64,
				       .drive = TESS_HOST_SINGLE,
				       .ncpu = 2,
				       .ram = (uint64_t)8 << 20};

	(void)state;
	vm_host = tess_host_create(&cfg);
	assert_non_null(vm_host);
	return 0;
}

static inline int
vm_stop(void **state)
{
	(void)state;
	tess_host_fail_nth(vm_host, 0);
	tess_host_destroy(vm_host);
	return 0;
}

#endif
