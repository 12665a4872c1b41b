/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Exit counters and the flight recorder, summed, sorted and put in words. */
#include "inspect/exits.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "inspect/disasm.h"

/* Ticks to nanoseconds; an unknown frequency counts as 1 GHz. */
static uint64_t exits_ns(const struct vm_view *view, uint64_t ticks)
{
	uint64_t khz = view->tsc_khz ? view->tsc_khz : 1000000;

	return (uint64_t)((unsigned __int128)ticks * 1000000 / khz);
}

/* Per second over SPAN nanoseconds; counters of a VM that was reset may have gone back. */
static uint64_t exits_rate(uint64_t now, uint64_t prev, uint64_t span)
{
	if (!span || now <= prev)
		return 0;
	return (uint64_t)((unsigned __int128)(now - prev) * 1000000000 / span);
}

static int exits_compare(const void *a, const void *b)
{
	const struct exits_row *x = a, *y = b;

	if (x->per_s != y->per_s)
		return x->per_s > y->per_s ? -1 : 1;
	if (x->count != y->count)
		return x->count > y->count ? -1 : 1;
	return strcmp(x->name, y->name);
}

static void exits_sum_kind(const struct vm_view *view, enum exit_kind kind, uint64_t *count,
			   uint64_t *tsc)
{
	uint32_t i;

	*count = *tsc = 0;
	for (i = 0; view && i < view->nr_vcpus; i++) {
		*count += view->vcpu[i].exits[kind];
		*tsc += view->vcpu[i].exit_tsc[kind];
	}
}

static void exits_reasons(const struct vm_view *now, const struct vm_view *prev, uint64_t span,
			  struct exits_summary *out)
{
	uint64_t count, tsc, old_count, old_tsc;
	unsigned int kind;

	for (kind = 0; kind < EXIT_NR; kind++) {
		struct exits_row *row = &out->reason[out->nr_reasons];

		exits_sum_kind(now, kind, &count, &tsc);
		if (!count)
			continue;
		exits_sum_kind(prev, kind, &old_count, &old_tsc);
		snprintf(row->name, sizeof(row->name), "%s", exit_kind_name(kind));
		row->count = count;
		row->ns = exits_ns(now, tsc);
		row->per_s = exits_rate(count, old_count, span);
		row->ns_per_s = exits_rate(row->ns, exits_ns(now, old_tsc), span);
		out->total += count;
		out->per_s += row->per_s;
		out->ns += row->ns;
		out->share += (double)row->ns_per_s / 1e9;
		out->nr_reasons++;
	}
	qsort(out->reason, out->nr_reasons, sizeof(out->reason[0]), exits_compare);
}

/* The row of the same range in the earlier view: ledgers only grow, but may be another VM's. */
static const struct sample_ledger *exits_same(const struct vm_view *prev, unsigned int index,
					      const struct sample_ledger *row)
{
	const struct sample_ledger *old;

	if (!prev || index >= prev->nr_ledger)
		return NULL;
	old = &prev->ledger[index];
	/* not the base: a BAR moves and is still the same */
	return old->kind == row->kind && !strcmp(old->name, row->name) ? old : NULL;
}

static void exits_ranges(const struct vm_view *now, const struct vm_view *prev, uint64_t span,
			 struct exits_summary *out)
{
	unsigned int i;

	for (i = 0; i < now->nr_ledger && i < SAMPLE_LEDGER; i++) {
		const struct sample_ledger *led = &now->ledger[i];
		const struct sample_ledger *old = exits_same(prev, i, led);
		struct exits_row *row = &out->range[out->nr_ranges];

		if (!(led->reads + led->writes))
			continue;
		snprintf(row->name, sizeof(row->name), "%.23s", led->name);
		row->reads = led->reads;
		row->writes = led->writes;
		row->count = led->reads + led->writes;
		row->ns = exits_ns(now, led->tsc);
		row->base = led->base;
		row->len = led->len;
		row->mmio = led->kind == LEDGER_MMIO;
		row->para = led->para;
		if (prev) {
			row->per_s =
				exits_rate(row->count, old ? old->reads + old->writes : 0, span);
			row->ns_per_s =
				exits_rate(row->ns, old ? exits_ns(now, old->tsc) : 0, span);
		}
		out->nr_ranges++;
	}
	qsort(out->range, out->nr_ranges, sizeof(out->range[0]), exits_compare);
}

