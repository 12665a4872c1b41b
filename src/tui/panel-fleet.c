/* SPDX-License-Identifier: GPL-2.0-or-later */
/* All VMs of this user, and what the selected one is about. */
#include "tui/panel.h"

#include <inttypes.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/parse.h"
#include "inspect/autopsy.h"
#include "inspect/regs.h"
#include "tui/fmt.h"
#include "tui/lines.h"
#include "tui/panel-balloon.h"
#include "tui/panel-parts.h"
#include "tui/term.h"

/* Below this the table becomes two lines a VM. */
#define FLEET_TABLE_COLS 64
/* From here on the table has graphs of the last seconds, and longer ones. */
#define FLEET_PAST_COLS 100
#define FLEET_XL_COLS	160
#define FLEET_BAR_MAX	20
#define FLEET_BLOCK	0x2581u /* the lowest of eight */
/* Rows of a frame around a screen that is worth looking at. */
#define FLEET_SCREEN_ROWS 5

/* What there is room for beside the columns that are always there; 0: not shown. */
struct fleet_cols {
	int name, past, bar;
};

static struct fleet_cols fleet_columns(const struct panel_ctx *ctx, int cols)
{
	struct fleet_cols fc = { .name = 14,
				 .past = cols >= FLEET_XL_COLS	   ? 16
					 : cols >= FLEET_PAST_COLS ? 8
								   : 0 };

	for (unsigned int i = 0; i < ctx->nr_vms; i++)
		if (ctx->vms[i].balloon)
			fc.bar = cols >= FLEET_XL_COLS ? 20 : cols >= FLEET_PAST_COLS ? 12 : 8;
	if (fc.bar && !fc.past)
		fc.name = 12;
	return fc;
}

/* The last NR seconds of PERCENT as blocks; returns the column after them. */
static int fleet_graph(struct surface *sf, struct rect area, int row, int col,
		       const struct panel_past *past, const uint8_t *percent, int nr)
{
	for (int i = nr < (int)past->nr ? nr : (int)past->nr; i > 0; i--)
		surface_put(sf, area, row, col + nr - i,
			    FLEET_BLOCK + percent[PANEL_PAST - i] * 8u / 101, STYLE_NUMBER);
	return col + nr;
}

static int fleet_head(struct surface *sf, struct rect area, const struct fleet_cols *fc)
{
	char ago[16] = "";
	int col;

	if (fc->past)
		snprintf(ago, sizeof(ago), "%d s ago", fc->past);
	col = surface_printf(sf, area, 0, 3, STYLE_DIM, "%-*s %-13s %4s %4s", fc->name, "NAME",
			     "STATE", "VCPU", "%CPU");
	if (fc->past)
		col = surface_printf(sf, area, 0, col, STYLE_DIM, " %-*s", fc->past, ago);
	col = surface_printf(sf, area, 0, col, STYLE_DIM, " %10s", "MEMORY");
	if (fc->past)
		col = surface_printf(sf, area, 0, col, STYLE_DIM, " %-*s", fc->past, ago);
	if (fc->bar)
		col = surface_printf(sf, area, 0, col, STYLE_DIM, " %-*s", fc->bar, "BALLOON");
	return surface_printf(sf, area, 0, col, STYLE_DIM, " %7s  %s", "EXITS/s", "LAST EVENT");
}

static void fleet_row_wide(const struct panel_vm *vm, const struct fleet_cols *fc,
			   struct surface *sf, struct rect area, int row)
{
	char used[16], size[16], rate[FMT_MAX], mem[40] = "-", cpu[16] = "-", vcpus[16] = "-";
	enum style style = vm->current ? STYLE_CURRENT : STYLE_NORMAL;
	bool alive = vm->nr_vcpus != 0;
	char bar[FLEET_BAR_MAX + 1] = "-";
	int col;

	if (vm->resident)
		snprintf(mem, sizeof(mem), "%s/%s", parse_size_text(vm->resident, used),
			 parse_size_text(vm->mem_size, size));
	else if (vm->mem_size)
		snprintf(mem, sizeof(mem), "%s", parse_size_text(vm->mem_size, size));
	if (alive)
		snprintf(vcpus, sizeof(vcpus), "%u", vm->nr_vcpus);
	if (vm->cpu_percent >= 0 && alive)
		snprintf(cpu, sizeof(cpu), "%d", vm->cpu_percent);
	col = surface_printf(sf, area, row, 3, style, "%-*.*s %-13.13s %4s %4s", fc->name, fc->name,
			     vm->name, vm->state, vcpus, cpu);
	if (fc->past)
		col = fleet_graph(sf, area, row, col + 1, &vm->past, vm->past.cpu, fc->past);
	col = surface_printf(sf, area, row, col, style, " %10s", mem);
	if (fc->past)
		col = fleet_graph(sf, area, row, col + 1, &vm->past, vm->past.held, fc->past);
	if (fc->bar && vm->balloon)
		balloon_bar(vm->actual, vm->target, vm->mem_size, fc->bar, bar);
	if (fc->bar)
		col = surface_printf(sf, area, row, col, style, " %-*s", fc->bar, bar);
	surface_printf(sf, area, row, col, style, " %7s  %s",
		       alive ? fmt_count(vm->exits_per_s, rate) : "-", vm->last);
}

