/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Drives a dashboard without a terminal, from a text: one command a line.
 *   size COLS ROWS     resize
 *   keys KEY...        press: a character, or a name as keys_name() gives it
 *   type TEXT          press each character of the rest of the line
 *   tick               take events and a picture
 *   dump [FIRST LAST]  print the screen, or rows FIRST to LAST of it
 *   styles ROW         print the row, and below it a letter for each cell's style
 * Anything else goes to the caller's own function.
 */
#ifndef VITRINE_TUI_SCRIPT_H
#define VITRINE_TUI_SCRIPT_H

#include <stdio.h>

#include "tui/dashboard.h"

struct script_hooks {
	/* LINE is a command the script itself does not know; false: nor does this. */
	bool (*command)(void *ctx, const char *line);
	void *ctx;
};

/* Run IN on DASH, pictures to OUT. 0, -EINVAL at a line nobody knows (named in ERR), -ENOMEM. */
int script_run(struct dashboard *dash, FILE *in, FILE *out, const struct script_hooks *hooks,
	       struct err *err);

#endif
