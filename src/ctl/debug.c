/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The debugger's words for the control socket and the monitor: see debug.h. */
#include "ctl/debug.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/parse.h"
#include "ctl/catch.h"
#include "ctl/control.h"
#include "ctl/monitor.h"
#include "ctl/proto.h"
#include "inspect/unwind.h"

#define DEBUG_WATCH_LEN 8
#define DEBUG_WATCH_MAX (8 << 20)

struct debug {
	struct ctl_server *srv;
	struct dbg *dbg;
};

static const char *const debug_type_names[] = {
	[DBG_SW] = "sw",     [DBG_HW] = "hw",	      [DBG_WRITE] = "watch",
	[DBG_READ] = "read", [DBG_ACCESS] = "access", [DBG_EXEC] = "exec",
};

static const char *const debug_engine_names[] = {
	[DBG_PENDING] = "pending",
	[DBG_PATCH] = "patch",
	[DBG_REG] = "register",
	[DBG_PAGE] = "page",
};

/* An address as a number, a symbol or an expression, with VCPU's registers. */
static int debug_eval(struct debug *debug, unsigned int vcpu, const char *text, uint64_t *out,
		      struct err *err)
{
	struct control *control = ctl_server_control(debug->srv);
	struct monitor_ctx ctx = { .vcpu = &vcpu };
	struct vm_view *view;
	int ret;

	view = control_view(control, err);
	if (!view)
		return -err->code;
	ctx.view = view;
	ctx.syms = control_syms(control, view);
	ret = monitor_eval(&ctx, text, out, err);
	control_view_free(view);
	return ret;
}

static int debug_insert(struct debug *debug, struct dbg_break *want, const char *text,
			unsigned int *id, struct err *err)
{
	want->owner = DBG_OWNER_USER;
	want->vcpu = -1;
	snprintf(want->label, sizeof(want->label), "%s", text);
	return dbg_insert(debug->dbg, want, id, err);
}

/* Where VCPU's function returns to, by unwinding one frame. */
static int debug_finish(struct debug *debug, unsigned int vcpu, struct err *err)
{
	struct control *control = ctl_server_control(debug->srv);
	struct vm_view *view = control_view(control, err);
	struct unwind_frame frame[2];
	size_t nr;

	if (!view)
		return -err->code;
	nr = unwind_vcpu(view, vcpu, control_syms(control, view), frame, 2);
	control_view_free(view);
	if (nr < 2)
		return err_set(err, ENOENT, "no return address was found on the stack");
	return dbg_finish(debug->dbg, vcpu, frame[1].pc, err);
}

/* --- QMP --- */

static int debug_qmp_vcpu(struct debug *debug, struct ctl_conn *conn, const json_t *args,
			  unsigned int *vcpu, struct err *err)
{
	long long nr = *ctl_conn_vcpu(conn);
	long long last = (long long)vm_nr_vcpus(ctl_server_vm(debug->srv)) - 1;
	int ret;

	ret = proto_opt_int(args, "vcpu", 0, last, &nr, err);
	*vcpu = nr <= last ? (unsigned int)nr : 0;
	return ret;
}

/* "addr": a number, or a string with a symbol or an expression. */
static int debug_qmp_addr(struct debug *debug, struct ctl_conn *conn, const json_t *args,
			  uint64_t *gva, const char **text, struct err *err)
{
	const json_t *addr = json_object_get(args, "addr");

	*text = "";
	if (json_is_integer(addr)) {
		*gva = (uint64_t)json_integer_value(addr);
		return 0;
	}
	if (!json_is_string(addr))
		return err_set(err, EINVAL, "argument 'addr' must be a number or a string");
	*text = json_string_value(addr);
	return debug_eval(debug, *ctl_conn_vcpu(conn), *text, gva, err);
}

static int debug_qmp_step(void *ctx, struct ctl_conn *conn, const json_t *args, json_t **ret,
			  struct err *err)
{
	struct debug *debug = ctx;
	const char *kind = "into";
	unsigned int vcpu;
	int res;

