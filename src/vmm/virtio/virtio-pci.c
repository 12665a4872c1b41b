/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Virtio over PCI (virtio 1.2, section 4.1), transitional: the old face in I/O
 * ports behind BAR 0, MSI-X in BAR 1, the structures of virtio 1 in BAR 4. Both
 * faces lead to the same device; a driver uses one.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/log.h"
#include "vmm/virtio/virtio-priv.h"

#define VIRTIO_PCI_VENDOR 0x1af4

#define VIRTIO_PCI_BAR_LEGACY 0
#define VIRTIO_PCI_BAR_MSIX   1
#define VIRTIO_PCI_BAR_MODERN 4

#define VIRTIO_PCI_LEGACY_SIZE 128
#define VIRTIO_PCI_MSIX_SIZE   4096
#define VIRTIO_PCI_MSIX_PBA    2048
#define VIRTIO_PCI_MAX_VECTORS 64

/* A page of BAR 4 for each structure, so that a guest kernel can map them apart. */
#define VIRTIO_PCI_PAGE	       4096u
#define VIRTIO_PCI_COMMON      0x0000u
#define VIRTIO_PCI_ISR	       0x1000u
#define VIRTIO_PCI_DEVICE      0x2000u
#define VIRTIO_PCI_NOTIFY      0x3000u
#define VIRTIO_PCI_MODERN_SIZE 0x4000u
#define VIRTIO_PCI_COMMON_LEN  56u
#define VIRTIO_PCI_NOTIFY_MULT 4u

#define VIRTIO_PCI_CAP_VENDOR 0x09
enum {
	VIRTIO_CAP_COMMON = 1,
	VIRTIO_CAP_NOTIFY,
	VIRTIO_CAP_ISR,
	VIRTIO_CAP_DEVICE,
	VIRTIO_CAP_PCI
};

/* struct virtio_pci_cfg_cap (4.1.4.9), from the capability's start. */
#define VIRTIO_PCI_WIN_LEN    20
#define VIRTIO_PCI_WIN_BAR    4
#define VIRTIO_PCI_WIN_OFFSET 8
#define VIRTIO_PCI_WIN_LENGTH 12
#define VIRTIO_PCI_WIN_DATA   16

/* struct virtio_pci_common_cfg (4.1.4.3). */
enum {
	COMMON_DEVICE_FEATURE_SELECT = 0,
	COMMON_DEVICE_FEATURE = 4,
	COMMON_DRIVER_FEATURE_SELECT = 8,
	COMMON_DRIVER_FEATURE = 12,
	COMMON_CONFIG_VECTOR = 16,
	COMMON_NUM_QUEUES = 18,
	COMMON_STATUS = 20,
	COMMON_GENERATION = 21,
	COMMON_QUEUE_SELECT = 22,
	COMMON_QUEUE_SIZE = 24,
	COMMON_QUEUE_VECTOR = 26,
	COMMON_QUEUE_ENABLE = 28,
	COMMON_QUEUE_NOTIFY_OFF = 30,
	COMMON_QUEUE_DESC = 32,
	COMMON_QUEUE_DRIVER = 40,
	COMMON_QUEUE_DEVICE = 48,
};

/* The old face (4.1.4.10). */
enum {
	LEGACY_DEVICE_FEATURES = 0,
	LEGACY_DRIVER_FEATURES = 4,
	LEGACY_QUEUE_PFN = 8,
	LEGACY_QUEUE_SIZE = 12,
	LEGACY_QUEUE_SELECT = 14,
	LEGACY_QUEUE_NOTIFY = 16,
	LEGACY_STATUS = 18,
	LEGACY_ISR = 19,
	LEGACY_CONFIG = 20, /* with MSI-X four bytes later */
	LEGACY_CONFIG_VECTOR = 20,
	LEGACY_QUEUE_VECTOR = 22,
	LEGACY_CONFIG_MSIX = 24,
};

#define LEGACY_PAGE_SHIFT 12

struct virtio_pci {
	struct pci_dev *pci;
	const struct dev_env *env;
	struct virtio *vdev;
	unsigned int nr_vectors;
	unsigned int window_off; /* of the capability in configuration space */

	/* Under vdev->config_lock. */
	uint32_t device_select, driver_select;
	uint16_t queue_select;
	uint64_t io_base, mmio_base;
	bool io_mapped, mmio_mapped;
	bool running;
	struct dev_ioevent event[VIRTIO_MAX_QUEUES];
	bool has_event[VIRTIO_MAX_QUEUES];

	pthread_mutex_t window_lock; /* taken before config_lock */
	uint8_t window[VIRTIO_PCI_WIN_LEN];

	pthread_mutex_t isr_lock; /* the ISR and the pin that mirrors it */
	uint8_t isr;
};

