/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A crash to take home: see bundle.h. */
#include "ctl/bundle.h"

#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/io.h"
#include "ctl/dump.h"
#include "ctl/report.h"
#include "inspect/autopsy.h"
#include "inspect/exits.h"
#include "inspect/regs.h"

#define BUNDLE_FLIGHTS	256
#define BUNDLE_SERIAL	(1u << 20)
#define BUNDLE_PATH_MAX 512

static const char *const bundle_files[] = { "crash.json", "crash.txt", "core", "serial.log" };

static json_t *bundle_hex(uint64_t val)
{
	return json_sprintf("0x%llx", (unsigned long long)val);
}

/* JSON wants UTF-8; a symbol or a path may be anything. */
static json_t *bundle_string(const char *text)
{
	char plain[SAMPLE_SYMS_MAX];
	json_t *str = json_string(text);

	if (str)
		return str;
	snprintf(plain, sizeof(plain), "%s", text);
	for (char *at = plain; *at; at++)
		if ((unsigned char)*at >= 0x80)
			*at = '?';
	return json_string(plain);
}

/* Every register the one table has: numbers as such, wider ones as bytes, lowest first. */
static json_t *bundle_regs(const struct x86_state *st)
{
	json_t *obj = json_object();

	for (unsigned int i = 0; i < reg_table_len; i++) {
		uint8_t data[64] = { 0 };
		char text[2 * sizeof(data) + 1] = "";

		if (reg_table[i].width <= 64) {
			json_object_set_new(obj, reg_table[i].name, bundle_hex(reg_value(st, i)));
			continue;
		}
		if (reg_table[i].width > 8 * sizeof(data))
			continue;
		reg_table[i].read(st, reg_table[i].arg, data);
		for (unsigned int b = 0; b < reg_table[i].width / 8; b++)
			snprintf(text + 2 * b, 3, "%02x", data[b]);
		json_object_set_new(obj, reg_table[i].name, json_string(text));
	}
	return obj;
}

static json_t *bundle_vcpus(const struct vm_view *view, struct sym_table *syms)
{
	json_t *list = json_array();

	for (unsigned int i = 0; i < view->nr_vcpus; i++) {
		const struct view_vcpu *vcpu = &view->vcpu[i];
		char where[96];

		sym_text(syms, x86_state_linear_rip(&vcpu->state), where, sizeof(where));
		json_array_append_new(list, json_pack("{s:i, s:o, s:b, s:b, s:o}", "vcpu", (int)i,
						      "symbol", bundle_string(where), "state_lost",
						      vcpu->lost, "reran", vcpu->shadow_exact,
						      "registers", bundle_regs(&vcpu->state)));
	}
	return list;
}

/* Newest first, times in nanoseconds before the newest. */
static json_t *bundle_exits(const struct vm_view *view, struct sym_table *syms)
{
	uint64_t khz = view->tsc_khz ? view->tsc_khz : 1000000, newest = 0;
	json_t *list = json_array();
	struct sample_flight fl;
	char where[96];

	for (uint32_t back = 0; back < BUNDLE_FLIGHTS && view_flight(view, back, &fl); back++) {
		if (!back)
			newest = fl.tsc;
		sym_text(syms, fl.rip, where, sizeof(where));
		json_array_append_new(
			list, json_pack("{s:I, s:i, s:s, s:o, s:o, s:o, s:i, s:o}", "ns_before",
					(json_int_t)((double)(newest - fl.tsc) * 1e6 / (double)khz),
					"vcpu", (int)fl.vcpu, "kind", exit_kind_name(fl.kind),
					"rip", bundle_hex(fl.rip), "symbol", bundle_string(where),
					"addr", bundle_hex(fl.addr), "size", (int)fl.size, "data",
					bundle_hex(fl.data)));
	}
	return list;
}

static json_t *bundle_autopsy(const struct vm_view *view, struct sym_table *syms)
{
	unsigned int vcpu = view->stop_vcpu < view->nr_vcpus ? view->stop_vcpu : 0;
	struct autopsy *aut = calloc(1, sizeof(*aut));
	json_t *steps = json_array(), *obj;

	if (!aut || !view->nr_vcpus) {
		free(aut);
		json_decref(steps);
		return json_null();
	}
	autopsy_run(view, vcpu, syms, aut);
	for (unsigned int i = 0; i < aut->nr_steps && i < AUTOPSY_STEPS; i++)
		json_array_append_new(steps, json_pack("{s:o, s:o, s:b}", "title",
						       bundle_string(aut->step[i].title), "detail",
						       bundle_string(aut->step[i].detail),
						       "observed", aut->step[i].observed));
	obj = json_pack("{s:o, s:o, s:i, s:o, s:b, s:o}", "verdict", bundle_string(aut->verdict),
			"hint", bundle_string(aut->hint), "vcpu", (int)vcpu, "rip",
			bundle_hex(aut->rip), "state_lost", aut->state_lost, "steps", steps);
	free(aut);
	return obj;
}

static json_t *bundle_json(const struct vm_view *view, struct sym_table *syms)
{
	json_t *stop = json_pack("{s:s, s:o, s:i, s:i, s:I}", "state", vm_state_name(view->state),
				 "text", bundle_string(view->stop_text), "vcpu",
				 (int)view->stop_vcpu, "count", (int)view->stop_count, "guest_ns",
				 (json_int_t)(view->stop_ns - view->start_ns));

	return json_pack("{s:s, s:s, s:o, s:o, s:I, s:o, s:o, s:o, s:o}", "version",
			 PACKAGE_VERSION, "name", view->name, "image", bundle_string(view->image),
			 "symbols", bundle_string(view->symbols), "memory",
			 (json_int_t)view->mem_size, "stop", stop, "autopsy",
			 bundle_autopsy(view, syms), "vcpus", bundle_vcpus(view, syms), "exits",
			 bundle_exits(view, syms));
}

