/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What break.c, arm.c, step.c and hook.c share; nobody else includes it. */
#ifndef VITRINE_DBG_DBG_PRIV_H
#define VITRINE_DBG_DBG_PRIV_H

#include <event2/event.h>
#include <pthread.h>

#include "dbg/dbg.h"
#include "inspect/insn.h"
#include "vmm/vcpu.h"

#define DBG_MAX_BREAKS 256
#define DBG_NR_SLOTS   4
#define DBG_STALL_MAX  8
#define DBG_NR_AIMS    4
#define DBG_MAX_GUARDS 4096 /* pages: 16 MiB */

#define DBG_DR6_BS (1ull << 14)

/* What one vCPU was told to do. Written while it stands, read by its own thread. */
struct dbg_vcpu {
	struct dbg_resume res;
	bool off;	   /* stepping off a patch before the real action */
	uint64_t step_rip; /* linear rip when the last step began */
	uint64_t step_gpr[X86_NR_GPR];
	struct x86_state step_st;  /* all of it, when the last step began */
	struct x86_state step_now; /* and after it */
	unsigned int stall;
	/* where the instruction may go without a trap after it; in registers that are free */
	uint64_t aim[DBG_NR_AIMS];
	unsigned int nr_aim;
	bool fault;	 /* it has met a guarded page */
	bool page;	 /* stepping with the pages open, alone */
	bool rec;	 /* it is recorded: stepped, alone */
	bool repeats;	 /* a string instruction that does is being recorded */
	bool watch_mode; /* stepping until it is in long mode */
	enum x86_mode mode;
	uint64_t seen_rip; /* an execution breakpoint here was reported; 0: none */
	struct dbg_seen *seen;
	struct dbg_stop stop; /* of its last debug exit; under dbg->lock */
};

#define DBG_CATCH_LINES 128
#define DBG_CATCH_LINE	160

/* What is caught, and what was. Under dbg->lock, but KINDS. */
struct dbg_catches {
	struct dbg_catch ct[DBG_MAX_CATCHES]; /* id 0: free */
	unsigned int next_id;
	unsigned int
		kinds; /* bits of enum dbg_catch_kind that are in CT; written while all stand */
	char line[DBG_CATCH_LINES][DBG_CATCH_LINE];
	uint64_t nr_lines;
	char text[SAMPLE_TEXT_MAX]; /* of the last hit */
};

/* A page kept from the guest. */
struct dbg_guard {
	uint64_t gpa;
	int prot;
};

struct dbg {
	struct vm *vm;
	/*
	 * Guards the table and every STOP between the main loop and the vCPU threads'
	 * hook. Never held while stopping or resuming the VM.
	 */
	pthread_mutex_t lock;
	struct dbg_break brk[DBG_MAX_BREAKS];
	size_t nr;
	unsigned int next_id;
	int slot[DBG_NR_SLOTS]; /* index into brk, or -1 */
	bool int3_known, int3_works;
	struct dbg_vcpu vcpu[VM_MAX_VCPUS];
	struct dbg_stop last; /* the one that was told */
	dbg_alone_fn alone;   /* non-stop: NULL is off */
	void *alone_ctx;
	bool stepping_off; /* an internal stop is under way: some vCPU leaves a patch */
	bool page_known, page_works;
	struct dbg_guard guard[DBG_MAX_GUARDS];
	size_t nr_guards;
	bool guards_open;
	uint64_t hot; /* the page of code the registers are lent to (linear); 1: none */
	char text[SAMPLE_TEXT_MAX]; /* of a stop found out by the main loop */
	struct dbg_catches catches;
	struct dbg_recording *record; /* NULL: none */
	struct event *tend;	      /* see tend.c */
	bool tended;		      /* it is running */
	unsigned int tend_count;
};

/* arm.c */
/* Decide on engines, patch memory, program debug registers. The VM stands. */
void dbg_arm(struct dbg *dbg);
/* Take every patch out of memory (and leave the table). The VM stands. */
void dbg_unpatch_all(struct dbg *dbg);
/* Put one patch in or out. */
void dbg_patch(struct dbg *dbg, struct dbg_break *brk);
void dbg_unpatch(struct dbg *dbg, struct dbg_break *brk);
/* Its RAM is gone: only the note goes. */
void dbg_forget_patch(struct dbg *dbg, struct dbg_break *brk);
/* Whether it goes a single instruction at a time: because that was asked, or to see its mode. */
static inline bool dbg_steps_asked(const struct dbg_vcpu *dv)
{
	return dv->off || dv->rec || dv->res.action == DBG_STEP || dv->res.action == DBG_RANGE;
}

