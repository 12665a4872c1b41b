/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Panes as text: to the terminal's clipboard, to a file. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/io.h"
#include "tui/dashboard-priv.h"

/* The focused pane as text: what is on screen, at the size it has. */
static void save_pane_text(struct dashboard *dash, struct buf *out)
{
	struct panel *pan = dashboard_focused(dash);
	struct rect area = dash->layout.body;
	struct panel_ctx ctx;
	struct surface *sf;

	for (unsigned int i = 0; pan && i < dash->layout.nr; i++)
		if (!strcmp(dash->layout.pane[i].id, pan->ops->id))
			area = dash->layout.pane[i].area;
	sf = surface_new(area.rows, area.cols);
	if (!sf || !pan) {
		surface_free(sf);
		return;
	}
	dashboard_ctx(dash, &ctx);
	panel_draw(pan, &ctx, sf, surface_area(sf));
	surface_dump(sf, out);
	surface_free(sf);
}

static int save_write_file(const char *path, const struct buf *text)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
	ssize_t n;

	if (fd < 0)
		return -errno;
	n = write(fd, buf_str(text), text->len);
	if (close(fd) < 0 || n != (ssize_t)text->len)
		return -EIO;
	return 0;
}

/* $XDG_STATE_HOME/vitrine/yank, its folder made where it is missing. */
static bool save_yank_path(char *path, size_t len)
{
	if (!io_person_dir("XDG_STATE_HOME", ".local/state", path, len) || strlen(path) + 8 > len)
		return false;
	io_make_dirs(path);
	strcat(path, "/yank");
	return true;
}

void dashboard_yank(struct dashboard *dash, const char *arg)
{
	struct buf text = BUF_INIT;
	char path[512];

	(void)arg;
	save_pane_text(dash, &text);
	free(dash->yank);
	dash->yank = strdup(buf_str(&text));
	if (save_yank_path(path, sizeof(path)) && save_write_file(path, &text) == 0)
		dashboard_say(dash, STYLE_NORMAL, "copied: clipboard (OSC 52), %s", path);
	else
		dashboard_say(dash, STYLE_NORMAL, "copied: clipboard (OSC 52)");
	buf_free(&text);
}

void dashboard_save(struct dashboard *dash, const char *path)
{
	struct buf text = BUF_INIT;
	int ret;

	if (!path[0])
		return;
	save_pane_text(dash, &text);
	ret = save_write_file(path, &text);
	if (ret < 0)
		dashboard_say(dash, STYLE_BAD, "%s: %s", path, strerror(-ret));
	else
		dashboard_say(dash, STYLE_NORMAL, "written to %s", path);
	buf_free(&text);
}
