/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Base address registers: where a function answers. They move while vCPUs run,
 * so the bus asks the table here for every address that none of its fixed
 * ranges holds; a moved BAR answers at its new place, and only there, before
 * the write that moved it is over. Where BARs overlap, the lowest slot wins.
 */
#include "vmm/pci-priv.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>

#define PCI_BAR_MAX_MEM (1ull << 40)
#define PCI_BAR_MAX_IO	256

int pci_bar_add(struct pci_dev *pci, unsigned int bar, enum bus_kind kind, bool is64, bool prefetch,
		uint64_t size, struct err *err)
{
	bool io = kind == BUS_PIO;
	uint64_t limit = io ? PCI_BAR_MAX_IO : is64 ? PCI_BAR_MAX_MEM : 1ull << 28;
	unsigned int off = PCI_BASE_ADDRESS_0 + bar * 4;
	uint64_t mask = ~(size - 1);
	struct pci_bar *at;
	unsigned int i;

	if (bar + is64 >= PCI_NR_BARS || (io && is64) || (size & (size - 1)) ||
	    size < (io ? 4 : 16) || size > limit)
		return err_set(err, EINVAL, "%s: bad BAR %u of 0x%" PRIx64 " bytes", pci->name, bar,
			       size);
	at = &pci->bar[bar];
	if (at->size || (is64 && pci->bar[bar + 1].size) || (bar && at[-1].is64))
		return err_set(err, EEXIST, "%s: BAR %u is there already", pci->name, bar);
	*at = (struct pci_bar){ .dev = pci,
				.index = bar,
				.kind = kind,
				.is64 = is64,
				.prefetch = prefetch,
				.size = size };
	pci->cfg[off] = (uint8_t)((io ? PCI_BASE_ADDRESS_SPACE_IO : 0) |
				  (is64 ? PCI_BASE_ADDRESS_MEM_TYPE_64 : 0) |
				  (prefetch ? PCI_BASE_ADDRESS_MEM_PREFETCH : 0));
	for (i = 0; i < (is64 ? 8u : 4u); i++)
		pci->wmask[off + i] = (uint8_t)(mask >> (i * 8));
	return 0;
}

/* --- placing --- */

static int pci_bar_take(struct pci_bar *bar, uint64_t *next, uint64_t end)
{
	uint64_t base = (*next + bar->size - 1) & ~(bar->size - 1);

	if (base < *next || base >= end || bar->size > end - base)
		return -ENOSPC;
	bar->first = base;
	*next = base + bar->size;
	return 0;
}

/* Below 4 GiB while there is room: not every guest can reach beyond. */
static int pci_bar_place_one(struct pci_bar *bar)
{
	struct pci_host *host = bar->dev->host;

	if (bar->kind == BUS_PIO)
		return pci_bar_take(bar, &host->next_io, PCI_PORT_END);
	if (pci_bar_take(bar, &host->next_mem, PCI_MEM_END) == 0)
		return 0;
	return bar->is64 ? pci_bar_take(bar, &host->next_mem64, host->next_mem64 + PCI_MEM64_LEN)
			 : -ENOSPC;
}

int pci_bar_place(struct pci_dev *dev, struct err *err)
{
	struct pci_bar *bar;
	char name[32];

	for (bar = dev->bar; bar < dev->bar + PCI_NR_BARS; bar++) {
		if (!bar->size)
			continue;
		if (pci_bar_place_one(bar))
			return err_set(err, ENOSPC, "%s: no room on the PCI bus for BAR %u",
				       dev->name, bar->index);
		snprintf(name, sizeof(name), "%s bar%u", dev->name, bar->index);
		bar->row = bus_row_new(dev->host->env->bus, bar->kind, name, !dev->ops->full);
	}
	return 0;
}

/* --- the decode table --- */

static void pci_bar_decode_locked(struct pci_host *host, enum bus_kind kind)
{
	struct pci_decode *out = host->decode[kind];
	struct pci_bar *bar;
	unsigned int i;

	for (i = 0; i < host->nr; i++) {
		for (bar = host->slot[i]->bar; bar < host->slot[i]->bar + PCI_NR_BARS; bar++) {
			if (bar->mapped && bar->kind == kind)
				*out++ = (struct pci_decode){ bar->base, bar->size, bar };
		}
	}
	host->nr_decode[kind] = (unsigned int)(out - host->decode[kind]);
}

