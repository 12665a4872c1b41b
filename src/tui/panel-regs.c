/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Registers of one vCPU: general ones in a grid, the rest as a flow of items
 * with their bits in words. A '*' stands after the name of what changed since
 * the stop before.
 */
#include "tui/panel.h"

#include <inttypes.h>
#include <jansson.h>
#include <stdio.h>
#include <string.h>

#include "inspect/disasm.h"
#include "inspect/regs.h"
#include "inspect/tables.h"
#include "tui/fmt.h"
#include "tui/panel-parts.h"

static const struct {
	const char *name64, *name32;
	int gpr; /* X86_R*, or below */
} regs_grid[] = {
	{ "rax", "eax", X86_RAX }, { "rbx", "ebx", X86_RBX }, { "rcx", "ecx", X86_RCX },
	{ "rdx", "edx", X86_RDX }, { "rsi", "esi", X86_RSI }, { "rdi", "edi", X86_RDI },
	{ "rbp", "ebp", X86_RBP }, { "rsp", "esp", X86_RSP }, { "rip", "eip", -1 },
	{ "r8 ", NULL, X86_R8 },   { "r9 ", NULL, X86_R9 },   { "r10", NULL, X86_R10 },
	{ "r11", NULL, X86_R11 },  { "r12", NULL, X86_R12 },  { "r13", NULL, X86_R13 },
	{ "r14", NULL, X86_R14 },  { "r15", NULL, X86_R15 },  { "rfl", "efl", -2 },
};

#define REGS_GRID (sizeof(regs_grid) / sizeof(regs_grid[0]))

/* Where the next item of the flow goes. */
struct regs_pen {
	struct surface *sf; /* NULL: only measure */
	struct rect area;
	const struct panel_ctx *ctx;
	const struct x86_state *st, *prev;
	int row, col;
	int scroll; /* rows above the area */
};

static uint64_t regs_grid_value(const struct x86_state *st, int gpr)
{
	if (gpr == -1)
		return st->rip;
	if (gpr == -2)
		return st->rflags;
	return st->gpr[gpr];
}

/* One register of the grid; returns the column after it. */
static int regs_cell(struct regs_pen *pen, int row, int col, unsigned int i, bool long64)
{
	uint64_t val = regs_grid_value(pen->st, regs_grid[i].gpr);
	bool changed = pen->prev && regs_grid_value(pen->prev, regs_grid[i].gpr) != val;

	if (!pen->sf)
		return col;
	row -= pen->scroll;
	col = surface_text(pen->sf, pen->area, row, col, STYLE_DIM,
			   long64 ? regs_grid[i].name64 : regs_grid[i].name32);
	col = surface_text(pen->sf, pen->area, row, col, STYLE_CHANGED, changed ? "*" : " ");
	return surface_printf(pen->sf, pen->area, row, col, changed ? STYLE_CHANGED : STYLE_NORMAL,
			      long64 ? "%016" PRIx64 : "%08" PRIx64,
			      long64 ? val : val & 0xffffffff);
}

/* In a narrow grid each value has room for what it points at. */
static void regs_cell_symbol(struct regs_pen *pen, int row, int col, unsigned int i)
{
	uint64_t val = regs_grid_value(pen->st, regs_grid[i].gpr);
	char text[64];

	if (!pen->sf || regs_grid[i].gpr == -2 || pen->area.cols - col < 6)
		return;
	if (regs_grid[i].gpr == -1)
		val = x86_state_linear_rip(pen->st);
	sym_text(pen->ctx->syms, val, text, sizeof(text));
	surface_text(pen->sf, pen->area, row - pen->scroll, col + 1, STYLE_SYMBOL, text);
}

/* The grid, COLS columns of it; two columns read downwards, more of them across. */
static void regs_draw_grid(struct regs_pen *pen, int cols, bool long64)
{
	unsigned int nr = 0, list[REGS_GRID];
	int rows, width = long64 ? 22 : 14;

	for (unsigned int i = 0; i < REGS_GRID; i++)
		if (long64 || regs_grid[i].name32)
			list[nr++] = i;
	rows = ((int)nr + cols - 1) / cols;
	for (unsigned int i = 0; i < nr; i++) {
		int row = cols == 2 ? (int)i % rows : (int)i / cols;
		int col = cols == 2 ? (int)i / rows : (int)i % cols;
		int end = regs_cell(pen, row, col * width, list[i], long64);

		if (cols == 1)
			regs_cell_symbol(pen, row, end, list[i]);
	}
	pen->row = rows;
}

