/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The VM process: builds the machine, serves its sockets, and knows how it ended. */
#include "cmd-run.h"

#include <errno.h>
#include <event2/event.h>
#include <event2/thread.h>
#include <fcntl.h>
#include <jansson.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/log.h"
#include "base/time.h"
#include "cmd.h"
#include "ctl/balloon.h"
#include "ctl/block.h"
#include "ctl/bundle.h"
#include "ctl/console.h"
#include "ctl/debug.h"
#include "ctl/monitor.h"
#include "ctl/net.h"
#include "ctl/report.h"
#include "ctl/rundir.h"
#include "ctl/server.h"
#include "ctl/stage2.h"
#include "ctl/snapshot.h"
#include "ctl/symbols.h"
#include "ctl/stdin.h"
#include "dbg/dbg.h"
#include "gdb/target-kvm.h"
#include "net/config.h"
#include "vmm/vm.h"

#define RUN_TAIL_MAX   4096
#define RUN_NAME_TRIES 99
#define RUN_NR_SIGNALS 3

/* The VM process. Members are NULL or -1 until they exist. */
struct run {
	struct run_config *cfg;
	struct rundir dir;
	struct event_base *base;
	struct vm *vm;
	struct dbg *dbg;
	struct ctl_server *server;
	struct console *console;
	struct ctl_stdin *input;
	struct debug *debug;
	struct gdb_server *gdb[2];
	struct event *signal[RUN_NR_SIGNALS], *timeout;
	int own_fd[2]; /* files opened for --serial and --debugcon */
	int report_fd;
	uint64_t start_ns;
	bool done;
	int status;
	char reason[32];
	struct vm_event last;
	char last_text[SAMPLE_TEXT_MAX];
};

/* --- how it ended --- */

static void run_end(struct run *run, int status, const char *reason)
{
	if (run->done)
		return;
	run->done = true;
	run->status = status;
	snprintf(run->reason, sizeof(run->reason), "%s", reason);
	event_base_loopbreak(run->base);
}

static int run_debug_exit_status(const struct run_config *cfg, uint32_t value)
{
	if (cfg->has_success && value == cfg->success)
		return 0;
	return (int)((value << 1 | 1) & 0xff);
}

static void run_on_shutdown(struct run *run, const struct vm_event *ev)
{
	switch (ev->end) {
	case VM_END_DEBUG_EXIT:
		run_end(run, run_debug_exit_status(run->cfg, ev->value), "debug-exit");
		break;
	case VM_END_RESET:
		run_end(run, 0, "reset");
		break;
	case VM_END_QUIT:
		run_end(run, EXIT_INTERRUPTED, "quit");
		break;
	default:
		run_end(run, 0, "poweroff");
		break;
	}
}

static struct vm_view *run_view(struct run *run)
{
	struct vm_view *view = malloc(sizeof(*view));

	vm_look(run->vm);
	if (view && vm_view(run->vm, view, NULL) == 0)
		return view;
	free(view);
	return NULL;
}

/* The first line is for people and scripts alike; the rest for whoever mends the guest. */
static void run_print_crash(struct run *run)
{
	struct vm_view *view = run_view(run);
	struct sym_table *syms = NULL;
	struct buf text = BUF_INIT;

	if (!view)
		return;
	if (view->symbols[0])
		sym_open(view->symbols, &syms, NULL);
	sym_follow(syms, view);
	report_crash(view, syms, &text);
	fprintf(stderr, "vitrine: %s", buf_str(&text));
	buf_free(&text);
	sym_close(syms);
	view_release(view);
	free(view);
}

static void run_on_crash(struct run *run)
{
	bool internal = vm_state(run->vm) == VM_STATE_INTERNAL;

	if (run->cfg->style == RUN_HEADLESS)
		run_print_crash(run);
	if (run->cfg->vm.on_crash == VM_ON_CRASH_EXIT)
		run_end(run, internal ? EXIT_INTERNAL : EXIT_CRASHED,
			internal ? "internal-error" : "crashed");
	else if (run->cfg->style == RUN_HEADLESS)
		fprintf(stderr, "vitrine: the guest is kept: vitrine attach %s\n", run->dir.name);
}

