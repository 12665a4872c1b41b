/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The disks' commands: see block.h. Names and shapes are QEMU's. */
#include "ctl/block.h"

#include <errno.h>
#include <inttypes.h>
#include <stddef.h>
#include <sys/stat.h>

#include "ctl/proto.h"
#include "vmm/virtio/blk.h"

typedef void (*block_fn)(void *arg, const char *name, const struct blk_config *disk);

/* Call FN for each disk, in the order of the options. */
static void block_each(struct vm *vm, block_fn fn, void *arg)
{
	const struct vm_config *cfg = vm_config(vm);
	const struct blk_config *disk;
	unsigned int i;

	for (i = 0; i < cfg->nr_plug; i++) {
		disk = blk_of_plug(&cfg->plug[i]);
		if (disk && atomic_load(&disk->stats->ready))
			fn(arg, cfg->plug[i].name, disk);
	}
}

static bool block_direct(enum block_cache cache)
{
	return cache == BLOCK_CACHE_NONE || cache == BLOCK_CACHE_DIRECTSYNC;
}

static bool block_writeback(enum block_cache cache)
{
	return cache != BLOCK_CACHE_WRITETHROUGH && cache != BLOCK_CACHE_DIRECTSYNC;
}

/* --- the monitor --- */

static void block_info_one(void *arg, const char *name, const struct blk_config *disk)
{
	const struct block_info *info = &disk->stats->info;
	struct buf *out = arg;

	buf_printf(out, "%s: %s (%s%s)\n", name, disk->image.path, info->format,
		   info->read_only ? ", read-only" : "");
	if (disk->removable)
		buf_puts(out, "    Removable device: not locked, tray closed\n");
	buf_printf(out, "    Cache mode:       %s%s\n",
		   block_writeback(info->cache) ? "writeback" : "writethrough",
		   block_direct(info->cache)	       ? ", direct"
		   : info->cache == BLOCK_CACHE_UNSAFE ? ", ignore flushes"
						       : "");
}

static void block_stats_one(void *arg, const char *name, const struct blk_config *disk)
{
	struct blk_counters sum;

	blk_stats_sum(disk->stats, &sum);
	buf_printf(arg,
		   "%s: rd_bytes=%" PRIuFAST64 " wr_bytes=%" PRIuFAST64
		   " rd_operations=%" PRIuFAST64 " wr_operations=%" PRIuFAST64
		   " flush_operations=%" PRIuFAST64 " wr_total_time_ns=%" PRIuFAST64
		   " rd_total_time_ns=%" PRIuFAST64 " flush_total_time_ns=%" PRIuFAST64 "\n",
		   name, sum.rd_bytes, sum.wr_bytes, sum.rd_ops, sum.wr_ops, sum.flush_ops,
		   sum.wr_ns, sum.rd_ns, sum.flush_ns);
}

static int block_hmp_info(const struct monitor_ctx *ctx, struct monitor_args *args, struct buf *out,
			  struct err *err)
{
	(void)args;
	(void)err;
	block_each(ctl_server_vm(ctx->table_ctx), block_info_one, out);
	return 0;
}

static int block_hmp_stats(const struct monitor_ctx *ctx, struct monitor_args *args,
			   struct buf *out, struct err *err)
{
	(void)args;
	(void)err;
	block_each(ctl_server_vm(ctx->table_ctx), block_stats_one, out);
	return 0;
}

const struct monitor_command block_monitor_commands[] = {
	{ "info block", "", "disks and their images", 0, 0, MONITOR_COMPLETE_NONE, block_hmp_info },
	{ "info blockstats", "", "what the disks have done", 0, 0, MONITOR_COMPLETE_NONE,
	  block_hmp_stats },
};
const size_t block_monitor_commands_len =
	sizeof(block_monitor_commands) / sizeof(block_monitor_commands[0]);

/* --- QMP --- */

static json_int_t block_actual_size(const char *path)
{
	struct stat st;

	return stat(path, &st) == 0 ? (json_int_t)st.st_blocks * 512 : 0;
}

static json_t *block_json_inserted(const char *name, const struct blk_config *disk)
{
	const struct block_info *info = &disk->stats->info;
	const char *path = disk->image.path;
	json_t *obj;

	obj = json_pack("{s:s, s:s, s:s, s:b, s:b, s:i, s:s, s:i}", "file", path, "node-name", name,
			"drv", info->format, "ro", info->read_only, "encrypted", 0,
			"backing_file_depth", 0, "detect_zeroes", "off", "write_threshold", 0);
	json_object_set_new(obj, "cache",
			    json_pack("{s:b, s:b, s:b}", "writeback", block_writeback(info->cache),
				      "direct", block_direct(info->cache), "no-flush",
				      info->cache == BLOCK_CACHE_UNSAFE));
	json_object_set_new(obj, "image",
			    json_pack("{s:s, s:s, s:I, s:I, s:b}", "filename", path, "format",
				      info->format, "virtual-size", (json_int_t)info->size,
				      "actual-size", block_actual_size(path), "dirty-flag", 0));
	json_object_update_new(obj,
			       json_pack("{s:i, s:i, s:i, s:i, s:i, s:i}", "bps", 0, "bps_rd", 0,
					 "bps_wr", 0, "iops", 0, "iops_rd", 0, "iops_wr", 0));
	return obj;
}

