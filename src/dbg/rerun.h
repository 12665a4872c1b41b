/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Rerun to the fault. AMD-V resets a vCPU before it reports a triple fault, so
 * its last registers are those of the last exit. A second machine with the same
 * image is run silently to that exit and single-stepped from there: the step
 * before it crashes too is the instruction that did it.
 */
#ifndef VITRINE_DBG_RERUN_H
#define VITRINE_DBG_RERUN_H

#include "base/err.h"
#include "inspect/regs.h"
#include "vmm/config.h"

/*
 * Run CFG anew until VCPU has had EXITS I/O exits, step from there to its crash,
 * and give the registers before the instruction that crashed. -ETIMEDOUT or
 * -ENOENT if the second run went another way. Takes at most LIMIT_S seconds. [main]
 */
int rerun_to_fault(const struct vm_config *cfg, unsigned int vcpu, uint64_t exits,
		   unsigned int limit_s, struct x86_state *out, struct err *err);

#endif
