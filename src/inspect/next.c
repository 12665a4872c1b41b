/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The next instruction with its values: see next.h. */
#include "inspect/next.h"

#include <stdio.h>
#include <string.h>

#include "inspect/disasm.h"
#include "inspect/fault.h"
#include "inspect/insn.h"
#include "inspect/iret.h"
#include "inspect/msr.h"
#include "inspect/tables.h"

void next_operands_text(const struct next *next, struct buf *out)
{
	for (unsigned int i = 0; i < next->nr; i++) {
		const struct next_operand *op = &next->op[i];

		if (out->len && i)
			buf_puts(out, "  ");
		buf_puts(out, op->text);
		if (op->memory)
			buf_printf(out, " at %llx", (unsigned long long)op->gva);
		if (op->known)
			buf_printf(out, " = %llx", (unsigned long long)op->value);
		if (op->note[0])
			buf_printf(out, " %s", op->note);
	}
}

#ifdef HAVE_ZYDIS

struct next_ctx {
	const struct vm_view *view;
	const struct x86_state *st;
	unsigned int vcpu;
	const struct sym_table *tab;
	struct insn insn;
	struct next *out;
};

#define NEXT_SAY(ctx, ...) snprintf((ctx)->out->meaning, sizeof((ctx)->out->meaning), __VA_ARGS__)

/* "fault_isr+0x3", or the number where nothing is known. */
static const char *next_where(const struct next_ctx *ctx, uint64_t addr, char *buf, size_t len)
{
	if (!*sym_text(ctx->tab, addr, buf, len))
		snprintf(buf, len, "%llx", (unsigned long long)addr);
	return buf;
}

static void next_formatter(ZydisFormatter *fmt)
{
	ZydisFormatterInit(fmt, ZYDIS_FORMATTER_STYLE_INTEL);
	ZydisFormatterSetProperty(fmt, ZYDIS_FORMATTER_PROP_HEX_UPPERCASE, ZYAN_FALSE);
	ZydisFormatterSetProperty(fmt, ZYDIS_FORMATTER_PROP_ADDR_PADDING_ABSOLUTE,
				  ZYDIS_PADDING_DISABLED);
}

/* The operand as the disassembly writes it; of memory only the brackets. */
static void next_name(const struct next_ctx *ctx, const ZydisDecodedOperand *op, char *buf,
		      size_t len)
{
	ZydisFormatter fmt;
	char text[64], *from = text, *bracket;

	next_formatter(&fmt);
	if (!ZYAN_SUCCESS(ZydisFormatterFormatOperand(&fmt, &ctx->insn.zy, op, text, sizeof(text),
						      ctx->insn.addr, NULL)))
		text[0] = '\0';
	bracket = strchr(text, '[');
	if (op->type == ZYDIS_OPERAND_TYPE_MEMORY && bracket)
		from = bracket;
	snprintf(buf, len, "%.*s", (int)len - 1, from);
}

static bool next_is_plain(const ZydisDecodedOperand *op)
{
	return op->type == ZYDIS_OPERAND_TYPE_MEMORY && op->size >= 8 && op->size <= 64 &&
	       (op->mem.type == ZYDIS_MEMOP_TYPE_MEM || op->mem.type == ZYDIS_MEMOP_TYPE_AGEN);
}

static void next_memory(const struct next_ctx *ctx, const ZydisDecodedOperand *op,
			struct next_operand *to)
{
	to->memory = true;
	to->gva = insn_address(&ctx->insn, ctx->st, op);
	/* LEA only computes; segment bases are not in what it computes. */
	if (op->mem.type == ZYDIS_MEMOP_TYPE_MEM && next_is_plain(op))
		to->known = view_read_va(ctx->view, ctx->vcpu, to->gva, &to->value, to->size) ==
			    to->size;
	if (!*sym_text(ctx->tab, to->gva, to->note, sizeof(to->note)) && to->known &&
	    op->size == 64 && to->value >= 0x1000)
		sym_text(ctx->tab, to->value, to->note, sizeof(to->note));
}

