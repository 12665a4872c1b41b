/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A virtual machine: see vm.h. */
#include "vmm/vm.h"

#include <errno.h>
#include <event2/event.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/log.h"
#include "base/time.h"
#include "vmm/dev/acpipm.h"
#include "vmm/dev/i8042.h"
#include "vmm/dev/uart.h"
#include "vmm/kvm.h"
#include "vmm/virtio/console.h"
#include "vmm/vm-priv.h"

#define VM_TSS_ADDR	 0xfffbd000ul
#define VM_IDENTITY_ADDR 0xfffbc000ull
#define VM_SAMPLE_HZ_MAX 60

/* --- state and events --- */

void vm_emit(struct vm *vm, const struct vm_event *ev)
{
	unsigned int i;

	for (i = 0; i < vm->nr_listeners; i++)
		vm->listener[i].fn(vm->listener[i].ctx, ev);
}

static void vm_publish_begin(struct vm *vm)
{
	__atomic_store_n(&vm->page->seq, vm->page->seq + 1, __ATOMIC_RELAXED);
	__atomic_thread_fence(__ATOMIC_RELEASE); /* pairs with the acquire in view_build() */
}

static void vm_publish_end(struct vm *vm)
{
	__atomic_store_n(&vm->page->seq, vm->page->seq + 1, __ATOMIC_RELEASE);
}

void vm_set_state(struct vm *vm, enum vm_state state, unsigned int vcpu, const char *text)
{
	struct sample_page *page = vm->page;

	vm->state = state;
	vm_publish_begin(vm);
	page->state = state;
	if (state != VM_STATE_RUNNING) {
		page->stop_vcpu = vcpu;
		page->stop_count++;
		page->stop_ns = time_now_ns();
	}
	snprintf(page->stop_text, sizeof(page->stop_text), "%s", text ? text : "");
	vm_publish_end(vm);
	machine_pause(vm->machine, state != VM_STATE_RUNNING);
}

void vm_describe(struct vm *vm)
{
	struct sample_page *page = vm->page;
	struct dev_rows rows = { .row = page->row, .max = SAMPLE_ROWS };

	vm_publish_begin(vm);
	machine_describe(vm->machine, &rows);
	irqchip_describe(vm->irqchip, &rows, &page->irqchips);
	sampling_read(vm);
	page->nr_rows = rows.nr;
	page->nr_pci = pci_host_sample(machine_device(vm->machine, &pci_host_ops), page->pci);
	vm_publish_end(vm);
	vm->undescribed = false;
}

/* Where nobody looks, the devices of a guest that stands are read when somebody does. */
static void vm_describe_stop(struct vm *vm)
{
	vm->undescribed = true;
	if (vm->watched)
		vm_describe(vm);
}

void vm_look(struct vm *vm)
{
	if (vm->undescribed)
		vm_describe(vm);
}

void vm_watch(struct vm *vm)
{
	vm->watched = true;
	vm_look(vm);
}

static void vm_shadow_save(struct vm *vm)
{
	unsigned int i;

	for (i = 0; i < vm->nr_vcpus; i++)
		vm->page->shadow[i] = vm->page->vcpu[i].state;
}

/* --- building --- */

static int vm_open_kvm(struct vm *vm, struct err *err)
{
	uint64_t identity = VM_IDENTITY_ADDR;
	int ret;

	ret = kvm_open(err);
	if (ret)
		return ret;
	vm->fd = kvm_ioctl(kvm_fd(), KVM_CREATE_VM, NULL);
	if (vm->fd < 0)
		return err_sys(err, errno, "KVM_CREATE_VM");
	if (kvm_cap(KVM_CAP_SET_IDENTITY_MAP_ADDR) &&
	    kvm_ioctl(vm->fd, KVM_SET_IDENTITY_MAP_ADDR, &identity) < 0)
		return err_sys(err, errno, "KVM_SET_IDENTITY_MAP_ADDR");
	if (kvm_cap(KVM_CAP_SET_TSS_ADDR) &&
	    kvm_ioctl(vm->fd, KVM_SET_TSS_ADDR, (void *)VM_TSS_ADDR) < 0)
		return err_sys(err, errno, "KVM_SET_TSS_ADDR");
	vm->sync_regs = kvm_cap(KVM_CAP_SYNC_REGS) & KVM_SYNC_X86_REGS;
	vm->sync_sregs = kvm_is_svm() && (kvm_cap(KVM_CAP_SYNC_REGS) & KVM_SYNC_X86_SREGS);
	return 0;
}

