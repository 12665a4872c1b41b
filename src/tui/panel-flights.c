/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The flight recorder as a list: see panel-flights.h. */
#include "tui/panel-flights.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "inspect/disasm.h"
#include "tui/fmt.h"
#include "tui/lines.h"

void flights_free(struct flights *fls)
{
	free(fls->match);
	memset(fls, 0, sizeof(*fls));
}

void flights_take_goal(struct flights *fls, struct panel *pan)
{
	if (!strncmp(pan->goal, "last:", 5))
		fls->want = (uint32_t)strtoul(pan->goal + 5, NULL, 10);
	pan->goal[0] = '\0';
}

/* "3f8=72 "r"", "fee000b0=0", "msr 830=...". */
static void flights_what(const struct sample_flight *fl, char *out, size_t len)
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

static const char *flights_device(const struct vm_view *view, const struct sample_flight *fl)
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

/* One exit as a line; BACK counts from the newest, which is 0. */
static void flights_line(const struct panel_ctx *ctx, const struct sample_flight *fl, uint32_t back,
			 uint64_t newest, int cols, char *out, size_t len)
{
	const char *kind = exit_kind_name((enum exit_kind)fl->kind);
	char what[40], where[96], ago[FMT_MAX] = "-", rip[24] = "";

	flights_what(fl, what, sizeof(what));
	sym_text(ctx->syms, fl->rip, where, sizeof(where));
	if (cols >= 110 && where[0])
		snprintf(rip, sizeof(rip), "%016" PRIx64 " ", fl->rip);
	if (!where[0])
		snprintf(where, sizeof(where), "%" PRIx64, fl->rip);
	if (newest >= fl->tsc)
		fmt_cost(newest - fl->tsc, 1, ctx->view->tsc_khz, ago);
	if (cols >= 66)
		snprintf(out, len,
			 AS_DIM "%6d %6s " AS_NORMAL "%2u %-10.10s %-15s " AS_DIM
				"%-14.14s %s" AS_SYMBOL "%s",
			 -(int)back - 1, ago, fl->vcpu, kind, what, flights_device(ctx->view, fl),
			 rip, where);
	else
		snprintf(out, len, AS_DIM "%5d " AS_NORMAL "%-8.8s %-13s " AS_SYMBOL "%s",
			 -(int)back - 1, kind, what, where);
}

/* TEXT without its style marks is what a filter looks at. */
static void flights_plain(char *text)
{
	char *to = text;

	for (; *text; text++) {
		if (*text == AS_NORMAL[0] && text[1])
			text++;
		else
			*to++ = *text;
	}
	*to = '\0';
}

static bool flights_keep(struct flights *fls, uint64_t index)
{
	if (fls->nr == fls->cap) {
		uint32_t cap = fls->cap ? fls->cap * 2 : 256;
		uint64_t *match = reallocarray(NULL, cap, sizeof(*match));

		if (!match)
			return false;
		if (fls->nr)
			memcpy(match, fls->match, fls->nr * sizeof(*match));
		free(fls->match);
		fls->match = match;
		fls->cap = cap;
	}
	fls->match[fls->nr++] = index;
	return true;
}

/* What the recorder has overwritten meanwhile is no match any more. */
static void flights_drop(struct flights *fls, uint64_t oldest)
{
	uint32_t gone = 0;

	while (gone < fls->nr && fls->match[gone] < oldest)
		gone++;
	if (!gone)
		return;
	fls->nr -= gone;
	memmove(fls->match, fls->match + gone, fls->nr * sizeof(*fls->match));
}

