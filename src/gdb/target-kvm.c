/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The stub library's operations on a VM: threads, registers, memory, running, stopping. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "gdb/target-kvm-priv.h"
#include "inspect/mmu.h"
#include "vmm/bus.h"
#include "vmm/vcpu.h"

static const struct gdb_arch *target_get_arch(void *ctx)
{
	struct gdb_server *srv = ctx;

	return target_arch_get(srv->arch);
}

/* --- the view a stop is looked at through --- */

void target_kvm_forget(struct gdb_server *srv)
{
	if (srv->have_view)
		view_release(&srv->view);
	srv->have_view = false;
}

static const struct vm_view *target_view(struct gdb_server *srv)
{
	if (!srv->have_view)
		srv->have_view = vm_view(srv->vm, &srv->view, NULL) == 0;
	return srv->have_view ? &srv->view : NULL;
}

static const struct x86_state *target_state(struct gdb_server *srv, int tid)
{
	const struct vm_view *view = target_view(srv);
	unsigned int index = tid > 0 ? (unsigned int)tid - 1 : 0;

	if (!view || index >= view->nr_vcpus)
		return NULL;
	return &view->vcpu[index].state;
}

/* --- threads --- */

static const char *target_mp_name(uint32_t mp)
{
	switch (mp) {
	case X86_MP_HALTED:
		return "halted";
	case X86_MP_UNINITIALIZED:
	case X86_MP_INIT:
		return "waits for SIPI";
	case X86_MP_SIPI:
		return "SIPI received";
	}
	return "in the guest";
}

/* In non-stop mode a vCPU may run while others are looked at. */
static bool target_runs(const struct gdb_server *srv, int tid)
{
	return dbg_runs(srv->dbg, tid > 0 ? (unsigned int)tid - 1 : 0);
}

static int target_thread_next(void *ctx, int after, struct gdb_thread *thread)
{
	struct gdb_server *srv = ctx;
	const struct x86_state *st;

	if (after < 0 || (unsigned int)after >= vm_nr_vcpus(srv->vm))
		return -ENOENT;
	st = target_state(srv, after + 1);
	memset(thread, 0, sizeof(*thread));
	thread->id = after + 1;
	thread->core = after;
	thread->running = target_runs(srv, after + 1);
	snprintf(thread->name, sizeof(thread->name), "CPU %d", after);
	if (st)
		snprintf(thread->state, sizeof(thread->state), "%s, %s, ring %u",
			 target_mp_name(st->mp_state), x86_mode_name(x86_state_mode(st)),
			 x86_state_cpl(st));
	return 0;
}

/* --- registers --- */

static int target_reg_read(void *ctx, int tid, const struct gdb_reg *reg, void *buf,
			   struct gdb_err *err)
{
	const struct x86_state *st = target_state(ctx, tid);

	if (!st)
		return gdb_fail(err, -ESRCH, "no such vCPU");
	if (target_runs(ctx, tid))
		return gdb_fail(err, -EBUSY, "CPU %d is running", tid > 0 ? tid - 1 : 0);
	target_arch_read(st, reg, buf);
	return 0;
}

static bool target_reg_took(const struct x86_state *st, const struct gdb_reg *reg, const void *want)
{
	uint8_t now[GDB_REG_MAX_BYTES];

	if (!strcmp(reg->name, "tsc")) /* it goes on: gdb restores it after a call */
		return true;
	target_arch_read(st, reg, now);
	return !memcmp(now, want, reg->bitsize / 8);
}

/*
 * What the processor does not take (a reserved bit of an MSR, the clock) shows when it is read
 * back, and is told.
 */
static int target_reg_write(void *ctx, int tid, const struct gdb_reg *reg, const void *buf,
			    struct gdb_err *err)
{
	struct gdb_server *srv = ctx;
	struct vcpu *vcpu = vm_vcpu(srv->vm, tid > 0 ? (unsigned int)tid - 1 : 0);
	struct err why = ERR_INIT;
	uint8_t now[GDB_REG_MAX_BYTES];
	struct x86_state st;
	int ret;

