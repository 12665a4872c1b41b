/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Where a single step may lead without a trap after it. The processor clears the
 * trap flag on the way into every handler, SYSCALL clears it by its mask, and
 * POPF and IRET load another: a breakpoint waits at the other end.
 */
#include <string.h>

#include "dbg/dbg-priv.h"
#include "inspect/tables.h"

struct plan {
	const struct vm_view *view;
	const struct x86_state *st;
	struct dbg_vcpu *dv;
};

static void plan_add(struct plan *plan, uint64_t gva)
{
	unsigned int i;

	for (i = 0; i < plan->dv->nr_aim; i++) {
		if (plan->dv->aim[i] == gva)
			return;
	}
	if (plan->dv->nr_aim < DBG_NR_AIMS)
		plan->dv->aim[plan->dv->nr_aim++] = gva;
}

static void plan_add_gate(struct plan *plan, unsigned int vector)
{
	struct tables_gate gate;

	tables_gate(plan->view, plan->st, vector, &gate);
	if (!gate.present)
		return;
	if (!(plan->st->cr0 & X86_CR0_PE))
		gate.offset += (uint64_t)gate.sel << 4;
	plan_add(plan, gate.offset);
}

/* The far end of SYSCALL or SYSENTER. */
static void plan_add_entry(struct plan *plan, bool sysenter, unsigned int bits)
{
	enum x86_msr_slot slot = bits == 64 ? X86_MSR_LSTAR : X86_MSR_CSTAR;

	plan_add(plan, plan->st->msr[sysenter ? X86_MSR_SYSENTER_EIP : slot]);
}

/* Where IRET goes: the first value on its stack. */
static void plan_add_return(struct plan *plan, unsigned int size)
{
	uint64_t sp = plan->st->gpr[X86_RSP], ip = 0, cs = 0;

	if (x86_mode_bits(x86_state_mode(plan->st)) != 64)
		sp = (uint32_t)(sp + plan->st->seg[X86_SS].base);
	if (view_read_va_as(plan->view, plan->st, sp, &ip, size) != size ||
	    view_read_va_as(plan->view, plan->st, sp + size, &cs, 2) != 2)
		return;
	plan_add(plan, plan->st->cr0 & X86_CR0_PE ? ip : ip + (cs << 4));
}

/* The opcode BYTES begin with, prefixes skipped. */
static bool plan_decode(const struct x86_state *st, const uint8_t *bytes, size_t len,
			struct dbg_op *out)
{
	size_t i;

	out->bits = x86_mode_bits(x86_state_mode(st));
	out->size = out->bits == 16 ? 2 : 4;
	out->rep = false;
	for (i = 0; i < len; i++) {
		out->rep |= (bytes[i] & 0xfe) == 0xf2;
		if (bytes[i] == 0x66)
			out->size = out->size == 2 ? 4 : 2;
		else if (out->bits == 64 && (bytes[i] & 0xf0) == 0x40)
			out->size = bytes[i] & 8 ? 8 : out->size;
		else if (bytes[i] != 0x67 && bytes[i] != 0xf2 && bytes[i] != 0xf3 &&
			 (bytes[i] & 0xe7) != 0x26 && (bytes[i] & 0xfe) != 0x64)
			break;
	}
	if (i == len)
		return false;
	out->op = bytes[i];
	out->next = i + 1 < len ? bytes[i + 1] : 0;
	return true;
}

bool dbg_plan_op(const struct vm_view *view, const struct x86_state *st, struct dbg_op *op)
{
	uint8_t bytes[15];
	size_t len = view_read_va_as(view, st, x86_state_linear_rip(st), bytes, sizeof(bytes));

	return plan_decode(st, bytes, len, op);
}

bool dbg_plan_repeats(const struct vm_view *view, const struct x86_state *st)
{
	struct dbg_op op;

	if (!dbg_plan_op(view, st, &op) || !op.rep)
		return false;
	return (op.op & 0xfc) == 0x6c || (op.op & 0xfc) == 0xa4 || (op.op & 0xfe) == 0xaa ||
	       (op.op & 0xfc) == 0xac;
}

bool dbg_plan_is_plain(const struct vm_view *view, const struct x86_state *st)
{
	struct dbg_op op;

	if (st->exc_injected || st->irq_injected || !dbg_plan_op(view, st, &op))
		return false;
	switch (op.op) {
	case 0x9d:
	case 0xcc:
	case 0xcd:
	case 0xce:
	case 0xcf:
	case 0xf1:
	case 0xf4:
		return false;
	case 0x0f: /* SYSCALL, SYSRET, SYSENTER, SYSEXIT, UD2 */
		return op.next != 0x05 && op.next != 0x07 && op.next != 0x34 && op.next != 0x35 &&
		       op.next != 0x0b;
	default:
		return true;
	}
}

static void plan_insn(struct plan *plan, const uint8_t *bytes, size_t len)
{
	struct insn_touch touch;
	struct dbg_op op;

	if (!plan_decode(plan->st, bytes, len, &op))
		return;
	insn_touches(plan->st, bytes, len, &touch);
	if (op.op == 0xcd)
		plan_add_gate(plan, op.next);
	else if (op.op == 0xcc || op.op == 0xf1 || op.op == 0xce)
		plan_add_gate(plan, op.op == 0xcc ? 3 : op.op == 0xf1 ? 1 : 4);
	else if (op.op == 0xcf)
		plan_add_return(plan, op.size);
	else if (op.op == 0x9d && touch.len)
		plan_add(plan, x86_state_linear_rip(plan->st) + touch.len);
	else if (op.op == 0x0f && (op.next == 0x05 || op.next == 0x34))
		plan_add_entry(plan, op.next == 0x34, op.bits);
}

void dbg_plan(struct dbg *dbg, const struct vm_view *view, unsigned int index)
{
	static const uint8_t faults[] = { 14, 13, 6, 0 };
	struct plan plan = { .view = view,
			     .st = &view->vcpu[index].state,
			     .dv = &dbg->vcpu[index] };
	uint8_t bytes[15];
	size_t len;
	unsigned int i;

	plan.dv->nr_aim = 0;
	if (plan.st->exc_injected)
		plan_add_gate(&plan, plan.st->exc_nr);
	if (plan.st->irq_injected)
		plan_add_gate(&plan, plan.st->irq_nr);
	len = view_read_va_as(view, plan.st, x86_state_linear_rip(plan.st), bytes, sizeof(bytes));
	plan_insn(&plan, bytes, len);
	for (i = 0; i < sizeof(faults); i++)
		plan_add_gate(&plan, faults[i]);
}
