/* SPDX-License-Identifier: MIT */
/*
 * What an embedder provides to be debugged through tinygdbstub: a description of its registers
 * and a table of operations.  The library calls them from the thread that feeds the session,
 * never at the same time, and holds no lock; it needs nothing but the C library.
 */
#ifndef GDB_TARGET_H
#define GDB_TARGET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/*
 * Filled by an operation that fails, where the fact is known; the text reaches clients that take
 * error text.  gdb_fail() is the short way: return gdb_fail(err, -EFAULT, "not mapped");
 */
struct gdb_err {
	char text[200];
};

/* Sets the text (err may be NULL) and returns code, a negative errno. */
int gdb_fail(struct gdb_err *err, int code, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));

/* --- registers ------------------------------------------------------------------------------ */

/* The largest register a table may hold, in bytes (zmm). */
#define GDB_REG_MAX_BYTES 64

/* What a register is for: expedited in stop replies (pc, sp, fp), "generic:" for LLDB. */
enum gdb_reg_role {
	GDB_ROLE_NONE,
	GDB_ROLE_PC,
	GDB_ROLE_SP,
	GDB_ROLE_FP,
	GDB_ROLE_FLAGS,
};

/*
 * One register.  Registers come in the order of regnum, which need not be dense; those that are
 * in_g make the fixed g/G packet in that order, and must be whole bytes.  The types that need no
 * definition are int8..int128, uint8..uint128, code_ptr, data_ptr, i387_ext, ieee_single,
 * ieee_double; x86's own (i386_eflags, i386_mxcsr, vec128, vec256, vec512, x86_cr0, x86_cr3,
 * x86_cr4, x86_efer, x86_xcr0, x86_dr6, x86_dr7, x86_segattr) are known to the library (xml.c);
 * any other must be in gdb_arch.types.
 */
struct gdb_reg {
	const char *name;
	uint32_t bitsize;
	const char *type;
	const char *group;   /* "general", "float", "vector", "system" or NULL */
	const char *feature; /* "org.gnu.gdb.i386.core", ...; same feature = neighbours */
	uint32_t regnum;
	bool in_g;
	enum gdb_reg_role role;
};

enum gdb_type_kind {
	GDB_TYPE_FLAGS,	 /* size bytes of fields */
	GDB_TYPE_UNION,	 /* each field names a type */
	GDB_TYPE_VECTOR, /* count of elem */
};

/* A bit field [start, end] of a flags type, or a member of a union (type set, bits unused). */
struct gdb_field {
	const char *name;
	uint8_t start;
	uint8_t end;
	const char *type;
};

/* A type that registers name.  A union's or vector's own types must come before it. */
struct gdb_type {
	const char *name;
	enum gdb_type_kind kind;
	uint32_t size;			/* flags: bytes */
	const struct gdb_field *fields; /* flags, union; ends with a NULL name */
	const char *elem;		/* vector */
	uint32_t count;			/* vector */
};

/*
 * How the machine is described to the client; constant during a connection but for
 * gdb_session_describe().
 */
struct gdb_arch {
	const char *name;   /* "i386:x86-64", "i386", "i8086" */
	const char *triple; /* for LLDB: "x86_64-unknown-none-elf" */
	uint32_t ptr_bytes; /* for LLDB: 8, 4 or 2 */
	bool big_endian;    /* byte order of P, G and of agent expressions */
	const struct gdb_reg *regs;
	size_t reg_count;
	const struct gdb_type *types; /* beyond those the library knows, or NULL */
	size_t type_count;
};

/* --- threads, memory ------------------------------------------------------------------------ */

/* A vCPU as the client sees it: thread p1.ID. */
struct gdb_thread {
	int id;		/* 1... */
	int core;	/* host or guest core number shown to the client, -1 none */
	bool running;	/* not held by the debugger (matters in non-stop mode) */
	char name[32];	/* "CPU 0" */
	char state[96]; /* "halted, ring 0, long mode" */
};

enum gdb_space {
	GDB_SPACE_VIRTUAL,  /* as the thread's paging has it now */
	GDB_SPACE_PHYSICAL, /* qqemu.PhyMemMode is on */
};

enum gdb_region_kind {
	GDB_REGION_RAM,
	GDB_REGION_ROM, /* the client uses hardware breakpoints here */
};

