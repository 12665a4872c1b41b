/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The driver's side of a virtio device, for tests: one device behind
 * virtio-pci.c on a fake bus, 640 KiB of guest memory, rings at fixed places.
 * It does what it is told, right or wrong.
 */
#ifndef VITRINE_TESTS_VIRTIO_DRIVER_H
#define VITRINE_TESTS_VIRTIO_DRIVER_H

#include "fake-env.h"
#include "fake-pci.h"
#include "vmm/virtio/virtio.h"

#define VDRV_QUEUES    16
#define VDRV_DATA      0x40000 /* gpa: for the test's buffers, up to VDRV_END */
#define VDRV_END       0xa0000
#define VDRV_BAR       4 /* modern */
#define VDRV_NOTIFY    0x3000
#define VDRV_CONFIG    0x2000
#define VDRV_ISR       0x1000
#define VDRV_NEXT      1
#define VDRV_WRITE     2
#define VDRV_INDIRECT  4
#define VDRV_TIMEOUT_S 20

struct vdrv_desc {
	uint64_t addr;
	uint32_t len;
	uint16_t flags, next;
};

struct vdrv_used {
	uint32_t id, len;
};

struct vdrv_queue {
	unsigned int size;
	uint64_t desc, avail, used;	/* gpa */
	uint16_t next_avail, last_used; /* free-running */
	uint16_t next_desc;
};

struct vdrv {
	struct fake_env *fake;
	struct pci_dev *pci;
	struct virtio *vdev; /* of the device itself, for tests of the core */
	struct virtio_plug plug;
	bool legacy;
	uint64_t features;
	struct vdrv_queue q[VDRV_QUEUES];
	unsigned int nr;
};

/* A buffer: WRITE is the device's right. */
struct vdrv_seg {
	uint64_t gpa;
	uint32_t len;
	bool write;
};

struct vdrv *vdrv_new(const struct virtio_ops *ops, const void *config);
void vdrv_free(struct vdrv *drv);
/* Registers of BAR 4 (0x2000.. is the device's configuration) or, for the old face, BAR 0. */
uint64_t vdrv_get(struct vdrv *drv, uint64_t off, uint32_t size);
void vdrv_set(struct vdrv *drv, uint64_t off, uint32_t size, uint64_t val);
uint8_t vdrv_status(struct vdrv *drv);
/* Reset, negotiate FEATURES (with VERSION_1 on the new face), place queues of SIZE, DRIVER_OK. */
void vdrv_reset(struct vdrv *drv);
void vdrv_negotiate(struct vdrv *drv, uint64_t features);
void vdrv_place(struct vdrv *drv, unsigned int queue, unsigned int size);
void vdrv_enable(struct vdrv *drv, unsigned int queue);
void vdrv_start(struct vdrv *drv, uint64_t features, unsigned int size);
void vdrv_start_legacy(struct vdrv *drv, uint32_t features);
/* Guest memory. */
void *vdrv_mem(struct vdrv *drv, uint64_t gpa);
struct vdrv_desc *vdrv_desc(struct vdrv *drv, unsigned int queue, unsigned int index);
/* Make a chain of NR buffers in the next descriptors; its head. */
uint16_t vdrv_chain(struct vdrv *drv, unsigned int queue, const struct vdrv_seg *seg,
		    unsigned int nr);
/* Put HEAD into the available ring and move its index. */
void vdrv_offer(struct vdrv *drv, unsigned int queue, uint16_t head);
void vdrv_kick(struct vdrv *drv, unsigned int queue);
/* All of the above at once: chain, offer, kick. */
uint16_t vdrv_add(struct vdrv *drv, unsigned int queue, const struct vdrv_seg *seg,
		  unsigned int nr);
/* The next used element, waited for; false after a long time. */
bool vdrv_wait(struct vdrv *drv, unsigned int queue, struct vdrv_used *out);
/* Wait until the device says that it needs a reset. */
bool vdrv_wait_broken(struct vdrv *drv);
/* Wait until the worker has nothing to do: kicks given so far have been looked at. */
void vdrv_settle(struct vdrv *drv);
/* The value of the row LABEL on the screen, or "". */
const char *vdrv_row(struct vdrv *drv, const char *label);

#endif
