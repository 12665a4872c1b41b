/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Interrupts: for every source that is in use the way from its line to its handler and what
 * stops it there, then the controllers: 8259s, I/O APIC, local APIC, PIT. A source is opened
 * with Enter or explain.
 */
#include "tui/panel.h"

#include <errno.h>
#include <inttypes.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "inspect/disasm.h"
#include "inspect/fault.h"
#include "inspect/irqs-chain.h"
#include "inspect/irqs.h"
#include "inspect/tables.h"
#include "tui/fmt.h"
#include "tui/lines.h"

#define IRQ_PIT_HZ 1193182u

struct irq {
	struct lines list;
	struct irqs_source open; /* whose chain is shown in full */
	bool is_open;
	struct irqs_source cursor; /* under the cursor at the last draw */
	bool has_cursor;
};

static const char *irq_mark(enum irqs_mark mark)
{
	return mark == IRQS_STOP   ? AS_BAD "✗" AS_NORMAL
	       : mark == IRQS_PASS ? AS_GOOD "✓" AS_NORMAL
				   : AS_DIM "·" AS_NORMAL;
}

static bool irq_same(struct irqs_source a, struct irqs_source b)
{
	return a.kind == b.kind && a.nr == b.nr;
}

static uint64_t irq_tag(struct irqs_source source)
{
	return (uint64_t)source.kind << 32 | (source.nr + 1);
}

/* --- the sources --- */

/* "line ✓ mask ✓ service ✗ if ✓": all conditions, in order, in one row. */
static void irq_add_marks(struct lines *list, const struct irqs_chain *chain)
{
	char row[512] = "";
	size_t len = 0;

	for (unsigned int i = 0; i < chain->nr && len + 40 < sizeof(row); i++)
		if (chain->step[i].mark != IRQS_NOTE || !i)
			len += (size_t)snprintf(row + len, sizeof(row) - len, " %s %s",
						chain->step[i].what, irq_mark(chain->step[i].mark));
	lines_add(list, "    " AS_DIM "%s", row);
	lines_tag(list, irq_tag(chain->source));
}

static void irq_add_steps(struct lines *list, const struct panel_ctx *ctx,
			  const struct irqs_chain *chain)
{
	struct fault_delivery del;
	char sym[96];

	for (unsigned int i = 0; i < chain->nr; i++) {
		lines_add(list, "   %s %-8s %s", irq_mark(chain->step[i].mark), chain->step[i].what,
			  chain->step[i].text);
		lines_tag(list, irq_tag(chain->source));
	}
	if (chain->vector < 0 || chain->vcpu >= ctx->view->nr_vcpus)
		return;
	fault_deliver(ctx->view, &ctx->view->vcpu[chain->vcpu].state, (unsigned int)chain->vector,
		      false, &del);
	lines_add(list, "     handler  " AS_SYMBOL "%s",
		  del.handler ? sym_text(ctx->syms, del.handler, sym, sizeof(sym)) : "-");
	lines_tag(list, irq_tag(chain->source));
}

static void irq_add_source(struct irq *irq, const struct panel_ctx *ctx,
			   const struct irqs_chain *chain)
{
	enum irqs_mark mark = chain->stop >= 0 && (chain->request || chain->in_service) ? IRQS_STOP
			      : chain->request || chain->in_service			? IRQS_PASS
											: IRQS_NOTE;
	char vector[8] = "--", verdict[160];

	if (chain->vector >= 0)
		snprintf(vector, sizeof(vector), "%02x", chain->vector & 0xff);
	lines_add(&irq->list, " %s %-14s %s %u  %s%s", irq_mark(mark), chain->name, vector,
		  chain->vcpu, mark == IRQS_STOP ? AS_WARN : "",
		  irqs_chain_verdict(chain, verdict, sizeof(verdict)));
	lines_tag(&irq->list, irq_tag(chain->source));
	if (irq->is_open && irq_same(irq->open, chain->source))
		irq_add_steps(&irq->list, ctx, chain);
	else
		irq_add_marks(&irq->list, chain);
}

