/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What the instruction at rip raises: the fetch, its memory operands, what it
 * loads into segment registers, what IRET finds on the stack. Not a full model
 * of the CPU: the faults that kernels under construction run into.
 */
#include "inspect/fault.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "inspect/disasm.h"
#include "inspect/insn.h"
#include "inspect/tables.h"

__attribute__((format(printf, 4, 5))) static void fault_set(struct fault *out, uint8_t vector,
							    uint32_t error, const char *fmt, ...)
{
	va_list args;

	out->found = true;
	out->vector = vector;
	out->error = error;
	va_start(args, fmt);
	vsnprintf(out->what, sizeof(out->what), fmt, args);
	va_end(args);
}

static enum fault_cause fault_mmu_cause(const struct mmu_explain *ex, enum mmu_access access)
{
	if (ex->is_gp)
		return FAULT_CAUSE_CANONICAL;
	if (ex->error_code & 8)
		return FAULT_CAUSE_RESERVED;
	if (!(ex->error_code & 1))
		return FAULT_CAUSE_ABSENT;
	return access == MMU_ACCESS_FETCH && ex->walk.perm & MMU_NX ? FAULT_CAUSE_NX
								    : FAULT_CAUSE_RIGHTS;
}

/* Would touching the byte at GVA fault? */
static bool fault_touch(const struct vm_view *view, const struct x86_state *st, uint64_t gva,
			enum mmu_access access, struct fault *out)
{
	static const char *const verb[] = { "read from", "write to", "fetch from" };
	struct mmu_explain ex;

	mmu_explain(view, st, gva, access, x86_state_cpl(st), &ex);
	if (!ex.faults)
		return false;
	out->addr = gva;
	out->is_memory = true;
	out->access = access;
	out->cause = fault_mmu_cause(&ex, access);
	fault_set(out, ex.is_gp ? out->is_stack ? FAULT_SS : FAULT_GP : FAULT_PF, ex.error_code,
		  "%s %016llx: %s", verb[access], (unsigned long long)gva, ex.reason);
	return true;
}

#ifdef HAVE_ZYDIS

/* LEN bytes from GVA on; the first page that faults counts. */
static bool fault_touch_range(const struct vm_view *view, const struct x86_state *st, uint64_t gva,
			      unsigned int len, enum mmu_access access, struct fault *out)
{
	uint64_t last = gva + (len ? len - 1 : 0);

	if (fault_touch(view, st, gva, access, out))
		return true;
	return (gva ^ last) >> 12 && fault_touch(view, st, last & ~0xfffull, access, out);
}

struct fault_ctx {
	const struct vm_view *view;
	const struct x86_state *st;
	struct insn insn;
	unsigned int bits;
	struct fault *out;
};

/* Zydis numbers the byte registers al cl dl bl ah ch dh bh spl bpl sil dil r8b ... */
static uint64_t fault_reg8(const struct x86_state *st, unsigned int id)
{
	if (id < 4)
		return st->gpr[id] & 0xff;
	if (id < 8)
		return st->gpr[id - 4] >> 8 & 0xff;
	return id - 4 < X86_NR_GPR ? st->gpr[id - 4] & 0xff : 0;
}

static uint64_t fault_reg(const struct x86_state *st, ZydisRegister reg)
{
	ZyanI8 id = ZydisRegisterGetId(reg);

	if (id < 0)
		return 0;
	if (ZydisRegisterGetClass(reg) == ZYDIS_REGCLASS_GPR8)
		return fault_reg8(st, (unsigned int)id);
	if (id >= X86_NR_GPR)
		return 0;
	switch (ZydisRegisterGetClass(reg)) {
	case ZYDIS_REGCLASS_GPR64:
		return st->gpr[id];
	case ZYDIS_REGCLASS_GPR32:
		return (uint32_t)st->gpr[id];
	case ZYDIS_REGCLASS_GPR16:
		return (uint16_t)st->gpr[id];
	default:
		return 0;
	}
}

static bool fault_is_stack_reg(ZydisRegister reg)
{
	return ZydisRegisterGetClass(reg) >= ZYDIS_REGCLASS_GPR16 &&
	       ZydisRegisterGetClass(reg) <= ZYDIS_REGCLASS_GPR64 &&
	       (ZydisRegisterGetId(reg) == X86_RSP || ZydisRegisterGetId(reg) == X86_RBP);
}

