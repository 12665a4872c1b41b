/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What the dashboard has asked of its VM and has no answer to yet. Requests are
 * sent and forgotten by those who send them; the picture goes on, and a VM that
 * does not answer costs a line that says so.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "tui/dashboard-priv.h"

#define WAIT_SAY_NS   700000000ull
#define WAIT_LIMIT_NS 10000000000ull
#define WAIT_ROUND    256 /* answers of one round: a VM that never ends them holds nobody */

void dashboard_send(struct dashboard *dash, const char *what, const char *cmd, json_t *args,
		    const struct dashboard_wait *wait)
{
	struct dashboard_wait *slot = &dash->wait[dash->nr_waits];
	struct err err = ERR_INIT;
	long long id;

	if (!dash->link.ops || dash->gone || dash->nr_waits == DASHBOARD_WAITS) {
		json_decref(args);
		if (dash->nr_waits == DASHBOARD_WAITS)
			dashboard_say(dash, STYLE_BAD, "%s answers nothing: '%s' was not sent",
				      dash->name, what);
		return;
	}
	id = dash->link.ops->send(dash->link.ctx, cmd, args, &err);
	if (id < 0) {
		dashboard_say(dash, STYLE_BAD, "%.150s", err.text);
		return;
	}
	*slot = wait ? *wait : (struct dashboard_wait){ 0 };
	slot->id = id;
	slot->since_ns = dashboard_now(dash);
	if (!slot->limit_ns)
		slot->limit_ns = WAIT_LIMIT_NS;
	snprintf(slot->what, sizeof(slot->what), "%s", what);
	dash->nr_waits++;
}

static void wait_drop(struct dashboard *dash, unsigned int at)
{
	dash->nr_waits--;
	memmove(&dash->wait[at], &dash->wait[at + 1],
		(dash->nr_waits - at) * sizeof(dash->wait[0]));
}

static void wait_failed(struct dashboard *dash, const struct dashboard_wait *wait, const char *why)
{
	if (wait->failed)
		wait->failed(dash, why);
	else
		dashboard_say(dash, STYLE_BAD, "%.150s", why);
}

static void wait_answer(struct dashboard *dash, long long id, json_t *ret, const struct err *err)
{
	struct dashboard_wait wait;
	unsigned int i = 0;

	while (i < dash->nr_waits && dash->wait[i].id != id)
		i++;
	if (i == dash->nr_waits)
		return; /* given up */
	wait = dash->wait[i];
	wait_drop(dash, i);
	dash->changed = true;
	if (err->code)
		wait_failed(dash, &wait, err->text);
	else if (wait.done)
		wait.done(dash, &wait, ret);
	else
		dashboard_refresh(dash);
}

static void wait_overdue(struct dashboard *dash)
{
	uint64_t now = dashboard_now(dash);
	struct dashboard_wait wait;
	char why[160];

	for (unsigned int i = 0; i < dash->nr_waits;) {
		if (now - dash->wait[i].since_ns < dash->wait[i].limit_ns) {
			i++;
			continue;
		}
		wait = dash->wait[i];
		wait_drop(dash, i);
		snprintf(why, sizeof(why), "%s did not answer '%s' in %d s: given up", dash->name,
			 wait.what, (int)(wait.limit_ns / 1000000000));
		wait_failed(dash, &wait, why);
	}
}

void dashboard_replies(struct dashboard *dash)
{
	for (int i = 0; i < WAIT_ROUND && dash->link.ops && !dash->gone; i++) {
		struct err err = ERR_INIT;
		json_t *ret = NULL;
		long long id = dash->link.ops->reply(dash->link.ctx, &ret, &err);

		if (id <= 0)
			break;
		wait_answer(dash, id, ret, &err);
		json_decref(ret);
	}
	wait_overdue(dash);
}

void dashboard_forget(struct dashboard *dash)
{
	dash->nr_waits = 0;
	dash->stage2_asked = false;
}

bool dashboard_overdue(const struct dashboard *dash)
{
	return dash->nr_waits && dashboard_now(dash) - dash->wait[0].since_ns >= WAIT_SAY_NS;
}

void dashboard_waiting(const struct dashboard *dash, char *out, size_t len)
{
	uint64_t now = dashboard_now(dash), ns;

	out[0] = '\0';
	if (!dash->link.ops || dash->gone || (dash->view && !dash->nr_waits))
		return;
	ns = now - (dash->nr_waits ? dash->wait[0].since_ns : dash->open_ns);
	if (ns < WAIT_SAY_NS)
		return;
	if (dash->nr_waits)
		snprintf(out, len, "%s has not answered '%s' for %.1f s", dash->name,
			 dash->wait[0].what, (double)ns / 1e9);
	else
		snprintf(out, len, "%s has not answered for %.1f s", dash->name, (double)ns / 1e9);
}
