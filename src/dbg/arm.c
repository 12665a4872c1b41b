/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * From the table to the machine: which breakpoint is an int3 in guest memory,
 * which one a debug register, and what KVM has to be told. Breakpoints are kept
 * by guest-physical address; one that is not mapped yet takes a debug register,
 * which compares linear addresses and needs no mapping.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/log.h"
#include "dbg/dbg-priv.h"
#include "inspect/mmu.h"
#include "vmm/mem.h"
#include "vmm/probe.h"

#define DBG_INT3 0xcc

bool dbg_int3_works(struct dbg *dbg)
{
	if (!dbg->int3_known) {
		dbg->int3_works = probe_run(PROBE_INT3, NULL, 0) == PROBE_YES;
		dbg->int3_known = true;
	}
	return dbg->int3_works;
}

static struct sample_patch *dbg_patch_row(struct dbg *dbg, const struct dbg_break *brk)
{
	return &vm_sample(dbg->vm)->patch[brk - dbg->brk];
}

/* The sample page's rows follow the table's indices, so they are written anew as a whole. */
static void dbg_publish_patches(struct dbg *dbg)
{
	struct sample_page *page = vm_sample(dbg->vm);
	struct sample_patch *row;
	size_t i;

	for (i = 0; i < SAMPLE_PATCHES; i++) {
		row = &page->patch[i];
		row->used = 0;
		if (i >= dbg->nr || dbg->brk[i].engine != DBG_PATCH)
			continue;
		*dbg_patch_row(dbg, &dbg->brk[i]) = (struct sample_patch){ .gpa = dbg->brk[i].gpa,
									   .orig = dbg->brk[i].orig,
									   .used = 1 };
	}
}

/* Another breakpoint that patches the same byte: its original must be shared. */
static struct dbg_break *dbg_patch_twin(struct dbg *dbg, const struct dbg_break *brk)
{
	size_t i;

	for (i = 0; i < dbg->nr; i++) {
		if (&dbg->brk[i] != brk && dbg->brk[i].engine == DBG_PATCH &&
		    dbg->brk[i].gpa == brk->gpa)
			return &dbg->brk[i];
	}
	return NULL;
}

void dbg_patch(struct dbg *dbg, struct dbg_break *brk)
{
	struct dbg_break *twin = dbg_patch_twin(dbg, brk);
	const uint8_t int3 = DBG_INT3;

	if (twin)
		brk->orig = twin->orig;
	else if (mem_read(vm_mem(dbg->vm), brk->gpa, &brk->orig, 1) ||
		 mem_write(vm_mem(dbg->vm), brk->gpa, &int3, 1))
		return;
	brk->engine = DBG_PATCH;
}

void dbg_forget_patch(struct dbg *dbg, struct dbg_break *brk)
{
	(void)dbg;
	brk->engine = DBG_PENDING;
}

void dbg_unpatch(struct dbg *dbg, struct dbg_break *brk)
{
	uint8_t now;

	/* The guest may have written something else there since: that is its own. */
	if (!dbg_patch_twin(dbg, brk) && mem_read(vm_mem(dbg->vm), brk->gpa, &now, 1) == 0 &&
	    now == DBG_INT3)
		mem_write(vm_mem(dbg->vm), brk->gpa, &brk->orig, 1);
	brk->engine = DBG_PENDING;
}

void dbg_unpatch_all(struct dbg *dbg)
{
	size_t i;

	for (i = 0; i < dbg->nr; i++) {
		if (dbg->brk[i].engine == DBG_PATCH)
			dbg_unpatch(dbg, &dbg->brk[i]);
	}
}

/* Where GVA lies in guest-physical memory, by the first vCPU whose tables map it. */
static bool dbg_translate(struct dbg *dbg, const struct vm_view *view, const struct dbg_break *brk,
			  uint64_t *gpa)
{
	unsigned int i;
	uint8_t byte;

	(void)dbg;
	if (brk->phys) {
		*gpa = brk->gva;
		return view_read(view, *gpa, &byte, 1) == 1;
	}
	for (i = 0; i < view->nr_vcpus; i++) {
		if (mmu_translate(view, &view->vcpu[i].state, brk->gva, gpa))
			return view_read(view, *gpa, &byte, 1) == 1;
	}
	return false;
}

static bool dbg_take_slot(struct dbg *dbg, size_t index)
{
	unsigned int i;

	for (i = 0; i < DBG_NR_SLOTS; i++) {
		if (dbg->slot[i] < 0) {
			dbg->slot[i] = (int)index;
			dbg->brk[index].slot = (uint8_t)i;
			dbg->brk[index].engine = DBG_REG;
			return true;
		}
	}
	return false;
}

/* Whether a debug register can do what BRK asks for. */
bool dbg_fits_register(const struct dbg_break *brk)
{
	if (brk->phys || brk->type == DBG_READ || brk->type == DBG_EXEC)
		return false;
	return dbg_is_exec(brk->type) ||
	       ((brk->len == 1 || brk->len == 2 || brk->len == 4 || brk->len == 8) &&
		!(brk->gva & (brk->len - 1)));
}

