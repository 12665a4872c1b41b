/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Address ranges and their owners: see bus.h. Two sorted arrays that stand
 * still while vCPUs run, so that a dispatch takes no lock; what moves is the
 * router's. The ledger counts with relaxed atomics because nothing is ordered
 * by it.
 */
#include "vmm/bus.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <x86intrin.h>

#define BUS_MAX_RANGES 128
#define BUS_NR_KINDS   2
#define BUS_PIO_END    0x10000ull
#define BUS_HOT	       __attribute__((hot)) /* see VM_HOT */

struct bus_range {
	uint64_t base, len;
	bus_fn fn;
	void *opaque;
	struct sample_ledger *row; /* NULL: nowhere to count */
	char name[sizeof(((struct sample_ledger *)0)->name)];
};

struct bus_map {
	struct bus_range range[BUS_MAX_RANGES]; /* ascending, disjoint */
	unsigned int nr;
	struct sample_ledger *unclaimed; /* NULL: nowhere to count */
};

struct bus {
	struct bus_map map[BUS_NR_KINDS];
	struct sample_page *page;
	const struct bus_router *router; /* NULL: none */
	void *router_opaque;
};

static const uint32_t bus_ledger_kind[BUS_NR_KINDS] = {
	[BUS_PIO] = LEDGER_PIO,
	[BUS_MMIO] = LEDGER_MMIO,
};

/* The row of KIND and NAME (and BASE, unless ANYWHERE), or NULL. */
static struct sample_ledger *bus_ledger_find(struct sample_page *page, enum bus_kind kind,
					     uint64_t base, const char *name, bool anywhere)
{
	struct sample_ledger *row;
	uint32_t i;

	for (i = 0; i < page->nr_ledger && i < SAMPLE_LEDGER; i++) {
		row = &page->ledger[i];
		if (row->kind == bus_ledger_kind[kind] && (anywhere || row->base == base) &&
		    !strncmp(row->name, name, sizeof(row->name) - 1))
			return row;
	}
	return NULL;
}

/* A row for the range, an old one if a range came and went; NULL when the ledger is full. */
static struct sample_ledger *bus_ledger_row(struct bus *bus, enum bus_kind kind, uint64_t base,
					    uint64_t len, const char *name, bool anywhere)
{
	struct sample_page *page = bus->page;
	struct sample_ledger *row;
	uint32_t i;

	if (!page)
		return NULL;
	row = bus_ledger_find(page, kind, base, name, anywhere);
	if (row) {
		row->len = len;
		return row;
	}
	i = page->nr_ledger;
	if (i >= SAMPLE_LEDGER)
		return NULL;
	row = &page->ledger[i];
	memset(row, 0, sizeof(*row));
	snprintf(row->name, sizeof(row->name), "%s", name);
	row->base = base;
	row->len = len;
	row->kind = bus_ledger_kind[kind];
	/* Viewers may be looking: the row is whole before it counts. */
	__atomic_store_n(&page->nr_ledger, i + 1, __ATOMIC_RELEASE);
	return row;
}

struct sample_ledger *bus_row_new(struct bus *bus, enum bus_kind kind, const char *name, bool para)
{
	struct sample_ledger *row = bus_ledger_row(bus, kind, 0, 0, name, true);

	if (row)
		row->para = para;
	return row;
}

void bus_row_move(struct sample_ledger *row, uint64_t base, uint64_t len)
{
	if (!row)
		return;
	__atomic_store_n(&row->base, base, __ATOMIC_RELAXED);
	__atomic_store_n(&row->len, len, __ATOMIC_RELAXED);
}

static BUS_HOT void bus_count(struct sample_ledger *row, bool write, uint64_t tsc)
{
	if (!row)
		return;
	__atomic_fetch_add(write ? &row->writes : &row->reads, 1, __ATOMIC_RELAXED);
	if (tsc)
		__atomic_fetch_add(&row->tsc, tsc, __ATOMIC_RELAXED);
}

int bus_create(struct sample_page *page, struct bus **out, struct err *err)
{
	struct bus *bus = calloc(1, sizeof(*bus));

	if (!bus)
		return err_set(err, ENOMEM, "bus: out of memory");
	bus->page = page;
	bus->map[BUS_PIO].unclaimed = bus_ledger_row(bus, BUS_PIO, 0, 0, "unclaimed", false);
	bus->map[BUS_MMIO].unclaimed = bus_ledger_row(bus, BUS_MMIO, 0, 0, "unclaimed", false);
	*out = bus;
	return 0;
}

