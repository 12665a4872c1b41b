/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The VGA text screen, read from guest memory at 0xb8000 with the CRTC's start
 * address. Where it does not fit, a window of it that follows the cursor.
 */
#include "tui/panel.h"

#include <inttypes.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tui/cp437.h"
#include "tui/panel-parts.h"

#define VGA_TEXT_GPA 0xb8000ull
#define VGA_CHARS    16384u /* of the 32 KiB window, two bytes each */
#define VGA_COLS_MAX 132
#define VGA_ROWS_MAX 60

struct vga {
	int rows, cols;
	int cursor_row, cursor_col; /* -1: hidden or elsewhere */
	uint8_t cells[VGA_ROWS_MAX * VGA_COLS_MAX * 2];
};

static int vga_limit(uint32_t val, int fallback, int max)
{
	return val == 0 || val > (uint32_t)max ? fallback : (int)val;
}

/* The text page wraps at the end of its 32 KiB, as the hardware's does. */
static void vga_read(struct vga *vga, const struct vm_view *view)
{
	uint32_t start = view->vga_start % VGA_CHARS, nr, first, at;

	memset(vga, 0, sizeof(*vga));
	vga->rows = vga_limit(view->vga_rows, 25, VGA_ROWS_MAX);
	vga->cols = vga_limit(view->vga_cols, 80, VGA_COLS_MAX);
	nr = (uint32_t)(vga->rows * vga->cols);
	first = nr < VGA_CHARS - start ? nr : VGA_CHARS - start;
	view_read(view, VGA_TEXT_GPA + start * 2ull, vga->cells, first * 2ul);
	if (first < nr)
		view_read(view, VGA_TEXT_GPA, vga->cells + first * 2ul, (nr - first) * 2ul);
	at = (view->vga_cursor - start) % VGA_CHARS;
	vga->cursor_row = vga->cursor_col = -1;
	if (view->vga_cursor_on && at < nr) {
		vga->cursor_row = (int)at / vga->cols;
		vga->cursor_col = (int)at % vga->cols;
	}
}

static bool vga_row_blank(const struct vga *vga, int row)
{
	const uint8_t *cell = vga->cells + (size_t)(row * vga->cols) * 2;

	for (int col = 0; col < vga->cols; col++, cell += 2)
		if (cp437_unicode(cell[0]) != ' ' || (cell[1] & 0x70))
			return false;
	return true;
}

/* First row of the window: the cursor in sight, else as much text as fits. */
static int vga_first_row(const struct vga *vga, int rows)
{
	int last = vga->cursor_row, first;

	if (rows >= vga->rows)
		return 0;
	if (last < 0)
		for (last = vga->rows - 1; last > 0 && vga_row_blank(vga, last); last--)
			;
	/* Text that ends below the cursor is worth more than text above it. */
	for (int row = last; row < vga->rows && row < last + rows / 2; row++)
		if (!vga_row_blank(vga, row))
			last = row;
	first = last - rows + 1;
	if (vga->cursor_row >= 0 && vga->cursor_row < first)
		first = vga->cursor_row;
	return first < 0 ? 0 : first;
}

static bool vga_blank(const struct vga *vga)
{
	for (int row = 0; row < vga->rows; row++)
		if (!vga_row_blank(vga, row))
			return false;
	return true;
}

bool panel_vga_blank(const struct vm_view *view)
{
	struct vga *vga = malloc(sizeof(*vga));
	bool blank = true;

	if (vga) {
		vga_read(vga, view);
		blank = vga_blank(vga);
	}
	free(vga);
	return blank;
}

/* A blank screen is not a broken one: many guests write to the serial line alone. */
static void vga_say_blank(const struct vga *vga, const struct panel_ctx *ctx, struct surface *sf,
			  struct rect area)
{
	if (!vga_blank(vga))
		return;
	surface_text(sf, area, 1, 1, STYLE_DIM,
		     "The guest has written nothing to its VGA text screen.");
	if (ctx->view->serial_out[0])
		surface_printf(sf, area, 2, 1, STYLE_DIM,
			       "It has written %" PRIu64 " bytes to its serial line: 9.",
			       ctx->view->serial_out[0]);
}