	(void)ret;
	res = debug_qmp_vcpu(debug, conn, args, &vcpu, err);
	if (res == 0 && json_object_get(args, "kind"))
		res = proto_need_string(args, "kind", &kind, err);
	if (res < 0)
		return res;
	if (strcmp(kind, "into") == 0)
		return dbg_step(debug->dbg, vcpu, err);
	if (strcmp(kind, "over") == 0)
		return dbg_over(debug->dbg, vcpu, err);
	if (strcmp(kind, "finish") == 0)
		return debug_finish(debug, vcpu, err);
	return err_set(err, EINVAL, "argument 'kind' must be into, over or finish");
}

static int debug_qmp_until(void *ctx, struct ctl_conn *conn, const json_t *args, json_t **ret,
			   struct err *err)
{
	struct debug *debug = ctx;
	unsigned int vcpu;
	const char *text;
	uint64_t gva;
	int res;

	(void)ret;
	res = debug_qmp_vcpu(debug, conn, args, &vcpu, err);
	if (res == 0)
		res = debug_qmp_addr(debug, conn, args, &gva, &text, err);
	return res < 0 ? res : dbg_until(debug->dbg, (int)vcpu, gva, err);
}

static int debug_type_of(const char *name, enum dbg_type *type, struct err *err)
{
	size_t i;

	for (i = 0; i < sizeof(debug_type_names) / sizeof(debug_type_names[0]); i++) {
		if (strcmp(debug_type_names[i], name) == 0) {
			*type = (enum dbg_type)i;
			return 0;
		}
	}
	return err_set(err, EINVAL, "argument 'type' must be sw, hw, watch, read, access or exec");
}

/* "value": a number to compare with, or true for any change. */
static int debug_qmp_value(struct debug *debug, struct ctl_conn *conn, const json_t *args,
			   struct dbg_break *want, struct err *err)
{
	const json_t *value = json_object_get(args, "value");

	(void)debug;
	(void)conn;
	if (!value || json_is_false(value))
		return 0;
	want->when = json_is_true(value) ? DBG_VALUE_CHANGED : DBG_VALUE_EQUAL;
	want->value = (uint64_t)json_integer_value(value);
	if (json_is_integer(value) || json_is_true(value))
		return 0;
	return err_set(err, EINVAL, "argument 'value' must be a number or true");
}

static int debug_qmp_break(void *ctx, struct ctl_conn *conn, const json_t *args, json_t **ret,
			   struct err *err)
{
	const char *text, *name = "sw";
	enum dbg_type type = DBG_SW;
	struct debug *debug = ctx;
	struct dbg_break want;
	unsigned int id = 0;
	long long len = 1;
	uint64_t gva;
	int res;

	res = debug_qmp_addr(debug, conn, args, &gva, &text, err);
	if (res == 0 && json_object_get(args, "type"))
		res = proto_need_string(args, "type", &name, err);
	if (res == 0)
		res = debug_type_of(name, &type, err);
	if (res == 0 && type >= DBG_WRITE)
		len = DEBUG_WATCH_LEN;
	if (res == 0)
		res = proto_opt_int(args, "len", 1, DEBUG_WATCH_MAX, &len, err);
	want = (struct dbg_break){ .type = type, .gva = gva, .len = (uint64_t)len };
	if (res == 0)
		res = proto_opt_bool(args, "physical", &want.phys, err);
	if (res == 0)
		res = debug_qmp_value(debug, conn, args, &want, err);
	if (res == 0)
		res = debug_insert(debug, &want, text, &id, err);
	if (res == 0)
		*ret = json_pack("{s:i}", "id", (int)id);
	return res;
}

/* What has the id of the arguments, taken away by REMOVE. */
static int debug_remove(struct debug *debug, const json_t *args,
			int (*remove)(struct dbg *dbg, unsigned int id, struct err *err),
			struct err *err)
{
	long long id;
	int res = proto_need_int(args, "id", 1, UINT32_MAX, &id, err);

	return res < 0 ? res : remove(debug->dbg, (unsigned int)id, err);
}

static int debug_qmp_delete(void *ctx, struct ctl_conn *conn, const json_t *args, json_t **ret,
			    struct err *err)
{
	(void)conn;
	(void)ret;
	return debug_remove(ctx, args, dbg_remove_id, err);
}

