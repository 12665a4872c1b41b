/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * `catch`: the words for what the debugger catches (dbg.h), for the monitor, gdb's
 * `monitor` and the control socket. On the main loop's thread.
 */
#ifndef VITRINE_CTL_CATCH_H
#define VITRINE_CTL_CATCH_H

#include <stddef.h>

#include "base/err.h"
#include "ctl/expr.h"
#include "ctl/server.h"
#include "dbg/dbg.h"

/*
 * "exception #PF error=2/2 log if $cr2 < 4096" into OUT, all of it but holds(). NAMES are for
 * numbers that are expressions; symbols in the condition become numbers now. Pure. -EINVAL,
 * -ENOENT, -EOPNOTSUPP for what KVM never shows.
 */
int catch_parse(const char *text, const struct expr_names *names, struct dbg_catch *out,
		struct err *err);
/* CT as catch_parse() takes it; to BUF. */
void catch_print(const struct dbg_catch *ct, char *buf, size_t len);
/* Whether CT's condition holds for WHAT with registers ST; MEM may be NULL. Pure. */
bool catch_holds(const struct dbg_catch *ct, const struct dbg_caught *what,
		 const struct x86_state *st, bool (*mem)(void *ctx, uint64_t addr, uint64_t *out),
		 void *mem_ctx);

struct monitor_ctx;
struct ctl_conn;

/* "catch ..." of the monitor and "x-vitrine-catch" are one: TEXT is added to DBG. */
int catch_add(struct dbg *dbg, const struct monitor_ctx *ctx, const char *text, unsigned int *id,
	      struct err *err);
/* The table for a person, appended to OUT. */
void catch_list_text(struct dbg *dbg, struct buf *out);
/* The same as JSON, a new reference. */
json_t *catch_list_json(struct dbg *dbg);

#endif
