/* SPDX-License-Identifier: GPL-2.0-or-later */
/* One decoded instruction with its operands, for those who look closer than text (Zydis). */
#ifndef VITRINE_INSPECT_INSN_H
#define VITRINE_INSPECT_INSN_H

#ifdef HAVE_ZYDIS

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <Zydis/Zydis.h>

struct insn {
	uint64_t addr;
	ZydisDecodedInstruction zy;
	ZydisDecodedOperand op[ZYDIS_MAX_OPERAND_COUNT];
};

/* Decode BYTES (LEN available) found at ADDR in a code segment of BITS (16, 32, 64). */
bool insn_decode(const uint8_t *bytes, size_t len, uint64_t addr, unsigned int bits,
		 struct insn *out);

#endif
#endif
