/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Events that KVM has no exit for, found another way: an exception by a breakpoint
 * on the handler that the IDT names; the entry of a process by keeping the page
 * table that its CR3 names from the guest, so that the first walk through it comes
 * to us; a mode switch by stepping until long mode.
 */
#include <stdio.h>
#include <string.h>

#include "dbg/dbg-priv.h"
#include "inspect/tables.h"

#define PLACE_ERROR_VECTORS                                                                     \
	(1u << 8 | 1u << 10 | 1u << 11 | 1u << 12 | 1u << 13 | 1u << 14 | 1u << 17 | 1u << 21 | \
	 1u << 29 | 1u << 30)
#define PLACE_CR3_PAGE 0x000ffffffffff000ull

/* --- exceptions and interrupts --- */

/* The error code that the processor has pushed, as the handler's first instruction finds it. */
static bool place_error(struct dbg *dbg, const struct x86_state *st, unsigned int vector,
			uint32_t *error)
{
	unsigned int bits = x86_mode_bits(x86_state_mode(st));
	uint64_t sp = st->gpr[X86_RSP], value = 0;
	size_t size = bits / 8, got;
	struct vm_view view;

	if (vector > 31 || !(PLACE_ERROR_VECTORS & 1u << vector) || !(st->cr0 & X86_CR0_PE))
		return false;
	if (bits != 64)
		sp = (uint32_t)(sp + st->seg[X86_SS].base);
	vm_view_memory(dbg->vm, &view);
	got = view_read_va_as(&view, st, sp, &value, size);
	*error = (uint32_t)value;
	return got == size;
}

/* A handler is entered: in the vCPU's thread, under the lock. */
static bool place_entered(void *ctx, const struct dbg_break *brk, unsigned int vcpu,
			  const struct x86_state *st)
{
	struct dbg_caught what = { .vcpu = vcpu, .at = brk->value };
	struct dbg *dbg = ctx;
	bool stop;

	what.kind = DBG_CATCH_INTERRUPT;
	stop = dbg_catch_take_locked(dbg, &what, st);
	what.kind = DBG_CATCH_EXCEPTION;
	what.has_error = place_error(dbg, st, (unsigned int)brk->value, &what.error);
	return dbg_catch_take_locked(dbg, &what, st) || stop;
}

static void place_remove(struct dbg *dbg)
{
	size_t i, kept = 0;

	for (i = 0; i < dbg->nr; i++) {
		if (dbg->brk[i].owner != DBG_OWNER_CATCH)
			dbg->brk[kept++] = dbg->brk[i];
	}
	dbg->nr = kept;
}

/* Whether a breakpoint on the handler of VECTOR is in the table now. */
static bool place_vector(struct dbg *dbg, const struct vm_view *view, unsigned int index,
			 unsigned int vector)
{
	const struct x86_state *st = &view->vcpu[index].state;
	struct dbg_break brk = { .type = DBG_SW,
				 .owner = DBG_OWNER_CATCH,
				 .len = 1,
				 .vcpu = -1,
				 .value = vector,
				 .cond = place_entered,
				 .cond_ctx = dbg };
	struct tables_gate gate;

	tables_gate(view, st, vector, &gate);
	if (!gate.in_limit || !gate.readable || !gate.present)
		return false;
	brk.gva = gate.offset;
	if (!(st->cr0 & X86_CR0_PE))
		brk.gva += (uint64_t)gate.sel << 4;
	if (dbg_find_locked(dbg, DBG_SW, DBG_OWNER_CATCH, brk.gva, 1))
		return true;
	if (dbg->nr == DBG_MAX_BREAKS)
		return false;
	dbg->brk[dbg->nr++] = brk;
	return true;
}

static void place_catch(struct dbg *dbg, const struct vm_view *view, struct dbg_catch *ct)
{
	unsigned int vector, i;
	bool placed = false;

	for (vector = (unsigned int)ct->lo; vector <= ct->hi; vector++) {
		for (i = 0; i < view->nr_vcpus; i++)
			placed |= place_vector(dbg, view, i, vector);
	}
	snprintf(ct->why, sizeof(ct->why), "%s", placed ? "" : "the IDT names no handler yet");
}

