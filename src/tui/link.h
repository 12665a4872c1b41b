/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What the dashboard asks of the world: VMs, their pictures and their sockets.
 * The real one is the control client; tests put a fixture guest behind it.
 */
#ifndef VITRINE_TUI_LINK_H
#define VITRINE_TUI_LINK_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/err.h"
#include "ctl/client.h"
#include "inspect/view.h"

/* A connection to one VM. All functions take CTX, made by link_host.open(); none waits. */
struct link_ops {
	/* As ctl_begin(), ctl_reply(), ctl_view(), ctl_event(), ctl_fd(). */
	long long (*send)(void *ctx, const char *cmd, json_t *args, struct err *err);
	long long (*reply)(void *ctx, json_t **ret, struct err *err);
	int (*view)(void *ctx, struct vm_view *out, struct err *err);
	json_t *(*event)(void *ctx, bool *gone);
	int (*fd)(void *ctx);
	void (*close)(void *ctx);
};

struct link {
	const struct link_ops *ops;
	void *ctx;
};

/* Where VMs come from. */
struct link_host {
	/* As ctl_names(). */
	int (*list)(void *ctx, struct ctl_vm_info **out, struct err *err);
	/* Begin to connect to NAME and ask for HZ samples a second (0: counters only). */
	int (*open)(void *ctx, const char *name, unsigned int hz, struct link *out,
		    struct err *err);
	/* Descriptor of NAME's console, -errno. */
	int (*console)(void *ctx, const char *name, struct err *err);
	/* CPU time used and memory held by process PID; false if it cannot be told. */
	bool (*usage)(void *ctx, int pid, uint64_t *cpu_ns, uint64_t *resident);
	/* End NAME's process by force, without waiting for its end. */
	int (*kill)(void *ctx, const char *name, struct err *err);
	/* CLOCK_MONOTONIC. */
	uint64_t (*now)(void *ctx);
	void *ctx;
};

/* The world as it is. */
extern const struct link_host link_host_ctl;

/* Close and forget; a link never opened is fine. */
void link_close(struct link *link);

#endif
