/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Debug exit: a write to port 0xf4 or 0x501 ends the VM with the value written. */
#ifndef VITRINE_VMM_DEV_DEBUGEXIT_H
#define VITRINE_VMM_DEV_DEBUGEXIT_H

#include "vmm/device.h"

extern const struct device_ops debugexit_ops;

#endif
