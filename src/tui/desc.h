/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Descriptors of the guest's GDT, IDT and TSS as plain data (SDM 3A chapters 3, 6 and 7). */
#ifndef VITRINE_TUI_DESC_H
#define VITRINE_TUI_DESC_H

#include <stdbool.h>
#include <stdint.h>

#include "inspect/view.h"

struct desc_gate {
	bool readable, present;
	uint64_t handler; /* linear in 64-bit mode, else an offset in SEL */
	uint16_t sel;
	uint8_t type, dpl, ist;
	uint8_t size; /* bytes of the entry: 4, 8 or 16 */
};

/* Gate VECTOR as vCPU's mode reads it: 16 bytes in IA-32e mode, 8 in protected, 4 in real mode. */
void desc_gate_read(const struct vm_view *view, unsigned int vcpu, unsigned int vector,
		    struct desc_gate *out);
/* Gates the IDT has room for, at most 256. */
unsigned int desc_gates(const struct x86_state *st);
/* "int64", "trap64", "task", "int32", ... or "type 5". OUT has 16 bytes. */
const char *desc_gate_type(const struct desc_gate *gate, char *out);

struct desc_segment {
	bool readable, present, system, wide; /* wide: takes two slots (TSS, LDT in IA-32e mode) */
	uint64_t base;
	uint32_t limit; /* bytes */
	uint8_t type, dpl;
	bool long_mode, big;
};

/* Descriptor INDEX (not selector) of the GDT. */
void desc_segment_read(const struct vm_view *view, unsigned int vcpu, unsigned int index,
		       struct desc_segment *out);
/* "code64 RX", "data RW", "tss64 busy", "ldt", ... OUT has 24 bytes. */
const char *desc_segment_type(const struct desc_segment *seg, char *out);

#endif
