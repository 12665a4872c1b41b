/* SPDX-License-Identifier: GPL-2.0-or-later */
/* virtio-pci by its modern and its transitional face, and split queues: see virtio.h. */
#include "virtio.h"

#include "cpu.h"
#include "mem.h"
#include "paging.h"
#include "pci.h"
#include "print.h"
#include "string.h"

#define VIRTIO_VENDOR	 0x1af4
#define VIRTIO_OLD_FIRST 0x1000 /* the type is in the subsystem's number */
#define VIRTIO_NEW_FIRST 0x1040 /* the type is the rest */
#define VIRTIO_NEW_LAST	 0x107f
#define PCI_CAP_VENDOR	 0x09
#define VIRTIO_PAGE	 4096u
#define VIRTIO_CFG_LEN	 4096u
#define VIRTIO_TOO_LONG	 2000000000ul /* rounds of waiting */

/* 4.1.4: the kinds of capability. */
enum { CAP_COMMON = 1, CAP_NOTIFY = 2, CAP_ISR = 3, CAP_DEVICE = 4 };

/* 4.1.4.3: offsets in the common configuration. */
enum {
	COMMON_DEVICE_SELECT = 0,
	COMMON_DEVICE_FEATURES = 4,
	COMMON_DRIVER_SELECT = 8,
	COMMON_DRIVER_FEATURES = 12,
	COMMON_STATUS = 20,
	COMMON_QUEUE_SELECT = 22,
	COMMON_QUEUE_SIZE = 24,
	COMMON_QUEUE_ENABLE = 28,
	COMMON_QUEUE_NOTIFY = 30,
	COMMON_QUEUE_DESC = 32,
	COMMON_QUEUE_AVAIL = 40,
	COMMON_QUEUE_USED = 48,
};

/* 4.1.4.10: ports of the transitional face. */
enum {
	LEGACY_DEVICE_FEATURES = 0,
	LEGACY_DRIVER_FEATURES = 4,
	LEGACY_QUEUE_PAGE = 8,
	LEGACY_QUEUE_SIZE = 12,
	LEGACY_QUEUE_SELECT = 14,
	LEGACY_QUEUE_NOTIFY = 16,
	LEGACY_STATUS = 18,
	LEGACY_CONFIG = 20,
};

enum { STATUS_ACKNOWLEDGE = 1, STATUS_DRIVER = 2, STATUS_DRIVER_OK = 4, STATUS_FEATURES_OK = 8 };
enum { DESC_NEXT = 1, DESC_WRITE = 2 };

#define AVAIL_NO_INTERRUPT 1 /* we look for ourselves */

/* --- registers --- */

static uint8_t common_read8(struct virtio *dev, unsigned int reg)
{
	return dev->common[reg];
}

static void common_write8(struct virtio *dev, unsigned int reg, uint8_t value)
{
	dev->common[reg] = value;
}

static uint16_t common_read16(struct virtio *dev, unsigned int reg)
{
	return *(volatile uint16_t *)(dev->common + reg);
}

static void common_write16(struct virtio *dev, unsigned int reg, uint16_t value)
{
	*(volatile uint16_t *)(dev->common + reg) = value;
}

static uint32_t common_read32(struct virtio *dev, unsigned int reg)
{
	return *(volatile uint32_t *)(dev->common + reg);
}

static void common_write32(struct virtio *dev, unsigned int reg, uint32_t value)
{
	*(volatile uint32_t *)(dev->common + reg) = value;
}

/* 64-bit registers take two halves. */
static void common_write64(struct virtio *dev, unsigned int reg, uint64_t value)
{
	common_write32(dev, reg, (uint32_t)value);
	common_write32(dev, reg + 4, (uint32_t)(value >> 32));
}

static uint8_t virtio_status(struct virtio *dev)
{
	return dev->face == VIRTIO_MODERN ? common_read8(dev, COMMON_STATUS)
					  : inb(dev->port + LEGACY_STATUS);
}

static void virtio_set_status(struct virtio *dev, uint8_t bits)
{
	if (dev->face == VIRTIO_MODERN)
		common_write8(dev, COMMON_STATUS, bits);
	else
		outb(dev->port + LEGACY_STATUS, bits);
}

/* --- finding and opening --- */

unsigned int virtio_type(unsigned int slot)
{
	uint32_t id = pci_read(slot, PCI_DEVICE, 2);

	if (pci_read(slot, PCI_VENDOR, 2) != VIRTIO_VENDOR || id < VIRTIO_OLD_FIRST ||
	    id > VIRTIO_NEW_LAST)
		return 0;
	return id >= VIRTIO_NEW_FIRST ? id - VIRTIO_NEW_FIRST : pci_read(slot, PCI_SUBSYSTEM, 2);
}

