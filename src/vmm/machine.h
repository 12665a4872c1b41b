/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The machine: which devices there are, started in order, torn down in exact reverse. */
#ifndef VITRINE_VMM_MACHINE_H
#define VITRINE_VMM_MACHINE_H

#include "base/err.h"
#include "vmm/device.h"

struct machine;

/* Start every device of the table. ENV must outlive the machine. Undoes itself on failure. */
int machine_create(const struct dev_env *env, struct machine **out, struct err *err);
/* NULL is fine. */
void machine_destroy(struct machine *mach);
/* Reset every device, in start order. vCPUs must stand. */
void machine_reset(struct machine *mach);
/* Fill ROWS with every device's label/value rows. Main loop's thread. */
void machine_describe(struct machine *mach, struct dev_rows *rows);
/* Every device's state, one after the other with its name. vCPUs must stand. [main] */
void machine_save(struct machine *mach, struct buf *out);
/* Put it back. On failure the machine is fit for a reset only. */
int machine_load(struct machine *mach, const struct buf *saved, struct err *err);
/* Keep all devices' workers out (ON), or let them go on. [main] */
void machine_hold(struct machine *mach, bool on);
/* The guest stands (ON), or goes on. NULL is fine. [main] */
void machine_pause(struct machine *mach, bool on);
/* State of the device whose ops are OPS, or NULL if it was not started. */
void *machine_device(struct machine *mach, const struct device_ops *ops);

#endif