static int vm_create_sample(struct vm *vm, struct err *err)
{
	struct sample_page *page;

	vm->sample_fd = memfd_create("vitrine-sample", MFD_CLOEXEC);
	if (vm->sample_fd < 0)
		return err_sys(err, errno, "sample page");
	if (ftruncate(vm->sample_fd, sizeof(*page)) < 0)
		return err_sys(err, errno, "sample page");
	page = mmap(NULL, sizeof(*page), PROT_READ | PROT_WRITE, MAP_SHARED, vm->sample_fd, 0);
	if (page == MAP_FAILED)
		return err_sys(err, errno, "sample page");
	vm->page = page;
	page->magic = SAMPLE_MAGIC;
	page->version = SAMPLE_VERSION;
	page->size = sizeof(*page);
	page->pid = (uint32_t)getpid();
	page->nr_vcpus = vm->nr_vcpus;
	page->mem_size = vm->cfg->mem_size;
	snprintf(page->name, sizeof(page->name), "%s", vm->cfg->name);
	if (vm->cfg->boot.image)
		snprintf(page->image, sizeof(page->image), "%s", vm->cfg->boot.image);
	return 0;
}

static int vm_create_mem(struct vm *vm, struct err *err)
{
	unsigned int i;
	int ret;

	ret = mem_create(vm->cfg->mem_size, &vm->mem, err);
	if (ret)
		return ret;
	vm->page->ram_len = mem_fd_len(vm->mem);
	vm->page->nr_regions = mem_nr_regions(vm->mem);
	for (i = 0; i < vm->page->nr_regions; i++)
		vm->page->region[i] = *mem_region(vm->mem, i);
	return mem_register(vm->mem, vm->fd, err);
}

static int vm_create_vcpus(struct vm *vm, struct err *err)
{
	unsigned int i;
	int ret, khz;

	ret = vcpu_signal_setup(err);
	for (i = 0; i < vm->nr_vcpus && !ret; i++)
		ret = vcpu_create(vm, i, &vm->vcpu[i], err);
	if (ret)
		return ret;
	khz = ioctl(vm->vcpu[0]->fd, KVM_GET_TSC_KHZ, 0);
	vm->page->tsc_khz = khz > 0 ? (uint64_t)khz : 1000000;
	return 0;
}

/* Load the image and set the registers of the first instruction. vCPUs stand. */
static int vm_load(struct vm *vm, struct err *err)
{
	struct boot_ctx *ctx = calloc(1, sizeof(*ctx));
	struct x86_state st;
	const char *symbols;
	int ret;

	if (!ctx)
		return err_sys(err, ENOMEM, "loader");
	memset(&st, 0, sizeof(st));
	ret = boot_load(&vm->cfg->boot, vm->mem, ctx, &st, err);
	if (!ret) {
		symbols = vm->cfg->symbols ? vm->cfg->symbols : ctx->symbols;
		snprintf(vm->page->symbols, sizeof(vm->page->symbols), "%s", symbols);
		ret = vcpu_set_entry(vm->vcpu[0], &st, err);
	}
	free(ctx);
	return ret;
}

static void vm_stop_ready(evutil_socket_t fd, short what, void *arg);
static void vm_sample_due(evutil_socket_t fd, short what, void *arg);

