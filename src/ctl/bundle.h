/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A crash to take home: one folder with the autopsy, registers, last exits and
 * the stop as JSON and as text, guest memory as an ELF core, and the serial line.
 */
#ifndef VITRINE_CTL_BUNDLE_H
#define VITRINE_CTL_BUNDLE_H

#include "ctl/console.h"
#include "ctl/monitor.h"
#include "ctl/server.h"

/*
 * Make the folder PATH, which must not exist, and write VIEW into it: crash.json, crash.txt, core
 * and serial.log, which holds LEN bytes of SERIAL. What could not be finished is removed. -errno.
 */
int bundle_write(const struct vm_view *view, struct sym_table *syms, const char *serial, size_t len,
		 const char *path, struct err *err);
/* Add `bundle` to SRV's monitor; CON must outlive the server's last request. */
int bundle_bind(struct ctl_server *srv, struct console *con, struct err *err);

/* The monitor's part, for the manual page. */
extern const struct monitor_command bundle_monitor_commands[];
extern const size_t bundle_monitor_commands_len;

#endif
