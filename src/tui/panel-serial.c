/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The serial line as a terminal, with its past. */
#include "tui/panel.h"

#include <inttypes.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>

#include "tui/term.h"

static void serial_draw(struct panel *pan, const struct panel_ctx *ctx, struct surface *sf,
			struct rect area)
{
	if (!ctx->term) {
		surface_text(sf, area, 0, 0, STYLE_DIM, "the serial line is not connected");
		return;
	}
	pan->page = area.rows;
	pan->total = term_history(ctx->term) + term_rows(ctx->term);
	if (pan->scroll > term_history(ctx->term))
		pan->scroll = term_history(ctx->term);
	if (!term_bytes(ctx->term))
		surface_text(sf, area, 0, 0, STYLE_DIM,
			     "connected; the guest has written nothing to COM1 yet");
	else
		term_draw(ctx->term, sf, area, pan->scroll);
	if (pan->scroll)
		surface_printf(sf, area, 0, area.cols - 24, STYLE_WARN, " %d lines back, G: end ",
			       pan->scroll);
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

static const enum request serial_verbs[] = { REQ_TYPE,	REQ_PAGE_UP, REQ_END,	REQ_CONTINUE,
					     REQ_PAUSE, REQ_YANK,    REQ_WRITE, REQ_NONE };

const struct panel_ops panel_serial_ops = {
	.id = "serial",
	.title = "Serial",
	.min_rows = 1,
	.min_cols = 20,
	.draw = serial_draw,
	.request = serial_request,
	.json = serial_json,
	.subtitle = serial_subtitle,
	.verbs = serial_verbs,
};
