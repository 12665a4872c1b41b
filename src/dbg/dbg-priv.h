/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What break.c, arm.c, step.c and hook.c share; nobody else includes it. */
#ifndef VITRINE_DBG_DBG_PRIV_H
#define VITRINE_DBG_DBG_PRIV_H

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
	unsigned int stall;
	/* where the instruction may go without a trap after it; in registers that are free */
	uint64_t aim[DBG_NR_AIMS];
	unsigned int nr_aim;
	bool fault;	   /* it has met a guarded page */
	bool page;	   /* stepping with the pages open, alone */
	uint64_t seen_rip; /* an execution breakpoint here was reported; 0: none */
	struct dbg_seen *seen;
};

/* A page kept from the guest. */
struct dbg_guard {
	uint64_t gpa;
	int prot;
};

struct dbg {
	struct vm *vm;
	/*
	 * Guards the table and LAST between the main loop and the vCPU threads'
	 * hook. Never held while stopping or resuming the VM.
	 */
	pthread_mutex_t lock;
	struct dbg_break brk[DBG_MAX_BREAKS];
	size_t nr;
	unsigned int next_id;
	int slot[DBG_NR_SLOTS]; /* index into brk, or -1 */
	bool int3_known, int3_works;
	struct dbg_vcpu vcpu[VM_MAX_VCPUS];
	struct dbg_stop last;
	bool stepping_off; /* an internal stop is under way: some vCPU leaves a patch */
	bool page_known, page_works;
	struct dbg_guard guard[DBG_MAX_GUARDS];
	size_t nr_guards;
	bool guards_open;
	uint64_t hot; /* the page of code the registers are lent to (linear); 1: none */
	char text[SAMPLE_TEXT_MAX]; /* of a stop found out by the main loop */
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

/* plan.c: where the instruction of vCPU INDEX goes if no trap follows it. Main loop. */
void dbg_plan(struct dbg *dbg, const struct vm_view *view, unsigned int index);
/* Whether a trap follows the instruction at ST's rip for sure, unless it faults. Any thread. */
bool dbg_plan_is_plain(const struct vm_view *view, const struct x86_state *st);

/* hook.c: called in vCPU threads */
/* Whether BRK's conditions hold for VCPU. */
bool dbg_counts(struct dbg *dbg, struct dbg_break *brk, struct vcpu *vcpu);
/* What DBG_VALUE_CHANGED will be compared with. */
void dbg_note_value(struct dbg *dbg, struct dbg_break *brk);
/* Count the hit and say it: dbg->last, TEXT. */
void dbg_report_locked(struct dbg *dbg, struct dbg_break *brk, unsigned int vcpu, char *text,
		       size_t text_len);
enum vm_debug_verdict dbg_hook(void *ctx, const struct vm_debug_exit *ex, char *text,
			       size_t text_len);

/* step.c */
/* Called by the VM, main loop, before it sets the vCPUs going. */
void dbg_resuming(void *ctx);
/* Called by the VM, main loop, when every vCPU stands for a debug stop; true: it was internal. */
bool dbg_stopped(void *ctx, unsigned int vcpu, char *text, size_t text_len);
/* The VM has stopped and everybody will be told: undo what belonged to the last run only. */
void dbg_settle(struct dbg *dbg);

/* break.c */
struct dbg_break *dbg_find_locked(struct dbg *dbg, enum dbg_type type, enum dbg_owner owner,
				  uint64_t gva, uint64_t len);
bool dbg_is_exec(enum dbg_type type);
bool dbg_fits_register(const struct dbg_break *brk);
/* Stop the VM around a change if it runs; dbg_change_end() arms and sets it going again. */
bool dbg_change_begin(struct dbg *dbg);
void dbg_change_end(struct dbg *dbg, bool held);

#endif
