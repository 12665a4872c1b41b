/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Reset control register (0xcf9) and system control port A (0x92: fast reset, A20). */
#ifndef VITRINE_VMM_DEV_RESET_H
#define VITRINE_VMM_DEV_RESET_H

#include "vmm/device.h"

/* Leaves 0xcf9 to a host bridge that has claimed 0xcf8..0xcff before it. */
extern const struct device_ops reset_ops;

#endif
