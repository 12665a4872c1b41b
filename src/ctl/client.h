/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The client's side of a VM's sockets: what the dashboard, the monitor prompt
 * and every verb use. Single-threaded; a wedged VM costs a time-out, never a hang.
 */
#ifndef VITRINE_CTL_CLIENT_H
#define VITRINE_CTL_CLIENT_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

#include "base/buf.h"
#include "base/err.h"
#include "inspect/view.h"

/* .../vitrine (made with mode 0700, ownership checked) and .../vitrine/NAME. -errno. */
int ctl_runtime_dir(char *path, size_t len, struct err *err);
int ctl_vm_dir(const char *name, char *path, size_t len, struct err *err);

struct ctl_vm_info {
	char name[VM_NAME_MAX];
	bool answers;
	char state[24];
	int pid;
};

/* The VMs of this user, by name; stale folders are removed. *OUT with free(). Number or -errno. */
int ctl_list(struct ctl_vm_info **out, struct err *err);
/* The same without asking any of them: never waits; neither ANSWERS nor STATE is set. */
int ctl_names(struct ctl_vm_info **out, struct err *err);
/* Kill NAME's process, whatever it does; its end is not waited for. Fine if there is none. */
int ctl_kill(const char *name, struct err *err);
/* Resolve a unique prefix (NULL or "": the only VM there is) into NAME. -ENOENT, -EEXIST
 * (ambiguous). */
int ctl_resolve(const char *prefix, char *name, size_t len, struct err *err);

struct ctl_client;

/* Connect to the QMP socket of NAME and negotiate. -ENOENT, -ECONNREFUSED, -ETIMEDOUT. */
int ctl_connect(const char *name, struct ctl_client **out, struct err *err);
/* The same for one who has others to look after: gives up after TIMEOUT_NS. */
int ctl_connect_within(const char *name, unsigned long long timeout_ns, struct ctl_client **out,
		       struct err *err);
/*
 * Connect, negotiate and attach (below) without waiting for anything: for who has a screen to
 * draw. ctl_view() says -EAGAIN until the VM has answered; requests may be begun at once.
 */
int ctl_open(const char *name, unsigned int hz, struct ctl_client **out, struct err *err);
void ctl_close(struct ctl_client *cli);
/* Poll this for reading. */
int ctl_fd(const struct ctl_client *cli);
/*
 * Run a command. ARGS (may be NULL) is taken over. *RET (may be NULL) receives a new
 * reference to "return". A QMP error becomes -EREMOTEIO with its text. Default time-out 5 s.
 */
int ctl_exec(struct ctl_client *cli, const char *cmd, json_t *args, json_t **ret, struct err *err);
/*
 * The same in two halves, to ask many VMs at once: ctl_begin() sends and returns the request's
 * number; ctl_finish() waits for its reply until DEADLINE_NS (CLOCK_MONOTONIC). One given up
 * with -ETIMEDOUT does no harm: a late reply is dropped. Finish them in the order begun.
 */
long long ctl_begin(struct ctl_client *cli, const char *cmd, json_t *args, struct err *err);
int ctl_finish(struct ctl_client *cli, long long id, const char *cmd,
	       unsigned long long deadline_ns, json_t **ret, struct err *err);
/*
 * Or collect replies as they come, in any order and without waiting: the number of the request
 * that has been answered, 0: none. *RET is a new reference or, on an error, NULL with ERR set.
 */
long long ctl_reply(struct ctl_client *cli, json_t **ret, struct err *err);
/* human-monitor-command: LINE's output appended to OUT. */
int ctl_monitor(struct ctl_client *cli, const char *line, struct buf *out, struct err *err);
/* Next queued event, NULL if none; non-blocking. New reference. -EPIPE when the VM is gone: *GONE
 * set. */
json_t *ctl_event(struct ctl_client *cli, bool *gone);

/*
 * Receive the two memfds and map them read-only; ask for HZ samples a second.
 * Afterwards ctl_view() builds a picture at no cost to the guest.
 */
int ctl_attach(struct ctl_client *cli, unsigned int hz, struct err *err);
int ctl_view(struct ctl_client *cli, struct vm_view *out, struct err *err);
/* Attach and take one picture: what a command that looks once wants. ctl_look_end() frees it. */
struct vm_view *ctl_look(struct ctl_client *cli, struct err *err);
void ctl_look_end(struct vm_view *view);
/* Connect to a VM's console socket (COM1; replay of the past, then live). fd or -errno. */
int ctl_console(const char *name, struct err *err);

#endif
