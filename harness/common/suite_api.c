/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * suite_api.c: tests/api on this machine.  Each test's environment spans all CPUs.
 */
#include "api.h"
#include "harness.h"

void
suite_api(void)
{
	struct api_config cfg = {.isa = (enum env_isa)bare_isa, .ncpu = bare_ncpu};
	unsigned point = 0;

	/* Each failed point is a line of TAP already. */
	(void)api_run(&cfg, &point);
	if (env_can_fail())
		(void)api_fail_run(&cfg, &point);
}
