/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Setting vCPUs going: what each has to do, and how one leaves a breakpoint it
 * stands on. Off a debug register the resume flag does it at full speed; off a
 * patch the byte is put back, the vCPU steps alone, then the real run begins.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/log.h"
#include "dbg/dbg-priv.h"
#include "inspect/disasm.h"

static struct dbg_break *dbg_exec_at(struct dbg *dbg, uint64_t gva, enum dbg_engine engine)
{
	size_t i;

	for (i = 0; i < dbg->nr; i++) {
		if (dbg->brk[i].engine == engine && dbg->brk[i].gva == gva &&
		    dbg_is_exec(dbg->brk[i].type))
			return &dbg->brk[i];
	}
	return NULL;
}

/* Note where vCPU INDEX stands; put the resume flag up where it stands on a debug register. */
void dbg_prepare_vcpu(struct dbg *dbg, unsigned int index)
{
	struct vcpu *vcpu = vm_vcpu(dbg->vm, index);
	struct dbg_vcpu *dv = &dbg->vcpu[index];
	struct err err = ERR_INIT;
	struct x86_state st;
	uint64_t pc;

	vcpu_get_state(vcpu, &st, NULL);
	pc = x86_state_linear_rip(&st);
	dv->step_rip = pc;
	dv->stall = 0;
	memcpy(dv->step_gpr, st.gpr, sizeof(st.gpr));
	dv->step_st = st;
	dv->off = dv->res.action != DBG_HOLD && dbg_exec_at(dbg, pc, DBG_PATCH);
	dv->fault = dv->page = false;
	dv->seen_rip = pc;
	if (dv->res.action == DBG_HOLD || !dbg_exec_at(dbg, pc, DBG_REG))
		return;
	st.rflags |= X86_RFLAGS_RF;
	if (vcpu_set_state(vcpu, &st, &err))
		log_line("%s", err.text);
}

/* The vCPU that steps with the pages open: it does so alone. */
static int dbg_solo(const struct dbg *dbg)
{
	unsigned int i;

	for (i = 0; i < vm_nr_vcpus(dbg->vm); i++) {
		if (dbg->vcpu[i].page)
			return (int)i;
	}
	return -1;
}

static bool dbg_holds(const struct dbg *dbg, unsigned int index, int solo)
{
	if (solo >= 0)
		return index != (unsigned int)solo;
	if (dbg->record)
		return !dbg->vcpu[index].rec;
	if (dbg->stepping_off)
		return !dbg->vcpu[index].off;
	return dbg->vcpu[index].res.action == DBG_HOLD;
}

/* Freeze and arm every vCPU: in the first phase only those that step off a patch may run. */
static void dbg_go(struct dbg *dbg)
{
	struct err err = ERR_INIT;
	int solo = dbg_solo(dbg);
	unsigned int i;
	bool hold;

	if (dbg->stepping_off)
		dbg_unpatch_all(dbg);
	else
		dbg_arm(dbg);
	if (solo >= 0)
		dbg_guard_open(dbg);
	for (i = 0; i < vm_nr_vcpus(dbg->vm); i++) {
		hold = dbg_holds(dbg, i, solo);
		vcpu_set_frozen(vm_vcpu(dbg->vm, i), hold);
		if (dbg_arm_vcpu(dbg, i, &err))
			log_line("%s", err.text);
	}
}

/* For those that step: where the instruction may go unseen. */
static void dbg_plan_steps(struct dbg *dbg)
{
	struct vm_view view;
	bool any = false;
	unsigned int i;

	for (i = 0; i < vm_nr_vcpus(dbg->vm); i++) {
		dbg->vcpu[i].nr_aim = 0;
		dbg_watch_mode(dbg, i);
		any |= dbg_steps(&dbg->vcpu[i]);
	}
	if (!any || vm_view(dbg->vm, &view, NULL)) /* a view is large */
		return;
	for (i = 0; i < vm_nr_vcpus(dbg->vm); i++) {
		if (dbg_steps(&dbg->vcpu[i]))
			dbg_plan(dbg, &view, i);
	}
	dbg_record_note(dbg, &view);
	view_release(&view);
}

void dbg_resuming(void *ctx)
{
	struct dbg *dbg = ctx;
	unsigned int i;

	dbg->stepping_off = false;
	dbg->last.kind = DBG_STOP_NONE;
	dbg_record_choose(dbg);
	for (i = 0; i < vm_nr_vcpus(dbg->vm); i++) {
		dbg->vcpu[i].stop.kind = DBG_STOP_NONE;
		dbg_prepare_vcpu(dbg, i);
		dbg->stepping_off |= dbg->vcpu[i].off;
	}
	dbg_plan_steps(dbg);
	dbg_go(dbg);
}

/* vCPUs that met a guarded page: true where one, VCPU, stands before a breakpoint. */
static bool dbg_look_at_faults(struct dbg *dbg, unsigned int *vcpu)
{
	unsigned int i;

	for (i = 0; i < vm_nr_vcpus(dbg->vm); i++) {
		if (dbg->vcpu[i].fault && dbg_guard_look(dbg, i)) {
			*vcpu = i;
			return true;
		}
	}
	return false;
}

void dbg_go_on(struct dbg *dbg)
{
	unsigned int i;

	dbg->stepping_off = false;
	for (i = 0; i < vm_nr_vcpus(dbg->vm); i++)
		dbg->stepping_off |= dbg->vcpu[i].off;
	if ((dbg->record && dbg_solo(dbg) < 0) || dbg->alone ||
	    dbg_catches_any(dbg, DBG_CATCH_MODE))
		dbg_plan_steps(dbg);
	dbg_go(dbg);
}

