/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The local APIC's register page in words, and why an interrupt is not
 * delivered. SDM 3A chapter 11.
 */
#ifndef VITRINE_INSPECT_IRQS_H
#define VITRINE_INSPECT_IRQS_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "inspect/view.h"

#define IRQS_NR_LVT 6

struct irqs_lvt {
	const char *name; /* "timer", "lint0", ... */
	uint32_t raw;
	uint8_t vector, delivery;
	bool masked, pending, level, low; /* low: active low */
};

struct irqs_lapic {
	bool enabled; /* in APIC_BASE and in the spurious vector register */
	bool x2apic;
	uint32_t id, version;
	uint8_t tpr, ppr, spurious; /* ppr: computed from tpr and isr */
	uint32_t irr[8], isr[8], tmr[8];
	uint32_t ldr, dfr, esr, icr[2];
	struct irqs_lvt lvt[IRQS_NR_LVT];
	uint32_t timer_init, timer_now, timer_divide;
};

/* Decode ST's APIC page; false where the state carries none. */
bool irqs_lapic(const struct x86_state *st, struct irqs_lapic *out);
/* Highest vector set in a 256-bit register, or -1. */
int irqs_highest(const uint32_t bits[8]);
/*
 * Would VECTOR be taken by VCPU now? Returns one word: "yes", "if", "shadow",
 * "apic", "priority", "gate", "halted"; the reason as a sentence is appended to
 * OUT.
 */
const char *irqs_why_not(const struct vm_view *view, unsigned int vcpu, uint8_t vector,
			 struct buf *out);
/* The local APIC as lines, in the spirit of `info lapic`; appended to OUT. */
void irqs_text(const struct x86_state *st, struct buf *out);

#endif
