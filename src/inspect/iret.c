/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Interrupt frames before their IRET (SDM 2 "IRET", SDM 3A 6.14): see iret.h. */
#include "inspect/iret.h"

#include <stdio.h>
#include <string.h>

#include "inspect/insn.h"
#include "inspect/mmu.h"
#include "inspect/tables.h"

#define IRET_AHEAD 32 /* instructions looked at */

/* Bits of RFLAGS that have no name, and bit 1, which is always set. */
#define IRET_FLAGS_RESERVED 0xffffffffffc08028ull
#define IRET_FLAGS_ONE	    2ull

static const char *iret_name(enum iret_word index, unsigned int word)
{
	static const char *const name[3][IRET_NR] = {
		{ "ip", "cs", "flags", "sp", "ss" },
		{ "eip", "cs", "eflags", "esp", "ss" },
		{ "rip", "cs", "rflags", "rsp", "ss" },
	};

	return name[word == 8 ? 2 : word == 4 ? 1 : 0][index];
}

/* A linear address in the space the frame leads to: reached for ACCESS at the new level? */
static void iret_reach(const struct vm_view *view, const struct x86_state *st, uint64_t gva,
		       enum mmu_access access, unsigned int cpl, struct iret_slot *slot)
{
	struct mmu_explain ex;

	mmu_explain(view, st, gva, access, cpl, &ex);
	if (ex.faults)
		snprintf(slot->wrong, sizeof(slot->wrong), "%.95s",
			 ex.is_gp ? "not canonical" : ex.reason);
}

static void iret_judge_ip(const struct vm_view *view, const struct x86_state *st,
			  const struct tables_desc *cs, const struct sym_table *tab,
			  struct iret_frame *frame)
{
	struct iret_slot *ip = &frame->slot[IRET_IP];
	bool flat = cs->l || !(st->cr0 & X86_CR0_PE);
	uint64_t base = st->cr0 & X86_CR0_PE ? cs->base : frame->slot[IRET_CS].val << 4;
	uint64_t gva = cs->l ? ip->val : (uint32_t)(base + ip->val);

	sym_text(tab, gva, ip->note, sizeof(ip->note));
	if (!flat && ip->val > cs->limit)
		snprintf(ip->wrong, sizeof(ip->wrong), "beyond the limit %x of cs", cs->limit);
	else
		iret_reach(view, st, gva, MMU_ACCESS_FETCH, frame->cpl, ip);
}

/* What a code selector must be to be returned to. */
static void iret_judge_cs(const struct x86_state *st, const struct tables_desc *desc,
			  struct iret_slot *cs)
{
	unsigned int rpl = cs->val & 3;

	snprintf(cs->note, sizeof(cs->note), "%s", desc->text);
	if (desc->null || !desc->in_limit || !desc->readable)
		snprintf(cs->wrong, sizeof(cs->wrong), "%s", desc->wrong);
	else if (!desc->code)
		snprintf(cs->wrong, sizeof(cs->wrong), "no code segment: #GP");
	else if (!desc->present)
		snprintf(cs->wrong, sizeof(cs->wrong), "not present: #NP");
	else if (desc->l && desc->db)
		snprintf(cs->wrong, sizeof(cs->wrong), "both L and D are set: #GP");
	else if (rpl < x86_state_cpl(st))
		snprintf(cs->wrong, sizeof(cs->wrong), "leads from ring %u inwards to ring %u: #GP",
			 x86_state_cpl(st), rpl);
	else if (desc->type & 4 ? desc->dpl > rpl : desc->dpl != rpl)
		snprintf(cs->wrong, sizeof(cs->wrong), "DPL %u and RPL %u: #GP", desc->dpl, rpl);
}

