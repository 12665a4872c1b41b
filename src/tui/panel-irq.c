/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Interrupts of one vCPU: what is pending, whether it can be delivered and if
 * not why, the local APIC's registers (SDM 3A chapter 11), the controllers' rows.
 */
#include "tui/panel.h"

#include <errno.h>
#include <inttypes.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "inspect/disasm.h"
#include "inspect/regs.h"
#include "tui/desc.h"
#include "tui/fmt.h"
#include "tui/lines.h"

#define IRQ_APIC_ID   0x20
#define IRQ_APIC_TPR  0x80
#define IRQ_APIC_PPR  0xa0
#define IRQ_APIC_SVR  0xf0
#define IRQ_APIC_ISR  0x100
#define IRQ_APIC_TMR  0x180
#define IRQ_APIC_IRR  0x200
#define IRQ_APIC_LVTT 0x320
#define IRQ_APIC_TICR 0x380
#define IRQ_APIC_TCCR 0x390
#define IRQ_APIC_TDCR 0x3e0

static uint32_t irq_apic(const struct x86_state *st, unsigned int reg)
{
	uint32_t val;

	memcpy(&val, st->lapic + reg, sizeof(val));
	return val;
}

/* One of the three 256-bit registers, each 32 bits in its own 16 bytes. */
static bool irq_apic_bit(const struct x86_state *st, unsigned int reg, unsigned int vector)
{
	return irq_apic(st, reg + vector / 32 * 16) >> (vector % 32) & 1;
}

static int irq_highest(const struct x86_state *st, unsigned int reg)
{
	for (int vector = 255; vector >= 0; vector--)
		if (irq_apic_bit(st, reg, (unsigned int)vector))
			return vector;
	return -1;
}

/* "20 21 ec" or "-". */
static void irq_vectors(const struct x86_state *st, unsigned int reg, char *out, size_t len)
{
	size_t used = 0;

	snprintf(out, len, "-");
	for (unsigned int vector = 0; vector < 256 && used + 8 < len; vector++)
		if (irq_apic_bit(st, reg, vector))
			used += (size_t)snprintf(out + used, len - used, used ? " %02x" : "%02x",
						 vector);
}

static const char *irq_mark(bool ok)
{
	return ok ? AS_GOOD "✓" AS_NORMAL : AS_BAD "✗" AS_NORMAL;
}

/* Would VECTOR get through now? Each condition with its mark, then where it would go. */
static void irq_add_delivery(struct lines *list, const struct panel_ctx *ctx,
			     const struct x86_state *st, unsigned int vector)
{
	uint32_t ppr = irq_apic(st, IRQ_APIC_PPR);
	struct desc_gate gate;
	char sym[96];

	desc_gate_read(ctx->view, ctx->vcpu, vector, &gate);
	lines_add(list, " vector %02x: IF=%d %s shadow %s priority %x>%x %s", vector,
		  (int)(st->rflags >> 9 & 1), irq_mark(st->rflags & X86_RFLAGS_IF),
		  irq_mark(!st->irq_shadow), vector >> 4, ppr >> 4 & 15,
		  irq_mark(vector >> 4 > (ppr >> 4 & 15)));
	sym_text(ctx->syms, gate.handler, sym, sizeof(sym));
	if (gate.present)
		lines_add(list, "   IDT[%u] %s → %04x:%" PRIx64 " " AS_SYMBOL "%s", vector,
			  irq_mark(true), gate.sel, gate.handler, sym);
	else
		lines_add(list, "   IDT[%u] %s %s", vector, irq_mark(false),
			  gate.readable ? "not present: delivery raises #NP"
					: "outside the IDT or unreadable: delivery raises #GP");
}

