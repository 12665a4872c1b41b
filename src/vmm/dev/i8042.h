/* SPDX-License-Identifier: GPL-2.0-or-later */
/* i8042 keyboard controller (0x60, 0x64) with a PS/2 keyboard (line 1) and mouse (line 12). */
#ifndef VITRINE_VMM_DEV_I8042_H
#define VITRINE_VMM_DEV_I8042_H

#include "vmm/device.h"

extern const struct device_ops i8042_ops;

/*
 * A key goes down or up. SCANCODE is of PC set 1 (0x01..0x7f, 0xe0xx for the extended keys, 0xe11d
 * for Pause); it reaches the guest in the set the guest chose. Dropped when the guest does not
 * fetch. Any thread.
 */
void i8042_key(void *state, uint16_t scancode, bool down);

#endif
