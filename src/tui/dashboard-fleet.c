/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Screen 0's own keys: marks, and what is done to all that are marked. */
#include <stdio.h>
#include <string.h>

#include "tui/dashboard-priv.h"

/* What each request asks of several VMs, and in which words. */
static const struct {
	enum request req;
	const char *what, *cmd;
} fleet_acts[] = {
	{ REQ_PAUSE, "pause", "stop" },
	{ REQ_CONTINUE, "continue", "cont" },
	{ REQ_RESET, "reset", "system_reset" },
};

static bool fleet_on_screen(const struct dashboard *dash)
{
	return dash->screen == REQ_SCREEN_FLEET && !dash->output;
}

enum request dashboard_fleet_key(struct dashboard *dash, int key, enum request req)
{
	const struct panel *pan = dashboard_focused(dash);

	if (key != ' ' || req != REQ_PAGE_DOWN || !fleet_on_screen(dash) || !pan)
		return req;
	return strcmp(pan->ops->id, "fleet") ? req : REQ_MARK;
}

bool dashboard_fleet_takes(const struct dashboard *dash, enum request req)
{
	if (!fleet_on_screen(dash))
		return false;
	switch (req) {
	case REQ_MARK:
	case REQ_MARK_ALL:
	case REQ_KILL:
		return dash->fleet.nr;
	case REQ_PAUSE:
	case REQ_CONTINUE:
	case REQ_RESET:
	case REQ_STOP:
		return fleet_marked(&dash->fleet);
	default:
		return false;
	}
}

/* Once for all of them, with their number and as many names as there is room for. */
static void fleet_ask(struct dashboard *dash, enum request req)
{
	char names[PROMPT_MAX];
	unsigned int nr = fleet_targets(&dash->fleet, names, sizeof(names));

	snprintf(dash->fleet_label, sizeof(dash->fleet_label), "%s %u VM%s? (y/n)",
		 keys_row(req)->name, nr, nr == 1 ? "" : "s");
	dash->ask = ASK_FLEET;
	dash->fleet_req = req;
	prompt_start(&dash->prompt, dash->fleet_label, "", names);
}

static void fleet_do(struct dashboard *dash, enum request req)
{
	for (size_t i = 0; i < sizeof(fleet_acts) / sizeof(fleet_acts[0]); i++)
		if (fleet_acts[i].req == req)
			fleet_act(&dash->fleet, fleet_acts[i].what, fleet_acts[i].cmd);
	if (req == REQ_STOP || req == REQ_KILL)
		fleet_end(&dash->fleet, keys_row(req)->name, req == REQ_KILL);
	dashboard_fleet_news(dash);
}

void dashboard_fleet_request(struct dashboard *dash, enum request req)
{
	const struct panel *pan = dashboard_panel(dash, "fleet");

	switch (req) {
	case REQ_MARK:
		fleet_mark(&dash->fleet);
		fleet_move(&dash->fleet, 1);
		dash->fleet_ns = 0;
		break;
	case REQ_MARK_ALL:
		fleet_mark_all(&dash->fleet, pan ? pan->filter : "");
		break;
	case REQ_PAUSE:
	case REQ_CONTINUE:
		fleet_do(dash, req);
		break;
	default:
		fleet_ask(dash, req);
	}
}

void dashboard_fleet_answer(struct dashboard *dash, const char *text)
{
	if (text[0] == 'y' || text[0] == 'Y')
		fleet_do(dash, dash->fleet_req);
	else
		dashboard_say(dash, STYLE_NORMAL, "nothing was done");
}

void dashboard_fleet_news(struct dashboard *dash)
{
	char text[160];
	bool failed;

	if (!dash->fleet.act.news)
		return;
	dash->fleet_ns = 0;
	failed = fleet_act_text(&dash->fleet, text, sizeof(text));
	dashboard_say(dash, failed ? STYLE_BAD : STYLE_NORMAL, "%s", text);
}
