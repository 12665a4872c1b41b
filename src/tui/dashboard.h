/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The dashboard: this terminal as a window on one VM, or on all of them. Its
 * core knows no terminal: keys go in, a surface comes out, so that a script can
 * drive it (script.h) as well as run.c does.
 */
#ifndef VITRINE_TUI_DASHBOARD_H
#define VITRINE_TUI_DASHBOARD_H

#include <stdbool.h>

#include "base/err.h"
#include "tui/link.h"
#include "tui/surface.h"

#define DASHBOARD_HZ 30

/*
 * Run until the user leaves or the VM called NAME (NULL: the fleet screen) ends.
 * 0, or -errno with the terminal restored: -ENOTTY, -ENOENT, ...
 */
int dashboard_run(const char *name, struct err *err);
/* The same, looking only. */
int dashboard_watch(const char *name, struct err *err);

/* The same with VMs from HOST, which may be a test's. */
int dashboard_run_on(const struct link_host *host, const char *name, struct err *err);

struct dashboard;

/* HOST must outlive the dashboard. NAME as above. */
int dashboard_new(const struct link_host *host, const char *name, bool ascii,
		  struct dashboard **out, struct err *err);
void dashboard_free(struct dashboard *dash);
/* From now on look only: whatever would change the guest is refused. */
void dashboard_set_read_only(struct dashboard *dash);
/* A key (a character or VKEY_*). */
void dashboard_key(struct dashboard *dash, int key);
/*
 * The mouse on SF, the surface last drawn: WHEEL rows to scroll (negative: up) in the pane at
 * ROW and COL, or, with 0, a click there: on a pane, a row, or a screen in the last line.
 */
void dashboard_mouse(struct dashboard *dash, const struct surface *sf, int row, int col, int wheel);
/* Something to tell the user before anything else. */
void dashboard_note(struct dashboard *dash, const char *text);
/* Take events and a new picture, if one is due. True if something may look different now. */
bool dashboard_tick(struct dashboard *dash);
/* Draw everything at the surface's size. */
void dashboard_draw(struct dashboard *dash, struct surface *sf);
/* The user has left, or the VM has ended. */
bool dashboard_done(const struct dashboard *dash);
/* Milliseconds until dashboard_tick() has something to do by itself. */
int dashboard_timeout(const struct dashboard *dash);
/* Descriptors to poll for reading, -1: none; WANT_WRITE: the console waits for room as well. */
void dashboard_fds(const struct dashboard *dash, int *ctl_fd, int *console_fd, bool *want_write);
/* The console can be read (or written). */
void dashboard_console(struct dashboard *dash);
/* So much is under way that keys had better wait a moment: a paste into the guest's keyboard. */
bool dashboard_congested(const struct dashboard *dash);
/* Text to put on the terminal's clipboard, NULL if none; taken over by the caller (free()). */
char *dashboard_take_yank(struct dashboard *dash);
/* True once after the user asked to draw the whole screen again. */
bool dashboard_take_redraw(struct dashboard *dash);

#endif
