/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The stack from rsp on, with what its words mean, and the backtrace. */
#include "tui/panel.h"

#include <inttypes.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "inspect/iret.h"
#include "inspect/mmu.h"
#include "inspect/regs.h"
#include "inspect/unwind.h"
#include "tui/fmt.h"
#include "tui/panel-parts.h"

#define STACK_FRAMES 32
#define STACK_SLOTS  512
/* How far below rsp the end of the stack's mapping is looked for. */
#define STACK_PROBE_PAGES 64

struct stack {
	const struct x86_state *st;
	uint64_t top;	   /* linear */
	unsigned int word; /* bytes */
	unsigned int nr;   /* slots read */
	uint64_t slot[STACK_SLOTS];
	size_t nr_frames;
	struct unwind_frame frame[STACK_FRAMES];
	bool has_iret; /* an IRET is near, and this is what it takes */
	struct iret_frame iret;
};

static void stack_read(struct stack *stack, const struct panel_ctx *ctx)
{
	uint8_t bytes[STACK_SLOTS * 8];
	size_t got;

	memset(stack, 0, sizeof(*stack));
	stack->st = fmt_state_of(ctx->view, ctx->vcpu);
	if (!stack->st || stack->st->mp_state == X86_MP_UNINITIALIZED)
		return;
	stack->word = x86_mode_bits(x86_state_mode(stack->st)) / 8;
	stack->top = x86_state_linear_rsp(stack->st);
	got = view_read_va(ctx->view, ctx->vcpu, stack->top, bytes,
			   (size_t)STACK_SLOTS * stack->word);
	for (; stack->nr < got / stack->word; stack->nr++)
		memcpy(&stack->slot[stack->nr], bytes + (size_t)stack->nr * stack->word,
		       stack->word);
	stack->nr_frames = unwind_vcpu(ctx->view, ctx->vcpu, ctx->syms, stack->frame, STACK_FRAMES);
	stack->has_iret = iret_find(ctx->view, ctx->vcpu, ctx->syms, &stack->iret);
}

/*
 * "timer_init+0x8  kernel/timer.c:41". A return address belongs to the call
 * before it: after one that never returns, another function may begin.
 */
static void stack_where(const struct panel_ctx *ctx, uint64_t addr, bool is_return, int width,
			char *out, size_t len)
{
	const char *name, *file;
	uint64_t off = 0;
	int line;
	size_t used;

	name = sym_find(ctx->syms, addr - is_return, &off);
	if (name && off + is_return == 0)
		snprintf(out, len, "%s", name);
	else if (name)
		snprintf(out, len, "%s+0x%" PRIx64, name, off + is_return);
	else
		snprintf(out, len, "%" PRIx64, addr);
	used = strlen(out);
	if ((int)used + 12 < width && sym_line(ctx->syms, addr - is_return, &file, &line))
		snprintf(out + used, len - used, "  %s:%d", fmt_path(file, 24), line);
}

static bool stack_is_return(const struct stack *stack, uint64_t val)
{
	for (size_t i = 1; i < stack->nr_frames; i++)
		if (stack->frame[i].pc == val)
			return true;
	return false;
}

static bool stack_is_frame_pointer(const struct stack *stack, uint64_t addr)
{
	for (size_t i = 0; i < stack->nr_frames; i++)
		if (stack->frame[i].how != UNWIND_GUESS && stack->frame[i].fp == addr && addr)
			return true;
	return false;
}

/* Eight printable characters are more likely text than an address. */
static bool stack_is_text(const struct stack *stack, uint64_t val)
{
	for (unsigned int i = 0; i < stack->word; i++, val >>= 8)
		if ((val & 0xff) < 0x20 || (val & 0xff) > 0x7e)
			return false;
	return stack->word == 8;
}

/* Is the word at ADDR one that the IRET ahead takes? */
static bool stack_iret(const struct stack *stack, uint64_t addr, char *out, size_t len,
		       enum style *style)
{
	for (unsigned int i = 0; stack->has_iret && i < stack->iret.nr; i++) {
		const struct iret_slot *slot = &stack->iret.slot[i];

		if (slot->gva != addr)
			continue;
		snprintf(out, len, "← iret %s %s%s%s", slot->name, slot->note,
			 slot->wrong[0] ? " ✗ " : "", slot->wrong);
		*style = slot->wrong[0] ? STYLE_BAD : STYLE_SYMBOL;
		return true;
	}
	return false;
}

