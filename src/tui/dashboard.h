/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The dashboard: this terminal as a window on one VM, or on all of them. */
#ifndef VITRINE_TUI_DASHBOARD_H
#define VITRINE_TUI_DASHBOARD_H

#include "base/err.h"

/*
 * Run until the user leaves or the VM called NAME (NULL: the fleet screen) ends.
 * 0, or -errno with the terminal restored: -ENOTTY, -ENOENT, ...
 */
int dashboard_run(const char *name, struct err *err);

#endif
