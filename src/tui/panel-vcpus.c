/* SPDX-License-Identifier: GPL-2.0-or-later */
/* All vCPUs in a few rows: what each is doing, where, and why it was last here. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "inspect/exits.h"
#include "inspect/regs.h"
#include "tui/fmt.h"
#include "tui/lines.h"
#include "tui/panel-parts.h"

static const char *vcpus_mp_name(uint32_t mp_state)
{
	static const char *const name[] = {
		[X86_MP_RUNNABLE] = "run", [X86_MP_UNINITIALIZED] = "wait-SIPI",
		[X86_MP_INIT] = "init",	   [X86_MP_HALTED] = "halt",
		[X86_MP_SIPI] = "SIPI",
	};

	return mp_state < sizeof(name) / sizeof(name[0]) ? name[mp_state] : "?";
}

static bool vcpus_started(const struct x86_state *st)
{
	return st->mp_state != X86_MP_UNINITIALIZED && st->mp_state != X86_MP_INIT;
}

/* The newest exit of VCPU that is still remembered; empty where there is none. */
static void vcpus_last_exit(const struct panel_ctx *ctx, unsigned int vcpu, char *out, size_t len)
{
	struct buf text = BUF_INIT;

	out[0] = '\0';
	for (unsigned int i = ctx->view->nr_flights; i-- > 0;) {
		const struct sample_flight *fl = &ctx->view->flight[i];

		if (fl->vcpu != vcpu)
			continue;
		exits_flight_text(ctx->view, fl, NULL, &text);
		snprintf(out, len, "%.*s", (int)strcspn(buf_str(&text), "\n"), buf_str(&text));
		/* the address it came from is in the table already */
		if (strstr(out, "  "))
			*strstr(out, "  ") = '\0';
		break;
	}
	buf_free(&text);
}

static void vcpus_where(const struct panel_ctx *ctx, const struct x86_state *st, char *out,
			size_t len)
{
	uint64_t rip = x86_state_linear_rip(st);

	out[0] = '\0';
	if (!vcpus_started(st))
		return;
	sym_text(ctx->syms, rip, out, len);
	if (!out[0])
		snprintf(out, len, "%" PRIx64, rip);
}

static void vcpus_row(const struct panel_ctx *ctx, unsigned int vcpu, struct surface *sf,
		      struct rect area, int row)
{
	const struct x86_state *st = &ctx->view->vcpu[vcpu].state;
	bool current = vcpu == ctx->vcpu;
	char where[96], last[80], mode[24] = "";
	int col;

	vcpus_where(ctx, st, where, sizeof(where));
	vcpus_last_exit(ctx, vcpu, last, sizeof(last));
	if (vcpus_started(st))
		snprintf(mode, sizeof(mode), "%s CPL%u%s", x86_mode_name(x86_state_mode(st)),
			 x86_state_cpl(st), st->rflags & X86_RFLAGS_IF ? " IF" : "");
	col = surface_printf(sf, area, row, 0, current ? STYLE_CURRENT : STYLE_DIM, "%cvcpu%-2u ",
			     current ? '>' : ' ', vcpu);
	col = surface_printf(sf, area, row, col, current ? STYLE_CURRENT : STYLE_NORMAL, "%-9s ",
			     vcpus_mp_name(st->mp_state));
	if (area.cols >= 60)
		col = surface_printf(sf, area, row, col, STYLE_DIM, "%-16s ", mode);
	if (area.cols < 78 || !last[0]) {
		surface_text(sf, area, row, col, STYLE_SYMBOL, where);
		return;
	}
	surface_printf(sf, area, row, col, STYLE_SYMBOL, "%-24.24s", where);
	surface_printf(sf, area, row, col + 25, STYLE_DIM, "last %s", last);
}

/* "0 run timer_init+0x8" */
static int vcpus_item(const struct panel_ctx *ctx, unsigned int vcpu, struct surface *sf,
		      struct rect area, int row, int col)
{
	const struct x86_state *st = &ctx->view->vcpu[vcpu].state;
	bool current = vcpu == ctx->vcpu;
	char where[28], text[64];
	int len;

	vcpus_where(ctx, st, where, sizeof(where));
	len = snprintf(text, sizeof(text), "%c%u %s%s%s", current ? '>' : ' ', vcpu,
		       vcpus_mp_name(st->mp_state), where[0] ? " " : "", where);
	if (col && col + len > area.cols)
		return -1;
	if (sf)
		surface_text(sf, area, row, col, current ? STYLE_CURRENT : STYLE_DIM, text);
	return col + len + 1;
}

/* As many as fit, beginning with the selected one's neighbours where not all do. */
static int vcpus_flow(const struct panel_ctx *ctx, struct surface *sf, struct rect area)
{
	unsigned int nr = ctx->view->nr_vcpus, i = 0;
	int row = 0, col = 0;

	if (nr > (unsigned int)area.rows * 4 && ctx->vcpu >= 2)
		i = ctx->vcpu - 1;
	for (; i < nr; i++) {
		int next = vcpus_item(ctx, i, sf, area, row, col);

		if (next < 0 && row + 1 < area.rows) {
			row++;
			next = vcpus_item(ctx, i, sf, area, row, 0);
		} else if (next < 0) {
			if (sf)
				surface_text(sf, area, row, area.cols - 1, STYLE_DIM, "…");
			break;
		}
		col = next;
	}
	return row + 1;
}

int panel_vcpus(const struct panel_ctx *ctx, struct surface *sf, struct rect area)
{
	unsigned int nr = ctx->view ? ctx->view->nr_vcpus : 0;

	if (nr < 2 || area.rows < 1)
		return 0;
	if (nr > (unsigned int)area.rows)
		return vcpus_flow(ctx, sf, area);
	for (unsigned int i = 0; sf && i < nr; i++)
		vcpus_row(ctx, i, sf, area, (int)i);
	return (int)nr;
}

json_t *panel_vcpu_object(const struct panel_ctx *ctx, unsigned int vcpu)
{
	const struct x86_state *st = &ctx->view->vcpu[vcpu].state;
	char where[96], last[80], rip[FMT_MAX];

	vcpus_where(ctx, st, where, sizeof(where));
	vcpus_last_exit(ctx, vcpu, last, sizeof(last));
	snprintf(rip, sizeof(rip), "0x%" PRIx64, x86_state_linear_rip(st));
	return json_pack("{s:s, s:s, s:s, s:s}", "mp", vcpus_mp_name(st->mp_state), "rip", rip,
			 "symbol", where, "last_exit", last);
}