static volatile uint8_t *virtio_map(struct virtio *dev, unsigned int cap)
{
	uint32_t off = pci_read(dev->slot, cap + 8, 4), len = pci_read(dev->slot, cap + 12, 4);
	bool io;
	uint64_t base = pci_bar(dev->slot, pci_read(dev->slot, cap + 4, 1), &io);

	return io || !base ? NULL : (volatile uint8_t *)mmio_map(base + off, len);
}

static bool virtio_find_modern(struct virtio *dev)
{
	unsigned int cap = 0;

	while ((cap = pci_cap_next(dev->slot, cap, PCI_CAP_VENDOR))) {
		switch (pci_read(dev->slot, cap + 3, 1)) {
		case CAP_COMMON:
			dev->common = virtio_map(dev, cap);
			break;
		case CAP_NOTIFY:
			dev->notify = virtio_map(dev, cap);
			dev->notify_step = pci_read(dev->slot, cap + 16, 4);
			break;
		case CAP_DEVICE:
			dev->config = virtio_map(dev, cap);
			break;
		}
	}
	return dev->common && dev->notify;
}

static bool virtio_find_legacy(struct virtio *dev)
{
	bool io;

	dev->port = (uint16_t)pci_bar(dev->slot, 0, &io);
	return io && dev->port && pci_read(dev->slot, PCI_DEVICE, 2) < VIRTIO_NEW_FIRST;
}

bool virtio_open(struct virtio *dev, unsigned int slot, enum virtio_face face)
{
	memset(dev, 0, sizeof(*dev));
	dev->slot = slot;
	dev->type = virtio_type(slot);
	dev->face = face;
	pci_write16(slot, PCI_COMMAND, PCI_COMMAND_IO | PCI_COMMAND_MEM | PCI_COMMAND_MASTER);
	if (face == VIRTIO_MODERN ? !virtio_find_modern(dev) : !virtio_find_legacy(dev))
		return false;
	virtio_set_status(dev, 0);
	while (virtio_status(dev))
		cpu_pause();
	virtio_set_status(dev, STATUS_ACKNOWLEDGE | STATUS_DRIVER);
	return true;
}

void virtio_close(struct virtio *dev)
{
	virtio_set_status(dev, 0);
	while (virtio_status(dev))
		cpu_pause();
}

/* --- features --- */

/* 32 bits each, no FEATURES_OK. */
static bool virtio_features_legacy(struct virtio *dev, uint64_t wanted)
{
	dev->features = inl(dev->port + LEGACY_DEVICE_FEATURES) & wanted & UINT32_MAX;
	outl(dev->port + LEGACY_DRIVER_FEATURES, (uint32_t)dev->features);
	return true;
}

bool virtio_features(struct virtio *dev, uint64_t wanted)
{
	uint64_t offered;

	if (dev->face == VIRTIO_LEGACY)
		return virtio_features_legacy(dev, wanted);
	common_write32(dev, COMMON_DEVICE_SELECT, 0);
	offered = common_read32(dev, COMMON_DEVICE_FEATURES);
	common_write32(dev, COMMON_DEVICE_SELECT, 1);
	offered |= (uint64_t)common_read32(dev, COMMON_DEVICE_FEATURES) << 32;
	dev->features = offered & (wanted | VIRTIO_F_VERSION_1);
	common_write32(dev, COMMON_DRIVER_SELECT, 0);
	common_write32(dev, COMMON_DRIVER_FEATURES, (uint32_t)dev->features);
	common_write32(dev, COMMON_DRIVER_SELECT, 1);
	common_write32(dev, COMMON_DRIVER_FEATURES, (uint32_t)(dev->features >> 32));
	virtio_set_status(dev, STATUS_ACKNOWLEDGE | STATUS_DRIVER | STATUS_FEATURES_OK);
	return virtio_status(dev) & STATUS_FEATURES_OK;
}

/* --- queues --- */

/* Pages one after the other, as the transitional face wants them; frames are handed out upwards. */
static uint64_t virtq_pages(unsigned int nr)
{
	uint64_t first = frame_alloc(), last = first;

	while (--nr) {
		uint64_t next = frame_alloc();

		if (next != last + VIRTIO_PAGE)
			return 0;
		last = next;
	}
	return first;
}

