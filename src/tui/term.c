/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The serial line as a terminal: see term.h. */
#include "tui/term.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tui/keys.h"

#define TERM_MIN 2
#define TERM_MAX 500
/* A control string longer than this is none: what follows is shown. */
#define TERM_STRING_MAX 4096
/* Of a control sequence: parameters, digits of one, other characters before the last. */
#define TERM_ARGS_MAX	16
#define TERM_DIGITS_MAX 5
#define TERM_MARKS_MAX	4

/* A line that has left the screen, its trailing blanks cut off. */
struct term_line {
	int cols;
	struct cell cells[];
};

static int term_clamp(int val)
{
	return val < TERM_MIN ? TERM_MIN : val > TERM_MAX ? TERM_MAX : val;
}

#ifdef HAVE_VTERM

#include <vterm.h>

struct term {
	VTerm *vt;
	VTermScreen *screen;
	int rows, cols;
	VTermPos cursor;
	bool cursor_visible;
	term_reply_fn reply;
	void *ctx;
	uint64_t bytes;
	enum { TERM_PLAIN, TERM_ESC, TERM_ESC_MORE, TERM_CSI, TERM_STRING, TERM_STRING_ESC } filter;
	unsigned int string_len, nr_digits, nr_args, nr_marks;
	unsigned int first_arg;
	char last[4]; /* the character shown last, in UTF-8 */
	size_t last_len;
	unsigned int repeat;	 /* it is to be shown so many times more */
	uint64_t pushed;	 /* lines that ever left the screen */
	struct term_line **line; /* ring of TERM_SCROLLBACK */
	int first, nr;
};

/* The nearest of the 16 colours every terminal has. */
static unsigned int term_nearest(int red, int green, int blue)
{
	int max = red > green ? red : green, low;
	unsigned int bits;

	max = max > blue ? max : blue;
	if (max < 64)
		return 0;
	low = max / 2;
	bits = (red > low ? 1u : 0) | (green > low ? 2u : 0) | (blue > low ? 4u : 0);
	if (bits == 7)
		return max > 224 ? 15 : max > 144 ? 7 : 8;
	return bits | (max > 208 ? 8u : 0);
}

static unsigned int term_colour(const struct term *term, VTermColor colour)
{
	if (VTERM_COLOR_IS_DEFAULT_FG(&colour) || VTERM_COLOR_IS_DEFAULT_BG(&colour))
		return STYLE_ANSI_DEFAULT;
	if (VTERM_COLOR_IS_INDEXED(&colour) && colour.indexed.idx < 16)
		return colour.indexed.idx;
	vterm_screen_convert_color_to_rgb(term->screen, &colour);
	return term_nearest(colour.rgb.red, colour.rgb.green, colour.rgb.blue);
}

static struct cell term_cell(const struct term *term, const VTermScreenCell *from)
{
	unsigned int fg = term_colour(term, from->fg), bg = term_colour(term, from->bg);
	struct cell cell = { .ch = from->chars[0], .style = (uint16_t)STYLE_ANSI_OF(fg, bg) };

	if (cell.ch == (uint32_t)-1)
		cell.ch = 0;
	else if (cell.ch < 0x20)
		cell.ch = ' ';
	cell.attr = (uint16_t)((from->attrs.bold ? CELL_BOLD : 0) |
			       (from->attrs.underline ? CELL_UNDERLINE : 0) |
			       (from->attrs.reverse ? CELL_REVERSE : 0));
	return cell;
}

static bool term_cell_blank(const struct cell *cell)
{
	return cell->ch == ' ' && !cell->attr && STYLE_ANSI_BG(cell->style) == STYLE_ANSI_DEFAULT;
}

static int term_on_push(int cols, const VTermScreenCell *cells, void *user)
{
	struct term *term = user;
	struct term_line *line = malloc(sizeof(*line) + (size_t)cols * sizeof(struct cell)), *fit;
	int at = (term->first + term->nr) % TERM_SCROLLBACK;

	if (!line)
		return 0;
	line->cols = 0;
	for (int i = 0; i < cols; i++) {
		line->cells[i] = term_cell(term, &cells[i]);
		if (!term_cell_blank(&line->cells[i]))
			line->cols = i + 1;
	}
	fit = realloc(line, sizeof(*line) + (size_t)line->cols * sizeof(struct cell));
	line = fit ? fit : line;
	if (term->nr == TERM_SCROLLBACK) {
		free(term->line[at]);
		term->first = (term->first + 1) % TERM_SCROLLBACK;
	} else {
		term->nr++;
	}
	term->line[at] = line;
	term->pushed++;
	return 1;
}

