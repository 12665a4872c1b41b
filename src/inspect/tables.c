/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Descriptors, gates and the TSS, read from a view and judged. */
#include "inspect/tables.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "inspect/disasm.h"
#include "inspect/mmu.h"

#define TABLES_NP 11
#define TABLES_SS 12
#define TABLES_GP 13
#define TABLES_PF 14

static bool tables_long(const struct x86_state *st)
{
	return st->efer & X86_EFER_LMA;
}

static bool tables_real(const struct x86_state *st)
{
	return !(st->cr0 & X86_CR0_PE);
}

unsigned int tables_gate_len(const struct x86_state *st)
{
	return tables_real(st) ? 4 : tables_long(st) ? 16 : 8;
}

static uint64_t tables_linear(const struct x86_state *st, uint64_t addr)
{
	return tables_long(st) ? addr : (uint32_t)addr;
}

/* Types with S clear, SDM 3A table 3-2: outside and in long mode. */
static const char *tables_system_text(unsigned int type, bool wide)
{
	static const char *const legacy[16] = {
		"reserved", "TSS16",	"LDT",	    "TSS16 busy", "call16",   "task gate",
		"int16",    "trap16",	"reserved", "TSS32",	  "reserved", "TSS32 busy",
		"call32",   "reserved", "int32",    "trap32",
	};
	static const char *const wide_name[16] = {
		"upper half", "reserved", "LDT",      "reserved", "reserved", "reserved",
		"reserved",   "reserved", "reserved", "TSS64",	  "reserved", "TSS64 busy",
		"call64",     "reserved", "int64",    "trap64",
	};

	return wide ? wide_name[type & 15] : legacy[type & 15];
}

static void tables_desc_text(struct tables_desc *out, bool wide)
{
	if (out->system)
		snprintf(out->text, sizeof(out->text), "%s dpl%u",
			 tables_system_text(out->type, wide), out->dpl);
	else if (out->code)
		snprintf(out->text, sizeof(out->text), "code%s %s%s dpl%u",
			 out->l	   ? "64"
			 : out->db ? "32"
				   : "16",
			 out->type & 2 ? "rx" : "x", out->type & 4 ? " conforming" : "", out->dpl);
	else
		snprintf(out->text, sizeof(out->text), "data%s %s%s dpl%u", out->db ? "32" : "16",
			 out->type & 2 ? "rw" : "r", out->type & 4 ? " down" : "", out->dpl);
	if (!out->present)
		snprintf(out->text + strlen(out->text), sizeof(out->text) - strlen(out->text),
			 " absent");
}

static void tables_desc_decode(struct tables_desc *out, bool wide)
{
	uint64_t raw = out->raw[0];

	out->type = raw >> 40 & 15;
	out->system = !(raw >> 44 & 1);
	out->code = !out->system && out->type & 8;
	out->dpl = raw >> 45 & 3;
	out->present = raw >> 47 & 1;
	out->avl = raw >> 52 & 1;
	out->l = raw >> 53 & 1;
	out->db = raw >> 54 & 1;
	out->g = raw >> 55 & 1;
	out->base = (raw >> 16 & 0xffffff) | (raw >> 56 & 0xff) << 24;
	out->limit = (uint32_t)((raw & 0xffff) | (raw >> 32 & 0xf0000));
	if (out->g)
		out->limit = out->limit << 12 | 0xfff;
	tables_desc_text(out, wide);
}

void tables_desc(const struct vm_view *view, const struct x86_state *st, uint16_t sel,
		 struct tables_desc *out)
{
	bool local = sel & 4;
	uint64_t base = local ? st->seg[X86_LDTR].base : st->gdt.base;
	uint32_t limit = local ? st->seg[X86_LDTR].limit : st->gdt.limit;
	size_t want = 8;

