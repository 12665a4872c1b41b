/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Screen 1 in one piece, for one pane: registers, code and stack of a vCPU. */
#include "tui/panel.h"

#include <errno.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tui/fmt.h"
#include "tui/panel-parts.h"

struct cpu {
	struct panel code, stack;
};

static void cpu_destroy(struct panel *pan)
{
	struct cpu *cpu = pan->data;

	if (!cpu)
		return;
	panel_exit(&cpu->code);
	panel_exit(&cpu->stack);
	free(cpu);
}

static int cpu_create(struct panel *pan)
{
	struct cpu *cpu = calloc(1, sizeof(*cpu));

	if (!cpu)
		return -ENOMEM;
	pan->data = cpu;
	if (panel_init(&cpu->code, &panel_code_ops) || panel_init(&cpu->stack, &panel_stack_ops)) {
		cpu_destroy(pan);
		return -ENOMEM;
	}
	return 0;
}

/* "─ code ─ timer_init+0x8  kernel/timer.c:41 ─────" */
static void cpu_rule(struct panel *part, const struct panel_ctx *ctx, struct surface *sf,
		     struct rect area, const char *name)
{
	char sub[128] = "";
	int col;

	surface_hline(sf, area, 0, STYLE_BORDER);
	col = surface_printf(sf, area, 0, 2, STYLE_TITLE, " %s ", name);
	part->ops->subtitle(part, ctx, sub, sizeof(sub));
	if (sub[0])
		surface_printf(sf, area, 0, col + 1, STYLE_NORMAL, " %s ", sub);
}

static struct rect cpu_slice(struct rect *from, int rows)
{
	struct rect part = *from;

	part.rows = rows;
	from->row += rows;
	from->rows -= rows;
	return part;
}

/* Registers in full where `show` prints them, in brief on a screen that must hold all three. */
static void cpu_draw_regs(struct panel *pan, const struct panel_ctx *ctx, struct surface *sf,
			  struct rect *area)
{
	int rows, room = area->rows / 2 - 1;

	if (pan->whole) {
		struct panel regs = { .ops = &panel_regs_ops, .whole = true };

		rows = panel_regs_ops.rows(&regs, ctx, area->cols) - 1;
		panel_regs_ops.draw(&regs, ctx, sf, cpu_slice(area, rows));
		return;
	}
	rows = panel_regs_brief(ctx, NULL, *area);
	panel_regs_brief(ctx, sf, cpu_slice(area, rows < room ? rows : room));
	if (area->rows >= 8) {
		struct rect table = { area->row, area->col, area->rows < 20 ? 1 : 8, area->cols };

		cpu_slice(area, panel_vcpus(ctx, sf, table));
	}
}

static void cpu_draw(struct panel *pan, const struct panel_ctx *ctx, struct surface *sf,
		     struct rect area)
{
	struct cpu *cpu = pan->data;
	int stack_rows = pan->whole ? 18 : area.rows < 12 ? 0 : area.rows / 6;

	if (!fmt_state_of(ctx->view, ctx->vcpu)) {
		surface_text(sf, area, 0, 0, STYLE_DIM, "no vCPU to show");
		return;
	}
	cpu->code.whole = cpu->stack.whole = pan->whole;
	if (pan->goal[0])
		memcpy(cpu->code.goal, pan->goal, sizeof(pan->goal));
	pan->goal[0] = '\0';
	cpu_draw_regs(pan, ctx, sf, &area);
	if (area.rows < stack_rows + 4)
		stack_rows = 0;
	cpu_rule(&cpu->code, ctx, sf, cpu_slice(&area, 1), "code");
	panel_draw(&cpu->code, ctx, sf,
		   cpu_slice(&area, area.rows - (stack_rows ? stack_rows + 1 : 0)));
	if (stack_rows) {
		cpu_rule(&cpu->stack, ctx, sf, cpu_slice(&area, 1), "stack");
		panel_draw(&cpu->stack, ctx, sf, area);
	}
	pan->page = cpu->code.page;
}

static unsigned int cpu_request(struct panel *pan, const struct panel_ctx *ctx, enum request req)
{
	struct cpu *cpu = pan->data;

	return cpu->code.ops->request(&cpu->code, ctx, req);
}

static bool cpu_target(struct panel *pan, const struct panel_ctx *ctx, uint64_t *addr)
{
	struct cpu *cpu = pan->data;

	return cpu->code.ops->target(&cpu->code, ctx, addr);
}

static int cpu_rows(struct panel *pan, const struct panel_ctx *ctx, int cols)
{
	return panel_regs_ops.rows(pan, ctx, cols) - 1 + 1 + 20 + 1 + 18;
}

static char *cpu_json(struct panel *pan, const struct panel_ctx *ctx)
{
	json_t *list = json_array(), *obj;
	char *text;

	(void)pan;
	for (unsigned int i = 0; ctx->view && i < ctx->view->nr_vcpus; i++) {
		struct panel_ctx one = *ctx;
		json_t *regs = panel_regs_object(&ctx->view->vcpu[i].state);

		one.vcpu = i;
		json_array_append_new(
			list,
			json_pack("{s:i, s:s, s:b, s:o, s:o, s:o, s:o, s:o, s:o}", "vcpu", i,
				  "state", vm_state_name(ctx->view->state), "exact",
				  ctx->view->vcpu[i].exact, "now", panel_vcpu_object(ctx, i),
				  "registers", regs, "code", panel_code_array(&one, 16), "next",
				  panel_next_object(&one), "iret", panel_iret_object(&one),
				  "frames", panel_frames_array(&one)));
	}
	obj = json_pack("{s:o}", "vcpus", list);
	text = obj ? json_dumps(obj, JSON_INDENT(2)) : NULL;
	json_decref(obj);
	return text;
}

static const enum request cpu_verbs[] = { REQ_STEP,  REQ_OVER,	  REQ_FINISH, REQ_CONTINUE,
					  REQ_PAUSE, REQ_UNTIL,	  REQ_BREAK,  REQ_WATCH,
					  REQ_GOTO,  REQ_EXPLAIN, REQ_NONE };

const struct panel_ops panel_cpu_ops = {
	.id = "cpu",
	.title = "CPU",
	.min_rows = 6,
	.min_cols = 40,
	.create = cpu_create,
	.destroy = cpu_destroy,
	.draw = cpu_draw,
	.request = cpu_request,
	.json = cpu_json,
	.rows = cpu_rows,
	.target = cpu_target,
	.verbs = cpu_verbs,
};
