/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Size and screen to rectangles: see layout.h. */
#include "tui/layout.h"

#include <stddef.h>
#include <string.h>

/* The VGA text screen and its frame. */
#define LAYOUT_VGA_ROWS 27
#define LAYOUT_VGA_COLS 82

enum layout_class layout_class_of(int rows, int cols)
{
	if (rows < LAYOUT_MIN_ROWS || cols < LAYOUT_MIN_COLS)
		return LAYOUT_NONE;
	if (rows < 24 || cols < 80)
		return LAYOUT_XS;
	if (rows < 34 || cols < 120)
		return LAYOUT_S;
	if (rows < 45 || cols < 160)
		return LAYOUT_M;
	if (rows < 55 || cols < 200)
		return LAYOUT_L;
	return LAYOUT_XL;
}

const char *layout_main(enum request screen)
{
	switch (screen) {
	case REQ_SCREEN_FLEET:
		return "fleet";
	case REQ_SCREEN_PAGING:
		return "paging";
	case REQ_SCREEN_HOST:
		return "ept";
	case REQ_SCREEN_TABLES:
		return "tables";
	case REQ_SCREEN_IRQ:
		return "irq";
	case REQ_SCREEN_DEVICES:
		return "devices";
	case REQ_SCREEN_EXITS:
		return "exits";
	case REQ_SCREEN_VGA:
		return "vga";
	case REQ_SCREEN_SERIAL:
		return "serial";
	case REQ_SCREEN_AUTOPSY:
		return "autopsy";
	case REQ_HELP:
		return "help";
	default:
		return "cpu";
	}
}

static struct rect layout_top(struct rect *from, int rows)
{
	struct rect part = *from;

	rows = rows < from->rows ? rows : from->rows;
	part.rows = rows;
	from->row += rows;
	from->rows -= rows;
	return part;
}

static struct rect layout_left(struct rect *from, int cols)
{
	struct rect part = *from;

	cols = cols < from->cols ? cols : from->cols;
	part.cols = cols;
	from->col += cols;
	from->cols -= cols;
	return part;
}

static void layout_add(struct layout *out, const char *id, struct rect area, bool framed)
{
	if (area.rows < 1 || area.cols < 1 || out->nr >= LAYOUT_PANES)
		return;
	out->pane[out->nr++] = (struct layout_pane){ id, area, framed };
}

static void layout_box(struct layout *out, const char *id, struct rect area)
{
	layout_add(out, id, area, true);
}

/* A column of panes: IDS from top to bottom, each with its share of 100. */
static void layout_column(struct layout *out, struct rect area, const char *const *ids,
			  const int *shares, int nr)
{
	int rows = area.rows;

	for (int i = 0; i < nr; i++)
		layout_box(out, ids[i],
			   layout_top(&area, i == nr - 1 ? area.rows : rows * shares[i] / 100));
}

#define LAYOUT_COLUMN(out, area, shares, ...)                                    \
	layout_column(out, area, (const char *const[]){ __VA_ARGS__ }, (shares), \
		      (int)(sizeof((const char *const[]){ __VA_ARGS__ }) / sizeof(char *)))

static void layout_cpu_two(struct layout *out, struct rect body)
{
	static const int shares[] = { 44, 30, 26 };
	struct rect left = layout_left(&body, body.cols * 7 / 12);

	LAYOUT_COLUMN(out, left, shares, "code", "stack", "serial");
	LAYOUT_COLUMN(out, body, shares, "regs", "irq", "exits");
}

static void layout_cpu_three(struct layout *out, struct rect body)
{
	static const int left_shares[] = { 60, 40 }, shares[] = { 42, 24, 34 };
	static const int right_shares[] = { 42, 58 };
	struct rect left = layout_left(&body, body.cols * 66 / 160);
	struct rect middle = layout_left(&body, 48);

	LAYOUT_COLUMN(out, left, left_shares, "code", "stack");
	LAYOUT_COLUMN(out, middle, shares, "regs", "irq", "exits");
	LAYOUT_COLUMN(out, body, right_shares, "paging", "serial");
}