/* SIZE bytes of a little endian structure at OFF; outside of it: zero. */
static uint64_t virtio_pci_slice(const uint8_t *image, uint32_t len, uint64_t off, uint32_t size)
{
	uint64_t val = 0;
	uint32_t i;

	for (i = 0; i < size && off + i < len; i++)
		val |= (uint64_t)image[off + i] << (8 * i);
	return val;
}

static void virtio_pci_put(uint8_t *image, uint32_t off, uint32_t size, uint64_t val)
{
	uint32_t i;

	for (i = 0; i < size; i++)
		image[off + i] = (uint8_t)(val >> (8 * i));
}

/* --- interrupts (4.1.5.3, 4.1.5.4) --- */

static void virtio_pci_isr_update_locked(struct virtio_pci *vp)
{
	pci_intx_set(vp->pci, vp->isr != 0);
}

static void virtio_pci_interrupt(void *ctx, uint8_t bits, uint16_t vector)
{
	struct virtio_pci *vp = ctx;
	bool msix = pci_msix_enabled(vp->pci);

	/* With MSI-X nobody reads the ISR for queues, and the pin is silent. */
	if (!msix || bits & VIRTIO_ISR_CONFIG) {
		pthread_mutex_lock(&vp->isr_lock);
		vp->isr |= bits;
		virtio_pci_isr_update_locked(vp);
		pthread_mutex_unlock(&vp->isr_lock);
	}
	if (msix && vector != VIRTIO_NO_VECTOR)
		pci_msix_fire(vp->pci, vector);
}

static uint8_t virtio_pci_isr_read(struct virtio_pci *vp)
{
	uint8_t isr;

	pthread_mutex_lock(&vp->isr_lock);
	isr = vp->isr;
	vp->isr = 0;
	virtio_pci_isr_update_locked(vp);
	pthread_mutex_unlock(&vp->isr_lock);
	return isr;
}

/* The old face leaves bus mastering to the firmware, and drivers of its time rely on that. */
static bool virtio_pci_master(void *ctx)
{
	struct virtio_pci *vp = ctx;

	return atomic_load(&vp->vdev->legacy) || pci_bus_master(vp->pci);
}

static int virtio_pci_vector_fd(void *ctx, uint16_t vector)
{
	struct virtio_pci *vp = ctx;

	if (!pci_msix_enabled(vp->pci) || vector >= vp->nr_vectors)
		return -1;
	return pci_msix_fd(vp->pci, vector);
}

static uint16_t virtio_pci_vector(const struct virtio_pci *vp, uint64_t val)
{
	return val < vp->nr_vectors ? (uint16_t)val : VIRTIO_NO_VECTOR;
}

/* --- notifications that do not leave the kernel --- */

static void virtio_pci_event_drop(struct virtio_pci *vp, unsigned int index)
{
	if (!vp->has_event[index])
		return;
	vp->has_event[index] = false;
	vp->env->ioeventfd(vp->env->ctx, vp->vdev->vq[index]->kick_fd, &vp->event[index], false);
}

static void virtio_pci_event_add(struct virtio_pci *vp, unsigned int index)
{
	struct dev_ioevent *ev = &vp->event[index];
	int fd = vp->vdev->vq[index]->kick_fd, ret;

	if (atomic_load(&vp->vdev->legacy)) {
		if (!vp->io_mapped)
			return;
		*ev = (struct dev_ioevent){ .kind = BUS_PIO,
					    .addr = vp->io_base + LEGACY_QUEUE_NOTIFY,
					    .len = 2,
					    .match = true,
					    .data = index };
	} else {
		if (!vp->mmio_mapped)
			return;
		*ev = (struct dev_ioevent){ .kind = BUS_MMIO,
					    .addr = vp->mmio_base + VIRTIO_PCI_NOTIFY +
						    index * VIRTIO_PCI_NOTIFY_MULT };
	}
	ret = vp->env->ioeventfd(vp->env->ctx, fd, ev, true);
	if (ret < 0 && ev->kind == BUS_MMIO) { /* a kernel that wants to be told the width */
		ev->len = 2;
		ret = vp->env->ioeventfd(vp->env->ctx, fd, ev, true);
	}
	vp->has_event[index] = ret == 0;
}

static void virtio_pci_events(struct virtio_pci *vp)
{
	unsigned int i;

	for (i = 0; i < vp->vdev->nr_vq && vp->env->ioeventfd; i++) {
		virtio_pci_event_drop(vp, i);
		if (vp->running && atomic_load(&vp->vdev->vq[i]->enabled))
			virtio_pci_event_add(vp, i);
	}
}

