/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Runs a dashboard script (script.h) from stdin on the fixture guest; prints the
 * pictures and every command the dashboard sends. `tui-script [NAME] [--ascii]`:
 * with a name that VM's screens, else the fleet. With --tty the dashboard as it
 * is, on the terminal. Commands of its own:
 *   guest running|stopped|crashed|shutdown   change the VM's state
 *   guest rip N, guest io N                  move on: registers, exits
 *   guest blank                              nothing is left on its VGA screen
 *   serial TEXT                              the guest writes (\n, \e)
 *   heard                                    print what reached the guest by serial line
 *   gone                                     the VM process ends
 *   wedge, unwedge                           it answers nothing, and again
 *   wait MS                                  let time pass
 *   refuse TEXT                              the next command fails
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/time.h"
#include "tests/unit/view-fixture.h"
#include "tui/script.h"

struct world {
	struct view_fixture *fx;
	uint64_t now_ns;
	bool gone, event, wedged;
	bool tty; /* on a terminal: real time */
	int console[2];
	char refuse[128];
	char symbols[64];
	int nr_breaks;
	long long break_addr[8];
	bool break_used[8];
	struct dashboard *dash;
};

static struct world world;

static json_t *world_breaks(void)
{
	json_t *list = json_array();

	for (int i = 0; i < world.nr_breaks; i++)
		if (world.break_used[i])
			json_array_append_new(list, json_pack("{s:i, s:I, s:s, s:i}", "id", i + 1,
							      "addr", world.break_addr[i], "type",
							      "sw", "hits", 0));
	return list;
}

static json_t *world_break(const json_t *args)
{
	int id = world.nr_breaks++;

	world.break_addr[id & 7] = json_integer_value(json_object_get(args, "addr"));
	world.break_used[id & 7] = true;
	return json_pack("{s:i}", "id", id + 1);
}

static void world_do(const char *cmd, const json_t *args, json_t **ret)
{
	struct vm_view *view = &world.fx->view;

	if (!strcmp(cmd, "cont"))
		view->state = VM_STATE_RUNNING;
	if (!strcmp(cmd, "stop") || !strcmp(cmd, "x-vitrine-step")) {
		view->state = VM_STATE_PAUSED;
		view->stop_count++;
	}
	if (!strcmp(cmd, "x-vitrine-step"))
		view->vcpu[0].state.rip += 5;
	if (!strcmp(cmd, "x-vitrine-break") && ret)
		*ret = world_break(args);
	if (!strcmp(cmd, "x-vitrine-break-delete"))
		world.break_used[(json_integer_value(json_object_get(args, "id")) - 1) & 7] = false;
	if (!strcmp(cmd, "x-vitrine-complete") && ret)
		*ret = json_pack("[s, s]", "registers", "regions");
}

/* What was asked and is not fetched yet: the answer, or why there is none. */
static struct {
	long long id;
	void *ctx;
	json_t *ret;
	char refused[128];
} world_asked[256];
static unsigned int world_nr_asked;
static long long world_last_id;

static json_t *world_monitor(const json_t *args)
{
	const char *line = json_string_value(json_object_get(args, "command-line"));
	struct buf out = BUF_INIT;
	json_t *text;

	for (int i = 1; i <= 40; i++)
		buf_printf(&out, "output line %d of %s\n", i, line);
	text = json_string(buf_str(&out));
	buf_free(&out);
	return text;
}

/* Of the VM whose screens these are, the name says nothing new. */
static void world_print(const char *name, const char *cmd, const json_t *args)
{
	char *text = args ? json_dumps(args, JSON_SORT_KEYS) : NULL;

	if (!strcmp(cmd, "human-monitor-command"))
		printf("> monitor %s\n", json_string_value(json_object_get(args, "command-line")));
	else if (!world.tty)
		printf("> %s%s%s%s%s\n", strcmp(name, "myos") ? name : "",
		       strcmp(name, "myos") ? ": " : "", cmd, text ? " " : "", text ? text : "");
	free(text);
}

static long long link_send(void *ctx, const char *cmd, json_t *args, struct err *err)
{
	unsigned int at = world_nr_asked;
	json_t *ret = NULL;

	if (at == 256)
		return err_set(err, EAGAIN, "the fixture takes no more");
	world_nr_asked++;
	memset(&world_asked[at], 0, sizeof(world_asked[at]));
	world_asked[at].id = ++world_last_id;
	world_asked[at].ctx = ctx;
	if (!strcmp(cmd, "x-vitrine-breakpoints")) {
		ret = world_breaks();
	} else if (!strcmp(cmd, "x-vitrine-stage2")) {
		ret = json_pack("{s:s}", "text", "NPT exact (tier A), read 0 ms ago\n1 leaf");
	} else if (!strcmp(cmd, "query-status")) {
		ret = json_pack("{s:s}", "status", strcmp(ctx, "myos") ? "running" : "debug");
	} else {
		world_print(ctx, cmd, args);
		memcpy(world_asked[at].refused, world.refuse, sizeof(world.refuse));
		if (!world.refuse[0])
			world_do(cmd, args, &ret);
		world.refuse[0] = '\0';
		if (!strcmp(cmd, "human-monitor-command"))
			ret = world_monitor(args);
	}
	json_decref(args);
	world_asked[at].ret = ret;
	return world_last_id;
}

