/* SPDX-License-Identifier: MIT */
/*
 * Debug exit, ACPI power-off, the resets of a PC, and the 0xe9 debug console.
 */
#include "power.h"

#include "cpu.h"

#define POWER_PORT_EXIT	 0xf4
#define POWER_PORT_PM1A	 0x604
#define POWER_PM1_SLP_EN 0x2000
#define POWER_PORT_RESET 0xcf9
#define POWER_PORT_KBC	 0x64

void power_exit(uint32_t value)
{
	outl(POWER_PORT_EXIT, value);
	cpu_halt_forever();
}

void power_off(void)
{
	outw(POWER_PORT_PM1A, POWER_PM1_SLP_EN);
	cpu_halt_forever();
}

void power_reboot(void)
{
	static const struct table_ptr no_idt;

	outb(POWER_PORT_RESET, 0x06);
	outb(POWER_PORT_KBC, 0xfe);
	lidt(&no_idt);
	__asm__ volatile("int3");
	cpu_halt_forever();
}

void debugcon_write(const char *text, size_t len)
{
	for (; len; len--)
		outb(0xe9, *text++);
}
