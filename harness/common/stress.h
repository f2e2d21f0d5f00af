/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * stress.h: what the parts of the stress suite share.
 *
 *	stress.c	 one space, all CPUs: map, write, protect, fork, unmap, with neighbours looking on
 *	stress_spaces.c	 many spaces: copies on write, spaces that move over CPUs, truncation under access
 *	stress_files.c	 one file: fetched once, written back, copied privately
 */
#ifndef STRESS_H
#define STRESS_H

#include <tessera/tessera.h>
#include "harness.h"

/*
 * stress_require: count and describe a failure.  The first few are printed as notes at the end of the part.
 *
 * => gives `good` back.  Context: any CPU
 */
bool stress_require(bool good, const char *what, uint64_t a, uint64_t b);

/* stress_part: print what failed since the last part, and one test point. */
void stress_part(const char *name);

/* A random number below n; the state is the caller's. */
uint64_t stress_random(uint64_t *state, uint64_t n);
uint64_t stress_seed(unsigned cpu);

/* Anonymous private memory at `va`, readable and writable; false is a counted failure. */
bool stress_map(struct tess_space *sp, tess_va va, uint64_t len);
struct tess_space *stress_space(void);
/* stress_is: the word at va is `want`; anything else is a counted failure. */
bool stress_is(tess_va va, uint64_t want, const char *what);
/* stress_refused: a load answers `e`. */
bool stress_refused(tess_va va, enum tess_err e, const char *what);

void stress_shared(void);
void stress_copies(void);
void stress_moving(void);
void stress_truncate(void);
void stress_execute(void);
void stress_race(void);
void stress_files(void);

#endif