void exits_summarise(const struct vm_view *now, const struct vm_view *prev,
		     struct exits_summary *out)
{
	uint64_t span = prev && now->now_ns > prev->now_ns ? now->now_ns - prev->now_ns : 0;

	memset(out, 0, sizeof(*out));
	exits_reasons(now, prev, span, out);
	exits_ranges(now, prev, span, out);
}

/* --- by symbol --- */

#define EXITS_PLACES 8192u /* a power of two; code exits from far fewer places */

struct exits_place {
	uint64_t rip, addr, start; /* START: of its function, or the place itself */
	const char *name;
	uint32_t count, best;
	uint8_t kind;
};

/* The slot of RIP; the table never gets full, what comes too late goes to the last slot. */
static struct exits_place *exits_place(struct exits_place *place, uint64_t rip, uint32_t *nr)
{
	uint32_t at = (uint32_t)(rip * 0x9e3779b97f4a7c15ull >> 40) & (EXITS_PLACES - 1);

	while (place[at].count && place[at].rip != rip)
		at = (at + 1) & (EXITS_PLACES - 1);
	if (!place[at].count) {
		if (*nr == EXITS_PLACES * 3 / 4)
			return &place[EXITS_PLACES];
		++*nr;
		place[at].rip = rip;
	}
	return &place[at];
}

static void exits_collect(const struct vm_view *view, struct exits_place *place,
			  struct exits_symbols *out)
{
	uint64_t newest = 0, oldest = 0;
	struct sample_flight fl;

	for (uint32_t back = 0; back < view_nr_flights(view) && view_flight(view, back, &fl);
	     back++) {
		struct exits_place *at = exits_place(place, fl.rip, &out->nr_places);

		if (!at->count++) {
			at->kind = fl.kind;
			at->addr = fl.addr;
		}
		oldest = fl.tsc;
		newest = back ? newest : fl.tsc;
		out->total++;
	}
	out->span_ns = newest > oldest ? exits_ns(view, newest - oldest) : 0;
}

static int exits_compare_place(const void *a, const void *b)
{
	const struct exits_place *x = a, *y = b;

	if (x->start != y->start)
		return x->start < y->start ? -1 : 1;
	return x->count > y->count ? -1 : x->count < y->count;
}

static int exits_compare_symbol(const void *a, const void *b)
{
	const struct exits_place *x = a, *y = b;

	if (x->best != y->best)
		return x->best > y->best ? -1 : 1;
	return x->rip < y->rip ? -1 : x->rip > y->rip;
}

/* Places of one function become one, the busiest of them; returns how many are left. */
static uint32_t exits_merge(struct exits_place *place, uint32_t nr)
{
	uint32_t to = 0;

	for (uint32_t i = 0; i < nr; i++) {
		place[i].best = place[i].count;
		if (to && place[to - 1].start == place[i].start)
			place[to - 1].best += place[i].count;
		else
			place[to++] = place[i];
	}
	return to;
}

int exits_by_symbol(const struct vm_view *view, const struct sym_table *tab,
		    struct exits_symbols *out)
{
	struct exits_place *place = calloc(EXITS_PLACES + 1, sizeof(*place));
	uint32_t nr = 0, i;

	memset(out, 0, sizeof(*out));
	if (!place)
		return -ENOMEM;
	exits_collect(view, place, out);
	for (i = 0; i <= EXITS_PLACES; i++) {
		uint64_t off = 0;

		if (!place[i].count)
			continue;
		place[nr] = place[i];
		place[nr].name = sym_find(tab, place[nr].rip, &off);
		place[nr].start = place[nr].name ? place[nr].rip - off : place[nr].rip;
		nr++;
	}
	qsort(place, nr, sizeof(*place), exits_compare_place);
	nr = exits_merge(place, nr);
	qsort(place, nr, sizeof(*place), exits_compare_symbol);
	out->nr_symbols = nr;
	out->nr = nr < EXITS_SYMBOLS ? nr : EXITS_SYMBOLS;
	for (i = 0; i < out->nr; i++) {
		struct exits_symbol *row = &out->row[i];

		if (place[i].name)
			snprintf(row->name, sizeof(row->name), "%.63s", place[i].name);
		else
			snprintf(row->name, sizeof(row->name), "%llx",
				 (unsigned long long)place[i].rip);
		row->rip = place[i].rip;
		row->count = place[i].best;
		row->kind = place[i].kind;
		row->addr = place[i].addr;
	}
	free(place);
	return 0;
}

