/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The second stage for the control socket and the monitor. */
#include "ctl/stage2.h"

#include <errno.h>
#include <string.h>

#include "base/time.h"
#include "stage2/stage2.h"

#define STAGE2_JSON_MAX 4096 /* ranges in one answer */

static int stage2_hmp(const struct monitor_ctx *ctx, struct monitor_args *args, struct buf *out,
		      struct err *err)
{
	struct ctl_server *srv = ctx->table_ctx;
	struct stage2_map map;
	int ret;

	(void)args;
	ret = stage2_read(ctl_server_vm(srv), &map, err);
	if (ret == 0)
		stage2_text(&map, time_now_ns(), out);
	stage2_free(&map);
	return ret;
}

const struct monitor_command stage2_monitor_commands[] = {
	{ "info ept|info npt", "", "the second stage: how guest-physical memory is really mapped",
	  0, 0, MONITOR_COMPLETE_NONE, stage2_hmp },
};

const size_t stage2_monitor_commands_len =
	sizeof(stage2_monitor_commands) / sizeof(stage2_monitor_commands[0]);

static json_t *stage2_json_range(const struct stage2_range *range)
{
	return json_pack("{s:I, s:I, s:I, s:i, s:i, s:b, s:b, s:b, s:b, s:b, s:i, s:b}", "gpa",
			 (json_int_t)range->gpa, "len", (json_int_t)range->len, "hpa",
			 (json_int_t)range->hpa, "leaves", (int)range->nr_leaves, "level",
			 (int)range->level, "read", !!(range->perm & STAGE2_R), "write",
			 !!(range->perm & STAGE2_W), "execute", !!(range->perm & STAGE2_X),
			 "accessed", !!(range->perm & STAGE2_A), "dirty",
			 !!(range->perm & STAGE2_D), "memory-type", (int)range->memtype,
			 "contiguous", range->contiguous);
}

static json_t *stage2_json(const struct stage2_map *map)
{
	json_t *ranges = json_array();
	struct buf text = BUF_INIT;
	json_t *ret;
	size_t i;

	for (i = 0; i < map->nr && i < STAGE2_JSON_MAX; i++)
		json_array_append_new(ranges, stage2_json_range(&map->range[i]));
	stage2_text(map, time_now_ns(), &text);
	ret = json_pack("{s:s, s:s, s:I, s:i, s:I, s:I, s:I, s:I, s:b, s:s, s:o}", "format",
			map->format == STAGE2_EPT ? "EPT" : "NPT", "tier", map->tier, "root",
			(json_int_t)map->root_hpa, "levels", (int)map->levels, "tables",
			(json_int_t)map->nr_tables, "leaves-4k", (json_int_t)map->nr_leaves[1],
			"leaves-2m", (json_int_t)map->nr_leaves[2], "leaves-1g",
			(json_int_t)map->nr_leaves[3], "truncated", map->truncated, "text",
			buf_str(&text), "ranges", ranges);
	buf_free(&text);
	return ret;
}

static int stage2_qmp(void *ctx, struct ctl_conn *conn, const json_t *args, json_t **ret,
		      struct err *err)
{
	struct stage2_map map;
	int rc;

	(void)conn;
	(void)args;
	rc = stage2_read(ctl_server_vm(ctx), &map, err);
	if (rc == 0)
		*ret = stage2_json(&map);
	stage2_free(&map);
	return rc;
}

static const struct ctl_command stage2_commands[] = { { "x-vitrine-stage2", stage2_qmp } };

int stage2_bind(struct ctl_server *srv, struct err *err)
{
	int ret = ctl_server_add_commands(srv, stage2_commands, 1, srv);

	if (ret == 0)
		ret = monitor_add_commands(ctl_server_monitor(srv), stage2_monitor_commands,
					   stage2_monitor_commands_len, srv);
	return ret < 0 ? err_sys(err, -ret, "second stage's commands") : 0;
}