static void virtio_pci_running(void *ctx, bool on)
{
	struct virtio_pci *vp = ctx;

	if (!vp->vdev || (!on && !vp->running))
		return;
	vp->running = on;
	virtio_pci_events(vp);
}

static void virtio_pci_bar_moved(void *state, unsigned int bar, uint64_t base, bool mapped)
{
	struct virtio_pci *vp = state;

	if (!vp || (bar != VIRTIO_PCI_BAR_LEGACY && bar != VIRTIO_PCI_BAR_MODERN))
		return;
	pthread_mutex_lock(&vp->vdev->config_lock);
	if (bar == VIRTIO_PCI_BAR_LEGACY) {
		vp->io_base = base;
		vp->io_mapped = mapped;
	} else {
		vp->mmio_base = base;
		vp->mmio_mapped = mapped;
	}
	if (vp->running)
		virtio_pci_events(vp);
	pthread_mutex_unlock(&vp->vdev->config_lock);
}

static const struct virtio_transport virtio_pci_transport = {
	.interrupt = virtio_pci_interrupt,
	.running = virtio_pci_running,
	.master = virtio_pci_master,
	.vector_fd = virtio_pci_vector_fd,
};

/* --- registers common to both faces; under config_lock --- */

static struct virtq *virtio_pci_queue(const struct virtio_pci *vp)
{
	return virtio_queue(vp->vdev, vp->queue_select);
}

/* The selected queue, if its configuration may still be written. */
static struct virtq *virtio_pci_open_queue(const struct virtio_pci *vp)
{
	struct virtq *vq = virtio_pci_queue(vp);

	if (!vq || !atomic_load(&vq->enabled))
		return vq;
	log_guest("%s: queue %u is enabled: its configuration stands", vp->vdev->name, vq->index);
	return NULL;
}

static void virtio_pci_set_queue_vector(struct virtio_pci *vp, uint64_t val)
{
	struct virtq *vq = virtio_pci_queue(vp);

	if (vq)
		atomic_store(&vq->vector, virtio_pci_vector(vp, val));
	virtio_irqs_changed(vp->vdev);
}

/* A new generation of the driver begins with the selectors at zero, too. */
static void virtio_pci_clear(struct virtio_pci *vp)
{
	vp->device_select = vp->driver_select = 0;
	vp->queue_select = 0;
	virtio_pci_isr_read(vp);
}

static void virtio_pci_set_status(struct virtio_pci *vp, uint8_t val)
{
	virtio_set_status(vp->vdev, val);
	if (!val)
		virtio_pci_clear(vp);
}

/* --- virtio 1: the common structure --- */

static void virtio_pci_common_queue(const struct virtio_pci *vp, uint8_t *image)
{
	const struct virtq *vq = virtio_pci_queue(vp);

	/* A queue that is not there has size zero (4.1.4.3.1). */
	if (!vq) {
		virtio_pci_put(image, COMMON_QUEUE_VECTOR, 2, VIRTIO_NO_VECTOR);
		return;
	}
	virtio_pci_put(image, COMMON_QUEUE_SIZE, 2, vq->size);
	virtio_pci_put(image, COMMON_QUEUE_VECTOR, 2, atomic_load(&vq->vector));
	virtio_pci_put(image, COMMON_QUEUE_ENABLE, 2, atomic_load(&vq->enabled));
	virtio_pci_put(image, COMMON_QUEUE_NOTIFY_OFF, 2, vq->index);
	virtio_pci_put(image, COMMON_QUEUE_DESC, 8, vq->desc_gpa);
	virtio_pci_put(image, COMMON_QUEUE_DRIVER, 8, vq->avail_gpa);
	virtio_pci_put(image, COMMON_QUEUE_DEVICE, 8, vq->used_gpa);
}

static uint32_t virtio_pci_half(uint64_t features, uint32_t select)
{
	return select < 2 ? (uint32_t)(features >> (32 * select)) : 0;
}

static uint64_t virtio_pci_common_read(const struct virtio_pci *vp, uint64_t off, uint32_t size)
{
	uint8_t image[VIRTIO_PCI_COMMON_LEN] = { 0 };
	struct virtio *vdev = vp->vdev;

	virtio_pci_put(image, COMMON_DEVICE_FEATURE_SELECT, 4, vp->device_select);
	virtio_pci_put(image, COMMON_DEVICE_FEATURE, 4,
		       virtio_pci_half(virtio_offered(vdev), vp->device_select));
	virtio_pci_put(image, COMMON_DRIVER_FEATURE_SELECT, 4, vp->driver_select);
	virtio_pci_put(image, COMMON_DRIVER_FEATURE, 4,
		       virtio_pci_half(vdev->driver_features, vp->driver_select));
	virtio_pci_put(image, COMMON_CONFIG_VECTOR, 2, atomic_load(&vdev->config_vector));
	virtio_pci_put(image, COMMON_NUM_QUEUES, 2, vdev->nr_vq);
	virtio_pci_put(image, COMMON_STATUS, 1, atomic_load(&vdev->status));
	virtio_pci_put(image, COMMON_GENERATION, 1, atomic_load(&vdev->generation));
	virtio_pci_put(image, COMMON_QUEUE_SELECT, 2, vp->queue_select);
	virtio_pci_common_queue(vp, image);
	return virtio_pci_slice(image, sizeof(image), off, size);
}