static void irq_add_sources(struct irq *irq, const struct panel_ctx *ctx)
{
	struct irqs_source source[IRQS_SOURCES];
	unsigned int nr = irqs_sources(ctx->view, ctx->vcpu, source);
	char verdict[240], hint[160];
	struct irqs_chain chain;

	if (irqs_diagnose(ctx->view, ctx->vcpu, ctx->syms, verdict, sizeof(verdict), hint,
			  sizeof(hint))) {
		lines_add_row(&irq->list, " !", 3, verdict, 78);
		lines_add_row(&irq->list, "", 3, hint, 78);
	}
	lines_head(&irq->list, "   source        vec cpu  why not delivered");
	for (unsigned int i = 0; i < nr; i++) {
		irqs_chain(ctx->view, ctx->vcpu, source[i], &chain);
		irq_add_source(irq, ctx, &chain);
	}
	if (!nr)
		lines_add(&irq->list, AS_DIM "   none in use: all are masked and silent");
}

/* --- the processor and the controllers --- */

static void irq_add_state(struct lines *list, const struct panel_ctx *ctx,
			  const struct x86_state *st)
{
	const char *name = disasm_vector_name(st->exc_nr);
	const struct view_vcpu *vcpu = &ctx->view->vcpu[ctx->vcpu];
	char rate[FMT_MAX], total[FMT_MAX];

	lines_add(list, " IF=%d  cr8 %" PRIx64 "%s%s%s%s", (int)(st->rflags >> 9 & 1), st->cr8,
		  st->irq_shadow ? AS_WARN "  in an interrupt shadow" AS_NORMAL : "",
		  st->nmi_pending ? "  NMI pending" : "", st->nmi_masked ? "  NMI masked" : "",
		  st->mp_state == X86_MP_HALTED ? "  halted: waits for one" : "");
	if (vcpu->kvm_irqs != ~0ull && vcpu->kvm_irqs)
		lines_add(list, " delivered %s, %s a second", fmt_count(vcpu->kvm_irqs, total),
			  fmt_count(vcpu->irq_rate, rate));
	if (st->exc_injected)
		lines_add(list, AS_WARN " being delivered: %s error %x", name ? name : "exception",
			  st->exc_has_error ? st->exc_error : 0);
	if (st->irq_injected)
		lines_add(list, AS_WARN " being delivered: vector %02x", st->irq_nr);
}

static void irq_add_pics(struct lines *list, const struct vm_view *view)
{
	static const char *const name[2] = { "master", "slave" };

	lines_head(list, " 8259    irr      isr      imr      level    base");
	for (unsigned int i = 0; i < 2; i++) {
		const struct sample_pic *pic = &view->irqchips.pic[i];
		char bits[4][9];
		const uint8_t reg[4] = { pic->irr, pic->isr, pic->imr, pic->level };

		for (unsigned int r = 0; r < 4; r++) {
			for (unsigned int b = 0; b < 8; b++)
				bits[r][b] = reg[r] >> (7 - b) & 1 ? '1' : '0';
			bits[r][8] = '\0';
		}
		lines_add(list, "  %-6s %s %s %s %s %02x%s%s%s", name[i], bits[0], bits[1], bits[2],
			  bits[3], pic->base, pic->auto_eoi ? " auto EOI" : "",
			  pic->special ? " special mask" : "",
			  pic->init ? AS_WARN " in its initialisation" : "");
	}
}

static void irq_add_pins(struct lines *list, const struct vm_view *view)
{
	static const char *const modes[] = { "fixed", "lowest", "SMI", "?",
					     "NMI",   "INIT",	"?",   "ExtINT" };
	unsigned int masked = 0;

	lines_head(list, " I/O APIC");
	for (unsigned int pin = 0; pin < SAMPLE_PINS; pin++) {
		uint64_t ent = view->irqchips.redir[pin];

		if (ent >> 16 & 1) {
			masked++;
			continue;
		}
		lines_add(list, "  pin %-2u vector %02x %s %s %s to %s %x%s%s", pin,
			  (unsigned int)ent & 0xff, ent >> 15 & 1 ? "level" : "edge",
			  ent >> 13 & 1 ? "low" : "high", modes[ent >> 8 & 7],
			  ent >> 11 & 1 ? "logical" : "APIC", (unsigned int)(ent >> 56),
			  view->irqchips.pins_up >> pin & 1 ? ", up" : "",
			  ent >> 14 & 1 ? AS_WARN ", waits for EOI" : "");
	}
	lines_add(list, "  %u of %u pins masked", masked, SAMPLE_PINS);
}

