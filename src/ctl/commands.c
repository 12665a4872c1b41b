/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The control protocol's commands: QMP's own words where it has them, x-vitrine-* otherwise. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "ctl/control.h"
#include "ctl/pci-info.h"
#include "ctl/keycode.h"
#include "ctl/proto.h"
#include "ctl/server.h"
#include "vmm/vcpu.h"

#define COMMANDS_HZ_MAX	   60
#define COMMANDS_MAX_WORDS 256

static int cmd_query_status(void *ctx, struct ctl_conn *conn, const json_t *args, json_t **ret,
			    struct err *err)
{
	enum vm_state state = vm_state(ctl_server_vm(ctx));

	(void)conn;
	(void)args;
	(void)err;
	*ret = json_pack("{s:s,s:b,s:b}", "status", vm_state_name(state), "running",
			 state == VM_STATE_RUNNING, "singlestep", 0);
	return 0;
}

static int cmd_query_cpus_fast(void *ctx, struct ctl_conn *conn, const json_t *args, json_t **ret,
			       struct err *err)
{
	struct vm *vm = ctl_server_vm(ctx);
	unsigned int i;
	char path[48];

	(void)conn;
	(void)args;
	(void)err;
	*ret = json_array();
	for (i = 0; i < vm_nr_vcpus(vm); i++) {
		snprintf(path, sizeof(path), "/machine/unattached/device[%u]", i);
		json_array_append_new(*ret, json_pack("{s:i,s:s,s:i,s:s,s:{s:i,s:i,s:i}}",
						      "cpu-index", (int)i, "qom-path", path,
						      "thread-id", vcpu_tid(vm_vcpu(vm, i)),
						      "target", "x86_64", "props", "core-id",
						      (int)i, "thread-id", 0, "socket-id", 0));
	}
	return 0;
}

static int cmd_query_version(void *ctx, struct ctl_conn *conn, const json_t *args, json_t **ret,
			     struct err *err)
{
	int major = 0, minor = 0, micro = 0;

	(void)ctx;
	(void)conn;
	(void)args;
	(void)err;
	sscanf(PACKAGE_VERSION, "%d.%d.%d", &major, &minor, &micro);
	*ret = json_pack("{s:{s:i,s:i,s:i},s:s}", "qemu", "major", major, "minor", minor, "micro",
			 micro, "package", "vitrine " PACKAGE_VERSION);
	return 0;
}

static int cmd_query_commands(void *ctx, struct ctl_conn *conn, const json_t *args, json_t **ret,
			      struct err *err)
{
	(void)conn;
	(void)args;
	(void)err;
	*ret = ctl_server_command_list(ctx);
	return 0;
}

static int cmd_query_name(void *ctx, struct ctl_conn *conn, const json_t *args, json_t **ret,
			  struct err *err)
{
	(void)conn;
	(void)args;
	(void)err;
	*ret = json_pack("{s:s}", "name", vm_name(ctl_server_vm(ctx)));
	return 0;
}

static int cmd_query_kvm(void *ctx, struct ctl_conn *conn, const json_t *args, json_t **ret,
			 struct err *err)
{
	(void)ctx;
	(void)conn;
	(void)args;
	(void)err;
	*ret = json_pack("{s:b,s:b}", "enabled", 1, "present", 1);
	return 0;
}

static int cmd_query_target(void *ctx, struct ctl_conn *conn, const json_t *args, json_t **ret,
			    struct err *err)
{
	(void)ctx;
	(void)conn;
	(void)args;
	(void)err;
	*ret = json_pack("{s:s}", "arch", "x86_64");
	return 0;
}

static int cmd_query_memory(void *ctx, struct ctl_conn *conn, const json_t *args, json_t **ret,
			    struct err *err)
{
	(void)conn;
	(void)args;
	(void)err;
	*ret = json_pack("{s:I}", "base-memory",
			 (json_int_t)vm_config(ctl_server_vm(ctx))->mem_size);
	return 0;
}

static int cmd_stop(void *ctx, struct ctl_conn *conn, const json_t *args, json_t **ret,
		    struct err *err)
{
	struct vm *vm = ctl_server_vm(ctx);

	(void)conn;
	(void)args;
	(void)ret;
	(void)err;
	return vm_state(vm) == VM_STATE_RUNNING ? vm_pause(vm, VM_STATE_PAUSED, "by request") : 0;
}

