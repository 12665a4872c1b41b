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

/* Below this the table becomes two lines a VM. */
#define FLEET_TABLE_COLS 64

static void fleet_row_wide(const struct panel_vm *vm, struct surface *sf, struct rect area, int row)
{
	char used[16], size[16], rate[FMT_MAX], mem[40] = "-", cpu[16] = "-", vcpus[16] = "-";
	bool alive = vm->nr_vcpus != 0;

	if (vm->resident)
		snprintf(mem, sizeof(mem), "%s/%s", parse_size_text(vm->resident, used),
			 parse_size_text(vm->mem_size, size));
	else if (vm->mem_size)
		snprintf(mem, sizeof(mem), "%s", parse_size_text(vm->mem_size, size));
	if (alive)
		snprintf(vcpus, sizeof(vcpus), "%u", vm->nr_vcpus);
	if (vm->cpu_percent >= 0 && alive)
		snprintf(cpu, sizeof(cpu), "%d", vm->cpu_percent);
	surface_printf(sf, area, row, 3, vm->current ? STYLE_CURRENT : STYLE_NORMAL,
		       "%-14.14s %-13.13s %4s %4s %10s %7s  %s", vm->name, vm->state, vcpus, cpu,
		       mem, alive ? fmt_count(vm->exits_per_s, rate) : "-", vm->last);
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
	balloon_bar_text(view, 24, text, sizeof(text));
	fleet_line(sf, in, &row, "balloon", STYLE_NORMAL, text);
	fleet_line(sf, in, &row, "image", STYLE_NORMAL, view->image);
	fleet_line(sf, in, &row, "gdb", STYLE_NORMAL, view->gdb);
}

static void fleet_draw(struct panel *pan, const struct panel_ctx *ctx, struct surface *sf,
		       struct rect area)
{
	bool wide = area.cols >= FLEET_TABLE_COLS;
	int each = wide ? 1 : 2, row = 0, rows;

	if (wide)
		surface_printf(sf, area, row++, 3, STYLE_DIM, "%-14s %-13s %4s %4s %10s %7s  %s",
			       "NAME", "STATE", "VCPU", "%CPU", "MEMORY", "EXITS/s", "LAST EVENT");
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
			fleet_row_wide(vm, sf, area, row);
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
	if (wide && ctx->view && area.rows - row >= 8) {
		struct rect below = { area.row + row + 1, area.col, area.rows - row - 1,
				      area.cols };

		int want = ctx->view->state == VM_STATE_CRASHED ? 9 : 7;

		want += ctx->view->balloon.present != 0;
		below.rows = below.rows > want ? want : below.rows;
		fleet_preview(ctx, sf, below);
	}
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
