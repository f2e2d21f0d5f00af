/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * main.c: the first task: a core machine over the memory that is left, then one suite after another.
 *
 * Without "keep-going" the first suite with a failed point ends the run.  A panic always does: the image
 * leaves with status "failed" and without a plan, which a TAP reader counts as a failure as well.
 */
#include <tessera/port.h>
#include <tessera/tessera.h>
#include "bare.h"
#include "harness.h"

#define MAIN_PRIVATE ((uint64_t)96 << 20) /* for tests, models and file contents */

struct tess_phys_range bare_ranges[BARE_RANGES];
unsigned bare_nranges;
void *bare_private;
uint64_t bare_private_bytes = MAIN_PRIVATE;

static const struct {
	const char *name;
	void (*run)(void);
} main_suites[] = {
    {"machine", suite_machine}, {"conform", suite_conform}, {"api", suite_api},
    {"stress", suite_stress},   {"replay", suite_replay},
};
#define MAIN_SUITES (sizeof(main_suites) / sizeof(main_suites[0]))

void *
bare_memory_take(uint64_t bytes)
{
	struct tess_phys_range *r = &bare_ranges[0];

	bytes = tess_page_round(bytes);
	if (r->bytes <= bytes)
		return NULL;
	r->bytes -= bytes;
	return tess_port_direct(r->start + r->bytes);
}

static void
main_machine(void)
{
	struct tess_machine_config cfg = {
	    .ncpu = bare_ncpu, .ranges = bare_ranges, .nranges = bare_nranges, .pmap = bare_pmap};
	struct tess_machine *m;
	enum tess_err e = tess_machine_create(&cfg, &m);

	if (e != TESS_OK)
		tess_port_panic(tess_err_name(e));
}

static void
main_run(void *arg, unsigned cpu)
{
	bool known = false;

	(void)arg, (void)cpu;
	tap_print("TAP version 13");
	bare_private = bare_memory_take(bare_private_bytes);
	if (bare_private == NULL)
		tess_port_panic("not enough memory: 256 MiB are needed");
	tap_note("%u CPUs, %lu MiB for the core", bare_ncpu, bare_ranges[0].bytes >> 20);
	main_machine();
	for (unsigned i = 0; i < MAIN_SUITES; i++) {
		if (!bare_option_is("only", main_suites[i].name))
			continue;
		known = true;
		tap_note("suite %s", main_suites[i].name);
		main_suites[i].run();
		if (tap_failed() > 0 && !bare_option("keep-going"))
			break;
	}
	if (!known)
		tess_port_panic("no suite of that name");
	tap_plan();
	bare_exit(tap_failed() == 0 ? BARE_PASSED : BARE_FAILED);
}

void
bare_main(void)
{
	bare_task_first(main_run, NULL);
}