	memset(out, 0, sizeof(*out));
	out->sel = sel;
	out->null = !(sel & 0xfffc);
	if (out->null) {
		snprintf(out->wrong, sizeof(out->wrong), "the null selector");
		return;
	}
	out->entry_gva = tables_linear(st, base + (sel & 0xfff8u));
	out->in_limit = (sel & 0xfff8u) + 7 <= limit;
	if (!out->in_limit) {
		snprintf(out->wrong, sizeof(out->wrong),
			 "selector %04x lies beyond the %s limit %x", sel, local ? "LDT" : "GDT",
			 limit);
		return;
	}
	out->readable = view_read_va_as(view, st, out->entry_gva, out->raw, want) == want;
	if (!out->readable) {
		snprintf(out->wrong, sizeof(out->wrong), "descriptor %04x at %llx is not mapped",
			 sel, (unsigned long long)out->entry_gva);
		return;
	}
	tables_desc_decode(out, tables_long(st));
	/* System descriptors are twice as long in long mode. */
	if (out->system && tables_long(st) &&
	    view_read_va_as(view, st, out->entry_gva + 8, &out->raw[1], 8) == 8)
		out->base |= out->raw[1] << 32;
	if (!out->present)
		snprintf(out->wrong, sizeof(out->wrong), "segment %04x is not present", sel);
}

__attribute__((format(printf, 5, 6))) static void tables_gate_wrong(struct tables_gate *out,
								    uint8_t fault, uint32_t error,
								    uint64_t gva, const char *fmt,
								    ...)
{
	va_list args;

	out->fault = fault;
	out->error = error;
	out->fault_gva = gva;
	va_start(args, fmt);
	vsnprintf(out->wrong, sizeof(out->wrong), fmt, args);
	va_end(args);
}

static void tables_gate_decode(const struct x86_state *st, const uint8_t *raw,
			       struct tables_gate *out)
{
	uint64_t low = 0, high = 0;

	memcpy(&low, raw, tables_real(st) ? 4 : 8);
	if (tables_long(st))
		memcpy(&high, raw + 8, 8);
	out->empty = !low && !high;
	out->sel = (uint16_t)(low >> 16);
	out->offset = low & 0xffff;
	if (tables_real(st)) {
		out->present = true;
		snprintf(out->text, sizeof(out->text), "%04x:%04x", out->sel,
			 (unsigned int)out->offset);
		return;
	}
	out->type = low >> 40 & 31;
	out->dpl = low >> 45 & 3;
	out->present = low >> 47 & 1;
	if (out->type & 8)
		out->offset |= (low >> 48) << 16;
	if (tables_long(st)) {
		out->ist = low >> 32 & 7;
		out->offset |= (high & 0xffffffff) << 32;
	}
	if (out->empty)
		snprintf(out->text, sizeof(out->text), "empty");
	else
		snprintf(out->text, sizeof(out->text), "%s%s cs %04x ist %u dpl%u %llx%s",
			 out->type == 5	 ? "task"
			 : out->type & 1 ? "trap"
					 : "int",
			 tables_long(st) ? "64"
			 : out->type & 8 ? "32"
					 : "16",
			 out->sel, out->ist, out->dpl, (unsigned long long)out->offset,
			 out->present ? "" : " absent");
}

/* The code segment a gate names, SDM 3A 6.12.1. */
static void tables_gate_segment(const struct vm_view *view, const struct x86_state *st,
				struct tables_gate *out)
{
	struct tables_desc desc;

