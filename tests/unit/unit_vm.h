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
vm_start_drive(enum tess_host_drive drive)
{
	struct tess_host_config cfg = {
	    .isa = TESS_HOST_X86_64, .drive = drive, .ncpu = 2, .ram = (uint64_t)8 << 20};

	vm_host = tess_host_create(&cfg);
	assert_non_null(vm_host);
	return 0;
}

static inline int
vm_start(void **state)
{
	(void)state;
	return vm_start_drive(TESS_HOST_SINGLE);
}

/* For a test that makes threads of its own. */
static inline int
vm_start_threads(void **state)
{
	(void)state;
	return vm_start_drive(TESS_HOST_THREADS);
}

static jmp_buf vm_jump;

static inline void
vm_panicked(const char *msg)
{
	fprintf(stderr, "tear-down: %s\n", msg);
	longjmp(vm_jump, 1);
}

/* vm_down: `down` and the machine's end; a failed test leaves things behind, which must not hide its message. */
static inline int
vm_down(void (*down)(void))
{
	int result = 0;

	tess_host_fail_nth(vm_host, 0);
	tess_host_on_panic = vm_panicked;
	if (setjmp(vm_jump) == 0) {
		if (down != NULL)
			down();
		tess_host_destroy(vm_host);
	} else {
		tess_host_abandon(vm_host);
		result = -1;
	}
	tess_host_on_panic = NULL;
	return result;
}

static inline int
vm_stop(void **state)
{
	(void)state;
	return vm_down(NULL);
}

#endif
