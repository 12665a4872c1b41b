/* SPDX-License-Identifier: GPL-2.0-or-later */
/* System control port A (0x92): fast reset, A20. */
#ifndef VITRINE_VMM_DEV_RESET_H
#define VITRINE_VMM_DEV_RESET_H

#include "vmm/device.h"

extern const struct device_ops reset_ops;

#endif
