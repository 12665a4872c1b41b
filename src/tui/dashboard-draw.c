/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The dashboard's picture: one line above, the panes, two or three lines below. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/parse.h"
#include "inspect/regs.h"
#include "tui/dashboard-priv.h"
#include "tui/fmt.h"

#define DRAW_STALE_NS 1000000000ull

/* The serial terminal is as large as its own screen shows it, but never below 24x80. */
static void draw_size_term(struct dashboard *dash, int rows, int cols)
{
	struct layout lay;
	struct rect area;

	if (!dash->term)
		return;
	layout_make(rows, cols, REQ_SCREEN_SERIAL, NULL, &lay);
	if (!lay.nr)
		return;
	area = lay.pane[0].area;
	if (lay.pane[0].framed) {
		area.rows -= 2;
		area.cols -= 2;
	}
	term_resize(dash->term, area.rows < 24 ? 24 : area.rows, area.cols < 80 ? 80 : area.cols);
}

static uint64_t draw_exits(const struct vm_view *view)
{
	uint64_t sum = 0;

	for (unsigned int i = 0; view && view->vcpu && i < view->nr_vcpus; i++)
		for (int kind = 0; kind < EXIT_NR; kind++)
			sum += view->vcpu[i].exits[kind];
	return sum;
}

/* "long64 CPL0 IF=1 hlt": a vCPU in brief; it halts and wakes too often to move the rest. */
static void draw_mode_text(const struct x86_state *st, bool live, char *out, size_t len)
{
	const char *halted = st->mp_state == X86_MP_HALTED ? " hlt" : live ? "    " : "";

	snprintf(out, len, "%s CPL%u IF=%d%s", x86_mode_name(x86_state_mode(st)), x86_state_cpl(st),
		 (int)(st->rflags >> 9 & 1), halted);
}

/* When: the time the guest has run, to its stop if it stands. */
static void draw_time_text(const struct vm_view *view, char *out)
{
	uint64_t end =
		view->state == VM_STATE_RUNNING || !view->stop_ns ? view->now_ns : view->stop_ns;

	if (view->start_ns && end > view->start_ns)
		fmt_time(end - view->start_ns, out);
	else
		strcpy(out, "0s");
}

static void draw_exits_text(const struct dashboard *dash, char *out, size_t len)
{
	uint64_t now = draw_exits(dash->view), then = draw_exits(dash->past), ns = 0;
	char total[FMT_MAX], rate[FMT_MAX];

	if (dash->past && dash->view->now_ns > dash->past->now_ns)
		ns = dash->view->now_ns - dash->past->now_ns;
	fmt_count(now, total);
	if (ns && now >= then && dash->view->state == VM_STATE_RUNNING)
		snprintf(out, len, "exits %s (%s/s)", total,
			 fmt_count((uint64_t)((double)(now - then) * 1e9 / (double)ns), rate));
	else
		snprintf(out, len, "exits %s", total);
}

/* The right part of the header, as much of it as ROOM takes: what matters most comes first. */
static void draw_header_right(const struct dashboard *dash, int room, char *out, size_t len)
{
	const struct x86_state *st = fmt_state_of(dash->view, dash->vcpu);
	char item[4][64] = { "", "", "", "" };
	int used = 0;

	if (st)
		draw_mode_text(st, dash->view->state == VM_STATE_RUNNING, item[0], sizeof(item[0]));
	draw_time_text(dash->view, item[1]);
	draw_exits_text(dash, item[2], sizeof(item[2]));
	snprintf(item[3], sizeof(item[3]), "mem ");
	parse_size_text(dash->view->mem_size, item[3] + 4);
	out[0] = '\0';
	for (int i = 0; i < 4; i++) {
		int need = (int)strlen(item[i]) + 2;

		if (!item[i][0] || used + need > room)
			continue;
		snprintf(out + used, len - (size_t)used, "  %s", item[i]);
		used += need;
	}
}

/* How old the selected vCPU's sample is, where that is worth saying. */
static void draw_stale(const struct dashboard *dash, char *out, size_t len)
{
	const struct vm_view *view = dash->view;
	const struct view_vcpu *vcpu = &view->vcpu[dash->vcpu];

	out[0] = '\0';
	if (view->state == VM_STATE_RUNNING && vcpu->state.mp_state == X86_MP_RUNNABLE &&
	    vcpu->time_ns && view->now_ns > vcpu->time_ns + DRAW_STALE_NS)
		snprintf(out, len, " stale %.1fs", (double)(view->now_ns - vcpu->time_ns) / 1e9);
}

