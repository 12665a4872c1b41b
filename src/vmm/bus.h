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
	bool part;     /* set by the bus: a piece of a wider access of the guest */
	unsigned int
		near; /* where to look first, as the bus left it at an access before; 0 will do */
	uint64_t start_tsc; /* when the exit came, for the ledger; 0: now */
	uint64_t end_tsc;   /* set by the bus: when the device was done; 0: nobody answered */
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
/* Claim [BASE, BASE+LEN). -EEXIST with the name of the range in the way, -ENOSPC, -EINVAL.
 * NAME is copied. Before start, or while every vCPU is parked. */
int bus_register(struct bus *bus, enum bus_kind kind, uint64_t base, uint64_t len, const char *name,
		 bus_fn fn, void *opaque, struct err *err);
/* Release the ranges of OPAQUE. */
void bus_unregister(struct bus *bus, void *opaque);
/* Say that the ranges of OPAQUE belong to a para-virtual device, for the ledger. Before start only.
 */
void bus_mark_para(struct bus *bus, void *opaque);
/*
 * Perform ACC (addr, size, write, data set by the caller). False if nobody claimed it. Any thread,
 * no lock taken. Reads find data preset to all ones. An access that no single range holds is
 * halved until its pieces fit, as a PC splits it; pieces nobody claims read all ones.
 */
bool bus_dispatch(struct bus *bus, enum bus_kind kind, struct bus_access *acc);
/* Who answers at an address that moves at run time, and the row that counts it (may be NULL). */
struct bus_target {
	uint64_t base, len;
	bus_fn fn;
	void *opaque;
	struct sample_ledger *row;
};

/*
 * Asked about every address that no range holds; ranges win. find() comes from any thread, no lock
 * held; who left a place while an access was on its way may still get that access, so its
 * opaque must outlive the vCPUs' run.
 */
struct bus_router {
	bool (*find)(void *opaque, enum bus_kind kind, uint64_t addr, struct bus_target *out);
	/* For each target of KIND, in any order: bus_each() shows them too. */
	void (*each)(void *opaque, enum bus_kind kind,
		     void (*fn)(void *ctx, uint64_t base, uint64_t len, const char *name),
		     void *ctx);
};

/* ROUTER (static) answers beside the ranges, for both kinds; NULL takes it away. Before start. */
void bus_set_router(struct bus *bus, const struct bus_router *router, void *opaque);
/* A ledger row for a target (before start; an old one of the same name serves again), or NULL when
 * there is no page or no room. bus_row_move() says where it is now, LEN 0: nowhere. [any thread] */
struct sample_ledger *bus_row_new(struct bus *bus, enum bus_kind kind, const char *name, bool para);
void bus_row_move(struct sample_ledger *row, uint64_t base, uint64_t len);
/*
 * For devices with registers narrower than the access: call FN for each WIDTH bytes of ACC,
 * lowest address first, and put a read together. WIDTH is 1, 2 or 4 and less than acc->size.
 */
void bus_split(struct bus_access *acc, uint32_t width, bus_fn fn, void *opaque);
/* For each range, ascending, then each of the router's: `info mtree` and the devices screen. */
void bus_each(const struct bus *bus, enum bus_kind kind,
	      void (*fn)(void *ctx, uint64_t base, uint64_t len, const char *name), void *ctx);

#endif
