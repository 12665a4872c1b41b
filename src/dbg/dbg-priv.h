/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What break.c, arm.c, step.c and hook.c share; nobody else includes it. */
#ifndef VITRINE_DBG_DBG_PRIV_H
#define VITRINE_DBG_DBG_PRIV_H

#include <pthread.h>

#include "dbg/dbg.h"
#include "vmm/vcpu.h"

#define DBG_MAX_BREAKS 256
#define DBG_NR_SLOTS   4
#define DBG_STALL_MAX  8

#define DBG_DR6_BS (1ull << 14)

/* What one vCPU was told to do. Written while it stands, read by its own thread. */
struct dbg_vcpu {
	struct dbg_resume res;
	bool off;	   /* stepping off a patch before the real action */
	uint64_t step_rip; /* linear rip when the last step began */
	uint64_t step_gpr[X86_NR_GPR];
	unsigned int stall;
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

/* hook.c: called in vCPU threads */
enum vm_debug_verdict dbg_hook(void *ctx, const struct vm_debug_exit *ex, char *text,
			       size_t text_len);

/* step.c */
/* Called by the VM, main loop, before it sets the vCPUs going. */
void dbg_resuming(void *ctx);
/* Called by the VM, main loop, when every vCPU stands for a debug stop; true: it was internal. */
bool dbg_stopped(void *ctx, unsigned int vcpu);
/* The VM has stopped and everybody will be told: undo what belonged to the last run only. */
void dbg_settle(struct dbg *dbg);

/* break.c */
struct dbg_break *dbg_find_locked(struct dbg *dbg, enum dbg_type type, enum dbg_owner owner,
				  uint64_t gva, uint64_t len);
bool dbg_is_exec(enum dbg_type type);
/* Stop the VM around a change if it runs; dbg_change_end() arms and sets it going again. */
bool dbg_change_begin(struct dbg *dbg);
void dbg_change_end(struct dbg *dbg, bool held);

#endif
