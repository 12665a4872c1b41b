/* SPDX-License-Identifier: GPL-2.0-or-later */
/* One line of input: see prompt.h. */
#include "tui/prompt.h"

#include <stdio.h>
#include <string.h>

#include "tui/keys.h"

void prompt_start(struct prompt *pr, const char *label, const char *text, const char *hint)
{
	pr->label = label;
	snprintf(pr->text, sizeof(pr->text), "%s", text);
	snprintf(pr->hint, sizeof(pr->hint), "%s", hint);
	pr->len = pr->pos = (int)strlen(pr->text);
	pr->at_past = pr->nr_past;
}

void prompt_stop(struct prompt *pr)
{
	pr->label = NULL;
}

static void prompt_delete(struct prompt *pr, int from, int nr)
{
	memmove(pr->text + from, pr->text + from + nr, (size_t)(pr->len - from - nr + 1));
	pr->len -= nr;
	pr->pos = from;
}

static void prompt_insert(struct prompt *pr, char ch)
{
	if (pr->len + 1 >= PROMPT_MAX)
		return;
	memmove(pr->text + pr->pos + 1, pr->text + pr->pos, (size_t)(pr->len - pr->pos + 1));
	pr->text[pr->pos++] = ch;
	pr->len++;
}

static void prompt_remember(struct prompt *pr)
{
	if (!pr->len || (pr->nr_past && !strcmp(pr->past[pr->nr_past - 1], pr->text)))
		return;
	if (pr->nr_past == PROMPT_PAST) {
		memmove(pr->past[0], pr->past[1], sizeof(pr->past) - sizeof(pr->past[0]));
		pr->nr_past--;
	}
	memcpy(pr->past[pr->nr_past++], pr->text, PROMPT_MAX);
}

static void prompt_recall(struct prompt *pr, int step)
{
	int at = pr->at_past + step;

	if (at < 0 || at > pr->nr_past)
		return;
	pr->at_past = at;
	if (at == pr->nr_past)
		pr->text[0] = '\0';
	else
		memcpy(pr->text, pr->past[at], PROMPT_MAX);
	pr->len = pr->pos = (int)strlen(pr->text);
}

static int prompt_word_start(const struct prompt *pr)
{
	int at = pr->pos;

	while (at > 0 && !strchr(" +", pr->text[at - 1]))
		at--;
	return at;
}

const char *prompt_word(const struct prompt *pr)
{
	return pr->text + prompt_word_start(pr);
}

void prompt_complete(struct prompt *pr, const char *word)
{
	int start = prompt_word_start(pr);

	prompt_delete(pr, start, pr->pos - start);
	for (; *word; word++)
		prompt_insert(pr, *word);
}

static void prompt_edit(struct prompt *pr, int key)
{
	switch (key) {
	case VKEY_LEFT:
	case 2: /* Ctrl-B */
		pr->pos -= pr->pos > 0;
		break;
	case VKEY_RIGHT:
	case 6: /* Ctrl-F */
		pr->pos += pr->pos < pr->len;
		break;
	case VKEY_HOME:
	case 1: /* Ctrl-A */
		pr->pos = 0;
		break;
	case VKEY_END:
	case 5: /* Ctrl-E */
		pr->pos = pr->len;
		break;
	case VKEY_BACKSPACE:
	case 8:
	case 127:
		if (pr->pos > 0)
			prompt_delete(pr, pr->pos - 1, 1);
		break;
	case VKEY_DELETE:
		if (pr->pos < pr->len)
			prompt_delete(pr, pr->pos, 1);
		break;
	case 21: /* Ctrl-U */
		prompt_delete(pr, 0, pr->pos);
		break;
	case 23: /* Ctrl-W */
		prompt_complete(pr, "");
		break;
	case VKEY_UP:
		prompt_recall(pr, -1);
		break;
	case VKEY_DOWN:
		prompt_recall(pr, 1);
		break;
	default:
		if (key >= 0x20 && key < 0x7f)
			prompt_insert(pr, (char)key);
		break;
	}
}

enum prompt_result prompt_key(struct prompt *pr, int key)
{
	switch (key) {
	case '\n':
	case '\r':
	case VKEY_ENTER:
		prompt_remember(pr);
		return PROMPT_DONE;
	case 27:
	case 3:
	case 7:
		return PROMPT_CANCEL;
	case '\t':
		return PROMPT_COMPLETE;
	default:
		/* Deleting the nothing that is there means: never mind. */
		if ((key == VKEY_BACKSPACE || key == 127 || key == 8) && !pr->len)
			return PROMPT_CANCEL;
		prompt_edit(pr, key);
		return PROMPT_OPEN;
	}
}

void prompt_draw(const struct prompt *pr, struct surface *sf, struct rect area)
{
	int col = surface_printf(sf, area, 0, 1, STYLE_TITLE, "%s ", pr->label), left = 0;
	struct rect line = { area.row, area.col + col, 1, area.cols - col };

	if (pr->pos >= line.cols)
		left = pr->pos - line.cols + 1;
	surface_text(sf, line, 0, 0, STYLE_NORMAL, pr->text + left);
	if (!pr->len)
		surface_text(sf, line, 0, 2, STYLE_DIM, pr->hint);
	surface_attr(sf, line, 0, pr->pos - left, 1, CELL_REVERSE);
}
