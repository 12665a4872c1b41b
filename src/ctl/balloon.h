/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The balloon for the control socket and the monitor. */
#ifndef VITRINE_CTL_BALLOON_H
#define VITRINE_CTL_BALLOON_H

#include "ctl/server.h"

/* Add the commands to SRV and send BALLOON_CHANGE to its clients. VM may have no balloon: then the
 * commands say so. -errno. */
int balloon_bind(struct ctl_server *srv, struct err *err);

extern const struct monitor_command balloon_monitor_commands[];
extern const size_t balloon_monitor_commands_len;

#endif
