/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Where things stand on a terminal of a given size: a pure function from size
 * and screen to named rectangles. Nothing overlaps, nothing leaves the terminal.
 */
#ifndef VITRINE_TUI_LAYOUT_H
#define VITRINE_TUI_LAYOUT_H

#include "tui/keys.h"
#include "tui/surface.h"

enum layout_class {
	LAYOUT_NONE, /* below 40x10: only a message fits */
	LAYOUT_XS,   /* one pane, one line of header, one of footer */
	LAYOUT_S,    /* 80x24: one screen at a time */
	LAYOUT_M,    /* 120x34: two columns */
	LAYOUT_L,    /* 160x45: three columns */
	LAYOUT_XL,   /* 200x55: the wall */
};

#define LAYOUT_MIN_ROWS 10
#define LAYOUT_MIN_COLS 40
#define LAYOUT_PANES	12

struct layout_pane {
	const char *id;	  /* of the panel (panel_find()) */
	struct rect area; /* with the frame */
	bool framed;
};

/* A rectangle with no rows is not there at this size. */
struct layout {
	enum layout_class size;
	struct rect header, rule, verbs, screens, body;
	unsigned int nr;
	struct layout_pane pane[LAYOUT_PANES]; /* pane[0] is the screen's own */
};

enum layout_class layout_class_of(int rows, int cols);
/* The panel that gives SCREEN (REQ_SCREEN_*) its name. */
const char *layout_main(enum request screen);
/*
 * Lay SCREEN out. ZOOM names the one panel that gets the whole body (NULL: none);
 * zooming on a terminal that shows one pane anyway drops the lines around it.
 */
void layout_make(int rows, int cols, enum request screen, const char *zoom, struct layout *out);

#endif
