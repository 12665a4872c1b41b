/* SPDX-License-Identifier: GPL-2.0-or-later */
/* `vitrine dump`: a VM's memory and registers as an ELF core file. */
#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cmd.h"
#include "ctl/dump.h"

static const struct cmd_help dump_help = {
	.synopsis = "vitrine dump [NAME] FILE",
	.what = "Writes the guest's memory and registers to FILE, an ELF core that gdb, crash and\n"
		"readelf understand. The guest is paused meanwhile. FILE must not exist.",
	.example = { "vitrine dump demo demo.core", "vitrine dump /tmp/last.core" },
};

/* True where the VM ran and was stopped by this. */
static int dump_stop(struct ctl_client *cli, bool *ran, struct err *err)
{
	json_t *status = NULL;
	int ret;

	ret = ctl_exec(cli, "query-status", NULL, &status, err);
	*ran = ret == 0 && json_is_true(json_object_get(status, "running"));
	json_decref(status);
	return *ran ? ctl_exec(cli, "stop", NULL, NULL, err) : ret;
}

/* This process has the guest's memory mapped: the VM's has nothing to do. */
static int dump_file(struct ctl_client *cli, int fd, struct err *err)
{
	struct vm_view *view = ctl_look(cli, err);
	int ret;

	if (!view)
		return -err->code;
	ret = dump_write(view, fd, err);
	ctl_look_end(view);
	return ret;
}

static int dump_run(struct ctl_client *cli, const char *path, struct err *err)
{
	bool ran = false;
	int fd, ret;

	fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	if (fd < 0)
		return err_sys(err, errno, "%s", path);
	ret = dump_stop(cli, &ran, err);
	if (ret == 0)
		ret = dump_file(cli, fd, err);
	if (ran)
		ctl_exec(cli, "cont", NULL, NULL, NULL);
	if (close(fd) != 0 && ret == 0)
		ret = err_sys(err, errno, "%s", path);
	if (ret < 0)
		unlink(path);
	return ret;
}

int cmd_dump(int argc, char **argv)
{
	struct err err = ERR_INIT;
	char name[VM_NAME_MAX];
	struct ctl_client *cli;
	int ret = -1;

	if (argc > 1 && (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0))
		return cmd_print_help(&dump_help);
	if (argc < 2 || argc > 3)
		return cmd_usage("dump", "which file?");
	cli = cmd_connect(argc > 2 ? argv[1] : NULL, name, &err);
	if (cli)
		ret = dump_run(cli, argv[argc - 1], &err);
	ctl_close(cli);
	return ret < 0 ? cmd_fail(&err, 1) : 0;
}
