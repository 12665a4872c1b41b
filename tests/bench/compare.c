/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * compare [-n RUNS] [-u MARKER] [-q] NAME=COMMAND...: run the commands in turn, A B C A B
 * C ..., after one round that does not count, and print for each the wall time in
 * milliseconds (least, median, greatest) and the ratio of its median to the first one's,
 * as rows of a Markdown table. With -u a run ends when MARKER appears in its output (the
 * command is then killed). Commands are given to /bin/sh.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define COMPARE_MAX_CMDS 8
#define COMPARE_MAX_RUNS 100
#define COMPARE_LIMIT_S	 120.0

struct compare_cmd {
	const char *name, *command;
	double ms[COMPARE_MAX_RUNS];
};

static double compare_now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (double)ts.tv_sec * 1e3 + (double)ts.tv_nsec / 1e6;
}

static pid_t compare_spawn(const char *command, int *out)
{
	int fds[2], null;
	pid_t pid;

	if (pipe(fds) < 0)
		return -1;
	pid = fork();
	if (pid == 0) {
		setpgid(0, 0);
		null = open("/dev/null", O_RDWR);
		dup2(null, 0);
		dup2(fds[1], 1);
		dup2(null, 2);
		close(fds[0]);
		execl("/bin/sh", "sh", "-c", command, (char *)NULL);
		_exit(127);
	}
	close(fds[1]);
	*out = fds[0];
	return pid;
}

/* Read until MARKER or the end; keeps just enough of the past to see a split marker. */
static int compare_wait(int fd, const char *marker, double start)
{
	char data[8192];
	size_t keep = 0, len = marker ? strlen(marker) : 0;
	struct pollfd pfd = { .fd = fd, .events = POLLIN };
	ssize_t n;

	for (;;) {
		if (compare_now() - start > COMPARE_LIMIT_S * 1e3)
			return -1;
		if (poll(&pfd, 1, 100) <= 0)
			continue;
		n = read(fd, data + keep, sizeof(data) - keep);
		if (n <= 0)
			return marker ? -1 : 0;
		keep += (size_t)n;
		if (!len) {
			keep = 0;
			continue;
		}
		if (memmem(data, keep, marker, len))
			return 0;
		if (keep >= len) {
			memmove(data, data + keep - len + 1, len - 1);
			keep = len - 1;
		}
	}
}

static double compare_once(const char *command, const char *marker)
{
	double start = compare_now(), end;
	int fd, ret;
	pid_t pid = compare_spawn(command, &fd);

	if (pid < 0)
		return -1;
	ret = compare_wait(fd, marker, start);
	if (marker || ret < 0) {
		end = compare_now();
		kill(-pid, SIGKILL);
		waitpid(pid, NULL, 0);
	} else {
		waitpid(pid, NULL, 0);
		end = compare_now();
	}
	close(fd);
	return ret < 0 ? -1 : end - start;
}

static int compare_order(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

static void compare_print(struct compare_cmd *cmd, size_t nr, int runs)
{
	double first = 0, median;
	size_t i;

	for (i = 0; i < nr; i++) {
		qsort(cmd[i].ms, (size_t)runs, sizeof(double), compare_order);
		median = cmd[i].ms[runs / 2];
		if (i == 0)
			first = median;
		if (cmd[i].ms[0] < 0)
			printf("| %s | failed | | | |\n", cmd[i].name);
		else
			printf("| %s | %.1f | %.1f | %.1f | %.2f |\n", cmd[i].name, cmd[i].ms[0],
			       median, cmd[i].ms[runs - 1], first > 0 ? median / first : 0.0);
	}
}

int main(int argc, char **argv)
{
	static struct compare_cmd cmd[COMPARE_MAX_CMDS];
	const char *marker = NULL;
	int opt, runs = 5, run;
	size_t nr = 0, i;
	char *eq;

	while ((opt = getopt(argc, argv, "n:u:")) != -1) {
		if (opt == 'n')
			runs = atoi(optarg);
		else if (opt == 'u')
			marker = optarg;
		else
			return 2;
	}
	if (runs < 1 || runs > COMPARE_MAX_RUNS)
		return 2;
	for (; optind < argc && nr < COMPARE_MAX_CMDS; optind++) {
		eq = strchr(argv[optind], '=');
		if (!eq)
			return 2;
		*eq = '\0';
		cmd[nr].name = argv[optind];
		cmd[nr++].command = eq + 1;
	}
	for (run = -1; run < runs; run++) {
		for (i = 0; i < nr; i++)
			cmd[i].ms[run < 0 ? 0 : run] = compare_once(cmd[i].command, marker);
	}
	compare_print(cmd, nr, runs);
	return 0;
}
