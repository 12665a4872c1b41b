/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The dashboard's insides, shared by its files. */
#ifndef VITRINE_TUI_DASHBOARD_PRIV_H
#define VITRINE_TUI_DASHBOARD_PRIV_H

#include "inspect/sym.h"
#include "tui/dashboard.h"
#include "tui/fleet.h"
#include "tui/history.h"
#include "tui/layout.h"
#include "tui/lines.h"
#include "tui/panel.h"
#include "tui/prompt.h"
#include "tui/term.h"

#define DASHBOARD_BREAKS 64
#define DASHBOARD_PANELS 15
#define DASHBOARD_WAITS	 128

enum dashboard_ask {
	ASK_NONE,
	ASK_GOTO,
	ASK_BREAK,
	ASK_WATCH,
	ASK_FILTER,
	ASK_COMMAND,
	ASK_CATCH,
	ASK_WRITE,
	ASK_BUNDLE,
	ASK_STOP,
	ASK_RESET,
	ASK_FLEET,
};

struct dashboard;

/* A request that the VM has not answered yet. */
struct dashboard_wait {
	long long id;
	uint64_t since_ns, limit_ns;
	char what[48]; /* in words of the user's */
	/* With the answer. NULL: look again. */
	void (*done)(struct dashboard *dash, const struct dashboard_wait *wait, json_t *ret);
	/* Refused or given up, and why. NULL: the user is told. */
	void (*failed)(struct dashboard *dash, const char *why);
	uint64_t addr;	       /* for DONE */
	char text[PROMPT_MAX]; /* for DONE */
};

struct dashboard {
	const struct link_host *host;
	bool ascii, done, redraw, changed;
	bool read_only;	 /* nothing is asked of a VM that would change it */
	bool from_fleet; /* started without a name: leaving a VM leads back */

	/* the VM on the screens; link.ops NULL: none */
	struct link link;
	char name[VM_NAME_MAX];
	struct vm_view *view;	/* newest picture, NULL: none yet */
	struct vm_view *past;	/* about a second older, without memory */
	struct vm_view *recent; /* becomes PAST */
	bool gone;
	struct history hist;
	unsigned int stop_back;
	struct vm_view old; /* what is shown while stop_back is set */
	struct sym_table *syms;
	char syms_path[SAMPLE_SYMS_MAX];
	struct panel_break breaks[DASHBOARD_BREAKS];
	unsigned int nr_breaks;
	unsigned int vcpu;
	uint32_t seen_stop;
	uint64_t view_ns, fleet_ns, stage2_ns, open_ns;
	struct dashboard_wait wait[DASHBOARD_WAITS]; /* oldest first */
	unsigned int nr_waits;
	bool stage2_asked;
	char *stage2; /* the second stage in the VM process's words, NULL: not asked */

	struct term *term;
	int console_fd;
	struct buf console_out;

	struct fleet fleet;
	enum request fleet_req; /* what ASK_FLEET asks about, in these words */
	char fleet_label[48];

	/* what is on screen */
	struct panel panels[DASHBOARD_PANELS];
	unsigned int nr_panels;
	enum request screen, back;
	const char *focus; /* id of the panel that gets keys */
	const char *zoom;
	struct layout layout; /* of the last draw, or of the screen just chosen */
	int rows, cols;	      /* of the last draw; 0: none yet */
	bool grabbed;
	struct prompt prompt;
	enum dashboard_ask ask;
	bool output; /* OUTPUT covers the body */
	struct lines output_lines;
	struct panel output_panel;
	char output_title[PROMPT_MAX + 2];
	char message[160];
	enum style message_style;
	char *yank;
};

/* dashboard.c */
uint64_t dashboard_now(const struct dashboard *dash);
struct panel *dashboard_panel(struct dashboard *dash, const char *id);
struct panel *dashboard_focused(struct dashboard *dash);
void dashboard_ctx(const struct dashboard *dash, struct panel_ctx *ctx);
void dashboard_say(struct dashboard *dash, enum style style, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));
void dashboard_breaks(struct dashboard *dash);
void dashboard_refresh(struct dashboard *dash);
int dashboard_open(struct dashboard *dash, const char *name, struct err *err);
void dashboard_close(struct dashboard *dash);
void dashboard_show(struct dashboard *dash, enum request screen);
bool dashboard_stopped(const struct dashboard *dash);
void dashboard_console_write(struct dashboard *dash, const char *data, size_t len);

/* Show TEXT over the body until the user goes back. */
void dashboard_output(struct dashboard *dash, const char *title, const char *text);

/* dashboard-act.c */
void dashboard_request(struct dashboard *dash, enum request req);
void dashboard_type(struct dashboard *dash, int key);
/* NULL if REQ can be asked for now, else why not. */
const char *dashboard_refusal(const struct dashboard *dash, enum request req);
/* Where the cursor of the focused panel stands. */
bool dashboard_target(struct dashboard *dash, uint64_t *addr);
/* Send the screen that shows addresses of this kind there. */
void dashboard_go(struct dashboard *dash, const char *id, enum request screen, const char *goal);
bool dashboard_is_code(const struct panel *pan);
/* "demo_tick+0x1c", or the number where nothing is known. */
void dashboard_where(const struct dashboard *dash, uint64_t addr, char *out, size_t len);

/* dashboard-wait.c: nothing waits for a VM but these */
/*
 * Ask the VM; ARGS is taken over. What happens with the answer is WAIT's (done, addr, text,
 * limit_ns: all may be 0). WHAT names it to the user. An error is shown to the user.
 */
void dashboard_send(struct dashboard *dash, const char *what, const char *cmd, json_t *args,
		    const struct dashboard_wait *wait);
/* Do what follows from the answers that have come, and give up what is long overdue. */
void dashboard_replies(struct dashboard *dash);
/* Forget what was asked of a VM that is left. */
void dashboard_forget(struct dashboard *dash);
/* It has not answered for so long that more requests would only queue up. */
bool dashboard_overdue(const struct dashboard *dash);
/* "demo has not answered 'step' for 1.2 s", empty while there is no reason to say so. */
void dashboard_waiting(const struct dashboard *dash, char *out, size_t len);

/* dashboard-ask.c */
/* A line of the monitor; what it says covers the body. */
void dashboard_command(struct dashboard *dash, const char *line);
void dashboard_answer(struct dashboard *dash);
void dashboard_prompt_complete(struct dashboard *dash);

/* dashboard-fleet.c */
/* What KEY asks for: on screen 0, Space marks. */
enum request dashboard_fleet_key(struct dashboard *dash, int key, enum request req);
/* Is REQ for the VMs of screen 0 that are marked, and not for the one on the other screens? */
bool dashboard_fleet_takes(const struct dashboard *dash, enum request req);
void dashboard_fleet_request(struct dashboard *dash, enum request req);
/* What was typed when it was asked whether to do it. */
void dashboard_fleet_answer(struct dashboard *dash, const char *text);
/* Say how far they are, if that has changed. */
void dashboard_fleet_news(struct dashboard *dash);

/* dashboard-save.c: the focused pane, as it is on screen */
void dashboard_yank(struct dashboard *dash, const char *arg);
void dashboard_save(struct dashboard *dash, const char *path);

#endif
