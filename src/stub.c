/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Stand-ins for parts that are about to come; each goes when its part is there. */
#include <errno.h>
#include <string.h>

#include "base/buf.h"
#include "inspect/autopsy.h"
#include "tui/dashboard.h"
#include "tui/panel.h"
#include "tui/term.h"

__attribute__((weak)) int dashboard_run(const char *name, struct err *err)
{
	(void)name;
	return err_set(err, ENOTTY, "the dashboard: not yet (--headless or --detach)");
}

__attribute__((weak)) const struct panel_ops *panel_find(const char *id)
{
	(void)id;
	return NULL;
}

__attribute__((weak)) int panel_show(const struct panel_ops *ops, const struct panel_ctx *ctx,
				     int cols, struct buf *out)
{
	(void)ops;
	(void)ctx;
	(void)cols;
	(void)out;
	return -EOPNOTSUPP;
}

__attribute__((weak)) char *panel_json(const struct panel_ops *ops, const struct panel_ctx *ctx)
{
	(void)ops;
	(void)ctx;
	return NULL;
}

__attribute__((weak)) struct term *term_new(int rows, int cols, term_reply_fn reply, void *ctx)
{
	(void)rows;
	(void)cols;
	(void)reply;
	(void)ctx;
	return NULL;
}

__attribute__((weak)) void term_free(struct term *term)
{
	(void)term;
}

__attribute__((weak)) void term_feed(struct term *term, const void *data, size_t len)
{
	(void)term;
	(void)data;
	(void)len;
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
