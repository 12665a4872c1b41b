/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Could the CPU deliver an exception? Gate, code segment, stack and handler are
 * checked in the CPU's own order (SDM 3A 6.12, 6.14).
 */
#include <stdio.h>
#include <string.h>

#include "inspect/fault.h"
#include "inspect/tables.h"

bool fault_has_error(unsigned int vector)
{
	return vector == 8 || (vector >= 10 && vector <= 14) || vector == 17 || vector == 21;
}

static bool fault_contributory(unsigned int vector)
{
	return vector == FAULT_DE || (vector >= FAULT_TS && vector <= FAULT_GP);
}

bool fault_is_double(unsigned int vector, unsigned int next)
{
	if (vector == FAULT_PF)
		return next == FAULT_PF || fault_contributory(next);
	return fault_contributory(vector) && fault_contributory(next);
}

static enum fault_cause fault_gate_cause(const struct x86_state *st, const struct tables_gate *gate)
{
	if (!gate->in_limit || !gate->readable)
		return st->idt.limit < 16 * 15 || !gate->readable ? FAULT_CAUSE_NO_IDT
								  : FAULT_CAUSE_GATE;
	if (gate->empty || !gate->present || gate->error == gate->vector * 8 + 2)
		return FAULT_CAUSE_GATE;
	return FAULT_CAUSE_SELECTOR;
}

static void fault_deliver_refused(const struct x86_state *st, const struct tables_gate *gate,
				  struct fault_delivery *out)
{
	out->next.found = true;
	out->next.vector = gate->fault;
	out->next.error = gate->error;
	out->next.addr = gate->fault_gva;
	out->next.cause = fault_gate_cause(st, gate);
	snprintf(out->next.what, sizeof(out->next.what), "%s", gate->wrong);
}

/* The stack the frame goes to. False where even that is not known. */
static bool fault_deliver_stack(const struct vm_view *view, const struct x86_state *st,
				const struct tables_gate *gate, struct fault_delivery *out)
{
	bool wide = st->efer & X86_EFER_LMA;
	struct tables_desc cs;
	struct tables_tss tss;

	out->sp = x86_state_linear_rsp(st);
	tables_desc(view, st, gate->sel, &cs);
	if (!gate->ist && cs.dpl >= x86_state_cpl(st)) {
		if (wide)
			out->sp &= ~15ull;
		return true;
	}
	out->switched = true;
	out->ist = gate->ist;
	tables_tss(view, st, &tss);
	if (!tss.readable) {
		out->next.found = true;
		out->next.vector = FAULT_TS;
		out->next.error = st->seg[X86_TR].sel & 0xfffc;
		out->next.cause = FAULT_CAUSE_STACK;
		snprintf(out->next.what, sizeof(out->next.what),
			 "the stack comes from the TSS, but TR %04x at %llx cannot be read",
			 st->seg[X86_TR].sel, (unsigned long long)st->seg[X86_TR].base);
		return false;
	}
	out->sp = gate->ist ? tss.ist[gate->ist] : tss.rsp[0];
	if (wide)
		out->sp &= ~15ull;
	return true;
}

/* Pushes go down: the first word that cannot be written is the one at fault. */
static void fault_deliver_push(const struct vm_view *view, const struct x86_state *st,
			       unsigned int words, unsigned int word, struct fault_delivery *out)
{
	struct mmu_explain ex;
	unsigned int i;

	out->sp_new = out->sp - (uint64_t)words * word;
	for (i = 1; i <= words; i++) {
		uint64_t gva = out->sp - (uint64_t)i * word;

		if (word != 8)
			gva &= 0xffffffff;
		mmu_explain(view, st, gva, MMU_ACCESS_WRITE, 0, &ex);
		if (!ex.faults)
			continue;
		out->next.found = true;
		out->next.vector = ex.is_gp ? FAULT_SS : FAULT_PF;
		out->next.error = ex.error_code;
		out->next.addr = gva;
		out->next.is_memory = out->next.is_stack = true;
		out->next.access = MMU_ACCESS_WRITE;
		out->next.cause = FAULT_CAUSE_STACK;
		snprintf(out->next.what, sizeof(out->next.what), "the frame goes to %llx%s: %s",
			 (unsigned long long)gva,
			 out->ist	 ? " (IST)"
			 : out->switched ? " (rsp0)"
					 : "",
			 ex.reason);
		return;
	}
}

static void fault_deliver_handler(const struct x86_state *st, const struct tables_gate *gate,
				  struct fault_delivery *out)
{
	(void)st;
	out->ok = true;
	out->handler = gate->offset;
	if (gate->fault == TABLES_NONE)
		return;
	/* Delivered, and the handler's first instruction faults. */
	out->next.found = true;
	out->next.vector = gate->fault;
	out->next.error = gate->error;
	out->next.addr = gate->offset;
	out->next.is_memory = true;
	out->next.access = MMU_ACCESS_FETCH;
	out->next.cause = FAULT_CAUSE_HANDLER;
	snprintf(out->next.what, sizeof(out->next.what), "%s", gate->wrong);
}

/* Is GATE's complaint about the handler, which is felt only after delivery? */
static bool fault_gate_passed(const struct tables_gate *gate)
{
	return gate->fault == TABLES_NONE ||
	       (gate->fault == FAULT_PF && gate->present && gate->fault_gva == gate->offset);
}

void fault_deliver(const struct vm_view *view, const struct x86_state *st, unsigned int vector,
		   bool software, struct fault_delivery *out)
{
	bool wide = st->efer & X86_EFER_LMA, real = !(st->cr0 & X86_CR0_PE);
	struct tables_gate gate;
	unsigned int words;

	memset(out, 0, sizeof(*out));
	out->vector = vector;
	tables_gate(view, st, vector, &gate);
	snprintf(out->gate, sizeof(out->gate), "%s", gate.text);
	if (!fault_gate_passed(&gate)) {
		fault_deliver_refused(st, &gate, out);
		return;
	}
	if (!real && software && gate.dpl < x86_state_cpl(st)) {
		out->next.found = true;
		out->next.vector = FAULT_GP;
		out->next.error = vector * 8 + 2;
		out->next.cause = FAULT_CAUSE_GATE;
		snprintf(out->next.what, sizeof(out->next.what),
			 "IDT[%u] has DPL %u: INT from ring %u may not use it", vector, gate.dpl,
			 x86_state_cpl(st));
		return;
	}
	if (!real && gate.type == 5) { /* a task gate: another world */
		out->ok = true;
		return;
	}
	if (!real && !fault_deliver_stack(view, st, &gate, out))
		return;
	if (real)
		out->sp = x86_state_linear_rsp(st);
	words = wide ? 5 : out->switched ? 5 : 3;
	if (!real && !software && fault_has_error(vector))
		words++;
	fault_deliver_push(view, st, words, wide ? 8 : real ? 2 : 4, out);
	if (!out->next.found)
		fault_deliver_handler(st, &gate, out);
}