	if (!vcpu || target_runs(srv, tid))
		return gdb_fail(err, -ESRCH, "the vCPU does not stand");
	vcpu_get_state(vcpu, &st, NULL);
	target_arch_read(&st, reg, now);
	if (!memcmp(now, buf, reg->bitsize / 8))
		return 0;
	if (!target_arch_write(&st, reg, buf))
		return gdb_fail(err, -EINVAL, "%s cannot take this value", reg->name);
	ret = vcpu_set_state(vcpu, &st, &why);
	target_kvm_forget(srv);
	if (ret)
		return gdb_fail(err, ret, "%s: %s", reg->name, why.text);
	target_arch_read(&st, reg, now);
	vcpu_get_state(vcpu, &st, NULL);
	return target_reg_took(&st, reg, now)
		       ? 0
		       : gdb_fail(err, -EINVAL, "%s: the processor keeps its own value", reg->name);
}

/* --- memory --- */

/*
 * One access of a natural size to a device, where ADDR is no RAM. A device answers it as it does
 * the guest's: what is read may be gone then, so nothing longer is tried, nor byte by byte.
 */
static bool target_mmio(struct gdb_server *srv, unsigned int index, enum gdb_space space,
			uint64_t addr, size_t len, struct bus_access *acc)
{
	const struct vm_view *view = target_view(srv);

	if (!view || (len != 1 && len != 2 && len != 4 && len != 8) || addr & (len - 1))
		return false;
	acc->addr = addr;
	acc->size = (uint32_t)len;
	if (space == GDB_SPACE_VIRTUAL &&
	    !mmu_translate(view, &view->vcpu[index].state, addr, &acc->addr))
		return false;
	return bus_dispatch(vm_bus(srv->vm), BUS_MMIO, acc);
}

static ssize_t target_mem_read(void *ctx, int tid, enum gdb_space space, uint64_t addr, void *buf,
			       size_t len, struct gdb_err *err)
{
	struct gdb_server *srv = ctx;
	const struct vm_view *view = target_view(srv);
	unsigned int index = tid > 0 ? (unsigned int)tid - 1 : 0;
	struct bus_access acc = { .write = false };
	size_t n;

	if (!view || index >= view->nr_vcpus)
		return gdb_fail(err, -ESRCH, "no such vCPU");
	if (space == GDB_SPACE_PHYSICAL)
		n = view_read(view, addr, buf, len);
	else
		n = view_read_va(view, index, addr, buf, len);
	if (n == 0 && target_mmio(srv, index, space, addr, len, &acc)) {
		memcpy(buf, &acc.data, len);
		n = len;
	}
	if (n == 0 && len)
		return gdb_fail(err, -EFAULT, "0x%llx is not %s", (unsigned long long)addr,
				space == GDB_SPACE_PHYSICAL ? "RAM" : "mapped");
	return (ssize_t)n;
}

static int target_mem_write(void *ctx, int tid, enum gdb_space space, uint64_t addr,
			    const void *buf, size_t len, struct gdb_err *err)
{
	unsigned int index = tid > 0 ? (unsigned int)tid - 1 : 0;
	struct bus_access acc = { .write = true };
	struct gdb_server *srv = ctx;
	struct err why = ERR_INIT;
	int ret;

	if (space == GDB_SPACE_PHYSICAL)
		ret = dbg_write_phys(srv->dbg, addr, buf, len, &why);
	else
		ret = dbg_write_virt(srv->dbg, index, addr, buf, len, &why);
	if (ret && len <= sizeof(acc.data)) {
		memcpy(&acc.data, buf, len);
		if (target_mmio(srv, index, space, addr, len, &acc))
			ret = 0;
	}
	target_kvm_forget(srv);
	return ret ? gdb_fail(err, ret, "%s", why.text) : 0;
}

/* --- running and stopping --- */

/* What the debugger has met in gdb's words: the watched address, the kind of breakpoint. */
static void target_stop_kind(const struct dbg_stop *last, struct gdb_stop *stop)
{
	if (last->owner != DBG_OWNER_GDB)
		return;
	stop->addr = last->gva;
	if (last->kind == DBG_STOP_BREAK)
		stop->kind = last->type == DBG_SW ? GDB_STOP_SWBREAK : GDB_STOP_HWBREAK;
	else if (last->kind == DBG_STOP_WATCH)
		stop->kind = last->type == DBG_WRITE  ? GDB_STOP_WATCH
			     : last->type == DBG_READ ? GDB_STOP_RWATCH
						      : GDB_STOP_AWATCH;
}

