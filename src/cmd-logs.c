/* SPDX-License-Identifier: GPL-2.0-or-later */
/* `vitrine logs`: what the guest's first serial line said so far. */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "cmd.h"
#include "ctl/rundir.h"

#define LOGS_POLL_MS 100

static const struct cmd_help logs_help = {
	.synopsis = "vitrine logs [-f] [NAME]",
	.what = "Prints what the guest's first serial line said (at most its first 16 MiB).",
	.options = "  -f   go on until the VM ends\n",
	.example = { "vitrine logs demo", "vitrine logs -f demo | grep -m1 login:" },
};

static int logs_copy(int fd)
{
	char data[65536];
	ssize_t n;

	while ((n = read(fd, data, sizeof(data))) > 0) {
		if (fwrite(data, 1, (size_t)n, stdout) != (size_t)n)
			return -EPIPE;
	}
	return fflush(stdout) == 0 ? 0 : -EPIPE;
}

int cmd_logs(int argc, char **argv)
{
	bool follow = argc > 1 && strcmp(argv[1], "-f") == 0, alive;
	char name[VM_NAME_MAX], dir[RUNDIR_PATH_MAX], path[RUNDIR_PATH_MAX + 8];
	struct err err = ERR_INIT;
	const char *prefix;
	int status, fd;

	if (cmd_only_name(argc - follow, argv + follow, &logs_help, &prefix, &status))
		return status;
	if (ctl_resolve(prefix, name, sizeof(name), &err) < 0 ||
	    ctl_vm_dir(name, dir, sizeof(dir), &err) < 0)
		return cmd_fail(&err, 1);
	snprintf(path, sizeof(path), "%s/log", dir);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0) {
		err_sys(&err, errno, "%s", path);
		return cmd_fail(&err, 1);
	}
	do {
		alive = rundir_alive(name, NULL); /* asked first: what came before it is read */
		if (logs_copy(fd) < 0)
			break;
		if (follow && alive)
			poll(NULL, 0, LOGS_POLL_MS);
	} while (follow && alive);
	close(fd);
	return 0;
}
