/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Instructions as text, in the mode the guest executes in, with symbols for
 * addresses and words for ports, MSRs and interrupt numbers. Zydis decodes; a
 * build without it shows bytes.
 */
#include "inspect/disasm.h"

#include <stdio.h>
#include <string.h>

#include "inspect/insn.h"

#define DISASM_INSN_MAX	  15u
#define DISASM_BACK_MAX	  32u /* instructions */
#define DISASM_BACK_BYTES (DISASM_BACK_MAX * DISASM_INSN_MAX)
#define DISASM_SYM_BYTES  4096u

const char *disasm_port_name(uint16_t port)
{
	static const struct {
		uint16_t first, last;
		const char *name;
	} range[] = {
		{ 0x00, 0x0f, "DMA1" },
		{ 0x20, 0x20, "PIC1 command" },
		{ 0x21, 0x21, "PIC1 data" },
		{ 0x40, 0x40, "PIT channel 0" },
		{ 0x41, 0x41, "PIT channel 1" },
		{ 0x42, 0x42, "PIT channel 2" },
		{ 0x43, 0x43, "PIT command" },
		{ 0x60, 0x60, "i8042 data" },
		{ 0x61, 0x61, "NMI and speaker" },
		{ 0x64, 0x64, "i8042 command" },
		{ 0x70, 0x70, "CMOS index" },
		{ 0x71, 0x71, "CMOS data" },
		{ 0x80, 0x80, "POST code" },
		{ 0x81, 0x8f, "DMA page" },
		{ 0x92, 0x92, "A20 and reset" },
		{ 0xa0, 0xa0, "PIC2 command" },
		{ 0xa1, 0xa1, "PIC2 data" },
		{ 0xc0, 0xdf, "DMA2" },
		{ 0xe9, 0xe9, "debug console" },
		{ 0xf4, 0xf4, "debug exit" },
		{ 0x170, 0x177, "ATA secondary" },
		{ 0x1f0, 0x1f7, "ATA primary" },
		{ 0x2e8, 0x2ef, "COM4" },
		{ 0x2f8, 0x2ff, "COM2" },
		{ 0x376, 0x376, "ATA secondary" },
		{ 0x378, 0x37a, "LPT1" },
		{ 0x3c0, 0x3c1, "VGA attribute" },
		{ 0x3c4, 0x3c5, "VGA sequencer" },
		{ 0x3c7, 0x3c9, "VGA palette" },
		{ 0x3ce, 0x3cf, "VGA graphics" },
		{ 0x3d4, 0x3d4, "CRTC index" },
		{ 0x3d5, 0x3d5, "CRTC data" },
		{ 0x3da, 0x3da, "VGA status" },
		{ 0x3e8, 0x3ef, "COM3" },
		{ 0x3f0, 0x3f5, "floppy" },
		{ 0x3f6, 0x3f6, "ATA primary" },
		{ 0x3f8, 0x3ff, "COM1" },
		{ 0x501, 0x501, "debug exit" },
		{ 0x510, 0x51b, "fw_cfg" },
		{ 0x600, 0x603, "ACPI PM" },
		{ 0xb2, 0xb3, "APM" },
		{ 0xcf8, 0xcf8, "PCI address" },
		{ 0xcf9, 0xcf9, "reset" },
		{ 0xcfc, 0xcff, "PCI data" },
	};
	size_t i;

	for (i = 0; i < sizeof(range) / sizeof(range[0]); i++) {
		if (port >= range[i].first && port <= range[i].last)
			return range[i].name;
	}
	return NULL;
}

const char *disasm_vector_name(unsigned int vector)
{
	static const char *const name[32] = {
		"#DE", "#DB", "NMI", "#BP", "#OF", "#BR", "#UD", "#NM", "#DF", NULL,  "#TS",
		"#NP", "#SS", "#GP", "#PF", NULL,  "#MF", "#AC", "#MC", "#XM", "#VE", "#CP",
	};

	return vector < 32 ? name[vector] : NULL;
}

const char *disasm_msr_name(uint32_t msr)
{
	static const struct {
		uint32_t msr;
		const char *name;
	} other[] = {
		{ 0x1b, "APIC_BASE" },
		{ 0xfe, "MTRRCAP" },
		{ 0x8b, "BIOS_SIGN_ID" },
		{ 0xc0000080, "EFER" },
		{ 0xc0000100, "FS_BASE" },
		{ 0xc0000101, "GS_BASE" },
		{ 0x48, "SPEC_CTRL" },
		{ 0x4b564d02, "KVM_ASYNC_PF" },
		{ 0x4b564d03, "KVM_STEAL_TIME" },
		{ 0x4b564d04, "KVM_PV_EOI" },
		{ 0x830, "x2APIC ICR" },
		{ 0x80b, "x2APIC EOI" },
	};
	unsigned int i;

	for (i = 0; i < X86_NR_MSR; i++) {
		if (regs_msr_index(i) == msr)
			return regs_msr_name(i);
	}
	for (i = 0; i < sizeof(other) / sizeof(other[0]); i++) {
		if (other[i].msr == msr)
			return other[i].name;
	}
	return msr >= 0x800 && msr <= 0x8ff ? "x2APIC" : NULL;
}

