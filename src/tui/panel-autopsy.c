/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What went wrong: the end of a crashed guest, re-derived once per stop. */
#include "tui/panel.h"

#include <errno.h>
#include <inttypes.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>

#include "inspect/autopsy.h"
#include "tui/lines.h"

#define PANEL_AUTOPSY_EVERY_NS 500000000ull

struct panel_autopsy {
	struct lines list;
	struct autopsy aut;
	uint32_t stop_count;
	uint64_t built_ns;
	int cols;
	bool valid, reran;
};

static int panel_autopsy_create(struct panel *pan)
{
	pan->data = calloc(1, sizeof(struct panel_autopsy));
	return pan->data ? 0 : -ENOMEM;
}

static void panel_autopsy_destroy(struct panel *pan)
{
	struct panel_autopsy *pa = pan->data;

	if (pa)
		lines_free(&pa->list);
	free(pa);
}

static bool panel_autopsy_crashed(const struct vm_view *view)
{
	return view && view->vcpu &&
	       (view->state == VM_STATE_CRASHED || view->state == VM_STATE_INTERNAL);
}

/* A rerun has found the registers of the fault: there is more to tell than before. */
static bool panel_autopsy_reran(const struct vm_view *view)
{
	return view->stop_vcpu < view->nr_vcpus && view->vcpu[view->stop_vcpu].shadow_exact;
}

/* Of a crash once; of a guest that lives now and then, at every draw while it stands. */
static bool panel_autopsy_fresh(const struct panel_autopsy *pa, const struct panel_ctx *ctx,
				int cols)
{
	if (!pa->valid || pa->reran != panel_autopsy_reran(ctx->view) ||
	    pa->stop_count != ctx->view->stop_count || pa->cols != cols)
		return false;
	return panel_autopsy_crashed(ctx->view) ||
	       ctx->view->now_ns - pa->built_ns < PANEL_AUTOPSY_EVERY_NS;
}

static void panel_autopsy_alive(struct lines *list)
{
	lines_add(list, AS_GOOD " Nothing has gone wrong.");
	lines_add(list, "%s", "");
	lines_add(list, " A guest that crashes is kept, with its memory and last registers,");
	lines_add(list, " and this screen tells how it came to that.");
}

static void panel_autopsy_build(struct panel *pan, const struct panel_ctx *ctx, int cols)
{
	struct panel_autopsy *pa = pan->data;
	bool crashed = panel_autopsy_crashed(ctx->view);
	struct buf text = BUF_INIT;

	if (panel_autopsy_fresh(pa, ctx, cols))
		return;
	lines_clear(&pa->list);
	autopsy_run(ctx->view, crashed ? ctx->view->stop_vcpu : ctx->vcpu, ctx->syms, &pa->aut);
	if (crashed || !pa->aut.alive) {
		autopsy_text(&pa->aut, ctx->view, ctx->syms, &text);
		lines_add_text(&pa->list, buf_str(&text), cols - 1);
	} else {
		panel_autopsy_alive(&pa->list);
	}
	buf_free(&text);
	pa->cols = cols;
	pa->built_ns = ctx->view->now_ns;
	pa->stop_count = ctx->view->stop_count;
	pa->reran = panel_autopsy_reran(ctx->view);
	pa->valid = true;
}

static void panel_autopsy_draw(struct panel *pan, const struct panel_ctx *ctx, struct surface *sf,
			       struct rect area)
{
	struct panel_autopsy *pa = pan->data;

	if (!ctx->view || !ctx->view->vcpu) {
		surface_text(sf, area, 0, 1, STYLE_DIM, "no vCPU to look at");
		return;
	}
	panel_autopsy_build(pan, ctx, area.cols);
	lines_draw(&pa->list, pan, sf, area, false);
}

static int panel_autopsy_rows(struct panel *pan, const struct panel_ctx *ctx, int cols)
{
	struct panel_autopsy *pa = pan->data;

	if (!ctx->view || !ctx->view->vcpu)
		return 1;
	panel_autopsy_build(pan, ctx, cols);
	return (int)pa->list.nr;
}

static bool panel_autopsy_target(struct panel *pan, const struct panel_ctx *ctx, uint64_t *addr)
{
	const struct panel_autopsy *pa = pan->data;

	(void)ctx;
	*addr = pa->aut.rip;
	return pa->valid;
}

static char *panel_autopsy_json(struct panel *pan, const struct panel_ctx *ctx)
{
	struct panel_autopsy *pa = pan->data;
	json_t *steps = json_array(), *obj;
	char rip[24], *text;

	if (!ctx->view || !ctx->view->vcpu) {
		json_decref(steps);
		return NULL;
	}
	panel_autopsy_build(pan, ctx, 80);
	for (unsigned int i = 0; i < pa->aut.nr_steps && i < AUTOPSY_STEPS; i++)
		json_array_append_new(steps,
				      json_pack("{s:s, s:s, s:b}", "title", pa->aut.step[i].title,
						"detail", pa->aut.step[i].detail, "observed",
						pa->aut.step[i].observed));
	snprintf(rip, sizeof(rip), "0x%" PRIx64, pa->aut.rip);
	obj = json_pack("{s:b, s:b, s:i, s:b, s:s, s:s, s:s, s:o}", "crashed",
			panel_autopsy_crashed(ctx->view), "trouble", !pa->aut.alive, "vcpu",
			(int)pa->aut.vcpu, "state_lost", pa->aut.state_lost, "rip", rip, "verdict",
			pa->aut.verdict, "hint", pa->aut.hint, "steps", steps);
	text = obj ? json_dumps(obj, JSON_INDENT(2)) : NULL;
	json_decref(obj);
	return text;
}

static const enum request panel_autopsy_verbs[] = { REQ_ENTER, REQ_EXPLAIN, REQ_RERUN, REQ_BUNDLE,
						    REQ_RESET, REQ_YANK,    REQ_WRITE, REQ_NONE };

const struct panel_ops panel_autopsy_ops = {
	.id = "autopsy",
	.title = "Autopsy",
	.min_rows = 2,
	.min_cols = 36,
	.create = panel_autopsy_create,
	.destroy = panel_autopsy_destroy,
	.draw = panel_autopsy_draw,
	.json = panel_autopsy_json,
	.rows = panel_autopsy_rows,
	.target = panel_autopsy_target,
	.verbs = panel_autopsy_verbs,
};
