/* SPDX-License-Identifier: MIT */
/*
 * Intel 8254: mode 2 (rate generator) on channel 0.
 */
#include "pit.h"

#include "cpu.h"

#define PIT_CHANNEL0 0x40
#define PIT_COMMAND  0x43
#define PIT_INPUT_HZ 1193182u

static volatile uint64_t pit_count;
static unsigned int pit_rate;

void pit_init(unsigned int hz)
{
	unsigned int divisor = PIT_INPUT_HZ / hz;

	pit_rate = hz;
	outb(PIT_COMMAND, 0x34);
	outb(PIT_CHANNEL0, divisor);
	outb(PIT_CHANNEL0, divisor >> 8);
}

void pit_tick(void)
{
	pit_count++;
}

uint64_t pit_ticks(void)
{
	return pit_count;
}

unsigned int pit_hz(void)
{
	return pit_rate;
}
