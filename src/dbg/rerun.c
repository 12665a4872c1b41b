/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Rerun to the fault: see rerun.h. */
#include "dbg/rerun.h"

#include <errno.h>
#include <event2/event.h>
#include <string.h>

#include "inspect/tables.h"
#include "vmm/vcpu.h"
#include "vmm/vm.h"

#define RERUN_MAX_STEPS 200000

struct rerun {
	struct vm *vm;
	struct event_base *base;
	unsigned int vcpu;
	struct x86_state last; /* before the instruction that is being stepped */
	unsigned long steps;
	bool reached, crashed;
};

/* In the vCPU's thread, after each step: remember and go on. */
static enum vm_debug_verdict rerun_exit(void *ctx, const struct vm_debug_exit *ex, char *text,
					size_t text_len)
{
	struct rerun *run = ctx;

	(void)text;
	(void)text_len;
	if (ex->vcpu != run->vcpu)
		return VM_DEBUG_INJECT;
	run->last = vm_sample(run->vm)->shadow[run->vcpu]; /* came with the exit */
	if (ex->dr6 & 0xf)
		vcpu_set_step_flags(vm_vcpu(run->vm, run->vcpu));
	return ++run->steps < RERUN_MAX_STEPS ? VM_DEBUG_CONTINUE : VM_DEBUG_STOP;
}

/*
 * Entering a handler clears the trap flag, so the steps would end there: break on
 * the entries of the handlers that a failing guest goes through.
 */
static void rerun_watch_handlers(struct rerun *run, struct vcpu_debug *dbg)
{
	static const uint8_t vectors[] = { 8, 13, 14, 6 };
	struct tables_gate gate;
	struct vm_view view;
	unsigned int i;

	vm_view_memory(run->vm, &view);
	for (i = 0; i < sizeof(vectors); i++) {
		tables_gate(&view, &run->last, vectors[i], &gate);
		if (!gate.present)
			continue;
		dbg->dr[i] = gate.offset;
		dbg->dr7 |= 0x700 | 2ull << (i * 2);
	}
}

/* The exit before the crash is reached: from here on every instruction counts. */
static bool rerun_stopped(void *ctx, unsigned int *vcpu, char *text, size_t text_len)
{
	struct vcpu_debug step = { .step = true };
	struct rerun *run = ctx;

	(void)vcpu;
	(void)text;
	(void)text_len;
	if (run->reached)
		return false;
	run->reached = true;
	vcpu_get_state(vm_vcpu(run->vm, run->vcpu), &run->last, NULL);
	rerun_watch_handlers(run, &step);
	return vcpu_set_debug(vm_vcpu(run->vm, run->vcpu), &step, NULL) == 0;
}

static void rerun_resuming(void *ctx)
{
	(void)ctx;
}

static const struct vm_debug_ops rerun_ops = {
	.exit = rerun_exit,
	.stopped = rerun_stopped,
	.resuming = rerun_resuming,
};

static void rerun_event(void *ctx, const struct vm_event *ev)
{
	struct rerun *run = ctx;

	if (ev->kind == VM_EVENT_RESUME)
		return;
	run->crashed = ev->kind == VM_EVENT_CRASHED && ev->vcpu == run->vcpu;
	event_base_loopbreak(run->base);
}

static int rerun_go(struct rerun *run, uint64_t exits, unsigned int limit_s, struct err *err)
{
	const struct timeval limit = { .tv_sec = limit_s };
	int ret;

	vm_set_debugger(run->vm, &rerun_ops, run);
	if (vm_listen(run->vm, rerun_event, run))
		return err_set(err, ENOSPC, "too many listeners");
	if (exits)
		vcpu_stop_at_exit(vm_vcpu(run->vm, run->vcpu), exits);
	else
		rerun_stopped(run, &run->vcpu, NULL, 0);
	ret = vm_resume(run->vm, err);
	if (ret)
		return ret;
	event_base_loopexit(run->base, &limit);
	event_base_dispatch(run->base);
	vm_pause(run->vm, VM_STATE_PAUSED, "rerun");
	if (!run->reached)
		return err_set(err, ENOENT, "the second run did not get to the same exit");
	if (!run->crashed)
		return err_set(err, ETIMEDOUT, "the second run did not crash in time");
	return 0;
}

int rerun_to_fault(const struct vm_config *cfg, unsigned int vcpu, uint64_t exits,
		   unsigned int limit_s, struct x86_state *out, struct err *err)
{
	struct vm_config again = *cfg;
	struct rerun run = { .vcpu = vcpu };
	int ret;

	again.on_reset = VM_ON_RESET_EXIT;
	again.nr_plug = 0; /* never the same disk twice, nor a network */
	again.hvc = NULL;
	again.serial_fd[0] = again.serial_fd[1] = again.serial_fd[2] = -1;
	run.base = event_base_new();
	if (!run.base)
		return err_set(err, ENOMEM, "event loop");
	ret = vm_create(&again, run.base, &run.vm, err);
	if (!ret)
		ret = rerun_go(&run, exits, limit_s, err);
	if (!ret)
		*out = run.last;
	vm_destroy(run.vm);
	event_base_free(run.base);
	return ret;
}
