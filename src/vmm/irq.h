/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Interrupt controllers in the kernel: PIC, IOAPIC, LAPIC and PIT, their lines and their reset. */
#ifndef VITRINE_VMM_IRQ_H
#define VITRINE_VMM_IRQ_H

#include "base/err.h"
#include "vmm/device.h"

struct irqchip;
struct msi_routes;
struct irqchip_saved;

/* Make PIC, IOAPIC and PIT in VM_FD (all memslots must be there, no vCPU yet). */
int irqchip_create(int vm_fd, struct irqchip **out, struct err *err);
void irqchip_destroy(struct irqchip *irq);
/* For interrupt messages; owned by IRQ. */
struct msi_routes *irqchip_routes(struct irqchip *irq);
/* Drive line GSI 0..23. Any thread. */
void irqchip_set(struct irqchip *irq, unsigned int gsi, int level);
/* Back to the state after irqchip_create(). vCPUs must stand. */
int irqchip_reset(struct irqchip *irq, struct err *err);
/* Their whole state, NULL without memory or where KVM refuses; free() it. */
struct irqchip_saved *irqchip_save(struct irqchip *irq, struct err *err);
int irqchip_restore(struct irqchip *irq, const struct irqchip_saved *sv, struct err *err);
/*
 * Rows of "pic", "ioapic" and "pit", as a device's describe(), and their registers in OUT, whose
 * VALID is 0 where KVM does not tell. vCPUs may run.
 */
void irqchip_describe(struct irqchip *irq, struct dev_rows *rows, struct sample_irqchips *out);

#endif
