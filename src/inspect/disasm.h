/* SPDX-License-Identifier: GPL-2.0-or-later */
/* x86 disassembly in the guest's own mode (Zydis). */
#ifndef VITRINE_INSPECT_DISASM_H
#define VITRINE_INSPECT_DISASM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "inspect/sym.h"
#include "inspect/view.h"

struct disasm_insn {
	uint64_t addr; /* offset (rip) */
	uint8_t len;
	bool valid;
	bool is_call, is_ret, is_branch;
	uint8_t bytes[15];
	char text[96];	  /* Intel syntax, symbols substituted */
	char comment[64]; /* what a port, MSR, interrupt number or immediate means; may be empty */
};

/* Decode one instruction from BYTES (LEN available) in a code segment of BITS (16, 32, 64). */
bool disasm_one(const uint8_t *bytes, size_t len, uint64_t addr, unsigned int bits,
		const struct sym_table *tab, struct disasm_insn *out);
/* Decode up to MAX instructions from ADDR (an offset in CS) on; returns how many. */
size_t disasm_at(const struct vm_view *view, unsigned int vcpu, uint64_t addr,
		 const struct sym_table *tab, struct disasm_insn *out, size_t max);
/*
 * Choose a start so that about BEFORE instructions precede ADDR and decoding
 * lands exactly on it; uses the symbol's start where known.
 */
uint64_t disasm_back(const struct vm_view *view, unsigned int vcpu, uint64_t addr,
		     const struct sym_table *tab, unsigned int before);
/* Name of a well-known I/O port ("PIC1 command"), or NULL. */
const char *disasm_port_name(uint16_t port);
/* Name of an exception vector ("#PF"), or NULL. */
const char *disasm_vector_name(unsigned int vector);
/* Name of a model-specific register ("EFER"), or NULL. */
const char *disasm_msr_name(uint32_t msr);

#endif
