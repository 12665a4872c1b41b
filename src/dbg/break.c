/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The table of breakpoints and watchpoints. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "dbg/dbg-priv.h"
#include "dbg/rerun.h"

#define DBG_RERUN_MAX_NS 10000000000ull /* unasked; DBG_RERUN_MAX_S where somebody asks */
#define DBG_RERUN_MAX_S	 60u
#define DBG_RERUN_SOON_S 3u

bool dbg_is_exec(enum dbg_type type)
{
	return type == DBG_SW || type == DBG_HW || type == DBG_EXEC;
}

struct dbg_break *dbg_find_locked(struct dbg *dbg, enum dbg_type type, enum dbg_owner owner,
				  uint64_t gva, uint64_t len)
{
	struct dbg_break *brk;
	size_t i;

	for (i = 0; i < dbg->nr; i++) {
		brk = &dbg->brk[i];
		if (brk->type == type && brk->owner == owner && brk->gva == gva &&
		    (dbg_is_exec(type) || brk->len == len))
			return brk;
	}
	return NULL;
}

bool dbg_change_begin(struct dbg *dbg)
{
	if (vm_state(dbg->vm) != VM_STATE_RUNNING)
		return false;
	vm_hold(dbg->vm);
	return true;
}

void dbg_change_end(struct dbg *dbg, bool held)
{
	dbg_arm(dbg);
	if (held && dbg->stepping_off) /* one is about to leave such a place */
		dbg_unpatch_all(dbg);
	if (held)
		vm_unhold(dbg->vm);
}

static unsigned int dbg_slots_used(const struct dbg *dbg)
{
	unsigned int i, used = 0;

	for (i = 0; i < DBG_NR_SLOTS; i++)
		used += dbg->slot[i] >= 0;
	return used;
}

/* Why this host cannot do it, where only a debug register could. */
static int dbg_check_register(struct dbg *dbg, const struct dbg_break *want, struct err *err)
{
	if (want->type == DBG_READ)
		return err_set(err, EOPNOTSUPP,
			       "x86 has no watchpoint for reads alone: use access (awatch)");
	if (want->phys || want->type == DBG_EXEC)
		return err_set(err, EOPNOTSUPP, "this host's KVM cannot guard pages: see doctor");
	if (!dbg_fits_register(want))
		return err_set(err, EINVAL,
			       "a debug register watches 1, 2, 4 or 8 bytes at a multiple of "
			       "that, and this host's KVM cannot guard pages");
	if (want->type != DBG_SW && dbg_slots_used(dbg) == DBG_NR_SLOTS)
		return err_set(err, ENOSPC, "all %d debug registers are in use", DBG_NR_SLOTS);
	return 0;
}

static int dbg_check(struct dbg *dbg, const struct dbg_break *want, struct err *err)
{
	if (!want->len || want->gva + want->len - 1 < want->gva)
		return err_set(err, EINVAL, "no such range");
	if (want->len > DBG_MAX_GUARDS / 2 * 4096ull)
		return err_set(err, EINVAL, "a watched range may have %u MiB",
			       (unsigned int)(DBG_MAX_GUARDS / 2 * 4096ull >> 20));
	if (want->when != DBG_VALUE_ANY && want->len > 8)
		return err_set(err, EINVAL, "a value is compared in up to 8 bytes, not %llu",
			       (unsigned long long)want->len);
	if (dbg_fits_register(want) && (want->type == DBG_SW || dbg_slots_used(dbg) < DBG_NR_SLOTS))
		return 0;
	return dbg_page_works(dbg) ? 0 : dbg_check_register(dbg, want, err);
}

int dbg_insert(struct dbg *dbg, const struct dbg_break *want, unsigned int *id, struct err *err)
{
	struct dbg_break *brk;
	bool held;
	int ret = 0;

	held = dbg_change_begin(dbg);
	pthread_mutex_lock(&dbg->lock);
	brk = dbg_find_locked(dbg, want->type, want->owner, want->gva, want->len);
	if (brk && brk->phys == want->phys) {
		brk->cond = want->cond;
		brk->cond_ctx = want->cond_ctx;
		brk->when = want->when;
		brk->value = want->value;
	} else if (dbg->nr == DBG_MAX_BREAKS) {
		ret = err_set(err, ENOSPC, "no more than %d breakpoints", DBG_MAX_BREAKS);
	} else if ((ret = dbg_check(dbg, want, err)) == 0) {
		brk = &dbg->brk[dbg->nr++];
		*brk = *want;
		brk->engine = DBG_PENDING;
		brk->hits = 0;
		dbg_note_value(dbg, brk);
		brk->id = want->owner == DBG_OWNER_TEMP ? 0 : dbg->next_id++;
	}
	if (id && brk)
		*id = brk->id;
	pthread_mutex_unlock(&dbg->lock);
	dbg_change_end(dbg, held);
	return ret;
}

