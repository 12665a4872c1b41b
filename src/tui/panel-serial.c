/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The serial line as a terminal, with its past. */
#include "tui/panel.h"

#include <errno.h>
#include <inttypes.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tui/term.h"

struct serial {
	char sought[64]; /* what MATCH is of */
	uint64_t match;	 /* number of the line (term_pushed()) that was found */
	bool found;
	uint64_t pushed; /* of the last draw: what is looked at stays where it is */
};

static int serial_create(struct panel *pan)
{
	pan->data = calloc(1, sizeof(struct serial));
	return pan->data ? 0 : -ENOMEM;
}

static void serial_destroy(struct panel *pan)
{
	free(pan->data);
}

/* The number of the oldest line there is. */
static uint64_t serial_oldest(const struct term *term)
{
	return term_pushed(term) - (uint64_t)term_history(term);
}

/* Bring line ROW into sight, in the middle where it is in the past. */
static void serial_reveal(struct panel *pan, const struct term *term, int row)
{
	int all = term_history(term) + term_rows(term), page = pan->page > 0 ? pan->page : 1;
	int top = all - page - pan->scroll;

	if (row < top || row >= top + page)
		pan->scroll = all - page / 2 - row - 1;
	pan->scroll = pan->scroll > term_history(term) ? term_history(term) : pan->scroll;
	pan->scroll = pan->scroll < 0 ? 0 : pan->scroll;
}

/* From the last match on, or from the end where there is none. STEP 1: later, -1: earlier. */
static void serial_seek(struct panel *pan, const struct term *term, int step)
{
	struct serial *ser = pan->data;
	uint64_t oldest = serial_oldest(term);
	int from = term_history(term) + term_rows(term) - 1, row;

	if (ser->found && ser->match >= oldest)
		from = (int)(ser->match - oldest) + step;
	row = term_find(term, from, step, pan->filter);
	if (row < 0)
		return;
	ser->found = true;
	ser->match = oldest + (uint64_t)row;
	serial_reveal(pan, term, row);
}

/* The user has typed another text. */
static void serial_search(struct panel *pan, const struct term *term)
{
	struct serial *ser = pan->data;

	if (!strcmp(ser->sought, pan->filter))
		return;
	memcpy(ser->sought, pan->filter, sizeof(ser->sought));
	ser->found = false;
	if (pan->filter[0])
		serial_seek(pan, term, -1);
}

static void serial_stay(struct panel *pan, const struct term *term)
{
	struct serial *ser = pan->data;

	if (pan->scroll)
		pan->scroll += (int)(term_pushed(term) - ser->pushed);
	ser->pushed = term_pushed(term);
	if (pan->scroll > term_history(term))
		pan->scroll = term_history(term);
}

static void serial_draw(struct panel *pan, const struct panel_ctx *ctx, struct surface *sf,
			struct rect area)
{
	const struct serial *ser = pan->data;

	if (!ctx->term) {
		surface_text(sf, area, 0, 0, STYLE_DIM, "the serial line is not connected");
		return;
	}
	pan->page = area.rows;
	pan->total = term_history(ctx->term) + term_rows(ctx->term);
	serial_stay(pan, ctx->term);
	serial_search(pan, ctx->term);
	if (!term_bytes(ctx->term))
		surface_text(sf, area, 0, 0, STYLE_DIM,
			     "connected; the guest has written nothing to COM1 yet");
	else
		term_draw(ctx->term, sf, area, pan->scroll);
	for (int row = 0; pan->filter[0] && row < area.rows; row++)
		surface_mark(sf, area, row, pan->filter, CELL_REVERSE);
	if (pan->scroll)
		surface_printf(sf, area, 0, area.cols - 24, STYLE_WARN, " %d lines back, G: end ",
			       pan->scroll);
	if (pan->filter[0] && !ser->found)
		surface_printf(sf, area, 0, 0, STYLE_WARN, " not found: %s ", pan->filter);
}

/* The scroll position counts lines into the past. */
static unsigned int serial_request(struct panel *pan, const struct panel_ctx *ctx, enum request req)
{
	int page = pan->page > 1 ? pan->page - 1 : 1;
	int last = ctx->term ? term_history(ctx->term) : 0;

	switch (req) {
	case REQ_UP:
		pan->scroll++;
		break;
	case REQ_DOWN:
		pan->scroll--;
		break;
	case REQ_PAGE_UP:
		pan->scroll += page;
		break;
	case REQ_PAGE_DOWN:
		pan->scroll -= page;
		break;
	case REQ_HOME:
		pan->scroll = last;
		break;
	case REQ_END:
		pan->scroll = 0;
		break;
	case REQ_NEXT_MATCH:
	case REQ_PREV_MATCH:
		if (!ctx->term || !pan->filter[0])
			return PANEL_IGNORED;
		serial_seek(pan, ctx->term, req == REQ_NEXT_MATCH ? -1 : 1);
		break;
	default:
		return PANEL_IGNORED;
	}
	pan->scroll = pan->scroll > last ? last : pan->scroll;
	pan->scroll = pan->scroll < 0 ? 0 : pan->scroll;
	return PANEL_HANDLED | PANEL_REDRAW;
}

static void serial_subtitle(struct panel *pan, const struct panel_ctx *ctx, char *out, size_t len)
{
	(void)pan;
	if (ctx->grabbed)
		snprintf(out, len, "COM1  keys go to the guest, Ctrl-] releases");
	else if (ctx->term)
		snprintf(out, len, "COM1  %" PRIu64 " bytes", term_bytes(ctx->term));
}

static char *serial_json(struct panel *pan, const struct panel_ctx *ctx)
{
	struct buf all = BUF_INIT;
	json_t *obj;
	char *text;

	(void)pan;
	if (ctx->term)
		term_text(ctx->term, &all);
	obj = json_pack("{s:s}", "text", buf_str(&all));
	buf_free(&all);
	text = obj ? json_dumps(obj, JSON_INDENT(2)) : NULL;
	json_decref(obj);
	return text;
}

static const enum request serial_verbs[] = { REQ_TYPE, REQ_FILTER,   REQ_PAGE_UP,
					     REQ_END,  REQ_CONTINUE, REQ_PAUSE,
					     REQ_YANK, REQ_WRITE,    REQ_NONE };

const struct panel_ops panel_serial_ops = {
	.id = "serial",
	.title = "Serial",
	.min_rows = 1,
	.min_cols = 20,
	.create = serial_create,
	.destroy = serial_destroy,
	.draw = serial_draw,
	.request = serial_request,
	.json = serial_json,
	.subtitle = serial_subtitle,
	.search = true,
	.verbs = serial_verbs,
};
