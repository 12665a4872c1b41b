/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The balloon as lines of other panels: the host map's and the fleet's. */
#ifndef VITRINE_TUI_PANEL_BALLOON_H
#define VITRINE_TUI_PANEL_BALLOON_H

#include "inspect/view.h"
#include "tui/lines.h"

/* All that is known of it, with its holes drawn over the memory map; nothing without a balloon. */
void balloon_add_lines(struct lines *list, const struct vm_view *view, int cols);
/*
 * '#' is the guest's of SIZE bytes, '.' the balloon's, '|' where it shall end: WIDTH of them and
 * a NUL into BAR.
 */
void balloon_bar(uint64_t actual, uint64_t target, uint64_t size, int width, char *bar);
/* "[####....|...] 256M of 512M, shall have 256M", at most LEN bytes; "" without a balloon. */
void balloon_bar_text(const struct vm_view *view, int width, char *text, size_t len);

#endif
