/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What an IRET would take from the stack, each word named and judged: the one at
 * rip, or one that straight-line code from rip on leads to.
 */
#ifndef VITRINE_INSPECT_IRET_H
#define VITRINE_INSPECT_IRET_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "inspect/sym.h"
#include "inspect/view.h"

enum iret_word { IRET_IP, IRET_CS, IRET_FLAGS, IRET_SP, IRET_SS, IRET_NR };

struct iret_slot {
	const char *name; /* "rip", "cs", "rflags", "rsp", "ss" and their shorter forms */
	uint64_t gva, val;
	bool readable;
	char note[72];	/* what the value means */
	char wrong[96]; /* what is wrong with it; empty: nothing */
};

struct iret_frame {
	unsigned int ahead; /* instructions between rip and the IRET; 0: it is the next one */
	uint64_t gva;	    /* of the first word */
	unsigned int word;  /* bytes of each */
	unsigned int nr;    /* words it takes: 3, or 5 with a stack */
	unsigned int cpl;   /* where it leads */
	struct iret_slot slot[IRET_NR];
	char hint[96]; /* what was probably meant; empty: no idea */
};

/*
 * The frame that IRET would find with VCPU's registers, or the one whose IRET code without a
 * branch leads to, at most some dozens of instructions away. False: there is none (or no decoder).
 */
bool iret_find(const struct vm_view *view, unsigned int vcpu, const struct sym_table *tab,
	       struct iret_frame *out);
/* The frame of words of WORD bytes at linear address GVA, with ST's mode. */
void iret_decode(const struct vm_view *view, const struct x86_state *st, uint64_t gva,
		 unsigned int word, const struct sym_table *tab, struct iret_frame *out);
/* Is anything wrong with it? */
bool iret_is_wrong(const struct iret_frame *frame);
/* As lines: where it leads, what is wrong, the other words; appended to OUT. */
void iret_text(const struct iret_frame *frame, struct buf *out);

#endif