static void term_uncolour(VTermColor *out, unsigned int colour, uint8_t fallback)
{
	if (colour < 16)
		vterm_color_indexed(out, (uint8_t)colour);
	else
		vterm_color_indexed(out, fallback);
	if (colour == STYLE_ANSI_DEFAULT)
		out->type |= fallback == 7 ? VTERM_COLOR_DEFAULT_FG : VTERM_COLOR_DEFAULT_BG;
}

/* A taller window takes lines back from the past. */
static int term_on_pop(int cols, VTermScreenCell *cells, void *user)
{
	struct term *term = user;
	struct term_line *line;

	if (!term->nr)
		return 0;
	term->nr--;
	line = term->line[(term->first + term->nr) % TERM_SCROLLBACK];
	term->line[(term->first + term->nr) % TERM_SCROLLBACK] = NULL;
	memset(cells, 0, (size_t)cols * sizeof(*cells));
	for (int i = 0; i < cols; i++) {
		struct cell cell = { .ch = ' ', .style = (uint16_t)STYLE_ANSI_OF(16u, 16u) };

		if (i < line->cols)
			cell = line->cells[i];
		cells[i].chars[0] = cell.ch ? cell.ch : ' ';
		cells[i].width = 1;
		cells[i].attrs.bold = !!(cell.attr & CELL_BOLD);
		cells[i].attrs.underline = !!(cell.attr & CELL_UNDERLINE);
		cells[i].attrs.reverse = !!(cell.attr & CELL_REVERSE);
		term_uncolour(&cells[i].fg, STYLE_ANSI_FG(cell.style), 7);
		term_uncolour(&cells[i].bg, STYLE_ANSI_BG(cell.style), 0);
	}
	free(line);
	return 1;
}

static int term_on_cursor(VTermPos pos, VTermPos old, int visible, void *user)
{
	struct term *term = user;

	(void)old;
	(void)visible;
	term->cursor = pos;
	return 1;
}

static int term_on_property(VTermProp prop, VTermValue *val, void *user)
{
	struct term *term = user;

	if (prop == VTERM_PROP_CURSORVISIBLE)
		term->cursor_visible = val->boolean;
	return 1;
}

static void term_on_output(const char *data, size_t len, void *user)
{
	struct term *term = user;

	if (term->reply)
		term->reply(term->ctx, data, len);
}

static const VTermScreenCallbacks term_callbacks = {
	.movecursor = term_on_cursor,
	.settermprop = term_on_property,
	.sb_pushline = term_on_push,
	.sb_popline = term_on_pop,
};

struct term *term_new(int rows, int cols, term_reply_fn reply, void *ctx)
{
	struct term *term = calloc(1, sizeof(*term));

	if (!term)
		return NULL;
	term->rows = term_clamp(rows);
	term->cols = term_clamp(cols);
	term->reply = reply;
	term->ctx = ctx;
	term->cursor_visible = true;
	term->line = calloc(TERM_SCROLLBACK, sizeof(struct term_line *));
	term->vt = vterm_new(term->rows, term->cols);
	if (!term->line || !term->vt) {
		term_free(term);
		return NULL;
	}
	vterm_set_utf8(term->vt, 1);
	vterm_output_set_callback(term->vt, term_on_output, term);
	term->screen = vterm_obtain_screen(term->vt);
	vterm_screen_set_callbacks(term->screen, &term_callbacks, term);
	vterm_screen_enable_altscreen(term->screen, 1);
	vterm_screen_reset(term->screen, 1);
	return term;
}

void term_free(struct term *term)
{
	if (!term)
		return;
	for (int i = 0; term->line && i < TERM_SCROLLBACK; i++)
		free(term->line[i]);
	free(term->line);
	if (term->vt)
		vterm_free(term->vt);
	free(term);
}

/*
 * libvterm keeps a guest's scroll region over a change of size, and where it then begins below the
 * last row, the next line feed moves a negative number of lines. Whole screens have no region.
 */
static void term_forget_region(struct term *term)
{
	VTermPos pos;
	char text[64];
	int len;

	vterm_state_get_cursorpos(vterm_obtain_state(term->vt), &pos);
	len = snprintf(text, sizeof(text), "\030\033[?69l\033[r\033[%d;%dH", pos.row + 1,
		       pos.col + 1);
	vterm_input_write(term->vt, text, (size_t)len);
}

