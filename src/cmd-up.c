/* SPDX-License-Identifier: GPL-2.0-or-later */
/* `vitrine up` and `vitrine down`: the VMs of a fleet file, started and stopped in order. */
#include <errno.h>
#include <jansson.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/parse.h"
#include "base/time.h"
#include "cmd.h"
#include "ctl/rundir.h"
#include "farm/cgroup.h"
#include "farm/fleetfile.h"
#include "farm/spawn.h"

#define UP_WATCH_MS    200
#define UP_BACKOFF_MAX 60u
#define UP_STEADY_NS   30000000000ull /* one that ran so long starts anew with its back-off */

/* What is known of a VM while it is started, watched or stopped. */
struct up_vm {
	const struct fleet_vm *vm;
	unsigned int depth; /* 0: waits for nobody */
	pid_t pid;	    /* of the child that starts or stops it; 0: none */
	struct ctl_client *cli;
	int status;	  /* of its end, -1: not known */
	uint64_t next_ns; /* when to start it again; 0: not due */
	uint64_t start_ns;
	unsigned int backoff;
	bool over; /* not to be watched any more */
};

struct up {
	struct fleet *fleet;
	struct up_vm *vm; /* in the order of starting */
	unsigned int depths;
};

static volatile sig_atomic_t up_over;

static void up_on_signal(int sig)
{
	(void)sig;
	up_over = 1;
}

static const struct up_vm *up_find(const struct up *up, const char *name)
{
	size_t i;

	for (i = 0; i < up->fleet->nr_vms; i++) {
		if (strcmp(up->vm[i].vm->name, name) == 0)
			return &up->vm[i];
	}
	return NULL;
}

static int up_open(struct up *up, const char *path, struct err *err)
{
	const struct up_vm *before;
	struct up_vm *vm;
	size_t i, j;
	int ret;

	ret = fleetfile_load(path, &up->fleet, err);
	if (ret < 0)
		return ret;
	up->vm = calloc(up->fleet->nr_vms, sizeof(*up->vm));
	if (!up->vm)
		return err_sys(err, ENOMEM, "%s", path);
	for (i = 0; i < up->fleet->nr_vms; i++)
		up->vm[i].vm = &up->fleet->vm[up->fleet->order[i]];
	for (i = 0; i < up->fleet->nr_vms; i++) {
		vm = &up->vm[i];
		for (j = 0; j < vm->vm->after.nr; j++) {
			before = up_find(up, vm->vm->after.word[j]);
			if (before->depth + 1 > vm->depth)
				vm->depth = before->depth + 1;
		}
		if (vm->depth + 1 > up->depths)
			up->depths = vm->depth + 1;
	}
	return 0;
}

static void up_close(struct up *up)
{
	size_t i;

	for (i = 0; up->vm && i < up->fleet->nr_vms; i++)
		ctl_close(up->vm[i].cli);
	free(up->vm);
	fleetfile_free(up->fleet);
}

/* --- starting --- */

/* The words that make VM's networks: each is a hub of that name. */
static int up_net_words(const struct up *up, const struct fleet_vm *vm, struct words *more)
{
	char word[CONF_LINE_MAX + 128];
	const char *pcap;
	size_t i, j;
	int ret = 0;

	for (i = 0; i < vm->networks.nr; i++) {
		pcap = NULL;
		for (j = 0; j < up->fleet->nr_nets; j++) {
			if (strcmp(up->fleet->net[j].name, vm->networks.word[i]) == 0)
				pcap = up->fleet->net[j].pcap;
		}
		snprintf(word, sizeof(word), "hub=%s%s%s", vm->networks.word[i],
			 pcap ? ",pcap=" : "", pcap ? pcap : "");
		ret |= words_add(more, "--net") | words_add(more, word);
	}
	return ret;
}

/* The control group that VM shall start in, or -1. */
static int up_group(const struct fleet_vm *vm)
{
	struct err err = ERR_INIT;
	int fd;

	if (!vm->cpu_weight && !vm->memory_high)
		return -1;
	fd = cgroup_open(vm->name, vm->cpu_weight, vm->memory_high, &err);
	if (fd < 0)
		fprintf(stderr, "vitrine: %s runs without its limits: %s\n", vm->name, err.text);
	return fd;
}

static int up_spawn(struct up_vm *vm, const struct words *argv, struct err *err)
{
	int group_fd = up_group(vm->vm);

	vm->pid = spawn_self(argv, -1, STDERR_FILENO, group_fd, err);
	if (group_fd >= 0)
		close(group_fd);
	return vm->pid;
}

