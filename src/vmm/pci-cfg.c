/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Configuration space of one function (PCI Local Bus Specification 3.0,
 * chapter 6): the header, which of its bits a guest may write, capabilities.
 * What a write means is worked out afterwards, from the bytes.
 */
#include "vmm/pci-priv.h"

#include <errno.h>
#include <string.h>

#define PCI_CMD_KEPT                                                                     \
	(PCI_COMMAND_IO | PCI_COMMAND_MEMORY | PCI_COMMAND_MASTER | PCI_COMMAND_PARITY | \
	 PCI_COMMAND_SERR | PCI_COMMAND_INTX_DISABLE)

uint16_t pci_get16(const struct pci_dev *dev, unsigned int off)
{
	return (uint16_t)(dev->cfg[off] | dev->cfg[off + 1] << 8);
}

uint32_t pci_get32(const struct pci_dev *dev, unsigned int off)
{
	return pci_get16(dev, off) | (uint32_t)pci_get16(dev, off + 2) << 16;
}

void pci_set16(struct pci_dev *dev, unsigned int off, uint16_t val)
{
	dev->cfg[off] = (uint8_t)val;
	dev->cfg[off + 1] = (uint8_t)(val >> 8);
}

void pci_set32(struct pci_dev *dev, unsigned int off, uint32_t val)
{
	pci_set16(dev, off, (uint16_t)val);
	pci_set16(dev, off + 2, (uint16_t)(val >> 16));
}

/* --- set-up --- */

void pci_ident_set(struct pci_dev *pci, const struct pci_ident *ident)
{
	pci_set16(pci, PCI_VENDOR_ID, ident->vendor);
	pci_set16(pci, PCI_DEVICE_ID, ident->device);
	pci_set32(pci, PCI_CLASS_REVISION, ident->class_code << 8 | ident->revision);
	pci_set16(pci, PCI_SUBSYSTEM_VENDOR_ID, ident->subsys_vendor);
	pci_set16(pci, PCI_SUBSYSTEM_ID, ident->subsys);
	pci->cfg[PCI_INTERRUPT_PIN] = ident->intx;
	pci->wmask[PCI_COMMAND] = (uint8_t)PCI_CMD_KEPT;
	pci->wmask[PCI_COMMAND + 1] = PCI_CMD_KEPT >> 8;
	pci->wmask[PCI_CACHE_LINE_SIZE] = 0xff;
	pci->wmask[PCI_LATENCY_TIMER] = 0xff;
	pci->wmask[PCI_INTERRUPT_LINE] = 0xff;
}

int pci_cap_add(struct pci_dev *pci, uint8_t id, const void *body, uint8_t len, struct err *err)
{
	unsigned int off = pci->cap_end;

	if (off + 2u + len > PCI_CFG_KEPT)
		return err_set(err, ENOSPC, "%s: no room for capability 0x%02x", pci->name, id);
	pci->cfg[off] = id;
	memcpy(pci->cfg + off + 2, body, len);
	pci->cfg[pci->cap_last ? pci->cap_last + 1 : PCI_CAPABILITY_LIST] = (uint8_t)off;
	pci->cap_last = off;
	pci->cap_end = (off + 2u + len + 3) & ~3u;
	pci_set16(pci, PCI_STATUS, pci_get16(pci, PCI_STATUS) | PCI_STATUS_CAP_LIST);
	return (int)off;
}

void pci_cap_hook(struct pci_dev *pci, unsigned int off, unsigned int len)
{
	unsigned int i;

	for (i = off; i < off + len && i < PCI_CFG_KEPT; i++) {
		pci->hook[i / 8] |= (uint8_t)(1u << i % 8);
		pci->wmask[i] = 0xff;
	}
}

/* --- accesses --- */

static bool pci_cfg_hooked(const struct pci_dev *dev, const struct bus_access *acc)
{
	uint64_t i;

	for (i = acc->off; i < acc->off + acc->size && i < PCI_CFG_KEPT; i++) {
		if (dev->hook[i / 8] >> i % 8 & 1)
			return true;
	}
	return false;
}