/* What slot I means, in words; empty if nothing is known. Returns its style. */
static enum style stack_meaning(const struct stack *stack, const struct panel_ctx *ctx,
				unsigned int i, int width, char *out, size_t len)
{
	uint64_t off, val = stack->slot[i], addr = stack->top + (uint64_t)i * stack->word;
	enum style style;
	char where[160];

	out[0] = '\0';
	if (stack_iret(stack, addr, out, len, &style))
		return style;
	if (stack_is_return(stack, val)) {
		stack_where(ctx, val, true, width - 6, where, sizeof(where));
		snprintf(out, len, sym_find(ctx->syms, val - 1, &off) ? "← ret %s" : "← ret",
			 where);
		return STYLE_SYMBOL;
	}
	if (stack_is_frame_pointer(stack, addr)) {
		snprintf(out, len, "← saved %cbp", stack->word == 8 ? 'r' : 'e');
		return STYLE_DIM;
	}
	if (stack->word == 2)
		return STYLE_NORMAL;
	sym_text(ctx->syms, val, where, sizeof(where));
	if (where[0]) {
		snprintf(out, len, "%s", where);
		return STYLE_NORMAL;
	}
	if (val >= stack->top && val < stack->top + 0x10000) {
		snprintf(out, len, "stack+%" PRIx64, val - stack->top);
		return STYLE_DIM;
	}
	if (stack_is_text(stack, val))
		snprintf(out, len, "\"%.*s\"", (int)stack->word, (const char *)&val);
	return STYLE_DIM;
}

/* Few rows are for what means something; with more, every word is shown. */
static bool stack_skipped(const struct stack *stack, const struct panel_ctx *ctx, unsigned int i,
			  bool few)
{
	char text[200];

	if (!few || i == 0)
		return false;
	stack_meaning(stack, ctx, i, 60, text, sizeof(text));
	return strncmp(text, "← ", strlen("← ")) != 0;
}

static int stack_draw_slots(const struct stack *stack, const struct panel *pan,
			    const struct panel_ctx *ctx, struct surface *sf, struct rect area)
{
	bool few = area.rows <= 4;
	int row = 0;

	for (unsigned int i = (unsigned int)pan->scroll; i < stack->nr && row < area.rows; i++) {
		char addr[FMT_MAX], text[200];
		enum style style;
		int col;

		if (stack_skipped(stack, ctx, i, few))
			continue;
		if (area.cols < 100)
			fmt_tail(stack->top + (uint64_t)i * stack->word, addr);
		else
			fmt_addr(stack->st, stack->top + (uint64_t)i * stack->word, addr);
		col = surface_text(sf, area, row, 1, STYLE_DIM, addr);
		col = surface_printf(sf, area, row, col + 2, STYLE_NORMAL, "%0*" PRIx64,
				     (int)stack->word * 2, stack->slot[i]);
		style = stack_meaning(stack, ctx, i, area.cols - col - 2, text, sizeof(text));
		surface_text(sf, area, row, col + 2, style, text);
		row++;
	}
	return row;
}

static void stack_draw_frames(const struct stack *stack, const struct panel_ctx *ctx,
			      struct surface *sf, struct rect area)
{
	for (size_t i = 0; i < stack->nr_frames && (int)i < area.rows; i++) {
		const struct unwind_frame *fr = &stack->frame[i];
		char text[160];

		stack_where(ctx, fr->pc, i > 0, area.cols - 10, text, sizeof(text));
		surface_printf(sf, area, (int)i, 1, STYLE_DIM, "#%-2zu", i);
		surface_printf(sf, area, (int)i, 5, i ? STYLE_NORMAL : STYLE_CURRENT, "%s%s", text,
			       fr->how == UNWIND_GUESS ? "  (guess)" : "");
	}
	if ((int)stack->nr_frames > area.rows && area.rows > 0) {
		surface_fill(sf, (struct rect){ area.row + area.rows - 1, area.col, 1, area.cols },
			     ' ', STYLE_NORMAL);
		surface_printf(sf, area, area.rows - 1, 1, STYLE_DIM, "… %zu frames in all ",
			       stack->nr_frames);
	}
}

