/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * fake-fleet NR PROC: NR virtual machines that are not there. Each has its folder and its control
 * socket and answers what the balancer asks; its "guest" uses memory, more every now and then, and
 * follows its target. PROC/meminfo is kept as a host of 512 MiB for every two would have it.
 *
 * vm2 (from 3 on) never answers, vm3 has old statistics, vm4 does not follow its target.
 */
#include <jansson.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/time.h"
#include "ctl/rundir.h"
#include "ctl/sock.h"

#define MIB	    (1ull << 20)
#define FLEET_MAX   512
#define FLEET_SIZE  (512 * MIB)
#define FLEET_PHASE 4000000000ull

struct fake_vm {
	struct rundir dir;
	int listen_fd, fd;
	char in[8192];
	size_t in_len;
	uint64_t used, touched, target, actual;
};

static struct fake_vm *fleet;
static unsigned int nr;
static const char *proc;
static volatile sig_atomic_t over;

static void on_signal(int sig)
{
	(void)sig;
	over = 1;
}

static void fake_say(struct fake_vm *vm, json_t *obj)
{
	char *text = json_dumps(obj, 0);
	size_t len = strlen(text);

	text[len] = '\n';
	if (write(vm->fd, text, len + 1) != (ssize_t)len + 1)
		vm->in_len = 0;
	free(text);
	json_decref(obj);
}

static json_t *fake_info(const struct fake_vm *vm, unsigned int index)
{
	return json_pack("{s:b,s:b,s:I,s:I,s:I,s:I,s:i,s:I,s:I,s:{s:I,s:I,s:I,s:i,s:i}}", "running",
			 1, "driver", 1, "size", (json_int_t)FLEET_SIZE, "actual",
			 (json_int_t)vm->actual, "target", (json_int_t)vm->target, "floor",
			 (json_int_t)0, "weight", 100, "ceiling", (json_int_t)0, "stats-age-ms",
			 (json_int_t)(index == 3 ? 60000 : 500), "stats", "stat-free-memory",
			 (json_int_t)(vm->actual - vm->used), "stat-available-memory",
			 (json_int_t)(vm->actual - vm->used), "stat-disk-caches", (json_int_t)0,
			 "stat-major-faults", 0, "stat-swap-in", 0);
}

static void fake_answer(struct fake_vm *vm, unsigned int index, const char *line)
{
	json_t *req = json_loads(line, 0, NULL), *ret = NULL;
	const char *cmd = json_string_value(json_object_get(req, "execute"));

	if (cmd && strcmp(cmd, "x-vitrine-balloon") == 0)
		ret = fake_info(vm, index);
	else if (cmd && strcmp(cmd, "balloon") == 0)
		vm->target = (uint64_t)json_integer_value(
			json_object_get(json_object_get(req, "arguments"), "value"));
	else if (cmd && strcmp(cmd, "query-status") == 0)
		ret = json_pack("{s:s}", "status", "running");
	if (cmd && index != 2)
		fake_say(vm, json_pack("{s:o,s:O?}", "return", ret ? ret : json_object(), "id",
				       json_object_get(req, "id")));
	else
		json_decref(ret);
	json_decref(req);
}

static void fake_read(struct fake_vm *vm, unsigned int index)
{
	ssize_t n = read(vm->fd, vm->in + vm->in_len, sizeof(vm->in) - 1 - vm->in_len);

	if (n <= 0) {
		close(vm->fd);
		vm->fd = -1;
		return;
	}
	vm->in_len += (size_t)n;
	vm->in[vm->in_len] = '\0';
	/* The client sends a request without a newline, and the next one after the answer. */
	if (vm->in[vm->in_len - 1] != '}')
		return;
	vm->in_len = 0;
	fake_answer(vm, index, vm->in);
}

static void fake_accept(struct fake_vm *vm)
{
	int fd = sock_accept(vm->listen_fd);

	if (fd < 0)
		return;
	if (vm->fd >= 0)
		close(vm->fd); /* one client at a time is enough here */
	vm->fd = fd;
	vm->in_len = 0;
	fake_say(vm, json_pack("{s:{}}", "QMP"));
}

