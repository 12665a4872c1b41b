/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The network's commands for the control socket and the monitor: set_link, query-rx-filter, ... */
#ifndef VITRINE_CTL_NET_H
#define VITRINE_CTL_NET_H

#include "base/err.h"
#include "ctl/server.h"

/* Add the commands to SRV, which is their context. -errno. */
int net_bind(struct ctl_server *srv, struct err *err);

extern const struct monitor_command net_monitor_commands[];
extern const size_t net_monitor_commands_len;

#endif
