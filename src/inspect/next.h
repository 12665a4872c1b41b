/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What a vCPU's next instruction is about to do: its operands with their values
 * and effective addresses, and in words what comes of it.
 */
#ifndef VITRINE_INSPECT_NEXT_H
#define VITRINE_INSPECT_NEXT_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "inspect/sym.h"
#include "inspect/view.h"

#define NEXT_OPERANDS 4

struct next_operand {
	char text[40]; /* "rax", "[rbp-0x8]" */
	bool memory, read, write;
	uint64_t gva;	   /* memory: linear */
	unsigned int size; /* bytes */
	bool known;	   /* VALUE is what a register or memory holds now */
	uint64_t value;
	char note[64]; /* the symbol that the value or the address means, or "" */
};

struct next {
	bool valid; /* an instruction could be read and decoded */
	unsigned int nr;
	struct next_operand op[NEXT_OPERANDS];
	char meaning[200]; /* one sentence; may be empty */
	bool faults;	   /* it raises an exception; MEANING says why */
};

/* Look at the instruction VCPU stands at. Without a decoder nothing is valid. */
void next_look(const struct vm_view *view, unsigned int vcpu, const struct sym_table *tab,
	       struct next *out);
/*
 * The operands with values as one line ("[rbp-0x8] …80204f78 = 12  rax = 34"), empty where
 * there is nothing that the instruction's own text does not say; appended to OUT.
 */
void next_operands_text(const struct next *next, struct buf *out);

#endif