static int debug_qmp_list(void *ctx, struct ctl_conn *conn, const json_t *args, json_t **ret,
			  struct err *err)
{
	const struct dbg_break *brk;
	struct debug *debug = ctx;
	size_t nr, i;

	(void)conn;
	(void)args;
	(void)err;
	brk = dbg_table(debug->dbg, &nr);
	*ret = json_array();
	for (i = 0; i < nr; i++) {
		if (brk[i].owner == DBG_OWNER_TEMP || brk[i].owner == DBG_OWNER_CATCH)
			continue;
		json_array_append_new(
			*ret,
			json_pack("{s:i,s:I,s:I,s:s,s:s,s:I,s:s,s:s}", "id", (int)brk[i].id, "addr",
				  (json_int_t)brk[i].gva, "len", (json_int_t)brk[i].len, "type",
				  debug_type_names[brk[i].type], "engine",
				  debug_engine_names[brk[i].engine], "hits",
				  (json_int_t)brk[i].hits, "label", brk[i].label, "owner",
				  brk[i].owner == DBG_OWNER_GDB ? "gdb" : "user"));
	}
	return 0;
}

/* "what": as the monitor's catch takes it. */
static int debug_qmp_catch(void *ctx, struct ctl_conn *conn, const json_t *args, json_t **ret,
			   struct err *err)
{
	struct debug *debug = ctx;
	struct control *control = ctl_server_control(debug->srv);
	struct monitor_ctx mon = { .vcpu = ctl_conn_vcpu(conn) };
	const char *what;
	struct vm_view *view;
	unsigned int id = 0;
	int res;

	res = proto_need_string(args, "what", &what, err);
	if (res < 0)
		return res;
	view = control_view(control, err);
	if (!view)
		return -err->code;
	mon.view = view;
	mon.syms = control_syms(control, view);
	res = catch_add(debug->dbg, &mon, what, &id, err);
	control_view_free(view);
	if (res == 0)
		*ret = json_pack("{s:i}", "id", (int)id);
	return res;
}

static int debug_qmp_catches(void *ctx, struct ctl_conn *conn, const json_t *args, json_t **ret,
			     struct err *err)
{
	struct debug *debug = ctx;

	(void)conn;
	(void)args;
	(void)err;
	*ret = catch_list_json(debug->dbg);
	return 0;
}

static int debug_qmp_catch_delete(void *ctx, struct ctl_conn *conn, const json_t *args,
				  json_t **ret, struct err *err)
{
	(void)conn;
	(void)ret;
	return debug_remove(ctx, args, dbg_catch_remove, err);
}

static const struct ctl_command debug_qmp[] = {
	{ "x-vitrine-catch", debug_qmp_catch },
	{ "x-vitrine-catches", debug_qmp_catches },
	{ "x-vitrine-catch-delete", debug_qmp_catch_delete },
	{ "x-vitrine-step", debug_qmp_step },
	{ "x-vitrine-until", debug_qmp_until },
	{ "x-vitrine-break", debug_qmp_break },
	{ "x-vitrine-break-delete", debug_qmp_delete },
	{ "x-vitrine-breakpoints", debug_qmp_list },
};

/* --- the human monitor --- */

/* Words after the address: a length, "phys", "changed", "=VALUE". */
static int debug_hmp_word(const struct monitor_ctx *ctx, const char *word, struct dbg_break *want,
			  struct err *err)
{
	if (strcmp(word, "phys") == 0) {
		want->phys = true;
		return 0;
	}
	if (strcmp(word, "changed") == 0) {
		want->when = DBG_VALUE_CHANGED;
		return 0;
	}
	if (word[0] == '=') {
		want->when = DBG_VALUE_EQUAL;
		return monitor_eval(ctx, word + 1, &want->value, err);
	}
	if (!parse_range(word, 1, DEBUG_WATCH_MAX, &want->len))
		return err_set(err, EINVAL, "'%s': a number of bytes, phys, changed or =VALUE",
			       word);
	return 0;
}