static void vga_draw(struct panel *pan, const struct panel_ctx *ctx, struct surface *sf,
		     struct rect area)
{
	struct vga *vga = malloc(sizeof(*vga));
	int first, left;

	if (!vga || !ctx->view) {
		free(vga);
		return;
	}
	vga_read(vga, ctx->view);
	first = vga_first_row(vga, area.rows);
	left = vga->cursor_col >= area.cols ? vga->cursor_col - area.cols + 1 : 0;
	for (int row = 0; row < area.rows && first + row < vga->rows; row++) {
		const uint8_t *cell =
			vga->cells + ((size_t)((first + row) * vga->cols) + (size_t)left) * 2;

		for (int col = 0; col < area.cols && left + col < vga->cols; col++, cell += 2) {
			surface_put(sf, area, row, col, cp437_unicode(cell[0]),
				    STYLE_VGA | (cell[1] & 0x7f));
			if (cell[1] & 0x80)
				surface_attr(sf, area, row, col, 1, CELL_UNDERLINE);
		}
	}
	if (vga->cursor_row >= first)
		surface_attr(sf, area, vga->cursor_row - first, vga->cursor_col - left, 1,
			     CELL_REVERSE);
	for (int row = 0; pan->filter[0] && row < area.rows; row++)
		surface_mark(sf, area, row, pan->filter, CELL_REVERSE);
	vga_say_blank(vga, ctx, sf, area);
	free(vga);
}

static void vga_subtitle(struct panel *pan, const struct panel_ctx *ctx, char *out, size_t len)
{
	const struct vm_view *view = ctx->view;
	uint32_t at;

	(void)pan;
	if (!view)
		return;
	at = (view->vga_cursor - view->vga_start) % VGA_CHARS;
	snprintf(out, len, "text %ux%u  cursor %u,%u%s", view->vga_cols, view->vga_rows,
		 view->vga_cols ? at / view->vga_cols : 0, view->vga_cols ? at % view->vga_cols : 0,
		 ctx->grabbed ? "  keys go to the guest, Ctrl-] releases" : "");
}

static int vga_rows(struct panel *pan, const struct panel_ctx *ctx, int cols)
{
	(void)pan;
	(void)cols;
	return ctx->view ? vga_limit(ctx->view->vga_rows, 25, VGA_ROWS_MAX) : 1;
}

static char *vga_json(struct panel *pan, const struct panel_ctx *ctx)
{
	struct vga *vga = calloc(1, sizeof(*vga));
	json_t *lines = json_array(), *obj;
	char *text = NULL;

	(void)pan;
	if (vga && ctx->view)
		vga_read(vga, ctx->view);
	for (int row = 0; vga && row < vga->rows; row++) {
		struct surface *sf = surface_new(1, vga->cols);
		struct buf line = BUF_INIT;

		for (int col = 0; sf && col < vga->cols; col++)
			surface_put(sf, surface_area(sf), 0, col,
				    cp437_unicode(vga->cells[(row * vga->cols + col) * 2]), 0);
		if (sf)
			surface_dump(sf, &line);
		if (line.len)
			line.data[--line.len] = '\0';
		json_array_append_new(lines, json_string(buf_str(&line)));
		buf_free(&line);
		surface_free(sf);
	}
	obj = json_pack("{s:o, s:i, s:i}", "lines", lines, "cursor_row", vga ? vga->cursor_row : -1,
			"cursor_col", vga ? vga->cursor_col : -1);
	if (obj)
		text = json_dumps(obj, JSON_INDENT(2));
	json_decref(obj);
	free(vga);
	return text;
}

static const enum request vga_verbs[] = { REQ_TYPE, REQ_FILTER, REQ_CONTINUE, REQ_PAUSE,
					  REQ_ZOOM, REQ_YANK,	REQ_WRITE,    REQ_NONE };

const struct panel_ops panel_vga_ops = {
	.id = "vga",
	.title = "Screen",
	.min_rows = 1,
	.min_cols = 20,
	.draw = vga_draw,
	.json = vga_json,
	.subtitle = vga_subtitle,
	.rows = vga_rows,
	.search = true,
	.verbs = vga_verbs,
};
