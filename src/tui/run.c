/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The dashboard on a real terminal: keys, sockets, resizing, at most 30 pictures a second. */
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/time.h"
#include "tui/dashboard.h"
#include "tui/keys.h"
#include "tui/screen.h"

#define RUN_URGENT_NS 8000000ull
#define RUN_FRAME_NS  (1000000000ull / DASHBOARD_HZ)
#define RUN_KEYS_MAX  64 /* of one round, so that a flood of them cannot hold up the picture */
#define RUN_EMPTY_MAX 50 /* a terminal that is readable but has nothing to say is gone */

enum { RUN_KEYS, RUN_WAKE, RUN_CTL, RUN_CONSOLE, RUN_FDS };

struct run {
	struct dashboard *dash;
	struct screen *scr;
	struct surface *sf;
	uint64_t drawn_ns;
	unsigned int empty;
	bool dirty, lost;
	bool urgent; /* a key was pressed: do not wait for the next frame's time */
};

static void run_draw(struct run *run)
{
	char *yank = dashboard_take_yank(run->dash);

	if (dashboard_take_redraw(run->dash))
		screen_invalidate(run->scr);
	dashboard_draw(run->dash, run->sf);
	screen_flush(run->scr, run->sf);
	if (yank)
		screen_yank(run->scr, yank);
	free(yank);
	run->drawn_ns = time_now_ns();
	run->dirty = run->urgent = false;
}

/* No splash, no waiting: the next picture simply has the new size. */
static void run_resize(struct run *run)
{
	int rows, cols;

	if (!screen_resize(run->scr))
		return;
	screen_size(run->scr, &rows, &cols);
	surface_resize(run->sf, rows, cols);
	run_draw(run);
}

static void run_mouse(struct run *run)
{
	struct screen_mouse mouse;

	if (screen_mouse(run->scr, &mouse))
		dashboard_mouse(run->dash, run->sf, mouse.row, mouse.col, mouse.wheel);
}

static void run_keys(struct run *run)
{
	int key, nr;

	for (nr = 0;
	     nr < RUN_KEYS_MAX && !dashboard_done(run->dash) && !dashboard_congested(run->dash);
	     nr++) {
		key = screen_key(run->scr);
		if (key < 0)
			break;
		if (key == VKEY_MOUSE)
			run_mouse(run);
		else if (key != VKEY_RESIZE)
			dashboard_key(run->dash, key);
	}
	run->empty = nr ? 0 : run->empty + 1;
	run->lost |= run->empty > RUN_EMPTY_MAX;
	run->dirty |= nr > 0;
	run->urgent |= nr > 0;
}

static uint64_t run_frame_ns(const struct run *run)
{
	return run->urgent ? RUN_URGENT_NS : RUN_FRAME_NS;
}

/* Until the next picture is due, if something waits to be drawn; else until something happens. */
static int run_timeout(const struct run *run)
{
	uint64_t since = time_now_ns() - run->drawn_ns;

	if (!run->dirty)
		return dashboard_timeout(run->dash);
	return since >= run_frame_ns(run) ? 0 : (int)((run_frame_ns(run) - since) / 1000000) + 1;
}

static void run_poll(struct run *run)
{
	struct pollfd fds[RUN_FDS] = {
		[RUN_KEYS] = { .fd = screen_key_fd(run->scr), .events = POLLIN },
		[RUN_WAKE] = { .fd = screen_wake_fd(run->scr), .events = POLLIN },
		[RUN_CTL] = { .fd = -1, .events = POLLIN },
		[RUN_CONSOLE] = { .fd = -1, .events = POLLIN },
	};
	bool want_write;

	if (dashboard_congested(run->dash))
		fds[RUN_KEYS].events = 0;
	dashboard_fds(run->dash, &fds[RUN_CTL].fd, &fds[RUN_CONSOLE].fd, &want_write);
	if (want_write)
		fds[RUN_CONSOLE].events |= POLLOUT;
	if (poll(fds, RUN_FDS, run_timeout(run)) < 0 && errno != EINTR)
		run->lost = true;
	if (fds[RUN_KEYS].revents & (POLLHUP | POLLERR | POLLNVAL))
		run->lost = true;
	else if (fds[RUN_KEYS].revents)
		run_keys(run);
	if (fds[RUN_WAKE].revents)
		run_resize(run);
	if (fds[RUN_CONSOLE].revents)
		dashboard_console(run->dash);
}

static void run_loop(struct run *run)
{
	run_resize(run);
	run->dirty = true;
	while (!dashboard_done(run->dash) && !run->lost) {
		run->dirty |= dashboard_tick(run->dash);
		if (dashboard_done(run->dash))
			break;
		if (run->dirty && time_now_ns() - run->drawn_ns >= run_frame_ns(run))
			run_draw(run);
		run_poll(run);
	}
}

static int run_dashboard(const struct link_host *host, const char *name, bool read_only,
			 struct err *err)
{
	struct err bad = ERR_INIT;
	struct run run = { 0 };
	struct settings set;
	int ret, rows, cols;

	settings_load(&set, &bad);
	ret = screen_open(&set, &run.scr, err);
	if (ret < 0)
		return ret;
	ret = dashboard_new(host, name, screen_ascii(run.scr), &run.dash, err);
	if (ret == 0 && read_only)
		dashboard_set_read_only(run.dash);
	if (ret == 0 && bad.code)
		dashboard_note(run.dash, bad.text);
	screen_size(run.scr, &rows, &cols);
	run.sf = ret == 0 ? surface_new(rows, cols) : NULL;
	if (ret == 0 && !run.sf)
		ret = err_sys(err, ENOMEM, "dashboard");
	if (ret == 0)
		run_loop(&run);
	screen_close(run.scr);
	surface_free(run.sf);
	dashboard_free(run.dash);
	return ret;
}

int dashboard_run(const char *name, struct err *err)
{
	return dashboard_run_on(&link_host_ctl, name, err);
}

int dashboard_run_on(const struct link_host *host, const char *name, struct err *err)
{
	return run_dashboard(host, name, false, err);
}

int dashboard_watch(const char *name, struct err *err)
{
	return run_dashboard(&link_host_ctl, name, true, err);
}
