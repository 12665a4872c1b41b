/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Disassembly around a vCPU's rip, mixed with source lines and symbols. It
 * stays put while rip moves inside it, so that stepping does not make it jump.
 */
#include "tui/panel.h"

#include <errno.h>
#include <inttypes.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "inspect/disasm.h"
#include "inspect/iret.h"
#include "inspect/next.h"
#include "inspect/regs.h"
#include "tui/fmt.h"
#include "tui/panel-parts.h"

#define CODE_MAX   256
#define CODE_NOTES 10

/* One row on screen. */
struct code_row {
	enum { CODE_INSN, CODE_SOURCE, CODE_LABEL, CODE_NOTE } kind;
	unsigned int insn; /* index: the instruction, or the one that follows; of a note its own */
	const char *file;
	int line;
};

struct code {
	uint64_t top, cursor, rip; /* offsets in CS; rip as last drawn */
	uint32_t stop_count;
	unsigned int vcpu;
	bool placed;	 /* top is valid */
	bool follow;	 /* the cursor stays on rip */
	bool always;	 /* notes even of a guest that runs: drawn once */
	unsigned int nr; /* instructions of the last draw */
	struct disasm_insn insn[CODE_MAX];
	unsigned int nr_rows;
	struct code_row row[CODE_MAX];
	unsigned int nr_notes; /* below the instruction at rip: what it is about to do */
	struct {
		bool bad;
		char text[240];
	} note[CODE_NOTES];
};

static int code_create(struct panel *pan)
{
	struct code *code = calloc(1, sizeof(*code));

	if (!code)
		return -ENOMEM;
	code->follow = true;
	pan->data = code;
	return 0;
}

static void code_destroy(struct panel *pan)
{
	free(pan->data);
}

void panel_code_follow(struct panel *pan)
{
	struct code *code = pan->data;

	code->follow = true;
	code->placed = false;
	pan->goal[0] = '\0';
}

/* What must be added to an offset in CS to get its linear address. */
static uint64_t code_base(const struct x86_state *st)
{
	return x86_state_linear_rip(st) - st->rip;
}

static uint64_t code_linear(const struct x86_state *st, uint64_t offset)
{
	uint64_t linear = code_base(st) + offset;

	return x86_state_mode(st) == X86_MODE_LONG64 ? linear : linear & 0xffffffff;
}

static void code_add_row(struct code *code, int kind, unsigned int insn, const char *file, int line)
{
	if (code->nr_rows < CODE_MAX)
		code->row[code->nr_rows++] = (struct code_row){ kind, insn, file, line };
}

/* The source line of an instruction as a row before it, where it differs from the last one. */
static bool code_add_source(struct code *code, const struct panel_ctx *ctx, uint64_t linear,
			    unsigned int insn, const char **file, int *line)
{
	const char *new_file;
	int new_line;

	if (!sym_line(ctx->syms, linear, &new_file, &new_line))
		return false;
	if (*file && !strcmp(*file, new_file) && *line == new_line)
		return true;
	*file = new_file;
	*line = new_line;
	if (!sym_source(ctx->syms, new_file, new_line))
		return false;
	code_add_row(code, CODE_SOURCE, insn, new_file, new_line);
	return true;
}

static void code_add_note(struct code *code, bool bad, const char *text, size_t len)
{
	if (!len || code->nr_notes == CODE_NOTES)
		return;
	code->note[code->nr_notes].bad = bad;
	snprintf(code->note[code->nr_notes].text, sizeof(code->note[0].text), "%.*s", (int)len,
		 text);
	code->nr_notes++;
}

static void code_note_iret(struct code *code, const struct panel_ctx *ctx)
{
	struct iret_frame frame;
	struct buf text = BUF_INIT;

	if (!iret_find(ctx->view, ctx->vcpu, ctx->syms, &frame))
		return;
	iret_text(&frame, &text);
	for (const char *at = buf_str(&text); *at;) {
		size_t len = strcspn(at, "\n");

		code_add_note(code, !strncmp(at, "✗", 3), at, len);
		at += len + (at[len] == '\n');
	}
	buf_free(&text);
}

