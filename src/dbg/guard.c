/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Watchpoints without number: the guest may not touch the watched pages (or only
 * read them). An access ends in EFAULT before the instruction has done anything;
 * what it is about to touch is found by decoding it, then it is stepped by the
 * processor itself with the pages open and every other vCPU held, so that locked,
 * string, vector and page-crossing accesses are what they are. Not seen: what
 * devices and the host's kernel write. Pages of code are guarded too, for the
 * breakpoints that are left when every register is in use and int3 does not come
 * to us: the registers are lent to the page that is executed, and the others are
 * closed. Only a page with more breakpoints than registers is stepped.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "dbg/dbg-priv.h"
#include "inspect/mmu.h"
#include "vmm/mem.h"
#include "vmm/probe.h"

#define GUARD_PAGE     4096ull
#define GUARD_SUM_MAX  65536u
#define GUARD_MAX_HITS 8

/* What an instruction that met a guarded page touches of the table's ranges. */
struct dbg_seen {
	struct vm_view view; /* RAM, and the state the first step began with */
	bool have_view;
	unsigned int run; /* steps made with the pages open */
	struct insn_touch touch;
	struct {
		unsigned int index; /* into the table */
		bool is_write;
	} hit[GUARD_MAX_HITS];
	unsigned int nr_hits;
	uint64_t sum[DBG_MAX_BREAKS]; /* of the ranges, where TOUCH is vague */
};

/* After so many steps the other vCPUs have their turn: this one may be waiting for them. */
#define GUARD_RUN_MAX 1024

bool dbg_page_works(struct dbg *dbg)
{
	if (!dbg->page_known) {
		dbg->page_works = probe_run(PROBE_GUARD, NULL, 0) == PROBE_YES;
		dbg->page_known = true;
	}
	return dbg->page_works;
}

/* --- protecting --- */

static void guard_protect(struct dbg *dbg, bool on)
{
	size_t i;

	for (i = 0; i < dbg->nr_guards; i++)
		mem_protect(vm_mem(dbg->vm), dbg->guard[i].gpa, GUARD_PAGE,
			    on ? dbg->guard[i].prot : PROT_READ | PROT_WRITE);
}

/* The balloon leaves them alone, open or not. */
static void guard_watch(struct dbg *dbg, bool on)
{
	size_t i;

	for (i = 0; i < dbg->nr_guards; i++)
		mem_watch(vm_mem(dbg->vm), dbg->guard[i].gpa, on);
}

void dbg_guard_open(struct dbg *dbg)
{
	if (!dbg->guards_open)
		guard_protect(dbg, false);
	dbg->guards_open = true;
}

static int guard_compare(const void *a, const void *b)
{
	const struct dbg_guard *x = a, *y = b;

	if (x->gpa != y->gpa)
		return x->gpa < y->gpa ? -1 : 1;
	return x->prot - y->prot; /* PROT_NONE before PROT_READ: the first of a page counts */
}

static size_t guard_sort(struct dbg_guard *guard, size_t nr)
{
	size_t i, kept = 0;

	qsort(guard, nr, sizeof(*guard), guard_compare);
	for (i = 0; i < nr; i++) {
		if (!kept || guard[i].gpa != guard[kept - 1].gpa)
			guard[kept++] = guard[i];
	}
	return kept;
}

/* Whether the page of BRK at AT is RAM, and which. */
static bool guard_find_page(const struct vm_view *view, const struct dbg_break *brk, uint64_t at,
			    uint64_t *gpa)
{
	unsigned int i;
	uint8_t byte;

	if (brk->phys) {
		*gpa = at;
		return view_read(view, at, &byte, 1) == 1;
	}
	for (i = 0; i < view->nr_vcpus; i++) {
		if (mmu_translate(view, &view->vcpu[i].state, at, gpa))
			return view_read(view, *gpa, &byte, 1) == 1;
	}
	return false;
}

