/* SPDX-License-Identifier: GPL-2.0-or-later */
/* KVM's table of interrupt routes: the pins of PIC and IOAPIC, and message-signalled interrupts. */
#ifndef VITRINE_VMM_MSI_H
#define VITRINE_VMM_MSI_H

#include <stdint.h>

#include "base/err.h"
#include "vmm/device.h"

struct msi_routes;

/* Set the pins' routes in VM_FD, whose interrupt controllers are there. */
int msi_routes_create(int vm_fd, struct msi_routes **out, struct err *err);
/* Every dev_msi must be gone. NULL is fine. */
void msi_routes_destroy(struct msi_routes *routes);

/* As dev_env has them. -ENOSPC, -EMFILE, ...; msi_set() refuses what no local APIC listens to. */
struct dev_msi *msi_new(struct msi_routes *routes, struct err *err);
int msi_set(struct dev_msi *msi, uint64_t addr, uint32_t data);
int msi_fd(const struct dev_msi *msi);
void msi_free(struct dev_msi *msi);

#endif
