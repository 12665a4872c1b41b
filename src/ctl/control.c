/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the control socket and the human monitor do to a VM: see control.h. */
#include "ctl/control.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/parse.h"
#include "base/time.h"
#include "ctl/dump.h"
#include "ctl/keycode.h"
#include "vmm/bus.h"

#define CONTROL_REFRESH_NS 20000000ull

struct control {
	struct vm *vm;
	struct keyboard *keyboard;
	struct sym_table *syms; /* opened when first needed */
	char syms_spec[SAMPLE_SYMS_MAX];
};

struct control *control_new(struct vm *vm)
{
	struct control *ctl = calloc(1, sizeof(*ctl));

	if (!ctl)
		return NULL;
	ctl->vm = vm;
	ctl->keyboard = keyboard_new(vm);
	if (ctl->keyboard)
		return ctl;
	free(ctl);
	return NULL;
}

void control_free(struct control *ctl)
{
	if (!ctl)
		return;
	keyboard_free(ctl->keyboard);
	sym_close(ctl->syms);
	free(ctl);
}

struct keyboard *control_keyboard(struct control *ctl)
{
	return ctl->keyboard;
}

static uint16_t control_keycode(const char *word)
{
	uint64_t val;

	if (parse_range(word, 1, 0xe07f, &val))
		return strncmp(word, "0x", 2) == 0 ? (uint16_t)val : keycode_from_name(word);
	return keycode_from_name(word);
}

int control_sendkey(struct control *ctl, const char *keys, unsigned int hold_ms, struct err *err)
{
	uint16_t code[KEYBOARD_MAX_CHORD];
	char text[256], *word, *save = NULL;
	unsigned int nr = 0;

	snprintf(text, sizeof(text), "%s", keys);
	for (word = strtok_r(text, "-", &save); word; word = strtok_r(NULL, "-", &save)) {
		if (nr == KEYBOARD_MAX_CHORD)
			return err_set(err, EINVAL, "at most %d keys at once", KEYBOARD_MAX_CHORD);
		code[nr] = control_keycode(word);
		if (!code[nr++])
			return err_set(err, EINVAL, "there is no key '%.32s'", word);
	}
	if (!nr)
		return err_set(err, EINVAL, "no key given");
	return keyboard_chord(ctl->keyboard, code, nr, hold_ms, err);
}

static int control_stop(void *ctx, struct err *err)
{
	struct control *ctl = ctx;

	(void)err;
	if (vm_state(ctl->vm) != VM_STATE_RUNNING)
		return 0;
	return vm_pause(ctl->vm, VM_STATE_PAUSED, "by request");
}

static int control_cont(void *ctx, struct err *err)
{
	struct control *ctl = ctx;

	return vm_state(ctl->vm) == VM_STATE_RUNNING ? 0 : vm_resume(ctl->vm, err);
}

static int control_reset(void *ctx, struct err *err)
{
	struct control *ctl = ctx;

	return vm_reset(ctl->vm, err);
}

static int control_powerdown(void *ctx, struct err *err)
{
	struct control *ctl = ctx;

	(void)err;
	vm_powerdown(ctl->vm);
	return 0;
}

static int control_quit(void *ctx, struct err *err)
{
	struct control *ctl = ctx;

	(void)err;
	vm_quit(ctl->vm);
	return 0;
}

static int control_type(void *ctx, const char *text, struct err *err)
{
	struct control *ctl = ctx;

	return keyboard_type(ctl->keyboard, text, err);
}

static int control_keys(void *ctx, const char *keys, struct err *err)
{
	return control_sendkey(ctx, keys, KEYBOARD_HOLD_MS, err);
}

static int control_port(void *ctx, unsigned int port, unsigned int size, bool write,
			uint32_t *value, struct err *err)
{
	struct bus_access acc = { .addr = port, .size = size, .write = write };
	struct control *ctl = ctx;

	acc.data = write ? *value : 0;
	if (!bus_dispatch(vm_bus(ctl->vm), BUS_PIO, &acc))
		return err_set(err, ENODEV, "port 0x%x: no device of vitrine's answers there",
			       port);
	if (!write)
		*value = (uint32_t)acc.data & (uint32_t)((1ull << (8 * size)) - 1);
	return 0;
}