static int debug_hmp_insert(const struct monitor_ctx *ctx, struct monitor_args *args,
			    enum dbg_type type, struct buf *out, struct err *err)
{
	struct dbg_break want = { .type = type,
				  .len = type >= DBG_WRITE && type != DBG_EXEC ? DEBUG_WATCH_LEN
									       : 1 };
	struct debug *debug = ctx->table_ctx;
	unsigned int id = 0;
	int ret, i;

	ret = monitor_eval(ctx, args->word[0], &want.gva, err);
	for (i = 1; i < args->nr && ret == 0; i++)
		ret = debug_hmp_word(ctx, args->word[i], &want, err);
	if (ret == 0)
		ret = debug_insert(debug, &want, args->word[0], &id, err);
	if (ret == 0)
		buf_printf(out, "%s %u at 0x%llx\n", debug_type_names[type], id,
			   (unsigned long long)want.gva);
	return ret;
}

static int debug_hmp_break(const struct monitor_ctx *ctx, struct monitor_args *args,
			   struct buf *out, struct err *err)
{
	return debug_hmp_insert(ctx, args, DBG_SW, out, err);
}

static int debug_hmp_hbreak(const struct monitor_ctx *ctx, struct monitor_args *args,
			    struct buf *out, struct err *err)
{
	return debug_hmp_insert(ctx, args, DBG_HW, out, err);
}

static int debug_hmp_watch(const struct monitor_ctx *ctx, struct monitor_args *args,
			   struct buf *out, struct err *err)
{
	return debug_hmp_insert(ctx, args, DBG_WRITE, out, err);
}

static int debug_hmp_awatch(const struct monitor_ctx *ctx, struct monitor_args *args,
			    struct buf *out, struct err *err)
{
	return debug_hmp_insert(ctx, args, DBG_ACCESS, out, err);
}

static int debug_hmp_rwatch(const struct monitor_ctx *ctx, struct monitor_args *args,
			    struct buf *out, struct err *err)
{
	return debug_hmp_insert(ctx, args, DBG_READ, out, err);
}

static int debug_hmp_xwatch(const struct monitor_ctx *ctx, struct monitor_args *args,
			    struct buf *out, struct err *err)
{
	return debug_hmp_insert(ctx, args, DBG_EXEC, out, err);
}

static int debug_hmp_delete(const struct monitor_ctx *ctx, struct monitor_args *args,
			    struct buf *out, struct err *err)
{
	struct debug *debug = ctx->table_ctx;
	uint64_t id;

	(void)out;
	if (!args->nr) {
		dbg_remove_owner(debug->dbg, DBG_OWNER_USER);
		return 0;
	}
	if (!parse_range(args->word[0], 1, UINT32_MAX, &id))
		return err_set(err, EINVAL, "'%s' is no breakpoint's number", args->word[0]);
	return dbg_remove_id(debug->dbg, (unsigned int)id, err);
}

static int debug_hmp_step(const struct monitor_ctx *ctx, struct monitor_args *args, struct buf *out,
			  struct err *err)
{
	struct debug *debug = ctx->table_ctx;

	(void)args;
	(void)out;
	return dbg_step(debug->dbg, *ctx->vcpu, err);
}

static int debug_hmp_over(const struct monitor_ctx *ctx, struct monitor_args *args, struct buf *out,
			  struct err *err)
{
	struct debug *debug = ctx->table_ctx;

	(void)args;
	(void)out;
	return dbg_over(debug->dbg, *ctx->vcpu, err);
}

static int debug_hmp_finish(const struct monitor_ctx *ctx, struct monitor_args *args,
			    struct buf *out, struct err *err)
{
	(void)args;
	(void)out;
	return debug_finish(ctx->table_ctx, *ctx->vcpu, err);
}

static int debug_hmp_until(const struct monitor_ctx *ctx, struct monitor_args *args,
			   struct buf *out, struct err *err)
{
	struct debug *debug = ctx->table_ctx;
	uint64_t gva;
	int ret;

	(void)out;
	ret = monitor_eval(ctx, args->word[0], &gva, err);
	return ret < 0 ? ret : dbg_until(debug->dbg, (int)*ctx->vcpu, gva, err);
}

