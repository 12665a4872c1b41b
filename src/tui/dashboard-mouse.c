/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The mouse, where the user wants it: it only presses keys that are there anyway. */
#include "tui/dashboard-priv.h"

static bool mouse_in(const struct rect *area, int row, int col)
{
	return row >= area->row && row < area->row + area->rows && col >= area->col &&
	       col < area->col + area->cols;
}

static const struct layout_pane *mouse_pane(const struct dashboard *dash, int row, int col)
{
	for (unsigned int i = 0; i < dash->layout.nr; i++)
		if (mouse_in(&dash->layout.pane[i].area, row, col))
			return &dash->layout.pane[i];
	return NULL;
}

/* The digit that the place clicked on begins with: "2 Paging", "!▪Autopsy". */
static void mouse_screens(struct dashboard *dash, const struct surface *sf, int row, int col)
{
	for (; col >= 0; col--) {
		const struct cell *cell = surface_cell(sf, row, col);

		if (cell->style != STYLE_KEY || cell->ch == ' ' || cell->ch >= 0x80)
			continue;
		dashboard_key(dash, (int)cell->ch);
		return;
	}
}

/* The row of AREA that is marked as the cursor's, -1: none. */
static int mouse_cursor(const struct surface *sf, const struct rect *area)
{
	for (int row = area->row; row < area->row + area->rows; row++)
		if (surface_cell(sf, row, area->col + area->cols / 2)->attr & CELL_REVERSE)
			return row;
	return -1;
}

static void mouse_move(struct dashboard *dash, int rows)
{
	for (; rows < 0; rows++)
		dashboard_key(dash, VKEY_UP);
	for (; rows > 0; rows--)
		dashboard_key(dash, VKEY_DOWN);
}

void dashboard_mouse(struct dashboard *dash, const struct surface *sf, int row, int col, int wheel)
{
	const struct layout_pane *pane = mouse_pane(dash, row, col);
	int cursor;

	if (dash->grabbed || dash->prompt.label || row < 0 || col < 0 || row >= surface_rows(sf) ||
	    col >= surface_cols(sf))
		return;
	dash->changed = true;
	if (mouse_in(&dash->layout.screens, row, col)) {
		if (!wheel)
			mouse_screens(dash, sf, row, col);
		return;
	}
	if (pane && !dash->output)
		dash->focus = pane->id;
	if (wheel) {
		mouse_move(dash, wheel);
	} else if (pane && !dash->output) {
		cursor = mouse_cursor(sf, &pane->area);
		if (cursor >= 0)
			mouse_move(dash, row - cursor);
	}
}

void dashboard_note(struct dashboard *dash, const char *text)
{
	dashboard_say(dash, STYLE_WARN, "%.150s", text);
}