/* A register that is only written says nothing yet. */
static void next_add(const struct next_ctx *ctx, const ZydisDecodedOperand *op)
{
	struct next_operand *to = &ctx->out->op[ctx->out->nr];

	if (ctx->out->nr == NEXT_OPERANDS || op->visibility == ZYDIS_OPERAND_VISIBILITY_HIDDEN)
		return;
	memset(to, 0, sizeof(*to));
	to->read = op->actions & ZYDIS_OPERAND_ACTION_MASK_READ;
	to->write = op->actions & ZYDIS_OPERAND_ACTION_MASK_WRITE;
	to->size = op->size / 8u;
	next_name(ctx, op, to->text, sizeof(to->text));
	if (op->type == ZYDIS_OPERAND_TYPE_MEMORY) {
		next_memory(ctx, op, to);
	} else if (op->type == ZYDIS_OPERAND_TYPE_REGISTER && to->read) {
		to->known = insn_register(ctx->st, op->reg.value, &to->value);
		if (!to->known)
			return;
		if (to->value >= 0x1000 && op->size == 64)
			sym_text(ctx->tab, to->value, to->note, sizeof(to->note));
	} else {
		return;
	}
	ctx->out->nr++;
}

/* Value of an operand, read now; false where it has none that fits. */
static bool next_value(const struct next_ctx *ctx, unsigned int index, uint64_t *out)
{
	const ZydisDecodedOperand *op = &ctx->insn.op[index];

	*out = 0;
	if (op->type == ZYDIS_OPERAND_TYPE_REGISTER)
		return insn_register(ctx->st, op->reg.value, out);
	if (op->type == ZYDIS_OPERAND_TYPE_IMMEDIATE) {
		*out = op->imm.value.u;
		return true;
	}
	return next_is_plain(op) && op->mem.type == ZYDIS_MEMOP_TYPE_MEM &&
	       view_read_va(ctx->view, ctx->vcpu, insn_address(&ctx->insn, ctx->st, op), out,
			    op->size / 8u) == op->size / 8u;
}

/* --- branches --- */

/* Condition CC of the opcodes 70+cc, 0f 80+cc, 0f 40+cc, 0f 90+cc (SDM 2, appendix B.1.4.7). */
static bool next_condition(uint64_t flags, unsigned int cc)
{
	bool cf = flags & 1, pf = flags >> 2 & 1, zf = flags >> 6 & 1, sf = flags >> 7 & 1;
	bool of = flags >> 11 & 1, val;

	switch (cc >> 1) {
	case 0:
		val = of;
		break;
	case 1:
		val = cf;
		break;
	case 2:
		val = zf;
		break;
	case 3:
		val = cf || zf;
		break;
	case 4:
		val = sf;
		break;
	case 5:
		val = pf;
		break;
	case 6:
		val = sf != of;
		break;
	default:
		val = zf || sf != of;
		break;
	}
	return val != (cc & 1);
}

/* JCXZ and the LOOPs count; all others look at flags. */
static bool next_taken(const struct next_ctx *ctx)
{
	uint64_t count = ctx->st->gpr[X86_RCX];
	bool zf = ctx->st->rflags >> 6 & 1;

	if (ctx->insn.zy.address_width < 64)
		count &= (1ull << ctx->insn.zy.address_width) - 1;
	switch (ctx->insn.zy.mnemonic) {
	case ZYDIS_MNEMONIC_JCXZ:
	case ZYDIS_MNEMONIC_JECXZ:
	case ZYDIS_MNEMONIC_JRCXZ:
		return !count;
	case ZYDIS_MNEMONIC_LOOP:
		return count != 1;
	case ZYDIS_MNEMONIC_LOOPE:
		return count != 1 && zf;
	case ZYDIS_MNEMONIC_LOOPNE:
		return count != 1 && !zf;
	default:
		return next_condition(ctx->st->rflags, ctx->insn.zy.opcode & 15);
	}
}

static bool next_target(const struct next_ctx *ctx, uint64_t *out)
{
	const ZydisDecodedOperand *op = &ctx->insn.op[0];

	if (op->type == ZYDIS_OPERAND_TYPE_IMMEDIATE && op->imm.is_relative)
		return ZYAN_SUCCESS(
			ZydisCalcAbsoluteAddress(&ctx->insn.zy, op, ctx->insn.addr, out));
	return next_value(ctx, 0, out);
}