static void disasm_bytes_text(struct disasm_insn *out, const char *word)
{
	snprintf(out->text, sizeof(out->text), "%-7s0x%02x", word, out->bytes[0]);
}

#ifdef HAVE_ZYDIS

/* The way gdb and objdump write it: mnemonic padded, no space after a comma. */
static void disasm_layout(const char *from, char *to, size_t len)
{
	size_t at = 0;

	while (*from && *from != ' ' && at + 8 < len)
		to[at++] = *from++;
	if (*from == ' ') {
		do {
			to[at++] = ' ';
		} while (at < 7);
		from++;
	}
	for (; *from && at + 1 < len; from++) {
		if (*from == ' ' && from[-1] == ',')
			continue;
		to[at++] = *from;
	}
	to[at] = '\0';
}

/* Puts NAME in place of the number VAL in TEXT. */
static void disasm_substitute(char *text, size_t len, uint64_t val, const char *name)
{
	char number[24], rest[128];
	char *at;

	snprintf(number, sizeof(number), "0x%llx", (unsigned long long)val);
	at = strstr(text, number);
	if (!at)
		return;
	snprintf(rest, sizeof(rest), "%s", at + strlen(number));
	snprintf(at, len - (size_t)(at - text), "%s%s", name, rest);
}

/* Addresses become symbols in the text; a symbol's address as immediate becomes a comment. */
static void disasm_symbols(const struct insn *insn, const struct sym_table *tab, char *text,
			   size_t len, char *comment, size_t comment_len)
{
	char name[64];
	uint64_t addr;
	unsigned int i;

	for (i = 0; i < insn->zy.operand_count_visible; i++) {
		const ZydisDecodedOperand *op = &insn->op[i];

		if (ZYAN_SUCCESS(ZydisCalcAbsoluteAddress(&insn->zy, op, insn->addr, &addr))) {
			if (*sym_text(tab, addr, name, sizeof(name)))
				disasm_substitute(text, len, addr, name);
		} else if (op->type == ZYDIS_OPERAND_TYPE_IMMEDIATE && op->imm.value.u >= 0x1000 &&
			   *sym_text(tab, op->imm.value.u, name, sizeof(name))) {
			snprintf(comment, comment_len, "%s", name);
		}
	}
}

static void disasm_port_comment(uint16_t port, char *comment, size_t len)
{
	const char *name = disasm_port_name(port);

	if (name)
		snprintf(comment, len, "%s", name);
}

static void disasm_msr_comment(uint32_t msr, char *comment, size_t len)
{
	const char *name = disasm_msr_name(msr);

	if (name)
		snprintf(comment, len, "MSR %s", name);
}

static void disasm_int_comment(uint8_t vector, char *comment, size_t len)
{
	const char *name = disasm_vector_name(vector);

	if (name)
		snprintf(comment, len, "vector %u %s", vector, name);
	else
		snprintf(comment, len, "vector %u", vector);
}

/* What the instruction's own numbers mean. */
static void disasm_comment(const struct insn *insn, char *comment, size_t len)
{
	const ZydisDecodedOperand *op = insn->op;

	switch (insn->zy.mnemonic) {
	case ZYDIS_MNEMONIC_IN:
		if (op[1].type == ZYDIS_OPERAND_TYPE_IMMEDIATE)
			disasm_port_comment((uint16_t)op[1].imm.value.u, comment, len);
		break;
	case ZYDIS_MNEMONIC_OUT:
		if (op[0].type == ZYDIS_OPERAND_TYPE_IMMEDIATE)
			disasm_port_comment((uint16_t)op[0].imm.value.u, comment, len);
		break;
	case ZYDIS_MNEMONIC_INT:
		disasm_int_comment((uint8_t)op[0].imm.value.u, comment, len);
		break;
	case ZYDIS_MNEMONIC_MOV:
		if (op[0].type == ZYDIS_OPERAND_TYPE_REGISTER &&
		    op[0].reg.value == ZYDIS_REGISTER_ECX &&
		    op[1].type == ZYDIS_OPERAND_TYPE_IMMEDIATE &&
		    (uint32_t)op[1].imm.value.u >= 0xc0000080)
			disasm_msr_comment((uint32_t)op[1].imm.value.u, comment, len);
		else if (op[0].type == ZYDIS_OPERAND_TYPE_REGISTER &&
			 op[0].reg.value == ZYDIS_REGISTER_DX &&
			 op[1].type == ZYDIS_OPERAND_TYPE_IMMEDIATE)
			disasm_port_comment((uint16_t)op[1].imm.value.u, comment, len);
		break;
	default:
		break;
	}
}

