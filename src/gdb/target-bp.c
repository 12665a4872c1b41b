/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The debugger's breakpoints on a VM. Their conditions are evaluated and their
 * printf is made where they hit, in the vCPU's thread.
 */
#include <errno.h>
#include <stdlib.h>

#include "gdb/agent.h"
#include "gdb/target-kvm-priv.h"
#include "inspect/mmu.h"
#include "vmm/mem.h"

/* What a condition sees: the vCPU's registers and its memory, in the vCPU's own thread. */
struct target_cond {
	struct gdb_server *srv;
	const struct x86_state *st;
};

static int target_cond_reg(void *ctx, uint32_t regnum, uint64_t *value)
{
	const struct target_cond *cond = ctx;

	return target_arch_value(cond->st, cond->srv->arch, regnum, value) ? 0 : -EINVAL;
}

static bool target_cond_entry(void *ctx, uint64_t gpa, unsigned int size, uint64_t *out)
{
	const struct target_cond *cond = ctx;

	*out = 0;
	return mem_read(vm_mem(cond->srv->vm), gpa, out, size) == 0;
}

static int target_cond_mem(void *ctx, uint64_t addr, void *buf, size_t len)
{
	struct target_cond *cond = ctx;
	struct mmu_walk walk;
	uint8_t *out = buf;
	size_t n;

	for (; len; addr += n, out += n, len -= n) {
		n = 4096 - (addr & 4095);
		if (n > len)
			n = len;
		mmu_walk_with(cond->st, addr, target_cond_entry, cond, &walk);
		if (!walk.present || mem_read(vm_mem(cond->srv->vm), walk.gpa, out, n))
			return -EFAULT;
	}
	return 0;
}

/* A breakpoint's printf: to the session's thread, which has the connection. */
static void target_cond_print(void *ctx, const char *text, size_t len)
{
	const struct target_cond *cond = ctx;

	target_console_put(&cond->srv->console, text, len);
}

static bool target_cond_holds(void *ctx, const struct dbg_break *brk, unsigned int vcpu,
			      const struct x86_state *st)
{
	struct target_bp *bp = ctx;
	struct target_cond cond = { .srv = bp->srv, .st = st };
	const struct gdb_agent_env env = { .ctx = &cond,
					   .reg = target_cond_reg,
					   .mem = target_cond_mem,
					   .print = target_cond_print };

	(void)brk;
	(void)vcpu;
	return gdb_bp_hit(&env, bp->bp) == GDB_HIT_REPORT;
}

static struct target_bp *target_bp_find(struct gdb_server *srv, enum gdb_bp_type type,
					uint64_t addr, uint64_t len)
{
	size_t i;

	for (i = 0; i < TARGET_MAX_BPS; i++) {
		if (srv->bp[i].bp && srv->bp[i].bp->type == type && srv->bp[i].bp->addr == addr &&
		    srv->bp[i].bp->len == len)
			return &srv->bp[i];
	}
	return NULL;
}

static struct target_bp *target_bp_slot(struct gdb_server *srv)
{
	size_t i;

	for (i = 0; i < TARGET_MAX_BPS; i++) {
		if (!srv->bp[i].bp)
			return &srv->bp[i];
	}
	return NULL;
}

int target_bp_remove(void *ctx, enum gdb_bp_type type, uint64_t addr, uint64_t len,
		     struct gdb_err *err)
{
	struct gdb_server *srv = ctx;
	struct target_bp *slot = target_bp_find(srv, type, addr, len);
	struct err why = ERR_INIT;
	int ret;

	if (!slot)
		return 0;
	ret = dbg_remove(srv->dbg, (enum dbg_type)type, DBG_OWNER_GDB, addr, len, &why);
	free(slot->bp);
	slot->bp = NULL;
	target_kvm_forget(srv);
	return ret ? gdb_fail(err, ret, "%s", why.text) : 0;
}

int target_bp_insert(void *ctx, int tid, const struct gdb_bp *bp, struct gdb_err *err)
{
	struct gdb_server *srv = ctx;
	struct dbg_break want = { .type = (enum dbg_type)bp->type,
				  .owner = DBG_OWNER_GDB,
				  .gva = bp->addr,
				  .len = bp->len,
				  .vcpu = -1 };
	struct err why = ERR_INIT;
	struct target_bp *slot;
	int ret;

	(void)tid;
	target_bp_remove(srv, bp->type, bp->addr, bp->len, NULL);
	slot = target_bp_slot(srv);
	if (!slot)
		return gdb_fail(err, -ENOSPC, "no more than %d breakpoints", TARGET_MAX_BPS);
	slot->srv = srv;
	slot->bp = gdb_bp_dup(bp);
	if (!slot->bp)
		return gdb_fail(err, -ENOMEM, "out of memory");
	if (bp->cond_count || bp->cmd_count) {
		want.cond = target_cond_holds;
		want.cond_ctx = slot;
	}
	ret = dbg_insert(srv->dbg, &want, NULL, &why);
	target_kvm_forget(srv);
	if (!ret)
		return 0;
	free(slot->bp);
	slot->bp = NULL;
	return gdb_fail(err, ret, "%s", why.text);
}