/* What the instruction at rip works on and does. A guest that runs is elsewhere already. */
static void code_note(struct code *code, const struct panel_ctx *ctx)
{
	struct buf text = BUF_INIT;
	struct next next;

	code->nr_notes = 0;
	if (ctx->live && !code->always)
		return;
	next_look(ctx->view, ctx->vcpu, ctx->syms, &next);
	next_operands_text(&next, &text);
	code_add_note(code, false, buf_str(&text), text.len);
	code_add_note(code, next.faults, next.meaning, strlen(next.meaning));
	code_note_iret(code, ctx);
	buf_free(&text);
}

/* Decode from TOP on and arrange it in rows. */
static void code_fill(struct code *code, const struct panel_ctx *ctx, const struct x86_state *st,
		      uint64_t top, int rows)
{
	size_t want = (size_t)(rows < CODE_MAX ? rows : CODE_MAX);
	const char *file = NULL;
	int line = 0;

	code->top = top;
	code->nr_rows = 0;
	code->nr = (unsigned int)disasm_at(ctx->view, ctx->vcpu, top, ctx->syms, code->insn, want);
	for (unsigned int i = 0; i < code->nr; i++) {
		uint64_t linear = code_linear(st, code->insn[i].addr), off = 1;
		bool source = code_add_source(code, ctx, linear, i, &file, &line);

		if (!source && sym_find(ctx->syms, linear, &off) && off == 0)
			code_add_row(code, CODE_LABEL, i, NULL, 0);
		code_add_row(code, CODE_INSN, i, NULL, 0);
		for (unsigned int n = 0; code->insn[i].addr == st->rip && n < code->nr_notes; n++)
			code_add_row(code, CODE_NOTE, n, NULL, 0);
	}
}

/* The row of the instruction at ADDR, -1 if it is not among the first ROWS. */
static int code_find(const struct code *code, uint64_t addr, int rows)
{
	for (unsigned int i = 0; i < code->nr_rows && (int)i < rows; i++)
		if (code->row[i].kind == CODE_INSN && code->insn[code->row[i].insn].addr == addr)
			return (int)i;
	return -1;
}

/* Put ADDR at about a third of the height; earlier ones give way where source lines push it out. */
static void code_centre(struct code *code, const struct panel_ctx *ctx, const struct x86_state *st,
			uint64_t addr, int rows)
{
	for (unsigned int before = (unsigned int)rows / 3;; before /= 2) {
		uint64_t top = disasm_back(ctx->view, ctx->vcpu, addr, ctx->syms, before);

		code_fill(code, ctx, st, top, rows);
		if (before == 0 || code_find(code, addr, rows - rows / 4) >= 0)
			return;
	}
}

/* An address as the user typed it: hexadecimal with or without 0x, or a symbol with an offset. */
bool panel_address(const struct panel_ctx *ctx, const char *text, uint64_t *addr)
{
	char name[64], *end;
	const char *plus = strchr(text, '+');
	size_t len = plus ? (size_t)(plus - text) : strlen(text);
	uint64_t off = plus ? strtoull(plus + 1, NULL, 0) : 0;

	if (!text[0] || len >= sizeof(name))
		return false;
	memcpy(name, text, len);
	name[len] = '\0';
	if (sym_lookup(ctx->syms, name, addr)) {
		*addr += off;
		return true;
	}
	if (ctx->view && panel_register(ctx, name, addr)) {
		*addr += off;
		return true;
	}
	errno = 0;
	*addr = strtoull(name, &end, 16);
	if (errno || end == name || *end || name[0] == '-')
		return false;
	*addr += off;
	return true;
}