static int draw_header_left(const struct dashboard *dash, struct surface *sf, struct rect line)
{
	const struct vm_view *view = dash->view;
	char state[FMT_MAX], stale[32];
	struct panel_ctx ctx;
	int col;

	dashboard_ctx(dash, &ctx);
	col = surface_printf(sf, line, 0, 1, STYLE_TITLE, "%s", dash->name);
	col = surface_printf(sf, line, 0, col + 2, STYLE_NORMAL,
			     view->nr_vcpus > 1 ? "vcpu%u/%u" : "vcpu%u", dash->vcpu,
			     view->nr_vcpus);
	col = surface_text(sf, line, 0, col + 1, fmt_state_style(&ctx), fmt_state(&ctx, state));
	draw_stale(dash, stale, sizeof(stale));
	col = surface_text(sf, line, 0, col, STYLE_WARN, stale);
	if (dash->stop_back)
		return surface_printf(sf, line, 0, col + 1, STYLE_WARN, "%u stop%s ago",
				      dash->stop_back, dash->stop_back == 1 ? "" : "s");
	if (view->state != VM_STATE_RUNNING && view->state != VM_STATE_PAUSED)
		col = surface_printf(sf, line, 0, col + 1, STYLE_NORMAL, "%s", view->stop_text);
	return col;
}

static void draw_header_fleet(const struct dashboard *dash, struct surface *sf, struct rect line)
{
	unsigned int running = 0, marked = fleet_marked(&dash->fleet);
	int col;

	for (unsigned int i = 0; i < dash->fleet.nr; i++)
		running += !strcmp(dash->fleet.row[i].state, "running");
	surface_text(sf, line, 0, 1, STYLE_TITLE, "vitrine  fleet");
	col = surface_printf(sf, line, 0, 18, STYLE_NORMAL, "%u VM%s, %u running", dash->fleet.nr,
			     dash->fleet.nr == 1 ? "" : "s", running);
	if (marked)
		surface_printf(sf, line, 0, col, STYLE_KEY, ", %u marked", marked);
}

static void draw_header(const struct dashboard *dash, struct surface *sf, struct rect line)
{
	struct rect left = line;
	char right[160];
	int room;

	if (!dash->view && dash->screen != REQ_SCREEN_FLEET && dash->link.ops) {
		room = surface_text(sf, line, 0, 1, STYLE_TITLE, dash->name);
		surface_text(sf, line, 0, room + 2, STYLE_DIM, "connecting");
		return;
	}
	if (!dash->view || dash->screen == REQ_SCREEN_FLEET) {
		draw_header_fleet(dash, sf, line);
		return;
	}
	/* The mode always has its place; a long reason for the stop gives way. */
	draw_header_right(dash, line.cols > 60 ? 26 : 0, right, sizeof(right));
	left.cols = line.cols - (int)strlen(right);
	room = line.cols - draw_header_left(dash, sf, left) - 1;
	draw_header_right(dash, room, right, sizeof(right));
	if ((int)strlen(right) > 0)
		surface_text(sf, line, 0, line.cols - (int)strlen(right) - 1, STYLE_NORMAL, right);
}

/* A key and its label; returns the column after it, or COL if it does not fit. */
static int draw_verb(const struct dashboard *dash, struct surface *sf, struct rect line, int col,
		     enum request req)
{
	const struct key_row *row = keys_row(req);
	bool off = dashboard_refusal(dash, req) != NULL;
	char key[KEYS_NAME_MAX];
	int need;

	if (!row || !row->label[0])
		return col;
	keys_name(row->key, key);
	need = (int)(strlen(key) + 1 + strlen(row->label));
	if (col + need + 1 > line.cols)
		return col;
	col = surface_text(sf, line, 0, col, off ? STYLE_DIM : STYLE_KEY, key);
	col = surface_printf(sf, line, 0, col, off ? STYLE_DIM : STYLE_NORMAL, " %s", row->label);
	return col + (line.cols >= 100 ? 2 : 1);
}

static void draw_verbs(struct dashboard *dash, struct surface *sf, struct rect line)
{
	static const enum request small[] = { REQ_HELP, REQ_COMMAND, REQ_DETACH, REQ_NONE };
	static const enum request always[] = { REQ_NEXT_PANE, REQ_ZOOM,	  REQ_FILTER, REQ_COMMAND,
					       REQ_HELP,      REQ_DETACH, REQ_STOP,   REQ_NONE };
	const struct panel *pan = dashboard_focused(dash);
	const enum request *own = pan && pan->ops->verbs ? pan->ops->verbs : always;
	int col = 1;

	if (dash->layout.size == LAYOUT_XS)
		own = small;
	else if (pan && !pan->ops->verbs && dash->screen == REQ_SCREEN_CPU)
		own = panel_cpu_ops.verbs;
	for (int i = 0; own[i]; i++)
		col = draw_verb(dash, sf, line, col, own[i]);
	if (own == always || own == small)
		return;
	for (int i = 0; always[i]; i++) {
		bool again = false;

		for (int j = 0; own[j]; j++)
			again |= own[j] == always[i];
		if (!again)
			col = draw_verb(dash, sf, line, col, always[i]);
	}
}

