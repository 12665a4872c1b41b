/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Every device in its own words: the rows of its describe(); and the ACPI tables in memory. */
#include "tui/panel.h"

#include <errno.h>
#include <inttypes.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "inspect/acpi-scan.h"
#include "tui/lines.h"

#define DEVICES_COLS	58
#define DEVICES_SCAN_NS 1000000000ull /* tables in memory seldom move */

struct devices {
	struct lines list;
	struct acpi_scan acpi;
	uint64_t scan_ns;
	bool scanned;
};

static int devices_create(struct panel *pan)
{
	pan->data = calloc(1, sizeof(struct devices));
	return pan->data ? 0 : -ENOMEM;
}

static void devices_destroy(struct panel *pan)
{
	struct devices *dev = pan->data;

	if (dev)
		lines_free(&dev->list);
	free(dev);
}

static void devices_scan(struct devices *dev, const struct vm_view *view)
{
	if (dev->scanned && view->now_ns - dev->scan_ns < DEVICES_SCAN_NS)
		return;
	acpi_scan(view, &dev->acpi);
	dev->scan_ns = view->now_ns;
	dev->scanned = true;
}

static void devices_add_acpi(struct devices *dev, const struct vm_view *view)
{
	devices_scan(dev, view);
	if (!dev->acpi.nr)
		return;
	lines_head(&dev->list, AS_TITLE " ACPI tables");
	for (unsigned int i = 0; i < dev->acpi.nr; i++) {
		const struct acpi_scan_table *tab = &dev->acpi.table[i];
		bool good = tab->whole && (tab->sum_ok || !tab->has_sum);

		lines_add(&dev->list,
			  "  %-4s " AS_DIM "%08" PRIx64 " %6" PRIu32 " B  " AS_NORMAL
			  "%s%-12s " AS_DIM "%s %s",
			  tab->sig, tab->gpa, tab->len, good ? AS_GOOD : AS_BAD,
			  acpi_scan_verdict(tab), tab->oem, tab->oem_table);
	}
	if (dev->acpi.more)
		lines_add(&dev->list, AS_DIM "  and more");
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
	struct devices *dev = pan->data;
	struct lines *list = &dev->list;
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
	if (view)
		devices_add_acpi(dev, view);
	if (!list->nr)
		lines_add(list, AS_DIM " no device has anything to say");
}

static void devices_draw(struct panel *pan, const struct panel_ctx *ctx, struct surface *sf,
			 struct rect area)
{
	devices_build(pan, ctx->view, area.cols);
	lines_draw_columns(&((struct devices *)pan->data)->list, pan, sf, area, DEVICES_COLS);
}

static int devices_rows(struct panel *pan, const struct panel_ctx *ctx, int cols)
{
	devices_build(pan, ctx->view, cols);
	return lines_columns_rows(&((struct devices *)pan->data)->list, cols, DEVICES_COLS);
}

static json_t *devices_acpi_array(const struct vm_view *view)
{
	struct acpi_scan *acpi = malloc(sizeof(*acpi));
	json_t *list = json_array();

	if (acpi)
		acpi_scan(view, acpi);
	for (unsigned int i = 0; acpi && i < acpi->nr; i++) {
		const struct acpi_scan_table *tab = &acpi->table[i];

		json_array_append_new(list,
				      json_pack("{s:s, s:I, s:I, s:i, s:s, s:s, s:s}", "signature",
						tab->sig, "gpa", (json_int_t)tab->gpa, "len",
						(json_int_t)tab->len, "revision", tab->revision,
						"oem", tab->oem, "oem-table", tab->oem_table,
						"state", acpi_scan_verdict(tab)));
	}
	free(acpi);
	return list;
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
	if (ctx->view)
		json_object_set_new(all, "acpi-tables", devices_acpi_array(ctx->view));
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
