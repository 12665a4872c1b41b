/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The one table of registers, and what can be said about a vCPU from its
 * registers alone: mode, privilege, bits in words, the register dump.
 */
#include "inspect/regs.h"

#include <string.h>

enum x86_mode x86_state_mode(const struct x86_state *st)
{
	uint32_t cs = st->seg[X86_CS].attr;

	if (!(st->cr0 & X86_CR0_PE))
		return X86_MODE_REAL;
	if (st->rflags & X86_RFLAGS_VM && !(st->efer & X86_EFER_LMA))
		return X86_MODE_V86;
	if (!(st->efer & X86_EFER_LMA))
		return cs & X86_SEG_DB ? X86_MODE_PROT32 : X86_MODE_PROT16;
	if (cs & X86_SEG_L)
		return X86_MODE_LONG64;
	return cs & X86_SEG_DB ? X86_MODE_COMPAT32 : X86_MODE_COMPAT16;
}

const char *x86_mode_name(enum x86_mode mode)
{
	static const char *const name[] = {
		[X86_MODE_REAL] = "real",	  [X86_MODE_V86] = "v8086",
		[X86_MODE_PROT16] = "prot16",	  [X86_MODE_PROT32] = "prot32",
		[X86_MODE_COMPAT16] = "compat16", [X86_MODE_COMPAT32] = "compat32",
		[X86_MODE_LONG64] = "long64",
	};

	if ((unsigned int)mode >= sizeof(name) / sizeof(name[0]))
		return "unknown";
	return name[mode];
}

unsigned int x86_mode_bits(enum x86_mode mode)
{
	switch (mode) {
	case X86_MODE_LONG64:
		return 64;
	case X86_MODE_PROT32:
	case X86_MODE_COMPAT32:
		return 32;
	default:
		return 16;
	}
}

unsigned int x86_state_cpl(const struct x86_state *st)
{
	switch (x86_state_mode(st)) {
	case X86_MODE_REAL:
		return 0;
	case X86_MODE_V86:
		return 3;
	default:
		/* SS.DPL is the CPL in every protected mode (SDM 3C 24.4.1), also under SYSRET. */
		return X86_SEG_DPL(st->seg[X86_SS].attr);
	}
}

static uint64_t regs_linear(const struct x86_state *st, enum x86_segname seg, uint64_t off)
{
	if (x86_state_mode(st) == X86_MODE_LONG64)
		return off;
	return (uint32_t)(st->seg[seg].base + off);
}

uint64_t x86_state_linear_rip(const struct x86_state *st)
{
	return regs_linear(st, X86_CS, st->rip);
}

uint64_t x86_state_linear_rsp(const struct x86_state *st)
{
	uint64_t rsp = st->gpr[X86_RSP];

	if (x86_state_mode(st) != X86_MODE_LONG64)
		rsp &= st->seg[X86_SS].attr & X86_SEG_DB ? 0xffffffffu : 0xffffu;
	return regs_linear(st, X86_SS, rsp);
}

/*
 * The argument of a plain row: where the field lies in the state, its size, and
 * the size of the register. A field may be narrower than its register (gdb has
 * 32-bit selectors): it is then extended with zeroes, and a value that does not
 * fit is refused. Host and guest are both little-endian.
 */
#define REG_ARG(off, field, reg) ((unsigned int)((off) | (field) << 16 | (reg) << 24))
#define REG_ARG_OFF(arg)	 ((arg)&0xffff)
#define REG_ARG_FIELD(arg)	 ((arg) >> 16 & 0xff)
#define REG_ARG_REG(arg)	 ((arg) >> 24)

_Static_assert(sizeof(struct x86_state) <= 0x10000, "field offsets take 16 bits");

static void regs_read_plain(const struct x86_state *st, unsigned int arg, void *out)
{
	memset(out, 0, REG_ARG_REG(arg));
	memcpy(out, (const uint8_t *)st + REG_ARG_OFF(arg), REG_ARG_FIELD(arg));
}

static bool regs_write_plain(struct x86_state *st, unsigned int arg, const void *in)
{
	const uint8_t *byte = in;
	unsigned int i;

	for (i = REG_ARG_FIELD(arg); i < REG_ARG_REG(arg); i++) {
		if (byte[i])
			return false;
	}
	memcpy((uint8_t *)st + REG_ARG_OFF(arg), in, REG_ARG_FIELD(arg));
	return true;
}