static int up_start(struct up *up, struct up_vm *vm, struct err *err)
{
	struct words more = { 0 }, argv = { 0 };
	int ret;

	ret = words_add(&more, "--detach") | words_add(&more, "--name") |
	      words_add(&more, vm->vm->name) | up_net_words(up, vm->vm, &more);
	if (ret == 0)
		ret = guest_argv(&vm->vm->guest, &more, &argv);
	vm->pid = 0;
	if (ret == 0)
		ret = up_spawn(vm, &argv, err);
	words_free(&more);
	words_free(&argv);
	return ret < 0 ? ret : 0;
}

/* The child that was to start VM has ended, or does so soon. */
static int up_started(struct up_vm *vm)
{
	int status = vm->pid > 0 ? spawn_reap(vm->pid, true) : 1;

	vm->pid = 0;
	if (status) {
		fprintf(stderr, "vitrine: %s did not start (status %d)\n", vm->vm->name, status);
		return -EIO;
	}
	vm->start_ns = time_now_ns();
	return 0;
}

/* All of one depth at once. */
static int up_level(struct up *up, unsigned int depth, struct err *err)
{
	int ret = 0;
	size_t i;

	for (i = 0; i < up->fleet->nr_vms; i++) {
		if (up->vm[i].depth != depth)
			continue;
		if (rundir_alive(up->vm[i].vm->name, NULL))
			fprintf(stderr, "vitrine: %s runs already\n", up->vm[i].vm->name);
		else if (up_start(up, &up->vm[i], err) < 0)
			ret = -err->code;
	}
	for (i = 0; i < up->fleet->nr_vms; i++) {
		if (up->vm[i].pid > 0 && up_started(&up->vm[i]) < 0)
			ret = err_set(err, EIO, "not all started; those that did run on");
	}
	return ret;
}

static int up_all(struct up *up, struct err *err)
{
	unsigned int depth;
	int ret = 0;

	for (depth = 0; depth < up->depths && ret == 0; depth++)
		ret = up_level(up, depth, err);
	return ret;
}

/* --- watching --- */

/* Read its events; true when it has gone. */
static bool up_has_ended(struct up_vm *vm)
{
	bool gone = false;
	json_t *event;

	if (!vm->cli && ctl_connect(vm->vm->name, &vm->cli, NULL) < 0)
		return !rundir_alive(vm->vm->name, NULL);
	while ((event = ctl_event(vm->cli, &gone))) {
		if (strcmp(json_string_value(json_object_get(event, "event")), "x-vitrine-exit") ==
		    0)
			vm->status = (int)json_integer_value(
				json_object_get(json_object_get(event, "data"), "status"));
		json_decref(event);
	}
	return gone && !rundir_alive(vm->vm->name, NULL);
}

static void up_ended(struct up_vm *vm)
{
	const char *name = vm->vm->name;
	bool again = vm->vm->restart == FLEET_ALWAYS ||
		     (vm->vm->restart == FLEET_ON_FAILURE && vm->status != 0);

	ctl_close(vm->cli);
	vm->cli = NULL;
	if (vm->status == EXIT_INTERRUPTED)
		again = false; /* somebody wanted it so */
	if (time_now_ns() - vm->start_ns > UP_STEADY_NS)
		vm->backoff = 0;
	vm->backoff = !vm->backoff			 ? 1
		      : vm->backoff < UP_BACKOFF_MAX / 2 ? vm->backoff * 2
							 : UP_BACKOFF_MAX;
	vm->over = !again;
	vm->next_ns = again ? time_now_ns() + vm->backoff * 1000000000ull : 0;
	if (again)
		printf("%s ended (status %d), again in %u s\n", name, vm->status, vm->backoff);
	else
		printf("%s ended (status %d)\n", name, vm->status);
	fflush(stdout);
	vm->status = -1;
}

static void up_watch_one(struct up *up, struct up_vm *vm)
{
	struct err err = ERR_INIT;

	if (vm->over)
		return;
	if (!vm->next_ns) {
		if (up_has_ended(vm))
			up_ended(vm);
		return;
	}
	if (time_now_ns() < vm->next_ns)
		return;
	vm->next_ns = 0;
	if (up_start(up, vm, &err) < 0 || up_started(vm) < 0)
		up_ended(vm);
}