void bus_destroy(struct bus *bus)
{
	free(bus);
}

/* Index of the first range that begins above ADDR. */
static unsigned int bus_map_above(const struct bus_map *map, uint64_t addr)
{
	unsigned int lo = 0, hi = map->nr, mid;

	while (lo < hi) {
		mid = (lo + hi) / 2;
		if (map->range[mid].base <= addr)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo;
}

static int bus_check(const struct bus_map *map, enum bus_kind kind, uint64_t base, uint64_t len,
		     const char *name, struct err *err)
{
	uint64_t last = base + len - 1;
	const struct bus_range *near;
	unsigned int above;

	if (!len || last < base || (kind == BUS_PIO && last >= BUS_PIO_END))
		return err_set(err, EINVAL, "bus: %s: bad range 0x%" PRIx64 "+0x%" PRIx64, name,
			       base, len);
	/* Ranges are disjoint, so the last one that begins at or before ours decides. */
	above = bus_map_above(map, last);
	if (above) {
		near = &map->range[above - 1];
		if (near->base + near->len - 1 >= base)
			return err_set(err, EEXIST,
				       "bus: %s at 0x%" PRIx64 "..0x%" PRIx64
				       " overlaps %s at 0x%" PRIx64 "..0x%" PRIx64,
				       name, base, last, near->name, near->base,
				       near->base + near->len - 1);
	}
	if (map->nr == BUS_MAX_RANGES)
		return err_set(err, ENOSPC, "bus: %s: more than %d ranges", name, BUS_MAX_RANGES);
	return 0;
}

int bus_register(struct bus *bus, enum bus_kind kind, uint64_t base, uint64_t len, const char *name,
		 bus_fn fn, void *opaque, struct err *err)
{
	struct bus_map *map = &bus->map[kind];
	struct bus_range *range;
	unsigned int at;
	int ret;

	ret = bus_check(map, kind, base, len, name, err);
	if (ret)
		return ret;
	at = bus_map_above(map, base);
	range = &map->range[at];
	memmove(range + 1, range, (map->nr - at) * sizeof(*range));
	*range = (struct bus_range){ .base = base, .len = len, .fn = fn, .opaque = opaque };
	snprintf(range->name, sizeof(range->name), "%s", name);
	range->row = bus_ledger_row(bus, kind, base, len, name, false);
	map->nr++;
	return 0;
}

void bus_unregister(struct bus *bus, void *opaque)
{
	struct bus_map *map;
	unsigned int i, kept;

	for (map = bus->map; map < bus->map + BUS_NR_KINDS; map++) {
		for (i = kept = 0; i < map->nr; i++) {
			if (map->range[i].opaque != opaque)
				map->range[kept++] = map->range[i];
		}
		map->nr = kept;
	}
}

void bus_mark_para(struct bus *bus, void *opaque)
{
	struct bus_map *map;
	unsigned int i;

	for (map = bus->map; map < bus->map + BUS_NR_KINDS; map++) {
		for (i = 0; i < map->nr; i++) {
			if (map->range[i].opaque == opaque && map->range[i].row)
				map->range[i].row->para = 1;
		}
	}
}

static uint64_t bus_mask(uint32_t size)
{
	return size >= 8 ? UINT64_MAX : (1ull << (size * 8)) - 1;
}

/* The range that holds ADDR, or NULL. Guests stay with a device for a while: NEAR is tried first.
 */
static BUS_HOT const struct bus_range *bus_map_find(const struct bus_map *map, uint64_t addr,
						    unsigned int *near)
{
	const struct bus_range *range;
	unsigned int above;

	if (*near < map->nr) {
		range = &map->range[*near];
		if (addr - range->base < range->len)
			return range;
	}
	above = bus_map_above(map, addr);
	if (!above)
		return NULL;
	range = &map->range[above - 1];
	if (addr - range->base >= range->len)
		return NULL;
	*near = above - 1;
	return range;
}

/* Who answers at ADDR: a range, else whom the router knows. */
static BUS_HOT bool bus_find(const struct bus *bus, enum bus_kind kind, struct bus_access *acc,
			     struct bus_target *out)
{
	const struct bus_range *range = bus_map_find(&bus->map[kind], acc->addr, &acc->near);

	if (range) {
		*out = (struct bus_target){ range->base, range->len, range->fn, range->opaque,
					    range->row };
		return true;
	}
	return bus->router && bus->router->find(bus->router_opaque, kind, acc->addr, out);
}

static BUS_HOT void bus_perform(const struct bus_target *target, struct bus_access *acc)
{
	bool write = acc->write;
	uint64_t start = acc->start_tsc ? acc->start_tsc : __rdtsc();

	target->fn(target->opaque, acc);
	acc->end_tsc = acc->start_tsc = __rdtsc(); /* where the next piece begins */
	bus_count(target->row, write, acc->end_tsc - start);
}

/* True if a piece of ACC, which nobody holds at its first byte, could be claimed. */
static bool bus_begins_inside(const struct bus *bus, enum bus_kind kind,
			      const struct bus_access *acc)
{
	const struct bus_map *map = &bus->map[kind];

	return bus->router ||
	       bus_map_above(map, acc->addr) != bus_map_above(map, acc->addr + acc->size - 1);
}

/* True if any part of ACC was claimed. */
static BUS_HOT bool bus_map_dispatch(const struct bus *bus, enum bus_kind kind,
				     struct bus_access *acc)
{
	struct bus_target target;
	struct bus_access half;
	uint64_t data = 0;
	bool claimed = false, found = bus_find(bus, kind, acc, &target);
	uint32_t i;

	if (found && acc->addr - target.base < target.len &&
	    target.len - (acc->addr - target.base) >= acc->size) {
		acc->off = acc->addr - target.base;
		bus_perform(&target, acc);
		return true;
	}
	if (acc->size == 1 || (!found && !bus_begins_inside(bus, kind, acc)))
		return false;
	for (i = 0; i < 2; i++) {
		half = *acc;
		half.part = true;
		half.size = acc->size / 2;
		half.addr = acc->addr + i * half.size;
		half.data = (acc->data >> (i * half.size * 8)) & bus_mask(half.size);
		claimed |= bus_map_dispatch(bus, kind, &half);
		data |= (half.data & bus_mask(half.size)) << (i * half.size * 8);
		acc->start_tsc = half.start_tsc;
		acc->end_tsc = half.end_tsc;
	}
	if (!acc->write)
		acc->data = data;
	return claimed;
}

BUS_HOT bool bus_dispatch(struct bus *bus, enum bus_kind kind, struct bus_access *acc)
{
	const struct bus_map *map = &bus->map[kind];
	bool claimed = false;

	acc->off = acc->end_tsc = 0;
	acc->part = false;
	if (acc->write)
		acc->data &= bus_mask(acc->size);
	else
		acc->data = bus_mask(acc->size);
	if (acc->size == 1 || acc->size == 2 || acc->size == 4 || acc->size == 8)
		claimed = bus_map_dispatch(bus, kind, acc);
	if (!claimed)
		bus_count(map->unclaimed, acc->write, 0);
	else if (!acc->write)
		acc->data &= bus_mask(acc->size);
	return claimed;
}

void bus_set_router(struct bus *bus, const struct bus_router *router, void *opaque)
{
	bus->router = router;
	bus->router_opaque = opaque;
}

void bus_split(struct bus_access *acc, uint32_t width, bus_fn fn, void *opaque)
{
	struct bus_access part;
	uint64_t data = 0;
	uint32_t done;

	for (done = 0; done < acc->size; done += width) {
		part = *acc;
		part.part = true;
		part.size = width;
		part.addr = acc->addr + done;
		part.off = acc->off + done;
		part.data = (acc->data >> (done * 8)) & bus_mask(width);
		fn(opaque, &part);
		data |= (part.data & bus_mask(width)) << (done * 8);
	}
	if (!acc->write)
		acc->data = data;
}

void bus_each(const struct bus *bus, enum bus_kind kind,
	      void (*fn)(void *ctx, uint64_t base, uint64_t len, const char *name), void *ctx)
{
	const struct bus_map *map = &bus->map[kind];
	unsigned int i;

	for (i = 0; i < map->nr; i++)
		fn(ctx, map->range[i].base, map->range[i].len, map->range[i].name);
	if (bus->router)
		bus->router->each(bus->router_opaque, kind, fn, ctx);
}