#define REGS_EFLAGS_WRITABLE 0x3f7fd5u

static void regs_read_eflags(const struct x86_state *st, unsigned int arg, void *out)
{
	uint32_t val = (uint32_t)st->rflags;

	(void)arg;
	memcpy(out, &val, sizeof(val));
}

/* Reserved bits never reach the CPU: entering a guest with one set fails. */
static bool regs_write_eflags(struct x86_state *st, unsigned int arg, const void *in)
{
	uint32_t val;

	(void)arg;
	memcpy(&val, in, sizeof(val));
	st->rflags = (val & REGS_EFLAGS_WRITABLE) | 2;
	return true;
}

static void regs_read_sel(const struct x86_state *st, unsigned int seg, void *out)
{
	uint32_t val = st->seg[seg].sel;

	memcpy(out, &val, sizeof(val));
}

/*
 * In real mode a new selector moves the segment. In protected mode the hidden
 * part stays: loading it takes memory, and who wants it writes base, limit and
 * attributes, which have rows of their own.
 */
static bool regs_write_sel(struct x86_state *st, unsigned int seg, const void *in)
{
	enum x86_mode mode = x86_state_mode(st);
	uint32_t val;

	memcpy(&val, in, sizeof(val));
	if (val > 0xffff)
		return false;
	if (val == st->seg[seg].sel)
		return true;
	st->seg[seg].sel = (uint16_t)val;
	if (mode == X86_MODE_REAL || mode == X86_MODE_V86)
		st->seg[seg].base = (uint64_t)val << 4;
	return true;
}

/* Two bits per physical register: 0 valid, 1 zero, 2 special, 3 empty (SDM 1 8.1.7). */
static unsigned int regs_x87_tag(const struct x86_fpu *fpu, unsigned int phys)
{
	unsigned int top = fpu->fsw >> 11 & 7;
	const uint8_t *st = fpu->st[(phys - top) & 7];
	uint64_t mant;
	uint16_t exp;

	if (!(fpu->ftw >> phys & 1))
		return 3;
	memcpy(&mant, st, sizeof(mant));
	memcpy(&exp, st + 8, sizeof(exp));
	exp &= 0x7fff;
	if (!exp && !mant)
		return 1;
	return exp == 0 || exp == 0x7fff || !(mant >> 63) ? 2 : 0;
}

static void regs_read_ftag(const struct x86_state *st, unsigned int arg, void *out)
{
	uint32_t val = 0;
	unsigned int i;

	(void)arg;
	for (i = 0; i < 8; i++)
		val |= regs_x87_tag(&st->fpu, i) << (2 * i);
	memcpy(out, &val, sizeof(val));
}

static bool regs_write_ftag(struct x86_state *st, unsigned int arg, const void *in)
{
	uint8_t ftw = 0;
	unsigned int i;
	uint32_t val;

	(void)arg;
	memcpy(&val, in, sizeof(val));
	if (val > 0xffff)
		return false;
	for (i = 0; i < 8; i++) {
		if ((val >> (2 * i) & 3) != 3)
			ftw |= (uint8_t)(1u << i);
	}
	st->fpu.ftw = ftw;
	return true;
}

static bool regs_write_mxcsr(struct x86_state *st, unsigned int arg, const void *in)
{
	uint32_t val;

	memcpy(&val, in, sizeof(val));
	if (val > 0xffff) /* a reserved bit would be #GP in the guest's own LDMXCSR */
		return false;
	return regs_write_plain(st, arg, in);
}

#define REG_SIZE(field) sizeof(((struct x86_state *)NULL)->field)
#define REG_ROW(nam, bits, grp, type, rd, wr, argument)                                           \
	{                                                                                         \
		.name = (nam), .width = (bits), .group = (grp), .gdb_type = (type), .read = (rd), \
		.write = (wr), .arg = (argument)                                                  \
	}
#define REG_PLAIN(nam, bits, grp, type, field)                           \
	REG_ROW(nam, bits, grp, type, regs_read_plain, regs_write_plain, \
		REG_ARG(offsetof(struct x86_state, field), REG_SIZE(field), (bits) / 8))
