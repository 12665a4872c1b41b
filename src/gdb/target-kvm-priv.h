/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What target-kvm.c (the operations) and server.c (the sockets) share. */
#ifndef VITRINE_GDB_TARGET_KVM_PRIV_H
#define VITRINE_GDB_TARGET_KVM_PRIV_H

#include <event2/event.h>

#include "gdb/session.h"
#include "gdb/target-kvm.h"

#define TARGET_MAX_BPS 200
#define SERVER_REFUSED 4

struct target_bp {
	struct gdb_server *srv;
	struct gdb_bp *bp; /* NULL: free */
};

struct gdb_server {
	struct vm *vm;
	struct dbg *dbg;
	struct gdb_session *session;
	gdb_monitor_fn monitor;
	void *monitor_ctx;
	int listen_fd;
	int in_fd, out_fd; /* the client's; -1: none */
	struct event *accept_event, *read_event, *write_event;
	struct event *refused[SERVER_REFUSED]; /* those who came second; NULL: free */
	char unlink_path[108];
	struct vm_view view; /* of this stop */
	bool have_view;
	struct target_bp bp[TARGET_MAX_BPS];
};

extern const struct gdb_target_ops target_kvm_ops;

/* Fill the register description from reg_table; once per process is enough. */
void target_kvm_init(void);
/* The machine has changed: look anew. */
void target_kvm_forget(struct gdb_server *srv);
void target_kvm_stop(struct gdb_server *srv, unsigned int vcpu, struct gdb_stop *stop);

#endif
