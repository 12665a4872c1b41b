/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What the guest's exits cost: rates and totals by reason and by device, and the
 * flight recorder's tail with symbols. Rates compare with a picture a second ago.
 */
#include "tui/panel.h"

#include <errno.h>
#include <inttypes.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "inspect/disasm.h"
#include "tui/fmt.h"
#include "tui/lines.h"

#define EXITS_TREND    8
#define EXITS_TREND_NS 500000000ull

/* Rates of the last few half seconds, one row per reason. */
struct exits {
	uint64_t last_ns;
	uint64_t last[EXIT_NR];
	uint32_t trend[EXIT_NR][EXITS_TREND];
	struct lines flights;
};

/* One row of either table. */
struct exits_row {
	const char *name;
	uint64_t total, rate, ticks;
	const uint32_t *trend;
	bool para;
};

#define EXITS_ROWS (EXIT_NR > SAMPLE_LEDGER ? EXIT_NR : SAMPLE_LEDGER)

static int exits_create(struct panel *pan)
{
	pan->data = calloc(1, sizeof(struct exits));
	return pan->data ? 0 : -ENOMEM;
}

static void exits_destroy(struct panel *pan)
{
	struct exits *ex = pan->data;

	if (ex)
		lines_free(&ex->flights);
	free(ex);
}

static uint64_t exits_total(const struct vm_view *view, unsigned int kind)
{
	uint64_t sum = 0;

	for (unsigned int i = 0; view && view->vcpu && i < view->nr_vcpus; i++)
		sum += view->vcpu[i].exits[kind];
	return sum;
}

static uint64_t exits_ticks(const struct vm_view *view, unsigned int kind)
{
	uint64_t sum = 0;

	for (unsigned int i = 0; i < view->nr_vcpus; i++)
		sum += view->vcpu[i].exit_tsc[kind];
	return sum;
}

/* Events per second from two counts; 0 while there is nothing to compare with. */
static uint64_t exits_rate(const struct panel_ctx *ctx, uint64_t now, uint64_t then)
{
	uint64_t ns = ctx->past ? ctx->view->now_ns - ctx->past->now_ns : 0;

	if (!ns || now < then || ctx->past->now_ns > ctx->view->now_ns)
		return 0;
	return (uint64_t)((double)(now - then) * 1e9 / (double)ns + 0.5);
}

static void exits_trend(struct exits *ex, const struct vm_view *view)
{
	uint64_t ns = view->now_ns - ex->last_ns;

	if (ex->last_ns && ns < EXITS_TREND_NS)
		return;
	for (unsigned int i = 0; i < EXIT_NR; i++) {
		uint64_t total = exits_total(view, i);
		uint64_t diff = ex->last_ns && total > ex->last[i] ? total - ex->last[i] : 0;

		memmove(ex->trend[i], ex->trend[i] + 1, sizeof(ex->trend[i]) - sizeof(uint32_t));
		ex->trend[i][EXITS_TREND - 1] = diff > UINT32_MAX ? UINT32_MAX : (uint32_t)diff;
		ex->last[i] = total;
	}
	ex->last_ns = view->now_ns;
}

static unsigned int exits_reasons(const struct exits *ex, const struct panel_ctx *ctx,
				  struct exits_row *row)
{
	unsigned int nr = 0;

	for (unsigned int i = 0; i < EXIT_NR; i++) {
		uint64_t total = exits_total(ctx->view, i);

		if (!total)
			continue;
		row[nr++] = (struct exits_row){
			.name = exit_kind_name((enum exit_kind)i),
			.total = total,
			.rate = exits_rate(ctx, total, exits_total(ctx->past, i)),
			.ticks = exits_ticks(ctx->view, i),
			.trend = ex->trend[i],
		};
	}
	return nr;
}

static uint64_t exits_ledger_past(const struct panel_ctx *ctx, const struct sample_ledger *led)
{
	for (unsigned int i = 0; ctx->past && i < ctx->past->nr_ledger; i++) {
		const struct sample_ledger *old = &ctx->past->ledger[i];

		if (old->base == led->base && old->kind == led->kind)
			return old->reads + old->writes;
	}
	return 0;
}