	tables_desc(view, st, out->sel, &desc);
	if (desc.null)
		tables_gate_wrong(out, TABLES_GP, 0, 0, "IDT[%u] names the null selector",
				  out->vector);
	else if (!desc.in_limit)
		tables_gate_wrong(out, TABLES_GP, out->sel & 0xfffc, 0, "IDT[%u]: %s", out->vector,
				  desc.wrong);
	else if (!desc.readable)
		tables_gate_wrong(out, TABLES_PF, 0, desc.entry_gva, "IDT[%u]: %s", out->vector,
				  desc.wrong);
	else if (!desc.code)
		tables_gate_wrong(out, TABLES_GP, out->sel & 0xfffc, 0,
				  "IDT[%u]: selector %04x is not code but %s", out->vector,
				  out->sel, desc.text);
	else if (desc.dpl > x86_state_cpl(st))
		tables_gate_wrong(out, TABLES_GP, out->sel & 0xfffc, 0,
				  "IDT[%u]: code segment %04x has DPL %u, above CPL %u",
				  out->vector, out->sel, desc.dpl, x86_state_cpl(st));
	else if (!desc.present)
		tables_gate_wrong(out, TABLES_NP, out->sel & 0xfffc, 0,
				  "IDT[%u]: code segment %04x is not present", out->vector,
				  out->sel);
	else if (tables_long(st) && (!desc.l || desc.db))
		tables_gate_wrong(out, TABLES_GP, out->sel & 0xfffc, 0,
				  "IDT[%u]: selector %04x is %s, not 64-bit code", out->vector,
				  out->sel, desc.text);
}

static void tables_gate_judge(const struct vm_view *view, const struct x86_state *st,
			      struct tables_gate *out)
{
	uint32_t error = out->vector * 8 + 2;
	unsigned int kind = out->type & 0xf;

	if (out->empty)
		tables_gate_wrong(out, TABLES_GP, error, 0, "IDT[%u] is empty", out->vector);
	else if (tables_long(st) ? (out->type != 14 && out->type != 15)
				 : (out->type > 15 || (kind != 5 && (kind & 6) != 6)))
		tables_gate_wrong(out, TABLES_GP, error, 0, "IDT[%u] has type %u, no gate",
				  out->vector, out->type);
	else if (!out->present)
		tables_gate_wrong(out, TABLES_NP, error, 0, "IDT[%u] is not present", out->vector);
	else if (kind != 5)
		tables_gate_segment(view, st, out);
}

/* The handler itself: its absence is felt only after the gate was passed. */
static void tables_gate_handler(const struct vm_view *view, const struct x86_state *st,
				struct tables_gate *out)
{
	struct mmu_explain ex;

	mmu_explain(view, st, tables_linear(st, out->offset), MMU_ACCESS_FETCH, 0, &ex);
	if (!ex.walk.canonical)
		tables_gate_wrong(out, TABLES_GP, 0, 0, "IDT[%u]: handler %llx is not canonical",
				  out->vector, (unsigned long long)out->offset);
	else if (ex.faults)
		tables_gate_wrong(out, TABLES_PF, ex.error_code, out->offset,
				  "IDT[%u]: handler %llx: %s", out->vector,
				  (unsigned long long)out->offset, ex.reason);
}

void tables_gate(const struct vm_view *view, const struct x86_state *st, unsigned int vector,
		 struct tables_gate *out)
{
	unsigned int len = tables_gate_len(st);
	uint8_t raw[16];

	memset(out, 0, sizeof(*out));
	out->vector = vector & 0xff;
	out->fault = TABLES_NONE;
	out->entry_gva = tables_linear(st, st->idt.base + (uint64_t)out->vector * len);
	out->in_limit = out->vector * len + len - 1 <= st->idt.limit;
	if (!out->in_limit) {
		tables_gate_wrong(out, TABLES_GP, out->vector * 8 + 2, 0,
				  "IDT[%u] lies beyond the IDT limit %x%s", out->vector,
				  st->idt.limit, st->idt.limit ? "" : " (no IDT)");
		return;
	}
	out->readable = view_read_va_as(view, st, out->entry_gva, raw, len) == len;
	if (!out->readable) {
		tables_gate_wrong(out, TABLES_PF, 0, out->entry_gva,
				  "IDT[%u] at %llx is not mapped", out->vector,
				  (unsigned long long)out->entry_gva);
		return;
	}
	tables_gate_decode(st, raw, out);
	if (tables_real(st))
		return;
	tables_gate_judge(view, st, out);
	if (!out->wrong[0] && tables_long(st))
		tables_gate_handler(view, st, out);
}

static uint64_t tables_tss_get(const uint8_t *raw, size_t off, size_t len)
{
	uint64_t val = 0;

	memcpy(&val, raw + off, len);
	return val;
}

