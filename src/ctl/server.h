/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The control socket of a VM process: QMP for several clients at once, on the
 * main loop's thread. Commands come in const tables; whoever owns a part of the
 * VM (the debugger, the balloon) adds its own, and the server knows none of them.
 */
#ifndef VITRINE_CTL_SERVER_H
#define VITRINE_CTL_SERVER_H

#include <jansson.h>
#include <stddef.h>

#include "base/err.h"
#include "ctl/monitor.h"
#include "vmm/vm.h"

struct ctl_server;
struct ctl_conn; /* one client */
struct control;

/*
 * A command. ARGS: an object or NULL. *RET: what "return" shall hold (NULL: an
 * empty object); the server takes it over. Errors: -errno with ERR filled; ENOSYS
 * and ENODEV choose QMP's other two error classes.
 */
struct ctl_command {
	const char *name;
	int (*run)(void *ctx, struct ctl_conn *conn, const json_t *args, json_t **ret,
		   struct err *err);
};

/* Listen at RUN_DIR/qmp.sock for VM. The server must be stopped before the VM is destroyed. */
int ctl_server_start(struct vm *vm, const char *run_dir, struct ctl_server **out, struct err *err);
/* Send what can be sent without waiting, and close everything. NULL is fine. */
void ctl_server_stop(struct ctl_server *srv);

/* Add NR commands of TABLE, which is borrowed, run with CTX. Earlier tables win. -ENOSPC. */
int ctl_server_add_commands(struct ctl_server *srv, const struct ctl_command *table, size_t nr,
			    void *ctx);
/* The human monitor: add commands with monitor_add_commands(), run lines with ctl_server_hmp(). */
struct monitor *ctl_server_monitor(struct ctl_server *srv);
/* One line of the human monitor with vCPU *VCPU selected, for gdb's `monitor`; OUT is appended to.
 */
int ctl_server_hmp(struct ctl_server *srv, const char *line, unsigned int *vcpu, struct buf *out,
		   struct err *err);
/* Tell every client that has negotiated. DATA (may be NULL) is taken over. */
void ctl_server_event(struct ctl_server *srv, const char *name, json_t *data);

/* For commands. */
struct vm *ctl_server_vm(struct ctl_server *srv);
struct control *ctl_server_control(struct ctl_server *srv);
struct ctl_server *ctl_conn_server(struct ctl_conn *conn);
unsigned int *ctl_conn_vcpu(struct ctl_conn *conn); /* this client's selected vCPU */
/* Pass NR descriptors (borrowed, duplicated) along with this command's reply. */
int ctl_conn_pass_fds(struct ctl_conn *conn, const int *fds, unsigned int nr, struct err *err);
/* This client's wish for samples; the VM publishes at the highest of all. */
void ctl_conn_set_hz(struct ctl_conn *conn, unsigned int hz);
/* Every command's name as an array of {"name": ...}. */
json_t *ctl_server_command_list(struct ctl_server *srv);

/* The standard commands (commands.c); CTX is the server. */
extern const struct ctl_command ctl_commands[];
extern const size_t ctl_commands_len;

#endif