static long long link_reply(void *ctx, json_t **ret, struct err *err)
{
	unsigned int i = 0;
	long long id;

	while (i < world_nr_asked && world_asked[i].ctx != ctx)
		i++;
	if (world.wedged || i == world_nr_asked || !strcmp(ctx, "wedged"))
		return 0;
	id = world_asked[i].id;
	*ret = world_asked[i].ret;
	if (world_asked[i].refused[0])
		err_set(err, EREMOTEIO, "%s", world_asked[i].refused);
	memmove(&world_asked[i], &world_asked[i + 1],
		(--world_nr_asked - i) * sizeof(world_asked[0]));
	return id;
}

static int link_view(void *ctx, struct vm_view *out, struct err *err)
{
	const struct vm_view *view = &world.fx->view;

	if (!strcmp(ctx, "wedged"))
		return err_set(err, EAGAIN, "not yet");
	*out = *view;
	out->now_ns = world.now_ns;
	out->vcpu = calloc(view->nr_vcpus, sizeof(*out->vcpu));
	if (!out->vcpu)
		return -ENOMEM;
	memcpy(out->vcpu, view->vcpu, view->nr_vcpus * sizeof(*out->vcpu));
	for (unsigned int i = 0; i < out->nr_vcpus; i++)
		out->vcpu[i].time_ns = world.now_ns;
	snprintf(out->symbols, sizeof(out->symbols), "%s", world.symbols);
	return 0;
}

static json_t *link_event(void *ctx, bool *gone)
{
	(void)ctx;
	*gone = world.gone;
	if (!world.event)
		return NULL;
	world.event = false;
	return json_pack("{s:s}", "event", "STOP");
}

static int link_fd(void *ctx)
{
	(void)ctx;
	return -1;
}

static void link_done(void *ctx)
{
	(void)ctx;
}

static const struct link_ops world_ops = { link_send,  link_reply, link_view,
					   link_event, link_fd,	   link_done };

static int host_list(void *ctx, struct ctl_vm_info **out, struct err *err)
{
	static const struct ctl_vm_info vms[] = { { .name = "linux-dev", .pid = 11 },
						  { .name = "myos", .pid = 4242 },
						  { .name = "wedged", .pid = 12 } };

	(void)ctx;
	(void)err;
	*out = calloc(3, sizeof(**out));
	if (!*out)
		return -ENOMEM;
	memcpy(*out, vms, sizeof(vms));
	return world.gone ? 1 : 3;
}

static int host_open(void *ctx, const char *name, unsigned int hz, struct link *out,
		     struct err *err)
{
	static char wedged[] = "wedged", myos[] = "myos", other[] = "linux-dev";

	(void)ctx;
	(void)hz;
	if (!strcmp(name, "nobody"))
		return err_set(err, ENOENT, "nobody: no such VM");
	*out = (struct link){ &world_ops, !strcmp(name, "wedged") ? wedged
					  : !strcmp(name, "myos") ? myos
								  : other };
	return 0;
}

static int host_console(void *ctx, const char *name, struct err *err)
{
	(void)ctx;
	(void)name;
	(void)err;
	return fcntl(world.console[1], F_DUPFD_CLOEXEC, 0);
}

static bool host_usage(void *ctx, int pid, uint64_t *cpu_ns, uint64_t *resident)
{
	(void)ctx;
	*cpu_ns = world.now_ns / 4;
	*resident = (uint64_t)pid << 12;
	return true;
}

static int host_kill(void *ctx, const char *name, struct err *err)
{
	(void)ctx;
	(void)err;
	printf("> kill %s\n", name);
	return 0;
}

static uint64_t host_now(void *ctx)
{
	(void)ctx;
	if (world.tty)
		world.now_ns = time_now_ns();
	return world.now_ns;
}

static const struct link_host world_host = {
	.list = host_list,
	.open = host_open,
	.console = host_console,
	.usage = host_usage,
	.kill = host_kill,
	.now = host_now,
};

/* What reached the guest's serial line. */
static void world_heard(void)
{
	char text[256];
	ssize_t n = recv(world.console[0], text, sizeof(text), MSG_DONTWAIT);

	if (n <= 0)
		return;
	printf("> serial");
	for (ssize_t i = 0; i < n; i++)
		printf(" %02x", (unsigned char)text[i]);
	printf("\n");
}

