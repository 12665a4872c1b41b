/* SPDX-License-Identifier: MIT */
/*
 * The ways out of a virtual PC, and the debug console.
 */
#ifndef GUEST_POWER_H
#define GUEST_POWER_H

#include <stddef.h>
#include <stdint.h>

/* Writes value to the debug-exit port 0xf4: the VMM ends with status (value << 1) | 1. */
void power_exit(uint32_t value) __attribute__((noreturn));

/* Enters S5 through the ACPI PM1a control register at 0x604. */
void power_off(void) __attribute__((noreturn));

/* Resets by port 0xcf9, then by the keyboard controller, then by a triple fault. */
void power_reboot(void) __attribute__((noreturn));

/* Writes text to the debug console port 0xe9; a print_sink_t. */
void debugcon_write(const char *text, size_t len);

#endif
