/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A record of what was executed, so that it can be taken back: before each step the
 * registers and the bytes that the instruction is about to write, in a ring. An
 * instruction whose writes cannot be told beforehand begins the record anew.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "dbg/dbg-priv.h"
#include "inspect/mmu.h"
#include "inspect/tables.h"
#include "vmm/mem.h"

#define RECORD_CHUNK  64
#define RECORD_CHUNKS 12
#define RECORD_FRAME  64 /* what an exception may push */

struct record_mem {
	uint64_t gpa;
	uint8_t len;
	uint8_t old[RECORD_CHUNK];
};

struct record_entry {
	unsigned int vcpu;
	bool repeats; /* a round of a string instruction */
	unsigned int nr;
	struct record_mem mem[RECORD_CHUNKS];
	struct x86_state st;
};

struct dbg_recording {
	size_t max, nr, next; /* a ring: the last one is before NEXT */
	struct record_entry entry[];
};

static struct record_entry *record_last(struct dbg_recording *rec)
{
	return rec->nr ? &rec->entry[(rec->next + rec->max - 1) % rec->max] : NULL;
}

static struct record_entry *record_push(struct dbg_recording *rec)
{
	struct record_entry *entry = &rec->entry[rec->next];

	rec->next = (rec->next + 1) % rec->max;
	if (rec->nr < rec->max)
		rec->nr++;
	return entry;
}

static void record_pop(struct dbg_recording *rec)
{
	rec->next = (rec->next + rec->max - 1) % rec->max;
	rec->nr--;
}

void dbg_record_clear(struct dbg *dbg)
{
	if (dbg->record)
		dbg->record->nr = dbg->record->next = 0;
}

/* Keep LEN bytes at linear address GVA; false: there is no room for them. */
static bool record_keep(struct record_entry *entry, const struct vm_view *view, uint64_t gva,
			uint64_t len)
{
	struct record_mem *mem;
	uint64_t gpa, piece;

	for (; len; gva += piece, len -= piece) {
		piece = 4096 - (gva & 4095);
		if (piece > len)
			piece = len;
		if (piece > RECORD_CHUNK)
			piece = RECORD_CHUNK;
		if (!mmu_translate(view, &entry->st, gva, &gpa))
			continue; /* it will fault, or is no memory */
		if (entry->nr == RECORD_CHUNKS)
			return false;
		mem = &entry->mem[entry->nr];
		mem->gpa = gpa;
		mem->len = (uint8_t)view_read(view, gpa, mem->old, piece);
		entry->nr += mem->len > 0;
	}
	return true;
}

/* Where an exception would push its frame. */
static bool record_keep_stack(struct record_entry *entry, const struct vm_view *view)
{
	const struct x86_state *st = &entry->st;
	uint64_t sp = st->gpr[X86_RSP];
	struct tables_tss tss;

	if (x86_mode_bits(x86_state_mode(st)) != 64)
		sp = (uint32_t)(sp + st->seg[X86_SS].base);
	if (!record_keep(entry, view, sp - RECORD_FRAME, RECORD_FRAME))
		return false;
	if (x86_state_cpl(st) != 3)
		return true;
	tables_tss(view, st, &tss);
	return !tss.readable || record_keep(entry, view, tss.rsp[0] - RECORD_FRAME, RECORD_FRAME);
}

/* INT, IRET, SYSCALL, far calls and returns: they write to the stack only, which is kept anyway. */
static bool record_is_transfer(const struct record_entry *entry, const struct vm_view *view)
{
	struct dbg_op op;

	if (!dbg_plan_op(view, &entry->st, &op))
		return false;
	switch (op.op) {
	case 0x9a:
	case 0xca:
	case 0xcb:
	case 0xcc:
	case 0xcd:
	case 0xce:
	case 0xcf:
	case 0xea:
	case 0xff:
		return true;
	}
	return op.op == 0x0f &&
	       (op.next == 0x05 || op.next == 0x07 || op.next == 0x34 || op.next == 0x35);
}

static bool record_keep_insn(struct record_entry *entry, const struct vm_view *view)
{
	struct insn_touch touch;
	uint8_t bytes[15];
	unsigned int i;
	size_t len;

	len = view_read_va_as(view, &entry->st, x86_state_linear_rip(&entry->st), bytes,
			      sizeof(bytes));
	insn_touches(&entry->st, bytes, len, &touch);
	if (touch.vague && touch.len && !record_is_transfer(entry, view))
		return false;
	for (i = 0; i < touch.nr; i++) {
		if (touch.acc[i].write &&
		    !record_keep(entry, view, touch.acc[i].gva, touch.acc[i].len))
			return false;
	}
	return true;
}

