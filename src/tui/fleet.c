/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Every VM of this user: see fleet.h. */
#include "tui/fleet.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define FLEET_PAST_NS	900000000ull  /* refreshes that come sooner are of the same second */
#define FLEET_SOON_NS	300000000ull  /* a VM that does well has answered by then */
#define FLEET_SILENT_NS 1500000000ull /* one that has not is said not to */

void fleet_free(struct fleet *fleet)
{
	for (unsigned int i = 0; i < fleet->nr; i++)
		link_close(&fleet->vm[i].link);
	fleet->nr = 0;
}

/* Index of NAME among the first NR rows, -1 if it is not there. */
static int fleet_find(const struct panel_vm *row, unsigned int nr, const char *name)
{
	for (unsigned int i = 0; i < nr; i++)
		if (!strcmp(row[i].name, name))
			return (int)i;
	return -1;
}

static uint64_t fleet_exits(const struct vm_view *view)
{
	uint64_t sum = 0;

	for (unsigned int i = 0; i < view->nr_vcpus; i++)
		for (int kind = 0; kind < EXIT_NR; kind++)
			sum += view->vcpu[i].exits[kind];
	return sum;
}

static void fleet_rates(struct fleet *fleet, struct panel_vm *row, struct fleet_vm *vm,
			const struct vm_view *view)
{
	uint64_t now = fleet->host->now(fleet->host->ctx), exits = fleet_exits(view), cpu = 0;
	uint64_t ns = now - vm->when_ns;
	bool known = fleet->host->usage(fleet->host->ctx, (int)view->pid, &cpu, &row->resident);

	row->cpu_percent = -1;
	row->exits_per_s = 0;
	if (vm->when_ns && ns) {
		if (exits >= vm->exits)
			row->exits_per_s =
				(uint64_t)((double)(exits - vm->exits) * 1e9 / (double)ns);
		if (known && cpu >= vm->cpu_ns)
			row->cpu_percent = (int)((cpu - vm->cpu_ns) * 100 / ns);
	}
	vm->when_ns = now;
	vm->exits = exits;
	vm->cpu_ns = cpu;
}

static uint8_t fleet_percent(uint64_t part, uint64_t whole)
{
	return !whole || part >= whole ? 100 : (uint8_t)((double)part / (double)whole * 100);
}

static void fleet_remember(struct fleet *fleet, struct panel_vm *row, struct fleet_vm *vm)
{
	uint64_t now = fleet->host->now(fleet->host->ctx);
	struct panel_past *past = &vm->past;

	if (row->cpu_percent >= 0 && (!vm->past_ns || now - vm->past_ns >= FLEET_PAST_NS)) {
		vm->past_ns = now;
		memmove(past->cpu, past->cpu + 1, PANEL_PAST - 1);
		memmove(past->held, past->held + 1, PANEL_PAST - 1);
		past->cpu[PANEL_PAST - 1] =
			fleet_percent((uint64_t)row->cpu_percent, row->nr_vcpus * 100ull);
		past->held[PANEL_PAST - 1] = fleet_percent(row->resident, row->mem_size);
		past->nr += past->nr < PANEL_PAST;
	}
	row->past = *past;
}

/* A VM is asked how it does; the answer is waited for by nobody. */
static void fleet_ask(struct fleet *fleet, const struct panel_vm *row, struct fleet_vm *vm)
{
	bool gone = false;

	if (!vm->link.ops)
		fleet->host->open(fleet->host->ctx, row->name, 0, &vm->link, NULL);
	if (!vm->link.ops || vm->ask_id > 0)
		return;
	json_decref(vm->link.ops->event(vm->link.ctx, &gone));
	if (gone) { /* the next of that name may be there already, and was not marked */
		fleet_act_gone(fleet, row->name, vm);
		link_close(&vm->link);
		vm->marked = vm->ending = false;
		return;
	}
	vm->ask_id = vm->link.ops->send(vm->link.ctx, "query-status", NULL, NULL);
	vm->ask_ns = fleet->host->now(fleet->host->ctx);
}

/* What the VM's own page says; nothing if it does not let us in. */
static void fleet_look(struct fleet *fleet, struct panel_vm *row, struct fleet_vm *vm)
{
	struct vm_view *view = malloc(sizeof(*view));

	if (view && vm->link.ops && vm->link.ops->view(vm->link.ctx, view, NULL) == 0) {
		row->nr_vcpus = view->nr_vcpus;
		row->mem_size = view->mem_size;
		snprintf(row->last, sizeof(row->last), "%.79s", view->stop_text);
		row->balloon = view->balloon.present;
		row->actual = view->balloon.actual;
		row->target = view->balloon.target;
		fleet_rates(fleet, row, vm, view);
		fleet_remember(fleet, row, vm);
		view_release(view);
	}
	free(view);
}