static int exits_compare(const void *a, const void *b)
{
	const struct exits_row *x = a, *y = b;

	if (x->rate != y->rate)
		return x->rate < y->rate ? 1 : -1;
	if (x->total != y->total)
		return x->total < y->total ? 1 : -1;
	return strcmp(x->name, y->name);
}

static unsigned int exits_devices(const struct panel_ctx *ctx, struct exits_row *row)
{
	unsigned int nr = 0;

	for (unsigned int i = 0; i < ctx->view->nr_ledger && i < SAMPLE_LEDGER; i++) {
		const struct sample_ledger *led = &ctx->view->ledger[i];
		uint64_t total = led->reads + led->writes;

		if (!total)
			continue;
		row[nr++] = (struct exits_row){
			.name = led->name,
			.total = total,
			.rate = exits_rate(ctx, total, exits_ledger_past(ctx, led)),
			.ticks = led->tsc,
			.para = led->para,
		};
	}
	qsort(row, nr, sizeof(*row), exits_compare);
	return nr;
}

/* Eight bars, each relative to the highest; blank where nothing happened. */
static void exits_draw_trend(const uint32_t *trend, struct surface *sf, struct rect area, int row,
			     int col)
{
	uint32_t max = 1;

	for (int i = 0; i < EXITS_TREND; i++)
		max = trend[i] > max ? trend[i] : max;
	for (int i = 0; i < EXITS_TREND; i++)
		if (trend[i])
			surface_put(sf, area, row, col + i,
				    0x2581 + (uint32_t)((uint64_t)trend[i] * 7 / max),
				    STYLE_SYMBOL);
}

/* Which columns a table of COLS columns has room for. */
struct exits_columns {
	int name, cost, trend; /* widths; 0: not shown */
};

static struct exits_columns exits_columns(int cols, bool trend)
{
	struct exits_columns c = { 0 };

	if (cols >= 36)
		c.cost = 7;
	if (trend && cols >= 46)
		c.trend = EXITS_TREND + 1;
	c.name = cols - 6 - 7 - c.cost - c.trend - 2;
	c.name = c.name > 22 ? 22 : c.name;
	return c;
}

static void exits_draw_table(const struct panel_ctx *ctx, const char *head,
			     const struct exits_row *list, unsigned int nr, struct surface *sf,
			     struct rect area, bool trend)
{
	struct exits_columns c = exits_columns(area.cols, trend);
	char text[FMT_MAX];
	int col;

	col = surface_printf(sf, area, 0, 1, STYLE_DIM, "%-*.*s %5s %7s", c.name, c.name, head,
			     "/s", "total");
	if (c.cost)
		surface_printf(sf, area, 0, col, STYLE_DIM, " %6s", "each");
	for (unsigned int i = 0; i < nr && (int)i + 1 < area.rows; i++) {
		int row = (int)i + 1;

		col = surface_printf(sf, area, row, 1, STYLE_NORMAL, "%-*.*s", c.name, c.name,
				     list[i].name);
		if (list[i].para && c.name > 6)
			surface_text(sf, area, row, col - 1, STYLE_GOOD, "p");
		col = surface_printf(sf, area, row, col, list[i].rate ? STYLE_NORMAL : STYLE_DIM,
				     " %5s", fmt_count(list[i].rate, text));
		col = surface_printf(sf, area, row, col, STYLE_NORMAL, " %7s",
				     fmt_count(list[i].total, text));
		if (c.cost)
			col = surface_printf(
				sf, area, row, col, STYLE_DIM, " %6s",
				fmt_cost(list[i].ticks, list[i].total, ctx->view->tsc_khz, text));
		if (c.trend && list[i].trend)
			exits_draw_trend(list[i].trend, sf, area, row, col + 1);
	}
	if ((int)nr + 1 > area.rows && area.rows > 1) {
		surface_fill(sf, (struct rect){ area.row + area.rows - 1, area.col, 1, area.cols },
			     ' ', STYLE_NORMAL);
		surface_printf(sf, area, area.rows - 1, 1, STYLE_DIM, "… %u more",
			       nr - (unsigned int)area.rows + 2);
	}
}