static void layout_cpu_wall(struct layout *out, struct rect body)
{
	static const int halves[] = { 50, 50 };
	struct rect top = layout_top(&body, body.rows - LAYOUT_VGA_ROWS), part;
	struct rect fleet = layout_left(&top, 32);

	part = layout_left(&top, top.cols * 80 / 168);
	layout_box(out, "code", part);
	part = layout_top(&top, 14);
	layout_box(out, "regs", part);
	layout_box(out, "stack", top);
	layout_box(out, "fleet", fleet);
	part = layout_left(&body, LAYOUT_VGA_COLS);
	layout_box(out, "vga", part);
	part = layout_left(&body, body.cols * 62 / 118);
	LAYOUT_COLUMN(out, part, halves, "paging", "serial");
	LAYOUT_COLUMN(out, body, halves, "exits", "irq");
}

static void layout_vga(struct layout *out, struct rect body)
{
	struct rect top, left;

	if (body.rows - LAYOUT_VGA_ROWS < 5)
		top = layout_top(&body, body.rows);
	else
		top = layout_top(&body, LAYOUT_VGA_ROWS);
	left = layout_left(&top, LAYOUT_VGA_COLS);
	layout_box(out, "vga", left);
	layout_box(out, top.cols >= 60 ? "code" : "regs", top);
	left = layout_left(&body, LAYOUT_VGA_COLS);
	layout_box(out, "serial", left);
	layout_box(out, "exits", body);
}

/* A screen of lines: what it is about on top or at the left, where the vCPU stands beside it. */
static void layout_lines(struct layout *out, struct rect body, const char *id)
{
	static const int shares[] = { 32, 40, 28 };
	struct rect part;

	if (out->size == LAYOUT_M) {
		part = layout_top(&body, body.rows - 12);
		layout_box(out, id, part);
		part = layout_left(&body, body.cols * 7 / 12);
		layout_box(out, "code", part);
		layout_box(out, "regs", body);
		return;
	}
	part = layout_left(&body, body.cols * 58 / 100);
	layout_box(out, id, part);
	LAYOUT_COLUMN(out, body, shares, "regs", "code", "stack");
}

static void layout_fleet(struct layout *out, struct rect body)
{
	struct rect top =
		layout_top(&body, body.rows > LAYOUT_VGA_ROWS + 6 ? body.rows - LAYOUT_VGA_ROWS
								  : body.rows / 3);
	struct rect left;

	layout_box(out, "fleet", top);
	left = layout_left(&body, LAYOUT_VGA_COLS);
	layout_box(out, "vga", left);
	layout_box(out, "regs", body);
}

static void layout_large(struct layout *out, enum request screen)
{
	switch (screen) {
	case REQ_SCREEN_CPU:
		if (out->size == LAYOUT_M)
			layout_cpu_two(out, out->body);
		else if (out->size == LAYOUT_L)
			layout_cpu_three(out, out->body);
		else
			layout_cpu_wall(out, out->body);
		break;
	case REQ_SCREEN_VGA:
		layout_vga(out, out->body);
		break;
	case REQ_SCREEN_FLEET:
		layout_fleet(out, out->body);
		break;
	case REQ_SCREEN_SERIAL:
	case REQ_HELP:
		layout_box(out, layout_main(screen), out->body);
		break;
	default:
		layout_lines(out, out->body, layout_main(screen));
		break;
	}
}

static void layout_chrome(struct layout *out, struct rect all, bool bare)
{
	int below = out->size == LAYOUT_XS ? 1 : out->size == LAYOUT_S ? 3 : 2;

	if (bare) {
		out->body = all;
		return;
	}
	out->header = layout_top(&all, 1);
	out->body = layout_top(&all, all.rows - below);
	if (out->size == LAYOUT_S)
		out->rule = layout_top(&all, 1);
	out->verbs = layout_top(&all, 1);
	out->screens = layout_top(&all, 1);
}

void layout_make(int rows, int cols, enum request screen, const char *zoom, struct layout *out)
{
	struct rect all = { 0, 0, rows, cols };
	bool small;

	memset(out, 0, sizeof(*out));
	out->size = layout_class_of(rows, cols);
	if (out->size == LAYOUT_NONE)
		return;
	small = out->size <= LAYOUT_S;
	layout_chrome(out, all, small && zoom);
	if (zoom)
		layout_add(out, zoom, out->body, false);
	else if (small)
		layout_add(out, layout_main(screen), out->body, false);
	else
		layout_large(out, screen);
}