static void block_json_one(void *arg, const char *name, const struct blk_config *disk)
{
	json_t *obj = json_pack("{s:s, s:s, s:s, s:b, s:b, s:s, s:o*}", "device", name, "qdev",
				name, "type", "unknown", "removable", disk->removable, "locked", 0,
				"io-status", "ok", "inserted", block_json_inserted(name, disk));

	if (obj && disk->removable)
		json_object_set_new(obj, "tray_open", json_false());
	if (obj)
		json_array_append_new(arg, obj);
}

static int block_qmp_query(void *ctx, struct ctl_conn *conn, const json_t *args, json_t **ret,
			   struct err *err)
{
	(void)conn;
	(void)args;
	(void)err;
	*ret = json_array();
	block_each(ctl_server_vm(ctx), block_json_one, *ret);
	return 0;
}

/* QMP's names, and where the numbers are; those that do not happen here are in the reply too. */
struct block_member {
	const char *key;
	size_t off;
};

#define BLOCK_MEMBER(key, field)                          \
	{                                                 \
		key, offsetof(struct blk_counters, field) \
	}

static const struct block_member block_members[] = {
	BLOCK_MEMBER("rd_bytes", rd_bytes),
	BLOCK_MEMBER("wr_bytes", wr_bytes),
	BLOCK_MEMBER("unmap_bytes", unmap_bytes),
	BLOCK_MEMBER("rd_operations", rd_ops),
	BLOCK_MEMBER("wr_operations", wr_ops),
	BLOCK_MEMBER("flush_operations", flush_ops),
	BLOCK_MEMBER("unmap_operations", unmap_ops),
	BLOCK_MEMBER("rd_total_time_ns", rd_ns),
	BLOCK_MEMBER("wr_total_time_ns", wr_ns),
	BLOCK_MEMBER("flush_total_time_ns", flush_ns),
	BLOCK_MEMBER("unmap_total_time_ns", unmap_ns),
	BLOCK_MEMBER("failed_rd_operations", rd_failed),
	BLOCK_MEMBER("failed_wr_operations", wr_failed),
	BLOCK_MEMBER("failed_flush_operations", flush_failed),
	BLOCK_MEMBER("failed_unmap_operations", unmap_failed),
	BLOCK_MEMBER("invalid_rd_operations", invalid),
};

static const char *const block_zeroes[] = {
	"rd_merged",
	"wr_merged",
	"unmap_merged",
	"wr_highest_offset",
	"invalid_wr_operations",
	"invalid_flush_operations",
	"invalid_unmap_operations",
};

static void block_json_stats(void *arg, const char *name, const struct blk_config *disk)
{
	json_t *obj = json_pack("{s:b, s:b, s:[]}", "account_failed", 1, "account_invalid", 1,
				"timed_stats");
	struct blk_counters sum;
	size_t i;

	blk_stats_sum(disk->stats, &sum);
	for (i = 0; i < sizeof(block_members) / sizeof(block_members[0]); i++) {
		const char *at = (const char *)&sum + block_members[i].off;

		json_object_set_new(obj, block_members[i].key,
				    json_integer((json_int_t) * (const uint_fast64_t *)at));
	}
	for (i = 0; i < sizeof(block_zeroes) / sizeof(block_zeroes[0]); i++)
		json_object_set_new(obj, block_zeroes[i], json_integer(0));
	json_array_append_new(arg, json_pack("{s:s, s:s, s:s, s:o}", "device", name, "node-name",
					     name, "qdev", name, "stats", obj));
}

static int block_qmp_stats(void *ctx, struct ctl_conn *conn, const json_t *args, json_t **ret,
			   struct err *err)
{
	(void)conn;
	(void)args;
	(void)err;
	*ret = json_array();
	block_each(ctl_server_vm(ctx), block_json_stats, *ret);
	return 0;
}

static const struct ctl_command block_commands[] = {
	{ "query-block", block_qmp_query },
	{ "query-blockstats", block_qmp_stats },
};

int block_bind(struct ctl_server *srv, struct err *err)
{
	int ret = ctl_server_add_commands(srv, block_commands,
					  sizeof(block_commands) / sizeof(block_commands[0]), srv);

	if (ret == 0)
		ret = monitor_add_commands(ctl_server_monitor(srv), block_monitor_commands,
					   block_monitor_commands_len, srv);
	return ret < 0 ? err_sys(err, -ret, "disks' commands") : 0;
}
