/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Lists of styled lines: see lines.h. */
#include "tui/lines.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define LINES_MARK "\036"

void lines_free(struct lines *list)
{
	buf_free(&list->text);
	free(list->line);
	memset(list, 0, sizeof(*list));
}

void lines_clear(struct lines *list)
{
	buf_clear(&list->text);
	list->nr = 0;
}

static bool lines_reserve(struct lines *list)
{
	size_t cap = list->cap ? list->cap * 2 : 64;
	struct line *line;

	if (list->nr < list->cap)
		return true;
	if (list->nr >= LINES_MAX)
		return false;
	line = reallocarray(list->line, cap, sizeof(*line));
	if (!line)
		return false;
	list->line = line;
	list->cap = cap;
	return true;
}

static void lines_append(struct lines *list, bool head, const char *text)
{
	uint32_t off = (uint32_t)list->text.len;

	if (!lines_reserve(list))
		return;
	buf_add(&list->text, text, strlen(text) + 1);
	if (!list->text.failed)
		list->line[list->nr++] = (struct line){ .off = off, .head = head };
}

void lines_add(struct lines *list, const char *fmt, ...)
{
	char text[1024];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	lines_append(list, false, text);
}

void lines_head(struct lines *list, const char *fmt, ...)
{
	char text[1024];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	lines_append(list, true, text);
}

void lines_tag(struct lines *list, uint64_t tag)
{
	if (list->nr)
		list->line[list->nr - 1].tag = tag;
}

/* Bytes of TEXT (LEN long) that fit in COLS, broken at a blank where there is one. */
static size_t lines_fit(const char *text, size_t len, int cols)
{
	size_t at = 0, blank = 0;
	int col = 0;

	while (at < len) {
		uint32_t ch;
		size_t next = (size_t)(surface_decode(text + at, &ch) - text);

		col += surface_width(ch);
		if (col > cols)
			return blank ? blank : at ? at : len;
		if (ch == ' ' && at)
			blank = at;
		at = next;
	}
	return len;
}

/* Where a line's own text begins: after leading blanks and a first word followed by two. */
static int lines_indent(const char *text, size_t len)
{
	size_t at = strspn(text, " "), word = at;

	while (word < len && text[word] != ' ')
		word++;
	if (word + 1 < len && text[word + 1] == ' ')
		at = word + strspn(text + word, " ");
	return at < len && at < 16 ? (int)at : 0;
}

static void lines_add_wrapped(struct lines *list, const char *text, size_t len, int cols)
{
	int indent = lines_indent(text, len);
	size_t part = lines_fit(text, len, cols);

	lines_add(list, "%.*s", (int)part, text);
	while (part < len) {
		text += part;
		len -= part;
		while (len && *text == ' ') {
			text++;
			len--;
		}
		part = lines_fit(text, len, cols - indent);
		if (len)
			lines_add(list, "%*s%.*s", indent, "", (int)part, text);
	}
}

void lines_add_row(struct lines *list, const char *label, int label_cols, const char *text,
		   int cols)
{
	size_t len = strlen(text), part = lines_fit(text, len, cols - label_cols);

	lines_add(list, AS_DIM "%-*s" AS_NORMAL "%.*s", label_cols, label, (int)part, text);
	while (part < len) {
		text += part;
		len -= part;
		while (len && *text == ' ') {
			text++;
			len--;
		}
		part = lines_fit(text, len, cols - label_cols);
		if (len)
			lines_add(list, "%*s%.*s", label_cols, "", (int)part, text);
	}
}

void lines_add_text(struct lines *list, const char *text, int cols)
{
	while (*text) {
		size_t len = strcspn(text, "\n"), shown = len < 1000 ? len : 1000;

		if (cols > 20)
			lines_add_wrapped(list, text, shown, cols);
		else
			lines_add(list, "%.*s", (int)shown, text);
		text += len + (text[len] == '\n');
	}
}

const char *lines_text(const struct lines *list, size_t index)
{
	return list->text.data + list->line[index].off;
}