static void record_note(struct dbg *dbg, const struct vm_view *view, unsigned int index)
{
	struct record_entry *entry = record_push(dbg->record);

	entry->vcpu = index;
	entry->nr = 0;
	entry->st = view->vcpu[index].state;
	entry->repeats = dbg_plan_repeats(view, &entry->st);
	dbg->vcpu[index].repeats = entry->repeats;
	if (!record_keep_insn(entry, view) || !record_keep_stack(entry, view))
		dbg_record_clear(dbg);
}

void dbg_record_note(struct dbg *dbg, const struct vm_view *view)
{
	unsigned int i;

	for (i = 0; dbg->record && i < vm_nr_vcpus(dbg->vm); i++) {
		if (dbg->vcpu[i].rec)
			record_note(dbg, view, i);
	}
}

/* The one that was told to step, else the one that stopped, else the first that may go. */
static unsigned int record_vcpu(const struct dbg *dbg)
{
	unsigned int i, stop = vm_sample(dbg->vm)->stop_vcpu, nr = vm_nr_vcpus(dbg->vm);

	for (i = 0; i < nr; i++) {
		if (dbg->vcpu[i].res.action == DBG_STEP || dbg->vcpu[i].res.action == DBG_RANGE)
			return i;
	}
	if (stop < nr && dbg->vcpu[stop].res.action != DBG_HOLD)
		return stop;
	for (i = 0; i < nr - 1 && dbg->vcpu[i].res.action == DBG_HOLD; i++)
		;
	return i;
}

void dbg_record_choose(struct dbg *dbg)
{
	unsigned int i, chosen;

	for (i = 0; i < vm_nr_vcpus(dbg->vm); i++)
		dbg->vcpu[i].rec = false;
	if (!dbg->record)
		return;
	chosen = record_vcpu(dbg);
	for (i = 0; i < vm_nr_vcpus(dbg->vm); i++) {
		dbg->vcpu[i].rec = i == chosen;
		if (i != chosen)
			dbg->vcpu[i].res.action = DBG_HOLD;
	}
}

void dbg_record_settle(struct dbg *dbg)
{
	struct record_entry *last = dbg->record ? record_last(dbg->record) : NULL;
	struct x86_state st;

	if (!last)
		return;
	vcpu_get_state(vm_vcpu(dbg->vm, last->vcpu), &st, NULL);
	if (st.rip == last->st.rip && !memcmp(st.gpr, last->st.gpr, sizeof(st.gpr)))
		record_pop(dbg->record);
}

int dbg_record(struct dbg *dbg, size_t steps, struct err *err)
{
	struct dbg_recording *rec = NULL;

	if (vm_state(dbg->vm) == VM_STATE_RUNNING)
		return err_set(err, EBUSY, "stop the guest first");
	if (steps && dbg->alone)
		return err_set(err, EBUSY, "not in gdb's non-stop mode");
	if (steps > DBG_RECORD_MAX)
		return err_set(err, EINVAL, "no more than %d steps", DBG_RECORD_MAX);
	if (steps) {
		rec = calloc(1, sizeof(*rec) + steps * sizeof(rec->entry[0]));
		if (!rec)
			return err_set(err, ENOMEM, "no memory for %zu steps", steps);
		rec->max = steps;
	}
	free(dbg->record);
	dbg->record = rec;
	return 0;
}

size_t dbg_recorded(const struct dbg *dbg, size_t *max)
{
	if (max)
		*max = dbg->record ? dbg->record->max : 0;
	return dbg->record ? dbg->record->nr : 0;
}

/* --- back --- */

static int record_undo(struct dbg *dbg, const struct record_entry *entry, struct err *err)
{
	unsigned int i;
	int ret = 0;

	for (i = entry->nr; i > 0 && !ret; i--)
		ret = dbg_write_phys(dbg, entry->mem[i - 1].gpa, entry->mem[i - 1].old,
				     entry->mem[i - 1].len, err);
	return ret;
}

/* All rounds of a string instruction are one. */
static bool record_goes_on(struct dbg_recording *rec, uint64_t rip)
{
	const struct record_entry *last = record_last(rec);

	return last && last->repeats && last->st.rip == rip;
}

/* A watchpoint that an instruction about to be taken back has met. */
struct record_watch {
	const struct dbg_break *brk; /* NULL: none */
	uint64_t value;		     /* what is there after it */
};

static bool record_meets(struct dbg *dbg, const struct vm_view *view,
			 const struct record_entry *entry, const struct insn_touch *touch,
			 const struct dbg_break *brk, uint64_t *value)
{
	unsigned int i;

	for (i = 0; i < touch->nr; i++) {
		if (!dbg_is_touched(view, &entry->st, brk, &touch->acc[i]))
			continue;
		dbg_watched_value(dbg, brk, &entry->st, value);
		return (brk->when != DBG_VALUE_EQUAL || *value == brk->value) &&
		       (!brk->cond || brk->cond(brk->cond_ctx, brk, entry->vcpu, &entry->st));
	}
	return false;
}