static int vm_create_events(struct vm *vm, struct err *err)
{
	vm->stop_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (vm->stop_fd < 0)
		return err_sys(err, errno, "eventfd");
	vm->stop_event = event_new(vm->base, vm->stop_fd, EV_READ | EV_PERSIST, vm_stop_ready, vm);
	vm->sample_timer = event_new(vm->base, -1, EV_PERSIST, vm_sample_due, vm);
	if (!vm->stop_event || !vm->sample_timer || event_add(vm->stop_event, NULL) < 0)
		return err_set(err, ENOMEM, "event loop");
	return 0;
}

static int vm_start_threads(struct vm *vm, struct err *err)
{
	unsigned int i;
	int ret = 0;

	for (i = 0; i < vm->nr_vcpus && !ret; i++)
		ret = vcpu_start(vm->vcpu[i], err);
	return ret;
}

/* Into the slots of the PCI bus, in the order asked for. */
static int vm_plug(struct vm *vm, struct err *err)
{
	void *host = machine_device(vm->machine, &pci_host_ops);
	unsigned int i;
	int ret = 0;

	for (i = 0; i < vm->cfg->nr_plug && !ret; i++)
		ret = pci_host_plug(host, &vm->env, &vm->cfg->plug[i], err);
	return ret;
}

/* In this order: memslots before the interrupt controllers, those before the vCPUs (KVM's rules).
 */
static int vm_build(struct vm *vm, struct err *err)
{
	int ret;

	if ((ret = vm_open_kvm(vm, err)) || (ret = vm_create_sample(vm, err)) ||
	    (ret = vm_create_mem(vm, err)) || (ret = irqchip_create(vm->fd, &vm->irqchip, err)) ||
	    (ret = vm_create_vcpus(vm, err)) || (ret = bus_create(vm->page, &vm->bus, err)))
		return ret;
	vm_env_init(vm);
	if ((ret = machine_create(&vm->env, &vm->machine, err)) || (ret = vm_plug(vm, err)) ||
	    (ret = vm_load(vm, err)) || (ret = vm_create_events(vm, err)))
		return ret;
	vm_set_state(vm, VM_STATE_PRELAUNCH, 0, "waiting before the first instruction");
	vm_describe_stop(vm);
	return vm_start_threads(vm, err);
}

int vm_create(const struct vm_config *cfg, struct event_base *base, struct vm **out,
	      struct err *err)
{
	struct vm *vm = calloc(1, sizeof(*vm));
	int ret;

	if (!vm)
		return err_sys(err, ENOMEM, "vm");
	vm->cfg = cfg;
	vm->base = base;
	vm->fd = vm->sample_fd = vm->stop_fd = -1;
	vm->nr_vcpus = cfg->nr_cpus;
	atomic_init(&vm->stopping, true);
	pthread_mutex_init(&vm->lock, NULL);
	pthread_mutex_init(&vm->clock.lock, NULL);
	pthread_cond_init(&vm->parked_cond, NULL);
	pthread_cond_init(&vm->resume_cond, NULL);
	ret = vm_build(vm, err);
	if (ret) {
		vm_destroy(vm);
		return ret;
	}
	*out = vm;
	return 0;
}

static void vm_join_vcpus(struct vm *vm)
{
	unsigned int i;

	stop_quit(vm);
	for (i = 0; i < vm->nr_vcpus; i++)
		vcpu_join(vm->vcpu[i]);
}

void vm_destroy(struct vm *vm)
{
	unsigned int i;

	if (!vm)
		return;
	if (vm->vcpu[0])
		vm_join_vcpus(vm);
	if (vm->sample_timer)
		event_free(vm->sample_timer);
	if (vm->stop_event)
		event_free(vm->stop_event);
	if (vm->stop_fd >= 0)
		close(vm->stop_fd);
	sampling_close(vm);
	vm_snapshots_free(vm);
	machine_destroy(vm->machine);
	bus_destroy(vm->bus);
	for (i = vm->nr_vcpus; i > 0; i--)
		vcpu_destroy(vm->vcpu[i - 1]);
	irqchip_destroy(vm->irqchip);
	if (vm->fd >= 0)
		close(vm->fd);
	mem_destroy(vm->mem);
	if (vm->page)
		munmap(vm->page, sizeof(*vm->page));
	if (vm->sample_fd >= 0)
		close(vm->sample_fd);
	pthread_cond_destroy(&vm->resume_cond);
	pthread_cond_destroy(&vm->parked_cond);
	pthread_mutex_destroy(&vm->clock.lock);
	pthread_mutex_destroy(&vm->lock);
	free(vm);
}