static void fleet_row_narrow(const struct panel_vm *vm, struct surface *sf, struct rect area,
			     int row)
{
	char size[16], rate[FMT_MAX];

	surface_printf(sf, area, row, 2, vm->current ? STYLE_CURRENT : STYLE_NORMAL, "%-14.14s %s",
		       vm->name, vm->state);
	if (vm->nr_vcpus)
		surface_printf(sf, area, row + 1, 4, STYLE_DIM, "%u vcpu %5s  %s ex/s",
			       vm->nr_vcpus, parse_size_text(vm->mem_size, size),
			       fmt_count(vm->exits_per_s, rate));
}

static void fleet_line(struct surface *sf, struct rect area, int *row, const char *label,
		       enum style style, const char *text)
{
	int col;

	if (!text[0])
		return;
	col = surface_printf(sf, area, *row, 1, STYLE_DIM, "%-8s ", label);
	surface_text(sf, area, (*row)++, col, style, text);
}

/* The row of the VM that the view is of; NULL where it is not in the fleet. */
static const struct panel_vm *fleet_viewed(const struct panel_ctx *ctx)
{
	for (unsigned int i = 0; i < ctx->nr_vms; i++)
		if (!strcmp(ctx->vms[i].name, ctx->view->name))
			return &ctx->vms[i];
	return NULL;
}

/* The graphs, where the table has no room for them. */
static bool fleet_has_past(const struct panel_ctx *ctx, int cols)
{
	const struct panel_vm *vm = fleet_viewed(ctx);

	return vm && vm->past.nr && cols < FLEET_PAST_COLS;
}

static void fleet_past(const struct panel_ctx *ctx, struct surface *sf, struct rect area, int *row)
{
	const struct panel_vm *vm = fleet_viewed(ctx);
	int col;

	if (!fleet_has_past(ctx, area.cols))
		return;
	col = surface_printf(sf, area, *row, 1, STYLE_DIM, "%-8s cpu ", "16 s");
	col = fleet_graph(sf, area, *row, col, &vm->past, vm->past.cpu, PANEL_PAST);
	col = surface_text(sf, area, *row, col, STYLE_DIM, "  memory held ");
	fleet_graph(sf, area, (*row)++, col, &vm->past, vm->past.held, PANEL_PAST);
}

/* Rows that fleet_preview() takes, with its frame. */
static int fleet_preview_rows(const struct panel_ctx *ctx, int cols)
{
	const struct vm_view *view = ctx->view;
	bool crashed = view->state == VM_STATE_CRASHED || view->state == VM_STATE_INTERNAL;

	return 3 + (view->state != VM_STATE_RUNNING && view->stop_text[0]) + 2 * crashed +
	       (view->nr_vcpus > 0) + fleet_has_past(ctx, cols - 2) + (view->balloon.present != 0) +
	       (view->image[0] != '\0') + (view->gdb[0] != '\0');
}

/*
 * The screen of the guest: VGA if there is anything on it, else the end of the serial line, which
 * comes first on the largest terminals: there VGA has a pane of its own.
 */
static void fleet_screen(const struct panel_ctx *ctx, struct surface *sf, struct rect area)
{
	bool said = area.cols >= FLEET_XL_COLS && ctx->term && term_bytes(ctx->term);
	bool vga = !said && !panel_vga_blank(ctx->view);
	const struct panel_ops *ops = vga ? &panel_vga_ops : &panel_serial_ops;
	char title[VM_NAME_MAX + 16];
	struct panel pan;

	snprintf(title, sizeof(title), "%s  %s", ctx->view->name, vga ? "VGA" : "serial line");
	if (panel_init(&pan, ops))
		return;
	panel_draw(&pan, ctx, sf, surface_box(sf, area, title, false));
	panel_exit(&pan);
}

/* What the selected VM is about, from its view. */
static void fleet_preview(const struct panel_ctx *ctx, struct surface *sf, struct rect area)
{
	const struct vm_view *view = ctx->view;
	const struct x86_state *st = fmt_state_of(view, 0);
	char text[320], title[VM_NAME_MAX + 4], rip[FMT_MAX], sym[96];
	struct rect in;
	int row = 0;

	snprintf(title, sizeof(title), "%s", view->name);
	in = surface_box(sf, area, title, false);
	fmt_state(ctx, text);
	fleet_line(sf, in, &row, "state", fmt_state_style(ctx), text);
	fleet_line(sf, in, &row, "stopped", STYLE_NORMAL,
		   view->state == VM_STATE_RUNNING ? "" : view->stop_text);
	if (view->state == VM_STATE_CRASHED || view->state == VM_STATE_INTERNAL) {
		struct autopsy *aut = calloc(1, sizeof(*aut));

		if (aut) {
			autopsy_run(view, view->stop_vcpu, ctx->syms, aut);
			fleet_line(sf, in, &row, "verdict", STYLE_BAD, aut->verdict);
			fleet_line(sf, in, &row, "hint", STYLE_NORMAL, aut->hint);
		}
		free(aut);
	}
	if (st) {
		sym_text(ctx->syms, x86_state_linear_rip(st), sym, sizeof(sym));
		snprintf(text, sizeof(text), "%s  %s  %s", fmt_addr(st, st->rip, rip), sym,
			 x86_mode_name(x86_state_mode(st)));
		fleet_line(sf, in, &row, "vcpu0", STYLE_NORMAL, text);
	}
	fleet_past(ctx, sf, in, &row);
	balloon_bar_text(view, 24, text, sizeof(text));
	fleet_line(sf, in, &row, "balloon", STYLE_NORMAL, text);
	fleet_line(sf, in, &row, "image", STYLE_NORMAL, view->image);
	fleet_line(sf, in, &row, "gdb", STYLE_NORMAL, view->gdb);
}