/* A value too long for a line goes on below, broken between its words. */
static void regs_words(struct regs_pen *pen, enum style style, const char *value)
{
	while (*value) {
		int len = (int)strcspn(value, " ");

		if (pen->col + len > pen->area.cols && pen->col > 4) {
			pen->row++;
			pen->col = 4;
		}
		if (pen->sf)
			surface_printf(pen->sf, pen->area, pen->row - pen->scroll, pen->col, style,
				       "%.*s", len, value);
		pen->col += len;
		value += len;
		while (*value == ' ') {
			value++;
			pen->col++;
		}
	}
}

/* An item of the flow: name, change mark, value with bits in words. */
static void regs_item(struct regs_pen *pen, const char *name, bool changed, const char *value)
{
	int len = (int)(strlen(name) + 1 + strlen(value));

	if (pen->col && pen->col + len > pen->area.cols) {
		pen->row++;
		pen->col = 0;
	}
	if (pen->sf) {
		int row = pen->row - pen->scroll;
		int col = surface_text(pen->sf, pen->area, row, pen->col, STYLE_DIM, name);

		surface_text(pen->sf, pen->area, row, col, STYLE_CHANGED, changed ? "*" : " ");
	}
	pen->col += (int)strlen(name) + 1;
	regs_words(pen, changed ? STYLE_CHANGED : STYLE_NORMAL, value);
	pen->col += 2;
}

static void regs_break(struct regs_pen *pen)
{
	if (pen->col)
		pen->row++;
	pen->col = 0;
}

/* A register whose bits have names. */
static void regs_bits(struct regs_pen *pen, const char *name, uint64_t val, uint64_t prev,
		      void (*words)(uint64_t, struct buf *))
{
	struct buf text = BUF_INIT;

	buf_printf(&text, "%" PRIx64, val);
	if (words && val) {
		buf_addc(&text, ' ');
		words(val, &text);
	}
	while (text.len && text.data[text.len - 1] == ' ')
		text.data[--text.len] = '\0';
	regs_item(pen, name, val != prev, buf_str(&text));
	buf_free(&text);
}

static void regs_flags(struct regs_pen *pen, const char *name)
{
	struct buf text = BUF_INIT;

	regs_rflags_text(pen->st->rflags, &text);
	if (!text.len)
		buf_addc(&text, '-');
	regs_item(pen, name, pen->prev && pen->prev->rflags != pen->st->rflags, buf_str(&text));
	buf_free(&text);
}

/* As regs_bits() for values that are seldom of interest: left out where zero and unchanged. */
static void regs_rare(struct regs_pen *pen, const char *name, uint64_t val, uint64_t prev)
{
	if (val || val != prev)
		regs_bits(pen, name, val, prev, NULL);
}

static const struct x86_state *regs_prev(const struct regs_pen *pen)
{
	return pen->prev ? pen->prev : pen->st;
}

static void regs_control(struct regs_pen *pen)
{
	const struct x86_state *st = pen->st, *old = regs_prev(pen);

	regs_bits(pen, "cr0", st->cr0, old->cr0, regs_cr0_text);
	regs_bits(pen, "cr2", st->cr2, old->cr2, NULL);
	regs_bits(pen, "cr3", st->cr3, old->cr3, NULL);
	regs_bits(pen, "cr4", st->cr4, old->cr4, regs_cr4_text);
	regs_bits(pen, "efer", st->efer, old->efer, regs_efer_text);
}

