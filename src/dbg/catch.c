/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Catching events: who matches, what is said of it, and the accesses, resets and
 * crashes that the VM tells of. Exceptions, processes and modes: catch-place.c.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "dbg/dbg-priv.h"

/* Only accesses that leave KVM can be told. */
static const struct {
	uint16_t lo, hi;
} catch_kvm_ports[] = {
	{ 0x20, 0x21 }, { 0x40, 0x43 }, { 0x61, 0x61 }, { 0xa0, 0xa1 }, { 0x4d0, 0x4d1 }
};

static bool catch_is_ranged(enum dbg_catch_kind kind)
{
	return kind <= DBG_CATCH_MMIO;
}

static bool catch_is_access(enum dbg_catch_kind kind)
{
	return kind == DBG_CATCH_MSR || kind == DBG_CATCH_PORT || kind == DBG_CATCH_MMIO;
}

bool dbg_catch_matches(const struct dbg_catch *ct, const struct dbg_caught *what)
{
	uint64_t end = what->at + (what->size ? what->size - 1 : 0);

	if (!ct->id || ct->kind != what->kind)
		return false;
	if (ct->kind == DBG_CATCH_MSR)
		end = what->at;
	if (catch_is_ranged(ct->kind) && (end < ct->lo || what->at > ct->hi))
		return false;
	if (ct->kind == DBG_CATCH_PROCESS && ct->lo != what->at)
		return false;
	if (catch_is_access(ct->kind))
		return what->write ? ct->write : ct->read;
	return !ct->error_mask || (what->has_error && (what->error & ct->error_mask) == ct->error);
}

static void catch_access_text(const struct dbg_caught *what, char *buf, size_t len)
{
	static const char *const names[] = {
		[DBG_CATCH_MSR] = "MSR", [DBG_CATCH_PORT] = "port", [DBG_CATCH_MMIO] = "MMIO"
	};

	snprintf(buf, len, "vcpu%u %s %s 0x%llx: 0x%llx", what->vcpu,
		 what->write ? "writes" : "reads", names[what->kind], (unsigned long long)what->at,
		 (unsigned long long)what->data);
}

void dbg_catch_text(const struct dbg_caught *what, const struct x86_state *st, char *buf,
		    size_t len)
{
	size_t used;

	switch (what->kind) {
	case DBG_CATCH_EXCEPTION:
	case DBG_CATCH_INTERRUPT:
		snprintf(buf, len, "vcpu%u takes %s %llu", what->vcpu,
			 what->kind == DBG_CATCH_EXCEPTION ? "exception" : "interrupt",
			 (unsigned long long)what->at);
		used = strlen(buf);
		if (what->has_error && used < len)
			snprintf(buf + used, len - used, " with error code 0x%x", what->error);
		used = strlen(buf);
		if (what->at == 14 && what->kind == DBG_CATCH_EXCEPTION && used < len)
			snprintf(buf + used, len - used, ", cr2 0x%llx",
				 (unsigned long long)st->cr2);
		break;
	case DBG_CATCH_PROCESS:
		snprintf(buf, len, "vcpu%u enters the process of cr3 0x%llx", what->vcpu,
			 (unsigned long long)what->at);
		break;
	case DBG_CATCH_MODE:
		snprintf(buf, len, "vcpu%u is in %s now", what->vcpu,
			 x86_mode_name((enum x86_mode)what->at));
		break;
	case DBG_CATCH_CRASH:
		snprintf(buf, len, "triple fault on vcpu%u", what->vcpu);
		break;
	case DBG_CATCH_RESET:
		snprintf(buf, len, "the guest asked for a reset at rip 0x%llx",
			 (unsigned long long)st->rip);
		break;
	default:
		catch_access_text(what, buf, len);
	}
}

static void catch_log_locked(struct dbg_catches *all, unsigned int id, const struct x86_state *st,
			     const char *text)
{
	snprintf(all->line[all->nr_lines++ % DBG_CATCH_LINES], DBG_CATCH_LINE, "%u: %s, rip 0x%llx",
		 id, text, (unsigned long long)st->rip);
}

bool dbg_catch_take_locked(struct dbg *dbg, const struct dbg_caught *what,
			   const struct x86_state *st)
{
	struct dbg_catches *all = &dbg->catches;
	char text[DBG_CATCH_LINE - 40];
	struct dbg_catch *ct;
	bool stop = false;

	for (ct = all->ct; ct < all->ct + DBG_MAX_CATCHES; ct++) {
		if (!dbg_catch_matches(ct, what) ||
		    (ct->holds && !ct->holds(ct->holds_ctx, ct, what, st)))
			continue;
		ct->hits++;
		dbg_catch_text(what, st, text, sizeof(text));
		if (ct->action == DBG_CATCH_LOG)
			catch_log_locked(all, ct->id, st, text);
		if (ct->action != DBG_CATCH_STOP || stop)
			continue;
		snprintf(all->text, sizeof(all->text), "catch %u: %s", ct->id, text);
		stop = true;
	}
	return stop;
}

