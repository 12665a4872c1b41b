/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Debug console: bytes written to port 0xe9 or 0x402 are serial output 2. */
#ifndef VITRINE_VMM_DEV_DEBUGCON_H
#define VITRINE_VMM_DEV_DEBUGCON_H

#include "vmm/device.h"

extern const struct device_ops debugcon_ops;

#endif