/* "0008 L64 DPL0": what the selector's hidden part says, shortest first. */
static void regs_segment_text(const struct x86_seg *seg, enum x86_segname name, bool brief,
			      char *out, size_t len)
{
	const char *size = seg->attr & X86_SEG_L    ? " L64"
			   : seg->attr & X86_SEG_DB ? " D32"
						    : " D16";
	bool zero_based = seg->base == 0 && seg->limit == 0xffffffff;

	if (seg->attr & X86_SEG_UNUSABLE) {
		snprintf(out, len, "%04x -", seg->sel);
		return;
	}
	if (name == X86_TR) {
		snprintf(out, len, "%04x%s", seg->sel, seg->attr & 2 ? " busy" : " avail");
		return;
	}
	if (name != X86_CS)
		size = "";
	if (brief || seg->base == (uint64_t)seg->sel << 4 || (seg->attr & X86_SEG_L) ||
	    zero_based || name == X86_FS || name == X86_GS)
		snprintf(out, len, "%04x%s%s", seg->sel, size,
			 name == X86_CS && !brief
				 ? (const char *[]){ " DPL0", " DPL1", " DPL2",
						     " DPL3" }[X86_SEG_DPL(seg->attr)]
				 : "");
	else
		snprintf(out, len, "%04x%s base %" PRIx64 " lim %x", seg->sel, size, seg->base,
			 seg->limit);
}

static const char *const regs_segment_names[X86_NR_SEG] = {
	[X86_ES] = "es", [X86_CS] = "cs", [X86_SS] = "ss",     [X86_DS] = "ds",
	[X86_FS] = "fs", [X86_GS] = "gs", [X86_LDTR] = "ldtr", [X86_TR] = "tr",
};

static bool regs_segment_changed(const struct regs_pen *pen, enum x86_segname name)
{
	const struct x86_seg *now = &pen->st->seg[name], *old = &regs_prev(pen)->seg[name];

	return now->sel != old->sel || now->base != old->base || now->limit != old->limit ||
	       now->attr != old->attr;
}

static void regs_segments(struct regs_pen *pen)
{
	static const enum x86_segname order[] = { X86_CS, X86_SS, X86_DS, X86_ES,
						  X86_FS, X86_GS, X86_TR, X86_LDTR };
	char text[64];

	for (size_t i = 0; i < sizeof(order) / sizeof(order[0]); i++) {
		const struct x86_seg *seg = &pen->st->seg[order[i]];

		if (order[i] == X86_LDTR && (seg->attr & X86_SEG_UNUSABLE || !seg->sel))
			continue;
		regs_segment_text(seg, order[i], false, text, sizeof(text));
		regs_item(pen, regs_segment_names[order[i]], regs_segment_changed(pen, order[i]),
			  text);
	}
	regs_rare(pen, "fs.base", pen->st->seg[X86_FS].base, regs_prev(pen)->seg[X86_FS].base);
	regs_rare(pen, "gs.base", pen->st->seg[X86_GS].base, regs_prev(pen)->seg[X86_GS].base);
}

static void regs_table(struct regs_pen *pen, const char *name, const struct x86_dtable *now,
		       const struct x86_dtable *old)
{
	char text[48];

	snprintf(text, sizeof(text), "%" PRIx64 "/%x", now->base, now->limit);
	regs_item(pen, name, now->base != old->base || now->limit != old->limit, text);
}

static void regs_event(struct regs_pen *pen)
{
	const struct x86_state *st = pen->st;
	const char *name = disasm_vector_name(st->exc_nr);
	char text[48];

	if (st->exc_injected) {
		snprintf(text, sizeof(text), "%s err %x", name ? name : "?",
			 st->exc_has_error ? st->exc_error : 0);
		regs_item(pen, "delivering", false, text);
	}
	if (st->irq_injected) {
		snprintf(text, sizeof(text), "vector %u", st->irq_nr);
		regs_item(pen, "delivering", false, text);
	}
	if (st->irq_shadow)
		regs_item(pen, "shadow", false, "sti/mov ss");
	if (st->nmi_pending || st->nmi_masked)
		regs_item(pen, "nmi", false, st->nmi_pending ? "pending" : "masked");
	if (st->mp_state == X86_MP_HALTED)
		regs_item(pen, "mp", false, "halted");
}

