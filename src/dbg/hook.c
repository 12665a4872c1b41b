/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The debugger's verdict on a debug exit, given in the thread of the vCPU that
 * met it: ours or the guest's, to be reported or to be passed over.
 */
#include <stdio.h>
#include <string.h>

#include "dbg/dbg-priv.h"

static struct dbg_break *dbg_find_patch_locked(struct dbg *dbg, uint64_t pc)
{
	size_t i;

	for (i = 0; i < dbg->nr; i++) {
		if (dbg->brk[i].engine == DBG_PATCH && dbg->brk[i].gva == pc)
			return &dbg->brk[i];
	}
	return NULL;
}

/*
 * B0..B3 are looked at before BS: a watchpoint hit while stepping must not be
 * lost. A breakpoint that is no longer in the table is nobody's.
 */
static struct dbg_break *dbg_find_register_locked(struct dbg *dbg, const struct vm_debug_exit *ex)
{
	struct dbg_break *brk;
	unsigned int i;

	for (i = 0; i < DBG_NR_SLOTS; i++) {
		if (!(ex->dr6 & 1u << i) || dbg->slot[i] < 0)
			continue;
		brk = &dbg->brk[dbg->slot[i]];
		if (!dbg_is_exec(brk->type) || brk->gva == ex->pc)
			return brk;
	}
	return NULL;
}

bool dbg_watched_value(struct dbg *dbg, const struct dbg_break *brk, const struct x86_state *st,
		       uint64_t *out)
{
	size_t len = brk->len < 8 ? brk->len : 8, got;
	struct vm_view view;

	*out = 0;
	vm_view_memory(dbg->vm, &view);
	got = brk->phys ? view_read(&view, brk->gva, out, len)
			: view_read_va_as(&view, st, brk->gva, out, len);
	return got == len;
}

void dbg_note_value(struct dbg *dbg, struct dbg_break *brk)
{
	struct x86_state st;

	if (brk->when != DBG_VALUE_CHANGED)
		return;
	vcpu_get_state(vm_vcpu(dbg->vm, 0), &st, NULL);
	dbg_watched_value(dbg, brk, &st, &brk->value);
}

static bool dbg_value_counts(struct dbg *dbg, struct dbg_break *brk, const struct x86_state *st)
{
	uint64_t now;

	if (brk->when == DBG_VALUE_ANY || !dbg_watched_value(dbg, brk, st, &now))
		return true;
	if (brk->when == DBG_VALUE_EQUAL)
		return now == brk->value;
	if (now == brk->value)
		return false;
	brk->value = now;
	return true;
}

bool dbg_counts(struct dbg *dbg, struct dbg_break *brk, struct vcpu *vcpu)
{
	struct x86_state st;

	if (brk->vcpu >= 0 && (unsigned int)brk->vcpu != vcpu_index(vcpu))
		return false;
	if (!brk->min_rsp && !brk->cond && brk->when == DBG_VALUE_ANY)
		return true;
	memset(&st, 0, sizeof(st));
	if (vcpu_peek(vcpu, &st))
		return true;
	if (brk->min_rsp && st.gpr[X86_RSP] < brk->min_rsp)
		return false;
	if (!dbg_is_exec(brk->type) && !dbg_value_counts(dbg, brk, &st))
		return false;
	return !brk->cond || brk->cond(brk->cond_ctx, brk, vcpu_index(vcpu), &st);
}

/* A hit that does not count: go on past it. */
static enum vm_debug_verdict dbg_pass_locked(struct dbg *dbg, const struct dbg_break *brk,
					     struct vcpu *vcpu)
{
	if (!dbg_is_exec(brk->type))
		return VM_DEBUG_CONTINUE;
	if (brk->engine == DBG_REG) {
		vcpu_set_resume_flag(vcpu);
		return VM_DEBUG_CONTINUE;
	}
	dbg->vcpu[vcpu_index(vcpu)].off = true;
	dbg->stepping_off = true;
	return VM_DEBUG_ASIDE;
}