static void virtio_pci_queue_write(struct virtio_pci *vp, uint32_t off, uint64_t val)
{
	struct virtq *vq = virtio_pci_open_queue(vp);

	if (!vq)
		return;
	switch (off) {
	case COMMON_QUEUE_SIZE:
		vq->size = (uint16_t)val; /* checked when the queue is enabled */
		break;
	case COMMON_QUEUE_ENABLE:
		if (val == 1)
			virtq_enable(vq);
		break;
	}
}

/* Half of an address, or the whole. */
static void virtio_pci_queue_addr(struct virtio_pci *vp, uint32_t off, uint32_t size, uint64_t val)
{
	struct virtq *vq = virtio_pci_open_queue(vp);
	uint64_t *addr;

	if (!vq)
		return;
	addr = off < COMMON_QUEUE_DRIVER   ? &vq->desc_gpa
	       : off < COMMON_QUEUE_DEVICE ? &vq->avail_gpa
					   : &vq->used_gpa;
	if (size == 8)
		*addr = val;
	else if (off % 8)
		*addr = (*addr & UINT32_MAX) | val << 32;
	else
		*addr = (*addr & ~(uint64_t)UINT32_MAX) | val;
}

static void virtio_pci_common_write4(struct virtio_pci *vp, uint32_t off, uint32_t val)
{
	unsigned int shift = 32 * (vp->driver_select & 1);

	switch (off) {
	case COMMON_DEVICE_FEATURE_SELECT:
		vp->device_select = val;
		break;
	case COMMON_DRIVER_FEATURE_SELECT:
		vp->driver_select = val;
		break;
	case COMMON_DRIVER_FEATURE:
		if (vp->driver_select < 2)
			virtio_driver_features(vp->vdev, (uint64_t)val << shift,
					       (uint64_t)UINT32_MAX << shift);
		break;
	}
}

static void virtio_pci_common_write2(struct virtio_pci *vp, uint32_t off, uint16_t val)
{
	switch (off) {
	case COMMON_CONFIG_VECTOR:
		atomic_store(&vp->vdev->config_vector, virtio_pci_vector(vp, val));
		break;
	case COMMON_QUEUE_SELECT:
		vp->queue_select = val;
		break;
	case COMMON_QUEUE_VECTOR:
		virtio_pci_set_queue_vector(vp, val);
		break;
	default:
		virtio_pci_queue_write(vp, off, val);
	}
}

/* Fields are written whole (4.1.3.1); what is not a field's width is not heard. */
static void virtio_pci_common_write(struct virtio_pci *vp, uint64_t off, uint32_t size,
				    uint64_t val)
{
	if (off >= COMMON_QUEUE_DESC) {
		if (off < VIRTIO_PCI_COMMON_LEN && size >= 4 && off % size == 0)
			virtio_pci_queue_addr(vp, (uint32_t)off, size, val);
	} else if (size == 4) {
		virtio_pci_common_write4(vp, (uint32_t)off, (uint32_t)val);
	} else if (size == 2) {
		virtio_pci_common_write2(vp, (uint32_t)off, (uint16_t)val);
	} else if (size == 1 && off == COMMON_STATUS) {
		virtio_pci_set_status(vp, (uint8_t)val);
	}
}

/* --- the device's own configuration --- */

static void virtio_pci_config(struct virtio_pci *vp, struct bus_access *acc, uint64_t off)
{
	const struct virtio_ops *ops = vp->vdev->ops;

	if (!acc->write)
		acc->data = off < VIRTIO_PCI_PAGE
				    ? ops->config_read(vp->vdev->state, (uint32_t)off, acc->size)
				    : 0;
	else if (ops->config_write && off < VIRTIO_PCI_PAGE)
		ops->config_write(vp->vdev->state, (uint32_t)off, acc->size, acc->data);
}

/* --- BAR 4 --- */

/* Locked: the common structure and the device's. */
static void virtio_pci_modern_locked(struct virtio_pci *vp, struct bus_access *acc)
{
	uint64_t off = acc->off % VIRTIO_PCI_PAGE;

	if (acc->off >= VIRTIO_PCI_DEVICE)
		virtio_pci_config(vp, acc, off);
	else if (acc->write)
		virtio_pci_common_write(vp, off, acc->size, acc->data);
	else
		acc->data = virtio_pci_common_read(vp, off, acc->size);
}

