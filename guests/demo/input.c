/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Input by interrupt: handlers put characters into a ring for each source, the main loop takes
 * them out. One writer and one reader each, on one processor.
 */
#include "demo.h"

#include "irq.h"
#include "kbd.h"
#include "serial.h"

#define INPUT_RING 256u

static struct input_ring {
	volatile uint64_t put, taken;
	char chars[INPUT_RING];
} input_rings[INPUT_NR];

static void input_put(enum input_source source, char c)
{
	struct input_ring *ring = &input_rings[source];

	if (ring->put - ring->taken < INPUT_RING) {
		ring->chars[ring->put % INPUT_RING] = c;
		ring->put++;
	}
}

static void input_keyboard_irq(struct trap_frame *frame)
{
	int c;

	(void)frame;
	while ((c = kbd_getc()) >= 0)
		input_put(INPUT_KEYBOARD, c);
}

static void input_serial_irq(struct trap_frame *frame)
{
	int c;

	(void)frame;
	while ((c = serial_getc()) >= 0)
		input_put(INPUT_SERIAL, c);
}

void input_init(void)
{
	kbd_init();
	irq_install(KBD_IRQ, input_keyboard_irq);
	irq_install(SERIAL_IRQ, input_serial_irq);
	serial_irq_enable();
}

int input_getc(enum input_source source)
{
	struct input_ring *ring = &input_rings[source];

	if (ring->taken == ring->put)
		return -1;
	return (unsigned char)ring->chars[ring->taken++ % INPUT_RING];
}

uint64_t input_count(enum input_source source)
{
	return input_rings[source].put;
}