static void dbg_delete_locked(struct dbg *dbg, size_t index)
{
	struct dbg_break *brk = &dbg->brk[index];

	if (brk->engine == DBG_PATCH)
		dbg_unpatch(dbg, brk);
	dbg->nr--;
	memmove(brk, brk + 1, (dbg->nr - index) * sizeof(*brk));
}

int dbg_remove(struct dbg *dbg, enum dbg_type type, enum dbg_owner owner, uint64_t gva,
	       uint64_t len, struct err *err)
{
	bool held = dbg_change_begin(dbg);
	struct dbg_break *brk;

	pthread_mutex_lock(&dbg->lock);
	brk = dbg_find_locked(dbg, type, owner, gva, len);
	if (brk)
		dbg_delete_locked(dbg, (size_t)(brk - dbg->brk));
	pthread_mutex_unlock(&dbg->lock);
	dbg_change_end(dbg, held);
	if (!brk)
		return err_set(err, ENOENT, "no such breakpoint");
	return 0;
}

int dbg_remove_id(struct dbg *dbg, unsigned int id, struct err *err)
{
	bool held = dbg_change_begin(dbg), found = false;
	size_t i;

	pthread_mutex_lock(&dbg->lock);
	for (i = 0; i < dbg->nr && id && !found; i++) {
		if (dbg->brk[i].id == id) {
			dbg_delete_locked(dbg, i);
			found = true;
		}
	}
	pthread_mutex_unlock(&dbg->lock);
	dbg_change_end(dbg, held);
	if (!found)
		return err_set(err, ENOENT, "no breakpoint %u", id);
	return 0;
}

void dbg_remove_owner(struct dbg *dbg, enum dbg_owner owner)
{
	bool held = dbg_change_begin(dbg);
	size_t i;

	pthread_mutex_lock(&dbg->lock);
	for (i = dbg->nr; i > 0; i--) {
		if (dbg->brk[i - 1].owner == owner)
			dbg_delete_locked(dbg, i - 1);
	}
	pthread_mutex_unlock(&dbg->lock);
	dbg_change_end(dbg, held);
}

const struct dbg_break *dbg_table(const struct dbg *dbg, size_t *nr)
{
	*nr = dbg->nr;
	return dbg->brk;
}

/* RAM is fresh after a reset: the patches are gone and must be made again. */
static void dbg_rearm(struct dbg *dbg)
{
	size_t i;

	for (i = 0; i < dbg->nr; i++) {
		if (dbg->brk[i].engine == DBG_PATCH)
			dbg_forget_patch(dbg, &dbg->brk[i]);
	}
	dbg_arm(dbg);
}

/* A vCPU that AMD-V has reset: its registers are those of power-on. */
static bool dbg_state_lost(const struct x86_state *st)
{
	return st->rip == 0xfff0 && st->seg[X86_CS].base == 0xffff0000;
}

/* Find the instruction that crashed, where the processor has forgotten it. */
static int dbg_recover(struct dbg *dbg, unsigned int vcpu, unsigned int limit_s, struct err *err)
{
	struct sample_page *page = vm_sample(dbg->vm);
	struct x86_state st;
	int ret;

	ret = rerun_to_fault(vm_config(dbg->vm), vcpu, vcpu_io_exits(vm_vcpu(dbg->vm, vcpu)),
			     limit_s, &st, err);
	if (ret < 0)
		return ret;
	page->shadow[vcpu] = st;
	page->shadow_exact[vcpu] = 1;
	return 0;
}

/* At the crash itself, unasked, where the way there was short. */
static void dbg_recover_soon(struct dbg *dbg, unsigned int vcpu)
{
	struct sample_page *page = vm_sample(dbg->vm);
	struct err err = ERR_INIT;

	if (vm_state(dbg->vm) != VM_STATE_CRASHED || !dbg_state_lost(&page->vcpu[vcpu].state) ||
	    page->stop_ns - page->start_ns > DBG_RERUN_MAX_NS)
		return;
	if (dbg_recover(dbg, vcpu, DBG_RERUN_SOON_S, &err))
		log_line("rerun to the fault: %s", err.text);
}