static void virtio_pci_modern(struct virtio_pci *vp, struct bus_access *acc)
{
	uint64_t off = acc->off % VIRTIO_PCI_PAGE;

	switch (acc->off - off) {
	case VIRTIO_PCI_ISR:
		if (!acc->write)
			acc->data = off == 0 ? virtio_pci_isr_read(vp) : 0;
		break;
	case VIRTIO_PCI_NOTIFY:
		if (!acc->write)
			acc->data = 0;
		else if (off % VIRTIO_PCI_NOTIFY_MULT == 0)
			virtio_kick(vp->vdev, (unsigned int)(off / VIRTIO_PCI_NOTIFY_MULT));
		break;
	default:
		pthread_mutex_lock(&vp->vdev->config_lock);
		virtio_pci_modern_locked(vp, acc);
		pthread_mutex_unlock(&vp->vdev->config_lock);
	}
}

/* --- BAR 0: the old face --- */

static uint32_t virtio_pci_legacy_header(const struct virtio_pci *vp)
{
	return pci_msix_enabled(vp->pci) ? LEGACY_CONFIG_MSIX : LEGACY_CONFIG;
}

static uint64_t virtio_pci_legacy_read(struct virtio_pci *vp, uint64_t off, uint32_t size)
{
	const struct virtq *vq = virtio_pci_queue(vp);
	uint8_t image[LEGACY_CONFIG_MSIX] = { 0 };
	struct virtio *vdev = vp->vdev;

	virtio_pci_put(image, LEGACY_DEVICE_FEATURES, 4, virtio_offered(vdev));
	virtio_pci_put(image, LEGACY_DRIVER_FEATURES, 4, vdev->driver_features);
	virtio_pci_put(image, LEGACY_QUEUE_SELECT, 2, vp->queue_select);
	virtio_pci_put(image, LEGACY_STATUS, 1, atomic_load(&vdev->status));
	virtio_pci_put(image, LEGACY_CONFIG_VECTOR, 2, atomic_load(&vdev->config_vector));
	virtio_pci_put(image, LEGACY_QUEUE_VECTOR, 2,
		       vq ? atomic_load(&vq->vector) : VIRTIO_NO_VECTOR);
	if (vq) {
		virtio_pci_put(image, LEGACY_QUEUE_SIZE, 2, vq->max);
		if (atomic_load(&vq->enabled))
			virtio_pci_put(image, LEGACY_QUEUE_PFN, 4,
				       vq->desc_gpa >> LEGACY_PAGE_SHIFT);
	}
	if (off <= LEGACY_ISR && off + size > LEGACY_ISR)
		image[LEGACY_ISR] = virtio_pci_isr_read(vp);
	return virtio_pci_slice(image, virtio_pci_legacy_header(vp), off, size);
}

/* Zero takes the queue away, which drivers of old do one by one: the device begins anew. */
static void virtio_pci_legacy_pfn(struct virtio_pci *vp, uint32_t pfn)
{
	struct virtq *vq;

	if (!pfn) {
		virtio_pci_set_status(vp, 0);
		return;
	}
	vq = virtio_pci_open_queue(vp);
	if (!vq)
		return;
	atomic_store(&vp->vdev->legacy, true);
	vq->size = vq->max;
	virtq_legacy_place(vq, (uint64_t)pfn << LEGACY_PAGE_SHIFT);
	virtq_enable(vq);
}

/* Features come here too, so that a driver that only writes those and DRIVER_OK is known. */
static void virtio_pci_legacy_write4(struct virtio_pci *vp, uint64_t off, uint32_t val)
{
	if (off == LEGACY_QUEUE_PFN) {
		virtio_pci_legacy_pfn(vp, val);
	} else if (off == LEGACY_DRIVER_FEATURES) {
		atomic_store(&vp->vdev->legacy, true);
		virtio_driver_features(vp->vdev, val, UINT64_MAX);
	}
}

static void virtio_pci_legacy_write2(struct virtio_pci *vp, uint64_t off, uint16_t val)
{
	switch (off) {
	case LEGACY_QUEUE_SELECT:
		vp->queue_select = val;
		break;
	case LEGACY_CONFIG_VECTOR:
		atomic_store(&vp->vdev->config_vector, virtio_pci_vector(vp, val));
		break;
	case LEGACY_QUEUE_VECTOR:
		virtio_pci_set_queue_vector(vp, val);
		break;
	}
}

