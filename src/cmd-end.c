/* SPDX-License-Identifier: GPL-2.0-or-later */
/* `vitrine stop`, `kill` and `wait`: three ways to a VM's end. */
#include <errno.h>
#include <jansson.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>

#include "base/parse.h"
#include "base/time.h"
#include "cmd.h"
#include "ctl/rundir.h"
#include "ctl/sock.h"

#define END_STOP_S  10
#define END_KILL_NS 3000000000ull
#define END_FOREVER UINT64_MAX

/*
 * Wait until the VM has gone or DEADLINE; *STATUS is what it said at last (-1:
 * nothing). -ETIMEDOUT.
 */
static int end_await(struct ctl_client *cli, uint64_t deadline, int *status)
{
	json_t *event, *value;
	bool gone = false;
	int ret = 0;

	*status = -1;
	while (!gone && ret != -ETIMEDOUT) {
		while ((event = ctl_event(cli, &gone))) {
			value = json_object_get(json_object_get(event, "data"), "status");
			if (strcmp(json_string_value(json_object_get(event, "event")),
				   "x-vitrine-exit") == 0)
				*status = (int)json_integer_value(value);
			json_decref(event);
		}
		if (!gone)
			ret = sock_wait(ctl_fd(cli), POLLIN, deadline);
	}
	return gone ? 0 : ret;
}

/* Sockets close a moment before the folder is gone: whoever comes after us shall not see it. */
static bool end_folder_gone(const char *name, uint64_t deadline)
{
	while (rundir_alive(name, NULL)) {
		if (time_now_ns() >= deadline)
			return false;
		poll(NULL, 0, 5);
	}
	rundir_sweep(name);
	return true;
}

/* It neither answers nor ends. */
static int end_by_force(const char *name, struct err *err)
{
	int ret = ctl_kill(name, err);

	if (ret < 0)
		return ret;
	return end_folder_gone(name, time_now_ns() + END_KILL_NS)
		       ? 0
		       : err_set(err, ETIMEDOUT, "%s is killed and does not die", name);
}

static int end_kill(const char *name, struct err *err)
{
	struct ctl_client *cli = NULL;
	int status, ret;

	ret = ctl_connect(name, &cli, NULL);
	if (ret == 0)
		ret = ctl_exec(cli, "quit", NULL, NULL, NULL);
	if (ret == 0 || ret == -EPIPE)
		end_await(cli, time_now_ns() + END_KILL_NS, &status);
	ctl_close(cli);
	if (end_folder_gone(name, time_now_ns() + END_KILL_NS))
		return 0;
	return end_by_force(name, err);
}

/* The power button makes sense for a guest that runs. */
static bool end_is_running(struct ctl_client *cli)
{
	json_t *ret = NULL;
	bool running = false;

	if (ctl_exec(cli, "query-status", NULL, &ret, NULL) == 0)
		running = json_is_true(json_object_get(ret, "running"));
	json_decref(ret);
	return running;
}

static int end_stop(const char *name, unsigned int seconds, struct err *err)
{
	struct ctl_client *cli = NULL;
	int status, ret = -ETIMEDOUT;

	if (ctl_connect(name, &cli, NULL) == 0 && end_is_running(cli) &&
	    ctl_exec(cli, "system_powerdown", NULL, NULL, NULL) == 0)
		ret = end_await(cli, time_now_ns() + seconds * 1000000000ull, &status);
	ctl_close(cli);
	if (ret == 0 && end_folder_gone(name, time_now_ns() + END_KILL_NS))
		return 0;
	return end_kill(name, err);
}

static const struct cmd_help stop_help = {
	.synopsis = "vitrine stop [--timeout SECONDS] [NAME]",
	.what = "Presses the power button; a guest that does not switch itself off in time (10 "
		"s),\n"
		"or does not run, is ended.",
	.options = "  --timeout SECONDS   how long to wait for the guest\n",
	.example = { "vitrine stop demo", "vitrine stop --timeout 60 debian" },
};

int cmd_stop(int argc, char **argv)
{
	uint64_t seconds = END_STOP_S;
	struct err err = ERR_INIT;
	char name[VM_NAME_MAX];
	const char *prefix;
	int status;

	if (argc > 2 && strcmp(argv[1], "--timeout") == 0) {
		if (!parse_range(argv[2], 0, 86400, &seconds))
			return cmd_usage("stop", "--timeout %s: a number of seconds", argv[2]);
		argc -= 2;
		argv += 2;
	}
	argv[0] = "stop";
	if (cmd_only_name(argc, argv, &stop_help, &prefix, &status))
		return status;
	if (ctl_resolve(prefix, name, sizeof(name), &err) < 0 ||
	    end_stop(name, (unsigned int)seconds, &err) < 0)
		return cmd_fail(&err, 1);
	return 0;
}

int cmd_kill(int argc, char **argv)
{
	static const struct cmd_help help = {
		.synopsis = "vitrine kill [NAME]",
		.what = "Ends a VM at once, whatever the guest does.",
		.example = { "vitrine kill", "vitrine kill demo" },
	};
	struct err err = ERR_INIT;
	char name[VM_NAME_MAX];
	const char *prefix;
	int status;

	if (cmd_only_name(argc, argv, &help, &prefix, &status))
		return status;
	if (ctl_resolve(prefix, name, sizeof(name), &err) < 0 || end_kill(name, &err) < 0)
		return cmd_fail(&err, 1);
	return 0;
}

int cmd_wait(int argc, char **argv)
{
	static const struct cmd_help help = {
		.synopsis = "vitrine wait [NAME]",
		.what = "Waits until the VM ends; exits with the status that `vitrine run` would "
			"have\n"
			"had, or 1 where the VM died without a word.",
		.example = { "vitrine wait demo", "vitrine run --detach test.elf && vitrine wait" },
	};
	struct err err = ERR_INIT;
	char name[VM_NAME_MAX];
	struct ctl_client *cli;
	const char *prefix;
	int status;

	if (cmd_only_name(argc, argv, &help, &prefix, &status))
		return status;
	cli = cmd_connect(prefix, name, &err);
	if (!cli)
		return cmd_fail(&err, 1);
	end_await(cli, END_FOREVER, &status);
	ctl_close(cli);
	end_folder_gone(name, time_now_ns() + END_KILL_NS);
	if (status >= 0)
		return status;
	fprintf(stderr, "vitrine: %s died without a word\n", name);
	return 1;
}
