/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The second stage for the control socket (x-vitrine-stage2) and the monitor (info ept). */
#ifndef VITRINE_CTL_STAGE2_H
#define VITRINE_CTL_STAGE2_H

#include "base/err.h"
#include "ctl/server.h"

/* Add the commands to SRV, which is their context. -errno. */
int stage2_bind(struct ctl_server *srv, struct err *err);

extern const struct monitor_command stage2_monitor_commands[];
extern const size_t stage2_monitor_commands_len;

#endif
