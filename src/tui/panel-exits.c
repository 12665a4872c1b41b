/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What the guest's exits cost: rates and totals by reason, by device, full against para-virtual
 * ones, by guest symbol; and the flight recorder. Rates compare with a picture a second ago,
 * symbols are of the exits that the recorder holds.
 */
#include "tui/panel.h"

#include <errno.h>
#include <inttypes.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "inspect/exits.h"
#include "tui/fmt.h"
#include "tui/panel-flights.h"

#define EXITS_TREND	8
#define EXITS_TREND_NS	500000000ull
#define EXITS_SPAN_NS	100000000ull  /* less says nothing about a second */
#define EXITS_SYMBOL_NS 1000000000ull /* they are summed up anew this often */

/* Rates of the last few half seconds, one row per reason. */
struct exits {
	uint64_t last_ns;
	uint64_t last[EXIT_NR];
	uint32_t trend[EXIT_NR][EXITS_TREND];
	struct flights flights;
	struct exits_symbols syms;
	uint64_t syms_ns, syms_total; /* when, and of how many exits */
	unsigned int sheet;	      /* which tables are shown where not all fit */
};

/* One row of either table. */
struct exits_line {
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
		flights_free(&ex->flights);
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
				  struct exits_line *row)
{
	unsigned int nr = 0;

