/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Panels: each draws one thing about a guest, from a view alone, on a surface.
 * One file each; the const table in panel.c lists them.
 */
#ifndef VITRINE_TUI_PANEL_H
#define VITRINE_TUI_PANEL_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#include "inspect/sym.h"
#include "inspect/view.h"
#include "tui/keys.h"
#include "tui/surface.h"

struct term; /* libvterm screen of the serial line (term.h) */

/* A breakpoint as the VM process tells it (query x-vitrine-breakpoints). */
struct panel_break {
	unsigned int id;
	uint64_t addr;
	char kind[8]; /* "sw", "hw", "watch" */
	uint64_t hits;
};

/* A second each, the newest last: how much it used of what it may, percent. */
#define PANEL_PAST 16

struct panel_past {
	unsigned int nr; /* of the last ones that are known */
	uint8_t cpu[PANEL_PAST], held[PANEL_PAST];
};

/* One VM's row on the fleet screen. */
struct panel_vm {
	char name[VM_NAME_MAX];
	char state[24];
	char last[80];
	unsigned int nr_vcpus;
	uint64_t mem_size, resident, exits_per_s;
	int cpu_percent;
	bool balloon; /* it has one; then its guest's memory now and as it shall be, bytes */
	uint64_t actual, target;
	struct panel_past past;
	bool selected, current, marked;
};

/* Everything a panel may look at while drawing. All borrowed, any may be NULL. */
struct panel_ctx {
	const struct vm_view *view;
	const struct vm_view *prev; /* the view at the previous stop, or of the previous second */
	struct sym_table *syms;
	const struct panel_break *breaks;
	unsigned int nr_breaks;
	const struct panel_vm *vms;
	unsigned int nr_vms;
	struct term *term;
	unsigned int vcpu; /* selected vCPU */
	bool live;	   /* running: values are samples */
	bool gone;	   /* the VM process has ended: this is the last picture */
	unsigned int hz;
	/* a picture about a second older, for rates */
	const struct vm_view *past;
	int stop_back; /* how many stops before the last one VIEW's registers are from; 0: now */
	bool ascii;    /* no box drawing or CP437 beyond ASCII */
	bool grabbed;  /* keys go to the guest */
	const char *stage2; /* the second stage as lines (x-vitrine-stage2), NULL: not asked */
	const char *goal;   /* for panel_show() and panel_json(): as if typed at `g`; or NULL */
};

struct panel_ops;

/* One panel on screen: scroll position, cursor, own data. */
struct panel {
	const struct panel_ops *ops;
	void *data; /* made by ops->create, may be NULL */
	int scroll, cursor;
	bool has_cursor; /* lines are selected, not only scrolled */
	bool whole;	 /* drawn once as lines (`show`): everything, no cursor */
	bool focused;	 /* keys come here */
	int left;	 /* columns scrolled away at the left */
	int page, total; /* of the last draw: rows that scroll, and how many there are */
	char filter[64];
	char goal[64]; /* an address typed by the user; taken and cleared by the next draw */
};

#define PANEL_IGNORED 0
#define PANEL_HANDLED (1u << 0)
#define PANEL_REDRAW  (1u << 1)

struct panel_ops {
	const char *id; /* "cpu", "paging", "exits", "vga", "serial", "fleet" */
	const char *title;
	int min_rows, min_cols;
	int (*create)(struct panel *pan);
	void (*destroy)(struct panel *pan);
	/* Draw inside AREA (already without a frame). Never blocks, never allocates without bound.
	 */
	void (*draw)(struct panel *pan, const struct panel_ctx *ctx, struct surface *sf,
		     struct rect area);
	/* A request (keys.h); returns PANEL_* bits. */
	unsigned int (*request)(struct panel *pan, const struct panel_ctx *ctx, enum request req);
	/* A JSON object with the same contents, for `show --json`; NULL: none. Caller frees with
	 * free(). */
	char *(*json)(struct panel *pan, const struct panel_ctx *ctx);
	/* What stands in the frame's upper edge after the title; may be NULL. */
	void (*subtitle)(struct panel *pan, const struct panel_ctx *ctx, char *out, size_t len);
	/* Rows that show everything at COLS columns; NULL: draw tall and cut. */
	int (*rows)(struct panel *pan, const struct panel_ctx *ctx, int cols);
	/* The linear address under the cursor. */
	bool (*target)(struct panel *pan, const struct panel_ctx *ctx, uint64_t *addr);
	/* Arguments for the VM process where the panel shows its words (ctx->stage2); new. */
	json_t *(*ask)(struct panel *pan, const struct panel_ctx *ctx);
	/* '/' looks for text and leaves the lines where they are; n and N go on. */
	bool search;
	/* What the footer offers here, ended by REQ_NONE. */
	const enum request *verbs;
};

extern const struct panel_ops panel_fleet_ops, panel_cpu_ops, panel_paging_ops, panel_exits_ops,
	panel_vga_ops, panel_serial_ops, panel_help_ops, panel_devices_ops, panel_irq_ops,
	panel_tables_ops, panel_host_ops, panel_autopsy_ops;
/* The parts of panel_cpu_ops, for terminals with room for several panes. */
extern const struct panel_ops panel_regs_ops, panel_code_ops, panel_stack_ops;

/* The panel with this id, or NULL. */
const struct panel_ops *panel_find(const char *id);
int panel_init(struct panel *pan, const struct panel_ops *ops);
void panel_exit(struct panel *pan);
/* Draw PAN in AREA, or say that AREA is too small for it. */
void panel_draw(struct panel *pan, const struct panel_ctx *ctx, struct surface *sf,
		struct rect area);
/* Give PAN a request: its own, or else moving of cursor and scroll position. PANEL_* bits. */
unsigned int panel_request(struct panel *pan, const struct panel_ctx *ctx, enum request req);
/* Text of "title  subtitle" for a frame or a rule. */
void panel_title(struct panel *pan, const struct panel_ctx *ctx, char *out, size_t len);
/*
 * Draw the panel as plain lines of at most COLS columns, as many as it needs;
 * appended to OUT. 0, -ENOMEM.
 */
int panel_show(const struct panel_ops *ops, const struct panel_ctx *ctx, int cols, struct buf *out);
/* What a fresh panel would ask the VM process for, with ctx->goal; NULL: nothing. New reference. */
json_t *panel_ask(const struct panel_ops *ops, const struct panel_ctx *ctx);
/* The panel's JSON object; NULL where it has none or memory runs out. free() it. */
char *panel_json(const struct panel_ops *ops, const struct panel_ctx *ctx);

#endif
