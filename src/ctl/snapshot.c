/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Snapshots for the control socket and the monitor: see snapshot.h. */
#include "ctl/snapshot.h"

#include <errno.h>
#include <string.h>
#include <time.h>

#include "base/parse.h"
#include "ctl/proto.h"
#include "vmm/snapshot.h"

/* --- QMP; the context is the debugger --- */

static int snapshot_qmp(struct dbg *dbg, const json_t *args, json_t **ret,
			int (*fn)(struct dbg *dbg, const char *tag, struct err *err),
			struct err *err)
{
	struct vm_snapshot_cost cost;
	const char *tag;
	int res;

	res = proto_need_string(args, "tag", &tag, err);
	if (res == 0)
		res = fn(dbg, tag, err);
	if (res < 0)
		return res;
	cost = vm_snapshot_cost(dbg_vm(dbg));
	*ret = json_pack("{s:I,s:I,s:I}", "copied", (json_int_t)cost.copied, "ns",
			 (json_int_t)cost.ns, "held", (json_int_t)cost.held);
	return 0;
}

static int snapshot_qmp_save(void *ctx, struct ctl_conn *conn, const json_t *args, json_t **ret,
			     struct err *err)
{
	(void)conn;
	return snapshot_qmp(ctx, args, ret, dbg_snapshot_save, err);
}

static int snapshot_qmp_load(void *ctx, struct ctl_conn *conn, const json_t *args, json_t **ret,
			     struct err *err)
{
	(void)conn;
	return snapshot_qmp(ctx, args, ret, dbg_snapshot_load, err);
}

static int snapshot_qmp_delete(void *ctx, struct ctl_conn *conn, const json_t *args, json_t **ret,
			       struct err *err)
{
	const char *tag;
	int res;

	(void)conn;
	(void)ret;
	res = proto_need_string(args, "tag", &tag, err);
	return res < 0 ? res : vm_snapshot_delete(dbg_vm(ctx), tag, err);
}

static int snapshot_qmp_list(void *ctx, struct ctl_conn *conn, const json_t *args, json_t **ret,
			     struct err *err)
{
	struct vm_snapshot_info info;
	unsigned int i;

	(void)conn;
	(void)args;
	(void)err;
	*ret = json_array();
	for (i = 0; vm_snapshot_get(dbg_vm(ctx), i, &info); i++)
		json_array_append_new(*ret, json_pack("{s:s,s:I,s:I,s:I}", "tag", info.tag, "when",
						      (json_int_t)info.when, "guest-ns",
						      (json_int_t)info.guest_ns, "ram",
						      (json_int_t)info.ram_bytes));
	return 0;
}

static const struct ctl_command snapshot_commands[] = {
	{ "x-vitrine-snapshot-save", snapshot_qmp_save },
	{ "x-vitrine-snapshot-load", snapshot_qmp_load },
	{ "x-vitrine-snapshot-delete", snapshot_qmp_delete },
	{ "x-vitrine-snapshots", snapshot_qmp_list },
};

/* --- the human monitor --- */

static void snapshot_say(struct vm *vm, const char *done, const char *tag, struct buf *out)
{
	struct vm_snapshot_cost cost = vm_snapshot_cost(vm);
	char copied[16], held[16];

	buf_printf(out, "%s %s: %s copied in %llu.%03llu ms, snapshots take %s\n", done, tag,
		   parse_size_text(cost.copied, copied), (unsigned long long)(cost.ns / 1000000),
		   (unsigned long long)(cost.ns / 1000 % 1000), parse_size_text(cost.held, held));
}

static int snapshot_hmp_save(const struct monitor_ctx *ctx, struct monitor_args *args,
			     struct buf *out, struct err *err)
{
	int ret = dbg_snapshot_save(ctx->table_ctx, args->word[0], err);

	if (ret == 0)
		snapshot_say(dbg_vm(ctx->table_ctx), "saved", args->word[0], out);
	return ret;
}

static int snapshot_hmp_load(const struct monitor_ctx *ctx, struct monitor_args *args,
			     struct buf *out, struct err *err)
{
	int ret = dbg_snapshot_load(ctx->table_ctx, args->word[0], err);

	if (ret == 0)
		snapshot_say(dbg_vm(ctx->table_ctx), "loaded", args->word[0], out);
	return ret;
}

static int snapshot_hmp_delete(const struct monitor_ctx *ctx, struct monitor_args *args,
			       struct buf *out, struct err *err)
{
	(void)out;
	return vm_snapshot_delete(dbg_vm(ctx->table_ctx), args->word[0], err);
}

static int snapshot_hmp_list(const struct monitor_ctx *ctx, struct monitor_args *args,
			     struct buf *out, struct err *err)
{
	struct vm_snapshot_info info;
	char when[32], ram[16];
	struct tm tm;
	time_t sec;
	unsigned int i;

	(void)args;
	(void)err;
	for (i = 0; vm_snapshot_get(dbg_vm(ctx->table_ctx), i, &info); i++) {
		if (!i)
			buf_printf(out, "%-20s %-19s %12s %8s\n", "TAG", "DATE", "VM CLOCK", "RAM");
		sec = (time_t)info.when;
		localtime_r(&sec, &tm);
		strftime(when, sizeof(when), "%Y-%m-%d %H:%M:%S", &tm);
		buf_printf(out, "%-20s %-19s %8llu.%03llu %8s\n", info.tag, when,
			   (unsigned long long)(info.guest_ns / 1000000000),
			   (unsigned long long)(info.guest_ns / 1000000 % 1000),
			   parse_size_text(info.ram_bytes, ram));
	}
	if (!i)
		buf_puts(out, "no snapshots\n");
	return 0;
}

const struct monitor_command snapshot_monitor_commands[] = {
	{ "savevm|snapshot save", "tag", "keep RAM and machine under a tag, in memory", 1, 1,
	  MONITOR_COMPLETE_NONE, snapshot_hmp_save },
	{ "loadvm|snapshot load", "tag", "go back to it", 1, 1, MONITOR_COMPLETE_NONE,
	  snapshot_hmp_load },
	{ "delvm|snapshot delete", "tag", "forget it", 1, 1, MONITOR_COMPLETE_NONE,
	  snapshot_hmp_delete },
	{ "info snapshots|snapshot list", "", "what was saved", 0, 0, MONITOR_COMPLETE_NONE,
	  snapshot_hmp_list },
};

const size_t snapshot_monitor_commands_len =
	sizeof(snapshot_monitor_commands) / sizeof(snapshot_monitor_commands[0]);

int snapshot_bind(struct ctl_server *srv, struct dbg *dbg, struct err *err)
{
	int ret;

	ret = ctl_server_add_commands(srv, snapshot_commands,
				      sizeof(snapshot_commands) / sizeof(snapshot_commands[0]),
				      dbg);
	if (ret == 0)
		ret = monitor_add_commands(ctl_server_monitor(srv), snapshot_monitor_commands,
					   snapshot_monitor_commands_len, dbg);
	return ret < 0 ? err_sys(err, -ret, "snapshot commands") : 0;
}