/* What changes by itself, put where a read finds it. */
static void pci_cfg_refresh_locked(struct pci_dev *dev)
{
	uint16_t status = pci_get16(dev, PCI_STATUS) & (uint16_t)~PCI_STATUS_INTERRUPT;

	if (pci_intx_level(dev))
		status |= PCI_STATUS_INTERRUPT;
	pci_set16(dev, PCI_STATUS, status);
	if (dev->msi.cap)
		pci_set32(dev, dev->msi.cap + PCI_MSI_PENDING_64,
			  (uint32_t)__atomic_load_n(&dev->msi.pending, __ATOMIC_RELAXED));
}

static void pci_cfg_read_locked(struct pci_dev *dev, struct bus_access *acc)
{
	unsigned int i;

	pci_cfg_refresh_locked(dev);
	acc->data = 0;
	for (i = 0; i < acc->size && acc->off + i < PCI_CFG_KEPT; i++)
		acc->data |= (uint64_t)dev->cfg[acc->off + i] << (i * 8);
}

static void pci_cfg_write_locked(struct pci_dev *dev, const struct bus_access *acc)
{
	uint8_t byte, mask;
	unsigned int i;

	for (i = 0; i < acc->size && acc->off + i < PCI_CFG_KEPT; i++) {
		byte = (uint8_t)(acc->data >> (i * 8));
		mask = dev->wmask[acc->off + i];
		dev->cfg[acc->off + i] =
			(uint8_t)((dev->cfg[acc->off + i] & ~mask) | (byte & mask));
	}
	pci_bar_update_locked(dev);
	pci_irq_update_locked(dev);
}

void pci_cfg_access(struct pci_dev *dev, struct bus_access *acc)
{
	bool hooked;

	pthread_mutex_lock(&dev->host->cfg_lock);
	if (acc->write)
		pci_cfg_write_locked(dev, acc);
	else
		pci_cfg_read_locked(dev, acc);
	hooked = pci_cfg_hooked(dev, acc);
	pthread_mutex_unlock(&dev->host->cfg_lock);
	if (hooked && dev->ops && dev->ops->cfg)
		dev->ops->cfg(dev->state, acc);
}

/* --- reset and snapshots --- */

void pci_cfg_reset_locked(struct pci_dev *dev)
{
	uint16_t command = 0;
	struct pci_bar *bar;
	unsigned int i;

	for (i = 0; i < PCI_CFG_KEPT; i++)
		dev->cfg[i] &= (uint8_t)~dev->wmask[i];
	for (bar = dev->bar; bar < dev->bar + PCI_NR_BARS; bar++) {
		if (!bar->size)
			continue;
		command |= bar->kind == BUS_PIO ? PCI_COMMAND_IO : PCI_COMMAND_MEMORY;
		i = PCI_BASE_ADDRESS_0 + bar->index * 4;
		pci_set32(dev, i, pci_get32(dev, i) | (uint32_t)bar->first);
		if (bar->is64)
			pci_set32(dev, i + 4, (uint32_t)(bar->first >> 32));
	}
	pci_set16(dev, PCI_COMMAND, command);
	if (dev->cfg[PCI_INTERRUPT_PIN])
		dev->cfg[PCI_INTERRUPT_LINE] =
			(uint8_t)pci_irq(dev->slot, dev->cfg[PCI_INTERRUPT_PIN]);
	pci_irq_reset_locked(dev);
	pci_bar_update_locked(dev);
	pci_irq_update_locked(dev);
}

void pci_cfg_load_locked(struct pci_dev *dev, const uint8_t saved[PCI_CFG_KEPT])
{
	unsigned int i;

	for (i = 0; i < PCI_CFG_KEPT; i++)
		dev->cfg[i] =
			(uint8_t)((dev->cfg[i] & ~dev->wmask[i]) | (saved[i] & dev->wmask[i]));
}