void dbg_catch_stop_locked(struct dbg *dbg, unsigned int vcpu, char *text, size_t text_len)
{
	dbg->vcpu[vcpu].stop =
		(struct dbg_stop){ .kind = DBG_STOP_CATCH, .vcpu = vcpu, .owner = DBG_OWNER_CATCH };
	snprintf(text, text_len, "%s", dbg->catches.text);
}

/* --- what the VM tells --- */

/* Registers are asked for where somebody catches this, not for each port that goes by. */
static bool catch_any_locked(const struct dbg *dbg, const struct dbg_caught *what)
{
	const struct dbg_catch *ct;

	for (ct = dbg->catches.ct; ct < dbg->catches.ct + DBG_MAX_CATCHES; ct++) {
		if (dbg_catch_matches(ct, what))
			return true;
	}
	return false;
}

bool dbg_catch_accessed(void *ctx, const struct vm_access *acc, char *text, size_t text_len)
{
	static const enum dbg_catch_kind kinds[] = { [VM_ACCESS_PORT] = DBG_CATCH_PORT,
						     [VM_ACCESS_MMIO] = DBG_CATCH_MMIO,
						     [VM_ACCESS_MSR] = DBG_CATCH_MSR };
	const struct dbg_caught what = { .kind = kinds[acc->kind],
					 .vcpu = acc->vcpu,
					 .at = acc->addr,
					 .write = acc->write,
					 .size = acc->size,
					 .data = acc->data };
	struct dbg *dbg = ctx;
	struct x86_state st;
	bool stop = false;

	pthread_mutex_lock(&dbg->lock);
	if (catch_any_locked(dbg, &what)) {
		memset(&st, 0, sizeof(st));
		(void)vcpu_peek(vm_vcpu(dbg->vm, acc->vcpu), &st);
		stop = dbg_catch_take_locked(dbg, &what, &st);
	}
	if (stop)
		dbg_catch_stop_locked(dbg, acc->vcpu, text, text_len);
	pthread_mutex_unlock(&dbg->lock);
	return stop;
}

/* The vCPU stands. */
static bool catch_stood(struct dbg *dbg, enum dbg_catch_kind kind, unsigned int vcpu, char *text,
			size_t text_len)
{
	const struct dbg_caught what = { .kind = kind, .vcpu = vcpu };
	struct x86_state st;
	bool stop;

	if (!dbg_catches_any(dbg, kind))
		return false;
	vcpu_get_state(vm_vcpu(dbg->vm, vcpu), &st, NULL);
	pthread_mutex_lock(&dbg->lock);
	stop = dbg_catch_take_locked(dbg, &what, &st);
	if (stop)
		dbg_catch_stop_locked(dbg, vcpu, text, text_len);
	pthread_mutex_unlock(&dbg->lock);
	return stop;
}

bool dbg_catch_reset(void *ctx, unsigned int vcpu, char *text, size_t text_len)
{
	return catch_stood(ctx, DBG_CATCH_RESET, vcpu, text, text_len);
}

void dbg_catch_crashed(struct dbg *dbg, unsigned int vcpu)
{
	char text[SAMPLE_TEXT_MAX];

	catch_stood(dbg, DBG_CATCH_CRASH, vcpu, text, sizeof(text));
}

/* --- the table --- */

static int catch_arm_msrs(struct dbg *dbg, struct err *err)
{
	struct vm_msr_range range[DBG_MAX_CATCHES];
	const struct dbg_catch *ct;
	unsigned int nr = 0;

	for (ct = dbg->catches.ct; ct < dbg->catches.ct + DBG_MAX_CATCHES; ct++) {
		if (ct->id && ct->kind == DBG_CATCH_MSR)
			range[nr++] = (struct vm_msr_range){ .lo = (uint32_t)ct->lo,
							     .hi = (uint32_t)ct->hi,
							     .read = ct->read,
							     .write = ct->write };
	}
	return vm_catch_msrs(dbg->vm, range, nr, err);
}

/* What the VM shall tell. The VM stands. */
static int catch_arm(struct dbg *dbg, struct err *err)
{
	unsigned int kinds = 0, i;

	dbg->catches.kinds = 0;
	for (i = 0; i < DBG_MAX_CATCHES; i++) {
		if (dbg->catches.ct[i].id)
			dbg->catches.kinds |= 1u << dbg->catches.ct[i].kind;
	}
	kinds |= dbg_catches_any(dbg, DBG_CATCH_PORT) ? 1u << VM_ACCESS_PORT : 0;
	kinds |= dbg_catches_any(dbg, DBG_CATCH_MMIO) ? 1u << VM_ACCESS_MMIO : 0;
	kinds |= dbg_catches_any(dbg, DBG_CATCH_MSR) ? 1u << VM_ACCESS_MSR : 0;
	vm_catch(dbg->vm, kinds);
	return catch_arm_msrs(dbg, err);
}