/* Offset of a memory operand within its segment. */
static uint64_t fault_offset(const struct fault_ctx *ctx, const ZydisDecodedOperand *op)
{
	uint64_t off = op->mem.disp.has_displacement ? (uint64_t)op->mem.disp.value : 0;

	if (op->mem.base == ZYDIS_REGISTER_RIP || op->mem.base == ZYDIS_REGISTER_EIP)
		off += ctx->st->rip + ctx->insn.zy.length;
	else if (op->mem.base != ZYDIS_REGISTER_NONE)
		off += fault_reg(ctx->st, op->mem.base);
	if (op->mem.index != ZYDIS_REGISTER_NONE)
		off += fault_reg(ctx->st, op->mem.index) * op->mem.scale;
	if (ctx->insn.zy.address_width == 32)
		off &= 0xffffffff;
	else if (ctx->insn.zy.address_width == 16)
		off &= 0xffff;
	return off;
}

static const struct x86_seg *fault_segment(const struct fault_ctx *ctx,
					   const ZydisDecodedOperand *op)
{
	ZyanI8 id = ZydisRegisterGetId(op->mem.segment);

	return &ctx->st->seg[id >= 0 && id < 6 ? id : X86_DS];
}

/* Base and, outside 64-bit mode, limit of the operand's segment. True: a fault. */
static bool fault_linear(struct fault_ctx *ctx, const ZydisDecodedOperand *op, uint64_t off,
			 unsigned int len, uint64_t *gva)
{
	const struct x86_seg *seg = fault_segment(ctx, op);
	bool stack = op->mem.segment == ZYDIS_REGISTER_SS;
	bool down = (seg->attr & 0xc) == 4;

	if (ctx->bits == 64) {
		*gva = off +
		       (op->mem.segment == ZYDIS_REGISTER_FS || op->mem.segment == ZYDIS_REGISTER_GS
				? seg->base
				: 0);
		return false;
	}
	*gva = (uint32_t)(seg->base + off);
	if (seg->attr & X86_SEG_UNUSABLE) {
		ctx->out->cause = FAULT_CAUSE_SELECTOR;
		fault_set(ctx->out, FAULT_GP, 0, "access through a null segment register");
		return true;
	}
	if (!down && off + (len ? len - 1 : 0) > seg->limit) {
		ctx->out->cause = FAULT_CAUSE_SELECTOR;
		fault_set(ctx->out, stack ? FAULT_SS : FAULT_GP, 0,
			  "offset %llx lies beyond the segment limit %x", (unsigned long long)off,
			  seg->limit);
		return true;
	}
	return false;
}

/* Pushes write below the stack pointer that the operand names. */
static bool fault_is_push(const struct insn *insn)
{
	return insn->zy.meta.category == ZYDIS_CATEGORY_PUSH ||
	       insn->zy.meta.category == ZYDIS_CATEGORY_CALL ||
	       insn->zy.mnemonic == ZYDIS_MNEMONIC_ENTER;
}

static bool fault_operand(struct fault_ctx *ctx, const ZydisDecodedOperand *op)
{
	unsigned int len = op->size / 8;
	bool hidden = op->visibility == ZYDIS_OPERAND_VISIBILITY_HIDDEN;
	bool write = op->actions & ZYDIS_OPERAND_ACTION_MASK_WRITE;
	uint64_t off, gva;

	if (op->type != ZYDIS_OPERAND_TYPE_MEMORY || op->mem.type != ZYDIS_MEMOP_TYPE_MEM ||
	    !(op->actions & (ZYDIS_OPERAND_ACTION_MASK_WRITE | ZYDIS_OPERAND_ACTION_MASK_READ)))
		return false;
	off = fault_offset(ctx, op);
	if (hidden && write && fault_is_push(&ctx->insn))
		off -= len;
	ctx->out->is_stack = fault_is_stack_reg(op->mem.base);
	return fault_linear(ctx, op, off, len, &gva) ||
	       fault_touch_range(ctx->view, ctx->st, gva, len,
				 write ? MMU_ACCESS_WRITE : MMU_ACCESS_READ, ctx->out);
}

/* REP with a count of zero, prefetches and long NOPs touch nothing. */
static bool fault_touches_nothing(const struct fault_ctx *ctx)
{
	const ZydisDecodedInstruction *zy = &ctx->insn.zy;

	if (zy->attributes &
	    (ZYDIS_ATTRIB_HAS_REP | ZYDIS_ATTRIB_HAS_REPE | ZYDIS_ATTRIB_HAS_REPNE))
		return !ctx->st->gpr[X86_RCX];
	return zy->meta.category == ZYDIS_CATEGORY_PREFETCH ||
	       zy->meta.category == ZYDIS_CATEGORY_WIDENOP ||
	       zy->meta.category == ZYDIS_CATEGORY_NOP || zy->mnemonic == ZYDIS_MNEMONIC_INVLPG;
}

