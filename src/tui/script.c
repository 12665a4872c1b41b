/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A dashboard driven by a text: see script.h. */
#include "tui/script.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "tui/keys.h"

#define SCRIPT_LINE 512

struct script {
	struct dashboard *dash;
	struct surface *sf;
	FILE *out;
};

static void script_draw(struct script *scr)
{
	dashboard_tick(scr->dash);
	dashboard_draw(scr->dash, scr->sf);
}

static void script_press(struct script *scr, int key)
{
	char *yank;

	dashboard_key(scr->dash, key);
	yank = dashboard_take_yank(scr->dash);
	if (yank)
		fprintf(scr->out, "yanked %zu bytes\n", strlen(yank));
	free(yank);
	script_draw(scr);
}

static bool script_keys(struct script *scr, const char *args)
{
	char word[KEYS_NAME_MAX];
	int used;

	while (sscanf(args, " %15s%n", word, &used) == 1) {
		int key = keys_from_name(word);

		if (!key)
			return false;
		script_press(scr, key);
		args += used;
	}
	return true;
}

static bool script_size(struct script *scr, const char *args)
{
	int rows, cols;

	if (sscanf(args, "%d %d", &cols, &rows) != 2 || surface_resize(scr->sf, rows, cols))
		return false;
	script_draw(scr);
	return true;
}

static bool script_dump(struct script *scr, const char *args)
{
	struct rect all = surface_area(scr->sf);
	int first = 0, last = all.rows - 1;
	struct buf out = BUF_INIT;

	script_draw(scr);
	if (sscanf(args, "%d %d", &first, &last) == 1)
		last = first;
	fprintf(scr->out, "--- %dx%d\n", all.cols, all.rows);
	for (int row = first; row <= last && row < all.rows; row++)
		surface_dump_row(scr->sf, all, row, &out);
	fputs(buf_str(&out), scr->out);
	buf_free(&out);
	return true;
}

static char script_style_letter(const struct cell *cell)
{
	char letter = cell->style < STYLE_NR ? ".dtkccgwbsnBr"[cell->style] : 'v';

	if (cell->attr & CELL_REVERSE)
		return letter == '.' ? '#' : (char)(letter & ~0x20);
	return letter;
}

static bool script_styles(struct script *scr, const char *args)
{
	struct rect all = surface_area(scr->sf);
	struct buf out = BUF_INIT;
	int row = atoi(args);

	script_draw(scr);
	surface_dump_row(scr->sf, all, row, &out);
	fputs(buf_str(&out), scr->out);
	buf_free(&out);
	for (int col = 0; col < all.cols; col++)
		putc(script_style_letter(surface_cell(scr->sf, row, col)), scr->out);
	putc('\n', scr->out);
	return true;
}

/* The rest of LINE after WORD and a blank, NULL if it begins otherwise. */
static const char *script_is(const char *line, const char *word)
{
	size_t len = strlen(word);

	if (strncmp(line, word, len) || (line[len] && line[len] != ' '))
		return NULL;
	return line[len] ? line + len + 1 : line + len;
}

static bool script_type(struct script *scr, const char *args)
{
	for (; *args; args++)
		script_press(scr, (unsigned char)*args);
	return true;
}

static bool script_tick(struct script *scr, const char *args)
{
	(void)args;
	script_draw(scr);
	return true;
}

static bool script_line(struct script *scr, const char *line, const struct script_hooks *hooks)
{
	static const struct {
		const char *word;
		bool (*run)(struct script *scr, const char *args);
	} commands[] = {
		{ "size", script_size }, { "keys", script_keys }, { "type", script_type },
		{ "tick", script_tick }, { "dump", script_dump }, { "styles", script_styles },
	};

	for (size_t i = 0; i < sizeof(commands) / sizeof(commands[0]); i++) {
		const char *args = script_is(line, commands[i].word);

		if (args)
			return commands[i].run(scr, args);
	}
	return hooks && hooks->command(hooks->ctx, line);
}

int script_run(struct dashboard *dash, FILE *in, FILE *out, const struct script_hooks *hooks,
	       struct err *err)
{
	struct script scr = { .dash = dash, .sf = surface_new(24, 80), .out = out };
	char line[SCRIPT_LINE];
	int ret = 0, nr = 0;

	if (!scr.sf)
		return err_sys(err, ENOMEM, "script");
	script_draw(&scr);
	while (ret == 0 && fgets(line, sizeof(line), in)) {
		line[strcspn(line, "\n")] = '\0';
		nr++;
		if (line[0] && line[0] != '#' && !script_line(&scr, line, hooks))
			ret = err_set(err, EINVAL, "line %d: %s", nr, line);
		if (dashboard_done(dash)) {
			fprintf(out, "left\n");
			break;
		}
	}
	surface_free(scr.sf);
	return ret;
}
