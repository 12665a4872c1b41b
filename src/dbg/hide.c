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

void dbg_hide_trap_flag(struct dbg *dbg, unsigned int index, const struct vm_view *view,
			const struct x86_state *before, const struct x86_state *now)
{
	struct dbg_op op;
	unsigned int i;

	if (!dbg_plan_op(view, before, &op))
		return;
	if (op.op == 0x9c) {
		hide_at(dbg, view, now, hide_stack(now));
		return;
	}
	if (op.op == 0x0f && op.next == 0x05) {
		if (now->gpr[X86_R11] & X86_RFLAGS_TF)
			vcpu_clear_r11(vm_vcpu(dbg->vm, index), X86_RFLAGS_TF);
		return;
	}
	if (op.op == 0xcd && hide_is_handler(view, now, op.next)) {
		hide_in_frame(dbg, view, now, false);
		return;
	}
	if (x86_state_linear_rip(now) - x86_state_linear_rip(before) <= 15)
		return; /* it went on: no exception */
	for (i = 0; i < 32; i++) {
		if (hide_is_handler(view, now, i)) {
			hide_in_frame(dbg, view, now, HIDE_WITH_ERROR >> i & 1);
			return;
		}
	}
}