void term_resize(struct term *term, int rows, int cols)
{
	rows = term_clamp(rows);
	cols = term_clamp(cols);
	if (rows == term->rows && cols == term->cols)
		return;
	term_forget_region(term);
	term->rows = rows;
	term->cols = cols;
	vterm_set_size(term->vt, rows, cols);
}

/* ESC ] P X ^ _ begin a string: title, clipboard, device control. */
static bool term_begins_string(uint8_t byte)
{
	return byte == ']' || byte == 'P' || byte == 'X' || byte == '^' || byte == '_';
}

/* Inside a string: nothing is passed on; returns false where BYTE is no longer part of it. */
static bool term_filter_string(struct term *term, uint8_t byte)
{
	if (term->filter == TERM_STRING_ESC && byte != '\\') {
		term->filter = TERM_ESC;
		return false;
	}
	if (term->filter == TERM_STRING_ESC || byte == 0x07 || byte == 0x18 || byte == 0x1a ||
	    ++term->string_len > TERM_STRING_MAX)
		term->filter = TERM_PLAIN;
	else if (byte == 0x1b)
		term->filter = TERM_STRING_ESC;
	return true;
}

/* After ESC, which is held back until it is known what it begins. Returns bytes put in OUT. */
static size_t term_filter_escape(struct term *term, uint8_t byte, char *out)
{
	if (term_begins_string(byte)) {
		term->filter = TERM_STRING;
		term->string_len = 0;
		return 0;
	}
	if (byte < 0x20 || byte >= 0x80) { /* takes effect by itself */
		if (byte == 0x18 || byte == 0x1a || byte >= 0x80)
			term->filter = TERM_PLAIN;
		out[0] = (char)byte;
		return byte != 0x1b;
	}
	out[0] = 0x1b;
	term->filter = byte == '['		     ? TERM_CSI
		       : byte >= 0x20 && byte < 0x30 ? TERM_ESC_MORE
						     : TERM_PLAIN;
	term->nr_digits = term->nr_args = term->first_arg = 0;
	term->nr_marks = byte != '[';
	out[1] = (char)byte;
	return 2;
}

/* Is BYTE of a sequence's parameters within what any real one has? */
static bool term_filter_parameter(struct term *term, uint8_t byte)
{
	if (byte >= '0' && byte <= '9') {
		if (++term->nr_digits > TERM_DIGITS_MAX)
			return false;
		if (!term->nr_args)
			term->first_arg = term->first_arg * 10 + (byte - '0');
		return true;
	}
	if (byte == ';' || byte == ':') {
		term->nr_digits = 0;
		return ++term->nr_args < TERM_ARGS_MAX;
	}
	return ++term->nr_marks <= TERM_MARKS_MAX;
}

/* Inside ESC [ ... or ESC with intermediate characters. */
static size_t term_filter_sequence(struct term *term, uint8_t byte, char *out)
{
	uint8_t last = term->filter == TERM_CSI ? 0x40 : 0x30;

	out[0] = (char)byte;
	if (byte < 0x20 && byte != 0x18 && byte != 0x1a)
		return 1;   /* a control character takes effect in between */
	if (byte >= 0x80) { /* has no place here: cancel the sequence, then show it */
		term->filter = TERM_PLAIN;
		out[0] = 0x18;
		out[1] = (char)byte;
		return 2;
	}
	if (byte == 'b' && term->filter == TERM_CSI && !term->nr_marks) {
		term->repeat = term->first_arg ? term->first_arg : 1;
		out[0] = 0x18;
	}
	/* To libvterm ESC ( [ begins what ESC [ does; it means nothing. */
	if (term->filter == TERM_ESC_MORE && (byte == '[' || term_begins_string(byte)))
		out[0] = 0x18;
	if (byte < 0x20 || byte >= last) {
		term->filter = TERM_PLAIN;
		return 1;
	}
	return term_filter_parameter(term, byte);
}

/*
 * One byte through the filter; returns how many of the at most two bytes of OUT
 * go to libvterm. It never sees control strings, NUL, DEL, REP, or sequences with
 * more parameters than it has room for: its parser (0.1.4) goes out of bounds on
 * them, or round for ever.
 */
