/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What the control socket and the human monitor do to a VM: the one place where
 * their words become calls of vm.h. On the main loop's thread.
 */
#ifndef VITRINE_CTL_CONTROL_H
#define VITRINE_CTL_CONTROL_H

#include "base/buf.h"
#include "base/err.h"
#include "ctl/keyboard.h"
#include "ctl/monitor.h"
#include "vmm/vm.h"

struct control;

struct control *control_new(struct vm *vm);
void control_free(struct control *ctl);
struct keyboard *control_keyboard(struct control *ctl);

/* A fresh view, to be freed with control_view_free(); NULL with ERR filled. While the guest runs
 * its vCPUs are asked for their registers first (waits a few milliseconds at most). */
struct vm_view *control_view(struct control *ctl, struct err *err);
void control_view_free(struct vm_view *view);
/*
 * The guest's symbols where they lie in VIEW, NULL if there are none; opened when first needed,
 * valid until asked for again.
 */
struct sym_table *control_syms(struct control *ctl, const struct vm_view *view);
/* "a", "ctrl-alt-delete", "0x1d": keys held together, separated by '-'. */
int control_sendkey(struct control *ctl, const char *keys, unsigned int hold_ms, struct err *err);
/* Run a line of the monitor MON on a fresh view of the VM; OUT is appended to. */
int control_monitor(struct control *ctl, struct monitor *mon, const char *line, unsigned int *vcpu,
		    struct buf *out, struct err *err);
/* See monitor_complete(). */
void control_complete(struct control *ctl, struct monitor *mon, const char *line,
		      bool (*fn)(void *arg, const char *word), void *arg);
/* Write RAM and registers as an ELF core file to PATH, which must not exist. */
int control_dump(struct control *ctl, const char *path, struct err *err);

#endif
