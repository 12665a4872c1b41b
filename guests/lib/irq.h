/* SPDX-License-Identifier: MIT */
/*
 * External interrupts by ISA number, through the two 8259s or through an I/O APIC; vectors
 * TRAP_IRQ_BASE + irq either way.
 */
#ifndef GUEST_IRQ_H
#define GUEST_IRQ_H

#include <stdbool.h>

#include "trap.h"

/* Sets the 8259s up, all lines masked. */
void pic_init(void);
void pic_unmask(unsigned int irq);
void pic_eoi(unsigned int irq);

/* Makes a line of the 8259s level triggered (the ELCR of PCI machines). */
void pic_set_level(unsigned int irq);

/* Chooses the controller: the I/O APIC if wanted and there, otherwise the 8259s. Returns which. */
bool irq_init(bool want_ioapic);

/* Delivers a line to handler on this processor; the end of interrupt is sent after it. */
void irq_install(unsigned int irq, trap_handler_t *handler);

#endif
