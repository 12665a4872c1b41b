/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The guest's time while it stands: kvmclock, the time stamp counters, the PIT and
 * the devices' clock go on from where they stood, as far as KVM allows. The APIC's
 * timer runs on in the kernel: it may fire once, too early.
 */
#include <string.h>
#include <sys/ioctl.h>
#include <x86intrin.h>

#include "base/time.h"
#include "vmm/kvm.h"
#include "vmm/vm-priv.h"

/* What a guest does not notice anyway costs a stop no calls. */
#define TIME_IGNORE_NS 2000000ull

uint64_t vm_time_guest_ns(struct vm *vm)
{
	uint64_t now = atomic_load(&vm->clock.held) ? vm->clock.stop.host_ns : time_now_ns();

	return now - atomic_load(&vm->clock.behind);
}

void vm_time_get(struct vm *vm, struct vm_moment *out)
{
	if (atomic_load(&vm->clock.held)) {
		*out = vm->clock.stop;
		return;
	}
	memset(out, 0, sizeof(*out));
	(void)kvm_ioctl(vm->fd, KVM_GET_CLOCK, &out->kvmclock);
	out->host_tsc = __rdtsc();
	out->host_ns = time_now_ns();
	out->guest_ns = out->host_ns - atomic_load(&vm->clock.behind);
}

void vm_time_hold(struct vm *vm)
{
	if (atomic_load(&vm->clock.held))
		return;
	vm_time_get(vm, &vm->clock.stop);
	vm->clock.moved = false;
	vm_timers_run(vm, false);
}

void vm_time_set(struct vm *vm, const struct vm_moment *to)
{
	vm_time_hold(vm);
	vm->clock.stop = *to;
	vm->clock.stop.host_tsc = __rdtsc();
	vm->clock.stop.host_ns = time_now_ns();
	atomic_store(&vm->clock.behind, vm->clock.stop.host_ns - to->guest_ns);
	vm->clock.moved = true;
}

static void time_move_kvmclock(struct vm *vm)
{
	struct kvm_clock_data clock = { .clock = vm->clock.stop.kvmclock.clock };
	unsigned int i;

	if (clock.clock)
		(void)kvm_ioctl(vm->fd, KVM_SET_CLOCK, &clock);
	for (i = 0; i < vm->nr_vcpus; i++) /* so that its watchdogs do not bark; none: no matter */
		(void)ioctl(vm->vcpu[i]->fd, KVM_KVMCLOCK_CTRL, 0);
}

static void time_move_tsc(struct vm *vm, uint64_t passed)
{
	uint64_t offset;
	unsigned int i;

	for (i = 0; i < vm->nr_vcpus; i++) {
		if (vcpu_get_tsc_offset(vm->vcpu[i], &offset))
			vcpu_set_tsc_offset(vm->vcpu[i], offset - passed);
	}
}

/* Setting the PIT makes it forget the ticks that nobody took. */
static void time_move_pit(struct vm *vm)
{
	struct kvm_pit_state2 pit;

	memset(&pit, 0, sizeof(pit));
	if (kvm_ioctl(vm->fd, KVM_GET_PIT2, &pit) == 0)
		(void)kvm_ioctl(vm->fd, KVM_SET_PIT2, &pit);
}

void vm_time_go(struct vm *vm)
{
	uint64_t passed;

	if (!atomic_load(&vm->clock.held))
		return;
	passed = time_now_ns() - vm->clock.stop.host_ns;
	if (passed > TIME_IGNORE_NS || vm->clock.moved) {
		time_move_pit(vm);
		time_move_kvmclock(vm);
		time_move_tsc(vm, __rdtsc() - vm->clock.stop.host_tsc);
		atomic_fetch_add(&vm->clock.behind, passed);
	}
	vm_timers_run(vm, true);
}
