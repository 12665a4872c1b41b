/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Stand-ins for parts that are about to come; each goes when its part is there. */
#include <errno.h>
#include <string.h>

#include "base/buf.h"
#include "inspect/autopsy.h"
#include "tui/dashboard.h"

__attribute__((weak)) int dashboard_run(const char *name, struct err *err)
{
	(void)name;
	return err_set(err, ENOTTY, "the dashboard: not yet (--headless or --detach)");
}

__attribute__((weak)) void autopsy_run(const struct vm_view *view, unsigned int vcpu,
				       struct sym_table *tab, struct autopsy *out)
{
	(void)tab;
	memset(out, 0, sizeof(*out));
	out->rip = view->vcpu[vcpu].state.rip;
}

__attribute__((weak)) void autopsy_text(const struct autopsy *aut, const struct vm_view *view,
					struct sym_table *tab, struct buf *out)
{
	(void)aut;
	(void)tab;
	buf_printf(out, "%s\n", view->stop_text);
}