bool dbg_stopped(void *ctx, unsigned int *vcpu, char *text, size_t text_len)
{
	struct dbg *dbg = ctx;

	if (dbg->vcpu[*vcpu].stop.kind == DBG_STOP_NONE) {
		if (!dbg_look_at_faults(dbg, vcpu)) {
			dbg_go_on(dbg);
			return true;
		}
		snprintf(text, text_len, "%s", dbg->text);
	}
	return dbg->alone && dbg_stop_alone(dbg, *vcpu, text);
}

void dbg_settle_vcpu(struct dbg *dbg, unsigned int index)
{
	struct dbg_vcpu *dv = &dbg->vcpu[index];

	if (dbg_steps(dv))
		dbg_hide_cut_step(dbg, index);
	dv->off = dv->page = dv->fault = dv->rec = false;
}

/* The VM stands for good: nobody is frozen, nobody steps, temporary breakpoints are over. */
void dbg_settle(struct dbg *dbg)
{
	unsigned int i;

	for (i = 0; i < vm_nr_vcpus(dbg->vm); i++) {
		dbg_settle_vcpu(dbg, i);
		dbg->vcpu[i].res = (struct dbg_resume){ .action = DBG_CONTINUE };
		vcpu_set_frozen(vm_vcpu(dbg->vm, i), false);
	}
	dbg->stepping_off = false;
	dbg_record_settle(dbg);
	dbg_remove_owner(dbg, DBG_OWNER_TEMP);
}

int dbg_resume(struct dbg *dbg, const struct dbg_resume *res, struct err *err)
{
	unsigned int i;

	if (vm_state(dbg->vm) == VM_STATE_RUNNING)
		return err_set(err, EBUSY, "the guest is running");
	for (i = 0; i < vm_nr_vcpus(dbg->vm); i++) {
		dbg->vcpu[i].res = (struct dbg_resume){ .action = DBG_CONTINUE };
		if (res)
			dbg->vcpu[i].res = res[i];
	}
	return vm_resume(dbg->vm, err);
}

int dbg_step(struct dbg *dbg, unsigned int vcpu, struct err *err)
{
	struct dbg_resume res[VM_MAX_VCPUS];

	if (vcpu >= vm_nr_vcpus(dbg->vm))
		return err_set(err, EINVAL, "no vCPU %u", vcpu);
	memset(res, 0, sizeof(res)); /* DBG_HOLD */
	res[vcpu].action = DBG_STEP;
	return dbg_resume(dbg, res, err);
}

static int dbg_insert_temp(struct dbg *dbg, int vcpu, uint64_t gva, uint64_t min_rsp,
			   struct err *err)
{
	struct dbg_break want = { .type = DBG_SW,
				  .owner = DBG_OWNER_TEMP,
				  .gva = gva,
				  .len = 1,
				  .vcpu = vcpu,
				  .min_rsp = min_rsp };

	if (vm_state(dbg->vm) == VM_STATE_RUNNING)
		return err_set(err, EBUSY, "the guest is running");
	return dbg_insert(dbg, &want, NULL, err);
}

int dbg_until(struct dbg *dbg, int vcpu, uint64_t gva, struct err *err)
{
	int ret = dbg_insert_temp(dbg, vcpu, gva, 0, err);

	return ret ? ret : dbg_resume(dbg, NULL, err);
}

int dbg_finish(struct dbg *dbg, unsigned int vcpu, uint64_t ret_gva, struct err *err)
{
	struct x86_state st;
	int ret;

	if (vcpu >= vm_nr_vcpus(dbg->vm))
		return err_set(err, EINVAL, "no vCPU %u", vcpu);
	vcpu_get_state(vm_vcpu(dbg->vm, vcpu), &st, NULL);
	ret = dbg_insert_temp(dbg, (int)vcpu, ret_gva, st.gpr[X86_RSP], err);
	return ret ? ret : dbg_resume(dbg, NULL, err);
}

/* The instruction VCPU stands on, and whether it is a call. */
static bool dbg_next_is_call(struct dbg *dbg, unsigned int vcpu, uint64_t *next, uint64_t *rsp)
{
	struct disasm_insn insn;
	struct vm_view view;
	bool call = false;

	if (vm_view(dbg->vm, &view, NULL))
		return false;
	if (disasm_at(&view, vcpu, view.vcpu[vcpu].state.rip, NULL, &insn, 1) == 1) {
		call = insn.valid && insn.is_call;
		*next = x86_state_linear_rip(&view.vcpu[vcpu].state) + insn.len;
		*rsp = view.vcpu[vcpu].state.gpr[X86_RSP];
	}
	view_release(&view);
	return call;
}

int dbg_over(struct dbg *dbg, unsigned int vcpu, struct err *err)
{
	uint64_t next, rsp;
	int ret;

	if (vcpu >= vm_nr_vcpus(dbg->vm))
		return err_set(err, EINVAL, "no vCPU %u", vcpu);
	if (!dbg_next_is_call(dbg, vcpu, &next, &rsp))
		return dbg_step(dbg, vcpu, err);
	ret = dbg_insert_temp(dbg, (int)vcpu, next, rsp, err);
	return ret ? ret : dbg_resume(dbg, NULL, err);
}

void dbg_last_stop(struct dbg *dbg, struct dbg_stop *out)
{
	pthread_mutex_lock(&dbg->lock);
	*out = dbg->last;
	pthread_mutex_unlock(&dbg->lock);
}
