/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The human monitor: one const table of commands makes the dispatch, the help
 * and the completion, for `vitrine monitor`, QMP's human-monitor-command and
 * gdb's `monitor` alike. Commands that read are pure functions of a view;
 * commands that change go through struct monitor_control.
 */
#ifndef VITRINE_CTL_MONITOR_H
#define VITRINE_CTL_MONITOR_H

#include <stdbool.h>
#include <stddef.h>

#include "base/buf.h"
#include "base/err.h"
#include "inspect/sym.h"
#include "inspect/view.h"

#define MONITOR_LINE_MAX 1024
#define MONITOR_MAX_ARGS 16
#define MONITOR_OUT_MAX	 (4u << 20)

/* What the monitor can ask of a running VM; members may be NULL (then the command says so). */
struct monitor_control {
	int (*stop)(void *ctx, struct err *err);
	int (*cont)(void *ctx, struct err *err);
	int (*reset)(void *ctx, struct err *err);
	int (*powerdown)(void *ctx, struct err *err);
	int (*quit)(void *ctx, struct err *err);
	int (*type)(void *ctx, const char *text, struct err *err);
	int (*sendkey)(void *ctx, const char *keys, struct err *err);
	/* One access to a port: *VALUE is written, or receives what was read. */
	int (*port)(void *ctx, unsigned int port, unsigned int size, bool write, uint32_t *value,
		    struct err *err);
	int (*dump)(void *ctx, const char *path, struct err *err);
};

/* What a line is run against. All borrowed. */
struct monitor_ctx {
	const struct vm_view *view;
	struct sym_table *syms; /* may be NULL */
	unsigned int *vcpu;	/* the client's selected vCPU; `cpu N` writes it */
	const struct monitor_control *control;
	void *control_ctx;
	void *table_ctx; /* CTX of monitor_add_commands() of the command that runs */
	const struct monitor *monitor;
};

struct monitor_args {
	int nr;
	char *word[MONITOR_MAX_ARGS]; /* without the command's own name */
	const char *rest;	      /* the same, unsplit */
	const char *format;	      /* of x/FMT and print/FMT, after the slash; "" if none */
};

enum monitor_complete { MONITOR_COMPLETE_NONE, MONITOR_COMPLETE_SYMBOL, MONITOR_COMPLETE_COMMAND };

struct monitor_command {
	const char *name; /* one or two words; alternatives after '|': "cont|c", "info registers" */
	const char *args; /* "[addr] [count]", for the help */
	const char *help; /* one line */
	int max_args;	  /* more are refused; -1: any number */
	int min_args;
	enum monitor_complete complete;
	int (*run)(const struct monitor_ctx *ctx, struct monitor_args *args, struct buf *out,
		   struct err *err);
};

struct monitor;

struct monitor *monitor_new(void);
void monitor_free(struct monitor *mon);
/* Add NR commands of TABLE (borrowed) run with table_ctx CTX. -ENOSPC. */
int monitor_add_commands(struct monitor *mon, const struct monitor_command *table, size_t nr,
			 void *ctx);
/* Run LINE: output appended to OUT (bounded by MONITOR_OUT_MAX if it was set up so), or -errno. */
int monitor_run(const struct monitor *mon, const struct monitor_ctx *ctx, const char *line,
		struct buf *out, struct err *err);
/*
 * Ways to go on from LINE: FN is called with each candidate for its last word
 * until it returns false. CTX may have no view; then no symbols are offered.
 */
void monitor_complete(const struct monitor *mon, const struct monitor_ctx *ctx, const char *line,
		      bool (*fn)(void *arg, const char *word), void *arg);
/* Call FN for each command in table order (help, man page). */
void monitor_each(const struct monitor *mon, void (*fn)(void *arg, const struct monitor_command *),
		  void *arg);

/* The built-in tables: monitor.c (control), monitor-info.c, monitor-mem.c,
 * monitor-explain.c, monitor-paging.c. */
extern const struct monitor_command monitor_info_commands[], monitor_mem_commands[],
	monitor_explain_commands[], monitor_paging_commands[];
extern const size_t monitor_info_commands_len, monitor_mem_commands_len,
	monitor_explain_commands_len, monitor_paging_commands_len;

/* The state of the vCPU selected in CTX, with its index; NULL if the view has none. */
const struct x86_state *monitor_state(const struct monitor_ctx *ctx, unsigned int *vcpu);
/* Evaluate TEXT (registers, symbols, numbers: see expr.h) against CTX. */
int monitor_eval(const struct monitor_ctx *ctx, const char *text, uint64_t *out, struct err *err);

#endif