static void run_on_vm(void *ctx, const struct vm_event *ev)
{
	struct run *run = ctx;

	run->last = *ev;
	snprintf(run->last_text, sizeof(run->last_text), "%s", ev->text ? ev->text : "");
	if (ev->kind == VM_EVENT_SHUTDOWN)
		run_on_shutdown(run, ev);
	else if (ev->kind == VM_EVENT_CRASHED)
		run_on_crash(run);
}

static void run_on_timeout(evutil_socket_t fd, short what, void *arg)
{
	struct run *run = arg;

	(void)fd;
	(void)what;
	if (run->cfg->style == RUN_HEADLESS)
		fprintf(stderr, "vitrine: time-out: the guest has had its %u s\n",
			run->cfg->timeout_s);
	vm_pause(run->vm, VM_STATE_PAUSED, "time-out");
	run_end(run, EXIT_TIMEOUT, "timeout");
}

static void run_on_signal(evutil_socket_t sig, short what, void *arg)
{
	struct run *run = arg;

	(void)sig;
	(void)what;
	run_end(run, EXIT_INTERRUPTED, "interrupted");
}

static void run_on_command(void *ctx, int command)
{
	struct run *run = ctx;

	switch (command) {
	case 'q':
	case 'x':
		run_end(run, EXIT_INTERRUPTED, "quit");
		return;
	case 'd':
		fprintf(stderr, "\r\nvitrine: this process is the VM, it cannot be left "
				"(next time: vitrine run --detach)\r\n");
		return;
	case 'c':
		fprintf(stderr, "\r\nvitrine: in another terminal: vitrine monitor %s\r\n",
			run->dir.name);
		return;
	}
	fprintf(stderr, "\r\nvitrine: Ctrl-] q stop · Ctrl-] c monitor · Ctrl-] Ctrl-] sends "
			"Ctrl-]\r\n");
}

/* --- --result --- */

static void run_result_cpu(struct run *run, json_t *obj)
{
	struct vm_view *view = run_view(run);
	struct sym_table *syms = NULL;
	unsigned int vcpu;
	char text[96];
	uint64_t rip;

	if (!view)
		return;
	vcpu = view->stop_vcpu < view->nr_vcpus ? view->stop_vcpu : 0;
	rip = x86_state_linear_rip(&view->vcpu[vcpu].state);
	if (view->symbols[0])
		sym_open(view->symbols, &syms, NULL);
	sym_follow(syms, view);
	snprintf(text, sizeof(text), "0x%llx", (unsigned long long)rip);
	json_object_set_new(obj, "rip", json_string(text));
	json_object_set_new(obj, "symbol", json_string(sym_text(syms, rip, text, sizeof(text))));
	sym_close(syms);
	view_release(view);
	free(view);
}

static void run_result_tail(struct run *run, json_t *obj)
{
	struct buf tail = BUF_INIT;
	size_t i;

	if (run->console)
		console_tail(run->console, RUN_TAIL_MAX, &tail);
	for (i = 0; i < tail.len; i++) { /* JSON wants UTF-8; a guest may say anything */
		if ((unsigned char)tail.data[i] >= 0x80 || tail.data[i] == '\0')
			tail.data[i] = '?';
	}
	json_object_set_new(obj, "serial", json_stringn(buf_str(&tail), tail.len));
	buf_free(&tail);
}

static int run_dump_result(const json_t *obj, const char *path)
{
	FILE *file = fopen(path, "we");
	bool bad;

	if (!file)
		return -errno;
	bad = json_dumpf(obj, file, JSON_INDENT(1)) != 0;
	fputc('\n', file);
	bad |= ferror(file) != 0;
	if (fclose(file) != 0 || bad)
		return errno ? -errno : -EIO;
	return 0;
}

static void run_write_result(struct run *run)
{
	double seconds = (double)(time_now_ns() - run->start_ns) / 1e9;
	json_t *obj = json_pack("{s:s,s:i,s:f,s:s}", "reason", run->reason, "status", run->status,
				"seconds", seconds, "text", run->last_text);
	int ret;

	if (run->last.kind == VM_EVENT_SHUTDOWN && run->last.end == VM_END_DEBUG_EXIT)
		json_object_set_new(obj, "value", json_integer(run->last.value));
	run_result_cpu(run, obj);
	run_result_tail(run, obj);
	ret = run_dump_result(obj, run->cfg->result);
	if (ret < 0)
		log_line("--result %s: %s", run->cfg->result, strerror(-ret));
	json_decref(obj);
}

