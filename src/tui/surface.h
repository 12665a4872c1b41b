/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A grid of character cells that panels draw on: no terminal, no curses. What
 * is on one can be compared, dumped as text and shown by screen.c.
 */
#ifndef VITRINE_TUI_SURFACE_H
#define VITRINE_TUI_SURFACE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"

/* Meanings, not colours: screen.c maps them. No meaning is carried by colour alone. */
enum style {
	STYLE_NORMAL,
	STYLE_DIM,
	STYLE_TITLE,
	STYLE_KEY,     /* a key in the footer */
	STYLE_CHANGED, /* value changed since the last stop; a '*' stands beside it */
	STYLE_CURRENT, /* the current instruction, the selected row */
	STYLE_GOOD,
	STYLE_WARN,
	STYLE_BAD,
	STYLE_SYMBOL,
	STYLE_NUMBER,
	STYLE_BORDER,
	STYLE_SELECTED, /* reverse */
	STYLE_NR,
	STYLE_VGA = 0x100,   /* low 8 bits: VGA attribute (bg << 4 | fg) */
	STYLE_ANSI = 0x8000, /* a terminal's colours: STYLE_ANSI_OF(fg, bg) */
};

/* Colours 0..15 in ANSI order, or STYLE_ANSI_DEFAULT. */
#define STYLE_ANSI_DEFAULT    16u
#define STYLE_ANSI_OF(fg, bg) (STYLE_ANSI | (bg) << 5 | (fg))
#define STYLE_ANSI_FG(style)  ((style)&31u)
#define STYLE_ANSI_BG(style)  ((style) >> 5 & 31u)

struct cell {
	uint32_t ch;	/* Unicode; 0: the right half of a wide character */
	uint16_t style; /* enum style, or STYLE_VGA | attribute */
	uint16_t attr;	/* CELL_* */
};

#define CELL_BOLD      (1u << 0)
#define CELL_UNDERLINE (1u << 1)
#define CELL_REVERSE   (1u << 2)

struct rect {
	int row, col, rows, cols;
};

struct surface;

struct surface *surface_new(int rows, int cols);
void surface_free(struct surface *sf);
/* Contents become blanks. 0 or -ENOMEM (then the old size stays). */
int surface_resize(struct surface *sf, int rows, int cols);
int surface_rows(const struct surface *sf);
int surface_cols(const struct surface *sf);
/* All of it. */
struct rect surface_area(const struct surface *sf);
/* From now on draw with ASCII only: every other character becomes the nearest one there is. */
void surface_set_ascii(struct surface *sf, bool ascii);
void surface_clear(struct surface *sf);
const struct cell *surface_cell(const struct surface *sf, int row, int col);

/* All drawing is clipped to CLIP (and to the surface); coordinates are relative to CLIP. */
void surface_put(struct surface *sf, struct rect clip, int row, int col, uint32_t ch,
		 unsigned int style);
/* UTF-8 text; control characters are drawn as '.'; returns the column after it. */
int surface_text(struct surface *sf, struct rect clip, int row, int col, unsigned int style,
		 const char *text);
int surface_printf(struct surface *sf, struct rect clip, int row, int col, unsigned int style,
		   const char *fmt, ...) __attribute__((format(printf, 6, 7)));
void surface_fill(struct surface *sf, struct rect clip, uint32_t ch, unsigned int style);
void surface_hline(struct surface *sf, struct rect clip, int row, unsigned int style);
/* A frame with a title in its upper edge; returns the inside. */
struct rect surface_box(struct surface *sf, struct rect clip, const char *title, bool focused);
/* Add CELL_* bits to a run of cells. */
void surface_attr(struct surface *sf, struct rect clip, int row, int col, int cols,
		  unsigned int attr);
/* Columns CH takes on a terminal: 0, 1 or 2; the same whatever the locale. */
int surface_width(uint32_t ch);
/*
 * Give ATTR to TEXT wherever it stands in row ROW of CLIP, the case of ASCII letters ignored.
 * Returns how often.
 */
int surface_mark(struct surface *sf, struct rect clip, int row, const char *text,
		 unsigned int attr);
/* The next character of UTF-8 TEXT (U+FFFD where it is malformed); returns what follows it. */
const char *surface_decode(const char *text, uint32_t *ch);
/* One row of AREA as a line of UTF-8, trailing blanks cut; appended to OUT. */
void surface_dump_row(const struct surface *sf, struct rect area, int row, struct buf *out);
/* The cells as lines of UTF-8, trailing blanks cut; appended to OUT. */
void surface_dump(const struct surface *sf, struct buf *out);

#endif