static void regs_debug(struct regs_pen *pen)
{
	static const char *const names[] = { "dr0", "dr1", "dr2", "dr3" };
	const struct x86_state *st = pen->st, *old = regs_prev(pen);

	for (int i = 0; i < 4; i++)
		if (st->dr7 >> (2 * i) & 3)
			regs_bits(pen, names[i], st->dr[i], old->dr[i], NULL);
	regs_bits(pen, "dr6", st->dr6, old->dr6, NULL);
	regs_bits(pen, "dr7", st->dr7, old->dr7, NULL);
}

static void regs_system(struct regs_pen *pen)
{
	const struct x86_state *st = pen->st, *old = regs_prev(pen);

	regs_rare(pen, "cr8", st->cr8, old->cr8);
	regs_bits(pen, "apic", st->apic_base, old->apic_base, NULL);
	for (unsigned int i = 0; i < X86_NR_MSR; i++) {
		bool shown = i <= X86_MSR_KERNEL_GS_BASE || i == X86_MSR_TSC;

		if (shown)
			regs_rare(pen, regs_msr_name((enum x86_msr_slot)i), st->msr[i],
				  old->msr[i]);
	}
	regs_rare(pen, "xcr0", st->xcr0, old->xcr0);
}

static void regs_side_count(struct regs_pen *pen, int row, const char *name, unsigned int count)
{
	char text[16];

	snprintf(text, sizeof(text), "%u", count);
	pen->row = row;
	pen->col = 0;
	regs_item(pen, name, false, text);
}

/* At 78 columns three columns leave room at the right for what a glance needs of the segments. */
static void regs_side(struct regs_pen *pen)
{
	static const enum x86_segname order[] = { X86_CS, X86_SS, X86_TR };
	struct rect side = pen->area;
	struct regs_pen item = *pen;
	char text[64];

	side.col += 66;
	side.cols -= 66;
	item.area = side;
	for (int i = 0; i < 3; i++) {
		item.row = i;
		item.col = 0;
		regs_segment_text(&pen->st->seg[order[i]], order[i], true, text, sizeof(text));
		regs_item(&item, regs_segment_names[order[i]], regs_segment_changed(pen, order[i]),
			  text);
	}
	regs_side_count(&item, 3, "gdt", (pen->st->gdt.limit + 1u) / 8);
	regs_side_count(&item, 4, "idt", (pen->st->idt.limit + 1u) / tables_gate_len(pen->st));
	item.row = 5;
	item.col = 0;
	regs_flags(&item, "fl");
}

/* Draw (or, without a surface, measure); returns the rows all of it takes. */
static int regs_layout(struct regs_pen *pen)
{
	bool long64 = x86_state_mode(pen->st) == X86_MODE_LONG64;
	int width = long64 ? 22 : 14, cols = (pen->area.cols + 2) / width;

	cols = cols > (long64 ? 3 : 5) ? (long64 ? 3 : 5) : cols < 1 ? 1 : cols;
	regs_draw_grid(pen, cols, long64);
	regs_control(pen);
	regs_break(pen);
	regs_flags(pen, "flags");
	regs_event(pen);
	regs_segments(pen);
	regs_table(pen, "gdt", &pen->st->gdt, &regs_prev(pen)->gdt);
	regs_table(pen, "idt", &pen->st->idt, &regs_prev(pen)->idt);
	regs_break(pen);
	regs_debug(pen);
	regs_system(pen);
	return pen->row + (pen->col ? 1 : 0);
}

/* The short form of the small screen: the grid, segments at its right, control registers. */
static int regs_layout_brief(struct regs_pen *pen)
{
	bool long64 = x86_state_mode(pen->st) == X86_MODE_LONG64;

	if (!long64 || pen->area.cols < 78)
		return regs_layout(pen);
	regs_draw_grid(pen, 3, true);
	regs_side(pen);
	regs_control(pen);
	return pen->row + (pen->col ? 1 : 0);
}