bool panel_register(const struct panel_ctx *ctx, const char *name, uint64_t *val)
{
	const struct x86_state *st = fmt_state_of(ctx->view, ctx->vcpu);
	int index = reg_find(name[0] == '$' ? name + 1 : name);

	if (!st || index < 0 || reg_table[index].width > 64)
		return false;
	*val = reg_value(st, (unsigned int)index);
	return true;
}

bool panel_goal(struct panel *pan, const struct panel_ctx *ctx, uint64_t *addr)
{
	bool ok = pan->goal[0] && panel_address(ctx, pan->goal, addr);

	pan->goal[0] = '\0';
	return ok;
}

/* Rows to keep in sight below the instruction at rip: its notes, and one more. */
static int code_below(const struct code *code, int rows)
{
	int below = (int)code->nr_notes + 1;

	return !code->follow || rows <= 3 ? 0 : below < rows / 2 ? below : rows / 2;
}

/* Choose what to show: a goal just typed, the same as before, or around rip. */
static void code_place(struct panel *pan, const struct panel_ctx *ctx, const struct x86_state *st,
		       int rows)
{
	struct code *code = pan->data;
	bool moved = code->rip != st->rip || code->vcpu != ctx->vcpu ||
		     code->stop_count != ctx->view->stop_count;
	uint64_t addr;

	code->rip = st->rip;
	code->vcpu = ctx->vcpu;
	code->stop_count = ctx->view->stop_count;
	code->always = pan->whole;
	code_note(code, ctx);
	if (panel_goal(pan, ctx, &addr)) {
		code->cursor = addr - code_base(st);
		code->follow = false;
		code->placed = true;
		code_centre(code, ctx, st, code->cursor, rows);
		return;
	}
	if (moved && !ctx->live)
		code->follow = true;
	if (code->follow)
		code->cursor = st->rip;
	if (code->placed) {
		code_fill(code, ctx, st, code->top, rows);
		if (code_find(code, code->cursor, rows - code_below(code, rows)) >= 0)
			return;
	}
	code_centre(code, ctx, st, code->cursor, rows);
	code->placed = true;
}

/* 'B' a breakpoint, 'H' a hardware one, 'w' a watchpoint, ' ' none. */
static char code_break_mark(const struct panel_ctx *ctx, uint64_t linear)
{
	for (unsigned int i = 0; i < ctx->nr_breaks; i++)
		if (ctx->breaks[i].addr == linear)
			return ctx->breaks[i].kind[0] == 'h'   ? 'H'
			       : ctx->breaks[i].kind[0] == 'w' ? 'w'
							       : 'B';
	return ' ';
}

/* Columns for instruction bytes: three each, none where it is narrow. */
static int code_bytes_cols(int cols)
{
	return cols >= 110 ? 10 * 3 : cols >= 90 ? 7 * 3 : cols >= 60 ? 5 * 3 : 0;
}

static void code_draw_bytes(struct surface *sf, struct rect row, int col,
			    const struct disasm_insn *insn, int cols)
{
	int room = cols / 3, shown = insn->len <= room ? insn->len : room - 1;

	for (int i = 0; i < shown; i++)
		col = surface_printf(sf, row, 0, col, STYLE_DIM, "%02x ", insn->bytes[i]);
	if (shown < insn->len)
		surface_text(sf, row, 0, col, STYLE_DIM, "…");
}

static int code_draw_address(const struct x86_state *st, struct surface *sf, struct rect row,
			     uint64_t addr, unsigned int style)
{
	enum x86_mode mode = x86_state_mode(st);
	char text[FMT_MAX];

	if (mode == X86_MODE_REAL || mode == X86_MODE_V86)
		snprintf(text, sizeof(text), "%04x:%04" PRIx64, st->seg[X86_CS].sel, addr & 0xffff);
	else if (row.cols < 48)
		fmt_tail(addr, text);
	else
		fmt_addr(st, addr, text);
	return surface_text(sf, row, 0, 3, style, text);
}