static int catch_check(struct dbg *dbg, const struct dbg_catch *want, struct err *err)
{
	size_t i;

	if (want->hi < want->lo)
		return err_set(err, EINVAL, "the range ends before it begins");
	if (want->kind <= DBG_CATCH_INTERRUPT && want->hi > 255)
		return err_set(err, EINVAL, "a vector is 0 to 255");
	if (want->kind <= DBG_CATCH_INTERRUPT && want->hi - want->lo >= 32)
		return err_set(err, EINVAL, "a catch may have 32 vectors");
	if (want->kind == DBG_CATCH_PORT && want->hi > 0xffff)
		return err_set(err, EINVAL, "a port is 0 to 0xffff");
	if (want->kind == DBG_CATCH_MSR && want->hi > 0xffffffff)
		return err_set(err, EINVAL, "an MSR is 0 to 0xffffffff");
	if (want->kind == DBG_CATCH_PROCESS && !dbg_page_works(dbg))
		return err_set(err, EOPNOTSUPP, "this host's KVM cannot guard pages: see doctor");
	for (i = 0; i < sizeof(catch_kvm_ports) / sizeof(catch_kvm_ports[0]); i++) {
		if (want->kind == DBG_CATCH_PORT && want->lo >= catch_kvm_ports[i].lo &&
		    want->hi <= catch_kvm_ports[i].hi)
			return err_set(err, EOPNOTSUPP,
				       "KVM answers port 0x%llx itself (PIC, PIT): no exit",
				       (unsigned long long)want->lo);
	}
	return 0;
}

int dbg_catch_add(struct dbg *dbg, const struct dbg_catch *want, unsigned int *id, struct err *err)
{
	struct dbg_catch *ct = dbg->catches.ct;
	int ret = catch_check(dbg, want, err);
	bool held;

	if (ret)
		return ret;
	while (ct < dbg->catches.ct + DBG_MAX_CATCHES && ct->id)
		ct++;
	if (ct == dbg->catches.ct + DBG_MAX_CATCHES)
		return err_set(err, ENOSPC, "no more than %d catches", DBG_MAX_CATCHES);
	held = dbg_change_begin(dbg);
	pthread_mutex_lock(&dbg->lock);
	*ct = *want;
	ct->id = ++dbg->catches.next_id;
	ct->hits = 0;
	ret = catch_arm(dbg, err);
	if (ret) {
		ct->id = 0;
		catch_arm(dbg, NULL);
	} else if (id) {
		*id = ct->id;
	}
	pthread_mutex_unlock(&dbg->lock);
	dbg_change_end(dbg, held);
	return ret;
}

int dbg_catch_remove(struct dbg *dbg, unsigned int id, struct err *err)
{
	bool held = dbg_change_begin(dbg), found = !id;
	struct dbg_catch *ct;

	pthread_mutex_lock(&dbg->lock);
	for (ct = dbg->catches.ct; ct < dbg->catches.ct + DBG_MAX_CATCHES; ct++) {
		if (id && ct->id != id)
			continue;
		found = true;
		ct->id = 0;
	}
	catch_arm(dbg, NULL);
	pthread_mutex_unlock(&dbg->lock);
	dbg_change_end(dbg, held);
	return found ? 0 : err_set(err, ENOENT, "no catch %u", id);
}

size_t dbg_catch_list(struct dbg *dbg, struct dbg_catch *out, size_t max)
{
	const struct dbg_catch *ct;
	size_t nr = 0;

	pthread_mutex_lock(&dbg->lock);
	for (ct = dbg->catches.ct; ct < dbg->catches.ct + DBG_MAX_CATCHES; ct++) {
		if (ct->id && nr < max)
			out[nr++] = *ct;
	}
	pthread_mutex_unlock(&dbg->lock);
	return nr;
}

void dbg_catch_log(struct dbg *dbg, struct buf *out)
{
	const struct dbg_catches *all = &dbg->catches;
	uint64_t i;

	pthread_mutex_lock(&dbg->lock);
	i = all->nr_lines > DBG_CATCH_LINES ? all->nr_lines - DBG_CATCH_LINES : 0;
	for (; i < all->nr_lines; i++)
		buf_printf(out, "%s\n", all->line[i % DBG_CATCH_LINES]);
	pthread_mutex_unlock(&dbg->lock);
}