/* Digits are places; the one we are at is marked. */
static void draw_screens(const struct dashboard *dash, struct surface *sf, struct rect line)
{
	int col = 1, gap = line.cols >= 100 ? 2 : 1, end = line.cols - (line.cols >= 100 ? 8 : 2);

	for (int req = REQ_SCREEN_FLEET; req <= REQ_SCREEN_AUTOPSY; req++) {
		const struct key_row *row = keys_row((enum request)req);
		bool here = dash->screen == (enum request)req;
		int need = 2 + (int)strlen(row->label);

		if (col + need > end)
			break;
		surface_put(sf, line, 0, col, (uint32_t)row->key, STYLE_KEY);
		surface_text(sf, line, 0, col + 1, STYLE_KEY, here ? "▪" : " ");
		surface_text(sf, line, 0, col + 2, here ? STYLE_TITLE : STYLE_NORMAL, row->label);
		col += need + gap;
	}
	if (line.cols >= 100)
		surface_text(sf, line, 0, line.cols - 7, STYLE_KEY, "? keys");
	else
		surface_text(sf, line, 0, line.cols - 1, STYLE_KEY, "?");
}

/* The line of verbs gives way to what is being typed, then to who has the keys, then to news. */
static void draw_talk(struct dashboard *dash, struct surface *sf, struct rect line)
{
	char waiting[120];

	dashboard_waiting(dash, waiting, sizeof(waiting));
	if (dash->prompt.label) {
		prompt_draw(&dash->prompt, sf, line);
	} else if (dash->grabbed) {
		int col = surface_text(sf, line, 0, 1, STYLE_WARN,
				       "Keys go to the guest.  Ctrl-] brings them back here.");

		surface_text(sf, line, 0, col + 2, STYLE_BAD, waiting);
	} else if (waiting[0] && (!dash->message[0] || (dash->message_style != STYLE_BAD &&
							dash->screen != REQ_SCREEN_FLEET))) {
		surface_text(sf, line, 0, 1, STYLE_BAD, waiting);
	} else if (dash->message[0]) {
		surface_text(sf, line, 0, 1, dash->message_style, dash->message);
	} else {
		draw_verbs(dash, sf, line);
	}
}

static void draw_rule(struct dashboard *dash, const struct panel_ctx *ctx, struct surface *sf,
		      struct rect line)
{
	struct panel *pan = dashboard_focused(dash);
	char title[160];

	surface_hline(sf, line, 0, STYLE_BORDER);
	if (!pan || dash->output)
		return;
	panel_title(pan, ctx, title, sizeof(title));
	surface_printf(sf, line, 0, 2, STYLE_TITLE, " %s ", title);
}

static void draw_output(struct dashboard *dash, struct surface *sf, struct rect area)
{
	struct rect inside = surface_box(sf, area, dash->output_title, true);

	lines_draw(&dash->output_lines, &dash->output_panel, sf, inside, false);
	if (dash->output_panel.total > inside.rows)
		surface_printf(sf, area, area.rows - 1, area.cols - 22, STYLE_DIM,
			       " %d of %d lines ",
			       dash->output_panel.scroll + inside.rows < dash->output_panel.total
				       ? dash->output_panel.scroll + inside.rows
				       : dash->output_panel.total,
			       dash->output_panel.total);
}

static void draw_pane(struct dashboard *dash, const struct panel_ctx *ctx, struct surface *sf,
		      const struct layout_pane *pane)
{
	struct panel *pan = dashboard_panel(dash, pane->id);
	struct rect area = pane->area;
	char title[160];

	if (!pan)
		return;
	pan->focused = pan == dashboard_focused(dash);
	if (pane->framed) {
		panel_title(pan, ctx, title, sizeof(title));
		area = surface_box(sf, area, title, pan->focused);
	}
	panel_draw(pan, ctx, sf, area);
}

void dashboard_draw(struct dashboard *dash, struct surface *sf)
{
	int rows = surface_rows(sf), cols = surface_cols(sf);
	struct panel_ctx ctx;

	surface_set_ascii(sf, dash->ascii);
	surface_clear(sf);
	layout_make(rows, cols, dash->screen, dash->zoom, &dash->layout);
	dash->rows = rows;
	dash->cols = cols;
	if (dash->layout.size == LAYOUT_NONE) {
		surface_printf(sf, surface_area(sf), 0, 0, STYLE_WARN, "need %dx%d, have %dx%d",
			       LAYOUT_MIN_COLS, LAYOUT_MIN_ROWS, cols, rows);
		return;
	}
	draw_size_term(dash, rows, cols);
	dashboard_ctx(dash, &ctx);
	if (dash->output)
		draw_output(dash, sf, dash->layout.body);
	for (unsigned int i = 0; !dash->output && i < dash->layout.nr; i++)
		draw_pane(dash, &ctx, sf, &dash->layout.pane[i]);
	if (dash->layout.header.rows)
		draw_header(dash, sf, dash->layout.header);
	if (dash->layout.rule.rows)
		draw_rule(dash, &ctx, sf, dash->layout.rule);
	if (dash->layout.screens.rows)
		draw_screens(dash, sf, dash->layout.screens);
	if (dash->layout.verbs.rows)
		draw_talk(dash, sf, dash->layout.verbs);
	else if (dash->prompt.label || dash->message[0]) {
		struct rect last = { rows - 1, 0, 1, cols };

		surface_fill(sf, last, ' ', STYLE_NORMAL);
		draw_talk(dash, sf, last);
	}
}