void dbg_report_locked(struct dbg *dbg, struct dbg_break *brk, unsigned int vcpu, char *text,
		       size_t text_len)
{
	bool exec = dbg_is_exec(brk->type);

	brk->hits++;
	dbg->vcpu[vcpu].seen_rip = 0;
	dbg->vcpu[vcpu].stop = (struct dbg_stop){ .kind = exec ? DBG_STOP_BREAK : DBG_STOP_WATCH,
						  .vcpu = vcpu,
						  .type = brk->type,
						  .owner = brk->owner,
						  .id = brk->id,
						  .gva = brk->gva,
						  .is_write = brk->type == DBG_WRITE };
	if (brk->owner == DBG_OWNER_CATCH) {
		dbg_catch_stop_locked(dbg, vcpu, text, text_len);
	} else if (brk->owner == DBG_OWNER_TEMP) {
		dbg->vcpu[vcpu].stop.kind = DBG_STOP_STEP;
		snprintf(text, text_len, "step");
	} else {
		snprintf(text, text_len, "%s %u %s", exec ? "breakpoint" : "watchpoint", brk->id,
			 brk->label);
	}
}

static enum vm_debug_verdict dbg_hit_locked(struct dbg *dbg, struct dbg_break *brk,
					    const struct vm_debug_exit *ex, char *text,
					    size_t text_len)
{
	struct vcpu *vcpu = vm_vcpu(dbg->vm, ex->vcpu);

	if (!dbg_counts(dbg, brk, vcpu))
		return dbg_pass_locked(dbg, brk, vcpu);
	dbg_report_locked(dbg, brk, ex->vcpu, text, text_len);
	return VM_DEBUG_STOP;
}

/*
 * The processor traps after each round of a string instruction, and some report a step before they
 * have made it: nothing moved. Either way the instruction is not done.
 */
static bool dbg_stalled_locked(struct dbg_vcpu *dv, const struct vm_view *view,
			       const struct vm_debug_exit *ex, const struct x86_state *now)
{
	if (ex->pc != dv->step_rip)
		return false;
	if (memcmp(now->gpr, dv->step_gpr, sizeof(now->gpr)) == 0)
		return dv->stall++ < DBG_STALL_MAX;
	if (dv->page || dv->rec ||
	    !dbg_plan_repeats(view, now)) /* each round may touch what is watched */
		return false;
	memcpy(dv->step_gpr, now->gpr, sizeof(now->gpr));
	return true;
}

/* True: the instruction is done, and what it left of the trap flag is gone. */
static bool dbg_step_is_done(struct dbg *dbg, const struct vm_debug_exit *ex)
{
	struct dbg_vcpu *dv = &dbg->vcpu[ex->vcpu];
	struct vcpu *vcpu = vm_vcpu(dbg->vm, ex->vcpu);
	struct x86_state *now = &dv->step_now;
	struct vm_view view;
	bool done;

	*now = dv->step_st;
	if (vcpu_peek(vcpu, now))
		return true;
	vm_view_memory(dbg->vm, &view);
	done = !dbg_stalled_locked(dv, &view, ex, now);
	if (done)
		dbg_hide_trap_flag(dbg, ex->vcpu, &view, &dv->step_st, now);
	if (done)
		dv->step_st = *now;
	return done;
}

/* The step with the pages open is done: has it hit a watchpoint, is the next one like it? */
static bool dbg_page_stepped_locked(struct dbg *dbg, const struct vm_debug_exit *ex, char *text,
				    size_t text_len, enum vm_debug_verdict *verdict)
{
	struct dbg_vcpu *dv = &dbg->vcpu[ex->vcpu];
	struct dbg_break *brk;
	bool is_write;

	dv->page = false;
	brk = dbg_guard_hit_locked(dbg, ex->vcpu, &is_write);
	*verdict = VM_DEBUG_STOP;
	if (brk) {
		dbg_report_locked(dbg, brk, ex->vcpu, text, text_len);
		dv->stop.is_write = is_write;
		return true;
	}
	if (dv->res.action != DBG_CONTINUE)
		return false;
	switch (dbg_guard_next_locked(dbg, ex->vcpu, text, text_len)) {
	case GUARD_STEP:
		*verdict = VM_DEBUG_CONTINUE;
		return true;
	case GUARD_STAND:
		return true;
	default:
		return false;
	}
}