void target_kvm_stop_alone(unsigned int vcpu, const struct dbg_stop *last, const char *text,
			   struct gdb_stop *stop)
{
	memset(stop, 0, sizeof(*stop));
	stop->tid = (int)vcpu + 1;
	stop->signal = last->kind == DBG_STOP_NONE ? GDB_SIG_INT : GDB_SIG_TRAP;
	if (last->kind == DBG_STOP_CATCH)
		stop->text = text;
	target_stop_kind(last, stop);
}

/* The stop in gdb's words. */
void target_kvm_stop(struct gdb_server *srv, unsigned int vcpu, struct gdb_stop *stop)
{
	struct dbg_stop last;

	memset(stop, 0, sizeof(*stop));
	stop->tid = (int)vcpu + 1;
	stop->signal = GDB_SIG_TRAP;
	switch (vm_state(srv->vm)) {
	case VM_STATE_CRASHED:
		stop->signal = GDB_SIG_SEGV;
		stop->text = vm_sample(srv->vm)->stop_text;
		return;
	case VM_STATE_INTERNAL:
		stop->signal = GDB_SIG_ABRT;
		stop->text = vm_sample(srv->vm)->stop_text;
		return;
	case VM_STATE_SHUTDOWN:
		stop->signal = GDB_SIG_QUIT;
		return;
	case VM_STATE_PAUSED:
		stop->signal = GDB_SIG_INT;
		return;
	default:
		break;
	}
	dbg_last_stop(srv->dbg, &last);
	if (last.kind == DBG_STOP_CATCH)
		stop->text = vm_sample(srv->vm)->stop_text;
	target_stop_kind(&last, stop);
}

static int target_stop_query(void *ctx, struct gdb_stop *stop)
{
	struct gdb_server *srv = ctx;

	if (vm_state(srv->vm) == VM_STATE_RUNNING)
		return 0;
	target_kvm_stop(srv, vm_sample(srv->vm)->stop_vcpu, stop);
	return 1;
}

static enum dbg_action target_action(enum gdb_action action)
{
	if (action == GDB_STEP)
		return DBG_STEP;
	return action == GDB_RANGE_STEP ? DBG_RANGE : DBG_CONTINUE;
}

static int target_resume(void *ctx, const struct gdb_resume *threads, size_t count,
			 struct gdb_err *err)
{
	struct gdb_server *srv = ctx;
	struct dbg_resume res[VM_MAX_VCPUS];
	struct err why = ERR_INIT;
	size_t i;
	int ret;

	memset(res, 0, sizeof(res)); /* DBG_HOLD: a vCPU that is not named stays */
	for (i = 0; i < count; i++) {
		if (threads[i].tid < 1 || threads[i].tid > VM_MAX_VCPUS)
			continue;
		res[threads[i].tid - 1] = (struct dbg_resume){
			.action = target_action(threads[i].action),
			.start = threads[i].start,
			.end = threads[i].end,
			.allow_irq = !(threads[i].sstep & GDB_SSTEP_NOIRQ),
		};
	}
	target_kvm_forget(srv);
	ret = srv->nonstop ? dbg_resume_some(srv->dbg, res, &why) : dbg_resume(srv->dbg, res, &why);
	return ret ? gdb_fail(err, ret, "%s", why.text) : 0;
}

static int target_interrupt(void *ctx, int tid)
{
	struct gdb_server *srv = ctx;

	if (tid > 0 && srv->nonstop)
		dbg_halt(srv->dbg, (unsigned int)tid - 1);
	else
		vm_pause(srv->vm, VM_STATE_PAUSED, "interrupted by the debugger");
	return 0;
}

static bool target_can_nonstop(void *ctx)
{
	(void)ctx;
	return true;
}

static int target_set_nonstop(void *ctx, bool on, struct gdb_err *err)
{
	struct gdb_server *srv = ctx;
	struct err why = ERR_INIT;

	if (dbg_set_alone(srv->dbg, on ? server_stopped_alone : NULL, srv, &why))
		return gdb_fail(err, -EBUSY, "%s", why.text);
	srv->nonstop = on;
	return 0;
}

