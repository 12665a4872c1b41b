/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The second stage for the control socket and the monitor. */
#include "ctl/stage2.h"

#include <errno.h>
#include <string.h>

#include "base/time.h"
#include "ctl/hostmap.h"
#include "stage2/stage2.h"

#define STAGE2_JSON_MAX 4096 /* ranges in one answer */

static int stage2_hmp(const struct monitor_ctx *ctx, struct monitor_args *args, struct buf *out,
		      struct err *err)
{
	struct vm *vm = ctl_server_vm(ctx->table_ctx);
	struct stage2_map map;
	int ret;

	(void)args;
	ret = stage2_read(vm, &map, err);
	if (ret == 0)
		stage2_text(&map, time_now_ns(), out);
	stage2_free(&map);
	return ret;
}

static int stage2_hmp_hostmap(const struct monitor_ctx *ctx, struct monitor_args *args,
			      struct buf *out, struct err *err)
{
	struct vm *vm = ctl_server_vm(ctx->table_ctx);
	struct stage2_map map;
	uint64_t gpa;
	int ret;

	if (!args->nr) {
		hostmap_text(vm, out);
		return 0;
	}
	ret = monitor_eval(ctx, args->word[0], &gpa, err);
	if (ret < 0)
		return ret;
	ret = stage2_find(vm, gpa, &map, err);
	if (ret == 0)
		hostmap_follow_text(vm, &map, out);
	stage2_free(&map);
	return ret;
}

const struct monitor_command stage2_monitor_commands[] = {
	{ "info ept|info npt", "", "the second stage: how guest-physical memory is really mapped",
	  0, 0, MONITOR_COMPLETE_NONE, stage2_hmp },
	{ "info hostmap", "[gpa]", "guest memory on the host: per memslot, or of one address", 1, 0,
	  MONITOR_COMPLETE_SYMBOL, stage2_hmp_hostmap },
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

/* Lines for a screen: one address where it was asked for, the slots, the tree. */
static json_t *stage2_reply(struct vm *vm, const struct stage2_map *map, bool follow)
{
	json_t *ret = stage2_json(map);
	struct buf text = BUF_INIT;

	if (follow) {
		hostmap_follow_text(vm, map, &text);
		json_object_set_new(ret, "follow", hostmap_follow_json(vm, map));
		buf_addc(&text, '\n');
	}
	hostmap_text(vm, &text);
	buf_addc(&text, '\n');
	stage2_text(map, time_now_ns(), &text);
	json_object_set_new(ret, "slots", hostmap_json(vm));
	json_object_set_new(ret, "text", json_string(buf_str(&text)));
	buf_free(&text);
	return ret;
}

static int stage2_qmp(void *ctx, struct ctl_conn *conn, const json_t *args, json_t **ret,
		      struct err *err)
{
	const json_t *follow = json_object_get(args, "follow");
	struct vm *vm = ctl_server_vm(ctx);
	struct stage2_map map;
	int rc = 0;

	(void)conn;
	if (follow && !json_is_integer(follow))
		return err_set(err, EINVAL, "follow: a guest-physical address");
	if (json_is_true(json_object_get(args, "dirty")))
		rc = hostmap_count(vm, err);
	if (rc < 0)
		return rc;
	rc = stage2_find(vm, follow ? (uint64_t)json_integer_value(follow) : UINT64_MAX, &map, err);
	if (rc == 0)
		*ret = stage2_reply(vm, &map, follow != NULL);
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
