/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What devices may use of the machine: struct dev_env bound to a VM and its main loop. */
#include <errno.h>
#include <event2/event.h>
#include <limits.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "base/time.h"
#include "vmm/kvm.h"
#include "vmm/msi.h"
#include "vmm/virtio/console.h"
#include "vmm/vm-priv.h"

#define VM_CONSOLE_POLL_MS 100

static void vm_env_irq_set(void *ctx, unsigned int gsi, int level)
{
	struct vm *vm = ctx;

	irqchip_set(vm->irqchip, gsi, level);
}

static void vm_env_request(void *ctx, enum dev_request req, uint32_t value)
{
	struct stop stop = { .value = value };
	struct vm *vm = ctx;

	switch (req) {
	case DEV_REQ_RESET:
		stop.why = STOP_RESET;
		break;
	case DEV_REQ_POWEROFF:
		stop.why = STOP_END;
		stop.end = VM_END_POWEROFF;
		break;
	case DEV_REQ_DEBUG_EXIT:
		stop.why = STOP_END;
		stop.end = VM_END_DEBUG_EXIT;
		break;
	case DEV_REQ_PANICKED:
		stop.why = STOP_USER;
		snprintf(stop.text, sizeof(stop.text), "the guest says that it panicked");
		break;
	}
	stop_request(vm, &stop);
}

/*
 * A reader that is slow holds the guest up, as a real line would; a kick lets the
 * vCPU go to stand. A full disk or a reader that left must not stop the guest.
 */
static void vm_write_serial(struct vm *vm, int fd, const uint8_t *data, size_t len)
{
	ssize_t n;

	while (len) {
		n = write(fd, data, len);
		if (n > 0) {
			data += n;
			len -= (size_t)n;
		} else if (n == 0 || errno != EINTR || atomic_load(&vm->stopping)) {
			return;
		}
	}
}

/*
 * The same from a device's worker, which no signal interrupts: never into a pipe without room, and
 * not at all once the machine is to stand for a slow reader.
 */
static void vm_write_console(struct vm *vm, int fd, const uint8_t *data, size_t len)
{
	struct pollfd pfd = { .fd = fd, .events = POLLOUT };
	ssize_t n = 0;
	size_t part;

	while (len && (n >= 0 || errno == EINTR)) {
		if (poll(&pfd, 1, VM_CONSOLE_POLL_MS) <= 0) {
			if (atomic_load(&vm->stopping))
				return;
			continue;
		}
		part = len < PIPE_BUF ? len : PIPE_BUF;
		n = write(fd, data, part);
		if (n > 0) {
			data += n;
			len -= (size_t)n;
		}
	}
}

static void vm_env_serial_out(void *ctx, unsigned int index, const uint8_t *data, size_t len)
{
	struct vm *vm = ctx;

	if (index < 2)
		__atomic_fetch_add(&vm->page->serial_out[index], len, __ATOMIC_RELAXED);
	if (index < 3 && vm->cfg->serial_fd[index] >= 0)
		vm_write_serial(vm, vm->cfg->serial_fd[index], data, len);
	if (index == VCONSOLE_SERIAL_INDEX && vm->cfg->serial_fd[0] >= 0)
		vm_write_console(vm, vm->cfg->serial_fd[0], data, len);
	if (vm->serial_fn)
		vm->serial_fn(vm->serial_ctx, index, data, len);
}

static uint64_t vm_env_now_ns(void *ctx)
{
	return vm_time_guest_ns(ctx);
}

static int64_t vm_env_wall_sec(void *ctx)
{
	(void)ctx;
	return (int64_t)time(NULL);
}

/* WHEN is on the guest's clock: nothing fires while the guest stands. */
struct dev_timer {
	struct vm *vm;
	struct dev_timer *next;
	struct event *event;
	uint64_t when_ns; /* 0: not armed */
	void (*fn)(void *arg);
	void *arg;
};

static void vm_timer_fired(evutil_socket_t fd, short what, void *arg)
{
	struct dev_timer *timer = arg;

	(void)fd;
	(void)what;
	pthread_mutex_lock(&timer->vm->clock.lock);
	timer->when_ns = 0;
	pthread_mutex_unlock(&timer->vm->clock.lock);
	timer->fn(timer->arg);
}

