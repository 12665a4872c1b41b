/* SPDX-License-Identifier: GPL-2.0-or-later */
/* `vitrine pause`, `resume` and `reset`: one command of the control protocol each. */
#include <stdio.h>

#include "cmd.h"

static int simple_exec(int argc, char **argv, const struct cmd_help *help, const char *cmd)
{
	struct err err = ERR_INIT;
	char name[VM_NAME_MAX];
	struct ctl_client *cli;
	const char *prefix;
	int status, ret = -1;

	if (cmd_only_name(argc, argv, help, &prefix, &status))
		return status;
	cli = cmd_connect(prefix, name, &err);
	if (cli)
		ret = ctl_exec(cli, cmd, NULL, NULL, &err);
	ctl_close(cli);
	return ret < 0 ? cmd_fail(&err, 1) : 0;
}

int cmd_pause(int argc, char **argv)
{
	static const struct cmd_help help = {
		.synopsis = "vitrine pause [NAME]",
		.what = "Stops all vCPUs of a VM; nothing is lost.",
		.example = { "vitrine pause", "vitrine pause demo" },
	};

	return simple_exec(argc, argv, &help, "stop");
}

int cmd_resume(int argc, char **argv)
{
	static const struct cmd_help help = {
		.synopsis = "vitrine resume [NAME]",
		.what = "Lets a paused VM, or one that waits before its first instruction, run on.",
		.example = { "vitrine resume", "vitrine resume demo" },
	};

	return simple_exec(argc, argv, &help, "cont");
}

int cmd_reset(int argc, char **argv)
{
	static const struct cmd_help help = {
		.synopsis = "vitrine reset [NAME]",
		.what = "Presses the reset button: the image is loaded again.",
		.example = { "vitrine reset", "vitrine reset demo" },
	};

	return simple_exec(argc, argv, &help, "system_reset");
}
