/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The vCPU's tables as it reads them: GDT, IDT (equal gates in a row folded), TSS, MSRs. */
#include "tui/panel.h"

#include <errno.h>
#include <inttypes.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "inspect/disasm.h"
#include "inspect/fault.h"
#include "inspect/msr.h"
#include "inspect/regs.h"
#include "inspect/tables.h"
#include "tui/fmt.h"
#include "tui/lines.h"

#define TABLES_GDT_MAX 64

struct tables {
	struct lines list;
	uint64_t under;
};

static int tables_create(struct panel *pan)
{
	pan->data = calloc(1, sizeof(struct tables));
	pan->has_cursor = true;
	return pan->data ? 0 : -ENOMEM;
}

static void tables_destroy(struct panel *pan)
{
	struct tables *tab = pan->data;

	if (tab)
		lines_free(&tab->list);
	free(tab);
}

/* Which segment registers hold the selector of descriptor INDEX. */
static void tables_users(const struct x86_state *st, unsigned int index, char *out, size_t len)
{
	static const char *const names[X86_NR_SEG] = { "es", "cs", "ss",   "ds",
						       "fs", "gs", "ldtr", "tr" };

	out[0] = '\0';
	for (int i = 0; i < X86_NR_SEG; i++)
		if (index && (st->seg[i].sel & ~7u) == index * 8) {
			size_t used = strlen(out);

			snprintf(out + used, len - used, " %s", names[i]);
		}
}

/* What is wrong with the entry above, in a line of its own. */
static void tables_add_wrong(struct lines *list, const char *wrong, uint64_t tag)
{
	if (!wrong[0])
		return;
	lines_add(list, "        " AS_BAD "! %s", wrong);
	lines_tag(list, tag);
}

/* An absent or meaningless descriptor is only a mistake where something uses it. */
static void tables_add_gdt(struct lines *list, const struct panel_ctx *ctx,
			   const struct x86_state *st)
{
	unsigned int nr = (st->gdt.limit + 1u) / 8;

	lines_head(list, AS_TITLE " GDT" AS_NORMAL "  %" PRIx64 "  %u entries", st->gdt.base, nr);
	for (unsigned int i = 1; i < nr && i < TABLES_GDT_MAX; i++) {
		struct tables_desc desc;
		char users[40];

		tables_desc(ctx->view, st, (uint16_t)(i * 8), &desc);
		tables_users(st, i, users, sizeof(users));
		if (!desc.readable) {
			lines_add(list, "  %04x  " AS_BAD "cannot be read", i * 8);
			return;
		}
		if (!desc.present && !desc.raw[0])
			continue;
		lines_add(list,
			  "  %04x  %-20s %s%s" AS_NORMAL "  base %0*" PRIx64 " limit %08x" AS_SYMBOL
			  "%s",
			  i * 8, desc.text, desc.present ? "" : AS_WARN, desc.present ? "P" : "-",
			  desc.system && st->efer & X86_EFER_LMA ? 16 : 8, desc.base, desc.limit,
			  users);
		lines_tag(list, desc.base);
		if (users[0])
			tables_add_wrong(list, desc.wrong, desc.base);
		i += desc.system && desc.present && st->efer & X86_EFER_LMA;
	}
	if (nr > TABLES_GDT_MAX)
		lines_add(list, AS_DIM "        %u more", nr - TABLES_GDT_MAX);
}

static unsigned int tables_gates(const struct x86_state *st)
{
	unsigned int nr = (st->idt.limit + 1u) / tables_gate_len(st);

	return nr > 256 ? 256 : nr;
}

static bool tables_gate_equal(const struct tables_gate *a, const struct tables_gate *b)
{
	return a->readable == b->readable && a->present == b->present && a->sel == b->sel &&
	       a->type == b->type && a->dpl == b->dpl && a->ist == b->ist &&
	       (!a->present || a->offset == b->offset);
}

/* A gate, its handler and, where its use would fail, why: the stack included. */
static void tables_add_gates(struct lines *list, const struct panel_ctx *ctx,
			     const struct x86_state *st, unsigned int first, unsigned int last,
			     const struct tables_gate *gate)
{
	const char *vector = disasm_vector_name(first);
	struct fault_delivery del;
	char sym[96], range[16];

	if (first == last)
		snprintf(range, sizeof(range), "%u", first);
	else
		snprintf(range, sizeof(range), "%u-%u", first, last);
	if (!gate->readable) {
		lines_add(list, "  %-8s" AS_BAD "cannot be read: the IDT is not mapped there",
			  range);
		return;
	}
	if (!gate->present) {
		lines_add(list, AS_DIM "  %-8s%s", range,
			  gate->empty ? "empty: its use raises #GP" : "not present: #NP");
		return;
	}
	sym_text(ctx->syms, gate->offset, sym, sizeof(sym));
	lines_add(list, "  %-8s%-5s %s  " AS_SYMBOL "%s", range,
		  vector && first == last ? vector : "", gate->text, sym);
	lines_tag(list, gate->offset);
	fault_deliver(ctx->view, st, first, false, &del);
	tables_add_wrong(list, del.next.found ? del.next.what : "", gate->offset);
}