/* The pages of one breakpoint into PLAN; false: none is there, or there are too many. */
static bool guard_plan(const struct vm_view *view, struct dbg_break *brk, struct dbg_guard *plan,
		       size_t *nr)
{
	uint64_t at = brk->gva & ~(GUARD_PAGE - 1), end = brk->gva + brk->len, gpa;
	size_t found = 0;

	for (; at < end; at += GUARD_PAGE) {
		if (!guard_find_page(view, brk, at, &gpa))
			continue;
		if (*nr == DBG_MAX_GUARDS) {
			snprintf(brk->why, sizeof(brk->why), "too many pages are guarded");
			return false;
		}
		plan[*nr].gpa = gpa & ~(GUARD_PAGE - 1);
		plan[(*nr)++].prot = brk->type == DBG_WRITE ? PROT_READ : PROT_NONE;
		found++;
	}
	if (!found)
		snprintf(brk->why, sizeof(brk->why), "not mapped yet");
	return found > 0;
}

void dbg_guard_arm(struct dbg *dbg, const struct vm_view *view)
{
	struct dbg_guard *plan = calloc(DBG_MAX_GUARDS, sizeof(*plan));
	size_t i, nr = 0;

	for (i = 0; i < dbg->nr && plan; i++) {
		if (dbg->brk[i].engine == DBG_PAGE &&
		    (!view || !guard_plan(view, &dbg->brk[i], plan, &nr)))
			dbg->brk[i].engine = DBG_PENDING;
	}
	if (plan && view)
		nr += dbg_catch_guards(dbg, view, plan + nr, DBG_MAX_GUARDS - nr);
	if (plan)
		nr = guard_sort(plan, nr);
	if (dbg->guards_open || nr != dbg->nr_guards ||
	    (nr && memcmp(plan, dbg->guard, nr * sizeof(*plan)))) {
		if (!dbg->guards_open)
			guard_protect(dbg, false);
		guard_watch(dbg, false);
		if (nr)
			memcpy(dbg->guard, plan, nr * sizeof(*plan));
		dbg->nr_guards = nr;
		guard_watch(dbg, true);
		guard_protect(dbg, true);
	}
	dbg->guards_open = false;
	free(plan);
}

enum vm_debug_verdict dbg_guarded(void *ctx, unsigned int vcpu)
{
	struct dbg *dbg = ctx;
	bool ours;

	pthread_mutex_lock(&dbg->lock);
	ours = dbg->nr_guards && !dbg->guards_open;
	dbg->vcpu[vcpu].stop.kind = DBG_STOP_NONE;
	dbg->vcpu[vcpu].fault = ours;
	pthread_mutex_unlock(&dbg->lock);
	return ours ? VM_DEBUG_ASIDE : VM_DEBUG_INJECT;
}

/* --- looking at the access --- */

static bool guard_overlaps(uint64_t a, uint64_t a_len, uint64_t b, uint64_t b_len)
{
	return a < b + b_len && b < a + a_len;
}

/* Whether LEN bytes at linear address GVA touch BRK's range; a physical range page by page. */
static bool guard_touches(const struct vm_view *view, const struct x86_state *st,
			  const struct dbg_break *brk, uint64_t gva, uint64_t len)
{
	uint64_t piece, gpa;

	if (!brk->phys)
		return guard_overlaps(gva, len, brk->gva, brk->len);
	for (; len; gva += piece, len -= piece) {
		piece = GUARD_PAGE - (gva & (GUARD_PAGE - 1));
		if (piece > len)
			piece = len;
		if (mmu_translate(view, st, gva, &gpa) &&
		    guard_overlaps(gpa, piece, brk->gva, brk->len))
			return true;
	}
	return false;
}

static bool guard_wants(const struct dbg_break *brk, const struct insn_access *acc)
{
	if (brk->type == DBG_WRITE)
		return acc->write;
	return brk->type == DBG_READ ? acc->read : brk->type == DBG_ACCESS;
}

bool dbg_is_touched(const struct vm_view *view, const struct x86_state *st,
		    const struct dbg_break *brk, const struct insn_access *acc)
{
	return guard_wants(brk, acc) && guard_touches(view, st, brk, acc->gva, acc->len);
}