static size_t term_filter(struct term *term, uint8_t byte, char *out)
{
	if (byte == 0 || byte == 0x7f)
		return 0;
	if (term->filter >= TERM_STRING && term_filter_string(term, byte))
		return 0;
	if (term->filter == TERM_ESC)
		return term_filter_escape(term, byte, out);
	if (byte == 0x1b) {
		term->filter = TERM_ESC;
		return 0;
	}
	if (term->filter != TERM_PLAIN)
		return term_filter_sequence(term, byte, out);
	if (byte >= 0x20 && (byte & 0xc0) != 0x80)
		term->last_len = 0;
	if (byte >= 0x20 && term->last_len < sizeof(term->last))
		term->last[term->last_len++] = (char)byte;
	out[0] = (char)byte;
	return 1;
}

/* REP is done here: libvterm never comes back from one with nothing to repeat. */
static void term_repeat(struct term *term)
{
	unsigned int nr =
		term->repeat < (unsigned int)term->cols ? term->repeat : (unsigned int)term->cols;

	term->repeat = 0;
	while (term->last_len && nr--)
		vterm_input_write(term->vt, term->last, term->last_len);
}

void term_feed(struct term *term, const void *data, size_t len)
{
	const uint8_t *bytes = data;
	char out[512];
	size_t used = 0;

	term->bytes += len;
	for (size_t i = 0; i < len; i++) {
		used += term_filter(term, bytes[i], out + used);
		if (used > sizeof(out) - 2 || term->repeat) {
			vterm_input_write(term->vt, out, used);
			used = 0;
		}
		if (term->repeat)
			term_repeat(term);
	}
	if (used)
		vterm_input_write(term->vt, out, used);
}

static VTermKey term_key_code(int key)
{
	switch (key) {
	case VKEY_UP:
		return VTERM_KEY_UP;
	case VKEY_DOWN:
		return VTERM_KEY_DOWN;
	case VKEY_LEFT:
		return VTERM_KEY_LEFT;
	case VKEY_RIGHT:
		return VTERM_KEY_RIGHT;
	case VKEY_PGUP:
		return VTERM_KEY_PAGEUP;
	case VKEY_PGDN:
		return VTERM_KEY_PAGEDOWN;
	case VKEY_HOME:
		return VTERM_KEY_HOME;
	case VKEY_END:
		return VTERM_KEY_END;
	case VKEY_INSERT:
		return VTERM_KEY_INS;
	case VKEY_DELETE:
		return VTERM_KEY_DEL;
	case VKEY_BACKSPACE:
		return VTERM_KEY_BACKSPACE;
	case VKEY_ENTER:
	case '\r':
	case '\n':
		return VTERM_KEY_ENTER;
	default:
		return key >= VKEY_F1 && key < VKEY_F1 + 12
			       ? (VTermKey)VTERM_KEY_FUNCTION(key - VKEY_F1 + 1)
			       : VTERM_KEY_NONE;
	}
}

void term_key(struct term *term, int key)
{
	VTermKey code = term_key_code(key);
	char byte = (char)key;

	if (code != VTERM_KEY_NONE)
		vterm_keyboard_key(term->vt, code, VTERM_MOD_NONE);
	else if (key >= 0 && key < 0x20) /* control characters as they are */
		term_on_output(&byte, 1, term);
	else if (key < 0x110000)
		vterm_keyboard_unichar(term->vt, (uint32_t)key, VTERM_MOD_NONE);
}

static struct cell term_at(const struct term *term, int row, int col)
{
	VTermScreenCell cell;
	VTermPos pos = { .row = row, .col = col };

	if (!vterm_screen_get_cell(term->screen, pos, &cell))
		return (struct cell){ .ch = ' ' };
	return term_cell(term, &cell);
}

/* The cell of line ROW, where 0 is the oldest line of the past. */
static struct cell term_history_at(const struct term *term, int row, int col)
{
	const struct term_line *line;

	if (row >= term->nr)
		return term_at(term, row - term->nr, col);
	line = term->line[(term->first + row) % TERM_SCROLLBACK];
	if (!line || col >= line->cols)
		return (struct cell){ .ch = ' ', .style = (uint16_t)STYLE_ANSI_OF(16u, 16u) };
	return line->cells[col];
}

/* First screen row of a window of ROWS rows: the cursor's row is in it. */
static int term_window(const struct term *term, int rows)
{
	if (rows >= term->rows || term->cursor.row < rows)
		return 0;
	return term->cursor.row - rows + 1;
}

