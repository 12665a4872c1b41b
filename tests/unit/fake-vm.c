/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A VM without KVM: see fake-vm.h. */
#include "fake-vm.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "inspect/view.h"
#include "vmm/bus.h"
#include "vmm/snapshot.h"
#include "vmm/vcpu.h"

struct vm {
	struct vm_config cfg;
	struct event_base *base;
	struct mem *mem;
	struct bus *bus;
	struct sample_page *page;
	int sample_fd;
	vm_event_fn fn;
	void *fn_ctx;
	vm_serial_fn serial;
	void *serial_ctx;
	struct fake_vm_seen seen;
};

static void fake_vm_emit(struct vm *vm, enum vm_event_kind kind)
{
	struct vm_event ev = { .kind = kind, .end = VM_END_QUIT, .text = vm->page->stop_text };

	if (vm->fn)
		vm->fn(vm->fn_ctx, &ev);
}

struct vm *fake_vm_new(struct event_base *base)
{
	struct vm *vm = calloc(1, sizeof(*vm));
	unsigned int i;

	if (!vm || mem_create(2 << 20, &vm->mem, NULL) != 0)
		return NULL;
	vm->base = base;
	vm->cfg.name = "fake";
	vm->cfg.nr_cpus = 2;
	vm->cfg.mem_size = 2 << 20;
	vm->seen.uart_room = SIZE_MAX;
	vm->sample_fd = memfd_create("fake-sample", MFD_CLOEXEC);
	if (ftruncate(vm->sample_fd, sizeof(*vm->page)) != 0)
		return NULL;
	vm->page =
		mmap(NULL, sizeof(*vm->page), PROT_READ | PROT_WRITE, MAP_SHARED, vm->sample_fd, 0);
	if (bus_create(vm->page, &vm->bus, NULL) != 0)
		return NULL;
	vm->page->magic = SAMPLE_MAGIC;
	vm->page->version = SAMPLE_VERSION;
	vm->page->size = sizeof(*vm->page);
	vm->page->nr_vcpus = 2;
	vm->page->state = VM_STATE_RUNNING;
	vm->page->ram_len = mem_fd_len(vm->mem);
	vm->page->nr_regions = mem_nr_regions(vm->mem);
	for (i = 0; i < vm->page->nr_regions; i++)
		vm->page->region[i] = *mem_region(vm->mem, i);
	strcpy(vm->page->name, "fake");
	vm->page->vcpu[0].state.rip = 0x1234;
	return vm;
}

void fake_vm_free(struct vm *vm)
{
	bus_destroy(vm->bus);
	munmap(vm->page, sizeof(*vm->page));
	close(vm->sample_fd);
	mem_destroy(vm->mem);
	free(vm);
}

struct fake_vm_seen *fake_vm_seen(struct vm *vm)
{
	return &vm->seen;
}

void fake_vm_says(struct vm *vm, const void *data, size_t len)
{
	vm->page->serial_out[0] += len;
	if (vm->serial)
		vm->serial(vm->serial_ctx, 0, data, len);
}

void fake_vm_crashes(struct vm *vm, const char *text)
{
	vm->page->state = VM_STATE_CRASHED;
	snprintf(vm->page->stop_text, sizeof(vm->page->stop_text), "%s", text);
	fake_vm_emit(vm, VM_EVENT_CRASHED);
}

const struct vm_config *vm_config(const struct vm *vm)
{
	return &vm->cfg;
}

const char *vm_name(const struct vm *vm)
{
	return vm->cfg.name;
}

enum vm_state vm_state(const struct vm *vm)
{
	return vm->page->state;
}

struct mem *vm_mem(struct vm *vm)
{
	return vm->mem;
}

struct bus *vm_bus(struct vm *vm)
{
	return vm->bus;
}

unsigned int vm_nr_vcpus(const struct vm *vm)
{
	return vm->cfg.nr_cpus;
}

struct vcpu *vm_vcpu(struct vm *vm, unsigned int index)
{
	(void)vm;
	(void)index;
	return NULL;
}

int vcpu_tid(struct vcpu *vcpu)
{
	(void)vcpu;
	return 42;
}