static void irq_add_pit(struct lines *list, const struct vm_view *view)
{
	lines_head(list, " PIT");
	for (unsigned int i = 0; i < 3; i++) {
		const struct sample_pit *ch = &view->irqchips.pit[i];
		unsigned int count = ch->count ? ch->count : 0x10000;

		if (ch->mode > 5)
			lines_add(list, "  %u  " AS_DIM "not programmed", i);
		else
			lines_add(list, "  %u  mode %u reload %04x  %u.%02u Hz%s", i, ch->mode,
				  count & 0xffff, IRQ_PIT_HZ / count,
				  IRQ_PIT_HZ % count * 100 / count,
				  ch->gate ? "" : AS_DIM "  gate closed");
	}
}

/* "20 21 ec" or "-". */
static void irq_vectors(const uint32_t bits[8], char *out, size_t len)
{
	size_t used = 0;

	snprintf(out, len, "-");
	for (unsigned int vector = 0; vector < 256 && used + 8 < len; vector++)
		if (bits[vector / 32] >> (vector % 32) & 1)
			used += (size_t)snprintf(out + used, len - used, used ? " %02x" : "%02x",
						 vector);
}

static void irq_add_lvts(struct lines *list, const struct irqs_lapic *apic)
{
	static const char *const timer[] = { "one-shot", "periodic", "deadline", "?" };
	static const char *const modes[] = {
		"fixed", "?", "SMI", "?", "NMI", "INIT", "?", "ExtINT"
	};

	for (unsigned int i = 0; i < IRQS_NR_LVT; i++) {
		const struct irqs_lvt *lvt = &apic->lvt[i];

		if (i == 0)
			lines_add(list, "  %-8s vector %02x %s%s  count %u of %u", lvt->name,
				  lvt->vector, timer[lvt->raw >> 17 & 3],
				  lvt->masked ? AS_DIM " masked" AS_NORMAL : "", apic->timer_now,
				  apic->timer_init);
		else if (i > 2)
			lines_add(list, "  %-8s vector %02x %s%s", lvt->name, lvt->vector,
				  modes[lvt->delivery], lvt->masked ? AS_DIM " masked" : "");
	}
}

static void irq_add_lapic(struct lines *list, const struct x86_state *st)
{
	char isr[128], irr[128], tmr[128];
	struct irqs_lapic apic;

	lines_head(list, " LAPIC");
	if (!(st->apic_base & 0x800)) {
		lines_add(list, "  " AS_WARN "off (IA32_APIC_BASE bit 11 is clear)");
		return;
	}
	if (!irqs_lapic(st, &apic)) {
		lines_add(list, "  at %" PRIx64 "  " AS_DIM "registers not published",
			  (uint64_t)(st->apic_base & ~0xfffull));
		return;
	}
	irq_vectors(apic.isr, isr, sizeof(isr));
	irq_vectors(apic.irr, irr, sizeof(irr));
	irq_vectors(apic.tmr, tmr, sizeof(tmr));
	lines_add(list, "  id %x  %s%s  tpr %02x  ppr %02x  spurious %02x  esr %x", apic.id,
		  apic.enabled ? "on" : AS_WARN "software-disabled" AS_NORMAL,
		  apic.x2apic ? " x2" : "", apic.tpr, apic.ppr, apic.spurious, apic.esr);
	lines_add(list, "  irr %s   isr %s   tmr %s", irr, isr, tmr);
	irq_add_lvts(list, &apic);
}

