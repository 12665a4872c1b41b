/* SPDX-License-Identifier: MIT */
/*
 * COM1, a 16550 at 0x3f8: 115200 8N1, FIFOs on. Output waits for room, with a bound, so that a
 * machine without the chip only loses its words.
 */
#ifndef GUEST_SERIAL_H
#define GUEST_SERIAL_H

#include <stddef.h>

#define SERIAL_PORT 0x3f8
#define SERIAL_IRQ  4

void serial_init(void);

/* Writes text, "\n" as "\r\n"; a print_sink_t. */
void serial_write(const char *text, size_t len);

/* Lets the chip raise its interrupt for received bytes. */
void serial_irq_enable(void);

/* The next received byte, or -1. */
int serial_getc(void);

#endif