static void pci_bar_set_locked(struct pci_bar *bar, uint64_t base, bool mapped)
{
	const struct pci_dev *dev = bar->dev;

	if (bar->mapped == mapped && (!mapped || bar->base == base))
		return;
	pthread_rwlock_wrlock(&dev->host->map_lock);
	bar->base = base;
	bar->mapped = mapped;
	pci_bar_decode_locked(dev->host, bar->kind);
	pthread_rwlock_unlock(&dev->host->map_lock);
	bus_row_move(bar->row, mapped ? base : 0, mapped ? bar->size : 0);
	if (dev->ops->bar_moved)
		dev->ops->bar_moved(dev->state, bar->index, base, mapped);
}

/* All ones is a guest asking for the size; zero was never set. */
static bool pci_bar_sane(const struct pci_bar *bar, uint64_t base)
{
	uint64_t end = bar->kind == BUS_PIO ? PCI_PORT_END : bar->is64 ? 1ull << 52 : 1ull << 32;

	return base && base < end && bar->size < end - base;
}

void pci_bar_update_locked(struct pci_dev *dev)
{
	uint16_t command = pci_get16(dev, PCI_COMMAND), need;
	struct pci_bar *bar;
	unsigned int off;
	uint64_t base;

	for (bar = dev->bar; bar < dev->bar + PCI_NR_BARS; bar++) {
		if (!bar->size)
			continue;
		off = PCI_BASE_ADDRESS_0 + bar->index * 4;
		base = pci_get32(dev, off);
		if (bar->is64)
			base |= (uint64_t)pci_get32(dev, off + 4) << 32;
		base &= ~(bar->size - 1);
		need = bar->kind == BUS_PIO ? PCI_COMMAND_IO : PCI_COMMAND_MEMORY;
		pci_bar_set_locked(bar, base, (command & need) && pci_bar_sane(bar, base));
	}
}

void pci_bar_unmap_locked(struct pci_dev *dev)
{
	struct pci_bar *bar;

	for (bar = dev->bar; bar < dev->bar + PCI_NR_BARS; bar++) {
		if (bar->size)
			pci_bar_set_locked(bar, bar->base, false);
	}
}

/* --- accesses --- */

static void pci_bar_io(void *opaque, struct bus_access *acc)
{
	const struct pci_bar *bar = opaque;
	struct pci_dev *dev = bar->dev;

	if (!pci_msix_access(dev, bar->index, acc) && dev->ops->bar)
		dev->ops->bar(dev->state, bar->index, acc);
}

static bool pci_router_find(void *opaque, enum bus_kind kind, uint64_t addr, struct bus_target *out)
{
	struct pci_host *host = opaque;
	const struct pci_decode *dec, *end;
	bool found = false;

	pthread_rwlock_rdlock(&host->map_lock);
	end = host->decode[kind] + host->nr_decode[kind];
	for (dec = host->decode[kind]; dec < end && !found; dec++) {
		found = addr - dec->base < dec->len;
		if (found)
			*out = (struct bus_target){ dec->base, dec->len, pci_bar_io, dec->bar,
						    dec->bar->row };
	}
	pthread_rwlock_unlock(&host->map_lock);
	return found;
}

static void pci_router_each(void *opaque, enum bus_kind kind,
			    void (*fn)(void *ctx, uint64_t base, uint64_t len, const char *name),
			    void *ctx)
{
	struct pci_host *host = opaque;
	char name[32];
	unsigned int i;

	pthread_rwlock_rdlock(&host->map_lock);
	for (i = 0; i < host->nr_decode[kind]; i++) {
		const struct pci_decode *dec = &host->decode[kind][i];

		snprintf(name, sizeof(name), "%s bar%u", dec->bar->dev->name, dec->bar->index);
		fn(ctx, dec->base, dec->len, name);
	}
	pthread_rwlock_unlock(&host->map_lock);
}

const struct bus_router pci_router = {
	.find = pci_router_find,
	.each = pci_router_each,
};