static void iret_judge_flags(const struct x86_state *st, struct iret_slot *fl)
{
	struct buf text = BUF_INIT;

	regs_rflags_text(fl->val, &text);
	snprintf(fl->note, sizeof(fl->note), "%.50s%s", buf_str(&text),
		 fl->val & X86_RFLAGS_IF ? ""
		 : text.len		 ? ", IF clear"
					 : "IF clear");
	buf_free(&text);
	if (!(fl->val & IRET_FLAGS_ONE) || fl->val & IRET_FLAGS_RESERVED)
		snprintf(fl->wrong, sizeof(fl->wrong), "no flags look like this");
	else if (st->rflags & 1 << 14 && st->efer & X86_EFER_LMA)
		snprintf(fl->wrong, sizeof(fl->wrong), "NT is set in the current flags: #GP");
}

static void iret_judge_sp(const struct vm_view *view, const struct x86_state *st,
			  const struct tables_desc *ss, const struct sym_table *tab,
			  struct iret_frame *frame)
{
	struct iret_slot *sp = &frame->slot[IRET_SP];
	uint64_t gva = frame->word == 8 ? sp->val : (uint32_t)(ss->base + sp->val);

	sym_text(tab, gva, sp->note, sizeof(sp->note));
	iret_reach(view, st, gva - frame->word, MMU_ACCESS_WRITE, frame->cpl, sp);
}

static void iret_judge_ss(const struct tables_desc *desc, bool long_cs, unsigned int cpl,
			  struct iret_slot *ss)
{
	snprintf(ss->note, sizeof(ss->note), "%s", desc->text);
	if (desc->null) {
		if (cpl == 3 || !long_cs)
			snprintf(ss->wrong, sizeof(ss->wrong), "the null selector: #GP");
	} else if (!desc->in_limit || !desc->readable) {
		snprintf(ss->wrong, sizeof(ss->wrong), "%s", desc->wrong);
	} else if (desc->system || desc->code || !(desc->type & 2)) {
		snprintf(ss->wrong, sizeof(ss->wrong), "no writable data segment: #GP");
	} else if (desc->dpl != cpl || (ss->val & 3) != cpl) {
		snprintf(ss->wrong, sizeof(ss->wrong),
			 "DPL %u and RPL %u, but cs is of ring %u: #GP", desc->dpl,
			 (unsigned int)ss->val & 3, cpl);
	} else if (!desc->present) {
		snprintf(ss->wrong, sizeof(ss->wrong), "not present: #SS");
	}
}

/* The classic: a handler of an exception with an error code that does not drop it. */
static void iret_guess(const struct vm_view *view, const struct x86_state *st,
		       struct iret_frame *frame)
{
	uint64_t cs = 0;
	struct tables_desc desc;

	if (!iret_is_wrong(frame) || frame->slot[IRET_IP].val >= 0x10000 || !(st->cr0 & X86_CR0_PE))
		return;
	view_read_va_as(view, st, frame->gva + 2ull * frame->word, &cs, frame->word);
	tables_desc(view, st, (uint16_t)cs, &desc);
	if (!(cs >> 16) && desc.code && desc.present)
		snprintf(frame->hint, sizeof(frame->hint),
			 "an error code is still on the stack: add %u to the stack pointer first",
			 frame->word);
}

static bool iret_read(const struct vm_view *view, const struct x86_state *st, enum iret_word index,
		      struct iret_frame *frame)
{
	struct iret_slot *slot = &frame->slot[index];

	slot->name = iret_name(index, frame->word);
	slot->gva = frame->gva + (uint64_t)index * frame->word;
	slot->readable =
		view_read_va_as(view, st, slot->gva, &slot->val, frame->word) == frame->word;
	if (!slot->readable)
		snprintf(slot->wrong, sizeof(slot->wrong), "cannot be read from the stack");
	return slot->readable;
}

