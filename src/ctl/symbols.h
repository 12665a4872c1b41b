/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Files with symbols, for the control socket (x-vitrine-symbols) and the monitor (symbols add). */
#ifndef VITRINE_CTL_SYMBOLS_H
#define VITRINE_CTL_SYMBOLS_H

#include "base/err.h"
#include "ctl/monitor.h"
#include "ctl/server.h"

/* Add the commands to SRV. */
int symbols_bind(struct ctl_server *srv, struct err *err);

/* The monitor's part, for the manual page. */
extern const struct monitor_command symbols_monitor_commands[];
extern const size_t symbols_monitor_commands_len;

#endif
