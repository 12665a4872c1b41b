/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Following a vCPU from its last exit to its end. Two means: a small
 * interpreter of integer code that tracks which registers it knows and stops
 * at what it does not; and the calls that the stack in memory proves were made
 * since. Memory is the memory of the end: what the code pushed since is there.
 */
#include "inspect/autopsy-trace.h"

#ifdef HAVE_ZYDIS

#include <string.h>

#include "inspect/insn.h"

#define TRACE_STEPS  20000u
#define TRACE_SCAN   512u /* stack words looked at for calls */
#define TRACE_DEPTH  4096u
#define TRACE_FRAME  512u /* words between two return addresses */
#define TRACE_CODE   512u /* bytes before a call that are followed */
#define TRACE_LEVELS 64u
#define TRACE_TRIES  6u

struct trace {
	const struct vm_view *view;
	const struct sym_table *tab;
	struct x86_state st;
	uint32_t known; /* bit per general register */
	struct insn insn;
};

static bool trace_read(const struct trace *tr, uint64_t gva, uint64_t *out)
{
	*out = 0;
	return view_read_va_as(tr->view, &tr->st, gva, out, 8) == 8;
}

static bool trace_decode(struct trace *tr, uint64_t rip)
{
	uint8_t bytes[15];
	size_t len = view_read_va_as(tr->view, &tr->st, rip, bytes, sizeof(bytes));

	return len && insn_decode(bytes, len, rip, 64, &tr->insn);
}

/* The direct call that ends at RA: its target. */
static bool trace_call_before(const struct trace *tr, uint64_t ra, uint64_t *target)
{
	uint8_t b[5];
	int32_t rel;

	if (ra < sizeof(b) ||
	    view_read_va_as(tr->view, &tr->st, ra - sizeof(b), b, sizeof(b)) != sizeof(b) ||
	    b[0] != 0xe8)
		return false;
	memcpy(&rel, b + 1, sizeof(rel));
	*target = ra + (uint64_t)(int64_t)rel;
	return true;
}

/* Start of the function that holds ADDR. */
static bool trace_function(const struct trace *tr, uint64_t addr, uint64_t *start)
{
	uint64_t off;

	if (!sym_find(tr->tab, addr, &off))
		return false;
	*start = addr - off;
	return true;
}

/* A call found on the stack: the slot of its return address, that, and the functions' starts. */
struct trace_call {
	uint64_t slot, ra, callee, caller;
};

/* The first call found on the stack from SLOT up; CALLEE: only one of that function, 0: any. */
static bool trace_call_above(const struct trace *tr, uint64_t slot, uint64_t callee,
			     struct trace_call *out)
{
	unsigned int i;

	for (i = 0; i < TRACE_SCAN; i++, slot += 8) {
		out->slot = slot;
		if (!trace_read(tr, slot, &out->ra))
			return false;
		if (trace_call_before(tr, out->ra, &out->callee) &&
		    trace_function(tr, out->ra - 1, &out->caller) &&
		    (!callee || out->callee == callee))
			return true;
	}
	return false;
}

/* A word left over from older calls has no caller of its own further up. */
static bool trace_call_credible(const struct trace *tr, const struct trace_call *call)
{
	struct trace_call above;

	return trace_call_above(tr, call->slot + 8, call->caller, &above) ||
	       !trace_call_above(tr, call->slot + 8, 0, &above);
}

/* Down the stack from CALL: is there a call made by the function it called? */
static bool trace_deeper(const struct trace *tr, struct trace_call *call)
{
	uint64_t slot = call->slot, ra, callee, caller;
	unsigned int i;

	for (i = 0; i < TRACE_FRAME; i++) {
		slot -= 8;
		if (!trace_read(tr, slot, &ra))
			return false;
		if (!trace_call_before(tr, ra, &callee) || !trace_function(tr, ra - 1, &caller) ||
		    caller != call->callee)
			continue;
		*call = (struct trace_call){ slot, ra, callee, caller };
		return true;
	}
	return false;
}

static uint32_t trace_bit(unsigned int gpr)
{
	return 1u << gpr;
}

/* The general register REG is part of, or -1. */
static int trace_gpr(ZydisRegister reg)
{
	ZydisRegister whole = ZydisRegisterGetLargestEnclosing(ZYDIS_MACHINE_MODE_LONG_64, reg);

	return ZydisRegisterGetClass(whole) == ZYDIS_REGCLASS_GPR64 ? ZydisRegisterGetId(whole)
								    : -1;
}

static bool trace_reg_known(const struct trace *tr, ZydisRegister reg)
{
	int gpr;

	if (reg == ZYDIS_REGISTER_NONE || reg == ZYDIS_REGISTER_RIP)
		return true;
	gpr = trace_gpr(reg);
	return gpr >= 0 && tr->known & trace_bit((unsigned int)gpr);
}

