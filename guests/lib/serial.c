/* SPDX-License-Identifier: MIT */
/*
 * The 16550 driver, polled output and polled or interrupt-driven input (PC16550D data sheet).
 */
#include "serial.h"

#include <stdint.h>

#include "cpu.h"

enum {
	SERIAL_DATA = 0,
	SERIAL_IER = 1,
	SERIAL_FCR = 2,
	SERIAL_LCR = 3,
	SERIAL_MCR = 4,
	SERIAL_LSR = 5,
};

#define SERIAL_IER_RX	 0x01
#define SERIAL_LCR_DLAB	 0x80
#define SERIAL_LCR_8N1	 0x03
#define SERIAL_LSR_READY 0x01
#define SERIAL_LSR_ROOM	 0x20
#define SERIAL_FIFO_LEN	 16

/* Bytes known to fit into the transmit FIFO: the status register is read once per fill. */
static int serial_room;

void serial_init(void)
{
	outb(SERIAL_PORT + SERIAL_IER, 0);
	outb(SERIAL_PORT + SERIAL_LCR, SERIAL_LCR_DLAB);
	outb(SERIAL_PORT + SERIAL_DATA, 1);
	outb(SERIAL_PORT + SERIAL_IER, 0);
	outb(SERIAL_PORT + SERIAL_LCR, SERIAL_LCR_8N1);
	outb(SERIAL_PORT + SERIAL_FCR, 0x07);
	outb(SERIAL_PORT + SERIAL_MCR, 0x0b);
}

static void serial_putc(char c)
{
	if (!serial_room) {
		for (int i = 0; i < 100000; i++) {
			if (inb(SERIAL_PORT + SERIAL_LSR) & SERIAL_LSR_ROOM)
				break;
		}
		serial_room = SERIAL_FIFO_LEN;
	}
	outb(SERIAL_PORT + SERIAL_DATA, c);
	serial_room--;
}

void serial_write(const char *text, size_t len)
{
	for (; len; len--, text++) {
		if (*text == '\n')
			serial_putc('\r');
		serial_putc(*text);
	}
}

void serial_irq_enable(void)
{
	outb(SERIAL_PORT + SERIAL_IER, SERIAL_IER_RX);
}

int serial_getc(void)
{
	uint8_t status = inb(SERIAL_PORT + SERIAL_LSR);

	if (status == 0xff || !(status & SERIAL_LSR_READY))
		return -1;
	return inb(SERIAL_PORT + SERIAL_DATA);
}
