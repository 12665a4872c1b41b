/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Control of a running guest: breakpoints, watchpoints, steps. One instance a
 * VM, shared by gdb, the dashboard and the monitor. [main] throughout: the main
 * loop's thread; what vCPU threads need of it is inside, under its own lock.
 */
#ifndef VITRINE_DBG_DBG_H
#define VITRINE_DBG_DBG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/err.h"
#include "vmm/vm.h"

struct dbg;

/* The first five are the numbers of gdb's Z packets. */
enum dbg_type {
	DBG_SW,
	DBG_HW,
	DBG_WRITE,
	DBG_READ,
	DBG_ACCESS,
	DBG_EXEC, /* an instruction anywhere in the range */
};

enum dbg_owner {
	DBG_OWNER_USER, /* dashboard, monitor */
	DBG_OWNER_GDB,
	DBG_OWNER_TEMP,	 /* step over, finish, until: gone at the next stop */
	DBG_OWNER_CATCH, /* the handler of an exception that is caught */
};

/* How a breakpoint is kept now. */
enum dbg_engine {
	DBG_PENDING, /* nowhere yet: not mapped and no debug register free */
	DBG_PATCH,   /* int3 in guest memory, hidden from every reader */
	DBG_REG,     /* a debug register */
	DBG_PAGE,    /* its page is kept from the guest; each access there is looked at */
};

/* A watchpoint's condition on the value there (up to 8 bytes) after the access. */
enum dbg_value { DBG_VALUE_ANY, DBG_VALUE_CHANGED, DBG_VALUE_EQUAL };

struct dbg_break {
	unsigned int id; /* 1...; 0 for temporary ones */
	enum dbg_type type;
	enum dbg_owner owner;
	enum dbg_engine engine;
	uint64_t gva, len;
	bool phys; /* GVA is guest-physical; not for DBG_HW */
	enum dbg_value when;
	uint64_t value; /* DBG_VALUE_EQUAL: this; DBG_VALUE_CHANGED: the last one seen */
	char why[48];	/* why it is kept as it is, where one would expect better; or "" */
	uint64_t gpa;	/* of a patch */
	uint8_t orig;	/* the byte under a patch */
	uint8_t slot;	/* of a register */
	uint64_t hits;
	/* a temporary one counts on this vCPU (-1: any) with rsp at or above min_rsp only */
	int vcpu;
	uint64_t min_rsp;
	char label[64]; /* symbol as the user gave it, or "" */
	/* Further condition, in the vCPU's thread with its registers: false lets the guest go on.
	 */
	bool (*cond)(void *ctx, const struct dbg_break *brk, unsigned int vcpu,
		     const struct x86_state *st);
	void *cond_ctx;
};

int dbg_create(struct vm *vm, struct dbg **out, struct err *err);
/* Disarms everything. NULL is fine. */
void dbg_destroy(struct dbg *dbg);
struct vm *dbg_vm(const struct dbg *dbg);

/*
 * Insert a breakpoint or watchpoint; the one that is there already (same type,
 * owner, gva, len) is kept. LABEL may be NULL, COND may be NULL. The VM may run: it is stopped and
 * resumed around the change. ID (may be NULL) receives its number. What no debug register can do,
 * and what comes when they are used up, is done by page protection (dbg_break.why says so); -ENOSPC
 * or -EINVAL with the reason where the host's KVM cannot do that either.
 */
int dbg_insert(struct dbg *dbg, const struct dbg_break *want, unsigned int *id, struct err *err);
/* -ENOENT. */
int dbg_remove(struct dbg *dbg, enum dbg_type type, enum dbg_owner owner, uint64_t gva,
	       uint64_t len, struct err *err);
int dbg_remove_id(struct dbg *dbg, unsigned int id, struct err *err);
void dbg_remove_owner(struct dbg *dbg, enum dbg_owner owner);
/* The table; valid until the next change. */
const struct dbg_break *dbg_table(const struct dbg *dbg, size_t *nr);

enum dbg_action { DBG_HOLD, DBG_CONTINUE, DBG_STEP, DBG_RANGE };

struct dbg_resume {
	enum dbg_action action;
	uint64_t start, end; /* DBG_RANGE: step while start <= rip < end */
	bool allow_irq;	     /* let interrupts in while stepping (default: held off) */
};