/* Part LEN at OFF within FIELD. */
#define REG_PART(nam, bits, grp, type, field, off, len)                  \
	REG_ROW(nam, bits, grp, type, regs_read_plain, regs_write_plain, \
		REG_ARG(offsetof(struct x86_state, field) + (off), (len), (bits) / 8))
#define REG_GPR(nam, type, index) REG_PLAIN(nam, 64, REG_GROUP_GENERAL, type, gpr[index])
#define REG_SEL(nam, index) \
	REG_ROW(nam, 32, REG_GROUP_GENERAL, "int32", regs_read_sel, regs_write_sel, index)
#define REG_ST(index)		     REG_PART("st" #index, 80, REG_GROUP_FPU, "i387_ext", fpu.st[index], 0, 10)
#define REG_X87(nam, field)	     REG_PLAIN(nam, 32, REG_GROUP_FPU, "int32", field)
#define REG_X87_PTR(nam, field, off) REG_PART(nam, 32, REG_GROUP_FPU, "int32", field, off, 4)
#define REG_XMM(index)		     REG_PLAIN("xmm" #index, 128, REG_GROUP_SSE, "vec128", fpu.xmm[index])
#define REG_YMMH(index)		     REG_PLAIN("ymm" #index "h", 128, REG_GROUP_AVX, "uint128", fpu.ymmh[index])
#define REG_ZMM_LOW(index) \
	REG_PLAIN("zmm" #index "h", 256, REG_GROUP_AVX512, "v2ui128", avx512.zmmh[index])
#define REG_ZMM_PART(nam, bits, type, index, off) \
	REG_PART(nam, bits, REG_GROUP_AVX512, type, avx512.zmm16[(index)-16], off, (bits) / 8)
#define REG_ZMM_HIGH(index)                                                \
	REG_ZMM_PART("xmm" #index, 128, "vec128", index, 0),               \
		REG_ZMM_PART("ymm" #index "h", 128, "uint128", index, 16), \
		REG_ZMM_PART("zmm" #index "h", 256, "v2ui128", index, 32)
#define REG_MASK(index)			REG_PLAIN("k" #index, 64, REG_GROUP_AVX512, "uint64", avx512.k[index])
#define REG_SYS(nam, bits, type, field) REG_PLAIN(nam, bits, REG_GROUP_SYSTEM, type, field)
#define REG_SEG_REST(nam, index)                               \
	REG_SYS(nam "_limit", 32, "uint32", seg[index].limit), \
		REG_SYS(nam "_attr", 32, "x86_segattr", seg[index].attr)
#define REG_SEG_HIDDEN(nam, index) \
	REG_SYS(nam "_base", 64, "data_ptr", seg[index].base), REG_SEG_REST(nam, index)
#define REG_MSR(nam, type, slot) REG_SYS(nam, 64, type, msr[slot])

const struct reg_desc reg_table[] = {
	REG_GPR("rax", "int64", X86_RAX),
	REG_GPR("rbx", "int64", X86_RBX),
	REG_GPR("rcx", "int64", X86_RCX),
	REG_GPR("rdx", "int64", X86_RDX),
	REG_GPR("rsi", "int64", X86_RSI),
	REG_GPR("rdi", "int64", X86_RDI),
	REG_GPR("rbp", "data_ptr", X86_RBP),
	REG_GPR("rsp", "data_ptr", X86_RSP),
	REG_GPR("r8", "int64", X86_R8),
	REG_GPR("r9", "int64", X86_R9),
	REG_GPR("r10", "int64", X86_R10),
	REG_GPR("r11", "int64", X86_R11),
	REG_GPR("r12", "int64", X86_R12),
	REG_GPR("r13", "int64", X86_R13),
	REG_GPR("r14", "int64", X86_R14),
	REG_GPR("r15", "int64", X86_R15),
	REG_PLAIN("rip", 64, REG_GROUP_GENERAL, "code_ptr", rip),
	REG_ROW("eflags", 32, REG_GROUP_GENERAL, "i386_eflags", regs_read_eflags, regs_write_eflags,
		0),
	REG_SEL("cs", X86_CS),
	REG_SEL("ss", X86_SS),
	REG_SEL("ds", X86_DS),
	REG_SEL("es", X86_ES),
	REG_SEL("fs", X86_FS),
	REG_SEL("gs", X86_GS),
	REG_ST(0),
	REG_ST(1),
	REG_ST(2),
	REG_ST(3),
	REG_ST(4),
	REG_ST(5),
	REG_ST(6),
	REG_ST(7),
	REG_X87("fctrl", fpu.fcw),
	REG_X87("fstat", fpu.fsw),
	REG_ROW("ftag", 32, REG_GROUP_FPU, "int32", regs_read_ftag, regs_write_ftag, 0),
	REG_X87_PTR("fiseg", fpu.fip, 4),
	REG_X87_PTR("fioff", fpu.fip, 0),
	REG_X87_PTR("foseg", fpu.fdp, 4),
	REG_X87_PTR("fooff", fpu.fdp, 0),
	REG_X87("fop", fpu.fop),
	REG_XMM(0),
	REG_XMM(1),
	REG_XMM(2),
	REG_XMM(3),
	REG_XMM(4),
	REG_XMM(5),
	REG_XMM(6),
	REG_XMM(7),
	REG_XMM(8),
	REG_XMM(9),
	REG_XMM(10),
	REG_XMM(11),
	REG_XMM(12),
	REG_XMM(13),
	REG_XMM(14),
	REG_XMM(15),
	REG_ROW("mxcsr", 32, REG_GROUP_SSE, "i386_mxcsr", regs_read_plain, regs_write_mxcsr,
		REG_ARG(offsetof(struct x86_state, fpu.mxcsr), 4, 4)),
	REG_PLAIN("fs_base", 64, REG_GROUP_SEGBASE, "int64", seg[X86_FS].base),
	REG_PLAIN("gs_base", 64, REG_GROUP_SEGBASE, "int64", seg[X86_GS].base),
	REG_YMMH(0),
	REG_YMMH(1),
	REG_YMMH(2),
	REG_YMMH(3),
	REG_YMMH(4),
	REG_YMMH(5),
	REG_YMMH(6),
	REG_YMMH(7),
	REG_YMMH(8),
	REG_YMMH(9),
	REG_YMMH(10),
	REG_YMMH(11),
	REG_YMMH(12),
	REG_YMMH(13),
	REG_YMMH(14),
	REG_YMMH(15),
	REG_MSR("k_gs_base", "int64", X86_MSR_KERNEL_GS_BASE),
	REG_SYS("cr0", 64, "x86_cr0", cr0),
	REG_SYS("cr2", 64, "int64", cr2),
	REG_SYS("cr3", 64, "x86_cr3", cr3),
	REG_SYS("cr4", 64, "x86_cr4", cr4),
	REG_SYS("cr8", 64, "int64", cr8),
	REG_SYS("efer", 64, "x86_efer", efer),
	REG_SYS("xcr0", 64, "x86_xcr0", xcr0),
	REG_SEG_HIDDEN("es", X86_ES),
	REG_SEG_HIDDEN("cs", X86_CS),
	REG_SEG_HIDDEN("ss", X86_SS),
	REG_SEG_HIDDEN("ds", X86_DS),
	REG_SEG_REST("fs", X86_FS),
	REG_SEG_REST("gs", X86_GS),
	REG_SYS("ldtr", 16, "uint16", seg[X86_LDTR].sel),
	REG_SEG_HIDDEN("ldtr", X86_LDTR),
	REG_SYS("tr", 16, "uint16", seg[X86_TR].sel),
	REG_SEG_HIDDEN("tr", X86_TR),
	REG_SYS("gdtr_base", 64, "data_ptr", gdt.base),
	REG_SYS("gdtr_limit", 16, "uint16", gdt.limit),
	REG_SYS("idtr_base", 64, "data_ptr", idt.base),
	REG_SYS("idtr_limit", 16, "uint16", idt.limit),
	REG_SYS("dr0", 64, "data_ptr", dr[0]),
	REG_SYS("dr1", 64, "data_ptr", dr[1]),
	REG_SYS("dr2", 64, "data_ptr", dr[2]),
	REG_SYS("dr3", 64, "data_ptr", dr[3]),
	REG_SYS("dr6", 64, "x86_dr6", dr6),
	REG_SYS("dr7", 64, "x86_dr7", dr7),
	REG_SYS("apic_base", 64, "int64", apic_base),
	REG_MSR("star", "int64", X86_MSR_STAR),
	REG_MSR("lstar", "code_ptr", X86_MSR_LSTAR),
	REG_MSR("cstar", "code_ptr", X86_MSR_CSTAR),
	REG_MSR("sfmask", "int64", X86_MSR_SFMASK),
	REG_MSR("sysenter_cs", "int64", X86_MSR_SYSENTER_CS),
	REG_MSR("sysenter_esp", "data_ptr", X86_MSR_SYSENTER_ESP),
	REG_MSR("sysenter_eip", "code_ptr", X86_MSR_SYSENTER_EIP),
	REG_MSR("pat", "int64", X86_MSR_PAT),
	REG_MSR("tsc", "int64", X86_MSR_TSC),
	REG_MSR("tsc_aux", "int64", X86_MSR_TSC_AUX),
	REG_MSR("tsc_deadline", "int64", X86_MSR_TSC_DEADLINE),
	REG_MSR("misc_enable", "int64", X86_MSR_MISC_ENABLE),
	REG_MSR("mtrr_def_type", "int64", X86_MSR_MTRR_DEF_TYPE),
	REG_MSR("kvm_system_time", "int64", X86_MSR_KVM_SYSTEM_TIME),
	REG_MSR("kvm_wall_clock", "int64", X86_MSR_KVM_WALL_CLOCK),
	REG_MASK(0),
	REG_MASK(1),
	REG_MASK(2),
	REG_MASK(3),
	REG_MASK(4),
	REG_MASK(5),
	REG_MASK(6),
	REG_MASK(7),
	REG_ZMM_LOW(0),
	REG_ZMM_LOW(1),
	REG_ZMM_LOW(2),
	REG_ZMM_LOW(3),
	REG_ZMM_LOW(4),
	REG_ZMM_LOW(5),
	REG_ZMM_LOW(6),
	REG_ZMM_LOW(7),
	REG_ZMM_LOW(8),
	REG_ZMM_LOW(9),
	REG_ZMM_LOW(10),
	REG_ZMM_LOW(11),
	REG_ZMM_LOW(12),
	REG_ZMM_LOW(13),
	REG_ZMM_LOW(14),
	REG_ZMM_LOW(15),
	REG_ZMM_HIGH(16),
	REG_ZMM_HIGH(17),
	REG_ZMM_HIGH(18),
	REG_ZMM_HIGH(19),
	REG_ZMM_HIGH(20),
	REG_ZMM_HIGH(21),
	REG_ZMM_HIGH(22),
	REG_ZMM_HIGH(23),
	REG_ZMM_HIGH(24),
	REG_ZMM_HIGH(25),
	REG_ZMM_HIGH(26),
	REG_ZMM_HIGH(27),
	REG_ZMM_HIGH(28),
	REG_ZMM_HIGH(29),
	REG_ZMM_HIGH(30),
	REG_ZMM_HIGH(31),
	REG_PLAIN("pkru", 32, REG_GROUP_PKEYS, "uint32", pkru),
};

const unsigned int reg_table_len = sizeof(reg_table) / sizeof(reg_table[0]);

int reg_find(const char *name)
{
	unsigned int i;

	for (i = 0; i < reg_table_len; i++) {
		if (!strcmp(reg_table[i].name, name))
			return (int)i;
	}
	return -1;
}

uint64_t reg_value(const struct x86_state *st, unsigned int index)
{
	uint64_t val = 0;

	if (index >= reg_table_len || reg_table[index].width > 64)
		return 0;
	reg_table[index].read(st, reg_table[index].arg, &val);
	return val;
}

static const struct {
	uint32_t index;
	const char *name;
} regs_msr[X86_NR_MSR] = {
	[X86_MSR_STAR] = { 0xc0000081, "STAR" },
	[X86_MSR_LSTAR] = { 0xc0000082, "LSTAR" },
	[X86_MSR_CSTAR] = { 0xc0000083, "CSTAR" },
	[X86_MSR_SFMASK] = { 0xc0000084, "SFMASK" },
	[X86_MSR_KERNEL_GS_BASE] = { 0xc0000102, "KERNEL_GS_BASE" },
	[X86_MSR_SYSENTER_CS] = { 0x174, "SYSENTER_CS" },
	[X86_MSR_SYSENTER_ESP] = { 0x175, "SYSENTER_ESP" },
	[X86_MSR_SYSENTER_EIP] = { 0x176, "SYSENTER_EIP" },
	[X86_MSR_PAT] = { 0x277, "PAT" },
	[X86_MSR_TSC] = { 0x10, "TSC" },
	[X86_MSR_TSC_AUX] = { 0xc0000103, "TSC_AUX" },
	[X86_MSR_MISC_ENABLE] = { 0x1a0, "MISC_ENABLE" },
	[X86_MSR_MTRR_DEF_TYPE] = { 0x2ff, "MTRR_DEF_TYPE" },
	[X86_MSR_TSC_DEADLINE] = { 0x6e0, "TSC_DEADLINE" },
	[X86_MSR_KVM_SYSTEM_TIME] = { 0x4b564d01, "KVM_SYSTEM_TIME" },
	[X86_MSR_KVM_WALL_CLOCK] = { 0x4b564d00, "KVM_WALL_CLOCK" },
};

uint32_t regs_msr_index(enum x86_msr_slot slot)
{
	return (unsigned int)slot < X86_NR_MSR ? regs_msr[slot].index : 0;
}

const char *regs_msr_name(enum x86_msr_slot slot)
{
	return (unsigned int)slot < X86_NR_MSR ? regs_msr[slot].name : "unknown";
}

struct regs_bit {
	uint8_t bit;
	const char *name;
};

static void regs_bits_text(uint64_t val, const struct regs_bit *bit, size_t nr, struct buf *out)
{
	const char *sep = "";
	size_t i;

	for (i = 0; i < nr; i++) {
		if (!(val >> bit[i].bit & 1))
			continue;
		buf_printf(out, "%s%s", sep, bit[i].name);
		sep = " ";
	}
}

#define REGS_BITS_TEXT(val, table, out) \
	regs_bits_text(val, table, sizeof(table) / sizeof((table)[0]), out)

void regs_cr0_text(uint64_t val, struct buf *out)
{
	static const struct regs_bit bit[] = {
		{ 31, "PG" }, { 30, "CD" }, { 29, "NW" }, { 18, "AM" }, { 16, "WP" }, { 5, "NE" },
		{ 4, "ET" },  { 3, "TS" },  { 2, "EM" },  { 1, "MP" },	{ 0, "PE" },
	};

	REGS_BITS_TEXT(val, bit, out);
}

void regs_cr4_text(uint64_t val, struct buf *out)
{
	static const struct regs_bit bit[] = {
		{ 28, "LAM_SUP" }, { 25, "UINTR" },    { 24, "PKS" },	     { 23, "CET" },
		{ 22, "PKE" },	   { 21, "SMAP" },     { 20, "SMEP" },	     { 18, "OSXSAVE" },
		{ 17, "PCIDE" },   { 16, "FSGSBASE" }, { 14, "SMXE" },	     { 13, "VMXE" },
		{ 12, "LA57" },	   { 11, "UMIP" },     { 10, "OSXMMEXCPT" }, { 9, "OSFXSR" },
		{ 8, "PCE" },	   { 7, "PGE" },       { 6, "MCE" },	     { 5, "PAE" },
		{ 4, "PSE" },	   { 3, "DE" },	       { 2, "TSD" },	     { 1, "PVI" },
		{ 0, "VME" },
	};

	REGS_BITS_TEXT(val, bit, out);
}

void regs_efer_text(uint64_t val, struct buf *out)
{
	static const struct regs_bit bit[] = {
		{ 15, "TCE" }, { 14, "FFXSR" }, { 13, "LMSLE" }, { 12, "SVME" },
		{ 11, "NXE" }, { 10, "LMA" },	{ 8, "LME" },	 { 0, "SCE" },
	};

	REGS_BITS_TEXT(val, bit, out);
}

void regs_rflags_text(uint64_t val, struct buf *out)
{
	static const struct regs_bit high[] = {
		{ 21, "ID" }, { 20, "VIP" }, { 19, "VIF" }, { 18, "AC" },
		{ 17, "VM" }, { 16, "RF" },  { 14, "NT" },
	};
	static const struct regs_bit low[] = {
		{ 11, "OF" }, { 10, "DF" }, { 9, "IF" }, { 8, "TF" }, { 7, "SF" },
		{ 6, "ZF" },  { 4, "AF" },  { 2, "PF" }, { 0, "CF" },
	};
	unsigned int iopl = val >> 12 & 3;
	size_t start = out->len;

	REGS_BITS_TEXT(val, high, out);
	if (iopl)
		buf_printf(out, "%sIOPL=%u", out->len > start ? " " : "", iopl);
	if (out->len > start && val & 0xfd5)
		buf_addc(out, ' ');
	REGS_BITS_TEXT(val, low, out);
}

static void regs_dump_flags(const struct x86_state *st, struct buf *out)
{
	static const struct regs_bit bit[] = {
		{ 10, "D" }, { 11, "O" }, { 7, "S" }, { 6, "Z" },
		{ 4, "A" },  { 2, "P" },  { 0, "C" },
	};
	size_t i;

	buf_printf(out, "%08x [", (uint32_t)st->rflags);
	for (i = 0; i < sizeof(bit) / sizeof(bit[0]); i++)
		buf_puts(out, st->rflags >> bit[i].bit & 1 ? bit[i].name : "-");
	buf_printf(out, "] CPL=%u II=%u A20=1 SMM=0 HLT=%u\n", x86_state_cpl(st), st->irq_shadow,
		   st->mp_state == X86_MP_HALTED);
}

static void regs_dump_gpr(const struct x86_state *st, bool wide, struct buf *out)
{
	static const uint8_t order[X86_NR_GPR] = {
		X86_RAX, X86_RBX, X86_RCX, X86_RDX, X86_RSI, X86_RDI, X86_RBP, X86_RSP,
		X86_R8,	 X86_R9,  X86_R10, X86_R11, X86_R12, X86_R13, X86_R14, X86_R15,
	};
	static const char *const name[X86_NR_GPR] = {
		"AX", "BX", "CX", "DX", "SI", "DI", "BP", "SP",
		"8 ", "9 ", "10", "11", "12", "13", "14", "15",
	};
	unsigned int i;

	for (i = 0; i < (wide ? 16u : 8u); i++) {
		if (wide)
			buf_printf(out, "R%s=%016llx", name[i],
				   (unsigned long long)st->gpr[order[i]]);
		else
			buf_printf(out, "E%s=%08x", name[i], (uint32_t)st->gpr[order[i]]);
		buf_addc(out, i % 4 == 3 ? '\n' : ' ');
	}
	if (wide)
		buf_printf(out, "RIP=%016llx RFL=", (unsigned long long)st->rip);
	else
		buf_printf(out, "EIP=%08x EFL=", (uint32_t)st->rip);
	regs_dump_flags(st, out);
}

/* Descriptor types with S clear, SDM 3A table 3-2. */
static const char *regs_system_type(unsigned int type, bool lma)
{
	static const char *const legacy[16] = {
		"Reserved",   "TSS16-avl",  "LDT",	 "TSS16-busy", "CallGate16", "TaskGate",
		"IntGate16",  "TrapGate16", "Reserved",	 "TSS32-avl",  "Reserved",   "TSS32-busy",
		"CallGate32", "Reserved",   "IntGate32", "TrapGate32",
	};
	static const char *const wide[16] = {
		"<hiword>",   "Reserved", "LDT",       "Reserved",   "Reserved", "Reserved",
		"Reserved",   "Reserved", "Reserved",  "TSS64-avl",  "Reserved", "TSS64-busy",
		"CallGate64", "Reserved", "IntGate64", "TrapGate64",
	};

	return lma ? wide[type & 15] : legacy[type & 15];
}

static void regs_dump_segtype(uint32_t attr, bool lma, struct buf *out)
{
	unsigned int type = attr & 15;

	buf_printf(out, " DPL=%u ", X86_SEG_DPL(attr));
	if (!(attr & X86_SEG_S)) {
		buf_puts(out, regs_system_type(type, lma));
		return;
	}
	if (type & 8) {
		buf_puts(out, attr & X86_SEG_L ? "CS64" : attr & X86_SEG_DB ? "CS32" : "CS16");
		buf_printf(out, " [%c%c", type & 4 ? 'C' : '-', type & 2 ? 'R' : '-');
	} else {
		buf_puts(out, attr & X86_SEG_DB || lma ? "DS  " : "DS16");
		buf_printf(out, " [%c%c", type & 4 ? 'E' : '-', type & 2 ? 'W' : '-');
	}
	buf_printf(out, "%c]", type & 1 ? 'A' : '-');
}

static void regs_dump_seg(const struct x86_state *st, const char *name, enum x86_segname index,
			  bool wide, struct buf *out)
{
	const struct x86_seg *seg = &st->seg[index];

	buf_printf(out, "%-3s=%04x %0*llx %08x %08x", name, seg->sel, wide ? 16 : 8,
		   (unsigned long long)seg->base, seg->limit, (seg->attr & 0xf0ff) << 8);
	if (seg->attr & X86_SEG_P && !(seg->attr & X86_SEG_UNUSABLE))
		regs_dump_segtype(seg->attr, st->efer & X86_EFER_LMA, out);
	buf_addc(out, '\n');
}

static void regs_dump_system(const struct x86_state *st, bool wide, struct buf *out)
{
	int w = wide ? 16 : 8;

	buf_printf(out, "GDT=     %0*llx %08x\n", w, (unsigned long long)st->gdt.base,
		   st->gdt.limit);
	buf_printf(out, "IDT=     %0*llx %08x\n", w, (unsigned long long)st->idt.base,
		   st->idt.limit);
	buf_printf(out, "CR0=%08x CR2=%0*llx CR3=%0*llx CR4=%08x\n", (uint32_t)st->cr0, w,
		   (unsigned long long)st->cr2, w, (unsigned long long)st->cr3, (uint32_t)st->cr4);
	buf_printf(out, "DR0=%016llx DR1=%016llx DR2=%016llx DR3=%016llx\n",
		   (unsigned long long)st->dr[0], (unsigned long long)st->dr[1],
		   (unsigned long long)st->dr[2], (unsigned long long)st->dr[3]);
	buf_printf(out, "DR6=%016llx DR7=%016llx\n", (unsigned long long)st->dr6,
		   (unsigned long long)st->dr7);
	buf_printf(out, "EFER=%016llx\n", (unsigned long long)st->efer);
}

static void regs_dump_fpu(const struct x86_state *st, struct buf *out)
{
	const struct x86_fpu *fpu = &st->fpu;
	uint64_t half[2];
	unsigned int i;
	uint16_t exp;

	buf_printf(out, "FCW=%04x FSW=%04x [ST=%u] FTW=%02x MXCSR=%08x\n", fpu->fcw, fpu->fsw,
		   fpu->fsw >> 11 & 7, fpu->ftw, fpu->mxcsr);
	for (i = 0; i < 8; i++) {
		memcpy(half, fpu->st[i], 8);
		memcpy(&exp, fpu->st[i] + 8, 2);
		buf_printf(out, "FPR%u=%016llx %04x%c", i, (unsigned long long)half[0], exp,
			   i & 1 ? '\n' : ' ');
	}
	for (i = 0; i < 16; i++) {
		memcpy(half, fpu->xmm[i], sizeof(half));
		buf_printf(out, "XMM%02u=%016llx %016llx%c", i, (unsigned long long)half[1],
			   (unsigned long long)half[0], i & 1 ? '\n' : ' ');
	}
}

static void regs_dump_msr(const struct x86_state *st, struct buf *out)
{
	unsigned int i;

	for (i = 0; i < X86_NR_MSR; i++)
		buf_printf(out, "%s=%016llx%c", regs_msr[i].name, (unsigned long long)st->msr[i],
			   i % 2 ? '\n' : ' ');
}

void regs_dump(const struct x86_state *st, struct buf *out)
{
	static const struct {
		const char *name;
		enum x86_segname index;
	} seg[] = {
		{ "ES", X86_ES }, { "CS", X86_CS }, { "SS", X86_SS },	 { "DS", X86_DS },
		{ "FS", X86_FS }, { "GS", X86_GS }, { "LDT", X86_LDTR }, { "TR", X86_TR },
	};
	bool wide = x86_state_mode(st) == X86_MODE_LONG64;
	size_t i;

	regs_dump_gpr(st, wide, out);
	for (i = 0; i < sizeof(seg) / sizeof(seg[0]); i++)
		regs_dump_seg(st, seg[i].name, seg[i].index, wide, out);
	regs_dump_system(st, wide, out);
	regs_dump_fpu(st, out);
	regs_dump_msr(st, out);
}
