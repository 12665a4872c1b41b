/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Why is an interrupt not delivered: for one source, every condition between the device's line
 * and the handler's first instruction, in the order hardware asks them. 8259A data sheet,
 * 82093AA, SDM 3A chapters 6 and 11; the wiring is that of KVM's own controllers.
 */
#ifndef VITRINE_INSPECT_IRQS_CHAIN_H
#define VITRINE_INSPECT_IRQS_CHAIN_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "inspect/sym.h"
#include "inspect/view.h"

enum irqs_kind {
	IRQS_LINE, /* an input of the 8259s: 0..15 */
	IRQS_PIN,  /* an input of the I/O APIC: 0..23 */
	IRQS_LVT,  /* the local APIC's own: index in struct irqs_lapic's lvt[] */
	IRQS_VEC,  /* a vector, however it came to a local APIC: MSI, IPI */
};

struct irqs_source {
	enum irqs_kind kind;
	unsigned int nr;
};

#define IRQS_SOURCES 96
#define IRQS_STEPS   14

enum irqs_mark { IRQS_PASS, IRQS_STOP, IRQS_NOTE };

struct irqs_step {
	enum irqs_mark mark;
	const char *what; /* "line", "mask", "service", "priority", "if", "gate", ... */
	char text[136];
};

struct irqs_chain {
	struct irqs_source source;
	char name[32];	   /* "irq0 PIT", "pin4 COM1", "LAPIC timer" */
	unsigned int vcpu; /* whose local APIC takes it */
	int vector;	   /* -1: it has none */
	bool request;	   /* somebody asks */
	bool level;	   /* and goes on asking until served */
	bool in_service;   /* delivered, and not ended yet */
	unsigned int nr;
	struct irqs_step step[IRQS_STEPS];
	int stop; /* the first step that stops it, -1: none */
};

/* Every source of VCPU that is in use: unmasked, asking or in service. The number of them. */
unsigned int irqs_sources(const struct vm_view *view, unsigned int vcpu,
			  struct irqs_source out[IRQS_SOURCES]);
/* "irq4", "pin2", "timer", "lint0", "0x30" or "48" into OUT. */
bool irqs_source_parse(const char *text, struct irqs_source *out);
/* Follow SOURCE. For lines and pins VCPU is only a fallback: the controllers say who gets it. */
void irqs_chain(const struct vm_view *view, unsigned int vcpu, struct irqs_source source,
		struct irqs_chain *out);
/* One sentence: what stops it, or that nothing does. BUF of LEN bytes is returned. */
const char *irqs_chain_verdict(const struct irqs_chain *chain, char *buf, size_t len);
/* The whole chain as lines; appended to OUT. */
void irqs_chain_text(const struct irqs_chain *chain, struct buf *out);
/*
 * What is wrong with a guest's interrupts as far as one look can tell: an end of interrupt that
 * never came, a line that is never lowered. False: nothing. VERDICT and HINT are sentences.
 */
bool irqs_diagnose(const struct vm_view *view, unsigned int vcpu, struct sym_table *tab,
		   char *verdict, size_t verdict_len, char *hint, size_t hint_len);

#endif
