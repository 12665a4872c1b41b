/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The disks' commands for the control socket and the monitor: query-block, info blockstats, ... */
#ifndef VITRINE_CTL_BLOCK_H
#define VITRINE_CTL_BLOCK_H

#include "base/err.h"
#include "ctl/server.h"

/* Add the commands to SRV, which is their context. -errno. */
int block_bind(struct ctl_server *srv, struct err *err);

extern const struct monitor_command block_monitor_commands[];
extern const size_t block_monitor_commands_len;

#endif