/* --- building, in this order; run_clean() undoes it in reverse --- */

static int run_take_dir(struct run *run, struct err *err)
{
	struct vm_config *vm = &run->cfg->vm;
	static char name[VM_NAME_MAX];
	int ret, i;

	ret = rundir_take(vm->name, &run->dir, err);
	for (i = 2; ret == -EEXIST && !run->cfg->named && i <= RUN_NAME_TRIES; i++) {
		snprintf(name, sizeof(name), "%.*s-%d", VM_NAME_MAX - 5, vm->name, i);
		ret = rundir_take(name, &run->dir, err);
	}
	vm->name = run->dir.name;
	vm->run_dir = run->dir.path;
	net_plugs_bind(vm->plug, vm->nr_plug, vm->name, vm->run_dir);
	return ret;
}

/* A VM without a terminal says what it has to say in its folder. */
static void run_open_log(struct run *run)
{
	char path[RUNDIR_PATH_MAX + 16];

	if (run->cfg->style == RUN_HEADLESS)
		return;
	snprintf(path, sizeof(path), "%s/messages", run->dir.path);
	log_open(open(path, O_WRONLY | O_CREAT | O_APPEND | O_NOFOLLOW | O_CLOEXEC, 0600));
}

static int run_open_file(const char *path, int *fd, struct err *err)
{
	*fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
	return *fd >= 0 ? 0 : err_sys(err, errno, "%s", path);
}

static bool run_gdb_on_stdio(const struct run_config *cfg)
{
	return cfg->gdb && strcmp(cfg->gdb, "stdio") == 0;
}

static const char *run_com1(const struct run_config *cfg)
{
	if (cfg->serial)
		return cfg->serial;
	return cfg->style == RUN_HEADLESS && !run_gdb_on_stdio(cfg) ? "stdio" : "none";
}

static int run_open_serial(struct run *run, struct err *err)
{
	struct run_config *cfg = run->cfg;
	const char *com1 = run_com1(cfg);
	int ret = 0;

	if (cfg->style != RUN_HEADLESS &&
	    (strcmp(com1, "stdio") == 0 || (cfg->debugcon && strcmp(cfg->debugcon, "stdio") == 0)))
		return err_set(err, EINVAL, "stdio is the guest's with --headless only");
	if (strcmp(com1, "stdio") == 0)
		cfg->vm.serial_fd[0] = STDOUT_FILENO;
	else if (strncmp(com1, "file:", 5) == 0)
		ret = run_open_file(com1 + 5, &run->own_fd[0], err);
	if (ret == 0 && run->own_fd[0] >= 0)
		cfg->vm.serial_fd[0] = run->own_fd[0];
	if (ret < 0 || !cfg->debugcon)
		return ret;
	if (strcmp(cfg->debugcon, "stdio") == 0) {
		cfg->vm.serial_fd[2] = STDOUT_FILENO;
		return 0;
	}
	ret = run_open_file(cfg->debugcon, &run->own_fd[1], err);
	cfg->vm.serial_fd[2] = run->own_fd[1];
	return ret;
}

static int run_start_loop(struct run *run, struct err *err)
{
	if (evthread_use_pthreads() == 0)
		run->base = event_base_new();
	return run->base ? 0 : err_set(err, ENOMEM, "event loop");
}

static int run_watch_signals(struct run *run, struct err *err)
{
	static const int numbers[RUN_NR_SIGNALS] = { SIGINT, SIGTERM, SIGHUP };
	int i;

	signal(SIGPIPE, SIG_IGN);
	signal(SIGXFSZ, SIG_IGN); /* an image at the limit of file sizes is an error like others */
	for (i = 0; i < RUN_NR_SIGNALS; i++) {
		if (numbers[i] == SIGHUP && run->cfg->style != RUN_HEADLESS) {
			signal(SIGHUP, SIG_IGN);
			continue;
		}
		run->signal[i] = evsignal_new(run->base, numbers[i], run_on_signal, run);
		if (!run->signal[i] || event_add(run->signal[i], NULL) < 0)
			return err_set(err, ENOMEM, "signals");
	}
	return 0;
}

