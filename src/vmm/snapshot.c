/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Snapshots: see snapshot.h. */
#include "vmm/snapshot.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <x86intrin.h>

#include "base/time.h"
#include "vmm/ramstore.h"
#include "vmm/vm-priv.h"

struct snapshot {
	char tag[VM_SNAPSHOT_TAG];
	int64_t when;
	struct vm_moment moment;
	struct ram_image *ram;
	struct buf devices;
	struct irqchip_saved *irqchip;
	struct vcpu_saved *vcpu[VM_MAX_VCPUS];
};

struct vm_snapshots {
	struct ram_store *store;
	struct snapshot *snap[VM_SNAPSHOT_MAX];
	unsigned int nr;
	struct vm_snapshot_cost cost;
};

static void snapshot_free(struct ram_store *store, struct snapshot *snap)
{
	unsigned int i;

	if (!snap)
		return;
	if (snap->ram)
		ram_drop(store, snap->ram);
	for (i = 0; i < VM_MAX_VCPUS; i++)
		vcpu_saved_free(snap->vcpu[i]);
	free(snap->irqchip);
	buf_free(&snap->devices);
	free(snap);
}

void vm_snapshots_free(struct vm *vm)
{
	struct vm_snapshots *all = vm->snapshots;

	if (!all)
		return;
	while (all->nr)
		snapshot_free(all->store, all->snap[--all->nr]);
	ram_store_free(all->store);
	free(all);
	vm->snapshots = NULL;
}

static int snapshot_begin(struct vm *vm, struct err *err)
{
	struct vm_snapshots *all = vm->snapshots;

	if (all)
		return 0;
	all = calloc(1, sizeof(*all));
	if (all)
		all->store = ram_store_new(vm->mem);
	if (!all || !all->store) {
		free(all);
		return err_sys(err, ENOMEM, "snapshot");
	}
	vm->snapshots = all;
	return 0;
}

static int snapshot_check_tag(const char *tag, struct err *err)
{
	static const char ok[] =
		"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.-_";
	size_t len = strlen(tag);

	if (len && len < VM_SNAPSHOT_TAG && strspn(tag, ok) == len)
		return 0;
	return err_set(err, EINVAL, "a tag has 1 to %d letters, digits, '.', '-' or '_'",
		       VM_SNAPSHOT_TAG - 1);
}

/* Its index, or the number of snapshots. */
static unsigned int snapshot_find(const struct vm_snapshots *all, const char *tag)
{
	unsigned int i;

	for (i = 0; all && i < all->nr; i++) {
		if (strcmp(all->snap[i]->tag, tag) == 0)
			break;
	}
	return i;
}

/* --- saving --- */

static int snapshot_take(struct vm *vm, struct snapshot *snap, struct err *err)
{
	unsigned int i;
	int ret = 0;

	vm_time_get(vm, &snap->moment);
	for (i = 0; i < vm->nr_vcpus && !ret; i++)
		ret = vcpu_save(vm->vcpu[i], &snap->vcpu[i], err);
	if (ret)
		return ret;
	snap->irqchip = irqchip_save(vm->irqchip, err);
	if (!snap->irqchip)
		return -EIO;
	machine_save(vm->machine, &snap->devices);
	if (snap->devices.failed)
		return err_sys(err, ENOMEM, "snapshot: devices");
	return 0;
}

/* RAM last: in the place of OLD's, where only what changed since is copied. */
static int snapshot_take_ram(struct vm *vm, struct snapshot *snap, struct snapshot *old,
			     struct err *err)
{
	if (old) {
		snap->ram = old->ram;
		old->ram = NULL;
	}
	return ram_save(vm->snapshots->store, &snap->ram, err);
}

static bool snapshot_can_go_on(enum vm_state state)
{
	return state == VM_STATE_PRELAUNCH || state == VM_STATE_RUNNING ||
	       state == VM_STATE_PAUSED || state == VM_STATE_DEBUG;
}

static int snapshot_check(struct vm *vm, const char *tag, struct err *err)
{
	int ret = snapshot_check_tag(tag, err);

	if (ret)
		return ret;
	if (!snapshot_can_go_on(vm->state))
		return err_set(err, EPERM, "no use in a snapshot of a guest that cannot go on: %s",
			       vm->page->stop_text);
	return snapshot_begin(vm, err);
}

static void snapshot_remove(struct vm_snapshots *all, unsigned int at)
{
	snapshot_free(all->store, all->snap[at]);
	memmove(&all->snap[at], &all->snap[at + 1], (--all->nr - at) * sizeof(all->snap[0]));
}

static void snapshot_note_cost(struct vm_snapshots *all, uint64_t start)
{
	all->cost.ns = time_now_ns() - start;
	all->cost.copied = ram_store_copied(all->store);
	all->cost.held = ram_store_bytes(all->store);
}