static void target_detach(void *ctx)
{
	struct gdb_server *srv = ctx;
	enum vm_state state;

	target_set_nonstop(srv, false, NULL);
	state = vm_state(srv->vm);
	target_kvm_forget(srv);
	if (state == VM_STATE_PAUSED || state == VM_STATE_DEBUG || state == VM_STATE_PRELAUNCH)
		vm_resume(srv->vm, NULL);
}

/* Back through what was recorded; done when it returns. */
static int target_reverse(void *ctx, int tid, bool step, struct gdb_err *err)
{
	struct gdb_server *srv = ctx;
	unsigned int vcpu = tid > 0 ? (unsigned int)tid - 1 : 0;
	struct err why = ERR_INIT;
	struct gdb_stop stop;
	enum dbg_back how;
	int ret;

	ret = dbg_reverse(srv->dbg, step, &vcpu, &how, &why);
	target_kvm_forget(srv);
	if (ret)
		return gdb_fail(err, ret, "%s", why.text);
	target_kvm_stop(srv, vcpu, &stop);
	stop.signal = GDB_SIG_TRAP;
	stop.text = NULL;
	if (how == DBG_BACK_BEGIN)
		stop.kind = GDB_STOP_HISTORY_BEGIN;
	gdb_session_stopped(srv->session, &stop);
	return 0;
}

static bool target_can_reverse(void *ctx)
{
	struct gdb_server *srv = ctx;
	size_t max;

	dbg_recorded(srv->dbg, &max);
	return max > 0;
}

static int target_kill(void *ctx, struct gdb_err *err)
{
	struct gdb_server *srv = ctx;

	(void)err;
	vm_quit(srv->vm);
	return 0;
}

static int target_restart(void *ctx, struct gdb_err *err)
{
	struct gdb_server *srv = ctx;
	struct err why = ERR_INIT;
	struct gdb_stop stop;
	int ret;

	vm_pause(srv->vm, VM_STATE_PAUSED, "restart");
	ret = vm_reset(srv->vm, &why);
	target_kvm_forget(srv);
	if (ret)
		return gdb_fail(err, ret, "%s", why.text);
	target_kvm_stop(srv, 0, &stop);
	gdb_session_stopped(srv->session, &stop);
	return 0;
}

static int target_monitor(void *ctx, const char *line, struct gdb_sink *sink, struct gdb_err *err)
{
	struct gdb_server *srv = ctx;
	struct err why = ERR_INIT;
	struct buf out;
	int ret;

	if (!srv->monitor)
		return gdb_fail(err, -EOPNOTSUPP, "no monitor");
	buf_init(&out, 1u << 20);
	ret = srv->monitor(srv->monitor_ctx, line, &out, &why);
	sink->write(sink, buf_str(&out), out.len);
	if (ret) {
		sink->write(sink, why.text, strlen(why.text));
		sink->write(sink, "\n", 1);
	}
	buf_free(&out);
	target_kvm_forget(srv);
	return 0;
}

/* Breakpoints can be set in ROM too, and all else is decided by page tables: one stretch of RAM. */
static int target_region_next(void *ctx, uint64_t from, struct gdb_region *region)
{
	(void)ctx;
	(void)from;
	(void)region;
	return -ENOENT;
}

/* gdb can do nothing with a System.map. */
static const char *target_exec_file(void *ctx)
{
	struct gdb_server *srv = ctx;

	return srv->symbols[0] ? srv->symbols : NULL;
}

static unsigned int target_sstep_mask(void *ctx)
{
	(void)ctx;
	return GDB_SSTEP_ENABLE | GDB_SSTEP_NOIRQ;
}

const struct gdb_target_ops target_kvm_ops = {
	.arch = target_get_arch,
	.thread_next = target_thread_next,
	.stop_query = target_stop_query,
	.reg_read = target_reg_read,
	.reg_write = target_reg_write,
	.mem_read = target_mem_read,
	.mem_write = target_mem_write,
	.bp_insert = target_bp_insert,
	.bp_remove = target_bp_remove,
	.resume = target_resume,
	.interrupt = target_interrupt,
	.reverse = target_reverse,
	.can_reverse = target_can_reverse,
	.detach = target_detach,
	.kill = target_kill,
	.restart = target_restart,
	.monitor = target_monitor,
	.region_next = target_region_next,
	.exec_file = target_exec_file,
	.sstep_mask = target_sstep_mask,
	.can_nonstop = target_can_nonstop,
	.set_nonstop = target_set_nonstop,
};
