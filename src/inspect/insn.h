/* SPDX-License-Identifier: GPL-2.0-or-later */
/* One decoded instruction with its operands, for those who look closer than text (Zydis). */
#ifndef VITRINE_INSPECT_INSN_H
#define VITRINE_INSPECT_INSN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "inspect/regs.h"

#ifdef HAVE_ZYDIS

#include <Zydis/Zydis.h>

struct insn {
	uint64_t addr;
	ZydisDecodedInstruction zy;
	ZydisDecodedOperand op[ZYDIS_MAX_OPERAND_COUNT];
};

/* Decode BYTES (LEN available) found at ADDR in a code segment of BITS (16, 32, 64). */
bool insn_decode(const uint8_t *bytes, size_t len, uint64_t addr, unsigned int bits,
		 struct insn *out);

/* Value of a general register, control register, selector, rip or flags; false for others. */
bool insn_register(const struct x86_state *st, ZydisRegister reg, uint64_t *out);
/* The linear address of INSN's memory operand OP with ST's registers. */
uint64_t insn_address(const struct insn *insn, const struct x86_state *st,
		      const ZydisDecodedOperand *op);

#endif

/* Memory that one instruction reads or writes: linear addresses. */
struct insn_access {
	uint64_t gva;
	uint32_t len;
	bool read, write;
};

#define INSN_MAX_ACCESSES 6

struct insn_touch {
	struct insn_access acc[INSN_MAX_ACCESSES];
	unsigned int nr;
	unsigned int len; /* of the instruction; 0: could not be decoded */
	bool vague;	  /* it may touch more than ACC says (XSAVE, gather, far transfers) */
};

/*
 * What the instruction BYTES (LEN available), at ST's rip, would touch with ST's registers: one
 * round of a string instruction, and the stack. Without a decoder: nothing, and vague.
 */
void insn_touches(const struct x86_state *st, const uint8_t *bytes, size_t len,
		  struct insn_touch *out);

#endif