void iret_decode(const struct vm_view *view, const struct x86_state *st, uint64_t gva,
		 unsigned int word, const struct sym_table *tab, struct iret_frame *out)
{
	bool protect = st->cr0 & X86_CR0_PE && !(st->rflags & X86_RFLAGS_VM), whole = true;
	bool from64 = x86_state_mode(st) == X86_MODE_LONG64;
	struct tables_desc cs = { 0 }, ss = { 0 };

	memset(out, 0, sizeof(*out));
	out->gva = gva;
	out->word = word;
	out->nr = from64 ? IRET_NR : 3;
	for (unsigned int i = 0; i < 3; i++)
		whole &= iret_read(view, st, (enum iret_word)i, out);
	if (protect)
		out->cpl = out->slot[IRET_CS].val & 3;
	if (protect && out->cpl > x86_state_cpl(st))
		out->nr = IRET_NR;
	for (unsigned int i = 3; i < out->nr; i++)
		whole &= iret_read(view, st, (enum iret_word)i, out);
	if (!whole)
		return;
	if (protect) {
		tables_desc(view, st, (uint16_t)out->slot[IRET_CS].val, &cs);
		iret_judge_cs(st, &cs, &out->slot[IRET_CS]);
	}
	if (!out->slot[IRET_CS].wrong[0])
		iret_judge_ip(view, st, &cs, tab, out);
	iret_judge_flags(st, &out->slot[IRET_FLAGS]);
	if (out->nr == IRET_NR) {
		tables_desc(view, st, (uint16_t)out->slot[IRET_SS].val, &ss);
		iret_judge_ss(&ss, cs.l, out->cpl, &out->slot[IRET_SS]);
		iret_judge_sp(view, st, &ss, tab, out);
	}
	iret_guess(view, st, out);
}

bool iret_is_wrong(const struct iret_frame *frame)
{
	for (unsigned int i = 0; i < frame->nr; i++)
		if (frame->slot[i].wrong[0])
			return true;
	return false;
}

static void iret_slot_text(const struct iret_slot *slot, unsigned int digits, struct buf *out)
{
	buf_printf(out, "%s %0*llx", slot->name, digits, (unsigned long long)slot->val);
	if (slot->note[0])
		buf_printf(out, " %s", slot->note);
}

void iret_text(const struct iret_frame *frame, struct buf *out)
{
	unsigned int digits = frame->word * 2;

	if (frame->ahead)
		buf_printf(out, "iret, %u instructions on, to ring %u: ", frame->ahead, frame->cpl);
	else
		buf_printf(out, "iret to ring %u: ", frame->cpl);
	iret_slot_text(&frame->slot[IRET_IP], digits, out);
	buf_addc(out, '\n');
	for (unsigned int i = 0; i < frame->nr; i++) {
		if (frame->slot[i].wrong[0])
			buf_printf(out, "✗ %s: %s\n", frame->slot[i].name, frame->slot[i].wrong);
	}
	if (frame->hint[0])
		buf_printf(out, "  %s\n", frame->hint);
	buf_puts(out, "  ");
	iret_slot_text(&frame->slot[IRET_CS], 4, out);
	buf_puts(out, "  ");
	iret_slot_text(&frame->slot[IRET_FLAGS], 1, out);
	buf_addc(out, '\n');
	if (frame->nr == IRET_NR) {
		buf_puts(out, "  ");
		iret_slot_text(&frame->slot[IRET_SP], digits, out);
		buf_puts(out, "  ");
		iret_slot_text(&frame->slot[IRET_SS], 4, out);
		buf_addc(out, '\n');
	}
}

#ifdef HAVE_ZYDIS

static bool iret_is_iret(const struct insn *insn)
{
	return insn->zy.mnemonic == ZYDIS_MNEMONIC_IRET ||
	       insn->zy.mnemonic == ZYDIS_MNEMONIC_IRETD ||
	       insn->zy.mnemonic == ZYDIS_MNEMONIC_IRETQ;
}

