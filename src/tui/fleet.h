/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What there is to know about every VM of this user, at no cost to the guests. */
#ifndef VITRINE_TUI_FLEET_H
#define VITRINE_TUI_FLEET_H

#include "tui/link.h"
#include "tui/panel.h"

#define FLEET_MAX 64

/* One VM between two refreshes: its connection, and what rates compare with. */
struct fleet_vm {
	struct link link;
	uint64_t when_ns, exits, cpu_ns, past_ns;
	struct panel_past past;
	long long ask_id; /* of a query-status not answered yet, 0: none */
	uint64_t ask_ns;
	char state[24];
	bool marked;
	long long act_id; /* of what fleet_act() asked, 0: nothing is open */
	uint64_t act_ns;
	bool ending; /* it was told to end */
};

/* One thing that several VMs were asked to do, and how far they are. */
struct fleet_act {
	char what[16]; /* in a word of the user's */
	bool ends;     /* a VM that goes has done it */
	bool force;    /* and one that does not answer is ended by force */
	unsigned int asked, done;
	char why[160]; /* what the last one that did not do it said, empty: none */
	bool news;     /* since fleet_act_text() */
};

struct fleet {
	const struct link_host *host;
	unsigned int nr;
	struct panel_vm row[FLEET_MAX];
	struct fleet_vm vm[FLEET_MAX]; /* of the same index */
	char selected[VM_NAME_MAX];
	char current[VM_NAME_MAX]; /* the one on the other screens */
	struct fleet_act act;	   /* the newest */
};

void fleet_free(struct fleet *fleet);
/* Ask again which VMs there are and how they do. */
void fleet_refresh(struct fleet *fleet);
/* Take in what the VMs have answered. True if something may look different now. */
bool fleet_poll(struct fleet *fleet);
/* Some VM was asked just now: look again soon. */
bool fleet_expects(const struct fleet *fleet);
/* Move the selection by STEP rows. */
void fleet_move(struct fleet *fleet, int step);
/* Show in the rows which VM is selected, current and marked. */
void fleet_point(struct fleet *fleet);

/* fleet-act.c: several VMs at once; none is waited for */
unsigned int fleet_marked(const struct fleet *fleet);
/* Mark the selected VM, or take its mark away. */
void fleet_mark(struct fleet *fleet);
/* Mark every VM whose name FILTER lets through; if all of them are marked, mark none at all. */
void fleet_mark_all(struct fleet *fleet, const char *filter);
/*
 * Ask all that are marked (without marks: the selected one) for CMD, WHAT in the user's words.
 * What comes of it is known later: fleet_poll(), fleet_act_text().
 */
void fleet_act(struct fleet *fleet, const char *what, const char *cmd);
/* "quit" to the same; with FORCE their processes are ended if they do not answer. */
void fleet_end(struct fleet *fleet, const char *what, bool force);
/* Names of those that fleet_act() would ask, as many as fit; returns how many there are. */
unsigned int fleet_targets(const struct fleet *fleet, char *names, size_t len);
/* Has VM answered what it was asked: ID and ERR of its answer. */
void fleet_act_reply(struct fleet *fleet, unsigned int index, long long id, const struct err *err);
/* It has gone. */
void fleet_act_gone(struct fleet *fleet, const char *name, struct fleet_vm *vm);
/* Give up, or end by force, what is long overdue. */
void fleet_act_overdue(struct fleet *fleet);
/* Some VM has not answered yet. */
bool fleet_acting(const struct fleet *fleet);
/* Was NAME told to end by fleet_end()? */
bool fleet_ending(const struct fleet *fleet, const char *name);
/* "pause: 2 of 3 VMs; demo has not answered yet"; true if some VM did not do it. */
bool fleet_act_text(struct fleet *fleet, char *out, size_t len);

#endif
