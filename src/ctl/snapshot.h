/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Snapshots for the control socket (x-vitrine-snapshot-*) and the monitor (savevm, loadvm, ...). */
#ifndef VITRINE_CTL_SNAPSHOT_H
#define VITRINE_CTL_SNAPSHOT_H

#include "base/err.h"
#include "ctl/monitor.h"
#include "ctl/server.h"
#include "dbg/dbg.h"

/* Add the commands to SRV. DBG must outlive SRV. */
int snapshot_bind(struct ctl_server *srv, struct dbg *dbg, struct err *err);

/* The monitor's part, for the manual page. */
extern const struct monitor_command snapshot_monitor_commands[];
extern const size_t snapshot_monitor_commands_len;

#endif