int dbg_rerun(struct dbg *dbg, struct err *err)
{
	struct sample_page *page = vm_sample(dbg->vm);
	unsigned int vcpu = page->stop_vcpu < vm_nr_vcpus(dbg->vm) ? page->stop_vcpu : 0;
	uint64_t took_s = (page->stop_ns - page->start_ns) / 1000000000;

	if (vm_state(dbg->vm) != VM_STATE_CRASHED)
		return err_set(err, EBUSY, "the guest has not crashed");
	if (!dbg_state_lost(&page->vcpu[vcpu].state))
		return err_set(err, EALREADY,
			       "nothing to look for: the processor has kept the "
			       "registers of the fault");
	if (page->shadow_exact[vcpu])
		return err_set(err, EALREADY, "the instruction that crashed is found already");
	if (took_s > DBG_RERUN_MAX_S)
		return err_set(err, ETIMEDOUT,
			       "the crash came after %llu s; at most %u s are run "
			       "again",
			       (unsigned long long)took_s, DBG_RERUN_MAX_S);
	return dbg_recover(dbg, vcpu, 2 * (unsigned int)took_s + DBG_RERUN_SOON_S, err);
}

/* What the vCPU that has stopped all has met; nothing, where a person did. */
static void dbg_note_stop(struct dbg *dbg, unsigned int vcpu)
{
	pthread_mutex_lock(&dbg->lock);
	dbg->last.kind = DBG_STOP_NONE;
	if (vm_state(dbg->vm) != VM_STATE_PAUSED)
		dbg->last = dbg->vcpu[vcpu].stop;
	pthread_mutex_unlock(&dbg->lock);
}

static void dbg_event(void *ctx, const struct vm_event *ev)
{
	if (ev->kind == VM_EVENT_CRASHED) {
		dbg_recover_soon(ctx, ev->vcpu);
		dbg_catch_crashed(ctx, ev->vcpu);
	}
	if (ev->kind == VM_EVENT_RESET) {
		dbg_record_clear(ctx);
		dbg_rearm(ctx);
	}
	if (ev->kind == VM_EVENT_STOP || ev->kind == VM_EVENT_CRASHED) {
		dbg_note_stop(ctx, ev->vcpu);
		dbg_settle(ctx);
	}
}

static const struct vm_debug_ops dbg_vm_ops = {
	.exit = dbg_hook,
	.guarded = dbg_guarded,
	.stopped = dbg_stopped,
	.resuming = dbg_resuming,
	.accessed = dbg_catch_accessed,
	.reset = dbg_catch_reset,
};

int dbg_create(struct vm *vm, struct dbg **out, struct err *err)
{
	struct dbg *dbg = calloc(1, sizeof(*dbg));
	unsigned int i;

	if (!dbg)
		return err_sys(err, ENOMEM, "debugger");
	dbg->vm = vm;
	dbg->next_id = 1;
	dbg->hot = 1;
	pthread_mutex_init(&dbg->lock, NULL);
	for (i = 0; i < DBG_NR_SLOTS; i++)
		dbg->slot[i] = -1;
	for (i = 0; i < VM_MAX_VCPUS; i++)
		dbg->vcpu[i].res.action = DBG_CONTINUE;
	if (dbg_tend_create(dbg, err) || vm_listen(vm, dbg_event, dbg)) {
		dbg_tend_destroy(dbg);
		free(dbg);
		return err_set(err, ENOSPC, "too many listeners");
	}
	vm_set_debugger(vm, &dbg_vm_ops, dbg);
	*out = dbg;
	return 0;
}

struct vm *dbg_vm(const struct dbg *dbg)
{
	return dbg->vm;
}

void dbg_destroy(struct dbg *dbg)
{
	unsigned int i;

	if (!dbg)
		return;
	vm_unlisten(dbg->vm, dbg);
	vm_catch(dbg->vm, 0);
	dbg_tend_destroy(dbg);
	vm_set_debugger(dbg->vm, NULL, NULL);
	for (i = 0; i < VM_MAX_VCPUS; i++)
		dbg_guard_free(&dbg->vcpu[i]);
	pthread_mutex_destroy(&dbg->lock);
	free(dbg->record);
	free(dbg);
}