static int cmd_cont(void *ctx, struct ctl_conn *conn, const json_t *args, json_t **ret,
		    struct err *err)
{
	struct vm *vm = ctl_server_vm(ctx);

	(void)conn;
	(void)args;
	(void)ret;
	return vm_state(vm) == VM_STATE_RUNNING ? 0 : vm_resume(vm, err);
}

static int cmd_system_reset(void *ctx, struct ctl_conn *conn, const json_t *args, json_t **ret,
			    struct err *err)
{
	(void)conn;
	(void)args;
	(void)ret;
	return vm_reset(ctl_server_vm(ctx), err);
}

static int cmd_system_powerdown(void *ctx, struct ctl_conn *conn, const json_t *args, json_t **ret,
				struct err *err)
{
	(void)conn;
	(void)args;
	(void)ret;
	(void)err;
	vm_powerdown(ctl_server_vm(ctx));
	return 0;
}

static int cmd_quit(void *ctx, struct ctl_conn *conn, const json_t *args, json_t **ret,
		    struct err *err)
{
	(void)conn;
	(void)args;
	(void)ret;
	(void)err;
	vm_quit(ctl_server_vm(ctx));
	return 0;
}

/* One element of send-key's "keys": a qcode's name, or a scan code. */
static int cmd_key_value(const json_t *key, uint16_t *code, struct err *err)
{
	const char *type, *name;
	long long number;
	int ret;

	ret = proto_need_string(key, "type", &type, err);
	if (ret < 0)
		return ret;
	if (strcmp(type, "number") == 0) {
		ret = proto_need_int(key, "data", 1, 0xe07f, &number, err);
		*code = (uint16_t)(ret == 0 ? number : 0);
		return ret;
	}
	ret = proto_need_string(key, "data", &name, err);
	if (ret < 0)
		return ret;
	*code = keycode_from_name(name);
	return *code ? 0 : err_set(err, EINVAL, "there is no key '%.32s'", name);
}

static int cmd_send_key(void *ctx, struct ctl_conn *conn, const json_t *args, json_t **ret,
			struct err *err)
{
	const json_t *keys = json_object_get(args, "keys");
	uint16_t code[KEYBOARD_MAX_CHORD];
	long long hold = KEYBOARD_HOLD_MS;
	unsigned int i, nr = (unsigned int)json_array_size(keys);
	int res;

	(void)conn;
	(void)ret;
	if (!nr || nr > KEYBOARD_MAX_CHORD)
		return err_set(err, EINVAL, "argument 'keys' must be a list of 1 to %d keys",
			       KEYBOARD_MAX_CHORD);
	res = proto_opt_int(args, "hold-time", 1, 10000, &hold, err);
	for (i = 0; i < nr && res == 0; i++)
		res = cmd_key_value(json_array_get(keys, i), &code[i], err);
	if (res < 0)
		return res;
	return keyboard_chord(control_keyboard(ctl_server_control(ctx)), code, nr,
			      (unsigned int)hold, err);
}

static int cmd_hmp(void *ctx, struct ctl_conn *conn, const json_t *args, json_t **ret,
		   struct err *err)
{
	long long cpu = *ctl_conn_vcpu(conn);
	unsigned int vcpu;
	const char *line;
	struct buf out;
	int res;

	res = proto_need_string(args, "command-line", &line, err);
	if (res == 0)
		res = proto_opt_int(args, "cpu-index", 0, VM_MAX_VCPUS - 1, &cpu, err);
	if (res < 0)
		return res;
	vcpu = (unsigned int)cpu;
	buf_init(&out, MONITOR_OUT_MAX);
	res = ctl_server_hmp(ctx, line, &vcpu, &out, err);
	if (res == 0) {
		*ret = json_stringn(buf_str(&out), out.len);
		if (!json_object_get(args, "cpu-index"))
			*ctl_conn_vcpu(conn) = vcpu;
	}
	buf_free(&out);
	return res;
}

/* QMP's argument is a protocol and its address; files are what makes sense for a local VM. */
static int cmd_dump(void *ctx, struct ctl_conn *conn, const json_t *args, json_t **ret,
		    struct err *err)
{
	const char *where;
	bool paging = false;
	int res;

