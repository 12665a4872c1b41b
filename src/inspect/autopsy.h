/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What went wrong: the end of a crashed guest re-derived from its memory and last registers. */
#ifndef VITRINE_INSPECT_AUTOPSY_H
#define VITRINE_INSPECT_AUTOPSY_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "inspect/sym.h"
#include "inspect/view.h"

#define AUTOPSY_STEPS 6

struct autopsy_step {
	char title[96]; /* "#PF  write to ffffffff80200ff8 by ffffffff80109c2f recurse+0x1f" */
	char detail[160];
	bool observed; /* from registers and exit; false: derived */
};

struct autopsy {
	unsigned int vcpu;
	bool state_lost; /* the CPU was reset before the exit was reported (AMD-V): shadow used */
	uint64_t rip;
	unsigned int nr_steps;
	struct autopsy_step step[AUTOPSY_STEPS];
	char verdict[200]; /* one line: what happened, with address and symbol */
	char hint[200];	   /* what to do about it; may be empty */
	bool alive;	   /* no crash, and nothing is wrong as far as one look can tell */
	bool reran;	   /* STATE_LOST, but found again by running on from the last exit */
};

/* Re-derive the end of VIEW's crashed vCPU (or of VCPU on request). Pure; bounded. */
void autopsy_run(const struct vm_view *view, unsigned int vcpu, struct sym_table *tab,
		 struct autopsy *out);
/* As lines; appended to OUT. */
void autopsy_text(const struct autopsy *aut, const struct vm_view *view, struct sym_table *tab,
		  struct buf *out);

#endif