/* A part of the fleet is busy at a time; nobody can use what it does not have. */
static void fake_live(void)
{
	unsigned int phase = (unsigned int)(time_now_ns() / FLEET_PHASE), i;
	uint64_t goal, held = 0, total = nr * FLEET_SIZE / 2;
	char path[512];
	FILE *file;

	for (i = 0; i < nr; i++) {
		struct fake_vm *vm = &fleet[i];

		goal = (phase + i) % 4 == 0 ? 320 * MIB : 60 * MIB;
		vm->used = vm->used < goal ? vm->used + 10 * MIB : goal;
		if (i != 4 || vm->target > vm->actual)
			vm->actual =
				vm->target > vm->used + 12 * MIB ? vm->target : vm->used + 12 * MIB;
		if (vm->used + 12 * MIB > vm->actual)
			vm->used = vm->actual - 12 * MIB;
		if (vm->touched < vm->used + 30 * MIB)
			vm->touched = vm->used + 30 * MIB;
		if (vm->touched > vm->actual)
			vm->touched = vm->actual;
		held += vm->touched;
	}
	snprintf(path, sizeof(path), "%s/meminfo.new", proc);
	file = fopen(path, "w");
	if (!file)
		return;
	fprintf(file, "MemTotal: %llu kB\nMemAvailable: %llu kB\n",
		(unsigned long long)(total / 1024),
		(unsigned long long)(held < total ? (total - held) / 1024 : 0));
	fclose(file);
	strcpy(strrchr(path, '/'), "/meminfo");
	{
		char from[520];

		snprintf(from, sizeof(from), "%s.new", path);
		rename(from, path);
	}
}

static int fake_start(struct fake_vm *vm, unsigned int index)
{
	char name[32], path[256];

	snprintf(name, sizeof(name), "vm%u", index);
	vm->fd = -1;
	vm->target = vm->actual = FLEET_SIZE;
	vm->used = 60 * MIB;
	if (rundir_take(name, &vm->dir, NULL) < 0)
		return -1;
	snprintf(path, sizeof(path), "%s/qmp.sock", vm->dir.path);
	vm->listen_fd = sock_listen(path, NULL);
	return vm->listen_fd < 0 ? -1 : 0;
}

int main(int argc, char **argv)
{
	static struct pollfd pfd[2 * FLEET_MAX];
	uint64_t next = 0;
	unsigned int i;

	nr = argc == 3 ? (unsigned int)atoi(argv[1]) : 0;
	if (!nr || nr > FLEET_MAX)
		return 2;
	proc = argv[2];
	fleet = calloc(nr, sizeof(*fleet));
	signal(SIGTERM, on_signal);
	signal(SIGINT, on_signal);
	signal(SIGPIPE, SIG_IGN);
	for (i = 0; fleet && i < nr; i++) {
		if (fake_start(&fleet[i], i) < 0)
			return 1;
	}
	while (fleet && !over) {
		if (time_now_ns() >= next) {
			fake_live();
			if (!next && write(STDOUT_FILENO, "ready\n", 6) != 6)
				break;
			next = time_now_ns() + 50000000ull;
		}
		for (i = 0; i < nr; i++) {
			pfd[2 * i] = (struct pollfd){ .fd = fleet[i].listen_fd, .events = POLLIN };
			pfd[2 * i + 1] = (struct pollfd){ .fd = fleet[i].fd, .events = POLLIN };
		}
		poll(pfd, 2 * nr, 50);
		for (i = 0; i < nr; i++) {
			if (pfd[2 * i + 1].revents)
				fake_read(&fleet[i], i);
			if (pfd[2 * i].revents)
				fake_accept(&fleet[i]);
		}
	}
	for (i = 0; fleet && i < nr; i++)
		rundir_release(&fleet[i].dir);
	free(fleet);
	return 0;
}