static inline bool dbg_steps(const struct dbg_vcpu *dv)
{
	return dbg_steps_asked(dv) || dv->watch_mode;
}

/* Tell KVM what vCPU INDEX has to watch for. */
int dbg_arm_vcpu(struct dbg *dbg, unsigned int index, struct err *err);
/* Whether this host's KVM hands int3 to us; asked once. */
bool dbg_int3_works(struct dbg *dbg);
/*
 * Whether PC is in a page with breakpoints that no register has now, though all of that page would
 * find one: then that page is to have them.
 */
bool dbg_lend_registers(const struct dbg *dbg, uint64_t pc);

/* guard.c: page protection */
/* Whether it works on this host; asked once. */
bool dbg_page_works(struct dbg *dbg);
/* Find the pages of every breakpoint with engine DBG_PAGE and protect them. The VM stands. */
void dbg_guard_arm(struct dbg *dbg, const struct vm_view *view);
/* Let the guest at all of them. */
void dbg_guard_open(struct dbg *dbg);
/* In a vCPU's thread: it met EFAULT. */
enum vm_debug_verdict dbg_guarded(void *ctx, unsigned int vcpu);
/*
 * Main loop: look at what vCPU INDEX was about to do. True: it stands before an instruction that
 * has a breakpoint, which is in dbg->last and dbg->text. Else it is ready to step with the pages
 * open.
 */
bool dbg_guard_look(struct dbg *dbg, unsigned int index);
/* After that step: a watchpoint that it has hit, or NULL. */
struct dbg_break *dbg_guard_hit_locked(struct dbg *dbg, unsigned int index, bool *is_write);

/* In the vCPU's thread, that step done: leave, step on with the pages open, or stand (reported). */
enum guard_next { GUARD_LEAVE, GUARD_STEP, GUARD_STAND };
enum guard_next dbg_guard_next_locked(struct dbg *dbg, unsigned int index, char *text,
				      size_t text_len);
void dbg_guard_free(struct dbg_vcpu *dv);
/* Whether ACC, an access with the registers ST, is what the watchpoint BRK is for. Any thread. */
bool dbg_is_touched(const struct vm_view *view, const struct x86_state *st,
		    const struct dbg_break *brk, const struct insn_access *acc);

/* plan.c: where the instruction of vCPU INDEX goes if no trap follows it. Main loop. */
void dbg_plan(struct dbg *dbg, const struct vm_view *view, unsigned int index);
struct dbg_op {
	unsigned int bits, size; /* of the code, of the operand in bytes */
	uint8_t op, next;	 /* opcode, and the byte behind it */
	bool rep;
};

/* The instruction at ST's rip; false: unreadable. Any thread. */
bool dbg_plan_op(const struct vm_view *view, const struct x86_state *st, struct dbg_op *op);
/* Whether the instruction at ST's rip is a string instruction that repeats. Any thread. */
bool dbg_plan_repeats(const struct vm_view *view, const struct x86_state *st);
/* Whether a trap follows the instruction at ST's rip for sure, unless it faults. Any thread. */
bool dbg_plan_is_plain(const struct vm_view *view, const struct x86_state *st);

/* hide.c: a step from BEFORE to NOW left its trap flag somewhere. In the vCPU's thread. */
void dbg_hide_trap_flag(struct dbg *dbg, unsigned int index, const struct vm_view *view,
			const struct x86_state *before, const struct x86_state *now);
/*
 * All stand while vCPU INDEX was stepping: it may have come to a handler, and be kept from
 * executing what would have told. Main loop.
 */
void dbg_hide_cut_step(struct dbg *dbg, unsigned int index);

/* hook.c: called in vCPU threads */
/* Whether BRK's conditions hold for VCPU. */
bool dbg_counts(struct dbg *dbg, struct dbg_break *brk, struct vcpu *vcpu);
/* What is at a watched address, by the page tables of ST; up to 8 bytes. False: not mapped. */
bool dbg_watched_value(struct dbg *dbg, const struct dbg_break *brk, const struct x86_state *st,
		       uint64_t *out);
/* What DBG_VALUE_CHANGED will be compared with. */
void dbg_note_value(struct dbg *dbg, struct dbg_break *brk);
/* Count the hit and say it: dbg->last, TEXT. */
void dbg_report_locked(struct dbg *dbg, struct dbg_break *brk, unsigned int vcpu, char *text,
		       size_t text_len);
