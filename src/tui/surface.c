/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A grid of character cells: see surface.h. */
#include "tui/surface.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

struct surface {
	int rows, cols;
	bool ascii;
	struct cell *cells;
};

/* Nobody has a larger terminal; a limit keeps the products below an int. */
#define SURFACE_ROWS_MAX 65536
#define SURFACE_COLS_MAX 4096

static const struct cell surface_blank = { .ch = ' ' };

struct surface *surface_new(int rows, int cols)
{
	struct surface *sf = calloc(1, sizeof(*sf));

	if (sf && surface_resize(sf, rows, cols)) {
		free(sf);
		return NULL;
	}
	return sf;
}

void surface_free(struct surface *sf)
{
	if (!sf)
		return;
	free(sf->cells);
	free(sf);
}

int surface_resize(struct surface *sf, int rows, int cols)
{
	struct cell *cells;

	rows = rows < 1 ? 1 : rows > SURFACE_ROWS_MAX ? SURFACE_ROWS_MAX : rows;
	cols = cols < 1 ? 1 : cols > SURFACE_COLS_MAX ? SURFACE_COLS_MAX : cols;
	cells = reallocarray(NULL, (size_t)rows * (size_t)cols, sizeof(*cells));
	if (!cells)
		return -ENOMEM;
	free(sf->cells);
	sf->cells = cells;
	sf->rows = rows;
	sf->cols = cols;
	surface_clear(sf);
	return 0;
}

void surface_set_ascii(struct surface *sf, bool ascii)
{
	sf->ascii = ascii;
}

int surface_rows(const struct surface *sf)
{
	return sf->rows;
}

int surface_cols(const struct surface *sf)
{
	return sf->cols;
}

struct rect surface_area(const struct surface *sf)
{
	return (struct rect){ 0, 0, sf->rows, sf->cols };
}

void surface_clear(struct surface *sf)
{
	size_t nr = (size_t)sf->rows * (size_t)sf->cols;

	for (size_t i = 0; i < nr; i++)
		sf->cells[i] = surface_blank;
}

const struct cell *surface_cell(const struct surface *sf, int row, int col)
{
	if (row < 0 || col < 0 || row >= sf->rows || col >= sf->cols)
		return &surface_blank;
	return &sf->cells[(size_t)row * (size_t)sf->cols + (size_t)col];
}

/* The cell at ROW, COL of CLIP, NULL outside of it or of the surface. */
static struct cell *surface_at(struct surface *sf, struct rect clip, int row, int col)
{
	if (row < 0 || col < 0 || row >= clip.rows || col >= clip.cols)
		return NULL;
	row += clip.row;
	col += clip.col;
	if (row < 0 || col < 0 || row >= sf->rows || col >= sf->cols)
		return NULL;
	return &sf->cells[(size_t)row * (size_t)sf->cols + (size_t)col];
}

int surface_width(uint32_t ch)
{
	static const struct {
		uint32_t first, last;
		int width;
	} ranges[] = {
		{ 0x0300, 0x036f, 0 },	 { 0x0483, 0x0489, 0 },	  { 0x0591, 0x05bd, 0 },
		{ 0x0610, 0x061a, 0 },	 { 0x064b, 0x065f, 0 },	  { 0x1100, 0x115f, 2 },
		{ 0x1ab0, 0x1aff, 0 },	 { 0x200b, 0x200f, 0 },	  { 0x202a, 0x202e, 0 },
		{ 0x2060, 0x206f, 0 },	 { 0x20d0, 0x20ff, 0 },	  { 0x2e80, 0x303e, 2 },
		{ 0x3041, 0xa4cf, 2 },	 { 0xa960, 0xa97f, 2 },	  { 0xac00, 0xd7a3, 2 },
		{ 0xf900, 0xfaff, 2 },	 { 0xfe00, 0xfe0f, 0 },	  { 0xfe20, 0xfe2f, 0 },
		{ 0xfe30, 0xfe6f, 2 },	 { 0xfeff, 0xfeff, 0 },	  { 0xff00, 0xff60, 2 },
		{ 0xffe0, 0xffe6, 2 },	 { 0x1f300, 0x1f64f, 2 }, { 0x1f680, 0x1f6ff, 2 },
		{ 0x1f900, 0x1f9ff, 2 }, { 0x20000, 0x3fffd, 2 }, { 0xe0000, 0xe0fff, 0 },
	};

	for (size_t i = 0; i < sizeof(ranges) / sizeof(ranges[0]) && ch >= ranges[i].first; i++)
		if (ch <= ranges[i].last)
			return ranges[i].width;
	return 1;
}

