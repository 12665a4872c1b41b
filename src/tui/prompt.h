/* SPDX-License-Identifier: GPL-2.0-or-later */
/* One line of input with editing, a past, and completion by its owner. */
#ifndef VITRINE_TUI_PROMPT_H
#define VITRINE_TUI_PROMPT_H

#include <stdbool.h>

#include "tui/surface.h"

#define PROMPT_MAX  200
#define PROMPT_PAST 16

struct prompt {
	const char *label; /* "break at:" ; NULL: no prompt is open */
	char hint[96];	   /* shown while the line is empty */
	char text[PROMPT_MAX];
	int len, pos;
	char past[PROMPT_PAST][PROMPT_MAX];
	int nr_past, at_past;
};

enum prompt_result { PROMPT_OPEN, PROMPT_DONE, PROMPT_CANCEL, PROMPT_COMPLETE };

/* LABEL must outlive the prompt. TEXT stands there already (may be empty). */
void prompt_start(struct prompt *pr, const char *label, const char *text, const char *hint);
void prompt_stop(struct prompt *pr);
/* PROMPT_DONE keeps the text until the next prompt_start(). */
enum prompt_result prompt_key(struct prompt *pr, int key);
/* Replace the last word (from blank or '+' on) by WORD. */
void prompt_complete(struct prompt *pr, const char *word);
/* The word that completion is about. */
const char *prompt_word(const struct prompt *pr);
void prompt_draw(const struct prompt *pr, struct surface *sf, struct rect area);

#endif
