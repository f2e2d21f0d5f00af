/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * serial.c: the console (16550 at 3f8h) and the way out (isa-debug-exit at f4h).
 */
#include <tessera/port.h>
#include "bare.h"
#include "harness.h"
#include "x86.h"

#define SERIAL_PORT 0x3f8
#define EXIT_PORT   0xf4

/* 16550D: DLAB, 115200 baud, 8 bits without parity, FIFOs on. */
void
x86_serial_init(void)
{
	x86_outb(SERIAL_PORT + 1, 0);
	x86_outb(SERIAL_PORT + 3, 0x80);
	x86_outb(SERIAL_PORT + 0, 1);
	x86_outb(SERIAL_PORT + 1, 0);
	x86_outb(SERIAL_PORT + 3, 3);
	x86_outb(SERIAL_PORT + 2, 7);
}

void
tess_bare_console_putc(char c)
{
	while ((x86_inb(SERIAL_PORT + 5) & 0x20) == 0)
		; /* transmitter not empty */
	x86_outb(SERIAL_PORT, (uint8_t)c);
}

/* isa-debug-exit ends QEMU with status 2 * v + 1; tools/qemu knows these two. */
void
bare_exit(enum bare_status s)
{
	x86_outl(EXIT_PORT, s == BARE_PASSED ? 0x10 : 0x11);
	for (;;) { /* no such device: stop here */
		x86_irq_off();
		__asm__ volatile("hlt");
	}
}

void
tess_bare_halt(void)
{
	x86_trace_print();
	tess_bare_print("Bail out! the core stopped\n");
	bare_exit(BARE_FAILED);
}