	(void)conn;
	(void)ret;
	res = proto_need_string(args, "protocol", &where, err);
	if (res == 0)
		res = proto_opt_bool(args, "paging", &paging, err);
	if (res < 0)
		return res;
	if (paging)
		return err_set(err, EINVAL, "a dump is of physical memory: paging must be false");
	if (strncmp(where, "file:", 5) != 0)
		return err_set(err, EINVAL, "argument 'protocol' must be file:PATH");
	return control_dump(ctl_server_control(ctx), where + 5, err);
}

static int cmd_key(void *ctx, struct ctl_conn *conn, const json_t *args, json_t **ret,
		   struct err *err)
{
	struct keyboard *kbd = control_keyboard(ctl_server_control(ctx));
	bool down = true;
	const char *key;
	int res;

	(void)conn;
	(void)ret;
	res = proto_need_string(args, "key", &key, err);
	if (res < 0)
		return res;
	if (!json_object_get(args, "down"))
		return control_sendkey(ctl_server_control(ctx), key, KEYBOARD_HOLD_MS, err);
	res = proto_opt_bool(args, "down", &down, err);
	if (res < 0)
		return res;
	if (!keycode_from_name(key))
		return err_set(err, EINVAL, "there is no key '%.32s'", key);
	return keyboard_edge(kbd, keycode_from_name(key), down, err);
}

static int cmd_type(void *ctx, struct ctl_conn *conn, const json_t *args, json_t **ret,
		    struct err *err)
{
	const char *text;
	int res;

	(void)conn;
	(void)ret;
	res = proto_need_string(args, "text", &text, err);
	if (res < 0)
		return res;
	return keyboard_type(control_keyboard(ctl_server_control(ctx)), text, err);
}

/* Bytes as they would come in on a serial line; the reply says how many the guest's UART took. */
static int cmd_serial(void *ctx, struct ctl_conn *conn, const json_t *args, json_t **ret,
		      struct err *err)
{
	long long port = 0;
	const char *text;
	size_t taken;
	int res;

	(void)conn;
	res = proto_need_string(args, "data", &text, err);
	if (res == 0)
		res = proto_opt_int(args, "port", 0, 1, &port, err);
	if (res < 0)
		return res;
	taken = vm_serial_input(ctl_server_vm(ctx), (unsigned int)port, (const uint8_t *)text,
				strlen(text));
	*ret = json_pack("{s:I}", "taken", (json_int_t)taken);
	return 0;
}

static int cmd_console_size(void *ctx, struct ctl_conn *conn, const json_t *args, json_t **ret,
			    struct err *err)
{
	long long cols, rows;
	int res;

	(void)conn;
	(void)ret;
	res = proto_need_int(args, "columns", 1, UINT16_MAX, &cols, err);
	if (res == 0)
		res = proto_need_int(args, "rows", 1, UINT16_MAX, &rows, err);
	if (res < 0)
		return res;
	if (!vm_console_resize(ctl_server_vm(ctx), (uint16_t)cols, (uint16_t)rows))
		return err_set(err, ENOTTY, "a serial line has no size: --console virtio");
	return 0;
}

static int cmd_info(void *ctx, struct ctl_conn *conn, const json_t *args, json_t **ret,
		    struct err *err)
{
	struct vm *vm = ctl_server_vm(ctx);
	const struct vm_config *cfg = vm_config(vm);
	struct sample_page *page = vm_sample(vm);

	(void)conn;
	(void)args;
	(void)err;
	*ret = json_pack("{s:s,s:i,s:s,s:s,s:s,s:s,s:s,s:s,s:i,s:I,s:I,s:I}", "name", vm_name(vm),
			 "pid", (int)getpid(), "state", vm_state_name(vm_state(vm)), "text",
			 page->stop_text, "image", page->image, "gdb", page->gdb, "symbols",
			 page->symbols, "run-dir", cfg->run_dir ? cfg->run_dir : "", "cpus",
			 (int)vm_nr_vcpus(vm), "memory", (json_int_t)cfg->mem_size, "serial-out",
			 (json_int_t)page->serial_out[0], "start-ns", (json_int_t)page->start_ns);
	if (!*ret)
		return err_set(err, EILSEQ, "a path is not UTF-8");
	return 0;
}