/* Before it is taken back; the instruction is decoded once more, with the registers it had. */
static void record_look(struct dbg *dbg, const struct record_entry *entry,
			struct record_watch *watch)
{
	struct insn_touch touch;
	struct vm_view view;
	uint8_t bytes[15];
	size_t len, i;

	vm_view_memory(dbg->vm, &view);
	len = view_read_va_as(&view, &entry->st, x86_state_linear_rip(&entry->st), bytes,
			      sizeof(bytes));
	insn_touches(&entry->st, bytes, len, &touch);
	for (i = 0; i < dbg->nr && !watch->brk; i++) {
		if (!dbg_is_exec(dbg->brk[i].type) &&
		    record_meets(dbg, &view, entry, &touch, &dbg->brk[i], &watch->value))
			watch->brk = &dbg->brk[i];
	}
}

/* After it: whether the value has changed where that is asked for. */
static const struct dbg_break *record_watched(struct dbg *dbg, const struct record_watch *watch,
					      const struct x86_state *st)
{
	uint64_t now;

	if (!watch->brk || watch->brk->when != DBG_VALUE_CHANGED)
		return watch->brk;
	dbg_watched_value(dbg, watch->brk, st, &now);
	return now != watch->value ? watch->brk : NULL;
}

/* The last instruction is taken back from memory; its registers to ST. */
static int record_back(struct dbg *dbg, struct x86_state *st, unsigned int *vcpu,
		       struct record_watch *watch, struct err *err)
{
	struct record_entry *last;
	int ret;

	*watch = (struct record_watch){ .brk = NULL };
	do {
		last = record_last(dbg->record);
		record_look(dbg, last, watch);
		ret = record_undo(dbg, last, err);
		*st = last->st;
		*vcpu = last->vcpu;
		record_pop(dbg->record);
	} while (!ret && last->repeats && record_goes_on(dbg->record, st->rip));
	return ret;
}

/* A breakpoint before the instruction ST stands at. */
static const struct dbg_break *record_break(struct dbg *dbg, const struct x86_state *st,
					    unsigned int vcpu)
{
	uint64_t pc = x86_state_linear_rip(st);
	struct dbg_break *brk;
	size_t i;

	for (i = 0; i < dbg->nr; i++) {
		brk = &dbg->brk[i];
		if ((brk->type != DBG_SW && brk->type != DBG_HW) || brk->gva != pc || brk->phys ||
		    (brk->vcpu >= 0 && (unsigned int)brk->vcpu != vcpu) ||
		    (brk->cond && !brk->cond(brk->cond_ctx, brk, vcpu, st)))
			continue;
		return brk;
	}
	return NULL;
}

static void record_stopped(struct dbg *dbg, const struct dbg_break *brk, unsigned int vcpu)
{
	pthread_mutex_lock(&dbg->lock);
	dbg->last = (struct dbg_stop){ .kind = DBG_STOP_STEP, .vcpu = vcpu };
	if (brk)
		dbg->last = (struct dbg_stop){ .kind = dbg_is_exec(brk->type) ? DBG_STOP_BREAK
									      : DBG_STOP_WATCH,
					       .vcpu = vcpu,
					       .type = brk->type,
					       .owner = brk->owner,
					       .id = brk->id,
					       .gva = brk->gva };
	pthread_mutex_unlock(&dbg->lock);
}

int dbg_reverse(struct dbg *dbg, bool one, unsigned int *vcpu, enum dbg_back *how, struct err *err)
{
	const struct dbg_break *brk = NULL;
	enum vm_state state = vm_state(dbg->vm);
	struct record_watch watch;
	struct x86_state st;
	bool moved = false;
	int ret = 0;

	if (!dbg->record)
		return err_set(err, ENOENT, "nothing is recorded (monitor record on)");
	if (state != VM_STATE_DEBUG && state != VM_STATE_PAUSED)
		return err_set(err, EBUSY, "the guest does not stand where it could go on");
	*how = DBG_BACK_BEGIN;
	while (!ret && record_last(dbg->record) && *how == DBG_BACK_BEGIN) {
		ret = record_back(dbg, &st, vcpu, &watch, err);
		moved = true;
		brk = one ? NULL : record_watched(dbg, &watch, &st);
		if (!one && !brk)
			brk = record_break(dbg, &st, *vcpu);
		if (one || brk)
			*how = one ? DBG_BACK_STEP : DBG_BACK_BREAK;
	}
	if (!ret && moved)
		ret = vcpu_set_state(vm_vcpu(dbg->vm, *vcpu), &st, err);
	record_stopped(dbg, brk, moved ? *vcpu : 0);
	return ret;
}
