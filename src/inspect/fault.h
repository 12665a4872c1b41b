/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Exceptions re-derived: what the instruction a vCPU stands at would raise, and
 * whether the CPU could deliver an exception. Pure functions of a view and a
 * register state; used by the autopsy and by `explain`.
 */
#ifndef VITRINE_INSPECT_FAULT_H
#define VITRINE_INSPECT_FAULT_H

#include <stdbool.h>
#include <stdint.h>

#include "inspect/mmu.h"
#include "inspect/view.h"

enum fault_vector {
	FAULT_DE = 0,
	FAULT_DB = 1,
	FAULT_BP = 3,
	FAULT_OF = 4,
	FAULT_UD = 6,
	FAULT_NM = 7,
	FAULT_DF = 8,
	FAULT_TS = 10,
	FAULT_NP = 11,
	FAULT_SS = 12,
	FAULT_GP = 13,
	FAULT_PF = 14,
};

/* Where a fault comes from, as far as advice depends on it. */
enum fault_cause {
	FAULT_CAUSE_OTHER,
	FAULT_CAUSE_ABSENT,   /* page not present */
	FAULT_CAUSE_RESERVED, /* reserved bit in a paging entry */
	FAULT_CAUSE_NX,
	FAULT_CAUSE_RIGHTS, /* read-only, supervisor, SMEP, SMAP */
	FAULT_CAUSE_CANONICAL,
	FAULT_CAUSE_SELECTOR,
	FAULT_CAUSE_IRET,
	FAULT_CAUSE_FPU,      /* SSE or x87 not enabled */
	FAULT_CAUSE_SOFTWARE, /* INT n: no mistake in itself */
	FAULT_CAUSE_NO_IDT,
	FAULT_CAUSE_GATE,  /* empty, absent or no gate at all */
	FAULT_CAUSE_STACK, /* the frame cannot be pushed */
	FAULT_CAUSE_HANDLER,
};

struct fault {
	bool found;
	uint8_t vector;
	enum fault_cause cause;
	uint32_t error;
	uint64_t addr;	/* CR2 of a #PF; else the address concerned, or 0 */
	bool is_memory; /* ADDR and ACCESS say what was touched */
	bool is_stack;	/* through the stack pointer or as a push or pop */
	enum mmu_access access;
	char what[224]; /* "write to ffffffff80200ff8: not present: ..." */
};

/* What executing the instruction at ST's rip raises, if anything (needs a decoder). */
void fault_at(const struct vm_view *view, const struct x86_state *st, struct fault *out);

struct fault_delivery {
	bool ok;
	unsigned int vector;
	uint64_t handler;    /* where execution goes on */
	uint64_t sp, sp_new; /* stack before (after a switch) and after the frame */
	unsigned int ist;
	bool switched; /* another stack than the current one */
	char gate[64]; /* the gate in words */
	struct fault
		next; /* what stood in the way; where ok and the handler is bad, what follows */
};

/* Would VECTOR reach its handler? SOFTWARE: raised by INT n. */
void fault_deliver(const struct vm_view *view, const struct x86_state *st, unsigned int vector,
		   bool software, struct fault_delivery *out);
/* Does an exception of NEXT while delivering VECTOR make a double fault (SDM 3A 6.15)? */
bool fault_is_double(unsigned int vector, unsigned int next);
/* Does VECTOR push an error code? */
bool fault_has_error(unsigned int vector);

#endif
