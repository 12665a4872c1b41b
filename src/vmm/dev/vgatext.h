/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The registers of a VGA in text mode (0x3b4..0x3df). The text itself is RAM at
 * 0xb8000; start address, cursor and size are published in the sample page.
 */
#ifndef VITRINE_VMM_DEV_VGATEXT_H
#define VITRINE_VMM_DEV_VGATEXT_H

#include "vmm/device.h"

/* Reset blanks the text, so it must come after mem_clear(). */
extern const struct device_ops vgatext_ops;

#endif