/* A range of the address space the client uses; what no region covers counts as RAM. */
struct gdb_region {
	uint64_t start;
	uint64_t len; /* bytes, not 0 */
	enum gdb_region_kind kind;
};

/* --- breakpoints ---------------------------------------------------------------------------- */

enum gdb_bp_type {
	GDB_BP_SW = 0,
	GDB_BP_HW = 1,
	GDB_BP_WRITE = 2,
	GDB_BP_READ = 3,
	GDB_BP_ACCESS = 4,
};

/* An agent expression (agent.h). */
struct gdb_code {
	const uint8_t *bytes;
	size_t len;
};

/*
 * A breakpoint or watchpoint; (type, addr, len) names it.  With conditions, a hit counts where any
 * of them is not zero; with commands, a hit that counts runs them and is not reported:
 * gdb_bp_hit() of agent.h does both.
 */
struct gdb_bp {
	enum gdb_bp_type type;
	uint64_t addr;
	uint64_t len; /* watchpoints: bytes watched; breakpoints: the "kind" */
	bool persist; /* the client asks that the commands go on after it leaves */
	const struct gdb_code *conds;
	size_t cond_count;
	const struct gdb_code *cmds;
	size_t cmd_count;
};

/* Deep copy in one allocation, NULL without memory; free() releases it. */
struct gdb_bp *gdb_bp_dup(const struct gdb_bp *bp);

/* --- running and stopping ------------------------------------------------------------------- */

/* Signals as the protocol numbers them. */
enum gdb_signal {
	GDB_SIG_0 = 0,
	GDB_SIG_INT = 2,  /* the user's interrupt or a pause from elsewhere */
	GDB_SIG_QUIT = 3, /* the guest shut down */
	GDB_SIG_ILL = 4,
	GDB_SIG_TRAP = 5, /* breakpoint, watchpoint, step */
	GDB_SIG_ABRT = 6, /* internal error of the hypervisor */
	GDB_SIG_FPE = 8,
	GDB_SIG_SEGV = 11, /* crash: triple fault */
	GDB_SIG_ALRM = 14, /* watchdog */
	GDB_SIG_STOP = 17, /* I/O error */
};

enum gdb_action {
	GDB_CONTINUE,
	GDB_STEP,
	GDB_RANGE_STEP, /* step while start <= pc < end */
};

/* qqemu.sstep: how a step is to be made. */
#define GDB_SSTEP_ENABLE  0x1u
#define GDB_SSTEP_NOIRQ	  0x2u /* no interrupt is delivered during a step */
#define GDB_SSTEP_NOTIMER 0x4u /* guest timers do not advance during a step */

/* One thread to set going; a thread that is not named stays as it is. */
struct gdb_resume {
	int tid;
	enum gdb_action action;
	int signal;	/* 0, or the client's `C`/`S` signal */
	uint64_t start; /* GDB_RANGE_STEP */
	uint64_t end;
	unsigned int sstep; /* GDB_SSTEP_* in force */
};

enum gdb_stop_kind {
	GDB_STOP_SIGNAL, /* a signal and nothing more: step done, pause, crash */
	GDB_STOP_SWBREAK,
	GDB_STOP_HWBREAK,
	GDB_STOP_WATCH, /* addr is the watched address */
	GDB_STOP_RWATCH,
	GDB_STOP_AWATCH,
	GDB_STOP_HISTORY_BEGIN, /* reverse execution reached the start of the record */
	GDB_STOP_HISTORY_END,
	GDB_STOP_EXITED, /* the machine is gone, code is its status */
	GDB_STOP_KILLED, /* the machine is gone by signal */
};

struct gdb_stop {
	enum gdb_stop_kind kind;
	int tid;    /* which thread it happened to; 0 = any */
	int signal; /* enum gdb_signal; 0 stands for GDB_SIG_TRAP */
	uint64_t addr;
	int code;
	const char *text; /* shown to the user with the stop ("triple fault"), or NULL */
};

/* Takes text of any length for the user of a monitor command. */
struct gdb_sink {
	void (*write)(struct gdb_sink *sink, const char *text, size_t len);
};

/*
 * The operations.  All return 0 or -errno unless they say otherwise; err may be filled on failure.
 * "Optional" ones may be NULL: what depends on them is then neither announced nor answered.
 */
