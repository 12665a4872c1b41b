/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Ranges of I/O ports and of MMIO addresses and who answers for them. Overlaps
 * are refused. An access nobody claims reads all ones and is counted.
 */
#ifndef VITRINE_VMM_BUS_H
#define VITRINE_VMM_BUS_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "inspect/sample.h"

enum bus_kind { BUS_PIO, BUS_MMIO };

/* One access: SIZE is 1, 2, 4 or 8 bytes. */
struct bus_access {
	uint64_t addr; /* port or gpa */
	uint64_t off;  /* from the start of the range */
	uint32_t size;
	bool write;
	uint64_t data; /* little endian value: in for writes, out for reads (only SIZE bytes count)
			*/
};

/*
 * Called in the thread of the vCPU that made the access, no lock held; the
 * device takes its own. Several vCPUs may be inside at once.
 */
typedef void (*bus_fn)(void *opaque, struct bus_access *acc);

struct bus;

/* LEDGER rows are taken from PAGE (may be NULL in tests: then nothing is counted). */
int bus_create(struct sample_page *page, struct bus **out, struct err *err);
void bus_destroy(struct bus *bus);
/* Claim [BASE, BASE+LEN). -EEXIST with the name of the range in the way, -ENOSPC. Before start
 * only. */
int bus_register(struct bus *bus, enum bus_kind kind, uint64_t base, uint64_t len, const char *name,
		 bus_fn fn, void *opaque, struct err *err);
/* Release the ranges of OPAQUE. */
void bus_unregister(struct bus *bus, void *opaque);
/* Perform ACC (addr, size, write, data set by the caller). False if nobody claimed it. Any thread.
 */
bool bus_dispatch(struct bus *bus, enum bus_kind kind, struct bus_access *acc);
/* For each range, ascending: `info mtree` and the devices screen. */
void bus_each(const struct bus *bus, enum bus_kind kind,
	      void (*fn)(void *ctx, uint64_t base, uint64_t len, const char *name), void *ctx);

#endif