static void irq_add_idt(struct lines *list, const struct panel_ctx *ctx, const struct x86_state *st)
{
	unsigned int nr = (st->idt.limit + 1u) / tables_gate_len(st), present = 0, wrong = 0;
	struct tables_gate gate;

	nr = nr > 256 ? 256 : nr;
	for (unsigned int i = 0; i < nr; i++) {
		tables_gate(ctx->view, st, i, &gate);
		present += gate.present;
		wrong += gate.present && gate.wrong[0];
	}
	lines_add(list, " IDT  %s%u of %u gates present%s", nr && present ? "" : AS_WARN, present,
		  nr, wrong ? AS_WARN ", some of them wrong (screen 4)" : "");
}

/* --- the panel --- */

static int irq_create(struct panel *pan)
{
	pan->data = calloc(1, sizeof(struct irq));
	pan->has_cursor = true;
	return pan->data ? 0 : -ENOMEM;
}

static void irq_destroy(struct panel *pan)
{
	struct irq *irq = pan->data;

	if (irq)
		lines_free(&irq->list);
	free(irq);
}

static bool irq_build(struct panel *pan, const struct panel_ctx *ctx)
{
	const struct x86_state *st = fmt_state_of(ctx->view, ctx->vcpu);
	struct irq *irq = pan->data;

	lines_clear(&irq->list);
	if (!st)
		return false;
	irq_add_state(&irq->list, ctx, st);
	irq_add_sources(irq, ctx);
	if (ctx->view->irqchips.valid) {
		irq_add_pics(&irq->list, ctx->view);
		irq_add_pins(&irq->list, ctx->view);
	}
	irq_add_lapic(&irq->list, st);
	if (ctx->view->irqchips.valid)
		irq_add_pit(&irq->list, ctx->view);
	irq_add_idt(&irq->list, ctx, st);
	return true;
}

static void irq_take_cursor(struct irq *irq, const struct line *at)
{
	irq->has_cursor = at && at->tag;
	if (irq->has_cursor)
		irq->cursor = (struct irqs_source){ .kind = (enum irqs_kind)(at->tag >> 32),
						    .nr = (uint32_t)at->tag - 1 };
}

static void irq_draw(struct panel *pan, const struct panel_ctx *ctx, struct surface *sf,
		     struct rect area)
{
	struct irq *irq = pan->data;

	if (!irq_build(pan, ctx)) {
		surface_text(sf, area, 0, 0, STYLE_DIM, "no vCPU to show");
		return;
	}
	irq_take_cursor(irq, lines_draw(&irq->list, pan, sf, area, !pan->whole));
}

static unsigned int irq_request(struct panel *pan, const struct panel_ctx *ctx, enum request req)
{
	struct irq *irq = pan->data;

	if (req == REQ_EXPLAIN || req == REQ_ENTER) {
		irq_build(pan, ctx);
		irq_take_cursor(irq, lines_under(&irq->list, pan));
		if (!irq->has_cursor)
			return PANEL_HANDLED;
		irq->is_open = !irq->is_open || !irq_same(irq->open, irq->cursor);
		irq->open = irq->cursor;
		return PANEL_HANDLED | PANEL_REDRAW;
	}
	if (req == REQ_BACK && irq->is_open) {
		irq->is_open = false;
		return PANEL_HANDLED | PANEL_REDRAW;
	}
	return PANEL_IGNORED;
}

static int irq_rows(struct panel *pan, const struct panel_ctx *ctx, int cols)
{
	(void)cols;
	irq_build(pan, ctx);
	return (int)((struct irq *)pan->data)->list.nr;
}

static json_t *irq_vectors_array(const uint32_t bits[8])
{
	json_t *list = json_array();

	for (unsigned int i = 0; i < 256; i++)
		if (bits[i / 32] >> (i % 32) & 1)
			json_array_append_new(list, json_integer(i));
	return list;
}

