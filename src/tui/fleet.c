/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Every VM of this user: see fleet.h. */
#include "tui/fleet.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

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

/* What the VM's own page says; nothing if it does not let us in. */
static void fleet_look(struct fleet *fleet, struct panel_vm *row, struct fleet_vm *vm)
{
	struct vm_view *view = malloc(sizeof(*view));

	if (view && !vm->link.ops)
		fleet->host->open(fleet->host->ctx, row->name, 0, &vm->link, NULL);
	if (view && vm->link.ops && vm->link.ops->view(vm->link.ctx, view, NULL) == 0) {
		row->nr_vcpus = view->nr_vcpus;
		row->mem_size = view->mem_size;
		snprintf(row->last, sizeof(row->last), "%.79s", view->stop_text);
		fleet_rates(fleet, row, vm, view);
		view_release(view);
	}
	free(view);
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
		snprintf(row[i].state, sizeof(row[i].state), "%s", info[i].state);
		row[i].cpu_percent = -1;
		if (old < 0)
			continue;
		vm[i] = fleet->vm[old];
		memset(&fleet->vm[old], 0, sizeof(fleet->vm[old]));
	}
	fleet_free(fleet);
	memcpy(fleet->row, row, sizeof(fleet->row));
	memcpy(fleet->vm, vm, sizeof(fleet->vm));
	fleet->nr = nr;
out:
	free(row);
	free(vm);
}

static void fleet_mark(struct fleet *fleet)
{
	if (fleet->nr && fleet_find(fleet->row, fleet->nr, fleet->selected) < 0) {
		int at = fleet_find(fleet->row, fleet->nr, fleet->current);

		memcpy(fleet->selected, fleet->row[at < 0 ? 0 : at].name, sizeof(fleet->selected));
	}
	for (unsigned int i = 0; i < fleet->nr; i++) {
		fleet->row[i].selected = !strcmp(fleet->row[i].name, fleet->selected);
		fleet->row[i].current = !strcmp(fleet->row[i].name, fleet->current);
	}
}

void fleet_refresh(struct fleet *fleet)
{
	struct ctl_vm_info *info = NULL;
	int nr = fleet->host->list(fleet->host->ctx, &info, NULL);

	if (nr >= 0) {
		fleet_merge(fleet, info, nr < FLEET_MAX ? (unsigned int)nr : FLEET_MAX);
		for (int i = 0; i < (int)fleet->nr; i++)
			if (info[i].answers)
				fleet_look(fleet, &fleet->row[i], &fleet->vm[i]);
	}
	free(info);
	fleet_mark(fleet);
}

void fleet_move(struct fleet *fleet, int step)
{
	int at = fleet_find(fleet->row, fleet->nr, fleet->selected) + step;

	if (!fleet->nr)
		return;
	at = at >= (int)fleet->nr ? (int)fleet->nr - 1 : at < 0 ? 0 : at;
	memcpy(fleet->selected, fleet->row[at].name, sizeof(fleet->selected));
	fleet_mark(fleet);
}