	for (unsigned int i = 0; i < EXIT_NR; i++) {
		uint64_t total = exits_total(ctx->view, i);

		if (!total)
			continue;
		row[nr++] = (struct exits_line){
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
	const struct exits_line *x = a, *y = b;

	if (x->rate != y->rate)
		return x->rate < y->rate ? 1 : -1;
	if (x->total != y->total)
		return x->total < y->total ? 1 : -1;
	return strcmp(x->name, y->name);
}

enum exits_which { EXITS_ALL, EXITS_FULL, EXITS_PARA };

static unsigned int exits_devices(const struct panel_ctx *ctx, enum exits_which which,
				  struct exits_line *row)
{
	unsigned int nr = 0;

	for (unsigned int i = 0; i < ctx->view->nr_ledger && i < SAMPLE_LEDGER; i++) {
		const struct sample_ledger *led = &ctx->view->ledger[i];
		uint64_t total = led->reads + led->writes;

		if (!total || (which != EXITS_ALL && (which == EXITS_PARA) != !!led->para))
			continue;
		row[nr++] = (struct exits_line){
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

/* The sum of a side as its first row. */
static unsigned int exits_side_rows(const struct panel_ctx *ctx, enum exits_which which,
				    struct exits_line *row)
{
	unsigned int nr = exits_devices(ctx, which, row + 1);
	struct exits_line sum = { .name = nr == 1 ? "1 range" : "all of them" };

	for (unsigned int i = 1; i <= nr; i++) {
		sum.total += row[i].total;
		sum.rate += row[i].rate;
		sum.ticks += row[i].ticks;
	}
	row[0] = sum;
	return nr + 1;
}

/* Summing up a full recorder takes milliseconds. */
static void exits_sum_symbols(struct exits *ex, const struct panel_ctx *ctx)
{
	if (ex->syms_ns && (ex->syms_total == ctx->view->flight_total ||
			    ctx->view->now_ns - ex->syms_ns < EXITS_SYMBOL_NS))
		return;
	exits_by_symbol(ctx->view, ctx->syms, &ex->syms);
	ex->syms_ns = ctx->view->now_ns;
	ex->syms_total = ctx->view->flight_total;
}

static unsigned int exits_symbol_rows(struct exits *ex, const struct panel_ctx *ctx,
				      struct exits_line *row)
{
	exits_sum_symbols(ex, ctx);
	for (unsigned int i = 0; i < ex->syms.nr; i++) {
		const struct exits_symbol *sym = &ex->syms.row[i];

		row[i] = (struct exits_line){ .name = sym->name, .total = sym->count };
		if (ex->syms.span_ns >= EXITS_SPAN_NS)
			row[i].rate =
				(uint64_t)((double)sym->count * 1e9 / (double)ex->syms.span_ns);
	}
	return ex->syms.nr;
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

static struct exits_columns exits_columns(int cols, bool trend, bool cost, int most)
{
	struct exits_columns c = { 0 };

	if (cols >= 36 && cost)
		c.cost = 7;
	if (trend && cols >= 46)
		c.trend = EXITS_TREND + 1;
	c.name = cols - 6 - 7 - c.cost - c.trend - 2;
	c.name = c.name > most ? most : c.name;
	return c;
}

/* One of the tables of the screen's upper part. */
struct exits_table {
	const char *head;
	struct exits_line *line;
	unsigned int nr;
	bool trend, cost;
	int name; /* columns for names, at most */
};

static void exits_draw_line(const struct panel_ctx *ctx, const struct exits_line *line,
			    struct exits_columns c, struct surface *sf, struct rect area, int row)
{
	char text[FMT_MAX];
	int col = surface_printf(sf, area, row, 1, STYLE_NORMAL, "%-*.*s", c.name, c.name,
				 line->name);

	if (line->para && c.name > 6)
		surface_text(sf, area, row, col - 1, STYLE_GOOD, "p");
	col = surface_printf(sf, area, row, col, line->rate ? STYLE_NORMAL : STYLE_DIM, " %5s",
			     fmt_count(line->rate, text));
	col = surface_printf(sf, area, row, col, STYLE_NORMAL, " %7s",
			     fmt_count(line->total, text));
	if (c.cost)
		col = surface_printf(sf, area, row, col, STYLE_DIM, " %6s",
				     fmt_cost(line->ticks, line->total, ctx->view->tsc_khz, text));
	if (c.trend && line->trend)
		exits_draw_trend(line->trend, sf, area, row, col + 1);
}

static void exits_draw_table(const struct panel_ctx *ctx, const struct exits_table *tab,
			     struct surface *sf, struct rect area)
{
	struct exits_columns c = exits_columns(area.cols, tab->trend, tab->cost, tab->name);
	int col;

	col = surface_printf(sf, area, 0, 1, STYLE_DIM, "%-*.*s %5s %7s", c.name, c.name, tab->head,
			     "/s", "total");
	if (c.cost)
		surface_printf(sf, area, 0, col, STYLE_DIM, " %6s", "each");
	for (unsigned int i = 0; i < tab->nr && (int)i + 1 < area.rows; i++)
		exits_draw_line(ctx, &tab->line[i], c, sf, area, (int)i + 1);
	if ((int)tab->nr + 1 > area.rows && area.rows > 1) {
		surface_fill(sf, (struct rect){ area.row + area.rows - 1, area.col, 1, area.cols },
			     ' ', STYLE_NORMAL);
		surface_printf(sf, area, area.rows - 1, 1, STYLE_DIM, "… %u more",
			       tab->nr - (unsigned int)area.rows + 2);
	}
}

#define EXITS_TABLES 5

enum exits_kind_of_table { TABLE_EXIT, TABLE_DEVICE, TABLE_FULL, TABLE_PARA, TABLE_SYMBOL };

/* What stands side by side: all of it on a wide terminal, else a part, changed by Enter. */
static unsigned int exits_sheet(unsigned int sheet, int cols, enum exits_kind_of_table *out)
{
	static const enum exits_kind_of_table set[][4] = {
		{ TABLE_EXIT, TABLE_FULL, TABLE_PARA, TABLE_SYMBOL },
		{ TABLE_EXIT, TABLE_DEVICE, TABLE_SYMBOL },
		{ TABLE_FULL, TABLE_PARA, TABLE_SYMBOL },
		{ TABLE_EXIT, TABLE_DEVICE },
		{ TABLE_FULL, TABLE_PARA },
		{ TABLE_SYMBOL },
		{ TABLE_EXIT },
		{ TABLE_DEVICE },
	};
	static const uint8_t len[] = { 4, 3, 3, 2, 2, 1, 1, 1 };
	unsigned int which = cols >= 170   ? 0
			     : cols >= 115 ? 1 + sheet % 2
			     : cols >= 44  ? 3 + sheet % 3
					   : (const uint8_t[]){ 6, 7, 5 }[sheet % 3];

	memcpy(out, set[which], sizeof(set[which]));
	return len[which];
}

static void exits_fill(struct exits *ex, const struct panel_ctx *ctx, enum exits_kind_of_table kind,
		       struct exits_line *line, struct exits_table *tab)
{
	static const char *const head[] = { "exit", "device", "full devices", "para-virtual",
					    "guest code" };

	*tab = (struct exits_table){ head[kind],
				     line,
				     0,
				     kind == TABLE_EXIT,
				     kind != TABLE_SYMBOL,
				     kind == TABLE_SYMBOL ? 44 : 22 };
	if (kind == TABLE_EXIT)
		tab->nr = exits_reasons(ex, ctx, line);
	else if (kind == TABLE_SYMBOL)
		tab->nr = exits_symbol_rows(ex, ctx, line);
	else if (kind == TABLE_DEVICE)
		tab->nr = exits_devices(ctx, EXITS_ALL, line);
	else
		tab->nr = exits_side_rows(ctx, kind == TABLE_FULL ? EXITS_FULL : EXITS_PARA, line);
}

/* Tables side by side, in at most ROWS rows of AREA; returns the rows used. */
static int exits_draw_tables(struct exits *ex, const struct panel_ctx *ctx,
			     const enum exits_kind_of_table *kind, unsigned int nr,
			     struct surface *sf, struct rect area, int rows)
{
	struct exits_line *line =
		reallocarray(NULL, EXITS_TABLES * (EXITS_ROWS + 1), sizeof(*line));
	struct exits_table tab[EXITS_TABLES];
	unsigned int most = 0;

	if (!line)
		return 0;
	for (unsigned int i = 0; i < nr; i++) {
		exits_fill(ex, ctx, kind[i], line + i * (EXITS_ROWS + 1), &tab[i]);
		most = tab[i].nr > most ? tab[i].nr : most;
	}
	rows = (int)most + 1 < rows ? (int)most + 1 : rows;
	for (unsigned int i = 0; i < nr && sf; i++) {
		int from = area.cols * (int)i / (int)nr, to = area.cols * ((int)i + 1) / (int)nr;

		exits_draw_table(
			ctx, &tab[i], sf,
			(struct rect){ area.row, area.col + from, rows, to - from - (i + 1 < nr) });
	}
	if (!most && sf)
		surface_text(sf, area, 1, 1, STYLE_DIM, "no exits yet");
	free(line);
	return rows;
}

/* Everything, one pair of tables below the other: where it is printed. */
static int exits_draw_all(struct exits *ex, const struct panel_ctx *ctx, struct surface *sf,
			  struct rect area)
{
	enum exits_kind_of_table kind[4];
	int row = 0;

	for (unsigned int sheet = 0; sheet < 3; sheet++) {
		unsigned int nr = exits_sheet(sheet, 80, kind);
		struct rect part = { area.row + row, area.col, area.rows - row, area.cols };

		row += exits_draw_tables(ex, ctx, kind, nr, sf, part, 1000) + 1;
	}
	return row - 1;
}

static int exits_heading(const struct panel *pan, const struct panel_ctx *ctx, struct surface *sf,
			 struct rect area, int row)
{
	char total[FMT_MAX];
	int col;

	surface_hline(sf, area, row, STYLE_BORDER);
	col = surface_printf(sf, area, row, 2, STYLE_TITLE, " flight recorder ");
	col = surface_printf(sf, area, row, col + 1, STYLE_NORMAL, " %s exits ",
			     fmt_count(ctx->view->flight_total, total));
	if (pan->scroll)
		surface_printf(sf, area, row, col + 1, STYLE_KEY, " %d back; G: the newest ",
			       pan->scroll);
	return row + 1;
}

static void exits_draw(struct panel *pan, const struct panel_ctx *ctx, struct surface *sf,
		       struct rect area)
{
	enum exits_kind_of_table kind[4];
	struct exits *ex = pan->data;
	unsigned int nr;
	int rows;

	if (!ctx->view || !ctx->view->vcpu)
		return;
	flights_take_goal(&ex->flights, pan);
	exits_trend(ex, ctx->view);
	if (pan->whole) {
		rows = exits_draw_all(ex, ctx, sf, area);
	} else {
		nr = exits_sheet(ex->sheet, area.cols, kind);
		rows = exits_draw_tables(ex, ctx, kind, nr, sf, area, area.rows * 3 / 5);
	}
	rows = exits_heading(pan, ctx, sf, area, rows);
	area.row += rows;
	area.rows -= rows;
	if (area.rows > 0)
		flights_draw(&ex->flights, pan, ctx, sf, area);
}

/* Up goes back in time, so the scroll position counts the other way round. */
static unsigned int exits_request(struct panel *pan, const struct panel_ctx *ctx, enum request req)
{
	int page = pan->page > 1 ? pan->page - 1 : 1, last = pan->total - pan->page;
	struct exits *ex = pan->data;

	(void)ctx;
	switch (req) {
	case REQ_ENTER:
		ex->sheet++;
		return PANEL_HANDLED | PANEL_REDRAW;
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
	struct exits *ex = pan->data;

	if (!ctx->view || !ctx->view->vcpu)
		return 1;
	flights_take_goal(&ex->flights, pan);
	return exits_draw_all(ex, ctx, NULL, (struct rect){ 0, 0, 10000, cols }) + 1 +
	       (int)flights_rows(&ex->flights, ctx);
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

static json_t *exits_side_object(const struct exits_side *side)
{
	return json_pack("{s:i, s:I, s:I, s:I}", "ranges", (int)side->nr, "total",
			 (json_int_t)side->count, "rate", (json_int_t)side->per_s, "ns",
			 (json_int_t)side->ns);
}

static json_t *exits_sides_object(const struct panel_ctx *ctx)
{
	struct exits_summary *sum = malloc(sizeof(*sum));
	struct exits_side full = { 0 }, para = { 0 };

	if (sum) {
		exits_summarise(ctx->view, ctx->past, sum);
		exits_sides(sum, &full, &para);
	}
	free(sum);
	return json_pack("{s:o, s:o}", "full", exits_side_object(&full), "para",
			 exits_side_object(&para));
}

static json_t *exits_symbols_array(struct exits *ex, const struct panel_ctx *ctx)
{
	json_t *list = json_array();

	exits_sum_symbols(ex, ctx);
	for (unsigned int i = 0; i < ex->syms.nr; i++) {
		const struct exits_symbol *sym = &ex->syms.row[i];
		char rip[FMT_MAX];

		snprintf(rip, sizeof(rip), "0x%" PRIx64, sym->rip);
		json_array_append_new(list,
				      json_pack("{s:s, s:s, s:i, s:s, s:I}", "symbol", sym->name,
						"rip", rip, "count", (int)sym->count, "kind",
						exit_kind_name((enum exit_kind)sym->kind), "addr",
						(json_int_t)sym->addr));
	}
	return list;
}

static char *exits_json(struct panel *pan, const struct panel_ctx *ctx)
{
	struct exits *ex = pan->data;
	json_t *obj;
	char *text;

	if (!ctx->view || !ctx->view->vcpu)
		return NULL;
	flights_take_goal(&ex->flights, pan);
	obj = json_pack("{s:I, s:I, s:o, s:o, s:o, s:o, s:o}", "tsc_khz",
			(json_int_t)ctx->view->tsc_khz, "recorded",
			(json_int_t)ctx->view->flight_total, "reasons", exits_reasons_array(ctx),
			"devices", exits_ledger_array(ctx), "sides", exits_sides_object(ctx),
			"symbols", exits_symbols_array(ex, ctx), "flights",
			flights_array(&ex->flights, ctx));
	text = obj ? json_dumps(obj, JSON_INDENT(2)) : NULL;
	json_decref(obj);
	return text;
}

static const enum request exits_verbs[] = { REQ_ENTER,	  REQ_FILTER, REQ_STEP,
					    REQ_CONTINUE, REQ_PAUSE,  REQ_ZOOM,
					    REQ_YANK,	  REQ_WRITE,  REQ_NONE };

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