static void world_serial(const char *text)
{
	char out[512];
	size_t nr = 0;

	for (; *text && nr < sizeof(out) - 2; text++) {
		if (text[0] == '\\' && text[1] == 'n') {
			out[nr++] = '\r';
			out[nr++] = '\n';
			text++;
		} else if (text[0] == '\\' && text[1] == 'e') {
			out[nr++] = 0x1b;
			text++;
		} else {
			out[nr++] = *text;
		}
	}
	if (send(world.console[0], out, nr, 0) == (ssize_t)nr)
		dashboard_console(world.dash);
}

static bool world_guest(const char *what)
{
	static const uint8_t blank[80 * 25 * 2];
	struct vm_view *view = &world.fx->view;

	if (!strncmp(what, "rip ", 4)) {
		view->vcpu[0].state.rip += strtoull(what + 4, NULL, 0);
		return true;
	}
	if (!strncmp(what, "io ", 3)) {
		view->vcpu[0].exits[EXIT_IO_OUT] += strtoull(what + 3, NULL, 0);
		return true;
	}
	if (!strcmp(what, "blank")) {
		view_fixture_put(world.fx, 0xb8000, blank, sizeof(blank));
		return true;
	}
	if (!strcmp(what, "running"))
		view->state = VM_STATE_RUNNING;
	else if (!strcmp(what, "stopped"))
		view->state = VM_STATE_DEBUG;
	else if (!strcmp(what, "crashed"))
		view->state = VM_STATE_CRASHED;
	else if (!strcmp(what, "shutdown"))
		view->state = VM_STATE_SHUTDOWN;
	else
		return false;
	if (view->state != VM_STATE_RUNNING)
		view->stop_count++;
	if (view->state == VM_STATE_CRASHED)
		strcpy(view->stop_text, "triple fault on vcpu0");
	world.event = true;
	return true;
}

static bool world_command(void *ctx, const char *line)
{
	(void)ctx;
	if (!strncmp(line, "guest ", 6))
		return world_guest(line + 6);
	if (!strncmp(line, "serial ", 7))
		world_serial(line + 7);
	else if (!strcmp(line, "heard"))
		world_heard();
	else if (!strcmp(line, "wedge") || !strcmp(line, "unwedge"))
		world.wedged = line[0] == 'w';
	else if (!strcmp(line, "gone"))
		world.gone = true;
	else if (!strncmp(line, "wait ", 5))
		world.now_ns += strtoull(line + 5, NULL, 0) * 1000000;
	else if (!strncmp(line, "refuse ", 7))
		snprintf(world.refuse, sizeof(world.refuse), "%s", line + 7);
	else
		return false;
	return true;
}

/* The fixture's symbols as a file the dashboard can open by name. */
static bool world_symbols(void)
{
	static const char map[] = "ffffffff80100000 T _start64\n"
				  "ffffffff80100280 T kmain\n"
				  "ffffffff80101a10 T timer_init\n"
				  "ffffffff80101b00 T timer_isr\n"
				  "ffffffff80101c40 T irq_install\n"
				  "ffffffff80102000 T fault_isr\n"
				  "ffffffff80201000 B boot_stack\n";
	int fd;

	strcpy(world.symbols, "/tmp/tui-script-XXXXXX");
	fd = mkstemp(world.symbols);
	if (fd < 0)
		return false;
	if (write(fd, map, sizeof(map) - 1) != (ssize_t)sizeof(map) - 1) {
		close(fd);
		return false;
	}
	return close(fd) == 0;
}

static int run_tty(const char *name)
{
	struct err err = ERR_INIT;

	world.tty = true;
	world.fx->view.start_ns = time_now_ns();
	world.fx->view.stop_ns = world.fx->view.start_ns + 398000000;
	if (dashboard_run_on(&world_host, name, &err) == 0)
		return 0;
	fprintf(stderr, "tui-script: %s\n", err.text);
	return 1;
}

static int run(const char *name, bool ascii)
{
	const struct script_hooks hooks = { .command = world_command };
	struct err err = ERR_INIT;
	int ret = dashboard_new(&world_host, name, ascii, &world.dash, &err);

	if (ret == 0)
		ret = script_run(world.dash, stdin, stdout, &hooks, &err);
	if (ret < 0)
		printf("failed: %s\n", err.text);
	if (world.dash)
		dashboard_free(world.dash);
	return ret < 0;
}

int main(int argc, char **argv)
{
	const char *name = argc > 1 && argv[1][0] != '-' ? argv[1] : NULL;
	bool ascii = argc > 1 && !strcmp(argv[argc - 1], "--ascii");
	bool tty = argc > 1 && !strcmp(argv[argc - 1], "--tty");
	int status = 1;

	setvbuf(stdout, NULL, _IOLBF, 0);
	world.fx = view_fixture_new();
	if (world.fx && world_symbols() &&
	    socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, world.console) == 0) {
		world.now_ns = world.fx->view.now_ns;
		status = tty ? run_tty(name) : run(name, ascii);
	}
	unlink(world.symbols);
	view_fixture_free(world.fx);
	return status;
}
