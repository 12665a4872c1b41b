/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The table of panels, and what all of them share: see panel.h. */
#include "tui/panel.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

/* Rows a panel that cannot count them gets for `show`. */
#define PANEL_TALL     400
#define PANEL_ROWS_MAX 70000
/* Columns that long lines move sideways at once, and at most. */
#define PANEL_SIDE     8
#define PANEL_SIDE_MAX 400

static const struct panel_ops *const panel_table[] = {
	&panel_fleet_ops,  &panel_cpu_ops,    &panel_paging_ops,  &panel_host_ops,
	&panel_tables_ops, &panel_irq_ops,    &panel_devices_ops, &panel_exits_ops,
	&panel_vga_ops,	   &panel_serial_ops, &panel_autopsy_ops, &panel_help_ops,
	&panel_regs_ops,   &panel_code_ops,   &panel_stack_ops,
};

const struct panel_ops *panel_find(const char *id)
{
	for (size_t i = 0; i < sizeof(panel_table) / sizeof(panel_table[0]); i++)
		if (!strcmp(panel_table[i]->id, id))
			return panel_table[i];
	return NULL;
}

int panel_init(struct panel *pan, const struct panel_ops *ops)
{
	memset(pan, 0, sizeof(*pan));
	pan->ops = ops;
	return ops->create ? ops->create(pan) : 0;
}

void panel_exit(struct panel *pan)
{
	if (pan->ops && pan->ops->destroy)
		pan->ops->destroy(pan);
	memset(pan, 0, sizeof(*pan));
}

void panel_draw(struct panel *pan, const struct panel_ctx *ctx, struct surface *sf,
		struct rect area)
{
	if (area.rows < pan->ops->min_rows || area.cols < pan->ops->min_cols) {
		surface_printf(sf, area, 0, 0, STYLE_DIM, "%s needs %dx%d", pan->ops->title,
			       pan->ops->min_cols, pan->ops->min_rows);
		return;
	}
	pan->ops->draw(pan, ctx, sf, area);
}

/* Panels with a cursor keep it in sight themselves; the others just scroll. */
static unsigned int panel_move(struct panel *pan, enum request req)
{
	int *pos = pan->has_cursor ? &pan->cursor : &pan->scroll;
	int page = pan->page > 1 ? pan->page - 1 : 1;
	int last = pan->has_cursor ? pan->total - 1 : pan->total - pan->page;

	switch (req) {
	case REQ_LEFT:
		pan->left = pan->left > PANEL_SIDE ? pan->left - PANEL_SIDE : 0;
		break;
	case REQ_RIGHT:
		pan->left += pan->left < PANEL_SIDE_MAX ? PANEL_SIDE : 0;
		break;
	case REQ_UP:
		*pos -= 1;
		break;
	case REQ_DOWN:
		*pos += 1;
		break;
	case REQ_PAGE_UP:
		*pos -= page;
		break;
	case REQ_PAGE_DOWN:
		*pos += page;
		break;
	case REQ_HOME:
		*pos = 0;
		break;
	case REQ_END:
		*pos = last;
		break;
	default:
		return PANEL_IGNORED;
	}
	*pos = *pos > last ? last : *pos;
	*pos = *pos < 0 ? 0 : *pos;
	return PANEL_HANDLED | PANEL_REDRAW;
}

unsigned int panel_request(struct panel *pan, const struct panel_ctx *ctx, enum request req)
{
	unsigned int res = pan->ops->request ? pan->ops->request(pan, ctx, req) : PANEL_IGNORED;

	return res ? res : panel_move(pan, req);
}

void panel_title(struct panel *pan, const struct panel_ctx *ctx, char *out, size_t len)
{
	char sub[128] = "";

	if (pan->ops->subtitle)
		pan->ops->subtitle(pan, ctx, sub, sizeof(sub));
	if (pan->filter[0])
		snprintf(out, len, "%s  %s  /%s", pan->ops->title, sub, pan->filter);
	else
		snprintf(out, len, "%s%s%s", pan->ops->title, sub[0] ? "  " : "", sub);
}

static int panel_height(struct panel *pan, const struct panel_ctx *ctx, int cols)
{
	int rows = pan->ops->rows ? pan->ops->rows(pan, ctx, cols) : PANEL_TALL;

	rows = rows < pan->ops->min_rows ? pan->ops->min_rows : rows;
	return rows > PANEL_ROWS_MAX ? PANEL_ROWS_MAX : rows < 1 ? 1 : rows;
}

static void panel_take_goal(struct panel *pan, const struct panel_ctx *ctx)
{
	if (ctx->goal)
		snprintf(pan->goal, sizeof(pan->goal), "%s", ctx->goal);
}

int panel_show(const struct panel_ops *ops, const struct panel_ctx *ctx, int cols, struct buf *out)
{
	struct surface *sf = NULL;
	struct panel pan;
	int err;

	cols = cols < ops->min_cols ? ops->min_cols : cols;
	err = panel_init(&pan, ops);
	if (err)
		return err;
	pan.whole = true;
	panel_take_goal(&pan, ctx);
	sf = surface_new(panel_height(&pan, ctx, cols), cols);
	if (!sf) {
		err = -ENOMEM;
		goto out;
	}
	surface_set_ascii(sf, ctx->ascii);
	panel_draw(&pan, ctx, sf, surface_area(sf));
	surface_dump(sf, out);
	while (out->len > 1 && out->data[out->len - 1] == '\n' && out->data[out->len - 2] == '\n')
		out->data[--out->len] = '\0';
	err = out->failed ? -ENOMEM : 0;
out:
	surface_free(sf);
	panel_exit(&pan);
	return err;
}

char *panel_json(const struct panel_ops *ops, const struct panel_ctx *ctx)
{
	struct panel pan;
	char *text = NULL;

	if (!ops->json || panel_init(&pan, ops))
		return NULL;
	panel_take_goal(&pan, ctx);
	text = ops->json(&pan, ctx);
	panel_exit(&pan);
	return text;
}

json_t *panel_ask(const struct panel_ops *ops, const struct panel_ctx *ctx)
{
	json_t *args = NULL;
	struct panel pan;

	if (!ops->ask || panel_init(&pan, ops))
		return NULL;
	panel_take_goal(&pan, ctx);
	args = ops->ask(&pan, ctx);
	panel_exit(&pan);
	return args;
}
