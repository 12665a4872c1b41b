/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Stand-ins for parts that are about to come; each goes when its part is there. */
#include <errno.h>

#include "tui/dashboard.h"

__attribute__((weak)) int dashboard_run(const char *name, struct err *err)
{
	(void)name;
	return err_set(err, ENOTTY, "the dashboard: not yet (--headless or --detach)");
}