static void next_branch(struct next_ctx *ctx)
{
	bool call = ctx->insn.zy.meta.category == ZYDIS_CATEGORY_CALL;
	char where[80];
	uint64_t to;

	if (ctx->insn.zy.meta.branch_type == ZYDIS_BRANCH_TYPE_FAR || !next_target(ctx, &to))
		return;
	next_where(ctx, to, where, sizeof(where));
	if (ctx->insn.zy.meta.category == ZYDIS_CATEGORY_COND_BR) {
		if (next_taken(ctx))
			NEXT_SAY(ctx, "taken, to %s", where);
		else
			NEXT_SAY(ctx, "not taken");
	} else if (ctx->insn.op[0].type != ZYDIS_OPERAND_TYPE_IMMEDIATE) {
		NEXT_SAY(ctx, "%s %s", call ? "calls" : "goes to", where);
	}
}

static void next_return(struct next_ctx *ctx)
{
	unsigned int word = ctx->insn.zy.operand_width / 8;
	char where[80];
	uint64_t to = 0;

	if (ctx->insn.zy.meta.branch_type == ZYDIS_BRANCH_TYPE_FAR || word > 8 ||
	    view_read_va(ctx->view, ctx->vcpu, x86_state_linear_rsp(ctx->st), &to, word) != word)
		return;
	NEXT_SAY(ctx, "returns to %s", next_where(ctx, to, where, sizeof(where)));
}

/* --- ports, MSRs, interrupts --- */

static bool next_port(const struct next_ctx *ctx, bool in, uint16_t *port)
{
	uint64_t val = ctx->st->gpr[X86_RDX];

	if (ctx->insn.zy.meta.category == ZYDIS_CATEGORY_IO && !next_value(ctx, in ? 1 : 0, &val))
		return false;
	*port = (uint16_t)val;
	return true;
}

static void next_io(struct next_ctx *ctx, bool in)
{
	const char *name;
	uint16_t port;
	uint64_t val;

	if (!next_port(ctx, in, &port))
		return;
	name = disasm_port_name(port);
	if (in || ctx->insn.zy.meta.category != ZYDIS_CATEGORY_IO || !next_value(ctx, 1, &val))
		NEXT_SAY(ctx, "%s port %x%s%s", in ? "reads" : "writes to", port, name ? ", " : "",
			 name ? name : "");
	else
		NEXT_SAY(ctx, "writes %0*llx to port %x%s%s", ctx->insn.op[1].size / 4,
			 (unsigned long long)val, port, name ? ", " : "", name ? name : "");
}

static void next_msr(struct next_ctx *ctx, bool write)
{
	const struct x86_state *st = ctx->st;
	uint32_t msr = (uint32_t)st->gpr[X86_RCX];
	uint64_t val = st->gpr[X86_RDX] << 32 | (uint32_t)st->gpr[X86_RAX];
	const char *name = disasm_msr_name(msr);
	char words[120] = "";

	if (!write) {
		NEXT_SAY(ctx, "reads MSR %x%s%s", msr, name ? ", " : "", name ? name : "");
		return;
	}
	msr_text(msr, val, words, sizeof(words));
	NEXT_SAY(ctx, "writes %llx to MSR %x%s%s%s%s", (unsigned long long)val, msr,
		 name ? ", " : "", name ? name : "", words[0] ? ": " : "", words);
}

static void next_interrupt(struct next_ctx *ctx, unsigned int vector)
{
	const char *name = disasm_vector_name(vector);
	struct tables_gate gate;
	char where[80];

	tables_gate(ctx->view, ctx->st, vector, &gate);
	if (gate.wrong[0])
		NEXT_SAY(ctx, "vector %u%s%s: %s", vector, name ? " " : "", name ? name : "",
			 gate.wrong);
	else
		NEXT_SAY(ctx, "vector %u%s%s, handled by %s", vector, name ? " " : "",
			 name ? name : "", next_where(ctx, gate.offset, where, sizeof(where)));
}

/* --- the rest of what is worth a word --- */