static bool fault_operands(struct fault_ctx *ctx)
{
	unsigned int i;

	if (fault_touches_nothing(ctx))
		return false;
	for (i = 0; i < ctx->insn.zy.operand_count; i++) {
		if (fault_operand(ctx, &ctx->insn.op[i]))
			return true;
	}
	return false;
}

/* Value of an operand of at most 64 bits that is a register, an immediate or readable memory. */
static bool fault_value(const struct fault_ctx *ctx, const ZydisDecodedOperand *op, uint64_t *out)
{
	uint64_t gva;

	*out = 0;
	switch (op->type) {
	case ZYDIS_OPERAND_TYPE_REGISTER:
		*out = fault_reg(ctx->st, op->reg.value);
		return true;
	case ZYDIS_OPERAND_TYPE_IMMEDIATE:
		*out = op->imm.value.u;
		return true;
	case ZYDIS_OPERAND_TYPE_MEMORY:
		gva = fault_offset(ctx, op);
		if (ctx->bits != 64 || op->mem.segment == ZYDIS_REGISTER_FS ||
		    op->mem.segment == ZYDIS_REGISTER_GS)
			gva += fault_segment(ctx, op)->base;
		return op->size <= 64 &&
		       view_read_va_as(ctx->view, ctx->st, gva, out, op->size / 8) == op->size / 8;
	default:
		return false;
	}
}

static bool fault_selector_error(struct fault_ctx *ctx, uint8_t vector, uint16_t sel,
				 const char *what)
{
	ctx->out->cause = FAULT_CAUSE_SELECTOR;
	fault_set(ctx->out, vector, sel & 0xfffc, "%s", what);
	return true;
}

/* Loading a data segment register, SDM 2 "MOV". */
static bool fault_data_selector(struct fault_ctx *ctx, enum x86_segname seg, uint16_t sel)
{
	unsigned int cpl = x86_state_cpl(ctx->st);
	struct tables_desc desc;
	char what[128];

	if (ctx->bits == 16 && !(ctx->st->cr0 & X86_CR0_PE))
		return false;
	tables_desc(ctx->view, ctx->st, sel, &desc);
	if (desc.null) {
		if (seg != X86_SS || (ctx->bits == 64 && cpl != 3))
			return false;
		return fault_selector_error(ctx, FAULT_GP, 0, "SS loaded with the null selector");
	}
	if (!desc.in_limit)
		return fault_selector_error(ctx, FAULT_GP, sel, desc.wrong);
	if (!desc.readable)
		return fault_touch(ctx->view, ctx->st, desc.entry_gva, MMU_ACCESS_READ, ctx->out);
	snprintf(what, sizeof(what), "selector %04x is %s", sel, desc.text);
	if (desc.system || (desc.code && (seg == X86_SS || !(desc.type & 2))))
		return fault_selector_error(ctx, FAULT_GP, sel, what);
	if (seg == X86_SS && (!(desc.type & 2) || desc.dpl != cpl || (sel & 3) != cpl))
		return fault_selector_error(ctx, FAULT_GP, sel, what);
	if (!desc.present)
		return fault_selector_error(ctx, seg == X86_SS ? FAULT_SS : FAULT_NP, sel, what);
	return false;
}

/* A code selector loaded by a far transfer; RETURN: by IRET or RETF, to RPL's ring. */
static bool fault_code_selector(struct fault_ctx *ctx, uint16_t sel, bool is_return)
{
	struct tables_desc desc;
	char what[128];

	tables_desc(ctx->view, ctx->st, sel, &desc);
	snprintf(what, sizeof(what), "CS loaded with %s", desc.wrong);
	if (desc.null)
		return fault_selector_error(ctx, FAULT_GP, 0, what);
	if (!desc.in_limit)
		return fault_selector_error(ctx, FAULT_GP, sel, desc.wrong);
	if (!desc.readable)
		return fault_touch(ctx->view, ctx->st, desc.entry_gva, MMU_ACCESS_READ, ctx->out);
	snprintf(what, sizeof(what), "CS loaded with %04x, which is %s", sel, desc.text);
	if (!desc.code)
		return !is_return && desc.system ? false
						 : fault_selector_error(ctx, FAULT_GP, sel, what);
	if (is_return && (sel & 3) < x86_state_cpl(ctx->st))
		return fault_selector_error(ctx, FAULT_GP, sel, what);
	if (!desc.present)
		return fault_selector_error(ctx, FAULT_NP, sel, what);
	if (desc.l && desc.db)
		return fault_selector_error(ctx, FAULT_GP, sel, what);
	return false;
}