/* Are the addresses of all memory operands known? Only then is a fault to be believed. */
static bool trace_addresses_known(const struct trace *tr)
{
	unsigned int i;

	for (i = 0; i < tr->insn.zy.operand_count; i++) {
		const ZydisDecodedOperand *op = &tr->insn.op[i];

		if (op->type == ZYDIS_OPERAND_TYPE_MEMORY &&
		    (!trace_reg_known(tr, op->mem.base) || !trace_reg_known(tr, op->mem.index)))
			return false;
	}
	return true;
}

static uint64_t trace_mask(unsigned int bits, uint64_t val)
{
	return bits >= 64 ? val : val & ((1ull << bits) - 1);
}

static bool trace_address(const struct trace *tr, const ZydisDecodedOperand *op, uint64_t *out)
{
	uint64_t addr = op->mem.disp.has_displacement ? (uint64_t)op->mem.disp.value : 0;

	if (!trace_reg_known(tr, op->mem.base) || !trace_reg_known(tr, op->mem.index) ||
	    op->mem.segment == ZYDIS_REGISTER_FS || op->mem.segment == ZYDIS_REGISTER_GS)
		return false;
	if (op->mem.base == ZYDIS_REGISTER_RIP)
		addr += tr->st.rip + tr->insn.zy.length;
	else if (op->mem.base != ZYDIS_REGISTER_NONE)
		addr += tr->st.gpr[trace_gpr(op->mem.base)];
	if (op->mem.index != ZYDIS_REGISTER_NONE)
		addr += tr->st.gpr[trace_gpr(op->mem.index)] * op->mem.scale;
	*out = addr;
	return true;
}

static bool trace_get(const struct trace *tr, const ZydisDecodedOperand *op, uint64_t *out)
{
	uint64_t addr;

	*out = 0;
	if (op->type == ZYDIS_OPERAND_TYPE_IMMEDIATE) {
		*out = op->imm.value.u;
		return true;
	}
	if (op->type == ZYDIS_OPERAND_TYPE_REGISTER) {
		if (op->size < 32 || !trace_reg_known(tr, op->reg.value))
			return false;
		*out = trace_mask(op->size, tr->st.gpr[trace_gpr(op->reg.value)]);
		return true;
	}
	return op->type == ZYDIS_OPERAND_TYPE_MEMORY && op->size <= 64 &&
	       trace_address(tr, op, &addr) &&
	       view_read_va_as(tr->view, &tr->st, addr, out, op->size / 8) == op->size / 8;
}

/* Every register the instruction writes becomes unknown, then those we follow known again. */
static void trace_forget(struct trace *tr)
{
	unsigned int i;

	for (i = 0; i < tr->insn.zy.operand_count; i++) {
		const ZydisDecodedOperand *op = &tr->insn.op[i];
		int gpr;

		if (op->type != ZYDIS_OPERAND_TYPE_REGISTER ||
		    !(op->actions & ZYDIS_OPERAND_ACTION_MASK_WRITE))
			continue;
		gpr = trace_gpr(op->reg.value);
		if (gpr >= 0 && gpr != X86_RSP)
			tr->known &= ~trace_bit((unsigned int)gpr);
	}
}

static void trace_set(struct trace *tr, const ZydisDecodedOperand *op, uint64_t val)
{
	int gpr;

	if (op->type != ZYDIS_OPERAND_TYPE_REGISTER || op->size < 32)
		return;
	gpr = trace_gpr(op->reg.value);
	if (gpr < 0)
		return;
	tr->st.gpr[gpr] = trace_mask(op->size, val);
	tr->known |= trace_bit((unsigned int)gpr);
}