static int bundle_open(int dir, const char *file, int *fd, struct err *err)
{
	*fd = openat(dir, file, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
	return *fd < 0 ? err_sys(err, errno, "%s", file) : 0;
}

static int bundle_put(int dir, const char *file, const char *text, size_t len, struct err *err)
{
	int fd, ret = bundle_open(dir, file, &fd, err);

	if (ret < 0)
		return ret;
	ret = io_write_all(fd, text, len);
	if (close(fd) != 0 && ret == 0)
		ret = -errno;
	return ret < 0 ? err_sys(err, -ret, "%s", file) : 0;
}

static int bundle_put_json(int dir, const struct vm_view *view, struct sym_table *syms,
			   struct err *err)
{
	json_t *obj = bundle_json(view, syms);
	char *text = obj ? json_dumps(obj, JSON_INDENT(1)) : NULL;
	int ret;

	json_decref(obj);
	if (!text)
		return err_sys(err, ENOMEM, "crash.json");
	ret = bundle_put(dir, "crash.json", text, strlen(text), err);
	free(text);
	return ret;
}

static int bundle_put_text(int dir, const struct vm_view *view, struct sym_table *syms,
			   struct err *err)
{
	struct buf text = BUF_INIT;
	int ret;

	report_crash(view, syms, &text);
	ret = bundle_put(dir, "crash.txt", buf_str(&text), text.len, err);
	buf_free(&text);
	return ret;
}

static int bundle_put_core(int dir, const struct vm_view *view, struct err *err)
{
	int fd, ret = bundle_open(dir, "core", &fd, err);

	if (ret < 0)
		return ret;
	ret = dump_write(view, fd, err);
	if (close(fd) != 0 && ret == 0)
		ret = err_sys(err, errno, "core");
	return ret;
}

/* The small and telling files first: a full disk then takes the core alone. */
static int bundle_fill(int dir, const struct vm_view *view, struct sym_table *syms,
		       const char *serial, size_t len, struct err *err)
{
	int ret = bundle_put_json(dir, view, syms, err);

	if (ret == 0)
		ret = bundle_put_text(dir, view, syms, err);
	if (ret == 0)
		ret = bundle_put(dir, "serial.log", serial, len, err);
	if (ret == 0)
		ret = bundle_put_core(dir, view, err);
	return ret;
}

int bundle_write(const struct vm_view *view, struct sym_table *syms, const char *serial, size_t len,
		 const char *path, struct err *err)
{
	int dir, ret;

	if (mkdir(path, 0700) < 0)
		return err_sys(err, errno, "%s", path);
	dir = open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	ret = dir < 0 ? err_sys(err, errno, "%s", path)
		      : bundle_fill(dir, view, syms, serial, len, err);
	for (size_t i = 0; ret < 0 && dir >= 0 && i < sizeof(bundle_files) / sizeof(*bundle_files);
	     i++)
		unlinkat(dir, bundle_files[i], 0);
	if (dir >= 0)
		close(dir);
	if (ret < 0)
		rmdir(path);
	return ret;
}

/* $XDG_STATE_HOME/vitrine/crash/NAME-DATE-TIME, its parents made. */
static int bundle_path(const struct vm_view *view, char *path, size_t len, struct err *err)
{
	char when[32];
	size_t at;
	time_t now = time(NULL);
	struct tm tm;

	localtime_r(&now, &tm);
	strftime(when, sizeof(when), "%Y%m%d-%H%M%S", &tm);
	if (!io_person_dir("XDG_STATE_HOME", ".local/state", path, len - VM_NAME_MAX - 48))
		return err_set(err, ENOENT, "no folder of yours is known: name one");
	strcat(path, "/crash");
	io_make_dirs(path);
	at = strlen(path);
	snprintf(path + at, len - at, "/%s-%s", view->name, when);
	return 0;
}

static int bundle_hmp(const struct monitor_ctx *ctx, struct monitor_args *args, struct buf *out,
		      struct err *err)
{
	char path[BUNDLE_PATH_MAX];
	struct buf serial = BUF_INIT;
	int ret = 0;

	if (ctx->view->state == VM_STATE_RUNNING)
		return err_set(err, EBUSY, "the guest runs: pause it first");
	if (args->nr)
		snprintf(path, sizeof(path), "%s", args->rest);
	else
		ret = bundle_path(ctx->view, path, sizeof(path), err);
	if (ret < 0)
		return ret;
	if (ctx->table_ctx)
		console_tail(ctx->table_ctx, BUNDLE_SERIAL, &serial);
	ret = bundle_write(ctx->view, ctx->syms, buf_str(&serial), serial.len, path, err);
	buf_free(&serial);
	if (ret == 0)
		buf_printf(out, "written to %s: crash.json, crash.txt, core, serial.log\n", path);
	return ret;
}

const struct monitor_command bundle_monitor_commands[] = {
	{ "bundle", "[folder]",
	  "a crash to take home: autopsy, registers, exits, core and serial line in a new folder",
	  -1, 0, MONITOR_COMPLETE_NONE, bundle_hmp },
};

const size_t bundle_monitor_commands_len =
	sizeof(bundle_monitor_commands) / sizeof(bundle_monitor_commands[0]);

int bundle_bind(struct ctl_server *srv, struct console *con, struct err *err)
{
	int ret = monitor_add_commands(ctl_server_monitor(srv), bundle_monitor_commands,
				       bundle_monitor_commands_len, con);

	return ret < 0 ? err_sys(err, -ret, "crash bundle") : 0;
}