void term_draw(const struct term *term, struct surface *sf, struct rect area, int scroll)
{
	int top = term->nr + term_window(term, area.rows) - scroll;
	int left = term->cursor.col >= area.cols && !scroll ? term->cursor.col - area.cols + 1 : 0;

	top = top < 0 ? 0 : top;
	for (int row = 0; row < area.rows && top + row < term->nr + term->rows; row++) {
		for (int col = 0; col < area.cols && left + col < term->cols; col++) {
			struct cell cell = term_history_at(term, top + row, left + col);

			if (!cell.ch)
				continue; /* right half, drawn with its left one */
			surface_put(sf, area, row, col, cell.ch, cell.style);
			surface_attr(sf, area, row, col, 1, cell.attr);
		}
	}
	if (term->cursor_visible && !scroll)
		surface_attr(sf, area, term->nr + term->cursor.row - top, term->cursor.col - left,
			     1, CELL_REVERSE);
}

int term_history(const struct term *term)
{
	return term->nr;
}

int term_rows(const struct term *term)
{
	return term->rows;
}

uint64_t term_bytes(const struct term *term)
{
	return term->bytes;
}

/* Line ROW on SF, which has one row. */
static void term_draw_line(const struct term *term, int row, struct surface *sf)
{
	struct rect all = surface_area(sf);

	surface_clear(sf);
	for (int col = 0; col < term->cols; col++) {
		struct cell cell = term_history_at(term, row, col);

		if (cell.ch)
			surface_put(sf, all, 0, col, cell.ch, 0);
	}
}

void term_text(const struct term *term, struct buf *out)
{
	struct surface *sf = surface_new(1, term->cols);
	int rows = term->nr + term->rows;

	if (!sf)
		return;
	for (int row = 0; row < rows; row++) {
		term_draw_line(term, row, sf);
		surface_dump_row(sf, surface_area(sf), 0, out);
	}
	while (out->len > 1 && out->data[out->len - 1] == '\n' && out->data[out->len - 2] == '\n')
		out->data[--out->len] = '\0';
	surface_free(sf);
}

uint64_t term_pushed(const struct term *term)
{
	return term->pushed;
}

int term_find(const struct term *term, int row, int step, const char *text)
{
	struct surface *sf = surface_new(1, term->cols);
	int rows = term->nr + term->rows, found = -1;

	for (; sf && found < 0 && row >= 0 && row < rows; row += step) {
		term_draw_line(term, row, sf);
		if (surface_mark(sf, surface_area(sf), 0, text, 0))
			found = row;
	}
	surface_free(sf);
	return found;
}

#else /* !HAVE_VTERM */

/* Without libvterm nothing is emulated: the pane says how much came, and where to read it. */
struct term {
	int rows;
	term_reply_fn reply;
	void *ctx;
	uint64_t bytes;
};

struct term *term_new(int rows, int cols, term_reply_fn reply, void *ctx)
{
	struct term *term = calloc(1, sizeof(*term));

	(void)cols;
	if (term)
		*term = (struct term){ .rows = term_clamp(rows), .reply = reply, .ctx = ctx };
	return term;
}

void term_free(struct term *term)
{
	free(term);
}

void term_resize(struct term *term, int rows, int cols)
{
	(void)cols;
	term->rows = term_clamp(rows);
}

void term_feed(struct term *term, const void *data, size_t len)
{
	(void)data;
	term->bytes += len;
}

void term_key(struct term *term, int key)
{
	char byte = (char)key;

	if (key < 0x80 && term->reply)
		term->reply(term->ctx, &byte, 1);
}

int term_history(const struct term *term)
{
	(void)term;
	return 0;
}

uint64_t term_pushed(const struct term *term)
{
	(void)term;
	return 0;
}

int term_find(const struct term *term, int row, int step, const char *text)
{
	(void)term;
	(void)row;
	(void)step;
	(void)text;
	return -1;
}

int term_rows(const struct term *term)
{
	return term->rows;
}

void term_draw(const struct term *term, struct surface *sf, struct rect area, int scroll)
{
	(void)scroll;
	surface_printf(sf, area, 0, 0, STYLE_WARN,
		       "built without libvterm: `vitrine console` shows these %llu bytes",
		       (unsigned long long)term->bytes);
}

void term_text(const struct term *term, struct buf *out)
{
	(void)term;
	(void)out;
}

uint64_t term_bytes(const struct term *term)
{
	return term->bytes;
}

#endif
