/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The trap flag of a step is not the guest's: what PUSHF, an interrupt's frame and
 * SYSCALL's r11 have kept of it is taken out again, in the vCPU's thread. A guest
 * that sets the flag itself cannot be told apart while it is stepped.
 */
#include "dbg/dbg-priv.h"
#include "inspect/mmu.h"
#include "inspect/tables.h"
#include "vmm/mem.h"

#define HIDE_WITH_ERROR 0x60227d00u /* vectors 8, 10 to 14, 17, 21, 29, 30 */

/* The second byte of the flags at linear address GVA: bit 8 is TF. */
static void hide_at(struct dbg *dbg, const struct vm_view *view, const struct x86_state *st,
		    uint64_t gva)
{
	uint64_t gpa;
	uint8_t byte;

	if (!mmu_translate(view, st, gva + 1, &gpa) || mem_read(vm_mem(dbg->vm), gpa, &byte, 1) ||
	    !(byte & X86_RFLAGS_TF >> 8))
		return;
	byte &= (uint8_t) ~(X86_RFLAGS_TF >> 8);
	mem_write(vm_mem(dbg->vm), gpa, &byte, 1);
}

static uint64_t hide_stack(const struct x86_state *st)
{
	if (x86_mode_bits(x86_state_mode(st)) == 64)
		return st->gpr[X86_RSP];
	if (x86_mode_bits(x86_state_mode(st)) == 16)
		return st->seg[X86_SS].base + (uint16_t)st->gpr[X86_RSP];
	return (uint32_t)(st->seg[X86_SS].base + st->gpr[X86_RSP]);
}

/* The frame that an event has pushed: ip, cs, flags, above an error code if there is one. */
static void hide_in_frame(struct dbg *dbg, const struct vm_view *view, const struct x86_state *st,
			  bool has_error)
{
	unsigned int size = x86_mode_bits(x86_state_mode(st)) / 8;

	hide_at(dbg, view, st, hide_stack(st) + (2 + has_error) * size);
}

static bool hide_is_handler(const struct vm_view *view, const struct x86_state *st,
			    unsigned int vector)
{
	struct tables_gate gate;

	tables_gate(view, st, vector, &gate);
	if (!gate.present)
		return false;
	if (!(st->cr0 & X86_CR0_PE))
		gate.offset += (uint64_t)gate.sel << 4;
	return gate.offset == x86_state_linear_rip(st);
}

/* What brought the processor to a handler: its frame is on the stack. */
static void hide_in_handler(struct dbg *dbg, unsigned int index, const struct vm_view *view,
			    const struct x86_state *before, const struct x86_state *now)
{
	const struct dbg_vcpu *dv = &dbg->vcpu[index];
	unsigned int i, end = dv->res.allow_irq || dv->watch_mode ? 256 : 32;

	if (before->irq_injected && hide_is_handler(view, now, before->irq_nr)) {
		hide_in_frame(dbg, view, now, false);
		return;
	}
	for (i = 0; i < end; i++) {
		if (hide_is_handler(view, now, i)) {
			hide_in_frame(dbg, view, now, i < 32 && HIDE_WITH_ERROR >> i & 1);
			return;
		}
	}
}

/* True: r11 has it too. */
static bool hide_after(struct dbg *dbg, unsigned int index, const struct vm_view *view,
		       const struct x86_state *before, const struct x86_state *now)
{
	struct dbg_op op;

	if (before->irq_injected || before->exc_injected) { /* it comes before the instruction */
		hide_in_handler(dbg, index, view, before, now);
		return false;
	}
	if (!dbg_plan_op(view, before, &op))
		return false;
	if (op.op == 0x9c)
		hide_at(dbg, view, now, hide_stack(now));
	else if (op.op == 0x0f && op.next == 0x05)
		return now->gpr[X86_R11] & X86_RFLAGS_TF;
	else if (op.op == 0xcd && hide_is_handler(view, now, op.next))
		hide_in_frame(dbg, view, now, false);
	else if (x86_state_linear_rip(now) - x86_state_linear_rip(before) > 15) /* an exception */
		hide_in_handler(dbg, index, view, before, now);
	return false;
}

void dbg_hide_trap_flag(struct dbg *dbg, unsigned int index, const struct vm_view *view,
			const struct x86_state *before, const struct x86_state *now)
{
	if (hide_after(dbg, index, view, before, now))
		vcpu_clear_r11(vm_vcpu(dbg->vm, index), X86_RFLAGS_TF);
}

void dbg_hide_cut_step(struct dbg *dbg, unsigned int index)
{
	struct vcpu *vcpu = vm_vcpu(dbg->vm, index);
	struct dbg_vcpu *dv = &dbg->vcpu[index];
	struct vm_view view;
	struct x86_state st;

	vcpu_get_state(vcpu, &st, NULL);
	if (st.rip == dv->step_st.rip || vm_state(dbg->vm) == VM_STATE_CRASHED)
		return;
	vm_view_memory(dbg->vm, &view);
	if (hide_after(dbg, index, &view, &dv->step_st, &st)) {
		st.gpr[X86_R11] &= ~(uint64_t)X86_RFLAGS_TF;
		vcpu_set_state(vcpu, &st, NULL);
	}
	dv->step_st = st;
}