static bool iret_is_sp(const ZydisDecodedOperand *op)
{
	return op->type == ZYDIS_OPERAND_TYPE_REGISTER &&
	       ZydisRegisterGetLargestEnclosing(ZYDIS_MACHINE_MODE_LONG_64, op->reg.value) ==
		       ZYDIS_REGISTER_RSP;
}

/* What INSN adds to the stack pointer; false where that cannot be said without executing it. */
static bool iret_moves(const struct insn *insn, int64_t *delta)
{
	const ZydisDecodedOperand *op = insn->op;
	int64_t imm = op[1].type == ZYDIS_OPERAND_TYPE_IMMEDIATE ? op[1].imm.value.s : 0;

	*delta = 0;
	switch (insn->zy.mnemonic) {
	case ZYDIS_MNEMONIC_POP:
		*delta = insn->zy.operand_width / 8;
		return !iret_is_sp(&op[0]);
	case ZYDIS_MNEMONIC_PUSH:
		*delta = -(int64_t)(insn->zy.operand_width / 8);
		return true;
	case ZYDIS_MNEMONIC_ADD:
	case ZYDIS_MNEMONIC_SUB:
		if (!iret_is_sp(&op[0]))
			return true;
		*delta = insn->zy.mnemonic == ZYDIS_MNEMONIC_ADD ? imm : -imm;
		return op[1].type == ZYDIS_OPERAND_TYPE_IMMEDIATE;
	case ZYDIS_MNEMONIC_POPA:
	case ZYDIS_MNEMONIC_POPAD:
		*delta = insn->zy.operand_width;
		return true;
	case ZYDIS_MNEMONIC_MOV: /* another address space: nothing below would be true there */
		if (op[0].type == ZYDIS_OPERAND_TYPE_REGISTER &&
		    op[0].reg.value == ZYDIS_REGISTER_CR3)
			return false;
		return !iret_is_sp(&op[0]);
	default:
		break;
	}
	if (insn->zy.meta.branch_type != ZYDIS_BRANCH_TYPE_NONE ||
	    insn->zy.meta.category == ZYDIS_CATEGORY_SYSCALL ||
	    insn->zy.meta.category == ZYDIS_CATEGORY_SYSRET ||
	    insn->zy.meta.category == ZYDIS_CATEGORY_INTERRUPT ||
	    insn->zy.mnemonic == ZYDIS_MNEMONIC_HLT)
		return false;
	for (unsigned int i = 0; i < insn->zy.operand_count; i++)
		if (iret_is_sp(&op[i]) && op[i].actions & ZYDIS_OPERAND_ACTION_MASK_WRITE)
			return false;
	return true;
}

bool iret_find(const struct vm_view *view, unsigned int vcpu, const struct sym_table *tab,
	       struct iret_frame *out)
{
	uint64_t at, sp;
	const struct x86_state *st;
	unsigned int bits;

	if (vcpu >= view->nr_vcpus)
		return false;
	st = &view->vcpu[vcpu].state;
	bits = x86_mode_bits(x86_state_mode(st));
	at = x86_state_linear_rip(st);
	sp = x86_state_linear_rsp(st);
	for (unsigned int i = 0; i < IRET_AHEAD; i++) {
		uint8_t bytes[15];
		size_t len = view_read_va(view, vcpu, at, bytes, sizeof(bytes));
		struct insn insn;
		int64_t delta;

		if (!len || !insn_decode(bytes, len, at, bits, &insn))
			return false;
		if (iret_is_iret(&insn)) {
			iret_decode(view, st, sp, insn.zy.operand_width / 8, tab, out);
			out->ahead = i;
			return true;
		}
		if (!iret_moves(&insn, &delta))
			return false;
		sp += (uint64_t)delta;
		at += insn.zy.length;
	}
	return false;
}

#else

bool iret_find(const struct vm_view *view, unsigned int vcpu, const struct sym_table *tab,
	       struct iret_frame *out)
{
	(void)view;
	(void)vcpu;
	(void)tab;
	(void)out;
	return false;
}

#endif
