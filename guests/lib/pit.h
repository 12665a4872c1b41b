/* SPDX-License-Identifier: MIT */
/*
 * The 8254 timer, channel 0, on IRQ 0: the system's clock.
 */
#ifndef GUEST_PIT_H
#define GUEST_PIT_H

#include <stdint.h>

#define PIT_IRQ 0

/* Starts periodic interrupts, 19..1000 a second; the handler is the caller's. */
void pit_init(unsigned int hz);

/* The clock: the interrupt handler calls pit_tick(), anyone reads pit_ticks(). */
void pit_tick(void);
uint64_t pit_ticks(void);
unsigned int pit_hz(void);

#endif