/* --- run control --- */

/* What a stop means for the machine's state. */
static enum vm_state vm_stop_state(enum stop_why why)
{
	switch (why) {
	case STOP_DEBUG:
		return VM_STATE_DEBUG;
	case STOP_CRASH:
		return VM_STATE_CRASHED;
	case STOP_INTERNAL:
		return VM_STATE_INTERNAL;
	case STOP_END:
		return VM_STATE_SHUTDOWN;
	default:
		return VM_STATE_PAUSED;
	}
}

static void vm_end_event(const struct stop *stop, struct vm_event *ev)
{
	ev->kind = VM_EVENT_SHUTDOWN;
	ev->end = stop->end;
	ev->value = stop->value;
}

static void vm_stop_after_reset(struct vm *vm, unsigned int vcpu, const char *text)
{
	struct vm_event ev = { .kind = VM_EVENT_STOP, .vcpu = vcpu };

	vm_set_state(vm, VM_STATE_DEBUG, vcpu, text);
	ev.text = vm->page->stop_text;
	vm_emit(vm, &ev);
}

static void vm_guest_reset(struct vm *vm, unsigned int vcpu)
{
	struct vm_event ev = { .kind = VM_EVENT_SHUTDOWN, .end = VM_END_RESET };
	char text[SAMPLE_TEXT_MAX] = "reset";
	struct err err = ERR_INIT;
	bool caught;

	if (vm->cfg->on_reset == VM_ON_RESET_EXIT) {
		vm_set_state(vm, VM_STATE_SHUTDOWN, 0, "the guest asked for a reset");
		ev.text = vm->page->stop_text;
		vm_emit(vm, &ev);
		return;
	}
	caught = vm->debug_ops && vm->debug_ops->reset &&
		 vm->debug_ops->reset(vm->debug_ctx, vcpu, text, sizeof(text));
	if (vm_reset(vm, &err) == 0) {
		if (caught)
			vm_stop_after_reset(vm, vcpu, text);
		else
			vm_resume(vm, &err);
		return;
	}
	log_line("reset: %s", err.text);
	vm_set_state(vm, VM_STATE_INTERNAL, 0, err.text);
	ev = (struct vm_event){ .kind = VM_EVENT_CRASHED, .text = vm->page->stop_text };
	vm_emit(vm, &ev);
}

/* Every vCPU stands because of STOP: tell the world. */
static void vm_take_stop(struct vm *vm, const struct stop *stop)
{
	struct vm_event ev = { .kind = VM_EVENT_STOP, .vcpu = stop->vcpu };

	vm_time_hold(vm);
	if (stop->why == STOP_RESET) {
		vm_guest_reset(vm, stop->vcpu);
		return;
	}
	vm_set_state(vm, vm_stop_state(stop->why), stop->vcpu, stop->text);
	vm_describe_stop(vm);
	ev.text = vm->page->stop_text;
	if (stop->why == STOP_CRASH || stop->why == STOP_INTERNAL)
		ev.kind = VM_EVENT_CRASHED;
	else if (stop->why == STOP_END)
		vm_end_event(stop, &ev);
	vm_emit(vm, &ev);
}

/* Every vCPU stands because of STOP: the debugger's own stops go on, the others are told. */
static void vm_act_on_stop(struct vm *vm, struct stop *stop)
{
	if (stop->why == STOP_DEBUG && vm->debug_ops &&
	    vm->debug_ops->stopped(vm->debug_ctx, &stop->vcpu, stop->text, sizeof(stop->text)))
		stop_release(vm);
	else
		vm_take_stop(vm, stop);
}