/* Set the VM going, RES[i] for vCPU i (NULL: all continue). The stop comes as VM_EVENT_STOP. */
int dbg_resume(struct dbg *dbg, const struct dbg_resume *res, struct err *err);
/* One instruction of VCPU, the others held. */
int dbg_step(struct dbg *dbg, unsigned int vcpu, struct err *err);
/* One instruction, calls taken as one; the others run meanwhile if it is a call. */
int dbg_over(struct dbg *dbg, unsigned int vcpu, struct err *err);
/* Run until VCPU's function has returned to RET (the caller found it by unwinding). */
int dbg_finish(struct dbg *dbg, unsigned int vcpu, uint64_t ret, struct err *err);
/* Run until VCPU (or any: -1) reaches GVA. */
int dbg_until(struct dbg *dbg, int vcpu, uint64_t gva, struct err *err);

enum dbg_stop_kind {
	DBG_STOP_NONE,
	DBG_STOP_STEP,
	DBG_STOP_BREAK,
	DBG_STOP_WATCH,
	DBG_STOP_CATCH, /* the VM's stop text says what */
};

struct dbg_stop {
	enum dbg_stop_kind kind;
	unsigned int vcpu;
	enum dbg_type type; /* of the breakpoint or watchpoint */
	enum dbg_owner owner;
	unsigned int id;
	uint64_t gva;  /* watched address, or where the breakpoint is */
	bool is_write; /* of a watchpoint, where it is known (engine DBG_PAGE) */
};

/* --- non-stop: each vCPU on its own (alone.c) --- */

/*
 * VCPU stands and the others go on: STOP says why (DBG_STOP_NONE: dbg_halt()), TEXT for a person.
 * Main loop. Where it was the last one that ran, VM_EVENT_STOP comes instead.
 */
typedef void (*dbg_alone_fn)(void *ctx, unsigned int vcpu, const struct dbg_stop *stop,
			     const char *text);
/*
 * From now on a vCPU that stops leaves the others running, and the VM is in VM_STATE_RUNNING as
 * long as one does. FN NULL: no more; all that stand go on if one runs. -EBUSY while recording.
 */
int dbg_set_alone(struct dbg *dbg, dbg_alone_fn fn, void *ctx, struct err *err);
/* Set the vCPUs going that stand and have an action in RES other than DBG_HOLD. */
int dbg_resume_some(struct dbg *dbg, const struct dbg_resume *res, struct err *err);
/* Make VCPU stand; FN or VM_EVENT_STOP tells when it does, nothing if it stands already. */
void dbg_halt(struct dbg *dbg, unsigned int vcpu);
/* Whether VCPU runs now. */
bool dbg_runs(const struct dbg *dbg, unsigned int vcpu);

/* Why the VM stopped in VM_STATE_DEBUG. */
void dbg_last_stop(struct dbg *dbg, struct dbg_stop *out);

/* Write guest memory, keeping the bytes under our patches right. -EFAULT: not RAM. */
int dbg_write_phys(struct dbg *dbg, uint64_t gpa, const void *data, size_t len, struct err *err);
/* The same through VCPU's page tables. */
int dbg_write_virt(struct dbg *dbg, unsigned int vcpu, uint64_t gva, const void *data, size_t len,
		   struct err *err);

/* --- catch: events, not addresses (catch.c) --- */

enum dbg_catch_kind {
	DBG_CATCH_EXCEPTION, /* entry of the handler that the IDT names */
	DBG_CATCH_INTERRUPT,
	DBG_CATCH_MSR,
	DBG_CATCH_PORT,
	DBG_CATCH_MMIO,
	DBG_CATCH_PROCESS, /* the first walk through the page table that CR3 names */
	DBG_CATCH_MODE,	   /* each instruction is stepped until long mode */
	DBG_CATCH_CRASH,   /* a triple fault */
	DBG_CATCH_RESET,   /* the guest's own: stops after it */
};

enum dbg_catch_action { DBG_CATCH_STOP, DBG_CATCH_LOG, DBG_CATCH_COUNT };