static void virtio_pci_legacy_write(struct virtio_pci *vp, const struct bus_access *acc)
{
	if (acc->size == 4) {
		virtio_pci_legacy_write4(vp, acc->off, (uint32_t)acc->data);
	} else if (acc->size == 2) {
		virtio_pci_legacy_write2(vp, acc->off, (uint16_t)acc->data);
	} else if (acc->size == 1 && acc->off == LEGACY_STATUS) {
		if (acc->data & VIRTIO_STATUS_DRIVER_OK &&
		    !(atomic_load(&vp->vdev->status) & VIRTIO_STATUS_FEATURES_OK))
			atomic_store(&vp->vdev->legacy, true);
		virtio_pci_set_status(vp, (uint8_t)acc->data);
	}
}

static void virtio_pci_legacy(struct virtio_pci *vp, struct bus_access *acc)
{
	uint32_t header = virtio_pci_legacy_header(vp);

	if (acc->write && acc->off == LEGACY_QUEUE_NOTIFY) {
		virtio_kick(vp->vdev, (unsigned int)(acc->data & 0xffff));
		return;
	}
	pthread_mutex_lock(&vp->vdev->config_lock);
	if (acc->off >= header)
		virtio_pci_config(vp, acc, acc->off - header);
	else if (acc->write)
		virtio_pci_legacy_write(vp, acc);
	else
		acc->data = virtio_pci_legacy_read(vp, acc->off, acc->size);
	pthread_mutex_unlock(&vp->vdev->config_lock);
}

static void virtio_pci_bar(void *state, unsigned int bar, struct bus_access *acc)
{
	if (bar == VIRTIO_PCI_BAR_LEGACY)
		virtio_pci_legacy(state, acc);
	else if (bar == VIRTIO_PCI_BAR_MODERN)
		virtio_pci_modern(state, acc);
}

/* --- the window in configuration space (4.1.4.9), for those who cannot reach a BAR --- */

static void virtio_pci_window_data(struct virtio_pci *vp, bool write)
{
	uint64_t len = virtio_pci_slice(vp->window, VIRTIO_PCI_WIN_LEN, VIRTIO_PCI_WIN_LENGTH, 4);
	struct bus_access acc = { .size = (uint32_t)len, .write = write };
	uint8_t bar = vp->window[VIRTIO_PCI_WIN_BAR];

	acc.off = virtio_pci_slice(vp->window, VIRTIO_PCI_WIN_LEN, VIRTIO_PCI_WIN_OFFSET, 4);
	if ((len != 1 && len != 2 && len != 4) || acc.off % len ||
	    acc.off >= (bar == VIRTIO_PCI_BAR_LEGACY ? VIRTIO_PCI_LEGACY_SIZE
						     : VIRTIO_PCI_MODERN_SIZE))
		return;
	if (write)
		acc.data = virtio_pci_slice(vp->window, VIRTIO_PCI_WIN_LEN, VIRTIO_PCI_WIN_DATA,
					    acc.size);
	virtio_pci_bar(vp, bar, &acc);
	if (!write)
		virtio_pci_put(vp->window, VIRTIO_PCI_WIN_DATA, acc.size, acc.data);
}

/* Bytes of the capability the driver may write. */
static bool virtio_pci_window_writable(uint64_t at)
{
	return at == VIRTIO_PCI_WIN_BAR || (at >= VIRTIO_PCI_WIN_OFFSET && at < VIRTIO_PCI_WIN_LEN);
}

static void virtio_pci_window_read(struct virtio_pci *vp, struct bus_access *acc, uint64_t at)
{
	uint32_t i;

	for (i = 0; i < acc->size && at + i < VIRTIO_PCI_WIN_LEN; i++) {
		if (!virtio_pci_window_writable(at + i))
			continue;
		acc->data &= ~(0xffull << (8 * i));
		acc->data |= (uint64_t)vp->window[at + i] << (8 * i);
	}
}

static void virtio_pci_window_write(struct virtio_pci *vp, const struct bus_access *acc,
				    uint64_t at)
{
	uint32_t i;

	for (i = 0; i < acc->size && at + i < VIRTIO_PCI_WIN_LEN; i++) {
		if (virtio_pci_window_writable(at + i))
			vp->window[at + i] = (uint8_t)(acc->data >> (8 * i));
	}
}

static void virtio_pci_cfg(void *state, struct bus_access *acc)
{
	struct virtio_pci *vp = state;
	uint64_t at = acc->off - vp->window_off;
	bool data;

	if (acc->off < vp->window_off || at >= VIRTIO_PCI_WIN_LEN)
		return; /* an access may begin before the capability; its fields are aligned */
	data = at + acc->size > VIRTIO_PCI_WIN_DATA;
	pthread_mutex_lock(&vp->window_lock);
	if (acc->write)
		virtio_pci_window_write(vp, acc, at);
	if (data)
		virtio_pci_window_data(vp, acc->write);
	if (!acc->write)
		virtio_pci_window_read(vp, acc, at);
	pthread_mutex_unlock(&vp->window_lock);
}