static int control_dump_to(void *ctx, const char *path, struct err *err)
{
	return control_dump(ctx, path, err);
}

static const struct monitor_control control_ops = {
	.stop = control_stop,
	.cont = control_cont,
	.reset = control_reset,
	.powerdown = control_powerdown,
	.quit = control_quit,
	.type = control_type,
	.sendkey = control_keys,
	.port = control_port,
	.dump = control_dump_to,
};

/* Symbols are opened late: a VM nobody asks questions never pays for them. */
struct sym_table *control_syms(struct control *ctl, const struct vm_view *view)
{
	if (strcmp(ctl->syms_spec, view->symbols) != 0) {
		sym_close(ctl->syms);
		memcpy(ctl->syms_spec, view->symbols, sizeof(ctl->syms_spec));
		sym_open(ctl->syms_spec, &ctl->syms, NULL);
	}
	sym_follow(ctl->syms, view);
	return ctl->syms;
}

/* Let the vCPUs publish their registers; one that does not come in time keeps its old ones. */
static void control_refresh(struct control *ctl)
{
	uint64_t deadline = time_now_ns() + CONTROL_REFRESH_NS, before[VM_MAX_VCPUS];
	struct timespec nap = { .tv_nsec = 100000 };
	struct sample_page *page = vm_sample(ctl->vm);
	unsigned int i, nr = vm_nr_vcpus(ctl->vm);

	if (vm_state(ctl->vm) != VM_STATE_RUNNING)
		return;
	for (i = 0; i < nr; i++)
		before[i] = __atomic_load_n(&page->vcpu[i].count, __ATOMIC_ACQUIRE);
	vm_sample_now(ctl->vm);
	for (i = 0; i < nr && time_now_ns() < deadline;) {
		if (__atomic_load_n(&page->vcpu[i].count, __ATOMIC_ACQUIRE) != before[i])
			i++;
		else
			nanosleep(&nap, NULL);
	}
}

struct vm_view *control_view(struct control *ctl, struct err *err)
{
	struct vm_view *view = malloc(sizeof(*view));

	if (!view) {
		err_sys(err, ENOMEM, "view");
		return NULL;
	}
	control_refresh(ctl);
	vm_look(ctl->vm);
	if (vm_view(ctl->vm, view, err) == 0)
		return view;
	free(view);
	return NULL;
}

void control_view_free(struct vm_view *view)
{
	view_release(view);
	free(view);
}

int control_monitor(struct control *ctl, struct monitor *mon, const char *line, unsigned int *vcpu,
		    struct buf *out, struct err *err)
{
	struct vm_view *view = control_view(ctl, err);
	struct monitor_ctx ctx = { .view = view, .vcpu = vcpu };
	int ret;

	if (!view)
		return -err->code;
	ctx.syms = control_syms(ctl, view);
	ctx.control = &control_ops;
	ctx.control_ctx = ctl;
	ret = monitor_run(mon, &ctx, line, out, err);
	control_view_free(view);
	return ret;
}

void control_complete(struct control *ctl, struct monitor *mon, const char *line,
		      bool (*fn)(void *arg, const char *word), void *arg)
{
	struct vm_view *view = control_view(ctl, NULL);
	struct monitor_ctx ctx = { .view = view };

	if (view)
		ctx.syms = control_syms(ctl, view);
	monitor_complete(mon, &ctx, line, fn, arg);
	if (view)
		control_view_free(view);
}

int control_dump(struct control *ctl, const char *path, struct err *err)
{
	struct vm_view *view;
	int fd, ret;

	if (vm_state(ctl->vm) == VM_STATE_RUNNING)
		return err_set(err, EBUSY,
			       "the VM runs: stop it first, so that the dump is of "
			       "one moment");
	fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	if (fd < 0)
		return err_sys(err, errno, "%s", path);
	view = control_view(ctl, err);
	ret = view ? dump_write(view, fd, err) : -err->code;
	if (view)
		control_view_free(view);
	if (close(fd) != 0 && ret == 0)
		ret = err_sys(err, errno, "%s", path);
	if (ret < 0)
		unlink(path);
	return ret;
}
