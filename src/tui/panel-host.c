/* SPDX-License-Identifier: GPL-2.0-or-later */
/* How the guest's physical memory lies in the host: memslots and their host addresses. */
#include "tui/panel.h"

#include <errno.h>
#include <inttypes.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/parse.h"
#include "tui/lines.h"
#include "tui/panel-balloon.h"

static int host_create(struct panel *pan)
{
	pan->data = calloc(1, sizeof(struct lines));
	return pan->data ? 0 : -ENOMEM;
}

static void host_destroy(struct panel *pan)
{
	if (pan->data)
		lines_free(pan->data);
	free(pan->data);
}

static const char *host_type(uint32_t type)
{
	return type == SAMPLE_REGION_RAM   ? "RAM"
	       : type == SAMPLE_REGION_VGA ? "VGA window"
	       : type == SAMPLE_REGION_ROM ? "ROM"
					   : "?";
}

static unsigned int host_regions(const struct vm_view *view)
{
	return view->nr_regions < VM_MAX_REGIONS ? view->nr_regions : VM_MAX_REGIONS;
}

/* The VM process's own words, line by line. */
static void host_add_text(struct lines *list, const char *text)
{
	int len;

	for (; *text; text += len + (text[len] == '\n')) {
		len = (int)strcspn(text, "\n");
		lines_add(list, " %.*s", len, text);
	}
}

static void host_build(struct panel *pan, const struct vm_view *view, const char *stage2, int cols)
{
	struct lines *list = pan->data;
	char size[16];

	lines_clear(list);
	lines_head(list, " memory of pid %u: one memfd of %s, %u memslots", view->pid,
		   parse_size_text(view->ram_len, size), view->nr_regions);
	lines_head(list, AS_DIM " slot  guest physical                  size  %shost virtual  %s",
		   cols >= 100 ? "in memfd      " : "", "what");
	for (unsigned int i = 0; i < host_regions(view); i++) {
		const struct sample_region *reg = &view->region[i];
		char off[24] = "";

		if (cols >= 100)
			snprintf(off, sizeof(off), "%012" PRIx64 "  ", reg->offset);
		lines_add(list,
			  " %4u  %012" PRIx64 "-%012" PRIx64 "  %6s  %s%012" PRIx64 "  " AS_SYMBOL
			  "%s%s%s",
			  reg->slot, reg->gpa, reg->gpa + reg->len - 1,
			  parse_size_text(reg->len, size), off, reg->hva, host_type(reg->type),
			  reg->name[0] ? "  " : "", reg->name);
		lines_tag(list, reg->gpa);
	}
	balloon_add_lines(list, view, cols);
	lines_add(list, " ");
	if (stage2)
		host_add_text(list, stage2);
	else
		lines_add(list, AS_DIM " the second stage was not asked for");
}

static void host_draw(struct panel *pan, const struct panel_ctx *ctx, struct surface *sf,
		      struct rect area)
{
	if (!ctx->view)
		return;
	host_build(pan, ctx->view, ctx->stage2, area.cols);
	lines_draw(pan->data, pan, sf, area, false);
}

static int host_rows(struct panel *pan, const struct panel_ctx *ctx, int cols)
{
	if (!ctx->view)
		return 1;
	host_build(pan, ctx->view, ctx->stage2, cols);
	return (int)((struct lines *)pan->data)->nr;
}

static char *host_json(struct panel *pan, const struct panel_ctx *ctx)
{
	json_t *list = json_array(), *obj;
	char *text;

	(void)pan;
	for (unsigned int i = 0; ctx->view && i < host_regions(ctx->view); i++) {
		const struct sample_region *reg = &ctx->view->region[i];
		char hva[24];

		snprintf(hva, sizeof(hva), "0x%" PRIx64, reg->hva);
		json_array_append_new(list, json_pack("{s:i, s:I, s:I, s:I, s:s, s:s, s:s}", "slot",
						      (int)reg->slot, "gpa", (json_int_t)reg->gpa,
						      "len", (json_int_t)reg->len, "offset",
						      (json_int_t)reg->offset, "hva", hva, "type",
						      host_type(reg->type), "name", reg->name));
	}
	obj = json_pack("{s:I, s:o}", "memfd", (json_int_t)(ctx->view ? ctx->view->ram_len : 0),
			"memslots", list);
	text = obj ? json_dumps(obj, JSON_INDENT(2)) : NULL;
	json_decref(obj);
	return text;
}

static const enum request host_verbs[] = { REQ_FILTER, REQ_CONTINUE, REQ_PAUSE, REQ_ZOOM,
					   REQ_YANK,   REQ_WRITE,    REQ_NONE };

const struct panel_ops panel_host_ops = {
	.id = "ept",
	.title = "Host map",
	.min_rows = 2,
	.min_cols = 36,
	.create = host_create,
	.destroy = host_destroy,
	.draw = host_draw,
	.json = host_json,
	.rows = host_rows,
	.verbs = host_verbs,
};