/* "3f8=72 "r"", "fee000b0=0", "msr 830=...". */
static void exits_flight_what(const struct sample_flight *fl, char *out, size_t len)
{
	char shown[8] = "";

	switch (fl->kind) {
	case EXIT_IO_IN:
	case EXIT_IO_OUT:
		if (fl->kind == EXIT_IO_OUT && fl->size == 1 && fl->data >= 0x20 && fl->data < 0x7f)
			snprintf(shown, sizeof(shown), " '%c'", (int)fl->data);
		snprintf(out, len, "%" PRIx64 "=%0*x%s", fl->addr,
			 fl->size * 2 > 8 ? 8 : fl->size * 2, fl->data, shown);
		break;
	case EXIT_MMIO_READ:
	case EXIT_MMIO_WRITE:
	case EXIT_RDMSR:
	case EXIT_WRMSR:
		snprintf(out, len, "%" PRIx64 "=%x", fl->addr, fl->data);
		break;
	default:
		if (fl->data)
			snprintf(out, len, "%x", fl->data);
		else
			out[0] = '\0';
		break;
	}
}

static const char *exits_flight_device(const struct vm_view *view, const struct sample_flight *fl)
{
	bool pio = fl->kind == EXIT_IO_IN || fl->kind == EXIT_IO_OUT;
	bool mmio = fl->kind == EXIT_MMIO_READ || fl->kind == EXIT_MMIO_WRITE;
	const char *name;

	if (!pio && !mmio)
		return "";
	for (unsigned int i = 0; i < view->nr_ledger && i < SAMPLE_LEDGER; i++) {
		const struct sample_ledger *led = &view->ledger[i];

		if ((led->kind == LEDGER_PIO) == pio && fl->addr >= led->base &&
		    fl->addr - led->base < led->len)
			return led->name;
	}
	name = pio ? disasm_port_name((uint16_t)fl->addr) : NULL;
	return name ? name : "unclaimed";
}

/* One exit of the flight recorder as a line; BACK counts from the newest, 1. */
static void exits_add_flight(struct lines *list, const struct panel_ctx *ctx, unsigned int index,
			     int cols)
{
	const struct vm_view *view = ctx->view;
	const struct sample_flight *fl = &view->flight[index];
	uint64_t newest = view->flight[view->nr_flights - 1].tsc, ticks = newest - fl->tsc;
	const char *kind = fl->kind < EXIT_NR ? exit_kind_name((enum exit_kind)fl->kind) : "?";
	char what[40], where[96], ago[FMT_MAX] = "-";

	exits_flight_what(fl, what, sizeof(what));
	sym_text(ctx->syms, fl->rip, where, sizeof(where));
	if (!where[0])
		snprintf(where, sizeof(where), "%" PRIx64, fl->rip);
	if (newest >= fl->tsc)
		fmt_cost(ticks, 1, view->tsc_khz, ago);
	if (cols >= 66)
		lines_add(list,
			  AS_DIM "%5d %6s " AS_NORMAL "%2u %-10.10s %-15s " AS_DIM
				 "%-14.14s " AS_SYMBOL "%s",
			  (int)index - (int)view->nr_flights, ago, fl->vcpu, kind, what,
			  exits_flight_device(view, fl), where);
	else
		lines_add(list, AS_DIM "%4d " AS_NORMAL "%-8.8s %-13s " AS_SYMBOL "%s",
			  (int)index - (int)view->nr_flights, kind, what, where);
}

static void exits_draw_flights(struct panel *pan, const struct panel_ctx *ctx, struct surface *sf,
			       struct rect area)
{
	struct exits *ex = pan->data;
	unsigned int nr =
		ctx->view->nr_flights < VIEW_FLIGHTS ? ctx->view->nr_flights : VIEW_FLIGHTS;
	struct panel tail = *pan;

