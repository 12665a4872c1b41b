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
	uint64_t when_ns, exits, cpu_ns;
	long long ask_id; /* of a query-status not answered yet, 0: none */
	uint64_t ask_ns;
	char state[24];
};

struct fleet {
	const struct link_host *host;
	unsigned int nr;
	struct panel_vm row[FLEET_MAX];
	struct fleet_vm vm[FLEET_MAX]; /* of the same index */
	char selected[VM_NAME_MAX];
	char current[VM_NAME_MAX]; /* the one on the other screens */
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

#endif
