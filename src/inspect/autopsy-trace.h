/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Where a vCPU went after its last known state. AMD-V resets the processor on
 * a triple fault, so all that remains is the state at the last exit and the
 * guest's memory: the return addresses on the stack tell which calls were made
 * since, and the last of those functions is followed with what is known of its
 * registers. What comes out is derived, not observed.
 */
#ifndef VITRINE_INSPECT_AUTOPSY_TRACE_H
#define VITRINE_INSPECT_AUTOPSY_TRACE_H

#include <stdbool.h>
#include <stdint.h>

#include "inspect/fault.h"
#include "inspect/sym.h"
#include "inspect/view.h"

/*
 * Follow execution from FROM. True: *AT is the state (as far as known) at an
 * instruction that faults, *FAULT what it raises. Needs symbols and a decoder;
 * bounded.
 */
bool autopsy_trace(const struct vm_view *view, const struct x86_state *from,
		   const struct sym_table *tab, struct x86_state *at, struct fault *fault);

#endif