struct gdb_target_ops {
	/* Required. */
	const struct gdb_arch *(*arch)(void *ctx);

	/* The thread with the smallest id above `after`; -ENOENT behind the last.  Required. */
	int (*thread_next)(void *ctx, int after, struct gdb_thread *thread);

	/*
	 * Is the whole machine held now?  1 and the reason in *stop, or 0: it runs.  Asked when a
	 * client speaks its first packet; a running machine is then interrupted.  Required.
	 */
	int (*stop_query)(void *ctx, struct gdb_stop *stop);

	/*
	 * bitsize/8 bytes of one register, in the machine's byte order.  -ENODATA: exists but has
	 * no value now (shown as <unavailable>).  Required; reg_write is optional.
	 */
	int (*reg_read)(void *ctx, int tid, const struct gdb_reg *reg, void *buf,
			struct gdb_err *err);
	int (*reg_write)(void *ctx, int tid, const struct gdb_reg *reg, const void *buf,
			 struct gdb_err *err);

	/*
	 * Reads as much as can be read from addr on: the number of bytes (1..len) or -errno.
	 * Breakpoint instructions of our own must not show.  Required.
	 * mem_write writes all or fails; optional.
	 */
	ssize_t (*mem_read)(void *ctx, int tid, enum gdb_space space, uint64_t addr, void *buf,
			    size_t len, struct gdb_err *err);
	int (*mem_write)(void *ctx, int tid, enum gdb_space space, uint64_t addr, const void *buf,
			 size_t len, struct gdb_err *err);

	/*
	 * Inserting what is there already (same type, addr, len) replaces conditions and commands.
	 * bp lives only during the call (gdb_bp_dup()).  -EOPNOTSUPP for a type that cannot be had,
	 * which makes the client fall back; the library never removes what it did not insert, and
	 * removes everything before detach.  tid is the thread whose address space is meant.
	 * Optional, both or none.
	 */
	int (*bp_insert)(void *ctx, int tid, const struct gdb_bp *bp, struct gdb_err *err);
	int (*bp_remove)(void *ctx, enum gdb_bp_type type, uint64_t addr, uint64_t len,
			 struct gdb_err *err);

	/*
	 * Sets count threads going (each once) and returns at once; the stop is told later, or
	 * from within this call, through gdb_session_stopped().  Required.
	 */
	int (*resume)(void *ctx, const struct gdb_resume *threads, size_t count,
		      struct gdb_err *err);

	/*
	 * Asks that thread tid (0: all) stop; gdb_session_stopped() follows.  Harmless when it is
	 * stopped already or the stop is under way.  Required.
	 */
	int (*interrupt)(void *ctx, int tid);

	/* Runs thread tid backwards, one step or freely.  Optional; can_reverse: is it on now? */
	int (*reverse)(void *ctx, int tid, bool step, struct gdb_err *err);
	bool (*can_reverse)(void *ctx);

	/*
	 * The client leaves (`D`, or the connection broke); breakpoints are gone already.
	 * The machine should go on as it would without a debugger.  Required.
	 */
	void (*detach)(void *ctx);

	/* Ends the machine.  Optional. */
	int (*kill)(void *ctx, struct gdb_err *err);

	/* Resets it; it stops before its first instruction, told as after resume.  Optional. */
	int (*restart)(void *ctx, struct gdb_err *err);

	/* A command line for the embedder, its output to sink in any portions.  Optional. */
	int (*monitor)(void *ctx, const char *line, struct gdb_sink *sink, struct gdb_err *err);

	/* The first region that ends above `from`; -ENOENT behind the last.  Optional. */
	int (*region_next)(void *ctx, uint64_t from, struct gdb_region *region);

	/* Path of the program's file for the client to load symbols from, or NULL.  Optional. */
	const char *(*exec_file)(void *ctx);

	/* GDB_SSTEP_* that this machine can do; qqemu.sstep is answered with it.  Optional. */
	unsigned int (*sstep_mask)(void *ctx);

	/*
	 * May each thread run and stop on its own (non-stop mode)?  Optional, absent: no.
	 * set_nonstop tells that it does from now on, or no more; optional.  detach ends it too.
	 */
	bool (*can_nonstop)(void *ctx);
	int (*set_nonstop)(void *ctx, bool on, struct gdb_err *err);
};

#endif
