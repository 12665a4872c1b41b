/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What target-kvm.c, target-bp.c (the operations) and server.c (the sockets) share. */
#ifndef VITRINE_GDB_TARGET_KVM_PRIV_H
#define VITRINE_GDB_TARGET_KVM_PRIV_H

#include <event2/event.h>
#include <pthread.h>

#include "gdb/session.h"
#include "gdb/target-arch.h"
#include "gdb/target-kvm.h"

#define TARGET_MAX_BPS 200
#define SERVER_REFUSED 4

/* Text that vCPU threads have for the user, on its way to the main loop. */
struct target_console {
	pthread_mutex_t lock; /* guards the next two; a leaf */
	struct buf text;
	bool lost;
	int wake_fd; /* eventfd */
	struct event *event;
};

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
	bool nonstop;
	enum target_arch arch;
	char symbols[SAMPLE_SYMS_MAX]; /* an ELF file, or empty */
	struct target_console console;
	struct target_bp bp[TARGET_MAX_BPS];
};

extern const struct gdb_target_ops target_kvm_ops;

/* For the debugger's user; any thread. What does not fit any more is dropped, and that is said. */
void target_console_put(struct target_console *console, const char *text, size_t len);

/* target-bp.c: see struct gdb_target_ops. */
int target_bp_insert(void *ctx, int tid, const struct gdb_bp *bp, struct gdb_err *err);
int target_bp_remove(void *ctx, enum gdb_bp_type type, uint64_t addr, uint64_t len,
		     struct gdb_err *err);

/* The machine has changed: look anew. */
void target_kvm_forget(struct gdb_server *srv);
void target_kvm_stop(struct gdb_server *srv, unsigned int vcpu, struct gdb_stop *stop);
/* The same, of a vCPU that stands while others run. */
void target_kvm_stop_alone(unsigned int vcpu, const struct dbg_stop *last, const char *text,
			   struct gdb_stop *stop);

/* server.c: a dbg_alone_fn; CTX is the server. */
void server_stopped_alone(void *ctx, unsigned int vcpu, const struct dbg_stop *last,
			  const char *text);

#endif