static void stack_draw(struct panel *pan, const struct panel_ctx *ctx, struct surface *sf,
		       struct rect area)
{
	struct stack *stack = malloc(sizeof(*stack));
	struct rect frames = area;

	if (!stack)
		return;
	stack_read(stack, ctx);
	if (area.cols >= 88) { /* side by side */
		frames.col += area.cols * 9 / 16;
		frames.cols = area.cols - area.cols * 9 / 16;
		area.cols -= frames.cols;
	} else if (area.rows > 4) {
		frames.rows = (int)stack->nr_frames < area.rows / 3 ? (int)stack->nr_frames
								    : area.rows / 3;
		area.rows -= frames.rows;
		frames.row += area.rows;
	} else {
		frames.rows = 0;
	}
	pan->page = area.rows;
	pan->total = (int)stack->nr;
	if (pan->scroll >= pan->total)
		pan->scroll = 0;
	if (!stack_draw_slots(stack, pan, ctx, sf, area) && stack->word)
		surface_printf(sf, area, 0, 1, STYLE_WARN, "rsp %" PRIx64 " cannot be read",
			       stack->top);
	stack_draw_frames(stack, ctx, sf, frames);
	free(stack);
}

/* How far the stack can still grow before something unmapped; 0: no end within sight. */
static uint64_t stack_room(const struct panel_ctx *ctx, const struct x86_state *st, uint64_t top)
{
	uint64_t page = top & ~0xfffull, gpa;

	if (mmu_mode_of(st) == MMU_OFF)
		return 0;
	for (int i = 0; i < STACK_PROBE_PAGES; i++, page -= 4096)
		if (!mmu_translate(ctx->view, st, page, &gpa))
			return top > page + 4096 ? top - page - 4096 : 1;
	return 0;
}

static void stack_subtitle(struct panel *pan, const struct panel_ctx *ctx, char *out, size_t len)
{
	const struct x86_state *st = fmt_state_of(ctx->view, ctx->vcpu);
	char addr[FMT_MAX];
	uint64_t top, room;

	(void)pan;
	if (!st || st->mp_state == X86_MP_UNINITIALIZED)
		return;
	top = x86_state_linear_rsp(st);
	room = stack_room(ctx, st, top);
	if (room)
		snprintf(out, len, "%" PRIu64 " B to an unmapped page below %s", room,
			 fmt_tail(top - room, addr));
	else
		snprintf(out, len, "%s:%s", st->seg[X86_SS].sel ? "ss" : "rsp",
			 fmt_tail(top, addr));
}

json_t *panel_frames_array(const struct panel_ctx *ctx)
{
	struct stack *stack = malloc(sizeof(*stack));
	json_t *list = json_array();

	if (!stack)
		return list;
	stack_read(stack, ctx);
	for (size_t i = 0; i < stack->nr_frames; i++) {
		char pc[FMT_MAX], sp[FMT_MAX], sym[96];

		snprintf(pc, sizeof(pc), "0x%" PRIx64, stack->frame[i].pc);
		snprintf(sp, sizeof(sp), "0x%" PRIx64, stack->frame[i].sp);
		stack_where(ctx, stack->frame[i].pc, i > 0, 0, sym, sizeof(sym));
		json_array_append_new(list, json_pack("{s:s, s:s, s:s, s:s}", "pc", pc, "sp", sp,
						      "symbol", sym, "how",
						      unwind_how_name(stack->frame[i].how)));
	}
	free(stack);
	return list;
}

static int stack_rows(struct panel *pan, const struct panel_ctx *ctx, int cols)
{
	(void)pan;
	(void)ctx;
	(void)cols;
	return 24;
}

const struct panel_ops panel_stack_ops = {
	.id = "stack",
	.title = "Stack",
	.min_rows = 1,
	.min_cols = 30,
	.draw = stack_draw,
	.subtitle = stack_subtitle,
	.rows = stack_rows,
};