/* What a range holds, for accesses that cannot be told beforehand. */
static uint64_t guard_sum(const struct vm_view *view, const struct x86_state *st,
			  const struct dbg_break *brk)
{
	uint64_t sum = 0xcbf29ce484222325ull, at, gpa, end = brk->len;
	uint8_t byte;

	if (end > GUARD_SUM_MAX)
		end = GUARD_SUM_MAX;
	for (at = 0; at < end; at++) {
		gpa = brk->gva + at;
		if (!brk->phys && !mmu_translate(view, st, brk->gva + at, &gpa))
			continue;
		if (view_read(view, gpa, &byte, 1) == 1)
			sum = (sum ^ byte) * 0x100000001b3ull;
	}
	return sum;
}

static void guard_note(struct dbg *dbg, const struct vm_view *view, const struct x86_state *st,
		       struct dbg_seen *seen)
{
	const struct dbg_break *brk;
	unsigned int i, a;

	for (i = 0; i < dbg->nr; i++) {
		brk = &dbg->brk[i];
		if (brk->engine != DBG_PAGE || dbg_is_exec(brk->type))
			continue;
		if (seen->touch.vague)
			seen->sum[i] = guard_sum(view, st, brk);
		for (a = 0; a < seen->touch.nr && seen->nr_hits < GUARD_MAX_HITS; a++) {
			if (!dbg_is_touched(view, st, brk, &seen->touch.acc[a]))
				continue;
			seen->hit[seen->nr_hits].index = i;
			seen->hit[seen->nr_hits++].is_write = seen->touch.acc[a].write;
			break;
		}
	}
}

/* A breakpoint on the instruction of LEN bytes at linear PC, which has not been executed yet. */
static struct dbg_break *guard_exec(struct dbg *dbg, const struct vm_view *view,
				    const struct x86_state *st, uint64_t pc, unsigned int len)
{
	struct dbg_break *brk;
	size_t i;

	for (i = 0; i < dbg->nr; i++) {
		brk = &dbg->brk[i];
		if (brk->engine != DBG_PAGE || !dbg_is_exec(brk->type))
			continue;
		if (brk->type == DBG_EXEC ? guard_touches(view, st, brk, pc, len ? len : 1)
					  : guard_touches(view, st, brk, pc, 1))
			return brk;
	}
	return NULL;
}

static bool guard_look_locked(struct dbg *dbg, const struct x86_state *st, unsigned int index,
			      char *text, size_t text_len)
{
	struct dbg_vcpu *dv = &dbg->vcpu[index];
	const struct vm_view *view = &dv->seen->view;
	uint64_t pc = x86_state_linear_rip(st);
	struct dbg_break *brk;
	uint8_t bytes[15];
	size_t len;

	len = view_read_va_as(view, st, pc, bytes, sizeof(bytes));
	dv->seen->nr_hits = 0;
	insn_touches(st, bytes, len, &dv->seen->touch);
	brk = pc == dv->seen_rip ? NULL : guard_exec(dbg, view, st, pc, dv->seen->touch.len);
	if (brk && dbg_counts(dbg, brk, vm_vcpu(dbg->vm, index))) {
		dbg_report_locked(dbg, brk, index, text, text_len);
		return true;
	}
	guard_note(dbg, view, st, dv->seen);
	if (dbg_lend_registers(dbg, pc))
		dbg->hot = pc & ~(GUARD_PAGE - 1);
	dv->off = dv->page = true;
	dv->seen_rip = 0;
	dv->step_rip = pc;
	dv->stall = 0;
	memcpy(dv->step_gpr, st->gpr, sizeof(st->gpr));
	dv->step_st = *st;
	return false;
}

static bool guard_new_view(struct dbg *dbg, struct dbg_vcpu *dv)
{
	if (!dv->seen)
		dv->seen = calloc(1, sizeof(*dv->seen));
	if (!dv->seen)
		return false;
	if (dv->seen->have_view)
		view_release(&dv->seen->view);
	dv->seen->run = 0;
	dv->seen->have_view = vm_view(dbg->vm, &dv->seen->view, NULL) == 0;
	return dv->seen->have_view;
}