static void code_draw_insn(const struct panel *pan, const struct panel_ctx *ctx,
			   const struct x86_state *st, struct surface *sf, struct rect row,
			   const struct disasm_insn *insn)
{
	const struct code *code = pan->data;
	bool current = insn->addr == st->rip, cursor = insn->addr == code->cursor && !pan->whole;
	unsigned int style = current ? STYLE_CURRENT : STYLE_NORMAL;
	char mark = code_break_mark(ctx, code_linear(st, insn->addr));
	int bytes = code_bytes_cols(row.cols), col;

	if (mark != ' ')
		surface_put(sf, row, 0, 0, (uint32_t)mark, STYLE_BAD);
	if (current)
		surface_text(sf, row, 0, 1, STYLE_CURRENT, ctx->live ? "▷" : "▶");
	if (cursor && !current)
		surface_text(sf, row, 0, 2, STYLE_KEY, ">");
	col = code_draw_address(st, sf, row, insn->addr, current ? STYLE_CURRENT : STYLE_DIM);
	if (cursor)
		surface_attr(sf, row, 0, 3, col - 3, CELL_REVERSE);
	col += 2;
	if (bytes) {
		code_draw_bytes(sf, row, col, insn, bytes);
		col += bytes + 1;
	}
	if (!insn->valid)
		style = STYLE_BAD;
	bytes = col;
	col = surface_text(sf, row, 0, col, style, insn->text);
	if (insn->comment[0]) {
		int at = bytes + 24 > col + 1 ? bytes + 24 : col + 1;

		if (at + (int)strlen(insn->comment) + 2 > row.cols)
			at = col + 1;
		surface_printf(sf, row, 0, at, STYLE_DIM, "; %s", insn->comment);
	}
}

static void code_draw_source(const struct panel_ctx *ctx, struct surface *sf, struct rect row,
			     const struct code_row *cr)
{
	const char *text = sym_source(ctx->syms, cr->file, cr->line);
	int col = surface_printf(sf, row, 0, 0, STYLE_DIM, "%5d  ", cr->line);

	for (int from = col; text && *text && col < row.cols; text++) {
		if (*text == '\t') {
			do {
				col++;
			} while ((col - from) % 4);
			continue;
		}
		if ((*text & 0xc0) == 0x80 || (unsigned char)*text < 0x80) {
			if ((unsigned char)*text >= 0x80)
				continue;
			surface_put(sf, row, 0, col++, (unsigned char)*text, STYLE_SYMBOL);
			continue;
		}
		uint32_t ch;

		surface_decode(text, &ch);
		surface_put(sf, row, 0, col, ch, STYLE_SYMBOL);
		col += surface_width(ch);
	}
}

static void code_draw_note(const struct code *code, unsigned int index, struct surface *sf,
			   struct rect row)
{
	surface_text(sf, row, 0, row.cols < 48 ? 3 : 6,
		     code->note[index].bad ? STYLE_BAD : STYLE_KEY, code->note[index].text);
}

static void code_draw_label(const struct panel_ctx *ctx, const struct x86_state *st,
			    struct surface *sf, struct rect row, uint64_t addr)
{
	char text[96];

	sym_text(ctx->syms, code_linear(st, addr), text, sizeof(text));
	surface_printf(sf, row, 0, 3, STYLE_SYMBOL, "%s:", text);
}

static void code_draw(struct panel *pan, const struct panel_ctx *ctx, struct surface *sf,
		      struct rect area)
{
	const struct x86_state *st = fmt_state_of(ctx->view, ctx->vcpu);
	struct code *code = pan->data;