static json_t *irq_chain_object(const struct irqs_chain *chain)
{
	static const char *const marks[] = { "pass", "stop", "note" };
	json_t *steps = json_array();
	char verdict[160];

	for (unsigned int i = 0; i < chain->nr; i++)
		json_array_append_new(
			steps, json_pack("{s:s, s:s, s:s}", "what", chain->step[i].what, "mark",
					 marks[chain->step[i].mark], "text", chain->step[i].text));
	return json_pack("{s:s, s:i, s:i, s:b, s:b, s:b, s:s, s:s, s:o}", "source", chain->name,
			 "vector", chain->vector, "vcpu", (int)chain->vcpu, "request",
			 chain->request, "in_service", chain->in_service, "level", chain->level,
			 "stopped_by", chain->stop < 0 ? "" : chain->step[chain->stop].what,
			 "verdict", irqs_chain_verdict(chain, verdict, sizeof(verdict)), "steps",
			 steps);
}

static json_t *irq_vcpu_object(const struct panel_ctx *ctx, unsigned int vcpu)
{
	const struct x86_state *st = &ctx->view->vcpu[vcpu].state;
	struct irqs_source source[IRQS_SOURCES];
	unsigned int nr = irqs_sources(ctx->view, vcpu, source);
	json_t *list = json_array();
	struct irqs_lapic apic;
	struct irqs_chain chain;

	irqs_lapic(st, &apic);
	for (unsigned int i = 0; i < nr; i++) {
		irqs_chain(ctx->view, vcpu, source[i], &chain);
		json_array_append_new(list, irq_chain_object(&chain));
	}
	return json_pack("{s:i, s:b, s:b, s:i, s:i, s:o, s:o, s:o}", "vcpu", (int)vcpu, "if",
			 (int)(st->rflags >> 9 & 1), "lapic", st->has_lapic_regs != 0, "tpr",
			 (int)apic.tpr, "ppr", (int)apic.ppr, "irr", irq_vectors_array(apic.irr),
			 "isr", irq_vectors_array(apic.isr), "sources", list);
}

static json_t *irq_controllers_object(const struct vm_view *view)
{
	json_t *pics = json_array(), *pins = json_array();
	char entry[24];

	for (unsigned int i = 0; i < 2; i++) {
		const struct sample_pic *pic = &view->irqchips.pic[i];

		json_array_append_new(pics, json_pack("{s:i, s:i, s:i, s:i, s:i}", "irr", pic->irr,
						      "isr", pic->isr, "imr", pic->imr, "level",
						      pic->level, "base", pic->base));
	}
	for (unsigned int i = 0; i < SAMPLE_PINS; i++) {
		snprintf(entry, sizeof(entry), "0x%016" PRIx64, view->irqchips.redir[i]);
		json_array_append_new(pins, json_string(entry));
	}
	return json_pack("{s:o, s:o}", "pic", pics, "redirection", pins);
}

static char *irq_json(struct panel *pan, const struct panel_ctx *ctx)
{
	json_t *list = json_array(), *obj;
	char *text;

	(void)pan;
	if (!ctx->view) {
		json_decref(list);
		return NULL;
	}
	for (unsigned int i = 0; ctx->view->vcpu && i < ctx->view->nr_vcpus; i++)
		json_array_append_new(list, irq_vcpu_object(ctx, i));
	obj = json_pack("{s:o, s:o}", "vcpus", list, "controllers",
			irq_controllers_object(ctx->view));
	text = obj ? json_dumps(obj, JSON_INDENT(2)) : NULL;
	json_decref(obj);
	return text;
}

static const enum request irq_verbs[] = { REQ_EXPLAIN,	REQ_NEXT_VCPU, REQ_STEP,
					  REQ_CONTINUE, REQ_PAUSE,     REQ_FILTER,
					  REQ_YANK,	REQ_WRITE,     REQ_NONE };

const struct panel_ops panel_irq_ops = {
	.id = "irq",
	.title = "Interrupts",
	.min_rows = 1,
	.min_cols = 30,
	.create = irq_create,
	.destroy = irq_destroy,
	.draw = irq_draw,
	.request = irq_request,
	.json = irq_json,
	.rows = irq_rows,
	.verbs = irq_verbs,
};
