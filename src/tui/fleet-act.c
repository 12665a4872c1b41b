/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Several VMs asked at once: who is marked, what they were asked, who has done it. Requests are
 * sent and the answers counted as they come; a VM that does not answer is named and given up.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "tui/fleet.h"
#include "tui/lines.h"

#define ACT_FORCE_NS 1500000000ull  /* to answer "quit", before it is ended by force */
#define ACT_LIMIT_NS 10000000000ull /* then the VM is given up */

unsigned int fleet_marked(const struct fleet *fleet)
{
	unsigned int nr = 0;

	for (unsigned int i = 0; i < fleet->nr; i++)
		nr += fleet->vm[i].marked;
	return nr;
}

void fleet_mark(struct fleet *fleet)
{
	for (unsigned int i = 0; i < fleet->nr; i++)
		if (!strcmp(fleet->row[i].name, fleet->selected))
			fleet->vm[i].marked = !fleet->vm[i].marked;
	fleet_point(fleet);
}

void fleet_mark_all(struct fleet *fleet, const char *filter)
{
	bool all = true;

	for (unsigned int i = 0; i < fleet->nr; i++)
		if (lines_match(fleet->row[i].name, filter))
			all &= fleet->vm[i].marked;
	for (unsigned int i = 0; i < fleet->nr; i++)
		if (all)
			fleet->vm[i].marked = false;
		else if (lines_match(fleet->row[i].name, filter))
			fleet->vm[i].marked = true;
	fleet_point(fleet);
}

/* Marks decide; without any, the selection does. */
static bool act_is_target(const struct fleet *fleet, unsigned int index, unsigned int marked)
{
	return marked ? fleet->vm[index].marked : !strcmp(fleet->row[index].name, fleet->selected);
}

unsigned int fleet_targets(const struct fleet *fleet, char *names, size_t len)
{
	unsigned int marked = fleet_marked(fleet), nr = 0;
	size_t used = 0;

	names[0] = '\0';
	for (unsigned int i = 0; i < fleet->nr; i++) {
		if (!act_is_target(fleet, i, marked))
			continue;
		nr++;
		if (used < len)
			used += (size_t)snprintf(names + used, len - used, "%s%s", used ? " " : "",
						 fleet->row[i].name);
	}
	return nr;
}

static void act_done(struct fleet *fleet, struct fleet_vm *vm)
{
	vm->act_id = 0;
	fleet->act.done++;
	fleet->act.news = true;
}

static void act_failed(struct fleet *fleet, const char *name, struct fleet_vm *vm, const char *why)
{
	vm->act_id = 0;
	vm->ending = false;
	snprintf(fleet->act.why, sizeof(fleet->act.why), "%s: %.100s", name, why);
	fleet->act.news = true;
}

static void act_force(struct fleet *fleet, const char *name, struct fleet_vm *vm)
{
	struct err err = ERR_INIT;

	if (fleet->host->kill(fleet->host->ctx, name, &err) < 0)
		act_failed(fleet, name, vm, err.text);
	else
		act_done(fleet, vm);
}

static void act_ask(struct fleet *fleet, unsigned int index, const char *cmd)
{
	struct fleet_vm *vm = &fleet->vm[index];
	const char *name = fleet->row[index].name;
	struct err err = ERR_INIT;

	fleet->act.asked++;
	vm->ending = fleet->act.ends;
	if (!vm->link.ops && fleet->act.force) {
		act_force(fleet, name, vm);
	} else if (!vm->link.ops) {
		act_failed(fleet, name, vm, "no connection");
	} else if (vm->act_id && fleet->act.force) {
		vm->act_ns = fleet->host->now(fleet->host->ctx);
	} else if (vm->act_id) {
		snprintf(fleet->act.why, sizeof(fleet->act.why),
			 "%s: the last request is not answered yet", name);
	} else {
		vm->act_ns = fleet->host->now(fleet->host->ctx);
		vm->act_id = vm->link.ops->send(vm->link.ctx, cmd, NULL, &err);
		if (vm->act_id <= 0)
			act_failed(fleet, name, vm, err.text);
	}
}

static void act_begin(struct fleet *fleet, const char *what, const char *cmd, bool ends, bool force)
{
	unsigned int marked = fleet_marked(fleet);

	fleet->act = (struct fleet_act){ .ends = ends, .force = force, .news = true };
	snprintf(fleet->act.what, sizeof(fleet->act.what), "%s", what);
	for (unsigned int i = 0; i < fleet->nr; i++)
		if (act_is_target(fleet, i, marked))
			act_ask(fleet, i, cmd);
}

void fleet_act(struct fleet *fleet, const char *what, const char *cmd)
{
	act_begin(fleet, what, cmd, false, false);
}

void fleet_end(struct fleet *fleet, const char *what, bool force)
{
	act_begin(fleet, what, "quit", true, force);
}

void fleet_act_reply(struct fleet *fleet, unsigned int index, long long id, const struct err *err)
{
	struct fleet_vm *vm = &fleet->vm[index];

	if (!vm->act_id || id != vm->act_id)
		return;
	if (err->code)
		act_failed(fleet, fleet->row[index].name, vm, err->text);
	else
		act_done(fleet, vm);
}

void fleet_act_gone(struct fleet *fleet, const char *name, struct fleet_vm *vm)
{
	if (!vm->act_id)
		return;
	if (fleet->act.ends)
		act_done(fleet, vm);
	else
		act_failed(fleet, name, vm, "it has ended");
}

void fleet_act_overdue(struct fleet *fleet)
{
	uint64_t now = fleet->host->now(fleet->host->ctx);

	for (unsigned int i = 0; i < fleet->nr; i++) {
		struct fleet_vm *vm = &fleet->vm[i];

		if (vm->act_id && fleet->act.force && now - vm->act_ns >= ACT_FORCE_NS)
			act_force(fleet, fleet->row[i].name, vm);
		else if (vm->act_id && now - vm->act_ns >= ACT_LIMIT_NS)
			act_failed(fleet, fleet->row[i].name, vm, "no answer in 10 s: given up");
	}
}

/* The first that has not answered, NULL: none. */
static const char *act_open(const struct fleet *fleet)
{
	for (unsigned int i = 0; i < fleet->nr; i++)
		if (fleet->vm[i].act_id)
			return fleet->row[i].name;
	return NULL;
}

bool fleet_acting(const struct fleet *fleet)
{
	return act_open(fleet) != NULL;
}

bool fleet_ending(const struct fleet *fleet, const char *name)
{
	for (unsigned int i = 0; i < fleet->nr; i++)
		if (!strcmp(fleet->row[i].name, name))
			return fleet->vm[i].ending;
	return false;
}

bool fleet_act_text(struct fleet *fleet, char *out, size_t len)
{
	const struct fleet_act *act = &fleet->act;
	const char *open = act_open(fleet);

	fleet->act.news = false;
	if (act->why[0])
		snprintf(out, len, "%s: %u of %u VMs; %s", act->what, act->done, act->asked,
			 act->why);
	else if (open)
		snprintf(out, len, "%s: %u of %u VMs; %s has not answered yet", act->what,
			 act->done, act->asked, open);
	else
		snprintf(out, len, "%s: %u of %u VM%s", act->what, act->done, act->asked,
			 act->asked == 1 ? "" : "s");
	return act->why[0] != '\0';
}