void exits_sides(const struct exits_summary *sum, struct exits_side *full, struct exits_side *para)
{
	memset(full, 0, sizeof(*full));
	memset(para, 0, sizeof(*para));
	for (unsigned int i = 0; i < sum->nr_ranges; i++) {
		const struct exits_row *row = &sum->range[i];
		struct exits_side *side = row->para ? para : full;

		side->nr++;
		side->count += row->count;
		side->ns += row->ns;
		side->per_s += row->per_s;
		side->ns_per_s += row->ns_per_s;
	}
}

const char *exits_range_name(const struct vm_view *view, bool mmio, uint64_t addr)
{
	uint32_t kind = mmio ? LEDGER_MMIO : LEDGER_PIO;
	unsigned int i;

	for (i = 0; i < view->nr_ledger && i < SAMPLE_LEDGER; i++) {
		const struct sample_ledger *led = &view->ledger[i];

		if (led->kind == kind && addr >= led->base && addr - led->base < led->len)
			return led->name;
	}
	return mmio || addr > 0xffff ? NULL : disasm_port_name((uint16_t)addr);
}

static void exits_io_text(const struct vm_view *view, const struct sample_flight *fl,
			  struct buf *out)
{
	bool mmio = fl->kind == EXIT_MMIO_READ || fl->kind == EXIT_MMIO_WRITE;
	bool in = fl->kind == EXIT_IO_IN || fl->kind == EXIT_MMIO_READ;
	const char *name = exits_range_name(view, mmio, fl->addr);
	int digits = fl->size >= 1 && fl->size <= 4 ? fl->size * 2 : 8;

	buf_printf(out, "%s%s %llx=%0*x", mmio ? "mmio " : "", in ? "in" : "out",
		   (unsigned long long)fl->addr, digits, fl->data);
	if (!mmio && !in && fl->size == 1 && fl->data >= 0x20 && fl->data < 0x7f)
		buf_printf(out, " '%c'", (char)fl->data);
	if (name)
		buf_printf(out, " %s", name);
}

void exits_flight_text(const struct vm_view *view, const struct sample_flight *fl,
		       const struct sym_table *tab, struct buf *out)
{
	const char *name;
	char sym[64];

	switch (fl->kind) {
	case EXIT_IO_IN:
	case EXIT_IO_OUT:
	case EXIT_MMIO_READ:
	case EXIT_MMIO_WRITE:
		exits_io_text(view, fl, out);
		break;
	case EXIT_RDMSR:
	case EXIT_WRMSR:
		name = disasm_msr_name((uint32_t)fl->addr);
		buf_printf(out, "%s %llx=%x%s%s", exit_kind_name(fl->kind),
			   (unsigned long long)fl->addr, fl->data, name ? " " : "",
			   name ? name : "");
		break;
	default:
		buf_puts(out, exit_kind_name(fl->kind));
		if (fl->data)
			buf_printf(out, " %x", fl->data);
		break;
	}
	if (*sym_text(tab, fl->rip, sym, sizeof(sym)))
		buf_printf(out, "  %s", sym);
	else if (fl->rip)
		buf_printf(out, "  %llx", (unsigned long long)fl->rip);
}

void exits_flights_text(const struct vm_view *view, int vcpu, unsigned int max,
			const struct sym_table *tab, struct buf *out)
{
	uint32_t back = 0, nr = 0, all = view_nr_flights(view);
	struct sample_flight fl;

	for (; back < all && nr < max && view_flight(view, back, &fl); back++)
		nr += vcpu < 0 || fl.vcpu == vcpu;
	while (back-- > 0 && nr) {
		if (!view_flight(view, back, &fl) || (vcpu >= 0 && fl.vcpu != vcpu))
			continue;
		buf_printf(out, "%4d  ", -(int)nr--);
		if (vcpu < 0)
			buf_printf(out, "cpu%u  ", fl.vcpu);
		exits_flight_text(view, &fl, tab, out);
		buf_addc(out, '\n');
	}
}
