/* SPDX-License-Identifier: GPL-2.0-or-later */
/* `vitrine attach`: the dashboard of a VM that runs already. */
#include <string.h>

#include "cmd.h"
#include "tui/dashboard.h"

static const struct cmd_help attach_help = {
	.synopsis = "vitrine attach [--read-only] [NAME]",
	.what = "Opens the dashboard of a VM. `q` leaves it running.",
	.options = "  --read-only   look only: keys that would change the guest are refused\n",
	.example = { "vitrine attach demo", "vitrine attach --read-only demo" },
};

int cmd_attach(int argc, char **argv)
{
	struct err err = ERR_INIT;
	char name[VM_NAME_MAX];
	bool read_only = false;
	const char *prefix;
	int status;

	if (argc > 1 && strcmp(argv[1], "--read-only") == 0) {
		read_only = true;
		argv[1] = argv[0];
		argv++;
		argc--;
	}
	if (cmd_only_name(argc, argv, &attach_help, &prefix, &status))
		return status;
	if (ctl_resolve(prefix, name, sizeof(name), &err) < 0 ||
	    (read_only ? dashboard_watch(name, &err) : dashboard_run(name, &err)) < 0)
		return cmd_fail(&err, 1);
	return 0;
}