/* dst = f(dst, src) where both are known. False: not an operation we follow. */
static bool trace_compute(const struct trace *tr, uint64_t *out)
{
	const ZydisDecodedOperand *op = tr->insn.op;
	uint64_t a = 0, b = 0;

	switch (tr->insn.zy.mnemonic) {
	case ZYDIS_MNEMONIC_MOV:
	case ZYDIS_MNEMONIC_MOVZX:
		return trace_get(tr, &op[1], out);
	case ZYDIS_MNEMONIC_LEA:
		return trace_address(tr, &op[1], out);
	case ZYDIS_MNEMONIC_XOR:
		if (op[0].type == ZYDIS_OPERAND_TYPE_REGISTER &&
		    op[1].type == ZYDIS_OPERAND_TYPE_REGISTER &&
		    op[0].reg.value == op[1].reg.value) {
			*out = 0;
			return true;
		}
		break;
	default:
		break;
	}
	if (!trace_get(tr, &op[0], &a))
		return false;
	if (tr->insn.zy.operand_count_visible > 1 && !trace_get(tr, &op[1], &b))
		return false;
	switch (tr->insn.zy.mnemonic) {
	case ZYDIS_MNEMONIC_ADD:
		*out = a + b;
		return true;
	case ZYDIS_MNEMONIC_SUB:
		*out = a - b;
		return true;
	case ZYDIS_MNEMONIC_AND:
		*out = a & b;
		return true;
	case ZYDIS_MNEMONIC_OR:
		*out = a | b;
		return true;
	case ZYDIS_MNEMONIC_XOR:
		*out = a ^ b;
		return true;
	case ZYDIS_MNEMONIC_INC:
		*out = a + 1;
		return true;
	case ZYDIS_MNEMONIC_DEC:
		*out = a - 1;
		return true;
	default:
		return false;
	}
}

static bool trace_pop(struct trace *tr, uint64_t *val)
{
	bool ok = trace_read(tr, tr->st.gpr[X86_RSP], val);

	tr->st.gpr[X86_RSP] += 8;
	return ok;
}

/* Control transfers and the stack; -1: not one of those, 0: lost, 1: followed. */
static int trace_flow(struct trace *tr, uint64_t next)
{
	const ZydisDecodedOperand *op = tr->insn.op;
	uint64_t val;

	switch (tr->insn.zy.mnemonic) {
	case ZYDIS_MNEMONIC_PUSH:
		tr->st.gpr[X86_RSP] -= 8;
		tr->st.rip = next;
		return 1;
	case ZYDIS_MNEMONIC_POP:
		if (trace_pop(tr, &val))
			trace_set(tr, &op[0], val);
		tr->st.rip = next;
		return 1;
	case ZYDIS_MNEMONIC_LEAVE:
		if (!(tr->known & trace_bit(X86_RBP)))
			return 0;
		tr->st.gpr[X86_RSP] = tr->st.gpr[X86_RBP];
		if (!trace_pop(tr, &tr->st.gpr[X86_RBP]))
			return 0;
		tr->known |= trace_bit(X86_RBP);
		tr->st.rip = next;
		return 1;
	case ZYDIS_MNEMONIC_RET:
		return trace_pop(tr, &tr->st.rip);
	case ZYDIS_MNEMONIC_CALL:
	case ZYDIS_MNEMONIC_JMP:
		if (op[0].type == ZYDIS_OPERAND_TYPE_IMMEDIATE && op[0].imm.is_relative)
			val = next + op[0].imm.value.u;
		else if (!trace_get(tr, &op[0], &val))
			return 0;
		if (tr->insn.zy.mnemonic == ZYDIS_MNEMONIC_CALL)
			tr->st.gpr[X86_RSP] -= 8;
		tr->st.rip = val;
		return 1;
	default:
		break;
	}
	/* Which way, the flags would have to say. */
	if (tr->insn.zy.meta.category == ZYDIS_CATEGORY_COND_BR ||
	    tr->insn.zy.meta.category == ZYDIS_CATEGORY_RET ||
	    tr->insn.zy.meta.category == ZYDIS_CATEGORY_SYSCALL)
		return 0;
	return -1;
}

/* One instruction on. False: from here on nothing is certain. */
static bool trace_step(struct trace *tr)
{
	uint64_t next = tr->st.rip + tr->insn.zy.length, val;
	bool known;
	int flow;

	flow = trace_flow(tr, next);
	if (flow >= 0)
		return flow;
	known = trace_compute(tr, &val);
	trace_forget(tr);
	if (known)
		trace_set(tr, &tr->insn.op[0], val);
	else if (tr->insn.op[0].type == ZYDIS_OPERAND_TYPE_REGISTER &&
		 trace_gpr(tr->insn.op[0].reg.value) == X86_RSP &&
		 tr->insn.op[0].actions & ZYDIS_OPERAND_ACTION_MASK_WRITE)
		return false;
	tr->st.rip = next;
	return true;
}

/* A fault that can be delivered is one the guest may have survived: go on in its handler. */
static bool trace_survives(struct trace *tr, const struct fault *fault)
{
	struct fault_delivery del;

	fault_deliver(tr->view, &tr->st, fault->vector, fault->cause == FAULT_CAUSE_SOFTWARE, &del);
	if (!del.ok || del.next.found)
		return false;
	tr->st.rip = del.handler;
	tr->st.gpr[X86_RSP] = del.sp_new;
	return true;
}