	lines_clear(&ex->flights);
	for (unsigned int i = 0; i < nr; i++)
		exits_add_flight(&ex->flights, ctx, i, area.cols);
	/* pan->scroll counts from the newest; the list's from the oldest. */
	tail.scroll = (int)nr - area.rows - pan->scroll;
	if (pan->whole)
		tail.scroll = 0;
	lines_draw(&ex->flights, &tail, sf, area, false);
	pan->page = area.rows;
	pan->total = tail.total;
	if (pan->scroll > pan->total - area.rows)
		pan->scroll = pan->total > area.rows ? pan->total - area.rows : 0;
}

static int exits_heading(const struct panel_ctx *ctx, struct surface *sf, struct rect area, int row)
{
	char total[FMT_MAX];
	int col;

	surface_hline(sf, area, row, STYLE_BORDER);
	col = surface_printf(sf, area, row, 2, STYLE_TITLE, " flight recorder ");
	surface_printf(sf, area, row, col + 1, STYLE_NORMAL, " %s exits ",
		       fmt_count(ctx->view->flight_total, total));
	return row + 1;
}

static void exits_draw(struct panel *pan, const struct panel_ctx *ctx, struct surface *sf,
		       struct rect area)
{
	struct exits_row reason[EXIT_NR], *device;
	struct exits *ex = pan->data;
	unsigned int nr_reasons, nr_devices, most;
	struct rect left = area, right = area;
	int rows;

	if (!ctx->view || !ctx->view->vcpu)
		return;
	device = reallocarray(NULL, SAMPLE_LEDGER, sizeof(*device));
	if (!device)
		return;
	exits_trend(ex, ctx->view);
	nr_reasons = exits_reasons(ex, ctx, reason);
	nr_devices = exits_devices(ctx, device);
	most = nr_reasons > nr_devices ? nr_reasons : nr_devices;
	rows = (int)most + 1;
	if (!pan->whole && rows > area.rows * 3 / 5)
		rows = area.rows * 3 / 5;
	left.cols = area.cols < 44 ? area.cols : area.cols / 2;
	left.rows = right.rows = rows;
	right.col += left.cols + 1;
	right.cols -= left.cols + 1;
	exits_draw_table(ctx, "exit", reason, nr_reasons, sf, left, true);
	if (right.cols > 0)
		exits_draw_table(ctx, "device", device, nr_devices, sf, right, false);
	free(device);
	if (!most)
		surface_text(sf, area, 1, 1, STYLE_DIM, "no exits yet");
	rows = exits_heading(ctx, sf, area, rows);
	area.row += rows;
	area.rows -= rows;
	if (area.rows > 0)
		exits_draw_flights(pan, ctx, sf, area);
}

/* Up goes back in time, so the scroll position counts the other way round. */
static unsigned int exits_request(struct panel *pan, const struct panel_ctx *ctx, enum request req)
{
	int page = pan->page > 1 ? pan->page - 1 : 1, last = pan->total - pan->page;

	(void)ctx;
	switch (req) {
	case REQ_UP:
		pan->scroll++;
		break;
	case REQ_DOWN:
		pan->scroll--;
		break;
	case REQ_PAGE_UP:
		pan->scroll += page;
		break;
	case REQ_PAGE_DOWN:
		pan->scroll -= page;
		break;
	case REQ_HOME:
		pan->scroll = last;
		break;
	case REQ_END:
		pan->scroll = 0;
		break;
	default:
		return PANEL_IGNORED;
	}
	pan->scroll = pan->scroll > last ? last : pan->scroll;
	pan->scroll = pan->scroll < 0 ? 0 : pan->scroll;
	return PANEL_HANDLED | PANEL_REDRAW;
}

