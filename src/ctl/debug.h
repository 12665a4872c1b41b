/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The debugger's words for the control socket (x-vitrine-step, -break, ...) and
 * for the human monitor (break, step, ...). On the main loop's thread.
 */
#ifndef VITRINE_CTL_DEBUG_H
#define VITRINE_CTL_DEBUG_H

#include "base/err.h"
#include "ctl/server.h"
#include "dbg/dbg.h"

struct debug;

/* Add the commands of DBG to SRV; both must outlive *OUT's use. */
int debug_bind(struct ctl_server *srv, struct dbg *dbg, struct debug **out, struct err *err);
/* After the server has stopped. NULL is fine. */
void debug_unbind(struct debug *debug);

/* The monitor's part, for the manual page. */
extern const struct monitor_command debug_monitor_commands[];
extern const size_t debug_monitor_commands_len;

#endif