static int run_start_sockets(struct run *run, struct err *err)
{
	const char *serial = run->cfg->serial;
	int ret;

	ret = ctl_server_start(run->vm, run->dir.path, &run->server, err);
	if (ret == 0)
		ret = debug_bind(run->server, run->dbg, &run->debug, err);
	if (ret == 0)
		ret = stage2_bind(run->server, err);
	if (ret == 0)
		ret = block_bind(run->server, err);
	if (ret == 0)
		ret = balloon_bind(run->server, err);
	if (ret == 0)
		ret = net_bind(run->server, err);
	if (ret == 0)
		ret = snapshot_bind(run->server, run->dbg, err);
	if (ret == 0)
		ret = symbols_bind(run->server, err);
	if (ret == 0)
		ret = console_start(run->vm, run->dir.path, &run->console, err);
	if (ret == 0)
		ret = bundle_bind(run->server, run->console, err);
	if (ret == 0 && serial && strncmp(serial, "unix:", 5) == 0)
		ret = console_listen(run->console, serial + 5, err);
	return ret;
}

static int run_monitor_line(void *ctx, const char *line, struct buf *out, struct err *err)
{
	static unsigned int vcpu; /* gdb has one `monitor` for all its threads */
	struct run *run = ctx;

	return ctl_server_hmp(run->server, line, &vcpu, out, err);
}

static int run_cmd_gdb_arch(const struct monitor_ctx *ctx, struct monitor_args *args,
			    struct buf *out, struct err *err)
{
	struct run *run = ctx->table_ctx;
	int i, ret = 0;

	if (!args->nr) {
		buf_printf(out, "%s\n", gdb_server_arch_name(run->gdb[0]));
		return 0;
	}
	for (i = 0; i < 2 && ret == 0; i++) {
		if (run->gdb[i])
			ret = gdb_server_arch(run->gdb[i], args->word[0], err);
	}
	if (ret == 0)
		buf_puts(out, "a gdb that is connected takes it over with: unset tdesc filename\n");
	return ret;
}

static const struct monitor_command run_gdb_commands[] = {
	{ "gdb arch", "[x86-64|i386|i8086]", "how the processor is described to gdb", 1, 0,
	  MONITOR_COMPLETE_NONE, run_cmd_gdb_arch },
};

/* The unix socket that is always there, and the one that was asked for. */
static int run_start_gdb(struct run *run, struct err *err)
{
	struct sample_page *page = vm_sample(run->vm);
	char spec[RUNDIR_PATH_MAX + 16];
	int ret;

	snprintf(spec, sizeof(spec), "unix:%s/gdb.sock", run->dir.path);
	ret = gdb_server_start(run->vm, run->dbg, spec, run_monitor_line, run, &run->gdb[0],
			       page->gdb, sizeof(page->gdb), err);
	if (ret == 0 && run->cfg->gdb)
		ret = gdb_server_start(run->vm, run->dbg, run->cfg->gdb, run_monitor_line, run,
				       &run->gdb[1], page->gdb, sizeof(page->gdb), err);
	if (ret == 0 && run->cfg->gdb && strcmp(run->cfg->gdb, "stdio") != 0)
		log_line("gdb: target remote %s", page->gdb);
	for (int i = 0; i < 2 && ret == 0 && run->cfg->gdb_arch; i++) {
		if (run->gdb[i])
			ret = gdb_server_arch(run->gdb[i], run->cfg->gdb_arch, err);
	}
	if (ret == 0)
		ret = monitor_add_commands(ctl_server_monitor(run->server), run_gdb_commands, 1,
					   run);
	return ret;
}

static int run_start_input(struct run *run, struct err *err)
{
	if (strcmp(run_com1(run->cfg), "stdio") != 0)
		return 0;
	return ctl_stdin_start(run->base, run->console, run_on_command, run, &run->input, err);
}