void tables_tss(const struct vm_view *view, const struct x86_state *st, struct tables_tss *out)
{
	const struct x86_seg *tr = &st->seg[X86_TR];
	uint8_t raw[0x68];
	unsigned int i;

	memset(out, 0, sizeof(*out));
	out->base = tables_linear(st, tr->base);
	out->wide = tables_long(st);
	if (tr->limit < 0x67 ||
	    view_read_va_as(view, st, out->base, raw, sizeof(raw)) != sizeof(raw))
		return;
	out->readable = true;
	out->iomap = (uint16_t)tables_tss_get(raw, 0x66, 2);
	for (i = 0; i < 3; i++) {
		out->rsp[i] = out->wide ? tables_tss_get(raw, 4 + 8 * i, 8)
					: tables_tss_get(raw, 4 + 8 * i, 4);
		out->ss[i] = out->wide ? 0 : (uint16_t)tables_tss_get(raw, 8 + 8 * i, 2);
	}
	for (i = 1; i < 8 && out->wide; i++)
		out->ist[i] = tables_tss_get(raw, 0x24 + 8 * (i - 1), 8);
}

static void tables_gdt_text(const struct vm_view *view, const struct x86_state *st, struct buf *out)
{
	struct tables_desc desc;
	uint32_t sel;

	buf_printf(out, "GDT base %llx limit %x\n", (unsigned long long)st->gdt.base,
		   st->gdt.limit);
	for (sel = 8; sel + 7 <= st->gdt.limit && sel < 0x800; sel += 8) {
		tables_desc(view, st, (uint16_t)sel, &desc);
		if (!desc.readable || !desc.raw[0])
			continue;
		buf_printf(out, "  %04x  %016llx  base %08llx limit %08x  %s\n", sel,
			   (unsigned long long)desc.raw[0], (unsigned long long)desc.base,
			   desc.limit, desc.text);
		if (desc.system && st->efer & X86_EFER_LMA)
			sel += 8;
	}
}

static void tables_idt_text(const struct vm_view *view, const struct x86_state *st,
			    const struct sym_table *tab, struct buf *out)
{
	struct tables_gate gate;
	const char *name;
	char sym[64];
	unsigned int i;

	buf_printf(out, "IDT base %llx limit %x\n", (unsigned long long)st->idt.base,
		   st->idt.limit);
	for (i = 0; i < 256; i++) {
		tables_gate(view, st, i, &gate);
		if (!gate.in_limit || !gate.readable || gate.empty)
			continue;
		name = disasm_vector_name(i);
		buf_printf(out, "  %3u %-3s  %s  %s%s%s\n", i, name ? name : "", gate.text,
			   sym_text(tab, gate.offset, sym, sizeof(sym)),
			   gate.wrong[0] ? "  ! " : "", gate.wrong);
	}
}

void tables_text(const struct vm_view *view, unsigned int vcpu, const struct sym_table *tab,
		 struct buf *out)
{
	const struct x86_state *st;
	struct tables_tss tss;
	unsigned int i;

	if (vcpu >= view->nr_vcpus)
		return;
	st = &view->vcpu[vcpu].state;
	tables_gdt_text(view, st, out);
	tables_idt_text(view, st, tab, out);
	tables_tss(view, st, &tss);
	buf_printf(out, "TSS %04x base %llx limit %x%s\n", st->seg[X86_TR].sel,
		   (unsigned long long)st->seg[X86_TR].base, st->seg[X86_TR].limit,
		   tss.readable ? "" : "  not readable");
	if (!tss.readable)
		return;
	for (i = 0; i < 3; i++)
		buf_printf(out, "  %s%u %016llx\n", tss.wide ? "rsp" : "esp", i,
			   (unsigned long long)tss.rsp[i]);
	for (i = 1; i < 8 && tss.wide; i++)
		buf_printf(out, "  ist%u %016llx\n", i, (unsigned long long)tss.ist[i]);
}