/* What no register takes: an int3 where it is one instruction, else its page. */
static void dbg_assign_rest(struct dbg *dbg, const struct vm_view *view, struct dbg_break *brk)
{
	bool one = brk->type == DBG_SW || brk->type == DBG_HW;

	brk->engine = DBG_PENDING;
	if (dbg_fits_register(brk))
		snprintf(brk->why, sizeof(brk->why), "all %d debug registers are in use",
			 DBG_NR_SLOTS);
	if (one && dbg_int3_works(dbg) && view && dbg_translate(dbg, view, brk, &brk->gpa))
		dbg_patch(dbg, brk);
	else if (dbg_page_works(dbg))
		brk->engine = DBG_PAGE;
}

/* Whether only a register could keep BRK from slowing its whole page down. */
static bool dbg_wants_register(struct dbg *dbg, const struct vm_view *view, struct dbg_break *brk)
{
	uint64_t gpa;

	if (!dbg_is_exec(brk->type) || !dbg_fits_register(brk))
		return false;
	return brk->type == DBG_HW || !dbg_int3_works(dbg) || !view ||
	       !dbg_translate(dbg, view, brk, &gpa);
}

static bool dbg_is_in_page(const struct dbg_break *brk, uint64_t page)
{
	return dbg_is_exec(brk->type) && dbg_fits_register(brk) && (brk->gva & ~4095ull) == page;
}

bool dbg_lend_registers(const struct dbg *dbg, uint64_t pc)
{
	unsigned int free = DBG_NR_SLOTS, here = 0, waiting = 0;
	size_t i;

	for (i = 0; i < DBG_NR_SLOTS; i++)
		free -= dbg->slot[i] >= 0 && !dbg_is_exec(dbg->brk[dbg->slot[i]].type);
	for (i = 0; i < dbg->nr; i++) {
		if (dbg->brk[i].engine == DBG_PATCH || !dbg_is_in_page(&dbg->brk[i], pc & ~4095ull))
			continue;
		here++;
		waiting += dbg->brk[i].engine == DBG_PAGE;
	}
	return waiting && here <= free;
}

/* Watchpoints take registers; one is left for code, which is worse off without. */
static void dbg_assign_data(struct dbg *dbg, const struct vm_view *view)
{
	unsigned int left = DBG_NR_SLOTS;
	size_t i;

	for (i = 0; i < dbg->nr && left == DBG_NR_SLOTS; i++)
		left -= dbg_wants_register(dbg, view, &dbg->brk[i]);
	for (i = 0; i < dbg->nr; i++) {
		if (dbg_is_exec(dbg->brk[i].type))
			continue;
		if (left && dbg_fits_register(&dbg->brk[i]) && dbg_take_slot(dbg, i))
			left--;
		else
			dbg_assign_rest(dbg, view, &dbg->brk[i]);
	}
}

/*
 * Registers for breakpoints: those of the page that is being executed come first, so that it needs
 * no guard, then those that ask for one, then what cannot be patched.
 */
static void dbg_assign_code(struct dbg *dbg, const struct vm_view *view)
{
	struct dbg_break *brk;
	unsigned int turn;
	size_t i;

	for (turn = 0; turn < 3; turn++) {
		for (i = 0; i < dbg->nr; i++) {
			brk = &dbg->brk[i];
			if (brk->engine != DBG_PENDING || !dbg_wants_register(dbg, view, brk) ||
			    (turn == 0 && !dbg_is_in_page(brk, dbg->hot)) ||
			    (turn == 1 && brk->type != DBG_HW))
				continue;
			dbg_take_slot(dbg, i);
		}
	}
	for (i = 0; i < dbg->nr; i++) {
		brk = &dbg->brk[i];
		if (!dbg_is_exec(brk->type) || brk->engine == DBG_REG)
			continue;
		if (brk->type == DBG_SW && dbg_int3_works(dbg) && view &&
		    dbg_translate(dbg, view, brk, &brk->gpa))
			dbg_patch(dbg, brk);
		else
			dbg_assign_rest(dbg, view, brk);
	}
}

static void dbg_assign(struct dbg *dbg, const struct vm_view *view)
{
	size_t i;

	for (i = 0; i < DBG_NR_SLOTS; i++)
		dbg->slot[i] = -1;
	for (i = 0; i < dbg->nr; i++) {
		dbg->brk[i].engine = DBG_PENDING;
		dbg->brk[i].why[0] = '\0';
	}
	dbg_assign_data(dbg, view);
	dbg_assign_code(dbg, view);
}

static uint64_t dbg_dr7_bits(const struct dbg_break *brk)
{
	uint64_t rw = 0, len = 0;

	if (brk->type == DBG_WRITE)
		rw = 1;
	else if (!dbg_is_exec(brk->type))
		rw = 3;
	if (!dbg_is_exec(brk->type))
		len = brk->len == 8 ? 2 : brk->len - 1;
	return 2ull << (brk->slot * 2) | (rw | len << 2) << (16 + brk->slot * 4);
}

