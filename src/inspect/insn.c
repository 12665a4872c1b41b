/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Instruction decoding in the guest's mode. */
#include "inspect/insn.h"

#include <string.h>

#ifdef HAVE_ZYDIS

/* 16 bits: the protected mode's set, which holds all that real mode has. */
static void insn_decoder_init(ZydisDecoder *dec, unsigned int bits)
{
	if (bits == 64)
		ZydisDecoderInit(dec, ZYDIS_MACHINE_MODE_LONG_64, ZYDIS_STACK_WIDTH_64);
	else if (bits == 32)
		ZydisDecoderInit(dec, ZYDIS_MACHINE_MODE_LEGACY_32, ZYDIS_STACK_WIDTH_32);
	else
		ZydisDecoderInit(dec, ZYDIS_MACHINE_MODE_LEGACY_16, ZYDIS_STACK_WIDTH_16);
}

bool insn_decode(const uint8_t *bytes, size_t len, uint64_t addr, unsigned int bits,
		 struct insn *out)
{
	ZydisDecoder dec;

	insn_decoder_init(&dec, bits);
	out->addr = addr;
	return ZYAN_SUCCESS(ZydisDecoderDecodeFull(&dec, bytes, len, &out->zy, out->op));
}

/* --- what it touches --- */

/* Zydis numbers the byte registers al cl dl bl ah ch dh bh spl bpl sil dil r8b ... */
static uint64_t insn_reg8(const struct x86_state *st, unsigned int id)
{
	if (id < 4)
		return st->gpr[id] & 0xff;
	if (id < 8)
		return st->gpr[id - 4] >> 8 & 0xff;
	return id - 4 < X86_NR_GPR ? st->gpr[id - 4] & 0xff : 0;
}

static uint64_t insn_reg(const struct x86_state *st, ZydisRegister reg)
{
	ZydisRegisterClass class = ZydisRegisterGetClass(reg);
	ZyanI8 id = ZydisRegisterGetId(reg);

	if (id < 0)
		return 0;
	if (class == ZYDIS_REGCLASS_GPR8)
		return insn_reg8(st, (unsigned int)id);
	if (id >= X86_NR_GPR)
		return 0;
	if (class == ZYDIS_REGCLASS_GPR64)
		return st->gpr[id];
	if (class == ZYDIS_REGCLASS_GPR32)
		return (uint32_t)st->gpr[id];
	return class == ZYDIS_REGCLASS_GPR16 ? (uint16_t)st->gpr[id] : 0;
}

/* BT and its kin reach beyond their operand with a bit number from a register. */
static int64_t insn_bit_offset(const struct insn *insn, const struct x86_state *st,
			       const ZydisDecodedOperand *op)
{
	unsigned int width = op->size;
	int64_t bit;

	switch (insn->zy.mnemonic) {
	case ZYDIS_MNEMONIC_BT:
	case ZYDIS_MNEMONIC_BTC:
	case ZYDIS_MNEMONIC_BTR:
	case ZYDIS_MNEMONIC_BTS:
		break;
	default:
		return 0;
	}
	if (insn->op[1].type != ZYDIS_OPERAND_TYPE_REGISTER || width < 16)
		return 0;
	bit = (int64_t)(insn_reg(st, insn->op[1].reg.value) << (64 - width)) >> (64 - width);
	return (bit >> (width == 16 ? 4 : width == 32 ? 5 : 6)) * (int64_t)(width / 8);
}

static uint64_t insn_offset(const struct insn *insn, const struct x86_state *st,
			    const ZydisDecodedOperand *op)
{
	uint64_t off = op->mem.disp.has_displacement ? (uint64_t)op->mem.disp.value : 0;

	if (op->mem.base == ZYDIS_REGISTER_RIP || op->mem.base == ZYDIS_REGISTER_EIP)
		off += st->rip + insn->zy.length;
	else if (op->mem.base != ZYDIS_REGISTER_NONE)
		off += insn_reg(st, op->mem.base);
	if (op->mem.index != ZYDIS_REGISTER_NONE)
		off += insn_reg(st, op->mem.index) * op->mem.scale;
	off += (uint64_t)insn_bit_offset(insn, st, op);
	if (insn->zy.address_width == 32)
		return off & 0xffffffff;
	return insn->zy.address_width == 16 ? off & 0xffff : off;
}

/* Pushes write below the stack pointer that the operand names. */
static bool insn_is_push(const struct insn *insn)
{
	return insn->zy.meta.category == ZYDIS_CATEGORY_PUSH ||
	       insn->zy.meta.category == ZYDIS_CATEGORY_CALL ||
	       insn->zy.mnemonic == ZYDIS_MNEMONIC_ENTER;
}

static uint64_t insn_linear(const struct insn *insn, const struct x86_state *st,
			    const ZydisDecodedOperand *op)
{
	uint64_t off = insn_offset(insn, st, op);
	ZyanI8 seg = ZydisRegisterGetId(op->mem.segment);
	bool long_mode = insn->zy.machine_mode == ZYDIS_MACHINE_MODE_LONG_64;

	if (op->visibility == ZYDIS_OPERAND_VISIBILITY_HIDDEN && insn_is_push(insn) &&
	    op->actions & ZYDIS_OPERAND_ACTION_MASK_WRITE)
		off -= op->size / 8;
	if (seg < 0 || seg > X86_GS)
		seg = X86_DS;
	if (long_mode)
		return off + (seg == X86_FS || seg == X86_GS ? st->seg[seg].base : 0);
	return (uint32_t)(off + st->seg[seg].base);
}