/* The nearest ASCII character to one the panels draw with; '?' for all others. */
static uint32_t surface_ascii(uint32_t ch)
{
	static const char blocks[] = "\"__..:||#";

	if (ch < 0x7f)
		return ch;
	if (ch == 0x2500 || ch == 0x2501 || ch == 0x2550)
		return '-';
	if (ch == 0x2502 || ch == 0x2503 || ch == 0x2551)
		return '|';
	if (ch > 0x2500 && ch < 0x2580)
		return '+';
	if (ch >= 0x2580 && ch < 0x2589)
		return (uint32_t)blocks[ch - 0x2580];
	if (ch >= 0x2589 && ch < 0x25a0)
		return '#';
	switch (ch) {
	case 0x2026: /* ellipsis */
		return '~';
	case 0x25a0: /* black square: stopped */
		return '#';
	case 0x25b6: /* black triangles: running, current */
	case 0x25b8:
	case 0x2192:
		return '>';
	case 0x2190:
	case 0x25c0:
	case 0x25c2:
		return '<';
	case 0x00b7:
		return '.';
	case 0x00b5:
		return 'u';
	case 0x00d7:
		return 'x';
	case 0x2713: /* check mark */
		return '+';
	case 0x2717: /* ballot x */
		return 'x';
	case 0x271d: /* latin cross: crashed */
		return '!';
	case 0x25cb:
		return 'o';
	case 0x2191:
		return '^';
	case 0x2193:
		return 'v';
	default:
		return '?';
	}
}

/* Overwriting half of a wide character must not leave the other half behind. */
static void surface_unpair(struct cell *cell, bool has_left, bool has_right)
{
	if (cell->ch == 0 && has_left)
		cell[-1].ch = ' ';
	else if (surface_width(cell->ch) == 2 && has_right && cell[1].ch == 0)
		cell[1].ch = ' ';
}

void surface_put(struct surface *sf, struct rect clip, int row, int col, uint32_t ch,
		 unsigned int style)
{
	struct cell *cell = surface_at(sf, clip, row, col);
	int abs_col = clip.col + col, width;

	if (!cell)
		return;
	if (ch < 0x20 || (ch >= 0x7f && ch < 0xa0) || ch > 0x10ffff)
		ch = '.';
	if (sf->ascii)
		ch = surface_ascii(ch);
	width = surface_width(ch);
	if (width == 0 || (width == 2 && !surface_at(sf, clip, row, col + 1))) {
		ch = ' ';
		width = 1;
	}
	surface_unpair(cell, abs_col > 0, abs_col + 1 < sf->cols);
	*cell = (struct cell){ .ch = ch, .style = (uint16_t)style };
	if (width == 2) {
		surface_unpair(cell + 1, false, abs_col + 2 < sf->cols);
		cell[1] = (struct cell){ .ch = 0, .style = (uint16_t)style };
	}
}

const char *surface_decode(const char *text, uint32_t *ch)
{
	const unsigned char *p = (const unsigned char *)text;
	static const uint32_t least[] = { 0, 0x80, 0x800, 0x10000 };
	uint32_t val;
	int more;

	if (p[0] < 0x80) {
		*ch = p[0];
		return text + 1;
	}
	more = p[0] >= 0xf0 && p[0] < 0xf8 ? 3 : p[0] >= 0xe0 ? 2 : 1;
	if (p[0] < 0xc2 || p[0] >= 0xf8)
		goto bad;
	val = p[0] & (0x3fu >> more);
	for (int i = 1; i <= more; i++) {
		if ((p[i] & 0xc0) != 0x80)
			goto bad;
		val = val << 6 | (p[i] & 0x3f);
	}
	if (val < least[more] || val > 0x10ffff || (val >= 0xd800 && val < 0xe000))
		goto bad;
	*ch = val;
	return text + 1 + more;
bad:
	*ch = 0xfffd;
	return text + 1;
}

int surface_text(struct surface *sf, struct rect clip, int row, int col, unsigned int style,
		 const char *text)
{
	uint32_t ch;

	while (*text && col < clip.cols) {
		text = surface_decode(text, &ch);
		if (surface_width(ch) == 0)
			continue;
		surface_put(sf, clip, row, col, ch, style);
		col += sf->ascii ? 1 : surface_width(ch);
	}
	return col;
}

int surface_printf(struct surface *sf, struct rect clip, int row, int col, unsigned int style,
		   const char *fmt, ...)
{
	char text[1024];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	return surface_text(sf, clip, row, col, style, text);
}

void surface_fill(struct surface *sf, struct rect clip, uint32_t ch, unsigned int style)
{
	for (int row = 0; row < clip.rows; row++)
		for (int col = 0; col < clip.cols; col++)
			surface_put(sf, clip, row, col, ch, style);
}

void surface_hline(struct surface *sf, struct rect clip, int row, unsigned int style)
{
	for (int col = 0; col < clip.cols; col++)
		surface_put(sf, clip, row, col, 0x2500, style);
}