enum vm_debug_verdict dbg_hook(void *ctx, const struct vm_debug_exit *ex, char *text,
			       size_t text_len);

/* catch.c */
/* Something happened to a vCPU that stands or is in its own thread: true: it shall stop. */
bool dbg_catch_take_locked(struct dbg *dbg, const struct dbg_caught *what,
			   const struct x86_state *st);
/* Stop because of what was taken last. */
void dbg_catch_stop_locked(struct dbg *dbg, unsigned int vcpu, char *text, size_t text_len);
/* For struct vm_debug_ops. */
bool dbg_catch_accessed(void *ctx, const struct vm_access *acc, char *text, size_t text_len);
bool dbg_catch_reset(void *ctx, unsigned int vcpu, char *text, size_t text_len);
void dbg_catch_crashed(struct dbg *dbg, unsigned int vcpu);
static inline bool dbg_catches_any(const struct dbg *dbg, enum dbg_catch_kind kind)
{
	return dbg->catches.kinds & 1u << kind;
}

/* catch-place.c: what the machine has to be armed with for them */
/* Breakpoints on the handlers that the IDTs name now. VIEW may be NULL. */
void dbg_catch_place_locked(struct dbg *dbg, const struct vm_view *view);
/* The pages that processes are known by; how many were put into PLAN, which has room for ROOM. */
size_t dbg_catch_guards(struct dbg *dbg, const struct vm_view *view, struct dbg_guard *plan,
			size_t room);
/* A vCPU that met a guarded page: is it a process that begins? */
enum dbg_entry { DBG_ENTRY_NONE, DBG_ENTRY_PASS, DBG_ENTRY_STOP };
enum dbg_entry dbg_catch_entry_locked(struct dbg *dbg, unsigned int index,
				      const struct x86_state *st);
/* Close the tables of processes that no vCPU executes any more. The VM stands. */
void dbg_catch_leave(struct dbg *dbg);
/* Whether vCPU INDEX, which stands, has to be stepped because of its mode. */
void dbg_watch_mode(struct dbg *dbg, unsigned int index);
/* In the vCPU's thread, a step done: true: stop. */
bool dbg_mode_stepped_locked(struct dbg *dbg, unsigned int index, const struct x86_state *st);

/* record.c. Main loop. */
/* The VM is about to go: choose the processor that is recorded, the others stand. */
void dbg_record_choose(struct dbg *dbg);
/* Before each instruction of it. */
void dbg_record_note(struct dbg *dbg, const struct vm_view *view);
/* It has stopped: an instruction that was not executed is forgotten. */
void dbg_record_settle(struct dbg *dbg);
/* What was is not so any more (reset, snapshot). */
void dbg_record_clear(struct dbg *dbg);

/* tend.c: what has to be looked after while the guest runs. Main loop. */
int dbg_tend_create(struct dbg *dbg, struct err *err);
void dbg_tend_destroy(struct dbg *dbg);
/* After arming: run the timer if there is something to look after. */
void dbg_tend_update(struct dbg *dbg);

/* step.c */
/* Called by the VM, main loop, before it sets the vCPUs going. */
void dbg_resuming(void *ctx);
/* Called by the VM, main loop, when every vCPU stands for a debug stop; true: it was internal. */
bool dbg_stopped(void *ctx, unsigned int *vcpu, char *text, size_t text_len);
/* Every vCPU stands for a moment: arm those that are to go on. */
void dbg_go_on(struct dbg *dbg);
/* Vcpu INDEX, which stands, is about to be set going anew. */
void dbg_prepare_vcpu(struct dbg *dbg, unsigned int index);
/* What belonged to the last run of it is over. */
void dbg_settle_vcpu(struct dbg *dbg, unsigned int index);
/* The VM has stopped and everybody will be told: undo what belonged to the last run only. */
void dbg_settle(struct dbg *dbg);

/* alone.c */
/* Non-stop, every vCPU stands because of VCPU: true where it stays so alone, and that was told. */
bool dbg_stop_alone(struct dbg *dbg, unsigned int vcpu, const char *text);

/* break.c */
struct dbg_break *dbg_find_locked(struct dbg *dbg, enum dbg_type type, enum dbg_owner owner,
				  uint64_t gva, uint64_t len);
bool dbg_is_exec(enum dbg_type type);
bool dbg_fits_register(const struct dbg_break *brk);
/* Stop the VM around a change if it runs; dbg_change_end() arms and sets it going again. */
bool dbg_change_begin(struct dbg *dbg);
void dbg_change_end(struct dbg *dbg, bool held);

#endif