/* Only what is new since the last draw is looked at. */
static void flights_search(struct flights *fls, const char *filter, const struct panel_ctx *ctx)
{
	uint64_t total = ctx->view->flight_total, oldest = total - view_nr_flights(ctx->view);
	struct sample_flight fl;
	char text[320];

	if (strcmp(fls->filter, filter) != 0 || fls->scanned > total) {
		snprintf(fls->filter, sizeof(fls->filter), "%s", filter);
		fls->nr = 0;
		fls->scanned = fls->last = 0;
	}
	flights_drop(fls, oldest);
	fls->scanned = fls->scanned < oldest ? oldest : fls->scanned;
	for (; fls->scanned < total; fls->scanned++) {
		if (!view_flight(ctx->view, (uint32_t)(total - 1 - fls->scanned), &fl))
			continue;
		flights_line(ctx, &fl, 0, 0, 120, text, sizeof(text));
		flights_plain(text);
		if (lines_match(text, filter) && !flights_keep(fls, fls->scanned))
			break;
	}
}

static void flights_clamp(struct panel *pan)
{
	int most = pan->total - pan->page;

	pan->scroll = pan->scroll > most ? most : pan->scroll;
	pan->scroll = pan->scroll < 0 ? 0 : pan->scroll;
}

void flights_draw(struct flights *fls, struct panel *pan, const struct panel_ctx *ctx,
		  struct surface *sf, struct rect area)
{
	uint64_t total = ctx->view->flight_total, lines, first;
	struct sample_flight fl, newest = { .tsc = 0 };
	char text[320];

	if (pan->filter[0])
		flights_search(fls, pan->filter, ctx);
	lines = pan->filter[0] ? fls->nr : view_nr_flights(ctx->view);
	/* What came meanwhile pushes the rest up. */
	if (pan->scroll && !pan->filter[0] && fls->last && total > fls->last)
		pan->scroll += (int)(total - fls->last);
	fls->last = total;
	pan->page = area.rows;
	pan->total = (int)lines;
	flights_clamp(pan);
	if (pan->whole)
		pan->scroll = 0;
	view_flight(ctx->view, 0, &newest);
	first = lines > (uint64_t)(area.rows + pan->scroll)
			? lines - (uint64_t)(area.rows + pan->scroll)
			: 0;
	for (int row = 0; row < area.rows && first + (uint64_t)row < lines; row++) {
		uint64_t at = first + (uint64_t)row;
		uint32_t back =
			(uint32_t)(pan->filter[0] ? total - 1 - fls->match[at] : lines - 1 - at);

		if (!view_flight(ctx->view, back, &fl))
			continue;
		flights_line(ctx, &fl, back, newest.tsc, area.cols, text, sizeof(text));
		lines_put(sf, area, row, -pan->left, text);
	}
	if (pan->filter[0] && !lines)
		surface_printf(sf, area, 0, 1, STYLE_DIM, "nothing matches \"%s\"", pan->filter);
}

uint32_t flights_rows(const struct flights *fls, const struct panel_ctx *ctx)
{
	uint32_t nr = view_nr_flights(ctx->view), want = fls->want ? fls->want : FLIGHTS_SHOWN;

	return nr < want ? nr : want;
}

json_t *flights_array(const struct flights *fls, const struct panel_ctx *ctx)
{
	json_t *list = json_array();
	struct sample_flight fl;

	for (uint32_t back = flights_rows(fls, ctx); back-- > 0;) {
		char rip[FMT_MAX], sym[96];

		if (!view_flight(ctx->view, back, &fl))
			continue;
		snprintf(rip, sizeof(rip), "0x%" PRIx64, fl.rip);
		sym_text(ctx->syms, fl.rip, sym, sizeof(sym));
		json_array_append_new(list,
				      json_pack("{s:I, s:i, s:s, s:I, s:I, s:i, s:s, s:s}", "tsc",
						(json_int_t)fl.tsc, "vcpu", fl.vcpu, "kind",
						exit_kind_name((enum exit_kind)fl.kind), "addr",
						(json_int_t)fl.addr, "data", (json_int_t)fl.data,
						"size", fl.size, "rip", rip, "symbol", sym));
	}
	return list;
}
