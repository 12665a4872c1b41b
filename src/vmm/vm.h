/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A virtual machine: its KVM objects, RAM, devices and vCPU threads, and the
 * one stop protocol. Functions marked [main] are for the main loop's thread.
 */
#ifndef VITRINE_VMM_VM_H
#define VITRINE_VMM_VM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/err.h"
#include "inspect/view.h"
#include "vmm/config.h"
#include "vmm/mem.h"

struct event_base;
struct vm;
struct vcpu;
struct bus;

/* Build everything, load the image; no vCPU runs yet (VM_STATE_PRELAUNCH). [main] */
int vm_create(const struct vm_config *cfg, struct event_base *base, struct vm **out,
	      struct err *err);
/* Stop the threads, undo what was started in reverse; VM may be partly built or NULL. [main] */
void vm_destroy(struct vm *vm);

const struct vm_config *vm_config(const struct vm *vm);
const char *vm_name(const struct vm *vm);
enum vm_state vm_state(const struct vm *vm);
struct mem *vm_mem(struct vm *vm);
struct bus *vm_bus(struct vm *vm);
unsigned int vm_nr_vcpus(const struct vm *vm);
struct vcpu *vm_vcpu(struct vm *vm, unsigned int index);
struct event_base *vm_event_base(struct vm *vm);
/* Seconds of the guest's life do not matter here: KVM's VM file descriptor, for the second stage.
 */
int vm_kvm_fd(const struct vm *vm);
/* The sample page's memfd and mapping. */
int vm_sample_fd(const struct vm *vm);
struct sample_page *vm_sample(struct vm *vm);

/*
 * Run control. [main]
 * vm_resume: from PRELAUNCH, PAUSED or DEBUG; -EPERM after a crash or shutdown.
 * vm_pause: returns when every vCPU is parked with pending I/O completed and its
 * registers are in the sample page (exact). TEXT says why, for the screen.
 */
int vm_resume(struct vm *vm, struct err *err);
int vm_pause(struct vm *vm, enum vm_state state, const char *text);
int vm_reset(struct vm *vm, struct err *err);
/* Press the power button (ACPI). */
void vm_powerdown(struct vm *vm);
/* End: VM_EVENT_SHUTDOWN follows, with by_user set. */
void vm_quit(struct vm *vm);

enum vm_event_kind {
	VM_EVENT_STOP, /* all vCPUs parked; vm_state() says which kind */
	VM_EVENT_RESUME,
	VM_EVENT_RESET,
	VM_EVENT_CRASHED,  /* triple fault or KVM error; the VM is stopped and kept */
	VM_EVENT_SHUTDOWN, /* over: the guest powered off or exited, or a person said so */
	VM_EVENT_PANICKED, /* the guest says that it panicked (pvpanic) */
};

enum vm_end { VM_END_NONE, VM_END_POWEROFF, VM_END_RESET, VM_END_DEBUG_EXIT, VM_END_QUIT };

struct vm_event {
	enum vm_event_kind kind;
	unsigned int vcpu; /* of a stop or crash */
	enum vm_end end;   /* of a shutdown */
	uint32_t value;	   /* debug-exit value */
	const char *text;  /* for a person */
};

typedef void (*vm_event_fn)(void *ctx, const struct vm_event *ev);

/* Be told of events, on the main loop's thread. */
int vm_listen(struct vm *vm, vm_event_fn fn, void *ctx);
void vm_unlisten(struct vm *vm, void *ctx);

/* What a vCPU met in debug mode; the debugger decides. Called in the vCPU's thread. */
struct vm_debug_exit {
	unsigned int vcpu;
	uint32_t exception; /* 1: #DB, 3: #BP */
	uint64_t pc;	    /* linear */
	uint64_t dr6, dr7;
	bool late; /* met while another stop was carried out, asked again now */
};

enum vm_debug_verdict {
	VM_DEBUG_CONTINUE,
	VM_DEBUG_STOP,
	VM_DEBUG_ASIDE, /* stop for the debugger's own sake: stopped() will send it on */
	VM_DEBUG_INJECT /* it is the guest's own */
};

/* An access that left KVM, done, or to an MSR of vm_catch_msrs(). */
enum vm_access_kind { VM_ACCESS_PORT, VM_ACCESS_MMIO, VM_ACCESS_MSR };

struct vm_access {
	enum vm_access_kind kind;
	unsigned int vcpu;
	uint64_t addr, data;
	uint32_t size;
	bool write;
};