static bool regs_pen_init(struct regs_pen *pen, const struct panel_ctx *ctx, struct surface *sf,
			  struct rect area)
{
	*pen = (struct regs_pen){ .sf = sf, .area = area, .ctx = ctx };
	pen->st = fmt_state_of(ctx->view, ctx->vcpu);
	pen->prev = fmt_state_of(ctx->prev, ctx->vcpu);
	return pen->st != NULL;
}

int panel_regs_brief(const struct panel_ctx *ctx, struct surface *sf, struct rect area)
{
	struct regs_pen pen;

	if (!regs_pen_init(&pen, ctx, sf, area))
		return 0;
	return regs_layout_brief(&pen);
}

/* With several vCPUs, a third of the pane at most is for what each of them does. */
static int regs_vcpus(const struct panel_ctx *ctx, struct surface *sf, struct rect area)
{
	area.rows /= 3;
	return panel_vcpus(ctx, sf, area);
}

static void regs_draw(struct panel *pan, const struct panel_ctx *ctx, struct surface *sf,
		      struct rect area)
{
	struct regs_pen pen;
	int table;

	if (area.rows >= 6) {
		table = pan->whole ? panel_vcpus(ctx, sf, area) : regs_vcpus(ctx, sf, area);
		area.row += table;
		area.rows -= table;
	}
	area.col++;
	area.cols--;
	if (!regs_pen_init(&pen, ctx, NULL, area)) {
		surface_text(sf, area, 0, 0, STYLE_DIM, "no vCPU to show");
		return;
	}
	if (pen.st->mp_state == X86_MP_UNINITIALIZED) {
		surface_printf(sf, area, 0, 0, STYLE_WARN, "vcpu%u waits for INIT and SIPI",
			       ctx->vcpu);
		area.row++;
		area.rows--;
	}
	pan->page = area.rows;
	pan->total = regs_layout(&pen);
	if (pan->scroll > pan->total - area.rows)
		pan->scroll = pan->total > area.rows ? pan->total - area.rows : 0;
	regs_pen_init(&pen, ctx, sf, area);
	pen.scroll = pan->scroll;
	regs_layout(&pen);
}

static int regs_rows(struct panel *pan, const struct panel_ctx *ctx, int cols)
{
	struct regs_pen pen;

	(void)pan;
	if (!regs_pen_init(&pen, ctx, NULL, (struct rect){ 0, 0, 1000, cols - 1 }))
		return 1;
	return regs_layout(&pen) + 1 + panel_vcpus(ctx, NULL, (struct rect){ 0, 0, 1000, cols });
}

static void regs_subtitle(struct panel *pan, const struct panel_ctx *ctx, char *out, size_t len)
{
	const struct x86_state *st = fmt_state_of(ctx->view, ctx->vcpu);

	(void)pan;
	if (st)
		snprintf(out, len, "vcpu%u %s%s", ctx->vcpu, x86_mode_name(x86_state_mode(st)),
			 ctx->prev ? "  * = changed" : "");
}

json_t *panel_regs_object(const struct x86_state *st)
{
	json_t *obj = json_object();
	char text[FMT_MAX];

	for (unsigned int i = 0; i < reg_table_len; i++) {
		if (reg_table[i].width > 64)
			continue;
		snprintf(text, sizeof(text), "0x%" PRIx64, reg_value(st, i));
		json_object_set_new(obj, reg_table[i].name, json_string(text));
	}
	json_object_set_new(obj, "mode", json_string(x86_mode_name(x86_state_mode(st))));
	json_object_set_new(obj, "cpl", json_integer(x86_state_cpl(st)));
	return obj;
}

static char *regs_json(struct panel *pan, const struct panel_ctx *ctx)
{
	const struct x86_state *st = fmt_state_of(ctx->view, ctx->vcpu);
	json_t *obj;
	char *text;

	(void)pan;
	if (!st)
		return NULL;
	obj = panel_regs_object(st);
	text = json_dumps(obj, JSON_INDENT(2));
	json_decref(obj);
	return text;
}

const struct panel_ops panel_regs_ops = {
	.id = "regs",
	.title = "Registers",
	.min_rows = 1,
	.min_cols = 24,
	.draw = regs_draw,
	.rows = regs_rows,
	.subtitle = regs_subtitle,
	.json = regs_json,
};