static void next_mov(struct next_ctx *ctx)
{
	void (*words)(uint64_t, struct buf *) = NULL;
	struct buf text = BUF_INIT;
	uint64_t val;

	if (ctx->insn.op[0].type != ZYDIS_OPERAND_TYPE_REGISTER || !next_value(ctx, 1, &val))
		return;
	switch (ctx->insn.op[0].reg.value) {
	case ZYDIS_REGISTER_CR0:
		words = regs_cr0_text;
		break;
	case ZYDIS_REGISTER_CR4:
		words = regs_cr4_text;
		break;
	case ZYDIS_REGISTER_CR3:
		NEXT_SAY(ctx,
			 val == ctx->st->cr3 ? "flushes the TLB: the same page tables"
					     : "other page tables, at physical %llx",
			 (unsigned long long)(val & 0xffffffffff000ull));
		return;
	default:
		return;
	}
	words(val, &text);
	NEXT_SAY(ctx, "makes it %s", buf_str(&text));
	buf_free(&text);
}

/* LGDT and LIDT: a limit and a base in memory. */
static void next_table(struct next_ctx *ctx)
{
	unsigned int len = ctx->insn.zy.machine_mode == ZYDIS_MACHINE_MODE_LONG_64 ? 8 : 4;
	uint64_t gva = insn_address(&ctx->insn, ctx->st, &ctx->insn.op[0]), base = 0;
	uint16_t limit = 0;
	char where[80];

	if (view_read_va(ctx->view, ctx->vcpu, gva, &limit, 2) != 2 ||
	    view_read_va(ctx->view, ctx->vcpu, gva + 2, &base, len) != len)
		return;
	NEXT_SAY(ctx, "base %llx %s limit %x", (unsigned long long)base,
		 sym_text(ctx->tab, base, where, sizeof(where)), limit);
}

static void next_system_call(struct next_ctx *ctx)
{
	const struct x86_state *st = ctx->st;
	char where[80];

	NEXT_SAY(ctx, "enters %s, clears the flags %llx",
		 next_where(ctx, st->msr[X86_MSR_LSTAR], where, sizeof(where)),
		 (unsigned long long)st->msr[X86_MSR_SFMASK]);
}

static void next_system_return(struct next_ctx *ctx)
{
	char where[80];

	NEXT_SAY(ctx, "to ring 3, %s",
		 next_where(ctx, ctx->st->gpr[X86_RCX], where, sizeof(where)));
}

static void next_iret(struct next_ctx *ctx)
{
	struct iret_frame frame;
	char where[80];

	if (!iret_find(ctx->view, ctx->vcpu, ctx->tab, &frame))
		return;
	NEXT_SAY(ctx, "returns to ring %u, %s", frame.cpl,
		 next_where(ctx, frame.slot[IRET_IP].val, where, sizeof(where)));
}

static void next_lea(struct next_ctx *ctx)
{
	uint64_t gva = insn_address(&ctx->insn, ctx->st, &ctx->insn.op[1]);
	char where[80];

	if (*sym_text(ctx->tab, gva, where, sizeof(where)))
		NEXT_SAY(ctx, "the address of %s", where);
}

static void next_string(struct next_ctx *ctx)
{
	uint64_t count = ctx->st->gpr[X86_RCX];

	if (!(ctx->insn.zy.attributes &
	      (ZYDIS_ATTRIB_HAS_REP | ZYDIS_ATTRIB_HAS_REPE | ZYDIS_ATTRIB_HAS_REPNE)))
		return;
	if (ctx->insn.zy.address_width < 64)
		count &= (1ull << ctx->insn.zy.address_width) - 1;
	if (!count)
		NEXT_SAY(ctx, "does nothing: the count is 0");
	else
		NEXT_SAY(ctx, "%s%llu more times, %s",
			 ctx->insn.zy.attributes & ZYDIS_ATTRIB_HAS_REP ? "" : "at most ",
			 (unsigned long long)count,
			 ctx->st->rflags & 1 << 10 ? "downwards" : "upwards");
}

