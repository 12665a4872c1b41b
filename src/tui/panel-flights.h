/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The flight recorder as a list: all the exits it holds, scrolled from the newest, filtered. */
#ifndef VITRINE_TUI_PANEL_FLIGHTS_H
#define VITRINE_TUI_PANEL_FLIGHTS_H

#include <jansson.h>

#include "tui/panel.h"

#define FLIGHTS_SHOWN 512 /* where all of a screen is printed, unless more are asked for */

struct flights {
	char filter[64];  /* what MATCH is of */
	uint64_t scanned; /* exits before this one are in MATCH if they match */
	uint64_t *match;  /* numbers of exits, ascending */
	uint32_t nr, cap;
	uint64_t last; /* lines there were at the last draw */
	uint32_t want; /* asked for with "last:N"; 0: nothing */
};

void flights_free(struct flights *fls);
/* Take a goal "last:N" that was given to PAN. */
void flights_take_goal(struct flights *fls, struct panel *pan);
/* Draw the newest at the bottom; pan->scroll counts from there and stays on the same exits. */
void flights_draw(struct flights *fls, struct panel *pan, const struct panel_ctx *ctx,
		  struct surface *sf, struct rect area);
/* Lines to print where everything is printed. */
uint32_t flights_rows(const struct flights *fls, const struct panel_ctx *ctx);
/* New reference. */
json_t *flights_array(const struct flights *fls, const struct panel_ctx *ctx);

#endif
