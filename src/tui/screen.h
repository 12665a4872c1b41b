/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The terminal: the only user of curses. Shows surfaces, reads keys, and gives
 * the terminal back as it was after any exit, a crash of this process included.
 * One at a time, on the main thread.
 */
#ifndef VITRINE_TUI_SCREEN_H
#define VITRINE_TUI_SCREEN_H

#include <stdbool.h>

#include "base/err.h"
#include "tui/settings.h"
#include "tui/surface.h"

struct screen;

/* Take over the terminal on stdin and stdout. -ENOTTY, -ENOTSUP (a terminal that cannot). */
int screen_open(const struct settings *set, struct screen **out, struct err *err);
/* Give it back. NULL is fine. */
void screen_close(struct screen *scr);
/* The terminal has no UTF-8: draw with ASCII. */
bool screen_ascii(const struct screen *scr);
void screen_size(const struct screen *scr, int *rows, int *cols);
/* Poll these for reading: keys, and a wake-up when the size has changed. */
int screen_key_fd(const struct screen *scr);
int screen_wake_fd(const struct screen *scr);
/* After a wake-up: take the terminal's new size. True if it changed. */
bool screen_resize(struct screen *scr);
/* The next key (a character or VKEY_*), -1 if there is none now. */
int screen_key(struct screen *scr);
/* Where and what the last VKEY_MOUSE was. */
struct screen_mouse {
	int row, col;
	int wheel; /* rows to scroll, negative: up; 0: a click */
};
bool screen_mouse(struct screen *scr, struct screen_mouse *out);
/* Show SF; only what changed goes to the terminal. */
void screen_flush(struct screen *scr, const struct surface *sf);
/* The next flush sends everything, without clearing first. */
void screen_invalidate(struct screen *scr);
/* Ask the terminal to put TEXT on its clipboard (OSC 52). */
void screen_yank(struct screen *scr, const char *text);

#endif
