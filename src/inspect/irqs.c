/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The local APIC, decoded from the page KVM_GET_LAPIC gives. */
#include "inspect/irqs.h"

#include <string.h>

#include "inspect/tables.h"

#define IRQS_APIC_ENABLE (1ull << 11)
#define IRQS_APIC_X2	 (1ull << 10)

static uint32_t irqs_reg(const struct x86_state *st, unsigned int off)
{
	uint32_t val;

	memcpy(&val, st->lapic + off, sizeof(val));
	return val;
}

/* 256 bits in eight registers, 16 bytes apart. */
static void irqs_bits(const struct x86_state *st, unsigned int off, uint32_t out[8])
{
	unsigned int i;

	for (i = 0; i < 8; i++)
		out[i] = irqs_reg(st, off + i * 16);
}

int irqs_highest(const uint32_t bits[8])
{
	int i;

	for (i = 7; i >= 0; i--) {
		if (bits[i])
			return i * 32 + 31 - __builtin_clz(bits[i]);
	}
	return -1;
}

static void irqs_lvts(const struct x86_state *st, struct irqs_lapic *out)
{
	static const struct {
		const char *name;
		unsigned int off;
	} lvt[IRQS_NR_LVT] = {
		{ "timer", 0x320 }, { "thermal", 0x330 }, { "perf", 0x340 },
		{ "lint0", 0x350 }, { "lint1", 0x360 },	  { "error", 0x370 },
	};
	unsigned int i;

	for (i = 0; i < IRQS_NR_LVT; i++) {
		uint32_t raw = irqs_reg(st, lvt[i].off);

		out->lvt[i] = (struct irqs_lvt){
			.name = lvt[i].name,
			.raw = raw,
			.vector = (uint8_t)raw,
			.delivery = raw >> 8 & 7,
			.pending = raw >> 12 & 1,
			.low = raw >> 13 & 1,
			.level = raw >> 15 & 1,
			.masked = raw >> 16 & 1,
		};
	}
}

bool irqs_lapic(const struct x86_state *st, struct irqs_lapic *out)
{
	int isr;

	memset(out, 0, sizeof(*out));
	if (!st->has_lapic_regs)
		return false;
	out->x2apic = st->apic_base & IRQS_APIC_X2;
	/* KVM keeps the old place of the ID in x2APIC mode too, unless asked for 32 bits. */
	out->id = irqs_reg(st, 0x20) >> 24;
	if (out->x2apic && !out->id)
		out->id = irqs_reg(st, 0x20);
	out->version = irqs_reg(st, 0x30);
	out->tpr = (uint8_t)irqs_reg(st, 0x80);
	out->ldr = irqs_reg(st, 0xd0);
	out->dfr = irqs_reg(st, 0xe0);
	out->spurious = (uint8_t)irqs_reg(st, 0xf0);
	out->enabled = st->apic_base & IRQS_APIC_ENABLE && irqs_reg(st, 0xf0) & 0x100;
	irqs_bits(st, 0x100, out->isr);
	irqs_bits(st, 0x180, out->tmr);
	irqs_bits(st, 0x200, out->irr);
	out->esr = irqs_reg(st, 0x280);
	out->icr[0] = irqs_reg(st, 0x300);
	out->icr[1] = irqs_reg(st, 0x310);
	out->timer_init = irqs_reg(st, 0x380);
	out->timer_now = irqs_reg(st, 0x390);
	out->timer_divide = irqs_reg(st, 0x3e0);
	irqs_lvts(st, out);
	/* The page's own PPR is only brought up to date when the guest reads it. */
	isr = irqs_highest(out->isr);
	out->ppr = isr > 0 && (isr & 0xf0) > (out->tpr & 0xf0) ? isr & 0xf0 : out->tpr;
	return true;
}

const char *irqs_why_not(const struct vm_view *view, unsigned int vcpu, uint8_t vector,
			 struct buf *out)
{
	const struct x86_state *st;
	struct tables_gate gate;
	struct irqs_lapic apic;

	if (vcpu >= view->nr_vcpus)
		return "";
	st = &view->vcpu[vcpu].state;
	if (irqs_lapic(st, &apic)) {
		if (!apic.enabled) {
			buf_puts(out, "the local APIC is disabled");
			return "apic";
		}
		if ((vector & 0xf0) <= (apic.ppr & 0xf0)) {
			buf_printf(out, "priority class %x is not above %x", vector >> 4,
				   apic.ppr >> 4);
			if (irqs_highest(apic.isr) >= 0)
				buf_printf(out, ": vector %02x is in service (no EOI yet?)",
					   (unsigned int)irqs_highest(apic.isr));
			return "priority";
		}
	}
	tables_gate(view, st, vector, &gate);
	if (gate.wrong[0]) {
		buf_puts(out, gate.wrong);
		return "gate";
	}
	if (!(st->rflags & X86_RFLAGS_IF)) {
		buf_printf(out, "interrupts are off (RFLAGS.IF clear)%s",
			   st->mp_state == X86_MP_HALTED ? " and the CPU is halted" : "");
		return st->mp_state == X86_MP_HALTED ? "halted" : "if";
	}
	if (st->irq_shadow) {
		buf_puts(out, "after the next instruction (STI or MOV SS came before)");
		return "shadow";
	}
	buf_puts(out, "it can be taken");
	return "yes";
}

static void irqs_vectors_text(const char *name, const uint32_t bits[8], struct buf *out)
{
	unsigned int i;
	bool any = false;

	buf_printf(out, "%-4s", name);
	for (i = 0; i < 256; i++) {
		if (!(bits[i / 32] >> (i % 32) & 1))
			continue;
		buf_printf(out, " %02x", i);
		any = true;
	}
	buf_puts(out, any ? "\n" : " none\n");
}

static void irqs_lvt_text(const struct irqs_lvt *lvt, struct buf *out)
{
	static const char *const delivery[8] = { "fixed", "1",	  "SMI", "3",
						 "NMI",	  "INIT", "6",	 "ExtINT" };
	static const char *const timer[4] = { "one-shot", "periodic", "TSC deadline", "reserved" };
	bool is_timer = !strcmp(lvt->name, "timer");

	buf_printf(out, "  %-8s %05x  vector %02x %s%s%s\n", lvt->name, lvt->raw, lvt->vector,
		   is_timer ? timer[lvt->raw >> 17 & 3] : delivery[lvt->delivery],
		   lvt->masked ? " masked" : "", lvt->pending ? " pending" : "");
}

void irqs_text(const struct x86_state *st, struct buf *out)
{
	struct irqs_lapic apic;
	unsigned int i;

	if (!irqs_lapic(st, &apic)) {
		buf_puts(out, "no local APIC state\n");
		return;
	}
	buf_printf(out, "LAPIC %u  %s%s  base %llx  tpr %02x ppr %02x  spurious %02x\n", apic.id,
		   apic.enabled ? "enabled" : "disabled", apic.x2apic ? " x2" : "",
		   (unsigned long long)(st->apic_base & ~0xfffull), apic.tpr, apic.ppr,
		   apic.spurious);
	irqs_vectors_text("IRR", apic.irr, out);
	irqs_vectors_text("ISR", apic.isr, out);
	irqs_vectors_text("TMR", apic.tmr, out);
	for (i = 0; i < IRQS_NR_LVT; i++)
		irqs_lvt_text(&apic.lvt[i], out);
	buf_printf(out, "timer initial %u current %u divide %x\n", apic.timer_init, apic.timer_now,
		   apic.timer_divide);
}