	if (!st) {
		surface_text(sf, area, 0, 0, STYLE_DIM, "no vCPU to show");
		return;
	}
	if (st->mp_state == X86_MP_UNINITIALIZED) {
		surface_printf(sf, area, 0, 3, STYLE_DIM, "vcpu%u has not started", ctx->vcpu);
		return;
	}
	code_place(pan, ctx, st, area.rows);
	for (int i = 0; i < area.rows && i < (int)code->nr_rows; i++) {
		const struct code_row *cr = &code->row[i];
		struct rect row = { area.row + i, area.col, 1, area.cols };

		if (cr->kind == CODE_SOURCE)
			code_draw_source(ctx, sf, row, cr);
		else if (cr->kind == CODE_NOTE)
			code_draw_note(code, cr->insn, sf, row);
		else if (cr->kind == CODE_LABEL)
			code_draw_label(ctx, st, sf, row, code->insn[cr->insn].addr);
		else
			code_draw_insn(pan, ctx, st, sf, row, &code->insn[cr->insn]);
	}
	if (!code->nr)
		surface_printf(sf, area, 0, 3, STYLE_BAD,
			       "%" PRIx64 " cannot be read: not mapped, or outside RAM",
			       code_linear(st, code->cursor));
	pan->page = area.rows;
}

/* Move the cursor by instructions, pulling in what lies above or below. */
static void code_step_cursor(struct panel *pan, const struct panel_ctx *ctx, int count)
{
	const struct x86_state *st = fmt_state_of(ctx->view, ctx->vcpu);
	struct code *code = pan->data;
	unsigned int at;

	if (!st)
		return;
	code->follow = false;
	if (count < 0) {
		code->cursor = disasm_back(ctx->view, ctx->vcpu, code->cursor, ctx->syms,
					   (unsigned int)-count);
		if (code_find(code, code->cursor, pan->page) < 0)
			code->top = code->cursor;
		return;
	}
	for (; count > 0; count--) {
		struct disasm_insn pair[2];

		if (disasm_at(ctx->view, ctx->vcpu, code->cursor, ctx->syms, pair, 2) < 2)
			break;
		code->cursor = pair[1].addr;
		for (at = 0; at < code->nr && code->insn[at].addr != code->cursor; at++)
			;
		if (code_find(code, code->cursor, pan->page) < 0 && code->nr > 1) {
			code->top = code->insn[1].addr;
			code_fill(code, ctx, st, code->top, pan->page);
		}
	}
}

static unsigned int code_request(struct panel *pan, const struct panel_ctx *ctx, enum request req)
{
	switch (req) {
	case REQ_UP:
		code_step_cursor(pan, ctx, -1);
		break;
	case REQ_DOWN:
		code_step_cursor(pan, ctx, 1);
		break;
	case REQ_PAGE_UP:
		code_step_cursor(pan, ctx, -(pan->page > 2 ? pan->page - 2 : 1));
		break;
	case REQ_PAGE_DOWN:
		code_step_cursor(pan, ctx, pan->page > 2 ? pan->page - 2 : 1);
		break;
	case REQ_HOME:
	case REQ_BACK:
		if (req == REQ_BACK && ((struct code *)pan->data)->follow)
			return PANEL_IGNORED;
		panel_code_follow(pan);
		break;
	default:
		return PANEL_IGNORED;
	}
	return PANEL_HANDLED | PANEL_REDRAW;
}

static bool code_target(struct panel *pan, const struct panel_ctx *ctx, uint64_t *addr)
{
	const struct x86_state *st = fmt_state_of(ctx->view, ctx->vcpu);
	const struct code *code = pan->data;

	if (!st || !code->placed)
		return false;
	*addr = code_linear(st, code->cursor);
	return true;
}

static void code_subtitle(struct panel *pan, const struct panel_ctx *ctx, char *out, size_t len)
{
	const struct x86_state *st = fmt_state_of(ctx->view, ctx->vcpu);
	const char *file;
	uint64_t linear;
	int line;

	(void)pan;
	if (!st || st->mp_state == X86_MP_UNINITIALIZED)
		return;
	linear = x86_state_linear_rip(st);
	sym_text(ctx->syms, linear, out, len);
	if (sym_line(ctx->syms, linear, &file, &line)) {
		size_t used = strlen(out);

		snprintf(out + used, len - used, "  %s:%d", fmt_path(file, 28), line);
	}
}

