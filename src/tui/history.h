/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The last stops of a VM as pictures with the memory around them: what change marks compare
 * with, and what `[` and `]` go back to. What was not kept cannot be read in them: the present
 * never shows through.
 */
#ifndef VITRINE_TUI_HISTORY_H
#define VITRINE_TUI_HISTORY_H

#include "inspect/view.h"

#define HISTORY_MAX 64

struct history_stop {
	struct vm_view *view;
	struct view_page *page; /* what VIEW has of memory */
};

struct history {
	struct history_stop stop[HISTORY_MAX]; /* ring */
	unsigned int next, nr;
};

/* A copy of VIEW whose vCPUs are its own; RAM stays VIEW's. NULL without memory. */
struct vm_view *history_copy(const struct vm_view *view);
void history_copy_free(struct vm_view *view);

/* Remember VIEW if it is a stop not seen before. True if it was added. */
bool history_add(struct history *hist, const struct vm_view *view);
/* The stop BACK before the newest (0: the newest); NULL if there is none. */
const struct vm_view *history_get(const struct history *hist, unsigned int back);
void history_clear(struct history *hist);

#endif
