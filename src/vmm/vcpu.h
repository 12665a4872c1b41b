/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * One virtual processor: a thread around KVM_RUN. All functions but vcpu_kick()
 * are for the main loop's thread while the VM stands (vm_pause() has returned).
 */
#ifndef VITRINE_VMM_VCPU_H
#define VITRINE_VMM_VCPU_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "inspect/regs.h"

struct vm;
struct vcpu;

unsigned int vcpu_index(const struct vcpu *vcpu);
int vcpu_fd(const struct vcpu *vcpu);
/* The host's id of its thread (gettid), 0 before it runs. */
int vcpu_tid(struct vcpu *vcpu);
/* The complete state. Cached while the vCPU stands. */
int vcpu_get_state(struct vcpu *vcpu, struct x86_state *st, struct err *err);
/* Write everything back (segments, tables, control, MSRs, FPU, debug, general). */
int vcpu_set_state(struct vcpu *vcpu, const struct x86_state *st, struct err *err);

/* What KVM_SET_GUEST_DEBUG shall arm for this vCPU. */
struct vcpu_debug {
	bool step;
	bool block_irq; /* while stepping, where KVM can */
	bool sw_break;	/* intercept int3 */
	uint64_t dr[4];
	uint64_t dr7; /* 0: the guest keeps its own debug registers */
};

/* Arm DBG; takes effect at the next entry. Registers must be written before (see KVM's rules). */
int vcpu_set_debug(struct vcpu *vcpu, const struct vcpu_debug *dbg, struct err *err);
/* Whether vm_resume() lets this vCPU run; default yes. Frozen vCPUs stay parked (scheduler lock).
 */
void vcpu_set_frozen(struct vcpu *vcpu, bool frozen);
/* I/O and MMIO exits since the last reset; stop the VM (as a debug stop) at the COUNT-th. */
uint64_t vcpu_io_exits(const struct vcpu *vcpu);
void vcpu_stop_at_exit(struct vcpu *vcpu, uint64_t count);
/* For the debugger's exit(): general, segment and control registers. The vCPU's own thread. */
int vcpu_peek(struct vcpu *vcpu, struct x86_state *st);
/* Put RFLAGS.RF up: the next instruction meets no execution breakpoint. Own thread. */
void vcpu_set_resume_flag(struct vcpu *vcpu);
/* The same, and RFLAGS.TF: go on stepping from inside a handler. Own thread. */
void vcpu_set_step_flags(struct vcpu *vcpu);
/* Take FLAGS, which a step left there, out of r11. Own thread. */
void vcpu_clear_r11(struct vcpu *vcpu, uint64_t flags);
/* Queue an exception for the guest at the next entry. */
int vcpu_inject(struct vcpu *vcpu, uint8_t vector, bool has_error, uint32_t error, struct err *err);

#endif
