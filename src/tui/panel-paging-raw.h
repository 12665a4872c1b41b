/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Screen 2's raw tables: one table at a time, the way to it kept. */
#ifndef VITRINE_TUI_PANEL_PAGING_RAW_H
#define VITRINE_TUI_PANEL_PAGING_RAW_H

#include <jansson.h>

#include "inspect/mmu-table.h"
#include "tui/lines.h"
#include "tui/panel.h"

#define PAGING_RAW_DEPTH 8

struct paging_raw {
	unsigned int depth; /* tables on the way, the last one is shown; 0: none */
	struct {
		uint64_t gpa, gva;
		unsigned int level;
		int cursor; /* where it was when the one below was opened */
	} at[PAGING_RAW_DEPTH];
	struct lines list;
	struct mmu_table tab;
	unsigned int under; /* index of the entry under the cursor */
	bool on_entry;
};

/* Show the tables on the way to GVA in ST's tables, the last one open. */
void paging_raw_open(struct paging_raw *raw, struct panel *pan, const struct panel_ctx *ctx,
		     const struct x86_state *st, uint64_t gva);
/* "GPA" or "GPA,LEVEL": that table alone. False where it makes no sense. */
bool paging_raw_goto(struct paging_raw *raw, struct panel *pan, const struct panel_ctx *ctx,
		     const struct x86_state *st, const char *text);
/* Open the table that the entry under the cursor names; false where it is a page, or absent. */
bool paging_raw_enter(struct paging_raw *raw, struct panel *pan);
/* One level up; with the first one, out. */
void paging_raw_back(struct paging_raw *raw, struct panel *pan);
void paging_raw_draw(struct paging_raw *raw, struct panel *pan, const struct panel_ctx *ctx,
		     const struct x86_state *st, struct surface *sf, struct rect area);
/* Rows it takes to show all. */
int paging_raw_rows(struct paging_raw *raw, const struct panel_ctx *ctx,
		    const struct x86_state *st);
/* New reference. */
json_t *paging_raw_object(struct paging_raw *raw, const struct panel_ctx *ctx,
			  const struct x86_state *st);

#endif