static void irq_add_state(struct lines *list, const struct x86_state *st)
{
	const char *name = disasm_vector_name(st->exc_nr);

	lines_add(list, " IF=%d  cr8 %" PRIx64 "%s%s%s%s", (int)(st->rflags >> 9 & 1), st->cr8,
		  st->irq_shadow ? AS_WARN "  in an interrupt shadow" AS_NORMAL : "",
		  st->nmi_pending ? "  NMI pending" : "", st->nmi_masked ? "  NMI masked" : "",
		  st->mp_state == X86_MP_HALTED ? "  halted: waits for one" : "");
	if (st->exc_injected)
		lines_add(list, AS_WARN " being delivered: %s error %x", name ? name : "exception",
			  st->exc_has_error ? st->exc_error : 0);
	if (st->irq_injected)
		lines_add(list, AS_WARN " being delivered: vector %02x", st->irq_nr);
}

static void irq_add_timer(struct lines *list, const struct x86_state *st)
{
	static const char *const modes[] = { "one-shot", "periodic", "deadline", "?" };
	uint32_t lvt = irq_apic(st, IRQ_APIC_LVTT);

	lines_add(list, " timer  vector %02x %s%s  count %x of %x  divide %x", lvt & 0xff,
		  modes[lvt >> 17 & 3], lvt & 0x10000 ? AS_DIM " masked" AS_NORMAL : "",
		  irq_apic(st, IRQ_APIC_TCCR), irq_apic(st, IRQ_APIC_TICR),
		  irq_apic(st, IRQ_APIC_TDCR));
}

static void irq_add_lvts(struct lines *list, const struct x86_state *st)
{
	static const struct {
		const char *name;
		unsigned int reg;
	} lvt[] = { { "lint0", 0x350 }, { "lint1", 0x360 }, { "error", 0x370 } };
	static const char *const modes[] = {
		"fixed", "?", "SMI", "?", "NMI", "INIT", "?", "ExtINT"
	};

	for (size_t i = 0; i < sizeof(lvt) / sizeof(lvt[0]); i++) {
		uint32_t val = irq_apic(st, lvt[i].reg);

		lines_add(list, " %-6s vector %02x %s%s", lvt[i].name, val & 0xff,
			  modes[val >> 8 & 7], val & 0x10000 ? AS_DIM " masked" : "");
	}
}

static void irq_add_lapic(struct lines *list, const struct panel_ctx *ctx,
			  const struct x86_state *st)
{
	char isr[128], irr[128];
	uint32_t svr;
	int pending;

	if (!(st->apic_base & 0x800)) {
		lines_add(list, " LAPIC  " AS_WARN "off (IA32_APIC_BASE bit 11 is clear)");
		return;
	}
	if (!st->has_lapic_regs) {
		lines_add(list, " LAPIC  at %" PRIx64 "  " AS_DIM "registers not published",
			  (uint64_t)(st->apic_base & ~0xfffull));
		return;
	}
	svr = irq_apic(st, IRQ_APIC_SVR);
	irq_vectors(st, IRQ_APIC_ISR, isr, sizeof(isr));
	irq_vectors(st, IRQ_APIC_IRR, irr, sizeof(irr));
	lines_add(list, " LAPIC  id %x  %s  tpr %02x  ppr %02x  spurious %02x",
		  irq_apic(st, IRQ_APIC_ID) >> 24,
		  svr & 0x100 ? "on" : AS_WARN "software-disabled" AS_NORMAL,
		  irq_apic(st, IRQ_APIC_TPR) & 0xff, irq_apic(st, IRQ_APIC_PPR) & 0xff, svr & 0xff);
	lines_add(list, " irr %s   isr %s", irr, isr);
	irq_add_timer(list, st);
	pending = irq_highest(st, IRQ_APIC_IRR);
	if (pending >= 0)
		irq_add_delivery(list, ctx, st, (unsigned int)pending);
	irq_add_lvts(list, st);
}

static void irq_add_idt(struct lines *list, const struct panel_ctx *ctx, const struct x86_state *st)
{
	unsigned int nr = desc_gates(st), present = 0;

	for (unsigned int i = 0; i < nr; i++) {
		struct desc_gate gate;

		desc_gate_read(ctx->view, ctx->vcpu, i, &gate);
		present += gate.present;
	}
	lines_add(list, " IDT    %s%u of %u gates present", nr && present ? "" : AS_WARN, present,
		  nr);
}