bool lines_match(const char *text, const char *filter)
{
	bool invert = filter[0] == '!';

	if (invert)
		filter++;
	if (!*filter)
		return true;
	return (strcasestr(text, filter) != NULL) != invert;
}

int lines_put(struct surface *sf, struct rect clip, int row, int col, const char *text)
{
	unsigned int style = STYLE_NORMAL;

	while (*text) {
		size_t len = strcspn(text, LINES_MARK);
		char part[512];

		if (len) {
			len = len < sizeof(part) ? len : sizeof(part) - 1;
			memcpy(part, text, len);
			part[len] = '\0';
			col = surface_text(sf, clip, row, col, style, part);
			text += len;
		} else if (text[1]) {
			style = (unsigned int)(text[1] - '@');
			style = style < STYLE_NR ? style : STYLE_NORMAL;
			text += 2;
		} else {
			break;
		}
	}
	return col;
}

/* Does the filter let the line through, its style marks aside? */
static bool lines_shown(const char *text, const char *filter)
{
	char plain[1024];
	size_t nr = 0;

	if (!filter[0])
		return true;
	for (; *text && nr < sizeof(plain) - 1; text++) {
		if (*text == LINES_MARK[0] && text[1])
			text++;
		else
			plain[nr++] = *text;
	}
	plain[nr] = '\0';
	return lines_match(plain, filter);
}

/* The lines that are shown, by index: headings always. Returns how many. */
static size_t lines_select(const struct lines *list, const char *filter, uint32_t *out)
{
	size_t nr = 0;

	for (size_t i = 0; i < list->nr; i++)
		if (list->line[i].head || lines_shown(lines_text(list, i), filter))
			out[nr++] = (uint32_t)i;
	return nr;
}

static void lines_clamp(int *val, int max)
{
	*val = *val > max ? max : *val;
	*val = *val < 0 ? 0 : *val;
}

/* Leading headings stay in place while the rest scrolls. */
static size_t lines_fixed(const struct lines *list, const uint32_t *shown, size_t nr)
{
	size_t fixed = 0;

	while (fixed < nr && list->line[shown[fixed]].head)
		fixed++;
	return fixed;
}

/* Position among SHOWN of the cursor'th selectable line; NR if there is none. */
static size_t lines_cursor(const struct lines *list, const uint32_t *shown, size_t nr, int *cursor)
{
	size_t last = nr, pos;
	int count = 0;

	*cursor = *cursor < 0 ? 0 : *cursor;
	for (pos = 0; pos < nr; pos++) {
		if (list->line[shown[pos]].head)
			continue;
		last = pos;
		if (count++ == *cursor)
			return pos;
	}
	*cursor = count ? count - 1 : 0;
	return last;
}

static void lines_follow(struct panel *pan, size_t fixed, size_t pos, int room)
{
	int rel = (int)(pos - fixed);

	if (rel < pan->scroll)
		pan->scroll = rel;
	if (rel >= pan->scroll + room)
		pan->scroll = rel - room + 1;
	/* Going up to the first line shows the headings between it and the fixed ones. */
	if (pan->cursor == 0)
		pan->scroll = 0;
}

const struct line *lines_draw(const struct lines *list, struct panel *pan, struct surface *sf,
			      struct rect area, bool cursor)
{
	uint32_t *shown = reallocarray(NULL, list->nr + 1, sizeof(*shown));
	size_t nr, fixed, pos = SIZE_MAX;
	const struct line *under = NULL;
	int room, row;

	if (!shown)
		return NULL;
	nr = lines_select(list, pan->filter, shown);
	fixed = lines_fixed(list, shown, nr);
	if ((int)fixed > area.rows)
		fixed = (size_t)(area.rows > 0 ? area.rows : 0);
	room = area.rows - (int)fixed;
	pan->page = room;
	pan->total = (int)(nr - fixed);
	if (cursor) {
		pos = lines_cursor(list, shown, nr, &pan->cursor);
		if (pos < nr && pos >= fixed)
			lines_follow(pan, fixed, pos, room);
	}
	lines_clamp(&pan->scroll, pan->total - room);
	for (row = 0; row < area.rows; row++) {
		size_t at = row < (int)fixed ? (size_t)row : (size_t)(row + pan->scroll);

		if (at >= nr)
			break;
		lines_put(sf, area, row, -pan->left, lines_text(list, shown[at]));
		if (cursor && at == pos) {
			under = &list->line[shown[at]];
			surface_put(sf, area, row, 0, '>', STYLE_CURRENT);
			surface_attr(sf, area, row, 0, area.cols, CELL_REVERSE);
		}
	}
	if (pan->filter[0] && nr == fixed && room > 0)
		surface_printf(sf, area, (int)fixed, 1, STYLE_DIM, "nothing matches \"%s\"",
			       pan->filter);
	free(shown);
	return under;
}

