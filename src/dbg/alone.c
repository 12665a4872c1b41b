/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Non-stop: a vCPU that stops stands, and the others go on. KVM has no lock against
 * one vCPU's registers being looked at, but breakpoints are armed for all: so every
 * change is made in a moment in which all stand, too short for a guest to notice.
 */
#include <errno.h>

#include "dbg/dbg-priv.h"

bool dbg_runs(const struct dbg *dbg, unsigned int vcpu)
{
	return vm_state(dbg->vm) == VM_STATE_RUNNING &&
	       (!dbg->alone || dbg->vcpu[vcpu].res.action != DBG_HOLD);
}

/* Whether one besides VCPU runs. */
static bool alone_others_run(const struct dbg *dbg, unsigned int vcpu)
{
	unsigned int i;

	for (i = 0; i < vm_nr_vcpus(dbg->vm); i++) {
		if (i != vcpu && dbg_runs(dbg, i))
			return true;
	}
	return false;
}

static void alone_hold(struct dbg *dbg, unsigned int vcpu)
{
	dbg_settle_vcpu(dbg, vcpu);
	dbg->vcpu[vcpu].res = (struct dbg_resume){ .action = DBG_HOLD };
}

bool dbg_stop_alone(struct dbg *dbg, unsigned int vcpu, const char *text)
{
	const struct dbg_stop stop = dbg->vcpu[vcpu].stop;

	if (!alone_others_run(dbg, vcpu))
		return false;
	alone_hold(dbg, vcpu);
	dbg->vcpu[vcpu].stop.kind = DBG_STOP_NONE;
	dbg_go_on(dbg);
	dbg->alone(dbg->alone_ctx, vcpu, &stop, text);
	return true;
}

/* All stand for a moment (vm_hold()): those of RES that did before go on with the others. */
static void alone_release(struct dbg *dbg, const struct dbg_resume *res)
{
	unsigned int i;

	for (i = 0; i < vm_nr_vcpus(dbg->vm); i++) {
		if (res[i].action == DBG_HOLD || dbg->vcpu[i].res.action != DBG_HOLD)
			continue;
		dbg->vcpu[i].res = res[i];
		dbg_prepare_vcpu(dbg, i);
	}
	dbg_go_on(dbg);
}

int dbg_resume_some(struct dbg *dbg, const struct dbg_resume *res, struct err *err)
{
	if (vm_state(dbg->vm) != VM_STATE_RUNNING)
		return dbg_resume(dbg, res, err);
	vm_hold(dbg->vm);
	alone_release(dbg, res);
	vm_unhold(dbg->vm);
	return 0;
}

void dbg_halt(struct dbg *dbg, unsigned int vcpu)
{
	const struct dbg_stop stop = { .kind = DBG_STOP_NONE, .vcpu = vcpu };

	if (vcpu >= vm_nr_vcpus(dbg->vm) || !dbg_runs(dbg, vcpu))
		return;
	if (!alone_others_run(dbg, vcpu)) {
		vm_pause(dbg->vm, VM_STATE_PAUSED, "interrupted by the debugger");
		return;
	}
	vm_hold(dbg->vm);
	alone_hold(dbg, vcpu);
	dbg_go_on(dbg);
	vm_unhold(dbg->vm);
	dbg->alone(dbg->alone_ctx, vcpu, &stop, "");
}

int dbg_set_alone(struct dbg *dbg, dbg_alone_fn fn, void *ctx, struct err *err)
{
	struct dbg_resume all[VM_MAX_VCPUS];
	bool held, was = dbg->alone != NULL;
	unsigned int i;

	if (fn && dbg->record)
		return err_set(err, EBUSY, "what is executed is being recorded");
	held = was && dbg_change_begin(dbg);
	dbg->alone = fn;
	dbg->alone_ctx = ctx;
	if (!held)
		return 0;
	for (i = 0; i < VM_MAX_VCPUS; i++)
		all[i] = (struct dbg_resume){ .action = fn ? DBG_HOLD : DBG_CONTINUE };
	alone_release(dbg, all);
	vm_unhold(dbg->vm);
	return 0;
}
