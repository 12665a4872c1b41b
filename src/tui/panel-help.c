/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The keys, from the key table: verbs, then moving, then screens. */
#include "tui/panel.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tui/lines.h"

#define HELP_COLS 56

static int help_create(struct panel *pan)
{
	pan->data = calloc(1, sizeof(struct lines));
	return pan->data ? 0 : -ENOMEM;
}

static void help_destroy(struct panel *pan)
{
	if (pan->data)
		lines_free(pan->data);
	free(pan->data);
}

/* "s F11": every key of a request. */
static void help_keys(const struct key_row *row, char *out, size_t len)
{
	char name[KEYS_NAME_MAX];

	snprintf(out, len, "%s", row->key ? keys_name(row->key, name) : "");
	for (unsigned int i = 0; i < keys_aliases_len; i++) {
		size_t used = strlen(out);

		if (keys_aliases[i].req != row->req || !keys_name(keys_aliases[i].key, name)[0])
			continue;
		if (strstr(out, name) || used + strlen(name) + 2 > len || used > 10)
			continue;
		snprintf(out + used, len - used, "%s%s", used ? " " : "", name);
	}
}

/* 0: verbs, 1: moving about, 2: screens. */
static int help_group(enum request req)
{
	if (req <= REQ_SCREEN_AUTOPSY)
		return 2;
	return (req >= REQ_NEXT_PANE && req <= REQ_BACK) || req == REQ_ZOOM ? 1 : 0;
}

static void help_build(struct lines *list)
{
	static const char *const heads[] = { "What to do", "Moving about", "Screens" };

	lines_clear(list);
	for (int group = 0; group < 3; group++) {
		lines_head(list, AS_TITLE " %s", heads[group]);
		for (unsigned int i = 0; i < keys_table_len; i++) {
			char keys[48];

			if (help_group(keys_table[i].req) != group)
				continue;
			help_keys(&keys_table[i], keys, sizeof(keys));
			lines_add(list, AS_KEY "   %-12s " AS_NORMAL "%s", keys,
				  keys_table[i].help);
		}
	}
	lines_head(list, AS_TITLE " What the marks mean");
	lines_add(list, "   ▶ ▷          stopped here; a sample while it runs");
	lines_add(list, "   *            changed since the last stop");
	lines_add(list, "   *            in front of a VM: marked (screen 0)");
	lines_add(list, "   B H w        break, hardware break, watch");
	lines_add(list, "   p            a para-virtual device");
	lines_head(list, AS_TITLE " What can be typed");
	lines_add(list, "   an address   symbol, register or hex, and +offset");
	lines_add(list, "   a filter     text to find, or !text to leave out");
}

static void help_draw(struct panel *pan, const struct panel_ctx *ctx, struct surface *sf,
		      struct rect area)
{
	(void)ctx;
	help_build(pan->data);
	lines_draw_columns(pan->data, pan, sf, area, HELP_COLS);
}

static int help_rows(struct panel *pan, const struct panel_ctx *ctx, int cols)
{
	(void)ctx;
	help_build(pan->data);
	return lines_columns_rows(pan->data, cols, HELP_COLS);
}

static const enum request help_verbs[] = { REQ_BACK, REQ_FILTER, REQ_DETACH, REQ_NONE };

const struct panel_ops panel_help_ops = {
	.id = "help",
	.title = "Keys",
	.min_rows = 1,
	.min_cols = 30,
	.create = help_create,
	.destroy = help_destroy,
	.draw = help_draw,
	.rows = help_rows,
	.verbs = help_verbs,
};
