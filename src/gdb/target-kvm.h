/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The stub library bound to a VM: sockets on the main loop, one debugger at a time. */
#ifndef VITRINE_GDB_TARGET_KVM_H
#define VITRINE_GDB_TARGET_KVM_H

#include "base/buf.h"
#include "base/err.h"
#include "dbg/dbg.h"
#include "vmm/vm.h"

struct gdb_server;

/* gdb's `monitor LINE`: output appended to OUT. 0 or -errno. */
typedef int (*gdb_monitor_fn)(void *ctx, const char *line, struct buf *out, struct err *err);

/*
 * Listen at SPEC: "unix:PATH", "tcp:ADDR:PORT" (port 0: any) or "stdio". WHERE (may be
 * NULL) receives the place as `target remote` takes it. Several servers may serve one VM, one
 * client each. -EINVAL, -EADDRINUSE. [main]
 */
int gdb_server_start(struct vm *vm, struct dbg *dbg, const char *spec, gdb_monitor_fn monitor,
		     void *monitor_ctx, struct gdb_server **out, char *where, size_t where_len,
		     struct err *err);
/* Close the client and the socket; the guest goes on if it was held for the client. NULL is fine.
 */
void gdb_server_stop(struct gdb_server *srv);

/*
 * How the processor is described: "x86-64", "i386" or "i8086". A client that is connected must
 * ask for the description again (gdb: `unset tdesc filename`). -EINVAL. [main]
 */
int gdb_server_arch(struct gdb_server *srv, const char *name, struct err *err);
const char *gdb_server_arch_name(const struct gdb_server *srv);

#endif