static bool fleet_poll_one(struct fleet *fleet, unsigned int index)
{
	struct panel_vm *row = &fleet->row[index];
	struct fleet_vm *vm = &fleet->vm[index];
	uint64_t now = fleet->host->now(fleet->host->ctx);
	const char *state = vm->state[0] ? vm->state : "...", *said;
	struct err err = ERR_INIT;
	json_t *ret = NULL, *event;
	bool gone = false;
	long long id;

	while (vm->link.ops && (event = vm->link.ops->event(vm->link.ctx, &gone)))
		json_decref(event);
	while (vm->link.ops && (id = vm->link.ops->reply(vm->link.ctx, &ret, &err)) > 0) {
		said = json_string_value(json_object_get(ret, "status"));
		if (id == vm->ask_id) {
			snprintf(vm->state, sizeof(vm->state), "%s", said ? said : "?");
			vm->ask_id = 0;
			state = vm->state;
			if (!row->nr_vcpus)
				fleet_look(fleet, row, vm);
		}
		fleet_act_reply(fleet, index, id, &err);
		json_decref(ret);
		ret = NULL;
		err = (struct err)ERR_INIT;
	}
	if (gone)
		fleet_act_gone(fleet, row->name, vm);
	if (!vm->link.ops || gone || (vm->ask_id && now - vm->ask_ns > FLEET_SILENT_NS))
		state = "no answer";
	if (!strcmp(row->state, state))
		return false;
	snprintf(row->state, sizeof(row->state), "%s", state);
	return true;
}

bool fleet_poll(struct fleet *fleet)
{
	bool changed = false;

	for (unsigned int i = 0; i < fleet->nr; i++)
		changed |= fleet_poll_one(fleet, i);
	fleet_act_overdue(fleet);
	return changed || fleet->act.news;
}

bool fleet_expects(const struct fleet *fleet)
{
	uint64_t now = fleet->host->now(fleet->host->ctx);

	for (unsigned int i = 0; i < fleet->nr; i++)
		if ((fleet->vm[i].ask_id > 0 && now - fleet->vm[i].ask_ns < FLEET_SOON_NS) ||
		    (fleet->vm[i].act_id && now - fleet->vm[i].act_ns < FLEET_SOON_NS))
			return true;
	return false;
}

/* Carry over what is known of VMs that are still there; close the others. */
static void fleet_merge(struct fleet *fleet, const struct ctl_vm_info *info, unsigned int nr)
{
	struct panel_vm *row = calloc(FLEET_MAX, sizeof(*row));
	struct fleet_vm *vm = calloc(FLEET_MAX, sizeof(*vm));

	if (!row || !vm)
		goto out;
	for (unsigned int i = 0; i < nr; i++) {
		int old = fleet_find(fleet->row, fleet->nr, info[i].name);

		snprintf(row[i].name, sizeof(row[i].name), "%s", info[i].name);
		row[i].cpu_percent = -1;
		if (old < 0)
			continue;
		vm[i] = fleet->vm[old];
		memset(&fleet->vm[old], 0, sizeof(fleet->vm[old]));
	}
	for (unsigned int i = 0; i < fleet->nr; i++)
		fleet_act_gone(fleet, fleet->row[i].name, &fleet->vm[i]);
	fleet_free(fleet);
	memcpy(fleet->row, row, sizeof(fleet->row));
	memcpy(fleet->vm, vm, sizeof(fleet->vm));
	fleet->nr = nr;
out:
	free(row);
	free(vm);
}

void fleet_point(struct fleet *fleet)
{
	if (fleet->nr && fleet_find(fleet->row, fleet->nr, fleet->selected) < 0) {
		int at = fleet_find(fleet->row, fleet->nr, fleet->current);

		memcpy(fleet->selected, fleet->row[at < 0 ? 0 : at].name, sizeof(fleet->selected));
	}
	for (unsigned int i = 0; i < fleet->nr; i++) {
		fleet->row[i].selected = !strcmp(fleet->row[i].name, fleet->selected);
		fleet->row[i].current = !strcmp(fleet->row[i].name, fleet->current);
		fleet->row[i].marked = fleet->vm[i].marked;
	}
}

void fleet_refresh(struct fleet *fleet)
{
	struct ctl_vm_info *info = NULL;
	int nr = fleet->host->list(fleet->host->ctx, &info, NULL);

	if (nr >= 0) {
		fleet_merge(fleet, info, nr < FLEET_MAX ? (unsigned int)nr : FLEET_MAX);
		for (unsigned int i = 0; i < fleet->nr; i++) {
			fleet_ask(fleet, &fleet->row[i], &fleet->vm[i]);
			fleet_look(fleet, &fleet->row[i], &fleet->vm[i]);
		}
		fleet_poll(fleet);
	}
	free(info);
	fleet_point(fleet);
}

void fleet_move(struct fleet *fleet, int step)
{
	int at = fleet_find(fleet->row, fleet->nr, fleet->selected) + step;

	if (!fleet->nr)
		return;
	at = at >= (int)fleet->nr ? (int)fleet->nr - 1 : at < 0 ? 0 : at;
	memcpy(fleet->selected, fleet->row[at].name, sizeof(fleet->selected));
	fleet_point(fleet);
}
