/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Gates and segment descriptors: see desc.h. */
#include "tui/desc.h"

#include <stdio.h>
#include <string.h>

static const struct x86_state *desc_state(const struct vm_view *view, unsigned int vcpu)
{
	return view && view->vcpu && vcpu < view->nr_vcpus ? &view->vcpu[vcpu].state : NULL;
}

static uint8_t desc_gate_size(const struct x86_state *st)
{
	if (st->efer & X86_EFER_LMA)
		return 16;
	return st->cr0 & X86_CR0_PE ? 8 : 4;
}

unsigned int desc_gates(const struct x86_state *st)
{
	unsigned int nr = (st->idt.limit + 1u) / desc_gate_size(st);

	return nr > 256 ? 256 : nr;
}

void desc_gate_read(const struct vm_view *view, unsigned int vcpu, unsigned int vector,
		    struct desc_gate *out)
{
	const struct x86_state *st = desc_state(view, vcpu);
	uint64_t low = 0, high = 0;
	uint8_t raw[16] = { 0 };

	memset(out, 0, sizeof(*out));
	if (!st || vector >= desc_gates(st))
		return;
	out->size = desc_gate_size(st);
	if (view_read_va(view, vcpu, st->idt.base + (uint64_t)vector * out->size, raw, out->size) !=
	    out->size)
		return;
	out->readable = true;
	memcpy(&low, raw, 8);
	memcpy(&high, raw + 8, 8);
	if (out->size == 4) {
		out->present = true;
		out->handler = low & 0xffff;
		out->sel = (uint16_t)(low >> 16);
		return;
	}
	out->sel = (uint16_t)(low >> 16);
	out->type = low >> 40 & 0xf;
	out->dpl = low >> 45 & 3;
	out->present = low >> 47 & 1;
	out->handler = (low & 0xffff) | (low >> 32 & 0xffff0000);
	if (out->size == 16) {
		out->handler |= high << 32;
		out->ist = low >> 32 & 7;
	}
}

const char *desc_gate_type(const struct desc_gate *gate, char *out)
{
	static const char *const names[16] = { [5] = "task", [6] = "int16", [7] = "trap16",
					       [14] = "int", [15] = "trap", [12] = "call" };
	const char *name = names[gate->type & 15];

	if (gate->size == 4)
		snprintf(out, 16, "real");
	else if (!name)
		snprintf(out, 16, "type %x", gate->type);
	else
		snprintf(out, 16, "%s%s", name,
			 gate->type < 12    ? ""
			 : gate->size == 16 ? "64"
					    : "32");
	return out;
}

void desc_segment_read(const struct vm_view *view, unsigned int vcpu, unsigned int index,
		       struct desc_segment *out)
{
	const struct x86_state *st = desc_state(view, vcpu);
	uint64_t raw = 0, high = 0, gva;

	memset(out, 0, sizeof(*out));
	if (!st || index * 8u + 7 > st->gdt.limit)
		return;
	gva = st->gdt.base + index * 8ull;
	out->readable = view_read_va(view, vcpu, gva, &raw, 8) == 8;
	out->base = (raw >> 16 & 0xffffff) | (raw >> 32 & 0xff000000);
	out->limit = (uint32_t)((raw & 0xffff) | (raw >> 32 & 0xf0000));
	out->type = raw >> 40 & 0xf;
	out->system = !(raw >> 44 & 1);
	out->dpl = raw >> 45 & 3;
	out->present = raw >> 47 & 1;
	out->long_mode = raw >> 53 & 1;
	out->big = raw >> 54 & 1;
	if (raw >> 55 & 1)
		out->limit = out->limit << 12 | 0xfff;
	out->wide = out->system && out->present && (st->efer & X86_EFER_LMA);
	if (out->wide && view_read_va(view, vcpu, gva + 8, &high, 8) == 8)
		out->base |= high << 32;
}

const char *desc_segment_type(const struct desc_segment *seg, char *out)
{
	const char *size = seg->long_mode ? "64" : seg->big ? "32" : "16";

	if (seg->system) {
		static const char *const names[16] = {
			[1] = "tss16 avail", [2] = "ldt",	 [3] = "tss16 busy",
			[4] = "call gate16", [5] = "task gate",	 [9] = "tss avail",
			[11] = "tss busy",   [12] = "call gate", [14] = "int gate",
			[15] = "trap gate",
		};

		snprintf(out, 24, "%s", names[seg->type] ? names[seg->type] : "reserved");
	} else if (seg->type & 8) {
		snprintf(out, 24, "code%s %s%s", size, seg->type & 2 ? "RX" : "X",
			 seg->type & 4 ? " conf" : "");
	} else {
		snprintf(out, 24, "data %s%s", seg->type & 2 ? "RW" : "R",
			 seg->type & 4 ? " down" : "");
	}
	return out;
}