static void disasm_format(const struct insn *insn, const struct sym_table *tab,
			  struct disasm_insn *out)
{
	ZydisFormatter fmt;
	char raw[96];

	ZydisFormatterInit(&fmt, ZYDIS_FORMATTER_STYLE_INTEL);
	ZydisFormatterSetProperty(&fmt, ZYDIS_FORMATTER_PROP_HEX_UPPERCASE, ZYAN_FALSE);
	ZydisFormatterSetProperty(&fmt, ZYDIS_FORMATTER_PROP_ADDR_PADDING_ABSOLUTE,
				  ZYDIS_PADDING_DISABLED);
	if (!ZYAN_SUCCESS(ZydisFormatterFormatInstruction(&fmt, &insn->zy, insn->op,
							  insn->zy.operand_count_visible, raw,
							  sizeof(raw), insn->addr, NULL))) {
		disasm_bytes_text(out, ".byte");
		return;
	}
	disasm_layout(raw, out->text, sizeof(out->text));
	disasm_comment(insn, out->comment, sizeof(out->comment));
	disasm_symbols(insn, tab, out->text, sizeof(out->text), out->comment, sizeof(out->comment));
}

bool disasm_one(const uint8_t *bytes, size_t len, uint64_t addr, unsigned int bits,
		const struct sym_table *tab, struct disasm_insn *out)
{
	struct insn insn;

	memset(out, 0, sizeof(*out));
	out->addr = addr;
	out->len = 1;
	if (!len)
		return false;
	out->bytes[0] = bytes[0];
	if (!insn_decode(bytes, len, addr, bits, &insn)) {
		disasm_bytes_text(out, "(bad)");
		return false;
	}
	out->len = insn.zy.length;
	memcpy(out->bytes, bytes, out->len);
	out->valid = true;
	out->is_call = insn.zy.meta.category == ZYDIS_CATEGORY_CALL;
	out->is_ret = insn.zy.meta.category == ZYDIS_CATEGORY_RET;
	out->is_branch = insn.zy.meta.category == ZYDIS_CATEGORY_COND_BR ||
			 insn.zy.meta.category == ZYDIS_CATEGORY_UNCOND_BR;
	disasm_format(&insn, tab, out);
	return true;
}

/* At the instruction about to execute the registers say what DX and ECX stand for. */
static void disasm_live_comment(const struct x86_state *st, const uint8_t *bytes,
				struct disasm_insn *out)
{
	struct insn insn;

	if (!out->valid || out->comment[0] ||
	    !insn_decode(bytes, out->len, out->addr, x86_mode_bits(x86_state_mode(st)), &insn))
		return;
	switch (insn.zy.mnemonic) {
	case ZYDIS_MNEMONIC_IN:
	case ZYDIS_MNEMONIC_OUT:
	case ZYDIS_MNEMONIC_INSB:
	case ZYDIS_MNEMONIC_INSW:
	case ZYDIS_MNEMONIC_INSD:
	case ZYDIS_MNEMONIC_OUTSB:
	case ZYDIS_MNEMONIC_OUTSW:
	case ZYDIS_MNEMONIC_OUTSD:
		disasm_port_comment((uint16_t)st->gpr[X86_RDX], out->comment, sizeof(out->comment));
		break;
	case ZYDIS_MNEMONIC_RDMSR:
	case ZYDIS_MNEMONIC_WRMSR:
		disasm_msr_comment((uint32_t)st->gpr[X86_RCX], out->comment, sizeof(out->comment));
		break;
	case ZYDIS_MNEMONIC_HLT:
		snprintf(out->comment, sizeof(out->comment), "%s",
			 st->rflags & X86_RFLAGS_IF ? "until the next interrupt"
						    : "IF is clear: only an NMI wakes it");
		break;
	default:
		break;
	}
}

#else

bool disasm_one(const uint8_t *bytes, size_t len, uint64_t addr, unsigned int bits,
		const struct sym_table *tab, struct disasm_insn *out)
{
	(void)bits;
	(void)tab;
	memset(out, 0, sizeof(*out));
	out->addr = addr;
	out->len = 1;
	if (!len)
		return false;
	out->bytes[0] = bytes[0];
	disasm_bytes_text(out, ".byte");
	return false;
}

static void disasm_live_comment(const struct x86_state *st, const uint8_t *bytes,
				struct disasm_insn *out)
{
	(void)st;
	(void)bytes;
	(void)out;
}

#endif