static void fleet_below(const struct panel_ctx *ctx, struct surface *sf, struct rect area)
{
	int want = fleet_preview_rows(ctx, area.cols);
	struct rect about = area, screen = area;

	about.rows = want < area.rows ? want : area.rows;
	fleet_preview(ctx, sf, about);
	screen.row += about.rows;
	screen.rows -= about.rows;
	if (screen.rows >= FLEET_SCREEN_ROWS)
		fleet_screen(ctx, sf, screen);
}

static void fleet_draw(struct panel *pan, const struct panel_ctx *ctx, struct surface *sf,
		       struct rect area)
{
	bool wide = area.cols >= FLEET_TABLE_COLS;
	struct fleet_cols fc = fleet_columns(ctx, area.cols);
	int each = wide ? 1 : 2, row = 0, rows;

	if (wide) {
		fleet_head(sf, area, &fc);
		row++;
	}
	if (!ctx->nr_vms) {
		surface_text(sf, area, row + 1, 3, STYLE_NORMAL, "No VM is running.");
		surface_text(sf, area, row + 2, 3, STYLE_DIM, "Start one: vitrine run IMAGE");
		return;
	}
	rows = (area.rows - row) / each;
	pan->page = rows;
	pan->total = (int)ctx->nr_vms;
	for (unsigned int i = 0; i < ctx->nr_vms; i++)
		if (ctx->vms[i].selected && (int)i >= pan->scroll + rows)
			pan->scroll = (int)i - rows + 1;
		else if (ctx->vms[i].selected && (int)i < pan->scroll)
			pan->scroll = (int)i;
	for (unsigned int i = (unsigned int)pan->scroll; i < ctx->nr_vms && row < area.rows; i++) {
		const struct panel_vm *vm = &ctx->vms[i];

		if (!lines_match(vm->name, pan->filter))
			continue;
		if (wide)
			fleet_row_wide(vm, &fc, sf, area, row);
		else
			fleet_row_narrow(vm, sf, area, row);
		if (vm->marked) {
			surface_put(sf, area, row, 0, '*', STYLE_KEY);
			surface_attr(sf, area, row, 0, area.cols, CELL_BOLD);
		}
		if (vm->selected) {
			surface_text(sf, area, row, 1, STYLE_KEY, ">");
			if (pan->focused)
				surface_attr(sf, area, row, 0, area.cols, CELL_REVERSE);
		}
		row += each;
	}
	if (wide && ctx->view && area.rows - row >= 8)
		fleet_below(ctx, sf,
			    (struct rect){ area.row + row + 1, area.col, area.rows - row - 1,
					   area.cols });
}

static char *fleet_json(struct panel *pan, const struct panel_ctx *ctx)
{
	json_t *list = json_array(), *obj;
	char *text;

	(void)pan;
	for (unsigned int i = 0; i < ctx->nr_vms; i++) {
		const struct panel_vm *vm = &ctx->vms[i];

		json_array_append_new(
			list, json_pack("{s:s, s:s, s:i, s:I, s:I, s:s}", "name", vm->name, "state",
					vm->state, "vcpus", (int)vm->nr_vcpus, "memory",
					(json_int_t)vm->mem_size, "exits_per_second",
					(json_int_t)vm->exits_per_s, "last", vm->last));
	}
	obj = json_pack("{s:o}", "vms", list);
	text = obj ? json_dumps(obj, JSON_INDENT(2)) : NULL;
	json_decref(obj);
	return text;
}

static int fleet_rows(struct panel *pan, const struct panel_ctx *ctx, int cols)
{
	(void)pan;
	(void)cols;
	return (int)ctx->nr_vms + 3;
}

static const enum request fleet_verbs[] = { REQ_ENTER,	REQ_MARK,    REQ_PAUSE, REQ_CONTINUE,
					    REQ_RESET,	REQ_STOP,    REQ_KILL,	REQ_HELP,
					    REQ_FILTER, REQ_COMMAND, REQ_NONE };

const struct panel_ops panel_fleet_ops = {
	.id = "fleet",
	.title = "Fleet",
	.min_rows = 2,
	.min_cols = 24,
	.draw = fleet_draw,
	.json = fleet_json,
	.rows = fleet_rows,
	.verbs = fleet_verbs,
};
