/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Port 0x80: the last progress code the guest wrote. */
#ifndef VITRINE_VMM_DEV_POSTCODE_H
#define VITRINE_VMM_DEV_POSTCODE_H

#include "vmm/device.h"

extern const struct device_ops postcode_ops;

#endif