/* A second, read-only description of a memfd: a viewer cannot write through it. */
static int cmd_reopen(int fd, struct err *err)
{
	char path[32];
	int ro;

	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	ro = open(path, O_RDONLY | O_CLOEXEC);
	return ro >= 0 ? ro : err_sys(err, errno, "memfd");
}

static int cmd_attach_fds(struct vm *vm, struct ctl_conn *conn, struct err *err)
{
	int fds[2], ret;

	vm_watch(vm);
	fds[0] = cmd_reopen(vm_sample_fd(vm), err);
	if (fds[0] < 0)
		return fds[0];
	fds[1] = cmd_reopen(mem_fd(vm_mem(vm)), err);
	ret = fds[1] < 0 ? fds[1] : ctl_conn_pass_fds(conn, fds, 2, err);
	close(fds[0]);
	if (fds[1] >= 0)
		close(fds[1]);
	return ret;
}

static int cmd_attach(void *ctx, struct ctl_conn *conn, const json_t *args, json_t **ret,
		      struct err *err)
{
	struct vm *vm = ctl_server_vm(ctx);
	long long hz = 0;
	bool fds = true;
	int res;

	res = proto_opt_int(args, "hz", 0, COMMANDS_HZ_MAX, &hz, err);
	if (res == 0)
		res = proto_opt_bool(args, "fds", &fds, err);
	if (res == 0 && fds)
		res = cmd_attach_fds(vm, conn, err);
	if (res < 0)
		return res;
	ctl_conn_set_hz(conn, (unsigned int)hz);
	*ret = json_pack("{s:I,s:I,s:I}", "sample-size", (json_int_t)sizeof(struct sample_page),
			 "ram-size", (json_int_t)mem_fd_len(vm_mem(vm)), "hz", (json_int_t)hz);
	return 0;
}

static bool cmd_collect_word(void *arg, const char *word)
{
	json_array_append_new(arg, json_string(word));
	return json_array_size(arg) < COMMANDS_MAX_WORDS;
}

static int cmd_complete(void *ctx, struct ctl_conn *conn, const json_t *args, json_t **ret,
			struct err *err)
{
	const char *line;
	int res;

	(void)conn;
	res = proto_need_string(args, "line", &line, err);
	if (res < 0)
		return res;
	*ret = json_array();
	control_complete(ctl_server_control(ctx), ctl_server_monitor(ctx), line, cmd_collect_word,
			 *ret);
	return 0;
}

static int cmd_query_pci(void *ctx, struct ctl_conn *conn, const json_t *args, json_t **ret,
			 struct err *err)
{
	struct vm_view *view = control_view(ctl_server_control(ctx), err);

	(void)conn;
	(void)args;
	if (!view)
		return err->code ? -err->code : -ENOMEM;
	*ret = pci_info_json(view);
	control_view_free(view);
	return *ret ? 0 : err_sys(err, ENOMEM, "query-pci");
}

const struct ctl_command ctl_commands[] = {
	{ "query-status", cmd_query_status },
	{ "query-cpus-fast", cmd_query_cpus_fast },
	{ "query-version", cmd_query_version },
	{ "query-commands", cmd_query_commands },
	{ "query-name", cmd_query_name },
	{ "query-kvm", cmd_query_kvm },
	{ "query-target", cmd_query_target },
	{ "query-memory-size-summary", cmd_query_memory },
	{ "query-pci", cmd_query_pci },
	{ "stop", cmd_stop },
	{ "cont", cmd_cont },
	{ "system_reset", cmd_system_reset },
	{ "system_powerdown", cmd_system_powerdown },
	{ "quit", cmd_quit },
	{ "send-key", cmd_send_key },
	{ "human-monitor-command", cmd_hmp },
	{ "dump-guest-memory", cmd_dump },
	{ "x-vitrine-key", cmd_key },
	{ "x-vitrine-type", cmd_type },
	{ "x-vitrine-serial", cmd_serial },
	{ "x-vitrine-console-size", cmd_console_size },
	{ "x-vitrine-info", cmd_info },
	{ "x-vitrine-attach", cmd_attach },
	{ "x-vitrine-complete", cmd_complete },
};
const size_t ctl_commands_len = sizeof(ctl_commands) / sizeof(ctl_commands[0]);