static int exits_rows(struct panel *pan, const struct panel_ctx *ctx, int cols)
{
	(void)pan;
	(void)cols;
	if (!ctx->view)
		return 1;
	return (int)(ctx->view->nr_ledger > EXIT_NR ? ctx->view->nr_ledger : EXIT_NR) + 2 +
	       (int)ctx->view->nr_flights;
}

static json_t *exits_reasons_array(const struct panel_ctx *ctx)
{
	json_t *list = json_array();

	for (unsigned int i = 0; i < EXIT_NR; i++) {
		uint64_t total = exits_total(ctx->view, i);

		json_array_append_new(
			list,
			json_pack("{s:s, s:I, s:I, s:I}", "kind", exit_kind_name((enum exit_kind)i),
				  "total", (json_int_t)total, "rate",
				  (json_int_t)exits_rate(ctx, total, exits_total(ctx->past, i)),
				  "tsc", (json_int_t)exits_ticks(ctx->view, i)));
	}
	return list;
}

static json_t *exits_ledger_array(const struct panel_ctx *ctx)
{
	json_t *list = json_array();

	for (unsigned int i = 0; i < ctx->view->nr_ledger && i < SAMPLE_LEDGER; i++) {
		const struct sample_ledger *led = &ctx->view->ledger[i];

		json_array_append_new(
			list,
			json_pack("{s:s, s:s, s:I, s:I, s:I, s:I, s:I, s:b}", "device", led->name,
				  "space", led->kind == LEDGER_PIO ? "io" : "mmio", "base",
				  (json_int_t)led->base, "len", (json_int_t)led->len, "reads",
				  (json_int_t)led->reads, "writes", (json_int_t)led->writes, "tsc",
				  (json_int_t)led->tsc, "paravirtual", led->para != 0));
	}
	return list;
}

static json_t *exits_flights_array(const struct panel_ctx *ctx)
{
	json_t *list = json_array();

	for (unsigned int i = 0; i < ctx->view->nr_flights && i < VIEW_FLIGHTS; i++) {
		const struct sample_flight *fl = &ctx->view->flight[i];
		char rip[FMT_MAX], sym[96];

		snprintf(rip, sizeof(rip), "0x%" PRIx64, fl->rip);
		sym_text(ctx->syms, fl->rip, sym, sizeof(sym));
		json_array_append_new(
			list,
			json_pack("{s:I, s:i, s:s, s:I, s:I, s:i, s:s, s:s}", "tsc",
				  (json_int_t)fl->tsc, "vcpu", fl->vcpu, "kind",
				  fl->kind < EXIT_NR ? exit_kind_name((enum exit_kind)fl->kind)
						     : "?",
				  "addr", (json_int_t)fl->addr, "data", (json_int_t)fl->data,
				  "size", fl->size, "rip", rip, "symbol", sym));
	}
	return list;
}

static char *exits_json(struct panel *pan, const struct panel_ctx *ctx)
{
	json_t *obj;
	char *text;

	(void)pan;
	if (!ctx->view || !ctx->view->vcpu)
		return NULL;
	obj = json_pack("{s:I, s:I, s:o, s:o, s:o}", "tsc_khz", (json_int_t)ctx->view->tsc_khz,
			"recorded", (json_int_t)ctx->view->flight_total, "reasons",
			exits_reasons_array(ctx), "devices", exits_ledger_array(ctx), "flights",
			exits_flights_array(ctx));
	text = obj ? json_dumps(obj, JSON_INDENT(2)) : NULL;
	json_decref(obj);
	return text;
}

static const enum request exits_verbs[] = { REQ_FILTER, REQ_STEP, REQ_CONTINUE, REQ_PAUSE,
					    REQ_ZOOM,	REQ_YANK, REQ_WRITE,	REQ_NONE };

const struct panel_ops panel_exits_ops = {
	.id = "exits",
	.title = "Exits",
	.min_rows = 3,
	.min_cols = 36,
	.create = exits_create,
	.destroy = exits_destroy,
	.draw = exits_draw,
	.request = exits_request,
	.json = exits_json,
	.rows = exits_rows,
	.verbs = exits_verbs,
};