struct rect surface_box(struct surface *sf, struct rect clip, const char *title, bool focused)
{
	int last_row = clip.rows - 1, last_col = clip.cols - 1, end;
	struct rect inside = { clip.row + 1, clip.col + 1, clip.rows - 2, clip.cols - 2 };

	if (inside.rows < 0 || inside.cols < 0)
		return (struct rect){ clip.row, clip.col, 0, 0 };
	surface_hline(sf, clip, 0, STYLE_BORDER);
	surface_hline(sf, clip, last_row, STYLE_BORDER);
	for (int row = 1; row < last_row; row++) {
		surface_put(sf, clip, row, 0, 0x2502, STYLE_BORDER);
		surface_put(sf, clip, row, last_col, 0x2502, STYLE_BORDER);
	}
	surface_put(sf, clip, 0, 0, 0x250c, STYLE_BORDER);
	surface_put(sf, clip, 0, last_col, 0x2510, STYLE_BORDER);
	surface_put(sf, clip, last_row, 0, 0x2514, STYLE_BORDER);
	surface_put(sf, clip, last_row, last_col, 0x2518, STYLE_BORDER);
	if (title && *title && clip.cols > 6) {
		struct rect edge = { clip.row, clip.col + 2, 1, clip.cols - 4 };

		end = surface_printf(sf, edge, 0, 0, focused ? STYLE_TITLE : STYLE_NORMAL, " %s%s",
				     focused ? "▸" : "", title);
		surface_put(sf, edge, 0, end, ' ', STYLE_NORMAL);
	}
	return inside;
}

void surface_attr(struct surface *sf, struct rect clip, int row, int col, int cols,
		  unsigned int attr)
{
	for (int i = 0; i < cols; i++) {
		struct cell *cell = surface_at(sf, clip, row, col + i);

		if (cell)
			cell->attr |= (uint16_t)attr;
	}
}

static void surface_encode(struct buf *out, uint32_t ch)
{
	if (ch < 0x80) {
		buf_addc(out, (char)ch);
		return;
	}
	if (ch < 0x800) {
		buf_addc(out, (char)(0xc0 | ch >> 6));
	} else {
		if (ch < 0x10000) {
			buf_addc(out, (char)(0xe0 | ch >> 12));
		} else {
			buf_addc(out, (char)(0xf0 | ch >> 18));
			buf_addc(out, (char)(0x80 | (ch >> 12 & 0x3f)));
		}
		buf_addc(out, (char)(0x80 | (ch >> 6 & 0x3f)));
	}
	buf_addc(out, (char)(0x80 | (ch & 0x3f)));
}

void surface_dump_row(const struct surface *sf, struct rect area, int row, struct buf *out)
{
	int end = area.cols;

	while (end > 0 && surface_cell(sf, area.row + row, area.col + end - 1)->ch == ' ')
		end--;
	for (int col = 0; col < end; col++) {
		uint32_t ch = surface_cell(sf, area.row + row, area.col + col)->ch;

		if (ch)
			surface_encode(out, ch);
	}
	buf_addc(out, '\n');
}

void surface_dump(const struct surface *sf, struct buf *out)
{
	for (int row = 0; row < sf->rows; row++)
		surface_dump_row(sf, surface_area(sf), row, out);
}

#define SURFACE_MARK_MAX 64

static uint32_t surface_fold(uint32_t ch)
{
	return ch >= 'A' && ch <= 'Z' ? ch + 'a' - 'A' : ch;
}

/* Columns that SOUGHT takes from COL on, 0: it does not stand there. */
static int surface_match(const struct surface *sf, struct rect clip, int row, int col,
			 const uint32_t *sought, int nr)
{
	int at = col;

	for (int i = 0; i < nr; i++, at++) {
		const struct cell *cell;

		while (at < clip.cols && (cell = surface_cell(sf, clip.row + row, clip.col + at)) &&
		       !cell->ch)
			at++; /* the right half of a wide one */
		cell = at < clip.cols ? surface_cell(sf, clip.row + row, clip.col + at) : NULL;
		if (!cell || surface_fold(cell->ch) != sought[i])
			return 0;
	}
	return at - col;
}

int surface_mark(struct surface *sf, struct rect clip, int row, const char *text, unsigned int attr)
{
	uint32_t sought[SURFACE_MARK_MAX];
	int nr = 0, found = 0, cols;

	while (*text && nr < SURFACE_MARK_MAX) {
		text = surface_decode(text, &sought[nr]);
		sought[nr] = surface_fold(sought[nr]);
		nr++;
	}
	for (int col = 0; nr && col < clip.cols; col += cols ? cols : 1) {
		cols = surface_match(sf, clip, row, col, sought, nr);
		if (!cols)
			continue;
		surface_attr(sf, clip, row, col, cols, attr);
		found++;
	}
	return found;
}