static struct dev_timer *vm_env_timer_new(void *ctx, void (*fn)(void *arg), void *arg)
{
	struct vm *vm = ctx;
	struct dev_timer *timer = calloc(1, sizeof(*timer));

	if (!timer)
		return NULL;
	timer->vm = vm;
	timer->fn = fn;
	timer->arg = arg;
	timer->event = event_new(vm->base, -1, 0, vm_timer_fired, timer);
	if (!timer->event) {
		free(timer);
		return NULL;
	}
	pthread_mutex_lock(&vm->clock.lock);
	timer->next = vm->clock.timers;
	vm->clock.timers = timer;
	pthread_mutex_unlock(&vm->clock.lock);
	return timer;
}

static void vm_timer_set_locked(struct dev_timer *timer)
{
	uint64_t now = vm_time_guest_ns(timer->vm), delta;
	struct timeval tv;

	if (!timer->when_ns || atomic_load(&timer->vm->clock.held)) {
		event_del(timer->event);
		return;
	}
	delta = timer->when_ns > now ? timer->when_ns - now : 0;
	tv.tv_sec = (time_t)(delta / 1000000000);
	tv.tv_usec = (suseconds_t)(delta % 1000000000 / 1000);
	event_add(timer->event, &tv);
}

static void vm_env_timer_arm(struct dev_timer *timer, uint64_t when_ns)
{
	pthread_mutex_lock(&timer->vm->clock.lock);
	timer->when_ns = when_ns;
	vm_timer_set_locked(timer);
	pthread_mutex_unlock(&timer->vm->clock.lock);
}

void vm_timers_run(struct vm *vm, bool run)
{
	struct dev_timer *timer;

	pthread_mutex_lock(&vm->clock.lock);
	atomic_store(&vm->clock.held, !run);
	for (timer = vm->clock.timers; timer; timer = timer->next)
		vm_timer_set_locked(timer);
	pthread_mutex_unlock(&vm->clock.lock);
}

static void vm_env_timer_free(struct dev_timer *timer)
{
	struct dev_timer **link;

	if (!timer)
		return;
	pthread_mutex_lock(&timer->vm->clock.lock);
	for (link = &timer->vm->clock.timers; *link && *link != timer; link = &(*link)->next)
		;
	if (*link)
		*link = timer->next;
	pthread_mutex_unlock(&timer->vm->clock.lock);
	event_free(timer->event);
	free(timer);
}

static struct dev_msi *vm_env_msi_new(void *ctx, struct err *err)
{
	struct vm *vm = ctx;

	return msi_new(irqchip_routes(vm->irqchip), err);
}

static int vm_env_ioeventfd(void *ctx, int fd, const struct dev_ioevent *ev, bool add)
{
	struct vm *vm = ctx;
	struct kvm_ioeventfd io = { .addr = ev->addr, .len = ev->len, .fd = fd };

	if (ev->kind == BUS_PIO)
		io.flags |= KVM_IOEVENTFD_FLAG_PIO;
	if (ev->match) {
		io.flags |= KVM_IOEVENTFD_FLAG_DATAMATCH;
		io.datamatch = ev->data;
	}
	if (!add)
		io.flags |= KVM_IOEVENTFD_FLAG_DEASSIGN;
	return kvm_ioctl(vm->fd, KVM_IOEVENTFD, &io) < 0 ? -errno : 0;
}

void vm_env_init(struct vm *vm)
{
	vm->env = (struct dev_env){
		.bus = vm->bus,
		.mem = vm->mem,
		.page = vm->page,
		.nr_cpus = vm->nr_vcpus,
		.ctx = vm,
		.irq_set = vm_env_irq_set,
		.request = vm_env_request,
		.serial_out = vm_env_serial_out,
		.now_ns = vm_env_now_ns,
		.wall_sec = vm_env_wall_sec,
		.timer_new = vm_env_timer_new,
		.timer_arm = vm_env_timer_arm,
		.timer_free = vm_env_timer_free,
		.msi_new = vm_env_msi_new,
		.msi_set = msi_set,
		.msi_fd = msi_fd,
		.msi_free = msi_free,
		.ioeventfd = vm_env_ioeventfd,
	};
}
