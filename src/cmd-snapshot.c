/* SPDX-License-Identifier: GPL-2.0-or-later */
/* `vitrine snapshot`: RAM and machine state under a tag, in the VM's memory. */
#include <errno.h>
#include <jansson.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "base/parse.h"
#include "cmd.h"

static const struct cmd_help snapshot_help = {
	.synopsis = "vitrine snapshot [NAME] save|load|delete TAG\n"
		    "       vitrine snapshot [NAME] list",
	.what = "Keeps a VM's memory and machine state under TAG, or goes back to it. Snapshots "
		"live\n"
		"in the VM's process and end with it. A crashed guest comes back to life by a "
		"load.",
	.example = { "vitrine snapshot demo save before", "vitrine snapshot load before" },
};

static const char *const snapshot_verbs[] = { "save", "load", "delete", "list", NULL };

static bool snapshot_is_verb(const char *word)
{
	int i;

	for (i = 0; snapshot_verbs[i]; i++) {
		if (strcmp(word, snapshot_verbs[i]) == 0)
			return true;
	}
	return false;
}

static void snapshot_print(const json_t *list)
{
	const json_t *snap;
	char when[32], ram[16];
	size_t i, ns;
	struct tm tm;
	time_t sec;

	if (!json_array_size(list)) {
		puts("no snapshots");
		return;
	}
	printf("%-20s %-19s %12s %8s\n", "TAG", "DATE", "VM CLOCK", "RAM");
	for (i = 0; i < json_array_size(list); i++) {
		snap = json_array_get(list, i);
		sec = (time_t)json_integer_value(json_object_get(snap, "when"));
		ns = (size_t)json_integer_value(json_object_get(snap, "guest-ns"));
		strftime(when, sizeof(when), "%Y-%m-%d %H:%M:%S", localtime_r(&sec, &tm));
		parse_size_text((uint64_t)json_integer_value(json_object_get(snap, "ram")), ram);
		printf("%-20s %-19s %8zu.%03zu %8s\n",
		       json_string_value(json_object_get(snap, "tag")), when, ns / 1000000000,
		       ns / 1000000 % 1000, ram);
	}
}

static int snapshot_list(struct ctl_client *cli, struct err *err)
{
	json_t *list = NULL;
	int ret = ctl_exec(cli, "x-vitrine-snapshots", NULL, &list, err);

	if (ret == 0)
		snapshot_print(list);
	json_decref(list);
	return ret;
}

static int snapshot_exec(struct ctl_client *cli, const char *verb, const char *tag, struct err *err)
{
	char cmd[48];

	if (strcmp(verb, "list") == 0)
		return snapshot_list(cli, err);
	snprintf(cmd, sizeof(cmd), "x-vitrine-snapshot-%s", verb);
	return ctl_exec(cli, cmd, json_pack("{s:s}", "tag", tag), NULL, err);
}

int cmd_snapshot(int argc, char **argv)
{
	struct err err = ERR_INIT;
	const char *prefix = NULL;
	char name[VM_NAME_MAX];
	struct ctl_client *cli;
	int at = 1, need, ret = -1;

	if (argc > 1 && (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0))
		return cmd_print_help(&snapshot_help);
	if (argc > 2 && snapshot_is_verb(argv[2]))
		prefix = argv[at++];
	if (argc <= at || !snapshot_is_verb(argv[at]))
		return cmd_usage("snapshot", "save, load, delete or list?");
	need = strcmp(argv[at], "list") == 0 ? 1 : 2;
	if (argc - at != need)
		return cmd_usage("snapshot", need == 2 ? "which tag?" : "list takes no tag");
	cli = cmd_connect(prefix, name, &err);
	if (cli)
		ret = snapshot_exec(cli, argv[at], need == 2 ? argv[at + 1] : NULL, &err);
	ctl_close(cli);
	return ret < 0 ? cmd_fail(&err, 1) : 0;
}
