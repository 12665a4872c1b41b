/* SPDX-License-Identifier: MIT */
/*
 * GDB agent expressions (appendix F of the GDB manual): the bytecode of target-side breakpoint
 * conditions and commands.  The evaluator is complete but for floating point, which GDB does not
 * emit either, and bounded: stack, instructions and string bytes, and printed text.
 * It keeps no state of its own, so any number of threads may evaluate at the same time.
 */
#ifndef GDB_AGENT_H
#define GDB_AGENT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "target.h"

#define GDB_AGENT_STACK 64

/* What one evaluation may cost: an instruction is 1, so is a byte of a string that it reads. */
#define GDB_AGENT_BUDGET 16384

/* What expressions may touch.  Functions that are NULL fail the expression with -EOPNOTSUPP. */
struct gdb_agent_env {
	void *ctx;
	bool big_endian;

	/* The value of the register with this number, zero-extended; 0 or -errno. */
	int (*reg)(void *ctx, uint32_t regnum, uint64_t *value);

	/* Exactly len (1..8) bytes; 0 or -errno. */
	int (*mem)(void *ctx, uint64_t addr, void *buf, size_t len);

	/* Trace state variables; tracing of memory.  A NULL trace is ignored, not an error. */
	int (*var_get)(void *ctx, uint32_t var, uint64_t *value);
	int (*var_set)(void *ctx, uint32_t var, uint64_t value);
	int (*trace)(void *ctx, uint64_t addr, uint64_t len);

	/* What printf makes, up to 1 KiB at a time. */
	void (*print)(void *ctx, const char *text, size_t len);
};

/*
 * Evaluates; *value is the top of the stack at `end` (0 when the stack is empty).
 * -EINVAL: bad bytecode; -EOVERFLOW: stack over- or underflow; -ELOOP: budget used up;
 * -EDOM: division by zero; otherwise what env's functions returned.
 */
int gdb_agent_eval(const struct gdb_agent_env *env, const struct gdb_code *code, uint64_t *value);

/* Would it run?  Checks opcodes, operands and jump targets, not the stack: 0 or -EINVAL. */
int gdb_agent_check(const struct gdb_code *code);

enum gdb_hit {
	GDB_HIT_IGNORE,	  /* a condition is false: go on as if nothing had been there */
	GDB_HIT_COMMANDS, /* the commands have run: go on */
	GDB_HIT_REPORT,	  /* tell the client */
};

/*
 * What to do at a hit of bp: evaluates its conditions and runs its commands.  A condition or
 * command that fails makes the hit reported, so that nothing is lost in silence.
 */
enum gdb_hit gdb_bp_hit(const struct gdb_agent_env *env, const struct gdb_bp *bp);

#endif