/* --- set-up --- */

/* struct virtio_pci_cap without its first two bytes; EXTRA follows it where LEN says so. */
static int virtio_pci_cap(struct pci_dev *pci, uint8_t type, uint32_t off, uint32_t len, bool extra,
			  uint32_t value, struct err *err)
{
	uint8_t body[18] = { 0 };

	body[0] = extra ? 20 : 16;
	body[1] = type;
	body[2] = type == VIRTIO_CAP_PCI ? 0 : VIRTIO_PCI_BAR_MODERN;
	virtio_pci_put(body, 6, 4, off);
	virtio_pci_put(body, 10, 4, len);
	virtio_pci_put(body, 14, 4, value);
	return pci_cap_add(pci, VIRTIO_PCI_CAP_VENDOR, body, extra ? 18 : 14, err);
}

static int virtio_pci_caps(struct virtio_pci *vp, struct err *err)
{
	struct pci_dev *pci = vp->pci;
	int ret;

	if ((ret = virtio_pci_cap(pci, VIRTIO_CAP_COMMON, VIRTIO_PCI_COMMON, VIRTIO_PCI_COMMON_LEN,
				  false, 0, err)) < 0 ||
	    (ret = virtio_pci_cap(pci, VIRTIO_CAP_ISR, VIRTIO_PCI_ISR, 1, false, 0, err)) < 0 ||
	    (ret = virtio_pci_cap(pci, VIRTIO_CAP_DEVICE, VIRTIO_PCI_DEVICE, VIRTIO_PCI_PAGE, false,
				  0, err)) < 0 ||
	    (ret = virtio_pci_cap(pci, VIRTIO_CAP_NOTIFY, VIRTIO_PCI_NOTIFY,
				  vp->vdev->nr_vq * VIRTIO_PCI_NOTIFY_MULT, true,
				  VIRTIO_PCI_NOTIFY_MULT, err)) < 0 ||
	    (ret = virtio_pci_cap(pci, VIRTIO_CAP_PCI, 0, 0, true, 0, err)) < 0)
		return ret;
	vp->window_off = (unsigned int)ret;
	pci_cap_hook(pci, vp->window_off + VIRTIO_PCI_WIN_BAR, 1);
	pci_cap_hook(pci, vp->window_off + VIRTIO_PCI_WIN_OFFSET,
		     VIRTIO_PCI_WIN_LEN - VIRTIO_PCI_WIN_OFFSET);
	return 0;
}

/* 4.1.2.1: the numbers of the transitional devices. */
static uint16_t virtio_pci_device_id(uint16_t id)
{
	static const uint16_t old[] = {
		[VIRTIO_ID_NET] = 0x1000,     [VIRTIO_ID_BLOCK] = 0x1001,
		[VIRTIO_ID_BALLOON] = 0x1002, [VIRTIO_ID_CONSOLE] = 0x1003,
		[VIRTIO_ID_ENTROPY] = 0x1005,
	};

	return id < sizeof(old) / sizeof(old[0]) && old[id] ? old[id] : 0x1040 + id;
}

static int virtio_pci_setup(struct virtio_pci *vp, const struct virtio_ops *ops, struct err *err)
{
	const struct pci_ident ident = {
		.vendor = VIRTIO_PCI_VENDOR,
		.device = virtio_pci_device_id(ops->id),
		.subsys_vendor = VIRTIO_PCI_VENDOR,
		.subsys = ops->id,
		.class_code = ops->class_code,
		.revision = 0,
		.intx = true,
	};
	int ret;

	vp->nr_vectors = vp->vdev->nr_vq + 1;
	if (vp->nr_vectors > VIRTIO_PCI_MAX_VECTORS)
		vp->nr_vectors = VIRTIO_PCI_MAX_VECTORS;
	pci_ident_set(vp->pci, &ident);
	if ((ret = pci_bar_add(vp->pci, VIRTIO_PCI_BAR_LEGACY, BUS_PIO, false, false,
			       VIRTIO_PCI_LEGACY_SIZE, err)) < 0 ||
	    (ret = pci_bar_add(vp->pci, VIRTIO_PCI_BAR_MSIX, BUS_MMIO, false, false,
			       VIRTIO_PCI_MSIX_SIZE, err)) < 0 ||
	    (ret = pci_bar_add(vp->pci, VIRTIO_PCI_BAR_MODERN, BUS_MMIO, true, true,
			       VIRTIO_PCI_MODERN_SIZE, err)) < 0 ||
	    (ret = pci_msix_add(vp->pci, vp->nr_vectors, VIRTIO_PCI_BAR_MSIX, 0,
				VIRTIO_PCI_MSIX_PBA, err)) < 0)
		return ret;
	return virtio_pci_caps(vp, err);
}

