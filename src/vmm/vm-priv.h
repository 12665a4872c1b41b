/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What vm.c, stop.c, vcpu.c, exit.c and state.c share of a VM; nobody else includes it. */
#ifndef VITRINE_VMM_VM_PRIV_H
#define VITRINE_VMM_VM_PRIV_H

#include <event2/event.h>
#include <linux/kvm.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "vmm/device.h"
#include "vmm/irq.h"
#include "vmm/machine.h"
#include "vmm/vcpu.h"
#include "vmm/vm.h"

#define VM_MAX_LISTENERS 8

/* Why the vCPUs shall stand; the first one wins. */
enum stop_why {
	STOP_NONE,
	STOP_USER,     /* vm_pause() */
	STOP_DEBUG,    /* breakpoint, step, watchpoint */
	STOP_CRASH,    /* triple fault */
	STOP_INTERNAL, /* KVM error */
	STOP_RESET,    /* the guest asked for it */
	STOP_END,      /* power-off or debug exit */
};

/* A stop being carried out. Guarded by vm->lock. */
struct stop {
	enum stop_why why;
	unsigned int vcpu;
	enum vm_end end;
	uint32_t value;
	bool aside; /* STOP_DEBUG that nobody asked for but the debugger itself */
	char text[SAMPLE_TEXT_MAX];
};

/*
 * The way of an exit that a device answers. Kept together, because entering the guest may cost the
 * host its translations, and each page of it has to be found again.
 */
#define VM_HOT __attribute__((hot))

struct vcpu {
	struct vm *vm;
	unsigned int index;
	int fd;
	struct kvm_run *run;
	size_t run_len;
	pthread_t thread;
	atomic_int tid;	       /* the thread's id for the host's tools; 0: not yet */
	bool started;	       /* thread exists */
	atomic_bool frozen;    /* stays parked over vm_resume(); written under vm->lock */
	bool parked;	       /* guarded by vm->lock */
	uint64_t io_exits;     /* since the last reset; own thread */
	uint64_t stop_at_exit; /* stop when io_exits gets there; 0: never */
	bool io_pending;       /* own thread: KVM_RUN must be entered again before state is read */
	bool step_armed;       /* written while parked */
	uint64_t step_rip;     /* rip when the step began */
	atomic_bool publish;   /* a sample is due */
	_Atomic uint64_t publish_ns; /* what one takes */
	uint8_t maxphyaddr;
	unsigned int publish_count;
	unsigned int near; /* own thread: see struct bus_access */
	struct vcpu_sample *sample;
	_Atomic(struct kvmstats *) stats; /* opened once, by the vCPU or while it stands */
	bool stale;	      /* it ran, or was written, since its exact state was published */
	bool kept;	      /* own thread: kept_* came with an exit since it last stood */
	uint32_t debug_armed; /* control flags of its last KVM_SET_GUEST_DEBUG */
	struct kvm_regs kept_regs;
	struct kvm_sregs kept_sregs;
	struct x86_state first; /* as KVM made it: what a reset goes back to */
	/* a debug exit met while another stop was being carried out: asked again on resume */
	bool late;
	struct vm_debug_exit late_exit;
};

/* One moment of the guest's life, on each of its clocks. */
struct vm_moment {
	uint64_t host_ns, host_tsc; /* of this process, when it was */
	uint64_t guest_ns;	    /* the devices' clock */
	struct kvm_clock_data kvmclock;
};

/* The guest's time: stands while the guest does. */
struct vm_clock {
	pthread_mutex_t lock; /* timers; before none */
	struct dev_timer *timers;
	atomic_bool held;	 /* written by the main loop while the vCPUs stand */
	_Atomic uint64_t behind; /* guest_ns is CLOCK_MONOTONIC less this */
	struct vm_moment stop;	 /* where it stands, while held */
	bool moved;		 /* STOP is not where KVM's clocks were left */
};

struct vm_listener {
	vm_event_fn fn;
	void *ctx;
};

struct vm {
	/* What every exit reads lies together. */
	struct bus *bus;
	struct sample_page *page;
	atomic_bool stopping; /* written under lock; vCPUs read it before each entry */
	bool sync_regs;
	bool sync_sregs; /* AMD-V: a triple fault loses the registers, so each exit brings all */
	atomic_uint catching; /* bits of enum vm_access_kind the debugger wants to hear of */

	const struct vm_config *cfg;
	struct event_base *base;
	int fd; /* KVM VM */
	struct mem *mem;
	int sample_fd;
	struct irqchip *irqchip;
	struct machine *machine;
	struct dev_env env;
	struct vm_clock clock;
	struct vm_snapshots *snapshots; /* NULL before the first */
	struct vcpu *vcpu[VM_MAX_VCPUS];
	unsigned int nr_vcpus;
	enum vm_state state; /* main loop's thread */

	pthread_mutex_t lock;
	pthread_cond_t parked_cond; /* all vCPUs stand */
	pthread_cond_t resume_cond;
	bool quitting;
	unsigned int nr_parked;
	struct stop stop;
	struct stop held; /* what came while vm_hold() was in force */

	int stop_fd; /* eventfd: the last vCPU parked for a reason of its own */
	struct event *stop_event;
	struct event *sample_timer;
	unsigned int sample_hz;
	struct sampling *sampling; /* NULL: no counters */
	bool watched;		   /* the sample page is mapped elsewhere */
	bool undescribed;	   /* its device rows are older than this stop */

