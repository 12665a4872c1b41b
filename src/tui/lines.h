/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Styled lines, for panels that are lists: built afresh at each draw, shown with
 * the panel's scroll position, cursor and filter.
 */
#ifndef VITRINE_TUI_LINES_H
#define VITRINE_TUI_LINES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "tui/panel.h"
#include "tui/surface.h"

/* In a line's text these change the style of what follows. */
#define AS_NORMAL  "\036@"
#define AS_DIM	   "\036A"
#define AS_TITLE   "\036B"
#define AS_KEY	   "\036C"
#define AS_CHANGED "\036D"
#define AS_CURRENT "\036E"
#define AS_GOOD	   "\036F"
#define AS_WARN	   "\036G"
#define AS_BAD	   "\036H"
#define AS_SYMBOL  "\036I"
#define AS_NUMBER  "\036J"

/* Lines beyond this are dropped. */
#define LINES_MAX 100000

struct line {
	uint32_t off; /* of the text in lines.text */
	bool head;    /* a heading: always shown, never filtered away nor selected */
	uint64_t tag; /* the panel's own */
};

struct lines {
	struct buf text;
	struct line *line;
	size_t nr, cap;
};

void lines_free(struct lines *list);
void lines_clear(struct lines *list);
void lines_add(struct lines *list, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
void lines_head(struct lines *list, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
/* Give the last line added a tag. */
void lines_tag(struct lines *list, uint64_t tag);
/*
 * Split plain TEXT at newlines and add each; with COLS, longer ones are broken
 * between words and go on below where their own text begins.
 */
void lines_add_text(struct lines *list, const char *text, int cols);
/* One row of a list: LABEL in LABEL_COLS columns, TEXT wrapped beside it to COLS in all. */
void lines_add_row(struct lines *list, const char *label, int label_cols, const char *text,
		   int cols);
/* The text with its AS_* marks. */
const char *lines_text(const struct lines *list, size_t index);
/* Is TEXT shown under FILTER: contains it, or with a leading '!' does not; case is ignored. */
bool lines_match(const char *text, const char *filter);
/* Draw text with AS_* marks; returns the column after it. */
int lines_put(struct surface *sf, struct rect clip, int row, int col, const char *text);
/*
 * Draw LIST in AREA. With CURSOR, pan->cursor counts the lines that are no
 * headings and that the filter lets through; it is kept in range and in sight.
 * Returns the line under the cursor, or NULL.
 */
const struct line *lines_draw(const struct lines *list, struct panel *pan, struct surface *sf,
			      struct rect area, bool cursor);

/* The line that lines_draw() would put PAN's cursor on, or NULL: for keys that come before it. */
const struct line *lines_under(const struct lines *list, const struct panel *pan);

/*
 * Draw LIST without a cursor in as many columns of at least WIDTH as fit, broken
 * before headings where possible; all columns scroll together.
 */
void lines_draw_columns(const struct lines *list, struct panel *pan, struct surface *sf,
			struct rect area, int width);
/* Columns each of them has at COLS columns in all. */
int lines_column_width(int cols, int width);
/* Rows lines_draw_columns() needs for LIST at COLS columns. */
int lines_columns_rows(const struct lines *list, int cols, int width);

#endif