void dbg_guard_free(struct dbg_vcpu *dv)
{
	if (dv->seen && dv->seen->have_view)
		view_release(&dv->seen->view);
	free(dv->seen);
	dv->seen = NULL;
}

bool dbg_guard_look(struct dbg *dbg, unsigned int index)
{
	struct dbg_vcpu *dv = &dbg->vcpu[index];
	enum dbg_entry entry;
	bool stands = false;

	dv->fault = false;
	if (!guard_new_view(dbg, dv))
		return false;
	pthread_mutex_lock(&dbg->lock);
	entry = dbg_catch_entry_locked(dbg, index, &dv->seen->view.vcpu[index].state);
	if (entry == DBG_ENTRY_NONE)
		stands = guard_look_locked(dbg, &dv->seen->view.vcpu[index].state, index, dbg->text,
					   sizeof(dbg->text));
	pthread_mutex_unlock(&dbg->lock);
	if (entry != DBG_ENTRY_NONE) /* its table is opened */
		return entry == DBG_ENTRY_STOP;
	if (!stands)
		dbg_plan(dbg, &dv->seen->view, index);
	return stands;
}

/* Whether linear PC lies in a page that is not there for the guest. */
static bool guard_has(const struct dbg *dbg, const struct vm_view *view, const struct x86_state *st,
		      uint64_t pc)
{
	struct dbg_guard key = { .prot = PROT_NONE };

	if (!mmu_translate(view, st, pc, &key.gpa))
		return false;
	key.gpa &= ~(GUARD_PAGE - 1);
	return bsearch(&key, dbg->guard, dbg->nr_guards, sizeof(key), guard_compare);
}

enum guard_next dbg_guard_next_locked(struct dbg *dbg, unsigned int index, char *text,
				      size_t text_len)
{
	struct dbg_seen *seen = dbg->vcpu[index].seen;
	struct x86_state st = seen->view.vcpu[index].state;
	uint64_t pc;

	if (seen->run++ >= GUARD_RUN_MAX || vcpu_peek(vm_vcpu(dbg->vm, index), &st))
		return GUARD_LEAVE;
	pc = x86_state_linear_rip(&st);
	if (dbg_lend_registers(dbg, pc) || !guard_has(dbg, &seen->view, &st, pc) ||
	    !dbg_plan_is_plain(&seen->view, &st))
		return GUARD_LEAVE;
	return guard_look_locked(dbg, &st, index, text, text_len) ? GUARD_STAND : GUARD_STEP;
}

/* A vague access: the bytes say whether it was there. */
static struct dbg_break *guard_changed(struct dbg *dbg, unsigned int index)
{
	struct dbg_seen *seen = dbg->vcpu[index].seen;
	struct x86_state st = seen->view.vcpu[index].state;
	struct dbg_break *brk;
	unsigned int i;

	if (vcpu_peek(vm_vcpu(dbg->vm, index), &st))
		return NULL;
	for (i = 0; i < dbg->nr; i++) {
		brk = &dbg->brk[i];
		if (brk->engine == DBG_PAGE && !dbg_is_exec(brk->type) && brk->type != DBG_READ &&
		    guard_sum(&seen->view, &st, brk) != seen->sum[i])
			return brk;
	}
	return NULL;
}

struct dbg_break *dbg_guard_hit_locked(struct dbg *dbg, unsigned int index, bool *is_write)
{
	struct dbg_seen *seen = dbg->vcpu[index].seen;
	struct vcpu *vcpu = vm_vcpu(dbg->vm, index);
	struct dbg_break *brk;
	unsigned int i;

	for (i = 0; i < seen->nr_hits; i++) {
		brk = &dbg->brk[seen->hit[i].index];
		*is_write = seen->hit[i].is_write;
		if (dbg_counts(dbg, brk, vcpu))
			return brk;
	}
	if (!seen->touch.vague)
		return NULL;
	*is_write = true;
	brk = guard_changed(dbg, index);
	return brk && dbg_counts(dbg, brk, vcpu) ? brk : NULL;
}