static bool fault_iret_stack_segment(struct fault_ctx *ctx, uint16_t ss, uint16_t cs)
{
	struct tables_desc desc;
	char what[128];

	tables_desc(ctx->view, ctx->st, ss, &desc);
	if (desc.null) {
		if ((cs & 3) != 3)
			return false;
		return fault_selector_error(ctx, FAULT_GP, 0, "SS is the null selector");
	}
	snprintf(what, sizeof(what), "SS in the frame: %s", desc.wrong[0] ? desc.wrong : desc.text);
	if (!desc.in_limit || (ss & 3) != (cs & 3) || desc.system || desc.code ||
	    !(desc.type & 2) || desc.dpl != (cs & 3))
		return fault_selector_error(ctx, FAULT_GP, ss, what);
	return !desc.present && fault_selector_error(ctx, FAULT_SS, ss, what);
}

/* What lies on the stack for IRET (SDM 2): rip, cs, rflags and in 64-bit mode rsp, ss. */
static bool fault_iret(struct fault_ctx *ctx)
{
	unsigned int word = ctx->insn.zy.operand_width / 8, words = ctx->bits == 64 ? 5 : 3, i;
	uint64_t frame[5] = { 0 }, sp = x86_state_linear_rsp(ctx->st);
	char why[100];
	bool faults;

	ctx->out->is_stack = true;
	for (i = 0; i < words; i++) {
		if (fault_touch_range(ctx->view, ctx->st, sp + i * word, word, MMU_ACCESS_READ,
				      ctx->out))
			return true;
		view_read_va_as(ctx->view, ctx->st, sp + (uint64_t)i * word, &frame[i], word);
	}
	ctx->out->is_stack = false;
	if (!(ctx->st->cr0 & X86_CR0_PE))
		return false;
	faults = fault_code_selector(ctx, (uint16_t)frame[1], true);
	if (!faults && ctx->bits == 64) {
		struct mmu_walk walk;

		mmu_walk(ctx->view, ctx->st, frame[0], &walk);
		if (!walk.canonical) {
			fault_set(ctx->out, FAULT_GP, 0, "rip in the frame is not canonical");
			faults = true;
		} else {
			faults = fault_iret_stack_segment(ctx, (uint16_t)frame[4],
							  (uint16_t)frame[1]);
		}
	}
	if (!faults)
		return false;
	ctx->out->cause = FAULT_CAUSE_IRET;
	ctx->out->addr = sp;
	snprintf(why, sizeof(why), "%.99s", ctx->out->what);
	snprintf(ctx->out->what, sizeof(ctx->out->what), "iret to rip %llx cs %llx: %s",
		 (unsigned long long)frame[0], (unsigned long long)frame[1], why);
	return true;
}

static bool fault_divide(struct fault_ctx *ctx)
{
	const ZydisDecodedOperand *op = &ctx->insn.op[0];
	uint64_t divisor;

	if (!fault_value(ctx, op, &divisor))
		return false;
	if (!divisor) {
		fault_set(ctx->out, FAULT_DE, 0, "division by zero");
		return true;
	}
	/* The quotient of an unsigned division fits if the upper half is below the divisor. */
	if (ctx->insn.zy.mnemonic == ZYDIS_MNEMONIC_DIV && op->size >= 16) {
		uint64_t mask = op->size >= 64 ? ~0ull : (1ull << op->size) - 1;

		if ((ctx->st->gpr[X86_RDX] & mask) >= divisor) {
			fault_set(ctx->out, FAULT_DE, 0, "the quotient does not fit: rdx is %llx",
				  (unsigned long long)(ctx->st->gpr[X86_RDX] & mask));
			return true;
		}
	}
	return false;
}

static bool fault_software(struct fault_ctx *ctx, uint8_t vector)
{
	ctx->out->cause = FAULT_CAUSE_SOFTWARE;
	fault_set(ctx->out, vector, 0, "software interrupt %u (0x%02x)", vector, vector);
	return true;
}