static void vm_stop_ready(evutil_socket_t fd, short what, void *arg)
{
	struct vm *vm = arg;
	struct stop stop;
	uint64_t count;
	ssize_t n = read(fd, &count, sizeof(count));

	(void)n;
	(void)what;
	if (!atomic_load(&vm->stopping))
		return;
	stop_wait(vm, &stop);
	if (stop.why == STOP_NONE)
		return;
	vm_act_on_stop(vm, &stop);
}

static bool vm_runnable(enum vm_state state)
{
	return state == VM_STATE_PRELAUNCH || state == VM_STATE_PAUSED || state == VM_STATE_DEBUG;
}

int vm_resume(struct vm *vm, struct err *err)
{
	struct vm_event ev = { .kind = VM_EVENT_RESUME };

	if (vm->state == VM_STATE_RUNNING)
		return 0;
	if (!vm_runnable(vm->state))
		return err_set(err, EPERM, "the guest cannot run on: %s", vm->page->stop_text);
	if (!vm->page->start_ns)
		vm->page->start_ns = time_now_ns();
	vm_shadow_save(vm);
	if (vm->debug_ops)
		vm->debug_ops->resuming(vm->debug_ctx);
	vm_set_state(vm, VM_STATE_RUNNING, 0, NULL);
	vm_emit(vm, &ev);
	vm_time_go(vm);
	stop_release(vm);
	return 0;
}

void vm_hold(struct vm *vm)
{
	struct stop stop = { .why = STOP_USER };

	stop_request(vm, &stop);
	stop_wait(vm, &vm->held);
}

void vm_unhold(struct vm *vm)
{
	if (vm->held.why == STOP_USER || vm->held.why == STOP_NONE)
		stop_release(vm);
	else
		vm_act_on_stop(vm, &vm->held);
}

int vm_pause(struct vm *vm, enum vm_state state, const char *text)
{
	struct stop stop = { .why = STOP_USER };
	struct stop got;

	if (vm->state != VM_STATE_RUNNING)
		return 0;
	snprintf(stop.text, sizeof(stop.text), "%s", text);
	stop_request(vm, &stop);
	stop_wait(vm, &got);
	if (got.why == STOP_DEBUG && got.aside) /* the debugger begins anew when it goes on */
		got = stop;
	if (got.why != STOP_USER) { /* something of the guest's own was faster */
		vm_take_stop(vm, &got);
		return 0;
	}
	vm_time_hold(vm);
	vm_set_state(vm, state, 0, got.text);
	vm_describe_stop(vm);
	vm_emit(vm, &(struct vm_event){ .kind = VM_EVENT_STOP, .text = vm->page->stop_text });
	return 0;
}

int vm_reset(struct vm *vm, struct err *err)
{
	struct vm_event ev = { .kind = VM_EVENT_RESET };
	bool was_running = vm->state == VM_STATE_RUNNING;
	unsigned int i;
	int ret;

	vm_pause(vm, VM_STATE_PAUSED, "reset");
	for (i = 0; i < vm->nr_vcpus; i++) {
		ret = vcpu_reset(vm->vcpu[i], err);
		if (ret)
			return ret;
	}
	ret = irqchip_reset(vm->irqchip, err);
	if (ret)
		return ret;
	mem_clear(vm->mem);
	machine_reset(vm->machine);
	ret = vm_load(vm, err);
	if (ret)
		return ret;
	vm_set_state(vm, VM_STATE_PAUSED, 0, "reset");
	vm_describe_stop(vm);
	vm_emit(vm, &ev);
	return was_running ? vm_resume(vm, err) : 0;
}

void vm_powerdown(struct vm *vm)
{
	void *dev = machine_device(vm->machine, &acpipm_ops);

	if (dev)
		acpipm_power_button(dev);
}

void vm_quit(struct vm *vm)
{
	struct vm_event ev = { .kind = VM_EVENT_SHUTDOWN, .end = VM_END_QUIT, .text = "quit" };

	vm_pause(vm, VM_STATE_SHUTDOWN, "quit");
	vm_emit(vm, &ev);
}

/* --- sampling --- */

