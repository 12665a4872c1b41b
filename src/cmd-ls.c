/* SPDX-License-Identifier: GPL-2.0-or-later */
/* `vitrine ls`, also called ps: the VMs of this user. */
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/parse.h"
#include "base/time.h"
#include "cmd.h"

static const struct cmd_help ls_help = {
	.synopsis = "vitrine ls [--json]",
	.what = "Lists the VMs of this user. What dead ones left behind is removed.",
	.options = "  --json   as JSON, one object each\n",
	.example = { "vitrine ls", "vitrine ls --json | jq -r '.[].name'" },
};

/* What the VM itself says, or at least what is known without it. New reference. */
static json_t *ls_info(const struct ctl_vm_info *vm)
{
	struct ctl_client *cli = NULL;
	json_t *info = NULL;

	if (vm->answers && ctl_connect(vm->name, &cli, NULL) == 0)
		ctl_exec(cli, "x-vitrine-info", NULL, &info, NULL);
	ctl_close(cli);
	if (!info)
		info = json_pack("{s:s,s:i}", "name", vm->name, "pid", vm->pid);
	json_object_set_new(info, "state", json_string(vm->state));
	return info;
}

static const char *ls_text(const json_t *info, const char *key)
{
	const char *text = json_string_value(json_object_get(info, key));

	return text ? text : "";
}

static const char *ls_uptime(const json_t *info, char *buf, size_t len)
{
	json_int_t start = json_integer_value(json_object_get(info, "start-ns"));
	unsigned long long secs;

	if (start <= 0)
		return "-";
	secs = (time_now_ns() - (uint64_t)start) / 1000000000;
	if (secs < 3600)
		snprintf(buf, len, "%llum%02llus", secs / 60, secs % 60);
	else
		snprintf(buf, len, "%lluh%02llum", secs / 3600, secs / 60 % 60);
	return buf;
}

static void ls_line(const json_t *info)
{
	char mem[16], up[32];

	printf("%-20s %-14s %8lld %5lld %7s %8s  %s\n", ls_text(info, "name"),
	       ls_text(info, "state"), (long long)json_integer_value(json_object_get(info, "pid")),
	       (long long)json_integer_value(json_object_get(info, "cpus")),
	       parse_size_text((uint64_t)json_integer_value(json_object_get(info, "memory")), mem),
	       ls_uptime(info, up, sizeof(up)), ls_text(info, "image"));
}

static void ls_table(const json_t *all)
{
	size_t i;

	if (!json_array_size(all)) {
		fprintf(stderr, "vitrine: no VM is running\n");
		return;
	}
	printf("%-20s %-14s %8s %5s %7s %8s  %s\n", "NAME", "STATE", "PID", "VCPUS", "MEMORY",
	       "UPTIME", "IMAGE");
	for (i = 0; i < json_array_size(all); i++)
		ls_line(json_array_get(all, i));
}

int cmd_ls(int argc, char **argv)
{
	struct ctl_vm_info *vms = NULL;
	struct err err = ERR_INIT;
	bool json = argc > 1 && strcmp(argv[1], "--json") == 0;
	json_t *all;
	int nr, i;

	if (argc > 1 && (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0))
		return cmd_print_help(&ls_help);
	if (argc > 1 + json)
		return cmd_usage(argv[0], "what is %s?", argv[1 + json]);
	nr = ctl_list(&vms, &err);
	if (nr < 0)
		return cmd_fail(&err, 1);
	all = json_array();
	for (i = 0; i < nr; i++)
		json_array_append_new(all, ls_info(&vms[i]));
	if (json) {
		json_dumpf(all, stdout, JSON_INDENT(1));
		putchar('\n');
	} else {
		ls_table(all);
	}
	json_decref(all);
	free(vms);
	return 0;
}