void dbg_catch_place_locked(struct dbg *dbg, const struct vm_view *view)
{
	struct dbg_catch *ct;

	place_remove(dbg);
	for (ct = dbg->catches.ct; view && ct < dbg->catches.ct + DBG_MAX_CATCHES; ct++) {
		if (ct->id && ct->kind <= DBG_CATCH_INTERRUPT)
			place_catch(dbg, view, ct);
	}
}

/* --- processes --- */

size_t dbg_catch_guards(struct dbg *dbg, const struct vm_view *view, struct dbg_guard *plan,
			size_t room)
{
	struct dbg_catch *ct;
	size_t nr = 0;
	uint8_t byte;

	for (ct = dbg->catches.ct; ct < dbg->catches.ct + DBG_MAX_CATCHES; ct++) {
		if (!ct->id || ct->kind != DBG_CATCH_PROCESS || ct->inside)
			continue;
		ct->why[0] = '\0';
		if (nr == room || view_read(view, ct->lo, &byte, 1) != 1) {
			snprintf(ct->why, sizeof(ct->why), "there is no RAM for such a table");
			continue;
		}
		plan[nr].gpa = ct->lo;
		plan[nr++].prot = 0; /* PROT_NONE */
	}
	return nr;
}

enum dbg_entry dbg_catch_entry_locked(struct dbg *dbg, unsigned int index,
				      const struct x86_state *st)
{
	struct dbg_caught what = { .kind = DBG_CATCH_PROCESS,
				   .vcpu = index,
				   .at = st->cr3 & PLACE_CR3_PAGE };
	struct dbg_catch *ct;
	bool entered = false;

	for (ct = dbg->catches.ct; ct < dbg->catches.ct + DBG_MAX_CATCHES; ct++) {
		if (!ct->id || ct->kind != DBG_CATCH_PROCESS || ct->inside || ct->lo != what.at)
			continue;
		ct->inside = entered = true;
	}
	if (!entered)
		return DBG_ENTRY_NONE;
	if (!dbg_catch_take_locked(dbg, &what, st))
		return DBG_ENTRY_PASS;
	dbg_catch_stop_locked(dbg, index, dbg->text, sizeof(dbg->text));
	return DBG_ENTRY_STOP;
}

void dbg_catch_leave(struct dbg *dbg)
{
	struct dbg_catch *ct;
	struct x86_state st;
	unsigned int i;
	bool inside;

	for (ct = dbg->catches.ct; ct < dbg->catches.ct + DBG_MAX_CATCHES; ct++) {
		if (!ct->id || !ct->inside)
			continue;
		for (i = 0, inside = false; i < vm_nr_vcpus(dbg->vm) && !inside; i++) {
			vcpu_get_state(vm_vcpu(dbg->vm, i), &st, NULL);
			inside = (st.cr3 & PLACE_CR3_PAGE) == ct->lo;
		}
		ct->inside = inside;
	}
}

/* --- modes --- */

static bool place_is_last_mode(enum x86_mode mode)
{
	return mode == X86_MODE_LONG64;
}

void dbg_watch_mode(struct dbg *dbg, unsigned int index)
{
	struct dbg_vcpu *dv = &dbg->vcpu[index];
	struct x86_state st;

	dv->watch_mode = false;
	if (!dbg_catches_any(dbg, DBG_CATCH_MODE))
		return;
	vcpu_get_state(vm_vcpu(dbg->vm, index), &st, NULL);
	dv->mode = x86_state_mode(&st);
	dv->watch_mode = !place_is_last_mode(dv->mode) && st.mp_state == X86_MP_RUNNABLE;
}

bool dbg_mode_stepped_locked(struct dbg *dbg, unsigned int index, const struct x86_state *st)
{
	struct dbg_vcpu *dv = &dbg->vcpu[index];
	struct dbg_caught what = { .kind = DBG_CATCH_MODE,
				   .vcpu = index,
				   .at = x86_state_mode(st) };

	if (what.at == dv->mode)
		return false;
	dv->mode = (enum x86_mode)what.at;
	dv->watch_mode = !place_is_last_mode(dv->mode);
	return dbg_catch_take_locked(dbg, &what, st);
}
