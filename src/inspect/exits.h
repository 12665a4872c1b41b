/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The exit ledger made readable: what exits cost, by reason and by device,
 * since start or between two views; the flight recorder's entries as text.
 */
#ifndef VITRINE_INSPECT_EXITS_H
#define VITRINE_INSPECT_EXITS_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "inspect/sym.h"
#include "inspect/view.h"

/* One reason, or one range of the bus. Counts since start; rates need an earlier view. */
struct exits_row {
	char name[24];
	uint64_t count, ns; /* time in the VM process */
	uint64_t per_s, ns_per_s;
	uint64_t base, len; /* ranges only */
	bool mmio, para;    /* ranges only */
	uint64_t reads, writes;
};

struct exits_summary {
	uint64_t total, per_s, ns;
	double share; /* of one CPU, 0..1: time in the VM process between the views */
	unsigned int nr_reasons, nr_ranges;
	struct exits_row reason[EXIT_NR];      /* those that occurred, most frequent first */
	struct exits_row range[SAMPLE_LEDGER]; /* likewise */
};

/*
 * Summarise NOW; PREV is an earlier view of the same VM, or NULL (rates are 0).
 * With rates, rows are sorted by them, otherwise by count.
 */
void exits_summarise(const struct vm_view *now, const struct vm_view *prev,
		     struct exits_summary *out);
/* Exits of one function of the guest, out of those that the flight recorder holds. */
struct exits_symbol {
	char name[64]; /* the symbol, or the address where there is none */
	uint64_t rip;  /* of its most frequent place */
	uint32_t count;
	uint8_t kind; /* the most frequent place's last exit: why, and where to */
	uint64_t addr;
};

#define EXITS_SYMBOLS 48

struct exits_symbols {
	uint32_t total;	  /* exits looked at */
	uint64_t span_ns; /* time between the first and the last of them */
	uint32_t nr_places, nr_symbols;
	unsigned int nr; /* rows stored, most frequent first */
	struct exits_symbol row[EXITS_SYMBOLS];
};

/* Sum the recorder up by guest symbol. -ENOMEM. Milliseconds for a full one: not at every draw. */
int exits_by_symbol(const struct vm_view *view, const struct sym_table *tab,
		    struct exits_symbols *out);

/* Full against para-virtual devices: what each side cost. */
struct exits_side {
	uint64_t count, ns, per_s, ns_per_s;
	unsigned int nr; /* ranges that were used */
};

void exits_sides(const struct exits_summary *sum, struct exits_side *full, struct exits_side *para);

/* "out 3f8=0a COM1  serial_putc+0x12": one entry of the flight recorder. Appended to OUT. */
void exits_flight_text(const struct vm_view *view, const struct sample_flight *fl,
		       const struct sym_table *tab, struct buf *out);
/* The last MAX entries of vCPU (or of all: -1), newest last, one a line. Appended to OUT. */
void exits_flights_text(const struct vm_view *view, int vcpu, unsigned int max,
			const struct sym_table *tab, struct buf *out);
/* Name of the bus range that holds ADDR, or of the port, or NULL. */
const char *exits_range_name(const struct vm_view *view, bool mmio, uint64_t addr);

#endif