/* Runs from TR's state until something faults for good, or it is lost. */
static bool trace_run(struct trace *tr, struct fault *fault)
{
	unsigned int i;

	for (i = 0; i < TRACE_STEPS; i++) {
		bool fetched = trace_decode(tr, tr->st.rip);

		if (!fetched || trace_addresses_known(tr)) {
			fault_at(tr->view, &tr->st, fault);
			if (fault->found) {
				if (!trace_survives(tr, fault))
					return true;
				continue;
			}
		}
		if (!fetched || tr->insn.zy.mnemonic == ZYDIS_MNEMONIC_HLT || !trace_step(tr))
			return false;
	}
	return false;
}

/*
 * Arguments are set right before a call: where in the caller to begin so that
 * decoding lands on the call, behind the last branch before it.
 */
static uint64_t trace_block(struct trace *tr, uint64_t call)
{
	uint64_t start, at, block;

	if (!trace_function(tr, call, &start))
		return call;
	if (call - start > TRACE_CODE)
		start = call;
	for (at = block = start; at < call; at += tr->insn.zy.length) {
		if (!trace_decode(tr, at))
			return call;
		switch (tr->insn.zy.meta.category) {
		case ZYDIS_CATEGORY_CALL:
		case ZYDIS_CATEGORY_COND_BR:
		case ZYDIS_CATEGORY_UNCOND_BR:
		case ZYDIS_CATEGORY_RET:
			block = at + tr->insn.zy.length;
			break;
		default:
			break;
		}
	}
	return at == call ? block : call;
}

/* Begins in the caller of CALL with nothing known but the stack, and follows it into the callee. */
static bool trace_from_call(struct trace *tr, const struct trace_call *call, struct fault *fault)
{
	uint64_t site = call->ra - 5, rsp = call->slot + 8;
	unsigned int i;

	tr->st.rip = trace_block(tr, site);
	tr->known = trace_bit(X86_RSP);
	for (i = 0; i < TRACE_CODE && tr->st.rip != site; i++) {
		/* The stack pointer is known at the call: what happens before cancels out. */
		tr->st.gpr[X86_RSP] = rsp;
		if (!trace_decode(tr, tr->st.rip) || !trace_step(tr))
			return false;
	}
	if (tr->st.rip != site)
		return false;
	tr->st.gpr[X86_RSP] = rsp;
	return trace_run(tr, fault);
}

/* CALL was made since the last known state: follow the innermost call below it, then itself. */
static bool trace_attempt(struct trace *tr, const struct trace_call *call, struct fault *fault)
{
	struct x86_state st = tr->st;
	struct trace_call inner = *call;
	unsigned int i;

	for (i = 0; i < TRACE_DEPTH && trace_deeper(tr, &inner); i++)
		;
	if (inner.slot != call->slot && trace_from_call(tr, &inner, fault))
		return true;
	tr->st = st;
	if (trace_from_call(tr, call, fault))
		return true;
	tr->st = st;
	return false;
}

/*
 * Up the stack from the last known state: as long as each return address
 * follows a call of the function we are in, it may be as old as that state. The
 * first that does not was pushed since.
 */
static bool trace_diverged(struct trace *tr, struct fault *fault)
{
	uint64_t slot = tr->st.gpr[X86_RSP] & ~7ull, inner;
	unsigned int i, tries = 0;
	struct trace_call call;

	if (!trace_function(tr, tr->st.rip, &inner))
		return false;
	for (i = 0; i < TRACE_LEVELS && tries < TRACE_TRIES; i++) {
		if (!trace_call_above(tr, slot, inner, &call)) {
			if (!trace_call_above(tr, slot, 0, &call))
				return false;
			if (trace_call_credible(tr, &call)) {
				if (trace_attempt(tr, &call, fault))
					return true;
				tries++;
			} else {
				slot = call.slot + 8;
				continue;
			}
		}
		slot = call.slot + 8;
		inner = call.caller;
	}
	return false;
}

bool autopsy_trace(const struct vm_view *view, const struct x86_state *from,
		   const struct sym_table *tab, struct x86_state *at, struct fault *fault)
{
	struct trace tr = { .view = view, .tab = tab, .st = *from };
	bool found;

	if (x86_state_mode(from) != X86_MODE_LONG64)
		return false;
	found = trace_diverged(&tr, fault);
	if (!found) {
		/* Nothing was called since: straight on from the last exit. */
		tr.st = *from;
		tr.known = 0xffff;
		found = trace_run(&tr, fault);
	}
	*at = tr.st;
	return found;
}

#else

bool autopsy_trace(const struct vm_view *view, const struct x86_state *from,
		   const struct sym_table *tab, struct x86_state *at, struct fault *fault)
{
	(void)view;
	(void)from;
	(void)tab;
	(void)at;
	(void)fault;
	return false;
}

#endif