static int debug_hmp_list(const struct monitor_ctx *ctx, struct monitor_args *args, struct buf *out,
			  struct err *err)
{
	struct debug *debug = ctx->table_ctx;
	const struct dbg_break *brk;
	size_t nr, i, shown = 0;

	(void)args;
	(void)err;
	brk = dbg_table(debug->dbg, &nr);
	for (i = 0; i < nr; i++) {
		if (brk[i].owner == DBG_OWNER_TEMP || brk[i].owner == DBG_OWNER_CATCH)
			continue;
		buf_printf(out, "%-3u %-6s %-8s %s0x%016llx len %-4llu hits %-6llu %s%s%s%s\n",
			   brk[i].id, debug_type_names[brk[i].type],
			   debug_engine_names[brk[i].engine], brk[i].phys ? "phys " : "",
			   (unsigned long long)brk[i].gva, (unsigned long long)brk[i].len,
			   (unsigned long long)brk[i].hits, brk[i].label,
			   brk[i].owner == DBG_OWNER_GDB ? " (gdb's)" : "",
			   brk[i].why[0] ? ": " : "", brk[i].why);
		shown++;
	}
	if (!shown)
		buf_puts(out, "no breakpoints\n");
	return 0;
}

static int debug_hmp_catch(const struct monitor_ctx *ctx, struct monitor_args *args,
			   struct buf *out, struct err *err)
{
	struct debug *debug = ctx->table_ctx;
	unsigned int id = 0;
	int ret;

	if (!args->nr || strcmp(args->rest, "list") == 0) {
		catch_list_text(debug->dbg, out);
		return 0;
	}
	if (strcmp(args->rest, "log") == 0) {
		dbg_catch_log(debug->dbg, out);
		return 0;
	}
	ret = catch_add(debug->dbg, ctx, args->rest, &id, err);
	if (ret == 0)
		buf_printf(out, "catch %u\n", id);
	return ret;
}

static int debug_hmp_uncatch(const struct monitor_ctx *ctx, struct monitor_args *args,
			     struct buf *out, struct err *err)
{
	struct debug *debug = ctx->table_ctx;
	uint64_t id = 0;

	(void)out;
	if (args->nr && !parse_range(args->word[0], 1, UINT32_MAX, &id))
		return err_set(err, EINVAL, "'%s' is no catch's number", args->word[0]);
	return dbg_catch_remove(debug->dbg, (unsigned int)id, err);
}

static int debug_record_on(struct debug *debug, const char *steps, struct buf *out, struct err *err)
{
	uint64_t nr = DBG_RECORD_STEPS;
	int ret;

	if (steps && !parse_range(steps, 1, DBG_RECORD_MAX, &nr))
		return err_set(err, EINVAL, "'%s': 1 to %d steps", steps, DBG_RECORD_MAX);
	ret = dbg_record(debug->dbg, nr, err);
	if (ret == 0)
		buf_printf(out,
			   "the last %llu steps are kept; a gdb that is connected already wants: "
			   "set remote reverse-step-packet on, set remote "
			   "reverse-continue-packet on\n",
			   (unsigned long long)nr);
	return ret;
}

static int debug_hmp_record(const struct monitor_ctx *ctx, struct monitor_args *args,
			    struct buf *out, struct err *err)
{
	struct debug *debug = ctx->table_ctx;
	size_t max, nr;

	if (args->nr && strcmp(args->word[0], "on") == 0)
		return debug_record_on(debug, args->nr > 1 ? args->word[1] : NULL, out, err);
	if (args->nr == 1 && strcmp(args->word[0], "off") == 0)
		return dbg_record(debug->dbg, 0, err);
	if (args->nr)
		return err_set(err, EINVAL, "record on [steps] or record off");
	nr = dbg_recorded(debug->dbg, &max);
	if (max)
		buf_printf(out, "%zu of at most %zu steps are kept\n", nr, max);
	else
		buf_puts(out, "nothing is recorded\n");
	return 0;
}

static int debug_hmp_rerun(const struct monitor_ctx *ctx, struct monitor_args *args,
			   struct buf *out, struct err *err)
{
	struct debug *debug = ctx->table_ctx;
	int ret;

