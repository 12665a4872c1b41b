/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Every device in its own words: the rows of its describe(). */
#include "tui/panel.h"

#include <errno.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tui/lines.h"

#define DEVICES_COLS 58

static int devices_create(struct panel *pan)
{
	pan->data = calloc(1, sizeof(struct lines));
	return pan->data ? 0 : -ENOMEM;
}

static void devices_destroy(struct panel *pan)
{
	if (pan->data)
		lines_free(pan->data);
	free(pan->data);
}

/* Columns for the labels of the device whose first row is I. */
static int devices_label_cols(const struct vm_view *view, unsigned int i)
{
	int cols = 10;

	for (unsigned int j = i; j < view->nr_rows && j < SAMPLE_ROWS; j++) {
		int len = (int)strlen(view->row[j].label);

		if (strcmp(view->row[j].device, view->row[i].device))
			break;
		cols = len > cols ? len : cols;
	}
	return cols + 4;
}

static void devices_build(struct panel *pan, const struct vm_view *view, int cols)
{
	struct lines *list = pan->data;
	const char *last = "";
	char label[32];
	int label_cols = 0;

	cols = lines_column_width(cols, DEVICES_COLS) - 1;
	lines_clear(list);
	for (unsigned int i = 0; view && i < view->nr_rows && i < SAMPLE_ROWS; i++) {
		const struct sample_row *row = &view->row[i];

		if (strcmp(last, row->device)) {
			lines_head(list, AS_TITLE " %s", row->device);
			label_cols = devices_label_cols(view, i);
		}
		last = row->device;
		snprintf(label, sizeof(label), "  %s", row->label);
		lines_add_row(list, label, label_cols, row->value, cols);
	}
	if (!list->nr)
		lines_add(list, AS_DIM " no device has anything to say");
}

static void devices_draw(struct panel *pan, const struct panel_ctx *ctx, struct surface *sf,
			 struct rect area)
{
	devices_build(pan, ctx->view, area.cols);
	lines_draw_columns(pan->data, pan, sf, area, DEVICES_COLS);
}

static int devices_rows(struct panel *pan, const struct panel_ctx *ctx, int cols)
{
	devices_build(pan, ctx->view, cols);
	return lines_columns_rows(pan->data, cols, DEVICES_COLS);
}

static char *devices_json(struct panel *pan, const struct panel_ctx *ctx)
{
	json_t *all = json_object();
	char *text;

	(void)pan;
	for (unsigned int i = 0; ctx->view && i < ctx->view->nr_rows && i < SAMPLE_ROWS; i++) {
		const struct sample_row *row = &ctx->view->row[i];
		json_t *dev = json_object_get(all, row->device);

		if (!dev) {
			dev = json_object();
			json_object_set_new(all, row->device, dev);
		}
		json_object_set_new(dev, row->label, json_string(row->value));
	}
	text = json_dumps(all, JSON_INDENT(2));
	json_decref(all);
	return text;
}

static const enum request devices_verbs[] = { REQ_FILTER, REQ_CONTINUE, REQ_PAUSE, REQ_ZOOM,
					      REQ_YANK,	  REQ_WRITE,	REQ_NONE };

const struct panel_ops panel_devices_ops = {
	.id = "devices",
	.title = "Devices",
	.min_rows = 1,
	.min_cols = 30,
	.create = devices_create,
	.destroy = devices_destroy,
	.draw = devices_draw,
	.json = devices_json,
	.rows = devices_rows,
	.verbs = devices_verbs,
};