json_t *panel_code_array(const struct panel_ctx *ctx, unsigned int nr)
{
	const struct x86_state *st = fmt_state_of(ctx->view, ctx->vcpu);
	struct disasm_insn *insn = calloc(nr, sizeof(*insn));
	json_t *list = json_array();
	size_t got = st && insn ? disasm_at(ctx->view, ctx->vcpu, st->rip, ctx->syms, insn, nr) : 0;

	for (size_t i = 0; i < got; i++) {
		char addr[FMT_MAX], sym[96];

		snprintf(addr, sizeof(addr), "0x%" PRIx64, insn[i].addr);
		sym_text(ctx->syms, code_linear(st, insn[i].addr), sym, sizeof(sym));
		json_array_append_new(list, json_pack("{s:s, s:s, s:s}", "addr", addr, "text",
						      insn[i].text, "symbol", sym));
	}
	free(insn);
	return list;
}

static json_t *code_operand_object(const struct next_operand *op)
{
	json_t *obj = json_pack("{s:s, s:b, s:b}", "text", op->text, "read", op->read, "write",
				op->write);
	char text[FMT_MAX];

	snprintf(text, sizeof(text), "0x%" PRIx64, op->gva);
	if (op->memory)
		json_object_set_new(obj, "address", json_string(text));
	snprintf(text, sizeof(text), "0x%" PRIx64, op->value);
	if (op->known)
		json_object_set_new(obj, "value", json_string(text));
	if (op->note[0])
		json_object_set_new(obj, "symbol", json_string(op->note));
	return obj;
}

json_t *panel_next_object(const struct panel_ctx *ctx)
{
	json_t *list = json_array();
	struct next next = { 0 };

	if (ctx->view)
		next_look(ctx->view, ctx->vcpu, ctx->syms, &next);
	for (unsigned int i = 0; i < next.nr; i++)
		json_array_append_new(list, code_operand_object(&next.op[i]));
	return json_pack("{s:s, s:b, s:o}", "meaning", next.meaning, "faults", next.faults,
			 "operands", list);
}

json_t *panel_iret_object(const struct panel_ctx *ctx)
{
	struct iret_frame frame;
	json_t *list;
	char gva[FMT_MAX], val[FMT_MAX];

	if (!ctx->view || !iret_find(ctx->view, ctx->vcpu, ctx->syms, &frame))
		return json_null();
	list = json_array();
	for (unsigned int i = 0; i < frame.nr; i++) {
		const struct iret_slot *slot = &frame.slot[i];

		snprintf(gva, sizeof(gva), "0x%" PRIx64, slot->gva);
		snprintf(val, sizeof(val), "0x%" PRIx64, slot->val);
		json_array_append_new(list, json_pack("{s:s, s:s, s:s, s:s, s:s}", "name",
						      slot->name, "address", gva, "value", val,
						      "meaning", slot->note, "wrong", slot->wrong));
	}
	return json_pack("{s:i, s:i, s:s, s:o}", "ahead", (int)frame.ahead, "cpl", (int)frame.cpl,
			 "hint", frame.hint, "words", list);
}

static int code_rows(struct panel *pan, const struct panel_ctx *ctx, int cols)
{
	(void)pan;
	(void)ctx;
	(void)cols;
	return 24;
}

const struct panel_ops panel_code_ops = {
	.id = "code",
	.title = "Code",
	.min_rows = 1,
	.min_cols = 30,
	.create = code_create,
	.destroy = code_destroy,
	.draw = code_draw,
	.request = code_request,
	.subtitle = code_subtitle,
	.rows = code_rows,
	.target = code_target,
};