static void tables_add_idt(struct lines *list, const struct panel_ctx *ctx,
			   const struct x86_state *st)
{
	unsigned int nr = tables_gates(st), first = 0;
	struct tables_gate run, gate;

	lines_head(list, AS_TITLE " IDT" AS_NORMAL "  %" PRIx64 "  %u gates", st->idt.base, nr);
	if (!nr) {
		lines_add(list, AS_BAD "  empty: the first interrupt or exception ends in a "
				       "triple fault");
		return;
	}
	tables_gate(ctx->view, st, 0, &run);
	for (unsigned int i = 1; i <= nr; i++) {
		if (i < nr) {
			tables_gate(ctx->view, st, i, &gate);
			if (tables_gate_equal(&run, &gate))
				continue;
		}
		tables_add_gates(list, ctx, st, first, i - 1, &run);
		first = i;
		run = gate;
	}
}

/* A stack pointer of the TSS; the first word below it must be writable to be of use. */
static void tables_add_stack(struct lines *list, const struct panel_ctx *ctx,
			     const struct x86_state *st, const char *name, unsigned int nr,
			     uint64_t rsp)
{
	struct mmu_explain ex;
	char sym[96];

	lines_add(list, "  %s%u  %016" PRIx64 "  " AS_SYMBOL "%s", name, nr, rsp,
		  sym_text(ctx->syms, rsp, sym, sizeof(sym)));
	lines_tag(list, rsp);
	if (!rsp)
		return;
	mmu_explain(ctx->view, st, rsp - 8, MMU_ACCESS_WRITE, 0, &ex);
	tables_add_wrong(list, ex.faults ? ex.reason : "", rsp);
}

static void tables_add_tss(struct lines *list, const struct panel_ctx *ctx,
			   const struct x86_state *st)
{
	const struct x86_seg *tr = &st->seg[X86_TR];
	struct tables_tss tss;

	lines_head(list, AS_TITLE " TSS" AS_NORMAL "  tr %04x  %" PRIx64, tr->sel, tr->base);
	tables_tss(ctx->view, st, &tss);
	if (!tss.readable) {
		lines_add(list, AS_DIM "  cannot be read");
		return;
	}
	for (unsigned int i = 0; i < 3; i++)
		if (tss.rsp[i] || i == 0)
			tables_add_stack(list, ctx, st, tss.wide ? "rsp" : "esp", i, tss.rsp[i]);
	for (unsigned int i = 1; tss.wide && i < 8; i++)
		if (tss.ist[i])
			tables_add_stack(list, ctx, st, "ist", i, tss.ist[i]);
	lines_add(list, "  I/O map at %04x%s", tss.iomap,
		  tss.iomap > tr->limit ? AS_DIM "  beyond the limit: none" : "");
}

static void tables_add_msrs(struct lines *list, const struct panel_ctx *ctx,
			    const struct x86_state *st)
{
	char sym[96], text[96];

	lines_head(list, AS_TITLE " MSRs");
	lines_add(list, "  %08x %-16s %016" PRIx64 " %s", 0x1b, "apic_base", st->apic_base,
		  msr_text(0x1b, st->apic_base, text, sizeof(text)));
	lines_add(list, "  %08x %-16s %016" PRIx64 " %s", 0xc0000080, "efer", st->efer,
		  msr_text(0xc0000080, st->efer, text, sizeof(text)));
	for (unsigned int i = 0; i < X86_NR_MSR; i++) {
		enum x86_msr_slot slot = (enum x86_msr_slot)i;

		sym_text(ctx->syms, st->msr[i], sym, sizeof(sym));
		msr_text(regs_msr_index(slot), st->msr[i], text, sizeof(text));
		lines_add(list, "  %08x %-16s %016" PRIx64 " " AS_SYMBOL "%s" AS_NORMAL "%s",
			  regs_msr_index(slot), regs_msr_name(slot), st->msr[i], text[0] ? "" : sym,
			  text);
		lines_tag(list, st->msr[i]);
	}
}