/* What happened. */
struct dbg_caught {
	enum dbg_catch_kind kind;
	unsigned int vcpu;
	uint64_t at; /* vector, MSR, port, gpa, CR3; enum x86_mode */
	bool has_error;
	uint32_t error;
	bool write;
	uint32_t size;
	uint64_t data;
};

#define DBG_MAX_CATCHES 32
#define DBG_CATCH_COND	192

struct dbg_catch {
	unsigned int id; /* 1... */
	enum dbg_catch_kind kind;
	enum dbg_catch_action action;
	uint64_t lo, hi;	    /* vector, MSR, port, gpa; of a process LO is its CR3 */
	bool read, write;	    /* of MSRs, ports, MMIO */
	uint32_t error, error_mask; /* an exception's code counts if the masked bits are these */
	char cond[DBG_CATCH_COND];  /* an expression, or "" */
	/* Whether COND holds; in the vCPU's thread. NULL: always. */
	bool (*holds)(void *ctx, const struct dbg_catch *ct, const struct dbg_caught *what,
		      const struct x86_state *st);
	void *holds_ctx;
	uint64_t hits;
	bool inside;  /* DBG_CATCH_PROCESS: it is being executed, its table is open */
	char why[64]; /* why nothing can be caught yet, or "" */
};

/* Whether WHAT is what CT is for, its condition aside. */
bool dbg_catch_matches(const struct dbg_catch *ct, const struct dbg_caught *what);
/* WHAT in a person's words, to BUF. */
void dbg_catch_text(const struct dbg_caught *what, const struct x86_state *st, char *buf,
		    size_t len);
/* The VM may run. ID may be NULL. -EOPNOTSUPP where KVM has no exit for it. */
int dbg_catch_add(struct dbg *dbg, const struct dbg_catch *want, unsigned int *id, struct err *err);
/* ID 0: all. -ENOENT. */
int dbg_catch_remove(struct dbg *dbg, unsigned int id, struct err *err);
/* Copies of at most MAX of them; how many there are. */
size_t dbg_catch_list(struct dbg *dbg, struct dbg_catch *out, size_t max);
/* What DBG_CATCH_LOG has noted, oldest first, appended to OUT. */
void dbg_catch_log(struct dbg *dbg, struct buf *out);

/* --- record: what is executed can be taken back (record.c) --- */

#define DBG_RECORD_STEPS 4096 /* unless told otherwise; 5 KiB each */
#define DBG_RECORD_MAX	 65536

/*
 * Keep the last STEPS instructions: registers and the memory that each one is about to write; 0:
 * no more. While it is kept the guest is stepped, one processor at a time, and no interrupt is
 * delivered. Devices and their writes are not taken back. -ENOMEM, -EBUSY while it runs.
 */
int dbg_record(struct dbg *dbg, size_t steps, struct err *err);
/* How many instructions can be taken back; MAX (may be NULL) of how many, 0: none is kept. */
size_t dbg_recorded(const struct dbg *dbg, size_t *max);

enum dbg_back { DBG_BACK_STEP, DBG_BACK_BREAK, DBG_BACK_BEGIN };

/*
 * Take back one instruction, or all up to a breakpoint or up to one that met a watchpoint (which
 * is then dbg_last_stop()). BEGIN:
 * there is no more. VCPU, where it stands then, receives whose it was. -EBUSY, -ENOENT without a
 * record.
 */
int dbg_reverse(struct dbg *dbg, bool one, unsigned int *vcpu, enum dbg_back *how, struct err *err);

/*
 * Snapshots (vmm/snapshot.h) without the debugger's patches in them. The guest may run: it is
 * stopped meanwhile, and goes on if it ran. After a load breakpoints are armed anew.
 */
int dbg_snapshot_save(struct dbg *dbg, const char *tag, struct err *err);
int dbg_snapshot_load(struct dbg *dbg, const char *tag, struct err *err);

/*
 * Run the boot again in a second machine, at most 60 s of it, to find the instruction of a crash
 * whose registers AMD-V has reset. -EBUSY: no crash; -EALREADY: nothing to look for; -ETIMEDOUT and
 * -ENOENT: not found. The main loop waits meanwhile: as long as the first run took twice. [main]
 */
int dbg_rerun(struct dbg *dbg, struct err *err);

#endif