/* The rows of the controllers that describe themselves. */
static void irq_add_rows(struct lines *list, const struct vm_view *view)
{
	static const char *const devices[] = { "pic", "ioapic", "pit", "irqchip", "irq" };

	for (unsigned int i = 0; i < view->nr_rows && i < SAMPLE_ROWS; i++) {
		const struct sample_row *row = &view->row[i];

		for (size_t j = 0; j < sizeof(devices) / sizeof(devices[0]); j++)
			if (!strcasecmp(row->device, devices[j]))
				lines_add(list, " %-6s %-10s %s", row->device, row->label,
					  row->value);
	}
}

static int irq_create(struct panel *pan)
{
	pan->data = calloc(1, sizeof(struct lines));
	return pan->data ? 0 : -ENOMEM;
}

static void irq_destroy(struct panel *pan)
{
	if (pan->data)
		lines_free(pan->data);
	free(pan->data);
}

static bool irq_build(struct panel *pan, const struct panel_ctx *ctx)
{
	const struct x86_state *st = fmt_state_of(ctx->view, ctx->vcpu);
	struct lines *list = pan->data;

	lines_clear(list);
	if (!st)
		return false;
	irq_add_state(list, st);
	irq_add_idt(list, ctx, st);
	irq_add_lapic(list, ctx, st);
	irq_add_rows(list, ctx->view);
	return true;
}

static void irq_draw(struct panel *pan, const struct panel_ctx *ctx, struct surface *sf,
		     struct rect area)
{
	if (irq_build(pan, ctx))
		lines_draw(pan->data, pan, sf, area, false);
	else
		surface_text(sf, area, 0, 0, STYLE_DIM, "no vCPU to show");
}

static int irq_rows(struct panel *pan, const struct panel_ctx *ctx, int cols)
{
	(void)cols;
	irq_build(pan, ctx);
	return (int)((struct lines *)pan->data)->nr;
}

static json_t *irq_vectors_array(const struct x86_state *st, unsigned int reg)
{
	json_t *list = json_array();

	for (unsigned int i = 0; st->has_lapic_regs && i < 256; i++)
		if (irq_apic_bit(st, reg, i))
			json_array_append_new(list, json_integer(i));
	return list;
}

static char *irq_json(struct panel *pan, const struct panel_ctx *ctx)
{
	json_t *list = json_array(), *obj;
	char *text;

	(void)pan;
	for (unsigned int i = 0; ctx->view && ctx->view->vcpu && i < ctx->view->nr_vcpus; i++) {
		const struct x86_state *st = &ctx->view->vcpu[i].state;

		json_array_append_new(list, json_pack("{s:i, s:b, s:b, s:i, s:i, s:o, s:o}", "vcpu",
						      i, "if", (int)(st->rflags >> 9 & 1), "lapic",
						      st->has_lapic_regs != 0, "tpr",
						      (int)irq_apic(st, IRQ_APIC_TPR), "ppr",
						      (int)irq_apic(st, IRQ_APIC_PPR), "irr",
						      irq_vectors_array(st, IRQ_APIC_IRR), "isr",
						      irq_vectors_array(st, IRQ_APIC_ISR)));
	}
	obj = json_pack("{s:o}", "vcpus", list);
	text = obj ? json_dumps(obj, JSON_INDENT(2)) : NULL;
	json_decref(obj);
	return text;
}

static const enum request irq_verbs[] = { REQ_NEXT_VCPU, REQ_STEP, REQ_CONTINUE, REQ_PAUSE,
					  REQ_FILTER,	 REQ_YANK, REQ_WRITE,	 REQ_NONE };

const struct panel_ops panel_irq_ops = {
	.id = "irq",
	.title = "Interrupts",
	.min_rows = 1,
	.min_cols = 30,
	.create = irq_create,
	.destroy = irq_destroy,
	.draw = irq_draw,
	.json = irq_json,
	.rows = irq_rows,
	.verbs = irq_verbs,
};
