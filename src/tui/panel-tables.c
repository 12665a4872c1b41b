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
#include "inspect/regs.h"
#include "tui/desc.h"
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

static void tables_add_gdt(struct lines *list, const struct panel_ctx *ctx,
			   const struct x86_state *st)
{
	unsigned int nr = (st->gdt.limit + 1u) / 8;

	lines_head(list, AS_TITLE " GDT" AS_NORMAL "  %" PRIx64 "  %u entries", st->gdt.base, nr);
	for (unsigned int i = 1; i < nr && i < TABLES_GDT_MAX; i++) {
		struct desc_segment seg;
		char type[24], users[40];

		desc_segment_read(ctx->view, ctx->vcpu, i, &seg);
		tables_users(st, i, users, sizeof(users));
		if (!seg.readable) {
			lines_add(list, "  %04x  " AS_BAD "cannot be read", i * 8);
			return;
		}
		if (!seg.present && !seg.limit)
			continue;
		lines_add(list,
			  "  %04x  %-13s DPL%u %s%s" AS_NORMAL "  base %016" PRIx64
			  " limit %08x" AS_SYMBOL "%s",
			  i * 8, desc_segment_type(&seg, type), seg.dpl, seg.present ? "" : AS_WARN,
			  seg.present ? "P" : "-", seg.base, seg.limit, users);
		lines_tag(list, seg.base);
		i += seg.wide;
	}
	if (nr > TABLES_GDT_MAX)
		lines_add(list, AS_DIM "        %u more", nr - TABLES_GDT_MAX);
}

static bool tables_gate_equal(const struct desc_gate *a, const struct desc_gate *b)
{
	return a->readable == b->readable && a->present == b->present && a->sel == b->sel &&
	       a->type == b->type && a->dpl == b->dpl && a->ist == b->ist &&
	       (!a->present || a->handler == b->handler);
}

static void tables_add_gates(struct lines *list, const struct panel_ctx *ctx, unsigned int first,
			     unsigned int last, const struct desc_gate *gate)
{
	const char *vector = disasm_vector_name(first);
	char type[16], sym[96], range[16];

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
		lines_add(list, AS_DIM "  %-8snot present: #NP", range);
		return;
	}
	sym_text(ctx->syms, gate->handler, sym, sizeof(sym));
	lines_add(list, "  %-8s%-5s %-7s DPL%u ist%u  %04x:%016" PRIx64 " " AS_SYMBOL "%s", range,
		  vector && first == last ? vector : "", desc_gate_type(gate, type), gate->dpl,
		  gate->ist, gate->sel, gate->handler, sym);
	lines_tag(list, gate->handler);
}

static void tables_add_idt(struct lines *list, const struct panel_ctx *ctx,
			   const struct x86_state *st)
{
	unsigned int nr = desc_gates(st), first = 0;
	struct desc_gate run, gate;

	lines_head(list, AS_TITLE " IDT" AS_NORMAL "  %" PRIx64 "  %u gates", st->idt.base, nr);
	if (!nr) {
		lines_add(list, AS_BAD "  empty: the first interrupt or exception ends in a "
				       "triple fault");
		return;
	}
	desc_gate_read(ctx->view, ctx->vcpu, 0, &run);
	for (unsigned int i = 1; i <= nr; i++) {
		if (i < nr) {
			desc_gate_read(ctx->view, ctx->vcpu, i, &gate);
			if (tables_gate_equal(&run, &gate))
				continue;
		}
		tables_add_gates(list, ctx, first, i - 1, &run);
		first = i;
		run = gate;
	}
}

static void tables_add_tss(struct lines *list, const struct panel_ctx *ctx,
			   const struct x86_state *st)
{
	const struct x86_seg *tr = &st->seg[X86_TR];
	bool ia32e = st->efer & X86_EFER_LMA;
	uint8_t raw[104];

	lines_head(list, AS_TITLE " TSS" AS_NORMAL "  tr %04x  %" PRIx64, tr->sel, tr->base);
	if (view_read_va(ctx->view, ctx->vcpu, tr->base, raw, sizeof(raw)) != sizeof(raw)) {
		lines_add(list, AS_DIM "  cannot be read");
		return;
	}
	for (int i = 0; i < 3; i++) {
		uint64_t rsp = 0;

		memcpy(&rsp, raw + 4 + i * 8, ia32e ? 8 : 4);
		if (rsp || i == 0)
			lines_add(list, "  %s%d  %016" PRIx64, ia32e ? "rsp" : "esp", i, rsp);
		lines_tag(list, rsp);
	}
	for (int i = 0; ia32e && i < 7; i++) {
		uint64_t ist;

		memcpy(&ist, raw + 36 + i * 8, 8);
		if (ist)
			lines_add(list, "  ist%d  %016" PRIx64, i + 1, ist);
		lines_tag(list, ist);
	}
}

static void tables_add_msrs(struct lines *list, const struct panel_ctx *ctx,
			    const struct x86_state *st)
{
	lines_head(list, AS_TITLE " MSRs");
	for (unsigned int i = 0; i < X86_NR_MSR; i++) {
		enum x86_msr_slot slot = (enum x86_msr_slot)i;
		char sym[96];

		sym_text(ctx->syms, st->msr[i], sym, sizeof(sym));
		lines_add(list, "  %08x %-16s %016" PRIx64 " " AS_SYMBOL "%s", regs_msr_index(slot),
			  regs_msr_name(slot), st->msr[i], sym);
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

	for (unsigned int i = 0; i < desc_gates(st); i++) {
		struct desc_gate gate;
		char handler[FMT_MAX], type[16];

		desc_gate_read(ctx->view, ctx->vcpu, i, &gate);
		if (!gate.present)
			continue;
		snprintf(handler, sizeof(handler), "0x%" PRIx64, gate.handler);
		json_array_append_new(list, json_pack("{s:i, s:s, s:s, s:i, s:i, s:i}", "vector", i,
						      "type", desc_gate_type(&gate, type),
						      "handler", handler, "selector", gate.sel,
						      "dpl", gate.dpl, "ist", gate.ist));
	}
	return list;
}

static json_t *tables_gdt_array(const struct panel_ctx *ctx, const struct x86_state *st)
{
	json_t *list = json_array();

	for (unsigned int i = 1; i < (st->gdt.limit + 1u) / 8; i++) {
		struct desc_segment seg;
		char base[FMT_MAX], type[24];

		desc_segment_read(ctx->view, ctx->vcpu, i, &seg);
		if (!seg.present)
			continue;
		snprintf(base, sizeof(base), "0x%" PRIx64, seg.base);
		json_array_append_new(list,
				      json_pack("{s:i, s:s, s:s, s:I, s:i}", "selector", i * 8,
						"type", desc_segment_type(&seg, type), "base", base,
						"limit", (json_int_t)seg.limit, "dpl", seg.dpl));
		i += seg.wide;
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
