/* SPDX-License-Identifier: GPL-2.0-or-later */
/* ACPI fixed hardware: PM1a event and control blocks, PM timer, power button (vmm/acpi.h). */
#ifndef VITRINE_VMM_DEV_ACPIPM_H
#define VITRINE_VMM_DEV_ACPIPM_H

#include "vmm/device.h"

extern const struct device_ops acpipm_ops;

/* Press the power button: raises the SCI if the guest listens. Any thread. */
void acpipm_power_button(void *state);

#endif
