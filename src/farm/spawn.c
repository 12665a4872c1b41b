/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Starting more of this very program: see spawn.h. */
#include "farm/spawn.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

/* Before anything is touched: memory counts where it was touched first. */
static void spawn_join(int group_fd)
{
	if (group_fd >= 0 && write(group_fd, "0", 1) < 0)
		dprintf(STDERR_FILENO, "vitrine: the control group does not take it: %s\n",
			strerror(errno));
}

static void __attribute__((noreturn))
spawn_child(const struct words *argv, int out_fd, int err_fd, int group_fd)
{
	int null_fd = open("/dev/null", O_RDWR | O_CLOEXEC);

	setsid(); /* Ctrl-C is for the one who started it all */
	signal(SIGPIPE, SIG_DFL);
	dup2(null_fd, STDIN_FILENO);
	dup2(out_fd >= 0 ? out_fd : null_fd, STDOUT_FILENO);
	dup2(err_fd >= 0 ? err_fd : null_fd, STDERR_FILENO);
	spawn_join(group_fd);
	execv("/proc/self/exe", argv->word);
	_exit(126);
}

pid_t spawn_self(const struct words *argv, int out_fd, int err_fd, int group_fd, struct err *err)
{
	pid_t pid = fork();

	if (pid == 0)
		spawn_child(argv, out_fd, err_fd, group_fd);
	return pid > 0 ? pid : err_sys(err, errno, "fork");
}

int spawn_reap(pid_t pid, int wait)
{
	int status;
	pid_t got;

	do {
		got = waitpid(pid, &status, wait ? 0 : WNOHANG);
	} while (got < 0 && errno == EINTR);
	if (got == 0)
		return -1;
	if (got < 0)
		return 127;
	return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}