#define LINES_COLUMNS 4

/* Index of the first line of each column, and one past the last; returns the columns used. */
static int lines_split(const struct lines *list, const uint32_t *shown, size_t nr, int columns,
		       size_t *start)
{
	size_t want = (nr + (size_t)columns - 1) / (size_t)columns, at = 0;
	int used = 0;

	while (used < columns - 1 && at < nr) {
		size_t next = at + want, best;

		start[used++] = at;
		if (next >= nr) {
			at = nr;
			break;
		}
		/* The nearest heading, before or after, keeps blocks whole. */
		for (best = 0; best < want; best++) {
			if (next + best < nr && list->line[shown[next + best]].head) {
				next += best;
				break;
			}
			if (list->line[shown[next - best]].head && next - best > at) {
				next -= best;
				break;
			}
		}
		at = next;
	}
	if (at < nr)
		start[used++] = at;
	start[used] = nr;
	return used;
}

static int lines_columns(int cols, int width)
{
	int columns = width > 0 ? cols / width : 1;

	return columns < 1 ? 1 : columns > LINES_COLUMNS ? LINES_COLUMNS : columns;
}

int lines_column_width(int cols, int width)
{
	return cols / lines_columns(cols, width);
}

static int lines_tallest(const size_t *start, int columns)
{
	size_t most = 0;

	for (int i = 0; i < columns; i++)
		most = start[i + 1] - start[i] > most ? start[i + 1] - start[i] : most;
	return (int)most;
}

int lines_columns_rows(const struct lines *list, int cols, int width)
{
	uint32_t *shown = reallocarray(NULL, list->nr + 1, sizeof(*shown));
	size_t start[LINES_COLUMNS + 1], nr;
	int columns;

	if (!shown)
		return 1;
	nr = lines_select(list, "", shown);
	columns = lines_split(list, shown, nr, lines_columns(cols, width), start);
	free(shown);
	return lines_tallest(start, columns);
}

void lines_draw_columns(const struct lines *list, struct panel *pan, struct surface *sf,
			struct rect area, int width)
{
	uint32_t *shown = reallocarray(NULL, list->nr + 1, sizeof(*shown));
	int columns = lines_columns(area.cols, width), used, each = area.cols / columns;
	size_t start[LINES_COLUMNS + 1], nr;

	if (!shown)
		return;
	nr = lines_select(list, pan->filter, shown);
	used = lines_split(list, shown, nr, columns, start);
	pan->page = area.rows;
	pan->total = lines_tallest(start, used);
	lines_clamp(&pan->scroll, pan->total - area.rows);
	for (int i = 0; i < used; i++) {
		struct rect part = { area.row, area.col + i * each, area.rows,
				     i == columns - 1 ? area.cols - i * each : each - 1 };

		for (int row = 0; row < area.rows; row++) {
			size_t at = start[i] + (size_t)(row + pan->scroll);

			if (at < start[i + 1])
				lines_put(sf, part, row, 0, lines_text(list, shown[at]));
		}
	}
	free(shown);
}

const struct line *lines_under(const struct lines *list, const struct panel *pan)
{
	const struct line *last = NULL;
	int nr = 0;

	for (size_t i = 0; i < list->nr; i++) {
		if (list->line[i].head || !lines_match(lines_text(list, i), pan->filter))
			continue;
		last = &list->line[i];
		if (nr++ == pan->cursor)
			break;
	}
	return last;
}