static struct snapshot *snapshot_new(const char *tag)
{
	struct snapshot *snap = calloc(1, sizeof(*snap));

	if (!snap)
		return NULL;
	buf_init(&snap->devices, 0);
	snprintf(snap->tag, sizeof(snap->tag), "%s", tag);
	snap->when = (int64_t)time(NULL);
	return snap;
}

int vm_snapshot_save(struct vm *vm, const char *tag, struct err *err)
{
	uint64_t start = time_now_ns();
	struct vm_snapshots *all;
	struct snapshot *snap;
	unsigned int at;
	int ret;

	ret = snapshot_check(vm, tag, err);
	if (ret)
		return ret;
	all = vm->snapshots;
	at = snapshot_find(all, tag);
	if (at == VM_SNAPSHOT_MAX)
		return err_set(err, ENOSPC, "no more than %d snapshots: delete one",
			       VM_SNAPSHOT_MAX);
	snap = snapshot_new(tag);
	if (!snap)
		return err_sys(err, ENOMEM, "snapshot");
	machine_hold(vm->machine, true);
	ret = snapshot_take(vm, snap, err);
	if (!ret) {
		ret = snapshot_take_ram(vm, snap, at < all->nr ? all->snap[at] : NULL, err);
		if (at < all->nr)
			snapshot_remove(all, at);
	}
	machine_hold(vm->machine, false);
	if (ret) {
		snapshot_free(all->store, snap);
		return ret;
	}
	all->snap[all->nr++] = snap;
	snapshot_note_cost(all, start);
	return 0;
}

/* --- loading --- */

/*
 * RAM first: devices and KVM look into it. The devices before the interrupt
 * controllers: what lines they move is overwritten. The vCPUs last.
 */
static int snapshot_put(struct vm *vm, struct snapshot *snap, struct err *err)
{
	uint64_t passed;
	unsigned int i;
	int ret;

	ret = ram_load(vm->snapshots->store, snap->ram, err);
	vm_time_set(vm, &snap->moment);
	if (!ret)
		ret = machine_load(vm->machine, &snap->devices, err);
	if (!ret)
		ret = irqchip_restore(vm->irqchip, snap->irqchip, err);
	passed = vm->clock.stop.host_tsc - snap->moment.host_tsc;
	for (i = 0; i < vm->nr_vcpus && !ret; i++)
		ret = vcpu_restore(vm->vcpu[i], snap->vcpu[i], passed, err);
	return ret;
}

static void snapshot_tell(struct vm *vm, const char *tag, int failed)
{
	struct vm_event ev = { .kind = VM_EVENT_STOP };
	char text[VM_SNAPSHOT_TAG + 32];

	snprintf(text, sizeof(text), "snapshot %s %s", tag, failed ? "is broken" : "loaded");
	vm_set_state(vm, failed ? VM_STATE_INTERNAL : VM_STATE_PAUSED, 0, text);
	vm_describe(vm);
	ev.text = vm->page->stop_text;
	vm_emit(vm, &ev);
}

int vm_snapshot_load(struct vm *vm, const char *tag, struct err *err)
{
	struct vm_snapshots *all = vm->snapshots;
	unsigned int at = snapshot_find(all, tag);
	uint64_t start = time_now_ns();
	int ret;

	if (!all || at == all->nr)
		return err_set(err, ENOENT, "there is no snapshot '%.63s'", tag);
	machine_hold(vm->machine, true);
	ret = snapshot_put(vm, all->snap[at], err);
	machine_hold(vm->machine, false);
	snapshot_note_cost(all, start);
	snapshot_tell(vm, tag, ret);
	return ret;
}

/* --- the rest --- */

int vm_snapshot_delete(struct vm *vm, const char *tag, struct err *err)
{
	struct vm_snapshots *all = vm->snapshots;
	unsigned int at = snapshot_find(all, tag);

	if (!all || at == all->nr)
		return err_set(err, ENOENT, "there is no snapshot '%.63s'", tag);
	snapshot_remove(all, at);
	return 0;
}

bool vm_snapshot_get(struct vm *vm, unsigned int n, struct vm_snapshot_info *out)
{
	const struct snapshot *snap;

	if (!vm->snapshots || n >= vm->snapshots->nr)
		return false;
	snap = vm->snapshots->snap[n];
	*out = (struct vm_snapshot_info){ .when = snap->when,
					  .guest_ns = snap->moment.kvmclock.clock,
					  .ram_bytes = ram_image_bytes(snap->ram) };
	snprintf(out->tag, sizeof(out->tag), "%s", snap->tag);
	return true;
}

struct vm_snapshot_cost vm_snapshot_cost(const struct vm *vm)
{
	return vm->snapshots ? vm->snapshots->cost : (struct vm_snapshot_cost){ 0 };
}
