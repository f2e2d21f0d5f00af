/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * main.c: the api tests on the hosted machine:  api ISA [forced] [FAMILY]
 *
 * "forced": each failure point of each call is forced, instead of a plain run.
 */
#include <stdio.h>
#include <string.h>
#include "api.h"

int
main(int argc, char **argv)
{
	static const char *const isa[] = {"x86_64", "aarch64", "aarch64_hw"};
	bool forced = argc > 2 && strcmp(argv[2], "forced") == 0;
	struct api_config cfg = {.isa = ENV_ISA_COUNT, .ncpu = 2};
	unsigned point = 0, failures;

	setvbuf(stdout, NULL, _IOLBF, 0); /* what was printed survives a panic */
	for (int i = 0; argc > 1 && i < ENV_ISA_COUNT; i++)
		if (strcmp(argv[1], isa[i]) == 0)
			cfg.isa = (enum env_isa)i;
	if (cfg.isa == ENV_ISA_COUNT || argc > 3 + forced) {
		fprintf(stderr, "usage: %s x86_64|aarch64|aarch64_hw [forced] [FAMILY]\n", argv[0]);
		return 2;
	}
	if (argc > 2 + forced)
		cfg.only = argv[2 + forced];
	failures = forced ? api_fail_run(&cfg, &point) : api_run(&cfg, &point);
	printf("1..%u\n", point);
	return failures != 0 || point == 0;
}