	bool msr_exits; /* KVM was told that there may be some */
	const struct vm_debug_ops *debug_ops;
	void *debug_ctx;
	vm_serial_fn serial_fn;
	void *serial_ctx;
	struct vm_listener listener[VM_MAX_LISTENERS];
	unsigned int nr_listeners;
};

/* vcpu.c */
int vcpu_create(struct vm *vm, unsigned int index, struct vcpu **out, struct err *err);
void vcpu_destroy(struct vcpu *vcpu);
int vcpu_start(struct vcpu *vcpu, struct err *err);
void vcpu_join(struct vcpu *vcpu);
/* Make KVM_RUN return soon. Any thread. */
void vcpu_kick(struct vcpu *vcpu);
/* Back to the state KVM made it in. While it stands. */
int vcpu_reset(struct vcpu *vcpu, struct err *err);
/* Give the boot processor the registers a loader asked for. While it stands. */
int vcpu_set_entry(struct vcpu *vcpu, const struct x86_state *entry, struct err *err);
/* Install the handler of the kick signal, once per process. */
int vcpu_signal_setup(struct err *err);

/* vcpu-save.c: all KVM keeps of a vCPU, for a snapshot. While it stands. */
struct vcpu_saved;
int vcpu_save(struct vcpu *vcpu, struct vcpu_saved **out, struct err *err);
/* PASSED: ticks of the host's TSC since vcpu_save(), which the guest shall not see. */
int vcpu_restore(struct vcpu *vcpu, struct vcpu_saved *sv, uint64_t passed, struct err *err);
void vcpu_saved_free(struct vcpu_saved *sv);
/* What KVM adds to the host's TSC; false where it cannot be asked or told (before Linux 5.16). */
bool vcpu_get_tsc_offset(struct vcpu *vcpu, uint64_t *offset);
bool vcpu_set_tsc_offset(struct vcpu *vcpu, uint64_t offset);

/* env.c: what devices may use of VM */
void vm_env_init(struct vm *vm);
/* Let the devices' timers run, or stand. Main loop. */
void vm_timers_run(struct vm *vm, bool run);

/*
 * timehold.c: the guest's clocks. Main loop, while the vCPUs stand.
 * vm_time_hold(): time stands from here on, if it does not already. vm_time_go(): it goes on from
 * there. vm_time_get(): the guest's present. vm_time_set(): another one, held.
 */
void vm_time_hold(struct vm *vm);
void vm_time_go(struct vm *vm);
void vm_time_get(struct vm *vm, struct vm_moment *out);
void vm_time_set(struct vm *vm, const struct vm_moment *to);
/* The devices' clock. Any thread. */
uint64_t vm_time_guest_ns(struct vm *vm);

/* sampling.c: counters and publications for viewers. Main loop. */
void sampling_close(struct vm *vm);
/* Publish the sample that is due. Own thread. */
void sampling_publish(struct vcpu *vcpu);
/* KVM's counters into the sample page; inside vm_describe(). */
void sampling_read(struct vm *vm);
/* The sample timer: ask for what is due, at as little cost to the guest as can be. */
void sampling_tick(struct vm *vm);

/* vm.c */
void vm_set_state(struct vm *vm, enum vm_state state, unsigned int vcpu, const char *text);
void vm_emit(struct vm *vm, const struct vm_event *ev);
/* snapshot.c */
void vm_snapshots_free(struct vm *vm);

/* state.c: registers between KVM and struct x86_state. FULL: with FPU, MSRs, debug, LAPIC. */
int state_read(struct vcpu *vcpu, struct x86_state *st, bool full);
int state_write(struct vcpu *vcpu, const struct x86_state *st, struct err *err);
/* Keep the registers that came with this exit, as they came. Own thread. */
void state_keep(struct vcpu *vcpu);
/* The registers kept last, if any were since the vCPU stood, are the shadow. Own thread. */
void state_shadow(struct vcpu *vcpu);
/* Read the state and publish it in the sample page. The vCPU's own thread, or while it stands. */
void state_publish(struct vcpu *vcpu, bool exact);

/* exit.c: handle one exit of KVM_RUN. Own thread. */
void exit_handle(struct vcpu *vcpu);
/* Whether KVM must be entered again before the state is consistent after this exit. */
bool exit_needs_completion(const struct kvm_run *run);
/* Ask the debugger about EX and act on its verdict. Own thread. */
void exit_debug_verdict(struct vcpu *vcpu, const struct vm_debug_exit *ex);

/* Tell the debugger of an access that is done, if it wants to know. Own thread. */
void exit_tell_access(struct vcpu *vcpu, enum vm_access_kind kind, uint64_t addr, uint32_t size,
		      bool write, uint64_t data);

/* msr.c: do what the instruction asked for, KVM having handed it to us. Own thread. */
void msr_exit(struct vcpu *vcpu);

/* stop.c */
/* Ask that every vCPU parks, because of WHY; the first reason wins. Any thread. */
bool stop_request(struct vm *vm, const struct stop *stop);
/* Park until resumed; false: the VM is ending. Own thread of the vCPU. */
bool stop_park(struct vcpu *vcpu);
/* Main loop: wait until all stand and take the reason. */
void stop_wait(struct vm *vm, struct stop *out);
void stop_release(struct vm *vm);
void stop_quit(struct vm *vm);

#endif
