/* SPDX-License-Identifier: GPL-2.0-or-later */
/* pvpanic: the guest says through port 0x505 that it panicked. */
#ifndef VITRINE_VMM_DEV_PVPANIC_H
#define VITRINE_VMM_DEV_PVPANIC_H

#include "vmm/device.h"

extern const struct device_ops pvpanic_ops;

#endif