static void up_watch(struct up *up)
{
	struct sigaction act = { .sa_handler = up_on_signal };
	size_t i, left = 1;

	sigaction(SIGINT, &act, NULL);
	sigaction(SIGTERM, &act, NULL);
	for (i = 0; i < up->fleet->nr_vms; i++)
		up->vm[i].status = -1;
	while (!up_over && left) {
		for (i = 0, left = 0; i < up->fleet->nr_vms; i++) {
			up_watch_one(up, &up->vm[i]);
			left += !up->vm[i].over;
		}
		if (left)
			poll(NULL, 0, UP_WATCH_MS);
	}
}

static bool up_wants_watch(const struct up *up)
{
	size_t i;

	for (i = 0; i < up->fleet->nr_vms; i++) {
		if (up->vm[i].vm->restart != FLEET_NEVER)
			return true;
	}
	return false;
}

static const struct cmd_help up_help = {
	.synopsis = "vitrine up [--watch] FILE",
	.what = "Starts the VMs of a fleet file (vitrine(1)), each after those it waits for.\n"
		"Those that run already are left alone.",
	.options = "  --watch   stay, and start again what ends as its restart policy says\n",
	.example = { "vitrine up lab.fleet", "vitrine up --watch lab.fleet" },
};

int cmd_up(int argc, char **argv)
{
	bool watch = argc > 1 && strcmp(argv[1], "--watch") == 0;
	struct err err = ERR_INIT;
	struct up up = { 0 };
	const char *path;
	int status;

	argv[watch] = "up";
	if (cmd_only_name(argc - watch, argv + watch, &up_help, &path, &status))
		return status;
	if (!path)
		return cmd_usage("up", "which file?");
	if (up_open(&up, path, &err) < 0 || up_all(&up, &err) < 0) {
		up_close(&up);
		return cmd_fail(&err, 1);
	}
	if (watch)
		up_watch(&up);
	else if (up_wants_watch(&up))
		fprintf(stderr, "vitrine: what ends stays ended: restart needs --watch\n");
	up_close(&up);
	return 0;
}

/* --- stopping --- */

static int down_one(struct up_vm *vm, const char *timeout, struct err *err)
{
	struct words argv = { 0 };
	int ret;

	ret = words_add(&argv, "vitrine") | words_add(&argv, "stop") |
	      words_add(&argv, "--timeout") | words_add(&argv, timeout) |
	      words_add(&argv, vm->vm->name);
	vm->pid = ret == 0 ? spawn_self(&argv, -1, STDERR_FILENO, -1, err) : -ENOMEM;
	words_free(&argv);
	return vm->pid < 0 ? vm->pid : 0;
}

static bool down_level(struct up *up, unsigned int depth, const char *timeout)
{
	struct err err = ERR_INIT;
	bool good = true;
	size_t i;

	for (i = 0; i < up->fleet->nr_vms; i++) {
		up->vm[i].pid = 0;
		if (up->vm[i].depth == depth && rundir_alive(up->vm[i].vm->name, NULL))
			good &= down_one(&up->vm[i], timeout, &err) == 0;
	}
	for (i = 0; i < up->fleet->nr_vms; i++) {
		if (up->vm[i].pid > 0)
			good &= spawn_reap(up->vm[i].pid, true) == 0;
		if (up->vm[i].depth == depth)
			cgroup_remove(up->vm[i].vm->name);
	}
	return good;
}

static const struct cmd_help down_help = {
	.synopsis = "vitrine down [--timeout SECONDS] FILE",
	.what = "Stops the VMs of a fleet file in the opposite order, as `vitrine stop` does.",
	.options = "  --timeout SECONDS   how long to wait for each guest (default 10)\n",
	.example = { "vitrine down lab.fleet", "vitrine down --timeout 60 lab.fleet" },
};

int cmd_down(int argc, char **argv)
{
	const char *path, *timeout = "10";
	struct err err = ERR_INIT;
	struct up up = { 0 };
	unsigned int depth;
	bool good = true;
	uint64_t secs;
	int status;

	if (argc > 2 && strcmp(argv[1], "--timeout") == 0) {
		timeout = argv[2];
		if (!parse_range(timeout, 0, 86400, &secs))
			return cmd_usage("down", "--timeout %s: a number of seconds", timeout);
		argc -= 2;
		argv += 2;
	}
	argv[0] = "down";
	if (cmd_only_name(argc, argv, &down_help, &path, &status))
		return status;
	if (!path)
		return cmd_usage("down", "which file?");
	if (up_open(&up, path, &err) < 0) {
		up_close(&up);
		return cmd_fail(&err, 1);
	}
	for (depth = up.depths; depth-- > 0;)
		good &= down_level(&up, depth, timeout);
	up_close(&up);
	return good ? 0 : 1;
}