struct event_base *vm_event_base(struct vm *vm)
{
	return vm->base;
}

int vm_sample_fd(const struct vm *vm)
{
	return vm->sample_fd;
}

struct sample_page *vm_sample(struct vm *vm)
{
	return vm->page;
}

void vm_set_sample_rate(struct vm *vm, unsigned int hz)
{
	vm->seen.sample_hz = hz;
}

void vm_sample_now(struct vm *vm)
{
	vm->page->vcpu[0].count++;
	vm->page->vcpu[1].count++;
}

int vm_view(struct vm *vm, struct vm_view *out, struct err *err)
{
	return view_build(vm->page, sizeof(*vm->page), mem_base(vm->mem), mem_fd_len(vm->mem), out,
			  err);
}

void vm_view_memory(struct vm *vm, struct vm_view *out)
{
	view_build_memory(vm->page, mem_base(vm->mem), mem_fd_len(vm->mem), out);
}

int vm_listen(struct vm *vm, vm_event_fn fn, void *ctx)
{
	vm->fn = fn;
	vm->fn_ctx = ctx;
	return 0;
}

void vm_unlisten(struct vm *vm, void *ctx)
{
	if (vm->fn_ctx == ctx)
		vm->fn = NULL;
}

int vm_pause(struct vm *vm, enum vm_state state, const char *text)
{
	vm->page->state = state;
	snprintf(vm->page->stop_text, sizeof(vm->page->stop_text), "%s", text);
	fake_vm_emit(vm, VM_EVENT_STOP);
	return 0;
}

int vm_resume(struct vm *vm, struct err *err)
{
	if (vm->page->state == VM_STATE_CRASHED)
		return err_set(err, EPERM, "the guest has crashed");
	vm->page->state = VM_STATE_RUNNING;
	fake_vm_emit(vm, VM_EVENT_RESUME);
	return 0;
}

int vm_reset(struct vm *vm, struct err *err)
{
	(void)err;
	vm->seen.resets++;
	fake_vm_emit(vm, VM_EVENT_RESET);
	return 0;
}

void vm_powerdown(struct vm *vm)
{
	vm->seen.powerdowns++;
}

void vm_quit(struct vm *vm)
{
	vm->seen.quits++;
	fake_vm_emit(vm, VM_EVENT_SHUTDOWN);
}

bool vm_console_resize(struct vm *vm, uint16_t cols, uint16_t rows)
{
	vm->seen.cols = cols;
	vm->seen.rows = rows;
	return true;
}

size_t vm_serial_input(struct vm *vm, unsigned int index, const uint8_t *data, size_t len)
{
	struct fake_vm_seen *seen = &vm->seen;

	if (len > seen->uart_room)
		len = seen->uart_room;
	if (index || len > FAKE_VM_INPUT - seen->input_len)
		return 0;
	memcpy(seen->input + seen->input_len, data, len);
	seen->input_len += len;
	return len;
}

void vm_set_serial_hook(struct vm *vm, vm_serial_fn fn, void *ctx)
{
	vm->serial = fn;
	vm->serial_ctx = ctx;
}

void vm_key(struct vm *vm, uint16_t scancode, bool down)
{
	if (vm->seen.nr_keys < FAKE_VM_KEYS)
		vm->seen.key[vm->seen.nr_keys++] = (uint16_t)(scancode | (down ? 0 : 0x8000));
}

/* --- no second console, no snapshots --- */

unsigned int vm_console_index(struct vm *vm)
{
	(void)vm;
	return 0;
}

int vm_snapshot_delete(struct vm *vm, const char *tag, struct err *err)
{
	(void)vm;
	return err_set(err, ENOENT, "no snapshot '%s'", tag);
}

bool vm_snapshot_get(struct vm *vm, unsigned int n, struct vm_snapshot_info *out)
{
	(void)vm;
	(void)n;
	(void)out;
	return false;
}

struct vm_snapshot_cost vm_snapshot_cost(const struct vm *vm)
{
	(void)vm;
	return (struct vm_snapshot_cost){ 0 };
}

void vm_look(struct vm *vm)
{
	(void)vm;
}

void vm_watch(struct vm *vm)
{
	(void)vm;
}
