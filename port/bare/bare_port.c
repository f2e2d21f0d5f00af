/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * bare_port.c: the rest of the border: text, time, and the instruments a kernel leaves empty.
 *
 * Console output is one CPU at a time under a try-lock that a panic ignores after a while: a CPU that
 * died with the console in its hand must not silence the one that says why.
 */
#include <tessera/port.h>
#include "bare.h"

#define BARE_CONSOLE_PATIENCE 1000000 /* turns before a writer talks over another */

static uint32_t bare_console; /* A: 1 while a line is being written */

#ifdef TESS_TSAN
uint32_t tess_port_fence_word;
#endif

void (*tess_bare_table_loading)(tess_pa root);

void
tess_bare_print(const char *s)
{
	while (*s)
		tess_bare_console_putc(*s++);
}

static void
bare_line(const char *prefix, const char *s)
{
	uint32_t zero = 0;
	unsigned turn = 0;

	while (!tess_cas_acquire(&bare_console, &zero, 1) && turn < BARE_CONSOLE_PATIENCE) {
		zero = 0;
		tess_port_relax(turn++);
	}
	tess_bare_print(prefix);
	tess_bare_print(s);
	tess_bare_print("\n");
	tess_store_release(&bare_console, 0); /* pairs with the compare-and-swap above */
}

void
tess_port_panic(const char *msg)
{
	bare_line("panic: ", msg);
	tess_bare_halt();
}

void
tess_port_log(const char *line)
{
	bare_line("", line);
}

uint64_t
tess_port_time_ns(void)
{
	return tess_bare_time_ns();
}

void
tess_port_relax(unsigned turn)
{
	(void)turn;
	tess_bare_pause();
}

bool
tess_port_fail(enum tess_site site)
{
	(void)site;
	return false;
}

void
tess_port_frame_alloc(tess_pa pa)
{
	(void)pa;
}

void
tess_port_frame_free(tess_pa pa)
{
	(void)pa;
}
