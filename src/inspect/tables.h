/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The CPU's tables in guest memory: descriptors of GDT and LDT, gates of the
 * IDT (or the real-mode vector table), the TSS; each decoded, with one sentence
 * about what is wrong with it. SDM 3A chapters 3, 6 and 8.
 */
#ifndef VITRINE_INSPECT_TABLES_H
#define VITRINE_INSPECT_TABLES_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "inspect/sym.h"
#include "inspect/view.h"

#define TABLES_NONE 0xff /* no exception */

struct tables_desc {
	uint16_t sel;
	bool null, in_limit, readable, present;
	bool system, code; /* system: S clear; code: a code segment */
	uint8_t type, dpl;
	bool l, db, g, avl;
	uint64_t base, raw[2];
	uint32_t limit;	    /* bytes */
	uint64_t entry_gva; /* where it lies */
	char text[48];	    /* "code64 dpl0", "data rw dpl3", "TSS64 busy" */
	char wrong[96];	    /* why loading it would fault; empty: nothing */
};

struct tables_gate {
	unsigned int vector;
	bool in_limit, readable, present, empty; /* empty: all zeroes */
	uint8_t type, dpl, ist;
	uint16_t sel;
	uint64_t offset; /* handler */
	uint64_t entry_gva;
	char text[64];	    /* "int64 cs 0008 ist 0 dpl0 ffffffff80101b00" */
	char wrong[128];    /* why an exception or interrupt could not pass; empty: nothing */
	uint8_t fault;	    /* what its use would raise, or TABLES_NONE */
	uint32_t error;	    /* error code of that, without the EXT bit */
	uint64_t fault_gva; /* CR2, where FAULT is #PF */
};

struct tables_tss {
	bool readable, wide; /* wide: 64-bit */
	uint64_t base;
	uint64_t rsp[3]; /* or esp0..2 */
	uint16_t ss[3];	 /* 32-bit only */
	uint64_t ist[8]; /* [1]..[7]; 64-bit only */
	uint16_t iomap;
};

/* Bytes of an IDT entry in ST's mode: 4, 8 or 16. */
unsigned int tables_gate_len(const struct x86_state *st);
/* The descriptor SEL names in the GDT or LDT of ST. */
void tables_desc(const struct vm_view *view, const struct x86_state *st, uint16_t sel,
		 struct tables_desc *out);
/* Gate VECTOR of ST's IDT, judged as for an exception: selector, handler's address and mapping. */
void tables_gate(const struct vm_view *view, const struct x86_state *st, unsigned int vector,
		 struct tables_gate *out);
/* The TSS that TR names. */
void tables_tss(const struct vm_view *view, const struct x86_state *st, struct tables_tss *out);
/* GDT, IDT (present gates and those that matter) and TSS as lines; appended to OUT. */
void tables_text(const struct vm_view *view, unsigned int vcpu, const struct sym_table *tab,
		 struct buf *out);

#endif
