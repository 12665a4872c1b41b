/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Backtraces of a stopped vCPU, each frame saying how it was found. */
#ifndef VITRINE_INSPECT_UNWIND_H
#define VITRINE_INSPECT_UNWIND_H

#include <stddef.h>
#include <stdint.h>

#include "inspect/sym.h"
#include "inspect/view.h"

enum unwind_how { UNWIND_RIP, UNWIND_FP, UNWIND_CFI, UNWIND_GUESS };

struct unwind_frame {
	uint64_t pc, sp, fp;
	enum unwind_how how;
};

/* At most MAX frames, bounded work; frame 0 is the vCPU's rip. Returns how many. */
size_t unwind_vcpu(const struct vm_view *view, unsigned int vcpu, struct sym_table *tab,
		   struct unwind_frame *out, size_t max);
/* "rip", "fp", "cfi", "guess". */
const char *unwind_how_name(enum unwind_how how);

#endif