static bool tables_build(struct panel *pan, const struct panel_ctx *ctx)
{
	const struct x86_state *st = fmt_state_of(ctx->view, ctx->vcpu);
	struct tables *tab = pan->data;

	lines_clear(&tab->list);
	if (!st)
		return false;
	tables_add_gdt(&tab->list, ctx, st);
	tables_add_idt(&tab->list, ctx, st);
	tables_add_tss(&tab->list, ctx, st);
	tables_add_msrs(&tab->list, ctx, st);
	return true;
}

static void tables_draw(struct panel *pan, const struct panel_ctx *ctx, struct surface *sf,
			struct rect area)
{
	struct tables *tab = pan->data;
	const struct line *under;

	if (!tables_build(pan, ctx)) {
		surface_text(sf, area, 0, 0, STYLE_DIM, "no vCPU to show");
		return;
	}
	under = lines_draw(&tab->list, pan, sf, area, pan->focused);
	tab->under = under ? under->tag : 0;
}

static int tables_rows(struct panel *pan, const struct panel_ctx *ctx, int cols)
{
	(void)cols;
	tables_build(pan, ctx);
	return (int)((struct tables *)pan->data)->list.nr;
}

static bool tables_target(struct panel *pan, const struct panel_ctx *ctx, uint64_t *addr)
{
	(void)ctx;
	*addr = ((struct tables *)pan->data)->under;
	return *addr != 0;
}

static json_t *tables_idt_array(const struct panel_ctx *ctx, const struct x86_state *st)
{
	json_t *list = json_array();

	for (unsigned int i = 0; i < tables_gates(st); i++) {
		struct tables_gate gate;
		char handler[FMT_MAX];

		tables_gate(ctx->view, st, i, &gate);
		if (!gate.present)
			continue;
		snprintf(handler, sizeof(handler), "0x%" PRIx64, gate.offset);
		json_array_append_new(
			list, json_pack("{s:i, s:i, s:s, s:i, s:i, s:i, s:s}", "vector", i, "type",
					gate.type, "handler", handler, "selector", gate.sel, "dpl",
					gate.dpl, "ist", gate.ist, "wrong", gate.wrong));
	}
	return list;
}

static json_t *tables_gdt_array(const struct panel_ctx *ctx, const struct x86_state *st)
{
	json_t *list = json_array();

	for (unsigned int i = 1; i < (st->gdt.limit + 1u) / 8; i++) {
		struct tables_desc desc;
		char base[FMT_MAX];

		tables_desc(ctx->view, st, (uint16_t)(i * 8), &desc);
		if (!desc.present)
			continue;
		snprintf(base, sizeof(base), "0x%" PRIx64, desc.base);
		json_array_append_new(list, json_pack("{s:i, s:s, s:s, s:I, s:i, s:s}", "selector",
						      i * 8, "type", desc.text, "base", base,
						      "limit", (json_int_t)desc.limit, "dpl",
						      desc.dpl, "wrong", desc.wrong));
		i += desc.system && st->efer & X86_EFER_LMA;
	}
	return list;
}

static char *tables_json(struct panel *pan, const struct panel_ctx *ctx)
{
	const struct x86_state *st = fmt_state_of(ctx->view, ctx->vcpu);
	json_t *obj, *msrs = json_object();
	char text[FMT_MAX], *out;

	(void)pan;
	if (!st) {
		json_decref(msrs);
		return NULL;
	}
	for (unsigned int i = 0; i < X86_NR_MSR; i++) {
		snprintf(text, sizeof(text), "0x%" PRIx64, st->msr[i]);
		json_object_set_new(msrs, regs_msr_name((enum x86_msr_slot)i), json_string(text));
	}
	obj = json_pack("{s:o, s:o, s:o}", "gdt", tables_gdt_array(ctx, st), "idt",
			tables_idt_array(ctx, st), "msrs", msrs);
	out = obj ? json_dumps(obj, JSON_INDENT(2)) : NULL;
	json_decref(obj);
	return out;
}

static const enum request tables_verbs[] = { REQ_EXPLAIN, REQ_ENTER, REQ_FILTER, REQ_NEXT_VCPU,
					     REQ_STEP,	  REQ_YANK,  REQ_WRITE,	 REQ_NONE };

const struct panel_ops panel_tables_ops = {
	.id = "tables",
	.title = "Tables",
	.min_rows = 2,
	.min_cols = 36,
	.create = tables_create,
	.destroy = tables_destroy,
	.draw = tables_draw,
	.json = tables_json,
	.rows = tables_rows,
	.target = tables_target,
	.verbs = tables_verbs,
};