static void next_special(struct next_ctx *ctx)
{
	switch (ctx->insn.zy.mnemonic) {
	case ZYDIS_MNEMONIC_IN:
	case ZYDIS_MNEMONIC_INSB:
	case ZYDIS_MNEMONIC_INSW:
	case ZYDIS_MNEMONIC_INSD:
		next_io(ctx, true);
		break;
	case ZYDIS_MNEMONIC_OUT:
	case ZYDIS_MNEMONIC_OUTSB:
	case ZYDIS_MNEMONIC_OUTSW:
	case ZYDIS_MNEMONIC_OUTSD:
		next_io(ctx, false);
		break;
	case ZYDIS_MNEMONIC_RDMSR:
	case ZYDIS_MNEMONIC_WRMSR:
		next_msr(ctx, ctx->insn.zy.mnemonic == ZYDIS_MNEMONIC_WRMSR);
		break;
	case ZYDIS_MNEMONIC_INT:
		next_interrupt(ctx, (unsigned int)ctx->insn.op[0].imm.value.u & 0xff);
		break;
	case ZYDIS_MNEMONIC_INT3:
		next_interrupt(ctx, 3);
		break;
	case ZYDIS_MNEMONIC_MOV:
		next_mov(ctx);
		break;
	case ZYDIS_MNEMONIC_LGDT:
	case ZYDIS_MNEMONIC_LIDT:
		next_table(ctx);
		break;
	case ZYDIS_MNEMONIC_SYSCALL:
		next_system_call(ctx);
		break;
	case ZYDIS_MNEMONIC_SYSRET:
		next_system_return(ctx);
		break;
	case ZYDIS_MNEMONIC_IRET:
	case ZYDIS_MNEMONIC_IRETD:
	case ZYDIS_MNEMONIC_IRETQ:
		next_iret(ctx);
		break;
	case ZYDIS_MNEMONIC_LEA:
		next_lea(ctx);
		break;
	case ZYDIS_MNEMONIC_CPUID:
		NEXT_SAY(ctx, "asks for leaf %x, subleaf %x", (uint32_t)ctx->st->gpr[X86_RAX],
			 (uint32_t)ctx->st->gpr[X86_RCX]);
		break;
	default:
		next_string(ctx);
		break;
	}
}

static void next_mean(struct next_ctx *ctx)
{
	switch (ctx->insn.zy.meta.category) {
	case ZYDIS_CATEGORY_CALL:
	case ZYDIS_CATEGORY_COND_BR:
	case ZYDIS_CATEGORY_UNCOND_BR:
		next_branch(ctx);
		break;
	case ZYDIS_CATEGORY_RET:
		if (ctx->insn.zy.mnemonic == ZYDIS_MNEMONIC_RET)
			next_return(ctx);
		else
			next_special(ctx);
		break;
	default:
		next_special(ctx);
		break;
	}
}

/* An exception comes before whatever else the instruction means. INT n is none of its making. */
static void next_fault(struct next_ctx *ctx)
{
	const char *name;
	struct fault fault;

	fault_at(ctx->view, ctx->st, &fault);
	if (!fault.found || fault.cause == FAULT_CAUSE_SOFTWARE)
		return;
	name = disasm_vector_name(fault.vector);
	ctx->out->faults = true;
	NEXT_SAY(ctx, "raises %s: %.170s", name ? name : "an exception", fault.what);
}

void next_look(const struct vm_view *view, unsigned int vcpu, const struct sym_table *tab,
	       struct next *out)
{
	struct next_ctx ctx = { .view = view, .vcpu = vcpu, .tab = tab, .out = out };
	uint8_t bytes[15];
	size_t len;

	memset(out, 0, sizeof(*out));
	if (vcpu >= view->nr_vcpus)
		return;
	ctx.st = &view->vcpu[vcpu].state;
	len = view_read_va(view, vcpu, x86_state_linear_rip(ctx.st), bytes, sizeof(bytes));
	if (!len || !insn_decode(bytes, len, ctx.st->rip, x86_mode_bits(x86_state_mode(ctx.st)),
				 &ctx.insn)) {
		next_fault(&ctx);
		return;
	}
	out->valid = true;
	for (unsigned int i = 0; i < ctx.insn.zy.operand_count_visible; i++)
		next_add(&ctx, &ctx.insn.op[i]);
	next_mean(&ctx);
	next_fault(&ctx);
}

#else

void next_look(const struct vm_view *view, unsigned int vcpu, const struct sym_table *tab,
	       struct next *out)
{
	(void)view;
	(void)vcpu;
	(void)tab;
	memset(out, 0, sizeof(*out));
}

#endif
