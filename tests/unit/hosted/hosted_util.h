/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * hosted_util.h: bare simulated hardware, tables written by hand, and panics that are expected.
 *
 * Frames are numbered from the start of RAM; a test says which frame is which table.  PTE words are
 * literal numbers from the manuals, never pmap's names.
 */
#ifndef HOSTED_UTIL_H
#define HOSTED_UTIL_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>
#include "sim_priv.h"

#define UTIL_RAM ((uint64_t)4 << 20)

static struct tess_host *util_host;
static jmp_buf util_jmp;
static char util_said[256];

static inline tess_pa
util_frame(unsigned n)
{
	return SIM_RAM_START + n * TESS_PAGE_SIZE;
}

static inline uint64_t *
util_table(unsigned n)
{
	return tess_port_direct(util_frame(n));
}

static inline void
util_start(enum tess_host_isa isa, enum tess_host_drive drive, unsigned ncpu, unsigned asid_bits,
	   unsigned levels)
{
	struct tess_host_config cfg = {
	    .isa = isa, .drive = drive, .ncpu = ncpu, .ram = UTIL_RAM, .seed = 1};

	util_host = tess_sim_host_create(&cfg, asid_bits, levels);
	assert_non_null(util_host);
	memset(tess_port_direct(SIM_RAM_START), 0, UTIL_RAM); /* arenas come back dirty */
}

/* Tear-down of every test: nothing names a frame any more. */
static inline int
util_stop(void **state)
{
	struct tess_host *h = util_host;

	(void)state;
	if (h == NULL)
		return 0;
	util_host = NULL;
	tess_host_on_panic = NULL;
	for (unsigned i = 0; i < h->ncpu; i++)
		tess_sim_tlb_drop_all(h, &h->cpu[i]);
	for (tess_pa pa = SIM_RAM_START; pa < SIM_RAM_START + UTIL_RAM; pa += TESS_PAGE_SIZE)
		assert_int_equal(tess_sim_frame_word(h, pa) & SIM_FRAME_COUNT, 0);
	tess_sim_host_free(h);
	assert_null(tess_host_self());
	return 0;
}

static inline void
util_panicked(const char *msg)
{
	snprintf(util_said, sizeof(util_said), "%s", msg);
	longjmp(util_jmp, 1);
}

/* `stmt` must end in a panic that says `word`. */
#define UTIL_EXPECT(stmt, word)                                                 \
	do {                                                                    \
		util_said[0] = '\0';                                            \
		tess_host_on_panic = util_panicked;                             \
		if (setjmp(util_jmp) == 0) {                                    \
			stmt;                                                   \
		}                                                               \
		tess_host_on_panic = NULL;                                      \
		if (strstr(util_said, (word)) == NULL)                          \
			fail_msg("expected '%s', got '%s'", (word), util_said); \
	} while (0)

#endif