/* Is the floating-point unit the instruction wants switched on (SDM 3A 9.2, 9.6)? */
static bool fault_fpu(struct fault_ctx *ctx)
{
	uint64_t cr0 = ctx->st->cr0, cr4 = ctx->st->cr4;
	bool x87 = false, sse = false, avx = false;

	switch (ctx->insn.zy.meta.isa_ext) {
	case ZYDIS_ISA_EXT_X87:
	case ZYDIS_ISA_EXT_MMX:
		x87 = true;
		break;
	case ZYDIS_ISA_EXT_SSE:
	case ZYDIS_ISA_EXT_SSE2:
	case ZYDIS_ISA_EXT_SSE3:
	case ZYDIS_ISA_EXT_SSSE3:
	case ZYDIS_ISA_EXT_SSE4:
		/* The fences and PAUSE belong to SSE by name only. */
		sse = ctx->insn.zy.meta.category == ZYDIS_CATEGORY_SSE ||
		      ctx->insn.zy.meta.category == ZYDIS_CATEGORY_DATAXFER ||
		      ctx->insn.zy.meta.category == ZYDIS_CATEGORY_LOGICAL_FP ||
		      ctx->insn.zy.meta.category == ZYDIS_CATEGORY_CONVERT;
		break;
	case ZYDIS_ISA_EXT_AVX:
	case ZYDIS_ISA_EXT_AVX2:
		avx = true;
		break;
	default:
		return false;
	}
	ctx->out->cause = FAULT_CAUSE_FPU;
	if (avx && !(cr4 & X86_CR4_OSXSAVE))
		fault_set(ctx->out, FAULT_UD, 0, "AVX instruction with CR4.OSXSAVE clear");
	else if (sse && cr0 & X86_CR0_EM)
		fault_set(ctx->out, FAULT_UD, 0, "SSE instruction with CR0.EM set");
	else if (sse && !(cr4 & X86_CR4_OSFXSR))
		fault_set(ctx->out, FAULT_UD, 0, "SSE instruction with CR4.OSFXSR clear");
	else if (x87 && cr0 & X86_CR0_EM)
		fault_set(ctx->out, FAULT_NM, 0, "x87 instruction with CR0.EM set");
	else if ((x87 || sse || avx) && cr0 & X86_CR0_TS)
		fault_set(ctx->out, FAULT_NM, 0, "floating-point instruction with CR0.TS set");
	else
		ctx->out->cause = FAULT_CAUSE_OTHER;
	return ctx->out->found;
}

static bool fault_mov(struct fault_ctx *ctx)
{
	const ZydisDecodedOperand *op = ctx->insn.op;
	uint64_t val;

	if (op[0].type != ZYDIS_OPERAND_TYPE_REGISTER || !fault_value(ctx, &op[1], &val))
		return false;
	if (ZydisRegisterGetClass(op[0].reg.value) == ZYDIS_REGCLASS_SEGMENT)
		return fault_data_selector(ctx, ZydisRegisterGetId(op[0].reg.value), (uint16_t)val);
	if (op[0].reg.value == ZYDIS_REGISTER_CR0 && val & X86_CR0_PG) {
		if (!(val & X86_CR0_PE))
			fault_set(ctx->out, FAULT_GP, 0, "CR0.PG set without CR0.PE");
		else if (ctx->st->efer & X86_EFER_LME && !(ctx->st->cr4 & X86_CR4_PAE))
			fault_set(ctx->out, FAULT_GP, 0,
				  "CR0.PG set with EFER.LME but without CR4.PAE");
	} else if (op[0].reg.value == ZYDIS_REGISTER_CR4 && ctx->st->efer & X86_EFER_LMA &&
		   !(val & X86_CR4_PAE)) {
		fault_set(ctx->out, FAULT_GP, 0, "CR4.PAE cleared in long mode");
	}
	return ctx->out->found;
}

static bool fault_task_register(struct fault_ctx *ctx)
{
	struct tables_desc desc;
	uint64_t val;
	char what[128];

	if (!fault_value(ctx, &ctx->insn.op[0], &val))
		return false;
	tables_desc(ctx->view, ctx->st, (uint16_t)val, &desc);
	if (desc.wrong[0] && (desc.null || !desc.in_limit))
		return fault_selector_error(ctx, FAULT_GP, (uint16_t)val, desc.wrong);
	snprintf(what, sizeof(what), "TR loaded with %04x, which is %s", (uint16_t)val, desc.text);
	if (!desc.system || (desc.type != 9 && desc.type != 1))
		return fault_selector_error(ctx, FAULT_GP, (uint16_t)val, what);
	return !desc.present && fault_selector_error(ctx, FAULT_NP, (uint16_t)val, what);
}