/* 2.7.2: descriptors and the driver's ring together, the device's ring on a page of its own. */
static uint64_t virtq_place(struct virtq *vq, uint64_t *avail, uint64_t *used)
{
	uint32_t first = vq->size * 16u + 6 + vq->size * 2u, second = 6 + vq->size * 8u;
	uint32_t first_pages = (first + VIRTIO_PAGE - 1) / VIRTIO_PAGE;
	uint64_t pa = virtq_pages(first_pages + (second + VIRTIO_PAGE - 1) / VIRTIO_PAGE);

	*avail = pa + vq->size * 16u;
	*used = pa + (uint64_t)first_pages * VIRTIO_PAGE;
	vq->desc = phys_to_virt(pa);
	vq->avail = phys_to_virt(*avail);
	vq->used = phys_to_virt(*used);
	return pa;
}

static bool virtq_set_up_legacy(struct virtio *dev, struct virtq *vq)
{
	uint64_t pa, avail, used;

	outw(dev->port + LEGACY_QUEUE_SELECT, vq->index);
	vq->size = inw(dev->port + LEGACY_QUEUE_SIZE); /* not ours to choose */
	if (!vq->size)
		return false;
	pa = virtq_place(vq, &avail, &used);
	outl(dev->port + LEGACY_QUEUE_PAGE, (uint32_t)(pa / VIRTIO_PAGE));
	return pa;
}

static bool virtq_set_up_modern(struct virtio *dev, struct virtq *vq)
{
	uint64_t pa, avail, used;

	common_write16(dev, COMMON_QUEUE_SELECT, vq->index);
	vq->size = common_read16(dev, COMMON_QUEUE_SIZE);
	if (!vq->size)
		return false;
	pa = virtq_place(vq, &avail, &used);
	common_write64(dev, COMMON_QUEUE_DESC, pa);
	common_write64(dev, COMMON_QUEUE_AVAIL, avail);
	common_write64(dev, COMMON_QUEUE_USED, used);
	vq->notify =
		(volatile uint16_t *)(dev->notify +
				      dev->notify_step * common_read16(dev, COMMON_QUEUE_NOTIFY));
	common_write16(dev, COMMON_QUEUE_ENABLE, 1);
	return pa;
}

bool virtio_queue(struct virtio *dev, unsigned int index, struct virtq *vq)
{
	memset(vq, 0, sizeof(*vq));
	vq->dev = dev;
	vq->index = (uint16_t)index;
	if (dev->face == VIRTIO_MODERN ? !virtq_set_up_modern(dev, vq)
				       : !virtq_set_up_legacy(dev, vq))
		return false;
	vq->avail->flags = AVAIL_NO_INTERRUPT;
	return true;
}

void virtio_go(struct virtio *dev)
{
	virtio_set_status(dev, virtio_status(dev) | STATUS_DRIVER_OK);
}

uint32_t virtio_config(struct virtio *dev, unsigned int off, unsigned int size)
{
	uint32_t value = 0;
	unsigned int i;

	for (i = 0; i < size; i++) {
		uint8_t byte = dev->face == VIRTIO_MODERN
				       ? dev->config[off + i]
				       : inb((uint16_t)(dev->port + LEGACY_CONFIG + off + i));

		value |= (uint32_t)byte << (i * 8);
	}
	return value;
}

void virtq_offer(struct virtq *vq, const struct virtq_buf *buf, unsigned int nr)
{
	uint16_t head = vq->next_desc;
	unsigned int i;

	for (i = 0; i < nr; i++) {
		struct virtq_desc *desc = &vq->desc[vq->next_desc];

		vq->next_desc = (uint16_t)((vq->next_desc + 1) % vq->size);
		desc->addr = (uintptr_t)buf[i].data - KERNEL_BASE;
		desc->len = buf[i].len;
		desc->flags = (uint16_t)((buf[i].device_writes ? DESC_WRITE : 0) |
					 (i + 1 < nr ? DESC_NEXT : 0));
		desc->next = vq->next_desc;
	}
	vq->avail->ring[vq->avail->idx % vq->size] = head;
	/* The chain must be there before the index says so, and that before the device is told. */
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
	vq->avail->idx++;
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
	if (vq->notify)
		*vq->notify = vq->index;
	else
		outw(vq->dev->port + LEGACY_QUEUE_NOTIFY, vq->index);
}

long virtq_wait(struct virtq *vq)
{
	uint64_t rounds;

	for (rounds = 0; vq->used->idx == vq->last_used; rounds++) {
		if (rounds == VIRTIO_TOO_LONG)
			return -1;
		cpu_pause();
	}
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
	return (long)vq->used->ring[vq->last_used++ % vq->size].len;
}
