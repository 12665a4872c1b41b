/* SPDX-License-Identifier: GPL-2.0-or-later */
/* `vitrine attach`: the dashboard of a VM that runs already. */
#include "cmd.h"
#include "tui/dashboard.h"

static const struct cmd_help attach_help = {
	.synopsis = "vitrine attach [NAME]",
	.what = "Opens the dashboard of a VM. `q` leaves it running.",
	.example = { "vitrine attach", "vitrine attach demo" },
};

int cmd_attach(int argc, char **argv)
{
	struct err err = ERR_INIT;
	char name[VM_NAME_MAX];
	const char *prefix;
	int status;

	if (cmd_only_name(argc, argv, &attach_help, &prefix, &status))
		return status;
	if (ctl_resolve(prefix, name, sizeof(name), &err) < 0 || dashboard_run(name, &err) < 0)
		return cmd_fail(&err, 1);
	return 0;
}