/* Stepping until long mode: whether that decides what comes next. */
static bool dbg_mode_is_caught(struct dbg *dbg, const struct vm_debug_exit *ex, char *text,
			       size_t text_len, enum vm_debug_verdict *verdict)
{
	struct dbg_vcpu *dv = &dbg->vcpu[ex->vcpu];
	struct x86_state st;
	struct vm_view view;

	memset(&st, 0, sizeof(st));
	if (vcpu_peek(vm_vcpu(dbg->vm, ex->vcpu), &st))
		return false;
	*verdict = VM_DEBUG_STOP;
	if (dbg_mode_stepped_locked(dbg, ex->vcpu, &st)) {
		dbg_catch_stop_locked(dbg, ex->vcpu, text, text_len);
		return true;
	}
	if (dv->res.action != DBG_CONTINUE)
		return false;
	*verdict = VM_DEBUG_ASIDE;
	if (dv->watch_mode) {
		vm_view_memory(dbg->vm, &view);
		if (dbg_plan_is_plain(&view, &st))
			*verdict = VM_DEBUG_CONTINUE;
	}
	return true;
}

static enum vm_debug_verdict dbg_stepped_locked(struct dbg *dbg, const struct vm_debug_exit *ex,
						char *text, size_t text_len)
{
	struct dbg_vcpu *dv = &dbg->vcpu[ex->vcpu];
	bool was_off = dv->off, in_range;
	enum vm_debug_verdict verdict;
	uint64_t began = dv->step_rip;

	if (!dbg_step_is_done(dbg, ex))
		return VM_DEBUG_CONTINUE;
	dv->off = false;
	dv->stall = 0;
	dv->step_rip = ex->pc;
	if (dv->page && dbg_page_stepped_locked(dbg, ex, text, text_len, &verdict))
		return verdict;
	if (dv->watch_mode && dbg_mode_is_caught(dbg, ex, text, text_len, &verdict))
		return verdict;
	in_range = dv->res.action == DBG_RANGE && ex->pc >= dv->res.start && ex->pc < dv->res.end;
	if (in_range && !was_off && !dv->rec)
		return VM_DEBUG_CONTINUE;
	if (dv->rec && dv->repeats && ex->pc == began)
		return VM_DEBUG_ASIDE; /* the next round of the same, recorded too */
	if (in_range || (dv->res.action != DBG_STEP && dv->res.action != DBG_RANGE))
		return VM_DEBUG_ASIDE;
	dv->stop = (struct dbg_stop){ .kind = DBG_STOP_STEP, .vcpu = ex->vcpu };
	snprintf(text, text_len, "step");
	return VM_DEBUG_STOP;
}

static enum vm_debug_verdict dbg_hook_locked(struct dbg *dbg, const struct vm_debug_exit *ex,
					     char *text, size_t text_len)
{
	struct dbg_vcpu *dv = &dbg->vcpu[ex->vcpu];
	struct dbg_break *brk;
	bool stepping = dbg_steps(dv);

	if (ex->exception == 3) {
		brk = dbg_find_patch_locked(dbg, ex->pc);
		return brk ? dbg_hit_locked(dbg, brk, ex, text, text_len) : VM_DEBUG_INJECT;
	}
	brk = dbg_find_register_locked(dbg, ex);
	if (brk && stepping)
		dbg_step_is_done(dbg, ex);
	if (brk)
		return dbg_hit_locked(dbg, brk, ex, text, text_len);
	if (stepping)
		return dbg_stepped_locked(dbg, ex, text, text_len);
	/* A register that was just taken away, a step that is over, or the guest's own trap flag.
	 */
	return ex->dr6 & 0xf || ex->late ? VM_DEBUG_CONTINUE : VM_DEBUG_INJECT;
}

enum vm_debug_verdict dbg_hook(void *ctx, const struct vm_debug_exit *ex, char *text,
			       size_t text_len)
{
	struct dbg *dbg = ctx;
	enum vm_debug_verdict verdict;

	pthread_mutex_lock(&dbg->lock);
	dbg->vcpu[ex->vcpu].stop.kind = DBG_STOP_NONE; /* who came second is asked again */
	verdict = dbg_hook_locked(dbg, ex, text, text_len);
	pthread_mutex_unlock(&dbg->lock);
	return verdict;
}
