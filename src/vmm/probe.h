/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What this host's KVM really does, asked with tiny guests. Each probe has a VM
 * of its own and a time limit; an odd KVM costs a "no", never a hang.
 */
#ifndef VITRINE_VMM_PROBE_H
#define VITRINE_VMM_PROBE_H

#include <stdbool.h>
#include <stddef.h>

enum probe_id {
	PROBE_REAL,	  /* runs real-mode code */
	PROBE_PROTECTED,  /* runs 32-bit protected mode with paging */
	PROBE_LONG,	  /* runs 64-bit code */
	PROBE_INT3,	  /* int3 under KVM_GUESTDBG_USE_SW_BP exits, with the right rip */
	PROBE_HW_BREAK,	  /* debug-register execution breakpoint exits */
	PROBE_WATCH,	  /* debug-register data watchpoint exits */
	PROBE_STEP,	  /* single step exits after one instruction */
	PROBE_BLOCK_IRQ,  /* a pending interrupt waits while stepping with BLOCKIRQ */
	PROBE_ROM,	  /* a write to a read-only memslot exits as MMIO */
	PROBE_GUARD,	  /* a write to a page the host protects ends before the instruction */
	PROBE_DIRTY,	  /* the dirty log names a written page */
	PROBE_SYNC_REGS,  /* registers arrive with the exit */
	PROBE_MSR_FILTER, /* an MSR access can be sent to user space */
	PROBE_STATS,	  /* statistics file descriptor */
	PROBE_TRIPLE,	  /* a triple fault keeps the registers of the faulting instruction */
	PROBE_NR,
};

enum probe_result { PROBE_YES, PROBE_NO, PROBE_TIMEOUT, PROBE_FAILED };

/*
 * Run one probe (at most 2 s), or give the answer this process already has.
 * DETAIL (may be NULL) receives what was seen, one short line. Any thread.
 */
enum probe_result probe_run(enum probe_id id, char *detail, size_t len);
/* "int3", "watch", ... */
const char *probe_name(enum probe_id id);

#endif
