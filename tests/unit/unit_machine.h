/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * unit_machine.h: a machine with only base and page up, for tests of the rooms just above them.
 *
 * Boot memory stays open, so a test may bring up its own room's pools at any time.
 */
#ifndef TESS_UNIT_MACHINE_H
#define TESS_UNIT_MACHINE_H

#include "unit_port.h"
#include "base.h"
#include "page.h"

/*
 * unit_machine_start: the unit port with `bytes` of RAM, and a machine of `ncpu` CPUs in it.  RAM is
 * cut into `domains` ranges of the same size; CPUs belong to domains in equal blocks.
 * unit_machine_stop: waits for deferred frees, checks base and page, takes both down; frames that are
 * still out fail the test.  The test's own room must be down already.
 */
struct tess_machine *unit_machine_start(uint64_t bytes, unsigned ncpu, unsigned domains);
void unit_machine_stop(void);

#endif