static int run_start_timeout(struct run *run, struct err *err)
{
	struct timeval when = { .tv_sec = run->cfg->timeout_s };

	if (!when.tv_sec)
		return 0;
	run->timeout = event_new(run->base, -1, EV_TIMEOUT, run_on_timeout, run);
	if (!run->timeout || event_add(run->timeout, &when) < 0)
		return err_set(err, ENOMEM, "time-out");
	return 0;
}

static int run_build(struct run *run, struct err *err)
{
	int ret;

	if ((ret = run_take_dir(run, err)) < 0)
		return ret;
	run_open_log(run);
	if ((ret = run_open_serial(run, err)) < 0 || (ret = run_start_loop(run, err)) < 0 ||
	    (ret = vm_create(&run->cfg->vm, run->base, &run->vm, err)) < 0 ||
	    (ret = dbg_create(run->vm, &run->dbg, err)) < 0)
		return ret;
	/* The server first: what it tells its clients comes before what this process does. */
	if ((ret = run_start_sockets(run, err)) < 0 || (ret = run_start_gdb(run, err)) < 0 ||
	    (ret = run_start_input(run, err)) < 0 || (ret = run_start_timeout(run, err)) < 0 ||
	    (ret = run_watch_signals(run, err)) < 0)
		return ret;
	ret = vm_listen(run->vm, run_on_vm, run);
	return ret < 0 ? err_sys(err, -ret, "events") : 0;
}

static void run_clean(struct run *run)
{
	int i;

	if (run->vm) /* the vCPUs stand: nothing of theirs comes in any more */
		vm_pause(run->vm, VM_STATE_SHUTDOWN, run->reason);
	ctl_stdin_stop(run->input);
	gdb_server_stop(run->gdb[1]);
	gdb_server_stop(run->gdb[0]);
	console_stop(run->console);
	ctl_server_stop(run->server);
	debug_unbind(run->debug);
	dbg_destroy(run->dbg);
	rundir_release(&run->dir);
	vm_destroy(run->vm);
	for (i = 0; i < RUN_NR_SIGNALS; i++) {
		if (run->signal[i])
			event_free(run->signal[i]);
	}
	if (run->timeout)
		event_free(run->timeout);
	if (run->base)
		event_base_free(run->base);
	for (i = 0; i < 2; i++) {
		if (run->own_fd[i] >= 0)
			close(run->own_fd[i]);
	}
}

/* --- from the first to the last --- */

static void run_tell(struct run *run, int status, const char *text)
{
	struct run_report report = { .status = status };
	ssize_t n;

	if (run->report_fd < 0) {
		if (status)
			fprintf(stderr, "vitrine: %s\n", text);
		return;
	}
	snprintf(report.name, sizeof(report.name), "%s", run->cfg->vm.name);
	snprintf(report.text, sizeof(report.text), "%s", text);
	n = write(run->report_fd, &report, sizeof(report));
	(void)n; /* whoever started us has gone: then nobody wants to know */
	close(run->report_fd);
	run->report_fd = -1;
}

static void run_finish(struct run *run)
{
	json_t *data;

	vm_pause(run->vm, VM_STATE_PAUSED, run->reason);
	if (run->cfg->result)
		run_write_result(run);
	data = json_pack("{s:i,s:s}", "status", run->status, "reason", run->reason);
	ctl_server_event(run->server, "x-vitrine-exit", data);
}

int run_vm(struct run_config *cfg, int report_fd)
{
	struct run run = { .cfg = cfg, .report_fd = report_fd, .start_ns = time_now_ns() };
	struct err err = ERR_INIT;
	int ret;

	run.dir.lock_fd = -1;
	run.own_fd[0] = run.own_fd[1] = -1;
	ret = run_build(&run, &err);
	if (ret == 0 && !cfg->vm.freeze)
		ret = vm_resume(run.vm, &err);
	if (ret < 0) {
		run.status = EXIT_CANNOT_START;
		run_tell(&run, EXIT_CANNOT_START, err.text);
	} else {
		run_tell(&run, 0, "");
		if (!run.done) /* the event of a very short life came already */
			event_base_dispatch(run.base);
		run_finish(&run);
	}
	run_clean(&run);
	return run.status;
}