uint64_t insn_address(const struct insn *insn, const struct x86_state *st,
		      const ZydisDecodedOperand *op)
{
	return insn_linear(insn, st, op);
}

static bool insn_control(const struct x86_state *st, ZydisRegister reg, uint64_t *out)
{
	switch (reg) {
	case ZYDIS_REGISTER_CR0:
		*out = st->cr0;
		return true;
	case ZYDIS_REGISTER_CR2:
		*out = st->cr2;
		return true;
	case ZYDIS_REGISTER_CR3:
		*out = st->cr3;
		return true;
	case ZYDIS_REGISTER_CR4:
		*out = st->cr4;
		return true;
	case ZYDIS_REGISTER_CR8:
		*out = st->cr8;
		return true;
	default:
		return false;
	}
}

bool insn_register(const struct x86_state *st, ZydisRegister reg, uint64_t *out)
{
	ZyanI8 id = ZydisRegisterGetId(reg);

	switch (ZydisRegisterGetClass(reg)) {
	case ZYDIS_REGCLASS_GPR8:
	case ZYDIS_REGCLASS_GPR16:
	case ZYDIS_REGCLASS_GPR32:
	case ZYDIS_REGCLASS_GPR64:
		*out = insn_reg(st, reg);
		return true;
	case ZYDIS_REGCLASS_SEGMENT:
		if (id < 0 || id > X86_GS)
			return false;
		*out = st->seg[id].sel;
		return true;
	case ZYDIS_REGCLASS_CONTROL:
		return insn_control(st, reg, out);
	default:
		return false;
	}
}

static void insn_add_touch(const struct insn *insn, const struct x86_state *st,
			   const ZydisDecodedOperand *op, struct insn_touch *out)
{
	struct insn_access *acc = &out->acc[out->nr];

	if (op->type != ZYDIS_OPERAND_TYPE_MEMORY || op->mem.type == ZYDIS_MEMOP_TYPE_AGEN)
		return;
	if (op->mem.type != ZYDIS_MEMOP_TYPE_MEM || op->size < 8 || out->nr == INSN_MAX_ACCESSES) {
		out->vague = true;
		return;
	}
	acc->gva = insn_linear(insn, st, op);
	acc->len = op->size / 8;
	acc->read = op->actions & ZYDIS_OPERAND_ACTION_MASK_READ;
	acc->write = op->actions & ZYDIS_OPERAND_ACTION_MASK_WRITE;
	out->nr += acc->read || acc->write;
}

/* REP with a count of zero, prefetches and long NOPs touch nothing. */
static bool insn_touches_nothing(const struct insn *insn, const struct x86_state *st)
{
	uint64_t count = st->gpr[X86_RCX];

	if (insn->zy.attributes &
	    (ZYDIS_ATTRIB_HAS_REP | ZYDIS_ATTRIB_HAS_REPE | ZYDIS_ATTRIB_HAS_REPNE)) {
		if (insn->zy.address_width < 64)
			count &= (1ull << insn->zy.address_width) - 1;
		return !count;
	}
	return insn->zy.meta.category == ZYDIS_CATEGORY_PREFETCH ||
	       insn->zy.meta.category == ZYDIS_CATEGORY_WIDENOP ||
	       insn->zy.meta.category == ZYDIS_CATEGORY_NOP ||
	       insn->zy.mnemonic == ZYDIS_MNEMONIC_INVLPG;
}

static bool insn_is_vague(const struct insn *insn)
{
	switch (insn->zy.meta.category) {
	case ZYDIS_CATEGORY_XSAVE:
	case ZYDIS_CATEGORY_XSAVEOPT:
	case ZYDIS_CATEGORY_INTERRUPT:
	case ZYDIS_CATEGORY_GATHER:
	case ZYDIS_CATEGORY_SCATTER:
		return true;
	default:
		return insn->zy.mnemonic == ZYDIS_MNEMONIC_ENTER ||
		       insn->zy.meta.branch_type == ZYDIS_BRANCH_TYPE_FAR;
	}
}

void insn_touches(const struct x86_state *st, const uint8_t *bytes, size_t len,
		  struct insn_touch *out)
{
	struct insn insn;
	unsigned int i;

	memset(out, 0, sizeof(*out));
	if (!insn_decode(bytes, len, st->rip, x86_mode_bits(x86_state_mode(st)), &insn)) {
		out->vague = true;
		return;
	}
	out->len = insn.zy.length;
	if (insn_touches_nothing(&insn, st))
		return;
	out->vague = insn_is_vague(&insn);
	for (i = 0; i < insn.zy.operand_count; i++)
		insn_add_touch(&insn, st, &insn.op[i], out);
}

#else

void insn_touches(const struct x86_state *st, const uint8_t *bytes, size_t len,
		  struct insn_touch *out)
{
	(void)st;
	(void)bytes;
	(void)len;
	memset(out, 0, sizeof(*out));
	out->vague = true;
}

#endif