static void virtio_pci_exit(void *state)
{
	struct virtio_pci *vp = state;

	virtio_destroy(vp->vdev);
	pthread_mutex_destroy(&vp->window_lock);
	pthread_mutex_destroy(&vp->isr_lock);
	free(vp);
}

static int virtio_pci_init(const struct dev_env *env, struct pci_dev *pci, const void *config,
			   void **state, struct err *err)
{
	const struct virtio_plug *plug = config;
	struct virtio_pci *vp = calloc(1, sizeof(*vp));
	int ret;

	if (!vp)
		return err_sys(err, ENOMEM, "%s", pci_name(pci));
	vp->pci = pci;
	vp->env = env;
	pthread_mutex_init(&vp->window_lock, NULL);
	pthread_mutex_init(&vp->isr_lock, NULL);
	ret = virtio_create(env, plug, pci_name(pci), &virtio_pci_transport, vp, &vp->vdev, err);
	if (ret == 0)
		ret = virtio_pci_setup(vp, plug->ops, err);
	if (ret < 0) {
		virtio_pci_exit(vp);
		return ret;
	}
	*state = vp;
	return 0;
}

static void virtio_pci_reset(void *state)
{
	struct virtio_pci *vp = state;

	pthread_mutex_lock(&vp->vdev->config_lock);
	virtio_reset(vp->vdev);
	virtio_pci_clear(vp);
	pthread_mutex_unlock(&vp->vdev->config_lock);
	pthread_mutex_lock(&vp->window_lock);
	memset(vp->window, 0, sizeof(vp->window));
	pthread_mutex_unlock(&vp->window_lock);
}

static void virtio_pci_describe(void *state, struct dev_rows *rows)
{
	struct virtio_pci *vp = state;

	virtio_describe(vp->vdev, rows);
}

static void virtio_pci_hold(void *state, bool on)
{
	struct virtio_pci *vp = state;

	virtio_hold_all(vp->vdev, on);
}

static void virtio_pci_pause(void *state, bool on)
{
	struct virtio_pci *vp = state;

	virtio_pause(vp->vdev, on);
}

static void virtio_pci_msix_changed(void *state)
{
	struct virtio_pci *vp = state;

	if (!vp || !vp->vdev)
		return;
	pthread_mutex_lock(&vp->vdev->config_lock);
	virtio_irqs_changed(vp->vdev);
	pthread_mutex_unlock(&vp->vdev->config_lock);
}

static void virtio_pci_save(void *state, struct buf *out)
{
	struct virtio_pci *vp = state;

	dev_save_u32(out, vp->device_select);
	dev_save_u32(out, vp->driver_select);
	dev_save_u32(out, vp->queue_select);
	dev_save_bytes(out, vp->window, sizeof(vp->window));
	pthread_mutex_lock(&vp->isr_lock);
	dev_save_u8(out, vp->isr);
	pthread_mutex_unlock(&vp->isr_lock);
	virtio_save(vp->vdev, out);
}

static int virtio_pci_load(void *state, struct dev_state_in *in, struct err *err)
{
	struct virtio_pci *vp = state;
	int ret;

	pthread_mutex_lock(&vp->vdev->config_lock);
	vp->device_select = dev_load_u32(in);
	vp->driver_select = dev_load_u32(in);
	vp->queue_select = (uint16_t)dev_load_u32(in);
	dev_load_bytes(in, vp->window, sizeof(vp->window));
	pthread_mutex_lock(&vp->isr_lock);
	vp->isr = dev_load_u8(in);
	virtio_pci_isr_update_locked(vp);
	pthread_mutex_unlock(&vp->isr_lock);
	ret = virtio_load(vp->vdev, in, err);
	pthread_mutex_unlock(&vp->vdev->config_lock);
	return ret;
}

struct virtio *virtio_pci_device(void *state)
{
	struct virtio_pci *vp = state;

	return vp->vdev;
}

const struct pci_ops virtio_pci_ops = {
	.name = "virtio-pci",
	.init = virtio_pci_init,
	.reset = virtio_pci_reset,
	.exit = virtio_pci_exit,
	.describe = virtio_pci_describe,
	.save = virtio_pci_save,
	.load = virtio_pci_load,
	.hold = virtio_pci_hold,
	.pause = virtio_pci_pause,
	.msix_changed = virtio_pci_msix_changed,
	.bar = virtio_pci_bar,
	.bar_moved = virtio_pci_bar_moved,
	.cfg = virtio_pci_cfg,
};
