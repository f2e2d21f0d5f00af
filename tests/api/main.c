/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * main.c: the api tests on the hosted machine:  api [x86_64|aarch64|aarch64_hw] [FAMILY|fail]
 */
#include <stdio.h>
#include <string.h>
#include "api.h"

int
main(int argc, char **argv)
{
	static const char *const isa[] = {"x86_64", "aarch64", "aarch64_hw"};
	struct api_config cfg = {
	    .isa = ENV_ISA_COUNT, .ncpu = 2, .only = argc > 2 ? argv[2] : NULL};
	unsigned point = 0, failures = 0;

	setvbuf(stdout, NULL, _IOLBF, 0); /* what was printed survives a panic */
	for (int i = 0; argc > 1 && i < ENV_ISA_COUNT; i++)
		if (strcmp(argv[1], isa[i]) == 0)
			cfg.isa = (enum env_isa)i;
	if (cfg.isa == ENV_ISA_COUNT || argc > 3) {
		fprintf(stderr, "usage: %s x86_64|aarch64|aarch64_hw [FAMILY|fail]\n", argv[0]);
		return 2;
	}
	failures += api_run(&cfg, &point);
	if (cfg.only == NULL || strcmp(cfg.only, "fail") == 0)
		failures += api_fail_run(&cfg, &point);
	printf("1..%u\n", point);
	return failures != 0 || point == 0;
}