struct vm_debug_ops {
	/* In the vCPU's thread, at a debug exit. TEXT says why, for a person. */
	enum vm_debug_verdict (*exit)(void *ctx, const struct vm_debug_exit *ex, char *text,
				      size_t text_len);
	/*
	 * In the vCPU's thread: KVM_RUN ended in EFAULT before an instruction, maybe because of
	 * mem_protect(). CONTINUE tries again, INJECT: not ours, the VM is broken. May be NULL.
	 */
	enum vm_debug_verdict (*guarded)(void *ctx, unsigned int vcpu);
	/*
	 * [main] Every vCPU stands for a debug stop of VCPU. True: go on at once, nobody is told.
	 * Else VCPU, and TEXT, which holds what exit() said, may be changed.
	 */
	bool (*stopped)(void *ctx, unsigned int *vcpu, char *text, size_t text_len);
	/* [main] The vCPUs are about to be set going. */
	void (*resuming)(void *ctx);
	/* In the vCPU's thread, for the kinds of vm_catch(): true stops, TEXT says why. */
	bool (*accessed)(void *ctx, const struct vm_access *acc, char *text, size_t text_len);
	/*
	 * [main] The guest has asked for a reset and stands, its registers as they were. True: stop
	 * after it, before the first instruction, because of TEXT. May be NULL.
	 */
	bool (*reset)(void *ctx, unsigned int vcpu, char *text, size_t text_len);
};

#define VM_MAX_MSR_RANGES 16

struct vm_msr_range {
	uint32_t lo, hi;
	bool read, write;
};

/* Tell the debugger of accesses of these kinds (bits of enum vm_access_kind); 0: none. Any thread.
 */
void vm_catch(struct vm *vm, unsigned int kinds);
/* Have KVM hand accesses to these MSRs to us. -EOPNOTSUPP where it cannot. The VM stands. [main] */
int vm_catch_msrs(struct vm *vm, const struct vm_msr_range *range, unsigned int nr,
		  struct err *err);

/* Be the debugger of VM; OPS NULL: no more. The VM must stand. [main] */
void vm_set_debugger(struct vm *vm, const struct vm_debug_ops *ops, void *ctx);

/* Make every vCPU stand for a moment, telling nobody; vm_unhold() lets them go on. [main] */
void vm_hold(struct vm *vm);
void vm_unhold(struct vm *vm);

/* A view of the stopped or running VM from inside its process. Free with view_release(). [main] */
int vm_view(struct vm *vm, struct vm_view *out, struct err *err);
/* The guest's memory alone, to read: see view_build_memory(). Nothing to free. Any thread. */
void vm_view_memory(struct vm *vm, struct vm_view *out);
/* Refresh device rows in the sample page. [main] */
void vm_describe(struct vm *vm);
/* The same, for a guest that stands and has not been described since it stopped. [main] */
void vm_look(struct vm *vm);
/* From here on somebody else reads the sample page at any time: each stop is described. [main] */
void vm_watch(struct vm *vm);
/* Publish samples HZ times a second (0: stop). The highest wish of all viewers. [main] */
void vm_set_sample_rate(struct vm *vm, unsigned int hz);
/* Ask every running vCPU for one sample now; vcpu_sample.count tells when it has come. [main] */
void vm_sample_now(struct vm *vm);

/* Serial ports: INDEX 0 COM1, 1 COM2, 3 hvc0. Bytes to the guest; returns how many were taken.
 * [main] */
size_t vm_serial_input(struct vm *vm, unsigned int index, const uint8_t *data, size_t len);
/* The terminal of hvc0 has another size now; the guest is told. False: there is no virtio console.
 * [main] */
bool vm_console_resize(struct vm *vm, uint16_t cols, uint16_t rows);
/* Where a person's typing goes: hvc0 once the guest has it open, COM1 otherwise. [main] */
unsigned int vm_console_index(struct vm *vm);
/* Called (any thread) with bytes from the guest; INDEX 2 is the debug console, 3 hvc0. */
typedef void (*vm_serial_fn)(void *ctx, unsigned int index, const uint8_t *data, size_t len);
void vm_set_serial_hook(struct vm *vm, vm_serial_fn fn, void *ctx);
/* Key by PC scan code set 1 (0xe0 prefix as 0xe0xx), press or release. [main] */
void vm_key(struct vm *vm, uint16_t scancode, bool down);

#endif