/* The register of a breakpoint elsewhere: a single instruction cannot meet it. */
static bool dbg_may_lend_slot(const struct dbg *dbg, const struct dbg_vcpu *dv, unsigned int slot)
{
	const struct dbg_break *brk = &dbg->brk[dbg->slot[slot]];
	bool single = !dv->page && (dv->off || dv->rec || dv->res.action == DBG_STEP);

	return single && dbg_is_exec(brk->type) && brk->gva != dv->step_rip;
}

/* Registers that are free, or lent, wait where a step may arrive without a trap. */
static void dbg_arm_aims(const struct dbg *dbg, const struct dbg_vcpu *dv, struct vcpu_debug *arm)
{
	unsigned int slot, aim = 0;

	for (slot = 0; slot < DBG_NR_SLOTS && aim < dv->nr_aim; slot++) {
		if (dbg->slot[slot] >= 0 && !dbg_may_lend_slot(dbg, dv, slot))
			continue;
		arm->dr[slot] = dv->aim[aim++];
		arm->dr7 |= 2ull << (slot * 2);
	}
}

int dbg_arm_vcpu(struct dbg *dbg, unsigned int index, struct err *err)
{
	const struct dbg_vcpu *dv = &dbg->vcpu[index];
	struct vcpu_debug arm = { .sw_break = false };
	bool step = dbg_steps_asked(dv);
	size_t i;

	arm.step = dbg_steps(dv);
	arm.block_irq = step && (dv->rec || !dv->res.allow_irq);
	for (i = 0; i < dbg->nr; i++) {
		if (dbg->brk[i].engine == DBG_PATCH)
			arm.sw_break = true;
		if (dbg->brk[i].engine != DBG_REG)
			continue;
		arm.dr[dbg->brk[i].slot] = dbg->brk[i].gva;
		arm.dr7 |= dbg_dr7_bits(&dbg->brk[i]);
	}
	if (arm.step) {
		dbg_hide_cut_step(dbg, index);
		dbg_arm_aims(dbg, dv, &arm);
	}
	if (arm.dr7)
		arm.dr7 |= 0x700; /* exact, and the bit that is always one */
	return vcpu_set_debug(vm_vcpu(dbg->vm, index), &arm, err);
}

void dbg_arm(struct dbg *dbg)
{
	struct err err = ERR_INIT;
	struct vm_view view;
	unsigned int i;
	bool seen;

	seen = (dbg->nr || dbg->catches.kinds) && vm_view(dbg->vm, &view, &err) == 0;
	pthread_mutex_lock(&dbg->lock);
	dbg_unpatch_all(dbg);
	dbg_catch_place_locked(dbg, seen ? &view : NULL);
	dbg_assign(dbg, seen ? &view : NULL);
	dbg_guard_arm(dbg, seen ? &view : NULL);
	dbg_publish_patches(dbg);
	pthread_mutex_unlock(&dbg->lock);
	if (seen)
		view_release(&view);
	for (i = 0; i < vm_nr_vcpus(dbg->vm); i++) {
		dbg_watch_mode(dbg, i);
		if (dbg_arm_vcpu(dbg, i, &err))
			log_line("%s", err.text);
	}
	dbg_tend_update(dbg);
}

static void dbg_write_patched(struct dbg *dbg, uint64_t gpa, const uint8_t *data, size_t len)
{
	struct dbg_break *brk;
	const uint8_t int3 = DBG_INT3;
	size_t i;

	for (i = 0; i < dbg->nr; i++) {
		brk = &dbg->brk[i];
		if (brk->engine != DBG_PATCH || brk->gpa < gpa || brk->gpa - gpa >= len)
			continue;
		brk->orig = data[brk->gpa - gpa];
		mem_write(vm_mem(dbg->vm), brk->gpa, &int3, 1);
	}
}

int dbg_write_phys(struct dbg *dbg, uint64_t gpa, const void *data, size_t len, struct err *err)
{
	if (mem_write(vm_mem(dbg->vm), gpa, data, len))
		return err_set(err, EFAULT, "0x%llx is not RAM", (unsigned long long)gpa);
	pthread_mutex_lock(&dbg->lock);
	dbg_write_patched(dbg, gpa, data, len);
	dbg_publish_patches(dbg);
	pthread_mutex_unlock(&dbg->lock);
	return 0;
}

int dbg_write_virt(struct dbg *dbg, unsigned int vcpu, uint64_t gva, const void *data, size_t len,
		   struct err *err)
{
	const uint8_t *bytes = data;
	struct vm_view view;
	uint64_t gpa;
	size_t chunk;
	int ret;

	ret = vm_view(dbg->vm, &view, err);
	while (!ret && len) {
		chunk = 4096 - (gva & 4095);
		if (chunk > len)
			chunk = len;
		if (!mmu_translate(&view, &view.vcpu[vcpu].state, gva, &gpa))
			ret = err_set(err, EFAULT, "0x%llx is not mapped", (unsigned long long)gva);
		else
			ret = dbg_write_phys(dbg, gpa, bytes, chunk, err);
		gva += chunk;
		bytes += chunk;
		len -= chunk;
	}
	view_release(&view);
	return ret;
}