/* Linear address of ADDR, an offset in CS. */
static uint64_t disasm_linear(const struct x86_state *st, uint64_t addr)
{
	if (x86_state_mode(st) == X86_MODE_LONG64)
		return addr;
	return (uint32_t)(st->seg[X86_CS].base + addr);
}

size_t disasm_at(const struct vm_view *view, unsigned int vcpu, uint64_t addr,
		 const struct sym_table *tab, struct disasm_insn *out, size_t max)
{
	const struct x86_state *st;
	unsigned int bits;
	size_t nr;

	if (vcpu >= view->nr_vcpus)
		return 0;
	st = &view->vcpu[vcpu].state;
	bits = x86_mode_bits(x86_state_mode(st));
	for (nr = 0; nr < max; nr++) {
		uint8_t bytes[DISASM_INSN_MAX];
		size_t got =
			view_read_va(view, vcpu, disasm_linear(st, addr), bytes, sizeof(bytes));

		if (!got)
			break;
		disasm_one(bytes, got, addr, bits, tab, &out[nr]);
		if (addr == st->rip)
			disasm_live_comment(st, bytes, &out[nr]);
		addr += out[nr].len;
		if (bits != 64)
			addr &= bits == 32 ? 0xffffffffu : 0xffffu;
	}
	return nr;
}

/* Length of the instruction at BYTES, 0 if it is none or does not end within LEN. */
static unsigned int disasm_len(const uint8_t *bytes, size_t len, unsigned int bits)
{
#ifdef HAVE_ZYDIS
	struct insn insn;

	return insn_decode(bytes, len, 0, bits, &insn) ? insn.zy.length : 0;
#else
	(void)bytes;
	(void)bits;
	return len ? 1 : 0;
#endif
}

/* Decodes forward over LEN bytes that must end on a boundary; the offset BEFORE boundaries back. */
static bool disasm_back_forward(const uint8_t *bytes, size_t len, unsigned int bits,
				unsigned int before, size_t *start)
{
	size_t ring[DISASM_BACK_MAX];
	size_t at = 0, nr = 0;

	while (at < len) {
		unsigned int step = disasm_len(bytes + at, len - at, bits);

		if (!step)
			return false;
		ring[nr++ % DISASM_BACK_MAX] = at;
		at += step;
	}
	*start = nr > before ? ring[(nr - before) % DISASM_BACK_MAX] : 0;
	return at == len;
}

/*
 * No symbol to start from: of all offsets whose decoding lands on the end, the
 * furthest one is the most trustworthy, as x86 code falls into step quickly.
 */
static size_t disasm_back_sync(const uint8_t *bytes, size_t len, unsigned int bits,
			       unsigned int before)
{
	uint16_t count[DISASM_BACK_BYTES + 1];
	uint8_t step[DISASM_BACK_BYTES + 1];
	size_t at;

	memset(count, 0, sizeof(count));
	for (at = len; at-- > 0;) {
		step[at] = (uint8_t)disasm_len(bytes + at, len - at, bits);
		if (!step[at])
			continue;
		if (at + step[at] == len)
			count[at] = 1;
		else if (count[at + step[at]])
			count[at] = (uint16_t)(count[at + step[at]] + 1);
	}
	for (at = 0; at < len && !count[at]; at++)
		;
	while (at < len && count[at] > before)
		at += step[at];
	return at;
}

uint64_t disasm_back(const struct vm_view *view, unsigned int vcpu, uint64_t addr,
		     const struct sym_table *tab, unsigned int before)
{
	uint8_t bytes[DISASM_SYM_BYTES];
	const struct x86_state *st;
	unsigned int bits;
	uint64_t off;
	size_t start, len;

	if (vcpu >= view->nr_vcpus || !before)
		return addr;
	if (before >= DISASM_BACK_MAX)
		before = DISASM_BACK_MAX - 1;
	st = &view->vcpu[vcpu].state;
	bits = x86_mode_bits(x86_state_mode(st));
	if (sym_find(tab, addr, &off) && off && off <= sizeof(bytes) &&
	    view_read_va(view, vcpu, disasm_linear(st, addr - off), bytes, off) == off &&
	    disasm_back_forward(bytes, off, bits, before, &start))
		return addr - off + start;
	len = (size_t)before * DISASM_INSN_MAX;
	if (len > addr)
		len = addr;
	/* What precedes may be unmapped: then from the start of the page on. */
	if (view_read_va(view, vcpu, disasm_linear(st, addr - len), bytes, len) != len) {
		if (len > (addr & 0xfff))
			len = addr & 0xfff;
		if (view_read_va(view, vcpu, disasm_linear(st, addr - len), bytes, len) != len)
			return addr;
	}
	return addr - len + disasm_back_sync(bytes, len, bits, before);
}