void vm_sample_now(struct vm *vm)
{
	unsigned int i;

	if (vm->state != VM_STATE_RUNNING)
		return;
	for (i = 0; i < vm->nr_vcpus; i++) {
		atomic_store(&vm->vcpu[i]->publish, true);
		vcpu_kick(vm->vcpu[i]);
	}
	vm_describe(vm);
}

static void vm_sample_due(evutil_socket_t fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	sampling_tick(arg);
}

void vm_set_sample_rate(struct vm *vm, unsigned int hz)
{
	struct timeval tv;

	if (hz > VM_SAMPLE_HZ_MAX)
		hz = VM_SAMPLE_HZ_MAX;
	vm->sample_hz = hz;
	if (!hz) {
		event_del(vm->sample_timer);
		return;
	}
	tv.tv_sec = hz == 1;
	tv.tv_usec = hz == 1 ? 0 : 1000000 / (suseconds_t)hz;
	event_add(vm->sample_timer, &tv);
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

/* --- listeners, hooks, input --- */

int vm_listen(struct vm *vm, vm_event_fn fn, void *ctx)
{
	if (vm->nr_listeners == VM_MAX_LISTENERS)
		return -ENOSPC;
	vm->listener[vm->nr_listeners++] = (struct vm_listener){ .fn = fn, .ctx = ctx };
	return 0;
}

void vm_unlisten(struct vm *vm, void *ctx)
{
	unsigned int i, kept = 0;

	for (i = 0; i < vm->nr_listeners; i++) {
		if (vm->listener[i].ctx != ctx)
			vm->listener[kept++] = vm->listener[i];
	}
	vm->nr_listeners = kept;
}

void vm_set_debugger(struct vm *vm, const struct vm_debug_ops *ops, void *ctx)
{
	vm->debug_ops = ops;
	vm->debug_ctx = ctx;
}

void vm_set_serial_hook(struct vm *vm, vm_serial_fn fn, void *ctx)
{
	vm->serial_fn = fn;
	vm->serial_ctx = ctx;
}

size_t vm_serial_input(struct vm *vm, unsigned int index, const uint8_t *data, size_t len)
{
	void *dev;

	if (index == VCONSOLE_SERIAL_INDEX)
		return vm->cfg->hvc ? vconsole_line_input(vm->cfg->hvc, data, len) : 0;
	dev = machine_device(vm->machine, index ? &uart1_ops : &uart0_ops);
	return dev ? uart_input(dev, data, len) : 0;
}

bool vm_console_resize(struct vm *vm, uint16_t cols, uint16_t rows)
{
	if (vm->cfg->hvc)
		vconsole_line_resize(vm->cfg->hvc, cols, rows);
	return vm->cfg->hvc;
}

unsigned int vm_console_index(struct vm *vm)
{
	bool hvc = vm->cfg->hvc && vconsole_line_open(vm->cfg->hvc);

	return hvc ? VCONSOLE_SERIAL_INDEX : 0;
}

void vm_key(struct vm *vm, uint16_t scancode, bool down)
{
	void *dev = machine_device(vm->machine, &i8042_ops);

	if (dev)
		i8042_key(dev, scancode, down);
}

/* --- what others may ask --- */

const struct vm_config *vm_config(const struct vm *vm)
{
	return vm->cfg;
}

const char *vm_name(const struct vm *vm)
{
	return vm->cfg->name;
}

enum vm_state vm_state(const struct vm *vm)
{
	return vm->state;
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
	return vm->nr_vcpus;
}

struct vcpu *vm_vcpu(struct vm *vm, unsigned int index)
{
	return index < vm->nr_vcpus ? vm->vcpu[index] : NULL;
}

struct event_base *vm_event_base(struct vm *vm)
{
	return vm->base;
}

int vm_kvm_fd(const struct vm *vm)
{
	return vm->fd;
}

int vm_sample_fd(const struct vm *vm)
{
	return vm->sample_fd;
}

struct sample_page *vm_sample(struct vm *vm)
{
	return vm->page;
}