	(void)args;
	ret = dbg_rerun(debug->dbg, err);
	if (ret == 0)
		buf_puts(out, "found: the autopsy shows the instruction that crashed\n");
	return ret;
}

const struct monitor_command debug_monitor_commands[] = {
	{ "break|b", "addr", "stop before the instruction there is executed", 1, 1,
	  MONITOR_COMPLETE_SYMBOL, debug_hmp_break },
	{ "hbreak", "addr", "the same with a debug register", 1, 1, MONITOR_COMPLETE_SYMBOL,
	  debug_hmp_hbreak },
	{ "watch", "addr [len] [phys] [changed|=value]", "stop after a write there", 4, 1,
	  MONITOR_COMPLETE_SYMBOL, debug_hmp_watch },
	{ "rwatch", "addr [len] [phys] [=value]", "stop after a read there", 4, 1,
	  MONITOR_COMPLETE_SYMBOL, debug_hmp_rwatch },
	{ "awatch", "addr [len] [phys] [changed|=value]", "stop after a read or write there", 4, 1,
	  MONITOR_COMPLETE_SYMBOL, debug_hmp_awatch },
	{ "xwatch", "addr [len] [phys]", "stop before an instruction in the range", 3, 1,
	  MONITOR_COMPLETE_SYMBOL, debug_hmp_xwatch },
	{ "delete|d", "[number]", "remove a breakpoint, or all", 1, 0, MONITOR_COMPLETE_NONE,
	  debug_hmp_delete },
	{ "catch", "[list|log|what [stop|log|count] [if condition]]",
	  "stop at, log or count exception VECTOR [error=VALUE/MASK], interrupt VECTOR, msr, port "
	  "or "
	  "mmio RANGE [read] [write], process CR3, mode, crash, reset",
	  -1, 0, MONITOR_COMPLETE_NONE, debug_hmp_catch },
	{ "uncatch", "[number]", "catch it no more, or nothing", 1, 0, MONITOR_COMPLETE_NONE,
	  debug_hmp_uncatch },
	{ "record", "[on [steps]|off]", "keep what is executed, for gdb's reverse-step", 2, 0,
	  MONITOR_COMPLETE_NONE, debug_hmp_record },
	{ "step|si", "", "execute one instruction", 0, 0, MONITOR_COMPLETE_NONE, debug_hmp_step },
	{ "over|ni", "", "the same, a call taken as one", 0, 0, MONITOR_COMPLETE_NONE,
	  debug_hmp_over },
	{ "finish", "", "run until the function returns", 0, 0, MONITOR_COMPLETE_NONE,
	  debug_hmp_finish },
	{ "until", "addr", "run until the address is reached", 1, 1, MONITOR_COMPLETE_SYMBOL,
	  debug_hmp_until },
	{ "rerun", "",
	  "run the boot again to the instruction that crashed, where AMD-V has reset the registers",
	  0, 0, MONITOR_COMPLETE_NONE, debug_hmp_rerun },
	{ "info breakpoints", "", "breakpoints and watchpoints", 0, 0, MONITOR_COMPLETE_NONE,
	  debug_hmp_list },
};

const size_t debug_monitor_commands_len =
	sizeof(debug_monitor_commands) / sizeof(debug_monitor_commands[0]);

int debug_bind(struct ctl_server *srv, struct dbg *dbg, struct debug **out, struct err *err)
{
	struct debug *debug = calloc(1, sizeof(*debug));
	int ret;

	if (!debug)
		return err_sys(err, ENOMEM, "debugger");
	debug->srv = srv;
	debug->dbg = dbg;
	*out = debug;
	ret = ctl_server_add_commands(srv, debug_qmp, sizeof(debug_qmp) / sizeof(debug_qmp[0]),
				      debug);
	if (ret == 0)
		ret = monitor_add_commands(ctl_server_monitor(srv), debug_monitor_commands,
					   debug_monitor_commands_len, debug);
	return ret < 0 ? err_sys(err, -ret, "debugger's commands") : 0;
}

void debug_unbind(struct debug *debug)
{
	free(debug);
}