/* Instructions that fault in ways of their own, before or instead of their operands. */
static bool fault_special(struct fault_ctx *ctx)
{
	const ZydisDecodedInstruction *zy = &ctx->insn.zy;

	if (zy->attributes & ZYDIS_ATTRIB_IS_PRIVILEGED && x86_state_cpl(ctx->st)) {
		fault_set(ctx->out, FAULT_GP, 0, "privileged instruction in ring %u",
			  x86_state_cpl(ctx->st));
		return true;
	}
	switch (zy->mnemonic) {
	case ZYDIS_MNEMONIC_INT:
		return fault_software(ctx, (uint8_t)ctx->insn.op[0].imm.value.u);
	case ZYDIS_MNEMONIC_INT3:
		return fault_software(ctx, FAULT_BP);
	case ZYDIS_MNEMONIC_INT1:
		return fault_software(ctx, FAULT_DB);
	case ZYDIS_MNEMONIC_UD0:
	case ZYDIS_MNEMONIC_UD1:
	case ZYDIS_MNEMONIC_UD2:
		fault_set(ctx->out, FAULT_UD, 0, "ud instruction: a deliberate crash");
		return true;
	case ZYDIS_MNEMONIC_IRET:
	case ZYDIS_MNEMONIC_IRETD:
	case ZYDIS_MNEMONIC_IRETQ:
		return fault_iret(ctx);
	case ZYDIS_MNEMONIC_SYSCALL:
		if (ctx->st->efer & X86_EFER_SCE)
			return false;
		fault_set(ctx->out, FAULT_UD, 0, "SYSCALL with EFER.SCE clear");
		return true;
	default:
		return fault_fpu(ctx);
	}
}

/* After the operands were found accessible: what their values cause. */
static bool fault_values(struct fault_ctx *ctx)
{
	const ZydisDecodedOperand *op = ctx->insn.op;

	switch (ctx->insn.zy.mnemonic) {
	case ZYDIS_MNEMONIC_DIV:
	case ZYDIS_MNEMONIC_IDIV:
		return fault_divide(ctx);
	case ZYDIS_MNEMONIC_MOV:
		return fault_mov(ctx);
	case ZYDIS_MNEMONIC_LTR:
		return fault_task_register(ctx);
	case ZYDIS_MNEMONIC_JMP:
	case ZYDIS_MNEMONIC_CALL:
		return op[0].type == ZYDIS_OPERAND_TYPE_POINTER && ctx->st->cr0 & X86_CR0_PE &&
		       fault_code_selector(ctx, op[0].ptr.segment, false);
	default:
		return false;
	}
}

static void fault_execute(const struct vm_view *view, const struct x86_state *st,
			  const uint8_t *bytes, size_t len, struct fault *out)
{
	struct fault_ctx ctx = { .view = view, .st = st, .out = out };

	ctx.bits = x86_mode_bits(x86_state_mode(st));
	if (!insn_decode(bytes, len, st->rip, ctx.bits, &ctx.insn)) {
		fault_set(out, FAULT_UD, 0, "%02x %02x ... is no instruction", bytes[0],
			  len > 1 ? bytes[1] : 0);
		return;
	}
	if (fault_special(&ctx) || fault_operands(&ctx) || fault_values(&ctx))
		return;
	out->is_stack = false;
}

#else

static void fault_execute(const struct vm_view *view, const struct x86_state *st,
			  const uint8_t *bytes, size_t len, struct fault *out)
{
	(void)view;
	(void)st;
	(void)bytes;
	(void)len;
	(void)out;
}

#endif

void fault_at(const struct vm_view *view, const struct x86_state *st, struct fault *out)
{
	uint64_t rip = x86_state_linear_rip(st);
	uint8_t bytes[15];
	size_t len;

	memset(out, 0, sizeof(*out));
	if (fault_touch(view, st, rip, MMU_ACCESS_FETCH, out))
		return;
	len = view_read_va_as(view, st, rip, bytes, sizeof(bytes));
	if (!len) {
		fault_set(out, FAULT_UD, 0, "rip points outside RAM");
		return;
	}
	fault_execute(view, st, bytes, len, out);
	/* Cut off by the end of the page: then the next page is what is missing. */
	if (out->found && out->vector == FAULT_UD && len < sizeof(bytes)) {
		struct fault fetch = { 0 };

		if (fault_touch(view, st, rip + len, MMU_ACCESS_FETCH, &fetch))
			*out = fetch;
	}
}
